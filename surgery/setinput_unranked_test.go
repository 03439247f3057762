package surgery_test

import (
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// TestSetInputOfUnknownRank declares [N,2,3] on an input that had no shape, as cutting a model leaves it, in front of a Reshape that was made for one row.
// The result must take several rows: each one's sum of products, computed here.
func TestSetInputOfUnknownRank(t *testing.T) {
	weight := []float32{1, -2, 3, 4, 0.5, 6}
	b := bm{opset: 13, x: nums(1, 2, 3), y: nums(1, 1), inits: []*onnxpb.TensorProto{
		onnxpb.TensorOf("target", []int64{2}, []int64{1, 6}), onnxpb.TensorOf("weight", []int64{6, 1}, weight)},
		nodes: []*onnxpb.NodeProto{op("Reshape", "flat", "x target"), op("MatMul", "y", "flat weight")}}
	m := b.model()
	m.Graph.Input[0] = onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, nil)
	r, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(2), onnxpb.Number(3)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*onnxpb.ValueInfoProto{m.Graph.Input[0], m.Graph.Output[0]} {
		if s, _ := v.Shape(); len(s) == 0 || s[0] != onnxpb.Symbol("N") {
			t.Errorf("%s is %s", v.GetName(), onnxpb.FormatShape(s))
		}
	}
	inputs := 0
	for _, c := range r.Changes {
		if c.What == "input" {
			inputs++
		}
	}
	if inputs != 1 {
		t.Errorf("the input is told %d times: %v", inputs, r.Changes)
	}
	s, err := batchEngine(t).Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := make([]float32, 18)
	want := make([]float32, 3)
	for i := range x {
		x[i] = float32(i)
		want[i/6] += x[i] * weight[i%6]
	}
	out, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{3, 2, 3}, x))})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range out["y"].Array.Data.([]float32) {
		if got != want[i] { // small integers and halves: exact
			t.Errorf("row %d: %v, want %v", i, got, want[i])
		}
	}
}
