package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// sortHint says what to do about nodes that are out of order.
const sortHint = "onnxtool sort puts the nodes in order, if there is one"

func sortCommand() *cli.Command {
	return &cli.Command{
		Name:      "sort",
		Usage:     "put nodes in topological order",
		UsageText: "onnxtool sort MODEL -o OUT",
		Description: `Each node comes behind those whose outputs it reads, itself or in its subgraphs: in the graph, in subgraphs, in functions and in training graphs. Nodes stay in the order they
have wherever that is possible. A model whose only faults are of order is taken without --force. A cycle is told with the nodes on it (exit code 1).

   onnxtool sort in.onnx -o out.onnx
   onnxtool edit in.onnx -o out.onnx -- sort -- tidy`,
		Flags: editFlags(),
		Action: func(c *cli.Context) error {
			if err := oneModel(c); err != nil {
				return err
			}
			return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, _ string) (*surgery.Report, error) { return surgery.Sort(m) }, opset.FaultOrder)
		},
	}
}
