package surgery_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// mixedModel makes a model, and tells where the batch is in its inputs.
func mixedModel(seed uint64) (*onnxpb.ModelProto, *mixer) {
	w := &mixer{wild: wild{rng: rand.New(rand.NewPCG(seed, 23))}}
	r := w.rng
	w.opset = []int64{8, 11, 13, 17, 18, 21}[r.IntN(6)]
	w.b.opset = w.opset
	w.batch = []int64{1, 1, 1, 1, 1, 3}[r.IntN(6)]
	w.options.Axes = map[string]int{}
	sizes := []int64{1, 2, 3, 4}
	r.Shuffle(4, func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	tail := sizes[:1+r.IntN(3)]
	shapeOf := func() []int64 {
		d := slices.Clone(tail[r.IntN(len(tail)):])
		if r.IntN(3) == 0 {
			d = slices.Clone(tail[:r.IntN(len(tail)+1)])
		}
		return d
	}
	behind := r.IntN(6) == 0
	for i := range 1 + r.IntN(3) {
		name := []string{"x", "z", "v"}[i]
		d := shapeOf()
		if i == 0 {
			d = slices.Clone(tail)
		}
		at := 0
		if behind && len(d) > 0 && r.IntN(2) == 0 {
			at = 1 + r.IntN(len(d))
			w.options.Axes[name] = at
		}
		d = slices.Insert(d, at, w.batch)
		w.values = append(w.values, wildValue{name, d})
		if i == 0 {
			w.b.x = nums(d...)
		} else {
			w.b.more = append(w.b.more, onnxpb.TensorValue(name, tFloat, nums(d...)))
		}
	}
	if r.IntN(3) == 0 {
		d := []int64{w.batch, int64(1 + r.IntN(3))}[:1+r.IntN(2)]
		w.ints = append(w.ints, wildValue{"i", d})
		w.b.more = append(w.b.more, onnxpb.TensorValue("i", onnxpb.TensorProto_INT64, nums(d...)))
	}
	inputs := len(w.values)
	for goal := inputs + 3 + r.IntN(7); len(w.values) < goal; {
		w.step()
	}
	m := w.b.model()
	m.Graph.Output = nil
	m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue(w.last().name, tFloat, nums(w.last().dims...)))
	if made := w.values[inputs : len(w.values)-1]; r.IntN(3) == 0 && len(made) > 0 {
		v := made[r.IntN(len(made))]
		m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue(v.name, tFloat, nums(v.dims...)))
	}
	w.wrap(m)
	return m, w
}

