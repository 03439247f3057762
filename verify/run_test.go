package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/verify"
)

// source parses a model.
func source(t testing.TB, graph string) verify.Source {
	t.Helper()
	m, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\": 17]>\n" + graph)
	if err != nil {
		t.Fatal(err)
	}
	return verify.Source{Model: m}
}

// npyFile writes an array and returns its file as an input.
func npyFile(t testing.TB, name string, a *onnxpb.Array) verify.InputFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.npy")
	if err := onnxpb.WriteTo(path, func(w io.Writer) error { return verify.WriteNPY(w, a) }); err != nil {
		t.Fatal(err)
	}
	return verify.InputFile{Name: name, Path: path}
}

func refused(t *testing.T, err error, kind onnxpb.Kind, parts ...string) {
	t.Helper()
	if err == nil || onnxpb.KindOf(err) != kind {
		t.Errorf("error %v of kind %v, want kind %v", err, onnxpb.KindOf(err), kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

const weighted = `g (float[N,3] x) => (float[N,3] y, int64[N] top) <float[3] w = {1,-2,3}> { a = Mul(x, w)  y = Add(a, x)  top = ArgMax<axis = 1, keepdims = 0>(y) }`

// What comes out is what arithmetic by hand gives.
func TestRunByHand(t *testing.T) {
	e := testengine.New(t)
	x := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 2, 3, -1, 0.5, 0})
	r, err := verify.Run(e, source(t, weighted), verify.RunOptions{Files: []verify.InputFile{npyFile(t, "", x)}, Fetch: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]*onnxpb.Array{
		"y": onnxpb.ArrayOf([]int64{2, 3}, []float32{2, -2, 12, -2, -0.5, 0}),
		"a": onnxpb.ArrayOf([]int64{2, 3}, []float32{1, -4, 9, -1, -1, 0}), "top": onnxpb.ArrayOf([]int64{2}, []int64{2, 2}),
	}
	for name, w := range want {
		if got := r.Values[0][name]; got == nil || !reflect.DeepEqual(got.Array, w) {
			t.Errorf("%s is %v, want %v", name, got, w)
		}
	}
	if !slices.Equal(r.Names, []string{"y", "top", "a"}) || len(r.Outputs) != 3 || r.Batch != 2 || r.Samples != 1 {
		t.Errorf("%v %+v", r.Names, r)
	}
	y := r.Outputs[0]
	// The mean of 2 -2 12 -2 -0.5 0 is 9.5/6; the squares add up to 156.25.
	mean := 9.5 / 6
	if y.Name != "y" || y.Type != "float32" || y.Shape != "[2,3]" || y.Inner || y.Min != -2 || y.Max != 12 || y.Zeros != 1 || y.Elements != 6 ||
		math.Abs(float64(y.Mean)-mean) > 1e-12 || y.L2 != 12.5 || math.Abs(float64(y.Std)-math.Sqrt(156.25/6-mean*mean)) > 1e-12 {
		t.Errorf("%+v %+v", y, y.Moments)
	}
	if !r.Outputs[2].Inner || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the inner values are outputs") {
		t.Errorf("%+v, notes %q", r.Outputs[2], r.Notes)
	}
	var fed bytes.Buffer // what its hash is of: the kind, the type and shape, the elements
	fed.WriteString("tensor 0\nfloat32[2,3]\n")
	for _, v := range x.Data.([]float32) {
		binary.Write(&fed, binary.LittleEndian, v)
	}
	if in := r.Inputs[0]; in != (verify.RunInput{Name: "x", Type: "float32", Shape: "[2,3]", Batch: true, Values: "file", SHA256: fmt.Sprintf("%x", sha256.Sum256(fed.Bytes()))}) {
		t.Errorf("input %+v", in)
	}
	if len(r.RunSeconds) != 1 || r.Engine.Version == "" || len(r.Model.SHA256) != 64 || r.Optimization != "all" {
		t.Errorf("%+v", r)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "y      float32  [2,3]  -2   12   1.58333   4.85126  0    0\n") {
		t.Errorf("%s, error %v", b.String(), err)
	}
	b.Reset()
	if err := r.WriteValues(&b); err != nil || !strings.Contains(b.String(), "\ny float32[2,3]:\n[[ 2.  -2.  12. ]\n [-2.  -0.5  0. ]]\n") {
		t.Errorf("%s, error %v", b.String(), err)
	}
	data, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(data), `"schema":"onnxtool.run/1"`) || !strings.Contains(string(data), `"min":-2`) {
		t.Errorf("%s, error %v", data, err)
	}
}

