package shape_test

import (
	"path/filepath"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// TestExports infers what PyTorch's exporters made: every value has a rank, nothing contradicts what the exporters declared, and the outputs of the free exports have, for
// three rows, the shapes that PyTorch computed.
func TestExports(t *testing.T) {
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for i, path := range append(n.Fixed, n.Free...) {
			free := i >= len(n.Fixed)
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(path)
			bare := onnxpb.Clone(f.Model)
			bare.Graph.ValueInfo = nil
			for _, o := range bare.Graph.Output {
				o.Type = nil
			}
			for _, m := range []*onnxpb.ModelProto{f.Model, bare} {
				r := shape.Infer(m, shape.Options{})
				for _, x := range append(r.Faults, r.Notes...) {
					t.Errorf("%s: %v", name, x)
				}
				for _, op := range r.UnknownOperators {
					t.Errorf("%s: operator %s is not known", name, op)
				}
				for _, node := range m.Graph.Node {
					for _, o := range node.Output {
						if v := r.Value(o); o != "" && (v == nil || v.Kind != shape.Tensor || !v.Ranked) {
							t.Errorf("%s: %s %s is %v", name, node.GetOpType(), o, v)
						}
					}
				}
				for key, want := range n.Outputs {
					v := r.Value(key)
					if v == nil || len(v.Dims) != len(want.Dims) {
						t.Errorf("%s: %s is %v, recorded %v", name, key, v, want.Dims)
						continue
					}
					for k, d := range v.Dims {
						at := map[string]int64{}
						for _, s := range d.Symbols() {
							at[s] = n.Batch
						}
						expected := want.Dims[k]
						if !free && expected == n.Batch {
							expected = 1
						}
						if got, ok := expr.Expr(d).Eval(at); !ok || got != expected {
							t.Errorf("%s: %s is %v, which for %d rows is not %v", name, key, v, n.Batch, want.Dims)
						}
					}
				}
			}
			f.Close()
		}
	}
}
