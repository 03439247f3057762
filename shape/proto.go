package shape

import (
	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

// fromType reads what a type declares. fresh makes the dimensions that it leaves open; dims maps symbols to what stands for them.
func fromType(t *onnxpb.TypeProto, fresh func() Dim, symbol func(string) Dim) *Value {
	shape := func(s *onnxpb.TensorShapeProto) ([]Dim, bool) {
		if s == nil {
			return nil, false
		}
		dims := make([]Dim, len(s.GetDim()))
		for i, p := range s.GetDim() {
			switch d := onnxpb.DimOf(p); {
			case d.Known && d.Value >= 0:
				dims[i] = expr.Int(d.Value)
			case d.Param != "":
				dims[i] = symbol(d.Param)
			default:
				dims[i] = fresh()
			}
		}
		return dims, true
	}
	switch x := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		v := &Value{Kind: Tensor, Elem: onnxpb.TensorProto_DataType(x.TensorType.GetElemType())}
		v.Dims, v.Ranked = shape(x.TensorType.GetShape())
		return v
	case *onnxpb.TypeProto_SparseTensorType:
		v := &Value{Kind: Sparse, Elem: onnxpb.TensorProto_DataType(x.SparseTensorType.GetElemType())}
		v.Dims, v.Ranked = shape(x.SparseTensorType.GetShape())
		return v
	case *onnxpb.TypeProto_SequenceType:
		return &Value{Kind: Sequence, Of: fromType(x.SequenceType.GetElemType(), fresh, symbol)}
	case *onnxpb.TypeProto_OptionalType:
		return &Value{Kind: Optional, Of: fromType(x.OptionalType.GetElemType(), fresh, symbol)}
	case *onnxpb.TypeProto_MapType:
		return &Value{Kind: Map, Key: onnxpb.TensorProto_DataType(x.MapType.GetKeyType()), Of: fromType(x.MapType.GetValueType(), fresh, symbol)}
	case *onnxpb.TypeProto_OpaqueType:
		return &Value{Kind: Opaque}
	}
	return unknownValue
}

// Proto returns the type that says what is known of a value, as far as ONNX's types can: a dimension that is an expression is written as the name of a symbol. It
// is nil where not even the element type is known.
func (v *Value) Proto() *onnxpb.TypeProto {
	if v == nil {
		return nil
	}
	shape := func() *onnxpb.TensorShapeProto {
		if !v.Ranked {
			return nil
		}
		s := &onnxpb.TensorShapeProto{Dim: make([]*onnxpb.TensorShapeProto_Dimension, len(v.Dims))}
		for i, d := range v.Dims {
			s.Dim[i] = &onnxpb.TensorShapeProto_Dimension{}
			if named(d) {
				setDim(s.Dim[i], d)
			}
		}
		return s
	}
	elem := int32(v.Elem)
	switch v.Kind {
	case Tensor:
		if v.Elem == onnxpb.TensorProto_UNDEFINED {
			return nil
		}
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{ElemType: &elem, Shape: shape()}}}
	case Sparse:
		if v.Elem == onnxpb.TensorProto_UNDEFINED {
			return nil
		}
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SparseTensorType{SparseTensorType: &onnxpb.TypeProto_SparseTensor{ElemType: &elem, Shape: shape()}}}
	case Sequence, Optional, Map:
		of := v.Of.Proto()
		if of == nil {
			return nil
		}
		switch v.Kind {
		case Sequence:
			return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: of}}}
		case Optional:
			return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: of}}}
		}
		if v.Key == onnxpb.TensorProto_UNDEFINED {
			return nil
		}
		key := int32(v.Key)
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &key, ValueType: of}}}
	}
	return nil
}

// setDim writes a dimension that can be written.
func setDim(p *onnxpb.TensorShapeProto_Dimension, d Dim) {
	if n, ok := d.Const(); ok {
		onnxpb.Number(n).Set(p)
		return
	}
	if name, ok := d.Symbol(); ok { // as it is, whatever characters it has
		onnxpb.Symbol(name).Set(p)
		return
	}
	onnxpb.Symbol(d.String()).Set(p)
}

// fromTensor reads what a constant tells: its type and shape, and its elements where they are few. External data is not read.
func fromTensor(t *onnxpb.TensorProto) *Value {
	if t == nil {
		return unknownValue
	}
	v := TensorOf(onnxpb.TensorProto_DataType(t.GetDataType()), numbers(t.GetDims()))
	n, err := onnxpb.Count(t.GetDims())
	if err != nil {
		return unranked(v.Elem)
	}
	if n > maxElements || t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL || !isIntegral(v.Elem) && !isFloating(v.Elem) {
		return v
	}
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		return v
	}
	v.Ints, v.Floats = elementsOf(a)
	return v
}

// elementsOf returns the elements of a small array, as integers where they are whole numbers, and as floating-point numbers where they are of such a type.
func elementsOf(a *onnxpb.Array) (ints []Dim, floats []float64) {
	if isFloating(a.Type) {
		f, err := a.Float64s()
		if err != nil {
			return nil, nil
		}
		return wholes(f), f
	}
	n, err := a.Int64s()
	if err != nil {
		return nil, nil // also where an unsigned number passes int64
	}
	return numbers(n), nil
}

func boolean(v bool) Dim {
	if v {
		return expr.Int(1)
	}
	return expr.Int(0)
}

// wholes returns numbers as integers, where all of them are.
func wholes(floats []float64) []Dim {
	ints := make([]Dim, len(floats))
	for i, v := range floats {
		n := int64(v)
		if float64(n) != v || n > 1<<53 || n < -1<<53 {
			return nil
		}
		ints[i] = expr.Int(n)
	}
	return ints
}
