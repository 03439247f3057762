package onnxpb

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

func TestParseShape(t *testing.T) {
	n, unknown := Symbol("N"), Dim{}
	for _, c := range []struct {
		in   string
		want []Dim
		out  string // as it is written back
	}{
		{"[N,3,224,224]", []Dim{n, Number(3), Number(224), Number(224)}, "[N,3,224,224]"},
		{"N,3", []Dim{n, Number(3)}, "[N,3]"},
		{" [ N , 3 ] ", []Dim{n, Number(3)}, "[N,3]"},
		{"[]", []Dim{}, "[]"},
		{"[ ]", []Dim{}, "[]"},
		{"0", []Dim{Number(0)}, "[0]"},
		{"[?,?]", []Dim{unknown, unknown}, "[?,?]"},
		{"9223372036854775807", []Dim{Number(1<<63 - 1)}, "[9223372036854775807]"},
		{"[batch_size,past-len.1+x,_]", []Dim{Symbol("batch_size"), Symbol("past-len.1+x"), Symbol("_")}, "[batch_size,past-len.1+x,_]"},
		{"[größe]", []Dim{Symbol("größe")}, "[größe]"},
	} {
		got, err := ParseShape(c.in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, %v", c.in, got, err)
			continue
		}
		if s := FormatShape(got); s != c.out {
			t.Errorf("%q is written %q", c.in, s)
		}
		if again, err := ParseShape(FormatShape(got)); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is not read back: %v, %v", FormatShape(got), again, err)
		}
	}
	for in, want := range map[string]string{
		"": "empty", " ": "empty", "[1": "bracket", "1]": "bracket", "1,,2": "empty", "[,]": "empty", "1,": "empty", "-1": "negative", "[N,-3]": "negative",
		"3x": "neither", "1.5": "neither", "9223372036854775808": "neither", "a b": "neither", "f(x)": "neither", "N=3": "neither", "[[1]]": "neither", `"N"`: "neither",
	} {
		got, err := ParseShape(in)
		if err == nil || !strings.Contains(err.Error(), want) || KindOf(err) != Usage {
			t.Errorf("%q: %v, %v does not tell %q", in, got, err, want)
		}
	}
}

func TestDimMessages(t *testing.T) {
	for _, d := range []Dim{Number(0), Number(7), Symbol("N"), {}} {
		p := &TensorShapeProto_Dimension{Denotation: proto.String("DATA_BATCH"), Value: &TensorShapeProto_Dimension_DimValue{DimValue: 99}}
		d.Set(p)
		if DimOf(p) != d || p.GetDenotation() != "DATA_BATCH" {
			t.Errorf("%v became %v", d, p)
		}
	}
	if DimOf(nil) != (Dim{}) {
		t.Error("no dimension")
	}
}

func TestDeclaredTypes(t *testing.T) {
	v := TensorValue("x", TensorProto_INT4, []Dim{Symbol("N"), {}})
	if dims, ok := v.Shape(); !ok || FormatShape(dims) != "[N,?]" || v.ElemType() != TensorProto_INT4 {
		t.Error(v)
	}
	if dims, ok := TensorValue("x", TensorProto_FLOAT, []Dim{}).Shape(); !ok || len(dims) != 0 {
		t.Error("a scalar has a rank")
	}
	if _, ok := TensorValue("x", TensorProto_FLOAT, nil).Shape(); ok {
		t.Error("no shape is a shape")
	}
	sparse := &ValueInfoProto{Type: &TypeProto{Value: &TypeProto_SparseTensorType{SparseTensorType: &TypeProto_SparseTensor{
		ElemType: proto.Int32(int32(TensorProto_DOUBLE)), Shape: &TensorShapeProto{Dim: []*TensorShapeProto_Dimension{Number(3).proto()}}}}}}
	if dims, ok := sparse.Shape(); !ok || FormatShape(dims) != "[3]" || sparse.ElemType() != TensorProto_DOUBLE {
		t.Error(sparse)
	}
	seq := &ValueInfoProto{Type: &TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: TensorType(TensorProto_FLOAT, nil)}}}}
	for _, v := range []*ValueInfoProto{nil, {}, seq} {
		if _, ok := v.Shape(); ok || v.ElemType() != TensorProto_UNDEFINED {
			t.Error(v)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for _, et := range elementTypes() {
		for _, name := range []string{TypeName(et), et.String(), " " + strings.ToLower(et.String()) + " "} {
			if got, err := ParseType(name); err != nil || got != et {
				t.Errorf("%q: %v, %v", name, got, err)
			}
		}
	}
	for name, want := range map[string]TensorProto_DataType{"float": TensorProto_FLOAT, "float64": TensorProto_DOUBLE, "half": TensorProto_FLOAT16, "Float8E4M3FN": TensorProto_FLOAT8E4M3FN} {
		if got, err := ParseType(name); err != nil || got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "undefined", "float128", "int", "tensor(float)"} {
		if got, err := ParseType(name); err == nil || KindOf(err) != Usage {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if TypeName(99) != "type(99)" || TypeName(TensorProto_FLOAT) != "float32" {
		t.Error(TypeName(99))
	}
}

func TestBuilders(t *testing.T) {
	n := Node("Conv", "", []string{"x"}, []string{"", "y"}, nil, Int("i", 0), Ints("is", 1, 2), Float("f", 0.5), Floats("fs", 1), Str("s", "é"), Strs("ss", "a", "b"),
		TensorAttr("t", TensorOf("", nil, []int64{1})), GraphAttr("g", &GraphProto{}))
	if len(n.Attribute) != 8 || n.Name != nil || n.Label() != "Conv -> y" {
		t.Errorf("%v", n)
	}
	want := map[string]AttributeProto_AttributeType{"i": AttributeProto_INT, "is": AttributeProto_INTS, "f": AttributeProto_FLOAT, "fs": AttributeProto_FLOATS,
		"s": AttributeProto_STRING, "ss": AttributeProto_STRINGS, "t": AttributeProto_TENSOR, "g": AttributeProto_GRAPH}
	for name, at := range want {
		if a := n.Attr(name); a == nil || a.GetType() != at {
			t.Errorf("%s: %v", name, a)
		}
	}
	if n.Attr("none") != nil || n.AttrInt("i", 3) != 0 || n.AttrInt("none", 3) != 3 || n.AttrInt("f", 3) != 3 {
		t.Error("attributes read wrong")
	}
	if subgraphs := len(collect(n)); subgraphs != 1 {
		t.Errorf("%d subgraphs", subgraphs)
	}
	for _, c := range []struct {
		m      *ModelProto
		domain string
		want   int64
	}{
		{small(), "", 17}, {small(), "ai.onnx", 17}, {small(), "ai.onnx.ml", 0}, {&ModelProto{}, "", 1}, {&ModelProto{}, "x", 0},
		{&ModelProto{OpsetImport: []*OperatorSetIdProto{Opset("ai.onnx", 9)}}, "", 9}, {&ModelProto{OpsetImport: []*OperatorSetIdProto{Opset("x", 9)}}, "", 0},
	} {
		if got := c.m.OpsetVersion(c.domain); got != c.want {
			t.Errorf("%v %q: %d, want %d", c.m.OpsetImport, c.domain, got, c.want)
		}
	}
}

func collect(n *NodeProto) []*GraphProto {
	var all []*GraphProto
	for g := range n.Subgraphs() {
		all = append(all, g)
	}
	return all
}
