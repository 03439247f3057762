package shape

func matrixRules() ruleSet {
	return ruleSet{
		"MatMul":        func(c *call) { c.matMul(0, 1) },
		"MatMulInteger": func(c *call) { c.matMul(0, 1) },
		"QLinearMatMul": func(c *call) { c.matMul(0, 3) },
		"Gemm":          gemmRule,
		"Einsum":        einsumRule,
		"Det":           detRule,
		"Trilu":         triluRule,
	}
}

// matMul gives the first output the shape of the matrix product of two inputs, as numpy's matmul has it: vectors are rows on the left and columns on the right,
// whose axis goes, and what stands before the last two axes is broadcast.
func (c *call) matMul(left, right int) {
	a, aok := c.dims(left)
	b, bok := c.dims(right)
	if aok && len(a) == 0 || bok && len(b) == 0 {
		c.fault("an input is a scalar, of which there is no matrix product")
		return
	}
	if !aok || !bok {
		return
	}
	out, ok := c.matrixProduct(a, b)
	if ok {
		c.setDims(0, out)
	}
}

// matrixProduct returns the shape of a matrix product.
func (c *call) matrixProduct(a, b []Dim) ([]Dim, bool) {
	var tail []Dim
	inner := a[len(a)-1]
	if len(a) > 1 {
		tail, a = append(tail, a[len(a)-2]), a[:len(a)-2]
	} else {
		a = nil
	}
	if len(b) > 1 {
		c.unify(inner, b[len(b)-2], "the columns of the left matrix and the rows of the right one")
		tail, b = append(tail, b[len(b)-1]), b[:len(b)-2]
	} else {
		c.unify(inner, b[0], "the columns of the left matrix and the elements of the right vector")
		b = nil
	}
	batch, ok := broadcast(c, a, b)
	return append(batch, tail...), ok
}

// gemmRule gives the product of two matrices, each transposed or not, to which a third one is broadcast.
func gemmRule(c *call) {
	out := make([]Dim, 2)
	inner := make([]Dim, 2)
	for i := range out {
		dims, ok := c.dims(i)
		if !ok {
			continue
		}
		if len(dims) != 2 {
			c.fault("input %d has the shape %s, and has to be a matrix", i, formatDims(dims))
			return
		}
		turned := c.attrInt([]string{"transA", "transB"}[i], 0) != 0
		at := i // the axis that stays: of the left matrix the rows, of the right one the columns
		if turned {
			at = 1 - i
		}
		out[i], inner[i] = dims[at], dims[1-at]
	}
	c.unify(inner[0], inner[1], "the columns of the left matrix and the rows of the right one")
	c.setDims(0, out)
	if s := c.since(); s != 0 && s < 7 {
		return
	}
	if bias, ok := c.dims(2); ok {
		c.stretches(bias, out)
	}
}

// detRule gives the determinants of square matrices.
func detRule(c *call) {
	if dims, ok := c.dims(0); ok && c.matrices(dims) {
		n := len(dims) - 2
		c.unify(dims[n], dims[n+1], "the rows and the columns of a matrix")
		c.setDims(0, dims[:n:n])
	}
}

// triluRule keeps the upper or the lower triangle of matrices.
func triluRule(c *call) {
	if dims, ok := c.dims(0); ok && c.matrices(dims) {
		c.setDims(0, dims)
	}
}

// matrices tells whether a shape has two axes; a fault where not.
func (c *call) matrices(dims []Dim) bool {
	if len(dims) < 2 {
		c.fault("the input has the shape %s, and has to have two axes at least", formatDims(dims))
		return false
	}
	return true
}
