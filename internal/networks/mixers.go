package networks

import "onnxtool/onnxpb"

// mixers are networks that lay rows, channels, steps of time or clusters into one axis, or put others before the rows.
func mixers() []Network {
	return []Network{
		{Name: "mobilevit", Fixed: mobileViT(17, "1", mobileUnfold), Free: mobileViT(17, "N", mobileUnfoldFree)},
		{Name: "video", Fixed: video(), Free: videoFree()},
		{Name: "netvlad", Fixed: netVLAD(), Free: netVLADFree()},
	}
}

// mobileViT is a block of MobileViT between convolutions. unfold takes a map [N,8,8,8] apart into 4 sequences of 16 tokens, one for every place in a patch of 2x2, applies
// the transformer and puts it together again.
func mobileViT(opset int64, batch string, unfold func(n *net, x string) string) *onnxpb.ModelProto {
	n := newNet("mobilevit", opset)
	x := n.silu(n.conv(n.input("image", tFloat, "["+batch+",3,16,16]"), "stem", conv{from: 3, to: 8, kernel: 3, stride: 2, pad: 1}))
	x = n.around(n.concat(1, x, unfold(n, x)), "fusion", 16, 8)
	x = n.op("Flatten", in{n.op("GlobalAveragePool", in{x})}, onnxpb.Int("axis", 1))
	n.output(n.gemm(x, "head", 8, 5), "logits", "["+batch+",5]")
	return n.model()
}

// mobileUnfold merges rows with channels and lines of patches, and then with the places in a patch.
func mobileUnfold(n *net, x string) string {
	x = n.transpose(n.reshape(x, 32, 2, 4, 2), 0, 2, 1, 3)
	x = n.reshape(n.transpose(n.reshape(x, 1, 8, 16, 4), 0, 3, 2, 1), 4, 16, 8)
	qkv := n.transpose(n.reshape(n.linear(n.norm(x, "norm1", 8), "qkv", 8, 24), 4, 16, 3, 2, 4), 2, 0, 3, 1, 4)
	h := n.attend(n.gather(qkv, 0, 0), n.gather(qkv, 0, 1), n.gather(qkv, 0, 2), 4, 4, nil)
	x = n.add(x, n.linear(n.reshape(n.transpose(h, 0, 2, 1, 3), 4, 16, 8), "proj", 8, 8))
	x = n.add(x, n.mlp(n.norm(x, "norm2", 8), "mlp", 8, 16))
	x = n.transpose(n.reshape(x, 1, 4, 16, 8), 0, 3, 2, 1)
	return n.reshape(n.transpose(n.reshape(x, 32, 4, 2, 2), 0, 2, 1, 3), 1, 8, 8, 8)
}

// mobileUnfoldFree keeps the rows apart, in the first of six axes.
func mobileUnfoldFree(n *net, x string) string {
	x = n.reshape(n.transpose(n.reshape(x, 0, 8, 4, 2, 4, 2), 0, 3, 5, 2, 4, 1), 0, 4, 16, 8)
	qkv := n.linear(n.norm(x, "norm1", 8), "qkv", 8, 24)
	part := func(from int64) string {
		return n.transpose(n.reshape(n.slice(qkv, 3, from, from+8, 1), 0, 0, 0, 2, 4), 0, 1, 3, 2, 4)
	}
	h := n.attend(part(0), part(8), part(16), 5, 4, nil)
	x = n.add(x, n.linear(n.reshape(n.transpose(h, 0, 1, 3, 2, 4), 0, 0, 0, 8), "proj", 8, 8))
	x = n.add(x, n.mlp(n.norm(x, "norm2", 8), "mlp", 8, 16))
	return n.reshape(n.transpose(n.reshape(x, 0, 2, 2, 4, 4, 8), 0, 5, 3, 1, 4, 2), 0, 8, 8, 8)
}

