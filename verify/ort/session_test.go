//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// wantError wants an *onnxpb.Error of a kind whose text holds all the parts.
func wantError(t *testing.T, err error, kind onnxpb.Kind, parts ...string) {
	t.Helper()
	var e *onnxpb.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want an *onnxpb.Error with %q", err, parts)
		return
	}
	if e.Kind != kind {
		t.Errorf("kind %d, want %d: %v", e.Kind, kind, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q is missing in: %v", p, err)
		}
	}
}

// addModel computes sum = a + b of shape [N,3], where b has a default of 10 if it is not given.
func addModel(ir int64) *onnxpb.ModelProto {
	n := onnxpb.Symbol("N")
	m := model(9, []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"a", "b"}, []string{"sum"})},
		ports(tensor("a", onnxpb.TensorProto_FLOAT, n, onnxpb.Number(3)), tensor("b", onnxpb.TensorProto_FLOAT, onnxpb.Number(1))),
		ports(tensor("sum", onnxpb.TensorProto_FLOAT, n, onnxpb.Number(3))), onnxpb.TensorOf("b", []int64{1}, []float32{10}))
	m.IrVersion = proto.Int64(ir)
	return m
}

func floats(dims []int64, v ...float32) *onnxpb.Value {
	return onnxpb.TensorVal(onnxpb.ArrayOf(dims, v))
}

// TestDefaults gives and leaves out an input that an initializer has a value for; before IR version 4 ONNX Runtime takes such initializers for
// constants.
func TestDefaults(t *testing.T) {
	for _, ir := range []int64{3, 8} {
		s := open(t, addModel(ir), verify.SessionOptions{})
		for range 2 {
			got, err := s.Run(map[string]*onnxpb.Value{"a": floats([]int64{1, 3}, 1, 2, 3)})
			if err != nil {
				t.Fatal(err)
			}
			if v := got["sum"].Array.Data.([]float32); !slices.Equal(v, []float32{11, 12, 13}) {
				t.Errorf("IR %d: with the default: %v", ir, v)
			}
			got, err = s.Run(map[string]*onnxpb.Value{"a": floats([]int64{1, 3}, 1, 2, 3), "b": floats([]int64{1}, 100)})
			if err != nil {
				t.Fatal(err)
			}
			if v := got["sum"].Array.Data.([]float32); !slices.Equal(v, []float32{101, 102, 103}) {
				t.Errorf("IR %d: with the default replaced: %v", ir, v)
			}
		}
	}
}

func TestInputErrors(t *testing.T) {
	s := open(t, addModel(8), verify.SessionOptions{})
	a := floats([]int64{1, 3}, 1, 2, 3)
	none := &onnxpb.Value{Kind: onnxpb.KindNone}
	for name, c := range map[string]struct {
		in    map[string]*onnxpb.Value
		parts []string
	}{
		"missing":      {nil, []string{`"a"`, "missing", "float32[N,3] was expected"}},
		"unknown":      {map[string]*onnxpb.Value{"a": a, "A": a}, []string{`"A"`, "no such input", "did you mean a, b?"}},
		"type":         {map[string]*onnxpb.Value{"a": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1, 3}, []int64{1, 2, 3}))}, []string{`"a"`, "float32[N,3] was expected, got int64[1,3]"}},
		"rank":         {map[string]*onnxpb.Value{"a": floats([]int64{3}, 1, 2, 3)}, []string{"got float32[3]", "rank 1, not 2"}},
		"dimension":    {map[string]*onnxpb.Value{"a": floats([]int64{1, 2}, 1, 2)}, []string{"got float32[1,2]", "dimension 1 is 2, not 3"}},
		"kind":         {map[string]*onnxpb.Value{"a": none}, []string{"got an optional that holds nothing"}},
		"nil":          {map[string]*onnxpb.Value{"a": nil}, []string{"got nothing"}},
		"no array":     {map[string]*onnxpb.Value{"a": {}}, []string{"got no tensor"}},
		"too few":      {map[string]*onnxpb.Value{"a": onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{5, 3}, Data: []float32{1}})}, []string{"1 elements where its shape takes 15"}},
		"wrong slice":  {map[string]*onnxpb.Value{"a": onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{1, 3}, Data: []int32{1, 2, 3}})}, []string{"[]int32"}},
		"negative dim": {map[string]*onnxpb.Value{"a": onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{-1, 3}, Data: []float32{}})}, []string{"negative"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Run(c.in)
			wantError(t, err, onnxpb.Unfit, c.parts...)
		})
	}
	_, err := s.Run(map[string]*onnxpb.Value{"a": a}, "summ")
	wantError(t, err, onnxpb.Unfit, "no such output", "did you mean sum?")
}

