package surgery

import (
	"slices"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// squeezedBatch is a Squeeze that drops the axis of a batch of one row.
type squeezedBatch struct {
	output string
	axis   int // of its input
}

// keepSqueezed rewrites a graph in which a Squeeze drops a batch of one row, and Unsqueeze or Reshape brings it back: the axis stays where it is, and the nodes between the two
// work beside it. For one row the graph computes the same as before, whatever the axis is; that it does for several is for the analysis to prove. It returns false, and
// leaves the graph half done, where the axis does not come back or a node between cannot be told to work beside it.
func keepSqueezed(m *onnxpb.ModelProto, s squeezedBatch, r *Report) bool {
	g := m.GetGraph()
	k := &keptAxis{m: m, names: NewNames(m), shapes: shape.Infer(m, shape.Options{}), at: map[string]int{}, report: r}
	found := false
	for _, n := range slices.Clone(g.GetNode()) {
		switch {
		case !found && slices.Contains(n.GetOutput(), s.output):
			if found = true; n.GetOpType() != "Squeeze" || n.GetDomain() != "" || !k.squeeze(n, s.axis) {
				return false
			}
			continue
		case !k.reads(n):
			continue
		case !k.beside(n):
			return false
		}
	}
	for _, v := range g.GetOutput() {
		if _, ok := k.at[v.GetName()]; ok {
			return false // an output would get another rank
		}
	}
	if len(k.before) > 0 {
		var nodes []*onnxpb.NodeProto
		for _, n := range g.Node {
			nodes = append(append(nodes, k.before[n]...), n)
		}
		g.Node = nodes
	}
	dropReplaced(m, k.unread, r)
	for _, v := range g.GetValueInfo() {
		at, ok := k.at[v.GetName()]
		if t := v.GetType().GetTensorType(); ok && t.GetShape() != nil && at <= len(t.Shape.Dim) {
			d := &onnxpb.TensorShapeProto_Dimension{}
			onnxpb.Number(1).Set(d)
			t.Shape.Dim = slices.Insert(t.Shape.Dim, at, d)
		}
	}
	return found
}

// keptAxis are the values that have an axis of 1 more than they had.
type keptAxis struct {
	m      *onnxpb.ModelProto
	names  *Names
	shapes *shape.Result  // before
	at     map[string]int // where it is
	before map[*onnxpb.NodeProto][]*onnxpb.NodeProto
	unread []string // by nodes that were changed
	report *Report
}

func (k *keptAxis) reads(n *onnxpb.NodeProto) bool {
	has := func(name string) bool { _, ok := k.at[name]; return ok }
	if slices.ContainsFunc(n.GetInput(), has) {
		return true
	}
	for range n.Subgraphs() {
		return slices.ContainsFunc(captured(n), has)
	}
	return false
}

// rank returns the rank that a value had.
func (k *keptAxis) rank(name string) (int, bool) {
	v := k.shapes.Value(name)
	if v == nil || v.Kind != shape.Tensor || !v.Ranked {
		return 0, false
	}
	return len(v.Dims), true
}

// axes reads the axes of Squeeze or Unsqueeze, counted from 0 in a rank.
func (k *keptAxis) axes(n *onnxpb.NodeProto, rank int) (list []int, given, ok bool) {
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
	asInput := int64(13)
	if strings.HasPrefix(n.GetOpType(), "Reduce") && n.GetOpType() != "ReduceSum" {
		asInput = 18
	}
	k.unread = append(k.unread, n.Input[1:]...)
	n.Input = slices.Clone(n.Input[:1])
	n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool { return a.GetName() == "axes" })
	switch {
	case len(list) == 0:
		to = "Identity"
		n.OpType = &to
	case k.m.OpsetVersion("") < asInput:
		n.Attribute = append(n.Attribute, onnxpb.Ints("axes", list...))
	default:
		name := k.names.Value(n.Input[0] + "_axes")
		t := onnxpb.TensorOf("", []int64{int64(len(list))}, list)
		if k.before == nil {
			k.before = map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}
		}
		k.before[n] = append(k.before[n], onnxpb.Node("Constant", k.names.Node(name), nil, []string{name}, onnxpb.TensorAttr("value", t)))
		n.Input = append(n.Input, name)
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
	list, given, ok := k.axes(n, rank)
	if !ok {
		return false
	}
	if !given {
		for i, d := range dims {
			v, ok := d.Const()
			if !ok {
				return false
			}
			if v == 1 {
				list = append(list, i)
			}
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

// beside tells whether a node works beside the axis, and has it do so.
func (k *keptAxis) beside(n *onnxpb.NodeProto) bool {
	if n.GetDomain() != "" || len(n.GetOutput()) != 1 || len(n.GetInput()) == 0 {
		return false
	}
	at, first := k.at[n.Input[0]]
	rank, _ := k.rank(n.Input[0])
	only := first // whether the first input is the only one with the axis
	for _, name := range n.Input[1:] {
		if _, ok := k.at[name]; ok {
			only = false
		}
	}
	out := n.Output[0]
	switch op := n.GetOpType(); {
	case op == "Unsqueeze" && only:
		count := len(n.Attr("axes").GetInts())
		if len(n.Input) > 1 {
			v, _ := constants(k.shapes.Value(n.Input[1]))
			count = len(v)
		}
		list, given, ok := k.axes(n, rank+count)
		if !ok || !given {
			return false
		}
		// The new axis that stands where the kept one is takes its place.
		for i, a := range list {
			if a-i == at {
				k.setAxes(n, slices.Delete(list, i, i+1), "brings the axis of the batch back")
				return true
			}
		}
		return false
	case op == "Reshape" && only:
		target, ok := constants(k.shapes.Value(n.Input[1]))
		return ok && !slices.Contains(target, 0) // the elements are the same, and their order
	case op == "MatMul":
		return k.matMul(n)
	case (op == "Softmax" || op == "LogSoftmax") && k.m.OpsetVersion("") >= 13:
		axis, ok := normAxis(n.AttrInt("axis", -1), rank)
		if !ok {
			return false
		}
		k.setInts(n, onnxpb.Int("axis", int64(behind(axis, at))))
		k.at[out] = at
		return true
	case op == "Transpose" && only:
		perm, ok := transposition(n, rank)
		if !ok {
			return false
		}
		list := make([]int64, 0, rank+1)
		for _, p := range perm {
			list = append(list, int64(behind(p, at)))
		}
		k.setInts(n, onnxpb.Ints("perm", slices.Insert(list, at, int64(at))...))
		k.at[out] = at
		return true
	case strings.HasPrefix(op, "Reduce") && only:
		return k.reduce(n, rank, at)
	case besideOps[op] && only:
		k.at[out] = at
		return true
	case besideBroadcast[op]:
		most, place := 0, -1
		for _, name := range n.Input {
			r, ok := k.rank(name)
			if !ok {
				return false
			}
			most = max(most, r)
		}
		for _, name := range n.Input {
			a, kept := k.at[name]
			if !kept {
				continue
			}
			if r, _ := k.rank(name); r != most || place >= 0 && a != place {
				return false
			}
			place = a
		}
		for _, name := range n.Input { // the others are broadcast to the axes behind it
			r, _ := k.rank(name)
			if _, kept := k.at[name]; !kept && r > most-place {
				return false
			}
		}
		k.at[out] = place
		return true
	}
	return false
}

// behind returns where an axis is that was at a place, beside the one that is kept.
func behind(axis, at int) int {
	if axis >= at {
		return axis + 1
	}
	return axis
}

// setInts replaces an attribute.
func (k *keptAxis) setInts(n *onnxpb.NodeProto, a *onnxpb.AttributeProto) {
	n.Attribute = slices.DeleteFunc(n.Attribute, func(x *onnxpb.AttributeProto) bool { return x.GetName() == a.GetName() })
	n.Attribute = append(n.Attribute, a)
	list := a.GetInts()
	if len(list) == 0 {
		list = []int64{a.GetI()}
	}
	k.report.Add("changed", "node", n.Label(), "beside the axis of the batch", a.GetName()+" "+listText(list))
}

// matMul is MatMul of matrices behind the axis, and of one vector by a matrix.
func (k *keptAxis) matMul(n *onnxpb.NodeProto) bool {
	a, keptA := k.at[n.Input[0]]
	b, keptB := k.at[n.Input[1]]
	rankA, okA := k.rank(n.Input[0])
	rankB, okB := k.rank(n.Input[1])
	out := n.Output[0]
	switch {
	case !okA || !okB:
		return false
	case keptA && !keptB && a == 0 && rankA == 1 && rankB == 2:
		k.at[out] = 0
	case rankA < 2 || rankB < 2:
		return false
	case keptA && keptB && (a != b || rankA != rankB), keptA && !keptB && rankB > max(2, rankA-a), keptB && !keptA && rankA > max(2, rankB-b):
		return false
	case keptA && a <= rankA-2:
		k.at[out] = a
	case keptB && !keptA && b <= rankB-2:
		k.at[out] = b
	default:
		return false
	}
	return true
}

// reduce is a reduction of other axes.
func (k *keptAxis) reduce(n *onnxpb.NodeProto, rank, at int) bool {
	axes, given, ok := k.axes(n, rank)
	if !ok || n.AttrInt("noop_with_empty_axes", 0) != 0 {
		return false
	}
	if !given || len(axes) == 0 {
		axes = nil
		for i := range rank {
			axes = append(axes, i)
		}
	}
	if len(axes) == 0 {
		return false
	}
	place := at
	for i, a := range axes {
		if a < at && n.AttrInt("keepdims", 1) == 0 {
			place--
		}
		axes[i] = behind(a, at)
	}
	k.setAxes(n, axes, "beside the axis of the batch")
	k.at[n.Output[0]] = place
	return true
}

// besideOps work on each element of their first input by itself; the other inputs are settings.
var besideOps = opSet("Abs", "Cast", "Ceil", "Clip", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal",
	"Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Tanh")

// besideBroadcast work on elements that are broadcast to one another.
var besideBroadcast = opSet("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Sum")

func opSet(ops ...string) map[string]bool {
	set := map[string]bool{}
	for _, op := range ops {
		set[op] = true
	}
	return set
}
