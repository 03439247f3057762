package onnxpb

import "testing"

func TestFormatTypeProto(t *testing.T) {
	f := TensorType(TensorProto_FLOAT, []Dim{Symbol("N"), Number(3), {}})
	key := int32(TensorProto_INT64)
	domain, name := "d", "n"
	for _, c := range []struct {
		t    *TypeProto
		want string
	}{
		{f, "float32 [N,3,?]"},
		{TensorType(TensorProto_INT4, []Dim{}), "int4 []"},
		{TensorType(TensorProto_STRING, nil), "string [...]"},
		{TensorType(TensorProto_UNDEFINED, nil), "? [...]"},
		{&TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: f}}}, "sequence(float32 [N,3,?])"},
		{&TypeProto{Value: &TypeProto_OptionalType{OptionalType: &TypeProto_Optional{ElemType: &TypeProto{}}}}, "optional(?)"},
		{&TypeProto{Value: &TypeProto_MapType{MapType: &TypeProto_Map{KeyType: &key, ValueType: f}}}, "map(int64,float32 [N,3,?])"},
		{&TypeProto{Value: &TypeProto_SparseTensorType{SparseTensorType: &TypeProto_SparseTensor{ElemType: &key}}}, "sparse int64 [...]"},
		{&TypeProto{Value: &TypeProto_OpaqueType{OpaqueType: &TypeProto_Opaque{Domain: &domain, Name: &name}}}, "opaque(d.n)"},
		{&TypeProto{}, "?"},
		{nil, "?"},
	} {
		if got := FormatTypeProto(c.t); got != c.want {
			t.Errorf("%v: %q, want %q", c.t, got, c.want)
		}
	}
}
