package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func setconstCommand() *cli.Command {
	return &cli.Command{
		Name:      "setconst",
		Usage:     "set the value of an initializer or a Constant; make one the other",
		UsageText: "onnxtool setconst MODEL NAME --value ELEMENTS|--npy FILE [--dtype TYPE] [--shape DIMS] [--only NODE...] [--graph GRAPH] -o OUT\n   onnxtool setconst MODEL [NAME...] --as initializer|constant -o OUT",
		Description: `NAME is that of an initializer, of what a Constant makes, or of the Constant, in the graph, a subgraph or a function; --graph says which, where several have it.
Elements are parted by commas, in row-major order; a string that holds a comma stands in double quotes. Nested brackets, as JSON and NumPy write arrays, are taken too,
where they are as the shape says. Element type and shape have to be those of the old value, unless --dtype and
--shape ask for others. --shape alone keeps the elements.

All nodes that read the constant see the new value, and are told. With --only the given nodes get it, in a copy of their own.

   onnxtool setconst in.onnx axes --value 2,3 -o out.onnx
   onnxtool setconst in.onnx kernel --value '[[0,1],[1,0]]' -o out.onnx
   onnxtool setconst in.onnx head.weight --npy weight.npy -o out.onnx
   onnxtool setconst in.onnx scale --value 0.5 --only rescale -o out.onnx
   onnxtool setconst in.onnx --as initializer -o out.onnx`,
		Flags: editFlags(
			&cli.StringFlag{Name: "value", Usage: "the new `ELEMENTS`, such as 0.5, 1,2,3 or [[1,2],[3,4]]"},
			&cli.StringFlag{Name: "npy", Usage: "the new value is the array in `FILE`"},
			&cli.StringFlag{Name: "dtype", Usage: "the new value is of the element type `TYPE`"},
			&cli.StringFlag{Name: "shape", Usage: "the new value has the shape `DIMS`, such as [2,3]; any: that of the array"},
			&cli.StringSliceFlag{Name: "only", Usage: "nodes of this `NAME` or pattern get the new value, in a copy of their own"},
			&cli.StringSliceFlag{Name: "graph", Usage: "the constant of this `GRAPH`: main, a subgraph such as choose/then_branch, \"function local.Scale\", or a pattern"},
			&cli.StringFlag{Name: "as", Usage: "make the constants, all or those named, of this `FORM`: initializer or constant"},
		),
		Action: runSetconst,
	}
}

func runSetconst(c *cli.Context) error {
	if c.IsSet("as") {
		for _, f := range []string{"value", "npy", "dtype", "shape", "only", "graph"} {
			if c.IsSet(f) {
				return usagef("--as changes how constants stand, and --%s their value: give one of the two", f)
			}
		}
		if c.NArg() == 0 {
			return usagef("a model is needed, none given")
		}
		return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.StoreConstants(m, surgery.ConstantForm(c.String("as")), c.Args().Slice()[1:]...)
		})
	}
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and a constant's name are needed, %d arguments given", c.NArg()),
			Hint: "for example onnxtool setconst in.onnx axes --value 2,3 -o out.onnx"}
	}
	change := surgery.ConstantChange{Name: c.Args().Get(1), Graphs: c.StringSlice("graph"), Only: c.StringSlice("only")}
	var err error
	if c.IsSet("dtype") {
		if change.Type, err = onnxpb.ParseType(c.String("dtype")); err != nil {
			return err
		}
	}
	switch text := c.String("shape"); {
	case text == "any":
		change.AnyShape = true
	case c.IsSet("shape"):
		if change.Shape, err = onnxpb.ParseDims(text); err != nil {
			return err
		}
	}
	switch {
	case c.IsSet("value") && c.IsSet("npy"):
		return usagef("--value and --npy exclude each other")
	case c.IsSet("value"):
		text := c.String("value")
		change.Text = &text
	case c.IsSet("npy"):
		change.Load = func(want onnxpb.TensorProto_DataType) (*onnxpb.Array, error) { return readNPY(c.String("npy"), want) }
	case !c.IsSet("shape"):
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "there is no new value", Hint: "give --value, --npy or --shape; --as changes how the constant stands"}
	}
	return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.SetConstant(m, change)
	})
}
