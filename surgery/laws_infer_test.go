package surgery

import (
	"testing"

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

// TestLawsOfInfer holds Infer to the laws of surgery.
func TestLawsOfInfer(t *testing.T) {
	inferring := func(o InferOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Infer(m, o) }
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
