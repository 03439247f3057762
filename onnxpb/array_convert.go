package onnxpb

import (
	"fmt"
	"math"
)

// convert turns a slice of numbers into another by Go's conversion.
func convert[D, S int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](src []S) []D {
	dst := make([]D, len(src))
	for i, v := range src {
		dst[i] = D(v)
	}
	return dst
}

func boolsTo[D int64 | float64](src []bool) []D {
	dst := make([]D, len(src))
	for i, v := range src {
		if v {
			dst[i] = 1
		}
	}
	return dst
}

// Float64s returns the elements as float64: every type of number (exactly, but for 64-bit integers beyond 2^53, which round to the nearest) and
// bool as 0 and 1. Strings and complex numbers are an error. A DOUBLE array gives its own slice, not a copy.
func (a *Array) Float64s() ([]float64, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if f, ok := floatFormats[a.Type]; ok {
		return f.values(a.Data), nil
	}
	if a.Type == TensorProto_FLOAT8E8M0 {
		dst := make([]float64, a.Len())
		for i, b := range a.Data.([]uint8) {
			dst[i] = e8m0Value(b)
		}
		return dst, nil
	}
	switch d := a.Data.(type) {
	case []float64:
		return d, nil
	case []float32:
		return convert[float64](d), nil
	case []int8:
		return convert[float64](d), nil
	case []int16:
		return convert[float64](d), nil
	case []int32:
		return convert[float64](d), nil
	case []int64:
		return convert[float64](d), nil
	case []uint8:
		return convert[float64](d), nil
	case []uint16:
		return convert[float64](d), nil
	case []uint32:
		return convert[float64](d), nil
	case []uint64:
		return convert[float64](d), nil
	case []bool:
		return boolsTo[float64](d), nil
	}
	return nil, Errorf(Unfit, "elements of %s are no real numbers", TypeName(a.Type))
}

// values returns the numbers of a slice of patterns.
func (f floatFormat) values(data any) []float64 {
	switch d := data.(type) {
	case []uint8:
		dst := make([]float64, len(d))
		for i, b := range d {
			dst[i] = f.value(uint16(b))
		}
		return dst
	case []uint16:
		dst := make([]float64, len(d))
		for i, b := range d {
			dst[i] = f.value(b)
		}
		return dst
	}
	return nil
}

// Int64s returns the elements as int64: every integer type, and bool as 0 and 1. Floats, strings and complex numbers are an error, and so is a uint64
// that an int64 cannot hold. An INT64 array gives its own slice, not a copy.
func (a *Array) Int64s() ([]int64, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	_, float := floatFormats[a.Type]
	if !float && a.Type != TensorProto_FLOAT8E8M0 {
		switch d := a.Data.(type) {
		case []int64:
			return d, nil
		case []int8:
			return convert[int64](d), nil
		case []int16:
			return convert[int64](d), nil
		case []int32:
			return convert[int64](d), nil
		case []uint8:
			return convert[int64](d), nil
		case []uint16:
			return convert[int64](d), nil
		case []uint32:
			return convert[int64](d), nil
		case []uint64:
			for i, v := range d {
				if v > math.MaxInt64 {
					return nil, Errorf(Unfit, "element %d is %d, which passes an int64", i, v)
				}
			}
			return convert[int64](d), nil
		case []bool:
			return boolsTo[int64](d), nil
		}
	}
	return nil, Errorf(Unfit, "elements of %s are no integers", TypeName(a.Type))
}

// ArrayFromFloat64s returns an array of a type of number whose elements are the nearest to v, ties to even (those of float8e8m0 upwards, and what it cannot hold,
// zero and below, becomes its smallest); what passes the range of float16, bfloat16 and float32 becomes infinite, what passes that of the smaller floats
// saturates as by the operator Cast with saturate=1. Integers: a value that is no number or rounds to one outside the type's range is an error. Bool: 0 is false, all else (NaN too) true. Strings and complex numbers are an error.
func ArrayFromFloat64s(t TensorProto_DataType, dims []int64, v []float64) (*Array, error) {
	n, err := checkType(t, dims)
	if err != nil {
		return nil, err
	}
	if n != int64(len(v)) {
		return nil, Errorf(Unfit, "%s%v has %d elements, %d are given", TypeName(t), dims, n, len(v))
	}
	a := &Array{Type: t, Dims: append([]int64{}, dims...), Data: makeData(t, len(v))}
	if f, ok := floatFormats[t]; ok {
		switch d := a.Data.(type) {
		case []uint8:
			for i, x := range v {
				d[i] = uint8(f.bits(x))
			}
		case []uint16:
			for i, x := range v {
				d[i] = f.bits(x)
			}
		}
		return a, nil
	}
	if t == TensorProto_FLOAT8E8M0 {
		d := a.Data.([]uint8)
		for i, x := range v {
			d[i] = e8m0Bits(x)
		}
		return a, nil
	}
	width := ElemBits(t)
	switch d := a.Data.(type) {
	case []float64:
		copy(d, v)
	case []float32:
		for i, x := range v {
			d[i] = float32(x)
		}
	case []bool:
		for i, x := range v {
			d[i] = x != 0
		}
	case []int8:
		err = roundTo(d, v, width, true)
	case []int16:
		err = roundTo(d, v, width, true)
	case []int32:
		err = roundTo(d, v, width, true)
	case []int64:
		err = roundTo(d, v, width, true)
	case []uint8:
		err = roundTo(d, v, width, false)
	case []uint16:
		err = roundTo(d, v, width, false)
	case []uint32:
		err = roundTo(d, v, width, false)
	case []uint64:
		err = roundTo(d, v, width, false)
	default:
		err = fmt.Errorf("elements of %s are no real numbers", TypeName(t))
	}
	if err != nil {
		return nil, &Error{Msg: err.Error()}
	}
	return a, nil
}

// roundTo rounds numbers to integers of so many bits.
func roundTo[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](dst []T, src []float64, width int, signed bool) error {
	lo, hi := 0.0, math.Ldexp(1, width) // lo <= v < hi
	if signed {
		lo, hi = -hi/2, hi/2
	}
	for i, x := range src {
		r := math.RoundToEven(x)
		if !(r >= lo && r < hi) {
			return fmt.Errorf("element %d is %v, which no integer of %d bits holds", i, x, width)
		}
		dst[i] = T(r)
	}
	return nil
}
