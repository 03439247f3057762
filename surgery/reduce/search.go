package reduce

import (
	"crypto/sha256"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// search is one reduction.
type search struct {
	o       Options
	fails   func(*onnxpb.ModelProto) (bool, error)
	types   *types
	allowed map[string]bool // the faults that the whole model has
	report  *Report

	cur     *onnxpb.ModelProto // the smallest model that fails, so far
	cost    cost
	asked   map[[sha256.Size]byte]bool // models of which it is known that they do not fail
	step    string
	taken   int // models that were taken in this step
	runs    int
	stopped bool // there was a model to ask about, and no run left
	err     error
}

func newSearch(m *onnxpb.ModelProto, fails func(*onnxpb.ModelProto) (bool, error), o Options, faults []opset.Fault) *search {
	s := &search{o: o, fails: fails, types: newTypes(m), allowed: map[string]bool{}, cur: onnxpb.Clone(m), cost: costOf(m), asked: map[[sha256.Size]byte]bool{}}
	for _, f := range faults {
		s.allowed[f.String()] = true
	}
	return s
}

// whole asks about the model itself.
func (s *search) whole() error {
	s.step = "whole"
	failed, err := s.ask(s.cur)
	if err != nil {
		return err
	}
	if !failed {
		return &onnxpb.Error{Kind: onnxpb.Unfit, Err: ErrPasses, Hint: "there is nothing to reduce: see that it is asked the right question"}
	}
	return nil
}

func (s *search) ask(m *onnxpb.ModelProto) (bool, error) {
	s.runs++
	failed, err := s.fails(m)
	if err != nil {
		return false, err
	}
	if s.o.Progress != nil {
		s.o.Progress(Progress{Step: s.step, Runs: s.runs, MaxRuns: s.o.MaxRuns, Nodes: len(m.GetGraph().GetNode()), Failed: failed})
	}
	return failed, nil
}

// done tells whether nothing more is to be asked.
func (s *search) done() bool { return s.err != nil || s.stopped }

// do runs a step and notes what it did.
func (s *search) do(round int, name string, run func()) {
	if s.done() {
		return
	}
	runs := s.runs
	s.step, s.taken = name, 0
	run()
	if s.runs > runs {
		g := s.cur.GetGraph()
		s.report.Steps = append(s.report.Steps, Step{Step: name, Round: round, Runs: s.runs - runs, Taken: s.taken, Nodes: len(g.GetNode()), Inputs: len(g.GetInput()),
			Outputs: len(g.GetOutput())})
	}
}

// try asks about a model that is smaller than the current one, and takes it where it fails. A nil model is one that cannot be made.
func (s *search) try(m *onnxpb.ModelProto) bool {
	if m == nil || s.done() || !costOf(m).less(s.cost) {
		return false
	}
	return s.tryAny(m)
}

// tryAny is try for a model that is smaller in another sense.
func (s *search) tryAny(m *onnxpb.ModelProto) bool {
	if m == nil || s.done() || !s.valid(m) {
		return false
	}
	key, err := skeletonHash(m)
	if err != nil {
		return false // it could not be written either
	}
	if s.asked[key] {
		return false
	}
	if s.runs >= s.o.MaxRuns {
		s.stopped = true
		return false
	}
	failed, err := s.ask(m)
	if err != nil {
		s.err = err
		return false
	}
	if !failed {
		s.asked[key] = true
		return false
	}
	s.cur, s.cost = m, costOf(m)
	s.taken++
	return true
}

// valid tells whether a model has no faults but those that the whole one has.
func (s *search) valid(m *onnxpb.ModelProto) bool {
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		if !s.allowed[f.String()] {
			return false
		}
	}
	return true
}

// skeletonHash tells models of one search apart: it leaves out the payloads of tensors, which no step changes.
func skeletonHash(m *onnxpb.ModelProto) (sum [sha256.Size]byte, err error) {
	c := onnxpb.Clone(m)
	c.AllTensors(func(t *onnxpb.TensorProto) {
		t.RawData, t.FloatData, t.Int32Data, t.Int64Data, t.DoubleData, t.Uint64Data, t.StringData = nil, nil, nil, nil, nil, nil, nil
		t.ProtoReflect().SetUnknown(nil)
	})
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		return sum, err
	}
	return sha256.Sum256(data), nil
}

// cost orders models: fewer nodes first, then fewer outputs, inputs and initializers, then fewer bytes.
type cost [5]int

