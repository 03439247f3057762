package shape

import (
	"math"
	"slices"

	"onnxtool/internal/expr"
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
		"ReverseSequence": func(c *call) { c.same(0, 0) },
	}
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

// keepElements sets output 0 to a shape, with the elements of input 0 in the order that they have.
func keepElements(c *call, dims []Dim) {
	c.setDims(0, dims)
	v := c.input(0)
	if v == nil || v.Ints == nil && v.Floats == nil || c.out[0] == nil {
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
		case w.Known() && w.AtLeast(0) && allowZero:
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

// maxRank is more than any tensor has.
const maxRank = 64

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

// expandRule: the input broadcast to a shape, in both directions.
func expandRule(c *call) {
	want, ok := c.ints(1)
	dims, ranked := c.dims(0)
	if !ok {
		if d, known := c.dims(1); known && len(d) == 1 && ranked {
			if n, ok := d[0].Const(); ok && n >= 0 && n <= maxRank {
				rank := max(int(n), len(dims))
				out := c.freshDims(rank)
				for i, x := range dims {
					at := rank - len(dims) + i
					if x.AtLeast(2) || at < rank-int(n) { // only a 1 grows, and only where the shape reaches
						out[at] = x
					}
				}
				c.setDims(0, out)
			}
		}
		return
	}
	if !ranked {
		return
	}
	for _, w := range want {
		if w.AtMost(-1) {
			c.fault("its shape has a negative dimension: %s", formatDims(want))
			return
		}
	}
	out, ok := broadcast(c, dims, want)
	if !ok {
		return
	}
	c.setInts(0, out, broadcastElements(c.input(0).Ints, dims, out))
	if f, ok := c.floats(0); ok && len(f) == 1 {
		if n, ok := product(out).Const(); ok && n >= 0 && n <= maxElements {
			c.setFloats(0, slices.Repeat(f, int(n)))
		}
	}
}

// broadcastElements returns elements of a shape as they stand in a larger shape that it is broadcast to; nil where that is not known.
func broadcastElements(ints []Dim, from, to []Dim) []Dim {
	if ints == nil {
		return nil
	}
	src, ok1 := constants(from)
	dst, ok2 := constants(to)
	n, ok3 := product(to).Const()
	if !ok1 || !ok2 || !ok3 || n < 0 || n > maxElements || len(src) > len(dst) {
		return nil
	}
	out := make([]Dim, n)
	for i := range out {
		rest, at, stride := int64(i), int64(0), int64(1)
		for k := len(dst) - 1; k >= 0; k-- {
			x := rest % dst[k]
			rest /= dst[k]
			if s := k - (len(dst) - len(src)); s >= 0 {
				if src[s] != 1 {
					at += x * stride
				}
				stride *= src[s]
			}
		}
		if at >= int64(len(ints)) {
			return nil
		}
		out[i] = ints[at]
	}
	return out
}

// tileRule: each dimension times its number of repeats.
func tileRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if c.since() < 6 { // tiles and axis, one axis at a time
		tiles, ok1 := c.scalar(1)
		axis, ok2 := c.constInts(2)
		out := c.freshDims(len(dims))
		if ok1 && ok2 && len(axis) == 1 {
			if a, ok := c.axis(axis[0], len(dims)); ok {
				copy(out, dims)
				out[a] = dims[a].Mul(tiles)
			}
		}
		c.setDims(0, out)
		return
	}
	repeats, ok := c.ints(1)
	if !ok {
		c.setDims(0, c.freshDims(len(dims)))
		return
	}
	if len(repeats) != len(dims) {
		c.fault("its repeats are %d, for an input of shape %s", len(repeats), formatDims(dims))
		return
	}
	out := make([]Dim, len(dims))
	for i, d := range dims {
		if repeats[i].AtMost(-1) {
			c.fault("its repeats are %s", formatDims(repeats))
			return
		}
		out[i] = d.Mul(repeats[i])
	}
	var ints []Dim
	if all := c.input(0).Ints; all != nil && len(dims) == 1 {
		if n, ok := repeats[0].Const(); ok && n >= 0 && n*int64(len(all)) <= maxElements && n <= maxElements {
			ints = slices.Repeat(all, int(n))
		}
	}
	c.setInts(0, out, ints)
}

// padRule: each dimension with what is put before and behind it.
func padRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	rank := len(dims)
	pads, followed := []Dim(nil), false
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	if c.since() < 11 {
		name := "pads"
		if c.since() < 2 {
			name = "paddings"
		}
		if list, ok := c.attrInts(name); ok {
			pads, followed = numbers(list), true
		}
	} else {
		pads, followed = c.ints(1)
		if c.has(3) {
			list, ok := c.constInts(3)
			if !ok {
				c.setDims(0, c.freshDims(rank))
				return
			}
			if axes, ok = c.axes(list, rank); !ok {
				return
			}
		}
	}
	if !followed {
		out := c.freshDims(rank)
		for i, d := range dims {
			if !slices.Contains(axes, i) {
				out[i] = d
			}
		}
		c.setDims(0, out)
		return
	}
	if len(pads) != 2*len(axes) {
		c.fault("its pads are %d, for %d axes", len(pads), len(axes))
		return
	}
	out := slices.Clone(dims)
	for k, a := range axes {
		out[a] = dims[a].Add(pads[k]).Add(pads[k+len(axes)])
		if out[a].AtMost(-1) {
			c.fault("the pads %s leave less than nothing of a tensor of shape %s", formatDims(pads), formatDims(dims))
			return
		}
	}
	c.setDims(0, out)
}
