package onnxpb

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var payloadFields = map[protoreflect.Name]bool{"raw_data": true, "float_data": true, "double_data": true, "int32_data": true, "int64_data": true, "uint64_data": true,
	"string_data": true}

func TestCloneSharesPayloads(t *testing.T) {
	m := full(5)
	want := proto.Clone(m)
	c := Clone(m)
	if !proto.Equal(m, want) || !proto.Equal(c, want) {
		t.Fatal("cloning changed a model")
	}
	var originals []*TensorProto
	m.AllTensors(func(p *TensorProto) { originals = append(originals, p) })
	i := 0
	c.AllTensors(func(p *TensorProto) {
		o := originals[i]
		i++
		if p == o {
			t.Fatal("a tensor is shared as a whole")
		}
		if &p.RawData[0] != &o.RawData[0] || &p.FloatData[0] != &o.FloatData[0] || &p.DoubleData[0] != &o.DoubleData[0] || &p.Int32Data[0] != &o.Int32Data[0] ||
			&p.Int64Data[0] != &o.Int64Data[0] || &p.Uint64Data[0] != &o.Uint64Data[0] || &p.StringData[0] != &o.StringData[0] {
			t.Errorf("tensor %d: a payload was copied", i)
		}
	})
	if i != len(originals) || i < 10 {
		t.Fatalf("%d of %d tensors", i, len(originals))
	}
	// Nothing else is shared: whatever is overwritten in the copy, in place, the original stays.
	messages(c.ProtoReflect(), overwrite)
	if proto.Equal(c, want) {
		t.Fatal("nothing was overwritten")
	}
	if !proto.Equal(m, want) {
		t.Error("the copy shares more than payloads")
	}
}

// overwrite writes other values into all fields of one message, but for payloads, which may be replaced only.
func overwrite(m protoreflect.Message) {
	tensor := m.Descriptor().Name() == "TensorProto"
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case tensor && payloadFields[f.Name()]:
			m.Clear(f)
		case f.Message() != nil:
		case f.IsList():
			for i := range v.List().Len() {
				if b, ok := v.List().Get(i).Interface().([]byte); ok {
					b[0]++
				} else {
					v.List().Set(i, sampleOther(f))
				}
			}
		default:
			if b, ok := v.Interface().([]byte); ok {
				b[0]++
			} else {
				m.Set(f, sampleOther(f))
			}
		}
		return true
	})
	if u := m.GetUnknown(); len(u) > 0 {
		u[len(u)-1]++
	}
}

func sampleOther(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("other")
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-1)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-1)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(-1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(0)
	}
	panic("no other value of " + f.Kind().String())
}

// The walk over tensors, which Clone rests on, reaches every one.
func TestAllTensorsReachesEveryTensor(t *testing.T) {
	m := full(6)
	found := map[*TensorProto]int{}
	m.AllTensors(func(p *TensorProto) { found[p]++ })
	all := 0
	messages(m.ProtoReflect(), func(p protoreflect.Message) {
		if tp, ok := p.Interface().(*TensorProto); ok {
			all++
			if found[tp] != 1 {
				t.Errorf("a tensor was met %d times", found[tp])
			}
		}
	})
	if len(found) != all {
		t.Errorf("%d of %d tensors", len(found), all)
	}
}

func TestReplaceMovesEveryField(t *testing.T) {
	src := full(3)
	fields := src.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !src.ProtoReflect().Has(fields.Get(i)) {
			t.Fatalf("the sample lacks %s", fields.Get(i).Name())
		}
	}
	want := proto.Clone(src)
	dst := small()
	dst.MetadataProps = []*StringStringEntryProto{{Key: proto.String("gone")}}
	Replace(dst, src)
	if !proto.Equal(dst, want) {
		t.Error("a field was left behind")
	}
	dst = full(2)
	want = proto.Clone(small())
	Replace(dst, small())
	if !proto.Equal(dst, want) {
		t.Error("something of the old model is left")
	}
}

// Whatever proto.Clone copies, Clone copies, at every depth and for each member of a oneof.
func TestCloneEqualsProtoClone(t *testing.T) {
	for depth := range 9 {
		m := full(depth)
		if c := Clone(m); !proto.Equal(c, m) || string(mustMarshal(t, c)) != string(mustMarshal(t, m)) {
			t.Errorf("depth %d: the copy differs", depth)
		}
	}
	if Clone(nil) != nil {
		t.Error("nothing became something")
	}
	holes := &ModelProto{Graph: &GraphProto{Node: []*NodeProto{nil, {Attribute: []*AttributeProto{nil}}}, Initializer: []*TensorProto{nil},
		Input: []*ValueInfoProto{nil, {Type: &TypeProto{}}, {Type: &TypeProto{Value: &TypeProto_TensorType{}}}}}}
	if c := Clone(holes); string(mustMarshal(t, c)) != string(mustMarshal(t, proto.Clone(holes).(*ModelProto))) {
		t.Error("a model with nil messages is copied otherwise")
	}
}

// Appending to a list of a copy does not write into a neighbour's.
func TestClonedListsAreApart(t *testing.T) {
	m := small()
	c := Clone(m)
	c.Graph.Node[0].Input = append(c.Graph.Node[0].Input, "more")
	c.Graph.Node[0].Output = append(c.Graph.Node[0].Output, "still more")
	c.Graph.Initializer[0].Dims = append(c.Graph.Initializer[0].Dims, 9)
	want := Clone(m)
	want.Graph.Node[0] = Node("Add", "add", []string{"x", "w", "more"}, []string{"s", "still more"})
	want.Graph.Initializer[0].Dims = []int64{2, 9}
	if !proto.Equal(c, want) {
		t.Errorf("%v", c)
	}
}

func BenchmarkClone(b *testing.B) {
	m := small()
	n := m.Graph.Node[0]
	m.Graph.Node = nil
	for range 100_000 {
		m.Graph.Node = append(m.Graph.Node, proto.Clone(n).(*NodeProto))
	}
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			Clone(m)
		}
	})
	b.Run("proto", func(b *testing.B) {
		for b.Loop() {
			proto.Clone(m)
		}
	})
}
