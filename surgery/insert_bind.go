package surgery

import (
	"fmt"
	"maps"
	"slices"

	"onnxtool/onnxpb"
)

// known checks that the options name inputs and outputs that the block has.
func (x *insertion) known() error {
	for _, k := range []struct {
		what  string
		names []string
		asked []string
	}{
		{"input", inputNames(x.block.Graph), slices.Concat(slices.Collect(maps.Keys(x.o.Inputs)), slices.Collect(maps.Keys(x.o.Replace)))},
		{"output", outputNames(x.block.Graph), slices.Collect(maps.Keys(x.o.Outputs))},
	} {
		slices.Sort(k.asked)
		has := nameSet(k.names)
		for _, name := range k.asked {
			if !has[name] {
				return &onnxpb.Error{Msg: fmt.Sprintf("the block has no %s %q", k.what, name), Hint: suggest(k.what, name, k.names)}
			}
		}
	}
	for name := range x.o.Inputs {
		if _, twice := x.o.Replace[name]; twice {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("input %q of the block is given a tensor and the place of an input", name), Hint: "leave one out"}
		}
	}
	return nil
}

// nameSet makes a set of a list of names.
func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

func inputNames(g *onnxpb.GraphProto) []string {
	names := make([]string, len(g.GetInput()))
	for i, v := range g.GetInput() {
		names[i] = v.GetName()
	}
	return names
}

// bind finds out what the inputs of the block read, and whose readers are to read its outputs.
func (x *insertion) bind() error {
	if err := x.known(); err != nil {
		return err
	}
	weights := map[string]bool{}
	for _, t := range x.block.Graph.GetInitializer() {
		weights[t.GetName()] = true
	}
	for _, t := range x.block.Graph.GetSparseInitializer() {
		weights[sparseName(t)] = true
	}
	for _, v := range x.block.Graph.GetInput() {
		name := v.GetName()
		from, told := x.o.Inputs[name]
		place, replaces := x.o.Replace[name]
		switch {
		case replaces:
			old := x.main.values[place]
			if old == nil || !old.input {
				return &onnxpb.Error{Msg: fmt.Sprintf("the model has no input %q", place), Hint: suggest("input", place, inputNames(x.m.Graph))}
			}
			if old.init || old.output {
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: place, Msg: "it has a default, or is an output too: nothing can take its place as an input", Hint: "insert the block behind it"}
			}
			if _, err := findInputType(v); err != nil {
				return err
			}
			x.replaced[old] = v
		case told:
			w, err := x.find(from)
			if err != nil {
				return err
			}
			x.bound[name] = w
		case x.main.values[name] != nil && !weights[name]:
			x.bound[name] = x.main.values[name]
		case weights[name] || x.o.NewInputs:
		default:
			return &onnxpb.Error{Msg: fmt.Sprintf("input %q of the block reads nothing: it is told no tensor, and the model has none of its name", name), Hint: "tell which tensor it reads, or make it an input of the model"}
		}
	}
	used := map[*wire]string{}
	for _, out := range outputNames(x.block.Graph) {
		name, told := x.o.Outputs[out]
		if !told {
			continue
		}
		w, err := x.find(name)
		if err != nil {
			return err
		}
		if _, passes := x.o.Replace[out]; passes {
			return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: name, Msg: fmt.Sprintf("output %q of the block is the input that is replaced", out), Hint: "put an Identity between in the block"}
		}
		if used[w] != "" {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("its readers are to read %q and %q of the block", used[w], out), Hint: "name one"}
		}
		used[w] = out
		x.targets = append(x.targets, target{out, w, x.typeOf(w)})
	}
	for old := range x.replaced {
		if used[old] == "" {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: old.name, Msg: "an input of the block takes its place, and no output is told for its readers", Hint: "tell which output of the block they read"}
		}
		if len(x.o.Readers.Nodes)+len(x.o.Readers.Inputs) > 0 || x.o.OnlyOutputs {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: old.name, Msg: "where an input is replaced all of its readers follow", Hint: "insert the block behind the input for some of them"}
		}
	}
	// A default that something takes the place of is none.
	stays := func(name string) bool { return x.bound[name] == nil && x.o.Replace[name] == "" }
	dropped := &Report{}
	x.block.Graph.Initializer = keep(x.block.Graph.Initializer, dropped, "initializer", (*onnxpb.TensorProto).GetName, stays)
	x.block.Graph.SparseInitializer = keep(x.block.Graph.SparseInitializer, dropped, "initializer", sparseName, stays)
	return nil
}

func findInputType(v *onnxpb.ValueInfoProto) (*onnxpb.TypeProto, error) {
	if !typeKnown(v.GetType()) {
		return nil, &onnxpb.Error{Tensor: v.GetName(), Msg: "the block does not declare the element type of this input, which is to be one of the model", Hint: "declare it in the block"}
	}
	return v.GetType(), nil
}

// place finds the graph that the block goes into: the innermost of those of the values that it has to do with.
func (x *insertion) place() error {
	x.at = x.main
	var all []*wire
	for _, name := range inputNames(x.block.Graph) {
		if w := x.bound[name]; w != nil {
			all = append(all, w)
		}
	}
	for _, t := range x.targets {
		all = append(all, t.old)
	}
	depth := func(f *frame) int {
		n := 0
		for ; f.parent != nil; f = f.parent {
			n++
		}
		return n
	}
	for _, w := range all {
		if depth(w.in) > depth(x.at) {
			x.at = w.in
		}
	}
	for _, w := range all {
		if !x.at.sees(w) {
			return &onnxpb.Error{Tensor: w.name, Msg: fmt.Sprintf("it is a value of %s, which %s cannot see", w.in, x.at), Hint: "wire the block to values of one graph, or of those around it"}
		}
	}
	if x.at.root != "" {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "a block cannot go into " + x.at.String(), Hint: "wire it to values of the main graph or its subgraphs"}
	}
	if x.at != x.main && (x.o.NewInputs || x.o.NewOutputs || len(x.replaced) > 0) {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the block goes into " + x.at.String() + ", whose inputs and outputs are not free to choose", Hint: "wire all of its inputs"}
	}
	return nil
}

// NodeInput returns the value that a node reads as one of its inputs, by a name that Insert and Rewire take; the node may be told by its path, as in NodeChoice.
func NodeInput(m *onnxpb.ModelProto, node string, index int) (string, error) {
	w := newWires(m)
	list, err := NodeChoice{Names: []string{node}}.find(w)
	if err != nil {
		return "", err
	}
	if len(list) > 1 {
		var many []candidate
		for _, n := range list {
			many = append(many, n.candidate())
		}
		return "", manyNodes("node", node, many)
	}
	n := list[0]
	if in := n.node.GetInput(); index >= 0 && index < len(in) && in[index] != "" {
		if v := n.in.lookup(in[index]); v != nil {
			return v.in.path(v.name), nil
		}
	}
	return "", &onnxpb.Error{Node: node, Msg: fmt.Sprintf("it has no input %d", index), Hint: fmt.Sprintf("inputs are counted from 0, and it has %d", len(n.node.GetInput()))}
}
