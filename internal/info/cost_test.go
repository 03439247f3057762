package info

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// The numbers are counted by hand.
func TestMACs(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"Conv": {`(float[1,3,8,8] x, float[16,3,3,3] w) => () { y = Conv <pads = [1,1,1,1]> (x, w) }`, "27648"}, // 8*8*16*3*3*3
		"Conv with groups, strides and a batch": {`(float[N,4,8,8] x, float[4,1,3,3] w) => () { y = Conv <pads = [1,1,1,1], strides = [2,2], group = 4> (x, w) }`,
			"576*N"}, // 4*4 places, 4 channels, 9 weights each
		"ConvTranspose": {`(float[1,2,4,4] x, float[2,3,2,2] w) => () { y = ConvTranspose <strides = [2,2]> (x, w) }`, "384"}, // 2*4*4*3*2*2
		"MatMul":        {`(float[B,2,5] x, float[5,7] w) => () { y = MatMul (x, w) }`, "70*B"},
		"Gemm":          {`(float[5,N] x, float[7,5] w) => () { y = Gemm <transA = 1, transB = 1> (x, w) }`, "35*N"},
		"vectors":       {`(float[5] x, float[5] w) => () { y = MatMul (x, w) }`, "5"},
		"LSTM":          {`(float[6,2,10] x, float[1,80,10] w, float[1,80,20] r) => () { y = LSTM <hidden_size = 20> (x, w, r) }`, "28800"}, // 6*2*80*30
		"Einsum":        {`(float[2,3,4] x, float[2,4,5] w) => () { y = Einsum <equation = "bij,bjk->bik"> (x, w) }`, "120"},
		"Attention":     {`(float[N,2,3,4] q, float[N,2,5,4] k, float[N,2,5,6] v) => () { y = Attention (q, k, v) }`, "300*N"}, // 2 heads of 3*5 scores of 4, and 3*6 sums of 5
		"Attention of rank 3, with a past": {`(float[1,3,8] q, float[1,5,8] k, float[1,5,8] v, float[1,2,7,4] pk, float[1,2,7,4] pv) => ()
			{ y, nk, nv = Attention <q_num_heads = 2, kv_num_heads = 2> (q, k, v, , pk, pv) }`, "576"}, // 3*8*12, twice
		"MultiHeadAttention":         {`(float[1,3,8] q, float[1,5,8] k, float[1,5,8] v) => () { y = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v) }`, "240"}, // 3*8*5, twice
		"Attention of com.microsoft": {`(float[1,3,4] x, float[4,12] w, float[12] b) => () { y = com.microsoft.Attention <num_heads = 2> (x, w, b) }`, "216"},              // 3*4*12, and 3*4*3 twice
		"QLinearConv": {`(uint8[1,3,8,8] x, float s, uint8 z, uint8[2,3,1,1] w) => () { y = QLinearConv (x, s, z, w, s, z, s, z) }`,
			"384"}, // 8*8*2*3
		"elementwise": {`(float[5] x) => () { y = Relu (x) z = Add(x, x) }`, "0"},
		"If, the dearer branch": {`(bool c, float[3,4] x, float[4,5] w) => ()
			{ y = If (c) <then_branch = a () => (float[3,5] t) { t = MatMul (x, w) }, else_branch = b () => (float[3,5] e) { k = MatMul (x, w) e = Relu (k) k2 = MatMul (x, w) }> }`, "120"},
		"Loop": {`(bool c, float[4,4] x, float[4,4] w) => () <int64 n = {3}>
			{ y = Loop (n, c, x) <body = b (int64 i, bool d, float[4,4] s) => (bool d2, float[4,4] s2) { d2 = Identity (d) s2 = MatMul (s, w) }> }`, "192"},
		"Loop that does not begin": {`(float[4,4] x, float[4,4] w) => () <int64 n = {3}, bool c = {0}>
			{ y = Loop (n, c, x) <body = b (int64 i, bool d, float[4,4] s) => (bool d2, float[4,4] s2) { d2 = Identity (d) s2 = MatMul (s, w) }> }`, "0"},
		"Loop that ends behind its first pass": {`(float[4,4] x, float[4,4] w) => () <int64 n = {3}, bool c = {1}>
			{ y = Loop (n, c, x) <body = b (int64 i, bool d, float[4,4] s) => (bool d2, float[4,4] s2) { d2 = Not (d) s2 = MatMul (s, w) }> }`, "64"},
	} {
		m, err := onnxtext.Parse("<ir_version: 10, opset_import: [\"\": 23, \"com.microsoft\": 1]> g " + c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := CostOf(m, nil, 0)
		if got.MACs != c.want || len(got.NotCounted) > 0 {
			t.Errorf("%s: %s multiply-adds, want %s; not counted: %v", name, got.MACs, c.want, got.NotCounted)
		}
	}
}

