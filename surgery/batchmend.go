package surgery

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// changed notes that a constant of this node was mended.
func (c *batchCall) changed(what string, from, to []extent) {
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), what+" "+formatExtents(from), what+" "+formatExtents(to))
}

// readInstead makes the node read another value.
func (c *batchCall) readInstead(input int, name string) {
	if old := c.n.Input[input]; c.f.g.IsInput(old) && c.f.g.Initializer(old) != nil && c.f.g.Model.GetIrVersion() >= 4 {
		// Before IR version 4 every initializer is an input, and nobody feeds those.
		c.f.report.Note("node %q read the input %q, whose default was taken for its value: feeding another has no effect there any more", c.n.Label(), old)
	}
	c.f.replaced = append(c.f.replaced, c.n.Input[input])
	c.n.Input[input] = name
	c.in[input] = c.f.facts[name]
}

// mendElement puts a number in one place of a list of integers that an input holds.
func (c *batchCall) mendElement(input int, what string, index int, value int64) error {
	x := c.in[input]
	vals := append([]extent{}, x.vals...)
	if x.elem == onnxpb.TensorProto_INT32 {
		value = min(value, math.MaxInt32)
	}
	vals[index] = extentOf(value)
	return c.mendTarget(input, what, x, vals, index)
}

// mendTarget makes an input hold vals instead of target, a list of integers. Other nodes that read the old list keep it. Where the list is
// computed and not all of it is known, one element, at index, is replaced in what was computed.
func (c *batchCall) mendTarget(input int, what string, target *batchFact, vals []extent, index int) error {
	if numbers, ok := (&batchFact{vals: vals}).numbers(); ok {
		c.changed(what, target.vals, vals)
		c.readInstead(input, c.f.constant(c.n.Input[input]+"_"+what, target.elem, numbers))
		return nil
	}
	for i := range vals {
		if i != index && vals[i] != target.vals[i] {
			return c.refuse("two places of its %s %s would have to be computed", what, formatExtents(target.vals))
		}
	}
	value, ok := vals[index].num()
	if !ok {
		return c.refuse("its %s %s cannot be mended", what, formatExtents(target.vals))
	}
	element := c.f.constant(c.n.Input[input]+"_"+what, target.elem, []int64{value})
	c.changed(what, target.vals, vals)
	c.readInstead(input, c.splice(c.n.Input[input], target, index, element))
	return nil
}

// splice makes a list of integers that has one element replaced by the value element, which has the shape [1].
func (c *batchCall) splice(list string, x *batchFact, index int, element string) string {
	part := func(from, to int) []string {
		if from == to {
			return nil
		}
		if numbers, ok := (&batchFact{vals: x.vals[from:to]}).numbers(); ok {
			return []string{c.f.constant(list+"_part", x.elem, numbers)}
		}
		return []string{c.cut(list, x, from, to)}
	}
	parts := append(part(0, index), element)
	parts = append(parts, part(index+1, len(x.vals))...)
	if len(parts) == 1 {
		return element
	}
	vals := append([]extent{}, x.vals...)
	vals[index] = c.f.facts[element].vals[0]
	return c.emit("Concat", list+"_mended", valsFact(x.elem, []int64{int64(len(vals))}, vals), parts, onnxpb.Int("axis", 0))
}

// cut takes elements of a list.
func (c *batchCall) cut(list string, x *batchFact, from, to int) string {
	fact := valsFact(x.elem, []int64{int64(to - from)}, append([]extent{}, x.vals[from:to]...))
	if c.f.opset < 10 {
		return c.emit("Slice", list+"_part", fact, []string{list}, onnxpb.Ints("axes", 0), onnxpb.Ints("starts", int64(from)), onnxpb.Ints("ends", int64(to)))
	}
	number := func(v int) string { return c.f.constant(list+"_at", elemInt64, []int64{int64(v)}) }
	return c.emit("Slice", list+"_part", fact, []string{list, number(from), number(to)})
}

// emit puts a node before the one under analysis and returns the name of its output.
func (c *batchCall) emit(op, base string, fact *batchFact, inputs []string, attrs ...*onnxpb.AttributeProto) string {
	out := c.f.names.Value(base)
	n := onnxpb.Node(op, c.f.names.Node(base), inputs, []string{out}, attrs...)
	c.f.nodes = append(c.f.nodes, n)
	c.f.facts[out] = fact
	c.f.report.Add("added", "node", n.GetName(), "", op)
	return out
}

// constant makes a list of integers, once for all who need the same.
func (f *batchFlow) constant(base string, elem onnxpb.TensorProto_DataType, v []int64) string {
	key := fmt.Sprintf("constant %d %v", elem, v)
	if name := f.shared[key]; name != "" {
		return name
	}
	name := f.names.Value(base)
	dims := []int64{int64(len(v))}
	t := onnxpb.TensorOf(name, dims, v)
	if elem == onnxpb.TensorProto_INT32 {
		small := make([]int32, len(v))
		for i, x := range v {
			small[i] = int32(max(math.MinInt32, min(x, math.MaxInt32)))
		}
		t = onnxpb.TensorOf(name, dims, small)
	}
	f.shared[key] = f.initializer(t)
	return name
}

