package networks

import "onnxtool/onnxpb"

// yolo8Cells are the middles of the cells of all maps, [1,2,84] or other dimensions, and how wide the cells are.
func (n *net) yolo8Cells(middles, widths []int64) (string, string) {
	var x, y, w []float32
	for _, side := range yoloSides {
		for c := int64(0); c < side*side; c++ {
			x, y, w = append(x, float32(c%side)+0.5), append(y, float32(c/side)+0.5), append(w, float32(32/side))
		}
	}
	return n.floats("middles", append(x, y...), middles...), n.floats("widths", w, widths...)
}

// yolo8Map is the head of one map: 4 distances of 4 places each, and 3 classes, in 19 channels.
func (n *net) yolo8Map(x, name string) string {
	return n.concat(1, n.point(x, name+".box", 8, 16), n.point(x, name+".cls", 8, 3))
}

func yolo8(n *net, maps []string) { n.output(n.yolo8Boxes(maps), "boxes", "[1,7,84]") }

// yolo8Top keeps the 9 best boxes of each row, by indices that are repeated for all 7 numbers of a box.
func yolo8Top(n *net, maps []string) {
	x := n.transpose(n.yolo8Boxes(maps), 0, 2, 1)
	best := n.axed("ReduceMax", 18, n.slice(x, 2, 4, last, 1), []int64{-1}, onnxpb.Int("keepdims", 0))
	top := n.ops("TopK", 2, in{best, n.ints(9)}, onnxpb.Int("axis", 1))
	index := n.op("Expand", in{n.unsqueeze(top[1], -1), n.ints(1, 9, 7)})
	n.output(n.op("GatherElements", in{x, index}, onnxpb.Int("axis", 1)), "boxes", "[1,9,7]")
	n.output(top[0], "scores", "[1,9]")
}

// yolo8Boxes is a head without anchors: a distance is the mean of its places, which a convolution takes after Softmax.
func (n *net) yolo8Boxes(maps []string) string {
	var all []string
	for i, x := range maps {
		all = append(all, n.reshape(n.yolo8Map(x, []string{"m0", "m1", "m2"}[i]), 1, 19, -1))
	}
	p := n.split(n.concat(2, all...), 1, 16, 3)
	x := n.op("Softmax", in{n.transpose(n.reshape(p[0], 1, 4, 4, 84), 0, 2, 1, 3)}, onnxpb.Int("axis", 1))
	x = n.op("Conv", in{x, n.floats("places", []float32{0, 1, 2, 3}, 1, 4, 1, 1)}, onnxpb.Ints("kernel_shape", 1, 1))
	x = n.reshape(x, 1, 4, 84)
	middles, widths := n.yolo8Cells([]int64{1, 2, 84}, []int64{1, 84})
	from, to := n.sub(middles, n.slice(x, 1, 0, 2, 1)), n.add(middles, n.slice(x, 1, 2, 4, 1))
	box := n.concat(1, n.op("Div", in{n.add(from, to), n.number(2)}), n.sub(to, from))
	return n.concat(1, n.mul(box, widths), n.op("Sigmoid", in{p[1]}))
}

func yolo8Free(n *net, maps []string) {
	n.output(n.transpose(n.yolo8BoxesFree(maps), 0, 2, 1), "boxes", "[N,7,84]")
}

// yolo8TopFree picks whole boxes, each row from itself.
func yolo8TopFree(n *net, maps []string) {
	x := n.yolo8BoxesFree(maps)
	best := n.axed("ReduceMax", 18, n.slice(x, 2, 4, last, 1), []int64{-1}, onnxpb.Int("keepdims", 0))
	top := n.ops("TopK", 2, in{best, n.ints(9)}, onnxpb.Int("axis", 1))
	n.output(n.op("GatherND", in{x, n.unsqueeze(top[1], -1)}, onnxpb.Int("batch_dims", 1)), "boxes", "[N,9,7]")
	n.output(top[0], "scores", "[N,9]")
}

// yolo8BoxesFree has the channels last, and the mean as a sum of products.
func (n *net) yolo8BoxesFree(maps []string) string {
	var all []string
	for i, x := range maps {
		all = append(all, n.transpose(n.reshape(n.yolo8Map(x, []string{"m0", "m1", "m2"}[i]), 0, 0, -1), 0, 2, 1))
	}
	x := n.concat(1, all...)
	p := n.op("Softmax", in{n.reshape(n.slice(x, 2, 0, 16, 1), 0, 0, 4, 4)}, onnxpb.Int("axis", 3))
	p = n.squeeze(n.op("MatMul", in{p, n.floats("places", []float32{0, 1, 2, 3}, 4, 1)}), 3)
	middles, widths := n.yolo8Cells([]int64{1, 2, 84}, []int64{84, 1})
	middles = n.transpose(middles, 0, 2, 1)
	from, to := n.sub(middles, n.slice(p, 2, 0, 2, 1)), n.add(middles, n.slice(p, 2, 2, 4, 1))
	box := n.mul(n.concat(2, n.mul(n.add(from, to), n.number(0.5)), n.sub(to, from)), widths)
	return n.concat(2, box, n.op("Sigmoid", in{n.slice(x, 2, 16, 19, 1)}))
}
