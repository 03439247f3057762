package shape

import (
	"slices"

	"onnxtool/internal/expr"
)

func textRules() ruleSet {
	return ruleSet{
		"StringConcat": stringConcat, "StringSplit": stringSplit, "StringNormalizer": stringNormalizer, "RegexFullMatch": sameShape, "TfIdfVectorizer": tfIdfVectorizer,
	}
}

// sameShape gives the first output the shape of the first input.
func sameShape(c *call) {
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
	}
}

func stringConcat(c *call) {
	a, ok := c.dims(0)
	b, both := c.dims(1)
	if !ok || !both {
		return
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	dims := append([]Dim(nil), a...)
	for i, y := range b {
		at := len(a) - len(b) + i
		x := a[at]
		switch _, number := x.Const(); {
		case x.Equal(y) || isConst(y, 1):
		case isConst(x, 1):
			dims[at] = y
		default:
			if d := x.Sub(y); x.AtLeast(2) && y.AtLeast(2) && (d.AtLeast(1) || d.AtMost(-1)) {
				c.fault("shapes %s and %s do not go together: %s and %s are neither equal nor 1", formatDims(a), formatDims(b), formatDim(x), formatDim(y))
				return
			}
			if number { // whatever the other one is, it is this number or 1
				continue
			}
			if _, number := y.Const(); number {
				dims[at] = y
			} else {
				dims[at] = c.fresh()
			}
		}
	}
	c.setDims(0, dims)
}

func stringSplit(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, append(slices.Clone(dims), c.fresh())) // the pieces of the string that has most of them
	c.setDims(1, dims)
}

func stringNormalizer(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if len(dims) != 1 && len(dims) != 2 {
		c.fault("the input has rank %d, neither 1 nor 2", len(dims))
		return
	}
	dims = slices.Clone(dims)
	last := len(dims) - 1
	if last == 1 {
		dims[0] = c.unify(dims[0], expr.Int(1), "the first dimension and the batch")
	}
	// Stop words are left out; where nothing stays, one empty string does.
	if len(c.attr("stopwords").GetStrings()) > 0 || !dims[last].AtLeast(1) {
		dims[last] = c.fresh()
	}
	c.setDims(0, dims)
}

func tfIdfVectorizer(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	width := Dim{}
	if list, _ := c.attrInts("ngram_indexes"); len(list) > 0 {
		last := slices.Max(list)
		if last < 0 {
			c.fault("ngram_indexes are all negative")
			return
		}
		width = expr.Int(last).Add(expr.Int(1)) // unknown beyond int64
	}
	switch len(dims) {
	case 1:
		c.setDims(0, []Dim{width})
	case 2:
		c.setDims(0, []Dim{dims[0], width})
	default:
		c.fault("the input has rank %d, neither 1 nor 2", len(dims))
	}
}
