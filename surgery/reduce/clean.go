package reduce

import (
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// WeightsFrom is how many bytes an initializer must take to be replaced where Options.Weights asks for it.
const WeightsFrom = 1 << 10

// weights replaces large initializers by nodes ConstantOfShape of ones (integers and bools of zeros).
func (s *search) weights() {
	if s.cur.OpsetVersion("") < 9 { // the first that has the operator
		return
	}
	base := s.cur
	inputs := map[string]bool{}
	for _, i := range base.GetGraph().GetInput() {
		inputs[i.GetName()] = true
	}
	var large []int
	for i, t := range base.GetGraph().GetInitializer() {
		if payload(t) >= WeightsFrom && !inputs[t.GetName()] && filling(t) != nil {
			large = append(large, i)
		}
	}
	s.minimize(len(large), len(large), func(keep []bool) bool {
		c := onnxpb.Clone(base)
		goes := map[int]bool{}
		for k, i := range large {
			goes[i] = !keep[k]
		}
		generate(c, goes)
		return s.tryAny(c)
	})
}

// filling is the one element that stands for all of a tensor's; nil where ConstantOfShape does not make its type.
func filling(t *onnxpb.TensorProto) *onnxpb.TensorProto {
	var one float64
	switch e := onnxpb.TensorProto_DataType(t.GetDataType()); e {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_DOUBLE:
		one = 1
	case onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT64, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT16,
		onnxpb.TensorProto_UINT32, onnxpb.TensorProto_UINT64, onnxpb.TensorProto_BOOL:
	default:
		return nil
	}
	a, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_DataType(t.GetDataType()), []int64{1}, []float64{one})
	if err != nil {
		return nil
	}
	return a.Proto("value")
}

// generate puts nodes in the place of initializers.
func generate(m *onnxpb.ModelProto, goes map[int]bool) {
	g := m.GetGraph()
	names := surgery.NewNames(m)
	var nodes []*onnxpb.NodeProto
	var left []*onnxpb.TensorProto
	for i, t := range g.GetInitializer() {
		if !goes[i] {
			left = append(left, t)
			continue
		}
		dims := names.Value(t.GetName() + "_shape")
		left = append(left, onnxpb.TensorOf(dims, []int64{int64(len(t.GetDims()))}, append([]int64{}, t.GetDims()...)))
		nodes = append(nodes, onnxpb.Node("ConstantOfShape", names.Node(t.GetName()), []string{dims}, []string{t.GetName()}, onnxpb.TensorAttr("value", filling(t))))
	}
	g.Initializer = left
	g.Node = append(nodes, g.Node...)
}

// clean takes away what only describes: all at once, or what of it can go.
func (s *search) clean() {
	base := s.cur
	parts := []func(*onnxpb.ModelProto){dropValueInfo, dropDocs, dropMetadata, dropAnnotations, dropFunctions, dropImports}
	s.minimize(len(parts), len(parts), func(keep []bool) bool {
		c := onnxpb.Clone(base)
		for i, drop := range parts {
			if !keep[i] {
				drop(c)
			}
		}
		return s.try(c)
	})
}

func dropValueInfo(m *onnxpb.ModelProto) {
	for _, g := range allGraphs(m) {
		g.ValueInfo = nil
	}
	for _, f := range m.GetFunctions() {
		f.ValueInfo = nil
	}
}

// everyNode calls fn with every node of a model, functions included.
func everyNode(m *onnxpb.ModelProto, fn func(*onnxpb.NodeProto)) {
	for _, g := range allGraphs(m) {
		for _, n := range g.GetNode() {
			fn(n)
		}
	}
	var within func(list []*onnxpb.NodeProto)
	within = func(list []*onnxpb.NodeProto) {
		for _, n := range list {
			fn(n)
			for g := range n.Subgraphs() {
				within(g.GetNode())
			}
		}
	}
	for _, f := range m.GetFunctions() {
		within(f.GetNode())
	}
}

func dropDocs(m *onnxpb.ModelProto) {
	m.DocString = nil
	for _, g := range allGraphs(m) {
		g.DocString = nil
		for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
			for _, v := range list {
				v.DocString = nil
			}
		}
	}
	for _, f := range m.GetFunctions() {
		f.DocString = nil
	}
	m.AllTensors(func(t *onnxpb.TensorProto) { t.DocString = nil })
	everyNode(m, func(n *onnxpb.NodeProto) {
		n.DocString = nil
		for _, a := range n.GetAttribute() {
			a.DocString = nil
		}
	})
}

func dropMetadata(m *onnxpb.ModelProto) {
	m.MetadataProps = nil
	for _, g := range allGraphs(m) {
		g.MetadataProps = nil
		for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
			for _, v := range list {
				v.MetadataProps = nil
			}
		}
	}
	for _, f := range m.GetFunctions() {
		f.MetadataProps = nil
	}
	m.AllTensors(func(t *onnxpb.TensorProto) { t.MetadataProps = nil })
	everyNode(m, func(n *onnxpb.NodeProto) { n.MetadataProps = nil })
}

// dropAnnotations takes away what tells of quantisation, training and devices, and with it the initializers that only that names.
func dropAnnotations(m *onnxpb.ModelProto) {
	c := onnxpb.Clone(m)
	for _, g := range allGraphs(c) {
		g.QuantizationAnnotation = nil
	}
	c.TrainingInfo, c.Configuration = nil, nil
	everyNode(c, func(n *onnxpb.NodeProto) { n.DeviceConfigurations = nil })
	if _, err := surgery.Extract(c, nil, outputNames(c)); err == nil {
		onnxpb.Replace(m, c)
	}
}

type functionKey struct{ domain, name, overload string }

func dropFunctions(m *onnxpb.ModelProto) {
	bodies := map[functionKey]*onnxpb.FunctionProto{}
	for _, f := range m.GetFunctions() {
		bodies[functionKey{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}] = f
	}
	called := map[*onnxpb.FunctionProto]bool{}
	var visit func(list []*onnxpb.NodeProto)
	visit = func(list []*onnxpb.NodeProto) {
		for _, n := range list {
			if f := bodies[functionKey{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}]; f != nil && !called[f] {
				called[f] = true
				visit(f.GetNode())
			}
			for g := range n.Subgraphs() {
				visit(g.GetNode())
			}
		}
	}
	visit(m.GetGraph().GetNode())
	var left []*onnxpb.FunctionProto
	for _, f := range m.GetFunctions() {
		if called[f] {
			left = append(left, f)
		}
	}
	m.Functions = left
}

// dropImports takes away the imports of operator sets that no node is of. One import has to stay.
func dropImports(m *onnxpb.ModelProto) {
	used := map[string]bool{}
	everyNode(m, func(n *onnxpb.NodeProto) { used[onnxpb.NormalDomain(n.GetDomain())] = true })
	for _, f := range m.GetFunctions() {
		used[onnxpb.NormalDomain(f.GetDomain())] = true
	}
	var left []*onnxpb.OperatorSetIdProto
	for _, o := range m.GetOpsetImport() {
		if used[onnxpb.NormalDomain(o.GetDomain())] {
			left = append(left, o)
		}
	}
	if len(left) > 0 {
		m.OpsetImport = left
	}
}
