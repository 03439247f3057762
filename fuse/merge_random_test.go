package fuse_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// operators that random models are made of, on numbers: the arithmetic that a merged model is held to.
var operators = []struct {
	name  string
	arity int
	of    func(a, b float64) float64
}{
	{"Add", 2, func(a, b float64) float64 { return a + b }},
	{"Sub", 2, func(a, b float64) float64 { return a - b }},
	{"Max", 2, math.Max},
	{"Neg", 1, func(a, _ float64) float64 { return -a }},
	{"Abs", 1, func(a, _ float64) float64 { return math.Abs(a) }},
	{"Identity", 1, func(a, _ float64) float64 { return a }},
}

func apply(op string, args []float64) float64 {
	for _, o := range operators {
		if o.name == op {
			return o.of(args[0], args[len(args)-1])
		}
	}
	panic(op)
}

// randomModel has names drawn from few, so that models collide, and now and then an If whose branches capture values.
func randomModel(t testing.TB, r *rand.Rand) *onnxpb.ModelProto {
	m := mini(t, "c:bool[] ->")
	names := r.Perm(50)
	next := func() string { n := fmt.Sprintf("v%d", names[0]); names = names[1:]; return n }
	var values []string
	for range 1 + r.IntN(3) {
		n := next()
		m.Graph.Input = append(m.Graph.Input, value(t, n+"[]"))
		values = append(values, n)
	}
	pick := func() string { return values[r.IntN(len(values))] }
	call := func(out string) *onnxpb.NodeProto {
		o := operators[r.IntN(len(operators))]
		in := []string{pick(), pick()}
		return onnxpb.Node(o.name, "node_"+out, in[:o.arity], []string{out})
	}
	for range 3 + r.IntN(6) {
		out := next()
		if r.IntN(4) > 0 {
			m.Graph.Node = append(m.Graph.Node, call(out))
		} else {
			branch := func() *onnxpb.GraphProto {
				inner, result := next(), next()
				g := mini(t, "-> "+result+"[]").Graph
				g.Node = []*onnxpb.NodeProto{call(inner), onnxpb.Node("Neg", "", []string{inner}, []string{result})}
				return g
			}
			m.Graph.Node = append(m.Graph.Node, onnxpb.Node("If", "node_"+out, []string{"c"}, []string{out}, onnxpb.GraphAttr("then_branch", branch()),
				onnxpb.GraphAttr("else_branch", branch())))
		}
		values = append(values, out)
	}
	for range 1 + r.IntN(3) {
		out := m.Graph.Node[r.IntN(len(m.Graph.Node))].Output[0]
		already := false
		for _, v := range m.Graph.Output {
			already = already || v.GetName() == out
		}
		if !already {
			m.Graph.Output = append(m.Graph.Output, value(t, out+"[]"))
		}
	}
	return m
}

// evaluator computes values of models that are joined but not merged, by following names from what is asked for to what it is made of.
type evaluator struct {
	models []fuse.Input
	source map[fuse.End]fuse.End
	inputs map[fuse.End]float64 // 1 and 0 for a condition
	open   map[fuse.End]bool
	cycle  bool
}

func (e *evaluator) model(name string) *onnxpb.ModelProto {
	for _, in := range e.models {
		if in.Name == name {
			return in.Model
		}
	}
	return nil
}

func (e *evaluator) value(v fuse.End) float64 {
	if s, ok := e.source[v]; ok {
		return e.guarded(v, func() float64 { return e.value(s) })
	}
	if x, ok := e.inputs[v]; ok {
		return x
	}
	for _, n := range e.model(v.Model).Graph.Node {
		if n.Output[0] == v.Tensor {
			return e.guarded(v, func() float64 { return e.node(v.Model, n, nil) })
		}
	}
	panic("no value " + v.String())
}

// guarded notes a value that is needed for itself.
func (e *evaluator) guarded(v fuse.End, fn func() float64) float64 {
	if e.open[v] {
		e.cycle = true
	}
	if e.cycle {
		return 0
	}
	e.open[v] = true
	defer delete(e.open, v)
	return fn()
}

// node computes a node; inner holds the values of the subgraph around it.
func (e *evaluator) node(model string, n *onnxpb.NodeProto, inner map[string]float64) float64 {
	get := func(name string) float64 {
		if x, ok := inner[name]; ok {
			return x
		}
		return e.value(fuse.End{Model: model, Tensor: name})
	}
	if n.GetOpType() != "If" {
		var args []float64
		for _, in := range n.Input {
			args = append(args, get(in))
		}
		return apply(n.GetOpType(), args)
	}
	cond := get(n.Input[0]) != 0
	var result float64
	// Both branches are computed, so that a cycle through the one not taken is seen as well.
	for i, name := range []string{"then_branch", "else_branch"} {
		g := n.Attr(name).G
		own := map[string]float64{}
		for _, sub := range g.Node {
			own[sub.Output[0]] = e.node(model, sub, own)
		}
		if cond == (i == 0) {
			result = own[g.Output[0].GetName()]
		}
	}
	return result
}

