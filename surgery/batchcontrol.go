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
	if x.rows() || x.sized() {
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
		z, ok := c.f.either2(x, y)
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
			_, same = c.f.either2(outs[i], others[i])
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
	for _, t := range branch.GetInitializer() {
		init := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{t}}}).Graph.Initializer[0]
		name := rename(t.GetName(), true)
		init.Name = &name
		f.facts[name] = f.tensorFact(init)
		nodes = append([]*onnxpb.NodeProto{onnxpb.Node("Constant", f.names.Node(name), nil, []string{name}, onnxpb.TensorAttr("value", init))}, nodes...)
	}
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

// either2 returns what is true of two values of which a run has one; false where rows lie differently in them.
func (f *batchFlow) either2(a, b *batchFact) (*batchFact, bool) {
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

// settle finds the facts that hold of the values a loop carries in every pass: it goes through a copy of the body until they stay. What is the same for every row before the
// first pass, and not after it, has to grow: grown tells in which axis (-1: it does not).
func (c *batchCall) settle(body *onnxpb.GraphProto, state []*batchFact, input func([]*batchFact) []*batchFact, carried func([]*batchFact) []*batchFact) (settled []*batchFact, grown []int, err error) {
	state = slices.Clone(state)
	grown = slices.Repeat([]int{-1}, len(state))
	wide := map[extent]bool{} // lengths that stand for whatever a value has in any pass
	for pass := 0; pass < 8; pass++ {
		var outs []*batchFact
		if _, err := c.f.trial(func() error {
			var err error
			outs, err = c.f.inside(cloneGraph(body), input(state))
			return err
		}); err != nil {
			return nil, nil, err
		}
		outs = carried(outs)
		changed := false
		for i, x := range state {
			if i >= len(outs) {
				return nil, nil, c.refuse("its body has not as many outputs as it carries values")
			}
			y := outs[i]
			switch {
			case y.rows() && !x.rows() && x.ranked && y.ranked && x.rank() == y.rank() && !x.sized() && x.dims[y.axis] == y.dims[y.axis].at(c.f.old):
				dims := slices.Clone(x.dims)
				dims[y.axis] = y.dims[y.axis]
				state[i], grown[i], changed = rowsFact(dims, y.axis, y.outer), y.axis, true
				continue
			case y.rows() != x.rows():
				return nil, nil, c.refuse("value %d that it carries is %s before a pass and %s after it", i, describeFact(x), describeFact(y))
			}
			z, ok := c.f.either2(x, y)
			if !ok {
				return nil, nil, c.refuse("the rows lie differently in value %d that it carries before a pass (%s) and after it (%s)", i, describeFact(x), describeFact(y))
			}
			if pass >= 4 && !z.rows() {
				z = unknownFact()
			}
			if sameFact(x, z, wide) {
				continue
			}
			for k, d := range z.dims {
				if k >= len(x.dims) || d != x.dims[k] {
					wide[d] = true
				}
			}
			state[i], changed = z, true
		}
		if !changed {
			return state, grown, nil
		}
	}
	return nil, nil, c.refuse("what it carries from pass to pass could not be followed")
}

// sameFact tells whether a fact is already as wide as another one that it was widened to: wide are the lengths that were made by widening, of which one stands for another.
func sameFact(x, widened *batchFact, wide map[extent]bool) bool {
	if x.ranked != widened.ranked || x.axis != widened.axis || len(x.dims) != len(widened.dims) || (x.vals == nil) != (widened.vals == nil) {
		return false
	}
	for i, d := range x.dims {
		if d != widened.dims[i] && !wide[d] {
			return false
		}
	}
	return slices.Equal(x.vals, widened.vals)
}

// growStates repeats the values that have to grow before the first pass.
func (c *batchCall) growStates(first int, grown []int) error {
	for i, axis := range grown {
		if axis < 0 {
			continue
		}
		if err := c.growBySource(first+i, axis); err != nil {
			return err
		}
	}
	return nil
}

// loop is Loop: how often it runs must be the same for all rows.
func (c *batchCall) loop() ([]*batchFact, error) {
	body := c.n.Attr("body").GetG()
	if body == nil || len(c.in) < 2 {
		return nil, c.refuse("it has no body")
	}
	for i, what := range []string{"how often it runs", "whether it runs"} {
		if err := c.free(i, what); err != nil {
			return nil, err
		}
	}
	state := make([]*batchFact, 0, len(c.in))
	for _, x := range c.in[2:] {
		if x == nil {
			x = unknownFact()
		}
		state = append(state, x)
	}
	input := func(state []*batchFact) []*batchFact {
		return append([]*batchFact{freeFact([]extent{}), freeFact([]extent{})}, state...)
	}
	settled, grown, err := c.settle(body, state, input, func(outs []*batchFact) []*batchFact { return outs[min(1, len(outs)):] })
	if err != nil {
		return nil, err
	}
	if err := c.growStates(2, grown); err != nil {
		return nil, err
	}
	outs, err := c.f.inside(body, input(settled))
	if err != nil {
		return nil, err
	}
	if len(outs) == 0 || outs[0].rows() || outs[0].sized() {
		return nil, c.refuse("whether it goes on depends on the batch")
	}
	result := slices.Clone(settled)
	for _, x := range outs[min(1+len(settled), len(outs)):] {
		result = append(result, c.f.stacked(x, 0, c.f.unknown()))
	}
	return result, nil
}

// stacked is a value of every pass of a loop, put together along an axis.
func (f *batchFlow) stacked(x *batchFact, axis int, passes extent) *batchFact {
	if !x.ranked || axis > x.rank() {
		return unknownFact()
	}
	y := like(x)
	y.dims = slices.Insert(y.dims, axis, passes)
	if y.axis >= axis {
		y.axis++
	}
	return y
}

// scan is Scan, from version 9 on: it must not run along the batch.
func (c *batchCall) scan() ([]*batchFact, error) {
	body := c.n.Attr("body").GetG()
	scans := int(c.n.AttrInt("num_scan_inputs", 0))
	count := len(c.in) - scans
	if body == nil || scans < 1 || count < 0 || c.f.opset < 9 {
		return nil, c.refuse("what this version of it does to the rows of a batch is not known")
	}
	axes, outAxes := c.n.Attr("scan_input_axes").GetInts(), c.n.Attr("scan_output_axes").GetInts()
	passes := c.f.unknown()
	rows := make([]*batchFact, scans)
	for i := range rows {
		x, err := c.data(count + i)
		if err != nil {
			return nil, err
		}
		at := int64(0)
		if i < len(axes) {
			at = axes[i]
		}
		axis, ok := normAxis(at, x.rank())
		if !ok {
			return nil, c.refuse("its axis %d does not fit %s", at, formatExtents(x.dims))
		}
		if axis == x.axis {
			return nil, c.mixes("it runs along axis %d, which holds the batch (%s), as through time", axis, formatExtents(x.dims))
		}
		passes = x.dims[axis]
		y := like(x)
		y.dims = slices.Delete(y.dims, axis, axis+1)
		if y.axis > axis {
			y.axis--
		}
		rows[i] = y
	}
	state := slices.Clone(c.in[:count])
	for i, x := range state {
		if x == nil {
			return nil, c.refuse("its input %d is missing", i)
		}
	}
	input := func(state []*batchFact) []*batchFact { return append(slices.Clone(state), rows...) }
	settled, grown, err := c.settle(body, state, input, func(outs []*batchFact) []*batchFact { return outs[:min(count, len(outs))] })
	if err != nil {
		return nil, err
	}
	if err := c.growStates(0, grown); err != nil {
		return nil, err
	}
	outs, err := c.f.inside(body, input(settled))
	if err != nil {
		return nil, err
	}
	result := slices.Clone(settled)
	for i, x := range outs[min(count, len(outs)):] {
		at := int64(0)
		if i < len(outAxes) {
			at = outAxes[i]
		}
		axis, ok := normAxis(at, x.rank()+1)
		if x.ranked && !ok {
			return nil, c.refuse("its output axis %d does not fit %s", at, formatExtents(x.dims))
		}
		result = append(result, c.f.stacked(x, axis, passes))
	}
	return result, nil
}
