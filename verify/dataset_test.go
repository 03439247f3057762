package verify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// writeFile writes a file and the folders that it lies in.
func writeFile(t testing.TB, data []byte, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	err := os.MkdirAll(filepath.Dir(p), 0o777)
	if err == nil {
		err = os.WriteFile(p, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// marshal encodes a message.
func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// floats32 is a vector as the file of a data set holds it, under a name.
func floats32(t testing.TB, name string, v ...float32) []byte {
	t.Helper()
	return marshal(t, &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(1), Dims: []int64{int64(len(v))}, FloatData: v})
}

// putSet writes a data set: each input and each output a vector.
func putSet(t testing.TB, dir string, inputs, outputs [][]float32) {
	t.Helper()
	for i, v := range inputs {
		writeFile(t, floats32(t, "", v...), dir, fmt.Sprintf("input_%d.pb", i))
	}
	for i, v := range outputs {
		writeFile(t, floats32(t, "", v...), dir, fmt.Sprintf("output_%d.pb", i))
	}
}

// TestReadDataSetByPosition: values are for the inputs and outputs in the model's order, whatever names are written in them.
func TestReadDataSetByPosition(t *testing.T) {
	m := declare(t, "m", []string{"a:float32:[N]", "w:float32:[1]", "b:float32:[N]"}, []string{"y:float32:[N]", "z:float32:[N]"}).Model
	m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{1}, []float32{7})}
	dir := t.TempDir()
	writeFile(t, floats32(t, "b", 1, 2), dir, "input_0.pb") // the name of another input
	writeFile(t, floats32(t, "", 3), dir, "input_1.pb")
	writeFile(t, floats32(t, "nothing like it", 4), dir, "output_0.pb")
	writeFile(t, floats32(t, "y", 5), dir, "output_1.pb")
	writeFile(t, []byte("what else lies there"), dir, "README.md")
	d, err := ReadDataSet(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.InputNames, []string{"a", "b"}) || !slices.Equal(d.OutputNames, []string{"y", "z"}) || d.Dir != dir {
		t.Errorf("%q, %q in %s", d.InputNames, d.OutputNames, d.Dir)
	}
	got := map[string]any{}
	for name, v := range d.inputs() {
		got[name] = v.Array.Data
	}
	for name, v := range d.outputs() {
		got[name] = v.Array.Data
	}
	want := map[string]any{"a": []float32{1, 2}, "b": []float32{3}, "y": []float32{4}, "z": []float32{5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// With a file for each, the input that has a default is one of them.
	writeFile(t, floats32(t, "", 9), dir, "input_2.pb")
	if d, err = ReadDataSet(dir, m); err != nil || !slices.Equal(d.InputNames, []string{"a", "w", "b"}) || d.inputs()["b"].Array.Data.([]float32)[0] != 9 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestReadDataSetErrors(t *testing.T) {
	two := declare(t, "m", []string{"a:float32:[N]", "b:float32:[N]"}, []string{"y:float32:[N]", "z:float32:[N]"}).Model
	late := declare(t, "m", []string{"a:float32:[N]", "w:float32:[1]", "v:float32:[1]", "b:float32:[N]"}, []string{"y:float32:[N]"}).Model
	late.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{1}, []float32{7}), onnxpb.TensorOf("v", []int64{1}, []float32{7})}
	one := floats32(t, "", 1)
	full := map[string][]byte{"input_0.pb": one, "input_1.pb": one, "output_0.pb": one, "output_1.pb": one}
	long := floats32(t, "", 1, 2, 3, 4)
	for _, c := range []struct {
		name    string
		m       *onnxpb.ModelProto
		change  map[string][]byte // nil removes
		message []string
	}{
		{"a gap", two, map[string][]byte{"input_0.pb": nil}, []string{"input_0.pb is missing: the folder has input_1.pb"}},
		{"a gap in the outputs", two, map[string][]byte{"output_0.pb": nil}, []string{"output_0.pb is missing: the folder has output_1.pb"}},
		{"the last is missing", two, map[string][]byte{"input_1.pb": nil}, []string{`tensor "b"`, "input_1.pb is missing: the data set has 1 input, the model needs 2"}},
		{"no inputs", two, map[string][]byte{"input_1.pb": nil, "input_0.pb": nil}, []string{`tensor "a"`, "the data set has no inputs"}},
		{"the last output is missing", two, map[string][]byte{"output_1.pb": nil}, []string{`tensor "z"`, "output_1.pb is missing: the data set has 1 output, the model 2"}},
		{"too many inputs", two, map[string][]byte{"input_2.pb": one}, []string{"the data set has 3 inputs, the model 2"}},
		{"too many outputs", two, map[string][]byte{"output_2.pb": one}, []string{"the data set has 3 outputs, the model 2"}},
		{"more than the needed, but not all of these", late, map[string][]byte{"input_2.pb": one, "output_1.pb": nil}, []string{`tensor "b"`, "there is no value for this input, number 3"}},
		{"no number", two, map[string][]byte{"input_x.pb": one}, []string{"input_x.pb: has no number"}},
		{"two of a number", two, map[string][]byte{"input_01.pb": one}, []string{"are both number 1"}},
		{"another type", two, map[string][]byte{"input_1.pb": marshal(t, onnxpb.TensorOf("", []int64{2}, []int64{1, 2}))},
			[]string{"input_1.pb", `tensor "b"`, "the file holds int64[2], the input takes float32"}},
		{"truncated", two, map[string][]byte{"output_1.pb": long[:len(long)-3]}, []string{"output_1.pb: not a TensorProto, or a truncated one"}},
		{"empty", two, map[string][]byte{"input_0.pb": {}}, []string{"input_0.pb"}},
		{"text", two, map[string][]byte{"input_0.pb": []byte("version https://git-lfs.github.com/spec/v1")}, []string{"input_0.pb: not a TensorProto"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, data := range full {
				if _, changed := c.change[name]; !changed {
					writeFile(t, data, dir, name)
				}
			}
			for name, data := range c.change {
				if data != nil {
					writeFile(t, data, dir, name)
				}
			}
			_, err := ReadDataSet(dir, c.m)
			mustFail(t, err, onnxpb.Unfit, append(c.message, dir)...)
		})
	}
	_, err := ReadDataSet(filepath.Join(t.TempDir(), "none"), two)
	mustFail(t, err, onnxpb.Unfit, "none: ", "no such file")
}

// TestReadDataSetTruncated cuts a file at every place: what is not whole is an error or other data, and never more.
func TestReadDataSetTruncated(t *testing.T) {
	m := declare(t, "m", nil, []string{"y:float32:[N]"}).Model
	whole := floats32(t, "y", 1, 2, 3)
	dir := t.TempDir()
	failed := 0
	for n := range len(whole) {
		writeFile(t, whole[:n], dir, "output_0.pb")
		if d, err := ReadDataSet(dir, m); err != nil {
			failed++
		} else if reflect.DeepEqual(d.Outputs[0].Array.Data, []float32{1, 2, 3}) && n < len(whole)-3 { // the name, at the end, is no loss
			t.Errorf("%d of %d bytes hold it all", n, len(whole))
		}
	}
	if failed == 0 {
		t.Error("nothing was refused")
	}
}

func TestDataSets(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"test_data_set_10", "test_data_set_2", "test_data_set_0", "test_data_set_x", "other", ".test_data_set_1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"test_data_set_1", "test_data_11.npz", "test_data_3.npz", "model.onnx"} { // a file is no folder
		writeFile(t, nil, dir, name)
	}
	got, err := DataSets(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"test_data_set_0", "test_data_set_2", "test_data_set_10", "test_data_set_x", "test_data_3.npz", "test_data_11.npz"} {
		want = append(want, filepath.Join(dir, name))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	_, err = DataSets(filepath.Join(dir, "none"))
	mustFail(t, err, onnxpb.Unfit, "none")
}

// npyVectors is an array float32 [len(v), len(v[0])] in NumPy's format.
func npyVectors(v ...[]float32) []byte {
	var b bytes.Buffer
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }\n", len(v), len(v[0]))
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(head)))
	b.WriteString(head)
	for _, row := range v {
		binary.Write(&b, binary.LittleEndian, row)
	}
	return b.Bytes()
}

