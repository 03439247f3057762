package verify

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// valueKind says where a value of a graph comes from.
type valueKind int

const (
	valueInput    valueKind = iota // it is fed
	valueConstant                  // an initializer, or the output of a Constant
	valueComputed                  // a node makes it
)

// layerUse is one place where a node reads a value.
type layerUse struct{ node, at int }

type layerValue struct {
	name   string
	kind   valueKind
	node   int // the node that makes it, -1 for none
	out    int // which of its outputs it is
	tensor *onnxpb.TensorProto
	maker  *onnxpb.NodeProto // a Constant
	uses   []layerUse
}

type layerNode struct {
	proto  *onnxpb.NodeProto
	in     []int // the inputs by position, -1 for those left out; then what its subgraphs capture
	inputs int   // how many of them are inputs
	out    []int // -1 for those left out
	static int   // what the node is but for its inputs, as a number that both models share; 0 while it is not asked for
}

// layerGraph is the main graph of a model by numbers: nodes in an order of execution, which is that of the file. A node that holds subgraphs is one node, which also reads what these
// capture. Constant nodes are no nodes here, but constants.
type layerGraph struct {
	model  *onnxpb.ModelProto
	dir    string
	nodes  []layerNode
	values []layerValue
	at     map[string]int
}

// newLayerGraph indexes a copy of a model. A model whose nodes do not stand in topological order is sorted first; a cycle is an error.
func newLayerGraph(s Source) (*layerGraph, error) {
	g := &layerGraph{model: onnxpb.Clone(s.Model), dir: s.Dir, at: map[string]int{}}
	if g.model.GetGraph() == nil {
		return nil, &onnxpb.Error{File: s.Path, Msg: "the model has no graph"}
	}
	if !g.index() {
		if _, err := surgery.Sort(g.model); err != nil {
			return nil, &onnxpb.Error{File: s.Path, Err: err} // no answer to the question, of kind Refused, but an unfit model
		}
		g.nodes, g.values, g.at = nil, nil, map[string]int{}
		g.index()
	}
	for i := range g.nodes {
		for at, v := range g.nodes[i].in {
			if v >= 0 {
				g.values[v].uses = append(g.values[v].uses, layerUse{i, at})
			}
		}
	}
	return g, nil
}

// index fills the graph; false where a node reads what a later one makes.
func (g *layerGraph) index() bool {
	top := g.model.GetGraph()
	for _, t := range top.GetInitializer() {
		g.define(layerValue{name: t.GetName(), kind: valueConstant, node: -1, tensor: t})
	}
	for _, t := range top.GetSparseInitializer() {
		g.define(layerValue{name: t.GetValues().GetName(), kind: valueConstant, node: -1})
	}
	for _, p := range inputsOf(g.model) {
		g.define(layerValue{name: p.name, kind: valueInput, node: -1})
	}
	for _, n := range top.GetNode() {
		if isConstant(n) {
			g.define(layerValue{name: n.GetOutput()[0], kind: valueConstant, node: -1, maker: n})
			continue
		}
		x := layerNode{proto: n, inputs: len(n.GetInput())}
		for _, name := range append(slices.Clone(n.GetInput()), captured(n)...) {
			v, ok := g.at[name]
			if !ok {
				if name != "" {
					return false
				}
				v = -1
			}
			x.in = append(x.in, v)
		}
		for i, name := range n.GetOutput() {
			v := -1
			if name != "" {
				v = g.define(layerValue{name: name, kind: valueComputed, node: len(g.nodes), out: i})
			}
			x.out = append(x.out, v)
		}
		g.nodes = append(g.nodes, x)
	}
	return true
}

func (g *layerGraph) define(v layerValue) int {
	if i, twice := g.at[v.name]; twice {
		return i
	}
	g.at[v.name] = len(g.values)
	g.values = append(g.values, v)
	return len(g.values) - 1
}

func isConstant(n *onnxpb.NodeProto) bool {
	return n.GetOpType() == "Constant" && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetOutput()) == 1 && len(n.GetAttribute()) == 1
}

// captured lists the names that the subgraphs of a node take from around them, in the order of their first use.
func captured(n *onnxpb.NodeProto) []string {
	c := captures{inner: map[string]int{}, seen: map[string]bool{}}
	for sub := range n.Subgraphs() {
		c.graph(sub)
	}
	return c.names
}

type captures struct {
	inner map[string]int // how many of the graphs that are open define a name
	seen  map[string]bool
	names []string
}

