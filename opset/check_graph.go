package opset

import "onnxtool/onnxpb"

// scope is one graph or function body while it is being checked.
type scope struct {
	body   *body
	parent *scope // the enclosing graph, or nil
	depth  int
	nodes  []*onnxpb.NodeProto
	made   []string                     // the values that a subgraph made visible, to be taken back at its end
	makers map[string]*onnxpb.NodeProto // which node makes a value, at this depth; filled when an undefined value is first met
	below  map[string]bool              // values that subgraphs of this scope made: their names are not free
}

// define notes that a value is made, and finds fault where it is made already. what says by what, such as "an initializer".
func (c *checker) define(s *scope, at *place, name, what string) {
	c.name(at, "the value", name)
	if d, ok := s.body.visible[name]; ok {
		if d.depth == s.depth {
			c.fail(at, FaultDuplicate, name, "is made twice in the graph: as %s, and before as %s", what, d.by)
		} else {
			c.fail(at, FaultShadowed, name, "is made as %s, and so hides a value of an enclosing graph (%s)", what, d.by)
		}
		return
	}
	if s.below[name] {
		c.fail(at, FaultShadowed, name, "is made as %s, and a subgraph of an earlier node makes a value of that name", what)
	}
	s.body.visible[name] = definition{s.depth, what}
	if s.parent != nil { // what the outermost graph makes stays
		s.made = append(s.made, name)
	}
}

// leave takes back what the scope of a subgraph made visible.
func (c *checker) leave(s *scope) {
	if s.parent == nil {
		return
	}
	for _, name := range s.made {
		delete(s.body.visible, name)
	}
	if s.parent.below == nil {
		s.parent.below = map[string]bool{}
	}
	for _, name := range s.made {
		s.parent.below[name] = true
	}
	for name := range s.below {
		s.parent.below[name] = true
	}
}

// use checks that a value is made before it is used.
func (c *checker) use(s *scope, at *place, name string) {
	if _, ok := s.body.visible[name]; ok {
		return
	}
	if s.body.outer != nil && s.body.outer(name) {
		return
	}
	for q := s; q != nil; q = q.parent {
		if n := q.maker(name); n != nil {
			where := ""
			if q != s {
				where = " in an enclosing graph"
			}
			c.fail(at, FaultOrder, name, "is used before the node that makes it (%q%s): the nodes are not in topological order, or form a cycle", n.Label(), where)
			return
		}
	}
	c.fail(at, FaultUndefined, name, "is used, but no node, input or initializer makes it")
	c.text(at, "", "the value", name)
}

// maker returns the node of this very graph that makes a value, or nil.
func (s *scope) maker(name string) *onnxpb.NodeProto {
	if s.makers == nil {
		s.makers = map[string]*onnxpb.NodeProto{}
		for _, n := range s.nodes {
			for _, o := range n.GetOutput() {
				if _, ok := s.makers[o]; !ok && o != "" {
					s.makers[o] = n
				}
			}
		}
	}
	return s.makers[name]
}

// graph checks a graph and the subgraphs below it.
func (c *checker) graph(b *body, parent *scope, g *onnxpb.GraphProto, at *place, depth int) {
	if g.GetName() == "" {
		c.fail(at, FaultName, "", "the graph has no name")
	}
	c.name(at, "the graph's name", g.GetName())
	s := &scope{body: b, parent: parent, depth: depth, nodes: g.GetNode()}
	inputs := make(map[string]*onnxpb.ValueInfoProto, len(g.GetInput()))
	for _, v := range g.GetInput() {
		c.valueInfo(at, v, "input", depth == 0 && at.root == "")
		if v.GetName() != "" {
			c.define(s, at, v.GetName(), "an input")
			inputs[v.GetName()] = v
		}
	}
	c.initializers(s, at, g, inputs)
	c.nodeList(s, at, g.GetNode())
	c.outputs(s, at, g)
	c.annotations(s, at, g)
	c.graphText(s, at, g)
	c.leave(s)
}

