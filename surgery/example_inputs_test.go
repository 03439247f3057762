package surgery_test

import (
	"fmt"
	"os"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// flatten is a model made for batch 1: x [1,2,3] -> y [1,6].
func flatten() *onnxpb.ModelProto {
	return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("shape", 1, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x shape")}}.model()
}

func ExampleSetBatch() {
	m := flatten()
	report, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
	if err != nil {
		fmt.Println(err)
		return
	}
	report.Write(os.Stdout)
	// Output:
	// setbatch: changed node "y": shape [1,6] -> shape [0,6]
	// setbatch: removed constant "shape"
	// setbatch: changed input "x": [1,2,3] -> [N,2,3]
	// setbatch: changed output "y": [1,6] -> [N,6]
}

func ExampleSetInput() {
	m := flatten()
	report, err := surgery.SetInput(m, "x", surgery.InputSpec{Type: onnxpb.TensorProto_UINT8, Scale: 1. / 255})
	if err != nil {
		fmt.Println(err)
		return
	}
	report.Write(os.Stdout)
	for _, n := range m.Graph.Node {
		fmt.Println(n.GetOpType(), n.GetInput(), "->", n.GetOutput())
	}
	// Output:
	// setinput: changed input "x": float32 -> uint8
	// setinput: added node "x_Cast": Cast
	// setinput: added node "x_Mul": Mul
	// Cast [x] -> [x_inner]
	// Mul [x_inner x_scale] -> [x_inner_1]
	// Reshape [x_inner_1 shape] -> [y]
}
