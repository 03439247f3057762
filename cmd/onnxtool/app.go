package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// version is set when the binary is built.
var version = "dev"

// newApp lists the commands.
func newApp(stdout, stderr io.Writer) *cli.App {
	cli.FlagStringer = flagText
	app := &cli.App{
		Name:                      "onnxtool",
		Usage:                     "edit, join and prove ONNX models",
		UsageText:                 "onnxtool VERB [flags] MODEL... -o OUT",
		Version:                   version,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		EnableBashCompletion:      true,
		DisableSliceFlagSeparator: true,
		Suggest:                   false,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides on the exit code
		Commands:                  commands(),
		Action: func(c *cli.Context) error {
			switch verb := c.Args().First(); verb {
			case "":
				return cli.ShowAppHelp(c)
			case "version":
				cli.ShowVersion(c)
				return nil
			default:
				return unknownVerb(c.App, verb)
			}
		},
	}
	for _, cmd := range app.Commands {
		cmd.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
			return &onnxpb.Error{Kind: onnxpb.Usage, Err: err, Hint: "see onnxtool help " + cmd.Name}
		}
		for _, sub := range cmd.Subcommands {
			sub.OnUsageError = cmd.OnUsageError
		}
	}
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return &onnxpb.Error{Kind: onnxpb.Usage, Err: err, Hint: "see onnxtool help"}
	}
	return app
}

// commands lists the verbs, in the order in which help shows them.
func commands() []*cli.Command {
	return []*cli.Command{
		infoCommand(),
		checkCommand(),
		diffCommand(),
		renameCommand(),
		inferCommand(),
		setinputCommand(),
		setoutputCommand(),
		setbatchCommand(),
		setdimCommand(),
		addoutputCommand(),
		dropoutputCommand(),
		dropinputCommand(),
		deleteCommand(),
		rewireCommand(),
		swapCommand(),
		insertCommand(),
		matchCommand(),
		replaceCommand(),
		expandDimCommand(),
		extractCommand(),
		mergeCommand(),
		partCommand(),
		opCommand(),
		dmheadCommand(),
		setattrCommand(),
		setconstCommand(),
		dedupCommand(),
		setmetaCommand(),
		stripCommand(),
		namesCommand(),
		inlineCommand(),
		fillCommand(),
		tidyCommand(),
		sortCommand(),
		editCommand(),
		tensorCommand(),
		dataCommand(),
		jsonCommand(),
		fromJSONCommand(),
		textCommand(),
		fromTextCommand(),
		runCommand(),
		verifyCommand(),
		testCommand(),
		benchCommand(),
		reduceCommand(),
		doctorCommand(),
		completionCommand(),
	}
}

// flagText writes a flag for help: its names, what it takes once, a tab, what it means.
func flagText(f cli.Flag) string {
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	text := strings.Join(names, ", ")
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return text
	}
	usage := d.GetUsage()
	if d.TakesValue() {
		what := "VALUE"
		if parts := strings.SplitN(usage, "`", 3); len(parts) == 3 {
			what = parts[1]
		}
		text += " " + what
	}
	usage = strings.ReplaceAll(usage, "`", "")
	if v := d.GetDefaultText(); v != "" && v != `""` && d.TakesValue() {
		usage += " (default " + strings.Trim(v, `"`) + ")"
	}
	return text + "\t" + usage
}

func unknownVerb(app *cli.App, verb string) error {
	names := make([]string, len(app.Commands))
	for i, c := range app.Commands {
		names[i] = c.Name
	}
	e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no command %q", verb), Hint: "see onnxtool help"}
	if near := surgery.Nearest(verb, names, 3); len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return e
}

// exitCode maps an error to the exit codes that the documentation promises.
func exitCode(err error) int {
	var silent answerNo
	if errors.As(err, &silent) {
		return 1
	}
	var other exitWith
	if errors.As(err, &other) {
		return int(other)
	}
	var own cli.ExitCoder // of the command-line library itself, such as help on a command that does not exist
	if errors.As(err, &own) {
		return 2
	}
	switch onnxpb.KindOf(err) {
	case onnxpb.Refused:
		return 1
	case onnxpb.Usage:
		return 2
	case onnxpb.Engine:
		return 4
	}
	return 3
}

// answerNo ends a command with exit code 1 after it has printed its answer itself.
type answerNo struct{}

func (answerNo) Error() string { return "" }

// usagef makes an error of wrong usage (exit code 2).
func usagef(format string, args ...any) error { return onnxpb.Errorf(onnxpb.Usage, format, args...) }

// outputFlags are the flags of a command that writes a model.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the model to `FILE` (- for standard output)"},
		&cli.StringFlag{Name: "data", Usage: "external data: keep (refer to it where it is), copy (the default in another directory), link, inline, or the `NAME` of one file for all of it"},
		&cli.BoolFlag{Name: "sync", Usage: "have the result on disk before the command ends, as always where it replaces a file"},
		&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no report"},
		&cli.BoolFlag{Name: "force", Usage: "go on although the input does not pass the checker"},
	}
}

// editFlags are the flags of a command that edits one model.
func editFlags(more ...cli.Flag) []cli.Flag {
	flags := append(more, outputFlags()...)
	return append(flags, &cli.BoolFlag{Name: "in-place", Usage: "write the model over its own file"})
}

