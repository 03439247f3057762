package fuse_test

import (
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// opIn is an input written as name, type and shape; the shape "-" is unknown.
func opIn(t testing.TB, name string, elem onnxpb.TensorProto_DataType, shape string) fuse.OpValue {
	t.Helper()
	v := fuse.OpValue{Name: name, Type: elem}
	if shape != "-" {
		dims, err := onnxpb.ParseShape(shape)
		if err != nil {
			t.Fatal(err)
		}
		v.Shape = dims
	}
	return v
}

const (
	f32   = onnxpb.TensorProto_FLOAT
	i64   = onnxpb.TensorProto_INT64
	bool_ = onnxpb.TensorProto_BOOL
)

// seqOf is a sequence of tensors.
func seqOf(elem onnxpb.TensorProto_DataType) *onnxpb.TypeProto {
	return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: onnxpb.TensorType(elem, nil)}}}
}

// TestOp builds operators of many forms and compares what the model declares; each passes the checker.
func TestOp(t *testing.T) {
	in := func(name string, elem onnxpb.TensorProto_DataType, shape string) fuse.OpValue {
		return opIn(t, name, elem, shape)
	}
	for _, c := range []struct {
		op   string
		o    fuse.OpOptions
		at   int64
		want string // the outputs
	}{
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[N,3]"), in("b", f32, "[N,3]")}}, 17, "C float32 [N,3]"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[N,1]"), in("b", f32, "[3]")}, Outputs: []fuse.OpValue{{Name: "sum"}}}, 11, "sum float32 [N,3]"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[N,M]"), in("b", f32, "[K,4]")}}, 17, "C float32 [?,4]"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "-"), in("b", f32, "[1]")}}, 17, "C float32"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[2]"), in("a", f32, "[2]")}}, 17, "C float32 [2]"},
		{"Less", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[2,1]"), in("b", f32, "[1,5]")}}, 17, "C bool [2,5]"},
		{"Cast", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[N]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.Int("to", int64(i64))}}, 13, "output int64 [N]"},
		{"TopK", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[N,9]"), in("k", i64, "[1]")}}, 17, "Values float32 [N,?], Indices int64 [N,?]"},
		{"Clip", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[N]"), {}, in("max", f32, "[]")}}, 13, "output float32 [N]"},
		{"Split", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[4]")}, Outputs: []fuse.OpValue{{Name: "a"}, {Name: "b"}}}, 13, "a float32 [2], b float32 [2]"},
		{"Concat", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", i64, "[1]"), in("b", i64, "[1]"), in("c", i64, "[1]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.Int("axis", 0)}}, 13, "concat_result int64 [3]"},
		{"Where", fuse.OpOptions{Inputs: []fuse.OpValue{in("c", bool_, "[N,1]"), in("x", f32, "[N,3]"), in("y", f32, "[]")}}, 16, "output float32 [N,3]"},
		{"ConstantOfShape", fuse.OpOptions{Inputs: []fuse.OpValue{in("s", i64, "[2]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{1}, []int64{7}))}}, 13, "output int64 [?,?]"},
		{"ConstantOfShape", fuse.OpOptions{Inputs: []fuse.OpValue{in("s", i64, "[2]")}, Outputs: []fuse.OpValue{in("z", f32, "[?,?]")}}, 13, "z float32 [?,?]"},
		{"Reshape", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[N,6]"), {Name: "s", Type: i64, Value: onnxpb.ArrayOf([]int64{2}, []int64{-1, 3})}}, Outputs: []fuse.OpValue{in("y", f32, "[M,3]")}}, 13, "y float32 [M,3]"},
		{"Scaler", fuse.OpOptions{Domain: "ai.onnx.ml", Inputs: []fuse.OpValue{in("x", f32, "[N,2]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.Floats("scale", 1, 2)}}, 17, "Y float32 [N,2]"},
		// Old operator sets, where constants are inputs too.
		{"Reshape", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[N,6]"), {Name: "s", Type: i64, Shape: onnxpb.Numbers(2), Value: onnxpb.ArrayOf([]int64{2}, []int64{-1, 3})}}}, 5, "reshaped float32 [2*N,3]"},
		{"Upsample", fuse.OpOptions{Inputs: []fuse.OpValue{in("x", f32, "[1,2,3,4]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.Floats("scales", 1, 1, 2, 2)}}, 7, "Y float32 [1,2,6,8]"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[N,3]"), in("b", f32, "[N,3]")}}, 1, "C float32 [N,3]"},
		// Sequences.
		{"SequenceConstruct", fuse.OpOptions{Inputs: []fuse.OpValue{in("a", f32, "[N]"), in("b", f32, "[N]")}}, 17, "output_sequence sequence(float32 [N])"},
		{"SequenceLength", fuse.OpOptions{Inputs: []fuse.OpValue{{Name: "s", Whole: seqOf(f32)}}}, 17, "length int64 []"},
		{"SequenceAt", fuse.OpOptions{Inputs: []fuse.OpValue{{Name: "s", Whole: seqOf(f32)}, in("i", i64, "[]")}}, 17, "tensor float32"},
		// Operators that nobody knows.
		{"Fancy", fuse.OpOptions{Domain: "my.ops", Inputs: []fuse.OpValue{in("x", f32, "[N]"), {}, in("z", i64, "[]")}, Outputs: []fuse.OpValue{in("y", f32, "[N,2]")}, Attributes: []*onnxpb.AttributeProto{onnxpb.Str("mode", "fast")}, Version: 3}, 17, "y float32 [N,2]"},
		{"Gelu", fuse.OpOptions{Domain: "com.microsoft", Inputs: []fuse.OpValue{in("x", f32, "[N,4]")}, Outputs: []fuse.OpValue{{Name: "y"}}}, 17, "y float32 [N,4]"},
	} {
		m, err := fuse.Op(c.op, c.o, fuse.PartOptions{Opset: c.at})
		if err != nil {
			t.Errorf("%s: %v", c.op, err)
			continue
		}
		var got []string
		for _, v := range m.Graph.Output {
			s := v.GetName() + " " + onnxpb.TypeName(v.ElemType())
			if v.GetType().GetTensorType() == nil {
				s = v.GetName() + " " + onnxpb.FormatTypeProto(v.GetType())
			}
			if dims, ok := v.Shape(); ok {
				s += " " + onnxpb.FormatShape(dims)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s, want %s", c.op, s, c.want)
		}
		for _, f := range opset.Check(m, opset.CheckOptions{}) {
			t.Errorf("%s: %s", c.op, f)
		}
	}
}

// TestOpRuns runs a few in the engine.
func TestOpRuns(t *testing.T) {
	m, err := fuse.Op("Add", fuse.OpOptions{Inputs: []fuse.OpValue{opIn(t, "a", f32, "[N,3]"), opIn(t, "b", f32, "[N,3]")}}, fuse.PartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := floatsOf(t, runPart(t, m, map[string]*onnxpb.Array{"a": rows([][3]float32{{1, 2, 3}}), "b": rows([][3]float32{{10, 20, 30}})})["C"])
	if got[0] != 11 || got[1] != 22 || got[2] != 33 {
		t.Errorf("%v", got)
	}
	m, err = fuse.Op("Reshape", fuse.OpOptions{Inputs: []fuse.OpValue{opIn(t, "x", f32, "[N,6]"), {Name: "shape", Type: i64, Value: onnxpb.ArrayOf([]int64{2}, []int64{-1, 3})}}}, fuse.PartOptions{Opset: 13})
	if err != nil {
		t.Fatal(err)
	}
	out := runPart(t, m, map[string]*onnxpb.Array{"x": rows([][6]float32{{1, 2, 3, 4, 5, 6}})})["reshaped"]
	if len(out.Dims) != 2 || out.Dims[0] != 2 || out.Dims[1] != 3 {
		t.Errorf("shape %v", out.Dims)
	}
}

// TestOpRefuses: an operator that is called wrongly is wrong usage, and the message says what is right.
func TestOpRefuses(t *testing.T) {
	x := opIn(t, "x", f32, "[N]")
	for _, c := range []struct {
		op   string
		o    fuse.OpOptions
		at   int64
		says string
	}{
		{"Softmaxx", fuse.OpOptions{Inputs: []fuse.OpValue{x}}, 17, "Softmax"},
		{"Gelu", fuse.OpOptions{Inputs: []fuse.OpValue{x}}, 17, "came with version 20"},
		{"Upsample", fuse.OpOptions{Inputs: []fuse.OpValue{x, x}}, 17, "deprecated"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x}}, 17, "takes 2 inputs"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x, opIn(t, "y", i64, "[N]")}}, 17, "one type"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{opIn(t, "x", bool_, "[N]"), opIn(t, "y", bool_, "[N]")}}, 17, "does not take bool"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x, {}}}, 17, "cannot be left out"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x, x}, Outputs: []fuse.OpValue{{Name: "x"}}}, 17, "name"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x, x}, Outputs: []fuse.OpValue{{Name: "y"}, {Name: "z"}}}, 17, "gives 1 outputs"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{x, x}, Outputs: []fuse.OpValue{{Name: "y", Type: i64}}}, 17, "is float32 here"},
		{"Softmax", fuse.OpOptions{Inputs: []fuse.OpValue{x}, Attributes: []*onnxpb.AttributeProto{onnxpb.Int("axes", 1)}}, 17, "axis"},
		{"Softmax", fuse.OpOptions{Inputs: []fuse.OpValue{x}, Attributes: []*onnxpb.AttributeProto{onnxpb.Float("axis", 1)}}, 17, "of the type int"},
		{"Softmax", fuse.OpOptions{Inputs: []fuse.OpValue{x}, Attributes: []*onnxpb.AttributeProto{onnxpb.Int("axis", 1), onnxpb.Int("axis", 0)}}, 17, "twice"},
		{"Concat", fuse.OpOptions{Inputs: []fuse.OpValue{x, x}}, 17, "needs the attribute \"axis\""},
		{"Optional", fuse.OpOptions{}, 17, "does not follow"},
		{"Add", fuse.OpOptions{Inputs: []fuse.OpValue{opIn(t, "x", f32, "[2]"), opIn(t, "y", f32, "[3]")}}, 17, "3"},
		{"SequenceLength", fuse.OpOptions{Inputs: []fuse.OpValue{x}}, 17, "does not take float32"},
		{"Fancy", fuse.OpOptions{Domain: "my.ops", Inputs: []fuse.OpValue{x}, Outputs: []fuse.OpValue{{Name: "y"}}}, 17, "does not follow"},
		{"Fancy", fuse.OpOptions{Domain: "my.ops", Inputs: []fuse.OpValue{x}}, 17, "not known"},
	} {
		_, err := fuse.Op(c.op, c.o, fuse.PartOptions{Opset: c.at})
		if err == nil || onnxpb.KindOf(err) != onnxpb.Usage || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.op, err, c.says)
		}
	}
}
