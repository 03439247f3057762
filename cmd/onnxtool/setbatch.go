package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

func setbatchCommand() *cli.Command {
	return &cli.Command{
		Name:      "setbatch",
		Usage:     "give a model another batch: a symbol, such as N, or a number",
		UsageText: "onnxtool setbatch N MODEL -o OUT [--axis INPUT=1] [--inputs a,b] [--check] [--explain]",
		Description: "The batch is axis 0 of the inputs, or the axis that --axis tells. It is followed through every operator, wherever it goes; constants that\n" +
			"stand for the old batch (targets of Reshape and Expand, ends of Slice, sizes of Resize, rows that are joined with rows) are mended,\n" +
			"and outputs and value_info declared anew. Where rows would mix, nothing is written, and the node is named.\n\n" +
			"--check runs the original on one row at a time and the result at several batches, in ONNX Runtime: every row must come out the same.\n\n" +
			"--each-row has a Scan run each row by itself where the batch cannot be followed: right whatever the operators do, and slow.\n\n" +
			"--force writes what cannot be followed too: then only declarations are changed, and the report says so.\n\n" +
			"Example: onnxtool setbatch N in.onnx -o out.onnx --check",
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "input", Usage: "the input `NAME` holds the batch (may be repeated; default: all inputs)"},
			&cli.StringSliceFlag{Name: "inputs", Usage: "the same for several inputs, a `LIST` such as a,b"},
			&cli.StringSliceFlag{Name: "axis", Usage: "the axis of the batch in an input where it is not axis 0: `INPUT=AXIS` (may be repeated); of an output: where it has to come out"},
			&cli.StringSliceFlag{Name: "trust", Usage: "take the operator `OP`, which is not known, to work on each row by itself (may be repeated; DOMAIN.OP for other domains)"},
			&cli.BoolFlag{Name: "each-row", Usage: "where the batch cannot be followed, and the model is made for one row: run each row by itself, in a Scan"},
			&cli.BoolFlag{Name: "explain", Usage: "tell of every value where the batch lies in it"},
			&cli.BoolFlag{Name: "check", Usage: "run original and result in ONNX Runtime, and write only what computes the same of every row"},
			&cli.StringFlag{Name: "batch", Value: "1,2,3,7", Usage: "with --check: the batches to run, a `LIST`"},
			&cli.Uint64Flag{Name: "seed", Usage: "with --check: `SEED` of the rows"},
			&cli.Float64Flag{Name: "atol", Usage: "with --check: absolute `TOLERANCE`", DefaultText: "1e-05, and more for 16-bit floats"},
			&cli.Float64Flag{Name: "rtol", Usage: "with --check: relative `TOLERANCE`", DefaultText: "0.0001, and more for 16-bit floats"},
			&cli.StringSliceFlag{Name: "range", Usage: "with --check: generate elements within `NAME=LO..HI`, or LO..HI for every input"},
			&cli.StringFlag{Name: "dims", Usage: "with --check: numbers for other free dimensions, a `LIST` such as L=128,x[2]=64"},
			ortFlag(),
		),
		Action: runSetbatch,
	}
}

func runSetbatch(c *cli.Context) error {
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a batch and a model are needed, %d arguments given", c.NArg()),
			Hint: "for example onnxtool setbatch N in.onnx -o out.onnx"}
	}
	if first, second := c.Args().Get(0), c.Args().Get(1); isFile(first) && !isFile(second) && second != "-" {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the batch comes first, and %q is a file", first), Hint: fmt.Sprintf("onnxtool setbatch %s %s", second, first)}
	}
	batch, err := onnxpb.ParseDim(c.Args().First())
	if err != nil {
		return err
	}
	if batch == (onnxpb.Dim{}) {
		return usagef("batch %s is neither a symbol nor a number", c.Args().First())
	}
	o, err := setbatchOptions(c)
	if err != nil {
		return err
	}
	if c.Bool("check") && stepsOf(c) != nil {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--check holds a whole command to its model, and not a step of edit", Hint: "run setbatch by itself, or compare with onnxtool verify"}
	}
	if !c.Bool("check") {
		for _, flag := range []string{"batch", "seed", "atol", "rtol", "range", "dims", "ort-lib"} {
			if c.IsSet(flag) {
				return usagef("--%s needs --check", flag)
			}
		}
		return editFile(c, c.Args().Get(1), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.SetBatchOf(m, batch, o)
		})
	}
	return setbatchChecked(c, batch, o, c.Args().Get(1))
}

