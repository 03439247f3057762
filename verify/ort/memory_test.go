//go:build cgo

package ort

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// TestMemory bounds the engine's memory, in a process of its own, as the bound is the process's.
func TestMemory(t *testing.T) {
	testEngine(t)
	if os.Getenv("ONNXTOOL_TEST_MEMORY") == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^TestMemory$")
		cmd.Env = append(os.Environ(), "ONNXTOOL_TEST_MEMORY=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	m := model(13, []*onnxpb.NodeProto{onnxpb.Node("Expand", "e", []string{"x", "shape"}, []string{"wide"}), onnxpb.Node("ReduceMax", "r", []string{"wide"}, []string{"y"})},
		ports(tensor("x", onnxpb.TensorProto_FLOAT, onnxpb.Number(1)), tensor("shape", onnxpb.TensorProto_INT64, onnxpb.Number(1))), ports(tensor("y", onnxpb.TensorProto_FLOAT, onnxpb.Number(1))))
	const limit = 8 << 20
	one, two := open(t, m, verify.SessionOptions{Memory: limit}), open(t, m, verify.SessionOptions{Memory: limit})
	run := func(s verify.Session, elements int64) error {
		_, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []float32{3})), "shape": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []int64{elements}))})
		return err
	}
	for range 3 { // a run that was refused leaves the session, and the other one, as good as they were
		for _, s := range []verify.Session{one, two} {
			if err := run(s, limit/4/2); err != nil {
				t.Error(err)
			}
			if err := run(s, limit); err == nil || onnxpb.KindOf(err) != onnxpb.Engine {
				t.Errorf("four times as much as may be: %v", err)
			}
		}
	}
	var e *onnxpb.Error
	if _, err := testEngine(t).Open(verify.Source{Model: m}, verify.SessionOptions{Memory: 1 << 30}); !errors.As(err, &e) || onnxpb.KindOf(err) != onnxpb.Usage {
		t.Errorf("another bound: %v", err)
	}
	if err := run(open(t, m, verify.SessionOptions{}), limit); err != nil {
		t.Errorf("without a bound: %v", err)
	}
	// Weights count.
	w := model(13, []*onnxpb.NodeProto{onnxpb.Node("Add", "a", []string{"x", "w"}, []string{"y"})}, ports(tensor("x", onnxpb.TensorProto_FLOAT, onnxpb.Number(1))), ports(tensor("y", onnxpb.TensorProto_FLOAT, onnxpb.Number(limit))))
	w.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{limit}, make([]float32, limit))}
	if _, err := testEngine(t).Open(verify.Source{Model: w}, verify.SessionOptions{Memory: limit}); err == nil || onnxpb.KindOf(err) != onnxpb.Engine {
		t.Errorf("weights past the bound: %v", err)
	}
}
