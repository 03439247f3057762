package surgery

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// TestAddOutputsTypes: what an inner tensor is declared to be is what follows, where the model declares nothing.
func TestAddOutputsTypes(t *testing.T) {
	m := richModel()
	infos := m.Graph.ValueInfo
	m.Graph.ValueInfo = nil
	if _, err := AddOutputs(m, OutputChoice{Names: []string{"l", "f", "S"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := declared(m.Graph.Output[3:]), "l float32 [N,3], f float32 [N,3], S float32 [3]"; got != want {
		t.Errorf("declared %s, want %s", got, want)
	}
	valid(t, m, "with more outputs")

	// What value_info tells goes with the tensor, and is not said twice.
	m.Graph.ValueInfo = infos
	m.Graph.Output = m.Graph.Output[:3]
	if _, err := AddOutputs(m, OutputChoice{Names: []string{"f"}}); err != nil {
		t.Fatal(err)
	}
	if v := m.Graph.Output[3]; v.GetDocString() != "about f" || slices.ContainsFunc(m.Graph.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return v.GetName() == "f" }) {
		t.Errorf("the output is %v, value_info %v", v, m.Graph.ValueInfo)
	}
	// And back.
	if _, err := DropOutputs(m, []string{"f"}, false); err != nil {
		t.Fatal(err)
	}
	if v := m.Graph.ValueInfo[len(m.Graph.ValueInfo)-1]; v.GetName() != "f" || v.GetDocString() != "about f" {
		t.Errorf("value_info ends in %v", v)
	}
}

// mysteryModel has a node of which nobody knows what it makes, and one that takes its shape from that.
func mysteryModel() *onnxpb.ModelProto {
	m := chainModel(3)
	n := onnxpb.Node("Mystery", "mystery", []string{"x"}, []string{"what", "size"})
	n.Domain = proto.String("acme")
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("acme", 1))
	cast := onnxpb.Node("Cast", "cast", []string{"what"}, []string{"cast"}, onnxpb.Int("to", 1))
	m.Graph.Node = append(m.Graph.Node, n, cast)
	return m
}

func TestAddOutputsUnknown(t *testing.T) {
	m := mysteryModel()
	if _, err := AddOutputs(m, OutputChoice{Names: []string{"what"}}); onnxpb.KindOf(err) != onnxpb.Unfit || !strings.Contains(err.Error(), "element type") {
		t.Errorf("an output of unknown type: %v", err)
	}
	if _, err := AddOutputs(m, OutputChoice{Names: []string{"wh*"}}); err == nil {
		t.Error("a pattern that matches only what has no known type added it")
	}
	r, err := AddOutputs(m, OutputChoice{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := declared(m.Graph.Output), "v3 float32 [N,3], v1 float32 [N,3], v2 float32 [N,3], cast float32"; got != want {
		t.Errorf("declared %s, want %s", got, want)
	}
	for _, name := range []string{`"what"`, `"size"`, `"cast"`} {
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, name) }) {
			t.Errorf("nothing is told of %s: %q", name, r.Notes)
		}
	}
	valid(t, m, "with all outputs")
}

// TestDropOutputsOrder: the user's order of outputs is kept, whatever was dropped and added.
func TestDropOutputsOrder(t *testing.T) {
	m := manyOutputs(6) // v6 v1 .. v5
	if _, err := DropOutputs(m, []string{"v3", "v6", "v1"}, false); err != nil {
		t.Fatal(err)
	}
	if got := outputNames(m.Graph); !slices.Equal(got, []string{"v2", "v4", "v5"}) {
		t.Errorf("outputs %q", got)
	}
	if len(m.Graph.Node) != 6 {
		t.Errorf("%d nodes are left of 6, though nothing was to be tidied", len(m.Graph.Node))
	}
	if _, err := AddOutputs(m, OutputChoice{Names: []string{"v6", "v1"}}); err != nil {
		t.Fatal(err)
	}
	if got := outputNames(m.Graph); !slices.Equal(got, []string{"v2", "v4", "v5", "v6", "v1"}) {
		t.Errorf("outputs %q", got)
	}
	valid(t, m, "after all")
	if _, err := DropOutputs(m, []string{"v?"}, false); onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("the last output: %v", err)
	}
	if _, err := DropOutputs(m, []string{"v6"}, true); err != nil {
		t.Fatal(err)
	}
	if len(m.Graph.Node) != 5 {
		t.Errorf("%d nodes are left after tidying, want 5", len(m.Graph.Node))
	}
}
