package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// partKind is a kind of part: which flags it reads, and how it is made.
type partKind struct {
	name, usage string
	flags       []string
	build       func(*cli.Context, fuse.PartOptions) (*onnxpb.ModelProto, error)
}

// partKinds lists the parts.
var partKinds = []partKind{
	{"front-mask", "pose [N,3] where abs(yaw) <= limit, else 0", []string{"limit", "judge", "yaw-column"}, buildMask(fuse.FrontMask)},
	{"rear-mask", "pose [N,3] where not abs(yaw) <= limit, else 0", []string{"limit", "judge", "yaw-column"}, buildMask(fuse.RearMask)},
	{"gate", "one pose [N,3] of two by a rule", []string{"limit", "rule", "source", "yaw-column"}, buildGate},
	{"normalize", "(image*scale - mean)/std by channel", []string{"norm", "mean", "std", "scale", "shape", "axis"}, buildNormalize},
	{"rotation6d", "six numbers [N,6] to a rotation matrix [N,3,3]", nil,
		func(_ *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) { return fuse.Rotation6D(o) }},
	{"euler", "rotation matrix [N,3,3] to angles [N,3] in degrees", []string{"order"},
		func(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
			return fuse.Euler(c.String("order"), o)
		}},
	{"bins", "logits [N,count] over the bins of an angle to degrees [N,1]", []string{"count", "width", "offset", "circular"}, buildBins},
	{"reorder", "columns of a matrix picked and ordered by name", []string{"from", "order"}, buildReorder},
}

func partCommand() *cli.Command {
	var names []string
	var list strings.Builder
	for _, k := range partKinds {
		names = append(names, k.name)
		fmt.Fprintf(&list, "  %-11s %s\n", k.name, k.usage)
		if len(k.flags) > 0 {
			fmt.Fprintf(&list, "  %-11s   --%s\n", "", strings.Join(k.flags, " --"))
		}
	}
	return &cli.Command{
		Name:      "part",
		Usage:     "write a part of a head-pose model as a model of its own",
		UsageText: "onnxtool part KIND [flags] -o OUT\n\nKIND is one of " + strings.Join(names, ", "),
		Description: "The kinds, and the flags that they read beside --opset and --batch:\n" + list.String() +
			"\nExample: onnxtool part front-mask --limit 75 --batch N -o front_mask.onnx",
		Flags: append([]cli.Flag{
			&cli.Int64Flag{Name: "opset", Value: fuse.DefaultPartOpset, Usage: "`VERSION` of the default operator set; a part that is to be merged needs that of the model"},
			&cli.StringFlag{Name: "batch", Value: "N", Usage: "first `DIM` of inputs and outputs: a symbol or a number"},
			&cli.Float64Flag{Name: "limit", Usage: "yaw in `DEGREES` up to which the front answers", DefaultText: "75, for the rule published 90"},
			&cli.BoolFlag{Name: "judge", Usage: "judge by a yaw [N,1] of its own input instead of the pose's"},
			&cli.IntFlag{Name: "yaw-column", Usage: "`COLUMN` of the pose that is the yaw", Value: 0},
			&cli.StringFlag{Name: "rule", Value: fuse.Select, Usage: "gate `RULE`: " + strings.Join(fuse.Rules(), ", ")},
			&cli.BoolFlag{Name: "source", Usage: "give a second output that tells who answered: 0 front, 1 rear"},
			&cli.StringFlag{Name: "order", Usage: "the `COLUMNS` of the output: yaw,roll,pitch; - before a name turns its sign (reorder)"},
			&cli.StringFlag{Name: "from", Usage: "the names of the `COLUMNS` that come in, such as yaw,pitch,roll"},
			&cli.Int64Flag{Name: "count", Usage: "how many `BINS` there are", Value: 66},
			&cli.Float64Flag{Name: "width", Usage: "`DEGREES` that a bin is wide", Value: 3},
			&cli.Float64Flag{Name: "offset", Usage: "the angle of bin 0 in `DEGREES`", DefaultText: "-count*width/2"},
			&cli.BoolFlag{Name: "circular", Usage: "take the mean along the circle instead of along the line"},
			&cli.StringFlag{Name: "norm", Usage: "`NAME` of a normalisation: imagenet (values within 0..1) or imagenet255 (0..255)"},
			&cli.StringFlag{Name: "mean", Usage: "`NUMBERS` to subtract, one a channel or one for all"},
			&cli.StringFlag{Name: "std", Usage: "`NUMBERS` to divide by, one a channel or one for all"},
			&cli.StringFlag{Name: "scale", Usage: "`NUMBER` to multiply by first, such as 1/255"},
			&cli.StringFlag{Name: "shape", Usage: "`SHAPE` of the image without its batch", Value: "[3,H,W]"},
			&cli.IntFlag{Name: "axis", Usage: "`DIMENSION` of the channels: 1 for NCHW, 3 for NHWC", Value: 1},
		}, outputFlags()...),
		Action: func(c *cli.Context) error { return runPart(c, names) },
	}
}

