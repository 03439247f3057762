package surgery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		from, to string
		exists   bool
		name     string
		want     string // "-" where the pattern does not match
	}{
		{"a", "b", true, "a", "b"},
		{"a", "b", false, "ab", "-"},
		{"a[0]", "b$$1", true, "a[0]", "b$1"}, // a name is a name, and its new name is taken as it is
		{"a[0]", "b", false, "a[0]", "-"},     // as a glob it is a0
		{"a[0]", "b", false, "a0", "b"},
		{"re:x", "b", true, "re:x", "b"},
		{"*", "p_$1", false, "a/b", "p_a/b"},
		{"*_1", "$1", false, "a_1_1", "a_1"},
		{"a?c*", "$2-$1", false, "axcde", "de-x"},
		{"[a-c]x", "$1", false, "bx", "b"},
		{"[a-c]x", "$1", false, "dx", "-"},
		{"[!a-c]x", "$1", false, "dx", "d"},
		{"[^a-c]x", "$1", false, "ax", "-"},
		{"[]]x", "$1", false, "]x", "]"},
		{`[\]]x`, "$1", false, "]x", "]"},
		{`[a\-c]x`, "$1", false, "bx", "-"},
		{`a\**`, "$1", false, "a*b", "b"},
		{`a\**`, "$1", false, "ab", "-"},
		{"a.*", "$1", false, "axb", "-"}, // a dot is a dot in a glob
		{"é?", "$1", false, "éü", "ü"},
		{"re:(.*)_1", "$1", false, "x_1", "x"},
		{"re:(.*)_1", "$1", false, "x_12", "-"}, // the whole name
		{"re:a|b", "c", false, "ab", "-"},       // also of alternatives
		{"re:(.)(.)", "$2_$1", false, "xy", "y_x"},
		{"re:(.)(.)", "${2}0$1", false, "xy", "y0x"},
		{"re:(?P<n>.)y", "${n}$$1$", false, "xy", "x$1$"},
		{"re:(a)?b", "c$1", false, "b", "c"},
		{"re:(?i)X", "y", false, "x", "y"},
		{"re:x.y", "z", false, "x\ny", "-"},
		{"x*y", "z", false, "x\ny", "z"},
	} {
		p, err := newPattern(c.from, c.exists)
		if err != nil {
			t.Errorf("%q: %v", c.from, err)
			continue
		}
		if err := p.check(c.to); err != nil {
			t.Errorf("%q to %q: %v", c.from, c.to, err)
		}
		got, ok := p.rename(c.name, c.to)
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%q to %q makes %q of %q, want %q", c.from, c.to, got, c.name, c.want)
		}
	}
	for _, c := range []struct{ from, to, want string }{
		{"", "b", "empty"},
		{"re:(", "b", "regular expression"},
		{"re:a)(b", "b", "regular expression"},
		{"a[b", "b", "without its ]"},
		{"a[z-a]", "b", "character class"},
		{"re:(.)", "$2", "asks for the group $2"},
		{"re:(.)", "${x}", "asks for the group $x"},
		{"a*", "$0$9", "asks for the group $9"},
		{"a*", "$99999999999999999999", "asks for the group"},
	} {
		p, err := newPattern(c.from, false)
		if err == nil {
			err = p.check(c.to)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("%q to %q: error %v, want wrong usage with %q", c.from, c.to, err, c.want)
		}
	}
}

// dump writes where names stand in a model, in the order of the graph.
func dump(m *onnxpb.ModelProto) string {
	var b strings.Builder
	var graph func(g *onnxpb.GraphProto)
	values := func(what string, l []*onnxpb.ValueInfoProto) {
		for _, v := range l {
			fmt.Fprintf(&b, "%s %s; ", what, v.GetName())
		}
	}
	graph = func(g *onnxpb.GraphProto) {
		values("in", g.GetInput())
		for _, t := range g.GetInitializer() {
			fmt.Fprintf(&b, "init %s; ", t.GetName())
		}
		for _, n := range g.GetNode() {
			fmt.Fprintf(&b, "%s(%s)=%s", n.GetOpType(), strings.Join(n.GetInput(), ","), strings.Join(n.GetOutput(), ","))
			for s := range n.Subgraphs() {
				b.WriteString("{")
				graph(s)
				b.WriteString("}")
			}
			b.WriteString("; ")
		}
		values("info", g.GetValueInfo())
		values("out", g.GetOutput())
	}
	graph(m.GetGraph())
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "; }", ";}"))
}

