package fuse

import (
	"fmt"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// valueNames lists the names of all values of a model, at any depth and in the training information, in order, each once.
func valueNames(m *onnxpb.ModelProto) []string {
	return listNames(func(visit func(string) string) { surgery.MapNames(m, surgery.NameMap{Value: visit}) })
}

// nodeNames lists the names of all nodes of a model as valueNames does.
func nodeNames(m *onnxpb.ModelProto) []string {
	return listNames(func(visit func(string) string) { surgery.MapNames(m, surgery.NameMap{Node: visit}) })
}

func listNames(walk func(func(string) string)) []string {
	var list []string
	seen := map[string]bool{}
	walk(func(s string) string {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
		return s
	})
	return list
}

// namer gives the names of one kind, values or nodes, over all models.
type namer struct {
	w      *merger
	what   string
	owner  map[string]string // a final name to what has it
	invent func(string) string
}

// nameValues settles the final name of every value and node. Names that were asked for come first (outputs, then models with a prefix of
// their own), then those of the other models in their order: the later of two that collide gets a new name.
func (w *merger) nameValues() error {
	authority := surgery.NewNames(&onnxpb.ModelProto{})
	for _, mb := range w.members {
		authority.Take(mb.m)
	}
	values := &namer{w: w, what: "tensor", owner: map[string]string{}, invent: authority.Value}
	nodes := &namer{w: w, what: "node", owner: map[string]string{}, invent: authority.Node}
	for _, p := range w.outputs {
		if p.as == "" {
			continue
		}
		if old, ok := values.owner[p.as]; ok {
			return onnxpb.Errorf(onnxpb.Usage, "two outputs are to be called %q: %s and %s", p.as, old, p.label)
		}
		values.owner[p.as] = p.label
		if !p.alias {
			w.members[p.root.model].final[p.root.name] = p.as
		}
	}
	for _, fixed := range []bool{true, false} {
		for _, mb := range w.members {
			if (mb.Prefix != nil) != fixed {
				continue
			}
			if err := w.nameMember(mb, values, nodes); err != nil {
				return err
			}
		}
	}
	for to := range w.source {
		root, mb := w.root(to), w.members[to.model]
		mb.final[to.name] = w.members[root.model].final[root.name]
		mb.joinedFinal[mb.final[to.name]] = true
	}
	for _, p := range w.outputs {
		if p.alias && p.as == "" {
			p.as = values.fresh(p.tensor.name, w.members[p.tensor.model].Name+"_"+p.tensor.name, p.label)
			w.report.Note("output %s is the same tensor as another output: it is called %s", p.label, p.as)
		}
		if p.alias {
			p.node = nodes.fresh("Identity_"+p.as, "Identity_"+p.as, p.label)
		}
	}
	return nil
}

// fresh returns want where that is free, and otherwise invents a name from base.
func (n *namer) fresh(want, base, label string) string {
	name := want
	for {
		if _, taken := n.owner[name]; !taken {
			n.owner[name] = label
			return name
		}
		name = n.invent(base)
	}
}

func (w *merger) nameMember(mb *member, values, nodes *namer) error {
	tell := w.newRenameTeller(mb)
	for _, name := range valueNames(mb.m) {
		r := ref{mb.index, name}
		if _, joined := w.source[r]; joined {
			continue
		}
		if as, ok := mb.final[name]; ok { // asked for as an output
			tell.value(name, as)
			continue
		}
		final := name
		if mb.Prefix != nil {
			final = *mb.Prefix + name
			if old, taken := values.owner[final]; taken {
				return &onnxpb.Error{Tensor: w.label(r), Msg: fmt.Sprintf("with the prefix %q it is called %q, which is the name of %s", *mb.Prefix, final, old),
					Hint: "give another prefix, or none: then names that collide are made unique"}
			}
			values.owner[final] = w.label(r)
		} else {
			final = values.fresh(name, mb.Name+"_"+name, w.label(r))
		}
		mb.final[name] = final
		tell.value(name, final)
	}
	final := map[string]string{}
	for _, name := range nodeNames(mb.m) {
		label := "node " + name + " of " + mb.Name
		if mb.Prefix != nil {
			final[name] = nodes.fresh(*mb.Prefix+name, *mb.Prefix+name, label)
		} else {
			final[name] = nodes.fresh(name, mb.Name+"_"+name, label)
		}
		tell.node(name, final[name])
	}
	tell.flush()
	surgery.MapNames(mb.m, surgery.NameMap{Node: func(s string) string { return final[s] }})
	return nil
}

// renameTeller reports the names that a model's values and nodes get: those of inputs and outputs each, and of the inner ones as many as a
// reader takes in.
type renameTeller struct {
	w     *merger
	mb    *member
	inner map[string][]surgery.Change // by what they are
}

// mostTold is how many renamings of inner names of one kind are told one by one.
const mostTold = 10

func (w *merger) newRenameTeller(mb *member) *renameTeller {
	return &renameTeller{w: w, mb: mb, inner: map[string][]surgery.Change{}}
}

func (t *renameTeller) value(from, to string) {
	if from == to {
		return
	}
	switch label := t.mb.Name + ":" + from; {
	case t.mb.g.IsInput(from):
		t.w.report.Add("renamed", "input", label, from, to)
	case t.mb.g.IsOutput(from):
		t.w.report.Add("renamed", "output", label, from, to)
	case t.mb.g.Initializer(from) != nil || t.mb.g.SparseInitializer(from) != nil:
		t.later("initializer", from, to)
	default:
		t.later("tensor", from, to)
	}
}

func (t *renameTeller) node(from, to string) {
	if from != to {
		t.later("node", from, to)
	}
}

func (t *renameTeller) later(what, from, to string) {
	t.inner[what] = append(t.inner[what], surgery.Change{Action: "renamed", What: what, Name: t.mb.Name + ":" + from, From: from, To: to})
}

func (t *renameTeller) flush() {
	for _, what := range []string{"initializer", "tensor", "node"} {
		list := t.inner[what]
		if len(list) <= mostTold {
			t.w.report.Changes = append(t.w.report.Changes, list...)
			continue
		}
		t.w.report.Add("renamed", fmt.Sprintf("%d %ss of", len(list), what), t.mb.Name, "such as "+list[0].From, list[0].To)
	}
}
