package onnxjson

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"onnxtool/internal/testmemory"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// To write a model as JSON or as text takes no more memory the more weights it has, whether they are few large ones or many.
func TestMemoryOfWeights(t *testing.T) {
	const all = 96 << 20
	for _, size := range []int{1 << 20, all} {
		m := small()
		w := make([]float32, size/4)
		for range all / size {
			m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("t", []int64{int64(len(w))}, w))
		}
		path := filepath.Join(t.TempDir(), "m.onnx")
		if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		m, w = nil, nil
		f, err := onnxpb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for form, format := range map[string]func(io.Writer) error{
			"JSON":    func(w io.Writer) error { _, err := Format(w, f.Model, Options{}); return err },
			"numbers": func(w io.Writer) error { _, err := Format(w, f.Model, Options{Decode: true}); return err },
			"text":    func(w io.Writer) error { _, err := onnxtext.Format(w, f.Model, onnxtext.Options{}); return err },
		} {
			debug.FreeOSMemory()
			testmemory.Peak(t)
			base := testmemory.Peak(t)
			if err := format(io.Discard); err != nil {
				t.Fatal(err)
			}
			if grown := testmemory.Peak(t) - base; grown > 64<<20 {
				t.Errorf("%s of tensors of %d bytes: %d MB of memory more", form, size, grown>>20)
			} else {
				t.Logf("%s of tensors of %d bytes: %d MB of memory more", form, size, grown>>20)
			}
		}
		f.Close()
	}
}

// A model that comes through a pipe takes little more memory than its graph.
func TestMemoryOfAPipe(t *testing.T) {
	m := small()
	w := make([]float32, 24<<20)
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("t", []int64{int64(len(w))}, w))
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	m, w = nil, nil
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdin
	os.Stdin = from
	defer func() { os.Stdin = old }()
	debug.FreeOSMemory()
	testmemory.Peak(t)
	base := testmemory.Peak(t)
	go func() {
		defer to.Close()
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		io.Copy(to, f)
	}()
	f, err := onnxpb.Open("-")
	if err != nil {
		t.Fatal(err)
	}
	grown := testmemory.Peak(t) - base
	var got bytes.Buffer
	if _, err := Format(&got, f.Model, Options{Elide: 1}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if grown > 80<<20 {
		t.Errorf("96 MB through a pipe: %d MB of memory more", grown>>20)
	}
	t.Logf("%d MB", grown>>20)
}
