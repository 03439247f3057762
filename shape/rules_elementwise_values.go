package shape

import (
	"math"

	"onnxtool/onnxpb"
)

// operand is an input whose elements are followed, as it is broadcast to a shape.
type operand struct {
	v  *Value
	at []int // which of its elements each element of the shape is made of
}

// int returns what comes to an element of the shape, where it is a whole number.
func (o operand) int(i int) Dim {
	switch at := o.at[i]; {
	case o.v.Ints != nil:
		return o.v.Ints[at]
	case o.v.Floats != nil:
		if whole := wholes(o.v.Floats[at : at+1]); whole != nil {
			return whole[0]
		}
	}
	return Dim{}
}

// float puts what comes to an element of the shape into a list of them, where it is a constant: else there is no list, then or later.
func (o operand) float(list []float64, i int) []float64 {
	if list == nil || o.v.Floats == nil {
		return nil
	}
	list[i] = o.v.Floats[o.at[i]]
	return list
}

// grid returns all inputs as they are broadcast to a shape; false where that has too many elements to follow them, or where a shape is not known in numbers.
func (c *call) grid(dims []Dim) ([]operand, bool) {
	to, total, ok := countElements(dims)
	if !ok || len(c.in) > maxElements/16 {
		return nil, false
	}
	list := make([]operand, len(c.in))
	for k := range c.in {
		d, ok := c.dims(k)
		if !ok || c.in[k].Kind != Tensor {
			return nil, false
		}
		from, n, ok := countElements(d)
		v := c.in[k]
		if !ok || len(from) > len(to) || v.Ints != nil && len(v.Ints) != n || v.Floats != nil && len(v.Floats) != n {
			return nil, false
		}
		list[k] = operand{v, spread(from, to, total)}
	}
	return list, true
}

// countElements returns a shape in numbers and how many elements it has; false where it has more than are followed.
func countElements(dims []Dim) ([]int64, int, bool) {
	n, ok := constants(dims)
	if !ok {
		return nil, 0, false
	}
	total := int64(1)
	for _, d := range n {
		if d < 0 || d > maxElements {
			return nil, 0, false
		}
		if total *= d; total > maxElements {
			return nil, 0, false
		}
	}
	return n, int(total), true
}

// spread tells for each of all elements of a shape which element of a smaller one is broadcast to it.
func spread(from, to []int64, total int) []int {
	at := make([]int, total)
	inner, stride := 1, 1 // how many elements of each shape one step along the axis passes
	for i := len(to) - 1; i >= 0 && total > 0; i-- {
		own := int64(1)
		if k := i - (len(to) - len(from)); k >= 0 {
			own = from[k]
		}
		if own > 1 {
			for e := range at {
				at[e] += e / inner % int(own) * stride
			}
			stride *= int(own)
		}
		inner *= int(to[i])
	}
	return at
}

// follow makes the elements of the first output, one after another, of those of all inputs as they are broadcast to its shape. truth says that floats gives 1 and
// 0 for true and false.
func (c *call) follow(dims []Dim, ints func(t onnxpb.TensorProto_DataType, a, b Dim) Dim, floats func(a, b float64) float64, truth bool) {
	t := c.outElem(0)
	if t == onnxpb.TensorProto_UNDEFINED {
		return
	}
	constant := floats != nil
	for _, v := range c.in {
		if v == nil || v.Ints == nil && v.Floats == nil {
			return
		}
		constant = constant && v.Floats != nil
	}
	g, ok := c.grid(dims)
	if !ok || len(g) == 0 || truth && len(g) != 2 {
		return
	}
	n := len(g[0].at)
	if constant && !truth {
		c.setRounded(0, n, func(i int) (float64, bool) {
			x, ok := g[0].v.Floats[g[0].at[i]], true
			for _, o := range g[1:] {
				if ok {
					x, ok = rounded(t, floats(x, o.v.Floats[o.at[i]]))
				}
			}
			return x, ok
		})
		return
	}
	if constant {
		out := make([]Dim, n)
		for i := range out {
			out[i] = boolean(floats(g[0].v.Floats[g[0].at[i]], g[1].v.Floats[g[1].at[i]]) != 0)
		}
		c.setInts(0, dims, out)
		return
	}
	out := make([]Dim, n)
	for i := range out {
		x := g[0].int(i)
		for _, o := range g[1:] {
			x = fitting(t, ints(t, x, o.int(i)))
		}
		out[i] = x
	}
	c.setWhole(0, dims, out)
}

