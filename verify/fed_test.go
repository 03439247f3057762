package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"onnxtool/onnxpb"
)

// The hash of what was fed is of the bytes that the documentation tells, on every machine.
func TestFedHash(t *testing.T) {
	for _, c := range []struct {
		a    *onnxpb.Array
		text string
	}{
		{f32(1, -2), "tensor 0\nfloat32[2]\n\x00\x00\x80\x3f\x00\x00\x00\xc0"},
		{onnxpb.ArrayOf([]int64{1, 2}, []int64{1, 258}), "tensor 0\nint64[1,2]\n\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00"},
		{onnxpb.ArrayOf([]int64{1}, []string{"a"}), "tensor 0\nstring[1]\n\"a\"\n"},
		{f32(), "tensor 0\nfloat32[0]\n"},
	} {
		var f fedHashes
		f.add("x", onnxpb.TensorVal(c.a))
		sum := sha256.Sum256([]byte(c.text))
		if got, want := f.of("x"), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%v: %s, want %s", c.a, got, want)
		}
	}
}
