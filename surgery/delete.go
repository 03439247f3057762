package surgery

import (
	"errors"
	"fmt"

	"onnxtool/onnxpb"
)

// NodeChoice says which nodes are meant: all that one of its lists names, of those that stand in one of Graphs. Which edits mean the nodes of functions and of training graphs too, they tell.
type NodeChoice struct {
	// Names are names of nodes, globs, or re: and a regular expression (see RenameRule). A name that several nodes have is told apart by the subgraph: choose/then_branch/NAME; a node without one is
	// called by its operator and first output: "Conv -> y".
	Names []string
	// Makes are names of values, in the same way, and mean the nodes that make them: so nodes without a name can be meant too.
	Makes []string
	// Ops are types of operators, as OPERATOR (of any domain) or DOMAIN.OPERATOR, in the same way.
	Ops []string
	// Graphs say where the nodes stand, as onnxtool check tells it: main, choose/then_branch, "function local.Scale", in the same way. Without any, everywhere.
	Graphs []string
}

// DeleteOptions say how Delete treats the nodes.
type DeleteOptions struct {
	// Cut removes the nodes without a bypass: what they made and is still read becomes an input of the model.
	Cut bool
	// Input is the index of the input that takes the place of the output; nil: the one that fits.
	Input *int
	// AllowUnknown bypasses nodes, too, of which it is not known whether the input has the output's type and shape; never those of which it is known that it has not.
	AllowUnknown bool
	// Retype bypasses nodes, too, of which it is known that the input has another type or shape than the output: what the model declares of the values behind them follows, and a contradiction is refused.
	Retype bool
	// Tidy removes what no output needs any more, as Tidy does.
	Tidy bool
}

// Delete removes nodes of the graph and its subgraphs, and of functions where NodeChoice.Graphs names these: there the types hang on the calls, so that a bypass needs AllowUnknown.
//
// Each is bypassed: whoever read its output, at any depth of subgraphs, reads one of its inputs instead, which has to be of the same type and shape, as inference tells (see package
// shape). Where several inputs are, one that is a constant is none of them, and DeleteOptions.Input says which. Outputs of the model, and of subgraphs, keep their names:
// the value that takes their place is renamed, or copied by an Identity where it is an input, a constant or another output itself. A node of whose outputs nothing is
// read is only removed. With Cut the outputs that are read become inputs of the model.
//
// Initializers and Constant nodes that only the removed nodes read go with them. Other nodes that nothing needs any more stay, and are told, unless Tidy is asked for.
//
// Errors of kind Unfit: a name or pattern that chooses no node (with the nearest names), a name that many nodes have, several inputs that fit, types or shapes that disagree or are not known
// to agree. Errors of kind Refused: a node without inputs, one with several outputs that are read, a cut whose output is an output of the model or a value of a subgraph, types or shapes further on
// that would contradict each other.
func Delete(m *onnxpb.ModelProto, nodes NodeChoice, o DeleteOptions) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "delete"}
		if o.Cut && (o.Input != nil || o.AllowUnknown || o.Retype) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a cut has no bypass: neither an input that takes the place of the output nor one of unknown or another type", Hint: "leave one out"}
		}
		parts := []*wires{newWires(m)}
		if len(nodes.Graphs) > 0 {
			for _, f := range m.GetFunctions() {
				parts = append(parts, functionWires(m, f))
			}
		}
		list, err := nodes.find(parts...)
		if err != nil {
			return nil, nodes.hintFunctions(m, err)
		}
		var declared *redeclaration
		if o.Retype {
			declared = beforeEdit(m)
		}
		copies := false
		of := map[*wires][]placed{}
		for _, n := range list {
			of[n.of] = append(of[n.of], n)
		}
		for i, w := range parts {
			if len(of[w]) == 0 {
				continue
			}
			d := newDeletion(w, of[w], o, r)
			if err := d.plan(); err != nil {
				return nil, err
			}
			orphans := d.orphans()
			d.imports = m.GetOpsetImport()
			if i > 0 {
				d.imports = m.Functions[i-1].GetOpsetImport()
			}
			if d.apply(); d.failed != nil {
				return nil, d.failed
			}
			copies = copies || len(d.kept) > 0
			d.dropUnused(orphans)
			if i > 0 {
				f := m.Functions[i-1]
				f.Node, f.ValueInfo = w.main.graph.Node, w.main.graph.ValueInfo
			}
		}
		if declared != nil {
			if err := declared.afterEdit(r); err != nil {
				return nil, err
			}
		}
		if o.Retype || o.AllowUnknown || copies { // an Identity of an old opset does not copy everything
			if err := holdTypes(original, m); err != nil {
				return nil, err
			}
		}
		if o.Tidy {
			t, err := Tidy(m)
			if err != nil {
				return nil, err
			}
			r.Merge(t)
		}
		return r, nil
	})
}

