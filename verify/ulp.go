package verify

import (
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// ulps returns the distance of two elements of float tensors in units of the last place of their type: how many steps from one to the next number of the type lie between them. -0 and 0 are
// one number.
func ulps(want, got *onnxpb.Array) func(i int) float64 {
	switch w := want.Data.(type) {
	case []float32:
		g := got.Data.([]float32)
		return func(i int) float64 { return steps(uint64(math.Float32bits(w[i])), uint64(math.Float32bits(g[i])), 31) }
	case []float64:
		g := got.Data.([]float64)
		return func(i int) float64 { return steps(math.Float64bits(w[i]), math.Float64bits(g[i]), 63) }
	case []uint16: // float16 and bfloat16, as bits
		g := got.Data.([]uint16)
		return func(i int) float64 { return steps(uint64(w[i]), uint64(g[i]), 15) }
	case []uint8: // the 8-bit and 4-bit floats, as bits
		sign := 7
		if want.Type == onnxpb.TensorProto_FLOAT4E2M1 {
			sign = 3
		}
		if want.Type == onnxpb.TensorProto_FLOAT8E8M0 {
			sign = 8 // it has none
		}
		g := got.Data.([]uint8)
		return func(i int) float64 { return steps(uint64(w[i]), uint64(g[i]), sign) }
	}
	return func(int) float64 { return 0 }
}

// steps counts the steps between two floats by their bits: sign and magnitude, as integers in the order of the numbers.
func steps(a, b uint64, sign int) float64 {
	order := func(x uint64) (magnitude uint64, negative bool) {
		return x &^ (1 << sign), x>>sign&1 == 1
	}
	ma, na := order(a)
	mb, nb := order(b)
	if na != nb {
		return float64(ma) + float64(mb)
	}
	return float64(max(ma, mb) - min(ma, mb))
}

func sortedBins(bins map[int32]int64) []int32 {
	list := make([]int32, 0, len(bins))
	for b := range bins {
		list = append(list, b)
	}
	slices.Sort(list)
	return list
}

func sortBy[T any](list []T, less func(a, b T) bool) {
	slices.SortFunc(list, func(a, b T) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	})
}
