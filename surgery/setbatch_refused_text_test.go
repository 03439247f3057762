package surgery_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// refusedTexts look like what is written otherwise for several rows, and would compute something else then.
var refusedTexts = []struct {
	name  string
	axes  string // as in batchTruth
	model string
}{
	{"without its row a value is pushed back against itself", "x=1", `g (float[4,1] x) => (float[4,4] y) <int64[1] last = {-1}> { s = Squeeze(x, last)  y = Max(x, s) }`},
	{"the same in three axes", "x=1", `g (float[2,1,3] x) => (float[1,2,3] y) <int64[1] one = {1}> { s = Squeeze(x, one)  m = Max(x, s)  y = ReduceMax<axes = [0]>(m) }`},
	{"MaxUnpool to less than there was", "", `g (float[1,1,5] x) => (float[1,1,4] y) { p, i = MaxPool<kernel_shape = [2], strides = [2]>(x)  n = Neg(p)  y = MaxUnpool<kernel_shape = [2], strides = [2]>(n, i) }`},
	{"MaxUnpool to more than there was", "", `g (float[1,1,4] x) => (float[1,1,6] y) <int64[3] s = {1,1,6}> { p, i = MaxPool<kernel_shape = [2], strides = [2]>(x)  n = Neg(p)  y = MaxUnpool<kernel_shape = [2], strides = [2]>(n, i, s) }`},
	{"places of MaxPool in a branch", "", `g (float[1,2,4] x) => (float[1,2,2] y) <bool c = {1}> {
		y = If(c)<then_branch = a () => (float[1,2,2] f) { p, i = MaxPool<kernel_shape = [2], strides = [2]>(x)  f = Cast<to = 1>(i) }, else_branch = b () => (float[1,2,2] q) { q = MaxPool<kernel_shape = [2], strides = [2]>(x) }> }`},
	{"places of MaxPool in a function", "", `g (float[1,2,4] x) => (float[1,2,2] y) { y = local.places(x) }
		<domain: "local", opset_import: ["": 16]> places (a) => (b) { p, i = MaxPool<kernel_shape = [2], strides = [2]>(a)  b = Cast<to = 1>(i) }`},
	{"Expand of a constant that keeps an axis of it", "", `g (float[1,2,3] x) => (float[1,2,1] y) <float[2,3] h = {2,2,2,2,2,2}, int64[1] zero = {0}, int64[1] two = {2}, int64[1] one = {1}, int64[3] back = {1,2,1}> {
		s = Shape(x)  n = Gather(s, zero)  m = Mul(n, two)  t = Concat<axis = 0>(m, one)  e = Expand(h, t)  q = ReduceSum(e, one)  r = Reshape(q, back)  w = ReduceMax<axes = [2]>(x)  y = Add(w, r) }`},
}

func TestSetBatchRefusesTexts(t *testing.T) {
	for _, c := range refusedTexts {
		t.Run(c.name, func(t *testing.T) {
			truth := batchTruth{axes: c.axes}
			m := textModel(t, 16, c.model)
			mustBeValid(t, m)
			before := onnxpb.Clone(m)
			_, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), truth.options(t))
			var e *onnxpb.Error
			if !errors.As(err, &e) || e.Kind != onnxpb.Refused {
				t.Errorf("accepted, or no refusal: %v", err)
			}
			if !proto.Equal(m, before) {
				t.Error("the model changed")
			}
		})
	}
}

// Nodes may be damaged: that is an error, or for the checker to tell, and no panic.
func TestSetBatchOfDamagedRewrites(t *testing.T) {
	for name, text := range map[string]string{
		"a Squeeze without input that makes what another one makes": `g (float[1,3] x) => (float[1,3] y) <int64[1] zero = {0}> { s = Squeeze(x, zero)  s = Squeeze()  m = Softmax(s)  y = Unsqueeze(m, zero) }`,
		"a pick from one list of all rows that makes nothing":       `g (float[1,4,2] x, int64[1,3] i) => (float[1,4,2] y) <int64[1,1] o = {0}, int64[2] flat = {4,2}, int64[1] all = {-1}> { k = Add(i, o)  l = Reshape(k, all)  f = Reshape(x, flat)  g1 = Gather(f, l)  y = Neg(x) }`,
	} {
		m := textModel(t, 16, text)
		for _, n := range m.Graph.Node {
			if n.GetOpType() == "Gather" {
				n.Output = nil
			}
		}
		before := onnxpb.Clone(m)
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil && !proto.Equal(m, before) {
			t.Errorf("%s: refused, and changed", name)
		}
	}
}
