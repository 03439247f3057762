package onnxpb

import "fmt"

// Decode reads the elements of a tensor: from raw_data, from the typed field that its element type uses, or from external data, whose location is
// relative to dir ("" refuses external data). The count must be the one that the dimensions tell. Errors name the tensor.
func Decode(t *TensorProto, dir string) (*Array, error) {
	a, err := decode(t, dir)
	if err != nil {
		return nil, inTensor(err, t.GetName())
	}
	return a, nil
}

// inTensor names the tensor that an error is about.
func inTensor(err error, name string) error {
	if e, ok := err.(*Error); ok && e.Tensor == "" {
		c := *e
		c.Tensor = name
		return &c
	}
	return err
}

func decode(t *TensorProto, dir string) (*Array, error) {
	et := TensorProto_DataType(t.GetDataType())
	n, err := checkType(et, t.GetDims())
	if err != nil {
		return nil, err
	}
	if t.Segment != nil {
		return nil, Errorf(Unfit, "is a segment of a larger tensor, which no reader of ONNX supports")
	}
	if t.GetDataLocation() == TensorProto_EXTERNAL {
		raw, err := readExternal(t, dir)
		if err != nil {
			return nil, err
		}
		return ArrayFromRaw(et, t.GetDims(), raw)
	}
	field, err := payloadField(t)
	if err != nil {
		return nil, err
	}
	if field == "raw_data" || field == "" && n == 0 && et != TensorProto_STRING {
		return ArrayFromRaw(et, t.GetDims(), t.GetRawData())
	}
	if want := typedField(et); field != "" && field != want {
		return nil, Errorf(Unfit, "elements of %s stand in %s, not in %s", TypeName(et), want, field)
	}
	return decodeTyped(Unpacked(t), et, n)
}

// noPayload tells whether a tensor with external data holds elements of its own too.
func noPayload(t *TensorProto) error {
	if field, err := payloadField(t); err != nil {
		return err
	} else if field != "" {
		return Errorf(Unfit, "has external data and %s", field)
	}
	return nil
}

// payloadField returns the name of the field that holds a tensor's elements, "" where none does; it is an error if several do.
func payloadField(t *TensorProto) (string, error) {
	found := ""
	for _, f := range []struct {
		name string
		n    int
	}{
		{"raw_data", len(t.GetRawData())}, {"float_data", len(t.GetFloatData())}, {"int32_data", len(t.GetInt32Data()) + len(t.left(5))},
		{"string_data", len(t.GetStringData())}, {"int64_data", len(t.GetInt64Data()) + len(t.left(7))}, {"double_data", len(t.GetDoubleData())},
		{"uint64_data", len(t.GetUint64Data()) + len(t.left(11))},
	} {
		if f.n == 0 {
			continue
		}
		if found != "" {
			return "", Errorf(Unfit, "has data both in %s and in %s", found, f.name)
		}
		found = f.name
	}
	return found, nil
}

// typedField returns the typed field that holds elements of a type, by the table of onnx.proto.
func typedField(t TensorProto_DataType) string {
	switch t {
	case TensorProto_FLOAT, TensorProto_COMPLEX64:
		return "float_data"
	case TensorProto_DOUBLE, TensorProto_COMPLEX128:
		return "double_data"
	case TensorProto_INT64:
		return "int64_data"
	case TensorProto_UINT32, TensorProto_UINT64:
		return "uint64_data"
	case TensorProto_STRING:
		return "string_data"
	}
	return "int32_data"
}

// decodeTyped reads n elements of type et from the typed field for them.
func decodeTyped(t *TensorProto, et TensorProto_DataType, n int64) (*Array, error) {
	field := typedField(et)
	var have int
	want := n
	switch field {
	case "float_data":
		have = len(t.FloatData)
	case "double_data":
		have = len(t.DoubleData)
	case "int64_data":
		have = len(t.Int64Data)
	case "uint64_data":
		have = len(t.Uint64Data)
	case "string_data":
		have = len(t.StringData)
	default:
		have = len(t.Int32Data)
		if w := int64(ElemBits(et)); w < 8 {
			per := 8 / w // packed as in raw_data, one byte in each int32
			want = n/per + (n%per+per-1)/per
		}
	}
	switch et {
	case TensorProto_COMPLEX64, TensorProto_COMPLEX128:
		if have%2 != 0 {
			return nil, Errorf(Unfit, "%s holds %d numbers, which are no pairs of real and imaginary parts", field, have)
		}
		have /= 2
	}
	if int64(have) != want {
		if have == 0 {
			return nil, Errorf(Unfit, "%s%v has no data", TypeName(et), t.GetDims())
		}
		return nil, Errorf(Unfit, "%s%v needs %d values in %s, there are %d", TypeName(et), t.GetDims(), want, field, have)
	}
	a := &Array{Type: et, Dims: append([]int64{}, t.GetDims()...), Data: makeData(et, int(n))}
	if ElemBits(et) < 8 && et != TensorProto_STRING {
		raw := make([]byte, want)
		if err := narrow(raw, t.Int32Data, 8); err != nil {
			return nil, err
		}
		unpack(a, raw)
		return a, nil
	}
	switch data := a.Data.(type) {
	case []float32:
		copy(data, t.FloatData)
	case []float64:
		copy(data, t.DoubleData)
	case []complex64:
		for i := range data {
			data[i] = complex(t.FloatData[2*i], t.FloatData[2*i+1])
		}
	case []complex128:
		for i := range data {
			data[i] = complex(t.DoubleData[2*i], t.DoubleData[2*i+1])
		}
	case []int64:
		copy(data, t.Int64Data)
	case []uint64:
		copy(data, t.Uint64Data)
	case []uint32:
		for i, v := range t.Uint64Data {
			if v > 1<<32-1 {
				return nil, Errorf(Unfit, "element %d is %d, which is no uint32", i, v)
			}
			data[i] = uint32(v)
		}
	case []string:
		for i, v := range t.StringData {
			data[i] = string(v)
		}
	case []int32:
		copy(data, t.Int32Data)
	case []bool:
		for i, v := range t.Int32Data {
			data[i] = v != 0
		}
	case []int8:
		return a, narrow(data, t.Int32Data, 8)
	case []uint8:
		return a, narrow(data, t.Int32Data, 8)
	case []int16:
		return a, narrow(data, t.Int32Data, 16)
	case []uint16:
		return a, narrow(data, t.Int32Data, 16)
	default:
		return nil, fmt.Errorf("no typed field for %s", TypeName(et)) // not reached: checkType has passed
	}
	return a, nil
}

// narrow takes values of int32_data into elements of so many bits. Signed and unsigned readings of the same bits are both taken (writers differ,
// readers cut off the upper bits); what fits neither is an error.
func narrow[T int8 | uint8 | int16 | uint16](dst []T, src []int32, width int) error {
	lo, hi := -int32(1)<<(width-1), int32(1)<<width-1
	for i, v := range src {
		if v < lo || v > hi {
			return Errorf(Unfit, "value %d of int32_data is %d, which does not fit %d bits", i, v, width)
		}
		dst[i] = T(v)
	}
	return nil
}
