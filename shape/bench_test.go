package shape_test

import (
	"fmt"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// chain returns a model of so many nodes in a row, each kind of which is common.
func chain(n int) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("v0", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(8), onnxpb.Symbol("H")})}}
	g.Initializer = append(g.Initializer, onnxpb.TensorOf("w", []int64{8, 1}, make([]float32, 8)), onnxpb.TensorOf("flat", []int64{3}, []int64{0, 0, -1}))
	for i := range n {
		in, out := fmt.Sprintf("v%d", i), fmt.Sprintf("v%d", i+1)
		switch i % 4 {
		case 0:
			g.Node = append(g.Node, onnxpb.Node("Add", "", []string{in, "w"}, []string{out}))
		case 1:
			g.Node = append(g.Node, onnxpb.Node("Relu", "", []string{in}, []string{out}))
		case 2:
			g.Node = append(g.Node, onnxpb.Node("Reshape", "", []string{in, "flat"}, []string{out}))
		case 3:
			g.Node = append(g.Node, onnxpb.Node("Concat", "", []string{in}, []string{out}, onnxpb.Int("axis", 1)))
		}
	}
	last := fmt.Sprintf("v%d", n)
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, onnxpb.TensorProto_FLOAT, nil)}
	return &onnxpb.ModelProto{Graph: g, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}}
}

func BenchmarkInfer(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := chain(n)
			b.ReportAllocs()
			for b.Loop() {
				shape.Infer(m, shape.Options{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
		})
	}
}
