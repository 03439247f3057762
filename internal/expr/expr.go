// Package expr computes with integer expressions over symbols, as the dimensions of ONNX tensors need them: 2*N, floor((H+1)/2), min(T,512).
//
// # Normal form
//
// An expression is a sum of products, each an int64 times powers of atoms; an atom is a symbol, floor(p/q), trunc(p/q), min(p,...) or max(p,...). Products
// stand by falling degree, then by their atoms, symbols first; the constant comes last. Polynomials over atoms therefore have one form each, and whether two
// expressions are equal is a comparison of two lists. Atoms are simplified as far as the rules of this package go (see [Expr.FloorDiv] and [Min]). Where
// [Expr.Equal] says yes the two have equal values. A no proves nothing: floor(N/2)+floor((N+1)/2) is N, and no rule here knows.
//
// # What is taken for granted
//
// Every symbol is at least 1, and no divisor is 0. So max(N,1) is N, and floor(N*H/N) is H. Where a symbol is 0 (ONNX allows empty tensors) the polynomials
// hold all the same, the rest may not.
//
// # Unknown
//
// What does not fit becomes the unknown expression, never a wrong one: a coefficient beyond int64, more than [MaxTerms] products in a sum, atoms nested deeper
// than [MaxDepth], a product of a degree above [MaxDegree], more than [MaxSize] atoms and products in all. Whatever is computed from an unknown one is unknown.
package expr

import "math"

// The limits of an expression. One that passes them is unknown.
const (
	MaxTerms  = 64  // products in one sum, the constant apart
	MaxDepth  = 16  // atoms inside atoms
	MaxDegree = 32  // atoms in one product, powers counted
	MaxSize   = 512 // atoms and products, those inside atoms counted
)

// maxPairs bounds the work of one multiplication.
const maxPairs = 1024

// Expr is an integer expression over symbols, in normal form. It is immutable, and safe for use by several goroutines. The zero value is the unknown one.
// Compare with Equal; String is canonical as well, and can be the key of a map.
type Expr struct {
	known bool
	c     int64  // the constant, apart from the rest so that numbers, and sums with them, need no memory of their own
	terms []term // in order, no coefficient 0; shared between expressions and never written to
}

// Int returns a number.
func Int(n int64) Expr { return Expr{known: true, c: n} }

// Sym returns a symbol: a dimension, at least 1. Without a name it is unknown.
func Sym(name string) Expr { return symbol(name, 1) }

// Count returns a symbol that may be 0 as well: how many elements some data has that nobody has seen. Its name is not one that Sym is given.
func Count(name string) Expr { return symbol(name, 0) }

func symbol(name string, least int64) Expr {
	if name == "" {
		return Expr{}
	}
	s := &struct { // together, as a symbol is the commonest thing to make
		atom    atom
		factors [1]factor
		terms   [1]term
	}{}
	s.atom = atom{op: opSym, name: name, key: quoteName(name), span: span{least, noHi}, size: 1}
	s.factors[0] = factor{&s.atom, 1}
	s.terms[0] = term{1, s.factors[:]}
	return Expr{known: true, terms: s.terms[:]}
}

// Unknown returns the unknown expression.
func Unknown() Expr { return Expr{} }

// Known tells whether a is not the unknown expression.
func (a Expr) Known() bool { return a.known }

// Const returns the value of a number.
func (a Expr) Const() (int64, bool) {
	if !a.isConst() {
		return 0, false
	}
	return a.c, true
}

// Symbol returns the name where a is one symbol and nothing else.
func (a Expr) Symbol() (string, bool) {
	if x := a.atom(); x != nil && x.op == opSym {
		return x.name, true
	}
	return "", false
}

// Equal tells whether both are known and have the same normal form.
func (a Expr) Equal(b Expr) bool {
	return a.known && b.known && a.c == b.c && len(a.terms) == len(b.terms) && (len(a.terms) == 0 || &a.terms[0] == &b.terms[0] || compare(a, b) == 0)
}

