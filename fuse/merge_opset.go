package fuse

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// opKey names an operator or a function.
type opKey struct{ domain, name, overload string }

func keyOfCall(n *onnxpb.NodeProto) opKey {
	return opKey{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
}

func keyOfFunction(f *onnxpb.FunctionProto) opKey {
	return opKey{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}
}

// graphNodes calls fn with every node of a model but those in functions: main graph, subgraphs, training information.
func graphNodes(m *onnxpb.ModelProto, fn func(*onnxpb.NodeProto)) {
	eachNode(m.GetGraph().GetNode(), fn)
	for _, t := range m.GetTrainingInfo() {
		eachNode(t.GetInitialization().GetNode(), fn)
		eachNode(t.GetAlgorithm().GetNode(), fn)
	}
}

// allNodes calls fn with every node of a model, also those in functions.
func allNodes(m *onnxpb.ModelProto, fn func(*onnxpb.NodeProto)) {
	graphNodes(m, fn)
	for _, f := range m.GetFunctions() {
		eachNode(f.GetNode(), fn)
	}
}

// eachNode calls fn with nodes and those of their subgraphs.
func eachNode(nodes []*onnxpb.NodeProto, fn func(*onnxpb.NodeProto)) {
	for _, n := range nodes {
		fn(n)
		for sub := range n.Subgraphs() {
			eachNode(sub.GetNode(), fn)
		}
	}
}

// opUse is a use of an operator in a model.
type opUse struct {
	model int
	node  *onnxpb.NodeProto
	fn    *onnxpb.FunctionProto // whose body the node stands in; nil in the graphs
}

// version is that of the operator's domain which holds for the node; 0 where it is not imported.
func (w *merger) version(u opUse) int64 {
	domain := onnxpb.NormalDomain(u.node.GetDomain())
	if u.fn != nil {
		for _, o := range u.fn.GetOpsetImport() {
			if onnxpb.NormalDomain(o.GetDomain()) == domain {
				return o.GetVersion()
			}
		}
	}
	return w.members[u.model].m.OpsetVersion(domain)
}

// labelUse names the node for people.
func (w *merger) labelUse(u opUse) string {
	s := fmt.Sprintf("node %q of %s", u.node.Label(), w.members[u.model].Name)
	if u.fn != nil {
		s = fmt.Sprintf("node %q in function %s of %s", u.node.Label(), opset.FunctionText(onnxpb.NormalDomain(u.fn.GetDomain()), u.fn.GetName(), u.fn.GetOverload()), w.members[u.model].Name)
	}
	return s
}

// agreeOpsets unites the imports of operator sets. Where models that use operators of a domain import several versions, the highest is taken, under which all these operators have to be what they
// were; calls of a model's own functions are not such a use, as functions have no versions.
func (w *merger) agreeOpsets() error {
	uses := map[string][]opUse{} // of the operators of a domain, model by model
	for i, mb := range w.members {
		own := map[opKey]bool{}
		for _, f := range mb.m.Functions {
			own[keyOfFunction(f)] = true
		}
		use := func(fn *onnxpb.FunctionProto) func(*onnxpb.NodeProto) {
			return func(n *onnxpb.NodeProto) {
				if k := keyOfCall(n); !own[k] {
					uses[k.domain] = append(uses[k.domain], opUse{i, n, fn})
				}
			}
		}
		graphNodes(mb.m, use(nil))
		for _, f := range mb.m.GetFunctions() {
			eachNode(f.GetNode(), use(f))
		}
	}
	var domains []string
	spelled := map[string]string{}
	for _, mb := range w.members {
		for _, o := range mb.m.OpsetImport {
			d := onnxpb.NormalDomain(o.GetDomain())
			if _, ok := spelled[d]; !ok {
				spelled[d] = o.GetDomain()
				domains = append(domains, d)
			}
		}
	}
	if len(domains) == 0 && w.irVersion() >= 3 {
		domains, spelled[""] = []string{""}, ""
	}
	var faults []string
	for _, d := range domains {
		version, fault := w.opsetOf(d, uses[d])
		if fault != "" {
			faults = append(faults, fault)
			continue
		}
		w.opsets = append(w.opsets, onnxpb.Opset(spelled[d], version))
	}
	if len(faults) > 0 {
		return &onnxpb.Error{Msg: "the models do not agree on operator sets: " + strings.Join(faults, "; "),
			Hint: "export the models for the same version, or convert one to the other's with a version converter; onnxtool op --opset and part --opset make operators and parts for any"}
	}
	return nil
}

// opsetOf returns the version of a domain's operator set for the merged model, or how the models that use it disagree.
func (w *merger) opsetOf(domain string, uses []opUse) (version int64, fault string) {
	byVersion := map[int64][]string{}
	for k, u := range uses {
		v := w.members[u.model].m.OpsetVersion(domain)
		if v == 0 || k > 0 && uses[k-1].model == u.model { // Used without an import: not valid, and the checker's to tell. It says nothing on the version.
			continue
		}
		byVersion[v] = append(byVersion[v], w.members[u.model].Name)
		version = max(version, v)
	}
	show := domain
	if show == "" {
		show = "ai.onnx"
	}
	if len(byVersion) > 1 {
		versions := make([]int64, 0, len(byVersion))
		for v := range byVersion {
			versions = append(versions, v)
		}
		slices.Sort(versions)
		var list []string
		for _, v := range versions {
			verb := "imports"
			if len(byVersion[v]) > 1 {
				verb = "import"
			}
			list = append(list, fmt.Sprintf("%s %s %s %d", shortList(byVersion[v]), verb, show, v))
		}
		said := strings.Join(list, ", ")
		for _, u := range uses {
			if why := w.changes(u, version); why != "" {
				return 0, fmt.Sprintf("%s, and %s is %s", said, w.labelUse(u), why)
			}
		}
		w.report.Note("operator set %s is imported at version %d, under which all operators are those that they were: %s", show, version, said)
		return version, ""
	}
	var ignored []string
	highest := version
	for _, mb := range w.members {
		if v := mb.m.OpsetVersion(domain); v != 0 && len(mb.m.OpsetImport) > 0 {
			highest = max(highest, v)
		}
	}
	if version == 0 {
		version = max(highest, 1)
	}
	for _, mb := range w.members {
		if v := mb.m.OpsetVersion(domain); v != 0 && v != version && len(mb.m.OpsetImport) > 0 {
			ignored = append(ignored, fmt.Sprintf("%s imports %d", mb.Name, v))
		}
	}
	if len(ignored) > 0 {
		w.report.Note("operator set %s is imported at version %d; %s, but uses no operator of it", show, version, strings.Join(ignored, ", "))
	}
	return version, ""
}

// changes says how an operator is not what it was where the merged model imports its domain at a version; "" where it is. A function keeps its own imports, but its operators have to be the same under
// those of the model.
func (w *merger) changes(u opUse, version int64) string {
	have := w.version(u)
	if have == version || have == 0 {
		return ""
	}
	domain, name := u.node.GetDomain(), u.node.GetOpType()
	before, known := opset.Lookup(domain, name, have)
	after, _ := opset.Lookup(domain, name, version)
	switch {
	case !known || version > opset.Newest(domain):
		return fmt.Sprintf("%s, of which it is not known whether it is the same in both", name)
	case after.Deprecated:
		return fmt.Sprintf("%s, which version %d has no more", name, version)
	case after.SinceVersion != before.SinceVersion:
		return fmt.Sprintf("%s, which is another operator from version %d on", name, after.SinceVersion)
	}
	return ""
}

// shortList writes some names, and how many more there are.
func shortList(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// irVersion is the highest of the models'.
func (w *merger) irVersion() int64 {
	var v int64
	for _, mb := range w.members {
		v = max(v, mb.m.GetIrVersion())
	}
	return v
}
