package main

import (
	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func stripCommand() *cli.Command {
	return &cli.Command{
		Name:      "strip",
		Usage:     "take out doc strings, metadata, value_info, names of nodes, training information",
		UsageText: "onnxtool strip MODEL [--docs] [--metadata] [--key NAME...] [--value-info] [--names] [--training] [--all] -o OUT",
		Description: `What is asked for goes wherever it stands: in the graph, in subgraphs, in functions and in training graphs. What the model computes stays as it is, and so do inputs
and outputs with their types.

   onnxtool strip in.onnx --docs --metadata -o out.onnx
   onnxtool strip in.onnx --metadata --key 'pkg.torch.*' -o out.onnx
   onnxtool strip in.onnx --all -o out.onnx`,
		Flags: editFlags(
			&cli.BoolFlag{Name: "docs", Usage: "doc strings"},
			&cli.BoolFlag{Name: "metadata", Usage: "metadata of the model, of graphs, nodes, values, tensors and functions"},
			&cli.StringSliceFlag{Name: "key", Usage: "with --metadata: only entries of this `NAME`, glob or re: pattern"},
			&cli.BoolFlag{Name: "value-info", Usage: "declared types of inner values"},
			&cli.BoolFlag{Name: "names", Usage: "names of nodes"},
			&cli.BoolFlag{Name: "training", Usage: "training information"},
			&cli.BoolFlag{Name: "all", Usage: "all of these"},
		),
		Action: func(c *cli.Context) error {
			all := c.Bool("all")
			o := surgery.StripOptions{
				Docs: all || c.Bool("docs"), Metadata: all || c.Bool("metadata"), ValueInfo: all || c.Bool("value-info"),
				NodeNames: all || c.Bool("names"), Training: all || c.Bool("training"), Keys: c.StringSlice("key"),
			}
			if len(o.Keys) > 0 && !o.Metadata {
				return usagef("--key says which metadata go: add --metadata")
			}
			if o.Docs || o.Metadata || o.ValueInfo || o.NodeNames || o.Training {
				return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Strip(m, o) })
			}
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be taken out", Hint: "give --docs, --metadata, --value-info, --names, --training or --all"}
		},
	}
}

func namesCommand() *cli.Command {
	return &cli.Command{
		Name:      "names",
		Usage:     "name the nodes that have no name; short names for nodes and tensors",
		UsageText: "onnxtool names MODEL [--short nodes|tensors|all] [--interface] -o OUT",
		Description: `A node without a name gets its operator's, with a number where that is taken; of nodes that share a name all but the first get another. With --short
nodes are called n0, n1, ... and inner tensors t0, t1, ..., in the order of the graph; inputs and outputs of the model only with --interface.

   onnxtool names in.onnx -o out.onnx
   onnxtool names in.onnx --short all -o out.onnx`,
		Flags: editFlags(
			&cli.StringFlag{Name: "short", Usage: "short names for `WHAT`: nodes, tensors or all"},
			&cli.BoolFlag{Name: "interface", Usage: "short names for inputs and outputs of the model too"},
		),
		Action: func(c *cli.Context) error {
			o := surgery.NameOptions{Interface: c.Bool("interface")}
			switch short := c.String("short"); {
			case short == "nodes":
				o.ShortNodes = true
			case short == "tensors":
				o.ShortTensors = true
			case short == "all":
				o.ShortNodes, o.ShortTensors = true, true
			case c.IsSet("short"):
				return usagef("--short %s: it is nodes, tensors or all", short)
			}
			if o.Interface && !o.ShortTensors {
				return usagef("--interface goes with --short tensors or all")
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.NameAll(m, o) })
		},
	}
}
