package reduce

import (
	"errors"
	"fmt"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// DefaultMaxRuns is how often a Reduce without MaxRuns asks whether a model fails.
const DefaultMaxRuns = 500

// Options say how a model is reduced. The zero value is good for a valid model.
type Options struct {
	// MaxRuns bounds how often it is asked whether a model fails, the whole one included; 0 is DefaultMaxRuns.
	MaxRuns int
	// Weights has the initializers of WeightsFrom bytes and more be made by ConstantOfShape in the end, where the model fails with them too.
	Weights bool
	// Force takes a model that does not pass the checker. Those that are made of it may have the faults that it has, and no others.
	Force bool
	// Progress, where it is not nil, is told of each time it was asked whether a model fails.
	Progress func(Progress)
}

// Progress is how far the search is.
type Progress struct {
	Step    string // the step that made the model, see Step
	Runs    int    // how often it was asked so far
	MaxRuns int
	Nodes   int  // the nodes of the main graph of the model that was asked about
	Failed  bool // whether it fails, and is the smallest so far
}

// ErrPasses is what the error of Reduce wraps where the whole model does not fail.
var ErrPasses = errors.New("the model does not fail")

// Reduce returns the smallest model that it finds of which fails still says that it fails; m stays as it is, and the model returned shares the payloads of its tensors.
// What is a failure is for fails to say: one that goes by less than it means to may be led to another failure. It is asked about valid models only (see opset.Check), and
// must not change them; an error of fails ends the search, and is returned as it is.
//
// The steps are outputs, ends, beginnings, bypass, nodes and branches, in rounds until none of them shrinks the model, then weights, where they are asked for, and
// clean: see Step. The first three find what a failure needs in a number of runs that grows with the logarithm of the nodes. Every model that is asked about is smaller than the
// last that failed, so that the search ends whatever fails says, and the same answers give the same model.
//
// Errors of kind Unfit: the model does not fail (ErrPasses), or does not pass the checker.
func Reduce(m *onnxpb.ModelProto, fails func(*onnxpb.ModelProto) (bool, error), o Options) (*onnxpb.ModelProto, *Report, error) {
	if o.MaxRuns < 0 {
		return nil, nil, onnxpb.Errorf(onnxpb.Usage, "at most %d runs: the number cannot be negative", o.MaxRuns)
	}
	if o.MaxRuns == 0 {
		o.MaxRuns = DefaultMaxRuns
	}
	if m.GetGraph() == nil {
		return nil, nil, &onnxpb.Error{Msg: "the model has no graph", Hint: "there is nothing to reduce"}
	}
	faults := opset.Check(m, opset.CheckOptions{})
	if len(faults) > 0 && !o.Force {
		return nil, nil, &onnxpb.Error{Msg: "the model is not valid: " + faultsText(faults), Hint: "see onnxtool check"}
	}
	s := newSearch(m, fails, o, faults)
	if err := s.whole(); err != nil {
		return nil, nil, err
	}
	r := &Report{Schema: Schema, Before: sizeOf(m)}
	s.report = r
	s.all()
	if s.err != nil {
		return nil, nil, s.err
	}
	r.After, r.Runs, r.Complete = sizeOf(s.cur), s.runs, !s.stopped
	return s.cur, r, nil
}

// faultsText tells the first faults.
func faultsText(faults []opset.Fault) string {
	var list []string
	for i, f := range faults {
		if i == 3 {
			list = append(list, fmt.Sprintf("and %d more", len(faults)-i))
			break
		}
		list = append(list, f.String())
	}
	return strings.Join(list, "; ")
}

// all goes through the steps.
func (s *search) all() {
	s.do(0, StepUnused, s.unused)
	steps := []struct {
		name string
		run  func()
	}{{StepOutputs, s.outputs}, {StepEnds, s.ends}, {StepBeginnings, s.beginnings}, {StepBypass, s.bypass}, {StepNodes, s.nodes}, {StepBranches, s.branches}}
	for round := 1; !s.done(); round++ {
		before := s.cost
		for _, step := range steps {
			s.do(round, step.name, step.run)
		}
		if !s.cost.less(before) {
			break
		}
	}
	if s.o.Weights {
		s.do(0, StepWeights, s.weights)
	}
	s.do(0, StepClean, s.clean)
}
