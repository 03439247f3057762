package fuse_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// branching is y = cond ? h+w : -t, where both branches capture values of the main graph, and the else branch has one in a subgraph of its own.
func branching(t testing.TB) *onnxpb.ModelProto {
	m := mini(t, "cond:bool[] x[2] -> y[2]", "w = 1 2", "h = Relu(x)")
	branch := func(name string, lines ...string) *onnxpb.GraphProto {
		return mini(t, "-> "+name+"[2]", lines...).Graph
	}
	inner := onnxpb.Node("If", "inner_if", []string{"cond"}, []string{"e"},
		onnxpb.GraphAttr("then_branch", branch("e1", "e1 = Neg(x)")), onnxpb.GraphAttr("else_branch", branch("e2", "own = 3 4", "t = Add(own, h)", "e2 = Neg(t)")))
	elseBranch := branch("e")
	elseBranch.Node = append(elseBranch.Node, inner)
	m.Graph.Node = append(m.Graph.Node, onnxpb.Node("If", "if", []string{"cond"}, []string{"y"},
		onnxpb.GraphAttr("then_branch", branch("a", "a = Add(h, w)")), onnxpb.GraphAttr("else_branch", elseBranch)))
	return m
}

func TestMergeFollowsNamesIntoSubgraphs(t *testing.T) {
	t.Run("invented", func(t *testing.T) {
		m, _ := merge(t, []fuse.Input{{Name: "p", Model: mini(t, "in[2] -> x[2]", "x = Exp(in)")}, {Name: "q", Model: branching(t)}, {Name: "r", Model: branching(t)}},
			fuse.MergeOptions{Connect: connections(t, "p:x=r:x q:cond=r:cond")})
		want := `in[2] cond:bool[] q_x[2] -> y[2] r_y[2]
w = ...
r_w = ...
x = Exp(in)
h = Relu(q_x)
y = If(cond) { a = Add(h, w) -> a } { e = If(cond) { e1 = Neg(q_x) -> e1 } { t = Add(own, h); e2 = Neg(t) -> e2 } -> e }
r_h = Relu(x)
r_y = If(cond) { r_a = Add(r_h, r_w) -> r_a } { r_e = If(cond) { r_e1 = Neg(x) -> r_e1 } { r_t = Add(r_own, r_h); r_e2 = Neg(r_t) -> r_e2 } -> r_e }`
		if got := show(m); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("given", func(t *testing.T) {
		m, _ := merge(t, []fuse.Input{{Name: "p", Model: mini(t, "in[2] -> x[2]", "x = Exp(in)")}, {Name: "q", Model: branching(t), Prefix: ptr("q/")}},
			fuse.MergeOptions{Connect: connections(t, "p:x=q:x")})
		want := `in[2] q/cond:bool[] -> q/y[2]
q/w = ...
x = Exp(in)
q/h = Relu(x)
q/y = If(q/cond) { q/a = Add(q/h, q/w) -> q/a } { q/e = If(q/cond) { q/e1 = Neg(x) -> q/e1 } { q/t = Add(q/own, q/h); q/e2 = Neg(q/t) -> q/e2 } -> q/e }`
		if got := show(m); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if name := m.Graph.Node[2].GetName(); name != "q/if" {
			t.Errorf("the node is called %q", name)
		}
	})
	t.Run("a name of a main graph that another model has in a subgraph", func(t *testing.T) {
		m, _ := merge(t, []fuse.Input{{Name: "q", Model: branching(t)}, {Name: "r", Model: mini(t, "own[2] -> t[2]", "t = Exp(own)")}}, fuse.MergeOptions{})
		if got := m.Graph.Node[2]; got.Input[0] != "r_own" || got.Output[0] != "r_t" {
			t.Errorf("%s shadows or is shadowed", showNode(got))
		}
	})
	t.Run("a subgraph's tensor cannot be joined", func(t *testing.T) {
		_, _, err := tryMerge(t, []fuse.Input{{Name: "q", Model: branching(t)}, {Name: "r", Model: relu(t, "[2]")}}, fuse.MergeOptions{Connect: connections(t, "q:e2=r:x")})
		if err == nil || !strings.Contains(err.Error(), `tensor "q:e2": it lives in a subgraph of node "if"`) {
			t.Errorf("error %v", err)
		}
	})
}

// TestMergeCapturesOrderNodes has a node that waits for another model only through what its subgraph captures.
func TestMergeCapturesOrderNodes(t *testing.T) {
	m, _ := merge(t, []fuse.Input{{Name: "q", Model: branching(t)}, {Name: "p", Model: mini(t, "in[2] -> out[2]", "out = Exp(in)")}},
		fuse.MergeOptions{Connect: connections(t, "p:out=q:x")})
	if got := showNode(m.Graph.Node[0]); got != "out = Exp(in)" {
		t.Errorf("the first node is %s", got)
	}
	_, _, err := tryMerge(t, []fuse.Input{{Name: "q", Model: branching(t)}}, fuse.MergeOptions{Connect: connections(t, "q:y=q:x")})
	if onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("a cycle through a capture: error %v", err)
	}
}

func TestMergeNamesNodesAndInitializers(t *testing.T) {
	weighted := func() *onnxpb.ModelProto { return mini(t, "x[2] -> y[2]", "w = 1 2", "y = Mul(x, w)") }
	m, r := merge(t, []fuse.Input{{Name: "one", Model: weighted()}, {Name: "two", Model: weighted()}}, fuse.MergeOptions{})
	if a, b := m.Graph.Node[0].GetName(), m.Graph.Node[1].GetName(); a != "Mul_y" || b != "two_Mul_y" {
		t.Errorf("the nodes are called %s and %s", a, b)
	}
	told(t, r, `renamed input "two:x": x -> two_x`, `renamed output "two:y": y -> two_y`, `renamed initializer "two:w": w -> two_w`, `renamed node "two:Mul_y": Mul_y -> two_Mul_y`)
	// The weights are the inputs' own, not copies.
	w := weighted()
	m, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: w}}, fuse.MergeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if &m.Graph.Initializer[0].RawData[0] != &w.Graph.Initializer[0].RawData[0] {
		t.Error("the payload of w was copied")
	}
}

