package onnxjson_test

import (
	"fmt"
	"os"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxjson"
)

func ExampleFormat() {
	version := int64(8)
	m := &onnxpb.ModelProto{IrVersion: &version, Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{2}, []float32{1, 2.5})}}}
	for _, o := range []onnxjson.Options{{Compact: true}, {Compact: true, Decode: true}} {
		if _, err := onnxjson.Format(os.Stdout, m, o); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// {"irVersion":"8","graph":{"initializer":[{"dims":["2"],"dataType":1,"name":"w","rawData":"AACAPwAAIEA="}]}}
	// {"irVersion":"8","graph":{"initializer":[{"dims":["2"],"dataType":1,"floatData":[1,2.5],"name":"w"}]}}
}

func ExampleParse() {
	m, err := onnxjson.Parse([]byte(`{"irVersion": "8", "graph": {"name": "g", "node": [{"opType": "Relu", "input": ["x"], "output": ["y"]}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.GetIrVersion(), m.Graph.GetName(), m.Graph.Node[0].GetOpType())
	// Output: 8 g Relu
}
