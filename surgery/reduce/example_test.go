package reduce_test

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/surgery/reduce"
)

func ExampleReduce() {
	m := model([]*onnxpb.NodeProto{
		onnxpb.Node("Relu", "", []string{"x"}, []string{"a"}),
		onnxpb.Node("Erf", "", []string{"a"}, []string{"b"}),
		onnxpb.Node("Tanh", "", []string{"b"}, []string{"y"}),
	}, []string{"x"}, []string{"y"})
	// A program that this stands for cannot take an Erf.
	fails := func(m *onnxpb.ModelProto) (bool, error) {
		for _, n := range m.Graph.Node {
			if n.GetOpType() == "Erf" {
				return true, nil
			}
		}
		return false, nil
	}
	small, report, err := reduce.Reduce(m, fails, reduce.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(small.Graph.Input[0].GetName(), small.Graph.Node[0].GetOpType(), small.Graph.Output[0].GetName())
	fmt.Println(report.Before.Nodes, "to", report.After.Nodes, "nodes")
	// Output:
	// a Erf b
	// 3 to 1 nodes
}
