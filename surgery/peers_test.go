package surgery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// peer is one behaviour that a peer's tests ask for, in our words and on our models: whose tests, and what is checked. What we do otherwise on purpose stands in peersOtherwise, with the reason.
type peer struct {
	peer, behaviour string
	check           func(*testing.T)
}

// peersJoin is what the tests of the peers cover of extracting, renaming and merging.
var peersJoin = []peer{
	// Extraction: onnx.utils.extract_model, the extractor of onnx-ir, Polygraphy surgeon extract.
	{"onnx, onnx-ir", "the whole graph is extracted as it is", extracts(grid, "a0,a1", "d", "a0 a1 -> d", "add0 sub0 mul0 add1 sub1 mul2")},
	{"onnx", "inner values become inputs and outputs, in the order given, with their declared types", func(t *testing.T) {
		m := parse(t, grid)
		extract(t, m, "b2,b0,b1", "c1,c0")
		want(t, signature(m), "b2 b0 b1 -> c1 c0")
		want(t, onnxpb.FormatTypeProto(m.Graph.Input[0].GetType()), "float32 [N,2]")
		want(t, onnxpb.FormatTypeProto(m.Graph.Output[1].GetType()), "float32 [N,2]")
	}},
	{"onnx", "versions, producer and imports stay", func(t *testing.T) {
		m := parse(t, grid)
		extract(t, m, "b0,b1", "c0")
		want(t, fmt.Sprint(m.GetIrVersion(), m.GetProducerName(), m.OpsetVersion("")), "8peer17")
	}},
	{"onnx-ir", "an inner value cuts what stands before it, and its weights stay behind", func(t *testing.T) {
		m := parse(t, weighted)
		extract(t, m, "mid", "out")
		want(t, signature(m), "mid -> out")
		want(t, nodes(m), "mul")
		want(t, initializers(m), "two")
	}},
	{"onnx-ir", "nodes keep their order", extracts(grid, "a0,a1", "c1,c0", "a0 a1 -> c1 c0", "add0 sub0 mul0 add1 sub1")},
	{"onnx-ir", "an input that is not there is an error, which suggests near names", refusesExtract(grid, "a9", "d", `"a0"`)},
	{"onnx-ir", "an output that is not there is an error, which suggests near names", refusesExtract(grid, "a0,a1", "c9", `"c0"`)},
	{"onnx-ir", "a value of a subgraph is no value of the graph", refusesExtract(branches, "c,x", "inner", "subgraph")},
	{"onnx-ir", "name, doc string, metadata and imports of the graph stay", func(t *testing.T) {
		m := parse(t, weighted)
		name, doc, key := "net", "what it does", "k"
		m.Graph.Name, m.Graph.DocString = &name, &doc
		m.Graph.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: &key, Value: &doc}}
		extract(t, m, "mid", "out")
		want(t, fmt.Sprint(m.Graph.GetName(), m.Graph.GetDocString(), len(m.Graph.GetMetadataProps()), m.OpsetVersion("")), "netwhat it does1 17")
	}},
	{"onnx-ir", "one branch of a diamond comes without the other", extracts(diamond, "x", "left", "x -> left", "l")},
	{"onnx-ir", "a diamond comes whole, also through a shared input", extracts(diamond, "x", "y", "x -> y", "l r m")},
	{"onnx-ir", "two inner values cut a diamond", extracts(diamond, "left,right", "y", "left right -> y", "m")},
	{"onnx-ir", "an input that is an output makes a graph without nodes", extracts(`g (float[2] x) => (float[2] x) {}`, "x", "x", "x -> x", "")},
	{"onnx-ir", "one of several outputs of a node", extracts(`g (float[4] x) => (float[2] a, float[2] b) { [s] a, b = Split (x) }`, "x", "a", "x -> a", "s")},
	{"onnx-ir", "inputs that are left out", extracts(`g (float[4] x, float h) => (float[4] y) { [c] y = Clip (x, "", h) }`, "x,h", "y", "x h -> y", "c")},
	{"onnx-ir", "branches come along, with what they capture", extracts(branches, "c,x", "y", "c x -> y", "pre if")},
	{"onnx-ir", "what only a branch reads is computed, out of weights alone too", extracts(branches, "c", "w2", "c -> w2", "k if2")},
	{"onnx-ir", "captures of branches within branches", func(t *testing.T) {
		m := parse(t, nested)
		extract(t, m, "o,i,x", "y")
		want(t, signature(m), "o i x -> y")
		refusesExtract(nested, "o,i", "y", `"x" is needed too`)(t)
	}},
	{"onnx-ir", "inputs that do not suffice are an error that names what is missing", refusesExtract(grid, "a0", "d", `"a1" is needed too`)},
	{"onnx-ir", "an inner value that misses a second input is an error that names it", refusesExtract(grid, "b0", "c1", `"a`)},
	{"onnx-ir", "all that is missing is named", func(t *testing.T) {
		refusesExtract(grid, "c0", "d", `"a0"`)(t)
		refusesExtract(grid, "c0", "d", `"a1"`)(t)
	}},
	{"onnx-ir", "a chain is cut in its middle", extracts(grid, "c0,c1", "d", "c0 c1 -> d", "mul2")},
	{"onnx-ir", "an input that several nodes read, and an inner value that is read with it", extracts(grid, "b0,a0,a1", "d", "b0 a0 a1 -> d", "sub0 mul0 add1 sub1 mul2")},
	{"onnx-ir", "a graph of one node", extracts(`g (float[3] x) => (float[3] y) <float[3] w = {1,2,3}> { [only] y = Add (x, w) }`, "x", "y", "x -> y", "only")},
	{"onnx-ir", "several outputs of several nodes", extracts(grid, "a0,a1", "b0,b2", "a0 a1 -> b0 b2", "add0 mul0")},
	{"onnx-ir", "a weight that is not among the inputs is not missing", extracts(weighted, "x", "out", "x -> out", "add mul")},
	{"Polygraphy", "without inputs and outputs of one's own the model's stay, symbols too", func(t *testing.T) {
		m := parse(t, grid)
		extract(t, m, "", "d")
		want(t, onnxpb.FormatTypeProto(m.Graph.Input[0].GetType()), "float32 [N,2]")
	}},
	{"Polygraphy", "types that are not declared are inferred", func(t *testing.T) {
		m := parse(t, `g (float[N,4] x) => (float[N,2] y) <float[4,2] w = {1,2,3,4,5,6,7,8}> { [a] h = Relu (x) [b] y = MatMul (h, w) }`)
		extract(t, m, "h", "y")
		want(t, onnxpb.FormatTypeProto(m.Graph.Input[0].GetType()), "float32 [N,4]")
	}},
	{"graphsurgeon", "what nothing needs is removed, in branches too, and the interface stays", func(t *testing.T) {
		m := parse(t, `g (float[2] x, float[2] unused, bool c) => (float[2] y) <float[2] w = {1,2}>
			{ [dead] d = Add (x, w) [if] y = If (c) <then_branch = t () => (float[2] u) { [in] u = Neg (x) [deader] k = Exp (x) }, else_branch = e () => (float[2] v) { v = Abs (x) }> }`)
		if _, err := surgery.Tidy(m); err != nil {
			t.Fatal(err)
		}
		want(t, signature(m)+" / "+nodes(m)+" / "+initializers(m), "x unused c -> y / if / ")
		want(t, fmt.Sprint(len(m.Graph.Node[0].Attr("then_branch").G.Node)), "1")
	}},
	{"graphsurgeon", "nodes out of order are sorted, branches count as readers", func(t *testing.T) {
		m := parse(t, branches)
		m.Graph.Node[0], m.Graph.Node[1] = m.Graph.Node[1], m.Graph.Node[0]
		if _, err := surgery.Sort(m); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
	}},

	// Prefixes: onnx.compose.add_prefix.
	{"compose", "a prefix for nodes only", prefixes(surgery.KindNode, "a0 a1 -> d", "p/add0 p/sub0 p/mul0 p/add1 p/sub1 p/mul2")},
	{"compose", "a prefix for inputs only, followed into what reads them", prefixes(surgery.KindInput, "p/a0 p/a1 -> d", "add0 sub0 mul0 add1 sub1 mul2")},
	{"compose", "a prefix for outputs only, followed into what makes them", prefixes(surgery.KindOutput, "a0 a1 -> p/d", "add0 sub0 mul0 add1 sub1 mul2")},
	{"compose", "a prefix for all, value_info too; what has no name gets none", func(t *testing.T) {
		m := parse(t, `g (float[2] x, float h) => (float[2] y) <float[2] w = {1,2}, float[2] k> { k = Clip (x, "", h) y = Add (k, w) }`)
		rename(t, m, surgery.AffixRules(m, []surgery.RenameKind{surgery.KindTensor, surgery.KindNode}, "p/", ""))
		want(t, signature(m)+" / "+initializers(m)+" / "+m.Graph.ValueInfo[0].GetName()+" / "+strings.Join(m.Graph.Node[0].Input, ","), "p/x p/h -> p/y / p/w / p/k / p/x,,p/h")
	}},
	{"compose", "a prefix follows what branches capture and define", func(t *testing.T) {
		m := parse(t, branches)
		rename(t, m, surgery.AffixRules(m, []surgery.RenameKind{surgery.KindTensor, surgery.KindNode}, "p.", ""))
		for sub := range m.Graph.Node[1].Subgraphs() {
			for _, n := range sub.Node {
				for _, name := range append(slices.Clone(n.Input), n.Output...) {
					if !strings.HasPrefix(name, "p.") || strings.HasPrefix(name, "p.p.") {
						t.Errorf("a branch has %q", name)
					}
				}
			}
		}
	}},
	{"compose", "a prefix for sparse initializers", func(t *testing.T) {
		m := parse(t, `g (float[3] x) => (float[3] y) { y = Add (x, s) }`)
		m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: onnxpb.TensorOf("s", []int64{1}, []float32{2}), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}}
		rename(t, m, surgery.AffixRules(m, []surgery.RenameKind{surgery.KindTensor}, "p/", ""))
		want(t, m.Graph.SparseInitializer[0].Values.GetName()+" "+m.Graph.Node[0].Input[1], "p/s p/s")
	}},

	// Merging: onnx.compose.merge_models.
	{"compose", "all outputs feed all inputs", merges(grid3, tail, "b0=e0 b1=e1 b2=e2", fuse.MergeOptions{}, "a0 a1 -> f", "Add Sub Mul Add Sub Mul")},
	{"compose", "one output feeds several inputs, and the other outputs stay", merges(grid3, tail, "b0=e0 b0=e1 b0=e2", fuse.MergeOptions{}, "a0 a1 -> b1 b2 f", "Add Sub Mul Add Sub Mul")},
	{"compose", "inputs and outputs without a connection stay", merges(grid3, tail, "b0=e0 b1=e1", fuse.MergeOptions{}, "a0 a1 e2 -> b2 f", "Add Sub Mul Add Sub Mul")},
	{"compose", "outputs that are not asked for go, and with tidy what only they needed", func(t *testing.T) {
		m := merged(t, grid3, tail, "b0=e0 b0=e1 b0=e2", fuse.MergeOptions{Outputs: []fuse.OutputSpec{{End: fuse.End{Model: "two", Tensor: "f"}}}})
		if _, err := surgery.Tidy(m); err != nil {
			t.Fatal(err)
		}
		want(t, signature(m)+" / "+ops(m), "a0 a1 -> f / Add Add Sub Mul")
	}},
	{"compose", "an input and an output that are dropped take their nodes along", func(t *testing.T) {
		m := merged(t, twice("a", "b"), twice("c", "d"), "a2=d", fuse.MergeOptions{})
		extract(t, m, "a", "d2")
		want(t, signature(m)+" / "+ops(m), "a -> d2 / Add Sub")
	}},
	{"compose", "an output and the input that it feeds may have one name", merges(`g (float[N] a) => (float[N] b) { b = Add (a, a) }`, `g (float[N] b) => (float[N] c) { c = Add (b, b) }`, "b=b", fuse.MergeOptions{}, "a -> c", "Add Add")},
	{"compose", "names that collide can be kept apart by prefixes", func(t *testing.T) {
		p, q := "m1/", "m2/"
		text := `g (float[N] a, float[N] b) => (float[N] c) { c = Add (a, b) }`
		m, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: parse(t, text), Prefix: &p}, {Name: "two", Model: parse(t, text), Prefix: &q}}, fuse.MergeOptions{Connect: connect("c=a")})
		if err != nil {
			t.Fatal(err)
		}
		want(t, signature(m), "m1/a m1/b m2/b -> m2/c")
	}},
	{"compose", "a connection from or to a name that is not there is an error", func(t *testing.T) {
		for _, c := range []string{"wrong=e0", "b0=wrong"} {
			if _, _, err := fuse.Merge(pair(t, grid3, tail), fuse.MergeOptions{Connect: connect(c)}); err == nil {
				t.Errorf("%s is no error", c)
			}
		}
	}},
	{"compose", "operator sets of two versions are an error", func(t *testing.T) {
		models := pair(t, grid3, tail)
		models[1].Model.OpsetImport = []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 12)}
		if _, _, err := fuse.Merge(models, fuse.MergeOptions{Connect: connect("b0=e0")}); err == nil {
			t.Error("no error")
		}
	}},
	{"compose", "functions of one name and other bodies are both kept, with their callers, also those that functions call", func(t *testing.T) {
		one := `g (float x, float k) => (float y) { y = local.f (x, k) } <domain: "local", opset_import: ["" : 17]> f (a, b) => (c) { c = Add (a, b) }`
		two := `g (float u, float v) => (float z) { z = local.h (u, v) } <domain: "local", opset_import: ["" : 17]> f (a, b) => (c) { c = Mul (a, b) }
			<domain: "local", opset_import: ["" : 17, "local" : 1]> h (a, b) => (c) { d = local.f (a, b) c = Add (d, b) }`
		m := merged(t, one, two, "y=u", fuse.MergeOptions{})
		if len(m.Functions) != 3 || m.Graph.Node[0].GetOpType() != m.Functions[0].GetName() {
			t.Errorf("functions: %v", m.Functions)
		}
		// The function that h calls is the one that multiplies.
		called := m.Functions[2].Node[0].GetOpType()
		for _, f := range m.Functions {
			if f.GetName() == called && f.Node[0].GetOpType() != "Mul" {
				t.Errorf("h calls %s, which is another function now", called)
			}
		}
	}},
	{"compose", "the default of an input that is fed goes", func(t *testing.T) {
		m := merged(t, `g (float[2] x) => (float[2] y) { y = Neg (x) }`, `g (float[2] d = {1,2}) => (float[2] z) { z = Abs (d) }`, "y=d", fuse.MergeOptions{})
		want(t, signature(m)+" / "+initializers(m), "x -> z / ")
	}},
}

