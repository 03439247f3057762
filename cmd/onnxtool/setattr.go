package main

import (
	"fmt"
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
string, ints, floats, strings, tensor, type or graph. An attribute that is a graph is given as @FILE.onnx: it gets the main graph of that model, which captures what it does not define
of the graph around the node, by name, and must define nothing that is there.

   onnxtool setattr in.onnx -o out.onnx --op Resize --set mode=nearest --remove cubic_coeff_a
   onnxtool setattr in.onnx -o out.onnx --node 'head/softmax_*' --set axis=1
   onnxtool setattr in.onnx -o out.onnx --node choose --set then_branch=@body.onnx`,
		Flags: editFlags(append(nodeChoiceFlags("change"),
			&cli.StringSliceFlag{Name: "graph", Usage: "only nodes of this `GRAPH`: main, a subgraph such as choose/then_branch, \"function local.Scale\", or a pattern"},
			&cli.StringSliceFlag{Name: "set", Usage: "`NAME=VALUE` of an attribute; NAME:TYPE=VALUE where the operator is not known"},
			&cli.StringSliceFlag{Name: "remove", Usage: "`NAME` of an attribute that goes"},
		)...),
		Action: runSetattr,
	}
}

func runSetattr(c *cli.Context) error {
	files := modelFiles{}
	defer files.close()
	changes, err := attributeChanges(c, files)
	if err != nil {
		return err
	}
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help setattr"}
	}
	return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error) {
		for i := range changes {
			changes[i].ModelDir = dir
		}
		return surgery.SetAttributes(m, nodeChoice(c), changes...)
	})
}

// modelFiles are models, by their paths, that stay open until what is made of them is written.
type modelFiles map[string]*onnxpb.File

// graph opens a model whose graph is to be an attribute. What it captures it does not define, so that it is not held to the checker.
func (l modelFiles) graph(path string) (surgery.GraphSource, error) {
	if l[path] == nil {
		f, err := onnxpb.Open(path)
		if err != nil {
			return surgery.GraphSource{}, err
		}
		l[path] = f
	}
	return surgery.GraphSource{Model: l[path].Model, Dir: l[path].Dir()}, nil
}

func (l modelFiles) close() {
	for _, f := range l {
		f.Close()
	}
}

// attributeFile tells which file @FILE names, where it has one of the endings of arrays or models.
func attributeFile(value, ending string) (string, bool) {
	path, ok := strings.CutPrefix(value, "@")
	return path, ok && strings.HasSuffix(path, ending)
}

func attributeChanges(c *cli.Context, files modelFiles) ([]surgery.AttributeChange, error) {
	var changes []surgery.AttributeChange
	for _, s := range c.StringSlice("set") {
		name, value, isPair := strings.Cut(s, "=")
		if !isPair || name == "" {
			return nil, usagef("--set %s: write NAME=VALUE", s)
		}
		change := surgery.AttributeChange{Text: value}
		change.Name, change.Type, _ = strings.Cut(name, ":")
		if path, ok := attributeFile(value, ".npy"); ok {
			a, err := readNPY(path, onnxpb.TensorProto_UNDEFINED)
			if err != nil {
				return nil, err
			}
			change.Array = a
		} else if path, ok := attributeFile(value, ".onnx"); ok {
			change.Graph = func() (surgery.GraphSource, error) { return files.graph(path) }
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
