package surgery_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// places yields every place of a tensor, in the order of its elements.
func places(dims []int64) (list [][]int64) {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	for i := range n {
		place := make([]int64, len(dims))
		for axis := len(dims) - 1; axis >= 0; axis-- {
			place[axis], i = i%dims[axis], i/dims[axis]
		}
		list = append(list, place)
	}
	return list
}

// at is the number of the element at a place.
func at(dims, place []int64) (n int64) {
	for axis, d := range dims {
		n = n*d + place[axis]
	}
	return n
}

// numbered is a tensor of 0, 1, 2, ...
func numbered(dims []int64) *onnxpb.Array {
	v := make([]float32, len(places(dims)))
	for i := range v {
		v[i] = float32(i)
	}
	return onnxpb.ArrayOf(dims, v)
}

// permuted is a shape in another order of the axes.
func permuted(dims []int64, perm []int) []int64 {
	out := make([]int64, len(perm))
	for i, p := range perm {
		out[i] = dims[p]
	}
	return out
}

// TestAxesComputes gives inputs and outputs of any rank another order of axes, with channels anywhere, and holds what ONNX Runtime makes of them to index arithmetic.
func TestAxesComputes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	mean, std := []float64{1, 20, 300}, []float64{2, 4, 8}
	for rank := 1; rank <= 5; rank++ {
		for range 3 {
			own := make([]int64, rank)
			for i := range own {
				own[i] = 2 + r.Int64N(3)
			}
			channel := r.IntN(rank)
			own[channel] = 3
			perm := r.Perm(rank)
			given := channel
			if r.IntN(2) == 0 {
				given -= rank
			}
			t.Run(fmt.Sprintf("%v by %v, channel %d", own, perm, given), func(t *testing.T) {
				model := bm{x: nums(own...), y: nums(own...), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model
				fed := permuted(own, perm)
				x := numbered(fed)

				m := model()
				if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Perm: perm, SwapRGB: true, Channel: &given, Mean: mean, Std: std}); err != nil {
					t.Fatal(err)
				}
				if d, _ := m.Graph.Input[0].Shape(); onnxpb.FormatShape(d) != onnxpb.FormatShape(nums(fed...)) {
					t.Errorf("the input is %s, want %v", onnxpb.FormatShape(d), fed)
				}
				got, err := compute(t, m, map[string]*onnxpb.Array{"x": x})["y"].Array.Float64s()
				if err != nil {
					t.Fatal(err)
				}
				for _, place := range places(own) { // of the model's own
					c := place[channel]
					from := append([]int64(nil), place...)
					from[channel] = 2 - c
					want := -(float64(at(fed, permuted(from, perm))) - mean[c]) / std[c]
					if v := got[at(own, place)]; v != want {
						t.Fatalf("y%v is %v, want %v", place, v, want)
					}
				}

				m = model()
				if _, err := surgery.SetOutput(m, "y", surgery.OutputSpec{Perm: perm, SwapRGB: true, Channel: &given}); err != nil {
					t.Fatal(err)
				}
				y := compute(t, m, map[string]*onnxpb.Array{"x": numbered(own)})["y"].Array
				if fmt.Sprint(y.Dims) != fmt.Sprint(fed) {
					t.Errorf("the output is %v, want %v", y.Dims, fed)
				}
				if got, err = y.Float64s(); err != nil {
					t.Fatal(err)
				}
				for _, place := range places(own) {
					from := append([]int64(nil), place...)
					from[channel] = 2 - place[channel]
					if v, want := got[at(fed, permuted(place, perm))], -float64(at(own, from)); v != want {
						t.Fatalf("y%v is %v, want %v", place, v, want)
					}
				}
			})
		}
	}
}

// TestPermIsLayout: for images the two say the same.
func TestPermIsLayout(t *testing.T) {
	for layout, perm := range map[string][]int{"NHWC": {0, 2, 3, 1}, "NCHW": {0, 3, 1, 2}} {
		own := []int64{1, 3, 2, 5}
		if layout == "NCHW" {
			own = []int64{1, 2, 5, 3}
		}
		a, b := imageModel(13, own...), imageModel(13, own...)
		if _, err := surgery.SetInput(a, "x", surgery.InputSpec{Layout: layout}); err != nil {
			t.Fatal(err)
		}
		if _, err := surgery.SetInput(b, "x", surgery.InputSpec{Perm: perm}); err != nil {
			t.Fatal(err)
		}
		if _, err := surgery.SetOutput(a, "y", surgery.OutputSpec{Layout: layout}); err != nil {
			t.Fatal(err)
		}
		if _, err := surgery.SetOutput(b, "y", surgery.OutputSpec{Perm: perm}); err != nil {
			t.Fatal(err)
		}
		p, _ := onnxpb.Marshal(a)
		q, _ := onnxpb.Marshal(b)
		if string(p) != string(q) {
			t.Errorf("%s and %v make different models", layout, perm)
		}
	}
}

