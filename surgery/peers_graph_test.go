package surgery_test

import (
	"bytes"
	"fmt"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// peersGraph is what the tests of onnx-graphsurgeon cover of whole graphs: sorting, cleaning, copying, reading and writing.
var peersGraph = []peer{
	// Sorting.
	{"graphsurgeon", "a chain out of order is sorted", sorts(`{ [n0] a = Neg (x) [n2] c = Neg (b) [n3] y = Neg (c) [n1] b = Neg (a) }`, "n0 n1 n2 n3")},
	{"graphsurgeon", "nodes whose values are outputs and read too are sorted", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] a, float[2] b, float[2] c) { [n2] c = Neg (b) [n0] a = Neg (x) [n1] b = Neg (a) }`)
		sorted(t, m)
		want(t, nodes(m)+" / "+signature(m), "n0 n1 n2 / x -> a b c")
	}},
	{"graphsurgeon", "nodes that read an input each at another depth are sorted", func(t *testing.T) {
		m := parse(t, `g (float[2] p, float[2] q, float[2] r, float[2] s) => (float[2] y) { [n2] y = Add (b, s) [n0] a = Add (r, q) [n1] b = Add (a, p) }`)
		sorted(t, m)
		want(t, nodes(m)+" / "+signature(m), "n0 n1 n2 / p q r s -> y")
	}},
	{"graphsurgeon", "an If stands behind what only its branches read", func(t *testing.T) {
		m := parse(t, `g (float[2] x, bool c) => (float[2] y) { [if] y = If (c) <then_branch = t () => (float[2] u) { u = Add (a, b) }, else_branch = e () => (float[2] v) { v = Sub (a, b) }>
			[n1] b = Neg (a) [n0] a = Abs (x) }`)
		sorted(t, m)
		want(t, nodes(m), "n0 n1 if")
	}},
	{"graphsurgeon", "nodes of a subgraph are sorted, also where they read values around it", func(t *testing.T) {
		m := parse(t, `g (float[2] x, bool c) => (float[2] y) { [out] o = Neg (x) [if] y = If (c) <then_branch = t () => (float[2] u) { [n1] u = Add (a, o) [n0] a = Neg (o) }, else_branch = e () => (float[2] v) { v = Abs (o) }> }`)
		sorted(t, m)
		want(t, joined(m.Graph.Node[1].Attr("then_branch").G.Node, (*onnxpb.NodeProto).GetName), "n0 n1")
	}},

	// Cleaning.
	{"graphsurgeon", "a node whose values nobody reads goes, and nothing else", func(t *testing.T) {
		m := parse(t, `g (float[2] p, float[2] q) => (float[2] y, float[2] z) { [a] i = Add (p, q) [unused] u = Neg (p) [b] y, z = Split (i2) [c] i2 = Concat <axis: int = 0> (i, i) }`)
		m.Graph.Node[2], m.Graph.Node[3] = m.Graph.Node[3], m.Graph.Node[2]
		tidy(t, m)
		want(t, nodes(m)+" / "+signature(m), "a c b / p q -> y z")
	}},
	{"graphsurgeon", "an output that is taken away takes the nodes along that only it needed", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] a, float[2] b, float[2] c) { [n0] a = Neg (x) [n1] b = Neg (a) [n2] c = Neg (b) }`)
		if _, err := surgery.DropOutputs(m, []string{"c"}, true); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, nodes(m)+" / "+signature(m), "n0 n1 / x -> a b")
	}},
	{"graphsurgeon", "an inner value that becomes the input cuts off what made it, and the old input", extracts(`g (float[2] x) => (float[2] y) { [n0] a = Neg (x) [n1] y = Neg (a) }`, "a", "y", "a -> y", "n1")},
	{"graphsurgeon", "a path of its own, from an input to nowhere: the path goes, and where it is asked for the input too", func(t *testing.T) {
		text := `g (float[2] x, float[2] p) => (float[2] y) { [n] y = Neg (x) [path] q = Abs (p) }`
		m := parse(t, text)
		tidy(t, m)
		want(t, nodes(m)+" / "+signature(m), "n / x p -> y")
		m = parse(t, text)
		extract(t, m, "", "y")
		want(t, nodes(m)+" / "+signature(m), "n / x -> y")
	}},
	{"graphsurgeon", "what only a subgraph reads stays, with the input that it needs", func(t *testing.T) {
		m := parse(t, `g (float[2] p, bool c) => (float[2] y) { [id] i = Neg (p) [if] y = If (c) <then_branch = t () => (float[2] u) { u = Abs (i) }, else_branch = e () => (float[2] v) <float[2] k = {1,2}> { v = Identity (k) }> }`)
		tidy(t, m)
		extract(t, m, "", "y")
		want(t, nodes(m)+" / "+signature(m), "id if / p c -> y")
	}},
	{"graphsurgeon", "inputs that are outputs too stay, in the order of the outputs", func(t *testing.T) {
		m := parse(t, `g (float[2] a, float[2] b) => (float[2] c, float[2] b, float[2] a) { [n] c = Add (a, b) }`)
		tidy(t, m)
		want(t, nodes(m)+" / "+signature(m), "n / a b -> c b a")
	}},
	{"graphsurgeon", "functions that nobody calls go, those that functions call stay", func(t *testing.T) {
		m := parse(t, callsSquare+`<opset_import: ["": 17], domain: "local"> idle (a) => (b) { b = Neg (a) }`)
		tidy(t, m)
		want(t, joined(m.Functions, (*onnxpb.FunctionProto).GetName), "double square")
	}},

	// Names and look-up.
	{"graphsurgeon", "new names are given once", func(t *testing.T) {
		n, seen := surgery.NewNames(parse(t, grid)), map[string]bool{}
		for range 100 {
			seen[n.Value("a0")] = true
		}
		want(t, fmt.Sprint(len(seen), seen["a0"]), "100 false")
	}},
	{"graphsurgeon", "values are found by name, also those that no node has", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] w) <float[2] w = {1,2}> {}`)
		g := surgery.NewGraph(m)
		want(t, fmt.Sprint(g.Exists("w"), g.IsOutput("w"), g.Producer("w") == nil, g.Exists("x"), g.Exists("v")), "true true true true false")
	}},
	{"graphsurgeon", "two values of one name are found", func(t *testing.T) {
		if len(opset.Check(parse(t, `g (float[2] x) => (float[2] x) { x = Neg (x) }`), opset.CheckOptions{})) == 0 {
			t.Error("no fault")
		}
	}},
	{"graphsurgeon", "producers and consumers of a value, those in subgraphs too", func(t *testing.T) {
		g := surgery.NewGraph(parse(t, branches))
		var readers []string
		for _, u := range g.Consumers("x") {
			readers = append(readers, u.Node.GetOpType())
		}
		want(t, fmt.Sprint(g.Producer("p").GetName(), readers), "pre[Neg Add Identity]")
	}},

	// Copying, reading and writing.
	{"graphsurgeon", "an edit of a copy leaves the model alone, subgraphs too", func(t *testing.T) {
		m := parse(t, branches)
		before, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		c := onnxpb.Clone(m)
		rename(t, c, surgery.AffixRules(c, surgery.RenameKinds(), "p/", ""))
		tidy(t, c)
		if after, _ := onnxpb.Marshal(m); !bytes.Equal(before, after) {
			t.Error("the model changed")
		}
	}},
	{"graphsurgeon", "what is read and written is the same: domains, symbols, scalars, shapes and types that are not known, a weight that is an output, a Scan, a value of one name in two branches", func(t *testing.T) {
		m := parse(t, `g (float[N,"",3] x, float s, float[] a, float z, bool c, float[2,4] rows) => (float[N,"",3] y, float[2] w, float[4] sum, float[2,4] sums, float[2] k) <float[2] w = {1,2}> {
			y = com.example.Odd <mode: string = "m", at: ints = [1,2], by: floats = [0.5], words: strings = ["a","b"], t: tensor = int64[2] {1,2}> (x, "", s)
			sum, sums = Scan <num_scan_inputs: int = 1, body = b (float[4] p, float[4] q) => (float[4] r, float[4] o) { r = Add (p, q) o = Identity (r) }> (start, rows)
			start = Constant <value_floats: floats = [0,0,0,0]> ()
			k = If (c) <then_branch = t () => (float[2] u) { h = Neg (w) u = Abs (h) }, else_branch = e () => (float[2] u) { h = Abs (w) u = Neg (h) }> }`)
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("com.example", 3))
		m.Graph.Input[2].Type = onnxpb.TensorType(onnxpb.TensorProto_FLOAT, nil)
		throughFile(t, m)
	}},
	{"graphsurgeon", "weights in other files are not read by an edit that leaves their values alone", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) <float[2] w = ["location": "nowhere.bin"]> { [a] h = Add (x, w) [b] y = Neg (h) }`)
		extract(t, m, "", "h")
		rename(t, m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "w", To: "weight"}})
		want(t, fmt.Sprint(initializers(m), len(m.Graph.Initializer[0].ExternalData)), "weight1")
	}},
	{"graphsurgeon", "a weight is stored as a Constant and back, as it was", func(t *testing.T) {
		m := parse(t, weighted)
		if _, err := surgery.StoreConstants(m, surgery.AsConstant); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, ops(m)+" / "+initializers(m), "Constant Constant Add Mul / ")
		if _, err := surgery.StoreConstants(m, surgery.AsInitializer); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, ops(m)+" / "+initializers(m), "Add Mul / one two")
	}},
}

func sorted(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	if _, err := surgery.Sort(m); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func sorts(body, wantNodes string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) `+body)
		sorted(t, m)
		want(t, nodes(m), wantNodes)
	}
}

func tidy(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	if _, err := surgery.Tidy(m); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}
