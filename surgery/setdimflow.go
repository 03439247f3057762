package surgery

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// dimFlow follows dimensions that were numbers through a graph, as symbols, and mends the constants that stand for them. It is shape inference with a look at each node before
// its outputs are inferred: what its inputs were at the old sizes, and what they are with the symbols.
type dimFlow struct {
	m       *onnxpb.ModelProto // the model that is mended
	report  *Report
	changes []DimChange
	mends   int

	names  *Names
	old    *shape.Result        // of the model at the old sizes
	values map[string]int64     // the old sizes, by symbol
	sizes  map[string]shape.Dim // the new ones: numbers or symbols
	was    map[string]string    // values that mends made, and what they stand in for
	shared map[string]string    // values that mends made for all who need the same
	added  map[*onnxpb.NodeProto][]*onnxpb.NodeProto
	err    error // the first node that cannot follow
}

// dimSymbol begins the symbols of this analysis, which no model has.
const dimSymbol = "onnxtool dimension "

func (f *dimFlow) run() error {
	f.names, f.was, f.shared, f.added = NewNames(f.m), map[string]string{}, map[string]string{}, map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}
	f.values, f.sizes = map[string]int64{}, map[string]shape.Dim{}
	before := bare(f.m)
	f.old = shape.Infer(before, shape.Options{})
	if len(f.old.Faults) > 0 {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the shapes of the model do not go together as it is: " + f.old.Faults[0].String(), Hint: "see onnxtool info --shapes"}
	}
	inputs := map[string]*shape.Value{}
	for i, c := range f.changes {
		v := inputs[c.Input]
		if v == nil {
			known := f.old.Value(c.Input)
			if known == nil || c.Axis >= len(known.Dims) { // one with a default, or two of a name
				return &onnxpb.Error{Tensor: c.Input, Msg: "is an input with a default, whose values are of one size", Hint: "name other inputs"}
			}
			x := *known
			x.Dims, v = slices.Clone(x.Dims), &x
			inputs[c.Input] = v
		}
		s := fmt.Sprint(dimSymbol, i)
		f.values[s], _ = v.Dims[c.Axis].Const()
		f.sizes[s] = expr.Int(c.To.Value)
		if c.To.Param != "" {
			f.sizes[s] = expr.Sym(c.To.Param)
			for k := range i { // two dimensions of one name are one
				if f.changes[k].To == c.To {
					s = fmt.Sprint(dimSymbol, k)
				}
			}
		}
		v.Dims[c.Axis] = expr.Sym(s)
	}
	// The nodes of the model itself are changed; the copy that is inferred has the same, in the same order.
	work := bare(f.m)
	mine, copies := graphsOf(f.m), graphsOf(work)
	twin := map[*onnxpb.NodeProto]*onnxpb.NodeProto{}
	for i, g := range copies {
		for k, n := range g.GetNode() {
			twin[n] = mine[i].Node[k]
		}
	}
	shape.Infer(work, shape.Options{Inputs: inputs,
		Before: func(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value { return f.before(twin[n], n, in) },
		Meet:   f.meet,
	})
	f.place()
	return f.err
}

// changed tells whether a dimension depends on those that are to change.
func changed(d shape.Dim) bool {
	return d.Known() && slices.ContainsFunc(d.Symbols(), func(s string) bool { return strings.HasPrefix(s, dimSymbol) })
}

func anyChanged(dims []shape.Dim) bool { return slices.ContainsFunc(dims, changed) }

// text writes a dimension with the new sizes in it.
func (f *dimFlow) text(d shape.Dim) string { return shape.FormatDim(d.Subst(f.sizes)) }

