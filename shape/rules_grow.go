package shape

import "slices"

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
