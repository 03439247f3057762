package shape_test

import (
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// A node may be damaged so that it makes nothing: that is for the checker to tell.
func TestInferNodesWithoutOutputs(t *testing.T) {
	for _, op := range []string{"Squeeze", "Unsqueeze", "Reshape", "Flatten", "Identity", "Concat", "Gather", "Slice", "Cast", "Expand", "Shape"} {
		m := &onnxpb.ModelProto{OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("x", []int64{1}, []int64{1}), onnxpb.TensorOf("k", []int64{1}, []int64{0})},
			Node:        []*onnxpb.NodeProto{onnxpb.Node(op, "none", []string{"x", "k"}, nil), onnxpb.Node("Neg", "", []string{"x"}, []string{"y"})},
		}}
		if v := shape.Infer(m, shape.Options{}).Value("y"); v == nil || len(v.Dims) != 1 {
			t.Errorf("%s: %v", op, v)
		}
	}
}
