package mutate

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

const (
	tFloat = onnxpb.TensorProto_FLOAT
	tBool  = onnxpb.TensorProto_BOOL
	tInt64 = onnxpb.TensorProto_INT64
)

// Seeds returns small valid models: with subgraphs, functions, training, quantisation annotations, sparse and external tensors, and plain networks
// that take a batch.
func Seeds() []*onnxpb.ModelProto {
	return []*onnxpb.ModelProto{rich(), image(), sequence(), control(), modern()}
}

func dims(d ...any) []onnxpb.Dim {
	out := []onnxpb.Dim{}
	for _, x := range d {
		switch v := x.(type) {
		case int:
			out = append(out, onnxpb.Number(int64(v)))
		case string:
			out = append(out, onnxpb.Symbol(v))
		}
	}
	return out
}

func entry(k, v string) *onnxpb.StringStringEntryProto {
	return &onnxpb.StringStringEntryProto{Key: &k, Value: &v}
}

func value(name string, d ...any) *onnxpb.ValueInfoProto {
	return onnxpb.TensorValue(name, tFloat, dims(d...))
}

func floats(name string, d []int64, v ...float32) *onnxpb.TensorProto {
	return onnxpb.TensorOf(name, d, v)
}

func model(g *onnxpb.GraphProto, imports ...*onnxpb.OperatorSetIdProto) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{IrVersion: proto.Int64(10), Graph: g, OpsetImport: append(imports, onnxpb.Opset("", 17))}
}

func graph(name string, nodes []*onnxpb.NodeProto, out ...*onnxpb.ValueInfoProto) *onnxpb.GraphProto {
	return &onnxpb.GraphProto{Name: &name, Node: nodes, Output: out}
}

func in(n *onnxpb.NodeProto, domain string) *onnxpb.NodeProto {
	n.Domain = &domain
	return n
}

// rich has one of everything that an edit could lose.
func rich() *onnxpb.ModelProto {
	node := onnxpb.Node
	then := graph("then", []*onnxpb.NodeProto{node("Add", "ta", []string{"f", "h"}, []string{"local"}), node("Mul", "tm", []string{"local", "tw"}, []string{"to"})}, value("to", "N", 3))
	then.Initializer = []*onnxpb.TensorProto{floats("tw", []int64{3}, 1, 2, 3)}
	then.ValueInfo = []*onnxpb.ValueInfoProto{value("local", "N", 3)}
	other := graph("else", []*onnxpb.NodeProto{node("Neg", "en", []string{"f"}, []string{"local"}), node("Abs", "ea", []string{"local"}, []string{"eo"})}, value("eo", "N", 3))
	g := graph("rich", []*onnxpb.NodeProto{
		node("MatMul", "mm", []string{"x", "W"}, []string{"h"}),
		node("Add", "as", []string{"h", "S"}, []string{"hs"}),
		in(node("Scale", "call", []string{"hs"}, []string{"f"}, onnxpb.Float("by", 2)), "local"),
		node("If", "choose", []string{"c"}, []string{"g"}, onnxpb.GraphAttr("then_branch", then), onnxpb.GraphAttr("else_branch", other)),
		node("Add", "ab", []string{"g", "bias"}, []string{"out"}),
		node("SequenceConstruct", "sc", []string{"out", "h"}, []string{"seq"}),
	}, value("out", "N", 3))
	g.Node[0].DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{ConfigurationId: proto.String("two"),
		ShardingSpec: []*onnxpb.ShardingSpecProto{{TensorName: proto.String("h"), Device: []int64{0, 1}, ShardedDim: []*onnxpb.ShardedDimProto{{Axis: proto.Int64(0),
			SimpleSharding: []*onnxpb.SimpleShardedDimProto{{Dim: &onnxpb.SimpleShardedDimProto_DimParam{DimParam: "N"}, NumShards: proto.Int64(2)}}}}}}}}
	g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: proto.String("seq"), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{
		SequenceType: &onnxpb.TypeProto_Sequence{ElemType: onnxpb.TensorType(tFloat, dims("N", 3))}}}})
	g.Input = []*onnxpb.ValueInfoProto{value("x", "N", 3), onnxpb.TensorValue("c", tBool, dims()), value("bias", 3)}
	g.Initializer = []*onnxpb.TensorProto{floats("W", []int64{3, 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9), floats("bias", []int64{3}, 0, 1, 0), floats("hq", []int64{1}, 0.5)}
	g.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: floats("S", []int64{1}, 2.5), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}}
	g.ValueInfo = []*onnxpb.ValueInfoProto{value("h", "N", 3), value("hs", "N", 3)}
	g.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("h"), QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "hq")}}}
	m := model(g, onnxpb.Opset("local", 1), onnxpb.Opset("ai.onnx.preview.training", 1))
	m.Functions = []*onnxpb.FunctionProto{{Name: proto.String("Scale"), Domain: proto.String("local"), Input: []string{"in"}, Output: []string{"result"}, Attribute: []string{"by"},
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Node: []*onnxpb.NodeProto{
			node("Constant", "", nil, []string{"k"}, &onnxpb.AttributeProto{Name: proto.String("value_float"), Type: onnxpb.AttributeProto_FLOAT.Enum(), RefAttrName: proto.String("by")}),
			node("Mul", "fm", []string{"in", "k"}, []string{"result"})}}}
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
		Initialization: graph("init", []*onnxpb.NodeProto{node("RandomNormal", "draw", nil, []string{"fresh"}, onnxpb.Ints("shape", 3, 3))}, value("fresh", 3, 3)),
		Algorithm: graph("step", []*onnxpb.NodeProto{
			in(node("Gradient", "grad", []string{"x", "W"}, []string{"dW"}, onnxpb.Strs("xs", "W"), onnxpb.Strs("zs", "x"), onnxpb.Str("y", "out")), "ai.onnx.preview.training"),
			node("Sub", "up", []string{"W", "dW"}, []string{"W2"})}, value("W2", 3, 3)),
		InitializationBinding: []*onnxpb.StringStringEntryProto{entry("W", "fresh")}, UpdateBinding: []*onnxpb.StringStringEntryProto{entry("W", "W2")}}}
	m.MetadataProps = []*onnxpb.StringStringEntryProto{entry("author", "someone"), entry("onnxtool.dmhead.front_pose", "h")}
	return m
}

