package shape

import "onnxtool/internal/expr"

func convolutionRules() ruleSet {
	return ruleSet{
		"Conv":                func(c *call) { convRule(c, 0, 1) },
		"ConvInteger":         func(c *call) { convRule(c, 0, 1) },
		"QLinearConv":         func(c *call) { convRule(c, 0, 3) },
		"DeformConv":          deformConvRule,
		"ConvTranspose":       convTransposeRule,
		"CausalConvWithState": causalConvRule,
		"AveragePool":         poolRule,
		"LpPool":              poolRule,
		"MaxPool":             poolRule,
		"GlobalAveragePool":   globalPoolRule,
		"GlobalLpPool":        globalPoolRule,
		"GlobalMaxPool":       globalPoolRule,
		"MaxRoiPool":          maxRoiPoolRule,
		"MaxUnpool":           maxUnpoolRule,
		"Col2Im":              col2ImRule,
	}
}

// spatialRank tells how many spatial axes two tensors have that have to have as many: from the first that is known, -1 where neither is. It is false, after a
// fault, where they do not go together.
func spatialRank(c *call, a, b int, what string) (int, bool) {
	x, y := c.rank(a), c.rank(b)
	if x >= 0 && y >= 0 && x != y {
		c.fault("%s have rank %d and %d, which have to be equal", what, x, y)
		return 0, false
	}
	rank := max(x, y)
	if rank >= 0 && rank < 2 {
		c.fault("%s have rank %d, and need a batch and a channel axis", what, rank)
		return 0, false
	}
	if rank < 0 {
		return -1, true
	}
	return rank - 2, true
}

// dimOf returns one dimension of a shape, unknown where it is nil.
func dimOf(dims []Dim, i int) Dim {
	if i < 0 || i >= len(dims) {
		return Dim{}
	}
	return dims[i]
}

// from returns the dimensions after the first n; nil where there are none.
func from(dims []Dim, n int) []Dim {
	if len(dims) < n {
		return nil
	}
	return dims[n:]
}

// areLengths faults where one of some dimensions that a model gives is negative; it is false then.
func areLengths(c *call, dims []Dim, what string) bool {
	for _, d := range dims {
		if d.AtMost(-1) {
			c.fault("%s: %s is no length", what, formatDim(d))
			return false
		}
	}
	return true
}

// groupOf reads the attribute group; false, after a fault, where it is not positive.
func groupOf(c *call, name string) (Dim, bool) {
	g := c.attrInt(name, 1)
	if g < 1 {
		c.fault("the attribute %s is %d, and has to be at least 1", name, g)
		return Dim{}, false
	}
	return Number(g), true
}

// sharesOf faults where a number of channels does not divide into groups.
func sharesOf(c *call, channels, group Dim, what string) {
	if rest := channels.Mod(group); rest.AtLeast(1) {
		c.fault("%s, %s, do not divide into %s groups", what, formatDim(channels), formatDim(group))
	}
}

// convRule is that of convolutions whose data and weights are these inputs.
func convRule(c *call, data, weights int) {
	n, ok := spatialRank(c, data, weights, "the data and the weights")
	if !ok || n < 0 {
		return
	}
	x, _ := c.dims(data)
	if out, ok := convolved(c, n, x, weights); ok {
		c.setDims(0, out)
	}
}

// convolved returns the shape of a convolution over n spatial axes of data of a shape, which may be nil; false, after a fault, where there is none.
func convolved(c *call, n int, x []Dim, weights int) ([]Dim, bool) {
	k, known := c.dims(weights)
	group, ok := groupOf(c, "group")
	if !ok {
		return nil, false
	}
	c.unify(dimOf(x, 1), dimOf(k, 1).Mul(group), "the channels of the data and those of the weights times the groups")
	sharesOf(c, dimOf(k, 0), group, "the output channels")
	var extents []Dim
	if known {
		extents = from(k, 2)
	}
	w, ok := windowOf(c, n, extents)
	if !ok {
		return nil, false
	}
	out := []Dim{dimOf(x, 0), dimOf(k, 0)}
	for i := range n {
		out = append(out, w.places(c, i, dimOf(x, i+2)))
	}
	return out, true
}

