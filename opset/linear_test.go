//go:build unix

package opset

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// chain makes a model of n nodes, one behind the other, each with a weight of its own.
func chain(n int) *onnxpb.ModelProto {
	shape := []onnxpb.Dim{onnxpb.Symbol("N")}
	g := &onnxpb.GraphProto{Name: proto.String("chain"),
		Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("v0", onnxpb.TensorProto_FLOAT, shape)},
		Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("v"+itoa(int64(n)), onnxpb.TensorProto_FLOAT, shape)}}
	for i := range n {
		k, next := itoa(int64(i)), itoa(int64(i+1))
		g.Initializer = append(g.Initializer, onnxpb.TensorOf("w"+k, []int64{1}, []float32{1}))
		g.Node = append(g.Node, onnxpb.Node("Add", "add"+k, []string{"v" + k, "w" + k}, []string{"v" + next}))
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
}

// bestOf returns the least processor time of three runs, which other programs on the machine disturb little.
func bestOf(f func()) time.Duration {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	best := time.Hour
	for range 3 {
		runtime.GC()
		start := spent()
		f()
		best = min(best, spent()-start)
	}
	return best
}

// The time grows with the nodes, whether the model is good or every node has a fault: 16 times the nodes may take 64 times as long (the memory
// caches of a machine are finite), where a quadratic checker would take 256 times.
func TestTimeIsLinear(t *testing.T) {
	reversed := func(n int) *onnxpb.ModelProto {
		m := chain(n)
		nodes := m.Graph.Node
		for i := range n / 2 {
			nodes[i], nodes[n-1-i] = nodes[n-1-i], nodes[i]
		}
		return m
	}
	undefined := func(n int) *onnxpb.ModelProto {
		m := chain(n)
		for _, x := range m.Graph.Node {
			x.Input[0] = "nowhere" + x.Input[0]
		}
		return m
	}
	branches := func(n int) *onnxpb.ModelProto {
		m := chain(1)
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("flag", onnxpb.TensorProto_BOOL, []onnxpb.Dim{}))
		for i := range n / 3 {
			k := itoa(int64(i))
			branch := func(out string) *onnxpb.GraphProto {
				return &onnxpb.GraphProto{Name: proto.String("b"), Node: []*onnxpb.NodeProto{onnxpb.Node("Abs", "", []string{"v0"}, []string{out})},
					Output: []*onnxpb.ValueInfoProto{{Name: &out}}}
			}
			m.Graph.Node = append(m.Graph.Node, onnxpb.Node("If", "", []string{"flag"}, []string{"if" + k},
				onnxpb.GraphAttr("then_branch", branch("t"+k)), onnxpb.GraphAttr("else_branch", branch("e"+k))))
		}
		return m
	}
	attributes := func(n int) *onnxpb.ModelProto {
		m := chain(1)
		for i := range n {
			m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute, onnxpb.Int("a"+itoa(int64(i)), 1))
		}
		return m
	}
	functions := func(n int) *onnxpb.ModelProto {
		m := chain(1)
		for i := range n / 4 {
			call := onnxpb.Node("F"+itoa(int64(i+1)), "", []string{"x"}, []string{"y"})
			call.Domain = proto.String("f")
			m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: proto.String("F" + itoa(int64(i))), Domain: proto.String("f"), Input: []string{"x"},
				Output: []string{"y"}, Node: []*onnxpb.NodeProto{call}, OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("f", 1)}})
		}
		return m
	}
	for _, c := range []struct {
		name string
		make func(n int) *onnxpb.ModelProto
	}{{"good", chain}, {"not in order", reversed}, {"undefined", undefined}, {"branches", branches}, {"attributes", attributes}, {"functions", functions}} {
		const n = 2000
		small, large := c.make(n), c.make(16*n)
		a := bestOf(func() { Check(small, CheckOptions{Warnings: true}) })
		b := bestOf(func() { Check(large, CheckOptions{Warnings: true}) })
		t.Logf("%s: %v for %d nodes, %v for %d", c.name, a, n, b, 16*n)
		if b > 64*a+20*time.Millisecond {
			t.Errorf("%s: %v for %d nodes, %v for %d: more than linear", c.name, a, n, b, 16*n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	m := chain(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if f := Check(m, CheckOptions{}); len(f) > 0 {
			b.Fatal(f[0])
		}
	}
}
