package surgery_test

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func ExampleDelete() {
	m := twoSteps()
	r, err := surgery.Delete(m, surgery.NodeChoice{Names: []string{"add"}}, surgery.DeleteOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		fmt.Println(c)
	}
	_, err = surgery.Delete(m, surgery.NodeChoice{Names: []string{"negat"}}, surgery.DeleteOptions{})
	fmt.Println(err)
	// Output:
	// renamed tensor "neg_1": neg_1 -> y_1
	// removed node "add": Add
	// removed value_info "neg_1"
	// removed initializer "one"
	// there is no node "negat" (did you mean "negate"?)
}

func ExampleAddOutputs() {
	m := twoSteps()
	r, err := surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{"neg*"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Changes[0])
	// Output:
	// added output "neg_1": float32 [N,3]
}

func ExampleInsert() {
	m, half := twoSteps(), twoSteps() // a block is a model too
	r, err := surgery.Insert(m, half, surgery.InsertOptions{
		Inputs:  map[string]string{"x": "neg_1"},   // reads what the first step makes
		Outputs: map[string]string{"y_1": "neg_1"}, // and is read in its place
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Changes {
		if c.Action != "renamed" {
			fmt.Println(c)
		}
	}
	// Output:
	// added node "negate_1": Neg
	// added node "add_1": Add
	// added initializer "one_1": float32
	// changed input 0 of node "add": neg_1 -> y_1_1
}

func ExampleRewire() {
	m := twoSteps()
	if _, err := surgery.Rewire(m, "neg_1", "x", surgery.ReaderChoice{Nodes: []string{"add"}}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Node[1].Input)
	_, err := surgery.Rewire(m, "x", "y_1", surgery.ReaderChoice{})
	fmt.Println(onnxpb.KindOf(err) == onnxpb.Refused, err)
	// Output:
	// [x one]
	// true the node "add" reads what it makes itself (no order of a graph with a cycle can be run; feed one of these nodes from elsewhere)
}
