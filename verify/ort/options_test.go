//go:build cgo

package ort

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// loopModel gives out how often a loop went round: the trip count n of its input.
func loopModel() *onnxpb.ModelProto {
	scalar := func(name string, t onnxpb.TensorProto_DataType) *onnxpb.ValueInfoProto { return tensor(name, t) }
	body := &onnxpb.GraphProto{
		Name:  proto.String("body"),
		Input: ports(scalar("i", onnxpb.TensorProto_INT64), scalar("go", onnxpb.TensorProto_BOOL), scalar("sum", onnxpb.TensorProto_INT64)),
		Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"go"}, []string{"on"}),
			onnxpb.Node("Add", "step", []string{"sum", "one"}, []string{"next"})},
		Output: ports(scalar("on", onnxpb.TensorProto_BOOL), scalar("next", onnxpb.TensorProto_INT64)),
	}
	return model(13, []*onnxpb.NodeProto{onnxpb.Node("Loop", "round", []string{"n", "", "zero"}, []string{"count"}, onnxpb.GraphAttr("body", body))},
		ports(scalar("n", onnxpb.TensorProto_INT64)), ports(scalar("count", onnxpb.TensorProto_INT64)),
		onnxpb.TensorOf("zero", nil, []int64{0}), onnxpb.TensorOf("one", nil, []int64{1}))
}

func trips(n int64) map[string]*onnxpb.Value {
	return map[string]*onnxpb.Value{"n": onnxpb.TensorVal(onnxpb.ArrayOf(nil, []int64{n}))}
}

// TestTimeout stops a run that would go on for hours, and runs the same session again.
func TestTimeout(t *testing.T) {
	s := open(t, loopModel(), verify.SessionOptions{Timeout: 100 * time.Millisecond})
	got, err := s.Run(trips(7))
	if err != nil || got["count"].Array.Data.([]int64)[0] != 7 {
		t.Fatalf("a short run: %v %v", got, err)
	}
	_, err = s.Run(trips(1 << 60))
	wantError(t, err, onnxpb.Engine, "the run was stopped after 100ms")
	got, err = s.Run(trips(3))
	if err != nil || got["count"].Array.Data.([]int64)[0] != 3 {
		t.Fatalf("after the run that was stopped: %v %v", got, err)
	}
}

// TestSettingsCompute holds every setting to change nothing of what is computed.
func TestSettingsCompute(t *testing.T) {
	for name, o := range map[string]verify.SessionOptions{
		"threads":        {Threads: 2},
		"parallel":       {Parallel: true, InterOpThreads: 2},
		"no spinning":    {Threads: 2, NoSpin: true},
		"no arena":       {NoArena: true},
		"no pattern":     {NoMemPattern: true},
		"provider":       {Providers: []verify.Provider{{Name: "CPU"}}},
		"provider, long": {Providers: []verify.Provider{{Name: "cpuexecutionprovider"}}},
		"timeout":        {Timeout: time.Minute},
	} {
		s := open(t, addModel(8), o)
		got, err := s.Run(map[string]*onnxpb.Value{"a": floats([]int64{1, 3}, 1, 2, 3)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if v := got["sum"].Array.Data.([]float32); !slices.Equal(v, []float32{11, 12, 13}) {
			t.Errorf("%s: %v", name, v)
		}
	}
}

func TestSettingsErrors(t *testing.T) {
	e := testEngine(t)
	for name, c := range map[string]struct {
		o     verify.SessionOptions
		kind  onnxpb.Kind
		parts []string
	}{
		"threads":       {verify.SessionOptions{Threads: -1}, onnxpb.Usage, []string{"-1 threads"}},
		"inter threads": {verify.SessionOptions{InterOpThreads: -2}, onnxpb.Usage, []string{"-2 threads"}},
		"timeout":       {verify.SessionOptions{Timeout: -time.Second}, onnxpb.Usage, []string{"negative"}},
		"level":         {verify.SessionOptions{Optimization: "most"}, onnxpb.Usage, []string{"most"}},
		"no such":       {verify.SessionOptions{Providers: []verify.Provider{{Name: "Abacus"}}}, onnxpb.Engine, []string{"has no provider Abacus", "this library has", "CPU"}},
		"not built in":  {verify.SessionOptions{Providers: []verify.Provider{{Name: "SNPE"}}}, onnxpb.Engine, []string{"has no provider SNPE", "CPU"}},
		"profile":       {verify.SessionOptions{Profile: filepath.Join(t.TempDir(), "none", "p")}, onnxpb.Engine, []string{"profile", "none"}},
	} {
		s, err := e.Open(verify.Source{Model: addModel(8)}, c.o)
		if err == nil {
			s.Close()
		}
		t.Run(name, func(t *testing.T) { wantError(t, err, c.kind, c.parts...) })
	}
}

// TestProfileFiles wants a profile for each form in which a model was run, whole when the session is closed.
func TestProfileFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := testEngine(t).Open(verify.Source{Model: addModel(8)}, verify.SessionOptions{Profile: filepath.Join(dir, "p")})
	if err != nil {
		t.Fatal(err)
	}
	a := floats([]int64{1, 3}, 1, 2, 3)
	for range 3 {
		if _, err := s.Run(map[string]*onnxpb.Value{"a": a}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Run(map[string]*onnxpb.Value{"a": a, "b": floats([]int64{1}, 5)}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var runs []int
	for _, e := range entries {
		p, err := verify.ReadProfileFile(filepath.Join(dir, e.Name()), verify.ProfileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Operators) != 1 || p.Operators[0].Type != "Add" || p.Operators[0].Calls != 1 {
			t.Errorf("%s: %+v", e.Name(), p.Operators)
		}
		runs = append(runs, p.Runs)
	}
	slices.Sort(runs)
	if !slices.Equal(runs, []int{1, 3}) {
		t.Errorf("files of %v runs, want one of 1 and one of 3: %v", runs, entries)
	}
}
