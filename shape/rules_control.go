package shape

import (
	"slices"

	"onnxtool/onnxpb"
)

// controlRules are the rules of operators that hold graphs.
func controlRules() ruleSet {
	return ruleSet{"If": ifRule, "Loop": loopRule, "Scan": scanRule, "SequenceMap": sequenceMapRule}
}

// ifRule: what is true of the outputs of both branches; of the one that is taken, where that is known.
func ifRule(c *call) {
	then, els := c.graph("then_branch"), c.graph("else_branch")
	if then == nil || els == nil {
		return
	}
	cond, known := c.scalar(0)
	taken, isNumber := cond.Const()
	var a, b []*Value
	switch { // what a branch that is never taken finds wrong is not told
	case known && isNumber && taken != 0:
		b, a = c.try(els, nil), c.run(then, nil)
	case known && isNumber:
		a, b = c.try(then, nil), c.run(els, nil)
	default:
		a, b = c.run(then, nil), c.run(els, nil)
	}
	for i := range c.out {
		if i >= len(a) || i >= len(b) {
			continue
		}
		switch {
		case known && isNumber && taken != 0:
			c.out[i] = a[i]
		case known && isNumber:
			c.out[i] = b[i]
		default:
			c.out[i] = join(a[i], b[i], c.fresh)
		}
	}
}

// settle goes through the body of a loop until what is known of the values that it carries from one pass to the next does not change, and returns its outputs
// then. state holds what is known before the first pass, and is widened; input makes the body's inputs of it, and next finds the carried values among the
// outputs.
func (c *call) settle(body *onnxpb.GraphProto, state []*Value, input func([]*Value) []*Value, next func([]*Value) []*Value) []*Value {
	wide := map[string]bool{} // dimensions that stand for whatever a value has in any pass
	widened := func() Dim {
		d := c.fresh()
		name, _ := d.Symbol()
		wide[name] = true
		return d
	}
	for pass := 0; ; pass++ {
		given := input(state)
		outs := next(c.try(body, given))
		changed := false
		for i := range state {
			after := unknownValue
			if i < len(outs) && outs[i] != nil {
				after = outs[i]
			}
			if !sameValue(state[i], after) {
				// A dimension that nobody named, made in this pass, is another one in the next: what is carried may then be neither.
				v := join(state[i], after, widened)
				if pass >= 3 && v.Kind == Tensor {
					v = unranked(v.Elem)
				} else if pass >= 6 {
					v = unknownValue
				}
				if !covers(state[i], v, wide) {
					state[i], changed = v, true
				}
			}
		}
		if !changed {
			return c.run(body, input(state))
		}
	}
}

// covers tells whether a value is already as wide as another one that it was widened to: wide are the dimensions that were made by widening, of which one stands for another.
func covers(old, widened *Value, wide map[string]bool) bool {
	if old.Kind != widened.Kind || old.Elem != widened.Elem || old.Key != widened.Key || old.Ranked != widened.Ranked || len(old.Dims) != len(widened.Dims) {
		return false
	}
	for i, d := range old.Dims {
		if name, single := d.Symbol(); !d.Equal(widened.Dims[i]) && !(single && wide[name]) {
			return false
		}
	}
	if (old.Ints == nil) != (widened.Ints == nil) || (old.Floats == nil) != (widened.Floats == nil) {
		return false
	}
	for i, d := range old.Ints {
		if d.Known() && !d.Equal(widened.Ints[i]) {
			return false
		}
	}
	if old.Of == nil || widened.Of == nil {
		return old.Of == widened.Of
	}
	return covers(old.Of, widened.Of, wide)
}

// loopRule: the carried values as they are after any number of passes, and one row a pass of each scan output.
func loopRule(c *call) {
	body := c.graph("body")
	if body == nil || len(c.in) < 2 {
		return
	}
	state := make([]*Value, 0, len(c.in)-2)
	for _, v := range c.in[2:] {
		if v == nil {
			v = unknownValue
		}
		state = append(state, v)
	}
	entry := slices.Clone(state)
	scalar := func(t onnxpb.TensorProto_DataType, elements ...Dim) *Value {
		v := TensorOf(t, []Dim{})
		v.Ints = elements
		return v
	}
	condition := loopScalar(body, 1, scalar(onnxpb.TensorProto_BOOL, Number(1)))
	if dims, ok := c.dims(1); ok && len(dims) > 0 { // a body that is declared to take a scalar does not take it
		condition = TensorOf(onnxpb.TensorProto_BOOL, dims)
		condition.Ints = []Dim{Number(1)}
	}
	outs := c.settle(body, state,
		func(state []*Value) []*Value {
			// There is a pass only while the condition is true.
			return append([]*Value{loopScalar(body, 0, scalar(onnxpb.TensorProto_INT64)), condition}, state...)
		},
		func(outs []*Value) []*Value { return outs[min(1, len(outs)):] })
	trips, limited := c.scalar(0)
	// The condition ends a loop early, unless it is left out and the body's is true always.
	limited = limited && (!c.has(1) || isTrue(c.input(1))) && len(outs) > 0 && isTrue(outs[0])
	never := false
	if n, ok := trips.Const(); ok && n <= 0 && c.has(0) {
		never = true
	}
	if v := c.input(1); v != nil && len(v.Ints) == 1 && isConst(v.Ints[0], 0) {
		never = true
	}
	for i := range c.out {
		var v *Value
		if 1+i < len(outs) {
			v = outs[1+i]
		}
		if i < len(state) {
			switch {
			case never:
				v = entry[i]
			case !limited || !trips.AtLeast(1):
				v = join(entry[i], v, c.fresh) // there may be no pass at all
			}
			c.out[i] = v
			continue
		}
		if v == nil || v.Kind != Tensor {
			continue
		}
		rows := c.fresh()
		if limited {
			rows = trips
		}
		if never {
			rows = Number(0)
		}
		c.out[i] = stacked(v, rows, 0)
	}
}

