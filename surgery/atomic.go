package surgery

import "onnxtool/onnxpb"

// atomically runs an edit on a copy of the model that shares its weights, and makes the model that copy only when the edit has
// succeeded: the first law of surgery, all or nothing.
func atomically(m *onnxpb.ModelProto, edit func(*onnxpb.ModelProto) (*Report, error)) (*Report, error) {
	work := onnxpb.Clone(m)
	r, err := edit(work)
	if err != nil {
		return nil, err
	}
	onnxpb.Replace(m, work)
	return r, nil
}
