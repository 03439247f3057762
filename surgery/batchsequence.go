package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// A sequence of tensors of which some depend on the batch is followed element by element: its fact lists those of its elements. It is made and read by the operators of sequences alone.

// moves tells whether a value depends on the batch, or holds what does.
func (x *batchFact) moves() bool {
	return x.rows() || x.sized() || x != nil && slices.ContainsFunc(x.seq, (*batchFact).moves)
}

// sequenceOps are the operators that read or make a sequence whose elements are known.
var sequenceOps map[string]func(*batchCall) (*batchFact, error)

func init() {
	sequenceOps = map[string]func(*batchCall) (*batchFact, error){
		"SequenceConstruct": (*batchCall).sequenceConstruct, "SplitToSequence": (*batchCall).splitToSequence, "SequenceAt": (*batchCall).sequenceAt, "SequenceInsert": (*batchCall).sequenceInsert,
		"SequenceErase": (*batchCall).sequenceErase, "SequenceLength": (*batchCall).sequenceLength, "ConcatFromSequence": (*batchCall).concatFromSequence,
		"SequenceEmpty": func(*batchCall) (*batchFact, error) { return sequenceFact(nil), nil },
		"Identity":      func(c *batchCall) (*batchFact, error) { return c.in[0], nil },
	}
}

// sequences follows an operator of sequences; false where it is none, or where nothing is known of its sequence, none of which depends on the batch.
func (c *batchCall) sequences() (outs []*batchFact, followed bool, err error) {
	op := c.n.GetOpType()
	rule := sequenceOps[op]
	if onnxpb.NormalDomain(c.n.GetDomain()) != "" {
		rule = nil
	}
	holds := slices.ContainsFunc(c.in, func(x *batchFact) bool { return x != nil && x.seq != nil && x.moves() })
	switch {
	case rule == nil && holds:
		return nil, true, c.refuse("its input is a sequence of what depends on the batch, and what %s does to it is not known", op)
	case rule == nil || !holds && op == "Identity":
		return nil, false, nil
	}
	x, err := rule(c)
	if err != nil {
		if !holds && !slices.ContainsFunc(c.in, (*batchFact).moves) {
			return nil, false, nil // what is not known of it does no harm
		}
		return nil, true, err
	}
	return []*batchFact{x}, true, nil
}

func sequenceFact(elements []*batchFact) *batchFact {
	x := unknownFact()
	x.seq = append([]*batchFact{}, elements...) // not nil where it is empty
	return x
}

func (c *batchCall) sequenceConstruct() (*batchFact, error) {
	for i := range c.in {
		if _, err := c.data(i); err != nil {
			return nil, err
		}
	}
	return sequenceFact(c.in), nil
}

// elements returns those of the sequence that an input is.
func (c *batchCall) elements() ([]*batchFact, error) {
	if x := c.input(0); x != nil && x.seq != nil {
		return x.seq, nil
	}
	return nil, c.refuse("the elements of its sequence are not known")
}

// place returns the index that an input says, or the last but so many.
func (c *batchCall) place(input, count, last int) (int, error) {
	x := c.input(input)
	if x == nil && last >= 0 {
		return last, nil
	}
	if numbers, ok := x.numbers(); ok && len(numbers) == 1 {
		if i, ok := normAxis(numbers[0], count); ok {
			return i, nil
		}
	}
	return 0, c.refuse("which element of the sequence it takes is not known")
}

func (c *batchCall) sequenceAt() (*batchFact, error) {
	list, err := c.elements()
	if err != nil {
		return nil, err
	}
	i, err := c.place(1, len(list), -1)
	if err != nil {
		return nil, err
	}
	return list[i], nil
}

func (c *batchCall) sequenceInsert() (*batchFact, error) {
	list, err := c.elements()
	if err != nil {
		return nil, err
	}
	x, err := c.data(1)
	if err != nil {
		return nil, err
	}
	i, err := c.place(2, len(list), len(list))
	if err != nil {
		return nil, err
	}
	return sequenceFact(slices.Insert(slices.Clone(list), i, x)), nil
}

func (c *batchCall) sequenceErase() (*batchFact, error) {
	list, err := c.elements()
	if err != nil {
		return nil, err
	}
	i, err := c.place(1, len(list), len(list)-1)
	if err != nil {
		return nil, err
	}
	return sequenceFact(slices.Delete(slices.Clone(list), i, i+1)), nil
}

