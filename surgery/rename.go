package surgery

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"onnxtool/onnxpb"
)

// RenameKind says what a rule of Rename renames.
type RenameKind int

const (
	KindInput    RenameKind = iota // inputs of the main graph
	KindOutput                     // outputs of the main graph
	KindTensor                     // any value, at any depth of subgraphs
	KindNode                       // nodes, at any depth of subgraphs
	KindDim                        // symbols of dimensions (dim_param)
	KindDomain                     // domains of operators, with the functions and imports of them; ai.onnx is the default one
	KindFunction                   // functions of the model, domain.name:overload as onnxtool info tells them; what they are renamed to is the name alone
)

// String returns the kind as messages call it.
func (k RenameKind) String() string {
	switch k {
	case KindInput:
		return "input"
	case KindOutput:
		return "output"
	case KindTensor:
		return "tensor"
	case KindNode:
		return "node"
	case KindDim:
		return "dimension"
	case KindDomain:
		return "domain"
	case KindFunction:
		return "function"
	}
	return "kind " + strconv.Itoa(int(k))
}

// RenameRule renames what From matches to To.
type RenameRule struct {
	Kind RenameKind
	// From is a name, a glob (*, ?, [a-z], [!a-z]; * matches / too), or re: and a regular expression that has to match the whole name. A name that the model
	// has is that name, even where it looks like a pattern. A node without a name is called by its label (NodeProto.Label), or that behind the path of its subgraph, but not by a pattern.
	From string
	// To is the new name. Where From is a pattern, $1 stands for its first group (in a glob, its first *, ? or class), ${name} for a named one, $$ for a dollar.
	To string
	// Part has From be a part of names, and no pattern: in every name that holds it, each occurrence becomes To, both taken as they are.
	Part bool
}

// pattern returns what the rule is for; exists tells whether its From is a name.
func (rule *RenameRule) pattern(exists bool) (*pattern, error) {
	if rule.Part {
		return newPart(rule.From)
	}
	p, err := newPattern(rule.From, exists)
	if err != nil {
		return nil, err
	}
	return p, p.check(rule.To)
}

// Rename renames values, nodes, symbols of dimensions, domains of operators and functions. All rules apply at once to the names that the model has, so that a=b with b=a
// swaps two names. A value is renamed wherever it is named (see MapNames), and within a subgraph only where the subgraph means it and no value of its own.
//
// Errors of kind Unfit: a rule that matches nothing (with the nearest names), a name that two rules would rename differently, a new name that is empty, that another
// value or node has, or that would hide one from a subgraph, a name that several nodes or several tensors have (a pattern may meet them; a tensor of a subgraph is told by its path, choose/then_branch/name), a domain by whose new name a node would call another function, and a function
// whose new name another function or an operator of its domain has. Two dimensions or domains may become one: the report has
// a note of it; domains of several versions are refused (kind Refused).
func Rename(m *onnxpb.ModelProto, rules []RenameRule) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "rename"}
		by := map[RenameKind][]RenameRule{}
		for _, rule := range rules {
			if rule.Kind < KindInput || rule.Kind > KindFunction {
				return nil, onnxpb.Errorf(onnxpb.Usage, "%v is nothing that can be renamed", rule.Kind)
			}
			k := rule.Kind
			if k == KindInput || k == KindOutput {
				k = KindTensor // one namespace
			}
			by[k] = append(by[k], rule)
		}
		var unnamed unnamedNodes
		if len(by[KindNode]) > 0 { // while values are called as they were: labels hold their names
			unnamed = findUnnamed(m)
		}
		if err := renameValues(m, by[KindTensor], r); err != nil {
			return nil, err
		}
		if err := renameNodes(m, unnamed, by[KindNode], r); err != nil {
			return nil, err
		}
		if err := renameDims(m, by[KindDim], r); err != nil {
			return nil, err
		}
		// Before the domains, as functions are told by those that they have.
		if err := renameFunctions(m, by[KindFunction], r); err != nil {
			return nil, err
		}
		if err := renameDomains(m, by[KindDomain], r); err != nil {
			return nil, err
		}
		return r, nil
	})
}

