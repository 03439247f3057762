package verify_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

var updateProfile = flag.Bool("update-profile", false, "rewrite testdata/bench_profile.json by a run")

// profiledModel multiplies two matrices, then adds one to each element in a loop of four rounds, whose body takes the time.
func profiledModel() *onnxpb.ModelProto {
	vi := func(name string, t onnxpb.TensorProto_DataType, dims ...int64) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, t, append([]onnxpb.Dim{}, onnxpb.Numbers(dims...)...))
	}
	body := &onnxpb.GraphProto{
		Name:  proto.String("body"),
		Input: []*onnxpb.ValueInfoProto{vi("i", onnxpb.TensorProto_INT64), vi("go", onnxpb.TensorProto_BOOL), vi("before", onnxpb.TensorProto_FLOAT, 64, 64)},
		Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "keep", []string{"go"}, []string{"on"}),
			onnxpb.Node("MatMul", "turn", []string{"before", "w"}, []string{"after"})},
		Output: []*onnxpb.ValueInfoProto{vi("on", onnxpb.TensorProto_BOOL), vi("after", onnxpb.TensorProto_FLOAT, 64, 64)},
	}
	w := make([]float32, 64*64)
	for i := range w {
		w[i] = float32(i%7) / 64
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)}, Graph: &onnxpb.GraphProto{
		Name: proto.String("profiled"),
		Node: []*onnxpb.NodeProto{onnxpb.Node("MatMul", "first", []string{"x", "w"}, []string{"h"}),
			onnxpb.Node("Loop", "round", []string{"four", "", "h"}, []string{"y"}, onnxpb.GraphAttr("body", body))},
		Input:       []*onnxpb.ValueInfoProto{vi("x", onnxpb.TensorProto_FLOAT, 64, 64)},
		Output:      []*onnxpb.ValueInfoProto{vi("y", onnxpb.TensorProto_FLOAT, 64, 64)},
		Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{64, 64}, w), onnxpb.TensorOf("four", nil, []int64{4})},
	}}
}

// TestProfileOfRuns profiles a model in ONNX Runtime: two runs of warm-up and three that count.
func TestProfileOfRuns(t *testing.T) {
	dir := t.TempDir()
	s, err := newEngine(t).Open(verify.Source{Model: profiledModel()}, verify.SessionOptions{Threads: 1, Profile: filepath.Join(dir, "p")})
	if err != nil {
		t.Fatal(err)
	}
	x := onnxpb.TensorVal(onnxpb.NewArray(onnxpb.TensorProto_FLOAT, []int64{64, 64}))
	for range 5 {
		if _, err := s.Run(map[string]*onnxpb.Value{"x": x}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	path := filepath.Join(dir, files[0].Name())
	if *updateProfile {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/bench_profile.json", data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p, err := verify.ReadProfileFile(path, verify.ProfileOptions{Skip: 2})
	if err != nil {
		t.Fatal(err)
	}
	checkProfiled(t, p)
}

// TestCommittedProfile reads a profile that ONNX Runtime 1.27.0 wrote of the same runs, and holds it to sums made another way.
func TestCommittedProfile(t *testing.T) {
	const path = "testdata/bench_profile.json"
	p, err := verify.ReadProfileFile(path, verify.ProfileOptions{Skip: 2})
	if err != nil {
		t.Fatal(err)
	}
	checkProfiled(t, p)
	// Times of a node by itself: what the loop took less what its body took. Here by all pairs of intervals, and with the warm-up told by the clock.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Cat, Name string
		TS, Dur   float64
		Args      struct {
			Op string `json:"op_name"`
		}
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	var runs []float64 // when each began
	total := 0.0
	for _, e := range events {
		if e.Name == "model_run" {
			if runs = append(runs, e.TS); len(runs) > 2 {
				total += e.Dur
			}
		}
	}
	if len(runs) != 5 {
		t.Fatalf("%d runs in the file", len(runs))
	}
	want := map[string]float64{}
	all := 0.0
	for i, e := range events {
		if e.Cat != "Node" || e.TS < runs[2] {
			continue
		}
		want[e.Args.Op] += e.Dur
		all += e.Dur
		for k, in := range events {
			if k != i && e.Args.Op == "Loop" && in.Cat == "Node" && in.TS >= e.TS && in.TS+in.Dur <= e.TS+e.Dur {
				want["Loop"] -= in.Dur
				all -= in.Dur
			}
		}
	}
	near := func(what string, got, want float64) {
		if d := got - want; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("a run", p.MS, total/3/1000)
	near("between nodes", p.Other, (total-all)/3/1000)
	for _, o := range p.Operators {
		near(o.Type, o.MS, want[o.Type]/3/1000)
		near(o.Type+" share", o.Share, want[o.Type]/all)
	}
}

// checkProfiled holds a profile to what does not depend on the clock.
func checkProfiled(t *testing.T, p *verify.Profile) {
	t.Helper()
	if p.Runs != 3 || p.Cut {
		t.Errorf("%d runs, cut %v", p.Runs, p.Cut)
	}
	calls := map[string]float64{}
	for _, o := range p.Operators {
		calls[o.Type] = o.Calls
		if o.Provider != "CPU" {
			t.Errorf("%s ran on %q", o.Type, o.Provider)
		}
	}
	if calls["MatMul"] != 5 || calls["Loop"] != 1 {
		t.Errorf("calls in a run: %v, want 5 of MatMul and 1 of Loop", calls)
	}
	sum, found := 0.0, false
	for _, n := range p.Nodes {
		sum += n.Share
		if n.Name == "turn" {
			found = true
			if n.Calls != 4 || n.Output != "float32[64,64]" {
				t.Errorf("the body's MatMul: %+v", n)
			}
		}
	}
	if !found || sum < 0.999 || sum > 1.001 {
		t.Errorf("nodes %+v: the body's is missing, or shares sum up to %v", p.Nodes, sum)
	}
}
