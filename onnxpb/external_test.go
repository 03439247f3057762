package onnxpb

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// externalTensor builds a float tensor with external data; "" leaves an entry out.
func externalTensor(name string, dims []int64, location, offset, length string) *TensorProto {
	p := &TensorProto{Name: &name, DataType: proto.Int32(int32(TensorProto_FLOAT)), Dims: dims, DataLocation: TensorProto_EXTERNAL.Enum()}
	for _, kv := range [][2]string{{"location", location}, {"offset", offset}, {"length", length}} {
		if kv[1] != "" {
			p.ExternalData = append(p.ExternalData, &StringStringEntryProto{Key: proto.String(kv[0]), Value: proto.String(kv[1])})
		}
	}
	return p
}

// withExternal returns a model with external tensors, one of them in a subgraph.
func withExternal(tensors ...*TensorProto) *ModelProto {
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, tensors[0])
	for _, p := range tensors[1:] {
		m.Graph.Node = append(m.Graph.Node, Node("If", "", nil, nil, GraphAttr("then_branch", &GraphProto{Initializer: []*TensorProto{p}})))
	}
	return m
}

func rawFloats(v ...float32) []byte {
	raw, _ := ArrayOf([]int64{int64(len(v))}, v).Raw()
	return raw
}

func TestDecodeExternal(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(dir, "sub", "w.bin"), rawFloats(5))
	if err := os.Symlink("w.bin", filepath.Join(dir, "inner")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *TensorProto
		want []float32
	}{
		{externalTensor("t", []int64{4}, "w.bin", "", ""), []float32{1, 2, 3, 4}},
		{externalTensor("t", []int64{2}, "w.bin", "", ""), []float32{1, 2}},
		{externalTensor("t", []int64{2}, "w.bin", "8", "8"), []float32{3, 4}},
		{externalTensor("t", []int64{2}, "w.bin", "8", ""), []float32{3, 4}},
		{externalTensor("t", []int64{0}, "w.bin", "16", "0"), []float32{}},
		{externalTensor("t", nil, "sub/w.bin", "", "4"), []float32{5}},
		{externalTensor("t", nil, "./sub/w.bin", "0", "4"), []float32{5}},
		{externalTensor("t", nil, "inner", "", ""), []float32{1}}, // a link that stays within the directory
	} {
		a, err := Decode(c.p, dir)
		if err != nil || !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%v: %v, %v", c.p, a, err)
		}
	}
}

