package onnxtext

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// TestSpecification reads text in the words of the specification, and of its printer, and compares with the models they mean.
func TestSpecification(t *testing.T) {
	float := func(name string, dims ...onnxpb.Dim) *onnxpb.ValueInfoProto {
		if dims == nil {
			dims = []onnxpb.Dim{}
		}
		return onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, dims)
	}
	n, n128 := onnxpb.Symbol("N"), onnxpb.Number(128)
	head := &onnxpb.ModelProto{IrVersion: proto.Int64(7), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 10)}}
	ten := onnxpb.Number(10)
	for name, c := range map[string]struct {
		text  string
		graph *onnxpb.GraphProto
	}{
		"the example": {`
agraph (float[N, 128] X, float[128, 10] W, float[10] B) => (float[N, 10] C)
{
    T = MatMul(X, W)
    S = Add(T, B)
    C = Softmax(S)
}`, &onnxpb.GraphProto{Name: proto.String("agraph"),
			Input:  []*onnxpb.ValueInfoProto{float("X", n, n128), float("W", n128, ten), float("B", ten)},
			Output: []*onnxpb.ValueInfoProto{float("C", n, ten)},
			Node: []*onnxpb.NodeProto{onnxpb.Node("MatMul", "", []string{"X", "W"}, []string{"T"}), onnxpb.Node("Add", "", []string{"T", "B"}, []string{"S"}),
				onnxpb.Node("Softmax", "", []string{"S"}, []string{"C"})}}},
		"as onnx.printer writes": {`
"a graph" (float[N,128] X, float[] "b.1") => (float[N] C) 
   <float[2] w =  {1,2.5}, string[2] "s 1" = {"a", "b\\"}, float[3] far = ["location": "w.bin", "length": "12"], float[N] t>
{
   [n0] t, "" = Add (X, w)
   [n_1] C = Loop (t, "") <body: graph = inner (int64 i) => (float o) 
      <float c =  {3}>{
      o = Cast <to: int = 1> (i)
      }, k: tensor = int8[2] {-1,1}, e: ints = [], z: strings = ["x", "y"]>
}`, &onnxpb.GraphProto{Name: proto.String("a graph"),
			Input:  []*onnxpb.ValueInfoProto{float("X", n, n128), onnxpb.TensorValue("b.1", onnxpb.TensorProto_FLOAT, nil)},
			Output: []*onnxpb.ValueInfoProto{float("C", n)},
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{2}, []float32{1, 2.5}), onnxpb.TensorOf("s 1", []int64{2}, []string{"a", "b\\"}),
				{Name: proto.String("far"), Dims: []int64{3}, DataType: proto.Int32(1), DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
					ExternalData: []*onnxpb.StringStringEntryProto{entry("location", "w.bin"), entry("length", "12")}}},
			ValueInfo: []*onnxpb.ValueInfoProto{float("t", n)},
			Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "n0", []string{"X", "w"}, []string{"t", ""}),
				onnxpb.Node("Loop", "n_1", []string{"t", ""}, []string{"C"}, onnxpb.GraphAttr("body", &onnxpb.GraphProto{Name: proto.String("inner"),
					Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("i", onnxpb.TensorProto_INT64, []onnxpb.Dim{})}, Output: []*onnxpb.ValueInfoProto{float("o")},
					Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("c", nil, []float32{3})},
					Node:        []*onnxpb.NodeProto{onnxpb.Node("Cast", "", []string{"i"}, []string{"o"}, onnxpb.Int("to", 1))}}),
					onnxpb.TensorAttr("k", onnxpb.TensorOf("", []int64{2}, []int8{-1, 1})), onnxpb.Ints("e"), onnxpb.Strs("z", "x", "y"))}}},
		"comments, missing names, inputs with values": {`
g (float x = {1}, # one
 y) => () < int64[2] "a b" = {1,-2}, float[?,"M+1"] v, int8[0] e = {} > {
 = Op ( )  a, "", c = my.own.Op:v2 ( , x , , "" ) b = Op(x,)  c = Op(,) # done
}`, &onnxpb.GraphProto{Name: proto.String("g"),
			Input:       []*onnxpb.ValueInfoProto{float("x"), {Name: proto.String("y")}},
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("x", nil, []float32{1}), onnxpb.TensorOf("a b", []int64{2}, []int64{1, -2}), onnxpb.TensorOf("e", []int64{0}, []int8{})},
			ValueInfo:   []*onnxpb.ValueInfoProto{float("v", onnxpb.Dim{}, onnxpb.Symbol("M+1"))},
			Node: []*onnxpb.NodeProto{onnxpb.Node("Op", "", nil, nil),
				{Domain: proto.String("my.own"), OpType: proto.String("Op"), Overload: proto.String("v2"), Input: []string{"", "x", "", ""}, Output: []string{"a", "", "c"}},
				onnxpb.Node("Op", "", []string{"x"}, []string{"b"}), onnxpb.Node("Op", "", []string{""}, []string{"c"})}}},
		"attributes without a type, before and after the inputs": {`
g () => () {
  a = Op <i = -3, f = 2.5, e = 1e3, s = "x\"\\y\n", is = [1, 2], fs = [1.5, inf], ss = ["", "a"], r = @up, nan = nan, t = float[2] {1, 2}, u = int64 w = {3}, tp = seq(float[]), n = Nothing () => () {}> ()
  b = Op () <g = inner (float[] x) => (y) { y = Relu(x) }, k: float = 3, j: floats = [1, 2]>
}`, &onnxpb.GraphProto{Name: proto.String("g"), Node: []*onnxpb.NodeProto{
			onnxpb.Node("Op", "", nil, []string{"a"}, onnxpb.Int("i", -3), onnxpb.Float("f", 2.5), onnxpb.Float("e", 1000), onnxpb.Str("s", "x\"\\yn"), onnxpb.Ints("is", 1, 2),
				onnxpb.Floats("fs", 1.5, float32(inf)), onnxpb.Strs("ss", "", "a"), &onnxpb.AttributeProto{Name: proto.String("r"), RefAttrName: proto.String("up")}, onnxpb.Float("nan", float32(inf-inf)),
				onnxpb.TensorAttr("t", onnxpb.TensorOf("", []int64{2}, []float32{1, 2})), onnxpb.TensorAttr("u", onnxpb.TensorOf("w", nil, []int64{3})),
				attr(onnxpb.AttributeProto_TYPE_PROTO, "tp", func(a *onnxpb.AttributeProto) {
					a.Tp = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)}}}
				}), onnxpb.GraphAttr("n", &onnxpb.GraphProto{Name: proto.String("Nothing")})),
			onnxpb.Node("Op", "", nil, []string{"b"}, onnxpb.GraphAttr("g", &onnxpb.GraphProto{Name: proto.String("inner"),
				Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, nil)}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("y")}},
				Node: []*onnxpb.NodeProto{onnxpb.Node("Relu", "", []string{"x"}, []string{"y"})}}), onnxpb.Float("k", 3), onnxpb.Floats("j", 1, 2))}}},
	} {
		got, err := Parse(`< ir_version: 7, opset_import: [ "" : 10 ] >` + c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := proto.Clone(head).(*onnxpb.ModelProto)
		want.Graph = c.graph
		if want, got := normal(t, want), normal(t, got); !proto.Equal(want, got) {
			t.Errorf("%s:\n%v\nwant\n%v", name, got, want)
		}
	}
}

