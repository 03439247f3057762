package verify

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// compareAll runs Models on fakes.
func compareAll(t *testing.T, e fakeEngine, a, b Source, o Options) *Report {
	t.Helper()
	r, err := Models(e, a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// linear is y = w*x + c, elementwise.
func linear(w, c float32) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	return elementwise("x", "y", func(x float32) float32 { return w*x + c })
}

func TestModelsEqualAndDifferent(t *testing.T) {
	e := fakeEngine{"a": linear(2, 1), "b": linear(2, 1), "c": linear(2.001, 1)}
	model := func(name string) Source {
		return declare(t, name, []string{"x:float32:[N,4]"}, []string{"y:float32:[N,4]"})
	}
	r := compareAll(t, e, model("a"), model("b"), Options{Batches: []int64{1, 2, 7}})
	if !r.Equal || len(r.Outputs) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, b := range []int64{1, 2, 7} {
		row := r.Outputs[i]
		if row.Batch != b || row.Shape != shapeText([]int64{b, 4}) || row.Elements != 4*b || row.MaxAbs != 0 || !row.Equal {
			t.Errorf("row %d: %+v", i, row)
		}
	}
	// One weight is another: x*0.001 at most, which is seen, and which a tolerance may allow.
	r = compareAll(t, e, model("a"), model("c"), Options{Tolerance: DefaultTolerance})
	if r.Equal || r.Outputs[0].MaxAbs == 0 || r.Outputs[0].MaxAbs > 0.00101 {
		t.Errorf("a changed weight: %+v", r.Outputs[0].Metrics)
	}
	if r = compareAll(t, e, model("a"), model("c"), Options{Tolerance: Tolerance{Abs: 0.0011}}); !r.Equal {
		t.Errorf("a changed weight within the tolerance: %+v", r.Outputs[0].Metrics)
	}
}

func TestModelsMatchByName(t *testing.T) {
	two := func(order ...string) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
			return map[string]*onnxpb.Array{order[0]: in["p"], order[1]: in["q"]}
		}
	}
	e := fakeEngine{"a": two("u", "v"), "swapped": two("v", "u"), "renamed": two("u2", "v2"),
		"crossed": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
			return map[string]*onnxpb.Array{"u": in["q2"], "v": in["p2"]}
		}}
	in := []string{"p:float32:[N,2]", "q:float32:[N,2]"}
	a := declare(t, "a", in, []string{"u:float32:[N,2]", "v:float32:[N,2]"})
	swapped := declare(t, "swapped", in, []string{"u:float32:[N,2]", "v:float32:[N,2]"})
	renamed := declare(t, "renamed", []string{in[1], in[0]}, []string{"v2:float32:[N,2]", "u2:float32:[N,2]"})
	crossed := declare(t, "crossed", []string{"p2:float32:[N,2]", "q2:float32:[N,2]"}, []string{"u:float32:[N,2]", "v:float32:[N,2]"})

	if r := compareAll(t, e, a, a, Options{}); !r.Equal {
		t.Error("a model differs from itself")
	}
	if r := compareAll(t, e, a, swapped, Options{Tolerance: Tolerance{Abs: 1e-3}}); r.Equal || r.Outputs[0].Equal || r.Outputs[1].Equal {
		t.Error("swapped outputs were not seen")
	}
	_, err := Models(e, a, renamed, Options{})
	mustFail(t, err, onnxpb.Unfit, "output u, v of the reference has no counterpart", "v2, u2 of the model", "--map u=u2")
	r := compareAll(t, e, a, renamed, Options{Map: []Pair{{"u", "u2"}, {"v", "v2"}}})
	if !r.Equal || r.Outputs[0].Model != "u2" || r.Outputs[1].Model != "v2" {
		t.Errorf("mapped outputs: %+v", r.Outputs)
	}
	_, err = Models(e, a, crossed, Options{})
	mustFail(t, err, onnxpb.Unfit, "input p, q of the reference has no counterpart")
	if r := compareAll(t, e, a, crossed, Options{Map: []Pair{{"p", "q2"}, {"q", "p2"}}}); !r.Equal {
		t.Error("mapped inputs are not fed to what they are mapped to")
	}
	if r := compareAll(t, e, a, crossed, Options{Map: []Pair{{"p", "p2"}, {"q", "q2"}}}); r.Equal {
		t.Error("inputs mapped wrongly were not seen")
	}

	_, err = Models(e, a, renamed, Options{Map: []Pair{{"u", "u3"}, {"v", "v2"}}})
	mustFail(t, err, onnxpb.Unfit, "counterpart")
	_, err = Models(e, a, a, Options{Map: []Pair{{"u", "w"}}})
	mustFail(t, err, onnxpb.Unfit, `no input or output "w"`)
	_, err = Models(e, a, a, Options{Map: []Pair{{"p", "u"}}})
	mustFail(t, err, onnxpb.Unfit, "joins an input and an output")
	_, err = Models(e, a, renamed, Options{Map: []Pair{{"u", "u2"}, {"u", "v2"}}})
	mustFail(t, err, onnxpb.Usage, "mapped twice")

	// An output of one model alone is no reason to look away; --only is.
	more := declare(t, "a", in, []string{"u:float32:[N,2]", "v:float32:[N,2]", "w:float32:[N,2]"})
	_, err = Models(e, a, more, Options{})
	mustFail(t, err, onnxpb.Unfit, "output w of the model has no counterpart", "--only")
	if r := compareAll(t, e, a, more, Options{Only: []string{"v"}}); !r.Equal || len(r.Outputs) != 1 || r.Outputs[0].Reference != "v" {
		t.Errorf("only v: %+v", r.Outputs)
	}
	if r := compareAll(t, e, a, renamed, Options{Only: []string{"v"}, Map: []Pair{{"v", "v2"}, {"u", "u2"}}}); !r.Equal || len(r.Outputs) != 1 {
		t.Errorf("only v, mapped: %+v", r.Outputs)
	}
	_, err = Models(e, a, a, Options{Only: []string{"vv"}})
	mustFail(t, err, onnxpb.Unfit, "--only vv", "did you mean")
}

