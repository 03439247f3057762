package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func dmheadCommand() *cli.Command {
	return &cli.Command{
		Name:      "dmhead",
		Usage:     "join a front and a rear head-pose model behind a yaw gate",
		UsageText: "onnxtool dmhead --front FRONT --rear REAR [--gate select] [--limit 75] [--batch N] -o OUT",
		Description: "The result has one input, which feeds both models, and one output [N,3]: the pose in degrees of the model that the gate chooses.\n" +
			"Each model is told by its outputs: a rotation matrix [N,3,3], six numbers [N,6], three logit heads [N,count] or three angles\n" +
			"[N,3]. The gate select asks the rear model's yaw who answers; sum lets each model judge by its own; published is the arithmetic of\n" +
			"the released DMHead.\n\n" +
			"Example: onnxtool dmhead --front six.onnx --rear whenet.onnx --gate select --limit 75 --batch N -o dmhead.onnx",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "front", Usage: "`MODEL` that answers for heads seen from the front"},
			&cli.StringFlag{Name: "rear", Usage: "`MODEL` that answers for all others"},
			&cli.StringFlag{Name: "gate", Value: fuse.Select, Usage: "`RULE` that chooses: " + strings.Join(fuse.Rules(), ", ")},
			&cli.Float64Flag{Name: "limit", Usage: "yaw in `DEGREES` up to which the front answers", DefaultText: "75, for the gate published 90"},
			&cli.StringFlag{Name: "batch", Value: "N", Usage: "first `DIM` of input and output: a symbol or a number"},
			&cli.StringFlag{Name: "order", Value: fuse.DefaultOrder, Usage: "the `COLUMNS` of the output"},
			&cli.StringFlag{Name: "front-order", Usage: "what the `COLUMNS` (or logit outputs) of the front model are, where their names do not tell"},
			&cli.StringFlag{Name: "rear-order", Usage: "what the `COLUMNS` (or logit outputs) of the rear model are, where their names do not tell"},
			&cli.StringFlag{Name: "front-outputs", Usage: "`NAMES` of the outputs of the front model that are its pose, where several could be"},
			&cli.StringFlag{Name: "rear-outputs", Usage: "`NAMES` of the outputs of the rear model that are its pose, where several could be"},
			&cli.StringFlag{Name: "front-norm", Usage: "normalise the front model's input by `NORM`: imagenet, imagenet255, or mean=...;std=...;scale=..."},
			&cli.StringFlag{Name: "rear-norm", Usage: "normalise the rear model's input by `NORM`, written as --front-norm is"},
			&cli.Float64Flag{Name: "bin-width", Value: 3, Usage: "`DEGREES` that a bin of a logit head is wide"},
			&cli.BoolFlag{Name: "circular", Usage: "take the mean of yaw bins along the circle instead of along the line"},
			&cli.StringFlag{Name: "input-name", Value: "input", Usage: "`NAME` of the input"},
			&cli.StringFlag{Name: "output-name", Usage: "`NAME` of the output", DefaultText: "yaw_roll_pitch, or what --order makes of it"},
			&cli.StringFlag{Name: "expose", Usage: "further outputs, `LIST` of front (front_pose [N,3]), rear (rear_pose [N,3]) and source ([N,1]: 0 front, 1 rear)"},
			&cli.BoolFlag{Name: "check", Usage: "before writing, run the two models and the result and hold it to them, as onnxtool verify does"},
			ortFlag(),
		}, outputFlags()...),
		Action: runDMHead,
	}
}

