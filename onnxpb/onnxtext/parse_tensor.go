package onnxtext

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// elem reads the name of an element type.
func (p *parser) elem(what string) int32 {
	w := p.word()
	t, ok := elemNames[w]
	if !ok {
		p.expected(what)
	}
	p.pos += len(w)
	return int32(t)
}

// typ reads a type.
func (p *parser) typ() *onnxpb.TypeProto {
	t := &onnxpb.TypeProto{}
	w := p.word()
	open := func() {
		p.pos += len(w)
		p.want('(', "after "+w)
	}
	// held reads the type in brackets, which may be missing.
	held := func() *onnxpb.TypeProto {
		if p.peek() == ')' {
			return nil
		}
		p.enter(typeDepth)
		defer p.leave(typeDepth)
		return p.typ()
	}
	switch w {
	case "seq":
		open()
		t.Value = &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: held()}}
	case "optional":
		open()
		t.Value = &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: held()}}
	case "map":
		open()
		key := p.elem("an element type, for the keys")
		p.want(',', "between the types of keys and values")
		t.Value = &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &key, ValueType: held()}}
	case "sparse_tensor":
		open()
		e := p.elem("an element type")
		t.Value = &onnxpb.TypeProto_SparseTensorType{SparseTensorType: &onnxpb.TypeProto_SparseTensor{ElemType: &e, Shape: p.shape()}}
	case "opaque":
		open()
		t.Value = &onnxpb.TypeProto_OpaqueType{OpaqueType: p.opaque()}
	default:
		e := p.elem("a type")
		t.Value = &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{ElemType: &e, Shape: p.shape()}}
		return t
	}
	p.want(')', "after a type")
	return t
}

// opaque reads (), (name) or (domain, name), without the brackets.
func (p *parser) opaque() *onnxpb.TypeProto_Opaque {
	o := &onnxpb.TypeProto_Opaque{}
	if p.peek() == ')' {
		return o
	}
	first := strings.Join(p.qualified("a domain or a name"), ".")
	if !p.take(',') {
		o.Name = &first
		return o
	}
	o.Domain = &first
	if p.peek() != ')' {
		o.Name = proto.String(strings.Join(p.qualified("a name"), "."))
	}
	return o
}

// shape reads dimensions: nothing is a scalar, [] a rank that is not known.
func (p *parser) shape() *onnxpb.TensorShapeProto {
	s := &onnxpb.TensorShapeProto{}
	if !p.take('[') {
		return s
	}
	if p.take(']') {
		return nil
	}
	for {
		d := &onnxpb.TensorShapeProto_Dimension{}
		switch {
		case p.take('?'):
		case p.quoted() || p.word() != "":
			d.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: p.name("a dimension")}
		default:
			d.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: p.int("a dimension (a number, a name or ?)")}
		}
		s.Dim = append(s.Dim, d)
		if !p.take(',') {
			break
		}
	}
	p.want(']', "or a comma")
	return s
}

// tensor reads the name and the elements of a tensor whose type was read.
func (p *parser) tensor(typ *onnxpb.TypeProto, start int) *onnxpb.TensorProto {
	t := &onnxpb.TensorProto{}
	if p.quoted() || p.word() != "" {
		t.Name = proto.String(p.name("a name"))
	}
	p.take('=')
	p.tensorData(t, typ, start)
	return t
}

// wholeTensor reads a tensor, its type with it.
func (p *parser) wholeTensor() *onnxpb.TensorProto {
	p.space()
	start := p.pos
	return p.tensor(p.typ(), start)
}

// sparse reads a sparse tensor whose type was read.
func (p *parser) sparse(typ *onnxpb.TypeProto, start int) *onnxpb.SparseTensorProto {
	st := typ.GetSparseTensorType()
	s := &onnxpb.SparseTensorProto{Dims: p.dims(st.GetShape(), start)}
	p.want('=', "before a sparse tensor")
	p.want('{', "before the values of a sparse tensor")
	s.Values = p.wholeTensor()
	if s.Values.GetDataType() != st.GetElemType() {
		p.failAt(start, "the values of the sparse tensor have another element type")
	}
	p.want(',', "between the values and the indices of a sparse tensor")
	s.Indices = p.wholeTensor()
	p.want('}', "after the indices of a sparse tensor")
	return s
}

// dims turns the shape of a tensor into numbers.
func (p *parser) dims(s *onnxpb.TensorShapeProto, start int) []int64 {
	if s == nil {
		p.failAt(start, "a tensor needs its dimensions: for one element none, float x; for a list, float[3] x")
	}
	var dims []int64
	for _, d := range s.GetDim() {
		n := onnxpb.DimOf(d)
		if !n.Known {
			p.failAt(start, "the dimensions of a tensor are numbers, found %s", n)
		}
		dims = append(dims, n.Value)
	}
	return dims
}

