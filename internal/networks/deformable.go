package networks

import "onnxtool/onnxpb"

// deformables are a layer of deformable attention: 5 queries look at 3 places each, which they choose, of each of two heads of a map of 8x8.
func deformables() []Network {
	return []Network{{Name: "deformable", Fixed: deformable(), Free: deformableFree()}}
}

// deformableMap is the map [N,8,8,8], and a summary of it [N,1,8] that is added to the queries.
func (n *net) deformableMap(batch string) (x, summary string) {
	x = n.relu(n.conv(n.input("image", tFloat, "["+batch+",3,16,16]"), "stem", conv{from: 3, to: 8, kernel: 3, stride: 2, pad: 1}))
	return x, n.transpose(n.squeeze(n.op("GlobalMaxPool", in{x}), 3), 0, 2, 1)
}

// sample is grid_sample.
func (n *net) sample(x, grid string) string {
	return n.op("GridSample", in{x, grid}, onnxpb.Str("mode", "bilinear"), onnxpb.Str("padding_mode", "zeros"), onnxpb.Int("align_corners", 0))
}

// toGrid turns places from 0 to 1 into those of sample.
func (n *net) toGrid(x string) string { return n.sub(n.mul(x, n.number(2)), n.number(1)) }

// deformable has the heads in the axis of the rows where the map is sampled.
func deformable() *onnxpb.ModelProto {
	n := newNet("deformable", 17)
	n.stored = true
	x, summary := n.deformableMap("1")
	q := n.add(n.weight("queries", 1, 1, 5, 8), n.linear(summary, "summary", 8, 8))
	value := n.linear(n.transpose(n.reshape(x, 1, 8, 64), 0, 2, 1), "value", 8, 8)
	value = n.reshape(n.reshape(value, 1, 64, 2, 4), 1, 64, 8)
	value = n.reshape(n.transpose(value, 0, 2, 1), 2, 4, 8, 8)
	at := n.unsqueeze(n.unsqueeze(n.op("Sigmoid", in{n.linear(q, "reference", 8, 2)}), 2), 3)
	offsets := n.reshape(n.linear(q, "offsets", 8, 12), 1, 5, 2, 3, 2)
	grid := n.toGrid(n.add(at, n.mul(offsets, n.number(0.1))))
	grid = n.reshape(n.transpose(grid, 0, 2, 1, 3, 4), 2, 5, 3, 2)
	w := n.op("Softmax", in{n.reshape(n.linear(q, "weights", 8, 6), 1, 5, 2, 3)}, onnxpb.Int("axis", -1))
	w = n.reshape(n.transpose(w, 0, 2, 1, 3), 2, 1, 5, 3)
	h := n.axed("ReduceSum", 13, n.mul(n.sample(value, grid), w), []int64{-1}, onnxpb.Int("keepdims", 0))
	h = n.transpose(n.reshape(h, 1, 8, 5), 0, 2, 1)
	q = n.norm(n.add(q, n.linear(h, "out", 8, 8)), "norm", 8)
	n.output(n.linear(q, "class", 8, 4), "logits", "[1,5,4]")
	return n.model()
}

// deformableFree samples the map once for every head.
func deformableFree() *onnxpb.ModelProto {
	n := newNet("deformable", 17)
	x, summary := n.deformableMap("N")
	q := n.add(n.weight("queries", 1, 5, 8), n.linear(summary, "summary", 8, 8))
	value := n.linear(n.transpose(x, 0, 2, 3, 1), "value", 8, 8)
	value = n.transpose(value, 0, 3, 1, 2)
	at := n.unsqueeze(n.op("Sigmoid", in{n.linear(q, "reference", 8, 2)}), 2)
	offsets, weights := n.linear(q, "offsets", 8, 12), n.linear(q, "weights", 8, 6)
	var heads []string
	for i := int64(0); i < 2; i++ {
		places := n.reshape(n.slice(offsets, 2, 6*i, 6*i+6, 1), 0, 5, 3, 2)
		s := n.sample(n.slice(value, 1, 4*i, 4*i+4, 1), n.toGrid(n.add(at, n.mul(places, n.number(0.1)))))
		w := n.op("Softmax", in{n.slice(weights, 2, 3*i, 3*i+3, 1)}, onnxpb.Int("axis", -1))
		s = n.axed("ReduceSum", 13, n.mul(s, n.unsqueeze(w, 1)), []int64{-1}, onnxpb.Int("keepdims", 0))
		heads = append(heads, n.transpose(s, 0, 2, 1))
	}
	q = n.norm(n.add(q, n.linear(n.concat(2, heads...), "out", 8, 8)), "norm", 8)
	n.output(n.linear(q, "class", 8, 4), "logits", "[N,5,4]")
	return n.model()
}
