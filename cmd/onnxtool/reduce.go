package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/surgery/reduce"
	"onnxtool/verify"
)

func reduceCommand() *cli.Command {
	return &cli.Command{
		Name:      "reduce",
		Usage:     "shrink a model that fails to the smallest one that still fails",
		UsageText: "onnxtool reduce MODEL -o OUT [flags] -- COMMAND [ARG...]\nonnxtool reduce MODEL -o OUT --opt-levels | --load | --nan",
		Description: `Takes away outputs, nodes and weights as long as the model fails. What a failure is tells a command, which is run for every model that is tried: {} in its arguments stands for the
model's file, which comes last where no argument has {}. The model fails where the exit code is not 0, or where a signal ended the command.
Or ONNX Runtime tells it: --opt-levels (optimised, the model computes something else), --load (it is refused, with the same message), --nan (an output
holds a NaN or an infinity).

Exit codes: 0 the reduced model was written; 1 the model does not fail; 2 wrong usage; 3 the model cannot be read; 4 ONNX Runtime was not found or failed.

Examples: onnxtool reduce big.onnx -o small.onnx -- python run.py {}
          onnxtool reduce big.onnx -o small.onnx --stderr 'Unsupported' -- trtexec --onnx={}
          onnxtool reduce big.onnx -o small.onnx --opt-levels --atol 1e-3`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "exit", Usage: "the command: fails with one of the exit codes in `LIST`, such as 1,3", DefaultText: "all but 0"},
			&cli.StringFlag{Name: "stdout", Usage: "the command: fails where, besides, what it prints matches `REGEXP`"},
			&cli.StringFlag{Name: "stderr", Usage: "the command: fails where, besides, what it prints to standard error matches `REGEXP`"},
			&cli.DurationFlag{Name: "command-timeout", Usage: "the command: stop it after so long a `TIME`, such as 60s", DefaultText: "never"},
			&cli.BoolFlag{Name: "timeout-fails", Usage: "the command: a model whose time ran out fails"},
			&cli.StringFlag{Name: "work-dir", Usage: "the command: make the temporary folder in `DIR`", DefaultText: "the system's folder for them"},
			&cli.BoolFlag{Name: "opt-levels", Usage: "fails where ONNX Runtime computes something else with all optimisations than with none"},
			&cli.Float64Flag{Name: "atol", Usage: "--opt-levels: absolute `TOLERANCE`", DefaultText: "by element type, 1e-05 for float32"},
			&cli.Float64Flag{Name: "rtol", Usage: "--opt-levels: relative `TOLERANCE`", DefaultText: "by element type, 1e-04 for float32"},
			&cli.BoolFlag{Name: "load", Usage: "fails where ONNX Runtime refuses the model, with the same message as the whole one"},
			&cli.BoolFlag{Name: "nan", Usage: "fails where an output holds a NaN or an infinity, on seeded inputs"},
			&cli.Uint64Flag{Name: "seed", Usage: "--opt-levels, --nan: `SEED` of the inputs"},
			&cli.StringSliceFlag{Name: "range", Usage: "--opt-levels, --nan: generate elements within `NAME=LO..HI`, or LO..HI for every input"},
			&cli.StringFlag{Name: "dims", Usage: "--opt-levels, --nan: numbers for free dimensions, a `LIST` such as L=128,x[2]=64"},
			&cli.StringFlag{Name: "opt", Value: verify.OptimizeAll, Usage: "--load, --nan: `LEVEL` of graph optimisation: all, extended, basic, none"},
			ortFlag(),
			&cli.IntFlag{Name: "max-runs", Value: reduce.DefaultMaxRuns, Usage: "try `COUNT` models at most"},
			&cli.BoolFlag{Name: "weights", Usage: "have large initializers made by ConstantOfShape, where the model fails with them too"},
			&cli.BoolFlag{Name: "verbose", Usage: "tell of every model that is tried, on standard error"},
		}, outputFlags()...),
		Action: runReduce,
	}
}

// question asks whether a model fails.
type question interface {
	fails(*onnxpb.ModelProto) (bool, error)
	// last tells what became of the model that was asked about last, for one that does not fail.
	last() string
	close()
}

