package verify_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// byTwoExporters are the pairs of files of one network with the same weights, by PyTorch's two exporters, in both orders.
func byTwoExporters(t *testing.T, networks []exports.Network, pair func(n exports.Network, ref, model string)) {
	t.Helper()
	count := 0
	for _, n := range networks {
		for _, files := range [][]string{n.Fixed, n.Free} {
			for _, ref := range files {
				for _, model := range files {
					if ref != model {
						count++
						pair(n, ref, model)
					}
				}
			}
		}
	}
	if count < 40 {
		t.Errorf("%d pairs are too few", count)
	}
}

func given(t *testing.T, n exports.Network, ref string) verify.LayerOptions {
	t.Helper()
	o := verify.LayerOptions{Options: verify.Options{ByType: true, Tolerance: verify.DefaultTolerance}}
	if !slices.Contains(n.Free, ref) {
		return o // generated
	}
	var names []string
	var arrays []*onnxpb.Array
	for name, a := range n.Inputs {
		names, arrays = append(names, name), append(arrays, a)
	}
	archive := filepath.Join(t.TempDir(), "in.npz")
	if err := verify.WriteNPZ(archive, names, arrays); err != nil {
		t.Fatal(err)
	}
	o.Files = []verify.InputFile{{Path: archive}}
	return o
}

// One network with the same weights, by two exporters: nothing differs, and so no node is called the source of a difference.
func TestLayersTwoExporters(t *testing.T) {
	e := testengine.New(t)
	shared, differ := 0, 0
	byTwoExporters(t, exports.All(t, filepath.Join("..", "testdata", "exports")), func(n exports.Network, ref, model string) {
		for method, compare := range map[string]func(verify.Engine, verify.Source, verify.Source, verify.LayerOptions) (*verify.LayerReport, error){"layers": verify.Layers, "bisect": verify.Bisect} {
			r, err := compare(e, opened(t, ref), opened(t, model), given(t, n, ref))
			if err != nil {
				t.Errorf("%s, %s %s: %v", method, ref, model, err)
				continue
			}
			if !r.Equal || r.Blame != nil || r.Sources != 0 || r.Differ != 0 {
				b := r.Blame
				if b == nil {
					b = &verify.LayerBlame{}
				}
				t.Errorf("%s, %s %s: %d sources, %d differ, node %s (%s)", method, ref, model, r.Sources, r.Differ, b.Node, b.Op)
				differ++
			}
			shared += r.Shared
		}
	})
	if shared < 500 {
		t.Errorf("%d tensors were compared, which is too few", shared)
	}
	t.Logf("%d tensors", shared)
}

func opened(t *testing.T, path string) verify.Source {
	t.Helper()
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}
}

// A weight that both exports hold, changed in one of them, is named: the node that reads it.
func TestLayersTwoExportersFault(t *testing.T) {
	e := testengine.New(t)
	found, seen := 0, 0
	byTwoExporters(t, exports.All(t, filepath.Join("..", "testdata", "exports")), func(n exports.Network, ref, model string) {
		a, b := opened(t, ref), opened(t, model)
		for i, w := range sharedWeights(t, a.Model, b.Model) {
			if i%3 != 0 {
				continue // some of them do
			}
			changed := onnxpb.Clone(b.Model)
			for _, x := range changed.Graph.Initializer {
				if x.GetName() == w.model {
					array, err := onnxpb.Decode(x, "")
					if err != nil {
						t.Fatal(err)
					}
					data := array.Data.([]float32)
					for k := range data {
						data[k] += 0.5 + float32(k*k%7)/8 // not all by the same, which a normalisation would take away
					}
					x.RawData, x.FloatData = nil, data
				}
			}
			for method, compare := range map[string]func(verify.Engine, verify.Source, verify.Source, verify.LayerOptions) (*verify.LayerReport, error){"layers": verify.Layers, "bisect": verify.Bisect} {
				r, err := compare(e, a, verify.Source{Model: changed}, given(t, n, ref))
				if err != nil {
					t.Fatalf("%s, %s %s: %v", method, ref, model, err)
				}
				if r.Equal {
					if plain, err := verify.Models(e, a, verify.Source{Model: changed}, given(t, n, ref).Options); err != nil || !plain.Equal {
						t.Errorf("%s, %s %s: weight %s: an output differs, and no tensor does, error %v", method, ref, model, w.ref, err)
					}
					continue // nothing shows it
				}
				seen++
				switch reader := readerOf(a.Model, w.ref); {
				case r.Blame.Node == reader.Label():
					found++
				case !slices.Contains(r.Blame.Missing, fmt.Sprintf("%s (%s)", reader.Label(), reader.GetOpType())):
					t.Errorf("%s, %s %s: weight %s: %+v %q", method, ref, model, w.ref, r.Blame, r.Notes)
				}
			}
		}
	})
	t.Logf("%d of %d", found, seen)
	// The others are named by what comes next, with the node among those that the reference alone has: what it makes has no counterpart.
	if seen < 200 || found < seen*9/10 {
		t.Errorf("the node was named in %d of %d cases", found, seen)
	}
}

type sharedWeight struct{ ref, model string }

// sharedWeights are the weights of four elements and more of which each model has one of the same content, read by one node of the same operator.
func sharedWeights(t *testing.T, a, b *onnxpb.ModelProto) (list []sharedWeight) {
	t.Helper()
	contents := func(m *onnxpb.ModelProto) map[string][]string {
		found := map[string][]string{}
		for _, x := range m.Graph.Initializer {
			if x.GetDataType() != int32(onnxpb.TensorProto_FLOAT) {
				continue
			}
			array, err := onnxpb.Decode(x, "")
			if err != nil {
				t.Fatal(err)
			}
			var ops []string
			for _, n := range m.Graph.Node {
				if slices.Contains(n.Input, x.GetName()) {
					ops = append(ops, n.GetOpType())
				}
			}
			if array.Len() >= 4 && len(ops) == 1 {
				key := fmt.Sprint(ops, array.Dims, array.Data)
				found[key] = append(found[key], x.GetName())
			}
		}
		return found
	}
	theirs := contents(b)
	for key, names := range contents(a) {
		if len(names) == 1 && len(theirs[key]) == 1 {
			list = append(list, sharedWeight{names[0], theirs[key][0]})
		}
	}
	slices.SortFunc(list, func(x, y sharedWeight) int { return strings.Compare(x.ref, y.ref) })
	return list
}

// readerOf is the node that reads a value.
func readerOf(m *onnxpb.ModelProto, name string) *onnxpb.NodeProto {
	for _, n := range m.Graph.Node {
		if slices.Contains(n.Input, name) {
			return n
		}
	}
	return nil
}
