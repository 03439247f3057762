package networks

import (
	"fmt"

	"onnxtool/onnxpb"
)

// yolos are detectors of images of 32x32 in maps of 8x8, 4x4 and 2x2.
func yolos() []Network {
	return []Network{
		{Name: "yolo5", Fixed: yolo(13, "1", yolo5), Free: yolo(13, "N", yolo5Free)},
		{Name: "yolo5_split", Fixed: yolo(20, "1", yolo5Split), Free: yolo(20, "N", yolo5Free)},
		{Name: "yolo5_scatter", Fixed: yolo(11, "1", yolo5Scatter), Free: yolo(11, "N", yolo5Free)},
		{Name: "yolo8", Fixed: yolo(17, "1", yolo8), Free: yolo(17, "N", yolo8Free)},
		{Name: "yolo8_top", Fixed: yolo(18, "1", yolo8Top), Free: yolo(18, "N", yolo8TopFree)},
	}
}

// yoloSides are the sizes of the maps.
var yoloSides = []int64{8, 4, 2}

// yolo is the backbone and the neck, which name no batch, before a head.
func yolo(opset int64, batch string, head func(n *net, maps []string)) *onnxpb.ModelProto {
	n := newNet("yolo", opset)
	down := func(x, name string, from, to int64) string {
		return n.silu(n.conv(x, name, conv{from: from, to: to, kernel: 3, stride: 2, pad: 1}))
	}
	twice := func(x string) string {
		return n.op("Resize", in{x, n.constant(onnxpb.TensorOf("", []int64{0}, []float32{})), n.scales(1, 1, 2, 2)}, onnxpb.Str("mode", "nearest"),
			onnxpb.Str("coordinate_transformation_mode", "asymmetric"), onnxpb.Str("nearest_mode", "floor"))
	}
	x := down(down(n.input("image", tFloat, "["+batch+",3,32,32]"), "stem", 3, 8), "p3", 8, 8)
	y := down(x, "p4", 8, 8)
	z := down(y, "p5", 8, 8)
	p := n.maxPool(z, 3, 1, 1)
	z = n.silu(n.point(n.concat(1, z, p, n.maxPool(p, 3, 1, 1)), "spp", 24, 8))
	y = n.silu(n.point(n.concat(1, twice(z), y), "n4", 16, 8))
	x = n.silu(n.point(n.concat(1, twice(y), x), "n3", 16, 8))
	head(n, []string{x, y, z})
	return n.model()
}

// yoloAnchors are the sizes of three anchors for each map.
var yoloAnchors = [3][3][2]float32{{{2, 3}, {4, 5}, {6, 2}}, {{7, 9}, {9, 6}, {8, 12}}, {{14, 10}, {18, 20}, {25, 16}}}

// yoloGrid is where the cells of a map lie, and its anchors, both [1,3,side,side,2].
func (n *net) yoloGrid(i int) (grid, anchors string) {
	side := yoloSides[i]
	var g, a []float32
	for k := 0; k < 3; k++ {
		for c := int64(0); c < side*side; c++ {
			g = append(g, float32(c%side), float32(c/side))
			a = append(a, yoloAnchors[i][k][:]...)
		}
	}
	return n.floats(n.next("grid"), g, 1, 3, side, side, 2), n.floats(n.next("anchors"), a, 1, 3, side, side, 2)
}

// yoloBoxes are where the boxes of a map lie and how large they are, from the first four sigmoids of a cell.
func (n *net) yoloBoxes(xy, wh string, i int) (string, string) {
	grid, anchors := n.yoloGrid(i)
	xy = n.add(n.sub(n.mul(xy, n.number(2)), n.number(0.5)), grid)
	wh = n.op("Pow", in{n.mul(wh, n.number(2)), n.number(2)})
	return n.mul(xy, n.number(float32(32/yoloSides[i]))), n.mul(wh, anchors)
}

// yolo5 cuts the parts of a cell with Slice; the end of the targets is -1.
func yolo5(n *net, maps []string) {
	var all, raw []string
	for i, x := range maps {
		side := yoloSides[i]
		x = n.transpose(n.reshape(n.point(x, n.next("detect"), 8, 21), 1, 3, 7, side, side), 0, 1, 3, 4, 2)
		raw = append(raw, x)
		x = n.op("Sigmoid", in{x})
		xy, wh := n.yoloBoxes(n.slice(x, 4, 0, 2, 1), n.slice(x, 4, 2, 4, 1), i)
		all = append(all, n.reshape(n.concat(-1, xy, wh, n.slice(x, 4, 4, last, 1)), 1, -1, 7))
	}
	n.output(n.concat(1, all...), "boxes", "[1,252,7]")
	n.yoloMaps(raw, "1")
}

