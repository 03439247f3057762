package surgery

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// deletion removes nodes.
type deletion struct {
	*wires
	r     *Report
	o     DeleteOptions
	names *Names
	list  []placed                   // the nodes that go, without those in subgraphs of others that do
	gone  map[*onnxpb.NodeProto]bool // all of them

	source  map[*wire]*wire                           // what is read in the place of the output of a node that goes
	ends    map[*wire]*wire                           // see final
	inputs  map[*wire]*onnxpb.ValueInfoProto          // outputs that become inputs of the model
	kept    map[*onnxpb.NodeProto][]*onnxpb.NodeProto // the nodes that stand in the place of one that goes
	same    map[*onnxpb.NodeProto]bool                // Identities that were to go, and are needed
	imports []*onnxpb.OperatorSetIdProto              // of the model or the function
	failed  error                                     // why the output of a node that goes gets no other value
	named   map[*wire]string                          // values that have got the name of an output
	renames map[*onnxpb.GraphProto]map[string]string  // see mapScoped

	// The names that value_info and quantisation annotations are to tell nothing of any more.
	noInfo, noAnnotation map[*onnxpb.GraphProto]map[string]bool
}

func newDeletion(w *wires, list []placed, o DeleteOptions, r *Report) *deletion {
	type nameSet = map[*onnxpb.GraphProto]map[string]bool
	d := &deletion{wires: w, r: r, o: o, names: NewNames(w.m), gone: make(map[*onnxpb.NodeProto]bool, len(list)),
		source: map[*wire]*wire{}, ends: map[*wire]*wire{}, inputs: map[*wire]*onnxpb.ValueInfoProto{}, kept: map[*onnxpb.NodeProto][]*onnxpb.NodeProto{}, same: map[*onnxpb.NodeProto]bool{},
		named: map[*wire]string{}, renames: map[*onnxpb.GraphProto]map[string]string{}, noInfo: nameSet{}, noAnnotation: nameSet{}}
	for _, n := range list {
		d.gone[n.node] = true
	}
	for _, n := range list {
		if !d.swallowed(n.in) {
			d.list = append(d.list, n)
		}
	}
	return d
}

// swallowed tells whether a graph goes with a node that does.
func (d *deletion) swallowed(f *frame) bool {
	for ; f != nil; f = f.parent {
		if d.gone[f.holder] && f.holder != nil {
			return true
		}
	}
	return false
}

// plan finds out what takes the place of each output, from the last node to the first: whether an output is needed that only nodes which go read hangs on what they are bypassed by.
func (d *deletion) plan() error {
	needed := map[*wire]bool{}
	var declare *declarer
	for _, n := range slices.Backward(d.list) {
		var outs []*wire
		for _, name := range n.node.GetOutput() {
			v := n.in.values[name]
			if v == nil {
				continue
			}
			need := needed[v] || v.output || v.kept
			for _, r := range v.readers {
				need = need || !d.swallowed(r.in) && (r.node == nil || !d.gone[r.node])
			}
			if need {
				outs = append(outs, v)
			}
		}
		if d.o.Cut {
			for _, v := range outs {
				if err := d.mayCut(n, v); err != nil {
					return err
				}
				if declare == nil {
					declare = newDeclarer(d.m, d.r)
				}
				info, err := declare.declare(v.name)
				if err != nil {
					return err
				}
				d.inputs[v] = info
			}
			continue
		}
		switch len(outs) {
		case 0:
			continue
		case 1:
		default:
			var names []string
			for _, v := range outs {
				names = append(names, v.name)
			}
			return &onnxpb.Error{Kind: onnxpb.Refused, Node: n.node.Label(), Msg: fmt.Sprintf("its outputs %s are read: a bypass has one", quoteList(names)), Hint: "delete their readers too, or cut the node"}
		}
		in, err := d.through(n, outs[0])
		if err != nil {
			return err
		}
		d.source[outs[0]] = in
		needed[in] = true
	}
	return nil
}

