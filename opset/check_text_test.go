package opset

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// everything returns a model without faults that has a message of every kind that a model can have.
func everything() *onnxpb.ModelProto {
	entries := func() []*onnxpb.StringStringEntryProto { return externalEntries("key", "value") }
	tensor := func() *onnxpb.TensorProto { return onnxpb.TensorOf("t", []int64{1}, []float32{1}) }
	sparse := func() *onnxpb.SparseTensorProto {
		return &onnxpb.SparseTensorProto{Values: tensor(), Indices: onnxpb.TensorOf("i", []int64{1}, []int64{0}), Dims: []int64{2}}
	}
	dims := func() *onnxpb.TensorShapeProto {
		return &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "N"}, Denotation: proto.String("DATA_BATCH")}}}
	}
	float := int32(onnxpb.TensorProto_FLOAT)
	types := func() []*onnxpb.TypeProto {
		dense := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{ElemType: &float, Shape: dims()}}}
		few := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SparseTensorType{SparseTensorType: &onnxpb.TypeProto_SparseTensor{ElemType: &float, Shape: dims()}}}
		return []*onnxpb.TypeProto{
			{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: dense}}, Denotation: proto.String("IMAGE")},
			{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: few}}},
			{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: proto.Int32(int32(onnxpb.TensorProto_INT64)), ValueType: proto.Clone(dense).(*onnxpb.TypeProto)}}},
			{Value: &onnxpb.TypeProto_OpaqueType{OpaqueType: &onnxpb.TypeProto_Opaque{Domain: proto.String("d"), Name: proto.String("n")}}},
		}
	}
	m := good()
	m.MetadataProps = entries()
	m.Configuration = []*onnxpb.DeviceConfigurationProto{{Name: proto.String("c"), Device: []string{"gpu"}}}
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{InitializationBinding: entries(), UpdateBinding: entries()}}
	g := m.Graph
	g.MetadataProps = entries()
	g.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("a"), QuantParameterTensorNames: entries()}}
	for i, t := range types() {
		g.ValueInfo = append(g.ValueInfo, &onnxpb.ValueInfoProto{Name: proto.String("gone" + itoa(int64(i))), Type: t, MetadataProps: entries()})
	}
	n := find(m, "twice")
	n.MetadataProps = entries()
	n.DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{ShardingSpec: []*onnxpb.ShardingSpecProto{{
		ShardedDim: []*onnxpb.ShardedDimProto{{SimpleSharding: []*onnxpb.SimpleShardedDimProto{{Dim: &onnxpb.SimpleShardedDimProto_DimParam{DimParam: "N"}}}}}}}}}
	kind := func(name string, t onnxpb.AttributeProto_AttributeType) *onnxpb.AttributeProto {
		return &onnxpb.AttributeProto{Name: &name, Type: &t}
	}
	one, all := kind("one", onnxpb.AttributeProto_TYPE_PROTO), kind("all", onnxpb.AttributeProto_TYPE_PROTOS)
	one.Tp, all.TypeProtos = types()[0], types()
	few, lot := kind("few", onnxpb.AttributeProto_SPARSE_TENSOR), kind("lot", onnxpb.AttributeProto_SPARSE_TENSORS)
	few.SparseTensor, lot.SparseTensors = sparse(), []*onnxpb.SparseTensorProto{sparse()}
	tensors := kind("tensors", onnxpb.AttributeProto_TENSORS)
	tensors.Tensors = []*onnxpb.TensorProto{tensor()}
	n.Attribute = append(n.Attribute, one, all, few, lot, tensors, onnxpb.TensorAttr("tensor", tensor()))
	w := g.Initializer[1]
	w.MetadataProps, w.RawData, w.FloatData = entries(), nil, nil
	w.DataLocation, w.ExternalData = onnxpb.TensorProto_EXTERNAL.Enum(), externalEntries("location", "w.bin", "checksum", "0")
	f := m.Functions[0]
	f.MetadataProps = entries()
	f.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("f", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N")})}
	f.AttributeProto = []*onnxpb.AttributeProto{onnxpb.Float("with", 1)}
	return m
}

// Each string of a model in turn is made one that is not UTF-8, those that are not set too: all are found, and once.
func TestEveryStringIsUTF8(t *testing.T) {
	m := everything()
	for _, f := range Check(m, CheckOptions{}) {
		t.Fatal(f)
	}
	seen := map[protoreflect.FullName]bool{}
	const bad = "b\xffd"
	found := func(fd protoreflect.FieldDescriptor, where string) {
		t.Helper()
		seen[fd.FullName()] = true
		n := 0
		for _, f := range Check(m, CheckOptions{}) {
			if f.Code == FaultNameEncoding || f.Code == FaultExternalData && strings.Contains(f.Message, "UTF-8") {
				n++
			}
		}
		if n == 0 || n > 1 && fd.Name() != "name" { // a function's name is told as what makes its values too
			t.Errorf("%s of %s: %d faults", fd.FullName(), where, n)
		}
	}
	var walk func(r protoreflect.Message, where string)
	walk = func(r protoreflect.Message, where string) {
		fields := r.Descriptor().Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			switch {
			case fd.Message() != nil && fd.IsList():
				for j := range r.Get(fd).List().Len() {
					walk(r.Get(fd).List().Get(j).Message(), where+"."+string(fd.Name()))
				}
			case fd.Message() != nil && r.Has(fd):
				walk(r.Get(fd).Message(), where+"."+string(fd.Name()))
			case fd.Kind() != protoreflect.StringKind:
			case fd.IsList():
				l := r.Mutable(fd).List()
				for j := range l.Len() {
					old := l.Get(j)
					l.Set(j, protoreflect.ValueOfString(bad))
					found(fd, where)
					l.Set(j, old)
				}
			case fd.ContainingOneof() == nil || r.Has(fd): // another member may be set
				had, old := r.Has(fd), r.Get(fd)
				r.Set(fd, protoreflect.ValueOfString(bad))
				found(fd, where)
				if r.Clear(fd); had {
					r.Set(fd, old)
				}
			}
		}
	}
	walk(m.ProtoReflect(), "model")
	// Nothing is left out that models hold.
	models := map[protoreflect.FullName]bool{}
	var describe func(d protoreflect.MessageDescriptor)
	describe = func(d protoreflect.MessageDescriptor) {
		if models[d.FullName()] {
			return
		}
		models[d.FullName()] = true
		for i := range d.Fields().Len() {
			fd := d.Fields().Get(i)
			if fd.Message() != nil {
				describe(fd.Message())
			} else if fd.Kind() == protoreflect.StringKind && !seen[fd.FullName()] {
				t.Errorf("%s was not tried", fd.FullName())
			}
		}
	}
	describe(m.ProtoReflect().Descriptor())
}
