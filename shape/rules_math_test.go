package shape_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/shape"
)

// mathCase is a graph whose values are worked out by hand: NAME TYPE, or NAME TYPE = ELEMENTS, one a line; or a fault.
type mathCase struct {
	opset              int
	graph, want, fault string
}

func testMath(t *testing.T, cases map[string]mathCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := shape.Infer(model(t, c.opset, c.graph), shape.Options{})
			for _, f := range r.Faults {
				if c.fault == "" || !strings.Contains(f.String(), c.fault) {
					t.Errorf("fault: %v", f)
				}
			}
			if c.fault != "" && len(r.Faults) != 1 {
				t.Errorf("there are %d faults, and one was expected: %s", len(r.Faults), c.fault)
			}
			for _, line := range strings.Split(strings.TrimSpace(c.want), "\n") {
				name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
				if name == "" {
					continue
				}
				typ, elements, followed := strings.Cut(want, " = ")
				v := r.Value(name)
				if v.String() != typ {
					t.Errorf("%s is %s, not %s", name, v, typ)
				}
				got := "[]"
				if v.Ints != nil {
					got = fmt.Sprint(v.Ints)
				} else if v.Floats != nil {
					got = fmt.Sprint(v.Floats)
				}
				if followed && got != elements {
					t.Errorf("%s has the elements %s, not %s", name, got, elements)
				}
			}
		})
	}
}

func TestBroadcasting(t *testing.T) {
	testMath(t, map[string]mathCase{
		"numbers, symbols and ones": {13, `g (float[N,1,H] x, float[4,1] y, float[N,4,H] z, float s, float[?] u, float[1,1,1,1] o, float[M] m) => () {
				a = Add(x, y)
				b = Mul(a, z)
				c = Sub(s, x)
				d = Div(x, u)
				e = Add(z, o)
				f = Add(x, m)
				g1 = Less(x, y)
				h = Add(u, u) }`,
			`a float32[N,4,H]
			 b float32[N,4,H]
			 c float32[N,1,H]
			 d float32[N,1,?]
			 e float32[1,N,4,H]
			 f float32[N,1,?]
			 g1 bool[N,4,H]
			 h float32[?]`, ""},
		"what is at least 2 is the dimension": {13, `g (float[N] x, float[M] y) => () <int64[2] pads = {1,0}> {
				x1 = Pad(x, pads)
				a = Add(x1, y)
				b = Add(y, x1)
				c = Sum(y, x, x1) }`,
			`a float32[N+1]
			 b float32[N+1]
			 c float32[N+1]`, ""},
		"nothing": {13, `g (float[0,3] x, float[1,3] y, float[N,3] z) => () { a = Add(x, y)  b = Add(z, x) }`,
			`a float32[0,3]
			 b float32[0,3]`, ""},
		"many": {13, `g (float[N,1] x, float[1,M] y, float[3,1,1] z) => () { a = Max(x, y, z)  b = Mean(x)  c = Sum(z, y, z) }`,
			`a float32[3,N,M]
			 b float32[N,1]
			 c float32[3,1,M]`, ""},
		"numbers that differ": {13, `g (float[N,3] x, float[4] y) => () { a = Add(x, y) }`, "a float32[...]", "there are 3 and 4"},
		"nothing against two": {13, `g (float[0] x, float[2] y) => () { a = Add(x, y) }`, "a float32[...]", "cannot be broadcast"},
		"an unknown rank":     {13, `g (float x, float[] y) => () { a = Add(x, y) }`, "", ""},
		"where":               {16, `g (bool[N,1] k, float[3] x, float y) => () { a = Where(k, x, y) }`, "a float32[N,3]", ""},
		"before version 7": {6, `g (float[N,3,H,W] x, float[3] y, float[N,3,H,W] z) => () {
				a = Add<broadcast = 1, axis = 1>(x, y)
				b = Add(x, z)
				c = Max(x, z)
				d = PRelu(x, y) }`,
			`a float32[N,3,H,W]
			 b float32[N,3,H,W]
			 c float32[N,3,H,W]
			 d float32[N,3,H,W]`, ""},
		"before version 7 it is asked for": {6, `g (float[N,3] x, float[3] y) => () { a = Add(x, y) }`, "a float32[N,3]", "have to be equal"},
		"before version 7 at a wrong axis": {6, `g (float[2,3] x, float[3] y) => () { a = Add<broadcast = 1, axis = 0>(x, y) }`, "", "cannot be broadcast"},
		"in one direction":                 {16, `g (float[N,3,H] x, float[3,1] s) => () { a = PRelu(x, s) }`, "a float32[N,3,H]", ""},
		"not in the other one":             {16, `g (float[N,1,H] x, float[3,1] s) => () { a = PRelu(x, s) }`, "a float32[N,1,H]", "cannot be broadcast"},
		"equal shapes":                     {28, `g (float[N,4] x, float[M,K] s) => () { a = SwiGLU(x, s) }`, "a float32[N,4]", ""},
	})
}

