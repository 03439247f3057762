package surgery_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// TestSetBatchTellsOfDefaults mends a target that is the default of an input: whoever feeds that input has to know that it does nothing any more. In old models, where
// every initializer is an input, there is nothing to tell.
func TestSetBatchTellsOfDefaults(t *testing.T) {
	for ir, told := range map[int64]bool{3: false, 8: true} {
		m := bm{opset: 8, x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{onnxpb.TensorOf("target", []int64{2}, []int64{1, 6})},
			nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x target")}}.model()
		m.IrVersion = proto.Int64(ir)
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("target", onnxpb.TensorProto_INT64, onnxpb.Numbers(2)))
		r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(r.Notes, "\n"), `the input "target"`); got != told {
			t.Errorf("IR version %d: %v", ir, r.Notes)
		}
	}
}
