package shape

import (
	"slices"

	"onnxtool/onnxpb"
)

// microsoftRules are those of the operators that ONNX Runtime adds, and its optimizer puts into models. The table of operators does not have them, so that the rules
// tell the element types as well.
func microsoftRules() ruleSet {
	rules := ruleSet{
		"BiasDropout":                  biasDropoutRule,
		"BiasSplitGelu":                biasSplitGeluRule,
		"CDist":                        distanceRule,
		"ConvTransposeWithDynamicPads": dynamicPadsRule,
		"CropAndResize":                cropAndResizeRule,
		"EmbedLayerNormalization":      embedNormRule,
		"ExpandDims":                   expandDimsRule,
		"FusedConv":                    typedBy(0, func(c *call) { convRule(c, 0, 1) }),
		"GridSample":                   typedBy(0, gridSampleRule),
		"Irfft":                        irfftRule,
		"LayerNormalization":           oldNormRule,
		"NhwcMaxPool":                  typedBy(0, channelsLast(pooled)),
		"Pad":                          padsRule,
		"Rfft":                         rfftRule,
		"SimplifiedLayerNormalization": oldNormRule,
		"SkipGroupNorm":                func(c *call) { c.same(0, 0); c.same(1, 0) },
		"TorchEmbedding":               embeddingRule,
		"Unique":                       uniqueOfVectorRule,
	}
	// What comes out is as what goes in first.
	for _, name := range []string{
		"BiasAdd", "BiasGelu", "BiasSoftmax", "FastGelu", "GatedAdd", "GatedRMSNorm", "Gelu", "GroupNorm", "Inverse", "LongformerAttention", "MoE", "QLinearLeakyRelu",
		"QLinearSigmoid", "QLinearSoftmax", "QMoE", "QuickGelu", "RotaryEmbedding", "Trilu",
	} {
		rules[name] = func(c *call) { c.same(0, 0) }
	}
	for _, name := range []string{"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"} {
		rules[name] = skipNormRule
	}
	for _, set := range []ruleSet{microsoftAttentionRules(), microsoftMatrixRules()} {
		for name, r := range set {
			rules[name] = r
		}
	}
	return rules
}

// typedBy has the first output hold what an input holds, before a rule tells its shape.
func typedBy(in int, r rule) rule {
	return func(c *call) {
		c.setElem(0, c.elemOf(in))
		r(c)
	}
}

// channelsLast makes a rule of one that has the channels second: here they stand last.
func channelsLast(shape func(*call, []Dim) ([]Dim, bool)) rule {
	return func(c *call) {
		x, ok := c.dims(0)
		if !ok {
			return
		}
		if len(x) < 2 {
			c.fault("the data have rank %d, and need a batch and a channel axis", len(x))
			return
		}
		if out, ok := shape(c, channelsSecond(x)); ok {
			c.setDims(0, channelsAtEnd(out))
		}
	}
}

// channelsSecond moves the last dimension to the second place; channelsAtEnd moves it back.
func channelsSecond(x []Dim) []Dim {
	last := len(x) - 1
	return append([]Dim{x[0], x[last]}, x[1:last]...)
}

func channelsAtEnd(x []Dim) []Dim {
	return append(append([]Dim{x[0]}, x[2:]...), x[1])
}

func biasDropoutRule(c *call) {
	c.same(0, 0)
	c.setElem(1, onnxpb.TensorProto_BOOL)
	if x, ok := c.dims(0); ok {
		c.setDims(1, x)
	}
}

// biasSplitGeluRule: the one half of the last axis is the gate of the other.
func biasSplitGeluRule(c *call) {
	c.same(0, 0)
	if x, ok := c.dims(0); ok && len(x) > 0 {
		last := len(x) - 1
		c.setDims(0, append(slices.Clone(x[:last]), shareOf(c, x[last], Number(2), "the last dimension")))
	}
}

func distanceRule(c *call) {
	c.setElem(0, c.elemOf(0))
	if ofRank(c, 0, 2, "A") && ofRank(c, 1, 2, "B") {
		a, _ := c.dims(0)
		b, _ := c.dims(1)
		c.unify(dimOf(a, 1), dimOf(b, 1), "the columns of A and B")
		c.setDims(0, []Dim{dimOf(a, 0), dimOf(b, 0)})
	}
}

// dynamicPadsRule tells of a transposed convolution whose paddings are an input what does not follow from them.
func dynamicPadsRule(c *call) {
	c.setElem(0, c.elemOf(0))
	n, ok := spatialRank(c, 0, 1, "the data and the weights")
	if !ok || n < 0 {
		return
	}
	group, ok := groupOf(c, "group")
	if !ok {
		return
	}
	x, _ := c.dims(0)
	k, _ := c.dims(1)
	c.setDims(0, append([]Dim{dimOf(x, 0), dimOf(k, 1).Mul(group)}, make([]Dim, n)...))
}

func cropAndResizeRule(c *call) {
	c.setElem(0, c.elemOf(0))
	if !ofRank(c, 0, 4, "the data") || !ofRank(c, 1, 2, "the regions") {
		return
	}
	x, _ := c.dims(0)
	rois, _ := c.dims(1)
	batch, _ := c.dims(2)
	size, ok := c.ints(3)
	if !ok || len(size) != 2 {
		size = make([]Dim, 2)
	}
	if !areLengths(c, size, "crop_size") {
		return
	}
	n := c.unify(dimOf(rois, 0), dimOf(batch, 0), "the regions and the batch indices")
	c.setDims(0, []Dim{n, dimOf(x, 1), size[0], size[1]})
}

