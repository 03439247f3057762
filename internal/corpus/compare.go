package corpus

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"onnxtool/onnxpb"
)

// The tolerances of ONNX's own test runner.
const (
	RTol = 1e-3
	ATol = 1e-7
)

// Compare tells where two values differ. Kinds, element types and shapes must be equal, integers, booleans, strings and keys too. Of floats |got-want|
// <= atol + rtol*|want| is asked, NaN where want is NaN, and the same infinity where want is infinite.
func Compare(got, want *onnxpb.Value, rtol, atol float64) error {
	if got == nil || want == nil {
		if got == want {
			return nil
		}
		return fmt.Errorf("one of the values is missing")
	}
	if got.Kind != want.Kind {
		return fmt.Errorf("is of kind %s, want %s", got.Kind, want.Kind)
	}
	switch got.Kind {
	case onnxpb.KindTensor:
		return compareArrays(got.Array, want.Array, rtol, atol)
	case onnxpb.KindSequence:
		return compareElems(got, want, rtol, atol)
	case onnxpb.KindMap:
		if err := compareArrays(got.Keys, want.Keys, 0, 0); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		return compareElems(got, want, rtol, atol)
	}
	return nil
}

func compareElems(got, want *onnxpb.Value, rtol, atol float64) error {
	if len(got.Elems) != len(want.Elems) {
		return fmt.Errorf("has %d elements, want %d", len(got.Elems), len(want.Elems))
	}
	for i := range got.Elems {
		if err := Compare(got.Elems[i], want.Elems[i], rtol, atol); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

func compareArrays(got, want *onnxpb.Array, rtol, atol float64) error {
	if got.Type != want.Type {
		return fmt.Errorf("is of type %s, want %s", onnxpb.TypeName(got.Type), onnxpb.TypeName(want.Type))
	}
	if !slices.Equal(got.Dims, want.Dims) {
		return fmt.Errorf("has shape %v, want %v", got.Dims, want.Dims)
	}
	switch w := want.Data.(type) {
	case []complex64:
		return compareFloats(parts(got.Data.([]complex64)), parts(w), rtol, atol)
	case []complex128:
		return compareFloats(parts(got.Data.([]complex128)), parts(w), rtol, atol)
	}
	if !isFloat(want.Type) {
		return compareExact(got.Data, want.Data)
	}
	g, err := got.Float64s()
	if err != nil {
		return err
	}
	w, err := want.Float64s()
	if err != nil {
		return err
	}
	return compareFloats(g, w, rtol, atol)
}

func isFloat(t onnxpb.TensorProto_DataType) bool {
	switch t {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_FLOAT8E4M3FN,
		onnxpb.TensorProto_FLOAT8E4M3FNUZ, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ, onnxpb.TensorProto_FLOAT8E8M0,
		onnxpb.TensorProto_FLOAT4E2M1:
		return true
	}
	return false
}

func parts[T complex64 | complex128](list []T) []float64 {
	var f []float64
	for _, v := range list {
		c := complex128(v)
		f = append(f, real(c), imag(c))
	}
	return f
}

func compareFloats(got, want []float64, rtol, atol float64) error {
	for i, w := range want {
		g := got[i]
		var ok bool
		switch {
		case math.IsNaN(w) || math.IsInf(w, 0):
			ok = math.IsNaN(w) && math.IsNaN(g) || g == w
		default:
			ok = math.Abs(g-w) <= atol+rtol*math.Abs(w) // false where g is NaN or infinite
		}
		if !ok {
			return fmt.Errorf("element %d is %v, want %v", i, g, w)
		}
	}
	return nil
}

func compareExact(got, want any) error {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range min(w.Len(), g.Len()) {
		if a, b := g.Index(i).Interface(), w.Index(i).Interface(); a != b {
			return fmt.Errorf("element %d is %#v, want %#v", i, a, b)
		}
	}
	if g.Len() != w.Len() {
		return fmt.Errorf("has %d elements, want %d", g.Len(), w.Len())
	}
	return nil
}
