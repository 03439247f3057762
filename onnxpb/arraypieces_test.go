package onnxpb

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// TestDecodePieces: the pieces of a tensor are what Decode makes of it, of every type, in raw_data, in typed fields and in external data.
func TestDecodePieces(t *testing.T) {
	dir := t.TempDir()
	n := int64(pieceElements*2 + 3)
	whole := func(x *TensorProto) {
		t.Helper()
		a, err := Decode(x, dir)
		if err != nil {
			t.Fatal(err)
		}
		next := int64(0)
		out := reflect.MakeSlice(reflect.TypeOf(a.Data), 0, a.Len())
		if err := DecodePieces(x, dir, func(from int64, p *Array) error {
			if from != next || p.Len() > 1<<18 {
				t.Errorf("a piece of %d at %d, not at %d", p.Len(), from, next)
			}
			next += int64(p.Len())
			out = reflect.AppendSlice(out, reflect.ValueOf(p.Data))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(out.Interface(), a.Data) {
			t.Errorf("%s: the pieces are not the whole", TypeName(a.Type))
		}
	}
	for _, et := range []TensorProto_DataType{TensorProto_FLOAT, TensorProto_FLOAT16, TensorProto_INT4, TensorProto_UINT2, TensorProto_BOOL, TensorProto_INT64, TensorProto_COMPLEX64} {
		raw := make([]byte, (n*int64(ElemBits(et))+7)/8)
		for i := range raw {
			raw[i] = byte(i*31) & 0x3f
		}
		whole(&TensorProto{DataType: et.enum32(), Dims: []int64{n}, RawData: raw})
		name := TypeName(et) + ".bin"
		if err := os.WriteFile(filepath.Join(dir, name), append([]byte("1234"), raw...), 0o666); err != nil {
			t.Fatal(err)
		}
		key := func(k, v string) *StringStringEntryProto { return &StringStringEntryProto{Key: &k, Value: &v} }
		whole(&TensorProto{DataType: et.enum32(), Dims: []int64{n}, DataLocation: TensorProto_EXTERNAL.Enum(), ExternalData: []*StringStringEntryProto{key("location", name), key("offset", "4")}})
	}
	words, ints := make([][]byte, n), make([]int32, (n+1)/2)
	for i := range words {
		words[i] = []byte(strconv.Itoa(i))
	}
	for i := range ints {
		ints[i] = int32(i % 200)
	}
	whole(&TensorProto{DataType: TensorProto_STRING.enum32(), Dims: []int64{n}, StringData: words})
	whole(&TensorProto{DataType: TensorProto_INT4.enum32(), Dims: []int64{n}, Int32Data: ints})
	whole(&TensorProto{DataType: TensorProto_FLOAT.enum32(), Dims: []int64{0, 3}})
	if err := DecodePieces(&TensorProto{DataType: TensorProto_FLOAT.enum32(), Dims: []int64{2}, RawData: make([]byte, 7)}, "", nil); err == nil {
		t.Error("7 bytes are two floats")
	}
}
