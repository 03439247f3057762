package surgery

import (
	"errors"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func parsed(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// refusesRename wants an error of a kind that speaks of something, and the model as it was.
func refusesRename(t *testing.T, m *onnxpb.ModelProto, kind onnxpb.Kind, words string, rules ...RenameRule) {
	t.Helper()
	before := string(marshal(t, m))
	_, err := Rename(m, rules)
	var e *onnxpb.Error
	if !errors.As(err, &e) || onnxpb.KindOf(err) != kind || !strings.Contains(err.Error(), words) || e.Hint == "" {
		t.Errorf("%v: %v, want %q", rules, err, words)
	}
	if string(marshal(t, m)) != before {
		t.Errorf("%v changed the model", rules)
	}
}

// Domains that an engine knows by their names keep them; the model's own change, in every way to say so.
func TestAffixesLeaveKnownDomainsAlone(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 18, "ai.onnx.ml": 3, "com.microsoft": 1, "ai.onnx.preview.training": 1, "a": 1]> g (float[2] x) => (float[2] y)
	{ p = a.twice (x) q = com.microsoft.Gelu (p) r = ai.onnx.ml.Scaler <offset: floats = [1], scale: floats = [2]> (q) y = Relu (r) }
	<domain: "a", opset_import: ["": 18]> twice (k) => (d) { d = Add (k, k) }`
	for want, make := range map[string]func(*onnxpb.ModelProto) ([]RenameRule, error){
		"ai.onnx:18 ai.onnx.ml:3 com.microsoft:1 ai.onnx.preview.training:1 p_a:1 ": func(m *onnxpb.ModelProto) ([]RenameRule, error) {
			return AffixRules(m, []RenameKind{KindDomain}, "p_", ""), nil
		},
		"ai.onnx:18 ai.onnx.ml:3 com.microsoft:1 ai.onnx.preview.training:1 a_$1:1 ": func(m *onnxpb.ModelProto) ([]RenameRule, error) {
			return AffixRules(m, []RenameKind{KindDomain}, "", "_$1"), nil
		},
		"ai.onnx:18 ai.onnx.ml:3 com.microsoft:1 ai.onnx.preview.training:1 b:1 ": func(m *onnxpb.ModelProto) ([]RenameRule, error) {
			return ReplaceRules(m, []RenameKind{KindDomain}, "a", "b")
		},
		"mine:18 ai.onnx.ml:3 com.microsoft:1 ai.onnx.preview.training:1 a:1 ": func(*onnxpb.ModelProto) ([]RenameRule, error) {
			return []RenameRule{{Kind: KindDomain, From: "ai.onnx", To: "mine"}}, nil
		},
	} {
		m := parsed(t, text)
		rules, err := make(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Rename(m, rules); err != nil {
			t.Fatal(err)
		}
		if got := importsOf(m.OpsetImport); got != want {
			t.Errorf("imports %s, want %s", got, want)
		}
	}
}

// A part of names is replaced wherever it stands, in the names of one kind or of several, each tensor in its own graph; nothing in it is a pattern.
func TestReplaceRules(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 18, "a.n": 1]> g (float[N,2] n.x, bool c) => (float[N,2] y)
	{ [n.n.one] p = a.n.n.f (n.x) [two] y = If (c) <then_branch = t () => (float[N,2] u) { n.h = Neg (p) u = Abs (n.h) }, else_branch = e () => (float[N,2] v) { n.h = Abs (n.x) v = Neg (n.h) }> }
	<domain: "a.n", opset_import: ["": 18]> n.f (k) => (d) { d = Add (k, k) }`
	source := strings.NewReplacer("n.x", "n_x", "n.h", "n_h", "n.n.one", "n_n_one", "n.n.f", "n.n_f", " n.f ", " n_f ").Replace(text)
	all := RenameKinds()
	m := parsed(t, source)
	rules, err := ReplaceRules(m, all, "n_", "$1.*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rename(m, rules); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after a part was replaced")
	branches := m.Graph.Node[1]
	got := []string{m.Graph.Input[0].GetName(), m.Graph.Node[0].GetName(), m.Graph.Node[0].GetOpType(), m.Functions[0].GetName(), branches.Attr("then_branch").G.Node[1].GetInput()[0], branches.Attr("else_branch").G.Node[0].GetOutput()[0], branches.Attr("else_branch").G.Node[0].GetInput()[0]}
	want := []string{"$1.*x", "$1.*$1.*one", "$1.*f", "$1.*f", "$1.*h", "$1.*h", "$1.*x"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	// One kind only; and taken away.
	m = parsed(t, source)
	if rules, err = ReplaceRules(m, []RenameKind{KindInput}, "n_", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Rename(m, rules); err != nil || m.Graph.Input[0].GetName() != "x" || m.Graph.Node[0].GetName() != "n_n_one" || m.Graph.Node[1].Attr("else_branch").G.Node[0].GetInput()[0] != "x" {
		t.Errorf("inputs only: %v, %v", m.Graph, err)
	}
	// Nowhere, or for nothing.
	for _, old := range []string{"nosuch", ""} {
		if _, err := ReplaceRules(m, all, old, "x"); err == nil {
			t.Errorf("%q is no error", old)
		}
	}
	if _, err := ReplaceRules(m, []RenameKind{KindDim}, "n_", "x"); err == nil || !strings.Contains(err.Error(), "tensor, node") {
		t.Errorf("a part of other kinds: %v", err)
	}
	refusesRename(t, parsed(t, source), onnxpb.Unfit, "cannot be called", RenameRule{Kind: KindTensor, From: "n_x", To: "p", Part: true})
	refusesRename(t, parsed(t, source), onnxpb.Unfit, "is empty", RenameRule{Kind: KindTensor, From: "n_h", Part: true})
	refusesRename(t, parsed(t, source), onnxpb.Unfit, "renamed twice", RenameRule{Kind: KindTensor, From: "n_", To: "m", Part: true}, RenameRule{Kind: KindTensor, From: "n_x", To: "q"})
}

// A node without a name is called by its operator and first output, as in other edits; a real name of that form wins.
func TestRenameNodeByItsLabel(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 18]> g (float[2] x, bool c) => (float[2] y, float[2] z)
	{ p = Neg (x) [taken] y = Abs (p) z = If (c) <then_branch = t () => (float[2] u) { p2 = Neg (x) u = Abs (p2) }, else_branch = e () => (float[2] u) { p2 = Abs (x) u = Abs (p2) }> }`
	m := parsed(t, text)
	r, err := Rename(m, []RenameRule{{Kind: KindNode, From: "Neg -> p", To: "first"}, {Kind: KindNode, From: "taken", To: "second"}, {Kind: KindNode, From: "If -> z/else_branch/Abs -> u", To: "$$third"}})
	if err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after naming")
	if got := m.Graph.Node[0].GetName() + " " + m.Graph.Node[1].GetName() + " " + m.Graph.Node[2].Attr("else_branch").G.Node[1].GetName() + " " + m.Graph.Node[2].Attr("then_branch").G.Node[1].GetName(); got != "first second $third " || len(r.Changes) != 3 {
		t.Errorf("%q, %v", got, r.Changes)
	}
	m = parsed(t, text)
	name := "Neg -> p"
	m.Graph.Node[1].Name = &name
	if _, err := Rename(m, []RenameRule{{Kind: KindNode, From: "Neg -> p", To: "first"}}); err != nil || m.Graph.Node[0].GetName() != "" || m.Graph.Node[1].GetName() != "first" {
		t.Errorf("a real name: %v, %v", m.Graph.Node, err)
	}
	refuses := func(words string, rules ...RenameRule) {
		t.Helper()
		refusesRename(t, parsed(t, text), onnxpb.Unfit, words, rules...)
	}
	refuses("2 nodes are meant", RenameRule{Kind: KindNode, From: "Abs -> u", To: "x"})
	refuses(`did you mean "Neg -> p`, RenameRule{Kind: KindNode, From: "Neg -> q", To: "x"})
	refuses("has that name already", RenameRule{Kind: KindNode, From: "Neg -> p", To: "taken"})
	refuses("called both", RenameRule{Kind: KindNode, From: "Neg -> p", To: "a"}, RenameRule{Kind: KindNode, From: "Neg -> p", To: "b"})
	refuses("is empty", RenameRule{Kind: KindNode, From: "Neg -> p"})
}

// Functions are renamed with their calls, in subgraphs and functions; domains and overloads stay.
func TestRenameFunctions(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 18, "a": 1, "b": 1]> g (float[2] x, bool c) => (float[2] y)
	{ p = a.f (x) q = b.f (p) r = a.Custom (q) y = If (c) <then_branch = t () => (float[2] u) { u = a.f (r) }, else_branch = e () => (float[2] v) { v = a.g (r) }> }
	<domain: "a", opset_import: ["": 18]> f (k) => (d) { d = Add (k, k) }
	<domain: "a", opset_import: ["": 18, "a": 1]> g (k) => (d) { e = a.f (k) d = Neg (e) }
	<domain: "b", opset_import: ["": 18, "a": 1]> f (k) => (d) { d = a.f (k) }`
	calls := func(m *onnxpb.ModelProto) string {
		s := ""
		eachBody(m, func(b *nodeBody) {
			for _, n := range b.nodes() {
				if n.GetDomain() != "" {
					s += functionID{n.GetDomain(), n.GetOpType(), n.GetOverload()}.String() + " "
				}
			}
		})
		for _, f := range m.Functions {
			s += functionOf(f).String() + " "
		}
		return s
	}
	for _, c := range []struct {
		rules []RenameRule
		want  string
	}{
		{[]RenameRule{{Kind: KindFunction, From: "a.f", To: "h"}}, "a.h b.f a.Custom a.h a.g a.h a.h a.h a.g b.f "},
		{[]RenameRule{{Kind: KindFunction, From: "a.f", To: "g"}, {Kind: KindFunction, From: "a.g", To: "f"}}, "a.g b.f a.Custom a.g a.f a.g a.g a.g a.f b.f "},
		{[]RenameRule{{Kind: KindFunction, From: "*.f", To: "f_$1"}}, "a.f_a b.f_b a.Custom a.f_a a.g a.f_a a.f_a a.f_a a.g b.f_b "},
		{[]RenameRule{{Kind: KindFunction, From: "a.f", To: "h"}, {Kind: KindDomain, From: "a", To: "z"}}, "z.h b.f z.Custom z.h z.g z.h z.h z.h z.g b.f "},
		{AffixRules(parsed(t, text), []RenameKind{KindFunction}, "p$", "_"), "a.p$f_ b.p$f_ a.Custom a.p$f_ a.p$g_ a.p$f_ a.p$f_ a.p$f_ a.p$g_ b.p$f_ "},
	} {
		m := parsed(t, text)
		if _, err := Rename(m, c.rules); err != nil {
			t.Errorf("%v: %v", c.rules, err)
			continue
		}
		valid(t, m, "after functions were renamed")
		if got := calls(m); got != c.want {
			t.Errorf("%v: %s, want %s", c.rules, got, c.want)
		}
	}
	// Of two overloads one is renamed, with its own calls.
	m := parsed(t, text)
	two, f := "two", "f"
	m.Functions[1].Name, m.Functions[1].Overload = &f, &two
	n := m.Graph.Node[3].Attr("else_branch").G.Node[0]
	n.OpType, n.Overload = &f, &two
	if _, err := Rename(m, []RenameRule{{Kind: KindFunction, From: "a.f:two", To: "h"}}); err != nil {
		t.Fatal(err)
	}
	if got := calls(m); got != "a.f b.f a.Custom a.f a.h:two a.f a.f a.f a.h:two b.f " {
		t.Errorf("overloads: %s", got)
	}
	refuses := func(kind onnxpb.Kind, words, from, to string) {
		t.Helper()
		refusesRename(t, parsed(t, text), kind, words, RenameRule{Kind: KindFunction, From: from, To: to})
	}
	refuses(onnxpb.Unfit, "would both be called", "a.f", "g")
	refuses(onnxpb.Unfit, "none of the model's functions", "a.f", "Custom")
	refuses(onnxpb.Unfit, `there is no function "a.h"`, "a.h", "x")
	refuses(onnxpb.Unfit, "is empty", "a.f", "")
	refuses(onnxpb.Usage, "holds its domain", "a.f", "a.h")
	m = parsed(t, strings.NewReplacer(`"b": 1`, `"b": 1, "ai.onnx.ml": 3`, `b.f (p)`, `ai.onnx.ml.f (p)`, `domain: "b"`, `domain: "ai.onnx.ml"`).Replace(text))
	refusesRename(t, m, onnxpb.Unfit, "is an operator of ONNX", RenameRule{Kind: KindFunction, From: "ai.onnx.ml.f", To: "Scaler"})
}
