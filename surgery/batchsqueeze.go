package surgery

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// squeezedBatch is a Squeeze that drops the axis of a batch of one row.
type squeezedBatch struct {
	output string
	axis   int // of its input
}

// squeezers lists the Squeezes of the graph of which is known by now that they drop the batch.
func (f *batchFlow) squeezers() []squeezedBatch {
	var list []squeezedBatch
	for _, n := range f.g.Model.GetGraph().GetNode() {
		if n.GetOpType() != "Squeeze" || n.GetDomain() != "" || len(n.GetInput()) == 0 || len(n.GetOutput()) != 1 || n.Output[0] == "" {
			continue
		}
		x := f.facts[n.Input[0]]
		if !x.rows() || !x.plain() {
			continue
		}
		c := &batchCall{f: f, n: n, in: []*batchFact{x}}
		if len(n.Input) > 1 {
			c.in = append(c.in, f.facts[n.Input[1]])
		}
		axes, given, err := c.ints("axes", 1)
		drops := err == nil && !given
		for _, a := range axes {
			i, ok := normAxis(a, x.rank())
			drops = drops || ok && i == x.axis
		}
		if drops {
			list = append(list, squeezedBatch{n.Output[0], x.axis})
		}
	}
	return list
}

// keepSqueezed rewrites a graph in which Squeezes drop a batch of one row: the axis stays where it is, and the nodes behind work beside it, until Unsqueeze or Reshape brings
// it back, or to the outputs. For one row the graph computes the same as before, whatever the axis is; that it does for several is for the analysis to prove. It returns where the axis is in which values, or false
// and the node, and leaves the graph half done, where a node behind cannot be told to work beside the axis. facts are what was found of the values as they were.
func keepSqueezed(m *onnxpb.ModelProto, squeezes []squeezedBatch, facts map[string]*batchFact, r *Report) (kept bool, at map[string]int, blocked *onnxpb.NodeProto) {
	g := m.GetGraph()
	k := &keptAxis{m: m, inserter: newInserter(m), shapes: shape.Infer(m, shape.Options{}), at: map[string]int{}, back: map[string]int{}, facts: facts, report: r}
	found := 0
	for _, n := range slices.Clone(g.GetNode()) {
		i := slices.IndexFunc(squeezes, func(s squeezedBatch) bool { return slices.Contains(n.GetOutput(), s.output) })
		switch {
		case i >= 0:
			if found++; n.GetOpType() != "Squeeze" || n.GetDomain() != "" || len(n.GetInput()) == 0 || k.reads(n) || !k.squeeze(n, squeezes[i].axis) {
				return false, k.at, n
			}
			continue
		case !k.reads(n):
			if !k.again(n) {
				return false, k.at, n
			}
			continue
		case !k.beside(n):
			return false, k.at, n
		}
	}
	k.apply(g)
	dropReplaced(m, k.unread, r)
	for _, v := range g.GetValueInfo() {
		k.declare(v)
	}
	for _, v := range g.GetOutput() {
		before, _ := v.Shape()
		if k.declare(v) {
			after, _ := v.Shape()
			r.Add("changed", "output", v.GetName(), onnxpb.FormatShape(before), onnxpb.FormatShape(after))
			r.Note("output %q keeps the axis of the batch (axis %d), which the model dropped: its rank is one more than before", v.GetName(), k.at[v.GetName()])
		}
	}
	return found == len(squeezes), k.at, nil
}

// declare adds the axis to the declaration of a value that has it.
func (k *keptAxis) declare(v *onnxpb.ValueInfoProto) bool {
	at, ok := k.at[v.GetName()]
	if t := v.GetType().GetTensorType(); ok && t.GetShape() != nil && at <= len(t.Shape.Dim) {
		d := &onnxpb.TensorShapeProto_Dimension{}
		onnxpb.Number(1).Set(d)
		t.Shape.Dim = slices.Insert(t.Shape.Dim, at, d)
	}
	return ok
}

// keptAxis are the values that have an axis of 1 more than they had.
type keptAxis struct {
	m *onnxpb.ModelProto
	inserter
	shapes *shape.Result  // before
	at     map[string]int // where it is
	facts  map[string]*batchFact
	back   map[string]int // and where it is in values that have it as they had before: those behind an Unsqueeze
	unread []string       // by nodes that were changed
	report *Report
}

func (k *keptAxis) reads(n *onnxpb.NodeProto) bool {
	return slices.ContainsFunc(n.GetInput(), k.has) || slices.ContainsFunc(captured(n), k.has)
}

