package expr

import "math"

// maxSteps bounds the rounds of simplifying one quotient.
const maxSteps = 4 * MaxDepth

// FloorDiv returns a/b rounded towards minus infinity, and the unknown expression where b is 0. The rules, until none applies:
//
//   - b is made positive, or to begin with a positive coefficient where its sign is not known;
//   - multiples of b leave the numerator: floor((2*N+1)/2) is N, floor((H-1)/2) is floor((H+1)/2)-1;
//   - where all of a is negative, floor(a/b) is -1-floor((-a-1)/b), so that -floor(-a/b) is what CeilDiv gives;
//   - a quotient proven less than 1 and not negative is 0;
//   - what numerator and divisor have in common cancels: floor(N*H/N) is H, floor((2*N+1)/4) is floor(N/2);
//   - a floor in the numerator joins: floor((floor((H+1)/2)+1)/2) is floor((H+3)/4).
func (a Expr) FloorDiv(b Expr) Expr {
	if !divisible(a, b) {
		return Expr{}
	}
	if a.isConst() && b.isConst() {
		return number(floorInt(a.c, b.c))
	}
	whole, sign := Int(0), int64(1) // what is looked for is whole+sign*floor(a/b)
	flip := func() {
		whole, sign, a = whole.Sub(Int(sign)), -sign, Int(-1).Sub(a)
	}
	for range maxSteps {
		b2, positive := signed(b)
		if !b2.Equal(b) {
			a, b = a.Neg(), b2
		}
		if b.isConst() && a.onlyNegative() { // before the multiples leave: they make all coefficients positive
			flip()
		}
		if q, r, ok := divide(a, b); ok {
			whole, a = whole.Add(q.scale(sign)), r
		}
		if positive && !b.isConst() && a.onlyNegative() {
			flip()
		}
		switch {
		case !a.known:
			return Expr{}
		case a.isZero():
			return whole
		case a.isConst() && b.isConst():
			q := number(floorInt(a.c, b.c))
			return whole.Add(q.scale(sign))
		case positive && a.AtLeast(0) && b.Sub(a).AtLeast(1):
			return whole
		case positive && a.AtMost(-1) && a.Add(b).AtLeast(0):
			return whole.Sub(Int(sign))
		}
		if a2, b2, ok := cancel(a, b); ok {
			a, b = a2, b2
		} else if a2, b2, ok := cancelFloor(a, b); ok && positive {
			a, b = a2, b2
		} else if a2, b2, ok := join(a, b); ok && positive {
			a, b = a2, b2
		} else {
			return whole.Add(newAtom(opFloor, a, b).scale(sign))
		}
	}
	return Expr{} // not simple after all those steps: what is not in normal form is not to be had
}

// CeilDiv returns a/b rounded towards plus infinity, which is -floor(-a/b), and the unknown expression where b is 0.
func (a Expr) CeilDiv(b Expr) Expr {
	if b.isConst() && b.c > 0 { // the same value, and the better form: floor((H+1)/2) and not H-floor(H/2)
		if q := a.Add(b).Sub(Int(1)).FloorDiv(b); q.known {
			return q
		}
	}
	return a.Neg().FloorDiv(b).Neg()
}

// Mod returns a-b*floor(a/b), which has the sign of b, and the unknown expression where b is 0.
func (a Expr) Mod(b Expr) Expr { return a.Sub(b.Mul(a.FloorDiv(b))) }

// TruncDiv returns a/b rounded towards zero, as ONNX's Div of integers does, and the unknown expression where b is 0. Where the signs are proven it is a
// FloorDiv; otherwise what numerator and divisor have in common cancels.
func (a Expr) TruncDiv(b Expr) Expr {
	if !divisible(a, b) {
		return Expr{}
	}
	if a.isConst() && b.isConst() {
		if b.c == -1 {
			return a.Neg()
		}
		return Int(a.c / b.c)
	}
	for range maxSteps {
		b2, positive := signed(b)
		if !b2.Equal(b) {
			a, b = a.Neg(), b2
		}
		if q, ok := a.DivExact(b); ok {
			return q
		}
		switch {
		case positive && a.AtLeast(0):
			return a.FloorDiv(b)
		case positive && a.AtMost(0):
			return a.Neg().FloorDiv(b).Neg()
		}
		a2, b2, ok := cancel(a, b)
		switch {
		case ok:
			a, b = a2, b2
		case a.lead() < 0:
			return newAtom(opTrunc, a.Neg(), b).Neg()
		default:
			return newAtom(opTrunc, a, b)
		}
	}
	return Expr{}
}

// DivExact returns the q with a == q*b for all values of the atoms, where there is one: a division of polynomials over the integers. It is false where b is the
// number 0.
func (a Expr) DivExact(b Expr) (Expr, bool) {
	if q, r, ok := divide(a, b); ok && r.isZero() {
		return q, true
	}
	return Expr{}, false
}

// divisible tells whether a division can be started: both known, b not 0, and no mixture of the least int64 and symbols.
func divisible(a, b Expr) bool {
	if !a.known || !b.known || b.isZero() {
		return false
	}
	return a.isConst() == b.isConst() || !a.is(math.MinInt64) && !b.is(math.MinInt64)
}

// number makes a number of a result that can have failed.
func number(n int64, ok bool) Expr {
	if !ok {
		return Expr{}
	}
	return Int(n)
}

// lead returns the first coefficient.
func (a Expr) lead() int64 {
	if len(a.terms) == 0 {
		return a.c
	}
	return a.terms[0].coef
}

