package verify

import (
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// groupsOf cuts a list into runs of values whose sizes add up to no more than a bound, each of at least one. A value whose size is not known (less than 0) counts as a sixteenth of the
// bound.
func groupsOf(names []string, size func(string) int64, most int64) [][]string {
	var groups [][]string
	var group []string
	total := int64(0)
	for _, name := range names {
		n := size(name)
		if n < 0 {
			n = most / 16
		}
		if len(group) > 0 && n > most-total {
			groups, group, total = append(groups, group), nil, 0
		}
		group, total = append(group, name), total+min(n, most)
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups
}

// sizeOf estimates the bytes of a value from what is inferred of it; -1 where it cannot be told.
func sizeOf(v *shape.Value) int64 {
	dims, ok := v.Numbers()
	if !ok {
		return -1
	}
	n, err := onnxpb.Count(dims)
	if err != nil || n > 1<<55 {
		return -1
	}
	return (n*int64(onnxpb.ElemBits(v.Elem)) + 7) / 8
}

// shapesOf returns what is known of the inputs of a run, for inference.
func (p *preparedRun) shapesOf() map[string]*shape.Value {
	known := map[string]*shape.Value{}
	for i, in := range p.c.plan.inputs {
		if p.shapes[i] == nil || !in.pair.ref.tensor || in.pair.ref.elem == onnxpb.TensorProto_UNDEFINED {
			continue
		}
		dims := make([]shape.Dim, len(p.shapes[i]))
		for axis, n := range p.shapes[i] {
			dims[axis] = shape.Number(n)
		}
		known[in.pair.ref.name] = shape.TensorOf(in.pair.ref.elem, dims)
	}
	return known
}

// withoutDims returns a type as it is but without the shape of its tensors.
func withoutDims(t *onnxpb.TypeProto) *onnxpb.TypeProto {
	if t.GetTensorType() != nil {
		return onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetTensorType().GetElemType()), nil)
	}
	return t
}

// holdsFloats tells whether a value of a type can hold a NaN or an infinity.
func holdsFloats(t *onnxpb.TypeProto) bool {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		return !exactType(onnxpb.TensorProto_DataType(v.TensorType.GetElemType()))
	case *onnxpb.TypeProto_SequenceType:
		return holdsFloats(v.SequenceType.GetElemType())
	case *onnxpb.TypeProto_OptionalType:
		return holdsFloats(v.OptionalType.GetElemType())
	case *onnxpb.TypeProto_MapType:
		return holdsFloats(v.MapType.GetValueType())
	}
	return false
}

// constantStats sums up the initializers that hold floats, one at a time.
func constantStats(s Source) (map[string][]leaf, error) {
	known := map[string][]leaf{}
	add := func(t *onnxpb.TensorProto) error {
		if exactType(onnxpb.TensorProto_DataType(t.GetDataType())) {
			return nil
		}
		a, err := onnxpb.Decode(t, s.Dir)
		if err != nil {
			return &onnxpb.Error{Tensor: t.GetName(), Msg: "the initializer cannot be read", Err: err}
		}
		list, err := leavesOf(onnxpb.TensorVal(a))
		if err != nil {
			return &onnxpb.Error{Tensor: t.GetName(), Err: err}
		}
		list[0].array = nil
		known[t.GetName()] = list
		return nil
	}
	for _, t := range s.Model.GetGraph().GetInitializer() {
		if err := add(t); err != nil {
			return nil, err
		}
	}
	for _, t := range s.Model.GetGraph().GetSparseInitializer() {
		if v := t.GetValues(); v != nil {
			if err := add(v); err != nil {
				return nil, err
			}
		}
	}
	return known, nil
}

// outerNames lists what a node reads, each once: its inputs, and what its subgraphs take from around it.
func outerNames(n *onnxpb.NodeProto) []string {
	o := &outerReads{seen: map[string]bool{}}
	o.node(n, nil)
	return o.names
}

// outerReads gathers what is read from outside. A graph's own names are in the maps of defined, the innermost last.
type outerReads struct {
	seen  map[string]bool
	names []string
}

func (o *outerReads) read(name string, defined []map[string]bool) {
	for _, d := range defined {
		if d[name] {
			return
		}
	}
	if name != "" && !o.seen[name] {
		o.seen[name] = true
		o.names = append(o.names, name)
	}
}

func (o *outerReads) node(n *onnxpb.NodeProto, defined []map[string]bool) {
	for _, name := range n.GetInput() {
		o.read(name, defined)
	}
	for g := range n.Subgraphs() {
		own := map[string]bool{}
		for _, v := range g.GetInput() {
			own[v.GetName()] = true
		}
		for _, t := range g.GetInitializer() {
			own[t.GetName()] = true
		}
		for _, t := range g.GetSparseInitializer() {
			own[t.GetValues().GetName()] = true
		}
		for _, inner := range g.GetNode() {
			for _, name := range inner.GetOutput() {
				own[name] = true
			}
		}
		inside := append(defined[:len(defined):len(defined)], own)
		for _, inner := range g.GetNode() {
			o.node(inner, inside)
		}
		for _, v := range g.GetOutput() {
			o.read(v.GetName(), inside)
		}
	}
}