// Add returns a+b.
func (a Expr) Add(b Expr) Expr {
	if len(a.terms) == 0 {
		a, b = b, a
	}
	if a.known && b.known && len(b.terms) == 0 {
		if c, ok := addInt(a.c, b.c); ok {
			return checkConst(c, a.terms)
		}
		return Expr{}
	}
	return a.addScaled(b, 1)
}

// Sub returns a-b.
func (a Expr) Sub(b Expr) Expr {
	if a.known && b.known && len(b.terms) == 0 {
		if c, ok := subInt(a.c, b.c); ok {
			return checkConst(c, a.terms)
		}
		return Expr{}
	}
	return a.addScaled(b, -1)
}

// Neg returns -a.
func (a Expr) Neg() Expr { return a.scale(-1) }

// Mul returns a*b.
func (a Expr) Mul(b Expr) Expr {
	switch {
	case !a.known || !b.known:
		return Expr{}
	case len(a.terms) == 0:
		return b.scale(a.c)
	case len(b.terms) == 0:
		return a.scale(b.c)
	case len(a.terms)*len(b.terms) > maxPairs:
		return Expr{}
	}
	c, ok := mulInt(a.c, b.c)
	if !ok {
		return Expr{}
	}
	var sum []term
	if b.c != 0 {
		if sum, ok = merge(nil, a.terms, b.c, nil); !ok {
			return Expr{}
		}
	}
	if a.c != 0 {
		if sum, ok = merge(sum, b.terms, a.c, nil); !ok {
			return Expr{}
		}
	}
	for _, t := range a.terms {
		if sum, ok = merge(sum, b.terms, t.coef, t.mono); !ok {
			return Expr{}
		}
	}
	return finish(c, sum)
}

// scale returns a*k.
func (a Expr) scale(k int64) Expr {
	switch {
	case !a.known || k == 1:
		return a
	case k == 0:
		return Int(0)
	}
	c, ok := mulInt(a.c, k)
	if !ok {
		return Expr{}
	}
	if len(a.terms) == 0 {
		return Int(c)
	}
	terms, ok := merge(nil, a.terms, k, nil)
	if !ok {
		return Expr{}
	}
	return checkConst(c, terms)
}

// addScaled returns a+k*b.
func (a Expr) addScaled(b Expr, k int64) Expr {
	if !a.known || !b.known {
		return Expr{}
	}
	c, ok := mulInt(b.c, k)
	if !ok {
		return Expr{}
	}
	if c, ok = addInt(a.c, c); !ok {
		return Expr{}
	}
	terms, ok := merge(a.terms, b.terms, k, nil)
	if !ok {
		return Expr{}
	}
	return finish(c, terms)
}

// finish makes a sum, or the unknown one where it passes the limits.
func finish(c int64, terms []term) Expr {
	if len(terms) > MaxTerms || sizeOf(terms) > MaxSize {
		return Expr{}
	}
	return checkConst(c, terms)
}

// checkConst makes a sum of terms within the limits. The least int64 is a number (slices end there), but no part of a sum: so every sum has a negative, and
// every part of one can be written as a minus and a number.
func checkConst(c int64, terms []term) Expr {
	if len(terms) == 0 {
		return Int(c)
	}
	if c == math.MinInt64 {
		return Expr{}
	}
	return Expr{known: true, c: c, terms: terms}
}

func (a Expr) isConst() bool { return a.known && len(a.terms) == 0 }

func (a Expr) isZero() bool { return a.isConst() && a.c == 0 }

// is tells whether a is the number n.
func (a Expr) is(n int64) bool { return a.isConst() && a.c == n }

// atom returns the atom where a is one and nothing else.
func (a Expr) atom() *atom {
	if len(a.terms) != 1 || a.c != 0 {
		return nil
	}
	if t := a.terms[0]; t.coef == 1 && len(t.mono) == 1 && t.mono[0].pow == 1 {
		return t.mono[0].atom
	}
	return nil
}
