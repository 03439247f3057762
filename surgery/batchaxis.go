package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

// reduce is a reduction over axes that do not hold the batch.
func (c *batchCall) reduce() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	list, given, err := c.ints("axes", 1)
	if err != nil {
		return nil, err
	}
	if !given || len(list) == 0 {
		if c.n.AttrInt("noop_with_empty_axes", 0) != 0 {
			return one(like(x))
		}
		if x.rows() {
			return nil, c.mixes("it reduces over all axes, that of the batch (axis %d of %s) too", x.axis, formatExtents(x.dims))
		}
		for i := range x.dims {
			list = append(list, int64(i))
		}
	}
	return c.dropAxes(x, list, c.n.AttrInt("keepdims", 1) != 0)
}

// argReduce is ArgMax and ArgMin.
func (c *batchCall) argReduce() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	return c.dropAxes(x, []int64{c.n.AttrInt("axis", 0)}, c.n.AttrInt("keepdims", 1) != 0)
}

// dropAxes is the shape that is left when axes are reduced.
func (c *batchCall) dropAxes(x *batchFact, list []int64, keep bool) ([]*batchFact, error) {
	gone := make([]bool, x.rank())
	for _, a := range list {
		i, ok := normAxis(a, x.rank())
		if !ok {
			return nil, c.refuse("its axis %d does not fit %s", a, formatExtents(x.dims))
		}
		if i == x.axis {
			return nil, c.mixes("it reduces over axis %d, which holds the batch (%s)", i, formatExtents(x.dims))
		}
		gone[i] = true
	}
	y := like(x)
	y.dims = y.dims[:0]
	for i, d := range x.dims {
		switch {
		case !gone[i]:
			if i == x.axis {
				y.axis = len(y.dims)
			}
			y.dims = append(y.dims, d)
		case keep:
			y.dims = append(y.dims, extentOf(1))
		}
	}
	return one(y)
}

// softmax is Softmax, LogSoftmax and Hardmax; before version 13 they work on all axes from one on.
func (c *batchCall) softmax() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if !x.rows() {
		return one(like(x))
	}
	if c.f.opset >= 13 {
		return c.notAlong(x, -1)
	}
	axis := c.n.AttrInt("axis", 1)
	if axis < 0 {
		axis += int64(x.rank())
	}
	if axis < 0 || axis > int64(x.rank()) {
		return nil, c.refuse("its axis does not fit %s", formatExtents(x.dims))
	}
	if axis == 0 && x.rank() > 1 && c.behindOne(x) {
		axis = 1
	}
	if int64(x.axis) >= axis {
		return nil, c.mixes("before version 13 it works over all axes from %d on, that of the batch (axis %d of %s) too", axis, x.axis, formatExtents(x.dims))
	}
	return one(like(x))
}

// axisBeside returns the axis that an attribute names, which must not be that of the batch; does says what the operator does along it.
func (c *batchCall) axisBeside(x *batchFact, def int64, does string) (int, error) {
	axis, err := c.axis(x, def)
	if err == nil && axis == x.axis {
		err = c.mixes("it %s axis %d, which holds the batch (%s)", does, axis, formatExtents(x.dims))
	}
	return axis, err
}

// notAlong is an operator that works along one axis and keeps the shape.
func (c *batchCall) notAlong(x *batchFact, def int64) ([]*batchFact, error) {
	if _, err := c.axisBeside(x, def, "works along"); err != nil {
		return nil, err
	}
	return one(like(x))
}

// alongAxis is LpNormalization, and CumSum, whose axis is an input.
func (c *batchCall) alongAxis() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if !x.rows() {
		return one(like(x))
	}
	if c.n.GetOpType() == "LpNormalization" {
		return c.notAlong(x, -1)
	}
	list, given, err := c.ints("", 1)
	if err != nil {
		return nil, err
	}
	if !given || len(list) != 1 {
		return nil, c.refuse("its axis is not known")
	}
	axis, ok := normAxis(list[0], x.rank())
	if !ok {
		return nil, c.refuse("its axis %d does not fit %s", list[0], formatExtents(x.dims))
	}
	if axis == x.axis {
		return nil, c.mixes("it adds up along axis %d, which holds the batch (%s)", axis, formatExtents(x.dims))
	}
	return one(like(x))
}

