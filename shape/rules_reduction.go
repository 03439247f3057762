package shape

import (
	"onnxtool/onnxpb"
)

func reductionRules() ruleSet {
	rules := ruleSet{
		"ArgMax":          argRule,
		"ArgMin":          argRule,
		"CumSum":          cumulativeRule,
		"CumProd":         cumulativeRule,
		"Softmax":         softmaxRule,
		"LogSoftmax":      softmaxRule,
		"Hardmax":         softmaxRule,
		"LpNormalization": lpNormalizationRule,
		"TopK":            topKRule,
	}
	for _, name := range []string{"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceSumSquare"} {
		rules[name] = reduceRule(nil, nil)
	}
	zero, one := Number(0), Number(1)
	rules["ReduceSum"] = reduceRule(addInts, &zero)
	rules["ReduceProd"] = reduceRule(func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return a.Mul(b) }, &one)
	rules["ReduceMax"] = reduceRule(maxInts, nil)
	rules["ReduceMin"] = reduceRule(minInts, nil)
	return rules
}

// reduceRule makes one element of all along some axes: f joins two of them, and of none there is empty, where that is told.
func reduceRule(f func(t onnxpb.TensorProto_DataType, a, b Dim) Dim, empty *Dim) rule {
	return func(c *call) {
		keep := c.attrInt("keepdims", 1) != 0
		dims, ok := c.dims(0)
		if !ok {
			c.reduceUnranked(keep)
			return
		}
		reduced, ok := c.reducedAxes(dims, keep)
		if !ok {
			return
		}
		var out []Dim
		for i, d := range dims {
			switch {
			case !reduced[i]:
				out = append(out, d)
			case keep:
				out = append(out, Number(1))
			}
		}
		c.setDims(0, out)
		if f != nil {
			c.reduceElements(dims, reduced, out, f, empty)
		}
	}
}

// axesGiven returns the axes that a reduction is told, as an input or as an attribute, which may be none; known is false where they depend on data.
func (c *call) axesGiven() (axes []int64, known bool) {
	if len(c.in) > 1 {
		if c.in[1] == nil {
			return nil, true
		}
		if d, ok := c.dims(1); ok && len(d) == 1 && isConst(d[0], 0) {
			return nil, true
		}
		return c.constInts(1)
	}
	axes, _ = c.attrInts("axes")
	return axes, true
}

// reducedAxes tells of each axis whether it is reduced. Where that is not known it sets what the output is all the same, and gives false.
func (c *call) reducedAxes(dims []Dim, keep bool) ([]bool, bool) {
	rank := len(dims)
	list, known := c.axesGiven()
	reduced := make([]bool, rank)
	switch {
	case !known:
		c.reduceUnknownAxes(dims, keep)
		return nil, false
	case len(list) == 0:
		if c.attrInt("noop_with_empty_axes", 0) == 0 {
			for i := range reduced {
				reduced[i] = true
			}
		}
		return reduced, true
	case rank == 0 && len(list) == 1 && (list[0] == 0 || list[0] == -1):
		// A scalar taken for a tensor of one axis, which runtimes do.
		return reduced, true
	}
	axes, ok := c.axes(list, rank)
	if !ok {
		return nil, false
	}
	for _, a := range axes {
		reduced[a] = true
	}
	return reduced, true
}

// reduceUnknownAxes sets the output of a reduction along axes that depend on data.
func (c *call) reduceUnknownAxes(dims []Dim, keep bool) {
	count := -1 // how many axes are reduced
	if d, ok := c.dims(1); ok && len(d) == 1 {
		if n, ok := d[0].Const(); ok && n > 0 {
			if n > int64(len(dims)) {
				c.fault("there are %d axes to reduce, of a tensor of rank %d", n, len(dims))
				return
			}
			count = int(n)
		}
	}
	switch {
	case keep:
		out := make([]Dim, len(dims))
		for i, d := range dims {
			switch {
			case count == len(dims):
				out[i] = Number(1)
			case isConst(d, 1):
				out[i] = d
			}
		}
		c.setDims(0, out)
	case len(dims) == 0:
		c.setDims(0, nil)
	case count >= 0:
		c.setDims(0, c.freshDims(len(dims)-count))
	}
}

