package surgery

import "onnxtool/onnxpb"

// concatValues joins tensors of known numbers along an axis.
func (c *batchCall) concatValues() *batchFact {
	x := c.in[0]
	axis, ok := normAxis(c.n.AttrInt("axis", 0), x.rank())
	if !ok {
		return nil
	}
	total := int64(0)
	for _, y := range c.in {
		if y == nil || y.rank() != x.rank() {
			return nil
		}
		total += y.dims[axis].c
	}
	dims, ok := x.numDims()
	if !ok {
		return nil
	}
	dims[axis] = total
	outer := int64(1)
	for _, d := range dims[:axis] {
		outer *= d
	}
	if outer == 0 {
		return valsFact(x.elem, dims, []extent{})
	}
	vals := []extent{}
	for o := range outer {
		for _, y := range c.in {
			part := int64(len(y.vals)) / outer
			vals = append(vals, y.vals[o*part:(o+1)*part]...)
		}
	}
	return valsFact(x.elem, dims, vals)
}

// filledValues is a small ConstantOfShape.
func (c *batchCall) filledValues() *batchFact {
	dims, ok := c.in[0].numbers()
	if !ok {
		return nil
	}
	n, err := onnxpb.Count(dims)
	if err != nil || n > maxVals {
		return nil
	}
	value, elem := extentOf(0), onnxpb.TensorProto_FLOAT
	if a := c.n.Attr("value"); a != nil {
		t := c.f.tensorFact(a.GetT())
		if len(t.vals) != 1 {
			return nil
		}
		value, elem = t.vals[0], t.elem
	}
	vals := make([]extent, n)
	for i := range vals {
		vals[i] = value
	}
	return valsFact(elem, dims, vals)
}

// rangeValues is a small Range of integers.
func (c *batchCall) rangeValues() *batchFact {
	if len(c.in) != 3 || isFloat(c.in[0].elem) {
		return nil
	}
	var v [3]int64
	for i, x := range c.in {
		n, ok := x.numbers()
		if !ok || len(n) != 1 {
			return nil
		}
		v[i] = n[0]
	}
	if v[2] == 0 {
		return nil
	}
	vals := []extent{}
	for i := v[0]; v[2] > 0 && i < v[1] || v[2] < 0 && i > v[1]; i += v[2] {
		if vals = append(vals, extentOf(i)); len(vals) > maxVals {
			return nil
		}
	}
	return valsFact(c.in[0].elem, []int64{int64(len(vals))}, vals)
}

// moveValues is an operator that only moves elements: where each element of the output comes from.
func (c *batchCall) moveValues() *batchFact {
	x := c.in[0]
	dims, ok := x.numDims()
	if !ok {
		return nil
	}
	var out []int64
	from := make([]int64, len(x.vals))
	for i := range from {
		from[i] = int64(i)
	}
	switch c.n.GetOpType() {
	case "Transpose":
		perm, ok := c.perm(len(dims))
		if !ok {
			return nil
		}
		strides := stridesOf(dims)
		moved := make([]int64, len(dims))
		for i, p := range perm {
			out, moved[i] = append(out, dims[p]), strides[p]
		}
		from = walk(out, moved, 0)
	case "Gather":
		return c.gatherValues(dims)
	case "Slice":
		starts, ends, axes, steps, err := c.sliceArgs(x)
		if err != nil {
			return nil
		}
		strides := stridesOf(dims)
		out = append(out, dims...)
		offset := int64(0)
		for i, axis := range axes {
			first, count, ok := sliceSpan(starts[i], ends[i], steps[i], dims[axis])
			if !ok {
				return nil
			}
			out[axis] = count
			offset += first * strides[axis]
			strides[axis] *= steps[i]
		}
		from = walk(out, strides, offset)
	default:
		// Unsqueeze, Squeeze, Reshape and Flatten keep the order.
		rule := batchRules[c.n.GetOpType()]
		facts, err := rule.fn(c)
		if err != nil || len(facts) == 0 {
			return nil
		}
		if out, ok = facts[0].numDims(); !ok {
			return nil
		}
	}
	if n, err := onnxpb.Count(out); err != nil || n != int64(len(from)) {
		return nil
	}
	vals := make([]extent, len(from))
	for i, k := range from {
		vals[i] = x.vals[k]
	}
	return valsFact(x.elem, out, vals)
}

// gatherValues picks elements of a tensor of known numbers.
func (c *batchCall) gatherValues(dims []int64) *batchFact {
	x := c.in[0]
	index := c.input(1)
	picks, ok := index.numbers()
	axis, okAxis := normAxis(c.n.AttrInt("axis", 0), len(dims))
	if !ok || !okAxis {
		return nil
	}
	idims, _ := index.numDims()
	block := int64(1)
	for _, d := range dims[axis+1:] {
		block *= d
	}
	outer := int64(1)
	for _, d := range dims[:axis] {
		outer *= d
	}
	vals := []extent{}
	for o := range outer {
		for _, p := range picks {
			if p < 0 {
				p += dims[axis]
			}
			if p < 0 || p >= dims[axis] {
				return nil
			}
			at := (o*dims[axis] + p) * block
			vals = append(vals, x.vals[at:at+block]...)
		}
	}
	out := append(append(append([]int64{}, dims[:axis]...), idims...), dims[axis+1:]...)
	return valsFact(x.elem, out, vals)
}

// stridesOf returns how far apart neighbours along each axis lie.
func stridesOf(dims []int64) []int64 {
	s := make([]int64, len(dims))
	step := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = step
		step *= dims[i]
	}
	return s
}

// walk lists the positions of the elements of a tensor of these dimensions and strides, in row-major order.
func walk(dims, strides []int64, offset int64) []int64 {
	list := []int64{offset}
	for i, d := range dims {
		next := make([]int64, 0, int64(len(list))*d)
		for _, base := range list {
			for k := range d {
				next = append(next, base+k*strides[i])
			}
		}
		list = next
	}
	return list
}

// sliceSpan returns the first element and the number of elements that Slice takes of an axis of size n.
func sliceSpan(start, end, step, n int64) (first, count int64, ok bool) {
	if step == 0 {
		return 0, 0, false
	}
	if n == 0 {
		return 0, 0, true
	}
	step = max(-1<<40, min(step, 1<<40)) // past any axis, and far from overflow
	if start < 0 {
		start += n
	}
	if end < 0 && end > -1<<62 {
		end += n
	}
	if step > 0 {
		start, end = max(0, min(start, n)), max(0, min(end, n))
		return start, max(0, (end-start+step-1)/step), true
	}
	start, end = max(0, min(start, n-1)), max(-1, min(end, n-1))
	return start, max(0, (start-end-step-1)/-step), true
}
