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
		UsageText: "onnxtool infer MODEL -o OUT [--declare NAME:TYPE:SHAPE]... [--assume N=4,H=224] [--strict]",
		Description: `Infers the element type and the shape of every value, in the graph, its subgraphs and (call by call) its functions, and writes them as value_info; declared outputs
become as sharp as what follows. Dimensions are computed symbolically: one that is twice the batch is written 2*N, half the height floor(H/2). Small tensors of
integers are followed by their elements, so that shapes computed from shapes are known. What only the data tells stays open.

A declaration that contradicts what follows, and inputs that do not fit an operator, are an error (exit code 1) that names both places; nothing is written then.

What an operator of a custom domain gives cannot be told: --declare says it, and inference goes on from there. NAME is a value of the graph or of a subgraph (choose/then_branch/name), TYPE an
element type or sequence(...), optional(...), and SHAPE may be left out. What is declared otherwise, or follows otherwise, is refused.

   onnxtool infer in.onnx -o out.onnx
   onnxtool infer in.onnx -o out.onnx --declare 'features:float32:[N,512]' --declare 'boxes:sequence(float32):[K,4]'
   onnxtool infer in.onnx -o out.onnx --assume N=4,H=224 --strict`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "declare", Usage: "`NAME:TYPE:SHAPE` of a value that inference cannot tell"},
			&cli.StringSliceFlag{Name: "assume", Usage: "numbers for symbols of dimensions: `N=4,H=224`"},
			&cli.BoolFlag{Name: "strict", Usage: "make an error of operators that are not known, of values whose rank cannot be told, and of declared numbers where a symbol follows"},
		),
		Action: func(c *cli.Context) error {
			assume, err := parseAssume(c.StringSlice("assume"))
			if err != nil {
				return err
			}
			declare, err := parseDeclarations(c.StringSlice("declare"))
			if err != nil {
				return err
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.Infer(m, surgery.InferOptions{Declare: declare, Assume: assume, Strict: c.Bool("strict")})
			})
		},
	}
}

// parseDeclarations reads NAME:TYPE and NAME:TYPE:SHAPE.
func parseDeclarations(args []string) ([]surgery.TypeDeclaration, error) {
	var list []surgery.TypeDeclaration
	for _, arg := range args {
		v, err := parseOpValue(arg)
		if err != nil {
			return nil, fmt.Errorf("--declare %s: %w", arg, err)
		}
		t := v.Whole
		if t == nil {
			t = onnxpb.TensorType(v.Type, v.Shape)
		}
		if v.Name == "" || v.Value != nil || v.Whole == nil && v.Type == onnxpb.TensorProto_UNDEFINED {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--declare %s is not NAME:TYPE:SHAPE", arg), Hint: "for example --declare 'features:float32:[N,512]'"}
		}
		list = append(list, surgery.TypeDeclaration{Name: v.Name, Type: t})
	}
	return list, nil
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
