package shape

import (
	"math"
	"slices"

	"onnxtool/internal/expr"
)

// sliceRule: along some axes the elements from start to end, in steps. Starts and ends below 0 count from the end, and what lies outside is cut off.
func sliceRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	starts, ends, axes, steps, ok := sliceArguments(c, len(dims))
	if !ok {
		return
	}
	out := slices.Clone(dims)
	shape, sized := constants(dims)
	var ints []Dim
	var floats []float64
	if sized {
		ints, floats = c.input(0).Ints, c.input(0).Floats
	}
	for i, a := range axes {
		d, start, end, step := dims[a], starts[i], ends[i], steps[i]
		out[a] = sliceLength(d, start, end, step)
		ints, floats = sliceAlong(ints, shape, a, start, end, step), sliceAlong(floats, shape, a, start, end, step)
		if n, ok := out[a].Const(); ok && sized {
			shape[a] = n
		} else {
			ints, floats = nil, nil
		}
		if n, ok := step.Const(); ok && n == 0 {
			c.fault("the step of axis %d is 0", a)
			return
		}
	}
	c.setInts(0, out, ints)
	if floats != nil {
		c.setFloats(0, floats)
	}
}

// sliceArguments reads starts, ends, axes and steps: attributes before version 10, inputs since. Where they cannot be told the output is set as far as it can be, and
// ok is false.
func sliceArguments(c *call, rank int) (starts, ends []Dim, axes []int, steps []Dim, ok bool) {
	var list []int64
	axesGiven, axesKnown := false, true
	if c.since() < 10 {
		s, _ := c.attrInts("starts")
		e, _ := c.attrInts("ends")
		starts, ends = numbers(s), numbers(e)
		list, axesGiven = c.attrInts("axes")
	} else {
		starts, ends = sliceInput(c, 1), sliceInput(c, 2)
		if c.has(3) {
			axesGiven = true
			list, axesKnown = c.constInts(3)
		}
		if c.has(4) {
			steps = sliceInput(c, 4)
			if steps == nil {
				steps = make([]Dim, max(len(starts), len(ends), len(list)))
			}
		}
	}
	n := max(len(starts), len(ends))
	if !axesGiven && n == 0 && c.since() >= 10 {
		c.setDims(0, c.freshDims(rank)) // any axis may be cut
		return nil, nil, nil, nil, false
	}
	if !axesKnown {
		c.setDims(0, c.freshDims(rank))
		return nil, nil, nil, nil, false
	}
	if !axesGiven {
		list = make([]int64, n)
		for i := range list {
			list[i] = int64(i)
		}
	}
	axes, ok = c.axes(list, rank)
	if !ok {
		return nil, nil, nil, nil, false
	}
	fill := func(v []Dim, def Dim) []Dim {
		if v == nil {
			v = slices.Repeat([]Dim{def}, len(axes))
		}
		return v
	}
	starts, ends = fill(starts, Dim{}), fill(ends, Dim{})
	steps = fill(steps, Number(1))
	if len(starts) != len(axes) || len(ends) != len(axes) || len(steps) != len(axes) {
		c.fault("it has %d starts, %d ends and %d steps for %d axes", len(starts), len(ends), len(steps), len(axes))
		return nil, nil, nil, nil, false
	}
	return starts, ends, axes, steps, true
}

// sliceInput returns the elements of an input; unknown ones where only their number is known, and nil where not even that is.
func sliceInput(c *call, i int) []Dim {
	if list, ok := c.ints(i); ok {
		return list
	}
	if d, ok := c.dims(i); ok && len(d) == 1 {
		if n, ok := d[0].Const(); ok && n >= 0 && n <= maxRank {
			return make([]Dim, n)
		}
	}
	return nil
}

// sliceLength returns how many elements are taken of a dimension: ceil((end-start)/step), not below 0, after both have been brought into range.
func sliceLength(d, start, end, step Dim) Dim {
	s, ok := step.Const()
	if !ok || s == 0 || s == math.MinInt64 {
		return Dim{}
	}
	lo, hi := expr.Int(0), d
	if s < 0 {
		lo, hi = expr.Int(-1), d.Sub(Number(1))
	}
	// A start of a step forward lies in 0..d, one of a step backward in 0..d-1; an end in 0..d, or -1..d-1.
	startLo := expr.Int(0)
	from := clampIndex(start, d, startLo, hi)
	to := clampIndex(end, d, lo, hi)
	n := to.Sub(from)
	if s < 0 {
		n = from.Sub(to)
		s = -s
	}
	n = n.CeilDiv(Number(s))
	return expr.Max(n, Number(0))
}

// clampIndex counts an index below 0 from the end, and brings it into lo..hi.
func clampIndex(i, d, lo, hi Dim) Dim {
	if n, ok := i.Const(); ok && n <= -math.MaxInt32 {
		return lo // "from the beginning", whatever the dimension
	} else if ok && n >= math.MaxInt32 {
		return hi
	}
	switch {
	case !i.Known():
		return Dim{}
	case i.AtLeast(0):
	case i.AtMost(-1):
		i = i.Add(d)
	default:
		return Dim{} // which of the two it is cannot be told
	}
	return expr.Max(expr.Min(i, hi), lo)
}

// sliceAlong takes the elements of a tensor of a shape that a slice along one axis takes, where its numbers are known; nil otherwise.
func sliceAlong[T any](list []T, shape []int64, axis int, start, end, step Dim) []T {
	if list == nil {
		return nil
	}
	inner := int64(1)
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	block := shape[axis] * inner
	if block == 0 || int64(len(list))%block != 0 {
		return nil
	}
	places := make([]int64, shape[axis])
	for i := range places {
		places[i] = int64(i)
	}
	if places = sliceElements(places, start, end, step); places == nil {
		return nil
	}
	out := make([]T, 0, len(list))
	for at := int64(0); at < int64(len(list)); at += block {
		for _, p := range places {
			out = append(out, list[at+p*inner:at+(p+1)*inner]...)
		}
	}
	return out
}

// sliceElements takes the elements of a list that a slice takes, where its numbers are known; nil otherwise.
func sliceElements[T any](list []T, start, end, step Dim) []T {
	if list == nil {
		return nil
	}
	from, ok1 := start.Const()
	to, ok2 := end.Const()
	s, ok3 := step.Const()
	if !ok1 || !ok2 || !ok3 || s == 0 || s == math.MinInt64 {
		return nil
	}
	d := int64(len(list))
	clamp := func(i, lo, hi int64) int64 {
		if i < 0 {
			i = max(i, -d-1) + d
		}
		return min(max(i, lo), hi)
	}
	out := []T{}
	if s > 0 {
		for i := clamp(from, 0, d); i < clamp(to, 0, d); i += s {
			out = append(out, list[i])
			if s > d {
				break
			}
		}
		return out
	}
	for i := clamp(from, 0, d-1); i > clamp(to, -1, d-1); i += s {
		if i >= d {
			break
		}
		out = append(out, list[i])
		if s < -d {
			break
		}
	}
	return out
}
