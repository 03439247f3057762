package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// parsed reads a model from text; the part before the graph is added.
func parsed(t *testing.T, graph string) verify.Source {
	t.Helper()
	m, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\": 17]>\n" + graph)
	if err != nil {
		t.Fatal(err)
	}
	return verify.Source{Model: m}
}

func layers(t *testing.T, ref, model verify.Source, o verify.LayerOptions) *verify.LayerReport {
	t.Helper()
	r, err := verify.Layers(testengine.New(t), ref, model, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// row finds the comparison of a tensor of the reference.
func row(t *testing.T, r *verify.LayerReport, name string) *verify.LayerRow {
	t.Helper()
	for _, x := range r.Tensors {
		if x.Reference == name {
			return x
		}
	}
	t.Fatalf("%s was not compared; %d tensors were", name, len(r.Tensors))
	return nil
}

// The numbers of a row, of a chain that is computed here in plain Go.
func TestLayersNumbers(t *testing.T) {
	const net = `g (float[2,3] x) => (float[2,3] y) <float[3] w = {1,2,%s}> { a = Mul(x, w)  [relu] b = Relu(a)  y = Neg(b) }`
	r := layers(t, parsed(t, fmt.Sprintf(net, "3")), parsed(t, fmt.Sprintf(net, "4")), verify.LayerOptions{})
	x, err := verify.Generate("x", onnxpb.TensorProto_FLOAT, []int64{2, 3}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	in := x.Data.([]float32)
	worst, at, lo, hi, sum := float32(-1), 0, in[0], in[0], 0.0
	for i, v := range in {
		want := v * float32(i%3+1)
		lo, hi, sum = min(lo, want), max(hi, want), sum+float64(want)
		if d := v*4 - v*3; i%3 == 2 && max(d, -d) > worst {
			worst, at = max(d, -d), i
		}
	}
	a := row(t, r, "a")
	if got := float32(a.MaxAbs); got < worst*0.999 || got > worst*1.001 || a.Beyond != 2 || !slices.Equal(a.Index, []int64{int64(at / 3), 2}) {
		t.Errorf("the largest error is %v at %v, not %v at element %d; %d beyond", a.MaxAbs, a.Index, worst, at, a.Beyond)
	}
	if a.Want != fmt.Sprint(float64(in[at]*3)) || a.Got != fmt.Sprint(float64(in[at]*4)) {
		t.Errorf("the worst element is %s and %s", a.Want, a.Got)
	}
	if v := a.Range; float32(v.Min) != lo || float32(v.Max) != hi || float64(v.Mean) < sum/6-1e-7 || float64(v.Mean) > sum/6+1e-7 || v.NaN+v.Inf != 0 {
		t.Errorf("the range is %+v, not %v to %v, mean %v", v, lo, hi, sum/6)
	}
	if !a.Source || a != r.First || r.Blame.Tensor != a || r.Blame.Node != "Mul -> a" || r.Blame.Op != "Mul" {
		t.Errorf("Mul is to blame: %+v", r.Blame)
	}
	if in := r.Blame.Inputs; len(in) != 2 || in[0].Kind != "input" || !in[0].Equal || in[1].Kind != "constant" || in[1].Equal || *in[1].MaxAbs != 1 {
		t.Errorf("the inputs are %+v", in)
	}
	if d := r.Blame.Differences; len(d) != 1 || d[0] != "constant w (input 1) differs: 1 of 3 elements, most of all [2]: 4, reference 3" {
		t.Errorf("the differences are %q", d)
	}
	b := row(t, r, "b")
	if b.Node != "relu" || b.Op != "Relu" || b.Source || len(b.Inputs) != 1 || b.Inputs[0].Name != "a" || b.Inputs[0].Equal || *b.Inputs[0].MaxAbs != a.MaxAbs {
		t.Errorf("relu is %+v", b)
	}
	if r.Shared != 3 || r.Sessions != 1 || len(r.Tensors) != 3 || r.Optimization != verify.OptimizeNone || r.Equal {
		t.Errorf("%+v", r)
	}
}

func TestLayersNaN(t *testing.T) {
	const net = `g (float[2,3] x) => (float[2,3] y) { one = Constant<value_float: float = 1.5>()  a = Add(x, one)  b = %s(a)  y = Tanh(b) }`
	// Of a negative number there is no root; |x| is below 1, so that the reference has no NaN.
	r := layers(t, parsed(t, fmt.Sprintf(net, "Sqrt")), parsed(t, strings.Replace(fmt.Sprintf(net, "Sqrt"), "1.5", "-1.5", 1)), verify.LayerOptions{})
	b := row(t, r, "b")
	if r.Blame == nil || r.Blame.Tensor.Reference != "a" || r.Sources != 1 {
		t.Errorf("%+v is to blame", r.Blame)
	}
	if b.Range.NaN != 0 || b.ModelRange.NaN != 6 || b.Equal || b.Source || b.Beyond != 6 {
		t.Errorf("b is %+v, in the model %+v; %d beyond", b.Range, b.ModelRange, b.Beyond)
	}
	// NaN in the same places is equal.
	bad := parsed(t, strings.Replace(fmt.Sprintf(net, "Sqrt"), "1.5", "-1.5", 1))
	if r := layers(t, bad, bad, verify.LayerOptions{}); !r.Equal || r.Blame != nil || row(t, r, "b").Range.NaN != 6 {
		t.Errorf("a model is not itself: %+v", r.Blame)
	}
}

// A tensor of another type, and one of another shape, differ.
func TestLayersTypeAndShape(t *testing.T) {
	const cast = `g (float[2,3] x) => (float[2,3] y) { a = Neg(x)  c = Cast<to = %d>(a)  y = Cast<to = 1>(c) }`
	r := layers(t, parsed(t, fmt.Sprintf(cast, 11)), parsed(t, fmt.Sprintf(cast, 10)), verify.LayerOptions{Options: verify.Options{Tolerance: verify.Tolerance{Abs: 1}}})
	if r.Blame == nil || r.Blame.Tensor.Reference != "c" || r.Blame.Tensor.Metrics != nil || !strings.Contains(r.Blame.Tensor.Why, "float16") || !row(t, r, "y").Equal {
		t.Errorf("%+v", r.Blame)
	}
	const turn = `g (float[2,3] x) => (float[1] y) <float[1] k = {2}> { c = Transpose<perm = [%s]>(x)  s = ReduceSum<keepdims = 0>(c)  y = Mul(s, k) }`
	r = layers(t, parsed(t, fmt.Sprintf(turn, "0,1")), parsed(t, fmt.Sprintf(turn, "1,0")), verify.LayerOptions{Options: verify.Options{Tolerance: verify.Tolerance{Abs: 1e-5}}})
	if r.Blame == nil || r.Blame.Tensor.Reference != "c" || !strings.Contains(r.Blame.Tensor.Why, "[3,2]") || r.Differ != 1 ||
		!slices.Equal(r.Blame.Differences, []string{"attribute perm is [1 0], in the reference [0 1]"}) {
		t.Errorf("%+v; %d differ", r.Blame, r.Differ)
	}
}

// What one model computes of constants, and the other has as a constant, is compared, with the name kept or not.
func TestLayersFoldedConstant(t *testing.T) {
	ref := parsed(t, `g (float[2,3] x) => (float[2,3] y) <float[3] v = {1,2,3}, float[3] w = {4,5,6}> { s = Add(v, w)  p = Mul(x, s)  y = Relu(p) }`)
	const folded = `g (float[2,3] x) => (float[2,3] y) <float[3] %[1]s = {5,7,%[2]s}> { q = Mul(x, %[1]s)  y = Relu(q) }`
	for _, name := range []string{"s", "other"} {
		r := layers(t, ref, parsed(t, fmt.Sprintf(folded, name, "9")), verify.LayerOptions{})
		if s := row(t, r, "s"); !r.Equal || s.Model != name || s.ModelOp != "(constant)" || s.Op != "Add" || r.Unmatched.Reference+r.Unmatched.Model != 0 {
			t.Errorf("%s: %+v, %+v", name, s, r.Unmatched)
		}
		r = layers(t, ref, parsed(t, fmt.Sprintf(folded, name, "8")), verify.LayerOptions{})
		if r.Blame == nil || r.Blame.Tensor.Reference != "s" || r.Sources != 1 || r.Blame.Tensor.Metrics.MaxAbs != 1 {
			t.Errorf("%s: %+v is to blame", name, r.Blame)
		}
		// And the other way round: a constant comes before the node that reads it.
		r = layers(t, parsed(t, fmt.Sprintf(folded, name, "8")), ref, verify.LayerOptions{})
		if r.Blame == nil || r.Blame.Tensor.Reference != name || r.Blame.Op != "(constant)" || r.Blame.ModelOp != "Add" || r.Tensors[0].Reference != name {
			t.Errorf("%s: %+v is to blame", name, r.Blame)
		}
	}
}

// A node that holds subgraphs is one node. What its subgraphs capture is read by it.
func TestLayersSubgraph(t *testing.T) {
	const net = `g (float[2,3] x, bool c) => (float[2,3] y) <float[3] w = {1,2,3}> {
  a = Mul(x, w)
  [choose] b = If(c) <then_branch = t () => (float[2,3] t1) { k = Constant<value_float: float = %s>() t1 = Add(a, k) }, else_branch = e () => (float[2,3] e1) { e1 = Neg(a) }>
  y = Tanh(b)
}`
	ref := parsed(t, fmt.Sprintf(net, "1"))
	inside := parsed(t, fmt.Sprintf(net, "2"))
	before := parsed(t, strings.Replace(fmt.Sprintf(net, "1"), "{1,2,3}", "{1,2,4}", 1))
	for _, model := range []verify.Source{inside, before} {
		for _, changed := range []bool{false, true} {
			m := model
			if changed {
				m = verify.Source{Model: innerRenamed(model.Model)}
			}
			for seed := uint64(0); seed < 2; seed++ {
				// One of the seeds takes the branch that was changed, perhaps.
				r := layers(t, ref, m, verify.LayerOptions{Options: verify.Options{Seed: seed}})
				want := "choose"
				if slices.Equal(model.Model.Graph.Initializer[0].RawData, ref.Model.Graph.Initializer[0].RawData) {
					if r.Equal {
						continue
					}
				} else {
					want = "Mul -> a"
				}
				if r.Blame == nil || r.Blame.Node != want || r.Unmatched.Reference+r.Unmatched.Model != 0 {
					t.Errorf("names changed %v, seed %d: %+v is to blame, not %s; %+v", changed, seed, r.Blame, want, r.Unmatched)
				}
			}
		}
	}
	// Of ten seeds some have c true.
	hits := 0
	for seed := uint64(0); seed < 10; seed++ {
		if r := layers(t, ref, inside, verify.LayerOptions{Options: verify.Options{Seed: seed}}); !r.Equal {
			hits++
			if b := r.Blame; b.Node != "choose" || len(b.Inputs) != 2 || b.Inputs[1].Name != "a" || !b.Inputs[1].Equal || !slices.Equal(b.Differences, []string{"attribute then_branch holds something else"}) {
				t.Errorf("%+v", b)
			}
		}
	}
	if hits == 0 || hits == 10 {
		t.Errorf("%d of 10 seeds take the branch", hits)
	}
}

// innerRenamed renames all but the inputs and outputs.
func innerRenamed(m *onnxpb.ModelProto) *onnxpb.ModelProto {
	m = onnxpb.Clone(m)
	keep := map[string]bool{}
	for _, list := range [][]*onnxpb.ValueInfoProto{m.Graph.Input, m.Graph.Output} {
		for _, v := range list {
			keep[v.GetName()] = true
		}
	}
	count := 0
	to := map[string]string{}
	surgery.MapNames(m, surgery.NameMap{Value: func(s string) string {
		if keep[s] {
			return s
		}
		if to[s] == "" {
			count++
			to[s] = fmt.Sprintf("value.%d", count*7919%1009)
		}
		return to[s]
	}, Node: func(s string) string { return "n." + s }})
	return m
}

// Three blocks of convolution, normalisation and activation, and the same with the normalisation folded into weights: what comes after each block is compared, whatever the names.
func TestLayersFused(t *testing.T) {
	var ref, fused strings.Builder
	for _, b := range []*strings.Builder{&ref, &fused} {
		b.WriteString("g (float[1,1,4,4] x) => (float[1,1,4,4] y) <float[1] zero = {0}, float[1] one = {1}")
	}
	for i := range 3 {
		w := float64(i + 1)
		fmt.Fprintf(&ref, ", float[1,1,1,1] w%d = {%g}, float[1] s%d = {%g}, float[1] b%d = {0.25}", i, w, i, w/2, i)
		fmt.Fprintf(&fused, ", float[1,1,1,1] k%d = {%g}, float[1] c%d = {0.25}", i, w*w/2, i) // mean 0, variance 1, epsilon 0
	}
	for _, b := range []*strings.Builder{&ref, &fused} {
		b.WriteString("> {\n")
	}
	x, z := "x", "x"
	for i := range 3 {
		act := []string{"Tanh", "Sigmoid", "Tanh"}[i]
		fmt.Fprintf(&ref, "conv%d = Conv(%s, w%d) n%d = BatchNormalization<epsilon = 0.0>(conv%d, s%d, b%d, zero, one) a%d = %s(n%d)\n", i, x, i, i, i, i, i, i, act, i)
		fmt.Fprintf(&fused, "p%d = Conv(%s, k%d, c%d) q%d = %s(p%d)\n", i, z, i, i, i, act, i)
		x, z = fmt.Sprintf("a%d", i), fmt.Sprintf("q%d", i)
	}
	fmt.Fprintf(&ref, "y = Neg(%s) }", x)
	fmt.Fprintf(&fused, "y = Neg(%s) }", z)
	text := ref.String()
	o := verify.LayerOptions{Options: verify.Options{Tolerance: verify.Tolerance{Abs: 1e-5}}}
	r := layers(t, parsed(t, text), parsed(t, fused.String()), o)
	if !r.Equal || r.Unmatched.Reference != 3 || r.Unmatched.Model != 0 {
		t.Errorf("equal %v: %+v, %+v", r.Equal, r.Unmatched, r.Blame)
	}
	for i := range 3 {
		if n := row(t, r, fmt.Sprintf("n%d", i)); n.Model != fmt.Sprintf("p%d", i) || n.Op != "BatchNormalization" || n.ModelOp != "Conv" {
			t.Errorf("n%d is matched with %s", i, n.Model)
		}
	}
	// A fault in the second fused weight is seen at the second normalisation, and the convolution before it is named.
	r = layers(t, parsed(t, text), parsed(t, strings.Replace(fused.String(), "k1 = {2}", "k1 = {2.1}", 1)), o)
	if r.Blame == nil || r.Blame.Tensor.Reference != "n1" || len(r.Blame.Missing) != 1 || !strings.Contains(r.Blame.Missing[0], "Conv") {
		t.Errorf("%+v", r.Blame)
	}
}

// Names that mean something else in the other model are said to, and can be left out.
func TestLayersCrossedNames(t *testing.T) {
	ops := []string{"Tanh", "Sigmoid", "Softplus", "Neg", "Exp", "Sin", "Cos", "Abs"}
	net := func(shift int) verify.Source {
		var b strings.Builder
		at := "x"
		for i, op := range ops {
			to := fmt.Sprintf("t%d", (i+shift)%len(ops))
			fmt.Fprintf(&b, "%s = %s(%s)\n", to, op, at)
			at = to
		}
		return parsed(t, "g (float[1,3] x) => (float[1,3] y) {\n"+b.String()+"y = Relu("+at+") }")
	}
	r := layers(t, net(0), net(1), verify.LayerOptions{})
	if r.Equal || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "8 tensors of the same name made by different operators") || !strings.Contains(r.Notes[1], "--by-structure") {
		t.Errorf("%q", r.Notes)
	}
	r = layers(t, net(0), net(1), verify.LayerOptions{ByStructure: true})
	if !r.Equal || r.Shared != 9 || len(r.Notes) != 0 || row(t, r, "t0").Model != "t1" || row(t, r, "t0").Matched != verify.MatchedStructure {
		t.Errorf("equal %v: %q", r.Equal, r.Notes)
	}
}

func TestLayersErrors(t *testing.T) {
	e := testengine.New(t)
	one := parsed(t, `g (float[1,3] x) => (float[1,3] y) { y = Neg(x) }`)
	four := parsed(t, `g (float[4,3] x) => (float[4,3] y) { y = Neg(x) }`)
	cycle := parsed(t, `g (float[1,3] x) => (float[1,3] y) { a = Add(x, b) b = Neg(a) y = Neg(b) }`)
	two := verify.LayerOptions{Options: verify.Options{Batches: []int64{1, 2}}}
	for what, c := range map[string]struct {
		ref, model verify.Source
		o          verify.LayerOptions
		kind       onnxpb.Kind
		says       string
	}{
		"parts":   {one, four, verify.LayerOptions{}, onnxpb.Unfit, "would be run in parts"},
		"cycle":   {one, cycle, verify.LayerOptions{}, onnxpb.Unfit, "cycle"},
		"batches": {one, one, two, onnxpb.Usage, "one batch"},
		"corners": {one, one, verify.LayerOptions{Options: verify.Options{Corners: true}}, onnxpb.Usage, "one set of inputs"},
		"layouts": {one, one, verify.LayerOptions{Options: verify.Options{Layouts: []verify.Layout{{Name: "x", Perm: []int{1, 0}}}}}, onnxpb.Usage, "order of axes"},
		"memory":  {one, one, verify.LayerOptions{Memory: -1}, onnxpb.Usage, "negative"},
		"outputs": {one, parsed(t, `g (float[1,3] x) => (float[1,3] y, float[1,3] z) { y = Neg(x) z = Abs(x) }`), verify.LayerOptions{}, onnxpb.Unfit, "no counterpart"},
	} {
		for _, search := range []func(verify.Engine, verify.Source, verify.Source, verify.LayerOptions) (*verify.LayerReport, error){verify.Layers, verify.Bisect} {
			_, err := search(e, c.ref, c.model, c.o)
			var oe *onnxpb.Error
			if !errors.As(err, &oe) || oe.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	// Each model has its own level of optimisation.
	apart := verify.LayerOptions{Options: verify.Options{Session: verify.SessionOptions{Optimization: verify.OptimizeBasic}, ReferenceSession: &verify.SessionOptions{}}}
	c := &counting{Engine: e}
	if r, err := verify.Layers(c, one, one, apart); err != nil || r.Optimization != verify.OptimizeBasic || r.ReferenceOptimization != verify.OptimizeNone ||
		!slices.Equal(c.levels, []string{verify.OptimizeNone, verify.OptimizeBasic}) {
		t.Errorf("%v: %q", err, c.levels)
	}
	// Nodes that do not stand in order are put in order.
	turned := parsed(t, `g (float[1,3] x) => (float[1,3] y) { y = Neg(a) a = Tanh(x) }`)
	if r := layers(t, turned, parsed(t, `g (float[1,3] x) => (float[1,3] y) { a = Tanh(x) y = Neg(a) }`), verify.LayerOptions{}); !r.Equal || r.Tensors[0].Reference != "a" {
		t.Errorf("%+v", r.Tensors)
	}
}

// Sequences are compared tensor by tensor, and an Identity is what it is given.
func TestLayersSequence(t *testing.T) {
	const net = `g (float[4,3] x) => (float[4,3] y) <int64 two = {2}> { s = SplitToSequence<axis = 0>(x, two)  i = Identity(x)  a = ConcatFromSequence<axis = 0>(s)  y = %s(a, i) }`
	r := layers(t, parsed(t, fmt.Sprintf(net, "Add")), parsed(t, strings.ReplaceAll(strings.Replace(fmt.Sprintf(net, "Add"), "i = Identity(x)", "", 1), "(a, i)", "(a, x)")), verify.LayerOptions{})
	if s := row(t, r, "s"); !r.Equal || s.Path != "[0]" || s.Shape != "[2,3]" || row(t, r, "i").Model != "x" || r.Unmatched.Reference+r.Unmatched.Model != 0 {
		t.Errorf("%+v; %+v", s, r.Unmatched)
	}
}

// What exporters write is matched whole when every inner name is changed.
func TestLayersExports(t *testing.T) {
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for _, path := range n.Fixed {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := verify.Layers(testengine.New(t), verify.Source{Model: f.Model}, verify.Source{Model: innerRenamed(f.Model)}, verify.LayerOptions{})
			f.Close()
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if u := r.Unmatched; !r.Equal || u.Reference+u.Model+u.Conflicts != 0 || len(r.Tensors) != r.Shared || len(r.Notes) != 0 {
				t.Errorf("%s: equal %v, %+v, %d of %d compared, %q, %+v", path, r.Equal, u, len(r.Tensors), r.Shared, r.Notes, r.Blame)
			}
		}
	}
}

func TestLayerReport(t *testing.T) {
	const net = `g (float[2,3] x) => (float[2,3] y) <float[1] w = {2}> { a = Mul(x, w)  %s  y = Neg(c) }`
	ref := parsed(t, fmt.Sprintf(net, "[leaky] b = LeakyRelu<alpha = 0.5>(a) c = Tanh(b)"))
	r := layers(t, ref, parsed(t, fmt.Sprintf(net, "[leaky] b = LeakyRelu<alpha = 0.25>(a) c = Tanh(b)")), verify.LayerOptions{})
	var text bytes.Buffer
	if err := r.WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"the models part at node leaky (LeakyRelu)\n", "  input a: ok, max abs 0\n", "  attribute alpha is 0.25, in the reference 0.5\n", "DIFFERS, SOURCE\n",
		"different in 3 of 4 tensors: |got - want| <= 0 + 0*|want|; 4 of 4 shared tensors compared in 1 run; batch 2; seed 0; ONNX Runtime "} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("the report does not say %q:\n%s", says, &text)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back verify.LayerReport
	var fields map[string]any
	if err := errors.Join(json.Unmarshal(data, &back), json.Unmarshal(data, &fields)); err != nil {
		t.Fatal(err)
	}
	if fields["schema"] != "onnxtool.layers/1" || back.Blame.Node != "leaky" || back.First.Reference != "b" || len(back.Tensors) != 4 || back.Tensors[1].MaxAbs != r.Tensors[1].MaxAbs {
		t.Errorf("%s", data)
	}
	// A dropped node is named, with the one that reads what it read.
	r = layers(t, ref, parsed(t, fmt.Sprintf(net, "c = Tanh(a)")), verify.LayerOptions{})
	text.Reset()
	if err := r.WriteText(&text, true); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"the models part at node Tanh -> c (Tanh)\n", "  before it, the reference alone has: leaky (LeakyRelu)\n", "  input b: the model has no such tensor; what it is computed from: ok\n",
		"without counterpart: 1 tensor of the reference (b), 0 tensors of the model\n"} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("the report does not say %q:\n%s", says, &text)
		}
	}
	// Nothing to tell.
	text.Reset()
	if err := layers(t, ref, ref, verify.LayerOptions{}).WriteText(&text, false); err != nil || strings.Count(text.String(), "\n") != 2 || !strings.HasPrefix(text.String(), "the models do not part") {
		t.Errorf("%v:\n%s", err, &text)
	}
}

