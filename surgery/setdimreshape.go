package surgery

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// reshape puts into a target what stands for the old sizes. Which axes of the input become which of the output follows from the old shapes: axes from left to right whose
// products are equal belong together. Where in such a group one axis of the output can hold what changes, it does.
func (f *dimFlow) reshape(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	if len(in) < 2 || len(n.GetOutput()) == 0 || !anyChanged(in[0].Dims) {
		return in
	}
	old, out := f.oldOf(n, n.Input[0]), f.oldOf(n, n.GetOutput()[0])
	if in[1] == nil || in[1].Ints == nil || old == nil || out == nil || !old.Ranked || !out.Ranked {
		f.refuse(n, "its target shape is not known")
		return in
	}
	if follows(n, in) {
		return in
	}
	want, ok := regroupDims(old.Dims, in[0].Dims, out.Dims)
	if !ok {
		f.refuse(n, "from %s to %s the target %s does not tell where the change goes", old, out, f.formatInts(in[1].Ints))
		return in
	}
	target := in[1].Ints
	if len(target) != len(want) {
		return in
	}
	allowZero := n.AttrInt("allowzero", 0) != 0
	hole, stale := -1, []int{}
	for i, t := range target {
		v, number := t.Const()
		switch {
		case number && v == -1:
			hole = i
		case number && v == 0 && !allowZero:
			if i >= len(in[0].Dims) || !in[0].Dims[i].Equal(want[i]) {
				stale = append(stale, i)
			}
		case number && changed(want[i]) || !number && !t.Equal(want[i]) && (changed(t) || changed(want[i])):
			stale = append(stale, i)
		}
	}
	if len(stale) == 0 {
		return in
	}
	list, ok := constants(in[1])
	if !ok {
		f.refuse(n, "its target %s is computed, and holds the old size as well", f.formatInts(target))
		return in
	}
	list = slices.Clone(list)
	follow := map[int]shape.Dim{}
	for _, i := range stale {
		d := want[i].Subst(f.sizes)
		switch v, number := d.Const(); {
		case number:
			list[i], follow[i] = v, want[i]
		case i < len(in[0].Dims) && in[0].Dims[i].Equal(want[i]) && !allowZero:
			list[i] = 0
		case hole < 0:
			list[i], hole = -1, i
		default: // the -1 goes where it is needed, if what it stood for is a number
			v, number := want[hole].Const()
			if !number {
				return f.compute(n, in, want)
			}
			list[hole], list[i], hole = v, -1, i
		}
	}
	return f.replace(n, in, 1, "shape", list, follow)
}

// follows tells whether a target that is computed says where the change goes by itself: it holds as many elements as the input.
func follows(n *onnxpb.NodeProto, in []*shape.Value) bool {
	if !anyChanged(in[1].Ints) {
		return false
	}
	total, others, holes := productOf(in[0].Dims), expr.Int(1), 0
	for i, d := range in[1].Ints {
		v, number := d.Const()
		switch {
		case number && v == -1:
			holes++
		case number && v == 0 && n.AttrInt("allowzero", 0) == 0:
			if i >= len(in[0].Dims) {
				return false
			}
			others = others.Mul(in[0].Dims[i])
		default:
			others = others.Mul(d)
		}
	}
	if holes == 1 {
		_, exact := total.DivExact(others)
		return exact
	}
	return holes == 0 && total.Equal(others)
}

// compute makes a target that is put together of numbers and of the sizes of the model's own inputs.
func (f *dimFlow) compute(n *onnxpb.NodeProto, in []*shape.Value, want []shape.Dim) []*shape.Value {
	if !slices.Contains(f.m.Graph.Node, n) || f.m.GetIrVersion() < 4 {
		f.refuse(n, "its target would need two dimensions to be left open (%s)", f.shape(want))
		return in
	}
	old := f.formatInts(in[1].Ints)
	var parts []string
	for _, d := range want {
		if v, ok := d.Const(); ok {
			parts = append(parts, f.constant(n.Input[1]+"_part", v))
			continue
		}
		if s, single := d.Symbol(); single && strings.HasPrefix(s, dimSymbol) {
			var k int
			fmt.Sscan(strings.TrimPrefix(s, dimSymbol), &k)
			parts = append(parts, f.length(f.changes[k].Input, f.changes[k].Axis, nil))
			continue
		}
		k := slices.IndexFunc(in[0].Dims, d.Equal)
		if k < 0 {
			f.refuse(n, "its target would have to be computed (%s)", f.shape(want))
			return in
		}
		parts = append(parts, f.length(n.Input[0], k, n))
	}
	name := f.names.Value(n.Input[1] + "_mended")
	f.emit(onnxpb.Node("Concat", f.names.Node(name), parts, []string{name}, onnxpb.Int("axis", 0)), n)
	f.was[name] = n.Input[1]
	n.Input = slices.Clone(n.Input)
	n.Input[1] = name
	f.mends++
	f.report.Add("changed", "node", n.Label(), "shape "+old, "shape "+f.shape(want))
	x := *in[1]
	x.Ints = want
	in = slices.Clone(in)
	in[1] = &x
	return in
}

