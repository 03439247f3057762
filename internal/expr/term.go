package expr

import (
	"cmp"
	"math"
	"strings"
)

// term is one product of a sum: a coefficient, never 0 nor the least int64, times atoms.
type term struct {
	coef int64
	mono []factor // in the order of atoms, each once; shared and never written to
}

// factor is a power of an atom, at least the first.
type factor struct {
	atom *atom
	pow  int
}

type op uint8

const (
	opSym   op = iota
	opFloor    // of args[0] / args[1]
	opTrunc    // of args[0] / args[1]
	opMin
	opMax
)

// atom is what a polynomial takes as one variable.
type atom struct {
	op    op
	name  string // of a symbol
	args  []Expr // of the others, in normal form
	key   string // as String writes it: no two atoms that differ share it
	span  span   // what it can be
	depth int    // 0 for a symbol
	size  int
}

// newAtom makes an expression of one atom. The arguments are in normal form already.
func newAtom(o op, args ...Expr) Expr {
	x := &atom{op: o, args: args, size: 1}
	for _, a := range args {
		if !a.known {
			return Expr{}
		}
		x.size += 1 + sizeOf(a.terms)
		for _, t := range a.terms {
			for _, f := range t.mono {
				x.depth = max(x.depth, f.atom.depth)
			}
		}
	}
	x.depth++
	if x.depth > MaxDepth || x.size > MaxSize {
		return Expr{}
	}
	x.key = x.format()
	x.span = x.reach()
	return x.expr()
}

func (x *atom) expr() Expr { return Expr{known: true, terms: []term{{1, []factor{{x, 1}}}}} }

func sizeOf(terms []term) int {
	n := len(terms)
	for _, t := range terms {
		for _, f := range t.mono {
			n += f.atom.size
		}
	}
	return n
}

func compareAtoms(a, b *atom) int {
	if a == b {
		return 0
	}
	if c := cmp.Compare(a.op, b.op); c != 0 {
		return c
	}
	return strings.Compare(a.key, b.key)
}

func degree(m []factor) int {
	n := 0
	for _, f := range m {
		n += f.pow
	}
	return n
}

// compareMonos orders products: the higher degree first, then by the powers of the first atom in which they differ. This order survives multiplication (both
// sides by the same product), on which merge and divide rely.
func compareMonos(a, b []factor) int {
	if len(a) == 1 && len(b) == 1 && a[0].pow == b[0].pow {
		return compareAtoms(a[0].atom, b[0].atom)
	}
	if c := cmp.Compare(degree(b), degree(a)); c != 0 {
		return c
	}
	for i, f := range a { // of the same degree: where one ends the other has ended as well
		if c := compareAtoms(f.atom, b[i].atom); c != 0 {
			return c
		}
		if c := cmp.Compare(b[i].pow, f.pow); c != 0 {
			return c
		}
	}
	return 0
}

// compare orders known expressions: any order, but one, with numbers last.
func compare(a, b Expr) int {
	for i := range min(len(a.terms), len(b.terms)) {
		if c := compareMonos(a.terms[i].mono, b.terms[i].mono); c != 0 {
			return c
		}
		if c := cmp.Compare(a.terms[i].coef, b.terms[i].coef); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(b.terms), len(a.terms)); c != 0 {
		return c
	}
	return cmp.Compare(a.c, b.c)
}

// mulMonos multiplies two products; false where the degree passes the limit.
func mulMonos(a, b []factor) ([]factor, bool) {
	switch {
	case len(a) == 0:
		return b, true
	case len(b) == 0:
		return a, true
	case degree(a)+degree(b) > MaxDegree:
		return nil, false
	}
	out := make([]factor, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compareAtoms(a[0].atom, b[0].atom); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, factor{a[0].atom, a[0].pow + b[0].pow})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...), true
}

// divMonos returns a/b where b's powers are all in a.
func divMonos(a, b []factor) ([]factor, bool) {
	var out []factor
	for _, f := range a {
		if len(b) > 0 && compareAtoms(f.atom, b[0].atom) == 0 {
			if b[0].pow > f.pow {
				return nil, false
			}
			f.pow -= b[0].pow
			b = b[1:]
		}
		if f.pow > 0 {
			out = append(out, f)
		}
	}
	return out, len(b) == 0
}

// commonMono returns the product of what two products share.
func commonMono(a, b []factor) []factor {
	var out []factor
	for len(a) > 0 && len(b) > 0 {
		switch c := compareAtoms(a[0].atom, b[0].atom); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			out = append(out, factor{a[0].atom, min(a[0].pow, b[0].pow)})
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// merge returns a + k*m*b, in order; k is not 0. False where a coefficient does not fit, or a degree.
func merge(a, b []term, k int64, m []factor) ([]term, bool) {
	out := make([]term, 0, len(a)+len(b))
	for _, t := range b {
		c, ok := mulInt(t.coef, k)
		if !ok || c == math.MinInt64 {
			return nil, false
		}
		mono, ok := mulMonos(t.mono, m)
		if !ok {
			return nil, false
		}
		order := -1
		for len(a) > 0 {
			if order = compareMonos(a[0].mono, mono); order >= 0 {
				break
			}
			out, a = append(out, a[0]), a[1:]
		}
		if len(a) > 0 && order == 0 {
			if c, ok = addInt(c, a[0].coef); !ok || c == math.MinInt64 {
				return nil, false
			}
			a = a[1:]
		}
		if c != 0 {
			out = append(out, term{c, mono})
		}
	}
	return append(out, a...), true
}

func addInt(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

func subInt(a, b int64) (int64, bool) {
	d := a - b
	return d, (d < a) == (b > 0)
}

func mulInt(a, b int64) (int64, bool) {
	if a == 0 || b == 0 || a == 1 || b == 1 {
		return a * b, true
	}
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	p := a * b
	return p, p/b == a
}

// floorInt divides towards minus infinity; false by 0 and where the result does not fit.
func floorInt(a, b int64) (int64, bool) {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return 0, false
	}
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q, true
}

// euclid returns q and r with a == q*b+r and 0 <= r < abs(b); false by 0 and by what has no negative.
func euclid(a, b int64) (q, r int64, ok bool) {
	if b == 0 || b == math.MinInt64 || a == math.MinInt64 && b == -1 {
		return 0, 0, false
	}
	q, r = a/b, a%b
	if r < 0 {
		if b > 0 {
			q, r = q-1, r+b
		} else {
			q, r = q+1, r-b
		}
	}
	return q, r, true
}

// gcd returns the greatest common divisor of two numbers that have negatives, and 0 of two zeros.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}
