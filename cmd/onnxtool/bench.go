package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure how fast models run, one by itself or several in turn",
		UsageText: "onnxtool bench MODEL [MODEL_B...] [--batch 1,2,4,8] [--threads 1,2] [--runs 200 | --time 2s] [--profile] [--plot FILE.svg]",
		Description: "Runs models in ONNX Runtime on seeded or given inputs and prints how long a run takes and how many rows are computed in a second, at\n" +
			"every batch and number of threads. Several models run in turn in one process, so that what slows the machine down slows down all of\n" +
			"them, and each is compared with the first: the ratio of the medians, with its 95 % interval.\n\n" +
			"With --fail-above 1.10 the exit code is 1 where a model takes more than 1.10 times as long as the first with the whole interval\n" +
			"above that.\n\n" +
			"Examples: onnxtool bench dmhead.onnx --batch 1,2,4,8 --threads 1,2 --plot speed.svg\n" +
			"          onnxtool bench before.onnx after.onnx --batch 8 --time 5s --fail-above 1.10\n" +
			"          onnxtool bench dmhead.onnx --profile --top 20",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "batch", Usage: "batches to run, a `LIST` such as 1,2,4,8 (default: what the models or files fix, else 1)"},
			&cli.StringFlag{Name: "threads", Usage: "numbers of threads for one operator, a `LIST` such as 1,2; 0 leaves it to ONNX Runtime", Value: "0"},
			&cli.IntFlag{Name: "warmup", Usage: "`COUNT` of runs of each model at each point that are not measured", Value: 5},
			&cli.IntFlag{Name: "runs", Usage: "`COUNT` of measured runs of each model at each point", DefaultText: "what --time allows"},
			&cli.DurationFlag{Name: "time", Usage: "how `LONG` each point is measured, such as 500ms or 10s", DefaultText: "2s, where --runs is not given"},
			&cli.Float64Flag{Name: "fail-above", Usage: "fail where a model takes more than `RATIO` times as long as the first", DefaultText: "no limit"},
			&cli.BoolFlag{Name: "profile", Usage: "tell where the time goes too, by operator type and node, at the last batch and number of threads"},
			&cli.IntFlag{Name: "top", Usage: "`COUNT` of nodes that --profile lists", Value: 10},
			&cli.StringFlag{Name: "plot", Usage: "draw latency and throughput over the batch to `FILE` (.svg or .png)"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of generated inputs"},
			&cli.StringSliceFlag{Name: "inputs", Usage: "take inputs from a file: `NAME=FILE` (.npy, .npz, .pb), or FILE alone"},
			&cli.StringSliceFlag{Name: "range", Usage: "generate elements within `NAME=LO..HI`, or LO..HI for every input"},
			distFlag(),
			&cli.StringFlag{Name: "dims", Usage: "numbers for free dimensions, a `LIST` such as L=128,x[2]=64"},
			&cli.StringSliceFlag{Name: "map", Usage: "`A=B`: input A of the first model is B of another"},
			&cli.StringFlag{Name: "opt", Value: verify.OptimizeAll, Usage: "`LEVEL` of graph optimisation: all, extended, basic, none"},
			&cli.BoolFlag{Name: "parallel", Usage: "run nodes that do not need each other at the same time"},
			&cli.IntFlag{Name: "inter-threads", Usage: "`COUNT` of threads that --parallel spreads nodes over; 0 leaves it to ONNX Runtime"},
			providerFlag(),
			&cli.DurationFlag{Name: "timeout", Usage: "stop a run that takes `LONGER`, such as 30s, and fail", DefaultText: "no limit"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing"},
			ortFlag(),
			memoryFlag(),
		},
		Action: runBench,
	}
}

