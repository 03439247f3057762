package fuse_test

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/internal/corpus"
	"onnxtool/internal/readback"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// TestCorpus merges and renames every model of ONNX's test suites:
//
//   - merged: two copies side by side, and behind each output of the second that is a tensor an Identity;
//   - renamed: every tensor, node and dimension parameter by patterns.
//
// The results pass the checker where the model does, are read back by onnx-go, which sees the same operators, attributes and edges, and give the
// recorded outputs in ONNX Runtime, from both copies and behind the Identities. Where ONNX Runtime does not reproduce the recorded outputs of the model
// itself (internal/corpus lists those, with the reason) the results are held to what it makes of the model: the same values, or none.
func TestCorpus(t *testing.T) {
	engine := testengine.New(t)
	cases := corpus.Cases(t)
	listed := corpus.Unsupported()
	results := make([]caseResult, len(cases))
	next := make(chan int)
	var wait sync.WaitGroup
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range next {
				results[i] = runCase(engine, cases[i], listed[cases[i].ID()])
			}
		}()
	}
	for i := range cases {
		next <- i
	}
	close(next)
	wait.Wait()

	count, limits := map[string]int{}, map[string][]string{}
	for i, c := range cases {
		r := results[i]
		count[r.held]++
		for what, err := range r.faults {
			t.Errorf("%s: %s: %v", c.ID(), what, err)
		}
		if r.limits != "" {
			limits[r.limits] = append(limits[r.limits], c.ID())
		}
	}
	for _, k := range sortedKeys(count) {
		t.Logf("%5d models %s", count[k], k)
	}
	for _, k := range sortedKeys(limits) {
		t.Logf("%5d models whose results onnx-go reads but for %s: %s", len(limits[k]), k, strings.Join(limits[k], " "))
	}
}

// caseResult is what became of a model.
type caseResult struct {
	held   string           // what its results were held to
	faults map[string]error // by what was made of it
	limits string           // of reading back
}

// runCase holds all that is made of a model to the model's recorded outputs. Reason is that for which the model is listed as unsupported, or "".
func runCase(engine verify.Engine, c corpus.Case, reason string) caseResult {
	res := caseResult{faults: map[string]error{}}
	m, err := c.Open()
	if err != nil {
		res.faults["opening"] = err
		return res
	}
	before, err := onnxpb.Marshal(m)
	if err != nil {
		res.faults["writing"] = err
		return res
	}
	kind, _, _ := strings.Cut(reason, " ")
	runs, held, err := reference(engine, c, m, kind)
	res.held = held
	if err != nil {
		res.faults["running the model itself"] = err
		return res
	}
	if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
		res.faults["the model"] = fmt.Errorf("it does not pass the checker: %v", faults[0])
		return res
	}
	limits, err := holdStructure(m)
	if err != nil {
		res.faults["the model"] = err
		return res
	}
	if len(limits) > 0 {
		res.limits = strings.Join(limits, ", ")
	}
	for _, edit := range []struct {
		what string
		make func(*onnxpb.ModelProto) (*made, error)
	}{{"merged", mergeTwice}, {"renamed", renameAll}} {
		got, err := edit.make(m)
		for i := 0; err == nil && i < len(got.all()); i++ {
			var of []string
			if of, err = holdStructure(got.all()[i]); err == nil && !slices.Equal(of, limits) {
				err = fmt.Errorf("onnx-go reads it but for %q, and the model but for %q", of, limits)
			}
		}
		if err != nil {
			res.faults[edit.what] = err
			continue
		}
		switch err := got.run(engine, runs); {
		case err != nil && kind == "locale" && strings.Contains(err.Error(), "locale"):
		case err == nil && kind == "refused":
			res.faults[edit.what] = errors.New("it runs, although ONNX Runtime does not run the model: " + reason)
		case err != nil && kind != "refused":
			res.faults[edit.what] = err
		}
	}
	after, err := onnxpb.Marshal(m)
	if err != nil || string(before) != string(after) {
		res.faults["the model"] = fmt.Errorf("it was changed (%v)", err)
	}
	return res
}

// recordedRun is one run of a model: by position, as names change. Outputs are nil where only shapes can be compared.
type recordedRun struct {
	inputs, outputs []*onnxpb.Value
	shapesOnly      bool
	tight           bool // the outputs are ONNX Runtime's own
}