// Which values are given.
func TestRunNames(t *testing.T) {
	e := testengine.New(t)
	s := source(t, `g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1,2}> { "l1/a" = Mul(x, w)  "l1/b" = Neg("l1/a")  "l2/a" = Abs("l1/b")  y = Relu("l2/a")  z = Neg(y) }`)
	for _, c := range []struct {
		o    verify.RunOptions
		want string
	}{
		{verify.RunOptions{}, "y z"},
		{verify.RunOptions{Outputs: []string{"z"}}, "z"},
		{verify.RunOptions{Outputs: []string{"z", "z"}, Fetch: []string{"w", "x", "y"}}, "z w x y"},
		{verify.RunOptions{Fetch: []string{"l1/*"}}, "y z l1/a l1/b"},
		{verify.RunOptions{Fetch: []string{"l?/a"}}, "y z l1/a l2/a"},
		{verify.RunOptions{Fetch: []string{"re:.*b|l2.*"}}, "y z l1/b l2/a"},
		{verify.RunOptions{FetchAll: true, Outputs: []string{"z"}}, "z l1/a l1/b l2/a y"},
	} {
		r, err := verify.Run(e, s, c.o)
		if err != nil {
			t.Errorf("%+v: %v", c.o, err)
			continue
		}
		if got := strings.Join(r.Names, " "); got != c.want || len(r.Values[0]) != len(r.Names) {
			t.Errorf("%+v gives %q (%d values), want %q", c.o, got, len(r.Values[0]), c.want)
		}
	}
	for _, c := range []struct {
		o     verify.RunOptions
		kind  onnxpb.Kind
		parts []string
	}{
		{verify.RunOptions{Outputs: []string{"zz"}}, onnxpb.Unfit, []string{`no output "zz"`, "did you mean z"}},
		{verify.RunOptions{Outputs: []string{"l1/a"}}, onnxpb.Unfit, []string{`no output "l1/a"`, "--fetch"}},
		{verify.RunOptions{Fetch: []string{"l1/c"}}, onnxpb.Unfit, []string{`no tensor "l1/c"`, "did you mean l1/"}},
		{verify.RunOptions{Fetch: []string{"q*"}}, onnxpb.Unfit, []string{"called like q*"}},
		{verify.RunOptions{Fetch: []string{"re:("}}, onnxpb.Usage, []string{"no regular expression"}},
		{verify.RunOptions{Ranges: map[string]verify.Range{"q": {Lo: 0, Hi: 1}}}, onnxpb.Unfit, []string{"the model has no such input"}},
		{verify.RunOptions{Files: []verify.InputFile{{Name: "q", Path: "q.npy"}}}, onnxpb.Unfit, []string{`the model has no input "q"`}},
	} {
		_, err := verify.Run(e, s, c.o)
		refused(t, err, c.kind, c.parts...)
	}
	if r, err := verify.Run(e, s, verify.RunOptions{DropValues: true, Samples: 3}); err != nil || len(r.Values) != 0 || len(r.Outputs) != 6 || r.Outputs[5].Sample != 2 {
		t.Errorf("%+v, error %v", r, err)
	}
}

// Sample i is what seed S+i gives, and the inputs are those that Generate makes.
func TestRunSamples(t *testing.T) {
	e := testengine.New(t)
	o := verify.RunOptions{Seed: 5, Samples: 3, Batch: 2, Fetch: []string{"x"}, Ranges: map[string]verify.Range{"x": {Lo: 10, Hi: 20}}}
	r, err := verify.Run(e, source(t, weighted), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Values) != 3 || len(r.RunSeconds) != 3 || r.Inputs[0].Values != "uniform 10..20" {
		t.Fatalf("%+v", r)
	}
	for i, values := range r.Values {
		want, err := verify.Run(e, source(t, weighted), verify.RunOptions{Seed: 5 + uint64(i), Batch: 2, Fetch: []string{"x"}, Ranges: o.Ranges})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(values, want.Values[0]) {
			t.Errorf("sample %d is not what seed %d gives", i, 5+i)
		}
		for _, v := range values["x"].Array.Data.([]float32) {
			if v < 10 || v > 20 {
				t.Errorf("an element is %v", v)
			}
		}
	}
	if reflect.DeepEqual(r.Values[0], r.Values[1]) {
		t.Error("two samples are the same")
	}
}

