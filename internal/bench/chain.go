// Package bench measures onnxtool against what else could be done with the same bytes: a plain copy of the file, and Python's onnx. Speed is measured here and
// asserted nowhere: run make bench. Metrics named x-cp and x-python are ratios within one run: the time taken divided by that of
// the other, so less is better.
package bench

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// Chain is a graph of so many nodes, each of which adds the tensor before it to itself. Of every ten one adds a weight, which many of them have alike, one is an Identity, and one calls a function.
func Chain(nodes int) *onnxpb.ModelProto {
	dims := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(4)}
	g := &onnxpb.GraphProto{Name: proto.String("chain"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("t0", onnxpb.TensorProto_FLOAT, dims)}}
	last := "t0"
	for i := range nodes {
		next := fmt.Sprintf("t%d", i+1)
		n := onnxpb.Node("Add", fmt.Sprintf("add_%d", i), []string{last, last}, []string{next})
		switch w := fmt.Sprintf("w%d", 1+i/10); i % 10 {
		case 3:
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(w, []int64{4}, []float32{1, 2, 3, float32(i % 100)}))
			n.Input[1] = w
		case 5:
			n.OpType, n.Input = proto.String("Identity"), n.Input[:1]
		case 7:
			n.OpType, n.Domain, n.Input = proto.String("Twice"), proto.String("local"), n.Input[:1]
		}
		g.Node = append(g.Node, n)
		last = next
	}
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, onnxpb.TensorProto_FLOAT, dims)}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17), onnxpb.Opset("local", 1)}, Graph: g,
		Functions: []*onnxpb.FunctionProto{{Name: proto.String("Twice"), Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"b"}, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
			Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"a", "a"}, []string{"b"})}}}}
}
