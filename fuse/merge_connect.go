package fuse

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// connect resolves the connections: every end exists, every input has one source, and inputs do not feed one another in a circle.
func (w *merger) connect() error {
	w.source, w.joinedBy, w.consumed = map[ref]ref{}, map[ref]Connection{}, map[ref]bool{}
	for _, c := range w.o.Connect {
		from, err := w.resolve(c.From)
		if err != nil {
			return err
		}
		to, err := w.resolveInput(c.To)
		if err != nil {
			return err
		}
		if old, ok := w.source[to]; ok && old != from {
			return &onnxpb.Error{Tensor: c.To.String(), Msg: fmt.Sprintf("the input has two sources, %s and %s", w.label(old), w.label(from)),
				Hint: "join them by an operator first, or leave one out"}
		} else if ok {
			w.report.Note("the connection %s is given twice", c)
			continue
		}
		w.source[to], w.joinedBy[to] = from, c
		w.consumed[from] = true
	}
	return w.noCircleOfInputs()
}

// resolve finds a tensor of a main graph.
func (w *merger) resolve(e End) (ref, error) {
	mb := w.byName[e.Model]
	if mb == nil {
		names := make([]string, len(w.members))
		for i, m := range w.members {
			names[i] = m.Name
		}
		return ref{}, &onnxpb.Error{Msg: fmt.Sprintf("%s: there is no model %q", e, e.Model), Hint: suggest(e.Model, names)}
	}
	if !mb.g.Exists(e.Tensor) {
		return ref{}, mb.noTensor(e)
	}
	return ref{mb.index, e.Tensor}, nil
}

// noTensor says why a tensor cannot be named.
func (mb *member) noTensor(e End) error {
	for _, n := range mb.m.Graph.Node {
		for sub := range n.Subgraphs() {
			if definedIn(sub, e.Tensor) {
				return &onnxpb.Error{Tensor: e.String(), Msg: fmt.Sprintf("it lives in a subgraph of node %q", n.Label()),
					Hint: "only tensors of the main graph can be joined or be outputs"}
			}
		}
	}
	return &onnxpb.Error{Tensor: e.String(), Msg: "there is no such tensor", Hint: suggest(e.Tensor, mb.g.Values())}
}

func definedIn(g *onnxpb.GraphProto, name string) bool {
	for _, v := range g.Input {
		if v.GetName() == name {
			return true
		}
	}
	for _, t := range g.Initializer {
		if t.GetName() == name {
			return true
		}
	}
	for _, n := range g.Node {
		for _, out := range n.Output {
			if out == name && out != "" {
				return true
			}
		}
		for sub := range n.Subgraphs() {
			if definedIn(sub, name) {
				return true
			}
		}
	}
	return false
}

// resolveInput finds a graph input that is to be fed.
func (w *merger) resolveInput(e End) (ref, error) {
	mb := w.byName[e.Model]
	if mb == nil || mb.g.IsInput(e.Tensor) {
		return w.resolve(e)
	}
	inputs := make([]string, 0, len(mb.m.Graph.Input))
	for _, v := range mb.m.Graph.Input {
		inputs = append(inputs, v.GetName())
	}
	if !mb.g.Exists(e.Tensor) {
		return ref{}, &onnxpb.Error{Tensor: e.String(), Msg: "there is no such input", Hint: suggest(e.Tensor, inputs)}
	}
	return ref{}, &onnxpb.Error{Tensor: e.String(), Msg: "it is no graph input, and only those can be fed",
		Hint: "the inputs of " + e.Model + " are " + strings.Join(inputs, ", ")}
}

// root returns where a value really comes from: itself, or the end of the chain of connections that feeds it.
func (w *merger) root(r ref) ref {
	for {
		next, ok := w.source[r]
		if !ok {
			return r
		}
		r = next
	}
}

