package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/surgery"
)

func tidyCommand() *cli.Command {
	return &cli.Command{
		Name:      "tidy",
		Usage:     "remove what no output needs",
		UsageText: "onnxtool tidy MODEL -o OUT",
		Description: `Removes nodes that no output depends on, initializers that nothing uses, value_info and quantisation annotations of values that are gone, and
functions that nothing calls: in the graph, in its subgraphs, in functions and in training graphs. Inputs and outputs stay.

   onnxtool tidy in.onnx -o out.onnx`,
		Flags:  editFlags(),
		Action: func(c *cli.Context) error { return editOne(c, surgery.Tidy) },
	}
}
