package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

func TestRewire(t *testing.T) {
	nested := `
		g (float[N] x, bool c) => (float[N] z) {
			[abs] a = Abs (x)
			[neg] b = Neg (x)
			[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (a, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (a, x)  [add] q = Add (r, a) }>
			[join] z = Mul (e, a)
		}`
	for _, c := range []struct {
		name, model, want string
		from, to          string
		swap              bool
		c                 ReaderChoice
	}{
		{"all readers, at every depth", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (b, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (b, x)  [add] q = Add (r, b) }>
				[join] z = Mul (e, b)
			}`, "a", "b", false, ReaderChoice{}},
		{"one reader", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (a, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (a, x)  [add] q = Add (r, a) }>
				[join] z = Mul (e, b)
			}`, "a", "b", false, ReaderChoice{Nodes: []string{"join"}}},
		{"the readers in a node's subgraphs, by one input", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (b, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (b, x)  [add] q = Add (r, a) }>
				[join] z = Mul (e, a)
			}`, "a", "b", false, ReaderChoice{Nodes: []string{"choose"}, Inputs: []int{0}}},
		{"one of two of a name", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (a, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (a, x)  [add] q = Add (r, x) }>
				[join] z = Mul (e, a)
			}`, "a", "x", false, ReaderChoice{Nodes: []string{"choose/else_branch/add"}}},
		{"a value of a subgraph", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (a, b) }, else_branch = u () => (float[N] q) { [sub] r = Sub (a, x)  [add] q = Add (b, a) }>
				[join] z = Mul (e, a)
			}`, "r", "b", false, ReaderChoice{}},
		{"a value that is made later", `
			g (float[N] x) => (float[N] z) { [one] a = Abs (x)  [two] b = Neg (a)  [three] d = Exp (x)  z = Add (b, d) }`, `
			g (float[N] x) => (float[N] z) { [one] a = Abs (x)  [three] d = Exp (x)  [two] b = Neg (d)  z = Add (b, d) }`, "a", "d", false, ReaderChoice{}},
		{"an output with the others", `
			g (float[N] x) => (float[N] y) { a = Abs (x)  y = Neg (a)  b = Exp (y) }`, `
			g (float[N] x) => (float[N] y) { a = Abs (x)  y_1 = Neg (a)  b = Exp (a)  [y_Identity] y = Identity (a) }`, "y", "a", false, ReaderChoice{Outputs: true}},
		{"the others without the output", `
			g (float[N] x) => (float[N] y) { a = Abs (x)  y = Neg (a)  b = Exp (y) }`, `
			g (float[N] x) => (float[N] y) { a = Abs (x)  y = Neg (a)  b = Exp (a) }`, "y", "a", false, ReaderChoice{}},
		{"an output of a branch", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p_1 = Add (a, b)  [p_Identity] p = Identity (a) }, else_branch = u () => (float[N] q) { [sub] r = Sub (a, x)  [add] q = Add (r, a) }>
				[join] z = Mul (e, a)
			}`, "p", "a", false, ReaderChoice{Outputs: true}},
		{"swap", nested, `
			g (float[N] x, bool c) => (float[N] z) {
				[abs] a = Abs (x)
				[neg] b = Neg (x)
				[choose] e = If (c) <then_branch = t () => (float[N] p) { [add] p = Add (b, a) }, else_branch = u () => (float[N] q) { [sub] r = Sub (b, x)  [add] q = Add (r, b) }>
				[join] z = Mul (e, b)
			}`, "a", "b", true, ReaderChoice{}},
		{"swap with outputs: names and order stay", `
			g (float[N] x) => (float[N] y, float[N] z) { y = Abs (x)  z = Neg (x)  b = Exp (y) }`, `
			g (float[N] x) => (float[N] y, float[N] z) { y_1 = Abs (x)  z_1 = Neg (x)  b = Exp (z_1)  [y_Identity] y = Identity (z_1)  [z_Identity] z = Identity (y_1) }`, "y", "z", true, ReaderChoice{Outputs: true}},
		{"swap inputs", `
			g (float[N] x, float[N] w) => (float[N] y) { a = Sub (x, w)  y = Sub (a, x) }`, `
			g (float[N] x, float[N] w) => (float[N] y) { a = Sub (w, x)  y = Sub (a, w) }`, "x", "w", true, ReaderChoice{}},
		{"swap for one reader", `
			g (float[N] x, float[N] w) => (float[N] y) { [s] a = Sub (x, w)  y = Sub (a, x) }`, `
			g (float[N] x, float[N] w) => (float[N] y) { [s] a = Sub (w, x)  y = Sub (a, x) }`, "w", "x", true, ReaderChoice{Nodes: []string{"s"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, c.model)
			var err error
			if c.swap {
				_, err = Swap(m, c.from, c.to, c.c)
			} else {
				_, err = Rewire(m, c.from, c.to, c.c)
			}
			if err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
}

func TestRewireRefuses(t *testing.T) {
	model := `
		g (float[N] x, int64[N] i, bool c) => (float[N] z) {
			[abs] a = Abs (x)
			[neg] b = Neg (a)
			[choose] e = If (c) <then_branch = t () => (float[N] p) { [n] l = Exp (a)  [add] p = Add (l, b) }, else_branch = u () => (float[N] q) { [n] l = Log (a)  [add] q = Add (l, b) }>
			[join] z = Mul (e, a)
			[idle] k = Neg (x)
		}`
	for _, c := range []struct {
		name, from, to string
		swap           bool
		c              ReaderChoice
		kind           onnxpb.Kind
		words          string
	}{
		{"no such tensor", "aa", "b", false, ReaderChoice{}, onnxpb.Unfit, `no tensor "aa" (did you mean "a"`},
		{"no such other tensor", "a", "bb", true, ReaderChoice{}, onnxpb.Unfit, `no tensor "bb"`},
		{"a name that stands twice", "l", "a", false, ReaderChoice{}, onnxpb.Unfit, `which is meant: "choose/then_branch/l", "choose/else_branch/l"?`},
		{"a node that reads it twice over", "b", "a", false, ReaderChoice{Nodes: []string{"add"}}, onnxpb.Unfit, `which one? "choose/then_branch/add"`},
		{"one tensor", "a", "a", true, ReaderChoice{}, onnxpb.Usage, "same tensor"},
		{"another type", "a", "i", false, ReaderChoice{AllowUnknown: true}, onnxpb.Unfit, `it is int64[N], and "a" is float32[N]`},
		{"a cycle", "x", "z", false, ReaderChoice{}, onnxpb.Refused, "form a cycle"},
		{"a cycle through a subgraph", "a", "e", false, ReaderChoice{Nodes: []string{"choose"}}, onnxpb.Refused, `"choose" reads what it makes itself`},
		{"a swap that closes a cycle", "a", "b", true, ReaderChoice{}, onnxpb.Refused, `"neg" reads what it makes itself`},
		{"a value that is not seen", "a", "choose/then_branch/l", false, ReaderChoice{}, onnxpb.Unfit, "cannot read"},
		{"nothing reads it", "k", "a", false, ReaderChoice{}, onnxpb.Unfit, "nothing reads"},
		{"only an output", "z", "a", false, ReaderChoice{}, onnxpb.Unfit, "which is an output (ask for outputs"},
		{"no output", "a", "b", false, ReaderChoice{Outputs: true}, onnxpb.Unfit, "is no output"},
		{"a node that does not read it", "b", "a", false, ReaderChoice{Nodes: []string{"join"}}, onnxpb.Unfit, `node "join": it does not read "b" (it is read as input 1 of node "choose/then_branch/add"`},
		{"no such node", "b", "a", false, ReaderChoice{Nodes: []string{"joim"}}, onnxpb.Unfit, `no node "joim" (did you mean "join"`},
		{"one node of two", "a", "b", false, ReaderChoice{Nodes: []string{"join", "*zz"}}, onnxpb.Unfit, `"*zz"`},
		{"no such input", "a", "x", false, ReaderChoice{Inputs: []int{1, 5}}, onnxpb.Unfit, "no input 5 reads"},
		{"an empty name", "a", "x", false, ReaderChoice{Nodes: []string{""}}, onnxpb.Usage, "is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failsWith(t, fromText(t, model), func(m *onnxpb.ModelProto) (*Report, error) {
				if c.swap {
					return Swap(m, c.from, c.to, c.c)
				}
				return Rewire(m, c.from, c.to, c.c)
			}, c.kind, c.words)
		})
	}
	// Shapes that hang on values: the types agree, and what follows from them does not.
	m := fromText(t, `g (float[2,3] x) => (float[6] y) <int64[1] s = {6}, int64[1] u = {5}> { [r] y = Reshape (x, s) }`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) { return Rewire(m, "s", "u", ReaderChoice{}) }, onnxpb.Refused, "contradict itself")
	u := mysteryModel()
	failsWith(t, u, func(m *onnxpb.ModelProto) (*Report, error) { return Rewire(m, "v1", "cast", ReaderChoice{}) }, onnxpb.Unfit, "is not known")
	if r, err := Rewire(u, "v1", "cast", ReaderChoice{AllowUnknown: true}); err != nil || len(r.Notes) != 1 || u.Graph.Node[3].Input[0] != "cast" {
		t.Errorf("%v, %v, %v", r, err, u.Graph.Node)
	}
}

// TestSwapSharding: what a node says of its inputs follows them, all at once.
func TestSwapSharding(t *testing.T) {
	m := richModel()
	n := m.Graph.Node[0]
	x := "x"
	n.DeviceConfigurations[0].ShardingSpec[0].TensorName = &x
	m.Graph.Node = append(m.Graph.Node[:1:1], append([]*onnxpb.NodeProto{onnxpb.Node("Neg", "xx", []string{"x"}, []string{"xx"})}, m.Graph.Node[1:]...)...)
	if _, err := Rewire(m, "x", "xx", ReaderChoice{Nodes: []string{"matmul"}}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after the edit")
	if n := m.Graph.Node[1]; n.GetName() != "matmul" || n.Input[0] != "xx" || n.DeviceConfigurations[0].ShardingSpec[0].GetTensorName() != "xx" {
		t.Errorf("%v", n)
	}
}
