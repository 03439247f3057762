package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"onnxtool/onnxpb"
)

// InputFile gives an input from a file: .npy (one array), .npz (an archive of arrays) or .pb (a TensorProto, SequenceProto or OptionalProto, as in ONNX's
// test data sets).
type InputFile struct {
	// Name is the input, by its name in the reference (or in the other model, if it has another name there). Without a name, each array of an .npz is the
	// input of its own name, and a .npy or .pb is the only input there is.
	Name string
	Path string
}

// ParseInputFile reads NAME=FILE or FILE.
func ParseInputFile(s string) (InputFile, error) {
	f := InputFile{Path: s}
	if name, path, ok := strings.Cut(s, "="); ok {
		f = InputFile{Name: name, Path: path}
		if name == "" {
			return f, onnxpb.Errorf(onnxpb.Usage, "--inputs %s: the name is missing", s)
		}
	}
	if f.Path == "" {
		return f, onnxpb.Errorf(onnxpb.Usage, "--inputs %s: the file is missing", s)
	}
	switch strings.ToLower(filepath.Ext(f.Path)) {
	case ".npy", ".npz", ".pb":
		return f, nil
	}
	return f, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--inputs %s: the file is neither .npy nor .npz nor .pb", s)}
}

// readInputs reads the values of the matched inputs that files give, by the reference's names.
func readInputs(files []InputFile, pairs []portPair) (map[string]*onnxpb.Value, error) {
	values := map[string]*onnxpb.Value{}
	for _, f := range files {
		if err := readInput(f, pairs, values); err != nil {
			return nil, onnxpb.InFile(err, f.Path)
		}
	}
	return values, nil
}

func readInput(f InputFile, pairs []portPair, values map[string]*onnxpb.Value) error {
	put := func(p portPair, v *onnxpb.Value) error {
		if values[p.ref.name] != nil {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: p.ref.name, Msg: "two files give this input"}
		}
		values[p.ref.name] = v
		return nil
	}
	ext := strings.ToLower(filepath.Ext(f.Path))
	if ext == ".npz" && f.Name == "" {
		return readArchive(f.Path, pairs, put)
	}
	p, err := filePort(f.Name, pairs)
	if err != nil {
		return err
	}
	if ext == ".pb" {
		v, err := onnxpb.ReadValue(f.Path, p.ref.typ)
		if err != nil {
			return err
		}
		return put(p, v)
	}
	if !p.ref.tensor {
		return &onnxpb.Error{Tensor: p.ref.name, Msg: "the input is no tensor", Hint: "give it as a .pb file (a SequenceProto or OptionalProto)"}
	}
	data, err := readFile(f.Path)
	if err != nil {
		return err
	}
	var a *onnxpb.Array
	if ext == ".npy" {
		a, err = ReadNPY(data, p.ref.elem)
	} else {
		a, err = onlyArray(data, p)
	}
	if err != nil {
		return err
	}
	return put(p, onnxpb.TensorVal(a))
}

// onlyArray takes the array of an archive that is given for one input: that of the input's name, or the only one.
func onlyArray(data []byte, p portPair) (*onnxpb.Array, error) {
	arrays, err := ReadNPZ(data, func(string) onnxpb.TensorProto_DataType { return p.ref.elem })
	if err != nil {
		return nil, err
	}
	for _, name := range []string{p.ref.name, p.got.name} {
		if a := arrays[name]; a != nil {
			return a, nil
		}
	}
	if len(arrays) == 1 {
		for _, a := range arrays {
			return a, nil
		}
	}
	return nil, noSuch(fmt.Sprintf("the archive has no array %q", p.ref.name), p.ref.name, sortedKeys(arrays))
}

func readArchive(path string, pairs []portPair, put func(portPair, *onnxpb.Value) error) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	arrays, err := ReadNPZ(data, func(name string) onnxpb.TensorProto_DataType {
		if p, err := filePort(name, pairs); err == nil {
			return p.ref.elem
		}
		return onnxpb.TensorProto_UNDEFINED
	})
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(arrays) {
		p, err := filePort(name, pairs)
		if err != nil {
			return err
		}
		if err := put(p, onnxpb.TensorVal(arrays[name])); err != nil {
			return err
		}
	}
	return nil
}

// filePort finds the input that a file is for.
func filePort(name string, pairs []portPair) (portPair, error) {
	if name == "" {
		if len(pairs) == 1 {
			return pairs[0], nil
		}
		return portPair{}, onnxpb.Errorf(onnxpb.Usage, "which of %d inputs the file is for is not clear (write NAME=FILE)", len(pairs))
	}
	var names []string
	for _, p := range pairs {
		if p.ref.name == name {
			return p, nil
		}
		names = append(names, p.ref.name)
	}
	for _, p := range pairs {
		if p.got.name == name {
			return p, nil
		}
	}
	return portPair{}, noSuch(fmt.Sprintf("the models have no input %q", name), name, names)
}

func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "is not a regular file")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		if pe, ok := err.(*os.PathError); ok {
			err = pe.Err
		}
		return nil, &onnxpb.Error{File: path, Err: err}
	}
	return data, nil
}
