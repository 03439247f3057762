package surgery

import (
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// guard refuses operators that go on as before when an axis of theirs gets longer, and compute something else then: what they are told was made for the old size.
func (f *dimFlow) guard(n *onnxpb.NodeProto, in []*shape.Value) {
	x := in[0]
	if !anyChanged(x.Dims) {
		return
	}
	rank := len(x.Dims)
	along := func(axis int64) (shape.Dim, bool) {
		a, ok := normAxis(axis, rank)
		if !ok || !changed(x.Dims[a]) {
			return shape.Dim{}, false
		}
		return x.Dims[a], true
	}
	input := func(i int) *shape.Value {
		if i < len(in) {
			return in[i]
		}
		return nil
	}
	switch op := n.GetOpType(); op {
	case "Gather":
		if d, ok := along(n.AttrInt("axis", 0)); ok {
			f.guardGather(n, input(1), d)
		}
	case "GatherElements", "ScatterElements", "Scatter":
		if d, ok := along(n.AttrInt("axis", 0)); ok && !madeOf(input(1)) {
			f.refuse(n, "it takes fixed places of an axis that was %s and becomes %s", f.at(d), f.text(d))
		}
	case "GatherND", "ScatterND":
		if i := input(1); i == nil || !i.Ranked || !anyChanged(i.Dims) {
			f.refuse(n, "it takes fixed places of a tensor that becomes %s", f.shape(x.Dims))
		}
	case "TopK":
		if d, ok := along(n.AttrInt("axis", -1)); ok && !madeOf(input(1)) {
			size, _ := d.Eval(f.values)
			if k, known := constants(input(1)); !known || len(k) != 1 || k[0] == size {
				f.refuse(n, "it takes as many elements as there were: the axis was %s and becomes %s", f.at(d), f.text(d))
			}
		}
	case "CenterCropPad":
		if !madeOf(input(1)) {
			f.refuse(n, "it crops to a fixed size a tensor that becomes %s", f.shape(x.Dims))
		}
	case "AveragePool", "MaxPool", "LpPool":
		f.guardPool(n, x)
	case "GridSample":
		if g := input(1); g == nil || !g.Ranked || !anyChanged(g.Dims) {
			f.refuse(n, "it samples an image that becomes %s by a grid of the old size", f.shape(x.Dims))
		}
	case "ReverseSequence":
		if d, ok := along(n.AttrInt("time_axis", 0)); ok && !madeOf(input(1)) {
			f.refuse(n, "its lengths are fixed, and the time axis was %s and becomes %s", f.at(d), f.text(d))
		}
	case "LSTM", "GRU", "RNN":
		if d, ok := along(n.AttrInt("layout", 0)); ok && input(4) != nil && !madeOf(input(4)) {
			f.refuse(n, "its sequence_lens are fixed, and the sequence was %s and becomes %s", f.at(d), f.text(d))
		}
	}
}

// madeOf tells whether a value follows what changes: by its shape or by its elements.
func madeOf(v *shape.Value) bool {
	return v != nil && (anyChanged(v.Dims) || anyChanged(v.Ints))
}

// guardGather lets single elements be taken that are counted from either end, and places that are computed.
func (f *dimFlow) guardGather(n *onnxpb.NodeProto, index *shape.Value, d shape.Dim) {
	if index == nil || madeOf(index) {
		return
	}
	size, _ := d.Eval(f.values)
	list, known := constants(index)
	if known && len(list) == 1 && list[0] != size-1 {
		return // the third stays the third; the last might be meant
	}
	if !known && index.Ints == nil && index.Ranked && len(index.Dims) > 0 {
		if f.old.Value(n.Input[1]) != nil && !f.isConstant(n.Input[1]) {
			return // the data tells the places
		}
	}
	f.refuse(n, "it takes fixed places of an axis that was %s and becomes %s", f.at(d), f.text(d))
}

// isConstant tells whether a value is an initializer, or what a Constant makes.
func (f *dimFlow) isConstant(name string) bool {
	if f.index == nil {
		f.index = NewGraph(f.m)
	}
	if p := f.index.Producer(name); p != nil {
		return p.GetOpType() == "Constant"
	}
	return f.index.Initializer(name) != nil
}

// guardPool refuses to pool over what was all of an axis: exporters write a pool over the whole image so.
func (f *dimFlow) guardPool(n *onnxpb.NodeProto, x *shape.Value) {
	kernel := n.Attr("kernel_shape").GetInts()
	for i, k := range kernel {
		if i+2 >= len(x.Dims) || !changed(x.Dims[i+2]) || k == 1 {
			continue
		}
		if size, ok := x.Dims[i+2].Eval(f.values); ok && k == size {
			f.refuse(n, "it pools over %d elements, all that axis %d had, which becomes %s", k, i+2, f.text(x.Dims[i+2]))
		}
	}
}

// keepWithin keeps in mind the nodes of a loop.
func (f *dimFlow) keepWithin(loop *onnxpb.NodeProto, g *onnxpb.GraphProto) {
	for _, x := range g.GetNode() {
		f.within[x] = loop
		for sub := range x.Subgraphs() {
			f.keepWithin(loop, sub)
		}
	}
}
