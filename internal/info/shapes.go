package info

import (
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// ShapeList is what follows for the values of a model.
type ShapeList struct {
	Values         []Shaped `json:"shapes"`
	Contradictions []string `json:"contradictions,omitempty"` // declarations that what follows contradicts, and inputs that do not fit an operator
}

// Shaped is a value with the type that follows for it.
type Shaped struct {
	Graph string `json:"graph,omitempty"` // the subgraph that makes it, by name; empty for the main graph
	Name  string `json:"name"`
	Type  string `json:"type"`         // as package shape writes it: float32[N,64,floor(H/2),56]
	Op    string `json:"op,omitempty"` // the operator that makes it; empty for inputs
	Node  string `json:"node,omitempty"`
}

// Shapes lists the inputs and what every node makes, in the order of the graph, with the types and shapes that follow.
func Shapes(m *onnxpb.ModelProto) *ShapeList {
	found := shape.Infer(m, shape.Options{})
	list := &ShapeList{Values: []Shaped{}}
	for _, f := range found.Faults {
		list.Contradictions = append(list.Contradictions, f.String())
	}
	for _, v := range m.GetGraph().GetInput() {
		list.Values = append(list.Values, Shaped{Name: v.GetName(), Type: found.Value(v.GetName()).String()})
	}
	var graph func(*onnxpb.GraphProto, string)
	graph = func(g *onnxpb.GraphProto, name string) {
		for _, n := range g.GetNode() {
			op := n.GetOpType()
			if d := domain(n.GetDomain()); d != "ai.onnx" {
				op = d + "." + op
			}
			for _, o := range n.GetOutput() {
				if o != "" {
					list.Values = append(list.Values, Shaped{Graph: name, Name: o, Type: found.Of(g, o).String(), Op: op, Node: n.GetName()})
				}
			}
			for sub := range n.Subgraphs() {
				graph(sub, sub.GetName())
			}
		}
	}
	graph(m.GetGraph(), "")
	return list
}
