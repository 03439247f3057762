package surgery

import (
	"onnxtool/onnxpb"
)

// pruner removes what no output needs. It goes over the graphs of a model by need: a node's subgraphs are pruned when the node is found to be
// needed, so that a dead node in a subgraph keeps nothing alive around it.
type pruner struct {
	calls   map[functionID]bool // the operators of the nodes that stay
	inner   map[string]bool     // the names that the subgraphs that stay define
	effects bool                // keep nodes that can only be there for what they do besides computing: operators of unknown domains without outputs
}

func newPruner(effects bool) *pruner {
	return &pruner{calls: map[functionID]bool{}, inner: map[string]bool{}, effects: effects}
}

// liveness is what is needed of one graph, or of one function's body.
type liveness struct {
	p           *pruner
	nodes       []*onnxpb.NodeProto
	given       map[string]bool     // values that come from outside, whatever makes them here
	own         map[string]bool     // the names that the graph defines
	producer    map[string]int      // which node makes a value
	annotations map[string][]string // the tensors that the quantisation annotation of a tensor names
	alive       []bool              // which nodes are needed
	cause       []string            // for the sake of which of its outputs
	reports     []*Report           // what was removed within the subgraphs of a node
	needed      map[string]bool
	via         map[string]*onnxpb.NodeProto // the node that first needed a value; nil for what is needed from outside
	queue       []string
	captures    []string // needed names that the graph does not define
}

// analyse finds which nodes and initializers of a graph are needed, from the names in roots on. Where given is not nil, the values in it come from outside, whatever makes
// them here, and inputs need not stay. Only the subgraphs of needed nodes are changed by it.
func (p *pruner) analyse(g *onnxpb.GraphProto, roots []string, given map[string]bool) *liveness {
	l := p.start(g.GetNode(), given)
	for name := range definitions(g) {
		l.own[name] = true
	}
	for _, a := range g.GetQuantizationAnnotation() {
		for _, q := range a.GetQuantParameterTensorNames() {
			l.annotations[a.GetTensorName()] = append(l.annotations[a.GetTensorName()], q.GetValue())
		}
	}
	for _, name := range roots {
		l.mark(name, nil)
	}
	if given == nil { // else inputs stay only where they are needed
		for _, i := range g.GetInput() {
			l.exist(i.GetName(), nil)
		}
	}
	l.run()
	return l
}

func (p *pruner) start(nodes []*onnxpb.NodeProto, given map[string]bool) *liveness {
	l := &liveness{p: p, nodes: nodes, given: given,
		own: make(map[string]bool, len(nodes)), producer: make(map[string]int, len(nodes)), annotations: map[string][]string{},
		alive: make([]bool, len(nodes)), cause: make([]string, len(nodes)), reports: make([]*Report, len(nodes)),
		needed: make(map[string]bool, len(nodes)), via: make(map[string]*onnxpb.NodeProto, len(nodes))}
	for i, n := range nodes {
		for _, o := range n.GetOutput() {
			if _, ok := l.producer[o]; !ok && o != "" {
				l.producer[o] = i
				l.own[o] = true
			}
		}
	}
	return l
}

// run follows the needs to their end.
func (l *liveness) run() {
	if l.p.effects {
		for i, n := range l.nodes {
			if hasEffect(n) {
				l.need(i, "")
			}
		}
	}
	// Breadth first, so that the paths that via and cause tell are short ones.
	for len(l.queue) > 0 {
		name := l.queue[0]
		l.queue = l.queue[1:]
		if l.given[name] {
			continue
		}
		if i, ok := l.producer[name]; ok {
			l.need(i, name)
		} else if !l.own[name] {
			l.captures = append(l.captures, name)
		}
	}
}

// hasEffect tells whether a node can only be there for an effect: it has no output, and an operator that is none of ONNX's own.
func hasEffect(n *onnxpb.NodeProto) bool {
	for _, o := range n.GetOutput() {
		if o != "" {
			return false
		}
	}
	switch onnxpb.NormalDomain(n.GetDomain()) {
	case "", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training":
		return false
	}
	return true
}

// mark says that a value is needed, by a node or (nil) from outside.
func (l *liveness) mark(name string, by *onnxpb.NodeProto) {
	if name == "" || l.needed[name] {
		return
	}
	l.needed[name] = true
	l.via[name] = by
	l.queue = append(l.queue, name)
	l.exist(name, by)
}

// exist says that a value stays, and so do the tensors that its quantisation annotation names.
func (l *liveness) exist(name string, by *onnxpb.NodeProto) {
	for _, p := range l.annotations[name] {
		l.mark(p, by)
	}
}

// need says that a node is needed.
func (l *liveness) need(i int, output string) {
	if l.alive[i] {
		return
	}
	n := l.nodes[i]
	l.alive[i] = true
	l.cause[i] = output
	l.p.calls[callOf(n)] = true
	for _, in := range n.GetInput() {
		l.mark(in, n)
	}
	if isGradient(n) {
		v := nameVisitor{value: func(p *string) { l.mark(*p, n) }}
		for _, a := range n.GetAttribute() {
			v.nameBytes(a)
		}
	}
	for g := range n.Subgraphs() {
		if l.reports[i] == nil {
			l.reports[i] = &Report{}
		}
		sub := l.p.analyse(g, outputNames(g), nil)
		sub.apply(g, l.reports[i])
		for name := range definitions(g) {
			l.p.inner[name] = true
		}
		for _, name := range sub.captures {
			l.mark(name, n)
		}
	}
	for _, o := range n.GetOutput() {
		l.exist(o, n)
	}
}

