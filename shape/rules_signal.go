package shape

import (
	"onnxtool/onnxpb"
)

func signalRules() ruleSet {
	return ruleSet{
		"DFT":             dftRule,
		"STFT":            stftRule,
		"HannWindow":      windowRule,
		"HammingWindow":   windowRule,
		"BlackmanWindow":  windowRule,
		"MelWeightMatrix": melRule,
	}
}

// elemOfAttr gives an output the element type that an attribute names; false, after a fault, where there is none such.
func elemOfAttr(c *call, out int, name string, def onnxpb.TensorProto_DataType) bool {
	t, ok := c.attrElem(name, def)
	if ok {
		c.setElem(out, t)
	}
	return ok
}

// length returns a single element that is a length; unknown where it is not known, or after a fault.
func length(c *call, i int, what string) Dim {
	n, _ := c.scalar(i)
	if n.AtMost(-1) {
		c.fault("%s is %s", what, formatDim(n))
		return Dim{}
	}
	return n
}

// dftRule: the last axis of the input holds the real part, or that and the imaginary one.
func dftRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		return
	}
	if len(x) < 2 {
		c.fault("the input has rank %d, and needs an axis of the signal and one of the parts of a complex number", len(x))
		return
	}
	onesided, inverse := c.attrInt("onesided", 0) != 0, c.attrInt("inverse", 0) != 0
	out := append([]Dim(nil), x...)
	out[len(x)-1] = Number(2)
	if onesided && inverse {
		out[len(x)-1] = Number(1)
	}
	axis := c.attrInt("axis", 1)
	if c.since() >= 20 {
		axis = -2
		if c.has(2) {
			list, ok := c.constInts(2)
			if !ok || len(list) != 1 {
				if onesided || c.has(1) {
					for i := range x[:len(x)-1] {
						out[i] = Dim{}
					}
				}
				c.setDims(0, out)
				return
			}
			axis = list[0]
		}
	}
	a, ok := c.axis(axis, len(x))
	if !ok {
		return
	}
	if a == len(x)-1 {
		c.fault("axis %d is that of the parts of a complex number", axis)
		return
	}
	n := x[a]
	switch {
	case c.has(1):
		n = length(c, 1, "dft_length")
	case onesided && inverse:
		n = x[a].Sub(Number(1)).Mul(Number(2)) // the even one of the two lengths that have as many values on the side that is given
	}
	if onesided && !inverse {
		n = n.FloorDiv(Number(2)).Add(Number(1))
	}
	if n.AtMost(-1) {
		c.fault("axis %d has %s elements, of which no signal is made", axis, formatDim(x[a]))
		return
	}
	out[a] = n
	c.setDims(0, out)
}

func stftRule(c *call) {
	x, ok := c.dims(0)
	if ok && len(x) != 3 && len(x) != 2 {
		c.fault("the signal has rank %d, and needs 3: batch, length, parts of a complex number", len(x))
		return
	}
	if !ofRank(c, 2, 1, "the window") {
		return
	}
	step, size := length(c, 1, "frame_step"), Dim{}
	if step.AtMost(0) {
		c.fault("frame_step is %s, and has to be at least 1", formatDim(step))
		return
	}
	window, _ := c.dims(2)
	if c.has(3) {
		size = length(c, 3, "frame_length")
		size = c.unify(size, dimOf(window, 0), "frame_length and the length of the window")
	} else if len(window) == 1 {
		size = window[0]
	}
	if !c.has(2) && !c.has(3) {
		c.fault("neither a window nor frame_length is given")
	}
	frames, bins := Dim{}, size
	if step.AtLeast(1) {
		frames = dimOf(x, 1).Sub(size).FloorDiv(step).Add(Number(1))
	}
	if frames.AtMost(-1) {
		c.fault("a frame of %s is longer than the signal of %s", formatDim(size), formatDim(dimOf(x, 1)))
		frames = Dim{}
	}
	if c.attrInt("onesided", 1) != 0 {
		bins = size.FloorDiv(Number(2)).Add(Number(1))
	}
	c.setDims(0, []Dim{dimOf(x, 0), frames, bins, Number(2)})
}

func windowRule(c *call) {
	if elemOfAttr(c, 0, "output_datatype", onnxpb.TensorProto_FLOAT) {
		c.setDims(0, []Dim{length(c, 0, "size")})
	}
}

func melRule(c *call) {
	if !elemOfAttr(c, 0, "output_datatype", onnxpb.TensorProto_FLOAT) {
		return
	}
	bins := length(c, 1, "dft_length").FloorDiv(Number(2)).Add(Number(1))
	c.setDims(0, []Dim{bins, length(c, 0, "num_mel_bins")})
}