// outputOf is the file that -o names, "" where it is not given. The long flag is --output but for rename. Every name of standard output is "-", as the report must
// not go where the model goes.
func outputOf(c *cli.Context) string {
	switch out := c.String("o"); out {
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return "-"
	default:
		return out
	}
}

// target tells where a command that edits the model in a file writes.
func target(c *cli.Context, input string) (string, error) {
	out, inPlace := outputOf(c), c.Bool("in-place")
	switch {
	case out != "" && inPlace:
		return "", usagef("-o and --in-place exclude each other")
	case inPlace && input == "-":
		return "", usagef("standard input cannot be edited in place: use -o")
	case inPlace:
		return input, nil
	case out == "":
		return "", &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to write is missing", Hint: "add -o FILE, or --in-place"}
	}
	return out, nil
}

// openChecked opens a model and refuses one that does not pass the checker, unless --force is given. Faults of the codes in mends are let through, as what comes next mends them.
func openChecked(c *cli.Context, path string, mends ...string) (*onnxpb.File, error) {
	if outputOf(c) == "-" {
		if err := notStandardOutput(path); err != nil {
			return nil, err
		}
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		return nil, err
	}
	if err := mustPass(f.Model, f.Dir(), path, "the model is not valid", mends...); err != nil {
		if !c.Bool("force") {
			f.Close()
			return nil, err
		}
		fmt.Fprintf(c.App.ErrWriter, "onnxtool: going on with --force: %v\n", err)
	}
	return f, nil
}

// mustPass returns the checker's faults as one error. External data has to be there, relative to dir; "" leaves it unchecked. Where all are of codes in mends
// there is no error.
func mustPass(m *onnxpb.ModelProto, dir, path, what string, mends ...string) error {
	faults := opset.Check(m, opset.CheckOptions{Dir: dir})
	if !slices.ContainsFunc(faults, func(f opset.Fault) bool { return !slices.Contains(mends, f.Code) }) {
		return nil
	}
	list := make([]string, 0, 4)
	for i, f := range faults {
		if i == 3 {
			list = append(list, fmt.Sprintf("and %d more", len(faults)-i))
			break
		}
		list = append(list, f.String())
	}
	hint := "see onnxtool check; --force goes on"
	if !slices.ContainsFunc(faults, func(f opset.Fault) bool { return f.Code != opset.FaultOrder }) {
		hint = sortHint + "; --force goes on"
	}
	return &onnxpb.Error{Kind: onnxpb.Unfit, File: path, Msg: what + ": " + strings.Join(list, "; "), Hint: hint}
}

// editOne runs a command that edits one model: open, check, edit, check, save, report.
func editOne(c *cli.Context, edit func(*onnxpb.ModelProto) (*surgery.Report, error)) error {
	if err := oneModel(c); err != nil {
		return err
	}
	return editFile(c, c.Args().First(), edit)
}

// oneModel refuses other arguments than one model.
func oneModel(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help " + c.Command.Name}
	}
	return nil
}

// editFile is editOne for a model given by path.
func editFile(c *cli.Context, input string, edit func(*onnxpb.ModelProto) (*surgery.Report, error)) error {
	return editFileIn(c, input, func(m *onnxpb.ModelProto, _ string) (*surgery.Report, error) { return edit(m) })
}

// editFileIn is editFile for an edit that is told the directory of the model's external data too, and that mends the faults of some codes.
func editFileIn(c *cli.Context, input string, edit func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error), mends ...string) error {
	if steps := stepsOf(c); steps != nil {
		return steps.apply(c, edit)
	}
	out, err := target(c, input)
	if err != nil {
		return err
	}
	f, err := openChecked(c, input, mends...)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := edit(f.Model, f.Dir())
	if err != nil {
		return onnxpb.InFile(err, input)
	}
	return saveReported(c, f.Model, out, fromFile(f), r)
}

// origin is where a model that is saved comes from.
type origin struct {
	dir  string      // what its external data is relative to; "" is nothing, or all of it is in the report
	perm fs.FileMode // what a new file may be open to; 0 is everybody
}

// fromFile is the origin of a model that was opened.
func fromFile(f *onnxpb.File) origin { return origin{f.Dir(), f.Perm()} }

// fromAll is the origin of a model that was made of several, whose data lies in dir: its file is to be open to nobody who may not read all of them.
func fromAll(dir string, files ...*onnxpb.File) origin {
	o := origin{dir, 0o666}
	for _, f := range files {
		o.perm &= f.Perm()
	}
	return o
}

// saveReported checks what is to be written, saves it and prints the report.
func saveReported(c *cli.Context, m *onnxpb.ModelProto, out string, from origin, r *surgery.Report) error {
	if !c.Bool("force") {
		if err := mustPass(m, "", out, "the result would not be valid (nothing was written)"); err != nil {
			return err
		}
	}
	if err := saveModel(c, m, out, from, r); err != nil {
		return err
	}
	return printReport(c, r, out == "-")
}

// saveModel saves a model with its external data as --data says. What became of the data goes into the report.
func saveModel(c *cli.Context, m *onnxpb.ModelProto, out string, from origin, r *surgery.Report) error {
	data, err := onnxpb.ParseData(c.String("data"))
	if err != nil {
		return err
	}
	data.Carry, data.Note = r.Carry, func(s string) { r.Note("%s", s) }
	return onnxpb.Save(m, out, onnxpb.SaveOptions{SourceDir: from.dir, Perm: from.perm, Sync: c.Bool("sync"), Data: data})
}

// printJSON writes one JSON object.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
