package onnxtext_test

import (
	"fmt"
	"os"

	"onnxtool/onnxpb/onnxtext"
)

func ExampleParse() {
	m, err := onnxtext.Parse(`
<ir_version: 8, opset_import: ["" : 17]>
net (float[N,3] x) => (float[N,3] y) <float[3] w = {1, 2, 3}> {
	scaled = Mul(x, w)                    # a comment
	y = LeakyRelu <alpha = 0.1> (scaled)
}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range m.Graph.Node {
		fmt.Println(n.GetOpType(), n.Input, n.Output)
	}
	_, err = onnxtext.Parse("net (float[N 3] x) => () {}")
	fmt.Println(err)
	// Output:
	// Mul [x w] [scaled]
	// LeakyRelu [scaled] [y]
	// line 1:14: "]" or a comma was expected, found "3"
}

func ExampleFormat() {
	m, _ := onnxtext.Parse(`<ir_version: 8> net (float[2,2] x) => (y) <float[2,2] w = {1, 2, 3, 4}, float b = {0.5}> { t = Mul(x, w) y = Add(t, b) }`)
	doc := "Adds half."
	m.Graph.Node[1].DocString = &doc
	lost, err := onnxtext.Format(os.Stdout, m, onnxtext.Options{Elide: 3})
	fmt.Println(lost, err)
	// Output:
	// # Tensors of more than 3 elements are written {...}: this text cannot be read back.
	// <
	//   ir_version: 8
	// >
	// net (float[2,2] x) => (y)
	// <
	//   float[2,2] w = {...},
	//   float b = {0.5}
	// >
	// {
	//   t = Mul (x, w)
	//   y = Add (t, b)
	// }
	// [NodeProto.doc_string] <nil>
}
