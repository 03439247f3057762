package shape

import (
	"math"
	"slices"
)

// movementRules are the rules of operators that move elements and leave their values.
func movementRules() ruleSet {
	return ruleSet{
		"Shape":           shapeRule,
		"Size":            sizeRule,
		"Reshape":         reshapeRule,
		"Flatten":         flattenRule,
		"Transpose":       transposeRule,
		"Squeeze":         squeezeRule,
		"Unsqueeze":       unsqueezeRule,
		"Concat":          concatRule,
		"Split":           splitRule,
		"Slice":           sliceRule,
		"Expand":          expandRule,
		"Tile":            tileRule,
		"Pad":             padRule,
		"ReverseSequence": reverseSequenceRule,
	}
}

// reverseSequenceRule: the input, and one length for each sequence.
func reverseSequenceRule(c *call) {
	if d, ok := c.dims(1); ok && len(d) != 1 {
		c.fault("its sequence_lens is %s: it has one axis", c.in[1])
	}
	c.same(0, 0)
}

// shapeRule: the dimensions of the input as a tensor, from start to end since version 15.
func shapeRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		if c.attr("start") == nil && c.attr("end") == nil {
			c.setDims(0, []Dim{c.fresh()})
		} else {
			c.setDims(0, c.freshDims(1))
		}
		return
	}
	bound := func(name string, def int64) int {
		v := c.attrInt(name, def)
		if v < 0 {
			v += int64(len(dims))
		}
		return int(min(max(v, 0), int64(len(dims))))
	}
	start, end := bound("start", 0), bound("end", math.MaxInt64)
	part := dims[min(start, end):end]
	c.setInts(0, []Dim{Number(int64(len(part)))}, append([]Dim{}, part...))
}

// sizeRule: the number of elements of the input.
func sizeRule(c *call) {
	var n Dim
	if dims, ok := c.dims(0); ok {
		n = product(dims)
	}
	c.setInts(0, []Dim{}, []Dim{n})
}

// maxRank is more than any tensor has.
const maxRank = 64

// transposeRule: the axes in the order of perm, reversed where there is none.
func transposeRule(c *call) {
	perm, given := c.attrInts("perm")
	dims, ok := c.dims(0)
	if !ok {
		if given && len(perm) <= maxRank {
			c.setDims(0, c.freshDims(len(perm)))
		}
		return
	}
	if !given {
		perm = make([]int64, len(dims))
		for i := range perm {
			perm[i] = int64(len(dims) - 1 - i)
		}
	}
	if len(perm) != len(dims) {
		c.fault("perm %v does not fit a tensor of shape %s", perm, formatDims(dims))
		return
	}
	axes, ok := c.axes(perm, len(dims))
	if !ok {
		return
	}
	out := make([]Dim, len(dims))
	for i, a := range axes {
		out[i] = dims[a]
	}
	c.setInts(0, out, transposed(c.input(0).Ints, dims, axes))
}

// transposed returns elements in the order that a permutation of the axes gives them; nil where that is not known.
func transposed(ints []Dim, dims []Dim, axes []int) []Dim {
	shape, ok := constants(dims)
	if ints == nil || !ok {
		return nil
	}
	out := make([]Dim, 0, len(ints))
	index := make([]int64, len(axes))
	for range ints {
		at := int64(0)
		source := make([]int64, len(axes))
		for i, a := range axes {
			source[a] = index[i]
		}
		for i, d := range shape {
			at = at*d + source[i]
		}
		if at >= int64(len(ints)) {
			return nil
		}
		out = append(out, ints[at])
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < shape[axes[i]] {
				break
			}
			index[i] = 0
		}
	}
	return out
}

// axesOf returns the axes of Squeeze, Unsqueeze and their kin: an attribute, or since a version an input. given tells whether there are any, known whether
// they are known.
func axesOf(c *call, input int, inputSince int64) (axes []int64, given, known bool) {
	if c.since() < inputSince {
		axes, given = c.attrInts("axes")
		return axes, given, true
	}
	if !c.has(input) {
		return nil, false, true
	}
	axes, known = c.constInts(input)
	return axes, true, known
}

// squeezeRule: without the axes named, which are 1; all axes that are 1 where none is named.
func squeezeRule(c *call) {
	axes, given, known := axesOf(c, 1, 13)
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if !known {
		if d, ok := c.dims(1); ok && len(d) == 1 {
			if n, ok := d[0].Const(); ok && n >= 0 && n <= int64(len(dims)) {
				c.setDims(0, c.freshDims(len(dims)-int(n)))
			}
		}
		return
	}
	drop := make([]bool, len(dims))
	if given {
		list, ok := c.axes(axes, len(dims))
		if !ok {
			return
		}
		for _, a := range list {
			if d := dims[a].Sub(Number(1)); d.AtLeast(1) || d.AtMost(-1) {
				c.fault("axis %d is squeezed and is %s, not 1: its input has the shape %s", a, formatDim(dims[a]), formatDims(dims))
				return
			}
			c.met(dims[a], Number(1))
			drop[a] = true
		}
	} else {
		for i, d := range dims {
			n, ok := d.Const()
			if !ok && !d.AtLeast(2) {
				return // whether it is 1 decides on the rank
			}
			drop[i] = ok && n == 1
		}
	}
	out := []Dim{}
	for i, d := range dims {
		if !drop[i] {
			out = append(out, d)
		}
	}
	keepElements(c, out)
}

// unsqueezeRule: with axes of 1 put in, at these places of the result.
func unsqueezeRule(c *call) {
	axes, _, known := axesOf(c, 1, 13)
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if !known {
		if d, ok := c.dims(1); ok && len(d) <= 1 {
			n := int64(1)
			if len(d) == 1 {
				if n, ok = d[0].Const(); !ok || n < 0 || n > maxRank {
					return
				}
			}
			c.setDims(0, c.freshDims(len(dims)+int(n)))
		}
		return
	}
	if len(axes) > maxRank {
		return
	}
	rank := len(dims) + len(axes)
	list, ok := c.axes(axes, rank)
	if !ok {
		return
	}
	out := make([]Dim, rank)
	for _, a := range list {
		out[a] = Number(1)
	}
	k := 0
	for i := range out {
		if !out[i].Known() && !slices.Contains(list, i) {
			out[i] = dims[k]
			k++
		}
	}
	keepElements(c, out)
}
