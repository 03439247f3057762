package shape

import (
	"math"
	"slices"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

// creationRules are the rules of operators that make tensors out of nothing but their shape.
func creationRules() ruleSet {
	return ruleSet{
		"Constant":          constantRule,
		"ConstantOfShape":   constantOfShapeRule,
		"Range":             rangeRule,
		"EyeLike":           likeRule("dtype"),
		"RandomNormal":      randomRule,
		"RandomUniform":     randomRule,
		"RandomNormalLike":  likeRule("dtype"),
		"RandomUniformLike": likeRule("dtype"),
		"Multinomial":       multinomialRule,
	}
}

// constantRule: the tensor, number, string or list that an attribute holds.
func constantRule(c *call) {
	list := func(elem onnxpb.TensorProto_DataType, n int) *Value { return TensorOf(elem, []Dim{Number(int64(n))}) }
	var v *Value
	if a := c.attr("value"); a != nil {
		if a.GetT() == nil {
			return
		}
		v = fromTensor(a.GetT())
	} else if a := c.attr("sparse_value"); a != nil {
		v = TensorOf(onnxpb.TensorProto_DataType(a.GetSparseTensor().GetValues().GetDataType()), numbers(a.GetSparseTensor().GetDims()))
	} else if a := c.attr("value_int"); a != nil {
		v = TensorOf(onnxpb.TensorProto_INT64, []Dim{})
		v.Ints = []Dim{Number(a.GetI())}
	} else if a := c.attr("value_ints"); a != nil {
		v = list(onnxpb.TensorProto_INT64, len(a.GetInts()))
		if len(a.GetInts()) <= maxElements {
			v.Ints = numbers(a.GetInts())
		}
	} else if a := c.attr("value_float"); a != nil {
		v = TensorOf(onnxpb.TensorProto_FLOAT, []Dim{})
		v.Floats = []float64{float64(a.GetF())}
		v.Ints = wholes(v.Floats)
	} else if a := c.attr("value_floats"); a != nil {
		v = list(onnxpb.TensorProto_FLOAT, len(a.GetFloats()))
		if len(a.GetFloats()) <= maxElements {
			v.Floats = make([]float64, len(a.GetFloats()))
			for i, f := range a.GetFloats() {
				v.Floats[i] = float64(f)
			}
			v.Ints = wholes(v.Floats)
		}
	} else if a := c.attr("value_string"); a != nil {
		v = TensorOf(onnxpb.TensorProto_STRING, []Dim{})
	} else if a := c.attr("value_strings"); a != nil {
		v = list(onnxpb.TensorProto_STRING, len(a.GetStrings()))
	} else {
		return
	}
	c.set(0, v)
}

// constantOfShapeRule: one value everywhere, float32 0 where none is given.
func constantOfShapeRule(c *call) {
	fill := &Value{Kind: Tensor, Elem: onnxpb.TensorProto_FLOAT, Ints: []Dim{Number(0)}, Floats: []float64{0}}
	if a := c.attr("value"); a != nil {
		fill = fromTensor(a.GetT())
	}
	if fill.Kind != Tensor {
		return
	}
	c.setElem(0, fill.Elem)
	dims, ok := c.ints(0)
	if !ok {
		if d, ok := c.dims(0); ok && len(d) == 1 {
			if n, ok := d[0].Const(); ok && n >= 0 && n <= maxRank {
				c.setDims(0, c.freshDims(int(n)))
			}
		}
		return
	}
	for _, d := range dims {
		if d.AtMost(-1) {
			c.fault("its shape has a negative dimension: %s", formatDims(dims))
			return
		}
	}
	n, known := product(dims).Const()
	if !known || n < 0 || n > maxElements {
		c.setDims(0, dims)
		return
	}
	var ints []Dim
	if len(fill.Ints) == 1 {
		ints = slices.Repeat(fill.Ints, int(n))
	}
	c.setInts(0, dims, ints)
	if len(fill.Floats) == 1 {
		c.setFloats(0, slices.Repeat(fill.Floats, int(n)))
	}
}

// rangeRule: ceil((limit-start)/delta) numbers, not fewer than 0.
func rangeRule(c *call) {
	c.setDims(0, []Dim{c.fresh()})
	if f, ok := rangeFloats(c); ok {
		n := math.Ceil((f[1] - f[0]) / f[2])
		if f[2] != 0 && n < 1<<52 && !math.IsNaN(n) {
			c.setDims(0, []Dim{Number(int64(max(n, 0)))})
		}
		return
	}
	start, ok1 := c.scalar(0)
	limit, ok2 := c.scalar(1)
	delta, ok3 := c.scalar(2)
	step, isNumber := delta.Const()
	if !ok1 || !ok2 || !ok3 || !isNumber {
		return
	}
	if step == 0 {
		c.fault("its delta is 0")
		return
	}
	span := limit.Sub(start)
	if step < 0 {
		span = start.Sub(limit)
		step = -step
	}
	n := expr.Max(span.CeilDiv(Number(step)), Number(0))
	var ints []Dim
	if count, ok := n.Const(); ok && count >= 0 && count <= maxElements {
		ints = make([]Dim, count)
		for i := range ints {
			ints[i] = start.Add(delta.Mul(Number(int64(i))))
		}
	}
	c.setInts(0, []Dim{n}, ints)
}

// rangeFloats returns start, limit and delta, where they are constants of a floating-point type.
func rangeFloats(c *call) ([3]float64, bool) {
	var f [3]float64
	for i := range f {
		v, ok := c.floats(i)
		if !ok || len(v) != 1 {
			return f, false
		}
		f[i] = v[0]
	}
	return f, true
}

// randomRule: the shape and the type that attributes tell.
func randomRule(c *call) {
	c.setElem(0, onnxpb.TensorProto_DataType(c.attrInt("dtype", int64(onnxpb.TensorProto_FLOAT))))
	if dims, ok := c.attrInts("shape"); ok {
		for _, d := range dims {
			if d < 0 {
				c.fault("its shape is %v", dims)
				return
			}
		}
		c.setDims(0, numbers(dims))
	}
}

// likeRule: the shape of the input; its type too, where an attribute does not tell another one.
func likeRule(dtype string) rule {
	return func(c *call) {
		c.setElem(0, c.elemOf(0))
		if a := c.attr(dtype); a != nil {
			c.setElem(0, onnxpb.TensorProto_DataType(a.GetI()))
		}
		if dims, ok := c.dims(0); ok {
			c.setDims(0, dims)
		}
	}
}

// multinomialRule: sample_size numbers for each row.
func multinomialRule(c *call) {
	c.setElem(0, onnxpb.TensorProto_DataType(c.attrInt("dtype", int64(onnxpb.TensorProto_INT32))))
	dims, ok := c.dims(0)
	batch := Dim{}
	if ok {
		if len(dims) != 2 {
			c.fault("its input has the shape %s, which is not of rank 2", formatDims(dims))
			return
		}
		batch = dims[0]
	}
	c.setDims(0, []Dim{batch, Number(c.attrInt("sample_size", 1))})
}
