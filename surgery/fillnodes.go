package surgery

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// fits refuses a number that a type has not: an integer that is none or is too large, and a float that would become infinite, be cut to the largest, or become 0. Floats are rounded otherwise.
func (f *filler) fits(c Constant, e onnxpb.TensorProto_DataType) error {
	if f.o.With == FillZeros || f.o.With == FillOnes {
		return nil // as of old, also where a type has no zero
	}
	refuse := func(why string) error {
		return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: c.Name, Msg: fmt.Sprintf("it is %s, and %v %s", onnxpb.TypeName(e), f.value, why), Hint: "choose the constants to fill with --tensor, or another number"}
	}
	if lo, hi, isInt := integerRange(e); isInt {
		switch {
		case f.value != math.Trunc(f.value):
			return refuse("is no integer")
		case f.value < lo || f.value > hi:
			return refuse(fmt.Sprintf("is not from %v to %v", lo, hi))
		}
		return nil
	}
	elem := e
	switch e {
	case onnxpb.TensorProto_COMPLEX64:
		elem = onnxpb.TensorProto_FLOAT
	case onnxpb.TensorProto_COMPLEX128:
		elem = onnxpb.TensorProto_DOUBLE
	}
	stored := func(v float64) (float64, error) {
		a, err := onnxpb.ArrayFromFloat64s(elem, []int64{1}, []float64{v})
		if err != nil {
			return 0, err
		}
		back, err := a.Float64s()
		if err != nil {
			return 0, err
		}
		return back[0], nil
	}
	v := f.value
	got, err := stored(v)
	if err != nil {
		return err
	}
	twice, err := stored(2 * v)
	switch {
	case err != nil:
		return err
	case math.IsNaN(got), math.IsInf(got, 0), math.Abs(v) > math.Abs(got) && got == twice && got != 0:
		return refuse("is more than it holds")
	case math.Abs(got-v) > math.Abs(v)/2: // 0 too
		return refuse("is none of its numbers")
	}
	return nil
}

// integerRange tells the range of an integer type of weights.
func integerRange(e onnxpb.TensorProto_DataType) (lo, hi float64, ok bool) {
	bits := onnxpb.ElemBits(e)
	switch e {
	case onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT4, onnxpb.TensorProto_INT2:
		return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) - 1, true
	case onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_UINT2:
		return 0, math.Ldexp(1, bits) - 1, true
	}
	return 0, 0, false
}

// noNode says why no ConstantOfShape can stand for a constant; "" where one can.
func (f *filler) noNode(c Constant) string {
	version := c.body.version("")
	input := c.Node == nil && f.inputOf(c) != nil
	switch {
	case c.Sparse != nil:
		return "sparse"
	case c.Node == nil && f.bound[c.Name]:
		return "bound by the training information"
	case input && f.m.GetIrVersion() >= 4:
		return "an input too, which may override it; onnxtool dropinput takes such inputs off"
	case input && c.body.graph != f.m.GetGraph():
		return "an input of a subgraph too"
	}
	op, ok := opset.Lookup("", "ConstantOfShape", version)
	if !ok {
		return fmt.Sprintf("in a model of opset %d, and ConstantOfShape is from 9 on", version)
	}
	switch e := onnxpb.TensorProto_DataType(c.Tensor.GetDataType()); {
	case !slices.Contains(op.TypeStrings(op.Outputs[0]), typeOf(e)):
		return fmt.Sprintf("%s, which ConstantOfShape does not make at opset %d", onnxpb.TypeName(e), version)
	case e == onnxpb.TensorProto_BFLOAT16 || onnxpb.ElemBits(e) < 8 || onnxpb.ElemBits(e) == 8 && e != onnxpb.TensorProto_INT8 && e != onnxpb.TensorProto_UINT8 && e != onnxpb.TensorProto_BOOL:
		return onnxpb.TypeName(e) + ", of which ONNX Runtime makes no ConstantOfShape"
	}
	return ""
}

