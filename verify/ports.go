package verify

import (
	"onnxtool/onnxpb"
)

// port is an input or an output of a model as it is declared.
type port struct {
	name   string
	typ    *onnxpb.TypeProto
	elem   onnxpb.TensorProto_DataType // of the tensor, or of the tensors in a sequence or an optional
	dims   []onnxpb.Dim
	ranked bool // whether dims is known
	tensor bool // a plain tensor, not a sequence, a map, an optional
}

func portOf(v *onnxpb.ValueInfoProto) port {
	p := port{name: v.GetName(), typ: v.GetType()}
	t := p.typ
	p.tensor = true
	for t != nil {
		switch w := t.GetValue().(type) {
		case *onnxpb.TypeProto_TensorType:
			inner := &onnxpb.ValueInfoProto{Type: t}
			p.elem = inner.ElemType()
			p.dims, p.ranked = inner.Shape()
			for i, d := range p.dims {
				if d.Known && d.Value < 0 { // some exporters write -1 for a free dimension, and ONNX Runtime reads it so
					p.dims[i] = onnxpb.Dim{}
				}
			}
			return p
		case *onnxpb.TypeProto_SequenceType:
			t = w.SequenceType.GetElemType()
		case *onnxpb.TypeProto_OptionalType:
			t = w.OptionalType.GetElemType()
		default:
			t = nil
		}
		p.tensor = false
	}
	p.tensor = false
	return p
}

// inputsOf lists what must be fed to a model: its inputs but for those that an initializer gives a value (weights, in models of old, and
// defaults).
func inputsOf(m *onnxpb.ModelProto) []port {
	given := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		given[t.GetName()] = true
	}
	for _, t := range m.GetGraph().GetSparseInitializer() {
		given[t.GetValues().GetName()] = true
	}
	var ports []port
	for _, v := range m.GetGraph().GetInput() {
		if !given[v.GetName()] {
			ports = append(ports, portOf(v))
		}
	}
	return ports
}

func outputsOf(m *onnxpb.ModelProto) []port {
	var ports []port
	for _, v := range m.GetGraph().GetOutput() {
		ports = append(ports, portOf(v))
	}
	return ports
}

func portNames(ports []port) []string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.name
	}
	return names
}
