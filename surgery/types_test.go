package surgery

import (
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// TestEditsHoldTypes makes edits that would have an operator read a type which it does not take in the model's opset, or a body give another type than its node takes: they are refused, and the model stays.
func TestEditsHoldTypes(t *testing.T) {
	op := func(operator string, inputs ...string) *onnxpb.ModelProto {
		n := onnxpb.Node(operator, "new", append([]string{"in"}, inputs...), []string{"out"})
		return &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Input: []*onnxpb.ValueInfoProto{{Name: &n.Input[0]}}, Output: []*onnxpb.ValueInfoProto{{Name: &n.Output[0]}}, Node: []*onnxpb.NodeProto{n}}}
	}
	after := func(b *onnxpb.ModelProto, tensor string, c ReaderChoice) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) {
			b := onnxpb.Clone(b)
			b.OpsetImport = m.OpsetImport
			return Insert(m, b, InsertOptions{Inputs: map[string]string{"in": tensor}, Outputs: map[string]string{"out": tensor}, Readers: c})
		}
	}
	toDouble := op("Cast")
	toDouble.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.Int("to", int64(onnxpb.TensorProto_DOUBLE))}
	setTo := func(node string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) {
			return SetAttributes(m, NodeChoice{Names: []string{node}}, AttributeChange{Name: "to", Text: "float64"})
		}
	}
	const bodies = `g (bool c, float[3] x, float[2,3] rows) => (float[3] y, float[3] l, float[3] s) <int64 n = {2}, bool yes = {1}> {
		y = If (c) <then_branch = t () => (float[3] p) { [c1] p = Cast <to = 1> (x) }, else_branch = e () => (float[3] q) { q = Neg (x) }>
		l = Loop (n, yes, x) <body = b (int64 i, bool ci, float[3] v) => (bool co, float[3] vo) { [c5] co = Cast <to = 9> (ci) [c3] vo = Cast <to = 1> (v) }>
		s = Scan (x, rows) <num_scan_inputs = 1, body = d (float[3] a, float[3] r) => (float[3] ao) { w = Add (a, r) [c6] ao = Cast <to = 1> (w) }>
	}`
	const ints = `g (int16[3] x, uint8[3] u) => (int16[3] y, uint8[3] v) { [n] i = Cast <to = 5> (x) y = Identity (i) v = Identity (u) }`
	const sequences = `g (float[3] x) => (seq(float[3]) ys, float[3] y) { [sc] xs = SequenceConstruct (x) [sc2] ys = SequenceConstruct (x, x) k = Constant <value = int64 {0}> () [at] y = SequenceAt (xs, k) }`
	const eight = `g (float8e4m3fn[2,3] u) => (float8e4m3fn[2,3] y) { y = Identity (u) }`
	expand := func(o ExpandOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return ExpandDim(m, o) }
	}
	for _, c := range []struct {
		name  string
		opset int64
		model string
		edit  edit
	}{
		{"Relu on int16", 12, ints, after(op("Relu"), "i", ReaderChoice{})},
		{"Mul on uint8", 12, ints, after(op("Mul", "in"), "u", ReaderChoice{})},
		{"Identity on a sequence", 12, sequences, after(op("Identity"), "xs", ReaderChoice{})},
		{"an output of a sequence by rewire", 12, sequences, func(m *onnxpb.ModelProto) (*Report, error) {
			return Rewire(m, "ys", "xs", ReaderChoice{Outputs: true, Retype: true})
		}},
		{"expand-dim of 8 bits", 19, eight, expand(ExpandOptions{})},
		{"expand-dim of an input of 8 bits", 19, eight, expand(ExpandOptions{Inputs: []string{"u"}})},
		{"the layout of an input of 8 bits", 19, `g (float8e4m3fn[1,3,4,4] u) => (float8e4m3fn[1,3,4,4] y) { y = Identity (u) }`, func(m *onnxpb.ModelProto) (*Report, error) {
			return SetInput(m, "u", InputSpec{Layout: NHWC})
		}},
		{"one branch", 17, bodies, setTo("c1")},
		{"the state of a Loop", 17, bodies, setTo("c3")},
		{"the condition of a Loop", 17, bodies, setTo("c5")},
		{"the state of a Scan", 17, bodies, setTo("c6")},
		{"one branch by insert", 17, bodies, after(toDouble, "p", ReaderChoice{Outputs: true})},
		{"the trips of a Loop", 17, bodies, func(m *onnxpb.ModelProto) (*Report, error) {
			text := "2,3"
			return SetConstant(m, ConstantChange{Name: "n", Text: &text, Shape: []int64{2}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := onnxtext.Parse(`<ir_version: 9> ` + c.model)
			if err != nil {
				t.Fatal(err)
			}
			m.OpsetImport = []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", c.opset)}
			valid(t, m, "as written")
			failsWith(t, m, c.edit, onnxpb.Refused, "contradict itself")
		})
	}
}
