package surgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// inlineLimit is how many nodes may come of inlining: functions that call others twice, which call others twice, can ask for more than any memory holds.
const inlineLimit = 4_000_000

// Inline puts the bodies of a model's functions in the place of the nodes that call them: of those that names are for (DOMAIN.NAME, with :OVERLOAD where there is one, or patterns), or of all where there
// are none. Calls are found at any depth, in subgraphs, in training graphs, in the bodies of functions that stay, and in what was inlined. The functions go, and with them others that only they
// called, and opset imports that only they needed.
//
// Attributes that refer to one of the function's get the value that the call gives, or the function's default, or go where there is neither. Values and nodes of the body get new names that begin with
// that of the call; values that the call does not take stay. What a function declares of its values comes along, without its symbols of dimensions, which are not the model's.
//
// Errors of kind Unfit: no such function. Errors of kind Refused: a function whose operators mean another thing in the opset that the model imports, that calls itself, or whose call
// leaves out what the body needs.
func Inline(m *onnxpb.ModelProto, names ...string) (*Report, error) {
	return inline(m, nil, names)
}

// InlineExcept is Inline of all functions, or of those that names are for, but for those that except is for. What is inlined calls these as before, and the calls in their own bodies are inlined.
func InlineExcept(m *onnxpb.ModelProto, except []string, names ...string) (*Report, error) {
	return inline(m, except, names)
}

func inline(m *onnxpb.ModelProto, except, names []string) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		x := &inliner{m: m, r: &Report{Edit: "inline"}, functions: map[functionID]*onnxpb.FunctionProto{}, all: map[functionID]bool{}, sizes: map[functionID]int{}}
		var list []string
		for _, f := range m.GetFunctions() {
			list = append(list, functionOf(f).String())
		}
		which, err := newMatcher("function", names, list)
		if err != nil {
			return nil, err
		}
		stays, err := newMatcher("function", except, list)
		if err != nil {
			return nil, err
		}
		called := reachable(m)
		for _, f := range m.GetFunctions() {
			x.all[functionOf(f)] = true
			if s := functionOf(f).String(); which.match(s) && (len(except) == 0 || !stays.match(s)) {
				x.functions[functionOf(f)] = f
			}
		}
		if len(x.functions) == 0 {
			return x.r, nil
		}
		if err := x.hosts(); err != nil {
			return nil, err
		}
		x.dropFunctions(called)
		if x.copies { // an Identity of an old opset does not copy everything
			if err := holdTypes(original, m); err != nil {
				return nil, err
			}
		}
		return x.r, nil
	})
}

type inliner struct {
	m         *onnxpb.ModelProto
	r         *Report
	functions map[functionID]*onnxpb.FunctionProto // those that are inlined
	all       map[functionID]bool                  // of the model
	stack     []functionID
	sizes     map[functionID]int // the nodes that come of a call
	made      int
	copies    bool // whether an Identity was put in
}

// inlineHost is the model or function that bodies are put into.
type inlineHost struct {
	names   *Names
	imports *[]*onnxpb.OperatorSetIdProto
	what    string
	agreed  map[functionID]bool // functions whose operators mean the same here
}

// hosts inlines into the graphs of the model and the functions that stay.
func (x *inliner) hosts() error {
	model := &inlineHost{names: NewNames(x.m), imports: &x.m.OpsetImport, what: "the model", agreed: map[functionID]bool{}}
	graphs := []*onnxpb.GraphProto{x.m.GetGraph()}
	for _, t := range x.m.GetTrainingInfo() {
		graphs = append(graphs, t.GetInitialization(), t.GetAlgorithm())
	}
	for _, g := range graphs {
		if g != nil {
			if err := x.graph(model, g); err != nil {
				return err
			}
		}
	}
	for _, f := range x.m.GetFunctions() {
		if x.functions[functionOf(f)] != nil {
			continue
		}
		host := &inlineHost{names: functionNames(f), imports: &f.OpsetImport, what: "the function " + functionOf(f).String(), agreed: map[functionID]bool{}}
		nodes, err := x.nodes(host, f.GetNode(), &f.ValueInfo)
		if err != nil {
			return err
		}
		f.Node = nodes
	}
	return nil
}

func (x *inliner) graph(h *inlineHost, g *onnxpb.GraphProto) error {
	nodes, err := x.nodes(h, g.GetNode(), &g.ValueInfo)
	if err == nil {
		g.Node = nodes
	}
	return err
}

