package surgery_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// imageModel is y = x + offset, with x [1,3,2,2] or of another shape; the offset is one for each element of a row.
func imageModel(opset int64, dims ...int64) *onnxpb.ModelProto {
	b := bm{opset: opset, x: nums(dims...), y: nums(dims...), inits: []*onnxpb.TensorProto{noise("offset", dims[1:]...)}, nodes: []*onnxpb.NodeProto{op("Add", "y", "x offset")}}
	return b.model()
}

// run runs a model on input x and returns output y.
func run(t *testing.T, m *onnxpb.ModelProto, x *onnxpb.Array) *onnxpb.Array {
	t.Helper()
	s, err := batchEngine(t).Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(x)})
	if err != nil {
		t.Fatal(err)
	}
	return out["y"].Array
}

// TestSetInputGrafts computes by itself what the model should see, and compares what the grafted model makes of the input with what the
// original makes of that.
func TestSetInputGrafts(t *testing.T) {
	mean, std := []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	type test struct {
		name   string
		opset  int64
		ir     int64
		own    []int64 // the model's shape
		spec   surgery.InputSpec
		fed    string // the shape that is declared then
		layout string // the model's own
		ops    string
	}
	tests := []test{
		{name: "type", own: []int64{1, 3, 2, 2}, spec: surgery.InputSpec{Type: onnxpb.TensorProto_UINT8}, fed: "[1,3,2,2]", ops: "Cast"},
		{name: "to NHWC", own: []int64{1, 3, 2, 5}, spec: surgery.InputSpec{Layout: "NHWC"}, fed: "[1,2,5,3]", ops: "Transpose"},
		{name: "to NCHW", own: []int64{1, 2, 5, 3}, spec: surgery.InputSpec{Layout: "NCHW"}, fed: "[1,3,2,5]", layout: "NHWC", ops: "Transpose"},
		{name: "to NHWC, many channels", own: []int64{1, 7, 5, 6}, spec: surgery.InputSpec{Layout: "NHWC"}, fed: "[1,5,6,7]", ops: "Transpose"},
		{name: "swap", own: []int64{1, 3, 2, 2}, spec: surgery.InputSpec{SwapRGB: true}, fed: "[1,3,2,2]", ops: "Gather"},
		{name: "swap in NHWC", own: []int64{1, 2, 2, 3}, spec: surgery.InputSpec{SwapRGB: true}, fed: "[1,2,2,3]", layout: "NHWC", ops: "Gather"},
		{name: "one mean for all", own: []int64{1, 3, 2, 2}, spec: surgery.InputSpec{Mean: []float64{127.5}, Std: []float64{128}}, fed: "[1,3,2,2]", ops: "Sub Div"},
		{name: "scale alone, any rank", own: []int64{1, 6}, spec: surgery.InputSpec{Scale: 0.5}, fed: "[1,6]", ops: "Mul"},
		{name: "numbers that change nothing", own: []int64{1, 6}, spec: surgery.InputSpec{Scale: 1, Mean: []float64{0}, Std: []float64{1}}, fed: "[1,6]"},
		{name: "everything", own: []int64{1, 3, 2, 5}, spec: surgery.InputSpec{Type: onnxpb.TensorProto_UINT8, Layout: "NHWC", SwapRGB: true, Mean: mean, Std: std, Scale: 1. / 255},
			fed: "[1,2,5,3]", ops: "Cast Transpose Gather Mul Sub Div"},
		{name: "everything, from NHWC", own: []int64{1, 2, 5, 3}, spec: surgery.InputSpec{Type: onnxpb.TensorProto_UINT8, Layout: "NCHW", SwapRGB: true, Mean: mean, Std: std, Scale: 1. / 255},
			fed: "[1,3,2,5]", layout: "NHWC", ops: "Cast Transpose Gather Mul Sub Div"},
	}
	everything := tests[len(tests)-2]
	for _, opset := range []int64{7, 9, 11, 19, 22} {
		c := everything
		c.name, c.opset = fmt.Sprintf("everything, opset %d", opset), opset
		tests = append(tests, c)
	}
	old := everything
	old.name, old.opset, old.ir = "everything, IR version 3", 8, 3
	tests = append(tests, old)
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			if c.opset == 0 {
				c.opset = 13
			}
			original := imageModel(c.opset, c.own...)
			if c.ir != 0 {
				original.IrVersion = proto.Int64(c.ir)
				original.Graph.Input = append(original.Graph.Input, onnxpb.TensorValue("offset", tFloat, nums(c.own[1:]...)))
			}
			mustBeValid(t, original)
			m := onnxpb.Clone(original)
			r, err := surgery.SetInput(m, "x", c.spec)
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			ops := []string{}
			for _, n := range m.Graph.Node {
				if k := n.GetOpType(); k != "Add" && k != "Constant" {
					ops = append(ops, k)
				}
			}
			if s := strings.Join(ops, " "); s != c.ops {
				t.Errorf("grafted %q, want %q", s, c.ops)
			}
			if (len(r.Changes) == 0) != (c.ops == "") {
				t.Errorf("told %v", r.Changes)
			}
			d, _ := m.Graph.Input[0].Shape()
			if s := onnxpb.FormatShape(d); s != c.fed {
				t.Errorf("declared %s, want %s", s, c.fed)
			}
			dims := make([]int64, len(d))
			for i := range d {
				dims[i] = d[i].Value
			}
			elem := m.Graph.Input[0].ElemType()
			fed, err := verify.Generate("x", elem, dims, &verify.Range{Lo: 0, Hi: 255}, 9)
			if err != nil {
				t.Fatal(err)
			}
			want := run(t, original, seen(t, fed, c.spec, c.own, c.layout == "NHWC"))
			got := run(t, m, fed)
			metrics, err := verify.Compare(want, got, verify.Tolerance{Abs: 1e-6, Rel: 2e-6})
			if err != nil || !metrics.Equal() {
				t.Errorf("%v, %+v", err, metrics)
			}
		})
	}
}

