package expr

import "slices"

// Min returns the less of two. Mins inside join it, and what another operand is proven never to exceed drops out: min(N,N+1) is N, and min(N,1) is 1, as
// symbols are at least 1.
func Min(a, b Expr) Expr { return extremum(opMin, a, b) }

// Max returns the greater of two, by the rules of Min: max(N,1) is N.
func Max(a, b Expr) Expr { return extremum(opMax, a, b) }

func extremum(o op, a, b Expr) Expr {
	if !a.known || !b.known {
		return Expr{}
	}
	if a.isConst() && b.isConst() {
		if (a.c < b.c) == (o == opMin) {
			return a
		}
		return b
	}
	var in []Expr
	for _, e := range []Expr{a, b} {
		if x := e.atom(); x != nil && x.op == o {
			in = append(in, x.args...)
		} else {
			in = append(in, e)
		}
	}
	slices.SortFunc(in, compare)
	in = slices.CompactFunc(in, Expr.Equal)
	var kept []Expr
	for _, e := range in {
		if slices.ContainsFunc(kept, func(k Expr) bool { return wins(o, k, e) }) {
			continue
		}
		kept = append(slices.DeleteFunc(kept, func(k Expr) bool { return wins(o, e, k) }), e)
	}
	if len(kept) == 1 {
		return kept[0]
	}
	return newAtom(o, kept...)
}

// wins tells whether of two operands a is always the answer, or as good.
func wins(o op, a, b Expr) bool {
	if o == opMin {
		a, b = b, a
	}
	switch { // by themselves, as a difference to the outermost integers, where slices begin and end, does not fit
	case a.isConst():
		return b.AtMost(a.c)
	case b.isConst():
		return a.AtLeast(b.c)
	}
	return a.Sub(b).AtLeast(0)
}
