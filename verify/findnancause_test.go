package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/shape"
)

// What is told of a NaN or an infinity, by the operator, the type of the result and the ranges of the inputs.
func TestCauses(t *testing.T) {
	stats := func(lo, hi float64, zeros int64) *Stats {
		return &Stats{Elements: 4, Zeros: zeros, Moments: &Moments{Min: Number(lo), Max: Number(hi)}}
	}
	one := stats(1, 1, 0)
	for _, c := range []struct {
		op, typ, makes string
		inf            bool
		inputs         []*Stats
		want           string
	}{
		{"ReduceLogSum", "float32", "NaN", false, []*Stats{stats(-3, 1, 0)}, "the logarithm of a sum of a negative number: in0 goes down to -3"},
		{"Log", "float32", "NaN", false, []*Stats{one}, "Log makes it of finite inputs"},
		{"Reciprocal", "float32", "infinity", false, []*Stats{stats(0, 1, 2)}, "division by 0: in0 has 2 zeros"},
		{"Reciprocal", "float16", "infinity", false, []*Stats{stats(1e-6, 1, 0)}, "overflow: a result passes the range of float16, which ends at 65504"},
		{"Div", "float32", "infinity", false, []*Stats{one, stats(1e-40, 1, 0)}, "overflow: a result passes the range of float32, which ends at 3.40282e+38"},
		{"Mod", "float32", "NaN", false, []*Stats{one, stats(0, 1, 1)}, "Mod by 0: in1 has one zero"},
		{"Exp", "float16", "infinity", false, []*Stats{stats(0, 12, 0)}, "the exponential of more than 11.09 passes the range of float16: in0 goes up to 12"},
		{"Exp", "float64", "infinity", false, []*Stats{stats(0, 800, 0)}, "more than 709.8"},
		{"Sinh", "float32", "infinity", false, []*Stats{stats(-100, 2, 0)}, "the exponential of more than 88.72"},
		{"Exp", "bfloat16", "infinity", false, []*Stats{stats(0, 90, 0)}, "more than 88.7"},
		{"Atanh", "float32", "infinity", false, []*Stats{stats(0, 1, 1)}, "Atanh of 1 or -1"},
		{"Asin", "float32", "NaN", false, []*Stats{stats(-2, 0, 0)}, "Asin of less than -1: in0 goes down to -2"},
		{"Acosh", "float32", "NaN", false, []*Stats{stats(0.5, 2, 0)}, "Acosh of less than 1"},
		{"BatchNormalization", "float32", "NaN", false, []*Stats{one, one, one, one, stats(-0.5, 1, 0)}, "the root of a negative variance: in4 goes down to -0.5"},
		{"BatchNormalization", "float32", "infinity", false, []*Stats{one, one, one, one, stats(0, 1, 3)}, "the variance is 0"},
		{"LayerNormalization", "float16", "NaN", false, []*Stats{one}, "division by a deviation of 0"},
		{"LpNormalization", "float32", "NaN", false, []*Stats{stats(0, 0, 4)}, "division by the norm of a row of zeros"},
		{"ReduceMean", "float32", "NaN", false, []*Stats{{}}, "ReduceMean over no elements at all"},
		{"ReduceMean", "float16", "infinity", false, []*Stats{stats(0, 65504, 0)}, "passes the range of float16"},
		{"Cast", "float8e5m2", "infinity", false, []*Stats{stats(-1, 1e6, 0)}, "in0 goes from -1 to 1e+06, and float8e5m2 ends at 57344"},
		{"Conv", "float32", "NaN", false, []*Stats{one}, "infinities of both signs after an overflow"},
		{"Sub", "float32", "NaN", true, []*Stats{one, one}, "an infinity less an infinity"},
		{"Mul", "float32", "NaN", true, []*Stats{one, one}, "0 times an infinity"},
		{"Div", "float32", "NaN", true, []*Stats{one, one}, "an infinity divided by an infinity"},
		{"Erf", "float32", "NaN", true, []*Stats{one}, "an infinity that comes in becomes a NaN here"},
		{"Pow", "float32", "infinity", false, nil, "overflow"},
	} {
		n := onnxpb.Node(c.op, "", nil, []string{"y"})
		d := &NaNFinding{Type: c.typ, Makes: c.makes, FromInfinity: c.inf}
		for i, s := range c.inputs {
			name := fmt.Sprintf("in%d", i)
			n.Input = append(n.Input, name)
			d.Inputs = append(d.Inputs, NaNInput{Name: name, Stats: s})
		}
		f := &nanFinder{source: Source{Model: &onnxpb.ModelProto{}}}
		if got := f.cause(d, n); !strings.Contains(got, c.want) {
			t.Errorf("%s %s in %s: %q does not say %q", c.op, c.makes, c.typ, got, c.want)
		}
	}
}

