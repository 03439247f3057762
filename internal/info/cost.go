package info

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// Cost is what a run of a model costs, and where.
type Cost struct {
	MACs       string       `json:"macs"`                  // multiply-adds of one run: a number, or an expression over the symbols of dimensions, such as 12*N
	NotCounted []NotCounted `json:"not_counted,omitempty"` // the operators whose multiply-adds cannot be told, so that MACs is too low
	Largest    []Tensor     `json:"largest,omitempty"`     // the largest initializers, by bytes
	Ops        []OpCost     `json:"ops,omitempty"`
	NodeCosts  []NodeCost   `json:"node_costs,omitempty"`
}

// NotCounted are nodes of one operator whose multiply-adds cannot be told.
type NotCounted struct {
	Op    string `json:"op"`
	Nodes int    `json:"nodes"`
	Why   string `json:"why"`
}

// Tensor is an initializer.
type Tensor struct {
	Graph string `json:"graph,omitempty"` // as in Node
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes int64  `json:"bytes"`
}

// OpCost is what all nodes of an operator cost together.
type OpCost struct {
	Op         string `json:"op"` // with its domain, but for ai.onnx
	Nodes      int    `json:"nodes"`
	MACs       string `json:"macs"`
	Parameters int64  `json:"parameters"` // elements of the initializers that they read, each counted at its first reader
	Bytes      int64  `json:"bytes"`
}

// NodeCost is what a node costs. That of a node with subgraphs holds theirs, which are listed too.
type NodeCost struct {
	Graph      string `json:"graph,omitempty"`
	Node       string `json:"node"` // its label: its name, or its operator and first output
	Op         string `json:"op"`
	Output     string `json:"output,omitempty"` // the type of the first output
	MACs       string `json:"macs"`             // ? where they cannot be told
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// CostOf counts what a model costs. Symbols in assume are taken for numbers; largest is how many of the largest initializers are listed.
//
// Counted are the multiply-adds of matrix products and convolutions in their plain, quantised and fused forms, of recurrent operators and of Einsum with two
// operands; nothing else multiplies and adds much. Of If the branch that costs more counts, bodies of Loop and Scan as often as they run where that is known, and a
// call of a function as its body.
func CostOf(m *onnxpb.ModelProto, assume map[string]int64, largest int) *Cost {
	c := newCounting(m, assume)
	total := c.graph(m.GetGraph(), "")
	cost := &Cost{MACs: total.String(), NodeCosts: c.nodes}
	for _, u := range c.lost {
		cost.NotCounted = append(cost.NotCounted, *u)
	}
	slices.SortFunc(cost.NotCounted, func(a, b NotCounted) int { return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Why, b.Why)) })
	for op, o := range c.ops {
		o.Op, o.MACs = op, c.perOp[op].String()
		cost.Ops = append(cost.Ops, *o)
	}
	// What costs most comes first: sizes are compared with every symbol at 1, which is as good as any other number.
	size := func(op string) int64 {
		e := c.perOp[op]
		at := map[string]int64{}
		for _, s := range e.Symbols() {
			at[s] = 1
		}
		n, _ := e.Eval(at)
		return n
	}
	slices.SortFunc(cost.Ops, func(a, b OpCost) int {
		return cmp.Or(cmp.Compare(size(b.Op), size(a.Op)), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Op, b.Op))
	})
	slices.SortStableFunc(c.tensors, func(a, b Tensor) int { return cmp.Compare(b.Bytes, a.Bytes) })
	cost.Largest = c.tensors[:min(largest, len(c.tensors))]
	return cost
}

// counting goes over the graphs of a model.
type counting struct {
	m       *onnxpb.ModelProto
	shapes  *shape.Result
	assume  map[string]int64
	depth   int
	budget  *int // how many nodes of functions may still be gone through: a few functions that call each other can ask for more than anybody has time for
	sizes   map[*onnxpb.FunctionProto]int
	nodes   []NodeCost
	ops     map[string]*OpCost
	perOp   map[string]expr.Expr
	lost    map[[2]string]*NotCounted
	tensors []Tensor
	scopes  []costScope
	funcs   map[[3]string]*onnxpb.FunctionProto
}

// costScope is a graph that is open.
type costScope struct {
	g       *onnxpb.GraphProto
	weights map[string]*onnxpb.TensorProto // initializers that no node was found to read yet
}

func newCounting(m *onnxpb.ModelProto, assume map[string]int64) *counting {
	c := &counting{m: m, assume: assume, shapes: shape.Infer(m, shape.Options{Assume: assume}),
		ops: map[string]*OpCost{}, perOp: map[string]expr.Expr{}, lost: map[[2]string]*NotCounted{}, funcs: map[[3]string]*onnxpb.FunctionProto{}}
	budget := 2_000_000
	c.budget, c.sizes = &budget, map[*onnxpb.FunctionProto]int{}
	for _, f := range m.GetFunctions() {
		c.funcs[[3]string{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}] = f
	}
	return c
}

// value returns what is known of a value by its name.
func (c *counting) value(name string) *shape.Value {
	for _, s := range slices.Backward(c.scopes) {
		if v := c.shapes.Of(s.g, name); v != nil {
			return v
		}
	}
	return nil
}

// graph counts a graph, and returns its multiply-adds.
func (c *counting) graph(g *onnxpb.GraphProto, path string) expr.Expr {
	s := costScope{g, map[string]*onnxpb.TensorProto{}}
	for _, t := range g.GetInitializer() {
		s.weights[t.GetName()] = t
		c.tensors = append(c.tensors, Tensor{path, t.GetName(), onnxpb.FormatTypeProto(onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...))), dataBytes(t)})
	}
	c.scopes = append(c.scopes, s)
	total := expr.Int(0)
	for _, n := range g.GetNode() {
		total = total.Add(c.node(n, path))
	}
	c.scopes = c.scopes[:len(c.scopes)-1]
	return total
}

