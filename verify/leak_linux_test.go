package verify_test

import (
	"runtime"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/internal/testmemory"
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
