package surgery

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// MatchOptions say more of what Match looks for than the pattern does.
type MatchOptions struct {
	// Constants are inputs of the pattern that mean constants only: initializers, or what Constants make, of any value.
	Constants []string
	// AnyAttributes lets nodes have attributes that the pattern does not tell, whatever they are. Without it they must have the operator's default.
	AnyAttributes bool
	// Graphs say where the nodes stand; see NodeChoice. Without any, in the main graph and all of its subgraphs.
	Graphs []string
	// Accept, where it is set, has the last word on a match.
	Accept func(*PatternMatch) bool
	// Dir is the directory that the model's external data is relative to, PatternDir that of the pattern's.
	Dir, PatternDir string
}

// PatternMatch is a group of nodes that has the form of a pattern.
type PatternMatch struct {
	Graph      string                            // where they stand: main, choose/then_branch
	Nodes      []*onnxpb.NodeProto               // in the order of the pattern's nodes, without its Constants
	Values     map[string]string                 // the values of the pattern, by the names that they have in the model
	Attributes map[string]*onnxpb.AttributeProto // the attributes that the pattern calls by a name; nil where the node leaves them to the operator

	frame  *frame
	placed []placed
	wires  map[string]*wire
}

// Match finds the groups of nodes that have the form of a pattern, in the order of the model. The pattern is a model of which the graph matters, and functions that it calls, which are inlined first. It need
// not be valid: its values may be without types, and its attributes may refer to names.
//
// Nodes match that have the operator, the domain, as many inputs, and the attributes of the pattern's; an attribute that refers to a name (alpha: float = @a) matches any value, or the operator's
// default, and gives it that name: the same name twice is the same value. Two inputs of Add, Mul, And, Or, Xor, Equal, Max, Min, Sum, Mean and the bitwise operators match in either order. An input of the
// pattern means any value, also one that stands in a graph around; where it, or an output, has a type, only one that is known to have it, and its symbols mean one dimension each. Initializers and Constants of the
// pattern mean constants with the same type, shape and bits. What the pattern makes and does not give back is read by the group alone, and no output. No node is in two groups: the first one has it.
//
// Errors of kind Unfit: a pattern of another version of an operator than the model's, constants whose data cannot be read. Errors of kind Usage: a pattern without nodes, with subgraphs, whose nodes do not hang together, or whose output is one of its inputs. Errors of kind Refused: so many ways to match that they cannot be tried.
func Match(m, pattern *onnxpb.ModelProto, o MatchOptions) ([]PatternMatch, error) {
	if m.GetGraph() == nil {
		return nil, &onnxpb.Error{Msg: "the model has no graph", Hint: "there is nothing to search"}
	}
	x, err := newMatching(newWires(m), pattern, o)
	if err != nil {
		return nil, err
	}
	return x.run()
}

// matching looks for a pattern.
type matching struct {
	*wires
	o       MatchOptions
	pattern *onnxpb.GraphProto
	nodes   []*onnxpb.NodeProto
	makes   map[string]int                    // the node that makes a value of the pattern
	outputs map[string]bool                   // those that the pattern gives back
	failed  error                             // why data could not be read
	inputs  map[string]*onnxpb.ValueInfoProto // those that it takes
	types   map[string]*onnxpb.TypeProto      // what the pattern says of those that it takes and gives back; nil where it says nothing
	weights map[string]*onnxpb.TensorProto    // the constants of the pattern
	free    map[string]bool                   // inputs that mean constants of any value
	reads   map[string]int                    // how often a value is read in the pattern
	order   []int                             // the order in which its nodes are matched: each hangs together with those before
	operate map[functionID][]placed           // the nodes of an operator
	ops     map[functionID]*opset.Operator    // what is known of an operator
	digests map[*onnxpb.TensorProto]string    // "" for what cannot be read
	taken   map[*onnxpb.NodeProto]bool        // by a match
	budget  int                               // how many more nodes may be tried
	bound   []*onnxpb.NodeProto               // the node of the model that stands for each of the pattern
	in      *frame                            // where they stand
	values  map[string]*wire                  // what the values of the pattern are
	attrs   map[string]*onnxpb.AttributeProto // what its names of attributes are
	dims    map[string]expr.Expr              // what its symbols are
	undo    []func()                          // takes back what was bound last
}

// commutative are the operators of two inputs whose order does not matter.
var commutative = map[string]bool{"Add": true, "Mul": true, "And": true, "Or": true, "Xor": true, "Equal": true, "Max": true, "Min": true, "Sum": true, "Mean": true, "BitwiseAnd": true, "BitwiseOr": true, "BitwiseXor": true}

