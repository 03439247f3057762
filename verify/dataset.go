package verify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// DataSet is one recorded run of a model: the values of its inputs and of its outputs, as ONNX's test data sets hold them.
type DataSet struct {
	// Dir is the folder (or the .npz file) that it was read from.
	Dir string
	// InputNames are the model's inputs that Inputs are for, one each, in the model's order; OutputNames are all of its outputs.
	InputNames, OutputNames []string
	Inputs, Outputs         []*onnxpb.Value
}

// setPrefix is how the folder of a data set is called, before its number; and oldPrefix how an archive of NumPy is that holds one, in models of old.
const (
	setPrefix = "test_data_set_"
	oldPrefix = "test_data_"
)

// DataSets lists the data sets of a model's folder: its folders test_data_set_N, in the order of their numbers, then archives test_data_N.npz. Paths begin with dir.
// There may be none.
func DataSets(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileError(dir, err)
	}
	var sets, old []string
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, setPrefix) && isDir(filepath.Join(dir, name), e):
			sets = append(sets, name)
		case strings.HasPrefix(name, oldPrefix) && strings.HasSuffix(name, ".npz"):
			old = append(old, name)
		}
	}
	sortByNumber(sets, setPrefix, "")
	sortByNumber(old, oldPrefix, ".npz")
	paths := append(sets, old...)
	for i, name := range paths {
		paths[i] = filepath.Join(dir, name)
	}
	return paths, nil
}

// isDir tells whether an entry is a folder or a link to one.
func isDir(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// sortByNumber sorts names by the numbers in them; those without one come last.
func sortByNumber(names []string, prefix, suffix string) {
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(s, prefix), suffix), 10, 63)
		if err != nil {
			return 1 << 63
		}
		return n
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
	})
}

// ReadDataSet reads a data set of a model: a folder with input_0.pb, output_0.pb and so on, each a TensorProto, SequenceProto, MapProto or OptionalProto as the model
// declares, or an archive test_data_0.npz with the arrays inputs and outputs, as models of old have them (of one shape each: others stand there as Python objects, which are
// refused).
//
// Values belong to the inputs and outputs of the model by their numbers, whatever names are written in them. Inputs that an initializer gives a value are not
// counted, unless there are more files than other inputs: then all are, as ONNX's own runner has it. Every output must be there.
//
// Errors are of kind Unfit and name the file: a number is missing, there are more files than inputs or outputs, a file is damaged, an input is of another element
// type than the model declares. Shapes, and types of outputs, are left to the run and the comparison.
func ReadDataSet(dir string, m *onnxpb.ModelProto) (*DataSet, error) {
	if strings.HasSuffix(dir, ".npz") {
		return readOldSet(dir, m)
	}
	inputs, err := numberedFiles(dir, "input_")
	if err != nil {
		return nil, err
	}
	outputs, err := numberedFiles(dir, "output_")
	if err != nil {
		return nil, err
	}
	in, err := setInputs(m, len(inputs))
	if err != nil {
		return nil, onnxpb.InFile(err, dir)
	}
	out, err := setOutputs(m, len(outputs))
	if err != nil {
		return nil, onnxpb.InFile(err, dir)
	}
	d := &DataSet{Dir: dir, InputNames: portNames(in), OutputNames: portNames(out)}
	if d.Inputs, err = readValues(inputs, in); err != nil {
		return nil, err
	}
	for i, p := range in {
		if err := checkRecorded(d.Inputs[i], p); err != nil {
			return nil, onnxpb.InFile(err, inputs[i])
		}
	}
	if d.Outputs, err = readValues(outputs, out); err != nil {
		return nil, err
	}
	return d, nil
}

// numberedFiles lists PREFIX0.pb, PREFIX1.pb, ... of a folder, none of which may be missing.
func numberedFiles(dir, prefix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileError(dir, err)
	}
	at := map[int]string{}
	last := -1
	for _, e := range entries {
		middle, isOurs := strings.CutPrefix(e.Name(), prefix)
		middle, isValue := strings.CutSuffix(middle, ".pb")
		if !isOurs || !isValue {
			continue
		}
		n, err := strconv.ParseUint(middle, 10, 31)
		if err != nil {
			return nil, &onnxpb.Error{File: filepath.Join(dir, e.Name()), Msg: "has no number: which value it is for is not clear", Hint: "call it " + prefix + "0.pb, by the position of the value"}
		}
		if other, twice := at[int(n)]; twice {
			return nil, &onnxpb.Error{File: dir, Msg: fmt.Sprintf("%s and %s are both number %d", other, e.Name(), n)}
		}
		at[int(n)] = e.Name()
		last = max(last, int(n))
	}
	list := make([]string, 0, len(at))
	for i := range len(at) {
		if at[i] == "" {
			return nil, &onnxpb.Error{File: dir, Msg: fmt.Sprintf("%s%d.pb is missing: the folder has %s", prefix, i, at[last])}
		}
		list = append(list, filepath.Join(dir, at[i]))
	}
	return list, nil
}

// setInputs returns the inputs of a model that n recorded values are for.
func setInputs(m *onnxpb.ModelProto, n int) ([]port, error) {
	required := inputsOf(m)
	if n == len(required) {
		return required, nil
	}
	var all []port
	for _, v := range m.GetGraph().GetInput() {
		all = append(all, portOf(v))
	}
	switch {
	case n < len(required):
		return nil, &onnxpb.Error{Tensor: required[n].name, Msg: fmt.Sprintf("input_%d.pb is missing: the data set has %s, the model needs %d", n, count(n, "input"), len(required))}
	case n > len(all):
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the data set has %s, the model %d", count(n, "input"), len(all))}
	}
	for _, p := range required {
		if !contains(portNames(all[:n]), p.name) {
			return nil, &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("there is no value for this input, number %d of the model's: the data set has %s", index(all)[p.name], count(n, "input"))}
		}
	}
	return all[:n], nil
}

