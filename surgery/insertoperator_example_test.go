package surgery_test

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func ExampleInsertOperator() {
	m := twoSteps()
	// The model is to take bytes, in the place of the numbers that it was made for.
	r, err := surgery.InsertOperator(m,
		surgery.OperatorBlock{Operator: "Cast", Name: "to_float", Attributes: []*onnxpb.AttributeProto{onnxpb.Int("to", int64(onnxpb.TensorProto_FLOAT))}},
		surgery.InsertPlace{Name: "x", Input: true, Takes: onnxpb.TensorType(onnxpb.TensorProto_UINT8, nil)},
		surgery.InsertOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		fmt.Println(c)
	}
	// Output:
	// renamed tensor "x": x -> x_1
	// changed input "x": float32 [N,3] -> uint8 [N,3]
	// added node "to_float": Cast
}
