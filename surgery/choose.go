package surgery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// candidate is a node that a NodeChoice may mean, with where it stands: "" for the main graph, else choose/then_branch, "function local.Scale".
type candidate struct {
	node *onnxpb.NodeProto
	path string
}

// graph is what NodeChoice.Graphs calls the graph of the node.
func (c candidate) graph() string {
	if c.path == "" {
		return mainPath
	}
	return c.path
}

// full is a name with the place that it stands in before it, as far as that is not the main graph.
func (c candidate) full(name string) string {
	if c.path == "" {
		return name
	}
	return c.path + "/" + name
}

// among returns the indices of the nodes of a list that are meant, in the order of the list; graphs are those of a model, with nodes or without. A node without a name is called by its operator and
// first output, as messages call it: "Conv -> y". It is an error if a name or pattern means no node (with the nearest names; about may know more), and if a name that is no pattern means several.
func (c NodeChoice) among(all []candidate, graphs []string, about func(what, text string) string) ([]int, error) {
	if len(c.Names)+len(c.Makes)+len(c.Ops) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no node is named", Hint: "choose nodes by their names, by what they make or by their operators"}
	}
	where, err := newMatcher("graph", c.Graphs, graphs)
	if err != nil {
		return nil, err
	}
	meant := make([]bool, len(all))
	for _, k := range []nameKind{
		{"node", c.Names, func(n *onnxpb.NodeProto) []string { return []string{n.Label()} }},
		{"tensor", c.Makes, (*onnxpb.NodeProto).GetOutput},
		{"operator", c.Ops, opNames},
	} {
		if len(k.texts) == 0 {
			continue
		}
		by := make(map[string][]int, len(all))
		for i, n := range all {
			if !where.match(n.graph()) {
				continue
			}
			for _, name := range k.names(n.node) {
				if name == "" {
					continue
				}
				by[name] = append(by[name], i)
				if n.path != "" && k.what != "operator" {
					by[n.full(name)] = append(by[n.full(name)], i)
				}
			}
		}
		for _, text := range k.texts {
			hits := by[text]
			p, err := newPattern(text, len(hits) > 0)
			if err != nil {
				return nil, err
			}
			switch {
			case p.exact && len(hits) > 1 && k.what != "operator":
				list := make([]candidate, len(hits))
				for i, h := range hits {
					list[i] = all[h]
				}
				return nil, manyNodes(k.what, text, list)
			case !p.exact:
				for i, n := range all {
					if where.match(n.graph()) && slices.ContainsFunc(k.names(n.node), func(name string) bool { return name != "" && p.matches(name) }) {
						hits = append(hits, i)
					}
				}
			}
			if len(hits) == 0 {
				return nil, k.none(text, p.exact, all, where, about)
			}
			for _, i := range hits {
				meant[i] = true
			}
		}
	}
	var out []int
	for i := range all {
		if meant[i] {
			out = append(out, i)
		}
	}
	return out, nil
}

// nameKind is one of the ways to name nodes.
type nameKind struct {
	what  string
	texts []string
	names func(*onnxpb.NodeProto) []string
}

// none is the error about a name or pattern that means no node.
func (k nameKind) none(text string, exact bool, all []candidate, where *matcher, about func(what, text string) string) error {
	e := &onnxpb.Error{}
	switch {
	case !exact:
		e.Msg = fmt.Sprintf("no node's %s matches %q", map[string]string{"node": "name", "tensor": "output", "operator": "operator"}[k.what], text)
	case k.what == "node":
		e.Msg = fmt.Sprintf("there is no node %q", text)
	case k.what == "tensor":
		e.Msg = fmt.Sprintf("no node makes a tensor %q", text)
	default:
		e.Msg = fmt.Sprintf("no node has the operator %q", text)
	}
	if about != nil {
		e.Hint = about(k.what, text)
	}
	for _, n := range all {
		if e.Hint == "" && exact && !where.match(n.graph()) && slices.Contains(k.names(n.node), text) {
			e.Hint = "there is one in " + n.graph() + ", which is not among the graphs that are named"
		}
	}
	if e.Hint == "" {
		var list []string
		for _, n := range all {
			switch {
			case !where.match(n.graph()):
			case k.what == "operator":
				list = append(list, typeLabel(n.node))
			default:
				list = append(list, k.names(n.node)...)
			}
		}
		e.Hint = suggest(k.what, text, unique(slices.DeleteFunc(list, func(s string) bool { return s == "" })))
	}
	return e
}

