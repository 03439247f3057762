package surgery

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// OutputSpec says what SetOutput makes of a graph output. The zero value changes nothing.
type OutputSpec struct {
	// Shape is the shape to declare, in the model's own layout; nil keeps it. What follows for the output holds: a dimension that is not known may be declared, one that
	// is may only be left open.
	Shape []onnxpb.Dim
	// SwapRGB turns the order of the three channels round (RGB to BGR, or back).
	SwapRGB bool
	// Channel is the axis of the channels, for SwapRGB: in the model's own order of axes, from the end where it is negative. Nil finds it in 4 dimensions.
	Channel *int
	// Layout is the layout that the output gets, NHWC or NCHW, where the model's own is the other one; "" keeps it. The output must have 4 dimensions.
	Layout string
	// Perm does for any rank what Layout does for images: it lists the axes of the model's own output in the order in which the new one has them. Nil keeps them; it excludes Layout.
	Perm []int
	// Type is the element type that the output gets; 0 keeps it.
	Type onnxpb.TensorProto_DataType
	// Name is what it is called then; "" keeps the name.
	Name string
}

// SetOutput changes what a graph output gives, by nodes in front of it: swap of the channels (Gather), Transpose, Cast, in this order. The output keeps its name, unless another is asked for;
// the model's nodes read the value that it was, whose name starts with the output's.
//
// Refused (kind Refused) are: an output that is an input too, where nodes are needed, and a shape that contradicts what follows. Unfit are a request for another rank or layout than the
// output has, element types that Cast does not take in the model's opset, and names that do not exist or are taken.
func SetOutput(m *onnxpb.ModelProto, name string, s OutputSpec) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setoutput"}
		d := newDeclarer(m, r)
		v := d.index.Output(name)
		if v == nil {
			return nil, noOutput(d.index, name, true)
		}
		if v.GetType().GetTensorType() == nil {
			return nil, &onnxpb.Error{Tensor: name, Msg: "this output is no tensor", Hint: "its type and shape are not free to choose"}
		}
		if err := s.graft().check(); err != nil {
			return nil, inTensor(err, name)
		}
		if s.Shape != nil {
			if err := d.declareShape(v, s.Shape); err != nil {
				return nil, inTensor(err, name)
			}
		}
		b, err := d.outputGraft(v, s)
		if err != nil {
			return nil, inTensor(err, name)
		}
		if len(b.Graph.Node) > 0 {
			sub, err := Insert(m, b, InsertOptions{Inputs: map[string]string{"in": name}, Outputs: map[string]string{b.Graph.Output[0].GetName(): name}, OnlyOutputs: true, own: true})
			if err != nil {
				return nil, err
			}
			r.Merge(sub)
		}
		if s.Name != "" && s.Name != name {
			sub, err := Rename(m, []RenameRule{{Kind: KindOutput, From: name, To: s.Name}})
			if err != nil {
				return nil, err
			}
			r.Merge(sub)
		}
		return r, nil
	})
}

// graft says of an output what a graft at an input does.
func (s OutputSpec) graft() InputSpec {
	return InputSpec{Layout: s.Layout, Perm: s.Perm, SwapRGB: s.SwapRGB, Channel: s.Channel, Type: s.Type}
}

