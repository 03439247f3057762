package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// Places that count through more than one row: the indices of MaxPool, and those into one list of what all rows hold.

// poolPlaces is the second output of MaxPool, whose indices count through the whole tensor, all rows of it. MaxUnpool takes them so. For all others the count begins anew in each row, as it did in the one
// row that the model was made for: the remainder by what a row holds. x is the input.
func (c *batchCall) poolPlaces(x, y *batchFact) ([]*batchFact, error) {
	raw := c.n.Output[1]
	if c.f.g.Producer(raw) != c.n { // in a subgraph or a function, of which the index does not tell who reads it
		return nil, c.refuse("its indices count through all rows, and who reads them is not looked for in a subgraph or a function")
	}
	var others []Use
	var unpools []Use
	size, known := product(x.dims[1:]).num()
	for _, u := range c.f.g.Consumers(raw) {
		switch {
		case u.Node != nil && u.Node.GetOpType() == "MaxUnpool" && u.Index == 1 && u.Node == u.Top:
			unpools = append(unpools, u)
		case u.Node != nil && u.Node.GetOpType() == "Mod" && u.Index == 0 && known && c.f.isNumber(u.Node.GetInput(), size):
		default:
			others = append(others, u)
		}
	}
	if len(others) == 0 && !c.f.g.IsOutput(raw) {
		return []*batchFact{y, like(y)}, nil
	}
	if !known || size < 1 || c.f.opset < 10 || c.f.old != 1 || c.f.free || c.f.depth > 0 {
		return nil, c.refuse("its indices count through all rows")
	}
	c.f.mends++
	name := c.f.names.Value(raw + "_all")
	for _, u := range unpools {
		u.Node.Input = slices.Clone(u.Node.Input)
		u.Node.Input[1] = name
	}
	label := c.n.Label()
	c.n.Output = slices.Clone(c.n.Output)
	c.n.Output[1] = name
	by := c.f.constant(raw+"_size", elemInt64, []int64{size})
	c.f.nodes = append(c.f.nodes, c.n, onnxpb.Node("Mod", c.f.names.Node(raw+"_row"), []string{name, by}, []string{raw}))
	c.f.facts[c.n.Output[0]], c.f.facts[name], c.f.facts[raw] = y, like(y), like(y)
	c.f.report.Add("changed", "node", label, "indices through all rows", "indices through each row")
	c.replaced = true
	return nil, nil
}

// isNumber tells whether the second of some inputs is a list of one number.
func (f *batchFlow) isNumber(inputs []string, n int64) bool {
	if len(inputs) != 2 {
		return false
	}
	t := f.g.Initializer(inputs[1])
	if t == nil || t.GetDataType() != int32(elemInt64) || !slices.Equal(t.GetDims(), []int64{1}) {
		return false
	}
	numbers, ok := f.tensorFact(t).numbers()
	return ok && numbers[0] == n
}

// maxUnpool is MaxUnpool by the indices of MaxPool, both of which count through all rows. A row has to be as large behind it as it was before MaxPool: else the count of the second row begins elsewhere.
func (c *batchCall) maxUnpool() ([]*batchFact, error) {
	if _, err := c.data(1); err != nil {
		return nil, err
	}
	p := c.f.g.Producer(c.n.Input[1])
	if p == nil || p.GetOpType() != "MaxPool" || onnxpb.NormalDomain(p.GetDomain()) != "" || len(p.GetOutput()) < 2 || p.Output[1] != c.n.Input[1] {
		return nil, c.refuse("its indices count through all rows, and %q is not made by MaxPool, which counts so", c.n.Input[1])
	}
	if size := c.input(2); size != nil {
		if len(size.vals) == 0 {
			return nil, c.refuse("its output_shape is not known")
		}
		if !size.vals[0].onBatch() {
			vals := append([]extent{}, size.vals...)
			if vals[0] = batchExtent; !size.vals[0].is(c.f.old) || size.elem != elemInt64 {
				return nil, c.refuse("its output_shape %s does not begin with the batch", formatExtents(size.vals))
			}
			c.changed("output_shape", size.vals, vals)
			c.readInstead(2, c.splice(c.n.Input[2], size, 0, c.rowsTimes(1)))
		}
	}
	outs, err := c.perRow(rowInputs{all: []int{0, 1}})
	if err != nil || len(outs) == 0 || outs[0] == nil {
		return outs, err
	}
	pooled := c.f.facts[p.Input[0]]
	if pooled == nil || pooled.rank() == 0 {
		return nil, c.refuse("how large a row was before %q is not known, through which its indices count", p.Label())
	}
	was, ok1 := product(pooled.dims[1:]).num()
	is, ok2 := product(outs[0].dims[1:]).num()
	if size := c.input(2); size != nil && len(size.vals) > 1 {
		is, ok2 = product(size.vals[1:]).num()
	}
	if !ok1 || !ok2 || was != is {
		return nil, c.refuse("its indices count through all rows, of %s as %q has them, and its own rows are not known to be as large (%s)", formatExtents(pooled.dims), p.Label(), formatExtents(outs[0].dims))
	}
	return outs, nil
}

