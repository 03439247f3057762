package fuse

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// nodeRef is a node of the main graph of one of the models.
type nodeRef struct{ model, node int }

// findOrder puts the nodes of all models in topological order: the models one after the other, in the order given unless one feeds
// another before it; interleaved, yet each in its own order, where models feed each other; and in any topological order where that is not
// possible either. Connections that close a cycle among the nodes are refused.
func (w *merger) findOrder() error {
	order := w.modelOrder()
	nodes, err := w.sortNodes(order, true)
	if err != nil {
		nodes, err = w.sortNodes(order, false)
	}
	w.nodeOrder = nodes
	return err
}

// sortNodes lists the nodes in topological order; inPlace wants each model's nodes in the order that they have.
func (w *merger) sortNodes(order []int, inPlace bool) ([]nodeRef, error) {
	s := &nodeSorter{w: w, offset: make([]int, len(w.members)+1), inPlace: inPlace}
	for i, mb := range w.members {
		s.offset[i+1] = s.offset[i] + len(mb.m.Graph.Node)
	}
	s.state = make([]uint8, s.offset[len(w.members)])
	s.nodes = make([]nodeRef, 0, len(s.state))
	for _, i := range order {
		for j := range w.members[i].m.Graph.Node {
			if err := s.visit(nodeRef{i, j}); err != nil {
				return nil, err
			}
		}
	}
	return s.nodes, nil
}

// modelOrder orders the models so that one that feeds another comes first, as far as they do not feed each other.
func (w *merger) modelOrder() []int {
	feeders := make([][]int, len(w.members))
	for to := range w.source {
		if from := w.root(to); from.model != to.model {
			if w.members[from.model].g.Producer(from.name) != nil {
				feeders[to.model] = append(feeders[to.model], from.model)
			}
		}
	}
	seen := make([]bool, len(w.members))
	order := make([]int, 0, len(w.members))
	var visit func(int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		slices.Sort(feeders[i])
		for _, f := range feeders[i] {
			visit(f)
		}
		order = append(order, i)
	}
	for i := range w.members {
		visit(i)
	}
	return order
}

// nodeSorter is a depth-first search over the nodes of all models that lists each behind what it reads.
type nodeSorter struct {
	w       *merger
	inPlace bool  // also behind the node before it
	offset  []int // of a model's nodes in state
	state   []uint8
	nodes   []nodeRef
}

const (
	nodeNew = iota
	nodeOpen
	nodeDone
)

// frame is a node whose search is under way, and what it still is to look at.
type frame struct {
	nodeRef
	reads []read
}

// read is a node that another reads from, and by which value.
type read struct {
	from nodeRef
	by   string // the value's name in the reading model
}

func (s *nodeSorter) at(n nodeRef) *uint8 { return &s.state[s.offset[n.model]+n.node] }

// visit searches from one node, without recursion: chains are long.
func (s *nodeSorter) visit(start nodeRef) error {
	if *s.at(start) != nodeNew {
		return nil
	}
	*s.at(start) = nodeOpen
	stack := []frame{{start, s.reads(start)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.reads) == 0 {
			*s.at(top.nodeRef) = nodeDone
			s.nodes = append(s.nodes, top.nodeRef)
			stack = stack[:len(stack)-1]
			continue
		}
		next := top.reads[0].from
		switch *s.at(next) {
		case nodeNew:
			*s.at(next) = nodeOpen
			stack = append(stack, frame{next, s.reads(next)})
		case nodeOpen:
			return s.cycle(stack, next)
		default:
			top.reads = top.reads[1:]
		}
	}
	return nil
}

// reads lists the nodes that a node reads from, itself or through what its subgraphs capture, across the connections.
func (s *nodeSorter) reads(n nodeRef) []read {
	mb := s.w.members[n.model]
	var list []read
	add := func(name string) {
		if name == "" {
			return
		}
		r := s.w.root(ref{n.model, name})
		owner := s.w.members[r.model]
		if p := owner.g.Producer(r.name); p != nil {
			list = append(list, read{nodeRef{r.model, owner.position[p]}, name})
		}
	}
	if s.inPlace && n.node > 0 {
		list = append(list, read{from: nodeRef{n.model, n.node - 1}})
	}
	node := mb.m.Graph.Node[n.node]
	for _, name := range node.Input {
		add(name)
	}
	for sub := range node.Subgraphs() {
		readNames(sub, add)
	}
	return list
}

// readNames calls fn with every value that a subgraph reads, its own values among them: no name of a subgraph stands for another value outside
// of it in a valid model, so those find no node.
func readNames(g *onnxpb.GraphProto, fn func(string)) {
	for _, n := range g.Node {
		for _, name := range n.Input {
			fn(name)
		}
		for sub := range n.Subgraphs() {
			readNames(sub, fn)
		}
	}
	for _, v := range g.Output {
		fn(v.GetName())
	}
}

// cycle names the path of a cycle: the stack from the node that was met again to its top.
func (s *nodeSorter) cycle(stack []frame, again nodeRef) error {
	first := slices.IndexFunc(stack, func(f frame) bool { return f.nodeRef == again })
	path := stack[first:]
	// A node reads from the one above it on the stack: data flows down. The node that was met again feeds the top.
	var steps []string
	var inOne []string // nodes of one model, not yet written
	flush := func() {
		if len(inOne) > 4 {
			inOne = []string{inOne[0], inOne[1], "...", inOne[len(inOne)-1]}
		}
		steps = append(steps, inOne...)
		inOne = nil
	}
	nodeLabel := func(n nodeRef) string {
		return fmt.Sprintf("node %q of %s", s.w.members[n.model].m.Graph.Node[n.node].Label(), s.w.members[n.model].Name)
	}
	inOne = append(inOne, nodeLabel(again))
	for i := len(path) - 1; i >= 0; i-- {
		by := ref{path[i].model, path[i].reads[0].by}
		if c, joined := s.w.joinedBy[by]; joined {
			flush()
			steps = append(steps, c.From.String(), c.To.String())
		}
		inOne = append(inOne, nodeLabel(path[i].nodeRef))
	}
	flush()
	what := "the connections close a cycle: "
	if !slices.ContainsFunc(path, func(f frame) bool { _, joined := s.w.joinedBy[ref{f.model, f.reads[0].by}]; return joined }) {
		what = fmt.Sprintf("model %q has a cycle: ", s.w.members[again.model].Name)
	}
	return &onnxpb.Error{Kind: onnxpb.Refused, Msg: what + strings.Join(steps, " -> "), Hint: "leave one of these connections out"}
}
