package surgery

import (
	"math"

	"onnxtool/onnxpb"
)

// values computes the output of an operator on small tensors of numbers, as graphs compute shapes. Nil where it is no such thing.
func (c *batchCall) values() *batchFact {
	if onnxpb.NormalDomain(c.n.GetDomain()) != "" || len(c.n.GetOutput()) == 0 {
		return nil
	}
	switch c.n.GetOpType() {
	case "Constant":
		return c.constant()
	case "Shape":
		return c.shapeValues()
	case "Size":
		if x := c.input(0); x != nil && x.ranked {
			return valsFact(onnxpb.TensorProto_INT64, nil, []extent{product(x.dims)})
		}
		return nil
	}
	for _, x := range c.in {
		if x != nil && x.vals == nil {
			return nil
		}
	}
	if c.input(0) == nil {
		return nil
	}
	x := c.computeValues()
	if x == nil || len(x.vals) > maxVals {
		return nil
	}
	// A graph that is not valid may join what does not fit.
	dims, ok := x.numDims()
	if n, err := onnxpb.Count(dims); !ok || err != nil || n != int64(len(x.vals)) {
		return nil
	}
	return x
}

// constant is the fact of a Constant node.
func (c *batchCall) constant() *batchFact {
	for _, a := range c.n.GetAttribute() {
		switch a.GetName() {
		case "value":
			return c.f.tensorFact(a.GetT())
		case "sparse_value":
			return freeFact(extentsOf(a.GetSparseTensor().GetDims()))
		case "value_int":
			return valsFact(onnxpb.TensorProto_INT64, nil, []extent{extentOf(a.GetI())})
		case "value_ints":
			return c.f.tensorFact(onnxpb.TensorOf("", []int64{int64(len(a.Ints))}, a.Ints))
		case "value_float":
			return c.f.tensorFact(onnxpb.TensorOf("", nil, []float32{a.GetF()}))
		case "value_floats":
			return c.f.tensorFact(onnxpb.TensorOf("", []int64{int64(len(a.Floats))}, a.Floats))
		case "value_string":
			return freeFact([]extent{})
		case "value_strings":
			return freeFact([]extent{extentOf(int64(len(a.Strings)))})
		}
	}
	return nil
}

// shapeValues is Shape, with the start and end that it has from version 15 on.
func (c *batchCall) shapeValues() *batchFact {
	x := c.input(0)
	if x == nil || !x.ranked {
		return nil
	}
	r := int64(x.rank())
	clamp := func(v int64) int64 {
		if v < 0 {
			v += r
		}
		return max(0, min(v, r))
	}
	from, to := clamp(c.n.AttrInt("start", 0)), clamp(c.n.AttrInt("end", r))
	to = max(from, to)
	return valsFact(onnxpb.TensorProto_INT64, []int64{to - from}, append([]extent{}, x.dims[from:to]...))
}

// isFloat tells whether numbers of a type may be no integers.
func isFloat(t onnxpb.TensorProto_DataType) bool {
	switch t {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16:
		return true
	}
	return false
}

