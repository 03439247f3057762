package reduce

import (
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// body is the main graph of a model as the search takes it apart.
type body struct {
	m     *onnxpb.ModelProto
	types *types
	index *surgery.Graph
	nodes []*onnxpb.NodeProto
	reads [][]string     // the values of the main graph that each node reads, also within its subgraphs, each once
	maker map[string]int // which node makes a value
	place map[*onnxpb.NodeProto]int
	free  []int // the nodes that can be cut off: all but constants, which come along with what reads them as initializers do
}

func newBody(m *onnxpb.ModelProto, t *types) *body {
	b := &body{m: m, types: t, index: surgery.NewGraph(m), nodes: m.GetGraph().GetNode(), maker: map[string]int{}, place: map[*onnxpb.NodeProto]int{}}
	b.reads = make([][]string, len(b.nodes))
	for i, n := range b.nodes {
		b.place[n] = i
		for _, o := range n.GetOutput() {
			if _, twice := b.maker[o]; !twice && o != "" {
				b.maker[o] = i
			}
		}
		if !isConstant(n) {
			b.free = append(b.free, i)
		}
	}
	for _, name := range b.index.Values() {
		last := -1
		for _, u := range b.index.Consumers(name) {
			if u.Top == nil {
				continue // training information, which goes with what it uses
			}
			if i := b.place[u.Top]; i != last {
				b.reads[i] = append(b.reads[i], name)
				last = i
			}
		}
	}
	return b
}

func isConstant(n *onnxpb.NodeProto) bool {
	return n.GetOpType() == "Constant" && onnxpb.NormalDomain(n.GetDomain()) == ""
}

// cut makes the model of those of the free nodes that keep names, by their number among them: what others make for them become inputs, and what they make for others, or for nobody,
// outputs. Nodes whose values cannot be inputs, as their type is not known, stay too. It is nil where there is no such model.
func (s *search) cut(b *body, keep func(i int) bool) *onnxpb.ModelProto {
	in := make([]bool, len(b.nodes))
	var queue []int
	for i, node := range b.free {
		if keep(i) {
			in[node] = true
			queue = append(queue, node)
		}
	}
	if len(queue) == 0 {
		return nil
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, name := range b.reads[i] {
			if k, made := b.maker[name]; made && !in[k] && (isConstant(b.nodes[k]) || !b.types.known(name)) {
				in[k] = true
				queue = append(queue, k)
			}
		}
	}
	to := b.outputsOf(in)
	if len(to) == 0 {
		return nil
	}
	return s.extract(b.m, b.inputsOf(in), to)
}

// inputsOf lists the values that nodes read and none of them makes, but for initializers, in the order of the graph.
func (b *body) inputsOf(in []bool) []string {
	needed := map[string]bool{}
	for i, reads := range b.reads {
		for _, name := range reads {
			needed[name] = needed[name] || in[i]
		}
	}
	var list []string
	for _, name := range b.index.Values() {
		k, made := b.maker[name]
		if needed[name] && (!made || !in[k]) && b.index.Initializer(name) == nil && b.index.SparseInitializer(name) == nil {
			list = append(list, name)
		}
	}
	return list
}

// outputsOf lists the values that nodes make for others: the outputs of the model first, in their order. A node whose values nobody reads would be lost, and gives one of them out.
func (b *body) outputsOf(in []bool) []string {
	var list []string
	for _, o := range b.m.GetGraph().GetOutput() {
		if k, made := b.maker[o.GetName()]; made && in[k] {
			list = append(list, o.GetName())
		}
	}
	inside, outside := map[string]bool{}, map[string]bool{}
	for i, reads := range b.reads {
		for _, name := range reads {
			inside[name], outside[name] = inside[name] || in[i], outside[name] || !in[i]
		}
	}
	for i, n := range b.nodes {
		if !in[i] || isConstant(n) {
			continue
		}
		leads := false
		spare := ""
		for _, o := range n.GetOutput() {
			switch {
			case o == "":
			case b.index.IsOutput(o):
				leads = true
			case outside[o] && b.types.known(o):
				list = append(list, o)
				leads = true
			default:
				leads = leads || inside[o]
				if spare == "" && b.types.known(o) {
					spare = o
				}
			}
		}
		if !leads && spare != "" {
			list = append(list, spare)
		}
	}
	return list
}
