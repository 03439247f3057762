package main

import (
	"io"
	"unsafe"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func textCommand() *cli.Command {
	return &cli.Command{
		Name:      "text",
		Usage:     "write a model as text",
		UsageText: "onnxtool text MODEL [-o FILE] [--elide N]",
		Description: `Writes a model in the textual form of the ONNX parser specification, which onnx.parser reads: types, attributes, subgraphs, functions and
all elements of tensors. What the form does not hold (doc strings of nodes, metadata of other things than the model, ...) is told on
standard error. The way back is onnxtool from-text.

  onnxtool text model.onnx --elide 16
  onnxtool text model.onnx -o model.txt`,
		Flags: textFlags(),
		Action: func(c *cli.Context) error {
			return writeText(c, func(w io.Writer, m *onnxpb.ModelProto) ([]string, error) {
				lost, err := onnxtext.Format(w, m, onnxtext.Options{Elide: c.Int64("elide")})
				return texts(lost), err
			})
		},
	}
}

func fromTextCommand() *cli.Command {
	return &cli.Command{
		Name:      "from-text",
		Usage:     "make a model of its text",
		UsageText: "onnxtool from-text FILE -o OUT",
		Description: `Reads a model in the textual form of the ONNX parser specification, as onnxtool text and onnx.printer write it or as it was written by
hand, and writes it as ONNX. An error tells line and column.

  onnxtool from-text model.txt -o model.onnx`,
		Flags: outputFlags(),
		Action: func(c *cli.Context) error {
			return readText(c, func(text []byte) (*onnxpb.ModelProto, error) {
				return onnxtext.Parse(unsafe.String(unsafe.SliceData(text), len(text))) // not copied: nothing writes into it
			})
		},
	}
}
