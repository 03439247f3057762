package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

// TestLawsOfValues holds the edits of attributes and of constants to the laws of surgery.
func TestLawsOfValues(t *testing.T) {
	setting := func(c NodeChoice, changes ...AttributeChange) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetAttributes(m, c, changes...) }
	}
	call := NodeChoice{Names: []string{"call"}}
	for _, l := range []law{
		{
			name: "SetAttributes",
			edit: setting(NodeChoice{Names: []string{"mean", "draw", "call"}}, AttributeChange{Name: "__note", Type: "string", Text: "hand-made"}),
			same: setting(call, AttributeChange{Name: "by", Text: "2"}),
			fails: []edit{
				setting(call, AttributeChange{Name: "by", Text: "3"}, AttributeChange{Name: "nosuch", Text: "1"}), setting(NodeChoice{Names: []string{"nosuch"}}, AttributeChange{Name: "by", Text: "3"}),
				setting(call, AttributeChange{Name: "by", Remove: true}), setting(NodeChoice{Types: []string{"*.Gradient"}}, AttributeChange{Name: "y", Text: "x"}),
			},
			changes: `^$`,
			large:   setting(NodeChoice{Types: []string{"Add"}}, AttributeChange{Name: "__note", Type: "int", Text: "1"}),
		},
		{
			name:    "SetAttributes of a value",
			edit:    setting(call, AttributeChange{Name: "by", Text: "3"}),
			changes: `^model\.graph\.node\[2\]\.attribute\[0\]\.f$`,
			large:   setting(NodeChoice{Types: []string{"Add"}}, AttributeChange{Name: "__note", Type: "int", Text: "1"}),
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}
