package opset

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// good returns a small model that holds something of everything, and has no fault and no warning:
//
//	x, flag, w (with a default), s (sparse), scale: Mul(x, w) -> a; twice: com.example.Twice(a) -> b; choose: If(flag) {x1 = Neg(b)} {x2 = Abs(b);
//	nested If} -> y; norm: a BatchNormalization without its running values -> z
func good() *onnxpb.ModelProto {
	n3 := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	float := func(name string, dims ...onnxpb.Dim) *onnxpb.ValueInfoProto {
		return onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, dims)
	}
	graph := func(name, out string, nodes ...*onnxpb.NodeProto) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: &name, Node: nodes, Output: []*onnxpb.ValueInfoProto{{Name: &out}}}
	}
	inner := onnxpb.Node("If", "inner", []string{"flag"}, []string{"x2"},
		onnxpb.GraphAttr("then_branch", graph("deep1", "d", onnxpb.Node("Abs", "abs", []string{"b"}, []string{"d"}))),
		onnxpb.GraphAttr("else_branch", graph("deep2", "e", onnxpb.Node("Neg", "neg2", []string{"b"}, []string{"e"}))))
	call := onnxpb.Node("Twice", "twice", []string{"a"}, []string{"b"}, onnxpb.Float("by", 2))
	call.Domain = proto.String("com.example")
	by := onnxpb.Float("value_float", 0)
	by.F, by.RefAttrName = nil, proto.String("by")
	g := &onnxpb.GraphProto{
		Name: proto.String("main"),
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Mul", "scale", []string{"x", "w"}, []string{"a"}),
			call,
			onnxpb.Node("If", "choose", []string{"flag"}, []string{"y"},
				onnxpb.GraphAttr("then_branch", graph("then", "x1", onnxpb.Node("Neg", "neg", []string{"b"}, []string{"x1"}))),
				onnxpb.GraphAttr("else_branch", graph("else", "x2", inner))),
			onnxpb.Node("BatchNormalization", "norm", []string{"b", "c", "c", "c", "c"}, []string{"z"}, onnxpb.Float("epsilon", 1e-5)),
		},
		Input:  []*onnxpb.ValueInfoProto{float("x", n3...), onnxpb.TensorValue("flag", onnxpb.TensorProto_BOOL, []onnxpb.Dim{}), float("w", onnxpb.Number(3))},
		Output: []*onnxpb.ValueInfoProto{float("y", n3...), float("z", n3...)},
		Initializer: []*onnxpb.TensorProto{
			onnxpb.TensorOf("w", []int64{3}, []float32{1, 2, 3}),
			onnxpb.TensorOf("c", []int64{3}, []float32{1, 1, 1}),
		},
		SparseInitializer: []*onnxpb.SparseTensorProto{{
			Values: onnxpb.TensorOf("s", []int64{2}, []float32{1, 2}), Indices: onnxpb.TensorOf("", []int64{2, 2}, []int64{0, 1, 1, 0}), Dims: []int64{2, 2},
		}},
		ValueInfo: []*onnxpb.ValueInfoProto{float("a", n3...)},
	}
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(10),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17), onnxpb.Opset("com.example", 1)},
		Graph:       g,
		Functions: []*onnxpb.FunctionProto{{
			Name: proto.String("Twice"), Domain: proto.String("com.example"), Input: []string{"in"}, Output: []string{"out"}, Attribute: []string{"by"},
			OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("Constant", "factor", nil, []string{"f"}, by),
				onnxpb.Node("Mul", "mul", []string{"in", "f"}, []string{"out"}),
			},
		}},
	}
}

func TestGoodModel(t *testing.T) {
	for _, f := range Check(good(), CheckOptions{Warnings: true}) {
		t.Error(f)
	}
}

// find returns a node of the good model by name, wherever it is.
func find(m *onnxpb.ModelProto, name string) *onnxpb.NodeProto {
	var found *onnxpb.NodeProto
	var walk func([]*onnxpb.NodeProto)
	walk = func(nodes []*onnxpb.NodeProto) {
		for _, n := range nodes {
			if n.GetName() == name {
				found = n
			}
			for g := range n.Subgraphs() {
				walk(g.Node)
			}
		}
	}
	walk(m.Graph.Node)
	for _, f := range m.Functions {
		walk(f.Node)
	}
	return found
}

// add appends a node to the main graph.
func add(m *onnxpb.ModelProto, n *onnxpb.NodeProto) { m.Graph.Node = append(m.Graph.Node, n) }

// initializer returns an initializer that is added to the main graph.
func initializer(m *onnxpb.ModelProto, name string) *onnxpb.TensorProto {
	t := onnxpb.TensorOf(name, []int64{4}, []float32{1, 2, 3, 4})
	m.Graph.Initializer = append(m.Graph.Initializer, t)
	return t
}

func externalEntries(kv ...string) []*onnxpb.StringStringEntryProto {
	var out []*onnxpb.StringStringEntryProto
	for i := 0; i < len(kv); i += 2 {
		out = append(out, &onnxpb.StringStringEntryProto{Key: proto.String(kv[i]), Value: proto.String(kv[i+1])})
	}
	return out
}

// outside gives a tensor external data.
func outside(t *onnxpb.TensorProto, kv ...string) {
	t.RawData, t.FloatData = nil, nil
	t.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
	t.ExternalData = externalEntries(kv...)
}

