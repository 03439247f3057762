// Package onnxpb holds the messages of the ONNX intermediate representation (IR version 13, ONNX 1.22), and the codec of model files:
// opening, saving, and typed access to tensors.
//
// The messages are generated from onnx.proto by the official protobuf compiler plugin. Helpers beside them build the pieces of
// a graph (Node, Int, TensorValue), walk over it (Graphs, Tensors), and tell what is wrong with it (Error).
package onnxpb

//go:generate sh -c "GOBIN=$PWD/../.cache/bin go install google.golang.org/protobuf/cmd/protoc-gen-go && PATH=$PWD/../.cache/bin:$PATH protoc -I .. --go_out=.. --go_opt=paths=source_relative onnxpb/onnx.proto"
