package verify

import (
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// topAgreement tells in which share of the rows along the last axis the k largest elements stand in the same places, whatever their order among each other. Of elements that are equal the
// first counts as the larger one, as in ONNX's TopK and ArgMax, unless the other tensor has the same numbers there: elements that tie with the smallest of the k may stand for one another.
// A NaN is larger than any number. It is false for tensors that have no rows or no numbers.
func topAgreement(want, got *onnxpb.Array, k int) (Number, bool) {
	if len(want.Dims) == 0 || want.Len() == 0 || !equalDims(want.Dims, got.Dims) {
		return 0, false
	}
	w, err := want.Float64s()
	if err != nil {
		return 0, false
	}
	g, err := got.Float64s()
	if err != nil {
		return 0, false
	}
	n := int(want.Dims[len(want.Dims)-1])
	k = min(k, n)
	rows, agree := len(w)/n, 0
	for r := range rows {
		if sameTop(w[r*n:(r+1)*n], g[r*n:(r+1)*n], k) {
			agree++
		}
	}
	return Number(float64(agree) / float64(rows)), true
}

// sameTop tells whether what got has for its k largest are k largest of want, too: ties of want are fair.
func sameTop(want, got []float64, k int) bool {
	least := want[largest(want, k)[k-1]]
	for _, i := range largest(got, k) {
		if before(least, want[i]) {
			return false
		}
	}
	return true
}

// before tells whether a is the larger one.
func before(a, b float64) bool { return a > b || math.IsNaN(a) && !math.IsNaN(b) }

// largest lists the places of the k largest elements, the largest first.
func largest(v []float64, k int) []int {
	if k == 1 { // without sorting: the most common case
		best := 0
		for i := range v {
			if before(v[i], v[best]) {
				best = i
			}
		}
		return []int{best}
	}
	at := make([]int, len(v))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int {
		switch {
		case before(v[i], v[j]):
			return -1
		case before(v[j], v[i]):
			return 1
		}
		return 0
	})
	return at[:k]
}
