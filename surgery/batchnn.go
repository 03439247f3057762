package surgery

import "onnxtool/onnxpb"

// images returns an input [N,C,D1,...] whose batch, if it holds one, lies in axis 0.
func (c *batchCall) images(i int) (*batchFact, error) {
	x, err := c.data(i)
	if err != nil {
		return nil, err
	}
	if x.rank() < 2 {
		return nil, c.refuse("its input %s has no channels", formatExtents(x.dims))
	}
	if x.rows() && x.axis != 0 {
		return nil, c.mixes("the batch lies in axis %d of %s, which this operator sums over or slides along", x.axis, formatExtents(x.dims))
	}
	return x, nil
}

// window says how a kernel slides over one axis.
type window struct {
	kernel, stride, dilation, pads int64
	same, ceil                     bool
}

// out is the number of places that a kernel takes along an axis, after the formulas of Conv and of the pooling operators.
func (f *batchFlow) slide(in extent, w window) extent {
	n, ok := in.num()
	if !ok || w.stride <= 0 || w.ceil && !w.same {
		// Rounding up is done in different ways: the length is left unknown, which is enough, as it does not depend on the batch.
		return f.unknown()
	}
	if w.same {
		return extentOf((n + w.stride - 1) / w.stride)
	}
	return extentOf(max(0, n+w.pads-w.dilation*(w.kernel-1)-1)/w.stride + 1)
}

// windows reads the kernel of a convolution or pooling over spatial axes. kernel is what kernel_shape says by default.
func (c *batchCall) windows(spatial int, kernel []int64) ([]window, bool) {
	list := func(attr string, n int, def int64) []int64 {
		if a := c.n.Attr(attr); a != nil {
			return a.GetInts()
		}
		v := make([]int64, n)
		for i := range v {
			v[i] = def
		}
		return v
	}
	if a := c.n.Attr("kernel_shape"); a != nil {
		kernel = a.GetInts()
	}
	strides, dilations, pads := list("strides", spatial, 1), list("dilations", spatial, 1), list("pads", 2*spatial, 0)
	if len(kernel) != spatial || len(strides) != spatial || len(dilations) != spatial || len(pads) != 2*spatial {
		return nil, false
	}
	auto := string(c.n.Attr("auto_pad").GetS())
	out := make([]window, spatial)
	for i := range out {
		w := window{kernel: kernel[i], stride: strides[i], dilation: dilations[i], pads: pads[i] + pads[i+spatial], ceil: c.n.AttrInt("ceil_mode", 0) != 0}
		switch auto {
		case "SAME_UPPER", "SAME_LOWER":
			w.same = true
		case "VALID":
			w.pads = 0
		}
		out[i] = w
	}
	return out, true
}

// conv is Conv and its integer forms.
func (c *batchCall) conv() ([]*batchFact, error) {
	x, err := c.images(0)
	if err != nil {
		return nil, err
	}
	weight := 1
	if c.n.GetOpType() == "QLinearConv" {
		weight = 3
	}
	w, err := c.data(weight)
	if err != nil {
		return nil, err
	}
	if w.rank() != x.rank() {
		return nil, c.refuse("its weights %s do not fit %s", formatExtents(w.dims), formatExtents(x.dims))
	}
	y := like(x)
	y.dims[1] = w.dims[0]
	kernel, _ := (&batchFact{vals: w.dims[2:]}).numbers()
	windows, ok := c.windows(x.rank()-2, kernel)
	for i := range x.rank() - 2 {
		if y.dims[i+2] = c.f.unknown(); ok {
			y.dims[i+2] = c.f.slide(x.dims[i+2], windows[i])
		}
	}
	return one(y)
}

// convTranspose is ConvTranspose.
func (c *batchCall) convTranspose() ([]*batchFact, error) {
	x, err := c.images(0)
	if err != nil {
		return nil, err
	}
	w, err := c.data(1)
	if err != nil {
		return nil, err
	}
	if w.rank() != x.rank() {
		return nil, c.refuse("its weights %s do not fit %s", formatExtents(w.dims), formatExtents(x.dims))
	}
	y := like(x)
	y.dims[1] = w.dims[1].times(c.n.AttrInt("group", 1))
	spatial := x.rank() - 2
	kernel, _ := (&batchFact{vals: w.dims[2:]}).numbers()
	windows, ok := c.windows(spatial, kernel)
	given := c.n.Attr("output_shape").GetInts()
	extra := c.n.Attr("output_padding").GetInts()
	for i := range spatial {
		n, known := x.dims[i+2].num()
		switch y.dims[i+2] = c.f.unknown(); {
		case len(given) == spatial:
			y.dims[i+2] = extentOf(given[i])
		case !ok || !known:
		case windows[i].same:
			y.dims[i+2] = extentOf(n * windows[i].stride)
		default:
			d := windows[i]
			size := d.stride*(n-1) + d.dilation*(d.kernel-1) + 1 - d.pads
			if len(extra) == spatial {
				size += extra[i]
			}
			y.dims[i+2] = extentOf(max(0, size))
		}
	}
	return one(y)
}

