package info

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

func TestOf(t *testing.T) {
	branch := func(out string, w *onnxpb.TensorProto) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: &out, Node: []*onnxpb.NodeProto{onnxpb.Node("Mul", "", []string{"x", w.GetName()}, []string{out})},
			Initializer: []*onnxpb.TensorProto{w}, Output: []*onnxpb.ValueInfoProto{{Name: &out}}}
	}
	away := onnxpb.TensorOf("far", []int64{2, 3}, make([]float32, 6))
	away.RawData, away.DataLocation = nil, onnxpb.TensorProto_EXTERNAL.Enum()
	away.ExternalData = []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("w.bin")}}
	call := onnxpb.Node("F", "", []string{"y"}, []string{"z"})
	call.Domain = proto.String("com.example")
	m := &onnxpb.ModelProto{
		IrVersion: proto.Int64(8), ProducerName: proto.String("maker"), ProducerVersion: proto.String("2"),
		OpsetImport:   []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17), onnxpb.Opset("com.example", 1)},
		MetadataProps: []*onnxpb.StringStringEntryProto{{Key: proto.String("k"), Value: proto.String("v")}},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("g"),
			Input: []*onnxpb.ValueInfoProto{
				onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}),
				onnxpb.TensorValue("w", onnxpb.TensorProto_INT4, onnxpb.Numbers(3)),
			},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("z", onnxpb.TensorProto_FLOAT, nil)},
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("Mul", "", []string{"x", "far"}, []string{"p"}),
				onnxpb.Node("If", "", []string{"c"}, []string{"y"}, onnxpb.GraphAttr("then_branch", branch("t", onnxpb.TensorOf("a", []int64{3}, []float64{1, 2, 3}))),
					onnxpb.GraphAttr("else_branch", branch("e", onnxpb.TensorOf("b", []int64{1}, []float32{1})))),
				call,
			},
			Initializer: []*onnxpb.TensorProto{onnxpb.NewArray(onnxpb.TensorProto_INT4, []int64{3}).Proto("w"), away,
				onnxpb.TensorOf("names", []int64{2}, []string{"one", "four"})},
			SparseInitializer: []*onnxpb.SparseTensorProto{{Values: onnxpb.TensorOf("s", []int64{2}, []float32{1, 2}),
				Indices: onnxpb.TensorOf("", []int64{2}, []int64{0, 1}), Dims: []int64{1000}}},
		},
		Functions: []*onnxpb.FunctionProto{{Name: proto.String("F"), Domain: proto.String("com.example"), Input: []string{"i"}, Output: []string{"o"},
			Node: []*onnxpb.NodeProto{onnxpb.Node("Constant", "", nil, []string{"c"}, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{1}, []int64{7})))}}},
	}
	want := &Info{
		IRVersion: 8, Producer: "maker", ProducerVersion: "2", Graph: "g",
		Opsets:    []Opset{{"ai.onnx", 17}, {"com.example", 1}},
		Inputs:    []Value{{"x", "float32 [N,3]", false}, {"w", "int4 [3]", true}},
		Outputs:   []Value{{"z", "float32 [...]", false}},
		Nodes:     5,
		Subgraphs: 2,
		Operators: []Operator{{"ai.onnx", "Mul", 3}, {"ai.onnx", "If", 1}, {"com.example", "F", 1}},
		Functions: []Function{{Domain: "com.example", Name: "F", Inputs: []string{"i"}, Outputs: []string{"o"}, Nodes: 1}},

		Initializers: 6, // w, far, names, s, a, b
		Parameters:   3 + 6 + 2 + 2 + 3 + 1,
		Bytes:        2 + 24 + 7 + 8 + 16 + 24 + 4 + 8, // 4-bit numbers, packed; far; the letters; values and indices; a; b; the function's constant
		Metadata:     []Entry{{"k", "v"}},
		External:     []External{{"w.bin", 1, 24}},
	}
	if d := cmp.Diff(want, Of(m)); d != "" {
		t.Error(d)
	}
}

// Every model that ONNX publishes can be summed up, and what is counted agrees with what was counted otherwise.
func TestCorpus(t *testing.T) {
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		i := Of(m)
		n := 0
		for _, o := range i.Operators {
			n += o.Count
		}
		bytes := int64(0)
		m.AllTensors(func(x *onnxpb.TensorProto) {
			if a, err := onnxpb.Decode(x, ""); err != nil {
				t.Errorf("%s: %v", c.ID(), err)
			} else if raw, err := a.Raw(); err == nil {
				bytes += int64(len(raw))
			} else {
				for _, s := range a.Data.([]string) {
					bytes += int64(len(s))
				}
			}
		})
		if n != i.Nodes || i.Nodes < len(m.Graph.Node) || len(i.Inputs) != len(m.Graph.Input) || bytes != i.Bytes {
			t.Errorf("%s: %d operators, %d nodes, %d inputs, %d bytes of %d", c.ID(), n, i.Nodes, len(i.Inputs), i.Bytes, bytes)
		}
		for _, v := range append(i.Inputs, i.Outputs...) {
			if v.Type == "?" || v.Name == "" {
				t.Errorf("%s: %+v", c.ID(), v)
			}
		}
	}
}

func TestNothing(t *testing.T) {
	i := Of(&onnxpb.ModelProto{})
	if i.Nodes != 0 || i.Inputs == nil || i.Operators == nil {
		t.Errorf("%+v", i)
	}
}
