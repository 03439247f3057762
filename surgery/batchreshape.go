package surgery

import (
	"bytes"
	"fmt"
	"slices"

	"onnxtool/onnxpb"
)

// before is how many blocks lie in front of the rows, counted over all axes up to that of the batch.
func (x *batchFact) before() extent { return product(x.dims[:x.axis]).mul(x.outer) }

// regroup makes the fact of the elements of x, in the same order, under dims, whose axis holds the batch. In row-major order an element of row
// n lies at (o*N + n)*inner + i with o below before(); the axis must be cut so that this stays true.
func (c *batchCall) regroup(x *batchFact, dims []extent, axis int) (*batchFact, bool) {
	outer, ok := x.before().div(product(dims[:axis]))
	if !ok {
		return nil, false
	}
	y := rowsFact(dims, axis, outer)
	return y, y.sound()
}

// solveReshape is the shape that Reshape gives: a 0 copies, and one -1 takes what is left. The model is taken at its word where unknown lengths
// keep the number of elements from being compared.
func (f *batchFlow) solveReshape(in, target []extent, allowZero bool) ([]extent, bool) {
	out := make([]extent, len(target))
	hole := -1
	for i, t := range target {
		switch {
		case t.bad:
			return nil, false
		case t.is(-1):
			if hole >= 0 {
				return nil, false
			}
			hole, out[i] = i, extentOf(1)
		case t.is(0) && !allowZero:
			if i >= len(in) {
				return nil, false
			}
			out[i] = in[i]
		default:
			out[i] = t
		}
	}
	total, rest := product(in), product(out)
	if total.bad || rest.bad {
		return nil, false
	}
	vague := total.syms != "" || rest.syms != ""
	if hole < 0 {
		return out, total == rest || vague && total.n == rest.n
	}
	if q, ok := total.div(rest); ok && q.c >= 0 {
		out[hole] = q
		return out, true
	}
	if !vague || total.n < rest.n {
		return nil, false
	}
	out[hole] = f.unknown()
	for range total.n - rest.n {
		out[hole] = out[hole].mul(batchExtent)
	}
	return out, true
}

// reshape is Reshape. A target that was computed from the batch is taken as it is; in a constant one the batch is looked for.
func (c *batchCall) reshape() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	target := c.input(1)
	if target == nil || target.vals == nil {
		if x.rows() {
			return nil, c.refuse("its target shape is not known")
		}
		return nil, nil
	}
	allowZero := c.n.AttrInt("allowzero", 0) != 0
	if !x.rows() {
		dims, ok := c.f.solveReshape(x.dims, target.vals, allowZero)
		if !ok || target.sized() {
			return nil, c.refuse("%s cannot be made %s", formatExtents(x.dims), formatExtents(target.vals))
		}
		return one(freeFact(dims))
	}
	asIs, fits := c.asItIs(x, target.vals, allowZero)
	if c.f.free {
		if fits {
			return one(asIs)
		}
		if _, runs := c.f.solveReshape(x.dims, target.vals, allowZero); runs {
			return nil, c.refuse("its target %s of %s leaves no axis to the rows", formatExtents(target.vals), formatExtents(x.dims))
		}
	}
	if fits && c.saysBatch(x, target.vals, allowZero) {
		return one(asIs)
	}
	if !c.saysBatch(x, target.vals, allowZero) {
		dims, ok := c.oldTarget(x, target.vals, allowZero)
		if ok {
			if axis := c.exactAxis(x, dims); axis >= 0 {
				if fits && asIs.axis == axis {
					return one(asIs)
				}
				return c.mendReshape(x, target, dims, axis, allowZero)
			}
			if fits {
				return one(asIs)
			}
			if axis := c.mergedAxis(x, dims); axis >= 0 {
				return c.mendReshape(x, target, dims, axis, allowZero)
			}
		}
	}
	return nil, c.refuse("its target %s of %s leaves no axis to the rows", formatExtents(target.vals), formatExtents(x.dims))
}

