package onnxtext

import (
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// attributes reads a list of attributes, if there is one.
func (p *parser) attributes() []*onnxpb.AttributeProto {
	if !p.take('<') {
		return nil
	}
	var list []*onnxpb.AttributeProto
	for {
		list = append(list, p.attribute(p.name("the name of an attribute")))
		if !p.take(',') {
			break
		}
	}
	p.want('>', "or a comma")
	return list
}

// attribute reads the type and the value of an attribute whose name was read.
func (p *parser) attribute(name string) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: &name}
	var declared onnxpb.AttributeProto_AttributeType
	if p.take(':') {
		w := p.word()
		t, ok := attrNames[w]
		if !ok {
			p.expected("a type of attributes (int, float, string, tensor, graph, sparse_tensor, type_proto, or such with an s)")
		}
		p.pos += len(w)
		declared = t
	}
	p.want('=', "before the value of an attribute")
	p.space()
	start := p.pos
	if !p.take('[') {
		if singleOf(declared) != declared && p.peek() != '@' {
			p.expected(`"[" before a list`)
		}
		v := p.attrValue(declared)
		v.Name = &name
		return v
	}
	single := singleOf(declared)
	if declared != 0 && single == declared {
		p.failAt(start, "the type %s takes one value, not a list", strings.ToLower(declared.String()))
	}
	if p.take(']') {
		if declared == 0 {
			p.failAt(start, "an empty list needs the type of the attribute: write %s: ints = []", name)
		}
		a.Type = declared.Enum()
		return a
	}
	want := single
	for {
		p.space()
		at := p.pos
		v := p.attrValue(want)
		if v.RefAttrName != nil {
			p.failAt(at, "a reference cannot stand in a list")
		}
		if single != 0 && v.GetType() != single {
			p.failAt(at, "a list holds values of one type: write the type of the attribute")
		}
		single = v.GetType()
		appendValue(a, v)
		if !p.take(',') {
			break
		}
	}
	p.want(']', "or a comma")
	a.Type = listOf[single].Enum()
	return a
}

// appendValue puts the one value that v holds into a's list.
func appendValue(a, v *onnxpb.AttributeProto) {
	switch v.GetType() {
	case onnxpb.AttributeProto_INT:
		a.Ints = append(a.Ints, v.GetI())
	case onnxpb.AttributeProto_FLOAT:
		a.Floats = append(a.Floats, v.GetF())
	case onnxpb.AttributeProto_STRING:
		a.Strings = append(a.Strings, v.S)
	case onnxpb.AttributeProto_TENSOR:
		a.Tensors = append(a.Tensors, v.T)
	case onnxpb.AttributeProto_GRAPH:
		a.Graphs = append(a.Graphs, v.G)
	case onnxpb.AttributeProto_SPARSE_TENSOR:
		a.SparseTensors = append(a.SparseTensors, v.SparseTensor)
	case onnxpb.AttributeProto_TYPE_PROTO:
		a.TypeProtos = append(a.TypeProtos, v.Tp)
	}
}

// attrValue reads one value; declared is the type that it must have, 0 where the text does not tell.
func (p *parser) attrValue(declared onnxpb.AttributeProto_AttributeType) *onnxpb.AttributeProto {
	v := &onnxpb.AttributeProto{}
	if p.take('@') {
		v.RefAttrName = proto.String(p.name("the name of an attribute"))
		if declared != 0 {
			v.Type = declared.Enum()
		}
		return v
	}
	p.space()
	start := p.pos
	w := p.word()
	switch {
	case declared == onnxpb.AttributeProto_GRAPH:
		v.G = p.graph()
	case p.quoted():
		v.S = []byte(p.str("a value"))
	case isTypeWord(w):
		p.typed(v, declared)
	case w != "" && !isFloatWord(w):
		v.G = p.graph()
	default:
		p.literal(v, declared)
	}
	t := attrType(v) // by the value that is set
	if declared != 0 && t != declared {
		p.failAt(start, "the attribute is declared %s, the value is of type %s", strings.ToLower(declared.String()), strings.ToLower(t.String()))
	}
	v.Type = t.Enum()
	return v
}

// typed reads a value that begins with a type: a tensor, a sparse tensor or the type itself.
func (p *parser) typed(v *onnxpb.AttributeProto, declared onnxpb.AttributeProto_AttributeType) {
	start := p.pos
	t := p.typ()
	c := p.peek()
	follows := c == '{' || c == '=' || c == '[' || p.quoted() || p.word() != ""
	switch {
	case declared == onnxpb.AttributeProto_TYPE_PROTO || !follows && declared == 0:
		v.Tp = t
	case t.GetSparseTensorType() != nil:
		v.SparseTensor = p.sparse(t, start)
	default:
		v.T = p.tensor(t, start)
	}
}

// literal reads a number.
func (p *parser) literal(v *onnxpb.AttributeProto, declared onnxpb.AttributeProto_AttributeType) {
	text, float := p.number("a value")
	if float || declared == onnxpb.AttributeProto_FLOAT {
		v.F = proto.Float32(float32(p.parseFloat(text, 32)))
		return
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		p.failAt(p.pos-len(text), "%s passes 64 bits", text)
	}
	v.I = &i
}

// parseFloat turns the text of a number that was just read into a value.
func (p *parser) parseFloat(text string, bits int) float64 {
	if v := strings.TrimPrefix(text, "-"); isLetter(v[0]) {
		f := math.Float64frombits(nan64)
		if v[0] == 'i' || v[0] == 'I' {
			f = math.Inf(1)
		}
		if len(v) < len(text) {
			f = math.Copysign(f, -1)
		}
		return f
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		p.failAt(p.pos-len(text), "%s passes the range of a float of %d bits", text, bits)
	}
	return f
}