// pool is a pooling operator.
func (c *batchCall) pool() ([]*batchFact, error) {
	x, err := c.images(0)
	if err != nil {
		return nil, err
	}
	y := like(x)
	windows, ok := c.windows(x.rank()-2, nil)
	for i := range x.rank() - 2 {
		if y.dims[i+2] = c.f.unknown(); ok {
			y.dims[i+2] = c.f.slide(x.dims[i+2], windows[i])
		}
	}
	if c.outputsUsed() > 1 && x.rows() {
		return c.poolPlaces(x, y)
	}
	return one(y)
}

// globalPool is a pooling operator over everything but batch and channels.
func (c *batchCall) globalPool() ([]*batchFact, error) {
	x, err := c.images(0)
	if err != nil {
		return nil, err
	}
	y := like(x)
	for i := 2; i < len(y.dims); i++ {
		y.dims[i] = extentOf(1)
	}
	return one(y)
}

// batchNorm is BatchNormalization at inference, which scales each channel by constants.
func (c *batchCall) batchNorm() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if x.rows() {
		switch {
		case c.n.AttrInt("training_mode", 0) != 0 || c.f.opset < 14 && c.outputsUsed() > 1:
			return nil, c.mixes("it is in training mode, where it takes mean and deviation over the batch")
		case x.axis == 1:
			return nil, c.mixes("the batch lies in axis 1 of %s, that of the channels", formatExtents(x.dims))
		}
	}
	return one(like(x))
}

// perSample is a normalisation of each sample of [N,C,...] by itself.
func (c *batchCall) perSample() ([]*batchFact, error) {
	x, err := c.images(0)
	if err != nil {
		return nil, err
	}
	return one(like(x))
}

// layerNorm is LayerNormalization and RMSNormalization: over all axes from one on.
func (c *batchCall) layerNorm() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axis, err := c.axis(x, -1)
	if err != nil {
		return nil, err
	}
	if x.rows() {
		if x.axis >= axis {
			return nil, c.mixes("it normalises over the axes from %d on, that of the batch (axis %d of %s) too", axis, x.axis, formatExtents(x.dims))
		}
		for i := 1; i < len(c.in); i++ {
			if p := c.in[i]; p != nil {
				if !p.ranked {
					return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
				}
				if k := x.axis - (x.rank() - p.rank()); k >= 0 && !p.dims[k].is(1) {
					return nil, c.refuse("%q, of shape %s, stands where the batch is and does not grow with it", c.n.Input[i], formatExtents(p.dims))
				}
			}
		}
	}
	stat := like(x)
	for i := axis; i < len(stat.dims); i++ {
		stat.dims[i] = extentOf(1)
	}
	return []*batchFact{like(x), stat, like(stat)}, nil
}

// meanVariance is MeanVarianceNormalization, whose axes hold the batch unless it is told otherwise.
func (c *batchCall) meanVariance() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axes := []int64{0, 2, 3}
	if a := c.n.Attr("axes"); a != nil {
		axes = a.GetInts()
	}
	for _, a := range axes {
		if i, ok := normAxis(a, x.rank()); ok && i == x.axis {
			return nil, c.mixes("it normalises over axis %d, which holds the batch (%s)", i, formatExtents(x.dims))
		}
	}
	return one(like(x))
}

