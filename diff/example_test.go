package diff_test

import (
	"fmt"

	"onnxtool/diff"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// A node was put in between, and a tensor has another name.
func ExampleModels() {
	read := func(body string) *onnxpb.ModelProto {
		m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) {` + body + `}`)
		if err != nil {
			panic(err)
		}
		return m
	}
	found, err := diff.Models(read(`[a] h = Neg (x) [b] y = Exp (h)`), read(`[a] h1 = Neg (x) [new] h2 = Relu (h1) [b] y = Exp (h2)`), diff.Options{})
	if err != nil {
		panic(err)
	}
	for _, d := range found {
		fmt.Println(d)
	}
	// Output:
	// renamed tensor "h": "h" -> "h1"
	// changed node "b" node_input "0": "h" -> "h2"
	// added node "new": Relu(h1) -> h2
}
