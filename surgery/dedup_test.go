package surgery_test

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

func dedup(t *testing.T, m *onnxpb.ModelProto, dir string) *surgery.Report {
	t.Helper()
	r, err := surgery.Dedup(m, surgery.DedupOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	mustPass(t, m)
	return r
}

// TestDedup merges initializers, Constants of every form and those in subgraphs and functions, and the model computes the same.
func TestDedup(t *testing.T) {
	m := textModel(t, 17, `g (float[3] x, bool c) => (float[3] y, float[3] z, float[3] f, float[3] o) <float[3] a = {1,2,3}, float[3] b = {1,2,3}, float[3] o = {1,2,3}, float[1,3] other = {1,2,3}, float[3] s1> {
  p1 = Add (x, a)
  p2 = Add (p1, b)
  s1 = Constant <value_floats: floats = [1,2,3]> ()
  p3 = Mul (p2, s1)
  half1 = Constant <value_float: float = 0.5> ()
  half2 = Constant <value: tensor = float {0.5}> ()
  p4 = Mul (p3, half1)
  p5 = Mul (p4, half2)
  y = Add (p5, other)
  z = If (c) <
    then_branch = t () => (float[3] p) <float[3] w = {1,2,3}, float[3] v = {7,7,7}> { q = Mul (x, w) p = Mul (q, v) },
    else_branch = e () => (float[3] k) <float[3] w = {7,7,7}, float[3] k = {7,7,7}> { u = Mul (x, w) }>
  f = local.Twice (x)
}
<opset_import: ["": 17], domain: "local">
Twice (in) => (out) { two = Constant <value: tensor = float {2}> () h = Mul (in, two) zwei = Constant <value_float: float = 2> () out = Mul (h, zwei) }`)
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": vec(1.5, -2, 3), "c": truth(true)}
	want := runs(t, e, m, x)
	r := dedup(t, m, "")
	got := changesOf(r)
	for _, w := range []string{`initializer "a": a -> o`, `initializer "b": b -> o`, `constant "s1": s1 -> o`, `constant "half2": half2 -> half1`, `initializer "w": w -> o`, `initializer "w": w -> k`, `constant "zwei": zwei -> two`} {
		if !slices.Contains(got, "merged "+w) {
			t.Errorf("%q is not told: %q", w, got)
		}
	}
	if len(got) != 7 || r.Saved != 5*12+2*4 {
		t.Errorf("%d bytes saved: %q", r.Saved, got)
	}
	for _, c := range []bool{true, false} {
		x["c"] = truth(c)
		if !c {
			want["z"] = vec(7, 7, 7)
		}
		if got := runs(t, e, m, x); !reflect.DeepEqual(got, want) {
			t.Errorf("computes %v, want %v", got, want)
		}
	}
}

// TestDedupKeepsApart holds apart what is equal by value and not by bits, by type or by shape, or has to stay.
func TestDedupKeepsApart(t *testing.T) {
	m := textModel(t, 17, `g (float[3] x, float[1] in = {4}) => (float[3] y) <float[1] in2 = {4}> { y = Add (x, in) }`)
	nan := math.Float32frombits(0x7fc00001)
	add := func(list ...*onnxpb.TensorProto) { m.Graph.Initializer = append(m.Graph.Initializer, list...) }
	add(floats1("zero", 0), floats1("minus", float32(math.Copysign(0, -1))), floats1("nan1", float32(math.NaN())), floats1("nan2", nan))
	add(onnxpb.TensorOf("i64", []int64{1}, []int64{3}), onnxpb.TensorOf("i32", []int64{1}, []int32{3}), onnxpb.TensorOf("scalar", []int64{}, []int64{3}), onnxpb.TensorOf("row", []int64{1, 1}, []int64{3}))
	add(onnxpb.TensorOf("s1", []int64{2}, []string{"ab", "c"}), onnxpb.TensorOf("s2", []int64{2}, []string{"a", "bc"}))
	if r := dedup(t, m, ""); len(r.Changes) != 0 {
		t.Errorf("merged %q", changesOf(r))
	}
	// The same in another field, and NaNs of the same bits, are equal.
	add(&onnxpb.TensorProto{Name: proto.String("typed"), DataType: proto.Int32(int32(onnxpb.TensorProto_INT64)), Dims: []int64{1}, Int64Data: []int64{3}}, floats1("nan3", nan))
	if got := changesOf(dedup(t, m, "")); !slices.Equal(got, []string{`merged initializer "typed": typed -> i64`, `merged initializer "nan3": nan3 -> nan2`}) {
		t.Errorf("merged %q", got)
	}
}

func floats1(name string, v float32) *onnxpb.TensorProto {
	return onnxpb.TensorOf(name, []int64{1}, []float32{v})
}

// TestDedupAnnotations: the scales of two tensors are merged, and then the tensors, whose annotations say the same; one with another scale stays.
func TestDedupAnnotations(t *testing.T) {
	m := textModel(t, 17, `g (float[1] x) => (float[1] y) <float s1 = {0.5}, float s2 = {0.5}, float s3 = {0.25}, float[1] a = {1}, float[1] b = {1}, float[1] c = {1}> {
  p = Add (x, a) q = Add (p, b) y = Add (q, c) }`)
	for tensor, scale := range map[string]string{"a": "s1", "b": "s2", "c": "s3"} {
		m.Graph.QuantizationAnnotation = append(m.Graph.QuantizationAnnotation, &onnxpb.TensorAnnotation{TensorName: &tensor,
			QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{{Key: proto.String("SCALE_TENSOR"), Value: &scale}}})
	}
	if got := changesOf(dedup(t, m, "")); !slices.Equal(got, []string{`merged initializer "s2": s2 -> s1`, `merged initializer "b": b -> a`}) {
		t.Errorf("merged %q", got)
	}
	said := map[string]string{}
	for _, a := range m.Graph.QuantizationAnnotation {
		said[a.GetTensorName()] = a.QuantParameterTensorNames[0].GetValue()
	}
	if !reflect.DeepEqual(said, map[string]string{"a": "s1", "c": "s3"}) {
		t.Errorf("the annotations say %v", said)
	}
}

// TestDedupExternal compares external data by what the files hold, and with what stands in the model.
func TestDedupExternal(t *testing.T) {
	dir := t.TempDir()
	big := make([]byte, 1<<20)
	for i := range big {
		big[i] = byte(i * 7)
	}
	other := slices.Clone(big)
	other[len(other)-1] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), slices.Concat(big, other, big), 0o666); err != nil {
		t.Fatal(err)
	}
	m := textModel(t, 17, `g (uint8[1048576] x) => (uint8[1048576] y) <uint8[1048576] a = ["location": "w.bin", "offset": "0"], uint8[1048576] b = ["location": "w.bin", "offset": "1048576"],
  uint8[1048576] c = ["location": "w.bin", "offset": "2097152"]> { p = Sum (x) y = Identity (p) }`)
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("d", []int64{1 << 20}, big))
	r := dedup(t, m, dir)
	if got := changesOf(r); !slices.Equal(got, []string{`merged initializer "c": c -> a`, `merged initializer "d": d -> a`}) || r.Saved != 2<<20 {
		t.Errorf("merged %q, %d bytes", got, r.Saved)
	}
	if m.Graph.Initializer[0].RawData != nil {
		t.Error("external data was loaded")
	}
	// Without its file it cannot be compared.
	m = textModel(t, 17, `g (float[1] x) => (float[1] y) <float[1] a = ["location": "gone.bin"], float[1] b = ["location": "gone.bin"]> { p = Add (x, a) y = Add (p, b) }`)
	if _, err := surgery.Dedup(m, surgery.DedupOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "gone.bin") || len(m.Graph.Initializer) != 2 {
		t.Errorf("a file that is not there: %v", err)
	}
}