// inputOf returns the input of its graph that an initializer is the default of; nil where there is none.
func (f *filler) inputOf(c Constant) *onnxpb.ValueInfoProto {
	g := c.body.graph
	if f.inputs[g] == nil {
		f.inputs[g] = map[string]*onnxpb.ValueInfoProto{}
		for _, v := range g.GetInput() {
			f.inputs[g][v.GetName()] = v
		}
	}
	return f.inputs[g][c.Name]
}

// finish puts nodes in the place of the constants that become such: of Constants where they stand, of initializers before all other nodes.
func (f *filler) finish() {
	type place struct {
		body  *nodeBody
		front []*onnxpb.NodeProto                       // in the place of initializers
		at    map[*onnxpb.NodeProto][]*onnxpb.NodeProto // in that of Constants
		shape []*onnxpb.TensorProto
		gone  map[any]bool
	}
	var order []*place
	places := map[any]*place{}
	placeOf := func(b *nodeBody) *place {
		var key any = b.graph
		if b.graph == nil {
			key = b.fn
		}
		if places[key] == nil {
			places[key] = &place{body: b, at: map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}, gone: map[any]bool{}}
			order = append(order, places[key])
		}
		return places[key]
	}
	for _, c := range f.moved {
		p := placeOf(c.body)
		names := f.names[c.body.fn]
		if names == nil {
			names = namesIn(f.m, c.body)
			f.names[c.body.fn] = names
		}
		e := onnxpb.TensorProto_DataType(c.Tensor.GetDataType())
		one, err := onnxpb.ArrayFromFloat64s(e, []int64{1}, []float64{f.value})
		if err != nil {
			continue // not reached: the operator takes no such type
		}
		shape := names.Value(c.Name + "_shape")
		n := onnxpb.Node("ConstantOfShape", "", []string{shape}, []string{c.Name}, onnxpb.TensorAttr("value", one.Proto("")))
		nodes := []*onnxpb.NodeProto{n}
		dims := slices.Clone(c.Tensor.GetDims())
		size := onnxpb.TensorOf("", []int64{int64(len(dims))}, dims)
		if c.body.graph == nil || f.m.GetIrVersion() < 4 { // functions have no initializers, and of old they have to be inputs
			nodes = []*onnxpb.NodeProto{onnxpb.Node("Constant", names.Node(shape), nil, []string{shape}, onnxpb.TensorAttr("value", size)), n}
		} else {
			size.Name = &shape
			p.shape = append(p.shape, size)
		}
		if c.Node != nil {
			// The node that it was: name, doc string, metadata and what else it has stay.
			c.Node.OpType, c.Node.Input, c.Node.Attribute = n.OpType, n.Input, n.Attribute
			nodes[len(nodes)-1] = c.Node
			p.at[c.Node] = nodes
			continue
		}
		name := names.Node("Fill_" + c.Name)
		n.Name, n.DocString, n.MetadataProps = &name, c.Tensor.DocString, c.Tensor.MetadataProps
		p.gone[c.Tensor] = true
		p.front = append(p.front, nodes...)
		if v := f.inputOf(c); v != nil {
			p.gone[v] = true
			f.r.Add("removed", "input", c.Name, onnxpb.FormatTypeProto(v.GetType()), "its weights are a node now")
		}
	}
	for _, p := range order {
		nodes := slices.Clone(p.front)
		for _, n := range p.body.nodes() {
			if made := p.at[n]; made != nil {
				nodes = append(nodes, made...)
			} else {
				nodes = append(nodes, n)
			}
		}
		p.body.setNodes(nodes)
		if g := p.body.graph; g != nil {
			dropped(&g.Initializer, p.gone)
			dropped(&g.Input, p.gone)
			g.Initializer = append(g.Initializer, p.shape...)
		}
	}
	if len(f.moved) > 0 {
		f.r.Note("%s made of a ConstantOfShape: the file holds no weights for them", plural(len(f.moved), "tensor"))
	}
	for _, why := range f.whys {
		f.r.Note("%s filled where it stands, and not made of a ConstantOfShape: it is %s", plural(f.left[why], "tensor"), why)
	}
}
