package shape

import "onnxtool/internal/expr"

// window is how convolutions and pools go over the spatial axes: one entry of each list for every axis.
type window struct {
	kernel             []Dim
	strides, dilations []int64
	begin, end         []int64 // paddings
	autoPad            string  // SAME (of either side), VALID, or "" where the paddings are given
	padded             bool    // whether a padding is given that is not 0
	ceil, pool         bool
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
	for i, k := range weights {
		kernel[i] = c.unify(kernel[i], k, "the kernel_shape and the extent of the weights")
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
		if w.pool && w.dilations[i] != 1 && !isConst(w.kernel[i], 1) {
			return Dim{} // the runtime pads for a kernel that is not dilated, and so has fewer places than the text of the operator says
		}
		return in.CeilDiv(stride)
	}
	begin, end := Number(w.begin[i]), Number(w.end[i])
	if w.autoPad == "VALID" {
		begin, end = Number(0), Number(0)
	}
	room := in.Add(begin).Add(end).Sub(extent)
	floor, n := room.FloorDiv(stride).Add(one), room.CeilDiv(stride).Add(one)
	if !w.ceil {
		n = floor
	}
	if n.AtMost(0) {
		if in.AtLeast(1) {
			c.fault("the kernel reaches over %s, and spatial axis %d with its padding has only %s", formatDim(extent), i, formatDim(room.Add(extent)))
		}
		return Dim{}
	}
	if !w.ceil {
		return n
	}
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
