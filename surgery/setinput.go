package surgery

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// Layouts of images, for InputSpec.Layout.
const (
	NHWC = "NHWC"
	NCHW = "NCHW"
)

// InputSpec says what SetInput makes of a graph input. The zero value changes nothing.
type InputSpec struct {
	// Shape is the shape to declare, in the model's own layout; nil keeps it. A number replaces a symbol or an unknown dimension, everywhere where
	// the symbol stands. A symbol replaces another one, or an unknown dimension; in axis 0 it may replace a number, as SetBatch does it.
	// Nothing else replaces a number: the graph was made for it.
	Shape []onnxpb.Dim
	// Type is the element type that the input gets; 0 keeps it. A Cast gives the model the type that it had.
	Type onnxpb.TensorProto_DataType
	// Layout is the layout that the input gets, NHWC or NCHW, where the model's own is the other one; "" keeps it. The declared
	// shape is permuted, and a Transpose gives the model its own layout. The input must have 4 dimensions.
	Layout string
	// Perm does for any rank what Layout does for images: it lists the axes of the model's own input in the order in which the new one has them, so that its
	// dimension i is the model's dimension Perm[i]. Nil keeps them; it excludes Layout.
	Perm []int
	// SwapRGB turns the order of the three channels round (RGB to BGR, or back) before the model sees them.
	SwapRGB bool
	// Channel is the axis of the channels, for SwapRGB and for means and deviations of one number for each: in the model's own order of axes, from the end where it is negative.
	// Nil finds it in 4 dimensions: axis 1 or 3, whichever can be meant.
	Channel *int
	// Mean, Std and Scale normalise what the model sees: (x*Scale - Mean) / Std, with one number for all channels or one for each, in the
	// order in which the model has them (after SwapRGB). None, and a Scale of 0, leave that step out. The model's own type must be a float.
	Mean, Std []float64
	Scale     float64
}

// SetInput changes what a graph input takes, and grafts the nodes behind it that give the model what it took before: Cast, Transpose, swap of the
// channels, normalisation, in this order. The input keeps its name; the model's nodes, at any depth, read the last of the new values
// instead, whose names start with NAME_inner. Each form of a node is that of the model's opset, from 7 up.
//
// Refused (kind Refused) are: an input with a default (an initializer of the same name), a graft on an input that is an output too, and a shape that
// takes a number away or replaces it by another. Unfit are a request for another rank or layout than the input has, and names that do not exist.
func SetInput(m *onnxpb.ModelProto, name string, s InputSpec) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r, err := setInput(m, name, s)
		if err == nil && len(m.GetGraph().GetNode()) > len(original.GetGraph().GetNode()) { // an old opset's operators do not take every type
			err = holdTypes(original, m)
		}
		return r, err
	})
}

func setInput(m *onnxpb.ModelProto, name string, s InputSpec) (*Report, error) {
	r := &Report{Edit: "setinput"}
	v, err := findInput(m, name)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, inTensor(err, name)
	}
	if s.Shape != nil {
		if err := setShape(m, v, s.Shape, r); err != nil {
			return nil, inTensor(err, name)
		}
		v = graphInput(m, name) // the batch may have made the model another
	}
	g := &inputGraft{what: "input", m: m, g: NewGraph(m), names: NewNames(m), name: name, v: v, spec: s, report: r, old: v.ElemType()}
	if err := g.plan(); err != nil {
		return nil, inTensor(err, name)
	}
	return r, g.apply()
}

// inTensor adds the name of the input to an error that names no value.
func inTensor(err error, name string) error {
	if e, ok := err.(*onnxpb.Error); ok && e.Tensor == "" && e.Node == "" {
		e.Tensor = name
	}
	return err
}

// graphInput returns the (first) declaration of a graph input, or nil.
func graphInput(m *onnxpb.ModelProto, name string) *onnxpb.ValueInfoProto {
	for _, v := range m.GetGraph().GetInput() {
		if v.GetName() == name {
			return v
		}
	}
	return nil
}

// findInput returns the declaration of a graph input that is a tensor and has no default.
func findInput(m *onnxpb.ModelProto, name string) (*onnxpb.ValueInfoProto, error) {
	v := graphInput(m, name)
	if v == nil {
		names := []string{}
		for _, in := range m.GetGraph().GetInput() {
			names = append(names, in.GetName())
		}
		e := &onnxpb.Error{Tensor: name, Msg: "the model has no such input", Hint: "its inputs are " + strings.Join(names, ", ")}
		if near := Nearest(name, names, 3); len(near) > 0 {
			e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
		}
		return nil, e
	}
	g := NewGraph(m)
	if g.Initializer(name) != nil || g.SparseInitializer(name) != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: name, Msg: "this input has a default, an initializer of the same name, whose type and shape it must have",
			Hint: "remove the initializer, or take the input off the graph"}
	}
	if v.GetType().GetTensorType() == nil {
		return nil, &onnxpb.Error{Tensor: name, Msg: "this input is no tensor"}
	}
	return v, nil
}