// TestReadOldDataSet reads test_data_0.npz, in which the values of all inputs stand under each other.
func TestReadOldDataSet(t *testing.T) {
	m := declare(t, "m", []string{"a:float32:[2]", "b:float32:[2]"}, []string{"y:float32:[3]"}).Model
	archive := func(arrays map[string][]byte) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, data := range arrays {
			w, err := z.Create(name + ".npy")
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return writeFile(t, b.Bytes(), t.TempDir(), "test_data_0.npz")
	}
	in, out := npyVectors([]float32{1, 2}, []float32{3, 4}), npyVectors([]float32{5, 6, 7})
	d, err := ReadDataSet(archive(map[string][]byte{"inputs": in, "outputs": out}), m)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float32{{1, 2}, {3, 4}} {
		if a := d.Inputs[i].Array; !reflect.DeepEqual(a.Data, want) || !slices.Equal(a.Dims, []int64{2}) {
			t.Errorf("input %d: %v", i, a)
		}
	}
	if a := d.Outputs[0].Array; !reflect.DeepEqual(a.Data, []float32{5, 6, 7}) || !slices.Equal(a.Dims, []int64{3}) {
		t.Errorf("output: %v", a)
	}
	for _, c := range []struct {
		arrays map[string][]byte
		part   string
	}{
		{map[string][]byte{"inputs": in}, "no array outputs"},
		{map[string][]byte{"inputs": out, "outputs": out}, "input_1.pb is missing"},
		{map[string][]byte{"inputs": in, "outputs": in}, "2 outputs, the model 1"},
		{map[string][]byte{"inputs": in[:20], "outputs": out}, "inputs"},
	} {
		_, err := ReadDataSet(archive(c.arrays), m)
		mustFail(t, err, onnxpb.Unfit, c.part, "test_data_0.npz")
	}
	_, err = ReadDataSet(writeFile(t, []byte("no archive"), t.TempDir(), "test_data_0.npz"), m)
	mustFail(t, err, onnxpb.Unfit, "test_data_0.npz", "not an archive")
}

