package onnxpb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"onnxtool/internal/testmemory"
)

// What is made is what was written, one behind the other, in files that leave nothing behind; a model of it is saved.
func TestScratch(t *testing.T) {
	dir := t.TempDir()
	s := &Scratch{Dir: dir}
	defer s.Close()
	m := small()
	var want [][]byte
	for i, size := range []int{1, 5000, 3 << 20, 4096, 0} {
		b := bytes.Repeat([]byte{byte(i + 1)}, size)
		got, err := s.Make(int64(size), func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(b))
			return err
		})
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes: %d, %v", size, len(got), err)
		}
		want = append(want, b)
		m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: got})
	}
	if got := listing(t, dir); len(got) != 0 {
		t.Errorf("files: %v", got)
	}
	if x, _ := mappedAt(m.Graph.Initializer[len(m.Graph.Initializer)-3].RawData); x == nil && (runtime.GOOS == "linux" || runtime.GOOS == "darwin") {
		t.Error("what was made is in memory")
	}
	path := filepath.Join(dir, "m.onnx")
	if err := Save(m, path, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, path)
	defer f.Close()
	for i, b := range want {
		if got := f.Model.Graph.Initializer[len(f.Model.Graph.Initializer)-len(want)+i].RawData; !bytes.Equal(got, b) {
			t.Errorf("%d: %d bytes were saved", i, len(got))
		}
	}
	// What cannot be written, and what is not all there.
	failed := errors.New("no")
	if _, err := s.Make(10, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("a failing writer: %v", err)
	}
	if _, err := s.Make(1<<20, func(w io.Writer) error { _, err := w.Write([]byte{1}); return err }); err == nil && runtime.GOOS == "linux" {
		t.Error("one byte of a megabyte is enough")
	}
	// A directory that is not there: the system's own.
	other := &Scratch{Dir: filepath.Join(dir, "nosuch")}
	defer other.Close()
	if b, err := other.Make(2, func(w io.Writer) error { _, err := w.Write([]byte("ab")); return err }); err != nil || string(b) != "ab" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(other.Dir); err == nil {
		t.Error("the directory was made")
	}
}

// Payloads that are made and saved take next to no memory.
func TestScratchTakesNoMemory(t *testing.T) {
	dir := t.TempDir()
	testmemory.Peak(t)
	base := testmemory.Peak(t)
	s := &Scratch{Dir: dir}
	defer s.Close()
	m := small()
	block := make([]byte, 1<<16)
	for range 3 {
		b, err := s.Make(64<<20, func(w io.Writer) error {
			for range (64 << 20) / len(block) {
				if _, err := w.Write(block); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: b})
	}
	if err := Save(m, filepath.Join(dir, "m.onnx"), SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if grown := testmemory.Peak(t) - base; grown > 32<<20 {
		t.Errorf("192 MB took %d MB of memory", grown>>20)
	} else {
		t.Logf("192 MB took %d MB of memory", grown>>20)
	}
}
