package verify

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"onnxtool/onnxpb"
)

// SuiteSchema names the form of a SuiteReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const SuiteSchema = "onnxtool.test/1"

// CaseStatus is how a case of a suite ended.
type CaseStatus string

// The ways in which a case ends.
const (
	CasePassed      CaseStatus = "passed"      // every output of every data set is as recorded
	CaseFailed      CaseStatus = "failed"      // an output is not, or the model does not run on the recorded inputs
	CaseCrashed     CaseStatus = "crashed"     // the process that ran it ended by itself, or did not end in the time that it had
	CaseUnsupported CaseStatus = "unsupported" // the engine does not open the model, which is valid
	CaseBroken      CaseStatus = "broken"      // the model is not valid, or it or its data cannot be read, or the data does not fit it
)

// SuiteReport is the outcome of RunSuite. The same files and engine give the same report, but for models that draw random numbers without a seed.
type SuiteReport struct {
	Schema string `json:"schema"`
	// OK tells whether a case passed and none failed or is broken, nor with Strict is unsupported.
	OK           bool       `json:"ok"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"` // the level of graph optimisation
	Strict       bool       `json:"strict"`
	// Command is the command line, where whoever asked has put it.
	Command []string     `json:"command,omitempty"`
	Counts  SuiteCounts  `json:"counts"`
	Cases   []CaseResult `json:"cases"` // by name
	// Ended says why the suite ended before all cases had run, where the time of all was over, and Unfinished names the cases that were running then.
	Ended      string   `json:"ended,omitempty"`
	Unfinished []string `json:"unfinished,omitempty"`
}

// SuiteCounts count the cases of a suite. Found is the sum of the others.
type SuiteCounts struct {
	Found       int `json:"found"`
	Passed      int `json:"passed"`
	Failed      int `json:"failed"`
	Crashed     int `json:"crashed"`
	Unsupported int `json:"unsupported"`
	Broken      int `json:"broken"`
	Skipped     int `json:"skipped"` // by the patterns
	NotRun      int `json:"not_run"` // as one before has failed, or the time of all was over
}

// CaseResult is the outcome of one case.
type CaseResult struct {
	Name      string     `json:"name"`
	Model     string     `json:"model,omitempty"`       // the model's file
	SHA256    string     `json:"sha256,omitempty"`      // of that file
	Data      string     `json:"data_sha256,omitempty"` // of the files of its data sets
	Status    CaseStatus `json:"status"`
	Tolerance Tolerance  `json:"tolerance"`
	Sets      int        `json:"sets"`    // data sets that were run
	Outputs   int        `json:"outputs"` // tensors that were compared
	MaxAbs    Number     `json:"max_abs"` // the largest |got - want| of all
	// Why says in one line why the case did not pass.
	Why string `json:"why,omitempty"`
	// First is the first tensor that is not as recorded.
	First *CaseDifference `json:"first,omitempty"`
}

// CaseDifference is a tensor that is not as recorded.
type CaseDifference struct {
	Set    string `json:"set"` // the data set's folder
	Output string `json:"output"`
	Path   string `json:"path,omitempty"` // in the output, where that is a sequence or a map (see Difference)
	Type   string `json:"type,omitempty"` // what was recorded
	Shape  string `json:"shape,omitempty"`
	// Elements, Beyond and the others are those of Metrics; all are missing where the tensors cannot be compared, and Why says why.
	Elements int64  `json:"elements,omitempty"`
	Beyond   int64  `json:"beyond,omitempty"`
	MaxAbs   Number `json:"max_abs,omitempty"`
	Worst    int64  `json:"worst"` // the element with the largest error, in row-major order; -1 where there is none
	Want     string `json:"want,omitempty"`
	Got      string `json:"got,omitempty"`
	Why      string `json:"why,omitempty"`
}

func firstDifference(set, output string, d Difference) *CaseDifference {
	c := &CaseDifference{Set: set, Output: output, Path: d.Path, Why: d.Why, Worst: -1}
	if d.Type != onnxpb.TensorProto_UNDEFINED {
		c.Type, c.Shape = onnxpb.TypeName(d.Type), shapeText(d.Shape)
	}
	if m := d.Metrics; m != nil && d.Why == "" {
		c.Elements, c.Beyond, c.MaxAbs, c.Worst, c.Want, c.Got = m.Elements, m.Beyond, m.MaxAbs, m.Worst, m.Want, m.Got
	}
	return c
}

// String writes a difference in one line.
func (d *CaseDifference) String() string {
	where := fmt.Sprintf("%s: output %s%s", d.Set, d.Output, d.Path)
	if d.Why != "" {
		return where + ": " + d.Why
	}
	return fmt.Sprintf("%s %s%s: %d of %d elements beyond the tolerance, most of all element %d: %s, recorded %s", where, d.Type, d.Shape, d.Beyond, d.Elements, d.Worst, d.Got, d.Want)
}

// setText is what a data set is called in reports: the last part of its path.
func setText(path string) string { return filepath.Base(path) }

// fine tells whether a case gives no reason to end a suite.
func (r CaseResult) fine(strict bool) bool {
	return r.Status == CasePassed || r.Status == CaseUnsupported && !strict
}

// add takes in a result.
func (r *SuiteReport) add(c CaseResult) {
	switch c.Status {
	case CasePassed:
		r.Counts.Passed++
	case CaseFailed:
		r.Counts.Failed++
	case CaseCrashed:
		r.Counts.Crashed++
	case CaseUnsupported:
		r.Counts.Unsupported++
	default:
		r.Counts.Broken++
	}
	r.Cases = append(r.Cases, c)
}

// notRun takes in a case that was not run to its end, as the time of all was over.
func (r *SuiteReport) notRun(c CaseResult, limit time.Duration) {
	r.Counts.NotRun++
	r.Ended = fmt.Sprintf("the time of %v was over", limit)
	if c.Name != "" { // it was begun
		r.Unfinished = append(r.Unfinished, c.Name)
	}
}

// longestWhy is how much of a reason is printed in a line; JSON has all of it.
const longestWhy = 500

// WriteText prints a report for people: a line for each case that did not pass, then the counts.
func (r *SuiteReport) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Cases {
		if c.Status != CasePassed {
			sayf(tw, "%s\t%s\t%s\n", c.Status, c.Name, onnxpb.Shortened(c.Why, longestWhy))
		}
	}
	for _, name := range r.Unfinished {
		sayf(tw, "stopped\t%s\t%s\n", name, r.Ended)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	n := r.Counts
	answer := "all as recorded"
	switch {
	case n.Failed+n.Crashed+n.Broken > 0:
		answer = "not as recorded"
	case r.Ended != "":
		answer = "not shown"
	case n.Unsupported > 0 && (r.Strict || n.Passed == 0):
		answer = "not shown"
	case n.Unsupported > 0:
		answer = "all that run are as recorded"
	}
	parts := []string{count(n.Found, "case"), fmt.Sprintf("%d passed", n.Passed)}
	for _, x := range []struct {
		n    int
		what string
	}{{n.Failed, "failed"}, {n.Crashed, "crashed"}, {n.Unsupported, "unsupported"}, {n.Broken, "broken"}, {n.Skipped, "skipped"}, {n.NotRun, "not run"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if r.Ended != "" {
		parts = append(parts, r.Ended)
	}
	_, err := sayf(w, "%s: %s; %s %s\n", answer, strings.Join(parts, ", "), r.Engine.Name, r.Engine.Version)
	return err
}