func TestModelsMatchTheOnlyOnes(t *testing.T) {
	e := fakeEngine{"a": linear(1, 0), "b": elementwise("image", "pose", func(x float32) float32 { return x })}
	a := declare(t, "a", []string{"x:float32:[N,4]"}, []string{"y:float32:[N,4]"})
	b := declare(t, "b", []string{"image:float32:[B,4]"}, []string{"pose:float32:[B,4]"})
	r := compareAll(t, e, a, b, Options{Batches: []int64{3}})
	if !r.Equal || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "x of the reference was matched with image") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestModelsTypesMustAgree(t *testing.T) {
	e := fakeEngine{"a": linear(1, 0)}
	a := declare(t, "a", []string{"x:float32:[N,4]"}, []string{"y:float32:[N,4]"})
	_, err := Models(e, a, declare(t, "a", []string{"x:uint8:[N,4]"}, []string{"y:float32:[N,4]"}), Options{})
	mustFail(t, err, onnxpb.Unfit, "x is float32 in the reference, x is uint8 in the model")
	_, err = Models(e, a, declare(t, "a", []string{"x:float32:[N,4,4]"}, []string{"y:float32:[N,4]"}), Options{})
	mustFail(t, err, onnxpb.Unfit, "[N,4]", "[N,4,4]")
	_, err = Models(e, a, declare(t, "a", []string{"x:float32:[N,5]"}, []string{"y:float32:[N,4]"}), Options{})
	mustFail(t, err, onnxpb.Unfit, "dimension 1 is 4 by the reference and 5 by the model")
	// Outputs of another type or shape are a difference, not an error: both models ran.
	e["d"] = func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return map[string]*onnxpb.Array{"y": onnxpb.NewArray(onnxpb.TensorProto_DOUBLE, in["x"].Dims)}
	}
	r := compareAll(t, e, a, declare(t, "d", []string{"x:float32:[N,4]"}, []string{"y:float64:[N,4]"}), Options{Tolerance: Tolerance{Abs: 9}})
	if r.Equal || !strings.Contains(r.Outputs[0].Why, "float64, the reference's float32") || r.Outputs[0].Metrics != nil {
		t.Errorf("%+v", r.Outputs[0])
	}
}

