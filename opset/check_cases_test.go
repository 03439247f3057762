package opset

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// The cases of TestEveryFault: the model as a whole, values, and nodes.

var modelCases = []faultCase{
	{"IR version missing", func(m *onnxpb.ModelProto) { m.IrVersion = nil }, one(FaultIRVersion, "", "", "", "ir_version is 0")},
	{"IR version negative", func(m *onnxpb.ModelProto) { m.IrVersion = proto.Int64(-1) }, one(FaultIRVersion, "", "", "", "ir_version is -1")},
	{"opset imports missing", func(m *onnxpb.ModelProto) {
		m.OpsetImport, m.Functions = nil, nil
		m.Graph.Node = []*onnxpb.NodeProto{onnxpb.Node("Abs", "abs", []string{"x"}, []string{"a"}), onnxpb.Node("Relu", "relu", []string{"a"}, []string{"y"})}
		m.Graph.Output = m.Graph.Output[:1]
	}, one(FaultOpsetImport, "", "", "", "imports no operator set")},
	{"opset imports before their time", func(m *onnxpb.ModelProto) {
		*m = onnxpb.ModelProto{IrVersion: proto.Int64(2), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 1)}, Graph: m.Graph}
		m.Graph.Node = []*onnxpb.NodeProto{onnxpb.Node("Abs", "abs", []string{"x"}, []string{"a"}), onnxpb.Node("Relu", "relu", []string{"a"}, []string{"y"})}
		m.Graph.Initializer, m.Graph.SparseInitializer, m.Graph.Output = nil, nil, m.Graph.Output[:1]
	}, []Fault{
		{Code: WarnOlderIR, Warning: true, Message: "came with IR version 3"},
		{Code: FaultOpsetImport, Message: "IR version 2 does not have"},
	}},
	{"opset twice with two versions", func(m *onnxpb.ModelProto) { m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("ai.onnx", 16)) },
		one(FaultOpsetImport, "", "", "", "ai.onnx is imported twice, as version 17 and as version 16")},
	{"opset without version", func(m *onnxpb.ModelProto) {
		m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("other")})
	}, one(FaultOpsetImport, "", "", "", "the import of other has version 0")},
	{"metadata key twice", func(m *onnxpb.ModelProto) { m.MetadataProps = externalEntries("a", "1", "b", "2", "a", "3") },
		one(FaultMetadata, "", "", "", `key "a" twice`)},
	{"graph missing", func(m *onnxpb.ModelProto) { m.Graph = nil }, one(FaultName, "", "", "", "no graph")},
	{"graph without name", func(m *onnxpb.ModelProto) { m.Graph.Name = nil }, one(FaultName, "", "", "", "graph has no name")},
	{"subgraph without name", func(m *onnxpb.ModelProto) { find(m, "inner").Attribute[0].G.Name = nil },
		one(FaultName, "choose/else_branch/inner/then_branch", "", "", "graph has no name")},
	{"node name not UTF-8", func(m *onnxpb.ModelProto) { find(m, "scale").Name = proto.String("sc\xffle") },
		one(FaultNameEncoding, "", "sc\xffle", "", `node's name "sc\xffle" is not valid UTF-8`)},
	{"value name not UTF-8", func(m *onnxpb.ModelProto) { initializer(m, "\xc3(") }, one(FaultNameEncoding, "", "", "", "the value")},
	{"graph name not UTF-8", func(m *onnxpb.ModelProto) { m.Graph.Name = proto.String("\xff") }, one(FaultNameEncoding, "", "", "", "graph's name")},
	{"nested too deep", func(m *onnxpb.ModelProto) { add(m, nestedIf(MaxDepth+1)) }, func() []Fault {
		path := "i1/then_branch"
		for i := 2; i <= MaxDepth; i++ {
			path += "/i" + itoa(int64(i)) + "/then_branch"
		}
		f := one(FaultTooDeep, path, "i"+itoa(MaxDepth+1), "", "more than 32 deep")[0]
		return []Fault{f, f} // both branches
	}()},
	{"nested as deep as allowed", func(m *onnxpb.ModelProto) { add(m, nestedIf(MaxDepth)) }, nil},
	{"training graph uses what is not there", func(m *onnxpb.ModelProto) {
		m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
			Initialization: &onnxpb.GraphProto{Name: proto.String("i")},
			Algorithm: &onnxpb.GraphProto{Name: proto.String("t"), Node: []*onnxpb.NodeProto{
				onnxpb.Node("Neg", "n1", []string{"w"}, []string{"w_new"}), // sees the main graph
				onnxpb.Node("Neg", "n2", []string{"nowhere"}, []string{"v"}),
			}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("w_new")}, {Name: proto.String("c")}}},
		}}
	}, one(FaultUndefined, "training_info[0].algorithm", "n2", "nowhere", "no node, input or initializer makes it")},
}

