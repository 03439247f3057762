package surgery_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// bodiesText has an If, a Loop and a Scan, and in the body of each a node that reads what is around it, a weight, a call of a function, a node that nothing needs and a dimension N.
const bodiesText = `g (float[N,2] x, bool c) => (float[N,2] y, float[N,2] l, float[N,2] s) <float[2] w = {1,2}, int64 trips = {2}, bool yes = {1}>
	{ [outer] o = Neg (x)
	  [if] y = If (c) <
	    then_branch = t () => (float[N,2] t1) <float[2] tw = {1,2}, float[N,2] t0> { [ta] t0 = LeakyRelu <alpha: float = 0.5> (o) [tdead] t9 = Neg (o) [tb] t2 = Add (t0, tw) [tc] t3 = local.f (t2) [td] t1 = Add (t3, w) },
	    else_branch = e () => (float[N,2] e1) <float[2] ew = {1,2}, float[N,2] e0> { [ea] e0 = LeakyRelu <alpha: float = 0.5> (o) [edead] e9 = Neg (o) [eb] e2 = Add (e0, ew) [ec] e3 = local.f (e2) [ed] e1 = Add (e3, w) }>
	  [loop] l = Loop (trips, yes, o) <body = b (int64 i, bool g, float[N,2] ls) => (bool gg, float[N,2] l1) <float[2] lw = {1,2}, float[N,2] l0>
	    { [lg] gg = Identity (g) [la] l0 = LeakyRelu <alpha: float = 0.5> (ls) [ldead] l9 = Neg (o) [lb] l2 = Add (l0, lw) [lc] l3 = local.f (l2) [ld] l1 = Add (l3, w) }>
	  [scan] s = Scan <num_scan_inputs: int = 1, body = d (float[2] si) => (float[2] s1) <float[2] sw = {1,2}, float[2] s0>
	    { [sa] s0 = LeakyRelu <alpha: float = 0.5> (si) [sdead] s9 = Neg (o) [sb] s2 = Add (s0, sw) [sc] s3 = local.f (s2) [sd] s1 = Add (s3, w) }> (o) }
	<opset_import: ["": 17], domain: "local"> f (a) => (b) { b = Abs (a) }`

// bodyEdits try on bodiesText every edit that has something to do in subgraphs.
var bodyEdits = []struct {
	what  string
	check func(*testing.T)
}{
	{"rename tensors", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "*", To: "p/$1"}})
		return err
	}, func(b body) string { return fmt.Sprint(allHave(b.values(), "p/")) }, "true")},
	{"rename nodes", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindNode, From: "*", To: "p/$1"}})
		return err
	}, func(b body) string { return fmt.Sprint(strings.HasPrefix(b.g.Node[0].GetName(), "p/")) }, "true")},
	{"rename a domain", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindDomain, From: "local", To: "mine"}})
		return err
	}, func(b body) string { return fmt.Sprint(b.count("f"), b.node("f").GetDomain()) }, "1mine")},
	{"names", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.NameAll(m, surgery.NameOptions{ShortNodes: true, ShortTensors: true})
		return err
	}, func(b body) string {
		return fmt.Sprint(strings.HasPrefix(b.node("LeakyRelu").GetName(), "n"), strings.HasPrefix(b.node("LeakyRelu").Output[0], "t"))
	}, "true true")},
	{"setattr by operator", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.SetAttributes(m, surgery.NodeChoice{Ops: []string{"LeakyRelu"}}, surgery.AttributeChange{Name: "alpha", Text: "0.25"})
		return err
	}, func(b body) string { return fmt.Sprint(b.node("LeakyRelu").Attr("alpha").GetF()) }, "0.25")},
	{"delete by operator", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Delete(m, surgery.NodeChoice{Ops: []string{"LeakyRelu"}}, surgery.DeleteOptions{})
		return err
	}, func(b body) string { return fmt.Sprint(b.count("LeakyRelu"), b.count("Add")) }, "0 2")},
	{"rewire", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Rewire(m, "o", "x", surgery.ReaderChoice{})
		return err
	}, func(b body) string { return b.node("Neg").Input[0] }, "x")},
	{"insert", inBodies(func(m *onnxpb.ModelProto) error {
		return insertAbs(m)
	}, func(b body) string { return b.node("Neg").Input[0] }, "q")},
	{"tidy", inBodies(func(m *onnxpb.ModelProto) error { _, err := surgery.Tidy(m); return err }, func(b body) string { return fmt.Sprint(b.count("Neg"), b.count("Add")) }, "0 2")},
	{"sort", inBodies(func(m *onnxpb.ModelProto) error {
		for _, b := range bodiesOf(m) {
			b.g.Node[len(b.g.Node)-1], b.g.Node[len(b.g.Node)-2] = b.g.Node[len(b.g.Node)-2], b.g.Node[len(b.g.Node)-1]
		}
		_, err := surgery.Sort(m)
		return err
	}, func(b body) string { return b.g.Node[len(b.g.Node)-1].GetOpType() }, "Add")},
	{"dedup", inBodies(func(m *onnxpb.ModelProto) error { _, err := surgery.Dedup(m, surgery.DedupOptions{}); return err },
		func(b body) string { return fmt.Sprint(len(b.g.Initializer), b.node("Add").Input[1]) }, "0w")},
	{"setconst", inBodies(func(m *onnxpb.ModelProto) error {
		for _, name := range []string{"tw", "ew", "lw", "sw"} {
			if _, err := surgery.SetConstant(m, surgery.ConstantChange{Name: name, Array: vec(7, 8)}); err != nil {
				return err
			}
		}
		return nil
	}, func(b body) string { a, err := onnxpb.Decode(b.g.Initializer[0], ""); return fmt.Sprint(a.Data, err) }, "[7 8] <nil>")},
	{"weights as Constants", inBodies(func(m *onnxpb.ModelProto) error { _, err := surgery.StoreConstants(m, surgery.AsConstant); return err },
		func(b body) string { return fmt.Sprint(len(b.g.Initializer), b.count("Constant")) }, "0 1")},
	{"fill", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillZeros, Min: 1})
		return err
	}, func(b body) string { a, err := onnxpb.Decode(b.g.Initializer[0], ""); return fmt.Sprint(a.Data, err) }, "[0 0] <nil>")},
	{"inline", inBodies(func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err }, func(b body) string { return fmt.Sprint(b.count("f"), b.count("Abs")) }, "0 1")},
	{"strip", inBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Strip(m, surgery.StripOptions{ValueInfo: true, NodeNames: true})
		return err
	}, func(b body) string { return fmt.Sprint(len(b.g.ValueInfo)) + b.g.Node[0].GetName() }, "0")},
	{"infer", inBodies(func(m *onnxpb.ModelProto) error {
		for _, b := range bodiesOf(m) {
			b.g.ValueInfo = nil
		}
		_, err := surgery.Infer(m, surgery.InferOptions{})
		return err
	}, func(b body) string { return fmt.Sprint(len(b.g.ValueInfo) >= 2) }, "true")},
	{"rename a dimension", dimsInBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindDim, From: "N", To: "M"}})
		return err
	}, "M")},
	{"setdim", dimsInBodies(func(m *onnxpb.ModelProto) error {
		_, err := surgery.SetDim(m, surgery.DimChange{Symbol: "N", To: onnxpb.Number(4)})
		return err
	}, "4")},
	{"setbatch", func(t *testing.T) {
		// A Scan that runs over the batch is not for setbatch to follow.
		m := parse(t, bodiesText)
		m.Graph.Node, m.Graph.Output = m.Graph.Node[:3], m.Graph.Output[:2]
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("M")); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		for _, b := range bodiesOf(m) {
			want(t, b.path+onnxpb.FormatTypeProto(b.g.Output[len(b.g.Output)-1].Type), b.path+"float32 [M,2]")
		}
	}},
}