// anyKind are types and values of every kind that a data set can hold.
func anyKind() (types []*onnxpb.TypeProto, values []*onnxpb.Value) {
	tensor := func(e onnxpb.TensorProto_DataType) *onnxpb.TypeProto {
		return onnxpb.TensorValue("", e, nil).Type
	}
	seq := func(e *onnxpb.TypeProto) *onnxpb.TypeProto {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: e}}}
	}
	opt := func(e *onnxpb.TypeProto) *onnxpb.TypeProto {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: e}}}
	}
	dict := func(k onnxpb.TensorProto_DataType, e *onnxpb.TypeProto) *onnxpb.TypeProto {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: proto.Int32(int32(k)), ValueType: e}}}
	}
	f := func(v ...float32) *onnxpb.Value {
		return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(v))}, v))
	}
	list := func(v ...*onnxpb.Value) *onnxpb.Value {
		return &onnxpb.Value{Kind: onnxpb.KindSequence, Elems: v}
	}
	none := &onnxpb.Value{Kind: onnxpb.KindNone}
	float := tensor(onnxpb.TensorProto_FLOAT)
	scores := &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{2}, []string{"cat", "ä"}), Elems: []*onnxpb.Value{f(1), f(2)}}
	counts := &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{2}, []int64{-7, 1 << 40}), Elems: []*onnxpb.Value{f(1), f(2)}}
	for _, x := range []struct {
		t *onnxpb.TypeProto
		v *onnxpb.Value
	}{
		{float, f(1, -2.5)},
		{float, onnxpb.TensorVal(onnxpb.ArrayOf(nil, []float32{4}))}, // a scalar
		{float, onnxpb.TensorVal(onnxpb.ArrayOf([]int64{0, 3}, []float32{}))},
		{tensor(onnxpb.TensorProto_STRING), onnxpb.TensorVal(onnxpb.ArrayOf([]int64{3}, []string{"", "a", "日本"}))},
		{tensor(onnxpb.TensorProto_INT4), onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_INT4, Dims: []int64{3}, Data: []int8{-8, 7, 1}})},
		{tensor(onnxpb.TensorProto_FLOAT16), onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT16, Dims: []int64{2}, Data: []uint16{0x3c00, 0xfe00}})},
		{tensor(onnxpb.TensorProto_BOOL), onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2}, []bool{true, false}))},
		{tensor(onnxpb.TensorProto_COMPLEX64), onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []complex64{1 - 2i}))},
		{seq(float), list(f(1), f(2, 3))},
		{seq(float), list()},
		{seq(seq(float)), list(list(f(1)), list())},
		{opt(float), f(1)},
		{opt(float), none},
		{opt(seq(float)), list(f(1))},
		{opt(seq(float)), none},
		{seq(opt(float)), list(f(1), none)},
		{dict(onnxpb.TensorProto_STRING, float), scores},
		{seq(dict(onnxpb.TensorProto_INT64, float)), list(counts, counts)},
		{opt(dict(onnxpb.TensorProto_INT64, float)), counts},
	} {
		types, values = append(types, x.t), append(values, x.v)
	}
	return types, values
}

