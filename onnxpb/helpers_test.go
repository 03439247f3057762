package onnxpb

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// small returns a model of two nodes and a weight.
func small() *ModelProto {
	return &ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*OperatorSetIdProto{Opset("", 17)},
		Graph: &GraphProto{
			Name: proto.String("g"),
			Node: []*NodeProto{
				Node("Add", "add", []string{"x", "w"}, []string{"s"}),
				Node("Softmax", "soft", []string{"s"}, []string{"y"}, Int("axis", 0)),
			},
			Input:       []*ValueInfoProto{TensorValue("x", TensorProto_FLOAT, []Dim{Symbol("N"), Number(2)})},
			Output:      []*ValueInfoProto{TensorValue("y", TensorProto_FLOAT, []Dim{Symbol("N"), Number(2)})},
			Initializer: []*TensorProto{TensorOf("w", []int64{2}, []float32{1, 2})},
		},
	}
}

// full returns a model in which every field of every message is set, nested as deep as depth, each message with an unknown field too.
func full(depth int) *ModelProto {
	m := &ModelProto{}
	new(filler).fill(m.ProtoReflect(), depth)
	return m
}

// filler sets fields; of a oneof it sets each member in turn.
type filler struct{ turn int }

// unknown is a field of a number that no message of ONNX has.
var unknown = func() []byte {
	b := protowire.AppendTag(nil, 12345, protowire.BytesType)
	return protowire.AppendString(b, "from a newer version")
}()

func (x *filler) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	chosen := map[protoreflect.FullName]protoreflect.FieldDescriptor{}
	for i := range m.Descriptor().Oneofs().Len() {
		o := m.Descriptor().Oneofs().Get(i)
		chosen[o.FullName()] = o.Fields().Get(x.turn % o.Fields().Len())
		x.turn++
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if o := f.ContainingOneof(); o != nil && chosen[o.FullName()] != f {
			continue
		}
		if f.Message() != nil && depth == 0 {
			continue
		}
		switch {
		case f.IsList() && f.Message() != nil:
			l := m.Mutable(f).List()
			x.fill(l.AppendMutable().Message(), depth-1)
			x.fill(l.AppendMutable().Message(), depth-1)
		case f.Message() != nil:
			x.fill(m.Mutable(f).Message(), depth-1)
		case f.IsList():
			l := m.Mutable(f).List()
			l.Append(sample(f))
			l.Append(sample(f))
		default:
			m.Set(f, sample(f))
		}
	}
	m.SetUnknown(unknown)
}

// sample returns a value for a field that differs from its default and from field to field.
func sample(f protoreflect.FieldDescriptor) protoreflect.Value {
	n := int64(f.Number())
	switch f.Kind() {
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(f.Name()))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	}
	panic("no sample of " + f.Kind().String())
}

// messages calls fn with a message and all within it.
func messages(m protoreflect.Message, fn func(protoreflect.Message)) {
	fn(m)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				messages(v.List().Get(i).Message(), fn)
			}
		case f.Message() != nil:
			messages(v.Message(), fn)
		}
		return true
	})
}

// mustMarshal encodes a model by the official code, with all lists unpacked.
func mustMarshal(t testing.TB, m *ModelProto) []byte {
	t.Helper()
	left := false
	m.AllTensors(func(p *TensorProto) { left = left || hasLeft(p) })
	if left {
		m = Clone(m)
		m.AllTensors((*TensorProto).unpack)
	}
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// listing returns the names in a directory, hidden ones too.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// shuffled puts the fields of an encoded message into a random order, within its messages too.
func shuffled(rng *rand.Rand, b []byte, d protoreflect.MessageDescriptor) []byte {
	var fields [][]byte
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		size := n + protowire.ConsumeFieldValue(num, typ, b[n:])
		field := b[:size]
		if f := d.Fields().ByNumber(num); f != nil && f.Message() != nil {
			v, _ := protowire.ConsumeBytes(b[n:])
			field = protowire.AppendBytes(protowire.AppendTag(nil, num, typ), shuffled(rng, v, f.Message()))
		}
		fields = append(fields, field)
		b = b[size:]
	}
	rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return bytes.Join(fields, nil)
}
