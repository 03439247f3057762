package onnxpb

import (
	"math/rand/v2"
	"testing"
)

// CheckData takes what Decode takes, and refuses what Decode refuses, for tensors put together at random.
func TestCheckDataIsDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	good, bad := 0, 0
	for range 200_000 {
		et := int32(rng.IntN(29))
		x := &TensorProto{DataType: &et}
		for range rng.IntN(3) {
			x.Dims = append(x.Dims, []int64{0, 1, 2, 3, 5, 1, 2, 3, 5, 4, -1, 1 << 62}[rng.IntN(12)])
		}
		n := rng.IntN(12)
		if count, err := checkType(TensorProto_DataType(et), x.Dims); err == nil && count < 100 && rng.IntN(3) == 0 {
			x = NewArray(TensorProto_DataType(et), x.Dims).Proto("") // good so far
			n = 0
		}
		for range 1 + rng.IntN(12)/11 {
			switch field := rng.IntN(8); field {
			case 0:
				x.RawData = make([]byte, n*[]int{1, 2, 4, 8}[rng.IntN(4)])
			case 1:
				x.FloatData = make([]float32, n)
			case 2:
				x.DoubleData = make([]float64, n)
			case 3:
				x.Int64Data = make([]int64, n)
			case 4:
				x.Uint64Data = make([]uint64, n)
			case 5:
				x.StringData = make([][]byte, n)
			case 6:
				x.Int32Data = make([]int32, n)
			}
		}
		if rng.IntN(50) == 0 {
			x.Segment = &TensorProto_Segment{}
		}
		_, decodeErr := Decode(x, "")
		err := CheckData(x, "")
		if (err == nil) != (decodeErr == nil) {
			t.Fatalf("%v: CheckData says %v, Decode says %v", x, err, decodeErr)
		}
		if err == nil {
			good++
		} else {
			bad++
		}
	}
	if good < 5000 || bad < 5000 {
		t.Errorf("%d good, %d bad", good, bad)
	}
}
