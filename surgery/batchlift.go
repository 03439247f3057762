package surgery

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// oneRow writes the node at which the batch could not be followed in another way, in a graph that is made for one row: it computes the same of one row, and each row of several can be followed
// through it.
//
// A node that would hold rows against other rows, as their axes lie in different places, is lifted: its operands get the axis of the batch in front, beside the one that they had, which stays as an
// axis of 1; so each row meets its own only (x[1,T,C] + z[1,C] becomes x[N,1,T,C] + z[N,1,1,C]). That is done only where the operator has no meaning of its own for several rows. A Reshape that loses the batch among other axes is turned: the batch goes to the front, where it stays
// out of the way (see turn).
type oneRow struct {
	inserter
	shapes *shape.Result
	index  *Graph
	facts  map[string]*batchFact // of the graph in which the axes of kept were kept
	kept   map[string]int
	done   map[string]bool // the outputs of nodes that were written anew
	wrote  bool            // whether any was
	report *Report
}

// take rewrites one node of a model: the one that makes the value stuck, or one before it. It returns false where there is nothing to try.
func (o *oneRow) take(m *onnxpb.ModelProto, stuck string, facts map[string]*batchFact, kept map[string]int) bool {
	o.inserter, o.index, o.facts, o.kept = newInserter(m), NewGraph(m), facts, kept
	n := o.index.Producer(stuck)
	if n == nil {
		return false
	}
	o.shapes = shape.Infer(m, shape.Options{})
	found := !o.done[stuck] && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetOutput()) == 1 && (o.lift(n) || o.asForOne(n))
	if found {
		o.done[stuck], o.done[n.Output[0]] = true, true
	} else {
		found = o.turnNearest(n)
	}
	if found {
		o.wrote = true
		o.apply(m.GetGraph())
	}
	return found
}

// rank returns the rank that a value has for one row.
func (o *oneRow) rank(name string) (int, bool) {
	v := o.shapes.Value(name)
	if v == nil || v.Kind != shape.Tensor || !v.Ranked {
		return 0, false
	}
	return len(v.Dims), true
}

// operand is an input of a node that is lifted.
type operand struct {
	name string
	rank int
	rows bool
	axis int  // of the batch
	kept bool // whether that axis is one that the value has not for one row
}

// operands tells what a node reads; false where rows lie in blocks, or not enough is known.
func (o *oneRow) operands(n *onnxpb.NodeProto) (list []operand, most int, ok bool) {
	for _, name := range n.GetInput() {
		r, known := o.rank(name)
		if !known {
			return nil, 0, false
		}
		p := operand{name: name, rank: r}
		x := o.facts[name]
		if at, kept := o.kept[name]; kept {
			p.rows, p.kept, p.axis = true, true, at
		} else if x.rows() {
			if !x.plain() || x.rank() != r {
				return nil, 0, false
			}
			p.rows, p.axis = true, x.axis
		}
		list, most = append(list, p), max(most, r)
	}
	return list, most, true
}

// pairs tells whether operands that are broadcast would, for any number of rows, hold every row against every row: that is what the operator means then, and nothing to be written otherwise. Where an
// operand has lost the batch, or another size stands where its rows are, nothing can be meant but each row by itself.
func pairs(list []operand, most int, size func(p operand, axis int) shape.Dim) bool {
	for _, p := range list {
		if p.kept {
			return false
		}
		if !p.rows {
			continue
		}
		at := most - p.rank + p.axis
		for _, q := range list {
			if i := at - (most - q.rank); i >= 0 && !(q.rows && q.axis == i) && !isOne(size(q, i)) {
				return false
			}
		}
	}
	return true
}

func (o *oneRow) size(p operand, axis int) shape.Dim { return o.shapes.Value(p.name).Dims[axis] }