// topK is TopK.
func (c *batchCall) topK() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axis, err := c.axisBeside(x, -1, "picks along")
	if err != nil {
		return nil, err
	}
	y := like(x)
	y.dims[axis] = c.f.unknown()
	if k := c.input(1); k != nil && len(k.vals) == 1 {
		y.dims[axis] = k.vals[0]
	} else if a := c.n.Attr("k"); a != nil {
		y.dims[axis] = extentOf(a.GetI())
	}
	return []*batchFact{y, like(y)}, nil
}

// transpose is Transpose.
func (c *batchCall) transpose() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	perm, ok := c.perm(x.rank())
	if !ok {
		return nil, c.refuse("its perm does not fit %s", formatExtents(x.dims))
	}
	y := like(x)
	for i, p := range perm {
		y.dims[i] = x.dims[p]
		if p == x.axis {
			y.axis = i
		}
	}
	return one(y)
}

// perm returns the permutation of this Transpose.
func (c *batchCall) perm(rank int) ([]int, bool) { return transposition(c.n, rank) }

// transposition returns the permutation of a Transpose.
func transposition(n *onnxpb.NodeProto, rank int) ([]int, bool) {
	perm := make([]int, rank)
	a := n.Attr("perm")
	if a == nil {
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm, true
	}
	seen := make([]bool, rank)
	if len(a.Ints) != rank {
		return nil, false
	}
	for i, p := range a.Ints {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, false
		}
		perm[i], seen[p] = int(p), true
	}
	return perm, true
}

// dropped remembers that this Squeeze would drop the batch.
func (c *batchCall) dropped(x *batchFact) {
	if len(c.n.GetOutput()) == 1 && c.n.Output[0] != "" && len(c.n.GetInput()) > 0 {
		c.f.squeezed = &squeezedBatch{c.n.Output[0], x.axis}
	}
}

// squeeze is Squeeze of axes that do not hold the batch.
func (c *batchCall) squeeze() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	list, given, err := c.ints("axes", 1)
	if err != nil {
		return nil, err
	}
	if !given {
		if x.rows() && x.dims[x.axis].at(c.f.old).is(1) {
			c.dropped(x)
			return nil, c.refuse("without axes it drops the batch where that is 1, and keeps it otherwise")
		}
		oneRow := x.rows() && x.dims[x.axis].at(1).is(1) // which would go, too
		for i, d := range x.dims {
			if i == x.axis {
				continue
			}
			n, known := d.num()
			if !known {
				return nil, c.refuse("which axes it drops is not known (%s)", formatExtents(x.dims))
			}
			if n == 1 {
				list = append(list, int64(i))
			}
		}
		if oneRow {
			if err := c.squeezeOnly(list); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range list {
		if i, ok := normAxis(a, x.rank()); ok && i == x.axis {
			c.dropped(x)
			return nil, c.refuse("it drops axis %d, which holds the batch (%s)", i, formatExtents(x.dims))
		}
	}
	return c.dropAxes(x, list, false)
}

// squeezeOnly writes down the axes that go.
func (c *batchCall) squeezeOnly(axes []int64) error {
	switch {
	case len(axes) == 0:
		return c.refuse("it would drop the batch where that is 1")
	case c.f.opset < 13:
		c.n.Attribute = append(c.n.Attribute, onnxpb.Ints("axes", axes...))
	default:
		name := c.f.constant(c.n.Input[0]+"_axes", elemInt64, axes)
		c.n.Input = append(c.n.Input[:1:1], name)
		c.in = append(c.in[:1:1], c.f.facts[name])
	}
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), "all axes of 1", fmt.Sprintf("axes %v", axes))
	return nil
}

