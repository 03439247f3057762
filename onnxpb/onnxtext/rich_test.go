package onnxtext

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

func entry(k, v string) *onnxpb.StringStringEntryProto {
	return &onnxpb.StringStringEntryProto{Key: &k, Value: &v}
}

func attr(t onnxpb.AttributeProto_AttributeType, name string, set func(*onnxpb.AttributeProto)) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: &name, Type: t.Enum()}
	set(a)
	return a
}

// everyType holds a tensor of each element type, of three elements.
func everyType() []*onnxpb.TensorProto {
	var list []*onnxpb.TensorProto
	for n := range int32(len(onnxpb.TensorProto_DataType_name)) {
		et := onnxpb.TensorProto_DataType(n)
		t := &onnxpb.TensorProto{Name: proto.String("t_" + strings.ToLower(et.String())), Dims: []int64{3}, DataType: proto.Int32(n)}
		switch {
		case et == onnxpb.TensorProto_UNDEFINED:
			continue
		case et == onnxpb.TensorProto_STRING:
			t.StringData = [][]byte{[]byte("a \"b\" \\"), []byte("\x00\xff"), []byte("two\nlines ü")}
		case et == onnxpb.TensorProto_BOOL:
			t.RawData = []byte{1, 0, 1}
		default:
			bits := onnxpb.ElemBits(et)
			t.RawData = make([]byte, (3*bits+7)/8)
			for i := range t.RawData {
				t.RawData[i] = byte(91*i + 7)
			}
			if bits < 8 {
				t.RawData[len(t.RawData)-1] &= 1<<(3*bits%8) - 1 // no bits left over
			}
		}
		list = append(list, t)
	}
	return list
}

func sparse(name string) *onnxpb.SparseTensorProto {
	return &onnxpb.SparseTensorProto{Dims: []int64{3, 4}, Values: onnxpb.TensorOf(name, []int64{2}, []float32{1, -2.5}), Indices: onnxpb.TensorOf("at", []int64{2}, []int64{1, 11})}
}

