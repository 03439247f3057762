package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func setinputCommand() *cli.Command {
	return &cli.Command{
		Name:      "setinput",
		Usage:     "change what an input takes: shape, element type, layout or order of axes, order of the channels, normalisation; or the order of inputs",
		UsageText: "onnxtool setinput MODEL NAME [--shape DIMS] [--dtype TYPE] [--layout NHWC | --perm AXES] [--swap-rgb] [--channel AXIS] [--mean LIST] [--std LIST] [--scale X] -o OUT",
		Description: "The input keeps its name, and nodes behind it give the model what it took before: Cast, Transpose, swap of the channels, and\n" +
			"(x*scale - mean)/std, in this order. So means and deviations are in the model's own order of channels.\n\n" +
			"--shape is written in the model's own layout. It may put numbers for symbols, and a symbol for the batch, which is then set as\n" +
			"setbatch does; for other numbers, which the graph was made for, there are setbatch and setdim. --layout is the layout that the\n" +
			"input gets; --perm is the same for any rank: the axes of the model's own input in the order in which the new one has them, so\n" +
			"that --perm 0,2,3,1 makes [N,H,W,C] of [N,C,H,W]. --channel is the axis of the channels in the model's own order, where it is not\n" +
			"axis 1 or 3 of 4, or cannot be told.\n" +
			"--order puts inputs in front in the order given, and takes no NAME.\n\n" +
			"Example: onnxtool setinput in.onnx input --shape '[N,3,224,224]' --dtype uint8 --layout NHWC --swap-rgb \\\n" +
			"            --scale 1/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 -o out.onnx\n" +
			"         onnxtool setinput in.onnx frames --perm 0,1,3,4,2 --swap-rgb --channel 2 -o out.onnx",
		Flags: editFlags(
			&cli.StringFlag{Name: "shape", Usage: "declare the shape `DIMS`, such as [N,3,224,224], in the model's own layout"},
			&cli.StringFlag{Name: "dtype", Usage: "take elements of `TYPE`, such as uint8"},
			&cli.StringFlag{Name: "layout", Usage: "take images in `LAYOUT`, NHWC or NCHW, where the model takes the other one"},
			&cli.StringFlag{Name: "perm", Usage: "take the axes in another order: `AXES` of the model's own input in the order in which the new one has them, such as 0,2,3,1"},
			&cli.BoolFlag{Name: "swap-rgb", Usage: "take images with the three channels in reverse order (BGR for RGB)"},
			&cli.IntFlag{Name: "channel", Usage: "the `AXIS` of the channels in the model's own order of axes, from the end where it is negative", DefaultText: "found in 4 dimensions"},
			&cli.StringFlag{Name: "mean", Usage: "subtract a mean: one number, or a `LIST` of one for each channel"},
			&cli.StringFlag{Name: "std", Usage: "divide by a deviation: one number, or a `LIST` of one for each channel"},
			&cli.StringFlag{Name: "scale", Usage: "multiply by `X` before mean and deviation; 1/255 may be written so"},
			&cli.StringFlag{Name: "order", Usage: "put these `NAMES`, parted by commas, in front; the other inputs follow in the order that they have"},
		),
		Action: runSetinput,
	}
}

func runSetinput(c *cli.Context) error {
	if c.IsSet("order") {
		return runOrder(c, surgery.OrderInputs, "shape", "dtype", "layout", "perm", "swap-rgb", "channel", "mean", "std", "scale")
	}
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and an input's name are needed, %d arguments given", c.NArg()),
			Hint: "for example onnxtool setinput in.onnx input --dtype uint8 -o out.onnx"}
	}
	s, err := inputSpec(c)
	if err != nil {
		return err
	}
	return editFile(c, c.Args().First(), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.SetInput(m, c.Args().Get(1), s)
	})
}

func inputSpec(c *cli.Context) (surgery.InputSpec, error) {
	s := surgery.InputSpec{Layout: c.String("layout"), SwapRGB: c.Bool("swap-rgb")}
	asked := s.SwapRGB
	for _, flag := range []string{"shape", "dtype", "layout", "perm", "channel", "mean", "std", "scale"} {
		asked = asked || c.IsSet(flag)
		if c.IsSet(flag) && c.String(flag) == "" {
			return s, usagef("--%s is empty", flag)
		}
	}
	if !asked {
		return s, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be changed", Hint: "see onnxtool help setinput"}
	}
	var err error
	if s.Perm, s.Channel, err = axesOf(c); err != nil {
		return s, err
	}
	if c.IsSet("shape") {
		if s.Shape, err = onnxpb.ParseShape(c.String("shape")); err != nil {
			return s, err
		}
	}
	if c.IsSet("dtype") {
		if s.Type, err = onnxpb.ParseType(c.String("dtype")); err != nil {
			return s, err
		}
	}
	if s.Mean, err = numberList(c, "mean"); err != nil {
		return s, err
	}
	if s.Std, err = numberList(c, "std"); err != nil {
		return s, err
	}
	scale, err := numberList(c, "scale")
	if err != nil {
		return s, err
	}
	if len(scale) > 1 {
		return s, usagef("--scale %s: one number is needed", c.String("scale"))
	}
	if len(scale) == 1 {
		if s.Scale = scale[0]; s.Scale == 0 {
			return s, usagef("--scale 0 leaves nothing of the input")
		}
	}
	return s, nil
}

// axesOf reads --perm and --channel.
func axesOf(c *cli.Context) (perm []int, channel *int, err error) {
	if c.IsSet("perm") {
		for _, word := range splitList(strings.TrimSuffix(strings.TrimPrefix(c.String("perm"), "["), "]")) {
			axis, err := strconv.Atoi(word)
			if err != nil {
				return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--perm %s: %q is no axis", c.String("perm"), word), Hint: "write numbers from 0 up, such as 0,2,3,1"}
			}
			perm = append(perm, axis)
		}
	}
	if c.IsSet("channel") {
		axis := c.Int("channel")
		channel = &axis
	}
	return perm, channel, nil
}

// numberList reads a flag that holds numbers, each of which may be a quotient such as 1/255.
func numberList(c *cli.Context, flag string) ([]float64, error) {
	var list []float64
	if !c.IsSet(flag) {
		return nil, nil
	}
	for _, word := range splitList(c.String(flag)) {
		v, err := parseNumber(word)
		if err != nil {
			return nil, usagef("--%s %s: %q is not a number", flag, c.String(flag), word)
		}
		list = append(list, v)
	}
	return list, nil
}

func parseNumber(s string) (float64, error) {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '/' {
			a, errA := strconv.ParseFloat(s[:i], 64)
			b, errB := strconv.ParseFloat(s[i+1:], 64)
			if errA != nil || errB != nil || b == 0 {
				return 0, strconv.ErrSyntax
			}
			return a / b, nil
		}
	}
	return strconv.ParseFloat(s, 64)
}