// initializer adds a constant to the graph, and returns its name.
func (f *batchFlow) initializer(t *onnxpb.TensorProto) string {
	name := t.GetName()
	if f.g.Model.GetIrVersion() < 4 {
		// There an initializer has to be a graph input too.
		f.nodes = append(f.nodes, onnxpb.Node("Constant", f.names.Node(name), nil, []string{name}, onnxpb.TensorAttr("value", t)))
	} else {
		g := f.g.Model.GetGraph()
		g.Initializer = append(g.Initializer, t)
	}
	f.facts[name] = f.tensorFact(t)
	return name
}

// length makes a list of one element: the size of the axis of a value that holds the batch.
func (c *batchCall) length(value string, axis int) string {
	key := fmt.Sprintf("length %d %s", axis, value)
	if name := c.f.shared[key]; name != "" {
		return name
	}
	x := c.f.facts[value]
	shape := c.emit("Shape", value+"_shape", valsFact(elemInt64, []int64{int64(x.rank())}, append([]extent{}, x.dims...)), []string{value})
	index := c.f.constant(value+"_axis", elemInt64, []int64{int64(axis)})
	name := c.emit("Gather", value+"_batch", valsFact(elemInt64, []int64{1}, []extent{x.dims[axis]}), []string{shape, index}, onnxpb.Int("axis", 0))
	c.f.shared[key] = name
	return name
}

// grow repeats a value that is the same for every row once for each of them, in axis: for the rows of input holder, which lie there in its own batch axis. It has to be of
// the size there that the holder has for one row.
func (c *batchCall) grow(input, axis, holder int) error {
	x, h := c.in[input], c.in[holder]
	name := c.n.Input[input]
	switch {
	case axis >= x.rank() || c.f.old != 1 || x.dims[axis] != h.dims[h.axis].at(1):
		return c.refuse("%q, of shape %s, stands where the batch is (axis %d) and does not grow with it", name, formatExtents(x.dims), axis)
	case !h.outer.is(1):
		return c.refuse("%q, of shape %s, stands beside rows that lie in blocks (%s)", name, formatExtents(x.dims), formatExtents(h.dims))
	}
	if h.plain() && c.f.opset >= 8 {
		return c.repeat(input, axis, "Expand", c.n.Input[holder], h.axis)
	}
	return c.growBySource(input, axis)
}

// growBySource repeats a value once for every row that the model is given.
func (c *batchCall) growBySource(input, axis int) error {
	if c.f.old != 1 {
		return c.refuse("%q, of shape %s, would have to grow with the batch", c.n.Input[input], formatExtents(c.in[input].dims))
	}
	return c.repeat(input, axis, "Tile", c.f.source, c.f.sourceAxis)
}

// repeat makes the node read a value that holds another one so often as the axis of source is long.
func (c *batchCall) repeat(input, axis int, op, source string, sourceAxis int) error {
	x, name := c.in[input], c.n.Input[input]
	key := fmt.Sprintf("rows %d %s", axis, name)
	grown := c.f.shared[key]
	if grown == "" {
		target := c.repeats(name, x.rank(), axis, source, sourceAxis)
		dims := append([]extent{}, x.dims...)
		dims[axis] = x.dims[axis].mul(batchExtent)
		grown = c.emit(op, name+"_rows", rowsFact(dims, axis, extentOf(1)), []string{name, target})
		c.f.shared[key] = grown
	}
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), "input "+name, "input "+grown)
	c.readInstead(input, grown)
	return nil
}

// repeats makes a list of as many ones as a value has axes, but in one axis the length of the axis of source.
func (c *batchCall) repeats(name string, rank, axis int, source string, sourceAxis int) string {
	target := c.length(source, sourceAxis)
	ones := func(n int) []string {
		if n == 0 {
			return nil
		}
		return []string{c.f.constant(name+"_ones", elemInt64, slices.Repeat([]int64{1}, n))}
	}
	parts := append(append(ones(axis), target), ones(rank-1-axis)...)
	if len(parts) == 1 {
		return target
	}
	vals := slices.Repeat([]extent{extentOf(1)}, rank)
	vals[axis] = batchExtent
	return c.emit("Concat", name+"_rows_shape", valsFact(elemInt64, []int64{int64(rank)}, vals), parts, onnxpb.Int("axis", 0))
}

// dropReplaced removes the constants of names that changed nodes were the only ones to read.
func dropReplaced(m *onnxpb.ModelProto, names []string, r *Report) {
	if len(names) == 0 {
		return
	}
	g := NewGraph(m)
	gone := map[string]bool{}
	for _, name := range names {
		if len(g.Consumers(name)) > 0 || g.IsOutput(name) || g.IsInput(name) {
			continue
		}
		if n := g.Producer(name); g.Initializer(name) != nil || n != nil && n.GetOpType() == "Constant" && onnxpb.NormalDomain(n.GetDomain()) == "" {
			gone[name] = true
		}
	}
	if len(gone) == 0 {
		return
	}
	top := m.GetGraph()
	before := len(top.Initializer) + len(top.Node)
	top.Initializer = slices.DeleteFunc(top.Initializer, func(t *onnxpb.TensorProto) bool { return gone[t.GetName()] })
	top.Node = slices.DeleteFunc(top.Node, func(n *onnxpb.NodeProto) bool { return len(n.GetOutput()) == 1 && gone[n.GetOutput()[0]] })
	if len(top.Initializer)+len(top.Node) == before {
		return
	}
	top.ValueInfo = slices.DeleteFunc(top.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return gone[v.GetName()] })
	for _, name := range names {
		if gone[name] {
			r.Add("removed", "constant", name, "", "")
			delete(gone, name)
		}
	}
}
