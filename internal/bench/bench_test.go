package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// models writes the stand-ins of the flagship build, 157 MB and 17 MB.
func models(b *testing.B) (six, whenet string) {
	b.Helper()
	dir := b.TempDir()
	six, whenet = filepath.Join(dir, "six.onnx"), filepath.Join(dir, "whenet.onnx")
	save(b, standin.SixDRepNet(standin.B1g2, 1), six)
	save(b, standin.WHENet(standin.B0, 2), whenet)
	return six, whenet
}

func save(b *testing.B, m *onnxpb.ModelProto, path string) {
	b.Helper()
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		b.Fatal(err)
	}
}

func open(b *testing.B, path string) *onnxpb.ModelProto {
	b.Helper()
	f, err := onnxpb.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	return f.Model
}

// compare runs ours b.N times and reports its time as a ratio of a plain copy of the file, and of a Python program where Python's onnx is
// installed. Each is run once before it is measured.
func compare(b *testing.B, from, python string, ours func(out string)) {
	b.Helper()
	out := filepath.Join(b.TempDir(), "out.onnx")
	copyFile(b, from, out)
	start := time.Now()
	copyFile(b, from, out)
	cp := time.Since(start)
	ours(out)
	b.ResetTimer()
	start = time.Now()
	for range b.N {
		ours(out)
	}
	mine := time.Since(start) / time.Duration(b.N)
	b.StopTimer()
	b.ReportMetric(mine.Seconds()/cp.Seconds(), "x-cp")
	if t, ok := runPython(python, from, out); ok {
		b.ReportMetric(mine.Seconds()/t.Seconds(), "x-python")
	}
}

func copyFile(b *testing.B, from, to string) {
	b.Helper()
	src, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		b.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		b.Fatal(err)
	}
}

// runPython times a whole Python process, as that is what its users wait for.
func runPython(program, from, out string) (time.Duration, bool) {
	if exec.Command("/usr/bin/python3", "-c", "import onnx").Run() != nil {
		return 0, false
	}
	start := time.Now()
	err := exec.Command("/usr/bin/python3", "-c", "import onnx,sys\n"+program, from, out).Run()
	return time.Since(start), err == nil
}

func BenchmarkRename157MB(b *testing.B) {
	six, _ := models(b)
	compare(b, six, "m=onnx.load(sys.argv[1])\nm.graph.input[0].name='x'\nm.graph.node[0].input[0]='x'\nonnx.save(m,sys.argv[2])", func(out string) {
		m := open(b, six)
		if _, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindInput, From: "input", To: "x"}}); err != nil {
			b.Fatal(err)
		}
		save(b, m, out)
	})
}

func BenchmarkSetBatch157MB(b *testing.B) {
	six, _ := models(b)
	compare(b, six, "m=onnx.load(sys.argv[1])\nm.graph.input[0].type.tensor_type.shape.dim[0].dim_param='N'\nonnx.save(m,sys.argv[2])", func(out string) {
		m := open(b, six)
		if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err != nil {
			b.Fatal(err)
		}
		save(b, m, out)
	})
}