func TestModelsFixedBatchRunsInParts(t *testing.T) {
	calls := map[string]int{}
	counted := func(name string, w float32) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		f := linear(w, 0)
		return func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array { calls[name]++; return f(in) }
	}
	e := fakeEngine{"one": counted("one", 2), "free": counted("free", 2), "two": counted("two", 2)}
	one := declare(t, "one", []string{"x:float32:[1,4]"}, []string{"y:float32:[1,4]"})
	two := declare(t, "two", []string{"x:float32:[2,4]"}, []string{"y:float32:[2,4]"})
	free := declare(t, "free", []string{"x:float32:[N,4]"}, []string{"y:float32:[N,4]"})
	r := compareAll(t, e, one, free, Options{Batches: []int64{1, 2, 7}})
	if !r.Equal || calls["one"] != 10 || calls["free"] != 3 {
		t.Errorf("calls %v, equal %v", calls, r.Equal)
	}
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[1], "batch 7 of the reference, whose batch is fixed to 1, was run in 7 parts") {
		t.Errorf("notes %q", r.Notes)
	}
	// Batches fixed to different numbers: the larger is the natural one.
	if r := compareAll(t, e, one, two, Options{}); !r.Equal || r.Outputs[0].Batch != 2 || r.Outputs[0].Shape != "[2,4]" {
		t.Errorf("%+v", r.Outputs)
	}
	_, err := Models(e, one, two, Options{Batches: []int64{3}})
	mustFail(t, err, onnxpb.Unfit, "batch 3 cannot be run", "fixed to 2", "setbatch")
	// The same number on both sides is the batch too.
	if r := compareAll(t, e, one, one, Options{Batches: []int64{4}}); !r.Equal || r.Outputs[0].Shape != "[4,4]" {
		t.Errorf("%+v", r.Outputs)
	}
	_, err = Models(e, one, free, Options{Batches: []int64{0}})
	mustFail(t, err, onnxpb.Usage, "1 or more")
}

// TestModelsPartsNeedRows: a batch is put together from parts only where an output shows the batch.
func TestModelsPartsNeedRows(t *testing.T) {
	sum := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		var s float32
		for _, v := range in["x"].Data.([]float32) {
			s += v
		}
		return map[string]*onnxpb.Array{"y": onnxpb.ArrayOf(nil, []float32{s}), "z": onnxpb.ArrayOf([]int64{3}, []float32{s, s, s})}
	}
	e := fakeEngine{"a": sum}
	for _, out := range []string{"y:float32:[]", "z:float32:[3]", "z:float32:[K]", "y:float32:"} {
		one := declare(t, "a", []string{"x:float32:[1,4]"}, []string{out})
		free := declare(t, "a", []string{"x:float32:[N,4]"}, []string{out})
		_, err := Models(e, one, free, Options{Batches: []int64{2}})
		mustFail(t, err, onnxpb.Unfit, "cannot be put together", "setbatch")
		if r := compareAll(t, e, one, free, Options{Batches: []int64{1}}); !r.Equal {
			t.Errorf("%s: at its own batch the model differs from itself", out)
		}
	}
}

// TestModelsInputsWithoutBatch: what the models fix to another number than the batch is given whole to every part.
func TestModelsInputsWithoutBatch(t *testing.T) {
	scale := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		x, s := in["x"], in["s"].Data.([]float32)
		y := onnxpb.NewArray(onnxpb.TensorProto_FLOAT, x.Dims)
		for i, v := range x.Data.([]float32) {
			y.Data.([]float32)[i] = v * s[i%3] * s[2-i%3]
		}
		return map[string]*onnxpb.Array{"y": y}
	}
	e := fakeEngine{"a": scale}
	one := declare(t, "a", []string{"x:float32:[1,3]", "s:float32:[3]"}, []string{"y:float32:[1,3]"})
	free := declare(t, "a", []string{"x:float32:[N,3]", "s:float32:[3]"}, []string{"y:float32:[N,3]"})
	r := compareAll(t, e, one, free, Options{Batches: []int64{5}})
	if !r.Equal || !r.Inputs[0].Batch || r.Inputs[1].Batch {
		t.Errorf("%+v", r.Inputs)
	}
}

