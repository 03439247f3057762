package surgery

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// NodeChoice says which nodes an edit is for: those that one of Names is for, one of Types and one of Graphs, where the list has any. All are names, globs, or re: and a
// regular expression, as in RenameRule.
type NodeChoice struct {
	// Names are those of the nodes, at any depth. A node without a name is called by its operator and first output, as messages call it: "Conv -> y".
	Names []string
	// Types are operators: Conv, and with the domain where it is not ONNX's own, com.microsoft.Gelu.
	Types []string
	// Graphs are where the nodes stand, as onnxtool check tells it: main, choose/then_branch, "function local.Scale".
	Graphs []string
}

// chosenNode is a node that a NodeChoice is for.
type chosenNode struct {
	node *onnxpb.NodeProto
	body *nodeBody
}

// choose finds the nodes of a choice, in the order of the model. It is an error if a pattern of the choice matches nothing (with the nearest names), if no node matches all of it, and if a
// name that is no pattern stands for several nodes.
func choose(m *onnxpb.ModelProto, c NodeChoice) ([]chosenNode, error) {
	if len(c.Names)+len(c.Types) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no nodes are chosen", Hint: "name them, or give their type; patterns will do"}
	}
	var all []chosenNode
	var names, types, graphs []string
	eachBody(m, func(b *nodeBody) {
		graphs = append(graphs, b.name())
		for _, n := range b.nodes() {
			all = append(all, chosenNode{n, b})
			names = append(names, n.Label())
			types = append(types, typeLabel(n))
		}
	})
	byName, err := newMatcher("node", c.Names, names)
	if err != nil {
		return nil, err
	}
	byType, err := newMatcher("operator", c.Types, types)
	if err != nil {
		return nil, err
	}
	byGraph, err := newMatcher("graph", c.Graphs, graphs)
	if err != nil {
		return nil, err
	}
	var out []chosenNode
	where := map[string][]string{}
	for i, n := range all {
		if byName.match(names[i]) && byType.match(types[i]) && byGraph.match(n.body.name()) {
			out = append(out, n)
			where[names[i]] = append(where[names[i]], n.body.name())
		}
	}
	if len(out) == 0 {
		return nil, &onnxpb.Error{Msg: "no node matches all of what is asked for: " + c.text(), Hint: "ask for less; onnxtool info --names lists the nodes"}
	}
	for _, p := range byName.patterns {
		if l := where[p.text]; p.exact && len(l) > 1 {
			return nil, &onnxpb.Error{Node: p.text, Msg: fmt.Sprintf("%d nodes have this name, in %s", len(l), strings.Join(unique(l), ", ")),
				Hint: "say in which graph, or choose them all by a pattern such as re:" + p.text}
		}
	}
	return out, nil
}

// text writes a choice for an error.
func (c NodeChoice) text() string {
	var parts []string
	for _, l := range []struct {
		what string
		list []string
	}{{"name", c.Names}, {"type", c.Types}, {"graph", c.Graphs}} {
		if len(l.list) > 0 {
			parts = append(parts, l.what+" "+quoteList(l.list))
		}
	}
	return strings.Join(parts, ", ")
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

// unique returns the words of a list, each once.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
