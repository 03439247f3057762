package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

func expanding(o ExpandOptions) edit {
	return func(m *onnxpb.ModelProto) (*Report, error) { return ExpandDim(m, o) }
}

func TestExpandDim(t *testing.T) {
	model := `g (float[N,3] x, float[2] w) => (float[N,3] y, float[2] z) { y = Abs (x)  z = Neg (w)  k = Exp (y) }`
	for _, c := range []struct {
		name string
		o    ExpandOptions
		want string
	}{
		{"all outputs, in front", ExpandOptions{}, `
			g (float[N,3] x, float[2] w) => (float[1,N,3] y, float[1,2] z) <int64[1] unsqueeze_axis_0 = {0}> {
				y_1 = Abs (x)  z_1 = Neg (w)  [y_Unsqueeze] y = Unsqueeze (y_1, unsqueeze_axis_0)  [z_Unsqueeze] z = Unsqueeze (z_1, unsqueeze_axis_0)  k = Exp (y_1)
			}`},
		{"all outputs, behind", ExpandOptions{Axis: -1}, `
			g (float[N,3] x, float[2] w) => (float[N,3,1] y, float[2,1] z) <int64[1] unsqueeze_axis_2 = {2}, int64[1] unsqueeze_axis_1 = {1}> {
				y_1 = Abs (x)  z_1 = Neg (w)  [y_Unsqueeze] y = Unsqueeze (y_1, unsqueeze_axis_2)  [z_Unsqueeze] z = Unsqueeze (z_1, unsqueeze_axis_1)  k = Exp (y_1)
			}`},
		{"one output and one input", ExpandOptions{Axis: 1, Outputs: []string{"z"}, Inputs: []string{"x"}}, `
			g (float[N,1,3] x, float[2] w) => (float[N,3] y, float[2,1] z) <int64[1] unsqueeze_axis_1 = {1}, int64[1] squeeze_axis_1 = {1}, float[N,3] x_1> {
				[x_Squeeze] x_1 = Squeeze (x, squeeze_axis_1)  y = Abs (x_1)  z_1 = Neg (w)  [z_Unsqueeze] z = Unsqueeze (z_1, unsqueeze_axis_1)  k = Exp (y)
			}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, model)
			if _, err := ExpandDim(m, c.o); err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
	// Before opset 13 the axes are an attribute.
	m := fromText(t, model)
	version := int64(11)
	m.OpsetImport[0].Version = &version
	if _, err := ExpandDim(m, ExpandOptions{Axis: -2, Outputs: []string{"y"}}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "opset 11")
	if n := m.Graph.Node[1]; n.GetOpType() != "Unsqueeze" || n.Attr("axes").Ints[0] != 1 {
		t.Errorf("%v", n)
	}

	for _, c := range []struct {
		name  string
		o     ExpandOptions
		kind  onnxpb.Kind
		words string
	}{
		{"no such output", ExpandOptions{Outputs: []string{"yy"}}, onnxpb.Unfit, `no output "yy" (did you mean "y"`},
		{"no such input beside an output", ExpandOptions{Outputs: []string{"y"}, Inputs: []string{"q"}}, onnxpb.Unfit, `no input "q"`},
		{"a place for one and not for the other", ExpandOptions{Axis: 2}, onnxpb.Unfit, "axes go from -2 to 1"},
		{"a place that none has", ExpandOptions{Axis: -4, Outputs: []string{"y"}}, onnxpb.Unfit, "axes go from -3 to 2"},
		{"no output of the pattern", ExpandOptions{Outputs: []string{"q*"}}, onnxpb.Unfit, "no output of the model matches"},
	} {
		t.Run(c.name, func(t *testing.T) { failsWith(t, fromText(t, model), expanding(c.o), c.kind, c.words) })
	}
	failsWith(t, richModel(), expanding(ExpandOptions{}), onnxpb.Unfit, "no tensor whose rank is known")
	failsWith(t, richModel(), expanding(ExpandOptions{Inputs: []string{"bias"}}), onnxpb.Refused, "it has a default")
}
