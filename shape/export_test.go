package shape

import "onnxtool/onnxpb"

// SetElements has the elements of an array followed, where they are few.
func SetElements(v *Value, a *onnxpb.Array) {
	if a.Len() <= maxElements {
		v.Ints, v.Floats = elementsOf(a)
	}
}