// wrap puts the last nodes into a subgraph or a function.
func (w *mixer) wrap(m *onnxpb.ModelProto) {
	g, r := m.Graph, w.rng
	if len(g.Output) > 1 || r.IntN(3) > 0 {
		return
	}
	from := r.IntN(len(g.Node))
	part := g.Node[from:]
	out := g.Output[0]
	if !slices.ContainsFunc(part, func(n *onnxpb.NodeProto) bool { return slices.Contains(n.Output, out.GetName()) }) {
		return
	}
	inner := proto.Clone(out).(*onnxpb.ValueInfoProto)
	body := &onnxpb.GraphProto{Name: proto.String("body"), Node: slices.Clone(part), Output: []*onnxpb.ValueInfoProto{inner}}
	rename := func(b *onnxpb.GraphProto, suffix string) {
		made := map[string]bool{}
		for _, n := range b.Node {
			for _, o := range n.Output {
				made[o] = true
			}
		}
		for _, n := range b.Node {
			for i, o := range n.Output {
				n.Output[i] = o + suffix
			}
			for i, o := range n.Input {
				if made[o] {
					n.Input[i] = o + suffix
				}
			}
			n.Name = proto.String(n.GetName() + suffix)
		}
		for _, o := range b.Output {
			o.Name = proto.String(o.GetName() + suffix)
		}
	}
	body = proto.Clone(body).(*onnxpb.GraphProto)
	switch r.IntN(3) {
	case 0:
		other := proto.Clone(body).(*onnxpb.GraphProto)
		rename(body, "_then")
		rename(other, "_else")
		other.Node = append(other.Node, onnxpb.Node("Neg", "minus", []string{other.Output[0].GetName()}, []string{"minus"}))
		other.Output[0].Name = proto.String("minus")
		c := "cond"
		if r.IntN(2) == 0 {
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(c, nil, []bool{r.IntN(2) == 0}))
		} else {
			g.Input = append(g.Input, onnxpb.TensorValue(c, onnxpb.TensorProto_BOOL, nums()))
		}
		g.Node = append(g.Node[:from:from], onnxpb.Node("If", "if", []string{c}, []string{out.GetName()}, onnxpb.GraphAttr("then_branch", body), onnxpb.GraphAttr("else_branch", other)))
	case 1:
		if w.opset < 11 { // whose Loop needs a state
			return
		}
		rename(body, "_in")
		body.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("iter", onnxpb.TensorProto_INT64, nums()), onnxpb.TensorValue("go", onnxpb.TensorProto_BOOL, nums())}
		body.Node = append(body.Node, onnxpb.Node("Identity", "again", []string{"go"}, []string{"again"}))
		body.Output = append([]*onnxpb.ValueInfoProto{onnxpb.TensorValue("again", onnxpb.TensorProto_BOOL, nums())}, body.Output...)
		g.Initializer = append(g.Initializer, scalar("trips", 2), onnxpb.TensorOf("yes", nil, []bool{true}))
		scan := out.GetName()
		dims, _ := out.Shape()
		g.Node = append(g.Node[:from:from], onnxpb.Node("Loop", "loop", []string{"trips", "yes"}, []string{scan}, onnxpb.GraphAttr("body", body)))
		g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(scan, tFloat, append(nums(2), dims...))}
	case 2:
		made, takes := map[string]bool{}, []string{}
		for _, n := range body.Node {
			for _, in := range n.Input {
				if !made[in] && !slices.Contains(takes, in) {
					takes = append(takes, in)
				}
			}
			for _, o := range n.Output {
				made[o] = true
			}
		}
		f := &onnxpb.FunctionProto{Name: proto.String("F"), Domain: proto.String("local"), Input: takes, Output: []string{out.GetName()}, Node: body.Node, OpsetImport: m.OpsetImport}
		m.OpsetImport = append(slices.Clone(m.OpsetImport), onnxpb.Opset("local", 1))
		m.Functions = append(m.Functions, f)
		call := onnxpb.Node("F", "call", takes, []string{out.GetName()})
		call.Domain = proto.String("local")
		g.Node = append(g.Node[:from:from], call)
	}
}

// TestSetBatchOnMixedGraphs holds what is freed of such graphs to their rows in ONNX Runtime.
func TestSetBatchOnMixedGraphs(t *testing.T) {
	e := batchEngine(t)
	freed, mended, refused := 0, 0, 0
	for seed := range uint64(600) {
		original, w := mixedModel(seed)
		if _, err := surgery.Tidy(original); err != nil {
			t.Fatal(err)
		}
		mustBeValid(t, original)
		o := w.options
		o.Axes = map[string]int{}
		for _, v := range original.Graph.Input {
			if a, ok := w.options.Axes[v.GetName()]; ok {
				o.Axes[v.GetName()] = a
			}
		}
		o.EachRow = seed%16 == 5 && w.opset >= 11
		batch, rows := onnxpb.Symbol("N"), []int64{1, 2, 3}
		if w.batch == 3 {
			rows = []int64{3, 6}
		}
		if seed%10 == 7 {
			batch, rows = onnxpb.Number(2), []int64{2}
		}
		m := onnxpb.Clone(original)
		r, err := surgery.SetBatchOf(m, batch, o)
		if err != nil {
			refused++
			if !proto.Equal(m, original) {
				t.Errorf("seed %d: refused, and changed", seed)
			}
			continue
		}
		freed++
		if fmt.Sprint(m.Graph.Node) != fmt.Sprint(original.Graph.Node) {
			mended++
		}
		mustBeValid(t, m)
		if _, err := surgery.Infer(onnxpb.Clone(m), surgery.InferOptions{}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		again := onnxpb.Clone(m)
		if _, err := surgery.SetBatchOf(again, batch, o); err != nil || !proto.Equal(again, m) {
			t.Errorf("seed %d: the second time: changed %v, %v", seed, !proto.Equal(again, m), err)
		}
		options := verify.BatchOptions{Axes: r.Axes, Ranges: map[string]verify.Range{"i": {Lo: 0, Hi: 1}}, Session: verify.SessionOptions{Optimization: verify.OptimizeNone}}
		rep, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, rows, seed, options)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		if !rep.Equal {
			t.Errorf("seed %d: rows differ: %+v", seed, rep.Outputs)
		}
	}
	t.Logf("%d freed, of these %d mended; %d refused", freed, mended, refused)
	if freed < 200 || mended < 100 || refused < 200 {
		t.Errorf("%d freed, of these %d mended, and %d refused: too few to say anything", freed, mended, refused)
	}
}
