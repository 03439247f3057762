package surgery

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

const (
	tFloat = onnxpb.TensorProto_FLOAT
	tBool  = onnxpb.TensorProto_BOOL
	tInt64 = onnxpb.TensorProto_INT64
)

func nx3() []onnxpb.Dim { return []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)} }

func entry(key, value string) *onnxpb.StringStringEntryProto {
	return &onnxpb.StringStringEntryProto{Key: proto.String(key), Value: proto.String(value)}
}

func floats(name string, dims []int64, v ...float32) *onnxpb.TensorProto {
	return onnxpb.TensorOf(name, dims, v)
}

// richModel is a valid model that has one of everything that an edit could lose: a sparse and an external initializer, If and Loop with captures, a function with
// value_info, training information with Gradient, quantisation annotations, sharding specifications, sequence and optional outputs, metadata and
// doc strings, and in every message of it an unknown field (see mark). Nothing in it is unused.
func richModel() *onnxpb.ModelProto {
	external := &onnxpb.TensorProto{
		Name: proto.String("W"), Dims: []int64{3, 3}, DataType: proto.Int32(int32(tFloat)), DocString: proto.String("weights"),
		DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(), ExternalData: []*onnxpb.StringStringEntryProto{entry("location", "w.bin"), entry("offset", "0"), entry("length", "36")},
	}
	sparse := &onnxpb.SparseTensorProto{Values: floats("S", []int64{1}, 2.5), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}

	then := &onnxpb.GraphProto{
		Name:        proto.String("then"),
		Initializer: []*onnxpb.TensorProto{floats("then_w", []int64{3}, 1, 2, 3)},
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Add", "then_add", []string{"f", "h"}, []string{"local"}),
			onnxpb.Node("Mul", "then_mul", []string{"local", "then_w"}, []string{"then_out"}),
		},
		ValueInfo: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("local", tFloat, nx3())},
		Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("then_out", tFloat, nx3())},
		QuantizationAnnotation: []*onnxpb.TensorAnnotation{{TensorName: proto.String("local"),
			QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "h_scale")}}},
	}
	otherwise := &onnxpb.GraphProto{
		Name: proto.String("else"),
		// The name stands in the other branch too: to each its own.
		Node:   []*onnxpb.NodeProto{onnxpb.Node("Neg", "else_neg", []string{"f"}, []string{"local"}), onnxpb.Node("Abs", "else_abs", []string{"local"}, []string{"else_out"})},
		Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("else_out", tFloat, nx3())},
	}
	body := &onnxpb.GraphProto{
		Name: proto.String("body"),
		Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("i", tInt64, []onnxpb.Dim{}), onnxpb.TensorValue("go_in", tBool, []onnxpb.Dim{}),
			onnxpb.TensorValue("state", tFloat, nx3())},
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Identity", "body_go", []string{"go_in"}, []string{"go_out"}),
			onnxpb.Node("If", "body_if", []string{"cond"}, []string{"next"},
				onnxpb.GraphAttr("then_branch", &onnxpb.GraphProto{Name: proto.String("deep"),
					Node:   []*onnxpb.NodeProto{onnxpb.Node("Add", "deep_add", []string{"state", "g"}, []string{"deep_out"})},
					Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("deep_out", tFloat, nx3())}}),
				onnxpb.GraphAttr("else_branch", &onnxpb.GraphProto{Name: proto.String("deeper"),
					Node:   []*onnxpb.NodeProto{onnxpb.Node("Sub", "deep_sub", []string{"state", "x"}, []string{"deep_out"})},
					Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("deep_out", tFloat, nx3())}})),
		},
		Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("go_out", tBool, []onnxpb.Dim{}), onnxpb.TensorValue("next", tFloat, nx3())},
	}
	sharded := onnxpb.Node("MatMul", "matmul", []string{"x", "W"}, []string{"h"})
	sharded.DocString = proto.String("the first layer")
	sharded.MetadataProps = []*onnxpb.StringStringEntryProto{entry("origin", "torch")}
	sharded.DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{
		ConfigurationId: proto.String("two"),
		ShardingSpec: []*onnxpb.ShardingSpecProto{{TensorName: proto.String("h"), Device: []int64{0, 1},
			ShardedDim: []*onnxpb.ShardedDimProto{{Axis: proto.Int64(0), SimpleSharding: []*onnxpb.SimpleShardedDimProto{
				{Dim: &onnxpb.SimpleShardedDimProto_DimParam{DimParam: "N"}, NumShards: proto.Int64(2)}}}}}},
		PipelineStage: proto.Int32(1),
	}}
	call := onnxpb.Node("Scale", "call", []string{"hs"}, []string{"f"}, onnxpb.Float("by", 2))
	call.Domain = proto.String("local")
	seqType := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: onnxpb.TensorType(tFloat, nx3())}}}
	optType := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: onnxpb.TensorType(tFloat, nx3())}}}

	graph := &onnxpb.GraphProto{
		Name:      proto.String("rich"),
		DocString: proto.String("one of everything"),
		Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, nx3()), onnxpb.TensorValue("cond", tBool, []onnxpb.Dim{}),
			onnxpb.TensorValue("bias", tFloat, onnxpb.Numbers(3))},
		Initializer:       []*onnxpb.TensorProto{external, floats("bias", []int64{3}, 0, 1, 0), floats("h_scale", []int64{1}, 0.5), onnxpb.TensorOf("trips", []int64{}, []int64{2})},
		SparseInitializer: []*onnxpb.SparseTensorProto{sparse},
		Node: []*onnxpb.NodeProto{
			sharded,
			onnxpb.Node("Add", "add_sparse", []string{"h", "S"}, []string{"hs"}),
			call,
			onnxpb.Node("If", "choose", []string{"cond"}, []string{"g"}, onnxpb.GraphAttr("then_branch", then), onnxpb.GraphAttr("else_branch", otherwise)),
			onnxpb.Node("Loop", "loop", []string{"trips", "", "g"}, []string{"l"}, onnxpb.GraphAttr("body", body)),
			onnxpb.Node("Add", "add_bias", []string{"l", "bias"}, []string{"out"}),
			onnxpb.Node("SequenceConstruct", "sequence", []string{"out", "h"}, []string{"seq"}),
			onnxpb.Node("Optional", "optional", []string{"out"}, []string{"opt"}),
		},
		Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("out", tFloat, nx3()), {Name: proto.String("seq"), Type: seqType}, {Name: proto.String("opt"), Type: optType}},
		ValueInfo: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("h", tFloat, nx3()), onnxpb.TensorValue("hs", tFloat, nx3()), onnxpb.TensorValue("f", tFloat, nx3())},
		QuantizationAnnotation: []*onnxpb.TensorAnnotation{{TensorName: proto.String("h"),
			QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "h_scale")}}},
		MetadataProps: []*onnxpb.StringStringEntryProto{entry("graph", "meta")},
	}
	for _, list := range [][]*onnxpb.ValueInfoProto{graph.Input, graph.Output, graph.ValueInfo} {
		for _, v := range list {
			v.DocString = proto.String("about " + v.GetName())
			v.MetadataProps = []*onnxpb.StringStringEntryProto{entry("v", v.GetName())}
		}
	}

	mul := onnxpb.Node("Mul", "body_mul", []string{"in", "factor"}, []string{"result"})
	function := &onnxpb.FunctionProto{
		Name: proto.String("Scale"), Domain: proto.String("local"), DocString: proto.String("x times by"),
		Input: []string{"in"}, Output: []string{"result"}, Attribute: []string{"by"},
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 20)},
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Constant", "", nil, []string{"factor"}, &onnxpb.AttributeProto{Name: proto.String("value_float"), Type: onnxpb.AttributeProto_FLOAT.Enum(), RefAttrName: proto.String("by")}),
			mul,
		},
		ValueInfo:     []*onnxpb.ValueInfoProto{onnxpb.TensorValue("factor", tFloat, []onnxpb.Dim{})},
		MetadataProps: []*onnxpb.StringStringEntryProto{entry("f", "1")},
	}

	gradient := onnxpb.Node("Gradient", "gradient", []string{"x", "W"}, []string{"dW"}, onnxpb.Strs("xs", "W"), onnxpb.Strs("zs", "x"), onnxpb.Str("y", "loss"))
	gradient.Domain = proto.String("ai.onnx.preview.training")
	training := &onnxpb.TrainingInfoProto{
		Initialization: &onnxpb.GraphProto{
			Name:   proto.String("init"),
			Node:   []*onnxpb.NodeProto{onnxpb.Node("RandomNormal", "draw", nil, []string{"fresh"}, onnxpb.Ints("shape", 3, 3))},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("fresh", tFloat, onnxpb.Numbers(3, 3))},
		},
		Algorithm: &onnxpb.GraphProto{
			Name:        proto.String("step"),
			Initializer: []*onnxpb.TensorProto{floats("rate", []int64{}, 0.01)},
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("ReduceMean", "mean", []string{"out"}, []string{"loss"}, onnxpb.Int("keepdims", 0)),
				gradient,
				onnxpb.Node("Mul", "scale_grad", []string{"dW", "rate"}, []string{"delta"}),
				onnxpb.Node("Sub", "update", []string{"W", "delta"}, []string{"W_new"}),
			},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("W_new", tFloat, onnxpb.Numbers(3, 3))},
		},
		InitializationBinding: []*onnxpb.StringStringEntryProto{entry("W", "fresh")},
		UpdateBinding:         []*onnxpb.StringStringEntryProto{entry("W", "W_new")},
	}
	m := &onnxpb.ModelProto{
		IrVersion: proto.Int64(11), ProducerName: proto.String("test"), ProducerVersion: proto.String("1"), Domain: proto.String("org.example"),
		ModelVersion: proto.Int64(7), DocString: proto.String("a model"), Graph: graph,
		OpsetImport:   []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 20), onnxpb.Opset("local", 1), onnxpb.Opset("ai.onnx.preview.training", 1)},
		MetadataProps: []*onnxpb.StringStringEntryProto{entry("author", "someone"), entry("onnxtool.dmhead.front_pose", "h")},
		TrainingInfo:  []*onnxpb.TrainingInfoProto{training},
		Functions:     []*onnxpb.FunctionProto{function},
		Configuration: []*onnxpb.DeviceConfigurationProto{{Name: proto.String("two"), NumDevices: proto.Int32(2), Device: []string{"a", "b"}}},
	}
	mark(m)
	return m
}

