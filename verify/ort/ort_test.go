//go:build cgo

package ort

import (
	"os"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// testEngine returns the engine; tests are skipped where this machine has no ONNX Runtime.
func testEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := Default()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("ONNX Runtime is not on this machine: %v", err)
	}
	return e
}

func open(t testing.TB, m *onnxpb.ModelProto, o verify.SessionOptions) verify.Session {
	t.Helper()
	s, err := testEngine(t).Open(verify.Source{Model: m}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestAdd(t *testing.T) {
	n := onnxpb.Symbol("N")
	s := open(t, model(13, []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"a", "b"}, []string{"sum"})},
		ports(tensor("a", onnxpb.TensorProto_FLOAT, n, onnxpb.Number(3)), tensor("b", onnxpb.TensorProto_FLOAT, n, onnxpb.Number(3))),
		ports(tensor("sum", onnxpb.TensorProto_FLOAT, n, onnxpb.Number(3)))), verify.SessionOptions{})
	got, err := s.Run(map[string]*onnxpb.Value{
		"a": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 2, 3, 4, 5, 6})),
		"b": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2, 3}, []float32{10, 20, 30, 40, 50, 60})),
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := got["sum"].Array
	for i, v := range sum.Data.([]float32) {
		if want := float32(11 * (i + 1)); v != want {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
	if len(sum.Dims) != 2 || sum.Dims[0] != 2 || sum.Dims[1] != 3 {
		t.Errorf("dims %v", sum.Dims)
	}
}
