package surgery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// leaky has one operator in the main graph, in both branches of an If and in a function; two nodes are called twin.
const leaky = `g (float[3] x, bool c) => (float[3] y, float[3] z, float[3] w) <float[3] a> {
  [first] a = LeakyRelu <alpha: float = 0.5> (x)
  [choose] y = If (c) <
    then_branch = t () => (float[3] p) { [twin] p = LeakyRelu <alpha: float = 0.5> (a) },
    else_branch = e () => (float[3] q) { [twin] q = LeakyRelu <alpha: float = 0.5> (a) }>
  z = local.Leak <by: float = 0.5> (x)
  [other] w = Elu (x)
}
<opset_import: ["": 17], domain: "local">
Leak <by> (in) => (out) { [inner] m = LeakyRelu <alpha: float = @by> (in) [inner2] out = LeakyRelu <alpha: float = 0.5> (m) }`

func TestSetAttributesEverywhere(t *testing.T) {
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": vec(-8, 1, -16), "c": truth(false)}
	set := func(choice surgery.NodeChoice, changes ...surgery.AttributeChange) *onnxpb.ModelProto {
		t.Helper()
		m := textModel(t, 17, leaky)
		r, err := surgery.SetAttributes(m, choice, changes...)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Changes) == 0 {
			t.Error("nothing is told")
		}
		mustPass(t, m)
		return m
	}
	quarter := surgery.AttributeChange{Name: "alpha", Text: "0.25"}
	wantRun(t, e, textModel(t, 17, leaky), x, map[string]any{"y": []float32{-2, 1, -4}, "z": []float32{-2, 1, -4}})
	// The type alone: all, at any depth; the reference in the function becomes a value.
	wantRun(t, e, set(surgery.NodeChoice{Ops: []string{"LeakyRelu"}}, quarter), x, map[string]any{"y": []float32{-0.5, 1, -1}, "z": []float32{-0.5, 1, -1}})
	wantRun(t, e, set(surgery.NodeChoice{Names: []string{"twin"}, Graphs: []string{"choose/else_branch"}}, quarter), x, map[string]any{"y": []float32{-1, 1, -2}, "z": []float32{-2, 1, -4}})
	wantRun(t, e, set(surgery.NodeChoice{Names: []string{"twin"}, Graphs: []string{"choose/then_branch"}}, quarter), x, map[string]any{"y": []float32{-2, 1, -4}})
	wantRun(t, e, set(surgery.NodeChoice{Ops: []string{"LeakyRelu"}, Graphs: []string{"function *"}}, quarter), x, map[string]any{"y": []float32{-2, 1, -4}, "z": []float32{-0.5, 1, -1}})
	// The call of a function, which has no name.
	wantRun(t, e, set(surgery.NodeChoice{Names: []string{"Leak -> z"}}, surgery.AttributeChange{Name: "by", Text: "0.125", Type: "float"}), x, map[string]any{"z": []float32{-0.5, 1, -1}})
	// Removed: the operator's own default, 0.01.
	m := set(surgery.NodeChoice{Names: []string{"first"}}, surgery.AttributeChange{Name: "alpha", Remove: true})
	if n := m.Graph.Node[0]; len(n.Attribute) != 0 {
		t.Errorf("the attribute is there still: %v", n.Attribute)
	}
}

