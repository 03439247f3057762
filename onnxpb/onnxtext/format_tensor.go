package onnxtext

import (
	"math"
	"strconv"

	"onnxtool/onnxpb"
)

// elem writes the name of an element type.
func (p *printer) elem(t int32) {
	n, ok := elemName(t)
	if !ok {
		p.fail(onnxpb.Errorf(onnxpb.Unfit, "element type %d is not one that tensors have", t))
	}
	p.put(n)
}

// typ writes a type.
func (p *printer) typ(t *onnxpb.TypeProto) {
	if t == nil {
		return
	}
	p.note(t)
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		p.note(v.TensorType)
		p.elem(v.TensorType.GetElemType())
		p.shape(v.TensorType.GetShape())
	case *onnxpb.TypeProto_SparseTensorType:
		p.note(v.SparseTensorType)
		p.put("sparse_tensor(")
		p.elem(v.SparseTensorType.GetElemType())
		p.shape(v.SparseTensorType.GetShape())
		p.put(")")
	case *onnxpb.TypeProto_SequenceType:
		p.note(v.SequenceType)
		p.put("seq(")
		p.held(v.SequenceType.GetElemType())
		p.put(")")
	case *onnxpb.TypeProto_OptionalType:
		p.note(v.OptionalType)
		p.put("optional(")
		p.held(v.OptionalType.GetElemType())
		p.put(")")
	case *onnxpb.TypeProto_MapType:
		p.note(v.MapType)
		p.put("map(")
		p.elem(v.MapType.GetKeyType())
		p.put(", ")
		p.held(v.MapType.GetValueType())
		p.put(")")
	case *onnxpb.TypeProto_OpaqueType:
		p.note(v.OpaqueType)
		p.put("opaque(")
		if d := v.OpaqueType.GetDomain(); d != "" {
			p.qualified(d)
			p.put(", ")
		}
		if n := v.OpaqueType.GetName(); n != "" {
			p.qualified(n)
		}
		p.put(")")
	}
}

// held writes a type that another one holds.
func (p *printer) held(t *onnxpb.TypeProto) {
	if p.enter(typeDepth) {
		p.typ(t)
	}
	p.leave(typeDepth)
}

// shape writes dimensions: none for a scalar, [] where the rank is not known.
func (p *printer) shape(s *onnxpb.TensorShapeProto) {
	if s == nil {
		p.put("[]")
		return
	}
	p.note(s)
	if len(s.GetDim()) == 0 {
		return
	}
	p.put("[")
	for i, d := range s.GetDim() {
		if i > 0 {
			p.put(",")
		}
		p.note(d)
		switch d := onnxpb.DimOf(d); {
		case d.Known:
			p.int(d.Value)
		case d.Param != "":
			p.word(d.Param)
		default:
			p.put("?")
		}
	}
	p.put("]")
}

// numbers writes the dimensions of a tensor.
func (p *printer) numbers(dims []int64) {
	if len(dims) == 0 {
		return
	}
	p.put("[")
	for i, d := range dims {
		if i > 0 {
			p.put(",")
		}
		p.int(d)
	}
	p.put("]")
}

// sparse writes a sparse tensor.
func (p *printer) sparse(s *onnxpb.SparseTensorProto) {
	if p.err != nil {
		return
	}
	p.note(s)
	if s.Values == nil || s.Indices == nil {
		p.fail(onnxpb.Errorf(onnxpb.Unfit, "a sparse tensor has no values or no indices"))
		return
	}
	p.put("sparse_tensor(")
	p.elem(s.Values.GetDataType())
	p.numbers(s.GetDims())
	p.put(") = {")
	p.tensor(s.Values, false)
	p.put(", ")
	p.tensor(s.Indices, false)
	p.put("}")
}