// yolo5Split cuts them with Split, lists the targets, and has the maps viewed as one list of cells and back.
func yolo5Split(n *net, maps []string) {
	var all, raw []string
	for i, x := range maps {
		side := yoloSides[i]
		x = n.op("Reshape", in{n.point(x, n.next("detect"), 8, 21), n.listed(1, 3, 7, side, side)})
		x = n.transpose(x, 0, 1, 3, 4, 2)
		raw = append(raw, n.reshape(n.reshape(x, 3*side*side, 7), 1, 3, side, side, 7))
		p := n.split(n.op("Sigmoid", in{x}), 4, 2, 2, 3)
		xy, wh := n.yoloBoxes(p[0], p[1], i)
		all = append(all, n.op("Reshape", in{n.concat(4, xy, wh, p[2]), n.listed(1, 3*side*side, 7)}))
	}
	n.output(n.concat(1, all...), "boxes", "[1,252,7]")
	n.yoloMaps(raw, "1")
}

// yoloMaps makes the maps, before Sigmoid, outputs.
func (n *net) yoloMaps(maps []string, batch string) {
	for i, x := range maps {
		n.output(x, fmt.Sprintf("map%d", i), fmt.Sprintf("[%s,3,%d,%[2]d,7]", batch, yoloSides[i]))
	}
}

// yolo5Scatter writes the boxes into the cells, as y[..., 0:2] = ... is traced: ScatterND to places that were computed for one row.
func yolo5Scatter(n *net, maps []string) {
	put := func(y, part string, from, side int64) string {
		var at []int64
		for k := int64(0); k < 3; k++ {
			for c := int64(0); c < side*side; c++ {
				for j := from; j < from+2; j++ {
					at = append(at, 0, k, c/side, c%side, j)
				}
			}
		}
		index := n.constant(onnxpb.TensorOf("", []int64{1, 3, side, side, 2, 5}, at))
		return n.op("ScatterND", in{y, index, n.reshape(part, 1, 3, side, side, 2)})
	}
	var all, raw []string
	for i, x := range maps {
		side := yoloSides[i]
		x = n.transpose(n.reshape(n.point(x, n.next("detect"), 8, 21), 1, 3, 7, side, side), 0, 1, 3, 4, 2)
		raw = append(raw, x)
		y := n.op("Sigmoid", in{x})
		xy, wh := n.yoloBoxes(n.slice(y, 4, 0, 2, 1), n.slice(y, 4, 2, 4, 1), i)
		y = put(put(y, xy, 0, side), wh, 2, side)
		all = append(all, n.reshape(y, 1, -1, 7))
	}
	n.output(n.concat(1, all...), "boxes", "[1,252,7]")
	n.yoloMaps(raw, "1")
}

// yolo5Free keeps the cells in one axis from the start: 21 channels of a cell become 3 anchors of 7, and anchors come before cells in the end, as the head orders them.
func yolo5Free(n *net, maps []string) {
	var all, raw []string
	for i, x := range maps {
		side := yoloSides[i]
		x = n.transpose(n.reshape(n.point(x, n.next("detect"), 8, 21), 0, 3, 7, side*side), 0, 1, 3, 2)
		raw = append(raw, n.reshape(x, 0, 3, side, side, 7))
		var grid, anchors []float32
		for c := int64(0); c < side*side; c++ {
			grid = append(grid, float32(c%side)-0.5, float32(c/side)-0.5)
		}
		for _, a := range yoloAnchors[i] {
			anchors = append(anchors, a[0]*4, a[1]*4)
		}
		x = n.op("Sigmoid", in{x})
		two := n.number(2)
		xy := n.add(n.mul(n.slice(x, 3, 0, 2, 1), two), n.floats(n.next("grid"), grid, side*side, 2))
		xy = n.mul(xy, n.number(float32(32/side)))
		wh := n.slice(x, 3, 2, 4, 1)
		wh = n.mul(n.mul(wh, wh), n.floats(n.next("anchors"), anchors, 3, 1, 2))
		all = append(all, n.reshape(n.concat(3, xy, wh, n.slice(x, 3, 4, 7, 1)), 0, 3*side*side, 7))
	}
	n.output(n.concat(1, all...), "boxes", "[N,252,7]")
	n.yoloMaps(raw, "N")
}
