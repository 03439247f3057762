package surgery

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// chosenNode is a node that a NodeChoice is for.
type chosenNode struct {
	node *onnxpb.NodeProto
	body *nodeBody
}

// choose finds the nodes of a choice, in the order of the model, in functions and training graphs too. A node without a name is called by its operator and first output as well, as messages
// call it: "Conv -> y". It is an error if a name or pattern means no node (with the nearest names), and if a name that is no pattern means several.
func choose(m *onnxpb.ModelProto, c NodeChoice) ([]chosenNode, error) {
	if len(c.Names)+len(c.Makes)+len(c.Ops) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no node is named", Hint: "choose nodes by their names, by what they make or by their operators"}
	}
	var graphs []string
	eachBody(m, func(b *nodeBody) { graphs = append(graphs, b.name()) })
	where, err := newMatcher("graph", c.Graphs, graphs)
	if err != nil {
		return nil, err
	}
	var all []chosenNode
	eachBody(m, func(b *nodeBody) {
		if where.match(b.name()) {
			for _, n := range b.nodes() {
				all = append(all, chosenNode{n, b})
			}
		}
	})
	meant := make([]bool, len(all))
	for _, k := range []struct {
		what  string
		texts []string
		names func(*onnxpb.NodeProto) []string
	}{
		{"node", c.Names, func(n *onnxpb.NodeProto) []string { return []string{n.Label()} }},
		{"tensor", c.Makes, (*onnxpb.NodeProto).GetOutput},
		{"operator", c.Ops, opNames},
	} {
		if len(k.texts) == 0 {
			continue
		}
		by := make(map[string][]int, len(all))
		var list []string
		for i, n := range all {
			for _, name := range k.names(n.node) {
				if name == "" {
					continue
				}
				by[name] = append(by[name], i)
				list = append(list, name)
				if path := n.body.path; path != "" && k.what != "operator" {
					by[path+"/"+name] = append(by[path+"/"+name], i)
				}
			}
		}
		for _, text := range k.texts {
			hits := by[text]
			if len(hits) == 0 {
				p, err := newMatcher(k.what, []string{text}, list)
				if err != nil {
					return nil, err
				}
				for i, n := range all {
					for _, name := range k.names(n.node) {
						if name != "" && p.match(name) {
							hits = append(hits, i)
						}
					}
				}
			} else if len(hits) > 1 && k.what != "operator" {
				var places []string
				for _, i := range hits {
					places = append(places, all[i].body.name())
				}
				return nil, &onnxpb.Error{Node: text, Msg: fmt.Sprintf("%d nodes are meant by this name, in %s", len(hits), strings.Join(unique(places), ", ")),
					Hint: "say in which graph, put its path before the name, or mean them all by a pattern such as re:" + text}
			}
			for _, i := range hits {
				meant[i] = true
			}
		}
	}
	var out []chosenNode
	for i, n := range all {
		if meant[i] {
			out = append(out, n)
		}
	}
	return out, nil
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
