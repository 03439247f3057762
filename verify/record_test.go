package verify

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// tree lists the files below a folder with what they hold.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRecord holds what is written to the generator, and to the function that stands for the model.
func TestRecord(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	dir := filepath.Join(t.TempDir(), "model")
	o := RecordOptions{Options: Options{Batches: []int64{2, 5}, Samples: 2, Seed: 7, Ranges: map[string]Range{"": {0, 10}}}}
	r, err := Record(e, s, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	sets, err := DataSets(dir)
	if err != nil || len(sets) != 4 || len(r.Sets) != 4 {
		t.Fatalf("%q, %v, %+v", sets, err, r.Sets)
	}
	for i, set := range sets {
		batch, sample := []int64{2, 2, 5, 5}[i], i%2
		d, err := ReadDataSet(set, s.Model)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Generate("x", onnxpb.TensorProto_FLOAT, []int64{batch, 3}, &Range{0, 10}, 7+uint64(sample))
		if err != nil {
			t.Fatal(err)
		}
		if !sameArray(want, d.Inputs[0].Array) {
			t.Errorf("set %d: input %v, want %v", i, d.Inputs[0].Array, want)
		}
		for k, x := range want.Data.([]float32) {
			if y := d.Outputs[0].Array.Data.([]float32)[k]; y != 2*x+1 {
				t.Fatalf("set %d: %v became %v", i, x, y)
			}
		}
		got := r.Sets[i]
		hash, err := hashFiles(set, []string{set})
		if err != nil || got.SHA256 != hash || got.Path != set || got.Batch != batch || got.Sample != sample || got.Inputs != 1 || got.Outputs != 1 {
			t.Errorf("set %d: %+v, hash %s, %v", i, got, hash, err)
		}
	}
	// The inputs are those that a comparison of models with the same options has, and that one with the recorded data has.
	m, err := Models(e, s, s, o.Options)
	if err != nil {
		t.Fatal(err)
	}
	a1, err := Against(e, s, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Inputs[0].SHA256; len(h) != 64 || h != m.Inputs[0].SHA256 || h != a1.Inputs[0].SHA256 || !a1.Equal {
		t.Errorf("inputs %q recorded, %q compared, %q read", h, m.Inputs[0].SHA256, a1.Inputs[0].SHA256)
	}
	// The same again gives the same bytes.
	other := filepath.Join(t.TempDir(), "model")
	if _, err := Record(e, s, other, o); err != nil {
		t.Fatal(err)
	}
	a, b := tree(t, dir), tree(t, other)
	if len(a) != 8 || !reflect.DeepEqual(a, b) {
		t.Errorf("files %q differ between two recordings", sortedKeys(a))
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"schema":"onnxtool.record/1"`) {
		t.Errorf("%s, %v", data, err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "test_data_set_3: 1 input, 1 output, batch 5, sample 1, sha256 "+r.Sets[3].SHA256) ||
		!strings.HasSuffix(text.String(), "recorded: seed 7; ONNX Runtime 0.0.fake, optimisation all\n") {
		t.Errorf("%q, %v", text.String(), err)
	}
}

// TestRecordOver: what is there is refused and left alone, or replaced whole.
func TestRecordOver(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	dir := t.TempDir()
	writeFile(t, []byte("old"), dir, "test_data_set_1", "input_9.pb")
	before := tree(t, dir)
	two := RecordOptions{Options: Options{Samples: 2}}
	_, err := Record(e, s, dir, two)
	mustFail(t, err, onnxpb.Unfit, "test_data_set_1: is there already")
	if after := tree(t, dir); !reflect.DeepEqual(before, after) {
		t.Errorf("the folder has become %q", sortedKeys(after))
	}
	two.First = 2
	if _, err := Record(e, s, dir, two); err != nil {
		t.Fatal(err)
	}
	if got := sortedKeys(tree(t, dir)); len(got) != 5 || got[0] != "test_data_set_1/input_9.pb" || got[4] != "test_data_set_3/output_0.pb" {
		t.Errorf("%q", got)
	}
	two.First, two.Replace = 0, true
	if _, err := Record(e, s, dir, two); err != nil {
		t.Fatal(err)
	}
	if got := sortedKeys(tree(t, dir)); len(got) != 4 || slices.Contains(got, "test_data_set_1/input_9.pb") || got[3] != "test_data_set_1/output_0.pb" {
		t.Errorf("%q", got)
	}
	// A file of that name is nobody's data set.
	writeFile(t, nil, dir, "test_data_set_7")
	_, err = Record(e, s, dir, RecordOptions{First: 7, Replace: true})
	mustFail(t, err, onnxpb.Unfit, "is no folder")
}

// TestRecordAllOrNothing: where one set cannot be written, none is, and what was to be replaced is still there.
func TestRecordAllOrNothing(t *testing.T) {
	calls := 0
	e := fakeEngine{"m": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		out := linear(2, 1)(in)
		if calls++; calls%2 == 0 { // of the second sample, in both runs: a tensor that is not what it says
			out["y"].Data = out["y"].Data.([]float32)[:1]
		}
		return out
	}}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	dir := t.TempDir()
	writeFile(t, []byte("old"), dir, "test_data_set_0", "input_0.pb")
	before := tree(t, dir)
	_, err := Record(e, s, dir, RecordOptions{Options: Options{Samples: 2}, Replace: true})
	if err == nil {
		t.Fatal("a tensor of the wrong length was written")
	}
	if after := tree(t, dir); !reflect.DeepEqual(before, after) {
		t.Errorf("the folder has become %q", sortedKeys(after))
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	// And a folder that was made for it is gone.
	fresh := filepath.Join(t.TempDir(), "fresh")
	w := &setWriter{dir: fresh, model: s.Model, sets: []writtenSet{{path: filepath.Join(fresh, "test_data_set_0")}}}
	bad := &DataSet{OutputNames: []string{"y"}, Outputs: []*onnxpb.Value{nil}}
	if err := w.write([]*DataSet{bad}); err == nil {
		t.Error("nothing was written as something")
	}
	w.discard()
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("%s is there: %v", fresh, err)
	}
	// The second of two cannot get its name: the first is taken back, and the old one put in its place.
	w = &setWriter{dir: dir, replace: true, model: s.Model}
	for i := range 2 {
		if err := w.reserve(i); err != nil {
			t.Fatal(err)
		}
	}
	w.sets[1].path = filepath.Join(dir, "missing", "test_data_set_1")
	good := &DataSet{OutputNames: []string{"y"}, Outputs: []*onnxpb.Value{onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []float32{1}))}}
	if err := w.write([]*DataSet{good, good}); err == nil {
		t.Error("a folder was put into one that is not there")
	}
	w.discard()
	if after := tree(t, dir); !reflect.DeepEqual(before, after) {
		t.Errorf("the folder has become %q", sortedKeys(after))
	}
}

func TestRecordRefusesRandomModels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	e := fakeEngine{"m": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return linear(1, rng.Float32())(in)
	}}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	dir := filepath.Join(t.TempDir(), "model")
	_, err := Record(e, s, dir, RecordOptions{})
	mustFail(t, err, onnxpb.Refused, `tensor "y"`, "not the same in two runs")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is there: %v", dir, err)
	}
}

func TestRecordInputs(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	given := writeTensor(t, t.TempDir(), "given.pb", onnxpb.ArrayOf([]int64{4, 3}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
	dir := filepath.Join(t.TempDir(), "model")
	r, err := Record(e, s, dir, RecordOptions{Options: Options{Files: []InputFile{{"x", given}}, Samples: 3}})
	if err != nil || len(r.Sets) != 1 || r.Sets[0].Batch != 4 || r.Inputs[0].Values != "file" {
		t.Fatalf("%+v, %v", r, err)
	}
	d, err := ReadDataSet(r.Sets[0].Path, s.Model)
	if err != nil || !reflect.DeepEqual(d.Outputs[0].Array.Data, []float32{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23}) {
		t.Errorf("%+v, %v", d, err)
	}
	fixed := declare(t, "m", []string{"x:float32:[2,3]"}, []string{"y:float32:[2,3]"})
	if r, err := Record(e, fixed, filepath.Join(t.TempDir(), "model"), RecordOptions{}); err != nil || r.Sets[0].Batch != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = Record(e, fixed, dir, RecordOptions{Options: Options{Batches: []int64{4}}, First: 1})
	mustFail(t, err, onnxpb.Unfit, "batch 4 cannot be recorded", "fixed to 2")
	_, err = Record(e, s, dir, RecordOptions{Options: Options{Only: []string{"y"}}})
	mustFail(t, err, onnxpb.Usage, "Only cannot be set")
	_, err = Record(e, s, dir, RecordOptions{First: -1})
	mustFail(t, err, onnxpb.Usage, "numbers start at 0")
	_, err = Record(e, s, filepath.Join(dir, "a", "b"), RecordOptions{})
	mustFail(t, err, onnxpb.Unfit, "no such file")
	_, err = Record(e, declare(t, "m", []string{"x:float32:[N,L]"}, []string{"y:float32:[N,L]"}), dir, RecordOptions{First: 1})
	mustFail(t, err, onnxpb.Unfit, "without a number: L")
	_, err = Record(failingEngine{}, s, dir, RecordOptions{First: 1})
	mustFail(t, err, onnxpb.Engine, "indices are out of range")
	if sets, _ := DataSets(dir); len(sets) != 1 {
		t.Errorf("failed recordings left %q", sets)
	}
}

// TestRecordFewer records fewer data sets than there are: those of before do not stay with those of now, unless the numbers are the caller's own.
func TestRecordFewer(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	dir := t.TempDir()
	record := func(samples, first int, e Engine) (*RecordReport, error) {
		return Record(e, s, dir, RecordOptions{Options: Options{Batches: []int64{2}, Samples: samples}, First: first, Replace: true})
	}
	names := func() (list []string) {
		sets, err := DataSets(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range sets {
			list = append(list, filepath.Base(set))
		}
		return list
	}
	if r, err := record(12, 0, e); err != nil || len(r.Notes) > 0 {
		t.Fatal(r, err)
	}
	writeFile(t, []byte("a note"), dir, "test_data_set_note")
	os.Mkdir(filepath.Join(dir, "test_data_set_mine"), 0o777)
	os.Mkdir(filepath.Join(dir, "test_data_set_007"), 0o777)
	before := tree(t, dir)
	// One that fails leaves all.
	if _, err := record(3, 0, fakeEngine{}); err == nil || !reflect.DeepEqual(tree(t, dir), before) {
		t.Errorf("%v", err)
	}
	r, err := record(2, 4, e)
	if err != nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "left as they are: test_data_set_6, ") || len(names()) != 14 {
		t.Errorf("%+v, %v, %q", r, err, names())
	}
	r, err = record(10, 0, e)
	if err != nil || len(r.Notes) != 1 || r.Notes[0] != "removed, as they are of an earlier recording: test_data_set_10, test_data_set_11" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := record(1, 0, e); err != nil {
		t.Fatal(err)
	}
	if got, want := names(), []string{"test_data_set_0", "test_data_set_007", "test_data_set_mine"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for name := range tree(t, dir) {
		if strings.HasPrefix(name, ".onnxtool") {
			t.Errorf("%s was left", name)
		}
	}
}