// TestMergeTellsManyNamesAsOne keeps reports readable: a thousand inner names of a kind are one line.
func TestMergeTellsManyNamesAsOne(t *testing.T) {
	m := mini(t, "x[2] -> y[2]")
	last := "x"
	for i := range 1000 {
		next := fmt.Sprintf("v%d", i)
		m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Neg", "", []string{last}, []string{next}))
		last = next
	}
	m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Neg", "", []string{last}, []string{"y"}))
	_, r := merge(t, []fuse.Input{{Name: "one", Model: m}, {Name: "two", Model: m}}, fuse.MergeOptions{})
	if len(r.Changes) > 10 {
		t.Errorf("%d changes are told", len(r.Changes))
	}
	told(t, r, `renamed 1000 tensors of "two": such as v0 -> two_v0`)
}

func TestMergeQuantisationAnnotations(t *testing.T) {
	annotated := func(scale string) *onnxpb.ModelProto {
		m := mini(t, "x[2] -> y[2]", scale+" = 1", "y = Relu(x)", "z = Mul(y, "+scale+")")
		for _, tensor := range []string{"x", "y"} {
			m.Graph.QuantizationAnnotation = append(m.Graph.QuantizationAnnotation, &onnxpb.TensorAnnotation{TensorName: proto.String(tensor),
				QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{{Key: proto.String("SCALE_TENSOR"), Value: proto.String(scale)}}})
		}
		return m
	}
	m, r := merge(t, []fuse.Input{{Name: "one", Model: annotated("s")}, {Name: "two", Model: annotated("s")}}, fuse.MergeOptions{Connect: connections(t, "one:y=two:x")})
	var got []string
	for _, a := range m.Graph.QuantizationAnnotation {
		got = append(got, a.GetTensorName()+":"+a.QuantParameterTensorNames[0].GetValue())
	}
	// The annotation of two:x, which is one:y now, gives way to that of one:y.
	if want := "x:s y:s two_y:two_s"; strings.Join(got, " ") != want {
		t.Errorf("annotations %v, want %s", got, want)
	}
	told(t, r, `note: the quantisation annotation of y in two gives way`)
}

func TestMergeTrainingInfo(t *testing.T) {
	trained := func() *onnxpb.ModelProto {
		m := mini(t, "x[2] -> y[2]", "w = 1 2", "y = Mul(x, w)")
		m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
			Algorithm:     mini(t, "-> w_new[2]", "w_new = Sub(w, y)").Graph,
			UpdateBinding: []*onnxpb.StringStringEntryProto{{Key: proto.String("w"), Value: proto.String("w_new")}},
		}}
		return m
	}
	m, r := merge(t, []fuse.Input{{Name: "one", Model: trained()}, {Name: "two", Model: trained()}}, fuse.MergeOptions{})
	if len(m.TrainingInfo) != 2 {
		t.Fatalf("%d training infos", len(m.TrainingInfo))
	}
	second := m.TrainingInfo[1]
	if got := showNode(second.Algorithm.Node[0]); got != "two_w_new = Sub(two_w, two_y)" {
		t.Errorf("the second algorithm is %s", got)
	}
	if b := second.UpdateBinding[0]; b.GetKey() != "two_w" || b.GetValue() != "two_w_new" {
		t.Errorf("the second binding is %v", b)
	}
	told(t, r, "training information of one, two stands one behind the other")

	m2 := trained()
	m2.Graph.Input = append(m2.Graph.Input, value(t, "w[2]"))
	_, _, err := tryMerge(t, []fuse.Input{{Name: "one", Model: relu(t, "[2]")}, {Name: "two", Model: m2}}, fuse.MergeOptions{Connect: connections(t, "one:y=two:w")})
	if err == nil || !strings.Contains(err.Error(), `tensor "two:w": the training information sets this input's initializer`) {
		t.Errorf("error %v", err)
	}
}