func outputNames(g *onnxpb.GraphProto) []string {
	names := make([]string, len(g.GetOutput()))
	for i, o := range g.GetOutput() {
		names[i] = o.GetName()
	}
	return names
}

// liveNodes returns the nodes that stay, and tells what goes.
func (l *liveness) liveNodes(r *Report) []*onnxpb.NodeProto {
	var out []*onnxpb.NodeProto
	for i, n := range l.nodes {
		if l.alive[i] {
			out = append(out, n)
			r.Merge(l.reports[i])
		} else {
			r.Add("removed", "node", n.GetName(), n.GetOpType(), "")
			if n.GetName() == "" {
				r.Changes[len(r.Changes)-1].Name = n.Label()
			}
		}
	}
	return out
}

// apply removes from a graph what is not needed. Inputs and outputs stay.
func (l *liveness) apply(g *onnxpb.GraphProto, r *Report) {
	inputs := make(map[string]bool, len(g.GetInput()))
	for _, i := range g.GetInput() {
		inputs[i.GetName()] = true
	}
	stays := func(name string) bool { return l.needed[name] || inputs[name] }
	g.Node = l.liveNodes(r)
	g.Initializer = keep(g.Initializer, r, "initializer", (*onnxpb.TensorProto).GetName, stays)
	g.SparseInitializer = keep(g.SparseInitializer, r, "initializer", sparseName, stays)
	exists := map[string]bool{}
	for name := range definitions(g) {
		exists[name] = true
	}
	for _, name := range l.captures {
		exists[name] = true
	}
	stays = func(name string) bool { return exists[name] || l.p.inner[name] }
	g.ValueInfo = keep(g.ValueInfo, r, "value_info", (*onnxpb.ValueInfoProto).GetName, stays)
	g.QuantizationAnnotation = keep(g.QuantizationAnnotation, r, "quantization_annotation", (*onnxpb.TensorAnnotation).GetTensorName, stays)
}

// sparseName returns the name of a sparse initializer, which is that of its values.
func sparseName(s *onnxpb.SparseTensorProto) string { return s.GetValues().GetName() }

// keep filters a list, and tells what it leaves out.
func keep[T any](list []T, r *Report, what string, name func(T) string, stays func(string) bool) []T {
	out := list[:0:0]
	for _, x := range list {
		if n := name(x); stays(n) {
			out = append(out, x)
		} else {
			r.Add("removed", what, n, "", "")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// functions removes the functions that no node calls any more, and what no output needs from the bodies of the others.
func (p *pruner) functions(m *onnxpb.ModelProto, r *Report) {
	bodies := map[functionID]*onnxpb.FunctionProto{}
	for _, f := range m.GetFunctions() {
		bodies[functionOf(f)] = f
	}
	todo := make([]functionID, 0, len(p.calls))
	for id := range p.calls {
		todo = append(todo, id)
	}
	live := map[functionID]*liveness{}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		f := bodies[id]
		if f == nil || live[id] != nil {
			continue
		}
		q := newPruner(p.effects)
		l := q.start(f.GetNode(), nil)
		for _, o := range f.GetOutput() {
			l.mark(o, nil)
		}
		l.run()
		live[id] = l
		for called := range q.calls {
			todo = append(todo, called)
		}
	}
	var out []*onnxpb.FunctionProto
	for _, f := range m.GetFunctions() {
		l := live[functionOf(f)]
		if l == nil {
			r.Add("removed", "function", f.GetName(), f.GetDomain(), "")
			continue
		}
		out = append(out, f)
		f.Node = l.liveNodes(r)
		exists := map[string]bool{}
		for _, i := range f.GetInput() {
			exists[i] = true
		}
		for _, n := range f.GetNode() {
			for _, o := range n.GetOutput() {
				exists[o] = true
			}
		}
		f.ValueInfo = keep(f.ValueInfo, r, "value_info", (*onnxpb.ValueInfoProto).GetName, func(name string) bool { return exists[name] || l.p.inner[name] })
	}
	m.Functions = out
}

// dropStaleMetadata removes the entries of metadata_props that name a tensor that the main graph has no more.
func dropStaleMetadata(m *onnxpb.ModelProto, r *Report) {
	exists := map[string]bool{}
	for name := range definitions(m.GetGraph()) {
		exists[name] = true
	}
	var out []*onnxpb.StringStringEntryProto
	for _, p := range m.GetMetadataProps() {
		if tensorMetadata[p.GetKey()] && !exists[p.GetValue()] {
			r.Add("removed", "metadata", p.GetKey(), p.GetValue(), "")
			continue
		}
		out = append(out, p)
	}
	m.MetadataProps = out
}
