package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

// TestLawsOfWiring holds the edits of a graph's wiring to the laws of surgery.
func TestLawsOfWiring(t *testing.T) {
	add := func(o OutputChoice) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return AddOutputs(m, o) }
	}
	drop := func(tidy bool, names ...string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return DropOutputs(m, names, tidy) }
	}
	for _, l := range []law{
		{
			name:    "AddOutputs",
			edit:    add(OutputChoice{Names: []string{"W", "g", "h*"}}),
			same:    add(OutputChoice{Names: []string{"out", "s*q"}}),
			fails:   []edit{add(OutputChoice{}), add(OutputChoice{Names: []string{"h", "nosuch"}}), add(OutputChoice{Names: []string{"local"}}), add(OutputChoice{Names: []string{"bias*"}})},
			changes: `^$`,
			large:   add(OutputChoice{Names: []string{"v*"}}),
		},
		{
			name:    "AddOutputs all",
			edit:    add(OutputChoice{All: true}),
			changes: `^$`,
		},
		{
			name:    "DropOutputs",
			edit:    drop(false, "seq", "op?"),
			fails:   []edit{drop(false), drop(false, "out", "nosuch"), drop(false, "h"), drop(false, "x*"), drop(true, "*")},
			changes: `^$`,
			chain:   manyOutputs,
			large:   drop(true, "v?*[1-9]"),
		},
		{
			name:    "DropOutputs and tidy",
			edit:    drop(true, "seq"),
			changes: `^$`,
			loses:   `graph\.node\[6\]|graph\.output\[1\]`,
			chain:   manyOutputs,
			large:   drop(true, "v?*[1-9]"),
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// manyOutputs is chainModel with all that its nodes make as outputs.
func manyOutputs(n int) *onnxpb.ModelProto {
	m := chainModel(n)
	if _, err := AddOutputs(m, OutputChoice{All: true}); err != nil {
		panic(err)
	}
	return m
}
