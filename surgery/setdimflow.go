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
	within map[*onnxpb.NodeProto]*onnxpb.NodeProto // the loop that runs a fixed number of times, of each node in it
	index  *Graph                                  // see isConstant
	err    error                                   // the first node that cannot follow
}

// dimSymbol begins the symbols of this analysis, which no model has.
const dimSymbol = "onnxtool dimension "

func (f *dimFlow) run() error {
	f.names, f.was, f.shared, f.added = NewNames(f.m), map[string]string{}, map[string]string{}, map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}
	f.within = map[*onnxpb.NodeProto]*onnxpb.NodeProto{}
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
	if loop := f.within[n]; loop != nil && slices.ContainsFunc(in, madeOf) {
		f.refuse(loop, "it runs a fixed number of times, and reads what changes its size in node %q", n.Label())
	}
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
	default:
		f.guard(n, in)
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

// slice makes an end that was the old size the end of the axis, and refuses places that may have been made for it.
func (f *dimFlow) slice(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	starts, ends, axes := f.list(n, in, "starts", 1), f.list(n, in, "ends", 2), f.list(n, in, "axes", 3)
	if !anyChanged(in[0].Dims) || len(starts) != len(ends) {
		return in
	}
	mended := slices.Clone(ends)
	for i, end := range ends {
		axis, start := int64(i), starts[i]
		if axes != nil && i < len(axes) {
			axis = axes[i]
		}
		a, ok := normAxis(axis, len(in[0].Dims))
		if !ok || !changed(in[0].Dims[a]) {
			continue
		}
		size, _ := in[0].Dims[a].Eval(f.values)
		switch {
		case start > 1 && start != -end: // it may be counted from the old end
		case end == size:
			mended[i] = math.MaxInt64
			continue
		case end >= math.MaxInt32 || end <= -math.MaxInt32 || end == 1 && start == 0 || end < 0: // to an end, the first (as of a class token), or without the last ones
			continue
		}
		f.refuse(n, "it takes elements %d to %d of axis %d, which was %d and becomes %s", start, end, a, size, f.text(in[0].Dims[a]))
		return in
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
