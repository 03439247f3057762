package standin

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
)

// Stage is a row of blocks of an EfficientNet.
type Stage struct{ Expand, Out, Blocks, Stride, Kernel int }

// EfficientNet says how large an EfficientNet is.
type EfficientNet struct {
	Stem, Head int // channels
	Stages     []Stage
	Side       int // height and width of the image
}

// B0 is EfficientNet-B0 (Tan and Le 2019, table 1); with WHENet's heads about 17 MB.
var B0 = EfficientNet{Stem: 32, Head: 1280, Side: 224, Stages: []Stage{
	{1, 16, 1, 1, 3}, {6, 24, 2, 2, 3}, {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3}, {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3},
}}

// SmallEfficientNet is the same made small, for tests.
var SmallEfficientNet = EfficientNet{Stem: 8, Head: 32, Side: 64, Stages: []Stage{{1, 8, 1, 1, 3}, {2, 8, 2, 2, 3}, {2, 16, 1, 2, 5}}}

// WHENet writes a stand-in of WHENet: input `image` float32 [1,3,Side,Side], normalised; outputs `yaw` [1,120], `roll` [1,66] and
// `pitch` [1,66], logits over bins of 3 degrees.
func WHENet(size EfficientNet, seed uint64) *onnxpb.ModelProto {
	n := newNet("whenet", seed)
	side := int64(size.Side)
	n.g.Input = append(n.g.Input, onnxpb.TensorValue("image", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, side, side)))
	x := n.conv("image", "stem", convSpec{in: 3, out: size.Stem, kernel: 3, stride: 2, group: 1, pads: same(3, 2), gain: 1.4, stem: true})
	x = n.swish(x)
	in := size.Stem
	for s, stage := range size.Stages {
		for b := 0; b < stage.Blocks; b++ {
			stride := stage.Stride
			if b > 0 {
				stride = 1
			}
			x = n.block(x, fmt.Sprintf("block%d%c", s+1, 'a'+b), in, stage.Out, stage.Expand, stride, stage.Kernel)
			in = stage.Out
		}
	}
	x = n.swish(n.conv(x, "top", convSpec{in: in, out: size.Head, kernel: 1, stride: 1, group: 1, pads: same(1, 1), gain: 1.2}))
	x = n.op("GlobalAveragePool", []string{x})
	x = n.op("Reshape", []string{x, n.ints(1, int64(size.Head))})

	n.head(x, "yaw_new", "yaw", size.Head, circularRows(120, 3, 180, 130), 2)
	n.head(x, "pitch_new", "pitch", size.Head, linearRows(66, 3, 99, 20, -1, 4.5), 0.5)
	n.head(x, "roll_new", "roll", size.Head, linearRows(66, 3, 99, 12, 3, 4.5), 0.5)
	for _, h := range []struct {
		name string
		bins int64
	}{{"yaw", 120}, {"roll", 66}, {"pitch", 66}} {
		n.g.Output = append(n.g.Output, onnxpb.TensorValue(h.name, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, h.bins)))
	}
	return n.model("tf2onnx")
}

// block is a mobile inverted bottleneck with squeeze and excitation. Where it adds its input, the carried channels come in by that alone.
func (n *net) block(x, name string, in, out, expand, stride, kernel int) string {
	residual := in == out && stride == 1
	wide := in * expand
	y := x
	if expand > 1 {
		y = n.swish(n.conv(y, name+".expand", convSpec{in: in, out: wide, kernel: 1, stride: 1, group: 1, pads: same(1, 1), gain: 1.4}))
	}
	y = n.swish(n.conv(y, name+".dwconv", convSpec{in: wide, out: wide, kernel: kernel, stride: stride, group: wide, pads: same(kernel, stride), gain: 1.4}))
	y = n.squeezeExcite(y, name+".se", wide, max(1, in/4))
	y = n.conv(y, name+".project", convSpec{in: wide, out: out, kernel: 1, stride: 1, group: 1, pads: same(1, 1), gain: 1.2, drop: residual})
	if residual {
		y = n.op("Add", []string{y, x})
	}
	return y
}

// squeezeExcite scales channels by gates that are computed from their means, with the Reshape to a constant shape that converters from
// TensorFlow leave there.
func (n *net) squeezeExcite(x, name string, channels, reduced int) string {
	g := n.op("ReduceMean", []string{x}, onnxpb.Ints("axes", 2, 3), onnxpb.Int("keepdims", 0))
	g = n.op("Reshape", []string{g, n.ints(1, int64(channels), 1, 1)})
	reduced = max(reduced, carried+1)
	g = n.swish(n.conv(g, name+"_reduce", convSpec{in: channels, out: reduced, kernel: 1, stride: 1, group: 1, pads: same(1, 1), gain: 1, drop: true}))
	g = n.op("Sigmoid", []string{n.conv(g, name+"_expand", convSpec{in: reduced, out: channels, kernel: 1, stride: 1, group: 1, pads: same(1, 1), gain: 1, gate: true})})
	return n.op("Mul", []string{x, g})
}

// swish is x*sigmoid(x).
func (n *net) swish(x string) string {
	return n.op("Mul", []string{x, n.op("Sigmoid", []string{x})})
}

// same returns TensorFlow's SAME padding of a kernel on an even side: with stride 2 the end gets one more.
func same(kernel, stride int) []int64 {
	all := int64(kernel - 1)
	if stride == 2 && kernel > 1 {
		all = int64(kernel - 2)
	}
	begin := all / 2
	return []int64{begin, begin, all - begin, all - begin}
}

// circularRows makes logits over bins of width degrees that start at -offset and lie round the circle: sharp*(u cos + v sin) of a bin's angle
// is largest where the angle is atan2(v, u).
func circularRows(count int, width, offset, sharp float64) []row {
	rows := make([]row, count)
	for k := range rows {
		s, c := math.Sincos((width*float64(k) - offset) * math.Pi / 180)
		rows[k] = row{u: sharp * c, v: sharp * s}
	}
	return rows
}

// linearRows makes logits whose softmax is a bell of deviation sigma degrees round slope*g + at degrees: the square of (angle - mean) without
// the part that is the same for all bins is linear in the mean.
func linearRows(count int, width, offset, slope, at, sigma float64) []row {
	rows := make([]row, count)
	for k := range rows {
		a := width*float64(k) - offset
		rows[k] = row{g: slope * a / (sigma * sigma), bias: (at*a - a*a/2) / (sigma * sigma)}
	}
	return rows
}