// markField is the number of the unknown field that mark writes.
const markField = 9000

// mark gives every message of a model an unknown field that holds the message's path, by which the message is known again after an edit.
func mark(m *onnxpb.ModelProto) {
	walkMessages(m.ProtoReflect(), "model", func(path string, x protoreflect.Message) {
		b := protowire.AppendTag(nil, markField, protowire.BytesType)
		x.SetUnknown(protowire.AppendString(b, path))
	})
}

// markOf reads the mark of a message; "" where it has none.
func markOf(x protoreflect.Message) string {
	b := x.GetUnknown()
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != markField || typ != protowire.BytesType {
		return ""
	}
	s, _ := protowire.ConsumeString(b[n:])
	return s
}

// walkMessages calls fn with every message that a message holds, and with itself first.
func walkMessages(x protoreflect.Message, path string, fn func(string, protoreflect.Message)) {
	fn(path, x)
	fields := x.Descriptor().Fields()
	for i := 0; i < fields.Len(); i++ {
		f := fields.Get(i)
		if f.Message() == nil || !x.Has(f) {
			continue
		}
		p := path + "." + string(f.Name())
		if f.IsList() {
			l := x.Get(f).List()
			for k := 0; k < l.Len(); k++ {
				walkMessages(l.Get(k).Message(), fmt.Sprintf("%s[%d]", p, k), fn)
			}
			continue
		}
		walkMessages(x.Get(f).Message(), p, fn)
	}
}

func marshal(t testing.TB, m *onnxpb.ModelProto) []byte {
	t.Helper()
	b, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