// sparse makes a sparse tensor of six elements, the second of which is v.
func sparse(name string, v float32) *onnxpb.SparseTensorProto {
	s := &onnxpb.SparseTensorProto{Values: onnxpb.TensorOf("", []int64{1}, []float32{v}), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}
	if name != "" {
		s.Values.Name = &name
	}
	return s
}

// TestDedupSparseConstants merges Constants of equal sparse tensors, in subgraphs and functions too, and the model computes the same.
func TestDedupSparseConstants(t *testing.T) {
	m := textModel(t, 17, `g (float[3] x, bool c) => (float[3] y) {
  a = Constant <value_floats: floats = [0]> () b = Constant <value_floats: floats = [0]> () d = Constant <value_floats: floats = [0]> ()
  p = Add (x, a) q = Mul (p, b) r = Add (q, d) s = local.F (r)
  y = If (c) <then_branch = t () => (float[3] u) { k = Constant <value_floats: floats = [0]> () u = Add (s, k) }, else_branch = e () => (float[3] v) { v = Neg (s) }>
}
<opset_import: ["": 17], domain: "local">
F (in) => (out) { one = Constant <value_floats: floats = [0]> () h = Add (in, one) two = Constant <value_floats: floats = [0]> () out = Add (h, two) }`)
	set := func(n *onnxpb.NodeProto, v float32) {
		n.Attribute = []*onnxpb.AttributeProto{{Name: proto.String("sparse_value"), Type: onnxpb.AttributeProto_SPARSE_TENSOR.Enum(), SparseTensor: sparse("", v)}}
	}
	nodes := m.Graph.Node
	set(nodes[0], 2)
	set(nodes[1], 2)
	set(nodes[2], 3)
	set(nodes[len(nodes)-1].Attr("then_branch").G.Node[0], 2)
	set(m.Functions[0].Node[0], 2)
	set(m.Functions[0].Node[2], 2)
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": vec(1, 10, 100), "c": truth(true)}
	// ONNX Runtime 1.27 now and then ends the process over a sparse Constant in the body of a function: the engine sees the graph without its calls.
	compute := func() map[string]*onnxpb.Array {
		c := onnxpb.Clone(m)
		for _, n := range c.Graph.Node {
			if n.GetOpType() == "F" {
				n.OpType, n.Domain = proto.String("Identity"), nil
			}
		}
		c.Functions = nil
		return runs(t, e, c, x)
	}
	want := compute()
	// (10 + 2) * 2 + 3, and 2 more.
	if got := want["y"].Data; !reflect.DeepEqual(got, []float32{0, 29, 0}) {
		t.Fatalf("the model computes %v", got)
	}
	r := dedup(t, m, "")
	if got := changesOf(r); !slices.Equal(got, []string{`merged constant "b": b -> a`, `merged constant "k": k -> a`, `merged constant "two": two -> one`}) {
		t.Errorf("merged %q", got)
	}
	if got := compute(); !reflect.DeepEqual(got, want) {
		t.Errorf("computes %v, want %v", got, want)
	}
	if f := m.Functions[0].Node; len(f) != 3 || f[2].Input[1] != "one" {
		t.Errorf("the function is %v", f)
	}
}