// seen computes what the model is to see of what is fed, element by element in plain Go.
func seen(t *testing.T, fed *onnxpb.Array, s surgery.InputSpec, own []int64, nhwc bool) *onnxpb.Array {
	t.Helper()
	v, err := fed.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(v))
	norm := func(x float64, c int64) float32 {
		pick := func(list []float64, none float64) float64 {
			switch len(list) {
			case 0:
				return none
			case 1:
				return list[0]
			}
			return list[c]
		}
		if s.Scale != 0 {
			x *= s.Scale
		}
		return float32((x - pick(s.Mean, 0)) / pick(s.Std, 1))
	}
	if len(own) != 4 {
		for i := range v {
			out[i] = norm(v[i], 0)
		}
		return onnxpb.ArrayOf(own, out)
	}
	channels, h, w := own[1], own[2], own[3]
	if nhwc {
		channels, h, w = own[3], own[1], own[2]
	}
	at := func(nhwc bool, c, i, j int64) int64 {
		if nhwc {
			return (i*w+j)*channels + c
		}
		return (c*h+i)*w + j
	}
	for c := range channels {
		for i := range h {
			for j := range w {
				from := c
				if s.SwapRGB {
					from = 2 - c
				}
				out[at(nhwc, c, i, j)] = norm(v[at(nhwc != (s.Layout != ""), from, i, j)], c)
			}
		}
	}
	return onnxpb.ArrayOf(own, out)
}

// TestSetInputRewires holds every reader of the input, in subgraphs too, to the inner value, and everything else to staying.
func TestSetInputRewires(t *testing.T) {
	branch := func(kind string) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: proto.String(kind), Node: []*onnxpb.NodeProto{op(kind, kind, "x")}, Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue(kind, tFloat, nums(1, 3))}}
	}
	m := bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{onnxpb.TensorOf("c", nil, []bool{true}), noise("x_inner", 1)}, nodes: []*onnxpb.NodeProto{
		onnxpb.Node("If", "if", []string{"c"}, []string{"z"}, onnxpb.GraphAttr("then_branch", branch("Neg")), onnxpb.GraphAttr("else_branch", branch("Abs"))),
		op("Mul", "zz", "z x_inner"), op("Add", "y", "x zz")}}.model()
	m.Graph.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("x")}}
	mustBeValid(t, m)
	before := onnxpb.Clone(m)
	if _, err := surgery.SetInput(m, "x", surgery.InputSpec{Type: onnxpb.TensorProto_INT32, Scale: 0.25}); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
	if m.Graph.Input[0].GetName() != "x" || m.Graph.Input[0].ElemType() != onnxpb.TensorProto_INT32 {
		t.Errorf("the input is %v", m.Graph.Input[0])
	}
	inner := m.Graph.Node[1].Output[0]
	if n := m.Graph.Node; n[2].Attribute[0].G.Node[0].Input[0] != inner || n[2].Attribute[1].G.Node[0].Input[0] != inner || n[4].Input[0] != inner {
		t.Errorf("not all readers read %q: %v", inner, m.Graph.Node)
	}
	if a := m.Graph.QuantizationAnnotation[0].GetTensorName(); a != inner {
		t.Errorf("the annotation is about %q", a)
	}
	got := run(t, m, onnxpb.ArrayOf([]int64{1, 3}, []int32{4, -8, 12}))
	want := run(t, before, onnxpb.ArrayOf([]int64{1, 3}, []float32{1, -2, 3}))
	if metrics, err := verify.Compare(want, got, verify.Tolerance{}); err != nil || !metrics.Equal() {
		t.Errorf("%v %+v", err, metrics)
	}
}

