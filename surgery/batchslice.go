package surgery

import (
	"math"

	"onnxtool/onnxpb"
)

// fullEnd is the least end of a Slice that exporters write for "to the end".
const fullEnd = math.MaxInt32

// sliceSpec is what a Slice does to one axis; known is false where the numbers are not.
type sliceSpec struct {
	axis             int
	start, end, step extent
	known            bool
	index            int // which of starts and ends
}

// sliceSpecs reads the attributes or inputs of a Slice.
func (c *batchCall) sliceSpecs(x *batchFact) ([]sliceSpec, error) {
	list := func(attr string, input int) ([]extent, int, bool) { // numbers, how many, given
		if a := c.n.Attr(attr); a != nil {
			return extentsOf(a.Ints), len(a.Ints), true
		}
		in := c.input(input)
		if in == nil {
			return nil, 0, false
		}
		if in.vals != nil {
			return in.vals, len(in.vals), true
		}
		if n, ok := in.numDims(); ok && len(n) == 1 {
			return nil, int(n[0]), true
		}
		return nil, 0, true
	}
	starts, count, given := list("starts", 1)
	ends, _, _ := list("ends", 2)
	axes, n, named := list("axes", 3)
	steps, _, stepped := list("steps", 4)
	if named {
		count = n
	}
	if !given || named && axes == nil || !named && starts == nil || starts != nil && len(starts) != count || ends != nil && len(ends) != count {
		return nil, c.refuse("which axes it slices is not known")
	}
	specs := make([]sliceSpec, count)
	for i := range specs {
		s := sliceSpec{axis: i, step: extentOf(1), index: i, known: starts != nil && ends != nil}
		if named {
			a, ok := axes[i].num()
			if s.axis, ok = normAxisIf(ok, a, x.rank()); !ok {
				return nil, c.refuse("its axes do not fit %s", formatExtents(x.dims))
			}
		}
		if s.axis >= x.rank() {
			return nil, c.refuse("its axes do not fit %s", formatExtents(x.dims))
		}
		if stepped {
			if s.known = s.known && len(steps) == count; s.known {
				s.step = steps[i]
			}
		}
		if s.known {
			s.start, s.end = starts[i], ends[i]
		}
		specs[i] = s
	}
	return specs, nil
}

func normAxisIf(known bool, axis int64, rank int) (int, bool) {
	if !known {
		return 0, false
	}
	return normAxis(axis, rank)
}

// sliceArgs is sliceSpecs where everything is a plain number.
func (c *batchCall) sliceArgs(x *batchFact) (starts, ends []int64, axes []int, steps []int64, err error) {
	specs, err := c.sliceSpecs(x)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	for _, s := range specs {
		a, ok1 := s.start.num()
		b, ok2 := s.end.num()
		d, ok3 := s.step.num()
		if !s.known || !ok1 || !ok2 || !ok3 {
			return nil, nil, nil, nil, c.refuse("its numbers are not known")
		}
		starts, ends, axes, steps = append(starts, a), append(ends, b), append(axes, s.axis), append(steps, d)
	}
	return starts, ends, axes, steps, nil
}

// slice is Slice. Along the batch it must take every row; an end that is the old batch goes to the end of the axis instead.
func (c *batchCall) slice() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	specs, err := c.sliceSpecs(x)
	if err != nil {
		return nil, err
	}
	y := like(x)
	for _, s := range specs {
		if s.axis == x.axis {
			if blocks, ok := sliceBlocks(x, s); ok {
				y.outer = blocks
				y.dims[s.axis] = blocks.mul(batchExtent)
				continue
			}
			if err := c.sliceBatch(x, s); err != nil {
				return nil, err
			}
			continue
		}
		if s.start.onBatch() || s.end.onBatch() || s.step.onBatch() {
			return nil, c.refuse("it slices axis %d (%s) by the size of the batch", s.axis, formatExtents(x.dims))
		}
		y.dims[s.axis] = c.f.unknown()
		start, ok1 := s.start.num()
		end, ok2 := s.end.num()
		step, ok3 := s.step.num()
		if !s.known || !ok1 || !ok2 || !ok3 {
			continue
		}
		if n, ok := x.dims[s.axis].num(); ok {
			if _, count, ok := sliceSpan(start, end, step, n); ok {
				y.dims[s.axis] = extentOf(count)
			}
		} else if start == 0 && end >= fullEnd && step == 1 {
			y.dims[s.axis] = x.dims[s.axis]
		}
	}
	return one(y)
}

