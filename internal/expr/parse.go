package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNesting bounds parentheses, calls and signs inside each other. What String writes stays below it.
const maxNesting = 200

// maxPower bounds the work of one **. Numbers have powers beyond MaxDegree.
const maxPower = 64

// Parse reads an expression: what String writes, and the notation of exporters beside it.
//
//   - numbers, names (a letter or _, then letters, digits, _ and .), names in double quotes, ? for the unknown one, parentheses;
//   - + - *, ** with a number, // (towards minus infinity) and % (Mod), with the precedence that Python gives them;
//   - / is a fraction, and exact: floor(H/2+1/2), ceil(N*3/4), trunc(N/M), also without a function where the result is a whole number for every value;
//   - floor or Floor, ceil, Ceil or ceiling, trunc or Trunc of a fraction; min, Min, max or Max of one operand or more; mod or Mod of two.
//
// An error tells the position, counted in characters from 1. What is well written and passes the limits of the package is the unknown expression.
func Parse(s string) (Expr, error) {
	p := parser{s: s}
	v, err := p.sum()
	if err == nil && p.peek() != 0 {
		err = p.errorf(p.at, "%s is not expected here", p.next())
	}
	var e Expr
	if err == nil {
		e, err = p.whole(v)
	}
	if err != nil {
		return Expr{}, err
	}
	return e, nil
}

type parser struct {
	s     string
	at    int // byte
	depth int
}

// fraction is num/den.
type fraction struct {
	num, den Expr
	at       int // where the last / stands
}

func integer(e Expr) fraction { return fraction{num: e, den: Int(1)} }

func (p *parser) errorf(at int, format string, args ...any) error {
	shown := p.s
	if len(shown) > 80 {
		shown = strings.ToValidUTF8(shown[:80], "") + "..."
	}
	return fmt.Errorf("expression %q: position %d: %s", shown, utf8.RuneCountInString(p.s[:at])+1, fmt.Sprintf(format, args...))
}

// peek skips white space and returns the byte there; 0 at the end.
func (p *parser) peek() byte {
	for p.at < len(p.s) {
		r, n := utf8.DecodeRuneInString(p.s[p.at:])
		if !unicode.IsSpace(r) {
			if r == 0 {
				return 1 // not the end, and nothing that is read
			}
			return p.s[p.at]
		}
		p.at += n
	}
	return 0
}

// next shows the character there in an error.
func (p *parser) next() string {
	if p.peek() == 0 {
		return "the end"
	}
	_, n := utf8.DecodeRuneInString(p.s[p.at:])
	return strconv.Quote(p.s[p.at : p.at+n])
}

// take steps over token where it is next. A * does not take half of **, nor a / half of //.
func (p *parser) take(token string) bool {
	p.peek()
	rest := p.s[p.at:]
	if !strings.HasPrefix(rest, token) || (token == "*" || token == "/") && strings.HasPrefix(rest, token+token) {
		return false
	}
	p.at += len(token)
	return true
}

// takeAny steps over the first of tokens that is next.
func (p *parser) takeAny(tokens ...string) string {
	for _, t := range tokens {
		if p.take(t) {
			return t
		}
	}
	return ""
}

// whole makes an integer of a fraction.
func (p *parser) whole(f fraction) (Expr, error) {
	if f.den.is(1) {
		return f.num, nil
	}
	if f.den.isZero() || !f.num.known || !f.den.known {
		return Expr{}, nil
	}
	if q, ok := f.num.DivExact(f.den); ok {
		return q, nil
	}
	return Expr{}, p.errorf(f.at, "a quotient that is not a whole number for every value: write floor(...), ceil(...) or trunc(...) around it")
}

func (p *parser) sum() (fraction, error) {
	p.depth++
	defer func() { p.depth-- }()
	left, err := p.products()
	for err == nil {
		sign := p.takeAny("+", "-")
		if sign == "" {
			break
		}
		var right fraction
		if right, err = p.products(); err != nil {
			break
		}
		if !left.den.Equal(right.den) {
			left.num, right.num = left.num.Mul(right.den), right.num.Mul(left.den)
			left.den, left.at = left.den.Mul(right.den), max(left.at, right.at)
		}
		if sign == "+" {
			left.num = left.num.Add(right.num)
		} else {
			left.num = left.num.Sub(right.num)
		}
	}
	return left, err
}

func (p *parser) products() (fraction, error) {
	left, err := p.signed()
	for err == nil {
		p.peek()
		at := p.at
		o := p.takeAny("//", "*", "/", "%")
		if o == "" {
			break
		}
		var right fraction
		if right, err = p.signed(); err != nil {
			break
		}
		switch o {
		case "*":
			left.num, left.den, left.at = left.num.Mul(right.num), left.den.Mul(right.den), max(left.at, right.at)
		case "/":
			left.num, left.den, left.at = left.num.Mul(right.den), left.den.Mul(right.num), at
		case "//":
			left = integer(left.num.Mul(right.den).FloorDiv(left.den.Mul(right.num)))
		case "%":
			left, err = p.mod(left, right)
		}
	}
	return left, err
}

