package shape_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/shape"
)

// model reads a graph in ONNX's textual form, as part of a model of an opset.
func model(t testing.TB, opset int, graph string) *onnxpb.ModelProto {
	t.Helper()
	text := fmt.Sprintf("<ir_version: 10, opset_import: [\"\": %d, \"ai.onnx.ml\": 3, \"com.microsoft\": 1, \"local\": 1]>\n%s", opset, graph)
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// follows holds what is inferred of the values of a graph to what is written down: NAME TYPE, one a line.
func follows(t *testing.T, m *onnxpb.ModelProto, want string) {
	t.Helper()
	r := shape.Infer(m, shape.Options{})
	for _, f := range r.Faults {
		t.Errorf("fault: %v", f)
	}
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		if got := r.Value(name).String(); got != typ {
			t.Errorf("%s is %s, not %s", name, got, typ)
		}
	}
}

// The shapes on the right were worked out by hand from the operators' specification.
func TestMovement(t *testing.T) {
	for name, c := range map[string]struct {
		opset       int
		graph, want string
	}{
		"reshape": {17, `g (float[N,3,H,W] x, float[N,12] v) => () <int64[2] flat = {0,-1}, int64[3] cube = {-1,3,4}, int64[1] all = {-1}, int64[4] same = {0,0,0,0},
			int64[2] wrong = {-1, 7}> {
				a = Reshape(x, flat)
				b = Reshape(v, cube)
				c = Reshape(x, all)
				d = Reshape(x, same)
				e = Reshape(v, wrong)
 }`,
			`a float32[N,3*H*W]
			 b float32[N,3,4]
			 c float32[3*H*N*W]
			 d float32[N,3,H,W]
			 e float32[N+floor(5*N/7),7]`},
		"reshape by a shape that is computed": {13, `g (float[N,3,H,W] x) => () <int64 zero = {0}, int64[1] axes = {0}, int64[1] rest = {-1}, int64[1] two = {2}> {
				s = Shape(x)
				n = Gather(s, zero)
				nn = Unsqueeze(n, axes)
				target = Concat<axis = 0>(nn, two, rest)
				r = Reshape(x, target)
 }`,
			`s int64[4]
			 n int64[]
			 target int64[3]
			 r float32[N,2,H*W+floor(H*W/2)]`},
		"an unknown dimension is one and the same": {13, `g (float[?,4] x, bool[M] keep) => () <int64[3] heads = {0,2,2}, int64[2] back = {-1,4}, int64[1] all = {-1}> {
				some = Compress<axis = 0>(x, keep)
				h = Reshape(some, heads)
				f = Reshape(h, back)
				s = Shape(some)
				again = Reshape(h, s)
				v = Reshape(some, all)
				w = Shape(v)
 }`,
			`some float32[?,4]
			 h float32[?,2,2]
			 f float32[?,4]
			 again float32[?,4]
			 v float32[?]`},
		"transpose, flatten, squeeze, unsqueeze": {13, `g (float[N,1,H,W] x) => () <int64[1] one = {1}, int64[2] ends = {0,-1}> {
				t = Transpose<perm = [0,2,3,1]>(x)
				r = Transpose(x)
				f = Flatten<axis = 2>(x)
				f0 = Flatten<axis = 0>(x)
				last = Flatten<axis = -1>(x)
				q = Squeeze(x, one)
				u = Unsqueeze(q, ends)
 }`,
			`t float32[N,H,W,1]
			 r float32[W,H,1,N]
			 f float32[N,H*W]
			 f0 float32[1,H*N*W]
			 last float32[H*N,W]
			 q float32[N,H,W]
			 u float32[1,N,H,W,1]`},
		"squeeze by its attribute": {11, `g (float[N,1,H,1] x) => () { a = Squeeze<axes = [1,-1]>(x)  b = Unsqueeze<axes = [0,-1]>(a) }`,
			`a float32[N,H]
			 b float32[1,N,H,1]`},
		"squeeze of all ones, where a symbol may be 1": {13, `g (float[N,1,H,1] x, float[1,4,1] z) => () { a = Squeeze(x)  b = Squeeze(z) }`,
			`a float32[...]
			 b float32[4]`},
		"concat and split": {18, `g (float[N,2,H] x, float[N,K,H] z, float[M,2,H] v) => () <int64[2] parts = {1,1}> {
				c = Concat<axis = 1>(x, z)
				d = Concat<axis = 0>(x, v)
				s1, s2 = Split<axis = 1>(x, parts)
				h1, h2, h3 = Split<axis = 2, num_outputs = 3>(x)
 }`,
			`c float32[N,K+2,H]
			 d float32[M+N,2,H]
			 s1 float32[N,1,H]
			 h1 float32[N,2,floor((H+2)/3)]
			 h2 float32[N,2,floor((H+2)/3)]
			 h3 float32[N,2,?]`},
		"split before 18": {13, `g (float[N,6] x) => () { a, b, c = Split<axis = 1>(x)  p, q = Split(x) }`,
			`a float32[N,2]
			 c float32[N,2]
			 p float32[floor(N/2),6]`},
		"split by an attribute": {11, `g (float[N,6] x) => () { a, b = Split<axis = -1, split = [2,4]>(x) }`,
			`a float32[N,2]
			 b float32[N,4]`},
		"slice": {13, `g (float[N,10] x, int64[1] k) => () <int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] minus = {-1}, int64[1] m2 = {-2}, int64[1] m3 = {-3}, int64[1] big = {9223372036854775807},
				int64[1] least = {-9223372036854775808}> {
				inner = Slice(x, one, minus, one)
				odd = Slice(x, one, big, one, two)
				first = Slice(x, zero, one, zero)
				notlast = Slice(x, zero, minus, zero)
				last = Slice(x, minus, big, zero)
				back = Slice(x, minus, least, one, minus)
				back2 = Slice(x, big, least, one, m3)
				half = Slice(x, zero, big, zero, two)
				data = Slice(x, zero, k, one)
				rev = Slice(x, minus, least, zero, minus)
				none = Slice(x, two, one, one)
				three = Slice(x, m3, big, zero)
 }`,
			`inner float32[N,8]
			 odd float32[N,5]
			 first float32[1,10]
			 notlast float32[N-1,10]
			 last float32[1,10]
			 back float32[N,10]
			 back2 float32[N,4]
			 half float32[floor((N+1)/2),10]
			 data float32[N,?]
			 rev float32[N,10]
			 none float32[N,0]
			 three float32[N-max(N-3,0),10]`},
		"slice by attributes": {9, `g (float[N,10] x) => () { a = Slice<axes = [1], starts = [2], ends = [100]>(x)  b = Slice<starts = [0,-4], ends = [9223372036854775807,-1]>(x) }`,
			`a float32[N,8]
			 b float32[N,3]`},
		"expand, tile, pad": {13, `g (float[N,1,4] x, float[2,1,4] v, float[1,1,1] z) => () <int64[3] grown = {1,7,1}, int64[4] more = {5,1,1,1}, int64[3] twice = {2,3,1}, int64[6] pads = {0,1,0,0,2,-1}> {
				e = Expand(x, grown)
				e4 = Expand(x, more)
				t = Tile(x, twice)
				p = Pad(x, pads)
				tv = Tile(v, twice)
				s = Shape(tv)
				same = Expand(z, s)
 }`,
			`e float32[N,7,4]
			 e4 float32[5,N,1,4]
			 t float32[2*N,3,4]
			 p float32[N,4,3]
			 same float32[4,3,4]`},
		"gather": {13, `g (float[V,8] table, int64[N,T] ids, float[N,T,8] x, int64[N,T,2] at) => () <int64 last = {-1}, int64[2] two = {0,2}> {
				e = Gather(table, ids)
				c = Gather<axis = 1>(x, last)
				d = Gather<axis = 2>(x, two)
				nd = GatherND(x, at)
 }`,
			`e float32[N,T,8]
			 c float32[N,8]
			 d float32[N,T,2]
			 nd float32[N,T,8]`},
		"made of numbers": {13, `g (float[N,T] x) => () <int64 one = {1}, int64 zero = {0}, int64 two = {2}> {
				s = Shape(x)
				n = Gather(s, zero)
				r = Range(zero, n, one)
				even = Range(zero, n, two)
				z = ConstantOfShape<value = int64[1] {7}>(s)
				f = ConstantOfShape(s)
				nz = NonZero(x)
 }`,
			`r int64[N]
			 even int64[floor((N+1)/2)]
			 z int64[N,T]
			 f float32[N,T]
			 nz int64[2,?]`},
	} {
		t.Run(name, func(t *testing.T) { follows(t, model(t, c.opset, c.graph), c.want) })
	}
}