// check refuses what makes no sense for any model.
func (s InputSpec) check() error {
	usage := func(format string, args ...any) error { return onnxpb.Errorf(onnxpb.Usage, format, args...) }
	if err := s.checkAxes(); err != nil {
		return err
	}
	if s.Layout != "" && s.Layout != NHWC && s.Layout != NCHW {
		return usage("layout %q is neither NHWC nor NCHW", s.Layout)
	}
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for _, v := range s.Mean {
		if !finite(v) {
			return usage("a mean of %v cannot be subtracted", v)
		}
	}
	for _, v := range s.Std {
		if !finite(v) || v == 0 {
			return usage("a deviation of %v cannot be divided by", v)
		}
	}
	if !finite(s.Scale) {
		return usage("a scale of %v cannot be multiplied by", s.Scale)
	}
	if _, ok := onnxpb.TensorProto_DataType_name[int32(s.Type)]; !ok {
		return usage("element type %d is not one of ONNX's", s.Type)
	}
	return nil
}

// checkAxes refuses orders of axes and channels that make no sense for any model.
func (s InputSpec) checkAxes() error {
	usage := func(hint, format string, args ...any) error {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	if s.Perm != nil && s.Layout != "" {
		return usage("a layout is the order of the axes of an image: give one of the two", "layout and perm exclude each other")
	}
	seen := make([]bool, len(s.Perm))
	for _, axis := range s.Perm {
		if axis < 0 || axis >= len(s.Perm) || seen[axis] {
			return usage(fmt.Sprintf("it names each axis from 0 to %d once, such as 0,2,3,1", len(s.Perm)-1), "%v is no order of %d axes", s.Perm, len(s.Perm))
		}
		seen[axis] = true
	}
	if s.Channel != nil && !s.SwapRGB && !s.perChannel() {
		return usage("add --swap-rgb, or a mean or deviation for each channel", "the axis of the channels is given, and nothing is to be done with channels")
	}
	return nil
}

// perChannel tells whether there is a mean or a deviation for each channel.
func (s InputSpec) perChannel() bool { return len(s.Mean) > 1 || len(s.Std) > 1 }

// moves tells whether the axes get another order.
func (s InputSpec) moves() bool {
	if s.Layout != "" {
		return true
	}
	for i, axis := range s.Perm {
		if i != axis {
			return true
		}
	}
	return false
}

// order is the order of the axes that is asked for: of each axis of the new tensor that of the model's own. Nil where they stay.
func (s InputSpec) order() []int {
	switch {
	case !s.moves():
		return nil
	case s.Layout == NHWC:
		return toNHWC[:]
	case s.Layout == NCHW:
		return toNCHW[:]
	}
	return s.Perm
}

// inverse is the order that undoes another one.
func inverse(order []int) []int {
	back := make([]int, len(order))
	for i, axis := range order {
		back[axis] = i
	}
	return back
}

// setShape declares another shape, where the graph allows it.
func setShape(m *onnxpb.ModelProto, v *onnxpb.ValueInfoProto, shape []onnxpb.Dim, r *Report) error {
	old, ranked := v.Shape()
	if !ranked {
		v.Type = onnxpb.TensorType(v.ElemType(), shape)
		r.Add("changed", "input", v.GetName(), "of any rank", onnxpb.FormatShape(shape))
		return mendForBatch(m, v.GetName(), shape, r)
	}
	if len(old) != len(shape) {
		return &onnxpb.Error{Msg: fmt.Sprintf("shape %s has %d dimensions, the input has %d: %s", onnxpb.FormatShape(shape), len(shape), len(old), onnxpb.FormatShape(old))}
	}
	for i := range shape {
		have, want := old[i], shape[i]
		switch {
		case have == want:
		case !have.Known && have.Param == "": // any dimension says more than none
		case have.Known && i == 0 && want.Param != "":
		case have.Known:
			return refusedDim(v.GetName(), i, old, shape)
		case !want.Known && want.Param == "":
			return &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("axis %d is %s, and cannot be made unknown: other values may refer to it", i, have)}
		}
	}
	before := onnxpb.FormatShape(old)
	if err := setBatchAxis(m, old, shape, r); err != nil {
		return err
	}
	// One line tells of this input what became of all its axes.
	r.Changes = slices.DeleteFunc(r.Changes, func(c Change) bool { return c.What == "input" && c.Name == v.GetName() })
	fresh := len(shape) > 0 && old[0] == (onnxpb.Dim{})
	subst := map[string]onnxpb.Dim{}
	for i := range shape {
		if have := old[i]; have != shape[i] && have.Param != "" && i != 0 {
			if was, ok := subst[have.Param]; ok && was != shape[i] {
				return &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("axes that are both %s cannot become %s and %s", have.Param, was, shape[i])}
			}
			subst[have.Param] = shape[i]
		}
	}
	SubstituteDims(m, subst)
	for i, d := range graphInput(m, v.GetName()).ShapeProto().GetDim() {
		shape[i].Set(d)
	}
	if after := onnxpb.FormatShape(shape); after != before {
		r.Add("changed", "input", v.GetName(), before, after)
	}
	if fresh {
		return mendForBatch(m, v.GetName(), shape, r)
	}
	return nil
}