// execute runs a merged model node by node in the order in which they stand.
func execute(t *testing.T, m *onnxpb.ModelProto, values map[string]float64) map[string]float64 {
	t.Helper()
	var run func(nodes []*onnxpb.NodeProto)
	run = func(nodes []*onnxpb.NodeProto) {
		for _, n := range nodes {
			var args []float64
			for _, in := range n.Input {
				x, ok := values[in]
				if !ok {
					t.Fatalf("%s is read before it is made:\n%s", in, show(m))
				}
				args = append(args, x)
			}
			if n.GetOpType() != "If" {
				values[n.Output[0]] = apply(n.GetOpType(), args)
				continue
			}
			g := n.Attr("else_branch").G
			if args[0] != 0 {
				g = n.Attr("then_branch").G
			}
			run(g.Node)
			values[n.Output[0]] = values[g.Output[0].GetName()]
		}
	}
	run(m.Graph.Node)
	return values
}

// TestMergeRandomModels joins random models at random and holds every output of the merged model to what plain arithmetic makes of the models as they were; a
// merge is refused exactly where the values go round in a circle.
func TestMergeRandomModels(t *testing.T) {
	merged, cycles := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var models []fuse.Input
		for i := range 2 + r.IntN(3) {
			in := fuse.Input{Name: string(rune('a' + i)), Model: randomModel(t, r)}
			if r.IntN(4) == 0 {
				in.Prefix = ptr(in.Name + "/")
			}
			models = append(models, in)
		}
		e := &evaluator{models: models, source: map[fuse.End]fuse.End{}, inputs: map[fuse.End]float64{}, open: map[fuse.End]bool{}}
		var o fuse.MergeOptions
		var all []fuse.End // every value of every main graph
		type interfaceInput struct{ end fuse.End }
		var left []interfaceInput
		for _, in := range models {
			for _, n := range in.Model.Graph.Node {
				all = append(all, fuse.End{Model: in.Name, Tensor: n.Output[0]})
			}
			for _, v := range in.Model.Graph.Input[1:] {
				all = append(all, fuse.End{Model: in.Name, Tensor: v.GetName()})
			}
		}
		for _, in := range models {
			for i, v := range in.Model.Graph.Input {
				to := fuse.End{Model: in.Name, Tensor: v.GetName()}
				if from := all[r.IntN(len(all))]; i > 0 && r.IntN(2) == 0 && from != to {
					e.source[to] = from
					o.Connect = append(o.Connect, fuse.Connection{From: from, To: to})
					continue
				}
				e.inputs[to] = float64(r.IntN(100))
				if i == 0 {
					e.inputs[to] = float64(r.IntN(2))
				}
				left = append(left, interfaceInput{to})
			}
		}
		r.Shuffle(len(o.Connect), func(i, j int) { o.Connect[i], o.Connect[j] = o.Connect[j], o.Connect[i] })
		for i := range r.IntN(5) { // none: all that are left over
			o.Outputs = append(o.Outputs, fuse.OutputSpec{End: all[r.IntN(len(all))], As: fmt.Sprintf("v%d", i)})
		}
		asked := o.Outputs
		if len(asked) == 0 {
			consumed := map[fuse.End]bool{}
			for _, c := range o.Connect {
				consumed[c.From] = true
			}
			for _, in := range models {
				for _, v := range in.Model.Graph.Output {
					if end := (fuse.End{Model: in.Name, Tensor: v.GetName()}); !consumed[end] {
						asked = append(asked, fuse.OutputSpec{End: end})
					}
				}
			}
		}
		for _, v := range all {
			e.value(v)
		}
		m, _, err := tryMerge(t, models, o)
		if e.cycle || len(asked) == 0 {
			want := onnxpb.Refused
			if !e.cycle {
				want = onnxpb.Usage
			}
			if err == nil || onnxpb.KindOf(err) != want {
				t.Fatalf("seed %d: error %v, want one of kind %v", seed, err, want)
			}
			cycles++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		mustPass(t, m)
		if len(m.Graph.Input) != len(left) || len(m.Graph.Output) != len(asked) {
			t.Fatalf("seed %d: %d inputs and %d outputs, want %d and %d", seed, len(m.Graph.Input), len(m.Graph.Output), len(left), len(asked))
		}
		values := map[string]float64{}
		for i, in := range left {
			values[m.Graph.Input[i].GetName()] = e.inputs[in.end]
		}
		values = execute(t, m, values)
		for i, a := range asked {
			name := m.Graph.Output[i].GetName()
			if a.As != "" && a.As != name {
				t.Errorf("seed %d: output %s is called %s", seed, a.As, name)
			}
			if got, want := values[name], e.value(a.End); got != want {
				t.Fatalf("seed %d: %s is %v, want %v:\n%s", seed, a.End, got, want, show(m))
			}
		}
		merged++
	}
	if merged < 500 || cycles < 500 {
		t.Errorf("%d merged, %d refused: the models are not as varied as they should be", merged, cycles)
	}
}