func branch(out string, nodes ...*onnxpb.NodeProto) *onnxpb.GraphProto {
	return &onnxpb.GraphProto{Name: proto.String("b"), Node: nodes, Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue(out, tFloat, nx3())}}
}

// branchModel has the local value t in both branches of an If, which capture x, and later a value u.
func branchModel() *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{
			Name:        proto.String("g"),
			Input:       []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, nx3()), onnxpb.TensorValue("c", tBool, []onnxpb.Dim{}), onnxpb.TensorValue("w", tFloat, onnxpb.Numbers(3))},
			Initializer: []*onnxpb.TensorProto{floats("w", []int64{3}, 1, 2, 3)},
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("If", "if", []string{"c"}, []string{"y"},
					onnxpb.GraphAttr("then_branch", branch("p", onnxpb.Node("Neg", "n1", []string{"x"}, []string{"t"}), onnxpb.Node("Abs", "n2", []string{"t"}, []string{"p"}))),
					onnxpb.GraphAttr("else_branch", branch("q", onnxpb.Node("Exp", "n3", []string{"x"}, []string{"t"}), onnxpb.Node("Abs", "n4", []string{"t"}, []string{"q"})))),
				onnxpb.Node("Mul", "mul", []string{"y", "w"}, []string{"u"}),
			},
			ValueInfo: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", tFloat, nx3())},
			Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("u", tFloat, nx3()), onnxpb.TensorValue("x", tFloat, nx3())},
		},
	}
}

func TestRename(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []RenameRule
		want  string
		told  []string
		notes int
	}{
		{"a captured input that is an output and is told once", []RenameRule{{Kind: KindInput, From: "x", To: "image"}},
			"in image; in c; in w; init w; If(c)=y{Neg(image)=t; Abs(t)=p; out p;}{Exp(image)=t; Abs(t)=q; out q;}; Mul(y,w)=u; info y; out u; out image;",
			[]string{"renamed input x"}, 1},
		{"an input with a default", []RenameRule{{Kind: KindInput, From: "w", To: "weight"}},
			"in x; in c; in weight; init weight; If(c)=y{Neg(x)=t; Abs(t)=p; out p;}{Exp(x)=t; Abs(t)=q; out q;}; Mul(y,weight)=u; info y; out u; out x;",
			[]string{"renamed input w"}, 0},
		{"a swap", []RenameRule{{Kind: KindTensor, From: "x", To: "y"}, {Kind: KindTensor, From: "y", To: "x"}},
			"in y; in c; in w; init w; If(c)=x{Neg(y)=t; Abs(t)=p; out p;}{Exp(y)=t; Abs(t)=q; out q;}; Mul(x,w)=u; info x; out u; out y;",
			[]string{"renamed input x", "renamed tensor y"}, 0},
		{"a ring through a subgraph", []RenameRule{{Kind: KindTensor, From: "x", To: "t"}, {Kind: KindTensor, From: "re:t", To: "y"}, {Kind: KindTensor, From: "y", To: "x"}},
			"in t; in c; in w; init w; If(c)=x{Neg(t)=y; Abs(y)=p; out p;}{Exp(t)=y; Abs(y)=q; out q;}; Mul(x,w)=u; info x; out u; out t;",
			[]string{"renamed input x", "renamed tensor t", "renamed tensor t", "renamed tensor y"}, 0},
		{"the same new name in branches side by side", []RenameRule{{Kind: KindTensor, From: "[pq]", To: "r"}},
			"in x; in c; in w; init w; If(c)=y{Neg(x)=t; Abs(t)=r; out r;}{Exp(x)=t; Abs(t)=r; out r;}; Mul(y,w)=u; info y; out u; out x;",
			[]string{"renamed tensor p", "renamed tensor q"}, 0},
		{"two rules that agree", []RenameRule{{Kind: KindOutput, From: "u", To: "out"}, {Kind: KindTensor, From: "re:u", To: "out"}},
			"in x; in c; in w; init w; If(c)=y{Neg(x)=t; Abs(t)=p; out p;}{Exp(x)=t; Abs(t)=q; out q;}; Mul(y,w)=out; info y; out out; out x;",
			[]string{"renamed output u"}, 0},
		{"a name that another one leaves", []RenameRule{{Kind: KindTensor, From: "re:t", To: "s"}, {Kind: KindTensor, From: "x", To: "t"}},
			"in t; in c; in w; init w; If(c)=y{Neg(t)=s; Abs(s)=p; out p;}{Exp(t)=s; Abs(s)=q; out q;}; Mul(y,w)=u; info y; out u; out t;",
			[]string{"renamed input x", "renamed tensor t", "renamed tensor t"}, 0},
		{"one of two in branches side by side, by its path", []RenameRule{{Kind: KindTensor, From: "if/else_branch/t", To: "s"}},
			"in x; in c; in w; init w; If(c)=y{Neg(x)=t; Abs(t)=p; out p;}{Exp(x)=s; Abs(s)=q; out q;}; Mul(y,w)=u; info y; out u; out x;",
			[]string{"renamed tensor t"}, 0},
		{"no rule", nil,
			"in x; in c; in w; init w; If(c)=y{Neg(x)=t; Abs(t)=p; out p;}{Exp(x)=t; Abs(t)=q; out q;}; Mul(y,w)=u; info y; out u; out x;", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := branchModel()
			r, err := Rename(m, c.rules)
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(m); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := told(r); !reflect.DeepEqual(got, c.told) || len(r.Notes) != c.notes {
				t.Errorf("told %q and %d notes, want %q and %d", got, len(r.Notes), c.told, c.notes)
			}
			valid(t, m, "after the edit")
		})
	}
}

func TestRenameRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []RenameRule
		want  string
		kind  onnxpb.Kind
	}{
		{"no such input, near one", []RenameRule{{Kind: KindInput, From: "xx", To: "z"}}, `no input "xx" (did you mean "x", "c"`, onnxpb.Unfit},
		{"no such input, few there", []RenameRule{{Kind: KindInput, From: "nosuchthing", To: "z"}}, `(there is "x", "c", "w")`, onnxpb.Unfit},
		{"no input, but a tensor", []RenameRule{{Kind: KindInput, From: "y", To: "z"}}, `no input "y" (it is another tensor`, onnxpb.Unfit},
		{"no match", []RenameRule{{Kind: KindOutput, From: "a*", To: "z"}}, `no output matches "a*"`, onnxpb.Unfit},
		{"a name that exists", []RenameRule{{Kind: KindTensor, From: "x", To: "y"}}, `input "x" cannot be called "y": a tensor has that name`, onnxpb.Unfit},
		{"a name that exists, the other way round", []RenameRule{{Kind: KindTensor, From: "y", To: "x"}}, `tensor "y" cannot be called "x": an input has that name`, onnxpb.Unfit},
		{"two to one", []RenameRule{{Kind: KindTensor, From: "x", To: "z"}, {Kind: KindTensor, From: "y", To: "z"}}, `"x" and "y" would both be called "z"`, onnxpb.Unfit},
		{"a value that would hide in a subgraph", []RenameRule{{Kind: KindTensor, From: "u", To: "t"}}, `output "u" cannot be called "t"`, onnxpb.Unfit},
		{"a value of a subgraph that would hide another", []RenameRule{{Kind: KindTensor, From: "p", To: "u"}}, `tensor "p" cannot be called "u"`, onnxpb.Unfit},
		{"two in one subgraph", []RenameRule{{Kind: KindTensor, From: "[tp]", To: "z"}}, `would both be called "z"`, onnxpb.Unfit},
		{"empty", []RenameRule{{Kind: KindTensor, From: "x", To: ""}}, `new name of tensor "x" is empty`, onnxpb.Unfit},
		{"empty by a pattern", []RenameRule{{Kind: KindTensor, From: "re:(x?)", To: "${1}y"}, {Kind: KindTensor, From: "re:x()", To: "$1"}}, `new name of tensor "x" is empty`, onnxpb.Unfit},
		{"twice", []RenameRule{{Kind: KindInput, From: "x", To: "a"}, {Kind: KindTensor, From: "x", To: "b"}}, `tensor "x" would be renamed twice: to "a" by "x", and to "b" by "x"`, onnxpb.Unfit},
		{"no such node", []RenameRule{{Kind: KindNode, From: "mull", To: "z"}}, `no node "mull" (did you mean "mul"`, onnxpb.Unfit},
		{"a node that exists", []RenameRule{{Kind: KindNode, From: "n1", To: "n3"}}, `node "n1" cannot be called "n3"`, onnxpb.Unfit},
		{"two nodes to one", []RenameRule{{Kind: KindNode, From: "n*", To: "n"}}, `"n1" and "n2" would both be called "n"`, onnxpb.Unfit},
		{"no such dimension", []RenameRule{{Kind: KindDim, From: "M", To: "z"}}, `no dimension "M" (`, onnxpb.Unfit},
		{"a dimension to a number", []RenameRule{{Kind: KindDim, From: "N", To: "1"}}, `that is a number`, onnxpb.Usage},
		{"no kind", []RenameRule{{Kind: RenameKind(9), From: "N", To: "1"}}, `kind 9`, onnxpb.Usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := branchModel()
			before := marshal(t, m)
			_, err := Rename(m, c.rules)
			if err == nil || !strings.Contains(err.Error(), c.want) || onnxpb.KindOf(err) != c.kind {
				t.Errorf("error %v (kind %d), want %q (kind %d)", err, onnxpb.KindOf(err), c.want, c.kind)
			}
			if !bytes.Equal(before, marshal(t, m)) {
				t.Error("the model changed")
			}
		})
	}
}