// asItIs is the shape that the target gives without a change, where the rows stay whole.
func (c *batchCall) asItIs(x *batchFact, target []extent, allowZero bool) (*batchFact, bool) {
	dims, ok := c.f.solveReshape(x.dims, target, allowZero)
	if !ok {
		return nil, false
	}
	axis := -1
	for i, d := range dims {
		if d.onBatch() {
			if axis >= 0 {
				return nil, false
			}
			axis = i
		}
	}
	if axis < 0 {
		return nil, false
	}
	return c.regroup(x, dims, axis)
}

// saysBatch tells whether a target names the batch: by a number computed from it, or by a 0 that copies it.
func (c *batchCall) saysBatch(x *batchFact, target []extent, allowZero bool) bool {
	for i, t := range target {
		if t.onBatch() || i == x.axis && t.is(0) && !allowZero {
			return true
		}
	}
	return false
}

// oldTarget is the shape that the target gave at the old batch.
func (c *batchCall) oldTarget(x *batchFact, target []extent, allowZero bool) ([]extent, bool) {
	in := make([]extent, len(x.dims))
	for i, d := range x.dims {
		in[i] = d.at(c.f.old)
	}
	return c.f.solveReshape(in, target, allowZero)
}

// exactAxis finds the axis of a shape made for the old batch that holds the rows and nothing else; -1 where there is none.
func (c *batchCall) exactAxis(x *batchFact, dims []extent) int {
	fits := func(i int) bool {
		return i < len(dims) && dims[i].is(c.f.old) && product(dims[:i]) == x.before()
	}
	if x.plain() && fits(x.axis) {
		return x.axis
	}
	for i := range dims {
		if fits(i) {
			return i
		}
	}
	return -1
}

// mergedAxis finds the axis of a shape made for the old batch that can hold the rows together with what lies beside them; -1 where there is
// none. Where several can, it is a matter of what comes after, and taken as networks are written: features stay in the last axis, and what is behind the
// rows stays as it was; then an axis where the rows come first. A wrong guess ends in a refusal further on, not in a wrong result.
func (c *batchCall) mergedAxis(x *batchFact, dims []extent) int {
	best, bestScore := -1, -1
	for i := range dims {
		outer, ok := x.before().div(product(dims[:i]))
		if !ok {
			continue
		}
		if _, ok := dims[i].div(outer.times(c.f.old)); !ok {
			continue
		}
		score := 0
		behind := len(dims) - 1 - i
		if behind > 0 {
			score += 4
		}
		if behind < x.rank() && formatExtents(dims[i+1:]) == formatExtents(x.dims[x.rank()-behind:]) && behind <= x.rank()-1-x.axis {
			score += 2
		}
		if outer.is(1) {
			score++
		}
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// mendReshape puts the batch into a target that was made for the old one: dims is the old shape, axis the one that holds the batch.
func (c *batchCall) mendReshape(x, target *batchFact, dims []extent, axis int, allowZero bool) ([]*batchFact, error) {
	share, ok := dims[axis].div(extentOf(c.f.old))
	if !ok {
		return nil, c.refuse("its target %s does not divide by the batch %d", formatExtents(target.vals), c.f.old)
	}
	out := append([]extent{}, dims...)
	out[axis] = share.mul(batchExtent)
	y, ok := c.regroup(x, out, axis)
	if !ok {
		return nil, c.refuse("its target %s of %s cuts rows apart", formatExtents(target.vals), formatExtents(x.dims))
	}
	// A 0 copies the batch from the same axis of the input; else -1 takes what the other axes leave.
	entry := int64(-1)
	if axis < x.rank() && x.dims[axis] == out[axis] && !allowZero {
		entry = 0
	}
	vals := append([]extent{}, target.vals...)
	if s, number := share.num(); number && entry == -1 && target.elem == elemInt64 {
		for i := range vals {
			if _, known := dims[i].num(); i != axis && vals[i].is(-1) && !known {
				// It is needed for a length that is not known: what the rows take is computed.
				vals[axis] = out[axis]
				c.changed("shape", target.vals, vals)
				c.readInstead(1, c.splice(c.n.Input[1], target, axis, c.rowsTimes(s)))
				return one(y)
			}
		}
	}
	for i := range vals {
		if i != axis && vals[i].is(-1) && entry == -1 {
			vals[i] = dims[i]
		}
	}
	vals[axis] = extentOf(entry)
	if err := c.mendTarget(1, "shape", target, vals, axis); err != nil {
		return nil, err
	}
	return one(y)
}

// rowsTimes makes a list of one element: how many rows the model is given, times a number.
func (c *batchCall) rowsTimes(share int64) string {
	rows := c.length(c.f.source, c.f.sourceAxis)
	if share == 1 {
		return rows
	}
	key := fmt.Sprintf("rows times %d", share)
	if name := c.f.shared[key]; name != "" {
		return name
	}
	by := c.f.constant(rows+"_times", elemInt64, []int64{share})
	name := c.emit("Mul", rows+"_product", valsFact(elemInt64, []int64{1}, []extent{batchExtent.mul(extentOf(share))}), []string{rows, by})
	c.f.shared[key] = name
	return name
}

// behindOne has an operator that takes all axes together begin behind the batch, and not before it: where that was one row there is no difference.
func (c *batchCall) behindOne(x *batchFact) bool {
	if x.axis != 0 || !x.plain() || c.f.old != 1 || c.f.free {
		return false
	}
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), "axis 0", "axis 1")
	setAttr(c.n, onnxpb.Int("axis", 1))
	return true
}

