package ort

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// model builds a model of one graph.
func model(opset int64, nodes []*onnxpb.NodeProto, in, out []*onnxpb.ValueInfoProto, init ...*onnxpb.TensorProto) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(10),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", opset)},
		Graph:       &onnxpb.GraphProto{Name: proto.String("test"), Node: nodes, Input: in, Output: out, Initializer: init},
	}
}

func tensor(name string, t onnxpb.TensorProto_DataType, dims ...onnxpb.Dim) *onnxpb.ValueInfoProto {
	if dims == nil {
		dims = []onnxpb.Dim{}
	}
	return onnxpb.TensorValue(name, t, dims)
}

func ports(v ...*onnxpb.ValueInfoProto) []*onnxpb.ValueInfoProto { return v }
