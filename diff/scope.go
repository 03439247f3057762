package diff

import "onnxtool/onnxpb"

// value is a value of one graph of one model.
type value struct {
	name     string
	graph    *graph
	isInput  bool
	position int                       // among the graph's inputs
	tensor   *onnxpb.TensorProto       // the initializer that it is, or that is its default
	sparse   *onnxpb.SparseTensorProto // the same, of a sparse one
	maker    *node                     // the node that makes it, or nil
	uses     []use
	outputs  []int // which outputs of its own graph it is
	down     [2]hash
	match    *value
	pair     uint64 // which pair it is matched in
}

// constant tells whether a value is an initializer that nobody can replace.
func (v *value) constant() bool { return !v.isInput && (v.tensor != nil || v.sparse != nil) }

// use is a place where a node of the value's own graph reads it; index -1 is in a subgraph of the node.
type use struct {
	node  *node
	index int
}

// node is a node of one graph of one model.
type node struct {
	proto    *onnxpb.NodeProto
	graph    *graph
	ins      []*value // nil where an input is left out
	outs     []*value
	captures []*value // the values of graphs around its subgraphs that they read, each once
	subs     []*sub
	down, up [2]hash
	match    *node
	state    int8 // of the walk in topological order
}

// sub is a subgraph of a node.
type sub struct {
	attr string
	at   int // which of the attribute's graphs
	*graph
}

// op tells the operator of a node.
func (x *node) op() string {
	return onnxpb.NormalDomain(x.proto.GetDomain()) + "\x00" + x.proto.GetOpType() + "\x00" + x.proto.GetOverload()
}

// graph is a graph of one model, or the body of a function.
type graph struct {
	side    *side
	proto   *onnxpb.GraphProto
	path    string
	parent  *graph
	holder  *node // the node whose subgraph it is
	values  map[string]*value
	list    []*value // inputs, initializers and what nodes make, in this order
	inputs  []*value
	outputs []*value
	nodes   []*node
	order   []*node // topological
}

// newGraph links the nodes of a graph and its subgraphs to the values that they read.
func newGraph(s *side, p *onnxpb.GraphProto, path string, parent *graph, holder *node) *graph {
	g := &graph{side: s, proto: p, path: path, parent: parent, holder: holder, values: make(map[string]*value, len(p.GetNode())+len(p.GetInitializer()))}
	for i, v := range p.GetInput() {
		x := g.define(v.GetName())
		if !x.isInput {
			x.isInput, x.position = true, i
		}
		g.inputs = append(g.inputs, x)
	}
	for _, t := range p.GetInitializer() {
		if x := g.define(t.GetName()); x.tensor == nil {
			x.tensor = t
		}
	}
	for _, t := range p.GetSparseInitializer() {
		if x := g.define(t.GetValues().GetName()); x.sparse == nil {
			x.sparse = t
		}
	}
	for _, n := range p.GetNode() {
		x := &node{proto: n, graph: g}
		for _, o := range n.GetOutput() {
			if o == "" {
				x.outs = append(x.outs, nil)
				continue
			}
			v := g.define(o)
			if v.maker == nil && !v.isInput && v.tensor == nil && v.sparse == nil {
				v.maker = x
			}
			x.outs = append(x.outs, v)
		}
		g.nodes = append(g.nodes, x)
	}
	for _, x := range g.nodes {
		x.link()
	}
	for i, o := range p.GetOutput() {
		v := g.lookup(o.GetName())
		if v.graph == g {
			v.outputs = append(v.outputs, i)
		} else {
			g.capture(v)
		}
		g.outputs = append(g.outputs, v)
	}
	g.sort()
	return g
}

// define returns the value of that name which the graph has itself.
func (g *graph) define(name string) *value {
	v := g.values[name]
	if v == nil {
		v = &value{name: name, graph: g}
		g.values[name] = v
		g.list = append(g.list, v)
	}
	return v
}

// lookup finds what a name means in a graph. A name that nothing defines is a value of the outermost graph.
func (g *graph) lookup(name string) *value {
	top := g
	for x := g; x != nil; x = x.parent {
		if v := x.values[name]; v != nil {
			return v
		}
		top = x
	}
	return top.define(name)
}

// link finds the values that a node reads.
func (x *node) link() {
	for i, name := range x.proto.GetInput() {
		if name == "" {
			x.ins = append(x.ins, nil)
			continue
		}
		v := x.graph.lookup(name)
		x.ins = append(x.ins, v)
		if v.graph == x.graph {
			v.uses = append(v.uses, use{x, i})
		} else {
			x.graph.capture(v)
		}
	}
	for _, a := range x.proto.GetAttribute() {
		inner := func(p *onnxpb.GraphProto, at int) {
			path := x.proto.Label() + "/" + a.GetName()
			if x.graph.path != "" {
				path = x.graph.path + "/" + path
			}
			x.subs = append(x.subs, &sub{a.GetName(), at, newGraph(x.graph.side, p, path, x.graph, x)})
		}
		if a.G != nil {
			inner(a.G, -1)
		}
		for i, p := range a.GetGraphs() {
			inner(p, i)
		}
	}
}

// capture notes that a graph reads a value of one around it.
func (g *graph) capture(v *value) {
	for x := g; x != nil && x != v.graph; x = x.parent {
		h := x.holder
		if h == nil {
			return
		}
		// Captures of one subgraph come one after another, so that the last is a cheap first look; the list of a node is short.
		if n := len(v.uses); x.parent == v.graph {
			if n == 0 || v.uses[n-1] != (use{h, -1}) {
				v.uses = append(v.uses, use{h, -1})
				h.captures = append(h.captures, v)
			}
			return
		}
		if n := len(h.captures); n == 0 || h.captures[n-1] != v {
			h.captures = append(h.captures, v)
		}
	}
}

// sort finds the topological order of a graph's nodes, in the order that they have where that is possible. Nodes on a cycle come as they are met.
func (g *graph) sort() {
	type frame struct {
		n    *node
		next int
	}
	g.order = make([]*node, 0, len(g.nodes))
	for _, root := range g.nodes {
		if root.state != 0 {
			continue
		}
		stack := []frame{{n: root}}
		root.state = 1
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.next == len(f.n.ins)+len(f.n.captures) {
				f.n.state = 2
				g.order = append(g.order, f.n)
				stack = stack[:len(stack)-1]
				continue
			}
			var v *value
			if f.next < len(f.n.ins) {
				v = f.n.ins[f.next]
			} else {
				v = f.n.captures[f.next-len(f.n.ins)]
			}
			f.next++
			if v != nil && v.graph == g && v.maker != nil && v.maker.state == 0 {
				v.maker.state = 1
				stack = append(stack, frame{n: v.maker})
			}
		}
	}
}
