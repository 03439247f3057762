package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "run two models on the same inputs and compare them, or hold a fused head-pose model to its originals",
		UsageText: "onnxtool verify REFERENCE MODEL... [--batch 1,2,7] [--atol 1e-5] [--rtol 1e-4] [--tol OUTPUT:cosine=0.999]\nonnxtool verify REFERENCE MODEL --layers\nonnxtool verify MODEL --rows [--batch 1,2,7]\n" +
			"onnxtool verify MODEL --opt-levels\nonnxtool verify MODEL --formula FILE\nonnxtool verify MODEL --record FOLDER\nonnxtool verify MODEL --against FOLDER\nonnxtool verify FUSED --front FRONT --rear REAR [--gate select] [--limit 75] [--batch 1,2,7]",
		Description: "Two models: both run in ONNX Runtime on the same seeded or given inputs, and every output is compared:\n" +
			"|got - want| <= atol + rtol*|want| for floats, equality for all else. The exit code is 0 where all are equal and 1 where not.\n\n" +
			"One model with --front and --rear: the two run, their poses are combined in plain arithmetic, and the fused model is held to that:\n" +
			"near it in degrees, and exactly the pose that its own gate should choose. The images are searched so that both models answer and\n" +
			"the limit is approached from both sides, or it is said that they do not.\n\n" +
			"Examples: onnxtool verify ref.onnx out.onnx --batch 1,2,7\n" +
			"          onnxtool verify dmhead.onnx --front six.onnx --rear whenet.onnx --gate select --limit 75 --batch 1,2,7",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "batch", Usage: "batches to run, a `LIST` such as 1,2,7 (default: what the models or files fix, else 1; with --front 1,2,7)"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of generated inputs"},
			&cli.IntFlag{Name: "samples", Usage: "`COUNT` of generated sets of inputs for each batch (with --front: of images)", DefaultText: "1, with --front 24"},
			&cli.Float64Flag{Name: "atol", Usage: "absolute `TOLERANCE` (with --front: degrees)", DefaultText: "by element type, 1e-05 for float32; with --front 0.001"},
			&cli.Float64Flag{Name: "rtol", Usage: "relative `TOLERANCE`", DefaultText: "by element type, 1e-04 for float32"},
			&cli.StringSliceFlag{Name: "tol", Usage: "`RULE` for one output, OUTPUT:atol=1e-3,rtol=0, or for all: atol, rtol, ulp, mean, p99, beyond, cosine, snr, angle, top1, iou (may be repeated)"},
			&cli.StringSliceFlag{Name: "angle", Usage: "`OUTPUT` holds angles in degrees: its errors are along the circle"},
			&cli.StringSliceFlag{Name: "inputs", Usage: "take inputs from a file: `NAME=FILE` (.npy, .npz, .pb, .png, .jpg, .bin), or FILE alone, or a folder test_data_set_*"},
			&cli.StringSliceFlag{Name: "range", Usage: "generate elements within `NAME=LO..HI`, or LO..HI for every input"},
			distFlag(),
			&cli.BoolFlag{Name: "corners", Usage: "run each batch on corner samples, too: zeros, ones, extremes, negative, denormal numbers, NaN, infinities"},
			&cli.BoolFlag{Name: "all-dims", Usage: "run free dimensions that have no number at 1, 2 and a prime from 7 up, one after the other"},
			&cli.StringFlag{Name: "dims", Usage: "numbers for free dimensions, a `LIST` such as L=128,x[2]=64"},
			&cli.StringSliceFlag{Name: "map", Usage: "`A=B`: input or output A of the reference is B of the model"},
			&cli.StringSliceFlag{Name: "transpose", Usage: "`NAME=0,3,1,2`: how the axes of an input or output of the model stand against the reference's"},
			&cli.StringSliceFlag{Name: "slice", Usage: "`NAME=:,0:3`: the part of an output of the model that is compared"},
			&cli.StringSliceFlag{Name: "slice-ref", Usage: "`NAME=:,0:3`: the part of an output of the reference that is compared"},
			&cli.BoolFlag{Name: "rows", Usage: "one model: prove that each row of a batch is what the model computes of that row alone"},
			&cli.StringSliceFlag{Name: "axis", Usage: "with --rows: `NAME=AXIS`, the axis of the batch in an input or output where it is not axis 0"},
			&cli.BoolFlag{Name: "opt-levels", Usage: "one model: hold it to itself over ONNX Runtime's levels of graph optimisation"},
			&cli.BoolFlag{Name: "layers", Usage: "compare every tensor that both models have, and name the node where they part"},
			&cli.BoolFlag{Name: "bisect", Usage: "name the node where they part by a search, with few runs"},
			&cli.StringFlag{Name: "memory", Usage: "with --layers, --bisect or --one-at-a-time: `BYTES` of tensors to hold at once, such as 512MiB or 2GiB", DefaultText: "1GiB"},
			&cli.BoolFlag{Name: "one-at-a-time", Usage: "run the reference on all inputs first and close it, so that the models are not in memory at once"},
			&cli.BoolFlag{Name: "by-structure", Usage: "with --layers or --bisect: match tensors by the structure of the graphs alone, whatever their names"},
			&cli.BoolFlag{Name: "all", Usage: "with --layers or --bisect: print every tensor"},
			&cli.StringFlag{Name: "against", Usage: "one model: compare with the outputs that are recorded in `FOLDER`, an ONNX test data set or a folder of them"},
			&cli.StringFlag{Name: "record", Usage: "one model: write inputs and outputs to `FOLDER` as ONNX test data sets"},
			&cli.IntFlag{Name: "record-first", Usage: "`NUMBER` of the first data set that --record writes"},
			&cli.BoolFlag{Name: "replace", Usage: "with --record: data sets that are there may be replaced"},
			&cli.StringFlag{Name: "formula", Usage: "one model: hold it to the formula in `FILE`, of what its originals give"},
			&cli.StringFlag{Name: "junit", Usage: "write the report to `FILE` as JUnit XML, which continuous integration shows"},
			&cli.StringFlag{Name: "markdown", Usage: "write the report to `FILE` as Markdown, for pull requests"},
			&cli.StringFlag{Name: "html", Usage: "write the report to `FILE` as one page of HTML, with histograms of the errors"},
			&cli.StringSliceFlag{Name: "only", Usage: "compare the output `NAME` of the reference alone (may be repeated)"},
			&cli.StringFlag{Name: "opt", Value: verify.OptimizeAll, Usage: "`LEVEL` of graph optimisation: all, extended, basic, none"},
			providerFlag(),
			&cli.IntFlag{Name: "threads", Usage: "`COUNT` of threads for one operator; 0 leaves it to ONNX Runtime"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: the exit code tells"},
			ortFlag(),

			&cli.StringFlag{Name: "front", Usage: "the front `MODEL` that was fused"},
			&cli.StringFlag{Name: "rear", Usage: "the rear `MODEL` that was fused"},
			&cli.StringFlag{Name: "gate", Usage: "`RULE` that chooses: select, sum, published", DefaultText: "what the metadata says, else select"},
			&cli.Float64Flag{Name: "limit", Usage: "yaw in `DEGREES` up to which the front answers", DefaultText: "what the metadata says, else 75, for the gate published 90"},
			&cli.StringFlag{Name: "order", Usage: "the `COLUMNS` of the fused model's output", DefaultText: "what the metadata says, else yaw,roll,pitch"},
			&cli.StringFlag{Name: "output", Usage: "`NAME` of the fused model's pose", DefaultText: "its first output [N,3]"},
			&cli.StringFlag{Name: "front-order", Usage: "what the `COLUMNS` (or logit outputs) of the front model are, where their names do not tell"},
			&cli.StringFlag{Name: "rear-order", Usage: "what the `COLUMNS` (or logit outputs) of the rear model are, where their names do not tell"},
			&cli.StringFlag{Name: "front-outputs", Usage: "`NAMES` of the outputs of the front model that are its pose, where several could be"},
			&cli.StringFlag{Name: "rear-outputs", Usage: "`NAMES` of the outputs of the rear model that are its pose, where several could be"},
			&cli.StringFlag{Name: "front-norm", Usage: "`NORM` that was grafted before the front model: imagenet, imagenet255, or mean=...;std=...;scale=..."},
			&cli.StringFlag{Name: "rear-norm", Usage: "`NORM` that was grafted before the rear model, written as --front-norm is"},
			&cli.Float64Flag{Name: "bin-width", Value: 3, Usage: "`DEGREES` that a bin of a logit head is wide"},
			&cli.BoolFlag{Name: "circular", Usage: "the mean of yaw bins was taken along the circle"},
			&cli.StringFlag{Name: "front-pose", Usage: "`TENSOR` [N,3] of the fused model that its gate takes from the front model", DefaultText: "what the metadata says"},
			&cli.StringFlag{Name: "rear-pose", Usage: "`TENSOR` [N,3] of the fused model that its gate takes from the rear model", DefaultText: "what the metadata says"},
			&cli.BoolFlag{Name: "near", Usage: "be content with rows near the originals where the exact choice cannot be proven, as the gate's tensors are not known"},
			&cli.BoolFlag{Name: "require-coverage", Usage: "fail where the images do not cover both sides of the limit and its neighbourhood"},
		}, append(settingFlags(), isolateFlags()...)...),
		Action: isolated(runVerify),
	}
}

