package fuse_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"onnxtool/fuse"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/verify"
)

// partOpsets are the opsets that parts are run at: those where a form changes (11, 12, 13), the oldest, and some that are in use.
var partOpsets = []int64{9, 11, 12, 13, 17, 21, 23, 26}

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// partEngine is ONNX Runtime.
func partEngine(t testing.TB) verify.Engine {
	t.Helper()
	return testengine.New(t)
}

// runPart runs a model, as it is written and optimised, which must come to the same.
func runPart(t testing.TB, m *onnxpb.ModelProto, inputs map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	t.Helper()
	var last map[string]*onnxpb.Array
	for _, level := range []string{verify.OptimizeNone, verify.OptimizeAll} {
		got := runPartAt(t, m, level, inputs)
		for name, a := range last {
			if !sameFloats(a, got[name]) {
				t.Fatalf("%s: optimised, the output %s is another", m.Graph.GetName(), name)
			}
		}
		last = got
	}
	return last
}

func runPartAt(t testing.TB, m *onnxpb.ModelProto, level string, inputs map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	t.Helper()
	s, err := partEngine(t).Open(verify.Source{Model: m}, verify.SessionOptions{Optimization: level, Threads: 1})
	if err != nil {
		t.Fatalf("%s, opset %d: %v", m.Graph.GetName(), m.OpsetVersion(""), err)
	}
	defer s.Close()
	values := map[string]*onnxpb.Value{}
	for n, a := range inputs {
		values[n] = onnxpb.TensorVal(a)
	}
	out, err := s.Run(values)
	if err != nil {
		t.Fatalf("%s, opset %d: %v", m.Graph.GetName(), m.OpsetVersion(""), err)
	}
	arrays := map[string]*onnxpb.Array{}
	for n, v := range out {
		arrays[n] = v.Array
	}
	return arrays
}

// sameFloats tells whether two arrays are equal, NaN to NaN.
func sameFloats(a, b *onnxpb.Array) bool {
	x, err1 := a.Float64s()
	y, err2 := b.Float64s()
	if err1 != nil || err2 != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] && !(math.IsNaN(x[i]) && math.IsNaN(y[i])) {
			return false
		}
	}
	return true
}

// nearFloats is sameFloats within a relative 1e-6.
func nearFloats(a, b *onnxpb.Array) bool {
	x, err1 := a.Float64s()
	y, err2 := b.Float64s()
	if err1 != nil || err2 != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if !(math.Abs(x[i]-y[i]) <= 1e-6*math.Abs(y[i])) && !(math.IsNaN(x[i]) && math.IsNaN(y[i])) {
			return false
		}
	}
	return true
}

// same tells whether two numbers are equal, NaN to NaN and -0 to 0.
func same(a, b float32) bool { return a == b || a != a && b != b }

// rows makes a matrix [N,len(row)].
func rows[R [1]float32 | [3]float32 | [6]float32 | [9]float32](list []R) *onnxpb.Array {
	var v []float32
	var zero R
	for _, r := range list {
		for i := range len(zero) {
			v = append(v, r[i])
		}
	}
	return onnxpb.ArrayOf([]int64{int64(len(list)), int64(len(zero))}, v)
}

// floatsOf returns the elements of a float32 array.
func floatsOf(t testing.TB, a *onnxpb.Array) []float32 {
	t.Helper()
	v, ok := a.Data.([]float32)
	if !ok {
		t.Fatalf("%T, want float32", a.Data)
	}
	return v
}

