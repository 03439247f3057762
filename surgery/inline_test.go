package surgery_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// withFunctions has a function that calls another twice, with attributes passed on and left to their defaults, an If in a body that captures what is around it, an input that is passed through, one
// that is left out, an output that is not taken, and calls in a subgraph.
const withFunctions = `g (float[3] x, bool c, float[2] unused) => (float[3] y, float[3] z, float[3] k) <float[3] h> {
  [one] h = local.Outer <slope: float = 0.5> (x, c)
  y = local.Outer (h, c)
  [two] a, z = local.Pair (x)
  [if] k = If (c) <
    then_branch = t () => (float[3] p) { p = local.Leak <by: float = 0.25> (h) },
    else_branch = e () => (float[3] q) { n = Neg (h) q = local.Limit (n) }>
}
<opset_import: ["": 17, "local": 1], domain: "local">
Outer <slope: float = 0.125> (in, c) => (out) <float[K,3] m, float[3] w> {
  [leak] m = local.Leak <by: float = @slope> (in)
  [choose] w = If (c) <
    then_branch = t () => (float[3] r) { [inner] v = local.Leak <by: float = @slope> (m) r = Add (v, in) },
    else_branch = e () => (float[3] s) { v = Sub (m, in) s = Neg (v) }>
  out = local.Leak (w)
}
<opset_import: ["": 17], domain: "local">
Leak <by: float = 2.0> (in) => (out) { out = LeakyRelu <alpha: float = @by> (in) }
<opset_import: ["": 17], domain: "local">
Pair (in) => (neg, same) { neg = Neg (in) same = Identity (in) }
<opset_import: ["": 17], domain: "local">
Limit (in, low, high) => (out) { out = Clip (in, low, high) }`

// TestInline: with all functions inlined, or some, the model computes the same bits, with c true and false.
func TestInline(t *testing.T) {
	e := batchEngine(t)
	for _, names := range [][]string{nil, {"local.Leak"}, {"local.Outer"}, {"local.*"}, {"local.Pair", "local.Limit"}} {
		m := textModel(t, 17, withFunctions)
		original := onnxpb.Clone(m)
		r, err := surgery.Inline(m, names...)
		if err != nil {
			t.Errorf("%q: %v", names, err)
			continue
		}
		mustPass(t, m)
		for _, c := range []bool{true, false} {
			x := map[string]*onnxpb.Array{"x": vec(-8, 1.5, -3), "c": truth(c), "unused": vec(1, 2)}
			if want, got := runs(t, e, original, x), runs(t, e, m, x); !reflect.DeepEqual(want, got) {
				t.Errorf("%q, %v: computes %v, want %v", names, c, got, want)
			}
		}
		if len(names) == 0 && (len(m.Functions) != 0 || m.OpsetVersion("local") != 0) {
			t.Errorf("functions are left: %v", r.Changes)
		}
		if slices.Equal(names, []string{"local.Leak"}) && len(m.Functions) != 3 {
			t.Errorf("%d functions are left", len(m.Functions))
		}
	}
}

// TestInlineExcept: functions that stay are called still, also where the imports of what is inlined and of the model give their domain two versions, as functions have none.
func TestInlineExcept(t *testing.T) {
	e := batchEngine(t)
	for _, c := range []struct {
		except, names []string
		left          int
	}{{[]string{"local.Leak"}, nil, 1}, {[]string{"local.Outer"}, nil, 1}, {[]string{"local.Pair", "re:.*Lim.*"}, nil, 2}, {[]string{"*.Outer"}, []string{"*.Outer", "local.Pair"}, 3}, {[]string{"*"}, nil, 4}} {
		m := textModel(t, 17, withFunctions)
		m.Functions[0].OpsetImport[1].Version = proto.Int64(2)
		original := onnxpb.Clone(m)
		if _, err := surgery.InlineExcept(m, c.except, c.names...); err != nil {
			t.Errorf("%q: %v", c.except, err)
			continue
		}
		mustPass(t, m)
		if len(m.Functions) != c.left {
			t.Errorf("%q: %d functions are left, want %d", c.except, len(m.Functions), c.left)
		}
		for _, b := range []bool{true, false} {
			x := map[string]*onnxpb.Array{"x": vec(-8, 1.5, -3), "c": truth(b), "unused": vec(1, 2)}
			if want, got := runs(t, e, original, x), runs(t, e, m, x); !reflect.DeepEqual(want, got) {
				t.Errorf("%q, %v: computes %v, want %v", c.except, b, got, want)
			}
		}
	}
}

