package surgery_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// notFreed lists the networks whose batch SetBatch does not free, and why: the test fails for one that it does.
var notFreed = map[string]string{
	"mixed": "the mean over the batch is taken off every row",
}

// TestSetBatchOnExports frees what PyTorch's exporters made with a batch of 1 baked in, and holds it to what PyTorch computes of three rows: a truth that neither the
// model nor this program had a part in.
func TestSetBatchOnExports(t *testing.T) {
	e := batchEngine(t)
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for _, path := range n.Fixed {
			name := strings.TrimSuffix(filepath.Base(path), ".onnx")
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			report, err := surgery.SetBatchOf(f.Model, onnxpb.Symbol("N"), surgery.BatchOptions{Axes: axesOf(n)})
			why := notFreed[n.Name]
			if why == "" {
				why = notFreed[name]
			}
			switch {
			case err != nil && why == "":
				t.Errorf("%s is not freed: %v", name, err)
			case err == nil && why != "":
				t.Errorf("%s is freed, and is listed as one that is not: %s", name, why)
			case err != nil:
				var oe *onnxpb.Error
				if !errors.As(err, &oe) || oe.Hint == "" {
					t.Errorf("%s: %v", name, err)
				}
			default:
				for i, axis := range n.OutputAxes {
					if got, ok := report.Axes[fmt.Sprintf("out%d", i)]; !ok || got != axis {
						t.Errorf("%s: the batch of out%d is said to lie in axis %d, and lies in axis %d", name, i, got, axis)
					}
				}
				sameAsPyTorch(t, e, n, name, f.Model)
			}
			f.Close()
		}
		for _, path := range n.Free { // the engine and the record agree on what was exported free
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			sameAsPyTorch(t, e, n, filepath.Base(path), f.Model)
			f.Close()
		}
	}
}

// axesOf returns the axes of the batch in the inputs of a network.
func axesOf(n exports.Network) map[string]int {
	axes := map[string]int{}
	for i, axis := range n.InputAxes {
		axes[fmt.Sprintf("in%d", i)] = axis
	}
	return axes
}

func sameAsPyTorch(t *testing.T, e verify.Engine, n exports.Network, name string, m *onnxpb.ModelProto) {
	t.Helper()
	s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer s.Close()
	inputs := map[string]*onnxpb.Value{}
	for key, a := range n.Inputs {
		inputs[key] = onnxpb.TensorVal(a)
	}
	outs, err := s.Run(inputs)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for key := range n.Outputs {
		if err := n.Close(key, outs[key]); err != nil {
			t.Errorf("%s: %s: %v", name, key, err)
		}
	}
}
