package onnxpb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
)

// File is a model that was opened from a file. Its tensors may refer to the file's bytes: use them before Close.
type File struct {
	Model *ModelProto
	Path  string // as given to Open; "-" for standard input
}

// Dir returns the directory that locations of external data are relative to.
func (f *File) Dir() string {
	if f.Path == "-" {
		return "."
	}
	return filepath.Dir(f.Path)
}

// Close gives up what the file holds. Nothing of the model may be used afterwards, but for copies.
func (f *File) Close() error { return nil }

// Open reads the model in a file; "-" is standard input. The errors it returns are of kind Unfit and name the file.
func Open(path string) (*File, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = readRegular(path)
	}
	if err != nil {
		return nil, openError(path, err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, InFile(err, path)
	}
	return &File{Model: m, Path: path}, nil
}

// readRegular reads a file, and refuses what would block or never end (a FIFO, a device).
func readRegular(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, errors.New("is a directory, not a model")
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	return os.ReadFile(path)
}

func openError(path string, err error) error {
	e := &Error{Kind: Unfit, File: path, Err: err}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		e.Err = pe.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Hint = "check the path"
		if near := nearFile(path); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
	}
	return e
}

// nearFile finds the file beside path whose name is path's but for upper and lower case or a missing .onnx.
func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	base := filepath.Base(path)
	for _, e := range entries {
		if n := e.Name(); strings.EqualFold(n, base) || strings.EqualFold(n, base+".onnx") {
			return filepath.Join(filepath.Dir(path), n)
		}
	}
	return ""
}

// Parse decodes a model from the bytes of its file.
func Parse(data []byte) (*ModelProto, error) {
	if len(data) == 0 {
		return nil, &Error{Msg: "the file is empty", Hint: "an ONNX model was expected"}
	}
	m := &ModelProto{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, &Error{Msg: "not an ONNX model, or a truncated one", Err: cause(err), Hint: hintFor(data)}
	}
	if m.Graph == nil {
		return nil, &Error{Msg: "not an ONNX model: it has no graph", Hint: hintFor(data)}
	}
	if m.IrVersion == nil {
		return nil, &Error{Msg: "not an ONNX model: it has no ir_version", Hint: hintFor(data)}
	}
	return m, nil
}

// cause takes the prefix off protobuf's errors, which holds a space of random width.
func cause(err error) error {
	s := err.Error()
	if i := strings.Index(s, "cannot parse"); i >= 0 {
		return errors.New(s[i:])
	}
	return err
}

// hintFor guesses what a file that is no model is.
func hintFor(data []byte) string {
	head := string(data[:min(len(data), 200)])
	switch {
	case strings.HasPrefix(head, "version https://git-lfs"):
		return "this is a Git LFS pointer: run git lfs pull"
	case strings.HasPrefix(head, "PK\x03\x04"):
		return "this is a zip archive: unpack it first; PyTorch checkpoints need an export to ONNX"
	case strings.HasPrefix(head, "\x1f\x8b"):
		return "this is a gzip file: unpack it first"
	case len(head) > 8 && head[4:8] == "TFL3":
		return "this is a TensorFlow Lite model"
	case isText(head):
		return "this looks like a text file"
	}
	return "was the file copied or downloaded in full?"
}

func isText(s string) bool {
	for _, r := range s {
		if r == 0xfffd || r < 32 && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
