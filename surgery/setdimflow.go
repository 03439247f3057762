package surgery

import (
	"fmt"
	"maps"
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
	where  map[*onnxpb.NodeProto]int               // the graph that a node stands in, by its index in olds
	olds   []*onnxpb.GraphProto                    // the graphs of the model at the old sizes
	outer  []int                                   // the graph around each
	opaque map[string]bool                         // operators of which nothing is known, and functions
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
	f.olds, f.outer, f.where = graphsOf(before), make([]int, len(copies)), map[*onnxpb.NodeProto]int{}
	index := map[*onnxpb.GraphProto]int{}
	for i, g := range mine {
		index[g] = i
	}
	for i, g := range copies {
		for k, n := range g.GetNode() {
			twin[n] = mine[i].Node[k]
			f.where[mine[i].Node[k]] = i
			for sub := range mine[i].Node[k].Subgraphs() {
				f.outer[index[sub]] = i
			}
		}
	}
	f.opaque = map[string]bool{}
	for _, op := range f.old.UnknownOperators {
		f.opaque[op] = true
	}
	for _, fn := range f.m.GetFunctions() {
		f.opaque[operatorName(fn.GetDomain(), fn.GetName())] = true
	}
	found := shape.Infer(work, shape.Options{Inputs: inputs,
		Before: func(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value { return f.before(twin[n], n, in) },
		Meet:   f.meet,
	})
	for i, g := range copies {
		for k := range g.GetNode() {
			for _, o := range mine[i].Node[k].GetOutput() {
				if v := found.Of(g, o); f.err == nil && v != nil {
					f.followed(mine[i].Node[k], o, v)
				}
			}
		}
	}
	f.place()
	return f.err
}

// followed holds a value to having a known size in every axis where it had one: what is lost from sight may be what changes.
func (f *dimFlow) followed(n *onnxpb.NodeProto, name string, v *shape.Value) {
	old := f.oldOf(n, name)
	if old == nil || !old.Ranked || old.Kind != shape.Tensor {
		return
	}
	if v.Kind != shape.Tensor || !v.Ranked || len(v.Dims) != len(old.Dims) {
		f.refuse(n, "the shape of %q, which was %s, cannot be followed", name, old)
		return
	}
	for i, d := range v.Dims {
		if shape.Named(old.Dims[i]) && !shape.Named(d) {
			f.refuse(n, "the size of axis %d of %q, which was %s, cannot be followed", i, name, f.text(old.Dims[i]))
			return
		}
	}
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
		hint := dimHint
		if slices.ContainsFunc(f.changes, func(c DimChange) bool { return c.To.Param != "" }) {
			hint = "a number may do where a symbol does not; or " + dimHint
		}
		f.err = &onnxpb.Error{Kind: onnxpb.Refused, Node: n.Label(), Msg: "the dimension cannot be changed: " + fmt.Sprintf(format, args...), Hint: hint}
	}
}