func newMatching(w *wires, pattern *onnxpb.ModelProto, o MatchOptions) (*matching, error) {
	usage := func(hint, format string, args ...any) error {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the pattern " + fmt.Sprintf(format, args...), Hint: hint}
	}
	if pattern.GetGraph() == nil {
		return nil, usage("write the nodes that are to be found", "has no graph")
	}
	p := onnxpb.Clone(pattern)
	if len(p.Functions) > 0 {
		if _, err := Inline(p); err != nil {
			return nil, err
		}
	}
	x := &matching{wires: w, o: o, pattern: p.Graph, makes: map[string]int{}, outputs: map[string]bool{}, inputs: map[string]*onnxpb.ValueInfoProto{}, types: map[string]*onnxpb.TypeProto{}, weights: map[string]*onnxpb.TensorProto{},
		free: map[string]bool{}, reads: map[string]int{}, operate: map[functionID][]placed{}, ops: map[functionID]*opset.Operator{}, digests: map[*onnxpb.TensorProto]string{}, taken: map[*onnxpb.NodeProto]bool{}}
	for _, t := range p.Graph.Initializer {
		x.weights[t.GetName()] = t
	}
	if len(p.Graph.SparseInitializer) > 0 {
		return nil, usage("have it as an input, and say that it is a constant", "has a sparse initializer")
	}
	for _, n := range p.Graph.Node {
		for range n.Subgraphs() {
			return nil, usage("leave the node out, and name what it makes as an input", "has a node with a subgraph, %q", n.Label())
		}
		if isConstantNode(n) {
			t := constantTensor(n)
			if t == nil {
				return nil, usage("have it as an input, and say that it is a constant", "has a Constant whose value is sparse or not told, %q", n.Label())
			}
			x.weights[n.Output[0]] = t
			continue
		}
		outs := slices.DeleteFunc(slices.Clone(n.GetOutput()), func(s string) bool { return s == "" })
		if len(outs) == 0 {
			return nil, usage("give it an output", "has a node that makes nothing, %q", n.Label())
		}
		for _, name := range outs {
			if _, twice := x.makes[name]; twice {
				return nil, usage("give each value a name of its own", "makes %q twice", name)
			}
			x.makes[name] = len(x.nodes)
		}
		x.nodes = append(x.nodes, n)
	}
	if len(x.nodes) == 0 {
		return nil, usage("write the nodes that are to be found", "has no nodes")
	}
	for _, v := range p.Graph.Input {
		if _, made := x.makes[v.GetName()]; made || x.inputs[v.GetName()] != nil {
			return nil, usage("give each value a name of its own", "has %q twice", v.GetName())
		}
		x.inputs[v.GetName()] = v
		x.types[v.GetName()] = v.GetType()
		delete(x.weights, v.GetName()) // a default means nothing here
	}
	for _, name := range o.Constants {
		if x.inputs[name] == nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the pattern has no input %q that could be a constant", name), Hint: suggest("input", name, inputNames(p.Graph))}
		}
		x.free[name] = true
	}
	for _, v := range p.Graph.Output {
		if _, made := x.makes[v.GetName()]; !made {
			return nil, usage("an output is what one of its nodes makes", "gives back %q, which none of its nodes makes", v.GetName())
		}
		x.outputs[v.GetName()] = true
		x.types[v.GetName()] = v.GetType()
	}
	for _, n := range x.nodes {
		for _, name := range n.GetInput() {
			if _, made := x.makes[name]; name != "" && !made && x.inputs[name] == nil && x.weights[name] == nil {
				return nil, usage("name it among the inputs", "reads %q, which it does not have", name)
			}
			x.reads[name]++
		}
	}
	for name := range x.makes {
		if x.reads[name] == 0 && !x.outputs[name] {
			return nil, usage("give it back, or leave it out", "makes %q, which nothing reads", name)
		}
	}
	// A pattern that says of which operator sets it is means the operators of those.
	for _, n := range x.nodes {
		id := callOf(n)
		own, have := importOf(p.GetOpsetImport(), id.domain), w.m.OpsetVersion(id.domain)
		if own == 0 || have == 0 || own == have {
			continue
		}
		a, okA := opset.Lookup(id.domain, id.name, own)
		b, okB := opset.Lookup(id.domain, id.name, have)
		if opset.Known(id.domain) && !(okA && okB && a.SinceVersion == b.SinceVersion) {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("the pattern is of version %d of the operator set, and the model of version %d, between which the operator %s differs", own, have, typeLabel(n)),
				Hint: "write the pattern for the model's version, or leave its header out"}
		}
	}
	var graphs []string
	for _, f := range w.frames {
		if f.root == "" {
			graphs = append(graphs, f.place())
		}
	}
	where, err := newMatcher("graph", o.Graphs, graphs)
	if err != nil {
		return nil, err
	}
	all := w.nodes()
	for _, n := range all {
		if where.match(n.in.place()) {
			x.operate[callOf(n.node)] = append(x.operate[callOf(n.node)], n)
		}
		x.budget += 1 + len(n.node.GetInput())
	}
	x.budget = 100*x.budget + 100_000
	return x, x.plan(usage)
}

