package surgery

import (
	"fmt"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

func interfaceOf(m *onnxpb.ModelProto) string {
	var in, nodes []string
	for _, v := range m.Graph.Input {
		in = append(in, v.GetName())
	}
	for _, n := range m.Graph.Node {
		nodes = append(nodes, n.GetName())
	}
	return fmt.Sprint(in, nodes, outputNames(m.Graph))
}

// The part round a node of a net with a skip connection, a captured value, a constant and an output that nothing reads.
func TestExtractAround(t *testing.T) {
	const text = `<ir_version: 8, opset_import: ["": 17]> g (float[2] x, bool c) => (float[2] y, float[2] b)
{ [k] one = Constant <value_floats = [1.0, 1.0]> () [a] a = Relu (x) [b] b = Neg (a) [c] d = Add (b, one)
  [if] e = If (c) <then_branch = t () => (float[2] u) { u = Mul (d, a) }, else_branch = f () => (float[2] v) { v = Identity (d) }>
  [drop] f, mask = Dropout (e) [skip] y = Add (f, a) [tail] z = Exp (y) }`
	for _, c := range []struct {
		node  string
		depth int
		want  string
	}{
		{"b", 0, "[[a] [b] [b]]"},
		{"c", 0, "[[b] [k c] [d]]"},
		{"if", 0, "[[c a d] [if] [e]]"},                   // a is captured
		{"if", 1, "[[x c b] [k a c if drop] [a f]]"},      // nothing reads the mask
		{"skip", 1, "[[x e] [a drop skip tail] [a y z]]"}, // the tail makes nothing else
		{"tail", 9, "[[x c] [k a b c if drop skip tail] [b y z]]"},
	} {
		m, err := onnxtext.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ExtractAround(m, c.node, c.depth); err != nil {
			t.Errorf("%s, %d: %v", c.node, c.depth, err)
			continue
		}
		valid(t, m, c.node)
		if got := "[" + interfaceOf(m) + "]"; got != c.want {
			t.Errorf("%s, %d: %s, want %s", c.node, c.depth, got, c.want)
		}
	}
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Graph.Node[1].Name = m.Graph.Node[2].Name
	if _, err := ExtractAround(m, "b", 1); onnxpb.KindOf(err) != onnxpb.Unfit || err == nil {
		t.Errorf("two nodes of one name: %v", err)
	}
}

// Round every node of a model with a bit of everything a valid model is cut.
func TestExtractAroundEveryNode(t *testing.T) {
	for i, n := range richModel().Graph.Node {
		for depth := range 4 {
			m := richModel()
			if _, err := ExtractAround(m, n.GetName(), depth); err != nil {
				t.Errorf("%s, %d: %v", n.GetName(), depth, err)
				continue
			}
			valid(t, m, fmt.Sprintf("round node %d, %d", i, depth))
		}
	}
}
