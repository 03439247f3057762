package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// nodeBody is one list of nodes, and where it stands: the main graph, a subgraph, a graph of the training information, or the body of a function.
type nodeBody struct {
	path   string                // as the checker calls it: "" for the main graph, choose/then_branch, function local.Scale
	graph  *onnxpb.GraphProto    // nil where it is the body of a function itself
	fn     *onnxpb.FunctionProto // the function that it is within; nil outside of functions
	parent *nodeBody             // of a subgraph
	model  *onnxpb.ModelProto
}

// mainPath is how the command line calls the main graph.
const mainPath = "main"

// name is the path for people.
func (b *nodeBody) name() string {
	if b.path == "" {
		return mainPath
	}
	return b.path
}

func (b *nodeBody) nodes() []*onnxpb.NodeProto {
	if b.graph != nil {
		return b.graph.GetNode()
	}
	return b.fn.GetNode()
}

func (b *nodeBody) setNodes(list []*onnxpb.NodeProto) {
	if b.graph != nil {
		b.graph.Node = list
	} else {
		b.fn.Node = list
	}
}

// version returns the version of a domain's operator set that holds for the nodes; 0 where there is none.
func (b *nodeBody) version(domain string) int64 {
	if b.fn == nil {
		return b.model.OpsetVersion(domain)
	}
	return (&onnxpb.ModelProto{OpsetImport: b.fn.GetOpsetImport()}).OpsetVersion(domain)
}

// eachBody calls fn with every list of nodes of a model: the main graph, the graphs of the training information, the bodies of functions, and behind each of them its
// subgraphs, from the outside in.
func eachBody(m *onnxpb.ModelProto, fn func(*nodeBody)) {
	var walk func(b *nodeBody)
	walk = func(b *nodeBody) {
		fn(b)
		for _, n := range b.nodes() {
			for _, a := range n.GetAttribute() {
				if a.G == nil && len(a.GetGraphs()) == 0 {
					continue
				}
				path := n.Label() + "/" + a.GetName()
				if b.path != "" {
					path = b.path + "/" + path
				}
				if a.G != nil {
					walk(&nodeBody{path: path, graph: a.G, fn: b.fn, parent: b, model: m})
				}
				for i, g := range a.GetGraphs() {
					walk(&nodeBody{path: fmt.Sprintf("%s[%d]", path, i), graph: g, fn: b.fn, parent: b, model: m})
				}
			}
		}
	}
	walk(&nodeBody{graph: m.GetGraph(), model: m})
	for i, t := range m.GetTrainingInfo() {
		if g := t.GetInitialization(); g != nil {
			walk(&nodeBody{path: fmt.Sprintf("training_info[%d].initialization", i), graph: g, model: m})
		}
		if g := t.GetAlgorithm(); g != nil {
			walk(&nodeBody{path: fmt.Sprintf("training_info[%d].algorithm", i), graph: g, model: m})
		}
	}
	for _, f := range m.GetFunctions() {
		walk(&nodeBody{path: "function " + functionOf(f).String(), fn: f, model: m})
	}
}

// String writes a function for people, as the checker does: domain.name:overload.
func (k functionID) String() string {
	return opset.FunctionText(k.domain, k.name, k.overload)
}
