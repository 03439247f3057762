package surgery

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// ExtractAround makes a model its part round one node of the main graph: the node, what it is computed from up to depth nodes back, and what is computed from it up to depth
// nodes ahead. Its inputs are what these nodes read of others, initializers and nodes without inputs (constants) aside, which come along; its outputs what others read of
// them, what is an output of the model, and what nothing reads where a node makes nothing else. All else is as with Extract. A node without a name is called by
// its operator and first output, as messages call it: Relu -> y.
//
// Errors of kind Unfit: a node that is not there (with the nearest names), that is in a subgraph, or whose name several have; and those of Extract.
func ExtractAround(m *onnxpb.ModelProto, node string, depth int) (*Report, error) {
	if depth < 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a depth of %d makes no sense", depth), Hint: "0 is the node alone"}
	}
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		n, err := mainNode(m, node)
		if err != nil {
			return nil, err
		}
		a := around{index: NewGraph(m), inside: map[*onnxpb.NodeProto]bool{n: true}, reads: map[*onnxpb.NodeProto][]string{}}
		a.collect(n, depth)
		from, to := a.cut()
		x := extraction{declarer: newDeclarer(m, &Report{Edit: "extract"}), from: from, to: to, given: map[string]bool{}, found: true}
		if err := x.run(); err != nil {
			return nil, err
		}
		return x.r, nil
	})
}

// mainNode finds a node of the main graph by its name or label.
func mainNode(m *onnxpb.ModelProto, name string) (*onnxpb.NodeProto, error) {
	var found []*onnxpb.NodeProto
	var names []string
	for _, n := range m.GetGraph().GetNode() {
		names = append(names, n.Label())
		if n.Label() == name {
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		outputs := make([]string, len(found))
		for i, n := range found {
			outputs[i] = strings.Join(n.GetOutput(), ",")
		}
		return nil, &onnxpb.Error{Node: name, Msg: fmt.Sprintf("%d nodes have that name: those that make %s", len(found), quoteList(outputs)), Hint: "give each a name of its own with rename, or name tensors"}
	case NewNames(m).HasNode(name):
		return nil, &onnxpb.Error{Node: name, Msg: "it is in a subgraph, which cannot be cut out alone", Hint: "choose a node of the main graph, such as the one that holds the subgraph"}
	}
	return nil, &onnxpb.Error{Msg: fmt.Sprintf("there is no node %q", name), Hint: suggest("node", name, names)}
}

// around is the search for the nodes round one.
type around struct {
	index  *Graph
	inside map[*onnxpb.NodeProto]bool
	reads  map[*onnxpb.NodeProto][]string // what a node reads, with what its subgraphs capture
}

// collect finds the nodes up to depth steps back and ahead.
func (a *around) collect(n *onnxpb.NodeProto, depth int) {
	for _, name := range a.index.Values() {
		for _, u := range a.index.Consumers(name) {
			if u.Top != nil {
				a.reads[u.Top] = append(a.reads[u.Top], name)
			}
		}
	}
	walk := func(next func(*onnxpb.NodeProto) []*onnxpb.NodeProto) {
		seen := map[*onnxpb.NodeProto]bool{n: true}
		front := []*onnxpb.NodeProto{n}
		for range depth {
			var ahead []*onnxpb.NodeProto
			for _, x := range front {
				for _, y := range next(x) {
					if !seen[y] {
						seen[y], a.inside[y] = true, true
						ahead = append(ahead, y)
					}
				}
			}
			if front = ahead; len(front) == 0 {
				return
			}
		}
	}
	walk(func(x *onnxpb.NodeProto) (list []*onnxpb.NodeProto) {
		for _, name := range a.reads[x] {
			if p := a.index.Producer(name); p != nil {
				list = append(list, p)
			}
		}
		return list
	})
	walk(func(x *onnxpb.NodeProto) (list []*onnxpb.NodeProto) {
		for _, o := range x.GetOutput() {
			for _, u := range a.index.Consumers(o) {
				if u.Top != nil {
					list = append(list, u.Top)
				}
			}
		}
		return list
	})
	for _, x := range a.index.Model.GetGraph().GetNode() {
		if !a.inside[x] {
			continue
		}
		for _, name := range a.reads[x] {
			if p := a.index.Producer(name); p != nil && len(a.reads[p]) == 0 {
				a.inside[p] = true // a constant, or a random number
			}
		}
	}
}

// cut returns what the nodes read of others, and what of theirs is an output of the part, both in the order of the graph.
func (a *around) cut() (from, to []string) {
	read := map[string]bool{}
	for x := range a.inside {
		for _, name := range a.reads[x] {
			read[name] = true
		}
	}
	leaves := map[string]bool{}
	for _, x := range a.index.Model.GetGraph().GetNode() {
		if !a.inside[x] {
			continue
		}
		some := false
		for _, o := range x.GetOutput() {
			out := a.index.IsOutput(o)
			for _, u := range a.index.Consumers(o) {
				out = out || !a.inside[u.Top]
				some = true
			}
			leaves[o] = out
			some = some || out
		}
		if !some {
			for _, o := range x.GetOutput() {
				leaves[o] = o != ""
			}
		}
	}
	for _, name := range a.index.Values() {
		p := a.index.Producer(name)
		switch {
		case p != nil && a.inside[p]:
			if leaves[name] {
				to = append(to, name)
			}
		case read[name] && (p != nil || a.index.IsInput(name) && a.index.Initializer(name) == nil && a.index.SparseInitializer(name) == nil):
			from = append(from, name)
		}
	}
	return from, to
}
