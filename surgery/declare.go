package surgery

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// declarer makes the declarations of values of the main graph that are to be inputs or outputs of the model.
type declarer struct {
	m      *onnxpb.ModelProto
	index  *Graph
	r      *Report
	shapes *shape.Result // see inferred
	types  elemTypes
}

func newDeclarer(m *onnxpb.ModelProto, r *Report) *declarer {
	index := NewGraph(m)
	return &declarer{m: m, index: index, r: r, types: elemTypes{index: index}}
}

// unknownTensor is the error about a name that is no value of the main graph; what is it that it was to be.
func (d *declarer) unknownTensor(name, what string) error {
	if NewNames(d.m).HasValue(name) {
		return &onnxpb.Error{Tensor: name, Msg: "it is a value of a subgraph, which cannot be an " + what + " of the model",
			Hint: "choose a value of the main graph, such as an output of the node that holds the subgraph"}
	}
	return &onnxpb.Error{Msg: "there is no tensor " + quoteList([]string{name}), Hint: suggest("tensor", name, d.index.Values())}
}

// declare makes the declaration of a value that is to be an input or output: as it is declared by now, or as it follows.
func (d *declarer) declare(name string) (*onnxpb.ValueInfoProto, error) {
	v := d.index.ValueInfo(name)
	if v == nil {
		v = &onnxpb.ValueInfoProto{Name: proto.String(name), Type: d.index.ValueType(name)}
	}
	v = proto.Clone(v).(*onnxpb.ValueInfoProto)
	if t := v.GetType().GetTensorType(); !typeKnown(v.GetType()) || t != nil && t.Shape == nil {
		if t := d.inferred().Value(name).Proto(); t != nil {
			v.Type = t
		}
	}
	if !typeKnown(v.GetType()) {
		if v.Type = d.types.of(name); v.Type == nil {
			return nil, &onnxpb.Error{Tensor: name, Msg: "its element type is not known, which an input or output of a model has to have",
				Hint: declareHint(name) + " declares it; or choose a tensor whose type is known"}
		}
	}
	if t := v.GetType().GetTensorType(); t != nil && t.Shape == nil {
		d.r.Note("the shape of %q is not known, so the model does not declare it", name)
	}
	return v, nil
}

// inferred returns what follows for the values of the model as it was when it was asked for first.
func (d *declarer) inferred() *shape.Result {
	if d.shapes == nil {
		d.shapes = shape.Infer(d.m, shape.Options{})
	}
	return d.shapes
}

// replaceOutputs gives the main graph other outputs. What value_info declared of a new one goes, as the output declares it; what an old one declared goes there. What the
// report tells of outputs that are new is the caller's.
func (d *declarer) replaceOutputs(outputs []*onnxpb.ValueInfoProto) {
	g := d.m.GetGraph()
	now := map[string]bool{}
	for _, v := range outputs {
		now[v.GetName()] = true
	}
	g.ValueInfo = without(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return now[v.GetName()] && !d.index.IsOutput(v.GetName()) })
	declared := map[string]bool{}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetInput()} {
		for _, v := range list {
			declared[v.GetName()] = true
		}
	}
	for _, v := range g.GetOutput() {
		name := v.GetName()
		if now[name] {
			continue
		}
		d.r.Add("removed", "output", name, "", "")
		// What it declared still holds of the value, which may be needed within.
		if !declared[name] {
			declared[name] = true
			g.ValueInfo = append(g.ValueInfo, v)
		}
	}
	g.Output = outputs
}

// typeKnown tells whether a declaration says of what type a value is, all the way down: an input or output of a model must, and value_info, which nothing
// checks, need not.
func typeKnown(t *onnxpb.TypeProto) bool {
	elem := func(e int32) bool {
		_, ok := onnxpb.TensorProto_DataType_name[e]
		return ok && e != 0
	}
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		return elem(v.TensorType.GetElemType())
	case *onnxpb.TypeProto_SparseTensorType:
		return elem(v.SparseTensorType.GetElemType())
	case *onnxpb.TypeProto_SequenceType:
		return typeKnown(v.SequenceType.GetElemType())
	case *onnxpb.TypeProto_OptionalType:
		return typeKnown(v.OptionalType.GetElemType())
	case *onnxpb.TypeProto_MapType:
		return elem(v.MapType.GetKeyType()) && typeKnown(v.MapType.GetValueType())
	}
	return t.GetValue() != nil // opaque
}