func TestElementwise(t *testing.T) {
	testMath(t, map[string]mathCase{
		"types": {19, `g (float[N,3] x, int32[4] i, bool[M] b, float16[] u) => () {
				a = Cast<to = 7>(x)
				k = CastLike(x, i)
				nan = IsNaN(x)
				c = Cast<to = 10>(u)
				s = Bernoulli<dtype = 9>(x)
				s2 = Bernoulli(x)
				d, mask = Dropout(x)
				n = Not(b)
				g1 = Sigmoid(x)
				i2 = Cast<to = 6>(x)
				p = Pow(x, i2) }`,
			`a int64[N,3]
			 k int32[N,3]
			 nan bool[N,3]
			 c float16[...]
			 s bool[N,3]
			 s2 float32[N,3]
			 d float32[N,3]
			 mask bool[N,3]
			 n bool[M]
			 g1 float32[N,3]
			 p float32[N,3]`, ""},
		"a type by its name": {5, `g (int32[N] x) => () { a = Cast<to = "FLOAT">(x) }`, "a float32[N]", ""},
		"no type":            {13, `g (int32[N] x) => () { a = Cast<to = 99>(x) }`, "", "to is 99"},
		"bits":               {26, `g (float[N] x) => () { a = BitCast<to = 6>(x)  b = BitCast<to = 7>(x) }`, "a int32[N]", "64"},
		"arithmetic of sizes": {13, `g (float[N,3,H,W] x) => () <int64[1] two = {2}, int64[4] minus = {-1,1,-2,2}, int64 zero = {0},
			int64[4] ask = {-1,4,0,2}, float[1] half = {0.5}, float[1] twice = {2}> {
				s = Shape(x)
				add = Add(s, two)
				sub = Sub(s, minus)
				mul = Mul(two, s)
				div = Div(s, two)
				neg = Div(s, minus)
				rest = Mod(s, two)
				sq = Pow(s, two)
				is = Equal(ask, minus)
				less = Less(s, two)
				ge = GreaterOrEqual(s, zero)
				not = Not(ge)
				never = And(less, not)
				pick = Where(is, s, ask)
				f = Cast<to = 1>(s)
				h = Mul(f, half)
				big = Mul(f, twice)
				up = Ceil(big)
				back = Cast<to = 7>(up)
				i = Cast<to = 6>(s)
				small = Cast<to = 3>(s)
				b = Cast<to = 9>(s)
				top = Max(s, two)
				pre = Neg(s)
				abs = Abs(pre)
				pos = Relu(f)
				sign = Sign(pre)
				lim = Clip(s, zero)
				z = Div(s, zero) }`,
			`s int64[4] = [N 3 H W]
			 add int64[4] = [N+2 5 H+2 W+2]
			 sub int64[4] = [N+1 2 H+2 W-2]
			 mul int64[4] = [2*N 6 2*H 2*W]
			 div int64[4] = [floor(N/2) 1 floor(H/2) floor(W/2)]
			 neg int64[4] = [-N 3 -floor(H/2) floor(W/2)]
			 rest int64[4] = [N-2*floor(N/2) 1 H-2*floor(H/2) W-2*floor(W/2)]
			 sq int64[4] = [N**2 9 H**2 W**2]
			 is bool[4] = [1 0 0 1]
			 less bool[4] = [? 0 ? ?]
			 ge bool[4] = [1 1 1 1]
			 not bool[4] = [0 0 0 0]
			 never bool[4] = [0 0 0 0]
			 pick int64[4] = [N 4 0 W]
			 f float32[4] = [N 3 H W]
			 h float32[4] = [? ? ? ?]
			 big float32[4] = [2*N 6 2*H 2*W]
			 back int64[4] = [2*N 6 2*H 2*W]
			 i int32[4] = [N 3 H W]
			 small int8[4] = [? 3 ? ?]
			 b bool[4] = [1 1 1 1]
			 top int64[4] = [max(N,2) 3 max(H,2) max(W,2)]
			 pre int64[4] = [-N -3 -H -W]
			 abs int64[4] = [N 3 H W]
			 pos float32[4] = [N 3 H W]
			 sign int64[4] = [-1 -1 -1 -1]
			 lim int64[4] = [N 3 H W]
			 z int64[4] = [? ? ? ?]`, ""},
		"arithmetic of constants": {18, `g (float[N] x) => () <float[3] f = {0.5, -2.5, 3}, float[2] t = {0.1, 16777216}, float[1] one = {1},
			int64[3] i = {7,-7,9}, int64[1] m = {-4}, int8[2] s = {100,-128}, int8[1] u = {100},
			uint8[2] w = {200, 3}, uint8[1] two = {2}, int64[1] most = {9223372036854775807}, int64[1] ione = {1}, float16[2] hf = {1, 2048}, float16[1] h1 = {1}> {
				a = Add(t, one)
				fl = Floor(f)
				ce = Ceil(f)
				ro = Round(f)
				ab = Abs(f)
				cut = Cast<to = 7>(f)
				gr = Greater(f, one)
				q = Div(i, m)
				r = Mod(i, m)
				fr = Mod<fmod = 1>(i, m)
				over = Add(s, u)
				no = Neg(s)
				bit = BitwiseNot(w)
				sbit = BitwiseNot(i)
				and = BitwiseAnd(i, m)
				sh = BitShift<direction = "LEFT">(w, two)
				rs = BitShift<direction = "RIGHT">(w, two)
				wrap = Add(most, ione)
				hh = Add(hf, h1)
				rec = Reciprocal(f)
				zero = Sub(one, one)
				inf = Div(one, zero)
				three = Sum(one, one, one)
				third = Div(one, three)
				mx = Max(f, one) }`,
			`a float32[2] = [1.100000023841858 1.6777216e+07]
			 fl float32[3] = [0 -3 3]
			 ce float32[3] = [1 -2 3]
			 ro float32[3] = [0 -2 3]
			 ab float32[3] = [0.5 2.5 3]
			 cut int64[3] = [0 -2 3]
			 gr bool[3] = [0 0 1]
			 q int64[3] = [-1 1 -2]
			 r int64[3] = [-1 -3 -3]
			 fr int64[3] = [3 -3 1]
			 over int8[2] = [? -28]
			 no int8[2] = [-100 ?]
			 bit uint8[2] = [55 252]
			 sbit int64[3] = [-8 6 -10]
			 and int64[3] = [4 -8 8]
			 sh uint8[2] = [? 12]
			 rs uint8[2] = [50 0]
			 wrap int64[1] = [?]
			 hh float16[2] = []
			 rec float32[3] = [2 -0.4000000059604645 0.3333333432674408]
			 inf float32[1] = [+Inf]
			 third float32[1] = [0.3333333432674408]
			 mx float32[3] = [1 1 3]`, ""},
		"elements that are broadcast": {13, `g (float[N,M] x) => () <int64[2,1] col = {1,10}, bool[1,2] k = {1,0}> {
				s = Shape(x)
				a = Add(s, col)
				b = Where(k, a, col)
				c = Where(k, col, s) }`,
			`a int64[2,2] = [N+1 M+1 N+10 M+10]
			 b int64[2,2] = [N+1 1 N+10 10]
			 c int64[2,2] = [1 M 10 M]`, ""},
		"limits": {13, `g (float[N] x, float[2] l) => () { a = Clip(x, l) }`, "a float32[N]", "has to be a scalar"},
	})
}

