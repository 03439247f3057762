package surgery_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// mixed are graphs whose rows cannot be told apart, or of which that is not known.
var mixed = []struct {
	name  string
	node  string // the node that the error names
	msg   string // part of its text
	model func() *onnxpb.ModelProto
}{
	{"ReduceMean over axis 0", "mean", "reduces over axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("ReduceMean", "mean", "x", onnxpb.Ints("axes", 0)), op("Sub", "y", "x mean")}}.model()
	}},
	{"ReduceMean over all axes", "mean", "over all axes", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("ReduceMean", "mean", "x"), op("Sub", "y", "x mean")}}.model()
	}},
	{"ReduceMean over a negative axis", "mean", "reduces over axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("ReduceMean", "mean", "x", onnxpb.Ints("axes", -2)), op("Sub", "y", "x mean")}}.model()
	}},
	{"Softmax over axis 0", "y", "along axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("Softmax", "y", "x", onnxpb.Int("axis", 0))}}.model()
	}},
	{"Softmax of opset 11, which flattens", "soft", "over all axes from 1 on", func() *onnxpb.ModelProto {
		return bm{opset: 11, x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("Transpose", "t", "x"), op("Softmax", "soft", "t"), op("Transpose", "y", "soft")}}.model()
	}},
	{"MatMul that sums over the batch", "y", "sums over axis 1", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(3, 3), nodes: []*onnxpb.NodeProto{op("Transpose", "t", "x"), op("MatMul", "y", "t x")}}.model()
	}},
	{"MatMul of rows with rows", "y", "every row", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 1), nodes: []*onnxpb.NodeProto{op("Transpose", "t", "x"), op("MatMul", "y", "x t")}}.model()
	}},
	{"Gemm that sums over the batch", "y", "sums over axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(3, 3), nodes: []*onnxpb.NodeProto{op("Gemm", "y", "x x", onnxpb.Int("transA", 1))}}.model()
	}},
	{"features made of the batch", "y", "sums over axis 1", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3, 2), y: nums(2, 3), inits: []*onnxpb.TensorProto{ints("s", 3, -1), noise("w", 2, 2)}, nodes: []*onnxpb.NodeProto{
			op("Transpose", "t", "x", onnxpb.Ints("perm", 1, 2, 0)), op("Reshape", "r", "t s"), op("Einsum", "e", "r", onnxpb.Str("equation", "ab->ab")), op("MatMul", "y", "e w")}}.model()
	}},
	{"rows compared with each other", "y", "every row", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 1), y: nums(1, 1), nodes: []*onnxpb.NodeProto{op("Transpose", "t", "x"), op("Sub", "y", "x t")}}.model()
	}},
	{"Gather of row 0", "first", "picks rows", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{ints("zero", 0)}, nodes: []*onnxpb.NodeProto{op("Gather", "first", "x zero", onnxpb.Int("axis", 0)), op("Add", "y", "x first")}}.model()
	}},
	{"Slice of the last row", "last", "takes some rows", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{ints("st", -1), ints("en", 9)}, nodes: []*onnxpb.NodeProto{op("Slice", "last", "x st en"), op("Add", "y", "x last")}}.model()
	}},
	{"Slice of half a batch", "half", "takes some rows", func() *onnxpb.ModelProto {
		return bm{x: nums(4, 3), y: nums(2, 3), inits: []*onnxpb.TensorProto{ints("st", 0), ints("en", 2)}, nodes: []*onnxpb.NodeProto{op("Slice", "half", "x st en"), op("Identity", "y", "half")}}.model()
	}},
	{"rows the other way round", "back", "takes some rows", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{ints("st", -1), ints("en", -9), ints("ax", 0), ints("step", -1)}, nodes: []*onnxpb.NodeProto{
			op("Slice", "back", "x st en ax step"), op("Add", "y", "x back")}}.model()
	}},
	{"BatchNormalization in training mode", "norm", "training mode", func() *onnxpb.ModelProto {
		return bm{opset: 15, x: nums(1, 2, 3), y: nums(1, 2, 3), inits: []*onnxpb.TensorProto{noise("s", 2), noise("b", 2), noise("mean", 2), noise("var", 2)}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("BatchNormalization", "norm", []string{"x", "s", "b", "mean", "var"}, []string{"y", "m", "v"}, onnxpb.Int("training_mode", 1))}}.model()
	}},
	{"TopK over axis 0", "top", "picks along axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{ints("k", 1)}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("TopK", "top", []string{"x", "k"}, []string{"y", "i"}, onnxpb.Int("axis", 0))}}.model()
	}},
	{"CumSum over axis 0", "y", "adds up along axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{scalar("zero", 0)}, nodes: []*onnxpb.NodeProto{op("CumSum", "y", "x zero")}}.model()
	}},
	{"LSTM that runs through the batch", "lstm", "as through time", func() *onnxpb.ModelProto {
		return bm{opset: 14, x: nums(1, 5, 3), y: nums(1, 1, 5, 4), inits: []*onnxpb.TensorProto{noise("w", 1, 16, 3), noise("r", 1, 16, 4)}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("LSTM", "lstm", []string{"x", "w", "r"}, []string{"y"}, onnxpb.Int("hidden_size", 4))}}.model()
	}},
	{"Concat of rows", "y", "axis 0 holds the rows 2 times", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(2, 3), nodes: []*onnxpb.NodeProto{op("Concat", "y", "x x", onnxpb.Int("axis", 0))}}.model()
	}},
	{"Pad of rows", "y", "pads axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(2, 3), inits: []*onnxpb.TensorProto{ints("p", 1, 0, 0, 0)}, nodes: []*onnxpb.NodeProto{op("Pad", "y", "x p")}}.model()
	}},
	{"a convolution over the batch", "y", "slides along", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3, 5), y: nums(3, 1, 5), inits: []*onnxpb.TensorProto{noise("w", 1, 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("Transpose", "t", "x", onnxpb.Ints("perm", 1, 0, 2)), op("Conv", "y", "t w", onnxpb.Ints("pads", 1, 1))}}.model()
	}},
	{"a constant for each of 4 rows", "y", "does not grow with it", func() *onnxpb.ModelProto {
		return bm{x: nums(4, 3), y: nums(4, 3), inits: []*onnxpb.TensorProto{noise("k", 4, 3)}, nodes: []*onnxpb.NodeProto{op("Add", "y", "x k")}}.model()
	}},
	{"a constant that makes 5 rows of 1", "y", "does not grow with it", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(5, 3), inits: []*onnxpb.TensorProto{noise("k", 5, 3)}, nodes: []*onnxpb.NodeProto{op("Add", "y", "x k")}}.model()
	}},
	{"Expand of the batch", "y", "expands axis 0", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(5, 3), inits: []*onnxpb.TensorProto{ints("s", 5, 3)}, nodes: []*onnxpb.NodeProto{op("Expand", "y", "x s")}}.model()
	}},
	{"Squeeze of the batch, and a maximum over what is left", "s", "drops the batch", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 1), y: nums(1), inits: []*onnxpb.TensorProto{ints("zero", 0)}, nodes: []*onnxpb.NodeProto{
			op("Squeeze", "s", "x"), op("ReduceMax", "m", "s", onnxpb.Int("keepdims", 0)), op("Unsqueeze", "y", "m zero")}}.model()
	}},
	{"an output without rows", "y", "lost its batch axis", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3, 2), y: nums(3, 2), inits: []*onnxpb.TensorProto{ints("s", 3, 2)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{"the mean by the size of the batch", "y", "computes with the size of the batch", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{scalar("zero", 0)}, nodes: []*onnxpb.NodeProto{
			op("Shape", "s", "x"), op("Gather", "n", "s zero"), op("Cast", "f", "n", onnxpb.Int("to", 1)), op("Div", "y", "x f")}}.model()
	}},
	{"an operator that is not known", "y", "acme.Mix", func() *onnxpb.ModelProto {
		m := bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("Mix", "y", "x")}}.model()
		m.Graph.Node[0].Domain = proto.String("acme")
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("acme", 1))
		return m
	}},
	{"random numbers", "y", "RandomNormalLike", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("RandomNormalLike", "y", "x")}}.model()
	}},
	{"quantisation by the range of the whole batch", "q", "DynamicQuantizeLinear", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{
			onnxpb.Node("DynamicQuantizeLinear", "q", []string{"x"}, []string{"a", "s", "z"}), op("DequantizeLinear", "y", "a s z")}}.model()
	}},
	{"a late refusal, behind what was mended", "late", "over all axes", func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 1), inits: []*onnxpb.TensorProto{ints("s", 1, 6), noise("k", 1, 2)}, nodes: []*onnxpb.NodeProto{
			op("Reshape", "r", "x s"), op("Concat", "c", "r k", onnxpb.Int("axis", 1)), op("ReduceMax", "late", "c"), op("Neg", "y", "late")}}.model()
	}},
	{"opset 6", "", "opset 6", func() *onnxpb.ModelProto {
		return bm{opset: 6, x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("Relu", "y", "x")}}.model()
	}},
}

func TestSetBatchRefuses(t *testing.T) {
	for _, c := range mixed {
		t.Run(c.name, func(t *testing.T) {
			m := c.model()
			mustBeValid(t, m)
			before, _ := onnxpb.Marshal(m)
			_, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
			var e *onnxpb.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or no Error: %v", err)
			}
			if e.Kind != onnxpb.Refused || e.Node != c.node || !strings.Contains(e.Error(), c.msg) {
				t.Errorf("kind %v, node %q, %v; want node %q and %q", e.Kind, e.Node, e, c.node, c.msg)
			}
			if after, _ := onnxpb.Marshal(m); string(after) != string(before) {
				t.Error("the model changed")
			}
		})
	}
}