func runDMHead(c *cli.Context) error {
	if c.Args().Present() {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is one argument too many", c.Args().First()), Hint: "the models are given with --front and --rear"}
	}
	if c.String("front") == "" || c.String("rear") == "" {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "two models are needed", Hint: "give them with --front and --rear"}
	}
	if c.String("front") == "-" && c.String("rear") == "-" {
		return usagef("standard input can be one model only")
	}
	out, err := newFile(c)
	if err != nil {
		return err
	}
	o, err := dmheadOptions(c)
	if err != nil {
		return err
	}
	front, err := openChecked(c, c.String("front"))
	if err != nil {
		return err
	}
	defer front.Close()
	rear, err := openChecked(c, c.String("rear"))
	if err != nil {
		return err
	}
	defer rear.Close()
	f := fuse.Input{Name: "front", Model: front.Model, Dir: front.Dir()}
	r := fuse.Input{Name: "rear", Model: rear.Model, Dir: rear.Dir()}
	m, report, err := fuse.DMHead(f, r, o)
	if err != nil {
		return err
	}
	dir := fuse.ExternalDir([]fuse.Input{f, r})
	if !c.Bool("check") {
		return saveReported(c, m, out, fromAll(dir, front, rear), report)
	}
	if !c.Bool("force") {
		if err := mustPass(m, "", out, "the result would not be valid (nothing was written)"); err != nil {
			return err
		}
	}
	joined := verify.Source{Model: m, Dir: dir}
	if len(report.Carry) > 0 { // the data is not yet where the model says
		inlined, release, err := onnxpb.Inlined(m, dir, report.Carry)
		if err != nil {
			return err
		}
		defer release()
		joined = verify.Source{Model: inlined}
	}
	checked, err := checkDMHead(c, joined, source(front, c.String("front")), source(rear, c.String("rear")))
	if err != nil {
		return err
	}
	if !checked.Holds {
		if err := printChecked(c, report, checked, out == "-"); err != nil {
			return err
		}
		return answerNo{}
	}
	if err := saveModel(c, m, out, fromAll(dir, front, rear), report); err != nil {
		return err
	}
	return printChecked(c, report, checked, out == "-")
}

// source is an open model as verify takes it.
func source(f *onnxpb.File, path string) verify.Source {
	if path == "-" {
		path = ""
	}
	return verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}
}

// checkDMHead holds a joined model to the two that it was made of. Gate, limit and order are in its metadata.
func checkDMHead(c *cli.Context, fused, front, rear verify.Source) (*verify.HeadReport, error) {
	e, err := engine(c)
	if err != nil {
		return nil, err
	}
	o := verify.HeadOptions{
		FrontOrder: c.String("front-order"), RearOrder: c.String("rear-order"),
		FrontOutputs: splitList(c.String("front-outputs")), RearOutputs: splitList(c.String("rear-outputs")),
		BinWidth: c.Float64("bin-width"), Circular: c.Bool("circular"),
	}
	if o.FrontNorm, err = norm(c, "front-norm"); err != nil {
		return nil, err
	}
	if o.RearNorm, err = norm(c, "rear-norm"); err != nil {
		return nil, err
	}
	return verify.VerifyHead(e, fused, front, rear, o)
}

func dmheadOptions(c *cli.Context) (fuse.DMHeadOptions, error) {
	o := fuse.DMHeadOptions{
		Gate: c.String("gate"), Limit: c.Float64("limit"), Order: c.String("order"),
		FrontOrder: c.String("front-order"), RearOrder: c.String("rear-order"),
		FrontOutputs: splitList(c.String("front-outputs")), RearOutputs: splitList(c.String("rear-outputs")),
		BinWidth: c.Float64("bin-width"), Circular: c.Bool("circular"),
		InputName: c.String("input-name"), OutputName: c.String("output-name"), Expose: splitList(c.String("expose")),
	}
	if err := positiveLimit(c); err != nil {
		return o, err
	}
	if o.BinWidth == 0 {
		return o, usagef("bins cannot be 0 degrees wide")
	}
	var err error
	if o.Data, err = onnxpb.ParseData(c.String("data")); err != nil {
		return o, err
	}
	if o.Batch, err = onnxpb.ParseDim(c.String("batch")); err != nil {
		return o, err
	}
	if o.Batch == (onnxpb.Dim{}) {
		return o, usagef("--batch ? is neither a symbol nor a number")
	}
	for flag, norm := range map[string]**fuse.Norm{"front-norm": &o.FrontNorm, "rear-norm": &o.RearNorm} {
		if !c.IsSet(flag) {
			continue
		}
		n, err := fuse.ParseNorm(c.String(flag))
		if err != nil {
			return o, fmt.Errorf("--%s: %w", flag, err)
		}
		*norm = &n
	}
	return o, nil
}
