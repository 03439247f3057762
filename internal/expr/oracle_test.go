package expr

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// tree is an expression as it was asked for, before any rule: the other opinion on what a normal form is worth.
type tree struct {
	op   string // "n", "x", or an operation
	n    int64
	name string
	a, b *tree
}

var treeOps = []string{"+", "-", "*", "floor", "ceil", "mod", "trunc", "min", "max"}

func randomTree(r *rand.Rand, depth int) *tree {
	if depth == 0 || r.IntN(6) == 0 {
		if r.IntN(3) == 0 {
			return &tree{op: "n", n: r.Int64N(13) - 4}
		}
		return &tree{op: "x", name: string(rune('A' + r.IntN(3)))}
	}
	o := treeOps[r.IntN(len(treeOps))]
	t := &tree{op: o, a: randomTree(r, depth-1), b: randomTree(r, depth-1)}
	if r.IntN(2) == 0 && (o == "floor" || o == "ceil" || o == "mod" || o == "trunc") { // what models divide by
		t.b = &tree{op: "n", n: r.Int64N(6) + 1}
	}
	return t
}

func (t *tree) String() string {
	switch t.op {
	case "n":
		return fmt.Sprint(t.n)
	case "x":
		return t.name
	}
	return fmt.Sprintf("%s(%v, %v)", t.op, t.a, t.b)
}

// eval computes a tree; false at a division by 0.
func (t *tree) eval(v map[string]int64) (*big.Int, bool) {
	switch t.op {
	case "n":
		return big.NewInt(t.n), true
	case "x":
		return big.NewInt(v[t.name]), true
	}
	a, ok := t.a.eval(v)
	b, ok2 := t.b.eval(v)
	if !ok || !ok2 {
		return nil, false
	}
	out := new(big.Int)
	switch t.op {
	case "+":
		return out.Add(a, b), true
	case "-":
		return out.Sub(a, b), true
	case "*":
		return out.Mul(a, b), true
	case "min":
		if a.Cmp(b) < 0 {
			return a, true
		}
		return b, true
	case "max":
		if a.Cmp(b) > 0 {
			return a, true
		}
		return b, true
	}
	if b.Sign() == 0 {
		return nil, false
	}
	quo, rem := new(big.Int).QuoRem(a, b, new(big.Int)) // towards zero
	below := rem.Sign() != 0 && rem.Sign() != b.Sign()  // the exact quotient is negative and not whole
	above := rem.Sign() != 0 && rem.Sign() == b.Sign()  // it is positive and not whole
	switch {
	case t.op == "floor" && below, t.op == "mod" && below:
		quo.Sub(quo, big.NewInt(1))
	case t.op == "ceil" && above:
		quo.Add(quo, big.NewInt(1))
	}
	if t.op == "mod" {
		return out.Sub(a, out.Mul(b, quo)), true
	}
	return quo, true
}

// build computes a tree in this package.
func (t *tree) build() Expr {
	switch t.op {
	case "n":
		return Int(t.n)
	case "x":
		return Sym(t.name)
	}
	a, b := t.a.build(), t.b.build()
	switch t.op {
	case "+":
		return a.Add(b)
	case "-":
		return a.Sub(b)
	case "*":
		return a.Mul(b)
	case "min":
		return Min(a, b)
	case "max":
		return Max(a, b)
	case "floor":
		return a.FloorDiv(b)
	case "ceil":
		return a.CeilDiv(b)
	case "mod":
		return a.Mod(b)
	}
	return a.TruncDiv(b)
}

// values draws the symbols, mostly small, as there the corners are.
func values(r *rand.Rand) map[string]int64 {
	v := map[string]int64{}
	for _, name := range []string{"A", "B", "C"} {
		v[name] = 1 + r.Int64N(5)
		if r.IntN(3) == 0 {
			v[name] = 1 + r.Int64N(60)
		}
	}
	return v
}

// rounds shortens a test of random samples under -short.
func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func TestAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	total, unknown, overflow, samples := rounds(30000), 0, 0, 0
	for range total {
		tr := randomTree(r, 1+r.IntN(4))
		e := tr.build()
		if !e.Known() {
			if _, ok := tr.eval(values(r)); ok { // a division by the number 0 is rightly unknown
				unknown++
			}
			continue
		}
		back, err := Parse(e.String())
		if err != nil || !back.Equal(e) {
			t.Fatalf("%v = %v is read back as %v, %v", tr, e, back, err)
		}
		for range 12 {
			v := values(r)
			want, ok := tr.eval(v)
			if !ok {
				continue
			}
			samples++
			got, ok := e.Eval(v)
			if !ok {
				overflow++
				continue
			}
			if !want.IsInt64() || want.Int64() != got {
				t.Fatalf("%v = %v at %v is %d, want %v", tr, e, v, got, want)
			}
			if e.AtLeast(got+1) || e.AtMost(got-1) {
				t.Fatalf("%v = %v at %v is %d, and a bound says it cannot be", tr, e, v, got)
			}
		}
	}
	t.Logf("%d trees, %d unknown; %d samples, %d not evaluated", total, unknown, samples, overflow)
	if unknown*50 > total || overflow*200 > samples || samples < total {
		t.Errorf("too little was compared: of %d trees %d are unknown, of %d samples %d have no value", total, unknown, samples, overflow)
	}
}

// TestEqualMeansEqual compares trees that are likely to be equal: two on one symbol and small numbers, and one with its operands changed about.
func TestEqualMeansEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	equal, byForm := 0, map[string]*tree{}
	for range rounds(40000) {
		tr := randomTree(r, 1+r.IntN(3))
		e := tr.build()
		if !e.Known() {
			continue
		}
		other, seen := byForm[e.String()]
		if !seen {
			byForm[e.String()] = tr
			continue
		}
		if !other.build().Equal(e) {
			t.Fatalf("%v and %v are written alike, %v, and not Equal", tr, other, e)
		}
		equal++
		for range 8 {
			v := values(r)
			x, ok := tr.eval(v)
			y, ok2 := other.eval(v)
			if ok && ok2 && x.Cmp(y) != 0 {
				t.Fatalf("%v and %v are both %v, but %v and %v at %v", tr, other, e, x, y, v)
			}
		}
	}
	if equal < rounds(1000) {
		t.Errorf("only %d pairs were equal", equal)
	}
}

func TestSubstAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	compared := 0
	for range rounds(10000) {
		tr := randomTree(r, 1+r.IntN(3))
		inner := []*tree{randomTree(r, 2), randomTree(r, 2), randomTree(r, 1)}
		put := map[string]Expr{}
		for i, in := range inner { // at least 1, as symbols are
			put[string(rune('A'+i))] = Max(in.build(), Int(1))
		}
		e := tr.build().Subst(put)
		for range 6 {
			v, at, ok := values(r), map[string]int64{}, true
			for i, in := range inner {
				n, fine := in.eval(v)
				if ok = ok && fine && n.IsInt64(); ok {
					at[string(rune('A'+i))] = max(n.Int64(), 1)
				}
			}
			if !ok {
				continue
			}
			want, ok := tr.eval(at)
			got, ok2 := e.Eval(v)
			if !ok || !ok2 {
				continue
			}
			compared++
			if !want.IsInt64() || want.Int64() != got {
				t.Fatalf("%v with %v is %v: %d at %v, want %v", tr, put, e, got, v, want)
			}
		}
	}
	if compared < rounds(20000) {
		t.Errorf("only %d values were compared", compared)
	}
}
