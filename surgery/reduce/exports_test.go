package reduce_test

import (
	"path/filepath"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/onnxpb"
	"onnxtool/surgery/reduce"
)

// rarest returns the operator that stands in the nodes of a main graph fewest times, the first one of these.
func rarest(m *onnxpb.ModelProto) string {
	count := map[string]int{}
	for _, n := range m.Graph.Node {
		count[n.GetOpType()]++
	}
	best := ""
	for _, n := range m.Graph.Node {
		if op := n.GetOpType(); op != "Constant" && (best == "" || count[op] < count[best]) {
			best = op
		}
	}
	return best
}

// TestExports reduces networks from PyTorch's exporters to one operator that each has: what is left is that node, with the constants that it reads.
func TestExports(t *testing.T) {
	for _, n := range exports.All(t, filepath.Join("..", "..", "testdata", "exports")) {
		for _, path := range append(n.Fixed, n.Free...) {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			op := rarest(f.Model)
			has := func(m *onnxpb.ModelProto) (bool, error) {
				for _, n := range m.Graph.Node {
					if n.GetOpType() == op {
						return true, nil
					}
				}
				return false, nil
			}
			small, r := reduced(t, f.Model, has, reduce.Options{})
			left := 0
			for _, n := range small.Graph.Node {
				if n.GetOpType() != "Constant" {
					left++
				}
			}
			if left != 1 || !r.Complete || r.Runs > 60 {
				t.Errorf("%s: %s is left of %d nodes after %d runs, for %s", filepath.Base(path), ops(small), r.Before.Nodes, r.Runs, op)
			}
			f.Close()
		}
	}
}
