package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func dedupCommand() *cli.Command {
	return &cli.Command{
		Name:      "dedup",
		Usage:     "merge initializers and Constants that are equal",
		UsageText: "onnxtool dedup MODEL [--min BYTES] -o OUT",
		Description: `Equal are constants of one element type and one shape that have the same bits: 0 is not -0, and no type is changed. One in a subgraph gives way to one around it.
External data is read where two tensors may be equal, piece by piece, and is not loaded. Inputs with defaults and outputs stay.

   onnxtool dedup in.onnx -o out.onnx
   onnxtool dedup large.onnx -o out/small.onnx --data weights.bin`,
		Flags: editFlags(&cli.Int64Flag{Name: "min", Usage: "leave constants of fewer `BYTES` alone"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help dedup"}
			}
			return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error) {
				return surgery.Dedup(m, surgery.DedupOptions{Dir: dir, Min: c.Int64("min")})
			})
		},
	}
}
