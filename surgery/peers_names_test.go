package surgery_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// named is an edit of a model by a name.
type named struct {
	what string
	// right is a name that the model has. The edit is given it with two letters changed round.
	right string
	edit  func(m *onnxpb.ModelProto, name string) (*surgery.Report, error)
}

// namedText has a name of everything that an edit takes by name.
const namedText = `g (float[batch,4] image, bool flag) => (float[batch,4] result, float[batch,4] other) <float[4] weight = {1,2,3,4}, float[batch,4] inner>
	{ [first] inner = Add (image, weight) [second] result = local.twice <factor: float = 2.0> (inner)
	  [choose] other = If (flag) <then_branch = t () => (float[batch,4] u) { [deep] u = Neg (inner) }, else_branch = e () => (float[batch,4] v) { v = Abs (image) }> }
	<opset_import: ["": 17], domain: "local"> twice <factor: float = 1.0> (a) => (b) { k = Constant <value_float: float = @factor> () b = Mul (a, k) }`

func byName() []named {
	rename := func(kind surgery.RenameKind) func(*onnxpb.ModelProto, string) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Rename(m, []surgery.RenameRule{{Kind: kind, From: name, To: "new"}})
		}
	}
	block := func(m *onnxpb.ModelProto, o surgery.InsertOptions) (*surgery.Report, error) {
		b := onnxpb.Clone(m)
		b.Functions, b.OpsetImport = nil, b.OpsetImport[:1]
		dims := []onnxpb.Dim{onnxpb.Symbol("batch"), onnxpb.Number(4)}
		name := "b"
		b.Graph = &onnxpb.GraphProto{Name: &name, Node: []*onnxpb.NodeProto{onnxpb.Node("Neg", "", []string{"p"}, []string{"q"})},
			Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("p", tFloat, dims)}, Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("q", tFloat, dims)}}
		return surgery.Insert(m, b, o)
	}
	one := func(name string) []string { return []string{name} }
	return []named{
		{"Rename a tensor", "inner", rename(surgery.KindTensor)},
		{"Rename an input", "image", rename(surgery.KindInput)},
		{"Rename an output", "result", rename(surgery.KindOutput)},
		{"Rename a node", "first", rename(surgery.KindNode)},
		{"Rename a dimension", "batch", rename(surgery.KindDim)},
		{"Rename a domain", "local", rename(surgery.KindDomain)},
		{"Extract from", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Extract(m, one(name), one("result"))
		}},
		{"Extract to", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Extract(m, nil, one(name))
		}},
		{"ExtractAround", "second", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.ExtractAround(m, name, 1)
		}},
		{"Delete a node", "first", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Names: one(name)}, surgery.DeleteOptions{})
		}},
		{"Delete what makes a tensor", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Makes: one(name)}, surgery.DeleteOptions{})
		}},
		{"Delete an operator in a graph", "choose/then_branch", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Delete(m, surgery.NodeChoice{Ops: one("Neg"), Graphs: one(name)}, surgery.DeleteOptions{})
		}},
		{"Insert behind", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return block(m, surgery.InsertOptions{Inputs: map[string]string{"p": name}, Outputs: map[string]string{"q": "inner"}})
		}},
		{"Insert before", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return block(m, surgery.InsertOptions{Inputs: map[string]string{"p": "inner"}, Outputs: map[string]string{"q": name}})
		}},
		{"Insert before a node", "second", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return block(m, surgery.InsertOptions{Inputs: map[string]string{"p": "inner"}, Outputs: map[string]string{"q": "inner"}, Readers: surgery.ReaderChoice{Nodes: one(name)}})
		}},
		{"Rewire from", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Rewire(m, name, "image", surgery.ReaderChoice{})
		}},
		{"Rewire to", "image", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Rewire(m, "inner", name, surgery.ReaderChoice{})
		}},
		{"Rewire a reader", "second", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Rewire(m, "inner", "image", surgery.ReaderChoice{Nodes: one(name), AllowUnknown: true})
		}},
		{"Swap", "result", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Swap(m, "other", name, surgery.ReaderChoice{Outputs: true})
		}},
		{"AddOutputs", "inner", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.AddOutputs(m, surgery.OutputChoice{Names: one(name)})
		}},
		{"DropOutputs", "other", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.DropOutputs(m, one(name), false)
		}},
		{"SetOutput", "result", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetOutput(m, name, surgery.OutputSpec{Name: "z"})
		}},
		{"SetInput", "image", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetInput(m, name, surgery.InputSpec{Scale: 2})
		}},
		{"SetBatchOf", "image", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetBatchOf(m, onnxpb.Symbol("M"), surgery.BatchOptions{Inputs: one(name)})
		}},
		{"SetDim of an input", "image", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetDim(m, surgery.DimChange{Input: name, To: onnxpb.Number(2)})
		}},
		{"SetDim of a symbol", "batch", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetDim(m, surgery.DimChange{Symbol: name, To: onnxpb.Number(2)})
		}},
		{"Infer with a size", "batch", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Infer(m, surgery.InferOptions{Assume: map[string]int64{name: 2}})
		}},
		{"SetAttributes of a node", "second", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetAttributes(m, surgery.NodeChoice{Names: one(name)}, surgery.AttributeChange{Name: "factor", Text: "3"})
		}},
		{"SetAttributes by name", "factor", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetAttributes(m, surgery.NodeChoice{Names: one("second")}, surgery.AttributeChange{Name: name, Remove: true})
		}},
		{"SetConstant", "weight", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetConstant(m, surgery.ConstantChange{Name: name, Array: onnxpb.ArrayOf([]int64{4}, []float32{4, 3, 2, 1})})
		}},
		{"SetConstant for a reader", "first", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.SetConstant(m, surgery.ConstantChange{Name: "weight", Array: onnxpb.ArrayOf([]int64{4}, []float32{4, 3, 2, 1}), Only: one(name)})
		}},
		{"StoreConstants", "weight", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.StoreConstants(m, surgery.AsConstant, name)
		}},
		{"Fill", "weight", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Fill(m, surgery.FillOptions{Names: one(name)})
		}},
		{"Inline", "local.twice", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) { return surgery.Inline(m, name) }},
		{"OrderInputs", "flag", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.OrderInputs(m, one(name))
		}},
		{"OrderOutputs", "other", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.OrderOutputs(m, one(name))
		}},
		{"ExpandDim of an output", "other", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.ExpandDim(m, surgery.ExpandOptions{Outputs: one(name)})
		}},
		{"ExpandDim of an input", "image", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.ExpandDim(m, surgery.ExpandOptions{Inputs: one(name)})
		}},
		{"Strip of metadata", "author", func(m *onnxpb.ModelProto, name string) (*surgery.Report, error) {
			return surgery.Strip(m, surgery.StripOptions{Metadata: true, Keys: one(name)})
		}},
	}
}

