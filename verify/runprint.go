package verify

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// The limits of NumPy's printing, at its defaults.
const (
	printAll   = 1000 // elements, past which the middle is left out
	printEdge  = 3    // elements at each end then
	printWidth = 75   // characters of a line
	printDigit = 8    // digits behind the point
)

// FormatArray writes an array as NumPy prints it (str): rows in brackets, columns of one width, eight digits behind the point at most, and of more than a thousand elements the
// first and last three along each axis. Types that NumPy does not have are printed as the numbers they are. Errors are of kind Unfit: the array does not hold what it
// says.
func FormatArray(a *onnxpb.Array) (string, error) {
	if err := sound(a); err != nil {
		return "", err
	}
	if a.Len() == 0 {
		return "[]", nil
	}
	p := &printer{dims: a.Dims, short: a.Len() > printAll}
	var at []int
	p.visit(0, 0, func(i int) { at = append(at, i) })
	shown := make([]*onnxpb.Array, len(at))
	for k, i := range at {
		shown[k] = element(a, i)
	}
	words, err := elementWords(shown, len(a.Dims) == 0)
	if err != nil {
		return "", err
	}
	p.words = words
	if len(a.Dims) == 0 {
		return words[0], nil
	}
	return p.format(0, " ", printWidth), nil
}

// printer lays out the elements that are shown, which it takes from words one after the other.
type printer struct {
	dims  []int64
	short bool
	words []string
	next  int
}

// ends tells how many elements are shown at the beginning and at the end of an axis, and whether some between are not.
func (p *printer) ends(axis int) (leading, trailing int, cut bool) {
	n := int(p.dims[axis])
	if p.short && n > 2*printEdge {
		return printEdge, printEdge, true
	}
	return 0, n, false
}

// visit calls fn with the place of each element that is shown.
func (p *printer) visit(axis, base int, fn func(int)) {
	if axis == len(p.dims) {
		fn(base)
		return
	}
	n := int(p.dims[axis])
	leading, trailing, _ := p.ends(axis)
	for i := range leading {
		p.visit(axis+1, base*n+i, fn)
	}
	for i := n - trailing; i < n; i++ {
		p.visit(axis+1, base*n+i, fn)
	}
}

// format writes an axis and those below it, as NumPy's _formatArray does: indent stands before each line but the first.
func (p *printer) format(axis int, indent string, width int) string {
	leading, trailing, cut := p.ends(axis)
	left := len(p.dims) - axis
	if left == 1 {
		return "[" + p.row(indent, width-1, leading, trailing, cut) + "]"
	}
	var items []string
	for range leading {
		items = append(items, p.format(axis+1, indent+" ", width-1))
	}
	if cut {
		items = append(items, "...")
	}
	for range trailing {
		items = append(items, p.format(axis+1, indent+" ", width-1))
	}
	return "[" + strings.Join(items, strings.Repeat("\n", left-1)+indent) + "]"
}

