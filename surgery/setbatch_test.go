package surgery_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
)

const tFloat, tInt64 = onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_INT64

// bm builds a model for tests of the batch: input x, output y.
type bm struct {
	opset int64 // 0: 13
	ir    int64 // 0: 8
	x, y  []onnxpb.Dim
	more  []*onnxpb.ValueInfoProto // further inputs
	infos []*onnxpb.ValueInfoProto
	inits []*onnxpb.TensorProto
	nodes []*onnxpb.NodeProto
}

func (b bm) model() *onnxpb.ModelProto {
	if b.opset == 0 {
		b.opset = 13
	}
	if b.ir == 0 {
		b.ir = 8
	}
	m := &onnxpb.ModelProto{
		IrVersion: proto.Int64(b.ir), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", b.opset)},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("g"), Node: b.nodes, Initializer: b.inits, ValueInfo: b.infos,
			Input:  append([]*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, b.x)}, b.more...),
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", tFloat, b.y)},
		},
	}
	if b.ir < 4 {
		for _, t := range b.inits {
			m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue(t.GetName(), onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.Dims...)))
		}
	}
	return m
}

// op is a node whose name and output are the same, unless the output is y.
func op(kind, name, inputs string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	return onnxpb.Node(kind, name, strings.Split(inputs, " "), []string{strings.TrimSuffix(name, "!")}, attrs...)
}

func ints(name string, v ...int64) *onnxpb.TensorProto {
	return onnxpb.TensorOf(name, []int64{int64(len(v))}, v)
}

func scalar(name string, v int64) *onnxpb.TensorProto { return onnxpb.TensorOf(name, nil, []int64{v}) }

// noise is a tensor of fixed numbers that are all different.
func noise(name string, dims ...int64) *onnxpb.TensorProto {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32((i*37+11)%101)/50 - 1
	}
	return onnxpb.TensorOf(name, dims, v)
}

var nums = onnxpb.Numbers

func shape(s string) []onnxpb.Dim {
	d, err := onnxpb.ParseShape(s)
	if err != nil {
		panic(err)
	}
	return d
}

