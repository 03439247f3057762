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
			"A tensor is TYPE:SHAPE=VALUES.\n\n" +
			"Example: onnxtool op Add --input a:float32:[N,3] --input b:float32:[N,3] --output-name sum -o add.onnx\n" +
			"         onnxtool op Softmax --opset 13 --input x:float32:[N,10] --attr axis=1 -o softmax.onnx",
		Flags: append([]cli.Flag{
			&cli.Int64Flag{Name: "opset", Value: fuse.DefaultPartOpset, Usage: "`VERSION` of the default operator set"},
			&cli.StringFlag{Name: "domain", Usage: "`DOMAIN` of the operator; none is ONNX's own"},
			&cli.Int64Flag{Name: "domain-version", Usage: "`VERSION` of that domain's operator set", DefaultText: "the newest"},
			&cli.StringSliceFlag{Name: "input", Aliases: []string{"i"}, Usage: "`NAME:TYPE:SHAPE` of an input"},
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
	o := fuse.OpOptions{Domain: c.String("domain"), Version: c.Int64("domain-version")}
	for _, s := range c.StringSlice("input") {
		v, err := parseOpValue(s)
		if err != nil {
			return fmt.Errorf("--input %s: %w", s, err)
		}
		if v.Name != "" && v.Type == onnxpb.TensorProto_UNDEFINED {
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
	if o.Attributes, err = opAttributes(c, name); err != nil {
		return err
	}
	m, err := fuse.Op(name, o, fuse.PartOptions{Opset: c.Int64("opset")})
	if err != nil {
		return err
	}
	return saveNew(c, m, out)
}

// opAttributes reads the attributes by the types that the operator gives them. One that the operator does not have is left to fuse.Op to refuse.
func opAttributes(c *cli.Context, name string) ([]*onnxpb.AttributeProto, error) {
	version := c.Int64("opset")
	if c.String("domain") != "" {
		if version = c.Int64("domain-version"); version == 0 {
			version = opset.Newest(c.String("domain"))
		}
	}
	sig, ok := opset.Lookup(c.String("domain"), name, version)
	var list []*onnxpb.AttributeProto
	for _, s := range c.StringSlice("attr") {
		key, value, isPair := strings.Cut(s, "=")
		if !isPair || key == "" {
			return nil, usagef("--attr %s: write NAME=VALUE", s)
		}
		a := &onnxpb.AttributeProto{Name: &key, Type: onnxpb.AttributeProto_UNDEFINED.Enum()}
		if ok {
			if known, is := sig.Attribute(key); is {
				var err error
				if a, err = surgery.ParseAttribute(known, value); err != nil {
					return nil, fmt.Errorf("--attr %s: %w", s, err)
				}
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// parseOpValue reads NAME, NAME:TYPE, NAME:TYPE:SHAPE or NAME:TYPE:SHAPE=VALUES. The name may hold colons itself, as the names of some exporters do:
// what is a shape, and then a type, is taken from the end.
func parseOpValue(s string) (fuse.OpValue, error) {
	var v fuse.OpValue
	rest, values, constant := s, "", false
	if i := strings.LastIndex(s, "]="); i >= 0 {
		rest, values, constant = s[:i+1], s[i+2:], true
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && strings.HasPrefix(rest[i+1:], "[") {
		dims, err := onnxpb.ParseShape(rest[i+1:])
		if err != nil {
			return v, err
		}
		v.Shape, rest = dims, rest[:i]
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		v.Name = rest
		if v.Shape != nil {
			return v, usagef("%q has a shape and no type", s)
		}
		return v, nil
	}
	t, err := onnxpb.ParseType(rest[i+1:])
	if err != nil {
		return v, err
	}
	v.Name, v.Type = rest[:i], t
	if constant {
		var dims []int64
		if dims, err = onnxpb.ParseDims(onnxpb.FormatShape(v.Shape)); err != nil {
			return v, err
		}
		v.Value, err = onnxpb.ParseElements(t, dims, values)
	}
	return v, err
}