func TestReduction(t *testing.T) {
	testMath(t, map[string]mathCase{
		"by an input": {18, `g (float[N,3,H] x, int64[2] which, int64[K] some, float[] u) => () <int64[1] last = {-1}, int64[0] none = {}> {
				a = ReduceMean(x, last)
				b = ReduceMax<keepdims = 0>(x, last)
				c = ReduceSum(x)
				d = ReduceSum<keepdims = 0>(x)
				e = ReduceSum<noop_with_empty_axes = 1>(x, none)
				f = ReduceMin(x, which)
				h = ReduceMin<keepdims = 0>(x, which)
				i = ReduceMin<keepdims = 0>(x, some)
				j = ReduceL2<keepdims = 0>(u)
				k = ReduceL2<keepdims = 0>(u, last) }`,
			`a float32[N,3,1]
			 b float32[N,3]
			 c float32[1,1,1]
			 d float32[]
			 e float32[N,3,H]
			 f float32[?,?,?]
			 h float32[?]
			 i float32[...]
			 j float32[]
			 k float32[...]`, ""},
		"by an attribute": {11, `g (float[N,3,H] x) => () { a = ReduceMean<axes = [0,-1]>(x)  b = ReduceProd<keepdims = 0, axes = [1]>(x) }`,
			`a float32[1,3,1]
			 b float32[N,H]`, ""},
		"elements": {18, `g (float[N,3,H] x) => () <int64[2,2] m = {1,2,3,4}, int64[1] first = {0}, int64[0] none = {}, int64[3] big = {9223372036854775807,1,1}> {
				s = Shape(x)
				p = ReduceProd<keepdims = 0>(s)
				k = ReduceSum(s)
				top = ReduceMax(s)
				c = ReduceSum<keepdims = 0>(m, first)
				e = ReduceProd<keepdims = 0>(none)
				o = ReduceSum(big) }`,
			`p int64[] = [3*H*N]
			 k int64[1] = [H+N+3]
			 top int64[1] = [max(H,N,3)]
			 c int64[2] = [4 6]
			 e int64[] = [1]
			 o int64[1] = [?]`, ""},
		"an axis that is not there": {11, `g (float[N,3] x) => () { a = ReduceMean<axes = [2]>(x) }`, "", "axis 2"},
		"too many axes":             {18, `g (float[N,3] x, int64[3] axes) => () { a = ReduceMean(x, axes) }`, "", "3 axes"},
		"where the greatest is": {13, `g (float[N,3,H] x) => () { a = ArgMax(x)  b = ArgMin<axis = -1, keepdims = 0>(x)  c = ArgMax<axis = 1>(x) }`,
			`a int64[1,3,H]
			 b int64[N,3]
			 c int64[N,1,H]`, ""},
		"axes that stay": {13, `g (float[N,3] x, int64 at) => () { a = Softmax(x)  b = CumSum(x, at)  c = Hardmax<axis = 0>(x)  d = LpNormalization(x) }`,
			`a float32[N,3]
			 b float32[N,3]
			 c float32[N,3]
			 d float32[N,3]`, ""},
		"softmax of rows":    {11, `g (float[N] x) => () { a = Softmax(x) }`, "", "axis 1"},
		"softmax of no axis": {13, `g (float[N,2] x) => () { a = LogSoftmax<axis = 2>(x) }`, "", "axis 2"},
		"the greatest": {11, `g (float[N,100] x, int64[1] k) => () <int64[1] five = {5}, int64[1] cap = {300}, int64 one = {1}> {
				a, i = TopK(x, five)
				b, j = TopK<axis = 0>(x, five)
				c, l = TopK(x, k)
				same = Add(c, c)
				s = Shape(x)
				n = Min(s, cap)
				m = ReduceMin(n)
				d, o = TopK<axis = 0>(x, m) }`,
			`a float32[N,5]
			 i int64[N,5]
			 b float32[5,100]
			 c float32[N,?]
			 l int64[N,?]
			 same float32[N,?]
			 m int64[1] = [min(N,100)]
			 d float32[min(N,100),100]`, ""},
		"the greatest, by an attribute": {9, `g (float[N,100] x) => () { a, i = TopK<k = 7>(x) }`, "a float32[N,7]", ""},
		"more than there are":           {11, `g (float[N,4] x) => () <int64[1] five = {5}> { a, i = TopK(x, five) }`, "", "K is 5"},
	})
}