// freed are graphs in which the batch stands in some place, and can be freed.
var freed = []struct {
	name  string
	model func() *onnxpb.ModelProto
	told  string // a line of the report; "" where the graph needs no change
	// stays says that declaring another batch is enough.
	stays bool
	dims  map[string]int64
}{
	{name: "Reshape, leading 1", told: `node "y": shape [1,6] -> shape [0,6]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape, leading 1 and -1", told: `shape [1,-1] -> shape [0,-1]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, -1)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape in which 0 is a number", told: `shape [1,6] -> shape [-1,6]`, model: func() *onnxpb.ModelProto {
		return bm{opset: 14, x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, 6)},
			nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s", onnxpb.Int("allowzero", 1))}}.model()
	}},
	{name: "Reshape, the target of a Constant node, of opset 9", told: `shape [1,6] -> shape [0,6]`, model: func() *onnxpb.ModelProto {
		return bm{opset: 9, ir: 3, x: nums(1, 2, 3), y: nums(1, 6), nodes: []*onnxpb.NodeProto{
			onnxpb.Node("Constant", "s", nil, []string{"s"}, onnxpb.TensorAttr("value", ints("", 1, 6))), op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape, the target an initializer that is an input too", told: `shape [1,6] -> shape [0,6]`, model: func() *onnxpb.ModelProto {
		return bm{opset: 9, ir: 3, x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape with another 1 behind the batch", told: `shape [1,1,6] -> shape [0,1,6]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 6), y: nums(1, 1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, 1, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape of rows merged with time, and back", told: `node "y": shape [1,4,2] -> shape [-1,4,2]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 4, 6), y: nums(1, 4, 2), inits: []*onnxpb.TensorProto{ints("flat", 4, 6), ints("back", 1, 4, 2), noise("w", 6, 2)}, nodes: []*onnxpb.NodeProto{
			op("Reshape", "f", "x flat"), op("MatMul", "m", "f w"), op("Reshape", "y", "m back")}}.model()
	}},
	{name: "Reshape, -1 for the batch already", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", -1, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape, 0 for the batch already", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 0, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Reshape, a target that two nodes read, one of them for a constant", told: `node "r": shape [1,6] -> shape [0,6]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("s", 1, 6), noise("k", 2, 3)},
			nodes: []*onnxpb.NodeProto{op("Reshape", "r", "x s"), op("Reshape", "c", "k s"), op("Add", "y", "r c")}}.model()
	}},
	{name: "Reshape, a target put together from lengths that are free", told: `node "y": shape [1,3,H*W] -> shape [0,3,H*W]`, dims: map[string]int64{"H": 2, "W": 5}, model: func() *onnxpb.ModelProto {
		return bm{x: shape("[1,3,H,W]"), y: shape("[1,3,P]"), inits: []*onnxpb.TensorProto{ints("front", 1, 3), ints("i2", 2), ints("i3", 3)}, nodes: []*onnxpb.NodeProto{
			op("Shape", "sh", "x"), op("Gather", "h", "sh i2"), op("Gather", "w", "sh i3"), op("Mul", "p", "h w"),
			op("Concat", "t", "front p", onnxpb.Int("axis", 0)), op("Reshape", "y", "x t")}}.model()
	}},
	{name: "Reshape by Shape, Gather, Unsqueeze, Concat", stays: true, model: func() *onnxpb.ModelProto {
		return bm{opset: 9, x: nums(1, 2, 3), y: nums(1, 6), inits: []*onnxpb.TensorProto{scalar("zero", 0), ints("rest", -1)}, nodes: []*onnxpb.NodeProto{
			op("Shape", "sh", "x"), op("Gather", "n", "sh zero"), op("Unsqueeze", "u", "n", onnxpb.Ints("axes", 0)),
			op("Concat", "t", "u rest", onnxpb.Int("axis", 0)), op("Reshape", "y", "x t")}}.model()
	}},
	{name: "Expand to batch 1", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{ints("axes", 1), ints("s", 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("ReduceSum", "sum", "x axes"), op("Expand", "e", "sum s"), op("Sub", "y", "x e")}}.model()
	}},
	{name: "Expand of a constant to batch 1", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 3), y: nums(1, 3), inits: []*onnxpb.TensorProto{noise("eps", 1), ints("s", 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("Expand", "e", "eps s"), op("Max", "y", "x e")}}.model()
	}},
	{name: "Expand to a batch of 4", told: `node "e": shape [4,3] -> shape [1,3]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(4, 3), y: nums(4, 3), inits: []*onnxpb.TensorProto{ints("axes", 1), ints("s", 4, 3)}, nodes: []*onnxpb.NodeProto{
			op("ReduceSum", "sum", "x axes"), op("Expand", "e", "sum s"), op("Sub", "y", "x e")}}.model()
	}},
	{name: "Reshape for a batch of 4", told: `node "y": shape [4,6] -> shape [0,6]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(4, 2, 3), y: nums(4, 6), inits: []*onnxpb.TensorProto{ints("s", 4, 6)}, nodes: []*onnxpb.NodeProto{op("Reshape", "y", "x s")}}.model()
	}},
	{name: "Expand by Equal and Where, as exporters write it", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 1, 3), y: nums(1, 4, 3), inits: []*onnxpb.TensorProto{ints("minus", -1), ints("four", 4, 3), ints("one", 1), ints("zero", 0), ints("three", 3)},
			nodes: []*onnxpb.NodeProto{
				op("Shape", "sh", "x"), op("Slice", "n", "sh zero one"), op("Concat", "want", "n four", onnxpb.Int("axis", 0)),
				op("ConstantOfShape", "ones", "three", onnxpb.TensorAttr("value", ints("", 1))), op("Equal", "eq", "want minus"), op("Where", "t", "eq ones want"),
				op("Expand", "y", "x t")}}.model()
	}},
	{name: "Slice to the end of batch 1, by inputs", told: `node "y": ends [1,3] -> ends [9223372036854775807,3]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 5), y: nums(1, 2), inits: []*onnxpb.TensorProto{ints("st", 0, 1), ints("en", 1, 3)}, nodes: []*onnxpb.NodeProto{op("Slice", "y", "x st en")}}.model()
	}},
	{name: "Slice to the end of batch 1, by attributes", told: `node "y": ends [1] -> ends [9223372036854775807]`, model: func() *onnxpb.ModelProto {
		return bm{opset: 9, x: nums(1, 5), y: nums(1, 5), nodes: []*onnxpb.NodeProto{op("Slice", "y", "x", onnxpb.Ints("axes", 0), onnxpb.Ints("starts", 0), onnxpb.Ints("ends", 1))}}.model()
	}},
	{name: "Slice to the end of batch 1, in int32", told: `ends [1] -> ends [2147483647]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 5), y: nums(1, 5), inits: []*onnxpb.TensorProto{onnxpb.TensorOf("st", []int64{1}, []int32{0}), onnxpb.TensorOf("en", []int64{1}, []int32{1})},
			nodes: []*onnxpb.NodeProto{op("Slice", "y", "x st en")}}.model()
	}},
	{name: "Resize to sizes", told: `node "y": sizes [1,2,4,4] -> sizes [N,2,4,4]`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 2, 2), y: nums(1, 2, 4, 4), inits: []*onnxpb.TensorProto{ints("sz", 1, 2, 4, 4)}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("Resize", "y", []string{"x", "", "", "sz"}, []string{"y"}, onnxpb.Str("mode", "nearest"))}}.model()
	}},
	{name: "Resize by scales", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 2, 2), y: nums(1, 2, 4, 3), inits: []*onnxpb.TensorProto{onnxpb.TensorOf("sc", []int64{4}, []float32{1, 1, 2, 1.5})}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("Resize", "y", []string{"x", "", "sc"}, []string{"y"}, onnxpb.Str("mode", "linear"))}}.model()
	}},
	{name: "Upsample of opset 9", stays: true, model: func() *onnxpb.ModelProto {
		return bm{opset: 9, x: nums(1, 2, 2, 2), y: nums(1, 2, 4, 4), inits: []*onnxpb.TensorProto{onnxpb.TensorOf("sc", []int64{4}, []float32{1, 1, 2, 2})}, nodes: []*onnxpb.NodeProto{
			op("Upsample", "y", "x sc", onnxpb.Str("mode", "nearest"))}}.model()
	}},
	{name: "Concat with a constant row", told: `added node "token_rows"`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 4, 3), y: nums(1, 5, 3), inits: []*onnxpb.TensorProto{noise("token", 1, 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("Concat", "y", "token x", onnxpb.Int("axis", 1))}}.model()
	}},
	{name: "Concat with a constant row, opset 8 and IR version 3", told: `Expand`, model: func() *onnxpb.ModelProto {
		return bm{opset: 8, ir: 3, x: nums(1, 4), y: nums(1, 7), inits: []*onnxpb.TensorProto{noise("token", 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("Concat", "y", "x token", onnxpb.Int("axis", 1))}}.model()
	}},
	{name: "Concat with a row of ConstantOfShape", told: `Expand`, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 4), y: nums(1, 7), inits: []*onnxpb.TensorProto{ints("s", 1, 3)}, nodes: []*onnxpb.NodeProto{
			op("ConstantOfShape", "ones", "s", onnxpb.TensorAttr("value", noise("", 1))), op("Concat", "y", "x ones", onnxpb.Int("axis", -1))}}.model()
	}},
	{name: "ConstantOfShape by the batch itself", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 4), y: nums(1, 7), inits: []*onnxpb.TensorProto{ints("zero", 0), ints("three", 3)}, nodes: []*onnxpb.NodeProto{
			op("Shape", "sh", "x"), op("Gather", "n", "sh zero"), op("Concat", "s", "n three", onnxpb.Int("axis", 0)),
			op("ConstantOfShape", "ones", "s", onnxpb.TensorAttr("value", noise("", 1))), op("Concat", "y", "x ones", onnxpb.Int("axis", -1))}}.model()
	}},
	{name: "Tile by the batch", stays: true, model: func() *onnxpb.ModelProto {
		return bm{opset: 15, x: nums(1, 4), y: nums(1, 7), inits: []*onnxpb.TensorProto{noise("k", 1, 3), ints("one", 1)}, nodes: []*onnxpb.NodeProto{
			op("Shape", "n", "x", onnxpb.Int("end", 1)), op("Concat", "reps", "n one", onnxpb.Int("axis", 0)), op("Tile", "t", "k reps"),
			op("Concat", "y", "x t", onnxpb.Int("axis", 1))}}.model()
	}},
	{name: "Tile of rows", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 4), y: nums(1, 8), inits: []*onnxpb.TensorProto{ints("reps", 1, 2)}, nodes: []*onnxpb.NodeProto{op("Tile", "y", "x reps")}}.model()
	}},
	{name: "Gather of embeddings, and TopK, along other axes", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 6), y: nums(1, 2, 3), inits: []*onnxpb.TensorProto{noise("table", 6, 3), ints("k", 2)}, nodes: []*onnxpb.NodeProto{
			onnxpb.Node("TopK", "top", []string{"x", "k"}, []string{"best", "at"}), op("Gather", "y", "table at")}}.model()
	}},
	{name: "attention with the batch second", told: `shape [5,2,4] -> shape [5,-1,4]`, model: attention},
	{name: "LSTM with states for one row", told: `added node "h0_rows"`, model: func() *onnxpb.ModelProto {
		return bm{opset: 14, x: nums(1, 5, 3), y: nums(1, 4), inits: []*onnxpb.TensorProto{noise("w", 1, 16, 3), noise("r", 1, 16, 4), noise("b", 1, 32), noise("h0", 1, 1, 4), noise("c0", 1, 1, 4), ints("zero", 0)},
			nodes: []*onnxpb.NodeProto{
				op("Transpose", "seq", "x", onnxpb.Ints("perm", 1, 0, 2)),
				onnxpb.Node("LSTM", "lstm", []string{"seq", "w", "r", "b", "", "h0", "c0"}, []string{"", "hn"}, onnxpb.Int("hidden_size", 4)),
				op("Squeeze", "y", "hn zero")}}.model()
	}},
	{name: "Einsum", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 2, 2), nodes: []*onnxpb.NodeProto{op("Einsum", "y", "x x", onnxpb.Str("equation", "bij, bkj -> bik"))}}.model()
	}},
	{name: "batch matrix product, and constants that broadcast", stays: true, model: func() *onnxpb.ModelProto {
		return bm{x: nums(1, 2, 3), y: nums(1, 4, 2, 2), inits: []*onnxpb.TensorProto{noise("w", 4, 3, 2), ints("one", 1), noise("bias", 1, 4, 1, 2)}, nodes: []*onnxpb.NodeProto{
			op("Unsqueeze", "u", "x one"), op("MatMul", "m", "u w"), op("Add", "y", "m bias")}}.model()
	}},
	{name: "normalisations", stays: true, model: func() *onnxpb.ModelProto {
		return bm{opset: 17, x: nums(1, 2, 3, 3), y: nums(1, 2, 3, 3), inits: []*onnxpb.TensorProto{noise("s", 2), noise("b", 2), noise("mean", 2), onnxpb.TensorOf("var", []int64{2}, []float32{1, 2}), noise("ls", 3)},
			nodes: []*onnxpb.NodeProto{
				op("BatchNormalization", "n1", "x s b mean var"), op("InstanceNormalization", "n2", "n1 s b"), op("LayerNormalization", "n3", "n2 ls"),
				op("LRN", "n4", "n3", onnxpb.Int("size", 1)), op("LpNormalization", "n5", "n4", onnxpb.Int("axis", 1)), op("Softmax", "y", "n5", onnxpb.Int("axis", -3))}}.model()
	}},
}