func TestModelsDims(t *testing.T) {
	e := fakeEngine{"a": linear(1, 0), "b": linear(1, 0)}
	a := declare(t, "a", []string{"x:float32:[N,L,?]"}, []string{"y:float32:[N,L,?]"})
	_, err := Models(e, a, a, Options{})
	mustFail(t, err, onnxpb.Unfit, "L, x[2]", "--dims L=...,x[2]=...")
	r := compareAll(t, e, a, a, Options{Dims: map[string]int64{"L": 5, "x[2]": 2}, Batches: []int64{3}})
	if r.Outputs[0].Shape != "[3,5,2]" {
		t.Errorf("shape %s", r.Outputs[0].Shape)
	}
	// What one model fixes the other takes, its symbols in other places too.
	b := declare(t, "b", []string{"x:float32:[1,K,K]"}, []string{"y:float32:[1,K,K]"})
	if r = compareAll(t, e, a, b, Options{Dims: map[string]int64{"K": 4}}); r.Outputs[0].Shape != "[1,4,4]" {
		t.Errorf("shape %s", r.Outputs[0].Shape)
	}
	if r = compareAll(t, e, a, b, Options{Dims: map[string]int64{"L": 6}}); r.Outputs[0].Shape != "[1,6,6]" {
		t.Errorf("shape %s", r.Outputs[0].Shape)
	}
	_, err = Models(e, a, b, Options{Dims: map[string]int64{"L": 4, "K": 5}})
	mustFail(t, err, onnxpb.Unfit, "dimension 1 is 4 by the reference and 5 by the model")
	_, err = Models(e, a, a, Options{Dims: map[string]int64{"LL": 4}})
	mustFail(t, err, onnxpb.Unfit, "--dims LL", "did you mean L")
	_, err = Models(e, a, a, Options{Dims: map[string]int64{"L": -4}})
	mustFail(t, err, onnxpb.Usage, "negative")
	_, err = Models(e, b, b, Options{Dims: map[string]int64{"x[0]": 4, "K": 1}})
	mustFail(t, err, onnxpb.Unfit, "fixed to 1")
	// The batch set by its symbol.
	c := declare(t, "a", []string{"x:float32:[N,4]"}, []string{"y:float32:[N,4]"})
	if r = compareAll(t, e, c, c, Options{Dims: map[string]int64{"N": 3}}); r.Outputs[0].Shape != "[3,4]" || r.Outputs[0].Batch != 3 {
		t.Errorf("%+v", r.Outputs[0])
	}
	// The batch's symbol in a second place.
	sq := declare(t, "a", []string{"x:float32:[N,N]"}, []string{"y:float32:[N,N]"})
	if r = compareAll(t, e, sq, sq, Options{Batches: []int64{3}}); r.Outputs[0].Shape != "[3,3]" {
		t.Errorf("%+v", r.Outputs[0])
	}
	// Nobody knows the rank.
	un := declare(t, "a", []string{"x:float32:"}, []string{"y:float32:"})
	_, err = Models(e, un, un, Options{})
	mustFail(t, err, onnxpb.Unfit, "neither model declares the shape", "--inputs x=")
	if r = compareAll(t, e, un, c, Options{Batches: []int64{2}}); r.Outputs[0].Shape != "[2,4]" {
		t.Errorf("%+v", r.Outputs[0])
	}
	// A scalar has no batch.
	s := declare(t, "a", []string{"x:float32:[]"}, []string{"y:float32:[]"})
	if r = compareAll(t, e, s, s, Options{}); r.Outputs[0].Shape != "[]" || !r.Equal {
		t.Errorf("%+v", r.Outputs[0])
	}
	_, err = Models(e, s, s, Options{Batches: []int64{2}})
	mustFail(t, err, onnxpb.Unfit, "no input with a leading dimension")
}

