package onnxpb

import "iter"

// AllDims yields every dimension in a type, at any depth of sequences, maps and optionals.
func (x *TypeProto) AllDims() iter.Seq[*TensorShapeProto_Dimension] {
	return func(yield func(*TensorShapeProto_Dimension) bool) {
		var shape *TensorShapeProto
		for t := x; t != nil && shape == nil; {
			switch v := t.GetValue().(type) {
			case *TypeProto_TensorType:
				shape, t = v.TensorType.GetShape(), nil
			case *TypeProto_SparseTensorType:
				shape, t = v.SparseTensorType.GetShape(), nil
			case *TypeProto_SequenceType:
				t = v.SequenceType.GetElemType()
			case *TypeProto_OptionalType:
				t = v.OptionalType.GetElemType()
			case *TypeProto_MapType:
				t = v.MapType.GetValueType()
			default:
				t = nil
			}
		}
		for _, d := range shape.GetDim() {
			if !yield(d) {
				return
			}
		}
	}
}

// DropSymbols leaves the dimensions of a type open that are symbols, as those of another model mean nothing.
func (x *TypeProto) DropSymbols() {
	for d := range x.AllDims() {
		if d.GetDimParam() != "" {
			d.Value = nil
		}
	}
}
