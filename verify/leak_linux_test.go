package verify_test

import (
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/internal/testmemory"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/verify"
)

// Ten thousand comparisons, each with its own sessions after every hundred, leave memory where it was.
func TestMemoryStaysFlat(t *testing.T) {
	e := testengine.New(t)
	s := smallModel(t)
	run := func(comparisons int) {
		for range comparisons {
			r, err := verify.Models(e, s, s, verify.Options{Batches: []int64{8}, Samples: 100, Tolerance: verify.DefaultTolerance})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Equal {
				t.Fatal("a model differs from itself")
			}
		}
		runtime.GC()
	}
	run(10)
	before, ok := testmemory.Resident()
	if !ok {
		t.Fatal("/proc/self/status does not tell how much memory this process takes")
	}
	run(100)
	if after, _ := testmemory.Resident(); after > before+24<<20 {
		t.Errorf("10,000 runs took %d MiB more", (after-before)>>20)
	}
}

// TestWeightsAreNotCopied opens two models with 128 MiB of weights each from their files, side by side: the weights stay in the maps of the files, neither in this program nor in ONNX Runtime
// are they held besides. (What its kernels keep in a layout of their own, as MatMul does, is a copy of ONNX Runtime's.)
func TestWeightsAreNotCopied(t *testing.T) {
	const rows, columns = 1 << 15, 1 << 10
	e := testengine.New(t)
	table := make([]float32, rows*columns)
	for i := range table {
		table[i] = float32(i % 1000)
	}
	var sources []verify.Source
	for _, name := range []string{"a", "b"} {
		m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> g (int64[N] i) => (float[N,1024] y) { y = Gather(w, i) }`)
		if err != nil {
			t.Fatal(err)
		}
		m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{rows, columns}, table)}
		path := filepath.Join(t.TempDir(), name+".onnx")
		if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		f, err := onnxpb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sources = append(sources, verify.Source{Model: f.Model, Dir: f.Dir(), Path: path})
	}
	table = nil
	debug.FreeOSMemory()
	before, ok := testmemory.Anonymous()
	if !ok {
		t.Skip("the kernel does not tell how much memory is not of files")
	}
	var sessions []verify.Session
	for _, s := range sources {
		x, err := e.Open(s, verify.SessionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		sessions = append(sessions, x)
		index := []int64{0, rows / 2, rows - 1}
		got, err := x.Run(map[string]*onnxpb.Value{"i": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{3}, index))})
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range got["y"].Array.Data.([]float32) {
			if want := float32((int(index[k/columns])*columns + k%columns) % 1000); v != want {
				t.Fatalf("element %d is %v, not %v", k, v, want)
			}
		}
	}
	debug.FreeOSMemory()
	after, _ := testmemory.Anonymous()
	if more := after - before; more > 32<<20 {
		t.Errorf("two models of 128 MiB take %d MiB beside their files", more>>20)
	}
	runtime.KeepAlive(sessions)
}