// image is a small network as exporters write them at batch 1, with the batch in a constant.
func image() *onnxpb.ModelProto {
	node := onnxpb.Node
	g := graph("image", []*onnxpb.NodeProto{
		node("Conv", "c1", []string{"image", "K", "B"}, []string{"a"}, onnxpb.Ints("kernel_shape", 1, 1)),
		node("Relu", "r1", []string{"a"}, []string{"b"}),
		node("GlobalAveragePool", "p", []string{"b"}, []string{"p"}),
		node("Reshape", "rs", []string{"p", "shape"}, []string{"flat"}),
		node("Gemm", "fc", []string{"flat", "W"}, []string{"y"}, onnxpb.Int("transB", 1)),
		node("Slice", "sl", []string{"y", "s0", "s1", "s0"}, []string{"z"}),
		node("Softmax", "sm", []string{"z"}, []string{"pose"}, onnxpb.Int("axis", -1)),
	}, value("pose", 1, 2))
	g.Input = []*onnxpb.ValueInfoProto{value("image", 1, 3, 2, 2)}
	g.Initializer = []*onnxpb.TensorProto{
		floats("K", []int64{2, 3, 1, 1}, 1, 2, 3, 4, 5, 6), floats("B", []int64{2}, 1, 2), floats("W", []int64{2, 2}, 1, 2, 3, 4),
		onnxpb.TensorOf("shape", []int64{2}, []int64{1, 2}), onnxpb.TensorOf("s0", []int64{1}, []int64{0}), onnxpb.TensorOf("s1", []int64{1}, []int64{1}),
	}
	g.ValueInfo = []*onnxpb.ValueInfoProto{value("a", 1, 2, 2, 2), value("flat", 1, 2)}
	return model(g)
}

