package surgery

import (
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// sourceOf reads the graph of an attribute, which need not be valid by itself.
func sourceOf(t *testing.T, header, text string) *onnxpb.ModelProto {
	t.Helper()
	if header == "" {
		header = `<ir_version: 8, opset_import: ["": 17]>`
	}
	m, err := onnxtext.Parse(header + "\n" + text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// setGraph makes an edit that sets an attribute to a graph.
func setGraph(node, name string, m *onnxpb.ModelProto) edit {
	return func(to *onnxpb.ModelProto) (*Report, error) {
		return SetAttributes(to, NodeChoice{Names: []string{node}}, AttributeChange{Name: name, Graph: func() (GraphSource, error) { return GraphSource{Model: m}, nil }})
	}
}

const branches = `g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
	[choose] r = If (c) <then_branch = t () => (float[N,3] p) { [inner] p = Mul (x, w) }, else_branch = e () => (float[N,3] q) { [other] q = Identity (x) }>
	[late] a = Exp (x)
	[join] y = Add (r, a)
}`

func TestSetGraph(t *testing.T) {
	for _, c := range []struct {
		name, node, graph string
		want              string
	}{
		{"captures, initializers, names of what went and of siblings", "choose", `b () => (float[N,3] p) <float[3] k = {4,5,6}> { [inner] q = Add (x, k)  [other] p = Mul (q, w) }`, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				[choose] r = If (c) <then_branch = b () => (float[N,3] p) <float[3] k = {4,5,6}> { [inner] q = Add (x, k)  [other_1] p = Mul (q, w) }, else_branch = e () => (float[N,3] q) { [other] q = Identity (x) }>
				[late] a = Exp (x)
				[join] y = Add (r, a)
			}`},
		{"what is made further on", "choose", `b () => (float[N,3] p) { p = Neg (a) }`, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				[late] a = Exp (x)
				[choose] r = If (c) <then_branch = b () => (float[N,3] p) { p = Neg (a) }, else_branch = e () => (float[N,3] q) { [other] q = Identity (x) }>
				[join] y = Add (r, a)
			}`},
		{"an input with a default", "choose", `b (float[3] k) => (float[N,3] p) <float[3] k = {4,5,6}> { p = Add (x, k) }`, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				[choose] r = If (c) <then_branch = b () => (float[N,3] p) <float[3] k = {4,5,6}> { p = Add (x, k) }, else_branch = e () => (float[N,3] q) { [other] q = Identity (x) }>
				[late] a = Exp (x)
				[join] y = Add (r, a)
			}`},
		{"graphs within it", "choose", `b () => (float[N,3] p) { p = If (c) <then_branch = t () => (float[N,3] l) { l = Neg (x) }, else_branch = f () => (float[N,3] m) { m = Mul (x, w) }> }`, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				[choose] r = If (c) <then_branch = b () => (float[N,3] p) { p = If (c) <then_branch = t () => (float[N,3] l) { l = Neg (x) }, else_branch = f () => (float[N,3] m) { m = Mul (x, w) }> }, else_branch = e () => (float[N,3] q) { [other] q = Identity (x) }>
				[late] a = Exp (x)
				[join] y = Add (r, a)
			}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, branches)
			if _, err := setGraph(c.node, "then_branch", sourceOf(t, "", c.graph))(m); err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
}

func TestSetGraphRefuses(t *testing.T) {
	for _, c := range []struct {
		name          string
		header, graph string
		kind          onnxpb.Kind
		words         string
	}{
		{"names around it", "", `b () => (float[N,3] a) <float[3] w = {4,5,6}> { a = Add (x, w) }`, onnxpb.Unfit, `graphs around it define too: "a", "w"`},
		{"names around it, deeper", "", `b () => (float[N,3] p) { p = If (c) <then_branch = t () => (float[N,3] y) { y = Neg (x) }, else_branch = f () => (float[N,3] m) { m = Abs (x) }> }`, onnxpb.Unfit, `around it define too: "y"`},
		{"its own node's output", "", `b () => (float[N,3] r) { r = Neg (x) }`, onnxpb.Unfit, `around it define too: "r"`},
		{"what nothing makes", "", `b () => (float[N,3] p) { p = Add (x, ww) }`, onnxpb.Unfit, `tensor "ww"`},
		{"what is in another graph", "", `b () => (float[N,3] p) { p = Neg (q) }`, onnxpb.Unfit, `tensor "q"`},
		{"a cycle", "", `b () => (float[N,3] p) { p = Neg (y) }`, onnxpb.Refused, "cycle"},
		{"an output too many", "", `b () => (float[N,3] p, float[N,3] o) { p = Neg (x)  o = Abs (x) }`, onnxpb.Unfit, "does not fit"},
		{"an input", "", `b (float[N,3] i) => (float[N,3] p) { p = Neg (i) }`, onnxpb.Unfit, "does not fit"},
		{"an operator that is another one", `<ir_version: 8, opset_import: ["": 11]>`, `b () => (float[N,3] p) { p = Softmax (x) }`, onnxpb.Unfit, "between which the operator Softmax differs"},
		{"functions", `<ir_version: 8, opset_import: ["": 17, "l": 1]>`, `b () => (float[N,3] p) { p = l.F (x) } <opset_import: ["": 17], domain: "l"> F (i) => (o) { o = Neg (i) }`, onnxpb.Unfit, "onnxtool inline"},
		{"another type", "", `b () => (int64[N,3] p) { p = Cast <to: int = 7> (x) }`, onnxpb.Refused, "output 0 is a tensor of float32, and that of then_branch a tensor of int64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failsWith(t, fromText(t, branches), setGraph("choose", "then_branch", sourceOf(t, c.header, c.graph)), c.kind, c.words)
		})
	}
	failsWith(t, fromText(t, branches), func(m *onnxpb.ModelProto) (*Report, error) {
		return SetAttributes(m, NodeChoice{Names: []string{"choose"}}, AttributeChange{Name: "then_branch", Text: "x"})
	}, onnxpb.Usage, "@FILE.onnx")
}

// TestSetGraphOpsets: operators that are the same in both versions join, domains that are not there are imported, in a function by the function.
func TestSetGraphOpsets(t *testing.T) {
	body := sourceOf(t, `<ir_version: 9, opset_import: ["": 14, "acme": 3]>`, `b () => (float[N,3] p) { l = acme.Strange (x)  p = Neg (l) }`)
	m := fromText(t, branches)
	if _, err := setGraph("choose", "then_branch", body)(m); err != nil {
		t.Fatal(err)
	}
	if m.OpsetVersion("") != 17 || m.OpsetVersion("acme") != 3 || m.GetIrVersion() != 9 {
		t.Errorf("the model imports %v, IR version %d", m.OpsetImport, m.GetIrVersion())
	}
	text := `<ir_version: 8, opset_import: ["": 17, "l": 1]>
		g (float[N,3] x, bool c) => (float[N,3] y) { y = l.F (x, c) }
		<opset_import: ["": 17], domain: "l">
		F (x, c) => (r) { [choose] r = If (c) <then_branch = t () => (float[N,3] p) { p = Neg (x) }, else_branch = e () => (float[N,3] q) { q = Abs (x) }> }`
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := setGraph("choose", "then_branch", body)(m)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	if m.OpsetVersion("acme") != 0 || len(m.Functions[0].OpsetImport) != 2 {
		t.Errorf("the model imports %v, the function %v", m.OpsetImport, m.Functions[0].OpsetImport)
	}
	if !slices.ContainsFunc(r.Changes, func(c Change) bool { return c.From == "graph of 1 node" && c.To == "graph of 2 nodes" }) {
		t.Error(r.Changes)
	}
}

func TestSetGraphOfALoop(t *testing.T) {
	model := `g (float[3] x, int64 n, bool c) => (float[3] y, float[K,3] s) {
		[loop] y, s = Loop (n, c, x) <body = b (int64 i, bool k, float[3] v) => (bool k2, float[3] w, float[3] z) { k2 = Identity (k)  w = Neg (v)  z = Abs (v) }>
	}`
	for _, c := range []struct{ graph, words string }{
		{`b (int64 i, bool k, float[3] v) => (bool l, int64[3] w, float[3] z) { l = Identity (k)  w = Cast <to: int = 7> (v)  z = Add (v, x) }`, "is a tensor of int64, and the next pass takes a tensor of float32"},
		{`b (int64 i, bool k, int64[3] v) => (bool l, int64[3] w, int64[3] z) { l = Identity (k)  w = Neg (v)  z = Abs (w) }`, "declared as int64"},
		{`b (int64 i, bool k) => (bool l, float[3] z) { l = Identity (k)  z = Neg (x) }`, "the subgraph body of Loop has 2 inputs, and 3 are handed to it"},
		{`b (int64 i, bool k, float[3] v) => (bool l, float[3] w, float[3] z, float[3] u) { l = Identity (k)  w = Neg (v)  z = Abs (w)  u = Exp (v) }`, "body has 4 outputs, and 3 are taken of it"},
		{`b (int64 n, bool k, float[3] v) => (bool l, float[3] w, float[3] z) { l = Identity (k)  w = Neg (v)  z = Abs (w) }`, `define too: "n"`},
	} {
		kind := onnxpb.Unfit
		if c.words == "declared as int64" || strings.Contains(c.words, "next pass") {
			kind = onnxpb.Refused
		}
		failsWith(t, fromText(t, model), setGraph("loop", "body", sourceOf(t, "", c.graph)), kind, c.words)
	}
	m := fromText(t, model)
	if _, err := setGraph("loop", "body", sourceOf(t, "", `b (int64 i, bool k, float[3] v) => (bool l, float[3] w, float[3] z) { l = Identity (k)  w = Mul (v, x)  z = Add (w, x) }`))(m); err != nil {
		t.Fatal(err)
	}
	sameGraph(t, m, `g (float[3] x, int64 n, bool c) => (float[3] y, float[K,3] s) {
		[loop] y, s = Loop (n, c, x) <body = b (int64 i, bool k, float[3] v) => (bool l, float[3] w, float[3] z) { l = Identity (k)  w = Mul (v, x)  z = Add (w, x) }>
	}`)
}
