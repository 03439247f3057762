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
		UsageText: "onnxtool extract MODEL --from A,B --to C -o OUT",
		Description: `Writes the part of the model that computes the tensors --to out of the tensors --from, which become its outputs and inputs, in the order given. Tensors
inside the graph will do. Without --from the inputs are those of the model that are needed, without --to the outputs are those of the model.

Both flags may be repeated; names in one flag are parted by commas. A name that holds a comma is given in a flag of its own, followed by a comma.

   onnxtool extract in.onnx --from features --to yaw,pitch -o head.onnx`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "from", Usage: "the `TENSORS` that become the inputs"},
			&cli.StringSliceFlag{Name: "to", Usage: "the `TENSORS` that become the outputs"},
		),
		Action: func(c *cli.Context) error {
			from, to := c.StringSlice("from"), c.StringSlice("to")
			if len(from)+len(to) == 0 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "what to cut out is missing", Hint: "give --from, --to or both; to remove what is unused, see tidy"}
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
