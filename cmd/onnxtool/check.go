package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "find every fault of models",
		UsageText: "onnxtool check [--structure] [--warnings] [--json] MODEL...",
		Description: `Every fault is printed with its place: versions and operator sets; values made twice, hidden or used before they are made; operators, arity and
attributes; types of graph inputs and outputs; data of tensors, external data too; functions; types and shapes that contradict each other, as they are inferred. Exit code 1 if there is one, 3 if a model cannot be read.

  onnxtool check model.onnx`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "structure", Usage: "leave out types and shapes of inner values, which have to be inferred"},
			&cli.BoolFlag{Name: "warnings", Aliases: []string{"w"}, Usage: "print what is odd but leaves the model valid, too"},
			&cli.BoolFlag{Name: "json", Usage: "print the faults as JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: the exit code tells"},
		},
		Action: runCheck,
	}
}

// checked is the answer on one model, as --json prints it.
type checked struct {
	File   string        `json:"file"`
	Valid  bool          `json:"valid"`
	Faults []opset.Fault `json:"faults"`          // warnings among them, where they are asked for
	Error  string        `json:"error,omitempty"` // why the model could not be read
}

func runCheck(c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("no model is given")
	}
	var unreadable, invalid error
	list := []checked{}
	for _, path := range c.Args().Slice() {
		r := checked{File: path, Faults: []opset.Fault{}}
		f, err := onnxpb.Open(path)
		if err != nil {
			r.Error = err.Error()
			unreadable = errors.Join(unreadable, err)
			list = append(list, r)
			continue
		}
		check := shape.Check
		if c.Bool("structure") {
			check = opset.Check
		}
		r.Faults = append(r.Faults, check(f.Model, opset.CheckOptions{Warnings: c.Bool("warnings"), Dir: f.Dir()})...)
		f.Close()
		faults := 0
		for _, x := range r.Faults {
			if !x.Warning {
				faults++
			}
		}
		if r.Valid = faults == 0; !r.Valid {
			invalid = answerNo{}
		}
		list = append(list, r)
		if c.Bool("json") || c.Bool("quiet") {
			continue
		}
		for _, x := range r.Faults {
			fmt.Fprintf(c.App.Writer, "%s: %s\n", path, x)
		}
		switch faults {
		case 0:
			fmt.Fprintf(c.App.Writer, "%s: valid\n", path)
		case 1:
			fmt.Fprintf(c.App.Writer, "%s: 1 fault\n", path)
		default:
			fmt.Fprintf(c.App.Writer, "%s: %d faults\n", path, faults)
		}
		if slices.ContainsFunc(r.Faults, func(x opset.Fault) bool { return x.Code == opset.FaultOrder }) {
			fmt.Fprintf(c.App.ErrWriter, "onnxtool: %s: %s\n", path, sortHint)
		}
	}
	if c.Bool("json") {
		if err := printJSON(c.App.Writer, map[string][]checked{"models": list}); err != nil {
			return err
		}
	}
	if unreadable != nil {
		return unreadable
	}
	return invalid
}