// meet holds dimensions that a node needs to be equal to being so at the new sizes, where they depend on what changes.
func (f *dimFlow) meet(n *onnxpb.NodeProto, a, b shape.Dim) {
	if !changed(a) && !changed(b) || a.Subst(f.sizes).Equal(b.Subst(f.sizes)) {
		return
	}
	if x, y := a.Subst(f.sizes), b.Subst(f.sizes); shape.Named(x) && shape.Named(y) || changed(a) != changed(b) {
		fixed := ""
		for _, name := range n.GetInput() {
			if fixed == "" && name != "" && f.isConstant(name) {
				fixed = fmt.Sprintf(" (its input %q is a constant)", name)
			}
		}
		f.refuse(n, "%s needs %s and %s to be equal, which were %s%s", n.GetOpType(), f.text(a), f.text(b), f.at(a, b), fixed)
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

// oldOf returns what was known at the old sizes of a value that a node reads or makes.
func (f *dimFlow) oldOf(n *onnxpb.NodeProto, name string) *shape.Value {
	if old, ok := f.was[name]; ok {
		name = old
	}
	for i := f.where[n]; ; i = f.outer[i] {
		if v := f.old.Of(f.olds[i], name); v != nil || i == 0 {
			return v
		}
	}
}

// operatorName writes an operator as package shape does.
func operatorName(domain, op string) string {
	if d := onnxpb.NormalDomain(domain); d != "" {
		return d + "." + op
	}
	return op
}

// before mends a node, and its copy that is about to be inferred.
func (f *dimFlow) before(n, work *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	moves := slices.ContainsFunc(in, madeOf)
	if loop := f.within[n]; loop != nil && moves {
		f.refuse(loop, "it reads what changes its size in node %q, and loops are not followed", n.Label())
	}
	if name := operatorName(n.GetDomain(), n.GetOpType()); moves && f.opaque[name] {
		f.refuse(n, "it reads what changes its size, and what %s makes of that is not followed", name)
	}
	if op := n.GetOpType(); moves && (op == "Loop" || op == "Scan") && onnxpb.NormalDomain(n.GetDomain()) == "" {
		f.refuse(n, "it reads what changes its size, and loops are not followed")
	}
	for i, v := range in {
		if v != nil && i < len(n.GetInput()) {
			f.followed(n, n.Input[i], v)
		}
	}
	if f.err != nil || onnxpb.NormalDomain(n.GetDomain()) != "" {
		return in
	}
	if op := n.GetOpType(); op == "Loop" || op == "Scan" {
		for g := range n.Subgraphs() {
			f.keepWithin(n, g)
		}
	}
	if len(in) == 0 || in[0] == nil || !in[0].Ranked {
		return in
	}
	mended := in
	switch n.GetOpType() {
	case "Reshape":
		if n.Attr("shape") != nil && anyChanged(in[0].Dims) { // before version 5
			f.refuse(n, "its target is an attribute, which is not mended: convert the model to a newer opset")
			return in
		}
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
		f.refuse(n, "its %s %s would have to become %s, for which a model of IR version %d has no place", what, listText(old), listText(list), f.m.GetIrVersion())
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
	f.report.Add("changed", "node", n.Label(), what+" "+listText(old), what+" "+listText(list))
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
			f.refuse(n, "it expands %s to %s", f.shape(in[0].Dims), listText(list))
			return in
		}
		list[k] = 1
	}
	return f.replace(n, in, 1, "shape", list, nil)
}

// slice makes an end that was the old size the end of the axis, and refuses places that may have been made for it.
func (f *dimFlow) slice(n *onnxpb.NodeProto, in []*shape.Value) []*shape.Value {
	if !anyChanged(in[0].Dims) {
		return in
	}
	starts, ends, axes, steps := f.list(n, in, "starts", 1), f.list(n, in, "ends", 2), f.list(n, in, "axes", 3), f.list(n, in, "steps", 4)
	mended := slices.Clone(ends)
	for a, d := range in[0].Dims {
		if !changed(d) {
			continue
		}
		at := a // which of the numbers is about this axis
		if axes != nil {
			at = slices.IndexFunc(axes, func(x int64) bool { k, ok := normAxis(x, len(in[0].Dims)); return ok && k == a })
		}
		if at < 0 || axes == nil && starts != nil && at >= len(starts) {
			continue
		}
		if at >= len(starts) || at >= len(ends) || n.GetInput() != nil && len(n.GetInput()) > 4 && n.Input[4] != "" && at >= len(steps) || len(n.GetInput()) > 3 && n.Input[3] != "" && axes == nil {
			if len(in) > 2 && (madeOf(in[1]) || madeOf(in[2])) {
				continue // computed from what changes
			}
			f.refuse(n, "which elements it takes of axis %d is not known", a)
			return in
		}
		step := int64(1)
		if at < len(steps) {
			step = steps[at]
		}
		size, _ := d.Eval(f.values)
		switch whole, fine := sliceFollows(starts[at], ends[at], step, size); {
		case !fine:
			f.refuse(n, "it takes elements %d to %d of axis %d, which was %d and becomes %s", starts[at], ends[at], a, size, f.text(d))
			return in
		case whole:
			mended[at] = math.MaxInt64
		}
	}
	if slices.Equal(ends, mended) {
		return in
	}
	if a := n.Attr("ends"); a != nil {
		f.mends++
		f.report.Add("changed", "node", n.Label(), "ends "+listText(a.Ints), "ends "+listText(mended))
		a.Ints = mended
		return in
	}
	return f.replace(n, in, 2, "ends", mended, nil)
}

// sliceFollows tells whether the elements that a slice takes of an axis of a size mean the same of an axis of another size: all, but for a few at the ends, or a few
// counted from an end. whole tells that the end was the size itself, and has to become the end of the axis. Starts from 2 up may be counted from the old end.
func sliceFollows(start, end, step, size int64) (whole, fine bool) {
	const far = math.MaxInt32
	few := func(n int64) bool { return n >= 1 && 2*n <= size } // counted from an end, and not nearly all
	switch {
	case step < 0:
		return false, (start == -1 || start >= far) && end <= -far
	case step == 0 || size < 2 && end < far:
		return false, false // the first of one, or all of it
	}
	head := start == 0 || start == 1
	switch {
	case end >= far:
		return false, head || few(-start)
	case end == size:
		return true, head || few(-start)
	case end < 0:
		return false, few(-end) && (head || start == -end || few(-start))
	}
	return false, start == 0 && end == 1
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
	if len(in) < 4 || in[3] == nil || !anyChanged(in[0].Dims) || anyChanged(in[3].Ints) {
		return in // by scales, or by sizes that follow
	}
	sizes, ok := constants(in[3])
	if !ok {
		f.refuse(n, "its sizes are not known")
		return in
	}
	axes := n.Attr("axes").GetInts()
	if n.Attr("axes") == nil {
		for i := range in[0].Dims {
			axes = append(axes, int64(i))
		}
	}
	if len(sizes) != len(axes) {
		return in
	}
	sizes = slices.Clone(sizes)
	follow := map[int]shape.Dim{}
	for i, a := range axes {
		axis, ok := normAxis(a, len(in[0].Dims))
		if !ok || !changed(in[0].Dims[axis]) {
			continue
		}
		d := in[0].Dims[axis]
		old, _ := d.Eval(f.values)
		made := d.Mul(expr.Int(sizes[i])).FloorDiv(expr.Int(max(old, 1)))
		now, number := d.Subst(f.sizes).Mul(expr.Int(sizes[i])).Const()
		if !number || old < 1 || now%old != 0 {
			f.refuse(n, "it resizes axis %d to %d, and what that is of %s cannot be written as a number", axis, sizes[i], f.text(d))
			return in
		}
		// It may be meant as the size of an input of the model, which it was, or as a factor: the two have to agree.
		for _, s := range slices.Sorted(maps.Keys(f.values)) {
			size := f.values[s]
			if to, ok := f.sizes[s].Const(); size == sizes[i] && (!ok || to != now/old) {
				f.refuse(n, "it resizes axis %d to %d, which was the size of an input too; the factor makes it %d, and the input %s", axis, sizes[i], now/old, f.text(expr.Sym(s)))
				return in
			}
		}
		follow[i], sizes[i] = made, now/old
	}
	return f.replace(n, in, 3, "sizes", sizes, follow)
}

// formatInts writes a list of elements, with the new sizes in it.
func (f *dimFlow) formatInts(list []shape.Dim) string { return f.shape(list) }

// listText writes numbers as shapes are written.
func listText(list []int64) string { return onnxpb.FormatShape(onnxpb.Numbers(list...)) }
