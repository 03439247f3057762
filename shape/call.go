package shape

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// rule says what the outputs of an operator are: it sets those of a call, of which the element types stand there already as far as the operator's signature
// tells them. A rule that cannot tell something leaves it. It must not write into a Value, a list of dimensions or of elements that it was given.
type rule func(c *call)

// call is one node whose outputs are to be inferred.
type call struct {
	s       *scope
	n       *onnxpb.NodeProto
	facts   *opset.Operator // of the version in force; nil where the table does not have the operator
	version int64           // of the operator set that the model imports
	in      []*Value        // nil for an input that is left out
	out     []*Value        // one for each output of the node
}

// since returns the version of the operator that is in force, 0 where it is not known.
func (c *call) since() int64 {
	if c.facts == nil {
		return 0
	}
	return c.facts.SinceVersion
}

// Inputs.

// input returns an input; nil where it is left out.
func (c *call) input(i int) *Value {
	if i < 0 || i >= len(c.in) {
		return nil
	}
	return c.in[i]
}

// has tells whether an input is given.
func (c *call) has(i int) bool { return c.input(i) != nil }

// dims returns the dimensions of an input that is a tensor; false where its rank is not known, or it is left out.
func (c *call) dims(i int) ([]Dim, bool) {
	v := c.input(i)
	if v == nil || v.Kind != Tensor && v.Kind != Sparse || !v.Ranked {
		return nil, false
	}
	return v.Dims, true
}

// rank returns the rank of an input that is a tensor; -1 where it is not known.
func (c *call) rank(i int) int {
	if d, ok := c.dims(i); ok {
		return len(d)
	}
	return -1
}

// elemOf returns the element type of an input that is a tensor; UNDEFINED where it is not known.
func (c *call) elemOf(i int) onnxpb.TensorProto_DataType {
	if v := c.input(i); v != nil && (v.Kind == Tensor || v.Kind == Sparse) {
		return v.Elem
	}
	return onnxpb.TensorProto_UNDEFINED
}

// ints returns the elements of an input that is a small tensor of integers, single ones of which may be unknown; false where they are not followed.
func (c *call) ints(i int) ([]Dim, bool) {
	v := c.input(i)
	if v == nil || v.Ints == nil {
		return nil, false
	}
	return v.Ints, true
}

// constInts returns the elements of an input that is a small tensor of integers, where all are numbers.
func (c *call) constInts(i int) ([]int64, bool) {
	list, ok := c.ints(i)
	if !ok {
		return nil, false
	}
	return constants(list)
}

// scalar returns the single element of an input that is a tensor of integers (a scalar, or a tensor of one element); false where it is not known.
func (c *call) scalar(i int) (Dim, bool) {
	list, ok := c.ints(i)
	if !ok || len(list) != 1 || !list[0].Known() {
		return Dim{}, false
	}
	return list[0], true
}

// floats returns the elements of an input that is a small constant tensor of floating-point numbers.
func (c *call) floats(i int) ([]float64, bool) {
	v := c.input(i)
	if v == nil || v.Floats == nil {
		return nil, false
	}
	return v.Floats, true
}

// Attributes.

// attr returns an attribute, that of a function's call where the node refers to it; nil where there is none.
func (c *call) attr(name string) *onnxpb.AttributeProto {
	a := c.n.Attr(name)
	if a == nil {
		return nil
	}
	return c.s.attribute(a)
}

func (c *call) attrInt(name string, def int64) int64 {
	if a := c.attr(name); a != nil {
		return a.GetI()
	}
	return def
}

func (c *call) attrFloat(name string, def float64) float64 {
	if a := c.attr(name); a != nil {
		return float64(a.GetF())
	}
	return def
}

func (c *call) attrStr(name, def string) string {
	if a := c.attr(name); a != nil {
		return string(a.GetS())
	}
	return def
}

// attrInts returns an attribute that is a list of integers; false where there is none.
func (c *call) attrInts(name string) ([]int64, bool) {
	a := c.attr(name)
	if a == nil {
		return nil, false
	}
	return a.GetInts(), true
}

