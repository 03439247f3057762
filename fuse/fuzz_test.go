package fuse_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"testing"

	"onnxtool/fuse"
	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// FuzzMerge merges any two models, and a model with itself, side by side and joined: it fails with an error for people, or what is made of valid models is valid; and the models
// stay as they were.
func FuzzMerge(f *testing.F) {
	for i := range mutate.Seeds() {
		for k := range mutate.Seeds() {
			f.Add(uint8(i), uint8(k), []byte{}, []byte{})
			f.Add(uint8(i), uint8(k), []byte{0, 10, 2, 7, 1, 4, 90, 3}, []byte{3, 3, 3})
		}
	}
	f.Fuzz(holdMerges)
}

// damaged is how many pairs of damaged models TestDamaged tries.
var damaged = flag.Int("damaged", 400, "the number of pairs of damaged models")

// TestDamaged is FuzzMerge on models that are damaged at random.
func TestDamaged(t *testing.T) {
	n := 0
	mutate.Scripts(1, *damaged, func(r *rand.Rand, script []byte) {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			holdMerges(t, uint8(r.Uint32()), uint8(r.IntN(5)), script[len(script)/2:], script[:r.IntN(len(script)/2)])
		})
		n++
	})
}

func holdMerges(t *testing.T, one, two uint8, scriptOne, scriptTwo []byte) {
	defer func() {
		if e := recover(); e != nil {
			t.Fatalf("seeds %d and %d, scripts %q and %q: %v\n%s", one, two, scriptOne, scriptTwo, e, debug.Stack())
		}
		if t.Failed() {
			t.Fatalf("seeds %d and %d, scripts %q and %q", one, two, scriptOne, scriptTwo)
		}
	}()
	seeds := mutate.Seeds()
	a := mutate.Apply(seeds[int(one)%len(seeds)], scriptOne)
	b := a
	if two > 0 {
		b = mutate.Apply(seeds[int(two)%len(seeds)], scriptTwo)
	}
	before := [][]byte{bytesOf(t, a), bytesOf(t, b)}
	valid := len(opset.Check(a, opset.CheckOptions{})) == 0 && len(opset.Check(b, opset.CheckOptions{})) == 0
	prefix := "p/"
	// Both lie in one directory, so that external data stays where it is.
	plain := []fuse.Input{{Name: "a", Model: a, Dir: "d"}, {Name: "b", Model: b, Dir: "d"}}
	prefixed := []fuse.Input{{Name: "a", Model: a, Dir: "d"}, {Name: "b", Model: b, Dir: "d", Prefix: &prefix}}
	first := func(m *onnxpb.ModelProto, out bool) string {
		list := m.GetGraph().GetInput()
		if out {
			list = m.GetGraph().GetOutput()
		}
		if len(list) == 0 {
			return "nosuch"
		}
		return list[0].GetName()
	}
	joined := []fuse.Connection{{From: fuse.End{Model: "a", Tensor: first(a, true)}, To: fuse.End{Model: "b", Tensor: first(b, false)}}}
	shared := []fuse.Connection{{From: fuse.End{Model: "a", Tensor: first(a, false)}, To: fuse.End{Model: "b", Tensor: first(b, false)}}}
	circle := append(joined[:1:1], fuse.Connection{From: fuse.End{Model: "b", Tensor: first(b, true)}, To: fuse.End{Model: "a", Tensor: first(a, false)}})
	both := []fuse.OutputSpec{{End: fuse.End{Model: "b", Tensor: first(b, true)}, As: "result"}, {End: fuse.End{Model: "a", Tensor: first(a, true)}}, {End: fuse.End{Model: "a", Tensor: first(a, true)}}}
	for _, c := range []struct {
		name   string
		models []fuse.Input
		o      fuse.MergeOptions
	}{
		{"side by side", plain, fuse.MergeOptions{}},
		{"with a prefix", prefixed, fuse.MergeOptions{SameDims: []string{"*"}}},
		{"joined", plain, fuse.MergeOptions{Connect: joined}},
		{"joined, all outputs", prefixed, fuse.MergeOptions{Connect: joined, Outputs: both}},
		{"one input", plain, fuse.MergeOptions{Connect: shared, Name: "m", Doc: "d"}},
		{"in a circle", plain, fuse.MergeOptions{Connect: circle}},
		{"alone", plain[:1], fuse.MergeOptions{}},
	} {
		m, r, err := fuse.Merge(c.models, c.o)
		if err != nil {
			var e *onnxpb.Error
			if m != nil || !errors.As(err, &e) || err.Error() == "" {
				t.Fatalf("%s: error %#v", c.name, err)
			}
			continue
		}
		if r == nil {
			t.Fatalf("%s: no report", c.name)
		}
		if faults := opset.Check(m, opset.CheckOptions{}); valid && len(faults) > 0 {
			t.Fatalf("%s: the result has faults: %v", c.name, faults)
		}
		again, _, err := fuse.Merge(c.models, c.o)
		if err != nil || !bytes.Equal(bytesOf(t, m), bytesOf(t, again)) {
			t.Fatalf("%s: the second time something else: %v", c.name, err)
		}
	}
	if !bytes.Equal(before[0], bytesOf(t, a)) || !bytes.Equal(before[1], bytesOf(t, b)) {
		t.Fatal("merging changed a model")
	}
}

func bytesOf(t testing.TB, m *onnxpb.ModelProto) []byte {
	t.Helper()
	b, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
