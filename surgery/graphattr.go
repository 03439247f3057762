package surgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// GraphSource is a model whose main graph is to be the value of an attribute, such as a branch of If. What it does not define it captures of the graph around, so that it need not be valid by itself.
type GraphSource struct {
	Model *onnxpb.ModelProto
	Dir   string // that its external data is relative to
}

// GraphAttribute makes an attribute of the main graph of a model: its nodes, initializers, value_info and quantisation annotations; its inputs and outputs are those of the subgraph, but for inputs that have a default, which are
// initializers there. Functions are refused.
func GraphAttribute(name string, s GraphSource) (*onnxpb.AttributeProto, error) {
	if s.Model.GetGraph() == nil {
		return nil, &onnxpb.Error{Msg: "the model has no graph", Hint: "there is nothing to make an attribute of"}
	}
	if f := s.Model.GetFunctions(); len(f) > 0 {
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the model has functions, %s the first of them, and an attribute holds a graph alone", functionOf(f[0])), Hint: "put the functions in the place of their calls: see onnxtool inline"}
	}
	g := onnxpb.Clone(s.Model).Graph
	weights := map[string]bool{}
	for name := range definitions(&onnxpb.GraphProto{Initializer: g.Initializer, SparseInitializer: g.SparseInitializer}) {
		weights[name] = true
	}
	g.Input = slices.DeleteFunc(g.Input, func(v *onnxpb.ValueInfoProto) bool { return weights[v.GetName()] })
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_GRAPH.Enum(), G: g}, nil
}

// Captures returns the names that a graph reads, at any depth, and does not define, in alphabetical order.
func Captures(g *onnxpb.GraphProto) []string {
	w := &useWalk{g: &Graph{uses: map[string][]Use{}}, inner: map[string]int{}}
	w.graph(g)
	return sortedKeys(w.g.uses)
}

// JoinOpsets has a model import what the graph of a source needs, as Insert does for a block: a domain that both import in other versions is refused where an operator of the source differs.
func JoinOpsets(m *onnxpb.ModelProto, s GraphSource, r *Report) error {
	return joining(m, s, r).uniteOpsets()
}

// joining is what brings a source and a model together.
func joining(m *onnxpb.ModelProto, s GraphSource, r *Report) *insertion {
	return &insertion{rewiring: &rewiring{wires: &wires{m: m}, r: r}, block: s.Model}
}

// subgraph makes the attribute of a node that holds the graph of a source.
func (e *attributeEdit) subgraph(c chosenNode, name string, s GraphSource, modelDir string) (*onnxpb.AttributeProto, error) {
	a, err := GraphAttribute(name, s)
	if err != nil {
		return nil, err
	}
	source := GraphSource{Model: &onnxpb.ModelProto{IrVersion: s.Model.IrVersion, OpsetImport: s.Model.OpsetImport, Graph: a.G}, Dir: s.Dir}
	visible := e.visible[c.body]
	if visible == nil {
		visible = visibleIn(c.body)
		e.visible[c.body] = visible
	}
	var taken []string
	everyGraph(a.G, func(g *onnxpb.GraphProto) {
		for name := range definitions(g) {
			if visible[name] {
				taken = append(taken, name)
			}
		}
	})
	if len(taken) > 0 {
		slices.Sort(taken)
		taken = unique(taken)
		return nil, &onnxpb.Error{Msg: "it defines what the graphs around it define too: " + quoteList(taken), Hint: "rename the tensors in one of the two: see onnxtool rename"}
	}
	for _, name := range Captures(a.G) {
		if !visible[name] {
			return nil, &onnxpb.Error{Tensor: name, Msg: "it reads a tensor that neither it nor a graph around it has", Hint: suggest("tensor", name, sortedKeys(visible))}
		}
	}
	// Of functions the imports are their own.
	host := e.m
	if c.body.fn != nil {
		host = &onnxpb.ModelProto{OpsetImport: c.body.fn.OpsetImport}
	}
	joined := &Report{}
	if err := JoinOpsets(host, source, joined); err != nil {
		return nil, err
	}
	if len(s.Model.GetTrainingInfo()) > 0 {
		joined.Note("the training information of the graph's model stays behind")
	}
	if len(e.graphs) > 0 { // told with the first node
		joined.Notes = nil
	}
	e.r.Merge(joined)
	if c.body.fn != nil {
		c.body.fn.OpsetImport = host.OpsetImport
	}
	join := joining(e.m, source, e.r)
	join.o = InsertOptions{Dir: s.Dir, ModelDir: modelDir}
	if err := join.uniteData(); err != nil {
		return nil, err
	}
	join.raiseVersion()
	everyGraph(a.G, func(g *onnxpb.GraphProto) {
		for _, n := range g.GetNode() {
			if was := n.GetName(); was != "" {
				if now := e.names.Node(was); now != was {
					n.Name = proto.String(now)
					e.r.Add("renamed", "node of the graph", was, was, now)
				}
			}
		}
	})
	e.graphs = append(e.graphs, c)
	return a, nil
}

