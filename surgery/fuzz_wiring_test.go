package surgery_test

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// wiringEditsOf returns edits of the wiring of a model, with values of it that any chooses.
func wiringEditsOf(m *onnxpb.ModelProto, pick uint8, any func(int) string) map[string]func(*onnxpb.ModelProto) (*surgery.Report, error) {
	type edit = func(*onnxpb.ModelProto) (*surgery.Report, error)
	del := func(c surgery.NodeChoice, o surgery.DeleteOptions) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Delete(m, c, o) }
	}
	rewire := func(from, to string, c surgery.ReaderChoice) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Rewire(m, from, to, c) }
	}
	swap := func(from, to string, c surgery.ReaderChoice) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Swap(m, from, to, c) }
	}
	insert := func(o surgery.InsertOptions) edit {
		b := &onnxpb.ModelProto{IrVersion: proto.Int64(7), OpsetImport: m.GetOpsetImport(), Graph: &onnxpb.GraphProto{
			Name: proto.String("block"), Input: []*onnxpb.ValueInfoProto{{Name: proto.String("in")}}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("out")}},
			Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "block", []string{"in"}, []string{"out"})}}}
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Insert(m, b, o) }
	}
	operate := func(op surgery.OperatorBlock, at surgery.InsertPlace) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.InsertOperator(m, op, at, surgery.InsertOptions{Readers: surgery.ReaderChoice{AllowUnknown: true}})
		}
	}
	to := func(name string) map[string]string { return map[string]string{"out": name} }
	from := func(name string) map[string]string { return map[string]string{"in": name} }
	index := int(pick) % 3
	unknown := surgery.ReaderChoice{AllowUnknown: true, Outputs: pick%2 == 0}
	output := "nosuch"
	if out := m.GetGraph().GetOutput(); len(out) > 0 {
		output = out[int(pick)%len(out)].GetName()
	}
	expand := func(o surgery.ExpandOptions) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.ExpandDim(m, o) }
	}
	setOutput := func(s surgery.OutputSpec) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetOutput(m, output, s) }
	}
	return map[string]edit{
		"add outputs": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.AddOutputs(m, surgery.OutputChoice{All: true})
		},
		"add an output": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{any(0)}})
		},
		"drop an output": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.DropOutputs(m, []string{output}, pick%2 == 0)
		},
		"delete a node":   del(surgery.NodeChoice{Makes: []string{any(0)}}, surgery.DeleteOptions{AllowUnknown: true}),
		"delete by input": del(surgery.NodeChoice{Makes: []string{any(1)}}, surgery.DeleteOptions{AllowUnknown: true, Input: &index}),
		"delete identity": del(surgery.NodeChoice{Ops: []string{"Identity", "Relu", "Neg", "*"}}, surgery.DeleteOptions{AllowUnknown: true}),
		"delete and tidy": del(surgery.NodeChoice{Ops: []string{"Add", "If", "Loop"}}, surgery.DeleteOptions{AllowUnknown: true, Tidy: true, Input: &index}),
		"cut a node":      del(surgery.NodeChoice{Makes: []string{any(0)}}, surgery.DeleteOptions{Cut: true}),
		"cut two":         del(surgery.NodeChoice{Makes: []string{any(0), any(2)}}, surgery.DeleteOptions{Cut: true, Tidy: true}),
		"rewire":          rewire(any(0), any(1), surgery.ReaderChoice{}),
		"rewire unknown":  rewire(any(0), any(2), unknown),
		"rewire outputs":  rewire(output, any(3), surgery.ReaderChoice{Outputs: true, AllowUnknown: true}),
		"swap readers":    swap(any(0), any(1), unknown),
		"swap by index":   swap(any(0), any(2), surgery.ReaderChoice{Inputs: []int{index}, AllowUnknown: true}),
		"insert":          insert(surgery.InsertOptions{Inputs: from(any(0)), Outputs: to(any(0)), Readers: unknown}),
		"insert between":  insert(surgery.InsertOptions{Inputs: from(any(0)), Outputs: to(any(1)), Readers: unknown}),
		"insert at out":   insert(surgery.InsertOptions{Inputs: from(output), Outputs: to(output), OnlyOutputs: true}),
		"insert operator": operate(surgery.OperatorBlock{Operator: "Identity"}, surgery.InsertPlace{Name: any(0), Input: pick%2 == 0, Output: pick%3 == 0}),
		"insert nothing":  operate(surgery.OperatorBlock{Operator: "Constant", Attributes: []*onnxpb.AttributeProto{onnxpb.Int("value_int", 1)}}, surgery.InsertPlace{Name: any(0)}),
		"insert beside":   insert(surgery.InsertOptions{Inputs: from(any(0)), NewOutputs: true}),
		"expand outputs":  expand(surgery.ExpandOptions{Axis: int(pick%4) - 2}),
		"expand inputs":   expand(surgery.ExpandOptions{Axis: int(pick%4) - 2, Inputs: []string{any(0)}}),
		"set the output":  setOutput(surgery.OutputSpec{Type: onnxpb.TensorProto_FLOAT16, Name: "renamed", Shape: []onnxpb.Dim{{}, onnxpb.Number(3)}}),
		"output layout":   setOutput(surgery.OutputSpec{Layout: surgery.NHWC, SwapRGB: true}),
		"replace": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Replace(m, anyPattern(m, pick), identityBlock, surgery.ReplaceOptions{MatchOptions: surgery.MatchOptions{AnyAttributes: true}, Retype: pick%2 == 0})
		},
		"rewire retyped": rewire(any(0), any(1), surgery.ReaderChoice{Retype: true, Outputs: pick%2 == 0}),
		"delete retyped": del(surgery.NodeChoice{Makes: []string{any(0)}}, surgery.DeleteOptions{Retype: true}),
		"insert retyped": insert(surgery.InsertOptions{Inputs: from(any(0)), Outputs: to(any(1)), Readers: surgery.ReaderChoice{Retype: true}}),
		"output axes":    setOutput(surgery.OutputSpec{Perm: []int{1, 0}}),
		"drop inputs": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.DropInputs(m, surgery.DropInputsOptions{Defaults: true, Unused: true})
		},
		"drop an input": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.DropInputs(m, surgery.DropInputsOptions{Names: []string{any(0)}})
		},
		"declare": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Infer(m, surgery.InferOptions{Declare: []surgery.TypeDeclaration{{Name: any(index), Type: onnxpb.TensorType(onnxpb.TensorProto_FLOAT, []onnxpb.Dim{{}, onnxpb.Number(3)})}}})
		},
		"metadata": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.SetMetadata(m, surgery.MetadataChanges{Set: []surgery.MetadataEntry{{Key: "a", Value: any(0)}, {Key: "onnxtool.dmhead.front_pose", Value: any(1)}}, Remove: []string{"*"}})
		},
		"order inputs":  func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.OrderInputs(m, []string{any(0)}) },
		"order outputs": func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.OrderOutputs(m, []string{output}) },
	}
}

// anyPattern is a pattern of a node of the model.
func anyPattern(m *onnxpb.ModelProto, pick uint8) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("pattern"), Input: []*onnxpb.ValueInfoProto{{Name: proto.String("in")}}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("out")}}}
	if list := m.GetGraph().GetNode(); len(list) > 0 {
		of := list[int(pick)%len(list)]
		n := onnxpb.Node(of.GetOpType(), "", []string{"in"}, []string{"out"})
		n.Domain = of.Domain
		for i := 1; i < len(of.GetInput()); i++ {
			more := string(rune('a' + i%20))
			n.Input = append(n.Input, more)
			if i < 20 {
				g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: &more})
			}
		}
		g.Node = append(g.Node, n)
	}
	return &onnxpb.ModelProto{Graph: g}
}

// identityBlock gives back what it takes.
var identityBlock = &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Name: proto.String("same"), Input: []*onnxpb.ValueInfoProto{{Name: proto.String("in")}}, Output: []*onnxpb.ValueInfoProto{{Name: proto.String("out")}},
	Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "same", []string{"in"}, []string{"out"})}}}