// raise gives an operand the axis of the batch in front of as many axes as rank says, the first of them of 1 where it had fewer.
func (o *oneRow) raise(n *onnxpb.NodeProto, p operand, rank int) string {
	name := p.name + "_row"
	x := p.name
	var ones []int64
	for i := range rank - p.rank {
		ones = append(ones, int64(i+1))
	}
	if p.kept {
		x = o.axes(n, "Unsqueeze", name, x, int64(p.axis))
		x = o.move(n, name, x, p.rank+1, p.axis, 0)
	} else {
		x = o.move(n, name, x, p.rank, p.axis, 0)
		ones = append(ones, int64(1+rank-p.rank+p.axis))
	}
	return o.axes(n, "Unsqueeze", name, x, ones...)
}

// lower gives the result of a lifted node, with the batch in front of what it is for one row, the shape that it had: the batch takes the place of the first of some axes that is 1 for one row, or is
// dropped, where there is none, for keepSqueezed to keep.
func (o *oneRow) lower(n *onnxpb.NodeProto, places []int) bool {
	out := n.Output[0]
	v := o.shapes.Value(out)
	if v == nil || !v.Ranked {
		return false
	}
	place := -1
	slices.Sort(places)
	for i := range v.Dims {
		places = append(places, i) // where none of them is 1
	}
	for _, p := range places {
		if p >= 0 && p < len(v.Dims) && isOne(v.Dims[p]) {
			place = p
			break
		}
	}
	lifted := o.names.Value(out + "_row")
	x := lifted
	put := func(op string, attrs ...*onnxpb.AttributeProto) {
		m := o.node(op, out+"_row", []string{x}, attrs...)
		o.after[n] = append(o.after[n], m)
		x = m.Output[0]
	}
	drop := int64(0)
	if place >= 0 {
		drop = int64(place + 1)
	}
	if asInput("Squeeze", o.opset) {
		c := o.node("Constant", out+"_axes", nil, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{1}, []int64{drop})))
		o.after[n] = append(o.after[n], c)
		put("Squeeze")
		last := o.after[n][len(o.after[n])-1]
		last.Input = append(last.Input, c.Output[0])
	} else {
		put("Squeeze", onnxpb.Ints("axes", drop))
	}
	if place > 0 {
		put("Transpose", onnxpb.Ints("perm", moved(len(v.Dims), 0, place)...))
	}
	last := o.after[n][len(o.after[n])-1]
	last.Output = []string{out}
	n.Output = []string{lifted}
	o.report.Add("changed", "node", n.Label(), "holds rows against each other", "holds each row against its own")
	return true
}

// lift lifts a node, where it can be.
func (o *oneRow) lift(n *onnxpb.NodeProto) bool {
	list, most, ok := o.operands(n)
	if !ok || len(list) == 0 || !slices.ContainsFunc(list, func(p operand) bool { return p.rows }) {
		return false
	}
	switch op := n.GetOpType(); {
	case op == "MatMul":
		return o.liftMatMul(n, list, most)
	case op == "Expand":
		return o.liftExpand(n, list)
	case op == "Gather":
		return o.liftGather(n, list)
	case besideBroadcast[op] && op != "PRelu":
		return o.liftOperands(n, list, most)
	}
	return false
}

// liftOperands raises all operands that hold rows; those that do not are aligned at the end as they are.
func (o *oneRow) liftOperands(n *onnxpb.NodeProto, list []operand, most int) bool {
	if pairs(list, most, o.size) {
		return false
	}
	var places []int
	n.Input = slices.Clone(n.Input)
	for i, p := range list {
		if !p.rows {
			continue
		}
		if !p.kept {
			places = append(places, most-p.rank+p.axis)
		}
		n.Input[i] = o.raise(n, p, most)
	}
	return o.lower(n, places)
}

