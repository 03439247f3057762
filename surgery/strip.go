package surgery

import (
	"onnxtool/onnxpb"
)

// StripOptions say what Strip takes out.
type StripOptions struct {
	Docs      bool // doc strings, of whatever has one
	Metadata  bool // metadata_props, of whatever has some
	ValueInfo bool // the declarations of inner values, in graphs and functions
	NodeNames bool
	Training  bool // the training information; what it alone used is for Tidy
	// Keys are the metadata that go: names, globs or re: and a regular expression. Without any, all.
	Keys []string
}

// Strip takes out what a model does not need to compute: in the main graph, in subgraphs, in training graphs and in functions. Inputs, outputs and the values of subgraphs keep their types,
// graphs and functions their names.
//
// Errors of kind Unfit: a key that no metadata has, with the nearest ones. Errors of kind Usage: nothing is asked for.
func Strip(m *onnxpb.ModelProto, o StripOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		if !o.Docs && !o.Metadata && !o.ValueInfo && !o.NodeNames && !o.Training {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "nothing is to be taken out", Hint: "ask for doc strings, metadata, value_info, names of nodes or training information"}
		}
		s := &stripper{o: o, r: &Report{Edit: "strip"}}
		if o.Metadata && len(o.Keys) > 0 {
			var keys []string
			look := &stripper{seen: func(key string) { keys = append(keys, key) }}
			look.model(m)
			var err error
			if s.keys, err = newMatcher("metadata", o.Keys, keys); err != nil {
				return nil, err
			}
		}
		if o.Training && len(m.GetTrainingInfo()) > 0 {
			s.r.Add("removed", "training_info", m.GetGraph().GetName(), "", "")
			m.TrainingInfo = nil
		}
		s.model(m)
		return s.r, nil
	})
}

type stripper struct {
	o    StripOptions
	r    *Report
	keys *matcher
	seen func(key string) // where it is set, the keys of metadata are told and nothing is changed
}

func (s *stripper) doc(what, name string, p **string) {
	if s.o.Docs && *p != nil {
		*p = nil
		s.r.Add("removed", "doc_string", name, what, "")
	}
}

func (s *stripper) metadata(what, name string, list *[]*onnxpb.StringStringEntryProto) {
	if s.seen != nil {
		for _, e := range *list {
			s.seen(e.GetKey())
		}
	}
	if !s.o.Metadata {
		return
	}
	gone := map[any]bool{}
	for _, e := range *list {
		if s.keys == nil || s.keys.match(e.GetKey()) {
			gone[e] = true
			s.r.Add("removed", "metadata", e.GetKey(), what+" "+name, "")
		}
	}
	dropped(list, gone)
	if len(*list) == 0 {
		*list = nil
	}
}

func (s *stripper) model(m *onnxpb.ModelProto) {
	s.doc("model", m.GetGraph().GetName(), &m.DocString)
	s.metadata("model", m.GetGraph().GetName(), &m.MetadataProps)
	eachBody(m, func(b *nodeBody) {
		switch {
		case b.graph != nil:
			s.graph(b.graph)
		default:
			s.doc("function", b.fn.GetName(), &b.fn.DocString)
			s.metadata("function", b.fn.GetName(), &b.fn.MetadataProps)
			for _, a := range b.fn.GetAttributeProto() {
				s.attribute(a)
			}
			s.infos(&b.fn.ValueInfo)
		}
		for _, n := range b.nodes() {
			s.node(n)
		}
	})
}

func (s *stripper) graph(g *onnxpb.GraphProto) {
	s.doc("graph", g.GetName(), &g.DocString)
	s.metadata("graph", g.GetName(), &g.MetadataProps)
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			s.value(v)
		}
	}
	for _, t := range g.GetInitializer() {
		s.tensor(t.GetName(), t)
	}
	for _, t := range g.GetSparseInitializer() {
		s.sparse(t)
	}
	s.infos(&g.ValueInfo)
}

// infos takes out value_info, or what is said in it.
func (s *stripper) infos(list *[]*onnxpb.ValueInfoProto) {
	if !s.o.ValueInfo {
		for _, v := range *list {
			s.value(v)
		}
		return
	}
	for _, v := range *list {
		s.r.Add("removed", "value_info", v.GetName(), onnxpb.FormatTypeProto(v.GetType()), "")
	}
	*list = nil
}

func (s *stripper) value(v *onnxpb.ValueInfoProto) {
	s.doc("value", v.GetName(), &v.DocString)
	s.metadata("value", v.GetName(), &v.MetadataProps)
}

func (s *stripper) tensor(name string, t *onnxpb.TensorProto) {
	if t != nil {
		s.doc("tensor", name, &t.DocString)
		s.metadata("tensor", name, &t.MetadataProps)
	}
}

func (s *stripper) sparse(t *onnxpb.SparseTensorProto) {
	s.tensor(sparseName(t), t.GetValues())
	s.tensor(sparseName(t), t.GetIndices())
}

func (s *stripper) node(n *onnxpb.NodeProto) {
	label := n.Label()
	s.doc("node", label, &n.DocString)
	s.metadata("node", label, &n.MetadataProps)
	for _, a := range n.GetAttribute() {
		s.attribute(a)
	}
	if s.o.NodeNames && n.Name != nil {
		s.r.Add("removed", "name", label, n.GetOpType(), "")
		n.Name = nil
	}
}

func (s *stripper) attribute(a *onnxpb.AttributeProto) {
	s.doc("attribute", a.GetName(), &a.DocString)
	s.tensor(a.GetName(), a.T)
	for _, t := range a.GetTensors() {
		s.tensor(a.GetName(), t)
	}
	if a.SparseTensor != nil {
		s.sparse(a.SparseTensor)
	}
	for _, t := range a.GetSparseTensors() {
		s.sparse(t)
	}
}
