package surgery

import "slices"

// batchRules says of the operators of the default domain what they do to the batch. What is not here is refused where the batch enters it.
var batchRules map[string]batchRule

func init() {
	batchRules = map[string]batchRule{}
	add := func(fn func(*batchCall) ([]*batchFact, error), rows, sized uint32, ops ...string) {
		for _, op := range ops {
			batchRules[op] = batchRule{fn, rows, sized}
		}
	}
	add((*batchCall).elementwise, at(0), 0,
		"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor",
		"Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu",
		"Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu")
	add((*batchCall).clip, at(0), 0, "Clip")
	add((*batchCall).dropout, at(0), 0, "Dropout")
	add((*batchCall).broadcasting, anyInput, 0,
		"Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean",
		"Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor")
	add(func(c *batchCall) ([]*batchFact, error) {
		return nil, c.mixes("its scale is that of the whole tensor, over all rows")
	}, at(0), 0, "DynamicQuantizeLinear")
	add(func(c *batchCall) ([]*batchFact, error) {
		return nil, c.mixes("its ones stand where the numbers of rows and columns are equal")
	}, at(0), 0, "EyeLike")
	add((*batchCall).quantize, at(0), 0, "QuantizeLinear", "DequantizeLinear")

	add((*batchCall).reduce, at(0), 0, "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
		"ReduceSum", "ReduceSumSquare")
	add((*batchCall).argReduce, at(0), 0, "ArgMax", "ArgMin")
	add((*batchCall).softmax, at(0), 0, "Softmax", "LogSoftmax", "Hardmax")
	add((*batchCall).alongAxis, at(0), 0, "LpNormalization", "CumSum", "CumProd")
	add((*batchCall).topK, at(0), 0, "TopK")

	add((*batchCall).concat, anyInput, 0, "Concat")
	add((*batchCall).split, at(0), 0, "Split")
	add((*batchCall).slice, at(0), at(1, 2), "Slice")
	add((*batchCall).gather, at(0, 1), 0, "Gather")
	add((*batchCall).gatherElements, at(0, 1), 0, "GatherElements")
	add((*batchCall).gatherND, at(0, 1), 0, "GatherND")
	add((*batchCall).scatterND, at(0, 2), 0, "ScatterND")
	add((*batchCall).transpose, at(0), 0, "Transpose")
	add((*batchCall).squeeze, at(0), 0, "Squeeze")
	add((*batchCall).unsqueeze, at(0), 0, "Unsqueeze")
	add((*batchCall).pad, at(0), 0, "Pad")
	add((*batchCall).oneHot, at(0), 0, "OneHot")
	add((*batchCall).trilu, at(0), 0, "Trilu")
	add((*batchCall).depthSpace, at(0), 0, "DepthToSpace", "SpaceToDepth")

	add((*batchCall).reshape, at(0), at(1), "Reshape")
	add((*batchCall).flatten, at(0), 0, "Flatten")
	add((*batchCall).expand, at(0), at(1), "Expand")
	add((*batchCall).tile, at(0), at(1), "Tile")
	add((*batchCall).constantOfShape, 0, at(0), "ConstantOfShape")

	add((*batchCall).conv, at(0), 0, "Conv", "ConvInteger", "QLinearConv")
	add((*batchCall).convTranspose, at(0), 0, "ConvTranspose")
	add((*batchCall).pool, at(0), 0, "AveragePool", "MaxPool", "LpPool")
	add((*batchCall).globalPool, at(0), 0, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
	add((*batchCall).batchNorm, at(0), 0, "BatchNormalization")
	add((*batchCall).perSample, at(0), 0, "InstanceNormalization", "GroupNormalization", "LRN")
	add((*batchCall).layerNorm, at(0), 0, "LayerNormalization", "RMSNormalization")
	add((*batchCall).meanVariance, at(0), 0, "MeanVarianceNormalization")
	add((*batchCall).resize, at(0), at(1, 2, 3), "Resize", "Upsample")
	add((*batchCall).matMul, at(0, 1), 0, "MatMul", "MatMulInteger")
	add((*batchCall).qLinearMatMul, at(0, 3), 0, "QLinearMatMul")
	add((*batchCall).gemm, at(0, 1, 2), 0, "Gemm")
	add((*batchCall).einsum, anyInput, 0, "Einsum")
	add((*batchCall).recurrent, at(0, 4, 5, 6), 0, "LSTM", "GRU", "RNN")
	add((*batchCall).scatterElements, at(0, 1, 2), 0, "ScatterElements", "Scatter")
	add((*batchCall).reverseSequence, at(0, 1), 0, "ReverseSequence")
	add((*batchCall).maxUnpool, at(0, 1), at(2), "MaxUnpool")
	add((*batchCall).dft, at(0), 0, "DFT")
	add((*batchCall).det, at(0), 0, "Det")
	add((*batchCall).rotary, anyInput, 0, "RotaryEmbedding")
	add((*batchCall).affineGrid, at(0), at(1), "AffineGrid")
	addPerRow(batchRules, map[string]rowInputs{
		"GridSample": {all: []int{0, 1}}, "DeformConv": {all: []int{0, 2, 4}}, "Col2Im": {all: []int{0}}, "STFT": {all: []int{0}},
		"Attention": {all: []int{0, 1, 2, 4, 5, 6}, either: map[int]int{3: 4}},
	})
	microsoftBatchRules = map[string]batchRule{"RotaryEmbedding": batchRules["RotaryEmbedding"]}
	for _, op := range []string{"RotaryEmbedding", "MaxUnpool", "DFT", "Scan", "Gather"} {
		perRowOps[op] = true
	}
	for _, op := range []string{"Gelu", "QuickGelu", "FastGelu", "BiasGelu"} {
		microsoftBatchRules[op] = batchRule{(*batchCall).biased, at(0), 0}
	}
	for _, op := range []string{"LayerNormalization", "SimplifiedLayerNormalization"} {
		microsoftBatchRules[op] = batchRule{(*batchCall).layerNorm, at(0), 0}
		batchRules[op] = microsoftBatchRules[op]
	}
	for _, op := range []string{"FusedMatMul", "TransposeMatMul"} {
		microsoftBatchRules[op] = batchRule{(*batchCall).fusedMatMul, at(0, 1), 0}
	}
	microsoftBatchRules["FusedGemm"] = batchRules["Gemm"]
	for _, op := range []string{"DynamicQuantizeMatMul", "DynamicQuantizeLSTM"} {
		microsoftBatchRules[op] = batchRules["DynamicQuantizeLinear"]
	}
	mlBatchRules = map[string]batchRule{}
	for _, op := range []string{"Binarizer", "LabelEncoder"} {
		mlBatchRules[op] = batchRules["Abs"]
	}
	// These take a vector for one row.
	features := rowInputs{all: []int{0}, rank: 2}
	addPerRow(mlBatchRules, map[string]rowInputs{
		"Imputer": features, "LinearClassifier": features, "LinearRegressor": features, "Normalizer": features, "SVMClassifier": features, "SVMRegressor": features, "Scaler": features,
		"TreeEnsemble": features, "TreeEnsembleClassifier": features, "TreeEnsembleRegressor": features,
	})
	addPerRow(microsoftBatchRules, map[string]rowInputs{
		"Attention": {all: []int{0, 3}, either: map[int]int{5: 4}}, "FusedConv": {all: []int{0, 3}}, "MatMulNBits": {all: []int{0}},
		"EmbedLayerNormalization": {all: []int{0, 1, 7}, either: map[int]int{8: 2}}, "MultiHeadAttention": {all: []int{0, 1, 2, 4, 6, 7}, either: map[int]int{5: 4}},
		"GridSample": {all: []int{0, 1}}, "BiasSplitGelu": {all: []int{0}}, "BiasAdd": {all: []int{0, 2}},
	})
	for _, op := range []string{"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"} {
		perRowOps[op] = true
		microsoftBatchRules[op] = batchRule{(*batchCall).skipNormalize, at(0, 1), 0}
	}
}

// microsoftBatchRules says the same of the operators that ONNX Runtime adds, mlBatchRules of those of ai.onnx.ml.
var microsoftBatchRules, mlBatchRules map[string]batchRule

// one returns a single output.
func one(x *batchFact) ([]*batchFact, error) { return []*batchFact{x}, nil }

// like returns a fact of the same shape as x, whose elements are others.
func like(x *batchFact) *batchFact {
	y := *x
	y.vals, y.elem = nil, 0
	y.dims = append([]extent{}, x.dims...)
	return &y
}

// elementwise is an operator that makes each element of one element of its first input. Any other inputs are settings.
func (c *batchCall) elementwise() ([]*batchFact, error) {
	x := c.input(0)
	if x == nil {
		return nil, c.refuse("it has no input")
	}
	y := like(x)
	if c.n.GetOpType() == "Identity" {
		y.elem = x.elem
	}
	return one(y)
}

// clip is Clip, whose limits are scalars.
func (c *batchCall) clip() ([]*batchFact, error) { return c.elementwise() }

// dropout is Dropout at inference, which changes nothing.
func (c *batchCall) dropout() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if t := c.input(2); t != nil && x.rows() {
		if on, ok := t.numbers(); !ok || len(on) != 1 || on[0] != 0 {
			return nil, c.refuse("it may run in training mode, which is random")
		}
	}
	return []*batchFact{like(x), like(x)}, nil
}