// plan settles the order in which the nodes of the pattern are matched: from the one whose operator is the rarest in the model along what they read and make.
func (x *matching) plan(usage func(hint, format string, args ...any) error) error {
	first := 0
	for i, n := range x.nodes {
		if len(x.operate[callOf(n)]) < len(x.operate[callOf(x.nodes[first])]) {
			first = i
		}
	}
	done := make([]bool, len(x.nodes))
	known := map[string]bool{}
	take := func(i int) {
		done[i] = true
		x.order = append(x.order, i)
		for _, name := range x.nodes[i].GetInput() {
			known[name] = true
		}
		for _, name := range x.nodes[i].GetOutput() {
			known[name] = true
		}
	}
	take(first)
	for len(x.order) < len(x.nodes) {
		// What makes a value is one node, what reads an inner value are few, what reads an input may be many.
		best, rank := -1, 4
		for i, n := range x.nodes {
			if done[i] {
				continue
			}
			r := 4
			for _, name := range n.GetOutput() {
				if name != "" && known[name] {
					r = 0
				}
			}
			for _, name := range n.GetInput() {
				_, made := x.makes[name]
				switch {
				case name == "" || !known[name] || x.weights[name] != nil:
				case made && !x.outputs[name]:
					r = min(r, 1)
				case made:
					r = min(r, 2)
				default:
					r = min(r, 3)
				}
			}
			if r < rank {
				best, rank = i, r
			}
		}
		if best < 0 {
			return usage("look for the parts one after the other", "falls into parts that share no value: %q has nothing to do with the others", x.nodes[slices.Index(done, false)].Label())
		}
		take(best)
	}
	return nil
}

// run finds all matches.
func (x *matching) run() ([]PatternMatch, error) {
	var list []PatternMatch
	first := x.order[0]
	for _, n := range x.operate[callOf(x.nodes[first])] {
		x.bound, x.in = make([]*onnxpb.NodeProto, len(x.nodes)), n.in
		x.values, x.attrs, x.dims, x.undo = map[string]*wire{}, map[string]*onnxpb.AttributeProto{}, map[string]expr.Expr{}, nil
		var found *PatternMatch
		x.node(first, n.node, func() bool { return x.rest(1, &found) })
		if x.failed != nil {
			return nil, x.failed
		}
		if x.budget <= 0 {
			return nil, &onnxpb.Error{Kind: onnxpb.Refused, Node: n.node.Label(), Msg: "there are too many ways to match the pattern here", Hint: "say more of the pattern: the types of its inputs, its constants, more nodes"}
		}
		if found == nil {
			continue
		}
		for _, n := range found.Nodes {
			x.taken[n] = true
		}
		list = append(list, *found)
	}
	return list, nil
}

// rest matches the nodes from one in the order on.
func (x *matching) rest(at int, found **PatternMatch) bool {
	if at == len(x.order) {
		m := x.match()
		if x.o.Accept != nil && !x.o.Accept(m) {
			return false
		}
		*found = m
		return true
	}
	i := x.order[at]
	next := func() bool { return x.rest(at+1, found) }
	p := x.nodes[i]
	for _, name := range p.GetOutput() {
		if v := x.values[name]; v != nil && name != "" {
			return v.node != nil && v.in == x.in && x.node(i, v.node, next)
		}
	}
	var from *wire // the value that is read the least
	for _, name := range p.GetInput() {
		if v := x.values[name]; v != nil && name != "" && (from == nil || len(v.readers) < len(from.readers)) {
			from = v
		}
	}
	for k, r := range from.readers {
		if r.node != nil && r.in == x.in && (k == 0 || from.readers[k-1].node != r.node) && x.node(i, r.node, next) {
			return true
		}
	}
	return false
}