func TestSetInputShape(t *testing.T) {
	d := func(s string) []onnxpb.Dim { return shape(s) }
	model := func(x, y string) func() *onnxpb.ModelProto {
		return func() *onnxpb.ModelProto {
			m := bm{x: d(x), y: d(y), nodes: []*onnxpb.NodeProto{op("Relu", "r", "x"), op("Neg", "y", "r")}}.model()
			m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("r", tFloat, d(y))}
			return m
		}
	}
	for _, c := range []struct {
		name, x, y, shape string
		wantX, wantY      string
		kind              onnxpb.Kind
		err               string
	}{
		{name: "the same", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[1,3,8,8]", wantX: "[1,3,8,8]", wantY: "[1,3,8,8]"},
		{name: "a symbol for the batch", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[N,3,8,8]", wantX: "[N,3,8,8]", wantY: "[N,3,8,8]"},
		{name: "another symbol for the batch", x: "[n,3,8,8]", y: "[n,3,8,8]", shape: "[N,3,8,8]", wantX: "[N,3,8,8]", wantY: "[N,3,8,8]"},
		{name: "a number for the batch", x: "[n,3,8,8]", y: "[n,3,8,8]", shape: "[4,3,8,8]", wantX: "[4,3,8,8]", wantY: "[4,3,8,8]"},
		{name: "numbers for symbols, wherever they are", x: "[n,3,h,h]", y: "[n,3,h,h]", shape: "[n,3,8,8]", wantX: "[n,3,8,8]", wantY: "[n,3,8,8]"},
		{name: "other symbols", x: "[n,3,h,w]", y: "[n,3,h,w]", shape: "[N,3,H,w]", wantX: "[N,3,H,w]", wantY: "[N,3,H,w]"},
		{name: "what was unknown", x: "[?,3,?,8]", y: "[?,3,?,8]", shape: "[N,3,H,8]", wantX: "[N,3,H,8]", wantY: "[N,3,?,8]"},
		{name: "another batch", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[2,3,8,8]", kind: onnxpb.Refused, err: "setbatch"},
		{name: "another number", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[1,3,8,9]", kind: onnxpb.Refused, err: "axis 3 is 8, which the graph was made for"},
		{name: "a symbol for a number", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[1,3,H,8]", kind: onnxpb.Refused, err: "axis 2 is 8"},
		{name: "the other layout", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[N,8,8,3]", kind: onnxpb.Refused, err: "in the model's own layout"},
		{name: "two numbers for one symbol", x: "[n,3,h,h]", y: "[n,3,h,h]", shape: "[n,3,8,9]", kind: onnxpb.Refused, err: "cannot become 8 and 9"},
		{name: "nothing for a symbol", x: "[n,3,h,h]", y: "[n,3,h,h]", shape: "[n,3,?,h]", kind: onnxpb.Refused, err: "cannot be made unknown"},
		{name: "another rank", x: "[1,3,8,8]", y: "[1,3,8,8]", shape: "[1,3,64]", err: "has 3 dimensions, the input has 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := model(c.x, c.y)()
			before, _ := onnxpb.Marshal(m)
			_, err := surgery.SetInput(m, "x", surgery.InputSpec{Shape: d(c.shape)})
			if c.err != "" {
				var e *onnxpb.Error
				if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Error(), c.err) {
					t.Errorf("%v; want kind %v and %q", err, c.kind, c.err)
				}
				if after, _ := onnxpb.Marshal(m); string(after) != string(before) {
					t.Error("the model changed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			x, _ := m.Graph.Input[0].Shape()
			y, _ := m.Graph.Output[0].Shape()
			r, _ := m.Graph.ValueInfo[0].Shape()
			if onnxpb.FormatShape(x) != c.wantX || onnxpb.FormatShape(y) != c.wantY || onnxpb.FormatShape(r) != c.wantY {
				t.Errorf("declared %s, %s, %s", onnxpb.FormatShape(x), onnxpb.FormatShape(r), onnxpb.FormatShape(y))
			}
		})
	}
}

func TestSetInputRefuses(t *testing.T) {
	image := func() *onnxpb.ModelProto { return imageModel(13, 1, 3, 2, 2) }
	passed := func() *onnxpb.ModelProto {
		m := image()
		m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("x", tFloat, nums(1, 3, 2, 2)))
		return m
	}
	wholes := func() *onnxpb.ModelProto {
		m := bm{x: nums(1, 3), y: nums(1, 3), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model()
		for _, v := range []*onnxpb.ValueInfoProto{m.Graph.Input[0], m.Graph.Output[0]} {
			v.Type = onnxpb.TensorType(tInt64, nums(1, 3))
		}
		return m
	}
	withDefault := func() *onnxpb.ModelProto {
		m := image()
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("offset", tFloat, nums(3, 2, 2)))
		return m
	}
	for _, c := range []struct {
		name  string
		model func() *onnxpb.ModelProto
		input string
		spec  surgery.InputSpec
		kind  onnxpb.Kind
		err   string
	}{
		{"no such input", image, "X1", surgery.InputSpec{}, onnxpb.Unfit, "did you mean x?"},
		{"an output", image, "y", surgery.InputSpec{}, onnxpb.Unfit, "no such input"},
		{"an initializer", withDefault, "offset", surgery.InputSpec{Scale: 2}, onnxpb.Refused, "has a default"},
		{"an input that is an output", passed, "x", surgery.InputSpec{Scale: 2}, onnxpb.Refused, "an output too"},
		{"no such layout", image, "x", surgery.InputSpec{Layout: "CHWN"}, onnxpb.Usage, "neither NHWC nor NCHW"},
		{"the layout that it has", image, "x", surgery.InputSpec{Layout: "NCHW"}, onnxpb.Unfit, "does not look like the other layout"},
		{"a layout of 3 dimensions", func() *onnxpb.ModelProto { return imageModel(13, 3, 8, 8) }, "x", surgery.InputSpec{Layout: "NHWC"}, onnxpb.Unfit, "4 dimensions"},
		{"a swap of 2 channels", func() *onnxpb.ModelProto { return imageModel(13, 1, 2, 8, 8) }, "x", surgery.InputSpec{SwapRGB: true}, onnxpb.Unfit, "has 3 channels"},
		{"4 means for 3 channels", image, "x", surgery.InputSpec{Mean: []float64{1, 2, 3, 4}}, onnxpb.Unfit, "has 4 channels"},
		{"3 means and 4 deviations", image, "x", surgery.InputSpec{Mean: []float64{1, 2, 3}, Std: []float64{1, 2, 3, 4}}, onnxpb.Usage, "3 means, 4 deviations"},
		{"channels that may lie in two axes", func() *onnxpb.ModelProto { return imageModel(13, 1, 3, 8, 3) }, "x", surgery.InputSpec{SwapRGB: true}, onnxpb.Unfit, "axis 1 or in axis 3"},
		{"a deviation of 0", image, "x", surgery.InputSpec{Std: []float64{1, 0, 1}}, onnxpb.Usage, "deviation of 0"},
		{"a mean that is no number", image, "x", surgery.InputSpec{Mean: []float64{math.NaN()}}, onnxpb.Usage, "mean of NaN"},
		{"an infinite scale", image, "x", surgery.InputSpec{Scale: math.Inf(1)}, onnxpb.Usage, "scale of +Inf"},
		{"integers normalised", wholes, "x", surgery.InputSpec{Scale: 0.5}, onnxpb.Unfit, "takes int64"},
		{"a type that Cast has not yet", image, "x", surgery.InputSpec{Type: onnxpb.TensorProto_FLOAT8E4M3FN}, onnxpb.Unfit, "Cast of opset 13 does not take float8e4m3fn"},
		{"a complex type", image, "x", surgery.InputSpec{Type: onnxpb.TensorProto_COMPLEX64}, onnxpb.Unfit, "does not take complex64"},
		{"opset 6", func() *onnxpb.ModelProto { return imageModel(6, 1, 3, 2, 2) }, "x", surgery.InputSpec{Scale: 2}, onnxpb.Refused, "opset 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.model()
			before, _ := onnxpb.Marshal(m)
			_, err := surgery.SetInput(m, c.input, c.spec)
			var e *onnxpb.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or no Error: %v", err)
			}
			if e.Kind != c.kind || !strings.Contains(e.Error(), c.err) || e.Tensor == "" {
				t.Errorf("kind %v, tensor %q, %v; want kind %v and %q", e.Kind, e.Tensor, e, c.kind, c.err)
			}
			if after, _ := onnxpb.Marshal(m); string(after) != string(before) {
				t.Error("the model changed")
			}
		})
	}
}
