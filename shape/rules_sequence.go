package shape

import (
	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

func sequenceRules() ruleSet {
	return ruleSet{
		"SequenceConstruct": sequenceConstruct, "SequenceEmpty": sequenceEmpty, "SequenceInsert": sequenceInsert, "SequenceErase": sequenceErase,
		"SequenceAt": sequenceAt, "SequenceLength": sequenceLength, "SplitToSequence": splitToSequence, "ConcatFromSequence": concatFromSequence,
		"Optional": optionalRule, "OptionalGetElement": optionalGetElement, "OptionalHasElement": optionalHasElement,
	}
}

// What a sequence's Of says is true of each of its elements. A dimension that nobody named may therefore be another one in each element, and so gets a new
// name where it leaves the sequence. How many elements a sequence or an optional holds is its Ints, one of them, where it is known: join and withoutShape
// leave it out, and sameValue sees it, as they do for elements of tensors.

// sequenceOf returns a sequence of elements; count is unknown where their number is.
func sequenceOf(of *Value, count Dim) *Value { return counted(Sequence, of, count) }

func counted(kind Kind, of *Value, count Dim) *Value {
	v := &Value{Kind: kind, Of: of}
	if count.Known() {
		v.Ints = []Dim{count}
	}
	return v
}

// countOf returns how many elements a sequence or an optional holds; unknown where that is not known.
func countOf(v *Value) Dim {
	if v == nil || v.Kind != Sequence && v.Kind != Optional || len(v.Ints) != 1 {
		return Dim{}
	}
	return v.Ints[0]
}

// leaving returns one element of a sequence, whose dimensions are not those of another one.
func leaving(of *Value, fresh func() Dim) *Value {
	if of == nil || of.Kind == Unknown {
		return nil
	}
	v := *of
	if v.Kind == Tensor && v.Ranked {
		v.Dims = make([]Dim, len(of.Dims))
		for i, d := range of.Dims {
			if v.Dims[i] = d; !named(d) {
				v.Dims[i] = fresh()
			}
		}
	}
	if v.Ints != nil {
		v.Ints = make([]Dim, len(of.Ints))
		for i, d := range of.Ints {
			if named(d) {
				v.Ints[i] = d
			}
		}
	}
	return &v
}

// sequence returns an input that is a sequence; nil, and a fault where it is proven to be something else.
func (c *call) sequence(i int) *Value {
	v := c.input(i)
	switch {
	case v == nil || v.Kind == Unknown:
		return nil
	case v.Kind != Sequence:
		c.fault("input %d is %s, not a sequence", i, article(v))
		return nil
	}
	return v
}

// article writes what kind a value is of, in a sentence.
func article(v *Value) string {
	switch v.Kind {
	case Optional, Opaque:
		return "an " + v.Kind.String()
	case Sequence:
		return "a sequence"
	}
	return "a " + v.Kind.String()
}

// elementType returns the element type of the tensors that a sequence holds; UNDEFINED where it is not known.
func elementType(seq *Value) onnxpb.TensorProto_DataType {
	if seq == nil || seq.Of == nil || seq.Of.Kind != Tensor {
		return onnxpb.TensorProto_UNDEFINED
	}
	return seq.Of.Elem
}

// element joins what is known of the elements of a sequence so far and one more, which is of the same element type. The two need not have the same rank.
func (c *call) element(of, more *Value) *Value {
	if of == nil || more == nil {
		of = unknownValue
	} else {
		of = join(of, more, c.fresh)
	}
	return of
}

// tensors makes what a sequence holds tensors of a type, where nothing better is known of it.
func tensors(of *Value, elem onnxpb.TensorProto_DataType) *Value {
	switch {
	case elem == onnxpb.TensorProto_UNDEFINED:
		return of
	case of == nil || of.Kind == Unknown:
		return unranked(elem)
	case of.Kind == Tensor && of.Elem == onnxpb.TensorProto_UNDEFINED:
		v := *of
		v.Elem = elem
		return &v
	}
	return of
}

func sequenceConstruct(c *call) {
	var of *Value
	elem, count := onnxpb.TensorProto_UNDEFINED, 0
	for i, v := range c.in {
		if v == nil {
			continue
		}
		if v.Kind != Unknown && v.Kind != Tensor {
			c.fault("input %d is %s, not a tensor", i, article(v))
			c.set(0, &Value{Kind: Sequence})
			return
		}
		switch t := c.elemOf(i); {
		case t == onnxpb.TensorProto_UNDEFINED || t == elem:
		case elem == onnxpb.TensorProto_UNDEFINED:
			elem = t
		default:
			c.fault("input %d is %s, others are %s: a sequence has elements of one type", i, onnxpb.TypeName(t), onnxpb.TypeName(elem))
			c.set(0, &Value{Kind: Sequence})
			return
		}
		if count++; count == 1 {
			of = v
		} else {
			of = c.element(of, v)
		}
	}
	c.set(0, sequenceOf(tensors(of, elem), expr.Int(int64(count))))
}

func sequenceEmpty(c *call) {
	dtype := c.attrInt("dtype", int64(onnxpb.TensorProto_FLOAT))
	t := onnxpb.TensorProto_DataType(dtype)
	if _, ok := onnxpb.TensorProto_DataType_name[int32(t)]; !ok || t == onnxpb.TensorProto_UNDEFINED || int64(t) != dtype {
		c.fault("dtype %d is not an element type", dtype)
		c.set(0, sequenceOf(nil, expr.Int(0)))
		return
	}
	c.set(0, sequenceOf(unranked(t), expr.Int(0)))
}

func sequenceInsert(c *call) {
	seq, v := c.sequence(0), c.input(1)
	if v != nil && v.Kind != Unknown && v.Kind != Tensor {
		c.fault("input 1 is %s, not a tensor", article(v))
		return
	}
	if seq == nil {
		if t := c.elemOf(1); t != onnxpb.TensorProto_UNDEFINED {
			c.set(0, sequenceOf(unranked(t), Dim{}))
		}
		return
	}
	c.position(2)
	elem, count := elementType(seq), countOf(seq)
	switch t := c.elemOf(1); {
	case elem == onnxpb.TensorProto_UNDEFINED:
		elem = t
	case t != onnxpb.TensorProto_UNDEFINED && t != elem:
		c.fault("a tensor of %s is put into a sequence of %s", onnxpb.TypeName(t), onnxpb.TypeName(elem))
		c.set(0, sequenceOf(seq.Of, count.Add(expr.Int(1))))
		return
	}
	of := v
	if !isConst(count, 0) || of == nil {
		of = c.element(seq.Of, v)
	}
	c.set(0, sequenceOf(tensors(of, elem), count.Add(expr.Int(1))))
}

func sequenceErase(c *call) {
	seq := c.sequence(0)
	if seq == nil {
		return
	}
	c.position(1)
	count := countOf(seq).Sub(expr.Int(1))
	if !count.AtLeast(0) { // also an empty sequence in a branch that is never taken
		count = Dim{}
	}
	c.set(0, sequenceOf(seq.Of, count))
}

func sequenceAt(c *call) {
	seq := c.sequence(0)
	c.position(1)
	if seq == nil {
		return
	}
	if v := leaving(seq.Of, c.fresh); v != nil {
		c.set(0, v)
	}
}

// position finds fault with an input that is not one position.
func (c *call) position(i int) {
	if dims, ok := c.dims(i); ok && product(dims).AtLeast(2) {
		c.fault("the position is a tensor of shape %s, not a single number", formatDims(dims))
	}
}

func sequenceLength(c *call) {
	count := countOf(c.sequence(0))
	if !count.Known() {
		c.setDims(0, nil)
		return
	}
	c.setInts(0, nil, []Dim{count})
}

func splitToSequence(c *call) {
	elem := c.elemOf(0)
	dims, ranked := c.dims(0)
	if !ranked {
		c.set(0, sequenceOf(unranked(elem), Dim{}))
		return
	}
	axis, ok := c.axis(c.attrInt("axis", 0), len(dims))
	if !ok {
		c.set(0, sequenceOf(unranked(elem), Dim{}))
		return
	}
	part := append([]Dim(nil), dims...)
	if !c.has(1) { // into parts of one
		part[axis] = expr.Int(1)
		if c.attrInt("keepdims", 1) == 0 {
			part = append(part[:axis], part[axis+1:]...)
		}
		c.set(0, sequenceOf(TensorOf(elem, part), dims[axis]))
		return
	}
	var count Dim
	part[axis], count = c.parts(dims[axis])
	if !part[axis].Known() {
		part[axis] = c.fresh()
	}
	c.set(0, sequenceOf(TensorOf(elem, part), count))
}

// parts returns the size that all parts have into which a dimension is split as the second input tells, and how many they are; unknown where they differ, or are not known.
func (c *call) parts(whole Dim) (size, count Dim) {
	shape, ranked := c.dims(1)
	if !ranked {
		return Dim{}, Dim{}
	}
	if len(shape) > 1 {
		c.fault("the split is a tensor of shape %s, neither a number nor a list", formatDims(shape))
		return Dim{}, Dim{}
	}
	sizes, ok := c.ints(1)
	if len(shape) == 1 {
		if !ok || len(sizes) == 0 {
			return Dim{}, shape[0]
		}
		sum, size := expr.Int(0), sizes[0]
		for _, s := range sizes {
			if s.AtMost(-1) {
				c.fault("a part has the size %s", formatDim(s))
				return Dim{}, shape[0]
			}
			sum = sum.Add(s)
			if !s.Equal(size) {
				size = Dim{}
			}
		}
		if left := whole.Sub(sum); left.AtLeast(1) || left.AtMost(-1) {
			c.fault("the parts have %s together, the dimension is %s", formatDim(sum), formatDim(whole))
		}
		return size, shape[0]
	}
	if !ok || len(sizes) != 1 || !sizes[0].Known() {
		return Dim{}, Dim{}
	}
	step := sizes[0]
	if step.AtMost(0) {
		c.fault("the parts have the size %s", formatDim(step))
		return Dim{}, Dim{}
	}
	if !step.AtLeast(1) || !whole.Known() {
		return Dim{}, Dim{}
	}
	if n, exact := whole.DivExact(step); exact {
		return step, n
	}
	count = whole.CeilDiv(step)
	if whole.Sub(step).AtMost(0) { // all in one part
		return whole, count
	}
	return Dim{}, count
}

func concatFromSequence(c *call) {
	seq := c.sequence(0)
	if seq == nil || seq.Of == nil {
		return
	}
	if seq.Of.Kind != Tensor {
		if seq.Of.Kind != Unknown {
			c.fault("the sequence holds %s, not tensors", seq.Of.Kind)
		}
		return
	}
	c.setElem(0, seq.Of.Elem)
	stack := c.attrInt("new_axis", 0)
	if stack != 0 && stack != 1 {
		c.fault("new_axis is %d, neither 0 nor 1", stack)
		return
	}
	if c.attr("axis") == nil || !seq.Of.Ranked {
		return
	}
	count := countOf(seq)
	part := leaving(seq.Of, c.fresh).Dims
	if stack == 1 {
		axis, ok := c.axis(c.attrInt("axis", 0), len(part)+1)
		if !ok {
			return
		}
		dims := append(append(append([]Dim(nil), part[:axis]...), count), part[axis:]...)
		c.setDims(0, dims)
		return
	}
	if len(part) == 0 {
		c.fault("scalars cannot be joined along an axis, but along a new one")
		return
	}
	axis, ok := c.axis(c.attrInt("axis", 0), len(part))
	if !ok {
		return
	}
	if named(part[axis]) {
		part[axis] = part[axis].Mul(count)
	} else if !isConst(count, 1) { // the elements may have different ones
		part[axis] = c.fresh()
	}
	c.setDims(0, part)
}

// optionalRule is that of Optional, which the package has as the name of a kind already.
func optionalRule(c *call) {
	var declared *Value
	if a := c.attr("type"); a.GetTp() != nil {
		declared = c.s.inf.declared(a.GetTp())
	}
	v := c.input(0)
	if v == nil {
		if declared != nil {
			c.set(0, counted(Optional, declared, expr.Int(0)))
		}
		return
	}
	of, _, wrong := refine(v, declared)
	if wrong != "" {
		c.fault("the input is not of the type that is told: %s", wrong)
	}
	c.set(0, counted(Optional, of, expr.Int(1)))
}

func optionalGetElement(c *call) {
	v := c.input(0)
	switch {
	case v == nil || v.Kind == Unknown:
	case v.Kind == Optional:
		if v.Of != nil && v.Of.Kind != Unknown {
			c.set(0, v.Of)
		}
	case c.since() >= 18:
		c.set(0, v)
	default:
		c.fault("its input is %s, not an optional", article(v))
	}
}

func optionalHasElement(c *call) {
	v := c.input(0)
	if c.since() < 18 && v != nil && v.Kind != Unknown && v.Kind != Optional {
		c.fault("its input is %s, not an optional", article(v))
	}
	var has Dim
	switch {
	case v == nil:
		has = expr.Int(0)
	case v.Kind == Optional:
		has = countOf(v)
	case v.Kind != Unknown:
		has = expr.Int(1)
	}
	if !has.Known() {
		c.setDims(0, nil)
		return
	}
	c.setInts(0, nil, []Dim{has})
}