func TestControl(t *testing.T) {
	for name, c := range map[string]struct{ graph, want string }{
		"branches that agree and differ": {`g (bool c, float[N,4] x, float[M,4] z) => () {
				same, rows, rank = If(c)<then_branch = t () => (float[] a, float[] b, float[] d) { a = Identity(x)  b = Identity(x)  d = Identity(x) },
					else_branch = e () => (float[] a2, float[] b2, float[] d2) { a2 = Identity(x)  b2 = Identity(z)  d2 = Flatten<axis = 0>(x)  }> }`,
			`same float32[N,4]
			 rows float32[?,4]
			 rank float32[?,?]`},
		"a branch that is taken always": {`g (float[N,4] x, float[M,4] z) => () <bool c = {1}> {
				y = If(c)<then_branch = t () => (float[] a) { a = Identity(x) }, else_branch = e () => (float[] b) { b = MatMul(x, x) }> }`, `y float32[N,4]`},
		"a loop that grows what it carries": {`g (float[N,4] x, int64 n) => () <bool go = {1}, int64 three = {3}> {
				grown, same, rows = Loop(n, go, x, x)<body = b (int64 i, bool c, float[] a, float[] k) => (bool c2, float[] a2, float[] k2, float[] row) {
					c2 = Identity(c)  a2 = Concat<axis = 0>(a, a)  k2 = Neg(k)  row = Identity(k) }>
				known = Loop(three, go)<body = d (int64 j, bool e) => (bool e2, float[] r) { e2 = Identity(e)  r = Identity(x) }> }`,
			`grown float32[?,4]
			 same float32[N,4]
			 rows float32[?,N,4]
			 known float32[3,N,4]`},
		"a length that a loop changes is another one": {`g (float[?] x) => () <int64 n = {3}, bool go = {1}> {
				shx = Shape(x)
				y = Loop(n, go, x)<body = b (int64 i, bool c, float[] s) => (bool c2, float[] s2) { c2 = Identity(c)  s2 = Concat<axis = 0>(s, s) }>
				shy = Shape(y)  two = Add(shx, shx)  d = Sub(shy, two)  q = ConstantOfShape(d) }`, `q float32[?]`},
		"a scan": {`g (float[N,T,3] x, float[N,3] h) => () {
				last, all = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], body = b (float[] s, float[] r) => (float[] s2, float[] o) { s2 = Add(s, r)  o = Concat<axis = 1>(s2, r) }>(h, x) }`,
			`last float32[N,3]
			 all float32[N,T,6]`},
		"functions, with attributes of the call": {`g (float[N,4,H] x) => () { y = local.f<to = 10, by = 1>(x)  z = local.f<to = 1>(x) }
			<domain: "local", opset_import: ["": 17]> f <to, by: int = 2> (v) => (w) { c = Cast<to: int = @to>(v)  w = Flatten<axis: int = @by>(c) }`,
			`y float16[N,4*H]
			 z float32[4*N,H]`},
		"functions that call each other without end in sight": {`g (float[N] x) => () { y = local.f0(x) }` + doubling(60), `y ?`},
	} {
		t.Run(name, func(t *testing.T) { follows(t, model(t, 17, c.graph), c.want) })
	}
}

// doubling writes functions f0, f1, ... of which each calls the next one twice.
func doubling(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "\n<domain: \"local\", opset_import: [\"\": 17, \"local\": 1]> f%d (v) => (w) { a = local.f%d(v)  w = local.f%d(a) }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "\n<domain: \"local\", opset_import: [\"\": 17]> f%d (v) => (w) { w = Neg(v) }", depth)
	return b.String()
}
