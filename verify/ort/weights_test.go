//go:build cgo

package ort

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// bigModel multiplies its input by four matrices of 16 MiB and adds one number, and convolves an image beside it; half tells whether the first
// output is float16, so that the model cannot be run as it is. Names of odd lengths keep the weights off all alignment.
func bigModel(half bool) *onnxpb.ModelProto {
	const n = 2048
	r := rand.New(rand.NewPCG(1, 2))
	random := func(count int) []float32 {
		w := make([]float32, count)
		for i := range w {
			w[i] = (r.Float32() - 0.5) / 20
		}
		return w
	}
	var init []*onnxpb.TensorProto
	var nodes []*onnxpb.NodeProto
	value := "x"
	for i := range 4 {
		name := strings.Repeat("w", i+1)
		init = append(init, onnxpb.TensorOf(name, []int64{n, n}, random(n*n)))
		next := value + "m"
		nodes = append(nodes, onnxpb.Node("MatMul", "", []string{value, name}, []string{next}))
		value = next
	}
	init = append(init, onnxpb.TensorOf("one", nil, []float32{1}), onnxpb.TensorOf("kernel", []int64{64, 3, 7, 7}, random(64*3*7*7)),
		onnxpb.TensorOf("table", []int64{1000}, make([]int64, 1000)))
	to := onnxpb.TensorProto_FLOAT
	if half {
		to = onnxpb.TensorProto_FLOAT16
	}
	nodes = append(nodes, onnxpb.Node("Add", "", []string{value, "one"}, []string{"sum"}),
		onnxpb.Node("Cast", "", []string{"sum"}, []string{"y"}, onnxpb.Int("to", int64(to))),
		onnxpb.Node("Conv", "", []string{"image", "kernel"}, []string{"z"}))
	b := onnxpb.Symbol("N")
	return model(17, nodes, ports(tensor("x", onnxpb.TensorProto_FLOAT, b, onnxpb.Number(n)),
		tensor("image", onnxpb.TensorProto_FLOAT, b, onnxpb.Number(3), onnxpb.Number(16), onnxpb.Number(16))),
		ports(tensor("y", to, b, onnxpb.Number(n)), tensor("z", onnxpb.TensorProto_FLOAT, b, onnxpb.Number(64), onnxpb.Number(10), onnxpb.Number(10))), init...)
}

func bigInputs() map[string]*onnxpb.Value {
	r := rand.New(rand.NewPCG(3, 4))
	x, image := make([]float32, 2*2048), make([]float32, 2*3*16*16)
	for i := range x {
		x[i] = r.Float32()
	}
	for i := range image {
		image[i] = r.Float32()
	}
	return map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2, 2048}, x)),
		"image": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2, 3, 16, 16}, image))}
}