// nestedIf makes nodes i1, i2, ..., each in the then_branch of the one before, so that subgraphs are nested depth deep.
func nestedIf(depth int) *onnxpb.NodeProto {
	branch := func(n *onnxpb.NodeProto) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: proto.String("g"), Node: []*onnxpb.NodeProto{n}, Output: []*onnxpb.ValueInfoProto{{Name: &n.Output[0]}}}
	}
	n := onnxpb.Node("Abs", "innermost", []string{"x"}, []string{"v0"})
	for i := depth; i >= 1; i-- {
		k := itoa(int64(i))
		n = onnxpb.Node("If", "i"+k, []string{"flag"}, []string{"v" + k}, onnxpb.GraphAttr("then_branch", branch(n)),
			onnxpb.GraphAttr("else_branch", branch(onnxpb.Node("Neg", "e"+k, []string{"x"}, []string{"e" + k}))))
	}
	return n
}

var valueCases = []faultCase{
	{"input without name", func(m *onnxpb.ModelProto) {
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{}))
	}, one(FaultName, "", "", "", "a graph input has no name")},
	{"output without name", func(m *onnxpb.ModelProto) {
		m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{}))
	}, one(FaultName, "", "", "", "a graph output has no name")},
	{"initializer without name", func(m *onnxpb.ModelProto) { initializer(m, "") }, one(FaultName, "", "", "", "an initializer has no name")},
	{"input twice", func(m *onnxpb.ModelProto) { m.Graph.Input = append(m.Graph.Input, m.Graph.Input[0]) },
		one(FaultDuplicate, "", "", "x", "as an input, and before as an input")},
	{"initializer twice", func(m *onnxpb.ModelProto) { m.Graph.Initializer = append(m.Graph.Initializer, m.Graph.Initializer[0]) },
		one(FaultDuplicate, "", "", "w", "is an initializer twice")},
	{"sparse initializer as a dense one", func(m *onnxpb.ModelProto) { m.Graph.SparseInitializer[0].Values.Name = proto.String("c") },
		one(FaultDuplicate, "", "", "c", "is an initializer twice")},
	{"output of two nodes", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Abs", "again", []string{"x"}, []string{"a"})) },
		one(FaultDuplicate, "", "again", "a", "as an output of this node, and before as an output of this node")},
	{"node makes an input", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Abs", "again", []string{"x"}, []string{"x"})) },
		one(FaultDuplicate, "", "again", "x", "before as an input")},
	{"node makes an initializer", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Abs", "again", []string{"x"}, []string{"c"})) },
		one(FaultDuplicate, "", "again", "c", "before as an initializer")},
	{"node has an output twice", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Dropout", "drop", []string{"x"}, []string{"o", "o"}))
	}, one(FaultDuplicate, "", "drop", "o", "is made twice")},
	{"subgraph hides a value", func(m *onnxpb.ModelProto) {
		g := find(m, "choose").Attribute[0].G
		g.Node = append(g.Node, onnxpb.Node("Abs", "hide", []string{"b"}, []string{"a"}))
	}, one(FaultShadowed, "choose/then_branch", "hide", "a", "hides a value of an enclosing graph")},
	{"subgraph's input hides a value", func(m *onnxpb.ModelProto) {
		add(m, loop("l", "a", "cond"))
	}, one(FaultShadowed, "l/body", "", "a", "is made as an input, and so hides")},
	{"subgraph's initializer hides a value", func(m *onnxpb.ModelProto) {
		g := find(m, "inner").Attribute[0].G
		g.Initializer = append(g.Initializer, onnxpb.TensorOf("w", []int64{1}, []float32{1}))
	}, one(FaultShadowed, "choose/else_branch/inner/then_branch", "", "w", "is made as an initializer, and so hides")},
	{"graph takes a name of an earlier subgraph", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Abs", "late", []string{"x"}, []string{"d"})) },
		one(FaultShadowed, "", "late", "d", "a subgraph of an earlier node makes a value of that name")},
	{"branches may use the same names", func(m *onnxpb.ModelProto) {
		e := find(m, "choose").Attribute[1].G
		e.Node = append(e.Node, onnxpb.Node("Abs", "same", []string{"b"}, []string{"x1"}))
	}, nil},
	{"input that nothing makes", func(m *onnxpb.ModelProto) { find(m, "scale").Input[1] = "nowhere" },
		one(FaultUndefined, "", "scale", "nowhere", "no node, input or initializer makes it")},
	{"input of a subgraph's node that nothing makes", func(m *onnxpb.ModelProto) { find(m, "abs").Input[0] = "nowhere" },
		one(FaultUndefined, "choose/else_branch/inner/then_branch", "abs", "nowhere", "no node, input or initializer makes it")},
	{"value of one branch used in the other", func(m *onnxpb.ModelProto) { find(m, "abs").Input[0] = "x1" },
		one(FaultUndefined, "choose/else_branch/inner/then_branch", "abs", "x1", "no node, input or initializer makes it")},
	{"value of a subgraph used outside", func(m *onnxpb.ModelProto) { find(m, "norm").Input[0] = "x1" },
		one(FaultUndefined, "", "norm", "x1", "no node, input or initializer makes it")},
	{"nodes not in order", func(m *onnxpb.ModelProto) {
		n := m.Graph.Node
		n[0], n[1] = n[1], n[0]
	}, one(FaultOrder, "", "twice", "a", `the node that makes it ("scale")`)},
	{"node feeds itself", func(m *onnxpb.ModelProto) { find(m, "scale").Input[0] = "a" }, one(FaultOrder, "", "scale", "a", "topological order, or form a cycle")},
	{"subgraph uses what comes later", func(m *onnxpb.ModelProto) { find(m, "abs").Input[0] = "z" },
		one(FaultOrder, "choose/else_branch/inner/then_branch", "abs", "z", `("norm" in an enclosing graph)`)},
	{"subgraph uses the output of its own node", func(m *onnxpb.ModelProto) { find(m, "neg").Input[0] = "y" },
		one(FaultOrder, "choose/then_branch", "neg", "y", `("choose" in an enclosing graph)`)},
	{"graph output that nothing makes", func(m *onnxpb.ModelProto) { m.Graph.Output[0].Name = proto.String("nowhere") },
		one(FaultGraphOutput, "", "", "nowhere", "is a graph output, but")},
	{"subgraph output that nothing makes", func(m *onnxpb.ModelProto) { find(m, "choose").Attribute[0].G.Output[0].Name = proto.String("nowhere") },
		one(FaultGraphOutput, "choose/then_branch", "", "nowhere", "is a graph output, but")},
	{"graph output twice", func(m *onnxpb.ModelProto) { m.Graph.Output = append(m.Graph.Output, m.Graph.Output[0]) },
		one(FaultGraphOutput, "", "", "y", "is a graph output twice")},
	{"graph output that is an input", func(m *onnxpb.ModelProto) { m.Graph.Output = append(m.Graph.Output, m.Graph.Input[0]) }, nil},
	{"graph output that is an initializer", func(m *onnxpb.ModelProto) {
		m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("c", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(3)))
	}, nil},
	{"input without type", func(m *onnxpb.ModelProto) { m.Graph.Input[0].Type = nil }, one(FaultType, "", "", "x", "without a type")},
	{"output with an empty type", func(m *onnxpb.ModelProto) { m.Graph.Output[0].Type = &onnxpb.TypeProto{} }, one(FaultType, "", "", "y", "without a type")},
	{"input without element type", func(m *onnxpb.ModelProto) { m.Graph.Input[0].Type.GetTensorType().ElemType = nil },
		one(FaultType, "", "", "x", "without an element type")},
	{"input of unknown element type", func(m *onnxpb.ModelProto) { m.Graph.Input[0].Type.GetTensorType().ElemType = proto.Int32(77) },
		one(FaultType, "", "", "x", "element type 77")},
	{"subgraph input of unknown element type", func(m *onnxpb.ModelProto) {
		find(m, "choose").Attribute[0].G.Output[0].Type = onnxpb.TensorType(77, nil)
	}, one(FaultType, "choose/then_branch", "", "x1", "element type 77")},
	{"sequence of nothing", func(m *onnxpb.ModelProto) {
		m.Graph.Input[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{}}}
	}, one(FaultType, "", "", "x", "left open")},
	{"optional of an unknown type", func(m *onnxpb.ModelProto) {
		m.Graph.Input[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: onnxpb.TensorType(99, nil)}}}
	}, one(FaultType, "", "", "x", "element type 99")},
	{"map with float keys", func(m *onnxpb.ModelProto) {
		m.Graph.Input[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{
			KeyType: proto.Int32(1), ValueType: onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)}}}
	}, one(FaultType, "", "", "x", "keys are float32")},
	{"map without keys", func(m *onnxpb.ModelProto) {
		m.Graph.Input[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{ValueType: onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)}}}
	}, one(FaultType, "", "", "x", "without a type of keys")},
	{"initializer of another type than its input", func(m *onnxpb.ModelProto) {
		m.Graph.Initializer[0] = onnxpb.TensorOf("w", []int64{3}, []int64{1, 2, 3})
	},
		one(FaultTypeMismatch, "", "", "w", "initializer of type int64, but an input of type float32")},
	{"initializer of another shape than its input", func(m *onnxpb.ModelProto) {
		m.Graph.Initializer[0] = onnxpb.TensorOf("w", []int64{1, 3}, []float32{1, 2, 3})
	}, one(FaultTypeMismatch, "", "", "w", "initializer of shape [1,3], but an input of shape [3]")},
	{"initializer of another size than its input", func(m *onnxpb.ModelProto) { m.Graph.Initializer[0] = onnxpb.TensorOf("w", []int64{2}, []float32{1, 2}) },
		one(FaultTypeMismatch, "", "", "w", "initializer of shape [2]")},
	{"initializer that is no input at IR 3", func(m *onnxpb.ModelProto) {
		*m = onnxpb.ModelProto{IrVersion: proto.Int64(3), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 8)}, Graph: &onnxpb.GraphProto{
			Name: proto.String("g"), Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "add", []string{"w", "c"}, []string{"y"})},
			Input: m.Graph.Input[2:], Output: m.Graph.Output[:1], Initializer: m.Graph.Initializer}}
	}, one(FaultInitializer, "", "", "c", "no graph input, which it must be up to IR version 3")},
}

