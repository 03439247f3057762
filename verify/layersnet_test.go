package verify_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// side is the extent of every axis but the first of the tensors of a random network: any permutation of them keeps the shape.
const side = 4

// network is a random network under construction: every value is float32[1,4,4,4].
type network struct {
	rng    *rand.Rand
	g      *onnxpb.GraphProto
	values []string
	used   map[string]bool
	count  int
}

// randomNetwork makes a network of so many nodes (constants aside): chains, branches, residual connections and gates, with a normalisation every now and then that keeps the values
// in range. Its one output reads all that nothing else reads.
func randomNetwork(seed uint64, nodes int) *onnxpb.ModelProto {
	n := &network{rng: rand.New(rand.NewPCG(seed, 7)), g: &onnxpb.GraphProto{Name: proto.String("random")}, values: []string{"x"}, used: map[string]bool{}}
	shape := onnxpb.Numbers(1, side, side, side)
	n.g.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, shape)}
	for len(n.g.Node) < nodes-1 {
		n.grow()
	}
	var loose []string
	for _, v := range n.values {
		if !n.used[v] {
			loose = append(loose, v)
		}
	}
	for len(loose) > 1 {
		loose = append(loose[2:], n.op("Sub", []string{loose[0], loose[1]}))
	}
	n.op("Conv", []string{loose[0], n.weight(side, side, 1, 1)})
	last := n.g.Node[len(n.g.Node)-1]
	last.Output[0] = "y"
	n.g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, shape)}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: n.g}
}

func (n *network) op(kind string, in []string, attrs ...*onnxpb.AttributeProto) string {
	n.count++
	name := fmt.Sprintf("%s_%d", kind, n.count)
	for _, v := range in {
		n.used[v] = true
	}
	n.g.Node = append(n.g.Node, onnxpb.Node(kind, "node_"+name, in, []string{name}, attrs...))
	n.values = append(n.values, name)
	return name
}

// weight adds noise that keeps the deviation of what it is applied to.
func (n *network) weight(dims ...int64) string {
	a := onnxpb.NewArray(onnxpb.TensorProto_FLOAT, dims)
	fan := 1.0
	for _, d := range dims[1:] {
		fan *= float64(d)
	}
	for i := range a.Data.([]float32) {
		a.Data.([]float32)[i] = float32(n.rng.NormFloat64() / max(1, fan/4))
	}
	n.count++
	name := fmt.Sprintf("w_%d", n.count)
	n.g.Initializer = append(n.g.Initializer, a.Proto(name))
	return name
}

// pick takes a value, mostly one of the latest.
func (n *network) pick() string {
	if n.rng.IntN(4) == 0 {
		return n.values[n.rng.IntN(len(n.values))]
	}
	return n.values[max(0, len(n.values)-1-n.rng.IntN(3))]
}

func (n *network) grow() {
	x := n.pick()
	some := func() float32 { return 0.05 + 0.4*n.rng.Float32() }
	switch n.rng.IntN(14) {
	case 0, 1:
		n.op("Conv", []string{x, n.weight(side, side, 3, 3), n.weight(side)}, onnxpb.Ints("pads", 1, 1, 1, 1))
	case 2:
		n.op("MatMul", []string{x, n.weight(side, side)})
	case 3:
		n.op("LeakyRelu", []string{x}, onnxpb.Float("alpha", some()))
	case 4:
		n.op("Elu", []string{x}, onnxpb.Float("alpha", some()))
	case 5:
		n.op([]string{"Tanh", "Sigmoid", "Softplus", "Relu"}[n.rng.IntN(4)], []string{x})
	case 6:
		n.op("Transpose", []string{x}, onnxpb.Ints("perm", [][]int64{{0, 1, 3, 2}, {0, 3, 2, 1}, {0, 2, 1, 3}}[n.rng.IntN(3)]...))
	case 7:
		n.op("Softmax", []string{x}, onnxpb.Int("axis", int64(1+n.rng.IntN(3))))
	case 8:
		n.op("MaxPool", []string{x}, onnxpb.Ints("kernel_shape", 3, 3), onnxpb.Ints("pads", 1, 1, 1, 1))
	case 9, 10:
		n.op("InstanceNormalization", []string{x, n.weight(side), n.weight(side)}, onnxpb.Float("epsilon", 1e-3+1e-3*some()))
	case 11: // two values
		if y := n.pick(); y != x {
			n.op([]string{"Add", "Sub", "Max"}[n.rng.IntN(3)], []string{x, y})
		}
	case 12: // a gate
		n.op("Mul", []string{x, n.op("Sigmoid", []string{n.pick()})})
	case 13:
		if y := n.pick(); y != x {
			below := n.op("Add", []string{n.op("Softplus", []string{y}), n.weight(1)})
			n.op("Div", []string{x, n.op("Exp", []string{n.op("Tanh", []string{below})})})
		}
	}
}

// renamed gives every value and node of a model another name, and puts nodes and initializers in another valid order.
func renamed(m *onnxpb.ModelProto, seed uint64) (*onnxpb.ModelProto, map[string]string) {
	rng := rand.New(rand.NewPCG(seed, 11))
	m = onnxpb.Clone(m)
	to := map[string]string{}
	name := func(kind string) func(string) string {
		return func(s string) string {
			if to[kind+s] == "" {
				to[kind+s] = fmt.Sprintf("%s%d", kind, rng.Uint32())
			}
			return to[kind+s]
		}
	}
	surgery.MapNames(m, surgery.NameMap{Value: name("v"), Node: name("n")})
	g := m.Graph
	rng.Shuffle(len(g.Initializer), func(i, j int) { g.Initializer[i], g.Initializer[j] = g.Initializer[j], g.Initializer[i] })
	have := map[string]bool{}
	for _, v := range g.Input {
		have[v.GetName()] = true
	}
	for _, t := range g.Initializer {
		have[t.GetName()] = true
	}
	left, order := slices.Clone(g.Node), []*onnxpb.NodeProto(nil)
	for len(left) > 0 {
		i := rng.IntN(len(left))
		if !slices.ContainsFunc(left[i].Input, func(s string) bool { return s != "" && !have[s] }) {
			have[left[i].Output[0]] = true
			order = append(order, left[i])
			left = slices.Delete(left, i, i+1)
		}
	}
	g.Node = order
	return m, to
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }
