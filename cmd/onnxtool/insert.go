package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func insertCommand() *cli.Command {
	return &cli.Command{
		Name:      "insert",
		Usage:     "put an operator or a whole model into a model",
		UsageText: "onnxtool insert MODEL BLOCK|--op OPERATOR --after TENSOR|--before NODE|--at-input NAME|--at-output NAME [--in NAME=TENSOR]... [--out NAME=TENSOR]... -o OUT",
		Description: `The block is another model, or one operator. The first of its inputs that --in does not name reads the tensor of the place, and the first of its outputs that --out does
not name is read there instead; further inputs read the tensors that --in tells, or those that have their names.

--after TENSOR: whoever read the tensor reads the block; with --only only those. --before NODE: only this node's input (--input, 0 if not given) reads it.
--at-input NAME: the model takes what the block takes. An operator takes what the input was; where it gives another type or shape than it takes, what the model is to take is told behind the name:
NAME:TYPE, NAME::SHAPE or NAME:TYPE:SHAPE. --at-output NAME: the model gives what the block gives. Without a place the block is wired by --in and --out alone.

The operands of an operator are given in its order: @ for the tensor of the place, the NAME of a tensor, NAME:TYPE:SHAPE=VALUES for a constant, '' to leave out an optional one; none is @ alone, or nothing
where the operator takes nothing. --name calls its node and its outputs; --out tells an output by its number too, from 0. Attributes are NAME=VALUE, or NAME:TYPE=VALUE where the operator is not known; see onnxtool op.

   onnxtool insert in.onnx --op Clip --operand @ --operand 'min:float32:[]=0' --operand 'max:float32:[]=6' --after conv_3 -o out.onnx
   onnxtool insert in.onnx --op Cast --attr to=float32 --at-input image:uint8 -o out.onnx
   onnxtool insert in.onnx --op Transpose --attr perm=0,3,1,2 --at-input 'image::[N,224,224,3]' --name to_nchw -o out.onnx
   onnxtool insert in.onnx --op Constant --attr 'value=float32:[]=0.5' --out 0=threshold -o out.onnx
   onnxtool insert in.onnx preprocess.onnx --at-input image -o out.onnx
   onnxtool insert in.onnx head.onnx --in features=pooled --new-outputs -o out.onnx`,
		Flags: editFlags(
			&cli.StringFlag{Name: "after", Usage: "read the `TENSOR`, and be read in its place"},
			&cli.StringFlag{Name: "before", Usage: "read what the `NODE` reads, and be read by it"},
			&cli.StringFlag{Name: "at-input", Usage: "take the place of the input `NAME`; of an operator also NAME:TYPE:SHAPE, NAME:TYPE or NAME::SHAPE, what the model takes then"},
			&cli.StringFlag{Name: "at-output", Usage: "take the place of the output `NAME`"},
			&cli.StringSliceFlag{Name: "only", Usage: "--after: only readers of this `NAME`, or in the subgraphs of a node of this name"},
			&cli.IntSliceFlag{Name: "input", Usage: "only inputs of this `INDEX`, from 0, of the readers"},
			&cli.BoolFlag{Name: "outputs", Usage: "--after: outputs follow too, and keep their names"},
			&cli.StringSliceFlag{Name: "in", Usage: "have an input of the block read a tensor: `NAME=TENSOR`"},
			&cli.StringSliceFlag{Name: "out", Usage: "have the readers of a tensor read an output of the block: `NAME=TENSOR`; of an operator also its INDEX, from 0"},
			&cli.BoolFlag{Name: "new-inputs", Usage: "inputs of the block that read nothing become inputs of the model"},
			&cli.BoolFlag{Name: "new-outputs", Usage: "outputs of the block that nothing is told of become outputs of the model"},
			&cli.BoolFlag{Name: "allow-unknown", Usage: "go on where it is not known whether the block gives what its readers were made for"},
			retypeFlag(),
			&cli.StringFlag{Name: "op", Usage: "insert a node of this `OPERATOR`"},
			&cli.StringFlag{Name: "domain", Usage: "`DOMAIN` of the operator; none is ONNX's own"},
			&cli.StringSliceFlag{Name: "operand", Usage: "an input of the operator: @, a tensor's `NAME`, or NAME:TYPE:SHAPE=VALUES"},
			&cli.StringSliceFlag{Name: "attr", Aliases: []string{"a"}, Usage: "an attribute of the operator: `NAME=VALUE`"},
			&cli.StringFlag{Name: "name", Usage: "call the operator's node, and its outputs, by this `NAME`"},
			&cli.IntFlag{Name: "results", Usage: "how many outputs the operator gives: `COUNT`", DefaultText: "those that it must"},
		),
		Action: runInsert,
	}
}

