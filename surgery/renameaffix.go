package surgery

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// AffixRules makes the rules for Rename that put a prefix before and a suffix behind all names of some kinds that a model has. A kind of which it has none gets no rule. Of functions it is the name that
// changes, not the domain; domains whose operators are not the model's own stay, as no engine would find the operators again: ONNX's, those of ONNX Runtime, and others that package opset knows.
func AffixRules(m *onnxpb.ModelProto, kinds []RenameKind, prefix, suffix string) []RenameRule {
	n := namesByKind(m)
	prefix, suffix = plainName(prefix), plainName(suffix)
	var rules []RenameRule
	for _, k := range kinds {
		switch {
		case k == KindFunction:
			for _, f := range m.GetFunctions() {
				rules = append(rules, RenameRule{Kind: k, From: functionOf(f).String(), To: prefix + plainName(f.GetName()) + suffix})
			}
		case k == KindDomain:
			for _, d := range n[k] {
				rules = append(rules, RenameRule{Kind: k, From: d, To: prefix + plainName(d) + suffix})
			}
		case len(n[k]) > 0:
			rules = append(rules, RenameRule{Kind: k, From: "re:(?s)(.*)", To: prefix + "${1}" + suffix})
		}
	}
	return rules
}

// ReplaceRules makes the rules for Rename that put another text in the place of a part of names, wherever it stands in all names of some kinds. Functions and domains are as for AffixRules. It is an error of
// kind Unfit if no name of these kinds holds the part.
func ReplaceRules(m *onnxpb.ModelProto, kinds []RenameKind, old, text string) ([]RenameRule, error) {
	if old == "" {
		_, err := newPart(old)
		return nil, err
	}
	n := namesByKind(m)
	holds := func(s string) bool { return strings.Contains(s, old) }
	var rules []RenameRule
	for _, k := range kinds {
		switch {
		case k == KindFunction:
			for _, f := range m.GetFunctions() {
				if holds(f.GetName()) {
					rules = append(rules, RenameRule{Kind: k, From: functionOf(f).String(), To: plainName(strings.ReplaceAll(f.GetName(), old, text))})
				}
			}
		case k == KindDomain:
			for _, d := range n[k] {
				if holds(d) {
					rules = append(rules, RenameRule{Kind: k, From: d, To: plainName(strings.ReplaceAll(d, old, text))})
				}
			}
		case slices.ContainsFunc(n[k], holds):
			rules = append(rules, RenameRule{Kind: k, From: old, To: text, Part: true})
		}
	}
	if len(rules) > 0 {
		return rules, nil
	}
	var asked, others []string
	for _, k := range RenameKinds() {
		if slices.Contains(kinds, k) {
			asked = append(asked, k.String())
		} else if slices.ContainsFunc(n[k], holds) {
			others = append(others, k.Flag())
		}
	}
	e := &onnxpb.Error{Msg: fmt.Sprintf("the name of no %s holds %q", strings.Join(asked, " and no "), old), Hint: "onnxtool info --names lists the names"}
	if len(others) > 0 {
		e.Hint = "names of other kinds do: " + strings.Join(others, ", ")
	}
	return nil, e
}

// plainName writes a name as the new name of a rule that takes it as it is.
func plainName(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// namesByKind lists the names that a model has of each kind, as often as they stand there; of domains those that are the model's own, of functions what they are called without their domains.
func namesByKind(m *onnxpb.ModelProto) map[RenameKind][]string {
	n := map[RenameKind][]string{}
	add := func(k RenameKind) func(*string) { return func(p *string) { n[k] = append(n[k], *p) } }
	v := nameVisitor{value: add(KindTensor), node: add(KindNode), dim: add(KindDim)}
	v.model(m)
	for _, i := range m.GetGraph().GetInput() {
		n[KindInput] = append(n[KindInput], i.GetName())
	}
	for _, o := range m.GetGraph().GetOutput() {
		n[KindOutput] = append(n[KindOutput], o.GetName())
	}
	for _, f := range m.GetFunctions() {
		n[KindFunction] = append(n[KindFunction], f.GetName())
	}
	seen := map[string]bool{}
	see := func(d string) {
		if d = shownDomain(d); !seen[d] && ownDomain(d) {
			seen[d] = true
			n[KindDomain] = append(n[KindDomain], d)
		}
	}
	eachDomain(m, func(l *[]*onnxpb.OperatorSetIdProto) {
		for _, o := range *l {
			see(o.GetDomain())
		}
	}, func(x *onnxpb.NodeProto) { see(x.GetDomain()) }, func(f *onnxpb.FunctionProto) { see(f.GetDomain()) })
	return n
}

// ownDomain tells whether the operators of a domain may be a model's own, which can be called otherwise; those of ONNX and of ONNX Runtime are found by the name of their domain.
func ownDomain(domain string) bool {
	if opset.Known(domain) {
		return false
	}
	for _, d := range []string{"ai.onnx", "com.microsoft", "com.ms.internal"} {
		if domain == d || strings.HasPrefix(domain, d+".") {
			return false
		}
	}
	return true
}
