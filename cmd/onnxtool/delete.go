package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "remove nodes, and wire their input to whoever read their output",
		UsageText: "onnxtool delete MODEL [--node NAME]... [--makes TENSOR]... [--op OPERATOR]... [--graph GRAPH]... [--input K | --cut] -o OUT",
		Description: `Each node is bypassed: whoever read its output, in subgraphs too, reads one of its inputs instead, which must have the output's type and shape (unless --retype is given). Where
several inputs have, --input says which. Outputs of the model keep their names. With --cut, what the nodes made becomes an input of the model.

--node, --makes and --op may be repeated, and take a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole
name. All nodes go that one of them means, in subgraphs at any depth too. --makes means a node by a tensor that it makes. A node without a name is also called by its operator and first output, as messages call it: 'Conv -> y'.
--graph leaves those of some graphs, and of functions, which are meant only so. What a function's values are hangs on its calls: its nodes need --allow-unknown.
Initializers and Constant nodes that only these nodes read go with them.

   onnxtool delete in.onnx --node relu_3 -o out.onnx
   onnxtool delete in.onnx --op Dropout --op Identity -o out.onnx
   onnxtool delete in.onnx --node pool_2 --retype -o out.onnx
   onnxtool delete in.onnx --makes resized --cut --tidy -o out.onnx
   onnxtool delete in.onnx --op Dropout --graph 'function local.*' --allow-unknown -o out.onnx`,
		Flags: editFlags(append(nodeChoiceFlags("delete"),
			&cli.StringSliceFlag{Name: "graph", Usage: "only nodes of this `GRAPH`: main, a subgraph such as choose/then_branch, \"function local.Scale\", or a pattern"},
			&cli.IntFlag{Name: "input", Usage: "the `INDEX` of the input, from 0, that takes the place of the output", DefaultText: "the one that fits"},
			&cli.BoolFlag{Name: "allow-unknown", Usage: "bypass nodes, too, of which it is not known whether input and output have one type and shape"},
			retypeFlag(),
			&cli.BoolFlag{Name: "cut", Usage: "no bypass: what the nodes made and is read becomes an input of the model"},
			&cli.BoolFlag{Name: "tidy", Usage: "remove what no output needs any more, as tidy does"},
		)...),
		Action: func(c *cli.Context) error {
			choice := nodeChoice(c)
			if len(choice.Names)+len(choice.Makes)+len(choice.Ops) == 0 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no node is named that is to go", Hint: "give --node, --makes or --op"}
			}
			o := surgery.DeleteOptions{Cut: c.Bool("cut"), AllowUnknown: c.Bool("allow-unknown"), Retype: c.Bool("retype"), Tidy: c.Bool("tidy")}
			if c.IsSet("input") {
				i := c.Int("input")
				o.Input = &i
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Delete(m, choice, o) })
		},
	}
}

// nodeChoiceFlags are the flags that choose nodes to do something to.
func nodeChoiceFlags(verb string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "node", Usage: verb + " the nodes of this `NAME`"},
		&cli.StringSliceFlag{Name: "makes", Usage: verb + " the node that makes this `TENSOR`"},
		&cli.StringSliceFlag{Name: "op", Usage: verb + " the nodes of this `OPERATOR`, which may have its domain before it: com.microsoft.Gelu"},
	}
}

// nodeChoice reads them.
func nodeChoice(c *cli.Context) surgery.NodeChoice {
	return surgery.NodeChoice{Names: c.StringSlice("node"), Makes: c.StringSlice("makes"), Ops: c.StringSlice("op"), Graphs: c.StringSlice("graph")}
}