const (
	grid = `g (float[N,2] a0, float[N,2] a1) => (float[N,2] d) <float[N,2] b0, float[N,2] b1, float[N,2] b2, float[N,2] c0, float[N,2] c1>
		{ [add0] b0 = Add (a0, a1) [sub0] b1 = Sub (a0, a1) [mul0] b2 = Mul (a0, a1) [add1] c0 = Add (b0, b1) [sub1] c1 = Sub (b1, b2) [mul2] d = Mul (c0, c1) }`
	grid3 = `g (float[N,2] a0, float[N,2] a1) => (float[N,2] b0, float[N,2] b1, float[N,2] b2) { b0 = Add (a0, a1) b1 = Sub (a0, a1) b2 = Mul (a0, a1) }`
	tail  = `g (float[N,2] e0, float[N,2] e1, float[N,2] e2) => (float[N,2] f) { c0 = Add (e0, e1) c1 = Sub (e1, e2) f = Mul (c0, c1) }`

	weighted = `g (float[3] x) => (float[3] out) <float[3] one = {10,20,30}, float[3] two = {2,2,2}> { [add] mid = Add (x, one) [mul] out = Mul (mid, two) }`
	diamond  = `g (float[3] x) => (float[3] y) <float[3] k = {1,2,3}> { [l] left = Add (x, k) [r] right = Sub (x, k) [m] y = Mul (left, right) }`
	branches = `g (bool c, float[3] x) => (float[3] y, float[3] w2) <float[3] ka = {1,2,3}, float[3] kb = {4,5,6}>
		{ [pre] p = Neg (x) [if] y = If (c) <then_branch = t () => (float[3] u) { inner = Add (p, x) u = Neg (inner) }, else_branch = e () => (float[3] v) { v = Identity (x) }>
		  [k] q = Add (ka, kb) [if2] w2 = If (c) <then_branch = t () => (float[3] m) { m = Identity (q) }, else_branch = e () => (float[3] n) { n = Abs (ka) }> }`
	nested = `g (float[3] x, bool o, bool i) => (float[3] y)
		{ y = If (o) <then_branch = t () => (float[3] u) { u = If (i) <then_branch = tt () => (float[3] a) { a = Add (x, x) }, else_branch = te () => (float[3] b) { b = Identity (x) }> },
		  else_branch = e () => (float[3] v) { v = Identity (x) }> }`
)