// dft is DFT along an axis that does not hold the batch, nor the two parts of a number.
func (c *batchCall) dft() ([]*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	at := c.n.AttrInt("axis", 1)
	if c.f.opset >= 20 {
		at = -2
		if by := c.input(2); by != nil {
			numbers, ok := by.numbers()
			if !ok || len(numbers) != 1 {
				return nil, c.refuse("its axis is not known")
			}
			at = numbers[0]
		}
	}
	axis, ok := normAxis(at, x.rank())
	switch {
	case !ok:
		return nil, c.refuse("its axis %d does not fit %s", at, formatExtents(x.dims))
	case axis == x.axis || x.axis == x.rank()-1:
		return nil, c.mixes("it transforms along axis %d, and the batch lies in axis %d of %s", axis, x.axis, formatExtents(x.dims))
	}
	return c.perRow(rowInputs{all: []int{0}})
}

// listed is Gather from one list of what all rows hold, one behind the other, by indices to which the number of the row was added: x.flatten(0,1)[i + arange(n)*l]. For the one row that the model was made
// for, the number is 0; that zeros are added to the indices tells that it was meant. Each row picks from its own part of the list: GatherND does that. by are the axes of the indices; GatherND has one more.
// It returns false where the node is no such.
func (c *batchCall) listed(x, index *batchFact, by []extent, axis int) ([]*batchFact, bool) {
	if len(c.n.GetOutput()) != 1 || c.n.Output[0] == "" {
		return nil, false
	}
	if axis != 0 || x.axis != 0 || !x.outer.is(1) || x.plain() || index.axis != 0 || !index.outer.is(1) || !index.plain() && len(by) != 1 || c.f.old != 1 || c.f.free || c.f.opset < 12 {
		return nil, false
	}
	length, rest, ok := partsOf(x)
	share, whole := by[0].div(batchExtent)
	each, known := share.num()
	v := c.f.inferred().Value(c.n.Input[1])
	if !ok || !whole || !known || v == nil || v.Elem != elemInt64 || !c.f.addsZeros(c.n.Input[1]) {
		return nil, false
	}
	parts := c.parts(x, length, rest)
	// The indices of each row, as lists of one number.
	target, dims := []int64{-1}, []extent{batchExtent}
	if !index.plain() {
		target, dims = append(target, each), append(dims, share)
	}
	for _, d := range by[1:] {
		n, known := d.num()
		if !known || n == 0 {
			return nil, false
		}
		target, dims = append(target, n), append(dims, d)
	}
	single := c.emit("Reshape", c.n.Input[1]+"_each", rowsFact(append(slices.Clone(dims), extentOf(1)), 0, extentOf(1)), []string{c.n.Input[1], c.f.constant(c.n.Input[1]+"_shape", elemInt64, append(target, 1))})
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), c.n.GetOpType()+" from one list of all rows", "GatherND from each row's own part")
	inputs, out := []string{parts, single}, rowsFact(append(slices.Clone(by), x.dims[1:]...), 0, extentOf(1))
	op, attrs := "GatherND", []*onnxpb.AttributeProto{onnxpb.Int("batch_dims", 1)}
	if !index.plain() {
		// What was picked goes behind one another again.
		picked := c.emit(op, c.n.Output[0]+"_each", rowsFact(append(dims, x.dims[1:]...), 0, extentOf(1)), inputs, attrs...)
		inputs, op, attrs = []string{picked, c.f.constant(c.n.Output[0]+"_shape", elemInt64, append([]int64{-1}, rest...))}, "Reshape", nil
	}
	c.n.OpType, c.n.Input, c.n.Attribute = &op, inputs, attrs
	return []*batchFact{out}, true
}

