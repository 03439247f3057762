package fuse_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func fromText(t testing.TB, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMergeOfTwoOpsetsComputes: models of two versions, whose operators are the same in both, in subgraphs and functions too, compute merged what they compute one behind the other.
func TestMergeOfTwoOpsetsComputes(t *testing.T) {
	const lowText = `<ir_version: 8, opset_import: ["": 16, "local": 1]> low (float[2,3] x, bool c) => (float[2,3] y) <float[3] w = {0.5,-1,2}, float[3,3] k = {1,2,3,4,5,6,7,8,9}> {
  [soft] s = Softmax <axis: int = 1> (x)
  [call] f = local.Scale (s)
  [choose] y = If (c) <then_branch = t () => (float[2,3] p) { [inner] p = Gemm (f, k) }, else_branch = e () => (float[2,3] q) { q = Mod <fmod: int = 1> (f, w) }> }
  <domain: "local", opset_import: ["": 16]> Scale (a) => (b) { h = Exp (a) b = Tanh (h) }`
	low := fromText(t, lowText)
	high := fromText(t, `<ir_version: 8, opset_import: ["": 18]> high (float[2,3] u) => (float[2,3] v) <float[3] g = {1,2,3}> { [norm] v = LayerNormalization (u, g) }`)
	m, r := merge(t, []fuse.Input{{Name: "low", Model: low}, {Name: "high", Model: high}}, fuse.MergeOptions{Connect: connections(t, "low:y=high:u"), KeepConnected: true})
	mustPass(t, m)
	told(t, r, "ai.onnx is imported at version 18")
	if m.OpsetVersion("") != 18 || m.Functions[0].OpsetImport[0].GetVersion() != 16 {
		t.Errorf("imports %v, the function %v", m.OpsetImport, m.Functions[0].OpsetImport)
	}
	x := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, -2, 0.5, 3, float32(math.Pi), -0.25})
	for _, c := range []bool{true, false} {
		in := map[string]*onnxpb.Array{"x": x, "c": onnxpb.ArrayOf([]int64{}, []bool{c})}
		y := runPart(t, low, in)["y"]
		v := runPart(t, high, map[string]*onnxpb.Array{"u": y})["v"]
		got := runPart(t, m, in)
		if !reflect.DeepEqual(got["y"].Data, y.Data) || !reflect.DeepEqual(got["v"].Data, v.Data) {
			t.Errorf("c %v: %v, %v, want %v, %v", c, got["y"].Data, got["v"].Data, y.Data, v.Data)
		}
	}
	// Another operator in the graph, a subgraph or a function is found there.
	for _, c := range []struct{ from, to, where string }{
		{"Softmax <axis: int = 1> (x)", "ReduceMax (x)", `node "soft" of low is ReduceMax`}, {"Gemm (f, k)", "ReduceMax (f)", `node "inner" of low is ReduceMax`}, {"b = Tanh", "[last] b = ReduceMax", `node "last" in function local.Scale of low is ReduceMax`},
	} {
		low := fromText(t, strings.NewReplacer(c.from, c.to, "Mod <fmod: int = 1>", "Mod").Replace(strings.Replace(lowText, "Mod <fmod: int = 1> (f, w)", "Neg (f)", 1)))
		_, _, err := tryMerge(t, []fuse.Input{{Name: "low", Model: low}, {Name: "high", Model: high}}, fuse.MergeOptions{})
		if err == nil || onnxpb.KindOf(err) != onnxpb.Unfit || !strings.Contains(err.Error(), c.where) || !strings.Contains(err.Error(), "part --opset") {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}
