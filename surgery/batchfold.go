package surgery

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// foldShapes makes constants of what a graph computes from shapes that are numbers now. r tells which nodes go.
func foldShapes(m *onnxpb.ModelProto, r *Report) {
	top := m.GetGraph()
	if m.GetIrVersion() < 4 { // there every initializer has to be an input
		return
	}
	found := shape.Infer(m, shape.Options{})
	if len(found.Faults) > 0 {
		return
	}
	g := NewGraph(m)
	gone := map[string]*onnxpb.TensorProto{} // values that are computed from shapes, and what they are
	kept := make([]*onnxpb.NodeProto, 0, len(top.GetNode()))
	var folded []*onnxpb.NodeProto
	for _, n := range top.GetNode() {
		if t := foldable(n, g, found, gone); t != nil {
			gone[t.GetName()] = t
			folded = append(folded, n)
			continue
		}
		kept = append(kept, n)
	}
	if len(folded) == 0 {
		return
	}
	top.Node = kept
	g = NewGraph(m)
	for _, n := range folded {
		r.Add("removed", "node", n.Label(), "", "")
		if name := n.GetOutput()[0]; len(g.Consumers(name)) > 0 {
			top.Initializer = append(top.Initializer, gone[name])
			r.Add("added", "initializer", name, "", found.Value(name).String())
		}
	}
	top.ValueInfo = slices.DeleteFunc(top.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return gone[v.GetName()] != nil })
}

// foldable returns the tensor that a node makes of shapes that are numbers; nil where it is no such node. gone are the values of such nodes before it.
func foldable(n *onnxpb.NodeProto, g *Graph, found *shape.Result, gone map[string]*onnxpb.TensorProto) *onnxpb.TensorProto {
	if onnxpb.NormalDomain(n.GetDomain()) != "" || len(n.GetOutput()) != 1 || hasGraphs(n) || g.IsOutput(n.GetOutput()[0]) {
		return nil
	}
	if op := n.GetOpType(); op != "Shape" && op != "Size" && !slices.ContainsFunc(n.GetInput(), func(in string) bool { return gone[in] != nil }) {
		return nil
	}
	return constantOf(n.GetOutput()[0], found.Value(n.GetOutput()[0]))
}

func hasGraphs(n *onnxpb.NodeProto) bool {
	for range n.Subgraphs() {
		return true
	}
	return false
}

// constantOf returns the tensor that a value is, where all of it is known and its type is one that shapes are computed with; nil otherwise.
func constantOf(name string, v *shape.Value) *onnxpb.TensorProto {
	dims, ok := v.Numbers()
	if !ok || v.Ints == nil {
		return nil
	}
	ints := make([]int64, len(v.Ints))
	for i, d := range v.Ints {
		n, ok := d.Const()
		if !ok {
			return nil
		}
		ints[i] = n
	}
	if n, err := onnxpb.Count(dims); err != nil || n != int64(len(ints)) {
		return nil
	}
	switch v.Elem {
	case onnxpb.TensorProto_INT64:
		return onnxpb.TensorOf(name, dims, ints)
	case onnxpb.TensorProto_INT32:
		return onnxpb.TensorOf(name, dims, convertAll(ints, func(n int64) int32 { return int32(n) }))
	case onnxpb.TensorProto_FLOAT:
		return onnxpb.TensorOf(name, dims, convertAll(ints, func(n int64) float32 { return float32(n) }))
	case onnxpb.TensorProto_BOOL:
		return onnxpb.TensorOf(name, dims, convertAll(ints, func(n int64) bool { return n != 0 }))
	}
	return nil
}

func convertAll[T any](list []int64, to func(int64) T) []T {
	out := make([]T, len(list))
	for i, n := range list {
		out[i] = to(n)
	}
	return out
}
