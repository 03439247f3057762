package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func inferCommand() *cli.Command {
	return &cli.Command{
		Name:      "infer",
		Usage:     "declare the types and shapes of all values",
		UsageText: "onnxtool infer MODEL -o OUT [--assume N=4,H=224] [--strict]",
		Description: `Infers the element type and the shape of every value, in the graph, its subgraphs and (call by call) its functions, and writes them as value_info; declared outputs
become as sharp as what follows. Dimensions are computed symbolically: one that is twice the batch is written 2*N, half the height floor(H/2). Small tensors of
integers are followed by their elements, so that shapes computed from shapes are known. What only the data tells stays open.

A declaration that contradicts what follows, and inputs that do not fit an operator, are an error (exit code 1) that names both places; nothing is written then.

   onnxtool infer in.onnx -o out.onnx
   onnxtool infer in.onnx -o out.onnx --assume N=4,H=224 --strict`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "assume", Usage: "numbers for symbols of dimensions: `N=4,H=224`"},
			&cli.BoolFlag{Name: "strict", Usage: "make an error of operators that are not known, of values whose rank cannot be told, and of declared numbers where a symbol follows"},
		),
		Action: func(c *cli.Context) error {
			assume, err := parseAssume(c.StringSlice("assume"))
			if err != nil {
				return err
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.Infer(m, surgery.InferOptions{Assume: assume, Strict: c.Bool("strict")})
			})
		},
	}
}

// parseAssume reads N=4,H=224.
func parseAssume(args []string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, arg := range args {
		for _, s := range strings.Split(arg, ",") {
			name, value, ok := strings.Cut(s, "=")
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			name = strings.TrimSpace(name)
			if !ok || err != nil || n < 0 || name == "" {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--assume %s is not SYMBOL=NUMBER", s), Hint: "for example --assume N=4,H=224"}
			}
			if old, twice := out[name]; twice && old != n {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--assume gives %s two numbers", name)}
			}
			out[name] = n
		}
	}
	return out, nil
}
