package onnxpb

// carryExternal makes the external data of a model that is to be saved at path reachable from there.
func carryExternal(m *ModelProto, path string, o SaveOptions) error { return nil }