func (f *dimFlow) shape(dims []shape.Dim) string {
	list := make([]string, len(dims))
	for i, d := range dims {
		list[i] = f.text(d)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// refuse notes the first node that cannot follow.
func (f *dimFlow) refuse(n *onnxpb.NodeProto, format string, args ...any) {
	if f.err == nil {
		f.err = &onnxpb.Error{Kind: onnxpb.Refused, Node: n.Label(), Msg: "the dimension cannot be changed: " + fmt.Sprintf(format, args...), Hint: dimHint}
	}
}

// meet holds dimensions that a node needs to be equal to being so at the new sizes, where they depend on what changes.
func (f *dimFlow) meet(n *onnxpb.NodeProto, a, b shape.Dim) {
	if !changed(a) && !changed(b) || a.Subst(f.sizes).Equal(b.Subst(f.sizes)) {
		return
	}
	if x, y := a.Subst(f.sizes), b.Subst(f.sizes); shape.Named(x) && shape.Named(y) || changed(a) != changed(b) {
		f.refuse(n, "%s needs %s and %s to be equal, which were %s", n.GetOpType(), f.text(a), f.text(b), f.at(a, b))
	}
}

// at writes what dimensions were at the old sizes.
func (f *dimFlow) at(dims ...shape.Dim) string {
	for _, d := range dims {
		if n, ok := d.Eval(f.values); ok {
			return fmt.Sprint(n)
		}
	}
	return "equal"
}

// oldOf returns what was known of an input of a node at the old sizes.
func (f *dimFlow) oldOf(name string) *shape.Value {
	if old, ok := f.was[name]; ok {
		name = old
	}
	return f.old.Value(name)
}

// before mends a node, and its copy that is about to be inferred.
func (f *dimFlow) before(n, work *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	if f.err != nil || onnxpb.NormalDomain(n.GetDomain()) != "" || len(in) == 0 || in[0] == nil || !in[0].Ranked {
		return in
	}
	mended := in
	switch n.GetOpType() {
	case "Reshape":
		mended = f.reshape(n, in)
	case "Expand":
		mended = f.expand(n, in)
	case "Slice":
		mended = f.slice(n, in)
		work.Attribute = n.Attribute
	case "Resize":
		mended = f.resize(n, in)
	}
	work.Input = n.Input
	return mended
}

// constants returns a list of integers, where all are known.
func constants(v *shape.Value) ([]int64, bool) {
	if v == nil || v.Ints == nil {
		return nil, false
	}
	out := make([]int64, len(v.Ints))
	for i, d := range v.Ints {
		n, ok := d.Const()
		if !ok {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// replace makes an input of a node hold other numbers; other nodes that read the old ones keep them. follow tells what some of them stand for, by their index.
func (f *dimFlow) replace(n *onnxpb.NodeProto, in []*shape.Value, input int, what string, list []int64, follow map[int]shape.Dim) []*shape.Value {
	old, _ := constants(in[input])
	if slices.Equal(old, list) {
		return in
	}
	if f.m.GetIrVersion() < 4 {
		f.refuse(n, "its %s %v would have to become %v, for which a model of IR version %d has no place", what, old, list, f.m.GetIrVersion())
		return in
	}
	name := f.names.Value(n.Input[input] + "_" + what)
	t := onnxpb.TensorOf(name, []int64{int64(len(list))}, list)
	if in[input].Elem == onnxpb.TensorProto_INT32 {
		t = onnxpb.TensorOf(name, []int64{int64(len(list))}, convertAll(list, func(v int64) int32 { return int32(max(math.MinInt32, min(v, math.MaxInt32))) }))
	}
	f.m.Graph.Initializer = append(f.m.Graph.Initializer, t)
	f.was[name] = n.Input[input]
	n.Input = slices.Clone(n.Input)
	n.Input[input] = name
	f.mends++
	f.report.Add("changed", "node", n.Label(), fmt.Sprintf("%s %v", what, old), fmt.Sprintf("%s %v", what, list))
	x := *in[input]
	x.Ints = make([]shape.Dim, len(list))
	for i, v := range list {
		x.Ints[i] = expr.Int(v)
		if d, ok := follow[i]; ok {
			x.Ints[i] = d
		}
	}
	in = slices.Clone(in)
	in[input] = &x
	return in
}

// reshape puts into a target what stands for the old sizes. Which axes of the input become which of the output follows from the old shapes: axes from left to right whose
// products are equal belong together. Where in such a group one axis of the output can hold what changes, it does.
func (f *dimFlow) reshape(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	if len(in) < 2 || len(n.GetOutput()) == 0 || !anyChanged(in[0].Dims) {
		return in
	}
	old, out := f.oldOf(n.Input[0]), f.old.Value(n.GetOutput()[0])
	if in[1] == nil || in[1].Ints == nil || old == nil || out == nil || !old.Ranked || !out.Ranked {
		f.refuse(n, "its target shape is not known")
		return in
	}
	want, ok := regroupDims(old.Dims, in[0].Dims, out.Dims)
	if !ok {
		f.refuse(n, "from %s to %s the target %s does not tell where the change goes", formatValue(old), formatValue(out), formatInts(in[1].Ints))
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
		f.refuse(n, "its target %s is computed, and holds the old size as well", formatInts(target))
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

// compute makes a target that is put together of numbers and of the sizes of the model's own inputs.
func (f *dimFlow) compute(n *onnxpb.NodeProto, in []*shape.Value, want []shape.Dim) []*shape.Value {
	if !slices.Contains(f.m.Graph.Node, n) || f.m.GetIrVersion() < 4 {
		f.refuse(n, "its target would need two dimensions to be left open (%s)", f.shape(want))
		return in
	}
	old := formatInts(in[1].Ints)
	var parts []string
	for _, d := range want {
		if v, ok := d.Const(); ok {
			parts = append(parts, f.constant(n.Input[1]+"_part", v))
			continue
		}
		s, single := d.Symbol()
		if !single || !strings.HasPrefix(s, dimSymbol) {
			f.refuse(n, "its target would have to be computed (%s)", f.shape(want))
			return in
		}
		var k int
		fmt.Sscan(strings.TrimPrefix(s, dimSymbol), &k)
		parts = append(parts, f.length(f.changes[k].Input, f.changes[k].Axis))
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

// length returns a value that is a list of one number: the size of an axis of an input of the model.
func (f *dimFlow) length(input string, axis int) string {
	key := fmt.Sprint("length ", axis, " ", input)
	if f.shared[key] == "" {
		s, name := f.names.Value(input+"_shape"), f.names.Value(input+"_size")
		f.emit(onnxpb.Node("Shape", f.names.Node(s), []string{input}, []string{s}), nil)
		f.emit(onnxpb.Node("Gather", f.names.Node(name), []string{s, f.constant(input+"_axis", int64(axis))}, []string{name}, onnxpb.Int("axis", 0)), nil)
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
		group := product1(now[i0:i])
		if !changed(group) {
			continue
		}
		at := -1
		var size shape.Dim
		for c := k0; c < k; c++ {
			q, ok := group.DivExact(product1(slices.Concat(to[k0:c], to[c+1:k])))
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
	rest := product1(now)
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
	return rest.Equal(product1(out))
}

func isOne(d shape.Dim) bool {
	n, ok := d.Const()
	return ok && n == 1
}

func product1(dims []shape.Dim) shape.Dim {
	p := expr.Int(1)
	for _, d := range dims {
		p = p.Mul(d)
	}
	return p
}

// expand makes a 1 of a size that the input has already.
func (f *dimFlow) expand(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	list, ok := constants(in[min(1, len(in)-1)])
	if len(in) < 2 || !ok || !anyChanged(in[0].Dims) {
		return in
	}
	list = slices.Clone(list)
	for i, d := range in[0].Dims {
		k := len(list) - len(in[0].Dims) + i
		if k < 0 || !changed(d) || list[k] == 1 {
			continue
		}
		if v, ok := d.Eval(f.values); !ok || v != list[k] {
			f.refuse(n, "it expands %s to %v", f.shape(in[0].Dims), list)
			return in
		}
		list[k] = 1
	}
	return f.replace(n, in, 1, "shape", list, nil)
}

// slice makes an end that was the old size the end of the axis, and refuses to cut off at a place that was made for it.
func (f *dimFlow) slice(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	starts, ends, axes := f.list(n, in, "starts", 1), f.list(n, in, "ends", 2), f.list(n, in, "axes", 3)
	if !anyChanged(in[0].Dims) || ends == nil {
		return in
	}
	mended := slices.Clone(ends)
	for i, end := range ends {
		axis := int64(i)
		if axes != nil && i < len(axes) {
			axis = axes[i]
		}
		a, ok := normAxis(axis, len(in[0].Dims))
		if !ok || !changed(in[0].Dims[a]) {
			continue
		}
		size, ok := in[0].Dims[a].Eval(f.values)
		switch {
		case end >= math.MaxInt32 || end <= 1 && i < len(starts) && starts[i] == 0: // all of it, or the first, as of a class token; or without the last ones
		case ok && end == size:
			mended[i] = math.MaxInt64
		case end < 0 && i < len(starts) && starts[i] >= 0 && starts[i] <= 1:
		default:
			f.refuse(n, "it takes elements up to %d of axis %d, which was %d and becomes %s", end, a, size, f.text(in[0].Dims[a]))
			return in
		}
	}
	if slices.Equal(ends, mended) {
		return in
	}
	if a := n.Attr("ends"); a != nil {
		f.mends++
		f.report.Add("changed", "node", n.Label(), fmt.Sprintf("ends %v", a.Ints), fmt.Sprintf("ends %v", mended))
		a.Ints = mended
		return in
	}
	return f.replace(n, in, 2, "ends", mended, nil)
}

// list reads numbers from an attribute or an input.
func (f *dimFlow) list(n *onnxpb.NodeProto, in []*shape.Value, attr string, input int) []int64 {
	if a := n.Attr(attr); a != nil {
		return a.GetInts()
	}
	if input < len(in) {
		list, _ := constants(in[input])
		return list
	}
	return nil
}

// resize keeps the factor by which an axis was resized.
func (f *dimFlow) resize(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	if len(in) < 4 || in[3] == nil || !anyChanged(in[0].Dims) {
		return in
	}
	sizes, ok := constants(in[3])
	if !ok || n.Attr("axes") != nil || len(sizes) != len(in[0].Dims) {
		return in // computed from the input, or by scales: it follows by itself
	}
	sizes = slices.Clone(sizes)
	follow := map[int]shape.Dim{}
	for i, d := range in[0].Dims {
		if !changed(d) {
			continue
		}
		now, number := d.Subst(f.sizes).Const()
		old, ok := d.Eval(f.values)
		if !number || !ok || old == 0 || now*sizes[i]%old != 0 {
			f.refuse(n, "it resizes axis %d to %d, and what that is of %s cannot be written as a number", i, sizes[i], f.text(d))
			return in
		}
		follow[i] = d.Mul(expr.Int(sizes[i])).FloorDiv(expr.Int(old))
		sizes[i] = now * sizes[i] / old
	}
	return f.replace(n, in, 3, "sizes", sizes, follow)
}

func formatValue(v *shape.Value) string { return v.String() }

func formatInts(list []shape.Dim) string {
	s := make([]string, len(list))
	for i, d := range list {
		s[i] = shape.FormatDim(d)
	}
	return "[" + strings.Join(s, ",") + "]"
}