// rich uses every corner of the form.
func rich() *onnxpb.ModelProto {
	key := int32(onnxpb.TensorProto_STRING)
	tensor := onnxpb.TensorType(onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Symbol("N / 2"), onnxpb.Number(-1), {}})
	seq := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: tensor}}}
	opaque := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OpaqueType{OpaqueType: &onnxpb.TypeProto_Opaque{Domain: proto.String("my.domain"), Name: proto.String("o-p")}}}
	value := func(name string, t *onnxpb.TypeProto) *onnxpb.ValueInfoProto {
		return &onnxpb.ValueInfoProto{Name: &name, Type: t}
	}
	sub := func(name string) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: &name, Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"in_" + name})},
			Output:      []*onnxpb.ValueInfoProto{value("in_"+name, nil)},
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("c_"+name, nil, []float64{0.1})}}
	}
	many := onnxpb.Node("Many", "every attribute", []string{"x", "", "float", ""}, []string{"", "a.b/c:0"},
		onnxpb.Int("i", -1<<63), onnxpb.Float("f", 2), onnxpb.Str("s", "x\"\\\n\ty\x01"), onnxpb.Str("bytes", "\xff\xfe"), onnxpb.Str("empty", ""),
		onnxpb.Ints("is", 1, 2), onnxpb.Ints("no_ints"), onnxpb.Floats("fs", 1, 0.5, 1e-30, 3e38), onnxpb.Floats("no_floats"), onnxpb.Strs("ss", "a", "", "\x00"), onnxpb.Strs("no_strings"),
		onnxpb.TensorAttr("t", onnxpb.TensorOf("", []int64{0, 2}, []int8{})), onnxpb.TensorAttr("named", onnxpb.TensorOf("a name", nil, []uint64{1<<64 - 1})),
		attr(onnxpb.AttributeProto_TENSORS, "ts", func(a *onnxpb.AttributeProto) {
			a.Tensors = []*onnxpb.TensorProto{onnxpb.TensorOf("", nil, []float32{1}), onnxpb.TensorOf("seq", []int64{1}, []bool{true})}
		}),
		attr(onnxpb.AttributeProto_SPARSE_TENSOR, "sp", func(a *onnxpb.AttributeProto) { a.SparseTensor = sparse("") }),
		attr(onnxpb.AttributeProto_SPARSE_TENSORS, "sps", func(a *onnxpb.AttributeProto) {
			a.SparseTensors = []*onnxpb.SparseTensorProto{sparse("v"), sparse("w")}
		}),
		attr(onnxpb.AttributeProto_TYPE_PROTO, "tp", func(a *onnxpb.AttributeProto) { a.Tp = seq }),
		attr(onnxpb.AttributeProto_TYPE_PROTOS, "tps", func(a *onnxpb.AttributeProto) { a.TypeProtos = []*onnxpb.TypeProto{tensor, opaque} }),
		onnxpb.Int("not an identifier", 1), onnxpb.Int("float", 1))
	many.Domain, many.Overload = proto.String("my-domain.é"), proto.String("2nd")
	branches := onnxpb.Node("If", "", []string{"x"}, []string{"y"}, onnxpb.GraphAttr("then_branch", sub("then")), onnxpb.GraphAttr("else_branch", sub("nan")),
		attr(onnxpb.AttributeProto_GRAPHS, "more", func(a *onnxpb.AttributeProto) { a.Graphs = []*onnxpb.GraphProto{sub("float"), sub("a b"), sub("")} }))
	silent := onnxpb.Node("Silent", "", nil, nil)
	silent.Domain = proto.String("com.microsoft")
	return &onnxpb.ModelProto{
		IrVersion: proto.Int64(10), ProducerName: proto.String("p\"q\\"), ProducerVersion: proto.String(""), Domain: proto.String("d"), ModelVersion: proto.Int64(-3),
		DocString:     proto.String("Two\nlines."),
		OpsetImport:   []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 21), onnxpb.Opset("my-domain.é", 1)},
		MetadataProps: []*onnxpb.StringStringEntryProto{entry("k", "v"), entry("", "\x7f")},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("main graph"),
			Node: []*onnxpb.NodeProto{many, branches, silent},
			Input: []*onnxpb.ValueInfoProto{value("x", tensor), value("float", onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)), value("untyped", nil),
				value("scalar", onnxpb.TensorType(onnxpb.TensorProto_INT4, []onnxpb.Dim{})), value("none", onnxpb.TensorType(onnxpb.TensorProto_UNDEFINED, nil))},
			Output: []*onnxpb.ValueInfoProto{value("y", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: seq}}}),
				value("m", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &key, ValueType: tensor}}}),
				value("o", opaque)},
			ValueInfo: []*onnxpb.ValueInfoProto{
				value("s", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SparseTensorType{SparseTensorType: &onnxpb.TypeProto_SparseTensor{ElemType: &key, Shape: &onnxpb.TensorShapeProto{}}}}),
				value("e", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{}}}),
				value("seq", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &key}}})},
			Initializer: append(everyType(), &onnxpb.TensorProto{Name: proto.String("far"), Dims: []int64{5}, DataType: proto.Int32(1), DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
				ExternalData: []*onnxpb.StringStringEntryProto{entry("location", "w.bin"), entry("offset", "4096")}}),
			SparseInitializer: []*onnxpb.SparseTensorProto{sparse("sparse one")},
		},
		Functions: []*onnxpb.FunctionProto{
			{Name: proto.String("f"), Domain: proto.String("my-domain.é"), Overload: proto.String("2nd"), DocString: proto.String("A function."), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 21)},
				Input: []string{"a", "b c"}, Output: []string{"seq"}, Attribute: []string{"alpha", "need s"}, AttributeProto: []*onnxpb.AttributeProto{onnxpb.Float("beta", 1), onnxpb.Ints("axes")},
				ValueInfo: []*onnxpb.ValueInfoProto{value("mid", tensor), value("a", seq)},
				Node: []*onnxpb.NodeProto{onnxpb.Node("Elu", "", []string{"a"}, []string{"mid"},
					&onnxpb.AttributeProto{Name: proto.String("alpha"), Type: onnxpb.AttributeProto_FLOAT.Enum(), RefAttrName: proto.String("alpha")},
					&onnxpb.AttributeProto{Name: proto.String("s"), Type: onnxpb.AttributeProto_STRINGS.Enum(), RefAttrName: proto.String("need s")})}},
			{Name: proto.String(""), Domain: proto.String("")},
		},
	}
}

