package onnxpb

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"
)

// Clone returns a copy of a model that shares the payloads of its tensors with the original: the cost follows the graph, not the weights. Whoever
// changes the values of a tensor of either replaces its slices, and never writes into them.
func Clone(m *ModelProto) *ModelProto {
	if m == nil {
		return nil
	}
	return new(cloner).model(m)
}

// cloner copies messages field by field, which takes half the time of proto.Clone or less. What is small and many comes out of slabs. The kinds of messages
// that are few in any model go through proto.Clone. A message that is nil within a list becomes an empty one, as it does when it is written.
type cloner struct {
	strings    slab[string]
	ints       slab[int64]
	int32s     slab[int32]
	floats     slab[float32]
	attrTypes  slab[AttributeProto_AttributeType]
	nodes      slab[NodeProto]
	attributes slab[AttributeProto]
	tensors    slab[TensorProto]
	values     slab[ValueInfoProto]
	types      slab[TypeProto]
	ofTensor   slab[TypeProto_TensorType]
	tensorType slab[TypeProto_Tensor]
	shapes     slab[TensorShapeProto]
	dims       slab[TensorShapeProto_Dimension]
	dimValues  slab[TensorShapeProto_Dimension_DimValue]
	dimParams  slab[TensorShapeProto_Dimension_DimParam]
	entries    slab[StringStringEntryProto]
}

// slab hands out parts of larger allocations.
type slab[T any] struct {
	free []T
	size int
}

// take returns n zero values that nobody else has.
func (s *slab[T]) take(n int) []T {
	if n > len(s.free) {
		s.size = min(max(2*s.size, 8), 1024)
		if n > s.size/4 {
			return make([]T, n)
		}
		s.free = make([]T, s.size)
	}
	v := s.free[:n:n]
	s.free = s.free[n:]
	return v
}

func (s *slab[T]) new() *T { return &s.take(1)[0] }

// of copies a value that may be absent.
func (s *slab[T]) of(p *T) *T {
	if p == nil {
		return nil
	}
	c := s.new()
	*c = *p
	return c
}

// list copies a list of values.
func (s *slab[T]) list(v []T) []T {
	if len(v) == 0 {
		return nil
	}
	c := s.take(len(v))
	copy(c, v)
	return c
}

// one copies a message that may be absent.
func one[T any](x *T, copied func(*T) *T) *T {
	if x == nil {
		return nil
	}
	return copied(x)
}

// all copies a list of messages.
func all[T any](list []*T, copied func(*T) *T) []*T {
	if len(list) == 0 {
		return nil
	}
	c := make([]*T, len(list))
	for i, x := range list {
		if x == nil {
			x = new(T)
		}
		c[i] = copied(x)
	}
	return c
}

// plain copies a message of a kind that is rare.
func plain[T proto.Message](x T) T { return proto.Clone(x).(T) }

func (c *cloner) model(m *ModelProto) *ModelProto {
	return &ModelProto{
		IrVersion:       c.ints.of(m.IrVersion),
		ProducerName:    c.strings.of(m.ProducerName),
		ProducerVersion: c.strings.of(m.ProducerVersion),
		Domain:          c.strings.of(m.Domain),
		ModelVersion:    c.ints.of(m.ModelVersion),
		DocString:       c.strings.of(m.DocString),
		Graph:           one(m.Graph, c.graph),
		OpsetImport:     all(m.OpsetImport, plain),
		MetadataProps:   all(m.MetadataProps, c.entry),
		TrainingInfo:    all(m.TrainingInfo, c.training),
		Functions:       all(m.Functions, c.function),
		Configuration:   all(m.Configuration, plain),
		unknownFields:   bytes.Clone(m.unknownFields),
	}
}

func (c *cloner) graph(g *GraphProto) *GraphProto {
	return &GraphProto{
		Node:                   all(g.Node, c.node),
		Name:                   c.strings.of(g.Name),
		Initializer:            all(g.Initializer, c.tensor),
		DocString:              c.strings.of(g.DocString),
		Input:                  all(g.Input, c.value),
		Output:                 all(g.Output, c.value),
		ValueInfo:              all(g.ValueInfo, c.value),
		QuantizationAnnotation: all(g.QuantizationAnnotation, c.annotation),
		SparseInitializer:      all(g.SparseInitializer, c.sparse),
		MetadataProps:          all(g.MetadataProps, c.entry),
		unknownFields:          bytes.Clone(g.unknownFields),
	}
}