func runInsert(c *cli.Context) error {
	operator := c.String("op")
	switch {
	case operator == "" && c.NArg() != 2, operator != "" && c.NArg() != 1:
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and a block are needed, the block as a second model or as --op; %d models given", c.NArg()), Hint: "see onnxtool help insert"}
	case operator == "" && (c.IsSet("operand") || c.IsSet("attr") || c.IsSet("domain") || c.IsSet("results") || c.IsSet("name")):
		return usagef("--operand, --attr, --domain, --name and --results are of an operator, and --op is not given")
	}
	var places []string
	for _, flag := range []string{"after", "before", "at-input", "at-output"} {
		if c.IsSet(flag) {
			places = append(places, flag)
		}
	}
	if len(places) > 1 {
		return usagef("--%s and --%s are two places: give one", places[0], places[1])
	}
	if len(places) == 0 && !c.IsSet("in") && !c.IsSet("out") && !c.Bool("new-inputs") && !c.IsSet("operand") && (operator == "" || !c.Bool("new-outputs")) {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to insert is missing", Hint: "give --after, --before, --at-input, --at-output, or wire the block by --in and --out"}
	}
	o := surgery.InsertOptions{NewInputs: c.Bool("new-inputs"), NewOutputs: c.Bool("new-outputs"), Readers: readerChoice(c), Force: c.Bool("force")}
	var err error
	if o.Inputs, err = pairs("in", c.StringSlice("in")); err != nil {
		return err
	}
	if o.Outputs, err = pairs("out", c.StringSlice("out")); err != nil {
		return err
	}
	var block *onnxpb.ModelProto
	if operator == "" {
		f, err := openChecked(c, c.Args().Get(1))
		if err != nil {
			return err
		}
		defer f.Close()
		block, o.Dir = f.Model, f.Dir()
	}
	files := modelFiles{}
	defer files.close()
	place := ""
	if len(places) > 0 {
		place = places[0]
	}
	return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error) {
		o.ModelDir = dir
		return insertBlock(c, m, block, files, place, o)
	})
}

// insertBlock settles the place of the block and inserts it; a nil block is the operator of the flags.
func insertBlock(c *cli.Context, m, block *onnxpb.ModelProto, files modelFiles, place string, o surgery.InsertOptions) (*surgery.Report, error) {
	at := surgery.InsertPlace{Name: c.String(place), Input: place == "at-input", Output: place == "at-output"}
	var err error
	switch {
	case place == "before":
		index := 0
		if list := c.IntSlice("input"); len(list) > 0 {
			index = list[0]
		}
		if at.Name, err = surgery.NodeInput(m, c.String("before"), index); err != nil {
			return nil, err
		}
		o.Readers.Nodes, o.Readers.Inputs = []string{c.String("before")}, []int{index}
	case at.Input && block == nil:
		if at.Name, at.Takes, err = parsePlace(m, at.Name); err != nil {
			return nil, err
		}
	}
	if block == nil {
		op, err := operatorBlock(c, m, files)
		if err != nil {
			return nil, err
		}
		return surgery.InsertOperator(m, op, at, o)
	}
	if err := o.Wire(block.Graph, at, false); err != nil {
		return nil, err
	}
	return surgery.Insert(m, block, o)
}

// parsePlace reads the input whose place an operator takes: NAME, or NAME:TYPE, NAME::SHAPE and NAME:TYPE:SHAPE where the operator gives another type or shape than it takes. What is an input of the model as
// it stands is that name, as names may hold colons.
func parsePlace(m *onnxpb.ModelProto, s string) (string, *onnxpb.TypeProto, error) {
	var names []string
	for _, v := range m.Graph.GetInput() {
		names = append(names, v.GetName())
	}
	if slices.Contains(names, s) {
		return s, nil, nil
	}
	name, shaped, err := cutShape(s)
	if err != nil {
		return "", nil, err
	}
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 {
		if shaped != nil {
			return "", nil, usagef("--at-input %s: write NAME:TYPE, NAME::SHAPE or NAME:TYPE:SHAPE", s)
		}
		return s, nil, nil // there is none, which is told with the names that are near
	}
	name, kind := name[:colon], name[colon+1:]
	if kind == "" && shaped == nil {
		return "", nil, usagef("--at-input %s: write NAME:TYPE, NAME::SHAPE or NAME:TYPE:SHAPE", s)
	}
	if kind == "" {
		return name, onnxpb.TensorType(onnxpb.TensorProto_UNDEFINED, shaped), nil
	}
	t, err := parseWhole(kind, shaped)
	if err != nil && !slices.Contains(names, name) {
		return s, nil, nil // as above
	}
	return name, t, err
}

// pairs reads NAME=TENSOR, parted at the first =.
func pairs(flag string, list []string) (map[string]string, error) {
	m := map[string]string{}
	for _, s := range list {
		name, to, ok := strings.Cut(s, "=")
		if !ok || name == "" || to == "" {
			return nil, usagef("--%s %s: write NAME=TENSOR", flag, s)
		}
		if _, twice := m[name]; twice {
			return nil, usagef("--%s: %q is given twice", flag, name)
		}
		m[name] = to
	}
	return m, nil
}

// operatorBlock reads the operator that the flags tell.
func operatorBlock(c *cli.Context, m *onnxpb.ModelProto, files modelFiles) (surgery.OperatorBlock, error) {
	op := surgery.OperatorBlock{Operator: c.String("op"), Domain: c.String("domain"), Name: c.String("name"), Results: c.Int("results")}
	if c.IsSet("results") && op.Results < 1 {
		return op, usagef("--results %d: an operator gives one output or more", op.Results)
	}
	if c.IsSet("name") && op.Name == "" {
		return op, usagef("--name is empty")
	}
	var err error
	if op.Attributes, op.Graphs, err = parseAttributes(c.StringSlice("attr"), op.Domain, op.Operator, surgery.OperatorVersion(m, op.Domain), files); err != nil {
		return op, err
	}
	for _, s := range c.StringSlice("operand") {
		operand := surgery.Operand{Name: s}
		switch v, err := parseOpValue(s); {
		case s == "@":
			operand = surgery.Operand{Place: true}
		case strings.Contains(s, "]=") && err != nil:
			return op, fmt.Errorf("--operand %s: %w", s, err)
		case v.Value != nil && err == nil:
			operand = surgery.Operand{Name: v.Name, Value: v.Value}
		}
		op.Operands = append(op.Operands, operand)
	}
	return op, nil
}
