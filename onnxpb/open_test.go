package onnxpb

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func TestOpenTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	good := mustMarshal(t, small())
	write(t, filepath.Join(dir, "good.onnx"), good)
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"empty.onnx", nil, []string{"empty"}},
		{"text.onnx", []byte("# A heading\n\nSome text, in a file.\n"), []string{"not an ONNX model", "text file"}},
		{"lfs.onnx", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), []string{"not an ONNX model", "git lfs pull"}},
		{"zip.onnx", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), []string{"not an ONNX model", "zip"}},
		{"gzip.onnx", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), []string{"not an ONNX model", "gzip"}},
		{"cut.onnx", good[:len(good)-1], []string{"truncated", "in full"}},
		{"nograph.onnx", []byte{8, 8}, []string{"no graph"}},
		{"noversion.onnx", []byte{58, 0}, []string{"no ir_version"}},
		{"zeros.onnx", make([]byte, 100), []string{"not an ONNX model"}},
	} {
		f, err := Open(write(t, filepath.Join(dir, c.name), c.data))
		if err == nil {
			t.Errorf("%s: opened: %v", c.name, f.Model)
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind != Unfit || e.File != filepath.Join(dir, c.name) {
			t.Errorf("%s: %#v", c.name, err)
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not tell %q", c.name, err, w)
			}
		}
	}
	for path, want := range map[string]string{
		dir: "directory", filepath.Join(dir, "none.onnx"): "check the path", filepath.Join(dir, "GOOD.ONNX"): "did you mean " + filepath.Join(dir, "good.onnx"),
		filepath.Join(dir, "good"): "did you mean " + filepath.Join(dir, "good.onnx"), filepath.Join(dir, "none", "x.onnx"): "check the path",
		filepath.Join(dir, "good.onnx", "x"): "not a directory",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || KindOf(err) != Unfit || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v does not tell %q", path, err, want)
		}
	}
	if _, err := Open(filepath.Join(dir, "none.onnx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	f, err := Open(filepath.Join(dir, "good.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(f.Model, small()) || f.Dir() != dir || f.Close() != nil {
		t.Error("the model differs")
	}
}

func TestOpenStandardInput(t *testing.T) {
	for name, m := range map[string]*ModelProto{"read": small(), "mapped": weighty(1)} {
		t.Run(name, func(t *testing.T) { openStandardInput(t, m) })
	}
}

func openStandardInput(t *testing.T, m *ModelProto) {
	old := os.Stdin
	defer func() { os.Stdin = old }()
	in, err := os.Open(write(t, filepath.Join(t.TempDir(), "x"), mustMarshal(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	os.Stdin = in
	f, err := Open("-")
	if err != nil || !proto.Equal(f.Model, m) || f.Dir() != "." {
		t.Fatal(f, err)
	}
	defer f.Close()
	if _, err := Open("-"); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("at the end of standard input: %v", err)
	}
}

// A cut file gives an error, or what is left is a model by itself (a cut between two fields of the model); it never makes the reader panic.
func TestParseCutAtEveryByte(t *testing.T) {
	for name, m := range map[string]*ModelProto{"small": small(), "full": full(3)} {
		data := mustMarshal(t, m)
		if len(data) > 100_000 {
			t.Fatalf("%s: %d bytes are too many to try", name, len(data))
		}
		step := max(len(data)/5000, 1)
		failed := 0
		for i := 0; i < len(data); i += step {
			c, err := Parse(data[:i])
			if err != nil {
				failed++
				continue
			}
			again, err := Marshal(c)
			if err != nil || !bytes.HasPrefix(data, again) {
				t.Fatalf("%s, %d bytes: parsed, but differs (%v)", name, i, err)
			}
		}
		if failed == 0 {
			t.Errorf("%s: no cut is an error", name)
		}
	}
}

// What is not set and what is set to the default value are two things: an attribute i = 0 must not vanish.
func TestPresenceSurvives(t *testing.T) {
	zero := func(num protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), 0)
	}
	message := func(num protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), body)
	}
	text := func(num protowire.Number, s string) []byte { return message(num, []byte(s)) }
	var attr []byte
	attr = append(attr, text(1, "a")...)                                                                               // name
	attr = append(attr, protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), 0)...)             // f = 0
	attr = append(attr, zero(3)...)                                                                                    // i = 0
	attr = append(attr, text(4, "")...)                                                                                // s = ""
	attr = append(attr, zero(20)...)                                                                                   // type = UNDEFINED
	node := append(text(1, ""), text(3, "")...)                                                                        // input "", name ""
	node = append(node, message(5, attr)...)                                                                           // attribute
	tensor := append(zero(2), message(9, nil)...)                                                                      // data_type = 0, raw_data empty
	graph := append(message(1, node), append(text(2, ""), append(message(5, tensor), text(10, "")...)...)...)          // node, name, initializer, doc_string
	model := append(zero(1), append(text(2, ""), append(zero(5), append(text(6, ""), message(7, graph)...)...)...)...) // ir_version, producer_name, model_version, doc_string
	m, err := Parse(model)
	if err != nil {
		t.Fatal(err)
	}
	a := m.Graph.Node[0].Attribute[0]
	if a.I == nil || a.F == nil || a.S == nil || a.Type == nil || m.Graph.Name == nil || m.ModelVersion == nil {
		t.Fatalf("lost on reading: %v", m)
	}
	if got := mustMarshal(t, m); !bytes.Equal(got, model) {
		t.Errorf("\n%x became\n%x", model, got)
	}
	if got := mustMarshal(t, Clone(m)); !bytes.Equal(got, model) {
		t.Errorf("\n%x cloned became\n%x", model, got)
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	m := full(6)
	count := 0
	seen := map[string]bool{}
	messages(m.ProtoReflect(), func(p protoreflect.Message) {
		count++
		seen[string(p.Descriptor().Name())] = true
	})
	var reachable func(protoreflect.MessageDescriptor)
	visited := map[protoreflect.FullName]bool{}
	reachable = func(d protoreflect.MessageDescriptor) {
		if visited[d.FullName()] {
			return
		}
		visited[d.FullName()] = true
		if !seen[string(d.Name())] {
			t.Errorf("the model has no %s", d.Name())
		}
		for i := range d.Fields().Len() {
			if sub := d.Fields().Get(i).Message(); sub != nil {
				reachable(sub)
			}
		}
	}
	reachable(m.ProtoReflect().Descriptor())
	if len(visited) < 20 {
		t.Errorf("only %d kinds of messages", len(visited))
	}
	data := mustMarshal(t, m)
	if n := bytes.Count(data, unknown); n != count {
		t.Fatalf("%d of %d unknown fields are written", n, count)
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := WriteFile(path, data); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]*ModelProto{"opened": f.Model, "cloned": Clone(f.Model)} {
		left := 0
		messages(got.ProtoReflect(), func(p protoreflect.Message) {
			if bytes.Equal(p.GetUnknown(), unknown) {
				left++
			}
		})
		if left != count || !proto.Equal(got, m) {
			t.Errorf("%s: %d of %d unknown fields are left", name, left, count)
		}
	}
}