func runReduce(c *cli.Context) error {
	if c.NArg() == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a model is needed", Hint: "see onnxtool help reduce"}
	}
	input := c.Args().First()
	out, err := target(c, input)
	if err != nil {
		return err
	}
	if c.Int("max-runs") < 1 {
		return usagef("--max-runs must be 1 or more")
	}
	ask, err := questionOf(c)
	if err != nil {
		return err
	}
	f, err := openChecked(c, input)
	if err != nil {
		return err
	}
	defer f.Close()
	q, err := ask(f)
	if err != nil {
		return err
	}
	defer q.close()
	o := reduce.Options{MaxRuns: c.Int("max-runs"), Weights: c.Bool("weights"), Force: c.Bool("force")}
	if c.Bool("verbose") {
		o.Progress = func(p reduce.Progress) { fmt.Fprintln(c.App.ErrWriter, progressText(p)) }
	}
	small, r, err := reduce.Reduce(f.Model, q.fails, o)
	switch {
	case errors.Is(err, reduce.ErrPasses):
		return &onnxpb.Error{Kind: onnxpb.Refused, File: input, Msg: "the model does not fail: " + q.last(), Hint: "nothing was written"}
	case err != nil:
		return onnxpb.InFile(err, input)
	}
	edit := &surgery.Report{}
	if err := saveModel(c, small, out, fromFile(f), edit); err != nil {
		return err
	}
	r.Notes = edit.Notes
	return printReduced(c, r, out == "-")
}

func progressText(p reduce.Progress) string {
	answer := "does not fail"
	if p.Failed {
		answer = "fails"
	}
	return fmt.Sprintf("run %d of %d at most: %s: a model of %d nodes %s", p.Runs, p.MaxRuns, p.Step, p.Nodes, answer)
}

// printReduced prints the report: on standard output, unless the model itself went there.
func printReduced(c *cli.Context, r *reduce.Report, modelOnStdout bool) error {
	w := c.App.Writer
	if modelOnStdout {
		w = c.App.ErrWriter
	}
	switch {
	case c.Bool("json"):
		return printJSON(w, r)
	case c.Bool("quiet"):
		return nil
	}
	return r.WriteText(w)
}

// The flags that make sense with one kind of question only.
var (
	commandOnly   = []string{"exit", "stdout", "stderr", "command-timeout", "timeout-fails", "work-dir"}
	toleranceOnly = []string{"atol", "rtol"}
	inputsOnly    = []string{"seed", "range", "dims"}
)

// questionOf reads what a failure is. The function that it returns makes the question of the model that was opened.
func questionOf(c *cli.Context) (func(*onnxpb.File) (question, error), error) {
	var kinds []string
	for _, k := range []string{"opt-levels", "load", "nan"} {
		if c.Bool(k) {
			kinds = append(kinds, "--"+k)
		}
	}
	if c.NArg() > 1 {
		kinds = append(kinds, "a command")
	}
	if len(kinds) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "what a failure is was not told", Hint: "add a command after --, or --opt-levels, --load or --nan"}
	}
	if len(kinds) > 1 {
		return nil, usagef("%s and %s exclude each other", kinds[0], kinds[1])
	}
	kind := kinds[0]
	for _, rule := range []struct {
		flags []string
		kinds []string
	}{{commandOnly, []string{"a command"}}, {toleranceOnly, []string{"--opt-levels"}}, {inputsOnly, []string{"--opt-levels", "--nan"}}, {[]string{"opt"}, []string{"--load", "--nan"}},
		{[]string{"ort-lib"}, []string{"--opt-levels", "--load", "--nan"}}} {
		for _, flag := range rule.flags {
			if c.IsSet(flag) && !slices.Contains(rule.kinds, kind) {
				return nil, usagef("--%s cannot be used with %s", flag, kind)
			}
		}
	}
	if kind == "a command" {
		return commandOf(c)
	}
	return engineQuestionOf(c, kind)
}

// commandOf reads a command.
func commandOf(c *cli.Context) (func(*onnxpb.File) (question, error), error) {
	q := &commandQuestion{argv: c.Args().Slice()[1:], limit: c.Duration("command-timeout"), timeoutFails: c.Bool("timeout-fails")}
	if c.IsSet("command-timeout") && q.limit <= 0 {
		return nil, usagef("--command-timeout %v: the time must be above 0", q.limit)
	}
	if q.timeoutFails && q.limit == 0 {
		return nil, usagef("--timeout-fails needs --command-timeout")
	}
	for _, s := range splitList(c.String("exit")) {
		code, err := strconv.Atoi(s)
		if err != nil || code < 0 {
			return nil, usagef("--exit %s: exit codes are numbers from 0 up, such as 1,3", c.String("exit"))
		}
		q.codes = append(q.codes, code)
	}
	if c.IsSet("exit") && len(q.codes) == 0 {
		return nil, usagef("--exit lists no exit code")
	}
	for _, x := range []struct {
		flag string
		to   **regexp.Regexp
	}{{"stdout", &q.stdout}, {"stderr", &q.stderr}} {
		if !c.IsSet(x.flag) {
			continue
		}
		re, err := regexp.Compile(c.String(x.flag))
		if err != nil {
			return nil, usagef("--%s: %w", x.flag, err)
		}
		*x.to = re
	}
	if err := q.findCommand(); err != nil {
		return nil, err
	}
	return func(f *onnxpb.File) (question, error) {
		err := q.open(f, c.String("work-dir"))
		return q, err
	}, nil
}
