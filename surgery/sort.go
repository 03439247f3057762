package surgery

import (
	"container/heap"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Sort puts the nodes of every graph of a model (subgraphs, functions and training graphs included) in topological order: each behind those whose outputs it
// or one of its subgraphs reads. Nodes stay in the order they have wherever possible: a node moves back until what it reads is there, and of the nodes that
// could come next the one that stood first does (Kahn's algorithm with a heap). The report tells the nodes that moved back.
//
// A cycle is an Error of kind Refused that names the nodes on it. Values that nothing makes are not Sort's concern.
func Sort(m *onnxpb.ModelProto) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "sort"}
		return r, sortModel(m, r)
	})
}

// sortModel is Sort in place.
func sortModel(m *onnxpb.ModelProto, r *Report) error {
	graphs := []*onnxpb.GraphProto{m.GetGraph()}
	for _, t := range m.GetTrainingInfo() {
		graphs = append(graphs, t.GetInitialization(), t.GetAlgorithm())
	}
	for _, g := range graphs {
		if _, err := sortGraph(g, "", r); err != nil {
			return err
		}
	}
	for _, f := range m.GetFunctions() {
		if _, err := sortNodes(f.GetNode(), "function "+f.GetName(), r); err != nil {
			return err
		}
	}
	return nil
}

// sortGraph sorts a graph and its subgraphs, and returns the names that they read and do not define.
func sortGraph(g *onnxpb.GraphProto, where string, r *Report) (captures []string, err error) {
	reads, err := sortNodes(g.GetNode(), where, r)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for name := range definitions(g) {
		own[name] = true
	}
	for _, o := range g.GetOutput() {
		reads = append(reads, o.GetName())
	}
	for _, name := range reads {
		if name != "" && !own[name] {
			own[name] = true // once is enough
			captures = append(captures, name)
		}
	}
	return captures, nil
}

// sortNodes sorts a list of nodes in place, and the subgraphs that they hold; it returns all that the nodes read.
func sortNodes(nodes []*onnxpb.NodeProto, where string, r *Report) (reads []string, err error) {
	s := sorter{nodes: nodes, waits: make([]int, len(nodes)), readers: make([][]int, len(nodes))}
	producer := make(map[string]int, len(nodes))
	for i, n := range nodes {
		for _, o := range n.GetOutput() {
			if _, ok := producer[o]; !ok && o != "" {
				producer[o] = i
			}
		}
	}
	for i, n := range nodes {
		in := n.GetInput()
		for sub := range n.Subgraphs() {
			captured, err := sortGraph(sub, n.Label(), r)
			if err != nil {
				return nil, err
			}
			in = append(in[:len(in):len(in)], captured...)
		}
		for _, name := range in {
			if p, ok := producer[name]; ok {
				s.readers[p] = append(s.readers[p], i)
				s.waits[i]++
			}
		}
		reads = append(reads, in...)
	}
	order := s.order()
	if len(order) < len(nodes) {
		return nil, s.cycle(where)
	}
	sorted := make([]*onnxpb.NodeProto, len(nodes))
	last := -1
	for at, i := range order {
		sorted[at] = nodes[i]
		if i < last {
			r.Add("changed", "place of node", nodes[i].Label(), "", "behind "+strconv.Quote(sorted[at-1].Label()))
		}
		last = max(last, i)
	}
	copy(nodes, sorted)
	return reads, nil
}

// sorter orders nodes by what they wait for.
type sorter struct {
	nodes   []*onnxpb.NodeProto
	waits   []int   // how many inputs of a node are not there yet
	readers [][]int // the nodes that read what a node makes, once for each input
}

func (s *sorter) order() []int {
	var ready intHeap
	for i, w := range s.waits {
		if w == 0 {
			ready = append(ready, i) // in ascending order, which is a heap
		}
	}
	order := make([]int, 0, len(s.nodes))
	for len(ready) > 0 {
		i := heap.Pop(&ready).(int)
		order = append(order, i)
		for _, k := range s.readers[i] {
			if s.waits[k]--; s.waits[k] == 0 {
				heap.Push(&ready, k)
			}
		}
	}
	return order
}

// cycle finds a cycle among the nodes that still wait after order.
func (s *sorter) cycle(where string) error {
	// Every node that waits reads from one that waits: walk up until a node comes again.
	from := make([]int, len(s.nodes))
	for i := range from {
		from[i] = -1
	}
	start := -1
	for p, rs := range s.readers {
		if s.waits[p] == 0 {
			continue
		}
		for _, k := range rs {
			if s.waits[k] > 0 && from[k] < 0 {
				from[k] = p
			}
		}
	}
	for i, w := range s.waits {
		if w > 0 {
			start = i
			break
		}
	}
	seen := map[int]bool{}
	for !seen[start] {
		seen[start] = true
		start = from[start]
	}
	// The walk went from reader to producer: turn it round, so that the message reads along the data, and begin with the node that stands first.
	var on []int
	first := 0
	for i := start; len(on) == 0 || i != start; i = from[i] {
		on = append(on, i)
	}
	slices.Reverse(on)
	for at, i := range on {
		if i < on[first] {
			first = at
		}
	}
	var names []string
	for at := range on {
		names = append(names, strconv.Quote(s.nodes[on[(first+at)%len(on)]].Label()))
	}
	const most = 12
	if len(names) > most {
		names = append(names[:most:most], "and "+strconv.Itoa(len(names)-most)+" more")
	}
	e := &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the nodes " + strings.Join(names, " -> ") + " form a cycle: each reads what the one before it makes",
		Hint: "no order of a graph with a cycle can be run; feed one of these nodes from elsewhere"}
	if len(names) == 1 {
		e.Msg = "the node " + names[0] + " reads what it makes itself"
	}
	if where != "" {
		e.Msg = "in " + where + ", " + e.Msg
	}
	return e
}

// intHeap is the heap of the nodes that may come next, the first of the old order on top.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	*h = old[:n]
	return x
}
