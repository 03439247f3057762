package verify

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// Tensors lists the values that the nodes of a model's graph make, in the order of execution: what WithOutputs can give out. Those that are made within subgraphs
// and functions are not among them.
func Tensors(m *onnxpb.ModelProto) []string {
	var names []string
	for _, n := range m.GetGraph().GetNode() {
		for _, o := range n.GetOutput() {
			if o != "" {
				names = append(names, o)
			}
		}
	}
	return names
}

// WithOutputs returns a model that gives out the named values instead of its outputs, and computes no more than they need. The model itself stays as it is; weights are shared. Values
// are outputs of nodes, and outputs, inputs and initializers of the graph. Their types are those declared, else those inferred. The errors are of kind Unfit: there is no such value, or
// its type is not known.
func WithOutputs(s Source, names []string) (Source, error) {
	g := s.Model.GetGraph()
	declared := map[string]*onnxpb.ValueInfoProto{}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			declared[v.GetName()] = v
		}
	}
	made := map[string]bool{}
	for _, name := range Tensors(s.Model) {
		made[name] = true
	}
	for _, t := range g.GetInitializer() {
		made[t.GetName()] = true
	}
	var inferred *shape.Result
	outputs := make([]*onnxpb.ValueInfoProto, len(names))
	for i, name := range names {
		v := declared[name]
		if v == nil && !made[name] {
			return Source{}, noTensor(s.Model, name, sortedKeys(made))
		}
		if v == nil || v.GetType().GetValue() == nil {
			if inferred == nil {
				inferred = shape.Infer(s.Model, shape.Options{})
			}
			t := inferred.Value(name).Proto()
			if t == nil {
				return Source{}, &onnxpb.Error{Tensor: name, Msg: "its type is not declared, and does not follow from the operators", Hint: "declare it as value_info"}
			}
			v = &onnxpb.ValueInfoProto{Name: &name, Type: t}
		}
		outputs[i] = v
	}
	m := onnxpb.Clone(s.Model)
	m.Graph.Output = outputs
	return s.changed(m), nil
}

// noTensor is the error for a name that is no value of the graph: where it is one of a subgraph or a function, it says so.
func noTensor(m *onnxpb.ModelProto, name string, names []string) error {
	if where := innerPlace(m.GetGraph().GetNode(), name); where != "" {
		return &onnxpb.Error{Tensor: name, Msg: "is made within a subgraph of " + where + ", and cannot be given out: ONNX Runtime gives out values of the main graph alone",
			Hint: "make it an output of the subgraph, and so of its node"}
	}
	for _, f := range m.GetFunctions() {
		if nodesMake(f.GetNode(), name) || innerPlace(f.GetNode(), name) != "" {
			return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("is made within function %s, and cannot be given out: ONNX Runtime gives out values of the main graph alone", onnxpb.Quoted(f.GetName())),
				Hint: "make it an output of the function, and so of the nodes that call it"}
		}
	}
	return noSuch(fmt.Sprintf("the model has no tensor %q", name), name, names)
}

func nodesMake(nodes []*onnxpb.NodeProto, name string) bool {
	for _, n := range nodes {
		if contains(n.GetOutput(), name) {
			return true
		}
	}
	return false
}

// innerPlace tells the node that holds the subgraph in which a value is made, or is a constant or an input; "" where there is none.
func innerPlace(nodes []*onnxpb.NodeProto, name string) string {
	for _, n := range nodes {
		for g := range n.Subgraphs() {
			if contains(definedIn(g), name) {
				return fmt.Sprintf("node %s (%s)", n.Label(), n.GetOpType())
			}
			if where := innerPlace(g.GetNode(), name); where != "" {
				return where
			}
		}
	}
	return ""
}