// A subgraph that comes before a value of the main graph may have one of the same name for itself: each is renamed, or not, on its own.
func TestRenameReusedName(t *testing.T) {
	m := branchModel()
	m.Graph.Node[1].Output[0] = "t"
	m.Graph.Output[0].Name = proto.String("t")
	if _, err := Rename(m, []RenameRule{{Kind: KindOutput, From: "t", To: "result"}}); err != nil {
		t.Fatal(err)
	}
	want := "in x; in c; in w; init w; If(c)=y{Neg(x)=t; Abs(t)=p; out p;}{Exp(x)=t; Abs(t)=q; out q;}; Mul(y,w)=result; info y; out result; out x;"
	if got := dump(m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What stands somewhere without being there is renamed along, and no other value takes its name.
func TestRenameStaleNames(t *testing.T) {
	m := branchModel()
	m.Graph.ValueInfo = append(m.Graph.ValueInfo, onnxpb.TensorValue("stale", tInt64, nil))
	if _, err := Rename(m, []RenameRule{{Kind: KindTensor, From: "y", To: "stale"}}); err == nil {
		t.Error("a value took the name of a declaration that is another's")
	}
	if _, err := Rename(m, []RenameRule{{Kind: KindTensor, From: "stale", To: "gone"}, {Kind: KindTensor, From: "y", To: "stale"}}); err != nil {
		t.Error(err)
	}
	if got := m.Graph.ValueInfo[1].GetName(); got != "gone" {
		t.Errorf("the declaration is called %q", got)
	}
}

// A name that stands outside of the subgraph whose value it is follows that value where all of that name are renamed.
func TestRenameNamedFromOutside(t *testing.T) {
	m := branchModel()
	m.MetadataProps = []*onnxpb.StringStringEntryProto{entry("onnxtool.dmhead.front_pose", "t"), entry("other", "t")}
	if _, err := Rename(m, []RenameRule{{Kind: KindTensor, From: "re:t", To: "s"}}); err != nil {
		t.Fatal(err)
	}
	if a, b := m.MetadataProps[0].GetValue(), m.MetadataProps[1].GetValue(); a != "s" || b != "t" {
		t.Errorf("the metadata are %q and %q", a, b)
	}
}

// A name that stands in branches side by side, as the body of another If may be a copy, means one of them only with its path.
func TestRenameAsksWhichTensor(t *testing.T) {
	failsWith(t, branchModel(), func(m *onnxpb.ModelProto) (*Report, error) {
		return Rename(m, []RenameRule{{Kind: KindTensor, From: "t", To: "s"}})
	}, onnxpb.Unfit,
		`which is meant: "if/then_branch/t", "if/else_branch/t"`)
}

// Outputs that are listed twice stay so.
func TestRenameOutputTwice(t *testing.T) {
	m := branchModel()
	m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("u", tFloat, nx3()))
	r, err := Rename(m, []RenameRule{{Kind: KindOutput, From: "u", To: "v"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Changes) != 1 || m.Graph.Output[0].GetName() != "v" || m.Graph.Output[2].GetName() != "v" {
		t.Errorf("outputs %v, changes %v", m.Graph.Output, r.Changes)
	}
}

// A symbol is renamed in types within types, in subgraphs and in sharding specifications; where it becomes one with another, or stands in an expression, there is a note.
func TestRenameDim(t *testing.T) {
	m := richModel()
	then := m.Graph.Node[3].Attr("then_branch").G
	opt := m.Graph.Output[2].GetType().GetOptionalType().GetElemType().GetTensorType().GetShape().GetDim()[0]
	opt.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "2*N + 1"}
	then.ValueInfo[0].ShapeProto().Dim[0].Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "M"}
	r, err := Rename(m, []RenameRule{{Kind: KindDim, From: "N", To: "M"}})
	if err != nil {
		t.Fatal(err)
	}
	m2 := m.Graph
	shard := m2.Node[0].DeviceConfigurations[0].ShardingSpec[0].ShardedDim[0].SimpleSharding[0].GetDimParam()
	deep := m2.Node[4].Attr("body").G.Node[1].Attr("then_branch").G.Output[0].ShapeProto().Dim[0].GetDimParam()
	got := []string{m2.Input[0].ShapeProto().Dim[0].GetDimParam(), m2.Output[1].GetType().GetSequenceType().GetElemType().GetTensorType().GetShape().GetDim()[0].GetDimParam(),
		m2.Output[2].GetType().GetOptionalType().GetElemType().GetTensorType().GetShape().GetDim()[0].GetDimParam(), shard, deep}
	if want := []string{"M", "M", "2*N + 1", "M", "M"}; !reflect.DeepEqual(got, want) {
		t.Errorf("dimensions %q, want %q", got, want)
	}
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "are one now") || !strings.Contains(r.Notes[1], "expression") {
		t.Errorf("notes %q", r.Notes)
	}
}

