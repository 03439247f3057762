package onnxpb

import (
	"encoding/binary"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// encoded is a model as bytes, in pieces: the large payloads of tensors are pieces by themselves and lie where the model has them.
type encoded struct {
	pieces [][]byte
	size   int64
}

// encode encodes a model as Marshal does, to the same bytes, but copies no large payload. The official code encodes what stands between the messages
// that hold one; these are written field by field, in the order of the fields' numbers, unknown fields last, as the official code has it.
func encode(m *ModelProto) (encoded, error) {
	e := &encoder{}
	e.model(m)
	e.cut()
	if e.err != nil {
		return encoded{}, &Error{Msg: "the model cannot be encoded", Err: e.err}
	}
	return encoded{e.pieces, e.size}, nil
}

type encoder struct {
	pieces [][]byte
	size   int64  // bytes so far, those of buf among them
	buf    []byte // the last piece, which still grows
	err    error
}

// cut ends the piece that grows.
func (e *encoder) cut() {
	if n := len(e.buf); n > 0 {
		e.pieces = append(e.pieces, e.buf[:n:n])
		e.buf = e.buf[n:]
	}
}

// plain writes the fields of a message that are set, by the official code.
func (e *encoder) plain(m proto.Message) {
	if e.err != nil {
		return
	}
	before := len(e.buf)
	e.buf, e.err = proto.MarshalOptions{Deterministic: true, AllowPartial: true}.MarshalAppend(e.buf, m)
	e.size += int64(len(e.buf) - before)
}

// bytes writes a field of bytes, in place where it is large.
func (e *encoder) bytes(num protowire.Number, v []byte) {
	before := len(e.buf)
	e.buf = protowire.AppendVarint(protowire.AppendTag(e.buf, num, protowire.BytesType), uint64(len(v)))
	if len(v) < largePayload {
		e.buf = append(e.buf, v...)
		e.size += int64(len(e.buf) - before)
		return
	}
	e.size += int64(len(e.buf)-before) + int64(len(v))
	e.cut()
	e.pieces = append(e.pieces, v)
}

// message writes a field that is a message, whose fields body writes. Its length is put before it when it is known.
func (e *encoder) message(num protowire.Number, body func()) {
	e.cut()
	at, before := len(e.pieces), e.size
	e.pieces = append(e.pieces, nil)
	body()
	head := protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(e.size-before))
	e.pieces[at] = head
	e.size += int64(len(head))
}

// list writes a list of messages: those that hold a large payload one by one, and what stands between them in one go.
func list[T any](e *encoder, num protowire.Number, messages []*T, large func(*T) bool, encode func(*T), plain func([]*T) proto.Message) {
	from := 0
	for i, x := range messages {
		if !large(x) {
			continue
		}
		if from < i {
			e.plain(plain(messages[from:i]))
		}
		e.message(num, func() { encode(x) })
		from = i + 1
	}
	if from < len(messages) {
		e.plain(plain(messages[from:]))
	}
}

func (e *encoder) nodes(num protowire.Number, nodes []*NodeProto, plain func([]*NodeProto) proto.Message) {
	list(e, num, nodes, largeNode, e.node, plain)
}

func (e *encoder) attributes(num protowire.Number, attrs []*AttributeProto, plain func([]*AttributeProto) proto.Message) {
	list(e, num, attrs, largeAttribute, e.attribute, plain)
}

// single writes a message that may be absent.
func single[T any](e *encoder, num protowire.Number, x *T, large func(*T) bool, encode func(*T), plain func(*T) proto.Message) {
	switch {
	case x == nil:
	case large(x):
		e.message(num, func() { encode(x) })
	default:
		e.plain(plain(x))
	}
}

func (e *encoder) model(m *ModelProto) {
	if m == nil {
		return
	}
	e.plain(&ModelProto{IrVersion: m.IrVersion, ProducerName: m.ProducerName, ProducerVersion: m.ProducerVersion, Domain: m.Domain, ModelVersion: m.ModelVersion,
		DocString: m.DocString})
	single(e, 7, m.Graph, largeGraph, e.graph, func(g *GraphProto) proto.Message { return &ModelProto{Graph: g} })
	e.plain(&ModelProto{OpsetImport: m.OpsetImport, MetadataProps: m.MetadataProps})
	list(e, 20, m.TrainingInfo, largeTraining, e.training, func(t []*TrainingInfoProto) proto.Message { return &ModelProto{TrainingInfo: t} })
	list(e, 25, m.Functions, largeFunction, e.function, func(f []*FunctionProto) proto.Message { return &ModelProto{Functions: f} })
	e.plain(&ModelProto{Configuration: m.Configuration, unknownFields: m.unknownFields})
}