// declareShape declares another shape of an output, where it does not contradict what follows.
func (d *declarer) declareShape(v *onnxpb.ValueInfoProto, shape []onnxpb.Dim) error {
	found := d.inferred().Value(v.GetName())
	old, ranked := v.Shape()
	if found != nil && found.Ranked && len(found.Dims) != len(shape) || ranked && len(old) != len(shape) {
		return &onnxpb.Error{Msg: fmt.Sprintf("shape %s has %d dimensions, the output is %s", onnxpb.FormatShape(shape), len(shape), onnxpb.FormatTypeProto(v.GetType())), Hint: "declare as many as it has"}
	}
	for i, want := range shape {
		have := onnxpb.Dim{}
		if ranked {
			have = old[i]
		}
		if found != nil && found.Ranked && dimOf(found.Dims[i]) != (onnxpb.Dim{}) {
			have = dimOf(found.Dims[i])
		}
		if have != (onnxpb.Dim{}) && want != (onnxpb.Dim{}) && have != want {
			e := &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("axis %d is %s, and cannot become %s", i, have, want), Hint: "other sizes come from the inputs: see onnxtool setbatch and setdim"}
			if have.Param != "" && want.Param != "" {
				e.Hint = "onnxtool rename --dim gives a symbol another name"
			}
			return e
		}
	}
	before := onnxpb.FormatTypeProto(v.GetType())
	if ranked {
		for i, p := range v.ShapeProto().GetDim() {
			shape[i].Set(p)
		}
	} else {
		v.GetType().GetTensorType().Shape = onnxpb.TensorType(v.ElemType(), shape).GetTensorType().Shape
	}
	if after := onnxpb.FormatTypeProto(v.GetType()); after != before {
		d.r.Add("changed", "output", v.GetName(), before, after)
	}
	return nil
}

// outputGraft makes the block that stands in front of an output; without nodes where nothing is to be done. Its input is called in.
func (d *declarer) outputGraft(v *onnxpb.ValueInfoProto, s OutputSpec) (*onnxpb.ModelProto, error) {
	b := &onnxpb.ModelProto{IrVersion: d.m.IrVersion, OpsetImport: d.m.OpsetImport, Graph: &onnxpb.GraphProto{}}
	old := v.ElemType()
	cast := s.Type != 0 && s.Type != old
	g := &inputGraft{m: d.m, what: "output", spec: s.graft(), old: old}
	if !cast && s.Perm == nil && s.Layout == "" && !s.SwapRGB {
		return b, nil
	}
	whole := v.GetType()
	if whole.GetTensorType().Shape == nil {
		if t := d.inferred().Value(v.GetName()).Proto(); t != nil {
			whole = t
		}
	}
	now := proto.Clone(whole).(*onnxpb.TypeProto)
	dims := now.GetTensorType().GetShape().GetDim()
	if now.GetTensorType().Shape != nil {
		g.dims = make([]onnxpb.Dim, len(dims))
	}
	for i, p := range dims {
		g.dims[i] = onnxpb.DimOf(p)
	}
	if s.Perm != nil {
		if err := g.orders(s.Perm); err != nil {
			return nil, err
		}
	}
	if !cast && !g.spec.moves() && !s.SwapRGB {
		return b, nil
	}
	if version := d.m.OpsetVersion(""); version < 7 {
		return nil, &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("nodes of opset %d are not written", version), Hint: "convert the model to opset 7 or newer"}
	}
	last := "in"
	add := func(operator string, inputs []string, attrs ...*onnxpb.AttributeProto) {
		out := v.GetName() + "_" + operator
		b.Graph.Node = append(b.Graph.Node, onnxpb.Node(operator, out, append([]string{last}, inputs...), []string{out}, attrs...))
		last = out
	}
	if s.Layout != "" || s.SwapRGB {
		if err := g.findChannels(); err != nil {
			return nil, err
		}
	}
	if s.SwapRGB {
		b.Graph.Initializer = append(b.Graph.Initializer, onnxpb.ArrayOf([]int64{3}, []int64{2, 1, 0}).Proto(v.GetName()+"_bgr"))
		add("Gather", []string{v.GetName() + "_bgr"}, onnxpb.Int("axis", int64(g.channel)))
	}
	if order := g.spec.order(); order != nil {
		add("Transpose", nil, permOf(order))
		now.GetTensorType().Shape.Dim = reordered(dims, order)
	}
	if cast {
		if err := g.mayCast(s.Type); err != nil {
			return nil, err
		}
		add("Cast", nil, onnxpb.Int("to", int64(s.Type)))
		elem := int32(s.Type)
		now.GetTensorType().ElemType = &elem
	}
	b.Graph.Input = []*onnxpb.ValueInfoProto{{Name: proto.String("in")}}
	b.Graph.Output = []*onnxpb.ValueInfoProto{{Name: &last, Type: now}}
	return b, nil
}
