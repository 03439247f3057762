package verify

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// valueMessage turns a value into the message that a test data set holds for its declared type: a TensorProto (where no type is declared, too), SequenceProto, MapProto
// or OptionalProto. It is the inverse of onnxpb.ParseValue. An optional that holds nothing has the element type UNDEFINED, as onnx's own writer has it.
func valueMessage(name string, v *onnxpb.Value, t *onnxpb.TypeProto) (proto.Message, error) {
	if v == nil {
		return nil, &onnxpb.Error{Tensor: name, Msg: "there is no value"}
	}
	switch w := t.GetValue().(type) {
	case *onnxpb.TypeProto_OptionalType:
		return optionalMessage(name, v, w.OptionalType.GetElemType())
	case *onnxpb.TypeProto_SequenceType:
		return sequenceMessage(name, v, w.SequenceType.GetElemType())
	case *onnxpb.TypeProto_MapType:
		return mapMessage(name, v, w.MapType.GetValueType())
	case *onnxpb.TypeProto_TensorType, nil:
		if v.Kind != onnxpb.KindTensor || v.Array == nil {
			return nil, otherKind(name, v, onnxpb.KindTensor)
		}
		if n, err := onnxpb.Count(v.Array.Dims); err != nil || n != int64(v.Array.Len()) {
			return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("a tensor of shape %s holds %d elements", shapeText(v.Array.Dims), v.Array.Len())}
		}
		return v.Array.Proto(name), nil
	}
	return nil, &onnxpb.Error{Tensor: name, Msg: "values of this type cannot be written to a file (a sparse tensor or an opaque value)"}
}

func otherKind(name string, v *onnxpb.Value, want onnxpb.ValueKind) error {
	return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("is of kind %s, where the model declares %s", v.Kind, want)}
}

// elements turns the elements of a sequence or a map into messages of one kind, each under no name of its own.
func elements[M proto.Message](name string, v *onnxpb.Value, t *onnxpb.TypeProto) ([]M, error) {
	list := make([]M, len(v.Elems))
	for i, e := range v.Elems {
		m, err := valueMessage("", e, t)
		if err != nil {
			return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("element %d", i), Err: err}
		}
		list[i] = m.(M) // the declared type alone says which message it is
	}
	return list, nil
}

func sequenceMessage(name string, v *onnxpb.Value, elem *onnxpb.TypeProto) (s *onnxpb.SequenceProto, err error) {
	if v.Kind != onnxpb.KindSequence && v.Kind != onnxpb.KindMap { // the values of a map are written as a sequence
		return nil, otherKind(name, v, onnxpb.KindSequence)
	}
	s = &onnxpb.SequenceProto{Name: proto.String(name)}
	var kind onnxpb.SequenceProto_DataType
	switch elem.GetValue().(type) {
	case *onnxpb.TypeProto_SequenceType:
		kind = onnxpb.SequenceProto_SEQUENCE
		s.SequenceValues, err = elements[*onnxpb.SequenceProto](name, v, elem)
	case *onnxpb.TypeProto_MapType:
		kind = onnxpb.SequenceProto_MAP
		s.MapValues, err = elements[*onnxpb.MapProto](name, v, elem)
	case *onnxpb.TypeProto_OptionalType:
		kind = onnxpb.SequenceProto_OPTIONAL
		s.OptionalValues, err = elements[*onnxpb.OptionalProto](name, v, elem)
	default:
		kind = onnxpb.SequenceProto_TENSOR
		s.TensorValues, err = elements[*onnxpb.TensorProto](name, v, elem)
	}
	s.ElemType = proto.Int32(int32(kind))
	return s, err
}

func mapMessage(name string, v *onnxpb.Value, elem *onnxpb.TypeProto) (*onnxpb.MapProto, error) {
	if v.Kind != onnxpb.KindMap || v.Keys == nil {
		return nil, otherKind(name, v, onnxpb.KindMap)
	}
	m := &onnxpb.MapProto{Name: proto.String(name), KeyType: proto.Int32(int32(v.Keys.Type))}
	if s, ok := v.Keys.Data.([]string); ok {
		for _, k := range s {
			m.StringKeys = append(m.StringKeys, []byte(k))
		}
	} else {
		keys, err := v.Keys.Int64s()
		if err != nil {
			return nil, &onnxpb.Error{Tensor: name, Msg: "the keys", Err: err}
		}
		m.Keys = keys
	}
	values, err := sequenceMessage("", v, elem)
	if err != nil {
		return nil, err
	}
	m.Values = values
	return m, nil
}

func optionalMessage(name string, v *onnxpb.Value, elem *onnxpb.TypeProto) (*onnxpb.OptionalProto, error) {
	o := &onnxpb.OptionalProto{Name: proto.String(name)}
	kind := onnxpb.OptionalProto_UNDEFINED
	if v.Kind != onnxpb.KindNone {
		m, err := valueMessage(name, v, elem)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *onnxpb.TensorProto:
			kind, o.TensorValue = onnxpb.OptionalProto_TENSOR, m
		case *onnxpb.SequenceProto:
			kind, o.SequenceValue = onnxpb.OptionalProto_SEQUENCE, m
		case *onnxpb.MapProto:
			kind, o.MapValue = onnxpb.OptionalProto_MAP, m
		case *onnxpb.OptionalProto:
			kind, o.OptionalValue = onnxpb.OptionalProto_OPTIONAL, m
		}
	}
	o.ElemType = proto.Int32(int32(kind))
	return o, nil
}