// reduceUnranked sets the output of a reduction of a tensor of an unknown rank: a scalar where all axes go.
func (c *call) reduceUnranked(keep bool) {
	if v := c.input(0); v == nil || v.Kind != Tensor {
		return
	}
	if list, known := c.axesGiven(); !keep && known && len(list) == 0 && c.attrInt("noop_with_empty_axes", 0) == 0 {
		c.setDims(0, nil)
	}
}

// reduceElements follows the elements of a small tensor through a reduction.
func (c *call) reduceElements(dims []Dim, reduced []bool, out []Dim, f func(onnxpb.TensorProto_DataType, Dim, Dim) Dim, empty *Dim) {
	t := c.outElem(0)
	list, ok := c.ints(0)
	from, total, small := countElements(dims)
	_, left, fits := countElements(out)
	if !ok || !small || !fits || total != len(list) || t == onnxpb.TensorProto_UNDEFINED {
		return
	}
	result := make([]Dim, left)
	seen := make([]bool, left)
	at := make([]int, total) // which element of the output each one goes into
	inner, stride := 1, 1
	for i := len(from) - 1; i >= 0 && total > 0; i-- {
		n := int(from[i])
		if n > 1 && !reduced[i] {
			for e := range at {
				at[e] += e / inner % n * stride
			}
			stride *= n
		}
		inner *= n
	}
	for e, x := range list {
		if k := at[e]; seen[k] {
			result[k] = fitting(t, f(t, result[k], x))
		} else {
			result[k], seen[k] = x, true
		}
	}
	for k := range result {
		if !seen[k] && empty != nil {
			result[k] = *empty
		}
	}
	c.setWhole(0, out, result)
}

// argRule gives where the greatest or the least element along an axis is.
func argRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	keep := c.attrInt("keepdims", 1) != 0
	axis := c.attrInt("axis", 0)
	if len(dims) == 0 && (axis == 0 || axis == -1) { // a scalar, which runtimes take
		c.setDims(0, nil)
		return
	}
	at, ok := c.axis(axis, len(dims))
	if !ok {
		return
	}
	out := append([]Dim(nil), dims[:at]...)
	if keep {
		out = append(out, Number(1))
	}
	c.setDims(0, append(out, dims[at+1:]...))
}

// cumulativeRule gives sums or products of the elements up to each one along an axis, which is an input.
func cumulativeRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if n, ok := c.constInts(1); ok && len(n) == 1 {
		if _, ok := c.axis(n[0], len(dims)); !ok {
			return
		}
	}
	c.setDims(0, dims)
}

// softmaxRule keeps the shape. The axis is the last one, and before version 13 the one from which on a tensor is taken as rows.
func softmaxRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	def, rank := int64(-1), len(dims)
	if s := c.since(); s != 0 && s < 13 {
		def = 1
	}
	axis := c.attrInt("axis", def)
	switch {
	case rank == 0:
	case c.since() == 1 && axis == int64(rank): // rows of no elements more
	default:
		c.axis(axis, rank)
	}
}

// lpNormalizationRule keeps the shape.
func lpNormalizationRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	if len(dims) > 0 {
		c.axis(c.attrInt("axis", -1), len(dims))
	}
}

// topKRule gives the K greatest or least elements along an axis, and where they are. K is an attribute in version 1, then an input.
func topKRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	at, ok := c.axis(c.attrInt("axis", -1), len(dims))
	if !ok {
		return
	}
	var k Dim
	switch {
	case c.since() == 1:
		if c.attr("k") != nil {
			k = Number(c.attrInt("k", 0))
		}
	default:
		k, _ = c.scalar(1)
		if d, ok := c.dims(1); ok {
			if n := product(d); n.AtLeast(2) || n.AtMost(0) {
				c.fault("K has the shape %s, and has to be one number", formatDims(d))
				return
			}
		}
	}
	n := dims[at]
	switch {
	case k.AtMost(-1):
		c.fault("K is %s, which is negative", formatDim(k))
		return
	case k.Sub(n).AtLeast(1):
		c.fault("K is %s, and axis %d has %s elements", formatDim(k), at, formatDim(n))
		return
	}
	out := append([]Dim(nil), dims...)
	out[at] = k
	if !k.Known() {
		out[at] = c.fresh() // one for both outputs
	}
	c.setDims(0, out)
	c.setDims(1, out)
}
