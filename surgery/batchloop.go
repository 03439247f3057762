package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// settle finds the facts that hold of the values a loop carries in every pass: it goes through a copy of the body until they stay. What is the same for every row before the
// first pass, and not after it, has to grow: grown tells in which axis (-1: it does not).
func (c *batchCall) settle(body *onnxpb.GraphProto, state []*batchFact, input func([]*batchFact) []*batchFact, carried func([]*batchFact) []*batchFact) (settled []*batchFact, grown []int, err error) {
	state = slices.Clone(state)
	grown = slices.Repeat([]int{-1}, len(state))
	wide := map[extent]bool{} // lengths that stand for whatever a value has in any pass
	for pass := 0; pass < 8; pass++ {
		var outs []*batchFact
		if _, err := c.f.trial(func() error {
			var err error
			outs, err = c.f.inside(cloneGraph(body), input(state))
			return err
		}); err != nil {
			return nil, nil, err
		}
		outs = carried(outs)
		changed := false
		for i, x := range state {
			if i >= len(outs) {
				return nil, nil, c.refuse("its body has not as many outputs as it carries values")
			}
			y := outs[i]
			switch {
			case y.rows() && !x.rows() && x.ranked && y.ranked && x.rank() == y.rank() && !x.sized() && x.dims[y.axis] == y.dims[y.axis].at(c.f.old):
				dims := slices.Clone(x.dims)
				dims[y.axis] = y.dims[y.axis]
				state[i], grown[i], changed = rowsFact(dims, y.axis, y.outer), y.axis, true
				continue
			case y.rows() != x.rows():
				return nil, nil, c.refuse("value %d that it carries is %s before a pass and %s after it", i, describeFact(x), describeFact(y))
			}
			z, ok := c.f.eitherOf(x, y)
			if !ok {
				return nil, nil, c.refuse("the rows lie differently in value %d that it carries before a pass (%s) and after it (%s)", i, describeFact(x), describeFact(y))
			}
			if pass >= 4 && !z.rows() {
				z = unknownFact()
			}
			if sameFact(x, z, wide) {
				continue
			}
			for k, d := range z.dims {
				if k >= len(x.dims) || d != x.dims[k] {
					wide[d] = true
				}
			}
			state[i], changed = z, true
		}
		if !changed {
			return state, grown, nil
		}
	}
	return nil, nil, c.refuse("what it carries from pass to pass could not be followed")
}

// sameFact tells whether a fact is already as wide as another one that it was widened to: wide are the lengths that were made by widening, of which one stands for another.
func sameFact(x, widened *batchFact, wide map[extent]bool) bool {
	if x.ranked != widened.ranked || x.axis != widened.axis || len(x.dims) != len(widened.dims) || (x.vals == nil) != (widened.vals == nil) {
		return false
	}
	for i, d := range x.dims {
		if d != widened.dims[i] && !wide[d] {
			return false
		}
	}
	return slices.Equal(x.vals, widened.vals)
}

// growStates repeats the values that have to grow before the first pass.
func (c *batchCall) growStates(first int, grown []int) error {
	for i, axis := range grown {
		if axis < 0 {
			continue
		}
		if err := c.growBySource(first+i, axis); err != nil {
			return err
		}
	}
	return nil
}

// loop is Loop: how often it runs must be the same for all rows.
func (c *batchCall) loop() ([]*batchFact, error) {
	body := c.n.Attr("body").GetG()
	if body == nil || len(c.in) < 2 {
		return nil, c.refuse("it has no body")
	}
	for i, what := range []string{"how often it runs", "whether it runs"} {
		if err := c.free(i, what); err != nil {
			return nil, err
		}
	}
	state := make([]*batchFact, 0, len(c.in))
	for _, x := range c.in[2:] {
		if x == nil {
			x = unknownFact()
		}
		state = append(state, x)
	}
	input := func(state []*batchFact) []*batchFact {
		return append([]*batchFact{freeFact([]extent{}), freeFact([]extent{})}, state...)
	}
	settled, grown, err := c.settle(body, state, input, func(outs []*batchFact) []*batchFact { return outs[min(1, len(outs)):] })
	if err != nil {
		return nil, err
	}
	if err := c.growStates(2, grown); err != nil {
		return nil, err
	}
	outs, err := c.f.inside(body, input(settled))
	if err != nil {
		return nil, err
	}
	if len(outs) == 0 || outs[0].moves() {
		return nil, c.refuse("whether it goes on depends on the batch")
	}
	result := slices.Clone(settled)
	for _, x := range outs[min(1+len(settled), len(outs)):] {
		result = append(result, c.f.stacked(x, 0, c.f.unknown()))
	}
	return result, nil
}