// unsqueeze is Unsqueeze.
func (c *batchCall) unsqueeze() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	list, given, err := c.ints("axes", 1)
	if err != nil {
		return nil, err
	}
	rank := x.rank() + len(list)
	isNew := make([]bool, rank)
	for _, a := range list {
		i, ok := normAxis(a, rank)
		if !ok || isNew[i] {
			return nil, c.refuse("its axes do not fit %s", formatExtents(x.dims))
		}
		isNew[i] = true
	}
	if !given {
		return nil, c.refuse("it has no axes")
	}
	y := like(x)
	y.dims = make([]extent, 0, rank)
	next := 0
	for i := range rank {
		if isNew[i] {
			y.dims = append(y.dims, extentOf(1))
			continue
		}
		if next == x.axis {
			y.axis = i
		}
		y.dims = append(y.dims, x.dims[next])
		next++
	}
	return one(y)
}

// pad is Pad of axes that do not hold the batch.
func (c *batchCall) pad() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	pads, given, err := c.ints("pads", 1)
	if err != nil {
		return nil, err
	}
	axes := make([]int64, x.rank())
	for i := range axes {
		axes[i] = int64(i)
	}
	if c.input(3) != nil {
		if axes, _, err = c.ints("", 3); err != nil {
			return nil, err
		}
	}
	if !given || len(pads) != 2*len(axes) {
		return nil, c.refuse("its pads do not fit %s", formatExtents(x.dims))
	}
	y := like(x)
	for i, a := range axes {
		axis, ok := normAxis(a, x.rank())
		if !ok {
			return nil, c.refuse("its axes do not fit %s", formatExtents(x.dims))
		}
		sum := pads[i] + pads[i+len(axes)]
		switch {
		case pads[i] == 0 && pads[i+len(axes)] == 0:
		case axis == x.axis:
			return nil, c.refuse("it pads axis %d, which holds the batch (%s)", axis, formatExtents(x.dims))
		default:
			y.dims[axis] = c.f.arith("Add", x.dims[axis], extentOf(sum), onnxpb.TensorProto_INT64)
		}
	}
	return one(y)
}

// oneHot is OneHot of indices that hold the batch.
func (c *batchCall) oneHot() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axis, ok := normAxis(c.n.AttrInt("axis", -1), x.rank()+1)
	if !ok {
		return nil, c.refuse("its axis does not fit %s", formatExtents(x.dims))
	}
	depth := c.f.unknown()
	if d := c.input(1); d != nil && len(d.vals) == 1 {
		depth = d.vals[0]
	}
	y := like(x)
	y.dims = append(append(append([]extent{}, x.dims[:axis]...), depth), x.dims[axis:]...)
	if y.axis >= axis {
		y.axis++
	}
	return one(y)
}

// trilu is Trilu, which works on the last two axes.
func (c *batchCall) trilu() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if x.rows() && x.axis >= x.rank()-2 {
		return nil, c.mixes("it works on the last two axes, one of which holds the batch (%s)", formatExtents(x.dims))
	}
	return one(like(x))
}

// depthSpace is DepthToSpace and SpaceToDepth on [N,C,H,W].
func (c *batchCall) depthSpace() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if x.rank() != 4 || x.rows() && x.axis != 0 {
		return nil, c.refuse("the batch does not lie in axis 0 of four (%s)", formatExtents(x.dims))
	}
	b := extentOf(c.n.AttrInt("blocksize", 1))
	y := like(x)
	quotient := func(a, b extent) extent {
		if q, ok := a.div(b); ok {
			return q
		}
		return c.f.unknown()
	}
	if c.n.GetOpType() == "DepthToSpace" {
		y.dims[1], y.dims[2], y.dims[3] = quotient(x.dims[1], b.mul(b)), x.dims[2].mul(b), x.dims[3].mul(b)
	} else {
		y.dims[1], y.dims[2], y.dims[3] = x.dims[1].mul(b).mul(b), quotient(x.dims[2], b), quotient(x.dims[3], b)
	}
	return one(y)
}