// nodes returns a list of nodes with the calls replaced. What is declared of the values that come goes into infos.
func (x *inliner) nodes(h *inlineHost, list []*onnxpb.NodeProto, infos *[]*onnxpb.ValueInfoProto) ([]*onnxpb.NodeProto, error) {
	var out []*onnxpb.NodeProto
	for i, n := range list {
		for g := range n.Subgraphs() {
			if err := x.graph(h, g); err != nil {
				return nil, err
			}
		}
		f := x.functions[callOf(n)]
		if f == nil {
			if out != nil {
				out = append(out, n)
			}
			continue
		}
		if out == nil {
			out = slices.Clone(list[:i])
		}
		body, err := x.call(h, f, n, infos)
		if err != nil {
			return nil, err
		}
		out = append(out, body...)
	}
	if out == nil {
		return list, nil
	}
	return out, nil
}

// call returns the nodes that stand for a call.
func (x *inliner) call(h *inlineHost, f *onnxpb.FunctionProto, n *onnxpb.NodeProto, infos *[]*onnxpb.ValueInfoProto) ([]*onnxpb.NodeProto, error) {
	id := functionOf(f)
	refuse := func(hint, format string, args ...any) error {
		return &onnxpb.Error{Kind: onnxpb.Refused, Node: n.Label(), Msg: fmt.Sprintf("the function %s cannot be inlined: ", id) + fmt.Sprintf(format, args...), Hint: hint}
	}
	if slices.Contains(x.stack, id) {
		return nil, refuse("a function of ONNX must not", "it calls itself")
	}
	if len(n.GetInput()) > len(f.GetInput()) || len(n.GetOutput()) > len(f.GetOutput()) {
		return nil, refuse("see onnxtool check", "the call has more inputs or outputs than it")
	}
	if !h.agreed[id] {
		if err := x.reconcile(h, f, refuse); err != nil {
			return nil, err
		}
		h.agreed[id] = true
	}
	if len(x.stack) == 0 {
		if x.made += x.size(f, map[functionID]bool{}); x.made > inlineLimit {
			return nil, refuse("inline some of the functions only", "more than %d nodes would come of it", inlineLimit)
		}
	}
	body := onnxpb.Clone(&onnxpb.ModelProto{Functions: []*onnxpb.FunctionProto{f}}).Functions[0]
	prefix := n.GetName()
	if prefix == "" {
		prefix = f.GetName()
	}
	to, fresh := map[string]string{}, map[string]bool{} // what names of the body become, and which are new
	for i, name := range f.GetInput() {
		to[name] = ""
		if i < len(n.GetInput()) {
			to[name] = n.GetInput()[i]
		}
	}
	var through []*onnxpb.NodeProto
	for i, name := range f.GetOutput() {
		if i >= len(n.GetOutput()) || n.GetOutput()[i] == "" {
			continue
		}
		result := n.GetOutput()[i]
		given, isInput := to[name]
		switch {
		case isInput && given == "":
			return nil, refuse("give the input", "its output %q is its input %q, which the call leaves out", name, name)
		case isInput:
			through = append(through, onnxpb.Node("Identity", h.names.Node(prefix+"/"+name), []string{given}, []string{result}))
		default:
			to[name] = result
		}
	}
	left := false
	v := nameVisitor{
		value: func(p *string) {
			name, ok := to[*p]
			if !ok {
				name = h.names.Value(prefix + "/" + *p)
				to[*p] = name
				fresh[name] = true
			}
			*p = name
		},
		node: func(p *string) { *p = h.names.Node(prefix + "/" + *p) },
		closed: func(g *onnxpb.GraphProto) {
			for _, o := range g.GetOutput() {
				left = left || o.GetName() == ""
			}
		},
	}
	g := &onnxpb.GraphProto{Node: body.Node}
	v.graph(g)
	if left {
		return nil, refuse("give the input", "a subgraph of it gives back an input that the call leaves out")
	}
	if lacks := lacking(g.Node, *h.imports); lacks != "" {
		return nil, refuse("give the input", "%s in it needs an input that the call leaves out", lacks)
	}
	if err := x.attributes(g.Node, f, n, refuse); err != nil {
		return nil, err
	}
	x.declare(body.ValueInfo, to, fresh, infos)
	x.r.Add("removed", "node", n.Label(), "", fmt.Sprintf("inlined as %s", plural(len(g.Node)+len(through), "node")))
	if len(n.GetDeviceConfigurations()) > 0 {
		x.r.Note("the device configurations of node %q are gone with it", n.Label())
	}
	if len(through) > 0 && importOf(*h.imports, "") == 0 {
		return nil, refuse("import ONNX's own operators", "it passes an input through, which takes an Identity")
	}
	x.copies = x.copies || len(through) > 0
	x.stack = append(x.stack, id)
	nodes, err := x.nodes(h, append(g.Node, through...), infos)
	x.stack = x.stack[:len(x.stack)-1]
	return nodes, err
}

