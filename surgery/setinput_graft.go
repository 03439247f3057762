package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// toNHWC and toNCHW are the permutations that make one layout of the other.
var (
	toNHWC = [4]int{0, 2, 3, 1}
	toNCHW = [4]int{0, 3, 1, 2}
)

// inputGraft puts nodes behind a graph input.
type inputGraft struct {
	m      *onnxpb.ModelProto
	g      *Graph
	names  *Names
	name   string
	v      *onnxpb.ValueInfoProto
	spec   InputSpec
	report *Report
	old    onnxpb.TensorProto_DataType // the model's own element type

	dims    []onnxpb.Dim // the model's own shape; nil where the rank is not known
	channel int          // the axis of the channels
	count   int64        // how many channels there are
	what    string       // input, or output where its channels are found for SetOutput
	nodes   []*onnxpb.NodeProto
	inits   []*onnxpb.TensorProto
	last    string // the value that the nodes so far make
}

// plan checks the request against the input.
func (g *inputGraft) plan() error {
	s := g.spec
	g.last = g.name
	g.dims, _ = g.v.Shape()
	if s.Perm != nil {
		if err := g.orders(s.Perm); err != nil {
			return err
		}
	}
	if !s.moves() && !s.SwapRGB && !s.normalises() && (s.Type == 0 || s.Type == g.old) {
		return nil
	}
	if version := g.m.OpsetVersion(""); version < 7 {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("nodes of opset %d are not written", version), Hint: "convert the model to opset 7 or newer"}
	}
	if g.g.IsOutput(g.name) {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "this input is an output too, which would change with it", Hint: "take the output off the graph first"}
	}
	if s.Type != 0 && s.Type != g.old {
		if err := g.mayCast(s.Type); err != nil {
			return err
		}
	}
	if s.normalises() {
		switch g.old {
		case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16:
		default:
			return &onnxpb.Error{Msg: fmt.Sprintf("the model takes %s, which cannot be normalised", onnxpb.TypeName(g.old)), Hint: "mean, std and scale need a model that takes floats"}
		}
		if err := g.takes("Mul", g.old); err != nil {
			return err
		}
	}
	if s.Layout == "" && !s.SwapRGB && !s.perChannel() {
		return nil
	}
	return g.findChannels()
}

// orders holds an order of the axes to the rank of the value.
func (g *inputGraft) orders(perm []int) error {
	switch {
	case g.dims == nil:
		return &onnxpb.Error{Msg: "how many dimensions the " + g.what + " has is not known, so its axes have no order to change", Hint: "declare its shape with --shape"}
	case len(g.dims) != len(perm):
		return &onnxpb.Error{Msg: fmt.Sprintf("the order of the axes names %d, the %s has %d: %s", len(perm), g.what, len(g.dims), onnxpb.FormatShape(g.dims)), Hint: "name each axis once"}
	}
	return nil
}

func (s InputSpec) normalises() bool {
	return len(s.Mean) > 0 || len(s.Std) > 0 || s.Scale != 0 && s.Scale != 1
}

func shapeOrUnknown(dims []onnxpb.Dim) string {
	if dims == nil {
		return "of unknown rank"
	}
	return onnxpb.FormatShape(dims)
}

// findChannels finds the axis of the channels: the one that is named, or that the layout says, or 1, or 3 where that is what the numbers say.
func (g *inputGraft) findChannels() error {
	s := g.spec
	want := int64(0)
	if s.SwapRGB {
		want = 3
	}
	for _, l := range []int{len(s.Mean), len(s.Std)} {
		if l > 1 {
			if want != 0 && want != int64(l) {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there are %d means, %d deviations, and 3 channels where they are swapped", len(s.Mean), len(s.Std))}
			}
			want = int64(l)
		}
	}
	switch shape := shapeOrUnknown(g.dims); {
	case s.Layout != "" && len(g.dims) != 4:
		return &onnxpb.Error{Msg: fmt.Sprintf("layouts need 4 dimensions, the %s has the shape %s", g.what, shape), Hint: "--perm changes the order of the axes of any rank; --shape declares one that is not known"}
	case s.Channel != nil:
		return g.namedChannels(*s.Channel, want)
	case g.dims == nil:
		return &onnxpb.Error{Msg: fmt.Sprintf("the axis of the channels is not known, as the %s has the shape %s", g.what, shape), Hint: "declare its shape with --shape"}
	case len(g.dims) != 4:
		return &onnxpb.Error{Msg: fmt.Sprintf("which axis of %s the channels are is not known: it is found in 4 dimensions only", shape), Hint: "say which with --channel AXIS"}
	}
	canBe := func(axis int) bool {
		d := g.dims[axis]
		if want != 0 {
			return !d.Known || d.Value == want
		}
		return !d.Known || d.Value == 1 || d.Value == 3 || d.Value == 4
	}
	first, last := canBe(1), canBe(3)
	switch {
	case s.Layout == NHWC: // so the model is NCHW, unless the numbers say the opposite
		first, last = first || want == 0 && !last, false
	case s.Layout == NCHW:
		first, last = false, last || want == 0 && !first
	}
	switch {
	case first && last && g.dims[1].Known && !g.dims[3].Known:
		last = false
	case first && last && !g.dims[1].Known && g.dims[3].Known:
		first = false
	}
	own := onnxpb.FormatShape(g.dims)
	switch {
	case first && last:
		return &onnxpb.Error{Msg: fmt.Sprintf("the channels of %s may lie in axis 1 or in axis 3", own), Hint: "say which with --channel AXIS"}
	case first:
		g.channel = 1
	case last:
		g.channel = 3
	case s.Layout != "" && want == 0:
		return &onnxpb.Error{Msg: fmt.Sprintf("the %s is to become %s, but %s does not look like the other layout", g.what, s.Layout, own), Hint: "the layout is the one that the " + g.what + " is to get; the model's own is the other"}
	default:
		return &onnxpb.Error{Msg: fmt.Sprintf("no axis of %s has %d channels", own, want), Hint: "means and deviations are one number each, or one for each channel; a swap needs 3. Channels in another axis than 1 and 3 are told by --channel AXIS"}
	}
	if d := g.dims[g.channel]; d.Known {
		g.count = d.Value
	} else if g.spec.SwapRGB {
		return &onnxpb.Error{Msg: fmt.Sprintf("whether axis %d of %s has 3 channels is not known", g.channel, own), Hint: "give the number of channels with a shape"}
	}
	return nil
}

// namedChannels takes the axis of the channels that is given, and holds it to their number and to the layout.
func (g *inputGraft) namedChannels(axis int, want int64) error {
	own := shapeOrUnknown(g.dims)
	if g.dims == nil {
		return &onnxpb.Error{Msg: fmt.Sprintf("axis %d cannot be the channels of an %s of which no shape is known", axis, g.what), Hint: "declare its shape with --shape"}
	}
	if axis < -len(g.dims) || axis >= len(g.dims) {
		return &onnxpb.Error{Msg: fmt.Sprintf("the %s has no axis %d: its shape is %s", g.what, axis, own), Hint: "axes count from 0, in the model's own order, or from -1 at the end"}
	}
	if axis < 0 {
		axis += len(g.dims)
	}
	if says := map[string]int{NHWC: 1, NCHW: 3}[g.spec.Layout]; says != 0 && says != axis {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("where the %s becomes %s its channels are the model's axis %d, and not axis %d", g.what, g.spec.Layout, says, axis),
			Hint: "leave one of the two out, or give the order of the axes with --perm"}
	}
	switch d := g.dims[axis]; {
	case !d.Known: // a mean of three on one channel would make three of it
		return &onnxpb.Error{Msg: fmt.Sprintf("whether axis %d of %s has %d channels is not known", axis, own, want), Hint: "give the number of channels with a shape"}
	case d.Value != want:
		return &onnxpb.Error{Msg: fmt.Sprintf("axis %d of %s has %d channels, and not %d", axis, own, d.Value, want), Hint: "means and deviations are one number each, or one for each channel; a swap needs 3"}
	}
	g.channel, g.count = axis, want
	return nil
}

// mayCast refuses element types between which the model's opset has no Cast.
func (g *inputGraft) mayCast(to onnxpb.TensorProto_DataType) error {
	if err := g.takes("Cast", to); err != nil {
		return err
	}
	return g.takes("Cast", g.old)
}

// takes refuses an element type that an operator of the model's opset does not know.
func (g *inputGraft) takes(operator string, t onnxpb.TensorProto_DataType) error {
	version := g.m.OpsetVersion("")
	o, ok := opset.Lookup("", operator, version)
	if !ok {
		return nil // a version that the table does not know yet
	}
	for _, f := range o.Inputs {
		for _, name := range o.Types[f.Type] {
			if name == typeOf(t) {
				return nil
			}
		}
	}
	return &onnxpb.Error{Msg: fmt.Sprintf("%s of opset %d does not take %s", operator, version, onnxpb.TypeName(t)), Hint: "choose another element type, or convert the model to a newer opset"}
}

// typeOf writes the type of a tensor as ONNX's operator definitions do.
func typeOf(t onnxpb.TensorProto_DataType) string {
	switch t {
	case onnxpb.TensorProto_FLOAT:
		return "tensor(float)"
	case onnxpb.TensorProto_DOUBLE:
		return "tensor(double)"
	}
	return "tensor(" + onnxpb.TypeName(t) + ")"
}

