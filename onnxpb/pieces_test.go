package onnxpb

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
)

// The pieces of a tensor have its elements, in order, none in two.
func TestPieces(t *testing.T) {
	for _, c := range []struct {
		elem   TensorProto_DataType
		size   int
		pieces int
	}{
		{TensorProto_FLOAT, 4 << 20, 1}, {TensorProto_FLOAT, 4<<20 + 4, 2}, {TensorProto_FLOAT, 9 << 20, 3}, {TensorProto_COMPLEX128, 8 << 20, 2},
		{TensorProto_BOOL, 5<<20 + 1, 2}, {TensorProto_INT4, 6 << 20, 1},
	} {
		raw := make([]byte, c.size)
		for i := range raw {
			raw[i] = byte(i*7 + i>>10)
		}
		n := int64(c.size) * 8 / int64(ElemBits(c.elem))
		p := &TensorProto{DataType: proto.Int32(int32(c.elem)), Dims: []int64{1, n}, RawData: raw}
		list := Pieces(p)
		if len(list) != c.pieces {
			t.Errorf("%v, %d bytes: %d pieces, want %d", c.elem, c.size, len(list), c.pieces)
		}
		var all []byte
		for i, x := range list {
			if err := CheckData(x, ""); err != nil || i < len(list)-1 && len(x.RawData) != len(list[0].RawData) {
				t.Errorf("%v: piece %d of %d bytes: %v", c.elem, i, len(x.RawData), err)
			}
			all = append(all, x.RawData...)
		}
		if !bytes.Equal(all, raw) {
			t.Errorf("%v: other bytes", c.elem)
		}
	}
	short := &TensorProto{DataType: proto.Int32(int32(TensorProto_FLOAT)), Dims: []int64{3}, RawData: make([]byte, 5<<20)}
	if list := Pieces(short); len(list) != 1 || list[0] != short {
		t.Error("a tensor that does not fit its shape was parted")
	}
}