// scope is a graph with the names that it defines.
type scope struct {
	graph  *onnxpb.GraphProto
	parent *scope
	defs   []*definition
	index  map[string]*definition
	subs   []*scope
}

// definition is one value, and what is to become of its name.
type definition struct {
	name, to string
	in       *scope
	rule     *RenameRule // the rule that renames it, nil where none does
	what     string      // input, output or tensor
	both     bool        // an input that is an output as well
}

func (d *definition) renamed() bool { return d.to != d.name }

func (s *scope) define(name string) *definition {
	if d := s.index[name]; d != nil {
		return d
	}
	d := &definition{name: name, to: name, in: s, what: "tensor"}
	s.index[name] = d
	s.defs = append(s.defs, d)
	return d
}

// scopesOf collects the scopes of a model, in the order in which nameVisitor opens them: the main graph's is the first. A name that stands somewhere without
// being defined (a stale value_info, say) counts as a value of the outermost scope: it is renamed with it, and no other value may take it.
func scopesOf(m *onnxpb.ModelProto) []*scope {
	var all []*scope
	var cur *scope
	open := map[string]int{}
	v := nameVisitor{}
	v.open = func(g *onnxpb.GraphProto) {
		s := &scope{graph: g, parent: cur, index: map[string]*definition{}}
		if cur != nil {
			cur.subs = append(cur.subs, s)
		}
		all = append(all, s)
		cur = s
		for name := range definitions(g) {
			s.define(name)
		}
		for _, d := range s.defs {
			open[d.name]++
		}
	}
	v.closed = func(*onnxpb.GraphProto) {
		for _, d := range cur.defs {
			open[d.name]--
		}
		cur = cur.parent
	}
	v.value = func(p *string) {
		if open[*p] > 0 {
			return
		}
		root := cur
		for root.parent != nil {
			root = root.parent
		}
		root.define(*p)
		open[*p]++
	}
	v.model(m)
	return all
}

func renameValues(m *onnxpb.ModelProto, rules []RenameRule, r *Report) error {
	if len(rules) == 0 {
		return nil
	}
	scopes := scopesOf(m)
	main := scopes[0]
	var inputs, outputs, tensors []*definition
	for _, o := range m.GetGraph().GetOutput() {
		if d := main.index[o.GetName()]; d != nil && d.what == "tensor" {
			d.what = "output"
			outputs = append(outputs, d)
		}
	}
	for _, i := range m.GetGraph().GetInput() {
		if d := main.index[i.GetName()]; d != nil && d.what != "input" {
			d.both = d.what == "output"
			d.what = "input"
			inputs = append(inputs, d)
		}
	}
	for _, s := range scopes {
		tensors = append(tensors, s.defs...)
	}
	lists := map[RenameKind]*candidates{KindInput: newCandidates(inputs), KindOutput: newCandidates(outputs), KindTensor: newCandidates(tensors)}
	frames := sync.OnceValue(func() map[*onnxpb.GraphProto]*frame { // most renames need no index
		of := map[*onnxpb.GraphProto]*frame{}
		for _, f := range newWires(m).frames {
			of[f.graph] = f
		}
		return of
	})
	for i := range rules {
		rule := &rules[i]
		if err := lists[rule.Kind].whichTensor(rule, frames); err != nil {
			return err
		}
		hits, err := lists[rule.Kind].apply(rule, lists[KindTensor])
		if err != nil {
			return err
		}
		for _, d := range hits {
			if d.renamed() && d.both && rule.Kind != KindTensor {
				r.Note("%q is an input and an output of the model: both are called %q now", d.name, d.to)
			}
		}
	}
	for _, s := range scopes {
		if s.parent == nil {
			if err := checkScope(s, map[string]*definition{}); err != nil {
				return err
			}
		}
	}
	now := map[string][]string{} // what each name means in the scopes that are open, innermost last
	next := 0
	var stack []*scope
	v := nameVisitor{
		open: func(*onnxpb.GraphProto) {
			s := scopes[next]
			next++
			stack = append(stack, s)
			for _, d := range s.defs {
				now[d.name] = append(now[d.name], d.to)
			}
		},
		closed: func(*onnxpb.GraphProto) {
			s := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, d := range s.defs {
				now[d.name] = now[d.name][:len(now[d.name])-1]
			}
		},
		value: func(p *string) {
			if l := now[*p]; len(l) > 0 && l[len(l)-1] != *p {
				*p = l[len(l)-1]
			}
		},
	}
	v.model(m)
	for _, d := range tensors {
		if d.renamed() {
			r.Add("renamed", d.what, d.name, d.name, d.to)
		}
	}
	return nil
}

