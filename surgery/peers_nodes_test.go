package surgery_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// peersNodes is what the tests of onnx-graphsurgeon, Polygraphy surgeon and onnx.compose cover of single nodes, values, inputs and outputs.
var peersNodes = []peer{
	// Making and inserting nodes.
	{"graphsurgeon", "a node of any operator, with attributes, inputs and outputs of given names, and constants", func(t *testing.T) {
		m, err := fuse.Op("Clip", fuse.OpOptions{Inputs: []fuse.OpValue{{Name: "x", Type: onnxpb.TensorProto_FLOAT, Shape: onnxpb.Numbers(2)}, {Name: "low", Type: onnxpb.TensorProto_FLOAT, Shape: []onnxpb.Dim{}, Value: onnxpb.ArrayOf([]int64{}, []float32{1})}},
			Outputs: []fuse.OpValue{{Name: "y"}}}, fuse.PartOptions{})
		if err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, signature(m)+" / "+ops(m)+" / "+initializers(m), "x -> y / Clip / low")
	}},
	{"graphsurgeon", "a node of the opset that is asked for", func(t *testing.T) {
		for version, inputs := range map[int64]int{11: 1, 13: 2} { // Squeeze takes its axes as an attribute, and later as an input
			o := fuse.OpOptions{Inputs: []fuse.OpValue{{Name: "x", Type: onnxpb.TensorProto_FLOAT, Shape: onnxpb.Numbers(1, 2)}}}
			if inputs == 1 {
				o.Attributes = []*onnxpb.AttributeProto{onnxpb.Ints("axes", 0)}
			} else {
				o.Inputs = append(o.Inputs, fuse.OpValue{Name: "axes", Type: onnxpb.TensorProto_INT64, Shape: onnxpb.Numbers(1), Value: onnxpb.ArrayOf([]int64{1}, []int64{0})})
			}
			m, err := fuse.Op("Squeeze", o, fuse.PartOptions{Opset: version})
			if err != nil {
				t.Fatal(err)
			}
			valid(t, m)
			want(t, fmt.Sprint(len(m.Graph.Node[0].Input), m.OpsetVersion("")), fmt.Sprint(inputs, version))
		}
	}},
	{"graphsurgeon", "a part is replaced by one node that computes the same, and the rest of it goes", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) <float low = {-1.0}, float high = {1.0}> { [min] a = Min (x, high) [max] b = Max (a, low) [neg] y = Neg (b) }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error {
			clip := parse(t, `c (float[2] v, float lo, float hi) => (float[2] clipped) { [clip] clipped = Clip (v, lo, hi) }`)
			if _, err := surgery.Insert(m, clip, surgery.InsertOptions{Inputs: map[string]string{"v": "x", "lo": "low", "hi": "high"}, Outputs: map[string]string{"clipped": "b"}}); err != nil {
				return err
			}
			_, err := surgery.Tidy(m)
			return err
		})
		want(t, ops(m), "Clip Neg")
	}},
	{"graphsurgeon", "an input of a node is another value, and whom it was made by follows", func(t *testing.T) {
		m := parse(t, grid)
		if _, err := surgery.Rewire(m, "b0", "b2", surgery.ReaderChoice{Nodes: []string{"add1"}}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		g := surgery.NewGraph(m)
		want(t, fmt.Sprint(len(g.Consumers("b0")), len(g.Consumers("b2")), g.Producer(m.Graph.Node[3].Input[0]).GetName()), "0 2mul0")
	}},
	{"graphsurgeon", "a node is taken out, and its readers read its input", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { [a] p = Neg (x) [fake] q = Relu (p) [b] y = Abs (q) }`)
		remove(t, m, "fake")
		want(t, ops(m)+" / "+strings.Join(m.Graph.Node[1].Input, ","), "Neg Abs / p")
	}},
	{"graphsurgeon", "a weight becomes an input, and an input a weight", func(t *testing.T) {
		m := parse(t, weighted)
		extract(t, m, "x,one", "out")
		want(t, signature(m)+" / "+initializers(m), "x one -> out / two")
		k := parse(t, `c () => (float[3] k) { k = Constant <value_floats: floats = [10,20,30]> () }`)
		if _, err := surgery.Insert(m, k, surgery.InsertOptions{Outputs: map[string]string{"k": "one"}}); err != nil {
			t.Fatal(err)
		}
		extract(t, m, "", "out")
		want(t, signature(m)+" / "+ops(m), "x -> out / Constant Add Mul")
	}},

	// Polygraphy surgeon insert.
	{"Polygraphy", "a node between two others", inserts(`g (float[2] x) => (float[2] y) { [a] m = Identity (x) [b] y = Identity (m) }`, "m", "m", false, "x -> y", "Identity Neg Identity")},
	{"Polygraphy", "a node at an output: it makes the output, under its name", inserts(`g (float[2] x) => (float[2] y) { [a] m = Identity (x) [b] y = Identity (m) }`, "y", "y", true, "x -> y", "Identity Identity Neg")},
	{"Polygraphy", "a node at an input: it reads the input, under its name", inserts(`g (float[2] x) => (float[2] y) { [a] m = Identity (x) [b] y = Identity (m) }`, "x", "x", false, "x -> y", "Neg Identity Identity")},
	{"Polygraphy", "a node in the place of one of two readers' values, and the other reads on", func(t *testing.T) {
		m := parse(t, twoPaths)
		inserting(t, m, surgery.InsertOptions{Inputs: map[string]string{"p": "sum"}, Outputs: map[string]string{"q": "sum"}, Readers: surgery.ReaderChoice{Nodes: []string{"right"}}})
		g := surgery.NewGraph(m)
		want(t, fmt.Sprint(signature(m), " ", len(g.Consumers("sum")), " ", g.Producer(nodeNamed(m, "right").Input[0]).GetOpType()), "p0 p1 -> l r 2 Neg")
		want(t, nodeNamed(m, "left").Input[0], "sum")
	}},
	{"Polygraphy", "a node before all readers of a value", func(t *testing.T) {
		m := parse(t, twoPaths)
		inserting(t, m, surgery.InsertOptions{Inputs: map[string]string{"p": "sum"}, Outputs: map[string]string{"q": "sum"}})
		want(t, nodeNamed(m, "left").Input[0], nodeNamed(m, "right").Input[0])
		want(t, fmt.Sprint(len(surgery.NewGraph(m).Consumers("sum"))), "1")
	}},
	{"Polygraphy", "attributes as the command line writes them: numbers, words, words that look like numbers, lists", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { [odd] y = local.Odd (x) }`)
		var changes []surgery.AttributeChange
		for _, a := range [][3]string{{"s0", "string", "0"}, {"i", "int", "0"}, {"f", "float", "0.0"}, {"s", "string", "name"}, {"ss", "strings", "0,1"}, {"is", "ints", "1,2,3"}, {"fs", "floats", "0.0,-1.0,-2.0"}} {
			changes = append(changes, surgery.AttributeChange{Name: a[0], Type: a[1], Text: a[2]})
		}
		if _, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"odd"}}, changes...); err != nil {
			t.Fatal(err)
		}
		a := m.Graph.Node[0].Attr
		want(t, fmt.Sprintf("%s %d %v %s %s %v %v", a("s0").GetS(), a("i").GetI(), a("f").GetF(), a("s").GetS(), a("ss").GetStrings(), a("is").GetInts(), a("fs").GetFloats()), "0 0 0 name [0 1] [1 2 3] [0 -1 -2]")
		want(t, fmt.Sprint(a("s0").GetType(), a("i").GetType(), a("f").GetType()), "STRING INT FLOAT")
	}},

	// Polygraphy surgeon sanitize.
	{"Polygraphy", "shapes of inputs are set, the inputs that are not named keep theirs, and their order", func(t *testing.T) {
		m := parse(t, `g (float[1,2,H,W] x, float[1,2,P,Q] z) => (float[1,2,H,W] y, float[1,2,P,Q] v) { y = Identity (x) v = Identity (z) }`)
		if _, err := surgery.SetInput(m, "z", surgery.InputSpec{Shape: onnxpb.Numbers(1, 2, 3, 4)}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, joined(m.Graph.Input, func(v *onnxpb.ValueInfoProto) string { return v.GetName() + onnxpb.FormatTypeProto(v.Type) }), "xfloat32 [1,2,H,W] zfloat32 [1,2,3,4]")
		want(t, onnxpb.FormatTypeProto(m.Graph.Output[1].Type), "float32 [1,2,3,4]")
	}},
	{"Polygraphy", "a shape that is set leaves what is said of weights alone", func(t *testing.T) {
		m := parse(t, `g (float[N,3] x) => (float[N,3] y) <float[1,3] a = {1,2,3}, float[1,3] c> { c = Add (a, a) y = Add (x, c) }`)
		if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: onnxpb.Numbers(1, 3)}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, onnxpb.FormatTypeProto(surgery.NewGraph(m).ValueType("c"))+" "+initializers(m), "float32 [1,3] a")
	}},
	{"Polygraphy", "all values become outputs", func(t *testing.T) {
		m := parse(t, grid)
		if _, err := surgery.AddOutputs(m, surgery.OutputChoice{All: true}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, signature(m), "a0 a1 -> d b0 b1 b2 c0 c1")
	}},
	{"Polygraphy", "another output, and what it does not need goes", extracts(grid, "", "b0", "a0 a1 -> b0", "add0")},
	{"Polygraphy", "weights are left out, and the graph stays", func(t *testing.T) {
		m := parse(t, weighted)
		if _, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillZeros, Nodes: true, Min: 1}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, signature(m)+" / "+initializers(m), "x -> out / one_shape two_shape")
	}},

	// onnx.compose and onnx.tools.
	{"compose", "a new axis of the outputs, in front, behind, and counted from the end; names and element types stay", func(t *testing.T) {
		for axis, shape := range map[int]string{0: "[1,N,2]", 2: "[N,2,1]", -1: "[N,2,1]", -3: "[1,N,2]"} {
			m := parse(t, grid3)
			if _, err := surgery.ExpandDim(m, surgery.ExpandOptions{Axis: axis}); err != nil {
				t.Fatal(err)
			}
			valid(t, m)
			want(t, signature(m), "a0 a1 -> b0 b1 b2")
			for _, v := range m.Graph.Output {
				want(t, onnxpb.FormatTypeProto(v.Type), "float32 "+shape)
			}
		}
	}},
	{"compose", "a prefix for inner values only", func(t *testing.T) {
		m := parse(t, grid)
		var rules []surgery.RenameRule
		for _, name := range []string{"b0", "b1", "b2", "c0", "c1"} {
			rules = append(rules, surgery.RenameRule{Kind: surgery.KindTensor, From: name, To: "p/" + name})
		}
		rename(t, m, rules)
		want(t, signature(m)+" / "+strings.Join(m.Graph.Node[5].Input, ","), "a0 a1 -> d / p/c0,p/c1")
	}},
	{"onnx.tools", "dimensions of inputs and outputs become numbers and symbols, and ones that do not fit are refused", func(t *testing.T) {
		m := parse(t, `g (float[N,3] x) => (float[N,3] y) { y = Neg (x) }`)
		if _, err := surgery.SetDim(m, surgery.DimChange{Symbol: "N", To: onnxpb.Number(4)}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, onnxpb.FormatTypeProto(m.Graph.Output[0].Type), "float32 [4,3]")
		m = parse(t, weighted)
		if _, err := surgery.SetDim(m, surgery.DimChange{Input: "x", To: onnxpb.Number(7)}); onnxpb.KindOf(err) != onnxpb.Refused {
			t.Errorf("a size that the weights do not fit: %v", err)
		}
	}},
}

