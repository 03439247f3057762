// Package headpose tells what a head-pose model computes by its outputs alone.
package headpose

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// Kind is the form in which a model gives a pose.
type Kind int

const (
	// Rotation is a rotation matrix [N,3,3], as 6DRepNet gives it.
	Rotation Kind = iota
	// SixD is six numbers [N,6], two vectors that Gram and Schmidt's method makes a rotation matrix of.
	SixD
	// Bins is three outputs of logits [N,count] over the bins of an angle each, as WHENet and Hopenet give them.
	Bins
	// Angles is the three angles [N,3] in degrees, as FSA-Net and SynergyNet give them.
	Angles
)

// String names a kind for people.
func (k Kind) String() string {
	switch k {
	case Rotation:
		return "a rotation matrix [N,3,3]"
	case SixD:
		return "six numbers [N,6]"
	case Bins:
		return "three logit heads [N,count]"
	case Angles:
		return "three angles [N,3]"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Head is what Detect found.
type Head struct {
	Kind    Kind
	Input   string    // the one graph input
	Outputs []string  // Bins: those of yaw, roll and pitch, in this order; else one
	Order   [3]string // Angles: what each column is
	Counts  [3]int64  // Bins: how many bins each output has
}

// Options say what the outputs alone do not.
type Options struct {
	// Order is the order of the columns of three angles, or of the outputs of three logit heads as the graph lists them, such as "yaw,pitch,roll"; "" where the names of the
	// outputs tell.
	Order string
	// Outputs names the outputs that are the pose, where a model has several that could be; nil: any.
	Outputs []string
	// OrderFlag and OutputsFlag are what errors call the two options above; "" is "an order" and "the outputs".
	OrderFlag, OutputsFlag string
}

// minBins is the least number of columns that logits over bins have: fewer are no resolution for an angle, and 3 and 6 mean something else.
const minBins = 8

// output is a graph output that may be a pose, or a part of one.
type output struct {
	name string
	elem onnxpb.TensorProto_DataType
	dims []onnxpb.Dim
}

// candidate is one way to read the outputs as a pose.
type candidate struct {
	kind    Kind
	outputs []output
}

// Detect tells what kind of head-pose model m is, by the shapes and names of its outputs: it looks at no node. Outputs that cannot be a pose are
// left aside. An error of kind Unfit says what was found where no reading or more than one is possible, and which option decides.
func Detect(m *onnxpb.ModelProto, o Options) (*Head, error) {
	if o.OrderFlag == "" {
		o.OrderFlag = "an order"
	}
	if o.OutputsFlag == "" {
		o.OutputsFlag = "the outputs"
	}
	input, err := oneInput(m)
	if err != nil {
		return nil, err
	}
	outputs, err := poseOutputs(m, o)
	if err != nil {
		return nil, err
	}
	found := candidates(outputs)
	switch {
	case len(found) == 0:
		return nil, &onnxpb.Error{Msg: "no output is a head pose: the outputs are " + describe(outputs),
			Hint: "known are a rotation matrix [N,3,3], six numbers [N,6], three logit heads [N,count] and three angles [N,3]; declared shapes are needed"}
	case len(found) > 1:
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("several outputs could be the pose: %s", describe(outputs)), Hint: "name those that are with " + o.OutputsFlag}
	}
	c := found[0]
	for _, out := range c.outputs {
		if out.elem != onnxpb.TensorProto_FLOAT {
			return nil, &onnxpb.Error{Tensor: out.name, Msg: fmt.Sprintf("the pose is %s, and float32 is needed", onnxpb.TypeName(out.elem)), Hint: "append a Cast to float32"}
		}
	}
	h := &Head{Kind: c.kind, Input: input}
	switch c.kind {
	case Bins:
		err = h.tellBins(c.outputs, o)
	case Angles:
		h.Outputs = []string{c.outputs[0].name}
		err = h.tellAngles(c.outputs[0].name, o)
	default:
		h.Outputs = []string{c.outputs[0].name}
		if o.Order != "" {
			err = &onnxpb.Error{Tensor: c.outputs[0].name, Msg: fmt.Sprintf("the output is %s, which has no order to give", c.kind), Hint: "leave out " + o.OrderFlag}
		}
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// oneInput returns the name of the one graph input that is not an initializer.
func oneInput(m *onnxpb.ModelProto) (string, error) {
	given := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		given[t.GetName()] = true
	}
	for _, t := range m.GetGraph().GetSparseInitializer() {
		given[t.GetValues().GetName()] = true
	}
	var names []string
	for _, v := range m.GetGraph().GetInput() {
		if !given[v.GetName()] {
			names = append(names, v.GetName())
		}
	}
	switch len(names) {
	case 0:
		return "", &onnxpb.Error{Msg: "the model has no input"}
	case 1:
		return names[0], nil
	}
	return "", &onnxpb.Error{Msg: fmt.Sprintf("the model has %d inputs (%s), and a head-pose model has one", len(names), strings.Join(names, ", ")),
		Hint: "make constants of the others"}
}

// poseOutputs returns the graph outputs, those asked for where any are.
func poseOutputs(m *onnxpb.ModelProto, o Options) ([]output, error) {
	var list []output
	left := slices.Clone(o.Outputs)
	for _, v := range m.GetGraph().GetOutput() {
		if i := slices.Index(left, v.GetName()); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else if len(o.Outputs) > 0 {
			continue
		}
		dims, _ := v.Shape()
		list = append(list, output{v.GetName(), v.ElemType(), dims})
	}
	if len(left) > 0 {
		return nil, &onnxpb.Error{Tensor: left[0], Msg: "there is no such output", Hint: "see onnxtool info"}
	}
	return list, nil
}

// candidates returns all the ways to read outputs as a pose.
func candidates(outputs []output) []candidate {
	var found []candidate
	var heads []output
	for _, out := range outputs {
		tail := func(want ...int64) bool {
			if len(out.dims) != len(want)+1 {
				return false
			}
			for i, w := range want {
				if d := out.dims[i+1]; !d.Known || d.Value != w {
					return false
				}
			}
			return true
		}
		switch {
		case tail(3, 3):
			found = append(found, candidate{Rotation, []output{out}})
		case tail(6):
			found = append(found, candidate{SixD, []output{out}})
		case tail(3):
			found = append(found, candidate{Angles, []output{out}})
		case len(out.dims) == 2 && out.dims[1].Known && out.dims[1].Value >= minBins:
			heads = append(heads, out)
		}
	}
	// More than three logit outputs are a pose where exactly three are named for the angles.
	if len(heads) > 3 {
		heads = slices.DeleteFunc(heads, func(h output) bool { return len(anglesIn(h.name)) != 1 })
	}
	if len(heads) == 3 {
		found = append(found, candidate{Bins, heads})
	}
	return found
}

// anglesIn returns the angles whose names a name contains, in the order in which they stand there.
func anglesIn(name string) []string {
	name = strings.ToLower(name)
	var in []string
	for _, a := range angles {
		if strings.Contains(name, a) {
			in = append(in, a)
		}
	}
	slices.SortFunc(in, func(a, b string) int { return strings.Index(name, a) - strings.Index(name, b) })
	return in
}

// tellAngles tells the order of the columns of three angles: by the option, or by an output's name that lists all three.
func (h *Head) tellAngles(name string, o Options) error {
	named := anglesIn(name)
	if o.Order == "" {
		if len(named) != 3 {
			return &onnxpb.Error{Tensor: name, Msg: "three angles, but which column is which cannot be seen", Hint: fmt.Sprintf("say it with %s, for example yaw,pitch,roll", o.OrderFlag)}
		}
		h.Order = [3]string(named)
		return nil
	}
	order, err := ParseOrder(o.Order)
	if err == nil && len(named) == 3 && order != [3]string(named) {
		err = contradiction(named, order[:], o)
	}
	h.Order = order
	return err
}

// contradiction is the error where names tell another order than the option.
func contradiction(named, said []string, o Options) error {
	return &onnxpb.Error{Msg: fmt.Sprintf("by their names the outputs are %s, and %s says %s", strings.Join(named, ","), o.OrderFlag, strings.Join(said, ",")),
		Hint: "leave it out, or rename the outputs"}
}

// tellBins tells which logits are of which angle: by the outputs' names, or by the option.
func (h *Head) tellBins(heads []output, o Options) error {
	var is [3]string
	byName := true
	for i, out := range heads {
		in := anglesIn(out.name)
		if len(in) != 1 || slices.Contains(is[:i], in[0]) {
			byName = false
			break
		}
		is[i] = in[0]
	}
	if o.Order != "" {
		order, err := ParseOrder(o.Order)
		if err != nil {
			return err
		}
		if byName && order != is {
			return contradiction(is[:], order[:], o)
		}
		is, byName = order, true
	}
	if !byName {
		return &onnxpb.Error{Msg: "three logit heads, but which is which angle cannot be seen: " + describe(heads),
			Hint: fmt.Sprintf("say it with %s in the order of the outputs, for example yaw,pitch,roll", o.OrderFlag)}
	}
	h.Outputs = make([]string, 3)
	for i, out := range heads {
		at := slices.Index(angles[:], is[i])
		h.Outputs[at], h.Counts[at] = out.name, out.dims[1].Value
	}
	return nil
}

// describe lists outputs for people.
func describe(outputs []output) string {
	if len(outputs) == 0 {
		return "none"
	}
	list := make([]string, len(outputs))
	for i, out := range outputs {
		shape := "of unknown shape"
		if out.dims != nil {
			shape = onnxpb.FormatShape(out.dims)
		}
		list[i] = out.name + " " + shape
	}
	return strings.Join(list, ", ")
}
