package shape_test

import (
	"testing"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// FuzzInfer infers models that are damaged at random: it comes to an end, the same way each time, and leaves the model as it is. Of a model that is valid and declares what
// follows, nothing contradicts itself the second time.
func FuzzInfer(f *testing.F) {
	for i := range mutate.Seeds() {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 10, 2, 7, 1, 4, 90, 3})
	}
	f.Fuzz(func(t *testing.T, seed uint8, script []byte) {
		seeds := mutate.Seeds()
		m := mutate.Apply(seeds[int(seed)%len(seeds)], script)
		before, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		one, two := shape.Infer(m, shape.Options{}), shape.Infer(m, shape.Options{})
		if after, _ := onnxpb.Marshal(m); string(before) != string(after) {
			t.Fatal("the model was changed")
		}
		if len(one.Faults) != len(two.Faults) {
			t.Fatalf("%v, then %v", one.Faults, two.Faults)
		}
		for _, n := range m.GetGraph().GetNode() {
			for _, o := range n.GetOutput() {
				if a, b := one.Value(o).String(), two.Value(o).String(); a != b {
					t.Fatalf("%s is %s, then %s", o, a, b)
				}
			}
		}
		if len(one.Faults) > 0 || len(opset.Check(m, opset.CheckOptions{})) > 0 {
			return
		}
		for _, n := range m.GetGraph().GetNode() {
			for _, o := range n.GetOutput() {
				if p := one.Value(o).Proto(); p != nil && o != "" {
					name := o
					m.Graph.ValueInfo = append(m.Graph.ValueInfo, &onnxpb.ValueInfoProto{Name: &name, Type: p})
				}
			}
		}
		if again := shape.Infer(m, shape.Options{}); len(again.Faults) > 0 {
			t.Fatalf("what was inferred contradicts itself: %v", again.Faults)
		}
	})
}
