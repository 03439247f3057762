package info

import "onnxtool/onnxpb"

// Node is a node with the names that it stands for.
type Node struct {
	Graph   string   `json:"graph,omitempty"` // "" for the main graph, else the node and attribute that hold the subgraph, from the outside in
	Name    string   `json:"name,omitempty"`
	Domain  string   `json:"domain"`
	Op      string   `json:"op"`
	Inputs  []string `json:"inputs"` // "" is an input that is left out
	Outputs []string `json:"outputs"`
}

// Nodes lists the nodes of the main graph and, behind the node that holds them, of its subgraphs, in the order of the file.
func Nodes(m *onnxpb.ModelProto) []Node {
	list := []Node{}
	var graph func(g *onnxpb.GraphProto, path string)
	graph = func(g *onnxpb.GraphProto, path string) {
		for _, n := range g.GetNode() {
			list = append(list, Node{path, n.GetName(), domain(n.GetDomain()), n.GetOpType(), notNil(n.GetInput()), notNil(n.GetOutput())})
			for _, a := range n.GetAttribute() {
				inner := path
				if inner != "" {
					inner += "/"
				}
				inner += n.Label() + "." + a.GetName()
				if a.G != nil {
					graph(a.G, inner)
				}
				for _, s := range a.GetGraphs() {
					graph(s, inner)
				}
			}
		}
	}
	graph(m.GetGraph(), "")
	return list
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// InitializersOf lists the initializers of the main graph, dense ones first, in the order of the file.
func InitializersOf(m *onnxpb.ModelProto) []Value {
	list := []Value{}
	add := func(name string, elem int32, dims []int64) {
		t := onnxpb.TensorType(onnxpb.TensorProto_DataType(elem), onnxpb.Numbers(dims...))
		list = append(list, Value{Name: name, Type: onnxpb.FormatTypeProto(t)})
	}
	for _, t := range m.GetGraph().GetInitializer() {
		add(t.GetName(), t.GetDataType(), t.GetDims())
	}
	for _, s := range m.GetGraph().GetSparseInitializer() {
		add(s.GetValues().GetName(), s.GetValues().GetDataType(), s.GetDims())
	}
	return list
}
