package verify_test

import (
	"errors"
	"strings"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/verify"
)

// Values that are not declared are given out with the type that follows, sequences too, in any order, and the model stays as it is.
func TestWithOutputs(t *testing.T) {
	e := testengine.New(t)
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]>
g (float[N,3] x) => (float[N,3] y) <float[3] w = {1,2,3}> { a = Mul(x, w)  i = Cast<to = 7>(a)  s = SequenceConstruct(a, x)  y = Relu(a) }`)
	if err != nil {
		t.Fatal(err)
	}
	src, err := verify.WithOutputs(verify.Source{Model: m}, []string{"i", "s", "a", "y", "x", "w"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Graph.Output) != 1 {
		t.Error("the model was changed")
	}
	x, err := e.Open(src, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	in := &onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{1, 3}, Data: []float32{1, -2, 3}}
	got, err := x.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(in)})
	if err != nil {
		t.Fatal(err)
	}
	if a := got["a"].Array.Data.([]float32); a[0] != 1 || a[1] != -4 || a[2] != 9 {
		t.Errorf("a is %v", a)
	}
	if i := got["i"].Array.Data.([]int64); i[1] != -4 {
		t.Errorf("i is %v", i)
	}
	if s := got["s"]; s.Kind != onnxpb.KindSequence || len(s.Elems) != 2 {
		t.Errorf("s is %v", s)
	}
	var oe *onnxpb.Error
	if _, err := verify.WithOutputs(verify.Source{Model: m}, []string{"b"}); !errors.As(err, &oe) || oe.Kind != onnxpb.Unfit {
		t.Errorf("%v", err)
	}
}

// A value within a subgraph or a function is told from one that is not there.
func TestFetchWithin(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "own": 1]>
g (float[N,3] x, bool c) => (float[N,3] y) {
  [choose] z = If(c) <then_branch = t () => (float[N,3] p) { inside = Neg(x)  p = Abs(inside) }, else_branch = e () => (float[N,3] q) { q = Relu(x) }>
  y = own.twice(z)
}
<domain: "own", opset_import: ["": 17]>
twice (a) => (b) { half = Abs(a)  b = Add(half, a) }`)
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"inside": "within a subgraph of node choose (If)", "q": "within a subgraph of node choose (If)", "half": `within function "twice"`, "insid": "the model has no tensor"} {
		for how, fetch := range map[string]func() error{
			"run": func() error {
				_, err := verify.Run(testengine.New(t), verify.Source{Model: m}, verify.RunOptions{Fetch: []string{name}})
				return err
			},
			"with outputs": func() error { _, err := verify.WithOutputs(verify.Source{Model: m}, []string{name}); return err },
		} {
			if err := fetch(); err == nil || onnxpb.KindOf(err) != onnxpb.Unfit || !strings.Contains(err.Error(), says) {
				t.Errorf("%s of %s: %v", how, name, err)
			}
		}
	}
}
