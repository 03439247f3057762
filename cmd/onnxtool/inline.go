package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func inlineCommand() *cli.Command {
	return &cli.Command{
		Name:      "inline",
		Usage:     "put the bodies of a model's functions in the place of their calls",
		UsageText: "onnxtool inline MODEL [--function DOMAIN.NAME...] [--except DOMAIN.NAME...] -o OUT",
		Description: `All functions of the model, or those named, but for those of --except; nested ones and those called in subgraphs too. Values of attributes, their defaults, and names are put in; the functions
that nothing calls any more go, and so do their opset imports. Functions whose operators mean another thing in the version that the model imports are refused.

   onnxtool inline in.onnx -o out.onnx
   onnxtool inline in.onnx --function 'pkg.torch*' -o out.onnx
   onnxtool inline in.onnx --except '*.LayerNorm' -o out.onnx`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "function", Usage: "the functions of this `NAME`, with domain and overload as info tells them: domain.name:overload; glob or re: pattern"},
			&cli.StringSliceFlag{Name: "except", Usage: "not the functions of this `NAME`, glob or re: pattern; repeatable"},
		),
		Action: func(c *cli.Context) error {
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.InlineExcept(m, c.StringSlice("except"), c.StringSlice("function")...)
			})
		},
	}
}