// attention is self-attention as traces of torch.nn.MultiheadAttention have it: sequence first, and heads merged with the batch.
func attention() *onnxpb.ModelProto {
	return bm{x: nums(1, 5, 8), y: nums(1, 5, 8),
		inits: []*onnxpb.TensorProto{noise("wq", 8, 8), noise("wk", 8, 8), noise("wv", 8, 8), noise("wo", 8, 8), ints("heads", 5, 2, 4), ints("joined", 5, 8), ints("back", 5, 1, 8),
			noise("bias", 8)},
		nodes: []*onnxpb.NodeProto{
			op("Transpose", "t", "x", onnxpb.Ints("perm", 1, 0, 2)),
			op("MatMul", "q0", "t wq"), op("MatMul", "k0", "t wk"), op("MatMul", "v0", "t wv"),
			op("Reshape", "q1", "q0 heads"), op("Reshape", "k1", "k0 heads"), op("Reshape", "v1", "v0 heads"),
			op("Transpose", "q", "q1", onnxpb.Ints("perm", 1, 0, 2)), op("Transpose", "k", "k1", onnxpb.Ints("perm", 1, 2, 0)), op("Transpose", "v", "v1", onnxpb.Ints("perm", 1, 0, 2)),
			op("MatMul", "score", "q k"), op("Softmax", "p", "score", onnxpb.Int("axis", -1)), op("MatMul", "a", "p v"),
			op("Transpose", "a1", "a", onnxpb.Ints("perm", 1, 0, 2)), op("Reshape", "a2", "a1 joined"),
			op("Gemm", "o", "a2 wo bias"), op("Reshape", "o1", "o back"), op("Transpose", "y", "o1", onnxpb.Ints("perm", 1, 0, 2)),
		}}.model()
}