func BenchmarkDMHead174MB(b *testing.B) {
	six, whenet := models(b)
	compare(b, six, "m=onnx.load(sys.argv[1])\nonnx.save(m,sys.argv[2])", func(out string) {
		m, _, err := fuse.DMHead(fuse.Input{Model: open(b, six)}, fuse.Input{Model: open(b, whenet)}, fuse.DMHeadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		save(b, m, out)
	})
}

// BenchmarkGraph shows how the edits grow with the nodes of a chain, without any file.
func BenchmarkGraph(b *testing.B) {
	edits := []struct {
		name string
		run  func(m *onnxpb.ModelProto) error
	}{
		{"check", func(m *onnxpb.ModelProto) error {
			if f := opset.Check(m, opset.CheckOptions{}); len(f) > 0 {
				return fmt.Errorf("%s", f[0])
			}
			return nil
		}},
		{"rename", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindTensor, From: "re:t(.*)", To: "u$1"}})
			return err
		}},
		{"sort", func(m *onnxpb.ModelProto) error { _, err := surgery.Sort(m); return err }},
		{"tidy", func(m *onnxpb.ModelProto) error { _, err := surgery.Tidy(m); return err }},
		{"extract", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Extract(m, nil, []string{fmt.Sprintf("t%d", len(m.Graph.Node)/2)})
			return err
		}},
		{"setbatch", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetBatch(m, onnxpb.Symbol("batch"))
			return err
		}},
		{"infer", func(m *onnxpb.ModelProto) error { _, err := surgery.Infer(m, surgery.InferOptions{}); return err }},
		{"addoutput all", func(m *onnxpb.ModelProto) error {
			_, err := surgery.AddOutputs(m, surgery.OutputChoice{All: true})
			return err
		}},
		{"delete half", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Delete(m, surgery.NodeChoice{Makes: []string{"re:t.*[02468]"}}, surgery.DeleteOptions{})
			return err
		}},
		{"rewire", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Rewire(m, fmt.Sprintf("t%d", len(m.Graph.Node)/2), "t1", surgery.ReaderChoice{})
			return err
		}},
		{"delete Identity", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Delete(m, surgery.NodeChoice{Ops: []string{"Identity"}}, surgery.DeleteOptions{})
			return err
		}},
		{"replace", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Replace(m, Chain(1), Chain(1), surgery.ReplaceOptions{})
			return err
		}},
		{"swap", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Swap(m, "w1", "w2", surgery.ReaderChoice{})
			return err
		}},
		{"insert", func(m *onnxpb.ModelProto) error {
			b := Chain(1)
			if _, err := surgery.Rename(b, []surgery.RenameRule{{Kind: surgery.KindInput, From: "t0", To: "in"}, {Kind: surgery.KindOutput, From: "t1", To: "out"}}); err != nil {
				return err
			}
			_, err := surgery.Insert(m, b, surgery.InsertOptions{Inputs: map[string]string{"in": "t5"}, Outputs: map[string]string{"out": "t5"}})
			return err
		}},
		{"extract around", func(m *onnxpb.ModelProto) error {
			_, err := surgery.ExtractAround(m, m.Graph.Node[len(m.Graph.Node)/2].GetName(), len(m.Graph.Node)/4)
			return err
		}},
		{"dropoutput", func(m *onnxpb.ModelProto) error {
			if _, err := surgery.AddOutputs(m, surgery.OutputChoice{Names: []string{"t1"}}); err != nil {
				return err
			}
			_, err := surgery.DropOutputs(m, []string{"t1"}, true)
			return err
		}},
		{"setinput", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetInput(m, "t0", surgery.InputSpec{Type: onnxpb.TensorProto_FLOAT16})
			return err
		}},
		{"setoutput", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetOutput(m, m.Graph.Output[0].GetName(), surgery.OutputSpec{Type: onnxpb.TensorProto_DOUBLE})
			return err
		}},
		{"setdim", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetDim(m, surgery.DimChange{Symbol: "N", To: onnxpb.Number(3)})
			return err
		}},
		{"order", func(m *onnxpb.ModelProto) error { _, err := surgery.OrderInputs(m, []string{"t0"}); return err }},
		{"setattr", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetAttributes(m, surgery.NodeChoice{Ops: []string{"Add"}}, surgery.AttributeChange{Name: "__note", Type: "int", Text: "1"})
			return err
		}},
		{"setconst", func(m *onnxpb.ModelProto) error {
			_, err := surgery.SetConstant(m, surgery.ConstantChange{Name: "w1", Array: onnxpb.ArrayOf([]int64{4}, []float32{1, 2, 3, 5})})
			return err
		}},
		{"constants", func(m *onnxpb.ModelProto) error {
			_, err := surgery.StoreConstants(m, surgery.AsConstant)
			return err
		}},
		{"dedup", func(m *onnxpb.ModelProto) error { _, err := surgery.Dedup(m, surgery.DedupOptions{}); return err }},
		{"strip", func(m *onnxpb.ModelProto) error {
			_, err := surgery.Strip(m, surgery.StripOptions{NodeNames: true, ValueInfo: true})
			return err
		}},
		{"names short", func(m *onnxpb.ModelProto) error {
			_, err := surgery.NameAll(m, surgery.NameOptions{ShortNodes: true, ShortTensors: true})
			return err
		}},
		{"inline", func(m *onnxpb.ModelProto) error { _, err := surgery.Inline(m); return err }},
		{"fill", func(m *onnxpb.ModelProto) error { _, err := surgery.Fill(m, surgery.FillOptions{Min: 1}); return err }},
		{"expand-dim", func(m *onnxpb.ModelProto) error { _, err := surgery.ExpandDim(m, surgery.ExpandOptions{}); return err }},
		{"merge", func(m *onnxpb.ModelProto) error {
			_, _, err := fuse.Merge([]fuse.Input{{Name: "a", Model: m}, {Name: "b", Model: m}}, fuse.MergeOptions{
				Connect: []fuse.Connection{{From: fuse.End{Model: "a", Tensor: m.Graph.Output[0].GetName()}, To: fuse.End{Model: "b", Tensor: "t0"}}}})
			return err
		}},
	}
	for _, nodes := range []int{1_000, 10_000, 100_000} {
		base := Chain(nodes)
		for _, e := range edits {
			b.Run(fmt.Sprintf("%s/%d", e.name, nodes), func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					m := onnxpb.Clone(base)
					b.StartTimer()
					if err := e.run(m); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nodes), "ns/node")
			})
		}
	}
}

// BenchmarkFile opens, edits and saves a file, the whole way that a command goes, over the nodes of a chain.
func BenchmarkFile(b *testing.B) {
	for _, nodes := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			dir := b.TempDir()
			in, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
			save(b, Chain(nodes), in)
			b.ResetTimer()
			for range b.N {
				f, err := onnxpb.Open(in)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := surgery.Rename(f.Model, []surgery.RenameRule{{Kind: surgery.KindInput, From: "t0", To: "x"}}); err != nil {
					b.Fatal(err)
				}
				save(b, f.Model, out)
				f.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(nodes), "ns/node")
		})
	}
}
