package surgery_test

import (
	"strconv"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// Operators that work on each row by itself, beside constants that were made for one row.
func TestSetBatchPerRow(t *testing.T) {
	e := batchEngine(t)
	numbers := func(n int) string {
		s := make([]string, n)
		for i := range s {
			s[i] = []string{"0.5", "-0.25", "1", "0.1", "-0.7"}[i%5]
		}
		return strings.Join(s, ",")
	}
	for name, c := range map[string]struct {
		opset int
		model string
	}{
		"GridSample by a constant grid":         {16, `g (float[1,2,3,3] x) => (float[1,2,2,2] y) <float[1,2,2,2] grid = {` + numbers(8) + `}> { y = GridSample(x, grid) }`},
		"GridSample of a constant image":        {16, `g (float[1,2,2,2] x) => (float[1,2,2,2] y) <float[1,2,3,3] image = {` + numbers(18) + `}> { y = GridSample(image, x) }`},
		"AffineGrid":                            {20, `g (float[1,2,3] x) => (float[1,2,2,2] y) <int64[4] size = {1,3,2,2}> { y = AffineGrid(x, size) }`},
		"Col2Im":                                {18, `g (float[1,8,4] x) => (float[1,2,3,3] y) <int64[2] image = {3,3}, int64[2] block = {2,2}> { y = Col2Im(x, image, block) }`},
		"ReverseSequence":                       {16, `g (float[1,4,2] x) => (float[1,4,2] y) <int64[1] n = {3}> { y = ReverseSequence<batch_axis = 0, time_axis = 1>(x, n) }`},
		"ReverseSequence with the batch second": {16, `g (float[4,1,2] x) => (float[4,1,2] y) <int64[1] n = {3}> { y = ReverseSequence(x, n) }`},
		"ScatterElements":                       {16, `g (float[1,4] x) => (float[1,4] y) { v, i = TopK<axis = 1>(x, k)  n = Neg(v)  y = ScatterElements<axis = 1>(x, i, n) }`},
		"Det":                                   {16, `g (float[1,2,3,3] x) => (float[1,2] y) { y = Det(x) }`},
		"CumSum":                                {16, `g (float[1,4] x) => (float[1,4] y) <int64 one = {1}> { y = CumSum(x, one) }`},
		"Gelu":                                  {16, `g (float[1,4] x) => (float[1,4] y) <float[4] b = {1,2,3,4}> { a = com.microsoft.BiasGelu(x, b)  y = com.microsoft.Gelu(a) }`},
		"SkipLayerNormalization": {16, `g (float[1,2,4] x) => (float[1,2,4] y) <float[1,2,4] s = {` + numbers(8) + `}, float[4] g = {1,2,1,2}, float[4] b = {0,1,0,1}> {
			y = com.microsoft.SkipLayerNormalization<epsilon: float = 0.001>(x, s, g, b) }`},
		"MultiHeadAttention": {16, `g (float[1,3,4] x) => (float[1,3,4] y) <float[1,5,4] k = {` + numbers(20) + `}, float[1,5,4] v = {` + numbers(20) + `}> {
			y = com.microsoft.MultiHeadAttention<num_heads: int = 2>(x, k, v) }`},
		"SkipLayerNormalization by a skip without a batch": {16, `g (float[1,1,4] x) => (float[1,1,4] y) <float[1,4] s = {1,2,3,4}, float[4] g = {1,2,1,2}> {
			y = com.microsoft.SkipLayerNormalization<epsilon: float = 0.001>(x, s, g) }`},
		"MultiHeadAttention of rows merged with groups, with a bias for each": {16, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[2,2,3,3] m = {` + numbers(36) + `}, int64[3] s = {2,3,4}, int64[4] z = {1,2,3,4}> {
			r = Reshape(x, s)  a = com.microsoft.MultiHeadAttention<num_heads: int = 2>(r, r, r, "", "", m)  y = Reshape(a, z) }`},
		"MultiHeadAttention with one bias for all": {16, `g (float[1,3,4] x) => (float[1,3,4] y) <float[1,2,3,3] m = {` + numbers(18) + `}> {
			y = com.microsoft.MultiHeadAttention<num_heads: int = 2>(x, x, x, "", "", m) }`},
		"RotaryEmbedding of ONNX Runtime, by positions": {16, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[5,2] c = {` + numbers(10) + `}, float[5,2] s = {` + numbers(10) + `}, int64[1,3] p = {0,2,4}> {
			y = com.microsoft.RotaryEmbedding<num_heads: int = 2>(x, p, c, s) }`},
		"FusedMatMul": {16, `g (float[1,3,4] x) => (float[1,3,3] y) { y = com.microsoft.FusedMatMul<transB: int = 1, alpha: float = 0.5>(x, x) }`},
		"GridSample in a branch": {16, `g (float[1,2,3,3] x) => (float[1,2,2,2] y) <bool c = {1}, float[1,2,2,2] grid = {` + numbers(8) + `}> {
			y = If(c)<then_branch = a () => (float[1,2,2,2] p) { p = GridSample(x, grid) }, else_branch = b () => (float[1,2,2,2] q) { m = Neg(x)  q = GridSample(m, grid) }> }`},
		"Scaler and Normalizer": {16, `g (float[1,2] x) => (float[1,2] y) { s = ai.onnx.ml.Scaler<offset: floats = [1.0, 2.0], scale: floats = [0.5, 2.0]>(x)  y = ai.onnx.ml.Normalizer<norm: string = "L2">(s) }`},
		"Attention":             {23, `g (float[1,3,4] x) => (float[1,3,4] y) <float[1,5,4] k = {` + numbers(20) + `}> { y = Attention<q_num_heads = 2, kv_num_heads = 2>(x, k, k) }`},
		"RotaryEmbedding":       {23, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[1,3,2] c = {` + numbers(6) + `}, float[1,3,2] s = {` + numbers(6) + `}> { y = RotaryEmbedding(x, c, s) }`},
		"RotaryEmbedding by positions": {23, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[5,2] c = {` + numbers(10) + `}, float[5,2] s = {` + numbers(10) + `}, int64[1,3] p = {0,2,4}> {
			y = RotaryEmbedding(x, c, s, p) }`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(c.model, "(x, k)  n", "(x, two)  n", 1)
			text = strings.Replace(text, "(float[1,4] y) { v, i", "(float[1,4] y) <int64[1] two = {2}> { v, i", 1)
			original, err := onnxtext.Parse(strings.Replace("<ir_version: 10, opset_import: [\"\": OPSET, \"com.microsoft\": 1, \"ai.onnx.ml\": 3]>\n"+text, "OPSET", strconv.Itoa(c.opset), 1))
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, original)
			m := onnxpb.Clone(original)
			r, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Axes: map[string]int{"x": map[bool]int{true: 1}[strings.Contains(name, "second")]}})
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			checked, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 3, 5}, 5, verify.BatchOptions{Axes: r.Axes})
			if err != nil {
				t.Fatal(err)
			}
			if !checked.Equal {
				var b strings.Builder
				checked.WriteText(&b)
				t.Errorf("rows differ:\n%s", b.String())
			}
		})
	}
}

