package shape

import (
	"math"

	"onnxtool/onnxpb"
)

// isEmpty tells whether an input is left out, or a tensor of no elements, which stands for the same in some operators.
func isEmpty(c *call, i int) bool {
	d, ok := c.dims(i)
	return !c.has(i) || ok && len(d) == 1 && isConst(d[0], 0)
}

// sureOf tells whether an input is given and has elements: an input whose shape is not known may be an empty one.
func sureOf(c *call, i int) bool {
	d, ok := c.dims(i)
	if !ok {
		return false
	}
	for _, x := range d {
		if !x.AtLeast(1) {
			return false
		}
	}
	return true
}

// scalesOf returns the factors that an input holds, n of them: their whole numbers and their exact values, one of which is nil where it is not known. It is
// false, after a fault, where there are not n.
func scalesOf(c *call, i, n int) (whole []Dim, exact []float64, ok bool) {
	whole, _ = c.ints(i)
	exact, _ = c.floats(i)
	if d, known := c.dims(i); known {
		if len(d) != 1 {
			c.fault("the factors have rank %d, and need 1", len(d))
			return nil, nil, false
		}
		if m, number := d[0].Const(); number && m != int64(n) {
			c.fault("%d factors are given for %d axes", m, n)
			return nil, nil, false
		}
	}
	if len(whole) != n {
		whole = nil
	}
	if len(exact) != n {
		exact = nil
	}
	return whole, exact, true
}

// scaled returns floor(d*factor) as runtimes compute it, in numbers of 32 bits.
func scaled(c *call, d Dim, factor float64) Dim {
	if math.IsNaN(factor) || factor <= 0 || factor > 1<<24 {
		if factor <= 0 {
			c.fault("a factor is %v, and has to be more than 0", factor)
		}
		return Dim{}
	}
	if n, ok := d.Const(); ok {
		f := math.Floor(float64(float32(n) * float32(factor)))
		if f < 0 || f > 1<<53 {
			return Dim{}
		}
		return Number(int64(f))
	}
	// A factor of few binary digits makes the product exact for every length that an axis has; of another one rounding decides what comes out.
	for q := int64(1); q <= 1<<8; q *= 2 {
		if p := factor * float64(q); p == math.Trunc(p) {
			if p > 1<<8 {
				return Dim{}
			}
			return d.Mul(Number(int64(p))).FloorDiv(Number(q))
		}
	}
	return Dim{}
}

// scale applies the factors of an input to those axes of a shape; false, after a fault, where they do not fit it.
func scale(c *call, input int, dims []Dim, axes []int) ([]Dim, bool) {
	whole, exact, ok := scalesOf(c, input, len(axes))
	if !ok {
		return nil, false
	}
	out := append([]Dim(nil), dims...)
	for i, axis := range axes {
		d := out[axis]
		switch {
		case exact != nil:
			out[axis] = scaled(c, d, exact[i])
		case whole != nil && whole[i].Known():
			if n, ok := whole[i].Const(); ok {
				out[axis] = scaled(c, d, float64(n))
			} else {
				out[axis] = d.Mul(whole[i])
			}
		default:
			out[axis] = Dim{}
		}
	}
	return out, true
}