// setbatchOptions reads the flags that say where the batch is.
func setbatchOptions(c *cli.Context) (surgery.BatchOptions, error) {
	o := surgery.BatchOptions{Inputs: c.StringSlice("input"), Trust: c.StringSlice("trust"), Force: c.Bool("force"), EachRow: c.Bool("each-row"), Explain: c.Bool("explain"), Axes: map[string]int{}}
	for _, list := range c.StringSlice("inputs") {
		o.Inputs = append(o.Inputs, strings.Split(list, ",")...)
	}
	for _, s := range c.StringSlice("axis") {
		at := strings.LastIndexByte(s, '=')
		axis, err := strconv.Atoi(s[at+1:])
		if at <= 0 || err != nil {
			return o, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--axis " + s + " is not INPUT=AXIS", Hint: "for example --axis input=1"}
		}
		if old, twice := o.Axes[s[:at]]; twice && old != axis {
			return o, usagef("--axis gives %s two axes", s[:at])
		}
		o.Axes[s[:at]] = axis
	}
	return o, nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir()
}

// setbatchChecked writes the result only when ONNX Runtime has shown it to compute the same.
func setbatchChecked(c *cli.Context, batch onnxpb.Dim, where surgery.BatchOptions, input string) error {
	o := verify.BatchOptions{Inputs: where.Inputs}
	o.Tolerance = givenTolerance(c, verify.DefaultTolerance)
	sizes, err := batches(c)
	if err != nil {
		return err
	}
	if o.Ranges, err = ranges(c); err != nil {
		return err
	}
	if o.Dims, err = dims(c); err != nil {
		return err
	}
	out, err := target(c, input)
	if err != nil {
		return err
	}
	f, err := openChecked(c, input)
	if err != nil {
		return err
	}
	defer f.Close()
	original := verify.Source{Model: onnxpb.Clone(f.Model), Dir: f.Dir(), Path: input}
	if input == "-" {
		original.Path = ""
	}
	r, err := surgery.SetBatchOf(f.Model, batch, where)
	if err != nil {
		return onnxpb.InFile(err, input)
	}
	o.Axes = r.Axes
	if !c.Bool("force") {
		if err := mustPass(f.Model, "", out, "the result would not be valid (nothing was written)"); err != nil {
			return err
		}
	}
	e, err := engine(c)
	if err != nil {
		return couldNotCheck(err)
	}
	check, err := verify.CheckBatch(e, original, verify.Source{Model: f.Model, Dir: f.Dir()}, sizes, c.Uint64("seed"), o)
	if err != nil {
		return couldNotCheck(err)
	}
	if check.Equal {
		if err := saveModel(c, f.Model, out, fromFile(f), r); err != nil {
			return err
		}
	}
	err = printChecked(c, r, check, out == "-")
	if err == nil && !check.Equal {
		return &onnxpb.Error{Kind: onnxpb.Refused, File: input, Msg: "the result does not compute what the original computes of each row: nothing was written",
			Hint: "this is a fault of the edit; keep the model as it is, and report it"}
	}
	return err
}

// couldNotCheck says that there was no check, and so no result.
func couldNotCheck(err error) error {
	return &onnxpb.Error{Kind: onnxpb.KindOf(err), Msg: "could not check, and nothing was written", Err: err}
}
