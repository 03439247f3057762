package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
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
--at-input NAME: the model takes what the block takes. --at-output NAME: the model gives what the block gives. Without a place the block is wired by --in and --out alone.

The operands of an operator are given in its order: @ for the tensor of the place, the NAME of a tensor, NAME:TYPE:SHAPE=VALUES for a constant, '' to leave out an optional one; none is @ alone.
Attributes are NAME=VALUE, or NAME:TYPE=VALUE where the operator is not known; see onnxtool op.

   onnxtool insert in.onnx --op Clip --operand @ --operand min:float32:[]=0 --operand max:float32:[]=6 --after conv_3 -o out.onnx
   onnxtool insert in.onnx preprocess.onnx --at-input image -o out.onnx
   onnxtool insert in.onnx head.onnx --in features=pooled --new-outputs -o out.onnx`,
		Flags: editFlags(
			&cli.StringFlag{Name: "after", Usage: "read the `TENSOR`, and be read in its place"},
			&cli.StringFlag{Name: "before", Usage: "read what the `NODE` reads, and be read by it"},
			&cli.StringFlag{Name: "at-input", Usage: "take the place of the input `NAME`"},
			&cli.StringFlag{Name: "at-output", Usage: "take the place of the output `NAME`"},
			&cli.StringSliceFlag{Name: "only", Usage: "--after: only readers of this `NAME`, or in the subgraphs of a node of this name"},
			&cli.IntSliceFlag{Name: "input", Usage: "only inputs of this `INDEX`, from 0, of the readers"},
			&cli.BoolFlag{Name: "outputs", Usage: "--after: outputs follow too, and keep their names"},
			&cli.StringSliceFlag{Name: "in", Usage: "have an input of the block read a tensor: `NAME=TENSOR`"},
			&cli.StringSliceFlag{Name: "out", Usage: "have the readers of a tensor read an output of the block: `NAME=TENSOR`"},
			&cli.BoolFlag{Name: "new-inputs", Usage: "inputs of the block that read nothing become inputs of the model"},
			&cli.BoolFlag{Name: "new-outputs", Usage: "outputs of the block that nothing is told of become outputs of the model"},
			&cli.BoolFlag{Name: "allow-unknown", Usage: "go on where it is not known whether the block gives what its readers were made for"},
			retypeFlag(),
			&cli.StringFlag{Name: "op", Usage: "insert a node of this `OPERATOR`"},
			&cli.StringFlag{Name: "domain", Usage: "`DOMAIN` of the operator; none is ONNX's own"},
			&cli.StringSliceFlag{Name: "operand", Usage: "an input of the operator: @, a tensor's `NAME`, or NAME:TYPE:SHAPE=VALUES"},
			&cli.StringSliceFlag{Name: "attr", Aliases: []string{"a"}, Usage: "an attribute of the operator: `NAME=VALUE`"},
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
	case operator == "" && (c.IsSet("operand") || c.IsSet("attr") || c.IsSet("domain") || c.IsSet("results")):
		return usagef("--operand, --attr, --domain and --results are of an operator, and --op is not given")
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
	if len(places) == 0 && !c.IsSet("in") && !c.IsSet("out") && !c.Bool("new-inputs") && !c.IsSet("operand") {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to insert is missing", Hint: "give --after, --before, --at-input, --at-output, or wire the block by --in and --out"}
	}
	o := surgery.InsertOptions{NewInputs: c.Bool("new-inputs"), NewOutputs: c.Bool("new-outputs"), Readers: readerChoice(c)}
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
	place := ""
	if len(places) > 0 {
		place = places[0]
	}
	return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error) {
		o.ModelDir = dir
		return insertBlock(c, m, block, place, o)
	})
}

// insertBlock settles the place of the block and inserts it; a nil block is the operator of the flags.
func insertBlock(c *cli.Context, m, block *onnxpb.ModelProto, place string, o surgery.InsertOptions) (*surgery.Report, error) {
	at := c.String(place)
	if place == "before" {
		index := 0
		if list := c.IntSlice("input"); len(list) > 0 {
			index = list[0]
		}
		var err error
		if at, err = surgery.NodeInput(m, c.String("before"), index); err != nil {
			return nil, err
		}
		o.Readers.Nodes, o.Readers.Inputs = []string{c.String("before")}, []int{index}
	}
	if block == nil {
		var err error
		if block, err = operatorBlock(c, m, at, o.Inputs); err != nil {
			return nil, err
		}
	}
	if place != "" {
		in, out := free(block.Graph.Input, o.Inputs), free(block.Graph.Output, o.Outputs)
		// The operands of an operator may all be named.
		if out == "" || in == "" && (!c.IsSet("operand") || place == "at-input") {
			return nil, usagef("--%s: the block has no input or no output left for it", place)
		}
		o.Outputs[out] = at
		switch place {
		case "at-input":
			o.Replace = map[string]string{in: at}
		case "at-output":
			o.OnlyOutputs = true
			fallthrough
		default:
			if in != "" {
				o.Inputs[in] = at
			}
		}
	}
	return surgery.Insert(m, block, o)
}

// free returns the first of a list that nothing is told of.
func free(list []*onnxpb.ValueInfoProto, told map[string]string) string {
	for _, v := range list {
		if _, ok := told[v.GetName()]; !ok {
			return v.GetName()
		}
	}
	return ""
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

// operatorBlock makes a block of the operator that the flags tell, and puts down which tensors its operands are. Its types are those that its operands will have.
func operatorBlock(c *cli.Context, m *onnxpb.ModelProto, at string, inputs map[string]string) (*onnxpb.ModelProto, error) {
	name, domain := c.String("op"), onnxpb.NormalDomain(c.String("domain"))
	version := m.OpsetVersion(domain)
	b := &onnxpb.ModelProto{IrVersion: m.IrVersion, OpsetImport: m.OpsetImport, Graph: &onnxpb.GraphProto{}}
	if version == 0 {
		if version = max(opset.Newest(domain), 1); domain == "" {
			version = m.OpsetVersion("")
		}
		b.OpsetImport = append(b.OpsetImport[:len(b.OpsetImport):len(b.OpsetImport)], onnxpb.Opset(domain, version))
	}
	attrs, err := parseAttributes(c.StringSlice("attr"), domain, name, version)
	if err != nil {
		return nil, err
	}
	base := at
	if base == "" {
		base = "inserted"
	}
	base = base[strings.LastIndexByte(base, '/')+1:] + "_" + name
	n := onnxpb.Node(name, base, nil, nil, attrs...)
	if domain != "" {
		n.Domain = &domain
	}
	operands := c.StringSlice("operand")
	if len(operands) == 0 {
		operands = []string{"@"}
	}
	for i, s := range operands {
		in := fmt.Sprintf("operand_%d", i)
		switch v, err := parseOpValue(s); {
		case s == "":
			in = ""
		case s == "@" && at == "":
			return nil, usagef("--operand @ stands for the tensor of the place, and none is given")
		case s == "@":
			in = "@"
		case strings.Contains(s, "]=") && err != nil:
			return nil, fmt.Errorf("--operand %s: %w", s, err)
		case v.Value != nil && err == nil:
			in = v.Name
			b.Graph.Initializer = append(b.Graph.Initializer, v.Value.Proto(in))
		default:
			inputs[in] = s
		}
		if in == "@" && free(b.Graph.Input, inputs) != "" {
			n.Input = append(n.Input, in) // twice the same
			continue
		}
		if _, told := inputs[in]; told || in == "@" {
			b.Graph.Input = append(b.Graph.Input, &onnxpb.ValueInfoProto{Name: &in})
		}
		n.Input = append(n.Input, in)
	}
	results := 1
	if sig, ok := opset.Lookup(domain, name, version); ok {
		results = max(results, sig.MinOutputs)
	}
	if c.IsSet("results") {
		results = c.Int("results")
	}
	for i := range results {
		out := base
		if i > 0 {
			out = fmt.Sprintf("%s_%d", base, i)
		}
		n.Output = append(n.Output, out)
		b.Graph.Output = append(b.Graph.Output, &onnxpb.ValueInfoProto{Name: &out})
	}
	b.Graph.Node = []*onnxpb.NodeProto{n}
	return b, nil
}
