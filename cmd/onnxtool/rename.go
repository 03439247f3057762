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
	{"node", surgery.KindNode, "rename nodes, at any depth: `OLD=NEW`; one without a name is called as messages call it: 'Relu -> y=NEW'"},
	{"dim", surgery.KindDim, "rename symbols of dimensions: `OLD=NEW`"},
	{"domain", surgery.KindDomain, "rename domains of operators, with their functions and imports: `OLD=NEW`"},
	{"function", surgery.KindFunction, "rename functions of the model, with their calls: `DOMAIN.NAME=NEWNAME`"},
}

// kindWords lists the kinds that --kinds takes.
func kindWords() string {
	var words []string
	for _, k := range surgery.RenameKinds() {
		words = append(words, k.Flag())
	}
	return strings.Join(words, ", ")
}

func renameCommand() *cli.Command {
	flags := make([]cli.Flag, 0, 24)
	for _, f := range renameFlags {
		flags = append(flags, &cli.StringSliceFlag{Name: f.name, Usage: f.usage})
	}
	flags = append(flags,
		&cli.StringSliceFlag{Name: "map", Usage: "rename what a `FILE` lists: JSON, CSV or lines of OLD=NEW; repeatable"},
		&cli.StringFlag{Name: "prefix", Usage: "put `TEXT` before all names of the kinds in --kinds"},
		&cli.StringFlag{Name: "suffix", Usage: "put `TEXT` behind all names of the kinds in --kinds"},
		&cli.StringSliceFlag{Name: "replace", Usage: "put NEW in the place of OLD wherever it stands in names of the kinds in --kinds: `OLD=NEW`"},
		&cli.StringFlag{Name: "kinds", Value: "tensor,node", Usage: "what --prefix, --suffix and --replace are for: " + kindWords() + ", parted by commas: `KINDS`"})
	for _, f := range editFlags() {
		// --output is what is renamed here, so that the file has another long name.
		if s, ok := f.(*cli.StringFlag); ok && s.Name == "output" {
			s.Name, s.Aliases = "out", []string{"o"}
		}
		flags = append(flags, f)
	}
	return &cli.Command{
		Name:      "rename",
		Usage:     "rename inputs, outputs, tensors, nodes, dimensions, domains and functions",
		UsageText: "onnxtool rename MODEL --input OLD=NEW ... -o OUT",
		Description: `All rules apply at once to the names that the model has: --tensor a=b --tensor b=a swaps two names. Each flag may be repeated.

OLD is a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole name; a name
that exists is that name whatever it looks like. NEW may hold $1, ${2}, ${name} for groups of the pattern (in a glob: its first *, ? or class), and
$$ for a dollar. OLD=NEW is parted at its last =. --map reads the same from a file; --prefix, --suffix and --replace change all tensors and nodes, or the --kinds given, and take
what they are given as it is. They leave the domains of ONNX and ONNX Runtime alone, which engines know by their names; --domain does not.

   onnxtool rename in.onnx -o out.onnx --input x=input --output 're:(.*)_1=$1' --tensor 'enc/*=encoder/$1' --dim batch=N
   onnxtool rename in.onnx -o out.onnx --prefix enc/ --map names.json
   onnxtool rename in.onnx -o out.onnx --replace onnx::=n_ --function 'pkg.*.Old=New'`,
		Flags: flags,
		Action: func(c *cli.Context) error {
			var rules []surgery.RenameRule
			for _, f := range renameFlags {
				for _, s := range c.StringSlice(f.name) {
					from, to, err := oldNew(f.name, s)
					if err != nil {
						return err
					}
					rules = append(rules, surgery.RenameRule{Kind: f.kind, From: from, To: to})
				}
			}
			type part struct{ old, text string }
			var parts []part
			for _, s := range c.StringSlice("replace") {
				old, text, err := oldNew("replace", s)
				if err != nil {
					return err
				}
				parts = append(parts, part{old, text})
			}
			more, err := renameFiles(c.StringSlice("map"))
			if err != nil {
				return err
			}
			rules = append(rules, more...)
			prefix, suffix := c.String("prefix"), c.String("suffix")
			all := prefix != "" || suffix != "" || len(parts) > 0
			switch {
			case !all && c.IsSet("kinds"):
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--kinds means nothing without --prefix, --suffix or --replace"}
			case !all && len(rules) == 0:
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be renamed", Hint: "give --input, --output, --tensor, --node, --dim, --domain or --function OLD=NEW, --map, --prefix, --suffix or --replace"}
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
				for _, p := range parts {
					more, err := surgery.ReplaceRules(m, kinds, p.old, p.text)
					if err != nil {
						return nil, err
					}
					rules = append(rules, more...)
				}
				return surgery.Rename(m, rules)
			})
		},
	}
}

// oldNew parts what a flag was given at its last =.
func oldNew(flag, s string) (string, string, error) {
	at := strings.LastIndexByte(s, '=')
	if at > 0 {
		return s[:at], s[at+1:], nil
	}
	e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--" + flag + " " + s + " is not OLD=NEW"}
	if flag == "output" && at < 0 {
		e.Hint = "the file to write is given by -o or --out"
	}
	return "", "", e
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
