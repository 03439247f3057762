package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a model on seeded or given inputs, and show, sum up or save what it computes",
		UsageText: "onnxtool run MODEL [--inputs NAME=FILE] [--fetch NAME] [-o FILE.npz] [--print]\nonnxtool run MODEL --find-nan [--inputs NAME=FILE]",
		Description: "Every output with its shape, type, least, largest and mean element, deviation, and how many NaNs and infinities it has. --fetch does the same for\n" +
			"values within the model. With -o the values are written as arrays of NumPy or as ONNX's own tensors, with --print they are shown.\n\n" +
			"--find-nan names the first node that makes a NaN or an infinity of finite inputs, and what likely makes it. The exit code is 1 where one is found.\n\n" +
			"Examples: onnxtool run model.onnx --batch 4 --seed 7 -o out.npz\n" +
			"          onnxtool run model.onnx --inputs image=cat.npy --fetch '/layer1/*' --print\n" +
			"          onnxtool run model.onnx --find-nan --range image=0..1",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "inputs", Usage: "take inputs from a file: `NAME=FILE` (.npy, .npz, .pb, .png, .jpg, .bin), or FILE alone, or a folder test_data_set_*"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of generated inputs"},
			&cli.IntFlag{Name: "samples", Usage: "`COUNT` of generated sets of inputs", DefaultText: "1"},
			distFlag(),
			&cli.StringSliceFlag{Name: "range", Usage: "generate elements within `NAME=LO..HI`, or LO..HI for every input"},
			&cli.StringFlag{Name: "dims", Usage: "numbers for free dimensions, a `LIST` such as L=128,x[2]=64"},
			&cli.StringFlag{Name: "batch", Usage: "the batch to run, a `NUMBER` (default: what the model or a file fixes, else 1)"},
			&cli.StringSliceFlag{Name: "only", Usage: "give the output `NAME` alone (may be repeated)"},
			&cli.StringSliceFlag{Name: "fetch", Usage: "give the value `NAME` within the model too; patterns with * and ?, or re: and a regular expression (may be repeated)"},
			&cli.BoolFlag{Name: "fetch-all", Usage: "give every value that a node makes"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the values to `FILE`: .npz, .npy, .pb, or a folder"},
			&cli.BoolFlag{Name: "print", Usage: "show the elements, as NumPy does"},
			&cli.BoolFlag{Name: "find-nan", Usage: "name the first node that makes a NaN or an infinity"},
			&cli.StringFlag{Name: "memory", Usage: "`BYTES` of values that --find-nan may hold at once, such as 512MiB or 2GiB", DefaultText: "1GiB"},
			providerFlag(),
			&cli.StringFlag{Name: "opt", Usage: "`LEVEL` of graph optimisation: all, extended, basic, none", DefaultText: "all, with --find-nan none"},
			&cli.IntFlag{Name: "threads", Usage: "`COUNT` of threads for one operator; 0 leaves it to ONNX Runtime"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no report"},
			ortFlag(),
		}, append(settingFlags(), isolateFlags()...)...),
		Action: isolated(runRun),
	}
}

// runFlags are those that make no sense with --find-nan, and nanFlags those that need it.
var (
	runFlags = []string{"only", "fetch", "fetch-all", "output", "print"}
	nanFlags = []string{"memory"}
)

func runRun(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help run"}
	}
	find := c.Bool("find-nan")
	misplaced, why := nanFlags, "needs --find-nan"
	if find {
		misplaced, why = runFlags, "cannot be used with --find-nan"
	}
	for _, name := range misplaced {
		if c.IsSet(name) {
			return usagef("--%s %s", name, why)
		}
	}
	if c.Bool("print") && c.Bool("json") {
		return usagef("--print and --json exclude each other: -o writes the elements to a file")
	}
	o, err := runOptions(c)
	if err != nil {
		return err
	}
	out := c.String("output")
	if out != "" {
		if err := verify.CheckSave(out); err != nil {
			return err
		}
		if err := reportFiles(c, []string{"output"}, append(c.Args().Slice(), inputPaths(o.Files)...)...); err != nil {
			return err
		}
	}
	models, e, closeAll, err := openAll(c, c.Args().First())
	if err != nil {
		return err
	}
	defer closeAll()
	if find {
		r, err := verify.FindNaN(e, models[0], o)
		if err != nil {
			return whyRefused(err, models)
		}
		r.Command = os.Args
		return answer(c, r, !r.Found, func() error { return r.WriteText(c.App.Writer) })
	}
	o.DropValues = out == "" && !c.Bool("print")
	r, err := verify.Run(e, models[0], o)
	if err != nil {
		return whyRefused(err, models)
	}
	r.Command = os.Args
	if out != "" {
		if err := r.Save(out); err != nil {
			return err
		}
	}
	if err := answer(c, r, true, func() error { return r.WriteText(c.App.Writer) }); err != nil || !c.Bool("print") {
		return err
	}
	return r.WriteValues(c.App.Writer)
}

func runOptions(c *cli.Context) (o verify.RunOptions, err error) {
	o = verify.RunOptions{Seed: c.Uint64("seed"), Samples: c.Int("samples"), Outputs: c.StringSlice("only"), Fetch: c.StringSlice("fetch"), FetchAll: c.Bool("fetch-all")}
	o.Session = verify.SessionOptions{Optimization: c.String("opt"), Threads: c.Int("threads")}
	switch o.Session.Optimization {
	case verify.OptimizeAll, verify.OptimizeExtended, verify.OptimizeBasic, verify.OptimizeNone:
	case "": // by what is asked for
		if c.IsSet("opt") {
			return o, usagef("--opt: the levels are all, extended, basic, none")
		}
	default:
		return o, usagef("--opt %s: the levels are all, extended, basic, none", o.Session.Optimization)
	}
	if o.Session.Threads < 0 {
		return o, usagef("--threads cannot be negative")
	}
	if err := checkSamples(c); err != nil {
		return o, err
	}
	if err := settings(c, &o.Session); err != nil {
		return o, err
	}
	if o.Memory, err = byteCount(c.String("memory")); err != nil {
		return o, fmt.Errorf("--memory: %w", err)
	}
	if s := c.String("batch"); s != "" || c.IsSet("batch") {
		if o.Batch, err = strconv.ParseInt(s, 10, 32); err != nil || o.Batch < 1 {
			return o, usagef("--batch %s: it is one number from 1 up", s)
		}
	}
	if o.Dims, o.Files, o.Ranges, err = inputFlags(c); err != nil {
		return o, err
	}
	o.Dists, err = dists(c)
	return o, err
}