// headFlags are those that make sense with --front and --rear only.
var headFlags = []string{"gate", "limit", "order", "output", "front-order", "rear-order", "front-outputs", "rear-outputs", "front-norm", "rear-norm", "bin-width", "circular",
	"front-pose", "rear-pose", "near", "require-coverage"}

// pairFlags are those that make sense without them only.
var pairFlags = []string{"rtol", "map", "only", "tol", "angle", "transpose", "slice", "slice-ref", "rows", "axis", "opt-levels", "formula", "against", "record", "record-first", "replace", "dist", "corners", "all-dims", "layers", "bisect", "memory", "one-at-a-time", "by-structure", "all", "junit", "markdown", "html"}

func runVerify(c *cli.Context) error {
	head := c.IsSet("front") || c.IsSet("rear")
	want, misplaced, why := 2, headFlags, "needs --front and --rear"
	if head {
		want, misplaced, why = 1, pairFlags, "cannot be used with --front and --rear"
	}
	for _, name := range misplaced {
		if c.IsSet(name) {
			return usagef("--%s %s", name, why)
		}
	}
	alone := c.Bool("rows") || c.Bool("opt-levels") || c.IsSet("formula") || c.IsSet("against") || c.IsSet("record")
	if alone {
		want = 1
	}
	if c.NArg() < want || c.NArg() > want && (head || alone) {
		hint := "give the reference and the model, or one fused model with --front and --rear"
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%d models are needed, %d given", want, c.NArg()), Hint: hint}
	}
	if c.Bool("rows") {
		return runVerifyRows(c)
	}
	if c.IsSet("axis") {
		return usagef("--axis needs --rows")
	}
	if head {
		if c.String("front") == "" || c.String("rear") == "" {
			return usagef("--front and --rear belong together")
		}
		return runVerifyHead(c)
	}
	return runVerifyPair(c)
}