func TestModelsInputsFromFiles(t *testing.T) {
	dir := t.TempDir()
	pb := func(name string, a *onnxpb.Array) string { return writeTensor(t, dir, name, a) }
	var fed []float32
	e := fakeEngine{"a": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		fed = append([]float32{}, in["x"].Data.([]float32)...)
		return map[string]*onnxpb.Array{"y": in["x"]}
	}}
	a := declare(t, "a", []string{"x:float32:[N,2]"}, []string{"y:float32:[N,2]"})
	three := pb("three.pb", onnxpb.ArrayOf([]int64{3, 2}, []float32{1, 2, 3, 4, 5, 6}))
	for _, f := range []InputFile{{"", three}, {"x", three}} {
		r := compareAll(t, e, a, a, Options{Files: []InputFile{f}, Samples: 5})
		if r.Outputs[0].Shape != "[3,2]" || len(fed) != 6 || fed[5] != 6 || r.Inputs[0].Values != "file" || r.Samples != 1 {
			t.Errorf("%+v: fed %v, %+v", f, fed, r.Outputs)
		}
	}
	if r := compareAll(t, e, a, a, Options{Files: []InputFile{{"x", three}}, Batches: []int64{2}}); r.Outputs[0].Shape != "[2,2]" || len(fed) != 4 {
		t.Errorf("batch 2 of 3 rows: %+v", r.Outputs[0])
	}
	_, err := Models(e, a, a, Options{Files: []InputFile{{"x", three}}, Batches: []int64{4}})
	mustFail(t, err, onnxpb.Unfit, "3 rows")
	_, err = Models(e, a, a, Options{Files: []InputFile{{"z", three}}})
	mustFail(t, err, onnxpb.Unfit, three, `no input "z"`)
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", three}, {"", three}}})
	mustFail(t, err, onnxpb.Usage, "two files")
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", filepath.Join(dir, "nosuch.npy")}}})
	mustFail(t, err, onnxpb.Unfit, "nosuch.npy", "no such file")
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", dir + "/../" + filepath.Base(dir) + "/."}}})
	if err == nil {
		t.Error("a directory was taken for a file")
	}
	double := pb("double.pb", onnxpb.ArrayOf([]int64{1, 2}, []float64{1, 2}))
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", double}}})
	mustFail(t, err, onnxpb.Unfit, "gives float64, input x takes float32", "save the array as float32")
	flat := pb("flat.pb", onnxpb.ArrayOf([]int64{2}, []float32{1, 2}))
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", flat}}})
	mustFail(t, err, onnxpb.Unfit, "shape [2]", "[N,2]")
	wide := pb("wide.pb", onnxpb.ArrayOf([]int64{1, 3}, []float32{1, 2, 3}))
	_, err = Models(e, a, a, Options{Files: []InputFile{{"x", wide}}})
	mustFail(t, err, onnxpb.Unfit, "dimension 1 is 2 by the reference and 3 by the file")
	// An archive: by name, and the names must be inputs.
	npz := filepath.Join("testdata", "compressed.npz")
	_, err = Models(e, a, a, Options{Files: []InputFile{{"", npz}}})
	mustFail(t, err, onnxpb.Unfit, npz, `no input "y"`)
	b := declare(t, "a", []string{"x:float32:[L]"}, []string{"y:float32:[L]"})
	if r := compareAll(t, e, b, b, Options{Files: []InputFile{{"x", npz}}}); r.Outputs[0].Shape != "[5000]" || fed[4999] != 4999 {
		t.Errorf("%+v", r.Outputs[0])
	}
}

