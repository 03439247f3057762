package surgery_test

import (
	"bytes"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	inference "onnxtool/shape"
	"onnxtool/surgery"
)

// chains is how many chains TestChainsOfEdits tries.
var chains = flag.Int("chains", 150, "the number of random chains of edits")

// TestSeedsAreValid holds the models that random tests begin with to the whole check, types and shapes included.
func TestSeedsAreValid(t *testing.T) {
	for i, m := range mutate.Seeds() {
		for _, f := range inference.Check(m, opset.CheckOptions{}) {
			t.Errorf("seed %d: %s", i, f)
		}
	}
}

// TestChainsOfEdits makes random edits one after the other, each of what the one before made: of opset 7 to 23, with functions, training, sparse, 4-bit and 8-bit weights. What was valid stays so, types and
// shapes included; the chain as one edit makes the same bytes; and where its last step fails all of it is undone.
func TestChainsOfEdits(t *testing.T) {
	used := map[string]int{}
	for seed := range *chains {
		rng := rand.New(rand.NewPCG(uint64(seed), 11))
		seeds := mutate.Seeds()
		start := seeds[seed%len(seeds)]
		m := onnxpb.Clone(start)
		var steps []func(*onnxpb.ModelProto) (*surgery.Report, error)
		var names []string
		for tries := 0; len(steps) < 5 && tries < 40; tries++ {
			edits := editsOf(m, uint8(rng.Uint32()))
			name := slices.Sorted(maps.Keys(edits))[rng.IntN(len(edits))]
			if strings.HasPrefix(name, "force") || strings.HasPrefix(name, "trust") {
				continue // which may be wrong, as the user asks for it
			}
			next := onnxpb.Clone(m)
			if _, err := edits[name](next); err != nil {
				continue
			}
			used[name]++
			steps, names = append(steps, edits[name]), append(names, name)
			for _, f := range inference.Check(next, opset.CheckOptions{}) {
				t.Errorf("seed %d, %s: %s", seed, strings.Join(names, ", "), f)
			}
			if t.Failed() {
				return
			}
			m = next
		}
		whole := onnxpb.Clone(start)
		if _, err := surgery.Chain(whole, steps...); err != nil {
			t.Fatalf("seed %d, %s: %v", seed, strings.Join(names, ", "), err)
		}
		want, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := onnxpb.Marshal(whole); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d, %s: the chain makes other bytes than its steps, %v", seed, strings.Join(names, ", "), err)
		}
		before, _ := onnxpb.Marshal(start)
		fails := func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindInput, From: "there is none", To: "x"}})
		}
		if _, err := surgery.Chain(start, append(steps, fails)...); err == nil {
			t.Fatal("no error")
		}
		if after, _ := onnxpb.Marshal(start); !bytes.Equal(before, after) {
			t.Fatalf("seed %d, %s: a chain whose last step fails changed the model", seed, strings.Join(names, ", "))
		}
	}
	t.Logf("%d kinds of edits: %v", len(used), used)
}