func TestMatrix(t *testing.T) {
	testMath(t, map[string]mathCase{
		"products": {13, `g (float[N,1,T,64] q, float[H,64,S] k, float[64] v, float[5] w, float[?,64] u, uint8[M,K] i) => () {
				a = MatMul(q, k)
				b = MatMul(q, v)
				c = MatMul(v, k)
				d = MatMul(v, v)
				e = MatMul(u, k)
				it = Transpose(i)
				f = MatMulInteger(i, it) }`,
			`a float32[N,H,T,S]
			 b float32[N,1,T]
			 c float32[H,S]
			 d float32[]
			 e float32[H,?,S]
			 f int32[M,M]`, ""},
		"quantized": {21, `g (uint8[N,2,4] a, float s, uint8 z, uint8[4,3] b) => () { f = MatMulInteger(a, b)  q = QLinearMatMul(a, s, z, b, s, z, s, z) }`,
			`f int32[N,2,3]
			 q uint8[N,2,3]`, ""},
		"products that cannot be": {13, `g (float[N,4] x, float[5,2] y) => () { a = MatMul(x, y) }`, "", "4 and 5"},
		"the product of a scalar": {13, `g (float x, float[5,2] y) => () { a = MatMul(x, y) }`, "", "scalar"},
		"gemm": {13, `g (float[N,K] x, float[M,K] w, float[M] b, float[K,N] xt, float[] u) => () {
				a = Gemm<transB = 1>(x, w, b)
				b1 = Gemm<transA = 1, transB = 1>(xt, w)
				c = Gemm(u, xt) }`,
			`a float32[N,M]
			 b1 float32[N,M]
			 c float32[?,N]`, ""},
		"gemm of no matrix": {13, `g (float[N,2,2] x, float[4,5] w) => () { a = Gemm(x, w) }`, "", "has to be a matrix"},
		"gemm that differs": {13, `g (float[N,3] x, float[4,5] w) => () { a = Gemm(x, w) }`, "", "3 and 4"},
		"gemm and its bias": {13, `g (float[N,4] x, float[4,5] w, float[4] b) => () { a = Gemm(x, w, b) }`, "", "cannot be broadcast"},
		"einsum": {13, `g (float[B,I,J] x, float[B,J,K] y, float[M,M] m, float[P,Q,4] e, float[] u) => () {
				a = Einsum<equation = "bij, bjk -> bik">(x, y)
				b = Einsum<equation = "bij,bjk">(x, y)
				c = Einsum<equation = "ii->i">(m)
				d = Einsum<equation = "ii">(m)
				f = Einsum<equation = "...d->d...">(e)
				h = Einsum<equation = "...ij,...jk->...ik">(x, y)
				i = Einsum<equation = "ba">(m)
				j = Einsum<equation = "ij,jk->ik">(u, m)
				k = Einsum<equation = "...j,jk->...k">(u, m)
				l = Einsum<equation = "zAb">(e) }`,
			`a float32[B,I,K]
			 b float32[I,K]
			 c float32[M]
			 d float32[]
			 f float32[4,P,Q]
			 h float32[B,I,K]
			 i float32[M,M]
			 j float32[?,M]
			 k float32[...]
			 l float32[Q,4,P]`, ""},
		"einsum of the wrong rank":  {13, `g (float[B,I] x) => () { a = Einsum<equation = "bij->b">(x) }`, "", "labels bij"},
		"einsum of different sizes": {13, `g (float[2,3] x) => () { a = Einsum<equation = "ii->i">(x) }`, "", "label i is 2 and 3"},
		"einsum of another label":   {13, `g (float[2,3] x) => () { a = Einsum<equation = "ij->ik">(x) }`, "", "label k"},
		"einsum of too few inputs":  {13, `g (float[2,3] x) => () { a = Einsum<equation = "ij,jk->ik">(x) }`, "", "for 2 inputs"},
		"einsum with a single dot":  {13, `g (float[2,3] x) => () { a = Einsum<equation = "i.j">(x) }`, "", "dot"},
		"einsum with two ellipses":  {13, `g (float[2,3] x) => () { a = Einsum<equation = "...i...">(x) }`, "", "ellipsis"},
		"determinants and triangles": {14, `g (float[N,M,M] x, float[K,L] y) => () { a = Det(x)  b = Trilu(x)  c = Det(y) }`,
			`a float32[N]
			 b float32[N,M,M]
			 c float32[]`, ""},
		"no square": {11, `g (float[N,2,3] x) => () { a = Det(x) }`, "", "2 and 3"},
	})
}

