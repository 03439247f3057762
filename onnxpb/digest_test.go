package onnxpb

import (
	"crypto/sha256"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
)

// Wherever the elements of a tensor stand, its digest is the same; of tensors that differ in one bit, the type or the dimensions, it is not.
func TestDigestIsOfTheContent(t *testing.T) {
	dir := t.TempDir()
	digest := func(p *TensorProto) [sha256.Size]byte {
		t.Helper()
		d, err := Digest(p, dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, c := range map[string]struct {
		raw   *TensorProto
		typed *TensorProto
	}{
		"float32": {TensorOf("a", []int64{3}, []float32{1, float32(math.Copysign(0, -1)), 3}), &TensorProto{FloatData: []float32{1, float32(math.Copysign(0, -1)), 3}}},
		"float64": {TensorOf("a", []int64{2}, []float64{1, math.NaN()}), &TensorProto{DoubleData: []float64{1, math.NaN()}}},
		"int64":   {TensorOf("a", []int64{1, 2}, []int64{-1, 1 << 40}), &TensorProto{Int64Data: []int64{-1, 1 << 40}}},
		"uint32":  {TensorOf("a", []int64{2}, []uint32{1, 1 << 31}), &TensorProto{Uint64Data: []uint64{1, 1 << 31}}},
		"int8":    {TensorOf("a", []int64{2}, []int8{-1, 5}), &TensorProto{Int32Data: []int32{-1, 5}}},
		"bool":    {TensorOf("a", []int64{2}, []bool{true, false}), &TensorProto{Int32Data: []int32{1, 0}}},
		"complex": {TensorOf("a", []int64{1}, []complex64{complex(1, 2)}), &TensorProto{FloatData: []float32{1, 2}}},
		"int4": {(&Array{Type: TensorProto_INT4, Dims: []int64{3}, Data: []int8{-8, 7, 1}}).Proto("a"),
			&TensorProto{Int32Data: []int32{0x78, 0x01}}},
		// Longer than a piece.
		"long": {TensorOf("a", []int64{digestPiece + 3}, make([]float32, digestPiece+3)), &TensorProto{FloatData: make([]float32, digestPiece+3)}},
	} {
		t.Run(name, func(t *testing.T) {
			want := digest(c.raw)
			c.typed.Name, c.typed.DataType, c.typed.Dims = proto.String("b"), c.raw.DataType, c.raw.Dims
			if digest(c.typed) != want {
				t.Error("a typed field gives another digest than raw_data")
			}
			away := proto.Clone(c.raw).(*TensorProto)
			// Bits left over are no elements.
			if c.raw.GetDataType() == int32(TensorProto_INT4) {
				away.RawData[len(away.RawData)-1] |= 0xf0
				if digest(away) != want {
					t.Error("the bits that are left over change the digest")
				}
			}
			if err := os.WriteFile(filepath.Join(dir, name), append([]byte("....."), away.RawData...), 0o666); err != nil {
				t.Fatal(err)
			}
			away.RawData, away.DataLocation = nil, TensorProto_EXTERNAL.Enum()
			away.ExternalData = []*StringStringEntryProto{{Key: proto.String("location"), Value: proto.String(name)}, {Key: proto.String("offset"), Value: proto.String("5")}}
			if digest(away) != want {
				t.Error("external data gives another digest than raw_data")
			}
			if _, err := Digest(away, ""); err == nil {
				t.Error("external data of a model from nowhere has a digest")
			}
			other := proto.Clone(c.raw).(*TensorProto)
			other.RawData[0] ^= 1
			if digest(other) == want {
				t.Error("another bit gives the same digest")
			}
			other = proto.Clone(c.raw).(*TensorProto)
			other.Dims = append([]int64{1}, other.Dims...)
			if digest(other) == want {
				t.Error("other dimensions give the same digest")
			}
		})
	}
	if digest(TensorOf("a", []int64{2}, []string{"ab", "c"})) == digest(TensorOf("a", []int64{2}, []string{"a", "bc"})) {
		t.Error("strings parted otherwise give the same digest")
	}
	if _, err := Digest(&TensorProto{DataType: TensorProto_FLOAT.enum32(), Dims: []int64{2}}, dir); err == nil {
		t.Error("a tensor without data has a digest")
	}
}