func embedNormRule(c *call) {
	t := c.elemOf(2)
	c.setElem(0, t)
	c.setElem(1, onnxpb.TensorProto_INT32)
	c.setElem(2, t)
	if !ofRank(c, 0, 2, "input_ids") || !ofRank(c, 2, 2, "word_embedding") {
		return
	}
	ids, _ := c.dims(0)
	segments, _ := c.dims(1)
	words, _ := c.dims(2)
	gamma, _ := c.dims(5)
	batch := c.unify(dimOf(ids, 0), dimOf(segments, 0), "the batches of input_ids and segment_ids")
	length := c.unify(dimOf(ids, 1), dimOf(segments, 1), "the lengths of input_ids and segment_ids")
	width := c.unify(dimOf(words, 1), dimOf(gamma, 0), "the width of the embedding and of gamma")
	for _, d := range []*Dim{&batch, &length, &width} {
		if !d.Known() {
			*d = c.fresh()
		}
	}
	c.setDims(0, []Dim{batch, length, width})
	if c.attrInt("mask_index_type", 1) == 1 {
		c.setDims(1, []Dim{batch})
	}
	c.setDims(2, []Dim{batch, length, width})
}

// expandDimsRule: a negative axis is counted in different ways by different versions of the runtime, and is not told.
func expandDimsRule(c *call) {
	c.setElem(0, c.elemOf(0))
	x, ok := c.dims(0)
	if !ok {
		return
	}
	axis, known := c.scalar(1)
	n, number := axis.Const()
	if !known || !number || n < 0 {
		c.setDims(0, make([]Dim, len(x)+1))
		return
	}
	if n > int64(len(x)) {
		c.fault("axis %d is not one of a tensor of rank %d", n, len(x)+1)
		return
	}
	c.setDims(0, slices.Insert(slices.Clone(x), int(n), Number(1)))
}

func rfftRule(c *call) {
	c.setElem(0, c.elemOf(0))
	x, ok := c.dims(0)
	if !ok || len(x) == 0 {
		return
	}
	out := slices.Clone(x)
	if last := len(x) - 1; c.attrInt("onesided", 1) != 0 {
		out[last] = x[last].FloorDiv(Number(2)).Add(Number(1))
	}
	c.setDims(0, append(out, Number(2)))
}

func irfftRule(c *call) {
	c.setElem(0, c.elemOf(0))
	x, ok := c.dims(0)
	if !ok {
		return
	}
	if len(x) < 2 {
		c.fault("the input has rank %d, and needs an axis of the signal and one of the parts of a complex number", len(x))
		return
	}
	c.unify(x[len(x)-1], Number(2), "the parts of a complex number, and 2,")
	out := slices.Clone(x[:len(x)-1])
	if last := len(out) - 1; c.attrInt("onesided", 1) != 0 {
		out[last] = out[last].Sub(Number(1)).Mul(Number(2))
		if !areLengths(c, out[last:], "the signal") {
			return
		}
	}
	c.setDims(0, out)
}

// oldNormRule is that of the layer normalizations that the runtime had before ONNX did. The result is of the type of the scale, the statistics are of that of
// the computation, and have 1 on the axes that are normalized.
func oldNormRule(c *call) {
	if t, s := c.elemOf(0), c.elemOf(1); t == s || s == onnxpb.TensorProto_UNDEFINED {
		c.setElem(0, t)
	} else {
		c.setElem(0, s)
	}
	if stash, ok := c.attrElem("stash_type", onnxpb.TensorProto_FLOAT); ok {
		c.setElem(1, stash)
		c.setElem(2, stash)
	}
	x, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, x)
	axis, ok := c.axis(c.attrInt("axis", -1), len(x))
	if !ok {
		return
	}
	stats := slices.Clone(x)
	for i := axis; i < len(stats); i++ {
		stats[i] = Number(1)
	}
	c.setDims(1, stats)
	c.setDims(2, stats)
}

// skipNormRule: the skip may be broadcast, the input is not. The statistics are made in training only.
func skipNormRule(c *call) {
	c.same(0, 0)
	c.setElem(1, onnxpb.TensorProto_FLOAT)
	c.setElem(2, onnxpb.TensorProto_FLOAT)
	c.same(3, 0)
}

func padsRule(c *call) {
	c.setElem(0, c.elemOf(0))
	x, ok := c.dims(0)
	if !ok {
		return
	}
	pads, known := c.ints(1)
	if known && len(pads) != 2*len(x) {
		c.fault("%d pads are given for %d axes", len(pads), len(x))
		return
	}
	out := make([]Dim, len(x))
	if known {
		for i, d := range x {
			out[i] = d.Add(pads[i]).Add(pads[len(x)+i])
			if out[i].AtMost(-1) {
				c.fault("axis %d would have %s elements", i, formatDim(out[i]))
				out[i] = Dim{}
			}
		}
	}
	c.setDims(0, out)
}

func embeddingRule(c *call) {
	c.setElem(0, c.elemOf(0))
	if !ofRank(c, 0, 2, "the weight") {
		return
	}
	w, _ := c.dims(0)
	if ids, ok := c.dims(1); ok {
		c.setDims(0, append(slices.Clone(ids), dimOf(w, 1)))
	}
}

func uniqueOfVectorRule(c *call) {
	c.setElem(0, c.elemOf(0))
	c.setElem(1, onnxpb.TensorProto_INT64)
	c.setElem(2, onnxpb.TensorProto_INT64)
	if !ofRank(c, 0, 1, "the input") {
		return
	}
	x, _ := c.dims(0)
	n := c.fresh()
	c.setDims(0, []Dim{n})
	c.setDims(1, []Dim{dimOf(x, 0)})
	c.setDims(2, []Dim{n})
}
