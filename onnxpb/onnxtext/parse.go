package onnxtext

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// Parse reads a model from its text. Elements of tensors come to stand in raw_data. Errors are of kind Unfit and tell the line and the column, what
// was expected and what was found. Text that the specification's parser reads differently from its own grammar is refused: numbers that do not fit
// the element type, counts that do not fit the shape, lists of integers and floats without a type.
func Parse(text string) (m *onnxpb.ModelProto, err error) {
	p := &parser{scanner: scanner{src: text}}
	if strings.HasPrefix(text, "\ufeff") {
		p.pos = len("\ufeff") // a byte order mark
	}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*syntaxError)
			if !ok {
				panic(r)
			}
			m, err = nil, p.error(e)
		}
	}()
	if m = p.model(); onnxpb.TooDeep(m) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, tooDeep)
	}
	return m, nil
}

type parser struct {
	scanner
	depth int
}

// enter goes so many messages deeper.
func (p *parser) enter(messages int) {
	if p.depth += messages; p.depth > maxNesting { // before the stack grows without end
		p.failAt(p.pos, tooDeep)
	}
}

func (p *parser) leave(messages int) { p.depth -= messages }

func (p *parser) model() *onnxpb.ModelProto {
	m := &onnxpb.ModelProto{}
	p.header([]headerKey{
		{"ir_version", func() { m.IrVersion = proto.Int64(p.int("a number")) }},
		{"opset_import", func() { m.OpsetImport = p.opsets() }},
		{"producer_name", func() { m.ProducerName = proto.String(p.str("a string")) }},
		{"producer_version", func() { m.ProducerVersion = proto.String(p.str("a string")) }},
		{"domain", func() { m.Domain = proto.String(p.str("a string")) }},
		{"model_version", func() { m.ModelVersion = proto.Int64(p.int("a number")) }},
		{"doc_string", func() { m.DocString = proto.String(p.str("a string")) }},
		{"metadata_props", func() { m.MetadataProps = p.entries() }},
	})
	m.Graph = p.graph()
	for p.space(); p.pos < len(p.src); p.space() {
		m.Functions = append(m.Functions, p.function())
	}
	return m
}

type headerKey struct {
	key  string
	read func()
}

// header reads what stands between < and > before a graph or a function, if anything does.
func (p *parser) header(keys []headerKey) {
	if !p.take('<') {
		return
	}
	seen := map[string]bool{}
	for {
		k := p.word()
		start := p.pos
		i := slices.IndexFunc(keys, func(h headerKey) bool { return h.key == k })
		if i < 0 {
			names := make([]string, len(keys))
			for i, h := range keys {
				names[i] = h.key
			}
			p.expected("one of " + strings.Join(names, ", "))
		}
		if seen[k] {
			p.failAt(start, "%s stands here twice", k)
		}
		seen[k] = true
		p.pos += len(k)
		p.want(':', "after "+k)
		keys[i].read()
		if !p.take(',') {
			break
		}
	}
	p.want('>', "or a comma")
}

func (p *parser) opsets() []*onnxpb.OperatorSetIdProto {
	var list []*onnxpb.OperatorSetIdProto
	p.want('[', "before the operator sets")
	if p.take(']') {
		return nil
	}
	for {
		domain := p.str("the domain of an operator set in quotes")
		p.want(':', "after the domain of an operator set")
		list = append(list, onnxpb.Opset(domain, p.int("the version of an operator set")))
		if !p.take(',') {
			break
		}
	}
	p.want(']', "or a comma")
	return list
}

// entries reads pairs of strings in brackets.
func (p *parser) entries() []*onnxpb.StringStringEntryProto {
	var list []*onnxpb.StringStringEntryProto
	p.want('[', "before pairs of strings")
	if p.take(']') {
		return nil
	}
	for {
		e := &onnxpb.StringStringEntryProto{Key: proto.String(p.str("a string"))}
		p.want(':', "between two strings")
		e.Value = proto.String(p.str("a string"))
		list = append(list, e)
		if !p.take(',') {
			break
		}
	}
	p.want(']', "or a comma")
	return list
}

func (p *parser) graph() *onnxpb.GraphProto {
	p.enter(graphDepth)
	defer p.leave(graphDepth)
	g := &onnxpb.GraphProto{Name: proto.String(p.name("the name of a graph"))}
	p.want('(', "before the inputs of the graph")
	if !p.take(')') {
		for {
			v := p.value()
			g.Input = append(g.Input, v)
			if p.take('=') {
				g.Initializer = append(g.Initializer, p.initializer(v))
			}
			if !p.take(',') {
				break
			}
		}
		p.want(')', "or a comma")
	}
	p.arrow("before the outputs of the graph")
	p.want('(', "before the outputs of the graph")
	if !p.take(')') {
		for {
			g.Output = append(g.Output, p.value())
			if !p.take(',') {
				break
			}
		}
		p.want(')', "or a comma")
	}
	if p.take('<') && !p.take('>') {
		for {
			p.initializerOrValue(g)
			if !p.take(',') {
				break
			}
		}
		p.want('>', "or a comma")
	}
	g.Node = p.nodes()
	return g
}

