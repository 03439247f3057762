package fuse_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

func props(pairs ...string) []*onnxpb.StringStringEntryProto {
	var list []*onnxpb.StringStringEntryProto
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, &onnxpb.StringStringEntryProto{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func showProps(list []*onnxpb.StringStringEntryProto) string {
	var s []string
	for _, p := range list {
		s = append(s, p.GetKey()+"="+p.GetValue())
	}
	return strings.Join(s, " ")
}

func TestMergeMetadata(t *testing.T) {
	one, two, three := relu(t, "[2]"), relu(t, "[2]"), relu(t, "[2]")
	one.MetadataProps = props("task", "pose", "author", "A", "license", "MIT")
	two.MetadataProps = props("author", "B", "license", "MIT", "extra", "e")
	three.MetadataProps = props("author", "B")
	one.Graph.MetadataProps = props("g", "1")
	two.Graph.MetadataProps = props("g", "2")
	one.DocString, two.DocString = proto.String("first"), proto.String("second")
	one.Graph.DocString, three.Graph.DocString = proto.String("same"), proto.String("same")
	one.ProducerName, two.ProducerName, two.ProducerVersion = proto.String("pytorch"), proto.String("tf2onnx"), proto.String("1.9")
	one.Domain, two.Domain = proto.String("org.one"), proto.String("org.two")
	one.ModelVersion, two.ModelVersion = proto.Int64(3), proto.Int64(4)
	one.Graph.Node[0].DocString, two.Graph.Output[0].DocString = proto.String("a node"), proto.String("an output")
	// Fields of a newer specification.
	unknown := protowire.AppendString(protowire.AppendTag(nil, 901, protowire.BytesType), "new")
	two.ProtoReflect().SetUnknown(unknown)
	three.Graph.ProtoReflect().SetUnknown(unknown)

	models := []fuse.Input{{Name: "one", Model: one}, {Name: "two", Model: two}, {Name: "three", Model: three}}
	m, r := merge(t, models, fuse.MergeOptions{})
	for _, c := range []struct{ what, got, want string }{
		{"metadata", showProps(m.MetadataProps), "task=pose author=A license=MIT two.author=B extra=e three.author=B one.producer=pytorch two.producer=tf2onnx 1.9"},
		{"metadata of the graph", showProps(m.Graph.MetadataProps), "g=1 two.g=2"},
		{"doc string", m.GetDocString(), "one: first\ntwo: second"},
		{"doc string of the graph", m.Graph.GetDocString(), "same"},
		{"producer", m.GetProducerName() + "/" + m.GetProducerVersion(), "onnxtool/"},
		{"domain", m.GetDomain(), "org.one"},
		{"name", m.Graph.GetName(), "one_two_three"},
		{"doc string of a node", m.Graph.Node[0].GetDocString(), "a node"},
		{"doc string of an output", m.Graph.Output[1].GetDocString(), "an output"},
	} {
		if c.got != c.want {
			t.Errorf("%s %q, want %q", c.what, c.got, c.want)
		}
	}
	if v := m.GetModelVersion(); v != 3 {
		t.Errorf("model version %d", v)
	}
	if !bytes.Equal(m.ProtoReflect().GetUnknown(), unknown) || !bytes.Equal(m.Graph.ProtoReflect().GetUnknown(), unknown) {
		t.Error("unknown fields are lost")
	}
	told(t, r, `added metadata "two.author": B`, `note: the doc strings of 2 models differ`, `note: the domain of two is "org.two"`, `note: the model version of two is 4`,
		`note: the models come from different producers`)

	m, _ = merge(t, models[:1], fuse.MergeOptions{Name: "whole", Doc: "mine"})
	if m.Graph.GetName() != "whole" || m.GetDocString() != "mine" || m.GetProducerName() != "pytorch" {
		t.Errorf("%q, %q, %q", m.Graph.GetName(), m.GetDocString(), m.GetProducerName())
	}
}

// TestMergeKeepsNotesOfInputs has two inputs that become one: what is said about either survives.
func TestMergeKeepsNotesOfInputs(t *testing.T) {
	one, two := relu(t, "[2]"), relu(t, "[2]")
	one.Graph.Input[0].MetadataProps = props("k", "1")
	two.Graph.Input[0].MetadataProps = props("k", "2", "l", "3")
	two.Graph.Input[0].DocString = proto.String("an image")
	m, _ := merge(t, []fuse.Input{{Name: "one", Model: one}, {Name: "two", Model: two}}, fuse.MergeOptions{Connect: connections(t, "one:x=two:x")})
	in := m.Graph.Input[0]
	if got := showProps(in.MetadataProps); got != "k=1 l=3" || in.GetDocString() != "an image" {
		t.Errorf("%s, %q", got, in.GetDocString())
	}
}

func TestMergeDeviceConfigurations(t *testing.T) {
	with := func(devices int32) *onnxpb.ModelProto {
		m := relu(t, "[2]")
		m.IrVersion = proto.Int64(11)
		m.Configuration = []*onnxpb.DeviceConfigurationProto{{Name: proto.String("cfg"), NumDevices: &devices}}
		m.Graph.Node[0].DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{ConfigurationId: proto.String("cfg"),
			ShardingSpec: []*onnxpb.ShardingSpecProto{{TensorName: proto.String("x")}}}}
		return m
	}
	m, r := merge(t, []fuse.Input{{Name: "a", Model: with(1)}, {Name: "b", Model: with(1)}, {Name: "c", Model: with(2)}}, fuse.MergeOptions{})
	var got []string
	for _, c := range m.Configuration {
		got = append(got, c.GetName())
	}
	for i := range 3 {
		d := m.Graph.Node[2*i].DeviceConfigurations[0]
		got = append(got, d.GetConfigurationId()+"/"+d.ShardingSpec[0].GetTensorName())
	}
	if s := strings.Join(got, " "); s != "cfg c_cfg cfg/x cfg/b_x c_cfg/c_x" {
		t.Errorf("configurations and nodes: %s", s)
	}
	told(t, r, `renamed device configuration "c:cfg": cfg -> c_cfg`)
}

// TestMergeExternalData has weights in files of the same name: of one directory, and of two.
func TestMergeExternalData(t *testing.T) {
	with := func(dir string, content byte) fuse.Input {
		t.Helper()
		raw := bytes.Repeat([]byte{0, 0, content, 0x40}, 2)
		if err := os.WriteFile(filepath.Join(dir, "w.bin"), raw, 0o666); err != nil {
			t.Fatal(err)
		}
		m := mini(t, "x[2] -> y[2]", "w = 1 2", "y = Mul(x, w)")
		w := m.Graph.Initializer[0]
		w.RawData, w.DataLocation, w.ExternalData = nil, onnxpb.TensorProto_EXTERNAL.Enum(), props("location", "w.bin")
		return fuse.Input{Name: "m" + string(rune('0'+content)), Model: m, Dir: dir}
	}
	dir, other := t.TempDir(), t.TempDir()
	one, two, same := with(dir, 1), with(other, 2), with(dir, 1)
	same.Name = "same"
	plain := fuse.Input{Name: "plain", Model: relu(t, "[2]"), Dir: "elsewhere"}

	m, r := merge(t, []fuse.Input{one, same, plain}, fuse.MergeOptions{})
	for _, w := range m.Graph.Initializer {
		if w.GetDataLocation() != onnxpb.TensorProto_EXTERNAL || len(w.RawData) > 0 {
			t.Errorf("%s was read", w.GetName())
		}
	}
	if got := fuse.ExternalDir([]fuse.Input{one, same, plain}); got != dir {
		t.Errorf("relative to %q, want %q", got, dir)
	}
	told(t, r, "external data of m1 stays in its files")

	m, r = merge(t, []fuse.Input{one, two, plain}, fuse.MergeOptions{})
	if got := fuse.ExternalDir([]fuse.Input{one, two, plain}); got != "" {
		t.Errorf("relative to %q", got)
	}
	for i, want := range []string{"m1_w.bin", "m2_w.bin"} {
		if w := m.Graph.Initializer[i]; len(w.RawData) > 0 || w.ExternalData[0].GetValue() != want {
			t.Errorf("%s refers to %v", w.GetName(), w.ExternalData)
		}
	}
	told(t, r, "external data w.bin of m1 stays in a file of its own", "external data w.bin of m2 stays")
	if len(r.Carry) != 2 {
		t.Errorf("files %v", r.Carry)
	}
	if got := one.Model.Graph.Initializer[0].ExternalData[0].GetValue(); got != "w.bin" {
		t.Errorf("merging changed a model: %s", got)
	}

	two.Dir = ""
	if _, _, err := tryMerge(t, []fuse.Input{one, two}, fuse.MergeOptions{}); err == nil || !strings.Contains(err.Error(), "where it lies is not known") {
		t.Errorf("error %v", err)
	}
}
