package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

func setmetaCommand() *cli.Command {
	return &cli.Command{
		Name:      "setmeta",
		Usage:     "change what a model says of itself: metadata, producer, domain, version, doc strings, name of the graph",
		UsageText: "onnxtool setmeta MODEL [--set KEY=VALUE]... [--remove KEY]... [--producer NAME] [--producer-version V] [--domain D] [--model-version N] [--doc TEXT] [--graph-name NAME] [--graph-doc TEXT] -o OUT",
		Description: `--set changes an entry of the metadata, or adds one. VALUE, and TEXT of a doc string, may be @FILE, whose text is taken; @@ stands for an @ itself. --remove takes keys, globs and re:
patterns. An empty text takes out what the model says. onnxtool info shows all of it.

   onnxtool setmeta in.onnx --set author=me --set labels=@labels.txt --remove 'pkg.torch.*' -o out.onnx
   onnxtool setmeta in.onnx --producer acme --model-version 3 --doc 'detects faces' -o out.onnx`,
		Flags: editFlags(
			&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE` of an entry of the metadata, or KEY=@FILE"},
			&cli.StringSliceFlag{Name: "remove", Usage: "`KEY` of an entry that goes, or a pattern"},
			&cli.StringFlag{Name: "producer", Usage: "`NAME` of the producer"},
			&cli.StringFlag{Name: "producer-version", Usage: "`VERSION` of the producer"},
			&cli.StringFlag{Name: "domain", Usage: "`DOMAIN` of the model, such as org.example"},
			&cli.Int64Flag{Name: "model-version", Usage: "version of the model: `N`", DefaultText: "as it is"},
			&cli.StringFlag{Name: "doc", Usage: "doc string of the model: `TEXT` or @FILE"},
			&cli.StringFlag{Name: "graph-name", Usage: "`NAME` of the graph"},
			&cli.StringFlag{Name: "graph-doc", Usage: "doc string of the graph: `TEXT` or @FILE"},
		),
		Action: func(c *cli.Context) error {
			if err := oneModel(c); err != nil {
				return err
			}
			changes, err := metadataChanges(c)
			if err != nil {
				return err
			}
			// A key that is there twice is what this command mends; what is left of it is found when the result is checked.
			return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, _ string) (*surgery.Report, error) { return surgery.SetMetadata(m, changes) }, opset.FaultMetadata)
		},
	}
}

func metadataChanges(c *cli.Context) (surgery.MetadataChanges, error) {
	changes := surgery.MetadataChanges{Remove: c.StringSlice("remove")}
	for _, s := range c.StringSlice("set") {
		key, value, isPair := strings.Cut(s, "=")
		if !isPair || key == "" {
			return changes, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--set %s is not KEY=VALUE", s), Hint: "for example --set author=me; --remove KEY takes an entry out"}
		}
		value, err := textOrFile(value)
		if err != nil {
			return changes, err
		}
		changes.Set = append(changes.Set, surgery.MetadataEntry{Key: key, Value: value})
	}
	for flag, field := range map[string]**string{"producer": &changes.Producer, "producer-version": &changes.ProducerVersion, "domain": &changes.Domain, "graph-name": &changes.GraphName} {
		if c.IsSet(flag) {
			text := c.String(flag)
			*field = &text
		}
	}
	for flag, field := range map[string]**string{"doc": &changes.Doc, "graph-doc": &changes.GraphDoc} {
		if c.IsSet(flag) {
			text, err := textOrFile(c.String(flag))
			if err != nil {
				return changes, err
			}
			*field = &text
		}
	}
	if c.IsSet("model-version") {
		n := c.Int64("model-version")
		changes.ModelVersion = &n
	}
	return changes, nil
}

// textOrFile reads a text of the command line: @FILE is the text of a file, @@ an @ in earnest.
func textOrFile(s string) (string, error) {
	path, isFile := strings.CutPrefix(s, "@")
	if !isFile || strings.HasPrefix(path, "@") {
		return path, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", &onnxpb.Error{File: path, Msg: "the text cannot be read", Err: err, Hint: "@ begins the name of a file; write @@ for an @ itself"}
	}
	return string(data), nil
}
