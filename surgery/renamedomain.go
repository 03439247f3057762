package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

// eachDomain calls fn with every place where the domain of operators stands: imports, nodes at any depth, and functions. The default domain may be nil or "".
func eachDomain(m *onnxpb.ModelProto, imports func(*[]*onnxpb.OperatorSetIdProto), nodes func(*onnxpb.NodeProto), functions func(*onnxpb.FunctionProto)) {
	var walk func([]*onnxpb.NodeProto)
	walk = func(list []*onnxpb.NodeProto) {
		for _, n := range list {
			nodes(n)
			for g := range n.Subgraphs() {
				walk(g.GetNode())
			}
		}
	}
	imports(&m.OpsetImport)
	walk(m.GetGraph().GetNode())
	for _, t := range m.GetTrainingInfo() {
		walk(t.GetInitialization().GetNode())
		walk(t.GetAlgorithm().GetNode())
	}
	for _, f := range m.GetFunctions() {
		functions(f)
		imports(&f.OpsetImport)
		walk(f.GetNode())
	}
}

// shownDomain writes the default domain out.
func shownDomain(d string) string {
	if d = onnxpb.NormalDomain(d); d == "" {
		return "ai.onnx"
	}
	return d
}

// renameDomains renames the domains of operators: nodes, functions and imports follow. A domain may become one that is there already: its own import goes then, and the one that is
// there holds. A node that would call another function than before, or none, is an error, and so are two functions that would be one.
func renameDomains(m *onnxpb.ModelProto, rules []RenameRule, r *Report) error {
	if len(rules) == 0 {
		return nil
	}
	var list []*definition
	seen := map[string]*definition{}
	see := func(d string) {
		if d = shownDomain(d); seen[d] == nil {
			seen[d] = &definition{name: d, to: d, what: "domain"}
			list = append(list, seen[d])
		}
	}
	eachDomain(m, func(l *[]*onnxpb.OperatorSetIdProto) {
		for _, o := range *l {
			see(o.GetDomain())
		}
	}, func(n *onnxpb.NodeProto) { see(n.GetDomain()) }, func(f *onnxpb.FunctionProto) { see(f.GetDomain()) })
	c := newCandidates(list)
	for i := range rules {
		if rules[i].From == "" {
			rules[i].From = "ai.onnx"
		}
		if _, err := c.apply(&rules[i], nil); err != nil {
			return err
		}
	}
	to := func(d string) string { return seen[shownDomain(d)].to }
	first := map[string]*definition{}
	for _, d := range list {
		if o := first[d.to]; o != nil && (o.renamed() || d.renamed()) {
			r.Note("the domains %q and %q are one now, %q", o.name, d.name, d.to)
		} else {
			first[d.to] = d
		}
	}
	// What each function is to be called, and that no call changes its meaning.
	before, after := map[functionID]bool{}, map[functionID]*onnxpb.FunctionProto{}
	for _, f := range m.GetFunctions() {
		id := functionOf(f)
		before[id] = true
		id.domain = onnxpb.NormalDomain(to(f.GetDomain()))
		if o := after[id]; o != nil {
			return &onnxpb.Error{Msg: fmt.Sprintf("the functions %q of %q and of %q would be one", f.GetName(), shownDomain(o.GetDomain()), shownDomain(f.GetDomain())), Hint: "give one of the domains another name"}
		}
		after[id] = f
	}
	var failed error
	eachDomain(m, func(*[]*onnxpb.OperatorSetIdProto) {}, func(n *onnxpb.NodeProto) {
		id := callOf(n)
		was := before[id]
		id.domain = onnxpb.NormalDomain(to(n.GetDomain()))
		f := after[id]
		if failed == nil && (was != (f != nil) || was && functionOf(f) != callOf(n)) {
			failed = &onnxpb.Error{Node: n.Label(), Msg: fmt.Sprintf("its operator would be another one in the domain %q, as a function has that name", shownDomain(id.domain)), Hint: "give the domain another name"}
		}
	}, func(*onnxpb.FunctionProto) {})
	if failed != nil {
		return failed
	}
	set := func(old string, put func(string)) {
		if t := to(old); t != shownDomain(old) {
			put(onnxpb.NormalDomain(t))
		}
	}
	eachDomain(m, func(l *[]*onnxpb.OperatorSetIdProto) {
		// An import that is not renamed holds; of several that become one, the first.
		own := map[string]bool{}
		for _, o := range *l {
			if d := seen[shownDomain(o.GetDomain())]; !d.renamed() {
				own[d.to] = true
			}
		}
		out := (*l)[:0:0]
		version := map[string]int64{}
		for _, o := range *l {
			d := seen[shownDomain(o.GetDomain())]
			if !d.renamed() {
				out = append(out, o)
				continue
			}
			if own[d.to] {
				continue
			}
			if v, ok := version[d.to]; ok {
				if v != o.GetVersion() && failed == nil {
					failed = &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("domains that are imported as version %d and as version %d would both be called %q", v, o.GetVersion(), d.to), Hint: "give each a name of its own"}
				}
				continue
			}
			version[d.to] = o.GetVersion()
			set(o.GetDomain(), func(t string) { o.Domain = &t })
			out = append(out, o)
		}
		*l = out
	}, func(n *onnxpb.NodeProto) { set(n.GetDomain(), func(t string) { n.Domain = &t }) }, func(f *onnxpb.FunctionProto) { set(f.GetDomain(), func(t string) { f.Domain = &t }) })
	for _, d := range list {
		if d.renamed() {
			r.Add("renamed", "domain", d.name, d.name, d.to)
		}
	}
	return failed
}