// mayCut refuses a cut that leaves something which cannot become an input.
func (d *deletion) mayCut(n placed, v *wire) error {
	switch {
	case n.in.holder != nil || n.in.inFunction():
		return &onnxpb.Error{Kind: onnxpb.Refused, Node: n.node.Label(), Tensor: v.name, Msg: "it is read in " + n.in.String() + ", whose inputs are not free to choose", Hint: "bypass the node, or delete the readers too"}
	case v.output:
		return &onnxpb.Error{Kind: onnxpb.Refused, Node: n.node.Label(), Tensor: v.name, Msg: "it is an output of the model, which would be an input as well", Hint: "take it off the outputs first: see onnxtool dropoutput"}
	}
	return nil
}

// through chooses the input that takes the place of an output.
func (d *deletion) through(n placed, out *wire) (*wire, error) {
	type candidate struct {
		index int
		wire  *wire
	}
	var fits, untold, others []candidate
	inputs := n.node.GetInput()
	want := d.typeOf(out)
	seen := map[*wire]bool{}
	for i, name := range inputs {
		if d.o.Input != nil && *d.o.Input != i || name == "" {
			continue
		}
		v := n.in.lookup(name)
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		switch agree(d.typeOf(v), want) {
		case typesAgree:
			fits = append(fits, candidate{i, v})
		case typesUntold:
			untold = append(untold, candidate{i, v})
		default:
			others = append(others, candidate{i, v})
		}
	}
	fail := func(kind onnxpb.Kind, msg, hint string) error {
		return &onnxpb.Error{Kind: kind, Node: n.node.Label(), Msg: msg, Hint: hint}
	}
	if d.o.Input != nil && (*d.o.Input < 0 || *d.o.Input >= len(inputs) || inputs[*d.o.Input] == "") {
		return nil, fail(onnxpb.Unfit, fmt.Sprintf("it has no input %d", *d.o.Input), fmt.Sprintf("inputs are counted from 0, and this %s has %d", n.node.GetOpType(), len(inputs)))
	}
	// A weight is not what goes through a node, unless there is nothing else.
	live := func(list []candidate) []candidate {
		if l := slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return c.wire.constant() }); len(l) > 0 {
			return l
		}
		return list
	}
	fits, untold = live(fits), live(untold)
	if len(fits) == 0 && d.o.Retype {
		fits = live(append(untold, others...))
	}
	if len(fits) == 0 && len(untold) > 0 {
		c := untold[0]
		switch {
		case d.o.AllowUnknown:
		case n.in.inFunction():
			return nil, fail(onnxpb.Unfit, fmt.Sprintf("what its input %q and its output %q are hangs on the calls of the function", c.wire.name, out.name), "allow what is not known (--allow-unknown), or inline the function first")
		default:
			return nil, fail(onnxpb.Unfit, fmt.Sprintf("whether its input %q (%s) has the type and shape of its output %q (%s) is not known", c.wire.name, d.typeOf(c.wire), out.name, want),
				"declare them with "+declareHint("NAME")+", allow what is not known, or cut the node")
		}
		if len(untold) == 1 {
			d.r.Note("node %q is bypassed from %q (%s) to %q (%s), though it is not known whether they have one type and shape", n.node.Label(), c.wire.name, d.typeOf(c.wire), out.name, want)
		}
		fits = untold
	}
	switch len(fits) {
	case 1:
		return fits[0].wire, nil
	case 0:
		var have []string
		for i, name := range inputs {
			if v := n.in.lookup(name); v != nil && (d.o.Input == nil || *d.o.Input == i) {
				have = append(have, fmt.Sprintf("%s %s", name, d.typeOf(v)))
			}
		}
		msg := fmt.Sprintf("no input can take the place of its output %q, which is %s: ", out.name, want)
		if len(have) == 0 {
			return nil, fail(onnxpb.Refused, msg+"it has none", "cut the node, or delete its readers too")
		}
		return nil, fail(onnxpb.Unfit, msg+"it reads "+strings.Join(have, ", "), "cut the node, or let its readers get another type or shape (--retype)")
	}
	var which []string
	for _, c := range fits {
		which = append(which, fmt.Sprintf("%d (%s)", c.index, c.wire.name))
	}
	return nil, fail(onnxpb.Unfit, fmt.Sprintf("several inputs can take the place of its output %q", out.name), "which one? say so by its index: "+strings.Join(which, ", "))
}

