package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func setoutputCommand() *cli.Command {
	return &cli.Command{
		Name:      "setoutput",
		Usage:     "change what an output gives: element type, layout or order of axes, order of the channels, shape, name; or the order of outputs",
		UsageText: "onnxtool setoutput MODEL NAME [--dtype TYPE] [--layout NHWC | --perm AXES] [--swap-rgb] [--channel AXIS] [--shape DIMS] [--name NEW] -o OUT",
		Description: "Nodes in front of the output make it what is asked for: swap of the channels, Transpose, Cast, in this order. It keeps its name and\n" +
			"its place, unless --name gives another; nodes of the model read the tensor as it was.\n\n" +
			"--shape declares dimensions that are not known, in the model's own layout; what follows for the output cannot be declared otherwise.\n" +
			"--perm is for any rank what --layout is for images: the axes of the model's own output in the order in which the new one has them.\n" +
			"--channel is the axis of the channels in the model's own order, where it is not axis 1 or 3 of 4, or cannot be told.\n" +
			"--order puts outputs in front in the order given, and takes no NAME.\n\n" +
			"Example: onnxtool setoutput in.onnx image --layout NHWC --dtype uint8 -o out.onnx\n" +
			"         onnxtool setoutput in.onnx masks --perm 1,2,0 -o out.onnx\n" +
			"         onnxtool setoutput in.onnx --order boxes,scores -o out.onnx",
		Flags: editFlags(
			&cli.StringFlag{Name: "dtype", Usage: "give elements of `TYPE`, such as float16"},
			&cli.StringFlag{Name: "layout", Usage: "give images in `LAYOUT`, NHWC or NCHW, where the model gives the other one"},
			&cli.StringFlag{Name: "perm", Usage: "give the axes in another order: `AXES` of the model's own output in the order in which the new one has them, such as 0,2,3,1"},
			&cli.BoolFlag{Name: "swap-rgb", Usage: "give images with the three channels in reverse order (BGR for RGB)"},
			&cli.IntFlag{Name: "channel", Usage: "the `AXIS` of the channels in the model's own order of axes, from the end where it is negative", DefaultText: "found in 4 dimensions"},
			&cli.StringFlag{Name: "shape", Usage: "declare the shape `DIMS`, such as [N,3,224,224], in the model's own layout"},
			&cli.StringFlag{Name: "name", Usage: "call the output `NEW`"},
			&cli.StringFlag{Name: "order", Usage: "put these `NAMES`, parted by commas, in front; the other outputs follow in the order that they have"},
		),
		Action: runSetoutput,
	}
}

func runSetoutput(c *cli.Context) error {
	if c.IsSet("order") {
		return runOrder(c, surgery.OrderOutputs, "dtype", "layout", "perm", "swap-rgb", "channel", "shape", "name")
	}
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and an output's name are needed, %d arguments given", c.NArg()),
			Hint: "for example onnxtool setoutput in.onnx output --dtype float16 -o out.onnx"}
	}
	s := surgery.OutputSpec{Layout: c.String("layout"), SwapRGB: c.Bool("swap-rgb"), Name: c.String("name")}
	asked := s.SwapRGB
	for _, flag := range []string{"dtype", "layout", "perm", "channel", "shape", "name"} {
		asked = asked || c.IsSet(flag)
		if c.IsSet(flag) && c.String(flag) == "" {
			return usagef("--%s is empty", flag)
		}
	}
	if !asked {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be changed", Hint: "see onnxtool help setoutput"}
	}
	var err error
	if s.Perm, s.Channel, err = axesOf(c); err != nil {
		return err
	}
	if c.IsSet("shape") {
		if s.Shape, err = onnxpb.ParseShape(c.String("shape")); err != nil {
			return err
		}
	}
	if c.IsSet("dtype") {
		if s.Type, err = onnxpb.ParseType(c.String("dtype")); err != nil {
			return err
		}
	}
	return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.SetOutput(m, c.Args().Get(1), s)
	})
}

// runOrder puts inputs or outputs in the order that --order says; others are the flags that cannot be given with it.
func runOrder(c *cli.Context, order func(*onnxpb.ModelProto, []string) (*surgery.Report, error), others ...string) error {
	for _, flag := range others {
		if c.IsSet(flag) {
			return usagef("--order and --%s are two edits: make one after the other", flag)
		}
	}
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--order takes a model and no name, %d arguments given", c.NArg()), Hint: "write the names behind --order, parted by commas"}
	}
	names, err := tensorNames("order", []string{c.String("order")})
	if err != nil {
		return err
	}
	return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) { return order(m, names) })
}
