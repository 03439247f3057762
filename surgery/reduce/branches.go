package reduce

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// branches replaces each If of the main graph by one of its branches, where the model fails with that too, so that the other steps can go on within.
func (s *search) branches() {
	for at := 0; at < len(s.cur.GetGraph().GetNode()) && !s.done(); {
		n := s.cur.GetGraph().GetNode()[at]
		if n.GetOpType() != "If" || onnxpb.NormalDomain(n.GetDomain()) != "" || !(s.branch(at, "then_branch") || s.branch(at, "else_branch")) {
			at++
		}
		// Else another node stands there now.
	}
}

func (s *search) branch(at int, name string) bool {
	c := onnxpb.Clone(s.cur)
	if !unwrapped(c.GetGraph(), at, name) {
		return false
	}
	return s.try(s.extract(c, nil, outputNames(c)))
}

// unwrapped puts the nodes of a branch in the place of the If that holds it. Its outputs get the names of those of the If.
func unwrapped(g *onnxpb.GraphProto, at int, branch string) bool {
	n := g.Node[at]
	inner := n.Attr(branch).GetG()
	if inner == nil || len(inner.GetOutput()) != len(n.GetOutput()) {
		return false
	}
	made := map[string]bool{}
	for _, x := range inner.GetNode() {
		for _, o := range x.GetOutput() {
			made[o] = true
		}
	}
	names := map[string]string{}
	var handed []*onnxpb.NodeProto
	for i, o := range n.GetOutput() {
		from := inner.GetOutput()[i].GetName()
		if _, taken := names[from]; o == "" {
			continue
		} else if made[from] && !taken {
			names[from] = o
		} else { // a value from outside, an initializer, or one that is given twice
			if to, ok := names[from]; ok {
				from = to
			}
			handed = append(handed, onnxpb.Node("Identity", "", []string{from}, []string{o}))
		}
	}
	rename(inner, names)
	nodes := append(append([]*onnxpb.NodeProto{}, g.Node[:at]...), inner.GetNode()...)
	g.Node = append(append(nodes, handed...), g.Node[at+1:]...)
	g.Initializer = append(g.Initializer, inner.GetInitializer()...)
	g.SparseInitializer = append(g.SparseInitializer, inner.GetSparseInitializer()...)
	declared := map[string]bool{}
	for _, o := range g.GetOutput() {
		declared[o.GetName()] = true
	}
	for _, v := range g.GetValueInfo() {
		declared[v.GetName()] = true
	}
	for _, v := range inner.GetValueInfo() {
		if !declared[v.GetName()] {
			g.ValueInfo = append(g.ValueInfo, v)
		}
	}
	return true
}

// rename gives other names to values that a graph makes, in it and in the graphs within.
func rename(g *onnxpb.GraphProto, names map[string]string) {
	change := func(list []string) {
		for i, name := range list {
			if to, ok := names[name]; ok {
				list[i] = to
			}
		}
	}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetOutput()} {
		for _, v := range list {
			if to, ok := names[v.GetName()]; ok {
				v.Name = proto.String(to)
			}
		}
	}
	for _, n := range g.GetNode() {
		change(n.Input)
		change(n.Output)
		for sub := range n.Subgraphs() {
			rename(sub, names)
		}
	}
}
