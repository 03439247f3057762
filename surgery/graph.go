package surgery

import (
	"iter"

	"onnxtool/onnxpb"
)

// Graph is the index that edits work on: who makes and who reads each value of a model's main graph, by name, built in one pass over the model.
//
// It knows subgraphs (at any depth) and the algorithm graphs of the training information as readers: a name that they do not define themselves is
// the main graph's. Values that a subgraph defines are its own, and are no values of the index. Functions see nothing of the graph.
//
// The index follows the edits made through its own methods; after any other change of the graph, make a new one.
type Graph struct {
	Model *onnxpb.ModelProto

	inputs    map[string]*onnxpb.ValueInfoProto
	outputs   map[string]*onnxpb.ValueInfoProto
	infos     map[string]*onnxpb.ValueInfoProto
	inits     map[string]*onnxpb.TensorProto
	sparse    map[string]*onnxpb.SparseTensorProto
	producers map[string]*onnxpb.NodeProto
	uses      map[string][]Use
	values    []string // in the order of the graph, each once
}

// Use is one place where a value of the main graph is read.
type Use struct {
	Graph *onnxpb.GraphProto // the graph in which it is read: the main graph, a subgraph, or a training algorithm
	Node  *onnxpb.NodeProto  // the node of that graph; nil where the value is read as an output of that subgraph
	Top   *onnxpb.NodeProto  // the node of the main graph that is Node or holds it; nil in training algorithms
	Index int                // which of the node's inputs, or of the subgraph's outputs
}

// NewGraph indexes a model.
func NewGraph(m *onnxpb.ModelProto) *Graph {
	top := m.GetGraph()
	g := &Graph{
		Model:     m,
		inputs:    make(map[string]*onnxpb.ValueInfoProto, len(top.GetInput())),
		outputs:   make(map[string]*onnxpb.ValueInfoProto, len(top.GetOutput())),
		infos:     make(map[string]*onnxpb.ValueInfoProto, len(top.GetValueInfo())),
		inits:     make(map[string]*onnxpb.TensorProto, len(top.GetInitializer())),
		sparse:    make(map[string]*onnxpb.SparseTensorProto, len(top.GetSparseInitializer())),
		producers: make(map[string]*onnxpb.NodeProto, len(top.GetNode())),
		uses:      make(map[string][]Use, len(top.GetNode())),
	}
	for _, v := range top.GetInput() {
		setOnce(g.inputs, v.GetName(), v)
	}
	for _, v := range top.GetOutput() {
		setOnce(g.outputs, v.GetName(), v)
	}
	for _, v := range top.GetValueInfo() {
		setOnce(g.infos, v.GetName(), v)
	}
	for _, t := range top.GetInitializer() {
		setOnce(g.inits, t.GetName(), t)
	}
	for _, t := range top.GetSparseInitializer() {
		setOnce(g.sparse, t.GetValues().GetName(), t)
	}
	seen := make(map[string]bool, len(top.GetNode()))
	for name := range definitions(top) {
		if !seen[name] {
			seen[name] = true
			g.values = append(g.values, name)
		}
	}
	w := useWalk{g: g, inner: map[string]int{}}
	for _, n := range top.GetNode() {
		for _, o := range n.GetOutput() {
			if o != "" {
				setOnce(g.producers, o, n)
			}
		}
		w.top = n
		w.node(top, n)
	}
	w.top = nil
	for _, t := range m.GetTrainingInfo() {
		w.graph(t.GetAlgorithm())
	}
	return g
}

func setOnce[T any](m map[string]T, key string, v T) {
	if _, ok := m[key]; !ok && key != "" {
		m[key] = v
	}
}

// useWalk collects the uses of the main graph's values.
type useWalk struct {
	g     *Graph
	top   *onnxpb.NodeProto
	inner map[string]int // how many of the subgraphs that are open now define a name
}

func (w *useWalk) use(name string, u Use) {
	if name == "" || w.inner[name] > 0 {
		return
	}
	u.Top = w.top
	w.g.uses[name] = append(w.g.uses[name], u)
}

func (w *useWalk) node(g *onnxpb.GraphProto, n *onnxpb.NodeProto) {
	for i, in := range n.GetInput() {
		w.use(in, Use{Graph: g, Node: n, Index: i})
	}
	for sub := range n.Subgraphs() {
		w.graph(sub)
	}
}

