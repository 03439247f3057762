package surgery_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/exports"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// mixings are operators that mix rows along the axis where they are; each reads v and makes w.
var mixings = map[string]func(axis int64, w *wild) []*onnxpb.NodeProto{
	"ReduceMax": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("ReduceMax", "mix", []string{"v"}, []string{"m"}, onnxpb.Ints("axes", axis)), onnxpb.Node("Sub", "after", []string{"v", "m"}, []string{"w"})}
	},
	"Softmax": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("Softmax", "mix", []string{"v"}, []string{"w"}, onnxpb.Int("axis", axis))}
	},
	"CumSum": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("CumSum", "mix", []string{"v", w.list(axis)}, []string{"w"})}
	},
	"TopK": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("TopK", "mix", []string{"v", w.list(1)}, []string{"w", "i"}, onnxpb.Int("axis", axis))}
	},
	"Gather of a row": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("Gather", "mix", []string{"v", w.list(0)}, []string{"w"}, onnxpb.Int("axis", axis))}
	},
	"Concat of rows": func(axis int64, w *wild) []*onnxpb.NodeProto {
		return []*onnxpb.NodeProto{onnxpb.Node("Concat", "mix", []string{"v", "v"}, []string{"w"}, onnxpb.Int("axis", axis))}
	},
	"an operator that nobody knows": func(int64, *wild) []*onnxpb.NodeProto {
		n := onnxpb.Node("Mystery", "mix", []string{"v"}, []string{"w"})
		n.Domain = proto.String("acme")
		return []*onnxpb.NodeProto{n}
	},
}

// TestSetBatchRefusesWhatMixes puts one operator that mixes rows behind random graphs that are freed without it: then they are refused, with the node.
func TestSetBatchRefusesWhatMixes(t *testing.T) {
	tried := 0
	for seed := range uint64(120) {
		w := &wild{rng: rand.New(rand.NewPCG(seed, 11)), batch: 1}
		dims := append([]int64{1}, [][]int64{{6}, {4, 6}, {2, 3, 4}}[seed%3]...)
		w.b.x, w.values = nums(dims...), []wildValue{{"x", dims}}
		for len(w.values) < 8 {
			w.grow()
		}
		last := w.values[len(w.values)-1]
		plain := w.b.model()
		plain.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last.name, tFloat, nums(last.dims...))}
		if _, err := surgery.Tidy(plain); err != nil {
			t.Fatal(err)
		}
		r, err := surgery.SetBatch(onnxpb.Clone(plain), onnxpb.Symbol("N"))
		if err != nil {
			continue
		}
		axis, rows := r.Axes[last.name]
		if !rows {
			continue
		}
		for name, mix := range mixings {
			tried++
			m := onnxpb.Clone(plain)
			before := len(w.b.inits)
			nodes := append([]*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{last.name}, []string{"v"})}, mix(int64(axis), w)...)
			m.Graph.Node = append(m.Graph.Node, nodes...)
			m.Graph.Initializer = append(m.Graph.Initializer, w.b.inits[before:]...)
			m.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("w", tFloat, nil)}
			m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("acme", 1))
			_, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
			var oe *onnxpb.Error
			if !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || oe.Node != "mix" && oe.Node != "after" {
				t.Errorf("seed %d, %s along axis %d of %v: %v", seed, name, axis, last.dims, err)
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d graphs were tried", tried)
	}
}

// A model whose batch is free gets another name for it, and nothing else.
func TestSetBatchOfWhatIsFree(t *testing.T) {
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for _, path := range n.Free {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			m := onnxpb.Clone(f.Model)
			if _, err := surgery.SetBatchOf(m, onnxpb.Symbol("rows"), surgery.BatchOptions{Axes: axesOf(n)}); err != nil {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			was := &onnxpb.GraphProto{Node: f.Model.Graph.Node, Initializer: f.Model.Graph.Initializer}
			is := &onnxpb.GraphProto{Node: m.Graph.Node, Initializer: m.Graph.Initializer}
			if !proto.Equal(was, is) {
				t.Errorf("%s: the graph was changed", filepath.Base(path))
			}
			f.Close()
		}
	}
}