// constant returns a value that is a list of one number.
func (f *dimFlow) constant(base string, v int64) string {
	key := fmt.Sprint("constant ", v)
	if f.shared[key] == "" {
		name := f.names.Value(base)
		f.m.Graph.Initializer = append(f.m.Graph.Initializer, onnxpb.TensorOf(name, []int64{1}, []int64{v}))
		f.shared[key] = name
	}
	return f.shared[key]
}

// length returns a value that is a list of one number: the size of an axis of a value, which is there before a node, or of an input of the model, where that is nil.
func (f *dimFlow) length(value string, axis int, before *onnxpb.NodeProto) string {
	key := fmt.Sprint("length ", axis, " ", value)
	if f.shared[key] == "" {
		s, name := f.names.Value(value+"_shape"), f.names.Value(value+"_size")
		f.emit(onnxpb.Node("Shape", f.names.Node(s), []string{value}, []string{s}), before)
		f.emit(onnxpb.Node("Gather", f.names.Node(name), []string{s, f.constant(value+"_axis", int64(axis))}, []string{name}, onnxpb.Int("axis", 0)), before)
		f.shared[key] = name
	}
	return f.shared[key]
}

// emit keeps a node that is to stand before another one, or nil: before all.
func (f *dimFlow) emit(n, before *onnxpb.NodeProto) {
	f.added[before] = append(f.added[before], n)
	f.report.Add("added", "node", n.GetName(), "", n.GetOpType())
}

// place puts the nodes that mends made among those of the graph.
func (f *dimFlow) place() {
	if len(f.added) == 0 {
		return
	}
	nodes := slices.Clone(f.added[nil])
	for _, n := range f.m.Graph.Node {
		nodes = append(append(nodes, f.added[n]...), n)
	}
	f.m.Graph.Node = nodes
}

// regroupDims returns the output's dimensions of a reshape: from is the input's old shape, now the same with the symbols, to the output's old shape. It is false where it cannot be told.
func regroupDims(from, now, to []shape.Dim) ([]shape.Dim, bool) {
	out := slices.Clone(to)
	i, k := 0, 0
	for i < len(from) || k < len(to) {
		// The shortest group: axes on both sides with equal products.
		a, b := expr.Int(1), expr.Int(1)
		i0, k0 := i, k
		for first := true; first || !a.Equal(b); first = false {
			x, okX := a.Const()
			y, okY := b.Const()
			switch {
			case i == len(from) && k == len(to):
				return nil, false
			case k == len(to) || i < len(from) && (okX && okY && x <= y || !okX && !okY || okX && !okY):
				a, i = a.Mul(from[i]), i+1
			default:
				b, k = b.Mul(to[k]), k+1
			}
		}
		for i < len(from) && isOne(from[i]) && !changed(now[i]) && i+1 < len(from) && k == len(to) {
			i++
		}
		group := productOf(now[i0:i])
		if !changed(group) {
			continue
		}
		at := -1
		var size shape.Dim
		for c := k0; c < k; c++ {
			q, ok := group.DivExact(productOf(slices.Concat(to[k0:c], to[c+1:k])))
			if !ok {
				continue
			}
			if at >= 0 {
				return nil, false // two places could hold it
			}
			at, size = c, q
		}
		if at >= 0 {
			out[at] = size
			continue
		}
		// One place after the other that is the size of one axis of the group.
		if !matchAxes(from[i0:i], now[i0:i], to[k0:k], out[k0:k]) {
			return nil, false
		}
	}
	return out, true
}

// matchAxes gives each changed axis of a group the one axis of the output that had its old size; false where there is none, or more than one.
func matchAxes(from, now, to, out []shape.Dim) bool {
	rest := productOf(now)
	for i, d := range now {
		if !changed(d) {
			continue
		}
		at := -1
		for k, t := range to {
			if t.Equal(from[i]) {
				if at >= 0 {
					return false
				}
				at = k
			}
		}
		if at < 0 {
			return false
		}
		out[at] = d
	}
	return rest.Equal(productOf(out))
}

func isOne(d shape.Dim) bool {
	n, ok := d.Const()
	return ok && n == 1
}

func productOf(dims []shape.Dim) shape.Dim {
	p := expr.Int(1)
	for _, d := range dims {
		p = p.Mul(d)
	}
	return p
}
