package opset_test

import (
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// mutations are ways to spoil a model, each at a place that rng chooses. One that finds no place returns false.
var mutations = []struct {
	name string
	do   func(rng *rand.Rand, m *onnxpb.ModelProto) bool
}{
	{"input renamed", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Input, func(i int) { n.Input[i] = "no_such_value" })
	})},
	{"input dropped", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Input, func(int) { n.Input = n.Input[:len(n.Input)-1] })
	})},
	{"input repeated", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Input, func(i int) { n.Input = append(n.Input, n.Input[i]) })
	})},
	{"input emptied", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Input, func(i int) { n.Input[i] = "" })
	})},
	{"inputs dropped", onNode(func(_ *rand.Rand, n *onnxpb.NodeProto) bool { n.Input = nil; return true })},
	{"output dropped", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Output, func(int) { n.Output = n.Output[:len(n.Output)-1] })
	})},
	{"output added", onNode(func(_ *rand.Rand, n *onnxpb.NodeProto) bool {
		n.Output = append(n.Output, "one_more_value")
		return true
	})},
	{"output emptied", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Output, func(i int) { n.Output[i] = "" })
	})},
	{"output is an input", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return len(n.Input) > 0 && pick(rng, n.Output, func(i int) { n.Output[i] = n.Input[0] })
	})},
	{"operator unknown", onNode(func(_ *rand.Rand, n *onnxpb.NodeProto) bool { n.OpType = proto.String("NoSuchOperator"); return true })},
	{"operator changed", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		n.OpType = proto.String([]string{"Add", "Relu", "Concat", "Upsample", "Scatter", "Conv", "LSTM", "Loop", "Affine", "Constant"}[rng.IntN(10)])
		return true
	})},
	{"operator gone", onNode(func(_ *rand.Rand, n *onnxpb.NodeProto) bool { n.OpType = nil; return true })},
	{"domain changed", onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		n.Domain = proto.String([]string{"com.example", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training"}[rng.IntN(4)])
		return true
	})},
	{"attribute dropped", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) {
		n.Attribute = append(n.Attribute[:i:i], n.Attribute[i+1:]...)
	})},
	{"attribute repeated", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) { n.Attribute = append(n.Attribute, n.Attribute[i]) })},
	{"attribute renamed", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) {
		n.Attribute[i].Name = proto.String("no_such_attribute")
	})},
	{"attribute without name", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) { n.Attribute[i].Name = nil })},
	{"attribute without type", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) { n.Attribute[i].Type = nil })},
	{"attribute of another type", onAttribute(func(rng *rand.Rand, n *onnxpb.NodeProto, i int) {
		n.Attribute[i].Type = onnxpb.AttributeProto_AttributeType(rng.IntN(15)).Enum()
	})},
	{"attribute of another value", onAttribute(func(rng *rand.Rand, n *onnxpb.NodeProto, i int) {
		name := n.Attribute[i].GetName()
		n.Attribute[i] = []*onnxpb.AttributeProto{onnxpb.Int("", 3), onnxpb.Ints("", 1, 2), onnxpb.Ints(""), onnxpb.Str("", "s"), onnxpb.Float("", 1),
			onnxpb.Strs("", "a"), onnxpb.TensorAttr("", nil), onnxpb.GraphAttr("", nil)}[rng.IntN(8)]
		n.Attribute[i].Name = &name
	})},
	{"attribute with two values", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) {
		n.Attribute[i].S, n.Attribute[i].Ints = []byte("s"), []int64{1}
	})},
	{"attribute that refers", onAttribute(func(_ *rand.Rand, n *onnxpb.NodeProto, i int) { n.Attribute[i].RefAttrName = proto.String("other") })},
	{"attribute added", onNode(func(_ *rand.Rand, n *onnxpb.NodeProto) bool {
		n.Attribute = append(n.Attribute, onnxpb.Int("axis", 0))
		return true
	})},

	{"nodes swapped", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Node, func(i int) { j := rng.IntN(len(g.Node)); g.Node[i], g.Node[j] = g.Node[j], g.Node[i] })
	})},
	{"node dropped", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Node, func(i int) { g.Node = append(g.Node[:i:i], g.Node[i+1:]...) })
	})},
	{"node repeated", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Node, func(i int) { g.Node = append(g.Node, g.Node[i]) })
	})},
	{"graph without name", onGraph(func(_ *rand.Rand, g *onnxpb.GraphProto) bool { g.Name = nil; return true })},
	{"input declaration dropped", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) { g.Input = append(g.Input[:i:i], g.Input[i+1:]...) })
	})},
	{"input declaration repeated", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) { g.Input = append(g.Input, g.Input[i]) })
	})},
	{"input declaration without name", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) { g.Input[i].Name = nil })
	})},
	{"input declaration without type", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) { g.Input[i].Type = nil })
	})},
	{"input declaration without shape", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) {
			if t := g.Input[i].GetType().GetTensorType(); t != nil {
				t.Shape = nil
			}
		})
	})},
	{"input of unknown element type", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) { g.Input[i].Type = onnxpb.TensorType(50, []onnxpb.Dim{}) })
	})},
	{"input is a map", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) {
			g.Input[i].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{}}}
		})
	})},
	{"input is a sequence", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) {
			g.Input[i].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{}}}
		})
	})},
	{"output without type", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Output, func(i int) { g.Output[i].Type = nil })
	})},
	{"output without name", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Output, func(i int) { g.Output[i].Name = nil })
	})},
	{"output renamed", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Output, func(i int) { g.Output[i].Name = proto.String("no_such_output") })
	})},
	{"initializer added", onGraph(func(_ *rand.Rand, g *onnxpb.GraphProto) bool {
		g.Initializer = append(g.Initializer, onnxpb.TensorOf("added", []int64{2}, []float32{1, 2}))
		return true
	})},
	{"initializer added twice", onGraph(func(_ *rand.Rand, g *onnxpb.GraphProto) bool {
		for range 2 {
			g.Initializer = append(g.Initializer, onnxpb.TensorOf("added twice", []int64{2}, []float32{1, 2}))
		}
		return true
	})},
	{"initializer without name", onGraph(func(_ *rand.Rand, g *onnxpb.GraphProto) bool {
		g.Initializer = append(g.Initializer, onnxpb.TensorOf("", []int64{2}, []float32{1, 2}))
		return true
	})},
	{"initializer of an input", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return pick(rng, g.Input, func(i int) {
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(g.Input[i].GetName(), []int64{1}, []float32{1}))
		})
	})},
	{"sparse initializer added", onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		s := &onnxpb.SparseTensorProto{Values: onnxpb.TensorOf("sparse", []int64{2}, []float32{1, 2}), Dims: []int64{int64(rng.IntN(4)), 3}}
		if rng.IntN(4) > 0 {
			s.Indices = onnxpb.TensorOf("", []int64{2}, []int64{int64(rng.IntN(5)) - 1, int64(rng.IntN(9))})
		}
		g.SparseInitializer = append(g.SparseInitializer, s)
		return true
	})},

	{"tensor without type", onTensor(func(_ *rand.Rand, t *onnxpb.TensorProto) { t.DataType = nil })},
	{"tensor of another type", onTensor(func(rng *rand.Rand, t *onnxpb.TensorProto) { t.DataType = proto.Int32(int32(rng.IntN(18))) })},
	{"tensor of other dimensions", onTensor(func(rng *rand.Rand, t *onnxpb.TensorProto) { t.Dims = []int64{int64(rng.IntN(3))} })},
	{"tensor without data", onTensor(func(_ *rand.Rand, t *onnxpb.TensorProto) {
		t.RawData, t.FloatData, t.Int64Data, t.Int32Data, t.DoubleData, t.StringData, t.Uint64Data = nil, nil, nil, nil, nil, nil, nil
	})},
	{"tensor with data twice", onTensor(func(_ *rand.Rand, t *onnxpb.TensorProto) {
		t.DoubleData, t.Uint64Data = append(t.DoubleData, 1), append(t.Uint64Data, 2)
	})},
	{"tensor with external data that is not there", onTensor(func(_ *rand.Rand, t *onnxpb.TensorProto) {
		t.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
		t.ExternalData = []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("nosuch.bin")}}
	})},
	{"tensor with external data without location", onTensor(func(_ *rand.Rand, t *onnxpb.TensorProto) {
		t.RawData, t.FloatData, t.Int64Data, t.DataLocation = nil, nil, nil, onnxpb.TensorProto_EXTERNAL.Enum()
	})},

	{"IR version changed", func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		m.IrVersion = proto.Int64([]int64{0, 1, 2, 3, 4, 8, 9, 100}[rng.IntN(8)])
		return true
	}},
	{"opset version changed", func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		return pick(rng, m.OpsetImport, func(i int) { m.OpsetImport[i].Version = proto.Int64(int64(rng.IntN(18))) })
	}},
	{"opset domain changed", func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		return pick(rng, m.OpsetImport, func(i int) {
			m.OpsetImport[i].Domain = proto.String([]string{"com.example", "ai.onnx", "ai.onnx.ml"}[rng.IntN(3)])
		})
	}},
	{"opset imports dropped", func(_ *rand.Rand, m *onnxpb.ModelProto) bool { m.OpsetImport = nil; return true }},
	{"opset imported twice", func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("", int64(1+rng.IntN(17))))
		return true
	}},
	{"metadata twice", func(_ *rand.Rand, m *onnxpb.ModelProto) bool {
		for range 2 {
			m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String("k")})
		}
		return true
	}},
}