// tensor writes a tensor: type, name, elements. The specification wants = before those of initializers and before locations of external data.
func (p *printer) tensor(t *onnxpb.TensorProto, initializer bool) {
	if p.err != nil {
		return
	}
	t = onnxpb.Unpacked(t)
	p.note(t)
	p.elem(t.GetDataType())
	p.numbers(t.GetDims())
	if t.GetName() != "" || initializer {
		p.put(" ")
		p.name(t.GetName())
	}
	external := t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL
	if initializer || external {
		p.put(" =")
	}
	p.put(" ")
	if external {
		p.entries(t.GetExternalData())
		return
	}
	if err := onnxpb.CheckData(t, ""); err != nil {
		p.fail(named(err, t.GetName()))
		return
	}
	if n, _ := onnxpb.Count(t.GetDims()); p.o.Elide > 0 && n > p.o.Elide {
		p.put("{...}")
		return
	}
	p.put("{")
	for i, piece := range onnxpb.Pieces(t) {
		a, err := onnxpb.Decode(piece, "")
		if err != nil {
			p.fail(err)
			return
		}
		if i > 0 {
			p.put(",")
		}
		p.elements(a)
	}
	p.put("}")
}

// named names the tensor that an error is about.
func named(err error, tensor string) error {
	if e, ok := err.(*onnxpb.Error); ok && e.Tensor == "" {
		c := *e
		c.Tensor = tensor
		return &c
	}
	return err
}

// elements writes the elements of a tensor as the typed fields of a TensorProto hold them: numbers, the bits of small floats, the bytes of packed types,
// pairs of real and imaginary parts.
func (p *printer) elements(a *onnxpb.Array) {
	if bits := onnxpb.ElemBits(a.Type); bits > 0 && bits < 8 {
		raw, err := a.Raw()
		if err != nil {
			p.fail(err)
			return
		}
		join(p, raw, unsigned)
		return
	}
	switch d := a.Data.(type) {
	case []float32:
		p.noteNaN(d)
		join(p, d, func(b []byte, v float32) []byte { return appendFloat(b, float64(v), 32) })
	case []float64:
		p.noteNaN64(d)
		join(p, d, func(b []byte, v float64) []byte { return appendFloat(b, v, 64) })
	case []complex64:
		parts := make([]float32, 0, 2*len(d))
		for _, v := range d {
			parts = append(parts, real(v), imag(v))
		}
		p.noteNaN(parts)
		join(p, parts, func(b []byte, v float32) []byte { return appendFloat(b, float64(v), 32) })
	case []complex128:
		parts := make([]float64, 0, 2*len(d))
		for _, v := range d {
			parts = append(parts, real(v), imag(v))
		}
		p.noteNaN64(parts)
		join(p, parts, func(b []byte, v float64) []byte { return appendFloat(b, v, 64) })
	case []int8:
		join(p, d, signed)
	case []int16:
		join(p, d, signed)
	case []int32:
		join(p, d, signed)
	case []int64:
		join(p, d, signed)
	case []uint8:
		join(p, d, unsigned)
	case []uint16:
		join(p, d, unsigned)
	case []uint32:
		join(p, d, unsigned)
	case []uint64:
		join(p, d, unsigned)
	case []bool:
		join(p, d, func(b []byte, v bool) []byte {
			if v {
				return append(b, '1')
			}
			return append(b, '0')
		})
	case []string:
		for i, s := range d {
			if i > 0 {
				p.put(", ")
			}
			p.str(s)
		}
	}
}

func signed[T int8 | int16 | int32 | int64](b []byte, v T) []byte {
	return strconv.AppendInt(b, int64(v), 10)
}

func unsigned[T uint8 | uint16 | uint32 | uint64](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

func join[T any](p *printer, items []T, write func([]byte, T) []byte) {
	for i, v := range items {
		b := p.num[:0]
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, v)
		p.w.Write(b)
		p.num = b
	}
}

// noteNaN tells of values that are not a number and whose bits are others than those that nan reads back to.
func (p *printer) noteNaN(d []float32) {
	for _, v := range d {
		if v != v && math.Float32bits(v)&^(1<<31) != nan32 {
			p.lose("bits of a value that is not a number")
		}
	}
}

func (p *printer) noteNaN64(d []float64) {
	for _, v := range d {
		if v != v && math.Float64bits(v)&^(1<<63) != nan64 {
			p.lose("bits of a value that is not a number")
		}
	}
}

// nan32 and nan64 are what nan stands for, the quiet NaN without a payload; -nan has the sign too.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)
