package surgery_test

import (
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// With a number in the place of the symbol, what only served the symbol goes: the free exports of PyTorch, fixed to three rows, compute what PyTorch does, and no shape
// is computed any more whose numbers are known.
func TestSetBatchFolds(t *testing.T) {
	e := batchEngine(t)
	smaller := 0
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for _, path := range n.Free {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			before := count(f.Model, "Shape")
			r, err := surgery.SetBatchOf(f.Model, onnxpb.Number(n.Batch), surgery.BatchOptions{Axes: axesOf(n)})
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(path), err)
				f.Close()
				continue
			}
			mustBeValid(t, f.Model)
			if after := count(f.Model, "Shape"); after < before {
				smaller++
				if !strings.Contains(written(r), "removed node") {
					t.Errorf("%s: the report does not tell of nodes that went", filepath.Base(path))
				}
			} else if after > 0 && n.Name != "mixed" {
				t.Errorf("%s: %d nodes Shape are left", filepath.Base(path), after)
			}
			sameAsPyTorch(t, e, n, filepath.Base(path), f.Model)
			f.Close()
		}
	}
	if smaller < 10 {
		t.Errorf("only %d models became smaller", smaller)
	}
}

func count(m *onnxpb.ModelProto, op string) int {
	n := 0
	for _, x := range m.Graph.Node {
		if x.GetOpType() == op {
			n++
		}
	}
	return n
}
