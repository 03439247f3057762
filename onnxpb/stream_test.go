package onnxpb

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// sameBytesAsMarshal encodes a model in pieces and in one go.
func sameBytesAsMarshal(t testing.TB, m *ModelProto) {
	t.Helper()
	want := mustMarshal(t, m)
	got, err := Encoded(m)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := encode(m)
	if e.size != int64(len(want)) || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, told as %d, official %d; the first difference is at %d", len(got), e.size, len(want), differenceAt(got, want))
	}
}

func differenceAt(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

func TestEncodeIsMarshal(t *testing.T) {
	for _, size := range []int{0, 1, 4, 10, 100, 1 << 10} {
		lowPayload(t, size)
		for depth := range 7 {
			sameBytesAsMarshal(t, full(depth))
		}
		sameBytesAsMarshal(t, small())
		sameBytesAsMarshal(t, &ModelProto{})
		sameBytesAsMarshal(t, &ModelProto{Graph: &GraphProto{Node: []*NodeProto{nil, {Attribute: []*AttributeProto{nil, {T: &TensorProto{RawData: []byte{}}}}}},
			Initializer: []*TensorProto{nil, {RawData: []byte{}}, {StringData: [][]byte{nil, {}, []byte("long enough")}}}, SparseInitializer: []*SparseTensorProto{nil}},
			TrainingInfo: []*TrainingInfoProto{nil}, Functions: []*FunctionProto{nil}})
		nan := math.Float32frombits(0x7fa00001) // a signalling one, with a payload
		sameBytesAsMarshal(t, &ModelProto{Graph: &GraphProto{Initializer: []*TensorProto{
			{FloatData: []float32{nan, float32(math.Copysign(0, -1)), 1e-45}, DoubleData: []float64{math.NaN(), math.Inf(-1), 5e-324}}}}})
	}
}

// Models at random: those that mangled files are read as.
func TestEncodeOfMangledModels(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	n := 0
	for _, base := range []*ModelProto{small(), full(3)} {
		data := mustMarshal(t, base)
		for i := range 6000 {
			m := &ModelProto{}
			if proto.Unmarshal(mangle(rng, data), m) == nil {
				lowPayload(t, []int{0, 1, 8, 50}[i%4])
				sameBytesAsMarshal(t, m)
				n++
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d models", n)
	}
}

func TestEncodeCopiesNoPayload(t *testing.T) {
	w := make([]byte, 1<<20)
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: w}, &TensorProto{FloatData: make([]float32, 1<<18)}, &TensorProto{DoubleData: make([]float64, 1<<17)},
		&TensorProto{StringData: [][]byte{w}})
	m.Graph.Node[0].Attribute = []*AttributeProto{{G: &GraphProto{Initializer: []*TensorProto{{RawData: w}}}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e, err := encode(m)
	runtime.ReadMemStats(&after)
	if err != nil || e.size < 5<<20 {
		t.Fatal(e.size, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<16 {
		t.Errorf("%d bytes of memory for a model of %d", used, e.size)
	}
}

// weighty returns a model whose file is mapped when it is opened: it has some large tensors, and small ones between them.
func weighty(seed uint64) *ModelProto {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := small()
	for _, n := range []int{700_000, 3, 40_000, 1000, 500_000, 255} {
		raw := make([]byte, 4*n)
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{Name: proto.String("w"), DataType: proto.Int32(1), Dims: []int64{int64(n)}, RawData: raw})
	}
	m.Graph.Node[0].Attribute = []*AttributeProto{TensorAttr("value", m.Graph.Initializer[1])}
	return m
}

func openFile(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestUneditedFileIsIdentical(t *testing.T) {
	dir := t.TempDir()
	data := mustMarshal(t, weighty(1))
	path := write(t, filepath.Join(dir, "m.onnx"), data)
	f := openFile(t, path)
	out := filepath.Join(dir, "out.onnx")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Save(f.Model, out, SaveOptions{Sync: true}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got, _ := os.ReadFile(out); !bytes.Equal(got, data) {
		t.Errorf("%d bytes became %d; the first difference is at %d", len(data), len(got), differenceAt(got, data))
	}
	if used := after.TotalAlloc - before.TotalAlloc; runtime.GOOS == "linux" && used > 1<<20 {
		t.Errorf("to write %d bytes took %d bytes of memory", len(data), used)
	}
	// Over the file that is open, twice: each time from the map of the first one.
	for i := range 2 {
		f.Model.Graph.Name = proto.String(strings.Repeat("n", i+1))
		if err := Save(f.Model, path, SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		want := weighty(1)
		want.Graph.Name = f.Model.Graph.Name
		if got := openFile(t, path).Model; !proto.Equal(got, want) {
			t.Errorf("save %d over the open file: the model differs", i+1)
		}
	}
}

func TestStreamsIntoWhateverIsOpen(t *testing.T) {
	dir := t.TempDir()
	data := mustMarshal(t, weighty(2))
	f := openFile(t, write(t, filepath.Join(dir, "m.onnx"), data))
	e, err := encode(f.Model)
	if err != nil {
		t.Fatal(err)
	}
	appended, err := os.OpenFile(filepath.Join(dir, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer appended.Close()
	if err := e.writeTo(appended); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(appended.Name()); !bytes.Equal(got, data) {
		t.Error("appending: the bytes differ")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		read <- b
	}()
	old := os.Stdout
	os.Stdout = w
	err = Save(f.Model, "-", SaveOptions{})
	os.Stdout = old
	w.Close()
	if got := <-read; err != nil || !bytes.Equal(got, data) {
		t.Errorf("through a pipe: %d of %d bytes (%v)", len(got), len(data), err)
	}
}

// A model that comes out of two files, and of memory.
func TestSaveOfSeveralMaps(t *testing.T) {
	dir := t.TempDir()
	a := openFile(t, write(t, filepath.Join(dir, "a.onnx"), mustMarshal(t, weighty(3))))
	b := openFile(t, write(t, filepath.Join(dir, "b.onnx"), mustMarshal(t, weighty(4))))
	m := Clone(a.Model)
	m.Graph.Initializer = append(m.Graph.Initializer, b.Model.Graph.Initializer...)
	m.Graph.Initializer = append(m.Graph.Initializer, weighty(5).Graph.Initializer...)
	out := filepath.Join(dir, "out.onnx")
	if err := Save(m, out, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(out); !bytes.Equal(got, mustMarshal(t, m)) {
		t.Error("the bytes differ")
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	dir := t.TempDir()
	m := small()
	raw := make([]byte, 1<<20)
	for range 2048 {
		m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: raw})
	}
	if err := saveStaged(m, filepath.Join(dir, "m.onnx"), writeOptions{perm: everybody}); err == nil || !strings.Contains(err.Error(), "2 GiB") {
		t.Errorf("%v", err)
	}
	if got := listing(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