// manyNodes is the error about a name that several nodes have.
func manyNodes(what, name string, hits []candidate) error {
	var which []string
	for i, n := range hits {
		if i == 5 {
			which = append(which, fmt.Sprintf("and %d more", len(hits)-i))
			break
		}
		s := strconv.Quote(n.full(name))
		if out := n.node.GetOutput(); len(out) > 0 && what == "node" {
			s += " (makes " + strconv.Quote(n.full(out[0])) + ")"
		}
		which = append(which, s)
	}
	return &onnxpb.Error{Node: name, Msg: fmt.Sprintf("%d nodes are meant by this %s", len(hits), map[string]string{"node": "name", "tensor": "tensor"}[what]),
		Hint: "which one? " + strings.Join(which, ", ") + "; a pattern, such as re:" + name + ", means them all, and a node can be told by what it makes"}
}

// chosenNode is a node that a NodeChoice is for.
type chosenNode struct {
	node *onnxpb.NodeProto
	body *nodeBody
}

// everywhere finds the nodes of a choice in all of a model, in functions and training graphs too, in the order of the model.
func (c NodeChoice) everywhere(m *onnxpb.ModelProto) ([]chosenNode, error) {
	var graphs []string
	var list []candidate
	var all []chosenNode
	eachBody(m, func(b *nodeBody) {
		graphs = append(graphs, b.name())
		for _, n := range b.nodes() {
			list = append(list, candidate{n, b.path})
			all = append(all, chosenNode{n, b})
		}
	})
	hits, err := c.among(list, graphs, nil)
	out := make([]chosenNode, len(hits))
	for i, h := range hits {
		out[i] = all[h]
	}
	return out, err
}

// opNames are what an operator may be called: its type, and that with its domain.
func opNames(n *onnxpb.NodeProto) []string {
	domain := onnxpb.NormalDomain(n.GetDomain())
	if domain == "" {
		domain = "ai.onnx"
	}
	return []string{n.GetOpType(), domain + "." + n.GetOpType()}
}

// typeLabel writes the operator of a node, with its domain where it is not ONNX's own.
func typeLabel(n *onnxpb.NodeProto) string {
	return functionID{domain: onnxpb.NormalDomain(n.GetDomain()), name: n.GetOpType()}.String()
}

// matcher holds names to a list of patterns; without any, all match.
type matcher struct {
	patterns []*pattern
	exact    map[string]bool
	known    map[string]bool // what match has said of a name
}

// newMatcher reads patterns about names of a kind. Each must match one of them at least.
func newMatcher(what string, texts, names []string) (*matcher, error) {
	m := &matcher{exact: map[string]bool{}, known: map[string]bool{}}
	if len(texts) == 0 {
		return m, nil
	}
	have := make(map[string]bool, len(names))
	for _, n := range names {
		have[n] = true
	}
	for _, text := range texts {
		p, err := newPattern(text, have[text])
		if err != nil {
			return nil, err
		}
		hit := p.exact && have[p.text]
		if p.exact {
			m.exact[p.text] = true
		} else {
			for n := range have {
				if hit = p.re.MatchString(n); hit {
					break
				}
			}
		}
		if !hit {
			e := &onnxpb.Error{Msg: fmt.Sprintf("there is no %s %q", what, text), Hint: suggest(what, text, unique(names))}
			if !p.exact {
				e.Msg = fmt.Sprintf("no %s matches %q", what, text)
			}
			return nil, e
		}
		m.patterns = append(m.patterns, p)
	}
	return m, nil
}

// match tells whether a name is one of those meant.
func (m *matcher) match(name string) bool {
	if len(m.patterns) == 0 || m.exact[name] {
		return true
	}
	yes, seen := m.known[name]
	if !seen {
		for _, p := range m.patterns {
			if yes = !p.exact && p.re.MatchString(name); yes {
				break
			}
		}
		m.known[name] = yes
	}
	return yes
}