func (p *parser) mod(a, b fraction) (fraction, error) {
	x, err := p.whole(a)
	if err != nil {
		return a, err
	}
	y, err := p.whole(b)
	return integer(x.Mod(y)), err
}

func (p *parser) signed() (fraction, error) {
	if p.depth++; p.depth > maxNesting {
		return fraction{}, p.errorf(p.at, "nested more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	switch p.takeAny("+", "-") {
	case "+":
		return p.signed()
	case "-":
		if p.least() {
			return integer(Int(math.MinInt64)), nil
		}
		f, err := p.signed()
		f.num = f.num.Neg()
		return f, err
	}
	f, err := p.operand()
	if err != nil || !p.take("**") {
		return f, err
	}
	p.peek()
	at := p.at
	n, err := strconv.Atoi(p.digits())
	if err != nil || n > maxPower {
		return f, p.errorf(at, "a power is a number from 0 to %d", maxPower)
	}
	if p.take("**") {
		return f, p.errorf(p.at, "a power of a power needs parentheses")
	}
	out := integer(Int(1))
	for range n {
		out.num, out.den = out.num.Mul(f.num), out.den.Mul(f.den)
	}
	out.at = f.at
	return out, nil
}

// least steps over the number that only with a minus is an int64, unless a power follows: a power binds closer than the minus.
func (p *parser) least() bool {
	const least = "9223372036854775808"
	p.peek()
	start := p.at
	if digits := p.digits(); digits == "" || strings.TrimLeft(digits, "0") != least || p.take("**") {
		p.at = start
		return false
	}
	return true
}

func (p *parser) digits() string {
	start := p.at
	for p.at < len(p.s) && p.s[p.at] >= '0' && p.s[p.at] <= '9' {
		p.at++
	}
	return p.s[start:p.at]
}

func (p *parser) operand() (fraction, error) {
	c := p.peek()
	start := p.at
	switch {
	case c >= '0' && c <= '9':
		digits := p.digits()
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return fraction{}, p.errorf(start, "the number %.30s is too large", digits)
		}
		if nameLen(p.s[p.at:]) > 0 {
			return fraction{}, p.errorf(p.at, "a name behind a number: write %s*%s, or the name in double quotes", digits, p.s[p.at:p.at+nameLen(p.s[p.at:])])
		}
		return integer(Int(n)), nil
	case c == '?':
		p.at++
		return integer(Expr{}), nil
	case c == '"':
		quoted, err := strconv.QuotedPrefix(p.s[p.at:])
		if err != nil {
			return fraction{}, p.errorf(start, "a name in quotes does not end, or is not written as Go writes strings")
		}
		p.at += len(quoted)
		name, _ := strconv.Unquote(quoted)
		if name == "" {
			return fraction{}, p.errorf(start, "a name is empty")
		}
		return integer(Sym(name)), nil
	case c == '(':
		p.at++
		f, err := p.sum()
		if err == nil && !p.take(")") {
			err = p.errorf(p.at, "%s where ) closes the ( at position %d", p.next(), utf8.RuneCountInString(p.s[:start])+1)
		}
		return f, err
	}
	n := nameLen(p.s[p.at:])
	if n == 0 {
		return fraction{}, p.errorf(start, "%s where a number, a name or ( is expected", p.next())
	}
	name := p.s[p.at : p.at+n]
	p.at += n
	if p.peek() == '(' {
		return p.call(name, start)
	}
	return integer(Sym(name)), nil
}

// call reads the operands of a function, and applies it.
func (p *parser) call(name string, start int) (fraction, error) {
	low, high := 1, 1 // how many operands
	switch name = strings.ToLower(name); name {
	case "floor", "ceil", "ceiling", "trunc":
	case "min", "max":
		high = math.MaxInt
	case "mod":
		low, high = 2, 2
	default:
		return fraction{}, p.errorf(start, "%s is no function: floor, ceil, trunc, min, max and mod are", p.s[start:p.at])
	}
	p.take("(")
	var args []fraction
	for more := true; more; more = p.take(",") {
		f, err := p.sum()
		if err != nil {
			return f, err
		}
		args = append(args, f)
	}
	if !p.take(")") {
		return fraction{}, p.errorf(p.at, "%s where %s goes on with , or ends with )", p.next(), name)
	}
	if len(args) < low || len(args) > high {
		return fraction{}, p.errorf(start, "%s takes %d, not %d", name, low, len(args))
	}
	return p.apply(name, args)
}

func (p *parser) apply(name string, args []fraction) (fraction, error) {
	f := args[0]
	switch name {
	case "floor":
		return integer(f.num.FloorDiv(f.den)), nil
	case "ceil", "ceiling":
		return integer(f.num.CeilDiv(f.den)), nil
	case "trunc":
		return integer(f.num.TruncDiv(f.den)), nil
	case "mod":
		return p.mod(f, args[1])
	}
	out, err := p.whole(f)
	for _, g := range args[1:] {
		if err != nil {
			break
		}
		var e Expr
		e, err = p.whole(g)
		if name == "min" {
			out = Min(out, e)
		} else {
			out = Max(out, e)
		}
	}
	return integer(out), err
}
