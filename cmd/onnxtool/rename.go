package main

import (
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
}

func renameCommand() *cli.Command {
	flags := make([]cli.Flag, 0, 12)
	for _, f := range renameFlags {
		flags = append(flags, &cli.StringSliceFlag{Name: f.name, Usage: f.usage})
	}
	for _, f := range editFlags() {
		// --output is what is renamed here, so that the file has another long name.
		if s, ok := f.(*cli.StringFlag); ok && s.Name == "output" {
			s.Name, s.Aliases = "out", []string{"o"}
		}
		flags = append(flags, f)
	}
	return &cli.Command{
		Name:      "rename",
		Usage:     "rename inputs, outputs, tensors, nodes and dimensions",
		UsageText: "onnxtool rename MODEL --input OLD=NEW ... -o OUT",
		Description: `All rules apply at once to the names that the model has: --tensor a=b --tensor b=a swaps two names. Each flag may be repeated.

OLD is a name, a glob (*, ?, [a-z], [!a-z]; * matches / as well), or re: and a regular expression that matches the whole name; a name
that exists is that name whatever it looks like. NEW may hold $1, ${2}, ${name} for groups of the pattern (in a glob: its first *, ? or class), and
$$ for a dollar. OLD=NEW is parted at its last =.

   onnxtool rename in.onnx -o out.onnx --input x=input --output 're:(.*)_1=$1' --tensor 'enc/*=encoder/$1' --dim batch=N`,
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
			if len(rules) == 0 {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be renamed", Hint: "give --input, --output, --tensor, --node or --dim OLD=NEW"}
			}
			return editOne(c, func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Rename(m, rules) })
		},
	}
}
