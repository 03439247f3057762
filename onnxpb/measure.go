package onnxpb

// CheckData checks that a tensor's data fits its element type and its dimensions, as Decode would find it, without reading the data: the type is known,
// the elements stand in one field, the one for the type, and are as many as the dimensions tell. External data must have a location inside of the
// model's directory, and an offset and a length that make sense; where dir is not "", the file must be there and hold so many bytes.
func CheckData(t *TensorProto, dir string) error {
	et := TensorProto_DataType(t.GetDataType())
	n, err := checkType(et, t.GetDims())
	if err != nil {
		return err
	}
	if t.Segment != nil {
		return Errorf(Unfit, "is a segment of a larger tensor, which no reader of ONNX supports")
	}
	if t.GetDataLocation() == TensorProto_EXTERNAL {
		return checkExternal(t, dir)
	}
	field, err := payloadField(t)
	if err != nil {
		return err
	}
	if field == "" {
		if n != 0 {
			return Errorf(Unfit, "%s%v has no data", TypeName(et), t.GetDims())
		}
		return nil
	}
	if field == "raw_data" {
		if et == TensorProto_STRING {
			return Errorf(Unfit, "strings stand in string_data, not in raw_data")
		}
		size, err := rawSize(et, n)
		if err != nil {
			return err
		}
		if len(t.RawData) != size {
			return Errorf(Unfit, "%s%v needs %d bytes in raw_data, there are %d", TypeName(et), t.GetDims(), size, len(t.RawData))
		}
		return nil
	}
	if want := typedField(et); field != want {
		return Errorf(Unfit, "elements of %s stand in %s, not in %s", TypeName(et), want, field)
	}
	have := int64(countVarints(t.left(5)) + countVarints(t.left(7)) + countVarints(t.left(11)) + len(t.FloatData) + len(t.DoubleData) + len(t.Int64Data) + len(t.Uint64Data) + len(t.StringData) + len(t.Int32Data)) // all but one are 0
	want := n
	switch w := int64(ElemBits(et)); {
	case et == TensorProto_COMPLEX64 || et == TensorProto_COMPLEX128:
		if want = 2 * n; n > 1<<62 {
			return Errorf(Unfit, "%d elements of %s pass any memory", n, TypeName(et))
		}
	case w > 0 && w < 8:
		want = n/(8/w) + (n%(8/w)+8/w-1)/(8/w) // packed as in raw_data, one byte in each int32
	}
	if have != want {
		return Errorf(Unfit, "%s%v needs %d values in %s, there are %d", TypeName(et), t.GetDims(), want, field, have)
	}
	return nil
}

// checkExternal is CheckData for a tensor with external data.
func checkExternal(t *TensorProto, dir string) error {
	x, size, err := externalSpan(t)
	if err != nil {
		return err
	}
	if err := checkLocation(x.location); err != nil || dir == "" {
		return err
	}
	f, have, err := openExternal(dir, x.location)
	if err != nil {
		return err
	}
	f.Close()
	return checkSpan(x, size, have)
}
