package shape

import "onnxtool/onnxpb"

func normalizationRules() ruleSet {
	return ruleSet{
		"BatchNormalization":        batchNormalizationRule,
		"InstanceNormalization":     instanceNormalizationRule,
		"GroupNormalization":        groupNormalizationRule,
		"LayerNormalization":        layerNormalizationRule,
		"RMSNormalization":          rmsNormalizationRule,
		"LRN":                       lrnRule,
		"MeanVarianceNormalization": meanVarianceRule,
	}
}

// channels returns the channels of the first input, which stand second, and which inputs from..to-1 have to have as their only axis. An input of one axis has one
// channel.
func (c *call) channels(from, to int) Dim {
	var n Dim
	if dims, ok := c.dims(0); ok {
		switch len(dims) {
		case 0:
			c.fault("the input is a scalar, which has no channels")
			return n
		case 1:
			n = Number(1)
		default:
			n = dims[1]
		}
	}
	for i := from; i < to; i++ {
		d, ok := c.dims(i)
		switch {
		case !ok:
		case len(d) != 1:
			c.fault("input %d has the shape %s, and has to have one axis, for the channels", i, formatDims(d))
		default:
			had := n
			if n = c.unify(n, d[0], "the channels of the inputs"); provenUnequal(had, d[0]) {
				return n // told once
			}
		}
	}
	return n
}

// batchNormalizationRule keeps the shape; the other outputs have a number for each channel. Before version 9 there could be one for each element of a sample.
func batchNormalizationRule(c *call) {
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
	}
	if s := c.since(); s != 0 && s < 9 && c.attrInt("spatial", 1) == 0 {
		for i := 1; i < len(c.out); i++ {
			if dims, ok := c.dims(3); ok {
				c.setDims(i, dims)
			}
		}
		return
	}
	n := c.channels(1, 5)
	if !n.Known() {
		n = c.fresh()
	}
	for i := 1; i < len(c.out); i++ {
		c.setDims(i, []Dim{n})
	}
}

// instanceNormalizationRule keeps the shape.
func instanceNormalizationRule(c *call) {
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
		if len(dims) < 2 {
			c.fault("the input has the shape %s, and has to have two axes at least", formatDims(dims))
			return
		}
	}
	c.channels(1, 3)
}

// groupNormalizationRule keeps the shape. Scale and bias are for each group in version 18, and then for each channel.
func groupNormalizationRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	if len(dims) < 2 {
		c.fault("the input has the shape %s, and has to have two axes at least", formatDims(dims))
		return
	}
	groups := c.attrInt("num_groups", 0)
	channels, number := dims[1].Const()
	switch {
	case c.attr("num_groups") != nil && groups < 1:
		c.fault("num_groups is %d, and has to be at least 1", groups)
		return
	case groups > 0 && number && channels%groups != 0:
		c.fault("there are %d channels, which make no %d groups of one size", channels, groups)
		return
	}
	if c.since() != 18 {
		c.channels(1, 3)
		return
	}
	for i := 1; i <= 2; i++ {
		if d, ok := c.dims(i); ok && len(d) == 1 && groups > 0 {
			c.unify(d[0], Number(groups), "the elements of an input and the groups")
		}
	}
}

// layerNormalizationRule keeps the shape; mean and deviation have 1 from the axis on.
func layerNormalizationRule(c *call) {
	if stash, ok := c.attrElem("stash_type", onnxpb.TensorProto_FLOAT); ok {
		c.setElem(1, stash)
		c.setElem(2, stash)
	}
	dims, axis, ok := c.normalized()
	if !ok {
		return
	}
	for i := 1; i <= 2; i++ {
		if d, ok := c.dims(i); ok {
			c.stretches(d, dims)
		}
	}
	out := append([]Dim(nil), dims...)
	for i := axis; i < len(out); i++ {
		out[i] = Number(1)
	}
	c.setDims(1, out)
	c.setDims(2, out)
}

// rmsNormalizationRule keeps the shape.
func rmsNormalizationRule(c *call) {
	if dims, _, ok := c.normalized(); ok {
		if scale, ok := c.dims(1); ok {
			c.stretches(scale, dims)
		}
	}
}

// normalized gives the first output the shape of the input, and returns it with the axis from which on it is normalized.
func (c *call) normalized() ([]Dim, int, bool) {
	dims, ok := c.dims(0)
	if !ok {
		return nil, 0, false
	}
	c.setDims(0, dims)
	axis, ok := c.axis(c.attrInt("axis", -1), len(dims))
	return dims, axis, ok
}

// lrnRule keeps the shape.
func lrnRule(c *call) {
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
		if len(dims) < 2 {
			c.fault("the input has the shape %s, and has to have two axes at least", formatDims(dims))
		}
	}
}

// meanVarianceRule keeps the shape.
func meanVarianceRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	axes, ok := c.attrInts("axes")
	if !ok {
		axes = []int64{0, 2, 3}
	}
	c.axes(axes, len(dims))
}
