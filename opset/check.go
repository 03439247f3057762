package opset

import (
	"fmt"
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// MaxDepth is how deep subgraphs may be nested. Whatever reads models with protobuf's C++ library, ONNX and ONNX Runtime among them, reads no deeper:
// that library nests a hundred messages, and a subgraph takes three.
const MaxDepth = 32

// CheckOptions says what Check looks at. The zero value is right for a model in memory.
type CheckOptions struct {
	// Warnings asks for warnings too: what is odd, and may mean a mistake, but leaves the model valid.
	Warnings bool
	// Dir, where it is not "", is the directory of the model's file: external data must be there, and be long enough.
	Dir string
}

// Check returns every fault of a model, in the order of the graph; none means that the model is structurally valid: versions and operator
// sets; single assignment and no shadowing; topological order; every value that is used is made; operators, arity and attributes as the
// imported operator sets have them; types of the graph's inputs and outputs; initializers whose data fits their dimensions; functions. Types
// and shapes are not inferred, and payloads of tensors are measured, not decoded (but for the indices of sparse tensors).
//
// The time it takes grows with nodes, edges and attributes, not with the weights.
func Check(m *onnxpb.ModelProto, o CheckOptions) []Fault {
	c := &checker{m: m, o: o, ir: m.GetIrVersion()}
	c.model()
	return c.faults
}

// checker is one run of Check.
type checker struct {
	m      *onnxpb.ModelProto
	o      CheckOptions
	faults []Fault
	ir     int64
	funcs  map[funcKey]*onnxpb.FunctionProto
}

// fail notes a fault.
func (c *checker) fail(at *place, code, tensor, format string, args ...any) {
	c.faults = append(c.faults, Fault{Code: code, Graph: at.graph(), Node: at.label(), Tensor: tensor, Message: fmt.Sprintf(format, onnxpb.ShortenedArgs(args)...)})
}

// warn notes a warning, where warnings are asked for.
func (c *checker) warn(at *place, code, tensor, format string, args ...any) {
	if c.o.Warnings {
		c.fail(at, code, tensor, format, args...)
		c.faults[len(c.faults)-1].Warning = true
	}
}

// name checks the encoding of a name.
func (c *checker) name(at *place, what, name string) {
	if !utf8.ValidString(name) {
		c.fail(at, FaultNameEncoding, "", "%s %q is not valid UTF-8", what, name)
	}
}

// place is where the checker is: a graph or a function body, and a node in it. It is a chain, so that the path is written only for a fault.
type place struct {
	parent *place            // the node that holds the subgraph; nil for the outermost graph
	root   string            // the outermost graph: "" for the main graph, or a function, or a part of the training information
	attr   string            // the attribute of parent's node that holds the subgraph
	index  int               // which of the attribute's graphs; -1 where it holds one
	node   *onnxpb.NodeProto // the node, or nil
}

// at returns the place of a node in the same graph.
func (p *place) at(n *onnxpb.NodeProto) *place {
	q := *p
	q.node = n
	return &q
}

func (p *place) graph() string {
	if p.parent == nil {
		return p.root
	}
	s := p.parent.node.Label() + "/" + p.attr
	if outer := p.parent.graph(); outer != "" {
		s = outer + "/" + s
	}
	if p.index >= 0 {
		s += fmt.Sprintf("[%d]", p.index)
	}
	return s
}

func (p *place) label() string {
	if p.node == nil {
		return ""
	}
	return p.node.Label()
}

// model checks the model as a whole, then its graph, functions and training information.
func (c *checker) model() {
	top := &place{index: -1}
	switch {
	case c.ir <= 0:
		c.fail(top, FaultIRVersion, "", "ir_version is %d: the model does not say which version of ONNX's format it is", c.ir)
	case c.ir > NewestIR:
		c.warn(top, WarnNewer, "", "ir_version %d is newer than %d, the newest that this program knows", c.ir, NewestIR)
	}
	keys := map[string]bool{}
	for _, e := range c.m.GetMetadataProps() {
		if keys[e.GetKey()] {
			c.fail(top, FaultMetadata, "", "metadata_props has the key %q twice", e.GetKey())
		}
		keys[e.GetKey()] = true
	}
	c.modelText(top)
	imports := c.imports(top, c.m.GetOpsetImport())
	switch {
	case len(c.m.GetOpsetImport()) == 0 && c.ir >= 3:
		c.fail(top, FaultOpsetImport, "", "the model imports no operator set, which it must from IR version 3 on")
		imports[""] = 1 // what a model of an older IR version means, so that the faults that follow are not all the same
	case len(c.m.GetOpsetImport()) == 0:
		imports[""] = 1
	case c.ir > 0 && c.ir < 3:
		c.fail(top, FaultOpsetImport, "", "the model imports operator sets, which IR version %d does not have", c.ir)
	}
	c.functionKeys(top)
	if c.m.GetGraph() == nil {
		c.fail(top, FaultName, "", "the model has no graph")
	} else {
		b := newBody(imports, nil)
		b.visible = make(map[string]definition, len(c.m.GetGraph().GetNode())+len(c.m.GetGraph().GetInitializer()))
		c.graph(b, nil, c.m.GetGraph(), top, 0)
	}
	c.functions(imports)
	c.training(imports)
}

// imports reads the imports of a model or a function, and checks them.
func (c *checker) imports(at *place, list []*onnxpb.OperatorSetIdProto) map[string]int64 {
	imports := map[string]int64{}
	for _, o := range list {
		domain, version := onnxpb.NormalDomain(o.GetDomain()), o.GetVersion()
		shown := domainName(domain)
		c.name(at, "the domain", domain)
		if version <= 0 {
			c.fail(at, FaultOpsetImport, "", "the import of %s has version %d", shown, version)
			continue
		}
		if old, ok := imports[domain]; ok {
			if old != version {
				c.fail(at, FaultOpsetImport, "", "%s is imported twice, as version %d and as version %d", shown, old, version)
			} else {
				c.warn(at, WarnDuplicate, "", "%s version %d is imported twice", shown, version)
			}
			imports[domain] = max(old, version) // the highest is in force, as ONNX has it
			continue
		}
		imports[domain] = version
		if Known(domain) && version > Newest(domain) {
			c.warn(at, WarnNewer, "", "%s version %d is newer than %d, the newest that this program knows: its operators are held to that", shown, version, Newest(domain))
		}
		if need := MinIR(domain, version); c.ir > 0 && c.ir < need {
			c.warn(at, WarnOlderIR, "", "%s version %d came with IR version %d, the model says %d", shown, version, need, c.ir)
		}
	}
	return imports
}

// domainName writes a domain for people.
func domainName(domain string) string {
	if domain == "" {
		return "ai.onnx"
	}
	return domain
}

// body is what names mean in one main graph, function body or training graph, with the subgraphs below it.
type body struct {
	imports map[string]int64
	fn      *onnxpb.FunctionProto // the function whose body it is, or nil
	params  map[string]bool       // the function's attribute parameters
	visible map[string]definition // the values that are made so far and can be seen from here
	outer   func(string) bool     // values made outside the body that it sees, or nil
	ops     map[opKey]opResult    // what Lookup said
	nodes   map[string]bool       // names of nodes, where warnings are asked for
}

type opKey struct{ domain, name string }

type opResult struct {
	op *Operator
	ok bool
}

// definition says at which depth of subgraphs a value was made, and by what.
type definition struct {
	depth int
	by    string
}

func newBody(imports map[string]int64, fn *onnxpb.FunctionProto) *body {
	return &body{imports: imports, fn: fn, visible: map[string]definition{}, ops: map[opKey]opResult{}, nodes: map[string]bool{}}
}

// lookup is Lookup under the body's imports, remembered.
func (b *body) lookup(domain, name string) (*Operator, bool) {
	k := opKey{domain, name}
	r, seen := b.ops[k]
	if !seen {
		r.op, r.ok = Lookup(domain, name, b.imports[domain])
		b.ops[k] = r
	}
	return r.op, r.ok
}

// training checks the training information: its graphs see the values of the main graph.
func (c *checker) training(imports map[string]int64) {
	if len(c.m.GetTrainingInfo()) == 0 {
		return
	}
	main := map[string]bool{}
	g := c.m.GetGraph()
	for _, v := range g.GetInput() {
		main[v.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		main[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		main[t.GetValues().GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			main[o] = true
		}
	}
	for i, t := range c.m.GetTrainingInfo() {
		for _, part := range []struct {
			name string
			g    *onnxpb.GraphProto
		}{{"initialization", t.GetInitialization()}, {"algorithm", t.GetAlgorithm()}} {
			if part.g == nil {
				continue
			}
			b := newBody(imports, nil)
			b.outer = func(name string) bool { return main[name] }
			c.graph(b, nil, part.g, &place{index: -1, root: fmt.Sprintf("training_info[%d].%s", i, part.name)}, 0)
		}
	}
}