// reference returns the runs that the results are held to.
func reference(engine verify.Engine, c corpus.Case, m *onnxpb.ModelProto, kind string) (runs []recordedRun, held string, err error) {
	held = map[string]string{
		"":        "held to the recorded outputs",
		"differs": "that ONNX Runtime computes otherwise than recorded: held to its outputs",
		"random":  "that draw at random: held to the shapes of the recorded outputs",
		"refused": "that ONNX Runtime does not run: held to that",
		"locale":  "that need a locale of the machine: held to the recorded outputs where it is there",
		"data":    "with recorded data that does not fit them: structure only",
	}[kind]
	if kind == "data" {
		return nil, held, nil
	}
	var session verify.Session
	if kind == "differs" {
		if session, err = engine.Open(verify.Source{Model: m}, verify.SessionOptions{Threads: 1}); err != nil {
			return nil, held, err
		}
		defer session.Close()
	}
	for _, set := range c.Sets {
		in, want, err := set.Values(m)
		if err != nil {
			return nil, held, err
		}
		r := recordedRun{shapesOnly: kind == "random"}
		if session != nil {
			if want, err = session.Run(in); err != nil {
				return nil, held, err
			}
			r.tight = true
		}
		for _, v := range m.Graph.Input {
			r.inputs = append(r.inputs, in[v.GetName()])
		}
		for _, v := range m.Graph.Output {
			r.outputs = append(r.outputs, want[v.GetName()])
		}
		runs = append(runs, r)
	}
	return runs, held, nil
}

// made is a model made of another.
type made struct {
	m      *onnxpb.ModelProto
	side   *onnxpb.ModelProto // made on the way, or nil
	copies int                // of the other's inputs
	from   []int              // for each output, which of the other's it is
}

func (g *made) all() []*onnxpb.ModelProto {
	if g.side == nil {
		return []*onnxpb.ModelProto{g.m}
	}
	return []*onnxpb.ModelProto{g.m, g.side}
}

// mergeTwice merges two copies of a model and an Identity behind each tensor that the second gives.
func mergeTwice(m *onnxpb.ModelProto) (*made, error) {
	side, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: m}, {Name: "two", Model: m}}, fuse.MergeOptions{})
	if err != nil {
		return nil, fmt.Errorf("side by side: %w", err)
	}
	if n, want := len(side.Graph.Output), 2*len(m.Graph.Output); n != want {
		return nil, fmt.Errorf("side by side: %d outputs, want %d", n, want)
	}
	if n, want := len(side.Graph.Node), 2*len(m.Graph.Node); n != want {
		return nil, fmt.Errorf("side by side: %d nodes, want %d", n, want)
	}
	models := []fuse.Input{{Name: "one", Model: m}, {Name: "two", Model: m}}
	got := &made{copies: 2, side: side}
	var o fuse.MergeOptions
	for _, name := range []string{"one", "two"} {
		for i, v := range m.Graph.Output {
			o.Outputs = append(o.Outputs, fuse.OutputSpec{End: fuse.End{Model: name, Tensor: v.GetName()}})
			got.from = append(got.from, i)
		}
	}
	for i, v := range m.Graph.Output {
		if v.GetType().GetTensorType() == nil {
			continue
		}
		name := fmt.Sprintf("behind%d", i)
		models = append(models, fuse.Input{Name: name, Model: identity(v.Type, m)})
		o.Connect = append(o.Connect, fuse.Connection{From: fuse.End{Model: "two", Tensor: v.GetName()}, To: fuse.End{Model: name, Tensor: "in"}})
		o.Outputs = append(o.Outputs, fuse.OutputSpec{End: fuse.End{Model: name, Tensor: "out"}})
		got.from = append(got.from, i)
	}
	got.m, _, err = fuse.Merge(models, o)
	return got, err
}

// identity is a model of one Identity for values of a type, at the operator set that m imports.
func identity(typ *onnxpb.TypeProto, m *onnxpb.ModelProto) *onnxpb.ModelProto {
	version := m.OpsetVersion("")
	if version == 0 {
		version = 17
	}
	declared := func(name string) []*onnxpb.ValueInfoProto {
		return []*onnxpb.ValueInfoProto{{Name: &name, Type: proto.Clone(typ).(*onnxpb.TypeProto)}}
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(3), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", version)}, Graph: &onnxpb.GraphProto{
		Name: proto.String("identity"), Input: declared("in"), Output: declared("out"),
		Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "identity", []string{"in"}, []string{"out"})}}}
}