// initializers checks the initializers of a graph, dense and sparse.
func (c *checker) initializers(s *scope, at *place, g *onnxpb.GraphProto, inputs map[string]*onnxpb.ValueInfoProto) {
	seen := make(map[string]bool, len(g.GetInitializer()))
	one := func(name string, t *onnxpb.TensorProto, dims []int64) {
		if name == "" {
			c.fail(at, FaultName, "", "an initializer has no name")
			return
		}
		input := inputs[name]
		switch {
		case seen[name]:
			c.fail(at, FaultDuplicate, name, "is an initializer twice")
		case input != nil:
			c.initializerOfInput(at, input, t, dims)
		default:
			if c.ir > 0 && c.ir <= 3 {
				c.fail(at, FaultInitializer, name, "is an initializer but no graph input, which it must be up to IR version 3")
			}
			c.define(s, at, name, "an initializer")
		}
		seen[name] = true
	}
	for _, t := range g.GetInitializer() {
		one(t.GetName(), t, t.GetDims())
		c.tensor(at, t, t.GetName())
	}
	for _, t := range g.GetSparseInitializer() {
		name := t.GetValues().GetName()
		one(name, t.GetValues(), t.GetDims())
		c.sparse(at, t, name)
	}
}

// initializerOfInput checks that the default value of a graph input is what the input is declared to be.
func (c *checker) initializerOfInput(at *place, input *onnxpb.ValueInfoProto, t *onnxpb.TensorProto, dims []int64) {
	elem := input.ElemType()
	if elem == onnxpb.TensorProto_UNDEFINED {
		return // another fault, or a subgraph's input
	}
	name := input.GetName()
	if got := onnxpb.TensorProto_DataType(t.GetDataType()); got != elem {
		c.fail(at, FaultTypeMismatch, name, "is an initializer of type %s, but an input of type %s", onnxpb.TypeName(got), onnxpb.TypeName(elem))
	}
	shape, ok := input.Shape()
	if !ok {
		return
	}
	fits := len(shape) == len(dims)
	for i := range shape {
		fits = fits && (!shape[i].Known || shape[i].Value == dims[i])
	}
	if !fits {
		c.fail(at, FaultTypeMismatch, name, "is an initializer of shape %s, but an input of shape %s", onnxpb.FormatShape(onnxpb.Numbers(dims...)), onnxpb.FormatShape(shape))
	}
}

// nodeList checks the nodes of a graph or of a function, in their order.
func (c *checker) nodeList(s *scope, at *place, nodes []*onnxpb.NodeProto) {
	here := *at
	for _, n := range nodes {
		here.node = n
		for _, name := range n.GetInput() {
			if name != "" {
				c.use(s, &here, name)
			}
		}
		// Subgraphs come before the outputs: they do not see them.
		c.node(s, &here, n)
		for _, name := range n.GetOutput() {
			if name != "" {
				c.define(s, &here, name, "an output of this node")
			}
		}
	}
}

// outputs checks that the outputs of a graph are made.
func (c *checker) outputs(s *scope, at *place, g *onnxpb.GraphProto) {
	seen := make(map[string]bool, len(g.GetOutput()))
	for _, v := range g.GetOutput() {
		c.valueInfo(at, v, "output", s.depth == 0 && at.root == "")
		name := v.GetName()
		if name == "" {
			continue
		}
		if seen[name] {
			c.fail(at, FaultGraphOutput, name, "is a graph output twice")
			continue
		}
		seen[name] = true
		d, ok := s.body.visible[name]
		switch {
		case ok && d.depth != s.depth:
			c.warn(at, WarnOuter, name, "is an output of the subgraph, but a value of an enclosing graph: ONNX Runtime asks for an Identity between")
		case !ok && (s.body.outer == nil || !s.body.outer(name)):
			c.fail(at, FaultGraphOutput, name, "is a graph output, but no node, input or initializer makes it")
		}
	}
}

// annotations warns of what is said about values that are not there.
func (c *checker) annotations(s *scope, at *place, g *onnxpb.GraphProto) {
	if !c.o.Warnings {
		return
	}
	here := func(name string) bool {
		d, ok := s.body.visible[name]
		return ok && d.depth == s.depth
	}
	seen := map[string]bool{}
	for _, v := range g.GetValueInfo() {
		name := v.GetName()
		switch {
		case seen[name]:
			c.warn(at, WarnDuplicate, name, "has two value_info entries")
		case !here(name):
			c.warn(at, WarnStale, name, "has a value_info, but is no value of the graph")
		}
		seen[name] = true
	}
	for _, q := range g.GetQuantizationAnnotation() {
		if !here(q.GetTensorName()) {
			c.warn(at, WarnStale, q.GetTensorName(), "has a quantisation annotation, but is no value of the graph")
		}
	}
}
