package fuse

import (
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// outputPlan is an output of the merged model.
type outputPlan struct {
	tensor ref    // as it was asked for
	root   ref    // the tensor that it is
	as     string // the name asked for, or that of an alias
	label  string
	alias  bool   // an Identity gives it its name, as the tensor itself cannot have it
	node   string // the name of that Identity

	inferred *onnxpb.TypeProto // the type, where nothing declares it
}

// planOutputs decides which tensors are outputs, and in which order.
func (w *merger) planOutputs() error {
	if err := w.listOutputs(); err != nil {
		return err
	}
	if len(w.outputs) == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the merged model would have no output: the connections take up all of them", Hint: "name the outputs that are wanted"}
	}
	named := map[ref]bool{}
	for _, p := range w.outputs {
		// A tensor is one output, under one name; and an input keeps its name.
		p.alias = named[p.root] || p.as != "" && p.as != p.root.name && w.members[p.root.model].g.IsInput(p.root.name)
		named[p.root] = true
		if g := w.members[p.root.model].g; g.ValueType(p.root.name) == nil {
			p.inferred = w.members[p.root.model].types.Of(p.root.name)
		}
	}
	for i, mb := range w.members {
		for _, v := range mb.m.Graph.Output {
			r := ref{i, v.GetName()}
			switch {
			case named[w.root(r)]:
			case w.consumed[r]:
				w.report.Add("removed", "output", w.label(r), "output", "taken up by a connection")
			default:
				w.report.Add("removed", "output", w.label(r), "output", "not asked for")
			}
		}
	}
	return nil
}

func (w *merger) listOutputs() error {
	if len(w.o.Outputs) == 0 {
		for i, mb := range w.members {
			for _, v := range mb.m.Graph.Output {
				if r := (ref{i, v.GetName()}); !w.consumed[r] || w.o.KeepConnected {
					w.outputs = append(w.outputs, &outputPlan{tensor: r, root: w.root(r), label: w.label(r)})
				}
			}
			if err := w.keepConnected(i); err != nil {
				return err
			}
		}
		return nil
	}
	type asking struct {
		ref
		as string
	}
	asked := map[asking]bool{}
	for _, o := range w.o.Outputs {
		r, err := w.resolve(o.End)
		if err != nil {
			return err
		}
		if asked[asking{r, o.As}] {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: o.End.String(), Msg: "it is asked for as an output twice", Hint: "give the second a name of its own"}
		}
		asked[asking{r, o.As}] = true
		w.outputs = append(w.outputs, &outputPlan{tensor: r, root: w.root(r), as: o.As, label: o.End.String()})
	}
	for i := range w.members {
		if err := w.keepConnected(i); err != nil {
			return err
		}
	}
	return nil
}

// keepConnected makes outputs of the tensors of a model that connections take up, where that is asked for, and those are none yet.
func (w *merger) keepConnected(model int) error {
	if !w.o.KeepConnected {
		return nil
	}
	have := map[ref]bool{}
	for _, p := range w.outputs {
		have[p.root] = true
	}
	for _, c := range w.o.Connect {
		r, err := w.resolve(c.From)
		if err != nil {
			return err
		}
		root := w.root(r)
		if r.model != model || have[root] || w.members[root.model].g.IsInput(root.name) {
			continue
		}
		have[root] = true
		w.outputs = append(w.outputs, &outputPlan{tensor: r, root: root, label: w.label(r)})
		if !w.members[model].g.IsOutput(r.name) {
			w.report.Add("added", "output", w.label(r), "", "kept, though a connection takes it up")
		}
	}
	return nil
}

// declareOutputs writes the outputs of the merged graph and the nodes of aliases, and turns the declarations of outputs that are none any
// more into value_info.
func (w *merger) declareOutputs(g *onnxpb.GraphProto) error {
	isOutput, promoted := map[string]bool{}, map[string]bool{}
	for _, p := range w.outputs {
		v, err := w.declaration(p)
		if err != nil {
			return err
		}
		mb := w.members[p.tensor.model]
		name := mb.final[p.tensor.name]
		v.Name = &name
		if p.alias {
			g.Node = append(g.Node, onnxpb.Node("Identity", p.node, []string{name}, []string{p.as}))
			v.Name = &p.as
		} else if !mb.g.IsOutput(p.tensor.name) {
			promoted[name] = true
		}
		g.Output = append(g.Output, v)
		isOutput[v.GetName()] = true
	}
	info := g.ValueInfo
	g.ValueInfo = nil
	known := map[string]bool{}
	for _, v := range info {
		if !promoted[v.GetName()] {
			g.ValueInfo = append(g.ValueInfo, v)
			known[v.GetName()] = true
		}
	}
	for _, v := range g.Input {
		known[v.GetName()] = true
	}
	for _, t := range g.Initializer {
		known[t.GetName()] = true
	}
	for _, mb := range w.members {
		for _, v := range mb.m.Graph.Output {
			name := v.GetName()
			if isOutput[name] || known[name] || v.GetType().GetValue() == nil {
				continue
			}
			known[name] = true
			g.ValueInfo = append(g.ValueInfo, v)
		}
	}
	return nil
}

// declaration returns the declaration of an output, which names the tensor as it was.
func (w *merger) declaration(p *outputPlan) (*onnxpb.ValueInfoProto, error) {
	for _, r := range []ref{p.tensor, p.root} {
		g := w.members[r.model].g
		if v := g.Output(r.name); v.GetType().GetValue() != nil {
			return proto.Clone(v).(*onnxpb.ValueInfoProto), nil
		}
		if v := g.ValueInfo(r.name); v != nil {
			return proto.Clone(v).(*onnxpb.ValueInfoProto), nil
		}
		if t := g.ValueType(r.name); t != nil {
			return &onnxpb.ValueInfoProto{Type: t}, nil
		}
	}
	if t := w.fallback[p.root]; t != nil {
		return &onnxpb.ValueInfoProto{Type: proto.Clone(t).(*onnxpb.TypeProto)}, nil
	}
	if p.inferred != nil {
		return &onnxpb.ValueInfoProto{Type: proto.Clone(p.inferred).(*onnxpb.TypeProto)}, nil
	}
	if v := w.members[p.tensor.model].g.Output(p.tensor.name); v != nil {
		// The model declares it without a type: that is as good as before.
		return proto.Clone(v).(*onnxpb.ValueInfoProto), nil
	}
	return nil, &onnxpb.Error{Tensor: p.label, Msg: "the model does not tell the type of this inner tensor, which an output must have",
		Hint: "run onnxtool infer on the model first, with --declare NAME:TYPE:SHAPE behind an operator that is not known"}
}
