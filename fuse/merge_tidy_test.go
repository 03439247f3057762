package fuse_test

import (
	"reflect"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// TestMergeTidy: what the outputs that are asked for do not need goes, with inputs that only it read, their defaults and functions; the rest computes the same.
func TestMergeTidy(t *testing.T) {
	one := fromText(t, `<ir_version: 8, opset_import: ["": 17, "local": 1]> one (float[2] a, float[2] b, float[2] d = {5,6}, bool c) => (float[2] p, float[2] q, float[2] r) <float[2] w = {1,2}, float[2] unused = {3,4}>
  { p = Add (a, w) k = local.f (b) q = Mul (k, d) r = If (c) <then_branch = t () => (float[2] u) { u = Neg (a) }, else_branch = e () => (float[2] v) { v = Abs (b) }> }
  <domain: "local", opset_import: ["": 17]> f (x) => (y) { y = Exp (x) }`)
	two := fromText(t, `<ir_version: 8, opset_import: ["": 17]> two (float[2] x, float[2] alone) => (float[2] y, float[2] z) { y = Neg (x) z = Sqrt (alone) }`)
	models := []fuse.Input{{Name: "one", Model: one}, {Name: "two", Model: two}}
	o := fuse.MergeOptions{Connect: connections(t, "one:p=two:x"), Outputs: outputs(t, "two:y"), Tidy: true}
	m, r := merge(t, models, o)
	mustPass(t, m)
	var inputs []string
	for _, v := range m.Graph.Input {
		inputs = append(inputs, v.GetName())
	}
	if !reflect.DeepEqual(inputs, []string{"a"}) || len(m.Graph.Node) != 2 || len(m.Functions) != 0 || len(m.Graph.Initializer) != 1 {
		t.Errorf("inputs %v, %d nodes, %d functions, %d initializers", inputs, len(m.Graph.Node), len(m.Functions), len(m.Graph.Initializer))
	}
	told(t, r, `removed input "b": float32 \[2\]`, `removed input "d"`, `removed input "c"`, `removed input "alone"`, `removed initializer "d"`, `removed function "f"`)
	got := runPart(t, m, map[string]*onnxpb.Array{"a": onnxpb.ArrayOf([]int64{2}, []float32{10, 20})})
	if !reflect.DeepEqual(got["y"].Data, []float32{-11, -22}) {
		t.Errorf("y is %v", got["y"].Data)
	}
	// What a branch reads is read; an input that is an output stays.
	o.Outputs = outputs(t, "one:r one:d")
	m, _ = merge(t, models, o)
	mustPass(t, m)
	inputs = nil
	for _, v := range m.Graph.Input {
		inputs = append(inputs, v.GetName())
	}
	if !reflect.DeepEqual(inputs, []string{"a", "b", "d", "c"}) {
		t.Errorf("inputs %v", inputs)
	}
}