func TestSetAttributesRefuses(t *testing.T) {
	for _, c := range []struct {
		choice  surgery.NodeChoice
		changes []surgery.AttributeChange
		says    string
	}{
		{surgery.NodeChoice{Names: []string{"frist"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, `"first"`},
		{surgery.NodeChoice{Names: []string{"twin"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, `"choose/then_branch/twin"`},
		{surgery.NodeChoice{Names: []string{"first"}, Graphs: []string{"choose/*"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, "no node"},
		{surgery.NodeChoice{Ops: []string{"LeakyReul"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, "LeakyRelu"},
		{surgery.NodeChoice{Names: []string{"first"}, Graphs: []string{"mian"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, "main"},
		{surgery.NodeChoice{}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}}, "no node is named"},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alhpa", Text: "1"}}, `"alpha"`},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alpha", Text: "one"}}, "not a number"},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1", Type: "int"}}, "is a float, not a int"},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alpha", Array: onnxpb.ArrayOf([]int64{}, []int64{1})}}, "is no float"},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alpha", Value: onnxpb.Int("", 1)}}, "the value is a int"},
		{surgery.NodeChoice{Names: []string{"other"}}, []surgery.AttributeChange{{Name: "alpha", Remove: true}}, "no attribute"},
		{surgery.NodeChoice{Names: []string{"choose"}}, []surgery.AttributeChange{{Name: "then_branch", Remove: true}}, "needs the attribute"},
		{surgery.NodeChoice{Names: []string{"Leak -> z"}}, []surgery.AttributeChange{{Name: "bye", Text: "1"}}, `"by"`},
		{surgery.NodeChoice{Names: []string{"first"}}, []surgery.AttributeChange{{Name: "alpha", Text: "1"}, {Name: "alpha", Text: "2"}}, "twice"},
	} {
		m := textModel(t, 17, leaky)
		_, err := surgery.SetAttributes(m, c.choice, c.changes...)
		var oe *onnxpb.Error
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v %v: %v, want it to say %q", c.choice, c.changes, err, c.says)
		}
	}
}

// TestSetAttributesRedeclares: what the model declares of the values behind follows, the outputs' types too, and what has not changed stays as it was written.
func TestSetAttributesRedeclares(t *testing.T) {
	e := batchEngine(t)
	const text = `g (float[batch,4] x) => (float16[batch,4] y, float[4,batch] z) <float16[batch,4] h, float[4,batch] v> {
  [cast] h = Cast <to: int = 10> (x)
  [neg] y = Neg (h)
  [turn] v = Transpose <perm: ints = [1,0]> (x)
  [late] z = Relu (v)
}`
	m := textModel(t, 17, text)
	r, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"cast"}}, surgery.AttributeChange{Name: "to", Text: "float64"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`changed attribute "cast.to": float16 -> float64`, `changed value_info "h": float16 [batch,4] -> float64 [batch,4]`, `changed output "y": float16 [batch,4] -> float64 [batch,4]`}
	if got := changesOf(r); !slices.Equal(got, want) {
		t.Errorf("told: %q", got)
	}
	mustPass(t, m)
	x := onnxpb.ArrayOf([]int64{1, 4}, []float32{1, 2, 3, 4})
	wantRun(t, e, m, map[string]*onnxpb.Array{"x": x}, map[string]any{"y": []float64{-1, -2, -3, -4}})

	if _, err := surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"turn"}}, surgery.AttributeChange{Name: "perm", Text: "0,1"}); err != nil {
		t.Fatal(err)
	}
	if got := onnxpb.FormatTypeProto(m.Graph.Output[1].Type); got != "float32 [batch,4]" {
		t.Errorf("z is %s", got)
	}
	wantRun(t, e, m, map[string]*onnxpb.Array{"x": x}, map[string]any{"z": []float32{1, 2, 3, 4}})
	// What cannot be is refused, and leaves the model.
	before, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = surgery.SetAttributes(m, surgery.NodeChoice{Names: []string{"turn"}}, surgery.AttributeChange{Name: "perm", Text: "0,2"})
	if onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("a permutation of an axis that is not there: %v", err)
	}
	if after, err := onnxpb.Marshal(m); err != nil || string(after) != string(before) {
		t.Error("the refused edit changed the model")
	}
}

// TestSetAttributesOfUnknownOperators: the type is that of what is there, or the one that is given.
func TestSetAttributesOfUnknownOperators(t *testing.T) {
	m := textModel(t, 17, `g (float[3] x) => (float[3] y) { [odd] y = my.Odd <level: int = 1> (x) }`)
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("my", 1))
	odd := surgery.NodeChoice{Names: []string{"odd"}}
	if _, err := surgery.SetAttributes(m, odd, surgery.AttributeChange{Name: "level", Text: "2.5"}); err == nil {
		t.Error("an int became 2.5")
	}
	if _, err := surgery.SetAttributes(m, odd, surgery.AttributeChange{Name: "fresh", Text: "2.5"}); err == nil {
		t.Error("an attribute of no known type was set")
	}
	_, err := surgery.SetAttributes(m, odd, surgery.AttributeChange{Name: "level", Text: "7"}, surgery.AttributeChange{Name: "fresh", Text: "1,2", Type: "floats"},
		surgery.AttributeChange{Name: "table", Text: "int8:[2]=-1,3", Type: "tensor"}, surgery.AttributeChange{Name: "words", Text: `a,"b,c"`, Type: "strings"},
		surgery.AttributeChange{Name: "holds", Text: "sequence(float32 [N,3])", Type: "type"}, surgery.AttributeChange{Name: "list", Array: onnxpb.ArrayOf([]int64{2}, []int32{4, 5}), Type: "ints"})
	if err != nil {
		t.Fatal(err)
	}
	n := m.Graph.Node[0]
	if n.AttrInt("level", 0) != 7 || !slices.Equal(n.Attr("fresh").Floats, []float32{1, 2}) || string(n.Attr("words").Strings[1]) != "b,c" || !slices.Equal(n.Attr("list").Ints, []int64{4, 5}) ||
		onnxpb.FormatTypeProto(n.Attr("holds").Tp) != "sequence(float32 [N,3])" {
		t.Errorf("%v", n.Attribute)
	}
	if a, err := onnxpb.Decode(n.Attr("table").T, ""); err != nil || !slices.Equal(a.Data.([]int8), []int8{-1, 3}) {
		t.Errorf("%v, %v", a, err)
	}
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Errorf("%s", f)
	}
}

func ExampleSetAttributes() {
	m := &onnxpb.ModelProto{OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
		Node: []*onnxpb.NodeProto{onnxpb.Node("Softmax", "probabilities", []string{"x"}, []string{"y"})},
	}}
	r, err := surgery.SetAttributes(m, surgery.NodeChoice{Ops: []string{"Softmax"}}, surgery.AttributeChange{Name: "axis", Text: "1"})
	fmt.Println(r.Changes, err)
	// Output: [added attribute "probabilities.axis": 1] <nil>
}