func checkRows(t *testing.T, e verify.Engine, original, changed *onnxpb.ModelProto, dims map[string]int64) *verify.BatchReport {
	t.Helper()
	r, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: changed}, []int64{1, 2, 3, 7}, 5, verify.BatchOptions{Dims: dims})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Equal {
		var b strings.Builder
		r.WriteText(&b)
		t.Errorf("rows differ:\n%s", b.String())
	}
	return r
}

func mustBeValid(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Errorf("not valid: %s", f)
	}
}

// written is a report as the command prints it.
func written(r *surgery.Report) string {
	var b strings.Builder
	r.Write(&b)
	return b.String()
}

func TestSetBatchFrees(t *testing.T) {
	e := batchEngine(t)
	for _, c := range freed {
		t.Run(c.name, func(t *testing.T) {
			original := c.model()
			mustBeValid(t, original)
			m := onnxpb.Clone(original)
			r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			if s := written(r); !strings.Contains(s, c.told) {
				t.Errorf("the report does not tell %q:\n%s", c.told, s)
			}
			x, _ := m.Graph.Input[0].Shape()
			y, _ := m.Graph.Output[0].Shape()
			if x[0] != onnxpb.Symbol("N") || y[0] != onnxpb.Symbol("N") {
				t.Errorf("declared %s and %s", onnxpb.FormatShape(x), onnxpb.FormatShape(y))
			}
			checkRows(t, e, original, m, c.dims)

			// The place is one: a batch that is declared and no more is wrong, or the graph had nothing to mend.
			naive := onnxpb.Clone(original)
			onnxpb.Symbol("N").Set(naive.Graph.Input[0].ShapeProto().Dim[0])
			naive.Graph.Output[0].Type = onnxpb.TensorType(tFloat, append([]onnxpb.Dim{onnxpb.Symbol("N")}, y[1:]...))
			rep, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: naive}, []int64{1, 2, 3, 7}, 5, verify.BatchOptions{Dims: c.dims})
			if enough := err == nil && rep.Equal; enough != c.stays {
				t.Errorf("declaring the batch is enough: %v, want %v (%v)", enough, c.stays, err)
			}

			// A model that claims to be free, and is not, is mended as well.
			if _, err := surgery.SetBatch(naive, onnxpb.Symbol("batch")); err != nil {
				t.Fatal(err)
			}
			if x, _ := original.Graph.Input[0].Shape(); x[0].Value == 1 {
				checkRows(t, e, original, naive, c.dims)
			}

			// And another number instead of a symbol.
			three := onnxpb.Clone(original)
			if _, err := surgery.SetBatch(three, onnxpb.Number(3)); err != nil {
				t.Fatal(err)
			}
			y3, _ := three.Graph.Output[0].Shape()
			if y3[0] != onnxpb.Number(3) {
				t.Errorf("declared %s for a batch of 3", onnxpb.FormatShape(y3))
			}
			if rep := checkRows(t, e, original, three, c.dims); fmt.Sprint(rep.Batches) != "[3]" {
				t.Errorf("checked at %v", rep.Batches)
			}

			// A second time there is nothing to do.
			again, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
			if err != nil || len(again.Changes) > 0 {
				t.Errorf("a second time: %v, %v", again, err)
			}
		})
	}
}

