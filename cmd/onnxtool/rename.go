package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// renameFlags are the flags that take OLD=NEW, in the order of help.
var renameFlags = []struct {
	name  string
	kind  surgery.RenameKind
	usage string
}{
	{"input", surgery.KindInput, "rename inputs of the model: `OLD=NEW`"},
	{"output", surgery.KindOutput, "rename outputs of the model: `OLD=NEW` (the file to write is -o or --out here)"},
	{"tensor", surgery.KindTensor, "rename any values, at any depth: `OLD=NEW`"},
	{"node", surgery.KindNode, "rename nodes, at any depth: `OLD=NEW`"},
	{"dim", surgery.KindDim, "rename symbols of dimensions: `OLD=NEW`"},
	{"domain", surgery.KindDomain, "rename domains of operators, with their functions and imports: `OLD=NEW`"},
}

func renameCommand() *cli.Command {
	flags := make([]cli.Flag, 0, 20)
	for _, f := range renameFlags {
		flags = append(flags, &cli.StringSliceFlag{Name: f.name, Usage: f.usage})
	}
	flags = append(flags,
		&cli.StringSliceFlag{Name: "map", Usage: "rename what a `FILE` lists: JSON, CSV or lines of OLD=NEW; repeatable"},
		&cli.StringFlag{Name: "prefix", Usage: "put `TEXT` before all names of the kinds in --kinds"},
		&cli.StringFlag{Name: "suffix", Usage: "put `TEXT` behind all names of the kinds in --kinds"},
		&cli.StringFlag{Name: "kinds", Value: "tensor,node", Usage: "what --prefix and --suffix are for: input, output, tensor, node, dim, domain, parted by commas: `KINDS`"})
	for _, f := range editFlags() {
		// --output is what is renamed here, so that the file has another long name.
		if s, ok := f.(*cli.StringFlag); ok && s.Name == "output" {
			s.Name, s.Aliases = "out", []string{"o"}
		}
		flags = append(flags, f)
	}
	return &cli.Command{
		Name:      "rename",
		Usage:     "rename inputs, outputs, tensors, nodes, dimensions and domains",
		UsageText: "onnxtool rename MODEL --input OLD=NEW ... -o OUT",
		Description: `All rules apply at once to the names that the model has: --tensor a=b --tensor b=a swaps two names. Each flag may be repeated.

OLD is a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole name; a name
that exists is that name whatever it looks like. NEW may hold $1, ${2}, ${name} for groups of the pattern (in a glob: its first *, ? or class), and
$$ for a dollar. OLD=NEW is parted at its last =. --map reads the same from a file; --prefix and --suffix change all tensors and nodes, or the --kinds given.

   onnxtool rename in.onnx -o out.onnx --input x=input --output 're:(.*)_1=$1' --tensor 'enc/*=encoder/$1' --dim batch=N
   onnxtool rename in.onnx -o out.onnx --prefix enc/ --map names.json`,
		Flags: flags,
		Action: func(c *cli.Context) error {
			var rules []surgery.RenameRule
			for _, f := range renameFlags {
				for _, s := range c.StringSlice(f.name) {
					at := strings.LastIndexByte(s, '=')
					if at <= 0 {
						e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--" + f.name + " " + s + " is not OLD=NEW"}
						if f.name == "output" && at < 0 {
							e.Hint = "the file to write is given by -o or --out"
						}
						return e
					}
					rules = append(rules, surgery.RenameRule{Kind: f.kind, From: s[:at], To: s[at+1:]})
				}
			}
			more, err := renameFiles(c.StringSlice("map"))
			if err != nil {
				return err
			}
			rules = append(rules, more...)
			prefix, suffix := c.String("prefix"), c.String("suffix")
			switch {
			case prefix == "" && suffix == "" && c.IsSet("kinds"):
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--kinds means nothing without --prefix or --suffix"}
			case prefix == "" && suffix == "" && len(rules) == 0:
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be renamed", Hint: "give --input, --output, --tensor, --node, --dim or --domain OLD=NEW, --map, --prefix or --suffix"}
			}
			var kinds []surgery.RenameKind
			for _, s := range strings.Split(c.String("kinds"), ",") {
				k, err := surgery.ParseRenameKind(strings.TrimSpace(s))
				if err != nil {
					return err
				}
				kinds = append(kinds, k)
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				if prefix != "" || suffix != "" {
					rules = append(rules, surgery.AffixRules(m, kinds, prefix, suffix)...)
				}
				return surgery.Rename(m, rules)
			})
		},
	}
}

// renameFiles reads the files that --map names.
func renameFiles(paths []string) ([]surgery.RenameRule, error) {
	var rules []surgery.RenameRule
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, &onnxpb.Error{Err: err}
		}
		list, err := surgery.ParseRenames(data, strings.EqualFold(filepath.Ext(path), ".csv"))
		if err != nil {
			return nil, onnxpb.InFile(err, path)
		}
		rules = append(rules, list...)
	}
	return rules, nil
}