// final returns the value that is read in the end where one was, past all nodes that go.
func (d *deletion) final(v *wire) *wire {
	end := v
	for steps := 0; d.source[end] != nil; steps++ {
		if steps > len(d.source) { // only a model that is not valid has a row without an end
			d.failed = &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.name, Msg: "the nodes that go form a cycle: nothing takes the place of what they make", Hint: "the model is not valid: see onnxtool check"}
			return v
		}
		if known := d.ends[end]; known != nil {
			end = known // a row of many nodes is gone along once
			continue
		}
		end = d.source[end]
	}
	for d.source[v] != nil && d.ends[v] == nil {
		d.ends[v] = end
		v = d.source[v]
	}
	return end
}

// apply takes the nodes out and rewires their readers.
func (d *deletion) apply() {
	type pair struct{ out, in *wire }
	var rewired []pair
	for _, n := range d.list {
		for _, name := range n.node.GetOutput() {
			out := n.in.values[name]
			switch {
			case out == nil:
			case d.inputs[out] != nil:
				d.m.Graph.Input = append(d.m.Graph.Input, d.inputs[out])
				put(d.noInfo, d.m.Graph, name, true)
				d.r.Add("added", "input", name, "", typeText(d.inputs[out]))
			case d.source[out] == nil:
				d.forget(out)
			case out.output:
				d.giveName(n, out, d.final(out))
			default:
				d.forget(out)
				rewired = append(rewired, pair{out, d.final(out)})
			}
		}
	}
	for _, p := range rewired {
		to := p.in.name
		if name := d.named[p.in]; name != "" {
			to = name
		}
		put(d.renames, p.out.in.graph, p.out.name, to)
		d.r.Add("changed", "readers of tensor", p.out.in.path(p.out.name), p.out.name, to)
	}
	touched := map[*frame]bool{}
	for _, n := range d.list {
		touched[n.in] = true
	}
	for _, f := range d.frames {
		if touched[f] {
			d.rebuild(f)
		}
	}
	mapScoped(d.m, d.renames)
	dropStaleMetadata(d.m, d.r)
}

// forget drops what is said of a value that goes.
func (d *deletion) forget(v *wire) {
	put(d.noInfo, v.in.graph, v.name, true)
	put(d.noAnnotation, v.in.graph, v.name, true)
}

// put writes into a map of maps.
func put[V any](m map[*onnxpb.GraphProto]map[string]V, g *onnxpb.GraphProto, name string, v V) {
	if m[g] == nil {
		m[g] = map[string]V{}
	}
	m[g][name] = v
}

// giveName gives the value in the name of an output, whose node goes: the name is what users know it by.
func (d *deletion) giveName(n placed, out, in *wire) {
	switch {
	case in.in == out.in && in.node != nil && !in.output && d.named[in] == "":
		d.named[in] = out.name
		put(d.noInfo, in.in.graph, in.name, true) // the output is declared already
		put(d.noAnnotation, out.in.graph, out.name, true)
		put(d.renames, in.in.graph, in.name, out.name)
		d.r.Add("renamed", "tensor", in.in.path(in.name), in.name, out.name)
	case n.node.GetOpType() == "Identity" && onnxpb.NormalDomain(n.node.GetDomain()) == "" && d.source[out] == in:
		d.same[n.node] = true
		d.r.Note("node %q stays: nothing else gives the output %q its name", n.node.Label(), out.name)
	default:
		if importOf(d.imports, "") == 0 && d.failed == nil {
			d.failed = noIdentity(out.name)
		}
		put(d.noAnnotation, out.in.graph, out.name, true)
		copies := onnxpb.Node("Identity", d.names.Node(out.name+"_Identity"), []string{in.name}, []string{out.name})
		d.kept[n.node] = append(d.kept[n.node], copies)
		d.r.Add("added", "node", n.in.path(copies.GetName()), "", "Identity")
	}
}