func runPart(c *cli.Context, names []string) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one kind of part is needed, %d given", c.NArg()), Hint: "the kinds are " + strings.Join(names, ", ")}
	}
	i := slices.Index(names, c.Args().First())
	if i < 0 {
		e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no part %q", c.Args().First()), Hint: "the kinds are " + strings.Join(names, ", ")}
		if near := surgery.Nearest(c.Args().First(), names, 3); len(near) > 0 {
			e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
		}
		return e
	}
	kind := partKinds[i]
	if err := onlyFlagsOf(c, kind); err != nil {
		return err
	}
	out, err := newFile(c)
	if err != nil {
		return err
	}
	batch, err := onnxpb.ParseDim(c.String("batch"))
	if err != nil {
		return err
	}
	if batch == (onnxpb.Dim{}) {
		return usagef("--batch ? is neither a symbol nor a number")
	}
	m, err := kind.build(c, fuse.PartOptions{Opset: c.Int64("opset"), Batch: batch, YawColumn: c.Int("yaw-column")})
	if err != nil {
		return err
	}
	return saveNew(c, m, out)
}

// onlyFlagsOf refuses flags that belong to other kinds of parts.
func onlyFlagsOf(c *cli.Context, kind partKind) error {
	for _, k := range partKinds {
		for _, f := range k.flags {
			if c.IsSet(f) && !slices.Contains(kind.flags, f) {
				return usagef("--%s says nothing for a %s", f, kind.name)
			}
		}
	}
	return nil
}

// newFile is where a command writes that makes a model from nothing.
func newFile(c *cli.Context) (string, error) {
	if out := outputOf(c); out != "" {
		return out, nil
	}
	return "", &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to write is missing", Hint: "add -o FILE"}
}

// saveNew saves a model that was made from nothing.
func saveNew(c *cli.Context, m *onnxpb.ModelProto, out string) error {
	r := &surgery.Report{Edit: c.Command.Name}
	for _, v := range m.Graph.Input {
		r.Add("added", "input", v.GetName(), "", describeValue(v))
	}
	for _, v := range m.Graph.Output {
		r.Add("added", "output", v.GetName(), "", describeValue(v))
	}
	r.Note("%s", m.GetDocString())
	return saveReported(c, m, out, origin{}, r)
}

// describeValue writes the type of a tensor for people.
func describeValue(v *onnxpb.ValueInfoProto) string {
	if v.GetType().GetTensorType() == nil {
		return onnxpb.FormatTypeProto(v.GetType())
	}
	if dims, ok := v.Shape(); ok {
		return onnxpb.TypeName(v.ElemType()) + " " + onnxpb.FormatShape(dims)
	}
	return onnxpb.TypeName(v.ElemType())
}

func buildMask(mask func(float64, bool, fuse.PartOptions) (*onnxpb.ModelProto, error)) func(*cli.Context, fuse.PartOptions) (*onnxpb.ModelProto, error) {
	return func(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
		limit := float64(fuse.DefaultLimit)
		if c.IsSet("limit") {
			limit = c.Float64("limit")
		}
		return mask(limit, c.Bool("judge"), o)
	}
}

func buildGate(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
	if err := positiveLimit(c); err != nil {
		return nil, err
	}
	return fuse.Gate(fuse.GateOptions{Rule: c.String("rule"), Limit: c.Float64("limit"), Source: c.Bool("source")}, o)
}

// positiveLimit refuses --limit 0, which means the default where a limit is an option of a gate.
func positiveLimit(c *cli.Context) error {
	if c.IsSet("limit") && c.Float64("limit") == 0 {
		return usagef("a gate with the limit 0 has no front")
	}
	return nil
}

func buildNormalize(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
	var n fuse.Norm
	var err error
	if c.IsSet("norm") {
		if c.IsSet("mean") || c.IsSet("std") || c.IsSet("scale") {
			return nil, usagef("--norm excludes --mean, --std and --scale")
		}
		if n, err = fuse.ParseNorm(c.String("norm")); err != nil {
			return nil, err
		}
	} else {
		var said []string
		for _, f := range []string{"mean", "std", "scale"} {
			if c.IsSet(f) {
				said = append(said, f+"="+c.String(f))
			}
		}
		if len(said) == 0 {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the normalisation is missing", Hint: "give --norm imagenet, or --mean, --std and --scale"}
		}
		if n, err = fuse.ParseNorm(strings.Join(said, ";")); err != nil {
			return nil, err
		}
	}
	shape, err := onnxpb.ParseShape(c.String("shape"))
	if err != nil {
		return nil, err
	}
	return fuse.Normalize(n, shape, c.Int("axis"), o)
}

func buildBins(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
	b := fuse.BinOptions{Count: c.Int64("count"), Width: c.Float64("width"), Circular: c.Bool("circular")}
	if c.IsSet("width") && b.Width == 0 {
		return nil, usagef("bins cannot be 0 degrees wide")
	}
	if c.IsSet("offset") {
		offset := c.Float64("offset")
		b.Offset = &offset
	}
	return fuse.Bins(b, o)
}

func buildReorder(c *cli.Context, o fuse.PartOptions) (*onnxpb.ModelProto, error) {
	if !c.IsSet("from") || !c.IsSet("order") {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--from and --order are needed", Hint: "for example --from yaw,pitch,roll --order yaw,roll,pitch"}
	}
	return fuse.Reorder(splitList(c.String("from")), splitList(c.String("order")), o)
}

// splitList reads names joined by commas.
func splitList(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