// sequence has loops, scans and optional values.
func sequence() *onnxpb.ModelProto {
	node := onnxpb.Node
	body := graph("body", []*onnxpb.NodeProto{
		node("Identity", "go", []string{"go_in"}, []string{"go_out"}),
		node("If", "inner", []string{"c"}, []string{"next"},
			onnxpb.GraphAttr("then_branch", graph("deep", []*onnxpb.NodeProto{node("Add", "da", []string{"state", "x"}, []string{"d"})}, value("d", "N", 3))),
			onnxpb.GraphAttr("else_branch", graph("deeper", []*onnxpb.NodeProto{node("Sub", "ds", []string{"state", "x"}, []string{"d"})}, value("d", "N", 3)))),
		node("Identity", "row", []string{"next"}, []string{"scan"}),
	}, onnxpb.TensorValue("go_out", tBool, dims()), value("next", "N", 3), value("scan", "N", 3))
	body.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("i", tInt64, dims()), onnxpb.TensorValue("go_in", tBool, dims()), value("state", "N", 3)}
	scan := graph("scan", []*onnxpb.NodeProto{node("Add", "sa", []string{"sum", "item"}, []string{"sum2"}), node("Mul", "sm", []string{"sum2", "w"}, []string{"item2"})},
		value("sum2", 3), value("item2", 3))
	scan.Input = []*onnxpb.ValueInfoProto{value("sum", 3), value("item", 3)}
	g := graph("sequence", []*onnxpb.NodeProto{
		node("Loop", "loop", []string{"trips", "", "x"}, []string{"l", "ls"}, onnxpb.GraphAttr("body", body)),
		node("Scan", "scan", []string{"w", "l"}, []string{"total", "rows"}, onnxpb.GraphAttr("body", scan), onnxpb.Int("num_scan_inputs", 1)),
		node("Dropout", "drop", []string{"rows"}, []string{"kept", "mask"}),
		node("Clip", "clip", []string{"kept", "", "most"}, []string{"y"}),
	}, value("y", "N", 3), value("total", 3))
	g.Input = []*onnxpb.ValueInfoProto{value("x", "N", 3), onnxpb.TensorValue("c", tBool, dims())}
	g.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("trips", []int64{}, []int64{2}), floats("w", []int64{3}, 1, 2, 3), floats("most", []int64{}, 9)}
	return model(g)
}

// control has functions that call functions, quantisation in tensors of 4 and 8 bits, a constant, and an external tensor.
func control() *onnxpb.ModelProto {
	node := onnxpb.Node
	function := func(name string, nodes ...*onnxpb.NodeProto) *onnxpb.FunctionProto {
		return &onnxpb.FunctionProto{Name: &name, Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"z"}, Node: nodes,
			OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 21), onnxpb.Opset("local", 1)}}
	}
	q, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_UINT4, []int64{3}, []float64{1, 2, 15})
	if err != nil {
		panic(err)
	}
	g := graph("control", []*onnxpb.NodeProto{
		in(node("Outer", "o", []string{"x"}, []string{"a"}), "local"),
		node("DequantizeLinear", "dq", []string{"q", "scale", ""}, []string{"w"}),
		node("Constant", "k", nil, []string{"k"}, onnxpb.TensorAttr("value", floats("", []int64{1}, 3))),
		node("Add", "add", []string{"a", "w"}, []string{"b"}),
		node("Mul", "mul", []string{"b", "k"}, []string{"c"}),
		node("Add", "ext", []string{"c", "E"}, []string{"y"}),
	}, value("y", "N", 3))
	g.Input = []*onnxpb.ValueInfoProto{value("x", "N", 3)}
	g.Initializer = []*onnxpb.TensorProto{q.Proto("q"), floats("scale", []int64{}, 0.5), {
		Name: proto.String("E"), Dims: []int64{3}, DataType: proto.Int32(int32(tFloat)), DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
		ExternalData: []*onnxpb.StringStringEntryProto{entry("location", "e.bin"), entry("offset", "0"), entry("length", "12")}}}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(10), Graph: g, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 21), onnxpb.Opset("local", 1)},
		Functions: []*onnxpb.FunctionProto{
			function("Inner", node("Neg", "", []string{"a"}, []string{"z"})),
			function("Outer", in(node("Inner", "", []string{"a"}, []string{"t"}), "local"), node("Abs", "", []string{"t"}, []string{"z"})),
		}}
}

