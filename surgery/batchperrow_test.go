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
		"Attention":       {23, `g (float[1,3,4] x) => (float[1,3,4] y) <float[1,5,4] k = {` + numbers(20) + `}> { y = Attention<q_num_heads = 2, kv_num_heads = 2>(x, k, k) }`},
		"RotaryEmbedding": {23, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[1,3,2] c = {` + numbers(6) + `}, float[1,3,2] s = {` + numbers(6) + `}> { y = RotaryEmbedding(x, c, s) }`},
		"RotaryEmbedding by positions": {23, `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[5,2] c = {` + numbers(10) + `}, float[5,2] s = {` + numbers(10) + `}, int64[1,3] p = {0,2,4}> {
			y = RotaryEmbedding(x, c, s, p) }`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(c.model, "(x, k)  n", "(x, two)  n", 1)
			text = strings.Replace(text, "(float[1,4] y) { v, i", "(float[1,4] y) <int64[1] two = {2}> { v, i", 1)
			original, err := onnxtext.Parse(strings.Replace("<ir_version: 10, opset_import: [\"\": OPSET, \"com.microsoft\": 1]>\n"+text, "OPSET", strconv.Itoa(c.opset), 1))
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
