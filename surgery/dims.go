package surgery

import "onnxtool/onnxpb"

// Dimension is a place where a dimension stands: in a shape, or in the sharding of a node.
type Dimension struct {
	Symbol func() string    // the symbol there, "" where there is none
	Set    func(onnxpb.Dim) // puts another dimension there
}

// EachDim calls fn with every place of a model's graphs where a dimension stands: declarations, types in attributes and shardings, at any depth of
// subgraphs, in training information too. Functions are left out: their symbols are their own.
func EachDim(m *onnxpb.ModelProto, fn func(Dimension)) {
	ofType := func(t *onnxpb.TypeProto) {
		for p := range t.AllDims() {
			fn(Dimension{p.GetDimParam, func(d onnxpb.Dim) { d.Set(p) }})
		}
	}
	var ofGraph func(*onnxpb.GraphProto)
	ofNode := func(n *onnxpb.NodeProto) {
		for _, a := range n.GetAttribute() {
			ofType(a.GetTp())
			for _, t := range a.GetTypeProtos() {
				ofType(t)
			}
		}
		for _, c := range n.GetDeviceConfigurations() {
			for _, spec := range c.GetShardingSpec() {
				for _, dim := range spec.GetShardedDim() {
					for _, s := range dim.GetSimpleSharding() {
						fn(Dimension{s.GetDimParam, func(d onnxpb.Dim) { setSharding(s, d) }})
					}
				}
			}
		}
		for sub := range n.Subgraphs() {
			ofGraph(sub)
		}
	}
	ofGraph = func(g *onnxpb.GraphProto) {
		for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
			for _, v := range list {
				ofType(v.GetType())
			}
		}
		for _, n := range g.GetNode() {
			ofNode(n)
		}
	}
	ofGraph(m.GetGraph())
	for _, t := range m.GetTrainingInfo() {
		ofGraph(t.GetInitialization())
		ofGraph(t.GetAlgorithm())
	}
}

func setSharding(s *onnxpb.SimpleShardedDimProto, d onnxpb.Dim) {
	if d.Known {
		s.Dim = &onnxpb.SimpleShardedDimProto_DimValue{DimValue: d.Value}
	} else {
		s.Dim = &onnxpb.SimpleShardedDimProto_DimParam{DimParam: d.Param}
	}
}

// SubstituteDims replaces symbols of dimensions wherever EachDim finds them. It is unchecked, the base of edits: a symbol that stands for two things becomes
// the same for both.
func SubstituteDims(m *onnxpb.ModelProto, subst map[string]onnxpb.Dim) {
	if len(subst) == 0 {
		return
	}
	EachDim(m, func(p Dimension) {
		if to, ok := subst[p.Symbol()]; ok && p.Symbol() != "" {
			p.Set(to)
		}
	})
}
