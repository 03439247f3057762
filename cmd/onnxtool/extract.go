package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func extractCommand() *cli.Command {
	return &cli.Command{
		Name:      "extract",
		Usage:     "cut out the part of a model between given tensors",
		UsageText: "onnxtool extract MODEL [--from A,B] [--to C] | --around NODE [--depth K] -o OUT",
		Description: `Writes the part of the model that computes the tensors --to out of the tensors --from, which become its outputs and inputs, in the order given. Tensors
inside the graph will do. Without --from the inputs are those of the model that are needed, without --to the outputs are those of the model.

Both flags may be repeated; names in one flag are parted by commas. A name that holds a comma is given in a flag of its own, followed by a comma.

With --around the part is cut by itself: the node, and what stands up to --depth nodes before and behind it.

   onnxtool extract in.onnx --from features --to yaw,pitch -o head.onnx
   onnxtool extract in.onnx --around Conv_17 --depth 2 -o part.onnx`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "from", Usage: "the `TENSORS` that become the inputs"},
			&cli.StringSliceFlag{Name: "to", Usage: "the `TENSORS` that become the outputs"},
			&cli.StringFlag{Name: "around", Usage: "cut out the part round this `NODE`"},
			&cli.IntFlag{Name: "depth", Value: 1, Usage: "how many nodes before and behind that node come along: `K`"},
		),
		Action: func(c *cli.Context) error {
			from, to := c.StringSlice("from"), c.StringSlice("to")
			node := c.String("around")
			switch {
			case c.IsSet("around") && len(from)+len(to) > 0:
				return usagef("--around finds the tensors to cut at by itself: leave out --from and --to")
			case c.IsSet("around") && node == "":
				return usagef("--around names no node")
			case c.IsSet("around"):
				return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
					return surgery.ExtractAround(m, node, c.Int("depth"))
				})
			case c.IsSet("depth"):
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--depth means nothing without --around", Hint: "name the node with --around"}
			}
			if len(from)+len(to) == 0 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "what to cut out is missing", Hint: "give --from, --to or both, or --around; to remove what is unused, see tidy"}
			}
			from, err := tensorNames("from", from)
			if err != nil {
				return err
			}
			to, err = tensorNames("to", to)
			if err != nil {
				return err
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Extract(m, from, to) })
		},
	}
}

// tensorNames splits the values of a flag at their commas; a value that ends in a comma is one name, without that comma.
func tensorNames(flag string, values []string) ([]string, error) {
	var names []string
	for _, v := range values {
		if name, ok := strings.CutSuffix(v, ","); ok && name != "" {
			names = append(names, name)
			continue
		}
		for _, n := range strings.Split(v, ",") {
			if n = strings.TrimSpace(n); n == "" {
				return nil, usagef("--%s %q holds an empty name", flag, v)
			}
			names = append(names, n)
		}
	}
	return names, nil
}