// noCircleOfInputs refuses graph inputs that feed each other, and makes every joined input point to the end of its chain at once.
func (w *merger) noCircleOfInputs() error {
	const open, done = 1, 2
	state := map[ref]int{}
	for _, c := range w.o.Connect {
		var path []ref
		r := ref{w.byName[c.To.Model].index, c.To.Tensor}
		for {
			next, ok := w.source[r]
			if !ok || state[r] == done {
				break
			}
			if state[r] == open {
				names := []string{w.label(r)}
				for i := len(path) - 1; i >= 0; i-- {
					// The path was walked from input to source; data flows the other way.
					names = append(names, w.label(path[i]))
					if path[i] == r {
						break
					}
				}
				return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the connections close a cycle: " + strings.Join(names, " -> "),
					Hint: "leave one of these connections out"}
			}
			state[r] = open
			path = append(path, r)
			r = next
		}
		top := w.root(r)
		for _, p := range path {
			state[p] = done
			w.source[p] = top
		}
	}
	return nil
}

// takeOver drops the declarations of joined inputs: the inputs themselves, their defaults and their value_info.
func (w *merger) takeOver(mb *member) error {
	joined := func(name string) bool {
		_, ok := w.source[ref{mb.index, name}]
		return ok
	}
	g := mb.m.Graph
	inputs := g.Input[:0:0]
	for _, v := range g.Input {
		if !joined(v.GetName()) {
			inputs = append(inputs, v)
			continue
		}
		r := ref{mb.index, v.GetName()}
		root := w.root(r)
		w.report.Add("changed", "input", w.label(r), "graph input", w.label(root))
		if kept := w.members[root.model].g.Input(root.name); kept != nil {
			keepNotes(kept, v)
		}
	}
	g.Input = inputs
	initializers := g.Initializer[:0:0]
	for _, t := range g.Initializer {
		if !joined(t.GetName()) {
			initializers = append(initializers, t)
			continue
		}
		w.tellDefault(mb, t.GetName())
	}
	g.Initializer = initializers
	sparse := g.SparseInitializer[:0:0]
	for _, s := range g.SparseInitializer {
		if !joined(s.GetValues().GetName()) {
			sparse = append(sparse, s)
			continue
		}
		w.tellDefault(mb, s.GetValues().GetName())
	}
	g.SparseInitializer = sparse
	info := g.ValueInfo[:0:0]
	for _, v := range g.ValueInfo {
		if !joined(v.GetName()) {
			info = append(info, v)
		}
	}
	g.ValueInfo = info
	return w.noTrainedInput(mb, joined)
}

func (w *merger) tellDefault(mb *member, name string) {
	r := ref{mb.index, name}
	w.report.Add("removed", "initializer", w.label(r), "", "")
	w.report.Note("%s had a default value, which %s overrides", w.label(r), w.label(w.root(r)))
}

// noTrainedInput refuses to replace an input whose initializer training would update.
func (w *merger) noTrainedInput(mb *member, joined func(string) bool) error {
	for _, t := range mb.m.TrainingInfo {
		for _, list := range [][]*onnxpb.StringStringEntryProto{t.InitializationBinding, t.UpdateBinding} {
			for _, b := range list {
				if joined(b.GetKey()) {
					return &onnxpb.Error{Tensor: mb.Name + ":" + b.GetKey(), Msg: "the training information sets this input's initializer: it cannot be fed by a connection",
						Hint: "remove the training information first"}
				}
			}
		}
	}
	return nil
}

// keepNotes hands the doc string and metadata of an input that becomes one with another to the one that stays, as far as that has none.
func keepNotes(kept, gone *onnxpb.ValueInfoProto) {
	if kept.DocString == nil {
		kept.DocString = gone.DocString
	}
	has := map[string]bool{}
	for _, p := range kept.MetadataProps {
		has[p.GetKey()] = true
	}
	for _, p := range gone.MetadataProps {
		if !has[p.GetKey()] {
			kept.MetadataProps = append(kept.MetadataProps, proto.Clone(p).(*onnxpb.StringStringEntryProto))
		}
	}
}
