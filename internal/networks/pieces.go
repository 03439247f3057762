package networks

import (
	"math"

	"onnxtool/onnxpb"
)

func (n *net) add(a, b string) string { return n.op("Add", in{a, b}) }
func (n *net) sub(a, b string) string { return n.op("Sub", in{a, b}) }
func (n *net) mul(a, b string) string { return n.op("Mul", in{a, b}) }
func (n *net) relu(x string) string   { return n.op("Relu", in{x}) }

func (n *net) reshape(x string, to ...int64) string { return n.op("Reshape", in{x, n.ints(to...)}) }

func (n *net) transpose(x string, perm ...int64) string {
	return n.op("Transpose", in{x}, onnxpb.Ints("perm", perm...))
}

func (n *net) concat(axis int64, parts ...string) string {
	return n.op("Concat", parts, onnxpb.Int("axis", axis))
}

// last is where a slice ends that goes to the end.
const last = math.MaxInt64

func (n *net) slice(x string, axis, from, to, step int64) string {
	return n.op("Slice", in{x, n.ints(from), n.ints(to), n.ints(axis), n.ints(step)})
}

// gather takes one place of an axis, which is lost.
func (n *net) gather(x string, axis, index int64) string {
	return n.op("Gather", in{x, n.scalar(index)}, onnxpb.Int("axis", axis))
}

// axed adds an operator that took its axes as an attribute before opset since.
func (n *net) axed(kind string, since int64, x string, axes []int64, attrs ...*onnxpb.AttributeProto) string {
	if n.opset < since {
		return n.op(kind, in{x}, append(attrs, onnxpb.Ints("axes", axes...))...)
	}
	return n.op(kind, in{x, n.ints(axes...)}, attrs...)
}

func (n *net) unsqueeze(x string, axes ...int64) string { return n.axed("Unsqueeze", 13, x, axes) }
func (n *net) squeeze(x string, axes ...int64) string   { return n.axed("Squeeze", 13, x, axes) }

func (n *net) mean(x string, keep int64, axes ...int64) string {
	return n.axed("ReduceMean", 18, x, axes, onnxpb.Int("keepdims", keep))
}

func (n *net) split(x string, axis int64, sizes ...int64) []string {
	if n.opset < 13 {
		return n.ops("Split", len(sizes), in{x}, onnxpb.Int("axis", axis), onnxpb.Ints("split", sizes...))
	}
	return n.ops("Split", len(sizes), in{x, n.ints(sizes...)}, onnxpb.Int("axis", axis))
}

// linear is nn.Linear over the last axis.
func (n *net) linear(x, name string, from, to int64) string {
	return n.add(n.matMul(x, name, from, to), n.weight(name+".bias", 0.2, to))
}

// matMul is linear without a bias.
func (n *net) matMul(x, name string, from, to int64) string {
	return n.op("MatMul", in{x, n.weight(name+".weight", 1.2/math.Sqrt(float64(from)), from, to)})
}

// gemm is nn.Linear of a matrix.
func (n *net) gemm(x, name string, from, to int64) string {
	return n.op("Gemm", in{x, n.weight(name+".weight", 1.2/math.Sqrt(float64(from)), to, from), n.weight(name+".bias", 0.2, to)}, onnxpb.Int("transB", 1))
}

// linearT is linear by the weights of gemm.
func (n *net) linearT(x, name string, from, to int64) string {
	w := n.transpose(n.weight(name+".weight", 1.2/math.Sqrt(float64(from)), to, from), 1, 0)
	return n.add(n.op("MatMul", in{x, w}), n.weight(name+".bias", 0.2, to))
}

// conv is a square convolution with a bias.
type conv struct{ from, to, kernel, stride, pad, group int64 }

func (n *net) conv(x, name string, c conv) string {
	c.group, c.stride = max(c.group, 1), max(c.stride, 1)
	per := c.from / c.group
	w := n.weight(name+".weight", 1.4/math.Sqrt(float64(per*c.kernel*c.kernel)), c.to, per, c.kernel, c.kernel)
	return n.op("Conv", in{x, w, n.weight(name+".bias", 0.2, c.to)}, onnxpb.Ints("dilations", 1, 1), onnxpb.Int("group", c.group), onnxpb.Ints("kernel_shape", c.kernel, c.kernel),
		onnxpb.Ints("pads", c.pad, c.pad, c.pad, c.pad), onnxpb.Ints("strides", c.stride, c.stride))
}

// point is a convolution of one pixel.
func (n *net) point(x, name string, from, to int64) string {
	return n.conv(x, name, conv{from: from, to: to, kernel: 1})
}

// around is a convolution of 3x3 that keeps the size, with ReLU.
func (n *net) around(x, name string, from, to int64) string {
	return n.relu(n.conv(x, name, conv{from: from, to: to, kernel: 3, pad: 1}))
}

func (n *net) silu(x string) string { return n.mul(x, n.op("Sigmoid", in{x})) }

func (n *net) maxPool(x string, kernel, stride, pad int64) string {
	return n.op("MaxPool", in{x}, onnxpb.Ints("kernel_shape", kernel, kernel), onnxpb.Ints("strides", stride, stride), onnxpb.Ints("pads", pad, pad, pad, pad))
}

// norm is nn.LayerNorm over the last axis.
func (n *net) norm(x, name string, size int64) string {
	scale, bias := n.weight(name+".weight", 0.8, size), n.weight(name+".bias", 0.2, size)
	if n.opset >= 17 {
		return n.op("LayerNormalization", in{x, scale, bias}, onnxpb.Int("axis", -1), onnxpb.Float("epsilon", 1e-5))
	}
	d := n.sub(x, n.mean(x, 1, -1))
	v := n.mean(n.op("Pow", in{d, n.number(2)}), 1, -1)
	s := n.op("Sqrt", in{n.add(v, n.number(1e-5))})
	return n.add(n.mul(n.op("Div", in{d, s}), scale), bias)
}

func (n *net) gelu(x string) string {
	if n.opset >= 20 {
		return n.op("Gelu", in{x})
	}
	e := n.add(n.op("Erf", in{n.op("Div", in{x, n.number(math.Sqrt2)})}), n.number(1))
	return n.mul(n.mul(x, e), n.number(0.5))
}

// mlp is what follows the attention of a transformer.
func (n *net) mlp(x, name string, size, hidden int64) string {
	return n.linear(n.gelu(n.linear(x, name+".fc1", size, hidden)), name+".fc2", hidden, size)
}

// attend is attention over the last two axes of values of a rank, of heads of a size; the axes before them are the caller's. bias, which may be nil, adds to the scores.
func (n *net) attend(q, k, v string, rank int, head int64, bias func(string) string) string {
	perm := make([]int64, rank)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	s := n.op("MatMul", in{n.mul(q, n.number(float32(1/math.Sqrt(float64(head))))), n.transpose(k, perm...)})
	if bias != nil {
		s = bias(s)
	}
	return n.op("MatMul", in{n.op("Softmax", in{s}, onnxpb.Int("axis", int64(rank-1))), v})
}

// normalize is F.normalize over the last axis: what is divided by is expanded to a shape first, as the exporter writes it, unless that is "".
func (n *net) normalize(x, shape string) string {
	length := n.op("Clip", in{n.axed("ReduceL2", 18, x, []int64{-1}, onnxpb.Int("keepdims", 1)), n.number(1e-12)})
	if shape != "" {
		length = n.op("Expand", in{length, shape})
	}
	return n.op("Div", in{x, length})
}
