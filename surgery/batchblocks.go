package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// concat is Concat along an axis that does not hold the batch. What has one row only is repeated for every row.
func (c *batchCall) concat() ([]*batchFact, error) {
	rank := -1
	for i := range c.in {
		x, err := c.data(i)
		if err != nil {
			return nil, err
		}
		if rank >= 0 && x.rank() != rank {
			return nil, c.refuse("its inputs are of different ranks")
		}
		rank = x.rank()
	}
	if rank < 0 {
		return nil, c.refuse("it has no inputs")
	}
	axis, err := c.axis(c.in[0], 1)
	if err != nil {
		return nil, err
	}
	holder := -1
	for i, x := range c.in {
		if !x.rows() {
			continue
		}
		if x.axis == axis {
			return c.stack(axis)
		}
		if holder < 0 {
			holder = i
		}
		h := c.in[holder]
		if x.axis != h.axis || x.dims[x.axis] != h.dims[h.axis] || x.outer != h.outer {
			return nil, c.mixes("the rows lie differently in %q (%s) and %q (%s)", c.n.Input[holder], formatExtents(h.dims), c.n.Input[i], formatExtents(x.dims))
		}
	}
	if holder >= 0 {
		for i, x := range c.in {
			if !x.rows() {
				if err := c.grow(i, c.in[holder].axis, holder); err != nil {
					return nil, err
				}
			}
		}
	}
	dims := append([]extent{}, c.in[0].dims...)
	total := extentOf(0)
	for _, x := range c.in {
		total = c.f.arith("Add", total, x.dims[axis], onnxpb.TensorProto_INT64)
		for j, d := range x.dims {
			if _, known := dims[j].num(); !known && j != axis {
				dims[j] = d // all are the same: the best known is taken
			}
		}
	}
	dims[axis] = total
	if holder < 0 {
		return one(freeFact(dims))
	}
	h := c.in[holder]
	return one(rowsFact(dims, h.axis, h.outer))
}

// stack is Concat of rows behind rows: the result has them several times, one block behind the other.
func (c *batchCall) stack(axis int) ([]*batchFact, error) {
	blocks := extentOf(0)
	for i, x := range c.in {
		if !x.rows() || x.axis != axis || x.dims[axis] != x.outer.mul(batchExtent) {
			return nil, c.mixes("it joins %q (%s) along axis %d, which holds the batch", c.n.Input[i], formatExtents(x.dims), axis)
		}
		blocks = c.f.arith("Add", blocks, x.outer, onnxpb.TensorProto_INT64)
	}
	dims := append([]extent{}, c.in[0].dims...)
	dims[axis] = blocks.mul(batchExtent)
	return one(rowsFact(dims, axis, blocks))
}

// unstack is Split of blocks of rows, into as many blocks each.
func (c *batchCall) unstack(x *batchFact, axis int) ([]*batchFact, error) {
	blocks, known := x.outer.num()
	count := int64(len(c.n.GetOutput()))
	sizes, given, err := c.ints("split", 1)
	switch {
	case !known || x.dims[axis] != x.outer.mul(batchExtent) || count == 0 || blocks%count != 0:
		return nil, c.mixes("it splits axis %d, which holds the batch (%s)", axis, formatExtents(x.dims))
	case given && err == nil && !c.f.free: // sizes for the old number of rows
		for _, n := range sizes {
			if n != blocks/count*c.f.old {
				return nil, c.mixes("it splits axis %d, which holds the batch (%s), into %v", axis, formatExtents(x.dims), sizes)
			}
		}
		c.changed("split", extentsOf(sizes), nil)
		c.n.Attribute = slices.DeleteFunc(c.n.Attribute, func(a *onnxpb.AttributeProto) bool { return a.GetName() == "split" })
		if len(c.n.Input) > 1 {
			c.f.replaced = append(c.f.replaced, c.n.Input[1])
			c.n.Input, c.in = slices.Clone(c.n.Input[:1]), c.in[:1]
		}
		if c.f.opset >= 18 {
			setAttr(c.n, onnxpb.Int("num_outputs", count))
		}
	case given && err == nil:
		return nil, c.mixes("it splits axis %d, which holds the batch (%s), into %v", axis, formatExtents(x.dims), sizes)
	case err != nil: // computed, and not known
		of := c.input(1)
		if of == nil || int64(len(of.vals)) != count || slices.ContainsFunc(of.vals, func(v extent) bool { return v != batchExtent.mul(extentOf(blocks/count)) }) {
			return nil, c.mixes("it splits axis %d, which holds the batch (%s), into what is not known", axis, formatExtents(x.dims))
		}
	}
	outs := make([]*batchFact, count)
	for i := range outs {
		outs[i] = like(x)
		outs[i].outer = extentOf(blocks / count)
		outs[i].dims[axis] = outs[i].outer.mul(batchExtent)
	}
	return outs, nil
}

// split is Split.
func (c *batchCall) split() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if axis, err := c.axis(x, 0); err == nil && x.rows() && axis == x.axis {
		return c.unstack(x, axis)
	}
	axis, err := c.axisBeside(x, 0, "splits")
	if err != nil {
		return nil, err
	}
	sizes, given, err := c.ints("split", 1)
	if err != nil {
		sizes, given = nil, false // sizes that are not known do no harm along another axis
	}
	count := len(c.n.GetOutput())
	var outs []*batchFact
	for i := range count {
		y := like(x)
		y.dims[axis] = c.f.unknown()
		total, known := x.dims[axis].num()
		switch {
		case given && i < len(sizes):
			y.dims[axis] = extentOf(sizes[i])
		case !given && err == nil && known:
			part := (total + int64(count) - 1) / int64(count)
			y.dims[axis] = extentOf(max(0, min(part, total-part*int64(i))))
		}
		outs = append(outs, y)
	}
	return outs, nil
}
