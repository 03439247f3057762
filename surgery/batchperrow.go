package surgery

import (
	"slices"
	"sync"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// perRowOps are the operators whose rules need to know what was inferred.
var perRowOps = map[string]bool{}

// rowInputs says which inputs of an operator have a row for each element of axis 0; all others are the same for every row.
type rowInputs struct {
	all    []int
	either map[int]int // inputs that have one in axis 0 or one for all, and the rank at which they have that axis
	rank   int         // the least that the first may have
}

// addPerRow adds operators that work on each element of axis 0 by itself.
func addPerRow(rules map[string]batchRule, ops map[string]rowInputs) {
	for op, inputs := range ops {
		perRowOps[op] = true
		rows := at(inputs.all...)
		for i := range inputs.either {
			rows |= at(i)
		}
		rules[op] = batchRule{func(c *batchCall) ([]*batchFact, error) { return c.perRow(inputs) }, rows, 0}
	}
}

// perRow is an operator that works on each element of axis 0 of some inputs by itself. One of them that is the same for every row is repeated.
func (c *batchCall) perRow(of rowInputs) ([]*batchFact, error) {
	inputs, holder := slices.Clone(of.all), -1
	for i, rank := range of.either {
		if x := c.input(i); x.rows() || x != nil && x.ranked && x.rank() == rank && !x.dims[0].is(1) {
			if !x.ranked || x.rank() != rank {
				return nil, c.refuse("its input %q (%s) holds rows, which it takes at rank %d only", c.n.Input[i], formatExtents(x.dims), rank)
			}
			inputs = append(inputs, i)
		}
	}
	slices.Sort(inputs)
	if x := c.input(0); x.rows() && x.rank() < of.rank {
		return nil, c.mixes("of rank %d its input %q is one row", x.rank(), c.n.Input[0])
	}
	for _, i := range inputs {
		x := c.input(i)
		if !x.rows() {
			continue
		}
		if x.axis != 0 {
			return nil, c.mixes("the batch lies in axis %d of its input %q (%s), of which it takes axis 0 for the batch", x.axis, c.n.Input[i], formatExtents(x.dims))
		}
		if holder < 0 {
			holder = i
		}
		if h := c.in[holder]; x.dims[0] != h.dims[0] || x.outer != h.outer {
			return nil, c.refuse("its inputs %q (%s) and %q (%s) do not grow together", c.n.Input[holder], formatExtents(h.dims), c.n.Input[i], formatExtents(x.dims))
		}
	}
	if holder < 0 {
		return nil, nil
	}
	for _, i := range inputs {
		if x := c.input(i); x != nil && !x.rows() {
			if !x.ranked {
				return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
			}
			if err := c.grow(i, 0, holder); err != nil {
				return nil, err
			}
		}
	}
	h := c.in[holder]
	outs := make([]*batchFact, len(c.n.GetOutput()))
	alone := sync.OnceValue(c.inferAlone)
	for i, name := range c.n.GetOutput() {
		if name == "" {
			continue
		}
		v := c.f.inferred().Value(name)
		if v == nil || v.Kind != shape.Tensor || !v.Ranked { // in a subgraph, or among nodes that were put there
			v = alone().Value(name)
		}
		if v == nil || v.Kind != shape.Tensor || !v.Ranked || len(v.Dims) == 0 {
			return nil, c.refuse("the rank of its output %q is not known", name)
		}
		if n, ok := v.Dims[0].Const(); ok && extentOf(n) != h.dims[0].at(c.f.old) && !c.f.free {
			return nil, c.refuse("axis 0 of its output %q is %d, not the batch", name, n)
		}
		dims := make([]extent, len(v.Dims))
		for k, d := range v.Dims {
			dims[k] = c.f.unknown()
			if n, ok := d.Const(); ok {
				dims[k] = extentOf(n)
			}
		}
		dims[0] = h.dims[0]
		outs[i] = rowsFact(dims, 0, h.outer)
	}
	return outs, nil
}

// inferAlone infers the shapes of the outputs of this node by what is known of its inputs.
func (c *batchCall) inferAlone() *shape.Result {
	top := c.f.g.Model
	g := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{c.n}}
	seen := map[string]bool{"": true}
	for i, name := range c.n.GetInput() {
		if seen[name] {
			continue
		}
		seen[name] = true
		x := c.in[i]
		if t := c.f.g.Initializer(name); t != nil {
			g.Initializer = append(g.Initializer, t)
			continue
		}
		if v, ok := x.numbers(); ok && x.elem == elemInt64 {
			if dims, ok := x.numDims(); ok {
				g.Initializer = append(g.Initializer, onnxpb.TensorOf(name, dims, v))
				continue
			}
		}
		elem := x.elem
		if elem == onnxpb.TensorProto_UNDEFINED {
			elem = onnxpb.TensorProto_FLOAT
		}
		var dims []onnxpb.Dim
		if x.ranked {
			dims = make([]onnxpb.Dim, x.rank())
			for k, d := range x.dims {
				if n, ok := d.at(c.f.old).num(); ok && !(c.f.free && d.onBatch()) {
					dims[k] = onnxpb.Number(n)
				}
			}
		}
		g.Input = append(g.Input, onnxpb.TensorValue(name, elem, dims))
	}
	return shape.Infer(&onnxpb.ModelProto{IrVersion: top.IrVersion, OpsetImport: top.OpsetImport, Graph: g}, shape.Options{})
}

