package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// dataCommand has the commands on external data.
func dataCommand() *cli.Command {
	return &cli.Command{
		Name:      "data",
		Usage:     "move weights out of a model and back, check them, rename their file",
		UsageText: "onnxtool data pack|unpack|check|move MODEL ...",
		Description: `External data is what stands in a file beside the model instead of within it, as it has to past 2 GiB. None of these commands holds the
weights in memory, however large they are.

   onnxtool data pack in.onnx -o out.onnx --file out.data
   onnxtool data unpack in.onnx -o out.onnx
   onnxtool data check model.onnx --checksum
   onnxtool data move model.onnx weights.bin`,
		Subcommands: []*cli.Command{
			{
				Name:      "pack",
				Usage:     "put the weights into one file of external data",
				UsageText: "onnxtool data pack MODEL -o OUT [--file NAME] [--threshold BYTES] [--align BYTES]",
				Description: `Moves the elements of every initializer of at least --threshold bytes out of the model, and external data that it has already, into one file
beside OUT. Tensors of at least --align bytes begin at multiples of that, smaller ones at multiples of 64.

   onnxtool data pack in.onnx -o out.onnx --align 65536`,
				Flags: dataFlags(
					&cli.StringFlag{Name: "file", Usage: "the `NAME` of the data file, beside the model; default: the model's, with .data"},
					&cli.Int64Flag{Name: "threshold", Value: onnxpb.DefaultThreshold, Usage: "move initializers of at least so many `BYTES`"},
					&cli.Int64Flag{Name: "align", Value: onnxpb.DefaultAlign, Usage: "begin large tensors at multiples of so many `BYTES`, a power of two"},
				),
				Action: runDataPack,
			},
			{
				Name:      "unpack",
				Usage:     "take external data into the model",
				UsageText: "onnxtool data unpack MODEL -o OUT",
				Description: `The result stands alone in one file. It is refused where that would pass 2 GiB. The data files stay.

   onnxtool data unpack in.onnx -o out.onnx`,
				Flags:  dataFlags(),
				Action: runDataUnpack,
			},
			{
				Name:      "check",
				Usage:     "look whether all external data is there and fits",
				UsageText: "onnxtool data check MODEL [--checksum] [--json]",
				Description: `Faults (exit code 1): a file that is missing, is no regular file, has other hard links or is outside of the model's directory; tensors past its
end; lengths that disagree with type and dimensions; checksums that differ. Told besides: overlaps, alignment, bytes that no tensor uses.

   onnxtool data check model.onnx --checksum`,
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "checksum", Usage: "read the files and hold them to the SHA-1 checksums that the model tells"},
					&cli.BoolFlag{Name: "json", Usage: "print the findings as JSON"},
				},
				Action: runDataCheck,
			},
			{
				Name:      "move",
				Aliases:   []string{"rename"},
				Usage:     "give a data file another name, and the model the new reference",
				UsageText: "onnxtool data move MODEL NEWNAME [--from NAME]",
				Description: `The model is changed in its place. At every moment it refers to a file that is there. A run that is killed between the last steps may leave the
file under both names, which this program and other readers refuse as a hard link: the same command, called again, ends what was begun.

   onnxtool data move model.onnx weights.bin`,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "from", Usage: "the `NAME` that the data file has; needed where the model has several"},
					&cli.BoolFlag{Name: "force", Usage: "go on although other models in the directory use the file"},
					&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
					&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no report"},
				},
				Action: runDataMove,
			},
		},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowSubcommandHelp(c)
			}
			verb := c.Args().First()
			e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no command %q of data", verb), Hint: "there are pack, unpack, check and move"}
			if near := surgery.Nearest(verb, []string{"pack", "unpack", "check", "move"}, 1); len(near) > 0 {
				e.Hint = "did you mean data " + near[0] + "?"
			}
			return e
		},
	}
}

// dataFlags are the flags of pack and unpack: those of an edit, but for --data, as that is what they are about.
func dataFlags(more ...cli.Flag) []cli.Flag {
	var flags []cli.Flag
	for _, f := range editFlags(more...) {
		if f.Names()[0] != "data" {
			flags = append(flags, f)
		}
	}
	return flags
}

func runDataPack(c *cli.Context) error {
	o := onnxpb.DataOptions{Mode: onnxpb.DataFile, File: c.String("file"), Threshold: c.Int64("threshold"), Align: c.Int64("align")}
	if name := o.File; name != "" {
		if checked, err := onnxpb.ParseData(name); err != nil || checked.Mode != onnxpb.DataFile {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--file %q is no name of a file beside the model", name)}
		}
	}
	if o.Threshold < 1 || o.Align < 1 {
		return usagef("--threshold and --align are numbers of bytes from 1")
	}
	return restore(c, o, func(out string, done onnxpb.DataResult, r *surgery.Report) {
		name := o.File
		if name == "" {
			name = filepath.Base(out) + ".data"
		}
		r.Add("packed", "external data", name, "", fmt.Sprintf("%d tensors, %d bytes", done.Tensors, done.Bytes))
	})
}

