package surgery

import "onnxtool/onnxpb"

// tensorMetadata lists the keys of a model's metadata_props whose value is the name of a tensor of its main graph: edits that rename the tensor
// follow it there, and edits that remove it remove the entry.
var tensorMetadata = map[string]bool{
	"onnxtool.dmhead.front_pose": true,
	"onnxtool.dmhead.rear_pose":  true,
}

// nameVisitor visits every place of a model where a name stands, so that there is one list of such places. The functions get a pointer to the name, which
// is never empty, and may change it; nil functions are not called.
//
// The bodies of functions are left out: their names are their own.
type nameVisitor struct {
	value func(*string)
	node  func(*string)
	dim   func(*string)

	// open and closed are told when the names of a graph begin and end to hold: the main graph first, subgraphs within it. The algorithms of the
	// training information are opened within the main graph, whose names they share, their initialization graphs beside it.
	open, closed func(*onnxpb.GraphProto)
}

func (v *nameVisitor) model(m *onnxpb.ModelProto) {
	v.enter(m.GetGraph())
	v.graph(m.GetGraph())
	for _, p := range m.GetMetadataProps() {
		if tensorMetadata[p.GetKey()] {
			v.name(v.value, p.Value)
		}
	}
	for _, t := range m.GetTrainingInfo() {
		// The keys of both bindings are initializers of the algorithm or of the main graph; the values of the update are what these two compute.
		v.enter(t.GetAlgorithm())
		v.graph(t.GetAlgorithm())
		for _, b := range t.GetInitializationBinding() {
			v.name(v.value, b.Key)
		}
		for _, b := range t.GetUpdateBinding() {
			v.name(v.value, b.Key)
			v.name(v.value, b.Value)
		}
		v.leave(t.GetAlgorithm())
	}
	v.leave(m.GetGraph())
	for _, t := range m.GetTrainingInfo() {
		// The initialization graph stands alone: what the binding takes from it are its outputs.
		v.enter(t.GetInitialization())
		v.graph(t.GetInitialization())
		for _, b := range t.GetInitializationBinding() {
			v.name(v.value, b.Value)
		}
		v.leave(t.GetInitialization())
	}
}

func (v *nameVisitor) enter(g *onnxpb.GraphProto) {
	if v.open != nil {
		v.open(g)
	}
}

func (v *nameVisitor) leave(g *onnxpb.GraphProto) {
	if v.closed != nil {
		v.closed(g)
	}
}

func (v *nameVisitor) name(fn func(*string), p *string) {
	if fn != nil && p != nil && *p != "" {
		fn(p)
	}
}

func (v *nameVisitor) names(list []string) {
	for i := range list {
		v.name(v.value, &list[i])
	}
}

func (v *nameVisitor) graph(g *onnxpb.GraphProto) {
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, i := range list {
			v.name(v.value, i.Name)
			v.typ(i.GetType())
		}
	}
	for _, t := range g.GetInitializer() {
		v.name(v.value, t.Name)
	}
	for _, t := range g.GetSparseInitializer() {
		// A sparse tensor is called as its values are.
		if t.Values != nil {
			v.name(v.value, t.Values.Name)
		}
	}
	for _, a := range g.GetQuantizationAnnotation() {
		v.name(v.value, a.TensorName)
		for _, p := range a.GetQuantParameterTensorNames() {
			v.name(v.value, p.Value)
		}
	}
	for _, n := range g.GetNode() {
		v.oneNode(n)
	}
}

func (v *nameVisitor) oneNode(n *onnxpb.NodeProto) {
	v.name(v.node, n.Name)
	v.names(n.GetInput())
	v.names(n.GetOutput())
	for _, c := range n.GetDeviceConfigurations() {
		for _, s := range c.GetShardingSpec() {
			v.name(v.value, s.TensorName)
			for _, d := range s.GetShardedDim() {
				for _, simple := range d.GetSimpleSharding() {
					if p, ok := simple.GetDim().(*onnxpb.SimpleShardedDimProto_DimParam); ok {
						v.name(v.dim, &p.DimParam)
					}
				}
			}
		}
	}
	gradient := isGradient(n)
	for _, a := range n.GetAttribute() {
		if gradient {
			v.nameBytes(a)
		}
		v.typ(a.GetTp())
		for _, t := range a.GetTypeProtos() {
			v.typ(t)
		}
	}
	for g := range n.Subgraphs() {
		v.enter(g)
		v.graph(g)
		v.leave(g)
	}
}

// isGradient tells whether a node is the operator whose attributes xs, y and zs name tensors of the graph around it, the only one in the
// specification that does so.
func isGradient(n *onnxpb.NodeProto) bool {
	return n.GetOpType() == "Gradient" && n.GetDomain() == "ai.onnx.preview.training"
}

// nameBytes visits an attribute of Gradient.
func (v *nameVisitor) nameBytes(a *onnxpb.AttributeProto) {
	if v.value == nil {
		return
	}
	visit := func(b []byte) []byte {
		if len(b) == 0 {
			return b
		}
		s := string(b)
		v.value(&s)
		return []byte(s)
	}
	switch a.GetName() {
	case "y":
		a.S = visit(a.S)
	case "xs", "zs":
		for i := range a.Strings {
			a.Strings[i] = visit(a.Strings[i])
		}
	}
}

func (v *nameVisitor) typ(t *onnxpb.TypeProto) {
	if v.dim == nil {
		return
	}
	switch x := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		v.shape(x.TensorType.GetShape())
	case *onnxpb.TypeProto_SparseTensorType:
		v.shape(x.SparseTensorType.GetShape())
	case *onnxpb.TypeProto_SequenceType:
		v.typ(x.SequenceType.GetElemType())
	case *onnxpb.TypeProto_OptionalType:
		v.typ(x.OptionalType.GetElemType())
	case *onnxpb.TypeProto_MapType:
		v.typ(x.MapType.GetValueType())
	}
}

func (v *nameVisitor) shape(s *onnxpb.TensorShapeProto) {
	for _, d := range s.GetDim() {
		if p, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimParam); ok {
			v.name(v.dim, &p.DimParam)
		}
	}
}
