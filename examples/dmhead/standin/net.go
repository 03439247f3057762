// Package standin writes networks that stand in for the two head-pose models of DMHead, whose trained weights cannot be shipped: 6DRepNet on
// RepVGG-B1g2 in deploy form, and WHENet on EfficientNet-B0. Architecture and size are the true ones, the weights are seeded noise, and
// both are written as tracing exporters write them: at batch 1, with the batch baked into constants.
//
// Three channels are led through every layer unmixed. They carry the mean colour of the (normalised) input to the last layer, which makes a pose
// of it: with u the mean of the first colour, g of the second and v of the third, yaw is about atan2(v, u) degrees of the circle for WHENet, and the
// same folded to -90..90 for 6DRepNet. So a test chooses a yaw by the colour of the image (see Colour). The noise of the other channels moves the
// two poses apart by up to a few degrees, so that a fused model that answers with the wrong one is found out.
package standin

import (
	"fmt"
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// carried is how many channels carry the mean colour.
const carried = 3

// lift is added to the carried channels, to keep them where ReLU and x*sigmoid(x) pass values through.
const lift = 16

// Opset is the version of the default operator set that the networks use.
const Opset = 13

// Colour returns the normalised colour (zero mean, unit deviation, as after ImageNet's normalisation) of an image that both networks take for
// a head turned by yaw degrees.
func Colour(yaw float64) [3]float32 {
	s, c := math.Sincos(yaw * math.Pi / 180)
	return [3]float32{float32(radius * c), 0.3, float32(radius * s)}
}

// radius is the length of (u, v) that Colour gives; 1.5 keeps all colours within 0..1 before ImageNet's normalisation.
const radius = 1.5

// net is a graph under construction.
type net struct {
	g     *onnxpb.GraphProto
	rng   *rand.Rand
	count map[string]int
}

func newNet(name string, seed uint64) *net {
	return &net{g: &onnxpb.GraphProto{Name: proto.String(name)}, rng: rand.New(rand.NewPCG(seed, 0x6f6e6e78)), count: map[string]int{}}
}

// model wraps the graph.
func (n *net) model(producer string) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:       proto.Int64(7),
		ProducerName:    proto.String(producer),
		ProducerVersion: proto.String("1"),
		Graph:           n.g,
		OpsetImport:     []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", Opset)},
	}
}

// op adds a node with one output and returns the output's name.
func (n *net) op(op string, in []string, attrs ...*onnxpb.AttributeProto) string {
	return n.opNamed(fmt.Sprintf("%s_%d", op, n.next(op)), op, in, attrs...)
}

func (n *net) next(op string) int {
	i := n.count[op]
	n.count[op]++
	return i
}

// opNamed is op for a node whose output, and name, are given.
func (n *net) opNamed(out, op string, in []string, attrs ...*onnxpb.AttributeProto) string {
	n.g.Node = append(n.g.Node, onnxpb.Node(op, out, in, []string{out}, attrs...))
	return out
}

// floats adds an initializer.
func (n *net) floats(name string, dims []int64, v []float32) string {
	n.g.Initializer = append(n.g.Initializer, onnxpb.TensorOf(name, dims, v))
	return name
}

// ints adds a Constant node that holds a list of integers, as exporters write shapes.
func (n *net) ints(v ...int64) string {
	t := onnxpb.TensorOf("", []int64{int64(len(v))}, v)
	return n.op("Constant", nil, onnxpb.TensorAttr("value", t))
}

// convSpec is a convolution. The carried channels come through its centre, the others are mixed by noise of deviation gain/sqrt(fan-in).
type convSpec struct {
	in, out, kernel, stride, group int
	pads                           []int64 // top, left, bottom, right
	gain                           float64
	stem                           bool // the first layer: the carried channels are the 3x3 means of the colours, lifted
	drop                           bool // the carried channels come out 0 (a residual branch)
	gate                           bool // the carried channels come out at +lift, whatever comes in (gates of squeeze-excite)
}

// conv adds a convolution with a bias.
func (n *net) conv(x, name string, s convSpec) string {
	perGroup := s.in / s.group
	area := s.kernel * s.kernel
	w := make([]float32, s.out*perGroup*area)
	bias := make([]float32, s.out)
	depthwise := perGroup == 1
	dev := s.gain / math.Sqrt(float64(perGroup*area))
	for o := 0; o < s.out; o++ {
		row := w[o*perGroup*area : (o+1)*perGroup*area]
		if o < carried {
			n.carry(row, bias, o, perGroup, area, s)
			continue
		}
		group := o / (s.out / s.group)
		for i := 0; i < perGroup; i++ {
			// Noise does not read the carried channels: their lift would drown it.
			if !s.stem && !depthwise && group == 0 && i < carried {
				continue
			}
			for k := 0; k < area; k++ {
				row[i*area+k] = float32(n.rng.NormFloat64() * dev)
			}
		}
		bias[o] = float32(n.rng.NormFloat64() * 0.05)
	}
	in := []string{x,
		n.floats(name+".weight", []int64{int64(s.out), int64(perGroup), int64(s.kernel), int64(s.kernel)}, w),
		n.floats(name+".bias", []int64{int64(s.out)}, bias)}
	k, st := int64(s.kernel), int64(s.stride)
	return n.op("Conv", in, onnxpb.Ints("dilations", 1, 1), onnxpb.Int("group", int64(s.group)), onnxpb.Ints("kernel_shape", k, k),
		onnxpb.Ints("pads", s.pads...), onnxpb.Ints("strides", st, st))
}

// carry fills the weights of output channel o, a carried one.
func (n *net) carry(row, bias []float32, o, perGroup, area int, s convSpec) {
	switch {
	case s.drop:
	case s.gate:
		bias[o] = lift
	case s.stem:
		for k := 0; k < area; k++ {
			row[o*area+k] = 1 / float32(area)
		}
		bias[o] = lift
	case perGroup == 1:
		row[area/2] = 1
	default:
		row[o*area+area/2] = 1
	}
}

// noise returns n values of a normal distribution.
func (n *net) noise(count int, dev float64) []float32 {
	v := make([]float32, count)
	for i := range v {
		v[i] = float32(n.rng.NormFloat64() * dev)
	}
	return v
}

// row is what one output of the last layer makes of the mean colour: u, g and v times their weights, plus a bias.
type row struct{ u, g, v, bias float64 }

// head adds the fully connected layer that reads the pose off the features [1,channels]; noise is the deviation of the weights on the others.
func (n *net) head(x, name, out string, channels int, rows []row, noise float64) string {
	w := n.noise(len(rows)*channels, noise/math.Sqrt(float64(channels)))
	bias := make([]float32, len(rows))
	for o, r := range rows {
		w[o*channels], w[o*channels+1], w[o*channels+2] = float32(r.u), float32(r.g), float32(r.v)
		bias[o] = float32(r.bias - lift*(float64(float32(r.u))+float64(float32(r.g))+float64(float32(r.v))))
	}
	in := []string{x, n.floats(name+".weight", []int64{int64(len(rows)), int64(channels)}, w), n.floats(name+".bias", []int64{int64(len(rows))}, bias)}
	return n.opNamed(out, "Gemm", in, onnxpb.Float("alpha", 1), onnxpb.Float("beta", 1), onnxpb.Int("transB", 1))
}
