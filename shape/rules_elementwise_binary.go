package shape

import (
	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

// Operators of two inputs and more.

// binary is an operator of two inputs that are broadcast to one shape.
type binary struct {
	ints   func(t onnxpb.TensorProto_DataType, a, b Dim) Dim
	floats func(a, b float64) float64
	truth  bool // whether floats gives 1 and 0 for true and false
}

// rule infers it. Before version 7 the second input was broadcast to the first one, and only if an attribute said so.
func (b binary) rule(c *call) {
	x, xok := c.dims(0)
	y, yok := c.dims(1)
	if s := c.since(); s != 0 && s < 7 {
		if xok {
			c.setDims(0, x)
		}
		if xok && yok {
			b.legacy(c, x, y)
		}
		return
	}
	if !xok || !yok {
		return
	}
	dims, ok := broadcast(c, x, y)
	if !ok {
		return
	}
	c.setDims(0, dims)
	b.elements(c, dims)
}

func (b binary) legacy(c *call, x, y []Dim) {
	if c.attrInt("broadcast", 0) == 0 {
		if dims, ok := c.unifyAll(x, y); ok {
			c.setDims(0, dims)
			b.elements(c, dims)
		}
		return
	}
	at := int64(len(x) - len(y))
	if c.attr("axis") != nil {
		at = c.attrInt("axis", 0)
		if at < 0 {
			at += int64(len(x))
		}
	}
	if len(y) > len(x) || at < 0 || at > int64(len(x)-len(y)) {
		c.fault("the shape %s cannot be broadcast to %s", formatDims(y), formatDims(x))
		return
	}
	if c.stretches(y, x[at:][:len(y)]) && int(at) == len(x)-len(y) {
		b.elements(c, x)
	}
}

// elements follows the elements of the output.
func (b binary) elements(c *call, dims []Dim) {
	c.follow(dims, b.ints, b.floats, b.truth)
}

// variadicRule is for operators of any number of inputs, which are broadcast to one shape; before version 8 they had to have the same one.
func variadicRule(ints func(onnxpb.TensorProto_DataType, Dim, Dim) Dim, floats func(a, b float64) float64) rule {
	return func(c *call) {
		if s := c.since(); s != 0 && s < 8 {
			sameShapesRule(c)
			return
		}
		shapes := make([][]Dim, len(c.in))
		for i := range c.in {
			dims, ok := c.dims(i)
			if !ok {
				return
			}
			shapes[i] = dims
		}
		if len(shapes) == 0 {
			return
		}
		dims, ok := broadcast(c, shapes...)
		if !ok {
			return
		}
		c.setDims(0, dims)
		if ints != nil {
			c.follow(dims, ints, floats, false)
		}
	}
}

// sameShapesRule is for operators whose inputs and output have one shape, without broadcasting.
func sameShapesRule(c *call) {
	var dims []Dim
	found := false
	for i := range c.in {
		d, ok := c.dims(i)
		switch {
		case !ok:
			continue
		case !found:
			dims, found = d, true
			continue
		}
		if dims, ok = c.unifyAll(dims, d); !ok {
			return
		}
	}
	if found {
		c.setDims(0, dims)
	}
}

// binaries are the operators of two inputs.
var binaries = map[string]binary{
	"Add": {addInts, func(a, b float64) float64 { return a + b }, false},
	"Sub": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return a.Sub(b) }, func(a, b float64) float64 { return a - b }, false},
	"Mul": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return a.Mul(b) }, func(a, b float64) float64 { return a * b }, false},
	"Div": {divInts, func(a, b float64) float64 { return a / b }, false},
	"Pow": {powInts, nil, false},

	"And": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return and(a, b) }, nil, false},
	"Or":  {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return not(and(not(a), not(b))) }, nil, false},
	"Xor": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim {
		// Of two truths that are not told apart it is known all the same.
		switch {
		case a.Equal(b):
			return Number(0)
		case isConst(a, 0):
			return b
		case isConst(a, 1):
			return not(b)
		case isConst(b, 0):
			return a
		case isConst(b, 1):
			return not(a)
		}
		return Dim{}
	}, nil, false},

	"Equal": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim {
		switch {
		case a.Equal(b):
			return Number(1)
		case provenUnequal(a, b):
			return Number(0)
		}
		return Dim{}
	}, func(a, b float64) float64 { return truth(a == b) }, true},
	"Less":           {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return less(a, b) }, func(a, b float64) float64 { return truth(a < b) }, true},
	"Greater":        {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return less(b, a) }, func(a, b float64) float64 { return truth(a > b) }, true},
	"LessOrEqual":    {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return not(less(b, a)) }, func(a, b float64) float64 { return truth(a <= b) }, true},
	"GreaterOrEqual": {func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return not(less(a, b)) }, func(a, b float64) float64 { return truth(a >= b) }, true},

	"BitwiseAnd": {bitwise(func(a, b int64) int64 { return a & b }), nil, false},
	"BitwiseOr":  {bitwise(func(a, b int64) int64 { return a | b }), nil, false},
	"BitwiseXor": {bitwise(func(a, b int64) int64 { return a ^ b }), nil, false},
}

