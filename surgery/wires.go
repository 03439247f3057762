package surgery

import (
	"fmt"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// wire is one value of a model, in whichever graph: who makes it and who reads it.
type wire struct {
	name    string
	in      *frame              // the graph that defines it
	node    *onnxpb.NodeProto   // that makes it; nil for inputs and initializers
	input   bool                // an input of its graph
	init    bool                // an initializer, dense or sparse
	dense   *onnxpb.TensorProto // of a dense initializer
	output  bool                // an output of its own graph
	kept    bool                // named by training information or by the quantisation annotation of another value, which no node reads
	readers []reader
}

// constant tells whether a value is one that the graph holds.
func (w *wire) constant() bool {
	return w.init || w.node != nil && w.node.GetOpType() == "Constant" && onnxpb.NormalDomain(w.node.GetDomain()) == ""
}

// reader is a place where a value is read.
type reader struct {
	in    *frame
	node  *onnxpb.NodeProto // nil where it is read as an output of a subgraph within the graph that defines it
	index int               // which of the node's inputs, or of the subgraph's outputs
}

// String names a reader.
func (r reader) String() string {
	if r.node == nil {
		return fmt.Sprintf("output %d of %s", r.index, r.in)
	}
	return fmt.Sprintf("input %d of node %q", r.index, r.in.path(r.node.Label()))
}

// frame is a graph with its place in the model.
type frame struct {
	graph  *onnxpb.GraphProto
	parent *frame
	holder *onnxpb.NodeProto // whose subgraph it is; nil for the main graph and training graphs
	attr   string            // the attribute of the holder that it is
	root   string            // "" for the main graph and what is in it, else what it is: training, a function
	values map[string]*wire  // those that it defines
}

// String writes where a graph is, from the main graph inwards: choose/then_branch.
func (f *frame) String() string {
	if f.parent == nil || f.holder == nil {
		if f.root == "" {
			return "the main graph"
		}
		return f.root
	}
	path := f.holder.Label() + "/" + f.attr
	for p := f.parent; p != nil && p.holder != nil; p = p.parent {
		path = p.holder.Label() + "/" + p.attr + "/" + path
	}
	if f.inFunction() {
		path = f.root + "/" + path
	}
	return path
}

// functionRoot begins what the frames of a function are called, as the checker calls them.
const functionRoot = "function "

// inFunction tells whether a graph stands for the body of a function, or is within one.
func (f *frame) inFunction() bool { return strings.HasPrefix(f.root, functionRoot) }

// sees tells whether a node of the graph can read a value, by its name.
func (f *frame) sees(w *wire) bool { return f.lookup(w.name) == w }

// wires is the index of all values of a model, at any depth of subgraphs and in its training graphs; Graph is that of the main graph's. It holds for the model as it was when
// it was made.
type wires struct {
	m      *onnxpb.ModelProto
	main   *frame
	frames []*frame // in the order of the model, each before those within it
	byName map[string][]*wire
	open   map[string][]*wire // while the index is made: what a name means where the walk is
	shapes *shape.Result      // see typeOf
}

func newWires(m *onnxpb.ModelProto) *wires {
	w := &wires{m: m, byName: make(map[string][]*wire, len(m.GetGraph().GetNode())), open: map[string][]*wire{}}
	w.main = &frame{graph: m.GetGraph()}
	w.enter(w.main)
	for _, t := range m.GetTrainingInfo() {
		f := &frame{graph: t.GetAlgorithm(), parent: w.main, root: "the training algorithm"}
		w.enter(f)
		for _, b := range t.GetInitializationBinding() {
			w.keep(b.GetKey())
		}
		for _, b := range t.GetUpdateBinding() {
			w.keep(b.GetKey())
			w.keep(b.GetValue())
		}
		w.leave(f)
	}
	w.leave(w.main)
	for _, t := range m.GetTrainingInfo() {
		f := &frame{graph: t.GetInitialization(), root: "the training initialization"}
		w.enter(f)
		for _, b := range t.GetInitializationBinding() {
			w.keep(b.GetValue())
		}
		w.leave(f)
	}
	w.open = nil
	return w
}

// functionWires indexes the body of a function, as a graph that stands in for it; Main is that of this graph. Types hang on the calls, so nothing is known of them.
func functionWires(m *onnxpb.ModelProto, f *onnxpb.FunctionProto) *wires {
	g := &onnxpb.GraphProto{Node: f.Node, ValueInfo: f.ValueInfo}
	for _, name := range f.GetInput() {
		g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: &name})
	}
	for _, name := range f.GetOutput() {
		g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: &name})
	}
	w := &wires{m: &onnxpb.ModelProto{IrVersion: m.IrVersion, Graph: g}, byName: map[string][]*wire{}, open: map[string][]*wire{}, shapes: &shape.Result{}}
	w.main = &frame{graph: g, root: functionRoot + functionOf(f).String()}
	w.enter(w.main)
	w.leave(w.main)
	w.open = nil
	return w
}