func runDataUnpack(c *cli.Context) error {
	return restore(c, onnxpb.DataOptions{Mode: onnxpb.DataInline}, func(_ string, done onnxpb.DataResult, r *surgery.Report) {
		r.Add("unpacked", "external data", "into the model", "", fmt.Sprintf("%d tensors, %d bytes", done.Tensors, done.Bytes))
	})
}

// restore saves a model with its data stored in another way.
func restore(c *cli.Context, o onnxpb.DataOptions, tell func(out string, done onnxpb.DataResult, r *surgery.Report)) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool data " + c.Command.Name + " --help"}
	}
	input := c.Args().First()
	out, err := target(c, input)
	if err != nil {
		return err
	}
	f, err := openChecked(c, input)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &surgery.Report{Edit: "data " + c.Command.Name}
	var done onnxpb.DataResult
	o.Result, o.Note = &done, func(s string) { r.Note("%s", s) }
	if err := onnxpb.Save(f.Model, out, onnxpb.SaveOptions{SourceDir: f.Dir(), Perm: f.Perm(), Sync: c.Bool("sync"), Data: o}); err != nil {
		return err
	}
	if out == input {
		for _, l := range onnxpb.DataLocations(f.Model) {
			if l != o.File && (o.Mode == onnxpb.DataInline || o.File != "" || l != filepath.Base(out)+".data") {
				r.Note("%s does not use %s any more; other models may", out, l)
			}
		}
	}
	if done.Tensors > 0 {
		tell(out, done, r)
	}
	return printReport(c, r, out == "-")
}

func runDataCheck(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool data check --help"}
	}
	f, err := onnxpb.Open(c.Args().First())
	if err != nil {
		return err
	}
	defer f.Close()
	r := onnxpb.InspectData(f.Model, f.Dir(), c.Bool("checksum"))
	if c.Bool("json") {
		err = printJSON(c.App.Writer, r)
	} else {
		writeDataReport(c.App.Writer, r)
	}
	if err == nil && len(r.Faults) > 0 {
		return answerNo{}
	}
	return err
}

// writeDataReport writes what data check found for people.
func writeDataReport(w io.Writer, r *onnxpb.DataReport) {
	if r.Tensors == 0 {
		fmt.Fprintln(w, "no external data")
	}
	for _, f := range r.Files {
		fmt.Fprintf(w, "%q: %d tensors, %d bytes, %d used", f.Location, f.Tensors, f.Size, f.Used)
		if f.Unused > 0 {
			fmt.Fprintf(w, ", %d unused in %d places", f.Unused, f.Regions)
		}
		if f.Shared > 0 {
			fmt.Fprintf(w, ", %d tensors share bytes with others", f.Shared)
		}
		if f.Align > 1 {
			fmt.Fprintf(w, ", aligned to %d", f.Align)
		}
		if f.Sha1 != "" {
			fmt.Fprintf(w, ", SHA-1 %s", f.Sha1)
		}
		fmt.Fprintln(w)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", x)
	}
	for _, x := range r.Faults {
		fmt.Fprintf(w, "fault: %s\n", x)
	}
	if r.Tensors > 0 && len(r.Faults) == 0 {
		fmt.Fprintf(w, "ok: %d tensors with external data, %d bytes\n", r.Tensors, r.Bytes)
	}
}

func runDataMove(c *cli.Context) error {
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a model and a new name are needed, %d arguments given", c.NArg()), Hint: "see onnxtool data move --help"}
	}
	path, to, from := c.Args().Get(0), c.Args().Get(1), c.String("from")
	if path == "-" {
		return usagef("the data of a model from standard input cannot be moved")
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if from == "" {
		from = onnxpb.Unfinished(f.Model, path, to)
	}
	locations := onnxpb.DataLocations(f.Model)
	if !c.Bool("force") {
		if err := onlyUser(append(locations, filepath.Clean(from)), path); err != nil {
			return err
		}
	}
	old, err := onnxpb.MoveData(f.Model, path, from, to)
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	r := &surgery.Report{Edit: "data move"}
	switch {
	case filepath.Clean(old) == filepath.Clean(to):
	case slices.Contains(locations, filepath.Clean(old)):
		r.Add("renamed", "external data", old, old, to)
	default:
		r.Add("removed", "external data", old, "", "")
		r.Note("an earlier move to %s was cut short: %s was another name of the same file", to, old)
	}
	return printReport(c, r, false)
}

// onlyUser refuses to move data at locations that other models in the directory refer to.
func onlyUser(locations []string, path string) error {
	self, err := os.Stat(path)
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	others, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(path)), "*.onnx"))
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	for _, o := range others {
		if st, err := os.Stat(o); err != nil || os.SameFile(st, self) || !st.Mode().IsRegular() {
			continue
		}
		other, err := onnxpb.Open(o)
		if err != nil {
			continue // no model
		}
		for _, l := range onnxpb.DataLocations(other.Model) {
			if slices.Contains(locations, l) {
				other.Close()
				return &onnxpb.Error{Kind: onnxpb.Refused, File: path, Msg: fmt.Sprintf("%s uses the data in %q too, and would lose it", o, l),
					Hint: "write a copy with onnxtool data pack --file, or move it all the same with --force"}
			}
		}
		other.Close()
	}
	return nil
}

// escapeGlob makes a path one that a glob takes for itself.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