// pick calls do with the index of one of the elements; false where there is none.
func pick[T any](rng *rand.Rand, list []T, do func(i int)) bool {
	if len(list) == 0 {
		return false
	}
	do(rng.IntN(len(list)))
	return true
}

// graphsOf returns the graphs of a model, the main one first.
func graphsOf(m *onnxpb.ModelProto) []*onnxpb.GraphProto {
	all := []*onnxpb.GraphProto{m.Graph}
	for i := 0; i < len(all); i++ {
		for _, n := range all[i].GetNode() {
			for g := range n.Subgraphs() {
				all = append(all, g)
			}
		}
	}
	return all
}

func onGraph(do func(*rand.Rand, *onnxpb.GraphProto) bool) func(*rand.Rand, *onnxpb.ModelProto) bool {
	return func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		all := graphsOf(m)
		return do(rng, all[rng.IntN(len(all))])
	}
}

func onNode(do func(*rand.Rand, *onnxpb.NodeProto) bool) func(*rand.Rand, *onnxpb.ModelProto) bool {
	return onGraph(func(rng *rand.Rand, g *onnxpb.GraphProto) bool {
		return len(g.Node) > 0 && do(rng, g.Node[rng.IntN(len(g.Node))])
	})
}

func onAttribute(do func(rng *rand.Rand, n *onnxpb.NodeProto, i int)) func(*rand.Rand, *onnxpb.ModelProto) bool {
	return onNode(func(rng *rand.Rand, n *onnxpb.NodeProto) bool {
		return pick(rng, n.Attribute, func(i int) { do(rng, n, i) })
	})
}

func onTensor(do func(*rand.Rand, *onnxpb.TensorProto)) func(*rand.Rand, *onnxpb.ModelProto) bool {
	return func(rng *rand.Rand, m *onnxpb.ModelProto) bool {
		var all []*onnxpb.TensorProto
		m.AllTensors(func(t *onnxpb.TensorProto) { all = append(all, t) })
		return pick(rng, all, func(i int) { do(rng, all[i]) })
	}
}
