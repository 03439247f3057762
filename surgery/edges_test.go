package surgery_test

import (
	"fmt"
	"math"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// TestMinusZeroIsNotZero sets an attribute to the other zero, and brings together functions that differ in it.
func TestMinusZeroIsNotZero(t *testing.T) {
	minus := float32(math.Copysign(0, -1))
	m := parse(t, `g (float[2] x) => (float[2] y) { [leaky] y = LeakyRelu <alpha = 0.0> (x) }`)
	r, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"leaky"}}, surgery.AttributeChange{Name: "alpha", Text: "-0.0"})
	if err != nil {
		t.Fatal(err)
	}
	if a := m.Graph.Node[0].Attr("alpha").GetF(); len(r.Changes) != 1 || math.Signbit(float64(a)) != math.Signbit(float64(minus)) {
		t.Errorf("%v, %v", a, r.Changes)
	}
	with := func(zero string) string {
		return `g (float[2] x) => (float[2] y) { y = local.f (x) } <domain: "local", opset_import: ["": 17]> f (a) => (b) { c = Constant <value_float: float = ` + zero + `> () b = Div (a, c) }`
	}
	joined := merged(t, with("0.0"), with("-0.0"), "", fuse.MergeOptions{})
	want(t, fmt.Sprint(len(joined.Functions)), "2")
	m = parse(t, with("0.0"))
	if _, err := surgery.Insert(m, parse(t, with("-0.0")), surgery.InsertOptions{Inputs: map[string]string{"x": "y"}, NewOutputs: true}); err != nil {
		t.Fatal(err)
	}
	want(t, fmt.Sprint(len(m.Functions)), "2")
}

// TestAddOutputOfSparse makes a sparse initializer an output, and runs what comes of it.
func TestAddOutputOfSparse(t *testing.T) {
	m := parse(t, `g (float[2,2] x) => (float[2,2] y) { y = Add (x, s) }`)
	m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: onnxpb.TensorOf("s", []int64{1}, []float32{5}), Indices: onnxpb.TensorOf("", []int64{1}, []int64{2}), Dims: []int64{2, 2}}}
	if _, err := surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	out := compute(t, m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 2}, []float32{1, 2, 3, 4})})
	want(t, fmt.Sprint(out["y"].Array.Data, out["s"].Array.Data), "[1 2 8 4] [0 0 5 0]")
}

// TestExtractAroundLeavesDeadCaptures cuts out an If of which a branch has a node that nothing needs: what that reads does not become an input.
func TestExtractAroundLeavesDeadCaptures(t *testing.T) {
	m := parse(t, `g (bool c, float[2] x, float[2] y) => (float[2] a) { [s] v = Neg (x)
		[i] a = If (c) <then_branch = t () => (float[2] p) { d = Relu (v) p = Abs (y) }, else_branch = e () => (float[2] q) { q = Abs (y) }> }`)
	if _, err := surgery.ExtractAround(m, "i", 0); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
	want(t, signature(m)+" / "+nodes(m), "c y -> a / i")
}

// TestInsertIntoASubgraphOfOldModels inserts a block with a weight into a branch of a model of IR version 3, where initializers have to be graph inputs, and runs it.
func TestInsertIntoASubgraphOfOldModels(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 3, opset_import: ["": 8]> g (bool c, float[2] x) => (float[2] y) {
		[i] y = If (c) <then_branch = t () => (float[2] p) { q = Neg (x) p = Abs (q) }, else_branch = e () => (float[2] r) { r = Abs (x) }> }`)
	if err != nil {
		t.Fatal(err)
	}
	block := parse(t, `b (float[2] u) => (float[2] w) <float two = {2}> { w = Mul (u, two) }`)
	block.OpsetImport = m.OpsetImport
	v := int64(3)
	block.IrVersion = &v
	block.Graph.Input = append(block.Graph.Input, onnxpb.TensorValue("two", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{}))
	if _, err := surgery.Insert(m, block, surgery.InsertOptions{Inputs: map[string]string{"u": "i/then_branch/q"}, Outputs: map[string]string{"w": "i/then_branch/q"}}); err != nil {
		t.Fatal(err)
	}
	out := compute(t, m, map[string]*onnxpb.Array{"c": onnxpb.ArrayOf([]int64{}, []bool{true}), "x": onnxpb.ArrayOf([]int64{2}, []float32{1, -3})})
	want(t, fmt.Sprint(out["y"].Array.Data, len(m.Graph.Input)), "[2 6] 2")
}

// TestFillNodesOfTypesThatRun fills a model with weights of 4 and 8 bits, of which ONNX Runtime makes no ConstantOfShape: they stay weights, and the model runs.
func TestFillNodesOfTypesThatRun(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 10, opset_import: ["": 21]> g (float[2,4] x) => (float[2,4] y) <int4[4] w = {33,67}, float8e4m3fn[4] v = {56,56,56,56}, float s = {0.5}, float[4] k = {1,2,3,4}> {
		a = DequantizeLinear (w, s) b = DequantizeLinear (v, s) c = Add (x, a) d = Add (c, b) y = Add (d, k) }`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillZeros, Nodes: true, Min: 1}); err != nil {
		t.Fatal(err)
	}
	x := []float32{1, -2, 3, 4, 5, 6, 7, 8}
	out := compute(t, m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 4}, x)})
	want(t, fmt.Sprint(out["y"].Array.Data), fmt.Sprint(x))
}

// TestSetBatchToANumberThatContradicts gives a symbol a number that a constant beside it does not go with.
func TestSetBatchToANumberThatContradicts(t *testing.T) {
	m := parse(t, `g (float[N,4] x) => (float[N,4] y) <float[2,4] w = {1,2,3,4,5,6,7,8}> { h = Neg (x) y = Add (h, w) }`)
	if _, err := surgery.SetBatch(onnxpb.Clone(m), onnxpb.Number(3)); onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("%v", err)
	}
	if _, err := surgery.SetBatch(m, onnxpb.Number(2)); err != nil {
		t.Error(err)
	}
}

// TestRenameNodeByItsLabelBesideItsTensor: the label is the one that the node has before anything is renamed.
func TestRenameNodeByItsLabelBesideItsTensor(t *testing.T) {
	m := parse(t, `g (float[2] x) => (float[2] y) { h = Sigmoid (x) y = Mul (h, x) }`)
	rename(t, m, []surgery.RenameRule{{Kind: surgery.KindNode, From: "Sigmoid -> h", To: "s"}, {Kind: surgery.KindTensor, From: "h", To: "Q"}})
	want(t, m.Graph.Node[0].GetName()+" "+m.Graph.Node[0].Output[0], "s Q")
	if _, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindNode, From: "Mul -> z", To: "m"}, {Kind: surgery.KindTensor, From: "y", To: "z"}}); onnxpb.KindOf(err) != onnxpb.Unfit {
		t.Errorf("%v", err)
	}
}