func runBench(c *cli.Context) error {
	if c.NArg() == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "at least one model is needed", Hint: "see onnxtool help bench"}
	}
	o, err := benchOptions(c)
	if err != nil {
		return err
	}
	plot := c.String("plot")
	if plot != "" {
		if err := verify.CheckPlotName(plot); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
		if err := reportFiles(c, []string{"plot"}, c.Args().Slice()...); err != nil {
			return err
		}
	}
	models, e, closeAll, err := openAll(c, c.Args().Slice()...)
	if err != nil {
		return err
	}
	defer closeAll()
	r, err := verify.Bench(e, models, o)
	if err != nil {
		return whyRefused(err, models)
	}
	r.Command = os.Args
	err = answer(c, r, r.Pass, func() error { return r.WriteText(c.App.Writer) })
	if plot != "" { // after the report, which is not to be lost where the picture cannot be written
		if err := r.WritePlot(plot); err != nil {
			return err
		}
	}
	return err
}

func benchOptions(c *cli.Context) (o verify.BenchOptions, err error) {
	o = verify.BenchOptions{Warmup: c.Int("warmup"), Runs: c.Int("runs"), Time: c.Duration("time"), FailAbove: c.Float64("fail-above"), Profile: c.Bool("profile"),
		Top: c.Int("top"), Seed: c.Uint64("seed")}
	if err := checkBenchFlags(c); err != nil {
		return o, err
	}
	if o.Session, err = benchSession(c); err != nil {
		return o, err
	}
	if o.Batches, err = batches(c); err != nil {
		return o, err
	}
	for _, s := range splitList(c.String("threads")) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return o, usagef("--threads %s: write numbers from 0 up, such as 1,2", c.String("threads"))
		}
		o.Threads = append(o.Threads, n)
	}
	if o.Dims, o.Files, o.Ranges, err = inputFlags(c); err != nil {
		return o, err
	}
	if o.Dists, err = dists(c); err != nil {
		return o, err
	}
	for _, s := range c.StringSlice("map") {
		p, err := verify.ParsePair(s)
		if err != nil {
			return o, fmt.Errorf("--map: %w", err)
		}
		o.Map = append(o.Map, p)
	}
	return o, nil
}

// checkBenchFlags refuses numbers that mean nothing, which verify.Bench would take for its defaults.
func checkBenchFlags(c *cli.Context) error {
	switch {
	case c.IsSet("runs") && c.IsSet("time"):
		return usagef("--runs and --time exclude each other")
	case c.IsSet("runs") && c.Int("runs") < 1:
		return usagef("--runs must be 1 or more")
	case c.IsSet("time") && c.Duration("time") <= 0:
		return usagef("--time must be above 0")
	case c.IsSet("timeout") && c.Duration("timeout") <= 0:
		return usagef("--timeout must be above 0")
	case c.Int("warmup") < 0:
		return usagef("--warmup cannot be negative")
	case c.Int("top") < 1:
		return usagef("--top must be 1 or more")
	case c.IsSet("top") && !c.Bool("profile"):
		return usagef("--top needs --profile")
	case c.IsSet("fail-above") && !(c.Float64("fail-above") > 0):
		return usagef("--fail-above must be above 0, such as 1.10")
	case c.Int("inter-threads") < 0:
		return usagef("--inter-threads cannot be negative")
	case c.IsSet("inter-threads") && !c.Bool("parallel"):
		return usagef("--inter-threads needs --parallel")
	}
	return nil
}

// benchSession reads the settings of the engine.
func benchSession(c *cli.Context) (verify.SessionOptions, error) {
	o := verify.SessionOptions{Optimization: c.String("opt"), Parallel: c.Bool("parallel"), InterOpThreads: c.Int("inter-threads"), Timeout: c.Duration("timeout")}
	switch o.Optimization {
	case verify.OptimizeAll, verify.OptimizeExtended, verify.OptimizeBasic, verify.OptimizeNone:
	default:
		return o, usagef("--opt %s: the levels are all, extended, basic, none", o.Optimization)
	}
	return o, settings(c, &o)
}
