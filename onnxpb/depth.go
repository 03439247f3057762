package onnxpb

import "google.golang.org/protobuf/reflect/protoreflect"

// checkDepth refuses a model of which more messages stand within each other than readers of ONNX take: Save would write what Open does not read.
func checkDepth(m *ModelProto) error {
	if TooDeep(m) {
		return &Error{Msg: "its subgraphs or types are too deep to be written: more than 100 messages stand within each other", Hint: "no reader of ONNX takes such a model"}
	}
	return nil
}

// TooDeep tells whether more messages of a model stand within each other than readers of ONNX take.
func TooDeep(m *ModelProto) bool {
	// Only subgraphs and types hold what holds them again. Where they are few levels deep, as in nearly every model, the rest cannot bring it to the limit.
	const rest = 16 // model, training or function, node, and below the innermost graph a value's dimension or a node's device configuration
	n := nesting{}
	if m.GetGraph() != nil {
		n.graph(m.Graph, 1)
	}
	for _, f := range m.GetFunctions() {
		n.nodes(f.GetNode(), 1)
		n.attributes(f.GetAttributeProto(), 1)
		n.values(f.GetValueInfo())
	}
	for _, t := range m.GetTrainingInfo() {
		n.graph(t.GetInitialization(), 1)
		n.graph(t.GetAlgorithm(), 1)
	}
	return rest+3*n.graphs+2*n.types > maxDepth && depthOf(m.ProtoReflect(), 1) > maxDepth
}

// nesting finds how many graphs and how many types stand within each other, at most. It goes no deeper than the limit.
type nesting struct{ graphs, types int }

func (n *nesting) graph(g *GraphProto, level int) {
	if g == nil || level > maxDepth {
		return
	}
	n.graphs = max(n.graphs, level)
	n.nodes(g.Node, level)
	n.values(g.Input)
	n.values(g.Output)
	n.values(g.ValueInfo)
}

func (n *nesting) nodes(nodes []*NodeProto, level int) {
	for _, x := range nodes {
		n.attributes(x.GetAttribute(), level)
	}
}

func (n *nesting) attributes(attrs []*AttributeProto, level int) {
	for _, a := range attrs {
		n.graph(a.GetG(), level+1)
		for _, g := range a.GetGraphs() {
			n.graph(g, level+1)
		}
		n.typ(a.GetTp())
		for _, t := range a.GetTypeProtos() {
			n.typ(t)
		}
	}
}

func (n *nesting) values(values []*ValueInfoProto) {
	for _, v := range values {
		n.typ(v.GetType())
	}
}

func (n *nesting) typ(t *TypeProto) {
	level := 0
	for ; t != nil && level <= maxDepth; level++ {
		switch v := t.Value.(type) {
		case *TypeProto_SequenceType:
			t = v.SequenceType.GetElemType()
		case *TypeProto_OptionalType:
			t = v.OptionalType.GetElemType()
		case *TypeProto_MapType:
			t = v.MapType.GetValueType()
		default:
			t = nil
		}
	}
	n.types = max(n.types, level)
}

// depthOf returns how many messages stand within each other in one that is itself so deep. It looks no deeper than just past the limit.
func depthOf(m protoreflect.Message, depth int) int {
	deepest := depth
	if depth > maxDepth {
		return depth
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				deepest = max(deepest, depthOf(v.List().Get(i).Message(), depth+1))
			}
		default:
			deepest = max(deepest, depthOf(v.Message(), depth+1))
		}
		return deepest <= maxDepth
	})
	return deepest
}