// What these take for a row is not one, or cannot be made one for each.
func TestSetBatchPerRowRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"FeatureVectorizer":                   `g (float[1,2] x) => (float[1,5] y) <float[1,3] w = {1,2,3}> { y = ai.onnx.ml.FeatureVectorizer<inputdimensions: ints = [2,3]>(x, w) }`,
		"Normalizer of a vector":              `g (float[1] x) => (float[1] y) { y = ai.onnx.ml.Normalizer<norm: string = "L1">(x) }`,
		"a skip of rows, of another rank":     `g (float[1,1,4] x, float[1,4] k) => (float[1,1,4] y) <float[4] g = {1,1,1,1}> { y = com.microsoft.SkipLayerNormalization(x, k, g) }`,
		"PRelu of a constant by rows":         `g (float[1,4] x) => (float[1,4] y) <float[4] w = {1,2,3,4}> { y = PRelu(w, x) }`,
		"PRelu of a constant by squeezed":     `g (float[1,1] x) => (float[1,1,1] y) <int64[1] z = {0}, int64[1] o = {1}, float[1] w = {3}> { s = Squeeze(x, z)  p = PRelu(w, s)  n = Unsqueeze(p, o)  y = Unsqueeze(n, z) }`,
		"one scale over all rows":             `g (float[1,4] x) => (float[1,2] y) <int8[4,2] w = {1,2,3,4,5,6,7,8}, float s = {0.1}> { y = com.microsoft.DynamicQuantizeMatMul(x, w, s) }`,
		"what is squeezed goes into a kernel": `g (float[1,2,3,3] x) => (float[1,1,1] y) <int64[1] z = {0}, float[1,1,3,3] i = {1,2,3,4,5,6,7,8,9}> { s = Squeeze(x, z)  u = Unsqueeze(s, z)  y = Conv(i, u) }`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := onnxtext.Parse("<ir_version: 10, opset_import: [\"\": 16, \"com.microsoft\": 1, \"ai.onnx.ml\": 3]>\n" + text)
			if err != nil {
				t.Fatal(err)
			}
			_, err = surgery.SetBatch(m, onnxpb.Symbol("N"))
			if onnxpb.KindOf(err) != onnxpb.Refused {
				t.Errorf("%v", err)
			}
		})
	}
}

// Nodes behind a Squeeze that lack inputs or outputs are an error, or are left as they are, and no end of the process.
func TestSetBatchOfIncompleteNodes(t *testing.T) {
	z := ints("z", 0)
	for _, n := range []*onnxpb.NodeProto{
		op("Gemm", "y", "s"), op("Gather", "y", "s"), op("MatMul", "y", "s"), op("Slice", "y", "s"), op("Where", "y", "s"), op("Expand", "y", "s"), op("Tile", "y", "s"), op("CumSum", "y", "s"),
		op("LayerNormalization", "y", "s"), op("Reshape", "y", "s"), op("Pad", "y", "s"), op("Concat", "y", "s"), op("TopK", "y", "s"), op("Split", "y", "s"), op("Squeeze", "y", "s "), op("Unsqueeze", "y", "s"),
		onnxpb.Node("Relu", "none", []string{"s"}, nil), onnxpb.Node("Relu", "empty", []string{"s"}, []string{""}), onnxpb.Node("ScatterND", "none", []string{"x", "z", "x"}, nil),
		onnxpb.Node("Squeeze", "none", []string{"x", "z"}, nil), onnxpb.Node("Squeeze", "empty", []string{"x", "z"}, []string{""}), onnxpb.Node("Squeeze", "alone", nil, []string{"q"}),
	} {
		m := bm{x: nums(1, 3), y: nums(3), inits: []*onnxpb.TensorProto{z}, nodes: []*onnxpb.NodeProto{op("Squeeze", "s", "x z"), n}}.model()
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil && onnxpb.KindOf(err) == onnxpb.Engine {
			t.Errorf("%s: %v", n.GetOpType(), err)
		}
	}
}
