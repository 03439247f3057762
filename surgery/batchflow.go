package surgery

import (
	"fmt"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// batchFlow follows the batch through a graph, from the inputs forward, one operator after the other. It mends, in place, the constants that
// stand for the batch, and stops with an error where a row of the result would no longer be what the model computes from that row alone.
type batchFlow struct {
	g          *Graph
	opset      int64 // version of the default domain
	old        int64 // the batch that the constants were made for
	free       bool  // the batch was no number: see followBatch
	batchSyms  map[string]bool
	facts      map[string]*batchFact
	source     string // an input that holds the batch and nothing else in axis sourceAxis
	sourceAxis int
	trusted    map[string]bool // operators that are taken to work row by row: see BatchOptions.Trust
	names      *Names
	report     *Report

	shapes    *shape.Result   // see inferred
	trying    int             // trials that the analysis is within
	steps     int             // nodes that may still be followed
	random    map[string]bool // values that are drawn at random, and the same for no two runs
	functions map[string]*onnxpb.FunctionProto
	depth     int                 // functions that the analysis is within
	inner     []innerValue        // declarations of subgraphs
	nodes     []*onnxpb.NodeProto // the new list of nodes of the graph under analysis
	fresh     int                 // how many unknown lengths there are
	mends     int
	replaced  []string          // values that a mended node does not read any more
	shared    map[string]string // values that mends made, by what they are, for others to read
	squeezed  *squeezedBatch    // the Squeeze that was refused, as it drops the batch
	stuck     string            // the first output of the node that was refused, or the output of the graph
}

// newBatchFlow starts an analysis of the batch in some inputs; old is the batch that the constants of the graph were made for.
func newBatchFlow(m *onnxpb.ModelProto, in *batchInputsOf, o BatchOptions, old int64, r *Report) (*batchFlow, error) {
	syms := in.symbols
	f := &batchFlow{
		g: NewGraph(m), opset: m.OpsetVersion(""), old: old, batchSyms: syms, facts: map[string]*batchFact{},
		names: NewNames(m), report: r, shared: map[string]string{}, trusted: map[string]bool{},
		functions: map[string]*onnxpb.FunctionProto{}, random: map[string]bool{}, steps: 8*expandedNodes(m) + 100_000,
	}
	for _, fn := range m.GetFunctions() {
		f.functions[functionName(fn.GetDomain(), fn.GetName(), fn.GetOverload())] = fn
	}
	for _, op := range o.Trust {
		f.trusted[strings.TrimPrefix(op, "ai.onnx.")] = true
	}
	var defaults []string
	for _, t := range m.GetGraph().GetInitializer() {
		x := f.tensorFact(t)
		if f.facts[t.GetName()] = x; x.vals != nil && !isFloat(x.elem) && m.GetIrVersion() >= 4 && f.g.IsInput(t.GetName()) && len(f.g.Consumers(t.GetName())) > 0 {
			defaults = append(defaults, t.GetName())
		}
	}
	if len(defaults) > 0 {
		r.Note("the defaults of inputs (%s) are taken for their values: the batch was followed for these, and for no others that may be fed", someOf(defaults))
	}
	for _, s := range m.GetGraph().GetSparseInitializer() {
		f.facts[s.GetValues().GetName()] = freeFact(extentsOf(s.GetDims()))
	}
	for _, v := range m.GetGraph().GetInput() {
		name := v.GetName()
		if f.facts[name] != nil {
			continue // an initializer that is an input too: a default
		}
		dims, ranked := f.declaredDims(v)
		x := unknownFact()
		if ranked {
			x = freeFact(dims)
		}
		x.elem = v.ElemType()
		if in.names[name] {
			axis := in.axis[name]
			for i, d := range v.ShapeProto().GetDim() {
				if p := d.GetDimParam(); i != axis && p != "" && syms[p] {
					return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: name, Msg: fmt.Sprintf("symbol %s stands for the batch, and for another dimension of this input too", p), Hint: "rename one of the two: onnxtool rename --dim"}
				}
			}
			x.dims[axis] = batchExtent
			x.axis, x.outer = axis, extentOf(1)
			if f.source == "" {
				f.source, f.sourceAxis = name, axis
			}
		}
		f.facts[name] = x
	}
	return f, nil
}

