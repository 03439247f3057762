package onnxpb

import (
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"
)

// ValueKind says what a Value is.
type ValueKind int

// The kinds of values.
const (
	KindTensor   ValueKind = iota // Array holds it
	KindSequence                  // Elems holds its elements
	KindMap                       // Keys holds the keys, integers or strings, and Elems the value of each
	KindNone                      // an optional that holds nothing
)

// String names the kind as ONNX's types do.
func (k ValueKind) String() string {
	switch k {
	case KindTensor:
		return "tensor"
	case KindSequence:
		return "sequence"
	case KindMap:
		return "map"
	case KindNone:
		return "empty optional"
	}
	return fmt.Sprintf("ValueKind(%d)", int(k))
}

// Value is what flows along an edge of a graph: a tensor, a sequence, a map, or an optional that holds nothing. An optional that holds something is that.
type Value struct {
	Kind  ValueKind
	Array *Array   // KindTensor
	Elems []*Value // KindSequence, KindMap
	Keys  *Array   // KindMap
}

// TensorVal returns a value that is a tensor.
func TensorVal(a *Array) *Value { return &Value{Array: a} }

// ReadValue reads a value from a file of a test data set (input_0.pb), which holds a TensorProto, SequenceProto, MapProto or OptionalProto: the declared
// type tells which, and nil means a tensor. Errors name the file.
func ReadValue(path string, t *TypeProto) (*Value, error) {
	data, err := readRegular(path)
	if err != nil {
		return nil, openError(path, err)
	}
	v, err := ParseValue(data, t, filepath.Dir(path))
	if err != nil {
		return nil, InFile(err, path)
	}
	return v, nil
}

// ParseValue decodes the bytes of such a file; external data of its tensors is relative to dir ("" refuses it).
func ParseValue(data []byte, t *TypeProto, dir string) (*Value, error) {
	switch t.GetValue().(type) {
	case *TypeProto_SequenceType:
		s := &SequenceProto{}
		if err := unmarshalValue(data, s); err != nil {
			return nil, err
		}
		return sequenceValue(s, dir)
	case *TypeProto_MapType:
		m := &MapProto{}
		if err := unmarshalValue(data, m); err != nil {
			return nil, err
		}
		return mapValue(m, dir)
	case *TypeProto_OptionalType:
		o := &OptionalProto{}
		if err := unmarshalValue(data, o); err != nil {
			return nil, err
		}
		return optionalValue(o, dir)
	case *TypeProto_TensorType, nil:
		p := &TensorProto{}
		if err := unmarshalValue(data, p); err != nil {
			return nil, err
		}
		return tensorValue(p, dir)
	}
	return nil, &Error{Msg: fmt.Sprintf("values of type %T cannot be read", t.GetValue())}
}

func unmarshalValue(data []byte, m proto.Message) error {
	if err := proto.Unmarshal(data, m); err != nil {
		return &Error{Msg: fmt.Sprintf("not a %s, or a truncated one", m.ProtoReflect().Descriptor().Name()), Err: readable(err)}
	}
	return nil
}

func tensorValue(t *TensorProto, dir string) (*Value, error) {
	a, err := Decode(t, dir)
	if err != nil {
		return nil, err
	}
	return TensorVal(a), nil
}

var errSparse = &Error{Msg: "holds a sparse tensor, which cannot be read as a value"}

func sequenceValue(s *SequenceProto, dir string) (*Value, error) {
	v := &Value{Kind: KindSequence}
	add := func(e *Value, err error) error {
		if err != nil {
			return err
		}
		v.Elems = append(v.Elems, e)
		return nil
	}
	if len(s.GetSparseTensorValues()) > 0 {
		return nil, errSparse
	}
	kinds := 0
	for _, n := range []int{len(s.GetTensorValues()), len(s.GetSequenceValues()), len(s.GetMapValues()), len(s.GetOptionalValues())} {
		if n > 0 {
			kinds++
		}
	}
	if kinds > 1 {
		return nil, &Error{Msg: "is a sequence of elements of several kinds"}
	}
	for _, e := range s.GetTensorValues() {
		if err := add(tensorValue(e, dir)); err != nil {
			return nil, err
		}
	}
	for _, e := range s.GetSequenceValues() {
		if err := add(sequenceValue(e, dir)); err != nil {
			return nil, err
		}
	}
	for _, e := range s.GetMapValues() {
		if err := add(mapValue(e, dir)); err != nil {
			return nil, err
		}
	}
	for _, e := range s.GetOptionalValues() {
		if err := add(optionalValue(e, dir)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func mapValue(m *MapProto, dir string) (*Value, error) {
	values, err := sequenceValue(m.GetValues(), dir)
	if err != nil {
		return nil, err
	}
	kt := TensorProto_DataType(m.GetKeyType())
	n := int64(len(values.Elems))
	v := &Value{Kind: KindMap, Elems: values.Elems}
	if kt == TensorProto_STRING {
		keys := make([]string, len(m.StringKeys))
		for i, k := range m.StringKeys {
			keys[i] = string(k)
		}
		v.Keys = ArrayOf([]int64{int64(len(keys))}, keys)
	} else {
		data := makeData(kt, len(m.Keys))
		if err := intKeys(data, m.Keys, kt); err != nil {
			return nil, err
		}
		v.Keys = &Array{Type: kt, Dims: []int64{int64(len(m.Keys))}, Data: data}
	}
	if v.Keys.Dims[0] != n {
		return nil, Errorf(Unfit, "is a map with %d keys and %d values", v.Keys.Dims[0], n)
	}
	return v, nil
}

// intKeys fills the keys of a map, whose type is one of the integers of 8 to 64 bits.
func intKeys(data any, keys []int64, t TensorProto_DataType) error {
	switch d := data.(type) {
	case []int8:
		return fillKeys(d, keys, t)
	case []int16:
		return fillKeys(d, keys, t)
	case []int32:
		return fillKeys(d, keys, t)
	case []int64:
		return fillKeys(d, keys, t)
	case []uint8:
		return fillKeys(d, keys, t)
	case []uint16:
		return fillKeys(d, keys, t)
	case []uint32:
		return fillKeys(d, keys, t)
	case []uint64:
		return fillKeys(d, keys, t)
	}
	return Errorf(Unfit, "is a map whose keys are of %s, neither integers nor strings", TypeName(t))
}

func fillKeys[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](dst []T, keys []int64, t TensorProto_DataType) error {
	for i, k := range keys {
		if dst[i] = T(k); int64(dst[i]) != k {
			return Errorf(Unfit, "key %d of a map is %d, which is no %s", i, k, TypeName(t))
		}
	}
	return nil
}

func optionalValue(o *OptionalProto, dir string) (*Value, error) {
	switch {
	case o.TensorValue != nil:
		return tensorValue(o.TensorValue, dir)
	case o.SequenceValue != nil:
		return sequenceValue(o.SequenceValue, dir)
	case o.MapValue != nil:
		return mapValue(o.MapValue, dir)
	case o.OptionalValue != nil:
		return optionalValue(o.OptionalValue, dir)
	case o.SparseTensorValue != nil:
		return nil, errSparse
	}
	return &Value{Kind: KindNone}, nil
}
