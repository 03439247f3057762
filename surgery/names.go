package surgery

import (
	"strconv"

	"onnxtool/onnxpb"
)

// Names is the one authority that invents names: it knows every name of a model, and gives each new one out once.
type Names struct {
	values, nodes       map[string]bool
	nextValue, nextNode map[string]int
}

// NewNames collects the names of the values and of the nodes of a model, at any depth of subgraphs and in its training information. The names in
// functions are no others' concern.
func NewNames(m *onnxpb.ModelProto) *Names {
	n := &Names{map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]int{}}
	n.Take(m)
	return n
}

// Take adds the names of another model to those that are taken.
func (n *Names) Take(m *onnxpb.ModelProto) {
	v := nameVisitor{
		value: func(p *string) { n.values[*p] = true },
		node:  func(p *string) { n.nodes[*p] = true },
	}
	v.model(m)
}

// Value returns a name that no value has, and takes it: base itself if it is free, else base_1, base_2 and so on.
func (n *Names) Value(base string) string {
	if base == "" {
		base = "value"
	}
	return invent(base, n.values, n.nextValue)
}

// Node returns a name that no node has, and takes it: base itself if it is free, else base_1, base_2 and so on.
func (n *Names) Node(base string) string {
	if base == "" {
		base = "node"
	}
	return invent(base, n.nodes, n.nextNode)
}

// HasValue tells whether a name of a value is taken.
func (n *Names) HasValue(name string) bool { return n.values[name] }

// HasNode tells whether a name of a node is taken.
func (n *Names) HasNode(name string) bool { return n.nodes[name] }

func invent(base string, taken map[string]bool, next map[string]int) string {
	name := base
	for i := next[base]; taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i+1)
		next[base] = i + 1
	}
	taken[name] = true
	return name
}
