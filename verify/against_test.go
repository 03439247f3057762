package verify

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func TestAgainst(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N]"}, []string{"y:float32:[N]"})
	dir := t.TempDir()
	putSet(t, filepath.Join(dir, "test_data_set_0"), [][]float32{{1, 2, 3}}, [][]float32{{3, 5, 7}})
	putSet(t, filepath.Join(dir, "test_data_set_3"), [][]float32{{1, 2}}, [][]float32{{3, 5.25}})
	r, err := Against(e, s, filepath.Join(dir, "test_data_set_0"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if row := r.Outputs[0]; !r.Equal || len(r.Outputs) != 1 || row.Reference != "y" || row.Batch != 3 || row.Sample != 0 || row.Shape != "[3]" || row.Elements != 3 {
		t.Errorf("%+v", r.Outputs)
	}
	if in := r.Inputs[0]; len(r.Inputs) != 1 || in.Reference != "x" || in.Type != "float32" || in.Shape != "[N]" || in.Values != "file" {
		t.Errorf("%+v", r.Inputs)
	}
	// Both sets: the second lies 0.25 off, and is told by its place.
	r, err = Against(e, s, dir, Options{Tolerance: Tolerance{Abs: 0.2}})
	if err != nil {
		t.Fatal(err)
	}
	if row := r.Outputs[1]; r.Equal || len(r.Outputs) != 2 || !r.Outputs[0].Equal || row.Equal || row.Sample != 1 || row.MaxAbs != 0.25 || row.Worst != 1 || row.Want != "5.25" || row.Got != "5" {
		t.Errorf("%+v", r.Outputs)
	}
	if len(r.Notes) != 2 || r.Notes[1] != "sample 1 is test_data_set_3" || r.Samples != 2 {
		t.Errorf("%d samples, %q", r.Samples, r.Notes)
	}
	if r, err = Against(e, s, dir, Options{Tolerance: Tolerance{Abs: 0.25}}); err != nil || !r.Equal {
		t.Errorf("%+v, %v", r, err)
	}
	// The hash, as cd DIR && sha256sum FILES | sha256sum has it.
	var lines strings.Builder
	for _, name := range []string{"test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb", "test_data_set_3/input_0.pb", "test_data_set_3/output_0.pb"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(data), name)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(lines.String()))); r.Reference.SHA256 != want || r.Reference.Path != dir {
		t.Errorf("%+v, want %s", r.Reference, want)
	}
	if r.Schema != Schema || r.Engine.Version != "0.0.fake" || r.Optimization != OptimizeAll {
		t.Errorf("%+v", r)
	}
}

// TestAgainstOther: what a model gives of another type or shape is a difference, as it ran; what it cannot run on is an error.
func TestAgainstOther(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N]"}, []string{"y:float32:[N]"})
	dir := t.TempDir()
	set := func(input, output []byte) string {
		d := filepath.Join(dir, fmt.Sprint(len(tree(t, dir))))
		writeFile(t, input, d, "input_0.pb")
		writeFile(t, output, d, "output_0.pb")
		return d
	}
	x := floats32(t, "x", 1, 2)
	for part, output := range map[string][]byte{
		"float32, the reference's int64":             marshal(t, onnxpb.TensorOf("y", []int64{2}, []int64{3, 5})),
		"the shape is [2], the reference's [3]":      floats32(t, "y", 3, 5, 7),
		"the shape is [2], the reference's [1,2]":    marshal(t, onnxpb.TensorOf("y", []int64{1, 2}, []float32{3, 5})),
		"float32, the reference's bool":              marshal(t, onnxpb.TensorOf("y", []int64{2}, []bool{true, true})),
		"float32, the reference's string":            marshal(t, onnxpb.TensorOf("y", []int64{2}, []string{"3", "5"})),
		"the element type is float32, the reference": marshal(t, onnxpb.TensorOf("y", []int64{2}, []float64{3, 5})),
	} {
		r, err := Against(e, s, set(x, output), Options{Tolerance: Tolerance{Abs: 100}})
		if err != nil || r.Equal || !strings.Contains(r.Outputs[0].Why, part) {
			t.Errorf("%q: %+v, %v", part, r, err)
		}
	}
	_, err := Against(e, s, set(marshal(t, onnxpb.TensorOf("", []int64{2}, []int64{1, 2})), x), Options{})
	mustFail(t, err, onnxpb.Unfit, "input_0.pb", "int64[2], the input takes float32")
	bad := set(marshal(t, onnxpb.TensorOf("", []int64{1, 2}, []float32{1, 2})), x)
	_, err = Against(e, s, bad, Options{})
	mustFail(t, err, onnxpb.Unfit, bad, "input x is")
	_, err = Against(e, declare(t, "unknown", []string{"x:float32:[N]"}, []string{"y:float32:[N]"}), bad, Options{})
	mustFail(t, err, onnxpb.Engine, "there is no function")
	_, err = Against(failingEngine{}, s, set(x, x), Options{})
	mustFail(t, err, onnxpb.Engine, "indices are out of range")
	_, err = Against(e, s, t.TempDir(), Options{})
	mustFail(t, err, onnxpb.Unfit, "holds neither input_0.pb and output_0.pb nor folders")
	_, err = Against(e, s, filepath.Join(bad, "input_0.pb"), Options{})
	mustFail(t, err, onnxpb.Unfit, "is no folder of recorded data")
	_, err = Against(e, s, filepath.Join(dir, "none"), Options{})
	mustFail(t, err, onnxpb.Unfit, "no such file")
	for _, o := range []Options{{Batches: []int64{1}}, {Samples: 2}, {Files: []InputFile{{"x", "f.pb"}}}, {Dims: map[string]int64{"N": 1}}, {Map: []Pair{{"x", "x"}}},
		{Ranges: map[string]Range{"": {0, 1}}}, {ReferenceSession: &SessionOptions{}}} {
		_, err := Against(e, s, bad, o)
		mustFail(t, err, onnxpb.Usage, "cannot be set for data that was recorded")
	}
}

func TestAgainstOnly(t *testing.T) {
	e := fakeEngine{"m": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return map[string]*onnxpb.Array{"y": in["x"], "z": linear(3, 0)(in)["y"]}
	}}
	s := declare(t, "m", []string{"x:float32:[N]"}, []string{"y:float32:[N]", "z:float32:[N]"})
	dir := filepath.Join(t.TempDir(), "[odd] *name?")
	putSet(t, dir, [][]float32{{1, 2}}, [][]float32{{1, 2}, {3, 7}})
	if r, err := Against(e, s, dir, Options{}); err != nil || r.Equal || len(r.Outputs) != 2 || !r.Outputs[0].Equal || r.Outputs[1].Equal {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := Against(e, s, dir, Options{Only: []string{"y"}}); err != nil || !r.Equal || len(r.Outputs) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	_, err := Against(e, s, dir, Options{Only: []string{"w"}})
	mustFail(t, err, onnxpb.Unfit, "--only w")
}