func TestGroupsOf(t *testing.T) {
	sizes := map[string]int64{"a": 40, "b": 60, "c": 1, "d": 500, "e": 100, "f": -1, "g": 94, "h": 1}
	groups := groupsOf([]string{"a", "b", "c", "d", "e", "f", "g", "h"}, func(n string) int64 { return sizes[n] }, 100)
	var got []string
	for _, g := range groups {
		got = append(got, strings.Join(g, ""))
	}
	if want := []string{"ab", "c", "d", "e", "fg", "h"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	if groupsOf(nil, nil, 1) != nil {
		t.Error("no values gave a group")
	}
}

func TestSizeOf(t *testing.T) {
	for _, c := range []struct {
		v    *shape.Value
		want int64
	}{
		{nil, -1},
		{shape.TensorOf(onnxpb.TensorProto_FLOAT, []shape.Dim{shape.Number(3), shape.Number(5)}), 60},
		{shape.TensorOf(onnxpb.TensorProto_INT4, []shape.Dim{shape.Number(3)}), 2},
		{shape.TensorOf(onnxpb.TensorProto_FLOAT, nil), 4},
		{shape.TensorOf(onnxpb.TensorProto_FLOAT, []shape.Dim{shape.Symbol("N")}), -1},
		{shape.TensorOf(onnxpb.TensorProto_FLOAT, []shape.Dim{shape.Number(1 << 40), shape.Number(1 << 40)}), -1},
		{&shape.Value{Kind: shape.Sequence}, -1},
	} {
		if got := sizeOf(c.v); got != c.want {
			t.Errorf("%v takes %d bytes, want %d", c.v, got, c.want)
		}
	}
}

// A node reads its inputs, and what its subgraphs at any depth take from around it.
func TestOuterNames(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]>
g (float[2] x, bool c) => (float[2] y) {
	y = If(c)<then_branch = t () => (float[2] p) <float[2] w = {1,2}> { a = Add(x, w)  p = If(d)<then_branch = u () => (a) {}, else_branch = v () => (float[2] q) { q = Mul(a, e) }> },
		else_branch = f () => (x) {}>
}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := outerNames(m.Graph.Node[0]); !slices.Equal(got, []string{"c", "x", "d", "e"}) {
		t.Errorf("it reads %q", got)
	}
}

func TestFileName(t *testing.T) {
	taken := map[string]bool{}
	for _, c := range []struct{ folder, name, want string }{
		{"", "y", "y.npy"}, {"", "Y", "Y_2.npy"}, {"", "y", "y_3.npy"}, {"", "/layer/1:0", "_layer_1_0.npy"}, {"", "../../etc", "_.._etc.npy"}, {"", "...", "_.npy"}, {"", "日本", "__.npy"},
		{"sample_1", "y", "sample_1/y.npy"}, {"", strings.Repeat("x", 400), strings.Repeat("x", 150) + ".npy"},
	} {
		if got := fileName(savedValue{folder: c.folder, name: c.name}, saveNPY, taken); got != c.want {
			t.Errorf("%q in %q is called %q, want %q", c.name, c.folder, got, c.want)
		}
	}
}
