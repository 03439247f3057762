package shape

import "onnxtool/onnxpb"

func quantizationRules() ruleSet {
	return ruleSet{
		"QuantizeLinear":        quantizeRule,
		"DequantizeLinear":      dequantizeRule,
		"DynamicQuantizeLinear": dynamicQuantizeRule,
	}
}

// quantizeRule: the type is that of the zero point, or what output_dtype says, or uint8.
func quantizeRule(c *call) {
	if c.attrInt("output_dtype", 0) != 0 && !elemOfAttr(c, 0, "output_dtype", onnxpb.TensorProto_UNDEFINED) {
		return
	}
	switch zero, said := c.elemOf(2), c.outElem(0); {
	case zero != onnxpb.TensorProto_UNDEFINED:
		if said != onnxpb.TensorProto_UNDEFINED && said != zero {
			c.fault("output_dtype is %s, and the zero point is %s", onnxpb.TypeName(said), onnxpb.TypeName(zero))
		}
		c.setElem(0, zero)
	case said == onnxpb.TensorProto_UNDEFINED && !c.has(2):
		c.setElem(0, onnxpb.TensorProto_UINT8)
	}
	quantized(c)
}

func dequantizeRule(c *call) {
	if c.attrInt("output_dtype", 0) != 0 {
		if !elemOfAttr(c, 0, "output_dtype", onnxpb.TensorProto_UNDEFINED) {
			return
		}
	} else if t := c.elemOf(1); t != onnxpb.TensorProto_UNDEFINED && c.outElem(0) == onnxpb.TensorProto_UNDEFINED {
		c.setElem(0, t)
	}
	quantized(c)
}

// quantized sets the shape, which is that of the input, and holds the scale against it: one number, one for each place along an axis, or one for each block along it.
func quantized(c *call) {
	x, ok := c.dims(0)
	if !ok {
		return
	}
	out := append([]Dim(nil), x...)
	scale, known := c.dims(1)
	block := c.attrInt("block_size", 0)
	switch {
	case !known:
	case block > 0:
		axis, ok := c.axis(c.attrInt("axis", 1), len(x))
		if !ok {
			return
		}
		if len(scale) != len(x) {
			c.fault("the input and the scale have rank %d and %d, which have to be equal where there are blocks", len(x), len(scale))
			return
		}
		for i, d := range scale {
			if i == axis {
				c.unify(d, x[i].CeilDiv(Number(block)), "the scales along the axis and the blocks")
			} else {
				out[i] = c.unify(out[i], d, "the dimensions of the input and of the scale")
			}
		}
	case len(scale) == 1 && len(x) > 1 && scale[0].AtLeast(2):
		axis, ok := c.axis(c.attrInt("axis", 1), len(x))
		if !ok {
			return
		}
		out[axis] = c.unify(out[axis], scale[0], "the dimension of the axis and the scales")
	}
	c.setDims(0, out)
}

func dynamicQuantizeRule(c *call) {
	if x, ok := c.dims(0); ok {
		c.setDims(0, x)
	}
	c.setDims(1, nil)
	c.setDims(2, nil)
}