// modern is a network of opset 23 as quantisers write them: weights of 4 and 8 bits behind DequantizeLinear, 16-bit floats, a function with an overload, nodes without names, metadata of nodes, an
// external tensor, and training information.
func modern() *onnxpb.ModelProto {
	node := onnxpb.Node
	typed := func(name string, t onnxpb.TensorProto_DataType, d ...any) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, t, dims(d...))
	}
	raw := func(name string, t onnxpb.TensorProto_DataType, d []int64, b ...byte) *onnxpb.TensorProto {
		return &onnxpb.TensorProto{Name: &name, DataType: proto.Int32(int32(t)), Dims: d, RawData: b}
	}
	const half, brain, int4, uint4, e4m3 = onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_INT4, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_FLOAT8E4M3FN
	then := graph("then", []*onnxpb.NodeProto{node("Neg", "", []string{"h"}, []string{"t"})}, value("t", "N", 4))
	other := graph("else", []*onnxpb.NodeProto{node("DequantizeLinear", "", []string{"q8", "scale"}, []string{"deq"}), node("Add", "", []string{"h", "deq"}, []string{"e"})}, value("e", "N", 4))
	g := graph("modern", []*onnxpb.NodeProto{
		node("DequantizeLinear", "", []string{"w4", "scales", "zeros"}, []string{"w"}, onnxpb.Int("axis", 1)),
		node("MatMul", "mm", []string{"x", "w"}, []string{"m"}),
		node("RMSNormalization", "norm", []string{"m", "gain"}, []string{"h"}),
		node("If", "", []string{"c"}, []string{"i"}, onnxpb.GraphAttr("then_branch", then), onnxpb.GraphAttr("else_branch", other)),
		in(node("Act", "act", []string{"i"}, []string{"a"}), "pkg.local"),
		node("Cast", "", []string{"a"}, []string{"y"}, onnxpb.Int("to", int64(half))),
		node("Cast", "", []string{"a"}, []string{"z"}, onnxpb.Int("to", int64(brain))),
	}, typed("y", half, "N", 4), typed("z", brain, "N", 4), typed("u4", uint4, 3))
	g.Node[4].Overload = proto.String("fp32")
	g.Node[1].MetadataProps = []*onnxpb.StringStringEntryProto{entry("pkg.torch.onnx.name_hint", "linear")}
	g.Input = []*onnxpb.ValueInfoProto{value("x", "N", 2), typed("c", tBool)}
	external := &onnxpb.TensorProto{Name: proto.String("gain"), DataType: proto.Int32(int32(tFloat)), Dims: []int64{4}, DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
		ExternalData: []*onnxpb.StringStringEntryProto{entry("location", "modern.data"), entry("offset", "0"), entry("length", "16")}}
	g.Initializer = []*onnxpb.TensorProto{raw("w4", int4, []int64{2, 4}, 0x21, 0x43, 0x65, 0x87), raw("zeros", int4, []int64{4}, 0, 0), raw("u4", uint4, []int64{3}, 0x21, 0x0f), raw("q8", e4m3, []int64{4}, 1, 0x38, 0x80, 0),
		floats("scales", []int64{4}, 0.5, 1, 2, 4), floats("scale", []int64{}, 0.25), external}
	g.ValueInfo = []*onnxpb.ValueInfoProto{value("w", 2, 4), value("h", "N", 4)}
	m := model(g, onnxpb.Opset("pkg.local", 1))
	m.IrVersion, m.OpsetImport[1] = proto.Int64(11), onnxpb.Opset("", 23)
	m.Functions = []*onnxpb.FunctionProto{{Name: proto.String("Act"), Domain: proto.String("pkg.local"), Overload: proto.String("fp32"), Input: []string{"v"}, Output: []string{"r"},
		AttributeProto: []*onnxpb.AttributeProto{onnxpb.Float("alpha", 0.1)}, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 23)},
		Node: []*onnxpb.NodeProto{
			node("LeakyRelu", "", []string{"v"}, []string{"l"}, &onnxpb.AttributeProto{Name: proto.String("alpha"), Type: onnxpb.AttributeProto_FLOAT.Enum(), RefAttrName: proto.String("alpha")}),
			node("Gelu", "", []string{"l"}, []string{"s"}), node("Identity", "last", []string{"s"}, []string{"r"})}}}
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{Algorithm: graph("step", []*onnxpb.NodeProto{node("Mul", "decay", []string{"scales", "scale"}, []string{"next"})}, value("next", 4)),
		UpdateBinding: []*onnxpb.StringStringEntryProto{entry("scales", "next")}}}
	return m
}
