package shape

func imageRules() ruleSet {
	return ruleSet{
		"Resize":            resizeRule,
		"Upsample":          upsampleRule,
		"GridSample":        gridSampleRule,
		"AffineGrid":        affineGridRule,
		"RoiAlign":          roiAlignRule,
		"CenterCropPad":     centerCropPadRule,
		"DepthToSpace":      depthToSpaceRule,
		"SpaceToDepth":      spaceToDepthRule,
		"ImageDecoder":      imageDecoderRule,
		"NonMaxSuppression": nonMaxSuppressionRule,
	}
}

func gridSampleRule(c *call) {
	n, ok := spatialRank(c, 0, 1, "the data and the grid")
	if !ok || n < 0 {
		return
	}
	x, _ := c.dims(0)
	grid, _ := c.dims(1)
	out := make([]Dim, n+2)
	out[0] = c.unify(dimOf(x, 0), dimOf(grid, 0), "the batches of the data and of the grid")
	out[1] = dimOf(x, 1)
	for i := range n {
		out[i+2] = dimOf(grid, i+1)
	}
	c.unify(dimOf(grid, n+1), Number(int64(n)), "the coordinates of a point of the grid and the spatial axes of the data")
	c.setDims(0, out)
}

// affineGridRule: one matrix for each image, and the shape of the images as elements.
func affineGridRule(c *call) {
	theta, known := c.dims(0)
	if known && len(theta) != 3 {
		c.fault("the matrices have rank %d, and need 3", len(theta))
		return
	}
	n := -1 // spatial axes
	if d, ok := c.dims(1); ok && len(d) == 1 {
		if m, ok := d[0].Const(); ok {
			n = int(m) - 2
		}
	}
	if m, ok := dimOf(theta, 1).Const(); ok && n < 0 {
		n = int(m)
	}
	if n < 0 {
		return
	}
	if n != 2 && n != 3 {
		c.fault("the images have %d spatial axes, and need 2 or 3", n)
		return
	}
	size, ok := c.ints(1)
	if !ok || len(size) != n+2 {
		size = make([]Dim, n+2)
	}
	if !areLengths(c, size, "size") {
		return
	}
	if known {
		c.unify(theta[1], Number(int64(n)), "the rows of a matrix and the spatial axes")
		c.unify(theta[2], Number(int64(n+1)), "the columns of a matrix and the spatial axes with one more")
	}
	out := []Dim{c.unify(size[0], dimOf(theta, 0), "the batches of the matrices and of the size")}
	out = append(out, size[2:]...)
	c.setDims(0, append(out, Number(int64(n))))
}

func roiAlignRule(c *call) {
	x, _ := c.dims(0)
	rois, known := c.dims(1)
	batch, indices := c.dims(2)
	if c.rank(0) >= 0 && len(x) != 4 || known && len(rois) != 2 || indices && len(batch) != 1 {
		c.fault("the data, the regions and the batch indices have ranks that are not 4, 2 and 1")
		return
	}
	if known {
		c.unify(rois[1], Number(4), "the numbers of a region, and 4 (x1, y1, x2, y2),")
	}
	n := c.unify(dimOf(rois, 0), dimOf(batch, 0), "the regions and the batch indices")
	h, w := c.attrInt("output_height", 1), c.attrInt("output_width", 1)
	if h < 1 || w < 1 {
		c.fault("output_height and output_width are %d and %d, and have to be at least 1", h, w)
		return
	}
	c.setDims(0, []Dim{n, dimOf(x, 1), Number(h), Number(w)})
}

func centerCropPadRule(c *call) {
	x, ok := c.dims(0)
	shape, known := c.ints(1)
	list, some := c.attrInts("axes")
	if !ok {
		if d, ok := c.dims(1); ok && len(d) == 1 && !some {
			if n, ok := d[0].Const(); ok && n >= 0 && n <= maxElements {
				out := make([]Dim, n)
				if known && len(shape) == len(out) && areLengths(c, shape, "shape") {
					out = shape
				}
				c.setDims(0, out)
			}
		}
		return
	}
	if !areLengths(c, shape, "shape") {
		return
	}
	axes := allAxes(len(x))
	if some {
		if axes, ok = c.axes(list, len(x)); !ok {
			return
		}
	}
	if d, ok := c.dims(1); ok && len(d) == 1 {
		if n, ok := d[0].Const(); ok && n != int64(len(axes)) {
			c.fault("the shape has %d elements for %d axes", n, len(axes))
			return
		}
	}
	out := append([]Dim(nil), x...)
	for i, a := range axes {
		out[a] = dimOf(shape, i)
	}
	c.setDims(0, out)
}

// blockOf returns the shape and the block size of DepthToSpace and its reverse; false where they are not known, or after a fault.
func blockOf(c *call) (x []Dim, size Dim, ok bool) {
	x, ok = c.dims(0)
	if ok && len(x) != 4 {
		c.fault("the input has rank %d, and needs 4", len(x))
		return nil, Dim{}, false
	}
	n := c.attrInt("blocksize", 0)
	if n < 1 {
		c.fault("blocksize is %d, and has to be at least 1", n)
		return nil, Dim{}, false
	}
	if !ok {
		x = make([]Dim, 4)
	}
	return x, Number(n), true
}

// shareOf returns a dimension divided by a number that has to divide it.
func shareOf(c *call, d, by Dim, what string) Dim {
	if rest := d.Mod(by); rest.AtLeast(1) {
		c.fault("%s is %s, which %s does not divide", what, formatDim(d), formatDim(by))
		return Dim{}
	}
	return d.FloorDiv(by)
}

func depthToSpaceRule(c *call) {
	x, b, ok := blockOf(c)
	if !ok {
		return
	}
	c.setDims(0, []Dim{x[0], shareOf(c, x[1], b.Mul(b), "the depth"), x[2].Mul(b), x[3].Mul(b)})
}

func spaceToDepthRule(c *call) {
	x, b, ok := blockOf(c)
	if !ok {
		return
	}
	c.setDims(0, []Dim{x[0], x[1].Mul(b).Mul(b), shareOf(c, x[2], b, "the height"), shareOf(c, x[3], b, "the width")})
}

func imageDecoderRule(c *call) {
	channels := Number(3)
	switch format := c.attrStr("pixel_format", "RGB"); format {
	case "Grayscale":
		channels = Number(1)
	case "RGB", "BGR":
	default:
		c.fault("pixel_format is %q, which is none of RGB, BGR and Grayscale", format)
		return
	}
	c.setDims(0, []Dim{{}, {}, channels})
}

// nonMaxSuppressionRule: how many boxes are chosen is known to nobody before.
func nonMaxSuppressionRule(c *call) {
	boxes, known := c.dims(0)
	scores, scored := c.dims(1)
	if known && len(boxes) != 3 || scored && len(scores) != 3 {
		c.fault("the boxes and the scores have ranks that are not 3")
		return
	}
	if known && scored {
		c.unify(boxes[0], scores[0], "the batches of the boxes and of the scores")
		c.unify(boxes[1], scores[2], "the boxes and their scores")
	}
	if known {
		c.unify(boxes[2], Number(4), "the coordinates of a box, and 4,")
	}
	c.setDims(0, []Dim{{}, Number(3)})
}
