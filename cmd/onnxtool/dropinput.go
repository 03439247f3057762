package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func dropinputCommand() *cli.Command {
	return &cli.Command{
		Name:      "dropinput",
		Usage:     "take inputs off a model: those with a default become constants, those that nothing reads go",
		UsageText: "onnxtool dropinput MODEL [INPUT...] [--defaults] [--unused] -o OUT",
		Description: `An input that has a default (an initializer of its name) becomes that constant; one that nothing reads goes, with all that describes it. The other inputs keep their
order. An input that is read and has no default is refused. An INPUT is a name, a glob, or re: and a regular expression that matches the whole name.

A model of IR version 3, where every initializer is an input, becomes one of IR version 4; its operator sets stay.

   onnxtool dropinput in.onnx --defaults --unused -o out.onnx
   onnxtool dropinput in.onnx 'layer1.*' -o out.onnx
   onnxtool edit in.onnx -o out.onnx -- dropinput --defaults -- dedup -- tidy`,
		Flags: editFlags(
			&cli.BoolFlag{Name: "defaults", Usage: "take off all inputs that have a default"},
			&cli.BoolFlag{Name: "unused", Usage: "take off all inputs that nothing reads and that are no outputs"},
		),
		Action: func(c *cli.Context) error {
			o := surgery.DropInputsOptions{Defaults: c.Bool("defaults"), Unused: c.Bool("unused")}
			if c.NArg() < 1 || c.NArg() == 1 && !o.Defaults && !o.Unused {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and inputs are needed, %d arguments given", c.NArg()), Hint: "name inputs behind the model, or give --defaults or --unused"}
			}
			o.Names = c.Args().Tail()
			return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.DropInputs(m, o) })
		},
	}
}
