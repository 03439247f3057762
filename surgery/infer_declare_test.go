package surgery_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// custom has an operator of which inference knows nothing, though ONNX Runtime has it (it copies its input), in the graph and in a branch; the same name stands in both branches.
const custom = `<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
g (float[N,3] x, bool c) => (float[] y) <float[3] k = {1,2,3}> {
  [first] d = com.microsoft.SampleOp (x)
  [scale] f = Mul (d, k)
  [choose] e = If (c) <
    then_branch = t () => (p) { [deep] q = com.microsoft.SampleOp (f) [neg] p = Neg (q) },
    else_branch = u () => (r) { [other] q = com.microsoft.SampleOp (f) [abs] r = Abs (q) }>
  [sum] y = ReduceSum <keepdims = 0> (e)
}`

func customModel(t *testing.T) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(custom)
	if err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
	return m
}

func typed(t *testing.T, name, typ string) surgery.TypeDeclaration {
	t.Helper()
	p, err := onnxpb.ParseTypeProto(typ)
	if err != nil {
		t.Fatal(err)
	}
	return surgery.TypeDeclaration{Name: name, Type: p}
}

// TestInferDeclares: what follows from a declaration is declared, and edits that need types work behind the operator; what they make computes.
func TestInferDeclares(t *testing.T) {
	type edit = func(*onnxpb.ModelProto) (*surgery.Report, error)
	outputs := func(names ...string) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.AddOutputs(m, surgery.OutputChoice{Names: names})
		}
	}
	infer := func(list ...surgery.TypeDeclaration) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Infer(m, surgery.InferOptions{Declare: list})
		}
	}
	block, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> half (float[N,3] a) => (float[N,3] b) <float h = {0.5}> { b = Mul (a, h) }`)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []edit{outputs("d"), outputs("e"), func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.Insert(m, block, surgery.InsertOptions{Inputs: map[string]string{"a": "f"}, Outputs: map[string]string{"b": "f"}})
	}, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.Extract(m, []string{"d", "c"}, []string{"e"})
	}} {
		if _, err := e(customModel(t)); err == nil {
			t.Error("an edit that needs a type went without it")
		}
	}
	declare := infer(typed(t, "d", "float32 [N,3]"), typed(t, "choose/then_branch/q", "float32 [N,3]"), typed(t, "choose/else_branch/q", "float32 [N,3]"))
	x := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, -1, 2, -3, 4, 5})
	k := []float64{1, 2, 3}
	in, _ := x.Float64s()
	for _, c := range []struct {
		name  string
		edit  edit
		y, e  float64 // e is what each number of x*k is multiplied by
		drops bool    // y and x are none of the model any more
	}{
		{"addoutput", outputs("e", "d"), -1, -1, false},
		{"insert", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Chain(m, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.Insert(m, block, surgery.InsertOptions{Inputs: map[string]string{"a": "f"}, Outputs: map[string]string{"b": "f"}})
			}, outputs("e"))
		}, -0.5, -0.5, false},
		{"extract", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Extract(m, []string{"d", "c"}, []string{"e"})
		}, 0, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := customModel(t)
			if _, err := surgery.Chain(m, declare, c.edit); err != nil {
				t.Fatal(err)
			}
			feeds := map[string]*onnxpb.Array{"x": x, "c": truth(true)}
			if c.drops {
				feeds = map[string]*onnxpb.Array{"d": x, "c": truth(true)}
			}
			out := compute(t, m, feeds)
			e, err := out["e"].Array.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for i, v := range in {
				sum += v * k[i%3]
				if want := c.e * v * k[i%3]; e[i] != want {
					t.Errorf("e[%d] is %v, want %v", i, e[i], want)
				}
			}
			if !c.drops {
				if y, err := out["y"].Array.Float64s(); err != nil || math.Abs(y[0]-c.y*sum) > 1e-4 {
					t.Errorf("y is %v (%v), want %v", y, err, c.y*sum)
				}
			}
			for _, v := range append(m.Graph.Output, m.Graph.ValueInfo...) {
				if v.GetName() == "e" && onnxpb.FormatTypeProto(v.GetType()) != "float32 [N,3]" {
					t.Errorf("e is declared %s", onnxpb.FormatTypeProto(v.GetType()))
				}
			}
		})
	}

	// A second time there is nothing to declare; a sharper declaration sharpens, with numbers for symbols too.
	m := customModel(t)
	if _, err := infer(typed(t, "d", "float32"))(m); err != nil {
		t.Fatal(err)
	}
	if _, err := surgery.Infer(m, surgery.InferOptions{Declare: []surgery.TypeDeclaration{typed(t, "d", "float32 [N,?]")}, Assume: map[string]int64{"N": 4}}); err != nil {
		t.Fatal(err)
	}
	for _, v := range m.Graph.ValueInfo {
		if v.GetName() == "d" && onnxpb.FormatTypeProto(v.GetType()) != "float32 [4,?]" {
			t.Errorf("d is %s", onnxpb.FormatTypeProto(v.GetType()))
		}
	}
	if r, err := infer(typed(t, "d", "float32 [4,?]"))(m); err != nil || len(r.Changes) != 0 {
		t.Errorf("again: %v, %v", r, err)
	}
}

func TestInferDeclareRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		list  []surgery.TypeDeclaration
		kind  onnxpb.Kind
		words string
	}{
		{"a misspelt name", []surgery.TypeDeclaration{typed(t, "choos", "float32")}, onnxpb.Unfit, `no tensor "choos"`},
		{"a name of two graphs", []surgery.TypeDeclaration{typed(t, "q", "float32")}, onnxpb.Unfit, "choose/then_branch/q"},
		{"an input", []surgery.TypeDeclaration{typed(t, "x", "float32 [N,3]")}, onnxpb.Unfit, "onnxtool setinput"},
		{"a constant", []surgery.TypeDeclaration{typed(t, "k", "float32 [3]")}, onnxpb.Unfit, "a constant"},
		{"no type", []surgery.TypeDeclaration{{Name: "d"}}, onnxpb.Usage, "of what type"},
		{"two types", []surgery.TypeDeclaration{typed(t, "d", "float32"), typed(t, "d", "int64")}, onnxpb.Refused, "declared as float32"},
		{"two ranks", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "d", "float32 [3]")}, onnxpb.Refused, "declared as"},
		{"another type than the output", []surgery.TypeDeclaration{typed(t, "y", "int64")}, onnxpb.Refused, "declared as float32"},
		{"what does not go with the next node", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,4]")}, onnxpb.Refused, "Mul"},
		{"another type than the next node takes", []surgery.TypeDeclaration{typed(t, "d", "int64 [N,3]")}, onnxpb.Refused, "Mul"},
		{"another element type than follows", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "f", "int64")}, onnxpb.Refused, "float32"},
		{"another number than follows", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "f", "float32 [N,4]")}, onnxpb.Refused, "[N,3]"},
		{"a number where a symbol follows", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "f", "float32 [2,3]")}, onnxpb.Refused, "follows to be float32 [N,3]"},
		{"another symbol than follows", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "f", "float32 [M,3]")}, onnxpb.Refused, "follows to be float32 [N,3]"},
		{"a sequence where a tensor follows", []surgery.TypeDeclaration{typed(t, "d", "float32 [N,3]"), typed(t, "f", "sequence(float32)")}, onnxpb.Refused, "seq"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := customModel(t)
			before, _ := onnxpb.Marshal(m)
			_, err := surgery.Infer(m, surgery.InferOptions{Declare: c.list})
			var e *onnxpb.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Error(), c.words) || e.Hint == "" {
				t.Errorf("%v; want kind %v and %q", err, c.kind, c.words)
			}
			if after, _ := onnxpb.Marshal(m); string(before) != string(after) {
				t.Error("the model changed")
			}
		})
	}
	// Sequences and inputs of subgraphs.
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "acme": 1]>
		g (float[2] x, int64 n, bool c) => (float[2] y) { s = acme.Split (x)  i = Constant <value_int: int = 0> ()  y = SequenceAt (s, i)
			z = Loop (n, c, x) <body = b (int64 k, bool g, v) => (bool g, w) { w = Neg (v) }> }`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := surgery.Infer(m, surgery.InferOptions{Declare: []surgery.TypeDeclaration{typed(t, "s", "sequence(float32 [2])"), typed(t, "v", "float32 [2]")}}); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
}
