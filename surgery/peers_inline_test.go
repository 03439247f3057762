package surgery_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// peersInline is what the tests of onnx's inliner cover, of functions of a model.
var peersInline = []peer{
	{"inliner", "calls are replaced by the bodies, in order, and the functions go", inlines(`g (float[2] x) => (float[2] y) { t = local.one (x) y = local.two (t) }
		<opset_import: ["": 17], domain: "local"> one (a) => (c) { b = Add (a, a) c = Softmax (b) }
		<opset_import: ["": 17], domain: "local"> two (a) => (b) { b = Mul (a, a) }`, "Add Softmax Mul", 0)},
	{"inliner", "calls in bodies are replaced too", inlines(callsSquare, "Mul Add Mul", 0)},
	{"inliner", "calls in both branches of an If", func(t *testing.T) {
		m := parse(t, `g (bool c, float[2] x) => (float[2] y)
			{ y = If (c) <then_branch = t () => (float[2] u) { u = local.square (x) }, else_branch = e () => (float[2] v) { v = local.square (x) }> } `+square)
		inline(t, m)
		for _, name := range []string{"then_branch", "else_branch"} {
			want(t, joined(m.Graph.Node[0].Attr(name).G.Node, (*onnxpb.NodeProto).GetOpType), "Mul")
		}
		want(t, fmt.Sprint(len(m.Functions)), "0")
	}},
	{"inliner", "names of a body that the graph has too, also the ones that a new name would be, are told apart", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { [foo] temp = local.foo (x) foo_temp = Mul (temp, temp) d = Add (foo_temp, temp) y = Abs (d) }
			<opset_import: ["": 17], domain: "local"> foo (x) => (y) { temp = Add (x, x) y = Neg (temp) }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err })
		want(t, ops(m), "Add Neg Mul Add Abs")
	}},
	{"inliner", "two calls of one function, of which one reads the other", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { temp = local.foo (x) y = local.foo (temp) }
			<opset_import: ["": 17], domain: "local"> foo (x) => (y) { temp = Add (x, x) y = Neg (temp) }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err })
		want(t, ops(m), "Add Neg Add Neg")
	}},
	{"inliner", "what a function declares of its values comes along", func(t *testing.T) {
		m := parse(t, `g (float[4] x) => (float[4] y) { r = local.foo (x) y = Abs (r) }
			<opset_import: ["": 17], domain: "local"> foo (x) => (y) <float[4] temp> { temp = Add (x, x) y = Neg (temp) }`)
		inline(t, m)
		want(t, onnxpb.FormatTypeProto(surgery.NewGraph(m).ValueType(m.Graph.Node[0].Output[0])), "float32 [4]")
	}},
	{"inliner", "a function of another version, of which its operators are the same", inlines(`g (float[2] x) => (float[2] y) { t = local.foo (x) y = local.bar (t) }
		<opset_import: ["": 18], domain: "local"> foo (a) => (b) { b = Add (a, a) }
		<opset_import: ["": 17], domain: "local"> bar (a) => (b) { b = Add (a, a) }`, "Add Add", 0)},
	{"inliner", "selected functions only, in the graph and in the bodies of the others; the selected go, the others stay", func(t *testing.T) {
		m := parse(t, callsSquare)
		inline(t, m, "local.square")
		want(t, ops(m), "Mul double")
		want(t, joined(m.Functions, (*onnxpb.FunctionProto).GetName)+": "+joined(m.Functions[0].Node, (*onnxpb.NodeProto).GetOpType), "double: Add Mul")
	}},
	{"inliner", "attributes of the call, defaults, and neither", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { a = local.leak <by: float = 0.5> (x) b = local.leak (a) y = local.soft (b) }
			<opset_import: ["": 17], domain: "local"> leak <by: float = 0.25> (a) => (b) { b = LeakyRelu <alpha: float = @by> (a) }
			<opset_import: ["": 17], domain: "local"> soft <axis> (a) => (b) { b = Softmax <axis: int = @axis> (a) }`)
		inline(t, m)
		n := m.Graph.Node
		want(t, fmt.Sprint(n[0].Attr("alpha").GetF(), n[1].Attr("alpha").GetF(), n[2].Attr("axis") == nil), "0.5 0.25 true")
		for _, x := range n {
			for _, a := range x.Attribute {
				want(t, a.GetRefAttrName(), "")
			}
		}
	}},
	{"inliner", "attributes that a body passes on to a function that it calls", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { y = local.outer <slope: float = 0.5> (x) }
			<opset_import: ["": 17, "local": 1], domain: "local"> outer <slope: float = 0.125> (a) => (b) { b = local.leak <by: float = @slope> (a) }
			<opset_import: ["": 17], domain: "local"> leak <by: float = 0.25> (a) => (b) { b = LeakyRelu <alpha: float = @by> (a) }`)
		inline(t, m)
		want(t, fmt.Sprint(m.Graph.Node[0].Attr("alpha").GetF()), "0.5")
	}},
	{"inliner", "a branch in a body reads the body's values, under their new names", func(t *testing.T) {
		m := parse(t, `g (float[2] x, bool c) => (float[2] y) { h = Neg (x) y = local.foo (h, c) }
			<opset_import: ["": 17], domain: "local"> foo (in, c) => (out) { h = Add (in, in)
				out = If (c) <then_branch = t () => (float[2] u) { u = Mul (h, in) }, else_branch = e () => (float[2] v) { v = Identity (h) }> }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err })
	}},
	{"inliner", "an input that the call leaves out is left out of the body", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { y = local.limit (x) } <opset_import: ["": 17], domain: "local"> limit (a, low, high) => (b) { b = Clip (a, low, high) }`)
		inline(t, m)
		want(t, strings.TrimRight(strings.Join(m.Graph.Node[0].Input, ","), ","), "x")
	}},
	{"inliner", "functions of two domains that have one name", inlines(`g (float[2] x) => (float[2] y) { t = local.f (x) y = other.f (t) }
		<opset_import: ["": 17], domain: "local"> f (a) => (b) { b = Neg (a) }
		<opset_import: ["": 17], domain: "other"> f (a) => (b) { b = Abs (a) }`, "Neg Abs", 0)},
}

