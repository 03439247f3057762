package networks

import "onnxtool/onnxpb"

// vits are vision transformers: 16 patches of 4x4 pixels and a class token, 16 wide, 4 heads, two blocks.
func vits() []Network {
	return []Network{
		{Name: "vit", Fixed: vit(17, "1", vitTokens, vitAttention), Free: vit(17, "N", vitTokensFree, vitAttentionFree)},
		{Name: "vit_expand", Fixed: vit(11, "1", vitTokensExpanded, vitAttentionListed), Free: vit(11, "N", vitTokensFree, vitAttentionFree)},
	}
}

// vit is what both forms have. tokens makes [N,17,16] of the map of patches [N,16,4,4], with the class token in front.
func vit(opset int64, batch string, tokens func(n *net, x string) string, attention func(n *net, x, name string) string) *onnxpb.ModelProto {
	n := newNet("vit", opset)
	x := n.conv(n.input("image", tFloat, "["+batch+",3,16,16]"), "patch", conv{from: 3, to: 16, kernel: 4, stride: 4})
	x = n.add(tokens(n, x), n.weight("position", 0.5, 1, 17, 16))
	n.info(x, "["+batch+",17,16]")
	for _, name := range []string{"block0", "block1"} {
		h := attention(n, n.norm(x, name+".norm1", 16), name)
		x = n.add(x, n.linear(h, name+".proj", 16, 16))
		x = n.add(x, n.mlp(n.norm(x, name+".norm2", 16), name+".mlp", 16, 32))
	}
	x = n.gather(n.norm(x, "norm", 16), 1, 0)
	n.output(n.gemm(x, "head", 16, 5), "logits", "["+batch+",5]")
	return n.model()
}

// vitTokens has a class token for one row, which was expanded and folded.
func vitTokens(n *net, x string) string {
	x = n.transpose(n.reshape(x, 1, 16, 16), 0, 2, 1)
	return n.concat(1, n.weight("cls", 0.5, 1, 1, 16), x)
}

// vitTokensExpanded has the class token expanded to [1,-1,-1] by the nodes that expand is traced as.
func vitTokensExpanded(n *net, x string) string {
	x = n.transpose(n.op("Reshape", in{x, n.listed(1, 16, -1)}), 0, 2, 1)
	shape := n.ints(1, -1, -1)
	ones := n.filled(n.ints(3), onnxpb.TensorOf("", []int64{1}, []int64{1}))
	keeps := n.op("Equal", in{shape, n.mul(ones, n.scalar(-1))})
	shape = n.op("Where", in{keeps, ones, shape})
	return n.concat(1, n.op("Expand", in{n.weight("cls", 0.5, 1, 1, 16), shape}), x)
}

func vitTokensFree(n *net, x string) string {
	shape := n.concat(0, n.size(x, 0), n.ints(1, 16))
	x = n.transpose(n.reshape(x, 0, 16, -1), 0, 2, 1)
	return n.concat(1, n.op("Expand", in{n.weight("cls", 0.5, 1, 1, 16), shape}), x)
}

// vitAttention is F.scaled_dot_product_attention as it is traced: the scale is computed from the shape of q, and q and k take its root.
func vitAttention(n *net, x, name string) string {
	qkv := n.transpose(n.reshape(n.linear(x, name+".qkv", 16, 48), 1, 17, 3, 4, 4), 2, 0, 3, 1, 4)
	q, k, v := n.gather(qkv, 0, 0), n.gather(qkv, 0, 1), n.gather(qkv, 0, 2)
	head := n.op("Cast", in{n.slice(n.op("Shape", in{q}), 0, -1, last, 1)}, onnxpb.Int("to", int64(tFloat)))
	root := n.op("Sqrt", in{n.op("Div", in{n.number(1), n.op("Sqrt", in{head})})})
	s := n.op("MatMul", in{n.mul(q, root), n.mul(n.transpose(k, 0, 1, 3, 2), root)})
	x = n.op("MatMul", in{n.op("Softmax", in{s}, onnxpb.Int("axis", -1)), v})
	return n.reshape(n.transpose(x, 0, 2, 1, 3), 1, 17, 16)
}

// vitAttentionListed computes the shape of the heads from the input, and has that of their join in a list of scalars; q, k and v are split.
func vitAttentionListed(n *net, x, name string) string {
	heads := n.concat(0, n.size(x, 0), n.size(x, 1), n.listed(3, 4, 4))
	qkv := n.transpose(n.op("Reshape", in{n.linear(x, name+".qkv", 16, 48), heads}), 2, 0, 3, 1, 4)
	p := n.split(qkv, 0, 1, 1, 1)
	x = n.attend(n.squeeze(p[0], 0), n.squeeze(p[1], 0), n.squeeze(p[2], 0), 4, 4, nil)
	return n.op("Reshape", in{n.transpose(x, 0, 2, 1, 3), n.listed(1, 17, 16)})
}

// vitAttentionFree cuts q, k and v from the last axis.
func vitAttentionFree(n *net, x, name string) string {
	qkv := n.linear(x, name+".qkv", 16, 48)
	part := func(from int64) string {
		return n.transpose(n.reshape(n.slice(qkv, 2, from, from+16, 1), 0, 0, 4, 4), 0, 2, 1, 3)
	}
	x = n.attend(part(0), part(16), part(32), 4, 4, nil)
	return n.reshape(n.transpose(x, 0, 2, 1, 3), 0, 0, 16)
}
