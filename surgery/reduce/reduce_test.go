package reduce_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery/reduce"
)

// TestPair plants two nodes, one of which reads the other, at random places of random graphs: these two are left, and the runs grow with the logarithm of the nodes.
func TestPair(t *testing.T) {
	for _, n := range []int{10, 50, 150, 500} {
		bound := 12
		for k := n; k > 1; k /= 2 {
			bound += 4
		}
		for seed := range uint64(20) {
			m := random(n, seed)
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			from := r.IntN(n - 1)
			to := from + 1 + r.IntN(n-1-from)
			plant(m, from, "Softmax", -1)
			plant(m, to, "Erf", from)
			small, report := reduced(t, m, fed("Erf", "Softmax"), reduce.Options{})
			if got := ops(small); got != "Softmax Erf" {
				t.Errorf("%d nodes, seed %d: %s is left", n, seed, got)
			}
			if len(small.Graph.Input) != 1 || len(small.Graph.Output) != 1 || !proto.Equal(small.Graph.Output[0].Type, value("").Type) ||
				!proto.Equal(small.Graph.Input[0].Type, value("").Type) {
				t.Errorf("%d nodes, seed %d: inputs %v, outputs %v", n, seed, small.Graph.Input, small.Graph.Output)
			}
			if report.Runs > bound || !report.Complete {
				t.Errorf("%d nodes, seed %d: %d runs, more than %d", n, seed, report.Runs, bound)
			}
		}
	}
}

// TestApart has a failure that takes two nodes which have nothing to do with each other: nothing else is left of a large graph.
func TestApart(t *testing.T) {
	for seed := range uint64(20) {
		m := random(200, seed)
		r := rand.New(rand.NewPCG(seed, 9))
		a := r.IntN(199)
		b := a + 1 + r.IntN(199-a)
		plant(m, a, "Softmax", -1)
		plant(m, b, "Erf", -1)
		small, report := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) {
			have := ops(m)
			return strings.Contains(have, "Softmax") && strings.Contains(have, "Erf"), nil
		}, reduce.Options{})
		if got := ops(small); got != "Softmax Erf" {
			t.Errorf("seed %d: %s is left", seed, got)
		}
		if report.Runs > 70 {
			t.Errorf("seed %d: %d runs", seed, report.Runs)
		}
	}
}

// TestBypass has a failure that takes a way from a Conv of stride 2 to an Add behind it: the nodes between them can only be bypassed.
func TestBypass(t *testing.T) {
	image := func(name string, c, h int64) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(c), onnxpb.Number(h), onnxpb.Number(h)})
	}
	conv := func(i int, in, out string, stride int64) *onnxpb.NodeProto {
		return onnxpb.Node("Conv", "", []string{in, fmt.Sprintf("w%d", i)}, []string{out}, onnxpb.Ints("strides", stride, stride), onnxpb.Ints("pads", 1, 1, 1, 1))
	}
	var nodes []*onnxpb.NodeProto
	m := model(nil, nil, nil)
	last := "image"
	for i := range 40 {
		stride := int64(1)
		if i == 10 {
			stride = 2
		}
		out := fmt.Sprintf("c%d", i)
		nodes = append(nodes, conv(i, last, out, stride), onnxpb.Node("Relu", "", []string{out}, []string{"r" + out}))
		m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf(fmt.Sprintf("w%d", i), []int64{4, 4, 3, 3}, make([]float32, 144)))
		last = "r" + out
		if i == 20 || i == 30 {
			nodes = append(nodes, onnxpb.Node("Add", "", []string{last, out}, []string{fmt.Sprintf("a%d", i)}))
			last = fmt.Sprintf("a%d", i)
		}
	}
	m.Graph.Node = nodes
	m.Graph.Input = []*onnxpb.ValueInfoProto{image("image", 4, 32)}
	m.Graph.Output = []*onnxpb.ValueInfoProto{image(last, 4, 16)}
	small, r := reduced(t, m, behind("Add", func(n *onnxpb.NodeProto) bool {
		a := n.Attr("strides")
		return a != nil && a.Ints[0] == 2
	}), reduce.Options{})
	if got := ops(small); got != "Conv Add" {
		t.Errorf("%s is left", got)
	}
	if len(small.Graph.Initializer) != 1 || small.Graph.Initializer[0].GetName() != "w10" {
		t.Errorf("initializers: %v", small.Graph.Initializer)
	}
	if dims, _ := small.Graph.Input[0].Shape(); onnxpb.FormatShape(dims) != "[N,4,32,32]" {
		t.Errorf("input %s", onnxpb.FormatShape(dims))
	}
	if r.Runs > 30 {
		t.Errorf("%d runs", r.Runs)
	}
}