// liftMatMul lifts a product, unless its matrices are made of rows: then it sums over them, or multiplies each with each.
func (o *oneRow) liftMatMul(n *onnxpb.NodeProto, list []operand, most int) bool {
	if len(list) != 2 || list[0].rank < 2 || list[1].rank < 2 {
		return false
	}
	if slices.ContainsFunc(list, func(p operand) bool { return p.rows && !p.kept && p.axis >= p.rank-2 }) {
		return false
	}
	return o.liftOperands(n, list, most)
}

// liftExpand lifts Expand of rows to constant sizes.
func (o *oneRow) liftExpand(n *onnxpb.NodeProto, list []operand) bool {
	if len(list) != 2 || !list[0].rows || list[1].rows {
		return false
	}
	sizes, ok := constants(o.shapes.Value(n.Input[1]))
	if !ok {
		return false
	}
	most := max(list[0].rank, len(sizes))
	for len(sizes) <= most { // one for the batch, and as many as are aligned
		sizes = slices.Insert(sizes, 0, 1)
	}
	var places []int
	if !list[0].kept {
		places = append(places, most-list[0].rank+list[0].axis)
	}
	n.Input = []string{o.raise(n, list[0], most), o.numbers(n, n.Output[0]+"_sizes", sizes)}
	return o.lower(n, places)
}

// liftGather has each row pick from itself, by its own indices, where one of them has lost the batch: GatherND does that.
func (o *oneRow) liftGather(n *onnxpb.NodeProto, list []operand) bool {
	if len(list) != 2 || !list[0].rows || !list[1].rows || !list[0].kept && !list[1].kept || o.opset < 12 {
		return false
	}
	data, by := list[0], list[1]
	axis, ok := normAxis(n.AttrInt("axis", 0), data.rank)
	if !ok || !data.kept && data.axis == axis { // it picks rows
		return false
	}
	from := o.move(n, n.Output[0]+"_data", o.raise(n, data, data.rank), data.rank+1, axis+1, 1)
	index := o.axes(n, "Unsqueeze", n.Output[0]+"_indices", o.raise(n, by, by.rank), int64(by.rank+1))
	if v := o.shapes.Value(by.name); v.Elem != onnxpb.TensorProto_INT64 {
		index = o.insert(n, "Cast", n.Output[0]+"_indices", []string{index}, onnxpb.Int("to", int64(onnxpb.TensorProto_INT64)))
	}
	picked := o.insert(n, "GatherND", n.Output[0]+"_picked", []string{from, index}, onnxpb.Int("batch_dims", 1))
	// The batch, the axes of the indices, then the others of the data: those before the axis go to the front.
	perm := []int64{0}
	for i := range axis {
		perm = append(perm, int64(1+by.rank+i))
	}
	for i := range by.rank {
		perm = append(perm, int64(1+i))
	}
	for i := axis; i < data.rank-1; i++ {
		perm = append(perm, int64(1+by.rank+i))
	}
	var places []int
	if !data.kept {
		place := data.axis
		if place > axis {
			place += by.rank - 1
		}
		places = append(places, place)
	}
	if !by.kept {
		places = append(places, axis+by.axis)
	}
	op := "Transpose"
	n.OpType, n.Input, n.Attribute = &op, []string{picked}, []*onnxpb.AttributeProto{onnxpb.Ints("perm", perm...)}
	return o.lower(n, places)
}

// asForOne gives a Reshape whose target is computed from the number of rows, and leaves no axis to them, the target for one row.
func (o *oneRow) asForOne(n *onnxpb.NodeProto) bool {
	if n.GetOpType() != "Reshape" || len(n.GetInput()) != 2 || !o.facts[n.Input[1]].sized() {
		return false
	}
	target, ok := constants(o.shapes.Value(n.Input[1]))
	if !ok {
		return false
	}
	was := n.Input[1]
	n.Input = []string{n.Input[0], o.numbers(n, was+"_one", target)}
	o.report.Add("changed", "node", n.Label(), "reads "+was, "reads what that is for one row: "+listText(target))
	return true
}
