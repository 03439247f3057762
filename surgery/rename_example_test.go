package surgery_test

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// twoSteps is a model that negates x, and adds 1.
func twoSteps() *onnxpb.ModelProto {
	shape := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{
			Name:        proto.String("two steps"),
			Input:       []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, shape)},
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("one", []int64{1}, []float32{1})},
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("Neg", "negate", []string{"x"}, []string{"neg_1"}),
				onnxpb.Node("Add", "add", []string{"neg_1", "one"}, []string{"y_1"}),
			},
			ValueInfo: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("neg_1", onnxpb.TensorProto_FLOAT, shape)},
			Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y_1", onnxpb.TensorProto_FLOAT, shape)},
		},
	}
}

func ExampleRename() {
	m := twoSteps()
	r, err := surgery.Rename(m, []surgery.RenameRule{
		{Kind: surgery.KindInput, From: "x", To: "input"},
		{Kind: surgery.KindTensor, From: "re:(.*)_1", To: "$1"},
		{Kind: surgery.KindDim, From: "N", To: "batch"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		fmt.Println(c)
	}
	_, err = surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "imput", To: "x"}})
	fmt.Println(err)
	// Output:
	// renamed input "x": x -> input
	// renamed tensor "neg_1": neg_1 -> neg
	// renamed output "y_1": y_1 -> y
	// renamed dimension "N": N -> batch
	// there is no tensor "imput" (did you mean "input"?)
}

func ExampleExtract() {
	m := twoSteps()
	if _, err := surgery.Extract(m, []string{"neg_1"}, []string{"y_1"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(m.Graph.Node), "node:", m.Graph.Node[0].Label())
	in := m.Graph.Input[0]
	shape, _ := in.Shape()
	fmt.Println("input", in.GetName(), onnxpb.TypeName(in.ElemType()), onnxpb.FormatShape(shape))
	// Output:
	// 1 node: add
	// input neg_1 float32 [N,3]
}

func ExampleTidy() {
	m := twoSteps()
	m.Graph.Output[0] = m.Graph.ValueInfo[0] // the negated x is all that is wanted
	m.Graph.ValueInfo = nil
	r, err := surgery.Tidy(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		fmt.Println(c.Action, c.What, c.Name)
	}
	// Output:
	// removed node add
	// removed initializer one
}

func ExampleSort() {
	m := twoSteps()
	n := m.Graph.Node
	n[0], n[1] = n[1], n[0]
	if _, err := surgery.Sort(m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Node[0].Label(), m.Graph.Node[1].Label())
	m.Graph.Node[0].Input[0] = "y_1"
	_, err := surgery.Sort(m)
	fmt.Println(err)
	// Output:
	// negate add
	// the nodes "negate" -> "add" form a cycle: each reads what the one before it makes (no order of a graph with a cycle can be run; feed one of these nodes from elsewhere)
}
