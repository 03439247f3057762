package opset_test

import (
	"path/filepath"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// faultyInCorpus lists the published models that are not valid, with the true reason. There is none.
var faultyInCorpus = map[string]string{}

// Every model that ONNX publishes for its tests passes.
func TestCorpusPasses(t *testing.T) {
	cases := corpus.Cases(t)
	warnings := map[string]int{}
	for _, c := range cases {
		f, err := onnxpb.Open(c.Model)
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		faults := 0
		for _, x := range opset.Check(f.Model, opset.CheckOptions{Warnings: true, Dir: f.Dir()}) {
			if x.Warning {
				warnings[x.Code]++
				continue
			}
			if faults++; faultyInCorpus[c.ID()] == "" {
				t.Errorf("%s: %s", c.ID(), x)
			}
		}
		if faults == 0 && faultyInCorpus[c.ID()] != "" {
			t.Errorf("%s is listed as faulty, but passes", c.ID())
		}
		f.Close()
	}
	t.Logf("%d models, warnings: %v", len(cases), warnings)
	if n := warnings[opset.WarnOlderIR]; n > 100 || len(warnings) > 1 {
		t.Errorf("more warnings than these models deserve: %v", warnings)
	}
}

// The trained networks beside the project pass, too.
func TestSharedModelsPass(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "models", "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("../shared/models is not on this machine")
	}
	for _, path := range files {
		f, err := onnxpb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range opset.Check(f.Model, opset.CheckOptions{Dir: f.Dir()}) {
			t.Errorf("%s: %s", path, x)
		}
		f.Close()
	}
}
