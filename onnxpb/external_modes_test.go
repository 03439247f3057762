package onnxpb

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// weights returns the numbers from, from+1, ... as floats.
func weights(n int, from float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = from + float32(i)
	}
	return v
}

// values decodes all tensors of a model, by name.
func values(t *testing.T, m *ModelProto, dir string) map[string]any {
	t.Helper()
	got := map[string]any{}
	m.AllTensors(func(p *TensorProto) {
		a, err := Decode(p, dir)
		if err != nil {
			t.Fatal(err)
		}
		got[p.GetName()] = a.Data
	})
	return got
}

func mustOpen(t *testing.T, path string) *ModelProto {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.Model
}

// mixed returns a model with tensors of every kind that packing has to tell apart, and a directory with its external data.
func mixed(t *testing.T) (*ModelProto, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), append(make([]byte, 8), rawFloats(weights(1000, 5)...)...))
	write(t, filepath.Join(dir, "sub", "v.bin"), rawFloats(7))
	m := small() // w of 2 floats
	ext := externalTensor("ext", []int64{1000}, "w.bin", "8", "4000")
	ext.ExternalData = append(ext.ExternalData, &StringStringEntryProto{Key: proto.String("checksum"), Value: proto.String("of the old file")})
	typed := &TensorProto{Name: proto.String("typed"), DataType: proto.Int32(int32(TensorProto_FLOAT)), Dims: []int64{300}, FloatData: weights(300, -3)}
	text := ArrayOf([]int64{2}, []string{strings.Repeat("long", 1000), ""}).Proto("text")
	inner := TensorOf("inner", []int64{500}, weights(500, 1))
	m.Graph.Initializer = append(m.Graph.Initializer, ext, externalTensor("same", []int64{10, 100}, "./w.bin", "8", ""),
		externalTensor("one", nil, "sub/v.bin", "", ""), externalTensor("none", []int64{0}, "w.bin", "", "0"),
		TensorOf("large", []int64{2000}, weights(2000, 9)), TensorOf("edge", []int64{256}, weights(256, 2)), TensorOf("under", []int64{255}, weights(255, 2)), typed, text)
	m.Graph.Node = append(m.Graph.Node, Node("If", "if", nil, nil, GraphAttr("then_branch", &GraphProto{Initializer: []*TensorProto{inner}})),
		Node("Constant", "const", nil, []string{"c"}, TensorAttr("value", TensorOf("attribute", []int64{400}, weights(400, 3)))))
	return m, dir
}

