package shape

import "onnxtool/onnxpb"

func attentionRules() ruleSet {
	return ruleSet{
		"Attention":       attentionRule,
		"LinearAttention": linearAttentionRule,
		"RotaryEmbedding": rotaryRule,
		"TensorScatter":   tensorScatterRule,
		// Not one of ONNX's operators: ONNX Runtime's optimizer writes it with ONNX's domain.
		"SimplifiedLayerNormalization": oldNormRule,
	}
}

// heads splits a dimension that holds all heads one after the other; the size of one is unknown where it is not known how many there are.
func heads(c *call, d, n Dim, what string) Dim {
	if !n.AtLeast(1) {
		return Dim{}
	}
	return shareOf(c, d, n, what)
}

// joined returns the dimension that holds as many heads of a size one after the other: where these are as many as the dimension held that they were split from, it
// is that one.
func joined(from, were, n, size Dim) Dim {
	if from.Known() && were.Equal(n) {
		return from
	}
	return n.Mul(size)
}

// attrDim returns an attribute that counts something: unknown where it is left out, or not positive.
func attrDim(c *call, name string) Dim {
	if n := c.attrInt(name, 0); n > 0 {
		return Number(n)
	}
	return Dim{}
}

// attentionRule: query, key and value have an axis of the heads (rank 4), or the heads stand one after the other in the last one (rank 3).
func attentionRule(c *call) {
	rank := -1
	for i, what := range []string{"Q", "K", "V"} {
		r := c.rank(i)
		if r < 0 {
			continue
		}
		if r != 3 && r != 4 || rank >= 0 && r != rank {
			c.fault("%s has rank %d: Q, K and V need the same rank, which is 3 or 4", what, r)
			return
		}
		rank = r
	}
	qHeads, kvHeads := attrDim(c, "q_num_heads"), attrDim(c, "kv_num_heads")
	q, k, v := make([]Dim, 4), make([]Dim, 4), make([]Dim, 4) // batch, heads, length, size of a head
	for i, at := range []*[]Dim{&q, &k, &v} {
		d, ok := c.dims(i)
		n := kvHeads
		if i == 0 {
			n = qHeads
		}
		what := [...]string{"Q", "K", "V"}[i]
		switch {
		case ok && rank == 4:
			*at = append([]Dim(nil), d...)
			(*at)[1] = c.unify(d[1], n, "the heads of "+what+", by its shape and by the attribute,")
		case ok:
			*at = []Dim{d[0], n, d[1], heads(c, d[2], n, "the last dimension of "+what)}
		default:
			(*at)[1] = n
		}
	}
	batch := c.unify(c.unify(q[0], k[0], "the batches of Q and K"), v[0], "the batches of Q and V")
	kv := c.unify(k[1], v[1], "the heads of K and V")
	sharesOf(c, q[1], kv, "the heads of Q")
	length := c.unify(k[2], v[2], "the lengths of K and V")
	size := c.unify(k[3], q[3], "the sizes of a head of K and Q")
	total := length
	if c.has(4) || c.has(5) {
		past := Dim{}
		for i, x := range [][]Dim{k, v} {
			p, ok := c.dims(4 + i)
			if !ok {
				continue
			}
			what := [...]string{"past_key", "past_value"}[i]
			if len(p) != 4 {
				c.fault("%s has rank %d, and needs 4", what, len(p))
				return
			}
			batch = c.unify(batch, p[0], "the batches of the input and of "+what)
			kv = c.unify(kv, p[1], "the heads and those of "+what)
			past = c.unify(past, p[2], "the lengths of past_key and past_value")
			x[3] = c.unify(x[3], p[3], "the size of a head and that of "+what)
		}
		size = c.unify(size, k[3], "the sizes of a head of Q and past_key")
		total = past.Add(length)
	}
	// What is unknown in several outputs is one unknown dimension.
	for _, d := range []*Dim{&batch, &kv, &q[1], &q[2], &total, &v[3]} {
		if !d.Known() {
			*d = c.fresh()
		}
	}
	switch rank {
	case 4:
		c.setDims(0, []Dim{batch, q[1], q[2], v[3]})
	case 3:
		value, _ := c.dims(2)
		c.setDims(0, []Dim{batch, q[2], joined(dimOf(value, 2), kv, q[1], v[3])})
	}
	c.setDims(1, []Dim{batch, kv, total, size})
	c.setDims(2, []Dim{batch, kv, total, v[3]})
	c.setDims(3, []Dim{batch, q[1], q[2], total})
}

// linearAttentionRule: the state is a matrix for each head of keys and values.
func linearAttentionRule(c *call) {
	for i, what := range []string{"query", "key", "value"} {
		if !ofRank(c, i, 3, what) {
			return
		}
	}
	if !ofRank(c, 3, 4, "past_state") {
		return
	}
	if !c.has(3) && c.outElem(1) == onnxpb.TensorProto_UNDEFINED && c.elemOf(0) != onnxpb.TensorProto_UNDEFINED {
		c.setElem(1, c.elemOf(0))
	}
	q, _ := c.dims(0)
	k, _ := c.dims(1)
	v, _ := c.dims(2)
	qHeads, kvHeads := attrDim(c, "q_num_heads"), attrDim(c, "kv_num_heads")
	sharesOf(c, qHeads, kvHeads, "the heads of the query")
	batch := c.unify(c.unify(dimOf(q, 0), dimOf(k, 0), "the batches of query and key"), dimOf(v, 0), "the batches of query and value")
	steps := c.unify(c.unify(dimOf(q, 1), dimOf(k, 1), "the lengths of query and key"), dimOf(v, 1), "the lengths of query and value")
	size := c.unify(heads(c, dimOf(q, 2), qHeads, "the last dimension of the query"), heads(c, dimOf(k, 2), kvHeads, "the last dimension of the key"),
		"the sizes of a head of query and key")
	wide := heads(c, dimOf(v, 2), kvHeads, "the last dimension of the value")
	if past, ok := c.dims(3); ok {
		batch = c.unify(batch, past[0], "the batches of the input and of past_state")
		kvHeads = c.unify(kvHeads, past[1], "the heads and those of past_state")
		size = c.unify(size, past[2], "the size of a head of the key and that of past_state")
		wide = c.unify(wide, past[3], "the size of a head of the value and that of past_state")
	}
	for _, d := range []*Dim{&batch, &wide} {
		if !d.Known() {
			*d = c.fresh()
		}
	}
	c.setDims(0, []Dim{batch, steps, joined(dimOf(v, 2), kvHeads, qHeads, wide)})
	c.setDims(1, []Dim{batch, kvHeads, size, wide})
}

func rotaryRule(c *call) {
	if x, ok := c.dims(0); ok {
		if len(x) != 3 && len(x) != 4 {
			c.fault("the input has rank %d, and needs 3 or 4", len(x))
			return
		}
		c.setDims(0, x)
	}
}

func tensorScatterRule(c *call) {
	cache, known := c.dims(0)
	update, updated := c.dims(1)
	if known && updated {
		if len(cache) != len(update) {
			c.fault("the cache and the update have rank %d and %d, which have to be equal", len(cache), len(update))
			return
		}
		axis, ok := c.axis(c.attrInt("axis", -2), len(cache))
		if !ok {
			return
		}
		out := append([]Dim(nil), cache...)
		for i := range out {
			if i != axis {
				out[i] = c.unify(out[i], update[i], "the dimensions of the cache and of the update")
			}
		}
		cache = out
	}
	if known {
		c.setDims(0, cache)
	}
}
