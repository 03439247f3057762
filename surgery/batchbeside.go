package surgery

import (
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// beside tells whether a node works beside the axis, and has it do so.
func (k *keptAxis) beside(n *onnxpb.NodeProto) bool {
	if n.GetDomain() != "" || len(n.GetOutput()) == 0 || len(n.GetInput()) == 0 {
		return false
	}
	op := n.GetOpType()
	if !k.complete(n) {
		return false
	}
	if rule := besideRules[op]; rule != nil {
		// Only the first input has the axis; the others are settings.
		at, first := k.at[n.Input[0]]
		for _, name := range n.Input[1:] {
			if _, ok := k.at[name]; ok {
				return false
			}
		}
		rank, ok := k.rank(n.Input[0])
		return first && ok && rule(k, n, rank, at)
	}
	if len(n.GetOutput()) != 1 || op == "PRelu" && !k.has(n.Input[0]) { // whose slope makes nothing larger
		return false
	}
	switch {
	case op == "MatMul":
		return k.matMul(n)
	case op == "Gather":
		return k.gather(n)
	case op == "Concat":
		return k.concat(n)
	case besideBroadcast[op]:
		return k.broadcast(n)
	}
	return false
}

// complete tells whether a node has the inputs and outputs that it needs, which the checker has not been asked yet.
func (k *keptAxis) complete(n *onnxpb.NodeProto) bool {
	least := 1
	switch n.GetOpType() {
	case "CumSum", "Expand", "Gather", "Gemm", "LayerNormalization", "MatMul", "PRelu", "RMSNormalization", "Tile":
		least = 2
	case "Where":
		least = 3
	case "Slice":
		if k.m.OpsetVersion("") >= 10 {
			least = 3
		}
	}
	return len(n.Input) >= least && !slices.Contains(n.Input[:least], "") && n.Output[0] != ""
}

func (k *keptAxis) has(name string) bool {
	_, ok := k.at[name]
	return ok
}

// besideRules are for operators whose first input has the axis, by what they do beside it: they get its rank without the axis, and where the axis is.
var besideRules map[string]func(k *keptAxis, n *onnxpb.NodeProto, rank, at int) bool

func init() {
	besideRules = map[string]func(k *keptAxis, n *onnxpb.NodeProto, rank, at int) bool{
		"ArgMax": (*keptAxis).argument, "ArgMin": (*keptAxis).argument, "CumSum": (*keptAxis).cumSum, "Expand": (*keptAxis).expand, "Flatten": (*keptAxis).flatten,
		"Gemm": (*keptAxis).gemm, "LayerNormalization": (*keptAxis).normalize, "LogSoftmax": (*keptAxis).softmax, "Pad": (*keptAxis).pad, "RMSNormalization": (*keptAxis).normalize,
		"Reshape": (*keptAxis).reshape, "Shape": (*keptAxis).shapeOf, "Slice": (*keptAxis).slice, "Softmax": (*keptAxis).softmax, "Split": (*keptAxis).split,
		"Squeeze": (*keptAxis).squeezeMore, "Tile": (*keptAxis).tile, "TopK": (*keptAxis).topK, "Transpose": (*keptAxis).transpose, "Unsqueeze": (*keptAxis).unsqueeze,
	}
	for _, op := range []string{"Max", "Mean", "Min", "Prod", "Sum", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"} {
		besideRules["Reduce"+op] = (*keptAxis).reduce
	}
	// Those that work on each element by itself.
	for _, op := range []string{"Abs", "Cast", "Ceil", "Celu", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg",
		"Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"} {
		besideRules[op] = func(k *keptAxis, n *onnxpb.NodeProto, _, at int) bool { return k.keep(n, at) }
	}
}

// besideBroadcast work on elements that are broadcast to one another.
var besideBroadcast = opSet("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor")

// keep says where the axis is in all outputs.
func (k *keptAxis) keep(n *onnxpb.NodeProto, at int) bool {
	for _, o := range n.GetOutput() {
		if o != "" {
			k.at[o] = at
		}
	}
	return true
}

// behind returns where an axis is that was at a place, beside the one that is kept.
func behind(axis, at int) int {
	if axis >= at {
		return axis + 1
	}
	return axis
}

// setInt and setInts replace an attribute.
func (k *keptAxis) setInt(n *onnxpb.NodeProto, name string, v int) {
	setAttr(n, onnxpb.Int(name, int64(v)))
	k.tell(n, name, []int64{int64(v)})
}

func (k *keptAxis) setInts(n *onnxpb.NodeProto, name string, v []int64) {
	setAttr(n, onnxpb.Ints(name, v...))
	k.tell(n, name, v)
}

func (k *keptAxis) tell(n *onnxpb.NodeProto, what string, v []int64) {
	k.report.Add("changed", "node", n.Label(), "beside the axis of the batch", what+" "+listText(v))
}

func setAttr(n *onnxpb.NodeProto, a *onnxpb.AttributeProto) {
	n.Attribute = slices.DeleteFunc(n.Attribute, func(x *onnxpb.AttributeProto) bool { return x.GetName() == a.GetName() })
	n.Attribute = append(n.Attribute, a)
}

// setNumbers has a node read other numbers in an input.
func (k *keptAxis) setNumbers(n *onnxpb.NodeProto, input int, what string, v []int64) {
	for len(n.Input) <= input {
		n.Input = append(n.Input, "")
	}
	k.unread = append(k.unread, n.Input[input])
	n.Input = slices.Clone(n.Input)
	n.Input[input] = k.numbers(n, n.Output[0]+"_"+what, v)
	k.tell(n, what, v)
}

// given returns numbers that an attribute holds, or an input.
func (k *keptAxis) given(n *onnxpb.NodeProto, attr string, input int) (list []int64, there, ok bool) {
	if a := n.Attr(attr); a != nil {
		return slices.Clone(a.GetInts()), true, true
	}
	if input < 0 || input >= len(n.Input) || n.Input[input] == "" {
		return nil, false, true
	}
	list, ok = constants(k.shapes.Value(n.Input[input]))
	return list, true, ok
}

// unsqueezed gives a value that does not have the axis one of size 1.
func (k *keptAxis) unsqueezed(n *onnxpb.NodeProto, name string, at int) string {
	return k.inserter.axes(n, "Unsqueeze", name+"_beside", name, int64(at))
}

// along moves the attribute axis.
func (k *keptAxis) along(n *onnxpb.NodeProto, rank, at int, def int64) (axis int, ok bool) {
	if axis, ok = normAxis(n.AttrInt("axis", def), rank); ok {
		k.setInt(n, "axis", behind(axis, at))
	}
	return axis, ok
}

func (k *keptAxis) unsqueeze(n *onnxpb.NodeProto, rank, at int) bool {
	axes, given, ok := k.given(n, "axes", 1)
	if !ok || !given {
		return false
	}
	list, _, ok := k.axesOf(n, rank+len(axes))
	if !ok {
		return false
	}
	// The new axis that stands where the kept one is takes its place.
	for i, a := range list {
		if a-i == at {
			k.back[n.Output[0]] = a
			k.setAxes(n, slices.Delete(list, i, i+1), "brings the axis of the batch back")
			return true
		}
	}
	if slices.Contains(list, 0) {
		return false // is that meant for the batch, and the other axis for something else?
	}
	// Else those before it move it, and it moves those behind.
	place := at
	for _, a := range list {
		if a <= place {
			place++
		}
	}
	for i, a := range list {
		list[i] = behind(a, place)
	}
	k.setAxes(n, list, "beside the axis of the batch")
	return k.keep(n, place)
}

// squeezeMore is a Squeeze of other axes.
func (k *keptAxis) squeezeMore(n *onnxpb.NodeProto, rank, at int) bool {
	list, given, ok := k.axesOf(n, rank)
	if !ok {
		return false
	}
	if !given {
		if list, ok = k.ones(n.Input[0]); !ok {
			return false
		}
	}
	place := at
	for i, a := range list {
		if a < at {
			place--
		}
		list[i] = behind(a, at)
	}
	k.setAxes(n, list, "beside the axis of the batch")
	return k.keep(n, place)
}

// reshape brings the axis back: the elements are the same, and their order. Where no 1 is in the target it cannot be that, and the axis stays in front.
func (k *keptAxis) reshape(n *onnxpb.NodeProto, rank, at int) bool {
	target, _, ok := k.given(n, "shape", 1)
	if !ok || n.AttrInt("allowzero", 0) != 0 {
		return false
	}
	v := k.shapes.Value(n.Output[0])
	if v == nil || !v.Ranked {
		return false
	}
	for _, d := range v.Dims {
		if c, ok := d.Const(); ok && c == 1 {
			return !slices.Contains(target, 0)
		}
	}
	if at != 0 {
		return false
	}
	target = append([]int64{1}, target...)
	if len(n.Input) > 1 {
		k.setNumbers(n, 1, "shape", target)
	} else {
		k.setInts(n, "shape", target)
	}
	return k.keep(n, 0)
}

// flatten brings the axis back, in front.
func (k *keptAxis) flatten(n *onnxpb.NodeProto, rank, at int) bool {
	axis := n.AttrInt("axis", 1)
	if axis < 0 {
		axis += int64(rank)
	}
	if at != 0 || axis < 0 || axis > int64(rank) {
		return false
	}
	k.setInt(n, "axis", int(axis)+1)
	return true
}

func (k *keptAxis) transpose(n *onnxpb.NodeProto, rank, at int) bool {
	perm, ok := transposition(n, rank)
	if !ok {
		return false
	}
	list := make([]int64, 0, rank+1)
	for _, p := range perm {
		list = append(list, int64(behind(p, at)))
	}
	k.setInts(n, "perm", slices.Insert(list, at, int64(at)))
	return k.keep(n, at)
}

// softmax takes all axes from one on before opset 13.
func (k *keptAxis) softmax(n *onnxpb.NodeProto, rank, at int) bool {
	def := int64(-1)
	if k.m.OpsetVersion("") < 13 {
		def = 1
	}
	axis, ok := k.along(n, rank, at, def)
	return ok && (def < 0 || axis >= at) && k.keep(n, at)
}

// normalize is a normalisation of all axes from one on.
func (k *keptAxis) normalize(n *onnxpb.NodeProto, rank, at int) bool {
	axis, ok := k.along(n, rank, at, -1)
	return ok && axis >= at && k.keep(n, at)
}

func (k *keptAxis) argument(n *onnxpb.NodeProto, rank, at int) bool {
	axis, ok := k.along(n, rank, at, 0)
	if ok && axis < at && n.AttrInt("keepdims", 1) == 0 {
		at--
	}
	return ok && k.keep(n, at)
}

func (k *keptAxis) topK(n *onnxpb.NodeProto, rank, at int) bool {
	_, ok := k.along(n, rank, at, -1)
	return ok && k.keep(n, at)
}

func (k *keptAxis) split(n *onnxpb.NodeProto, rank, at int) bool {
	_, ok := k.along(n, rank, at, 0)
	return ok && k.keep(n, at)
}

func (k *keptAxis) cumSum(n *onnxpb.NodeProto, rank, at int) bool {
	list, given, ok := k.given(n, "", 1)
	if !ok || !given || len(list) != 1 {
		return false
	}
	axis, ok := normAxis(list[0], rank)
	if !ok {
		return false
	}
	k.unread = append(k.unread, n.Input[1])
	moved := int64(behind(axis, at))
	n.Input = []string{n.Input[0], k.insert(n, "Constant", n.Output[0]+"_axis", nil, onnxpb.TensorAttr("value", onnxpb.TensorOf("", nil, []int64{moved})))}
	k.tell(n, "axis", []int64{moved})
	return k.keep(n, at)
}

func (k *keptAxis) slice(n *onnxpb.NodeProto, rank, at int) bool {
	axes, given, ok := k.given(n, "axes", 3)
	if !ok {
		return false
	}
	if !given {
		starts, given, ok := k.given(n, "starts", 1)
		if !ok || !given {
			return false
		}
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	for i, a := range axes {
		axis, ok := normAxis(a, rank)
		if !ok {
			return false
		}
		axes[i] = int64(behind(axis, at))
	}
	if k.m.OpsetVersion("") < 10 {
		k.setInts(n, "axes", axes)
		return k.keep(n, at)
	}
	// The axes have the element type of starts.
	if v := k.shapes.Value(n.Input[1]); v == nil || v.Elem != onnxpb.TensorProto_INT64 {
		return false
	}
	k.setNumbers(n, 3, "axes", axes)
	return k.keep(n, at)
}

func (k *keptAxis) pad(n *onnxpb.NodeProto, rank, at int) bool {
	axes, given, ok := k.given(n, "", 3)
	if !ok {
		return false
	}
	if given {
		for i, a := range axes {
			axis, ok := normAxis(a, rank)
			if !ok {
				return false
			}
			axes[i] = int64(behind(axis, at))
		}
		k.setNumbers(n, 3, "axes", axes)
		return k.keep(n, at)
	}
	pads, given, ok := k.given(n, "pads", 1)
	if !ok || !given || len(pads) != 2*rank {
		return false
	}
	pads = slices.Insert(slices.Insert(pads, rank+at, 0), at, 0)
	if len(n.Input) > 1 {
		k.setNumbers(n, 1, "pads", pads)
	} else {
		k.setInts(n, "pads", pads)
	}
	return k.keep(n, at)
}

// expand is Expand, whose shape is aligned at the end.
func (k *keptAxis) expand(n *onnxpb.NodeProto, rank, at int) bool {
	target, given, ok := k.given(n, "", 1)
	if !ok || !given {
		return false
	}
	tail, most := rank-at, max(rank, len(target))
	if len(target) > tail {
		k.setNumbers(n, 1, "shape", slices.Insert(target, len(target)-tail, 1))
	}
	return k.keep(n, most-tail)
}

func (k *keptAxis) tile(n *onnxpb.NodeProto, rank, at int) bool {
	repeats, given, ok := k.given(n, "", 1)
	if !ok || !given || len(repeats) != rank {
		return false
	}
	k.setNumbers(n, 1, "repeats", slices.Insert(repeats, at, 1))
	return k.keep(n, at)
}

// shapeOf leaves the axis out of what Shape tells.
func (k *keptAxis) shapeOf(n *onnxpb.NodeProto, rank, at int) bool {
	clip := func(v int64) int {
		if v < 0 {
			v += int64(rank)
		}
		return int(min(max(v, 0), int64(rank)))
	}
	var axes []int64
	for a := clip(n.AttrInt("start", 0)); a < clip(n.AttrInt("end", int64(rank))); a++ {
		axes = append(axes, int64(behind(a, at)))
	}
	if len(axes) == 0 {
		return false
	}
	whole := k.insert(n, "Shape", n.Output[0]+"_whole", n.Input)
	op := "Gather"
	n.OpType, n.Attribute, n.Input = &op, []*onnxpb.AttributeProto{onnxpb.Int("axis", 0)}, []string{whole, k.numbers(n, n.Output[0]+"_axes", axes)}
	k.tell(n, "axes", axes)
	return true
}

// gemm is Gemm with its own rows: a MatMul beside the axis, where there are no factors.
func (k *keptAxis) gemm(n *onnxpb.NodeProto, rank, at int) bool {
	factor := func(name string) float32 {
		if a := n.Attr(name); a != nil {
			return a.GetF()
		}
		return 1
	}
	if rank != 2 || at > 1 || n.AttrInt("transA", 0) != 0 || factor("alpha") != 1 || factor("beta") != 1 {
		return false
	}
	b, c := n.Input[1], ""
	if len(n.Input) > 2 {
		c = n.Input[2]
	}
	if c != "" {
		if r, ok := k.rank(c); !ok || r > 2-at {
			return false // it is aligned at the end
		}
	}
	if n.AttrInt("transB", 0) != 0 {
		b = k.insert(n, "Transpose", b+"_transposed", []string{b}, onnxpb.Ints("perm", 1, 0))
	}
	op, inputs := "MatMul", []string{n.Input[0], b}
	if c != "" {
		op, inputs = "Add", []string{k.insert(n, "MatMul", n.Output[0]+"_product", inputs), c}
	}
	n.OpType, n.Attribute, n.Input = &op, nil, inputs
	k.report.Add("changed", "node", n.Label(), "Gemm of the one row", "MatMul beside the axis of the batch")
	return k.keep(n, at)
}

// reduce is a reduction of other axes.
func (k *keptAxis) reduce(n *onnxpb.NodeProto, rank, at int) bool {
	axes, given, ok := k.axesOf(n, rank)
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
	return k.keep(n, place)
}

func opSet(ops ...string) map[string]bool {
	set := map[string]bool{}
	for _, op := range ops {
		set[op] = true
	}
	return set
}

// asInput tells whether the axes of an operator are an input rather than an attribute.
func asInput(op string, opset int64) bool {
	if strings.HasPrefix(op, "Reduce") && op != "ReduceSum" {
		return opset >= 18
	}
	return opset >= 13
}
