package reduce_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery/reduce"
)

var n8 = []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(8)}

func value(name string) *onnxpb.ValueInfoProto {
	return onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, n8)
}

func model(nodes []*onnxpb.NodeProto, in, out []string) *onnxpb.ModelProto {
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{Name: proto.String("g"), Node: nodes}}
	for _, name := range in {
		m.Graph.Input = append(m.Graph.Input, value(name))
	}
	for _, name := range out {
		m.Graph.Output = append(m.Graph.Output, value(name))
	}
	return m
}

// random makes a graph of n nodes of one or two inputs of shape [N,8], in a row of which each reads one of the last few values; none of its operators is Erf, Softmax or Mul.
func random(n int, seed uint64) *onnxpb.ModelProto {
	r := rand.New(rand.NewPCG(seed, 1))
	values := []string{"x", "y"}
	var nodes []*onnxpb.NodeProto
	read := map[string]bool{}
	for i := range n {
		pick := func() string {
			v := values[max(0, len(values)-1-r.IntN(6))]
			read[v] = true
			return v
		}
		out := fmt.Sprintf("v%d", i)
		if r.IntN(3) == 0 {
			a, b := pick(), pick()
			nodes = append(nodes, onnxpb.Node([]string{"Add", "Sub", "Max"}[r.IntN(3)], fmt.Sprintf("n%d", i), []string{a, b}, []string{out}))
		} else {
			nodes = append(nodes, onnxpb.Node([]string{"Relu", "Tanh", "Neg", "Sigmoid"}[r.IntN(4)], fmt.Sprintf("n%d", i), []string{pick()}, []string{out}))
		}
		values = append(values, out)
	}
	var outputs []string
	for _, v := range values[2:] {
		if !read[v] {
			outputs = append(outputs, v)
		}
	}
	return model(nodes, []string{"x", "y"}, outputs)
}

// plant makes node i of a graph an operator of one input that reads what node from makes (where that is not negative), and sees that it leads to an output.
func plant(m *onnxpb.ModelProto, i int, op string, from int) {
	n := m.Graph.Node[i]
	n.OpType = proto.String(op)
	n.Input = n.Input[:1]
	if from >= 0 {
		n.Input[0] = m.Graph.Node[from].Output[0]
	}
	if name := n.Output[0]; !slices.ContainsFunc(m.Graph.Output, func(v *onnxpb.ValueInfoProto) bool { return v.GetName() == name }) {
		m.Graph.Output = append(m.Graph.Output, value(name))
	}
}

func maker(m *onnxpb.ModelProto, name string) *onnxpb.NodeProto {
	for _, n := range m.GetGraph().GetNode() {
		if slices.Contains(n.GetOutput(), name) {
			return n
		}
	}
	return nil
}

// fed tells whether a model has a node of one operator that reads what a node of another makes.
func fed(op, by string) func(*onnxpb.ModelProto) (bool, error) {
	return func(m *onnxpb.ModelProto) (bool, error) {
		for _, n := range m.GetGraph().GetNode() {
			for _, in := range n.GetInput() {
				if n.GetOpType() == op && maker(m, in).GetOpType() == by {
					return true, nil
				}
			}
		}
		return false, nil
	}
}

// behind tells whether a model has a node of one operator that depends on one for which from holds.
func behind(op string, from func(*onnxpb.NodeProto) bool) func(*onnxpb.ModelProto) (bool, error) {
	return func(m *onnxpb.ModelProto) (bool, error) {
		from2 := map[string]bool{}
		for _, n := range m.GetGraph().GetNode() {
			depends := slices.ContainsFunc(n.GetInput(), func(in string) bool { return from2[in] })
			if depends && n.GetOpType() == op {
				return true, nil
			}
			if depends || from(n) {
				for _, o := range n.GetOutput() {
					from2[o] = true
				}
			}
		}
		return false, nil
	}
}

func ops(m *onnxpb.ModelProto) string {
	var list []string
	for _, n := range m.GetGraph().GetNode() {
		list = append(list, n.GetOpType())
	}
	return strings.Join(list, " ")
}

// reduced reduces a model, and holds what every reduction has to keep: the model as it was, a valid result that fails, a true report, the same again.
func reduced(t *testing.T, m *onnxpb.ModelProto, fails func(*onnxpb.ModelProto) (bool, error), o reduce.Options) (*onnxpb.ModelProto, *reduce.Report) {
	t.Helper()
	before := onnxpb.Clone(m)
	asked := 0
	counted := func(c *onnxpb.ModelProto) (bool, error) {
		asked++
		if faults := opset.Check(c, opset.CheckOptions{}); len(faults) > 0 && !o.Force {
			t.Errorf("it was asked about a model that is not valid: %v", faults[0])
		}
		return fails(c)
	}
	small, r, err := reduce.Reduce(m, counted, o)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(m, before) {
		t.Error("the model was changed")
	}
	if failed, _ := fails(small); !failed {
		t.Error("the result does not fail")
	}
	if r.Runs != asked {
		t.Errorf("%d runs are told, it was asked %d times", r.Runs, asked)
	}
	if r.After.Nodes != len(small.Graph.Node) || r.Before.Nodes != len(m.Graph.Node) || r.After.Inputs != len(small.Graph.Input) || r.After.Outputs != len(small.Graph.Output) {
		t.Errorf("the report is not true: %+v", r)
	}
	runs := 1
	for _, s := range r.Steps {
		runs += s.Runs
	}
	if runs != r.Runs {
		t.Errorf("the steps have %d runs, all are %d", runs, r.Runs)
	}
	again, _, err := reduce.Reduce(m, fails, o)
	if err != nil || !proto.Equal(again, small) {
		t.Errorf("a second reduction gives another model: %v", err)
	}
	return small, r
}