// hintFunctions tells, where a choice means no node, of a function that has one.
func (c NodeChoice) hintFunctions(m *onnxpb.ModelProto, err error) error {
	var e *onnxpb.Error
	if len(c.Graphs) > 0 || !errors.As(err, &e) || e.Kind != onnxpb.Unfit {
		return err
	}
	for _, f := range m.GetFunctions() {
		if list, missed := c.find(functionWires(m, f)); missed == nil {
			e.Hint = fmt.Sprintf("%q has %q: nodes of functions are meant where the graph is named too (--graph)", functionRoot+functionOf(f).String(), list[0].node.Label())
			break
		}
	}
	return err
}

// placed is a node with its graph.
type placed struct {
	in   *frame
	node *onnxpb.NodeProto
	of   *wires
}

// nodes lists the nodes of the main graph and its subgraphs, each before those in it.
func (w *wires) nodes() []placed {
	var list []placed
	of := map[*onnxpb.NodeProto][]*frame{}
	for _, f := range w.frames {
		if f.holder != nil {
			of[f.holder] = append(of[f.holder], f)
		}
	}
	var add func(f *frame)
	add = func(f *frame) {
		for _, n := range f.graph.GetNode() {
			list = append(list, placed{f, n, w})
			for _, sub := range of[n] {
				add(sub)
			}
		}
	}
	add(w.main)
	return list
}

// path is a name with the subgraph that it stands in before it, as far as there is one.
func (f *frame) path(name string) string { return placed{in: f}.candidate().full(name) }

// place is what NodeChoice.Graphs calls a graph.
func (f *frame) place() string { return placed{in: f}.candidate().graph() }

// candidate is the node as a choice sees it.
func (n placed) candidate() candidate {
	if n.in.holder == nil && !n.in.inFunction() {
		return candidate{node: n.node}
	}
	return candidate{n.node, n.in.String()}
}

// find returns the nodes that are meant, in the order of the graph.
func (c NodeChoice) find(parts ...*wires) ([]placed, error) {
	var all []placed
	var graphs []string
	for _, w := range parts {
		all = append(all, w.nodes()...)
		for _, f := range w.frames {
			if f.root == "" || f.inFunction() {
				graphs = append(graphs, f.place())
			}
		}
	}
	list := make([]candidate, len(all))
	for i, n := range all {
		list[i] = n.candidate()
	}
	hits, err := c.among(list, graphs, parts[0].aboutNode)
	out := make([]placed, len(hits))
	for i, h := range hits {
		out[i] = all[h]
	}
	return out, err
}

// aboutNode tells what a name is that is no node's.
func (w *wires) aboutNode(what, text string) string {
	for _, v := range w.byName[text] {
		switch {
		case what == "node" && v.node != nil:
			return fmt.Sprintf("a tensor has that name, which node %q makes: choose the node by what it makes", v.node.Label())
		case what == "tensor" && v.init:
			return "it is an initializer"
		case what == "tensor" && v.input:
			return "it is an input"
		}
	}
	return ""
}