// graph returns an attribute that is a graph; nil where there is none.
func (c *call) graph(name string) *onnxpb.GraphProto { return c.attr(name).GetG() }

// run goes through a graph that the node holds, whose inputs have these values (nil: as the graph declares them), and returns those of its outputs.
func (c *call) run(g *onnxpb.GraphProto, inputs []*Value) []*Value {
	return c.s.subgraph(c.n, g, inputs)
}

// try is run for a pass after which another one will come: what it finds wrong is not told.
func (c *call) try(g *onnxpb.GraphProto, inputs []*Value) []*Value {
	c.s.inf.silent++
	defer func() { c.s.inf.silent-- }()
	return c.s.subgraph(c.n, g, inputs)
}

// axis brings an axis of a tensor of some rank into 0..rank-1; false, and a fault, where there is no such axis.
func (c *call) axis(axis int64, rank int) (int, bool) {
	if axis < -int64(rank) || axis >= int64(rank) {
		c.fault("axis %d is not one of a tensor of rank %d", axis, rank)
		return 0, false
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), true
}

// axes brings a list of axes into 0..rank-1; false, and a fault, where one does not exist or comes twice.
func (c *call) axes(list []int64, rank int) ([]int, bool) {
	seen := make([]bool, rank)
	axes := make([]int, len(list))
	for i, a := range list {
		x, ok := c.axis(a, rank)
		if !ok {
			return nil, false
		}
		if seen[x] {
			c.fault("axis %d is named twice", a)
			return nil, false
		}
		seen[x], axes[i] = true, x
	}
	return axes, true
}

// fresh makes a dimension that cannot be told without the data.
func (c *call) fresh() Dim { return c.s.inf.fresh() }

// freshDims makes a shape of a rank of which nothing more is known.
func (c *call) freshDims(rank int) []Dim {
	dims := make([]Dim, rank)
	for i := range dims {
		dims[i] = c.fresh()
	}
	return dims
}

// Outputs.

// set makes an output a value of whatever kind.
func (c *call) set(i int, v *Value) {
	if i < len(c.out) {
		c.out[i] = v
	}
}

// setDims makes an output a tensor of a shape, of the element type that it has already. An unknown dimension becomes one that can be told from others.
func (c *call) setDims(i int, dims []Dim) { c.setInts(i, dims, nil) }

// setInts is setDims for a tensor whose elements are known, in row-major order; nil or too many are not followed.
func (c *call) setInts(i int, dims []Dim, ints []Dim) {
	if i >= len(c.out) {
		return
	}
	for k, d := range dims {
		if !d.Known() {
			dims = append([]Dim(nil), dims...)
			for ; k < len(dims); k++ {
				if !dims[k].Known() {
					dims[k] = c.fresh()
				}
			}
			break
		}
	}
	v := TensorOf(c.outElem(i), dims)
	if len(ints) <= maxElements {
		v.Ints = ints
	}
	c.out[i] = v
}

// setFloats gives an output that is set already the elements of a constant of floating-point numbers.
func (c *call) setFloats(i int, floats []float64) {
	if i >= len(c.out) || c.out[i] == nil || len(floats) > maxElements {
		return
	}
	v := *c.out[i]
	v.Floats, v.Ints = floats, wholes(floats)
	c.out[i] = &v
}

// outElem returns the element type of an output, as far as it is known.
func (c *call) outElem(i int) onnxpb.TensorProto_DataType {
	if i < len(c.out) && c.out[i] != nil {
		return c.out[i].Elem
	}
	return onnxpb.TensorProto_UNDEFINED
}

// setElem gives an output an element type; its shape stays.
func (c *call) setElem(i int, t onnxpb.TensorProto_DataType) {
	if i >= len(c.out) {
		return
	}
	v := Value{Kind: Tensor}
	if c.out[i] != nil {
		v = *c.out[i]
	}
	v.Kind, v.Elem = Tensor, t
	c.out[i] = &v
}

// same makes an output what an input is, without its elements.
func (c *call) same(out, in int) {
	v := c.input(in)
	if v == nil || v.Kind == Unknown {
		return
	}
	x := *v
	x.Ints, x.Floats = nil, nil
	if x.Elem == onnxpb.TensorProto_UNDEFINED {
		x.Elem = c.outElem(out)
	}
	c.set(out, &x)
}

