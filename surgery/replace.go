package surgery

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// ReplaceOptions say how Replace looks for a pattern, and where the block comes from that takes its place.
type ReplaceOptions struct {
	MatchOptions
	// BlockDir is the directory that the block's external data is relative to. The model's is MatchOptions.Dir.
	BlockDir string
	// Retype lets the block give back another type or shape than the pattern does: what the model declares of the values behind follows, and a contradiction is refused.
	Retype bool
	// Force is InsertOptions.Force.
	Force bool
}

// Replace puts a block, the graph of another model, in the place of every group of nodes that has the form of a pattern; see Match. The block takes what the pattern takes, or some of it, and gives back
// what the pattern gives back, by the names that these have there. Attributes of its nodes may refer to the names that the pattern gives attributes. Of its initializers there is one for all groups; its functions
// and operator sets join the model's. It may be without types, and need not import operator sets: then it means the model's.
//
// What the groups gave back keeps its name and its type: that the block computes the same is for the caller to know. Initializers and Constants that only the groups read go with them.
//
// Errors of kind Unfit: no group has the form, the block takes or gives back another thing than the pattern, it does not go with the model (see Insert). Errors of kind Refused: a value would get another type, or a
// cycle would come of it. Of kind Usage: those of Match.
func Replace(m, pattern, block *onnxpb.ModelProto, o ReplaceOptions) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "replace"}
		w := newWires(m)
		x, err := newMatching(w, pattern, o.MatchOptions)
		if err != nil {
			return nil, err
		}
		matches, err := x.run()
		if err != nil {
			return nil, err
		}
		if len(matches) == 0 {
			return nil, x.noMatch()
		}
		b, err := newReplacement(x, original, block, o, r)
		if err != nil {
			return nil, err
		}
		if err := b.apply(matches); err != nil {
			return nil, err
		}
		r.Note("%s replaced", plural(len(matches), "group"))
		return r, nil
	})
}

// noMatch is the error about a pattern that nothing has the form of.
func (x *matching) noMatch() error {
	e := &onnxpb.Error{Msg: "no group of nodes has the form of the pattern", Hint: "see onnxtool text for the nodes as they are: attributes that the pattern does not tell must have the operator's default, and inner values no other readers"}
	var have []string
	for _, n := range x.nodes {
		if len(x.operate[callOf(n)]) > 0 {
			continue
		}
		for _, other := range x.main.graph.GetNode() {
			have = append(have, typeLabel(other))
		}
		e.Msg = fmt.Sprintf("no group of nodes has the form of the pattern: there is no %s", typeLabel(n))
		e.Hint = suggest("operator", typeLabel(n), unique(have))
		break
	}
	return e
}

// replacement puts a block in the place of matches.
type replacement struct {
	x     *matching
	r     *Report
	join  *insertion // what brings the block and the model together
	block *onnxpb.GraphProto
	dead  *deletion
	takes map[string]bool   // the inputs of the block
	dense map[string]string // the names of the block's initializers in the model
}

