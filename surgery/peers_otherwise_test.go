package surgery_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// peersOtherwise is what the tests of the peers ask for and we do otherwise on purpose: what they do, what we do and why, and a check of that. What is left to other parts of this project, or is none of
// its business, stands here as well.
var peersOtherwise = []struct {
	peer, theirs, ours string
	check              func(*testing.T)
}{
	{"compose", "names that collide are an error",
		"names that collide are made unique and told, in inputs, outputs, inner values, initializers and sparse ones: a merge of two exports of one net is what people ask for most",
		func(t *testing.T) {
			text := `g (float[3] i) => (float[3] o) <float[3] w = {1,2,3}, float[3] v> { v = Add (i, w) o = Mul (v, s) }`
			model := func() *onnxpb.ModelProto {
				m := parse(t, text)
				m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: onnxpb.TensorOf("s", []int64{1}, []float32{2}), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}}
				return m
			}
			m, r, err := fuse.Merge([]fuse.Input{{Name: "one", Model: model()}, {Name: "two", Model: model()}}, fuse.MergeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			valid(t, m)
			told := fmt.Sprint(r.Changes)
			for _, name := range []string{"two_i", "two_o", "two_w", "two_v", "two_s"} {
				if !strings.Contains(told, name) {
					t.Errorf("nothing is told of %s: %s", name, told)
				}
			}
			want(t, signature(m)+" / "+initializers(m), "i two_i -> o two_o / w two_w")
		}},
	{"compose", "a key of metadata with two values is an error",
		"metadata is united, and a key of two values keeps both, the second under the model's name: nothing is lost",
		func(t *testing.T) {
			model := func(key, value string) *onnxpb.ModelProto {
				m := parse(t, twice(key, key+"x"))
				m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: ptr("same"), Value: ptr("v")}, {Key: ptr("other"), Value: ptr(value)}, {Key: ptr(key), Value: ptr("own")}}
				return m
			}
			m, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: model("a", "1")}, {Name: "two", Model: model("b", "2")}}, fuse.MergeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			values := map[string]bool{}
			for _, e := range m.MetadataProps {
				values[e.GetValue()] = true
			}
			want(t, fmt.Sprint(len(m.MetadataProps), values["1"], values["2"]), "5 true true") // same, other, two.other, a, b
		}},
	{"compose", "models of two IR versions are an error",
		"models of two IR versions have the higher one together: each IR version holds all that the ones before hold",
		func(t *testing.T) {
			models := pair(t, twice("a", "b"), twice("c", "d"))
			v := int64(9)
			models[1].Model.IrVersion = &v
			m, _, err := fuse.Merge(models, fuse.MergeOptions{Connect: connect("a2=c")})
			if err != nil || m.GetIrVersion() != 9 {
				t.Errorf("%d, %v", m.GetIrVersion(), err)
			}
		}},
	{"inliner", "a body of another opset is converted",
		"a body whose operators mean another thing in the model's opset is refused: converting opsets is an edit of its own, which is not hidden in another one", func(t *testing.T) {
			m := parse(t, `g (float[2,2] x) => (float[1,2] y) { y = local.foo (x) } <opset_import: ["": 17], domain: "local"> foo (a) => (b) { b = ReduceLogSum <axes: ints = [0]> (a) }`)
			m.OpsetImport[0] = onnxpb.Opset("", 18)
			if _, err := surgery.Inline(m); onnxpb.KindOf(err) != onnxpb.Refused {
				t.Errorf("%v", err)
			}
		}},
	{"inliner", "operators that ONNX defines by a function are inlined too",
		"only the model's own functions are: an engine's kernel for an operator is faster, and truer, than its definition", func(t *testing.T) {
			m := parse(t, `g (float[2] x) => (float[2] y) { y = Softsign (x) }`)
			if _, err := surgery.Inline(m, "Softsign"); onnxpb.KindOf(err) != onnxpb.Unfit {
				t.Errorf("%v", err)
			}
			inline(t, m)
			want(t, ops(m), "Softsign")
		}},
	{"inliner", "all functions but some",
		"the functions that are meant are listed, or matched by a pattern: one way to say it, the same as in every edit", func(t *testing.T) {
			m := parse(t, callsSquare)
			inline(t, m, "*.squ*")
			want(t, joined(m.Functions, (*onnxpb.FunctionProto).GetName), "double")
		}},
	{"onnx-ir", "an input that is not needed is an input all the same",
		"it is an error that says so: an input that changes nothing is a mistake more often than not, and would be silent", refusesExtract(grid, "a0,a1,c0", "b0", `"c0"`)},
	{"onnx-ir", "no inputs means none, which is an error where some are needed",
		"no inputs means those of the model that are needed: that is what extracting up to a value asks for", extracts(grid, "", "b0", "a0 a1 -> b0", "add0")},
	{"onnx-ir", "a function is extracted from",
		"values of functions are not in the graph: what is in a function is extracted when it is inlined", func(t *testing.T) {
			refusesExtract(callsSquare, "x", "b", `"b"`)(t)
			m := parse(t, callsSquare)
			inline(t, m)
			extract(t, m, "t", m.Graph.Node[1].Output[0])
			want(t, ops(m), "Add")
		}},
	{"graphsurgeon", "outputs of a node that nobody reads are taken off it",
		"they stay: what a node makes is part of it, and whether an operator computes the same without an optional output is not the graph's to know", func(t *testing.T) {
			m := parse(t, `g (float[4] x) => (float[2] a) { [s] a, b = Split (x) }`)
			tidy(t, m)
			want(t, strings.Join(m.Graph.Node[0].Output, ","), "a,b")
		}},
	{"graphsurgeon", "unused inputs of the model go with the rest where that is asked for",
		"tidy leaves the interface alone, and extract takes what is needed: no flag turns one into the other", func(t *testing.T) {
			m := parse(t, `g (float[2] x, float[2] idle) => (float[2] y) { y = Neg (x) }`)
			tidy(t, m)
			want(t, signature(m), "x idle -> y")
			extract(t, m, "", "")
			want(t, signature(m), "x -> y")
		}},
	{"graphsurgeon", "a subgraph may hide a value of the graph around it by one of the same name",
		"it is a fault that is told, as ONNX forbids it, and no edit makes one", func(t *testing.T) {
			m := parse(t, `g (bool c, float[2] x) => (float[2] y) { h = Neg (x) y = If (c) <then_branch = t () => (float[2] u) { u = Abs (h) }, else_branch = e () => (float[2] v) { v = Identity (h) }> }`)
			if _, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "u", To: "h"}}); err == nil {
				t.Error("renamed to what is around it")
			}
		}},
	{"graphsurgeon, Polygraphy", "constants are folded, shapes too",
		"no edit here folds any: simplification is an edit of its own, and tidy takes out only what is not needed", func(t *testing.T) {
			m := parse(t, `g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { c = Add (w, w) y = Add (x, c) }`)
			tidy(t, m)
			want(t, ops(m), "Add Add")
		}},
	{"Polygraphy", "shapes are found by running the model, and written over the symbols",
		"symbols stay: what one run had is not what the model says", func(t *testing.T) {
			m := parse(t, `g (float[1,2,H,W] x) => (float[1,2,H,W] y) { a = Identity (x) y = Identity (a) }`)
			if _, err := surgery.Infer(m, surgery.InferOptions{}); err != nil {
				t.Fatal(err)
			}
			want(t, onnxpb.FormatTypeProto(m.Graph.Output[0].Type)+" "+onnxpb.FormatTypeProto(surgery.NewGraph(m).ValueType("a")), "float32 [1,2,H,W] float32 [1,2,H,W]")
		}},
	{"Polygraphy", "prune sets weights to zero, two of four",
		"weights keep their values unless an edit is told which to set: setconst and fill do that, and say so", func(t *testing.T) {
			m := parse(t, weighted)
			before := fmt.Sprint(m.Graph.Initializer)
			tidy(t, m)
			want(t, fmt.Sprint(m.Graph.Initializer), before)
		}},
	{"Polygraphy", "an operator that nobody knows is inserted without a type",
		"its output has to be declared, so that what is written passes the checker", func(t *testing.T) {
			if _, err := fuse.Op("FakeOp", fuse.OpOptions{Domain: "com.example", Inputs: []fuse.OpValue{{Name: "x", Type: onnxpb.TensorProto_FLOAT, Shape: onnxpb.Numbers(2)}}, Outputs: []fuse.OpValue{{Name: "y"}}}, fuse.PartOptions{}); err == nil {
				t.Error("no error")
			}
			m, err := fuse.Op("FakeOp", fuse.OpOptions{Domain: "com.example", Inputs: []fuse.OpValue{{Name: "x", Type: onnxpb.TensorProto_FLOAT, Shape: onnxpb.Numbers(2)}},
				Outputs: []fuse.OpValue{{Name: "y", Type: onnxpb.TensorProto_FLOAT, Shape: onnxpb.Numbers(2)}}}, fuse.PartOptions{})
			if err != nil {
				t.Fatal(err)
			}
			valid(t, m)
		}},
}
