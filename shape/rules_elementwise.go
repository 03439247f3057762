package shape

import (
	"math"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

func elementwiseRules() ruleSet {
	rules := ruleSet{
		"Identity":  identityRule,
		"Dropout":   dropoutRule,
		"Bernoulli": bernoulliRule,
		"Cast":      castRule,
		"CastLike":  castLikeRule,
		"BitCast":   bitCastRule,
		"Clip":      clipRule,
		"PRelu":     preluRule,
		"SwiGLU":    sameShapesRule,
		"Where":     whereRule,
	}
	for _, name := range []string{"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "IsInf",
		"IsNaN", "LeakyRelu", "Log", "Mish", "Selu", "Shrink", "Sigmoid", "Sin", "Sinh", "Softplus", "Softsign", "Swish", "Tan", "Tanh", "ThresholdedRelu"} {
		rules[name] = unaryRule(nil, nil)
	}
	for name, u := range unaries {
		rules[name] = unaryRule(u.ints, u.floats)
	}
	for name, b := range binaries {
		rules[name] = b.rule
	}
	rules["Mod"], rules["BitShift"] = modRule, bitShiftRule
	// The mean is of floating-point numbers, and nobody says in which order they are added.
	rules["Mean"] = variadicRule(nil, nil)
	rules["Sum"] = variadicRule(addInts, func(a, b float64) float64 { return a + b })
	rules["Max"] = variadicRule(maxInts, math.Max)
	rules["Min"] = variadicRule(minInts, math.Min)
	return rules
}

// Operators of one input.

// unary is what an operator makes of an element: of one that is a whole number, and of a constant.
type unary struct {
	ints   func(t onnxpb.TensorProto_DataType, x Dim) Dim
	floats func(x float64) float64
}

// unaries are the operators of one input that are followed through their elements.
var unaries = map[string]unary{
	"Abs": {func(_ onnxpb.TensorProto_DataType, x Dim) Dim {
		switch {
		case x.AtLeast(0):
			return x
		case x.AtMost(0):
			return x.Neg()
		}
		return expr.Max(x, x.Neg())
	}, math.Abs},
	"Neg": {func(_ onnxpb.TensorProto_DataType, x Dim) Dim { return x.Neg() }, func(x float64) float64 { return -x }},
	"Sign": {func(_ onnxpb.TensorProto_DataType, x Dim) Dim {
		switch {
		case x.AtLeast(1):
			return Number(1)
		case x.AtMost(-1):
			return Number(-1)
		case isConst(x, 0):
			return x
		}
		return Dim{}
	}, func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	}},
	"Relu":       {func(_ onnxpb.TensorProto_DataType, x Dim) Dim { return expr.Max(x, Number(0)) }, func(x float64) float64 { return math.Max(x, 0) }},
	"Floor":      {wholeAlready, math.Floor},
	"Ceil":       {wholeAlready, math.Ceil},
	"Round":      {wholeAlready, math.RoundToEven},
	"Sqrt":       {nil, math.Sqrt},
	"Reciprocal": {nil, func(x float64) float64 { return 1 / x }},
	"Not":        {func(_ onnxpb.TensorProto_DataType, x Dim) Dim { return Number(1).Sub(x) }, nil},
	"BitwiseNot": {func(t onnxpb.TensorProto_DataType, x Dim) Dim {
		low, high, ok := intRange(t)
		switch {
		case !ok || t == onnxpb.TensorProto_UINT64:
			return Dim{}
		case low == 0:
			return Number(high).Sub(x)
		}
		return Number(-1).Sub(x)
	}, nil},
}

func wholeAlready(_ onnxpb.TensorProto_DataType, x Dim) Dim { return x }

// unaryRule gives an output of the shape of its input, whose elements it makes of those of the input where it can.
func unaryRule(ints func(onnxpb.TensorProto_DataType, Dim) Dim, floats func(float64) float64) rule {
	return func(c *call) {
		dims, ok := c.dims(0)
		if !ok {
			return
		}
		c.setDims(0, dims)
		t := c.outElem(0)
		if list, ok := c.floats(0); ok && isFloating(t) {
			if floats != nil {
				c.setRounded(0, len(list), func(i int) (float64, bool) { return floats(list[i]), true })
			}
			return
		}
		if list, ok := c.ints(0); ok && ints != nil {
			out := make([]Dim, len(list))
			for i, x := range list {
				out[i] = fitting(t, ints(t, x))
			}
			c.setInts(0, dims, out)
		}
	}
}

