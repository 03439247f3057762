package surgery

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// ReaderChoice says which of the places where a value is read are meant. The zero value means all that nodes are, at any depth of subgraphs and in training graphs.
type ReaderChoice struct {
	// Nodes are names of nodes, globs, or re: and a regular expression (see RenameRule): those that read the value, and those in whose subgraphs it is read. A name that
	// several readers have is told apart by the subgraph: choose/then_branch/NAME; one without a name is called by its operator and first output: "Conv -> y". None means all.
	Nodes []string
	// Inputs are the indices of the inputs of these nodes. None means all.
	Inputs []int
	// Outputs has an output of the model, or of the subgraph that the value is of, follow too. It keeps its name.
	Outputs bool
	// AllowUnknown goes on where it is not known whether the two values have one type and shape; never where it is known that they have not.
	AllowUnknown bool
	// Retype lets the readers get another element type or shape, known or not: what the model declares of the values behind them follows, and a contradiction is refused.
	Retype bool
}

// Rewire has readers of the value from read the value to instead. Both may be values of subgraphs, as long as the readers can see them. Nodes are put in another order where that is needed.
//
// With ReaderChoice.Outputs an output that is called from gets what to is: from is renamed then, and an Identity makes the output. What nobody reads any more stays.
//
// Errors of kind Unfit: a name that is not there (with the nearest names) or that stands in many graphs, a node that does not read the value, a value that nothing reads, types or
// shapes that disagree, as inference tells (see package shape), a value of a graph that the reader cannot see. Errors of kind Refused: a cycle, an output that is an input too, types or shapes
// further on that would contradict each other.
func Rewire(m *onnxpb.ModelProto, from, to string, c ReaderChoice) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		w := newRewiring(original, m, "rewire", c)
		w.noteTypes()
		a, b, err := w.pair(from, to)
		if err != nil {
			return nil, err
		}
		if err := w.choose([]*wire{a}, []*wire{b}); err != nil {
			return nil, err
		}
		return w.r, w.apply()
	})
}

// Swap exchanges the readers of two values: who read a reads b, and who read b reads a. It fails where Rewire would, for each of them.
func Swap(m *onnxpb.ModelProto, a, b string, c ReaderChoice) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		w := newRewiring(original, m, "swap", c)
		w.noteTypes()
		p, q, err := w.pair(a, b)
		if err != nil {
			return nil, err
		}
		if err := w.choose([]*wire{p, q}, []*wire{q, p}); err != nil {
			return nil, err
		}
		return w.r, w.apply()
	})
}

// rewiring has readers of values read others.
type rewiring struct {
	*wires
	r     *Report
	c     ReaderChoice
	moves []move
	outs  []move // outputs, whose reader is unused

	original *onnxpb.ModelProto // as it was
	declared *redeclaration     // with ReaderChoice.Retype: what followed before
}

// move is one reader that is to read another value.
type move struct {
	reader   reader
	from, to *wire
}

func newRewiring(original, m *onnxpb.ModelProto, edit string, c ReaderChoice) *rewiring {
	return &rewiring{original: original, wires: newWires(m), r: &Report{Edit: edit}, c: c}
}

// noteTypes notes what follows before the edit, where values may get other types by it.
func (w *rewiring) noteTypes() {
	if w.c.Retype {
		w.declared = beforeEdit(w.m)
	}
}

// pair finds the two values, and holds them to each other.
func (w *rewiring) pair(from, to string) (a, b *wire, err error) {
	if a, err = w.find(from); err != nil {
		return nil, nil, err
	}
	if b, err = w.find(to); err != nil {
		return nil, nil, err
	}
	if a == b {
		return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: from, Msg: "both are the same tensor", Hint: "name two"}
	}
	return a, b, w.mayReplace(a, b)
}

// mayReplace refuses values of other types or shapes than those in whose place they are to be.
func (w *rewiring) mayReplace(a, b *wire) error {
	s, t := w.typeOf(a), w.typeOf(b)
	if w.c.Retype {
		return nil
	}
	switch agree(s, t) {
	case typesDiffer:
		return &onnxpb.Error{Tensor: b.name, Msg: fmt.Sprintf("it is %s, and %q is %s: its readers are made for that", t, a.name, s), Hint: "insert a node that makes one of the other (see onnxtool insert), or let them get another type (--retype)"}
	case typesUntold:
		if !w.c.AllowUnknown {
			return &onnxpb.Error{Tensor: b.name, Msg: fmt.Sprintf("it is %s, and %q is %s: whether they have one type and shape is not known", t, a.name, s), Hint: "declare them with " + declareHint("NAME") + ", or allow what is not known"}
		}
		w.r.Note("%q is %s, and %q %s: it is not known whether they have one type and shape", a.name, s, b.name, t)
	}
	return nil
}