// flatten is Flatten.
func (c *batchCall) flatten() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	cut := c.n.AttrInt("axis", 1)
	if cut < 0 {
		cut += int64(x.rank())
	}
	if cut < 0 || cut > int64(x.rank()) {
		return nil, c.refuse("its axis does not fit %s", formatExtents(x.dims))
	}
	dims := []extent{product(x.dims[:cut]), product(x.dims[cut:])}
	if !x.rows() {
		return one(freeFact(dims))
	}
	if cut == 0 && c.behindOne(x) {
		cut, dims = 1, []extent{x.dims[0], product(x.dims[1:])}
	}
	axis := 0
	if int64(x.axis) >= cut {
		axis = 1
	}
	y, ok := c.regroup(x, dims, axis)
	if !ok {
		return nil, c.refuse("%s cannot be flattened row by row", formatExtents(x.dims))
	}
	return one(y)
}

// expand is Expand. A 1 in the target keeps what is there, so a target made for batch 1 holds for every batch.
func (c *batchCall) expand() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	target := c.input(1)
	if target == nil || target.vals == nil || target.rank() != 1 {
		if x.rows() {
			return nil, c.refuse("its target shape is not known")
		}
		return nil, nil
	}
	vals := target.vals
	rank := max(x.rank(), len(vals))
	if y := c.uniform(x, vals); y != nil {
		x = y
	}
	dims := make([]extent, rank)
	axis, outer := -1, extentOf(1)
	if x.rows() {
		axis, outer = x.axis+rank-x.rank(), x.outer
	}
	for j := range dims {
		have, want := extentOf(1), extentOf(1)
		if k := j - (rank - x.rank()); k >= 0 {
			have = x.dims[k]
		}
		k := j - (rank - len(vals))
		if k >= 0 {
			want = vals[k]
		}
		switch {
		case want.bad || want.onBatch() && !(have.is(1) && axis < 0) && have != want:
			return nil, c.refuse("its target %s and its input %s put the batch in different places", formatExtents(vals), formatExtents(x.dims))
		case want.onBatch() && have.is(1):
			axis = j
		case j == axis && !want.onBatch() && !want.is(1):
			// The old batch, written out: 1 is as good, since the input has the rows already.
			if want != have.at(c.f.old) {
				return nil, c.refuse("it expands axis %d, which holds the batch (%s), to %s", x.axis, formatExtents(x.dims), want)
			}
			if err := c.mendElement(1, "shape", k, 1); err != nil {
				return nil, err
			}
			want = extentOf(1)
		}
		dims[j] = c.f.meet(have, want)
	}
	if axis < 0 {
		return one(freeFact(dims))
	}
	return one(rowsFact(dims, axis, outer))
}

