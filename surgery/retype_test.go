package surgery_test

import (
	"fmt"
	"math"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// TestRetype changes what readers get to another type or shape, and holds what the model declares then, and what it computes, to what was meant.
func TestRetype(t *testing.T) {
	const model = `<ir_version: 8, opset_import: ["": 17]>
		g (float[N,1,4,4] x, bool c) => (float[N,1,2,2] y, float[N,1,1,1] z, float[N,1,2,2] v) <float[N,1,2,2] p, float[N,1,2,2] h> {
			[pool] p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x)
			[relu] h = Relu (p)
			[neg] y = Neg (h)
			[mean] z = GlobalAveragePool (h)
			[if] v = If (c) <then_branch = t () => (float[N,1,2,2] a) { a = Abs (h) }, else_branch = e () => (float[N,1,2,2] b) { b = Exp (h) }>
		}`
	read := func(text string) *onnxpb.ModelProto {
		m, err := onnxtext.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	data := make([]float32, 16)
	for i := range data {
		data[i] = float32(i) - 6.5
	}
	relu := func(v float32) float64 { return math.Max(float64(v), 0) }
	pooled := func(f func(float32) float64, size int) []float64 { // the largest of blocks of size x size
		var out []float64
		for r := 0; r < 4; r += size {
			for c := 0; c < 4; c += size {
				best := math.Inf(-1)
				for i := range size {
					for k := range size {
						best = math.Max(best, f(data[(r+i)*4+c+k]))
					}
				}
				out = append(out, best)
			}
		}
		return out
	}
	negative := func(list []float64) []float64 {
		out := make([]float64, len(list))
		for i, v := range list {
			out[i] = -v
		}
		return out
	}
	block := read(`<ir_version: 8, opset_import: ["": 17]> b (float[N,1,H,W] i) => (o) { o = MaxPool <kernel_shape = [2,2], strides = [2,2]> (i) }`)
	half := read(`<ir_version: 8, opset_import: ["": 17]> b (i) => (o) { o = Cast <to = 10> (i) }`)
	type edit = func(*onnxpb.ModelProto) (*surgery.Report, error)
	insert := func(b *onnxpb.ModelProto, at string, c surgery.ReaderChoice) edit {
		c.Retype = true
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Insert(m, b, surgery.InsertOptions{Inputs: map[string]string{"i": at}, Outputs: map[string]string{"o": at}, Readers: c})
		}
	}
	for _, c := range []struct {
		name    string
		edit    edit
		y, z, v string // the types that are declared
		want    []float64
	}{
		{"delete", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Names: []string{"pool"}}, surgery.DeleteOptions{Retype: true})
		}, "float32 [N,1,4,4]", "float32 [N,1,1,1]", "float32 [N,1,4,4]", negative(pooled(relu, 1))},
		{"insert", insert(block, "h", surgery.ReaderChoice{}), "float32 [N,1,1,1]", "float32 [N,1,1,1]", "float32 [N,1,1,1]", negative(pooled(relu, 4))},
		{"insert for one reader", insert(block, "h", surgery.ReaderChoice{Nodes: []string{"neg"}}), "float32 [N,1,1,1]", "float32 [N,1,1,1]", "float32 [N,1,2,2]", negative(pooled(relu, 4))},
		{"insert another element type", insert(half, "h", surgery.ReaderChoice{}), "float16 [N,1,2,2]", "float16 [N,1,1,1]", "float16 [N,1,2,2]", negative(pooled(relu, 2))},
		{"rewire", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rewire(m, "h", "x", surgery.ReaderChoice{Retype: true})
		}, "float32 [N,1,4,4]", "float32 [N,1,1,1]", "float32 [N,1,4,4]", negative(pooled(func(v float32) float64 { return float64(v) }, 1))},
		{"rewire an output", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rewire(m, "y", "x", surgery.ReaderChoice{Retype: true, Outputs: true})
		}, "float32 [N,1,4,4]", "float32 [N,1,1,1]", "float32 [N,1,2,2]", pooled(func(v float32) float64 { return float64(v) }, 1)},
		{"replace", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Replace(m, read(`p (x) => (y) { h = MaxPool <kernel_shape: ints = @k, strides: ints = @s> (x) y = Relu (h) }`), read(`b (x) => (y) { y = Relu (x) }`), surgery.ReplaceOptions{Retype: true})
		}, "float32 [N,1,4,4]", "float32 [N,1,1,1]", "float32 [N,1,4,4]", negative(pooled(relu, 1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := read(model)
			if _, err := c.edit(m); err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{c.y, c.z, c.v} {
				if got := onnxpb.FormatTypeProto(m.Graph.Output[i].Type); got != want {
					t.Errorf("%s is declared %s, want %s", m.Graph.Output[i].GetName(), got, want)
				}
			}
			// ONNX Runtime warns of declarations that are wrong; strict inference refuses them.
			if _, err := surgery.Infer(onnxpb.Clone(m), surgery.InferOptions{Strict: true}); err != nil {
				t.Error(err)
			}
			out := compute(t, m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{1, 1, 4, 4}, data), "c": onnxpb.ArrayOf([]int64{}, []bool{true})})
			got, err := out["y"].Array.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) && fmt.Sprint(negative(got)) != fmt.Sprint(negative(c.want)) { // -0
				t.Errorf("y is %v, want %v", got, c.want)
			}
		})
	}

	// What a body is handed follows too: a Loop over a state of another shape, and of another type.
	const looping = `<ir_version: 8, opset_import: ["": 17]> g (float[2,6] x, int64 n) => (float[2,6] o) <bool c = {1}> { [a] a = Identity (x)
		o = Loop (n, c, a) <body = b (int64 i, bool ci, float[2,6] st) => (bool co, float[2,6] so) { co = Identity (ci) so = Neg (st) }> }`
	long := read(`<ir_version: 8, opset_import: ["": 17]> b (i) => (o) { o = Cast <to = 11> (i) }`)
	swapped := read(`<ir_version: 8, opset_import: ["": 17]> b (i) => (o) { o = Transpose <perm = [1,0]> (i) }`)
	for want, b := range map[string]*onnxpb.ModelProto{"float64 [2,6]": long, "float32 [6,2]": swapped} {
		m := read(looping)
		if _, err := insert(b, "a", surgery.ReaderChoice{})(m); err != nil {
			t.Fatal(err)
		}
		body := m.Graph.Node[len(m.Graph.Node)-1].Attr("body").G
		for _, v := range []*onnxpb.ValueInfoProto{m.Graph.Output[0], body.Input[2], body.Output[1]} {
			if got := onnxpb.FormatTypeProto(v.Type); got != want {
				t.Errorf("%s is declared %s, want %s", v.GetName(), got, want)
			}
		}
		ones := make([]float32, 12)
		for i := range ones {
			ones[i] = 1
		}
		out := compute(t, m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 6}, ones), "n": onnxpb.ArrayOf([]int64{}, []int64{3})})
		if got, err := out["o"].Array.Float64s(); err != nil || got[0] != -1 || len(got) != 12 {
			t.Errorf("%v, %v", got, err)
		}
	}

	fixed := `<ir_version: 8, opset_import: ["": 17]> g (float[2,4] x) => (float[2,3] y) <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { [soft] h = Relu (x) [mul] y = MatMul (h, w) }`
	turn := read(`<ir_version: 8, opset_import: ["": 17]> b (i) => (o) { o = Transpose <perm = [1,0]> (i) }`)
	for name, edit := range map[string]edit{"another size": insert(turn, "h", surgery.ReaderChoice{}), "another element type": insert(half, "h", surgery.ReaderChoice{})} {
		m := read(fixed)
		before := fmt.Sprint(m)
		if _, err := edit(m); onnxpb.KindOf(err) != onnxpb.Refused {
			t.Errorf("%s: %v (kind %v), and what follows contradicts the weights", name, err, onnxpb.KindOf(err))
		}
		if fmt.Sprint(m) != before {
			t.Errorf("%s: the model changed", name)
		}
	}
}
