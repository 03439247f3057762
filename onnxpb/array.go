package onnxpb

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Array is a decoded tensor: its element type, its dimensions, and its elements in row-major order.
type Array struct {
	Type TensorProto_DataType
	Dims []int64
	// Data is a slice with one element for each element of the tensor:
	//
	//	FLOAT []float32, DOUBLE []float64, COMPLEX64 []complex64, COMPLEX128 []complex128
	//	INT8, INT16, INT32, INT64     []int8, []int16, []int32, []int64
	//	UINT8, UINT16, UINT32, UINT64 []uint8, []uint16, []uint32, []uint64
	//	BOOL []bool, STRING []string
	//	FLOAT16, BFLOAT16             []uint16: the bits
	//	FLOAT8 of every kind          []uint8: the bits
	//	INT4, INT2                    []int8: the value, not packed
	//	UINT4, UINT2                  []uint8: the value, not packed
	//	FLOAT4E2M1                    []uint8: the bits, not packed
	Data any
}

// Element is a type of Go that is an element type of ONNX as it stands.
type Element interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | string | complex64 | complex128
}

// typeOf returns the element type of a slice of an Element.
func typeOf(data any) TensorProto_DataType {
	switch data.(type) {
	case []float32:
		return TensorProto_FLOAT
	case []float64:
		return TensorProto_DOUBLE
	case []int8:
		return TensorProto_INT8
	case []int16:
		return TensorProto_INT16
	case []int32:
		return TensorProto_INT32
	case []int64:
		return TensorProto_INT64
	case []uint8:
		return TensorProto_UINT8
	case []uint16:
		return TensorProto_UINT16
	case []uint32:
		return TensorProto_UINT32
	case []uint64:
		return TensorProto_UINT64
	case []bool:
		return TensorProto_BOOL
	case []string:
		return TensorProto_STRING
	case []complex64:
		return TensorProto_COMPLEX64
	case []complex128:
		return TensorProto_COMPLEX128
	}
	return TensorProto_UNDEFINED
}

// makeData makes the slice that holds n elements of a type, all zero; nil for a type that is not known.
func makeData(t TensorProto_DataType, n int) any {
	switch t {
	case TensorProto_FLOAT:
		return make([]float32, n)
	case TensorProto_DOUBLE:
		return make([]float64, n)
	case TensorProto_INT8, TensorProto_INT4, TensorProto_INT2:
		return make([]int8, n)
	case TensorProto_INT16:
		return make([]int16, n)
	case TensorProto_INT32:
		return make([]int32, n)
	case TensorProto_INT64:
		return make([]int64, n)
	case TensorProto_UINT8, TensorProto_UINT4, TensorProto_UINT2, TensorProto_FLOAT4E2M1, TensorProto_FLOAT8E4M3FN, TensorProto_FLOAT8E4M3FNUZ,
		TensorProto_FLOAT8E5M2, TensorProto_FLOAT8E5M2FNUZ, TensorProto_FLOAT8E8M0:
		return make([]uint8, n)
	case TensorProto_UINT16, TensorProto_FLOAT16, TensorProto_BFLOAT16:
		return make([]uint16, n)
	case TensorProto_UINT32:
		return make([]uint32, n)
	case TensorProto_UINT64:
		return make([]uint64, n)
	case TensorProto_BOOL:
		return make([]bool, n)
	case TensorProto_STRING:
		return make([]string, n)
	case TensorProto_COMPLEX64:
		return make([]complex64, n)
	case TensorProto_COMPLEX128:
		return make([]complex128, n)
	}
	return nil
}

// ElemBits returns the bits that an element takes in raw_data: 32 for FLOAT, 4 for INT4; 0 for STRING and for types that are not known.
func ElemBits(t TensorProto_DataType) int {
	switch t {
	case TensorProto_INT2, TensorProto_UINT2:
		return 2
	case TensorProto_INT4, TensorProto_UINT4, TensorProto_FLOAT4E2M1:
		return 4
	case TensorProto_INT8, TensorProto_UINT8, TensorProto_BOOL, TensorProto_FLOAT8E4M3FN, TensorProto_FLOAT8E4M3FNUZ, TensorProto_FLOAT8E5M2,
		TensorProto_FLOAT8E5M2FNUZ, TensorProto_FLOAT8E8M0:
		return 8
	case TensorProto_INT16, TensorProto_UINT16, TensorProto_FLOAT16, TensorProto_BFLOAT16:
		return 16
	case TensorProto_INT32, TensorProto_UINT32, TensorProto_FLOAT:
		return 32
	case TensorProto_INT64, TensorProto_UINT64, TensorProto_DOUBLE, TensorProto_COMPLEX64:
		return 64
	case TensorProto_COMPLEX128:
		return 128
	}
	return 0
}