// everyPart builds every kind of part with the given options.
func everyPart(t testing.TB, o fuse.PartOptions) map[string]*onnxpb.ModelProto {
	t.Helper()
	parts := map[string]*onnxpb.ModelProto{}
	add := func(name string, m *onnxpb.ModelProto, err error) {
		if err != nil {
			t.Fatalf("%s, opset %d, batch %v: %v", name, o.Opset, o.Batch, err)
		}
		parts[name] = m
	}
	for _, judge := range []bool{false, true} {
		m, err := fuse.FrontMask(75, judge, o)
		add(fmt.Sprintf("front mask %v", judge), m, err)
		m, err = fuse.RearMask(75, judge, o)
		add(fmt.Sprintf("rear mask %v", judge), m, err)
	}
	for _, rule := range fuse.Rules() {
		m, err := fuse.Gate(fuse.GateOptions{Rule: rule, Source: rule != fuse.Published}, o)
		add("gate "+rule, m, err)
	}
	m, err := fuse.Normalize(fuse.ImageNet(1.0/255), nil, 0, o)
	add("normalize", m, err)
	m, err = fuse.Rotation6D(o)
	add("rotation6d", m, err)
	m, err = fuse.Euler("", o)
	add("euler", m, err)
	for _, circular := range []bool{false, true} {
		m, err = fuse.Bins(fuse.BinOptions{Count: 120, Circular: circular}, o)
		add(fmt.Sprintf("bins %v", circular), m, err)
	}
	m, err = fuse.Reorder([]string{"yaw", "pitch", "roll"}, []string{"yaw", "-roll", "pitch"}, o)
	add("reorder", m, err)
	m, err = fuse.Op("Add", fuse.OpOptions{Inputs: []fuse.OpValue{
		{Name: "a", Type: onnxpb.TensorProto_FLOAT, Shape: []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}},
		{Name: "b", Type: onnxpb.TensorProto_FLOAT, Shape: []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}},
	}}, o)
	add("op", m, err)
	return parts
}

// TestEveryPartIsValid holds every kind of part, at every opset there is and several batches, to what parts promise: it passes the checker, has the lowest
// IR version of its opset, says what it computes, has the batch asked for, and comes out as the same bytes twice.
func TestEveryPartIsValid(t *testing.T) {
	for op := int64(fuse.MinPartOpset); op <= opset.Newest(""); op++ {
		for _, batch := range []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Symbol("batch"), onnxpb.Number(1), onnxpb.Number(7)} {
			o := fuse.PartOptions{Opset: op, Batch: batch}
			again := everyPart(t, o)
			for name, m := range everyPart(t, o) {
				label := fmt.Sprintf("%s, opset %d, batch %v", name, op, batch)
				for _, f := range opset.Check(m, opset.CheckOptions{}) {
					t.Errorf("%s: %s", label, f)
				}
				if got, want := m.GetIrVersion(), opset.MinIR("", op); got != want {
					t.Errorf("%s: IR version %d, want %d", label, got, want)
				}
				if m.GetDocString() == "" {
					t.Errorf("%s: no doc string", label)
				}
				if name == "op" {
					continue
				}
				for _, v := range append(m.Graph.Input, m.Graph.Output...) {
					if dims, _ := v.Shape(); len(dims) == 0 || dims[0] != batch {
						t.Errorf("%s: %s has the shape %s", label, v.GetName(), onnxpb.FormatShape(dims))
					}
				}
				a, err1 := onnxpb.Marshal(m)
				b, err2 := onnxpb.Marshal(again[name])
				if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
					t.Errorf("%s: not the same bytes twice", label)
				}
			}
		}
	}
}

// TestPartsTakeAnyBatch runs every part at the batches 1, 2 and 7, symbol and number, and wants each row to be what it is among others; within the last
// digits, as the runtime computes whole vectors and what is left over by different code.
func TestPartsTakeAnyBatch(t *testing.T) {
	for name, m := range everyPart(t, fuse.PartOptions{}) {
		whole := partInputs(m, 7)
		want := runPart(t, m, whole)
		for _, n := range []int64{1, 2, 7} {
			fixed := everyPart(t, fuse.PartOptions{Batch: onnxpb.Number(n)})[name]
			for _, model := range []*onnxpb.ModelProto{m, fixed} {
				some := map[string]*onnxpb.Array{}
				for k, a := range whole {
					some[k] = firstRows(a, n)
				}
				for k, a := range runPart(t, model, some) {
					if a.Dims[0] != n || !nearFloats(a, firstRows(want[k], n)) {
						t.Errorf("%s: output %s differs at batch %d", name, k, n)
					}
				}
			}
		}
	}
}

