package surgery

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// graphOf makes a model without interface of nodes written as "name: inputs > outputs".
func graphOf(nodes ...string) *onnxpb.ModelProto {
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{}}
	for _, s := range nodes {
		name, io, _ := strings.Cut(s, ":")
		in, out, _ := strings.Cut(io, ">")
		m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Op", name, strings.Fields(in), strings.Fields(out)))
	}
	return m
}

func order(m *onnxpb.ModelProto) string {
	var names []string
	for _, n := range m.Graph.Node {
		names = append(names, n.GetName())
	}
	return strings.Join(names, " ")
}

func TestSort(t *testing.T) {
	for _, c := range []struct {
		name  string
		model *onnxpb.ModelProto
		want  string
		told  []string
	}{
		{"in order", graphOf("a:x>1", "b:x>2", "c:1 2>3"), "a b c", nil},
		{"one too early", graphOf("a:3>1", "b:x>2", "c:2>3", "d:2>4"), "b c a d", []string{"changed place of node a"}},
		{"backwards", graphOf("a:1>2", "b:0>1", "c:>0"), "c b a", []string{"changed place of node a", "changed place of node b"}},
		{"others stay between", graphOf("a:x>1", "b:9>2", "c:x>3", "d:x>9", "e:2>4"), "a c d b e", []string{"changed place of node b"}},
		{"twice the same input", graphOf("a:1 1>2", "b:x>1"), "b a", []string{"changed place of node a"}},
		{"no output, no input", graphOf("a:>", "b:>"), "a b", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Sort(c.model)
			if err != nil {
				t.Fatal(err)
			}
			if got := order(c.model); got != c.want {
				t.Errorf("order %s, want %s", got, c.want)
			}
			if got := told(r); !reflect.DeepEqual(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
		})
	}
}

// What a subgraph captures, the node that holds it waits for, however deep it is.
func TestSortCaptures(t *testing.T) {
	m := graphOf("holder: x > 1", "between: 9 > 2", "maker: x > 9")
	deep := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{onnxpb.Node("Op", "deep", []string{"9"}, []string{"d"})}}
	m.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.GraphAttr("g", &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{
		onnxpb.Node("Op", "late", []string{"e"}, []string{"f"}), onnxpb.Node("Op", "inner", nil, []string{"e"}, onnxpb.GraphAttr("g", deep))}})}
	if _, err := Sort(m); err != nil {
		t.Fatal(err)
	}
	if got := order(m); got != "maker holder between" {
		t.Errorf("order %s", got)
	}
	if g := m.Graph.Node[1].Attribute[0].G; g.Node[0].GetName() != "inner" {
		t.Error("the subgraph is not sorted")
	}
	// A value of the same name that is the subgraph's own is no reason to wait.
	own := graphOf("holder: x > 1", "maker: x > 9")
	own.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.GraphAttr("g", &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{
		onnxpb.Node("Op", "a", nil, []string{"9"}), onnxpb.Node("Op", "b", []string{"9"}, []string{"z"})}})}
	if _, err := Sort(own); err != nil {
		t.Fatal(err)
	}
	if got := order(own); got != "holder maker" {
		t.Errorf("order %s", got)
	}
}

func TestSortCycles(t *testing.T) {
	captured := graphOf("if: c > y")
	captured.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.GraphAttr("g", &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{onnxpb.Node("Op", "in", []string{"y"}, []string{"z"})}})}
	inside := graphOf("if: c > y")
	inside.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.GraphAttr("g", graphOf("p: 1 > 2", "q: 2 > 1").Graph)}
	function := graphOf("a: x > y")
	function.Functions = []*onnxpb.FunctionProto{{Name: proto.String("F"), Node: graphOf("p: 1 > 2", "q: 2 > 1").Graph.Node}}
	for _, c := range []struct {
		name  string
		model *onnxpb.ModelProto
		want  string
	}{
		{"two", graphOf("start: x > s", "a: 2 s > 1", "b: 1 > 2", "behind: 2 > 3"), `the nodes "a" -> "b" form a cycle`},
		{"three, told along the data", graphOf("before: 3 > 9", "a: 3 > 1", "c: 2 > 3", "b: 1 > 2"), `"a" -> "b" -> "c"`},
		{"one", graphOf("a: 1 > 1"), `the node "a" reads what it makes itself`},
		{"by a capture", captured, `the node "if" reads what it makes itself`},
		{"in a subgraph", inside, `in if, the nodes "p" -> "q"`},
		{"in a function", function, `in function F, the nodes "p" -> "q"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := marshal(t, c.model)
			_, err := Sort(c.model)
			if err == nil || onnxpb.KindOf(err) != onnxpb.Refused || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if !bytes.Equal(before, marshal(t, c.model)) {
				t.Error("the model changed")
			}
		})
	}
	long := graphOf("n0: v29 > v0")
	for i := 1; i < 30; i++ {
		long.Graph.Node = append(long.Graph.Node, onnxpb.Node("Op", "", []string{"v" + string(rune('0'+i-1))}, []string{"v" + string(rune('0'+i))}))
	}
	long.Graph.Node[0].Input[0] = "v" + string(rune('0'+29))
	if _, err := Sort(long); err == nil || !strings.Contains(err.Error(), "and 18 more") {
		t.Errorf("a long cycle: %v", err)
	}
}

// The nodes of random models, shuffled at every depth, are put in order again; the model computes the same.
func TestSortShuffled(t *testing.T) {
	eachRandom(t, 60, func(t *testing.T, m *onnxpb.ModelProto, r *rand.Rand) {
		if rep, err := Sort(m); err != nil || len(rep.Changes) != 0 {
			t.Fatalf("a sorted model: %v, %v", rep, err)
		}
		means := meaning(m, func(s string) string { return s })
		var shuffle func(nodes []*onnxpb.NodeProto)
		shuffle = func(nodes []*onnxpb.NodeProto) {
			r.Shuffle(len(nodes), func(i, k int) { nodes[i], nodes[k] = nodes[k], nodes[i] })
			for _, n := range nodes {
				for g := range n.Subgraphs() {
					shuffle(g.Node)
				}
			}
		}
		shuffle(m.Graph.Node)
		if _, err := Sort(m); err != nil {
			t.Fatal(err)
		}
		valid(t, m, "sorted")
		if got := meaning(m, func(s string) string { return s }); !reflect.DeepEqual(got, means) {
			t.Error("the sorted model computes something else")
		}
	})
}