// partsOf tells how long the part of each row is in a list of what all rows hold, and the other lengths.
func partsOf(x *batchFact) (length int64, rest []int64, ok bool) {
	inner, ok := x.dims[0].div(batchExtent)
	length, known := inner.num()
	for _, d := range x.dims[1:] {
		n, num := d.num()
		known = known && num && n > 0
		rest = append(rest, n)
	}
	return length, rest, ok && known && length > 0
}

// parts takes such a list, the first input, apart.
func (c *batchCall) parts(x *batchFact, length int64, rest []int64) string {
	dims := append([]extent{batchExtent, extentOf(length)}, x.dims[1:]...)
	target := c.f.constant(c.n.Input[0]+"_shape", elemInt64, append([]int64{-1, length}, rest...))
	return c.emit("Reshape", c.n.Input[0]+"_parts", rowsFact(dims, 0, extentOf(1)), []string{c.n.Input[0], target})
}

// mostPlaces is how many constant indices are read.
const mostPlaces = 1 << 22

// strided is Gather of all that one row holds, once each and in another order, by constant indices: as_strided, which moves a tensor to another layout, is exported so. It does with each row what it did with
// the one. It returns false where the node is no such.
func (c *batchCall) strided(x, index *batchFact, axis int) ([]*batchFact, bool) {
	if axis != 0 || x.rank() != 1 || !x.outer.is(1) || x.plain() || c.f.old != 1 || c.f.free || index.moves() || index.rank() < 2 || !index.dims[0].is(1) {
		return nil, false
	}
	length, _, ok := partsOf(x)
	dims, known := index.numDims()
	if !ok || !known || length > mostPlaces {
		return nil, false
	}
	places, ok := c.f.integers(c.n.Input[1], index)
	if !ok || int64(len(places)) != length {
		return nil, false
	}
	seen := make([]bool, length)
	for _, p := range places {
		if p < 0 {
			p += length
		}
		if p < 0 || p >= length || seen[p] {
			return nil, false
		}
		seen[p] = true
	}
	parts := c.parts(x, length, nil)
	order := c.emit("Reshape", c.n.Input[1]+"_row", freeFact(slices.Clone(index.dims[1:])), []string{c.n.Input[1], c.f.constant(c.n.Input[1]+"_shape", elemInt64, dims[1:])})
	c.f.mends++
	c.f.report.Add("changed", "node", c.n.Label(), "puts what one row holds into another order", "does so with each row")
	c.n.Input = []string{parts, order}
	setAttr(c.n, onnxpb.Int("axis", 1))
	return []*batchFact{rowsFact(append([]extent{batchExtent}, index.dims[1:]...), 0, extentOf(1))}, true
}

// integers reads a constant of integers, however long.
func (f *batchFlow) integers(name string, x *batchFact) ([]int64, bool) {
	if numbers, ok := x.numbers(); ok {
		return numbers, true
	}
	t := f.g.Initializer(name)
	if n := f.g.Producer(name); n != nil && n.GetOpType() == "Constant" {
		t = n.Attr("value").GetT()
	}
	if t == nil || len(t.GetExternalData()) > 0 {
		return nil, false
	}
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		return nil, false
	}
	v, err := a.Int64s()
	return v, err == nil
}

// addsZeros tells whether a value is made by adding integers that are all 0 and do not depend on the rows, give or take its shape.
func (f *batchFlow) addsZeros(name string) bool {
	for range 8 {
		n := f.g.Producer(name)
		if n == nil || len(n.GetInput()) == 0 {
			return false
		}
		switch n.GetOpType() {
		case "Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze":
			name = n.Input[0]
			continue
		case "Add":
			return slices.ContainsFunc(n.Input, func(in string) bool {
				numbers, ok := f.facts[in].numbers()
				return ok && len(numbers) > 0 && !slices.ContainsFunc(numbers, func(v int64) bool { return v != 0 })
			})
		}
		return false
	}
	return false
}
