package onnxpb

import "fmt"

// FormatTypeProto writes the type of a value for people: float32 [N,3,224,224]; float32 of unknown rank is float32 [...]; others are sequence(T), map(int64,T),
// optional(T), sparse float32 [N,3] and opaque(domain.name); ? is a type that is not known.
func FormatTypeProto(t *TypeProto) string {
	tensor := func(elem int32, shape *TensorShapeProto) string {
		s := "?"
		if elem != 0 {
			s = TypeName(TensorProto_DataType(elem))
		}
		if shape == nil {
			return s + " [...]"
		}
		dims := make([]Dim, len(shape.GetDim()))
		for i, d := range shape.GetDim() {
			dims[i] = DimOf(d)
		}
		return s + " " + FormatShape(dims)
	}
	switch v := t.GetValue().(type) {
	case *TypeProto_TensorType:
		return tensor(v.TensorType.GetElemType(), v.TensorType.GetShape())
	case *TypeProto_SparseTensorType:
		return "sparse " + tensor(v.SparseTensorType.GetElemType(), v.SparseTensorType.GetShape())
	case *TypeProto_SequenceType:
		return "sequence(" + FormatTypeProto(v.SequenceType.GetElemType()) + ")"
	case *TypeProto_OptionalType:
		return "optional(" + FormatTypeProto(v.OptionalType.GetElemType()) + ")"
	case *TypeProto_MapType:
		return fmt.Sprintf("map(%s,%s)", TypeName(TensorProto_DataType(v.MapType.GetKeyType())), FormatTypeProto(v.MapType.GetValueType()))
	case *TypeProto_OpaqueType:
		return fmt.Sprintf("opaque(%s.%s)", v.OpaqueType.GetDomain(), v.OpaqueType.GetName())
	}
	return "?"
}
