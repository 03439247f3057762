package verify

import (
	"math"

	"onnxtool/onnxpb"
)

// floatLimits are the edges of a float type: its largest finite number, and the subnormal numbers next to 0 and next to the normal ones.
type floatLimits struct {
	largest, leastSubnormal, mostSubnormal float64
	nan, inf                               bool // whether the type has them
}

// subnormals fills in the subnormal numbers of a type of which the exponents of the smallest normal number and of the smallest of all are known.
func subnormals(l floatLimits, normal, least int) floatLimits {
	l.leastSubnormal = math.Ldexp(1, least)
	l.mostSubnormal = math.Ldexp(1, normal) - l.leastSubnormal
	return l
}

// floatTypes are all float types but float8e8m0, which has neither sign nor 0 nor subnormal numbers.
var floatTypes = map[onnxpb.TensorProto_DataType]floatLimits{
	onnxpb.TensorProto_DOUBLE:         subnormals(floatLimits{largest: math.MaxFloat64, nan: true, inf: true}, -1022, -1074),
	onnxpb.TensorProto_FLOAT:          subnormals(floatLimits{largest: math.MaxFloat32, nan: true, inf: true}, -126, -149),
	onnxpb.TensorProto_BFLOAT16:       subnormals(floatLimits{largest: math.Ldexp(255, 120), nan: true, inf: true}, -126, -133),
	onnxpb.TensorProto_FLOAT16:        subnormals(floatLimits{largest: 65504, nan: true, inf: true}, -14, -24),
	onnxpb.TensorProto_FLOAT8E4M3FN:   subnormals(floatLimits{largest: 448, nan: true}, -6, -9),
	onnxpb.TensorProto_FLOAT8E4M3FNUZ: subnormals(floatLimits{largest: 240, nan: true}, -7, -10),
	onnxpb.TensorProto_FLOAT8E5M2:     subnormals(floatLimits{largest: 57344, nan: true, inf: true}, -14, -16),
	onnxpb.TensorProto_FLOAT8E5M2FNUZ: subnormals(floatLimits{largest: 57344, nan: true}, -15, -17),
	onnxpb.TensorProto_FLOAT4E2M1:     subnormals(floatLimits{largest: 6}, 0, -1),
}

// partOf returns the type of the two parts of a complex number, and any other type as it is.
func partOf(t onnxpb.TensorProto_DataType) onnxpb.TensorProto_DataType {
	switch t {
	case onnxpb.TensorProto_COMPLEX64:
		return onnxpb.TensorProto_FLOAT
	case onnxpb.TensorProto_COMPLEX128:
		return onnxpb.TensorProto_DOUBLE
	}
	return t
}

// typeLimits returns the smallest and the largest finite number of a type of number (of the parts of a complex one), 0 and 1 for bool. The ends of the
// 64-bit integers are the nearest float64 that the type holds.
func typeLimits(t onnxpb.TensorProto_DataType) Range {
	if l, ok := floatTypes[partOf(t)]; ok {
		return Range{-l.largest, l.largest}
	}
	bits := onnxpb.ElemBits(t)
	switch t {
	case onnxpb.TensorProto_BOOL:
		return Range{0, 1}
	case onnxpb.TensorProto_FLOAT8E8M0:
		return Range{math.Ldexp(1, -127), math.Ldexp(1, 127)}
	case onnxpb.TensorProto_UINT64:
		return Range{0, math.Nextafter(math.Ldexp(1, 64), 0)}
	case onnxpb.TensorProto_INT64:
		return Range{math.Ldexp(-1, 63), math.Nextafter(math.Ldexp(1, 63), 0)}
	case onnxpb.TensorProto_UINT2, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT32:
		return Range{0, math.Ldexp(1, bits) - 1}
	case onnxpb.TensorProto_INT2, onnxpb.TensorProto_INT4, onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT32:
		return Range{-math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) - 1}
	}
	return Range{}
}
