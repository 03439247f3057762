package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

func editCommand() *cli.Command {
	return &cli.Command{
		Name:      "edit",
		Usage:     "make several edits in one go, without files between them",
		UsageText: "onnxtool edit MODEL -o OUT -- VERB [flags] [-- VERB [flags]]...",
		Description: `Each step is an edit as its own command makes it, without the model and without -o: what it edits is what the step before it made. The model is
read once and written once. Where a step fails nothing is written, and the message names the step.

   onnxtool edit in.onnx -o out.onnx -- rename --input x=image -- setbatch N -- strip --docs
   onnxtool edit in.onnx -o out.onnx -- setinput image --dtype uint8 -- setconst axes --value 2,3 -- dropoutput aux
   onnxtool edit in.onnx --in-place -- delete --op Dropout -- tidy
   onnxtool edit in.onnx -o out.onnx -- insert block.onnx --after features -- infer`,
		Flags:  editFlags(),
		Action: runEdit,
	}
}

// stepsKey is where the steps of edit stand in the metadata of a command-line application.
const stepsKey = "steps"

// editSteps are the edits of one command. They are run one within the other: what a step opens (the block that insert puts in) has to stay open until the model is written.
type editSteps struct {
	list   [][]string // the verb and its arguments
	next   int
	edit   *cli.Context // of the command edit itself
	model  *onnxpb.File
	report *surgery.Report
	finish func() error
	placed bool // whether an error says already in which step it happened
}

// stepsOf returns the steps that a command is one of; nil where it stands alone.
func stepsOf(c *cli.Context) *editSteps {
	s, _ := c.App.Metadata[stepsKey].(*editSteps)
	if s == nil || c.Command.Name == "edit" {
		return nil
	}
	return s
}

// splitSteps takes what follows the first -- off the command line of edit, and keeps it for its action.
func splitSteps(app *cli.App, args []string) []string {
	if len(args) < 2 || args[1] != "edit" || args[len(args)-1] == "--generate-bash-completion" {
		return args
	}
	s := &editSteps{}
	first := slices.Index(args, "--")
	if first >= 0 {
		for rest := args[first+1:]; ; {
			end := slices.Index(rest, "--")
			if end < 0 {
				s.list = append(s.list, rest)
				break
			}
			s.list, rest = append(s.list, rest[:end]), rest[end+1:]
		}
		args = args[:first]
	}
	if app.Metadata == nil {
		app.Metadata = map[string]any{}
	}
	app.Metadata[stepsKey] = s
	return args
}

func runEdit(c *cli.Context) error {
	s, _ := c.App.Metadata[stepsKey].(*editSteps)
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed before the steps, %d given", c.NArg()), Hint: "for example onnxtool edit in.onnx -o out.onnx -- tidy"}
	}
	if s == nil || len(s.list) == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no step is given", Hint: "add steps behind --, as in onnxtool edit in.onnx -o out.onnx -- tidy"}
	}
	for i, step := range s.list { // before anything is read
		if err := editable(step); err != nil {
			return surgery.InStep(err, fmt.Sprintf("step %d", i+1))
		}
	}
	input := c.Args().First()
	out, err := target(c, input)
	if err != nil {
		return err
	}
	var mends []string
	if s.list[0][0] == "sort" {
		mends = []string{opset.FaultOrder}
	}
	if s.model, err = openChecked(c, input, mends...); err != nil {
		return err
	}
	defer s.model.Close()
	s.edit, s.report = c, &surgery.Report{Edit: "edit"}
	s.finish = func() error {
		if err := saveReported(c, s.model.Model, out, fromFile(s.model), s.report); err != nil {
			s.placed = true
			return err
		}
		return nil
	}
	return s.run()
}

// writes are the flags that say where and how a model is written, and what is told: they are edit's own.
var writes = []string{"o", "output", "in-place", "data", "sync", "json", "quiet", "q"}

// editable refuses what is no edit of one model.
func editable(step []string) error {
	var verbs []string
	for _, cmd := range commands() {
		if cmd.Name == "edit" || len(cmd.Subcommands) > 0 || !slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "in-place") }) {
			continue
		}
		verbs = append(verbs, cmd.Name)
	}
	if len(step) == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing stands between two --", Hint: "a step begins with one of " + strings.Join(verbs, ", ")}
	}
	if slices.Contains(verbs, step[0]) {
		return nil
	}
	e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no edit of one model", step[0]), Hint: "a step begins with one of " + strings.Join(verbs, ", ")}
	if near := surgery.Nearest(step[0], verbs, 3); len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return e
}

// run runs the next step, or writes the model after the last.
func (s *editSteps) run() error {
	if s.next == len(s.list) {
		return s.finish()
	}
	number, step := s.next+1, s.list[s.next]
	s.next++
	err := s.call(step)
	if err == nil && len(s.report.Steps) < number {
		err = &onnxpb.Error{Kind: onnxpb.Usage, Msg: "it did not edit the model", Hint: "see onnxtool help " + step[0]}
	}
	if err != nil && !s.placed {
		s.placed = true
		err = surgery.InStep(err, fmt.Sprintf("step %d (%s)", number, step[0]))
	}
	return err
}

// modelLast are the commands that take their model behind what they do to it; all others take it first.
var modelLast = map[string]bool{"setbatch": true, "setdim": true}

// call runs the command of a step, with the model where that command takes it.
func (s *editSteps) call(step []string) error {
	app := newApp(s.edit.App.Writer, s.edit.App.ErrWriter)
	app.Metadata = map[string]any{stepsKey: s}
	args, err := reorder(app, append([]string{"onnxtool"}, step...))
	if err != nil {
		return err
	}
	if args[len(args)-1] == "--help" {
		return usagef("a step has no --help: see onnxtool help %s", step[0])
	}
	model := s.edit.Args().First()
	if at := slices.Index(args, "--"); modelLast[step[0]] || at < 0 {
		args = append(args, model)
	} else {
		args = slices.Insert(args, at+1, model)
	}
	app.Writer = io.Discard // a step tells nothing by itself
	return app.Run(args)
}

// apply makes the edit of a step, and goes on with the next one.
func (s *editSteps) apply(c *cli.Context, edit func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error)) error {
	for _, flag := range writes {
		if c.IsSet(flag) && !(c.Command.Name == "rename" && flag == "output") { // which is rename's for outputs
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("-%s is of the whole edit, and not of one step", strings.Repeat("-", min(1, len(flag)-1))+flag), Hint: "give it before the first --"}
		}
	}
	r, err := edit(s.model.Model, s.model.Dir())
	if err != nil {
		return onnxpb.InFile(err, s.edit.Args().First())
	}
	if !s.edit.Bool("force") && !c.Bool("force") {
		if err := mustPass(s.model.Model, "", "", "what it makes would not be valid (nothing was written)"); err != nil {
			return err
		}
	}
	s.report.AddStep(r)
	return s.run()
}