func TestMergeValueInfo(t *testing.T) {
	one := relu(t, "[N,3]")
	one.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value(t, "h[N,3]")}
	two := mini(t, "in[M,3] -> out[M,3]", "out = Exp(in)")
	two.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value(t, "in[M,3]")}
	infos := func(m *onnxpb.ModelProto) string {
		var s []string
		for _, v := range m.Graph.ValueInfo {
			s = append(s, v.GetName()+strings.TrimPrefix(onnxpb.FormatTypeProto(v.GetType()), "float32 "))
		}
		return strings.Join(s, " ")
	}
	m, _ := merge(t, []fuse.Input{{Name: "one", Model: one}, {Name: "two", Model: two}}, fuse.MergeOptions{Connect: connections(t, "one:y=two:in")})
	// The declaration of two:in goes, that of the output that is none any more becomes value_info.
	if got, want := infos(m), "h[N,3] y[N,3]"; got != want {
		t.Errorf("value_info %s, want %s", got, want)
	}
	m, _ = merge(t, []fuse.Input{{Name: "one", Model: one}, {Name: "two", Model: two}}, fuse.MergeOptions{Connect: connections(t, "one:h=two:in"), Outputs: outputs(t, "one:h two:out")})
	if got, want := infos(m), "y[N,3]"; got != want {
		t.Errorf("value_info %s, want %s", got, want)
	}
	if got, want := strings.Split(show(m), "\n")[0], "x[N,3] -> h[N,3] out[N,3]"; got != want {
		t.Errorf("interface %s, want %s", got, want)
	}
}

func TestMergeNamesTheCommandLineReads(t *testing.T) {
	odd := mini(t, "->")
	odd.Graph.Input = append(odd.Graph.Input, onnxpb.TensorValue("a:0", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(2)))
	for _, n := range []string{"a=b", "a", "b=c:x", "p,q", "p"} {
		odd.Graph.Output = append(odd.Graph.Output, onnxpb.TensorValue(n, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(2)))
		odd.Graph.Node = append(odd.Graph.Node, onnxpb.Node("Neg", "", []string{"a:0"}, []string{n}))
	}
	two := mini(t, "in[2] -> out[2]", "out = Exp(in)")
	two.Graph.Input = append(two.Graph.Input, onnxpb.TensorValue("b=two:in", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(2)))
	p := fuse.NewParser([]fuse.Input{{Name: "odd", Model: odd}, {Name: "two", Model: two}, {Name: "odd:a", Model: two}})
	for _, tt := range []struct{ text, from, to, err string }{
		{text: "odd:a=two:in", from: "odd:a", to: "two:in"},
		{text: "odd:a=b=two:in", from: "odd:a=b", to: "two:in"},
		{text: "odd:b=c:x=two:in", from: "odd:b=c:x", to: "two:in"},
		{text: "odd:a:0=two:in", from: "odd:a:0", to: "two:in"},
		{text: "odd:a:out=two:in", from: "odd:a:out", to: "two:in"},
		{text: "odd:nosuch=two:in", from: "odd:nosuch", to: "two:in"}, // Merge tells what is wrong
		{text: "tow:out=odd:a:0", err: `there is no model "tow" (did you mean two?)`},
		{text: "odd:a=tow:in", err: `there is no model "tow" (did you mean two?)`},
		{text: "a=in", err: `connection "a=in" is not of the form MODEL:TENSOR=MODEL:INPUT (the models are odd, two, odd:a)`},
		{text: "odd:a", err: `connection "odd:a" is not of the form`},
	} {
		c, err := p.Connection(tt.text)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %s", tt.text, err, tt.err)
			}
		case err != nil || c.From.String() != tt.from || c.To.String() != tt.to:
			t.Errorf("%s: %v, %v (%v)", tt.text, c.From, c.To, err)
		}
	}
	for _, tt := range []struct{ text, want, err string }{
		{text: "odd:a,two:out=y", want: "odd:a as  | two:out as y"},
		{text: "odd:a=c", want: "odd:a as c"},
		{text: "odd:p,q", want: "odd:p,q as "},
		{text: "odd:p,q=z", want: "odd:p,q as z"},
		{text: "odd:b=c:x", want: "odd:b=c:x as "},
		{text: "odd:a=b", err: `output "odd:a=b" can be read as odd:a called "b" and as odd:a=b`},
		{text: "odd:nosuch", want: "odd:nosuch as "},
		{text: "tow:out", err: `there is no model "tow"`},
		{text: "out", err: `output "out" is not of the form MODEL:TENSOR`},
	} {
		specs, err := p.Outputs(tt.text)
		var got []string
		for _, s := range specs {
			got = append(got, s.End.String()+" as "+s.As)
		}
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %s", tt.text, err, tt.err)
			}
		case err != nil || strings.Join(got, " | ") != tt.want:
			t.Errorf("%s: %v (%v)", tt.text, got, err)
		}
	}
}
