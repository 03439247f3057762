package fuse_test

import (
	"fmt"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// longChain is a model of n nodes, each with a weight.
func longChain(t testing.TB, n int) *onnxpb.ModelProto {
	m := mini(t, "x[N,3] -> y[N,3]")
	last := "x"
	for i := range n {
		next, w := fmt.Sprintf("v%d", i), fmt.Sprintf("w%d", i)
		if i == n-1 {
			next = "y"
		}
		m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf(w, []int64{3}, []float32{1, 2, 3}))
		m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Mul", "node"+next, []string{last, w}, []string{next}))
		m.Graph.ValueInfo = append(m.Graph.ValueInfo, value(t, next+"[N,3]"))
		last = next
	}
	return m
}

func mergeChains(t testing.TB, m *onnxpb.ModelProto) {
	merged, _, err := fuse.Merge([]fuse.Input{{Name: "one", Model: m}, {Name: "two", Model: m}},
		fuse.MergeOptions{Connect: []fuse.Connection{{From: fuse.End{Model: "one", Tensor: "y"}, To: fuse.End{Model: "two", Tensor: "x"}}}})
	if err != nil || len(merged.Graph.Node) != 2*len(m.Graph.Node) {
		t.Fatal(err)
	}
}

// TestMergeIsLinear counts allocations, which do not depend on the machine: ten times the nodes cost ten times as many.
func TestMergeIsLinear(t *testing.T) {
	small, large := longChain(t, 1000), longChain(t, 10000)
	a := testing.AllocsPerRun(2, func() { mergeChains(t, small) })
	b := testing.AllocsPerRun(2, func() { mergeChains(t, large) })
	if b > 11*a {
		t.Errorf("%.0f allocations for two models of 1,000 nodes, %.0f for two of 10,000", a, b)
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		m := longChain(b, n)
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mergeChains(b, m)
			}
		})
	}
}