// partInputs makes inputs for n rows, each number another.
func partInputs(m *onnxpb.ModelProto, n int64) map[string]*onnxpb.Array {
	inputs := map[string]*onnxpb.Array{}
	for _, v := range m.Graph.Input {
		shape, _ := v.Shape()
		dims, count := []int64{n}, n
		for _, d := range shape[1:] {
			size := d.Value
			if !d.Known {
				size = 5
			}
			dims, count = append(dims, size), count*size
		}
		data := make([]float32, count)
		for i := range data {
			data[i] = float32(math.Sin(float64(7*i+len(inputs)))) * 100
		}
		inputs[v.GetName()] = onnxpb.ArrayOf(dims, data)
	}
	return inputs
}

func firstRows(a *onnxpb.Array, n int64) *onnxpb.Array {
	each := int64(a.Len()) / a.Dims[0]
	dims := append([]int64{n}, a.Dims[1:]...)
	switch v := a.Data.(type) {
	case []float32:
		return onnxpb.ArrayOf(dims, v[:n*each])
	case []int64:
		return onnxpb.ArrayOf(dims, v[:n*each])
	}
	panic(fmt.Sprintf("%T", a.Data))
}

// TestPartOptionsRefused: what makes no sense is wrong usage, and says so.
func TestPartOptionsRefused(t *testing.T) {
	for _, o := range []fuse.PartOptions{{Opset: 8}, {Opset: -1}, {Opset: opset.Newest("") + 1}, {Batch: onnxpb.Number(-1)}, {YawColumn: 3}, {YawColumn: -1}} {
		if _, err := fuse.FrontMask(75, true, o); err == nil || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, limit := range []float64{-1, 181, math.NaN(), math.Inf(1)} {
		if _, err := fuse.RearMask(limit, false, fuse.PartOptions{}); err == nil || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("limit %v: %v", limit, err)
		}
	}
	zero := 0.0
	nothing := math.NaN()
	for name, make := range map[string]func() error{
		"gate rule":  func() error { _, err := fuse.Gate(fuse.GateOptions{Rule: "best"}, fuse.PartOptions{}); return err },
		"gate limit": func() error { _, err := fuse.Gate(fuse.GateOptions{Limit: 200}, fuse.PartOptions{}); return err },
		"published source": func() error {
			_, err := fuse.Gate(fuse.GateOptions{Rule: fuse.Published, Source: true}, fuse.PartOptions{})
			return err
		},
		"no bins": func() error { _, err := fuse.Bins(fuse.BinOptions{}, fuse.PartOptions{}); return err },
		"negative bins": func() error {
			_, err := fuse.Bins(fuse.BinOptions{Count: 4, Width: -3, Offset: &zero}, fuse.PartOptions{})
			return err
		},
		"NaN offset": func() error {
			_, err := fuse.Bins(fuse.BinOptions{Count: 4, Offset: &nothing}, fuse.PartOptions{})
			return err
		},
		"order of two":   func() error { _, err := fuse.Euler("yaw,pitch", fuse.PartOptions{}); return err },
		"order twice":    func() error { _, err := fuse.Euler("yaw,yaw,pitch", fuse.PartOptions{}); return err },
		"unknown column": func() error { _, err := fuse.Reorder([]string{"yaw"}, []string{"jaw"}, fuse.PartOptions{}); return err },
		"column twice": func() error {
			_, err := fuse.Reorder([]string{"a", "a"}, []string{"a"}, fuse.PartOptions{})
			return err
		},
		"no column":           func() error { _, err := fuse.Reorder([]string{"a"}, nil, fuse.PartOptions{}); return err },
		"column without name": func() error { _, err := fuse.Reorder([]string{""}, []string{""}, fuse.PartOptions{}); return err },
		"two means, three channels": func() error {
			_, err := fuse.Normalize(fuse.Norm{Mean: []float64{1, 2}}, nil, 0, fuse.PartOptions{})
			return err
		},
		"deviation 0": func() error {
			_, err := fuse.Normalize(fuse.Norm{Std: []float64{0}}, nil, 0, fuse.PartOptions{})
			return err
		},
		"channel axis":  func() error { _, err := fuse.Normalize(fuse.ImageNet(1), nil, 4, fuse.PartOptions{}); return err },
		"normalisation": func() error { _, err := fuse.ParseNorm("coco"); return err },
		"mean of words": func() error { _, err := fuse.ParseNorm("mean=a"); return err },
		"division by 0": func() error { _, err := fuse.ParseNorm("scale=1/0"); return err },
	} {
		if err := make(); err == nil || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
