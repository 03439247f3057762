package onnxpb

import (
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkGraph opens, copies and saves graphs of very many nodes: the time per node is to stay the same.
func BenchmarkGraph(b *testing.B) {
	for _, nodes := range []int{10_000, 100_000, 1_000_000} {
		m := small()
		m.Graph.Node = m.Graph.Node[:0]
		for i := range nodes {
			from, to := fmt.Sprintf("t%d", i), fmt.Sprintf("t%d", i+1)
			m.Graph.Node = append(m.Graph.Node, Node("Add", fmt.Sprintf("n%d", i), []string{from, "w"}, []string{to}, Int("a", int64(i))))
		}
		dir := b.TempDir()
		path, out := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "out.onnx")
		if err := Save(m, path, SaveOptions{}); err != nil {
			b.Fatal(err)
		}
		perNode := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nodes), "ns/node")
		}
		b.Run(fmt.Sprintf("open/%d", nodes), func(b *testing.B) {
			for b.Loop() {
				f, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
			perNode(b)
		})
		b.Run(fmt.Sprintf("clone/%d", nodes), func(b *testing.B) {
			for b.Loop() {
				Clone(m)
			}
			perNode(b)
		})
		b.Run(fmt.Sprintf("save/%d", nodes), func(b *testing.B) {
			for b.Loop() {
				if err := Save(m, out, SaveOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			perNode(b)
		})
	}
}
