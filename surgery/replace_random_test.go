package surgery_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// equalBlocks are patterns with blocks that compute the same, bit by bit.
var equalBlocks = []struct{ pattern, block string }{
	{`(a, b) => (y) { y = Sub (a, b) }`, `(a, b) => (y) { n = Neg (b) y = Add (a, n) }`},
	{`(a, b) => (y) { n = Neg (b) y = Add (a, n) }`, `(a, b) => (y) { y = Sub (a, b) }`},
	{`(x) => (y) { n = Neg (x) y = Neg (n) }`, `(x) => (y) { y = Identity (x) }`},
	{`(x) => (y) { y = Add (x, x) }`, `(x) => (y) <float two = {2}> { y = Mul (x, two) }`},
	{`(x) => (y) <float two = {2}> { y = Mul (x, two) }`, `(x) => (y) { y = Add (x, x) }`},
	{`(a, b) => (y) { y = Max (a, b) }`, `(a, b) => (y) { p = Neg (a) q = Neg (b) m = Min (p, q) y = Neg (m) }`},
	{`(x) => (y, z) { y = Abs (x) z = Neg (y) }`, `(x) => (y, z) { n = Abs (x) y = Identity (n) z = Neg (n) }`},
	{`(x) => (y) { y = LeakyRelu <alpha: float = @a> (x) }`, `(x) => (y) { h = Identity (x) y = LeakyRelu <alpha: float = @a> (h) }`},
	{`(a, b) => (y) { s = Sub (a, b) y = Abs (s) }`, `(a, b) => (y) { s = Sub (b, a) y = Abs (s) }`},
}

// TestReplaceOnRandomGraphs replaces patterns by blocks that compute the same in random graphs with branches, and runs both.
func TestReplaceOnRandomGraphs(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	replaced := make([]int, len(equalBlocks))
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		text := randomArithmetic(rng)
		parse := func() *onnxpb.ModelProto {
			m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> ` + text)
			if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			return m
		}
		inputs := map[string]*onnxpb.Array{"c": onnxpb.ArrayOf([]int64{}, []bool{seed%2 == 0})}
		for _, name := range []string{"x0", "x1"} {
			v := make([]float32, 4)
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
			inputs[name] = onnxpb.ArrayOf([]int64{4}, v)
		}
		before := compute(t, parse(), inputs)
		for i, e := range equalBlocks {
			m := parse()
			read := func(text string) *onnxpb.ModelProto {
				p, err := onnxtext.Parse("p " + text)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			found, err := surgery.Match(m, read(e.pattern), surgery.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				continue
			}
			replaced[i] += len(found)
			if _, err := surgery.Replace(m, read(e.pattern), read(e.block), surgery.ReplaceOptions{}); err != nil {
				t.Fatalf("seed %d, %s: %v in\n%s", seed, e.pattern, err, text)
			}
			for name, v := range compute(t, m, inputs) {
				if fmt.Sprint(v.Array.Data) != fmt.Sprint(before[name].Array.Data) {
					t.Fatalf("seed %d, %s: %s is %v, was %v in\n%s", seed, e.pattern, name, v.Array.Data, before[name].Array.Data, text)
				}
			}
		}
	}
	for i, n := range replaced {
		t.Logf("%5d of %s", n, equalBlocks[i].pattern)
		if n == 0 {
			t.Errorf("%s is nowhere", equalBlocks[i].pattern)
		}
	}
}

// randomArithmetic writes a graph of elementwise operators over float[4], some of them in the branches of Ifs, which read values around them.
func randomArithmetic(rng *rand.Rand) string {
	next := 0
	var body func(known []string, n, depth int) (string, []string)
	body = func(known []string, n, depth int) (string, []string) {
		var b strings.Builder
		known = known[:len(known):len(known)]
		pick := func() string { return known[max(0, len(known)-1-rng.IntN(5))] }
		for range n {
			v := fmt.Sprintf("v%d", next)
			next++
			k := rng.IntN(14)
			if k == 0 && depth == 0 {
				k = 8
			}
			switch {
			case k == 0:
				branch := func(name string) string {
					text, values := body(known, 1+rng.IntN(6), depth-1)
					return fmt.Sprintf("%s = %s () => (float[4] %s) { %s }", name, name, values[len(values)-1], text)
				}
				then, otherwise := branch("then_branch"), branch("else_branch")
				fmt.Fprintf(&b, "%s = If (c) <%s, %s> ", v, then, otherwise)
			case k == 1:
				fmt.Fprintf(&b, "%s = LeakyRelu <alpha = %d.5> (%s) ", v, rng.IntN(3), pick())
			case k == 2:
				fmt.Fprintf(&b, "%s = Mul (two, %s) ", v, pick())
			case k == 3:
				p := pick()
				fmt.Fprintf(&b, "%s = Add (%s, %s) ", v, p, p)
			case k < 8:
				fmt.Fprintf(&b, "%s = %s (%s) ", v, []string{"Neg", "Abs", "Neg", "Exp"}[k-4], pick())
				if k == 7 { // not too large
					fmt.Fprintf(&b, "w%s = Tanh (%s) ", v, v)
					v = "w" + v
				}
			default:
				fmt.Fprintf(&b, "%s = %s (%s, %s) ", v, []string{"Add", "Sub", "Max", "Add", "Sub", "Min"}[k-8], pick(), pick())
			}
			known = append(known, v)
		}
		return b.String(), known
	}
	text, known := body([]string{"x0", "x1"}, 5+rng.IntN(25), 2)
	outputs := map[string]bool{known[len(known)-1]: true}
	for range rng.IntN(3) {
		outputs[known[2+rng.IntN(len(known)-2)]] = true
	}
	var list []string
	for _, v := range known {
		if outputs[v] {
			list = append(list, "float[4] "+v)
		}
	}
	return fmt.Sprintf("g (float[4] x0, float[4] x1, bool c) => (%s) <float two = {2}> { %s }", strings.Join(list, ", "), text)
}
