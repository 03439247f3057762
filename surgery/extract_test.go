package surgery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// declared writes a list of inputs or outputs with their types.
func declared(list []*onnxpb.ValueInfoProto) string {
	var out []string
	for _, v := range list {
		out = append(out, v.GetName()+" "+typeText(v))
	}
	return strings.Join(out, ", ")
}

func TestExtract(t *testing.T) {
	for _, c := range []struct {
		name     string
		model    func() *onnxpb.ModelProto
		from, to []string
		in, out  string
		nodes    string
		inits    []string
	}{
		{"inner to inner", branchModel, []string{"y"}, []string{"u"}, "y float32 [N,3], w float32 [3]", "u float32 [N,3]", "mul", []string{"w"}},
		{"the model's inputs that are needed", branchModel, nil, []string{"y"}, "x float32 [N,3], c bool []", "y float32 [N,3]", "if", nil},
		{"the model's outputs", branchModel, []string{"y", "x"}, nil, "y float32 [N,3], x float32 [N,3], w float32 [3]", "u float32 [N,3], x float32 [N,3]", "mul", []string{"w"}},
		{"the order asked for", branchModel, []string{"w", "y"}, []string{"y", "u", "w"}, "w float32 [3], y float32 [N,3]", "y float32 [N,3], u float32 [N,3], w float32 [3]", "mul", []string{"w"}},
		{"a captured input", branchModel, []string{"c", "x"}, []string{"y"}, "c bool [], x float32 [N,3]", "y float32 [N,3]", "if", nil},
		{"nothing but a wire", branchModel, []string{"y"}, []string{"y"}, "y float32 [N,3]", "y float32 [N,3]", "", nil},
		{"a weight as an input", func() *onnxpb.ModelProto {
			m := branchModel()
			m.Graph.Input = m.Graph.Input[:2]
			return m
		}, []string{"y", "w"}, []string{"u"}, "y float32 [N,3], w float32 [3]", "u float32 [N,3]", "mul", nil},
		{"a weight as an output", branchModel, nil, []string{"w"}, "w float32 [3]", "w float32 [3]", "", []string{"w"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.model()
			r, err := Extract(m, c.from, c.to)
			if err != nil {
				t.Fatal(err)
			}
			g := m.Graph
			var inits []string
			for _, x := range g.Initializer {
				inits = append(inits, x.GetName())
			}
			if declared(g.Input) != c.in || declared(g.Output) != c.out || order(m) != c.nodes || !reflect.DeepEqual(inits, c.inits) {
				t.Errorf("inputs %s; outputs %s; nodes %s; initializers %s", declared(g.Input), declared(g.Output), order(m), inits)
			}
			if len(r.Changes) == 0 {
				t.Error("nothing is told")
			}
			valid(t, m, "extracted")
		})
	}
}