// twice is a model of two inputs that each have an output.
func twice(a, b string) string {
	return fmt.Sprintf(`g (float[N] %[1]s, float[N] %[2]s) => (float[N] %[1]s2, float[N] %[2]s2) { %[1]s2 = Add (%[1]s, %[1]s) %[2]s2 = Sub (%[2]s, %[2]s) }`, a, b)
}

func TestPeers(t *testing.T) {
	n := 0
	for _, list := range [][]peer{peersJoin, peersInline, peersGraph, peersNodes, peersPattern} {
		for _, p := range list {
			n++
			t.Run(p.peer+": "+p.behaviour, p.check)
		}
	}
	for _, p := range peersOtherwise {
		n++
		if p.theirs == "" || p.ours == "" {
			t.Errorf("%s: what is done otherwise, and why, is not told", p.peer)
		}
		t.Run(p.peer+" otherwise: "+p.ours, p.check)
	}
	t.Logf("%d behaviours", n)
}

func parse(t *testing.T, graph string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "local": 1], producer_name: "peer"> ` + graph)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ptr(s string) *string { return &s }

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func valid(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Error(f)
	}
}

func joined[T any](list []T, name func(T) string) string {
	var out []string
	for _, x := range list {
		out = append(out, name(x))
	}
	return strings.Join(out, " ")
}

func signature(m *onnxpb.ModelProto) string {
	return joined(m.Graph.Input, (*onnxpb.ValueInfoProto).GetName) + " -> " + joined(m.Graph.Output, (*onnxpb.ValueInfoProto).GetName)
}

func nodes(m *onnxpb.ModelProto) string { return joined(m.Graph.Node, (*onnxpb.NodeProto).GetName) }
func ops(m *onnxpb.ModelProto) string   { return joined(m.Graph.Node, (*onnxpb.NodeProto).GetOpType) }
func initializers(m *onnxpb.ModelProto) string {
	return joined(m.Graph.Initializer, (*onnxpb.TensorProto).GetName)
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func extract(t *testing.T, m *onnxpb.ModelProto, from, to string) {
	t.Helper()
	if _, err := surgery.Extract(m, names(from), names(to)); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func extracts(text, from, to, wantSignature, wantNodes string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, text)
		extract(t, m, from, to)
		want(t, signature(m), wantSignature)
		want(t, nodes(m), wantNodes)
	}
}

func refusesExtract(text, from, to, says string) func(*testing.T) {
	return func(t *testing.T) {
		_, err := surgery.Extract(parse(t, text), names(from), names(to))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "the input ", ""), strings.ReplaceAll(says, "the input ", "")) {
			t.Errorf("%v, want an error that says %s", err, says)
		}
	}
}

func rename(t *testing.T, m *onnxpb.ModelProto, rules []surgery.RenameRule) {
	t.Helper()
	if _, err := surgery.Rename(m, rules); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func prefixes(kind surgery.RenameKind, wantSignature, wantNodes string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, grid)
		rename(t, m, surgery.AffixRules(m, []surgery.RenameKind{kind}, "p/", ""))
		want(t, signature(m), wantSignature)
		want(t, nodes(m), wantNodes)
	}
}

func pair(t *testing.T, one, two string) []fuse.Input {
	return []fuse.Input{{Name: "one", Model: parse(t, one)}, {Name: "two", Model: parse(t, two)}}
}

// connect reads connections from the first model to the second: b0=e0 b1=e1.
func connect(list string) []fuse.Connection {
	var out []fuse.Connection
	for _, s := range strings.Fields(list) {
		from, to, _ := strings.Cut(s, "=")
		out = append(out, fuse.Connection{From: fuse.End{Model: "one", Tensor: from}, To: fuse.End{Model: "two", Tensor: to}})
	}
	return out
}

func merged(t *testing.T, one, two, connections string, o fuse.MergeOptions) *onnxpb.ModelProto {
	t.Helper()
	o.Connect = connect(connections)
	m, _, err := fuse.Merge(pair(t, one, two), o)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, m)
	return m
}

func merges(one, two, connections string, o fuse.MergeOptions, wantSignature, wantOps string) func(*testing.T) {
	return func(t *testing.T) {
		m := merged(t, one, two, connections, o)
		want(t, signature(m), wantSignature)
		want(t, ops(m), wantOps)
	}
}