// loopScalar gives an input of a loop's body the shape that it is declared with, where it is one of rank 1 (which the specification allows as well as a scalar).
func loopScalar(body *onnxpb.GraphProto, i int, v *Value) *Value {
	if i < len(body.GetInput()) {
		if dims, ok := body.GetInput()[i].Shape(); ok && len(dims) == 1 {
			one := TensorOf(v.Elem, []Dim{Number(1)})
			one.Ints = v.Ints
			return one
		}
	}
	return v
}

func isTrue(v *Value) bool {
	if v == nil || len(v.Ints) != 1 {
		return false
	}
	n, ok := v.Ints[0].Const()
	return ok && n != 0
}

// stacked returns a tensor with one more axis of so many rows.
func stacked(v *Value, rows Dim, axis int) *Value {
	if v.Kind != Tensor || !v.Ranked || axis > len(v.Dims) {
		return unranked(v.Elem)
	}
	if !rows.Known() {
		return unranked(v.Elem)
	}
	return TensorOf(v.Elem, slices.Insert(slices.Clone(v.Dims), axis, rows))
}

// unstacked returns a tensor without an axis.
func unstacked(v *Value, axis int) *Value {
	if v == nil || v.Kind != Tensor {
		return unknownValue
	}
	if !v.Ranked || axis < 0 || axis >= len(v.Dims) {
		return unranked(v.Elem)
	}
	return TensorOf(v.Elem, slices.Delete(slices.Clone(v.Dims), axis, axis+1))
}

// scanRule: the state after the last step, and the scan outputs with an axis of as many steps as the scan inputs have. Version 8 had a batch before all of them.
func scanRule(c *call) {
	body := c.graph("body")
	if body == nil {
		return
	}
	in := c.in
	lead := 0
	if c.since() == 8 { // sequence_lens comes first, and each tensor has its batch in axis 0
		if len(in) == 0 {
			return
		}
		in, lead = in[1:], 1
	}
	scans := c.attrInt("num_scan_inputs", 0)
	if scans < 0 || scans > int64(len(in)) {
		c.fault("num_scan_inputs is %d, for %d inputs", scans, len(in))
		return
	}
	count := len(in) - int(scans)
	axes, _ := c.attrInts("scan_input_axes")
	steps, batch := Dim{}, Dim{}
	rows := make([]*Value, scans)
	for i, v := range in[count:] {
		axis := int64(0)
		if i < len(axes) && lead == 0 {
			axis = axes[i]
		}
		if v != nil && v.Kind == Tensor && v.Ranked {
			a, ok := c.axis(axis+int64(lead), len(v.Dims))
			if !ok {
				return
			}
			steps = c.unify(steps, v.Dims[a], "the lengths of its scan inputs")
			rows[i] = unstacked(v, a)
			if lead == 1 {
				batch = c.unify(batch, v.Dims[0], "the batches of its inputs")
				rows[i] = unstacked(rows[i], 0)
			}
			continue
		}
		rows[i] = unknownValue
		if v != nil && v.Kind == Tensor {
			rows[i] = unranked(v.Elem)
		}
	}
	state := make([]*Value, count)
	for i := range state {
		state[i] = unknownValue
		if v := in[i]; v != nil {
			state[i] = v
			if lead == 1 {
				if v.Kind == Tensor && v.Ranked && len(v.Dims) > 0 {
					batch = c.unify(batch, v.Dims[0], "the batches of its inputs")
				}
				state[i] = unstacked(v, 0)
			}
		}
	}
	entry := slices.Clone(state)
	outs := c.settle(body, state, func(state []*Value) []*Value { return append(slices.Clone(state), rows...) },
		func(outs []*Value) []*Value { return outs[:min(count, len(outs))] })
	if !steps.Known() {
		steps = c.fresh()
	}
	if lead == 1 && !batch.Known() {
		batch = c.fresh()
	}
	outAxes, _ := c.attrInts("scan_output_axes")
	for i := range c.out {
		if i >= len(outs) || outs[i] == nil {
			continue
		}
		v := outs[i]
		if i < count {
			if !steps.AtLeast(1) {
				v = join(entry[i], v, c.fresh)
			}
		} else {
			axis := int64(0)
			if k := i - count; k < len(outAxes) && lead == 0 {
				axis = outAxes[k]
			}
			if v.Kind == Tensor && v.Ranked {
				a, ok := c.axis(axis, len(v.Dims)+1)
				if !ok {
					return
				}
				v = stacked(v, steps, a)
			} else if v.Kind == Tensor {
				v = unranked(v.Elem)
			}
		}
		if lead == 1 && v.Kind == Tensor {
			v = stacked(v, batch, 0)
		}
		c.out[i] = v
	}
}

// sequenceMapRule: sequences of what the body makes of one element of each.
func sequenceMapRule(c *call) {
	body := c.graph("body")
	if body == nil {
		return
	}
	given := make([]*Value, len(c.in))
	for i, v := range c.in {
		given[i] = v
		if v != nil && v.Kind == Sequence {
			given[i] = v.Of
			if v.Of == nil {
				given[i] = unknownValue
			}
		}
	}
	outs := c.run(body, given)
	for i := range c.out {
		if i < len(outs) && outs[i] != nil && outs[i].Kind != Unknown {
			of := *outs[i]
			of.Ints, of.Floats = nil, nil // they differ from one element to the next
			c.out[i] = &Value{Kind: Sequence, Of: &of}
		}
	}
}
