package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

func TestSetOutput(t *testing.T) {
	model := `g (float[N,3,4,5] x) => (float[N,3,4,5] y, float z) { [abs] y = Abs (x)  [neg] k = Neg (y)  [sum] z = ReduceSum <keepdims = 0> (k) }`
	m := fromText(t, model)
	if _, err := SetOutput(m, "y", OutputSpec{Layout: NHWC, Type: onnxpb.TensorProto_FLOAT16, Name: "image"}); err != nil {
		t.Fatal(err)
	}
	// The model's own nodes read what the output was.
	sameGraph(t, m, `g (float[N,3,4,5] x) => (float16[N,4,5,3] image, float z) {
		[abs] y_1 = Abs (x)  [y_Transpose] y_Transpose = Transpose <perm = [0,2,3,1]> (y_1)  [y_Cast] image = Cast <to = 10> (y_Transpose)  [neg] k = Neg (y_1)  [sum] z = ReduceSum <keepdims = 0> (k) }`)

	// A shape that follows only in part is declared, one that follows is not contradicted.
	unknown := mysteryModel()
	if _, err := AddOutputs(unknown, OutputChoice{Names: []string{"cast"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := SetOutput(unknown, "cast", OutputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("K"), onnxpb.Number(7)}}); err != nil {
		t.Fatal(err)
	}
	if got := declared(unknown.Graph.Output[1:]); got != "cast float32 [K,7]" {
		t.Errorf("declared %s", got)
	}
	valid(t, unknown, "declared")
	if _, err := SetOutput(m, "image", OutputSpec{Shape: []onnxpb.Dim{{}, onnxpb.Number(4), onnxpb.Number(5), onnxpb.Number(3)}}); err != nil {
		t.Fatal(err)
	}
	if got := declared(m.Graph.Output[:1]); got != "image float16 [?,4,5,3]" {
		t.Errorf("declared %s", got)
	}

	for _, c := range []struct {
		name, output string
		s            OutputSpec
		kind         onnxpb.Kind
		words        string
	}{
		{"no such output", "yy", OutputSpec{Name: "q"}, onnxpb.Unfit, `no output "yy" (did you mean "y"`},
		{"an inner tensor", "k", OutputSpec{Name: "q"}, onnxpb.Unfit, "and no output"},
		{"a name that is taken", "y", OutputSpec{Type: onnxpb.TensorProto_FLOAT16, Name: "k"}, onnxpb.Unfit, "has that name already"},
		{"no such layout", "y", OutputSpec{Layout: "HWC"}, onnxpb.Usage, "neither NHWC nor NCHW"},
		{"the layout that it has", "y", OutputSpec{Layout: NCHW}, onnxpb.Unfit, "the output is to become NCHW"},
		{"a scalar's layout", "z", OutputSpec{Layout: NHWC}, onnxpb.Unfit, "need 4 dimensions"},
		{"another size", "y", OutputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3), onnxpb.Number(4), onnxpb.Number(6)}}, onnxpb.Refused, "axis 3 is 5, and cannot become 6"},
		{"another symbol", "y", OutputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("M"), onnxpb.Number(3), onnxpb.Number(4), onnxpb.Number(5)}}, onnxpb.Refused, "rename --dim"},
		{"a number for a symbol", "y", OutputSpec{Shape: onnxpb.Numbers(1, 3, 4, 5)}, onnxpb.Refused, "setbatch"},
		{"another rank", "y", OutputSpec{Shape: onnxpb.Numbers(3)}, onnxpb.Unfit, "has 1 dimensions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failsWith(t, fromText(t, model), func(m *onnxpb.ModelProto) (*Report, error) { return SetOutput(m, c.output, c.s) }, c.kind, c.words)
		})
	}
	through := fromText(t, `g (float[2] x) => (float[2] x, float[2] y) { y = Neg (x) }`)
	failsWith(t, through, func(m *onnxpb.ModelProto) (*Report, error) {
		return SetOutput(m, "x", OutputSpec{Type: onnxpb.TensorProto_FLOAT16})
	}, onnxpb.Refused, "input and an output")
}

func TestOrder(t *testing.T) {
	model := `g (float[2] a, float[2] b, float[2] c) => (float[2] x, float[2] y, float[2] z) { x = Neg (a)  y = Add (b, c)  z = Abs (c) }`
	m := fromText(t, model)
	if _, err := OrderInputs(m, []string{"c", "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := OrderOutputs(m, []string{"y"}); err != nil {
		t.Fatal(err)
	}
	sameGraph(t, m, `g (float[2] c, float[2] a, float[2] b) => (float[2] y, float[2] x, float[2] z) { x = Neg (a)  y = Add (b, c)  z = Abs (c) }`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) { return OrderInputs(m, []string{"x"}) }, onnxpb.Unfit, `no input "x"`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"y", "zz"}) }, onnxpb.Unfit, `no output "zz"`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"y", "y"}) }, onnxpb.Usage, "twice")
}
