package standin

import (
	"fmt"

	"onnxtool/onnxpb"
)

// RepVGG says how large a RepVGG in deploy form is: one 3x3 convolution and one ReLU a block.
type RepVGG struct {
	Blocks []int // blocks of the four stages
	Widths []int // channels of the stem and the four stages
	Side   int   // height and width of the image
}

// B1g2 is RepVGG-B1g2, with two groups on every second layer from 2 to 26; about 157 MB.
var B1g2 = RepVGG{Blocks: []int{4, 6, 16, 1}, Widths: []int{64, 128, 256, 512, 2048}, Side: 224}

// SmallRepVGG is the same made small, for tests.
var SmallRepVGG = RepVGG{Blocks: []int{1, 2, 2, 1}, Widths: []int{8, 8, 16, 16, 32}, Side: 64}

// SixDRepNet writes a stand-in of 6DRepNet: input `input` float32 [1,3,Side,Side], normalised; output `rotation` float32 [1,3,3].
// The six numbers of the last layer are made a rotation matrix by Gram-Schmidt in the graph, as the published export has it.
func SixDRepNet(size RepVGG, seed uint64) *onnxpb.ModelProto {
	n := newNet("sixdrepnet", seed)
	side := int64(size.Side)
	n.g.Input = append(n.g.Input, onnxpb.TensorValue("input", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, side, side)))
	pads := []int64{1, 1, 1, 1}
	x := n.conv("input", "layer0.rbr_reparam", convSpec{in: 3, out: size.Widths[0], kernel: 3, stride: 2, group: 1, pads: pads, gain: 1.4, stem: true})
	x = n.op("Relu", []string{x})
	layer, in := 1, size.Widths[0]
	for stage, blocks := range size.Blocks {
		out := size.Widths[stage+1]
		for b := 0; b < blocks; b++ {
			s := convSpec{in: in, out: out, kernel: 3, stride: 1, group: 1, pads: pads, gain: 1.4}
			if b == 0 {
				s.stride = 2
			}
			if layer%2 == 0 && layer <= 26 {
				s.group = 2
			}
			x = n.conv(x, fmt.Sprintf("layer%d.%d.rbr_reparam", stage+1, b), s)
			x = n.op("Relu", []string{x})
			in = out
			layer++
		}
	}
	x = n.op("GlobalAveragePool", []string{x})
	x = n.op("Reshape", []string{x, n.ints(1, int64(in))}) // torch.flatten of a traced batch of 1
	// The first vector is (u, roll, -v), the second (0, 1, pitch): yaw = atan2(v, |u|), small roll and pitch by the second colour.
	six := n.head(x, "linear_reg", "six", in, []row{
		{u: 1}, {g: 0.2, bias: 0.05}, {v: -1},
		{}, {bias: 1}, {g: 0.3, bias: -0.02},
	}, 0.05)
	n.gramSchmidt(six, "rotation")
	n.g.Output = append(n.g.Output, onnxpb.TensorValue("rotation", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, 3)))
	return n.model("pytorch")
}

// gramSchmidt makes six numbers [1,6] a rotation matrix [1,3,3], node by node as a trace of 6DRepNet's compute_rotation_matrix_from_ortho6d
// comes out: every view and expand holds the batch of the trace.
func (n *net) gramSchmidt(six, out string) string {
	part := func(from, to int64) string {
		return n.op("Slice", []string{six, n.ints(from), n.ints(to), n.ints(1)})
	}
	x := n.normalizeVector(part(0, 3))
	y := part(3, 6)
	z := n.normalizeVector(n.cross(x, y))
	y = n.cross(z, x)
	var columns []string
	for _, v := range []string{x, y, z} {
		columns = append(columns, n.op("Reshape", []string{v, n.ints(-1, 3, 1)}))
	}
	return n.opNamed(out, "Concat", columns, onnxpb.Int("axis", 2))
}

// normalizeVector divides [1,3] by its length, at least 1e-8.
func (n *net) normalizeVector(v string) string {
	two := n.floats(fmt.Sprintf("two_%d", n.next("two")), nil, []float32{2})
	eps := n.floats(fmt.Sprintf("eps_%d", n.next("eps")), []int64{1}, []float32{1e-8})
	sum := n.op("ReduceSum", []string{n.op("Pow", []string{v, two}), n.ints(1)}, onnxpb.Int("keepdims", 0))
	length := n.op("Max", []string{n.op("Sqrt", []string{sum}), eps})
	length = n.op("Reshape", []string{length, n.ints(1, 1)})
	length = n.op("Expand", []string{length, n.ints(1, 3)})
	return n.op("Div", []string{v, length})
}

// cross is the cross product of two [1,3], column by column.
func (n *net) cross(a, b string) string {
	column := func(v string, i int64) string {
		index := n.op("Constant", nil, onnxpb.TensorAttr("value", onnxpb.TensorOf("", nil, []int64{i})))
		return n.op("Gather", []string{v, index}, onnxpb.Int("axis", 1))
	}
	mul := func(v string, i int64, w string, j int64) string {
		return n.op("Mul", []string{column(v, i), column(w, j)})
	}
	var parts []string
	for i := int64(0); i < 3; i++ {
		j, k := (i+1)%3, (i+2)%3
		c := n.op("Sub", []string{mul(a, j, b, k), mul(a, k, b, j)})
		parts = append(parts, n.op("Reshape", []string{c, n.ints(1, 1)}))
	}
	return n.op("Concat", parts, onnxpb.Int("axis", 1))
}
