package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// mergeCommand joins models into one.
func mergeCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "connect", Usage: "feed an input from a tensor: `MODEL:TENSOR=MODEL:INPUT`; repeatable"},
		&cli.StringSliceFlag{Name: "outputs", Usage: "the outputs of the merged model, in order: `MODEL:TENSOR[=NAME],...`; repeatable; default: all that are left over"},
		&cli.BoolFlag{Name: "keep-connected", Usage: "keep the tensors that connections take up as outputs too"},
		&cli.BoolFlag{Name: "tidy", Usage: "remove what the outputs do not need: nodes, initializers, functions, and inputs that nothing reads then"},
		&cli.StringSliceFlag{Name: "prefix", Usage: "put a prefix before all names of a model: `NAME=PREFIX`; repeatable; default: only names that collide get one"},
		&cli.StringSliceFlag{Name: "same-dims", Usage: "dimension parameters that mean the same in all models: `N,...`, or * for all"},
		&cli.StringFlag{Name: "name", Usage: "the `NAME` of the merged graph"},
		&cli.StringFlag{Name: "doc", Usage: "the doc string of the merged model"},
	}
	return &cli.Command{
		Name:      "merge",
		Usage:     "join models into one, with connections between them or side by side",
		UsageText: "onnxtool merge [NAME=]MODEL... [--connect MODEL:TENSOR=MODEL:INPUT]... -o OUT",
		Description: `A model is called NAME, or as its file is without .onnx. A connection feeds a graph input of one model from a tensor of another
(an output, an inner tensor, an initializer; or an input: then the two become one). Outputs that no connection
takes up stay outputs, unless --outputs names those that are wanted; with --tidy what these do not need goes.

   onnxtool merge whenet=whenet.onnx six=six.onnx add.onnx --connect whenet:input=six:input \
      --connect whenet:pose=add:a --connect six:pose=add:b -o out.onnx
   onnxtool merge a.onnx b.onnx --connect a:y=b:x --outputs b:probability --tidy -o out.onnx`,
		Flags:  append(flags, outputFlags()...),
		Action: runMerge,
	}
}

func runMerge(c *cli.Context) error {
	out := outputOf(c)
	switch {
	case c.NArg() == 0:
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no model is given", Hint: "see onnxtool help merge"}
	case out == "":
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "where to write is missing", Hint: "add -o FILE"}
	}
	named, err := namedFiles(c.Args().Slice())
	if err != nil {
		return err
	}
	prefixes, err := prefixFlags(c.StringSlice("prefix"), named)
	if err != nil {
		return err
	}
	var models []fuse.Input
	var opened []*onnxpb.File
	for _, n := range named {
		f, err := openChecked(c, n.path)
		if err != nil {
			return err
		}
		defer f.Close()
		in := fuse.Input{Name: n.name, Model: f.Model, Dir: f.Dir()}
		if p, ok := prefixes[n.name]; ok {
			in.Prefix = &p
		}
		models, opened = append(models, in), append(opened, f)
	}
	o := fuse.MergeOptions{Name: c.String("name"), Doc: c.String("doc"), KeepConnected: c.Bool("keep-connected"), Tidy: c.Bool("tidy")}
	if o.Data, err = onnxpb.ParseData(c.String("data")); err != nil {
		return err
	}
	parser := fuse.NewParser(models)
	for _, s := range c.StringSlice("connect") {
		conn, err := parser.Connection(s)
		if err != nil {
			return err
		}
		o.Connect = append(o.Connect, conn)
	}
	for _, s := range c.StringSlice("outputs") {
		specs, err := parser.Outputs(s)
		if err != nil {
			return err
		}
		o.Outputs = append(o.Outputs, specs...)
	}
	for _, s := range c.StringSlice("same-dims") {
		o.SameDims = append(o.SameDims, strings.Split(s, ",")...)
	}
	merged, report, err := fuse.Merge(models, o)
	if err != nil {
		return err
	}
	return saveReported(c, merged, out, fromAll(fuse.ExternalDir(models), opened...), report)
}

// namedFile is a model on the command line.
type namedFile struct{ name, path string }

// namedFiles reads arguments of the form NAME=FILE or FILE. A file that exists under the whole of an argument is meant by it.
func namedFiles(args []string) ([]namedFile, error) {
	files := make([]namedFile, len(args))
	stdin, byName := 0, map[string]string{}
	for i, a := range args {
		f := namedFile{path: a}
		if name, path, ok := strings.Cut(a, "="); ok && name != "" && path != "" {
			if _, err := os.Stat(a); err != nil {
				f = namedFile{name, path}
			}
		}
		if f.name == "" {
			f.name = strings.TrimSuffix(filepath.Base(f.path), ".onnx")
		}
		if f.path == "-" {
			if f.name == "-" {
				f.name = "stdin"
			}
			stdin++
		}
		if old, ok := byName[f.name]; ok {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s and %s are both called %q", old, f.path, f.name),
				Hint: "give one a name of its own: NAME=" + f.path}
		}
		byName[f.name] = f.path
		files[i] = f
	}
	if stdin > 1 {
		return nil, usagef("standard input can be only one of the models")
	}
	return files, nil
}

// prefixFlags reads NAME=PREFIX of models that exist.
func prefixFlags(specs []string, files []namedFile) (map[string]string, error) {
	prefixes := map[string]string{}
	for _, s := range specs {
		found := false
		for _, f := range files {
			if p, ok := strings.CutPrefix(s, f.name+"="); ok {
				if _, twice := prefixes[f.name]; twice {
					return nil, usagef("model %q is given two prefixes", f.name)
				}
				prefixes[f.name], found = p, true
				break
			}
		}
		if !found {
			names := make([]string, len(files))
			for i, f := range files {
				names[i] = f.name
			}
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--prefix %q is not of the form NAME=PREFIX with the name of a model", s),
				Hint: "the models are " + strings.Join(names, ", ")}
		}
	}
	return prefixes, nil
}