// candidates are what the rules of one kind choose from.
type candidates struct {
	list   []*definition
	byName map[string][]*definition // the same name may stand in subgraphs side by side
}

func newCandidates(list []*definition) *candidates {
	c := &candidates{list: list, byName: make(map[string][]*definition, len(list))}
	for _, d := range list {
		c.byName[d.name] = append(c.byName[d.name], d)
	}
	return c
}

// apply marks what a rule renames. Where the rule names nothing, others are the names among which what was meant may be.
func (c *candidates) apply(rule *RenameRule, others *candidates) ([]*definition, error) {
	p, err := rule.pattern(len(c.byName[rule.From]) > 0)
	if err != nil {
		return nil, err
	}
	var hits []*definition
	if p.exact {
		hits = c.byName[rule.From]
	} else {
		for _, d := range c.list {
			if _, ok := p.rename(d.name, rule.To); ok {
				hits = append(hits, d)
			}
		}
	}
	if len(hits) == 0 {
		return nil, c.missing(rule, p, others)
	}
	for _, d := range hits {
		to, _ := p.rename(d.name, rule.To)
		if to == "" {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("the new name of %s %q is empty", rule.Kind, d.name), Hint: "an empty name means that there is no value; give it one"}
		}
		if d.rule != nil && d.to != to {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("%s %q would be renamed twice: to %q by %q, and to %q by %q", rule.Kind, d.name, d.to, d.rule.From, to, rule.From),
				Hint: "write patterns that do not meet, or rename in two steps"}
		}
		d.rule, d.to = rule, to
	}
	return hits, nil
}

func (c *candidates) missing(rule *RenameRule, p *pattern, others *candidates) error {
	names := make([]string, 0, len(c.byName))
	seen := map[string]bool{}
	for _, d := range c.list {
		if !seen[d.name] {
			seen[d.name] = true
			names = append(names, d.name)
		}
	}
	e := &onnxpb.Error{Msg: fmt.Sprintf("there is no %s %q", rule.Kind, rule.From)}
	switch {
	case rule.Part:
		e.Msg = fmt.Sprintf("the name of no %s holds %q", rule.Kind, rule.From)
	case !p.exact:
		e.Msg = fmt.Sprintf("no %s matches %q", rule.Kind, rule.From)
	}
	switch {
	case others != nil && p.exact && others != c && len(others.byName[rule.From]) > 0:
		e.Hint = "it is another tensor of the model: rename it as a tensor"
	default:
		e.Hint = suggest(rule.Kind.String(), rule.From, names)
	}
	return e
}

// suggest is the hint of an error about a name that is not there: the nearest names, or all where they are few.
func suggest(what, name string, names []string) string {
	if near := Nearest(name, names, 3); len(near) > 0 {
		return "did you mean " + quoteList(near) + "?"
	}
	switch {
	case len(names) == 0 && what == KindNode.String():
		return "no node of the model has a name"
	case len(names) == 0 && what == KindDim.String():
		return "no dimension of the model is a symbol; onnxtool setbatch makes the batch one"
	case len(names) == 0:
		return "the model has no " + what
	case len(names) <= 6:
		return "there is " + quoteList(names)
	}
	return fmt.Sprintf("there is %s and %d more: onnxtool info --names lists them", quoteList(names[:5]), len(names)-5)
}