// sources opens models for running.
func sources(c *cli.Context, paths ...string) (list []verify.Source, closeAll func(), err error) {
	var files []*onnxpb.File
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for i, path := range paths {
		if path == "-" && contains(paths[:i], "-") {
			closeAll()
			return nil, nil, usagef("standard input can be one model only")
		}
		f, err := onnxpb.Open(path)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		files = append(files, f)
		s := verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}
		if path == "-" {
			s.Path = ""
		}
		list = append(list, s)
	}
	return list, closeAll, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func runVerifyPair(c *cli.Context) error {
	o := verify.Options{Seed: c.Uint64("seed"), Samples: c.Int("samples"), Only: c.StringSlice("only")}
	err := verifyRules(c, &o)
	if err != nil {
		return err
	}
	if o.Session, err = sessionOptions(c); err != nil {
		return err
	}
	if o.Batches, err = batches(c); err != nil {
		return err
	}
	if o.Dims, o.Files, o.Ranges, err = inputFlags(c); err != nil {
		return err
	}
	if o.Dists, err = dists(c); err != nil {
		return err
	}
	o.Corners = c.Bool("corners")
	for _, s := range c.StringSlice("map") {
		p, err := verify.ParsePair(s)
		if err != nil {
			return fmt.Errorf("--map: %w", err)
		}
		o.Map = append(o.Map, p)
	}
	if c.IsSet("record") {
		return runRecord(c, o)
	}
	if c.Bool("layers") || c.Bool("bisect") {
		return runLayers(c, o)
	}
	for _, flag := range []string{"by-structure", "all"} {
		if c.IsSet(flag) {
			return usagef("--%s needs --layers or --bisect", flag)
		}
	}
	o.OneAtATime = c.Bool("one-at-a-time")
	if c.IsSet("memory") && !o.OneAtATime {
		return usagef("--memory needs --layers, --bisect or --one-at-a-time")
	}
	if o.Memory, err = byteCount(c.String("memory")); err != nil {
		return err
	}
	for _, flag := range []string{"record-first", "replace"} {
		if c.IsSet(flag) {
			return usagef("--%s needs --record", flag)
		}
	}
	return runComparison(c, o)
}

