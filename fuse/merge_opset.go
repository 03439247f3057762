package fuse

import (
	"fmt"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// opKey names an operator or a function.
type opKey struct{ domain, name, overload string }

func keyOfCall(n *onnxpb.NodeProto) opKey {
	return opKey{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
}

func keyOfFunction(f *onnxpb.FunctionProto) opKey {
	return opKey{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}
}

// allNodes calls fn with every node of a model: main graph, subgraphs, training information, function bodies.
func allNodes(m *onnxpb.ModelProto, fn func(*onnxpb.NodeProto)) {
	eachNode(m.GetGraph().GetNode(), fn)
	for _, t := range m.GetTrainingInfo() {
		eachNode(t.GetInitialization().GetNode(), fn)
		eachNode(t.GetAlgorithm().GetNode(), fn)
	}
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

// agreeOpsets unites the imports of operator sets. The versions must agree among the models that use operators of a domain; calls of a model's own
// functions are not such a use, as functions have no versions.
func (w *merger) agreeOpsets() error {
	uses := map[string][]int{} // a domain to the models that use its operators
	for i, mb := range w.members {
		own := map[opKey]bool{}
		for _, f := range mb.m.Functions {
			own[keyOfFunction(f)] = true
		}
		allNodes(mb.m, func(n *onnxpb.NodeProto) {
			k := keyOfCall(n)
			if list := uses[k.domain]; !own[k] && (len(list) == 0 || list[len(list)-1] != i) {
				uses[k.domain] = append(list, i)
			}
		})
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
			Hint: "export the models for the same version, or convert one to the other's with a version converter"}
	}
	return nil
}

// opsetOf returns the version of a domain's operator set for the merged model, or how the models that use it disagree.
func (w *merger) opsetOf(domain string, users []int) (version int64, fault string) {
	byVersion := map[int64][]string{}
	for _, i := range users {
		v := w.members[i].m.OpsetVersion(domain)
		if v == 0 { // Used without an import: not valid, and the checker's to tell. It says nothing on the version.
			continue
		}
		byVersion[v] = append(byVersion[v], w.members[i].Name)
		version = v
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
		sort.Slice(versions, func(i, j int) bool { return versions[i] < versions[j] })
		var list []string
		for _, v := range versions {
			verb := "imports"
			if len(byVersion[v]) > 1 {
				verb = "import"
			}
			list = append(list, fmt.Sprintf("%s %s %s %d", shortList(byVersion[v]), verb, show, v))
		}
		return 0, strings.Join(list, ", ")
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