// lacking returns the first operator of some nodes that has an input left empty which it needs; "" where there is none.
func lacking(nodes []*onnxpb.NodeProto, imports []*onnxpb.OperatorSetIdProto) string {
	for _, n := range nodes {
		if i := slices.Index(n.GetInput(), ""); i >= 0 {
			domain := onnxpb.NormalDomain(n.GetDomain())
			if op, ok := opset.Lookup(domain, n.GetOpType(), importOf(imports, domain)); ok {
				for k := i; k < min(len(n.GetInput()), len(op.Inputs)); k++ {
					if n.GetInput()[k] == "" && op.Inputs[k].Option == "single" {
						return n.GetOpType()
					}
				}
			}
		}
		for g := range n.Subgraphs() {
			if lacks := lacking(g.GetNode(), imports); lacks != "" {
				return lacks
			}
		}
	}
	return ""
}

// size counts the nodes that come of a call of a function, no further than the limit.
func (x *inliner) size(f *onnxpb.FunctionProto, open map[functionID]bool) int {
	id := functionOf(f)
	if n, ok := x.sizes[id]; ok || open[id] {
		return n
	}
	open[id] = true
	n := 1
	var walk func(nodes []*onnxpb.NodeProto)
	walk = func(nodes []*onnxpb.NodeProto) {
		for _, node := range nodes {
			n++
			if called := x.functions[callOf(node)]; called != nil {
				n = min(n+x.size(called, open), inlineLimit+1)
			}
			for g := range node.Subgraphs() {
				walk(g.GetNode())
			}
		}
	}
	walk(f.GetNode())
	open[id] = false
	x.sizes[id] = n
	return n
}

// importOf returns the version in which a list imports a domain; 0 where it does not.
func importOf(list []*onnxpb.OperatorSetIdProto, domain string) int64 {
	for _, o := range list {
		if onnxpb.NormalDomain(o.GetDomain()) == domain {
			return o.GetVersion()
		}
	}
	return 0
}

// reconcile holds the imports of a function to those of the host: a domain that the host lacks is imported; where the versions differ, every operator of the body has to be the same in both.
func (x *inliner) reconcile(h *inlineHost, f *onnxpb.FunctionProto, refuse func(hint, format string, args ...any) error) error {
	used := map[string]map[string]bool{}
	stays := map[string]bool{} // domains of functions that are called still, which have no versions
	var order []string
	var walk func(nodes []*onnxpb.NodeProto)
	walk = func(nodes []*onnxpb.NodeProto) {
		for _, n := range nodes {
			d := onnxpb.NormalDomain(n.GetDomain())
			if used[d] == nil {
				used[d] = map[string]bool{}
				order = append(order, d)
			}
			if !x.all[callOf(n)] {
				used[d][n.GetOpType()] = true
			} else if x.functions[callOf(n)] == nil {
				stays[d] = true
			}
			for g := range n.Subgraphs() {
				walk(g.GetNode())
			}
		}
	}
	walk(f.GetNode())
	for _, d := range order {
		if len(used[d]) == 0 && !stays[d] {
			continue // functions that are inlined too
		}
		own, host := importOf(f.GetOpsetImport(), d), importOf(*h.imports, d)
		shown := d
		if d == "" {
			shown = "ai.onnx"
		}
		switch {
		case own == host || own == 0:
			continue
		case host == 0:
			*h.imports = append(*h.imports, onnxpb.Opset(d, own))
			x.r.Add("added", "opset", shown, "", fmt.Sprint(own))
			continue
		}
		ops := make([]string, 0, len(used[d]))
		for op := range used[d] {
			ops = append(ops, op)
		}
		slices.Sort(ops)
		for _, op := range ops {
			a, okA := opset.Lookup(d, op, own)
			b, okB := opset.Lookup(d, op, host)
			if !okA || !okB || a.SinceVersion != b.SinceVersion || b.Deprecated {
				return refuse("bring the two to one version first", "%s means another thing in version %d of %s, which %s imports, than in version %d, which the function imports", op, host, shown, h.what, own)
			}
		}
	}
	return nil
}

