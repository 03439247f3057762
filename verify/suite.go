package verify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// SuiteOptions say which cases RunSuite runs, and how. The zero value runs all, as many at once as there are processors, with each case's own tolerance.
type SuiteOptions struct {
	// Workers is how many cases run at once; 0 is the number of processors. The report does not depend on it.
	Workers int
	// Atol and Rtol, where they are not nil, are the tolerance of every case: |got - want| <= Atol + Rtol*|want|, want being what was recorded. Else it is what a file data.json in the case's folder
	// says ({"atol": 1e-7, "rtol": 2e-3}, as ONNX's large models have it), and RecordedTolerance where there is none.
	Atol, Rtol *float64
	// Run and Skip choose cases by their names (see SuiteCase): those that Run matches, all where it is nil, but for those that Skip matches.
	Run, Skip *regexp.Regexp
	// FailFast ends at the first case, in order, that is neither passed nor unsupported (with Strict: that is not passed).
	FailFast bool
	// Strict takes unsupported cases for failed ones in SuiteReport.OK.
	Strict bool
	// Session holds the settings of the engine. Threads 0 is 1 here, as cases run beside each other.
	Session SessionOptions
	// Timeout, if it is above 0, ends the suite after that time: no case is begun any more, and what has run is reported. The cases that are running are waited for, unless RunCase heeds its context.
	Timeout time.Duration
	// RunCase, where it is not nil, runs a case in place of RunSuite's engine, such as in a process of its own; several are called at once. When the context ends, which it does when Timeout is over, it is to return
	// at once; a result without Status says that the case has not been run to its end.
	RunCase func(ctx context.Context, c SuiteCase) CaseResult
}

// ListSuite lists the cases that RunSuite would run, in its order. Paths in archives (.tar.gz, .tgz) are not there any more when it returns: only Name is of use then. Errors are those of RunSuite.
func ListSuite(roots []string, o SuiteOptions) ([]SuiteCase, error) {
	all, remove, err := findAll(roots)
	if err != nil {
		return nil, err
	}
	defer remove()
	return choose(all, o.Run, o.Skip)
}

// RunSuite runs every model below the given folders (see FindCases; archives .tar.gz and .tgz are unpacked into a temporary folder first) on the inputs that were recorded for it, and compares
// its outputs with those recorded. A case that fails, cannot be read, or makes the program itself panic is a result and no error; one that makes the engine crash the process cannot be caught.
//
// Errors are of kind Unfit: a folder or archive cannot be read, there is no case, or the patterns leave none.
func RunSuite(e Engine, roots []string, o SuiteOptions) (*SuiteReport, error) {
	all, remove, err := findAll(roots)
	if err != nil {
		return nil, err
	}
	defer remove()
	cases, err := choose(all, o.Run, o.Skip)
	if err != nil {
		return nil, err
	}
	if o.Session.Threads == 0 {
		o.Session.Threads = 1
	}
	r := &SuiteReport{Schema: SuiteSchema, Engine: EngineInfo{Name: "ONNX Runtime", Version: e.Version()}, Optimization: optimization(o.Session), Strict: o.Strict,
		Counts: SuiteCounts{Found: len(all), Skipped: len(all) - len(cases)}}
	ctx := context.Background()
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	results := runCases(ctx, e, cases, o)
	for i := range results {
		if results[i].Status == "" {
			r.notRun(results[i], o.Timeout)
			continue
		}
		r.add(results[i])
		if o.FailFast && !results[i].fine(o.Strict) {
			r.Counts.NotRun += len(results) - i - 1
			break
		}
	}
	r.OK = r.Counts.Failed+r.Counts.Crashed+r.Counts.Broken == 0 && r.Ended == "" && r.Counts.Passed > 0 && !(o.Strict && r.Counts.Unsupported > 0)
	return r, nil
}

// runCases runs cases beside each other. With o.FailFast none is begun after one has failed: as they are begun in order, all before the first that fails are among the results, whatever
// the number of workers, and what stands behind it has no meaning. None is begun after the context has ended; what was not run to its end has no Status.
func runCases(ctx context.Context, e Engine, cases []SuiteCase, o SuiteOptions) []CaseResult {
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	results := make([]CaseResult, len(cases))
	var next atomic.Int64
	var stop atomic.Bool
	var wait sync.WaitGroup
	for range min(workers, len(cases)) {
		wait.Go(func() {
			for !stop.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(cases) {
					return
				}
				if o.RunCase != nil {
					results[i] = elsewhere(ctx, cases[i], o)
				} else {
					results[i] = runCase(e, cases[i], o)
				}
				if results[i].Status != "" && o.FailFast && !results[i].fine(o.Strict) {
					stop.Store(true)
				}
			}
		})
	}
	wait.Wait()
	return results
}