func TestRunBatch(t *testing.T) {
	e := testengine.New(t)
	fixed := source(t, `g (float[2,3] x) => (float[2,3] y) { y = Neg(x) }`)
	if r, err := verify.Run(e, fixed, verify.RunOptions{}); err != nil || r.Batch != 2 {
		t.Errorf("%+v, error %v", r, err)
	}
	if r, err := verify.Run(e, fixed, verify.RunOptions{Batch: 2}); err != nil || r.Batch != 2 {
		t.Errorf("%+v, error %v", r, err)
	}
	for _, b := range []int64{1, 4} { // a multiple too: a model is run once
		_, err := verify.Run(e, fixed, verify.RunOptions{Batch: b})
		refused(t, err, onnxpb.Unfit, "the model's batch is fixed to 2", "setbatch")
	}
	_, err := verify.Run(e, fixed, verify.RunOptions{Batch: -1})
	refused(t, err, onnxpb.Usage, "batch -1")
	rows := onnxpb.ArrayOf([]int64{5, 3}, make([]float32, 15))
	rows.Data.([]float32)[0] = 7
	_, err = verify.Run(e, fixed, verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", rows)}})
	refused(t, err, onnxpb.Unfit, "the file has 5 rows, and the model's batch is fixed to 2", "--batch 2 takes the first rows")
	r, err := verify.Run(e, fixed, verify.RunOptions{Batch: 2, Files: []verify.InputFile{npyFile(t, "x", rows)}})
	if err != nil || r.Values[0]["y"].Array.Data.([]float32)[0] != -7 || r.Outputs[0].Shape != "[2,3]" {
		t.Errorf("%+v, error %v", r, err)
	}
	_, err = verify.Run(e, fixed, verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", onnxpb.ArrayOf([]int64{1, 3}, make([]float32, 3)))}})
	refused(t, err, onnxpb.Unfit, "the file has 1 rows, and the model's batch is fixed to 2")
	r, err = verify.Run(e, source(t, weighted), verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", onnxpb.ArrayOf([]int64{0, 3}, []float32{}))}})
	if err != nil || r.Outputs[0].Shape != "[0,3]" || r.Outputs[0].Elements != 0 || r.Outputs[0].Moments != nil {
		t.Errorf("of no rows: %+v, error %v", r, err)
	}
	scalar := source(t, `g (float x) => (float y) { y = Neg(x) }`)
	_, err = verify.Run(e, scalar, verify.RunOptions{Batch: 2})
	refused(t, err, onnxpb.Unfit, "the model has no input with a leading dimension")
	if r, err := verify.Run(e, scalar, verify.RunOptions{}); err != nil || r.Batch != 0 || r.Outputs[0].Shape != "[]" {
		t.Errorf("%+v, error %v", r, err)
	}
	free := source(t, `g (float[N,L] x) => (float[N,L] y) { y = Neg(x) }`)
	_, err = verify.Run(e, free, verify.RunOptions{})
	refused(t, err, onnxpb.Unfit, "dimensions without a number: L", "--dims L=")
	if r, err := verify.Run(e, free, verify.RunOptions{Batch: 3, Dims: map[string]int64{"L": 4}}); err != nil || r.Outputs[0].Shape != "[3,4]" {
		t.Errorf("%+v, error %v", r, err)
	}
	_, err = verify.Run(e, source(t, `g (float[2,3] x) => (float[2,3] y) { y = NoSuchOperator(x) }`), verify.RunOptions{})
	refused(t, err, onnxpb.Engine, "NoSuchOperator")
}

const several = `g (float[2] x) => (float[2] y, seq(float[2]) s, optional(float[2]) o) { y = Neg(x)  s = SequenceConstruct(x, y)  o = Optional(x) }`

// Every form in which values are saved gives them back.
func TestRunSave(t *testing.T) {
	e := testengine.New(t)
	x := onnxpb.ArrayOf([]int64{2}, []float32{1, -2})
	minus := onnxpb.ArrayOf([]int64{2}, []float32{-1, 2})
	o := verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", x)}}
	s := source(t, several)
	r, err := verify.Run(e, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Outputs) != 4 || r.Outputs[1].Path != "[0]" || r.Outputs[2].Path != "[1]" || r.Outputs[2].Max != 2 {
		t.Errorf("%+v", r.Outputs)
	}
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) []byte {
		t.Helper()
		data, err := os.ReadFile(path)
		must(err)
		return data
	}
	npz := filepath.Join(dir, "all.npz")
	must(r.Save(npz))
	arrays, err := verify.ReadNPZ(read(npz), func(string) onnxpb.TensorProto_DataType { return onnxpb.TensorProto_FLOAT })
	must(err)
	if want := map[string]*onnxpb.Array{"y": minus, "s[0]": x, "s[1]": minus, "o": x}; !reflect.DeepEqual(arrays, want) {
		t.Errorf("the archive holds %v", arrays)
	}
	folder := filepath.Join(dir, "a", "b")
	must(r.Save(folder))
	if a, err := verify.ReadNPY(read(filepath.Join(folder, "y.npy")), 0); err != nil || !reflect.DeepEqual(a, minus) {
		t.Errorf("y.npy holds %v, error %v", a, err)
	}
	types := map[string]*onnxpb.TypeProto{}
	for _, v := range s.Model.Graph.Output {
		types[v.GetName()] = v.Type
	}
	v, err := onnxpb.ReadValue(filepath.Join(folder, "s.pb"), types["s"])
	must(err)
	if len(v.Elems) != 2 || !reflect.DeepEqual(v.Elems[1].Array, minus) {
		t.Errorf("s.pb holds %v", v)
	}
	if want := []string{npz, filepath.Join(folder, "y.npy"), filepath.Join(folder, "s.pb"), filepath.Join(folder, "o.npy")}; !slices.Equal(r.Files, want) {
		t.Errorf("files %q, want %q", r.Files, want)
	}
	refused(t, r.Save(filepath.Join(dir, "y.npy")), onnxpb.Usage, "holds one value, there are 3", "--only")
	for _, name := range []string{"y", "s", "o"} {
		o.Outputs = []string{name}
		one, err := verify.Run(e, s, o)
		must(err)
		pb := filepath.Join(dir, name+".pb")
		must(one.Save(pb))
		v, err := onnxpb.ReadValue(pb, types[name])
		must(err)
		if !reflect.DeepEqual(v, one.Values[0][name]) {
			t.Errorf("%s holds %v, want %v", pb, v, one.Values[0][name])
		}
		err = one.Save(filepath.Join(dir, name+".npy"))
		if name == "s" {
			refused(t, err, onnxpb.Unfit, "is a sequence", ".pb file")
		} else if must(err); !bytes.Contains(read(filepath.Join(dir, name+".npy")), []byte("'<f4'")) {
			t.Errorf("%s.npy holds no floats", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "s.npy")); err == nil {
		t.Error("a file was left that could not be written")
	}
}

func TestRunSaveSamples(t *testing.T) {
	e := testengine.New(t)
	r, err := verify.Run(e, source(t, weighted), verify.RunOptions{Samples: 2, Outputs: []string{"y"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "all.npz")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := verify.ReadNPZ(data, func(string) onnxpb.TensorProto_DataType { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	for i, sample := range []string{"sample_0", "sample_1"} {
		want := r.Values[i]["y"].Array
		if !reflect.DeepEqual(arrays[sample+"/y"], want) {
			t.Errorf("%s/y of the archive is %v", sample, arrays[sample+"/y"])
		}
		one, err := os.ReadFile(filepath.Join(dir, sample, "y.npy"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := verify.ReadNPY(one, 0); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s/y.npy holds %v, error %v", sample, got, err)
		}
	}
}

// A folder of which one file cannot be written is taken away, and what was there stays.
func TestRunSaveAllOrNothing(t *testing.T) {
	e := testengine.New(t)
	r, err := verify.Run(e, source(t, `g (float[2] x) => (float[2] y, string[1] s) <string[1] s = {"a"}> { y = Neg(x) }`), verify.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.Values[0]["s"] = onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []string{"\xff"}))
	dir := t.TempDir()
	refused(t, r.Save(filepath.Join(dir, "new", "folder")), onnxpb.Unfit, "UTF-8")
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v was left", entries)
	}
	if err := os.WriteFile(filepath.Join(dir, "other.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	refused(t, r.Save(dir), onnxpb.Unfit, "UTF-8")
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || entries[0].Name() != "other.txt" {
		t.Errorf("the folder holds %v", entries)
	}
	for _, path := range []string{"-", "out.txt", filepath.Join(dir, "other.txt")} {
		refused(t, verify.CheckSave(path), onnxpb.Usage)
	}
	for _, path := range []string{"a.npz", "a.NPY", "a.pb", "folder", "fold.er/", dir} {
		if err := verify.CheckSave(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// failing is an engine that opens no model with a given output, and may refuse all.
type failing struct {
	verify.Engine
	output string
	opened int
}

var errOutput = errors.New("this output cannot be given")

func (f *failing) Open(s verify.Source, o verify.SessionOptions) (verify.Session, error) {
	f.opened++
	for _, v := range s.Model.Graph.Output {
		if v.GetName() == f.output {
			return nil, &onnxpb.Error{Kind: onnxpb.Engine, Err: errOutput}
		}
	}
	return f.Engine.Open(s, o)
}