func costOf(m *onnxpb.ModelProto) cost {
	g := m.GetGraph()
	return cost{allNodes(m), len(g.GetOutput()), len(g.GetInput()), len(g.GetInitializer()) + len(g.GetSparseInitializer()), proto.Size(m)}
}

func (c cost) less(d cost) bool {
	for i := range c {
		if c[i] != d[i] {
			return c[i] < d[i]
		}
	}
	return false
}

// bisect finds a small number from 1 to n for which try holds, as it is taken to do for n. Where try holds for all numbers from one on it finds that one.
func bisect(n int, try func(int) bool) {
	not, holds := 0, n
	for holds-not > 1 {
		if mid := not + (holds-not)/2; try(mid) {
			holds = mid
		} else {
			not = mid
		}
	}
}

// minimize takes away as many of n things as it can: without tells whether the model fails without those that are false in keep. It goes by chunks, large ones first, and
// ends when none of the things that are left can be taken away by itself. What is left of n things of which k are needed takes about 2k·log2(n/k) runs.
func (s *search) minimize(n, chunk int, without func(keep []bool) bool) {
	live := make([]int, n)
	for i := range live {
		live[i] = i
	}
	for chunk >= 1 && len(live) > 0 && !s.done() {
		removed := false
		for at := 0; at < len(live) && !s.done(); {
			end := min(at+chunk, len(live))
			keep := make([]bool, n)
			for i, x := range live {
				keep[x] = i < at || i >= end
			}
			if without(keep) {
				live = append(live[:at:at], live[end:]...)
				removed = true
			} else {
				at = end
			}
		}
		if chunk > 1 {
			chunk = max(1, min(chunk, len(live))/2)
		} else if !removed {
			break
		}
	}
}

// half is the chunk that minimize begins with where all of n things cannot go.
func half(n int) int { return (n + 1) / 2 }

// extract makes the part of a model between tensors; nil where there is none.
func (s *search) extract(m *onnxpb.ModelProto, from, to []string) *onnxpb.ModelProto {
	c := onnxpb.Clone(m)
	s.types.declare(c, append(append([]string{}, from...), to...))
	if _, err := surgery.Extract(c, from, to); err != nil {
		return nil
	}
	return c
}

// unused takes away what no output needs.
func (s *search) unused() { s.try(s.extract(s.cur, nil, outputNames(s.cur))) }

func outputNames(m *onnxpb.ModelProto) []string {
	var names []string
	for _, o := range m.GetGraph().GetOutput() {
		names = append(names, o.GetName())
	}
	return names
}

// outputs takes outputs away. Those of the last node by themselves are tried first: that node is where ends ended.
func (s *search) outputs() {
	base, names := s.cur, outputNames(s.cur)
	if len(names) < 2 {
		return
	}
	if last := lastOutputs(base); len(last) < len(names) && s.try(s.extract(base, nil, last)) {
		base, names = s.cur, last
	}
	s.minimize(len(names), half(len(names)), func(keep []bool) bool {
		var left []string
		for i, name := range names {
			if keep[i] {
				left = append(left, name)
			}
		}
		return len(left) > 0 && s.try(s.extract(base, nil, left))
	})
}

// lastOutputs returns those of the outputs that the last node makes which makes any.
func lastOutputs(m *onnxpb.ModelProto) []string {
	index := surgery.NewGraph(m)
	nodes := m.GetGraph().GetNode()
	for i := len(nodes) - 1; i >= 0; i-- {
		var list []string
		for _, o := range nodes[i].GetOutput() {
			if index.IsOutput(o) {
				list = append(list, o)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// ends finds the shortest beginning of the list of nodes that fails, and takes away the outputs that it does not need.
func (s *search) ends() {
	b := newBody(s.cur, s.types)
	n := len(b.free)
	bisect(n, func(k int) bool { return s.try(s.cut(b, func(i int) bool { return i < k })) })
	if s.taken > 0 {
		s.outputs()
	}
}

// beginnings finds the shortest end of the list of nodes that fails.
func (s *search) beginnings() {
	b := newBody(s.cur, s.types)
	n := len(b.free)
	bisect(n, func(k int) bool { return s.try(s.cut(b, func(i int) bool { return i >= n-k })) })
}

// nodes takes away nodes wherever they stand.
func (s *search) nodes() {
	b := newBody(s.cur, s.types)
	n := len(b.free)
	if n > 1 {
		s.minimize(n, half(n), func(keep []bool) bool { return s.try(s.cut(b, func(i int) bool { return keep[i] })) })
	}
}
