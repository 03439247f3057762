package surgery_test

// reshapeTruths are about where the batch goes, and about the numbers that shapes are made of.
var reshapeTruths = []batchTruth{
	// The batch in another axis, and merged with others.
	{name: "the batch second, to the end", made: `g (float[1,4,3] x) => (float[4,1,3] y) { y = Transpose<perm = [1,0,2]>(x) }`,
		truth: `g (float[N,4,3] x) => (float[4,N,3] y) { y = Transpose<perm = [1,0,2]>(x) }`, kept: "*", told: "batch in axis 1"},
	{name: "the batch last, scaled and turned back", opset: 13, made: `g (float[1,4,3] x) => (float[1,12] y) <float[4,3,1] w = {#12}, int64[2] flat = {12,1}> {
			t = Transpose<perm = [1,2,0]>(x)  m = Mul(t, w)  r = Reshape(m, flat)  y = Transpose(r) }`,
		truth: `g (float[N,4,3] x) => (float[N,12] y) <float[4,3] w = {#12}> { m = Mul(x, w)  y = Flatten(m) }`, told: "shape [12,1] -> shape [12,-1]"},
	{name: "heads merged with the batch", made: `g (float[1,5,8] x) => (float[1,5,8] y) <int64[4] heads = {1,5,2,4}, int64[3] merged = {2,5,4}, int64[4] apart = {1,2,5,4}, int64[3] join = {1,5,8}> {
			h = Reshape(x, heads)  p = Transpose<perm = [0,2,1,3]>(h)  q = Reshape(p, merged)  k = Transpose<perm = [0,2,1]>(q)  s = MatMul(q, k)  f = Softmax(s)  a = MatMul(f, q)
			b = Reshape(a, apart)  c = Transpose<perm = [0,2,1,3]>(b)  y = Reshape(c, join) }`,
		truth: `g (float[N,5,8] x) => (float[N,5,8] y) <int64[4] heads = {0,0,2,4}, int64[3] join = {0,0,8}> {
			h = Reshape(x, heads)  q = Transpose<perm = [0,2,1,3]>(h)  k = Transpose<perm = [0,1,3,2]>(q)  s = MatMul(q, k)  f = Softmax(s)  a = MatMul(f, q)
			c = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(c, join) }`, told: "shape [2,5,4] -> shape [-1,5,4]"},
	{name: "heads merged with the batch second", axes: "x=1", made: `g (float[5,1,8] x) => (float[5,1,8] y) <int64[3] merged = {5,2,4}, int64[3] join = {5,1,8}> {
			h = Reshape(x, merged)  q = Transpose<perm = [1,0,2]>(h)  k = Transpose<perm = [1,2,0]>(h)  s = MatMul(q, k)  f = Softmax<axis = -1>(s)  a = MatMul(f, q)
			b = Transpose<perm = [1,0,2]>(a)  y = Reshape(b, join) }`,
		truth: `g (float[5,N,8] x) => (float[5,N,8] y) <int64[4] heads = {0,0,2,4}, int64[3] join = {0,0,8}> {
			h = Reshape(x, heads)  q = Transpose<perm = [1,2,0,3]>(h)  k = Transpose<perm = [1,2,3,0]>(h)  s = MatMul(q, k)  f = Softmax<axis = -1>(s)  a = MatMul(f, q)
			b = Transpose<perm = [2,0,1,3]>(a)  y = Reshape(b, join) }`, told: "batch in axis 1"},
	{name: "windows of a map, with a mask for each", made: `g (float[1,4,4,2] x) => (float[1,4,4,2] y)
		<int64[6] cut = {1,2,2,2,2,2}, int64[3] rows = {4,4,2}, int64[4] seen = {1,4,4,4}, float[1,4,1,4] mask = {#16}, int64[3] flat = {-1,4,4}, int64[4] win = {-1,2,2,2}, int64[6] back = {1,2,2,2,2,-1}, int64[4] join = {1,4,4,2}> {
			a = Reshape(x, cut)  b = Transpose<perm = [0,1,3,2,4,5]>(a)  c = Reshape(b, rows)  d = Transpose<perm = [0,2,1]>(c)  s = MatMul(c, d)  e = Reshape(s, seen)  f = Add(e, mask)
			h = Reshape(f, flat)  p = Softmax(h)  i = MatMul(p, c)  j = Reshape(i, win)  k = Reshape(j, back)  l = Transpose<perm = [0,1,3,2,4,5]>(k)  y = Reshape(l, join) }`,
		truth: `g (float[N,4,4,2] x) => (float[N,4,4,2] y)
		<int64[6] cut = {-1,2,2,2,2,2}, int64[4] rows = {-1,4,4,2}, float[1,4,1,4] mask = {#16}, int64[6] back = {-1,2,2,2,2,2}, int64[4] join = {-1,4,4,2}> {
			a = Reshape(x, cut)  b = Transpose<perm = [0,1,3,2,4,5]>(a)  c = Reshape(b, rows)  d = Transpose<perm = [0,1,3,2]>(c)  s = MatMul(c, d)  f = Add(s, mask)
			p = Softmax(f)  i = MatMul(p, c)  k = Reshape(i, back)  l = Transpose<perm = [0,1,3,2,4,5]>(k)  y = Reshape(l, join) }`, kept: "mask flat win"},
	{name: "channels shuffled in pairs that are merged with the batch", opset: 11, made: `g (float[1,4,3,3] x) => (float[1,2,3,3] y, float[1,2,3,3] z) <int64[3] pairs = {2,2,9}, int64[5] apart = {2,-1,2,3,3}, int64 zero = {0}, int64 one = {1}> {
			p = Reshape(x, pairs)  t = Transpose<perm = [1,0,2]>(p)  r = Reshape(t, apart)  y = Gather<axis = 0>(r, zero)  z = Gather<axis = 0>(r, one) }`,
		truth: `g (float[N,4,3,3] x) => (float[N,2,3,3] y, float[N,2,3,3] z) <int64[2] even = {0,2}, int64[2] odd = {1,3}> { y = Gather<axis = 1>(x, even)  z = Gather<axis = 1>(x, odd) }`, told: "shape [2,2,9] -> shape [-1,2,9]", kept: "apart"},
	{name: "channels shuffled", opset: 9, made: `g (float[1,4,2,2] x) => (float[1,4,2,2] y) <int64[5] a = {1,2,2,2,2}, int64[4] b = {1,4,2,2}> { r = Reshape(x, a)  t = Transpose<perm = [0,2,1,3,4]>(r)  y = Reshape(t, b) }`,
		truth: `g (float[N,4,2,2] x) => (float[N,4,2,2] y) <int64[4] at = {0,2,1,3}> { y = Gather<axis = 1>(x, at) }`},
	{name: "frames of a film merged with the batch, then a sequence", made: `g (float[1,4,2,6,6] x) => (float[1,4,3] y) <int64[4] frames = {4,2,6,6}, float[3,2,3,3] w = {#54}, int64[3] film = {1,4,3}, float[1,9,3] wi = {#27}, float[1,9,3] wr = {#27}> {
			f = Reshape(x, frames)  c = Conv(f, w)  p = GlobalAveragePool(c)  s = Reshape(p, film)  t = Transpose<perm = [1,0,2]>(s)  g1, g2 = GRU<hidden_size = 3>(t, wi, wr)
			one = Constant<value_ints = [1]>()  q = Squeeze(g1, one)  y = Transpose<perm = [1,0,2]>(q) }`,
		truth: `g (float[N,4,2,6,6] x) => (float[N,4,3] y) <float[3,2,1,3,3] w = {#54}, int64[3] over = {3,4,5}, float[1,9,3] wi = {#27}, float[1,9,3] wr = {#27}> {
			u = Transpose<perm = [0,2,1,3,4]>(x)  c = Conv(u, w)  two = Constant<value_ints = [3,4]>()  s = ReduceMean<keepdims = 0>(c, two)  t = Transpose<perm = [2,0,1]>(s)
			g1, g2 = GRU<hidden_size = 3>(t, wi, wr)  one = Constant<value_ints = [1]>()  q = Squeeze(g1, one)  y = Transpose<perm = [1,0,2]>(q) }`, told: "shape [4,2,6,6] -> shape [-1,2,6,6]"},
	{name: "all flattened, and back", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64[1] all = {6}, int64[3] back = {1,2,3}> { f = Reshape(x, all)  n = Exp(f)  y = Reshape(n, back) }`,
		truth: `g (float[N,2,3] x) => (float[N,2,3] y) { y = Exp(x) }`, told: "shape [6] -> shape [-1]"},
	{name: "all flattened by -1, a column, and back by -1 in the channels", opset: 7, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64[1] all = {-1}, int64[2] column = {-1,1}, float[1,1] w = {0.5}, int64[3] back = {1,-1,3}> {
			f = Reshape(x, all)  c = Reshape(f, column)  n = MatMul(c, w)  y = Reshape(n, back) }`,
		truth: `g (float[N,2,3] x) => (float[N,2,3] y) <float h = {0.5}> { y = Mul(x, h) }`, kept: "all column"},
	{name: "a film flattened by Flatten from axis 2", opset: 13, axes: "x=1", made: `g (float[4,1,6] x) => (float[4,1,2] y) <float[6,2] w = {#12}, int64[3] back = {4,1,2}> { f = Flatten<axis = 2>(x)  m = Gemm(f, w)  y = Reshape(m, back) }`,
		truth: `g (float[4,N,6] x) => (float[4,N,2] y) <float[6,2] w = {#12}> { y = MatMul(x, w) }`, told: "shape [4,1,2] -> shape [4,-1,2]"},
	{name: "features split in two lines, and back", made: `g (float[1,6] x) => (float[1,8] y) <int64[2] lines = {2,3}, float[3,4] w = {#12}, int64[2] back = {1,8}> { r = Reshape(x, lines)  m = MatMul(r, w)  y = Reshape(m, back) }`,
		truth: `g (float[N,6] x) => (float[N,8] y) <int64[3] lines = {-1,2,3}, float[3,4] w = {#12}> { r = Reshape(x, lines)  m = MatMul(r, w)  y = Flatten(m) }`, told: "shape [2,3] -> shape [-1,3]"},
	{name: "queries, keys and values in one", made: `g (float[1,5,8] x) => (float[1,5,8] y) <float[8,24] w = {#192}, int64[5] three = {1,5,3,2,4}, int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {2}, int64[3] join = {1,5,8}> {
			m = MatMul(x, w)  r = Reshape(m, three)  t = Transpose<perm = [2,0,3,1,4]>(r)  q = Gather<axis = 0>(t, i0)  k = Gather<axis = 0>(t, i1)  v = Gather<axis = 0>(t, i2)
			kt = Transpose<perm = [0,1,3,2]>(k)  s = MatMul(q, kt)  p = Softmax(s)  a = MatMul(p, v)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`,
		truth: `g (float[N,5,8] x) => (float[N,5,8] y) <float[8,24] w = {#192}, int64[4] heads = {0,0,2,4}, int64[3] join = {0,0,-1}> {
			m = MatMul(x, w)  q0, k0, v0 = Split<axis = 2, num_outputs = 3>(m)  q1 = Reshape(q0, heads)  k1 = Reshape(k0, heads)  v1 = Reshape(v0, heads)
			q = Transpose<perm = [0,2,1,3]>(q1)  k = Transpose<perm = [0,2,3,1]>(k1)  v = Transpose<perm = [0,2,1,3]>(v1)  s = MatMul(q, k)  p = Softmax(s)  a = MatMul(p, v)
			b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`, kept: "q k v w"},
	{name: "queries, keys and values, split and squeezed", opset: 13, made: `g (float[1,5,6] x) => (float[1,5,2] y) <int64[4] three = {1,5,3,2}, int64[3] parts = {1,1,1}, int64[1] zero = {0}> {
			r = Reshape(x, three)  t = Transpose<perm = [2,0,1,3]>(r)  a, b, c = Split<axis = 0>(t, parts)  q = Squeeze(a, zero)  k = Squeeze(b, zero)  v = Squeeze(c, zero)  m = Mul(q, k)  y = Sub(m, v) }`,
		truth: `g (float[N,5,6] x) => (float[N,5,2] y) <int64[3] parts = {2,2,2}> { q, k, v = Split<axis = 2>(x, parts)  m = Mul(q, k)  y = Sub(m, v) }`, kept: "parts zero q k v a"},
	{name: "a stack of two, the batch second", opset: 13, made: `g (float[1,3] x) => (float[1,3] y) <int64[1] zero = {0}> { n = Neg(x)  e = Exp(x)  a = Unsqueeze(n, zero)  b = Unsqueeze(e, zero)  c = Concat<axis = 0>(a, b)  y = ReduceSum<keepdims = 0>(c, zero) }`,
		truth: `g (float[N,3] x) => (float[N,3] y) { n = Neg(x)  e = Exp(x)  y = Add(n, e) }`, kept: "*"},
	{name: "groups normalised as channels", made: `g (float[1,4,3,3] x) => (float[1,4,3,3] y) <int64[3] groups = {1,2,18}, float[2] one = {1,1}, float[2] zero = {0,0}, int64[4] back = {1,4,3,3}, float[4,1,1] w = {#4}> {
			r = Reshape(x, groups)  n = InstanceNormalization(r, one, zero)  b = Reshape(n, back)  y = Mul(b, w) }`,
		truth: `g (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[2] one = {1,1}, float[2] zero = {0,0}, float[4] w = {#4}> {
			s = Shape(x)  groups = Constant<value_ints = [0,2,-1]>()  r = Reshape(x, groups)  n = InstanceNormalization(r, one, zero)  b = Reshape(n, s)
			at = Constant<value_ints = [-1,1,1]>()  v = Reshape(w, at)  y = Mul(b, v) }`, kept: "w one"},
	{name: "groups normalised, of any size", made: `g (float[1,4,H,H] x) => (float[1,4,H,H] y) <int64[3] groups = {0,2,-1}, float[2] one = {1,1}, float[2] zero = {0,0}> {
			s = Shape(x)  r = Reshape(x, groups)  n = InstanceNormalization(r, one, zero)  y = Reshape(n, s) }`,
		truth: `g (float[N,4,H,H] x) => (float[N,4,H,H] y) <int64[3] groups = {0,2,-1}, float[2] one = {1,1}, float[2] zero = {0,0}> {
			s = Shape(x)  r = Reshape(x, groups)  n = InstanceNormalization(r, one, zero)  y = Reshape(n, s) }`, kept: "*"},

	// Targets of Reshape.
	{name: "a target of a Constant node, read twice", opset: 13, made: `g (float[1,2,3] x) => (float[1,6] y, float[1,6] z) <float[2,3] k = {#6}> { s = Constant<value_ints = [1,6]>()  y = Reshape(x, s)  w = Reshape(k, s)  z = Mul(y, w) }`,
		truth: `g (float[N,2,3] x) => (float[N,6] y, float[N,6] z) <float[6] k = {#6}> { y = Flatten(x)  z = Mul(y, k) }`, kept: "w s"},
	{name: "a target of a Constant tensor, of old", opset: 7, made: `g (float[1,2,3] x) => (float[1,3,2] y) { s = Constant<value = int64[3] {1,3,2}>()  y = Reshape(x, s) }`,
		truth: `g (float[N,2,3] x) => (float[N,3,2] y) { s = Constant<value = int64[3] {-1,3,2}>()  y = Reshape(x, s) }`, told: "[1,3,2] -> shape [0,3,2]"},
	{name: "a baked number in a Concat of lengths", made: `g (float[1,3,S,S] x) => (float[1,3,P] y) <int64[2] front = {1,3}, int64[1] minus = {-1}> { t = Concat<axis = 0>(front, minus)  y = Reshape(x, t) }`,
		truth: `g (float[N,3,S,S] x) => (float[N,3,P] y) <int64[3] t = {0,0,-1}> { y = Reshape(x, t) }`},
	{name: "a target by Shape, Slice and a baked 1", opset: 13, made: `g (float[1,2,3] x) => (float[1,3,2] y) <int64[1] one = {1}, int64[1] end = {3}, int64[1] two = {2}> {
			s = Shape(x)  last = Slice(s, two, end)  mid = Slice(s, one, two)  t = Concat<axis = 0>(one, last, mid)  y = Reshape(x, t) }`,
		truth: `g (float[N,2,3] x) => (float[N,3,2] y) <int64[3] t = {-1,3,2}> { y = Reshape(x, t) }`, kept: "one two end"},
	{name: "a target by Shape, Gather, Mul, Unsqueeze and Concat", opset: 11, made: `g (float[1,2,3,4] x) => (float[1,24] y) <int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {2}, int64 i3 = {3}> {
			s = Shape(x)  n = Gather(s, i0)  c = Gather(s, i1)  h = Gather(s, i2)  w = Gather(s, i3)  a = Mul(c, h)  b = Mul(a, w)  u = Unsqueeze<axes = [0]>(n)  v = Unsqueeze<axes = [0]>(b)
			t = Concat<axis = 0>(u, v)  y = Reshape(x, t) }`,
		truth: `g (float[N,2,3,4] x) => (float[N,24] y) { y = Flatten(x) }`, kept: "*"},
	{name: "the number of heads times the batch, computed", opset: 15, made: `g (float[1,2,5,4] x) => (float[1,2,5,5] y) <int64[1] two = {2}, int64[2] rest = {5,4}, int64[2] seen = {5,5}> {
			n = Shape<start = 0, end = 1>(x)  m = Mul(n, two)  t = Concat<axis = 0>(m, rest)  r = Reshape(x, t)  k = Transpose<perm = [0,2,1]>(r)  s = MatMul(r, k)  u = Concat<axis = 0>(n, two, seen)  y = Reshape(s, u) }`,
		truth: `g (float[N,2,5,4] x) => (float[N,2,5,5] y) { k = Transpose<perm = [0,1,3,2]>(x)  y = MatMul(x, k) }`, kept: "*"},
	{name: "the shape of a constant for a target", opset: 13, made: `g (float[1,2,3] x) => (float[1,6] y) <float[1,6] k = {#6}> { s = Shape(k)  r = Reshape(x, s)  y = Add(r, k) }`,
		truth: `g (float[N,2,3] x) => (float[N,6] y) <float[6] k = {#6}> { r = Flatten(x)  y = Add(r, k) }`, kept: "k"},
	{name: "a target that is cast and picked from a list", opset: 13, made: `g (float[1,2,3] x) => (float[1,6] y) <int32[4] list = {9,1,6,9}, int64[2] at = {1,2}> { p = Gather(list, at)  t = Cast<to = 7>(p)  y = Reshape(x, t) }`,
		truth: `g (float[N,2,3] x) => (float[N,6] y) { y = Flatten(x) }`, kept: "list at"},
	{name: "0 for the batch and -1 for the rest", opset: 9, made: `g (float[1,2,3] x) => (float[1,6] y) <int64[2] t = {0,-1}> { y = Reshape(x, t) }`, truth: `g (float[N,2,3] x) => (float[N,6] y) { y = Flatten(x) }`, kept: "*"},
	{name: "-1 for the rest", opset: 9, made: `g (float[1,2,3] x) => (float[1,6] y) <int64[2] t = {1,-1}> { y = Reshape(x, t) }`, truth: `g (float[N,2,3] x) => (float[N,6] y) { y = Flatten(x) }`, told: "shape [1,-1] -> shape [0,-1]"},
	{name: "-1 for channels behind a batch that lies first only there", made: `g (float[1,4,6] x) => (float[4,1,2,3] y) <int64[4] t = {4,1,-1,3}> { p = Transpose<perm = [1,0,2]>(x)  y = Reshape(p, t) }`,
		truth: `g (float[N,4,6] x) => (float[4,N,2,3] y) <int64[4] t = {0,0,2,3}> { p = Transpose<perm = [1,0,2]>(x)  y = Reshape(p, t) }`},
	{name: "ones of channels beside the batch", made: `g (float[1,1,6] x) => (float[1,1,1,6] y) <int64[4] t = {1,1,1,6}> { y = Reshape(x, t) }`,
		truth: `g (float[N,1,6] x) => (float[N,1,1,6] y) <int64[1] one = {1}> { y = Unsqueeze(x, one) }`},
	{name: "a channel of one made last", made: `g (float[1,1,6] x) => (float[1,6,1] y) <int64[3] t = {1,-1,1}> { y = Reshape(x, t) }`,
		truth: `g (float[N,1,6] x) => (float[N,6,1] y) { y = Transpose<perm = [0,2,1]>(x) }`},
	{name: "allowzero", opset: 14, made: `g (float[1,2,3] x) => (float[1,3,2] y) <int64[3] t = {1,3,2}> { y = Reshape<allowzero = 1>(x, t) }`, truth: `g (float[N,2,3] x) => (float[N,3,2] y) <int64[3] t = {-1,3,2}> { y = Reshape(x, t) }`, told: "[-1,3,2]"},
	{name: "squeeze and excite", opset: 13, made: `g (float[1,4,3,3] x) => (float[1,4,3,3] y) <int64[2] flat = {1,4}, float[4,2] a = {#8}, float[2,4] b = {#8}, float[1,4] c = {#4}, int64[4] back = {1,4,1,1}> {
			p = GlobalAveragePool(x)  f = Reshape(p, flat)  d = Gemm(f, a)  r = Relu(d)  u = Gemm(r, b, c)  s = Sigmoid(u)  z = Reshape(s, back)  y = Mul(x, z) }`,
		truth: `g (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[2,4,1,1] a = {#8}, float[4,2] at = {#8}, float[2,4] b = {#8}, float[4] c = {#4}> {
			p = GlobalAveragePool(x)  f = Flatten(p)  d = MatMul(f, at)  r = Relu(d)  e = MatMul(r, b)  u = Add(e, c)  s = Sigmoid(u)  two = Constant<value_ints = [2,3]>()  z = Unsqueeze(s, two)  y = Mul(x, z) }`, kept: "a b c"},

	// Expand, Tile, ConstantOfShape.
	{name: "Expand to the baked shape", opset: 8, made: `g (float[1,1,3] x) => (float[1,4,3] y) <int64[3] t = {1,4,3}> { y = Expand(x, t) }`,
		truth: `g (float[N,1,3] x) => (float[N,4,3] y) { y = Concat<axis = 1>(x, x, x, x) }`, kept: "*"},
	{name: "Expand of grouped keys", made: `g (float[1,2,5,4] k) => (float[1,6,5,4] y) <int64[1] two = {2}, int64[5] t = {1,2,3,5,4}, int64[4] r = {1,6,5,4}> { u = Unsqueeze(k, two)  e = Expand(u, t)  y = Reshape(e, r) }`,
		truth: `g (float[N,2,5,4] k) => (float[N,6,5,4] y) <int64[6] at = {0,0,0,1,1,1}> { y = Gather<axis = 1>(k, at) }`, kept: "u e"},
	{name: "Expand to a target that is computed", opset: 15, made: `g (float[1,1,3] x, float[1,5,2] z) => (float[1,5,5] y) <int64[1] three = {3}> { s = Shape<start = 0, end = 2>(z)  t = Concat<axis = 0>(s, three)  e = Expand(x, t)  y = Concat<axis = 2>(e, z) }`,
		truth: `g (float[N,1,3] x, float[N,5,2] z) => (float[N,5,5] y) { e = Concat<axis = 1>(x, x, x, x, x)  y = Concat<axis = 2>(e, z) }`, kept: "*"},
	{name: "Expand by Where and Equal, with a baked -1", opset: 13, made: `g (float[1,1,3] x) => (float[1,4,3] y) <int64[3] want = {-1,4,-1}, int64[1] three = {3}, int64[3] minus = {-1,-1,-1}> {
			ones = ConstantOfShape<value = int64[1] {1}>(three)  eq = Equal(want, minus)  t = Where(eq, ones, want)  y = Expand(x, t) }`,
		truth: `g (float[N,1,3] x) => (float[N,4,3] y) { y = Concat<axis = 1>(x, x, x, x) }`, kept: "*"},
	{name: "Expand to two before the batch", opset: 13, made: `g (float[1,3] x) => (float[2,1,3] y) <int64[3] t = {2,1,3}, float[2,1,3] w = {#6}> { e = Expand(x, t)  y = Mul(e, w) }`,
		truth: `g (float[N,3] x) => (float[2,N,3] y) <float[2,1,3] w = {#6}, int64[1] zero = {0}> { u = Unsqueeze(x, zero)  y = Mul(u, w) }`, kept: "*"},
	{name: "Expand of positions that a table is read at", opset: 13, made: `g (int64[1,4] x) => (float[1,4,3] y) <float[4,3] words = {#12}, float[5,3] places = {#15}, int64[4] p = {0,1,2,3}, int64[2] t = {1,4}> {
			w = Gather(words, x)  e = Expand(p, t)  q = Gather(places, e)  y = Add(w, q) }`,
		truth: `g (int64[N,4] x) => (float[N,4,3] y) <float[4,3] words = {#12}, float[5,3] places = {#15}, int64[4] p = {0,1,2,3}> { w = Gather(words, x)  q = Gather(places, p)  y = Add(w, q) }`, kept: "*"},
	{name: "Expand of a token", opset: 13, made: `g (float[1,4,3] x) => (float[1,5,3] y) <float[1,1,3] token = {#3}, int64[3] t = {1,-1,-1}, int64[3] real = {1,1,3}> { e = Expand(token, real)  y = Concat<axis = 1>(e, x) }`,
		truth: `g (float[N,4,3] x) => (float[N,5,3] y) <float[1,1,3] token = {#3}, int64[3] one = {1,1,1}, int64[1] zero = {0}, int64[1] end = {1}, int64[2] rest = {1,3}> {
			s = Shape(x)  n = Slice(s, zero, end)  t = Concat<axis = 0>(n, rest)  e = Expand(token, t)  y = Concat<axis = 1>(e, x) }`, kept: "token"},
	{name: "Tile of another axis", opset: 7, made: `g (float[1,2,3] x) => (float[1,4,3] y) <int64[3] r = {1,2,1}> { y = Tile(x, r) }`, truth: `g (float[N,2,3] x) => (float[N,4,3] y) { y = Concat<axis = 1>(x, x) }`, kept: "*"},
	{name: "Tile of each element", opset: 13, made: `g (float[1,2,3] x) => (float[1,4,3] y) <int64[1] two = {2}, int64[4] r = {1,1,2,1}, int64[3] t = {1,4,3}> { u = Unsqueeze(x, two)  e = Tile(u, r)  y = Reshape(e, t) }`,
		truth: `g (float[N,2,3] x) => (float[N,4,3] y) <int64[4] at = {0,0,1,1}> { y = Gather<axis = 1>(x, at) }`, kept: "u e"},
	{name: "Tile of a constant by the baked batch", opset: 13, made: `g (float[1,4,3] x) => (float[1,6,3] y) <float[1,2,3] q = {#6}, int64[3] r = {1,1,1}> { e = Tile(q, r)  y = Concat<axis = 1>(x, e) }`,
		truth: `g (float[N,4,3] x) => (float[N,6,3] y) <float[1,2,3] q = {#6}, int64[1] zero = {0}, int64[1] end = {1}, int64[2] rest = {1,1}> {
			s = Shape(x)  n = Slice(s, zero, end)  r = Concat<axis = 0>(n, rest)  e = Tile(q, r)  y = Concat<axis = 1>(x, e) }`, kept: "q"},
	{name: "Tile of a constant by the batch itself", opset: 15, made: `g (float[1,4,3] x) => (float[1,6,3] y) <float[1,2,3] q = {#6}, int64[2] rest = {1,1}> { n = Shape<end = 1>(x)  r = Concat<axis = 0>(n, rest)  e = Tile(q, r)  y = Concat<axis = 1>(x, e) }`,
		truth: `g (float[N,4,3] x) => (float[N,6,3] y) <float[1,2,3] q = {#6}, int64[2] rest = {1,1}> { n = Shape<end = 1>(x)  r = Concat<axis = 0>(n, rest)  e = Tile(q, r)  y = Concat<axis = 1>(x, e) }`, kept: "*"},
	{name: "zeros of a baked shape that broadcast", opset: 9, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64[3] s = {1,2,3}> { z = ConstantOfShape<value = float[1] {0.5}>(s)  y = Max(x, z) }`,
		truth: `g (float[N,2,3] x) => (float[N,2,3] y) <float h = {0.5}> { y = Max(x, h) }`, kept: "*"},
	{name: "zeros of a baked shape that are joined", opset: 9, made: `g (float[1,2,3] x) => (float[1,3,3] y) <int64[3] s = {1,1,3}> { z = ConstantOfShape(s)  y = Concat<axis = 1>(z, x) }`,
		truth: `g (float[N,2,3] x) => (float[N,3,3] y) { y = Pad<pads = [0,1,0,0,0,0]>(x) }`},
	{name: "zeros of a shape that is computed", opset: 9, made: `g (float[1,2,3] x) => (float[1,3,3] y) <int64 zero = {0}, int64[2] rest = {1,3}> { s = Shape(x)  n = Gather(s, zero)  u = Unsqueeze<axes = [0]>(n)  t = Concat<axis = 0>(u, rest)  z = ConstantOfShape(t)  y = Concat<axis = 1>(z, x) }`,
		truth: `g (float[N,2,3] x) => (float[N,3,3] y) { y = Pad<pads = [0,1,0,0,0,0]>(x) }`, kept: "*"},

	// Slice, Split, Pad.
	{name: "Slice past the batch, by attributes", opset: 9, made: `g (float[1,4,5] x) => (float[1,4,2] y) { y = Slice<axes = [0,2], starts = [0,1], ends = [1,3]>(x) }`, truth: `g (float[N,4,5] x) => (float[N,4,2] y) { y = Slice<axes = [2], starts = [1], ends = [3]>(x) }`},
	{name: "Slice past the batch, where that is second", opset: 13, made: `g (float[1,4,5] x) => (float[4,1,2] y) <int64[3] st = {0,0,1}, int64[3] en = {4,1,3}> { t = Transpose<perm = [1,0,2]>(x)  y = Slice(t, st, en) }`,
		truth: `g (float[N,4,5] x) => (float[4,N,2] y) <int64[1] st = {1}, int64[1] en = {3}, int64[1] ax = {2}> { t = Transpose<perm = [1,0,2]>(x)  y = Slice(t, st, en, ax) }`, told: "9223372036854775807"},
	{name: "Slice of a first channel that ends at 1", opset: 11, made: `g (float[1,4,5] x) => (float[1,1,5] y) <int64[1] st = {0}, int64[1] en = {1}, int64[1] ax = {1}> { y = Slice(x, st, en, ax) }`,
		truth: `g (float[N,4,5] x) => (float[N,1,5] y) <int64[1] at = {0}> { y = Gather<axis = 1>(x, at) }`, kept: "*"},
	{name: "Slice of a channel of one that ends at 1", opset: 11, made: `g (float[1,1,5] x) => (float[1,1,5] y) <int64[1] st = {0}, int64[1] en = {1}, int64[1] ax = {1}> { y = Slice(x, st, en, ax) }`,
		truth: `g (float[N,1,5] x) => (float[N,1,5] y) { y = Identity(x) }`, kept: "*"},
	{name: "Slice by an end that is the batch of the input", opset: 15, made: `g (float[1,4] x, float[1,3] z) => (float[1,7] y) <int64[1] st = {0}, int64[1] ax = {0}> { n = Shape<end = 1>(z)  s = Slice(x, st, n, ax)  y = Concat<axis = 1>(s, z) }`,
		truth: `g (float[N,4] x, float[N,3] z) => (float[N,7] y) { y = Concat<axis = 1>(x, z) }`, kept: "*"},
	{name: "Slice backwards through time", opset: 13, made: `g (float[1,4,2] x) => (float[1,4,2] y) <int64[1] m = {-1}, int64[1] least = {-9223372036854775807}, int64[1] one = {1}> { y = Slice(x, m, least, one, m) }`,
		truth: `g (float[N,4,2] x) => (float[N,4,2] y) <int64[4] at = {3,2,1,0}> { y = Gather<axis = 1>(x, at) }`, kept: "*"},
	{name: "Split of channels", opset: 11, made: `g (float[1,6,2] x) => (float[1,2,2] y, float[1,4,2] z) { y, z = Split<axis = 1, split = [2,4]>(x) }`,
		truth: `g (float[N,6,2] x) => (float[N,2,2] y, float[N,4,2] z) <int64[1] a = {0}, int64[1] b = {2}, int64[1] c = {6}, int64[1] o = {1}> { y = Slice(x, a, b, o)  z = Slice(x, b, c, o) }`, kept: "*"},
	{name: "Split of a sequence before the batch", opset: 13, axes: "x=1", made: `g (float[3,1,2] x) => (float[1,1,2] y, float[2,1,2] z) <int64[2] parts = {1,2}> { y, z = Split<axis = 0>(x, parts) }`,
		truth: `g (float[3,N,2] x) => (float[1,N,2] y, float[2,N,2] z) <int64[1] i = {0}, int64[2] k = {1,2}> { y = Gather<axis = 0>(x, i)  z = Gather<axis = 0>(x, k) }`, kept: "*"},
	{name: "Pad of a map", opset: 11, made: `g (float[1,2,3,3] x) => (float[1,2,5,5] y) <int64[8] p = {0,0,1,1,0,0,1,1}> { y = Pad(x, p) }`,
		truth: `g (float[N,2,3,3] x) => (float[N,2,5,5] y) <float[2,1,1,1] w = {1,1}> { y = Conv<group = 2, pads = [1,1,1,1]>(x, w) }`, kept: "*"},
	{name: "Pad by attributes", opset: 7, made: `g (float[1,2,3] x) => (float[1,2,4] y) { y = Pad<pads = [0,0,1,0,0,0], mode = "edge">(x) }`, truth: `g (float[N,2,3] x) => (float[N,2,4] y) { s = Slice<axes = [2], starts = [0], ends = [1]>(x)  y = Concat<axis = 2>(s, x) }`, kept: "*"},
	{name: "Pad of some axes", made: `g (float[1,2,3] x) => (float[1,3,3] y) <int64[2] p = {1,0}, int64[1] a = {-2}, float v = {7}> { y = Pad(x, p, v, a) }`,
		truth: `g (float[N,2,3] x) => (float[N,3,3] y) <int64[6] p = {0,1,0,0,0,0}, float v = {7}> { y = Pad(x, p, v) }`, kept: "*"},
	{name: "Pad by amounts that are turned round", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,6] y) <int64[6] list = {1,2,0,0,0,0}, int64[2] two = {-1,2}, int64[1] m = {-1}, int64[1] least = {-9223372036854775807}, int64[1] zero = {0}> {
			a = Reshape(list, two)  b = Slice(a, m, least, zero, m)  c = Transpose(b)  d = Reshape(c, m)  y = Pad(x, d) }`,
		truth: `g (float[N,2,3] x) => (float[N,2,6] y) <int64[6] p = {0,0,1,0,0,2}> { y = Pad(x, p) }`, kept: "*"},
	{name: "Pad around the batch", opset: 13, made: `g (float[1,2,3] x) => (float[4,1,3] y) <int64[6] p = {1,0,0,1,0,0}> { t = Transpose<perm = [1,0,2]>(x)  y = Pad(t, p) }`,
		truth: `g (float[N,2,3] x) => (float[4,N,3] y) <int64[6] p = {0,1,0,0,1,0}> { t = Pad(x, p)  y = Transpose<perm = [1,0,2]>(t) }`, kept: "*"},

	// Resize.
	{name: "Resize to sizes, with empty roi and scales", opset: 11, made: `g (float[1,2,2,2] x) => (float[1,2,4,6] y) <float[0] none = {}, int64[4] sizes = {1,2,4,6}> { y = Resize<mode = "nearest">(x, none, none, sizes) }`,
		truth: `g (float[N,2,2,2] x) => (float[N,2,4,6] y) <float[0] none = {}, float[4] sc = {1,1,2,3}> { y = Resize<mode = "nearest">(x, none, sc) }`, kept: "none"},
	{name: "Resize to sizes", opset: 13, made: `g (float[1,2,2,2] x) => (float[1,2,4,6] y) <int64[4] sizes = {1,2,4,6}> { y = Resize<mode = "linear">(x, , , sizes) }`,
		truth: `g (float[N,2,2,2] x) => (float[N,2,4,6] y) <float[4] sc = {1,1,2,3}> { y = Resize<mode = "linear">(x, , sc) }`},
	{name: "Resize of a map with channels last", opset: 13, made: `g (float[1,2,2,3] x) => (float[1,4,4,3] y) <int64[4] sizes = {1,4,4,3}> { y = Resize<mode = "nearest">(x, , , sizes) }`,
		truth: `g (float[N,2,2,3] x) => (float[N,4,4,3] y) <float[4] sc = {1,2,2,1}> { y = Resize<mode = "nearest">(x, , sc) }`},
	{name: "Resize of a map with one channel of one line", opset: 13, made: `g (float[1,1,1,4] x) => (float[1,1,1,8] y) <int64[4] sizes = {1,1,1,8}> { y = Resize<mode = "nearest">(x, , , sizes) }`,
		truth: `g (float[N,1,1,4] x) => (float[N,1,1,8] y) <float[4] sc = {1,1,1,2}> { y = Resize<mode = "nearest">(x, , sc) }`},
	{name: "Resize of some axes", made: `g (float[1,2,2,2] x) => (float[1,2,4,6] y) <int64[2] sizes = {4,6}> { y = Resize<mode = "nearest", axes = [2,3]>(x, , , sizes) }`,
		truth: `g (float[N,2,2,2] x) => (float[N,2,4,6] y) <float[4] sc = {1,1,2,3}> { y = Resize<mode = "nearest">(x, , sc) }`, kept: "*"},
	{name: "Resize to sizes that are joined of the input's shape and numbers", opset: 11, made: `g (float[1,2,2,2] x) => (float[1,2,4,4] y) <float[0] none = {}, int64[1] z = {0}, int64[1] two = {2}, int64[2] hw = {4,4}> {
			s = Shape(x)  f = Slice(s, z, two)  t = Concat<axis = 0>(f, hw)  y = Resize<mode = "nearest">(x, none, none, t) }`,
		truth: `g (float[N,2,2,2] x) => (float[N,2,4,4] y) <float[0] none = {}, float[4] sc = {1,1,2,2}> { y = Resize<mode = "nearest">(x, none, sc) }`, kept: "*"},
	{name: "Resize to sizes that are joined of a baked batch and another map's", opset: 13, made: `g (float[1,2,2,2] x, float[1,2,4,6] z) => (float[1,2,4,6] y) <int64[2] front = {1,2}, int64[1] a = {2}, int64[1] b = {4}> {
			s = Shape(z)  f = Slice(s, a, b)  t = Concat<axis = 0>(front, f)  u = Resize<mode = "nearest">(x, , , t)  y = Add(u, z) }`,
		truth: `g (float[N,2,2,2] x, float[N,2,4,6] z) => (float[N,2,4,6] y) <float[4] sc = {1,1,2,3}> { u = Resize<mode = "nearest">(x, , sc)  y = Add(u, z) }`},
	{name: "Resize by scales", opset: 10, made: `g (float[1,2,2,2] x) => (float[1,2,4,4] y) <float[4] sc = {1,1,2,2}> { y = Resize<mode = "nearest">(x, sc) }`, truth: `g (float[N,2,2,2] x) => (float[N,2,4,4] y) <float[2,1,2,2] w = {1,1,1,1,1,1,1,1}> { y = ConvTranspose<group = 2, strides = [2,2]>(x, w) }`, kept: "*"},
	{name: "Upsample by an attribute", opset: 7, made: `g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Upsample<scales = [1.0,1.0,2.0,2.0], mode = "nearest">(x) }`,
		truth: `g (float[N,1,2,2] x) => (float[N,1,4,4] y) <float[1,1,2,2] w = {1,1,1,1}> { y = ConvTranspose<strides = [2,2]>(x, w) }`, kept: "*"},
	{name: "Upsample by scales", opset: 9, made: `g (float[1,1,2,2] x) => (float[1,1,4,4] y) <float[4] sc = {1,1,2,2}> { y = Upsample<mode = "nearest">(x, sc) }`,
		truth: `g (float[N,1,2,2] x) => (float[N,1,4,4] y) <float[1,1,2,2] w = {1,1,1,1}> { y = ConvTranspose<strides = [2,2]>(x, w) }`, kept: "*"},
}