const twoPaths = `g (float[2] p0, float[2] p1) => (float[2] l, float[2] r) { [add] sum = Add (p0, p1) [left] l = Identity (sum) [right] r = Identity (sum) }`

func remove(t *testing.T, m *onnxpb.ModelProto, names ...string) {
	t.Helper()
	if _, err := surgery.Delete(m, surgery.NodeChoice{Names: names}, surgery.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func nodeNamed(m *onnxpb.ModelProto, name string) *onnxpb.NodeProto {
	for _, n := range m.Graph.Node {
		if n.GetName() == name {
			return n
		}
	}
	return &onnxpb.NodeProto{Input: []string{"there is no such node"}}
}

// inserting inserts a Neg, which reads p and makes q.
func inserting(t *testing.T, m *onnxpb.ModelProto, o surgery.InsertOptions) {
	t.Helper()
	if _, err := surgery.Insert(m, parse(t, `b (float[2] p) => (float[2] q) { q = Neg (p) }`), o); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func inserts(text, from, to string, outputs bool, wantSignature, wantOps string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, text)
		inserting(t, m, surgery.InsertOptions{Inputs: map[string]string{"p": from}, Outputs: map[string]string{"q": to}, OnlyOutputs: outputs})
		want(t, signature(m), wantSignature)
		want(t, ops(m), wantOps)
	}
}
