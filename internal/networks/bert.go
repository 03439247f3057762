package networks

import "onnxtool/onnxpb"

// berts are encoders of 7 tokens with a mask of padding, 8 wide, two layers of two heads, with a pooler on token 0.
func berts() []Network {
	return []Network{
		{Name: "bert", Fixed: bert(20, false), Free: bertFree(20)},
		{Name: "bert_expand", Fixed: bert(13, true), Free: bertFree(13)},
	}
}

// bertInner is what comes between the attention of a layer and the next.
func (n *net) bertInner(x, attended, name string) string {
	x = n.norm(n.add(x, attended), name+".norm1", 8)
	return n.norm(n.add(x, n.mlp(x, name+".mlp", 8, 16)), name+".norm2", 8)
}

// bertPooler classifies rows [N,8].
func (n *net) bertPooler(x, batch string) {
	x = n.op("Tanh", in{n.gemm(x, "pooler", 8, 8)})
	n.output(n.gemm(x, "classifier", 8, 3), "logits", "["+batch+",3]")
}

// bert is a trace, with the batch in the second axis between the embeddings and the end. expanded has the types of tokens, zeros, and the mask expanded to one row, and
// fills the scores by it; otherwise the mask is added.
func bert(opset int64, expanded bool) *onnxpb.ModelProto {
	n := newNet("bert", opset)
	n.stored = !expanded
	tokens, mask := n.input("tokens", tInt64, "[1,7]"), n.input("mask", tInt64, "[1,7]")
	words := n.op("Gather", in{n.weight("words", 1, 10, 8), tokens})
	types := n.filled(n.ints(1, 7), onnxpb.TensorOf("", []int64{1}, []int64{0}))
	if expanded {
		types = n.op("Expand", in{n.slice(n.buffer("type_ids", make([]int64, 9)), 1, 0, 7, 1), n.ints(1, 7)})
	}
	x := n.add(words, n.op("Gather", in{n.weight("types", 0.5, 2, 8), types}))
	ids := n.slice(n.buffer("position_ids", []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}), 1, 0, 7, 1)
	x = n.add(x, n.op("Gather", in{n.weight("positions", 0.5, 9, 8), ids}))
	x = n.transpose(n.norm(x, "embeddings.norm", 8), 1, 0, 2)

	m := n.unsqueeze(n.unsqueeze(mask, 1), 2)
	add := func(s string) string { return n.add(s, m) }
	if expanded {
		m = n.reshape(n.op("Expand", in{m, n.ints(1, 2, 7, 7)}), 2, 7, 7)
		m = n.op("Equal", in{m, n.scalar(0)})
		add = func(s string) string { return n.op("Where", in{m, n.number(-10000), s}) }
	} else {
		m = n.mul(n.sub(n.number(1), n.op("Cast", in{m}, onnxpb.Int("to", int64(tFloat)))), n.number(-10000))
		m = n.reshape(n.op("Expand", in{m, n.ints(1, 2, 1, 7)}), 2, 1, 7)
	}
	heads := func(x, name string) string {
		return n.transpose(n.reshape(n.linear(x, name, 8, 8), 7, 2, 4), 1, 0, 2)
	}
	for _, name := range []string{"layer0", "layer1"} {
		h := n.attend(heads(x, name+".q"), heads(x, name+".k"), heads(x, name+".v"), 3, 4, add)
		h = n.reshape(n.transpose(h, 1, 0, 2), 7, 1, 8)
		x = n.bertInner(x, n.linear(h, name+".out", 8, 8), name)
	}
	n.output(n.transpose(x, 1, 0, 2), "states", "[1,7,8]")
	n.bertPooler(n.gather(x, 0, 0), "1")
	return n.model()
}

// buffer adds an initializer of integers [1,count], as buffers of ids are.
func (n *net) buffer(name string, v []int64) string {
	n.g.Initializer = append(n.g.Initializer, onnxpb.TensorOf(name, []int64{1, int64(len(v))}, v))
	return name
}

// bertFree has the batch first. Types and positions are the same for every row, and broadcast.
func bertFree(opset int64) *onnxpb.ModelProto {
	n := newNet("bert", opset)
	tokens, mask := n.input("tokens", tInt64, "[N,7]"), n.input("mask", tInt64, "[N,7]")
	x := n.op("Gather", in{n.weight("words", 1, 10, 8), tokens})
	x = n.add(x, n.gather(n.weight("types", 0.5, 2, 8), 0, 0))
	x = n.norm(n.add(x, n.slice(n.weight("positions", 0.5, 9, 8), 0, 0, 7, 1)), "embeddings.norm", 8)
	off := n.mul(n.sub(n.number(1), n.op("Cast", in{mask}, onnxpb.Int("to", int64(tFloat)))), n.number(-10000))
	off = n.unsqueeze(off, 1, 2)
	heads := func(x, name string) string {
		return n.transpose(n.reshape(n.linear(x, name, 8, 8), 0, 0, 2, 4), 0, 2, 1, 3)
	}
	for _, name := range []string{"layer0", "layer1"} {
		h := n.attend(heads(x, name+".q"), heads(x, name+".k"), heads(x, name+".v"), 4, 4, func(s string) string { return n.add(s, off) })
		h = n.reshape(n.transpose(h, 0, 2, 1, 3), 0, 0, 8)
		x = n.bertInner(x, n.linear(h, name+".out", 8, 8), name)
	}
	n.bertPooler(n.gather(n.output(x, "states", "[N,7,8]"), 1, 0), "N")
	return n.model()
}
