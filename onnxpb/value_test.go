package onnxpb

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

var (
	tensorT   = TensorType(TensorProto_FLOAT, nil)
	sequenceT = &TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: tensorT}}}
	mapT      = &TypeProto{Value: &TypeProto_MapType{MapType: &TypeProto_Map{KeyType: proto.Int32(int32(TensorProto_INT64)), ValueType: tensorT}}}
	optionalT = &TypeProto{Value: &TypeProto_OptionalType{OptionalType: &TypeProto_Optional{ElemType: tensorT}}}
	sparseT   = &TypeProto{Value: &TypeProto_SparseTensorType{SparseTensorType: &TypeProto_SparseTensor{}}}
)

func TestReadValue(t *testing.T) {
	one, two := TensorOf("a", []int64{1}, []float32{1}), TensorOf("b", nil, []int64{2})
	va, vb := TensorVal(ArrayOf([]int64{1}, []float32{1})), TensorVal(ArrayOf(nil, []int64{2}))
	sequence := func(v ...*Value) *Value { return &Value{Kind: KindSequence, Elems: v} }
	strKeys := &MapProto{KeyType: proto.Int32(int32(TensorProto_STRING)), StringKeys: [][]byte{[]byte("k")}, Values: &SequenceProto{TensorValues: []*TensorProto{one}}}
	intKeys := &MapProto{KeyType: proto.Int32(int32(TensorProto_INT8)), Keys: []int64{-5, 6}, Values: &SequenceProto{TensorValues: []*TensorProto{one, two}}}
	for _, c := range []struct {
		m    proto.Message
		t    *TypeProto
		want *Value
	}{
		{one, tensorT, va}, {one, nil, va}, {two, &TypeProto{}, vb},
		{&SequenceProto{TensorValues: []*TensorProto{one, two}}, sequenceT, sequence(va, vb)},
		{&SequenceProto{}, sequenceT, sequence()},
		{&SequenceProto{SequenceValues: []*SequenceProto{{TensorValues: []*TensorProto{one}}, {}}}, sequenceT, sequence(sequence(va), sequence())},
		{&SequenceProto{OptionalValues: []*OptionalProto{{TensorValue: one}, {}}}, sequenceT, sequence(va, &Value{Kind: KindNone})},
		{&OptionalProto{TensorValue: one}, optionalT, va},
		{&OptionalProto{}, optionalT, &Value{Kind: KindNone}},
		{&OptionalProto{SequenceValue: &SequenceProto{TensorValues: []*TensorProto{two}}}, optionalT, sequence(vb)},
		{&OptionalProto{OptionalValue: &OptionalProto{TensorValue: two}}, optionalT, vb},
		{&OptionalProto{MapValue: strKeys}, optionalT, &Value{Kind: KindMap, Keys: ArrayOf([]int64{1}, []string{"k"}), Elems: []*Value{va}}},
		{intKeys, mapT, &Value{Kind: KindMap, Keys: ArrayOf([]int64{2}, []int8{-5, 6}), Elems: []*Value{va, vb}}},
		{&SequenceProto{MapValues: []*MapProto{strKeys}}, sequenceT, sequence(&Value{Kind: KindMap, Keys: ArrayOf([]int64{1}, []string{"k"}), Elems: []*Value{va}})},
	} {
		data, err := proto.Marshal(c.m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadValue(write(t, filepath.Join(t.TempDir(), "input_0.pb"), data), c.t)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v, %v", c.m, got, err)
		}
	}
	bad := TensorOf("bad", []int64{1}, []float32{1})
	bad.Dims[0] = 2
	for _, c := range []struct {
		m    proto.Message
		t    *TypeProto
		want string
	}{
		{bad, tensorT, `tensor "bad"`},
		{&SequenceProto{TensorValues: []*TensorProto{one, bad}}, sequenceT, `tensor "bad"`},
		{&OptionalProto{SequenceValue: &SequenceProto{TensorValues: []*TensorProto{bad}}}, optionalT, `tensor "bad"`},
		{&SequenceProto{TensorValues: []*TensorProto{one}, SequenceValues: []*SequenceProto{{}}}, sequenceT, "several kinds"},
		{&SequenceProto{SparseTensorValues: []*SparseTensorProto{{}}}, sequenceT, "sparse"},
		{&OptionalProto{SparseTensorValue: &SparseTensorProto{}}, optionalT, "sparse"},
		{one, sparseT, "SparseTensor"},
		{&MapProto{KeyType: proto.Int32(int32(TensorProto_FLOAT)), Keys: []int64{1}, Values: &SequenceProto{TensorValues: []*TensorProto{one}}}, mapT, "neither integers"},
		{&MapProto{KeyType: proto.Int32(int32(TensorProto_INT8)), Keys: []int64{128}, Values: &SequenceProto{TensorValues: []*TensorProto{one}}}, mapT, "no int8"},
		{&MapProto{KeyType: proto.Int32(int32(TensorProto_INT64)), Keys: []int64{1, 2}, Values: &SequenceProto{TensorValues: []*TensorProto{one}}}, mapT, "2 keys and 1 values"},
		{&MapProto{}, mapT, "neither integers"},
	} {
		data, _ := proto.Marshal(c.m)
		path := write(t, filepath.Join(t.TempDir(), "input_0.pb"), data)
		if got, err := ReadValue(path, c.t); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%v: %v, %v does not tell %q", c.m, got, err, c.want)
		}
	}
	path := write(t, filepath.Join(t.TempDir(), "input_0.pb"), []byte("text"))
	for _, ty := range []*TypeProto{tensorT, sequenceT, mapT, optionalT} {
		if _, err := ReadValue(path, ty); err == nil || KindOf(err) != Unfit {
			t.Errorf("a text file is a value: %v", err)
		}
	}
	if _, err := ReadValue(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("no file is a value")
	}
}
