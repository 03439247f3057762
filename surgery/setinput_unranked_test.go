package surgery_test

import (
	"errors"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// TestSetInputOfUnknownRank declares a shape on an input that had none, as cutting a model leaves it, in front of a Reshape to [1,6]. A batch cannot be declared
// alone there. Declared for one row and then freed, the model takes several rows: each one's sum of products, computed here.
func TestSetInputOfUnknownRank(t *testing.T) {
	weight := []float32{1, -2, 3, 4, 0.5, 6}
	for _, target := range [][]int64{{1, 6}, {1, -1}} {
		b := bm{opset: 13, x: nums(1, 2, 3), y: nums(1, 1), inits: []*onnxpb.TensorProto{
			onnxpb.TensorOf("target", []int64{2}, target), onnxpb.TensorOf("weight", []int64{6, 1}, weight)},
			nodes: []*onnxpb.NodeProto{op("Reshape", "flat", "x target"), op("MatMul", "y", "flat weight")}}
		m := b.model()
		m.Graph.Input[0] = onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, nil)
		var refused *onnxpb.Error
		if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: shape("[N,2,3]")}); !errors.As(err, &refused) || refused.Kind != onnxpb.Refused {
			t.Fatalf("%v: %v", target, err)
		}
		if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: shape("[1,2,3]")}); err != nil {
			t.Fatal(err)
		}
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 18)
		want := make([]float32, 3)
		for i := range x {
			x[i] = float32(i)
			want[i/6] += x[i] * weight[i%6]
		}
		got := run(t, m, onnxpb.ArrayOf([]int64{3, 2, 3}, x)).Data.([]float32)
		for i := range want {
			if len(got) != 3 || got[i] != want[i] { // small integers and halves: exact
				t.Fatalf("%v: %v, want %v", target, got, want)
			}
		}
	}
}

// TestSetBatchOfFreeModel renames the batch of models that took any number of rows already, and made one row of all, or took the first. They must compute what
// they computed.
func TestSetBatchOfFreeModel(t *testing.T) {
	for _, c := range []struct {
		name  string
		inits []*onnxpb.TensorProto
		nodes []*onnxpb.NodeProto
		y     string
	}{
		{"one row of all", []*onnxpb.TensorProto{onnxpb.TensorOf("target", []int64{2}, []int64{1, -1})},
			[]*onnxpb.NodeProto{op("Reshape", "y", "x target")}, "[1,?]"},
		{"rows as a sequence", []*onnxpb.TensorProto{onnxpb.TensorOf("target", []int64{3}, []int64{1, -1, 3})},
			[]*onnxpb.NodeProto{op("Reshape", "y", "x target")}, "[1,?,3]"},
		{"the first row", []*onnxpb.TensorProto{onnxpb.TensorOf("from", []int64{1}, []int64{0}), onnxpb.TensorOf("to", []int64{1}, []int64{1})},
			[]*onnxpb.NodeProto{op("Slice", "y", "x from to")}, "[1,3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := bm{opset: 13, x: shape("[N,3]"), y: shape(c.y), inits: c.inits, nodes: c.nodes}.model()
			x := onnxpb.ArrayOf([]int64{4, 3}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
			before := run(t, m, x)
			original := onnxpb.Clone(m)
			if _, err := surgery.SetBatch(m, onnxpb.Symbol("M")); err != nil {
				t.Fatal(err)
			}
			after := run(t, m, x)
			for _, d := range verify.CompareValues(onnxpb.TensorVal(before), onnxpb.TensorVal(after), verify.Tolerance{}) {
				if !d.Equal() {
					t.Errorf("%v, was %v", after, before)
				}
			}
			if s, _ := m.Graph.Input[0].Shape(); s[0] != onnxpb.Symbol("M") {
				t.Errorf("the batch is %s", s[0])
			}
			// A model that was changed to compute row by row is found out by the check.
			wrong := onnxpb.Clone(original)
			wrong.Graph.Node = []*onnxpb.NodeProto{op("Identity", "y", "x")}
			r, err := verify.CheckBatch(batchEngine(t), verify.Source{Model: original}, verify.Source{Model: wrong}, []int64{1, 3}, 1, verify.BatchOptions{})
			if err == nil && r.Equal {
				t.Error("the check sees no difference")
			}
		})
	}
}