// apply grafts the nodes and declares the input.
func (g *inputGraft) apply() error {
	s := g.spec
	if s.Type != 0 && s.Type != g.old {
		g.node("Cast", []string{g.last}, onnxpb.Int("to", int64(g.old)))
		g.report.Add("changed", "input", g.name, onnxpb.TypeName(g.old), onnxpb.TypeName(s.Type))
		elem := int32(s.Type)
		g.v.GetType().GetTensorType().ElemType = &elem
	}
	if order := s.order(); order != nil {
		g.transpose(order)
	}
	if s.SwapRGB {
		g.node("Gather", []string{g.last, g.constant("bgr", onnxpb.ArrayOf([]int64{3}, []int64{2, 1, 0}))}, onnxpb.Int("axis", int64(g.channel)))
	}
	if err := g.normalise(); err != nil {
		return inTensor(err, g.name)
	}
	if len(g.nodes) == 0 {
		return nil
	}
	g.follow()
	top := g.m.GetGraph()
	g.g.Redirect(g.name, g.last)
	if g.m.GetIrVersion() < 4 {
		// There an initializer has to be a graph input too: a Constant node has not.
		for i, t := range g.inits {
			name := t.GetName()
			t.Name = nil
			n := onnxpb.Node("Constant", g.names.Node(name), nil, []string{name}, onnxpb.TensorAttr("value", t))
			g.nodes = append(g.nodes[:i:i], append([]*onnxpb.NodeProto{n}, g.nodes[i:]...)...)
		}
	} else {
		top.Initializer = append(top.Initializer, g.inits...)
	}
	for _, n := range g.nodes {
		g.report.Add("added", "node", n.GetName(), "", n.GetOpType())
	}
	top.Node = append(g.nodes, top.Node...)
	return nil
}

// node adds a node to the chain.
func (g *inputGraft) node(operator string, inputs []string, attrs ...*onnxpb.AttributeProto) {
	out := g.names.Value(g.name + "_inner")
	g.nodes = append(g.nodes, onnxpb.Node(operator, g.names.Node(g.name+"_"+operator), inputs, []string{out}, attrs...))
	g.last = out
}

// constant adds a constant and returns its name.
func (g *inputGraft) constant(what string, a *onnxpb.Array) string {
	name := g.names.Value(g.name + "_" + what)
	g.inits = append(g.inits, a.Proto(name))
	return name
}

// transpose gives the model its own order of axes, and declares the other one.
func (g *inputGraft) transpose(order []int) {
	g.node("Transpose", []string{g.last}, permOf(inverse(order)))
	shape := g.v.ShapeProto()
	shape.Dim = reordered(shape.Dim, order)
	after, _ := g.v.Shape()
	g.report.Add("changed", "input", g.name, onnxpb.FormatShape(g.dims), onnxpb.FormatShape(after))
}

// permOf is the attribute of a Transpose.
func permOf(order []int) *onnxpb.AttributeProto {
	perm := make([]int64, len(order))
	for i, axis := range order {
		perm[i] = int64(axis)
	}
	return onnxpb.Ints("perm", perm...)
}

// reordered gives dimensions another order. The messages move, with whatever denotation they carry.
func reordered(dims []*onnxpb.TensorShapeProto_Dimension, order []int) []*onnxpb.TensorShapeProto_Dimension {
	moved := make([]*onnxpb.TensorShapeProto_Dimension, len(order))
	for i, axis := range order {
		moved[i] = dims[axis]
	}
	return moved
}

// normalise adds (x*scale - mean) / std.
func (g *inputGraft) normalise() error {
	s := g.spec
	for _, step := range []struct {
		operator, what string
		v              []float64
		none           float64 // the number that changes nothing
	}{{"Mul", "scale", []float64{s.Scale}, 1}, {"Sub", "mean", s.Mean, 0}, {"Div", "std", s.Std, 1}} {
		if step.what == "scale" && s.Scale == 0 {
			continue
		}
		changes := false
		for _, v := range step.v {
			changes = changes || v != step.none
		}
		if !changes {
			continue
		}
		dims := []int64{}
		if len(step.v) > 1 {
			for range g.dims {
				dims = append(dims, 1)
			}
			dims[g.channel] = int64(len(step.v))
		}
		a, err := onnxpb.ArrayFromFloat64s(g.old, dims, step.v)
		if err != nil {
			return err
		}
		if step.what == "std" {
			if back, err := a.Float64s(); err == nil {
				for i, v := range back {
					if v == 0 {
						return onnxpb.Errorf(onnxpb.Usage, "a deviation of %v is 0 in %s", step.v[i], onnxpb.TypeName(g.old))
					}
				}
			}
		}
		g.node(step.operator, []string{g.last, g.constant(step.what, a)})
	}
	return nil
}

// follow moves what is said of the old value, and what refers to it beside the nodes' inputs, to the value that the model's nodes read now.
func (g *inputGraft) follow() {
	for _, a := range g.m.GetGraph().GetQuantizationAnnotation() {
		if a.GetTensorName() == g.name {
			a.TensorName = &g.last
		}
	}
	for _, u := range g.g.Consumers(g.name) {
		for _, d := range u.Node.GetDeviceConfigurations() {
			for _, s := range d.GetShardingSpec() {
				if s.GetTensorName() == g.name {
					s.TensorName = &g.last
				}
			}
		}
	}
	// The model's own shape and type stay known, of the inner value.
	if g.dims != nil {
		g.m.GetGraph().ValueInfo = append(g.m.GetGraph().ValueInfo, onnxpb.TensorValue(g.last, g.old, g.dims))
	}
}