func TestModelsRangesAndSamples(t *testing.T) {
	var fed [][]float32
	e := fakeEngine{"a": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		fed = append(fed, append([]float32{}, in["x"].Data.([]float32)...))
		return map[string]*onnxpb.Array{"y": in["x"]}
	}}
	a := declare(t, "a", []string{"x:float32:[N,64]"}, []string{"y:float32:[N,64]"})
	r := compareAll(t, e, a, a, Options{Ranges: map[string]Range{"x": {100, 101}, "": {0, 1}}, Samples: 2, Seed: 5})
	if len(r.Outputs) != 2 || r.Outputs[1].Sample != 1 || len(fed) != 4 || r.Inputs[0].Values != "uniform 100..101" {
		t.Fatalf("%+v", r)
	}
	for _, v := range fed[0] {
		if v < 100 || v > 101 {
			t.Errorf("%v is out of range", v)
		}
	}
	if fed[0][0] != fed[1][0] || fed[0][0] == fed[2][0] {
		t.Error("both models must be fed the same, and each sample anew")
	}
	sampleOne := fed[2]
	fed = nil
	compareAll(t, e, a, a, Options{Ranges: map[string]Range{"": {100, 101}}, Seed: 6})
	if fed[0][0] != sampleOne[0] {
		t.Error("sample 1 of seed 5 is not sample 0 of seed 6")
	}
	_, err := Models(e, a, a, Options{Ranges: map[string]Range{"xx": {0, 1}}})
	mustFail(t, err, onnxpb.Unfit, "--range xx", "did you mean x")
}

func TestModelsEngineFails(t *testing.T) {
	a := declare(t, "nosuch", []string{"x:float32:[1]"}, []string{"y:float32:[1]"})
	_, err := Models(fakeEngine{}, a, a, Options{})
	mustFail(t, err, onnxpb.Engine, "nosuch")
	// Generated indices are named as what may be wrong.
	b := declare(t, "fails", []string{"x:float32:[2]", "index:int64:[1]"}, []string{"y:float32:[1]"})
	_, err = Models(failingEngine{}, b, b, Options{})
	mustFail(t, err, onnxpb.Engine, "out of range", "--range index=LO..HI")
}

// TestModelsEmptyInputs: a leading dimension that is 0 is no batch.
func TestModelsEmptyInputs(t *testing.T) {
	a := declare(t, "a", []string{"x:float32:[0,3]"}, []string{"y:float32:[0,3]"})
	r := compareAll(t, fakeEngine{"a": linear(1, 0)}, a, a, Options{})
	if !r.Equal || r.Outputs[0].Shape != "[0,3]" || r.Outputs[0].Elements != 0 {
		t.Errorf("%+v", r.Outputs[0])
	}
}

func TestReportForms(t *testing.T) {
	e := fakeEngine{"a": linear(1, 0), "b": linear(1, 0.5)}
	a := declare(t, "a", []string{"x:float32:[1,2]"}, []string{"y:float32:[1,2]"})
	b := declare(t, "b", []string{"x:float32:[N,2]"}, []string{"y:float32:[N,2]"})
	r := compareAll(t, e, a, b, Options{Batches: []int64{1, 2}, Tolerance: DefaultTolerance, Seed: 9})
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Schema    string
		Equal     *bool
		Reference struct{ SHA256 string }
		Engine    struct{ Name, Version string }
		Seed      int
		Tolerance struct{ Atol, Rtol float64 }
		Outputs   []struct {
			Batch  int
			Shape  string
			MaxAbs float64 `json:"max_abs"`
			Beyond int
			Equal  *bool
		}
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Schema != "onnxtool.verify/1" || back.Equal == nil || *back.Equal || len(back.Reference.SHA256) != 64 || back.Engine.Version != "0.0.fake" || back.Seed != 9 ||
		back.Tolerance.Atol != 1e-5 || len(back.Outputs) != 2 || back.Outputs[1].Batch != 2 || back.Outputs[1].Beyond != 4 || back.Outputs[1].MaxAbs != 0.5 {
		t.Errorf("JSON: %s", data)
	}
	if sameModel, _ := describe(a); sameModel.SHA256 != r.Reference.SHA256 || r.Model.SHA256 == r.Reference.SHA256 {
		t.Error("the hashes do not tell the models apart")
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"output  batch  shape  max abs", "y       2      [2,2]  0.5", "DIFFERS", "4 of 4 elements beyond", "note: batch 2 of the reference", "different:", "seed 9"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the text does not say %q:\n%s", part, &text)
		}
	}
}