// video classifies clips of 4 pictures. Pictures are the rows of the convolutions; between these some channels are moved one step to each side, with zeros where there is none.
func video() *onnxpb.ModelProto {
	n := newNet("video", 13)
	x := n.reshape(n.input("clip", tFloat, "[1,4,3,16,16]"), 4, 3, 16, 16)
	x = n.relu(n.conv(x, "stem", conv{from: 3, to: 8, kernel: 3, stride: 2, pad: 1}))
	x = n.reshape(x, 1, 4, 8, 8, 8)
	none := n.zeros("none", 1, 1, 2, 8, 8)
	left := n.concat(1, n.slice(n.slice(x, 1, 1, last, 1), 2, 0, 2, 1), none)
	right := n.concat(1, none, n.slice(n.slice(x, 1, 0, -1, 1), 2, 2, 4, 1))
	x = n.reshape(n.concat(2, left, right, n.slice(x, 2, 4, last, 1)), 4, 8, 8, 8)
	x = n.reshape(n.op("GlobalAveragePool", in{n.around(x, "conv", 8, 8)}), 4, 8)
	x = n.reshape(n.gemm(x, "fc", 8, 5), 1, 4, 5)
	n.output(n.mean(x, 0, 1), "logits", "[1,5]")
	return n.model()
}

// videoFree pads with the zeros.
func videoFree() *onnxpb.ModelProto {
	n := newNet("video", 13)
	x := n.reshape(n.input("clip", tFloat, "[N,4,3,16,16]"), -1, 3, 16, 16)
	x = n.relu(n.conv(x, "stem", conv{from: 3, to: 8, kernel: 3, stride: 2, pad: 1}))
	x = n.reshape(x, -1, 4, 8, 8, 8)
	left := n.op("Pad", in{n.slice(n.slice(x, 1, 1, 4, 1), 2, 0, 2, 1), n.ints(0, 0, 0, 0, 0, 0, 1, 0, 0, 0)})
	right := n.op("Pad", in{n.slice(n.slice(x, 1, 0, 3, 1), 2, 2, 4, 1), n.ints(0, 1, 0, 0, 0, 0, 0, 0, 0, 0)})
	x = n.reshape(n.concat(2, left, right, n.slice(x, 2, 4, 8, 1)), -1, 8, 8, 8)
	x = n.mean(n.around(x, "conv", 8, 8), 0, 2, 3)
	x = n.mean(n.reshape(x, -1, 4, 8), 0, 1) // a layer of the mean is the mean of the layer
	n.output(n.gemm(x, "fc", 8, 5), "logits", "[N,5]")
	return n.model()
}

// netVLAD describes an image by how far its 16 places lie from 3 clusters. The places are expanded to the clusters, which come before the rows.
func netVLAD() *onnxpb.ModelProto {
	n := newNet("netvlad", 17)
	x := n.conv(n.input("image", tFloat, "[1,3,16,16]"), "stem", conv{from: 3, to: 8, kernel: 4, stride: 4})
	assign := n.op("Softmax", in{n.reshape(n.point(x, "assign", 8, 3), 1, 3, -1)}, onnxpb.Int("axis", 1))
	x = n.transpose(n.op("Expand", in{n.reshape(x, 1, 8, -1), n.ints(3, 1, 8, 16)}), 1, 0, 2, 3)
	c := n.op("Expand", in{n.weight("clusters", 1, 3, 8), n.ints(16, 3, 8)})
	x = n.sub(x, n.unsqueeze(n.transpose(c, 1, 2, 0), 0))
	x = n.axed("ReduceSum", 13, n.mul(x, n.unsqueeze(assign, 2)), []int64{-1}, onnxpb.Int("keepdims", 0))
	x = n.reshape(n.normalize(x, n.ints(1, 3, 8)), 1, -1)
	n.output(n.normalize(x, n.ints(1, 24)), "descriptor", "[1,24]")
	return n.model()
}

// netVLADFree takes the sums as a product of matrices.
func netVLADFree() *onnxpb.ModelProto {
	n := newNet("netvlad", 17)
	x := n.conv(n.input("image", tFloat, "[N,3,16,16]"), "stem", conv{from: 3, to: 8, kernel: 4, stride: 4})
	assign := n.op("Softmax", in{n.reshape(n.point(x, "assign", 8, 3), 0, 3, 16)}, onnxpb.Int("axis", 1))
	sums := n.op("MatMul", in{assign, n.transpose(n.reshape(x, 0, 8, 16), 0, 2, 1)})
	share := n.axed("ReduceSum", 13, assign, []int64{-1}, onnxpb.Int("keepdims", 1))
	x = n.sub(sums, n.mul(share, n.weight("clusters", 1, 3, 8)))
	n.output(n.normalize(n.reshape(n.normalize(x, ""), 0, 24), ""), "descriptor", "[N,24]")
	return n.model()
}
