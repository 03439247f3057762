package shape

import (
	"slices"

	"onnxtool/onnxpb"
)

// microsoftMatrixRules are those of products, and of operators on quantized tensors.
func microsoftMatrixRules() ruleSet {
	binary := func(a, b int) rule {
		return typedBy(a, func(c *call) { broadcastInputs(c, a, b) })
	}
	return ruleSet{
		"DequantizeLinear":         typedBy(1, sameShape),
		"DynamicQuantizeMatMul":    typedBy(0, func(c *call) { c.matMul(0, 1) }),
		"DynamicQuantizeLSTM":      typedBy(0, quantizedLSTMRule),
		"FusedGemm":                typedBy(0, gemmRule),
		"FusedMatMul":              typedBy(0, fusedMatMulRule),
		"FusedMatMulActivation":    typedBy(0, fusedMatMulRule),
		"GemmFastGelu":             typedBy(0, func(c *call) { c.matMul(0, 1) }),
		"MatMulBnb4":               typedBy(0, packedMatMulRule),
		"MatMulIntegerToFloat":     typedBy(2, func(c *call) { c.matMul(0, 1) }),
		"MatMulNBits":              typedBy(0, packedMatMulRule),
		"QGemm":                    quantizedGemmRule,
		"QLinearAdd":               binary(0, 3),
		"QLinearAveragePool":       typedBy(0, quantizedPoolRule),
		"QLinearConcat":            typedBy(1, quantizedConcatRule),
		"QLinearConv":              quantizedConvRule,
		"QLinearGlobalAveragePool": typedBy(0, quantizedGlobalPoolRule),
		"QLinearMul":               binary(0, 3),
		"QLinearReduceMean":        typedBy(0, quantizedMeanRule),
		"QLinearWhere":             typedBy(1, func(c *call) { broadcastInputs(c, 0, 1, 4) }),
		"QuantizeLinear":           quantizeLinearRule,
		"SparseToDenseMatMul":      typedBy(1, fusedMatMulRule),
		"TransposeMatMul":          typedBy(0, fusedMatMulRule),
	}
}

// quantizeLinearRule: without a zero point the result is uint8.
func quantizeLinearRule(c *call) {
	t := c.elemOf(2)
	if !c.has(2) {
		t = onnxpb.TensorProto_UINT8
	}
	c.setElem(0, t)
	sameShape(c)
}

// broadcastInputs sets the shape that inputs of an elementwise operator have together.
func broadcastInputs(c *call, inputs ...int) {
	shapes := make([][]Dim, len(inputs))
	for k, i := range inputs {
		x, ok := c.dims(i)
		if !ok {
			return
		}
		shapes[k] = x
	}
	if out, ok := broadcast(c, shapes...); ok {
		c.setDims(0, out)
	}
}

// productRule is that of MatMul, with either operand transposed first.
func productRule(c *call, left, right int, transA, transB bool) {
	a, known := c.dims(left)
	b, ok := c.dims(right)
	if !known || !ok {
		return
	}
	if len(a) == 0 || len(b) == 0 {
		c.fault("the operands have rank %d and %d, and need 1 at least", len(a), len(b))
		return
	}
	turned := func(x []Dim, trans bool) []Dim {
		x = slices.Clone(x)
		if n := len(x); trans && n > 1 {
			x[n-1], x[n-2] = x[n-2], x[n-1]
		}
		return x
	}
	if out, ok := c.matrixProduct(turned(a, transA), turned(b, transB)); ok {
		c.setDims(0, out)
	}
}

func fusedMatMulRule(c *call) {
	if c.attrInt("transBatchA", 0) != 0 || c.attrInt("transBatchB", 0) != 0 {
		return
	}
	productRule(c, 0, 1, c.attrInt("transA", 0) != 0, c.attrInt("transB", 0) != 0)
}

// quantizedGemmRule: the result is quantized where a scale and a zero point for it are given.
func quantizedGemmRule(c *call) {
	t := onnxpb.TensorProto_FLOAT
	if c.has(8) {
		t = c.elemOf(8)
	} else if c.has(7) {
		t = onnxpb.TensorProto_UNDEFINED
	}
	c.setElem(0, t)
	if !ofRank(c, 0, 2, "A") || !ofRank(c, 3, 2, "B") {
		return
	}
	a, _ := c.dims(0)
	b, _ := c.dims(3)
	m, k := dimOf(a, 0), dimOf(a, 1)
	if c.attrInt("transA", 0) != 0 {
		m, k = k, m
	}
	l, n := dimOf(b, 0), dimOf(b, 1)
	if c.attrInt("transB", 0) != 0 {
		l, n = n, l
	}
	c.unify(k, l, "the columns of A and the rows of B")
	c.setDims(0, []Dim{m, n})
}

