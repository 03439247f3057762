package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// inserter puts nodes around others, all at once, when apply is called.
type inserter struct {
	names         *Names
	opset         int64
	before, after map[*onnxpb.NodeProto][]*onnxpb.NodeProto
}

func newInserter(m *onnxpb.ModelProto) inserter {
	return inserter{names: NewNames(m), opset: m.OpsetVersion(""), before: map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}, after: map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}}
}

// node makes a node with one output that has a new name.
func (b *inserter) node(op, name string, inputs []string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	name = b.names.Value(name)
	return onnxpb.Node(op, b.names.Node(name), inputs, []string{name}, attrs...)
}

// insert puts a node before another one, and returns its output.
func (b *inserter) insert(before *onnxpb.NodeProto, op, name string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	n := b.node(op, name, inputs, attrs...)
	b.before[before] = append(b.before[before], n)
	return n.Output[0]
}

// numbers makes a constant for a node to read.
func (b *inserter) numbers(before *onnxpb.NodeProto, name string, v []int64) string {
	return b.insert(before, "Constant", name, nil, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{int64(len(v))}, v)))
}

// axes puts a Squeeze or an Unsqueeze before a node; without axes, it is none.
func (b *inserter) axes(before *onnxpb.NodeProto, op, name, x string, axes ...int64) string {
	switch {
	case len(axes) == 0:
		return x
	case !asInput(op, b.opset):
		return b.insert(before, op, name, []string{x}, onnxpb.Ints("axes", axes...))
	}
	return b.insert(before, op, name, []string{x, b.numbers(before, name+"_axes", axes)})
}

// move puts a Transpose before a node that moves one axis of so many to another place, where it is not there already.
func (b *inserter) move(before *onnxpb.NodeProto, name, x string, rank, from, to int) string {
	if from == to {
		return x
	}
	return b.insert(before, "Transpose", name, []string{x}, onnxpb.Ints("perm", moved(rank, from, to)...))
}

// moved is the permutation that moves one axis to another place.
func moved(rank, from, to int) []int64 {
	perm := make([]int64, 0, rank)
	for i := range rank {
		if i != from {
			perm = append(perm, int64(i))
		}
	}
	return slices.Insert(perm, to, int64(from))
}

// apply puts the nodes into a graph.
func (b *inserter) apply(g *onnxpb.GraphProto) {
	if len(b.before)+len(b.after) == 0 {
		return
	}
	nodes := make([]*onnxpb.NodeProto, 0, len(g.GetNode()))
	for _, n := range g.GetNode() {
		nodes = append(append(append(nodes, b.before[n]...), n), b.after[n]...)
	}
	g.Node = nodes
}