func TestOpenErrors(t *testing.T) {
	e := testEngine(t)
	unknown := model(17, []*onnxpb.NodeProto{onnxpb.Node("NoSuchOperator", "", []string{"x"}, []string{"y"})},
		ports(tensor("x", onnxpb.TensorProto_FLOAT)), ports(tensor("y", onnxpb.TensorProto_FLOAT, onnxpb.Number(1))))
	_, err := e.Open(verify.Source{Model: unknown, Dir: "."}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Engine, "ONNX Runtime: ", "NoSuchOperator")
	if strings.ContainsAny(err.Error(), "\n\r") || strings.Contains(err.Error(), "C session") {
		t.Errorf("the message is not clean: %q", err)
	}
	// The path is told once.
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnxpb.Save(unknown, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = e.Open(verify.Source{Model: unknown, Path: path, Dir: filepath.Dir(path)}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Engine, path, "NoSuchOperator")
	if strings.Count(err.Error(), path) != 1 {
		t.Errorf("the path is told more than once: %v", err)
	}
	_, err = e.Open(verify.Source{Model: addModel(8)}, verify.SessionOptions{Optimization: "most"})
	wantError(t, err, onnxpb.Usage, `"most"`, "basic")
	_, err = e.Open(verify.Source{Model: addModel(8)}, verify.SessionOptions{Threads: -1})
	wantError(t, err, onnxpb.Usage, "-1 threads")
	_, err = e.Open(verify.Source{}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Unfit, "no graph")
	untyped := addModel(8)
	untyped.Graph.Output[0].Type = nil
	_, err = e.Open(verify.Source{Model: untyped}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Unfit, `"sum"`, "without a type")
}

func TestRunError(t *testing.T) {
	n := onnxpb.Symbol("N")
	m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Reshape", "bad", []string{"x", "shape"}, []string{"y"})}, ports(tensor("x", onnxpb.TensorProto_FLOAT, n)),
		ports(tensor("y", onnxpb.TensorProto_FLOAT, n, n)), onnxpb.TensorOf("shape", []int64{2}, []int64{2, 2}))
	s := open(t, m, verify.SessionOptions{})
	_, err := s.Run(map[string]*onnxpb.Value{"x": floats([]int64{3}, 1, 2, 3)})
	wantError(t, err, onnxpb.Engine, "ONNX Runtime: ", "bad")
	got, err := s.Run(map[string]*onnxpb.Value{"x": floats([]int64{4}, 1, 2, 3, 4)})
	if err != nil || !slices.Equal(got["y"].Array.Dims, []int64{2, 2}) {
		t.Errorf("after an error: %v %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	_, err = s.Run(map[string]*onnxpb.Value{"x": floats([]int64{4}, 1, 2, 3, 4)})
	wantError(t, err, onnxpb.Engine, "closed")
}

// TestModelIsUntouched holds Open to leave the model as it is, for a model that is run as an extended copy.
func TestModelIsUntouched(t *testing.T) {
	half := tensor("x", onnxpb.TensorProto_FLOAT16, onnxpb.Symbol("N"))
	m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"onnxtool_ort_1"})}, ports(half),
		ports(tensor("onnxtool_ort_1", onnxpb.TensorProto_FLOAT16, onnxpb.Symbol("N"))))
	before := proto.Clone(m)
	s := open(t, m, verify.SessionOptions{})
	x := onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT16, Dims: []int64{2}, Data: []uint16{0x3c00, 0x4000}})
	got, err := s.Run(map[string]*onnxpb.Value{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	// The name of the output is one that would be invented, too.
	if err := same(got["onnxtool_ort_1"].Array, x.Array); err != nil {
		t.Error(err)
	}
	if !proto.Equal(before, m) {
		t.Error("the model was changed")
	}
}

func TestOptimizationLevels(t *testing.T) {
	for _, level := range []string{"", verify.OptimizeAll, verify.OptimizeExtended, verify.OptimizeBasic, verify.OptimizeNone} {
		s := open(t, addModel(8), verify.SessionOptions{Optimization: level, Threads: 2})
		if _, err := s.Run(map[string]*onnxpb.Value{"a": floats([]int64{1, 3}, 1, 2, 3)}); err != nil {
			t.Errorf("%q: %v", level, err)
		}
	}
}

// TestConcurrentUse opens, runs and closes sessions of one model from many goroutines, and runs one session from all of them, in forms that start
// programs of their own.
func TestConcurrentUse(t *testing.T) {
	e := testEngine(t)
	shared := open(t, addModel(8), verify.SessionOptions{Threads: 1})
	m := addModel(8)
	var wait sync.WaitGroup
	errs := make(chan error, 64)
	for g := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range 10 {
				own, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{Threads: 1})
				if err != nil {
					errs <- err
					return
				}
				base := float32(100*g + i)
				for _, s := range []verify.Session{own, shared} {
					in := map[string]*onnxpb.Value{"a": floats([]int64{1, 3}, base, base+1, base+2)}
					want := base + 10
					if i%2 == 1 {
						in["b"] = floats([]int64{1}, 7)
						want = base + 7
					}
					got, err := s.Run(in)
					if err != nil {
						errs <- err
						return
					}
					if v := got["sum"].Array.Data.([]float32); v[0] != want || v[2] != want+2 {
						errs <- fmt.Errorf("got %v, want %v first", v, want)
						return
					}
				}
				if err := own.Close(); err != nil {
					errs <- err
				}
			}
		}()
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// TestNothingLeaks opens and closes a session a thousand times and runs a model ten thousand times, with every way that values pass, and wants the process to stay as large
// as it was.
func TestNothingLeaks(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("the size of the process cannot be read on this system")
	}
	e := testEngine(t)
	const n = 4096
	st := typeOf(onnxpb.TensorType(onnxpb.TensorProto_STRING, nil), "sequence")
	m := model(17, []*onnxpb.NodeProto{
		onnxpb.Node("Identity", "", []string{"x"}, []string{"y"}), onnxpb.Node("Identity", "", []string{"s"}, []string{"t"}),
		onnxpb.Node("Cast", "", []string{"x"}, []string{"h"}, onnxpb.Int("to", int64(onnxpb.TensorProto_FLOAT16)))},
		ports(tensor("x", onnxpb.TensorProto_FLOAT, onnxpb.Symbol("N")), value("s", st)),
		ports(tensor("y", onnxpb.TensorProto_FLOAT, onnxpb.Symbol("N")), value("t", st), tensor("h", onnxpb.TensorProto_FLOAT16, onnxpb.Symbol("N"))))
	in := map[string]*onnxpb.Value{"x": floats([]int64{n}, make([]float32, n)...), "s": {Kind: onnxpb.KindSequence, Elems: []*onnxpb.Value{
		onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2}, []string{strings.Repeat("long ", 100), "b"})), onnxpb.TensorVal(onnxpb.ArrayOf([]int64{}, []string{"c"}))}}}
	bad := map[string]*onnxpb.Value{"x": in["x"], "s": {Kind: onnxpb.KindSequence, Elems: []*onnxpb.Value{onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []string{"\x00"}))}}}
	round := func() {
		s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := s.Run(in); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Run(bad); err == nil {
			t.Fatal("a string with a zero byte was handed over")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	resident := func() int {
		data, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Fatal(err)
		}
		pages, err := strconv.Atoi(strings.Fields(string(data))[1])
		if err != nil {
			t.Fatal(err)
		}
		return pages * os.Getpagesize()
	}
	for range 200 {
		round()
	}
	before := resident()
	for range 1000 {
		round()
	}
	// A leak of one value of this size in each round would be 16 MB.
	if grown := resident() - before; grown > 8<<20 {
		t.Errorf("the process has grown by %d KiB in 1000 rounds", grown>>10)
	}
}