// faultCase is one thing done to the good model, and the faults that it must give: exactly those, with these places.
type faultCase struct {
	name  string
	spoil func(m *onnxpb.ModelProto)
	want  []Fault // Message: a part of it
}

func one(code, graph, node, tensor, message string) []Fault {
	return []Fault{{Code: code, Graph: graph, Node: node, Tensor: tensor, Message: message}}
}

func warning(code, graph, node, tensor, message string) []Fault {
	return []Fault{{Code: code, Warning: true, Graph: graph, Node: node, Tensor: tensor, Message: message}}
}

func allCases() []faultCase {
	var all []faultCase
	for _, list := range [][]faultCase{modelCases, valueCases, nodeCases, attributeCases, tensorCases, functionCases, warningCases} {
		all = append(all, list...)
	}
	return all
}

func TestEveryFault(t *testing.T) {
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			m := good()
			c.spoil(m)
			got := Check(m, CheckOptions{Warnings: true})
			if len(got) != len(c.want) {
				t.Fatalf("got %d faults, want %d: %v", len(got), len(c.want), got)
			}
			for i, g := range got {
				w := c.want[i]
				if !strings.Contains(g.Message, w.Message) {
					t.Errorf("message %q does not hold %q", g.Message, w.Message)
				}
				if w.Message == "" || strings.Contains(g.Message, "%!") {
					t.Errorf("message %q", g.Message)
				}
				g.Message, w.Message = "", ""
				if g != w {
					t.Errorf("got  %+v\nwant %+v", got[i], c.want[i])
				}
			}
			// Without warnings the same faults come, and only they.
			var faults []Fault
			for _, g := range got {
				if !g.Warning {
					faults = append(faults, g)
				}
			}
			if plain := Check(m, CheckOptions{}); len(plain)+len(faults) > 0 && !reflect.DeepEqual(plain, faults) {
				t.Errorf("without warnings: %v, want %v", plain, faults)
			}
		})
	}
}

// Every code that package opset declares comes out of a case above, and is on the page of the command.
func TestEveryCodeIsTestedAndDocumented(t *testing.T) {
	src, err := os.ReadFile("fault.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{FaultInference: true, FaultInputType: true} // by the tests of package shape, which finds them
	for _, c := range allCases() {
		for _, f := range c.want {
			tested[f.Code] = true
		}
	}
	codes := regexp.MustCompile(`(?m)^\t(?:Fault|Warn)\w+\s+= "([^"]+)"\s+// (.*)$`).FindAllSubmatch(src, -1)
	if len(codes) < 40 {
		t.Fatalf("only %d codes found", len(codes))
	}
	for _, c := range codes {
		if !tested[string(c[1])] {
			t.Errorf("no case gives %s", c[1])
		}
		if row := fmt.Sprintf("| `%s` | %s |", c[1], c[2]); !strings.Contains(string(page), row) {
			t.Errorf("docs/check.md lacks the row %s", row)
		}
	}
}

// A model with many faults has them all told, in the order of the graph.
func TestEveryFaultAtOnce(t *testing.T) {
	m := good()
	m.IrVersion = proto.Int64(0)
	find(m, "scale").Input[0] = "nowhere"
	find(m, "neg").OpType = proto.String("Ngg")
	find(m, "norm").Input = find(m, "norm").Input[:3]
	find(m, "mul").Input = append(find(m, "mul").Input, "in")
	m.Graph.Output[1].Name = proto.String("nothing")
	var got []string
	for _, f := range Check(m, CheckOptions{}) {
		got = append(got, f.Code+" "+f.Graph)
	}
	want := []string{"ir-version ", "undefined-value ", "unknown-operator choose/then_branch", "input-count ", "graph-output ", "input-count function com.example.Twice"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFaultString(t *testing.T) {
	f := Fault{Code: "x", Graph: "g/body", Node: "n", Tensor: "t", Message: "is wrong"}
	if got, want := f.String(), `in g/body: node "n": tensor "t": is wrong`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Fault{Warning: true, Message: "odd"}).String(), "warning: odd"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is odd in a model in memory must not make the checker fall over.
func TestEmptyParts(t *testing.T) {
	for _, m := range []*onnxpb.ModelProto{
		nil, {}, {Graph: &onnxpb.GraphProto{}},
		{Graph: &onnxpb.GraphProto{
			Node: []*onnxpb.NodeProto{{}, {Attribute: []*onnxpb.AttributeProto{{}}}}, Input: []*onnxpb.ValueInfoProto{{}, {Type: &onnxpb.TypeProto{}}},
			Initializer: []*onnxpb.TensorProto{{}}, SparseInitializer: []*onnxpb.SparseTensorProto{{}, {Values: &onnxpb.TensorProto{}}}, Output: []*onnxpb.ValueInfoProto{{}},
			ValueInfo: []*onnxpb.ValueInfoProto{{}}, QuantizationAnnotation: []*onnxpb.TensorAnnotation{{}},
		}, Functions: []*onnxpb.FunctionProto{{}}, OpsetImport: []*onnxpb.OperatorSetIdProto{{}}, TrainingInfo: []*onnxpb.TrainingInfoProto{{}},
			MetadataProps: []*onnxpb.StringStringEntryProto{{}}},
	} {
		if len(Check(m, CheckOptions{Warnings: true})) == 0 {
			t.Errorf("no fault in %v", m)
		}
	}
}
