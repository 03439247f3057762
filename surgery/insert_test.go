package surgery

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func inserting(block string, o InsertOptions) edit {
	return func(m *onnxpb.ModelProto) (*Report, error) {
		b, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\": 17]>\n" + block)
		if err != nil {
			panic(err)
		}
		return Insert(m, b, o)
	}
}

const (
	gainBlock = `gain (float[M,3] a) => (float[M,3] b) <float[3] w = {2,2,2}> { [mul] t = Mul (a, w)  [add] b = Add (t, a) }`
	pairBlock = `pair (float[M,3] a, float[M,3] b) => (float[M,3] s, float[M,3] d) { s = Add (a, b)  d = Sub (a, b) }`
)

func TestInsert(t *testing.T) {
	model := `
		g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
			[mul] a = Mul (x, w)
			[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
			[join] y = Add (e, a)
		}`
	for _, c := range []struct {
		name, block string
		o           InsertOptions
		want        string
	}{
		{"behind a tensor, for all of its readers", gainBlock, InsertOptions{Inputs: map[string]string{"a": "a"}, Outputs: map[string]string{"b": "a"}}, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}, float[3] w_1 = {2,2,2}, float[N,3] b> {
				[mul] a = Mul (x, w)
				[mul_1] t = Mul (a, w_1)
				[add] b = Add (t, a)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (b)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (b) }>
				[join] y = Add (e, b)
			}`},
		{"a name that a subgraph has", `neg (float[M,3] x) => (float[M,3] q) { l = Neg (x)  q = Exp (l) }`, InsertOptions{Inputs: map[string]string{"x": "a"}, Outputs: map[string]string{"q": "a"}}, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}, float[N,3] q_1> {
				[mul] a = Mul (x, w)
				l_1 = Neg (a)
				q_1 = Exp (l_1)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (q_1)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (q_1) }>
				[join] y = Add (e, q_1)
			}`},
		{"before one input of a node", `neg (float[M,3] a) => (float[M,3] b) { b = Neg (a) }`, InsertOptions{Inputs: map[string]string{"a": "a"}, Outputs: map[string]string{"b": "a"}, Readers: ReaderChoice{Nodes: []string{"join"}, Inputs: []int{1}}}, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}, float[N,3] b> {
				[mul] a = Mul (x, w)
				b = Neg (a)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				[join] y = Add (e, b)
			}`},
		{"between two tensors that are apart: nodes are put in order", pairBlock, InsertOptions{Inputs: map[string]string{"a": "e", "b": "x"}, Outputs: map[string]string{"s": "a"}, Readers: ReaderChoice{Nodes: []string{"join"}}}, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}, float[N,3] s, float[N,3] d> {
				[mul] a = Mul (x, w)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				s = Add (e, x)
				d = Sub (e, x)
				[join] y = Add (e, s)
			}`},
		{"in a subgraph", `sig (float[M,3] a) => (float[M,3] b) { b = Sigmoid (a) }`, InsertOptions{Inputs: map[string]string{"a": "l"}, Outputs: map[string]string{"b": "l"}}, `
			g (float[N,3] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}> {
				[mul] a = Mul (x, w)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) <float[N,3] b> { [n] l = Exp (a)  b = Sigmoid (l)  p = Neg (b) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				[join] y = Add (e, a)
			}`},
		{"in the place of an input, of another type and rank", `pre (uint8[M,3,1] i) => (float[M,3] o) <int64[1] two = {2}> { f = Cast <to = 1> (i)  o = Squeeze (f, two) }`,
			InsertOptions{Replace: map[string]string{"i": "x"}, Outputs: map[string]string{"o": "x"}}, `
			g (uint8[N,3,1] x, bool c) => (float[N,3] y) <float[3] w = {1,2,3}, int64[1] two = {2}, float[N,3] x_1> {
				f = Cast <to = 1> (x)
				x_1 = Squeeze (f, two)
				[mul] a = Mul (x_1, w)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				[join] y = Add (e, a)
			}`},
		{"at an output, of another type", `post (float[M,3] a) => (int64[M] b) { b = ArgMax <axis = 1, keepdims = 0> (a) }`, InsertOptions{Inputs: map[string]string{"a": "y"}, Outputs: map[string]string{"b": "y"}, OnlyOutputs: true}, `
			g (float[N,3] x, bool c) => (int64[N] y) <float[3] w = {1,2,3}> {
				[mul] a = Mul (x, w)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				[join] y_1 = Add (e, a)
				y = ArgMax <axis = 1, keepdims = 0> (y_1)
			}`},
		{"beside, with inputs and outputs of its own, wired by name", `beside (float[N,3] a, float[M] z) => (float[N,3] b, float[M] d) { b = Neg (a)  d = Abs (z) }`, InsertOptions{NewInputs: true, NewOutputs: true}, `
			g (float[N,3] x, bool c, float[M] z) => (float[N,3] y, float[N,3] b, float[M] d) <float[3] w = {1,2,3}> {
				[mul] a = Mul (x, w)
				b = Neg (a)
				d = Abs (z)
				[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { q = Abs (a) }>
				[join] y = Add (e, a)
			}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, model)
			if _, err := inserting(c.block, c.o)(m); err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
}

func TestInsertRefuses(t *testing.T) {
	model := `
		g (float[N,3] x, int64[N] i, bool c) => (float[N,3] y) {
			[abs] a = Abs (x)
			[choose] e = If (c) <then_branch = t () => (float[N,3] p) { [n] l = Exp (a)  p = Neg (l) }, else_branch = u () => (float[N,3] q) { [n] k = Log (a)  q = Neg (k) }>
			[join] y = Add (e, a)
		}`
	in := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	neg := `neg (float[M,3] f) => (float[M,3] b) { b = Neg (f) }`
	for _, c := range []struct {
		name, block string
		o           InsertOptions
		kind        onnxpb.Kind
		words       string
	}{
		{"no such tensor", neg, InsertOptions{Inputs: in("f", "aa")}, onnxpb.Unfit, `no tensor "aa"`},
		{"no such tensor behind", neg, InsertOptions{Inputs: in("f", "a"), Outputs: in("b", "zz")}, onnxpb.Unfit, `no tensor "zz"`},
		{"no such input of the block", neg, InsertOptions{Inputs: in("g", "a")}, onnxpb.Unfit, `the block has no input "g"`},
		{"no such output of the block", neg, InsertOptions{Inputs: in("f", "a"), Outputs: in("bb", "a")}, onnxpb.Unfit, `the block has no output "bb" (did you mean "b"`},
		{"an input that is left over", neg, InsertOptions{}, onnxpb.Unfit, `input "f" of the block reads nothing`},
		{"another element type", neg, InsertOptions{Inputs: in("f", "i")}, onnxpb.Unfit, "the element types differ"},
		{"another rank", `b (float[M] f) => (float[M] b) { b = Neg (f) }`, InsertOptions{Inputs: in("f", "a")}, onnxpb.Unfit, "the ranks differ"},
		{"another size", `b (float[M,4] f) => (float[M,4] b) { b = Neg (f) }`, InsertOptions{Inputs: in("f", "a")}, onnxpb.Unfit, "axis 1 is made for 4"},
		{"a fixed batch", `b (float[1,3] f) => (float[1,3] b) { b = Neg (f) }`, InsertOptions{Inputs: in("f", "a")}, onnxpb.Unfit, "axis 0 is made for 1"},
		{"what the readers were not made for", `b (float[M,3] f) => (float[3,M] b) { b = Transpose (f) }`, InsertOptions{Inputs: in("f", "a"), Outputs: in("b", "a")}, onnxpb.Unfit, "its readers are made for the former"},
		{"a cycle", neg, InsertOptions{Inputs: in("f", "y"), Outputs: in("b", "a")}, onnxpb.Refused, "form a cycle"},
		{"a node that does not read it", neg, InsertOptions{Inputs: in("f", "a"), Outputs: in("b", "e"), Readers: ReaderChoice{Nodes: []string{"abs"}}}, onnxpb.Unfit, `node "abs": it does not read "e"`},
		{"an output that nothing reads", neg, InsertOptions{Inputs: in("f", "a"), Outputs: in("b", "y")}, onnxpb.Unfit, "ask for outputs"},
		{"no output", neg, InsertOptions{Inputs: in("f", "a"), Outputs: in("b", "a"), OnlyOutputs: true}, onnxpb.Unfit, "is a tensor of the model, and no output"},
		{"two graphs that do not see each other", `b (float[M,3] f, float[M,3] g) => (float[M,3] b) { b = Add (f, g) }`, InsertOptions{Inputs: in("f", "l", "g", "k")}, onnxpb.Unfit, "cannot see"},
		{"the place of what is no input", neg, InsertOptions{Replace: in("f", "a"), Outputs: in("b", "a")}, onnxpb.Unfit, `the model has no input "a"`},
		{"the place of an input, of other type behind", `b (uint8[M,3] f) => (uint8[M,3] b) { b = Identity (f) }`, InsertOptions{Replace: in("f", "x"), Outputs: in("b", "x")}, onnxpb.Unfit, "do not go together|made for"},
		{"the place of an input without an output", neg, InsertOptions{Replace: in("f", "x")}, onnxpb.Usage, "no output is told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, words := range strings.Split(c.words, "|") {
				m := fromText(t, model)
				if _, err := inserting(c.block, c.o)(m); err != nil && !strings.Contains(err.Error(), words) && words != c.words {
					continue
				}
				failsWith(t, m, inserting(c.block, c.o), c.kind, words)
				return
			}
			t.Errorf("no error of those expected")
		})
	}
}

// TestInsertOpsets: an operator that is another one in the model's version is refused; one that is the same passes.
func TestInsertOpsets(t *testing.T) {
	block := func(opset string, body string) *onnxpb.ModelProto {
		b, err := onnxtext.Parse("<ir_version: 8, opset_import: [" + opset + "]>\n" + body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	o := InsertOptions{Inputs: map[string]string{"f": "v1"}, Outputs: map[string]string{"b": "v1"}}
	softmax := block(`"": 12`, `s (float[M,3] f) => (float[M,3] b) { b = Softmax (f) }`)
	failsWith(t, chainModel(3), func(m *onnxpb.ModelProto) (*Report, error) { return Insert(m, softmax, o) }, onnxpb.Unfit, "the operator Softmax differs")
	m := chainModel(3)
	if _, err := Insert(m, block(`"": 15`, `s (float[M,3] f) => (float[M,3] b) { b = Softmax (f) }`), o); err != nil || m.OpsetVersion("") != 17 {
		t.Errorf("%v, opset %d", err, m.OpsetVersion(""))
	}
	valid(t, m, "after the edit")
	ml := block(`"": 17, "ai.onnx.ml": 3`, `s (float[M,3] f) => (float[M,3] b) { b = ai.onnx.ml.Scaler <offset = [0.0], scale = [2.0]> (f) }`)
	if _, err := Insert(m, ml, o); err != nil || m.OpsetVersion("ai.onnx.ml") != 3 {
		t.Errorf("%v, ai.onnx.ml %d", err, m.OpsetVersion("ai.onnx.ml"))
	}
	valid(t, m, "after the edit")
	// A wrong operator is told.
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return Insert(m, block(`"": 17`, `s (float[M,3] f) => (float[M,3] b) { b = Add (f) }`), o)
	}, onnxpb.Unfit, "the block does not fit")
}

// TestInsertFunctions: functions of one name stay two where they differ, and are one where they do not.
func TestInsertFunctions(t *testing.T) {
	block := func(op string) *onnxpb.ModelProto {
		b, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "local": 1]>
			s (float[M,3] f) => (float[M,3] b) { b = local.twist (f) }
			<domain: "local", opset_import: ["": 17]> twist (p) => (q) { q = ` + op + ` (p) }`)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	o := InsertOptions{Inputs: map[string]string{"f": "v1"}, Outputs: map[string]string{"b": "v1"}}
	m := chainModel(3)
	for i, want := range []struct {
		op        string
		functions int
		call      string
	}{{"Neg", 1, "twist"}, {"Neg", 1, "twist"}, {"Abs", 2, "twist_1"}} {
		if _, err := Insert(m, block(want.op), o); err != nil {
			t.Fatal(err)
		}
		valid(t, m, "after the edit")
		if n := m.Graph.Node[1]; len(m.Functions) != want.functions || n.GetOpType() != want.call {
			t.Errorf("block %d: %d functions, node %v", i, len(m.Functions), n)
		}
	}
}

