package ort

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

const (
	// largeModel is the size of a model's weights from which they are not copied into ONNX Runtime but mapped by it as external data.
	largeModel = 64 << 20
	// largeTensor is the size from which a tensor of such a model goes there. Smaller ones stay inline: they cost little, and ONNX Runtime wants the
	// values that shapes are computed from in the model itself.
	largeTensor = 4 << 10
	// alignment is what tensors in a temporary file begin at multiples of.
	alignment = 64
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

// pack puts a program in such a form. Small models go as bytes, or as their own file where nothing is changed. Of large ones, a skeleton goes as
// bytes whose external data are the weights where they lie in the model's own file, or in that of the model that it was made of; where they lie in none, they are
// written to a temporary file. A large model that has been changed in memory and that has external data of its own besides goes as bytes, as ONNX Runtime
// looks for external data in one directory only.
func pack(p *program, s verify.Source) (*packed, error) {
	hasFile := s.Path != "" && s.Path != "-"
	if inlineWeights(p.model) >= largeModel {
		file := s.Path
		if !hasFile {
			file = s.Weights
		}
		if file != "" {
			if x, err := inFile(p.model, file, s.Dir); err == nil {
				return x, nil
			}
		}
		if hasFile {
			// The file is written in an unusual way, or has changed: it is opened, or its contents passed, as a small one's.
		} else if !onnxpb.HasExternal(p.model) {
			return inTemporaryFile(p.model)
		}
	}
	if hasFile && !p.changed {
		return &packed{path: s.Path}, nil
	}
	folder := s.Dir
	if abs, err := filepath.Abs(folder); err == nil && folder != "" {
		folder = abs
	}
	return skeleton(p.model, folder)
}

func skeleton(m *onnxpb.ModelProto, folder string) (*packed, error) {
	data, err := onnxpb.Marshal(m)
	if err != nil {
		return nil, err
	}
	return &packed{data: data, folder: folder}, nil
}

// inlineWeights is the size of what the initializers of a model hold.
func inlineWeights(m *onnxpb.ModelProto) (n int64) {
	for _, t := range m.GetGraph().GetInitializer() {
		n += int64(len(t.GetRawData()))
	}
	return n
}

// movable tells whether a tensor's elements go to external data.
func movable(t *onnxpb.TensorProto) bool {
	return len(t.GetRawData()) >= largeTensor && t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL
}

// outside returns a copy of m in which the initializers that are movable have their elements at the places that where tells.
func outside(m *onnxpb.ModelProto, where func(*onnxpb.TensorProto) (location string, offset int64, err error)) (*onnxpb.ModelProto, error) {
	c := shallow(m)
	c.Graph.Initializer = slices.Clone(c.Graph.Initializer)
	for i, t := range c.Graph.Initializer {
		if !movable(t) {
			continue
		}
		location, offset, err := where(t)
		if err != nil {
			return nil, err
		}
		entry := func(k, v string) *onnxpb.StringStringEntryProto {
			return &onnxpb.StringStringEntryProto{Key: proto.String(k), Value: proto.String(v)}
		}
		c.Graph.Initializer[i] = &onnxpb.TensorProto{Name: t.Name, DataType: t.DataType, Dims: t.Dims, DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
			ExternalData: []*onnxpb.StringStringEntryProto{entry("location", location), entry("offset", strconv.FormatInt(offset, 10)),
				entry("length", strconv.Itoa(len(t.RawData)))}}
	}
	return c, nil
}

// shallow returns a copy of a model and its graph that shares all that they hold. What is only for people is left out.
func shallow(m *onnxpb.ModelProto) *onnxpb.ModelProto {
	g := m.GetGraph()
	return &onnxpb.ModelProto{IrVersion: m.IrVersion, OpsetImport: m.OpsetImport, Functions: m.Functions, Domain: m.Domain,
		ModelVersion: m.ModelVersion, MetadataProps: m.MetadataProps,
		Graph: &onnxpb.GraphProto{Name: g.Name, Node: g.Node, Initializer: g.Initializer, SparseInitializer: g.SparseInitializer, Input: g.Input,
			Output: g.Output, ValueInfo: g.ValueInfo, QuantizationAnnotation: g.QuantizationAnnotation},
	}
}

var errNotInFile = errors.New("the weights do not lie in the file as they do in memory")

// inFile makes the skeleton whose weights lie in a file: the model's own, or that of the model that it was made of. dir is where external data lies.
func inFile(m *onnxpb.ModelProto, file, dir string) (*packed, error) {
	path, err := filepath.EvalSymlinks(file) // ONNX Runtime refuses links that lead out of the directory
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	folder := filepath.Dir(path)
	if onnxpb.HasExternal(m) && !sameDir(folder, dir) {
		return nil, errNotInFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	spans, err := findWeights(f)
	if err != nil {
		return nil, err
	}
	c, err := outside(m, func(t *onnxpb.TensorProto) (string, int64, error) {
		at, ok := spans[t.GetName()]
		if !ok || at.end-at.start != int64(len(t.RawData)) || !sameEnds(f, at, t.RawData) {
			return "", 0, errNotInFile
		}
		return filepath.Base(path), at.start, nil
	})
	if err != nil {
		return nil, err
	}
	return skeleton(c, folder)
}

func sameDir(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// sameEnds looks whether the first and last bytes of a tensor are those in the file: whoever changed a model and kept its path would else get
// the results of the old one.
func sameEnds(f io.ReaderAt, at span, raw []byte) bool {
	n := min(len(raw), 256)
	buf := make([]byte, n)
	for _, from := range []int{0, len(raw) - n} {
		if _, err := f.ReadAt(buf, at.start+int64(from)); err != nil || !bytes.Equal(buf, raw[from:from+n]) {
			return false
		}
	}
	return true
}

// inTemporaryFile writes the weights to a temporary file and makes the skeleton that refers to it.
func inTemporaryFile(m *onnxpb.ModelProto) (x *packed, err error) {
	const name = "weights"
	dir, err := os.MkdirTemp("", "onnxtool-weights-*")
	if err != nil {
		return nil, temporaryError(err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, temporaryError(err)
	}
	defer f.Close()
	offset := int64(0)
	c, err := outside(m, func(t *onnxpb.TensorProto) (string, int64, error) {
		at := (offset + alignment - 1) / alignment * alignment
		if _, err := f.WriteAt(t.RawData, at); err != nil {
			return "", 0, temporaryError(err)
		}
		offset = at + int64(len(t.RawData))
		return name, at, nil
	})
	if err != nil {
		return nil, err
	}
	if x, err = skeleton(c, dir); err != nil {
		return nil, err
	}
	x.temporary = dir
	return x, nil
}

func temporaryError(err error) error {
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "the weights cannot be written to a temporary file for ONNX Runtime", Err: err,
		Hint: "TMPDIR names another directory for it"}
}
