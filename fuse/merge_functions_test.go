package fuse_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// function builds custom.NAME, a function of x that gives y, with nodes as mini reads them.
func function(t testing.TB, name string, lines ...string) *onnxpb.FunctionProto {
	domain, name, ok := strings.Cut(name, ".")
	if !ok {
		domain, name = "custom", domain
	}
	return &onnxpb.FunctionProto{Domain: &domain, Name: &name, Input: []string{"x"}, Output: []string{"y"}, Node: mini(t, "->", lines...).Graph.Node,
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17), onnxpb.Opset("custom", 1)}}
}

// calling is a model with functions.
func calling(t testing.TB, functions []*onnxpb.FunctionProto, lines ...string) *onnxpb.ModelProto {
	m := mini(t, "x[2] -> y[2]", lines...)
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("custom", 1))
	m.Functions = functions
	return m
}

func showFunctions(m *onnxpb.ModelProto) string {
	var s []string
	for _, f := range m.Functions {
		var nodes []string
		for _, n := range f.Node {
			nodes = append(nodes, showNode(n))
		}
		name := f.GetDomain() + "." + f.GetName()
		if f.GetOverload() != "" {
			name += "(" + f.GetOverload() + ")"
		}
		s = append(s, name+" { "+strings.Join(nodes, "; ")+" }")
	}
	return strings.Join(s, "\n")
}

func TestMergeFunctions(t *testing.T) {
	type functions = []*onnxpb.FunctionProto
	f := func(lines ...string) *onnxpb.FunctionProto { return function(t, "f", lines...) }
	overloaded := func(lines ...string) *onnxpb.FunctionProto {
		g := f(lines...)
		g.Overload = proto.String("v2")
		return g
	}
	branches := calling(t, functions{f("y = Abs(x)")}, "y = Neg(x)")
	branches.Graph = branching(t).Graph
	branches.Graph.Node[1].Attr("then_branch").G.Node = mini(t, "->", "a = custom.f(h)").Graph.Node
	for _, tt := range []struct {
		name   string
		models []fuse.Input
		want   string // the functions
		nodes  string // the main graph's nodes that call
		told   string
	}{
		{
			name: "equal ones once",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")},
				{Name: "two", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")}},
			want:  "custom.f { y = Relu(x) }",
			nodes: "y = custom.f(x)\ntwo_y = custom.f(two_x)",
			told:  "note: function custom.f of two is one with the equal function",
		},
		{
			name: "different ones apart",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")},
				{Name: "two", Model: calling(t, functions{f("y = Neg(x)")}, "y = custom.f(x)")}},
			want:  "custom.f { y = Relu(x) }\ncustom.two_f { y = Neg(x) }",
			nodes: "y = custom.f(x)\ntwo_y = custom.two_f(two_x)",
			told:  `renamed function "two:custom.f": f -> two_f`,
		},
		{
			name: "the third is equal to the second, and the first is there too",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")},
				{Name: "two", Model: calling(t, functions{f("y = Neg(x)")}, "y = custom.f(x)")},
				{Name: "three", Model: calling(t, functions{f("y = Neg(x)")}, "y = custom.f(x)")},
				{Name: "four", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")}},
			want:  "custom.f { y = Relu(x) }\ncustom.two_f { y = Neg(x) }",
			nodes: "y = custom.f(x)\ntwo_y = custom.two_f(two_x)\nthree_y = custom.two_f(three_x)\nfour_y = custom.f(four_x)",
		},
		{
			name: "equal ones that call different ones, which stand behind them",
			models: []fuse.Input{
				{Name: "one", Model: calling(t, functions{function(t, "g", "y = custom.f(x)"), f("y = Relu(x)")}, "y = custom.g(x)")},
				{Name: "two", Model: calling(t, functions{function(t, "g", "y = custom.f(x)"), f("y = Neg(x)")}, "y = custom.g(x)")}},
			want:  "custom.g { y = custom.f(x) }\ncustom.f { y = Relu(x) }\ncustom.two_g { y = custom.two_f(x) }\ncustom.two_f { y = Neg(x) }",
			nodes: "y = custom.g(x)\ntwo_y = custom.two_g(two_x)",
		},
		{
			name: "overloads are functions of their own",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")},
				{Name: "two", Model: calling(t, functions{overloaded("y = Neg(x)")}, "y = Neg(x)")}},
			want:  "custom.f { y = Relu(x) }\ncustom.f(v2) { y = Neg(x) }",
			nodes: "y = custom.f(x)\ntwo_y = Neg(two_x)",
		},
		{
			name: "a given prefix names them",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)")},
				{Name: "two", Model: calling(t, functions{f("y = Neg(x)")}, "y = custom.f(x)"), Prefix: ptr("p.")}},
			want:  "custom.f { y = Relu(x) }\ncustom.p.f { y = Neg(x) }",
			nodes: "y = custom.f(x)\np.y = custom.p.f(p.x)",
		},
		{
			name: "a function that would take over another model's operator",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{function(t, ".Exp", "y = Relu(x)")}, "y = Exp(x)")},
				{Name: "two", Model: mini(t, "x[2] -> y[2]", "y = Exp(x)")}},
			want:  ".one_Exp { y = Relu(x) }",
			nodes: "y = one_Exp(x)\ntwo_y = Exp(two_x)",
			told:  "note: model two calls an operator Exp that is no function of its own",
		},
		{
			name: "an invented name avoids others",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)"), function(t, "two_f", "y = Abs(x)")}, "h = custom.f(x)", "y = custom.two_f(h)")},
				{Name: "two", Model: calling(t, functions{f("y = Neg(x)")}, "y = custom.f(x)")}},
			want:  "custom.f { y = Relu(x) }\ncustom.two_f { y = Abs(x) }\ncustom.two_f_1 { y = Neg(x) }",
			nodes: "h = custom.f(x)\ny = custom.two_f(h)\ntwo_y = custom.two_f_1(two_x)",
		},
		{
			name: "calls in subgraphs",
			models: []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = Relu(x)")}, "y = custom.f(x)"), Prefix: ptr("")},
				{Name: "two", Model: branches, Prefix: ptr("2")}},
			want: "custom.f { y = Relu(x) }\ncustom.2f { y = Abs(x) }",
			nodes: "y = custom.f(x)\n2h = Relu(2x)\n2y = If(2cond) { 2a = custom.2f(2h) -> 2a } { 2e = If(2cond) { 2e1 = Neg(2x) -> 2e1 } { 2t = Add(2own, 2h); 2e2 = Neg(2t) -> 2e2 }" +
				" -> 2e }",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, r := merge(t, tt.models, fuse.MergeOptions{})
			if got := showFunctions(m); got != tt.want {
				t.Errorf("functions\n%s\nwant\n%s", got, tt.want)
			}
			var nodes []string
			for _, n := range m.Graph.Node {
				nodes = append(nodes, showNode(n))
			}
			if got := strings.Join(nodes, "\n"); got != tt.nodes {
				t.Errorf("nodes\n%s\nwant\n%s", got, tt.nodes)
			}
			for _, f := range m.Functions {
				if len(f.OpsetImport) != 2 {
					t.Errorf("%s imports %v", f.GetName(), f.OpsetImport)
				}
			}
			told(t, r, tt.told)
		})
	}
	_, _, err := tryMerge(t, []fuse.Input{{Name: "one", Model: calling(t, functions{f("y = custom.f(x)")}, "y = custom.f(x)")}}, fuse.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "function custom.f calls itself") {
		t.Errorf("error %v", err)
	}
}