// Every value, node and dimension is renamed and renamed back: the same bytes, and in between the same meaning under names that all changed.
func TestRenameThereAndBack(t *testing.T) {
	there := []RenameRule{{Kind: KindTensor, From: "*", To: "<$1>"}, {Kind: KindNode, From: "*", To: "<$1>"}}
	back := []RenameRule{{Kind: KindTensor, From: "re:<(.*)>", To: "$1"}, {Kind: KindNode, From: "re:<(.*)>", To: "$1"}}
	check := func(t *testing.T, m *onnxpb.ModelProto, there, back []RenameRule) {
		before, means := marshal(t, m), meaning(m, func(s string) string { return s })
		if _, err := Rename(m, there); err != nil {
			t.Fatal(err)
		}
		valid(t, m, "renamed")
		v := nameVisitor{value: func(p *string) {
			if !strings.HasPrefix(*p, "<") {
				t.Errorf("%q kept its name", *p)
			}
		}}
		v.model(m)
		if got := meaning(m, func(s string) string { return strings.Trim(s, "<>") }); !reflect.DeepEqual(got, means) {
			t.Error("the renamed model computes something else")
		}
		if _, err := Rename(m, back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, marshal(t, m)) {
			t.Error("renamed back, the bytes differ")
		}
	}
	eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, _ *rand.Rand) { check(t, m, there, back) })
	check(t, richModel(), append(there, RenameRule{Kind: KindDim, From: "*", To: "<$1>"}), append(back, RenameRule{Kind: KindDim, From: "re:<(.*)>", To: "$1"}))
}

// A random renaming of some names, by exact rules, among them swaps: the meaning stays.
func TestRenameShuffled(t *testing.T) {
	eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, r *rand.Rand) {
		names := NewGraph(m).Values()
		to := append([]string(nil), names...)
		r.Shuffle(len(to), func(i, k int) { to[i], to[k] = to[k], to[i] })
		var rules []RenameRule
		back := map[string]string{}
		for i, n := range names {
			rules = append(rules, RenameRule{Kind: KindTensor, From: n, To: to[i]})
			back[to[i]] = n
		}
		means := meaning(m, func(s string) string { return s })
		if _, err := Rename(m, rules); err != nil {
			t.Fatal(err)
		}
		valid(t, m, "renamed")
		if got := meaning(m, func(s string) string { return back[s] }); !reflect.DeepEqual(got, means) {
			t.Error("the renamed model computes something else")
		}
	})
}