// fault tells that what the node is given is not what its operator takes.
func (c *call) fault(format string, args ...any) {
	c.s.inf.fault(&c.s.inf.result.Faults, Fault{Graph: c.s.path(), Node: c.n.Label(), Msg: c.n.GetOpType() + ": " + fmt.Sprintf(format, args...)})
}

// unify returns the dimension that two have to be, of which a fault says what they are where they cannot be the same: the number rather than the symbol, and the named one
// rather than the one that nobody named.
func (c *call) unify(a, b Dim, what string) Dim {
	switch {
	case !a.Known():
		return b
	case !b.Known() || a.Equal(b):
		return a
	}
	if d := a.Sub(b); d.AtLeast(1) || d.AtMost(-1) {
		c.fault("%s are %s and %s, which have to be equal", what, formatDim(a), formatDim(b))
		return a
	}
	c.met(a, b)
	_, aNumber := a.Const()
	_, bNumber := b.Const()
	switch {
	case aNumber:
		return a
	case bNumber:
		return b
	case isHidden(a):
		return b
	}
	return a
}

// met tells that two dimensions have to be equal, where they are not proven to be.
func (c *call) met(a, b Dim) {
	if inf := c.s.inf; inf.meet != nil && inf.silent == 0 && a.Known() && b.Known() && !a.Equal(b) {
		inf.meet(c.n, a, b)
	}
}

// types gives the outputs the element types that the operator's signature tells: those of the inputs that have the same type variable, and the single type that
// an output can have.
func (c *call) types(op *operator) {
	for i := range c.out {
		at, ok := formalAt(op.facts.Outputs, i)
		if !ok {
			continue
		}
		if v := op.fixed[at]; v != nil {
			c.out[i] = v
			continue
		}
		if v := c.boundTo(op.facts.Outputs[at].Type); v != nil {
			c.out[i] = withoutShape(v)
		}
	}
}

// boundTo returns the first input whose formal type is a type variable, and whose type is known.
func (c *call) boundTo(variable string) *Value {
	for i, v := range c.in {
		if v == nil || v.Kind == Unknown || v.Kind == Tensor && v.Elem == onnxpb.TensorProto_UNDEFINED {
			continue
		}
		if at, ok := formalAt(c.facts.Inputs, i); ok && c.facts.Inputs[at].Type == variable {
			return v
		}
	}
	return nil
}

// formalAt returns which formal input or output an index is: the last one is many where it is variadic.
func formalAt(list []opset.Formal, i int) (int, bool) {
	if i < len(list) {
		return i, true
	}
	last := len(list) - 1
	return last, last >= 0 && list[last].Option == "variadic"
}

// withoutShape returns the type of a value alone.
func withoutShape(v *Value) *Value {
	if v == nil {
		return nil
	}
	return &Value{Kind: v.Kind, Elem: v.Elem, Key: v.Key, Of: withoutShape(v.Of)}
}

// parseType reads a type as the table of operators writes it: tensor(float), seq(tensor(int64)), map(string, float).
func parseType(s string) *Value {
	kind, rest, ok := strings.Cut(strings.TrimSpace(s), "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		if t, err := onnxpb.ParseType(s); err == nil {
			return unranked(t)
		}
		return nil
	}
	rest = strings.TrimSuffix(rest, ")")
	switch kind {
	case "tensor":
		if t, err := onnxpb.ParseType(rest); err == nil {
			return unranked(t)
		}
	case "sparse_tensor":
		if t, err := onnxpb.ParseType(rest); err == nil {
			return &Value{Kind: Sparse, Elem: t}
		}
	case "seq":
		return &Value{Kind: Sequence, Of: parseType(rest)}
	case "optional":
		return &Value{Kind: Optional, Of: parseType(rest)}
	case "map":
		key, of, _ := strings.Cut(rest, ",")
		if t, err := onnxpb.ParseType(strings.TrimSpace(key)); err == nil {
			return &Value{Kind: Map, Key: t, Of: parseType(of)}
		}
	}
	return nil
}
