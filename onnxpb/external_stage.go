package onnxpb

import "strconv"

// staged is a model whose external data stands where it is to be, ready to be written.
type staged struct {
	model    *ModelProto // what is to be written
	undoing  func()
	releases []func()
}

// undo takes away what was made for the model, for when it cannot be written after all.
func (s *staged) undo() { s.undoing() }

// release gives up what the model's payloads lie in.
func (s *staged) release() {
	for _, f := range s.releases {
		f()
	}
}

// stageExternal does with a model's external data what the options ask for, before the model itself is written. The model that was given stays as it is.
func stageExternal(m *ModelProto, path string, o SaveOptions) (*staged, error) {
	undo, err := carryExternal(m, path, o)
	if err != nil {
		return nil, err
	}
	return &staged{model: m, undoing: undo}, nil
}

// quoted writes a string for an error, cut off where it is long.
func quoted(s string) string {
	if len(s) > 100 {
		return strconv.Quote(s[:100]) + "..."
	}
	return strconv.Quote(s)
}