func (e *encoder) graph(g *GraphProto) {
	e.nodes(1, g.Node, func(n []*NodeProto) proto.Message { return &GraphProto{Node: n} })
	e.plain(&GraphProto{Name: g.Name})
	list(e, 5, g.Initializer, largeTensor, e.tensor, func(t []*TensorProto) proto.Message { return &GraphProto{Initializer: t} })
	e.plain(&GraphProto{DocString: g.DocString, Input: g.Input, Output: g.Output, ValueInfo: g.ValueInfo, QuantizationAnnotation: g.QuantizationAnnotation})
	list(e, 15, g.SparseInitializer, largeSparse, e.sparse, func(s []*SparseTensorProto) proto.Message { return &GraphProto{SparseInitializer: s} })
	e.plain(&GraphProto{MetadataProps: g.MetadataProps, unknownFields: g.unknownFields})
}

func (e *encoder) training(t *TrainingInfoProto) {
	single(e, 1, t.Initialization, largeGraph, e.graph, func(g *GraphProto) proto.Message { return &TrainingInfoProto{Initialization: g} })
	single(e, 2, t.Algorithm, largeGraph, e.graph, func(g *GraphProto) proto.Message { return &TrainingInfoProto{Algorithm: g} })
	e.plain(&TrainingInfoProto{InitializationBinding: t.InitializationBinding, UpdateBinding: t.UpdateBinding, unknownFields: t.unknownFields})
}

func (e *encoder) function(f *FunctionProto) {
	e.plain(&FunctionProto{Name: f.Name, Input: f.Input, Output: f.Output, Attribute: f.Attribute})
	e.nodes(7, f.Node, func(n []*NodeProto) proto.Message { return &FunctionProto{Node: n} })
	e.plain(&FunctionProto{DocString: f.DocString, OpsetImport: f.OpsetImport, Domain: f.Domain})
	e.attributes(11, f.AttributeProto, func(a []*AttributeProto) proto.Message { return &FunctionProto{AttributeProto: a} })
	e.plain(&FunctionProto{ValueInfo: f.ValueInfo, Overload: f.Overload, MetadataProps: f.MetadataProps, unknownFields: f.unknownFields})
}

func (e *encoder) node(n *NodeProto) {
	e.plain(&NodeProto{Input: n.Input, Output: n.Output, Name: n.Name, OpType: n.OpType})
	e.attributes(5, n.Attribute, func(a []*AttributeProto) proto.Message { return &NodeProto{Attribute: a} })
	e.plain(&NodeProto{DocString: n.DocString, Domain: n.Domain, Overload: n.Overload, MetadataProps: n.MetadataProps, DeviceConfigurations: n.DeviceConfigurations,
		unknownFields: n.unknownFields})
}

func (e *encoder) attribute(a *AttributeProto) {
	e.plain(&AttributeProto{Name: a.Name, F: a.F, I: a.I})
	if a.S != nil {
		e.bytes(4, a.S)
	}
	single(e, 5, a.T, largeTensor, e.tensor, func(t *TensorProto) proto.Message { return &AttributeProto{T: t} })
	single(e, 6, a.G, largeGraph, e.graph, func(g *GraphProto) proto.Message { return &AttributeProto{G: g} })
	e.plain(&AttributeProto{Floats: a.Floats, Ints: a.Ints})
	for _, s := range a.Strings {
		e.bytes(9, s)
	}
	list(e, 10, a.Tensors, largeTensor, e.tensor, func(t []*TensorProto) proto.Message { return &AttributeProto{Tensors: t} })
	list(e, 11, a.Graphs, largeGraph, e.graph, func(g []*GraphProto) proto.Message { return &AttributeProto{Graphs: g} })
	e.plain(&AttributeProto{DocString: a.DocString, Tp: a.Tp, TypeProtos: a.TypeProtos, Type: a.Type, RefAttrName: a.RefAttrName})
	single(e, 22, a.SparseTensor, largeSparse, e.sparse, func(s *SparseTensorProto) proto.Message { return &AttributeProto{SparseTensor: s} })
	list(e, 23, a.SparseTensors, largeSparse, e.sparse, func(s []*SparseTensorProto) proto.Message { return &AttributeProto{SparseTensors: s} })
	e.plain(&AttributeProto{unknownFields: a.unknownFields})
}