// elsewhere has a case run by o.RunCase, but for one that nothing can be run of.
func elsewhere(ctx context.Context, c SuiteCase, o SuiteOptions) CaseResult {
	r := CaseResult{}
	if c.Model == "" {
		r.broken(errNoModel)
	} else {
		r = o.RunCase(ctx, c)
	}
	r.Name, r.Model, r.Why = c.Name, c.in(c.Model), c.in(r.Why)
	return r
}

var errNoModel = errors.New("there is no model (*.onnx) beside the recorded data")

// runCase runs one case. It takes what panics for the case's own failure, and a fault in a map of a file (which was cut short meanwhile) for unreadable data.
func runCase(e Engine, c SuiteCase, o SuiteOptions) (r CaseResult) {
	r = CaseResult{Name: c.Name, Model: c.in(c.Model)}
	defer func() { r.Why = c.in(r.Why) }()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			if p.Addr() != 0 {
				r.Status, r.Why = CaseBroken, "a file was cut short while it was read"
				return
			}
			r.Status, r.Why = CaseFailed, fmt.Sprintf("the program itself failed: %v", p)
		default:
			r.Status, r.Why = CaseFailed, fmt.Sprintf("the program itself failed: %v", p)
		}
	}()
	if c.Model == "" {
		r.broken(errNoModel)
		return r
	}
	t, err := c.tolerance(o)
	if err != nil {
		r.broken(err)
		return r
	}
	r.Tolerance = t
	f, err := onnxpb.Open(c.Model)
	if err != nil {
		r.broken(err)
		return r
	}
	defer f.Close()
	if err := r.hash(c); err != nil {
		r.broken(err)
		return r
	}
	r.run(e, Source{Model: f.Model, Dir: f.Dir(), Path: c.Model}, c.Sets, o.Session)
	return r
}

// hash hashes what a case is made of.
func (r *CaseResult) hash(c SuiteCase) error {
	info, err := describe(Source{Path: c.Model})
	if err != nil {
		return err
	}
	r.SHA256 = info.SHA256
	r.Data, err = hashFiles(c.dir, c.Sets)
	return err
}

// run runs the data sets of an opened model, up to the first that is not as recorded.
func (r *CaseResult) run(e Engine, s Source, sets []string, o SessionOptions) {
	session, err := e.Open(s, o)
	if err != nil {
		r.refused(err, s)
		return
	}
	defer session.Close()
	for _, set := range sets {
		d, err := ReadDataSet(set, s.Model)
		if err != nil {
			r.broken(err)
			return
		}
		got, err := session.Run(d.inputs())
		switch {
		case err != nil && onnxpb.KindOf(err) == onnxpb.Engine:
			// The engine took the model: that it fails on the recorded inputs may be its own limit, or the model's fault, and is not to pass unseen.
			r.Status, r.Why = CaseFailed, setText(set)+": "+withoutFile(err, s.Path)
			return
		case err != nil: // the inputs do not fit
			r.broken(fmt.Errorf("%s: %s", setText(set), withoutFile(err, s.Path)))
			return
		}
		r.Sets++
		if !r.compare(d, got) {
			return
		}
	}
	r.Status = CasePassed
}

// compare holds the outputs of a run to the recorded ones; false where one differs.
func (r *CaseResult) compare(d *DataSet, got map[string]*onnxpb.Value) bool {
	for i, name := range d.OutputNames {
		for _, diff := range CompareValues(d.Outputs[i], got[name], r.Tolerance) {
			r.Outputs++
			if diff.Metrics != nil {
				r.MaxAbs = max(r.MaxAbs, diff.Metrics.MaxAbs)
			}
			if diff.Equal() || r.First != nil {
				continue
			}
			r.Status = CaseFailed
			r.First = firstDifference(setText(d.Dir), name, diff)
			r.Why = r.First.String()
		}
	}
	return r.First == nil
}

// refused says why the engine does not open a model: it does not support it, or the model is not valid, which is to be told from that.
func (r *CaseResult) refused(err error, s Source) {
	if onnxpb.KindOf(err) != onnxpb.Engine {
		r.broken(err)
		return
	}
	if faults := opset.Check(s.Model, opset.CheckOptions{Dir: s.Dir}); len(faults) > 0 {
		r.broken(fmt.Errorf("the model is not valid: %s; %s", faults[0].String(), withoutFile(err, s.Path)))
		return
	}
	r.Status, r.Why = CaseUnsupported, withoutFile(err, s.Path)
}

func (r *CaseResult) broken(err error) {
	r.Status, r.Why = CaseBroken, err.Error()
}

// withoutFile is the text of an error without the model's path, which the case tells.
func withoutFile(err error, path string) string { return strings.TrimPrefix(err.Error(), path+": ") }
