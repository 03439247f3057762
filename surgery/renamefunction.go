package surgery

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// renameFunctions renames functions of the model; the nodes that call them follow, at any depth and in functions too. Domains and overloads stay. A new name must not be that of another function of
// the domain, whatever its overload, nor that of an operator there: one that the tables know, or that a node has.
func renameFunctions(m *onnxpb.ModelProto, rules []RenameRule, r *Report) error {
	if len(rules) == 0 {
		return nil
	}
	var list []*definition
	for _, f := range m.GetFunctions() {
		text := functionOf(f).String()
		list = append(list, &definition{name: text, to: text, what: "function"})
	}
	c := newCandidates(list)
	for i := range rules {
		hits, err := c.apply(&rules[i], nil)
		if err != nil {
			return err
		}
		if len(hits) > 1 && hits[0].name == rules[i].From {
			return &onnxpb.Error{Msg: fmt.Sprintf("%d functions read as %q, with other domains", len(hits), rules[i].From), Hint: "rename one of the domains first"}
		}
	}
	type place struct{ domain, name string } // what functions of all overloads share
	to := map[functionID]string{}
	isFunction := map[functionID]bool{}
	first := map[place]functionID{}
	renamed := map[place]functionID{}
	for i, f := range m.GetFunctions() {
		id, d := functionOf(f), list[i]
		isFunction[id] = true
		name := id.name
		if d.rule != nil {
			name = d.to
		}
		for _, bad := range []struct {
			is  bool
			how string
		}{{strings.HasPrefix(name, shownDomain(id.domain)+"."), "its domain"}, {id.overload != "" && strings.HasSuffix(name, ":"+id.overload), "its overload"}} {
			if bad.is && d.rule != nil {
				return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the new name %q of function %q holds %s, which stays as it is", name, d.name, bad.how), Hint: "give the name alone; --domain renames domains"}
			}
		}
		at := place{id.domain, name}
		if name != id.name {
			to[id] = name
			renamed[at] = id
		}
		if o, ok := first[at]; ok && o.name != id.name {
			return &onnxpb.Error{Msg: fmt.Sprintf("the functions %q and %q would both be called %q", o, id, functionID{id.domain, name, ""}), Hint: "give each a name of its own"}
		} else if !ok {
			first[at] = id
		}
	}
	for _, f := range m.GetFunctions() {
		if name, ok := to[functionOf(f)]; ok && len(opset.Versions(f.GetDomain(), name)) > 0 {
			return &onnxpb.Error{Msg: fmt.Sprintf("function %q cannot be called %q: that is an operator of ONNX", functionOf(f), name), Hint: "choose another name"}
		}
	}
	var failed error
	eachDomain(m, func(*[]*onnxpb.OperatorSetIdProto) {}, func(n *onnxpb.NodeProto) {
		id := callOf(n)
		if from, ok := renamed[place{id.domain, id.name}]; ok && !isFunction[id] && failed == nil {
			failed = &onnxpb.Error{Node: n.Label(), Msg: fmt.Sprintf("function %q cannot be called %q: that is the operator of this node, which is none of the model's functions", from, id.name), Hint: "choose another name"}
		}
	}, func(*onnxpb.FunctionProto) {})
	if failed != nil {
		return failed
	}
	eachDomain(m, func(*[]*onnxpb.OperatorSetIdProto) {}, func(n *onnxpb.NodeProto) {
		if name, ok := to[callOf(n)]; ok {
			n.OpType = &name
		}
	}, func(*onnxpb.FunctionProto) {})
	for _, f := range m.GetFunctions() {
		id := functionOf(f)
		if name, ok := to[id]; ok {
			f.Name = &name
			r.Add("renamed", "function", id.String(), id.String(), functionOf(f).String())
		}
	}
	return nil
}
