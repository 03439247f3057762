package onnxtext

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Options say how a model is written. The zero value writes all of it.
type Options struct {
	// Elide leaves out the elements of tensors that have more than Elide of them, where it is greater than 0: {...} stands in their place, and Parse
	// refuses the text.
	Elide int64
}

// Readers of protobuf take 100 messages within each other. A graph in a graph's node is three deeper, a type in a type two. What is deeper than maxNesting has no
// place there, whatever it holds; whether all that is less deep has one onnxpb.TooDeep tells.
const (
	maxNesting = 99
	graphDepth = 3
	typeDepth  = 2
	tooDeep    = "graphs or types stand deeper within each other than the 100 messages that readers of ONNX take"
)

// Format writes a model as text, and tells what of it the text does not hold. External data is not read: its location stands in the text. Errors are of kind
// Unfit: a tensor whose data does not fit its shape, an element type that is not one of ONNX's, a model that is nested too deep; those of w come as they
// are. What was written up to an error is no whole text.
func Format(w io.Writer, m *onnxpb.ModelProto, o Options) ([]Lost, error) {
	if onnxpb.TooDeep(m) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, tooDeep)
	}
	p := &printer{w: bufio.NewWriterSize(onnxpb.LettingGo(w), 1<<16), o: o}
	p.model(m)
	if p.err != nil {
		return nil, p.err
	}
	if err := p.w.Flush(); err != nil {
		return nil, err
	}
	return p.lost, nil
}

// printer writes a model. After the first error it writes nothing more.
type printer struct {
	w      *bufio.Writer // keeps the first error of writing itself
	o      Options
	err    error
	lost   []Lost
	lostAt map[string]int
	indent int
	depth  int
	num    []byte // scratch for numbers
}

func (p *printer) put(s string) { p.w.WriteString(s) }

// fail keeps the first error.
func (p *printer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// line starts a line.
func (p *printer) line() {
	p.w.WriteByte('\n')
	for range p.indent {
		p.put("  ")
	}
}

// enter goes so many messages deeper; false where that is too deep.
func (p *printer) enter(messages int) bool {
	if p.depth += messages; p.depth > maxNesting {
		p.fail(onnxpb.Errorf(onnxpb.Unfit, tooDeep))
	}
	return p.err == nil
}

func (p *printer) leave(messages int) { p.depth -= messages }

// str writes a string in quotes.
func (p *printer) str(s string) {
	if !isPlain(s) {
		p.put(`hex"`)
		p.put(hex.EncodeToString([]byte(s)))
		p.put(`"`)
		return
	}
	p.w.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			p.w.WriteByte('\\')
		}
		p.w.WriteByte(s[i])
	}
	p.w.WriteByte('"')
}

// name writes a name: as it stands where it is an identifier and does not begin a type.
func (p *printer) name(s string) {
	if isIdentifier(s) && !isTypeWord(s) {
		p.put(s)
		return
	}
	p.str(s)
}

func (p *printer) names(list []string) {
	for i, s := range list {
		if i > 0 {
			p.put(", ")
		}
		p.name(s)
	}
}

// qualified writes the domain of an operator or of a type, which is identifiers with points between, or else in quotes.
func (p *printer) qualified(s string) {
	for part := range strings.SplitSeq(s, ".") {
		if !isIdentifier(part) {
			p.str(s)
			return
		}
	}
	p.put(s)
}

func (p *printer) int(v int64) {
	p.num = strconv.AppendInt(p.num[:0], v, 10)
	p.w.Write(p.num)
}

func (p *printer) model(m *onnxpb.ModelProto) {
	p.note(m)
	if p.o.Elide > 0 {
		p.put("# Tensors of more than ")
		p.int(p.o.Elide)
		p.put(" elements are written {...}: this text cannot be read back.\n")
	}
	var h header
	if m.IrVersion != nil {
		h.add("ir_version", func() { p.int(m.GetIrVersion()) })
	}
	h.opsets(p, m.GetOpsetImport())
	h.str(p, "producer_name", m.ProducerName)
	h.str(p, "producer_version", m.ProducerVersion)
	h.str(p, "domain", m.Domain)
	if m.ModelVersion != nil {
		h.add("model_version", func() { p.int(m.GetModelVersion()) })
	}
	h.str(p, "doc_string", m.DocString)
	if len(m.GetMetadataProps()) > 0 {
		h.add("metadata_props", func() { p.entries(m.GetMetadataProps()) })
	}
	h.write(p)
	p.graph(m.GetGraph())
	for _, f := range m.GetFunctions() {
		p.put("\n\n")
		p.function(f)
	}
	p.put("\n")
}

// header is what stands between < and > before a graph or a function.
type header struct {
	keys   []string
	values []func()
}

func (h *header) add(key string, value func()) {
	h.keys, h.values = append(h.keys, key), append(h.values, value)
}

func (h *header) str(p *printer, key string, s *string) {
	if s != nil {
		h.add(key, func() { p.str(*s) })
	}
}

func (h *header) opsets(p *printer, list []*onnxpb.OperatorSetIdProto) {
	if len(list) == 0 {
		return
	}
	h.add("opset_import", func() {
		p.put("[")
		for i, o := range list {
			if i > 0 {
				p.put(", ")
			}
			p.note(o)
			p.str(o.GetDomain())
			p.put(" : ")
			p.int(o.GetVersion())
		}
		p.put("]")
	})
}

func (h *header) write(p *printer) {
	if len(h.keys) == 0 {
		return
	}
	p.put("<")
	p.indent++
	for i, k := range h.keys {
		if i > 0 {
			p.put(",")
		}
		p.line()
		p.put(k)
		p.put(": ")
		h.values[i]()
	}
	p.indent--
	p.put("\n>\n")
}