func (w *useWalk) graph(g *onnxpb.GraphProto) {
	for name := range definitions(g) {
		w.inner[name]++
	}
	for _, n := range g.GetNode() {
		w.node(g, n)
	}
	for i, o := range g.GetOutput() {
		w.use(o.GetName(), Use{Graph: g, Index: i})
	}
	for name := range definitions(g) {
		w.inner[name]--
	}
}

// definitions yields the names that a graph defines itself: its inputs, initializers, sparse initializers and the outputs of its nodes, in this
// order. A name that is defined twice (an initializer that is an input too) comes twice; empty names do not come.
func definitions(g *onnxpb.GraphProto) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range g.GetInput() {
			if v.GetName() != "" && !yield(v.GetName()) {
				return
			}
		}
		for _, t := range g.GetInitializer() {
			if t.GetName() != "" && !yield(t.GetName()) {
				return
			}
		}
		for _, t := range g.GetSparseInitializer() {
			if n := t.GetValues().GetName(); n != "" && !yield(n) {
				return
			}
		}
		for _, n := range g.GetNode() {
			for _, o := range n.GetOutput() {
				if o != "" && !yield(o) {
					return
				}
			}
		}
	}
}

// Producer returns the node of the main graph that makes a value, or nil: the value is an input or an initializer, or does not exist.
func (g *Graph) Producer(name string) *onnxpb.NodeProto { return g.producers[name] }

// Consumers returns the places where nodes read a value, at any depth, in the order of the graph; a subgraph's output that is a value of the main graph
// counts as well, the main graph's own outputs do not (see IsOutput). The slice is the index's own.
func (g *Graph) Consumers(name string) []Use { return g.uses[name] }

// IsInput tells whether a value is an input of the main graph.
func (g *Graph) IsInput(name string) bool { return g.inputs[name] != nil }

// IsOutput tells whether a value is an output of the main graph.
func (g *Graph) IsOutput(name string) bool { return g.outputs[name] != nil }

// Input returns the declaration of an input of the main graph, or nil.
func (g *Graph) Input(name string) *onnxpb.ValueInfoProto { return g.inputs[name] }

// Output returns the (first) declaration of an output of the main graph, or nil.
func (g *Graph) Output(name string) *onnxpb.ValueInfoProto { return g.outputs[name] }

// Initializer returns the dense initializer of the main graph of that name, or nil.
func (g *Graph) Initializer(name string) *onnxpb.TensorProto { return g.inits[name] }

// SparseInitializer returns the sparse initializer of the main graph of that name, or nil.
func (g *Graph) SparseInitializer(name string) *onnxpb.SparseTensorProto { return g.sparse[name] }

// Exists tells whether the main graph defines a value of that name.
func (g *Graph) Exists(name string) bool {
	return g.inputs[name] != nil || g.inits[name] != nil || g.sparse[name] != nil || g.producers[name] != nil
}

// Values returns the names that the main graph defines, each once: inputs, initializers, then the outputs of nodes. The slice is the index's own.
func (g *Graph) Values() []string { return g.values }

// ValueInfo returns the declaration of a value of the main graph: as an input, as an output, or in value_info. Nil where there is none.
func (g *Graph) ValueInfo(name string) *onnxpb.ValueInfoProto {
	for _, m := range []map[string]*onnxpb.ValueInfoProto{g.inputs, g.outputs, g.infos} {
		if v := m[name]; v != nil && v.GetType().GetValue() != nil {
			return v
		}
	}
	return nil
}

// ValueType returns the type of a value of the main graph, as its declaration or its initializer tells it; nil where neither does.
func (g *Graph) ValueType(name string) *onnxpb.TypeProto {
	if v := g.ValueInfo(name); v != nil {
		return v.GetType()
	}
	if t := g.inits[name]; t != nil {
		return onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...))
	}
	if s := g.sparse[name]; s != nil {
		// A sparse initializer stands for the dense tensor that it describes.
		return onnxpb.TensorType(onnxpb.TensorProto_DataType(s.GetValues().GetDataType()), onnxpb.Numbers(s.GetDims()...))
	}
	return nil
}

// Redirect makes every reader of a value read another one instead, at any depth; the main graph's own outputs stay. The cost follows the
// number of readers.
func (g *Graph) Redirect(from, to string) {
	for _, u := range g.uses[from] {
		if u.Node != nil {
			u.Node.Input[u.Index] = to
		} else {
			u.Graph.Output[u.Index].Name = &to
		}
	}
	g.uses[to] = append(g.uses[to], g.uses[from]...)
	delete(g.uses, from)
}