// allAxes lists the axes of a tensor.
func allAxes(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

func upsampleRule(c *call) {
	if c.outElem(0) == onnxpb.TensorProto_UNDEFINED { // version 10 has no signature
		if t := c.elemOf(0); t != onnxpb.TensorProto_UNDEFINED {
			c.setElem(0, t)
		}
	}
	x, ok := c.dims(0)
	if !ok {
		return
	}
	if c.version >= 9 {
		if out, ok := scale(c, 1, x, allAxes(len(x))); ok {
			c.setDims(0, out)
		}
		return
	}
	out := append([]Dim(nil), x...)
	if c.version >= 7 {
		factors := c.attr("scales").GetFloats()
		if len(factors) != len(x) {
			c.fault("%d factors are given for %d axes", len(factors), len(x))
			return
		}
		for i, f := range factors {
			out[i] = scaled(c, out[i], float64(f))
		}
	} else {
		if len(x) != 4 {
			c.fault("the input has rank %d, and needs 4", len(x))
			return
		}
		out[2] = scaled(c, out[2], c.attrFloat("height_scale", 1))
		out[3] = scaled(c, out[3], c.attrFloat("width_scale", 1))
	}
	c.setDims(0, out)
}

func resizeRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		resizeOfUnranked(c)
		return
	}
	axes := allAxes(len(x))
	if list, _ := c.attrInts("axes"); len(list) > 0 {
		if axes, ok = c.axes(list, len(x)); !ok {
			return
		}
	}
	open := append([]Dim(nil), x...) // what can be told where nothing is known of factors and sizes
	for _, a := range axes {
		open[a] = Dim{}
	}
	if c.since() == 10 {
		if out, ok := scale(c, 1, x, axes); ok {
			c.setDims(0, out)
		}
		return
	}
	switch noScales, noSizes := isEmpty(c, 2), isEmpty(c, 3); {
	case noScales && noSizes:
		c.fault("neither factors nor sizes are given")
	case noSizes && !noScales:
		out, ok := scale(c, 2, x, axes)
		if !ok {
			return
		}
		if c.attrStr("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" && !isWholeRoi(c, 1) {
			// By the text the part that is cut out counts; runtimes differ.
			out = open
		}
		c.setDims(0, out)
	case noScales:
		resizeToSizes(c, x, axes, open)
	case sureOf(c, 2) && sureOf(c, 3):
		c.fault("both factors and sizes are given")
	default:
		c.setDims(0, open)
	}
}

// resizeOfUnranked: without axes there is one factor or size for every axis.
func resizeOfUnranked(c *call) {
	if list, _ := c.attrInts("axes"); len(list) > 0 {
		return
	}
	if sizes, ok := c.ints(3); ok && len(sizes) > 0 && isEmpty(c, 2) && c.since() > 10 {
		if c.attrStr("keep_aspect_ratio_policy", "stretch") != "stretch" {
			c.setDims(0, make([]Dim, len(sizes)))
		} else if areLengths(c, sizes, "sizes") {
			c.setDims(0, sizes)
		}
		return
	}
	input := 2
	if c.since() == 10 {
		input = 1
	}
	if d, ok := c.dims(input); ok && len(d) == 1 {
		if n, ok := d[0].Const(); ok && n > 0 && n <= maxElements {
			c.setDims(0, make([]Dim, n))
		}
	}
}

// isWholeRoi tells whether a region of interest is known to be everything: it begins at 0 and ends at 1 on each axis.
func isWholeRoi(c *call, i int) bool {
	roi, ok := c.constInts(i)
	if !ok || len(roi)%2 != 0 {
		return false
	}
	for k, v := range roi {
		if k < len(roi)/2 && v != 0 || k >= len(roi)/2 && v != 1 {
			return false
		}
	}
	return true
}

// resizeToSizes: with a policy that keeps the aspect ratio all axes have the same factor, the least or the greatest of those that the sizes ask for.
func resizeToSizes(c *call, x []Dim, axes []int, open []Dim) {
	if d, ok := c.dims(3); ok {
		if len(d) != 1 {
			c.fault("the sizes have rank %d, and need 1", len(d))
			return
		}
		if n, ok := d[0].Const(); ok && n != int64(len(axes)) {
			c.fault("%d sizes are given for %d axes", n, len(axes))
			return
		}
	}
	sizes, ok := c.ints(3)
	if !ok || len(sizes) != len(axes) {
		c.setDims(0, open)
		return
	}
	if !areLengths(c, sizes, "sizes") {
		return
	}
	out := append([]Dim(nil), x...)
	policy := c.attrStr("keep_aspect_ratio_policy", "stretch")
	if policy == "stretch" || len(axes) == 1 {
		for i, a := range axes {
			out[a] = sizes[i]
		}
		c.setDims(0, out)
		return
	}
	wanted, ok := constants(sizes)
	if !ok || policy != "not_larger" && policy != "not_smaller" {
		c.setDims(0, open)
		return
	}
	factor := float32(0)
	have := make([]int64, len(axes))
	for i, a := range axes {
		n, ok := x[a].Const()
		if !ok || n <= 0 {
			c.setDims(0, open)
			return
		}
		have[i] = n
		f := float32(wanted[i]) / float32(n)
		if i == 0 || policy == "not_larger" && f < factor || policy == "not_smaller" && f > factor {
			factor = f
		}
	}
	for i, a := range axes {
		f := math.Round(float64(factor * float32(have[i])))
		if f > 1<<53 {
			f = 0
		}
		out[a] = Number(int64(f))
	}
	c.setDims(0, out)
}
