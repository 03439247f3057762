package onnxtext

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// withValue returns the attributes that can be written. Those without a name, or without the message that their type says they hold, are told as
// lost: no reader can make anything of them.
func (p *printer) withValue(list []*onnxpb.AttributeProto) []*onnxpb.AttributeProto {
	writable := func(a *onnxpb.AttributeProto) bool {
		if a.GetRefAttrName() != "" {
			return true
		}
		switch attrType(a) {
		case onnxpb.AttributeProto_UNDEFINED:
			return false
		case onnxpb.AttributeProto_TENSOR:
			return a.T != nil
		case onnxpb.AttributeProto_GRAPH:
			return a.G != nil
		case onnxpb.AttributeProto_SPARSE_TENSOR:
			return a.SparseTensor != nil
		case onnxpb.AttributeProto_TYPE_PROTO:
			return a.Tp.GetValue() != nil
		case onnxpb.AttributeProto_TYPE_PROTOS:
			return !slices.ContainsFunc(a.GetTypeProtos(), func(t *onnxpb.TypeProto) bool { return t.GetValue() == nil })
		}
		return true
	}
	if !slices.ContainsFunc(list, func(a *onnxpb.AttributeProto) bool { return !writable(a) }) {
		return list
	}
	var keep []*onnxpb.AttributeProto
	for _, a := range list {
		if writable(a) {
			keep = append(keep, a)
		} else {
			p.lose("attributes without a value")
		}
	}
	return keep
}

// attrType returns the type of an attribute: the one it tells, or, as in models before IR version 2, the one of the value it has. UNDEFINED where
// neither is there or the number is not known.
func attrType(a *onnxpb.AttributeProto) onnxpb.AttributeProto_AttributeType {
	if t := a.GetType(); t != onnxpb.AttributeProto_UNDEFINED {
		if _, ok := onnxpb.AttributeProto_AttributeType_name[int32(t)]; !ok {
			return onnxpb.AttributeProto_UNDEFINED
		}
		return t
	}
	switch {
	case a.F != nil:
		return onnxpb.AttributeProto_FLOAT
	case a.I != nil:
		return onnxpb.AttributeProto_INT
	case a.S != nil:
		return onnxpb.AttributeProto_STRING
	case a.T != nil:
		return onnxpb.AttributeProto_TENSOR
	case a.G != nil:
		return onnxpb.AttributeProto_GRAPH
	case a.SparseTensor != nil:
		return onnxpb.AttributeProto_SPARSE_TENSOR
	case a.Tp != nil:
		return onnxpb.AttributeProto_TYPE_PROTO
	case len(a.Floats) > 0:
		return onnxpb.AttributeProto_FLOATS
	case len(a.Ints) > 0:
		return onnxpb.AttributeProto_INTS
	case len(a.Strings) > 0:
		return onnxpb.AttributeProto_STRINGS
	case len(a.Tensors) > 0:
		return onnxpb.AttributeProto_TENSORS
	case len(a.Graphs) > 0:
		return onnxpb.AttributeProto_GRAPHS
	case len(a.SparseTensors) > 0:
		return onnxpb.AttributeProto_SPARSE_TENSORS
	case len(a.TypeProtos) > 0:
		return onnxpb.AttributeProto_TYPE_PROTOS
	}
	return onnxpb.AttributeProto_UNDEFINED
}

func (p *printer) attributeList(list []*onnxpb.AttributeProto) {
	for i, a := range list {
		if i > 0 {
			p.put(", ")
		}
		p.attribute(a)
	}
}

func (p *printer) attribute(a *onnxpb.AttributeProto) {
	if p.err != nil {
		return
	}
	t := attrType(a)
	p.word(a.GetName())
	if t != onnxpb.AttributeProto_UNDEFINED {
		p.put(": ")
		p.put(strings.ToLower(t.String()))
	}
	p.put(" = ")
	if a.GetRefAttrName() != "" {
		p.noteFields(a.ProtoReflect(), attrHeld[onnxpb.AttributeProto_UNDEFINED])
		p.put("@")
		p.word(a.GetRefAttrName())
		return
	}
	p.noteFields(a.ProtoReflect(), attrHeld[t])
	switch t {
	case onnxpb.AttributeProto_FLOAT:
		p.noteNaN([]float32{a.GetF()})
		p.float(a.GetF())
	case onnxpb.AttributeProto_INT:
		p.int(a.GetI())
	case onnxpb.AttributeProto_STRING:
		p.str(string(a.GetS()))
	case onnxpb.AttributeProto_TENSOR:
		p.tensor(a.T, false)
	case onnxpb.AttributeProto_GRAPH:
		p.graph(a.G)
	case onnxpb.AttributeProto_SPARSE_TENSOR:
		p.sparse(a.SparseTensor)
	case onnxpb.AttributeProto_TYPE_PROTO:
		p.typ(a.Tp)
	case onnxpb.AttributeProto_FLOATS:
		p.noteNaN(a.Floats)
		list(p, a.Floats, p.float)
	case onnxpb.AttributeProto_INTS:
		list(p, a.Ints, p.int)
	case onnxpb.AttributeProto_STRINGS:
		list(p, a.Strings, func(s []byte) { p.str(string(s)) })
	case onnxpb.AttributeProto_TENSORS:
		list(p, a.Tensors, func(t *onnxpb.TensorProto) { p.tensor(t, false) })
	case onnxpb.AttributeProto_GRAPHS:
		list(p, a.Graphs, p.graph)
	case onnxpb.AttributeProto_SPARSE_TENSORS:
		list(p, a.SparseTensors, p.sparse)
	case onnxpb.AttributeProto_TYPE_PROTOS:
		list(p, a.TypeProtos, p.typ)
	}
}

// list writes a list in brackets.
func list[T any](p *printer, items []T, write func(T)) {
	p.put("[")
	for i, v := range items {
		if i > 0 {
			p.put(", ")
		}
		write(v)
	}
	p.put("]")
}

// float writes a number so that no reader takes it for an integer.
func (p *printer) float(v float32) {
	p.num = appendFloat(p.num[:0], float64(v), 32)
	p.w.Write(p.num)
	if !strings.ContainsAny(string(p.num), ".en") {
		p.put(".0")
	}
}

// appendFloat writes a number in the shortest form that reads back to the same, as 1.5, 1e+06, inf, -inf, nan, -nan.
func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	case v != v && math.Signbit(v):
		return append(b, "-nan"...)
	case v != v:
		return append(b, "nan"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}
