package surgery

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

func TestNames(t *testing.T) {
	m := branchModel()
	n := NewNames(m)
	for _, c := range []struct{ got, want string }{
		{n.Value("new"), "new"}, {n.Value("new"), "new_1"}, {n.Value("new"), "new_2"}, {n.Value("new_1"), "new_1_1"},
		{n.Value("x"), "x_1"}, {n.Value("t"), "t_1"}, {n.Value("p"), "p_1"}, {n.Value(""), "value"}, {n.Value(""), "value_1"},
		{n.Node("mul"), "mul_1"}, {n.Node("n4"), "n4_1"}, {n.Node("x"), "x"}, {n.Node(""), "node"},
	} {
		if c.got != c.want {
			t.Errorf("invented %q, want %q", c.got, c.want)
		}
	}
	if !n.HasValue("x_1") || n.HasValue("x_2") || !n.HasNode("n1") || n.HasNode("t") {
		t.Error("what is taken is not told right")
	}
	other := graphOf("extra: e > new_3")
	n.Take(other)
	if got := n.Value("new"); got != "new_4" {
		t.Errorf("invented %q beside another model's name", got)
	}
	// Stale and training names are names too.
	n = NewNames(richModel())
	for _, name := range []string{"deep_out", "W", "S", "delta", "fresh", "then_w", "h_scale"} {
		if !n.HasValue(name) {
			t.Errorf("%q is not taken", name)
		}
	}
}

func TestGraph(t *testing.T) {
	m := richModel()
	g := NewGraph(m)
	if got, want := g.Values(), []string{"x", "cond", "bias", "W", "h_scale", "trips", "S", "h", "hs", "f", "g", "l", "out", "seq", "opt"}; !slices.Equal(got, want) {
		t.Errorf("values %q, want %q", got, want)
	}
	uses := func(name string) []string {
		var out []string
		for _, u := range g.Consumers(name) {
			top, node := "-", "output"
			if u.Top != nil {
				top = u.Top.GetName()
			}
			if u.Node != nil {
				node = u.Node.GetName()
				if u.Node.GetInput()[u.Index] != name {
					t.Errorf("input %d of %s is %q, not %q", u.Index, node, u.Node.GetInput()[u.Index], name)
				}
			}
			out = append(out, u.Graph.GetName()+" "+top+" "+node)
		}
		return out
	}
	for name, want := range map[string][]string{
		"h":     {"rich add_sparse add_sparse", "then choose then_add", "rich sequence sequence"},
		"f":     {"then choose then_add", "else choose else_neg"},
		"g":     {"rich loop loop", "deep loop deep_add"},
		"x":     {"rich matmul matmul", "deeper loop deep_sub", "step - gradient"},
		"cond":  {"rich choose choose", "body loop body_if"},
		"out":   {"rich sequence sequence", "rich optional optional", "step - mean"},
		"local": nil, "state": nil, "loss": nil, "": nil,
	} {
		if got := uses(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is used by %q, want %q", name, got, want)
		}
	}
	if g.Producer("l").GetName() != "loop" || g.Producer("x") != nil || g.Producer("local") != nil {
		t.Error("producers are wrong")
	}
	if !g.IsInput("bias") || g.IsInput("W") || !g.IsOutput("seq") || g.IsOutput("h") || g.Initializer("bias") == nil || g.SparseInitializer("S") == nil || g.Initializer("S") != nil {
		t.Error("inputs, outputs or initializers are wrong")
	}
	if !g.Exists("h") || g.Exists("local") || g.Exists("") {
		t.Error("what exists is wrong")
	}
	for name, want := range map[string]string{"h": "float32 [N,3]", "W": "float32 [3,3]", "S": "float32 [3]", "trips": "int64 []", "cond": "bool []", "l": ""} {
		if got := typeText(&onnxpb.ValueInfoProto{Type: g.ValueType(name)}); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	if g.Input("bias").GetName() != "bias" || g.Output("out").GetName() != "out" || g.ValueInfo("l") != nil {
		t.Error("declarations are wrong")
	}

	g.Redirect("h", "x")
	if len(g.Consumers("h")) != 0 || len(g.Consumers("x")) != 6 || m.Graph.Node[3].Attr("then_branch").G.Node[0].Input[1] != "x" || m.Graph.Node[6].Input[1] != "x" {
		t.Error("not every reader was redirected")
	}

	// A subgraph may give back a value of the graph around it.
	outer := branchModel()
	outer.Graph.Node[0].Attr("then_branch").G.Output[0].Name = proto.String("x")
	g = NewGraph(outer)
	g.Redirect("x", "w")
	if got := outer.Graph.Node[0].Attr("then_branch").G.Output[0].GetName(); got != "w" {
		t.Errorf("the subgraph gives back %q", got)
	}
	NewGraph(&onnxpb.ModelProto{}) // an empty model has an empty index
}

func TestMapNames(t *testing.T) {
	m := richModel()
	p := func(prefix string) func(string) string { return func(s string) string { return prefix + s } }
	MapNames(m, NameMap{Value: p("v/"), Node: p("n/"), Dim: p("d/")})
	for _, f := range m.Functions {
		if f.Input[0] != "in" || f.Node[1].GetName() != "body_mul" || f.Node[1].Output[0] != "result" {
			t.Error("the names within a function changed")
		}
	}
	valid(t, m, "mapped")
	if got := m.MetadataProps[1].GetValue(); got != "v/h" {
		t.Errorf("the metadata names %q", got)
	}
	grad := m.TrainingInfo[0].Algorithm.Node[1]
	if string(grad.Attr("y").S) != "v/loss" || string(grad.Attr("xs").Strings[0]) != "v/W" {
		t.Errorf("Gradient is told to derive %s by %s", grad.Attr("y").S, grad.Attr("xs").Strings)
	}
	if m.Graph.Node[4].Input[1] != "" {
		t.Error("an empty name got a prefix")
	}
}

// Whatever field of whatever message holds the name of a value, node or dimension gets the new one: told by looking through all strings of the model, and not by the list of
// places that the code itself goes by.
func TestMapNamesEverywhere(t *testing.T) {
	values := strings.Fields("x cond bias W S h_scale trips h hs f g l out seq opt local then_w then_out else_out i go_in state go_out next deep_out fresh rate loss dW delta W_new")
	nodes := strings.Fields("matmul add_sparse call choose loop add_bias sequence optional then_add then_mul else_neg else_abs body_go body_if deep_add deep_sub draw mean gradient scale_grad update")
	old := map[string]bool{"N": true}
	for _, n := range append(values, nodes...) {
		old[n] = true
	}
	m := richModel()
	p := func(s string) string { return "new/" + s }
	MapNames(m, NameMap{Value: p, Node: p, Dim: p})
	renamed := map[string]bool{}
	walkMessages(m.ProtoReflect(), "model", func(path string, x protoreflect.Message) {
		if strings.Contains(path, ".functions[") || strings.Contains(path, "metadata_props") && !strings.HasPrefix(path, "model.metadata_props[1]") {
			return
		}
		x.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind || f.Name() == "domain" || f.Name() == "name" && strings.HasSuffix(string(x.Descriptor().Name()), "GraphProto") {
				return true
			}
			texts := []string{}
			if f.IsList() {
				for i := 0; i < v.List().Len(); i++ {
					texts = append(texts, v.List().Get(i).String())
				}
			} else {
				texts = append(texts, v.String())
			}
			for _, s := range texts {
				if old[s] {
					t.Errorf("%s.%s is still %q", path, f.Name(), s)
				}
				renamed[strings.TrimPrefix(s, "new/")] = strings.HasPrefix(s, "new/")
			}
			return true
		})
	})
	for n := range old {
		if !renamed[n] {
			t.Errorf("%q got no new name", n)
		}
	}
}

