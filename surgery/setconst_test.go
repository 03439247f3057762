package surgery_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// shared has an initializer that three nodes read, one of them in a subgraph, Constants of several forms, and one in a function.
const shared = `g (float[3] x, bool c) => (float[3] y, float[3] z, float[3] f, float[] n, int64[2] k) <float[3] w = {1,2,3}> {
  [add] y = Add (x, w)
  [choose] z = If (c) <
    then_branch = t () => (float[3] p) { [deep] p = Mul (x, w) },
    else_branch = e () => (float[3] q) <float[3] v = {5,5,5}> { [sub] s = Sub (x, w) [deeper] q = Add (s, v) }>
  f = local.Twice (x)
  [number] half = Constant <value_float: float = 0.5> ()
  [list] ints = Constant <value_ints: ints = [1,2]> ()
  [n] n = Identity (half)
  [k] k = Identity (ints)
}
<opset_import: ["": 17], domain: "local">
Twice (in) => (out) { [two] two = Constant <value: tensor = float {2}> () [mul] out = Mul (in, two) }`

func TestSetConstant(t *testing.T) {
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": vec(1, 1, 1), "c": truth(true)}
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		change surgery.ConstantChange
		want   map[string]any
		says   string // among the notes
	}{
		{surgery.ConstantChange{Name: "w", Text: text("10,20,30")}, map[string]any{"y": []float32{11, 21, 31}, "z": []float32{10, 20, 30}}, `"add", "deep (in choose/then_branch)", "sub (in choose/else_branch)": all of them`},
		{surgery.ConstantChange{Name: "w", Array: vec(10, 20, 30), Only: []string{"add"}}, map[string]any{"y": []float32{11, 21, 31}, "z": []float32{1, 2, 3}}, `"w_1" is a copy of "w" for "add"`},
		{surgery.ConstantChange{Name: "w", Array: vec(10, 20, 30), Only: []string{"dee*"}}, map[string]any{"y": []float32{2, 3, 4}, "z": []float32{10, 20, 30}}, "copy"},
		{surgery.ConstantChange{Name: "w", Array: vec(10, 20, 30), Only: []string{"add", "deep", "sub"}}, map[string]any{"y": []float32{11, 21, 31}, "z": []float32{10, 20, 30}}, ""},
		{surgery.ConstantChange{Name: "half", Text: text("0.25")}, map[string]any{"n": []float32{0.25}}, ""},
		{surgery.ConstantChange{Name: "number", Text: text("0.25")}, map[string]any{"n": []float32{0.25}}, ""},
		{surgery.ConstantChange{Name: "ints", Text: text("9007199254740993,-1")}, map[string]any{"k": []int64{9007199254740993, -1}}, ""},
		{surgery.ConstantChange{Name: "two", Text: text("4"), Graphs: []string{"function local.Twice"}}, map[string]any{"f": []float32{4, 4, 4}}, ""},
		// Another shape and type, asked for: what is declared follows.
		{surgery.ConstantChange{Name: "w", Text: text("7"), Shape: []int64{1}}, map[string]any{"y": []float32{8, 8, 8}}, ""},
		{surgery.ConstantChange{Name: "half", Text: text("3"), Type: onnxpb.TensorProto_INT32}, map[string]any{"n": []int32{3}}, ""},
		{surgery.ConstantChange{Name: "ints", Array: onnxpb.ArrayOf([]int64{3}, []int64{1, 2, 3}), AnyShape: true}, map[string]any{"k": []int64{1, 2, 3}}, ""},
	} {
		m := textModel(t, 17, shared)
		r, err := surgery.SetConstant(m, c.change)
		if err != nil {
			t.Errorf("%+v: %v", c.change, err)
			continue
		}
		if len(r.Changes) == 0 || !strings.Contains(strings.Join(r.Notes, "\n"), c.says) {
			t.Errorf("%+v told %q, %q", c.change, r.Changes, r.Notes)
		}
		mustPass(t, m)
		wantRun(t, e, m, x, c.want)
	}
}