// someOf lists the first few of some names.
func someOf(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// unknown makes a length or number that does not depend on the batch, but is not known.
func (f *batchFlow) unknown() extent {
	f.fresh++
	return symExtent(hiddenSym + strconv.Itoa(f.fresh))
}

// run follows the batch through all nodes, and puts the nodes that mends need among them.
func (f *batchFlow) run() error {
	top := f.g.Model.GetGraph()
	for _, n := range top.GetNode() {
		if perRowOps[n.GetOpType()] { // before anything is mended
			f.inferred()
			break
		}
	}
	f.nodes = make([]*onnxpb.NodeProto, 0, len(top.GetNode()))
	for _, n := range top.GetNode() {
		if err := f.process(n); err != nil {
			f.stuck = firstOutput(n)
			return err
		}
	}
	top.Node = f.nodes
	dropReplaced(f.g.Model, f.replaced, f.report)
	return nil
}

// firstOutput names a node by what it makes; it is empty where that is nothing.
func firstOutput(n *onnxpb.NodeProto) string {
	for _, o := range n.GetOutput() {
		if o != "" {
			return o
		}
	}
	return ""
}

// batchCall is one node under analysis.
type batchCall struct {
	f  *batchFlow
	n  *onnxpb.NodeProto
	in []*batchFact // nil for an input that is left out

	captures []string // values that its subgraphs read and that depend on the batch
	replaced bool     // other nodes took its place, and its outputs have their facts
}

// batchRule says what an operator does to the batch.
type batchRule struct {
	// fn returns the facts of the outputs; fewer than there are means that the others cannot be told.
	fn func(*batchCall) ([]*batchFact, error)
	// rows and sized are the inputs (one bit each) that may hold rows, and numbers computed from the size of the batch.
	rows, sized uint32
}

const anyInput = ^uint32(0)

// at makes the bits of inputs.
func at(inputs ...int) uint32 {
	var m uint32
	for _, i := range inputs {
		m |= 1 << i
	}
	return m
}

func (r batchRule) allows(mask uint32, i int) bool { return mask&(1<<min(i, 31)) != 0 }

// step finds the facts of the outputs of a node; replaced tells that other nodes have taken its place.
func (f *batchFlow) step(n *onnxpb.NodeProto) (replaced bool, err error) {
	c := &batchCall{f: f, n: n, in: make([]*batchFact, len(n.GetInput()))}
	if f.steps--; f.steps < 0 {
		return false, c.refuse("its functions and loops stand so deep within each other that they cannot be followed in any reasonable time")
	}
	moves, random := false, isRandom(n)
	for i, name := range n.GetInput() {
		if name == "" {
			continue
		}
		x := f.facts[name]
		if x == nil {
			return false, &onnxpb.Error{Kind: onnxpb.Unfit, Node: n.Label(), Tensor: name, Msg: "is read before it is made, or never made", Hint: "see onnxtool check; onnxtool tidy sorts the nodes"}
		}
		c.in[i] = x
		moves = moves || x.moves()
		random = random || f.random[name]
	}
	for _, name := range captured(n) {
		random = random || f.random[name]
		if x := f.facts[name]; x.moves() {
			moves, c.captures = true, append(c.captures, name)
		}
	}
	if moves && isRandom(n) {
		return false, c.refuse("%s draws at random, another number for every row and run", n.GetOpType())
	}
	if random && moves {
		return false, c.refuse("it reads what is drawn at random, which is another for every row and run")
	}
	if moves {
		for i, x := range c.in {
			if x != nil && !x.ranked {
				c.in[i] = f.ranked(n.Input[i], x)
			}
		}
	}
	outs, err := c.outputs(moves)
	if err != nil || c.replaced {
		return c.replaced, err
	}
	for i, name := range n.GetOutput() {
		if name == "" {
			continue
		}
		var x *batchFact
		if i < len(outs) {
			x = outs[i]
		}
		if x == nil {
			if moves {
				return false, c.refuse("what its output %d holds cannot be told row by row", i)
			}
			x = unknownFact()
		}
		f.refine(name, x)
		if !x.sound() && !moves {
			x = unknownFact()
		}
		if !x.sound() {
			return false, c.refuse("the shape of %q depends on the batch in a way that cannot be followed: %s", name, formatExtents(x.dims))
		}
		f.facts[name] = x
		if random {
			f.random[name] = true
		}
	}
	return false, nil
}

// ranked adds what was inferred of a value of which nothing else is known; it does not depend on the batch.
func (f *batchFlow) ranked(name string, x *batchFact) *batchFact {
	v := f.inferred().Value(name)
	if v == nil || v.Kind != shape.Tensor || !v.Ranked || x.moves() {
		return x
	}
	y := *x
	y.ranked, y.dims = true, make([]extent, len(v.Dims))
	for k, d := range v.Dims {
		if n, ok := d.Const(); ok {
			y.dims[k] = extentOf(n)
		} else {
			y.dims[k] = f.unknown()
		}
	}
	return &y
}

// isRandom tells whether a node draws at random.
func isRandom(n *onnxpb.NodeProto) bool {
	switch n.GetOpType() {
	case "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli":
		return onnxpb.NormalDomain(n.GetDomain()) == ""
	}
	return false
}

// outputs applies the rule of the operator. moves says whether any input depends on the batch.
func (c *batchCall) outputs(moves bool) ([]*batchFact, error) {
	if x := c.values(); x != nil {
		return []*batchFact{x}, nil
	}
	if outs, followed, err := c.sequences(); followed {
		return outs, err
	}
	if moves {
		if outs, followed, err := c.subgraphs(); followed {
			return outs, err
		}
		if len(c.captures) > 0 {
			return nil, c.refuse("its subgraph reads %q, which depends on the batch, and is not followed", c.captures[0])
		}
	}
	rule, known := batchRules[c.n.GetOpType()]
	switch onnxpb.NormalDomain(c.n.GetDomain()) {
	case "":
	case "com.microsoft":
		rule, known = microsoftBatchRules[c.n.GetOpType()]
	case "ai.onnx.ml":
		rule, known = mlBatchRules[c.n.GetOpType()]
	default:
		known = false
	}
	if !moves {
		if !known {
			return nil, nil
		}
		outs, err := rule.fn(c)
		if err != nil {
			return nil, nil // it does not meet the batch: not knowing its shape does no harm yet
		}
		return outs, nil
	}
	if !known {
		op := c.n.GetOpType()
		if d := onnxpb.NormalDomain(c.n.GetDomain()); d != "" {
			op = d + "." + op
		}
		if c.f.trusted[op] {
			return c.trust()
		}
		e := c.refuse("what operator %s does to the rows of a batch is not known", op)
		e.Hint = "if it works on each row by itself: --trust " + op
		return nil, e
	}
	for i, x := range c.in {
		switch {
		case x.rows() && !rule.allows(rule.rows, i):
			return nil, c.refuse("its input %q depends on what the rows hold, so one row's result would hang on the others", c.n.Input[i])
		case x.sized() && !rule.allows(rule.sized, i):
			return nil, c.refuse("it computes with the size of the batch (input %q)", c.n.Input[i])
		}
	}
	return rule.fn(c)
}

// captured returns the values that the subgraphs of a node take from outside.
func captured(n *onnxpb.NodeProto) []string {
	var out []string
	var graph func(g *onnxpb.GraphProto)
	inner := map[string]int{}
	graph = func(g *onnxpb.GraphProto) {
		for name := range definitions(g) {
			inner[name]++
		}
		use := func(name string) {
			if name != "" && inner[name] == 0 {
				out = append(out, name)
			}
		}
		for _, n := range g.GetNode() {
			for _, in := range n.GetInput() {
				use(in)
			}
			for s := range n.Subgraphs() {
				graph(s)
			}
		}
		for _, o := range g.GetOutput() {
			use(o.GetName())
		}
		for name := range definitions(g) {
			inner[name]--
		}
	}
	for s := range n.Subgraphs() {
		graph(s)
	}
	return out
}

// batchHint is what is left to do where a model does not allow another batch.
const batchHint = "if the batch is another axis of an input, name it: --axis INPUT=AXIS; else export the model with a free batch axis, or have each row run by itself, which is slow: --each-row"

// refuse makes the error that this node does not allow the change of the batch.
func (c *batchCall) refuse(format string, args ...any) *onnxpb.Error {
	return &onnxpb.Error{Kind: onnxpb.Refused, Node: c.n.Label(), Msg: "the batch cannot be changed: " + fmt.Sprintf(format, args...), Hint: batchHint}
}

// mixes makes the error that this node computes across the rows.
func (c *batchCall) mixes(format string, args ...any) error {
	return c.refuse("%s mixes rows: %s", c.n.GetOpType(), fmt.Sprintf(format, args...))
}

// input returns the fact of input i, nil where it is left out.
func (c *batchCall) input(i int) *batchFact {
	if i >= 0 && i < len(c.in) {
		return c.in[i]
	}
	return nil
}

// data returns input i, which must be there with a known rank.
func (c *batchCall) data(i int) (*batchFact, error) {
	x := c.input(i)
	if x == nil {
		return nil, c.refuse("its input %d is missing", i)
	}
	if !x.ranked {
		return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
	}
	return x, nil
}

// outputsUsed counts the outputs that a node has a name for.
func (c *batchCall) outputsUsed() int {
	used := 0
	for _, o := range c.n.GetOutput() {
		if o != "" {
			used++
		}
	}
	return used
}

// normAxis counts a negative axis from the end.
func normAxis(axis int64, rank int) (int, bool) {
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), axis >= 0 && axis < int64(rank)
}

// axis returns the axis that an attribute names.
func (c *batchCall) axis(x *batchFact, def int64) (int, error) {
	a, ok := normAxis(c.n.AttrInt("axis", def), x.rank())
	if !ok {
		return 0, c.refuse("its axis %d does not fit %s", c.n.AttrInt("axis", def), formatExtents(x.dims))
	}
	return a, nil
}

// ints returns a list of integers that an attribute holds, or from some version of the operator on an input. given is false where there is
// neither.
func (c *batchCall) ints(attr string, input int) (list []int64, given bool, err error) {
	if a := c.n.Attr(attr); a != nil {
		return a.GetInts(), true, nil
	}
	x := c.input(input)
	if input < 0 || x == nil {
		return nil, false, nil
	}
	list, ok := x.numbers()
	if !ok && !x.moves() && x.vals == nil {
		list, ok = constants(c.f.inferred().Value(c.n.Input[input])) // it may follow from more than is looked at here
	}
	if !ok {
		return nil, false, c.refuse("the numbers in its input %q are not known", c.n.Input[input])
	}
	return list, true, nil
}