// resize is Resize and Upsample, which must leave the batch axis alone.
func (c *batchCall) resize() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	scalesAt, sizesAt := 1, -1
	if c.n.GetOpType() == "Resize" && c.f.opset >= 11 {
		scalesAt, sizesAt = 2, 3
	}
	axes := make([]int64, x.rank())
	for i := range axes {
		axes[i] = int64(i)
	}
	if a := c.n.Attr("axes"); a != nil {
		axes = a.GetInts()
	}
	y := like(x)
	var list *batchFact
	bySize := false
	if s := c.input(sizesAt); s != nil && !isEmpty(s) {
		list, bySize = s, true
	} else if s := c.input(scalesAt); s != nil {
		list = s
	} else if a := c.n.Attr("scales"); a != nil { // Upsample before version 9
		list = c.f.tensorFact(onnxpb.TensorOf("", []int64{int64(len(a.Floats))}, a.Floats))
	}
	if list != nil && list.sized() && !bySize || scalesAt == 2 && c.input(1).sized() {
		return nil, c.refuse("it computes with the size of the batch")
	}
	if string(c.n.Attr("coordinate_transformation_mode").GetS()) == "tf_crop_and_resize" && x.rows() {
		return nil, c.refuse("it crops, by regions that count the batch as an axis")
	}
	policy := string(c.n.Attr("keep_aspect_ratio_policy").GetS())
	limits := bySize && policy != "" && policy != "stretch"
	for i, a := range axes {
		axis, ok := normAxis(a, x.rank())
		if !ok {
			return nil, c.refuse("its axes do not fit %s", formatExtents(x.dims))
		}
		known := list != nil && len(list.vals) == len(axes)
		if axis != x.axis {
			y.dims[axis] = c.f.unknown()
			if limits {
				continue
			}
			if known && bySize {
				if y.dims[axis] = list.vals[i]; y.dims[axis].onBatch() {
					return nil, c.refuse("it resizes axis %d to the size of the batch", axis)
				}
			} else if known {
				if s, ok := list.vals[i].num(); ok && s > 0 {
					y.dims[axis] = x.dims[axis].times(s)
				}
			}
			continue
		}
		switch {
		case limits:
			return nil, c.refuse("its sizes are limits only (keep_aspect_ratio_policy), for the batch as well")
		case !known:
			return nil, c.refuse("its scales and sizes are not known")
		case !bySize && !list.vals[i].is(1):
			return nil, c.mixes("it scales axis %d, which holds the batch, by %s", axis, list.vals[i])
		case bySize && list.vals[i] != x.dims[axis]:
			if list.vals[i] != x.dims[axis].at(c.f.old) || c.f.free {
				return nil, c.mixes("it resizes axis %d, which holds the batch (%s), to %s", axis, formatExtents(x.dims), list.vals[i])
			}
			sizes := c.splice(c.n.Input[sizesAt], list, i, c.length(c.n.Input[0], axis))
			c.changed("sizes", list.vals, c.f.facts[sizes].vals)
			c.readInstead(sizesAt, sizes)
			list = c.f.facts[sizes]
		}
	}
	return one(y)
}

// isEmpty tells whether a tensor is known to have no elements, as inputs of Resize have that are not given.
func isEmpty(x *batchFact) bool { return x.ranked && product(x.dims).is(0) }

// recurrent is LSTM, GRU and RNN. What is given for the start of one row is repeated for every row.
func (c *batchCall) recurrent() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if !x.rows() {
		for i := range c.in {
			if c.in[i].rows() {
				return nil, c.refuse("its input %q has rows, and its sequence has none", c.n.Input[i])
			}
		}
		return nil, nil
	}
	batch := 1 // of X: [seq, N, input]; with layout 1 it is [N, seq, input]
	layout := c.n.AttrInt("layout", 0)
	if layout == 1 {
		batch = 0
	}
	r, err := c.data(2)
	if err != nil {
		return nil, err
	}
	if x.rank() != 3 || r.rank() != 3 {
		return nil, c.refuse("its inputs are not of rank 3")
	}
	if x.axis != batch {
		return nil, c.mixes("the batch lies in axis %d of %s, along which it runs as through time", x.axis, formatExtents(x.dims))
	}
	for _, p := range []struct{ input, axis int }{{4, 0}, {5, batch}, {6, batch}} {
		i, axis := p.input, p.axis
		if s := c.input(i); s != nil && s.ranked {
			if s.rows() && (s.axis != axis || s.dims[axis] != x.dims[batch] || s.outer != x.outer) {
				return nil, c.mixes("the rows lie differently in %q (%s) and %q (%s)", c.n.Input[0], formatExtents(x.dims), c.n.Input[i], formatExtents(s.dims))
			}
		} else if s != nil {
			return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
		}
	}
	for _, p := range []struct{ input, axis int }{{4, 0}, {5, batch}, {6, batch}} {
		if s := c.input(p.input); s != nil && !s.rows() {
			if err := c.grow(p.input, p.axis, 0); err != nil {
				return nil, err
			}
		}
	}
	n, seq, dirs, hidden := x.dims[batch], x.dims[1-batch], r.dims[0], r.dims[2]
	if layout == 1 {
		state := rowsFact([]extent{n, dirs, hidden}, 0, x.outer)
		return []*batchFact{rowsFact([]extent{n, seq, dirs, hidden}, 0, x.outer), state, like(state)}, nil
	}
	state := rowsFact([]extent{dirs, n, hidden}, 1, x.outer)
	return []*batchFact{rowsFact([]extent{seq, dirs, n, hidden}, 2, x.outer), state, like(state)}, nil
}