// TestWrongNames gives every edit that takes a name one that the model has not: it fails, the model stays as it was, and the error tells the name that was meant. With the right name each goes through.
func TestWrongNames(t *testing.T) {
	for _, e := range byName() {
		t.Run(e.what, func(t *testing.T) {
			model := func() *onnxpb.ModelProto {
				m := parse(t, namedText)
				key, value := "author", "someone"
				m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: &key, Value: &value}}
				return m
			}
			m := model()
			valid(t, m)
			if r, err := e.edit(m, e.right); err != nil || len(r.Changes) == 0 && !strings.HasPrefix(e.what, "Infer") {
				t.Errorf("with the right name: %v, %v", r, err)
			}
			n := len(e.right)
			wrong := e.right[:n-2] + e.right[n-1:] + e.right[n-2:n-1]
			failsAsItWas(t, model(), onnxpb.Unfit, e.right, func(m *onnxpb.ModelProto) error { _, err := e.edit(m, wrong); return err })
		})
	}
}

// TestNamesThatOccurTwice gives edits a name that two nodes or constants have, in two branches and in the graph: they ask which, and tell where the two stand. By its path each is found.
func TestNamesThatOccurTwice(t *testing.T) {
	const text = `g (float[2] x, bool c) => (float[2] y) { [pre] p = Neg (x)
		[choose] y = If (c) <then_branch = t () => (float[2] u) <float[2] w = {1,2}> { [twin] h = Add (p, w) [t2] u = Softmax <axis: int = 0> (h) },
			else_branch = e () => (float[2] v) <float[2] w = {3,4}> { [twin] k = Sub (p, w) [e2] v = Abs (k) }> }`
	for what, edit := range map[string]func(m *onnxpb.ModelProto, name string) error{
		"Rename": func(m *onnxpb.ModelProto, name string) error {
			_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindNode, From: name, To: "new"}})
			return err
		},
		"Delete": func(m *onnxpb.ModelProto, name string) error {
			_, err := surgery.Delete(m, surgery.NodeChoice{Names: []string{name}}, surgery.DeleteOptions{})
			return err
		},
		"SetAttributes": func(m *onnxpb.ModelProto, name string) error {
			_, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{name}}, surgery.AttributeChange{Name: "__note", Type: "int", Text: "1"})
			return err
		},
		"Rewire": func(m *onnxpb.ModelProto, name string) error {
			_, err := surgery.Rewire(m, "p", "x", surgery.ReaderChoice{Nodes: []string{name}})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			failsAsItWas(t, parse(t, text), onnxpb.Unfit, "2", func(m *onnxpb.ModelProto) error { return edit(m, "twin") })
			if what == "Rename" { // which takes plain names only
				return
			}
			m := parse(t, text)
			if err := edit(m, "choose/else_branch/twin"); err != nil {
				t.Error(err)
			}
			valid(t, m)
			want(t, fmt.Sprint(m.Graph.Node[1].Attr("then_branch").G), fmt.Sprint(parse(t, text).Graph.Node[1].Attr("then_branch").G))
		})
	}
	for what, edit := range map[string]func(m *onnxpb.ModelProto) error{
		"SetConstant": func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w", Array: onnxpb.ArrayOf([]int64{2}, []float32{7, 8})})
			return err
		},
		"StoreConstants": func(m *onnxpb.ModelProto) error {
			_, err := surgery.StoreConstants(m, surgery.AsConstant, "w")
			return err
		},
		"Fill": func(m *onnxpb.ModelProto) error {
			_, err := surgery.Fill(m, surgery.FillOptions{Names: []string{"w"}})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) { failsAsItWas(t, parse(t, text), onnxpb.Unfit, "else_branch", edit) })
	}
	// Two values of one name, of which one is meant by what stands around it: the branch's own is no value of the graph.
	failsAsItWas(t, parse(t, text), onnxpb.Unfit, "w", func(m *onnxpb.ModelProto) error {
		_, err := surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{"w"}})
		return err
	})
}