// initializerOrValue reads an entry of the list after a graph's outputs.
func (p *parser) initializerOrValue(g *onnxpb.GraphProto) {
	start := p.pos
	if p.word() == "sparse_tensor" {
		t := p.typ()
		if p.peek() == '=' {
			g.SparseInitializer = append(g.SparseInitializer, p.sparse(t, start))
			return
		}
		p.pos = start
	}
	v := p.value()
	if p.take('=') {
		g.Initializer = append(g.Initializer, p.initializer(v))
		return
	}
	g.ValueInfo = append(g.ValueInfo, v)
}

// initializer reads the elements of an initializer.
func (p *parser) initializer(v *onnxpb.ValueInfoProto) *onnxpb.TensorProto {
	t := &onnxpb.TensorProto{Name: v.Name}
	p.tensorData(t, v.GetType(), p.pos)
	return t
}

// value reads the declaration of a value: a type, which may be missing, and a name.
func (p *parser) value() *onnxpb.ValueInfoProto {
	v := &onnxpb.ValueInfoProto{}
	if isTypeWord(p.word()) {
		v.Type = p.typ()
	}
	v.Name = proto.String(p.name("a type or a name"))
	return v
}

func (p *parser) nodes() []*onnxpb.NodeProto {
	var list []*onnxpb.NodeProto
	p.want('{', "before the nodes")
	for !p.take('}') {
		if p.pos >= len(p.src) {
			p.expected(`a node or "}"`)
		}
		list = append(list, p.node())
	}
	return list
}

func (p *parser) node() *onnxpb.NodeProto {
	n := &onnxpb.NodeProto{}
	if p.take('[') {
		n.Name = proto.String(p.name("the name of a node"))
		p.want(']', "after the name of a node")
	}
	n.Output = p.names()
	p.want('=', "between the outputs of a node and its operator")
	op := p.qualified("an operator")
	if d := strings.Join(op[:len(op)-1], "."); d != "" {
		n.Domain = proto.String(d)
	}
	n.OpType = proto.String(op[len(op)-1])
	if p.take(':') {
		n.Overload = proto.String(p.name("an overload"))
	}
	n.Attribute = p.attributes()
	p.want('(', "before the inputs of a node")
	n.Input = p.names()
	p.want(')', "or a comma")
	if len(n.Attribute) == 0 {
		n.Attribute = p.attributes()
	}
	return n
}

// names reads names with commas between. A name that is empty is written "", or as nothing before a comma.
func (p *parser) names() []string {
	var list []string
	for {
		switch {
		case p.quoted() || p.word() != "":
			list = append(list, p.name("a name"))
		case p.peek() == ',':
			list = append(list, "")
		default:
			return list
		}
		if !p.take(',') {
			return list
		}
	}
}

func (p *parser) function() *onnxpb.FunctionProto {
	f := &onnxpb.FunctionProto{}
	p.header([]headerKey{
		{"domain", func() { f.Domain = proto.String(p.str("a string")) }},
		{"overload", func() { f.Overload = proto.String(p.str("a string")) }},
		{"opset_import", func() { f.OpsetImport = p.opsets() }},
		{"doc_string", func() { f.DocString = proto.String(p.str("a string")) }},
	})
	f.Name = proto.String(p.name("the name of a function"))
	p.enter(graphDepth) // a graph in a function's node stands as deep as one in a graph's
	defer p.leave(graphDepth)
	if p.take('<') {
		for {
			name := p.name("the name of an attribute")
			if c := p.peek(); c == ':' || c == '=' {
				f.AttributeProto = append(f.AttributeProto, p.attribute(name))
			} else {
				f.Attribute = append(f.Attribute, name)
			}
			if !p.take(',') {
				break
			}
		}
		p.want('>', "or a comma")
	}
	f.Input = p.formals(f)
	p.arrow("before the outputs of the function")
	f.Output = p.formals(f)
	if p.take('<') && !p.take('>') {
		for {
			f.ValueInfo = append(f.ValueInfo, p.value())
			if !p.take(',') {
				break
			}
		}
		p.want('>', "or a comma")
	}
	f.Node = p.nodes()
	return f
}

// formals reads the inputs or outputs of a function; the types of those that tell one go into the function's value_info.
func (p *parser) formals(f *onnxpb.FunctionProto) []string {
	var list []string
	p.want('(', "before inputs or outputs of a function")
	if p.take(')') {
		return nil
	}
	for {
		v := p.value()
		if v.Type != nil {
			f.ValueInfo = append(f.ValueInfo, v)
		}
		list = append(list, v.GetName())
		if !p.take(',') {
			break
		}
	}
	p.want(')', "or a comma")
	return list
}