// tensorData reads the elements of a tensor of a type, or the location of its external data.
func (p *parser) tensorData(t *onnxpb.TensorProto, typ *onnxpb.TypeProto, start int) {
	tt := typ.GetTensorType()
	if tt == nil {
		p.failAt(start, "a tensor needs a type such as float[3]")
	}
	t.Dims = p.dims(tt.GetShape(), start)
	e := onnxpb.TensorProto_DataType(tt.GetElemType())
	t.DataType = proto.Int32(int32(e))
	if p.peek() == '[' {
		t.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
		t.ExternalData = p.entries()
		return
	}
	p.want('{', "before the elements of a tensor")
	if p.space(); strings.HasPrefix(p.src[p.pos:], "...") {
		panic(&syntaxError{p.pos, "the elements of this tensor were left out", "write the text again, without --elide"})
	}
	n, err := onnxpb.Count(t.GetDims())
	if err != nil {
		p.failAt(start, "%v", err)
	}
	if e == onnxpb.TensorProto_UNDEFINED {
		p.failAt(start, "a tensor needs an element type, not undefined")
	}
	have := int64(0)
	if e != onnxpb.TensorProto_STRING {
		// Room for all of them, but for no more than the rest of the text could hold: a digit and a comma each.
		t.RawData = make([]byte, 0, bytesPacked(e, min(n, int64(len(p.src)-p.pos)/2+1)))
	}
	if p.peek() != '}' {
		for {
			p.element(t, e)
			have++
			if !p.take(',') {
				break
			}
		}
	}
	p.want('}', "or a comma")
	want := n
	switch bits := onnxpb.ElemBits(e); {
	case e == onnxpb.TensorProto_COMPLEX64 || e == onnxpb.TensorProto_COMPLEX128:
		want = 2 * n
		if n > math.MaxInt64/2 {
			want = math.MaxInt64
		}
	case bits > 0 && bits < 8:
		want = bytesPacked(e, n)
	}
	if have != want {
		p.failAt(start, "%s%v takes %d values, there are %d", onnxpb.TypeName(e), t.GetDims(), want, have)
	}
}

// element reads a value and appends it to the tensor's data.
func (p *parser) element(t *onnxpb.TensorProto, e onnxpb.TensorProto_DataType) {
	if e == onnxpb.TensorProto_STRING {
		t.StringData = append(t.StringData, []byte(p.str("a string")))
		return
	}
	text, float := p.number("a number")
	at := p.pos - len(text)
	le := binary.LittleEndian
	switch e {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_COMPLEX64:
		t.RawData = le.AppendUint32(t.RawData, math.Float32bits(float32(p.parseFloat(text, 32))))
		return
	case onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_COMPLEX128:
		t.RawData = le.AppendUint64(t.RawData, math.Float64bits(p.parseFloat(text, 64)))
		return
	}
	if float {
		switch e {
		case onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_FLOAT4E2M1, onnxpb.TensorProto_FLOAT8E4M3FN,
			onnxpb.TensorProto_FLOAT8E4M3FNUZ, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ, onnxpb.TensorProto_FLOAT8E8M0:
			p.failAt(at, "elements of %s are written as their bits, whole numbers, found %s", onnxpb.TypeName(e), text)
		}
		p.failAt(at, "a whole number was expected, found %s", text)
	}
	if e == onnxpb.TensorProto_UINT64 {
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			p.failAt(at, "%s does not fit an element of %s", text, onnxpb.TypeName(e))
		}
		t.RawData = le.AppendUint64(t.RawData, v)
		return
	}
	lo, hi, size := intRange(e)
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < lo || v > hi {
		p.failAt(at, "%s does not fit an element of %s", text, onnxpb.TypeName(e))
	}
	switch size {
	case 1:
		t.RawData = append(t.RawData, byte(v))
	case 2:
		t.RawData = le.AppendUint16(t.RawData, uint16(v))
	case 4:
		t.RawData = le.AppendUint32(t.RawData, uint32(v))
	default:
		t.RawData = le.AppendUint64(t.RawData, uint64(v))
	}
}

// intRange returns the smallest and the largest number that stands for an element, and the bytes that it takes in raw_data. The elements of packed types
// are written as the bytes that hold them.
func intRange(e onnxpb.TensorProto_DataType) (lo, hi int64, size int) {
	switch e {
	case onnxpb.TensorProto_INT8:
		return math.MinInt8, math.MaxInt8, 1
	case onnxpb.TensorProto_INT16:
		return math.MinInt16, math.MaxInt16, 2
	case onnxpb.TensorProto_INT32:
		return math.MinInt32, math.MaxInt32, 4
	case onnxpb.TensorProto_INT64:
		return math.MinInt64, math.MaxInt64, 8
	case onnxpb.TensorProto_UINT32:
		return 0, math.MaxUint32, 4
	case onnxpb.TensorProto_UINT16, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16:
		return 0, math.MaxUint16, 2
	case onnxpb.TensorProto_BOOL:
		return 0, 1, 1
	}
	return 0, math.MaxUint8, 1 // uint8, 8-bit floats, bytes of packed types
}