// signed returns a divisor that is proven positive where its sign is known, and otherwise the one of b and -b that begins with a positive coefficient.
func signed(b Expr) (_ Expr, positive bool) {
	switch {
	case b.AtLeast(1):
		return b, true
	case b.AtMost(-1):
		return b.Neg(), true
	case b.lead() < 0:
		return b.Neg(), false
	}
	return b, false
}

// onlyNegative tells whether no coefficient is positive; the constant counts only by itself.
func (a Expr) onlyNegative() bool {
	for _, t := range a.terms {
		if t.coef > 0 {
			return false
		}
	}
	return a.known && (len(a.terms) > 0 || a.c < 0)
}

// divide returns q and r with a == q*b+r, where no product in r could give up a multiple of b's first: r is the same for all a that differ by multiples of b.
// False where b is 0 and where the way there passes a limit.
func divide(a, b Expr) (q, r Expr, ok bool) {
	if !a.known || !b.known || b.isZero() {
		return Expr{}, Expr{}, false
	}
	if b.isConst() {
		return divideConst(a, b.c)
	}
	q, first := Int(0), b.terms[0]
	var left []term
	for range 4 * MaxTerms {
		if len(a.terms) == 0 {
			r = finish(a.c, left)
			return q, r, q.known && r.known
		}
		t := a.terms[0]
		if m, has := divMonos(t.mono, first.mono); has {
			n, _, ok := euclid(t.coef, first.coef)
			if !ok {
				return Expr{}, Expr{}, false
			}
			if n != 0 {
				part := product(n, m)
				q, a = q.Add(part), a.Sub(part.Mul(b))
				if !q.known || !a.known {
					return Expr{}, Expr{}, false
				}
				continue
			}
		}
		left = append(left, t)
		a = Expr{known: true, c: a.c, terms: a.terms[1:]}
	}
	return Expr{}, Expr{}, false
}

func divideConst(a Expr, k int64) (q, r Expr, ok bool) {
	qc, rc, ok := euclid(a.c, k)
	if !ok {
		return Expr{}, Expr{}, false
	}
	var qt, rt []term
	for _, t := range a.terms {
		n, left, _ := euclid(t.coef, k) // neither is the least int64
		if n != 0 {
			qt = append(qt, term{n, t.mono})
		}
		if left != 0 {
			rt = append(rt, term{left, t.mono})
		}
	}
	q, r = checkConst(qc, qt), checkConst(rc, rt)
	return q, r, q.known && r.known
}

// content returns the greatest number and the greatest product that divide every part of a.
func (a Expr) content() (n int64, m []factor) {
	n = gcd(a.c, 0)
	for i, t := range a.terms {
		n = gcd(n, t.coef)
		if i == 0 {
			m = t.mono
		} else {
			m = commonMono(m, t.mono)
		}
	}
	if a.c != 0 {
		m = nil
	}
	return n, m
}

// product makes an expression of a coefficient, not 0, and a product of atoms.
func product(n int64, m []factor) Expr {
	if len(m) == 0 {
		return Int(n)
	}
	return Expr{known: true, terms: []term{{n, m}}}
}

// cancel takes out of a and b, neither 0, a number, atoms, and the rest of one where it divides the other; false where they have none of these in common.
func cancel(a, b Expr) (Expr, Expr, bool) {
	an, am := a.content()
	bn, bm := b.content()
	if common := product(gcd(an, bn), commonMono(am, bm)); !common.is(1) {
		return both(a, b, common)
	}
	for _, part := range []Expr{quotient(b, product(bn, bm)), quotient(a, product(an, am))} {
		if len(part.terms) > 1 || len(part.terms) == 1 && part.c != 0 {
			if x, y, ok := both(a, b, part); ok {
				return x, y, true
			}
		}
	}
	return Expr{}, Expr{}, false
}

func quotient(a, b Expr) Expr {
	q, _ := a.DivExact(b)
	return q
}

// both divides two expressions by one.
func both(a, b, c Expr) (Expr, Expr, bool) {
	x, y := quotient(a, c), quotient(b, c)
	return x, y, x.known && y.known
}

// cancelFloor cancels a number that all of a but its constant has in common with b: floor((g*x+c)/(g*y)) is floor((x+floor(c/g))/y) for y > 0.
func cancelFloor(a, b Expr) (Expr, Expr, bool) {
	g, _ := b.content()
	for _, t := range a.terms {
		g = gcd(g, t.coef)
	}
	if g <= 1 {
		return Expr{}, Expr{}, false
	}
	c, _ := floorInt(a.c, g)
	return both(a.Add(Int(c*g-a.c)), b, Int(g))
}

// join makes one floor of two: floor((floor(x/d)+y)/b) is floor((x+d*y)/(d*b)) for b > 0. There must be one floor in the numerator, as itself.
func join(a, b Expr) (Expr, Expr, bool) {
	var inner *atom
	for _, t := range a.terms {
		for _, f := range t.mono {
			if f.atom.op != opFloor {
				continue
			}
			if inner != nil || t.coef != 1 || len(t.mono) > 1 || f.pow > 1 {
				return Expr{}, Expr{}, false
			}
			inner = f.atom
		}
	}
	if inner == nil {
		return Expr{}, Expr{}, false
	}
	x, d := inner.args[0], inner.args[1]
	num, den := x.Add(d.Mul(a.Sub(inner.expr()))), d.Mul(b)
	return num, den, num.known && den.known
}