// deformConvRule: the offsets have one entry for every place of the kernel, so that their spatial shape is that of the output.
func deformConvRule(c *call) {
	convRule(c, 0, 1)
	if len(c.out) == 0 || c.out[0] == nil || !c.out[0].Ranked {
		return
	}
	out := append([]Dim(nil), c.out[0].Dims...)
	offset, ok := c.dims(2)
	if !ok {
		return
	}
	if len(offset) != len(out) {
		c.fault("the data and the offsets have rank %d and %d, which have to be equal", len(out), len(offset))
		return
	}
	out[0] = c.unify(out[0], offset[0], "the batches of the data and of the offsets")
	for i := 2; i < len(out); i++ {
		out[i] = c.unify(out[i], offset[i], "the spatial dimensions of the output and of the offsets")
	}
	c.setDims(0, out)
}

func convTransposeRule(c *call) {
	n, ok := spatialRank(c, 0, 1, "the data and the weights")
	if !ok || n < 0 {
		return
	}
	x, _ := c.dims(0)
	k, known := c.dims(1)
	group, ok := groupOf(c, "group")
	if !ok {
		return
	}
	c.unify(dimOf(x, 1), dimOf(k, 0), "the channels of the data and those of the weights")
	sharesOf(c, dimOf(x, 1), group, "the channels of the data")
	var extents []Dim
	if known {
		extents = from(k, 2)
	}
	w, ok := windowOf(c, n, extents)
	if !ok {
		return
	}
	more, ok := perAxis(c, "output_padding", n, 1, 0, 0)
	if !ok {
		return
	}
	out := []Dim{dimOf(x, 0), dimOf(k, 1).Mul(group)}
	if list, _ := c.attrInts("output_shape"); len(list) > 0 {
		if len(list) == n+2 { // as some write it, with batch and channels
			list = list[2:]
		}
		if len(list) != n {
			c.fault("the attribute output_shape has %d numbers, where there are %d spatial axes", len(list), n)
			return
		}
		if areLengths(c, numbers(list), "output_shape") {
			c.setDims(0, append(out, numbers(list)...))
		}
		return
	}
	for i := range n {
		stride, extent := Number(w.strides[i]), w.extent(i).Add(Number(more[i]))
		d := dimOf(x, i+2)
		full := d.Sub(Number(1)).Mul(stride).Add(extent)
		switch {
		case w.autoPad == "SAME":
			// What is more than stride times the input is padded away; what is less stays.
			d = expr.Min(full, d.Mul(stride))
		case w.autoPad == "VALID" && w.padded: // cannot both be, and is not told apart
			d = Dim{}
		default:
			d = full.Sub(Number(w.begin[i])).Sub(Number(w.end[i]))
		}
		if d.AtMost(-1) {
			c.fault("spatial axis %d of the output would have %s elements", i, formatDim(d))
			d = Dim{}
		}
		out = append(out, d)
	}
	c.setDims(0, out)
}

// causalConvRule: the state that is handed on are the last positions that the kernel needs again.
func causalConvRule(c *call) {
	x, _ := c.dims(0)
	k, weights := c.dims(1)
	past, has := c.dims(3)
	for i, what := range []string{"the input", "the weights", "", "the past state"} {
		if r := c.rank(i); what != "" && r >= 0 && r != 3 {
			c.fault("%s has rank %d, and needs 3", what, r)
			return
		}
	}
	channels := dimOf(x, 1)
	if weights {
		channels = c.unify(channels, k[0], "the channels of the input and of the weights")
		if k[2].AtMost(0) {
			c.fault("the kernel is %s long", formatDim(k[2]))
			return
		}
	}
	state := []Dim{dimOf(x, 0), channels, dimOf(k, 2).Sub(Number(1))}
	if has {
		for i, what := range []string{"the batches", "the channels", "the lengths"} {
			state[i] = c.unify(state[i], past[i], what+" of the state before and after")
		}
	}
	c.setDims(0, []Dim{state[0], state[1], dimOf(x, 2)})
	c.setDims(1, state)
}
