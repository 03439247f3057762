package shape

import (
	"math"
	"strings"

	"onnxtool/onnxpb"
)

// castRule gives the elements another type.
func castRule(c *call) {
	if to, ok := c.target(); ok {
		c.setElem(0, to)
		c.cast(to)
	}
}

// castLikeRule gives the elements the type of those of another input.
func castLikeRule(c *call) {
	to := c.elemOf(1)
	if to != onnxpb.TensorProto_UNDEFINED {
		c.setElem(0, to)
	}
	c.cast(to)
}

// bitCastRule takes the bits of the elements for another type of as many bits.
func bitCastRule(c *call) {
	if to, ok := c.target(); ok {
		c.setElem(0, to)
		if from := c.elemOf(0); from != onnxpb.TensorProto_UNDEFINED && onnxpb.ElemBits(from) != onnxpb.ElemBits(to) {
			c.fault("elements of type %s have %d bits, those of type %s have %d", onnxpb.TypeName(from), onnxpb.ElemBits(from), onnxpb.TypeName(to), onnxpb.ElemBits(to))
		}
	}
	if dims, ok := c.dims(0); ok {
		c.setDims(0, dims)
	}
}

// target returns the type that the attribute says: a number, or before version 6 the name.
func (c *call) target() (onnxpb.TensorProto_DataType, bool) {
	a := c.attr("to")
	if a == nil {
		return 0, false
	}
	if name := string(a.GetS()); name != "" {
		n := onnxpb.TensorProto_DataType_value[strings.ToUpper(name)]
		if n == 0 {
			c.fault("there is no element type %q", name)
		}
		return onnxpb.TensorProto_DataType(n), n != 0
	}
	return c.attrElem("to", 0)
}

// attrElem returns an attribute that is an element type; false, and a fault, where there is none of that number.
func (c *call) attrElem(name string, def onnxpb.TensorProto_DataType) (onnxpb.TensorProto_DataType, bool) {
	n := c.attrInt(name, int64(def))
	if _, ok := onnxpb.TensorProto_DataType_name[int32(n)]; n != int64(int32(n)) || n == 0 || !ok {
		c.fault("%s is %d, and there is no such element type", name, n)
		return 0, false
	}
	return onnxpb.TensorProto_DataType(n), true
}

// cast gives the first output the shape of the input, and its elements as another type holds them.
func (c *call) cast(to onnxpb.TensorProto_DataType) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, dims)
	ints, whole := c.ints(0)
	floats, constant := c.floats(0)
	switch {
	case isFloating(to) && constant:
		c.setRounded(0, len(floats), func(i int) (float64, bool) { return floats[i], true })
	case isFloating(to) && whole:
		if n, ok := constants(ints); ok {
			c.setRounded(0, len(n), func(i int) (float64, bool) { return float64(n[i]), true })
			return
		}
		c.setInts(0, dims, castInts(to, ints))
	case isIntegral(to) && whole:
		c.setInts(0, dims, castInts(to, ints))
	case isIntegral(to) && constant:
		// A fraction is cut off; of what passes the type nothing is known.
		out := make([]Dim, len(floats))
		for i, x := range floats {
			switch cut := math.Trunc(x); {
			case to == onnxpb.TensorProto_BOOL:
				out[i] = boolean(x != 0)
			case math.Abs(cut) < 1<<63:
				out[i] = fitting(to, Number(int64(cut)))
			}
		}
		c.setInts(0, dims, out)
	}
}

// castInts returns whole numbers as a type holds them.
func castInts(to onnxpb.TensorProto_DataType, ints []Dim) []Dim {
	out := make([]Dim, len(ints))
	for i, x := range ints {
		switch {
		case to != onnxpb.TensorProto_BOOL:
			out[i] = fitting(to, x)
		case x.AtLeast(1) || x.AtMost(-1):
			out[i] = boolean(true)
		case isConst(x, 0):
			out[i] = x
		}
	}
	return out
}