func TestSetConstantRefuses(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		change surgery.ConstantChange
		says   string
	}{
		{surgery.ConstantChange{Name: "ww", Text: text("1")}, `"w"`},
		{surgery.ConstantChange{Name: "y", Text: text("1")}, "computed"},
		{surgery.ConstantChange{Name: "w", Text: text("1,2")}, "has 3 elements, 2 given"},
		{surgery.ConstantChange{Name: "w", Text: text("1,2,x")}, `"x" is no float32`},
		{surgery.ConstantChange{Name: "ints", Text: text("1,2.5")}, `"2.5" is no int64`},
		{surgery.ConstantChange{Name: "w", Array: onnxpb.ArrayOf([]int64{3}, []float64{1, 2, 3})}, "is float64, the constant float32"},
		{surgery.ConstantChange{Name: "w", Array: vec(1, 2)}, "shape [2], the constant [3]"},
		{surgery.ConstantChange{Name: "w", Array: vec(1, 2), AnyShape: true}, "contradict"},
		{surgery.ConstantChange{Name: "w", Array: vec(1, 2, 3), Only: []string{"k"}}, "does not read"},
		{surgery.ConstantChange{Name: "w", Array: vec(1, 2, 3), Only: []string{"ad"}}, `"add"`},
		{surgery.ConstantChange{Name: "w"}, "no new value"},
		{surgery.ConstantChange{Name: "w", Shape: []int64{2}}, "has 2 elements, the constant has 3"},
		{surgery.ConstantChange{Name: "w", Type: onnxpb.TensorProto_DOUBLE}, "needs a new value"},
	} {
		m := textModel(t, 17, shared)
		before, _ := onnxpb.Marshal(m)
		_, err := surgery.SetConstant(m, c.change)
		var oe *onnxpb.Error
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want it to say %q", c.change, err, c.says)
		}
		if after, _ := onnxpb.Marshal(m); string(after) != string(before) {
			t.Errorf("%+v changed the model", c.change)
		}
	}
}

// TestSetConstantNames: two constants of one name are asked about, be they side by side in subgraphs or in a model that is not valid.
func TestSetConstantNames(t *testing.T) {
	m := textModel(t, 17, `g (bool c) => (float y) { y = If (c) <
    then_branch = t () => (float p) <float k = {1}> { p = Neg (k) }, else_branch = e () => (float q) <float k = {2}> { q = Neg (k) }> }`)
	three := "3"
	if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "k", Text: &three}); err == nil || !strings.Contains(err.Error(), "If -> y/then_branch, If -> y/else_branch") {
		t.Errorf("two constants of one name: %v", err)
	}
	if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "k", Text: &three, Graphs: []string{"*/else_branch"}}); err != nil {
		t.Fatal(err)
	}
	e := batchEngine(t)
	wantRun(t, e, m, map[string]*onnxpb.Array{"c": truth(true)}, map[string]any{"y": []float32{-1}})
	wantRun(t, e, m, map[string]*onnxpb.Array{"c": truth(false)}, map[string]any{"y": []float32{-3}})

	m = textModel(t, 17, `g (float x) => (float y) <float k = {1}> { y = Add (x, k) }`)
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("k", []int64{}, []float32{2}))
	if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "k", Text: &three}); err == nil || len(m.Graph.Initializer) != 2 {
		t.Errorf("two initializers of one name: %v", err)
	}
}

