package shape

import (
	"slices"
	"strconv"
	"strings"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// Options say how a model is inferred. The zero value takes the model as it stands.
type Options struct {
	// Assume gives numbers to symbols of the model.
	Assume map[string]int64
	// Inputs replaces what the model declares of its inputs, by name.
	Inputs map[string]*Value
	// Before is called with each node of the graph and its subgraphs and what is known of its inputs, before its outputs are inferred. It may change the node, and returns
	// what is known of its inputs then. Nodes of functions, and of passes through a loop that are not the last, are not told of.
	Before func(n *onnxpb.NodeProto, in []*Value) []*Value
	// Meet is called where a node needs two dimensions to be equal that are not proven to be.
	Meet func(n *onnxpb.NodeProto, a, b Dim)
}

// Result is what was inferred of a model.
type Result struct {
	// Faults are contradictions: between what follows of a value and what is declared of it, and between what an operator is given and what it takes.
	Faults []Fault
	// Notes are declarations that hold for some sizes only: a number where a symbol or an expression follows.
	Notes []Fault
	// UnknownOperators are the operators of which nothing is known, each once, in the order in which they come: DOMAIN.OPERATOR.
	UnknownOperators []string

	main   *onnxpb.GraphProto
	graphs map[*onnxpb.GraphProto]map[string]*Value
}

// Fault is something that cannot be true of a model, or not of all its sizes.
type Fault struct {
	Graph  string // the path to the subgraph or the function, as opset.Fault has it; "" is the main graph
	Node   string // the node that makes the value, by name, or by operator and first output where it has none; "" for inputs and initializers
	Tensor string // the value; "" where it is the node's inputs that do not fit each other
	Msg    string
}

// String writes a fault with its place.
func (f Fault) String() string {
	e := onnxpb.Error{Node: f.Node, Tensor: f.Tensor, Msg: f.Msg}
	if f.Graph != "" {
		return "in " + onnxpb.Shortened(f.Graph, 1000) + ": " + e.Error()
	}
	return e.Error()
}

// Value returns what is known of a value of the main graph; nil where there is no such value.
func (r *Result) Value(name string) *Value { return r.graphs[r.main][name] }

// Of returns what is known of a value that a graph defines: the main graph or a subgraph at any depth, not one within a function. It is nil where there
// is no such value, or where no rule of the operator that holds the subgraph leads into it.
func (r *Result) Of(g *onnxpb.GraphProto, name string) *Value { return r.graphs[g][name] }

// Infer finds out what it can about every value of a model, which it leaves as it is. It is linear in the number of nodes. The model has to be one that
// opset.Check accepts; of another one less is inferred.
func Infer(m *onnxpb.ModelProto, o Options) *Result { return infer(m, o, nil) }

// infer is Infer; inner, where it is not nil, is told of each node of a function's body, at each call, with what is known of its inputs there.
func infer(m *onnxpb.ModelProto, o Options, inner func(s *scope, n *onnxpb.NodeProto, in []*Value)) *Result {
	inf := &inferrer{
		result:    &Result{graphs: map[*onnxpb.GraphProto]map[string]*Value{}},
		rules:     allRules(),
		before:    o.Before,
		inner:     inner,
		meet:      o.Meet,
		assume:    o.Assume,
		functions: map[string]*onnxpb.FunctionProto{},
		unknown:   map[string]bool{},
		ops:       map[opKey]*operator{},
		fixed:     m.GetIrVersion() < 4,
	}
	for _, f := range m.GetFunctions() {
		inf.functions[functionKey(f.GetDomain(), f.GetName(), f.GetOverload())] = f
	}
	main := m.GetGraph()
	nodes := 0
	countNodes(main, &nodes)
	// Bodies of functions are gone through at each call and those of loops until their shapes stay: a model can ask for more passes than anybody has time for.
	inf.budget = 20*nodes + 100_000
	s := &scope{inf: inf, values: make(map[string]*Value, 2*len(main.GetNode())), imports: importsOf(m.GetOpsetImport()), keep: true}
	inputs := make([]*Value, len(main.GetInput()))
	for i, v := range main.GetInput() {
		inputs[i] = o.Inputs[v.GetName()]
	}
	inf.result.main = main
	s.graph(main, inputs)
	return inf.result
}

func countNodes(g *onnxpb.GraphProto, n *int) {
	*n += len(g.GetNode())
	for _, x := range g.GetNode() {
		for sub := range x.Subgraphs() {
			countNodes(sub, n)
		}
	}
}

// importsOf lists the versions of the operator sets by domain.
func importsOf(list []*onnxpb.OperatorSetIdProto) map[string]int64 {
	imports := map[string]int64{}
	for _, i := range list {
		imports[onnxpb.NormalDomain(i.GetDomain())] = i.GetVersion()
	}
	return imports
}

func functionKey(domain, name, overload string) string {
	return onnxpb.NormalDomain(domain) + "\x00" + name + "\x00" + overload
}

// opKey names an operator under an import.
type opKey struct {
	domain, name string
	version      int64
}

// operator is what is known of an operator.
type operator struct {
	facts *opset.Operator // nil where the table does not have it
	rule  rule            // nil where there is none
	typed bool            // whether the types of the outputs follow from the signature: not where the operator holds graphs
	fixed []*Value        // the only type that an output can have, by the formal outputs; nil for others
}

// inferrer goes through a model.
type inferrer struct {
	result    *Result
	rules     map[string]ruleSet
	before    func(*onnxpb.NodeProto, []*Value) []*Value
	inner     func(s *scope, n *onnxpb.NodeProto, in []*Value) // told of the nodes of functions; nil: nobody is
	meet      func(*onnxpb.NodeProto, Dim, Dim)
	assume    map[string]int64
	functions map[string]*onnxpb.FunctionProto
	unknown   map[string]bool // operators, as told already
	ops       map[opKey]*operator
	fixed     bool // whether initializers that are inputs are constants: before IR version 4
	counted   int  // dimensions that nobody named
	budget    int  // nodes that may still be gone through
	depth     int  // functions within each other
	silent    int  // passes through a body that are not the last one: what they find wrong is not told
}

// fresh makes a dimension that nobody named.
func (inf *inferrer) fresh() Dim {
	inf.counted++
	return expr.Count(hidden + strconv.Itoa(inf.counted))
}

// symbol returns what stands for a symbol of the model.
func (inf *inferrer) symbol(name string) Dim {
	if n, ok := inf.assume[name]; ok {
		return expr.Int(n)
	}
	d := expr.Sym(name)
	if len(inf.assume) == 0 {
		return d
	}
	// A symbol may be an expression that was inferred before: 2*N.
	if e, err := expr.Parse(name); err == nil {
		given := map[string]expr.Expr{}
		for _, s := range e.Symbols() {
			if n, ok := inf.assume[s]; ok {
				given[s] = expr.Int(n)
			}
		}
		if len(given) > 0 {
			if e = e.Subst(given); e.Known() {
				return e
			}
		}
	}
	return d
}

// declared reads a declaration.
func (inf *inferrer) declared(t *onnxpb.TypeProto) *Value {
	return fromType(t, inf.fresh, inf.symbol)
}

func (inf *inferrer) fault(list *[]Fault, f Fault) {
	if inf.silent == 0 {
		*list = append(*list, f)
	}
}

// operator looks an operator up.
func (inf *inferrer) operator(domain, name string, version int64) *operator {
	k := opKey{domain, name, version}
	if op := inf.ops[k]; op != nil {
		return op
	}
	op := &operator{rule: inf.rules[domain][name]}
	if facts, ok := opset.Lookup(domain, name, version); ok {
		op.facts, op.typed = facts, true
		for _, a := range facts.Attributes {
			op.typed = op.typed && a.Type != "graph"
		}
		op.fixed = make([]*Value, len(facts.Outputs))
		for i, f := range facts.Outputs {
			if list := facts.TypeStrings(f); len(list) == 1 {
				op.fixed[i] = parseType(list[0])
			}
		}
	}
	inf.ops[k] = op
	return op
}

// scope is one graph, or one body of a function at one call.
type scope struct {
	inf     *inferrer
	outer   *scope // whose values the graph sees; nil for the main graph and for functions
	values  map[string]*Value
	infos   map[string]*onnxpb.ValueInfoProto
	imports map[string]int64
	attrs   map[string]*onnxpb.AttributeProto // what a function was called with, nil outside of functions
	holder  *onnxpb.NodeProto                 // whose subgraph it is, nil for the main graph and for functions
	own     *onnxpb.GraphProto                // that subgraph
	fn      *onnxpb.FunctionProto             // nil outside of the body itself
	keep    bool                              // whether what is inferred is part of the result: not within functions
}

// path writes where a graph is, as opset.Check does: choose/then_branch, function local.Scale. It is asked for by faults only.
func (s *scope) path() string {
	var parts []string
	for x := s; x != nil; x = x.outer {
		switch {
		case x.fn != nil:
			name := x.fn.GetName()
			if domain := onnxpb.NormalDomain(x.fn.GetDomain()); domain != "" {
				name = domain + "." + name
			}
			if x.fn.GetOverload() != "" {
				name += ":" + x.fn.GetOverload()
			}
			parts = append(parts, "function "+name)
		case x.holder != nil:
			parts = append(parts, x.holder.Label()+"/"+attributeOf(x.holder, x.own))
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// attributeOf returns the attribute of a node that holds a graph, with its place in a list.
func attributeOf(n *onnxpb.NodeProto, g *onnxpb.GraphProto) string {
	for _, a := range n.GetAttribute() {
		if a.G == g {
			return a.GetName()
		}
		if i := slices.Index(a.GetGraphs(), g); i >= 0 {
			return a.GetName() + "[" + strconv.Itoa(i) + "]"
		}
	}
	return ""
}

// lookup finds a value by name; a value that nobody made is unknown.
func (s *scope) lookup(name string) *Value {
	for x := s; x != nil; x = x.outer {
		if v := x.values[name]; v != nil {
			return v
		}
	}
	return unknownValue
}

// graph goes through a graph whose inputs have these values, where they are not nil, and returns those of its outputs.
func (s *scope) graph(g *onnxpb.GraphProto, inputs []*Value) []*Value {
	if s.keep {
		s.inf.result.graphs[g] = s.values
	}
	s.infos = make(map[string]*onnxpb.ValueInfoProto, len(g.GetValueInfo())+len(g.GetOutput()))
	for _, v := range g.GetValueInfo() {
		s.infos[v.GetName()] = v
	}
	for _, v := range g.GetOutput() {
		if v.GetType() != nil {
			s.infos[v.GetName()] = v
		}
	}
	for _, t := range g.GetInitializer() {
		s.values[t.GetName()] = fromTensor(t)
	}
	for _, t := range g.GetSparseInitializer() {
		// A node reads it as if it were dense.
		s.values[t.GetValues().GetName()] = TensorOf(onnxpb.TensorProto_DataType(t.GetValues().GetDataType()), numbers(t.GetDims()))
	}
	for i, v := range g.GetInput() {
		name := v.GetName()
		var x *Value
		if i < len(inputs) {
			x = inputs[i]
		}
		declared := s.inf.declared(v.GetType())
		if init := s.values[name]; init != nil && x == nil {
			if s.inf.fixed {
				continue // every initializer is an input there, and nobody feeds those
			}
			// A default, which another value may take the place of: its elements are not to be relied on.
			s.define(name, s.merged("", name, declared, &Value{Kind: init.Kind, Elem: init.Elem}))
			continue
		}
		if x == nil {
			s.define(name, declared)
			continue
		}
		s.define(name, s.merged("", name, x, declared))
	}
	s.nodes(g.GetNode())
	outs := make([]*Value, len(g.GetOutput()))
	for i, v := range g.GetOutput() {
		outs[i] = s.lookup(v.GetName())
		if s.values[v.GetName()] == nil && v.GetType() != nil { // one of a graph around it
			outs[i] = s.merged("", v.GetName(), outs[i], s.inf.declared(v.GetType()))
		}
	}
	return outs
}

func (s *scope) define(name string, v *Value) {
	if name != "" {
		s.values[name] = v
	}
}

// merged refines what follows of a value by what is declared, and tells where the two do not go together.
func (s *scope) merged(node, name string, follows, declared *Value) *Value {
	v, overruled, c := refine(follows, declared)
	switch {
	case c != "":
		s.inf.fault(&s.inf.result.Faults, Fault{Graph: s.path(), Node: node, Tensor: name, Msg: string(c)})
	case overruled:
		s.inf.fault(&s.inf.result.Notes, Fault{Graph: s.path(), Node: node, Tensor: name, Msg: "its shape is " + follows.String() + ", declared as " + declared.String()})
	}
	return v
}

func (s *scope) nodes(nodes []*onnxpb.NodeProto) {
	for _, n := range nodes {
		outs := s.node(n)
		label := ""
		for i, name := range n.GetOutput() {
			if name == "" {
				continue
			}
			v := unknownValue
			if i < len(outs) && outs[i] != nil {
				v = outs[i]
			}
			if info := s.infos[name]; info != nil {
				if label == "" {
					label = n.Label()
				}
				v = s.merged(label, name, v, s.inf.declared(info.GetType()))
			}
			s.values[name] = v
		}
	}
}

// node infers the outputs of a node.
func (s *scope) node(n *onnxpb.NodeProto) []*Value {
	inf := s.inf
	if inf.budget--; inf.budget < 0 {
		return nil
	}
	in := make([]*Value, len(n.GetInput()))
	for i, name := range n.GetInput() {
		if name != "" {
			in[i] = s.lookup(name)
		}
	}
	if inf.before != nil && s.keep && inf.silent == 0 {
		in = inf.before(n, in)
	}
	domain := onnxpb.NormalDomain(n.GetDomain())
	if inf.inner != nil && !s.keep && inf.silent == 0 {
		inf.inner(s, n, in)
	}
	if len(inf.functions) > 0 {
		if f := inf.functions[functionKey(domain, n.GetOpType(), n.GetOverload())]; f != nil {
			return s.call(f, n, in)
		}
	}
	version := s.imports[domain]
	op := inf.operator(domain, n.GetOpType(), version)
	c := &call{s: s, n: n, facts: op.facts, version: version, in: in, out: make([]*Value, len(n.GetOutput()))}
	if op.facts == nil && op.rule == nil {
		name := n.GetOpType()
		if domain != "" {
			name = domain + "." + name
		}
		if !inf.unknown[name] {
			inf.unknown[name] = true
			inf.result.UnknownOperators = append(inf.result.UnknownOperators, name)
		}
	}
	if op.typed {
		c.types(op)
	}
	if op.rule != nil {
		op.rule(c)
	}
	return c.out
}

// call infers the body of a function at one of its calls.
func (s *scope) call(f *onnxpb.FunctionProto, n *onnxpb.NodeProto, in []*Value) []*Value {
	if s.inf.depth >= opset.MaxDepth {
		return nil
	}
	attrs := map[string]*onnxpb.AttributeProto{}
	for _, a := range f.GetAttributeProto() {
		attrs[a.GetName()] = a
	}
	for _, a := range n.GetAttribute() {
		if given := s.attribute(a); given != nil {
			attrs[a.GetName()] = given
		}
	}
	imports := importsOf(f.GetOpsetImport())
	for domain, version := range s.imports {
		if _, ok := imports[domain]; !ok {
			imports[domain] = version
		}
	}
	body := &scope{fn: f, inf: s.inf, values: map[string]*Value{}, imports: imports, attrs: attrs, infos: map[string]*onnxpb.ValueInfoProto{}}
	for _, v := range f.GetValueInfo() {
		body.infos[v.GetName()] = v
	}
	for i, name := range f.GetInput() {
		v := unknownValue
		if i < len(in) && in[i] != nil {
			v = in[i]
		}
		body.values[name] = v
	}
	s.inf.depth++
	body.nodes(f.GetNode())
	s.inf.depth--
	outs := make([]*Value, len(f.GetOutput()))
	for i, name := range f.GetOutput() {
		outs[i] = body.lookup(name)
	}
	return outs
}

// attribute resolves an attribute that a function's body takes from the call, where it may have another name: nil where the call does not have it.
func (s *scope) attribute(a *onnxpb.AttributeProto) *onnxpb.AttributeProto {
	ref := a.GetRefAttrName()
	if ref == "" {
		return a
	}
	for x := s; x != nil; x = x.outer {
		if x.attrs == nil {
			continue
		}
		return x.attrs[ref]
	}
	return nil
}

// subgraph goes through a graph that an attribute of a node holds.
func (s *scope) subgraph(holder *onnxpb.NodeProto, g *onnxpb.GraphProto, inputs []*Value) []*Value {
	sub := &scope{holder: holder, own: g, inf: s.inf, outer: s, values: make(map[string]*Value, len(g.GetNode())+len(g.GetInput())), imports: s.imports, keep: s.keep}
	return sub.graph(g, inputs)
}