func TestExtractRefuses(t *testing.T) {
	untyped := func() *onnxpb.ModelProto {
		m := branchModel()
		m.Graph.ValueInfo = nil
		m.Graph.Node[0].Attr("then_branch").G.Output[0].Type = nil
		m.Graph.Node[0].Attr("else_branch").G.Output[0].Type = nil
		for _, branch := range []string{"then_branch", "else_branch"} { // nobody knows what they make
			n := m.Graph.Node[0].Attr(branch).G.Node[0]
			n.OpType, n.Domain, n.Attribute = proto.String("Mystery"), proto.String("acme"), nil
		}
		return m
	}
	for _, c := range []struct {
		name     string
		model    func() *onnxpb.ModelProto
		from, to []string
		want     string
		kind     onnxpb.Kind
	}{
		{"no such output", branchModel, nil, []string{"uu"}, `no tensor "uu" (did you mean "u"`, onnxpb.Unfit},
		{"no such input", branchModel, []string{"nosuchthing"}, []string{"u"}, `no tensor "nosuchthing" (there is "x", "c", "w", "y", "u")`, onnxpb.Unfit},
		{"a subgraph's value", branchModel, nil, []string{"t"}, `"t": it is a value of a subgraph`, onnxpb.Unfit},
		{"twice", branchModel, []string{"y", "y"}, []string{"u"}, `input "y" is given twice`, onnxpb.Usage},
		{"empty", branchModel, nil, []string{""}, `is empty`, onnxpb.Usage},
		{"not enough", branchModel, []string{"w"}, []string{"u"}, `"u" cannot be computed from "w" alone: the inputs "x", "c" are needed too: "x" -> node "if" -> node "mul" -> "u" (add x,c to`, onnxpb.Unfit},
		{"not enough, captured", branchModel, []string{"c"}, []string{"y"}, `the input "x" is needed too: "x" -> node "if" -> "y"`, onnxpb.Unfit},
		{"not enough, an output that is an input", branchModel, []string{"y"}, []string{"u", "x"}, `"x" is to be an output itself`, onnxpb.Unfit},
		{"too much", branchModel, []string{"y", "x"}, []string{"u"}, `tensor "x": it is to be an input, and "u" can be computed without it (leave it out)`, onnxpb.Unfit},
		{"too much, cut off by another", branchModel, []string{"y", "c", "w"}, []string{"u"}, `tensor "c": it is to be an input`, onnxpb.Unfit},
		{"an input of unknown type", untyped, []string{"y"}, []string{"u"}, `tensor "y": its element type is not known`, onnxpb.Unfit},
		{"an output of unknown type", untyped, nil, []string{"y"}, `tensor "y": its element type is not known`, onnxpb.Unfit},
		{"a value that nothing makes", func() *onnxpb.ModelProto {
			m := branchModel()
			m.Graph.Node[1].Input[1] = "nothing"
			return m
		}, nil, []string{"u"}, `tensor "nothing": nothing in the model makes it`, onnxpb.Unfit},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.model()
			before := marshal(t, m)
			_, err := Extract(m, c.from, c.to)
			if err == nil || !strings.Contains(err.Error(), c.want) || onnxpb.KindOf(err) != c.kind {
				t.Errorf("error %v (kind %d), want %q (kind %d)", err, onnxpb.KindOf(err), c.want, c.kind)
			}
			if !bytes.Equal(before, marshal(t, m)) {
				t.Error("the model changed")
			}
		})
	}
}

// A node that makes a value that is now an input stays for the sake of its other output, and makes something of another name.
func TestExtractHalfOfANode(t *testing.T) {
	m := graphOf("split: x > a b", "join: a b > a_1", "end: a_1 > y")
	m.OpsetImport = []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}
	g := m.Graph
	g.Name = proto.String("g")
	g.Node[0].OpType, g.Node[1].OpType, g.Node[2].OpType = proto.String("Split"), proto.String("Add"), proto.String("Neg")
	g.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, nx3())}
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", tFloat, nx3())}
	g.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", tFloat, nx3())}
	r, err := Extract(m, []string{"a", "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "in a; in x; Split(x)=a_2,b; Add(a,b)=a_1; Neg(a_1)=y; out y;"
	if got := dump(m); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], `"a_2"`) {
		t.Errorf("notes %q", r.Notes)
	}
	valid(t, m, "extracted")
}

