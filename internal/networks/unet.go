package networks

import (
	"math"

	"onnxtool/onnxpb"
)

// uNets segment images of 18x18, which are halved twice, to 4x4; what is made larger is padded to the size of what is joined to it. The first way up is a Resize, the second a ConvTranspose.
func uNets() []Network {
	return []Network{
		{Name: "unet_sizes", Fixed: uNet(17, "1", up{uNetNorm, uNetSizes, uNetPads, uNetLast}), Free: uNet(17, "N", up{uNetNormFree, uNetScales, uNetPadsFree, uNetLastFree})},
		{Name: "unet_computed", Fixed: uNet(13, "1", up{uNetNormComputed, uNetSizesComputed, uNetPadsComputed, uNetLast}), Free: uNet(13, "N", up{uNetNormFree, uNetScales, uNetPadsFree, uNetLastFree})},
		{Name: "unet_scales", Fixed: uNet(11, "1", up{uNetNorm, uNetScalesOld, uNetPadsComputed, uNetLastView}), Free: uNet(11, "N", up{uNetNormFree, uNetScalesOld, uNetPadsFree, uNetLastFree})},
	}
}

// up are the parts of a U-Net that the batch may stand in.
type up struct {
	// norm is nn.GroupNorm of a map [N,10,9,9] in two groups, without its weights.
	norm func(n *net, x string) string
	// twice makes a map [N,16,4,4] one of [N,16,8,8].
	twice func(n *net, x string) string
	// pads are those for one line and one column more, at the end.
	pads func(n *net) string
	// last makes the output [N,2,18,18], in which the two numbers of a pixel sum to one.
	last func(n *net, x string) string
}

func uNet(opset int64, batch string, u up) *onnxpb.ModelProto {
	n := newNet("unet", opset)
	image := n.input("image", tFloat, "["+batch+",1,18,18]")
	a := n.around(n.around(image, "down0.a", 1, 6), "down0.b", 6, 6)
	b := n.around(n.maxPool(a, 2, 2, 0), "down1", 6, 10)
	b = n.add(n.mul(u.norm(n, b), n.weight("norm.weight", 0.8, 10, 1, 1)), n.weight("norm.bias", 0.2, 10, 1, 1))
	c := n.around(n.maxPool(b, 2, 2, 0), "down2", 10, 16)
	x := n.info(u.twice(n, c), "["+batch+",16,8,8]")
	x = n.op("Pad", in{x, u.pads(n), n.number(0)}, onnxpb.Str("mode", "constant"))
	x = n.around(n.concat(1, b, x), "up1", 26, 8)
	w := n.weight("up0.weight", 0.5, 8, 6, 2, 2)
	x = n.op("ConvTranspose", in{x, w, n.weight("up0.bias", 0.2, 6)}, onnxpb.Ints("kernel_shape", 2, 2), onnxpb.Ints("strides", 2, 2))
	x = n.around(n.concat(1, a, x), "up0.conv", 12, 6)
	n.output(u.last(n, n.point(x, "out", 6, 2)), "mask", "["+batch+",2,18,18]")
	return n.model()
}

// groups normalises the two groups of [N,2,405].
func (n *net) groups(x string) string {
	one := n.constant(onnxpb.TensorOf("", []int64{2}, []float32{1, 1}))
	return n.op("InstanceNormalization", in{x, one, n.constant(onnxpb.TensorOf("", []int64{2}, []float32{0, 0}))})
}

// uNetNorm brings the map back by a shape that was folded.
func uNetNorm(n *net, x string) string {
	return n.reshape(n.groups(n.reshape(x, 0, 2, -1)), 1, 10, 9, 9)
}

// uNetNormComputed brings it back by its own shape, after it was cut by the batch of one.
func uNetNormComputed(n *net, x string) string {
	return n.op("Reshape", in{n.groups(n.reshape(x, 1, 2, 405)), n.op("Shape", in{x})})
}

