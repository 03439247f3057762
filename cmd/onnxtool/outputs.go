package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func addoutputCommand() *cli.Command {
	return &cli.Command{
		Name:      "addoutput",
		Usage:     "make inner tensors outputs of the model",
		UsageText: "onnxtool addoutput MODEL TENSOR... -o OUT",
		Description: `The tensors become outputs behind those that the model has, in the order given; their types and shapes are those that are declared, or that follow.
A tensor is a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole name. A pattern is for what
nodes make: inputs and initializers are meant by their names only.

   onnxtool addoutput in.onnx features 'head/*' -o out.onnx
   onnxtool addoutput in.onnx --all -o out.onnx`,
		Flags: editFlags(
			&cli.BoolFlag{Name: "all", Usage: "add all that nodes make; what has no known element type is left out, and told"},
		),
		Action: func(c *cli.Context) error {
			o := surgery.OutputChoice{All: c.Bool("all")}
			if c.NArg() < 1 || c.NArg() == 1 && !o.All {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and tensors are needed, %d arguments given", c.NArg()), Hint: "name tensors behind the model, or give --all"}
			}
			o.Names = c.Args().Tail()
			return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.AddOutputs(m, o) })
		},
	}
}

func dropoutputCommand() *cli.Command {
	return &cli.Command{
		Name:      "dropoutput",
		Usage:     "take outputs off a model",
		UsageText: "onnxtool dropoutput MODEL OUTPUT... [--tidy] -o OUT",
		Description: `The other outputs keep their order. What computed the outputs stays in the graph, unless --tidy removes what nothing needs any more. An output is a name,
a glob, or re: and a regular expression that matches the whole name. The last output cannot go.

   onnxtool dropoutput in.onnx debug 'aux_*' --tidy -o out.onnx`,
		Flags: editFlags(
			&cli.BoolFlag{Name: "tidy", Usage: "remove what no output needs any more, as tidy does"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and outputs are needed, %d arguments given", c.NArg()), Hint: "name outputs behind the model"}
			}
			return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.DropOutputs(m, c.Args().Tail(), c.Bool("tidy"))
			})
		},
	}
}