// TestManyOutputs leaves the one output that a failure needs.
func TestManyOutputs(t *testing.T) {
	var nodes []*onnxpb.NodeProto
	var outputs []string
	for i := range 64 {
		out := fmt.Sprintf("o%d", i)
		op := "Relu"
		if i == 41 {
			op = "Erf"
		}
		nodes = append(nodes, onnxpb.Node(op, "", []string{"x"}, []string{out}))
		outputs = append(outputs, out)
	}
	small, r := reduced(t, model(nodes, []string{"x"}, outputs), func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "Erf"), nil }, reduce.Options{})
	if ops(small) != "Erf" || small.Graph.Output[0].GetName() != "o41" {
		t.Errorf("left: %s %v", ops(small), small.Graph.Output)
	}
	if r.Runs > 20 {
		t.Errorf("%d runs", r.Runs)
	}
}

// TestIf has a failure within a branch: the If goes, and the nodes of the branch that the failure does not need.
func TestIf(t *testing.T) {
	m := random(60, 3)
	then := &onnxpb.GraphProto{Name: proto.String("then"), Node: []*onnxpb.NodeProto{
		onnxpb.Node("Neg", "", []string{"v10"}, []string{"t0"}), onnxpb.Node("Softmax", "", []string{"t0"}, []string{"t1"}),
		onnxpb.Node("Erf", "", []string{"t1"}, []string{"t2"}), onnxpb.Node("Abs", "", []string{"t2"}, []string{"t3"})}, Output: []*onnxpb.ValueInfoProto{value("t3")}}
	other := &onnxpb.GraphProto{Name: proto.String("else"), Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"v20"}, []string{"e0"})},
		Output: []*onnxpb.ValueInfoProto{value("e0")}}
	m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("cond", onnxpb.TensorProto_BOOL, nil))
	m.Graph.Node = append(m.Graph.Node, onnxpb.Node("If", "choose", []string{"cond"}, []string{"chosen"}, onnxpb.GraphAttr("then_branch", then), onnxpb.GraphAttr("else_branch", other)),
		onnxpb.Node("Neg", "", []string{"chosen"}, []string{"last"}))
	m.Graph.Output = append(m.Graph.Output, value("last"))
	anywhere := func(m *onnxpb.ModelProto) (bool, error) {
		if ok, _ := fed("Erf", "Softmax")(m); ok {
			return true, nil
		}
		for _, n := range m.GetGraph().GetNode() {
			for g := range n.Subgraphs() {
				if ok, _ := fed("Erf", "Softmax")(&onnxpb.ModelProto{Graph: g}); ok {
					return true, nil
				}
			}
		}
		return false, nil
	}
	small, _ := reduced(t, m, anywhere, reduce.Options{})
	if ops(small) != "Softmax Erf" || len(small.Graph.Input) != 1 {
		t.Errorf("left: %s, inputs %v", ops(small), small.Graph.Input)
	}
	// A failure that takes the If itself leaves it, with what its branches read as inputs.
	small, _ = reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "If"), nil }, reduce.Options{})
	if ops(small) != "If" {
		t.Errorf("left: %s", ops(small))
	}
	var inputs []string
	for _, i := range small.Graph.Input {
		inputs = append(inputs, i.GetName())
	}
	slices.Sort(inputs)
	if !slices.Equal(inputs, []string{"cond", "v10", "v20"}) {
		t.Errorf("inputs %v", inputs)
	}
	for g := range small.Graph.Node[0].Subgraphs() {
		if len(g.Node) != 1 {
			t.Errorf("branch %s has %d nodes, all but one of which can be bypassed", g.GetName(), len(g.Node))
		}
	}
}

