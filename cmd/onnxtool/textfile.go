package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// textFlags are the flags of a command that writes a model in a form for people.
func textFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` (the default is standard output)"},
		&cli.Int64Flag{Name: "elide", Usage: "leave out the elements of tensors that have more than `N`; the result cannot be read back", DefaultText: "none"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no notes"},
	}, more...)
}

// writeText writes a model as format does, and notes on standard error what the form does not hold. The model need not pass the checker: what is wrong
// with one can be read in its text.
func writeText(c *cli.Context, format func(w io.Writer, m *onnxpb.ModelProto) (lost []string, err error)) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help " + c.Command.Name}
	}
	if c.IsSet("elide") && c.Int64("elide") < 1 {
		return usagef("--elide needs a number of elements, 1 or more")
	}
	in, out := c.Args().First(), outputOf(c)
	if sameFile(in, out) {
		return usagef("%s would be overwritten by its own text", in)
	}
	if out == "" || out == "-" {
		if err := notStandardOutput(in); err != nil {
			return err
		}
	}
	f, err := onnxpb.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, l := range onnxpb.DataLocations(f.Model) {
		data := filepath.Join(f.Dir(), l)
		if sameFile(data, out) {
			return usagef("%s would be overwritten, and %s has its weights there", out, in)
		}
		if out == "" || out == "-" {
			if err := notStandardOutput(data); err != nil {
				return err
			}
		}
	}
	var lost []string
	write := func(w io.Writer) (err error) {
		lost, err = format(w, f.Model)
		return err
	}
	if out == "" || out == "-" {
		err = write(c.App.Writer)
	} else {
		err = onnxpb.WriteToPerm(out, f.Perm(), write)
	}
	if err != nil {
		return onnxpb.InFile(err, in)
	}
	if c.Bool("quiet") {
		return nil
	}
	for _, l := range lost {
		fmt.Fprintf(c.App.ErrWriter, "%s: note: not in the output: %s\n", c.Command.Name, l)
	}
	if out != "" && out != "-" && onnxpb.HasExternal(f.Model) && !sameFile(f.Dir(), filepath.Dir(out)) {
		fmt.Fprintf(c.App.ErrWriter, "%s: note: the external data stays in %s: %s is to be read back from there\n", c.Command.Name, f.Dir(), filepath.Base(out))
	}
	return nil
}

// notStandardOutput refuses a file to be read, "-" for standard input, that standard output goes to, as by >>FILE in a shell.
func notStandardOutput(path string) error {
	out, err := os.Stdout.Stat()
	if err != nil || !out.Mode().IsRegular() {
		return nil
	}
	var in fs.FileInfo
	if path == "-" {
		in, err = os.Stdin.Stat()
	} else {
		in, err = os.Stat(path)
	}
	if err == nil && os.SameFile(in, out) {
		return &onnxpb.Error{File: path, Msg: "standard output is the file that is to be read", Hint: "write to another one, with -o FILE"}
	}
	return nil
}

// sameFile tells whether two paths are one file that exists.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// readText makes a model of a file that holds the form that parse reads; external data is relative to the file's directory.
func readText(c *cli.Context, parse func(text []byte) (*onnxpb.ModelProto, error)) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one file is needed, %d given", c.NArg()), Hint: "see onnxtool help " + c.Command.Name}
	}
	in, out := c.Args().First(), outputOf(c)
	if out == "" {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to write is missing", Hint: "add -o FILE"}
	}
	if sameFile(in, out) {
		return usagef("%s would be overwritten by the model", in)
	}
	if out == "-" {
		if err := notStandardOutput(in); err != nil {
			return err
		}
	}
	text, perm, err := readWhole(in)
	if err != nil {
		return err
	}
	m, err := parse(text)
	if err != nil {
		return onnxpb.InFile(err, in)
	}
	dir := filepath.Dir(in)
	if in == "-" {
		dir = "."
	}
	if err := dataIsThere(m, dir); err != nil && !c.Bool("force") {
		return onnxpb.InFile(err, in)
	}
	g := m.GetGraph()
	r := &surgery.Report{Edit: c.Command.Name}
	r.Add("added", "model", g.GetName(), "", fmt.Sprintf("nodes %d, initializers %d, functions %d", len(g.GetNode()), len(g.GetInitializer())+len(g.GetSparseInitializer()), len(m.GetFunctions())))
	return saveReported(c, m, out, origin{dir, perm}, r)
}

// dataIsThere checks the external data of a model that was not one before: edits trust a model's, what was written by hand may name any file.
func dataIsThere(m *onnxpb.ModelProto, dir string) error {
	var err error
	m.AllTensors(func(t *onnxpb.TensorProto) {
		if err == nil && t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			if err = onnxpb.CheckData(t, dir); err != nil {
				err = &onnxpb.Error{Tensor: t.GetName(), Err: err, Hint: "--force goes on"}
			}
		}
	})
	return err
}

// readWhole reads a file that is no model, and tells its permissions; "-" is standard input. What would block or never end, a FIFO or a device, is refused.
func readWhole(path string) ([]byte, fs.FileMode, error) {
	if path == "-" {
		perm := fs.FileMode(0)
		if st, err := os.Stdin.Stat(); err == nil && st.Mode().IsRegular() {
			perm = st.Mode().Perm() | 0o400
		}
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, 0, &onnxpb.Error{File: path, Err: err}
		}
		return text, perm, nil
	}
	fail := func(err error) ([]byte, fs.FileMode, error) {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, 0, &onnxpb.Error{File: path, Msg: "cannot be read", Err: err}
	}
	st, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	if !st.Mode().IsRegular() {
		return nil, 0, &onnxpb.Error{File: path, Msg: "cannot be read: it is not a regular file", Hint: "what comes through a pipe is read from standard input, by the name -"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fail(err)
	}
	return text, st.Mode().Perm() | 0o400, nil
}

// texts writes what is lost as notes.
func texts[T fmt.Stringer](lost []T) []string {
	list := make([]string, len(lost))
	for i, l := range lost {
		list[i] = l.String()
	}
	return list
}