const (
	square      = `<opset_import: ["": 17], domain: "local"> square (a) => (b) { b = Mul (a, a) } `
	callsSquare = `g (float[2] x) => (float[2] y) { t = local.square (x) y = local.double (t) }
		<opset_import: ["": 17, "local": 1], domain: "local"> double (a) => (c) { b = Add (a, a) c = local.square (b) } ` + square
)

func inline(t *testing.T, m *onnxpb.ModelProto, names ...string) {
	t.Helper()
	if _, err := surgery.Inline(m, names...); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
}

func inlines(text, wantOps string, functions int) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, text)
		if strings.Contains(text, "other.") {
			m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("other", 1))
		}
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err })
		want(t, ops(m), wantOps)
		want(t, fmt.Sprint(len(m.Functions)), fmt.Sprint(functions))
	}
}

// computesSame edits a model, and holds what it computes then, in ONNX Runtime, to what it computed: the same bits, of the same outputs in the same order. Its inputs are float[2], float[3] and bool.
func computesSame(t *testing.T, m *onnxpb.ModelProto, edit func(*onnxpb.ModelProto) error) {
	t.Helper()
	e := batchEngine(t)
	original := onnxpb.Clone(m)
	if err := edit(m); err != nil {
		t.Fatal(err)
	}
	valid(t, m)
	want(t, joined(m.Graph.Output, (*onnxpb.ValueInfoProto).GetName), joined(original.Graph.Output, (*onnxpb.ValueInfoProto).GetName))
	for _, truth := range []bool{true, false} {
		x := map[string]*onnxpb.Array{}
		for i, v := range original.Graph.Input {
			d, _ := v.Shape()
			switch {
			case v.ElemType() == onnxpb.TensorProto_BOOL:
				x[v.GetName()] = onnxpb.ArrayOf([]int64{}, []bool{truth})
			case len(d) == 1:
				x[v.GetName()] = vec([]float32{-1.5, 2.25, 3}[:d[0].Value]...)
			default:
				t.Fatalf("input %d has another shape", i)
			}
		}
		before, after := runs(t, e, original, x), runs(t, e, m, x)
		if len(before) != len(after) {
			t.Errorf("%d outputs, want %d", len(after), len(before))
		}
		for name, a := range before {
			if b := after[name]; b == nil || fmt.Sprint(a.Type, a.Dims, a.Data) != fmt.Sprint(b.Type, b.Dims, b.Data) {
				t.Errorf("%s is %v, want %v", name, b, a)
			}
		}
	}
}
