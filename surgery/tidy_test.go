package surgery

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

func TestTidy(t *testing.T) {
	m := untidyModel()
	r, err := Tidy(m)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"removed function dead_function", "removed initializer dead_scale", "removed initializer dead_sparse", "removed initializer dead_then_w", "removed initializer dead_w",
		"removed metadata onnxtool.dmhead.rear_pose", "removed node Neg -> dead_in_body", "removed node dead_add", "removed node dead_end", "removed node dead_sub",
		"removed quantization_annotation dead_mid", "removed value_info dead_mid",
	}
	if got := told(r); !reflect.DeepEqual(got, want) {
		t.Errorf("told\n%q\nwant\n%q", got, want)
	}
	if !bytes.Equal(marshal(t, m), marshal(t, richModel())) {
		t.Error("what is left is not the model to which the unused was added")
	}
}

// What only looks unused stays.
func TestTidyKeeps(t *testing.T) {
	m := branchModel()
	g := m.Graph
	g.Input = append(g.Input, onnxpb.TensorValue("unused", tFloat, nx3()), onnxpb.TensorValue("default", tFloat, onnxpb.Numbers(1)))
	g.Initializer = append(g.Initializer, floats("default", []int64{1}, 1), floats("scale", []int64{1}, 1))
	g.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("unused"), QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "scale")}}}
	effect := onnxpb.Node("Print", "print", []string{"y"}, nil)
	effect.Domain = proto.String("org.example")
	g.Node = append(g.Node, effect)
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("org.example", 1), onnxpb.Opset("unused", 1))
	// An output that nobody reads, of a node that somebody does.
	then := g.Node[0].Attr("then_branch").G
	then.Node = append([]*onnxpb.NodeProto{onnxpb.Node("Split", "split", []string{"x"}, []string{"half", "rest"})}, then.Node...)
	then.Node[1].Input[0] = "half"
	then.QuantizationAnnotation = []*onnxpb.TensorAnnotation{{TensorName: proto.String("rest"), QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "rest_scale")}}}
	then.Initializer = []*onnxpb.TensorProto{floats("rest_scale", []int64{1}, 1)}
	// What only the training reads, by its nodes, by a binding, and by the names in Gradient.
	g.Node = append(g.Node, onnxpb.Node("Neg", "for_training", []string{"x"}, []string{"aux"}), onnxpb.Node("Abs", "for_gradient", []string{"x"}, []string{"aim"}))
	g.Initializer = append(g.Initializer, floats("bound", []int64{1}, 1))
	gradient := onnxpb.Node("Gradient", "gradient", []string{"x"}, []string{"dx"}, onnxpb.Strs("xs", "x"), onnxpb.Str("y", "aim"))
	gradient.Domain = proto.String("ai.onnx.preview.training")
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
		Algorithm:     &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{onnxpb.Node("Abs", "", []string{"aux"}, []string{"loss"}), gradient, onnxpb.Node("Neg", "", []string{"dx"}, []string{"step"})}},
		UpdateBinding: []*onnxpb.StringStringEntryProto{entry("bound", "loss"), entry("w", "step")},
	}}
	before := marshal(t, m)
	r, err := Tidy(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Changes) != 0 || !bytes.Equal(before, marshal(t, m)) {
		t.Errorf("changed: %v", r.Changes)
	}
	library := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{Name: proto.String("empty")}, Functions: richModel().Functions}
	if r, err := Tidy(library); err != nil || len(r.Changes) != 0 || len(library.Functions) != 1 {
		t.Errorf("a library of functions: %v, %v", r, err)
	}
}

// A value that is needed only by what is dead in a subgraph is dead, and a function that only a dead node calls too.
func TestTidyThroughSubgraphs(t *testing.T) {
	m := branchModel()
	g := m.Graph
	call := onnxpb.Node("F", "call", []string{"x"}, []string{"only"})
	call.Domain = proto.String("local")
	g.Node = append([]*onnxpb.NodeProto{call}, g.Node...)
	inner := onnxpb.Node("G", "", []string{"a"}, []string{"b"})
	inner.Domain = proto.String("local")
	m.Functions = []*onnxpb.FunctionProto{
		{Name: proto.String("F"), Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"b"}, Node: []*onnxpb.NodeProto{inner}},
		{Name: proto.String("G"), Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"b"}, Node: []*onnxpb.NodeProto{onnxpb.Node("Neg", "", []string{"a"}, []string{"b"})}},
	}
	then := g.Node[1].Attr("then_branch").G
	then.Node = append(then.Node, onnxpb.Node("Neg", "dead", []string{"only"}, []string{"dead_too"}))
	alive := onnxpb.Clone(m)
	r, err := Tidy(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(r), []string{"removed function F", "removed function G", "removed node call", "removed node dead"}; !reflect.DeepEqual(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	// Where the subgraph does use it, all of it stays: the function that is called, and the one that it calls.
	then = alive.Graph.Node[1].Attr("then_branch").G
	then.Node[1].Input[0] = "dead_too"
	then.Node[1], then.Node[2] = then.Node[2], then.Node[1]
	if r, err := Tidy(alive); err != nil || !reflect.DeepEqual(told(r), []string{"removed node n1"}) {
		t.Errorf("told %v, %v", r, err)
	}
}

func allNodes(g *onnxpb.GraphProto) []*onnxpb.NodeProto {
	out := slices.Clone(g.GetNode())
	for _, n := range g.GetNode() {
		for s := range n.Subgraphs() {
			out = append(out, allNodes(s)...)
		}
	}
	return out
}

// Random models compute the same without what is unused, and have nothing unused afterwards.
func TestTidyRandom(t *testing.T) {
	removed := 0
	eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, _ *rand.Rand) {
		means := meaning(m, func(s string) string { return s })
		r, err := Tidy(m)
		if err != nil {
			t.Fatal(err)
		}
		removed += len(r.Changes)
		valid(t, m, "tidied")
		if got := meaning(m, func(s string) string { return s }); !reflect.DeepEqual(got, means) {
			t.Error("the tidied model computes something else")
		}
		uses := map[string]int{}
		v := nameVisitor{value: func(p *string) { uses[*p]++ }}
		v.model(m)
		for _, n := range allNodes(m.Graph) {
			if n.GetOpType() == "Split" { // is needed for one of its outputs
				for _, o := range n.Output {
					uses[o]++
				}
			}
		}
		for name, n := range uses {
			// Whatever is left stands in two places at least: where it is made and where it is used. Declarations come on top.
			if n < 2 {
				t.Errorf("%q is made and not used", name)
			}
		}
		if r, err := Tidy(m); err != nil || len(r.Changes) != 0 {
			t.Errorf("a second time: %v, %v", r, err)
		}
	})
	if removed < 100 {
		t.Errorf("only %d things were unused in all the models", removed)
	}
}
