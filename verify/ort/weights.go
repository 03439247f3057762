package ort

import (
	"os"
	"path/filepath"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// packed is a program in a form that ONNX Runtime opens: a file, or bytes.
type packed struct {
	path      string
	data      []byte
	folder    string // what locations of external data in data are relative to
	temporary string // a directory to remove
}

// remove removes the temporary directory, if there is one.
func (p *packed) remove() error {
	if p.temporary == "" {
		return nil
	}
	return os.RemoveAll(p.temporary)
}

// pack puts a program in such a form.
func pack(p *program, s verify.Source) (*packed, error) {
	if s.Path != "" && s.Path != "-" && !p.changed {
		return &packed{path: s.Path}, nil
	}
	data, err := onnxpb.Marshal(p.model)
	if err != nil {
		return nil, err
	}
	folder := s.Dir
	if folder != "" {
		if abs, err := filepath.Abs(folder); err == nil {
			folder = abs
		}
	}
	return &packed{data: data, folder: folder}, nil
}