func TestExternalDataIsRefused(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	write(t, filepath.Join(outer, "secret"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	for name, to := range map[string]string{"out": "../secret", "abs": filepath.Join(outer, "secret"), "outdir": "..", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	twice := externalTensor("t", []int64{1}, "w.bin", "0", "")
	twice.ExternalData = append(twice.ExternalData, &StringStringEntryProto{Key: proto.String("offset"), Value: proto.String("4")})
	both := externalTensor("t", []int64{1}, "w.bin", "", "")
	both.FloatData = []float32{1}
	str := externalTensor("t", []int64{1}, "w.bin", "", "")
	str.DataType = proto.Int32(int32(TensorProto_STRING))
	for _, c := range []struct {
		p    *TensorProto
		want string
	}{
		{externalTensor("t", []int64{4}, "none.bin", "", ""), "no such file"},
		{externalTensor("t", []int64{4}, "", "0", "16"), "without a location"},
		{externalTensor("t", []int64{4}, "../secret", "", ""), "upwards"},
		{externalTensor("t", []int64{4}, "../model/w.bin", "", ""), "upwards"},
		{externalTensor("t", []int64{4}, "sub/../../secret", "", ""), "upwards"},
		{externalTensor("t", []int64{4}, `..\secret`, "", ""), "upwards"},
		{externalTensor("t", []int64{4}, filepath.Join(outer, "secret"), "", ""), "absolute"},
		{externalTensor("t", []int64{4}, "w.bin\x00", "", ""), "zero byte"},
		{externalTensor("t", []int64{4}, "out", "", ""), "escapes"},
		{externalTensor("t", []int64{4}, "abs", "", ""), "escapes"},
		{externalTensor("t", []int64{4}, "outdir/secret", "", ""), "escapes"},
		{externalTensor("t", []int64{4}, "loop", "", ""), "loop"},
		{externalTensor("t", []int64{4}, ".", "", ""), "not a regular file"},
		{externalTensor("t", []int64{4}, "w.bin/x", "", ""), "not a directory"},
		{externalTensor("t", []int64{5}, "w.bin", "", ""), "has 16 bytes"},
		{externalTensor("t", []int64{4}, "w.bin", "1", ""), "has 16 bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "17", ""), "has 16 bytes"},
		{externalTensor("t", []int64{0}, "w.bin", "17", ""), "has 16 bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "9223372036854775807", ""), "has 16 bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "9223372036854775808", ""), "no number of bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "-4", ""), "no number of bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "0x4", ""), "no number of bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "4 ", ""), "no number of bytes"},
		{externalTensor("t", []int64{1}, "w.bin", "", "8"), "a length of 8"},
		{externalTensor("t", []int64{1 << 60}, "w.bin", "", ""), "memory"},
		{externalTensor("t", []int64{1 << 40}, "w.bin", "", ""), "has 16 bytes"},
		{externalTensor("t", []int64{-1}, "w.bin", "", ""), "negative"},
		{twice, "twice"}, {both, "external data and float_data"}, {str, "strings"},
	} {
		check := func(how string, err error) {
			e, ok := err.(*Error)
			if !ok || e.Tensor != "t" || e.Kind != Unfit || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %v: %v does not tell %q", how, c.p.ExternalData, err, c.want)
			}
		}
		_, err := Decode(c.p, dir)
		check("Decode", err)
		m := withExternal(externalTensor("fine", []int64{1}, "w.bin", "", ""), c.p)
		before := proto.Clone(m)
		check("InlineExternal", InlineExternal(m, dir))
		if !proto.Equal(m, before) {
			t.Errorf("%v: what failed changed the model", c.p.ExternalData)
		}
		to := t.TempDir()
		err = Save(m, filepath.Join(to, "m.onnx"), SaveOptions{SourceDir: dir})
		if e, ok := err.(*Error); !ok || e.File != filepath.Join(to, "m.onnx") {
			t.Errorf("%v does not tell the file", err)
		} else {
			check("Save", err)
		}
		if got := listing(t, to); len(got) != 0 {
			t.Errorf("%v: left behind: %v", c.p.ExternalData, got)
		}
	}
	if _, err := Decode(externalTensor("t", []int64{1}, "w.bin", "", ""), ""); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("without a directory: %v", err)
	}
}

func TestInlineExternal(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	m := withExternal(externalTensor("a", []int64{1}, "w.bin", "", ""), externalTensor("b", []int64{3}, "w.bin", "4", "12"))
	if !HasExternal(m) || HasExternal(small()) {
		t.Error("HasExternal")
	}
	if err := InlineExternal(m, dir); err != nil {
		t.Fatal(err)
	}
	want := withExternal(TensorOf("a", []int64{1}, []float32{1}), TensorOf("b", []int64{3}, []float32{2, 3, 4}))
	if HasExternal(m) || !proto.Equal(m, want) {
		t.Errorf("%v", m)
	}
}

func TestSaveCarriesExternalData(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	w := write(t, filepath.Join(from, "w.bin"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(from, "deep", "er", "v.bin"), rawFloats(5))
	m := withExternal(externalTensor("a", []int64{1}, "w.bin", "", ""), externalTensor("b", []int64{3}, "./w.bin", "4", "12"),
		externalTensor("c", nil, "deep/er/v.bin", "", ""))
	path := filepath.Join(to, "m.onnx")
	opts := SaveOptions{SourceDir: from}
	if err := Save(m, path, opts); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil || !proto.Equal(f.Model, m) {
		t.Fatal("the model changed", err)
	}
	for name, want := range map[string][]byte{"w.bin": rawFloats(1, 2, 3, 4), "deep/er/v.bin": rawFloats(5)} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	if got := listing(t, to); !reflect.DeepEqual(got, []string{"deep", "m.onnx", "w.bin"}) {
		t.Errorf("left behind: %v", got)
	}
	// Again: the same data stands there. Changed data must not be lost.
	if err := Save(m, path, opts); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for _, other := range [][]byte{rawFloats(9, 2, 3, 4), rawFloats(1, 2, 3), rawFloats(1, 2, 3, 4, 5), {}} {
		write(t, filepath.Join(to, "w.bin"), other)
		model, _ := os.ReadFile(path)
		err := Save(m, path, opts)
		if err == nil || !strings.Contains(err.Error(), "another file of that name") {
			t.Errorf("over other data: %v", err)
		}
		if got, _ := os.ReadFile(filepath.Join(to, "w.bin")); !bytes.Equal(got, other) {
			t.Error("other data was overwritten")
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, model) {
			t.Error("the model was written all the same")
		}
	}
	// In the same directory, however it is written, nothing happens.
	for _, opts := range []SaveOptions{{}, {SourceDir: from}, {SourceDir: from + "/../" + filepath.Base(from)}} {
		if err := Save(m, filepath.Join(from, "n.onnx"), opts); err != nil {
			t.Errorf("%v: %v", opts, err)
		}
	}
	if got := listing(t, from); !reflect.DeepEqual(got, []string{"deep", "n.onnx", "w.bin"}) {
		t.Errorf("left behind: %v", got)
	}
	if err := Save(m, w, SaveOptions{}); err == nil || !strings.Contains(err.Error(), "own external data") {
		t.Errorf("over its own data: %v", err)
	}
	if err := Save(m, filepath.Join(t.TempDir(), "w.bin"), opts); err == nil || !strings.Contains(err.Error(), "own external data") {
		t.Errorf("over its own data to be: %v", err)
	}
	if err := Save(m, "-", opts); err == nil || !strings.Contains(err.Error(), "standard output") {
		t.Errorf("to standard output: %v", err)
	}
}

// What cannot be finished is taken back: the files that went along first, the directories made for them.
func TestCarriedDataIsTakenBack(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "a", "b", "w.bin"), rawFloats(1))
	good := externalTensor("g", nil, "a/b/w.bin", "", "")
	to := t.TempDir()
	if err := Save(withExternal(good, externalTensor("t", nil, "none", "", "")), filepath.Join(to, "m"), SaveOptions{SourceDir: from}); err == nil {
		t.Error("saved")
	}
	if got := listing(t, to); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := os.Mkdir(filepath.Join(to, "m"), 0o777); err != nil { // the model cannot be written
		t.Fatal(err)
	}
	if err := Save(withExternal(good), filepath.Join(to, "m"), SaveOptions{SourceDir: from}); err == nil {
		t.Error("saved")
	}
	if got := listing(t, to); !reflect.DeepEqual(got, []string{"m"}) {
		t.Errorf("left behind: %v", got)
	}
	// A link in the target's directory may not lead the copies out of it.
	out := t.TempDir()
	if err := os.Symlink(out, filepath.Join(to, "a")); err != nil {
		t.Fatal(err)
	}
	if err := Save(withExternal(good), filepath.Join(to, "n"), SaveOptions{SourceDir: from}); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("through a link: %v", err)
	}
	if got := listing(t, out); len(got) != 0 {
		t.Errorf("written outside: %v", got)
	}
}
