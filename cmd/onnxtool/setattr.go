package main

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

func setattrCommand() *cli.Command {
	return &cli.Command{
		Name:      "setattr",
		Usage:     "change, add and remove attributes of nodes",
		UsageText: "onnxtool setattr MODEL [--node NAME...] [--makes TENSOR...] [--op OPERATOR...] [--graph GRAPH...] [--set NAME=VALUE...] [--remove NAME...] -o OUT",
		Description: `Nodes are chosen by name, by what they make, and by operator: all that one of these means, in subgraphs and functions too, of those that stand where --graph says. Each is a name, a
glob or re: and a regular expression. Graphs are called as check calls them: main, choose/then_branch, function local.Scale.

Values are read by the types that the operator gives its attributes: 1; 0.5; text; lists 1,2,3; an element type by name for attributes such as to; a tensor as
TYPE:SHAPE=VALUES, or @FILE.npy, of which lists are made too; a type as sequence(float32 [N,3]). Of an operator that is not known the type is given: NAME:int=1, with int, float,
string, ints, floats, strings, tensor or type.

   onnxtool setattr in.onnx -o out.onnx --op Resize --set mode=nearest --remove cubic_coeff_a
   onnxtool setattr in.onnx -o out.onnx --node 'head/softmax_*' --set axis=1`,
		Flags: editFlags(append(nodeChoiceFlags("change"),
			&cli.StringSliceFlag{Name: "graph", Usage: "only nodes of this `GRAPH`: main, a subgraph such as choose/then_branch, \"function local.Scale\", or a pattern"},
			&cli.StringSliceFlag{Name: "set", Usage: "`NAME=VALUE` of an attribute; NAME:TYPE=VALUE where the operator is not known"},
			&cli.StringSliceFlag{Name: "remove", Usage: "`NAME` of an attribute that goes"},
		)...),
		Action: func(c *cli.Context) error {
			changes, err := attributeChanges(c)
			if err != nil {
				return err
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.SetAttributes(m, nodeChoice(c), changes...)
			})
		},
	}
}

func attributeChanges(c *cli.Context) ([]surgery.AttributeChange, error) {
	var changes []surgery.AttributeChange
	for _, s := range c.StringSlice("set") {
		name, value, isPair := strings.Cut(s, "=")
		if !isPair || name == "" {
			return nil, usagef("--set %s: write NAME=VALUE", s)
		}
		change := surgery.AttributeChange{Text: value}
		change.Name, change.Type, _ = strings.Cut(name, ":")
		if path, isFile := strings.CutPrefix(value, "@"); isFile && strings.HasSuffix(path, ".npy") {
			a, err := readNPY(path, onnxpb.TensorProto_UNDEFINED)
			if err != nil {
				return nil, err
			}
			change.Array = a
		}
		changes = append(changes, change)
	}
	for _, name := range c.StringSlice("remove") {
		changes = append(changes, surgery.AttributeChange{Name: name, Remove: true})
	}
	if len(changes) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be changed", Hint: "give --set NAME=VALUE or --remove NAME"}
	}
	return changes, nil
}

// readNPY reads an array of NumPy. want tells what opaque elements are; see verify.ReadNPY.
func readNPY(path string, want onnxpb.TensorProto_DataType) (*onnxpb.Array, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &onnxpb.Error{File: path, Msg: "the array cannot be read", Err: err, Hint: "it is a file that numpy.save wrote"}
	}
	a, err := verify.ReadNPY(data, want)
	if err != nil {
		return nil, onnxpb.InFile(err, path)
	}
	return a, nil
}