func (c *cloner) training(t *TrainingInfoProto) *TrainingInfoProto {
	return &TrainingInfoProto{
		Initialization:        one(t.Initialization, c.graph),
		Algorithm:             one(t.Algorithm, c.graph),
		InitializationBinding: all(t.InitializationBinding, c.entry),
		UpdateBinding:         all(t.UpdateBinding, c.entry),
		unknownFields:         bytes.Clone(t.unknownFields),
	}
}

func (c *cloner) function(f *FunctionProto) *FunctionProto {
	return &FunctionProto{
		Name:           c.strings.of(f.Name),
		Input:          c.strings.list(f.Input),
		Output:         c.strings.list(f.Output),
		Attribute:      c.strings.list(f.Attribute),
		Node:           all(f.Node, c.node),
		DocString:      c.strings.of(f.DocString),
		OpsetImport:    all(f.OpsetImport, plain),
		Domain:         c.strings.of(f.Domain),
		AttributeProto: all(f.AttributeProto, c.attribute),
		ValueInfo:      all(f.ValueInfo, c.value),
		Overload:       c.strings.of(f.Overload),
		MetadataProps:  all(f.MetadataProps, c.entry),
		unknownFields:  bytes.Clone(f.unknownFields),
	}
}

func (c *cloner) node(n *NodeProto) *NodeProto {
	x := c.nodes.new()
	x.Input, x.Output = c.strings.list(n.Input), c.strings.list(n.Output)
	x.Name, x.OpType = c.strings.of(n.Name), c.strings.of(n.OpType)
	x.Attribute = all(n.Attribute, c.attribute)
	x.DocString, x.Domain, x.Overload = c.strings.of(n.DocString), c.strings.of(n.Domain), c.strings.of(n.Overload)
	x.MetadataProps = all(n.MetadataProps, c.entry)
	x.DeviceConfigurations = all(n.DeviceConfigurations, plain)
	x.unknownFields = bytes.Clone(n.unknownFields)
	return x
}

func (c *cloner) attribute(a *AttributeProto) *AttributeProto {
	x := c.attributes.new()
	x.Name, x.F, x.I, x.S = c.strings.of(a.Name), c.floats.of(a.F), c.ints.of(a.I), slices.Clip(a.S)
	if len(a.S) < largePayload {
		x.S = bytes.Clone(a.S)
	}
	x.T, x.G = one(a.T, c.tensor), one(a.G, c.graph)
	x.Floats, x.Ints = c.floats.list(a.Floats), c.ints.list(a.Ints)
	if len(a.Strings) > 0 {
		x.Strings = make([][]byte, len(a.Strings))
		for i, s := range a.Strings {
			if len(s) < largePayload {
				s = append([]byte{}, s...)
			}
			x.Strings[i] = slices.Clip(s)
		}
	}
	x.Tensors, x.Graphs = all(a.Tensors, c.tensor), all(a.Graphs, c.graph)
	x.DocString = c.strings.of(a.DocString)
	x.Tp, x.TypeProtos = one(a.Tp, c.typ), all(a.TypeProtos, c.typ)
	x.Type, x.RefAttrName = c.attrTypes.of(a.Type), c.strings.of(a.RefAttrName)
	x.SparseTensor, x.SparseTensors = one(a.SparseTensor, c.sparse), all(a.SparseTensors, c.sparse)
	x.unknownFields = bytes.Clone(a.unknownFields)
	return x
}

// tensor copies all but the payload, which it shares. The slices are clipped: who appends to one does not write behind the other's end.
func (c *cloner) tensor(t *TensorProto) *TensorProto {
	x := c.tensors.new()
	x.Dims, x.DataType = c.ints.list(t.Dims), c.int32s.of(t.DataType)
	x.Segment = one(t.Segment, plain)
	x.FloatData, x.Int32Data, x.StringData = slices.Clip(t.FloatData), slices.Clip(t.Int32Data), slices.Clip(t.StringData)
	x.Int64Data, x.DoubleData, x.Uint64Data = slices.Clip(t.Int64Data), slices.Clip(t.DoubleData), slices.Clip(t.Uint64Data)
	x.Name, x.RawData, x.DocString = c.strings.of(t.Name), slices.Clip(t.RawData), c.strings.of(t.DocString)
	x.ExternalData = all(t.ExternalData, c.entry)
	if t.DataLocation != nil {
		x.DataLocation = t.DataLocation.Enum()
	}
	x.MetadataProps = all(t.MetadataProps, c.entry)
	if hasLeft(t) {
		x.unknownFields = slices.Clip(t.unknownFields) // payload, too
	} else {
		x.unknownFields = bytes.Clone(t.unknownFields)
	}
	return x
}

