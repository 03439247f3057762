package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

func renameNodes(m *onnxpb.ModelProto, unnamed unnamedNodes, rules []RenameRule, r *Report) error {
	if len(rules) == 0 {
		return nil
	}
	count := map[string]int{}
	v := nameVisitor{node: func(p *string) { count[*p]++ }}
	v.model(m)
	if err := oneOfThem(count, rules); err != nil {
		return err
	}
	var named, labelled []RenameRule
	for _, rule := range rules {
		if !rule.Part && count[rule.From] == 0 && len(unnamed.by[rule.From]) > 0 {
			labelled = append(labelled, rule)
			continue
		}
		if p, err := rule.pattern(count[rule.From] > 0); err == nil && p.exact && count[rule.From] == 0 {
			list := unique(append(unnamed.labels, sortedKeys(count)...))
			return &onnxpb.Error{Msg: fmt.Sprintf("there is no node %q", rule.From), Hint: suggest("node", rule.From, list)}
		}
		named = append(named, rule)
	}
	c, err := renameFlat(m, "node", func(f func(*string)) nameVisitor { return nameVisitor{node: f} }, named, r)
	if err != nil {
		return err
	}
	taken := make(map[string]*definition, len(c.list))
	for _, d := range c.list {
		if o := taken[d.to]; o != nil {
			return collision("node", o, d)
		}
		taken[d.to] = d
	}
	given := map[*onnxpb.NodeProto]string{}
	for _, rule := range labelled {
		hits := unnamed.by[rule.From]
		if len(hits) > 1 {
			return manyNodes("node", rule.From, hits)
		}
		n := hits[0].node
		p, err := newPattern(rule.From, true)
		if err != nil {
			return err
		}
		to, err := p.expand(rule.To, "", nil)
		switch before, again := given[n]; {
		case err != nil:
			return err
		case to == "":
			return &onnxpb.Error{Node: rule.From, Msg: "the new name of the node is empty", Hint: "it has none now; give it one"}
		case again && before != to:
			return &onnxpb.Error{Node: rule.From, Msg: fmt.Sprintf("the node would be called both %q and %q", before, to), Hint: "give it one name"}
		case again:
			continue
		}
		d := &definition{name: n.Label(), to: to, what: "node"}
		if o := taken[to]; o != nil {
			return collision("node", o, d)
		}
		taken[to], given[n] = d, to
		r.Add("added", "name", hits[0].full(n.Label()), "", to)
		n.Name = &to
	}
	return nil
}

// oneOfThem refuses the name of a node that several nodes have: which one is meant cannot be told.
func oneOfThem(count map[string]int, rules []RenameRule) error {
	for _, rule := range rules {
		if n := count[rule.From]; n > 1 && !rule.Part && rule.To != rule.From {
			return &onnxpb.Error{Node: rule.From, Msg: fmt.Sprintf("%d nodes have that name: which one is meant?", n), Hint: "rename the tensors that they make, or give every node a name of its own first"}
		}
	}
	return nil
}

// unnamedNodes are the nodes outside of functions that have no name: by their labels, and by those behind the paths of their subgraphs.
type unnamedNodes struct {
	by     map[string][]candidate
	labels []string
}

func findUnnamed(m *onnxpb.ModelProto) unnamedNodes {
	u := unnamedNodes{by: map[string][]candidate{}}
	eachBody(m, func(b *nodeBody) {
		if b.fn != nil {
			return
		}
		for _, n := range b.nodes() {
			if n.GetName() != "" {
				continue
			}
			c := candidate{n, b.path}
			u.by[n.Label()] = append(u.by[n.Label()], c)
			u.labels = append(u.labels, n.Label())
			if b.path != "" {
				u.by[c.full(n.Label())] = append(u.by[c.full(n.Label())], c)
			}
		}
	})
	return u
}