// entries writes a list of pairs of strings.
func (p *printer) entries(list []*onnxpb.StringStringEntryProto) {
	p.put("[")
	for i, e := range list {
		if i > 0 {
			p.put(", ")
		}
		p.note(e)
		p.str(e.GetKey())
		p.put(": ")
		p.str(e.GetValue())
	}
	p.put("]")
}

func (p *printer) graph(g *onnxpb.GraphProto) {
	if !p.enter(graphDepth) {
		return
	}
	defer p.leave(graphDepth)
	if g == nil {
		g = &onnxpb.GraphProto{}
	}
	p.note(g)
	if n := g.GetName(); p.depth > graphDepth && isFloatWord(n) {
		p.str(n) // in an attribute the word would be a number
	} else {
		p.name(n)
	}
	p.put(" ")
	p.values(g.GetInput())
	p.put(" => ")
	p.values(g.GetOutput())
	if len(g.GetInitializer())+len(g.GetSparseInitializer())+len(g.GetValueInfo()) == 0 {
		p.put(" ")
		p.nodes(g.GetNode())
		return
	}
	p.line()
	p.put("<")
	p.indent++
	sep := ""
	next := func() {
		p.put(sep)
		sep = ","
		p.line()
	}
	for _, t := range g.GetInitializer() {
		next()
		p.tensor(t, true)
	}
	for _, s := range g.GetSparseInitializer() {
		next()
		p.sparse(s)
	}
	for _, v := range g.GetValueInfo() {
		next()
		p.value(v)
	}
	p.indent--
	p.line()
	p.put(">")
	p.line()
	p.nodes(g.GetNode())
}

// values writes the inputs or outputs of a graph, each on a line of its own where there are many.
func (p *printer) values(list []*onnxpb.ValueInfoProto) {
	const many = 6
	p.put("(")
	p.indent++
	for i, v := range list {
		if i > 0 {
			p.put(",")
		}
		if len(list) > many {
			p.line()
		} else if i > 0 {
			p.put(" ")
		}
		p.value(v)
	}
	p.indent--
	if len(list) > many {
		p.line()
	}
	p.put(")")
}

func (p *printer) value(v *onnxpb.ValueInfoProto) {
	p.note(v)
	if t := v.GetType(); t != nil {
		if t.GetValue() == nil {
			p.note(t)
		} else {
			p.typ(t)
			p.put(" ")
		}
	}
	p.name(v.GetName())
}

func (p *printer) nodes(list []*onnxpb.NodeProto) {
	p.put("{")
	p.indent++
	for _, n := range list {
		if p.err != nil {
			return
		}
		p.line()
		p.node(n)
	}
	p.indent--
	if len(list) > 0 {
		p.line()
	}
	p.put("}")
}

func (p *printer) node(n *onnxpb.NodeProto) {
	p.note(n)
	if n.GetName() != "" {
		p.put("[")
		p.name(n.GetName())
		p.put("] ")
	}
	p.names(n.GetOutput())
	if len(n.GetOutput()) > 0 {
		p.put(" ")
	}
	p.put("= ")
	if n.GetDomain() != "" {
		p.qualified(n.GetDomain())
		p.put(".")
	}
	p.word(n.GetOpType())
	if n.GetOverload() != "" {
		p.put(":")
		p.word(n.GetOverload())
	}
	// Subgraphs come last, so that what a node reads stands before what its subgraphs are.
	after := false
	for range n.Subgraphs() {
		after = true
		break
	}
	if !after {
		p.attributes(n.GetAttribute(), n)
	}
	p.put(" (")
	p.names(n.GetInput())
	p.put(")")
	if after {
		p.attributes(n.GetAttribute(), n)
	}
}

// word writes a name that the specification wants to be an identifier.
func (p *printer) word(s string) {
	if isIdentifier(s) {
		p.put(s)
		return
	}
	p.str(s)
}

func (p *printer) function(f *onnxpb.FunctionProto) {
	if p.err != nil {
		return
	}
	p.note(f)
	var h header
	domain := f.GetDomain()
	h.str(p, "domain", &domain)
	h.str(p, "overload", f.Overload)
	h.opsets(p, f.GetOpsetImport())
	h.str(p, "doc_string", f.DocString)
	h.write(p)
	p.name(f.GetName())
	p.put(" ")
	if defaults := p.withValue(f.GetAttributeProto()); len(f.GetAttribute())+len(defaults) > 0 {
		p.put("<")
		for i, a := range f.GetAttribute() {
			if i > 0 {
				p.put(", ")
			}
			p.word(a)
		}
		if len(f.GetAttribute()) > 0 && len(defaults) > 0 {
			p.put(", ")
		}
		p.attributeList(defaults)
		p.put("> ")
	}
	p.put("(")
	p.names(f.GetInput())
	p.put(") => (")
	p.names(f.GetOutput())
	p.put(")")
	p.line()
	if len(f.GetValueInfo()) > 0 {
		p.put("<")
		p.indent++
		for i, v := range f.GetValueInfo() {
			if i > 0 {
				p.put(",")
			}
			p.line()
			p.value(v)
		}
		p.indent--
		p.line()
		p.put(">")
		p.line()
	}
	p.depth += graphDepth // a graph in a function's node stands as deep as one in a graph's
	p.nodes(f.GetNode())
	p.depth -= graphDepth
}

// attributes writes the attributes of a node.
func (p *printer) attributes(list []*onnxpb.AttributeProto, n *onnxpb.NodeProto) {
	list = p.withValue(list)
	if len(list) == 0 {
		return
	}
	p.put(" <")
	p.attributeList(list)
	p.put(">")
	var e *onnxpb.Error
	if errors.As(p.err, &e) && e.Node == "" {
		c := *e
		c.Node = n.Label()
		p.err = &c
	}
}
