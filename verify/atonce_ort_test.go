package verify_test

import (
	"sync"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/verify"
)

func smallModel(t testing.TB) verify.Source {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]>
g (float[N,64] x) => (float[N,64] y, seq(float[N,64]) s) <float[64] w> { a = Mul(x, w)  y = Softmax(a)  s = SequenceConstruct(a, y) }`)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, 64)
	for i := range v {
		v[i] = float32(i) / 64
	}
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("w", []int64{64}, v))
	return verify.Source{Model: m}
}

// Comparisons side by side share an engine.
func TestModelsAtOnce(t *testing.T) {
	e := testengine.New(t)
	s := smallModel(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r, err := verify.Models(e, s, s, verify.Options{Batches: []int64{1, 3}, Samples: 20, Seed: uint64(i), Tolerance: verify.DefaultTolerance})
			if err != nil || !r.Equal {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
}

// BenchmarkOverhead tells what a comparison takes beside the runs themselves: a network of 157 MB would hide it, so the tensors are large and the work is little.
func BenchmarkOverhead(b *testing.B) {
	e := testengine.New(b)
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]>
g (float[N,3,256,256] x) => (float[N,8,254,254] y) <float[8,3,3,3] w> { y = Conv(x, w) }`)
	if err != nil {
		b.Fatal(err)
	}
	w := make([]float32, 8*27)
	for i := range w {
		w[i] = float32(i%7) / 10
	}
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("w", []int64{8, 3, 3, 3}, w))
	s := verify.Source{Model: m}
	in, err := verify.GenerateValue("x", m.Graph.Input[0].Type, []int64{4, 3, 256, 256}, nil, 0)
	if err != nil {
		b.Fatal(err)
	}
	x, err := e.Open(s, verify.SessionOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	b.Run("two runs of ONNX Runtime", func(b *testing.B) {
		for range b.N {
			for range 2 {
				if _, err := x.Run(map[string]*onnxpb.Value{"x": in}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("a comparison of them", func(b *testing.B) {
		got, err := x.Run(map[string]*onnxpb.Value{"x": in})
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for range b.N {
			for _, d := range verify.CompareValues(got["y"], got["y"], verify.DefaultTolerance) {
				if !d.Equal() {
					b.Fatal("differs")
				}
			}
		}
	})
	b.Run("generating the input", func(b *testing.B) {
		for range b.N {
			if _, err := verify.GenerateValue("x", m.Graph.Input[0].Type, []int64{4, 3, 256, 256}, nil, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
