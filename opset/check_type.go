package opset

import (
	"fmt"

	"onnxtool/onnxpb"
)

// valueInfo checks the declaration of a graph's input or output. Those of the main graph must have a type; those of subgraphs may.
func (c *checker) valueInfo(at *place, v *onnxpb.ValueInfoProto, what string, main bool) {
	name := v.GetName()
	if name == "" {
		c.fail(at, FaultName, "", "a graph %s has no name", what)
	}
	if v.GetType().GetValue() == nil {
		if main {
			c.fail(at, FaultType, name, "is a graph %s without a type", what)
		}
		return
	}
	if fault := typeFault(v.GetType(), main); fault != "" {
		c.fail(at, FaultType, name, "is a graph %s %s", what, fault)
	}
	if !main || !c.o.Warnings {
		return
	}
	switch v.GetType().GetValue().(type) {
	case *onnxpb.TypeProto_TensorType, *onnxpb.TypeProto_SparseTensorType:
		shape, ok := v.Shape()
		if !ok {
			c.warn(at, WarnShape, name, "is a graph %s without a shape", what)
		}
		for i, d := range shape {
			if d.Known && d.Value < 0 {
				c.warn(at, WarnShape, name, "is a graph %s whose dimension %d is %d: a symbol is meant", what, i, d.Value)
			}
		}
	}
}

// typeFault says what is wrong with a type; "" is nothing. A type that need not be complete may leave out element types.
func typeFault(t *onnxpb.TypeProto, complete bool) string {
	switch v := t.GetValue().(type) {
	case nil:
		if complete {
			return "whose type is left open"
		}
	case *onnxpb.TypeProto_TensorType:
		return elemFault(v.TensorType.GetElemType(), complete)
	case *onnxpb.TypeProto_SparseTensorType:
		return elemFault(v.SparseTensorType.GetElemType(), complete)
	case *onnxpb.TypeProto_SequenceType:
		return typeFault(v.SequenceType.GetElemType(), complete)
	case *onnxpb.TypeProto_OptionalType:
		return typeFault(v.OptionalType.GetElemType(), complete)
	case *onnxpb.TypeProto_MapType:
		switch k := onnxpb.TensorProto_DataType(v.MapType.GetKeyType()); k {
		case onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT64,
			onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT32, onnxpb.TensorProto_UINT64, onnxpb.TensorProto_STRING:
		case onnxpb.TensorProto_UNDEFINED:
			if complete {
				return "of a map without a type of keys"
			}
		default:
			return fmt.Sprintf("of a map whose keys are %s: integers and strings are allowed", onnxpb.TypeName(k))
		}
		return typeFault(v.MapType.GetValueType(), complete)
	}
	return ""
}

func elemFault(elem int32, complete bool) string {
	if elem == 0 {
		if complete {
			return "without an element type"
		}
		return ""
	}
	if _, ok := onnxpb.TensorProto_DataType_name[elem]; !ok {
		return fmt.Sprintf("of element type %d, which ONNX does not know", elem)
	}
	return ""
}
