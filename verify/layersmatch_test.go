package verify

import (
	"fmt"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Every model of ONNX's test data is matched whole with itself, with the names kept and with all inner names changed: every operator, subgraphs and functions too.
func TestMatchCorpus(t *testing.T) {
	models := 0
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			continue
		}
		models++
		other := onnxpb.Clone(m)
		keep := map[string]bool{}
		for _, p := range append(inputsOf(m), outputsOf(m)...) {
			keep[p.name] = true
		}
		surgery.MapNames(other, surgery.NameMap{Value: func(s string) string {
			if keep[s] {
				return s
			}
			return "other." + s
		}, Node: func(s string) string { return "other." + s }})
		for how, x := range map[string]*onnxpb.ModelProto{"kept": onnxpb.Clone(m), "changed": other} {
			if err := matchedWhole(m, x, how == "kept"); err != nil {
				t.Errorf("%s, names %s: %v", c.ID(), how, err)
			}
		}
	}
	if models < 50 {
		t.Errorf("%d models are too few", models)
	}
	t.Logf("%d models", models)
}

// matchedWhole matches two models that are the same but for names, of which the one is the other's clone.
func matchedWhole(m, other *onnxpb.ModelProto, names bool) error {
	ref, err := newLayerGraph(Source{Model: m})
	if err != nil {
		return err
	}
	got, err := newLayerGraph(Source{Model: other})
	if err != nil {
		return err
	}
	inputs, outputs, _, err := matchAll(m, other, nil, nil)
	if err != nil {
		return err
	}
	x := matchLayers(ref, got, inputs, outputs, names)
	for r, v := range ref.values {
		if v.kind != valueComputed {
			continue
		}
		g := x.toGot[r]
		if g < 0 || x.left(got, x.toRef) {
			return fmt.Errorf("%s has no counterpart", v.name)
		}
		if w := got.values[g]; w.node < 0 || opName(ref.nodes[v.node].proto) != opName(got.nodes[w.node].proto) || v.out != w.out {
			return fmt.Errorf("%s is matched with %s", v.name, w.name)
		}
	}
	return nil
}