// TestFunctions leaves the function that a failure needs, and the operator sets that it takes.
func TestFunctions(t *testing.T) {
	m := random(30, 5)
	function := func(name, op string) *onnxpb.FunctionProto {
		return &onnxpb.FunctionProto{Name: proto.String(name), Domain: proto.String("own"), Input: []string{"a"}, Output: []string{"b"},
			Node: []*onnxpb.NodeProto{onnxpb.Node(op, "", []string{"a"}, []string{"b"})}, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}}
	}
	m.Functions = []*onnxpb.FunctionProto{function("F", "Erf"), function("G", "Tanh"), function("Unused", "Tanh")}
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("own", 1), onnxpb.Opset("ai.onnx.ml", 3))
	for i, op := range map[int]string{7: "F", 12: "G", 20: "F"} {
		plant(m, i, op, -1)
		m.Graph.Node[i].Domain = proto.String("own")
	}
	m.DocString = proto.String("what it is")
	m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("a"), Value: proto.String("b")}}
	m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value("v3"), value("v4")}
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "F"), nil }, reduce.Options{})
	if ops(small) != "F" || len(small.Functions) != 1 || small.Functions[0].GetName() != "F" {
		t.Errorf("left: %s, functions %v", ops(small), small.Functions)
	}
	if len(small.OpsetImport) != 2 || small.DocString != nil || small.MetadataProps != nil || small.Graph.ValueInfo != nil {
		t.Errorf("left: %v", small)
	}
	// What the failure needs of these stays, and only that.
	small, _ = reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) {
		return m.DocString != nil && strings.Contains(ops(m), "F"), nil
	}, reduce.Options{})
	if small.GetDocString() != "what it is" || small.MetadataProps != nil || ops(small) != "F" {
		t.Errorf("left: %v", small)
	}
}

// TestBranchesOfOneName leaves nodes alone that make values of one name in both branches of an If: to bypass one would have the other branch read something else.
func TestBranchesOfOneName(t *testing.T) {
	branch := func(name, first string) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: proto.String(name), Node: []*onnxpb.NodeProto{onnxpb.Node(first, "", []string{"x"}, []string{"t0"}),
			onnxpb.Node("Neg", "", []string{"t0"}, []string{"t1"})}, Output: []*onnxpb.ValueInfoProto{value("t1")}}
	}
	m := model([]*onnxpb.NodeProto{onnxpb.Node("If", "", []string{"cond"}, []string{"out"}, onnxpb.GraphAttr("then_branch", branch("then", "Relu")),
		onnxpb.GraphAttr("else_branch", branch("else", "Erf")))}, []string{"x"}, []string{"out"})
	m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("cond", onnxpb.TensorProto_BOOL, nil))
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "If"), nil }, reduce.Options{})
	for g := range small.Graph.Node[0].Subgraphs() {
		first := map[string]string{"then": "Relu", "else": "Erf"}[g.GetName()]
		if len(g.Node) != 2 || g.Node[0].GetOpType() != first || g.Node[1].GetInput()[0] != "t0" {
			t.Errorf("branch %s: %v", g.GetName(), g.Node)
		}
	}
}

// TestLoop leaves a Loop with what its body reads from outside as inputs, and none of what leads there.
func TestLoop(t *testing.T) {
	m := random(40, 6)
	flag := func(name string) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, onnxpb.TensorProto_BOOL, nil)
	}
	body := &onnxpb.GraphProto{Name: proto.String("body"), Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"carried", "v30"}, []string{"next"}),
		onnxpb.Node("Identity", "", []string{"go"}, []string{"go on"})},
		Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("i", onnxpb.TensorProto_INT64, nil), flag("go"), value("carried")},
		Output: []*onnxpb.ValueInfoProto{flag("go on"), value("next")}}
	m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("count", nil, []int64{3})}
	m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Loop", "", []string{"count", "", "v20"}, []string{"looped"}, onnxpb.GraphAttr("body", body)),
		onnxpb.Node("Tanh", "", []string{"looped"}, []string{"last"}))
	m.Graph.Output = append(m.Graph.Output, value("last"))
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "Loop"), nil }, reduce.Options{})
	var inputs []string
	for _, i := range small.Graph.Input {
		inputs = append(inputs, i.GetName())
	}
	if ops(small) != "Loop" || !slices.Equal(inputs, []string{"v20", "v30"}) || len(small.Graph.Initializer) != 1 {
		t.Errorf("left: %s, inputs %v", ops(small), inputs)
	}
}