// enter indexes a graph, and leaves its names open.
func (w *wires) enter(f *frame) {
	w.frames = append(w.frames, f)
	g := f.graph
	f.values = make(map[string]*wire, len(g.GetNode()))
	def := func(name string, n *onnxpb.NodeProto) *wire {
		if name == "" {
			return &wire{}
		}
		v := f.values[name]
		if v == nil {
			v = &wire{name: name, in: f, node: n}
			f.values[name] = v
			w.byName[name] = append(w.byName[name], v)
			w.open[name] = append(w.open[name], v)
		}
		return v
	}
	for _, v := range g.GetInput() {
		def(v.GetName(), nil).input = true
	}
	for _, t := range g.GetInitializer() {
		v := def(t.GetName(), nil)
		v.init, v.dense = true, t
	}
	for _, t := range g.GetSparseInitializer() {
		def(sparseName(t), nil).init = true
	}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			def(o, n)
		}
	}
	for i, o := range g.GetOutput() {
		if v := f.values[o.GetName()]; v != nil {
			v.output = true
		} else {
			w.read(o.GetName(), reader{f, nil, i})
		}
	}
	for _, a := range g.GetQuantizationAnnotation() {
		for _, p := range a.GetQuantParameterTensorNames() {
			w.keep(p.GetValue())
		}
	}
	for _, n := range g.GetNode() {
		for i, name := range n.GetInput() {
			w.read(name, reader{f, n, i})
		}
		if isGradient(n) {
			v := nameVisitor{value: func(p *string) { w.keep(*p) }}
			for _, a := range n.GetAttribute() {
				v.nameBytes(a)
			}
		}
		for _, a := range n.GetAttribute() {
			if a.G != nil {
				w.sub(f, n, a.GetName(), a.G)
			}
			for i, sub := range a.Graphs {
				w.sub(f, n, a.GetName()+"["+strconv.Itoa(i)+"]", sub)
			}
		}
	}
}

func (w *wires) sub(parent *frame, n *onnxpb.NodeProto, attr string, g *onnxpb.GraphProto) {
	f := &frame{graph: g, parent: parent, holder: n, attr: attr, root: parent.root}
	w.enter(f)
	w.leave(f)
}

// leave closes the names of a graph.
func (w *wires) leave(f *frame) {
	for name := range f.values {
		w.open[name] = w.open[name][:len(w.open[name])-1]
	}
}

// meant returns the value that a name means where the walk is; nil where there is none.
func (w *wires) meant(name string) *wire {
	if l := w.open[name]; len(l) > 0 {
		return l[len(l)-1]
	}
	return nil
}

func (w *wires) read(name string, r reader) {
	if v := w.meant(name); v != nil {
		v.readers = append(v.readers, r)
	}
}

func (w *wires) keep(name string) {
	if v := w.meant(name); v != nil {
		v.kept = true
	}
}

