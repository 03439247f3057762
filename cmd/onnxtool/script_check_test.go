package main

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// checkModels writes the models for the commands that look at models:
//
//	faulty.onnx    as add.onnx, with three faults: no input b, an Add of three inputs, an output that nothing makes
//	odd.onnx       as add.onnx, with a value_info of a value that is not there: a warning
//	external.onnx  x [N,3] -> y [N,3], its weight in weight.bin, 12 bytes, which is not written
func checkModels(save func(name string, m *onnxpb.ModelProto)) {
	n3 := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	value := func(name string) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, n3)
	}

	save("faulty.onnx", smallModel("faulty", []*onnxpb.NodeProto{onnxpb.Node("Add", "join", []string{"a", "b", "a"}, []string{"sum"})},
		[]*onnxpb.ValueInfoProto{value("a")}, value("sum"), value("nothing")))

	odd := smallModel("odd", []*onnxpb.NodeProto{onnxpb.Node("Add", "join", []string{"a", "b"}, []string{"sum"})},
		[]*onnxpb.ValueInfoProto{value("a"), value("b")}, value("sum"))
	odd.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value("gone")}
	save("odd.onnx", odd)

	ext := smallModel("external", []*onnxpb.NodeProto{onnxpb.Node("Mul", "scale", []string{"x", "weight"}, []string{"y"})},
		[]*onnxpb.ValueInfoProto{value("x")}, value("y"))
	ext.Graph.Initializer = []*onnxpb.TensorProto{{
		Name: proto.String("weight"), DataType: proto.Int32(int32(onnxpb.TensorProto_FLOAT)), Dims: []int64{3},
		DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
		ExternalData: []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("weight.bin")}},
	}}
	ext.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("licence"), Value: proto.String("MIT")}}
	save("external.onnx", ext)
}