// broadcasting is an operator that works element by element on inputs that are broadcast.
func (c *batchCall) broadcasting() ([]*batchFact, error) {
	switch c.n.GetOpType() {
	case "Max", "Mean", "Min", "Sum":
		if c.f.opset < 8 {
			if err := c.growAll(); err != nil {
				return nil, err
			}
		}
	}
	if c.n.GetOpType() == "PRelu" && len(c.in) == 2 && c.in[1].rows() && !c.in[0].rows() {
		return nil, c.refuse("its slope %q grows with the batch and what it is applied to does not: PRelu makes that no larger", c.n.Input[1])
	}
	y, err := c.broadcast(c.in)
	if err != nil {
		return nil, err
	}
	return one(y)
}

// growAll repeats what is the same for every row, for operators whose inputs must have one shape.
func (c *batchCall) growAll() error {
	holder := slices.IndexFunc(c.in, (*batchFact).rows)
	if holder < 0 {
		return nil
	}
	for i, x := range c.in {
		if x == nil || x.rows() {
			continue
		}
		if !x.ranked || x.rank() != c.in[holder].rank() {
			return c.refuse("its inputs %q and %q must have one shape in opset 7", c.n.Input[holder], c.n.Input[i])
		}
		if err := c.grow(i, c.in[holder].axis, holder); err != nil {
			return err
		}
	}
	return nil
}

