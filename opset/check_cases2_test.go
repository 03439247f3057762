package opset

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// The cases of TestEveryFault: attributes, tensors, functions, and what is warned of.

var attributeCases = []faultCase{
	{"attribute without name", func(m *onnxpb.ModelProto) { find(m, "norm").Attribute[0].Name = nil },
		one(FaultAttribute, "", "norm", "", "an attribute has no name")},
	{"attribute twice", func(m *onnxpb.ModelProto) { n := find(m, "norm"); n.Attribute = append(n.Attribute, n.Attribute[0]) },
		one(FaultAttribute, "", "norm", "", `attribute "epsilon" is there twice`)},
	{"attribute without type", func(m *onnxpb.ModelProto) { find(m, "twice").Attribute[0].Type = nil },
		one(FaultAttribute, "", "twice", "", `attribute "by" does not tell its type`)},
	{"attribute with two values", func(m *onnxpb.ModelProto) { find(m, "norm").Attribute[0].Ints = []int64{1} },
		one(FaultAttribute, "", "norm", "", "more than one value: FLOAT and INTS")},
	{"attribute with another value than its type", func(m *onnxpb.ModelProto) {
		a := find(m, "twice").Attribute[0]
		a.F, a.S = nil, []byte("2")
	}, one(FaultAttribute, "", "twice", "", `attribute "by" says that it is of type FLOAT, but holds STRING`)},
	{"tensor attribute without value", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Constant", "const", nil, []string{"v"}, onnxpb.TensorAttr("value", nil)))
	}, one(FaultAttribute, "", "const", "", `attribute "value" has no value`)},
	{"zero left out", func(m *onnxpb.ModelProto) { find(m, "norm").Attribute[0].F = nil }, nil},
	{"empty list", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Transpose", "turn", []string{"x"}, []string{"v"}, onnxpb.Ints("perm")))
	}, nil},
	{"attribute that the operator does not take", func(m *onnxpb.ModelProto) {
		find(m, "norm").Attribute = append(find(m, "norm").Attribute, onnxpb.Int("spatial", 1))
	}, one(FaultAttributeName, "", "norm", "", `BatchNormalization (version 15) takes no attribute "spatial"`)},
	{"attribute of an implementation", func(m *onnxpb.ModelProto) {
		find(m, "scale").Attribute = []*onnxpb.AttributeProto{onnxpb.Int("__mine", 1)}
	}, nil},
	{"attribute that LayerNormalization does not list", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("LayerNormalization", "ln", []string{"x", "c"}, []string{"v"}, onnxpb.Int("extra", 1)))
	}, nil},
	{"attribute of the wrong type", func(m *onnxpb.ModelProto) { find(m, "norm").Attribute[0] = onnxpb.Int("epsilon", 1) },
		one(FaultAttributeType, "", "norm", "", `attribute "epsilon" of BatchNormalization is of type FLOAT, the node's is INT`)},
	{"required attribute missing", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Concat", "cat", []string{"x"}, []string{"v"})) },
		one(FaultAttributeGone, "", "cat", "", `Concat (version 13) needs the attribute "axis"`)},
	{"branch missing", func(m *onnxpb.ModelProto) { n := find(m, "inner"); n.Attribute = n.Attribute[:1] },
		one(FaultAttributeGone, "choose/else_branch", "inner", "", `needs the attribute "else_branch"`)},
	{"reference outside of functions", func(m *onnxpb.ModelProto) {
		a := find(m, "norm").Attribute[0]
		a.F, a.RefAttrName = nil, proto.String("eps")
	}, one(FaultAttributeRef, "", "norm", "", `refers to an attribute "eps" of a function, but the node is in none`)},
	{"reference to what the function does not have", func(m *onnxpb.ModelProto) { find(m, "factor").Attribute[0].RefAttrName = proto.String("factor") },
		one(FaultAttributeRef, "function com.example.Twice", "factor", "", `refers to "factor", which is no attribute of the function`)},
	{"reference and value", func(m *onnxpb.ModelProto) { find(m, "factor").Attribute[0].F = proto.Float32(2) },
		one(FaultAttributeRef, "function com.example.Twice", "factor", "", `both refers to "by" and has a value`)},
	{"name of an attribute not UTF-8", func(m *onnxpb.ModelProto) { find(m, "twice").Attribute[0].Name = proto.String("\xff") },
		one(FaultNameEncoding, "", "twice", "", "the attribute")},
}

