package surgery

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// inferredModel is the rich model with all that follows declared.
func inferredModel() *onnxpb.ModelProto {
	m := richModel()
	if _, err := Infer(m, InferOptions{}); err != nil {
		panic(err)
	}
	return m
}

// contradictingModel declares a value to be what it cannot be, behind others that can be told.
func contradictingModel() *onnxpb.ModelProto {
	m := richModel()
	for _, v := range m.Graph.ValueInfo {
		if v.GetName() == "f" {
			onnxpb.Number(4).Set(v.ShapeProto().GetDim()[1])
		}
	}
	return m
}

// customModel is the rich model with a node of which nobody knows what it makes, and one behind it.
func customModel() *onnxpb.ModelProto {
	m := richModel()
	n := onnxpb.Node("Mystery", "mystery", []string{"x"}, []string{"what"})
	n.Domain = proto.String("acme")
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("acme", 1))
	m.Graph.Node = append(m.Graph.Node, n, onnxpb.Node("Cast", "cast", []string{"what"}, []string{"cast"}, onnxpb.Int("to", 1)))
	m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("cast", tFloat, nil))
	mark(m)
	return m
}

// TestLawsOfInfer holds Infer to the laws of surgery.
func TestLawsOfInfer(t *testing.T) {
	inferring := func(o InferOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Infer(m, o) }
	}
	declaring := func(name string, dims []onnxpb.Dim) []TypeDeclaration {
		return []TypeDeclaration{{Name: name, Type: onnxpb.TensorType(tFloat, dims)}}
	}
	for _, l := range []law{
		{
			name:    "Infer",
			edit:    inferring(InferOptions{}),
			same:    inferring(InferOptions{}),
			sameOn:  inferredModel,
			changes: `^$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				m.Graph.ValueInfo = nil
				return m
			},
		},
		{
			name:  "Infer with declarations",
			model: customModel,
			edit:  inferring(InferOptions{Declare: declaring("what", nx3())}),
			same:  inferring(InferOptions{Declare: declaring("what", nx3())}),
			sameOn: func() *onnxpb.ModelProto {
				m := customModel()
				if _, err := Infer(m, InferOptions{Declare: declaring("what", nx3())}); err != nil {
					panic(err)
				}
				return m
			},
			fails: []edit{
				inferring(InferOptions{Declare: declaring("nosuch", nil)}), inferring(InferOptions{Declare: declaring("x", nil)}), inferring(InferOptions{Declare: declaring("local", nil)}),
				inferring(InferOptions{Declare: append(declaring("what", nx3()), declaring("cast", onnxpb.Numbers(1, 3))...)}), inferring(InferOptions{Declare: []TypeDeclaration{{Name: "what"}}}),
			},
			changes: `^$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				m.Graph.ValueInfo = nil
				return m
			},
			large: inferring(InferOptions{Declare: declaring("v5", nil)}),
		},
		{
			name:    "Infer of a model that contradicts itself",
			edit:    inferring(InferOptions{Assume: map[string]int64{"N": 4}}),
			fails:   []edit{inferring(InferOptions{}), inferring(InferOptions{Assume: map[string]int64{"N": 2}}), inferring(InferOptions{Assume: map[string]int64{"nosuch": 2}}), inferring(InferOptions{Assume: map[string]int64{"N": -1}})},
			failsOn: contradictingModel,
			changes: `\.dim_(param|value)$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				m.Graph.ValueInfo = nil
				return m
			},
			large: inferring(InferOptions{}),
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// longModel is a model of 6 steps, whose heads are put together by a shape that holds them.
func longModel() *onnxpb.ModelProto {
	m := richModel()
	shape := onnxpb.TensorOf("steps", []int64{2}, []int64{6, 4})
	m.Graph.Initializer = append(m.Graph.Initializer, shape)
	m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("long", tFloat, onnxpb.Numbers(6, 2, 2)))
	m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Reshape", "join", []string{"long", "steps"}, []string{"joined"}))
	m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("joined", tFloat, onnxpb.Numbers(6, 4)))
	mark(m)
	return m
}

// TestLawsOfSetDim holds SetDim to the laws of surgery.
func TestLawsOfSetDim(t *testing.T) {
	setting := func(changes ...DimChange) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetDim(m, changes...) }
	}
	steps := DimChange{Input: "long", To: onnxpb.Symbol("T")}
	for _, l := range []law{
		{
			name:  "SetDim of an axis",
			model: longModel,
			edit:  setting(steps),
			same:  setting(DimChange{Input: "long", To: onnxpb.Number(6)}),
			fails: []edit{
				setting(DimChange{Input: "nosuch", To: onnxpb.Number(6)}), setting(steps, DimChange{Input: "long", To: onnxpb.Number(3)}), setting(steps, DimChange{Input: "x", Axis: 1, To: onnxpb.Number(5)}),
				setting(DimChange{Input: "long", To: onnxpb.Symbol("N")}),
			},
			changes: `\.dim_(param|value)$|\.node\[\d\]\.input$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("long", tFloat, onnxpb.Numbers(6, 2, 2)))
				return m
			},
		},
		{
			name:    "SetDim of a symbol",
			edit:    setting(DimChange{Symbol: "N", To: onnxpb.Number(4)}),
			same:    setting(DimChange{Symbol: "N", To: onnxpb.Symbol("N")}),
			fails:   []edit{setting(DimChange{Symbol: "nosuch", To: onnxpb.Number(4)})},
			changes: `\.dim_(param|value)$`,
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}