// TestEverything writes a model that uses every corner of the form, and reads it back.
func TestEverything(t *testing.T) {
	if _, lost := roundTrip(t, rich()); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
}

// TestLost fills every field of a model's messages, and holds what is told as lost to what does not come back.
func TestLost(t *testing.T) {
	m := rich()
	g := m.Graph
	g.DocString, g.MetadataProps = proto.String("doc"), []*onnxpb.StringStringEntryProto{entry("k", "v")}
	g.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("x")}}
	for _, n := range g.Node[:2] {
		n.DocString = proto.String("doc")
	}
	g.Node[0].MetadataProps = g.MetadataProps
	g.Node[0].DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{}}
	g.Node[0].Attribute[0].DocString = proto.String("doc")
	g.Node[0].Attribute[0].Floats = []float32{1}
	g.Initializer[0].DocString = proto.String("doc")
	g.Input[0].DocString = proto.String("doc")
	g.Input[0].Type = onnxpb.TensorType(onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Number(1)})
	g.Input[0].Type.Denotation = proto.String("IMAGE")
	g.Input[0].ShapeProto().Dim[0].Denotation = proto.String("DATA_BATCH")
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{}}
	m.Configuration = []*onnxpb.DeviceConfigurationProto{{}}
	m.Functions[0].MetadataProps = g.MetadataProps
	m.Functions[1].ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 7))
	g.Node = append(g.Node, onnxpb.Node("Odd", "", nil, nil, onnxpb.TensorAttr("t", nil), &onnxpb.AttributeProto{Name: proto.String("nothing")}))
	g.Initializer = append(g.Initializer, &onnxpb.TensorProto{Name: proto.String("nan"), DataType: proto.Int32(1), RawData: []byte{1, 0, 0xc0, 0x7f}})
	_, lost := write(t, m, Options{})
	var got []string
	for _, l := range lost {
		got = append(got, l.String())
	}
	want := []string{"ModelProto.training_info", "ModelProto.configuration", "GraphProto.doc_string", "GraphProto.metadata_props", "GraphProto.quantization_annotation",
		"NodeProto.doc_string (2 times)", "NodeProto.metadata_props", "NodeProto.device_configurations", "AttributeProto.doc_string", "AttributeProto.floats", "TensorProto.doc_string",
		"ValueInfoProto.doc_string", "TypeProto.denotation", "Dimension.denotation", "FunctionProto.metadata_props", "unknown fields of FunctionProto", "attributes without a value (2 times)",
		"bits of a value that is not a number"}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("not told: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("told: %s", strings.Join(got, "; "))
	}
}

// TestNumbers: floats come back to the bit, those that are none too.
func TestNumbers(t *testing.T) {
	m := rich()
	text := `g () => () < float[9] a = {0.0, -0.0, inf, -inf, nan, -nan, 1e-45, 3.4028235e+38, 16777217}, double[3] b = {4.9e-324, -INF, Infinity} > {}`
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Graph = got.Graph
	roundTrip(t, m)
	want := "[0 80000000 7f800000 ff800000 7fc00000 ffc00000 1 7f7fffff 4b800000]"
	var bits []string
	for i := 0; i < 36; i += 4 {
		r := got.Graph.Initializer[0].RawData[i:]
		bits = append(bits, fmt.Sprintf("%x", uint32(r[0])|uint32(r[1])<<8|uint32(r[2])<<16|uint32(r[3])<<24))
	}
	if s := fmt.Sprint(bits); s != want {
		t.Errorf("bits %s, want %s", s, want)
	}
}