var tensorCases = []faultCase{
	{"too much data", func(m *onnxpb.ModelProto) { initializer(m, "t").Dims[0] = 3 }, one(FaultTensor, "", "", "t", "needs 12 bytes in raw_data, there are 16")},
	{"too little data", func(m *onnxpb.ModelProto) { initializer(m, "t").Dims[0] = 5 }, one(FaultTensor, "", "", "t", "needs 20 bytes in raw_data, there are 16")},
	{"no data", func(m *onnxpb.ModelProto) { initializer(m, "t").RawData = nil }, one(FaultTensor, "", "", "t", "float32[4] has no data")},
	{"no data for no elements", func(m *onnxpb.ModelProto) { t := initializer(m, "t"); t.RawData, t.Dims = nil, []int64{0, 7} }, nil},
	{"data for no elements", func(m *onnxpb.ModelProto) { initializer(m, "t").Dims = []int64{0, 7} }, one(FaultTensor, "", "", "t", "needs 0 bytes")},
	{"negative dimension", func(m *onnxpb.ModelProto) { initializer(m, "t").Dims = []int64{-2, -2} }, one(FaultTensor, "", "", "t", "dimension 0 is negative")},
	{"dimensions that overflow", func(m *onnxpb.ModelProto) { initializer(m, "t").Dims = []int64{1 << 33, 1 << 33} },
		one(FaultTensor, "", "", "t", "passes 64 bits")},
	{"no element type", func(m *onnxpb.ModelProto) { initializer(m, "t").DataType = nil }, one(FaultTensor, "", "", "t", "element type 0")},
	{"unknown element type", func(m *onnxpb.ModelProto) { initializer(m, "t").DataType = proto.Int32(100) }, one(FaultTensor, "", "", "t", "element type 100")},
	{"data in two fields", func(m *onnxpb.ModelProto) { initializer(m, "t").FloatData = []float32{1, 2, 3, 4} },
		one(FaultTensor, "", "", "t", "both in raw_data and in float_data")},
	{"data in the wrong field", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.RawData, t.DoubleData = nil, []float64{1, 2, 3, 4}
	},
		one(FaultTensor, "", "", "t", "stand in float_data, not in double_data")},
	{"too few in the field", func(m *onnxpb.ModelProto) { t := initializer(m, "t"); t.RawData, t.FloatData = nil, []float32{1, 2, 3} },
		one(FaultTensor, "", "", "t", "needs 4 values in float_data, there are 3")},
	{"complex numbers in pairs", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.RawData, t.FloatData, t.DataType = nil, make([]float32, 8), proto.Int32(int32(onnxpb.TensorProto_COMPLEX64))
	}, nil},
	{"complex numbers too few", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.RawData, t.FloatData, t.DataType = nil, make([]float32, 4), proto.Int32(int32(onnxpb.TensorProto_COMPLEX64))
	}, one(FaultTensor, "", "", "t", "needs 8 values in float_data, there are 4")},
	{"4-bit numbers, packed", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.RawData, t.Dims, t.Int32Data, t.DataType = nil, []int64{5}, make([]int32, 3), proto.Int32(int32(onnxpb.TensorProto_INT4))
	}, nil},
	{"4-bit numbers, not packed", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.RawData, t.Dims, t.Int32Data, t.DataType = nil, []int64{5}, make([]int32, 5), proto.Int32(int32(onnxpb.TensorProto_UINT4))
	}, one(FaultTensor, "", "", "t", "needs 3 values in int32_data, there are 5")},
	{"2-bit numbers in raw_data", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		t.Dims, t.RawData, t.DataType = []int64{5}, make([]byte, 1), proto.Int32(int32(onnxpb.TensorProto_UINT2))
	}, one(FaultTensor, "", "", "t", "needs 2 bytes in raw_data, there are 1")},
	{"strings in raw_data", func(m *onnxpb.ModelProto) {
		initializer(m, "t").DataType = proto.Int32(int32(onnxpb.TensorProto_STRING))
	},
		one(FaultTensor, "", "", "t", "strings stand in string_data")},
	{"a segment", func(m *onnxpb.ModelProto) { initializer(m, "t").Segment = &onnxpb.TensorProto_Segment{} }, one(FaultTensor, "", "", "t", "segment")},
	{"tensor of an attribute", func(m *onnxpb.ModelProto) {
		t := onnxpb.TensorOf("inside", []int64{1}, []float32{1})
		t.Dims[0] = 2
		add(m, onnxpb.Node("Constant", "const", nil, []string{"v"}, onnxpb.TensorAttr("value", t)))
	}, one(FaultTensor, "", "const", "inside", "needs 8 bytes")},

	{"external data without location", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "offset", "0") },
		one(FaultExternalData, "", "", "t", "without a location")},
	{"external data and data", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		outside(t, "location", "t.bin")
		t.RawData = make([]byte, 16)
	},
		one(FaultExternalData, "", "", "t", "has external data and raw_data")},
	{"external data above", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "location", "../t.bin") },
		one(FaultExternalData, "", "", "t", "goes upwards")},
	{"external data at an absolute path", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "location", "/etc/passwd") },
		one(FaultExternalData, "", "", "t", "is absolute")},
	{"external data with a bad offset", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "location", "t.bin", "offset", "-4") },
		one(FaultExternalData, "", "", "t", `the offset "-4"`)},
	{"external data with a bad length", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "location", "t.bin", "length", "12") },
		one(FaultExternalData, "", "", "t", "length of 12")},
	{"external data with a location twice", func(m *onnxpb.ModelProto) { outside(initializer(m, "t"), "location", "t.bin", "location", "u.bin") },
		one(FaultExternalData, "", "", "t", "location twice")},
	{"external strings", func(m *onnxpb.ModelProto) {
		t := initializer(m, "t")
		outside(t, "location", "t.bin")
		t.DataType = proto.Int32(int32(onnxpb.TensorProto_STRING))
	}, one(FaultExternalData, "", "", "t", "strings")},
	{"good external data", func(m *onnxpb.ModelProto) {
		outside(initializer(m, "t"), "location", "sub/t.bin", "offset", "4096", "length", "16", "checksum", "0")
	}, nil},

	{"sparse tensor without values", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Values = nil },
		[]Fault{{Code: FaultName, Message: "an initializer has no name"}, {Code: FaultSparse, Message: "has no values"}}},
	{"sparse tensor without dimensions", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Dims = nil },
		one(FaultSparse, "", "", "s", "has no dimensions")},
	{"sparse tensor with a zero dimension", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Dims[1] = 0 },
		one(FaultSparse, "", "", "s", "dimension 1 of the sparse tensor is 0")},
	{"sparse tensor with values of rank 2", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Values.Dims = []int64{2, 1} },
		one(FaultSparse, "", "", "s", "rank 2, not 1")},
	{"sparse tensor without indices", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Indices = nil },
		one(FaultSparse, "", "", "s", "2 values but no indices")},
	{"sparse tensor with indices of a wrong type", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2}, []int32{0, 1})
	}, one(FaultSparse, "", "", "s", "are int32, not int64")},
	{"sparse tensor with indices of rank 3", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Indices.Dims = []int64{2, 2, 1} },
		one(FaultSparse, "", "", "s", "rank 3, not 1 or 2")},
	{"sparse tensor with too few indices", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{1}, []int64{0})
	}, one(FaultSparse, "", "", "s", "2 values but 1 indices")},
	{"sparse tensor with indices of a wrong length", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2, 1}, []int64{0, 1})
	}, one(FaultSparse, "", "", "s", "has 1 numbers, but its rank is 2")},
	{"sparse tensor with a flat index outside", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2}, []int64{0, 4})
	}, one(FaultSparse, "", "", "s", "index 1 of the sparse tensor is 4: it has 4 elements")},
	{"sparse tensor with flat indices out of order", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2}, []int64{3, 3})
	}, one(FaultSparse, "", "", "s", "index 1 of the sparse tensor is not after the one before it")},
	{"sparse tensor with an index outside", func(m *onnxpb.ModelProto) {
		t := m.Graph.SparseInitializer[0].Indices
		t.RawData, t.Int64Data = nil, []int64{0, 1, 2, 0}
	}, one(FaultSparse, "", "", "s", "index 1 of the sparse tensor is 2 along dimension 0, which is 2")},
	{"sparse tensor with indices out of order", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2, 2}, []int64{1, 0, 0, 1})
	}, one(FaultSparse, "", "", "s", "not after the one before it")},
	{"good flat indices", func(m *onnxpb.ModelProto) {
		m.Graph.SparseInitializer[0].Indices = onnxpb.TensorOf("", []int64{2}, []int64{1, 3})
	}, nil},
}

