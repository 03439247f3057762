package surgery_test

import (
	"math"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

const weighty = `g (float[1,4] x) => (float[1,4] y, float[1,4] z) <float[4,4] w = ["location": "gone.bin"], int64[2] shape = {1,4}, float[4] bias = {1,2,3,4}> {
  h = MatMul (x, w)
  k = Add (h, bias)
  y = Reshape (k, shape)
  c = Constant <value_floats: floats = [1.0,2.0,3.0,4.0]> ()
  z = Mul (y, c)
}`

// TestFill: weights are made up by name and seed, without the file of the old ones; small tensors and shapes stay.
func TestFill(t *testing.T) {
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{1, 4}, []float32{1, 1, 1, 1})}
	fill := func(o surgery.FillOptions) *onnxpb.ModelProto {
		t.Helper()
		m := textModel(t, 17, weighty)
		r, err := surgery.Fill(m, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Changes) == 0 || onnxpb.HasExternal(m) {
			t.Errorf("%+v told %v", o, r.Changes)
		}
		mustPass(t, m)
		return m
	}
	wantRun(t, e, fill(surgery.FillOptions{With: surgery.FillZeros, Min: 64}), x, map[string]any{"y": []float32{1, 2, 3, 4}, "z": []float32{1, 4, 9, 16}})
	wantRun(t, e, fill(surgery.FillOptions{With: surgery.FillOnes, Min: 1}), x, map[string]any{"y": []float32{5, 5, 5, 5}, "z": []float32{5, 5, 5, 5}})
	nodes := fill(surgery.FillOptions{With: surgery.FillOnes, Min: 64, Nodes: true})
	wantRun(t, e, nodes, x, map[string]any{"y": []float32{5, 6, 7, 8}})
	if len(nodes.Graph.Initializer) != 3 || nodes.Graph.Initializer[2].GetName() != "w_shape" {
		t.Errorf("initializers: %v", nodes.Graph.Initializer)
	}
	a, b, c := fill(surgery.FillOptions{Min: 64, Seed: 1}), fill(surgery.FillOptions{Min: 64, Seed: 1}), fill(surgery.FillOptions{Min: 64, Seed: 2})
	if wa, wb, wc := runs(t, e, a, x), runs(t, e, b, x), runs(t, e, c, x); !reflect.DeepEqual(wa, wb) || reflect.DeepEqual(wa, wc) {
		t.Errorf("seeds 1, 1, 2: %v, %v, %v", wa["y"].Data, wb["y"].Data, wc["y"].Data)
	}
}

// TestFillTypes fills tensors of every type of weights: the mean and the deviation are those asked for.
func TestFillTypes(t *testing.T) {
	for _, name := range []string{"float", "double", "float16", "bfloat16", "float8e4m3fn", "float8e5m2", "int8", "uint8", "int4", "uint4"} {
		elem, err := onnxpb.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		m := textModel(t, 21, `g () => (float y) { y = Constant <value_float: float = 0> () }`)
		m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.NewArray(elem, []int64{99, 101}).Proto("k")}
		if _, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillUniform, Scale: 2}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, err := onnxpb.Decode(m.Graph.Initializer[0], "")
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		sum, square := 0.0, 0.0
		for _, x := range v {
			sum += x
			square += x * x
		}
		mean := sum / float64(len(v))
		std := math.Sqrt(square/float64(len(v)) - mean*mean)
		// Uniform over -2 to 2: 0 and 4/sqrt(12). Integers over half of their range.
		wantMean, wantStd := 0.0, 4/math.Sqrt(12)
		if bits := onnxpb.ElemBits(elem); name[0] == 'i' || name[0] == 'u' {
			wantMean, wantStd = -0.5, math.Ldexp(1, bits-1)/math.Sqrt(12)
			if name[0] == 'u' {
				wantMean = (math.Ldexp(1, bits) - 1) / 2
			}
		}
		if math.Abs(mean-wantMean) > 0.05*wantStd || math.Abs(std-wantStd) > 0.1*wantStd {
			t.Errorf("%s: mean %v, deviation %v, want %v, %v", name, mean, std, wantMean, wantStd)
		}
	}
}
