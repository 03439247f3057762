package surgery

import (
	"slices"
	"strconv"

	"onnxtool/onnxpb"
)

// process follows the batch through one node, and puts it among the nodes of the graph, behind those that mends need. A call of a function whose body has to be mended is
// replaced by the body: other calls keep the function as it is.
func (f *batchFlow) process(n *onnxpb.NodeProto) error {
	if len(f.functions) > 0 {
		if body := f.functions[functionName(n.GetDomain(), n.GetOpType(), n.GetOverload())]; body != nil {
			return f.call(n, body)
		}
	}
	replaced, err := f.step(n)
	if err == nil && !replaced {
		f.nodes = append(f.nodes, n)
	}
	return err
}

// expandedNodes counts the nodes of a model with those of its functions at every call; it counts no further than half a million.
func expandedNodes(m *onnxpb.ModelProto) int {
	const most = 500_000
	functions := map[string]*onnxpb.FunctionProto{}
	for _, fn := range m.GetFunctions() {
		functions[functionName(fn.GetDomain(), fn.GetName(), fn.GetOverload())] = fn
	}
	known := map[string]int{}
	var count func(nodes []*onnxpb.NodeProto) int
	count = func(nodes []*onnxpb.NodeProto) int {
		n := 0
		for _, x := range nodes {
			n++
			key := functionName(x.GetDomain(), x.GetOpType(), x.GetOverload())
			if fn := functions[key]; fn != nil {
				size, ok := known[key]
				if !ok {
					known[key] = 1 // one that calls itself ends here
					size = count(fn.GetNode())
					known[key] = size
				}
				n += size
			}
			for sub := range x.Subgraphs() {
				n += count(sub.GetNode())
			}
			n = min(n, most)
		}
		return n
	}
	return count(m.GetGraph().GetNode())
}

func functionName(domain, name, overload string) string {
	return onnxpb.NormalDomain(domain) + "\x00" + name + "\x00" + overload
}

// call follows the batch into a function.
func (f *batchFlow) call(n *onnxpb.NodeProto, body *onnxpb.FunctionProto) error {
	c := &batchCall{f: f, n: n, in: make([]*batchFact, len(n.GetInput()))}
	moves := false
	for i, name := range n.GetInput() {
		if name == "" {
			continue
		}
		x := f.facts[name]
		if x == nil {
			return &onnxpb.Error{Kind: onnxpb.Unfit, Node: n.Label(), Tensor: name, Msg: "is read before it is made, or never made", Hint: "see onnxtool check; onnxtool tidy sorts the nodes"}
		}
		c.in[i] = x
		moves = moves || x.moves()
	}
	if f.depth++; f.depth > 32 {
		return c.refuse("its function calls itself, or functions stand too deep within each other")
	}
	defer func() { f.depth-- }()
	version := f.opset
	for _, i := range body.GetOpsetImport() {
		if onnxpb.NormalDomain(i.GetDomain()) == "" {
			version = i.GetVersion()
		}
	}
	outer := f.opset
	follow := func(nodes []*onnxpb.NodeProto) error {
		f.opset = version
		defer func() { f.opset = outer }()
		for _, x := range nodes {
			if err := f.process(x); err != nil {
				return err
			}
		}
		return nil
	}
	nodes, own := f.instance(n, body)
	if f.trying > 0 { // what is done here is taken back anyway
		err := follow(nodes)
		for _, name := range own {
			delete(f.facts, name)
		}
		if err != nil && moves {
			return err
		}
		for _, name := range n.GetOutput() {
			if name != "" && f.facts[name] == nil {
				f.facts[name] = unknownFact()
			}
		}
		return nil
	}
	mends, err := f.trial(func() error { return follow(nodes) })
	outs := make([]*batchFact, len(n.GetOutput()))
	for i := range outs {
		outs[i] = f.facts[n.GetOutput()[i]]
	}
	for _, name := range own {
		delete(f.facts, name)
	}
	if err != nil {
		if moves {
			return err
		}
		outs, mends = nil, 0 // the batch is not in it: not to know its shapes does no harm yet
	}
	if mends == 0 {
		for i, name := range n.GetOutput() {
			if name == "" {
				continue
			}
			x := unknownFact()
			if i < len(outs) && outs[i] != nil {
				x = outs[i]
			}
			f.refine(name, x)
			f.facts[name] = x
		}
		f.nodes = append(f.nodes, n)
		return nil
	}
	if version != outer {
		return c.refuse("its function would have to be mended, and is written for opset %d, the model for %d", version, outer)
	}
	if err := c.importsFor(body); err != nil {
		return err
	}
	if nodes, _ = f.instance(n, body); len(nodes) == 0 {
		return c.refuse("its function has no nodes")
	}
	f.report.Add("changed", "node", n.Label(), n.GetDomain()+"."+n.GetOpType(), "the nodes of its function, which are mended for this call")
	return follow(nodes)
}