// uNetNormFree takes means and deviations over the three axes of a group.
func uNetNormFree(n *net, x string) string {
	x = n.reshape(x, 0, 2, 5, 9, 9)
	d := n.sub(x, n.mean(x, 1, 2, 3, 4))
	s := n.op("Sqrt", in{n.add(n.mean(n.mul(d, d), 1, 2, 3, 4), n.number(1e-5))})
	return n.reshape(n.op("Div", in{d, s}), 0, 10, 9, 9)
}

func linearMode() []*onnxpb.AttributeProto {
	return []*onnxpb.AttributeProto{onnxpb.Str("mode", "linear"), onnxpb.Str("coordinate_transformation_mode", "half_pixel")}
}

// uNetSizes bakes the sizes, of all axes.
func uNetSizes(n *net, x string) string {
	return n.op("Resize", in{x, "", "", n.ints(1, 16, 8, 8)}, linearMode()...)
}

// uNetSizesComputed joins the first two sizes of the input with the last two.
func uNetSizesComputed(n *net, x string) string {
	sizes := n.concat(0, n.slice(n.op("Shape", in{x}), 0, 0, 2, 1), n.ints(8, 8))
	return n.op("Resize", in{x, "", "", sizes}, linearMode()...)
}

func uNetScales(n *net, x string) string {
	return n.op("Resize", in{x, "", n.scales(1, 1, 2, 2)}, linearMode()...)
}

// uNetScalesOld has an roi that is not read, as opset 11 asks for.
func uNetScalesOld(n *net, x string) string {
	roi := n.constant(onnxpb.TensorOf("", []int64{0}, []float32{}))
	return n.op("Resize", in{x, roi, n.scales(1, 1, 2, 2)}, onnxpb.Str("mode", "nearest"), onnxpb.Str("coordinate_transformation_mode", "asymmetric"),
		onnxpb.Str("nearest_mode", "floor"))
}

func (n *net) scales(v ...float32) string {
	return n.constant(onnxpb.TensorOf("", []int64{int64(len(v))}, v))
}

func uNetPads(n *net) string { return n.ints(0, 0, 0, 0, 0, 0, 1, 1) }

// uNetPadsComputed turns the pads of F.pad, which start with the last axis, into those of Pad, by the nodes that the exporter writes for it.
func uNetPadsComputed(n *net) string {
	none := n.filled(n.ints(4), onnxpb.TensorOf("", []int64{1}, []int64{0}))
	pairs := n.reshape(n.concat(0, n.ints(0, 1, 0, 1), none), -1, 2)
	pairs = n.slice(pairs, 0, -1, math.MinInt64+1, -1)
	return n.op("Cast", in{n.reshape(n.transpose(pairs, 1, 0), -1)}, onnxpb.Int("to", int64(tInt64)))
}

func uNetPadsFree(n *net) string { return n.ints(0, 0, 0, 0, 0, 0, 1, 1) }

func uNetLast(n *net, x string) string {
	return n.op("Softmax", in{x}, onnxpb.Int("axis", 1))
}

// uNetLastView has the pixels in one axis, and brings them back: Softmax of opset 11 takes all axes from its own on for one.
func uNetLastView(n *net, x string) string {
	x = n.transpose(n.reshape(x, 1, 2, -1), 0, 2, 1)
	x = n.op("Softmax", in{n.reshape(x, 324, 2)}, onnxpb.Int("axis", 1))
	return n.reshape(n.transpose(n.reshape(x, 1, 324, 2), 0, 2, 1), 1, 2, 18, 18)
}

// uNetLastFree writes Softmax of two as it is defined, which is the same in every opset.
func uNetLastFree(n *net, x string) string {
	a, b := n.slice(x, 1, 0, 1, 1), n.slice(x, 1, 1, 2, 1)
	return n.concat(1, n.op("Sigmoid", in{n.sub(a, b)}), n.op("Sigmoid", in{n.sub(b, a)}))
}
