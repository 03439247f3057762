package networks

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

const (
	tFloat = onnxpb.TensorProto_FLOAT
	tInt64 = onnxpb.TensorProto_INT64
)

// in are the inputs of a node.
type in = []string

// net is a graph under construction. What adds nodes returns the name of the value they make.
type net struct {
	g     *onnxpb.GraphProto
	opset int64
	// stored has shapes written as initializers, as an exporter does that folds constants; otherwise they are Constant nodes.
	stored bool
	count  map[string]int
	have   map[string]bool // the initializers
}

func newNet(name string, opset int64) *net {
	return &net{g: &onnxpb.GraphProto{Name: proto.String(name)}, opset: opset, count: map[string]int{}, have: map[string]bool{}}
}

// model wraps the graph.
func (n *net) model() *onnxpb.ModelProto {
	ir := map[int64]int64{11: 6, 13: 7, 17: 8, 18: 8, 20: 9}[n.opset]
	return &onnxpb.ModelProto{IrVersion: proto.Int64(ir), ProducerName: proto.String("pytorch"), Graph: n.g, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", n.opset)}}
}

// next gives a value of a kind its name.
func (n *net) next(kind string) string {
	n.count[kind]++
	return fmt.Sprintf("%s_%d", kind, n.count[kind]-1)
}

// op adds a node with one output.
func (n *net) op(kind string, inputs in, attrs ...*onnxpb.AttributeProto) string {
	return n.ops(kind, 1, inputs, attrs...)[0]
}

// ops adds a node with several outputs.
func (n *net) ops(kind string, outputs int, inputs in, attrs ...*onnxpb.AttributeProto) []string {
	name := n.next(kind)
	out := []string{name}
	for i := 1; i < outputs; i++ {
		out = append(out, fmt.Sprintf("%s.%d", name, i))
	}
	n.g.Node = append(n.g.Node, onnxpb.Node(kind, name, inputs, out, attrs...))
	return out
}

func dims(shape string) []onnxpb.Dim {
	d, err := onnxpb.ParseShape(shape)
	if err != nil {
		panic(err)
	}
	return d
}

func (n *net) input(name string, elem onnxpb.TensorProto_DataType, shape string) string {
	n.g.Input = append(n.g.Input, onnxpb.TensorValue(name, elem, dims(shape)))
	return name
}

// output makes a value an output, of a name that both forms have, which it is called from then on.
func (n *net) output(x, name, shape string) string {
	for _, node := range n.g.Node {
		for _, list := range [][]string{node.Input, node.Output} {
			for i := range list {
				if list[i] == x {
					list[i] = name
				}
			}
		}
	}
	n.g.Output = append(n.g.Output, onnxpb.TensorValue(name, tFloat, dims(shape)))
	return name
}

// info declares a value of the graph, as exporters do that infer shapes.
func (n *net) info(x, shape string) string {
	n.g.ValueInfo = append(n.g.ValueInfo, onnxpb.TensorValue(x, tFloat, dims(shape)))
	return x
}

func product(dims []int64) int64 {
	p := int64(1)
	for _, d := range dims {
		p *= d
	}
	return p
}

// weight adds an initializer of noise of the deviation dev. The name alone decides the noise, so that both forms have the same, whatever shape and order they have it in.
func (n *net) weight(name string, dev float64, dims ...int64) string {
	if !n.have[name] {
		h := fnv.New64a()
		h.Write([]byte(name))
		rng := rand.New(rand.NewPCG(1, h.Sum64()))
		v := make([]float32, product(dims))
		for i := range v {
			v[i] = float32(rng.NormFloat64() * dev)
		}
		n.floats(name, v, dims...)
	}
	return name
}

// floats adds an initializer.
func (n *net) floats(name string, v []float32, dims ...int64) string {
	n.have[name] = true
	n.g.Initializer = append(n.g.Initializer, onnxpb.TensorOf(name, dims, v))
	return name
}

// zeros adds an initializer of zeros.
func (n *net) zeros(name string, dims ...int64) string {
	return n.floats(name, make([]float32, product(dims)), dims...)
}

// ints adds a list of integers, such as a shape.
func (n *net) ints(v ...int64) string {
	return n.constant(onnxpb.TensorOf("", []int64{int64(len(v))}, v))
}

// scalar adds an integer.
func (n *net) scalar(v int64) string { return n.constant(onnxpb.TensorOf("", nil, []int64{v})) }

// number adds a float.
func (n *net) number(v float32) string { return n.constant(onnxpb.TensorOf("", nil, []float32{v})) }

func (n *net) constant(t *onnxpb.TensorProto) string {
	if !n.stored {
		return n.op("Constant", nil, onnxpb.TensorAttr("value", t))
	}
	t.Name = proto.String(n.next("onnx::Const"))
	n.g.Initializer = append(n.g.Initializer, t)
	return t.GetName()
}

// filled adds the node that makes a tensor of one number, of a shape that is a value.
func (n *net) filled(shape string, value *onnxpb.TensorProto) string {
	return n.op("ConstantOfShape", in{shape}, onnxpb.TensorAttr("value", value))
}

// size computes the size of an axis, as x.size(axis) is traced, as a list of one.
func (n *net) size(x string, axis int64) string {
	return n.unsqueeze(n.op("Gather", in{n.op("Shape", in{x}), n.scalar(axis)}, onnxpb.Int("axis", 0)), 0)
}

// listed makes a list of numbers as a trace does that does not fold them: each is a scalar that is unsqueezed, and all are joined.
func (n *net) listed(v ...int64) string {
	var parts []string
	for _, x := range v {
		parts = append(parts, n.unsqueeze(n.scalar(x), 0))
	}
	return n.concat(0, parts...)
}