// broadcast is the shape of inputs that are broadcast, as numpy does; the rows must meet in one axis, where everything else has the size 1.
func (c *batchCall) broadcast(ops []*batchFact) (*batchFact, error) {
	rank := 0
	for i, x := range ops {
		switch {
		case x == nil:
			return nil, c.refuse("its input %d is missing", i)
		case !x.ranked:
			return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
		}
		rank = max(rank, x.rank())
	}
	axis, holder := -1, -1
	for i, x := range ops {
		if !x.rows() {
			continue
		}
		a := x.axis + rank - x.rank()
		if holder < 0 {
			axis, holder = a, i
			continue
		}
		h := ops[holder]
		if a != axis {
			return nil, c.mixes("it holds every row of %q against every row of %q (axis %d of %s, axis %d of %s)",
				c.n.Input[holder], c.n.Input[i], h.axis, formatExtents(h.dims), x.axis, formatExtents(x.dims))
		}
		if x.dims[x.axis] != h.dims[h.axis] || x.outer != h.outer {
			return nil, c.mixes("the rows lie differently in %q (%s) and %q (%s)", c.n.Input[holder], formatExtents(h.dims), c.n.Input[i], formatExtents(x.dims))
		}
	}
	out := make([]extent, rank)
	for j := range out {
		out[j] = extentOf(1)
		for i, x := range ops {
			k := j - (rank - x.rank())
			if k < 0 {
				continue
			}
			if j == axis && !x.rows() && !x.dims[k].is(1) {
				if err := c.grow(i, k, holder); err != nil {
					return nil, err
				}
				return c.broadcast(c.in)
			}
			out[j] = c.f.meet(out[j], x.dims[k])
		}
	}
	if axis < 0 {
		return freeFact(out), nil
	}
	return rowsFact(out, axis, ops[holder].outer), nil
}

// meet is the size of an axis that two sizes are broadcast to.
func (f *batchFlow) meet(a, b extent) extent {
	switch {
	case a == b || b.is(1):
		return a
	case a.is(1):
		return b
	}
	// A number other than 1 decides: the other is the same, or 1.
	if _, ok := a.num(); ok {
		return a
	}
	if _, ok := b.num(); ok {
		return b
	}
	return f.unknown()
}

// quantize is QuantizeLinear and DequantizeLinear: with one scale, or one along an axis.
func (c *batchCall) quantize() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if x.rows() {
		scale, err := c.data(1)
		if err != nil {
			return nil, err
		}
		switch {
		case scale.rank() == 0 || scale.rank() == 1 && scale.dims[0].is(1) && c.n.AttrInt("block_size", 0) == 0:
		case scale.rank() == 1 && c.n.AttrInt("block_size", 0) == 0:
			axis, err := c.axis(x, 1)
			if err != nil {
				return nil, err
			}
			if axis == x.axis {
				return nil, c.mixes("its scales lie along axis %d, which holds the batch", axis)
			}
		default:
			return nil, c.refuse("its scales are blocked")
		}
	}
	return one(like(x))
}
