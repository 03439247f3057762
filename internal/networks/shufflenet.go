package networks

import "onnxtool/onnxpb"

// shuffleNets are ShuffleNetV2 classifiers of images of 16x16: a unit that halves the image, and two that keep it.
func shuffleNets() []Network {
	return []Network{
		{Name: "shufflenet", Fixed: shuffleNet(11, "1", shuffle, shuffleHead), Free: shuffleNet(11, "N", shuffleFree, shuffleHeadFree)},
		{Name: "shufflenet_computed", Fixed: shuffleNet(18, "1", shuffleComputed, shuffleHeadReshaped), Free: shuffleNet(18, "N", shuffleFree, shuffleHeadFree)},
	}
}

// shuffleNet is what both forms have. shuffle mixes the channels of [N,channels,side,side], head makes features [N,16] of a map.
func shuffleNet(opset int64, batch string, shuffle func(n *net, x string, channels, side int64) string, head func(n *net, x string) string) *onnxpb.ModelProto {
	n := newNet("shufflenet", opset)
	x := n.around(n.input("image", tFloat, "["+batch+",3,16,16]"), "stem", 3, 8)
	x = shuffle(n, n.concat(1, n.shuffleBranch(x, "unit0.branch1", 8, 2, false), n.shuffleBranch(x, "unit0.branch2", 8, 2, true)), 16, 8)
	for _, name := range []string{"unit1", "unit2"} {
		var halves []string
		if opset < 18 {
			halves = n.split(x, 1, 8, 8)
		} else {
			halves = in{n.slice(x, 1, 0, 8, 1), n.slice(x, 1, 8, last, 1)}
		}
		x = shuffle(n, n.concat(1, halves[0], n.shuffleBranch(halves[1], name, 8, 1, true)), 16, 8)
	}
	n.output(n.gemm(head(n, n.relu(n.point(x, "last", 16, 16))), "fc", 16, 6), "logits", "["+batch+",6]")
	return n.model()
}

// shuffleBranch is a depthwise convolution between convolutions of one pixel.
func (n *net) shuffleBranch(x, name string, channels, stride int64, first bool) string {
	if first {
		x = n.relu(n.point(x, name+".a", channels, channels))
	}
	x = n.conv(x, name+".b", conv{from: channels, to: channels, kernel: 3, stride: stride, pad: 1, group: channels})
	return n.relu(n.point(x, name+".c", channels, channels))
}

func shuffle(n *net, x string, channels, side int64) string {
	x = n.transpose(n.reshape(x, 1, 2, channels/2, side, side), 0, 2, 1, 3, 4)
	return n.reshape(x, 1, -1, side, side)
}

// shuffleComputed has the shape of the groups from the input, where channels are divided by the groups, and bakes that of the end.
func shuffleComputed(n *net, x string, channels, side int64) string {
	c := n.op("Div", in{n.op("Gather", in{n.op("Shape", in{x}), n.scalar(1)}), n.scalar(2)})
	to := n.concat(0, n.unsqueeze(n.scalar(1), 0), n.ints(2), n.unsqueeze(c, 0), n.size(x, 2), n.size(x, 3))
	x = n.transpose(n.op("Reshape", in{x, to}), 0, 2, 1, 3, 4)
	return n.reshape(x, 1, channels, side, side)
}

// shuffleFree picks the channels in their new order, and reshapes nothing.
func shuffleFree(n *net, x string, channels, _ int64) string {
	var order []int64
	for c := int64(0); c < channels; c++ {
		order = append(order, c%2*channels/2+c/2)
	}
	return n.op("Gather", in{x, n.ints(order...)}, onnxpb.Int("axis", 1))
}

func shuffleHead(n *net, x string) string { return n.mean(x, 0, 2, 3) }

func shuffleHeadReshaped(n *net, x string) string {
	return n.reshape(n.op("GlobalAveragePool", in{x}), 1, 16)
}

func shuffleHeadFree(n *net, x string) string {
	return n.op("Flatten", in{n.op("GlobalAveragePool", in{x})}, onnxpb.Int("axis", 1))
}