// mendForBatch follows a batch that was just declared, on an input of which nothing was said before. A graph that seems to be made for one row is refused:
// only who made it knows whether a target [1,-1] means one row, or that everything becomes one.
func mendForBatch(m *onnxpb.ModelProto, name string, shape []onnxpb.Dim, r *Report) error {
	if len(shape) == 0 || shape[0].Param == "" {
		return nil
	}
	axis := func(m *onnxpb.ModelProto) *onnxpb.TensorShapeProto_Dimension {
		return graphInput(m, name).ShapeProto().GetDim()[0]
	}
	fixed := onnxpb.Clone(m)
	onnxpb.Number(1).Set(axis(fixed))
	if sub, err := setBatch(fixed, shape[0], BatchOptions{Inputs: []string{name}}); err == nil {
		for _, c := range sub.Changes {
			if c.What == "node" {
				one := append([]onnxpb.Dim{onnxpb.Number(1)}, shape[1:]...)
				return &onnxpb.Error{Kind: onnxpb.Refused, Node: c.Name, Tensor: name, Msg: "the graph seems to be made for one row: the batch cannot be declared alone",
					Hint: "if so, declare " + onnxpb.FormatShape(one) + " first, then run onnxtool setbatch " + shape[0].Param}
			}
		}
	}
	// As long as the input says nothing of its batch, nothing is known to be done.
	onnxpb.Symbol("onnxtool_unsaid").Set(axis(m))
	sub, err := setBatch(m, shape[0], BatchOptions{Inputs: []string{name}})
	if err != nil {
		return err
	}
	sub.Changes = slices.DeleteFunc(sub.Changes, func(c Change) bool { return c.What == "input" }) // told already
	r.Merge(sub)
	return nil
}

// refusedDim tells why a number cannot be replaced, and what replaces it where the graph can follow.
func refusedDim(name string, axis int, old, shape []onnxpb.Dim) error {
	e := &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("axis %d is %s, which the graph was made for, and cannot become %s", axis, old[axis], shape[axis])}
	to := shape[axis].String()
	if shape[axis] == (onnxpb.Dim{}) {
		to = "NAME"
	}
	setdim := fmt.Sprintf("onnxtool setdim %s[%d]=%s", name, axis, to)
	switch {
	case axis == 0:
		e.Hint = "onnxtool setbatch changes the batch; where axis 0 is none, see " + setdim
	case len(old) == 4 && fitsOther(old, shape):
		e.Hint = "the shape is written in the model's own layout, which is " + onnxpb.FormatShape(old) + "; --layout permutes it"
	default:
		e.Hint = setdim + " gives it another size, where the graph can follow"
	}
	return e
}

// fitsOther tells whether a shape would fit in the other layout.
func fitsOther(old, shape []onnxpb.Dim) bool {
	for _, perm := range [][4]int{toNHWC, toNCHW} {
		fits := true
		for i, p := range perm {
			fits = fits && (shape[i] == old[p] || !old[p].Known || i == 0)
		}
		if fits {
			return true
		}
	}
	return false
}

// setBatchAxis changes axis 0, by way of setBatch.
func setBatchAxis(m *onnxpb.ModelProto, old, shape []onnxpb.Dim, r *Report) error {
	if len(shape) == 0 || old[0] == shape[0] || old[0] == (onnxpb.Dim{}) {
		return nil
	}
	sub, err := setBatch(m, shape[0], BatchOptions{})
	if err != nil {
		if e, ok := err.(*onnxpb.Error); ok && e.Hint == "" {
			e.Hint = "axis 0 is the batch, which goes through onnxtool setbatch; give axis 0 as " + old[0].String() + " to leave it"
		}
		return err
	}
	r.Merge(sub)
	return nil
}