// choose finds the readers of each value of a list that are to read that of the other.
func (w *rewiring) choose(from, to []*wire) error {
	hit := make([]bool, len(w.c.Nodes))
	index := map[int]bool{}
	var all []reader
	for _, a := range from {
		all = append(all, a.readers...)
	}
	patterns, err := w.c.patterns(all)
	if err != nil {
		return err
	}
	for i, a := range from {
		rs, err := w.chosenReaders(a, patterns, hit)
		if err != nil {
			return err
		}
		for _, r := range rs {
			index[r.index] = true
			if !r.in.sees(to[i]) {
				return &onnxpb.Error{Tensor: strings.TrimSuffix(to[i].name, unnamed), Msg: fmt.Sprintf("it is a value of %s, which %s, in %s, cannot read", to[i].in, r, r.in), Hint: "choose other readers, or a value of a graph around them"}
			}
			w.moves = append(w.moves, move{r, a, to[i]})
		}
		if w.c.Outputs && a.output {
			if a.in.root != "" {
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: a.name, Msg: "it is an output of " + a.in.root + ", which bindings name", Hint: "leave the outputs as they are"}
			}
			if a.input {
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: a.name, Msg: "it is an input and an output: one name is one value", Hint: "leave the outputs as they are, or rename"}
			}
			if !a.in.sees(to[i]) {
				return &onnxpb.Error{Tensor: to[i].name, Msg: fmt.Sprintf("it is a value of %s, which cannot be an output of %s", to[i].in, a.in), Hint: "choose a value of that graph"}
			}
			w.outs = append(w.outs, move{from: a, to: to[i]})
		}
	}
	for k, text := range w.c.Nodes {
		if !hit[k] {
			return w.noReader(text, from, all)
		}
	}
	for _, i := range w.c.Inputs {
		if !index[i] {
			return &onnxpb.Error{Msg: fmt.Sprintf("no input %d reads %s", i, namesOf(from)), Hint: readersHint(all)}
		}
	}
	outputs := slices.ContainsFunc(from, func(a *wire) bool { return a.output })
	switch {
	case w.c.Outputs && !outputs:
		return &onnxpb.Error{Msg: fmt.Sprintf("%s is no output", namesOf(from)), Hint: "leave the outputs as they are"}
	case len(w.moves)+len(w.outs) == 0 && outputs:
		return &onnxpb.Error{Msg: fmt.Sprintf("no node reads %s, which is an output", namesOf(from)), Hint: "ask for outputs to follow: --outputs"}
	case len(w.moves)+len(w.outs) == 0:
		return &onnxpb.Error{Msg: "nothing reads " + namesOf(from), Hint: "name a tensor that is read: see onnxtool info"}
	}
	for _, a := range from {
		if a.output && !w.c.Outputs {
			w.r.Note("the output %q stays what it was", a.in.path(a.name))
		}
	}
	return nil
}

func namesOf(list []*wire) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.in.path(v.name)
	}
	return quoteList(names)
}

// chosenReaders returns the readers of a value that are meant, and marks the names that mean them.
func (w *rewiring) chosenReaders(a *wire, patterns []*pattern, hit []bool) ([]reader, error) {
	var out []reader
	first := make([]reader, len(patterns)) // the reader that a plain name means
	for _, r := range a.readers {
		if len(w.c.Inputs) > 0 && (r.node == nil || !slices.Contains(w.c.Inputs, r.index)) {
			continue
		}
		take := len(patterns) == 0
		for k, p := range patterns {
			means, own := r.called(p)
			if !means {
				continue
			}
			if prev := first[k]; own && p.exact {
				if prev.node != nil && prev.node != r.node {
					return nil, manyNodes("node", p.text, []candidate{placed{in: prev.in, node: prev.node}.candidate(), placed{in: r.in, node: r.node}.candidate()})
				}
				first[k] = r
			}
			take, hit[k] = true, true
		}
		if take {
			out = append(out, r)
		}
	}
	return out, nil
}

