package surgery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// TestWiringOnCorpus puts an Identity behind values of every model of ONNX's own test suites, and takes it out again; adds all outputs and drops them; swaps two inputs twice. What was valid
// stays so, and in the end the model means what it meant.
func TestWiringOnCorpus(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	done := map[string]int{}
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil || len(opset.Check(m, opset.CheckOptions{})) > 0 || m.OpsetVersion("") < 1 {
			continue
		}
		for _, try := range []struct {
			what string
			edit func(*onnxpb.ModelProto, *rand.Rand) (bool, error)
		}{{"insert", insertAndDelete}, {"outputs", addAndDrop}, {"swap", swapTwice}} {
			what, e := try.what, onnxpb.Clone(m)
			before := meaning(e, func(s string) string { return s })
			ok, err := try.edit(e, r)
			if err != nil {
				t.Errorf("%s: %s: %v", c.ID(), what, err)
			}
			if !ok {
				continue
			}
			done[what]++
			if faults := opset.Check(e, opset.CheckOptions{}); len(faults) > 0 {
				t.Errorf("%s: %s: %v", c.ID(), what, faults)
			}
			if after := meaning(e, func(s string) string { return s }); !slices.Equal(before, after) {
				t.Errorf("%s: %s: it means something else", c.ID(), what)
			}
		}
	}
	t.Log(done)
	if done["insert"] < 1500 || done["outputs"] < 500 || done["swap"] < 50 {
		t.Errorf("too few models were edited: %v", done)
	}
}

// insertAndDelete is false where the edit does not fit the model.
func insertAndDelete(m *onnxpb.ModelProto, r *rand.Rand) (bool, error) {
	values := NewGraph(m).Values()
	if len(values) == 0 {
		return false, nil
	}
	at := values[r.IntN(len(values))]
	b := &onnxpb.ModelProto{IrVersion: m.IrVersion, OpsetImport: m.OpsetImport, Graph: &onnxpb.GraphProto{
		Input: []*onnxpb.ValueInfoProto{{Name: proto.String("in")}}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("out")}},
		Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "inserted", []string{"in"}, []string{"out"})}}}
	o := InsertOptions{Inputs: map[string]string{"in": at}, Outputs: map[string]string{"out": at}, Readers: ReaderChoice{AllowUnknown: true}}
	if _, err := Insert(m, b, o); err != nil {
		return false, nil // nothing reads it, for one
	}
	if n := m.Graph.Node; !slices.ContainsFunc(n, func(n *onnxpb.NodeProto) bool { return n.GetName() == "inserted" }) {
		return true, fmt.Errorf("the node is not there")
	}
	if _, err := Delete(m, NodeChoice{Names: []string{"inserted"}}, DeleteOptions{AllowUnknown: true}); err != nil {
		return true, err
	}
	return true, nil
}

func addAndDrop(m *onnxpb.ModelProto, _ *rand.Rand) (bool, error) {
	had := outputNames(m.Graph)
	if _, err := AddOutputs(m, OutputChoice{All: true}); err != nil {
		return true, err
	}
	if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
		return true, fmt.Errorf("with all outputs: %v", faults)
	}
	more := outputNames(m.Graph)[len(had):]
	if len(more) == 0 {
		return false, nil
	}
	if _, err := DropOutputs(m, more, false); err != nil {
		return true, err
	}
	if now := outputNames(m.Graph); !slices.Equal(now, had) {
		return true, fmt.Errorf("the outputs are %q, and were %q", now, had)
	}
	return true, nil
}

func swapTwice(m *onnxpb.ModelProto, r *rand.Rand) (bool, error) {
	values := NewGraph(m).Values()
	if len(values) < 2 {
		return false, nil
	}
	i, k := r.IntN(len(values)), r.IntN(len(values))
	if _, err := Swap(m, values[i], values[k], ReaderChoice{}); err != nil {
		return false, nil // they are of other types, mostly
	}
	_, err := Swap(m, values[i], values[k], ReaderChoice{})
	return true, err
}
