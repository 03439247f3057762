package networks

import "onnxtool/onnxpb"

// detrs are DETR detectors: a backbone that makes 4x4 tokens of an image, a layer of encoder, two of decoder with 5 object queries, and heads for classes and boxes. All is 8 wide with
// 4 heads. A trace has the sequence in the first axis, and the batch in the second.
func detrs() []Network {
	return []Network{
		{Name: "detr", Fixed: detr(13, detrQueries), Free: detrFree(13, true)},
		{Name: "detr_expand", Fixed: detr(17, detrQueriesExpanded), Free: detrFree(17, false)},
	}
}

// detrBackbone makes a map [N,8,4,4] of an image [N,3,16,16].
func (n *net) detrBackbone(image string) string {
	x := n.relu(n.conv(image, "stem", conv{from: 3, to: 8, kernel: 3, stride: 2, pad: 1}))
	x = n.relu(n.conv(x, "layer1", conv{from: 8, to: 12, kernel: 3, stride: 2, pad: 1}))
	return n.point(x, "input_proj", 12, 8)
}

// detrHeads takes the second layer's of two layers' states [2,N,5,8].
func (n *net) detrHeads(x, batch string) {
	n.output(n.gather(n.linear(x, "class_embed", 8, 4), 0, 1), "logits", "["+batch+",5,4]")
	x = n.relu(n.linear(x, "bbox.0", 8, 8))
	x = n.op("Sigmoid", in{n.linear(n.relu(n.linear(x, "bbox.1", 8, 8)), "bbox.2", 8, 4)})
	n.output(n.gather(x, 0, 1), "boxes", "["+batch+",5,4]")
}

// feedForward is the second half of a layer, with the norm after it.
func (n *net) feedForward(x, name, norm string) string {
	return n.norm(n.add(x, n.linear(n.relu(n.linear(x, name+".linear1", 8, 16)), name+".linear2", 16, 8)), name+norm, 8)
}

// mha is nn.MultiheadAttention of one row, with the sequence first: [t,1,8] is seen as 4 heads [t,4,2], which stand in the axis of the batch.
func (n *net) mha(q, k, v, name string, t, s int64) string {
	heads := func(x, part string, t int64) string {
		return n.transpose(n.reshape(n.linear(x, name+part, 8, 8), t, 4, 2), 1, 0, 2)
	}
	x := n.attend(heads(q, ".q", t), heads(k, ".k", s), heads(v, ".v", s), 3, 2, nil)
	x = n.gemm(n.reshape(n.transpose(x, 1, 0, 2), t, 8), name+".out", 8, 8)
	return n.reshape(x, t, 1, 8)
}

// detr is a trace. queries makes the queries and what the decoder starts from, both [5,1,8].
func detr(opset int64, queries func(n *net) (string, string)) *onnxpb.ModelProto {
	n := newNet("detr", opset)
	n.stored = opset == 13
	x := n.detrBackbone(n.input("image", tFloat, "[1,3,16,16]"))
	x = n.info(n.transpose(n.reshape(x, 1, 8, 16), 2, 0, 1), "[16,1,8]")
	pos := n.weight("pos", 0.7, 16, 1, 8)
	q := n.add(x, pos)
	x = n.norm(n.add(x, n.mha(q, q, x, "encoder.attn", 16, 16)), "encoder.norm1", 8)
	memory := n.feedForward(x, "encoder", ".norm2")
	key := n.add(memory, pos)
	query, t := queries(n)
	var states []string
	for _, name := range []string{"decoder0", "decoder1"} {
		q := n.add(t, query)
		t = n.norm(n.add(t, n.mha(q, q, t, name+".self", 5, 5)), name+".norm1", 8)
		t = n.norm(n.add(t, n.mha(n.add(t, query), key, memory, name+".cross", 5, 16)), name+".norm2", 8)
		t = n.feedForward(t, name, ".norm3")
		states = append(states, n.unsqueeze(n.norm(t, "decoder.norm", 8), 0))
	}
	n.detrHeads(n.transpose(n.concat(0, states...), 0, 2, 1, 3), "1")
	return n.model()
}

// detrQueries are folded: two embeddings, repeated for one row.
func detrQueries(n *net) (string, string) {
	return n.weight("query_embed", 1, 5, 1, 8), n.weight("tgt", 0.3, 5, 1, 8)
}

// detrQueriesExpanded are expanded to one row by nodes, and the decoder starts from zeros.
func detrQueriesExpanded(n *net) (string, string) {
	query := n.op("Expand", in{n.unsqueeze(n.weight("query_embed", 1, 5, 8), 1), n.ints(5, 1, 8)})
	return query, n.filled(n.listed(5, 1, 8), onnxpb.TensorOf("", []int64{1}, []float32{0}))
}

// mhaFree has the batch first and the heads in an axis of their own.
func (n *net) mhaFree(q, k, v, name string) string {
	heads := func(x, part string) string {
		return n.transpose(n.reshape(n.linear(x, name+part, 8, 8), 0, 0, 4, 2), 0, 2, 1, 3)
	}
	x := n.attend(heads(q, ".q"), heads(k, ".k"), heads(v, ".v"), 4, 2, nil)
	return n.linearT(n.reshape(n.transpose(x, 0, 2, 1, 3), 0, 0, 8), name+".out", 8, 8)
}

// detrFree has the batch in the first axis everywhere, and takes the queries once for every row of the image. learned tells whether the decoder starts from an embedding, or from zeros.
func detrFree(opset int64, learned bool) *onnxpb.ModelProto {
	n := newNet("detr", opset)
	image := n.input("image", tFloat, "[N,3,16,16]")
	x := n.transpose(n.reshape(n.detrBackbone(image), 0, 8, 16), 0, 2, 1)
	pos := n.weight("pos", 0.7, 1, 16, 8)
	q := n.add(x, pos)
	x = n.norm(n.add(x, n.mhaFree(q, q, x, "encoder.attn")), "encoder.norm1", 8)
	memory := n.feedForward(x, "encoder", ".norm2")
	key := n.add(memory, pos)
	shape := n.concat(0, n.size(image, 0), n.ints(5, 8))
	query := n.op("Expand", in{n.weight("query_embed", 1, 1, 5, 8), shape})
	t := n.filled(shape, onnxpb.TensorOf("", []int64{1}, []float32{0}))
	if learned {
		t = n.add(t, n.weight("tgt", 0.3, 1, 5, 8))
	}
	var states []string
	for _, name := range []string{"decoder0", "decoder1"} {
		q := n.add(t, query)
		t = n.norm(n.add(t, n.mhaFree(q, q, t, name+".self")), name+".norm1", 8)
		t = n.norm(n.add(t, n.mhaFree(n.add(t, query), key, memory, name+".cross")), name+".norm2", 8)
		t = n.feedForward(t, name, ".norm3")
		states = append(states, n.unsqueeze(n.norm(t, "decoder.norm", 8), 0))
	}
	n.detrHeads(n.concat(0, states...), "N")
	return n.model()
}