// prepare collects the names of the nodes of a model to whose nodes graphs are to come. Those of the graphs that go are free.
func (e *attributeEdit) prepare(chosen []chosenNode, changes []AttributeChange) {
	e.visible = map[*nodeBody]map[string]bool{}
	var back []func()
	for _, change := range changes {
		for _, c := range chosen {
			if a := c.node.Attr(change.Name); change.Graph != nil && a.GetG() != nil {
				g := a.G
				a.G = nil
				back = append(back, func() { a.G = g })
			}
		}
	}
	e.names = NewNames(e.m)
	for _, f := range back {
		f()
	}
}

// everyGraph calls fn with a graph and with those within it.
func everyGraph(g *onnxpb.GraphProto, fn func(*onnxpb.GraphProto)) {
	fn(g)
	for _, n := range g.GetNode() {
		for sub := range n.Subgraphs() {
			everyGraph(sub, fn)
		}
	}
}

// visibleIn returns the names that a list of nodes and the graphs around it define.
func visibleIn(b *nodeBody) map[string]bool {
	names := map[string]bool{}
	outermost := b
	for ; b != nil; b = b.parent {
		outermost = b
		g := b.graph
		if g == nil {
			g = &onnxpb.GraphProto{Node: b.fn.GetNode()}
			for _, name := range b.fn.GetInput() {
				names[name] = true
			}
		}
		for name := range definitions(g) {
			names[name] = true
		}
	}
	for _, t := range outermost.model.GetTrainingInfo() {
		if outermost.graph != nil && outermost.graph == t.GetAlgorithm() { // it sees the main graph
			for name := range definitions(outermost.model.GetGraph()) {
				names[name] = true
			}
		}
	}
	return names
}

// settle puts the nodes in order after graphs were set, which may read what is made further on, and holds the graphs to their nodes, and a model that was valid to that.
func (e *attributeEdit) settle(valid bool) error {
	if len(e.graphs) == 0 {
		return nil
	}
	if err := sortModel(e.m, e.r); err != nil {
		return err
	}
	const hint = "its inputs and outputs are those that the operator hands to it and takes of it"
	if faults := opset.Check(e.m, opset.CheckOptions{}); valid && len(faults) > 0 {
		return &onnxpb.Error{Msg: "the graph does not fit: " + faults[0].String(), Hint: hint}
	}
	for _, c := range e.graphs {
		if e.functions[callOf(c.node)] != nil || onnxpb.NormalDomain(c.node.GetDomain()) != "" {
			continue
		}
		if why := heldGraph(c.node); why != "" {
			return &onnxpb.Error{Node: c.node.Label(), Msg: "the graph does not fit: " + why, Hint: hint}
		}
	}
	return nil
}

// heldGraph holds the graphs of a control-flow operator to how much is handed to them and taken of them; "" where they go together. Of fewer outputs the checker tells, more are no runtime's; of types see holdTypes.
func heldGraph(n *onnxpb.NodeProto) string {
	count := func(attr string, want int) string {
		if have := len(n.Attr(attr).GetG().GetOutput()); have != want {
			return fmt.Sprintf("%s has %s, and %d are taken of it", attr, plural(have, "output"), want)
		}
		return ""
	}
	out := len(n.GetOutput())
	var why []string
	switch n.GetOpType() {
	case "If":
		why = append(why, count("then_branch", out), count("else_branch", out))
	case "Loop":
		why = append(why, count("body", out+1))
	case "Scan":
		why = append(why, count("body", out))
	case "SequenceMap":
		why = append(why, count("body", out))
		if have := len(n.Attr("body").GetG().GetInput()); have != len(n.GetInput()) {
			why = append(why, fmt.Sprintf("body has %s, and %d are handed to it", plural(have, "input"), len(n.GetInput())))
		}
	}
	for _, w := range why {
		if w != "" {
			return w
		}
	}
	return ""
}