func setOutputs(m *onnxpb.ModelProto, n int) ([]port, error) {
	out := outputsOf(m)
	switch {
	case n < len(out):
		return nil, &onnxpb.Error{Tensor: out[n].name, Msg: fmt.Sprintf("output_%d.pb is missing: the data set has %s, the model %d", n, count(n, "output"), len(out))}
	case n > len(out):
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the data set has %s, the model %d", count(n, "output"), len(out))}
	}
	return out, nil
}

// count writes a number of things: "no inputs", "1 input", "3 inputs".
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func readValues(files []string, ports []port) ([]*onnxpb.Value, error) {
	var list []*onnxpb.Value
	for i, f := range files {
		v, err := onnxpb.ReadValue(f, ports[i].typ)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// checkRecorded holds the element type of a recorded input to the declared one.
func checkRecorded(v *onnxpb.Value, p port) error {
	if v.Kind == onnxpb.KindTensor && v.Array != nil && p.elem != onnxpb.TensorProto_UNDEFINED && v.Array.Type != p.elem {
		return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("the file holds %s%s, the input takes %s", onnxpb.TypeName(v.Array.Type), shapeText(v.Array.Dims), onnxpb.TypeName(p.elem))}
	}
	for _, e := range v.Elems {
		if err := checkRecorded(e, p); err != nil {
			return err
		}
	}
	return nil
}

// readOldSet reads test_data_0.npz: an array inputs with the values of all inputs under each other, and outputs.
func readOldSet(path string, m *onnxpb.ModelProto) (*DataSet, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	arrays, err := ReadNPZ(data, func(name string) onnxpb.TensorProto_DataType {
		ports := inputsOf(m)
		if name == "outputs" {
			ports = outputsOf(m)
		}
		if len(ports) == 0 {
			return onnxpb.TensorProto_UNDEFINED
		}
		return ports[0].elem
	})
	if err != nil {
		return nil, onnxpb.InFile(err, path)
	}
	d := &DataSet{Dir: path}
	for _, side := range []struct {
		name   string
		ports  func(*onnxpb.ModelProto, int) ([]port, error)
		names  *[]string
		values *[]*onnxpb.Value
	}{{"inputs", setInputs, &d.InputNames, &d.Inputs}, {"outputs", setOutputs, &d.OutputNames, &d.Outputs}} {
		a := arrays[side.name]
		if a == nil || len(a.Dims) == 0 {
			return nil, &onnxpb.Error{File: path, Msg: "the archive has no array " + side.name + " of several dimensions"}
		}
		ports, err := side.ports(m, int(a.Dims[0]))
		if err != nil {
			return nil, onnxpb.InFile(err, path)
		}
		*side.names = portNames(ports)
		for i, p := range ports {
			row, err := rows(a, int64(i), int64(i+1))
			if err == nil && side.name == "inputs" {
				err = checkRecorded(onnxpb.TensorVal(row), p)
			}
			if err != nil {
				return nil, onnxpb.InFile(err, path)
			}
			row.Dims = row.Dims[1:]
			*side.values = append(*side.values, onnxpb.TensorVal(row))
		}
	}
	return d, nil
}

// Write writes the files of a data set of a model into a folder, which it makes and which must not be there yet. The same values give the same bytes. An error leaves the folder
// as far as it was written. It is of kind Unfit: the folder or a file cannot be made, or a value is not what the model declares or past what protobuf can hold (2 GiB).
func (d *DataSet) Write(dir string, m *onnxpb.ModelProto) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return fileError(dir, err)
	}
	types := map[string]*onnxpb.TypeProto{}
	for _, v := range append(slices.Clone(m.GetGraph().GetInput()), m.GetGraph().GetOutput()...) {
		types[v.GetName()] = v.GetType()
	}
	for _, side := range []struct {
		prefix string
		names  []string
		values []*onnxpb.Value
	}{{"input_", d.InputNames, d.Inputs}, {"output_", d.OutputNames, d.Outputs}} {
		for i, name := range side.names {
			path := filepath.Join(dir, fmt.Sprintf("%s%d.pb", side.prefix, i))
			if err := writeValue(path, name, side.values[i], types[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeValue(path, name string, v *onnxpb.Value, t *onnxpb.TypeProto) error {
	msg, err := valueMessage(name, v, t)
	if err != nil {
		return err
	}
	if proto.Size(msg) >= 1<<31 {
		return &onnxpb.Error{Tensor: name, Msg: "the value is of 2 GiB or more, which no .pb file can hold"}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return &onnxpb.Error{Tensor: name, Msg: "the value cannot be encoded", Err: err}
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		return fileError(path, err)
	}
	return nil
}

// inputs returns the inputs by name, as a session takes them.
func (d *DataSet) inputs() map[string]*onnxpb.Value { return byName(d.InputNames, d.Inputs) }

// outputs returns the outputs by name.
func (d *DataSet) outputs() map[string]*onnxpb.Value { return byName(d.OutputNames, d.Outputs) }

func byName(names []string, values []*onnxpb.Value) map[string]*onnxpb.Value {
	m := make(map[string]*onnxpb.Value, len(names))
	for i, name := range names {
		m[name] = values[i]
	}
	return m
}

// fileError tells what the system says of a file or folder.
func fileError(path string, err error) error {
	var e *onnxpb.Error
	if errors.As(err, &e) {
		return err
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &onnxpb.Error{File: path, Err: err}
}
