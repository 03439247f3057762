package surgery

import (
	"maps"
	"slices"

	"onnxtool/onnxpb"
)

// innerValue is a declaration within a subgraph, with what the analysis found of the value.
type innerValue struct {
	declared *onnxpb.ValueInfoProto
	fact     *batchFact
}

// inside follows the batch through a graph that a node holds, whose inputs are known, and returns the facts of its outputs. Mends are made in that graph.
func (f *batchFlow) inside(g *onnxpb.GraphProto, inputs []*batchFact) ([]*batchFact, error) {
	nodes, shared := f.nodes, f.shared
	// What is made for others to read here is not seen outside.
	f.nodes, f.shared = make([]*onnxpb.NodeProto, 0, len(g.GetNode())), maps.Clone(f.shared)
	defer func() { f.nodes, f.shared = nodes, shared }()
	var own []string
	define := func(name string, x *batchFact) {
		if name != "" {
			f.facts[name] = x
			own = append(own, name)
		}
	}
	for _, t := range g.GetInitializer() {
		define(t.GetName(), f.tensorFact(t))
	}
	for _, s := range g.GetSparseInitializer() {
		define(s.GetValues().GetName(), freeFact(extentsOf(s.GetDims())))
	}
	for i, v := range g.GetInput() {
		x := unknownFact()
		if i < len(inputs) && inputs[i] != nil {
			x = inputs[i]
		}
		define(v.GetName(), x)
	}
	for _, n := range g.GetNode() {
		if err := f.process(n); err != nil {
			return nil, err
		}
		for _, o := range n.GetOutput() {
			if o != "" {
				own = append(own, o)
			}
		}
	}
	outs := make([]*batchFact, len(g.GetOutput()))
	for i, o := range g.GetOutput() {
		if outs[i] = f.facts[o.GetName()]; outs[i] == nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Unfit, Tensor: o.GetName(), Msg: "is an output of a subgraph that nothing makes", Hint: "see onnxtool check"}
		}
		if outs[i].seq != nil && outs[i].moves() {
			return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: o.GetName(), Msg: "the batch cannot be changed: this output of a subgraph is a sequence of what depends on the batch", Hint: batchHint}
		}
	}
	g.Node = f.nodes
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range list {
			if x := f.facts[v.GetName()]; x.rows() {
				f.inner = append(f.inner, innerValue{v, x})
			}
		}
	}
	for _, name := range own { // another subgraph may have values of the same names
		delete(f.facts, name)
	}
	return outs, nil
}

// trial runs something that may mend, and takes back all that it did to the model and the report.
func (f *batchFlow) trial(run func() error) (mends int, err error) {
	top := f.g.Model.GetGraph()
	inits, changes, notes, before, replaced, inner, nodes := len(top.Initializer), len(f.report.Changes), len(f.report.Notes), f.mends, len(f.replaced), len(f.inner), len(f.nodes)
	shared := f.shared
	f.shared = maps.Clone(shared)
	f.trying++
	err = run()
	f.trying--
	f.shared = shared
	mends = f.mends - before
	top.Initializer = top.Initializer[:inits]
	f.report.Changes, f.report.Notes = f.report.Changes[:changes], f.report.Notes[:notes]
	f.mends, f.replaced, f.inner, f.nodes = before, f.replaced[:replaced], f.inner[:inner], f.nodes[:nodes]
	return mends, err
}

// cloneGraph copies a graph but for the payloads of its tensors.
func cloneGraph(g *onnxpb.GraphProto) *onnxpb.GraphProto {
	return onnxpb.Clone(&onnxpb.ModelProto{Graph: g}).Graph
}

// free holds an input that decides what a node runs to being the same for all rows.
func (c *batchCall) free(i int, what string) error {
	x := c.input(i)
	if x.moves() {
		return c.refuse("%s depends on the batch (input %q)", what, c.n.Input[i])
	}
	return nil
}

// subgraphs follows the batch into the graphs that a node holds; false where it is none of the operators of which that is known.
func (c *batchCall) subgraphs() ([]*batchFact, bool, error) {
	if onnxpb.NormalDomain(c.n.GetDomain()) != "" {
		return nil, false, nil
	}
	var outs []*batchFact
	var err error
	switch c.n.GetOpType() {
	case "If":
		outs, err = c.branches()
	case "Loop":
		outs, err = c.loop()
	case "Scan":
		outs, err = c.scan()
	default:
		return nil, false, nil
	}
	return outs, true, err
}

// branches is If: both branches have to give outputs in which the rows lie alike. Of an If whose condition is a constant only the branch that it takes counts.
func (c *batchCall) branches() ([]*batchFact, error) {
	if err := c.free(0, "which branch it takes"); err != nil {
		return nil, err
	}
	then, els := c.n.Attr("then_branch").GetG(), c.n.Attr("else_branch").GetG()
	if then == nil || els == nil {
		return nil, c.refuse("it has not two branches")
	}
	if cond, ok := c.input(0).numbers(); ok && len(cond) == 1 {
		taken, other := els, then
		if cond[0] != 0 {
			taken, other = then, els
		}
		return c.takenBranch(taken, other)
	}
	a, err := c.f.inside(then, nil)
	if err != nil {
		return nil, err
	}
	b, err := c.f.inside(els, nil)
	if err != nil {
		return nil, err
	}
	return c.alike(then, els, a, b)
}

