package onnxpb

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"onnxtool/internal/testmemory"
)

// Neither few large tensors nor many that are barely large bring a file into memory: some pages of the map, and a kilobyte for each message with what the garbage
// collector leaves beside it.
func TestMemoryFollowsTheGraph(t *testing.T) {
	for _, size := range []int{2 << 10, 20 << 10, 300 << 10, 16 << 20} {
		dir := t.TempDir()
		m := small()
		for range (96 << 20) / size {
			m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: make([]byte, size)})
		}
		path := filepath.Join(dir, "m.onnx")
		if err := Save(m, path, SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		m = nil
		debug.FreeOSMemory() // what making the model took is not to be mistaken for room
		testmemory.Peak(t)
		base := testmemory.Peak(t)
		f := openFile(t, path)
		if f.mapped == nil {
			t.Fatal("the file is not mapped")
		}
		if err := Save(f.Model, filepath.Join(dir, "out.onnx"), SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		if grown := testmemory.Peak(t) - base; grown > 24<<20+(96<<20)/size<<10 {
			t.Errorf("tensors of %d bytes: 96 MB of them took %d MB of memory", size, grown>>20)
		} else {
			t.Logf("tensors of %d bytes: %d MB of memory more", size, grown>>20)
		}
		f.Close()
	}
}

// A file that is cut short while it is open ends in an error, not in the end of the process, where its payloads are only passed on.
func TestSaveOfAFileThatIsCutShort(t *testing.T) {
	dir := t.TempDir()
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: bytes.Repeat([]byte{1}, 4<<20)})
	path := write(t, filepath.Join(dir, "m.onnx"), mustMarshal(t, m))
	f := openFile(t, path)
	if err := os.Truncate(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	err := Save(f.Model, filepath.Join(dir, "out.onnx"), SaveOptions{})
	if err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("%v", err)
	}
	if got := listing(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}