// patterns reads the names of the nodes that are to be rewired, some of the readers.
func (c ReaderChoice) patterns(readers []reader) ([]*pattern, error) {
	var out []*pattern
	for _, text := range c.Nodes {
		exists := text != "" && slices.ContainsFunc(readers, func(r reader) bool {
			means, _ := r.called(&pattern{text: text, exact: true})
			return means
		})
		p, err := newPattern(text, exists)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// called tells whether a pattern means a reader, and whether it does so by the name of the reader itself, and not of a node around it.
func (r reader) called(p *pattern) (means, own bool) {
	named := func(f *frame, n *onnxpb.NodeProto) bool {
		name := n.Label()
		return p.matches(name) || p.exact && f.path(name) == p.text
	}
	if r.node != nil && named(r.in, r.node) {
		return true, true
	}
	for f := r.in; f.holder != nil; f = f.parent {
		if named(f.parent, f.holder) {
			return true, false
		}
	}
	return false, false
}

// noReader is the error about a name that means no reader.
func (w *rewiring) noReader(text string, from []*wire, readers []reader) error {
	e := &onnxpb.Error{Node: text, Msg: "it does not read " + namesOf(from), Hint: readersHint(readers)}
	if len(w.c.Inputs) > 0 {
		e.Msg += " by these inputs"
	}
	var names []string
	for _, n := range w.nodes() {
		if n.node.Label() == text {
			return e
		}
		names = append(names, n.node.Label())
	}
	if near := Nearest(text, names, 3); len(near) > 0 {
		return &onnxpb.Error{Msg: fmt.Sprintf("there is no node %q", text), Hint: "did you mean " + quoteList(near) + "?"}
	}
	e.Node, e.Msg = "", fmt.Sprintf("no node %q reads %s", text, namesOf(from))
	return e
}

// readersHint lists readers.
func readersHint(readers []reader) string {
	if len(readers) == 0 {
		return "nothing reads it"
	}
	var list []string
	for i, r := range readers {
		if i == 5 {
			list = append(list, fmt.Sprintf("and %d more", len(readers)-i))
			break
		}
		list = append(list, r.String())
	}
	s := "it is read as " + list[0]
	for _, more := range list[1:] {
		s += ", " + more
	}
	return s
}

// apply has the readers read what they are to read, and puts the nodes in order.
func (w *rewiring) apply() error {
	w.moveReaders()
	if len(w.outs) > 0 {
		if importOf(w.m.GetOpsetImport(), "") == 0 {
			return noIdentity(w.outs[0].from.name)
		}
		w.giveOutputs()
	}
	if err := sortModel(w.m, w.r); err != nil {
		return err
	}
	return w.settle()
}

// noIdentity is the error about an output whose name only an Identity could give to another value, in a model that has none.
func noIdentity(output string) error {
	return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: output, Msg: "another tensor would get the name of this output by an Identity, and ONNX's operators are not imported", Hint: "leave the outputs as they are, or rename"}
}

// giveOutputs has outputs get other values under the names that they have.
func (w *rewiring) giveOutputs() {
	names := NewNames(w.m)
	renames := map[*onnxpb.GraphProto]map[string]string{}
	fresh := map[*wire]string{}
	for _, v := range w.outs {
		fresh[v.from] = names.Value(v.from.name)
		put(renames, v.from.in.graph, v.from.name, fresh[v.from])
		w.r.Add("renamed", "tensor", v.from.in.path(v.from.name), v.from.name, fresh[v.from])
	}
	mapScoped(w.m, renames)
	for _, v := range w.outs {
		g, name := v.from.in.graph, v.from.name
		for _, o := range g.GetOutput() {
			if o.GetName() == fresh[v.from] {
				o.Name = &name
			}
		}
		source := v.to.name
		if now := fresh[v.to]; now != "" {
			source = now
		}
		n := onnxpb.Node("Identity", names.Node(name+"_Identity"), []string{source}, []string{name})
		g.Node = append(g.Node, n)
		w.r.Add("added", "node", n.GetName(), "", "Identity")
		w.r.Add("changed", "output", v.from.in.path(name), fresh[v.from], source)
	}
}

// settle has the declarations follow where values may have got other types, and refuses contradictions that the model had not before.
func (w *rewiring) settle() error {
	if w.declared != nil {
		if err := w.declared.afterEdit(w.r); err != nil {
			return err
		}
	}
	return holdTypes(w.original, w.m)
}

// moveReaders has readers read other values, all at once.
func (w *rewiring) moveReaders() {
	var nodes []*onnxpb.NodeProto
	moved := map[*onnxpb.NodeProto]map[string]string{}
	for _, v := range w.moves {
		from, to := v.from.name, v.to.name
		if n := v.reader.node; n != nil {
			w.r.Add("changed", fmt.Sprintf("input %d of node", v.reader.index), v.reader.in.path(n.Label()), from, to)
		} else {
			w.r.Add("changed", fmt.Sprintf("output %d of subgraph", v.reader.index), v.reader.in.String(), from, to)
		}
		if v.reader.node == nil {
			v.reader.in.graph.Output[v.reader.index].Name = &to
			continue
		}
		n := v.reader.node
		if moved[n] == nil {
			moved[n] = map[string]string{}
			nodes = append(nodes, n)
		}
		moved[n][from] = to
		n.Input[v.reader.index] = "" // until all that stay can be told
	}
	// What else a node says of an input follows it, unless the node reads that still.
	for _, n := range nodes {
		for _, name := range n.GetInput() {
			if moved[n][name] != "" {
				moved[n][name] = name
			}
		}
		follow := nameVisitor{value: func(p *string) {
			if to := moved[n][*p]; to != "" {
				*p = to
			}
		}}
		for _, c := range n.GetDeviceConfigurations() {
			for _, s := range c.GetShardingSpec() {
				follow.name(follow.value, s.TensorName)
			}
		}
		if isGradient(n) {
			for _, a := range n.GetAttribute() {
				follow.nameBytes(a)
			}
		}
	}
	for _, v := range w.moves {
		if v.reader.node != nil {
			v.reader.node.Input[v.reader.index] = v.to.name
		}
	}
}
