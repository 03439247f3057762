package surgery

import (
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func deleting(c NodeChoice, o DeleteOptions) edit {
	return func(m *onnxpb.ModelProto) (*Report, error) { return Delete(m, c, o) }
}

func index(i int) *int { return &i }

// skipText has a skip connection: what drop makes is read by two nodes, one of them in a subgraph.
const skipText = `
	g (float[N,3] x, bool c) => (float[N,3] z) <float[3] w = {1,2,3}> {
		[scale] a = Mul (x, w)
		[relu] b = Relu (a)
		[neg] d = Neg (b)
		[choose] e = If (c) <then_branch = t () => (float[N,3] p) { p = Add (b, d) }, else_branch = u () => (float[N,3] q) { q = Sub (d, b) }>
		[join] z = Add (e, b)
	}`

func TestDelete(t *testing.T) {
	names := func(n ...string) NodeChoice { return NodeChoice{Names: n} }
	for _, c := range []struct {
		name        string
		model, want string
		choice      NodeChoice
		o           DeleteOptions
	}{
		{"a skip connection, also into subgraphs", skipText, `
			g (float[N,3] x, bool c) => (float[N,3] z) <float[3] w = {1,2,3}> {
				[scale] a = Mul (x, w)
				[neg] d = Neg (a)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { p = Add (a, d) }, else_branch = u () => (float[N,3] q) { q = Sub (d, a) }>
				[join] z = Add (e, a)
			}`, names("relu"), DeleteOptions{}},
		{"two in a row, and the weight of one", skipText, `
			g (float[N,3] x, bool c) => (float[N,3] z) {
				[neg] d = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { p = Add (x, d) }, else_branch = u () => (float[N,3] q) { q = Sub (d, x) }>
				[join] z = Add (e, x)
			}`, names("scale", "re:re.*"), DeleteOptions{}},
		{"a node with a subgraph, by the input that is told", `
			g (float[N,3] x, float[N,3] y, bool c) => (float[N,3] z) {
				[add] a = Add (x, y)
				z = Neg (a)
			}`, `
			g (float[N,3] x, float[N,3] y, bool c) => (float[N,3] z) {
				z = Neg (y)
			}`, names("add"), DeleteOptions{Input: index(1)}},
		{"in a subgraph, by its path", skipText, `
			g (float[N,3] x, bool c) => (float[N,3] z) <float[3] w = {1,2,3}> {
				[scale] a = Mul (x, w)
				[relu] b = Relu (a)
				[neg] d = Neg (b)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [p_Identity] p = Identity (d) }, else_branch = u () => (float[N,3] q) { q = Sub (d, b) }>
				[join] z = Add (e, b)
			}`, NodeChoice{Makes: []string{"choose/then_branch/p"}}, DeleteOptions{Input: index(1)}},
		{"the last node: the output keeps its name", `
			g (float[N] x) => (float[N] y) { a = Abs (x)  s = Neg (a)  y = Relu (a)  }`, `
			g (float[N] x) => (float[N] y) { y = Abs (x)  s = Neg (y) }`, NodeChoice{Makes: []string{"y"}}, DeleteOptions{}},
		{"the only node: an output is no input", `
			g (float[N] x) => (float[N] y) { [r] y = Relu (x) }`, `
			g (float[N] x) => (float[N] y) { [y_Identity] y = Identity (x) }`, names("r"), DeleteOptions{}},
		{"the last node turns no constant into an output", `
			g (float[3] x) => (float[3] y) <float[3] w = {1,2,3}> { [m] y = Mul (w, x) }`, `
			g (float[3] x) => (float[3] y) { [y_Identity] y = Identity (x) }`, names("m"), DeleteOptions{}},
		{"an output of an output", `
			g (float[N] x) => (float[N] y, float[N] z) { y = Abs (x)  [r] z = Relu (y) }`, `
			g (float[N] x) => (float[N] y, float[N] z) { y = Abs (x)  [z_Identity] z = Identity (y) }`, names("r"), DeleteOptions{}},
		{"two outputs of one value", `
			g (float[N] x) => (float[N] y, float[N] z) { a = Abs (x)  [r] y = Relu (a)  [s] z = Neg (a)  }`, `
			g (float[N] x) => (float[N] y, float[N] z) { y = Abs (x)  [z_Identity] z = Identity (y) }`, names("?"), DeleteOptions{}},
		{"all of an operator, at every depth", `
			g (float[N] x, bool c) => (float[N] y) {
				a = Identity (x)
				y = If (c) <then_branch = t () => (float[N] p) { b = Identity (a)  p = Neg (b) }, else_branch = u () => (float[N] q) { b = Abs (a)  q = Identity (b) }>
			}`, `
			g (float[N] x, bool c) => (float[N] y) {
				y = If (c) <then_branch = t () => (float[N] p) { p = Neg (x) }, else_branch = u () => (float[N] q) { q = Abs (x) }>
			}`, NodeChoice{Ops: []string{"Identity"}}, DeleteOptions{}},
		{"an Identity that gives an output its name stays", `
			g (float[N] x) => (float[N] y) { a = Identity (x)  [i] y = Identity (x)  b = Neg (a) }`, `
			g (float[N] x) => (float[N] y) { [i] y = Identity (x)  b = Neg (x) }`, NodeChoice{Ops: []string{"ai.onnx.Identity"}}, DeleteOptions{}},
		{"outputs that nothing reads need no bypass", `
			g (float[N] x) => (float[N] y) { a, m = Dropout (x)  s = Shape (x)  y = Neg (a) }`, `
			g (float[N] x) => (float[N] y) { y = Neg (x) }`, NodeChoice{Ops: []string{"Dropout", "Sha*"}}, DeleteOptions{}},
		{"a weight that others read stays, a Constant node goes", `
			g (float[N,3] x) => (float[N,3] y) <float[3] w = {1,2,3}> { [m] a = Mul (x, w)  k = Constant <value = float[1] {2}> ()  [d] b = Div (a, k)  y = Add (b, w) }`, `
			g (float[N,3] x) => (float[N,3] y) <float[3] w = {1,2,3}> { y = Add (x, w) }`, names("m", "d"), DeleteOptions{}},
		{"a weight that a deleted branch captured goes", `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				a = Abs (x)
				[choose] b = If (c) <then_branch = t () => (float[N,3] p) { p = Add (a, w) }, else_branch = u () => (float[N,3] q) { q = Neg (a) }>
				y = Add (a, x)
			}`, `
			g (float[N,3] x, bool c) => (float[N,3] y) { a = Abs (x)  y = Add (a, x) }`, names("choose"), DeleteOptions{}},
		{"what nothing needs any more, where it is to go", `
			g (float[N] x) => (float[N] y) { a = Abs (x)  b = Neg (x)  [add] d = Add (a, b)  y = Relu (d) }`, `
			g (float[N] x) => (float[N] y) { b = Neg (x)  y = Relu (b) }`, names("add"), DeleteOptions{Input: index(1), Tidy: true}},
		{"a cut", `
			g (float[N,3] x) => (float[N,3] y) <float[3] w = {1,2,3}> { [m] a = Mul (x, w)  b = Relu (a)  y = Add (a, b) }`, `
			g (float[N,3] x, float[N,3] a) => (float[N,3] y) { b = Relu (a)  y = Add (a, b) }`, names("m"), DeleteOptions{Cut: true}},
		{"a cut of what nothing reads", `
			g (float[N] x) => (float[N] y) { y = Abs (x)  [r] a = Relu (x) }`, `
			g (float[N] x) => (float[N] y) { y = Abs (x) }`, names("r"), DeleteOptions{Cut: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, c.model)
			if _, err := Delete(m, c.choice, c.o); err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
}

func TestDeleteRefuses(t *testing.T) {
	two := `g (float[N] x, float[N] z) => (float[N] y) { [add] a = Add (x, z)  [cast] b = Cast <to = 7> (a)  [back] y = Cast <to = 1> (b) }`
	twice := `g (float[N] x, bool c) => (float[N] y) {
		y = If (c) <then_branch = t () => (float[N] p) { [n] b = Abs (x)  p = Neg (b) }, else_branch = u () => (float[N] q) { [n] b = Abs (x)  q = Relu (b) }>
	}`
	for _, c := range []struct {
		name, model string
		choice      NodeChoice
		o           DeleteOptions
		kind        onnxpb.Kind
		words       string
	}{
		{"no such node", two, NodeChoice{Names: []string{"cst"}}, DeleteOptions{}, onnxpb.Unfit, `no node "cst" (did you mean "cast"`},
		{"no such node beside one that is", two, NodeChoice{Names: []string{"back", "cst"}}, DeleteOptions{Cut: true}, onnxpb.Unfit, `"cst"`},
		{"a tensor's name", two, NodeChoice{Names: []string{"a"}}, DeleteOptions{}, onnxpb.Unfit, `a tensor has that name, which node "add" makes`},
		{"an input", two, NodeChoice{Makes: []string{"x"}}, DeleteOptions{}, onnxpb.Unfit, "it is an input"},
		{"no such operator", two, NodeChoice{Ops: []string{"Ad"}}, DeleteOptions{}, onnxpb.Unfit, `did you mean "Add"`},
		{"a pattern for nothing", two, NodeChoice{Names: []string{"z*"}}, DeleteOptions{}, onnxpb.Unfit, `no node's name matches "z*"`},
		{"nothing named", two, NodeChoice{}, DeleteOptions{}, onnxpb.Usage, "no node is named"},
		{"one name of many nodes", twice, NodeChoice{Names: []string{"n"}}, DeleteOptions{}, onnxpb.Unfit, `"choose`},
		{"one tensor in many graphs", twice, NodeChoice{Makes: []string{"b"}}, DeleteOptions{}, onnxpb.Unfit, `then_branch/b`},
		{"several inputs fit", two, NodeChoice{Names: []string{"add"}}, DeleteOptions{}, onnxpb.Unfit, "which one? say so by its index: 0 (x), 1 (z)"},
		{"no input of that index", two, NodeChoice{Names: []string{"add"}}, DeleteOptions{Input: index(2)}, onnxpb.Unfit, "no input 2"},
		{"another type", two, NodeChoice{Names: []string{"cast"}}, DeleteOptions{AllowUnknown: true}, onnxpb.Unfit, "it reads a float32[N]"},
		{"another shape", `g (float[N,3] x) => (float[3,N] y) { [t] a = Transpose (x)  y = Neg (a) }`, NodeChoice{Names: []string{"t"}}, DeleteOptions{AllowUnknown: true}, onnxpb.Unfit, "which is float32[3,N]: it reads x float32[N,3]"},
		{"no input at all", `g () => (float[1] y) { [k] a = Constant <value = float[1] {1}> ()  y = Neg (a) }`, NodeChoice{Names: []string{"k"}}, DeleteOptions{}, onnxpb.Refused, "it has none"},
		{"two outputs that are read", `g (float[4] x) => (float[2] y) { [s] a, b = Split (x)  y = Add (a, b) }`, NodeChoice{Names: []string{"s"}}, DeleteOptions{}, onnxpb.Refused, `its outputs "a", "b" are read`},
		{"a cut at an output", two, NodeChoice{Names: []string{"back"}}, DeleteOptions{Cut: true}, onnxpb.Refused, "dropoutput"},
		{"a cut in a subgraph", twice, NodeChoice{Ops: []string{"Abs"}}, DeleteOptions{Cut: true}, onnxpb.Refused, "whose inputs are not free"},
		{"a cut with a bypass", two, NodeChoice{Names: []string{"add"}}, DeleteOptions{Cut: true, Input: index(0)}, onnxpb.Usage, "a cut has no bypass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, strings.Replace(c.model, "y = If", "[choose] y = If", 1))
			failsWith(t, m, deleting(c.choice, c.o), c.kind, c.words)
		})
	}
}

// TestDeleteUnknown: what is not known to fit is refused, unless it is asked for.
func TestDeleteUnknown(t *testing.T) {
	m := mysteryModel()
	c := NodeChoice{Ops: []string{"acme.Mystery"}}
	failsWith(t, m, deleting(c, DeleteOptions{}), onnxpb.Unfit, "is not known")
	r, err := Delete(m, c, DeleteOptions{AllowUnknown: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) == 0 || m.Graph.Node[3].Input[0] != "x" {
		t.Errorf("%v, %q", m.Graph.Node[3], r.Notes)
	}
}

// TestDeleteKeepsTraining: what training information names is followed, in the attributes of Gradient too.
func TestDeleteKeepsTraining(t *testing.T) {
	m := richModel()
	if _, err := Delete(m, NodeChoice{Names: []string{"add_sparse", "then_mul"}}, DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after the edit")
	if in := m.Graph.Node[1].Input[0]; in != "h" || len(m.Graph.SparseInitializer) != 0 {
		t.Errorf("call reads %q, sparse initializers %v", in, m.Graph.SparseInitializer)
	}
	then := m.Graph.Node[2].Attr("then_branch").G
	if len(then.Node) != 1 || then.Node[0].Output[0] != "then_out" || len(then.Initializer) != 0 || then.QuantizationAnnotation[0].GetTensorName() != "then_out" {
		t.Errorf("the branch is %v", then)
	}
}

// TestDeleteTellsInputsOnce names what nothing reads any more once each, also initializers that are inputs.
func TestDeleteTellsInputsOnce(t *testing.T) {
	m := fromText(t, `g (float[2] x, float[2] w = {1,2}) => (float[2] y) { h = Add (x, w) y = Neg (h) }`)
	r, err := Delete(m, NodeChoice{Makes: []string{"h"}}, DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) != 1 || strings.Count(r.Notes[0], `"w"`) != 1 {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestDeleteOfACycle ends, though the nodes that go read each other.
func TestDeleteOfACycle(t *testing.T) {
	m := fromText(t, `g (float[2] x) => (float[2] y) { a = Neg (x) b = Neg (a) y = Add (b, x) }`)
	m.Graph.Node[0].Input[0] = "b"
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return Delete(m, NodeChoice{Ops: []string{"Neg"}}, DeleteOptions{AllowUnknown: true})
	}, onnxpb.Refused, "cycle")
}