func TestMapFunctionDomains(t *testing.T) {
	domains := func(m *onnxpb.ModelProto) map[string]int64 {
		out := map[string]int64{}
		for _, o := range m.OpsetImport {
			out[o.GetDomain()] = o.GetVersion()
		}
		return out
	}
	to := func(s string) string { return "b/" + s }

	m := richModel()
	MapNames(m, NameMap{FunctionDomain: to})
	if got, want := domains(m), map[string]int64{"": 20, "b/local": 1, "ai.onnx.preview.training": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("imports %v, want %v", got, want)
	}
	if m.Functions[0].GetDomain() != "b/local" || m.Graph.Node[2].GetDomain() != "b/local" || len(m.Functions[0].OpsetImport) != 1 {
		t.Error("the function or its call did not move")
	}
	valid(t, m, "moved")

	// A function that calls another one imports the new domain too; an operator of the old domain that is no function keeps it, and its import.
	m = richModel()
	f := m.Functions[0]
	call := onnxpb.Node("Inner", "", []string{"result"}, []string{"end"})
	call.Domain = proto.String("local")
	f.Node = append(f.Node, call)
	f.Output = []string{"end"}
	f.OpsetImport = append(f.OpsetImport, onnxpb.Opset("local", 1))
	m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: proto.String("Inner"), Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"b"},
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 20)}, Node: []*onnxpb.NodeProto{onnxpb.Node("Neg", "", []string{"a"}, []string{"b"})}})
	foreign := onnxpb.Node("Foreign", "foreign", []string{"out"}, []string{"zzz"})
	foreign.Domain = proto.String("local")
	m.Graph.Node = append(m.Graph.Node, foreign)
	MapNames(m, NameMap{FunctionDomain: to})
	if got, want := domains(m), map[string]int64{"": 20, "local": 1, "b/local": 1, "ai.onnx.preview.training": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("imports %v, want %v", got, want)
	}
	if f.Node[2].GetDomain() != "b/local" || f.OpsetImport[1].GetDomain() != "b/local" || foreign.GetDomain() != "local" {
		t.Errorf("%v", m.Functions)
	}

	// A function in the default domain, which everybody else stays in.
	m = richModel()
	m.Functions[0].Domain = nil
	m.Graph.Node[2].Domain = proto.String("ai.onnx")
	MapNames(m, NameMap{FunctionDomain: to})
	if m.Graph.Node[2].GetDomain() != "b/ai.onnx" || m.Graph.Node[1].GetDomain() != "" || domains(m)["b/ai.onnx"] != 20 || domains(m)[""] != 20 {
		t.Errorf("imports %v", domains(m))
	}

	// Nothing moves where the name stays.
	m = richModel()
	before := marshal(t, m)
	MapNames(m, NameMap{FunctionDomain: func(s string) string { return s }})
	if string(before) != string(marshal(t, m)) {
		t.Error("the model changed")
	}
}
