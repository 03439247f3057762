package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func setdimCommand() *cli.Command {
	return &cli.Command{
		Name:      "setdim",
		Usage:     "give dimensions of the inputs other sizes: numbers or symbols",
		UsageText: "onnxtool setdim DIMENSION=SIZE ... MODEL -o OUT",
		Description: `DIMENSION is a symbol of the model (H), or an axis of an input (image[2]; from the end where it is negative). SIZE is a number or a symbol.

A dimension that is a number is followed through the graph, and constants that stand for it (targets of Reshape, Expand and Resize, ends of Slice) are mended where
arithmetic leaves one answer; outputs and value_info are declared anew. What was made for the old size and cannot follow, as weights over a flattened image or
learned positions, is an error that names the node, and nothing is written. For the batch there is setbatch, which proves that rows stay apart.

   onnxtool setdim 'image[2]=H' 'image[3]=W' in.onnx -o out.onnx
   onnxtool setdim T=128 in.onnx -o out.onnx`,
		Flags: editFlags(),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if len(args) < 2 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a dimension with its size and a model are needed", Hint: "for example onnxtool setdim H=256 in.onnx -o out.onnx"}
			}
			var changes []surgery.DimChange
			for _, a := range args[:len(args)-1] {
				change, err := surgery.ParseDimChange(a)
				if err != nil {
					return err
				}
				changes = append(changes, change)
			}
			return editFile(c, args[len(args)-1], func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetDim(m, changes...) })
		},
	}
}
