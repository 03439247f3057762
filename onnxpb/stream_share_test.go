package onnxpb

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// twoLarge is a model with two payloads that are worth sharing, a small one between them, and declarations behind.
func twoLarge() *ModelProto {
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{Name: proto.String("a"), DataType: proto.Int32(int32(TensorProto_UINT8)), Dims: []int64{3 << 20}, RawData: pattern(3 << 20)},
		TensorOf("b", []int64{2}, []float32{3, 4}),
		&TensorProto{Name: proto.String("c"), DataType: proto.Int32(int32(TensorProto_UINT8)), Dims: []int64{5<<20 + 77}, RawData: pattern(5<<20 + 77)})
	return m
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>13 ^ i*7)
	}
	return b
}

// shareEdits are edits of it, and whether blocks can be shared then.
var shareEdits = []struct {
	name   string
	shares bool
	edit   func(*ModelProto)
}{
	{"none", true, func(*ModelProto) {}},
	{"behind the weights", true, func(m *ModelProto) { m.Graph.Input[0].Name = proto.String("another name") }},
	{"before them, of the same length", true, func(m *ModelProto) { m.Graph.Node[0].Name = proto.String("sum") }},
	{"between them", true, func(m *ModelProto) { m.Graph.Initializer[2].Name = proto.String("longer") }},
	{"between them, of the same length", true, func(m *ModelProto) { m.Graph.Initializer[2].RawData = []byte("12345678") }},
	{"of the last weights", true, func(m *ModelProto) {
		m.Graph.Initializer[3].RawData = bytes.Clone(m.Graph.Initializer[3].RawData)
		m.Graph.Initializer[3].RawData[4<<20]++
	}},
	{"before them, by a block", true, func(m *ModelProto) { m.Graph.Node[0].DocString = proto.String(strings.Repeat("x", shareBlock-4)) }},
	{"before them, by some bytes", false, func(m *ModelProto) { m.Graph.Node[0].DocString = proto.String("moved") }},
	{"the other order", false, func(m *ModelProto) {
		i := m.Graph.Initializer
		i[1], i[3] = i[3], i[1]
	}},
}

// The bytes are the same, whether blocks are shared or not, and not those of the source where they changed. What the file system does is done by copying here.
func TestSaveShares(t *testing.T) {
	for _, fails := range []bool{false, true} {
		for _, c := range shareEdits {
			t.Run(fmt.Sprintf("%s, fails %v", c.name, fails), func(t *testing.T) {
				asked, shared := 0, int64(0)
				shareBy(t, func(dst *os.File, to int64, src *os.File, from, n int64) bool {
					asked++
					if to%shareBlock != 0 || from%shareBlock != 0 || n%shareBlock != 0 || n <= 0 {
						t.Errorf("%d bytes from %d to %d are no whole blocks", n, from, to)
					}
					if st, err := src.Stat(); err != nil || from+n > st.Size() {
						t.Errorf("%d bytes from %d lie past the end", n, from)
					}
					if fails {
						return false
					}
					b := make([]byte, n)
					if _, err := src.ReadAt(b, from); err != nil {
						t.Error(err)
					}
					if _, err := dst.WriteAt(b, to); err != nil {
						t.Error(err)
					}
					shared += n
					return true
				})
				saveEdited(t, c.edit)
				if fails {
					if asked > 2 { // it is saved twice
						t.Errorf("asked %d times of a file system that does not share", asked)
					}
				} else if c.shares != (shared > 0) {
					t.Errorf("%d bytes are shared", shared)
				}
			})
		}
	}
}

// The same on a file system that does it (Btrfs or XFS at TMPDIR).
func TestSaveSharesBlocks(t *testing.T) {
	dir := t.TempDir()
	a, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.Write(make([]byte, shareBlock))
	b, err := os.Create(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !cloneRange(b, 0, a, 0, shareBlock) {
		t.Skip("the file system of TMPDIR shares no blocks between files")
	}
	for _, c := range shareEdits {
		t.Run(c.name, func(t *testing.T) {
			shared := int64(0)
			shareBy(t, func(dst *os.File, to int64, src *os.File, from, n int64) bool {
				if !cloneRange(dst, to, src, from, n) {
					t.Errorf("%d bytes from %d to %d were not shared", n, from, to)
					return false
				}
				shared += n
				return true
			})
			saveEdited(t, c.edit)
			if c.shares != (shared > 0) {
				t.Errorf("%d bytes are shared", shared)
			}
		})
	}
}

func shareBy(t *testing.T, by func(dst *os.File, to int64, src *os.File, from, n int64) bool) {
	old := shareRange
	shareRange = by
	t.Cleanup(func() { shareRange = old })
}

// saveEdited opens a model, edits and saves it to a new file and over itself, and compares the bytes with the official code's.
func saveEdited(t *testing.T, edit func(*ModelProto)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := twoLarge()
	if err := os.WriteFile(path, mustMarshal(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(m)
	want := mustMarshal(t, m)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	edit(f.Model)
	for _, to := range []string{path + "2", path} {
		if err := Save(f.Model, to, SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes from %d on", filepath.Base(to), differenceAt(got, want))
		}
	}
	// To standard output, behind what stands there.
	out, err := os.Create(path + "3")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	out.WriteString("before")
	e, err := encode(f.Model)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.writeTo(out); err != nil {
		t.Fatal(err)
	}
	out.Seek(0, io.SeekStart)
	if got, _ := io.ReadAll(out); !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Error("what is appended has other bytes")
	}
}

// A system that writes less of two pieces than it was asked to, or none of them.
func TestSaveWritesTheRest(t *testing.T) {
	calls := 0
	old := writeTwo
	t.Cleanup(func() { writeTwo = old })
	writeTwo = func(f *os.File, a, b []byte) (int, error) {
		calls++
		both := append(bytes.Clone(a), b...)
		n := []int{0, 1, len(a) - 1, len(a), len(a) + 1, len(both) - 1, len(both)}[calls%7]
		if n == 0 {
			return 0, os.ErrDeadlineExceeded
		}
		return f.Write(both[:n])
	}
	shareBy(t, func(*os.File, int64, *os.File, int64, int64) bool { return false })
	m := small()
	for i := range 20 {
		m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{Name: proto.String(fmt.Sprint("w", i)), DataType: proto.Int32(int32(TensorProto_UINT8)), Dims: []int64{300 << 10}, RawData: pattern(300 << 10)})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), mustMarshal(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Save(f.Model, filepath.Join(dir, "b"), SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	if want := mustMarshal(t, m); !bytes.Equal(got, want) {
		t.Errorf("other bytes from %d on", differenceAt(got, want))
	}
	if mapped, _ := mappedAt(f.Model.Graph.Initializer[3].RawData); mapped != nil && calls < 7 {
		t.Errorf("%d calls", calls)
	}
}
