package expr

import "math"

// AtLeast tells whether a >= n is proven, every symbol being at least 1. False means that it is not proven, not that it is false.
//
// The proof takes the reach of every atom, writes each atom as its least value plus something not negative (so that N*H-N is 0 or more), and puts for a floor
// the quotient that bounds it, for a min or max its operands (so that N-4*floor(N/4) is 0 or more).
func (a Expr) AtLeast(n int64) bool {
	switch {
	case !a.known:
		return false
	case len(a.terms) == 0:
		return a.c >= n
	case a.interval().lo >= n:
		return true
	}
	p := prover{steps: 32}
	return p.notNegative(a.Sub(Int(n)))
}

// AtMost tells whether a <= n is proven, in the sense of AtLeast.
func (a Expr) AtMost(n int64) bool {
	switch {
	case !a.known:
		return false
	case len(a.terms) == 0:
		return a.c <= n
	case a.interval().hi <= n:
		return true
	}
	p := prover{steps: 32}
	return p.notNegative(Int(n).Sub(a))
}

// span is what a value can be. A bound is never one of the two outermost integers: there they mean that there is no bound.
type span struct{ lo, hi int64 }

const (
	noLo = math.MinInt64
	noHi = math.MaxInt64
)

var anything = span{noLo, noHi}

// newSpan makes a span of bounds that can have run to the far end of int64: that end is moved inwards, which gives up one value and stays true.
func newSpan(lo, hi int64) span { return span{min(lo, noHi-1), max(hi, noLo+1)} }

func (s span) positive() bool { return s.lo >= 1 }

func (s span) add(t span) span {
	return newSpan(addBounds(s.lo, t.lo, noLo), addBounds(s.hi, t.hi, noHi))
}

func (s span) mul(t span) span {
	a, b, c, d := mulBounds(s.lo, t.lo), mulBounds(s.lo, t.hi), mulBounds(s.hi, t.lo), mulBounds(s.hi, t.hi)
	return newSpan(min(a, b, c, d), max(a, b, c, d))
}

// power is tighter than mul for even powers, which are not negative.
func (s span) power(n int) span {
	if n > 1 && n%2 == 0 {
		s = s.mul(s)
		s.lo = max(s.lo, 0)
		return s.power(n / 2)
	}
	out := s
	for range n - 1 {
		out = out.mul(s)
	}
	return out
}

// magnitude returns a bound of the absolute value.
func (s span) magnitude() int64 {
	if s.lo == noLo || s.hi == noHi {
		return noHi
	}
	return max(s.lo, -s.lo, s.hi, -s.hi)
}

func (s span) intersect(t span) span { return span{max(s.lo, t.lo), min(s.hi, t.hi)} }

// addBounds adds two bounds of one side; none is the absence of a bound on that side.
func addBounds(a, b, none int64) int64 {
	if a == none || b == none {
		return none
	}
	s, ok := addInt(a, b)
	switch {
	case ok:
		return s
	case a > 0:
		return noHi
	}
	return noLo
}

// mulBounds multiplies bounds, the outermost integers being infinite.
func mulBounds(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	if a != noLo && a != noHi && b != noLo && b != noHi {
		if p, ok := mulInt(a, b); ok {
			return p
		}
	}
	if (a < 0) == (b < 0) {
		return noHi
	}
	return noLo
}

// divBounds is floor(a/b) for b >= 1, the outermost integers being infinite.
func divBounds(a, b int64) int64 {
	switch {
	case a == noLo || a == noHi:
		return a
	case b == noHi && a < 0:
		return -1
	case b == noHi:
		return 0
	}
	q, _ := floorInt(a, b)
	return q
}

// reach computes what an atom can be.
func (x *atom) reach() span {
	switch x.op {
	case opFloor, opTrunc:
		return quotientSpan(x.args[0].bounds(), x.args[1].bounds())
	case opMin, opMax:
		s := x.args[0].bounds()
		for _, a := range x.args[1:] {
			t := a.bounds()
			if x.op == opMin {
				s = span{min(s.lo, t.lo), min(s.hi, t.hi)}
			} else {
				s = span{max(s.lo, t.lo), max(s.hi, t.hi)}
			}
		}
		return s
	}
	return x.span
}