// TestSetConstantTypes sets a constant of every element type from text, and reads the bits back.
func TestSetConstantTypes(t *testing.T) {
	for name, want := range map[string]any{
		"float16": []uint16{0x3c00, 0xc000}, "bfloat16": []uint16{0x3f80, 0xc000}, "float8e4m3fn": []uint8{0x38, 0xc0}, "float8e5m2": []uint8{0x3c, 0xc0}, "float4e2m1": []uint8{2, 12},
		"int4": []int8{1, -2}, "int2": []int8{1, -2}, "int8": []int8{1, -2}, "int16": []int16{1, -2}, "int32": []int32{1, -2}, "int64": []int64{1, -2}, "double": []float64{1, -2}, "complex64": []complex64{1, -2},
	} {
		elem, err := onnxpb.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		m := textModel(t, 17, `g () => (float y) { y = Constant <value_float: float = 0> () }`)
		m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.NewArray(elem, []int64{2}).Proto("k")}
		text := "1,-2"
		if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "k", Text: &text}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a, err := onnxpb.Decode(m.Graph.Initializer[0], ""); err != nil || !reflect.DeepEqual(a.Data, want) {
			t.Errorf("%s is %v, want %v (%v)", name, a, want, err)
		}
	}
}

// TestSetConstantExternal: the file of the old value is left alone, and the model refers to it no more.
func TestSetConstantExternal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, 12), 0o666); err != nil {
		t.Fatal(err)
	}
	m := textModel(t, 17, `g (float[3] x) => (float[3] y) <float[3] w = ["location": "w.bin"]> { y = Add (x, w) }`)
	text := "1,2,3"
	r, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w", Text: &text})
	if err != nil {
		t.Fatal(err)
	}
	if onnxpb.HasExternal(m) || len(r.Notes) == 0 {
		t.Errorf("the model refers to external data still: %v", r.Notes)
	}
	wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(1, 1, 1)}, map[string]any{"y": []float32{2, 3, 4}})
}

// TestStoreConstants: Constants become initializers and go back, and the model computes the same bits.
func TestStoreConstants(t *testing.T) {
	e := batchEngine(t)
	for _, c := range []bool{true, false} {
		x := map[string]*onnxpb.Array{"x": vec(1.5, -2, 3), "c": truth(c)}
		m := textModel(t, 17, shared)
		want := runs(t, e, m, x)
		r, err := surgery.StoreConstants(m, surgery.AsInitializer)
		if err != nil {
			t.Fatal(err)
		}
		mustPass(t, m)
		if len(r.Changes) != 2 || len(m.Graph.Initializer) != 3 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "function") {
			t.Errorf("told %v, %v", r.Changes, r.Notes)
		}
		if got := runs(t, e, m, x); !reflect.DeepEqual(got, want) {
			t.Errorf("as initializers: %v, want %v", got, want)
		}
		if r, err = surgery.StoreConstants(m, surgery.AsConstant); err != nil {
			t.Fatal(err)
		}
		mustPass(t, m)
		if len(r.Changes) != 4 || len(m.Graph.Initializer) != 0 {
			t.Errorf("told %v", r.Changes)
		}
		if got := runs(t, e, m, x); !reflect.DeepEqual(got, want) {
			t.Errorf("as Constants: %v, want %v", got, want)
		}
	}
	m := textModel(t, 17, shared)
	if _, err := surgery.StoreConstants(m, surgery.AsInitializer, "two"); onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("a Constant in a function: %v", err)
	}
	if _, err := surgery.StoreConstants(m, surgery.AsInitializer, "hlaf"); err == nil || !strings.Contains(err.Error(), `"half"`) {
		t.Errorf("no such constant: %v", err)
	}
	if r, err := surgery.StoreConstants(m, surgery.AsInitializer, "half"); err != nil || !slices.Equal(changesOf(r), []string{`changed constant "half": constant -> initializer`}) {
		t.Errorf("one: %v, %v", r, err)
	}
	// An input's default stays: the input may override it.
	m = textModel(t, 17, `g (float x, float k) => (float y) <float k = {1}> { y = Add (x, k) }`)
	if r, err := surgery.StoreConstants(m, surgery.AsConstant); err != nil || len(r.Changes) != 0 || len(r.Notes) != 1 {
		t.Errorf("a default: %v, %v", r, err)
	}
}

func ExampleSetConstant() {
	m := twoSteps()
	value := "0.5"
	r, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "one", Text: &value})
	fmt.Println(r.Changes, err)
	// Output: [changed initializer "one": float32[1]=1 -> float32[1]=0.5] <nil>
}