// row writes the last axis, in as many lines as it takes.
func (p *printer) row(indent string, width, leading, trailing int, cut bool) string {
	var words []string
	take := func(n int) {
		words = append(words, p.words[p.next:p.next+n]...)
		p.next += n
	}
	take(leading)
	if cut {
		words = append(words, "...")
	}
	take(trailing)
	var b strings.Builder
	line := indent
	for i, word := range words {
		if utf8.RuneCountInString(line)+utf8.RuneCountInString(word) > width && len(line) > len(indent) {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		if line += word; i < len(words)-1 {
			line += " "
		}
	}
	b.WriteString(line)
	return b.String()[len(indent):]
}

// elementWords writes the elements that are shown, all of one width. A scalar stands alone.
func elementWords(shown []*onnxpb.Array, scalar bool) ([]string, error) {
	t := shown[0].Type
	words := make([]string, len(shown))
	switch t {
	case onnxpb.TensorProto_STRING:
		for i, e := range shown {
			if words[i] = e.Data.([]string)[0]; !scalar {
				words[i] = quotePython(words[i])
			}
		}
		return words, nil
	case onnxpb.TensorProto_BOOL:
		for i, e := range shown {
			words[i] = "False"
			if e.Data.([]bool)[0] {
				words[i] = "True"
				if !scalar { // as wide as False, whether there is one or not
					words[i] = " True"
				}
			}
		}
	case onnxpb.TensorProto_COMPLEX64, onnxpb.TensorProto_COMPLEX128:
		return complexWords(shown, scalar), nil
	default:
		if exactType(t) {
			for i, e := range shown {
				words[i] = elementText(e, 0)
			}
			break
		}
		values := make([]float64, len(shown))
		for i, e := range shown {
			f, err := e.Float64s()
			if err != nil {
				return nil, err
			}
			values[i] = f[0]
		}
		if scalar {
			return []string{scalarFloat(values[0], t)}, nil
		}
		words = floatWords(values, t, false)
	}
	if scalar {
		return words, nil
	}
	return padLeft(words), nil
}

func padLeft(words []string) []string {
	width := 0
	for _, w := range words {
		width = max(width, len(w))
	}
	for i, w := range words {
		words[i] = strings.Repeat(" ", width-len(w)) + w
	}
	return words
}

// quotePython writes a string as Python does.
func quotePython(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	s = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
	if quote == "'" {
		s = strings.ReplaceAll(s, "'", `\'`)
	}
	return quote + s + quote
}

// scalarFloat writes one float as NumPy writes a scalar.
func scalarFloat(v float64, t onnxpb.TensorProto_DataType) string {
	if w, special := specialFloat(v); special {
		return w
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return shortestFloat(v, t, 'e')
	}
	s := shortestFloat(v, t, 'f')
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func specialFloat(v float64) (string, bool) {
	switch {
	case math.IsNaN(v):
		return "nan", true
	case math.IsInf(v, 1):
		return "inf", true
	case math.IsInf(v, -1):
		return "-inf", true
	}
	return "", false
}

// floatWords writes floats as the columns of an array: with an exponent where they are very large, small or unlike; signed puts a + before those that are not negative.
func floatWords(values []float64, t onnxpb.TensorProto_DataType, signed bool) []string {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if a := math.Abs(v); a != 0 && finite(a) {
			low, high = min(low, a), max(high, a)
		}
	}
	withExponent := high > 0 && (high >= 1e8 || low < 1e-4 || high/low > 1000)
	fraction := 0
	words := make([]string, len(values))
	for i, v := range values {
		w, special := specialFloat(v)
		if !special {
			if withExponent {
				w = shortestFloat(v, t, 'e')
			} else if w = shortestFloat(v, t, 'f'); !strings.Contains(w, ".") {
				w = strconv.FormatFloat(v, 'f', 0, 64) // all digits before the point are the float's own
			}
			w = roundDigits(v, w, withExponent)
			fraction = max(fraction, len(fractionOf(w)))
		}
		words[i] = w
	}
	for i, v := range values {
		_, special := specialFloat(v)
		switch {
		case special:
		case withExponent:
			words[i] = exponent(v, words[i], fraction)
		default:
			whole, digits, _ := strings.Cut(words[i], ".")
			words[i] = whole + "." + digits + strings.Repeat(" ", fraction-len(digits))
		}
		if signed && !strings.HasPrefix(words[i], "-") {
			words[i] = "+" + words[i]
		}
	}
	return padLeft(words)
}

// roundDigits cuts a number down to the digits that are shown.
func roundDigits(v float64, s string, withExponent bool) string {
	if len(fractionOf(s)) <= printDigit {
		return s
	}
	if withExponent {
		s = strconv.FormatFloat(v, 'e', printDigit, 64)
		mantissa, exp, _ := strings.Cut(s, "e")
		return strings.TrimRight(mantissa, "0") + "e" + exp
	}
	return strings.TrimRight(strconv.FormatFloat(v, 'f', printDigit, 64), "0")
}

// fractionOf returns the digits behind the point.
func fractionOf(s string) string {
	mantissa, _, _ := strings.Cut(s, "e")
	_, digits, _ := strings.Cut(mantissa, ".")
	return digits
}

// exponent writes a number that has an exponent with so many digits behind the point. Where it has fewer, the others are those that the float has beyond what tells it from its
// neighbours, not zeros.
func exponent(v float64, s string, fraction int) string {
	if have := len(fractionOf(s)); have < fraction {
		return strconv.FormatFloat(v, 'e', fraction, 64)
	}
	if mantissa, exp, _ := strings.Cut(s, "e"); !strings.Contains(mantissa, ".") {
		return mantissa + ".e" + exp
	}
	return s
}

// complexWords writes complex numbers: the parts as columns of their own.
func complexWords(shown []*onnxpb.Array, scalar bool) []string {
	re, im := make([]float64, len(shown)), make([]float64, len(shown))
	part := onnxpb.TensorProto_DOUBLE
	for i, e := range shown {
		switch d := e.Data.(type) {
		case []complex64:
			re[i], im[i], part = float64(real(d[0])), float64(imag(d[0])), onnxpb.TensorProto_FLOAT
		case []complex128:
			re[i], im[i] = real(d[0]), imag(d[0])
		}
	}
	if scalar {
		return []string{elementText(shown[0], 0)}
	}
	left, right := floatWords(re, part, false), floatWords(im, part, true)
	words := make([]string, len(shown))
	for i := range words {
		digits := strings.TrimRight(right[i], " ")
		words[i] = left[i] + digits + "j" + strings.Repeat(" ", len(right[i])-len(digits))
	}
	return words
}