func (c *captures) use(name string) {
	if name != "" && c.inner[name] == 0 && !c.seen[name] {
		c.seen[name] = true
		c.names = append(c.names, name)
	}
}

func (c *captures) graph(g *onnxpb.GraphProto) {
	names := definedIn(g)
	for _, name := range names {
		c.inner[name]++
	}
	for _, n := range g.GetNode() {
		for _, name := range n.GetInput() {
			c.use(name)
		}
		for sub := range n.Subgraphs() {
			c.graph(sub)
		}
	}
	for _, o := range g.GetOutput() {
		c.use(o.GetName())
	}
	for _, name := range names {
		c.inner[name]--
	}
}

// definedIn lists what a subgraph defines itself.
func definedIn(g *onnxpb.GraphProto) []string {
	var names []string
	for _, v := range g.GetInput() {
		names = append(names, v.GetName())
	}
	for _, t := range g.GetInitializer() {
		names = append(names, t.GetName())
	}
	for _, t := range g.GetSparseInitializer() {
		names = append(names, t.GetValues().GetName())
	}
	for _, n := range g.GetNode() {
		names = append(names, n.GetOutput()...)
	}
	return names
}

// array decodes a constant.
func (g *layerGraph) array(v int) (*onnxpb.Array, error) {
	x := &g.values[v]
	if x.tensor != nil {
		return onnxpb.Decode(x.tensor, g.dir)
	}
	if x.maker == nil {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "a sparse initializer")
	}
	a := x.maker.GetAttribute()[0]
	switch a.GetName() {
	case "value":
		return onnxpb.Decode(a.GetT(), g.dir)
	case "value_float":
		return onnxpb.ArrayOf([]int64{}, []float32{a.GetF()}), nil
	case "value_floats":
		return onnxpb.ArrayOf([]int64{int64(len(a.GetFloats()))}, a.GetFloats()), nil
	case "value_int":
		return onnxpb.ArrayOf([]int64{}, []int64{a.GetI()}), nil
	case "value_ints":
		return onnxpb.ArrayOf([]int64{int64(len(a.GetInts()))}, a.GetInts()), nil
	case "value_string":
		return onnxpb.ArrayOf([]int64{}, []string{string(a.GetS())}), nil
	case "value_strings":
		var list []string
		for _, s := range a.GetStrings() {
			list = append(list, string(s))
		}
		return onnxpb.ArrayOf([]int64{int64(len(list))}, list), nil
	}
	return nil, onnxpb.Errorf(onnxpb.Unfit, "a constant of attribute %s", a.GetName())
}

// label names the node that makes a value, for people: "" for an input, the kind for a constant.
func (g *layerGraph) label(v int) (node, op string) {
	if n := g.values[v].node; n >= 0 {
		return g.nodes[n].proto.Label(), opName(g.nodes[n].proto)
	}
	if g.values[v].kind == valueConstant {
		return "", "(constant)"
	}
	return "", "(input)"
}

// opName writes an operator with its domain, where that is not the default.
func opName(n *onnxpb.NodeProto) string {
	if d := onnxpb.NormalDomain(n.GetDomain()); d != "" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}

// keepOnly takes out of a model, a copy, what the named values do not need.
func keepOnly(m *onnxpb.ModelProto, names []string) {
	need := map[string]bool{}
	for _, name := range names {
		need[name] = true
	}
	g := m.GetGraph()
	var kept []*onnxpb.NodeProto
	for _, n := range slices.Backward(g.GetNode()) {
		if !slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && need[o] }) {
			continue
		}
		kept = append(kept, n)
		for _, name := range append(slices.Clone(n.GetInput()), captured(n)...) {
			need[name] = true
		}
	}
	slices.Reverse(kept)
	g.Node = kept
	dropped := map[string]bool{}
	g.Initializer = slices.DeleteFunc(g.Initializer, func(t *onnxpb.TensorProto) bool {
		dropped[t.GetName()] = !need[t.GetName()]
		return dropped[t.GetName()]
	})
	g.SparseInitializer = slices.DeleteFunc(g.SparseInitializer, func(t *onnxpb.SparseTensorProto) bool {
		name := t.GetValues().GetName()
		dropped[name] = !need[name]
		return dropped[name]
	})
	// The input of a weight that is gone would have to be fed.
	g.Input = slices.DeleteFunc(g.Input, func(v *onnxpb.ValueInfoProto) bool { return dropped[v.GetName()] })
	g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return !need[v.GetName()] })
}