// TestUnsound asks for what cannot be kept sound: the edit refuses it, with a reason, and the model stays as it was.
func TestUnsound(t *testing.T) {
	const text = `g (float[2] x, int64[2] n, bool c, float[2] d = {1,2}) => (float[2] y, int64[2] z) <float[2] w = {1,2}>
		{ [a] p = Add (x, w) [b] q = Mul (p, d) [cast] z = Identity (n) [dim] s = Shape (q) [end] y = Softmax <axis: int = 0> (q) }`
	for what, edit := range map[string]func(m *onnxpb.ModelProto) error{
		"a cycle": func(m *onnxpb.ModelProto) error {
			_, err := surgery.Rewire(m, "x", "q", surgery.ReaderChoice{})
			return err
		},
		"what is asked for: a value of another type": func(m *onnxpb.ModelProto) error {
			_, err := surgery.Rewire(m, "p", "n", surgery.ReaderChoice{AllowUnknown: true})
			return err
		},
		"what is asked for: a swap of two types": func(m *onnxpb.ModelProto) error {
			_, err := surgery.Swap(m, "x", "n", surgery.ReaderChoice{})
			return err
		},
		"what is asked for: a bypass of another type": func(m *onnxpb.ModelProto) error {
			m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("s", onnxpb.TensorProto_INT64, onnxpb.Numbers(1)))
			defer func() { m.Graph.Output = m.Graph.Output[:2] }()
			_, err := surgery.Delete(m, surgery.NodeChoice{Names: []string{"dim"}}, surgery.DeleteOptions{AllowUnknown: true})
			return err
		},
		"a cut of an output": func(m *onnxpb.ModelProto) error {
			_, err := surgery.Delete(m, surgery.NodeChoice{Names: []string{"end"}}, surgery.DeleteOptions{Cut: true})
			return err
		},
		"no output": func(m *onnxpb.ModelProto) error { _, err := surgery.DropOutputs(m, []string{"*"}, false); return err },
		"an axis of an input that has a default": func(m *onnxpb.ModelProto) error {
			_, err := surgery.ExpandDim(m, surgery.ExpandOptions{Inputs: []string{"d"}})
			return err
		},
		"a constant of a type that its reader does not take": func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w", Array: onnxpb.ArrayOf([]int64{2}, []int64{1, 2}), Type: onnxpb.TensorProto_INT64})
			return err
		},
		"a Constant in the place of a default": func(m *onnxpb.ModelProto) error {
			_, err := surgery.StoreConstants(m, surgery.AsConstant, "d")
			return err
		},
		"a size that the graph was not made for": func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetDim(m, surgery.DimChange{Input: "x", To: onnxpb.Number(3)})
			return err
		},
		"a batch that is mixed": func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetBatchOf(m, onnxpb.Number(4), surgery.BatchOptions{Inputs: []string{"x"}})
			return err
		},
		"an axis that a shape has not": func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"end"}}, surgery.AttributeChange{Name: "axis", Text: "7"})
			return err
		},
	} {
		kind := onnxpb.Refused
		if strings.HasPrefix(what, "what is asked for: ") { // the request does not fit the model
			kind = onnxpb.Unfit
		}
		t.Run(what, func(t *testing.T) { failsAsItWas(t, parse(t, text), kind, "", edit) })
	}
}

// failsAsItWas wants an error of a kind that holds some words and a hint, and the model as it was.
func failsAsItWas(t *testing.T, m *onnxpb.ModelProto, kind onnxpb.Kind, words string, edit func(*onnxpb.ModelProto) error) {
	t.Helper()
	before, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	err = edit(m)
	var e *onnxpb.Error
	switch after, _ := onnxpb.Marshal(m); {
	case !errors.As(err, &e):
		t.Errorf("%v, and an error expected", err)
	case e.Kind != kind || !strings.Contains(err.Error(), words):
		t.Errorf("%v (kind %v), and kind %v and %q expected", err, e.Kind, kind, words)
	case e.Hint == "":
		t.Errorf("%v: it does not say what to do", err)
	case !bytes.Equal(before, after):
		t.Errorf("%v, and the model changed", err)
	}
}
