package shape

import (
	"slices"

	"onnxtool/internal/expr"
)

// indexRules are the rules of operators that take or put elements by their indices.
func indexRules() ruleSet {
	scatter := func(c *call) { c.same(0, 0) }
	return ruleSet{
		"Gather":          gatherRule,
		"GatherElements":  gatherElementsRule,
		"GatherND":        gatherNDRule,
		"Scatter":         scatterElementsRule,
		"ScatterElements": scatterElementsRule,
		"ScatterND":       scatter,
		"OneHot":          oneHotRule,
		"NonZero":         nonZeroRule,
		"Unique":          uniqueRule,
		"Compress":        compressRule,
	}
}

// gatherRule: the axis of the data gives way to the shape of the indices.
func gatherRule(c *call) {
	data, ok1 := c.dims(0)
	indices, ok2 := c.dims(1)
	if !ok1 || !ok2 {
		return
	}
	axis, ok := c.axis(c.attrInt("axis", 0), len(data))
	if !ok {
		return
	}
	out := slices.Concat(data[:axis], indices, data[axis+1:])
	at, known := c.ints(1)
	if n, ok := data[axis].Const(); ok && known {
		for _, i := range at {
			if v, ok := i.Const(); ok && (v >= n || v < -n) {
				c.fault("index %d is not one of axis %d, which is %d", v, axis, n)
				return
			}
		}
	}
	c.setInts(0, out, nil)
	if len(data) != 1 || !known {
		return
	}
	if ints := c.input(0).Ints; ints != nil {
		c.setInts(0, out, pick(ints, at, Dim{}))
	}
	if floats := c.input(0).Floats; floats != nil {
		if _, ok := constants(at); ok {
			c.setFloats(0, pick(floats, at, 0))
		}
	}
}

// pick takes elements by their indices; what is not known where an index is not.
func pick[T any](list []T, at []Dim, unknown T) []T {
	out := make([]T, len(at))
	for k, i := range at {
		out[k] = unknown
		if v, ok := i.Const(); ok {
			if v < 0 {
				v += int64(len(list))
			}
			if v >= 0 && v < int64(len(list)) {
				out[k] = list[v]
			}
		}
	}
	return out
}

// gatherElementsRule: the shape of the indices.
func gatherElementsRule(c *call) {
	data, ok1 := c.dims(0)
	indices, ok2 := c.dims(1)
	if ok1 && ok2 && len(data) != len(indices) {
		c.fault("its data has the shape %s and its indices %s, which have to be of one rank", formatDims(data), formatDims(indices))
		return
	}
	switch {
	case ok2:
		c.setDims(0, indices)
		if at, known := c.ints(1); known && len(indices) == 1 && ok1 {
			if ints := c.input(0).Ints; ints != nil {
				c.setInts(0, indices, pick(ints, at, Dim{}))
			}
		}
	case ok1:
		c.setDims(0, c.freshDims(len(data)))
	}
}

// gatherNDRule: the shape of the indices without its last dimension, which is how many axes of the data (behind the batch) each index takes, then the rest of the data.
func gatherNDRule(c *call) {
	data, ok1 := c.dims(0)
	indices, ok2 := c.dims(1)
	if !ok1 || !ok2 {
		return
	}
	batch := c.attrInt("batch_dims", 0)
	if len(indices) == 0 || batch < 0 || batch >= int64(len(indices)) || batch > int64(len(data)) {
		c.fault("its data has the shape %s, its indices %s, and batch_dims is %d", formatDims(data), formatDims(indices), batch)
		return
	}
	depth, ok := indices[len(indices)-1].Const()
	if !ok {
		return
	}
	if depth < 0 || batch+depth > int64(len(data)) {
		c.fault("its indices have %d numbers each, for data of the shape %s", depth, formatDims(data))
		return
	}
	out := slices.Concat(indices[:len(indices)-1], data[batch+depth:])
	for i := range batch {
		out[i] = c.unify(out[i], data[i], "a batch dimension of its data and of its indices")
	}
	c.setDims(0, out)
	at, known := c.ints(1)
	if ints := c.input(0).Ints; ints != nil && known && len(data) == 1 && depth == 1 {
		c.setInts(0, out, pick(ints, at, Dim{}))
	}
}

