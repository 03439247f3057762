package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxjson"
)

func jsonCommand() *cli.Command {
	return &cli.Command{
		Name:      "json",
		Usage:     "write a model as JSON",
		UsageText: "onnxtool json MODEL [-o FILE] [--decode] [--compact] [--elide N]",
		Description: `Writes a model in protobuf's JSON mapping, the one that onnx2json and Python's json_format write and json2onnx reads: names in
lowerCamelCase, bytes in base64, 64-bit integers in quotes. The same model gives the same bytes. What JSON does not hold, fields that
onnx.proto does not know, is told on standard error. The way back is onnxtool from-json.

  onnxtool json model.onnx --decode -o model.json
  onnxtool json model.onnx --elide 16 | less`,
		Flags: textFlags(
			&cli.BoolFlag{Name: "decode", Usage: "show the elements of tensors as numbers, not in base64"},
			&cli.BoolFlag{Name: "compact", Usage: "write no white space"},
		),
		Action: func(c *cli.Context) error {
			return writeText(c, func(w io.Writer, m *onnxpb.ModelProto) ([]string, error) {
				lost, err := onnxjson.Format(w, m, onnxjson.Options{Compact: c.Bool("compact"), Decode: c.Bool("decode"), Elide: c.Int64("elide")})
				return texts(lost), err
			})
		},
	}
}

func fromJSONCommand() *cli.Command {
	return &cli.Command{
		Name:      "from-json",
		Usage:     "make a model of its JSON",
		UsageText: "onnxtool from-json FILE -o OUT",
		Description: `Reads a model in protobuf's JSON mapping, as onnxtool json, onnx2json and Python's json_format write it (names in lowerCamelCase or as in
onnx.proto), and writes it as ONNX. A field that onnx.proto does not have is an error, and so are tensors whose data --elide left out.

  onnxtool from-json model.json -o model.onnx`,
		Flags:  outputFlags(),
		Action: func(c *cli.Context) error { return readText(c, onnxjson.Parse) },
	}
}
