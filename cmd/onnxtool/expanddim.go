package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func expandDimCommand() *cli.Command {
	return &cli.Command{
		Name:      "expand-dim",
		Usage:     "give outputs, or inputs, a new axis of 1",
		UsageText: "onnxtool expand-dim MODEL [OUTPUT...] [--input NAME]... --axis K -o OUT",
		Description: `Outputs get an axis of 1 by an Unsqueeze, inputs by a Squeeze behind them; they keep their names. Without names all outputs are meant. --axis is where the new
axis stands in the shape that results, from the end where it is negative: -1 makes it the last.

   onnxtool expand-dim in.onnx --axis 0 -o out.onnx
   onnxtool expand-dim in.onnx scores --input mask --axis -1 -o out.onnx`,
		Flags: editFlags(
			&cli.IntFlag{Name: "axis", Usage: "`AXIS` of the new dimension, from the end where it is negative", DefaultText: "0"},
			&cli.StringSliceFlag{Name: "input", Usage: "give the input of this `NAME` the axis"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a model is needed", Hint: "see onnxtool help expand-dim"}
			}
			o := surgery.ExpandOptions{Axis: c.Int("axis"), Outputs: c.Args().Tail(), Inputs: c.StringSlice("input")}
			return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.ExpandDim(m, o) })
		},
	}
}