func TestAxesRefused(t *testing.T) {
	axis := func(n int) *int { return &n }
	unranked := func() *onnxpb.ModelProto {
		m := imageModel(13, 2, 3)
		m.Graph.Input[0].Type = onnxpb.TensorType(tFloat, nil)
		m.Graph.Output[0].Type = onnxpb.TensorType(tFloat, nil)
		m.Graph.Initializer[0].Dims = nil
		m.Graph.Initializer[0].RawData = make([]byte, 4)
		return m
	}
	of := func(dims ...int64) func() *onnxpb.ModelProto {
		return func() *onnxpb.ModelProto { return imageModel(13, dims...) }
	}
	symbolic := func() *onnxpb.ModelProto {
		return bm{x: shape("[C,H,W]"), y: shape("[C,H,W]"), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model()
	}
	for _, c := range []struct {
		name  string
		model func() *onnxpb.ModelProto
		spec  surgery.InputSpec
		kind  onnxpb.Kind
		words string
	}{
		{"perm and layout", of(1, 3, 2, 2), surgery.InputSpec{Perm: []int{0, 2, 3, 1}, Layout: "NHWC"}, onnxpb.Usage, "exclude each other"},
		{"an axis twice", of(1, 3, 2), surgery.InputSpec{Perm: []int{0, 1, 1}}, onnxpb.Usage, "no order of 3 axes"},
		{"an axis that is not there", of(1, 3, 2), surgery.InputSpec{Perm: []int{0, 1, 3}}, onnxpb.Usage, "no order of 3 axes"},
		{"a negative axis", of(1, 3, 2), surgery.InputSpec{Perm: []int{0, 1, -1}}, onnxpb.Usage, "no order of 3 axes"},
		{"too few axes", of(1, 3, 2), surgery.InputSpec{Perm: []int{1, 0}}, onnxpb.Unfit, "names 2, the input has 3"},
		{"an unknown rank", unranked, surgery.InputSpec{Perm: []int{1, 0}}, onnxpb.Unfit, "--shape"},
		{"channels of an unknown rank", unranked, surgery.InputSpec{SwapRGB: true, Channel: axis(0)}, onnxpb.Unfit, "--shape"},
		{"channels that are not named", of(3, 8, 8), surgery.InputSpec{SwapRGB: true}, onnxpb.Unfit, "--channel"},
		{"means for channels that are not named", of(1, 5, 3, 8, 8), surgery.InputSpec{Mean: []float64{1, 2, 3}}, onnxpb.Unfit, "--channel"},
		{"channels that are not 3", of(3, 8, 8), surgery.InputSpec{SwapRGB: true, Channel: axis(1)}, onnxpb.Unfit, "has 8 channels, and not 3"},
		{"channels of no known number", symbolic, surgery.InputSpec{Mean: []float64{1, 2, 3}, Channel: axis(0)}, onnxpb.Unfit, "with a shape"},
		{"no such axis", of(3, 8, 8), surgery.InputSpec{SwapRGB: true, Channel: axis(3)}, onnxpb.Unfit, "has no axis 3"},
		{"no such axis from the end", of(3, 8, 8), surgery.InputSpec{SwapRGB: true, Channel: axis(-4)}, onnxpb.Unfit, "has no axis -4"},
		{"channels for nothing", of(3, 8, 8), surgery.InputSpec{Scale: 2, Mean: []float64{1}, Channel: axis(0)}, onnxpb.Usage, "nothing is to be done"},
		{"channels against the layout", of(1, 3, 3, 3), surgery.InputSpec{SwapRGB: true, Layout: "NHWC", Channel: axis(3)}, onnxpb.Usage, "the model's axis 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hold := func(m *onnxpb.ModelProto, edit func(*onnxpb.ModelProto) (*surgery.Report, error)) {
				t.Helper()
				mustBeValid(t, m)
				before, _ := onnxpb.Marshal(m)
				_, err := edit(m)
				var e *onnxpb.Error
				if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Error(), c.words) {
					t.Errorf("%v; want kind %v and %q", err, c.kind, c.words)
				}
				if after, _ := onnxpb.Marshal(m); string(before) != string(after) {
					t.Error("the model changed")
				}
			}
			hold(c.model(), func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetInput(m, "x", c.spec) })
			if len(c.spec.Mean) > 0 {
				return
			}
			c.words = strings.ReplaceAll(c.words, "input", "output")
			hold(c.model(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.SetOutput(m, "y", surgery.OutputSpec{Perm: c.spec.Perm, Layout: c.spec.Layout, SwapRGB: c.spec.SwapRGB, Channel: c.spec.Channel})
			})
		})
	}
	// What says nothing changes nothing; a shape can tell the number of channels.
	m := imageModel(13, 2, 3, 4)
	for _, edit := range []func() (*surgery.Report, error){
		func() (*surgery.Report, error) {
			return surgery.SetInput(m, "x", surgery.InputSpec{Perm: []int{0, 1, 2}})
		},
		func() (*surgery.Report, error) {
			return surgery.SetOutput(m, "y", surgery.OutputSpec{Perm: []int{0, 1, 2}})
		},
	} {
		if r, err := edit(); err != nil || len(r.Changes) > 0 {
			t.Errorf("%v, %v", r, err)
		}
	}
	m = symbolic()
	if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: shape("[C,H,3]"), SwapRGB: true, Channel: axis(-1), Perm: []int{2, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if d, _ := m.Graph.Input[0].Shape(); onnxpb.FormatShape(d) != "[3,C,H]" {
		t.Errorf("the input is %s", onnxpb.FormatShape(d))
	}
}

// TestSetInputShapeIsToldOnce: what became of the batch and of the other axes is one change of the input.
func TestSetInputShapeIsToldOnce(t *testing.T) {
	m := bm{x: shape("[N,T,4]"), y: shape("[N,T,4]"), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model()
	r, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: shape("[batch,L,4]")})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, c := range r.Changes {
		if c.What == "input" {
			told = append(told, c.From+" "+c.To)
		}
	}
	if strings.Join(told, "; ") != "[N,T,4] [batch,L,4]" {
		t.Errorf("told %q", told)
	}
}
