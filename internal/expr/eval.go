package expr

import (
	"maps"
	"slices"
)

// Symbols returns the names of the symbols of a, also those inside atoms, sorted.
func (a Expr) Symbols() []string {
	names := map[string]bool{}
	a.addSymbols(names)
	return slices.Sorted(maps.Keys(names))
}

func (a Expr) addSymbols(names map[string]bool) {
	for _, t := range a.terms {
		for _, f := range t.mono {
			if f.atom.op == opSym {
				names[f.atom.name] = true
			}
			for _, e := range f.atom.args {
				e.addSymbols(names)
			}
		}
	}
}

// Eval returns the value of a where its symbols have the values v. False means that a is unknown, that a symbol has no value or a negative one, that a divisor
// is 0, or that a result on the way leaves int64. For a symbol that is 0 see the package's documentation.
func (a Expr) Eval(v map[string]int64) (int64, bool) {
	if !a.known {
		return 0, false
	}
	sum := a.c
	for _, t := range a.terms {
		p := t.coef
		for _, f := range t.mono {
			x, ok := f.atom.eval(v)
			for i := 0; ok && i < f.pow; i++ {
				p, ok = mulInt(p, x)
			}
			if !ok {
				return 0, false
			}
		}
		var ok bool
		if sum, ok = addInt(sum, p); !ok {
			return 0, false
		}
	}
	return sum, true
}

func (x *atom) eval(v map[string]int64) (int64, bool) {
	if x.op == opSym {
		n, ok := v[x.name]
		return n, ok && n >= 0
	}
	out, ok := x.args[0].Eval(v)
	for _, e := range x.args[1:] {
		n, known := e.Eval(v)
		if !ok || !known {
			return 0, false
		}
		switch x.op {
		case opFloor:
			out, ok = floorInt(out, n)
		case opTrunc:
			if _, ok = floorInt(out, n); ok {
				out /= n
			}
		case opMin:
			out = min(out, n)
		case opMax:
			out = max(out, n)
		}
	}
	return out, ok
}

// Subst puts expressions in the place of symbols, all at once; symbols that v does not have stay. What was simplified because symbols are at least 1, and
// divisors not 0, stays simplified, whatever is put in.
func (a Expr) Subst(v map[string]Expr) Expr {
	if !a.known || len(a.terms) == 0 {
		return a
	}
	sum := Int(a.c)
	for _, t := range a.terms {
		p := Int(t.coef)
		for _, f := range t.mono {
			x := f.atom.subst(v)
			for range f.pow {
				p = p.Mul(x)
			}
		}
		sum = sum.Add(p)
	}
	return sum
}

func (x *atom) subst(v map[string]Expr) Expr {
	if x.op == opSym {
		if e, ok := v[x.name]; ok {
			return e
		}
		return x.expr()
	}
	out := x.args[0].Subst(v)
	for _, e := range x.args[1:] {
		e = e.Subst(v)
		switch x.op {
		case opFloor:
			out = out.FloorDiv(e)
		case opTrunc:
			out = out.TruncDiv(e)
		case opMin:
			out = Min(out, e)
		case opMax:
			out = Max(out, e)
		}
	}
	return out
}
