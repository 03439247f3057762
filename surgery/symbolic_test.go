package surgery

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// meaning writes down what a graph computes: for every output a hash of the expression of operators, attributes, constants and inputs behind it. It knows names only
// as the ties between nodes, and is found by recursion from the outputs, so that neither names nor the order of nodes matter to it, nor what is not needed. The
// inputs are told apart by what leaf returns for their names; it is called for those that are needed only.
func meaning(m *onnxpb.ModelProto, leaf func(string) string) []string {
	return meaningOf(m, outputNames(m.GetGraph()), nil, leaf)
}

// meaningOf is meaning for any values of the main graph, with some of its values taken for inputs.
func meaningOf(m *onnxpb.ModelProto, values, given []string, leaf func(string) string) []string {
	functions := map[functionID]*onnxpb.FunctionProto{}
	for _, f := range m.GetFunctions() {
		functions[functionOf(f)] = f
	}
	s := &symbolic{functions: functions}
	e := s.scope(nil, m.GetGraph(), func(i int, name string) string { return "input " + leaf(name) })
	for _, name := range given {
		delete(e.known, name)
		e.made[name] = func() string { return "input " + leaf(name) }
	}
	var out []string
	for _, name := range values {
		out = append(out, e.value(name))
	}
	return out
}

type symbolic struct {
	functions map[functionID]*onnxpb.FunctionProto
}

type symbolicScope struct {
	s      *symbolic
	parent *symbolicScope
	known  map[string]string
	made   map[string]func() string
}

func hashOf(parts ...any) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprintf("%q", parts))))[:16]
}

func (s *symbolic) scope(parent *symbolicScope, g *onnxpb.GraphProto, input func(int, string) string) *symbolicScope {
	e := &symbolicScope{s: s, parent: parent, known: map[string]string{}, made: map[string]func() string{}}
	for i, v := range g.GetInput() {
		e.made[v.GetName()] = func() string { return input(i, v.GetName()) }
	}
	for _, t := range g.GetInitializer() {
		c := proto.Clone(t).(*onnxpb.TensorProto)
		c.Name = nil
		c.ProtoReflect().SetUnknown(nil)
		b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(c)
		e.known[t.GetName()] = hashOf("constant", b)
	}
	for _, t := range g.GetSparseInitializer() {
		e.known[t.GetValues().GetName()] = hashOf("sparse", t.GetValues().GetRawData(), t.GetIndices().GetRawData(), t.GetDims())
	}
	e.nodes(g.GetNode())
	return e
}

func (e *symbolicScope) nodes(nodes []*onnxpb.NodeProto) {
	for _, n := range nodes {
		for i, o := range n.GetOutput() {
			e.made[o] = func() string { return e.node(n, i) }
		}
	}
}

func (e *symbolicScope) value(name string) string {
	if name == "" {
		return "none"
	}
	for s := e; s != nil; s = s.parent {
		if v, ok := s.known[name]; ok {
			return v
		}
		if f := s.made[name]; f != nil {
			s.known[name] = "cycle"
			v := f()
			s.known[name] = v
			return v
		}
	}
	return "undefined " + name
}

func (e *symbolicScope) node(n *onnxpb.NodeProto, output int) string {
	parts := []any{n.GetDomain(), n.GetOpType(), output}
	if output >= 0 && len(n.GetOutput()) == 0 {
		return "nothing"
	}
	var args []string
	for _, in := range n.GetInput() {
		args = append(args, e.value(in))
	}
	if f := e.s.functions[callOf(n)]; f != nil {
		body := &symbolicScope{s: e.s, known: map[string]string{}, made: map[string]func() string{}}
		for i, p := range f.GetInput() {
			body.known[p] = args[i]
		}
		body.nodes(f.GetNode())
		parts = append(parts, body.value(f.GetOutput()[output]))
	}
	parts = append(parts, args)
	for _, a := range n.GetAttribute() {
		if n.GetOpType() == "Gradient" { // its attributes name values
			for _, name := range append(a.GetStrings(), a.GetS()) {
				parts = append(parts, a.GetName(), e.value(string(name)))
			}
			continue
		}
		if a.G == nil {
			c := proto.Clone(a).(*onnxpb.AttributeProto)
			b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(c)
			parts = append(parts, b)
			continue
		}
		sub := e.s.scope(e, a.G, func(i int, _ string) string { return fmt.Sprint("argument ", i) })
		for _, o := range a.G.GetOutput() {
			parts = append(parts, a.GetName(), sub.value(o.GetName()))
		}
	}
	return hashOf(parts...)
}