// TestDedupTraining merges the constants of each training graph among themselves; what bindings and Gradients name stays. The graphs compute the same, each run as a model of its own.
func TestDedupTraining(t *testing.T) {
	graph := func(text string) *onnxpb.GraphProto { return textModel(t, 17, text).Graph }
	m := textModel(t, 17, `g (float[3] x) => (float[3] y) <float[3] w = {1,2,3}, float[3] main = {1,2,3}> { p = Mul (x, w) y = Add (p, main) }`)
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
		Initialization: graph(`i () => (float[3] fresh, float[3] other) <float[3] i1 = {1,2,3}, float[3] i2 = {1,2,3}, float[3] fresh = {1,2,3}> { other = Add (i1, i2) }`),
		Algorithm: graph(`a (float[3] grad) => (float[3] w_new, float[3] n_new) <float[3] rate = {1,2,3}, float[3] rate2 = {1,2,3}, float[3] n = {1,2,3}, float[3] wrt = {1,2,3}> {
  k = Constant <value_floats: floats = [1.0,2.0,3.0]> ()
  s = Mul (grad, rate) s2 = Mul (s, rate2) s3 = Mul (s2, k) w_new = Sub (s3, wrt) n_new = Add (n, rate2) }`),
		InitializationBinding: []*onnxpb.StringStringEntryProto{{Key: proto.String("w"), Value: proto.String("fresh")}},
		UpdateBinding:         []*onnxpb.StringStringEntryProto{{Key: proto.String("w"), Value: proto.String("w_new")}, {Key: proto.String("n"), Value: proto.String("n_new")}},
	}}
	e := batchEngine(t)
	alone := func(g *onnxpb.GraphProto, x map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return runs(t, e, &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: m.OpsetImport, Graph: g}, x)
	}
	info := m.TrainingInfo[0]
	x := map[string]*onnxpb.Array{"grad": vec(1, 2, -3)}
	wantAlgorithm, wantInitial := alone(info.Algorithm, x), alone(info.Initialization, nil)
	// The engine knows no Gradient.
	info.Algorithm.Node = append(info.Algorithm.Node, &onnxpb.NodeProto{OpType: proto.String("Gradient"), Domain: proto.String("ai.onnx.preview.training"), Input: []string{"wrt"}, Output: []string{"by"},
		Attribute: []*onnxpb.AttributeProto{onnxpb.Strs("xs", "wrt"), onnxpb.Str("y", "w_new")}})
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("ai.onnx.preview.training", 1))
	r := dedup(t, m, "")
	if got := changesOf(r); !slices.Equal(got, []string{`merged initializer "i2": i2 -> i1`, `merged initializer "rate2": rate2 -> rate`, `merged constant "k": k -> rate`}) {
		t.Errorf("merged %q", got)
	}
	info = m.TrainingInfo[0]
	info.Algorithm.Node = info.Algorithm.Node[:len(info.Algorithm.Node)-1]
	m.OpsetImport = m.OpsetImport[:1]
	if got := alone(info.Algorithm, x); !reflect.DeepEqual(got, wantAlgorithm) {
		t.Errorf("the algorithm computes %v, want %v", got, wantAlgorithm)
	}
	if got := alone(info.Initialization, nil); !reflect.DeepEqual(got, wantInitial) {
		t.Errorf("the initialization computes %v, want %v", got, wantInitial)
	}
}