// match puts down what is bound.
func (x *matching) match() *PatternMatch {
	m := &PatternMatch{Graph: x.in.place(), Nodes: slices.Clone(x.bound), Values: map[string]string{}, Attributes: map[string]*onnxpb.AttributeProto{}, frame: x.in, wires: map[string]*wire{}}
	for name, v := range x.values {
		m.Values[name], m.wires[name] = v.name, v
	}
	for name, a := range x.attrs {
		m.Attributes[name] = a
	}
	for _, n := range m.Nodes {
		m.placed = append(m.placed, placed{x.in, n, x.wires})
	}
	return m
}

// node has a node of the model stand for one of the pattern, and goes on; where that fails in the end nothing has changed.
func (x *matching) node(i int, n *onnxpb.NodeProto, next func() bool) bool {
	x.budget--
	p := x.nodes[i]
	if x.budget <= 0 || x.taken[n] || slices.Contains(x.bound, n) || callOf(p) != callOf(n) || !x.mayStand(p, n) {
		return false
	}
	a, b := trimmed(p.GetInput()), trimmed(n.GetInput())
	if len(a) != len(b) {
		return false
	}
	ways := [][]string{b}
	if len(b) == 2 && commutative[n.GetOpType()] && onnxpb.NormalDomain(n.GetDomain()) == "" && b[0] != b[1] {
		ways = append(ways, []string{b[1], b[0]})
	}
	for _, inputs := range ways {
		mark := len(x.undo)
		if x.wire(p, n, a, inputs) && x.attributes(p, n) {
			x.bound[i] = n
			if next() {
				return true
			}
			x.bound[i] = nil
		}
		for len(x.undo) > mark {
			x.undo[len(x.undo)-1]()
			x.undo = x.undo[:len(x.undo)-1]
		}
	}
	return false
}

// trimmed leaves out the names at the end that are empty.
func trimmed(names []string) []string {
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	return names
}

// mayStand tells whether nobody needs an output of a node that the pattern's has not, and the node holds no graphs.
func (x *matching) mayStand(p, n *onnxpb.NodeProto) bool {
	for range n.Subgraphs() {
		return false
	}
	for i, name := range n.GetOutput() {
		if name == "" || i < len(p.GetOutput()) && p.GetOutput()[i] != "" {
			continue
		}
		if v := x.in.values[name]; v == nil || len(v.readers) > 0 || v.output || v.kept {
			return false
		}
	}
	return true
}

// wire binds what a node reads and makes.
func (x *matching) wire(p, n *onnxpb.NodeProto, formal, inputs []string) bool {
	for i, name := range formal {
		if (name == "") != (inputs[i] == "") {
			return false
		}
		if name == "" {
			continue
		}
		if v := x.in.lookup(inputs[i]); v == nil || !x.value(name, v) {
			return false
		}
	}
	for i, name := range p.GetOutput() {
		if name == "" {
			continue
		}
		if i >= len(n.GetOutput()) || n.GetOutput()[i] == "" {
			return false
		}
		if v := x.in.values[n.GetOutput()[i]]; v == nil || v.node != n || !x.value(name, v) {
			return false
		}
	}
	return true
}

// value has a value of the model stand for one of the pattern.
func (x *matching) value(name string, v *wire) bool {
	if have := x.values[name]; have != nil {
		return have == v
	}
	_, made := x.makes[name]
	switch {
	case made && (v.node == nil || v.in != x.in):
		return false
	case made && !x.outputs[name] && (v.output || v.kept || len(v.readers) != x.reads[name]):
		return false // somebody else needs it
	case x.weights[name] != nil && !x.sameConstant(x.weights[name], v):
		return false
	case x.free[name] && (!v.constant() || v.input):
		return false
	}
	if t := x.types[name]; t != nil && !x.hasType(v, t) {
		return false
	}
	x.values[name] = v
	x.undo = append(x.undo, func() { delete(x.values, name) })
	return true
}

// sameConstant tells whether a value is a constant with the type, shape and bits of a tensor.
func (x *matching) sameConstant(t *onnxpb.TensorProto, v *wire) bool {
	have := v.tensor()
	if have == nil || have.GetDataType() != t.GetDataType() || !slices.Equal(have.GetDims(), t.GetDims()) {
		return false
	}
	a, b := x.digest(t, x.o.PatternDir), x.digest(have, x.o.Dir)
	return a != "" && a == b
}

func (x *matching) digest(t *onnxpb.TensorProto, dir string) string {
	d, ok := x.digests[t]
	if !ok {
		sum, err := onnxpb.Digest(t, dir)
		if err != nil && x.failed == nil {
			x.failed = err
		} else if err == nil {
			d = string(sum[:])
		}
		x.digests[t] = d
	}
	return d
}