var functionCases = []faultCase{
	{"function twice", func(m *onnxpb.ModelProto) {
		m.Functions = append(m.Functions, proto.Clone(m.Functions[0]).(*onnxpb.FunctionProto))
	}, one(FaultFunction, "", "", "", "the function com.example.Twice is there twice")},
	{"function with another overload", func(m *onnxpb.ModelProto) {
		f := proto.Clone(m.Functions[0]).(*onnxpb.FunctionProto)
		f.Overload = proto.String("other")
		m.Functions = append(m.Functions, f)
	}, nil},
	{"overload that is not there", func(m *onnxpb.ModelProto) { find(m, "twice").Overload = proto.String("other") },
		one(FaultOperator, "", "twice", "", `Twice is called with the overload "other"`)},
	{"function without name", func(m *onnxpb.ModelProto) { m.Functions[0].Name = nil }, one(FaultName, "function com.example.", "", "", "no name")},
	{"function without domain", func(m *onnxpb.ModelProto) { m.Functions[0].Domain = nil }, one(FaultFunction, "function Twice", "", "", "no domain")},
	{"Constant without a value", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Constant", "const", nil, []string{"v"}))
	}, one(FaultAttribute, "", "const", "", "has one value, this one has 0")},
	{"Constant with two values", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Constant", "const", nil, []string{"v"}, onnxpb.Int("value_int", 1), onnxpb.Float("value_float", 1)))
	}, one(FaultAttribute, "", "const", "", "has one value, this one has 2")},
	{"function with an input twice", func(m *onnxpb.ModelProto) { m.Functions[0].Input = []string{"in", "in"} },
		one(FaultDuplicate, "function com.example.Twice", "", "in", "before as an input")},
	{"function with an input without name", func(m *onnxpb.ModelProto) { m.Functions[0].Input = []string{"in", ""} },
		one(FaultFunction, "function com.example.Twice", "", "", "an input of the function has no name")},
	{"function with an output without name", func(m *onnxpb.ModelProto) { m.Functions[0].Output = []string{"out", ""} },
		one(FaultFunction, "function com.example.Twice", "", "", "an output of the function has no name")},
	{"function with an output twice", func(m *onnxpb.ModelProto) { m.Functions[0].Output = []string{"out", "out"} },
		one(FaultGraphOutput, "function com.example.Twice", "", "out", "is an output of the function twice")},
	{"function with an output that nothing makes", func(m *onnxpb.ModelProto) { m.Functions[0].Output = []string{"out", "nowhere"} },
		one(FaultGraphOutput, "function com.example.Twice", "", "nowhere", "no node or input makes it")},
	{"function with an attribute twice", func(m *onnxpb.ModelProto) {
		m.Functions[0].AttributeProto = []*onnxpb.AttributeProto{onnxpb.Float("by", 2)}
	}, one(FaultFunction, "function com.example.Twice", "", "", `the attribute "by" twice`)},
	{"function with an attribute without name", func(m *onnxpb.ModelProto) { m.Functions[0].Attribute = []string{"by", ""} },
		one(FaultFunction, "function com.example.Twice", "", "", "an attribute of the function has no name")},
	{"function attribute with a default", func(m *onnxpb.ModelProto) {
		m.Functions[0].Attribute, m.Functions[0].AttributeProto = nil, []*onnxpb.AttributeProto{onnxpb.Float("by", 2)}
	}, nil},
	{"function sees nothing of the graph", func(m *onnxpb.ModelProto) { find(m, "mul").Input[0] = "x" },
		one(FaultUndefined, "function com.example.Twice", "mul", "x", "no node, input or initializer makes it")},
	{"function may use the graph's names", func(m *onnxpb.ModelProto) {
		m.Functions[0].Input[0], find(m, "mul").Input[0] = "x", "x"
	}, nil},
	{"function not in order", func(m *onnxpb.ModelProto) { n := m.Functions[0].Node; n[0], n[1] = n[1], n[0] },
		one(FaultOrder, "function com.example.Twice", "mul", "f", `("factor")`)},
	{"call with too many inputs", func(m *onnxpb.ModelProto) { find(m, "twice").Input = []string{"a", "a"} },
		one(FaultInputCount, "", "twice", "", "the function com.example.Twice takes 1 input, the node has 2")},
	{"call with too many outputs", func(m *onnxpb.ModelProto) { find(m, "twice").Output = []string{"b", "b2"} },
		one(FaultOutputCount, "", "twice", "", "the function com.example.Twice gives 1 output, the node has 2")},
	{"call with inputs left out", func(m *onnxpb.ModelProto) { m.Functions[0].Input = []string{"in", "more"} }, nil},
	{"function under another version of an operator", func(m *onnxpb.ModelProto) { m.Functions[0].OpsetImport[0] = onnxpb.Opset("", 13) }, []Fault{
		{Code: FaultOpsetImport, Graph: "function com.example.Twice", Node: "mul",
			Message: "Mul is another operator under version 13 of ai.onnx, which the function imports, than under version 17, which the model imports"},
	}},
	{"function under another version, operators the same", func(m *onnxpb.ModelProto) { m.Functions[0].OpsetImport[0] = onnxpb.Opset("", 18) }, nil},
	{"function that calls itself", func(m *onnxpb.ModelProto) {
		m.Functions[0].OpsetImport = append(m.Functions[0].OpsetImport, onnxpb.Opset("com.example", 1))
		n := onnxpb.Node("Twice", "again", []string{"in"}, []string{"again"})
		n.Domain = proto.String("com.example")
		m.Functions[0].Node = append(m.Functions[0].Node, n)
	}, one(FaultRecursion, "function com.example.Twice", "", "", "com.example.Twice -> com.example.Twice")},
	{"functions that call each other, in a branch", func(m *onnxpb.ModelProto) {
		call := func(name, out string) *onnxpb.NodeProto {
			n := onnxpb.Node(name, "call"+name, []string{"in"}, []string{out})
			n.Domain = proto.String("com.example")
			return n
		}
		branch := func(n *onnxpb.NodeProto) *onnxpb.GraphProto {
			return &onnxpb.GraphProto{Name: proto.String("b"), Node: []*onnxpb.NodeProto{n}, Output: []*onnxpb.ValueInfoProto{{Name: &n.Output[0]}}}
		}
		imports := []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17), onnxpb.Opset("com.example", 1)}
		m.Functions[0].OpsetImport = imports
		m.Functions[0].Node = append(m.Functions[0].Node, call("Other", "o"))
		m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: proto.String("Other"), Domain: proto.String("com.example"), Input: []string{"in"},
			Output: []string{"out"}, OpsetImport: imports, Node: []*onnxpb.NodeProto{
				onnxpb.Node("If", "if", []string{"in"}, []string{"out"}, onnxpb.GraphAttr("then_branch", branch(call("Twice", "t"))),
					onnxpb.GraphAttr("else_branch", branch(onnxpb.Node("Abs", "abs", []string{"in"}, []string{"e"}))))}})
	}, one(FaultRecursion, "function com.example.Twice", "", "", "com.example.Twice -> com.example.Other -> com.example.Twice")},
	{"function of the default domain", func(m *onnxpb.ModelProto) {
		// A function of the model is taken before an operator of the same name.
		m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: proto.String("Gelu"), Domain: proto.String(""), Input: []string{"a1", "a2"}, Output: []string{"a1"}})
		find(m, "scale").OpType = proto.String("Gelu")
	}, nil},
}

