package surgery

import "onnxtool/onnxpb"

// explain lists where the batch lies in the values of a graph, in their order.
func (f *batchFlow) explain(m *onnxpb.ModelProto) []BatchPlace {
	var list []BatchPlace
	add := func(n *onnxpb.NodeProto, name string) {
		x := f.facts[name]
		if name == "" || !x.rows() && !x.sized() {
			return
		}
		p := BatchPlace{Tensor: name, Shape: formatExtents(x.dims), Axis: x.axis}
		if n != nil {
			p.Node, p.Op = n.Label(), n.GetOpType()
		}
		if x.sized() {
			p.Shape += " = " + formatExtents(x.vals)
		} else if !x.outer.is(1) {
			p.Blocks = x.outer.String()
		}
		list = append(list, p)
	}
	for _, v := range m.GetGraph().GetInput() {
		add(nil, v.GetName())
	}
	for _, n := range m.GetGraph().GetNode() {
		for _, o := range n.GetOutput() {
			add(n, o)
		}
	}
	return list
}

// trust takes an operator that is not known to work on each row by itself. The shapes of its outputs are those that are declared; without a declaration an output is taken to be
// of the rank of the input that has the rows.
func (c *batchCall) trust() ([]*batchFact, error) {
	var rows *batchFact
	for i, x := range c.in {
		switch {
		case x.sized():
			return nil, c.refuse("it computes with the size of the batch (input %q)", c.n.Input[i])
		case !x.rows():
		case rows == nil:
			rows = x
		case x.axis != rows.axis || x.dims[x.axis] != rows.dims[rows.axis] || x.outer != rows.outer:
			return nil, c.refuse("its inputs have the rows in different places (%s, %s), which trust does not cover", formatExtents(rows.dims), formatExtents(x.dims))
		}
	}
	outs := make([]*batchFact, len(c.n.GetOutput()))
	for i, name := range c.n.GetOutput() {
		if name == "" {
			continue
		}
		rank := rows.rank()
		if v := c.f.g.ValueInfo(name); v != nil {
			if dims, ok := v.Shape(); ok {
				rank = len(dims)
			}
		}
		if rank <= rows.axis {
			return nil, c.refuse("its output %q has the rank %d, and no axis %d where the rows are", name, rank, rows.axis)
		}
		dims := make([]extent, rank)
		for k := range dims {
			dims[k] = c.f.unknown()
		}
		dims[rows.axis] = rows.dims[rows.axis]
		outs[i] = rowsFact(dims, rows.axis, rows.outer)
		if !outs[i].sound() {
			return nil, c.refuse("the rows of its input lie in blocks (%s), which trust does not cover", formatExtents(rows.dims))
		}
	}
	return outs, nil
}