// packedMatMulRule is that of products with a matrix of K by N (N by K where it is not transposed) that is packed.
func packedMatMulRule(c *call) {
	a, ok := c.dims(0)
	if !ok {
		return
	}
	if len(a) == 0 {
		c.fault("A has rank 0, and needs 1 at least")
		return
	}
	from, to := attrDim(c, "K"), attrDim(c, "N")
	if c.attrInt("transB", 1) == 0 {
		from, to = to, from
	}
	last := len(a) - 1
	c.unify(a[last], from, "the columns of A and the rows of the packed matrix")
	c.setDims(0, append(slices.Clone(a[:last]), to))
}

// quantizedConvRule: the weights have their channels second, also where the data have them last.
func quantizedConvRule(c *call) {
	c.setElem(0, c.elemOf(7))
	n, ok := spatialRank(c, 0, 3, "the data and the weights")
	if !ok || n < 0 {
		return
	}
	x, known := c.dims(0)
	last := c.attrInt("channels_last", 0) != 0
	if known && last {
		x = channelsSecond(x)
	}
	out, ok := convolved(c, n, x, 3)
	if !ok {
		return
	}
	if last {
		out = channelsAtEnd(out)
	}
	c.setDims(0, out)
}

func quantizedPoolRule(c *call) {
	if c.attrInt("channels_last", 0) != 0 {
		channelsLast(pooled)(c)
		return
	}
	poolRule(c)
}

func quantizedGlobalPoolRule(c *call) {
	if c.attrInt("channels_last", 0) == 0 {
		globalPoolRule(c)
		return
	}
	x, ok := c.dims(0)
	if !ok {
		return
	}
	if len(x) < 2 {
		c.fault("the data have rank %d, and need a batch and a channel axis", len(x))
		return
	}
	out := slices.Clone(x)
	for i := 1; i < len(x)-1; i++ {
		out[i] = Number(1)
	}
	c.setDims(0, out)
}

// quantizedConcatRule: of the inputs after the scale and the zero point of the result, every third is a tensor.
func quantizedConcatRule(c *call) {
	var out []Dim
	axis := -1
	for i := 2; i < len(c.in); i += 3 {
		x, ok := c.dims(i)
		if !ok {
			return
		}
		if out == nil {
			if axis, ok = c.axis(c.attrInt("axis", 0), len(x)); !ok {
				return
			}
			out = slices.Clone(x)
			continue
		}
		if len(x) != len(out) {
			c.fault("tensors of rank %d and %d are put together", len(out), len(x))
			return
		}
		for k, d := range x {
			if k == axis {
				out[k] = out[k].Add(d)
			} else {
				out[k] = c.unify(out[k], d, "the dimensions beside the axis")
			}
		}
	}
	if out != nil {
		c.setDims(0, out)
	}
}

func quantizedMeanRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		return
	}
	axes := allAxes(len(x))
	if list, _ := c.attrInts("axes"); len(list) > 0 {
		if axes, ok = c.axes(list, len(x)); !ok {
			return
		}
	}
	out := slices.Clone(x)
	for _, a := range axes {
		out[a] = Number(1)
	}
	if c.attrInt("keepdims", 1) == 0 {
		out = out[:0]
		for i, d := range x {
			if !slices.Contains(axes, i) {
				out = append(out, d)
			}
		}
	}
	c.setDims(0, out)
}

// quantizedLSTMRule: the weights are those of LSTM, transposed.
func quantizedLSTMRule(c *call) {
	t := c.elemOf(0)
	c.setElem(1, t)
	c.setElem(2, t)
	for i, what := range []string{"X", "W", "R"} {
		if !ofRank(c, i, 3, what) {
			return
		}
	}
	x, _ := c.dims(0)
	w, _ := c.dims(1)
	r, _ := c.dims(2)
	directions := Number(1)
	if c.attrStr("direction", "forward") == "bidirectional" {
		directions = Number(2)
	}
	c.unify(directions, dimOf(w, 0), "the directions, by the attribute and by W,")
	c.unify(dimOf(x, 2), dimOf(w, 1), "the features of the input and the rows of W")
	hidden, batch := c.unify(attrDim(c, "hidden_size"), dimOf(r, 1), "hidden_size and the rows of R"), dimOf(x, 1)
	for _, d := range []*Dim{&batch, &hidden} {
		if !d.Known() {
			*d = c.fresh()
		}
	}
	c.setDims(0, []Dim{dimOf(x, 0), directions, batch, hidden})
	c.setDims(1, []Dim{directions, batch, hidden})
	c.setDims(2, []Dim{directions, batch, hidden})
}