func newReplacement(x *matching, original, block *onnxpb.ModelProto, o ReplaceOptions, r *Report) (*replacement, error) {
	if block.GetGraph() == nil {
		return nil, &onnxpb.Error{Msg: "the block has no graph", Hint: "there is nothing to put in the place of the nodes"}
	}
	m := x.m
	b := onnxpb.Clone(block)
	importMissing(b, m)
	g := b.Graph
	defaults := map[string]bool{}
	for _, v := range g.GetInput() {
		if x.inputs[v.GetName()] == nil {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("the block takes %q, which the pattern does not", v.GetName()), Hint: suggest("input", v.GetName(), inputNames(x.pattern))}
		}
		defaults[v.GetName()] = true
	}
	given := map[string]bool{}
	for _, v := range g.GetOutput() {
		if !x.outputs[v.GetName()] {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("the block gives back %q, which the pattern does not", v.GetName()), Hint: suggest("output", v.GetName(), outputNames(x.pattern))}
		}
		if defaults[v.GetName()] {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("output %q of the block is one of its inputs", v.GetName()), Hint: "put an Identity between"}
		}
		given[v.GetName()] = true
	}
	for _, v := range x.pattern.GetOutput() {
		if !given[v.GetName()] {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("the block does not give back %q, as the pattern does", v.GetName()), Hint: "what is read elsewhere has to be made"}
		}
	}
	// Inputs get what the pattern's are, and types of values are told by inference.
	r0 := &Report{}
	stays := func(name string) bool { return !defaults[name] }
	g.Initializer = keep(g.Initializer, r0, "initializer", (*onnxpb.TensorProto).GetName, stays)
	g.SparseInitializer = keep(g.SparseInitializer, r0, "initializer", sparseName, stays)
	g.ValueInfo = nil
	everyNode(g.Node, func(n *onnxpb.NodeProto) {
		for sub := range n.Subgraphs() {
			for _, list := range [][]*onnxpb.ValueInfoProto{sub.GetInput(), sub.GetOutput(), sub.GetValueInfo()} {
				for _, v := range list {
					v.GetType().DropSymbols() // which are not the model's
				}
			}
		}
	})
	made := madeBy(g)
	for _, v := range g.GetOutput() {
		if !made[v.GetName()] {
			return nil, &onnxpb.Error{Tensor: v.GetName(), Msg: "no node of the block makes this output", Hint: "an initializer becomes what a node makes by an Identity"}
		}
	}
	known := map[string]bool{"": true}
	unknown := ""
	for _, n := range x.nodes {
		for _, a := range n.GetAttribute() {
			known[a.GetRefAttrName()] = true
		}
	}
	everyNode(g.Node, func(n *onnxpb.NodeProto) {
		for _, a := range n.GetAttribute() {
			if ref := a.GetRefAttrName(); !known[ref] && unknown == "" {
				unknown = ref
			}
		}
	})
	if unknown != "" {
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the block refers to the attribute %q, which the pattern does not name", unknown), Hint: "have an attribute of the pattern refer to it: alpha: float = @" + unknown}
	}
	x.infer() // while the model is as it was
	join := &insertion{rewiring: &rewiring{original: original, wires: x.wires, r: r}, o: InsertOptions{Dir: o.BlockDir, ModelDir: o.Dir, Force: o.Force}, block: b, names: NewNames(m), at: x.main,
		valid: len(opset.Check(m, opset.CheckOptions{})) == 0, nodes: map[string]bool{}}
	for _, step := range []func() error{join.uniteOpsets, join.uniteFunctions, join.uniteData} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	join.raiseVersion()
	join.c.Retype = o.Retype
	join.noteTypes()
	return &replacement{x: x, r: r, join: join, block: g, takes: defaults, dense: map[string]string{}}, nil
}

// madeBy are the values that the nodes of a graph make.
func madeBy(g *onnxpb.GraphProto) map[string]bool {
	made := map[string]bool{}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = true
		}
	}
	return made
}

// importMissing has a block that does not import a domain which it uses import it as the model does, or else the newest version that is known.
func importMissing(b, m *onnxpb.ModelProto) {
	own := map[functionID]bool{}
	for _, f := range b.Functions {
		own[functionOf(f)] = true
	}
	everyNode(b.Graph.Node, func(n *onnxpb.NodeProto) {
		domain := onnxpb.NormalDomain(n.GetDomain())
		if importOf(b.OpsetImport, domain) != 0 { // OpsetVersion knows version 1 of ONNX, which old models do not import
			return
		}
		version := m.OpsetVersion(domain)
		if version == 0 {
			version = max(opset.Newest(domain), 1)
		}
		b.OpsetImport = append(b.OpsetImport, onnxpb.Opset(domain, version))
	})
}

// apply puts the block in the place of all matches.
func (b *replacement) apply(matches []PatternMatch) error {
	x := b.x
	var gone []placed
	for i := range matches {
		gone = append(gone, matches[i].placed...)
	}
	b.dead = newDeletion(x.wires, gone, DeleteOptions{}, b.r)
	b.dead.names = b.join.names
	orphans := b.dead.orphans()
	index := map[*onnxpb.NodeProto]int{}
	touched := map[*frame]bool{}
	for i := range matches {
		if f := matches[i].frame; !touched[f] {
			touched[f] = true
			for k, n := range f.graph.GetNode() {
				index[n] = k
			}
		}
	}
	b.addWeights()
	for i := range matches {
		last := slices.MaxFunc(matches[i].Nodes, func(p, q *onnxpb.NodeProto) int { return index[p] - index[q] })
		nodes, err := b.copyFor(&matches[i])
		if err != nil {
			return err
		}
		b.dead.kept[last] = nodes
		for name := range x.makes {
			if v := matches[i].wires[name]; !x.outputs[name] {
				b.dead.forget(v)
			}
		}
		for _, n := range matches[i].Nodes { // outputs that the pattern has not, and nobody reads
			for _, name := range n.GetOutput() {
				if v := matches[i].frame.values[name]; v != nil && !slices.Contains(b.outputsOf(&matches[i]), v) {
					b.dead.forget(v)
				}
			}
		}
	}
	for _, f := range x.frames {
		if touched[f] {
			b.dead.rebuild(f)
			for _, n := range f.graph.GetNode() {
				if b.join.nodes[n.Label()] {
					b.r.Add("added", "node", f.path(n.Label()), "", n.GetOpType())
				}
			}
		}
	}
	b.dead.dropUnused(orphans)
	if err := sortModel(x.m, b.r); err != nil {
		return err
	}
	return b.settle(matches)
}

