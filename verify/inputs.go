package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"onnxtool/onnxpb"
)

// InputFile gives an input from a file, or all of them from a folder: .npy (one array), .npz (an archive of arrays), .pb (a TensorProto, SequenceProto or
// OptionalProto, as in ONNX's test data sets), .png, .jpg and .jpeg (a picture, see ReadImage), .bin and .raw (elements alone, see ReadRaw), or a folder of a test data
// set with input_0.pb, input_1.pb, ...
type InputFile struct {
	// Name is the input, by its name in the reference (or in the other model, if it has another name there). Without a name, each array of an .npz is the
	// input of its own name, the files of a folder are those of the inputs by position, and any other file is the only input there is.
	Name string
	Path string
}

// inputExtensions are the files that give inputs.
var inputExtensions = []string{".npy", ".npz", ".pb", ".png", ".jpg", ".jpeg", ".bin", ".raw"}

// ParseInputFile reads NAME=FILE, FILE or FOLDER.
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
	if isFolder(f.Path) {
		if f.Name != "" {
			return f, onnxpb.Errorf(onnxpb.Usage, "--inputs %s: a folder gives the inputs by position (leave the name out)", s)
		}
		return f, nil
	}
	if !contains(inputExtensions, extension(f.Path)) {
		return f, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--inputs %s: the file is %s", s, notKnown())}
	}
	return f, nil
}

// notKnown tells what a file of another kind is not: "neither .npy nor .npz ...".
func notKnown() string {
	return "neither " + strings.Join(inputExtensions, " nor ") + " nor a folder of a test data set"
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// readInputs reads the values of the matched inputs that files give, by the reference's names.
func readInputs(files []InputFile, pairs []portPair) (map[string]*onnxpb.Value, error) {
	return readInputsWith(files, pairs, nil, nil)
}

// readInputsWith is readInputs with the numbers of free dimensions that the caller gives, as newPlan takes them, and the ranges, by the reference's names: pictures
// are resized and scaled to them, raw files have their shape of them.
func readInputsWith(files []InputFile, pairs []portPair, dims map[string]int64, ranges map[string]Range) (map[string]*onnxpb.Value, error) {
	r := &inputReader{pairs: pairs, dims: dims, ranges: ranges, values: map[string]*onnxpb.Value{}, pictures: map[string]bool{}}
	for _, f := range files {
		if err := r.read(f); err != nil {
			return nil, onnxpb.InFile(err, f.Path)
		}
	}
	return r.values, nil
}

// inputReader gathers the values that files give.
type inputReader struct {
	pairs    []portPair
	dims     map[string]int64
	ranges   map[string]Range
	values   map[string]*onnxpb.Value // by the reference's names
	pictures map[string]bool          // which of them are pictures
}

func (r *inputReader) put(p portPair, v *onnxpb.Value) error {
	if r.values[p.ref.name] != nil {
		return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: p.ref.name, Msg: "two files give this input"}
	}
	r.values[p.ref.name] = v
	return nil
}

func (r *inputReader) read(f InputFile) error {
	ext := extension(f.Path)
	switch {
	case f.Name == "" && isFolder(f.Path):
		return r.readFolder(f.Path)
	case ext == ".npz" && f.Name == "":
		return r.readArchive(f.Path)
	}
	p, err := filePort(f.Name, r.pairs)
	if err != nil {
		return err
	}
	if ext == ".pb" {
		v, err := onnxpb.ReadValue(f.Path, p.ref.typ)
		if err != nil {
			return err
		}
		return r.put(p, v)
	}
	if !p.ref.tensor {
		return &onnxpb.Error{Tensor: p.ref.name, Msg: "the input is no tensor", Hint: "give it as a .pb file (a SequenceProto or OptionalProto)"}
	}
	switch ext {
	case ".png", ".jpg", ".jpeg":
		return r.readPicture(f.Path, p)
	case ".bin", ".raw":
		return r.readRaw(f.Path, p)
	case ".npy", ".npz":
		return r.readNumPy(f.Path, p)
	}
	return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the file is " + notKnown()}
}

func (r *inputReader) readNumPy(path string, p portPair) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	var a *onnxpb.Array
	if extension(path) == ".npy" {
		a, err = ReadNPY(data, p.ref.elem)
	} else {
		a, err = onlyArray(data, p)
	}
	if err != nil {
		return err
	}
	return r.put(p, onnxpb.TensorVal(a))
}