// TestInlineKeepsValueInfo: what the function declares of its values comes along under their new names, without its symbols.
func TestInlineKeepsValueInfo(t *testing.T) {
	m := textModel(t, 17, withFunctions)
	if _, err := surgery.Inline(m); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, v := range m.Graph.ValueInfo {
		found[v.GetName()] = onnxpb.FormatTypeProto(v.Type)
	}
	want := map[string]string{"h": "float32 [3]", "one/m": "float32 [?,3]", "one/w": "float32 [3]", "Outer/m": "float32 [?,3]", "Outer/w": "float32 [3]"}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("value_info of %v", found)
	}
}

// TestInlineThrough: an output that is an input of the function.
func TestInlineThrough(t *testing.T) {
	m := textModel(t, 17, `g (float x) => (float y, float z) { y, z = local.Same (x) }
<opset_import: ["": 17], domain: "local">
Same (in) => (in, out) { out = Neg (in) }`)
	if _, err := surgery.Inline(m); err != nil {
		t.Fatal(err)
	}
	mustPass(t, m)
	wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{}, []float32{2})}, map[string]any{"y": []float32{2}, "z": []float32{-2}})
}

func TestInlineRefuses(t *testing.T) {
	parse := func(text string) *onnxpb.ModelProto {
		m, err := onnxtext.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	const head = `<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[2] x) => (float[2] y) { [call] y = local.F (x) } `
	for _, c := range []struct {
		text  string
		names []string
		says  string
	}{
		// Softmax of one axis or of all behind it; ReduceSum's axes as an attribute or an input.
		{head + `<opset_import: ["": 11], domain: "local"> F (in) => (out) { out = Softmax (in) }`, nil, "Softmax means another thing in version 17"},
		{head + `<opset_import: ["": 17], domain: "local"> F (in) => (out) { out = Neg (in) }`, []string{"local.G"}, `"local.F"`},
		{head + `<opset_import: ["": 17], domain: "local"> F <a> (in) => (out) { k = Constant <value_float: float = @a> () out = Add (in, k) }`, nil, "leaves out an attribute"},
		{head + `<opset_import: ["": 17, "local": 1], domain: "local"> F (in) => (out) { out = local.F (in) }`, nil, "calls itself"},
	} {
		m := parse(c.text)
		before, _ := onnxpb.Marshal(m)
		if _, err := surgery.Inline(m, c.names...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.text, err, c.says)
		}
		if after, _ := onnxpb.Marshal(m); string(after) != string(before) {
			t.Error("the refused edit changed the model")
		}
	}
	// Another version in which the operators are the same is no obstacle, nor is a domain that the model does not import.
	m := parse(head + `<opset_import: ["": 14, "com.microsoft": 1], domain: "local"> F (in) => (out) { n = Neg (in) out = com.microsoft.Gelu (n) }`)
	if _, err := surgery.Inline(m); err != nil || m.OpsetVersion("com.microsoft") != 1 {
		t.Errorf("another version: %v", err)
	}
	mustPass(t, m)
	// Functions that double what they call would fill any memory.
	text := `<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float x) => (float y) { y = local.F40 (x) } <opset_import: ["": 17], domain: "local"> F0 (in) => (out) { out = Neg (in) }`
	for i := 1; i <= 40; i++ {
		text += fmt.Sprintf(` <opset_import: ["": 17, "local": 1], domain: "local"> F%d (in) => (out) { m = local.F%d (in) out = local.F%d (m) }`, i, i-1, i-1)
	}
	if _, err := surgery.Inline(parse(text)); onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("2^40 nodes: %v", err)
	}
}