// sliceBlocks is a slice of some of the blocks in which rows lie one behind the other, from and to a number of rows that is computed.
func sliceBlocks(x *batchFact, s sliceSpec) (blocks extent, ok bool) {
	if !s.known || !s.step.is(1) || x.dims[x.axis] != x.outer.mul(batchExtent) {
		return extent{}, false
	}
	bound := func(v extent) (int64, bool) {
		if v.is(0) {
			return 0, true
		}
		q, ok := v.div(batchExtent)
		n, known := q.num()
		return n, ok && known && v.onBatch()
	}
	from, ok1 := bound(s.start)
	to, ok2 := bound(s.end)
	count, known := x.outer.num()
	if !ok1 || !ok2 || !known || from < 0 || to > count || from >= to {
		return extent{}, false
	}
	return extentOf(to - from), true
}

// sliceBatch holds a slice of the batch axis to taking all of it.
func (c *batchCall) sliceBatch(x *batchFact, s sliceSpec) error {
	whole := x.dims[x.axis]
	if !s.known || !s.start.is(0) || !s.step.is(1) {
		return c.mixes("it takes some rows of axis %d, which holds the batch (%s)", s.axis, formatExtents(x.dims))
	}
	if s.end == whole {
		return nil
	}
	end, ok := s.end.num()
	old, okOld := whole.at(c.f.old).num()
	switch {
	case ok && end >= fullEnd:
		return nil
	case !ok || !okOld || end < old || c.f.free:
		return c.mixes("it takes some rows of axis %d, which holds the batch (%s)", s.axis, formatExtents(x.dims))
	}
	if a := c.n.Attr("ends"); a != nil {
		ends := append([]int64{}, a.Ints...)
		ends[s.index] = math.MaxInt64
		c.changed("ends", extentsOf(a.Ints), extentsOf(ends))
		a.Ints = ends
		return nil
	}
	return c.mendElement(2, "ends", s.index, math.MaxInt64)
}

// gather is Gather along an axis that does not hold the batch; the indices may hold it instead of the data.
func (c *batchCall) gather() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	index, err := c.data(1)
	if err != nil {
		return nil, err
	}
	if axis, err := c.axis(x, 0); err == nil && x.rows() && index.rows() {
		if outs, ok := c.listed(x, index, index.dims, axis); ok {
			return outs, nil
		}
	} else if err == nil && x.rows() {
		if outs, ok := c.strided(x, index, axis); ok {
			return outs, nil
		}
	}
	axis, err := c.axisBeside(x, 0, "picks rows along")
	if err != nil {
		return nil, err
	}
	if x.rows() && index.rows() {
		return nil, c.mixes("it picks from every row by the indices of every row")
	}
	y := like(x)
	y.dims = append(append(append([]extent{}, x.dims[:axis]...), index.dims...), x.dims[axis+1:]...)
	switch {
	case index.rows():
		y.axis, y.outer = axis+index.axis, index.outer
	case x.axis > axis:
		y.axis += index.rank() - 1
	}
	return one(y)
}

// gatherElements is GatherElements, whose indices must have the rows that the data has.
func (c *batchCall) gatherElements() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	index, err := c.data(1)
	if err != nil {
		return nil, err
	}
	axis, err := c.axisBeside(x, 0, "picks rows along")
	if err != nil {
		return nil, err
	}
	if x.rows() && !index.rows() && index.ranked && index.rank() == x.rank() {
		if err := c.grow(1, x.axis, 0); err != nil {
			return nil, err
		}
		index = c.in[1]
	}
	if index.rows() && !x.rows() && index.axis != axis && index.axis < x.rank() && x.dims[index.axis].is(1) {
		if err := c.grow(0, index.axis, 1); err != nil {
			return nil, err
		}
		x = c.in[0]
	}
	switch {
	case x.rows() && (!index.rows() || index.axis != x.axis || index.dims[index.axis] != x.dims[x.axis] || index.outer != x.outer):
		return nil, c.refuse("its indices (%s) do not grow with the rows of its data (%s)", formatExtents(index.dims), formatExtents(x.dims))
	case index.rows() && !x.rows() && index.axis != axis:
		return nil, c.refuse("its data (%s) does not grow with the rows of its indices (%s)", formatExtents(x.dims), formatExtents(index.dims))
	}
	return one(like(index))
}