// readPicture reads a picture. Several for one input are the rows of a batch, in the order given.
func (r *inputReader) readPicture(path string, p portPair) error {
	dims, ok := r.declared(p)
	if !ok {
		return &onnxpb.Error{Tensor: p.ref.name, Msg: "neither model declares the shape of this input: a picture cannot be made into it", Hint: "give it as .npy"}
	}
	a, err := readImageFile(path, ImageSpec{Type: elemOfPair(p), Dims: dims, Range: rangeFor(r.ranges, p.ref.name)})
	if err != nil {
		return inTensor(err, p.ref.name)
	}
	if before := r.values[p.ref.name]; before != nil && r.pictures[p.ref.name] && len(dims) == 4 {
		if a, err = stack([]*onnxpb.Array{before.Array, a}); err != nil {
			return &onnxpb.Error{Tensor: p.ref.name, Msg: "the pictures are not of one size, and the model leaves it free", Err: err, Hint: "give the size: --dims " + p.ref.name + "[AXIS]=NUMBER,..."}
		}
		r.values[p.ref.name] = onnxpb.TensorVal(a)
		return nil
	}
	r.pictures[p.ref.name] = true
	return r.put(p, onnxpb.TensorVal(a))
}

func (r *inputReader) readRaw(path string, p portPair) error {
	dims, ok := r.declared(p)
	if !ok {
		return &onnxpb.Error{Tensor: p.ref.name, Msg: "neither model declares the shape of this input: a raw file does not tell it", Hint: "give it as .npy"}
	}
	a, err := readRawFile(path, elemOfPair(p), dims)
	if err != nil {
		return inTensor(err, p.ref.name)
	}
	return r.put(p, onnxpb.TensorVal(a))
}

// readFolder reads input_0.pb, input_1.pb, ... of a folder, the inputs by position. It may have fewer than there are: the others come from other files, or are generated.
func (r *inputReader) readFolder(dir string) error {
	files, err := numberedFiles(dir, "input_")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		e := &onnxpb.Error{Msg: "the folder holds no input_0.pb"}
		if sets, err := DataSets(dir); err == nil && len(sets) > 0 {
			e.Hint = "give one of the test data sets in it, such as " + sets[0]
		}
		return e
	}
	if len(files) > len(r.pairs) {
		return onnxpb.Errorf(onnxpb.Unfit, "the folder holds %s, the models have %d", count(len(files), "input"), len(r.pairs))
	}
	for i, f := range files {
		v, err := onnxpb.ReadValue(f, r.pairs[i].ref.typ)
		if err == nil {
			err = r.put(r.pairs[i], v)
		}
		if err != nil {
			return onnxpb.InFile(err, f)
		}
	}
	return nil
}

// declared returns the shape of an input: the numbers of either model and of the caller, and else what is free; false where neither model tells the rank. The
// leading dimension is free too where the models fix it to different numbers: it is the batch.
func (r *inputReader) declared(p portPair) ([]onnxpb.Dim, bool) {
	sides := []port{p.ref, p.got}
	if !p.ref.ranked {
		sides = sides[1:]
	}
	if !sides[0].ranked {
		return nil, false
	}
	dims := append([]onnxpb.Dim(nil), sides[0].dims...)
	for axis := range dims {
		for _, side := range sides {
			if axis < len(side.dims) && !dims[axis].Known {
				dims[axis] = r.number(side, axis, dims[axis])
			}
		}
	}
	a, okRef := leading(p.ref)
	b, okGot := leading(p.got)
	if okRef && okGot && a.Known && b.Known && a.Value != b.Value {
		dims[0] = onnxpb.Dim{}
	}
	return dims, true
}

// number returns a dimension of a port with its number, where the model or the caller gives one; else free.
func (r *inputReader) number(p port, axis int, free onnxpb.Dim) onnxpb.Dim {
	d := p.dims[axis]
	if d.Known {
		return d
	}
	if v, ok := r.dims[d.Param]; ok && d.Param != "" && v >= 0 {
		return onnxpb.Number(v)
	}
	if v, ok := r.dims[fmt.Sprintf("%s[%d]", p.name, axis)]; ok && v >= 0 {
		return onnxpb.Number(v)
	}
	return free
}

func elemOfPair(p portPair) onnxpb.TensorProto_DataType {
	if p.ref.elem != onnxpb.TensorProto_UNDEFINED {
		return p.ref.elem
	}
	return p.got.elem
}

// inTensor names the input in an error that does not tell it yet.
func inTensor(err error, name string) error {
	if e, ok := err.(*onnxpb.Error); ok && e.Tensor == "" && e.File == "" {
		named := *e
		named.Tensor = name
		return &named
	}
	return err
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

func (r *inputReader) readArchive(path string) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	arrays, err := ReadNPZ(data, func(name string) onnxpb.TensorProto_DataType {
		if p, err := filePort(name, r.pairs); err == nil {
			return p.ref.elem
		}
		return onnxpb.TensorProto_UNDEFINED
	})
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(arrays) {
		p, err := filePort(name, r.pairs)
		if err != nil {
			return err
		}
		if err := r.put(p, onnxpb.TensorVal(arrays[name])); err != nil {
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
