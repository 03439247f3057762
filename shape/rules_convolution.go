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

// window is how convolutions and pools go over the spatial axes: one entry of each list for every axis.
type window struct {
	kernel             []Dim
	strides, dilations []int64
	begin, end         []int64 // paddings
	autoPad            string  // SAME (of either side), VALID, or "" where the paddings are given
	padded             bool    // whether a padding is given that is not 0
	ceil               bool
}

// perAxis reads an attribute that has per numbers for each of n axes, none of them below least: all def where it is left out or empty. It is false, after a
// fault, where it is otherwise.
func perAxis(c *call, name string, n, per int, def, least int64) ([]int64, bool) {
	list, _ := c.attrInts(name)
	if len(list) == 0 {
		list = make([]int64, n*per)
		for i := range list {
			list[i] = def
		}
		return list, true
	}
	if len(list) != n*per {
		c.fault("the attribute %s has %d numbers, where %d spatial axes need %d", name, len(list), n, n*per)
		return nil, false
	}
	for _, v := range list {
		if v < least {
			c.fault("the attribute %s holds %d, and has to be at least %d", name, v, least)
			return nil, false
		}
	}
	return list, true
}

// kernelOf returns the spatial extents of a kernel: the attribute kernel_shape, held against those of the weights, which may be nil where they are not known.
// Of an attribute that is left out and of weights that are not known, all n are unknown.
func kernelOf(c *call, n int, weights []Dim) ([]Dim, bool) {
	list, _ := c.attrInts("kernel_shape")
	if len(list) == 0 {
		if weights == nil {
			return make([]Dim, n), true
		}
		return weights, true
	}
	if _, ok := perAxis(c, "kernel_shape", n, 1, 1, 1); !ok {
		return nil, false
	}
	kernel := numbers(list)
	if weights != nil {
		for i, k := range weights {
			kernel[i] = c.unify(kernel[i], k, "the kernel_shape and the extent of the weights")
		}
	}
	return kernel, true
}

// windowOf reads the attributes of a convolution or a pool over n spatial axes. It is false, after a fault, where they do not fit.
func windowOf(c *call, n int, weights []Dim) (*window, bool) {
	w := &window{ceil: c.attrInt("ceil_mode", 0) != 0}
	var ok [4]bool
	w.kernel, ok[0] = kernelOf(c, n, weights)
	w.strides, ok[1] = perAxis(c, "strides", n, 1, 1, 1)
	w.dilations, ok[2] = perAxis(c, "dilations", n, 1, 1, 1)
	pads, last := perAxis(c, "pads", n, 2, 0, 0)
	ok[3] = last
	for _, v := range ok {
		if !v {
			return nil, false
		}
	}
	w.begin, w.end = pads[:n], pads[n:]
	for _, p := range pads {
		w.padded = w.padded || p != 0
	}
	switch pad := c.attrStr("auto_pad", "NOTSET"); pad {
	case "SAME_UPPER", "SAME_LOWER":
		w.autoPad = "SAME"
	case "VALID":
		w.autoPad = pad
	case "NOTSET", "":
	default:
		c.fault("auto_pad is %q, which is none of NOTSET, SAME_UPPER, SAME_LOWER and VALID", pad)
		return nil, false
	}
	return w, true
}

// extent is how far the kernel reaches along an axis.
func (w *window) extent(i int) Dim {
	return w.kernel[i].Sub(Number(1)).Mul(Number(w.dilations[i])).Add(Number(1))
}

// places returns at how many places along an axis of some length the kernel stands.
func (w *window) places(c *call, i int, in Dim) Dim {
	one, stride, extent := Number(1), Number(w.strides[i]), w.extent(i)
	if w.autoPad == "SAME" {
		return in.CeilDiv(stride)
	}
	begin, end := Number(w.begin[i]), Number(w.end[i])
	if w.autoPad == "VALID" {
		begin, end = Number(0), Number(0)
	}
	room := in.Add(begin).Add(end).Sub(extent)
	if room.AtMost(-1) {
		if in.AtLeast(1) {
			c.fault("the kernel reaches over %s, and spatial axis %d with its padding has only %s", formatDim(extent), i, formatDim(room.Add(extent)))
		}
		return Dim{}
	}
	floor := room.FloorDiv(stride).Add(one)
	if !w.ceil {
		return floor
	}
	n := room.CeilDiv(stride).Add(one)
	if w.autoPad == "VALID" {
		// The text of the operator has the same number with and without ceil_mode here, implementations do not.
		if n.Equal(floor) {
			return n
		}
		return Dim{}
	}
	// No window begins in the padding at the end. One of them at most would, where that padding is smaller than the kernel.
	if end.Add(stride).Sub(extent).AtMost(0) {
		return n
	}
	begins := in.Add(begin).Sub(one).FloorDiv(stride).Add(one)
	switch less := n.Sub(begins); {
	case less.AtMost(0):
		return n
	case end.Sub(extent).AtMost(-1):
		return expr.Min(n, begins)
	case less.AtLeast(1): // more than one does, and one is left out
		return n.Sub(one)
	}
	return Dim{}
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
	k, known := c.dims(weights)
	group, ok := groupOf(c, "group")
	if !ok {
		return
	}
	c.unify(dimOf(x, 1), dimOf(k, 1).Mul(group), "the channels of the data and those of the weights times the groups")
	sharesOf(c, dimOf(k, 0), group, "the output channels")
	var extents []Dim
	if known {
		extents = from(k, 2)
	}
	w, ok := windowOf(c, n, extents)
	if !ok {
		return
	}
	out := []Dim{dimOf(x, 0), dimOf(k, 0)}
	for i := range n {
		out = append(out, w.places(c, i, dimOf(x, i+2)))
	}
	c.setDims(0, out)
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
		for _, v := range list {
			if v < 0 {
				c.fault("the attribute output_shape holds %d", v)
				return
			}
		}
		c.setDims(0, append(out, numbers(list)...))
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

func poolRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		list, _ := c.attrInts("kernel_shape")
		if len(list) == 0 || len(list) > 1<<10 {
			return
		}
		x = make([]Dim, len(list)+2)
	}
	if len(x) < 2 {
		c.fault("the data have rank %d, and need a batch and a channel axis", len(x))
		return
	}
	w, ok := windowOf(c, len(x)-2, nil)
	if !ok {
		return
	}
	out := []Dim{x[0], x[1]}
	for i, d := range x[2:] {
		out = append(out, w.places(c, i, d))
	}
	c.setDims(0, out)
	if len(c.out) > 1 && c.out[0] != nil && c.out[0].Ranked {
		c.setDims(1, c.out[0].Dims)
	}
}

func globalPoolRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		return
	}
	if len(x) < 2 {
		c.fault("the data have rank %d, and need a batch and a channel axis", len(x))
		return
	}
	out := []Dim{x[0], x[1]}
	for range x[2:] {
		out = append(out, Number(1))
	}
	c.setDims(0, out)
}

func maxRoiPoolRule(c *call) {
	x, _ := c.dims(0)
	rois, _ := c.dims(1)
	if len(x) > 0 && len(x) < 3 || len(rois) > 0 && len(rois) != 2 {
		c.fault("the data have rank %d and the regions %d: the former need a batch, a channel and spatial axes, the latter rank 2", c.rank(0), c.rank(1))
		return
	}
	list, _ := c.attrInts("pooled_shape")
	if len(list) == 0 {
		return
	}
	n := len(list)
	if len(x) > 0 {
		n = len(x) - 2
	}
	pooled, ok := perAxis(c, "pooled_shape", n, 1, 1, 1)
	if !ok {
		return
	}
	if len(rois) == 2 {
		c.unify(rois[1], Number(5), "the numbers of a region, and 5 (batch, x1, y1, x2, y2),")
	}
	c.setDims(0, append([]Dim{dimOf(rois, 0), dimOf(x, 1)}, numbers(pooled)...))
}

func maxUnpoolRule(c *call) {
	n, ok := spatialRank(c, 0, 1, "the data and the indices")
	if !ok {
		return
	}
	x, known := c.dims(0)
	if c.has(2) {
		if shape, ok := c.ints(2); ok {
			if n >= 0 && len(shape) != n+2 {
				c.fault("output_shape has %d elements, where the data have rank %d", len(shape), n+2)
				return
			}
			c.setDims(0, shape)
		} else if n >= 0 {
			c.setDims(0, make([]Dim, n+2))
		}
		return
	}
	if n < 0 {
		return
	}
	if !known {
		x, _ = c.dims(1)
	}
	w, ok := windowOf(c, n, nil)
	if !ok {
		return
	}
	out := []Dim{x[0], x[1]}
	for i, d := range x[2:] {
		d = d.Sub(Number(1)).Mul(Number(w.strides[i])).Add(w.kernel[i]).Sub(Number(w.begin[i])).Sub(Number(w.end[i]))
		if d.AtMost(-1) {
			c.fault("spatial axis %d of the output would have %s elements", i, formatDim(d))
			d = Dim{}
		}
		out = append(out, d)
	}
	c.setDims(0, out)
}

// col2ImRule: the columns hold, for every place of the block in the image, all elements of the block in all channels.
func col2ImRule(c *call) {
	x, _ := c.dims(0)
	if len(x) > 0 && len(x) != 3 {
		c.fault("the columns have rank %d, and need 3", len(x))
		return
	}
	n := -1
	for i := 1; i <= 2; i++ {
		d, ok := c.dims(i)
		if !ok || len(d) != 1 {
			continue
		}
		if m, ok := d[0].Const(); ok && m >= 0 && m <= maxElements {
			if n >= 0 && int(m) != n {
				c.fault("image_shape and block_shape have %d and %d elements, which have to be as many", n, m)
				return
			}
			n = int(m)
		}
	}
	if n < 0 {
		return
	}
	image, ok := c.ints(1)
	if !ok || len(image) != n {
		image = make([]Dim, n)
	}
	block, ok := c.ints(2)
	if !ok || len(block) != n {
		block = make([]Dim, n)
	}
	w, ok := windowOf(c, n, nil)
	if !ok {
		return
	}
	w.kernel, w.autoPad, w.ceil = block, "", false
	places := Number(1)
	for i, d := range image {
		places = places.Mul(w.places(c, i, d))
	}
	size := product(block)
	if len(x) == 3 {
		c.unify(x[2], places, "the columns and the places of the block in the image")
		if rest := x[1].Mod(size); rest.AtLeast(1) && size.AtLeast(1) {
			c.fault("the %s rows of the columns do not divide into blocks of %s", formatDim(x[1]), formatDim(size))
			return
		}
	}
	channels := Dim{}
	if size.AtLeast(1) {
		channels = dimOf(x, 1).FloorDiv(size)
	}
	c.setDims(0, append([]Dim{dimOf(x, 0), channels}, image...))
}
