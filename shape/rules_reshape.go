package shape

import (
	"slices"

	"onnxtool/internal/expr"
)

// keepElements sets output 0 to a shape, with the elements of input 0 in the order that they have.
func keepElements(c *call, dims []Dim) {
	c.setDims(0, dims)
	v := c.input(0)
	if v == nil || v.Ints == nil && v.Floats == nil || len(c.out) == 0 || c.out[0] == nil {
		return
	}
	x := *c.out[0]
	x.Ints, x.Floats = v.Ints, v.Floats
	c.out[0] = &x
}

// reshapeRule solves the -1 symbolically: it is the number of elements of the input by the product of the other dimensions.
func reshapeRule(c *call) {
	if len(c.out) == 0 {
		return
	}
	if d, ok := c.dims(1); ok && len(d) != 1 {
		c.fault("its shape is %s: it has one axis", c.in[1])
		return
	}
	var want []Dim
	if list, ok := c.attrInts("shape"); ok && c.since() < 5 {
		want = numbers(list)
	} else if want, ok = c.ints(1); !ok {
		if d, ok := c.dims(1); ok && len(d) == 1 {
			if rank, ok := d[0].Const(); ok && rank >= 0 && rank <= maxRank {
				c.setDims(0, c.freshDims(int(rank)))
			}
		}
		return
	}
	allowZero := c.attrInt("allowzero", 0) != 0
	in, ranked := c.dims(0)
	out := make([]Dim, len(want))
	rest := -1
	open := false // a wanted dimension that is not known: it may be the -1
	for i, w := range want {
		n, isNumber := w.Const()
		switch {
		case isNumber && n == -1:
			if rest >= 0 {
				c.fault("its shape has two dimensions that are -1: %s", formatDims(want))
				return
			}
			rest = i
		case isNumber && n == 0 && !allowZero:
			switch {
			case !ranked:
			case i >= len(in):
				c.fault("dimension %d of its shape %s is 0, to be taken from an input of rank %d", i, formatDims(want), len(in))
				return
			default:
				out[i] = in[i]
			}
		case isNumber && n < -1:
			c.fault("its shape has a negative dimension: %s", formatDims(want))
			return
		case w.AtLeast(1) || isNumber:
			out[i] = w
		case w.AtLeast(0) && (allowZero || !isHidden(w)):
			// An expression such as floor(H/2) is 0 for no size that the network is any good at.
			out[i] = w
		case w.Known() && ranked && i < len(in) && w.Equal(in[i]):
			out[i] = w // a 0 there means the same
		default:
			open = true
		}
	}
	if !ranked {
		c.setDims(0, out)
		return
	}
	total := product(in)
	others := expr.Int(1)
	for i, d := range out {
		if i != rest {
			others = others.Mul(d)
		}
	}
	if rest >= 0 {
		out[rest] = solveRest(in, out, rest, total, others)
		if n, ok := others.Const(); ok && n != 0 {
			if t, ok := total.Const(); ok && t%n != 0 {
				c.fault("an input of shape %s, %d elements, does not fit the shape %s", formatDims(in), t, formatDims(want))
				return
			}
		}
	} else if d := total.Sub(others); d.Known() && (d.AtLeast(1) || d.AtMost(-1)) {
		c.fault("an input of shape %s does not fit the shape %s", formatDims(in), formatDims(want))
		return
	} else if single := soleUnknown(out); open && single >= 0 {
		// One dimension that is not known is what is left, whether it is -1 or the number itself.
		out[single] = solveRest(in, out, single, total, expr.Int(1))
	}
	keepElements(c, out)
}

// soleUnknown returns the only dimension that is not known; -1 where there are none or several.
func soleUnknown(dims []Dim) int {
	at := -1
	for i, d := range dims {
		if !d.Known() {
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// solveRest returns the dimension of a reshaped tensor that is left for the number of elements: total by the product of the others. Dimensions that stand on both sides
// cancel first, those of which nobody knows the name too.
func solveRest(in, out []Dim, rest int, total, others Dim) Dim {
	from, to := slices.Clone(in), make([]Dim, 0, len(out))
	for i, d := range out {
		if i == rest {
			continue
		}
		if k := slices.IndexFunc(from, d.Equal); k >= 0 && !isConst(d, 0) {
			from = slices.Delete(from, k, k+1)
			continue
		}
		to = append(to, d)
	}
	num, den := product(from), product(to)
	if isConst(den, 0) {
		return Dim{} // any would do, and ONNX says that it is an error
	}
	if q, ok := num.DivExact(den); ok {
		return q
	}
	if q, ok := total.DivExact(others); ok && others.AtLeast(1) {
		return q
	}
	return num.FloorDiv(den)
}

// flattenRule: two dimensions, of the axes before axis and of the others.
func flattenRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		c.setDims(0, c.freshDims(2))
		return
	}
	axis := c.attrInt("axis", 1)
	if axis < 0 {
		axis += int64(len(dims))
	}
	if axis < 0 || axis > int64(len(dims)) {
		c.fault("axis %d is not one of a tensor of rank %d", c.attrInt("axis", 1), len(dims))
		return
	}
	keepElements(c, []Dim{product(dims[:axis]), product(dims[axis:])})
}