// TestLargeModels runs a large model from its file, from its weights in its file, and from memory, and holds them to give the same bits as when all goes as
// bytes.
func TestLargeModels(t *testing.T) {
	e := testEngine(t)
	in := bigInputs()
	for _, half := range []bool{false, true} {
		m := bigModel(half)
		if inlineWeights(m) < largeModel {
			t.Fatalf("the model has %d bytes of weights only", inlineWeights(m))
		}
		path := filepath.Join(t.TempDir(), "model one.onnx")
		if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link.onnx")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", t.TempDir())
		var want map[string]*onnxpb.Value
		run := func(name string, p *packed) {
			t.Helper()
			forms := make([]form, 2)
			prog, err := rewrite(m, forms)
			if err != nil {
				t.Fatal(err)
			}
			r, err := startPacked(prog, p, verify.SessionOptions{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			x := &session{ends: interfaceOf(m), programs: map[string]*running{",,": r}, source: verify.Source{Model: m}}
			defer x.Close()
			got, err := x.Run(in)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want == nil {
				want = got
				return
			}
			for _, o := range []string{"y", "z"} {
				if err := corpus.Compare(got[o], want[o], 0, 0); err != nil {
					t.Errorf("%s: %s %v", name, o, err)
				}
			}
		}
		p, err := rewrite(m, make([]form, 2))
		if err != nil || p.changed != half {
			t.Fatalf("changed %v, want %v, %v", p.changed, half, err)
		}
		whole, err := skeleton(p.model, "")
		if err != nil {
			t.Fatal(err)
		}
		run("bytes", whole)
		for name, src := range map[string]verify.Source{
			"file":   {Model: m, Path: path, Dir: filepath.Dir(path)},
			"link":   {Model: m, Path: link, Dir: filepath.Dir(link)},
			"memory": {Model: m},
		} {
			x, err := pack(p, src)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.data) == 0 || len(x.data) > 64<<10 {
				t.Errorf("%s: %d bytes are handed over, want a skeleton", name, len(x.data))
			}
			if (x.temporary != "") != (name == "memory") {
				t.Errorf("%s: temporary directory %q", name, x.temporary)
			}
			run(name, x)
		}
		left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		// The public way, from the file.
		s, err := e.Open(verify.Source{Model: m, Path: path, Dir: filepath.Dir(path)}, verify.SessionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Run(in, "y")
		if err != nil {
			t.Fatal(err)
		}
		if err := corpus.Compare(got["y"], want["y"], 0, 0); err != nil || len(got) != 1 {
			t.Errorf("opened from the file: %v, %d outputs", err, len(got))
		}
		s.Close()
	}
}

// TestStaleFile holds the engine to run the model that it is given, not the one that the file holds by now.
func TestStaleFile(t *testing.T) {
	m := bigModel(true)
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	c := onnxpb.Clone(m)
	w := c.Graph.Initializer[1]
	w.RawData = append([]byte{}, w.RawData...)
	w.RawData[0] ^= 1
	p, err := rewrite(c, make([]form, 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inFile(p.model, path, filepath.Dir(path)); err != errNotInFile {
		t.Errorf("the weights of another model were taken: %v", err)
	}
}

// TestOwnExternalData runs a large model that keeps one tensor in a file of its own besides.
func TestOwnExternalData(t *testing.T) {
	e := testEngine(t)
	dir := t.TempDir()
	m := bigModel(true)
	want := runOnce(t, e, verify.Source{Model: m}, bigInputs())
	kernel := m.Graph.Initializer[5]
	if err := os.WriteFile(filepath.Join(dir, "kernel.bin"), kernel.RawData, 0o666); err != nil {
		t.Fatal(err)
	}
	kernel.RawData, kernel.DataLocation = nil, onnxpb.TensorProto_EXTERNAL.Enum()
	kernel.ExternalData = []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("kernel.bin")}}
	path := filepath.Join(dir, "m.onnx")
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, src := range []verify.Source{{Model: m, Dir: dir}, {Model: m, Dir: dir, Path: path}} {
		got := runOnce(t, e, src, bigInputs())
		for _, o := range []string{"y", "z"} {
			if err := corpus.Compare(got[o], want[o], 0, 0); err != nil {
				t.Errorf("%+v: %s %v", src.Path, o, err)
			}
		}
	}
}

func runOnce(t *testing.T, e *Engine, src verify.Source, in map[string]*onnxpb.Value) map[string]*onnxpb.Value {
	t.Helper()
	s, err := e.Open(src, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestWeightsOfAnother runs a model that was made of a large one in a file, which gives an inner value: its weights are read from that file, and none are written elsewhere.
func TestWeightsOfAnother(t *testing.T) {
	e := testEngine(t)
	m := bigModel(false)
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	t.Setenv("TMPDIR", empty)
	inner, err := verify.WithOutputs(verify.Source{Model: m, Path: path, Dir: filepath.Dir(path)}, []string{"xmm", "z"})
	if err != nil {
		t.Fatal(err)
	}
	if inner.Path != "" || inner.Weights != path {
		t.Errorf("%q, %q", inner.Path, inner.Weights)
	}
	again, err := verify.WithOutputs(inner, []string{"xmm"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := rewrite(again.Model, make([]form, 2))
	if err != nil {
		t.Fatal(err)
	}
	x, err := pack(p, again)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(empty); x.temporary != "" || x.folder == "" || len(x.data) > largeModel/16 || len(left) > 0 {
		t.Errorf("temporary %q, folder %q, %d bytes, %v", x.temporary, x.folder, len(x.data), left)
	}
	in := bigInputs()
	got := runOnce(t, e, inner, in)
	want := runOnce(t, e, verify.Source{Model: inner.Model}, in)
	for _, name := range []string{"xmm", "z"} {
		a, b := got[name].Array, want[name].Array
		for i, v := range a.Data.([]float32) {
			if v != b.Data.([]float32)[i] {
				t.Fatalf("%s: element %d is %v, not %v", name, i, v, b.Data.([]float32)[i])
			}
		}
	}
}