// Count returns the number of elements of a tensor of these dimensions: 1 for a scalar (no dimensions), 0 where one of them is 0. It is an error
// if one is negative or the product passes an int64.
func Count(dims []int64) (int64, error) {
	n, empty := uint64(1), false
	overflow := false
	for i, d := range dims {
		if d < 0 {
			return 0, Errorf(Unfit, "dimension %d is negative: %d", i, d)
		}
		empty = empty || d == 0
		hi, lo := bits.Mul64(n, uint64(d))
		overflow = overflow || hi != 0 || lo > 1<<63-1
		n = lo
	}
	if empty {
		return 0, nil
	}
	if overflow {
		return 0, Errorf(Unfit, "dimensions %v: the number of elements passes 64 bits", dims)
	}
	return int64(n), nil
}

// rawSize returns the bytes that n elements of a type take in raw_data.
func rawSize(t TensorProto_DataType, n int64) (int, error) {
	hi, lo := bits.Mul64(uint64(n), uint64(ElemBits(t)))
	if size := lo/8 + (lo%8+7)/8; hi == 0 && size <= 1<<47 {
		return int(size), nil
	}
	return 0, Errorf(Unfit, "%d elements of %s pass any memory", n, TypeName(t))
}

// NewArray returns an array of zeros (empty strings, false). The type must be one of ONNX's and the dimensions such as Count takes: like make, it
// panics otherwise, so whoever has them from a file asks Count first.
func NewArray(t TensorProto_DataType, dims []int64) *Array {
	n, err := Count(dims)
	if err != nil {
		panic("onnxpb.NewArray: " + err.Error())
	}
	data := makeData(t, int(n))
	if data == nil {
		panic("onnxpb.NewArray: no such element type: " + TypeName(t))
	}
	return &Array{Type: t, Dims: append([]int64{}, dims...), Data: data}
}

// ArrayOf returns an array of one of Go's own types that holds v itself, not a copy. It panics where v has not the number of elements that dims tell.
func ArrayOf[T Element](dims []int64, v []T) *Array {
	if n, err := Count(dims); err != nil || n != int64(len(v)) {
		panic(fmt.Sprintf("onnxpb.ArrayOf: %d elements for dimensions %v", len(v), dims))
	}
	return &Array{Type: typeOf(v), Dims: append([]int64{}, dims...), Data: v}
}

// TensorOf builds a tensor from a slice: ArrayOf(dims, v).Proto(name).
func TensorOf[T Element](name string, dims []int64, v []T) *TensorProto {
	return ArrayOf(dims, v).Proto(name)
}

// ArrayFromRaw decodes elements from the form that raw_data has: little endian, 4-bit and 2-bit types packed with the first element lowest. A
// byte of BOOL that is not 0 is true.
func ArrayFromRaw(t TensorProto_DataType, dims []int64, raw []byte) (*Array, error) {
	n, err := checkType(t, dims)
	if err != nil {
		return nil, err
	}
	if t == TensorProto_STRING {
		return nil, Errorf(Unfit, "strings cannot stand in raw_data")
	}
	size, err := rawSize(t, n)
	if err != nil {
		return nil, err
	}
	if len(raw) != size {
		return nil, Errorf(Unfit, "%s%v takes %d bytes of data, there are %d", TypeName(t), dims, size, len(raw))
	}
	a := &Array{Type: t, Dims: append([]int64{}, dims...), Data: makeData(t, int(n))}
	if ElemBits(t) < 8 {
		unpack(a, raw)
		return a, nil
	}
	// encoding/binary takes complex numbers by way of float64, which changes the bits of some NaNs.
	switch d := a.Data.(type) {
	case []complex64:
		for i := range d {
			d[i] = complex(math.Float32frombits(binary.LittleEndian.Uint32(raw[8*i:])), math.Float32frombits(binary.LittleEndian.Uint32(raw[8*i+4:])))
		}
		return a, nil
	case []complex128:
		for i := range d {
			d[i] = complex(math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i:])), math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i+8:])))
		}
		return a, nil
	}
	if _, err := binary.Decode(raw, binary.LittleEndian, a.Data); err != nil {
		return nil, &Error{Msg: "the data cannot be decoded", Err: err}
	}
	return a, nil
}

// checkType returns the number of elements, where the type is one of ONNX's and the dimensions are sound.
func checkType(t TensorProto_DataType, dims []int64) (int64, error) {
	if makeData(t, 0) == nil {
		return 0, &Error{Msg: fmt.Sprintf("element type %d (%s) is not one that tensors have", int32(t), TypeName(t))}
	}
	return Count(dims)
}