// TestFunctions reads a function as the specification writes it: types of inputs and outputs are value_info.
func TestFunctions(t *testing.T) {
	m, err := Parse(`g () => () {}
<domain: "d", opset_import: ["" : 17]> f <a, b: int = 2, c> (float[N] x, y) => (float[N] z) <float t> { t = Add(x, y) z = Relu(t) }
h () => () {}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Functions) != 2 || m.Functions[1].GetName() != "h" {
		t.Fatalf("%v", m)
	}
	f := m.Functions[0]
	var info []string
	for _, v := range f.ValueInfo {
		info = append(info, v.GetName())
	}
	got := fmt.Sprint(f.GetName(), f.GetDomain(), f.Attribute, len(f.AttributeProto), f.Input, f.Output, info, len(f.Node))
	if want := "fd[a c] 1 [x y] [z] [x z t] 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

var inf = func() float64 { z := 0.0; return 1 / z }()

// TestErrors states where and what.
func TestErrors(t *testing.T) {
	deep := strings.Repeat("g () => () { = If () <b: graph = ", 40)
	types := "g (" + strings.Repeat("seq(", 60)
	for text, want := range map[string]string{
		"":                                                                        "line 1:1: the name of a graph was expected, found the end of the text",
		"# only a comment":                                                        "line 1:17: the name of a graph was expected, found the end of the text",
		"<ir_version: x>":                                                         `line 1:14: a number was expected, found "x"`,
		"<ir_version: 1.5> g":                                                     "line 1:14: a number was expected, found 1.5",
		"<irversion: 8>":                                                          `line 1:2: one of ir_version, opset_import, producer_name, producer_version, domain, model_version, doc_string, metadata_props was expected, found "irversion"`,
		"<domain: \"a\", domain: \"b\">":                                          "line 1:15: domain stands here twice",
		"<ir_version: 99999999999999999999> g":                                    "passes 64 bits",
		"<opset_import: [17]> g":                                                  "line 1:17: the domain of an operator set in quotes was expected",
		"g\n  (float[N x) => () {}":                                               `line 2:12: "]" or a comma was expected, found "x"`,
		"g (flaot[N] x) => () {}":                                                 `line 1:9: ")" or a comma was expected, found "["`,
		"g () -> () {}":                                                           `line 1:6: "=>" before the outputs of the graph was expected, found "-"`,
		"g () => () { y = Relu(x)":                                                `a node or "}" was expected, found the end of the text`,
		"g () => () { y Relu(x) }":                                                `line 1:16: "=" between the outputs of a node and its operator was expected, found "Relu"`,
		"é () => () {}":                                                           `line 1:1: the name of a graph was expected, found "é"`,
		"g () => () { ü }":                                                        `line 1:14: "=" between`,
		`g () => () { y = "Relu }`:                                                "line 1:18: the string has no end",
		`g () => () { y = "Relu\`:                                                 "line 1:18: the string has no end",
		`g () => () { y = hex"0g"() }`:                                            "line 1:18: the string is not hexadecimal",
		"g () => () { y = A <a: intt = 1> () }":                                   `a type of attributes`,
		"g () => () { y = A <a: int = 1.5> () }":                                  "line 1:30: the attribute is declared int, the value is of type float",
		"g () => () { y = A <a: ints = 1> () }":                                   `line 1:31: "[" before a list was expected`,
		"g () => () { y = A <a: int = [1]> () }":                                  "the type int takes one value",
		"g () => () { y = A <a = []> () }":                                        "an empty list needs the type",
		"g () => () { y = A <a = [1, 2.5]> () }":                                  "line 1:29: a list holds values of one type",
		"g () => () { y = A <a: ints = [1, @b]> () }":                             "a reference cannot stand in a list",
		"g () => () { y = A <a: string = s> () }":                                 "line 1:",
		"g () => () { y = A <a = 1e> () }":                                        "line 1:25: the number 1e has no exponent",
		"g () => () { y = A <a = 12ab> () }":                                      `line 1:25: "12ab`,
		"g () => () { y = A <a = 1e99> () }":                                      "line 1:25: 1e99 passes the range of a float of 32 bits",
		"g () => () { y = A <> () }":                                              `the name of an attribute was expected, found ">"`,
		"g () => () <float[2] w = {1}> {}":                                        "float32[2] takes 2 values, there are 1",
		"g () => () <float[N] w = {1}> {}":                                        "the dimensions of a tensor are numbers, found N",
		"g () => () <float[] w = {1}> {}":                                         "a tensor needs its dimensions",
		"g () => () <w = {1}> {}":                                                 "a tensor needs a type",
		"g () => () <float[-1] w = {}> {}":                                        "negative",
		"g () => () <int64[9223372036854775807,4] w = {1}> {}":                    "64 bits",
		"g () => () <float[9223372036854775807] w = {1}> {}":                      "takes 9223372036854775807 values, there are 1",
		"g () => () <complex64[9223372036854775807] w = {1}> {}":                  "takes 9223372036854775807 values, there are 1",
		"g () => () <int4[9223372036854775807] w = {1}> {}":                       "takes 4611686018427387904 values",
		"g () => () <uint8[1] w = {256}> {}":                                      "line 1:27: 256 does not fit an element of uint8",
		"g () => () <int8[1] w = {-129}> {}":                                      "does not fit",
		"g () => () <uint64[1] w = {-1}> {}":                                      "-1 does not fit an element of uint64",
		"g () => () <bool[1] w = {2}> {}":                                         "does not fit",
		"g () => () <int64[1] w = {1.0}> {}":                                      "a whole number was expected, found 1.0",
		"g () => () <float16[1] w = {1.0}> {}":                                    "written as their bits",
		"g () => () <string[1] w = {1}> {}":                                       `a string was expected, found "1"`,
		"g () => () <undefined[1] w = {1}> {}":                                    "a tensor needs an element type",
		"g () => () <float[1] w = {...}> {}":                                      "line 1:27: the elements of this tensor were left out",
		"g () => () <sparse_tensor(float[3]) = {float[1] {1}}> {}":                `"," between the values and the indices`,
		"g () => () <sparse_tensor(float[3]) = {double[1] {1}, int64[1] {1}}> {}": "another element type",
		"g () => () {} f () => () {":                                              `a node or "}" was expected`,
		"g () => () {} <ir_version: 8> f () => () {}":                             "one of domain, overload, opset_import, doc_string was expected",
		"g (map(x, float) m) => () {}":                                            "an element type, for the keys",
		deep:                                                                      "graphs or types stand deeper",
		types:                                                                     "graphs or types stand deeper",
	} {
		m, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || m != nil {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
		if !strings.HasPrefix(fmt.Sprint(err), "line ") || onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// TestTruncated: each beginning of a text is an error, or a model that can be written.
func TestTruncated(t *testing.T) {
	text, _ := write(t, rich(), Options{})
	for i := range text {
		if m, err := Parse(text[:i]); err == nil {
			write(t, m, Options{})
		}
	}
}

// TestDepth: what is nested as deep as can be opened as a file is read and written as text, and what is deeper is neither.
func TestDepth(t *testing.T) {
	sparse := `sparse_tensor(float[3]) = {float[1] ["location": "x"], int64[1] {1}}`
	for name, nested := range map[string]func(n int) string{
		"graphs with tensors": func(n int) string {
			return strings.Repeat(`g () => () { y = If (x) <b: graph = `, n) + `h () => () <` + sparse + `> { = A < a: sparse_tensor = ` + sparse + `> () }` + strings.Repeat(` > }`, n)
		},
		"graphs with nodes": func(n int) string {
			return strings.Repeat(`g () => () { y = If (x) <b: graph = `, n) + `h () => () { = A () }` + strings.Repeat(` > }`, n)
		},
		"empty graphs": func(n int) string {
			return strings.Repeat(`g () => () { y = If (x) <b: graph = `, n) + `h () => () {}` + strings.Repeat(` > }`, n)
		},
		"types with symbols": func(n int) string {
			return "g (" + strings.Repeat("seq(", n) + "float[N]" + strings.Repeat(")", n) + " x) => () {}"
		},
		"types of scalars": func(n int) string {
			return "g (" + strings.Repeat("seq(", n) + "float" + strings.Repeat(")", n) + " x) => () {}"
		},
		"types of any rank": func(n int) string {
			return "g (" + strings.Repeat("seq(", n) + "float[]" + strings.Repeat(")", n) + " x) => () {}"
		},
		"types of nothing": func(n int) string { return "g (" + strings.Repeat("seq(", n) + strings.Repeat(")", n) + " x) => () {}" },
	} {
		taken, refused := 0, 0
		for n := range 60 {
			text := "<ir_version: 8> " + nested(n)
			m, err := Parse(text)
			if err == nil {
				taken++
				data, err := onnxpb.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := onnxpb.Parse(data); err != nil {
					t.Errorf("%s, %d deep: read as text, and not as a file: %v", name, n, err)
				}
				roundTrip(t, m)
				continue
			}
			refused++
			if !strings.Contains(err.Error(), "deeper within each other") {
				t.Fatalf("%s, %d deep: %v", name, n, err)
			}
			if refused == 1 { // it would have been refused as a file as well
				m := deeper(t, nested(n-1))
				data, err := proto.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := onnxpb.Parse(data); err == nil {
					t.Errorf("%s, %d deep: refused as text only", name, n)
				}
				if _, err := Format(&strings.Builder{}, m, Options{}); err == nil {
					t.Errorf("%s, %d deep: written as text", name, n)
				}
			}
		}
		if taken < 30 || refused < 5 {
			t.Errorf("%s: %d taken, %d refused", name, taken, refused)
		}
	}
}

// deeper returns the model of a text with a level more of what is nested in it.
func deeper(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := Parse("<ir_version: 8> " + text)
	if err != nil {
		t.Fatal(err)
	}
	if in := m.Graph.Input; len(in) > 0 {
		in[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: in[0].Type}}}
		return m
	}
	m.Graph = &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{onnxpb.Node("If", "", nil, nil, onnxpb.GraphAttr("b", m.Graph))}}
	return m
}

// FuzzParse: what is read can be written, and reads back as what is written the same; nothing panics.
func FuzzParse(f *testing.F) {
	text, _ := write(f, rich(), Options{})
	f.Add(text)
	f.Add("# c\n<ir_version: 7, opset_import: [ \"\" : 10 ]> g (float[N] x = {1}, y) => () < int64[2] a = {1,-2}, float[?] v > { = Op ( ) a = my.Op:v <i = -3, f = 2.5, s = \"\\n\", t = float[2] {1, nan}, r = @up> (,x) }")
	f.Add("g () => () {} <domain: \"d\"> f <a, b: int = 2> (float x) => (y) <float t> { y = If (x) <g = h () => () {}> }")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		once, _ := write(t, m, Options{})
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%v\n%s", err, once)
		}
		if twice, _ := write(t, again, Options{}); twice != once {
			t.Errorf("written again:\n%s\nfirst:\n%s", twice, once)
		}
	})
}

// FuzzFormat: what can be written of any model reads back, and then is written the same.
func FuzzFormat(f *testing.F) {
	data, err := onnxpb.Marshal(rich())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnxpb.Parse(data)
		if err != nil {
			return
		}
		var once strings.Builder
		if _, err := Format(&once, m, Options{}); err != nil {
			return
		}
		again, err := Parse(once.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, once.String())
		}
		if twice, _ := write(t, again, Options{}); twice != once.String() {
			t.Errorf("written again:\n%s\nfirst:\n%s", twice, once.String())
		}
	})
}