func addInts(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return a.Add(b) }
func maxInts(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return expr.Max(a, b) }
func minInts(_ onnxpb.TensorProto_DataType, a, b Dim) Dim { return expr.Min(a, b) }

func divInts(t onnxpb.TensorProto_DataType, a, b Dim) Dim {
	if !isFloating(t) {
		return a.TruncDiv(b)
	}
	if q, ok := a.DivExact(b); ok {
		return q
	}
	return Dim{}
}

func powInts(t onnxpb.TensorProto_DataType, a, b Dim) Dim {
	n, ok := b.Const()
	if !ok || n < 0 || n >= 64 {
		return Dim{}
	}
	p := Number(1)
	for range n {
		// Runtimes raise integers as floating-point numbers.
		if p = fitting(onnxpb.TensorProto_DOUBLE, p.Mul(a)); !p.Known() {
			return Dim{}
		}
	}
	return p
}

func not(a Dim) Dim { return Number(1).Sub(a) }

func and(a, b Dim) Dim {
	switch {
	case isConst(a, 0) || isConst(b, 1):
		return a
	case isConst(b, 0) || isConst(a, 1) || a.Equal(b):
		return b
	}
	return Dim{}
}

func less(a, b Dim) Dim {
	d := b.Sub(a)
	switch {
	case d.AtLeast(1):
		return Number(1)
	case d.AtMost(0):
		return Number(0)
	}
	return Dim{}
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

func bitwise(f func(a, b int64) int64) func(onnxpb.TensorProto_DataType, Dim, Dim) Dim {
	return func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim {
		x, ok := a.Const()
		y, yok := b.Const()
		if !ok || !yok {
			return Dim{}
		}
		return Number(f(x, y))
	}
}

// modRule is the remainder: with the sign of the divisor, or with that of the dividend where an attribute says so, as it has to for floating-point numbers.
func modRule(c *call) {
	sign := c.attrInt("fmod", 0)
	binary{ints: func(t onnxpb.TensorProto_DataType, a, b Dim) Dim {
		switch {
		case isConst(b, 0):
			return Dim{}
		case sign != 0:
			return a.Sub(b.Mul(a.TruncDiv(b)))
		case isFloating(t):
			return Dim{}
		}
		return a.Mod(b)
	}}.rule(c)
}

// bitShiftRule moves the bits of unsigned numbers.
func bitShiftRule(c *call) {
	direction := c.attrStr("direction", "")
	binary{ints: func(_ onnxpb.TensorProto_DataType, a, b Dim) Dim {
		n, ok := b.Const()
		if !ok || n < 0 || n > 62 {
			return Dim{}
		}
		switch direction {
		case "LEFT":
			return a.Mul(Number(1 << n))
		case "RIGHT":
			return a.FloorDiv(Number(1 << n))
		}
		return Dim{}
	}}.rule(c)
}
