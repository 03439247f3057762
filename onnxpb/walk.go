package onnxpb

import "iter"

// Subgraphs yields the graphs that the attributes of a node hold, in order.
func (x *NodeProto) Subgraphs() iter.Seq[*GraphProto] {
	return func(yield func(*GraphProto) bool) {
		for _, a := range x.GetAttribute() {
			if a.G != nil && !yield(a.G) {
				return
			}
			for _, g := range a.GetGraphs() {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// AllTensors calls fn with every tensor that a model holds: initializers, sparse initializers (values and indices), attributes, at any depth of
// subgraphs, in functions and in training information.
func (x *ModelProto) AllTensors(fn func(*TensorProto)) {
	w := tensorWalk{fn}
	w.graph(x.GetGraph())
	for _, f := range x.GetFunctions() {
		w.nodes(f.GetNode())
		w.attributes(f.GetAttributeProto())
	}
	for _, t := range x.GetTrainingInfo() {
		w.graph(t.GetInitialization())
		w.graph(t.GetAlgorithm())
	}
}

type tensorWalk struct{ fn func(*TensorProto) }

func (w tensorWalk) graph(g *GraphProto) {
	for _, t := range g.GetInitializer() {
		w.fn(t)
	}
	for _, s := range g.GetSparseInitializer() {
		w.sparse(s)
	}
	w.nodes(g.GetNode())
}

func (w tensorWalk) nodes(nodes []*NodeProto) {
	for _, n := range nodes {
		w.attributes(n.GetAttribute())
	}
}

func (w tensorWalk) attributes(attrs []*AttributeProto) {
	for _, a := range attrs {
		if a == nil {
			continue
		}
		if a.T != nil {
			w.fn(a.T)
		}
		for _, t := range a.GetTensors() {
			w.fn(t)
		}
		if a.SparseTensor != nil {
			w.sparse(a.SparseTensor)
		}
		for _, s := range a.GetSparseTensors() {
			w.sparse(s)
		}
		if a.G != nil {
			w.graph(a.G)
		}
		for _, g := range a.GetGraphs() {
			w.graph(g)
		}
	}
}

func (w tensorWalk) sparse(s *SparseTensorProto) {
	if v := s.GetValues(); v != nil {
		w.fn(v)
	}
	if v := s.GetIndices(); v != nil {
		w.fn(v)
	}
}
