package expr

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String writes a in the notation that Parse reads: 2*N, N**2+1, H-floor(W/2), min(N,512), and ? for the unknown one. Two known expressions have the same
// string exactly if they are Equal. A name that is not made of letters, digits, _ and . is written in double quotes, as strconv.Quote does.
func (a Expr) String() string {
	if !a.known {
		return "?"
	}
	return string(a.append(nil))
}

func (a Expr) append(s []byte) []byte {
	if len(a.terms) == 0 {
		return strconv.AppendInt(s, a.c, 10)
	}
	first := 0 // N-M reads better than -M+N: where the first is negative, one that is not comes before it
	for first < len(a.terms) && a.terms[first].coef < 0 {
		first++
	}
	switch {
	case first < len(a.terms):
		s = a.terms[first].append(s, false)
	case a.c > 0:
		s = strconv.AppendInt(s, a.c, 10)
	}
	for i, t := range a.terms {
		if i != first {
			s = t.append(s, true)
		}
	}
	if a.c != 0 && !(a.c > 0 && first == len(a.terms)) {
		s = appendSign(s, a.c, true)
		s = strconv.AppendUint(s, magnitude(a.c), 10)
	}
	return s
}

// append writes a product, behind others with its plus.
func (t term) append(s []byte, behind bool) []byte {
	s = appendSign(s, t.coef, behind)
	if n := magnitude(t.coef); n != 1 {
		s = append(strconv.AppendUint(s, n, 10), '*')
	}
	for i, f := range t.mono {
		if i > 0 {
			s = append(s, '*')
		}
		s = append(s, f.atom.key...)
		if f.pow > 1 {
			s = strconv.AppendInt(append(s, "**"...), int64(f.pow), 10)
		}
	}
	return s
}

func appendSign(s []byte, n int64, behind bool) []byte {
	switch {
	case n < 0:
		return append(s, '-')
	case behind:
		return append(s, '+')
	}
	return s
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

var opNames = [...]string{opFloor: "floor", opTrunc: "trunc", opMin: "min", opMax: "max"}

// format writes an atom that is no symbol.
func (x *atom) format() string {
	s := append([]byte(opNames[x.op]), '(')
	if x.op == opFloor || x.op == opTrunc {
		num, den := x.args[0], x.args[1]
		s = appendOperand(s, num, len(num.terms) > 1 || len(num.terms) == 1 && num.c != 0)
		s = append(s, '/')
		s = appendOperand(s, den, den.atom() == nil && !den.isConst() || den.isConst() && den.c < 0)
		return string(append(s, ')'))
	}
	for i, a := range x.args {
		if i > 0 {
			s = append(s, ',')
		}
		s = a.append(s)
	}
	return string(append(s, ')'))
}

func appendOperand(s []byte, a Expr, parens bool) []byte {
	if !parens {
		return a.append(s)
	}
	return append(a.append(append(s, '(')), ')')
}

// quoteName writes the name of a symbol.
func quoteName(name string) string {
	if nameLen(name) == len(name) {
		return name
	}
	return strconv.Quote(name)
}

// nameLen returns the length of the name that s begins with; 0 where it begins with none.
func nameLen(s string) int {
	i := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	if i < 0 {
		i = len(s)
	}
	if r, _ := utf8.DecodeRuneInString(s); r != '_' && !unicode.IsLetter(r) {
		return 0
	}
	return i
}