// scatterElementsRule: the data, with some elements replaced.
func scatterElementsRule(c *call) {
	c.same(0, 0)
	data, ok := c.dims(0)
	if r := c.rank(1); ok && r >= 0 && r != len(data) {
		c.fault("its data has the rank %d and its indices %d", len(data), r)
		return
	}
	at, ok1 := c.constInts(1)
	updates, ok2 := c.ints(2)
	if !ok || len(data) != 1 || !ok1 || !ok2 || len(updates) != len(at) || c.attrStr("reduction", "none") != "none" {
		return
	}
	ints := slices.Clone(c.input(0).Ints)
	if ints == nil {
		return
	}
	for k, i := range at {
		if i < 0 {
			i += int64(len(ints))
		}
		if i < 0 || i >= int64(len(ints)) {
			c.fault("index %d is not one of a tensor of %d elements", at[k], len(ints))
			return
		}
		ints[i] = updates[k]
	}
	c.setInts(0, data, ints)
}

// oneHotRule: the shape of the indices with an axis of depth put in.
func oneHotRule(c *call) {
	indices, ok := c.dims(0)
	if !ok {
		return
	}
	axis, ok := c.axis(c.attrInt("axis", -1), len(indices)+1)
	if !ok {
		return
	}
	depth, _ := c.scalar(1)
	if depth.AtMost(0) {
		c.fault("its depth is %s", formatDim(depth))
		return
	}
	c.setDims(0, slices.Insert(slices.Clone(indices), axis, depth))
}

// nonZeroRule: a column for each element that is not 0, with its index along every axis; a scalar counts as one of rank 1.
func nonZeroRule(c *call) {
	dims, ok := c.dims(0)
	rank := Dim{}
	if ok {
		rank = Number(int64(max(len(dims), 1)))
	}
	ints, known := c.constInts(0)
	shape, sized := constants(dims)
	if !known || !ok || !sized {
		c.setDims(0, []Dim{rank, {}})
		return
	}
	if len(shape) == 0 {
		shape = []int64{1}
	}
	rows := make([][]Dim, len(shape))
	count := 0
	for i, v := range ints {
		if v == 0 {
			continue
		}
		count++
		rest := int64(i)
		for k := len(shape) - 1; k >= 0; k-- {
			rows[k] = append(rows[k], Number(rest%shape[k]))
			rest /= shape[k]
		}
	}
	c.setInts(0, []Dim{rank, Number(int64(count))}, slices.Concat(rows...))
}

// uniqueRule: as many as differ, which the data tells.
func uniqueRule(c *call) {
	n := c.fresh()
	dims, ok := c.dims(0)
	if c.attr("axis") == nil {
		c.setDims(0, []Dim{n})
	} else if ok {
		axis, found := c.axis(c.attrInt("axis", 0), len(dims))
		if !found {
			return
		}
		out := slices.Clone(dims)
		out[axis] = n
		c.setDims(0, out)
	}
	inverse := Dim{}
	if ok {
		inverse = product(dims)
		if a := c.attrInt("axis", 0); c.attr("axis") != nil {
			if a < 0 {
				a += int64(len(dims))
			}
			inverse = dims[a]
		}
	}
	c.setDims(1, []Dim{n})
	c.setDims(2, []Dim{inverse})
	c.setDims(3, []Dim{n})
}

// compressRule: the slices along an axis (or the elements, where there is none) for which the condition is true.
func compressRule(c *call) {
	n := Dim{}
	if cond, ok := c.constInts(1); ok {
		sum := int64(0)
		for _, v := range cond {
			if v != 0 {
				sum++
			}
		}
		n = expr.Int(sum)
	}
	if c.attr("axis") == nil {
		c.setDims(0, []Dim{n})
		return
	}
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	axis, ok := c.axis(c.attrInt("axis", 0), len(dims))
	if !ok {
		return
	}
	out := slices.Clone(dims)
	out[axis] = n
	c.setDims(0, out)
}
