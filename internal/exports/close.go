package exports

import (
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// close32 holds numbers to 1e-4 of their size, and 1e-5 where they are small; integers and shapes exactly.
func close32(got *onnxpb.Value, want *onnxpb.Array) error {
	switch {
	case want == nil:
		return onnxpb.Errorf(onnxpb.Unfit, "nothing was recorded")
	case got == nil || got.Array == nil:
		return onnxpb.Errorf(onnxpb.Unfit, "there is no tensor")
	case got.Array.Type != want.Type || !slices.Equal(got.Array.Dims, want.Dims):
		return onnxpb.Errorf(onnxpb.Unfit, "%s%v, not %s%v", onnxpb.TypeName(got.Array.Type), got.Array.Dims, onnxpb.TypeName(want.Type), want.Dims)
	}
	a, err := got.Array.Float64s()
	if err != nil {
		return err
	}
	b, err := want.Float64s()
	if err != nil {
		return err
	}
	for i := range a {
		if d := math.Abs(a[i] - b[i]); !(d <= 1e-5+1e-4*math.Abs(b[i])) {
			return onnxpb.Errorf(onnxpb.Unfit, "element %d is %v, not %v", i, a[i], b[i])
		}
	}
	return nil
}