func (c *batchCall) sequenceLength() (*batchFact, error) {
	list, err := c.elements()
	if err != nil {
		return nil, err
	}
	return valsFact(elemInt64, nil, []extent{extentOf(int64(len(list)))}), nil
}

// splitToSequence is SplitToSequence along an axis that does not hold the batch and whose size is known.
func (c *batchCall) splitToSequence() (*batchFact, error) {
	x, err := c.data(0)
	if err != nil {
		return nil, err
	}
	axis, err := c.axisBeside(x, 0, "splits")
	if err != nil {
		return nil, err
	}
	total, known := x.dims[axis].num()
	if !known {
		return nil, c.refuse("how many parts it makes is not known: axis %d of %s", axis, formatExtents(x.dims))
	}
	var sizes []int64
	by := c.input(1)
	numbers, ok := by.numbers()
	switch {
	case by == nil:
		sizes = slices.Repeat([]int64{1}, int(min(total, maxVals)))
	case !ok || by.rank() == 0 && (len(numbers) != 1 || numbers[0] < 1):
		return nil, c.refuse("the sizes of its parts are not known")
	case by.rank() == 0:
		for left := total; left > 0 && len(sizes) <= maxVals; left -= numbers[0] {
			sizes = append(sizes, min(left, numbers[0]))
		}
	default:
		sizes = numbers
	}
	if len(sizes) > maxVals || by == nil && total > maxVals {
		return nil, c.refuse("it makes more than %d parts", maxVals)
	}
	var list []*batchFact
	for _, n := range sizes {
		y := like(x)
		y.dims[axis] = extentOf(n)
		if by == nil && c.n.AttrInt("keepdims", 1) == 0 {
			y.dims = slices.Delete(y.dims, axis, axis+1)
			if y.axis > axis {
				y.axis--
			}
		}
		list = append(list, y)
	}
	return sequenceFact(list), nil
}

// concatFromSequence is ConcatFromSequence of elements that hold the rows alike, along another axis or a new one.
func (c *batchCall) concatFromSequence() (*batchFact, error) {
	list, err := c.elements()
	if err != nil || len(list) == 0 {
		return nil, c.refuse("the elements of its sequence are not known")
	}
	first := list[0]
	if !first.ranked {
		return nil, c.refuse("the elements of its sequence are not known")
	}
	for _, x := range list {
		if !x.rows() || x.axis != first.axis || x.rank() != first.rank() || x.dims[x.axis] != first.dims[first.axis] || x.outer != first.outer {
			return nil, c.refuse("the elements of its sequence do not hold the rows alike (%s, %s)", formatExtents(first.dims), formatExtents(x.dims))
		}
	}
	fresh := c.n.AttrInt("new_axis", 0) != 0
	rank := first.rank()
	if fresh {
		rank++
	}
	axis, ok := normAxis(c.n.AttrInt("axis", 0), rank)
	switch {
	case !ok:
		return nil, c.refuse("its axis does not fit %s", formatExtents(first.dims))
	case fresh:
		return c.f.stacked(first, axis, extentOf(int64(len(list)))), nil
	case axis == first.axis:
		return nil, c.mixes("it joins along axis %d, which holds the batch (%s)", axis, formatExtents(first.dims))
	}
	y := like(first)
	total := extentOf(0)
	for _, x := range list {
		total = c.f.arith("Add", total, x.dims[axis], onnxpb.TensorProto_INT64)
	}
	y.dims[axis] = total
	return y, nil
}

// declareSequence writes the batch into the declaration of a sequence, where all of its elements hold it alike; of others no shape is declared any more.
func declareSequence(v *onnxpb.ValueInfoProto, x *batchFact, batch onnxpb.Dim) {
	t := v.GetType().GetSequenceType().GetElemType().GetTensorType()
	if t.GetShape() == nil {
		return
	}
	first := x.seq[0]
	for _, y := range x.seq {
		if !y.rows() || y.axis != first.axis || y.rank() != len(t.Shape.Dim) || y.dims[y.axis] != first.dims[first.axis] {
			t.Shape = nil
			return
		}
	}
	first.dims[first.axis].dim(batch).Set(t.Shape.Dim[first.axis])
}