type body struct {
	path string
	g    *onnxpb.GraphProto
}

func bodiesOf(m *onnxpb.ModelProto) []body {
	var list []body
	for _, n := range m.Graph.Node {
		for g := range n.Subgraphs() {
			list = append(list, body{n.GetOpType() + "/" + g.GetName(), g})
		}
	}
	return list
}

func (b body) node(op string) *onnxpb.NodeProto {
	for _, n := range b.g.Node {
		if n.GetOpType() == op {
			return n
		}
	}
	return &onnxpb.NodeProto{Input: []string{"", ""}, Output: []string{""}}
}

func (b body) count(op string) int {
	k := 0
	for _, n := range b.g.Node {
		if n.GetOpType() == op {
			k++
		}
	}
	return k
}

// values are the names that the nodes of a body read and make.
func (b body) values() []string {
	var list []string
	for _, n := range b.g.Node {
		list = append(append(list, n.Input...), n.Output...)
	}
	return list
}

func allHave(names []string, prefix string) bool {
	for _, n := range names {
		if !strings.HasPrefix(n, prefix) || strings.HasPrefix(n, prefix+prefix) {
			return false
		}
	}
	return len(names) > 0
}

// inBodies edits bodiesText and wants the same of each of its four bodies.
func inBodies(edit func(*onnxpb.ModelProto) error, see func(body) string, wanted string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, bodiesText)
		valid(t, m)
		if err := edit(m); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		list := bodiesOf(m)
		want(t, fmt.Sprint(len(list)), "4")
		for _, b := range list {
			want(t, b.path+": "+see(b), b.path+": "+wanted)
		}
	}
}

// dimsInBodies wants the dimension N to be another one in the bodies: all but the Scan's, whose rows have it not.
func dimsInBodies(edit func(*onnxpb.ModelProto) error, dim string) func(*testing.T) {
	return func(t *testing.T) {
		m := parse(t, bodiesText)
		if err := edit(m); err != nil {
			t.Fatal(err)
		}
		valid(t, m)
		for _, b := range bodiesOf(m)[:3] {
			want(t, b.path+onnxpb.FormatTypeProto(b.g.Output[len(b.g.Output)-1].Type)+onnxpb.FormatTypeProto(b.g.ValueInfo[0].Type), b.path+"float32 ["+dim+",2]float32 ["+dim+",2]")
		}
	}
}

// insertAbs inserts an Abs before all that read o, in the bodies too.
func insertAbs(m *onnxpb.ModelProto) error {
	b := onnxpb.Clone(m)
	dims := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(2)}
	b.Functions = nil
	b.Graph = &onnxpb.GraphProto{Name: ptr("b"), Node: []*onnxpb.NodeProto{onnxpb.Node("Abs", "", []string{"p"}, []string{"q"})},
		Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("p", tFloat, dims)}, Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("q", tFloat, dims)}}
	_, err := surgery.Insert(m, b, surgery.InsertOptions{Inputs: map[string]string{"p": "o"}, Outputs: map[string]string{"q": "o"}})
	return err
}
