package shape

func poolRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		list, _ := c.attrInts("kernel_shape")
		if len(list) == 0 || len(list) > maxElements {
			return
		}
		x = make([]Dim, len(list)+2)
	}
	out, ok := pooled(c, x)
	if !ok {
		return
	}
	c.setDims(0, out)
	if len(c.out) > 1 {
		c.setDims(1, c.out[0].Dims)
	}
}

// pooled returns the shape of a pool over data of a shape; false, after a fault, where there is none.
func pooled(c *call, x []Dim) ([]Dim, bool) {
	if len(x) < 2 {
		c.fault("the data have rank %d, and need a batch and a channel axis", len(x))
		return nil, false
	}
	w, ok := windowOf(c, len(x)-2, nil)
	if !ok {
		return nil, false
	}
	w.pool = true
	out := []Dim{x[0], x[1]}
	for i, d := range x[2:] {
		out = append(out, w.places(c, i, d))
	}
	return out, true
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
	places, ok := perAxis(c, "pooled_shape", n, 1, 1, 1)
	if !ok {
		return
	}
	if len(rois) == 2 {
		c.unify(rois[1], Number(5), "the numbers of a region, and 5 (batch, x1, y1, x2, y2),")
	}
	c.setDims(0, append([]Dim{dimOf(rois, 0), dimOf(x, 1)}, numbers(places)...))
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
			if areLengths(c, shape, "output_shape") {
				c.setDims(0, shape)
			}
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
	if !areLengths(c, image, "image_shape") || !areLengths(c, block, "block_shape") {
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
