package surgery_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/diff"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// peersPattern is what the tests of onnx-graphsurgeon cover of patterns, and of what its importer, its exporter and its nodes and tensors are to keep.
var peersPattern = []peer{
	{"graphsurgeon", "a pattern of branches that meet and part again is found, its nodes, inputs, outputs and attributes told", func(t *testing.T) {
		found := matching(t, toy(`i5, i6`, 1), toyPattern("d, e"), lessThan2)
		if len(found) != 1 {
			t.Fatalf("%d found", len(found))
		}
		f := found[0]
		want(t, joined(f.Nodes, (*onnxpb.NodeProto).GetName), "n2 n3 n4 n5 n6")
		want(t, fmt.Sprint(f.Values["in0"], f.Values["in1"], f.Values["d"], f.Values["e"], f.Attributes["x"].GetF()), "i1i1o1o21")
	}},
	{"graphsurgeon", "an attribute that the caller does not accept is no match", func(t *testing.T) {
		want(t, fmt.Sprint(len(matching(t, toy("", 2), toyPattern("d, e"), lessThan2))), "0")
	}},
	{"graphsurgeon", "an inner value that is an output of the model is no match", func(t *testing.T) {
		want(t, fmt.Sprint(len(matching(t, toy(", float[2] i3", 1), toyPattern("d, e"), nil))), "0")
	}},
	{"graphsurgeon", "an inner value that another node reads is no match", func(t *testing.T) {
		m := strings.Replace(toy(", float[2] o3", 1), "[n6]", "[n7] o3 = toy.F (i4) [n6]", 1)
		want(t, fmt.Sprint(len(matching(t, m, toyPattern("d, e"), nil))), "0")
	}},
	{"graphsurgeon", "an output of the pattern may have readers in it, and be an output of the model", func(t *testing.T) {
		found := matching(t, toy(", float[2] i3", 1), toyPattern("d, e, b"), nil)
		if len(found) != 1 {
			t.Fatalf("%d found", len(found))
		}
		want(t, found[0].Values["b"], "i3")
	}},
	{"graphsurgeon", "a node with fewer outputs than the pattern's is no match", func(t *testing.T) {
		p := strings.Replace(toyPattern("d, e, b2"), "b = toy.B", "b, b2 = toy.B", 1)
		want(t, fmt.Sprint(len(matching(t, toy(", float[2] i3", 1), p, nil))), "0")
	}},
	{"graphsurgeon", "a pattern made of a pattern twice", func(t *testing.T) {
		found := matching(t, `g (float[2] i0, float[2] i1) => (float[2] i6) { [n1] a = toy.A (i0) [n2] b = toy.A (i1) [n3] c = toy.B (a) [n4] d = toy.B (b) [n5] i6 = toy.C (c, d) }`,
			`p (in0, in1) => (out) { l = local.part (in0) r = local.part (in1) out = toy.C (l, r) } <domain: "local", opset_import: ["toy": 1]> part (i) => (o) { h = toy.A (i) o = toy.B (h) }`, nil)
		if len(found) != 1 {
			t.Fatalf("%d found", len(found))
		}
		want(t, joined(found[0].Nodes, (*onnxpb.NodeProto).GetName), "n1 n3 n2 n4 n5")
		want(t, fmt.Sprint(found[0].Values["in0"], found[0].Values["in1"], found[0].Values["out"]), "i0i1i6")
	}},
	{"graphsurgeon", "a constant of the pattern is an initializer or a Constant, and a node that reads one is not one that reads none", func(t *testing.T) {
		weight := `g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { a = toy.A (x) y = toy.B (a, w) }`
		node := `g (float[2] x) => (float[2] y) { a = toy.A (x) w = Constant <value = float[2] {1,2}> () y = toy.B (a, w) }`
		none := `g (float[2] x) => (float[2] y) { a = toy.A (x) y = toy.B (a) }`
		for _, c := range []struct {
			model string
			with  int
		}{{weight, 1}, {node, 1}, {none, 0}} {
			p, err := onnxtext.Parse(`p (x, w) => (y) { a = toy.A (x) y = toy.B (a, w) }`)
			if err != nil {
				t.Fatal(err)
			}
			found, err := surgery.Match(parse(t, c.model), p, surgery.MatchOptions{Constants: []string{"w"}})
			if err != nil {
				t.Fatal(err)
			}
			want(t, fmt.Sprint(len(found), len(matching(t, c.model, `p (x) => (y) { a = toy.A (x) y = toy.B (a) }`, nil))), fmt.Sprint(c.with, 1-c.with))
		}
	}},
	{"graphsurgeon", "nodes of a form, wherever they are, become one plugin node that has their attribute", func(t *testing.T) {
		m := parse(t, toy("", 1))
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("toy", 1))
		p, b := patternText(t, toyPattern("d, e")), patternText(t, `b (in0, in1) => (d, e) { [plugin] d, e = toy.Plugin <x: float = @x> (in0, in1) }`)
		if _, err := surgery.Replace(m, p, b, surgery.ReplaceOptions{}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, signature(m)+" / "+ops(m)+" / "+strings.Join(m.Graph.Node[1].Input, ","), "i0 -> o1 o2 / Pre Plugin / i1,i1")
		want(t, fmt.Sprint(m.Graph.Node[1].Attr("x").GetF()), "1")
	}},

	// What is read and written.
	{"graphsurgeon", "element types that NumPy does not have: values, weights", func(t *testing.T) {
		for _, e := range []string{"bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "int4", "uint4"} {
			elements := "0,0,0,0"
			if strings.HasSuffix(e, "int4") {
				elements = "0,0" // two in a byte
			}
			m := parse(t, fmt.Sprintf(`g (%[1]s[1,2,3,4] x) => (%[1]s[1,2,3,4] y, %[1]s[4] w) <%[1]s[4] w = {%[2]s}> { y = Identity (x) }`, e, elements))
			v := int64(10)
			m.IrVersion, m.OpsetImport[0] = &v, onnxpb.Opset("", 21)
			valid(t, m)
			after := throughFile(t, m)
			want(t, onnxpb.FormatTypeProto(after.Graph.Input[0].Type)+" "+onnxpb.TypeName(onnxpb.TensorProto_DataType(after.Graph.Initializer[0].GetDataType())), e+" [1,2,3,4] "+e)
		}
	}},
	{"graphsurgeon", "attributes of every type, those that refer to a function's, and functions with their attributes, defaults and doc strings", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] z) { z = local.f <k: float = 2.0> (x) }
			<domain: "local", opset_import: ["": 18, "toy": 1], doc_string: "what it does"> f <k, more: int = 3> (a) => (c)
			{ b = toy.Test <f: float = 4.0, i: int = 10, s: string = "constant", t: tensor = float[1,2] {1,2}, fs: floats = [1,2], is: ints = [4,3], ss: strings = ["constant","and"],
				g: graph = inner () => (float u) { u = toy.Q () }, r: float = @k, n: int = @more> (a) c = Identity (b) }`)
		after := throughFile(t, m)
		found, err := diff.Models(m, after, diff.Options{})
		if err != nil || len(found) > 0 {
			t.Errorf("%v, %v", found, err)
		}
		f := after.Functions[0]
		want(t, fmt.Sprint(f.GetDocString(), f.GetAttribute(), f.AttributeProto[0].GetI(), f.OpsetImport[0].GetVersion(), len(f.Node[0].Attribute), f.Node[0].Attr("r").GetRefAttrName()), "what it does[k] 3 18 10k")
	}},
	{"graphsurgeon", "sparse weights, by places and by places along each axis, hold the numbers that they stand for", func(t *testing.T) {
		for _, indices := range []*onnxpb.TensorProto{onnxpb.TensorOf("", []int64{5}, []int64{1, 4, 7, 12, 20}), onnxpb.TensorOf("", []int64{5, 3}, []int64{0, 0, 1, 0, 1, 1, 0, 2, 1, 1, 1, 0, 2, 0, 2})} {
			m := parse(t, `g (float[3,3,3] x) => (float[3,3,3] y) { y = Add (x, w_sparse) }`)
			m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: onnxpb.TensorOf("w_sparse", []int64{5}, []float32{1, 2, 3, 4, 5}), Indices: indices, Dims: []int64{3, 3, 3}}}
			valid(t, m)
			list, err := surgery.ChooseConstants(throughFile(t, m), []string{"w_sparse"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := onnxpb.Dense(list[0].Sparse, "")
			if err != nil {
				t.Fatal(err)
			}
			ref := make([]float32, 27)
			ref[1], ref[4], ref[7], ref[12], ref[20] = 1, 2, 3, 4, 5
			want(t, fmt.Sprint(a.Dims, a.Data), fmt.Sprint([]int64{3, 3, 3}, ref))
		}
	}},
	{"graphsurgeon", "after inference every value has a type and a shape", func(t *testing.T) {
		m := parse(t, `g (float[1,1,2,2] x) => (float[1,1,2,2] y) { a = Identity (x) y = Identity (a) }`)
		if _, err := surgery.Infer(m, surgery.InferOptions{Strict: true}); err != nil {
			t.Fatal(err)
		}
		g := surgery.NewGraph(m)
		for _, name := range g.Values() {
			want(t, onnxpb.FormatTypeProto(g.ValueType(name)), "float32 [1,1,2,2]")
		}
	}},
	{"graphsurgeon", "a model is equal to itself, and to no other name, operator, or number of inputs", func(t *testing.T) {
		base := `g (float[2] x) => (float[2] y) { [n] y = Add (x, x) }`
		for text, same := range map[string]bool{base: true, `g (float[2] x) => (float[2] y) { [m] y = Add (x, x) }`: false, `g (float[2] x) => (float[2] y) { [n] y = Sub (x, x) }`: false,
			`g (float[2] x) => (float[2] y) { [n] y = Sum (x) }`: false, `g (float[2] z) => (float[2] y) { [n] y = Add (z, z) }`: false} {
			found, err := diff.Models(parse(t, base), parse(t, text), diff.Options{})
			if err != nil || (len(found) == 0) != same {
				t.Errorf("%s: %v, %v", text, found, err)
			}
		}
	}},
	{"graphsurgeon", "subgraphs of a node, and those within them", func(t *testing.T) {
		m := parse(t, nested)
		count := func(nodes []*onnxpb.NodeProto) (n int, within []*onnxpb.NodeProto) {
			for _, x := range nodes {
				for g := range x.Subgraphs() {
					n++
					within = append(within, g.Node...)
				}
			}
			return n, within
		}
		outer, within := count(m.Graph.Node)
		inner, _ := count(within)
		want(t, fmt.Sprint(outer, outer+inner), "2 4")
	}},
}

// toy is a model of A and B that meet in C, which D and E read.
func toy(moreOutputs string, x float32) string {
	if !strings.HasPrefix(moreOutputs, ",") {
		moreOutputs = ""
	}
	return fmt.Sprintf(`g (float[2] i0) => (float[2] o1, float[2] o2%s) { [n1] i1 = toy.Pre (i0) [n2] i2 = toy.A (i1) [n3] i3 = toy.B (i1) [n4] i4 = toy.C <x: float = %g.0> (i2, i3) [n5] o1 = toy.D (i4) [n6] o2 = toy.E (i4) }`, moreOutputs, x)
}

func toyPattern(outputs string) string {
	return `p (in0, in1) => (` + outputs + `) { a = toy.A (in0) b = toy.B (in1) c = toy.C <x: float = @x> (a, b) d = toy.D (c) e = toy.E (c) }`
}

func lessThan2(m *surgery.PatternMatch) bool { return m.Attributes["x"].GetF() < 2 }

func patternText(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	p, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func matching(t *testing.T, model, pattern string, accept func(*surgery.PatternMatch) bool) []surgery.PatternMatch {
	t.Helper()
	found, err := surgery.Match(parse(t, model), patternText(t, pattern), surgery.MatchOptions{Accept: accept})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// throughFile writes a model and reads it back, and wants the same bytes.
func throughFile(t *testing.T, m *onnxpb.ModelProto) *onnxpb.ModelProto {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	before, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := onnxpb.Marshal(f.Model); err != nil || !bytes.Equal(before, after) {
		t.Errorf("other bytes, %v", err)
	}
	return f.Model
}