// unpack spreads the elements of a 4-bit or 2-bit type, which stand in a byte from the lowest bits on.
func unpack(a *Array, raw []byte) {
	width := ElemBits(a.Type)
	per := 8 / width
	mask := byte(1)<<width - 1
	switch data := a.Data.(type) {
	case []uint8:
		for i := range data {
			data[i] = raw[i/per] >> (i % per * width) & mask
		}
	case []int8:
		for i := range data {
			v := raw[i/per] >> (i % per * width) & mask
			data[i] = int8(v<<(8-width)) >> (8 - width) // the sign goes along
		}
	}
}

// pack puts elements of a 4-bit or 2-bit type together. It is an error if one does not fit.
func pack(a *Array) ([]byte, error) {
	width := ElemBits(a.Type)
	per := 8 / width
	mask := byte(1)<<width - 1
	raw := make([]byte, (a.Len()+per-1)/per)
	switch data := a.Data.(type) {
	case []uint8:
		for i, v := range data {
			if v > mask {
				return nil, Errorf(Unfit, "element %d is %d, which is no %s", i, v, TypeName(a.Type))
			}
			raw[i/per] |= v << (i % per * width)
		}
	case []int8:
		half := int8(1) << (width - 1)
		for i, v := range data {
			if v < -half || v >= half {
				return nil, Errorf(Unfit, "element %d is %d, which is no %s", i, v, TypeName(a.Type))
			}
			raw[i/per] |= byte(v) & mask << (i % per * width)
		}
	}
	return raw, nil
}

// Len returns the number of elements that Data holds.
func (a *Array) Len() int {
	switch d := a.Data.(type) {
	case []float32:
		return len(d)
	case []float64:
		return len(d)
	case []int8:
		return len(d)
	case []int16:
		return len(d)
	case []int32:
		return len(d)
	case []int64:
		return len(d)
	case []uint8:
		return len(d)
	case []uint16:
		return len(d)
	case []uint32:
		return len(d)
	case []uint64:
		return len(d)
	case []bool:
		return len(d)
	case []string:
		return len(d)
	case []complex64:
		return len(d)
	case []complex128:
		return len(d)
	}
	return 0
}

// check tells whether Data is what Type and Dims say.
func (a *Array) check() error {
	n, err := checkType(a.Type, a.Dims)
	if err != nil {
		return err
	}
	if want := typeOf(makeData(a.Type, 0)); typeOf(a.Data) != want {
		return Errorf(Unfit, "an array of %s holds %T", TypeName(a.Type), a.Data)
	}
	if int64(a.Len()) != n {
		return Errorf(Unfit, "%s%v has %d elements, the array holds %d", TypeName(a.Type), a.Dims, n, a.Len())
	}
	return nil
}

// Raw returns the elements in the form that raw_data has: little endian, 4-bit and 2-bit types packed with the first element lowest and 0 in
// the bits left over. Strings have no such form: an error.
func (a *Array) Raw() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.Type == TensorProto_STRING {
		return nil, Errorf(Unfit, "strings cannot stand in raw_data")
	}
	if ElemBits(a.Type) < 8 {
		return pack(a)
	}
	switch d := a.Data.(type) {
	case []complex64:
		raw := make([]byte, 0, 8*len(d))
		for _, v := range d {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(real(v)))
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(imag(v)))
		}
		return raw, nil
	case []complex128:
		raw := make([]byte, 0, 16*len(d))
		for _, v := range d {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(real(v)))
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(imag(v)))
		}
		return raw, nil
	}
	raw, err := binary.Append([]byte{}, binary.LittleEndian, a.Data)
	if err != nil {
		return nil, &Error{Msg: "the elements cannot be encoded", Err: err}
	}
	return raw, nil
}

// Proto builds a tensor: the elements in raw_data, strings in string_data. It panics where Data is not what Type and Dims say.
func (a *Array) Proto(name string) *TensorProto {
	t := &TensorProto{Name: &name, DataType: a.Type.enum32(), Dims: append([]int64(nil), a.Dims...)}
	err := a.check()
	if err == nil {
		if s, ok := a.Data.([]string); ok {
			for _, v := range s {
				t.StringData = append(t.StringData, []byte(v))
			}
			return t
		}
		t.RawData, err = a.Raw()
	}
	if err != nil {
		panic("onnxpb.Array.Proto: " + err.Error())
	}
	return t
}

// enum32 returns the number of an element type as the field data_type holds it.
func (x TensorProto_DataType) enum32() *int32 {
	v := int32(x)
	return &v
}