func TestDataFile(t *testing.T) {
	m, dir := mixed(t)
	before := proto.Clone(m)
	want := values(t, m, dir)
	for _, c := range []struct {
		threshold, align int64
		moved            string
	}{
		{0, 0, "edge ext inner large none one same typed"},
		{4000, 65536, "ext large none one same"},
		{1, 1, "edge ext inner large none one same typed under w"},
	} {
		to := t.TempDir()
		path := filepath.Join(to, "m.onnx")
		var done DataResult
		notes := ""
		if err := Save(m, path, SaveOptions{SourceDir: dir, Data: DataOptions{Mode: DataFile, File: "all.bin", Threshold: c.threshold, Align: c.align, Result: &done, Note: func(s string) { notes += s }}}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(notes, "checksums that 1 tensors told") {
			t.Errorf("of the checksum that is left out it told %q", notes)
		}
		if got := listing(t, to); !reflect.DeepEqual(got, []string{"all.bin", "m.onnx"}) {
			t.Fatalf("made %v", got)
		}
		out := mustOpen(t, path)
		if got := values(t, out, to); !reflect.DeepEqual(got, want) {
			t.Error("other values")
		}
		moved := map[string]int64{}
		out.AllTensors(func(p *TensorProto) {
			if p.GetDataLocation() != TensorProto_EXTERNAL {
				return
			}
			x, size, err := externalSpan(p)
			if err != nil || x.location != "all.bin" || x.length != int64(size) {
				t.Errorf("%v: %v", p, err)
			}
			align := c.align
			if align == 0 {
				align = DefaultAlign
			}
			if int64(size) >= align && x.offset%align != 0 || align >= smallAlign && x.offset%smallAlign != 0 {
				t.Errorf("%s of %d bytes begins at %d", p.GetName(), size, x.offset)
			}
			for _, e := range p.ExternalData {
				if e.GetKey() == "checksum" {
					t.Errorf("%s kept the checksum of another file", p.GetName())
				}
			}
			moved[p.GetName()] = x.offset
		})
		if got := strings.Join(slices.Sorted(maps.Keys(moved)), " "); got != c.moved {
			t.Errorf("threshold %d: moved %s, want %s", c.threshold, got, c.moved)
		}
		if moved["ext"] != moved["same"] {
			t.Error("shared bytes were written twice")
		}
		if done.Tensors != len(moved) {
			t.Errorf("told %d tensors", done.Tensors)
		}
		if r := InspectData(out, to, false); len(r.Faults)+len(r.Warnings) > 0 || r.Files[0].Size != done.Bytes || r.Files[0].Shared != 1 {
			t.Errorf("%+v", r)
		}
		// In again: the same values, no files.
		alone := filepath.Join(to, "alone.onnx")
		if err := Save(out, alone, SaveOptions{Data: DataOptions{Mode: DataInline}}); err != nil {
			t.Fatal(err)
		}
		if back := mustOpen(t, alone); HasExternal(back) || !reflect.DeepEqual(values(t, back, ""), want) {
			t.Error("inlined: other values")
		}
	}
	if !proto.Equal(m, before) {
		t.Error("saving changed the model")
	}
}

func TestDataOptionsAreRefused(t *testing.T) {
	m, dir := mixed(t)
	overlap := withExternal(externalTensor("a", []int64{1000}, "w.bin", "0", ""), externalTensor("b", []int64{1000}, "w.bin", "8", ""))
	for _, c := range []struct {
		m    *ModelProto
		o    DataOptions
		want string
	}{
		{m, DataOptions{Mode: "sideways"}, "no way with external data"},
		{m, DataOptions{Mode: DataFile, Align: 48}, "power of two"},
		{m, DataOptions{Mode: DataFile, Align: -1}, "power of two"},
		{m, DataOptions{Mode: DataFile, Threshold: -1}, "negative"},
		{m, DataOptions{Mode: DataFile, File: "../x"}, "upwards"},
		{m, DataOptions{Mode: DataFile, File: "m.onnx"}, "own external data"},
		{m, DataOptions{Mode: DataFile, File: "M.ONNX"}, "own external data"},
		{m, DataOptions{Mode: DataInline, limit: 20000}, "would pass 20000 bytes"},
		{m, DataOptions{Mode: DataFile, limit: 5000}, "would pass 5000 bytes"},
		{m, DataOptions{limit: 5000}, "even with its initializers"},
		{m, DataOptions{Mode: DataKeep}, "readers refuse"},
		{overlap, DataOptions{Mode: DataFile}, "overlap in part"},
	} {
		to := t.TempDir()
		err := Save(c.m, filepath.Join(to, "m.onnx"), SaveOptions{SourceDir: dir, Data: c.o})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v does not tell %q", c.o, err, c.want)
		}
		if got := listing(t, to); len(got) > 0 {
			t.Errorf("%+v: left behind: %v", c.o, got)
		}
	}
	for _, s := range []string{"a/b", "..", ".", "/x", `a\b`, "c:x", "./x", "x\x00"} {
		if _, err := ParseData(s); KindOf(err) != Usage || err == nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for s, want := range map[string]DataOptions{"": {}, "keep": {Mode: DataKeep}, "x.bin": {Mode: DataFile, File: "x.bin"}} {
		if got, err := ParseData(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

// TestDataIsNotOverwritten saves over the data that the model comes from, in every way that there is to name it and to store it: the model that was opened
// still needs it.
func TestDataIsNotOverwritten(t *testing.T) {
	m, dir := mixed(t)
	model := filepath.Join(dir, "m.onnx")
	if err := os.WriteFile(model, mustMarshal(t, m), 0o666); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.onnx")
	if err := os.Symlink(filepath.Join(dir, "w.bin"), link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	before, had := values(t, mustOpen(t, model), dir), listing(t, dir)
	for _, to := range []string{filepath.Join(dir, "w.bin"), filepath.Join(dir, "sub", "..", "w.bin"), filepath.Join(dir, "sub", "v.bin"), link} {
		for _, o := range []DataOptions{{}, {Mode: DataKeep}, {Mode: DataInline}, {Mode: DataFile}, {Mode: DataFile, File: "new.bin"}, {Mode: DataLink}} {
			if err := Save(m, to, SaveOptions{SourceDir: dir, Data: o}); err == nil || !strings.Contains(err.Error(), "overwrite its own external data") {
				t.Errorf("%s, %+v: %v", to, o, err)
			}
		}
	}
	if got := listing(t, dir); !reflect.DeepEqual(got, had) {
		t.Errorf("there is %v, was %v", got, had)
	}
	if got := values(t, mustOpen(t, model), dir); !reflect.DeepEqual(got, before) {
		t.Error("the model reads other weights")
	}
}

// TestDataAndLinks saves a model with external data to a symbolic link. In the directory that it leads to there is other data of the same name.
func TestDataAndLinks(t *testing.T) {
	m, dir := mixed(t)
	there, here := t.TempDir(), t.TempDir()
	write(t, filepath.Join(there, "w.bin"), make([]byte, 5000))
	write(t, filepath.Join(there, "m.onnx"), []byte("old"))
	link := filepath.Join(here, "link.onnx")
	if err := os.Symlink(filepath.Join(there, "m.onnx"), link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	for _, o := range []DataOptions{{}, {Mode: DataLink}, {Mode: DataFile}} {
		if err := Save(m, link, SaveOptions{SourceDir: dir, Data: o}); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if got := listing(t, here); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	if got, err := os.ReadFile(filepath.Join(there, "m.onnx")); err != nil || string(got) != "old" {
		t.Errorf("written over (%v)", err)
	}
	if err := Save(m, link, SaveOptions{SourceDir: dir, Data: DataOptions{Mode: DataInline}}); err != nil {
		t.Error(err)
	}
	want := values(t, m, dir)
	if got := values(t, mustOpen(t, filepath.Join(there, "m.onnx")), there); !reflect.DeepEqual(got, want) {
		t.Error("inline: other weights")
	}
	beside := filepath.Join(dir, "beside.onnx")
	if err := os.Symlink("real.onnx", beside); err != nil {
		t.Fatal(err)
	}
	if err := Save(m, beside, SaveOptions{SourceDir: dir}); err != nil {
		t.Error("a link within the directory:", err)
	}
	if got := values(t, mustOpen(t, filepath.Join(dir, "real.onnx")), dir); !reflect.DeepEqual(got, want) {
		t.Error("beside: other weights")
	}
}

// TestSpill saves a model that would pass the limit: its initializers go to a file, what was in files stays in files.
func TestSpill(t *testing.T) {
	m, dir := mixed(t)
	want := values(t, m, dir)
	to := t.TempDir()
	write(t, filepath.Join(to, "m.onnx.data"), []byte("another file"))
	path := filepath.Join(to, "m.onnx")
	var notes []string
	o := SaveOptions{SourceDir: dir, Data: DataOptions{limit: 9000, Note: func(s string) { notes = append(notes, s) }}}
	if err := Save(m, path, o); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, to); !reflect.DeepEqual(got, []string{"m.onnx", "m.onnx.data", "m.onnx_1.data", "sub", "w.bin"}) {
		t.Errorf("files %v", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "would pass 9000 bytes") || !strings.Contains(notes[0], "m.onnx_1.data") {
		t.Errorf("told %q", notes)
	}
	if got := values(t, mustOpen(t, path), to); !reflect.DeepEqual(got, want) {
		t.Error("other values")
	}
	if err := Save(m, path, o); err != nil { // again: the same data stands there
		t.Error(err)
	}
	// A model below the limit stays in one file.
	notes = nil
	o.Data.limit = 1 << 20
	if err := Save(m, filepath.Join(t.TempDir(), "m.onnx"), o); err != nil || len(notes) > 0 {
		t.Errorf("%v, told %q", err, notes)
	}
}

// TestDataIsTakenBack has each mode fail after its data stands, as the model cannot be written.
func TestDataIsTakenBack(t *testing.T) {
	m, dir := mixed(t)
	for _, o := range []DataOptions{{}, {Mode: DataLink}, {Mode: DataFile}, {limit: 9000}} {
		to := t.TempDir()
		if err := os.Mkdir(filepath.Join(to, "m.onnx"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := Save(m, filepath.Join(to, "m.onnx"), SaveOptions{SourceDir: dir, Data: o}); err == nil {
			t.Errorf("%+v: saved over a directory", o)
		}
		if got := listing(t, to); !reflect.DeepEqual(got, []string{"m.onnx"}) {
			t.Errorf("%+v: left behind: %v", o, got)
		}
	}
}

// TestCarryingLargeData copies, keeps and links a data file of 1 GiB that is all holes but for its last bytes: no more than buffers of memory, and no more
// than a few blocks of disk, are taken.
func TestCarryingLargeData(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "from")
	const size = 1 << 30
	f, err := os.Create(write(t, filepath.Join(dir, "w.bin"), nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(rawFloats(1, 2, 3, 4), size-16); err != nil {
		t.Fatal(err)
	}
	f.Close()
	m := withExternal(externalTensor("w", []int64{size / 4}, "w.bin", "", ""))
	for _, mode := range []DataMode{DataCopy, DataLink, DataKeep} {
		to := t.TempDir()
		if mode == DataKeep {
			to = outer
		}
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		if err := Save(m, filepath.Join(to, "m.onnx"), SaveOptions{SourceDir: dir, Data: DataOptions{Mode: mode}}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&m1)
		if n := m1.TotalAlloc - m0.TotalAlloc; n > 4<<20 {
			t.Errorf("%s took %d bytes of memory", mode, n)
		}
		if mode == DataKeep {
			if x, err := externalOf(mustOpen(t, filepath.Join(to, "m.onnx")).Graph.Initializer[1]); err != nil || x.location != "from/w.bin" {
				t.Errorf("kept at %v, %v", x, err)
			}
			continue
		}
		got, err := os.Open(filepath.Join(to, "w.bin"))
		if err != nil {
			t.Fatal(err)
		}
		tail := make([]byte, 16)
		if _, err := got.ReadAt(tail, size-16); err != nil || !bytes.Equal(tail, rawFloats(1, 2, 3, 4)) {
			t.Errorf("%s: ends in %v, %v", mode, tail, err)
		}
		got.Close()
		if n := blocks(t, filepath.Join(to, "w.bin")); n > 1<<20 {
			t.Errorf("%s: %d bytes on disk", mode, n)
		}
		os.Remove(filepath.Join(to, "w.bin"))
	}
}

// TestDataIsNoMorePublic has weights that only their owner may read: wherever they go, that stays so.
func TestDataIsNoMorePublic(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are others here")
	}
	perm := func(path string) os.FileMode {
		t.Helper()
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Mode().Perm()
	}
	m, dir := mixed(t)
	if err := os.Chmod(filepath.Join(dir, "w.bin"), 0o600); err != nil {
		t.Fatal(err)
	}
	public := perm(filepath.Join(dir, "sub", "v.bin"))
	to := t.TempDir()
	path := filepath.Join(to, "m.onnx")
	if err := Save(m, path, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	if p := perm(filepath.Join(to, "w.bin")); p != 0o600 {
		t.Errorf("copied: %v", p)
	}
	if p := perm(filepath.Join(to, "sub", "v.bin")); p != public {
		t.Errorf("copied beside: %v", p)
	}
	if err := Save(m, filepath.Join(to, "packed.onnx"), SaveOptions{SourceDir: dir, Data: DataOptions{Mode: DataFile, File: "all.bin"}}); err != nil {
		t.Fatal(err)
	}
	if p := perm(filepath.Join(to, "all.bin")); p != 0o600 {
		t.Errorf("packed: %v", p)
	}
	// A model that is private itself, packed in its place.
	alone := small()
	if err := Save(alone, path, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Save(alone, path, SaveOptions{Data: DataOptions{Mode: DataFile, Threshold: 1}}); err != nil {
		t.Fatal(err)
	}
	if p := perm(path + ".data"); p != 0o600 {
		t.Errorf("packed in its place: %v", p)
	}
}

func TestMoveData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := withExternal(externalTensor("a", []int64{4}, "./w.bin", "", ""), externalTensor("b", []int64{1}, "w.bin", "4", "4"))
	start := func() {
		t.Helper()
		os.RemoveAll(filepath.Join(dir, "sub"))
		write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
		if err := Save(m, path, SaveOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	moved := func(what string) {
		t.Helper()
		got := mustOpen(t, path)
		if v := values(t, got, dir); !reflect.DeepEqual(v["a"], []float32{1, 2, 3, 4}) || !reflect.DeepEqual(v["b"], []float32{2}) {
			t.Errorf("%s: %v", what, v)
		}
		if l := listing(t, dir); !reflect.DeepEqual(l, []string{"m.onnx", "sub"}) {
			t.Errorf("%s: files %v", what, l)
		}
	}
	start()
	if old, err := MoveData(m, path, "", "sub/neu.bin"); err != nil || old != "w.bin" {
		t.Fatal(old, err)
	}
	moved("at once")
	// Cut short after the second name was given, and after the model was written.
	start()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "w.bin"), filepath.Join(dir, "sub", "neu.bin")); err != nil {
		t.Skip("no hard links here: ", err)
	}
	if _, err := MoveData(m, path, "", "sub/neu.bin"); err != nil {
		t.Fatal(err)
	}
	moved("again, before the model")
	if err := os.Link(filepath.Join(dir, "sub", "neu.bin"), filepath.Join(dir, "w.bin")); err != nil {
		t.Fatal(err)
	}
	if _, err := MoveData(mustOpen(t, path), path, "w.bin", "sub/neu.bin"); err != nil {
		t.Fatal(err)
	}
	moved("again, after the model")
	// An old name that is another file is not removed.
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	if _, err := MoveData(mustOpen(t, path), path, "w.bin", "sub/neu.bin"); err == nil {
		t.Error("moved what the model does not have")
	}
	if _, err := os.Stat(filepath.Join(dir, "w.bin")); err != nil {
		t.Error(err)
	}
	// The model cannot be written: the old name stays the only one.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, "sub"))
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := MoveData(m, path, "", "sub/neu.bin"); err == nil {
		t.Error("written over a directory")
	}
	if l := listing(t, dir); !reflect.DeepEqual(l, []string{"m.onnx", "w.bin"}) {
		t.Errorf("files %v", l)
	}
}

// TestInlineSharesAndBounds has many tensors use one file: the same bytes are loaded once, and a few overlapping kilobytes cannot take any memory.
func TestInlineSharesAndBounds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), make([]byte, 1<<20))
	same, shifted := small(), small()
	for i := range 1000 {
		same.Graph.Initializer = append(same.Graph.Initializer, externalTensor(fmt.Sprint("t", i), []int64{1 << 18}, "w.bin", "", ""))
		shifted.Graph.Initializer = append(shifted.Graph.Initializer, externalTensor(fmt.Sprint("t", i), []int64{1 << 17}, "w.bin", fmt.Sprint(4*i), ""))
	}
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	if err := InlineExternal(same, dir); err != nil || HasExternal(same) {
		t.Error(err)
	}
	before := proto.Clone(shifted)
	if err := InlineExternal(shifted, dir); err == nil || !strings.Contains(err.Error(), "overlaps others in part") {
		t.Error(err)
	}
	runtime.ReadMemStats(&m1)
	if n := m1.TotalAlloc - m0.TotalAlloc; n > 16<<20 {
		t.Errorf("took %d bytes of memory", n)
	}
	if !proto.Equal(shifted, before) {
		t.Error("what failed changed the model")
	}
}

func TestInspectData(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 3*4096)
	write(t, filepath.Join(dir, "w.bin"), data)
	sum := sha1.Sum(data)
	checked := func(p *TensorProto, sum string) *TensorProto {
		p.ExternalData = append(p.ExternalData, &StringStringEntryProto{Key: proto.String("checksum"), Value: &sum})
		return p
	}
	good := hex.EncodeToString(sum[:])
	m := withExternal(
		checked(externalTensor("a", []int64{1024}, "w.bin", "", ""), strings.ToUpper(good)),
		checked(externalTensor("b", []int64{16}, "w.bin", "8192", "64"), strings.Repeat("0", 40)),
		externalTensor("again", []int64{4, 4}, "w.bin", "8192", "64"),
		externalTensor("part", []int64{16}, "w.bin", "8194", ""),
		externalTensor("past", []int64{1}, "w.bin", "12288", ""),
		externalTensor("gone", []int64{1}, "none.bin", "", ""), externalTensor("too", []int64{1}, "none.bin", "", ""),
	)
	stale := TensorOf("stale", []int64{1}, []float32{1})
	stale.ExternalData = externalTensor("", nil, "x", "", "").ExternalData
	m.Graph.Initializer = append(m.Graph.Initializer, stale)
	r := InspectData(m, dir, true)
	f := r.Files[0]
	// 0-4096 a, 8192-8256 b and again, 8194-8258 part.
	want := DataFileInfo{Location: "w.bin", Tensors: 5, Size: 12288, Used: 4096 + 66, Unused: 4096 + 4030, Regions: 2, Align: 65536, Sha1: good, Shared: 1}
	want.Align = 4096
	if *f != want {
		t.Errorf("%+v, want %+v", *f, want)
	}
	text := func(list []DataFault) string {
		s := ""
		for _, x := range list {
			s += x.String() + "\n"
		}
		return s
	}
	for got, wants := range map[string][]string{
		text(r.Faults): {`tensor "past": external data at "w.bin" has 12288 bytes`, `tensor "b": the checksum of "w.bin" is told as "0000`,
			`tensor "gone": external data at "none.bin" cannot be read`, "which another tensor wants too (it must lie"},
		text(r.Warnings): {`tensor "stale": has external_data entries`, `tensor "part": begins at offset 8194, which is no multiple`,
			`tensor "part": overlaps tensor "b" in external data "w.bin": bytes 8194 to 8256`},
	} {
		if n := strings.Count(got, "\n"); n != 3 {
			t.Errorf("%d findings:\n%s", n, got)
		}
		for _, w := range wants {
			if !strings.Contains(got, w) {
				t.Errorf("%q is not in\n%s", w, got)
			}
		}
	}
	if r := InspectData(m, dir, false); strings.Contains(text(r.Faults), "checksum") {
		t.Error("checksums were looked at without being asked for")
	}
}

// TestDeviceTakesNoData writes a model to /dev/null, where data has no place to go.
func TestDeviceTakesNoData(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil || runtime.GOOS == "windows" {
		t.Skip("no device to write to")
	}
	m, dir := mixed(t)
	if err := Save(m, os.DevNull, SaveOptions{SourceDir: dir}); err != nil {
		t.Error(err)
	}
	for _, f := range []string{"w.bin", "sub"} {
		if _, err := os.Lstat(filepath.Join(filepath.Dir(os.DevNull), f)); err == nil {
			t.Error(fmt.Sprint("made ", f))
		}
	}
}
