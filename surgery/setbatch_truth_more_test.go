package surgery_test

// operatorTruths are about operators that hold the batch in ways of their own, about constants that were made for one row, and about subgraphs and functions.
var operatorTruths = []batchTruth{
	// Recurrent layers and their states.
	{name: "GRU with a constant state, the batch second", opset: 13, axes: "x=1", made: `g (float[4,1,3] x) => (float[4,1,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, float[1,1,2] h = {#2}, int64[1] one = {1}> { a, b = GRU<hidden_size = 2>(x, w, r, , , h)  y = Squeeze(a, one) }`,
		truth: `g (float[4,N,3] x) => (float[4,N,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, float[1,1,2] h = {#2}, int64[1] one = {1}, int64[1] z = {0}, int64[1] k = {2}, int64[1] t = {2}> {
			s = Shape(x)  n = Slice(s, one, k)  c = Concat<axis = 0>(one, n, t)  e = Expand(h, c)  a, b = GRU<hidden_size = 2>(x, w, r, , , e)  y = Squeeze(a, one) }`, kept: "w r h one y"},
	{name: "LSTM both ways, joined by a Reshape with zeros", opset: 9, axes: "x=1", made: `g (float[4,1,3] x) => (float[4,1,4] y) <float[2,8,3] w = {#48}, float[2,8,2] r = {#32}, float[2,1,2] h = {#4}, float[2,1,2] c = {#4}, int64[3] t = {0,0,-1}> {
			a, b, d = LSTM<hidden_size = 2, direction = "bidirectional">(x, w, r, , , h, c)  p = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(p, t) }`,
		truth: `g (float[4,N,3] x) => (float[4,N,4] y) <float[2,8,3] w = {#48}, float[2,8,2] r = {#32}, float[2,1,2] h = {#4}, float[2,1,2] c = {#4}, int64[3] t = {0,0,-1}, int64[1] two = {2}, int64 one = {1}> {
			s = Shape(x)  n = Gather(s, one)  u = Unsqueeze<axes = [0]>(n)  k = Concat<axis = 0>(two, u, two)  h1 = Expand(h, k)  c1 = Expand(c, k)
			a, b, d = LSTM<hidden_size = 2, direction = "bidirectional">(x, w, r, , , h1, c1)  p = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(p, t) }`, kept: "t y h c"},
	{name: "RNN with states of an input, both layers", opset: 13, axes: "x=1 h=1", made: `g (float[4,1,2] x, float[2,1,2] h) => (float[4,1,2] y, float[2,1,2] z) <float[1,2,2] w = {#4}, float[1,2,2] r = {#4}, int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}> {
			h0 = Slice(h, i0, i1, i0)  h1 = Slice(h, i1, i2, i0)  a, f = RNN<hidden_size = 2>(x, w, r, , , h0)  b = Squeeze(a, i1)  c, k = RNN<hidden_size = 2>(b, w, r, , , h1)  y = Squeeze(c, i1)  z = Concat<axis = 0>(f, k) }`,
		truth: `g (float[4,N,2] x, float[2,N,2] h) => (float[4,N,2] y, float[2,N,2] z) <float[1,2,2] w = {#4}, float[1,2,2] r = {#4}, int64[1] i0 = {0}, int64[1] i1 = {1}> {
			h0 = Gather(h, i0)  h1 = Gather(h, i1)  a, f = RNN<hidden_size = 2>(x, w, r, , , h0)  b = Squeeze(a, i1)  c, k = RNN<hidden_size = 2>(b, w, r, , , h1)  y = Squeeze(c, i1)  z = Concat<axis = 0>(f, k) }`, kept: "*"},
	{name: "states for two layers, of one ConstantOfShape, by Slice", opset: 11, axes: "x=1", made: `g (float[4,1,2] x) => (float[4,1,2] y) <float[1,2,2] w = {#4}, float[1,2,2] r = {#4}, int64[3] s = {2,1,2}, int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}> {
			h = ConstantOfShape<value = float[1] {0.5}>(s)  h0 = Slice(h, i0, i1, i0)  h1 = Slice(h, i1, i2, i0)  a, f = RNN<hidden_size = 2>(x, w, r, , , h0)  b = Squeeze<axes = [1]>(a)  c, k = RNN<hidden_size = 2>(b, w, r, , , h1)  y = Squeeze<axes = [1]>(c) }`,
		truth: `g (float[4,N,2] x) => (float[4,N,2] y) <float[1,2,2] w = {#4}, float[1,2,2] r = {#4}, int64[1] i1 = {1}, int64[1] i2 = {2}> {
			s = Shape(x)  n = Slice(s, i1, i2)  t = Concat<axis = 0>(i1, n, i2)  h = ConstantOfShape<value = float[1] {0.5}>(t)  a, f = RNN<hidden_size = 2>(x, w, r, , , h)  b = Squeeze<axes = [1]>(a)  c, k = RNN<hidden_size = 2>(b, w, r, , , h)  y = Squeeze<axes = [1]>(c) }`},
	{name: "a zero state that is computed", opset: 13, made: `g (float[1,4,3] x) => (float[1,4,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int64[1] one = {1}, int64[1] two = {2}, int64[1] zero = {0}> {
			q = Transpose<perm = [1,0,2]>(x)  s = Shape(x)  n = Gather(s, zero)  t = Concat<axis = 0>(one, n, two)  h = ConstantOfShape(t)  a, b = GRU<hidden_size = 2>(q, w, r, , , h)  c = Squeeze(a, one)  y = Transpose<perm = [1,0,2]>(c) }`,
		truth: `g (float[N,4,3] x) => (float[N,4,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int64[1] one = {1}> { q = Transpose<perm = [1,0,2]>(x)  a, b = GRU<hidden_size = 2>(q, w, r)  c = Squeeze(a, one)  y = Transpose<perm = [1,0,2]>(c) }`, kept: "*"},
	{name: "GRU with the length of one row", opset: 13, axes: "x=1", made: `g (float[4,1,3] x) => (float[1,1,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int32[1] len = {3}> { a, y = GRU<hidden_size = 2>(x, w, r, , len) }`,
		truth: `g (float[4,N,3] x) => (float[1,N,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int64[1] i = {0}, int64[1] k = {3}> { p = Slice(x, i, k)  a, y = GRU<hidden_size = 2>(p, w, r) }`, kept: "len w r"},
	{name: "one step of GRU, time put before the batch", opset: 13, made: `g (float[1,3] x, float[1,2] h) => (float[1,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int64[1] zero = {0}, int64[2] out = {1,2}> {
			u = Unsqueeze(x, zero)  k = Unsqueeze(h, zero)  a, b = GRU<hidden_size = 2>(u, w, r, , , k)  y = Reshape(b, out) }`,
		truth: `g (float[N,3] x, float[N,2] h) => (float[N,2] y) <float[1,6,3] w = {#18}, float[1,6,2] r = {#12}, int64[1] zero = {0}> {
			u = Unsqueeze(x, zero)  k = Unsqueeze(h, zero)  a, b = GRU<hidden_size = 2>(u, w, r, , , k)  y = Squeeze(b, zero) }`, kept: "u k w r"},

	// Einsum, MatMul.
	{name: "Einsum that puts the batch last", opset: 13, made: `g (float[1,4,3] x) => (float[5,4,1] y) <float[3,5] w = {#15}> { y = Einsum<equation = "btd,de->etb">(x, w) }`,
		truth: `g (float[N,4,3] x) => (float[5,4,N] y) <float[3,5] w = {#15}> { m = MatMul(x, w)  y = Transpose<perm = [2,1,0]>(m) }`, kept: "*"},
	{name: "Einsum of heads", opset: 13, made: `g (float[1,2,5,4] q, float[1,2,5,4] k) => (float[1,2,5,5] y) { y = Einsum<equation = "bhid,bhjd->bhij">(q, k) }`,
		truth: `g (float[N,2,5,4] q, float[N,2,5,4] k) => (float[N,2,5,5] y) { t = Transpose<perm = [0,1,3,2]>(k)  y = MatMul(q, t) }`, kept: "*"},
	{name: "MatMul with the batch second", opset: 9, axes: "x=1", made: `g (float[5,1,4] x) => (float[5,1,2] y) <float[4,2] w = {#8}, float[1,1,2] b = {#2}> { m = MatMul(x, w)  y = Add(m, b) }`,
		truth: `g (float[5,N,4] x) => (float[5,N,2] y) <float[4,2] w = {#8}, float[2] b = {#2}> { m = MatMul(x, w)  y = Add(m, b) }`, kept: "*"},
	{name: "attention with the sequence first", opset: 13, made: `g (float[1,5,4] x) => (float[1,5,4] y) { t = Transpose<perm = [1,0,2]>(x)  q = Transpose<perm = [1,0,2]>(t)  k = Transpose<perm = [1,2,0]>(t)  s = MatMul(q, k)  p = Softmax(s)  a = MatMul(p, q)  b = Transpose<perm = [1,0,2]>(a)  y = Transpose<perm = [1,0,2]>(b) }`,
		truth: `g (float[N,5,4] x) => (float[N,5,4] y) { k = Transpose<perm = [0,2,1]>(x)  s = MatMul(x, k)  p = Softmax(s)  y = MatMul(p, x) }`, kept: "*"},

	// Constants for one row, and constants for all.
	{name: "a class token and learned positions", opset: 13, made: `g (float[1,2,4,4] x) => (float[1,3] y) <float[3,2,2,2] w = {#24}, int64[3] flat = {1,3,4}, float[1,1,3] token = {#3}, float[1,5,3] places = {#15}, int64 zero = {0}> {
			c = Conv<strides = [2,2]>(x, w)  f = Reshape(c, flat)  t = Transpose<perm = [0,2,1]>(f)  j = Concat<axis = 1>(token, t)  a = Add(j, places)  k = Transpose<perm = [0,2,1]>(a)  s = MatMul(a, k)  p = Softmax(s)  o = MatMul(p, a)  y = Gather<axis = 1>(o, zero) }`,
		truth: `g (float[N,2,4,4] x) => (float[N,3] y) <float[3,2,2,2] w = {#24}, int64[3] flat = {-1,3,4}, float[1,1,3] token = {#3}, float[5,3] places = {#15}, int64[1] zero = {0}, int64[1] one = {1}, int64[2] rest = {1,3}> {
			c = Conv<strides = [2,2]>(x, w)  f = Reshape(c, flat)  t = Transpose<perm = [0,2,1]>(f)  n0 = Shape(x)  n = Slice(n0, zero, one)  e = Concat<axis = 0>(n, rest)  tk = Expand(token, e)  j = Concat<axis = 1>(tk, t)  a = Add(j, places)
			k = Transpose<perm = [0,2,1]>(a)  s = MatMul(a, k)  p = Softmax(s)  o = MatMul(p, a)  h = Slice(o, zero, one, one)  y = Squeeze(h, one) }`, kept: "token places w"},
	{name: "a token joined by the second axis of a batch that is second", opset: 13, axes: "x=1", made: `g (float[4,1,3] x) => (float[5,1,3] y) <float[1,1,3] token = {#3}> { y = Concat<axis = 0>(token, x) }`,
		truth: `g (float[4,N,3] x) => (float[5,N,3] y) <float[1,1,3] token = {#3}, int64[3] first = {0,0,0}, int64[1] zero = {0}, int64[1] one = {1}> { f = Slice(x, zero, one)  z = Sub(f, f)  t = Add(z, token)  y = Concat<axis = 0>(t, x) }`, kept: "token"},
	{name: "object queries folded into heads and rows", opset: 13, made: `g (float[1,6,8] x) => (float[1,5,8] y) <float[2,5,4] q = {#40}, int64[3] merged = {6,2,4}, int64[3] join = {5,1,8}> {
			t = Transpose<perm = [1,0,2]>(x)  r = Reshape(t, merged)  v = Transpose<perm = [1,0,2]>(r)  k = Transpose<perm = [1,2,0]>(r)  s = MatMul(q, k)  p = Softmax(s)  a = MatMul(p, v)  b = Transpose<perm = [1,0,2]>(a)  c = Reshape(b, join)  y = Transpose<perm = [1,0,2]>(c) }`,
		truth: `g (float[N,6,8] x) => (float[N,5,8] y) <float[2,5,4] q = {#40}, int64[4] heads = {0,0,2,4}, int64[3] join = {0,0,8}> {
			r = Reshape(x, heads)  v = Transpose<perm = [0,2,1,3]>(r)  k = Transpose<perm = [0,2,3,1]>(r)  s = MatMul(q, k)  p = Softmax(s)  a = MatMul(p, v)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`, kept: "q"},
	{name: "a bias for each head, where heads are merged with rows", opset: 13, made: `g (float[1,2,3,4] x) => (float[1,2,3,3] y) <int64[3] merged = {2,3,4}, float[2,1,3] bias = {#6}, int64[4] apart = {1,2,3,3}> { q = Reshape(x, merged)  k = Transpose<perm = [0,2,1]>(q)  s = MatMul(q, k)  a = Add(bias, s)  p = Softmax(a)  y = Reshape(p, apart) }`,
		truth: `g (float[N,2,3,4] x) => (float[N,2,3,3] y) <float[1,2,1,3] bias = {#6}> { k = Transpose<perm = [0,1,3,2]>(x)  s = MatMul(x, k)  a = Add(bias, s)  y = Softmax(a) }`, kept: "bias"},
	{name: "a causal mask, and a bias by relative positions", opset: 13, made: `g (float[1,2,3,3] x) => (float[1,2,3,3] y) <bool[1,1,3,3] mask = {1,0,0,1,1,0,1,1,1}, float minus = {-9}, float[1,2,3,3] bias = {#18}> { a = Add(x, bias)  w = Where(mask, a, minus)  y = Softmax(w) }`,
		truth: `g (float[N,2,3,3] x) => (float[N,2,3,3] y) <bool[3,3] mask = {1,0,0,1,1,0,1,1,1}, float minus = {-9}, float[2,3,3] bias = {#18}> { a = Add(x, bias)  w = Where(mask, a, minus)  y = Softmax(w) }`, kept: "*"},
	{name: "a mask given for each row", opset: 13, made: `g (float[1,2,3,3] x, int64[1,3] m) => (float[1,2,3,3] y) <int64[4] t = {1,1,1,3}, int64[4] e = {1,1,3,3}, float one = {1}, float minus = {-9}> { r = Reshape(m, t)  x2 = Expand(r, e)  c = Cast<to = 1>(x2)  i = Sub(one, c)  b = Mul(i, minus)  a = Add(x, b)  y = Softmax(a) }`,
		truth: `g (float[N,2,3,3] x, int64[N,3] m) => (float[N,2,3,3] y) <int64[2] t = {1,2}, float one = {1}, float minus = {-9}> { r = Unsqueeze(m, t)  c = Cast<to = 1>(r)  i = Sub(one, c)  b = Mul(i, minus)  a = Add(x, b)  y = Softmax(a) }`, kept: "x2 e"},
	{name: "a mask by Equal, of the words themselves", opset: 11, made: `g (int64[1,4] x) => (float[1,4,2] y) <float[4,2] words = {#8}, int64 pad = {1}, int64[3] t = {1,4,1}, float z = {0}> { w = Gather(words, x)  e = Equal(x, pad)  r = Reshape(e, t)  y = Where(r, z, w) }`,
		truth: `g (int64[N,4] x) => (float[N,4,2] y) <float[4,2] words = {#8}, int64 pad = {1}, float z = {0}> { w = Gather(words, x)  e = Equal(x, pad)  r = Unsqueeze<axes = [2]>(e)  y = Where(r, z, w) }`, kept: "words w e"},
	{name: "a mask by lengths that are given for each row", opset: 13, made: `g (float[1,4,2] x, int64[1] n) => (float[1,4,2] y) <int64 a = {0}, int64 b = {4}, int64 c = {1}, int64[2] t = {1,1}, int64[3] u = {1,4,1}, float z = {0}> { p = Range(a, b, c)  r = Reshape(n, t)  l = Less(p, r)  k = Reshape(l, u)  y = Where(k, x, z) }`,
		truth: `g (float[N,4,2] x, int64[N] n) => (float[N,4,2] y) <int64[4,1] p = {0,1,2,3}, int64[3] t = {-1,1,1}, float z = {0}> { r = Reshape(n, t)  l = Less(p, r)  y = Where(l, x, z) }`, kept: "p"},
	{name: "a causal mask of ConstantOfShape and Trilu", opset: 14, made: `g (float[1,2,3,3] x) => (float[1,2,3,3] y) <int64[4] s = {1,1,3,3}, int64 one = {1}, float minus = {-9}> { o = ConstantOfShape<value = float[1] {1}>(s)  u = Trilu<upper = 1>(o, one)  c = Cast<to = 9>(u)  y = Where(c, minus, x) }`,
		truth: `g (float[N,2,3,3] x) => (float[N,2,3,3] y) <bool[3,3] c = {0,1,1,0,0,1,0,0,0}, float minus = {-9}> { y = Where(c, minus, x) }`, kept: "*"},
	{name: "Trilu of rows, and weights of ones", opset: 14, made: `g (float[1,3,3] x) => (float[1,3,3] y) <float[1,3,1] w = {#3}, int64[3] t = {1,1,3}> { u = Trilu<upper = 0>(x)  v = Reshape(w, t)  y = Mul(u, v) }`,
		truth: `g (float[N,3,3] x) => (float[N,3,3] y) <float[3] w = {#3}, float[3,3] m = {1,0,0,1,1,0,1,1,1}> { u = Mul(x, m)  y = Mul(u, w) }`, kept: "*"},
	{name: "scales of channels, with a 1 that is no batch", opset: 7, made: `g (float[1,3,2,2] x) => (float[1,3,2,2] y) <float[1,3,1,1] mean = {#3}, float[1,3] w = {#3}, int64[4] t = {1,3,1,1}> { s = Sub(x, mean)  r = Reshape(w, t)  y = Mul(s, r) }`,
		truth: `g (float[N,3,2,2] x) => (float[N,3,2,2] y) <float[3,1,1] mean = {#3}, float[3,1,1] w = {#3}> { s = Sub(x, mean)  y = Mul(s, w) }`, kept: "*"},
	{name: "grid and anchors of a detector", opset: 13, made: `g (float[1,6,2,2] x) => (float[1,8,3] y) <int64[5] t = {1,2,3,2,2}, float[1,1,2,2,1] grid = {#4}, float[1,2,1,1,3] anchors = {#6}, int64[3] flat = {1,-1,3}> {
			r = Reshape(x, t)  p = Transpose<perm = [0,1,3,4,2]>(r)  s = Sigmoid(p)  a = Add(s, grid)  m = Mul(a, anchors)  y = Reshape(m, flat) }`,
		truth: `g (float[N,6,2,2] x) => (float[N,8,3] y) <int64[5] t = {-1,2,3,2,2}, float[2,2,1] grid = {#4}, float[2,1,1,3] anchors = {#6}, int64[3] flat = {-1,8,3}> {
			r = Reshape(x, t)  p = Transpose<perm = [0,1,3,4,2]>(r)  s = Sigmoid(p)  a = Add(s, grid)  m = Mul(a, anchors)  y = Reshape(m, flat) }`, kept: "grid anchors a m"},
	{name: "boxes by a distribution over distances", opset: 13, made: `g (float[1,8,5] x) => (float[1,4,5] y) <int64[4] t = {1,4,2,5}, float[1,2,1,1] w = {0,1}, int64[3] u = {1,4,5}> { r = Reshape(x, t)  p = Transpose<perm = [0,2,1,3]>(r)  s = Softmax<axis = 1>(p)  c = Conv(s, w)  y = Reshape(c, u) }`,
		truth: `g (float[N,8,5] x) => (float[N,4,5] y) <int64[4] t = {-1,4,2,5}, int64 one = {1}> { r = Reshape(x, t)  s = Softmax<axis = 2>(r)  y = Gather<axis = 2>(s, one) }`, kept: "w"},
	{name: "words of one kind, positions, and a norm", opset: 17, made: `g (int64[1,4] x) => (float[1,4,2] y) <float[4,2] words = {#8}, int64[1,4] kind = {0,0,1,1}, float[2,2] kinds = {#4}, int64[1,4] at = {0,1,2,3}, float[6,2] places = {#12}, float[2] one = {1,1}> {
			w = Gather(words, x)  k = Gather(kinds, kind)  p = Gather(places, at)  a = Add(w, k)  b = Add(a, p)  y = LayerNormalization<axis = -1>(b, one) }`,
		truth: `g (int64[N,4] x) => (float[N,4,2] y) <float[4,2] words = {#8}, int64[4] kind = {0,0,1,1}, float[2,2] kinds = {#4}, int64[4] at = {0,1,2,3}, float[6,2] places = {#12}, float[2] one = {1,1}> {
			w = Gather(words, x)  k = Gather(kinds, kind)  p = Gather(places, at)  a = Add(w, k)  b = Add(a, p)  y = LayerNormalization<axis = -1>(b, one) }`, kept: "*"},
	{name: "turned positions of halves", opset: 13, made: `g (float[1,2,3,4] x) => (float[1,2,3,4] y) <float[1,1,3,4] cos = {#12}, float[1,1,3,4] sin = {#12}, int64[1] z = {0}, int64[1] h = {2}, int64[1] e = {4}, int64[1] ax = {3}> {
			a = Slice(x, z, h, ax)  b = Slice(x, h, e, ax)  n = Neg(b)  r = Concat<axis = -1>(n, a)  c = Mul(x, cos)  s = Mul(r, sin)  y = Add(c, s) }`,
		truth: `g (float[N,2,3,4] x) => (float[N,2,3,4] y) <float[3,4] cos = {#12}, float[3,4] sin = {#12}, int64[4] at = {2,3,0,1}, float[4] sign = {-1,-1,1,1}> { k = Gather<axis = 3>(x, at)  r = Mul(k, sign)  c = Mul(x, cos)  s = Mul(r, sin)  y = Add(c, s) }`, kept: "*"},
	{name: "the last word of each row, by a baked Range of rows", opset: 13, made: `g (float[1,4,2] x, int64[1] n) => (float[1,2] y) <int64 a = {0}, int64 b = {1}, int64 c = {1}, int64[1] m = {-1}> { r = Range(a, b, c)  u = Unsqueeze(r, m)  v = Unsqueeze(n, m)  i = Concat<axis = -1>(u, v)  y = GatherND(x, i) }`,
		truth: `g (float[N,4,2] x, int64[N] n) => (float[N,2] y) <int64[1] m = {-1}> { v = Unsqueeze(n, m)  y = GatherND<batch_dims = 1>(x, v) }`, told: "batch_dims 1"},
	{name: "the last word of each row, by a Range over the batch", opset: 15, made: `g (float[1,4,2] x, int64[1] n) => (float[1,2] y) <int64 a = {0}, int64 c = {1}, int64[1] m = {-1}> { s = Shape<end = 1>(n)  b = Squeeze(s)  r = Range(a, b, c)  u = Unsqueeze(r, m)  v = Unsqueeze(n, m)  i = Concat<axis = -1>(u, v)  y = GatherND(x, i) }`,
		truth: `g (float[N,4,2] x, int64[N] n) => (float[N,2] y) <int64[1] m = {-1}> { v = Unsqueeze(n, m)  y = GatherND<batch_dims = 1>(x, v) }`},

	// Picking and putting.
	{name: "GatherND in each row", opset: 13, made: `g (float[1,4,2] x) => (float[1,3,2] y) <int64[1,3,1] i = {2,0,3}> { y = GatherND<batch_dims = 1>(x, i) }`, truth: `g (float[N,4,2] x) => (float[N,3,2] y) <int64[3] i = {2,0,3}> { y = Gather<axis = 1>(x, i) }`, kept: "i"},
	{name: "GatherElements by places that are found", opset: 13, made: `g (float[1,4] x, float[1,4] z) => (float[1,2] y) <int64[1] k = {2}> { v, i = TopK(x, k)  y = GatherElements<axis = 1>(z, i) }`,
		truth: `g (float[N,4] x, float[N,4] z) => (float[N,2] y) <int64[1] k = {2}, int64[1] m = {2}> { v, i = TopK(x, k)  u = Unsqueeze(i, m)  y = GatherND<batch_dims = 1>(z, u) }`, kept: "*"},
	{name: "GatherElements by places that are spread over channels", opset: 13, made: `g (float[1,4] x, float[1,4,3] z) => (float[1,2,3] y) <int64[1] k = {2}, int64[3] r = {1,1,3}, int64[1] m = {2}> { v, i = TopK(x, k)  u = Unsqueeze(i, m)  t = Tile(u, r)  y = GatherElements<axis = 1>(z, t) }`,
		truth: `g (float[N,4] x, float[N,4,3] z) => (float[N,2,3] y) <int64[1] k = {2}, int64[1] m = {2}> { v, i = TopK(x, k)  u = Unsqueeze(i, m)  y = GatherND<batch_dims = 1>(z, u) }`, kept: "*"},
	{name: "OneHot behind and before", opset: 11, made: `g (int64[1,3] x) => (float[1,3,4] y, float[4,1,3] z) <int64 d = {4}, float[2] v = {0,1}> { y = OneHot(x, d, v)  z = OneHot<axis = 0>(x, d, v) }`,
		truth: `g (int64[N,3] x) => (float[N,3,4] y, float[4,N,3] z) <float[4,4] eye = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}> { y = Gather(eye, x)  z = Transpose<perm = [2,0,1]>(y) }`, kept: "*"},
	{name: "CumSum of a mask for positions", opset: 14, made: `g (int64[1,4] m) => (float[1,4,2] y) <int64 ax = {1}, float[13,2] places = {#26}> { c = CumSum(m, ax)  y = Gather(places, c) }`,
		truth: `g (int64[N,4] m) => (float[N,4,2] y) <float[4,4] t = {1,1,1,1,0,1,1,1,0,0,1,1,0,0,0,1}, float[13,2] places = {#26}> { f = Cast<to = 1>(m)  s = MatMul(f, t)  c = Cast<to = 7>(s)  y = Gather(places, c) }`, kept: "*"},
	{name: "DepthToSpace, and the same by Reshape", opset: 13, made: `g (float[1,4,2,2] x) => (float[1,1,4,4] y, float[1,1,4,4] z) <int64[6] a = {1,1,2,2,2,2}, int64[4] b = {1,1,4,4}> { y = DepthToSpace<blocksize = 2, mode = "CRD">(x)  r = Reshape(x, a)  t = Transpose<perm = [0,1,4,2,5,3]>(r)  z = Reshape(t, b) }`,
		truth: `g (float[N,4,2,2] x) => (float[N,1,4,4] y, float[N,1,4,4] z) { y = DepthToSpace<blocksize = 2>(x)  z = Identity(y) }`, kept: "y t"},
	{name: "TopK of old", opset: 9, made: `g (float[1,4] x) => (float[1,2] y, int64[1,2] i) { y, i = TopK<k = 2>(x) }`, truth: `g (float[N,4] x) => (float[N,2] y, int64[N,2] i) { y, i = TopK<k = 2>(x) }`, kept: "*"},

	// Squeeze.
	{name: "Squeeze of all ones, where one is a channel", opset: 11, made: `g (float[1,1,6] x) => (float[1,2] y) <float[6,2] w = {#12}, int64[2] t = {1,2}> { s = Squeeze(x)  m = MatMul(s, w)  y = Reshape(m, t) }`,
		truth: `g (float[N,1,6] x) => (float[N,2] y) <float[6,2] w = {#12}> { s = Squeeze<axes = [1]>(x)  y = MatMul(s, w) }`, kept: "w"},
	{name: "Squeeze of all ones behind a pool", opset: 13, made: `g (float[1,3,4,4] x) => (float[1,2] y) <float[3,2] w = {#6}, int64[1] zero = {0}> { p = GlobalAveragePool(x)  s = Squeeze(p)  u = Unsqueeze(s, zero)  y = Gemm(u, w) }`,
		truth: `g (float[N,3,4,4] x) => (float[N,2] y) <float[3,2] w = {#6}> { p = GlobalAveragePool(x)  u = Flatten(p)  y = Gemm(u, w) }`, kept: "w"},
	{name: "Squeeze of all ones but a batch that is second", opset: 11, axes: "x=1", made: `g (float[4,1,1,3] x) => (float[4,1,3] y) <int64[3] t = {4,1,3}> { s = Squeeze(x)  y = Reshape(s, t) }`, truth: `g (float[4,N,1,3] x) => (float[4,N,3] y) { y = Squeeze<axes = [2]>(x) }`},

	// Sequences.

	// Subgraphs and functions.
	{name: "branches that reshape, and expand a constant", opset: 13, made: `g (float[1,2,3] x, bool c) => (float[1,6] y) <int64[2] t = {1,6}, float[1,1] k = {2}> {
			y = If(c)<then_branch = a () => (float[1,6] p) { r = Reshape(x, t)  p = Mul(r, k) }, else_branch = b () => (float[1,6] q) { q = Expand(k, t) }> }`,
		truth: `g (float[N,2,3] x, bool c) => (float[N,6] y) <float[1,1] k = {2}> { f = Flatten(x)  a = Mul(f, k)  z = Sub(f, f)  b = Add(z, k)  y = Where(c, a, b) }`, inputs: "x"},
	{name: "a state of zeros that a loop carries", opset: 11, made: `g (float[1,3] x) => (float[1,3] y, float[3,1,3] all) <int64 n = {3}, bool go = {1}, int64[2] s = {1,3}> {
			z = ConstantOfShape(s)  y, all = Loop(n, go, z)<body = b (int64 i, bool c, float[1,3] h) => (bool c2, float[1,3] h2, float[1,3] row) { c2 = Identity(c)  a = Add(h, x)  h2 = Tanh(a)  row = Reshape(h2, s) }> }`,
		truth: `g (float[N,3] x) => (float[N,3] y, float[3,N,3] all) { a = Tanh(x)  b0 = Add(a, x)  b = Tanh(b0)  c0 = Add(b, x)  y = Tanh(c0)  d = Unsqueeze<axes = [0]>(a)  e = Unsqueeze<axes = [0]>(b)  f = Unsqueeze<axes = [0]>(y)  all = Concat<axis = 0>(d, e, f) }`},
	{name: "a loop over time that reads a step", opset: 13, made: `g (float[1,4,3] x) => (float[4,1,3] y) <bool go = {1}, float[1,3] h0 = {#3}, int64 one = {1}> {
			s = Shape(x)  n = Gather(s, one)  last, y = Loop(n, go, h0)<body = b (int64 i, bool c, float[1,3] h) => (bool c2, float[1,3] h2, float[1,3] row) { c2 = Identity(c)  r = Gather<axis = 1>(x, i)  h2 = Add(h, r)  row = Identity(h2) }> }`,
		truth: `g (float[N,4,3] x) => (float[4,N,3] y) <float[1,3] h0 = {#3}, int64 one = {1}> { c = CumSum(x, one)  t = Transpose<perm = [1,0,2]>(c)  y = Add(t, h0) }`, kept: "h0"},
	{name: "a scan of the second axis, written behind", opset: 11, made: `g (float[1,4,3] x) => (float[1,3] last, float[1,3,4] y) <float[1,3] h0 = {0,0,0}, int64[2] t = {1,3}> {
			last, y = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [2], body = b (float[1,3] h, float[1,3] r) => (float[1,3] h2, float[1,3] o) { a = Add(h, r)  h2 = Reshape(a, t)  o = Identity(h2) }>(h0, x) }`,
		truth: `g (float[N,4,3] x) => (float[N,3] last, float[N,3,4] y) <int64 one = {1}> { c = CumSum(x, one)  y = Transpose<perm = [0,2,1]>(c)  last = ReduceSum<axes = [1], keepdims = 0>(x) }`},
	{name: "a function, called twice", opset: 18, made: `g (float[1,2,3] x) => (float[1,6] y) { a = local.flat(x)  n = Neg(x)  b = local.flat(n)  e = Exp(b)  y = Add(a, e) }
			<domain: "local", opset_import: ["": 18]> flat (v) => (w) { s = Constant<value_ints = [1,6]>()  w = Reshape(v, s) }`,
		truth: `g (float[N,2,3] x) => (float[N,6] y) { a = Flatten(x)  n = Neg(a)  e = Exp(n)  y = Add(a, e) }`, told: "nodes of its function"},
	{name: "a function in a branch, and a branch in a function", opset: 18, made: `g (float[1,2,3] x, bool c) => (float[1,6] y) { y = If(c)<then_branch = a () => (float[1,6] p) { p = local.f(x, c) }, else_branch = b () => (float[1,6] q) { n = Neg(x)  q = local.f(n, c) }> }
			<domain: "local", opset_import: ["": 18]> f (v, d) => (w) { s = Constant<value_ints = [1,6]>()  w = If(d)<then_branch = a () => (p) { p = Reshape(v, s) }, else_branch = b () => (q) { n = Exp(v)  q = Reshape(n, s) }> }`,
		truth: `g (float[N,2,3] x, bool c) => (float[N,6] y) { f = Flatten(x)  n = Neg(f)  e = Exp(n)  y = Where(c, f, e) }`, inputs: "x"},
	{name: "outputs with the batch, beside one that has none", opset: 21, made: `g (float[1,4] x) => (float[1,2,2] y, float[2,1,2] z, float[1,3] k) <int64[3] t = {1,2,2}, float[1,3] c = {#3}> { y = Reshape(x, t)  z = Transpose<perm = [1,0,2]>(y)  k = Neg(c) }`,
		truth: `g (float[N,4] x) => (float[N,2,2] y, float[2,N,2] z, float[1,3] k) <int64[3] t = {-1,2,2}, float[1,3] c = {#3}> { y = Reshape(x, t)  z = Transpose<perm = [1,0,2]>(y)  k = Neg(c) }`, kept: "k z c", told: "does not depend"},
	{name: "a cache of keys that grows", opset: 21, made: `g (float[1,2,1,4] x, float[1,2,P,4] past) => (float[1,2,1,4] y, float[1,2,Q,4] now) { now = Concat<axis = 2>(past, x)  k = Transpose<perm = [0,1,3,2]>(now)  s = MatMul(x, k)  p = Softmax(s)  y = MatMul(p, now) }`,
		truth: `g (float[N,2,1,4] x, float[N,2,P,4] past) => (float[N,2,1,4] y, float[N,2,Q,4] now) { now = Concat<axis = 2>(past, x)  k = Transpose<perm = [0,1,3,2]>(now)  s = MatMul(x, k)  p = Softmax(s)  y = Einsum<equation = "bhqk,bhkd->bhqd">(p, now) }`, kept: "*"},
	{name: "numbers that are quantised by channels", opset: 21, made: `g (float[1,2,3] x) => (float[1,6] y) <float[2] sc = {0.1,0.2}, int8[2] zp = {0,1}, int64[2] t = {1,6}> { q = QuantizeLinear<axis = 1>(x, sc, zp)  d = DequantizeLinear<axis = 1>(q, sc, zp)  y = Reshape(d, t) }`,
		truth: `g (float[N,2,3] x) => (float[N,6] y) <float[2] sc = {0.1,0.2}, int8[2] zp = {0,1}> { q = QuantizeLinear<axis = 1>(x, sc, zp)  d = DequantizeLinear<axis = 1>(q, sc, zp)  y = Flatten(d) }`, kept: "q d sc zp"},
	{name: "a mean of variadic operands with a constant row", opset: 13, made: `g (float[1,3] x) => (float[1,3] y) <float[1,3] k = {#3}> { n = Neg(x)  e = Exp(n)  y = Mean(x, k, e) }`, truth: `g (float[N,3] x) => (float[N,3] y) <float[3] k = {#3}, float w = {3}> { n = Neg(x)  e = Exp(n)  a = Add(x, k)  b = Add(a, e)  y = Div(b, w) }`, kept: "*"},

	// Axes of one row that look like others, merged axes, and numbers that are computed.
	{name: "a sequence turned by Reshape instead of Transpose, and back", opset: 13, made: `g (float[1,4,3] x) => (float[1,4,2] y) <float[3,2] w = {#6}, int64[3] t = {4,1,3}, int64[3] b = {1,4,2}> { u = Reshape(x, t)  m = MatMul(u, w)  y = Reshape(m, b) }`,
		truth: `g (float[N,4,3] x) => (float[N,4,2] y) <float[3,2] w = {#6}> { y = MatMul(x, w) }`},
	{name: "learned positions resized", opset: 13, made: `g (float[1,16,2] x) => (float[1,16,2] y) <float[1,4,2] places = {#8}, int64[4] a = {1,2,2,2}, int64[4] sizes = {1,2,4,4}, int64[3] b = {1,2,16}> {
			r = Reshape(places, a)  t = Transpose<perm = [0,3,1,2]>(r)  z = Resize<mode = "nearest">(t, , , sizes)  f = Reshape(z, b)  p = Transpose<perm = [0,2,1]>(f)  y = Add(x, p) }`,
		truth: `g (float[N,16,2] x) => (float[N,16,2] y) <float[4,2] places = {#8}, int64[16] at = {0,0,1,1,0,0,1,1,2,2,3,3,2,2,3,3}> { p = Gather(places, at)  y = Add(x, p) }`, kept: "*"},
	{name: "a constant expanded by the batch and reshaped for one row", opset: 15, made: `g (float[1,2,2] x) => (float[1,4,2] y) <float[1,4] k = {#4}, int64[1] four = {4}, int64[3] b = {1,2,2}> { n = Shape<end = 1>(x)  t = Concat<axis = 0>(n, four)  e = Expand(k, t)  r = Reshape(e, b)  y = Concat<axis = 1>(x, r) }`,
		truth: `g (float[N,2,2] x) => (float[N,4,2] y) <float[1,2,2] k = {#4}, int64[2] two = {2,2}> { n = Shape<end = 1>(x)  t = Concat<axis = 0>(n, two)  e = Expand(k, t)  y = Concat<axis = 1>(x, e) }`, kept: "e k"},
	{name: "a channel of one dropped where it is one", opset: 13, made: `g (float[1,1,6] x) => (float[1,6] y) <int64 one = {1}, int64[1] ax = {1}> { s = Shape(x)  n = Gather(s, one)  c = Equal(n, one)  r = If(c)<then_branch = a () => (float[1,6] p) { p = Squeeze(x, ax) }, else_branch = b () => (float[1,1,6] q) { q = Identity(x) }>  y = Neg(r) }`,
		truth: `g (float[N,1,6] x) => (float[N,6] y) <int64[1] ax = {1}> { r = Squeeze(x, ax)  y = Neg(r) }`},
	{name: "Gemm that turns its first operand", opset: 13, made: `g (float[1,4] x) => (float[1,2] y) <float[4,2] w = {#8}, float[1,1] c = {3}> { t = Transpose(x)  y = Gemm<transA = 1, alpha = 0.5>(t, w, c) }`,
		truth: `g (float[N,4] x) => (float[N,2] y) <float[4,2] w = {#8}, float c = {3}, float h = {0.5}> { m = MatMul(x, w)  k = Mul(m, h)  y = Add(k, c) }`, kept: "*"},
	{name: "weights before columns", opset: 13, made: `g (float[1,4] x) => (float[1,2] y) <float[2,4] w = {#8}> { t = Transpose(x)  m = MatMul(w, t)  y = Transpose(m) }`, truth: `g (float[N,4] x) => (float[N,2] y) <float[2,4] w = {#8}> { y = Gemm<transB = 1>(x, w) }`, kept: "*"},
	{name: "channels taken for rows of a blur", opset: 13, made: `g (float[1,3,4,4] x) => (float[1,3,4,4] y) <float[1,1,3,3] w = {#9}, int64[4] a = {3,1,4,4}, int64[4] b = {1,3,4,4}> { r = Reshape(x, a)  c = Conv<pads = [1,1,1,1]>(r, w)  y = Reshape(c, b) }`,
		truth: `g (float[N,3,4,4] x) => (float[N,3,4,4] y) <float[3,1,3,3] w = {-0.78,-0.04,0.7,-0.58,0.16,0.9,-0.38,0.36,-0.92,-0.78,-0.04,0.7,-0.58,0.16,0.9,-0.38,0.36,-0.92,-0.78,-0.04,0.7,-0.58,0.16,0.9,-0.38,0.36,-0.92}> { y = Conv<group = 3, pads = [1,1,1,1]>(x, w) }`},
	{name: "a batch of two heads each: keys repeated by Gather", opset: 21, made: `g (float[1,2,3] x) => (float[1,4,3] y) <int64[4] at = {0,0,1,1}, int64[2] t = {4,3}, int64[3] b = {1,4,3}> { r = Gather<axis = 1>(x, at)  f = Reshape(r, t)  n = Neg(f)  y = Reshape(n, b) }`,
		truth: `g (float[N,2,3] x) => (float[N,4,3] y) <int64[4] at = {0,0,1,1}> { r = Gather<axis = 1>(x, at)  y = Neg(r) }`, kept: "r"},
	{name: "Split into a number of parts", opset: 21, made: `g (float[1,5,2] x) => (float[1,6] y) <int64[2] t = {1,6}> { a, b = Split<axis = 1, num_outputs = 2>(x)  y = Reshape(a, t) }`,
		truth: `g (float[N,5,2] x) => (float[N,6] y) <int64[3] at = {0,1,2}> { a = Gather<axis = 1>(x, at)  y = Flatten(a) }`, kept: "a"},
	{name: "GroupNormalization and a long Reshape", opset: 21, made: `g (float[1,4,2,2] x) => (float[1,2,2,4] y) <float[4] s = {#4}, float[4] b = {#4}, int64[4] t = {1,2,2,4}> { n = GroupNormalization<num_groups = 2>(x, s, b)  y = Reshape(n, t) }`,
		truth: `g (float[N,4,2,2] x) => (float[N,2,2,4] y) <float[4] s = {#4}, float[4] b = {#4}, int64[4] t = {-1,2,2,4}> { n = GroupNormalization<num_groups = 2>(x, s, b)  y = Reshape(n, t) }`, kept: "n"},
	{name: "a table read at the largest of each row", opset: 7, made: `g (float[1,4] x) => (float[1,3] y) <float[4,3] table = {#12}, int64[2] t = {1,3}> { i = ArgMax<axis = 1>(x)  k = Gather(table, i)  y = Reshape(k, t) }`,
		truth: `g (float[N,4] x) => (float[N,3] y) <float[4,3] table = {#12}> { i = ArgMax<axis = 1, keepdims = 0>(x)  y = Gather(table, i) }`, kept: "i k table"},
	{name: "a residual of two inputs, one of them without a batch", opset: 9, inputs: "x", made: `g (float[1,2,3] x, float[2,3] w) => (float[1,6] y) <int64[2] t = {1,6}> { a = Add(x, w)  r = Reshape(w, t)  b = Reshape(a, t)  y = Mul(b, r) }`,
		truth: `g (float[N,2,3] x, float[2,3] w) => (float[N,6] y) { a = Add(x, w)  m = Mul(a, w)  y = Flatten(m) }`, kept: "r a"},
	{name: "GatherND of a constant with a first axis of one", opset: 13, made: `g (int64[1,1] i) => (float[1,3] y) <float[1,4,3] table = {#12}, int64[1,1] row = {0}> { k = Concat<axis = 1>(row, i)  y = GatherND(table, k) }`,
		truth: `g (int64[N,1] i) => (float[N,3] y) <float[4,3] table = {#12}> { y = GatherND(table, i) }`, kept: "table"},
	{name: "the batch by Size and Div", opset: 13, made: `g (float[1,2,3] x) => (float[1,6] y) <int64[1] six = {6}> { n = Size(x)  d = Div(n, six)  t = Concat<axis = 0>(d, six)  y = Reshape(x, t) }`, truth: `g (float[N,2,3] x) => (float[N,6] y) { y = Flatten(x) }`, kept: "*"},
	{name: "all elements by ReduceProd", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64[3] back = {1,2,3}> { s = Shape(x)  p = ReduceProd(s)  f = Reshape(x, p)  n = Neg(f)  y = Reshape(n, back) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) { y = Neg(x) }`, kept: "s p f"},
	{name: "sizes of Resize by Floor and Mul of the input's own", opset: 11, made: `g (float[1,2,H,W] x) => (float[1,2,U,V] y) <float[0] none = {}, int64[1] z = {0}, int64[1] two = {2}, int64 i2 = {2}, int64 i3 = {3}, float f = {2}> {
			s = Shape(x)  h = Gather(s, i2)  w = Gather(s, i3)  hf = Cast<to = 1>(h)  wf = Cast<to = 1>(w)  hm = Mul(hf, f)  wm = Mul(wf, f)  hl = Floor(hm)  wl = Floor(wm)  hu = Unsqueeze<axes = [0]>(hl)  wu = Unsqueeze<axes = [0]>(wl)
			c = Concat<axis = 0>(hu, wu)  ci = Cast<to = 7>(c)  b = Slice(s, z, two, z)  t = Concat<axis = 0>(b, ci)  y = Resize<mode = "nearest">(x, none, none, t) }`,
		truth: `g (float[N,2,H,W] x) => (float[N,2,U,V] y) <float[0] none = {}, float[4] sc = {1,1,2,2}> { y = Resize<mode = "nearest">(x, none, sc) }`, kept: "*"},
	{name: "ones like the input, and a mask of them", opset: 11, made: `g (float[1,4] x) => (float[1,6] y) <float[1,2] k = {1,1}> { s = Shape(x)  o = ConstantOfShape<value = float[1] {1}>(s)  m = Mul(x, o)  c = Concat<axis = 1>(m, k)  y = Neg(c) }`,
		truth: `g (float[N,4] x) => (float[N,6] y) <int64[4] p = {0,0,0,2}, float one = {1}> { c = Pad(x, p, one)  y = Neg(c) }`, kept: "s o m"},
	{name: "PRelu with a slope of one row", opset: 9, made: `g (float[1,3,2] x) => (float[1,6] y) <float[1,3,1] slope = {#3}, int64[2] t = {1,6}> { p = PRelu(x, slope)  y = Reshape(p, t) }`, truth: `g (float[N,3,2] x) => (float[N,6] y) <float[3,1] slope = {#3}> { p = PRelu(x, slope)  y = Flatten(p) }`, kept: "slope p"},
	{name: "a film whose frames lie beside the batch in a transposed merge", opset: 13, made: `g (float[1,2,4,3] x) => (float[1,2,4,2] y) <int64[3] a = {4,2,3}, float[3,2] w = {#6}, int64[4] b = {4,1,2,2}> { t = Transpose<perm = [2,0,1,3]>(x)  r = Reshape(t, a)  m = MatMul(r, w)  u = Reshape(m, b)  y = Transpose<perm = [1,2,0,3]>(u) }`,
		truth: `g (float[N,2,4,3] x) => (float[N,2,4,2] y) <float[3,2] w = {#6}> { y = MatMul(x, w) }`, kept: "w t y"},
	{name: "a loop carries a sequence of rows that it reshapes by the batch second", opset: 13, made: `g (float[1,3] x) => (float[3,1] y) <int64 n = {3}, bool go = {1}, int64[2] t = {3,1}> { s = Transpose(x)  y = Loop(n, go, s)<body = b (int64 i, bool c, float[3,1] h) => (bool c2, float[3,1] h2) { c2 = Identity(c)  e = Tanh(h)  h2 = Reshape(e, t) }> }`,
		truth: `g (float[N,3] x) => (float[3,N] y) { a = Tanh(x)  b = Tanh(a)  c = Tanh(b)  y = Transpose(c) }`},

	// A batch of one row that is dropped, and comes back.
	{name: "a token joined to a squeezed sequence", opset: 13, made: `g (float[1,4,3] x) => (float[1,5,3] y) <float[1,3] token = {#3}, int64[1] t = {0}> { s = Squeeze(x, t)  a = Concat<axis = 0>(token, s)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,4,3] x) => (float[N,5,3] y) <float[3] token = {#3}, int64[6] p = {0,1,0,0,0,0}, float[5,1] m = {1,0,0,0,0}> { d = Pad(x, p)  k = Mul(token, m)  y = Add(d, k) }`},
	{name: "the first of a squeezed sequence", opset: 13, made: `g (float[1,4,3] x) => (float[1,3] y) <int64 z = {0}, int64[1] t = {0}> { s = Squeeze(x, t)  n = Neg(s)  a = Gather(n, z)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,4,3] x) => (float[N,3] y) <int64 z = {0}> { a = Gather<axis = 1>(x, z)  y = Neg(a) }`},
	{name: "a squeezed sequence by Gemm", opset: 13, made: `g (float[1,4,3] x) => (float[1,4,2] y) <float[3,2] w = {#6}, float[2] b = {#2}, int64[1] t = {0}> { s = Squeeze(x, t)  a = Gemm(s, w, b)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,4,3] x) => (float[N,4,2] y) <float[3,2] w = {#6}, float[2] b = {#2}> { a = MatMul(x, w)  y = Add(a, b) }`},
	{name: "a squeezed sequence sorted, cut and flattened", opset: 13, made: `g (float[1,4,3] x) => (float[1,6] y) <int64[1] k = {3}, int64[1] z = {0}, int64[1] two = {2}, int64[2] f = {1,6}> { s = Squeeze(x, z)  v, i = TopK<axis = 0>(s, k)  c = Slice(v, z, two, z)  y = Reshape(c, f) }`,
		truth: `g (float[N,4,3] x) => (float[N,6] y) <int64[1] k = {2}> { v, i = TopK<axis = 1>(x, k)  y = Flatten(v) }`},
	{name: "heads of a squeezed sequence", opset: 13, made: `g (float[1,4,6] x) => (float[1,4,6] y) <int64[1] z = {0}, int64[3] h = {4,2,3}, int64[2] j = {4,6}> { s = Squeeze(x, z)  r = Reshape(s, h)  q = Transpose<perm = [1,0,2]>(r)  k = Transpose<perm = [1,2,0]>(r)  m = MatMul(q, k)  p = Softmax(m)  a = MatMul(p, q)  b = Transpose<perm = [1,0,2]>(a)  c = Reshape(b, j)  y = Unsqueeze(c, z) }`,
		truth: `g (float[N,4,6] x) => (float[N,4,6] y) <int64[4] h = {0,0,2,3}, int64[3] j = {0,0,6}> { r = Reshape(x, h)  q = Transpose<perm = [0,2,1,3]>(r)  k = Transpose<perm = [0,2,3,1]>(r)  m = MatMul(q, k)  p = Softmax(m)  a = MatMul(p, q)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, j) }`},
	{name: "the largest of a squeezed row", opset: 13, made: `g (float[1,4] x) => (float[1,4] y) <int64[1] z = {0}> { s = Squeeze(x, z)  k = ReduceMax(s)  e = Equal(s, k)  o = Cast<to = 1>(e)  m = Mul(o, s)  y = Unsqueeze(m, z) }`,
		truth: `g (float[N,4] x) => (float[N,4] y) <int64 d = {4}, float[2] v = {0,1}> { i = ArgMax<axis = 1, keepdims = 0>(x)  o = OneHot(i, d, v)  y = Mul(o, x) }`},
	{name: "ScatterND of places in the one row", opset: 13, made: `g (float[1,4,2] x) => (float[1,4,2] y) <int64[2,2] i = {0,1,0,3}, float[2,2] u = {#4}> { y = ScatterND(x, i, u) }`,
		truth: `g (float[N,4,2] x) => (float[N,4,2] y) <bool[4,1] m = {0,1,0,1}, float[4,2] u = {0,0,-0.78,-0.04,0,0,0.7,-0.58}> { y = Where(m, u, x) }`},
	{name: "GatherND of places in the one row", opset: 13, made: `g (float[1,4,2] x) => (float[1,2,2] y) <int64[1,2,2] i = {0,1,0,3}> { y = GatherND(x, i) }`, truth: `g (float[N,4,2] x) => (float[N,2,2] y) <int64[2] at = {1,3}> { y = Gather<axis = 1>(x, at) }`},
	{name: "GatherND by the row and a channel of one", opset: 13, made: `g (float[1,1,4,3] x, int64[1,1] i) => (float[1,3] y) <int64[1,2] row = {0,0}> { k = Concat<axis = 1>(row, i)  y = GatherND(x, k) }`,
		truth: `g (float[N,1,4,3] x, int64[N,1] i) => (float[N,3] y) <int64[1] one = {1}> { s = Squeeze(x, one)  y = GatherND<batch_dims = 1>(s, i) }`},
	{name: "-1 for a free length, behind rows merged with it", made: `g (float[1,T,6] x) => (float[1,T,2] y) <int64[2] flat = {-1,6}, float[6,2] w = {#12}, int64[3] back = {1,-1,2}> { f = Reshape(x, flat)  m = MatMul(f, w)  y = Reshape(m, back) }`,
		truth: `g (float[N,T,6] x) => (float[N,T,2] y) <float[6,2] w = {#12}> { y = MatMul(x, w) }`},
	{name: "-1 for a free length before the batch", axes: "x=1", made: `g (float[T,1,8] x) => (float[T,1,8] y) <int64[3] merged = {-1,2,4}, int64[3] back = {-1,1,8}> { h = Reshape(x, merged)  n = Neg(h)  y = Reshape(n, back) }`,
		truth: `g (float[T,N,8] x) => (float[T,N,8] y) { y = Neg(x) }`},
	{name: "-1 for a free length, heads merged with the batch", made: `g (float[1,T,8] x) => (float[1,T,8] y) <int64[4] heads = {1,-1,2,4}, int64[3] merged = {2,-1,4}, int64[4] apart = {1,2,-1,4}, int64[3] join = {1,-1,8}> {
			h = Reshape(x, heads)  p = Transpose<perm = [0,2,1,3]>(h)  q = Reshape(p, merged)  n = Softmax<axis = 1>(q)  a = Reshape(n, apart)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`,
		truth: `g (float[N,T,8] x) => (float[N,T,8] y) { y = Softmax<axis = 1>(x) }`},
	{name: "Einsum with the batch second, and an ellipsis", opset: 13, axes: "x=1", made: `g (float[5,1,4] x) => (float[1,5,2] y) <float[4,2] w = {#8}> { s = Einsum<equation = "ibd,jbd->bij">(x, x)  v = Einsum<equation = "...d,de->...e">(x, w)  y = Einsum<equation = "bij,jbe->bie">(s, v) }`,
		truth: `g (float[5,N,4] x) => (float[N,5,2] y) <float[4,2] w = {#8}> { q = Transpose<perm = [1,0,2]>(x)  k = Transpose<perm = [1,2,0]>(x)  s = MatMul(q, k)  v = MatMul(q, w)  y = MatMul(s, v) }`},
	{name: "positions by Range over the sequence", opset: 11, made: `g (float[1,S,2] x) => (float[1,S,2] y) <float[6,2] places = {#12}, int64 a = {0}, int64 one = {1}> { s = Shape(x)  n = Gather(s, one)  r = Range(a, n, one)  u = Unsqueeze<axes = [0]>(r)  p = Gather(places, u)  y = Add(x, p) }`,
		truth: `g (float[N,S,2] x) => (float[N,S,2] y) <float[6,2] places = {#12}, int64 a = {0}, int64 one = {1}> { s = Shape(x)  n = Gather(s, one)  r = Range(a, n, one)  p = Gather(places, r)  y = Add(x, p) }`},
	{name: "ScatterElements of constants into each row", opset: 13, made: `g (float[1,4] x) => (float[1,4] y) <int64[1,2] i = {3,1}, float[1,2] u = {7,8}> { y = ScatterElements<axis = 1>(x, i, u) }`,
		truth: `g (float[N,4] x) => (float[N,4] y) <bool[4] m = {0,1,0,1}, float[4] u = {0,8,0,7}> { y = Where(m, u, x) }`},
	{name: "ScatterElements into zeros", opset: 13, made: `g (float[1,4] x) => (float[1,4] y) <int64[2] s = {1,4}, int64[1] k = {2}> { z = ConstantOfShape(s)  v, i = TopK(x, k)  y = ScatterElements<axis = 1>(z, i, v) }`,
		truth: `g (float[N,4] x) => (float[N,4] y) <int64[1] k = {2}, int64[1] b = {1}, float zero = {0}, int64[1] one = {1}> { v, i = TopK(x, k)  l = ReduceMin<axes = [1]>(v)  g = GreaterOrEqual(x, l)  y = Where(g, x, zero) }`},
	{name: "a channel of one left where Squeeze drops the batch", opset: 13, made: `g (float[1,1,3] x) => (float[1,3] y) <int64[1] z = {0}> { s = Squeeze(x, z)  y = Neg(s) }`, truth: `g (float[N,1,3] x) => (float[N,1,3] y) { y = Neg(x) }`, grows: true},
	{name: "Flatten from axis 0", opset: 13, made: `g (float[1,2,3] x) => (float[1,6] y) { y = Flatten<axis = 0>(x) }`, truth: `g (float[N,2,3] x) => (float[N,6] y) { y = Flatten(x) }`},
	{name: "Softmax of opset 11 from axis 0", opset: 11, made: `g (float[1,2,3] x) => (float[1,2,3] y) { y = Softmax<axis = 0>(x) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) { y = Softmax<axis = 1>(x) }`},
	{name: "positions by NonZero of ones", opset: 11, made: `g (int64[1,4] x) => (float[1,4,2] y) <float[4,2] words = {#8}, float[5,2] places = {#10}, int64[1] n = {4}> { o = ConstantOfShape<value = int64[1] {1}>(n)  z = NonZero(o)  t = Transpose<perm = [1,0]>(z)  p = Squeeze<axes = [1]>(t)  w = Gather(words, x)  q = Gather(places, p)  y = Add(w, q) }`,
		truth: `g (int64[N,4] x) => (float[N,4,2] y) <float[4,2] words = {#8}, float[4,2] places = {#8}> { w = Gather(words, x)  y = Add(w, places) }`},
	{name: "a mean with a constant row, of old", opset: 7, made: `g (float[1,3] x) => (float[1,3] y) <float[1,3] k = {#3}> { e = Exp(x)  y = Mean(x, k, e) }`, truth: `g (float[N,3] x) => (float[N,3] y) <float[3] k = {#3}, float w = {3}> { e = Exp(x)  a = Add(x, k)  b = Add(a, e)  y = Div(b, w) }`},
	{name: "a maximum with zeros of a constant row, of old", opset: 7, made: `g (float[1,3] x) => (float[1,3] y) <float[1,3] k = {0,0,0}> { y = Max(x, k) }`, truth: `g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }`},
	{name: "a sum with a constant row, of old", opset: 7, made: `g (float[1,3] x) => (float[1,3] y) <float[1,3] k = {#3}> { y = Sum(x, k) }`, truth: `g (float[N,3] x) => (float[N,3] y) <float[3] k = {#3}> { y = Add(x, k) }`},
	{name: "a squeezed vector beside a squeezed sequence", opset: 13, made: `g (float[1,4,3] x, float[1,3] z) => (float[1,4,3] y) <int64[1] t = {0}> { s = Squeeze(x, t)  r = Squeeze(z, t)  a = Add(s, r)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,4,3] x, float[N,3] z) => (float[N,4,3] y) <int64[1] one = {1}> { u = Unsqueeze(z, one)  y = Add(x, u) }`},
	{name: "a squeezed square beside a squeezed vector", opset: 13, made: `g (float[1,3,3] x, float[1,3] z) => (float[1,3,3] y) <int64[1] t = {0}> { s = Squeeze(x, t)  r = Squeeze(z, t)  a = Mul(r, s)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,3,3] x, float[N,3] z) => (float[N,3,3] y) <int64[1] one = {1}> { u = Unsqueeze(z, one)  y = Mul(x, u) }`},
	{name: "the product of two squeezed vectors", opset: 13, made: `g (float[1,3] x, float[1,3] z) => (float[1] y) <int64[1] t = {0}> { s = Squeeze(x, t)  r = Squeeze(z, t)  a = MatMul(s, r)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,3] x, float[N,3] z) => (float[N] y) <int64[1] one = {1}> { m = Mul(x, z)  y = ReduceSum<keepdims = 0>(m, one) }`},
	{name: "a squeezed vector times a squeezed matrix", opset: 13, made: `g (float[1,3] x, float[1,3,3] z) => (float[1,3] y) <int64[1] t = {0}> { s = Squeeze(x, t)  r = Squeeze(z, t)  a = MatMul(s, r)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,3] x, float[N,3,3] z) => (float[N,3] y) <int64[1] one = {1}> { u = Unsqueeze(x, one)  m = MatMul(u, z)  y = Squeeze(m, one) }`},
	{name: "a squeezed matrix times a squeezed vector", opset: 13, made: `g (float[1,3,3] x, float[1,3] z) => (float[1,3] y) <int64[1] t = {0}> { s = Squeeze(x, t)  r = Squeeze(z, t)  a = MatMul(s, r)  y = Unsqueeze(a, t) }`,
		truth: `g (float[N,3,3] x, float[N,3] z) => (float[N,3] y) <int64[1] two = {2}> { u = Unsqueeze(z, two)  m = MatMul(x, u)  y = Squeeze(m, two) }`},
	{name: "a residual of what is squeezed", opset: 13, made: `g (float[1,3] x) => (float[1,3] y) <int64[1] z = {0}> { s = Squeeze(x, z)  a = Exp(s)  y = Add(a, x) }`, truth: `g (float[N,3] x) => (float[N,3] y) { a = Exp(x)  y = Add(a, x) }`},
	{name: "an output that drops the one row", opset: 13, made: `g (float[1,3] x) => (float[3] y) <int64[1] z = {0}> { y = Squeeze(x, z) }`, truth: `g (float[N,3] x) => (float[N,3] y) { y = Identity(x) }`, grows: true},
	{name: "an output that drops whatever is 1", opset: 11, made: `g (float[1,3,1] x) => (float[3] y) { y = Squeeze(x) }`, truth: `g (float[N,3,1] x) => (float[N,3] y) { y = Squeeze<axes = [2]>(x) }`, grows: true},
	{name: "a table of its own shape beside a squeezed row", opset: 13, made: `g (float[1,3] x) => (float[1,2,3] y) <int64[1] z = {0}, float[2,3] k = {#6}> { s = Squeeze(x, z)  a = Add(s, k)  y = Unsqueeze(a, z) }`,
		truth: `g (float[N,3] x) => (float[N,2,3] y) <int64[1] one = {1}, float[2,3] k = {#6}> { s = Unsqueeze(x, one)  y = Add(s, k) }`},
	{name: "a mask that is written into each row", opset: 13, made: `g (float[1,4,2] x, float[1,2,2] u) => (float[1,4,2] y) <int64[1,2,2] i = {0,1,0,3}> { y = ScatterND(x, i, u) }`,
		truth: `g (float[N,4,2] x, float[N,2,2] u) => (float[N,4,2] y) <int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}, int64[1] four = {4}, int64[1] zero = {0}> {
			a = Slice(x, zero, one, one)  b = Slice(x, two, three, one)  p = Slice(u, zero, one, one)  q = Slice(u, one, two, one)  y = Concat<axis = 1>(a, p, b, q) }`},
	{name: "rows that are sampled in a branch", opset: 16, made: `g (float[1,2,3,3] x, bool c) => (float[1,2,2,2] y) <float[1,2,2,2] grid = {#8}> {
			y = If(c)<then_branch = a () => (float[1,2,2,2] p) { p = GridSample(x, grid) }, else_branch = b () => (float[1,2,2,2] q) { m = Neg(x)  q = GridSample(m, grid) }> }`,
		truth: `g (float[N,2,3,3] x, bool c) => (float[N,2,2,2] y) <float[1,2,2,2] grid = {#8}, int64[3] rest = {2,2,2}> {
			n = Shape<end = 1>(x)  t = Concat<axis = 0>(n, rest)  e = Expand(grid, t)  m = Neg(x)  z = Where(c, x, m)  y = GridSample(z, e) }`, inputs: "x"},
	{name: "groups of channels that are sampled like rows", opset: 16, made: `g (float[1,4,3,3] x, float[1,2,2,2,2] p) => (float[1,4,2,2] y) <int64[4] a = {2,2,3,3}, int64[4] b = {2,2,2,2}, int64[4] c = {1,4,2,2}> {
			r = Reshape(x, a)  q = Reshape(p, b)  s = GridSample(r, q)  y = Reshape(s, c) }`,
		truth: `g (float[N,4,3,3] x, float[N,2,2,2,2] p) => (float[N,4,2,2] y) <int64 zero = {0}, int64 one = {1}, int64[2] parts = {2,2}> {
			u, v = Split<axis = 1>(x, parts)  f = Gather<axis = 1>(p, zero)  g = Gather<axis = 1>(p, one)  a = GridSample(u, f)  b = GridSample(v, g)  y = Concat<axis = 1>(a, b) }`},
}

// openCases are refused, though a person could free them.
var openCases = []batchTruth{
	{name: "weights that a row modulates", opset: 13, made: `g (float[1,2,3,3] x, float[1,2] s) => (float[1,3,3,3] y) <float[1,3,2,1,1] w = {#6}, int64[5] a = {1,1,2,1,1}, int64[4] b = {3,2,1,1}, int64[4] c = {1,2,3,3}, int64[4] d = {1,3,3,3}> {
			t = Reshape(s, a)  m = Mul(w, t)  k = Reshape(m, b)  r = Reshape(x, c)  o = Conv<group = 1>(r, k)  y = Reshape(o, d) }`,
		truth: `g (float[N,2,3,3] x, float[N,2] s) => (float[N,3,3,3] y) <float[3,2,1,1] w = {#6}, int64[2] a = {2,3}> { t = Unsqueeze(s, a)  r = Mul(x, t)  y = Conv(r, w) }`, told: `its input "k" depends on what the rows hold, so one row's result would hang on the others`},
	{name: "Tile of the rows, taken for the first of two axes", opset: 13, made: `g (float[1,4] x) => (float[1,3,4] y) <int64[2] r = {3,1}, int64[3] t = {1,3,4}, float[3,1] w = {#3}> { e = Tile(x, r)  k = Reshape(e, t)  y = Mul(k, w) }`,
		truth: `g (float[N,4] x) => (float[N,3,4] y) <float[3,1] w = {#3}, int64[1] one = {1}> { k = Unsqueeze(x, one)  y = Mul(k, w) }`, told: `"w", of shape [3,1], stands beside rows that lie in blocks ([1,3*N,4])`},
	{name: "a mask tiled for heads that are merged with rows", opset: 13, made: `g (float[1,2,3,3] x, float[1,3,3] m) => (float[1,2,3,3] y) <int64[3] r = {2,1,1}, int64[3] a = {2,3,3}, int64[4] b = {1,2,3,3}> { e = Tile(m, r)  q = Reshape(x, a)  s = Add(q, e)  y = Reshape(s, b) }`,
		truth: `g (float[N,2,3,3] x, float[N,3,3] m) => (float[N,2,3,3] y) <int64[1] one = {1}> { e = Unsqueeze(m, one)  y = Add(x, e) }`, told: `Add mixes rows: the rows lie differently in "q" ([2*N,3,3]) and "e" ([2*N,3,3])`},
	{name: "a mask joined twice for heads that are merged with rows", opset: 13, made: `g (float[1,2,3,3] x, float[1,3,3] m) => (float[1,2,3,3] y) <int64[3] a = {2,3,3}, int64[4] b = {1,2,3,3}> { e = Concat<axis = 0>(m, m)  q = Reshape(x, a)  s = Add(q, e)  y = Reshape(s, b) }`,
		truth: `g (float[N,2,3,3] x, float[N,3,3] m) => (float[N,2,3,3] y) <int64[1] one = {1}> { e = Unsqueeze(m, one)  y = Add(x, e) }`, told: `Add mixes rows: the rows lie differently in "q" ([2*N,3,3]) and "e" ([2*N,3,3])`},
	{name: "RoiAlign of boxes that are constant", opset: 16, made: `g (float[1,1,4,4] x) => (float[1,2,1,2,2] y) <float[2,4] boxes = {0,0,2,2,1,1,3,3}, int64[2] of = {0,0}, int64[5] t = {1,2,1,2,2}> { r = RoiAlign<output_height = 2, output_width = 2, sampling_ratio = 1>(x, boxes, of)  y = Reshape(r, t) }`,
		truth: `g (float[N,1,4,4] x) => (float[N,2,1,2,2] y) <float[1,2,4] boxes = {0,0,2,2,1,1,3,3}, int64 z = {0}, int64 o = {1}, int64[5] t = {-1,2,1,2,2}, int64[1] one = {1}, int64[2] rest = {2,4}, int64[2] two = {1,2}, int64[2] b4 = {-1,4}, int64[1] m = {-1}> {
			s = Shape<end = 1>(x)  n = Squeeze(s)  k = Concat<axis = 0>(s, rest)  e = Expand(boxes, k)  f = Reshape(e, b4)  q = Range(z, n, o)  u = Unsqueeze(q, one)  v = Tile(u, two)  of = Reshape(v, m)
			r = RoiAlign<output_height = 2, output_width = 2, sampling_ratio = 1>(x, f, of)  y = Reshape(r, t) }`, told: `what operator RoiAlign does to the rows of a batch is not known`},
	{name: "a squeezed row in a branch", opset: 13, made: `g (float[1,4] x, bool c) => (float[1,4] y) <int64[1] z = {0}> { s = Squeeze(x, z)  r = If(c)<then_branch = a () => (float[4] p) { p = Softmax<axis = 0>(s) }, else_branch = b () => (float[4] q) { q = Neg(s) }>  y = Unsqueeze(r, z) }`,
		truth: `g (float[N,4] x, bool c) => (float[N,4] y) { p = Softmax(x)  q = Neg(x)  y = Where(c, p, q) }`, inputs: "x", told: `it drops axis 0, which holds the batch ([N,4])`},
}

// mixingCases have a meaning for several rows that mixes them: rows that are picked, reduced or multiplied with one another, or counted. They are refused, and the truth is what each row by itself would be.
var mixingCases = []batchTruth{
	{name: "the one row picked, and put back", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64 z = {0}, int64[1] ax = {0}> { r = Gather(x, z)  s = Softmax<axis = 0>(r)  y = Unsqueeze(s, ax) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) { y = Softmax<axis = 1>(x) }`, told: `Gather mixes rows: it picks rows along axis 0, which holds the batch ([N,2,3])`},
	{name: "the one row picked by a list of one", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,3] y) <int64[1] z = {0}> { r = Gather(x, z)  y = Neg(r) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) { y = Neg(x) }`, told: `Gather mixes rows: it picks rows along axis 0, which holds the batch ([N,2,3])`},
	{name: "Gather by places of the row itself", opset: 13, made: `g (float[1,4] x, int64[1,2] i) => (float[1,2] y) <int64[2] t = {1,2}> { g1 = Gather<axis = 1>(x, i)  y = Reshape(g1, t) }`, truth: `g (float[N,4] x, int64[N,2] i) => (float[N,2] y) { y = GatherElements<axis = 1>(x, i) }`, told: `Gather mixes rows: it picks from every row by the indices of every row`},
	{name: "a product of two rows by MatMul", opset: 13, made: `g (float[1,4] x, float[1,4] z) => (float[1,1] y) { t = Transpose(z)  y = MatMul(x, t) }`, truth: `g (float[N,4] x, float[N,4] z) => (float[N,1] y) <int64[1] one = {1}> { m = Mul(x, z)  y = ReduceSum(m, one) }`, told: `MatMul mixes rows: it multiplies every row of "x" ([N,4]) with every row of "t" ([4,N])`},
	{name: "an outer product by Einsum", opset: 13, made: `g (float[1,4] x, float[1,4] z) => (float[1,4,4] y) <int64[3] t = {1,4,4}> { m = Einsum<equation = "bi,bj->ij">(x, z)  y = Reshape(m, t) }`,
		truth: `g (float[N,4] x, float[N,4] z) => (float[N,4,4] y) { y = Einsum<equation = "ni,nj->nij">(x, z) }`, told: `Einsum mixes rows: it sums over the batch (bi,bj->ij)`},
	{name: "a maximum over all axes", opset: 13, made: `g (float[1,2,3] x) => (float[1,2,3] y) { m = ReduceMax(x)  y = Sub(x, m) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) { m = ReduceMax<axes = [1,2]>(x)  y = Sub(x, m) }`, told: `ReduceMax mixes rows: it reduces over all axes, that of the batch (axis 0 of [N,2,3]) too`},
	{name: "LayerNormalization from axis 0", opset: 17, made: `g (float[1,2,3] x) => (float[1,2,3] y) <float[1,2,3] w = {#6}> { y = LayerNormalization<axis = 0>(x, w) }`, truth: `g (float[N,2,3] x) => (float[N,2,3] y) <float[2,3] w = {#6}> { y = LayerNormalization<axis = 1>(x, w) }`, told: `LayerNormalization mixes rows: it normalises over the axes from 0 on, that of the batch (axis 0 of [N,2,3]) too`},
	{name: "a loop over the rows", opset: 13, made: `g (float[1,3] x) => (float[1,3] y) <int64 n = {1}, bool go = {1}> { y = Loop(n, go)<body = b (int64 i, bool c) => (bool c2, float[3] row) { c2 = Identity(c)  r = Gather(x, i)  row = Softmax(r) }> }`, truth: `g (float[N,3] x) => (float[N,3] y) { y = Softmax(x) }`, told: `Gather mixes rows: it picks rows along axis 0, which holds the batch ([N,3])`},
	{name: "rows taken for channels of one image", opset: 13, made: `g (float[1,6] x) => (float[1,2,4] y) <float[2,1,3] w = {#6}, int64[1] zero = {0}> { u = Unsqueeze(x, zero)  y = Conv(u, w) }`,
		truth: `g (float[N,6] x) => (float[N,2,4] y) <float[2,1,3] w = {#6}, int64[1] one = {1}> { u = Unsqueeze(x, one)  y = Conv(u, w) }`, told: `Conv mixes rows: the batch lies in axis 1 of [1,N,6], which this operator sums over or slides along`},
	{name: "EyeLike of the one row", opset: 13, made: `g (float[1,4] x) => (float[1,4] y) { e = EyeLike(x)  y = Add(x, e) }`, truth: `g (float[N,4] x) => (float[N,4] y) <float[4] e = {1,0,0,0}> { y = Add(x, e) }`, told: `EyeLike mixes rows`},
	{name: "a row beside a row with one more axis", opset: 13, made: `g (float[1,4] x, float[1,1,4] z) => (float[1,1,4] y) { y = Mul(x, z) }`, truth: `g (float[N,4] x, float[N,1,4] z) => (float[N,1,4] y) <int64[1] one = {1}> { u = Unsqueeze(x, one)  y = Mul(u, z) }`, told: `Mul mixes rows: it holds every row of "x" against every row of "z" (axis 0 of [N,4], axis 0 of [N,1,4])`},
	{name: "a sequence times the column of its row", opset: 13, made: `g (float[1,4,3] x, float[1,3] z) => (float[1,4,1] y) { t = Transpose(z)  y = MatMul(x, t) }`, truth: `g (float[N,4,3] x, float[N,3] z) => (float[N,4,1] y) <int64[1] two = {2}> { u = Unsqueeze(z, two)  y = MatMul(x, u) }`, told: `MatMul mixes rows: it multiplies every row of "x" ([N,4,3]) with every row of "t" ([3,N])`},
	{name: "a branch that compares the number of rows", opset: 13, made: `g (float[1,4] x) => (float[1,4] y) <int64 zero = {0}, int64 one = {1}> { s = Shape(x)  n = Gather(s, zero)  c = Equal(n, one)  y = If(c)<then_branch = a () => (float[1,4] p) { p = Neg(x) }, else_branch = b () => (float[1,4] q) { q = Abs(x) }> }`,
		truth: `g (float[N,4] x) => (float[N,4] y) { y = Neg(x) }`, told: `which branch it takes depends on the batch (input "c")`},
}
