package onnxtext

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"onnxtool/onnxpb"
)

// normal returns a copy of a model in which what the text does not tell apart is one: empty strings and missing ones, attributes that rely on the
// default 0, data in raw_data and in typed fields; and without what the text does not hold.
func normal(tb testing.TB, m *onnxpb.ModelProto) *onnxpb.ModelProto {
	tb.Helper()
	m = proto.Clone(m).(*onnxpb.ModelProto)
	m.TrainingInfo, m.Configuration = nil, nil
	normalMessage(tb, m.ProtoReflect())
	return m
}

func normalMessage(tb testing.TB, r protoreflect.Message) {
	r.SetUnknown(nil)
	name := r.Descriptor().Name()
	r.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		clear := false
		switch fd.Name() {
		case "doc_string":
			clear = name != "ModelProto" && name != "FunctionProto"
		case "metadata_props":
			clear = name != "ModelProto"
		case "quantization_annotation", "device_configurations", "denotation":
			clear = true
		}
		if fd.Kind() == protoreflect.StringKind && !fd.IsList() && fd.ContainingOneof() == nil && v.String() == "" {
			clear = true
		}
		if clear {
			r.Clear(fd)
			return true
		}
		if fd.Message() != nil {
			if fd.IsList() {
				for i := range v.List().Len() {
					normalMessage(tb, v.List().Get(i).Message())
				}
			} else {
				normalMessage(tb, v.Message())
			}
		}
		return true
	})
	switch m := r.Interface().(type) {
	case *onnxpb.TensorProto:
		normalTensor(tb, m)
	case *onnxpb.AttributeProto:
		if m.RefAttrName != nil {
			break
		}
		switch m.GetType() {
		case onnxpb.AttributeProto_INT:
			m.I = proto.Int64(m.GetI())
		case onnxpb.AttributeProto_FLOAT:
			m.F = proto.Float32(m.GetF())
		case onnxpb.AttributeProto_STRING:
			m.S = append([]byte{}, m.GetS()...)
		}
	case *onnxpb.ValueInfoProto:
		if m.Type != nil && m.Type.Value == nil {
			m.Type = nil
		}
	}
}

func normalTensor(tb testing.TB, t *onnxpb.TensorProto) {
	if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
		return
	}
	t.DataLocation = nil
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		tb.Fatalf("tensor %q: %v", t.GetName(), err)
	}
	name := t.Name
	proto.Reset(t)
	proto.Merge(t, a.Proto("x"))
	t.Name = name
}

// write formats a model, all of it.
func write(tb testing.TB, m *onnxpb.ModelProto, o Options) (string, []Lost) {
	tb.Helper()
	var b bytes.Buffer
	lost, err := Format(&b, m, o)
	if err != nil {
		tb.Fatal(err)
	}
	return b.String(), lost
}

// roundTrip holds the text of a model to the model, and returns it.
func roundTrip(tb testing.TB, m *onnxpb.ModelProto) (string, []Lost) {
	tb.Helper()
	text, lost := write(tb, m, Options{})
	again, err := Parse(text)
	if err != nil {
		tb.Fatalf("%v\n%s", err, short(text))
	}
	if want, got := normal(tb, m), normal(tb, again); !proto.Equal(want, got) {
		tb.Fatalf("the text reads back as another model:\n%s\n%s", cmp.Diff(want, got, protocmp.Transform()), short(text))
	}
	if second, _ := write(tb, again, Options{}); second != text {
		tb.Errorf("the text of what was read is another:\n%s", cmp.Diff(text, second))
	}
	return text, lost
}

func short(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = l[:min(len(l), 300)]
	}
	return strings.Join(lines[:min(len(lines), 100)], "\n")
}