func TestMergeOpsets(t *testing.T) {
	with := func(imports ...*onnxpb.OperatorSetIdProto) *onnxpb.ModelProto {
		m := relu(t, "[2]")
		m.OpsetImport = imports
		return m
	}
	using := func(op string, imports ...*onnxpb.OperatorSetIdProto) *onnxpb.ModelProto {
		m := mini(t, "x[2] -> y[2]", "h = "+op+"(x)", "y = Neg(h)")
		m.OpsetImport = imports
		return m
	}
	for _, tt := range []struct {
		name string
		a, b *onnxpb.ModelProto
		want string // the imports
		err  string
		told string
	}{
		{name: "equal", a: with(onnxpb.Opset("", 17)), b: with(onnxpb.Opset("", 17)), want: ":17"},
		{name: "spelled differently", a: with(onnxpb.Opset("ai.onnx", 17)), b: with(onnxpb.Opset("", 17)), want: "ai.onnx:17"},
		{name: "different", a: with(onnxpb.Opset("", 13)), b: with(onnxpb.Opset("", 17)),
			err: `the models do not agree on operator sets: a imports ai.onnx 13, b imports ai.onnx 17, and node "Relu_h" of a is Relu, which is another operator from version 14 on (export the models for the same version, or convert`},
		{name: "different, but for the operators", a: with(onnxpb.Opset("", 14)), b: with(onnxpb.Opset("", 17)), want: ":17", told: "ai.onnx is imported at version 17, under which all operators are those that they were: a imports ai.onnx 14, b imports ai.onnx 17"},
		{name: "another order, three versions", a: with(onnxpb.Opset("", 18)), b: with(onnxpb.Opset("", 15)), want: ":18"},
		{name: "the newest is newer than what is known", a: with(onnxpb.Opset("", 17)), b: with(onnxpb.Opset("", 999)), err: "it is not known"},
		{name: "an operator that is gone", a: using("Upsample", onnxpb.Opset("", 9)), b: with(onnxpb.Opset("", 13)), err: `node "Upsample_h" of a is Upsample, which version 13 has no more`},
		{name: "united", a: using("u.Op", onnxpb.Opset("", 17), onnxpb.Opset("u", 2)), b: using("v.Op", onnxpb.Opset("v", 3), onnxpb.Opset("", 17)), want: ":17 u:2 v:3"},
		{name: "different versions of a domain of which one model uses nothing", a: with(onnxpb.Opset("", 17), onnxpb.Opset("u", 1)),
			b: using("u.Op", onnxpb.Opset("", 17), onnxpb.Opset("u", 2)), want: ":17 u:2", told: "operator set u is imported at version 2; a imports 1, but uses no operator of it"},
		{name: "different versions of a domain of which no model uses anything", a: with(onnxpb.Opset("", 17), onnxpb.Opset("u", 3)), b: with(onnxpb.Opset("", 17), onnxpb.Opset("u", 2)), want: ":17 u:3"},
		{name: "two that differ", a: using("u.Op", onnxpb.Opset("", 16), onnxpb.Opset("u", 1)), b: using("u.Op", onnxpb.Opset("", 17), onnxpb.Opset("u", 2)),
			want: "", err: `a imports u 1, b imports u 2, and node "u.Op_h" of a is Op, of which it is not known`},
		{name: "two that differ, both told", a: using("u.Op", onnxpb.Opset("", 12), onnxpb.Opset("u", 1)), b: using("u.Op", onnxpb.Opset("", 17), onnxpb.Opset("u", 2)),
			err: `a imports ai.onnx 12, b imports ai.onnx 17, and node "Neg_y" of a is Neg, which is another operator from version 13 on; a imports u 1, b imports u 2, and`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, r, err := tryMerge(t, []fuse.Input{{Name: "a", Model: tt.a}, {Name: "b", Model: tt.b}}, fuse.MergeOptions{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || onnxpb.KindOf(err) != onnxpb.Unfit {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range m.OpsetImport {
				got = append(got, o.GetDomain()+":"+string(rune('0'+o.GetVersion()/10))+string(rune('0'+o.GetVersion()%10)))
			}
			if s := strings.ReplaceAll(strings.Join(got, " "), ":0", ":"); s != tt.want {
				t.Errorf("imports %s, want %s", s, tt.want)
			}
			told(t, r, tt.told)
		})
	}
	// A domain of functions only has no versions that could disagree.
	a := calling(t, []*onnxpb.FunctionProto{function(t, "f", "y = Relu(x)")}, "y = custom.f(x)")
	b := calling(t, []*onnxpb.FunctionProto{function(t, "g", "y = Neg(x)")}, "y = custom.g(x)")
	b.OpsetImport[1].Version = proto.Int64(4)
	b.IrVersion = proto.Int64(10)
	m, _ := merge(t, []fuse.Input{{Name: "a", Model: a}, {Name: "b", Model: b}}, fuse.MergeOptions{})
	if v := m.OpsetVersion("custom"); v != 4 {
		t.Errorf("custom is imported at %d", v)
	}
	if v := m.GetIrVersion(); v != 10 {
		t.Errorf("the IR version is %d, not the highest", v)
	}
}

// TestMergeOldModels merges models from before operator sets, which imports begin with IR version 3.
func TestMergeOldModels(t *testing.T) {
	old := func(ir int64, imports ...*onnxpb.OperatorSetIdProto) *onnxpb.ModelProto {
		m := mini(t, "x[2] -> y[2]", "y = Relu(x)")
		m.IrVersion, m.OpsetImport = proto.Int64(ir), imports
		return m
	}
	m, _, err := tryMerge(t, []fuse.Input{{Name: "a", Model: old(2)}, {Name: "b", Model: old(3, onnxpb.Opset("", 1))}}, fuse.MergeOptions{})
	if err != nil || m.GetIrVersion() != 3 || len(m.OpsetImport) != 1 || m.OpsetVersion("") != 1 {
		t.Errorf("%v, %v", m, err)
	}
	_, _, err = tryMerge(t, []fuse.Input{{Name: "a", Model: old(2)}, {Name: "b", Model: old(3, onnxpb.Opset("", 6))}}, fuse.MergeOptions{})
	if err == nil || !strings.Contains(err.Error(), "a imports ai.onnx 1, b imports ai.onnx 6") {
		t.Errorf("error %v", err)
	}
	m, _, err = tryMerge(t, []fuse.Input{{Name: "a", Model: old(2)}, {Name: "b", Model: old(2)}}, fuse.MergeOptions{})
	if err != nil || m.GetIrVersion() != 2 || len(m.OpsetImport) != 0 {
		t.Errorf("%v, %v", m, err)
	}
}
