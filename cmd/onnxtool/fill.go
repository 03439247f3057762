package main

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func fillCommand() *cli.Command {
	return &cli.Command{
		Name:      "fill",
		Usage:     "replace weights by made-up ones, to share a model's structure without them",
		UsageText: "onnxtool fill MODEL [--with normal|uniform|zeros|ones|NUMBER] [--seed N] [--min BYTES] [--tensor NAME...] [--nodes] -o OUT",
		Description: `Weights are initializers and Constants of at least --min bytes, of floats or of integers of at most 8 bits. Shapes, indices and other small or large-integer tensors stay, and
so do types and shapes of all. External data is not read. The same seed gives the same weights.

With --nodes a ConstantOfShape stands for each weight that it can stand for; the report tells how many stay, and why. Those hold the number as often as they have elements.
Before IR version 4 the inputs that initializers have to be go with them; from then on an initializer that is an input stays: onnxtool dropinput takes such inputs off first.

   onnxtool fill in.onnx --seed 1 -o out.onnx
   onnxtool fill large.onnx --with zeros --nodes -o skeleton.onnx
   onnxtool fill in.onnx --with 0.5 --tensor 'bias*' -o out.onnx`,
		Flags: editFlags(
			&cli.StringFlag{Name: "with", Value: "normal", Usage: "`WHAT` weights are: normal, uniform, zeros, ones or a number, which integers have to be able to hold"},
			&cli.Uint64Flag{Name: "seed", Usage: "the `SEED` of normal and uniform"},
			&cli.Float64Flag{Name: "scale", Value: 0.05, Usage: "the deviation of normal, and half the width of uniform: `X`"},
			&cli.Int64Flag{Name: "min", Value: surgery.DefaultFillMin, Usage: "leave tensors of fewer `BYTES` alone"},
			&cli.StringSliceFlag{Name: "tensor", Usage: "only constants of this `NAME`, glob or re: pattern, whatever their size"},
			&cli.BoolFlag{Name: "nodes", Usage: "with zeros, ones or a number: put a ConstantOfShape in the place of each initializer and Constant where it can stand"},
		),
		Action: func(c *cli.Context) error {
			o := surgery.FillOptions{With: surgery.FillWith(c.String("with")), Seed: c.Uint64("seed"), Scale: c.Float64("scale"), Min: c.Int64("min"), Names: c.StringSlice("tensor"), Nodes: c.Bool("nodes")}
			if o.Min < 1 {
				return usagef("--min %d: it is a number of bytes from 1", o.Min)
			}
			if o.Scale <= 0 {
				return usagef("--scale %v: it is a number above 0", o.Scale)
			}
			scratch := &onnxpb.Scratch{Dir: scratchDir(c)}
			defer scratch.Close() // after the model is written, by a later step where this is one of edit
			o.Scratch = scratch.Make
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Fill(m, o) })
		},
	}
}

// scratchDir is where a command that edits a model may keep what it makes until the model is written: beside it.
func scratchDir(c *cli.Context) string {
	if steps := stepsOf(c); steps != nil {
		c = steps.edit
	}
	out, err := target(c, c.Args().First())
	if err != nil || out == "-" {
		return ""
	}
	return filepath.Dir(out)
}
