package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

func opCommand() *cli.Command {
	return &cli.Command{
		Name:      "op",
		Usage:     "write a model that is a single operator",
		UsageText: "onnxtool op OPERATOR --input NAME:TYPE:SHAPE... [--output-name NAME...] [--attr NAME=VALUE...] -o OUT",
		Description: "Inputs are given in the operator's order as NAME:TYPE:SHAPE, such as a:float32:[N,3]; the shape may be left out, where\n" +
			"the rank is not known. An input that is a constant has its values behind: shape:int64:[2]=0,-1. An empty --input '' leaves out\n" +
			"an optional input. Outputs are NAME, NAME:TYPE or NAME:TYPE:SHAPE; without any, those that the operator must have, by their own\n" +
			"names. What is left out follows from the operator where it can. Attributes are NAME=VALUE; lists are joined by commas.\n" +
			"A tensor is TYPE:SHAPE=VALUES, or @FILE.npy, of which lists are made too. A TYPE may be seq(float32) or optional(seq(int64)), too; SHAPE is that of the tensors then.\n" +
			"Of an operator in a domain that is not known, outputs have their types, and attributes are NAME:TYPE=VALUE, with int, float,\n" +
			"string, ints, floats, strings, tensor or graph. An attribute that is a graph is @FILE.onnx: it gets the main graph of that model,\n" +
			"which captures what it does not define of the operator's own inputs, and of those that --outer gives. An operator that its domain does not have is refused, as a name that is misspelt, or one\n" +
			"that needs --domain; --force takes it as one of a domain that is not known, as other tools write plugins into ONNX's own domain.\n\n" +
			"Example: onnxtool op Add --input 'a:float32:[N,3]' --input 'b:float32:[N,3]' --output-name sum -o add.onnx\n" +
			"         onnxtool op Softmax --opset 13 --input 'x:float32:[N,10]' --attr axis=1 -o softmax.onnx\n" +
			"         onnxtool op Fancy --domain my.ops --input 'x:float32:[N]' --attr level:int=2 --output-name 'y:float32:[N]' -o fancy.onnx\n" +
			"         onnxtool op If --input 'c:bool:[]' --outer 'x:float32:[N]' --attr then_branch=@neg.onnx --attr else_branch=@abs.onnx -o if.onnx",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "call the node, and its outputs where they are not named, by this `NAME`"},
			&cli.Int64Flag{Name: "opset", Value: fuse.DefaultPartOpset, Usage: "`VERSION` of the default operator set"},
			&cli.StringFlag{Name: "domain", Usage: "`DOMAIN` of the operator; none is ONNX's own"},
			&cli.Int64Flag{Name: "domain-version", Usage: "`VERSION` of that domain's operator set", DefaultText: "the newest"},
			&cli.StringSliceFlag{Name: "input", Aliases: []string{"i"}, Usage: "`NAME:TYPE:SHAPE` of an input"},
			&cli.StringSliceFlag{Name: "outer", Usage: "`NAME:TYPE:SHAPE` of an input of the model that only graphs among the attributes read"},
			&cli.StringSliceFlag{Name: "output-name", Usage: "`NAME` of an output, or NAME:TYPE:SHAPE"},
			&cli.StringSliceFlag{Name: "attr", Aliases: []string{"a"}, Usage: "`NAME=VALUE` of an attribute"},
		}, outputFlags()...),
		Action: runOp,
	}
}

func runOp(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one operator is needed, %d given", c.NArg()), Hint: "see onnxtool help op"}
	}
	name := c.Args().First()
	out, err := newFile(c)
	if err != nil {
		return err
	}
	o := fuse.OpOptions{Domain: c.String("domain"), Version: c.Int64("domain-version"), Foreign: c.Bool("force"), Name: c.String("name")}
	for _, s := range c.StringSlice("input") {
		v, err := parseOpValue(s)
		if err != nil {
			return fmt.Errorf("--input %s: %w", s, err)
		}
		if v.Name != "" && v.Type == onnxpb.TensorProto_UNDEFINED && v.Whole == nil {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--input %s has no type", s), Hint: "write NAME:TYPE:SHAPE, such as " + v.Name + ":float32:[N,3]"}
		}
		o.Inputs = append(o.Inputs, v)
	}
	for _, s := range c.StringSlice("output-name") {
		v, err := parseOpValue(s)
		if err != nil {
			return fmt.Errorf("--output-name %s: %w", s, err)
		}
		if v.Value != nil {
			return usagef("--output-name %s: an output has no value", s)
		}
		o.Outputs = append(o.Outputs, v)
	}
	files := modelFiles{}
	defer files.close()
	if o.Attributes, o.Graphs, err = parseAttributes(c.StringSlice("attr"), c.String("domain"), name, opVersion(c), files); err != nil {
		return err
	}
	for _, s := range c.StringSlice("outer") {
		v, err := parseOpValue(s)
		if err != nil {
			return fmt.Errorf("--outer %s: %w", s, err)
		}
		o.Outer = append(o.Outer, v)
	}
	m, err := fuse.Op(name, o, fuse.PartOptions{Opset: c.Int64("opset")})
	if err != nil {
		return err
	}
	return saveNew(c, m, out)
}