var warningCases = []faultCase{
	{"newer IR version", func(m *onnxpb.ModelProto) { m.IrVersion = proto.Int64(NewestIR + 1) }, warning(WarnNewer, "", "", "", "ir_version 14 is newer than 13")},
	{"newer opset", func(m *onnxpb.ModelProto) {
		m.IrVersion = proto.Int64(13)
		m.OpsetImport[0], m.Functions[0].OpsetImport[0] = onnxpb.Opset("", 99), onnxpb.Opset("", 99)
	}, []Fault{
		{Code: WarnNewer, Warning: true, Message: "ai.onnx version 99 is newer than 28"},
		{Code: WarnNewer, Warning: true, Graph: "function com.example.Twice", Message: "ai.onnx version 99 is newer than 28"},
	}},
	{"older IR version", func(m *onnxpb.ModelProto) { m.IrVersion = proto.Int64(7) }, []Fault{
		{Code: WarnOlderIR, Warning: true, Message: "ai.onnx version 17 came with IR version 8, the model says 7"},
		{Code: WarnOlderIR, Warning: true, Message: "functions came with IR version 8, the model says 7"},
		{Code: WarnOlderIR, Warning: true, Graph: "function com.example.Twice", Message: "came with IR version 8"},
	}},
	{"input without shape", func(m *onnxpb.ModelProto) { m.Graph.Input[0].Type.GetTensorType().Shape = nil },
		warning(WarnShape, "", "", "x", "is a graph input without a shape")},
	{"output with a negative dimension", func(m *onnxpb.ModelProto) {
		m.Graph.Output[0] = onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(-1, 3))
	},
		warning(WarnShape, "", "", "y", "is a graph output whose dimension 0 is -1")},
	{"opset twice", func(m *onnxpb.ModelProto) { m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("ai.onnx", 17)) },
		warning(WarnDuplicate, "", "", "", "ai.onnx version 17 is imported twice")},
	{"two nodes of one name", func(m *onnxpb.ModelProto) { find(m, "abs").Name = proto.String("scale") },
		warning(WarnDuplicate, "choose/else_branch/inner/then_branch", "scale", "", "another node has the same name")},
	{"value_info twice", func(m *onnxpb.ModelProto) { m.Graph.ValueInfo = append(m.Graph.ValueInfo, m.Graph.ValueInfo[0]) },
		warning(WarnDuplicate, "", "", "a", "two value_info entries")},
	{"value_info of nothing", func(m *onnxpb.ModelProto) { m.Graph.ValueInfo[0].Name = proto.String("gone") },
		warning(WarnStale, "", "", "gone", "has a value_info, but is no value of the graph")},
	{"value_info of an enclosing graph's value", func(m *onnxpb.ModelProto) {
		g := find(m, "choose").Attribute[0].G
		g.ValueInfo = append(g.ValueInfo, &onnxpb.ValueInfoProto{Name: proto.String("b")})
	}, warning(WarnStale, "choose/then_branch", "", "b", "has a value_info")},
	{"quantisation annotation of nothing", func(m *onnxpb.ModelProto) {
		m.Graph.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("a")}, {TensorName: proto.String("gone")}}
	}, warning(WarnStale, "", "", "gone", "has a quantisation annotation")},
	{"experimental operator", func(m *onnxpb.ModelProto) { find(m, "scale").OpType = proto.String("Affine") },
		warning(WarnExperiment, "", "scale", "", "Affine was an experiment")},
	{"branch gives back an outer value", func(m *onnxpb.ModelProto) { find(m, "choose").Attribute[0].G.Output[0].Name = proto.String("b") },
		warning(WarnOuter, "choose/then_branch", "", "b", "a value of an enclosing graph")},
}
