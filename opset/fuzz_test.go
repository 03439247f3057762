package opset_test

import (
	"testing"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// FuzzCheck holds the checker to an answer for any model, the same one for a copy of it, each fault with a code and a message.
func FuzzCheck(f *testing.F) {
	for i, m := range mutate.Seeds() {
		if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
			f.Fatalf("seed %d: %v", i, faults)
		}
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 10, 2, 7, 1})
	}
	f.Fuzz(func(t *testing.T, seed uint8, script []byte) {
		seeds := mutate.Seeds()
		m := mutate.Apply(seeds[int(seed)%len(seeds)], script)
		o := opset.CheckOptions{Warnings: true}
		faults := opset.Check(m, o)
		again := opset.Check(onnxpb.Clone(m), o)
		if len(again) != len(faults) {
			t.Fatalf("%d faults, and %d of a copy", len(faults), len(again))
		}
		hard := 0
		for i, x := range faults {
			if x.Code == "" || x.Message == "" || x.String() == "" {
				t.Errorf("fault %d says nothing: %+v", i, x)
			}
			if x != again[i] {
				t.Errorf("fault %d is %v, and %v of a copy", i, x, again[i])
			}
			if !x.Warning {
				hard++
			}
		}
		if n := len(opset.Check(m, opset.CheckOptions{})); n != hard {
			t.Errorf("%d faults without warnings, and %d with them", n, hard)
		}
	})
}