// alike returns what is true of the outputs of two branches. Where one has rows and the other is the same for every row, that is repeated.
func (c *batchCall) alike(then, els *onnxpb.GraphProto, a, b []*batchFact) ([]*batchFact, error) {
	outs := make([]*batchFact, min(len(a), len(b)))
	for i := range outs {
		x, y := a[i], b[i]
		switch {
		case x.rows() && !y.rows():
			y = c.growOutput(els, i, y, x)
		case y.rows() && !x.rows():
			x = c.growOutput(then, i, x, y)
		}
		z, ok := c.f.eitherOf(x, y)
		if !ok {
			return nil, c.refuse("the rows lie differently in output %d of its branches (%s, %s)", i, describeFact(x), describeFact(y))
		}
		outs[i] = z
	}
	return outs, nil
}

// growOutput repeats an output of a subgraph, which is the same for every row, as often as there are rows; x is what is known of it, and rows what it is to become. It returns x
// where it cannot.
func (c *batchCall) growOutput(g *onnxpb.GraphProto, i int, x, rows *batchFact) *batchFact {
	if c.f.old != 1 || c.f.opset < 8 || !x.ranked || x.sized() || x.rank() != rows.rank() || !rows.outer.is(1) || x.dims[rows.axis] != rows.dims[rows.axis].at(1) {
		return x
	}
	name := g.Output[i].GetName()
	repeats := c.repeats(name, x.rank(), rows.axis, c.f.source, c.f.sourceAxis) // outside, where others read it too
	grown := c.f.names.Value(name + "_rows")
	g.Node = append(g.Node, onnxpb.Node("Tile", c.f.names.Node(name+"_rows"), []string{name, repeats}, []string{grown}))
	g.Output[i].Name = &grown
	y := like(x)
	y.dims[rows.axis] = rows.dims[rows.axis]
	y = rowsFact(y.dims, rows.axis, extentOf(1))
	c.f.inner = append(c.f.inner, innerValue{g.Output[i], y})
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), "output "+name+" of a branch", "output "+grown)
	return y
}

// takenBranch follows the branch of an If that is always taken. The other one is never run; where it cannot follow, or gives something else, the node is replaced by the nodes
// of the branch that is taken: an engine would take what it says of its outputs for true.
func (c *batchCall) takenBranch(taken, other *onnxpb.GraphProto) ([]*batchFact, error) {
	var outs, others []*batchFact
	if _, err := c.f.trial(func() error {
		var err error
		outs, err = c.f.inside(cloneGraph(taken), nil)
		return err
	}); err != nil {
		return nil, err
	}
	_, err := c.f.trial(func() error {
		var err error
		others, err = c.f.inside(cloneGraph(other), nil)
		return err
	})
	same := err == nil && len(others) == len(outs)
	for i := range outs {
		if same {
			_, same = c.f.eitherOf(outs[i], others[i])
		}
	}
	if !same {
		return nil, c.inline(taken)
	}
	if _, err := c.f.inside(other, nil); err != nil {
		return nil, err
	}
	return c.f.inside(taken, nil)
}

// inline puts the nodes of a branch in the place of the node, by names that are new.
func (c *batchCall) inline(branch *onnxpb.GraphProto) error {
	f := c.f
	body := &onnxpb.FunctionProto{Node: branch.GetNode()}
	made := map[string]bool{}
	for _, t := range branch.GetInitializer() {
		made[t.GetName()] = true
	}
	for _, n := range branch.GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = true
		}
	}
	nodes, rename := f.instanceOf(c.n, body, made)
	var constants []*onnxpb.NodeProto
	for _, t := range branch.GetInitializer() {
		init := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{t}}}).Graph.Initializer[0]
		name := rename(t.GetName(), true)
		init.Name = &name
		f.facts[name] = f.tensorFact(init)
		if f.g.Model.GetIrVersion() >= 4 {
			f.g.Model.Graph.Initializer = append(f.g.Model.Graph.Initializer, init)
			continue
		}
		constants = append(constants, onnxpb.Node("Constant", f.names.Node(name), nil, []string{name}, onnxpb.TensorAttr("value", init)))
	}
	nodes = append(constants, nodes...)
	if len(branch.GetSparseInitializer()) > 0 {
		return c.refuse("its other branch cannot follow the batch, and this one holds sparse tensors")
	}
	for i, o := range c.n.GetOutput() {
		if o != "" && i < len(branch.GetOutput()) {
			from := rename(branch.GetOutput()[i].GetName(), false)
			nodes = append(nodes, onnxpb.Node("Identity", f.names.Node(o), []string{from}, []string{o}))
		}
	}
	f.mends++
	f.report.Add("changed", "node", c.n.Label(), "If", "the nodes of the branch that it always takes")
	c.replaced = true
	for _, n := range nodes {
		if err := f.process(n); err != nil {
			return err
		}
	}
	return nil
}

// describeFact writes the shape of a value, with the axis of its rows.
func describeFact(x *batchFact) string {
	switch {
	case !x.ranked:
		return "a shape that is not known"
	case x.sized():
		return "numbers " + formatExtents(x.vals)
	}
	return formatExtents(x.dims)
}

// eitherOf returns what is true of two values of which a run has one; false where rows lie differently in them.
func (f *batchFlow) eitherOf(a, b *batchFact) (*batchFact, bool) {
	if a.rows() != b.rows() {
		return nil, false
	}
	if !a.ranked || !b.ranked || a.rank() != b.rank() {
		return unknownFact(), !a.rows() && !a.sized() && !b.sized()
	}
	if a.rows() && (a.axis != b.axis || a.dims[a.axis] != b.dims[b.axis] || a.outer != b.outer) {
		return nil, false
	}
	y := like(a)
	if a.elem == b.elem {
		y.elem = a.elem
	}
	for i, d := range b.dims {
		if y.dims[i] != d {
			y.dims[i] = f.unknown()
		}
	}
	if slices.Equal(a.vals, b.vals) && slices.Equal(a.dims, b.dims) {
		y.vals = a.vals
	} else if a.sized() || b.sized() {
		return nil, false
	}
	return y, true
}