// rank returns the rank that a value had.
func (k *keptAxis) rank(name string) (int, bool) {
	v := k.shapes.Value(name)
	if v == nil || v.Kind != shape.Tensor || !v.Ranked {
		return 0, false
	}
	return len(v.Dims), true
}

// axesOf reads the axes of Squeeze or Unsqueeze, counted from 0 in a rank.
func (k *keptAxis) axesOf(n *onnxpb.NodeProto, rank int) (list []int, given, ok bool) {
	var axes []int64
	switch a := n.Attr("axes"); {
	case a != nil:
		axes, given = a.GetInts(), true
	case len(n.GetInput()) > 1 && n.Input[1] != "":
		if axes, ok = constants(k.shapes.Value(n.Input[1])); !ok {
			return nil, true, false
		}
		given = true
	}
	for _, a := range axes {
		i, ok := normAxis(a, rank)
		if !ok || slices.Contains(list, i) {
			return nil, given, false
		}
		list = append(list, i)
	}
	slices.Sort(list)
	return list, given, true
}

// setAxes writes down the axes of a node; Squeeze and Unsqueeze without any become Identity. why is what the report says of the node as it was.
func (k *keptAxis) setAxes(n *onnxpb.NodeProto, axes []int, why string) {
	list := make([]int64, len(axes))
	for i, a := range axes {
		list[i] = int64(a)
	}
	label, to := n.Label(), "axes "+listText(list)
	k.unread = append(k.unread, n.Input[1:]...)
	n.Input = slices.Clone(n.Input[:1])
	n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool { return a.GetName() == "axes" })
	switch {
	case len(list) == 0:
		to = "Identity"
		n.OpType = &to
	case !asInput(n.GetOpType(), k.m.OpsetVersion("")):
		n.Attribute = append(n.Attribute, onnxpb.Ints("axes", list...))
	default:
		n.Input = append(n.Input, k.numbers(n, n.Input[0]+"_axes", list))
	}
	k.report.Add("changed", "node", label, why, to)
}

func (k *keptAxis) squeeze(n *onnxpb.NodeProto, axis int) bool {
	rank, ok := k.rank(n.Input[0])
	if !ok || axis >= rank {
		return false
	}
	dims := k.shapes.Value(n.Input[0]).Dims
	if v, ok := dims[axis].Const(); !ok || v != 1 {
		return false
	}
	list, given, ok := k.axesOf(n, rank)
	if !ok {
		return false
	}
	if !given {
		if list, ok = k.ones(n.Input[0]); !ok {
			return false
		}
	}
	i := slices.Index(list, axis)
	if i < 0 {
		return false
	}
	k.setAxes(n, slices.Delete(list, i, i+1), "drops the axis of the batch")
	k.at[n.Output[0]] = axis - i // those before it go
	return true
}

// again follows values that have their axis back, as far as that is simple, to the next Squeeze that drops it. That is no more than to find it at once: each could be found by itself.
func (k *keptAxis) again(n *onnxpb.NodeProto) bool {
	if n.GetDomain() != "" || len(n.GetInput()) == 0 || len(n.GetOutput()) != 1 || n.Output[0] == "" {
		return true
	}
	axis, ok := k.back[n.Input[0]]
	if !ok {
		return true
	}
	if n.GetOpType() == "Squeeze" {
		rank, ranked := k.rank(n.Input[0])
		list, given, ok := k.axesOf(n, rank)
		if !given {
			list, ok = k.ones(n.Input[0])
		}
		return !ranked || !ok || !slices.Contains(list, axis) || k.squeeze(n, axis)
	}
	before, ok1 := k.rank(n.Input[0])
	after, ok2 := k.rank(n.Output[0])
	if ok1 && ok2 && before == after && (besideBroadcast[n.GetOpType()] || len(n.Input) == 1 && n.GetOpType() != "Transpose") {
		k.back[n.Output[0]] = axis
	}
	return true
}

// ones returns the axes of size 1, which Squeeze drops that names none; false where a size is not known.
func (k *keptAxis) ones(name string) (axes []int, ok bool) {
	v := k.shapes.Value(name)
	if v == nil || !v.Ranked {
		return nil, false
	}
	for i, d := range v.Dims {
		n, ok := d.Const()
		if !ok {
			return nil, false
		}
		if n == 1 {
			axes = append(axes, i)
		}
	}
	return axes, true
}
