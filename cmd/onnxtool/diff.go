package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/diff"
	"onnxtool/onnxpb"
)

func diffCommand() *cli.Command {
	parts := make([]string, len(diff.Parts))
	for i, p := range diff.Parts {
		parts[i] = p.Name
	}
	return &cli.Command{
		Name:      "diff",
		Usage:     "tell what two models differ in",
		UsageText: "onnxtool diff A B [--ignore PART,...] [--json]",
		Description: `Compares nodes, attributes, the content of initializers (external data too), inputs and outputs, operator sets, functions, metadata and training
information. Nodes are matched by what they compute, so that other names, or a node more, do not make all that follows differ. The order of nodes does not count. Exit
code 0: the models are the same; 1: they differ; 3: one cannot be read.

   onnxtool diff before.onnx after.onnx
   onnxtool diff a.onnx b.onnx --ignore names,docs,metadata --json`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "ignore", Usage: "`PARTS` that do not count, parted by commas: " + strings.Join(parts, ", ") + "; repeatable"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: the exit code tells"},
		},
		Action: runDiff,
	}
}

// diffReport is what --json prints.
type diffReport struct {
	Schema      string            `json:"schema"`
	A           string            `json:"a"`
	B           string            `json:"b"`
	Same        bool              `json:"same"`
	Ignored     []string          `json:"ignored"`
	Differences []diff.Difference `json:"differences"`
}

func runDiff(c *cli.Context) error {
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("two models are needed, %d given", c.NArg()), Hint: "see onnxtool help diff"}
	}
	r := diffReport{Schema: "onnxtool.diff/1", A: c.Args().Get(0), B: c.Args().Get(1), Ignored: []string{}, Differences: []diff.Difference{}}
	if r.A == "-" && r.B == "-" {
		return usagef("only one model can come by standard input")
	}
	for _, s := range c.StringSlice("ignore") {
		for _, p := range strings.Split(s, ",") {
			r.Ignored = append(r.Ignored, strings.TrimSpace(p))
		}
	}
	a, err := onnxpb.Open(r.A)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := onnxpb.Open(r.B)
	if err != nil {
		return err
	}
	defer b.Close()
	found, err := diff.Models(a.Model, b.Model, diff.Options{Ignore: r.Ignored, DirA: a.Dir(), DirB: b.Dir()})
	if err != nil {
		return err
	}
	r.Differences, r.Same = append(r.Differences, found...), len(found) == 0
	w := c.App.Writer
	switch {
	case c.Bool("quiet"):
	case c.Bool("json"):
		if err := printJSON(w, r); err != nil {
			return err
		}
	case r.Same:
		fmt.Fprintln(w, "the same")
	default:
		for _, d := range found {
			fmt.Fprintln(w, d)
		}
		fmt.Fprintf(w, "%s, %s: %d differences\n", r.A, r.B, len(found))
	}
	if !r.Same {
		return answerNo{}
	}
	return nil
}