// quoteList writes names as "a", "b", "c".
func quoteList(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, ", ")
}

// checkScope looks for values that get the same name as another one of their scope or of one around it.
func checkScope(s *scope, taken map[string]*definition) error {
	var own []*definition
	for _, d := range s.defs {
		o := taken[d.to]
		if o == nil {
			taken[d.to] = d
			own = append(own, d)
			continue
		}
		// What was so before the edit is not its fault.
		if o.name != d.name && (o.renamed() || d.renamed()) {
			return collision(d.what, o, d)
		}
	}
	for _, sub := range s.subs {
		if err := checkScope(sub, taken); err != nil {
			return err
		}
	}
	for _, d := range own {
		delete(taken, d.to)
	}
	return nil
}

// collision is the error about two names that would become one.
func collision(what string, a, b *definition) error {
	switch {
	case !a.renamed():
		a, b = b, a
		fallthrough
	case !b.renamed():
		return &onnxpb.Error{Msg: fmt.Sprintf("%s %q cannot be called %q: %s has that name already", a.what, a.name, a.to, article(b.what)),
			Hint: "choose another name, or rename that one too"}
	}
	return &onnxpb.Error{Msg: fmt.Sprintf("%s %q and %q would both be called %q", what, a.name, b.name, a.to), Hint: "give each a name of its own"}
}

// article puts a or an before a word.
func article(word string) string {
	if strings.ContainsAny(word[:1], "aeio") {
		return "an " + word
	}
	return "a " + word
}

// renameFlat renames names that stand in one namespace, whatever the scope; what tells which they are.
func renameFlat(m *onnxpb.ModelProto, what string, visit func(func(*string)) nameVisitor, rules []RenameRule, r *Report) (*candidates, error) {
	var list []*definition
	seen := map[string]*definition{}
	v := visit(func(p *string) {
		if seen[*p] == nil {
			d := &definition{name: *p, to: *p, what: what}
			seen[*p] = d
			list = append(list, d)
		}
	})
	v.model(m)
	c := newCandidates(list)
	for i := range rules {
		if _, err := c.apply(&rules[i], nil); err != nil {
			return nil, err
		}
	}
	v = visit(func(p *string) {
		if d := seen[*p]; d != nil && d.renamed() {
			*p = d.to
		}
	})
	v.model(m)
	for _, d := range list {
		if d.renamed() {
			r.Add("renamed", what, d.name, d.name, d.to)
		}
	}
	return c, nil
}

func renameDims(m *onnxpb.ModelProto, rules []RenameRule, r *Report) error {
	if len(rules) == 0 {
		return nil
	}
	c, err := renameFlat(m, "dimension", func(f func(*string)) nameVisitor { return nameVisitor{dim: f} }, rules, r)
	if err != nil {
		return err
	}
	renamed := map[string]string{}
	first := map[string]*definition{}
	for _, d := range c.list {
		if d.renamed() {
			if _, err := strconv.ParseInt(d.to, 10, 64); err == nil {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("dimension %q cannot be called %q: that is a number, and no name", d.name, d.to),
					Hint: "to fix a dimension, see setbatch and setinput"}
			}
			renamed[d.name] = d.to
		}
		o := first[d.to]
		if o == nil {
			first[d.to] = d
			continue
		}
		if o.renamed() || d.renamed() {
			r.Note("the dimensions %q and %q are one now, %q: the model says that they are equal", o.name, d.name, d.to)
		}
	}
	// Some exporters write expressions such as 2*batch. To ONNX such a text is one symbol like any other.
	for _, d := range c.list {
		if d.renamed() {
			continue
		}
		for _, word := range strings.FieldsFunc(d.name, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if to, ok := renamed[word]; ok {
				r.Note("the dimension %q keeps its name, though it reads like an expression of %q, which is %q now", d.name, word, to)
			}
		}
	}
	return nil
}