// Where nodes that belong together read one tensor in the reference and two in the model, none is taken for its counterpart.
func TestLayersConflict(t *testing.T) {
	ref := parsed(t, `g (float[1,3] x) => (float[1,6] y) { [one] u = Tanh(x)  [left] p = Neg(u)  q = Abs(u)  y = Concat<axis = 1>(p, q) }`)
	model := parsed(t, `g (float[1,3] x) => (float[1,6] y) { [sin] v = Sin(x)  [cos] w = Cos(x)  r = Neg(v)  s = Abs(w)  y = Concat<axis = 1>(r, s) }`)
	r := layers(t, ref, model, verify.LayerOptions{})
	u := r.Unmatched
	if u.Reference != 1 || u.Model != 2 || u.Conflicts != 1 || !slices.Equal(u.ReferenceNames, []string{"u"}) || !slices.Equal(u.ModelNames, []string{"v", "w"}) {
		t.Errorf("%+v", u)
	}
	if b := r.Blame; b == nil || b.Node != "left" || !slices.Equal(b.Missing, []string{"one (Tanh)"}) || !slices.Equal(b.Added, []string{"sin (Sin)"}) || r.Sources != 2 {
		t.Errorf("%+v", b)
	}
}

// Weights in a file of their own are found, for running and for matching.
func TestLayersExternalData(t *testing.T) {
	ref := randomNetwork(8, 30)
	bad := onnxpb.Clone(ref)
	for i := uint64(0); changeWeight(bad, newRand(i)) < 0; i++ {
	}
	want := layers(t, verify.Source{Model: ref}, verify.Source{Model: bad}, verify.LayerOptions{})
	var both [2]verify.Source
	for i, m := range []*onnxpb.ModelProto{ref, innerRenamed(bad)} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		if err := onnxpb.Save(m, path, onnxpb.SaveOptions{Data: onnxpb.DataOptions{Mode: onnxpb.DataFile, Threshold: 1}}); err != nil {
			t.Fatal(err)
		}
		f, err := onnxpb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if !onnxpb.HasExternal(f.Model) {
			t.Fatal("there is no external data")
		}
		both[i] = verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}
	}
	r := layers(t, both[0], both[1], verify.LayerOptions{})
	if r.Blame == nil || r.Blame.Node != want.Blame.Node || r.Differ != want.Differ || r.Unmatched.Reference+r.Unmatched.Model != 0 || r.Reference.Path != both[0].Path {
		t.Errorf("%+v; %+v is to blame", r.Blame, want.Blame)
	}
}
