package surgery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// corpusEdits are edits after which a model computes what it did, to the bit.
var corpusEdits = []struct {
	name string
	edit func(*onnxpb.ModelProto) (*surgery.Report, error)
}{
	{"dedup", func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Dedup(m, surgery.DedupOptions{}) }},
	{"constants", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.StoreConstants(m, surgery.AsConstant)
	}},
	{"initializers", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.StoreConstants(m, surgery.AsInitializer)
	}},
	{"setconst", setEveryConstant},
	{"inline", inlineWhole},
	{"strip", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.Strip(m, surgery.StripOptions{Docs: true, Metadata: true, ValueInfo: true, NodeNames: true, Training: true})
	}},
	{"names", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.NameAll(m, surgery.NameOptions{ShortNodes: true, ShortTensors: true})
	}},
	{"delete Identity", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.Delete(m, surgery.NodeChoice{Ops: []string{"ai.onnx.Identity"}, Graphs: []string{"main"}}, surgery.DeleteOptions{AllowUnknown: true})
	}},
	{"fill", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.Fill(m, surgery.FillOptions{Min: 1})
	}},
}

// setEveryConstant gives every constant its own value again, as another array.
func setEveryConstant(m *onnxpb.ModelProto) (*surgery.Report, error) {
	all := &surgery.Report{Edit: "setconst"}
	for _, c := range surgery.Constants(m) {
		if c.Tensor == nil {
			continue
		}
		a, err := onnxpb.Decode(c.Tensor, "")
		if err != nil {
			continue
		}
		r, err := surgery.SetConstant(m, surgery.ConstantChange{Name: c.Name, Graphs: []string{c.Graph}, Array: a})
		if err != nil {
			return nil, err
		}
		all.Merge(r)
	}
	return all, nil
}

// inlineWhole makes all the nodes of a model the body of a function that it calls, and inlines that. The suites have no functions of their own.
func inlineWhole(m *onnxpb.ModelProto) (*surgery.Report, error) {
	g := m.Graph
	if len(g.Initializer)+len(g.SparseInitializer)+len(m.Functions) > 0 || len(g.Node) == 0 {
		return surgery.Inline(m)
	}
	f := &onnxpb.FunctionProto{Name: proto.String("Whole"), Domain: proto.String("whole"), OpsetImport: slices.Clone(m.OpsetImport)}
	call := &onnxpb.NodeProto{OpType: f.Name, Domain: f.Domain}
	for _, v := range g.Input {
		call.Input = append(call.Input, v.GetName())
	}
	made := map[string]bool{}
	for _, n := range g.Node {
		for _, o := range n.Output {
			made[o] = true
		}
	}
	for _, v := range g.Output {
		if !made[v.GetName()] { // an input that is an output
			return surgery.Inline(m)
		}
		call.Output = append(call.Output, v.GetName())
	}
	f.Input, f.Output = slices.Clone(call.Input), slices.Clone(call.Output)
	f.Node, g.Node, g.ValueInfo = g.Node, []*onnxpb.NodeProto{call}, nil
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("whole", 1))
	m.Functions = []*onnxpb.FunctionProto{f}
	if v := int64(8); m.GetIrVersion() < v { // functions came with it
		m.IrVersion = &v
	}
	return surgery.Inline(m)
}

// TestValuesOnCorpus edits every model of ONNX's own test suites in the ways of corpusEdits: what was valid stays so, and on the recorded inputs ONNX Runtime computes what it computed before. Weights that
// are filled compute something else: of these only that the model runs, and the types and shapes of what it gives.
func TestValuesOnCorpus(t *testing.T) {
	e := batchEngine(t)
	done := map[string]int{}
	for _, c := range corpus.Cases(t) {
		if strings.Contains(c.Name, "training") || strings.Contains(c.Suite, "light") {
			continue // large ones, and those that are about training
		}
		m, err := c.Open()
		if err != nil || len(opset.Check(m, opset.CheckOptions{})) > 0 || len(c.Sets) == 0 {
			continue
		}
		var before map[string]*onnxpb.Value
		var inputs map[string]*onnxpb.Value
		for _, x := range corpusEdits {
			after := onnxpb.Clone(m)
			r, err := x.edit(after)
			if err != nil {
				var oe *onnxpb.Error
				if !errors.As(err, &oe) {
					t.Errorf("%s: %s: %T %v", c.ID(), x.name, err, err)
				}
				continue
			}
			if faults := opset.Check(after, opset.CheckOptions{}); len(faults) > 0 {
				t.Errorf("%s: %s: %v", c.ID(), x.name, faults)
				continue
			}
			if len(r.Changes) == 0 {
				continue
			}
			if before == nil {
				if inputs, _, err = c.Sets[0].Values(m); err != nil {
					break
				}
				if before, err = runValues(e, m, inputs); err != nil {
					break // ONNX Runtime does not run it, as it is
				}
			}
			got, err := runValues(e, after, inputs)
			if err != nil {
				t.Errorf("%s: %s: %v", c.ID(), x.name, err)
				continue
			}
			done[x.name]++
			for _, o := range m.Graph.Output {
				name := o.GetName()
				if x.name == "fill" {
					if a, b := before[name], got[name]; a.Kind != b.Kind || a.Kind == onnxpb.KindTensor && a.Array.Type != b.Array.Type {
						t.Errorf("%s: %s: %s is %v, and was %v", c.ID(), x.name, name, b.Kind, a.Kind)
					}
				} else if err := corpus.Compare(got[name], before[name], 0, 0); err != nil && !random(m) {
					t.Errorf("%s: %s: %s: %v", c.ID(), x.name, name, err)
				}
			}
		}
	}
	t.Log(done)
	for _, x := range corpusEdits {
		if least := map[string]int{"strip": 10, "names": 1000, "dedup": 50, "delete Identity": 50, "inline": 500, "fill": 100, "setconst": 100, "initializers": 100}[x.name]; done[x.name] < least {
			t.Errorf("%s: only %d models were edited", x.name, done[x.name])
		}
	}
}

// random tells whether a model draws numbers.
func random(m *onnxpb.ModelProto) bool {
	for _, n := range m.Graph.Node {
		if op := n.GetOpType(); strings.HasPrefix(op, "Random") || op == "Bernoulli" || op == "Multinomial" || op == "Dropout" {
			return true
		}
	}
	return len(m.Functions) > 0 && strings.Contains(fmt.Sprint(m.Functions), "Random")
}

// runValues runs a model without optimisation.
func runValues(e verify.Engine, m *onnxpb.ModelProto, inputs map[string]*onnxpb.Value) (map[string]*onnxpb.Value, error) {
	s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Run(inputs)
}
