package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"onnxtool/onnxpb"
)

func counting(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)
	}
	return v
}

// TestFormatArray holds the texts to what NumPy 1.24 prints.
func TestFormatArray(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	half, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_FLOAT16, []int64{3}, []float64{0.1, nan, -inf})
	if err != nil {
		t.Fatal(err)
	}
	brain, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_BFLOAT16, []int64{2}, []float64{0.1, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    *onnxpb.Array
		want string
	}{
		{onnxpb.ArrayOf([]int64{2, 2}, []float32{1, 2.5, -3, 4}), "[[ 1.   2.5]\n [-3.   4. ]]"},
		{onnxpb.ArrayOf([]int64{2}, []float64{1. / 3, 2. / 3e3}), "[0.33333333 0.00066667]"},
		{onnxpb.ArrayOf([]int64{2}, []float32{1e10, 1}), "[1.e+10 1.e+00]"},
		{onnxpb.ArrayOf([]int64{2}, []float32{1.5e10, 1}), "[1.5e+10 1.0e+00]"},
		{onnxpb.ArrayOf(nil, []float32{1e-5}), "1e-05"},
		{onnxpb.ArrayOf(nil, []float64{2}), "2.0"},
		{half, "[ 0.1  nan -inf]"},
		{brain, "[0.1 3. ]"},
		{onnxpb.ArrayOf([]int64{2}, []complex128{1 + 2.5i, 3 - 4i}), "[1.+2.5j 3.-4.j ]"},
		{onnxpb.ArrayOf([]int64{3}, []int64{1, -20, 300}), "[  1 -20 300]"},
		{onnxpb.ArrayOf([]int64{2}, []bool{true, false}), "[ True False]"},
		{onnxpb.ArrayOf([]int64{3}, []string{"a", "it's", "日本"}), `['a' "it's" '日本']`},
		{onnxpb.ArrayOf([]int64{0, 3}, []float32{}), "[]"},
		{onnxpb.ArrayOf([]int64{2, 1, 2}, counting(4)), "[[[0. 1.]]\n\n [[2. 3.]]]"},
		{onnxpb.ArrayOf([]int64{1001}, counting(1001)), "[   0.    1.    2. ...  998.  999. 1000.]"},
		{onnxpb.ArrayOf([]int64{12, 100}, counting(1200)), "[[0.000e+00 1.000e+00 2.000e+00 ... 9.700e+01 9.800e+01 9.900e+01]\n" +
			" [1.000e+02 1.010e+02 1.020e+02 ... 1.970e+02 1.980e+02 1.990e+02]\n [2.000e+02 2.010e+02 2.020e+02 ... 2.970e+02 2.980e+02 2.990e+02]\n ...\n" +
			" [9.000e+02 9.010e+02 9.020e+02 ... 9.970e+02 9.980e+02 9.990e+02]\n [1.000e+03 1.001e+03 1.002e+03 ... 1.097e+03 1.098e+03 1.099e+03]\n" +
			" [1.100e+03 1.101e+03 1.102e+03 ... 1.197e+03 1.198e+03 1.199e+03]]"},
		{onnxpb.ArrayOf([]int64{26}, counting(26)), "[ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.\n 18. 19. 20. 21. 22. 23. 24. 25.]"},
	} {
		got, err := FormatArray(c.a)
		if err != nil || got != c.want {
			t.Errorf("%s%v:\n%s\nwant\n%s\nerror %v", c.a.Type, c.a.Dims, got, c.want, err)
		}
	}
}

// NumPy prints the same of arrays of many shapes and sizes.
func TestFormatArrayAsNumPy(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var names []string
	var arrays []*onnxpb.Array
	for i := range 400 {
		dims := make([]int64, rng.IntN(4))
		for axis := range dims {
			dims[axis] = 1 + rng.Int64N([]int64{4, 30, 9, 13}[rng.IntN(4)])
		}
		n, _ := onnxpb.Count(dims)
		v := make([]float64, n)
		scale := math.Pow(10, float64(rng.IntN(13)-6))
		for k := range v {
			switch rng.IntN(40) {
			case 0:
				v[k] = math.NaN()
			case 1:
				v[k] = math.Inf(rng.IntN(2)*2 - 1)
			case 2:
				v[k] = 0
			default:
				v[k] = scale * (rng.Float64() - 0.3)
				if i%3 == 0 {
					v[k] = math.Round(v[k]*8) / 8
				}
			}
		}
		typ := []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_INT32, onnxpb.TensorProto_BOOL}[i%5]
		if typ == onnxpb.TensorProto_INT32 {
			for k := range v {
				v[k] = float64(rng.IntN(2000) - 1000)
			}
		}
		a, err := onnxpb.ArrayFromFloat64s(typ, dims, v)
		if err != nil {
			t.Fatal(err)
		}
		names, arrays = append(names, fmt.Sprint(i)), append(arrays, a)
	}
	path := filepath.Join(t.TempDir(), "all.npz")
	if err := WriteNPZ(path, names, arrays); err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	out := numpy(t, "import json, sys, numpy as np\nd = np.load(sys.argv[1])\nprint(json.dumps({k: str(d[k]) for k in d.files}))", path)
	if err := json.Unmarshal([]byte(out), &want); err != nil {
		t.Fatal(err)
	}
	for i, a := range arrays {
		if got, err := FormatArray(a); err != nil || got != want[names[i]] {
			t.Errorf("%s%v:\n%s\nNumPy:\n%s\nerror %v", a.Type, a.Dims, got, want[names[i]], err)
		}
	}
}
