package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func rewireCommand() *cli.Command {
	return &cli.Command{
		Name:      "rewire",
		Usage:     "have the readers of one tensor read another",
		UsageText: "onnxtool rewire MODEL FROM TO [--only NAME]... [--input K]... [--outputs] -o OUT",
		Description: `Every node that reads the tensor FROM, in subgraphs too, reads TO instead; with --only and --input only those. The two must have one type and shape, as they
are declared or follow, unless --retype is given. Nodes are put in another order where that is needed; a cycle is refused. An output called FROM stays what it was, unless --outputs is given: then it keeps
its name and gets TO.

--only takes a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole name: of nodes that read FROM, or in whose
subgraphs it is read.

   onnxtool rewire in.onnx block3/out block2/out -o out.onnx
   onnxtool rewire in.onnx old new --only head/conv --input 0 -o out.onnx`,
		Flags: editFlags(readerFlags()...),
		Action: func(c *cli.Context) error {
			return editWires(c, func(m *onnxpb.ModelProto, a, b string, r surgery.ReaderChoice) (*surgery.Report, error) {
				return surgery.Rewire(m, a, b, r)
			})
		},
	}
}

func swapCommand() *cli.Command {
	return &cli.Command{
		Name:      "swap",
		Usage:     "exchange the readers of two tensors",
		UsageText: "onnxtool swap MODEL A B [--only NAME]... [--input K]... [--outputs] -o OUT",
		Description: `Every node that reads A, in subgraphs too, reads B instead, and every one that reads B reads A; with --only and --input only those. The two must have one type and
shape. Where one is computed from the other that would be a cycle, which is refused. Outputs stay what they were, unless --outputs is given: then they keep their names and are
exchanged too. Flags are those of rewire. To exchange the names of two tensors, see rename.

   onnxtool swap in.onnx left right -o out.onnx`,
		Flags: editFlags(readerFlags()...),
		Action: func(c *cli.Context) error {
			return editWires(c, func(m *onnxpb.ModelProto, a, b string, r surgery.ReaderChoice) (*surgery.Report, error) {
				return surgery.Swap(m, a, b, r)
			})
		},
	}
}

// editWires runs a command on two tensors and chosen readers.
func editWires(c *cli.Context, edit func(*onnxpb.ModelProto, string, string, surgery.ReaderChoice) (*surgery.Report, error)) error {
	if c.NArg() != 3 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and two tensors are needed, %d arguments given", c.NArg()), Hint: "see onnxtool help " + c.Command.Name}
	}
	return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return edit(m, c.Args().Get(1), c.Args().Get(2), readerChoice(c))
	})
}

// readerFlags are the flags that choose among the readers of a tensor.
func readerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "only", Usage: "only readers of this `NAME`, or in the subgraphs of a node of this name"},
		&cli.IntSliceFlag{Name: "input", Usage: "only inputs of this `INDEX`, from 0, of the readers"},
		&cli.BoolFlag{Name: "outputs", Usage: "outputs follow too: they keep their names, and get the other tensor"},
		&cli.BoolFlag{Name: "allow-unknown", Usage: "go on where it is not known whether the tensors have one type and shape"},
		retypeFlag(),
	}
}

// retypeFlag lets an edit give readers another type.
func retypeFlag() cli.Flag {
	return &cli.BoolFlag{Name: "retype", Usage: "readers may get another element type or shape: what is declared behind them follows, and a contradiction is refused"}
}

// readerChoice reads them.
func readerChoice(c *cli.Context) surgery.ReaderChoice {
	return surgery.ReaderChoice{Nodes: c.StringSlice("only"), Inputs: c.IntSlice("input"), Outputs: c.Bool("outputs"), AllowUnknown: c.Bool("allow-unknown"), Retype: c.Bool("retype")}
}