// rebuild writes a graph without the nodes that go and what is said of their outputs.
func (d *deletion) rebuild(f *frame) {
	g := f.graph
	out := make([]*onnxpb.NodeProto, 0, len(g.GetNode()))
	for _, n := range g.GetNode() {
		if !d.gone[n] || d.same[n] {
			out = append(out, n)
			continue
		}
		d.r.Add("removed", "node", f.path(n.Label()), n.GetOpType(), "")
		out = append(out, d.kept[n]...)
	}
	g.Node = out
	g.ValueInfo = keep(g.ValueInfo, d.r, "value_info", (*onnxpb.ValueInfoProto).GetName, func(name string) bool { return !d.noInfo[g][name] })
	g.QuantizationAnnotation = keep(g.QuantizationAnnotation, d.r, "quantization_annotation", (*onnxpb.TensorAnnotation).GetTensorName, func(name string) bool { return !d.noAnnotation[g][name] })
}

// orphans are the values, outside of what goes, that nodes which go read.
func (d *deletion) orphans() []*wire {
	var list []*wire
	seen := map[*wire]bool{}
	for _, f := range d.frames {
		if d.swallowed(f) {
			continue
		}
		for name := range definitions(f.graph) {
			v := f.values[name]
			if v.node != nil && d.gone[v.node] || seen[v] { // an initializer that is an input too comes twice
				continue
			}
			seen[v] = true
			for _, r := range v.readers {
				if d.gone[r.node] && r.node != nil || d.swallowed(r.in) {
					list = append(list, v)
					break
				}
			}
		}
	}
	return list
}

// dropUnused removes those of the values that only nodes which went have read and that are constants, and tells of the others.
func (d *deletion) dropUnused(orphans []*wire) {
	now := newWires(d.m)
	frames := map[*onnxpb.GraphProto]*frame{}
	for _, f := range now.frames {
		frames[f.graph] = f
	}
	unused := func(v *wire) bool { return v != nil && len(v.readers) == 0 && !v.output && !v.kept }
	dead := map[*onnxpb.GraphProto]map[string]bool{}
	var idle, inputs []string
	for _, o := range orphans {
		f := frames[o.in.graph]
		if f == nil || !unused(f.values[o.name]) {
			continue
		}
		v := f.values[o.name]
		switch {
		case v.input:
			if f == now.main {
				inputs = append(inputs, v.name)
			}
		case v.constant():
			put(dead, f.graph, v.name, true)
		case !slices.ContainsFunc(v.node.GetOutput(), func(name string) bool { return name != "" && !unused(f.values[name]) }):
			idle = append(idle, o.in.path(v.name))
		}
	}
	for _, f := range now.frames {
		names := dead[f.graph]
		if names == nil {
			continue
		}
		stays := func(name string) bool { return !names[name] }
		g := f.graph
		g.Initializer = keep(g.Initializer, d.r, "initializer", (*onnxpb.TensorProto).GetName, stays)
		g.SparseInitializer = keep(g.SparseInitializer, d.r, "initializer", sparseName, stays)
		g.Node = slices.DeleteFunc(g.Node, func(n *onnxpb.NodeProto) bool {
			if len(n.GetOutput()) != 1 || stays(n.GetOutput()[0]) {
				return false
			}
			d.r.Add("removed", "node", f.path(n.Label()), n.GetOpType(), "")
			return true
		})
		g.ValueInfo = keep(g.ValueInfo, d.r, "value_info", (*onnxpb.ValueInfoProto).GetName, stays)
		g.QuantizationAnnotation = keep(g.QuantizationAnnotation, d.r, "quantization_annotation", (*onnxpb.TensorAnnotation).GetTensorName, stays)
	}
	dropStaleMetadata(d.m, d.r)
	if d.o.Tidy {
		return // which tells
	}
	if len(idle) > 0 {
		d.r.Note("nothing reads %s any more; what makes it stays: onnxtool tidy removes it", someNames(idle))
	}
	if len(inputs) > 0 {
		of := "the model"
		if d.main.inFunction() {
			of = d.main.root
		}
		d.r.Note("nothing reads %s any more, which stays an input of %s", someNames(inputs), of)
	}
}

// someNames writes the first names of a list, and how many more there are.
func someNames(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", quoteList(names[:5]), len(names)-5)
	}
	return quoteList(names)
}