func TestNormalization(t *testing.T) {
	testMath(t, map[string]mathCase{
		"batch": {15, `g (float16[N,C,H] x, float[8] s, float[8] b, float[8] m, float[8] v) => () { a, rm, rv = BatchNormalization<training_mode = 1>(x, s, b, m, v) }`,
			`a float16[N,C,H]
			 rm float32[8]
			 rv float32[8]`, ""},
		"batch, long ago": {7, `g (float[N,8,H] x, float[8] s, float[8] b, float[8] m, float[8] v) => () { a, m1, v1, m2, v2 = BatchNormalization(x, s, b, m, v) }`,
			`a float32[N,8,H]
			 m1 float32[8]
			 v2 float32[8]`, ""},
		"batch of other channels": {15, `g (float[N,4,H] x, float[8] s, float[8] b, float[8] m, float[8] v) => () { a = BatchNormalization(x, s, b, m,
			v) }`, "a float32[N,4,H]", "4 and 8"},
		"others": {21, `g (float[N,8,H] x, float[8] s, float[8] b, float[H] g1) => () {
				a = InstanceNormalization(x, s, b)
				c = GroupNormalization<num_groups = 4>(x, s, b)
				d, mean, dev = LayerNormalization(x, g1)
				e, mean2 = LayerNormalization<axis = 1>(x, g1)
				f = LRN<size = 3>(x)
				h = MeanVarianceNormalization<axes = [0,2]>(x) }`,
			`a float32[N,8,H]
			 c float32[N,8,H]
			 d float32[N,8,H]
			 mean float32[N,8,1]
			 dev float32[N,8,1]
			 mean2 float32[N,1,1]
			 f float32[N,8,H]
			 h float32[N,8,H]`, ""},
		"root mean square": {23, `g (float16[N,8] x, float[8] s) => () { a = RMSNormalization(x, s) }`, "a float32[N,8]", ""},
		"groups":           {21, `g (float[N,8,H] x, float[8] s) => () { a = GroupNormalization<num_groups = 3>(x, s, s) }`, "", "8 channels"},
		"a scale":          {17, `g (float[N,8] x, float[7] s) => () { a = LayerNormalization(x, s) }`, "a float32[N,8]", "cannot be broadcast"},
	})
}

func TestLoss(t *testing.T) {
	testMath(t, map[string]mathCase{
		"of all and of each": {13, `g (float[N,C,H] x, int64[M,20] y, float[5] w) => () {
				a = NegativeLogLikelihoodLoss(x, y, w)
				b = NegativeLogLikelihoodLoss<reduction = "none">(x, y)
				c, p = SoftmaxCrossEntropyLoss<reduction = "sum">(x, y) }`,
			`a float32[]
			 b float32[N,20]
			 c float32[]
			 p float32[N,C,H]`, ""},
		"targets": {13, `g (float[N,C,3] x, int64[N,4] y) => () { a = NegativeLogLikelihoodLoss<reduction = "none">(x, y) }`, "", "3 and 4"},
		"ranks":   {13, `g (float[N,C] x, int64[N,4] y) => () { a = SoftmaxCrossEntropyLoss(x, y) }`, "", "one axis less"},
	})
}