// gatherND is GatherND: of the data, the axes behind batch_dims that an index names must not hold the batch. Where the batch is among the batch_dims, the indices have it too.
func (c *batchCall) gatherND() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	index, err := c.data(1)
	if err != nil {
		return nil, err
	}
	batch := int(c.n.AttrInt("batch_dims", 0))
	if index.rank() == 0 || batch < 0 || batch >= index.rank() {
		return nil, c.refuse("its indices %s have no axis for its batch_dims %d", formatExtents(index.dims), batch)
	}
	depth, known := index.dims[index.rank()-1].num()
	if !known || depth < 0 || batch+int(depth) > x.rank() {
		return nil, c.refuse("its indices %s do not fit its data %s", formatExtents(index.dims), formatExtents(x.dims))
	}
	if x.rows() && index.rows() && batch == 0 && depth == 1 && index.axis < index.rank()-1 {
		if outs, ok := c.listed(x, index, index.dims[:index.rank()-1], 0); ok {
			return outs, nil
		}
	}
	first := batch + int(depth) // of the axes of the data that are taken whole
	if x.rows() && x.axis < batch && !index.rows() {
		if err := c.grow(1, x.axis, 0); err != nil {
			return nil, err
		}
		index = c.in[1]
	}
	y := freeFact(append(append([]extent{}, index.dims[:index.rank()-1]...), x.dims[first:]...))
	switch {
	case x.rows() && x.axis >= batch && x.axis < first:
		return nil, c.mixes("it picks rows along axis %d, which holds the batch (%s)", x.axis, formatExtents(x.dims))
	case index.rows() && index.axis == index.rank()-1:
		return nil, c.mixes("the numbers of its indices are those of different rows (%s)", formatExtents(index.dims))
	case x.rows() && x.axis < batch || index.rows() && index.axis < batch:
		if !x.rows() || !index.rows() || x.axis != index.axis || x.dims[x.axis] != index.dims[index.axis] || x.outer != index.outer {
			return nil, c.refuse("its indices (%s) and its data (%s) do not grow together", formatExtents(index.dims), formatExtents(x.dims))
		}
		y.axis, y.outer = x.axis, x.outer
	case x.rows() && index.rows():
		return nil, c.mixes("it picks from every row by the indices of every row")
	case x.rows():
		y.axis, y.outer = index.rank()-1+x.axis-first, x.outer
	case index.rows():
		y.axis, y.outer = index.axis, index.outer
	}
	return one(y)
}

// scatterND is ScatterND into whole axes of which one holds the batch: what is written has the rows there, too.
func (c *batchCall) scatterND() ([]*batchFact, error) {
	for i := range 3 {
		if _, err := c.data(i); err != nil {
			return nil, err
		}
	}
	x, index, updates := c.in[0], c.in[1], c.in[2]
	if index.rank() == 0 {
		return nil, c.refuse("its indices have no axis")
	}
	depth, known := index.dims[index.rank()-1].num()
	if !known || depth < 0 || int(depth) > x.rank() {
		return nil, c.refuse("its indices %s do not fit its data %s", formatExtents(index.dims), formatExtents(x.dims))
	}
	shift := index.rank() - 1 - int(depth) // from the whole axes of the data to those of the updates
	switch {
	case x.rows() && x.axis < int(depth):
		return nil, c.mixes("it writes to rows along axis %d, which holds the batch (%s)", x.axis, formatExtents(x.dims))
	case updates.rows() && updates.axis < index.rank()-1:
		return nil, c.mixes("what it writes has a row at axis %d (%s) and goes to places that do not", updates.axis, formatExtents(updates.dims))
	case x.rows() && !updates.rows():
		if err := c.grow(2, x.axis+shift, 0); err != nil {
			return nil, err
		}
	case !x.rows() && updates.rows():
		if err := c.grow(0, updates.axis-shift, 2); err != nil {
			return nil, err
		}
	}
	if x, updates = c.in[0], c.in[2]; x.rows() && (updates.axis != x.axis+shift || updates.dims[updates.axis] != x.dims[x.axis] || updates.outer != x.outer) {
		return nil, c.refuse("its data (%s) and what it writes (%s) do not grow together", formatExtents(x.dims), formatExtents(updates.dims))
	}
	return one(like(x))
}

// elemInt64 is the type of shapes.
const elemInt64 = onnxpb.TensorProto_INT64