// setWhole makes an output a tensor whose elements are whole numbers.
func (c *call) setWhole(i int, dims, ints []Dim) {
	c.setInts(i, dims, ints)
	if !isFloating(c.outElem(i)) {
		return
	}
	if n, ok := constants(ints); ok {
		floats := make([]float64, len(n))
		for k, v := range n {
			floats[k] = float64(v)
		}
		c.setFloats(i, floats)
	}
}

// setRounded gives an output that is set already n elements, which are rounded as its type rounds, where all are known.
func (c *call) setRounded(i, n int, element func(i int) (float64, bool)) {
	if n > maxElements {
		return
	}
	t := c.outElem(i)
	list := make([]float64, n)
	for k := range list {
		x, ok := element(k)
		if ok {
			x, ok = rounded(t, x)
		}
		if !ok {
			return
		}
		list[k] = x
	}
	c.setFloats(i, list)
}

// rounded returns a number as a type of floating-point numbers holds it; false where that is not known. Runtimes compute with the short types in different ways: of
// them only what is exact in any case is known.
func rounded(t onnxpb.TensorProto_DataType, x float64) (float64, bool) {
	switch t {
	case onnxpb.TensorProto_DOUBLE:
		return x, true
	case onnxpb.TensorProto_FLOAT:
		return float64(float32(x)), true
	}
	_, high, ok := intRange(t)
	return x, ok && x == math.Trunc(x) && math.Abs(x) <= float64(high)
}

// intRange returns the least and the greatest whole number of a type such that it has all between; of the unsigned 64 bits only those are followed that an
// int64 has.
func intRange(t onnxpb.TensorProto_DataType) (low, high int64, ok bool) {
	bits := onnxpb.ElemBits(t)
	switch t {
	case onnxpb.TensorProto_BOOL:
		return 0, 1, true
	case onnxpb.TensorProto_UINT64:
		return 0, math.MaxInt64, true
	case onnxpb.TensorProto_UINT32, onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_UINT2:
		return 0, 1<<bits - 1, true
	case onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT4, onnxpb.TensorProto_INT2:
		return -1 << (bits - 1), 1<<(bits-1) - 1, true
	case onnxpb.TensorProto_DOUBLE:
		return -1 << 53, 1 << 53, true
	case onnxpb.TensorProto_FLOAT:
		return -1 << 24, 1 << 24, true
	case onnxpb.TensorProto_FLOAT16:
		return -1 << 11, 1 << 11, true
	case onnxpb.TensorProto_BFLOAT16:
		return -1 << 8, 1 << 8, true
	}
	return 0, 0, false
}

// fitting returns a number that an operator computes with elements of a type: unknown where the type may not hold it, so that it wraps round or is rounded. Symbols
// and what is computed from them are taken to fit 32 bits and more, as sizes of tensors do: exporters cast them to int32 and float32.
func fitting(t onnxpb.TensorProto_DataType, d Dim) Dim {
	if !d.Known() {
		return d
	}
	low, high, ok := intRange(t)
	if !ok {
		return Dim{}
	}
	_, number := d.Const()
	switch t {
	case onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT32, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT:
		if !number {
			return d
		}
	case onnxpb.TensorProto_UINT64, onnxpb.TensorProto_UINT32:
		if !number {
			high = math.MaxInt64
		}
	}
	if d.AtLeast(low) && (high == math.MaxInt64 || d.AtMost(high)) {
		return d
	}
	return Dim{}
}
