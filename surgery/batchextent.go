package surgery

import (
	"math"
	"sort"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// extent is a length that may depend on the batch: c * N^n * the product of syms, where N is the batch and syms are lengths that do not depend on
// it and whose number is not known. It is the size of a dimension, or an element of a tensor that sizes are computed with.
type extent struct {
	c    int64
	n    int    // 0 or 1, rarely more
	syms string // sorted, symSep after each
	bad  bool   // depends on the batch in a way that this form cannot say; all other fields are 0
}

const symSep = "\x1f"

// maxSyms bounds the symbols of one product; what passes it is not needed by any shape that can be proven.
const maxSyms = 6

var badExtent = extent{bad: true}

func extentOf(v int64) extent { return extent{c: v} }

func symExtent(s string) extent { return extent{c: 1, syms: s + symSep} }

// batchExtent is N itself.
var batchExtent = extent{c: 1, n: 1}

// num returns an extent that is a plain number.
func (e extent) num() (int64, bool) { return e.c, !e.bad && e.n == 0 && e.syms == "" }

func (e extent) is(v int64) bool {
	x, ok := e.num()
	return ok && x == v
}

// onBatch tells whether an extent depends on the batch.
func (e extent) onBatch() bool { return e.bad || e.n != 0 }

// at puts a number in the place of the batch.
func (e extent) at(batch int64) extent {
	if e.bad {
		return e
	}
	for ; e.n > 0; e.n-- {
		e = e.times(batch)
	}
	return e
}

func (e extent) times(v int64) extent { return e.mul(extentOf(v)) }

func (e extent) mul(o extent) extent {
	if e.bad || o.bad {
		return badExtent
	}
	if e.c == 0 || o.c == 0 {
		return extent{}
	}
	c := e.c * o.c
	if c/o.c != e.c || e.c == math.MinInt64 || o.c == math.MinInt64 {
		return badExtent
	}
	syms, ok := mergeSyms(e.syms, o.syms)
	if !ok {
		return badExtent
	}
	return extent{c: c, n: e.n + o.n, syms: syms}
}

func mergeSyms(a, b string) (string, bool) {
	if a == "" || b == "" {
		return a + b, true
	}
	list := append(splitSyms(a), splitSyms(b)...)
	sort.Strings(list)
	return strings.Join(list, ""), len(list) <= maxSyms
}

// splitSyms returns the symbols of a product, each with its separator.
func splitSyms(s string) []string {
	list := strings.SplitAfter(s, symSep)
	return list[:len(list)-1]
}

// div divides; false where the quotient is not exact, or not known to be.
func (e extent) div(o extent) (extent, bool) {
	if e.bad || o.bad || o.c == 0 || e.n < o.n || e.c%o.c != 0 {
		return extent{}, false
	}
	if e.c == 0 {
		return extent{}, true
	}
	left := e.syms
	for _, s := range splitSyms(o.syms) {
		i := strings.Index(symSep+left, symSep+s)
		if i < 0 {
			return extent{}, false
		}
		left = left[:i] + left[i+len(s):]
	}
	return extent{c: e.c / o.c, n: e.n - o.n, syms: left}, true
}

// product multiplies extents.
func product(list []extent) extent {
	p := extentOf(1)
	for _, e := range list {
		p = p.mul(e)
	}
	return p
}

// String writes an extent for people; N is the batch.
func (e extent) String() string {
	if e.bad {
		return "a number that depends on the batch"
	}
	var f []string
	for range e.n {
		f = append(f, "N")
	}
	for _, s := range splitSyms(e.syms) {
		if s = strings.TrimSuffix(s, symSep); s == "N" { // the model's own, of something else
			s = strconv.Quote(s)
		}
		f = append(f, s)
	}
	if e.c != 1 || len(f) == 0 {
		f = append([]string{strconv.FormatInt(e.c, 10)}, f...)
	}
	return strings.Join(f, "*")
}

// hiddenSym starts the symbols of lengths that have no name in the model, which keeps them apart from those that have.
const hiddenSym = "\x00?"

// formatExtents writes a shape.
func formatExtents(dims []extent) string {
	s := make([]string, len(dims))
	for i, d := range dims {
		if s[i] = d.String(); strings.Contains(d.syms, hiddenSym) {
			s[i] = "?"
		}
	}
	return "[" + strings.Join(s, ",") + "]"
}

// dim returns the dimension that declares an extent, with the batch that the model gets.
func (e extent) dim(batch onnxpb.Dim) onnxpb.Dim {
	if e == batchExtent {
		return batch
	}
	if batch.Known && e.syms == "" && !e.bad {
		if v, ok := e.at(batch.Value).num(); ok {
			return onnxpb.Number(v)
		}
	}
	return onnxpb.Dim{}
}