// opName writes an operator with its domain, but for ai.onnx.
func opName(n *onnxpb.NodeProto) string {
	if d := domain(n.GetDomain()); d != "ai.onnx" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}

// node counts a node, and returns its multiply-adds with those of its subgraphs: 0 where they cannot be told.
func (c *counting) node(n *onnxpb.NodeProto, path string) expr.Expr {
	op := opName(n)
	if c.ops[op] == nil {
		c.ops[op], c.perOp[op] = &OpCost{}, expr.Int(0)
	}
	o := c.ops[op]
	o.Nodes++
	at := len(c.nodes)
	x := NodeCost{Graph: path, Node: n.Label(), Op: op}
	if out := n.GetOutput(); len(out) > 0 {
		if v := c.value(out[0]); v != nil {
			x.Output = v.String()
		}
	}
	for _, in := range n.GetInput() {
		for _, s := range slices.Backward(c.scopes) {
			if t := s.weights[in]; t != nil {
				if k, err := onnxpb.Count(t.GetDims()); err == nil {
					x.Parameters += k
				}
				x.Bytes += dataBytes(t)
				delete(s.weights, in)
				break
			}
		}
	}
	o.Parameters += x.Parameters
	o.Bytes += x.Bytes
	c.nodes = append(c.nodes, x)
	macs, why := c.macs(n, path)
	if why == "" && !soundCost(macs) {
		why = "the shapes are not known"
	}
	if why != "" {
		k := [2]string{op, why}
		if c.lost[k] == nil {
			c.lost[k] = &NotCounted{Op: op, Why: why}
		}
		c.lost[k].Nodes++
		c.nodes[at].MACs = "?"
		return expr.Int(0)
	}
	c.nodes[at].MACs = macs.String()
	c.perOp[op] = c.perOp[op].Add(macs)
	return macs
}

// soundCost tells whether a number of multiply-adds is made of numbers and named symbols only.
func soundCost(e expr.Expr) bool { return e.Known() && shape.Named(e) }

// function counts a call of a function: the body as a model whose inputs have the types that they have here.
func (c *counting) function(f *onnxpb.FunctionProto, n *onnxpb.NodeProto) (expr.Expr, string) {
	if *c.budget -= c.size(f); c.depth >= opset.MaxDepth || *c.budget < 0 {
		return expr.Expr{}, "there are too many calls of functions"
	}
	g := &onnxpb.GraphProto{Name: f.Name}
	for i, name := range f.GetInput() {
		if i >= len(n.GetInput()) || n.GetInput()[i] == "" {
			continue
		}
		g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: proto.String(name), Type: c.value(n.GetInput()[i]).Proto()})
	}
	given := map[string]*onnxpb.AttributeProto{}
	for _, a := range slices.Concat(f.GetAttributeProto(), n.GetAttribute()) {
		given[a.GetName()] = a
	}
	for _, x := range f.GetNode() {
		g.Node = append(g.Node, bound(x, given))
	}
	m := &onnxpb.ModelProto{IrVersion: c.m.IrVersion, OpsetImport: slices.Concat(f.GetOpsetImport(), c.m.GetOpsetImport()), Graph: g, Functions: c.m.GetFunctions()}
	if len(f.GetOpsetImport()) > 0 {
		m.OpsetImport = f.GetOpsetImport()
	}
	inner := newCounting(m, c.assume)
	inner.depth, inner.budget, inner.sizes = c.depth+1, c.budget, c.sizes
	total := inner.graph(g, "")
	why := ""
	for _, l := range inner.lost { // the first by name, so that the answer is always the same
		if s := "in the function, " + l.Op + ": " + l.Why; why == "" || s < why {
			why = s
		}
	}
	return total, why
}

// sizeLimit ends the count of nodes in size: about as many are gone through when the types in a body are inferred, and no more.
const sizeLimit = 100_000

// size counts the nodes that are gone through when the body of a function is: with those of its subgraphs and of the functions that it calls, as often as it calls them.
func (c *counting) size(f *onnxpb.FunctionProto) int {
	if n, known := c.sizes[f]; known {
		return n
	}
	c.sizes[f] = sizeLimit // of a function that calls itself
	total := 0
	var add func(list []*onnxpb.NodeProto)
	add = func(list []*onnxpb.NodeProto) {
		for _, n := range list {
			total++
			if called := c.funcs[[3]string{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}]; called != nil {
				total += c.size(called)
			}
			for g := range n.Subgraphs() {
				add(g.GetNode())
			}
			total = min(total, sizeLimit)
		}
	}
	add(f.GetNode())
	c.sizes[f] = total
	return total
}

// bound returns a node of a function's body with the attributes that the call gives.
func bound(n *onnxpb.NodeProto, given map[string]*onnxpb.AttributeProto) *onnxpb.NodeProto {
	changed := false
	for _, a := range n.GetAttribute() {
		changed = changed || a.GetRefAttrName() != ""
	}
	if !changed {
		return n
	}
	x := &onnxpb.NodeProto{Name: n.Name, OpType: n.OpType, Domain: n.Domain, Overload: n.Overload, Input: n.Input, Output: n.Output}
	for _, a := range n.GetAttribute() {
		if a.GetRefAttrName() == "" {
			x.Attribute = append(x.Attribute, a)
		} else if v := given[a.GetRefAttrName()]; v != nil {
			x.Attribute = append(x.Attribute, &onnxpb.AttributeProto{Name: a.Name, Type: v.Type, F: v.F, I: v.I, S: v.S, T: v.T, Ints: v.Ints, Floats: v.Floats, Strings: v.Strings})
		}
	}
	return x
}
