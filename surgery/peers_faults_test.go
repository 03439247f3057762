package surgery_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// The known faults of the peers, by name. A name that is not found, or occurs twice, and what cannot be kept sound, stand in peers_names_test.go; that the file that is read is never written over
// unasked, in the tests of the command.
const (
	lastWins     = "two tensors of one name, of which the last wins"
	bodies       = "bodies of If, Loop and Scan not edited"
	captures     = "values that a subgraph captures lost or left dangling"
	skip         = "a deleted node whose other consumers dangle"
	lastNode     = "deleting the last node turns constants into outputs"
	swapped      = "a swap of two names"
	hitTwice     = "a pattern that hits a shared tensor twice"
	sharedConst  = "an edited constant that other nodes share"
	droppedParts = "domains, functions, quantisation annotations, metadata dropped by load and save"
	narrowed     = "int64 narrowed to int32 by sharing constants"
	signOfZero   = "-0 and 0 merged"
	outputOrder  = "the order of outputs lost"
	leftInvalid  = "a model left invalid by load and save"
)

var knownFaults = []string{lastWins, bodies, captures, skip, lastNode, swapped, hitTwice, sharedConst, droppedParts, narrowed, signOfZero, outputOrder, leftInvalid}

var peersFaults = []struct {
	fault, edit string
	check       func(*testing.T)
}{
	{lastWins, "merge", func(t *testing.T) {
		m := merged(t, `g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { y = Add (x, w) }`, `g (float[2] u) => (float[2] z) <float[2] w = {5,6}> { z = Add (u, w) }`, "y=u", fuse.MergeOptions{})
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(10, 20)}, map[string]any{"z": []float32{16, 28}})
	}},
	{lastWins, "insert", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { y = Add (x, w) }`)
		if _, err := surgery.Insert(m, parse(t, `b (float[2] p) => (float[2] q) <float[2] w = {5,6}> { q = Add (p, w) }`), surgery.InsertOptions{Inputs: map[string]string{"p": "x"}, Outputs: map[string]string{"q": "x"}}); err != nil {
			t.Fatal(err)
		}
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(10, 20)}, map[string]any{"y": []float32{16, 28}})
	}},
	{lastWins, "inline", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) <float[2] k = {1,2}> { p = Add (x, k) y = local.f (p) } <opset_import: ["": 17], domain: "local"> f (a) => (b) { k = Constant <value_floats: floats = [5,6]> () b = Add (a, k) }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err })
	}},
	{lastWins, "rename", func(t *testing.T) {
		failsAsItWas(t, parse(t, weighted), onnxpb.Unfit, `"two"`, func(m *onnxpb.ModelProto) error {
			_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "one", To: "two"}})
			return err
		})
	}},
	{lastWins, "check, load and save", func(t *testing.T) {
		m := parse(t, weighted)
		m.Graph.Initializer[1].Name = ptr("one")
		if len(opset.Check(m, opset.CheckOptions{})) == 0 {
			t.Error("no fault")
		}
		want(t, initializers(reloaded(t, m)), "one one")
	}},
	{lastWins, "edits of constants", func(t *testing.T) {
		m := parse(t, weighted)
		m.Graph.Initializer[1].Name = ptr("one")
		failsAsItWas(t, m, onnxpb.Unfit, "2", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "one", Array: vec(1, 2, 3)})
			return err
		})
	}},

	{captures, "extract", func(t *testing.T) {
		m := parse(t, branches)
		extract(t, m, "c,x", "y")
		want(t, nodes(m), "pre if")
		m = parse(t, branches)
		extract(t, m, "", "w2")
		want(t, nodes(m)+" / "+initializers(m), "k if2 / ka kb")
	}},
	{captures, "extract --around", func(t *testing.T) {
		m := parse(t, branches)
		if _, err := surgery.ExtractAround(m, "if", 0); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		for _, name := range []string{"c", "p", "x"} {
			if !surgery.NewGraph(m).IsInput(name) {
				t.Errorf("%s, which the If or its branches read, is no input: %s", name, signature(m))
			}
		}
	}},
	{captures, "rename", func(t *testing.T) {
		m := parse(t, nested)
		rename(t, m, surgery.AffixRules(m, []surgery.RenameKind{surgery.KindTensor}, "p/", ""))
		inner := m.Graph.Node[0].Attr("then_branch").G.Node[0].Attr("then_branch").G.Node[0]
		want(t, strings.Join(inner.Input, ","), "p/x,p/x")
	}},
	{captures, "names", func(t *testing.T) {
		m := parse(t, branches)
		computesSame(t, m, func(m *onnxpb.ModelProto) error {
			_, err := surgery.NameAll(m, surgery.NameOptions{ShortTensors: true, ShortNodes: true})
			return err
		})
	}},
	{captures, "tidy", func(t *testing.T) {
		m := parse(t, branches)
		tidy(t, m)
		want(t, nodes(m), "pre if k if2")
	}},
	{captures, "delete", func(t *testing.T) {
		m := parse(t, branches)
		remove(t, m, "pre")
		want(t, strings.Join(m.Graph.Node[0].Attr("then_branch").G.Node[0].Input, ","), "x,x")
	}},
	{captures, "delete by a cut", func(t *testing.T) {
		m := parse(t, branches)
		if _, err := surgery.Delete(m, surgery.NodeChoice{Names: []string{"pre"}}, surgery.DeleteOptions{Cut: true}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, signature(m), "c x p -> y w2")
	}},
	{captures, "merge", func(t *testing.T) {
		p := "b/"
		m, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: parse(t, branches)}, {Name: "two", Model: parse(t, branches), Prefix: &p}}, fuse.MergeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, strings.Join(m.Graph.Node[5].Attr("then_branch").G.Node[0].Input, ","), "b/p,b/x")
	}},
	{captures, "dedup", func(t *testing.T) {
		m := parse(t, `g (bool c, float[2] x) => (float[2] y) <float[2] v = {1,2}, float[2] w = {1,2}> { h = Add (x, v) y = If (c) <then_branch = t () => (float[2] u) { u = Add (h, w) }, else_branch = e () => (float[2] r) { r = Sub (h, w) }> }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Dedup(m, surgery.DedupOptions{}); return err })
		want(t, initializers(m), "v")
	}},
	{captures, "storing weights as Constants", func(t *testing.T) {
		computesSame(t, parse(t, branches), func(m *onnxpb.ModelProto) error { _, err := surgery.StoreConstants(m, surgery.AsConstant); return err })
	}},
	{captures, "filling weights by nodes", func(t *testing.T) {
		m := parse(t, branches)
		if _, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillOnes, Nodes: true, Min: 1}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(1, 2, 3), "c": truth(true)}, map[string]any{"w2": []float32{2, 2, 2}})
	}},

	{skip, "delete", func(t *testing.T) {
		m := parse(t, `g (float[2] x, bool c) => (float[2] y, float[2] r, float[2] z) { [pre] a = Neg (x) [gone] r = Relu (a) [one] b = Exp (r) [join] y = Add (b, r)
			[if] z = If (c) <then_branch = t () => (float[2] u) { u = Abs (r) }, else_branch = e () => (float[2] v) { v = Sub (r, a) }> }`)
		remove(t, m, "gone")
		want(t, signature(m)+" / "+ops(m), "x c -> y r z / Neg Exp Add If")
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(-2, 0), "c": truth(true)}, map[string]any{"y": []float32{float32(math.Exp(2)) + 2, 1}, "r": []float32{2, 0}, "z": []float32{2, 0}})
	}},
	{skip, "delete of several in a row", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y) { [a] p = Relu (x) [b] q = Sigmoid (p) [c] r = Tanh (q) s = Add (p, q) y = Add (s, r) }`)
		remove(t, m, "a", "b", "c")
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(1, -2)}, map[string]any{"y": []float32{3, -6}})
	}},

	{lastNode, "delete", func(t *testing.T) {
		m := parse(t, weighted)
		remove(t, m, "mul")
		want(t, signature(m)+" / "+ops(m)+" / "+initializers(m), "x -> out / Add / one")
		remove(t, m, "add")
		want(t, signature(m)+" / "+ops(m)+" / "+initializers(m), "x -> out / Identity / ")
	}},
	{lastNode, "delete of a node that reads only constants", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y, float[2] k) <float[2] w = {1,2}> { y = Neg (x) [last] k = Neg (w) }`)
		remove(t, m, "last")
		want(t, signature(m), "x -> y k")
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(1, 2)}, map[string]any{"k": []float32{1, 2}})
	}},
	{lastNode, "extract", extracts(weighted, "", "mid", "x -> mid", "add")},

	{swapped, "rename", func(t *testing.T) {
		m := parse(t, branches)
		rename(t, m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "x", To: "p"}, {Kind: surgery.KindTensor, From: "p", To: "x"}})
		want(t, signature(m)+" / "+strings.Join(m.Graph.Node[1].Attr("then_branch").G.Node[0].Input, ","), "c p -> y w2 / x,p")
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"p": vec(1, 2, 3), "c": truth(false)}, map[string]any{"y": []float32{1, 2, 3}})
	}},
	{swapped, "rename of three in a ring, and of nodes", func(t *testing.T) {
		m := parse(t, grid)
		var rules []surgery.RenameRule
		for _, p := range [][2]string{{"b0", "b1"}, {"b1", "b2"}, {"b2", "b0"}} {
			rules = append(rules, surgery.RenameRule{Kind: surgery.KindTensor, From: p[0], To: p[1]})
		}
		rename(t, m, append(rules, surgery.RenameRule{Kind: surgery.KindNode, From: "add0", To: "sub0"}, surgery.RenameRule{Kind: surgery.KindNode, From: "sub0", To: "add0"}))
		want(t, nodes(m), "sub0 add0 mul0 add1 sub1 mul2")
		want(t, strings.Join(append(m.Graph.Node[3].Input, m.Graph.Node[4].Input...), ","), "b1,b2,b2,b0")
	}},
	{swapped, "swap", func(t *testing.T) {
		m := parse(t, diamond)
		if _, err := surgery.Swap(m, "left", "right", surgery.ReaderChoice{}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, strings.Join(m.Graph.Node[2].Input, ","), "right,left")
	}},

	{hitTwice, "rename", func(t *testing.T) {
		for _, from := range []string{"*", "re:(.*)", "re:^(.+)$"} {
			m := parse(t, branches)
			rename(t, m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: from, To: "p_$1"}})
			for _, name := range surgery.NewGraph(m).Values() {
				if !strings.HasPrefix(name, "p_") || strings.HasPrefix(name, "p_p_") {
					t.Errorf("%s: %q", from, name)
				}
			}
			want(t, strings.Join(m.Graph.Node[1].Attr("then_branch").G.Node[0].Input, ","), "p_p,p_x")
		}
	}},
	{hitTwice, "rename by a pattern that fits its own result", func(t *testing.T) {
		m := parse(t, grid)
		rename(t, m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "re:a(.)", To: "aa$1"}})
		want(t, signature(m)+" / "+strings.Join(m.Graph.Node[1].Input, ","), "aa0 aa1 -> d / aa0,aa1")
	}},

	{sharedConst, "setconst", func(t *testing.T) {
		text := `g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1,2}> { [a] y = Add (x, w) [b] z = Add (x, w) }`
		m := parse(t, text)
		if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w", Array: vec(5, 6), Only: []string{"b"}}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		wantRun(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": vec(0, 0)}, map[string]any{"y": []float32{1, 2}, "z": []float32{5, 6}})
		m = parse(t, text)
		r, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w", Array: vec(5, 6)})
		if err != nil {
			t.Fatal(err)
		}
		if told := fmt.Sprint(r.Notes); !strings.Contains(told, `"a"`) || !strings.Contains(told, `"b"`) {
			t.Errorf("that both see the new value is not told: %s", told)
		}
	}},
	{sharedConst, "setbatch", func(t *testing.T) {
		m := parse(t, `g (float[1,6] x) => (float[1,2,3] y, float[1,2,3] k) <int64[3] s = {1,2,3}, float[6] c = {1,2,3,4,5,6}> { [a] y = Reshape (x, s) [b] k = Reshape (c, s) }`)
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		out := runs(t, batchEngine(t), m, map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 6}, make([]float32, 12))})
		want(t, fmt.Sprint(out["y"].Dims, out["k"].Dims), "[2 2 3] [1 2 3]")
	}},
	{sharedConst, "setdim", func(t *testing.T) {
		m := parse(t, `g (float[4,6] x) => (float[4,2,3] y, float[4,2,3] k) <int64[3] s = {4,2,3}, float[24] c = ["location": "c"]> { [a] y = Reshape (x, s) [b] k = Reshape (c, s) }`)
		if _, err := surgery.SetDim(m, surgery.DimChange{Input: "x", To: onnxpb.Symbol("T")}); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		want(t, m.Graph.Node[1].Input[1], "s")
		a, err := onnxpb.Decode(m.Graph.Initializer[0], "")
		if err != nil || fmt.Sprint(a.Data) != "[4 2 3]" {
			t.Errorf("the shape that the other node reads is %v, %v", a, err)
		}
	}},

	{narrowed, "dedup", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[1,2] y, int32[2] z) <int64[2] s = {1,2}, int32[2] i = {1,2}, int64[2] s2 = {1,2}> { a = Reshape (x, s) z = Add (i, i) y = Reshape (a, s2) }`)
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Dedup(m, surgery.DedupOptions{}); return err })
		want(t, joined(m.Graph.Initializer, func(t *onnxpb.TensorProto) string {
			return t.GetName() + onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType()))
		}), "sint64 iint32")
	}},
	{narrowed, "merge", func(t *testing.T) {
		m := merged(t, `g (float[2] x) => (float[1,2] y) <int64[2] s = {1,2}> { y = Reshape (x, s) }`, `g (int32[2] u) => (int32[2] z) <int32[2] s = {1,2}> { z = Add (u, s) }`, "", fuse.MergeOptions{})
		if _, err := surgery.Dedup(m, surgery.DedupOptions{}); err != nil {
			t.Fatal(err)
		}
		want(t, fmt.Sprint(len(m.Graph.Initializer)), "2")
	}},
	{signOfZero, "dedup", func(t *testing.T) {
		m := parse(t, `g (float[2] x) => (float[2] y, float[2] z) <float[2] p, float[2] n> { y = Div (x, p) z = Div (x, n) }`)
		m.Graph.ValueInfo = nil
		minus := float32(math.Copysign(0, -1))
		m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("p", []int64{2}, []float32{0, 0}), onnxpb.TensorOf("n", []int64{2}, []float32{minus, minus})}
		computesSame(t, m, func(m *onnxpb.ModelProto) error { _, err := surgery.Dedup(m, surgery.DedupOptions{}); return err })
		want(t, initializers(m), "p n")
	}},

	{outputOrder, "extract", extracts(grid, "", "c1,b0,d", "a0 a1 -> c1 b0 d", "add0 sub0 mul0 add1 sub1 mul2")},
	{outputOrder, "merge", merges(grid3, tail, "b0=e0", fuse.MergeOptions{Outputs: []fuse.OutputSpec{{End: fuse.End{Model: "two", Tensor: "f"}}, {End: fuse.End{Model: "one", Tensor: "b2"}}, {End: fuse.End{Model: "one", Tensor: "b0"}}}}, "a0 a1 e1 e2 -> f b2 b0", "Add Sub Mul Add Sub Mul")},
	{outputOrder, "addoutput", func(t *testing.T) {
		m := parse(t, grid)
		if _, err := surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{"c1", "b0"}}); err != nil {
			t.Fatal(err)
		}
		want(t, signature(m), "a0 a1 -> d c1 b0")
	}},
	{outputOrder, "dropoutput", func(t *testing.T) {
		m := parse(t, grid3)
		if _, err := surgery.DropOutputs(m, []string{"b1"}, true); err != nil {
			t.Fatal(err)
		}
		want(t, signature(m), "a0 a1 -> b0 b2")
	}},
	{outputOrder, "every edit that is not about it", func(t *testing.T) {
		for what, edit := range map[string]func(*onnxpb.ModelProto) (*surgery.Report, error){
			"sort": surgery.Sort, "tidy": surgery.Tidy,
			"delete": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.Delete(m, surgery.NodeChoice{Makes: []string{"z1"}}, surgery.DeleteOptions{})
			},
			"setoutput": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.SetOutput(m, "z2", surgery.OutputSpec{Type: onnxpb.TensorProto_DOUBLE})
			},
			"expand-dim": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.ExpandDim(m, surgery.ExpandOptions{Outputs: []string{"z1"}})
			},
			"inline": func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Inline(m) },
		} {
			m := parse(t, `g (float[2] x) => (float[2] z3, float[2] z1, float[2] z2) { z1 = Neg (x) z2 = local.f (z1) z3 = Abs (z2) } <opset_import: ["": 17], domain: "local"> f (a) => (b) { b = Exp (a) }`)
			if _, err := edit(m); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			valid(t, m)
			want(t, what+" "+signature(m), what+" x -> z3 z1 z2")
		}
	}},

	{droppedParts, "load and save", func(t *testing.T) {
		m := surgery.RichModel()
		before, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if after, err := onnxpb.Marshal(reloaded(t, m)); err != nil || !bytes.Equal(before, after) {
			t.Errorf("other bytes, %v", err)
		}
	}},
	{droppedParts, "load, an edit that is about something else, and save", func(t *testing.T) {
		m := surgery.RichModel()
		was := onnxpb.Clone(m)
		rename(t, m, []surgery.RenameRule{{Kind: surgery.KindNode, From: "matmul", To: "product"}})
		m = reloaded(t, m)
		for what, pair := range map[string][2]any{
			"domains":     {joined(was.Graph.Node, (*onnxpb.NodeProto).GetDomain), joined(m.Graph.Node, (*onnxpb.NodeProto).GetDomain)},
			"functions":   {fmt.Sprint(was.Functions), fmt.Sprint(m.Functions)},
			"annotations": {fmt.Sprint(was.Graph.QuantizationAnnotation), fmt.Sprint(m.Graph.QuantizationAnnotation)},
			"metadata":    {fmt.Sprint(was.MetadataProps, was.Graph.MetadataProps, was.Graph.Node[0].MetadataProps), fmt.Sprint(m.MetadataProps, m.Graph.MetadataProps, m.Graph.Node[0].MetadataProps)},
			"imports":     {fmt.Sprint(was.OpsetImport), fmt.Sprint(m.OpsetImport)},
			"training":    {fmt.Sprint(was.TrainingInfo), fmt.Sprint(m.TrainingInfo)},
		} {
			// The text form of a message has blanks that differ from run to run.
			if !reflect.DeepEqual(strings.Fields(fmt.Sprint(pair[0])), strings.Fields(fmt.Sprint(pair[1]))) {
				t.Errorf("%s: %v, and were %v", what, pair[1], pair[0])
			}
		}
	}},

	{leftInvalid, "load and save, and edits that find nothing to do", func(t *testing.T) {
		old := parse(t, `g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1,2}> { y = Add (x, w) }`)
		old.IrVersion = new(int64)
		*old.IrVersion = 3
		for what, m := range map[string]*onnxpb.ModelProto{"rich": surgery.RichModel(), "functions": parse(t, callsSquare), "branches": parse(t, branches), "an initializer that is an output": parse(t, `g () => (float[2] w) <float[2] w = {1,2}> {}`),
			"IR version 3": old} {
			valid(t, m)
			before, _ := onnxpb.Marshal(m)
			m = reloaded(t, m)
			for _, edit := range []func(*onnxpb.ModelProto) (*surgery.Report, error){surgery.Tidy, surgery.Sort, func(m *onnxpb.ModelProto) (*surgery.Report, error) {
				return surgery.Dedup(m, surgery.DedupOptions{Dir: "."})
			}} {
				if _, err := edit(m); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			valid(t, m)
			if after, _ := onnxpb.Marshal(m); !bytes.Equal(before, after) {
				t.Errorf("%s: other bytes", what)
			}
		}
	}},
}

// TestPeersFaults shows each of the known faults on a model, to each edit that could have it.
func TestPeersFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range peersFaults {
		seen[f.fault] = true
		t.Run(f.fault+": "+f.edit, f.check)
	}
	for _, e := range bodyEdits {
		seen[bodies] = true
		t.Run(bodies+": "+e.what, e.check)
	}
	for _, name := range knownFaults {
		if !seen[name] {
			t.Errorf("no test of: %s", name)
		}
	}
}

// reloaded writes a model to a file and reads it again.
func reloaded(t *testing.T, m *onnxpb.ModelProto) *onnxpb.ModelProto {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	b, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = onnxpb.Parse(b); err != nil {
		t.Fatal(err)
	}
	for _, name := range externals(m) { // Save takes the files along
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), make([]byte, 1<<10), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.Model
}

// externals are the files that a model keeps weights in.
func externals(m *onnxpb.ModelProto) []string {
	var list []string
	m.AllTensors(func(t *onnxpb.TensorProto) {
		if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			for _, e := range t.GetExternalData() {
				if e.GetKey() == "location" {
					list = append(list, e.GetValue())
				}
			}
		}
	})
	return list
}