func (e *encoder) sparse(s *SparseTensorProto) {
	single(e, 1, s.Values, largeTensor, e.tensor, func(t *TensorProto) proto.Message { return &SparseTensorProto{Values: t} })
	single(e, 2, s.Indices, largeTensor, e.tensor, func(t *TensorProto) proto.Message { return &SparseTensorProto{Indices: t} })
	e.plain(&SparseTensorProto{Dims: s.Dims, unknownFields: s.unknownFields})
}

func (e *encoder) tensor(t *TensorProto) {
	e.plain(&TensorProto{Dims: t.Dims, DataType: t.DataType, Segment: t.Segment})
	if floats := asWritten(t.FloatData, 4); floats != nil {
		e.bytes(4, floats)
	} else {
		e.plain(&TensorProto{FloatData: t.FloatData})
	}
	e.left(5, t)
	e.plain(&TensorProto{Int32Data: t.Int32Data})
	for _, s := range t.StringData {
		e.bytes(6, s)
	}
	e.left(7, t)
	e.plain(&TensorProto{Int64Data: t.Int64Data, Name: t.Name})
	if t.RawData != nil {
		e.bytes(9, t.RawData)
	}
	if doubles := asWritten(t.DoubleData, 8); doubles != nil {
		e.bytes(10, doubles)
	} else {
		e.plain(&TensorProto{DoubleData: t.DoubleData})
	}
	e.left(11, t)
	e.plain(&TensorProto{Uint64Data: t.Uint64Data, DocString: t.DocString, ExternalData: t.ExternalData, DataLocation: t.DataLocation, MetadataProps: t.MetadataProps,
		unknownFields: t.trulyUnknown()})
}

// left writes a list of integers that Open left in the file, at the place where it stood.
func (e *encoder) left(num protowire.Number, t *TensorProto) {
	if v := t.left(num); v != nil {
		e.bytes(num, v)
	}
}

// asWritten returns the bytes of a list of floating-point numbers of so many bytes each: on little-endian machines they stand in memory as protobuf
// writes them. Elsewhere, and where there are none, it returns nil.
func asWritten[T float32 | float64](v []T, size int) []byte {
	if len(v) == 0 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*size)
}

// What is large holds a large payload.

func largeTensor(t *TensorProto) bool {
	if t == nil {
		return false
	}
	if hasLeft(t) || len(t.RawData) >= largePayload || 4*len(t.FloatData) >= largePayload || 8*len(t.DoubleData) >= largePayload {
		return true
	}
	for _, s := range t.StringData {
		if len(s) >= largePayload {
			return true
		}
	}
	return false
}

func largeSparse(s *SparseTensorProto) bool {
	return s != nil && (largeTensor(s.Values) || largeTensor(s.Indices))
}

func largeAttribute(a *AttributeProto) bool {
	if a == nil {
		return false
	}
	for _, s := range a.Strings {
		if len(s) >= largePayload {
			return true
		}
	}
	return len(a.S) >= largePayload || largeTensor(a.T) || largeSparse(a.SparseTensor) || largeGraph(a.G) || anyOf(a.Tensors, largeTensor) || anyOf(a.Graphs, largeGraph) ||
		anyOf(a.SparseTensors, largeSparse)
}

func largeNode(n *NodeProto) bool { return anyOf(n.GetAttribute(), largeAttribute) }

func largeGraph(g *GraphProto) bool {
	return g != nil && (anyOf(g.Initializer, largeTensor) || anyOf(g.SparseInitializer, largeSparse) || anyOf(g.Node, largeNode))
}

func largeTraining(t *TrainingInfoProto) bool {
	return t != nil && (largeGraph(t.Initialization) || largeGraph(t.Algorithm))
}

func largeFunction(f *FunctionProto) bool {
	return f != nil && (anyOf(f.Node, largeNode) || anyOf(f.AttributeProto, largeAttribute))
}

func anyOf[T any](list []*T, is func(*T) bool) bool {
	for _, x := range list {
		if is(x) {
			return true
		}
	}
	return false
}
