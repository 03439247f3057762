package surgery_test

import (
	"fmt"

	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

func ExampleReplace() {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> net (float[N,3] x) => (float[N,3] y) {
		[gate] s = Sigmoid (x)
		[scale] h = Mul (s, x)
		[last] y = LeakyRelu <alpha: float = 0.1> (h)
	}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	pattern, _ := onnxtext.Parse(`swish (x) => (y) { s = Sigmoid (x) y = LeakyRelu <alpha: float = @a> (h) h = Mul (x, s) }`)
	block, _ := onnxtext.Parse(`fused (x) => (y) { y = com.example.SwishLeaky <slope: float = @a> (x) }`)
	found, err := surgery.Match(m, pattern, surgery.MatchOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range found {
		fmt.Println(f.Values["x"], f.Values["y"], f.Attributes["a"].GetF())
	}
	r, err := surgery.Replace(m, pattern, block, surgery.ReplaceOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		fmt.Println(c)
	}
	// Output:
	// x y 0.1
	// added opset "com.example": 1
	// removed node "gate": Sigmoid
	// removed node "scale": Mul
	// removed node "last": LeakyRelu
	// added node "y/SwishLeaky": SwishLeaky
}