// computeValues computes with tensors whose elements are all known.
func (c *batchCall) computeValues() *batchFact {
	x := c.in[0]
	switch op := c.n.GetOpType(); op {
	case "Identity":
		return x
	case "Cast":
		to := onnxpb.TensorProto_DataType(c.n.AttrInt("to", 0))
		return c.mapValues(to, func(v extent) extent { return c.f.castExtent(v, x.elem, to) })
	case "Floor", "Ceil", "Round":
		return c.mapValues(x.elem, func(v extent) extent { return c.f.castExtent(v, x.elem, onnxpb.TensorProto_INT64) })
	case "Neg":
		return c.mapValues(x.elem, func(v extent) extent { return v.times(-1) })
	case "Not":
		return c.mapValues(x.elem, func(v extent) extent { return c.f.either(v, func(i int64) bool { return i == 0 }) })
	case "Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Greater", "Less", "And", "Or", "GreaterOrEqual", "LessOrEqual":
		if len(c.in) != 2 || c.in[1] == nil {
			return nil
		}
		if op == "Div" {
			if y := c.chunk(); y != nil {
				return y
			}
		}
		elem := x.elem
		switch op {
		case "Equal", "Greater", "Less", "And", "Or", "GreaterOrEqual", "LessOrEqual":
			elem = onnxpb.TensorProto_BOOL
		}
		return zipValues(elem, func(v []extent) extent { return c.f.arith(op, v[0], v[1], x.elem) }, c.in...)
	case "Where":
		if len(c.in) != 3 || c.in[1] == nil || c.in[2] == nil {
			return nil
		}
		return zipValues(c.in[1].elem, func(v []extent) extent { return c.f.choose(v[0], v[1], v[2]) }, c.in...)
	case "ReduceProd":
		if axes, given, err := c.ints("axes", 1); err != nil || given && !(len(axes) == 1 && x.rank() == 1) {
			return nil
		}
		dims := []int64{}
		if c.n.AttrInt("keepdims", 1) != 0 {
			for range x.dims {
				dims = append(dims, 1)
			}
		}
		return valsFact(x.elem, dims, []extent{product(x.vals)})
	case "Concat":
		return c.concatValues()
	case "Gather", "Slice", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Flatten":
		return c.moveValues()
	case "ConstantOfShape":
		return c.filledValues()
	case "Range":
		return c.rangeValues()
	}
	return nil
}

func (c *batchCall) mapValues(elem onnxpb.TensorProto_DataType, fn func(extent) extent) *batchFact {
	x := c.in[0]
	out := make([]extent, len(x.vals))
	for i, v := range x.vals {
		out[i] = fn(v)
	}
	f := freeFact(x.dims)
	f.elem, f.vals = elem, out
	return f
}

// zipValues computes element by element, of tensors of the same shape or of one element.
func zipValues(elem onnxpb.TensorProto_DataType, fn func([]extent) extent, in ...*batchFact) *batchFact {
	shape := in[0]
	for _, x := range in {
		if len(x.vals) > len(shape.vals) || len(x.vals) == len(shape.vals) && x.rank() > shape.rank() {
			shape = x
		}
	}
	for _, x := range in {
		if len(x.vals) == 1 && x.rank() <= shape.rank() {
			continue
		}
		if formatExtents(x.dims) != formatExtents(shape.dims) {
			return nil
		}
	}
	out := make([]extent, len(shape.vals))
	for i := range out {
		v := make([]extent, len(in))
		for k, x := range in {
			if v[k] = x.vals[0]; len(x.vals) > 1 {
				v[k] = x.vals[i]
			}
		}
		out[i] = fn(v)
	}
	f := freeFact(shape.dims)
	f.elem, f.vals = elem, out
	return f
}

// vague is the number that is left where a computation cannot be followed: an unknown one, and where the batch went in, a bad one.
func (f *batchFlow) vague(from ...extent) extent {
	for _, e := range from {
		if e.onBatch() {
			return badExtent
		}
	}
	return f.unknown()
}

// chunk is the length of a part of so many rows, as chunk(k) is exported: (k*N + k-1) / k, rounded down, which is N. Nil where it is no such thing.
func (c *batchCall) chunk() *batchFact {
	by, ok := c.in[1].numbers()
	p := c.f.g.Producer(c.n.Input[0])
	if !ok || len(by) != 1 || by[0] < 1 || p == nil || p.GetOpType() != "Add" || len(p.GetInput()) != 2 {
		return nil
	}
	a, b := c.f.facts[p.Input[0]], c.f.facts[p.Input[1]]
	if a == nil || b == nil || len(a.vals) != 1 || len(c.in[0].vals) != 1 || c.in[0].elem != elemInt64 {
		return nil
	}
	rest, ok := b.numbers()
	part, whole := a.vals[0].div(extentOf(by[0]))
	if !ok || len(rest) != 1 || rest[0] < 0 || rest[0] >= by[0] || !whole || !part.onBatch() {
		return nil
	}
	y := *c.in[0]
	y.vals = []extent{part}
	return &y
}

// either computes a truth value of one number.
func (f *batchFlow) either(v extent, fn func(int64) bool) extent {
	n, ok := v.num()
	switch {
	case !ok:
		return f.vague(v)
	case fn(n):
		return extentOf(1)
	}
	return extentOf(0)
}