// lookup returns the value that a name means in a graph; nil where there is none.
func (f *frame) lookup(name string) *wire {
	for ; f != nil; f = f.parent {
		if v := f.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// find returns the value of a name, in whichever graph. A name that stands in several subgraphs is told apart by its graph: choose/then_branch/name.
func (w *wires) find(name string) (*wire, error) {
	list := w.byName[name]
	if len(list) == 0 {
		for i := len(name) - 1; i > 0; i-- {
			if name[i] != '/' {
				continue
			}
			for _, v := range w.byName[name[i+1:]] {
				if v.in.String() == name[:i] {
					list = append(list, v)
				}
			}
		}
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		names := make([]string, 0, len(w.byName))
		for _, f := range w.frames {
			for v := range definitions(f.graph) {
				names = append(names, v)
			}
		}
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("there is no tensor %q", name), Hint: suggest("tensor", name, unique(names))}
	}
	paths := make([]string, 0, len(list))
	for _, v := range list {
		paths = append(paths, v.in.String()+"/"+name)
	}
	return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("%d graphs have a tensor of this name", len(list)), Hint: "which is meant: " + quoteList(paths) + "?"}
}

// unique leaves each name once.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	out := names[:0]
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// typeOf returns what is known of a value in the model as it was when that was asked for first; never nil.
func (w *wires) typeOf(v *wire) *shape.Value {
	w.infer()
	if t := w.shapes.Of(v.in.graph, v.name); t != nil {
		return t
	}
	return &shape.Value{}
}

// infer finds out what is known of all values, if it has not by now.
func (w *wires) infer() {
	if w.shapes == nil {
		w.shapes = shape.Infer(w.m, shape.Options{})
	}
}

// agreement is how the types of two values go together.
type agreement int

const (
	typesDiffer agreement = iota // they cannot be the same
	typesUntold                  // it is not known whether they are
	typesAgree                   // they are, in every run
)

// agree compares the types and shapes of two values.
func agree(a, b *shape.Value) agreement {
	if a.Kind == shape.Unknown || b.Kind == shape.Unknown {
		return typesUntold
	}
	if a.Kind != b.Kind {
		return typesDiffer
	}
	if a.Kind != shape.Tensor {
		if p, q := onnxpb.FormatTypeProto(a.Proto()), onnxpb.FormatTypeProto(b.Proto()); p == q && a.Proto() != nil && !strings.Contains(p, "?") {
			return typesAgree
		}
		return typesUntold
	}
	result := typesAgree
	switch {
	case a.Elem == 0 || b.Elem == 0:
		result = typesUntold
	case a.Elem != b.Elem:
		return typesDiffer
	}
	if !a.Ranked || !b.Ranked {
		return typesUntold
	}
	if len(a.Dims) != len(b.Dims) {
		return typesDiffer
	}
	for i, d := range a.Dims {
		e := b.Dims[i]
		switch {
		case d.Equal(e):
		case shape.Named(d) && shape.Named(e):
			return typesDiffer // N and M, or N and 3, may be the same in some run, and are nothing to rely on
		default:
			result = typesUntold
		}
	}
	return result
}

// mapScoped renames values, wherever they are named: renames holds for each graph the names that are to be others where they mean a value of that graph.
func mapScoped(m *onnxpb.ModelProto, renames map[*onnxpb.GraphProto]map[string]string) {
	changes := map[string]bool{}
	for _, names := range renames {
		for name := range names {
			changes[name] = true
		}
	}
	if len(changes) == 0 {
		return
	}
	now := map[string][]string{} // what each name is to be in the graphs that are open, innermost last
	var opened [][]string
	v := nameVisitor{
		open: func(g *onnxpb.GraphProto) {
			var own []string
			put := func(name, to string) {
				own = append(own, name)
				now[name] = append(now[name], to)
			}
			for name := range definitions(g) {
				if changes[name] && renames[g][name] == "" {
					put(name, name)
				}
			}
			for name, to := range renames[g] {
				put(name, to)
			}
			opened = append(opened, own)
		},
		closed: func(*onnxpb.GraphProto) {
			own := opened[len(opened)-1]
			opened = opened[:len(opened)-1]
			for _, name := range own {
				now[name] = now[name][:len(now[name])-1]
			}
		},
		value: func(p *string) {
			if l := now[*p]; len(l) > 0 {
				*p = l[len(l)-1]
			}
		},
	}
	v.model(m)
}
