package surgery

import "onnxtool/onnxpb"

// atomically runs an edit on a copy of the model that shares its weights, and makes the model that copy only when the edit has
// succeeded: the first law of surgery, all or nothing. A model without a graph is refused here, for all edits.
func atomically(m *onnxpb.ModelProto, edit func(*onnxpb.ModelProto) (*Report, error)) (*Report, error) {
	if m.GetGraph() == nil {
		return nil, &onnxpb.Error{Msg: "the model has no graph", Hint: "there is nothing to edit"}
	}
	work := onnxpb.Clone(m)
	r, err := edit(work)
	if err != nil {
		return nil, err
	}
	onnxpb.Replace(m, work)
	return r, nil
}