// outputsOf are the values that a match gives back.
func (b *replacement) outputsOf(m *PatternMatch) []*wire {
	var list []*wire
	for _, v := range b.x.pattern.GetOutput() {
		list = append(list, m.wires[v.GetName()])
	}
	return list
}

// addWeights puts the block's initializers into the main graph, where all groups can read them.
func (b *replacement) addWeights() {
	g := b.x.m.Graph
	name := func(old string) *string {
		to := b.join.names.Value(old)
		b.dense[old] = to
		b.r.Add("added", "initializer", to, "", "")
		return &to
	}
	for _, t := range b.block.Initializer {
		t.Name = name(t.GetName())
		g.Initializer = append(g.Initializer, t)
		if b.x.m.GetIrVersion() < 4 { // where an initializer has to be a graph input too
			g.Input = append(g.Input, onnxpb.TensorValue(t.GetName(), onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...)))
		}
	}
	for _, t := range b.block.SparseInitializer {
		t.Values.Name = name(sparseName(t))
		g.SparseInitializer = append(g.SparseInitializer, t)
	}
}

// copyFor makes the nodes of the block that take the place of a match.
func (b *replacement) copyFor(m *PatternMatch) ([]*onnxpb.NodeProto, error) {
	c := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Node: b.block.Node}})
	to := map[string]string{}
	for name, v := range m.wires {
		if b.takes[name] || b.x.outputs[name] {
			to[name] = v.name
		}
	}
	first := b.outputsOf(m)[0].name
	MapNames(c, NameMap{Value: func(name string) string {
		if own, ok := b.dense[name]; ok {
			return own
		}
		now, ok := to[name]
		if !ok {
			now = b.join.names.Value(first + "/" + name)
			to[name] = now
		}
		return now
	}})
	var err error
	everyNode(c.Graph.Node, func(n *onnxpb.NodeProto) {
		base := n.GetName()
		if base == "" {
			base = n.GetOpType()
		}
		n.Name = proto.String(b.join.names.Node(first + "/" + base))
		var list []*onnxpb.AttributeProto
		for _, a := range n.GetAttribute() {
			ref := a.GetRefAttrName()
			if ref == "" {
				list = append(list, a)
				continue
			}
			value := m.Attributes[ref]
			if value == nil {
				continue // the operator's own default, as the node that was there had it
			}
			if a.GetType() != onnxpb.AttributeProto_UNDEFINED && a.GetType() != value.GetType() {
				err = &onnxpb.Error{Node: m.Nodes[0].Label(), Msg: fmt.Sprintf("the attribute %q is a %s here, and the block has it as a %s", ref, strings.ToLower(value.GetType().String()), strings.ToLower(a.GetType().String())),
					Hint: "give it the same type in both"}
			}
			list = append(list, attributeAs(value, a))
		}
		n.Attribute = list
	})
	for _, n := range c.Graph.Node {
		b.join.nodes[n.Label()] = true
	}
	return c.Graph.Node, err
}

// settle holds the values that were given back to what they were.
func (b *replacement) settle(matches []PatternMatch) error {
	x := b.x
	if err := b.join.faults(false); err != nil {
		return err
	}
	found := shape.Infer(x.m, shape.Options{})
	declared := map[*onnxpb.GraphProto]map[string]bool{}
	for i := range matches {
		g := matches[i].frame.graph
		if declared[g] == nil {
			declared[g] = map[string]bool{}
			for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetOutput()} {
				for _, v := range list {
					declared[g][v.GetName()] = true
				}
			}
		}
		for _, v := range b.outputsOf(&matches[i]) {
			was, now := x.typeOf(v), found.Of(g, v.name)
			if now == nil {
				now = &shape.Value{}
			}
			if b.join.c.Retype {
				continue
			}
			switch agree(was, now) {
			case typesDiffer:
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.name, Msg: fmt.Sprintf("it is %s, and would be %s: its readers are made for the former", was, now), Hint: "have the block give back what the pattern does, or let its readers get another type or shape (--retype)"}
			case typesUntold:
				// An operator that is not known, say: what is known of the value stays with it.
				if t := was.Proto(); t != nil && !declared[g][v.name] {
					g.ValueInfo = append(g.ValueInfo, &onnxpb.ValueInfoProto{Name: proto.String(v.name), Type: t})
					declared[g][v.name] = true
					b.r.Add("added", "value_info", v.in.path(v.name), "", onnxpb.FormatTypeProto(t))
				}
			}
		}
	}
	if err := b.join.settle(); err != nil {
		return err
	}
	return b.join.faults(b.join.valid)
}