// tensor returns what a constant holds; nil where it is sparse or no constant. An initializer that an input may override is none.
func (w *wire) tensor() *onnxpb.TensorProto {
	switch {
	case w.input:
	case w.init:
		return w.dense
	case w.constant():
		return constantTensor(w.node)
	}
	return nil
}

// hasType tells whether a value is known to have a type; the symbols of the type mean one dimension each.
func (x *matching) hasType(v *wire, t *onnxpb.TypeProto) bool {
	known, tensor := x.typeOf(v), t.GetTensorType()
	if tensor == nil {
		return known.Kind != shape.Unknown && known.Proto() != nil && onnxpb.FormatTypeProto(known.Proto()) == onnxpb.FormatTypeProto(t)
	}
	if known.Kind != shape.Tensor || tensor.GetElemType() != 0 && int32(known.Elem) != tensor.GetElemType() {
		return false
	}
	if tensor.Shape == nil {
		return true
	}
	if !known.Ranked || len(known.Dims) != len(tensor.Shape.Dim) {
		return false
	}
	for i, d := range tensor.Shape.Dim {
		want, have := onnxpb.DimOf(d), known.Dims[i]
		switch {
		case want.Param != "":
			if was, ok := x.dims[want.Param]; ok {
				if !was.Equal(have) {
					return false
				}
				continue
			}
			x.dims[want.Param] = have
			x.undo = append(x.undo, func() { delete(x.dims, want.Param) })
		case want.Known && dimOf(have) != want:
			return false
		}
	}
	return true
}

// attributes holds the attributes of a node to the pattern's, and gives those that it calls by a name that name.
func (x *matching) attributes(p, n *onnxpb.NodeProto) bool {
	told := map[string]bool{}
	for _, want := range p.GetAttribute() {
		told[want.GetName()] = true
		have := n.Attr(want.GetName())
		if have == nil {
			have = x.attributeDefault(n, want.GetName())
		}
		ref := want.GetRefAttrName()
		if ref == "" {
			if have.GetType() == onnxpb.AttributeProto_FLOAT && want.GetType() == onnxpb.AttributeProto_INT {
				want = onnxpb.Float(want.GetName(), float32(want.GetI())) // as people write 1 for 1.0
			}
			if have == nil || !x.sameAttribute(have, want) {
				return false
			}
			continue
		}
		if have.GetRefAttrName() != "" || have != nil && want.GetType() != onnxpb.AttributeProto_UNDEFINED && have.GetType() != want.GetType() {
			return false
		}
		if was, ok := x.attrs[ref]; ok {
			if (was == nil) != (have == nil) || was != nil && !x.sameAttribute(was, have) {
				return false
			}
			continue
		}
		x.attrs[ref] = have
		x.undo = append(x.undo, func() { delete(x.attrs, ref) })
	}
	for _, have := range n.GetAttribute() {
		if told[have.GetName()] || x.o.AnyAttributes {
			continue
		}
		if d := x.attributeDefault(n, have.GetName()); d == nil || !x.sameAttribute(have, d) {
			return false
		}
	}
	return true
}

// attributeDefault is what an attribute is where a node does not have it; nil where it has no default.
func (x *matching) attributeDefault(n *onnxpb.NodeProto, name string) *onnxpb.AttributeProto {
	id := callOf(n)
	op, seen := x.ops[id]
	if !seen {
		op, _ = opset.Lookup(id.domain, id.name, x.m.OpsetVersion(id.domain))
		x.ops[id] = op
	}
	if op == nil {
		return nil
	}
	a, ok := op.Attribute(name)
	if !ok || a.Default == "" || strings.HasPrefix(a.Type, "list ") {
		return nil
	}
	v, err := ParseAttribute(a, strings.Trim(a.Default, "()"))
	if err != nil {
		return nil
	}
	return v
}

// sameAttribute tells whether two attributes have one value.
func (x *matching) sameAttribute(a, b *onnxpb.AttributeProto) bool {
	if a.GetType() != b.GetType() || a.GetRefAttrName() != "" || b.GetRefAttrName() != "" {
		return false
	}
	if a.T != nil && b.T != nil {
		p, q := x.digest(a.T, x.o.Dir), x.digest(b.T, x.o.PatternDir)
		return p != "" && p == q
	}
	plain := func(a *onnxpb.AttributeProto) *onnxpb.AttributeProto {
		c := proto.Clone(a).(*onnxpb.AttributeProto)
		c.Name, c.DocString = nil, nil
		return c
	}
	return onnxpb.Same(plain(a), plain(b))
}
