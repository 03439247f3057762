package surgery

import (
	"fmt"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func importsOf(list []*onnxpb.OperatorSetIdProto) string {
	s := ""
	for _, o := range list {
		s += fmt.Sprintf("%s:%d ", shownDomain(o.GetDomain()), o.GetVersion())
	}
	return s
}

// A domain is renamed in nodes at any depth, in functions and their bodies, and in all imports; two can be swapped.
func TestRenameDomain(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 18, "a": 1, "b": 2]> g (float[2] x, bool c) => (float[2] y)
{ p = a.twice (x) q = b.Custom (p) y = If (c) <then_branch = t () => (float[2] u) { u = a.twice (q) }, else_branch = f () => (float[2] v) { v = Relu (q) }> }
<domain: "a", opset_import: ["": 18, "b": 2]> twice (k) => (d) { e = b.Custom (k) d = Add (e, k) }`
	rename := func(rules ...RenameRule) (*onnxpb.ModelProto, *Report, error) {
		m, err := onnxtext.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Rename(m, rules)
		return m, r, err
	}
	m, r, err := rename(RenameRule{Kind: KindDomain, From: "a", To: "b"}, RenameRule{Kind: KindDomain, From: "b", To: "a"})
	if err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after the swap")
	n := m.Graph.Node
	if got := n[0].GetDomain() + n[1].GetDomain() + n[2].Attr("then_branch").G.Node[0].GetDomain() + m.Functions[0].GetDomain() + m.Functions[0].Node[0].GetDomain() + n[2].GetDomain(); got != "babba" {
		t.Errorf("the domains are %q", got)
	}
	if got := importsOf(m.OpsetImport) + "/ " + importsOf(m.Functions[0].OpsetImport); got != "ai.onnx:18 b:1 a:2 / ai.onnx:18 a:2 " {
		t.Errorf("imports %s", got)
	}
	if len(r.Changes) != 2 {
		t.Errorf("%v", r.Changes)
	}
	// One that is there already holds at its own version.
	m, r, err = rename(RenameRule{Kind: KindDomain, From: "a", To: "b"})
	if err != nil || importsOf(m.OpsetImport) != "ai.onnx:18 b:2 " || len(r.Notes) != 1 {
		t.Errorf("two made one: %v, %v", r, err)
	}
	valid(t, m, "after two were made one")
	for name, rules := range map[string][]RenameRule{
		"a new name for two of several versions": {{Kind: KindDomain, From: "a", To: "new"}, {Kind: KindDomain, From: "b", To: "new"}},
		"a domain that is not there":             {{Kind: KindDomain, From: "nosuch", To: "new"}},
	} {
		if _, _, err := rename(rules...); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	// A call that would mean another function.
	m, err = onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	name := "twice"
	m.Graph.Node[1].OpType = &name
	if _, err := Rename(m, []RenameRule{{Kind: KindDomain, From: "b", To: "a"}}); err == nil {
		t.Error("an operator that would call a function is no error")
	}
}

// A name that two nodes have asks which is meant.
func TestRenameNodeThatOccursTwice(t *testing.T) {
	m := richModel()
	m.Graph.Node[1].Name = m.Graph.Node[0].Name
	if _, err := Rename(m, []RenameRule{{Kind: KindNode, From: m.Graph.Node[0].GetName(), To: "new"}}); err == nil || onnxpb.KindOf(err) != onnxpb.Unfit {
		t.Errorf("%v", err)
	}
}

// The three forms of a file of names say the same.
func TestParseRenames(t *testing.T) {
	want := []RenameRule{{Kind: KindTensor, From: "a,b", To: "x=y"}, {Kind: KindNode, From: "n", To: "m"}}
	for name, c := range map[string]struct {
		text string
		csv  bool
	}{
		"JSON": {`{"tensor": {"a,b": "x=y"}, "node": {"n": "m"}}`, false},
		"CSV":  {"\"a,b\",x=y\nnode,n,m\n", true},
	} {
		got, err := ParseRenames([]byte(c.text), c.csv)
		if err != nil || len(got) != 2 || !(reflect.DeepEqual(got, want) || reflect.DeepEqual(got, []RenameRule{want[1], want[0]})) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	got, err := ParseRenames([]byte("a=1=b\r\n\r\n[node]\nn=m\n[dim]\nN=M"), false)
	if err != nil || !reflect.DeepEqual(got, []RenameRule{{Kind: KindTensor, From: "a=1", To: "b"}, {Kind: KindNode, From: "n", To: "m"}, {Kind: KindDim, From: "N", To: "M"}}) {
		t.Errorf("lines: %v, %v", got, err)
	}
	flat, err := ParseRenames([]byte(`{"b": "c", "a": "b"}`), false)
	if err != nil || !reflect.DeepEqual(flat, []RenameRule{{Kind: KindTensor, From: "a", To: "b"}, {Kind: KindTensor, From: "b", To: "c"}}) {
		t.Errorf("flat JSON: %v, %v", flat, err)
	}
	for _, bad := range []string{"", "nonsense", "[wheel]\na=b", "{", `{"wheel": {"a": "b"}}`, `{"node": 3}`} {
		if _, err := ParseRenames([]byte(bad), false); onnxpb.KindOf(err) != onnxpb.Usage || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ParseRenames([]byte("a,b,c,d"), true); err == nil {
		t.Error("four fields are no error")
	}
}

// A prefix goes before every name once, also of a tensor that many nodes share, and a dollar in it is a dollar.
func TestAffixRules(t *testing.T) {
	m := richModel()
	if _, err := Rename(m, AffixRules(m, []RenameKind{KindTensor, KindNode, KindInput}, "$1/", "$")); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "with a prefix and a suffix")
	if got := m.Graph.Input[0].GetName() + " " + m.Graph.Node[0].GetName() + " " + m.Graph.Node[0].GetInput()[0]; got != "$1/x$ $1/matmul$ $1/x$" {
		t.Errorf("names: %s", got)
	}
	if rules := AffixRules(&onnxpb.ModelProto{}, RenameKinds(), "a", ""); len(rules) != 0 {
		t.Errorf("rules for nothing: %v", rules)
	}
}
