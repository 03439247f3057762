package shape

import (
	"slices"

	"onnxtool/internal/expr"
)

// concatRule: the sum along the axis; the other dimensions are equal.
func concatRule(c *call) {
	def := int64(1) // version 1 had a default
	if c.since() >= 4 && c.attr("axis") == nil {
		return
	}
	rank := -1
	for i := range c.in {
		if r := c.rank(i); r >= 0 {
			if rank >= 0 && r != rank {
				c.fault("its inputs have the ranks %d and %d", rank, r)
				return
			}
			rank = r
		}
	}
	if rank < 0 || len(c.in) == 0 {
		return
	}
	axis, ok := c.axis(c.attrInt("axis", def), rank)
	if !ok {
		return
	}
	out := make([]Dim, rank)
	sum := expr.Int(0)
	elements, followed := []Dim{}, rank == 1
	for i := range c.in {
		dims, ok := c.dims(i)
		if !ok {
			sum, followed = Dim{}, false
			continue
		}
		sum = sum.Add(dims[axis])
		for k, d := range dims {
			if k != axis {
				out[k] = c.unify(out[k], d, "two dimensions of its inputs along axis "+Number(int64(k)).String())
			}
		}
		list, ok := c.ints(i)
		if !ok {
			// How many there are may be known all the same, which keeps the places of the others.
			n, isNumber := dims[axis].Const()
			if !isNumber || n < 0 || n > maxElements {
				followed = false
			} else if followed {
				elements = append(elements, make([]Dim, n)...)
			}
			continue
		}
		elements = append(elements, list...)
		followed = followed && len(elements) <= maxElements
	}
	out[axis] = sum
	if !followed || !slices.ContainsFunc(elements, Dim.Known) && len(elements) > 0 {
		elements = nil
	}
	c.setInts(0, out, elements)
	if floats, ok := concatFloats(c); ok && followed {
		c.setFloats(0, floats)
	}
}

func concatFloats(c *call) ([]float64, bool) {
	var all []float64
	for i := range c.in {
		f, ok := c.floats(i)
		if !ok {
			return nil, false
		}
		all = append(all, f...)
	}
	return all, true
}

// splitRule: parts along an axis, of the lengths given or all of one length; since version 18 the last may be shorter.
func splitRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	axis, ok := c.axis(c.attrInt("axis", 0), len(dims))
	if !ok {
		return
	}
	parts := len(c.out)
	lengths := make([]Dim, parts)
	var given []Dim
	listed, followed := false, false
	if c.since() < 13 {
		if list, ok := c.attrInts("split"); ok {
			given, listed, followed = numbers(list), true, true
		}
		if c.since() < 2 && c.has(1) {
			given, followed = c.ints(1)
			listed = true
		}
	} else if c.has(1) {
		given, followed = c.ints(1)
		listed = true
	}
	switch {
	case listed && followed:
		if len(given) != parts {
			c.fault("it has %d outputs, and lengths for %d: %s", parts, len(given), formatDims(given))
			return
		}
		sum := expr.Int(0)
		for i, d := range given {
			lengths[i] = d
			sum = sum.Add(d)
		}
		c.met(sum, dims[axis])
		if d := sum.Sub(dims[axis]); d.AtLeast(1) || d.AtMost(-1) {
			c.fault("the lengths %s do not sum up to the dimension %s of axis %d", formatDims(given), formatDim(dims[axis]), axis)
			return
		}
		if k := soleUnknown(lengths); k >= 0 {
			rest := dims[axis]
			for i, d := range lengths {
				if i != k {
					rest = rest.Sub(d)
				}
			}
			lengths[k] = rest
		}
	case listed:
		if parts == 1 {
			lengths[0] = dims[axis]
		}
	case parts > 0:
		n := c.attrInt("num_outputs", int64(parts))
		if n != int64(parts) {
			c.fault("it has %d outputs, and num_outputs is %d", parts, n)
			return
		}
		each := dims[axis].CeilDiv(Number(n))
		if c.since() < 18 {
			// The parts are equal, so that the dimension is a multiple of their number.
			each = dims[axis].FloorDiv(Number(n))
			if d, ok := dims[axis].Const(); ok && d%n != 0 {
				c.fault("the dimension %d of axis %d is not a multiple of its %d outputs", d, axis, n)
				return
			}
		}
		last := dims[axis].Sub(each.Mul(Number(n - 1)))
		if c.since() < 18 {
			last = each
		}
		for i := range lengths {
			lengths[i] = each
		}
		if last.AtLeast(0) || n == 1 {
			lengths[parts-1] = last
		} else if _, ok := last.Const(); !ok {
			lengths[parts-1] = Dim{}
		}
	}
	at := int64(0)
	for i, n := range lengths {
		out := slices.Clone(dims)
		out[axis] = n
		var ints []Dim
		if all := c.input(0).Ints; all != nil && len(dims) == 1 && at >= 0 {
			if k, ok := n.Const(); ok && k >= 0 && at+k <= int64(len(all)) {
				ints = all[at : at+k : at+k]
				at += k
			} else {
				at = -1
			}
		}
		c.setInts(i, out, ints)
	}
}