// randomModel makes a small valid model: float tensors of one shape, Adds, Muls, Negs, Splits of two outputs and Ifs with branches that capture, nested
// up to twice, which use the same local names over again. Its inputs are all needed; nodes and initializers are not.
func randomModel(r *rand.Rand) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("random")}
	b := &randomBuilder{r: r, shape: []onnxpb.Dim{{}, onnxpb.Number(2)}}
	var names []string
	for i := 0; i <= r.IntN(3); i++ {
		v := onnxpb.TensorValue(fmt.Sprintf("in%d", i), tFloat, b.shape)
		g.Input = append(g.Input, v)
		names = append(names, v.GetName())
	}
	g.Initializer = append(g.Initializer, onnxpb.TensorOf("cond", []int64{}, []bool{true}))
	for i := 0; i <= r.IntN(3); i++ {
		t := floats(fmt.Sprintf("c%d", i), []int64{2, 2}, float32(i), 1, 2, 3)
		g.Initializer = append(g.Initializer, t)
		names = append(names, t.GetName())
	}
	g.Node, names = b.nodes(names, "v", 3+r.IntN(8), 2)
	outputs := map[string]bool{}
	for i := 0; i <= r.IntN(3); i++ {
		// Early values as well as late ones, so that there are dead ends.
		if name := names[len(g.Input)+r.IntN(len(names)-len(g.Input))]; !outputs[name] {
			outputs[name] = true
		}
	}
	for _, v := range g.Input {
		// A sum over the inputs needs them all.
		last := names[r.IntN(len(names))]
		out := "use_" + v.GetName()
		g.Node = append(g.Node, onnxpb.Node("Add", "", []string{v.GetName(), last}, []string{out}))
		outputs[out] = true
		names = append(names, out)
	}
	for _, name := range names {
		v := onnxpb.TensorValue(name, tFloat, b.shape)
		switch {
		case outputs[name]:
			g.Output = append(g.Output, v)
		case name[0] == 'v' || name[0] == 'u':
			g.ValueInfo = append(g.ValueInfo, v)
		}
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
}

type randomBuilder struct {
	r     *rand.Rand
	shape []onnxpb.Dim
	count int
}

// nodes makes nodes that read the values in scope, and returns all values in scope behind them.
func (b *randomBuilder) nodes(scope []string, prefix string, n, depth int) ([]*onnxpb.NodeProto, []string) {
	scope = scope[:len(scope):len(scope)]
	pick := func() string { return scope[b.r.IntN(len(scope))] }
	var out []*onnxpb.NodeProto
	for i := 0; i < n; i++ {
		b.count++
		name, node := fmt.Sprintf("%s%d", prefix, i), fmt.Sprintf("n%d", b.count)
		switch k := b.r.IntN(6); {
		case k < 2:
			out = append(out, onnxpb.Node("Add", node, []string{pick(), pick()}, []string{name}))
		case k < 3:
			out = append(out, onnxpb.Node("Mul", node, []string{pick(), pick()}, []string{name}))
		case k < 4 || depth == 0:
			out = append(out, onnxpb.Node("Neg", "", []string{pick()}, []string{name}))
		case k < 5:
			out = append(out, onnxpb.Node("Split", node, []string{pick()}, []string{name, name + "b"}, onnxpb.Int("axis", 0)))
			scope = append(scope, name+"b")
		default:
			branch := func() *onnxpb.GraphProto {
				// Both branches call their values the same.
				nodes, all := b.nodes(scope, prefix+"_", 1+b.r.IntN(3), depth-1)
				return &onnxpb.GraphProto{Name: proto.String("branch"), Node: nodes,
					Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue(all[len(all)-1], tFloat, b.shape)}}
			}
			out = append(out, onnxpb.Node("If", node, []string{"cond"}, []string{name}, onnxpb.GraphAttr("then_branch", branch()), onnxpb.GraphAttr("else_branch", branch())))
		}
		scope = append(scope, name)
	}
	return out, scope
}

// eachRandom runs a test on random models.
func eachRandom(t *testing.T, n int, test func(t *testing.T, m *onnxpb.ModelProto, r *rand.Rand)) {
	t.Helper()
	for seed := 0; seed < n; seed++ {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		m := randomModel(r)
		valid(t, m, fmt.Sprintf("random model %d", seed))
		t.Run(fmt.Sprint(seed), func(t *testing.T) { test(t, m, r) })
		if t.Failed() {
			return
		}
	}
}