// importsFor has the model import the operator sets of a function whose nodes come into its graph.
func (c *batchCall) importsFor(body *onnxpb.FunctionProto) error {
	m := c.f.g.Model
	for _, i := range body.GetOpsetImport() {
		domain := onnxpb.NormalDomain(i.GetDomain())
		if domain == "" {
			continue // compared already
		}
		switch have := m.OpsetVersion(domain); have {
		case i.GetVersion():
		case 0:
			m.OpsetImport = append(m.OpsetImport, onnxpb.Opset(domain, i.GetVersion()))
			c.f.report.Add("added", "opset", domain, "", strconv.FormatInt(i.GetVersion(), 10))
		default:
			return c.refuse("its function would have to be mended, and is written for version %d of %s, the model for %d", i.GetVersion(), domain, have)
		}
	}
	return nil
}

// instance makes the nodes of a function at one of its calls: its attributes are those of the call, its inputs and outputs those of the node, and all other
// values have names that are new. own lists these.
func (f *batchFlow) instance(n *onnxpb.NodeProto, body *onnxpb.FunctionProto) (nodes []*onnxpb.NodeProto, own []string) {
	nodes, rename := f.instanceOf(n, body, nil)
	seen := map[string]bool{}
	for _, x := range body.GetNode() {
		for _, o := range x.GetOutput() {
			if to := rename(o, false); o != "" && !seen[to] && !slices.Contains(n.GetOutput(), to) {
				seen[to] = true
				own = append(own, to)
			}
		}
	}
	return nodes, own
}

// instanceOf is instance for a body that may read values of the graph around it, where made is not nil: then only the values that it makes have new names. rename tells the
// name of a value of the body, and gives it a new one where always says so.
func (f *batchFlow) instanceOf(n *onnxpb.NodeProto, body *onnxpb.FunctionProto, made map[string]bool) (nodes []*onnxpb.NodeProto, rename func(name string, always bool) string) {
	c := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Node: body.GetNode()}})
	names := map[string]string{"": ""}
	for i, name := range body.GetInput() {
		names[name] = ""
		if i < len(n.GetInput()) {
			names[name] = n.GetInput()[i]
		}
	}
	for i, name := range body.GetOutput() {
		if i < len(n.GetOutput()) && n.GetOutput()[i] != "" && names[name] == "" {
			names[name] = n.GetOutput()[i]
		}
	}
	base := n.GetName()
	if base == "" {
		base = n.GetOpType()
	}
	value := func(name string, always bool) string {
		to, ok := names[name]
		if !ok {
			to = name
			if made == nil || made[name] || always {
				to = f.names.Value(base + "/" + name)
			}
			names[name] = to
		}
		return to
	}
	attrs := map[string]*onnxpb.AttributeProto{}
	for _, a := range body.GetAttributeProto() {
		attrs[a.GetName()] = a
	}
	for _, a := range n.GetAttribute() {
		attrs[a.GetName()] = a
	}
	v := nameVisitor{value: func(p *string) { *p = value(*p, false) }, node: func(p *string) { *p = f.names.Node(base + "/" + *p) }}
	for _, x := range c.Graph.Node {
		if made == nil {
			bindAttributes(x, attrs)
		}
		v.oneNode(x)
	}
	return c.Graph.Node, value
}

// bindAttributes puts the attributes of a call where a function's node refers to them; one that the call does not have is left out.
func bindAttributes(n *onnxpb.NodeProto, attrs map[string]*onnxpb.AttributeProto) {
	var kept []*onnxpb.AttributeProto
	for _, a := range n.GetAttribute() {
		if ref := a.GetRefAttrName(); ref != "" {
			given := attrs[ref]
			if given == nil {
				continue
			}
			b := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{{Attribute: []*onnxpb.AttributeProto{given}}}}}).Graph.Node[0].Attribute[0]
			b.Name = a.Name
			a = b
		}
		kept = append(kept, a)
	}
	n.Attribute = kept
	for g := range n.Subgraphs() {
		for _, x := range g.GetNode() {
			bindAttributes(x, attrs)
		}
	}
}