// attributes puts values in the place of the references to the function's attributes.
func (x *inliner) attributes(nodes []*onnxpb.NodeProto, f *onnxpb.FunctionProto, call *onnxpb.NodeProto, refuse func(hint, format string, args ...any) error) error {
	given := func(name string) *onnxpb.AttributeProto {
		if a := call.Attr(name); a != nil {
			return a
		}
		for _, a := range f.GetAttributeProto() {
			if a.GetName() == name {
				return a
			}
		}
		return nil
	}
	graphs := map[string]bool{}
	var walk func(nodes []*onnxpb.NodeProto) error
	walk = func(nodes []*onnxpb.NodeProto) error {
		for _, n := range nodes {
			for g := range n.Subgraphs() {
				if err := walk(g.GetNode()); err != nil {
					return err
				}
			}
			refers := false
			var list []*onnxpb.AttributeProto
			for _, a := range n.GetAttribute() {
				ref := a.GetRefAttrName()
				if ref == "" {
					list = append(list, a)
					continue
				}
				refers = true
				value := given(ref)
				if value == nil {
					continue // as ONNX has it: the operator's own default
				}
				if value.G != nil || len(value.Graphs) > 0 {
					if call.Attr(ref) == nil {
						return refuse("give the graph with the call", "the default of its attribute %q is a graph", ref)
					}
					if graphs[ref] {
						return refuse("give the function the graph in two attributes", "it uses the graph in its attribute %q twice", ref)
					}
					graphs[ref] = true
				}
				list = append(list, attributeAs(value, a))
			}
			if refers {
				n.Attribute = list
			}
			if refers && len(list) == 0 && isConstantNode(n) {
				return refuse("give the attribute", "the call leaves out an attribute that a Constant of it needs")
			}
		}
		return nil
	}
	return walk(nodes)
}

// attributeAs copies the value of an attribute into one that refers to it, whose name and doc string stay.
func attributeAs(value, ref *onnxpb.AttributeProto) *onnxpb.AttributeProto {
	holder := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{{Attribute: []*onnxpb.AttributeProto{value}}}}}
	a := onnxpb.Clone(holder).Graph.Node[0].Attribute[0]
	a.Name, a.DocString = ref.Name, ref.DocString
	a.ProtoReflect().SetUnknown(ref.ProtoReflect().GetUnknown())
	return a
}

// declare takes along what a function declares of its inner values.
func (x *inliner) declare(list []*onnxpb.ValueInfoProto, to map[string]string, fresh map[string]bool, infos *[]*onnxpb.ValueInfoProto) {
	for _, v := range list {
		name, ok := to[v.GetName()]
		if !ok || !fresh[name] {
			continue
		}
		v.GetType().DropSymbols()
		v.Name = proto.String(name)
		*infos = append(*infos, v)
	}
}

// dropFunctions takes out the functions that were inlined, those that were called before and are not any more, and the imports of domains that nothing uses now.
func (x *inliner) dropFunctions(before map[functionID]bool) {
	now := reachable(x.m)
	domains := map[string]bool{}
	var kept []*onnxpb.FunctionProto
	for _, f := range x.m.GetFunctions() {
		id := functionOf(f)
		if x.functions[id] == nil && (now[id] || !before[id]) {
			kept = append(kept, f)
			continue
		}
		domains[id.domain] = true
		x.r.Add("removed", "function", id.String(), "", "")
	}
	x.m.Functions = kept
	eachBody(x.m, func(b *nodeBody) {
		for _, n := range b.nodes() {
			delete(domains, onnxpb.NormalDomain(n.GetDomain()))
		}
	})
	for _, f := range kept {
		delete(domains, functionOf(f).domain)
	}
	var imports []*onnxpb.OperatorSetIdProto
	for _, o := range x.m.GetOpsetImport() {
		if d := onnxpb.NormalDomain(o.GetDomain()); domains[d] && !opset.Known(d) {
			x.r.Add("removed", "opset", d, fmt.Sprint(o.GetVersion()), "")
			continue
		}
		imports = append(imports, o)
	}
	x.m.OpsetImport = imports
}
