package reduce

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// detour says that the readers of a node's output can read one of its inputs.
type detour struct {
	graph, node int    // which graph of allGraphs, and which of its nodes
	output      string // the only output that anything reads
	inputs      []string
}

// allGraphs lists the main graph and the subgraphs of its nodes at any depth, always in the same order.
func allGraphs(m *onnxpb.ModelProto) []*onnxpb.GraphProto {
	list := []*onnxpb.GraphProto{m.GetGraph()}
	for i := 0; i < len(list); i++ {
		for _, n := range list[i].GetNode() {
			for g := range n.Subgraphs() {
				list = append(list, g)
			}
		}
	}
	return list
}

// bypass takes away nodes one of whose inputs has the type and shape of their output. All at once is tried first; the first input of each before the others.
func (s *search) bypass() {
	const mostInputs = 3
	for choice := 0; choice < mostInputs && !s.done(); choice++ {
		base := s.cur
		var list []detour
		for _, d := range s.detours(base) {
			if choice < len(d.inputs) {
				list = append(list, d)
			}
		}
		s.minimize(len(list), len(list), func(keep []bool) bool {
			c := onnxpb.Clone(base)
			if !bypassed(c, list, keep, choice) {
				return false
			}
			return s.try(s.extract(c, nil, outputNames(c)))
		})
	}
}

// detours lists the nodes that can be bypassed, in the order of the graphs.
func (s *search) detours(m *onnxpb.ModelProto) []detour {
	graphs := allGraphs(m)
	read := map[string]bool{}
	weights := map[string]bool{}
	made := map[string]int{} // the branches of an If may have values of one name
	for _, g := range graphs {
		for _, n := range g.GetNode() {
			for _, in := range n.GetInput() {
				read[in] = true
			}
			for _, o := range n.GetOutput() {
				made[o]++
			}
		}
		for _, o := range g.GetOutput() {
			read[o.GetName()] = true
		}
		for _, t := range g.GetInitializer() {
			weights[t.GetName()] = true
		}
	}
	var list []detour
	for gi, g := range graphs {
		for ni, n := range g.GetNode() {
			d := detour{graph: gi, node: ni}
			used := 0
			for _, o := range n.GetOutput() {
				if o != "" && read[o] {
					d.output = o
					used++
				}
			}
			if used != 1 || made[d.output] != 1 {
				continue
			}
			var behind []string // weights come last: to read one instead makes less sense
			for i, in := range n.GetInput() {
				switch {
				case in == "" || contains(n.GetInput()[:i], in) || !s.types.same(in, d.output):
				case weights[in]:
					behind = append(behind, in)
				default:
					d.inputs = append(d.inputs, in)
				}
			}
			if d.inputs = append(d.inputs, behind...); len(d.inputs) > 0 {
				list = append(list, d)
			}
		}
	}
	return list
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// bypassed takes those nodes out of a model that keep has not. False where an output of a graph would be none of its nodes' any more, or would be listed twice.
func bypassed(m *onnxpb.ModelProto, list []detour, keep []bool, choice int) bool {
	graphs := allGraphs(m)
	instead := map[string]string{}
	gone := map[*onnxpb.NodeProto]bool{}
	for i, d := range list {
		if !keep[i] {
			instead[d.output] = d.inputs[choice]
			gone[graphs[d.graph].Node[d.node]] = true
		}
	}
	resolved := func(name string) string {
		for {
			next, ok := instead[name]
			if !ok {
				return name
			}
			name = next
		}
	}
	for _, g := range graphs {
		made := map[string]bool{}
		var nodes []*onnxpb.NodeProto
		for _, n := range g.GetNode() {
			if gone[n] {
				continue
			}
			nodes = append(nodes, n)
			for i, in := range n.GetInput() {
				n.Input[i] = resolved(in)
			}
			for _, o := range n.GetOutput() {
				made[o] = true
			}
		}
		g.Node = nodes
		given := map[string]bool{}
		for _, o := range g.GetOutput() {
			if name := resolved(o.GetName()); name != o.GetName() {
				if !made[name] {
					return false
				}
				o.Name = proto.String(name)
			}
			if given[o.GetName()] {
				return false
			}
			given[o.GetName()] = true
		}
	}
	return true
}
