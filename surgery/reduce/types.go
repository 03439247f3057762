package reduce

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/shape"
	"onnxtool/surgery"
)

// types are the types of the values of the whole model, at any depth of subgraphs, by name. They stay true of the smaller ones, whose values keep their names: a value that is
// cut off what makes it could not be inferred there.
type types struct {
	protos map[string]*onnxpb.TypeProto // nil where the type is not known, or two graphs differ in it
	values map[string]*shape.Value
}

func newTypes(m *onnxpb.ModelProto) *types {
	t := &types{protos: map[string]*onnxpb.TypeProto{}, values: map[string]*shape.Value{}}
	index := surgery.NewGraph(m)
	found := shape.Infer(m, shape.Options{})
	signatures := surgery.NewTypes(index)
	for _, name := range index.Values() {
		t.add(name, sharper(signatures.Of(name), found.Value(name)), found.Value(name))
	}
	for _, n := range m.GetGraph().GetNode() {
		t.subgraphs(n, found)
	}
	return t
}

// sharper returns what is declared where that has a shape, else what was inferred, else what is declared.
func sharper(declared *onnxpb.TypeProto, v *shape.Value) *onnxpb.TypeProto {
	if tensor := declared.GetTensorType(); declared != nil && (tensor == nil || tensor.Shape != nil) {
		return declared
	}
	if p := v.Proto(); p != nil {
		return p
	}
	return declared
}

func (t *types) subgraphs(n *onnxpb.NodeProto, found *shape.Result) {
	for g := range n.Subgraphs() {
		declared := map[string]*onnxpb.TypeProto{}
		for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetOutput(), g.GetInput()} {
			for _, v := range list {
				if v.ElemType() != onnxpb.TensorProto_UNDEFINED {
					declared[v.GetName()] = v.GetType()
				}
			}
		}
		for _, i := range g.GetInput() {
			t.add(i.GetName(), sharper(declared[i.GetName()], found.Of(g, i.GetName())), found.Of(g, i.GetName()))
		}
		for _, inner := range g.GetNode() {
			for _, o := range inner.GetOutput() {
				t.add(o, sharper(declared[o], found.Of(g, o)), found.Of(g, o))
			}
			t.subgraphs(inner, found)
		}
	}
}

// add notes a type. The branches of an If may have values of one name: where they differ, nothing is known of that name.
func (t *types) add(name string, p *onnxpb.TypeProto, v *shape.Value) {
	if name == "" {
		return
	}
	if old, twice := t.protos[name]; twice {
		if !proto.Equal(old, p) {
			t.protos[name] = nil
		}
		t.values[name] = nil // dimensions that nobody named may be others
		return
	}
	t.protos[name], t.values[name] = p, v
}

// known tells whether a value can be an input or an output.
func (t *types) known(name string) bool { return t.protos[name] != nil }

// declare writes the types of values into the value_info of a model, where it does not tell them as well itself: surgery.Extract makes inputs and outputs of them.
func (t *types) declare(m *onnxpb.ModelProto, names []string) {
	index := surgery.NewGraph(m)
	want := map[string]bool{}
	for _, name := range names {
		declared := index.ValueType(name)
		if !index.Exists(name) || index.IsInput(name) || index.IsOutput(name) || t.protos[name] == nil || proto.Equal(declared, t.protos[name]) {
			continue
		}
		want[name] = true
	}
	g := m.GetGraph()
	var list []*onnxpb.ValueInfoProto
	for _, v := range g.GetValueInfo() {
		if !want[v.GetName()] {
			list = append(list, v)
		}
	}
	for _, name := range names {
		if want[name] {
			delete(want, name)
			list = append(list, &onnxpb.ValueInfoProto{Name: proto.String(name), Type: proto.Clone(t.protos[name]).(*onnxpb.TypeProto)})
		}
	}
	g.ValueInfo = list
}

// same tells whether two values are proven to have the same type and shape.
func (t *types) same(a, b string) bool {
	x, y := t.values[a], t.values[b]
	if x != nil && y != nil && x.Kind == shape.Tensor && y.Kind == shape.Tensor && x.Ranked && y.Ranked {
		if x.Elem != y.Elem || x.Elem == onnxpb.TensorProto_UNDEFINED || len(x.Dims) != len(y.Dims) {
			return false
		}
		for i := range x.Dims {
			if !x.Dims[i].Known() || !y.Dims[i].Known() || !x.Dims[i].Equal(y.Dims[i]) {
				return false
			}
		}
		return true
	}
	p, q := t.protos[a], t.protos[b]
	if p == nil || !proto.Equal(p, q) {
		return false
	}
	if tensor := p.GetTensorType(); tensor != nil && tensor.Shape == nil {
		return false
	}
	for d := range p.AllDims() {
		if d.GetValue() == nil {
			return false // not known of both, and so perhaps not the same
		}
	}
	return true
}
