package surgery_test

import (
	"math"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// compute runs a model on float32 inputs of the shapes that they have, and returns its outputs by name.
func compute(t *testing.T, m *onnxpb.ModelProto, inputs map[string]*onnxpb.Array) map[string]*onnxpb.Value {
	t.Helper()
	mustBeValid(t, m)
	s, err := batchEngine(t).Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	values := map[string]*onnxpb.Value{}
	for name, a := range inputs {
		values[name] = onnxpb.TensorVal(a)
	}
	out, err := s.Run(values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWiringComputes runs what edits of the wiring made, on x = -2, 0.5, 3 and c = true, and holds it to what the graph that was meant computes in plain Go.
func TestWiringComputes(t *testing.T) {
	const model = `<ir_version: 8, opset_import: ["": 17]>
		g (float[3] x, bool c) => (float[3] y, float[3] z) <float[3] w = {1,2,3}> {
			[scale] a = Mul (x, w)
			[exp] b = Exp (a)
			[choose] e = If (c) <then_branch = t () => (float[3] p) { [sub] p = Sub (a, b) }, else_branch = u () => (float[3] q) { q = Add (a, b) }>
			[tanh] d = Tanh (x)
			[join] y = Add (e, b)
			[neg] z = Neg (d)
		}`
	x := []float64{-2, 0.5, 3}
	w := []float64{1, 2, 3}
	block, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> half (float[N] p) => (float[N] q) <float k = {0.5}> { q = Mul (p, k) }`)
	if err != nil {
		t.Fatal(err)
	}
	type pair struct{ y, z float64 }
	for _, c := range []struct {
		name string
		edit func(*onnxpb.ModelProto) (*surgery.Report, error)
		want func(x, w float64) pair
		dims []int64 // of y
	}{
		{"as it is", nil, func(x, w float64) pair { a := x * w; return pair{a, -math.Tanh(x)} }, nil},
		{"delete with a skip connection", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Names: []string{"exp"}}, surgery.DeleteOptions{})
		}, func(x, w float64) pair { a := x * w; return pair{a - a + a, -math.Tanh(x)} }, nil},
		{"delete what makes an output", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Names: []string{"join", "neg", "scale"}}, surgery.DeleteOptions{Input: new(int)})
		}, func(x, w float64) pair { return pair{x - math.Exp(x), math.Tanh(x)} }, nil},
		{"rewire into a subgraph", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rewire(m, "a", "d", surgery.ReaderChoice{Nodes: []string{"choose"}})
		}, func(x, w float64) pair { b := math.Exp(x * w); return pair{math.Tanh(x) - b + b, -math.Tanh(x)} }, nil},
		{"rewire an output", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rewire(m, "z", "b", surgery.ReaderChoice{Outputs: true})
		}, func(x, w float64) pair { return pair{x * w, math.Exp(x * w)} }, nil},
		{"swap", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Swap(m, "b", "d", surgery.ReaderChoice{})
		},
			func(x, w float64) pair {
				a := x * w
				return pair{a - math.Tanh(x) + math.Tanh(x), -math.Exp(a)}
			}, nil},
		{"swap of outputs", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Swap(m, "y", "z", surgery.ReaderChoice{Outputs: true})
		}, func(x, w float64) pair { return pair{-math.Tanh(x), x * w} }, nil},
		{"insert behind", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Insert(m, block, surgery.InsertOptions{Inputs: map[string]string{"p": "b"}, Outputs: map[string]string{"q": "b"}, Readers: surgery.ReaderChoice{Nodes: []string{"sub"}}})
		}, func(x, w float64) pair { b := math.Exp(x * w); return pair{x*w - b/2 + b, -math.Tanh(x)} }, nil},
		{"insert at an input", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Insert(m, block, surgery.InsertOptions{Replace: map[string]string{"p": "x"}, Outputs: map[string]string{"q": "x"}})
		}, func(x, w float64) pair { return pair{x / 2 * w, -math.Tanh(x / 2)} }, nil},
		{"insert at an output", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Insert(m, block, surgery.InsertOptions{Inputs: map[string]string{"p": "z"}, Outputs: map[string]string{"q": "z"}, OnlyOutputs: true})
		}, func(x, w float64) pair { return pair{x * w, -math.Tanh(x) / 2} }, nil},
		{"expand-dim", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.ExpandDim(m, surgery.ExpandOptions{Outputs: []string{"y"}, Axis: -2})
		}, func(x, w float64) pair { return pair{x * w, -math.Tanh(x)} }, []int64{1, 3}},
		{"the order of outputs", func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.OrderOutputs(m, []string{"z"}) },
			func(x, w float64) pair { return pair{x * w, -math.Tanh(x)} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := onnxtext.Parse(model)
			if err != nil {
				t.Fatal(err)
			}
			if c.edit != nil {
				if _, err := c.edit(m); err != nil {
					t.Fatal(err)
				}
			}
			out := compute(t, m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{3}, []float32{-2, 0.5, 3}), "c": onnxpb.ArrayOf([]int64{}, []bool{true})})
			y, errY := out["y"].Array.Float64s()
			z, errZ := out["z"].Array.Float64s()
			if errY != nil || errZ != nil || len(y) != 3 || len(z) != 3 {
				t.Fatalf("%v, %v; %v, %v", errY, errZ, y, z)
			}
			if c.dims != nil && (len(out["y"].Array.Dims) != len(c.dims) || out["y"].Array.Dims[0] != c.dims[0] || out["y"].Array.Dims[1] != c.dims[1]) {
				t.Errorf("y has the shape %v, not %v", out["y"].Array.Dims, c.dims)
			}
			for i := range x {
				want := c.want(x[i], w[i])
				// Differences of large numbers are inexact in float32.
				tol := 1e-5 + 1e-6*math.Exp(math.Abs(x[i]*w[i]))
				if math.Abs(y[i]-want.y) > tol || math.Abs(z[i]-want.z) > tol {
					t.Errorf("at %v: y %v, z %v; want %+v", x[i], y[i], z[i], want)
				}
			}
		})
	}
}

// TestSetOutputComputes compares what the changed output gives, element by element, with what it gave.
func TestSetOutputComputes(t *testing.T) {
	for _, c := range []struct {
		name     string
		opset    int64
		spec     surgery.OutputSpec
		declared string
		at       func(c, h, w int) int // where an element of [1,3,2,5] comes to lie
	}{
		{"layout", 13, surgery.OutputSpec{Layout: surgery.NHWC}, "[1,2,5,3]", func(c, h, w int) int { return (h*5+w)*3 + c }},
		{"swap", 13, surgery.OutputSpec{SwapRGB: true}, "[1,3,2,5]", func(c, h, w int) int { return ((2-c)*2+h)*5 + w }},
		{"all", 13, surgery.OutputSpec{SwapRGB: true, Layout: surgery.NHWC, Type: onnxpb.TensorProto_INT32}, "[1,2,5,3]", func(c, h, w int) int { return (h*5+w)*3 + 2 - c }},
		{"all, opset 7", 7, surgery.OutputSpec{SwapRGB: true, Layout: surgery.NHWC, Type: onnxpb.TensorProto_INT32}, "[1,2,5,3]", func(c, h, w int) int { return (h*5+w)*3 + 2 - c }},
		{"type and name", 19, surgery.OutputSpec{Type: onnxpb.TensorProto_DOUBLE, Name: "image"}, "[1,3,2,5]", func(c, h, w int) int { return (c*2+h)*5 + w }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := imageModel(c.opset, 1, 3, 2, 5)
			if c.opset < 9 {
				v := int64(3)
				m.IrVersion = &v
				m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("offset", tFloat, nums(3, 2, 5)))
			}
			in := make([]float32, 30)
			for i := range in {
				in[i] = float32(7 * i)
			}
			x := map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{1, 3, 2, 5}, in)}
			before, err := compute(t, m, x)["y"].Array.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := surgery.SetOutput(m, "y", c.spec); err != nil {
				t.Fatal(err)
			}
			name := "y"
			if c.spec.Name != "" {
				name = c.spec.Name
			}
			out := compute(t, m, x)[name]
			if out == nil {
				t.Fatalf("no output %q", name)
			}
			after, err := out.Array.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			d, _ := m.Graph.Output[0].Shape()
			elem := c.spec.Type
			if elem == 0 {
				elem = tFloat
			}
			if s := onnxpb.FormatShape(d); s != c.declared || m.Graph.Output[0].ElemType() != elem || out.Array.Type != elem {
				t.Errorf("declared %s %v, want %s %v", s, m.Graph.Output[0].ElemType(), c.declared, elem)
			}
			for ch := range 3 {
				for h := range 2 {
					for w := range 5 {
						want := before[(ch*2+h)*5+w]
						if elem == onnxpb.TensorProto_INT32 {
							want = math.Trunc(want)
						}
						if got := after[c.at(ch, h, w)]; got != want {
							t.Fatalf("channel %d, row %d, column %d: %v, want %v", ch, h, w, got, want)
						}
					}
				}
			}
		})
	}
}