// identityRule gives its input, of whatever kind, with all that is known of it.
func identityRule(c *call) {
	if v := c.input(0); v != nil && v.Kind != Unknown {
		c.set(0, v)
	}
}

// dropoutRule gives the input and a mask of the same shape.
func dropoutRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	c.setDims(1, dims)
}

// bernoulliRule gives numbers of the type that is asked for, or else that of the input.
func bernoulliRule(c *call) {
	if c.attr("dtype") == nil {
		c.setElem(0, c.elemOf(0))
	} else if elem, ok := c.attrElem("dtype", 0); ok {
		c.setElem(0, elem)
	}
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
	}
}

// clipRule keeps elements between two limits: attributes of floating-point numbers before version 11, inputs since.
func clipRule(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	if s := c.since(); s != 0 && s < 11 {
		return
	}
	for i := 1; i <= 2; i++ {
		if limit, ok := c.dims(i); ok && len(limit) > 0 {
			// Some exporters write a tensor of one element, which runtimes take.
			if n := product(limit); n.AtLeast(2) || n.AtMost(0) {
				c.fault("a limit has the shape %s, and has to be a scalar", formatDims(limit))
			}
		}
	}
	if x, ok := c.floats(0); ok && isFloating(c.outElem(0)) {
		clipFloats(c, x)
		return
	}
	list, ok := c.ints(0)
	if !ok {
		return
	}
	out := list
	limit := func(at int, pick func(a, b Dim) Dim) bool {
		if !c.has(at) {
			return true
		}
		n, ok := c.scalar(at)
		if !ok {
			return false
		}
		next := make([]Dim, len(out))
		for i, x := range out {
			next[i] = pick(x, n)
		}
		out = next
		return true
	}
	if limit(1, expr.Max) && limit(2, expr.Min) {
		c.setInts(0, dims, out)
	}
}

// clipFloats clips constants, where the limits are constants too.
func clipFloats(c *call, x []float64) {
	low, high := math.Inf(-1), math.Inf(1)
	for i, limit := range []*float64{&low, &high} {
		if !c.has(i + 1) {
			continue
		}
		v, ok := c.floats(i + 1)
		if !ok || len(v) != 1 || math.IsNaN(v[0]) {
			return
		}
		*limit = v[0]
	}
	// A NaN stays one; where the limits cross, the upper one holds, as the specification says of Min(max, Max(input, min)).
	c.setRounded(0, len(x), func(i int) (float64, bool) { return math.Min(high, math.Max(low, x[i])), !math.IsNaN(x[i]) })
}

// preluRule gives the shape of its first input, to which the slope is broadcast; before version 7 that was one number or one for each channel.
func preluRule(c *call) {
	x, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, x)
	if s := c.since(); s != 0 && s < 7 {
		return
	}
	if slope, ok := c.dims(1); ok {
		c.stretches(slope, x)
	}
}

// whereRule takes elements of one input or another one.
func whereRule(c *call) {
	cond, ok0 := c.dims(0)
	x, ok1 := c.dims(1)
	y, ok2 := c.dims(2)
	if !ok0 || !ok1 || !ok2 {
		return
	}
	dims, ok := broadcast(c, cond, x, y)
	if !ok {
		return
	}
	c.setDims(0, dims)
	g, ok := c.grid(dims)
	if !ok {
		return
	}
	choice := g[0]
	t := c.outElem(0)
	out := make([]Dim, len(choice.at))
	floats := make([]float64, len(choice.at))
	for i := range out {
		a, b := g[1].int(i), g[2].int(i)
		which := choice.int(i)
		switch n, ok := which.Const(); {
		case ok && n != 0:
			out[i] = a
			floats = g[1].float(floats, i)
		case ok:
			out[i] = b
			floats = g[2].float(floats, i)
		default:
			floats = nil
			if a.Equal(b) {
				out[i] = a
			}
		}
	}
	c.setInts(0, dims, out)
	if floats != nil && isFloating(t) {
		c.setFloats(0, floats)
	}
}