// rotary is RotaryEmbedding, of ONNX and of ONNX Runtime: which of the inputs beside the first have a batch is told by their ranks.
func (c *batchCall) rotary() ([]*batchFact, error) {
	inputs := []int{0}
	microsoft := onnxpb.NormalDomain(c.n.GetDomain()) != "" // where the positions come first, and tables have two axes
	for i := 1; i < len(c.in); i++ {
		x := c.in[i]
		if x == nil {
			continue
		}
		if !x.ranked {
			return nil, c.refuse("the rank of its input %q is not known", c.n.Input[i])
		}
		// Positions [N,S], and tables [N,S,D] where there are no positions; an offset [1] and tables [S,D] are for all rows.
		if positions := i == 1 && microsoft || i == 3 && !microsoft; positions && x.rank() == 2 || !positions && x.rank() == 3 {
			inputs = append(inputs, i)
		} else if x.rows() {
			return nil, c.refuse("its input %q depends on what the rows hold, so one row's result would hang on the others", c.n.Input[i])
		}
	}
	return c.perRow(rowInputs{all: inputs})
}

// skipNormalize is a normalisation of the sum of two tensors, of which the second may lack the axis of the batch.
func (c *batchCall) skipNormalize() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	skip, err := c.data(1)
	if err != nil {
		return nil, err
	}
	if x.rank() == skip.rank() {
		return c.perRow(rowInputs{all: []int{0, 1}})
	}
	if skip.rows() {
		return nil, c.refuse("%q (%s) holds rows, and has not the rank of %q (%s)", c.n.Input[1], formatExtents(skip.dims), c.n.Input[0], formatExtents(x.dims))
	}
	return c.perRow(rowInputs{all: []int{0}})
}

// inferred returns what follows for the values of the model as it was: shapes at the old batch.
func (f *batchFlow) inferred() *shape.Result {
	if f.shapes == nil {
		f.shapes = shape.Infer(f.g.Model, shape.Options{})
	}
	return f.shapes
}

// biased is an activation that may add a bias along the last axis before.
func (c *batchCall) biased() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if b := c.input(1); b != nil && x.rows() && x.axis == x.rank()-1 {
		return nil, c.mixes("it adds along axis %d, which holds the batch (%s)", x.axis, formatExtents(x.dims))
	}
	return one(like(x))
}

// scatterElements is ScatterElements along an axis that is not the batch: data, indices and updates have the same rows.
func (c *batchCall) scatterElements() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if _, err := c.axisBeside(x, 0, "puts elements along"); err != nil {
		return nil, err
	}
	holder := -1
	for i := range 3 {
		y, err := c.data(i)
		if err != nil {
			return nil, err
		}
		if y.rows() && holder < 0 {
			holder = i
		}
	}
	if holder < 0 {
		return one(like(x))
	}
	h := c.in[holder]
	for i := range 3 {
		if y := c.in[i]; !y.rows() {
			if err := c.grow(i, h.axis, holder); err != nil {
				return nil, err
			}
		}
		if y := c.in[i]; y.axis != h.axis || y.dims[y.axis] != h.dims[h.axis] || y.outer != h.outer {
			return nil, c.refuse("its inputs %q (%s) and %q (%s) do not grow together", c.n.Input[holder], formatExtents(h.dims), c.n.Input[i], formatExtents(y.dims))
		}
	}
	if _, err := c.axisBeside(c.in[0], 0, "puts elements along"); err != nil {
		return nil, err
	}
	return one(like(c.in[0]))
}

// reverseSequence is ReverseSequence, whose own batch axis has to be the batch.
func (c *batchCall) reverseSequence() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axis := int(c.n.AttrInt("batch_axis", 1))
	if x.rows() {
		if x.axis != axis {
			return nil, c.mixes("the batch lies in axis %d of %s, and it takes axis %d for the batch", x.axis, formatExtents(x.dims), axis)
		}
		lengths, err := c.data(1)
		if err != nil {
			return nil, err
		}
		if !lengths.rows() {
			if err := c.grow(1, 0, 0); err != nil {
				return nil, err
			}
			lengths = c.in[1]
		}
		if lengths.dims[0] != x.dims[axis] || lengths.outer != x.outer {
			return nil, c.refuse("its lengths (%s) and its data (%s) do not grow together", formatExtents(lengths.dims), formatExtents(x.dims))
		}
	} else if c.input(1).rows() {
		return nil, c.refuse("its lengths grow with the batch and its data does not")
	}
	return one(like(x))
}

// det is Det, of the last two axes.
func (c *batchCall) det() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	if x.rank() < 2 || x.rows() && x.axis >= x.rank()-2 {
		return nil, c.mixes("the batch lies in the matrices that it takes (%s)", formatExtents(x.dims))
	}
	y := like(x)
	y.dims = y.dims[:x.rank()-2]
	return one(y)
}

// affineGrid is AffineGrid: the first of its sizes is the batch.
func (c *batchCall) affineGrid() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	size := c.input(1)
	if size == nil || size.vals == nil || len(size.vals) < 4 {
		return nil, c.refuse("its size is not known")
	}
	if !x.rows() {
		if size.sized() {
			return nil, c.refuse("it makes as many grids as there are rows of one matrix")
		}
		return nil, nil
	}
	if x.axis != 0 || !x.plain() {
		return nil, c.mixes("the batch lies in axis %d of its matrices (%s)", x.axis, formatExtents(x.dims))
	}
	if size.vals[0] != batchExtent {
		if size.vals[0] != batchExtent.at(c.f.old) || c.f.free {
			return nil, c.refuse("its size %s is not that of the batch", formatExtents(size.vals))
		}
		mended := c.splice(c.n.Input[1], size, 0, c.length(c.n.Input[0], 0))
		c.changed("size", size.vals, c.f.facts[mended].vals)
		c.readInstead(1, mended)
		size = c.f.facts[mended]
	}
	dims := append([]extent{batchExtent}, size.vals[2:]...)
	return one(rowsFact(append(dims, extentOf(int64(len(size.vals)-2))), 0, extentOf(1)))
}
