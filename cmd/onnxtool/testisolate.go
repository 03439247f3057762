package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"onnxtool/verify"
)

// caseFlags are those of test that say how a case is run.
var caseFlags = []string{"atol", "rtol", "opt", "threads", "ep", "ort-lib", "ort-memory", "deterministic"}

// isolateCases has each case run in a process of its own, where that is asked for.
func isolateCases(c *cli.Context, o *verify.SuiteOptions) error {
	all, err := timeLimit(c, "timeout")
	if err != nil {
		return err
	}
	one, err := timeLimit(c, "case-timeout")
	if err != nil {
		return err
	}
	if !c.Bool("isolate") && all == 0 && one == 0 {
		return nil
	}
	var flags []string
	for _, name := range caseFlags {
		switch {
		case !c.IsSet(name):
		case name == "ep":
			for _, v := range c.StringSlice(name) {
				flags = append(flags, "--ep="+v)
			}
		default:
			flags = append(flags, fmt.Sprintf("--%s=%v", name, c.Value(name)))
		}
	}
	o.Timeout = all
	o.RunCase = func(ctx context.Context, x verify.SuiteCase) verify.CaseResult {
		return runCaseAlone(ctx, x, one, flags)
	}
	return nil
}

// runCaseAlone runs one case in another process, which reports it as JSON.
func runCaseAlone(ctx context.Context, x verify.SuiteCase, limit time.Duration, flags []string) (r verify.CaseResult) {
	of, stop := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		of, stop = context.WithTimeout(ctx, limit)
	}
	defer stop()
	proc, err := newChild(of, append(append([]string{"test", "--json", "--workers=1"}, flags...), "--", x.Model))
	if err != nil {
		r.Status, r.Why = verify.CaseCrashed, err.Error()
		return r
	}
	defer proc.close()
	var out bytes.Buffer
	said := &caught{}
	proc.cmd.Stdout, proc.cmd.Stderr = &out, said
	err = proc.cmd.Run()
	switch {
	case ctx.Err() != nil:
		return r // it is not its fault
	case of.Err() != nil:
		r.Status, r.Why = verify.CaseCrashed, fmt.Sprintf("it did not end within %v, and was stopped", limit)
		return r
	}
	var report verify.SuiteReport
	if json.Unmarshal(out.Bytes(), &report) == nil && len(report.Cases) == 1 {
		return report.Cases[0]
	}
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		r.Status, r.Why = verify.CaseCrashed, fmt.Sprintf("its process gave no report: %v", err)
	case proc.crashed(exit):
		r.Status, r.Why = verify.CaseCrashed, "its process ended by itself ("+said.why(exit)+")"
	default: // the case cannot be read, or ONNX Runtime not be loaded
		r.Status, r.Why = verify.CaseBroken, strings.TrimPrefix(said.why(exit), "onnxtool: ")
	}
	return r
}