func TestCostOf(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 10, opset_import: ["": 18, "local": 1, "com.example": 1]>
g (float[N,4] x, float[?] u) => () <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3] b = {1,2,3}>
{ [mm] y = MatMul (x, w) [add] z = Add (y, b) [call] f = local.twice (x, w) [odd] o = com.example.Odd (x) [what] p = MatMul (u, b2) [b2] b2 = Relu(u) }
<domain: "local", opset_import: ["": 18]> twice (a, k) => (d) { c = MatMul (a, k) c2 = MatMul (a, k) d = Add (c, c2) }`)
	if err != nil {
		t.Fatal(err)
	}
	c := CostOf(m, nil, 1)
	if c.MACs != "36*N" { // 12 by mm, and twice as many in the function
		t.Errorf("%s multiply-adds", c.MACs)
	}
	if len(c.Largest) != 1 || c.Largest[0].Name != "w" || c.Largest[0].Bytes != 48 {
		t.Errorf("the largest: %v", c.Largest)
	}
	if got := fmt.Sprint(c.NotCounted); !strings.Contains(got, "com.example.Odd 1") || !strings.Contains(got, "MatMul 1") || len(c.NotCounted) != 2 {
		t.Errorf("not counted: %s", got)
	}
	if c.Ops[0].Op != "local.twice" || c.Ops[0].MACs != "24*N" || c.Ops[1].Op != "MatMul" || c.Ops[1].Parameters != 12 || c.Ops[1].Nodes != 2 {
		t.Errorf("operators: %+v", c.Ops)
	}
	if n := c.NodeCosts[1]; n.Node != "add" || n.Parameters != 3 || n.Bytes != 12 || n.MACs != "0" || n.Output != "float32[N,3]" {
		t.Errorf("a node: %+v", n)
	}
	if got := CostOf(m, map[string]int64{"N": 2}, 0).MACs; got != "72" {
		t.Errorf("with N=2: %s", got)
	}
}

// A model of 100,000 nodes, too big for viewers, is counted like any other.
func TestCostOfManyNodes(t *testing.T) {
	const n = 100_000
	g := &onnxpb.GraphProto{Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("v0", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(2)})},
		Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{2, 2}, []float32{1, 2, 3, 4})}}
	for i := range n {
		g.Node = append(g.Node, onnxpb.Node("MatMul", "", []string{fmt.Sprintf("v%d", i), "w"}, []string{fmt.Sprintf("v%d", i+1)}))
	}
	c := CostOf(&onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}, nil, 5)
	if c.MACs != "400000*N" || len(c.NodeCosts) != n {
		t.Errorf("%s multiply-adds, %d nodes", c.MACs, len(c.NodeCosts))
	}
}

// The number was counted by Python: over all Conv nodes of version-RFB-320, the elements of the output, whose shape onnx.shape_inference tells, times those of the weights of one of its channels.
func TestKnownNetwork(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "models", "version-RFB-320.onnx")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the folder of real models is not on this machine: %v", err)
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := CostOf(f.Model, nil, 0)
	if c.MACs != "100418560" || len(c.NotCounted) > 0 {
		t.Errorf("%s multiply-adds, want 100418560; not counted: %v", c.MACs, c.NotCounted)
	}
}

// Functions that call each other ask for a number of nodes that doubles with each: the count ends, and says so.
func TestCostOfManyCalls(t *testing.T) {
	text := `<ir_version: 8, opset_import: ["": 17, "l": 1]> g (float[N,3] x) => (float[N,3] y) { y = l.F40 (x) }
<domain: "l", opset_import: ["": 17, "l": 1]> F0 (a) => (b) { b = Relu (a) }
`
	for i := 1; i <= 40; i++ {
		text += fmt.Sprintf("<domain: \"l\", opset_import: [\"\": 17, \"l\": 1]> F%d (a) => (b) { t = l.F%d (a)  b = l.F%d (t) }\n", i, i-1, i-1)
	}
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if c := CostOf(m, nil, 5); len(c.NotCounted) != 1 || !strings.Contains(c.NotCounted[0].Why, "too many calls") {
		t.Errorf("not counted: %v", c.NotCounted)
	}
}