func TestElide(t *testing.T) {
	m := rich()
	text, _ := write(t, m, Options{Elide: 2})
	if !strings.Contains(text, "float[3] t_float = {...}") || !strings.HasPrefix(text, "# Tensors of more than 2 elements") {
		t.Errorf("not left out:\n%s", text)
	}
	if !strings.Contains(text, "float[2]") || strings.Contains(text, "float[2] v {...}") {
		t.Errorf("2 elements are not more than 2:\n%s", text)
	}
	if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "left out") {
		t.Errorf("read back: %v", err)
	}
}

// TestFormatErrors: what cannot be written is an error that names the place.
func TestFormatErrors(t *testing.T) {
	deep := &onnxpb.GraphProto{}
	for range 200 {
		deep = &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{onnxpb.Node("If", "n", nil, nil, onnxpb.GraphAttr("g", deep))}}
	}
	typ := onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)
	for range 200 {
		typ = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: typ}}}
	}
	bad := &onnxpb.TensorProto{Name: proto.String("w"), Dims: []int64{2}, DataType: proto.Int32(1), RawData: []byte{1}}
	for want, g := range map[string]*onnxpb.GraphProto{
		"graphs or types stand deeper":     deep,
		"deeper within each other":         {Input: []*onnxpb.ValueInfoProto{{Type: typ}}},
		`tensor "w": float32[2] needs`:     {Initializer: []*onnxpb.TensorProto{bad}},
		`node "n": tensor "w": float32[2]`: {Node: []*onnxpb.NodeProto{onnxpb.Node("C", "n", nil, nil, onnxpb.TensorAttr("t", bad))}},
		"element type 77":                  {Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", 77, nil)}},
		"no values or no indices":          {SparseInitializer: []*onnxpb.SparseTensorProto{{}}},
	} {
		_, err := Format(&strings.Builder{}, &onnxpb.ModelProto{Graph: g}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%v: kind %d", err, onnxpb.KindOf(err))
		}
	}
}

// TestNotANumber: the bits of attributes that are not a number are kept, or told of.
func TestNotANumber(t *testing.T) {
	for bits, told := range map[uint32]bool{0x7fc00000: false, 0xffc00000: false, 0x7fc00001: true, 0x7f800001: true, 0xff800001: true, 0x7f800000: false} {
		v := math.Float32frombits(bits)
		for _, a := range []*onnxpb.AttributeProto{onnxpb.Float("a", v), onnxpb.Floats("a", 1, v)} {
			m := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Name: proto.String("g"), Node: []*onnxpb.NodeProto{onnxpb.Node("A", "", nil, nil, a)}}}
			text, lost := write(t, m, Options{})
			if got := len(lost) > 0; got != told {
				t.Errorf("%#x: told %v", bits, lost)
			}
			again, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			got := again.Graph.Node[0].Attribute[0]
			if b := math.Float32bits(append(got.Floats, got.GetF())[len(got.Floats)/2]); !told && b != bits {
				t.Errorf("%#x: reads back as %#x", bits, b)
			}
		}
	}
}

// TestLargeTensor: a tensor that is decoded piece by piece reads back the same.
func TestLargeTensor(t *testing.T) {
	v := make([]float64, 1_200_000)
	for i := range v {
		v[i] = float64(i) / 3
	}
	w := onnxpb.TensorOf("w", []int64{1200, 1000}, v)
	text, lost := write(t, &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Name: proto.String("g"), Initializer: []*onnxpb.TensorProto{w}}}, Options{})
	m, err := Parse(text)
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	if !proto.Equal(m.Graph.Initializer[0], w) {
		t.Error("it reads back as another tensor")
	}
}