// TestSetBatchRealModels frees the stand-ins and, where they are, published networks, and holds them to themselves row by row.
func TestSetBatchRealModels(t *testing.T) {
	e := batchEngine(t)
	free := func(name string, original *onnxpb.ModelProto) {
		t.Run(name, func(t *testing.T) {
			m := onnxpb.Clone(original)
			if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			checkRows(t, e, original, m, nil)
		})
	}
	free("6DRepNet", standin.SixDRepNet(standin.SmallRepVGG, 1))
	free("WHENet", standin.WHENet(standin.SmallEfficientNet, 2))
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "models", "*.onnx"))
	if len(files) == 0 {
		t.Run("published", func(t *testing.T) { t.Skip("published networks are not there: ../shared/models is absent") })
	}
	for _, path := range files {
		f, err := onnxpb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		free(filepath.Base(path), f.Model)
	}
}

// TestSetBatchDeclares holds what is declared beside the inputs, and which inputs are taken.
func TestSetBatchDeclares(t *testing.T) {
	model := func() *onnxpb.ModelProto {
		m := bm{x: nums(1, 4, 6), y: nums(1, 6), inits: []*onnxpb.TensorProto{ints("flat", 4, 6), noise("k", 1, 6), ints("one", 1), ints("zero", 0)},
			nodes: []*onnxpb.NodeProto{
				op("Reshape", "merged", "x flat"), op("Neg", "n", "merged"), op("Transpose", "turned", "x", onnxpb.Ints("perm", 2, 0, 1)),
				op("ReduceMax", "m", "x", onnxpb.Ints("axes", 1), onnxpb.Int("keepdims", 0)), op("Add", "y", "m k"), op("Neg", "alone", "k"), op("Abs", "scaled", "scale"),
			},
			more:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("scale", tFloat, nums(5)), onnxpb.TensorValue("flag", tFloat, []onnxpb.Dim{})},
			infos: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("merged", tFloat, nums(4, 6)), onnxpb.TensorValue("turned", tFloat, nums(6, 1, 4)), onnxpb.TensorValue("m", tFloat, nums(1, 6))},
		}.model()
		m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("alone", tFloat, nums(1, 6)), onnxpb.TensorValue("scaled", tFloat, nums(5)))
		return m
	}
	m := model()
	mustBeValid(t, m)
	if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err == nil || !strings.Contains(err.Error(), "different sizes in axis 0 (scale: 5, x: 1)") || !strings.Contains(err.Error(), "--input") {
		t.Errorf("inputs of different sizes: %v", err)
	}
	r, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Inputs: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
	want := map[string]string{"x": "[N,4,6]", "scale": "[5]", "flag": "[]", "y": "[N,6]", "alone": "[1,6]", "scaled": "[5]", "merged": "[?,6]", "turned": "[6,N,4]", "m": "[N,6]"}
	for _, list := range [][]*onnxpb.ValueInfoProto{m.Graph.Input, m.Graph.Output, m.Graph.ValueInfo} {
		for _, v := range list {
			if d, _ := v.Shape(); onnxpb.FormatShape(d) != want[v.GetName()] {
				t.Errorf("%s is declared as %s, want %s", v.GetName(), onnxpb.FormatShape(d), want[v.GetName()])
			}
		}
	}
	if s := written(r); !strings.Contains(s, `output "alone" does not depend on the batch`) || !strings.Contains(s, "3 declarations") {
		t.Errorf("told:\n%s", s)
	}
	rep, err := verify.CheckBatch(batchEngine(t), verify.Source{Model: model()}, verify.Source{Model: m}, []int64{1, 4}, 1, verify.BatchOptions{Inputs: []string{"x"}})
	if err != nil || !rep.Equal {
		t.Errorf("%v, %+v", err, rep)
	}

	four := model()
	if _, err := surgery.SetBatchOf(four, onnxpb.Number(4), surgery.BatchOptions{Inputs: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if d, _ := four.Graph.ValueInfo[0].Shape(); onnxpb.FormatShape(d) != "[16,6]" {
		t.Errorf("four rows of four lines are declared as %s", onnxpb.FormatShape(d))
	}
}

// TestSetBatchKeepsApart refuses a symbol that stands for something else.
func TestSetBatchKeepsApart(t *testing.T) {
	for _, x := range []string{"[1,N]", "[b,N]"} {
		m := bm{x: shape(x), y: shape(x), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model()
		_, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
		if err == nil || onnxpb.KindOf(err) != onnxpb.Unfit || !strings.Contains(err.Error(), "stands for another dimension") {
			t.Errorf("%s: %v", x, err)
		}
	}
	m := bm{x: nums(1, 2), y: shape("[1,N]"), nodes: []*onnxpb.NodeProto{op("Neg", "y", "x")}}.model()
	if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err == nil || !strings.Contains(err.Error(), "axis 1 of this value") {
		t.Errorf("a symbol of an output: %v", err)
	}
}

// TestSetBatchTakesFreeModelsAtTheirWord changes the names in a model whose batch is free, although it cannot be followed.
func TestSetBatchTakesFreeModelsAtTheirWord(t *testing.T) {
	for _, to := range []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(2)} {
		m := bm{x: shape("[b,3]"), y: shape("[b,3]"), nodes: []*onnxpb.NodeProto{op("ReduceMean", "mean", "x"), op("Sub", "y", "x mean")}}.model()
		r, err := surgery.SetBatch(m, to)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := m.Graph.Input[0].Shape()
		y, _ := m.Graph.Output[0].Shape()
		if x[0] != to || y[0] != to || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "it was not followed") {
			t.Errorf("%s: %s, %s, %v", to, onnxpb.FormatShape(x), onnxpb.FormatShape(y), r.Notes)
		}
	}
}