func runVerifyHead(c *cli.Context) error {
	o := verify.HeadOptions{
		Gate: c.String("gate"), Order: c.String("order"), Output: c.String("output"),
		FrontOrder: c.String("front-order"), RearOrder: c.String("rear-order"),
		FrontOutputs: splitList(c.String("front-outputs")), RearOutputs: splitList(c.String("rear-outputs")),
		BinWidth: c.Float64("bin-width"), Circular: c.Bool("circular"),
		FrontPose: c.String("front-pose"), RearPose: c.String("rear-pose"),
		Near: c.Bool("near"), RequireCoverage: c.Bool("require-coverage"),
		Seed: c.Uint64("seed"), Samples: c.Int("samples"), Atol: c.Float64("atol"),
	}
	if c.IsSet("limit") {
		limit := c.Float64("limit")
		o.Limit = &limit
	}
	if c.IsSet("atol") && !(o.Atol > 0) {
		return usagef("--atol %v: the tolerance in degrees must be above 0 (the exact check needs none)", o.Atol)
	}
	var err error
	if o.Session, err = sessionOptions(c); err != nil {
		return err
	}
	if o.Batches, err = batches(c); err != nil {
		return err
	}
	if o.Dims, err = dims(c); err != nil {
		return err
	}
	if o.Files, err = inputFiles(c); err != nil {
		return err
	}
	if o.FrontNorm, err = norm(c, "front-norm"); err != nil {
		return err
	}
	if o.RearNorm, err = norm(c, "rear-norm"); err != nil {
		return err
	}
	list, err := ranges(c)
	if err != nil {
		return err
	}
	for _, r := range list {
		if len(list) > 1 {
			return usagef("--range can be given once here: there is one input")
		}
		o.Range = &r
	}
	models, e, closeAll, err := openAll(c, c.Args().First(), c.String("front"), c.String("rear"))
	if err != nil {
		return err
	}
	defer closeAll()
	r, err := verify.VerifyHead(e, models[0], models[1], models[2], o)
	if err != nil {
		return whyRefused(err, models)
	}
	r.Command = os.Args
	return answer(c, r, r.Holds, func() error { return r.WriteText(c.App.Writer) })
}

// whyRefused tells an invalid model from a fault of ONNX Runtime, where that failed: the first is the input's fault, exit code 3.
func whyRefused(err error, models []verify.Source) error {
	if onnxpb.KindOf(err) != onnxpb.Engine {
		return err
	}
	for _, m := range models {
		if invalid := mustPass(m.Model, m.Dir, m.Path, "the model is not valid"); invalid != nil {
			return &onnxpb.Error{Kind: onnxpb.Unfit, Err: fmt.Errorf("%w; %w", invalid, err)}
		}
	}
	return err
}