// stacked is a value of every pass of a loop, put together along an axis.
func (f *batchFlow) stacked(x *batchFact, axis int, passes extent) *batchFact {
	if !x.ranked || axis > x.rank() {
		return unknownFact()
	}
	y := like(x)
	y.dims = slices.Insert(y.dims, axis, passes)
	if y.axis >= axis {
		y.axis++
	}
	return y
}

// oldScan is Scan of opset 8, which has the batch in axis 0 of all its inputs and outputs, and runs its body on each row by itself.
func (c *batchCall) oldScan() ([]*batchFact, error) {
	var all rowInputs
	for i := range c.in {
		all.all = append(all.all, i)
	}
	return c.perRow(all)
}

// scan is Scan, from version 9 on: it must not run along the batch.
func (c *batchCall) scan() ([]*batchFact, error) {
	body := c.n.Attr("body").GetG()
	scans := int(c.n.AttrInt("num_scan_inputs", 0))
	count := len(c.in) - scans
	if c.f.opset < 9 && len(c.captures) == 0 {
		return c.oldScan()
	}
	if body == nil || scans < 1 || count < 0 || c.f.opset < 9 {
		return nil, c.refuse("what this version of it does to the rows of a batch is not known")
	}
	axes, outAxes := c.n.Attr("scan_input_axes").GetInts(), c.n.Attr("scan_output_axes").GetInts()
	passes := c.f.unknown()
	rows := make([]*batchFact, scans)
	for i := range rows {
		x, err := c.data(count + i)
		if err != nil {
			return nil, err
		}
		at := int64(0)
		if i < len(axes) {
			at = axes[i]
		}
		axis, ok := normAxis(at, x.rank())
		if !ok {
			return nil, c.refuse("its axis %d does not fit %s", at, formatExtents(x.dims))
		}
		if axis == x.axis {
			return nil, c.mixes("it runs along axis %d, which holds the batch (%s), as through time", axis, formatExtents(x.dims))
		}
		passes = x.dims[axis]
		y := like(x)
		y.dims = slices.Delete(y.dims, axis, axis+1)
		if y.axis > axis {
			y.axis--
		}
		rows[i] = y
	}
	state := slices.Clone(c.in[:count])
	for i, x := range state {
		if x == nil {
			return nil, c.refuse("its input %d is missing", i)
		}
	}
	input := func(state []*batchFact) []*batchFact { return append(slices.Clone(state), rows...) }
	settled, grown, err := c.settle(body, state, input, func(outs []*batchFact) []*batchFact { return outs[:min(count, len(outs))] })
	if err != nil {
		return nil, err
	}
	if err := c.growStates(0, grown); err != nil {
		return nil, err
	}
	outs, err := c.f.inside(body, input(settled))
	if err != nil {
		return nil, err
	}
	result := slices.Clone(settled)
	for i, x := range outs[min(count, len(outs)):] {
		at := int64(0)
		if i < len(outAxes) {
			at = outAxes[i]
		}
		axis, ok := normAxis(at, x.rank()+1)
		if x.ranked && !ok {
			return nil, c.refuse("its output axis %d does not fit %s", at, formatExtents(x.dims))
		}
		result = append(result, c.f.stacked(x, axis, passes))
	}
	return result, nil
}
