package fuse_test

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// Two models with the same names: the first feeds the second.
func ExampleMerge() {
	shape := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	model := func(op string) *onnxpb.ModelProto {
		return &onnxpb.ModelProto{
			IrVersion:   proto.Int64(8),
			OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
			Graph: &onnxpb.GraphProto{
				Name:   proto.String(op),
				Node:   []*onnxpb.NodeProto{onnxpb.Node(op, "", []string{"x"}, []string{"y"})},
				Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, shape)},
				Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, shape)},
			},
		}
	}
	merged, report, err := fuse.Merge(
		[]fuse.Input{{Name: "first", Model: model("Relu")}, {Name: "second", Model: model("Exp")}},
		fuse.MergeOptions{Connect: []fuse.Connection{{
			From: fuse.End{Model: "first", Tensor: "y"},
			To:   fuse.End{Model: "second", Tensor: "x"},
		}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range merged.Graph.Node {
		fmt.Println(n.GetOutput(), "=", n.GetOpType(), n.GetInput())
	}
	report.Write(os.Stdout)
	// Output:
	// [y] = Relu [x]
	// [second_y] = Exp [y]
	// merge: added model "first": 1 nodes
	// merge: added model "second": 1 nodes
	// merge: removed output "first:y": output -> taken up by a connection
	// merge: renamed output "second:y": y -> second_y
	// merge: changed input "second:x": graph input -> first:y
}