// Unknown fields of every wire type, groups too.
func TestUnknownWireTypesSurvive(t *testing.T) {
	var b []byte
	b = protowire.AppendVarint(protowire.AppendTag(b, 2000, protowire.VarintType), 1<<63)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 2001, protowire.Fixed32Type), 0xdeadbeef)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 2002, protowire.Fixed64Type), 0xdeadbeefdeadbeef)
	b = protowire.AppendBytes(protowire.AppendTag(b, 2003, protowire.BytesType), []byte("\xff\x00"))
	b = protowire.AppendTag(b, 2004, protowire.StartGroupType)
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), 7)
	b = protowire.AppendTag(b, 2004, protowire.EndGroupType)
	data := append(mustMarshal(t, small()), b...)
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustMarshal(t, m); !bytes.Equal(got, data) {
		t.Errorf("\n%x became\n%x", data, got)
	}
}

func TestNamesThatAreNotUTF8Survive(t *testing.T) {
	bad := "caf\xe9 \xff\xfe"
	m := small()
	m.Graph.Node[0].Output[0], m.Graph.Node[1].Input[0] = bad, bad
	m.Graph.Name, m.ProducerName, m.DocString = &bad, &bad, &bad
	m.Graph.Input[0].GetType().GetTensorType().Shape.Dim[0] = Symbol(bad).proto()
	m.Graph.Node[0].Attribute = []*AttributeProto{Str(bad, bad)}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := Save(m, path, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(f.Model, m) || f.Model.Graph.Node[1].Input[0] != bad || string(f.Model.Graph.Node[0].Attribute[0].S) != bad {
		t.Error("a name changed")
	}
}