// opVersion is the version of the operator set that the operator of the flags belongs to.
func opVersion(c *cli.Context) int64 {
	if onnxpb.NormalDomain(c.String("domain")) == "" {
		return c.Int64("opset")
	}
	if v := c.Int64("domain-version"); v != 0 {
		return v
	}
	return opset.Newest(c.String("domain"))
}

// parseAttributes reads attributes, NAME=VALUE by the types that the operator gives them, NAME:TYPE=VALUE by that type. One that the operator does not have is left to others to refuse.
// files keeps the models open whose graphs are attributes; sources are these models.
func parseAttributes(given []string, domain, name string, version int64, files modelFiles) (list []*onnxpb.AttributeProto, sources []surgery.GraphSource, err error) {
	sig, ok := opset.Lookup(domain, name, version)
	for _, s := range given {
		key, value, isPair := strings.Cut(s, "=")
		if !isPair || key == "" {
			return nil, nil, usagef("--attr %s: write NAME=VALUE", s)
		}
		known := opset.Attribute{}
		if base, typ, typed := strings.Cut(key, ":"); typed {
			known = opset.Attribute{Name: base, Type: surgery.AttributeType(typ)}
			if known.Type == "" || base == "" {
				return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--attr %s: %q is no type of attributes", s, typ), Hint: "write NAME:TYPE=VALUE with " + surgery.AttributeTypes}
			}
		} else if ok {
			known, _ = sig.Attribute(key)
		} else {
			e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--attr %s: the operator %s is not known, and so is the type of its attributes not", s, name), Hint: "write NAME:TYPE=VALUE with " + surgery.AttributeTypes}
			if hint := surgery.UnknownOperatorHint(domain, name, version); hint != "" {
				e.Hint = hint + ", and NAME:TYPE=VALUE"
			}
			return nil, nil, e
		}
		a := &onnxpb.AttributeProto{Name: &key, Type: onnxpb.AttributeProto_UNDEFINED.Enum()}
		if known.Name != "" {
			if path, ok := attributeFile(value, ".npy"); ok {
				var array *onnxpb.Array
				if array, err = readNPY(path, onnxpb.TensorProto_UNDEFINED); err == nil {
					a, err = surgery.AttributeOf(known, array)
				}
			} else if path, ok := attributeFile(value, ".onnx"); ok && known.Type == "graph" {
				var source surgery.GraphSource
				if source, err = files.graph(path); err == nil {
					sources = append(sources, source)
					a, err = surgery.GraphAttribute(known.Name, source)
				}
			} else {
				a, err = surgery.ParseAttribute(known, value)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("--attr %s: %w", s, err)
			}
		}
		list = append(list, a)
	}
	return list, sources, nil
}

// parseOpValue reads NAME, NAME:TYPE, NAME:TYPE:SHAPE or NAME:TYPE:SHAPE=VALUES. The name may hold colons itself, as the names of some exporters do:
// what is a shape, and then a type, is taken from the end.
func parseOpValue(s string) (fuse.OpValue, error) {
	var v fuse.OpValue
	rest, values, constant := s, "", false
	if i := strings.LastIndex(s, "]="); i >= 0 {
		rest, values, constant = s[:i+1], s[i+2:], true
	}
	var err error
	if rest, v.Shape, err = cutShape(rest); err != nil {
		return v, err
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		v.Name = rest
		if v.Shape != nil {
			return v, usagef("%q has a shape and no type", s)
		}
		return v, nil
	}
	v.Name = rest[:i]
	if kind := rest[i+1:]; strings.HasSuffix(kind, ")") {
		var err error
		if v.Whole, err = parseWhole(kind, v.Shape); err == nil && constant {
			err = usagef("%q: a constant is a tensor", s)
		}
		v.Shape = nil
		return v, err
	}
	t, err := onnxpb.ParseType(rest[i+1:])
	if err != nil {
		return v, err
	}
	v.Type = t
	if constant {
		var dims []int64
		if dims, err = onnxpb.ParseDims(onnxpb.FormatShape(v.Shape)); err != nil {
			return v, err
		}
		v.Value, err = onnxpb.ParseElements(t, dims, values)
	}
	return v, err
}

// cutShape takes the shape off the end of NAME:TYPE:SHAPE; the shape is nil where there is none.
func cutShape(s string) (rest string, shape []onnxpb.Dim, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || !strings.HasPrefix(s[i+1:], "[") {
		return s, nil, nil
	}
	shape, err = onnxpb.ParseShape(s[i+1:])
	return s[:i], shape, err
}

// parseWhole reads a type that is no tensor, such as seq(float32) or optional(seq(int64)), of tensors of a shape.
func parseWhole(s string, shape []onnxpb.Dim) (*onnxpb.TypeProto, error) {
	if shape == nil && strings.Contains(s, "[") { // as reports write it, too: sequence(float32 [3])
		return onnxpb.ParseTypeProto(s)
	}
	kind, inner, ok := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	if !ok {
		t, err := onnxpb.ParseType(s)
		return onnxpb.TensorType(t, shape), err
	}
	if kind == "sequence" { // as reports write it
		kind = "seq"
	}
	if kind != "seq" && kind != "optional" {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no type", s), Hint: "write an element type, seq(TYPE) or optional(TYPE)"}
	}
	t, err := parseWhole(inner, shape)
	if err != nil {
		return nil, err
	}
	if kind == "seq" {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: t}}}, nil
	}
	return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: t}}}, nil
}
