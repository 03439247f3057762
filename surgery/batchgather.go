package surgery

import (
	"slices"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// take rewrites GatherND and ScatterND where the first number of each index is that of the one row, in a tensor of one row: x[arange(1), i], or x[..., i] = u as exporters write it. An
// index into one row can only be that of the row, so the other numbers say it all, and each row can pick from itself, or be written to, whatever their number. Nodes of which is known that
// they do not meet the batch are left alone. It returns false where there is none.
func (o *rowNumbers) take(m *onnxpb.ModelProto, facts map[string]*batchFact) bool {
	g := m.GetGraph()
	meets := func(n *onnxpb.NodeProto) bool {
		op := n.GetOpType()
		if op != "GatherND" && op != "ScatterND" || onnxpb.NormalDomain(n.GetDomain()) != "" || len(n.GetInput()) < 2 || len(n.GetOutput()) != 1 || n.Output[0] == "" || o.done[n] {
			return false
		}
		x := facts[n.Input[0]]
		if x == nil {
			return true
		}
		return x.axis == 0 || x.rows() && op == "GatherND" || !x.rows() && op == "ScatterND" // what is written may hold the rows
	}
	if !slices.ContainsFunc(g.GetNode(), meets) {
		return false
	}
	o.found, o.unread = false, nil
	o.inserter, o.shapes, o.index = newInserter(m), shape.Infer(m, shape.Options{}), NewGraph(m)
	for _, n := range g.GetNode() {
		if meets(n) {
			o.done[n] = true
			if o.axis = 0; facts[n.Input[0]].rows() && n.GetOpType() == "GatherND" {
				o.axis = facts[n.Input[0]].axis
			}
			switch n.GetOpType() {
			case "GatherND":
				if o.opset >= 12 { // which has batch_dims
					o.gather(n)
				}
			case "ScatterND":
				o.scatter(n)
			}
		}
	}
	if !o.found {
		return false
	}
	for _, list := range o.before {
		for _, n := range list {
			o.done[n] = true
		}
	}
	o.apply(g)
	dropChains(m, o.unread, o.report)
	return true
}

// rowNumbers takes the number of the one row out of indices.
type rowNumbers struct {
	inserter
	shapes *shape.Result
	index  *Graph
	axis   int // of the batch in what the node at hand picks from
	unread []string
	found  bool
	done   map[*onnxpb.NodeProto]bool // nodes that were looked at, or put there
	report *Report
}

// ranked returns the shape of a tensor, where its rank is known.
func (o *rowNumbers) ranked(name string) ([]expr.Expr, bool) {
	v := o.shapes.Value(name)
	if v == nil || v.Kind != shape.Tensor || !v.Ranked {
		return nil, false
	}
	return v.Dims, true
}

// indexed tells how many numbers an index of a node has, two at least, one of them for the axis of the batch, which is 1.
func (o *rowNumbers) indexed(n *onnxpb.NodeProto) (data, by []expr.Expr, depth int, ok bool) {
	data, ok1 := o.ranked(n.Input[0])
	by, ok2 := o.ranked(n.Input[1])
	if !ok1 || !ok2 || len(by) == 0 || len(data) <= o.axis || !isOne(data[o.axis]) {
		return nil, nil, 0, false
	}
	k, known := by[len(by)-1].Const()
	return data, by, int(k), known && k >= 2 && k <= int64(len(data)) && o.axis < int(k)
}

// others makes indices without the number of the row, for a node.
func (o *rowNumbers) others(n *onnxpb.NodeProto, by string, depth int) string {
	last := len(o.shapes.Value(by).Dims) - 1
	name := by + "_others"
	single := func(name string) bool {
		v := o.shapes.Value(name)
		return v != nil && v.Ranked && len(v.Dims) == last+1 && isOne(v.Dims[last])
	}
	if c := o.index.Producer(by); c != nil && c.GetOpType() == "Concat" && len(c.GetInput()) > max(1, o.axis) {
		axis, ok := normAxis(c.AttrInt("axis", 0), last+1)
		if ok && axis == last && !slices.ContainsFunc(c.Input[:o.axis+1], func(name string) bool { return !single(name) }) {
			rest := slices.Delete(slices.Clone(c.Input), o.axis, o.axis+1)
			if len(rest) == 1 {
				return rest[0]
			}
			return o.insert(n, "Concat", name, rest, onnxpb.Int("axis", int64(last)))
		}
	}
	if o.axis > 0 {
		var columns []int64
		for i := range depth {
			if i != o.axis {
				columns = append(columns, int64(i))
			}
		}
		return o.insert(n, "Gather", name, []string{by, o.numbers(n, name+"_columns", columns)}, onnxpb.Int("axis", int64(last)))
	}
	return o.insert(n, "Slice", name, []string{by, o.numbers(n, name+"_from", []int64{1}), o.numbers(n, name+"_to", []int64{int64(depth)}), o.numbers(n, name+"_axis", []int64{int64(last)})})
}

// gather is GatherND, which has batch_dims for it.
func (o *rowNumbers) gather(n *onnxpb.NodeProto) {
	if n.AttrInt("batch_dims", 0) != 0 || len(n.GetInput()) != 2 {
		return
	}
	data, by, depth, ok := o.indexed(n)
	if !ok || len(by) < 2 || !isOne(by[0]) {
		return
	}
	o.found, o.unread = true, append(o.unread, n.Input[1])
	n.Input = []string{o.move(n, n.Output[0]+"_data", n.Input[0], len(data), o.axis, 0), o.others(n, n.Input[1], depth)}
	setAttr(n, onnxpb.Int("batch_dims", 1))
	o.report.Add("changed", "node", n.Label(), "picks from one row by its number", "batch_dims 1")
}

// scatter is ScatterND, which has none: the rows go behind the axes that are written to, where they are taken whole. What is written has them in front, or is the same for all.
func (o *rowNumbers) scatter(n *onnxpb.NodeProto) {
	if len(n.GetInput()) != 3 {
		return
	}
	data, by, depth, ok := o.indexed(n)
	updates, known := o.ranked(n.Input[2])
	if !ok || !known || len(updates) != len(by)-1+len(data)-depth {
		return
	}
	out := n.Output[0]
	rowsLast := func(x, name string, rank int) string { return o.move(n, name, x, rank, 0, rank-1) }
	o.found, o.unread = true, append(o.unread, n.Input[1])
	x := rowsLast(n.Input[0], out+"_data", len(data))
	indices, written := o.others(n, n.Input[1], depth), n.Input[2]
	if len(by) > 1 && isOne(by[0]) && isOne(updates[0]) {
		indices, written = o.axes(n, "Squeeze", out+"_indices", indices, 0), rowsLast(written, out+"_updates", len(updates))
	} else {
		written = o.axes(n, "Unsqueeze", out+"_updates", written, int64(len(updates)))
	}
	label, op := n.Label(), "Transpose"
	scattered := o.insert(n, "ScatterND", out+"_written", []string{x, indices, written}, n.Attribute...)
	perm := moved(len(data), len(data)-1, 0)
	n.OpType, n.Input, n.Attribute = &op, []string{scattered}, []*onnxpb.AttributeProto{onnxpb.Ints("perm", perm...)}
	o.report.Add("changed", "node", label, "writes to one row by its number", "writes beside the axis of the batch")
}

// dropChains removes the nodes and constants that were there only for values that nothing reads any more.
func dropChains(m *onnxpb.ModelProto, unread []string, r *Report) {
	index := NewGraph(m)
	readers := map[string]int{}
	count := func(name string) int {
		if _, known := readers[name]; !known {
			readers[name] = len(index.Consumers(name))
			if index.IsOutput(name) {
				readers[name]++
			}
		}
		return readers[name]
	}
	gone := map[*onnxpb.NodeProto]bool{}
	var constants []string
	for work := slices.Clone(unread); len(work) > 0; {
		name := work[len(work)-1]
		work = work[:len(work)-1]
		n := index.Producer(name)
		if n == nil || n.GetOpType() == "Constant" {
			constants = append(constants, name)
			continue
		}
		if gone[n] || slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && count(o) > 0 }) {
			continue
		}
		gone[n] = true
		r.Add("removed", "node", n.Label(), "", "")
		for _, in := range append(slices.Clone(n.GetInput()), captured(n)...) {
			if in != "" {
				if readers[in] = count(in) - 1; readers[in] == 0 {
					work = append(work, in)
				}
			}
		}
	}
	if len(gone) > 0 {
		g := m.GetGraph()
		g.Node = slices.DeleteFunc(g.Node, func(n *onnxpb.NodeProto) bool { return gone[n] })
		g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return gone[index.Producer(v.GetName())] })
	}
	dropReplaced(m, constants, r)
}
