package shape

import (
	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

func microsoftAttentionRules() ruleSet {
	return ruleSet{
		"Attention":                       typedBy(0, func(c *call) { packedWeightsRule(c, 4) }),
		"DecoderMaskedMultiHeadAttention": typedBy(0, decoderAttentionRule),
		"GroupQueryAttention":             typedBy(0, groupQueryRule),
		"MultiHeadAttention":              typedBy(0, multiHeadRule),
		"PackedAttention":                 typedBy(0, packedAttentionRule),
		"PackedMultiHeadAttention":        typedBy(0, packedMultiHeadRule),
		"QAttention":                      typedBy(3, func(c *call) { packedWeightsRule(c, 8) }),
		"RemovePadding":                   removePaddingRule,
		"RestorePadding":                  typedBy(0, restorePaddingRule),
		"SparseAttention":                 typedBy(0, sparseAttentionRule),
	}
}

// widths returns the last dimensions of key and value where the weights of query, key and value stand side by side: as qkv_hidden_sizes says, or a third each.
func widths(c *call) (key, value Dim) {
	if sizes, _ := c.attrInts("qkv_hidden_sizes"); len(sizes) == 3 && areLengths(c, numbers(sizes), "qkv_hidden_sizes") {
		return Number(sizes[1]), Number(sizes[2])
	}
	w, _ := c.dims(1)
	bias, _ := c.dims(2)
	all := c.unify(dimOf(w, 1), dimOf(bias, 0), "the columns of the weights and the bias")
	third := shareOf(c, all, Number(3), "the width of query, key and value together")
	return third, third
}

// packedWeightsRule: what goes in is multiplied with the weights of query, key and value; past and present hold keys and values in one tensor.
func packedWeightsRule(c *call, past int) {
	c.setElem(1, c.outElem(0))
	if !ofRank(c, 0, 3, "the input") || !ofRank(c, 1, 2, "the weights") || !ofRank(c, past, 5, "the past") {
		return
	}
	x, _ := c.dims(0)
	w, _ := c.dims(1)
	c.unify(dimOf(x, 2), dimOf(w, 0), "the last dimension of the input and the rows of the weights")
	key, value := widths(c)
	batch, steps := dimOf(x, 0), dimOf(x, 1)
	if !batch.Known() {
		batch = c.fresh()
	}
	c.setDims(0, []Dim{batch, steps, value})
	count := attrDim(c, "num_heads")
	present := []Dim{Number(2), batch, count, steps, heads(c, key, count, "the width of the key")}
	if c.has(past) {
		p, ok := c.dims(past)
		switch {
		case !ok:
			present[3] = Dim{}
		case c.attrInt("past_present_share_buffer", 0) != 0:
			present[3] = p[3]
		default:
			present[3] = p[3].Add(steps)
		}
		for _, i := range []int{1, 2, 4} {
			present[i] = c.unify(present[i], dimOf(p, i), "the dimensions of the past and of the present")
		}
	}
	c.setDims(1, present)
}

// multiHeadRule: query, key and value stand apart (rank 3), key and value have their heads split off already (rank 4), or all are packed into the query (rank 5), or
// key and value into the key.
func multiHeadRule(c *call) {
	for i := 1; i <= 2; i++ {
		c.setElem(i, c.outElem(0))
	}
	q, ok := c.dims(0)
	if ok && len(q) != 3 && len(q) != 5 {
		c.fault("the query has rank %d, and needs 3 or 5", len(q))
		return
	}
	if !ok {
		return
	}
	count := attrDim(c, "num_heads")
	k, keyed := c.dims(1)
	v, valued := c.dims(2)
	var width, size, steps Dim // of the output, of a head of the key, and how many keys come in
	switch {
	case len(q) == 5:
		width, size, steps = q[2].Mul(q[4]), q[4], q[1]
	case valued && len(v) == 3:
		width, steps = v[2], v[1]
		size = heads(c, q[2], count, "the last dimension of the query")
	case valued && len(v) == 4:
		width = v[1].Mul(v[3])
	case keyed && len(k) == 5 && !c.has(2):
		width, size, steps = q[2], k[4], k[1]
	}
	batch := q[0]
	if !batch.Known() {
		batch = c.fresh()
	}
	c.setDims(0, []Dim{batch, q[1], width})
	if keyed && len(k) == 4 {
		return // keys of another sequence, which are no part of the cache
	}
	c.setDims(1, presentOf(c, 6, []Dim{batch, count, steps, size}, c.has(8)))
	if len(q) == 3 && valued && len(v) == 3 {
		size = heads(c, v[2], count, "the last dimension of the value")
	}
	c.setDims(2, presentOf(c, 7, []Dim{batch, count, steps, size}, c.has(8)))
}

// presentOf returns the shape of keys or values with those of the past before them: [batch, heads, length, size]. Where past and present are one buffer, its
// length is not told.
func presentOf(c *call, past int, now []Dim, shared bool) []Dim {
	if !c.has(past) {
		return now
	}
	p, ok := c.dims(past)
	if ok && len(p) != 4 {
		c.fault("the past has rank %d, and needs 4", len(p))
		ok = false
	}
	if !ok || shared {
		now[2] = Dim{}
	} else {
		now[2] = now[2].Add(p[2])
	}
	if ok {
		for _, i := range []int{0, 1, 3} {
			now[i] = c.unify(now[i], p[i], "the dimensions of the past and of the present")
		}
	}
	return now
}

// decoderAttentionRule: of a query without key and value, the three are side by side in it.
func decoderAttentionRule(c *call) {
	for i := 1; i <= 2; i++ {
		c.setElem(i, c.outElem(0))
	}
	q, ok := c.dims(0)
	if !ok {
		return
	}
	if len(q) != 3 {
		c.fault("the query has rank %d, and needs 3", len(q))
		return
	}
	width := Dim{}
	switch v, valued := c.dims(2); {
	case !c.has(1) && !c.has(2):
		width = shareOf(c, q[2], Number(3), "the last dimension of the query")
	case valued && len(v) == 3:
		width = v[2]
	case valued && len(v) == 4:
		width = v[1].Mul(v[3])
	}
	c.setDims(0, []Dim{q[0], q[1], width})
	for i := 1; i <= 2; i++ {
		if p, ok := c.dims(4 + i); ok && len(p) == 4 {
			length := Dim{}
			if c.attrInt("past_present_share_buffer", 0) != 0 {
				length = p[2]
			}
			c.setDims(i, []Dim{p[0], p[1], length, p[3]})
		}
	}
}

// groupedWidth returns the last dimension of the output and the size of a head, of a query that may have key and value beside it.
func groupedWidth(c *call, q []Dim) (width, size Dim) {
	n, kv := attrDim(c, "num_heads"), attrDim(c, "kv_num_heads")
	if c.has(2) {
		return q[2], heads(c, q[2], n, "the last dimension of the query")
	}
	size = heads(c, q[2], n.Add(kv).Add(kv), "the last dimension of the query with key and value beside it")
	return size.Mul(n), size
}

// groupQueryRule: the cache grows as far as total_sequence_length asks for.
func groupQueryRule(c *call) {
	for i := 1; i <= 2; i++ {
		if c.has(2 + i) {
			c.setElem(i, c.elemOf(2+i))
		} else {
			c.setElem(i, c.elemOf(0))
		}
	}
	q, ok := c.dims(0)
	if !ok {
		return
	}
	if len(q) != 3 {
		c.fault("the query has rank %d, and needs 3", len(q))
		return
	}
	width, size := groupedWidth(c, q)
	c.setDims(0, []Dim{q[0], q[1], width})
	total, _ := c.scalar(6)
	packed := c.attrInt("kv_cache_bit_width", 0) != 0 // a head of which takes as many elements as fit
	for i := 1; i <= 2; i++ {
		out := []Dim{q[0], attrDim(c, "kv_num_heads"), total, size}
		if packed {
			out[3] = Dim{}
		}
		if c.has(2 + i) {
			p, ok := c.dims(2 + i)
			if ok && len(p) != 4 {
				c.fault("the past has rank %d, and needs 4", len(p))
				return
			}
			switch {
			case !ok:
				out[2] = Dim{}
			case c.attrInt("sliding_window_cache", 0) != 0:
				out[2] = p[2]
			default:
				out[2] = expr.Max(total, p[2])
			}
			if ok {
				out[0] = c.unify(out[0], p[0], "the batches of the query and of the past")
				out[1] = c.unify(out[1], p[1], "kv_num_heads and the heads of the past")
				out[3] = c.unify(out[3], p[3], "the size of a head and that of the past")
			}
		}
		c.setDims(i, out)
	}
}

// sparseAttentionRule: past and present are one buffer.
func sparseAttentionRule(c *call) {
	c.same(1, 3)
	c.same(2, 4)
	if q, ok := c.dims(0); ok && len(q) == 3 {
		width, _ := groupedWidth(c, q)
		c.setDims(0, []Dim{q[0], q[1], width})
	}
}

func packedAttentionRule(c *call) {
	if !ofRank(c, 0, 2, "the input") || !ofRank(c, 1, 2, "the weights") {
		return
	}
	x, _ := c.dims(0)
	_, value := widths(c)
	c.setDims(0, []Dim{dimOf(x, 0), value})
}

func packedMultiHeadRule(c *call) {
	q, ok := c.dims(0)
	switch v, valued := c.dims(2); {
	case !ok:
	case len(q) == 4:
		c.setDims(0, []Dim{q[0], q[1].Mul(q[3])})
	case len(q) != 2:
		c.fault("the query has rank %d, and needs 2 or 4", len(q))
	case valued && len(v) == 2:
		c.setDims(0, []Dim{q[0], v[1]})
	default:
		c.setDims(0, []Dim{q[0], {}})
	}
}

func removePaddingRule(c *call) {
	c.setElem(0, c.elemOf(0))
	for i := 1; i <= 3; i++ {
		c.setElem(i, onnxpb.TensorProto_INT32)
	}
	if !ofRank(c, 0, 3, "the input") {
		return
	}
	x, ok := c.dims(0)
	if !ok {
		return
	}
	c.setDims(0, []Dim{{}, x[2]})
	c.setDims(1, []Dim{x[0], x[1]})
	c.setDims(2, []Dim{x[0].Add(Number(1))})
	c.setDims(3, []Dim{Number(1)})
}

func restorePaddingRule(c *call) {
	if !ofRank(c, 0, 2, "the input") || !ofRank(c, 1, 2, "token_offset") {
		return
	}
	x, _ := c.dims(0)
	offset, _ := c.dims(1)
	c.setDims(0, []Dim{dimOf(offset, 0), dimOf(offset, 1), dimOf(x, 1)})
}