func (c *cloner) sparse(s *SparseTensorProto) *SparseTensorProto {
	return &SparseTensorProto{Values: one(s.Values, c.tensor), Indices: one(s.Indices, c.tensor), Dims: c.ints.list(s.Dims),
		unknownFields: bytes.Clone(s.unknownFields)}
}

func (c *cloner) annotation(a *TensorAnnotation) *TensorAnnotation {
	return &TensorAnnotation{TensorName: c.strings.of(a.TensorName), QuantParameterTensorNames: all(a.QuantParameterTensorNames, c.entry),
		unknownFields: bytes.Clone(a.unknownFields)}
}

func (c *cloner) value(v *ValueInfoProto) *ValueInfoProto {
	x := c.values.new()
	x.Name, x.Type, x.DocString = c.strings.of(v.Name), one(v.Type, c.typ), c.strings.of(v.DocString)
	x.MetadataProps = all(v.MetadataProps, c.entry)
	x.unknownFields = bytes.Clone(v.unknownFields)
	return x
}

// typ copies tensor types by itself, which are nearly all there are.
func (c *cloner) typ(t *TypeProto) *TypeProto {
	w, ok := t.Value.(*TypeProto_TensorType)
	if !ok || w == nil || w.TensorType == nil {
		return plain(t)
	}
	x, ofTensor, tensor := c.types.new(), c.ofTensor.new(), c.tensorType.new()
	tensor.ElemType, tensor.Shape = c.int32s.of(w.TensorType.ElemType), one(w.TensorType.Shape, c.shape)
	tensor.unknownFields = bytes.Clone(w.TensorType.unknownFields)
	ofTensor.TensorType = tensor
	x.Value, x.Denotation = ofTensor, c.strings.of(t.Denotation)
	x.unknownFields = bytes.Clone(t.unknownFields)
	return x
}

func (c *cloner) shape(s *TensorShapeProto) *TensorShapeProto {
	x := c.shapes.new()
	x.Dim, x.unknownFields = all(s.Dim, c.dim), bytes.Clone(s.unknownFields)
	return x
}

func (c *cloner) dim(d *TensorShapeProto_Dimension) *TensorShapeProto_Dimension {
	x := c.dims.new()
	switch v := d.Value.(type) {
	case *TensorShapeProto_Dimension_DimValue:
		if v == nil {
			return plain(d)
		}
		n := c.dimValues.new()
		n.DimValue = v.DimValue
		x.Value = n
	case *TensorShapeProto_Dimension_DimParam:
		if v == nil {
			return plain(d)
		}
		p := c.dimParams.new()
		p.DimParam = v.DimParam
		x.Value = p
	}
	x.Denotation, x.unknownFields = c.strings.of(d.Denotation), bytes.Clone(d.unknownFields)
	return x
}

func (c *cloner) entry(e *StringStringEntryProto) *StringStringEntryProto {
	x := c.entries.new()
	x.Key, x.Value, x.unknownFields = c.strings.of(e.Key), c.strings.of(e.Value), bytes.Clone(e.unknownFields)
	return x
}

// Replace makes dst the model that src is; src is not to be used afterwards.
func Replace(dst, src *ModelProto) {
	proto.Reset(dst)
	dst.IrVersion = src.IrVersion
	dst.ProducerName, dst.ProducerVersion = src.ProducerName, src.ProducerVersion
	dst.Domain, dst.ModelVersion, dst.DocString = src.Domain, src.ModelVersion, src.DocString
	dst.Graph, dst.OpsetImport, dst.MetadataProps = src.Graph, src.OpsetImport, src.MetadataProps
	dst.TrainingInfo, dst.Functions, dst.Configuration = src.TrainingInfo, src.Functions, src.Configuration
	dst.ProtoReflect().SetUnknown(src.ProtoReflect().GetUnknown())
}