// loop makes a Loop whose body has these names for its count and its condition.
func loop(name, count, cond string) *onnxpb.NodeProto {
	body := &onnxpb.GraphProto{Name: proto.String("body"),
		Input:  []*onnxpb.ValueInfoProto{{Name: proto.String(count)}, {Name: proto.String(cond)}},
		Node:   []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{cond}, []string{"more_" + name}), onnxpb.Node("Identity", "", []string{count}, []string{"scan_" + name})},
		Output: []*onnxpb.ValueInfoProto{{Name: proto.String("more_" + name)}, {Name: proto.String("scan_" + name)}}}
	return onnxpb.Node("Loop", name, []string{"", "flag"}, []string{"scanned_" + name}, onnxpb.GraphAttr("body", body))
}

var nodeCases = []faultCase{
	{"node without operator", func(m *onnxpb.ModelProto) { find(m, "scale").OpType = nil }, one(FaultEmptyNode, "", "scale", "", "no operator")},
	{"node without inputs and outputs", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("Thing", "thing", nil, nil))
		m.Graph.Node[len(m.Graph.Node)-1].Domain = proto.String("com.example")
	}, one(FaultEmptyNode, "", "thing", "", "neither inputs nor outputs")},
	{"domain not imported", func(m *onnxpb.ModelProto) { find(m, "scale").Domain = proto.String("com.other") },
		one(FaultDomain, "", "scale", "", "Mul is an operator of the domain com.other, whose operator set is not imported")},
	{"default domain not imported", func(m *onnxpb.ModelProto) {
		m.OpsetImport = m.OpsetImport[1:]
		m.Graph.Node, m.Graph.Output = m.Graph.Node[:1], m.Graph.Output[:0]
	}, one(FaultDomain, "", "scale", "", "of the domain ai.onnx")},
	{"domain not imported in a function", func(m *onnxpb.ModelProto) { find(m, "mul").Domain = proto.String("com.example") },
		one(FaultDomain, "function com.example.Twice", "mul", "", "of the domain com.example")},
	{"unknown operator", func(m *onnxpb.ModelProto) { find(m, "neg").OpType = proto.String("Negg") },
		one(FaultOperator, "choose/then_branch", "neg", "", "Negg is no operator of ai.onnx version 17")},
	{"operator of a later version", func(m *onnxpb.ModelProto) { find(m, "neg").OpType = proto.String("Gelu") },
		one(FaultOperator, "choose/then_branch", "neg", "", "it came with version 20")},
	{"operator of another domain", func(m *onnxpb.ModelProto) { find(m, "neg").OpType = proto.String("Binarizer") },
		one(FaultOperator, "choose/then_branch", "neg", "", "ai.onnx.ml has one of that name")},
	{"operator of an unknown version", func(m *onnxpb.ModelProto) {
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("ai.onnx.ml", 99))
		m.IrVersion = proto.Int64(13)
		find(m, "neg").OpType, find(m, "neg").Domain = proto.String("Nova"), proto.String("ai.onnx.ml")
	}, []Fault{
		{Code: WarnNewer, Warning: true, Message: "ai.onnx.ml version 99 is newer than 5"},
		{Code: FaultOperator, Graph: "choose/then_branch", Node: "neg", Message: "this program knows the versions up to 5"},
	}},
	{"operator of an unknown domain", func(m *onnxpb.ModelProto) {
		find(m, "neg").OpType, find(m, "neg").Domain = proto.String("Anything"), proto.String("com.example")
	}, nil},
	{"domain written out", func(m *onnxpb.ModelProto) { find(m, "scale").Domain = proto.String("ai.onnx") }, nil},
	{"deprecated operator", func(m *onnxpb.ModelProto) { find(m, "neg").OpType = proto.String("Upsample") },
		one(FaultDeprecated, "choose/then_branch", "neg", "", "Upsample is deprecated since version 10 of ai.onnx, and the model imports version 17")},
	{"too few inputs", func(m *onnxpb.ModelProto) { find(m, "scale").Input = []string{"x"} },
		one(FaultInputCount, "", "scale", "", "Mul (version 14) takes 2 inputs, the node has 1")},
	{"too many inputs", func(m *onnxpb.ModelProto) { find(m, "neg").Input = []string{"b", "b"} },
		one(FaultInputCount, "choose/then_branch", "neg", "", "Neg (version 13) takes 1 input, the node has 2")},
	{"too many inputs, the last left empty", func(m *onnxpb.ModelProto) { find(m, "neg").Input = []string{"b", ""} },
		one(FaultInputCount, "choose/then_branch", "neg", "", "takes 1 input, the node has 2")},
	{"inputs of an operator with a range", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Conv", "conv", []string{"x"}, []string{"v"})) },
		one(FaultInputCount, "", "conv", "", "takes 2 to 3 inputs")},
	{"inputs of a variadic operator", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Sum", "sum", nil, []string{"v"})) },
		one(FaultInputCount, "", "sum", "", "takes at least 1 input, the node has 0")},
	{"optional input left out", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Clip", "clip", []string{"x", "", "x"}, []string{"v"})) }, nil},
	{"optional input at the end left empty", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Clip", "clip", []string{"x", "", ""}, []string{"v"})) }, nil},
	{"required input left empty", func(m *onnxpb.ModelProto) { find(m, "scale").Input[1] = "" },
		one(FaultMissingInput, "", "scale", "", "input 1 (B) of Mul is left empty")},
	{"too many outputs", func(m *onnxpb.ModelProto) { find(m, "scale").Output = append(find(m, "scale").Output, "more") },
		one(FaultOutputCount, "", "scale", "", "Mul (version 14) gives 1 output, the node has 2")},
	{"too few outputs", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("Abs", "abs0", []string{"x"}, nil)) },
		one(FaultOutputCount, "", "abs0", "", "gives 1 output, the node has 0")},
	{"two outputs of a BatchNormalization", func(m *onnxpb.ModelProto) { find(m, "norm").Output = append(find(m, "norm").Output, "mean") },
		one(FaultOutputCount, "", "norm", "", "gives 1 outputs, or 3 in training, the node has 2")},
	{"required output left empty", func(m *onnxpb.ModelProto) { add(m, onnxpb.Node("TopK", "top", []string{"x", "c"}, []string{"", "i"})) },
		one(FaultMissingOutput, "", "top", "", "output 0 (Values) of TopK is left empty")},
	{"optional output left empty", func(m *onnxpb.ModelProto) {
		add(m, onnxpb.Node("LSTM", "lstm", []string{"x", "w", "w"}, []string{"", "h"}))
	}, nil},
	{"branch with an input", func(m *onnxpb.ModelProto) {
		g := find(m, "choose").Attribute[0].G
		g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: proto.String("in")})
	}, one(FaultSubgraph, "", "choose", "", "then_branch of If has 1 inputs, and 0 are handed to it")},
	{"branch with too few outputs", func(m *onnxpb.ModelProto) { find(m, "inner").Attribute[1].G.Output = nil },
		one(FaultSubgraph, "choose/else_branch", "inner", "", "else_branch of If has 0 outputs, and 1 are asked of it")},
	{"loop with too many inputs", func(m *onnxpb.ModelProto) {
		n := loop("l", "i", "cond")
		n.Input = append(n.Input, "x")
		add(m, n)
	}, one(FaultSubgraph, "", "l", "", "body of Loop has 2 inputs, and 3 are handed to it")},
	{"loop with too many outputs", func(m *onnxpb.ModelProto) {
		n := loop("l", "i", "cond")
		n.Output = append(n.Output, "another")
		add(m, n)
	}, one(FaultSubgraph, "", "l", "", "body of Loop has 2 outputs, and 3 are asked of it")},
	{"good loop", func(m *onnxpb.ModelProto) { add(m, loop("l", "i", "cond")) }, nil},
	{"scan with too few inputs", func(m *onnxpb.ModelProto) {
		body := &onnxpb.GraphProto{Name: proto.String("body"), Input: []*onnxpb.ValueInfoProto{{Name: proto.String("r")}, {Name: proto.String("q")}},
			Node:   []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"r", "q"}, []string{"rq"})},
			Output: []*onnxpb.ValueInfoProto{{Name: proto.String("rq")}}}
		add(m, onnxpb.Node("Scan", "scan", []string{"x"}, []string{"v"}, onnxpb.GraphAttr("body", body), onnxpb.Int("num_scan_inputs", 1)))
	}, one(FaultSubgraph, "", "scan", "", "body of Scan has 2 inputs, and 1 are handed to it")},
}