// TestWriteDataSet writes a value of every kind, twice with the same bytes, and reads it again.
func TestWriteDataSet(t *testing.T) {
	types, values := anyKind()
	m := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{}}
	d := &DataSet{}
	for i, typ := range types {
		name := fmt.Sprintf("v%d", i)
		m.Graph.Input = append(m.Graph.Input, &onnxpb.ValueInfoProto{Name: proto.String(name), Type: typ})
		m.Graph.Output = append(m.Graph.Output, &onnxpb.ValueInfoProto{Name: proto.String(name), Type: typ})
		d.InputNames, d.OutputNames = append(d.InputNames, name), append(d.OutputNames, name)
	}
	d.Inputs, d.Outputs = values, values
	first, second := filepath.Join(t.TempDir(), "set"), filepath.Join(t.TempDir(), "set")
	for _, dir := range []string{first, second} {
		if err := d.Write(dir, m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadDataSet(first, m)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range values {
		for _, v := range []*onnxpb.Value{got.Inputs[i], got.Outputs[i]} {
			if !sameValue(want, v) {
				t.Errorf("value %d: %+v became %+v", i, want, v)
			}
		}
		for _, name := range []string{"input", "output"} {
			file := fmt.Sprintf("%s_%d.pb", name, i)
			a, errA := os.ReadFile(filepath.Join(first, file))
			b, errB := os.ReadFile(filepath.Join(second, file))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %v, %v, or not the same twice", file, errA, errB)
			}
		}
	}
	// What other readers go by: the name, and the kind of what a sequence or an optional holds.
	s := &onnxpb.SequenceProto{}
	o := &onnxpb.OptionalProto{}
	for i, msg := range map[int]proto.Message{9: s, 12: o} {
		data, err := os.ReadFile(filepath.Join(first, fmt.Sprintf("output_%d.pb", i)))
		if err == nil {
			err = proto.Unmarshal(data, msg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.GetName() != "v9" || s.GetElemType() != int32(onnxpb.SequenceProto_TENSOR) {
		t.Errorf("an empty sequence of tensors: %v", s)
	}
	if o.GetName() != "v12" || o.GetElemType() != int32(onnxpb.OptionalProto_UNDEFINED) {
		t.Errorf("an optional that holds nothing: %v", o)
	}
	mustFail(t, d.Write(first, m), onnxpb.Unfit, "file exists")
}

// sameValue compares values of any kind exactly, without CompareValues. No elements are no elements, whether the slice is nil or not.
func sameValue(a, b *onnxpb.Value) bool {
	if a.Kind != b.Kind || len(a.Elems) != len(b.Elems) || !sameArray(a.Array, b.Array) || !sameArray(a.Keys, b.Keys) {
		return false
	}
	for i := range a.Elems {
		if !sameValue(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}

func sameArray(a, b *onnxpb.Array) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && slices.Equal(a.Dims, b.Dims) && (a.Len() == 0 && b.Len() == 0 || reflect.DeepEqual(a.Data, b.Data))
}

func TestWriteDataSetErrors(t *testing.T) {
	types, values := anyKind()
	m := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Output: []*onnxpb.ValueInfoProto{{Name: proto.String("y"), Type: types[8]}}}} // a sequence
	write := func(v *onnxpb.Value) error {
		return (&DataSet{OutputNames: []string{"y"}, Outputs: []*onnxpb.Value{v}}).Write(filepath.Join(t.TempDir(), "set"), m)
	}
	mustFail(t, write(values[0]), onnxpb.Unfit, `tensor "y"`, "is of kind tensor, where the model declares sequence")
	mustFail(t, write(nil), onnxpb.Unfit, "there is no value")
	short := onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{3}, Data: []float32{1}})
	mustFail(t, write(&onnxpb.Value{Kind: onnxpb.KindSequence, Elems: []*onnxpb.Value{short}}), onnxpb.Unfit, "element 0", "a tensor of shape [3] holds 1 elements")
}