// What an old output declares of a value that goes on within stays as value_info, with its documentation.
func TestExtractKeepsDeclarations(t *testing.T) {
	m := richModel()
	if _, err := Extract(m, nil, []string{"seq"}); err != nil {
		t.Fatal(err)
	}
	var found *onnxpb.ValueInfoProto
	for _, v := range m.Graph.ValueInfo {
		if v.GetName() == "out" {
			found = v
		}
	}
	if found.GetDocString() != "about out" || found.ElemType() != tFloat {
		t.Errorf("the declaration of out is %v", found)
	}
	if len(m.TrainingInfo) != 1 || len(m.Functions) != 1 || len(m.MetadataProps) != 2 {
		t.Errorf("%d training infos, %d functions, %d metadata", len(m.TrainingInfo), len(m.Functions), len(m.MetadataProps))
	}
	// An inner part has no use for them; an opset import is no burden.
	r, err := Extract(m, []string{"l"}, []string{"out"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.TrainingInfo) != 0 || len(m.Functions) != 0 || len(m.MetadataProps) != 1 || len(m.Graph.QuantizationAnnotation) != 0 || len(m.OpsetImport) != 3 {
		t.Errorf("%v", m)
	}
	if declared(m.Graph.Input) != "l float32 [N,3], bias float32 [3]" || len(r.Notes) != 1 {
		t.Errorf("inputs %s, notes %q", declared(m.Graph.Input), r.Notes)
	}
}

// The quantisation annotation of an input that goes does not hold its scale.
func TestExtractDropsAnnotations(t *testing.T) {
	m := branchModel()
	g := m.Graph
	g.Initializer = append(g.Initializer, floats("x_scale", []int64{1}, 1), floats("y_scale", []int64{1}, 1))
	for _, n := range []string{"x", "y"} {
		g.QuantizationAnnotation = append(g.QuantizationAnnotation, &onnxpb.TensorAnnotation{TensorName: proto.String(n),
			QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", n+"_scale")}})
	}
	if _, err := Extract(m, []string{"y"}, []string{"u"}); err != nil {
		t.Fatal(err)
	}
	if len(m.Graph.Initializer) != 2 || m.Graph.Initializer[1].GetName() != "y_scale" || len(m.Graph.QuantizationAnnotation) != 1 {
		t.Errorf("left are %v and %v", m.Graph.Initializer, m.Graph.QuantizationAnnotation)
	}
}

// Types that nothing declares are told by the signatures of operators where these tell them.
func TestExtractTypes(t *testing.T) {
	for _, c := range []struct {
		node *onnxpb.NodeProto
		want onnxpb.TensorProto_DataType
	}{
		{onnxpb.Node("Neg", "", []string{"d"}, []string{"v"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("Cast", "", []string{"d"}, []string{"v"}, onnxpb.Int("to", 10)), onnxpb.TensorProto_FLOAT16},
		{onnxpb.Node("CastLike", "", []string{"d", "i"}, []string{"v"}), tInt64},
		{onnxpb.Node("Shape", "", []string{"d"}, []string{"v"}), tInt64},
		{onnxpb.Node("Less", "", []string{"d", "d"}, []string{"v"}), tBool},
		{onnxpb.Node("Gather", "", []string{"d", "i"}, []string{"v"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("TopK", "", []string{"d", "i"}, []string{"other", "v"}), tInt64},
		{onnxpb.Node("TopK", "", []string{"d", "i"}, []string{"v", "other"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("Split", "", []string{"d"}, []string{"other", "v"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("ConstantOfShape", "", []string{"i"}, []string{"v"}), tFloat},
		{onnxpb.Node("ConstantOfShape", "", []string{"i"}, []string{"v"}, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{1}, []int8{1}))), onnxpb.TensorProto_INT8},
		{onnxpb.Node("Constant", "", nil, []string{"v"}, onnxpb.Strs("value_strings", "a")), onnxpb.TensorProto_STRING},
		{onnxpb.Node("EyeLike", "", []string{"d"}, []string{"v"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("EyeLike", "", []string{"d"}, []string{"v"}, onnxpb.Int("dtype", 6)), onnxpb.TensorProto_INT32},
		{onnxpb.Node("QuantizeLinear", "", []string{"f", "f"}, []string{"v"}), onnxpb.TensorProto_UINT8},
		{onnxpb.Node("QuantizeLinear", "", []string{"f", "f", "b"}, []string{"v"}), onnxpb.TensorProto_INT8},
		{onnxpb.Node("Where", "", []string{"c", "", "d"}, []string{"v"}), onnxpb.TensorProto_DOUBLE},
		{onnxpb.Node("Nonsense", "", []string{"d"}, []string{"v"}), 0},
	} {
		t.Run(c.node.GetOpType(), func(t *testing.T) {
			m := &onnxpb.ModelProto{OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
				Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("d", onnxpb.TensorProto_DOUBLE, nil), onnxpb.TensorValue("i", tInt64, nil), onnxpb.TensorValue("f", tFloat, nil),
					onnxpb.TensorValue("b", onnxpb.TensorProto_INT8, nil), onnxpb.TensorValue("c", tBool, nil)},
				Node: []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"v0"}, []string{"w"}), c.node, onnxpb.Node("Identity", "", []string{"v"}, []string{"v0"})}}}
			types := elemTypes{index: NewGraph(m)}
			got := (&onnxpb.ValueInfoProto{Type: types.of("w")}).ElemType()
			if got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// All inputs and all outputs: what is left is what Tidy leaves.
func TestExtractAllIsTidy(t *testing.T) {
	eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, _ *rand.Rand) {
		var from []string
		for _, v := range m.Graph.Input {
			from = append(from, v.GetName())
		}
		whole, own := onnxpb.Clone(m), onnxpb.Clone(m)
		if _, err := Tidy(m); err != nil {
			t.Fatal(err)
		}
		if _, err := Extract(whole, from, outputNames(m.Graph)); err != nil {
			t.Fatal(err)
		}
		if _, err := Extract(own, nil, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, m), marshal(t, whole)) || !bytes.Equal(marshal(t, m), marshal(t, own)) {
			t.Error("the bytes differ")
		}
	})
}

// Random cuts through random models: the part computes of its inputs what the model computes of these values, nothing in it is superfluous, and where the inputs do
// not suffice or are too many it says so, and names one that is.
func TestExtractRandom(t *testing.T) {
	outcome := map[string]int{}
	for round := 0; round < 8; round++ {
		eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, r *rand.Rand) {
			for i := 0; i < round; i++ {
				r.Uint64()
			}
			values := NewGraph(m).Values()
			pick := func(n int) []string {
				var out []string
				for len(out) < n {
					if v := values[r.IntN(len(values))]; !slices.Contains(out, v) {
						out = append(out, v)
					}
				}
				return out
			}
			from, to := pick(r.IntN(4)), pick(1+r.IntN(2))
			touched := map[string]bool{}
			want := meaningOf(m, to, from, func(s string) string { touched[s] = true; return s })
			var lacking, idle string
			for _, v := range m.Graph.Input {
				if n := v.GetName(); len(from) > 0 && touched[n] && !slices.Contains(from, n) {
					lacking = n
					break
				}
			}
			for _, n := range from {
				if !touched[n] {
					idle = n
					break
				}
			}
			_, err := Extract(m, from, to)
			switch {
			case lacking != "":
				outcome["lacking"]++
				if err == nil || !strings.Contains(err.Error(), "cannot be computed") || !strings.Contains(err.Error(), fmt.Sprintf("needed too: %q", lacking)) {
					t.Errorf("from %q to %q, %q is needed too: error %v", from, to, lacking, err)
				}
				return
			case idle != "":
				outcome["idle"]++
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q: it is to be an input", idle)) {
					t.Errorf("from %q to %q, %q is not needed: error %v", from, to, idle, err)
				}
				return
			case err != nil:
				t.Fatalf("from %q to %q: %v", from, to, err)
			}
			outcome["done"]++
			valid(t, m, "extracted")
			if got := meaning(m, func(s string) string { return s }); !reflect.DeepEqual(got, want) {
				t.Errorf("from %q to %q: the part computes something else", from, to)
			}
			inputs := []string{}
			for _, v := range m.Graph.Input {
				inputs = append(inputs, v.GetName())
			}
			if len(from) > 0 && !slices.Equal(inputs, from) || !slices.Equal(outputNames(m.Graph), to) {
				t.Errorf("from %q to %q: inputs %q, outputs %q", from, to, inputs, outputNames(m.Graph))
			}
			if r, err := Tidy(m); err != nil || len(r.Changes) != 0 {
				t.Errorf("superfluous: %v, %v", r, err)
			}
		})
	}
	if outcome["done"] < 80 || outcome["lacking"] < 40 || outcome["idle"] < 20 {
		t.Errorf("outcomes %v", outcome)
	}
}