// answer prints a report; where the answer is no, the exit code is 1.
func answer(c *cli.Context, report any, yes bool, text func() error) error {
	var err error
	switch {
	case c.Bool("json"):
		err = printJSON(c.App.Writer, report)
	case !c.Bool("quiet"):
		err = text()
	}
	if err == nil && !yes {
		return answerNo{}
	}
	return err
}

func sessionOptions(c *cli.Context) (verify.SessionOptions, error) {
	o := verify.SessionOptions{Optimization: c.String("opt"), Threads: c.Int("threads")}
	switch o.Optimization {
	case verify.OptimizeAll, verify.OptimizeExtended, verify.OptimizeBasic, verify.OptimizeNone:
	default:
		return o, usagef("--opt %s: the levels are all, extended, basic, none", o.Optimization)
	}
	if o.Threads < 0 {
		return o, usagef("--threads cannot be negative")
	}
	if err := settings(c, &o); err != nil {
		return o, err
	}
	if err := checkSamples(c); err != nil {
		return o, err
	}
	return o, nil
}

// mostSamples bounds the rows of a report, which are all in memory.
const mostSamples = 1_000_000

func checkSamples(c *cli.Context) error {
	if n := c.Int("samples"); n < 0 || c.IsSet("samples") && n == 0 || n > mostSamples {
		return usagef("--samples %d: from 1 to %d can be run", n, mostSamples)
	}
	return nil
}

func batches(c *cli.Context) ([]int64, error) {
	var list []int64
	for _, s := range splitList(c.String("batch")) {
		b, err := strconv.ParseInt(s, 10, 32)
		if err != nil || b < 1 {
			return nil, usagef("--batch %s: batches are numbers from 1 up, such as 1,2,7", c.String("batch"))
		}
		if !slices.Contains(list, b) {
			list = append(list, b)
		}
	}
	return list, nil
}

func dims(c *cli.Context) (map[string]int64, error) {
	m := map[string]int64{}
	for _, s := range splitList(c.String("dims")) {
		name, value, ok := strings.Cut(s, "=")
		v, err := strconv.ParseInt(value, 10, 64)
		if !ok || name == "" || err != nil || v < 0 {
			return nil, usagef("--dims %s: write SYMBOL=NUMBER or INPUT[AXIS]=NUMBER, such as L=128,x[2]=64", c.String("dims"))
		}
		if old, twice := m[name]; twice && old != v {
			return nil, usagef("--dims gives %s two numbers", name)
		}
		m[name] = v
	}
	return m, nil
}

// inputFlags reads what inputs are made of, or where they come from.
func inputFlags(c *cli.Context) (numbers map[string]int64, files []verify.InputFile, within map[string]verify.Range, err error) {
	if numbers, err = dims(c); err != nil {
		return nil, nil, nil, err
	}
	if files, err = inputFiles(c); err != nil {
		return nil, nil, nil, err
	}
	within, err = ranges(c)
	return numbers, files, within, err
}

func inputFiles(c *cli.Context) ([]verify.InputFile, error) {
	var list []verify.InputFile
	for _, s := range c.StringSlice("inputs") {
		f, err := verify.ParseInputFile(s)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func ranges(c *cli.Context) (map[string]verify.Range, error) {
	m := map[string]verify.Range{}
	for _, s := range c.StringSlice("range") {
		// The name, if there is one, ends at the last =.
		name, text := "", s
		if i := strings.LastIndex(s, "="); i >= 0 {
			name, text = s[:i], s[i+1:]
		}
		r, err := verify.ParseRange(text)
		if err != nil {
			return nil, fmt.Errorf("--range: %w", err)
		}
		if _, twice := m[name]; twice {
			return nil, usagef("--range %s: the range is given twice", s)
		}
		m[name] = r
	}
	return m, nil
}

// norm reads a normalisation.
func norm(c *cli.Context, flag string) (*verify.Norm, error) {
	if c.String(flag) == "" {
		return nil, nil
	}
	n, err := fuse.ParseNorm(c.String(flag))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return &verify.Norm{Mean: n.Mean, Std: n.Std, Scale: n.Scale}, nil
}
