package onnxjson

import (
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// dataFields are the fields of a tensor that hold its elements.
var dataFields = map[protoreflect.Name]bool{"raw_data": true, "float_data": true, "int32_data": true, "string_data": true, "int64_data": true,
	"double_data": true, "uint64_data": true}

// data is what is written in place of the fields that hold a tensor's elements.
type data struct {
	field  protoreflect.Name         // the one to write, "" for none
	n      int                       // the numbers in it
	each   func(f *formatter, i int) // writes one
	elided int64                     // elements left out
}

func (d *data) write(f *formatter) {
	f.scalars(d.n, func(i int) { d.each(f, i) })
}

// dataOf tells what is to be written for a tensor's elements; nil for what it holds.
func (f *formatter) dataOf(t *onnxpb.TensorProto) *data {
	if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
		return nil
	}
	if f.o.Elide > 0 {
		if n := elements(t); n > f.o.Elide {
			return &data{elided: n}
		}
	}
	if !f.o.Decode || len(t.GetRawData()) == 0 {
		return nil
	}
	return numbersOf(onnxpb.Pieces(t))
}

// numbersOf returns the elements of the pieces of a tensor; nil where one of them cannot be written as numbers. A large tensor is never decoded as a whole.
func numbersOf(pieces []*onnxpb.TensorProto) *data {
	piece := func(i int) *data {
		a, err := onnxpb.Decode(pieces[i], "")
		if err != nil {
			return nil // as it is: to show a model that is not valid is what this is for too
		}
		return typedData(a)
	}
	first := piece(0)
	if first == nil || len(pieces) == 1 {
		return first
	}
	all := &data{field: first.field, n: first.n}
	for i := range pieces[1:] {
		d := piece(i + 1)
		if d == nil {
			return nil
		}
		all.n += d.n
		onnxpb.LetGoOfPages() // as nothing is written meanwhile
	}
	at, now := 0, first
	all.each = func(f *formatter, i int) {
		if k := i / first.n; k != at {
			at, now = k, piece(k)
		}
		now.each(f, i%first.n)
	}
	return all
}

// elements returns how many elements a tensor has: by its dimensions, or by its data where that is more than they tell. 0 where there is no data.
func elements(t *onnxpb.TensorProto) int64 {
	have := int64(max(len(t.GetFloatData()), len(t.GetInt32Data()), len(t.GetStringData()), len(t.GetInt64Data()), len(t.GetDoubleData()), len(t.GetUint64Data())))
	if raw := int64(len(t.GetRawData())); raw > 0 {
		have = raw
		if bits := int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType()))); bits > 0 {
			have = max(raw*8/bits, 1)
		}
	}
	if n, err := onnxpb.Count(t.GetDims()); err == nil && onnxpb.CheckData(t, "") == nil {
		return n
	}
	return have
}

// typedData returns the elements for the typed field that holds their type; nil for values that are not a number and have a payload.
func typedData(a *onnxpb.Array) *data {
	if bits := onnxpb.ElemBits(a.Type); bits > 0 && bits < 8 {
		raw, err := a.Raw()
		if err != nil {
			return nil
		}
		return numbers("int32_data", raw, func(f *formatter, v byte) { f.uint(uint64(v)) })
	}
	switch d := a.Data.(type) {
	case []float32:
		return floats32(d)
	case []complex64:
		parts := make([]float32, 0, 2*len(d))
		for _, v := range d {
			parts = append(parts, real(v), imag(v))
		}
		return floats32(parts)
	case []float64:
		return floats64(d)
	case []complex128:
		parts := make([]float64, 0, 2*len(d))
		for _, v := range d {
			parts = append(parts, real(v), imag(v))
		}
		return floats64(parts)
	case []int8:
		return numbers("int32_data", d, func(f *formatter, v int8) { f.int(int64(v)) })
	case []int16:
		return numbers("int32_data", d, func(f *formatter, v int16) { f.int(int64(v)) })
	case []int32:
		return numbers("int32_data", d, func(f *formatter, v int32) { f.int(int64(v)) })
	case []uint8:
		return numbers("int32_data", d, func(f *formatter, v uint8) { f.uint(uint64(v)) })
	case []uint16:
		return numbers("int32_data", d, func(f *formatter, v uint16) { f.uint(uint64(v)) })
	case []bool:
		return numbers("int32_data", d, func(f *formatter, v bool) {
			if v {
				f.put("1")
			} else {
				f.put("0")
			}
		})
	case []int64:
		return numbers("int64_data", d, (*formatter).quotedInt)
	case []uint32:
		return numbers("uint64_data", d, func(f *formatter, v uint32) { f.quotedUint(uint64(v)) })
	case []uint64:
		return numbers("uint64_data", d, (*formatter).quotedUint)
	}
	return nil
}

func numbers[T any](field protoreflect.Name, d []T, write func(*formatter, T)) *data {
	return &data{field: field, n: len(d), each: func(f *formatter, i int) { write(f, d[i]) }}
}

func floats32(d []float32) *data {
	for _, v := range d {
		if v != v && math.Float32bits(v) != nan32 {
			return nil
		}
	}
	return numbers("float_data", d, func(f *formatter, v float32) { f.float(float64(v), 32) })
}

func floats64(d []float64) *data {
	for _, v := range d {
		if v != v && math.Float64bits(v) != nan64 {
			return nil
		}
	}
	return numbers("double_data", d, func(f *formatter, v float64) { f.float(v, 64) })
}
