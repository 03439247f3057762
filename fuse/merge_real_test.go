package fuse_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"onnxtool/fuse"
	"onnxtool/internal/corpus"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// TestMergeRealNetworks makes the inputs of two trained networks one, adds their poses, and holds both poses and the sum, as outputs in another order, to
// what the networks compute alone, bit for bit.
func TestMergeRealNetworks(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "models")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the trained networks are not on this machine: %v", err)
	}
	engine := testengine.New(t)
	var models []fuse.Input
	for _, m := range []struct{ name, file string }{{"one", "fsanet-1x1-iter-688590.onnx"}, {"var", "fsanet-var-iter-688590.onnx"}} {
		f, err := onnxpb.Open(filepath.Join(dir, m.file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		models = append(models, fuse.Input{Name: m.name, Model: f.Model})
	}
	sum := mini(t, "a[M,3] b[M,3] -> sum[M,3]", "sum = Add(a, b)")
	sum.OpsetImport = []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", models[0].Model.OpsetVersion(""))}
	sum.IrVersion = models[0].Model.IrVersion
	m, _ := merge(t, append(models, fuse.Input{Name: "add", Model: sum}), fuse.MergeOptions{
		Connect: connections(t, "one:input=var:input one:output=add:a var:output=add:b"), Outputs: outputs(t, "add:sum=both var:output=second one:output=first")})

	r := rand.New(rand.NewPCG(1, 2))
	pixels := make([]float32, 3*64*64)
	for i := range pixels {
		pixels[i] = 2*r.Float32() - 1
	}
	image := onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1, 3, 64, 64}, pixels))
	run := func(m *onnxpb.ModelProto) map[string]*onnxpb.Value {
		s, err := engine.Open(verify.Source{Model: m}, verify.SessionOptions{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		out, err := s.Run(map[string]*onnxpb.Value{"input": image})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := run(m)
	first, second := run(models[0].Model)["output"], run(models[1].Model)["output"]
	a, b := first.Array.Data.([]float32), second.Array.Data.([]float32)
	both := make([]float32, 3)
	for i := range both {
		both[i] = a[i] + b[i]
	}
	for name, want := range map[string]*onnxpb.Value{"first": first, "second": second, "both": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1, 3}, both))} {
		if err := corpus.Compare(got[name], want, 0, 0); err != nil {
			t.Errorf("%s %v", name, err)
		}
	}
}