// renameAll renames every tensor, node and dimension parameter.
func renameAll(m *onnxpb.ModelProto) (*made, error) {
	var nodes, dims bool
	surgery.MapNames(m, surgery.NameMap{Node: func(s string) string { nodes = true; return s }, Dim: func(s string) string { dims = true; return s }})
	rules := []surgery.RenameRule{{Kind: surgery.KindTensor, From: "re:(?s)(.*)", To: "renamed/$1:0"}}
	if nodes {
		rules = append(rules, surgery.RenameRule{Kind: surgery.KindNode, From: "re:(?s)(.*)", To: "node/$1"})
	}
	if dims {
		rules = append(rules, surgery.RenameRule{Kind: surgery.KindDim, From: "re:(?s)(.*)", To: "dim_$1"})
	}
	got := &made{m: onnxpb.Clone(m), copies: 1}
	for i := range m.Graph.Output {
		got.from = append(got.from, i)
	}
	if _, err := surgery.Rename(got.m, rules); err != nil {
		return nil, err
	}
	for _, v := range slices.Concat(got.m.Graph.Input, got.m.Graph.Output) {
		if !strings.HasPrefix(v.GetName(), "renamed/") {
			return nil, fmt.Errorf("%q kept its name", v.GetName())
		}
	}
	return got, nil
}

// holdStructure holds a model to the checker, and to what the second reader sees of its file. It returns what that one cannot read.
func holdStructure(m *onnxpb.ModelProto) (limits []string, err error) {
	if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
		return nil, fmt.Errorf("it does not pass the checker: %v", faults[0])
	}
	data, err := onnxpb.Marshal(m)
	if err != nil {
		return nil, err
	}
	rec, err := readback.Read(data)
	var limit *readback.Limit
	if errors.As(err, &limit) {
		return []string{limit.Reason}, nil
	}
	if err != nil {
		return nil, err
	}
	if rec.TensorLimit != nil {
		limits = append(limits, "initializers: "+rec.TensorLimit.Reason)
	}
	return limits, readback.Compare(m, rec)
}

// run runs a result and holds each of its outputs to the one that it is a copy of.
func (g *made) run(engine verify.Engine, runs []recordedRun) error {
	if len(runs) == 0 {
		return nil
	}
	session, err := engine.Open(verify.Source{Model: g.m}, verify.SessionOptions{Threads: 1})
	if err != nil {
		return err
	}
	defer session.Close()
	for _, r := range runs {
		inputs := map[string]*onnxpb.Value{}
		for i, v := range g.m.Graph.Input {
			if x := r.inputs[i%len(r.inputs)]; x != nil {
				inputs[v.GetName()] = x
			}
		}
		if len(g.m.Graph.Input) != g.copies*len(r.inputs) || len(g.m.Graph.Output) != len(g.from) {
			return fmt.Errorf("%d inputs and %d outputs, want %d and %d", len(g.m.Graph.Input), len(g.m.Graph.Output), g.copies*len(r.inputs), len(g.from))
		}
		got, err := session.Run(inputs)
		if err != nil {
			return err
		}
		rtol, atol := corpus.RTol, corpus.ATol
		if r.tight {
			rtol, atol = 1e-5, 1e-6
		}
		for i, v := range g.m.Graph.Output {
			have, want := got[v.GetName()], r.outputs[g.from[i]]
			if r.shapesOnly {
				if err := sameShape(have, want); err != nil {
					return fmt.Errorf("output %s: %w", v.GetName(), err)
				}
				continue
			}
			if err := corpus.Compare(have, want, rtol, atol); err != nil {
				return fmt.Errorf("output %s %w", v.GetName(), err)
			}
		}
	}
	return nil
}

func sameShape(got, want *onnxpb.Value) error {
	if got.Kind != want.Kind || got.Kind != onnxpb.KindTensor {
		return fmt.Errorf("is a %v, want a %v", got.Kind, want.Kind)
	}
	if got.Array.Type != want.Array.Type || !slices.Equal(got.Array.Dims, want.Array.Dims) {
		return fmt.Errorf("is %v%v, want %v%v", got.Array.Type, got.Array.Dims, want.Array.Type, want.Array.Dims)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
