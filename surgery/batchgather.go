package surgery

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// ownRows rewrites each GatherND that picks, by a first index that counts the rows, from a tensor of one row: x[arange(1), i]. An index into one row can only be that of the row, so
// this is GatherND with batch_dims = 1 by the other indices, and then each row picks from itself whatever their number. It returns false where there is none.
func ownRows(m *onnxpb.ModelProto, r *Report) bool {
	g := m.GetGraph()
	if m.OpsetVersion("") < 12 {
		return false
	}
	shapes := shape.Infer(m, shape.Options{})
	one := func(v *shape.Value, axis int) bool {
		if v == nil || !v.Ranked || axis < 0 || axis >= len(v.Dims) {
			return false
		}
		n, ok := v.Dims[axis].Const()
		return ok && n == 1
	}
	var unread []string
	names := NewNames(m)
	index := NewGraph(m)
	added := map[*onnxpb.NodeProto]*onnxpb.NodeProto{}
	for _, n := range g.GetNode() {
		if n.GetOpType() != "GatherND" || n.GetDomain() != "" || n.AttrInt("batch_dims", 0) != 0 || len(n.GetInput()) != 2 {
			continue
		}
		by := shapes.Value(n.Input[1])
		c := index.Producer(n.Input[1])
		if !one(shapes.Value(n.Input[0]), 0) || !one(by, 0) || len(by.Dims) < 2 || c == nil || c.GetOpType() != "Concat" || len(c.GetInput()) < 2 {
			continue
		}
		last := len(by.Dims) - 1
		if k, ok := by.Dims[last].Const(); !ok || k < 2 {
			continue
		}
		if axis, ok := normAxis(c.AttrInt("axis", 0), len(by.Dims)); !ok || axis != last || !one(shapes.Value(c.Input[0]), last) {
			continue
		}
		others := c.Input[1]
		if len(c.Input) > 2 {
			others = names.Value(n.Input[1] + "_others")
			added[n] = onnxpb.Node("Concat", names.Node(others), slices.Clone(c.Input[1:]), []string{others}, onnxpb.Int("axis", int64(last)))
		}
		unread = append(unread, n.Input[1])
		n.Input = []string{n.Input[0], others}
		n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool { return a.GetName() == "batch_dims" })
		n.Attribute = append(n.Attribute, onnxpb.Int("batch_dims", 1))
		r.Add("changed", "node", n.Label(), "picks from one row by its number", "batch_dims 1")
	}
	if len(unread) == 0 {
		return false
	}
	var nodes []*onnxpb.NodeProto
	for _, n := range g.Node {
		if x := added[n]; x != nil {
			nodes = append(nodes, x)
		}
		nodes = append(nodes, n)
	}
	g.Node = nodes
	dropChains(m, unread, r)
	return true
}

// dropChains removes the nodes and constants that were there only for values that nothing reads any more.
func dropChains(m *onnxpb.ModelProto, unread []string, r *Report) {
	for len(unread) > 0 {
		index := NewGraph(m)
		var next []string
		gone := map[*onnxpb.NodeProto]bool{}
		for _, name := range unread {
			n := index.Producer(name)
			if n == nil || n.GetOpType() == "Constant" || gone[n] {
				continue
			}
			if slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && (len(index.Consumers(o)) > 0 || index.IsOutput(o)) }) {
				continue
			}
			gone[n] = true
			r.Add("removed", "node", n.Label(), "", "")
			next = append(append(next, n.GetInput()...), captured(n)...)
		}
		g := m.GetGraph()
		g.Node = slices.DeleteFunc(g.Node, func(n *onnxpb.NodeProto) bool { return gone[n] })
		g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool {
			n := index.Producer(v.GetName())
			return n != nil && gone[n]
		})
		dropReplaced(m, next, r)
		unread = next
	}
}
