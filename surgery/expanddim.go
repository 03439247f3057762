package surgery

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// ExpandOptions say which inputs and outputs ExpandDim gives another axis.
type ExpandOptions struct {
	// Axis is where the new axis stands in the shape that results; from the end where it is negative.
	Axis int
	// Outputs and Inputs are names of outputs and inputs of the model, globs, or re: and regular expressions (see RenameRule). None of both means all outputs.
	Outputs, Inputs []string
}

// ExpandDim gives outputs and inputs of a model a new axis of 1: an output is made by an Unsqueeze of what it was, and the model reads a Squeeze of an input. They keep their names and places, and what
// the model computes stays as it was.
//
// Errors of kind Unfit: a name or a pattern that is for no input or output (with the nearest names), one that is no tensor or whose rank is not known, an axis that the shape has no place for.
// Errors of kind Refused: an input that is an output too, or that has a default.
func ExpandDim(m *onnxpb.ModelProto, o ExpandOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "expand-dim"}
		d := newDeclarer(m, r)
		outputs, inputs := outputNames(m.GetGraph()), inputNames(m.GetGraph())
		if len(o.Outputs)+len(o.Inputs) > 0 {
			var err error
			if outputs, err = chosen(o.Outputs, outputs, d.index.IsOutput, func(text string, exact bool) error { return noOutput(d.index, text, exact) }); err != nil {
				return nil, err
			}
			if inputs, err = chosen(o.Inputs, inputs, d.index.IsInput, func(text string, exact bool) error {
				return &onnxpb.Error{Msg: fmt.Sprintf("the model has no input %q", text), Hint: suggest("input", text, inputNames(m.GetGraph()))}
			}); err != nil {
				return nil, err
			}
		} else {
			inputs = nil
		}
		for _, side := range []struct {
			names    []string
			operator string
		}{{outputs, "Unsqueeze"}, {inputs, "Squeeze"}} {
			if len(side.names) == 0 {
				continue
			}
			b, wiring, err := d.expansion(side.names, side.operator, o.Axis)
			if err != nil {
				return nil, err
			}
			sub, err := Insert(m, b, wiring)
			if err != nil {
				return nil, err
			}
			r.Merge(sub)
		}
		return r, nil
	})
}

// expansion makes the block that changes outputs, or inputs, and its wiring.
func (d *declarer) expansion(names []string, operator string, axis int) (*onnxpb.ModelProto, InsertOptions, error) {
	b := &onnxpb.ModelProto{IrVersion: d.m.IrVersion, OpsetImport: d.m.OpsetImport, Graph: &onnxpb.GraphProto{}}
	o := InsertOptions{Outputs: map[string]string{}, Inputs: map[string]string{}, Replace: map[string]string{}, OnlyOutputs: operator == "Unsqueeze", own: true}
	axes := map[int]string{} // the constants
	for i, name := range names {
		v := d.index.Output(name)
		if operator == "Squeeze" {
			v = d.index.Input(name)
		}
		narrow := v.GetType()
		if t := narrow.GetTensorType(); t != nil && t.Shape == nil {
			narrow = d.inferred().Value(name).Proto()
		}
		t := narrow.GetTensorType()
		if t == nil || t.Shape == nil {
			return nil, o, &onnxpb.Error{Tensor: name, Msg: "it is no tensor whose rank is known: " + onnxpb.FormatTypeProto(v.GetType()), Hint: "declare its shape"}
		}
		rank := len(t.Shape.Dim)
		at := axis
		if at < 0 {
			at += rank + 1
		}
		if at < 0 || at > rank {
			return nil, o, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("axis %d: there are %d places for a new axis in %s", axis, rank+1, onnxpb.FormatTypeProto(narrow)),
				Hint: fmt.Sprintf("axes go from %d to %d", -rank-1, rank)}
		}
		wide := proto.Clone(narrow).(*onnxpb.TypeProto)
		if operator == "Squeeze" { // the old type stays, of the inner value, with all that it tells besides
			dims, _ := (&onnxpb.ValueInfoProto{Type: narrow}).Shape()
			wide = onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetElemType()), dims)
		}
		dims := wide.GetTensorType().Shape
		one := &onnxpb.TensorShapeProto_Dimension{}
		onnxpb.Number(1).Set(one)
		dims.Dim = append(dims.Dim[:at:at], append([]*onnxpb.TensorShapeProto_Dimension{one}, dims.Dim[at:]...)...)

		in, out := fmt.Sprintf("in_%d", i), fmt.Sprintf("out_%d", i)
		n := onnxpb.Node(operator, name+"_"+operator, []string{in}, []string{out})
		if d.m.OpsetVersion("") >= 13 {
			if axes[at] == "" {
				axes[at] = fmt.Sprintf("%s_axis_%d", strings.ToLower(operator), at)
				b.Graph.Initializer = append(b.Graph.Initializer, onnxpb.TensorOf(axes[at], []int64{1}, []int64{int64(at)}))
			}
			n.Input = append(n.Input, axes[at])
		} else {
			n.Attribute = append(n.Attribute, onnxpb.Ints("axes", int64(at)))
		}
		b.Graph.Node = append(b.Graph.Node, n)
		taken, given := narrow, wide
		o.Outputs[out] = name
		if operator == "Squeeze" {
			taken, given = wide, narrow
			o.Replace[in] = name
		} else {
			o.Inputs[in] = name
		}
		b.Graph.Input = append(b.Graph.Input, &onnxpb.ValueInfoProto{Name: &in, Type: taken})
		b.Graph.Output = append(b.Graph.Output, &onnxpb.ValueInfoProto{Name: &out, Type: given})
	}
	return b, o, nil
}