// uniform has Expand begin with one element, where its input is a constant that is as long as the rows of the old batch, and the same all over: the states of zeros of a recurrent layer. Nil where it is no such.
func (c *batchCall) uniform(x *batchFact, target []extent) *batchFact {
	if x.moves() || c.f.free || x.rank() != len(target) || !slices.ContainsFunc(target, extent.onBatch) {
		return nil
	}
	longer := false
	for i, want := range target {
		longer = longer || want.onBatch() && !x.dims[i].is(1) && x.dims[i] == want.at(c.f.old)
		if !x.dims[i].is(1) && x.dims[i] != want.at(c.f.old) {
			return nil // a 1 in the target keeps the axis, which one element would not
		}
	}
	name := c.n.Input[0]
	t := c.f.g.Initializer(name)
	if p := c.f.g.Producer(name); p != nil && p.GetOpType() == "Constant" {
		t = p.Attr("value").GetT()
	}
	if !longer || t == nil || t.GetDataType() == int32(onnxpb.TensorProto_STRING) || len(t.GetExternalData()) > 0 {
		return nil
	}
	a, err := onnxpb.Decode(t, "")
	if err != nil || a.Len() == 0 {
		return nil
	}
	raw, err := a.Raw()
	size := len(raw) / a.Len()
	if err != nil || size == 0 || size*a.Len() != len(raw) {
		return nil
	}
	for i := size; i < len(raw); i += size {
		if !bytes.Equal(raw[i:i+size], raw[:size]) {
			return nil
		}
	}
	ones := slices.Repeat([]int64{1}, x.rank())
	one, err := onnxpb.ArrayFromRaw(a.Type, ones, raw[:size])
	if err != nil {
		return nil
	}
	c.changed("input", x.dims, extentsOf(ones))
	c.readInstead(0, c.f.initializer(one.Proto(c.f.names.Value(name+"_one"))))
	return c.in[0]
}

// tile is Tile: of rows along other axes, or of something free once for every row.
func (c *batchCall) tile() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	repeats := c.input(1)
	if repeats == nil || repeats.vals == nil || len(repeats.vals) != x.rank() {
		return nil, c.refuse("how often it repeats is not known")
	}
	y := like(x)
	for i, r := range repeats.vals {
		y.dims[i] = x.dims[i].mul(r)
		switch {
		case r.is(1):
		case r.onBatch() && (x.rows() || y.axis >= 0 || r.bad):
			return nil, c.refuse("it repeats %s once for every row (%s)", formatExtents(x.dims), formatExtents(repeats.vals))
		case r.onBatch():
			y.axis, y.outer = i, extentOf(1)
		case i == x.axis:
			// The copies lie one behind the other, each with all rows.
			y.outer = y.outer.mul(r)
		}
	}
	return one(y)
}

// constantOfShape is ConstantOfShape; where the shape holds the batch, all rows are the same.
func (c *batchCall) constantOfShape() ([]*batchFact, error) {
	shape := c.input(0)
	if shape == nil || shape.vals == nil || shape.rank() != 1 {
		return nil, c.refuse("its shape is not known")
	}
	y := freeFact(append([]extent{}, shape.vals...))
	y.elem = onnxpb.TensorProto_FLOAT
	if a := c.n.Attr("value"); a != nil {
		y.elem = onnxpb.TensorProto_DataType(a.GetT().GetDataType())
	}
	for i, d := range y.dims {
		if !d.onBatch() {
			continue
		}
		if y.axis >= 0 || d.bad {
			return nil, c.refuse("its shape %s depends on the batch in a way that cannot be followed", formatExtents(shape.vals))
		}
		y.axis, y.outer = i, extentOf(1)
	}
	return one(y)
}
