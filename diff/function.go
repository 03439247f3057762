package diff

import (
	"fmt"
	"slices"

	"onnxtool/onnxpb"
)

// functions compares the functions of two models.
func (d *differ) functions(a, b *onnxpb.ModelProto) {
	id := func(f *onnxpb.FunctionProto) string {
		s := f.GetName()
		if dom := onnxpb.NormalDomain(f.GetDomain()); dom != "" {
			s = dom + "." + s
		}
		if f.GetOverload() != "" {
			s += ":" + f.GetOverload()
		}
		return s
	}
	list := func(m *onnxpb.ModelProto) map[string]*onnxpb.FunctionProto {
		out := map[string]*onnxpb.FunctionProto{}
		for _, f := range m.GetFunctions() {
			out[id(f)] = f
		}
		return out
	}
	la, lb := list(a), list(b)
	for _, f := range a.GetFunctions() {
		if g := lb[id(f)]; g != nil {
			d.function(id(f), f, g)
		} else {
			d.add(Difference{Action: "removed", What: "function", Name: id(f), From: fmt.Sprintf("%d nodes", len(f.GetNode()))})
		}
	}
	for _, g := range b.GetFunctions() {
		if la[id(g)] == nil {
			d.add(Difference{Action: "added", What: "function", Name: id(g), To: fmt.Sprintf("%d nodes", len(g.GetNode()))})
		}
	}
}

// function compares two functions of one name.
func (d *differ) function(name string, f, g *onnxpb.FunctionProto) {
	path := "function " + name
	at := Difference{Graph: path}
	d.opsets(path, f.GetOpsetImport(), g.GetOpsetImport())
	d.doc(at, f.GetDocString(), g.GetDocString())
	d.metadata(at, f.GetMetadataProps(), g.GetMetadataProps())
	at.What = "parameter"
	for _, p := range f.GetAttribute() {
		if !slices.Contains(g.GetAttribute(), p) {
			d.add(Difference{Action: "removed", What: at.What, Graph: path, Name: p})
		}
	}
	for _, p := range g.GetAttribute() {
		if !slices.Contains(f.GetAttribute(), p) {
			d.add(Difference{Action: "added", What: at.What, Graph: path, Name: p})
		}
	}
	d.attributeLists(at, d.sides[0], d.sides[1], f.GetAttributeProto(), g.GetAttributeProto(), func(string) {})
	d.unknown(Difference{Graph: path}, f, g)
	a, b := body(d.sides[0], f, path), body(d.sides[1], g, path)
	d.matchInputs(a, b, false)
	outputs, tokens := matchOutputs(a, b, false)
	d.matchGraphs(a, b, tokens)
	d.interfaces(a, b, outputs, false)
	d.inner(a, b)
}

// body reads the body of a function as a graph whose inputs and outputs have no types.
func body(s *side, f *onnxpb.FunctionProto, path string) *graph {
	named := func(names []string) []*onnxpb.ValueInfoProto {
		out := make([]*onnxpb.ValueInfoProto, len(names))
		for i := range names {
			out[i] = &onnxpb.ValueInfoProto{Name: &names[i]}
		}
		return out
	}
	return newGraph(s, &onnxpb.GraphProto{Node: f.GetNode(), Input: named(f.GetInput()), Output: named(f.GetOutput()), ValueInfo: f.GetValueInfo()}, path, nil, nil)
}

// training compares the training information of two models, in order.
func (d *differ) training(a, b *graph) {
	ta, tb := a.side.model.GetTrainingInfo(), b.side.model.GetTrainingInfo()
	for i := range max(len(ta), len(tb)) {
		path := fmt.Sprintf("training_info[%d]", i)
		switch {
		case i >= len(tb):
			d.add(Difference{Action: "removed", What: "training_info", Name: path})
			continue
		case i >= len(ta):
			d.add(Difference{Action: "added", What: "training_info", Name: path})
			continue
		}
		x, y := ta[i], tb[i]
		for _, part := range []struct {
			name   string
			p, q   *onnxpb.GraphProto
			within bool // whether it sees the values of the main graph
		}{{"initialization", x.GetInitialization(), y.GetInitialization(), false}, {"algorithm", x.GetAlgorithm(), y.GetAlgorithm(), true}} {
			outer := [2]*graph{}
			if part.within {
				outer = [2]*graph{a, b}
			}
			where := path + "." + part.name
			d.graphs(newGraph(d.sides[0], part.p, where, outer[0], nil), newGraph(d.sides[1], part.q, where, outer[1], nil), true)
		}
		if d.ignore["names"] {
			continue // a binding is nothing but names
		}
		d.entries(Difference{What: "initialization_binding", Graph: path}, x.GetInitializationBinding(), y.GetInitializationBinding())
		d.entries(Difference{What: "update_binding", Graph: path}, x.GetUpdateBinding(), y.GetUpdateBinding())
	}
}