// TestInsertExternal: data of the block gets a location of its own, and the report tells where it is.
func TestInsertExternal(t *testing.T) {
	m := richModel()
	b := fromText(t, `s (float[M,3] f) => (float[M,3] b) <float[3] k = {1,2,3}> { b = Mul (f, k) }`)
	k := b.Graph.Initializer[0]
	k.FloatData, k.RawData = nil, nil
	k.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
	k.ExternalData = []*onnxpb.StringStringEntryProto{entry("location", "w.bin"), entry("length", "12")}
	b.OpsetImport[0].Version = proto.Int64(20)
	o := InsertOptions{Inputs: map[string]string{"f": "f"}, Outputs: map[string]string{"b": "f"}}
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) { return Insert(m, b, o) }, onnxpb.Unfit, "where it lies is not known")
	o.Dir, o.ModelDir = "other", "here"
	r, err := Insert(m, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Carry) != 1 || r.Carry[0] != (onnxpb.CarryFile{Dir: "other", From: "w.bin", To: "w_1.bin"}) {
		t.Errorf("carried: %v", r.Carry)
	}
	if got := b.Graph.Initializer[0].ExternalData[0].GetValue(); got != "w.bin" {
		t.Errorf("the block was changed: %s", got)
	}
}

// TestInsertAtASubgraphsOutput keeps the type of an output of a branch in whose place the block comes.
func TestInsertAtASubgraphsOutput(t *testing.T) {
	m := fromText(t, `g (bool c, float[4] x) => (float[4] y) { [choose] y = If (c) <then_branch = t () => (float[4] ty) { ty = Neg (x) }, else_branch = e () => (float[4] ey) { ey = Abs (x) }> }`)
	b := fromText(t, `b (float[N] p) => (float[N] q) { q = Sqrt (p) }`)
	b.Graph.Input[0].Type, b.Graph.Output[0].Type = nil, nil
	if _, err := Insert(m, b, InsertOptions{Inputs: map[string]string{"p": "choose/then_branch/ty"}, Outputs: map[string]string{"q": "choose/then_branch/ty"}, Readers: ReaderChoice{Outputs: true}}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	out := m.Graph.Node[0].Attr("then_branch").G.Output[0]
	if s := out.GetName() + " " + onnxpb.FormatTypeProto(out.GetType()); s != "ty float32 [4]" {
		t.Error(s)
	}
}

// TestNodesWithoutNames means them by operator and first output, in every edit that chooses readers.
func TestNodesWithoutNames(t *testing.T) {
	m := fromText(t, `g (float[2] x) => (float[2] y, float[2] z) { h = Neg (x) k = Abs (x) y = Exp (h) z = Sqrt (h) }`)
	if _, err := Rewire(m, "h", "k", ReaderChoice{Nodes: []string{"Exp -> y"}}); err != nil {
		t.Fatal(err)
	}
	if m.Graph.Node[2].Input[0] != "k" || m.Graph.Node[3].Input[0] != "h" {
		t.Error(toText(t, m))
	}
	if from, err := NodeInput(m, "Sqrt -> z", 0); err != nil || from != "h" {
		t.Error(from, err)
	}
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return Rewire(m, "h", "k", ReaderChoice{Nodes: []string{"Exp -> q"}})
	}, onnxpb.Unfit, `"Exp -> y"`)
}
