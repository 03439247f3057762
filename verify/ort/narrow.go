package ort

import (
	"math"

	"onnxtool/onnxpb"
)

// narrowed returns the array of a narrower type whose elements have these values.
func narrowed(elem onnxpb.TensorProto_DataType, dims []int64, values []float32) (*onnxpb.Array, error) {
	if elem == onnxpb.TensorProto_BFLOAT16 {
		bits := make([]uint16, len(values))
		for i, v := range values {
			bits[i] = uint16(math.Float32bits(v) >> 16) // the upper half is the bfloat16, the lower is zero
		}
		return &onnxpb.Array{Type: elem, Dims: dims, Data: bits}, nil
	}
	if onnxpb.ElemBits(elem) <= 8 {
		return fromTable(elem, dims, values)
	}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	a, err := onnxpb.ArrayFromFloat64s(elem, dims, wide)
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, Msg: "the output cannot be taken over as " + onnxpb.TypeName(elem), Err: err}
	}
	return a, nil
}

// fromTable is narrowed for types of 8 bits and less: it looks the values up among those that the type has, so that infinity stays infinity where
// a conversion would saturate.
func fromTable(elem onnxpb.TensorProto_DataType, dims []int64, values []float32) (*onnxpb.Array, error) {
	n := int64(1) << onnxpb.ElemBits(elem)
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(i)
	}
	if per := 8 / onnxpb.ElemBits(elem); per > 1 { // one element a byte, the others 0
		n *= int64(per)
	}
	all, err := onnxpb.ArrayFromRaw(elem, []int64{n}, raw)
	if err != nil {
		return nil, err
	}
	floats, err := all.Float64s()
	if err != nil {
		return nil, err
	}
	at := map[uint64]int{} // where in all a value stands
	nan := -1
	for i := len(floats) - 1; i >= 0; i-- {
		if math.IsNaN(floats[i]) {
			nan = i
		} else {
			at[math.Float64bits(floats[i])] = i
		}
	}
	where := make([]int, len(values))
	for i, v := range values {
		k, ok := at[math.Float64bits(float64(v))]
		if v != v {
			k, ok = nan, nan >= 0
		} else if v == 0 && !ok {
			k, ok = at[0] // a type without -0
		}
		if !ok {
			return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime gave %v, which %s has not", v, onnxpb.TypeName(elem))
		}
		where[i] = k
	}
	out := onnxpb.NewArray(elem, dims)
	switch d := out.Data.(type) {
	case []uint8:
		pick(d, all.Data.([]uint8), where)
	case []int8:
		pick(d, all.Data.([]int8), where)
	}
	return out, nil
}

func pick[T any](dst, src []T, where []int) {
	for i, k := range where {
		dst[i] = src[k]
	}
}