// quotientSpan bounds floor(p/q), and trunc(p/q) where p has either sign: an atom has, since a trunc of one sign is a floor.
func quotientSpan(p, q span) span {
	if !q.positive() { // a divisor of either sign, not 0: the quotient is no further from 0 than p
		m := p.magnitude()
		if m == noHi {
			return anything
		}
		return span{-m, m}
	}
	lo, hi := divBounds(p.lo, q.hi), divBounds(p.hi, q.lo)
	if p.lo < 0 {
		lo = divBounds(p.lo, q.lo)
	}
	if p.hi < 0 {
		hi = divBounds(p.hi, q.hi)
	}
	return newSpan(lo, hi)
}

// bounds returns what a can be, by its interval and, where that knows no end, by its atoms written as their end and a rest.
func (a Expr) bounds() span {
	s := a.interval()
	if s.lo == noLo || s.hi == noHi {
		s = s.intersect(a.fromEnds())
	}
	return s
}

// interval is interval arithmetic.
func (a Expr) interval() span {
	s := newSpan(a.c, a.c)
	for _, t := range a.terms {
		p := newSpan(t.coef, t.coef)
		for _, f := range t.mono {
			p = p.mul(f.atom.span.power(f.pow))
		}
		s = s.add(p)
	}
	return s
}

// fromEnds writes every atom as its least value plus a rest (or its greatest minus a rest). Where then no coefficient is negative the constant is the least
// value of the sum, and where none is positive the greatest.
func (a Expr) fromEnds() span {
	if len(a.terms) < 2 || degree(a.terms[0].mono) < 2 {
		return anything // the interval says as much
	}
	if len(a.terms) > 16 || degree(a.terms[0].mono) > 8 {
		return anything // too much work: shapes are smaller
	}
	sum := Int(a.c)
	for _, t := range a.terms {
		prod := Int(t.coef)
		for _, f := range t.mono {
			v := f.atom.expr() // stands for the rest
			switch s := f.atom.span; {
			case s.lo != noLo:
				v = v.Add(Int(s.lo))
			case s.hi != noHi:
				v = Int(s.hi).Sub(v)
			default:
				return anything
			}
			for range f.pow {
				prod = prod.Mul(v)
			}
		}
		if sum = sum.Add(prod); !sum.known {
			return anything
		}
	}
	s := newSpan(sum.c, sum.c)
	for _, t := range sum.terms {
		if t.coef < 0 {
			s.lo = noLo
		} else {
			s.hi = noHi
		}
	}
	return s
}

// prover shows that sums are not negative, with so many steps as it has.
type prover struct{ steps int }

func (p *prover) notNegative(e Expr) bool {
	if !e.known || p.steps == 0 {
		return false
	}
	p.steps--
	if e.bounds().lo >= 0 {
		return true
	}
	for _, t := range e.terms {
		for _, f := range t.mono {
			if f.atom.op == opSym || f.atom.op == opTrunc {
				continue
			}
			times, rest, ok := e.split(f.atom)
			if !ok {
				continue
			}
			s := times.bounds()
			if s.lo < 0 && s.hi > 0 || f.atom.op == opFloor && !f.atom.args[1].bounds().positive() {
				continue
			}
			return p.replace(f.atom, times, rest, s.lo >= 0)
		}
	}
	return false
}

// replace shows that x*times+rest is not negative by what bounds the atom x from below, or where times is not positive (up is false) from above.
func (p *prover) replace(x *atom, times, rest Expr, up bool) bool {
	if x.op == opFloor { // (num-den+1)/den <= floor(num/den) <= num/den, all times den; an integer above -1 is not negative, hence den-1
		num, den := x.args[0], x.args[1]
		if up {
			num = num.Sub(den).Add(Int(1))
		}
		return p.notNegative(rest.Mul(den).Add(times.Mul(num)).Add(den).Sub(Int(1)))
	}
	all := (x.op == opMin) == up // a min is at least n where all operands are, and at most n where any is
	for _, a := range x.args {
		if p.notNegative(rest.Add(times.Mul(a))) != all {
			return !all
		}
	}
	return all
}

// split writes a as times*x+rest, neither with x in its products; false where a has powers of x.
func (a Expr) split(x *atom) (times, rest Expr, ok bool) {
	times, rest = Int(0), Int(a.c)
	for i, t := range a.terms {
		m, has := divMonos(t.mono, []factor{{x, 1}})
		if !has {
			rest = rest.Add(Expr{known: true, terms: a.terms[i : i+1]})
			continue
		}
		if _, again := divMonos(m, []factor{{x, 1}}); again {
			return times, rest, false
		}
		times = times.Add(product(t.coef, m))
	}
	return times, rest, true
}
