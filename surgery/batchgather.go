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
func (o *rowNumbers) take(m *onnxpb.ModelProto, flow *batchFlow) bool {
	g := m.GetGraph()
	meets := func(n *onnxpb.NodeProto) bool {
		op := n.GetOpType()
		if op != "GatherND" && op != "ScatterND" || onnxpb.NormalDomain(n.GetDomain()) != "" || len(n.GetInput()) < 2 || len(n.GetOutput()) != 1 || n.Output[0] == "" || o.done[n] {
			return false
		}
		if flow == nil || flow.facts[n.Input[0]] == nil {
			return true
		}
		x := flow.facts[n.Input[0]]
		return x.axis == 0 || !x.rows() && op == "ScatterND" // what is written may hold the rows
	}
	if !slices.ContainsFunc(g.GetNode(), meets) {
		return false
	}
	o.found, o.unread = false, nil
	o.names, o.shapes, o.index, o.opset = NewNames(m), shape.Infer(m, shape.Options{}), NewGraph(m), m.OpsetVersion("")
	nodes := make([]*onnxpb.NodeProto, 0, len(g.GetNode()))
	for _, n := range g.GetNode() {
		if meets(n) {
			o.done[n] = true
			switch n.GetOpType() {
			case "GatherND":
				if o.opset >= 12 { // which has batch_dims
					o.gather(n)
				}
			case "ScatterND":
				o.scatter(n)
			}
		}
		nodes = append(append(nodes, o.before...), n)
		o.before = nil
	}
	if !o.found {
		return false
	}
	g.Node = nodes
	dropChains(m, o.unread, o.report)
	return true
}

// rowNumbers takes the number of the one row out of indices.
type rowNumbers struct {
	names  *Names
	shapes *shape.Result
	index  *Graph
	opset  int64
	before []*onnxpb.NodeProto // of the node that is looked at
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

// indexed tells how many numbers an index of a node has, two at least, whose data has an axis 0 of 1.
func (o *rowNumbers) indexed(n *onnxpb.NodeProto) (data, by []expr.Expr, depth int, ok bool) {
	data, ok1 := o.ranked(n.Input[0])
	by, ok2 := o.ranked(n.Input[1])
	if !ok1 || !ok2 || len(by) == 0 || len(data) == 0 || !isOne(data[0]) {
		return nil, nil, 0, false
	}
	k, known := by[len(by)-1].Const()
	return data, by, int(k), known && k >= 2 && k <= int64(len(data))
}

func (o *rowNumbers) insert(op, name string, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	name = o.names.Value(name)
	n := onnxpb.Node(op, o.names.Node(name), inputs, []string{name}, attrs...)
	o.before, o.done[n] = append(o.before, n), true
	return name
}

func (o *rowNumbers) numbers(name string, v ...int64) string {
	return o.insert("Constant", name, nil, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{int64(len(v))}, v)))
}

// others makes indices without the number of the row.
func (o *rowNumbers) others(by string, depth int) string {
	last := len(o.shapes.Value(by).Dims) - 1
	name := by + "_others"
	if c := o.index.Producer(by); c != nil && c.GetOpType() == "Concat" && len(c.GetInput()) > 1 {
		v := o.shapes.Value(c.Input[0])
		if axis, ok := normAxis(c.AttrInt("axis", 0), last+1); ok && axis == last && v != nil && v.Ranked && len(v.Dims) == last+1 && isOne(v.Dims[last]) {
			if len(c.Input) == 2 {
				return c.Input[1]
			}
			return o.insert("Concat", name, slices.Clone(c.Input[1:]), onnxpb.Int("axis", int64(last)))
		}
	}
	return o.insert("Slice", name, []string{by, o.numbers(name+"_from", 1), o.numbers(name+"_to", int64(depth)), o.numbers(name+"_axis", int64(last))})
}

// gather is GatherND, which has batch_dims for it.
func (o *rowNumbers) gather(n *onnxpb.NodeProto) {
	if n.AttrInt("batch_dims", 0) != 0 || len(n.GetInput()) != 2 {
		return
	}
	_, by, depth, ok := o.indexed(n)
	if !ok || len(by) < 2 || !isOne(by[0]) {
		return
	}
	o.found, o.unread = true, append(o.unread, n.Input[1])
	n.Input = []string{n.Input[0], o.others(n.Input[1], depth)}
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
	axes := func(op, name, x string, axis int) string {
		if o.opset < 13 {
			return o.insert(op, name, []string{x}, onnxpb.Ints("axes", int64(axis)))
		}
		return o.insert(op, name, []string{x, o.numbers(name+"_axes", int64(axis))})
	}
	rowsLast := func(x, name string, rank int) string {
		perm := make([]int64, rank)
		for i := range rank {
			perm[i] = int64((i + 1) % rank)
		}
		return o.insert("Transpose", name, []string{x}, onnxpb.Ints("perm", perm...))
	}
	o.found, o.unread = true, append(o.unread, n.Input[1])
	x := rowsLast(n.Input[0], out+"_data", len(data))
	indices, written := o.others(n.Input[1], depth), n.Input[2]
	if len(by) > 1 && isOne(by[0]) && isOne(updates[0]) {
		indices, written = axes("Squeeze", out+"_indices", indices, 0), rowsLast(written, out+"_updates", len(updates))
	} else {
		written = axes("Unsqueeze", out+"_updates", written, len(updates))
	}
	label, op := n.Label(), "Transpose"
	scattered := o.insert("ScatterND", out+"_written", []string{x, indices, written}, n.Attribute...)
	perm := []int64{int64(len(data) - 1)}
	for i := range len(data) - 1 {
		perm = append(perm, int64(i))
	}
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