// castExtent is a number after a Cast.
func (f *batchFlow) castExtent(v extent, from, to onnxpb.TensorProto_DataType) extent {
	if to == onnxpb.TensorProto_BOOL {
		return f.either(v, func(i int64) bool { return i != 0 })
	}
	if n, ok := v.num(); ok {
		limit := int64(127)
		switch to {
		case onnxpb.TensorProto_INT64:
			return v
		case onnxpb.TensorProto_INT32:
			limit = 1<<31 - 1
		case onnxpb.TensorProto_DOUBLE:
			limit = 1 << 53
		case onnxpb.TensorProto_FLOAT:
			limit = 1 << 24
		}
		if n < 0 && n >= -limit && (isFloat(to) || to == onnxpb.TensorProto_INT32) || n >= 0 && n <= limit {
			return v
		}
		return f.vague(v)
	}
	if isFloat(from) && !isFloat(to) && v.syms != "" {
		return f.vague(v) // what is unknown may be no integer
	}
	return v
}

// arith computes with two numbers.
func (f *batchFlow) arith(op string, a, b extent, elem onnxpb.TensorProto_DataType) extent {
	x, okX := a.num()
	y, okY := b.num()
	if okX && okY {
		return f.plainArith(op, x, y, elem)
	}
	if a.bad || b.bad {
		return badExtent
	}
	switch op {
	case "Add", "Sub":
		if op == "Sub" {
			b = b.times(-1)
		}
		switch {
		case a.c == 0:
			return b
		case b.c == 0:
			return a
		case a.n == b.n && a.syms == b.syms:
			if a.c+b.c == 0 {
				return extent{}
			}
			return extent{c: a.c + b.c, n: a.n, syms: a.syms}
		}
	case "Mul":
		if p := a.mul(b); !p.bad {
			return p
		}
	case "Div":
		if q, ok := a.div(b); ok {
			return q
		}
	case "Equal":
		if a == b {
			return extentOf(1)
		}
		// The batch is no negative number.
		if a.n > 0 && a.syms == "" && a.c > 0 && okY && y < 0 || b.n > 0 && b.syms == "" && b.c > 0 && okX && x < 0 {
			return extentOf(0)
		}
	}
	return f.vague(a, b)
}

func (f *batchFlow) plainArith(op string, x, y int64, elem onnxpb.TensorProto_DataType) extent {
	truth := func(b bool) extent {
		if b {
			return extentOf(1)
		}
		return extentOf(0)
	}
	const big = math.MaxInt64 / 2
	switch op {
	case "Add":
		if abs64(x) < big && abs64(y) < big {
			return extentOf(x + y)
		}
	case "Sub":
		if abs64(x) < big && abs64(y) < big {
			return extentOf(x - y)
		}
	case "Mul":
		if p := extentOf(x).mul(extentOf(y)); !p.bad {
			return p
		}
	case "Div":
		if y != 0 && x != math.MinInt64 && (!isFloat(elem) || x%y == 0) {
			return extentOf(x / y)
		}
	case "Mod":
		if y > 0 && x >= 0 {
			return extentOf(x % y)
		}
	case "Min":
		return extentOf(min(x, y))
	case "Max":
		return extentOf(max(x, y))
	case "Equal":
		return truth(x == y)
	case "Greater":
		return truth(x > y)
	case "Less":
		return truth(x < y)
	case "GreaterOrEqual":
		return truth(x >= y)
	case "LessOrEqual":
		return truth(x <= y)
	case "And":
		return truth(x != 0 && y != 0)
	case "Or":
		return truth(x != 0 || y != 0)
	}
	return f.unknown()
}

func abs64(x int64) int64 {
	if x < 0 && x != math.MinInt64 {
		return -x
	}
	if x == math.MinInt64 {
		return math.MaxInt64
	}
	return x
}

// choose is an element of Where.
func (f *batchFlow) choose(cond, a, b extent) extent {
	if n, ok := cond.num(); ok {
		if n != 0 {
			return a
		}
		return b
	}
	if a == b {
		return a
	}
	return f.vague(cond, a, b)
}
