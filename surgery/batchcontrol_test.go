package surgery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// textModel reads a model in ONNX's textual form.
func textModel(t testing.TB, opset int, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(fmt.Sprintf("<ir_version: 8, opset_import: [\"\": %d, \"local\": 1]>\n%s", opset, text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// controlCases are models of one row with control flow and functions, as exporters write them.
var controlCases = []struct {
	name   string
	opset  int
	model  string
	inputs []string // that hold the batch
	told   string   // part of the report
}{
	{"branches with the batch baked in", 16, `g (float[1,2,3] x, bool c) => (float[1,6] y) <int64[2] flat = {1,6}> {
		y = If(c)<then_branch = a () => (float[1,6] p) { p = Reshape(x, flat) },
			else_branch = b () => (float[1,6] q) <int64[1] two = {1}> { n = Neg(x)  s = Reshape(n, flat)  q = Mul(s, s) }> }`, []string{"x"}, "shape [1,6] -> shape [0,6]"},
	{"a branch that joins a constant row", 16, `g (float[1,2,3] x, bool c) => (float[1,3,3] y) <float[1,1,3] token = {1,2,3}> {
		r = Abs(x)
		y = If(c)<then_branch = a () => (float[1,3,3] p) { p = Concat<axis = 1>(token, r) }, else_branch = b () => (float[1,3,3] q) { q = Concat<axis = 1>(r, token) }> }`, []string{"x"}, "token_rows"},
	{"a branch that is never taken and would mix rows", 16, `g (float[1,3] x) => (float[1,3] y) <bool c = {0}> {
		y = If(c)<then_branch = a () => (float[1,3] p) { m = ReduceMax<keepdims = 1>(x)  p = Add(x, m) }, else_branch = b () => (float[1,3] q) { q = Neg(x) }> }`, []string{"x"}, "the nodes of the branch"},
	{"a branch that is never taken, would have to be mended and mixes rows then", 16, `g (float[1,2,3] x) => (float[1,2,3] y) <bool c = {0}, float[1,1,3] token = {1,2,3}> {
		y = If(c)<then_branch = a () => (float[1,3,3] p) { k = Concat<axis = 1>(token, x)  m = ReduceMax<axes = [0], keepdims = 1>(k)  p = Add(k, m) },
			else_branch = b () => (float[1,2,3] q) <float[1,1,3] w = {1,2,3}> { n = Neg(x)  q = Mul(n, w) }> }`, []string{"x"}, "the nodes of the branch"},
	{"a branch that is never taken and holds a constant", 9, `g (float[1,3] x) => (float[1,1,3] y) <bool c = {0}, int64[3] f = {1,3,1}, int64[3] h = {1,1,3}, float[1,3,1] w = {1,2,3}> {
		i = If(c)<then_branch = a () => (float[1,3,1] p) { p = Identity(w) }, else_branch = b () => (float[1,3,1] q) { q = Reshape(x, f) }>
		y = Reshape(i, h) }`, []string{"x"}, "the nodes of the branch"},
	{"a constant row in one branch", 16, `g (float[1,3] x, bool c) => (float[1,3] y) <float[1,3] w = {1,2,3}> {
		y = If(c)<then_branch = a () => (float[1,3] p) { p = Neg(w) }, else_branch = b () => (float[1,3] q) { q = Abs(x) }> }`, []string{"x"}, "output p of a branch"},
	{"nested functions with the batch baked in", 16, `g (float[1,2,3] x) => (float[1,6] y) { y = local.f(x) }
		<domain: "local", opset_import: ["": 16, "local": 1]> f (v) => (w) { a = local.h(v)  w = Neg(a) }
		<domain: "local", opset_import: ["": 16]> h (v) => (w) { s = Constant<value_ints = [1,6]>()  w = Reshape(v, s) }`, []string{"x"}, "nodes of its function"},
	{"Squeeze of all ones but the batch", 11, `g (float[4,1,3] x) => (float[4,3] y) { y = Squeeze(x) }`, []string{"x"}, "axes [1]"},
	{"Squeeze of all ones but the batch, by an input", 16, `g (float[4,1,3] x) => (float[4,3] y) { y = Squeeze(x) }`, []string{"x"}, "axes [1]"},
	{"Squeeze of a batch that comes back", 16, `g (float[1,3,4,4] x) => (float[1,3] y) <int64[1] zero = {0}> { p = GlobalAveragePool(x)  s = Squeeze(p)  n = Exp(s)  y = Unsqueeze(n, zero) }`, []string{"x"}, "brings the axis"},
	{"Squeeze of a batch that Reshape brings back", 12, `g (float[1,3,4] x) => (float[1,3] y) <int64[2] t = {1,3}, float[4] w = {1,2,3,4}> {
		s = Squeeze<axes = [0]>(x)  m = Mul(w, s)  r = ReduceMean<axes = [-1], keepdims = 0>(m)  y = Reshape(r, t) }`, []string{"x"}, "shape [1,3] -> shape [0,3]"},
	{"attention without a batch", 18, `g (float[1,3,4] x) => (float[1,1,3,4] y) <int64[1] zero = {0}, int64[2] front = {0,1}, int64[1] one = {1}, float[4,4] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7}> {
		s = Squeeze(x, zero)  q = MatMul(s, w)  k = Transpose(s)  a = MatMul(q, k)  p = Softmax<axis = 1>(a)  v = MatMul(p, s)
		m = ReduceMax<keepdims = 1>(v, one)  d = Sub(v, m)  y = Unsqueeze(d, front) }`, []string{"x"}, "perm [0,2,1]"},
	{"an axis of the batch that is dropped behind others", 16, `g (float[1,3,4] x) => (float[4,1,3] y) <int64[1] one = {1}> {
		t = Transpose<perm = [2,0,1]>(x)  s = Squeeze(t)  r = Softmax(s)  q = ReduceSum(r, one)  d = Div(r, q)  y = Unsqueeze(r, one) }`, []string{"x"}, "brings the axis"},
	{"a row that becomes a scalar and comes back", 16, `g (float[1,3] x) => (float[1,1] y) <float two = {2}, float[3,1] w = {1,2,3}, int64[2] t = {1,1}> {
		m = MatMul(x, w)  s = Squeeze(m)  p = Mul(s, two)  y = Reshape(p, t) }`, []string{"x"}, "axes [1]"},
	{"a vector times a matrix", 16, `g (float[1,3] x) => (float[1,2] y) <float[3,2] w = {1,2,3,4,5,6}, float[2] b = {1,2}, int64[2] t = {-1,2}> {
		s = Squeeze(x)  m = MatMul(s, w)  a = Add(b, m)  y = Reshape(a, t) }`, []string{"x"}, "drops the axis"},
	{"one element of each row, by the number of the row", 16, `g (float[1,4,3] x) => (float[1,3] y) <int64[1,1] row = {0}, int64[1] one = {1}> {
		m = ReduceMax<axes = [2], keepdims = 0>(x)  i = ArgMax<axis = 1, keepdims = 0>(m)  u = Unsqueeze(i, one)  c = Concat<axis = 1>(row, u)  y = GatherND(x, c) }`, []string{"x"}, "batch_dims 1"},
	{"one element of each row, by numbers that are counted", 16, `g (float[1,4,3] x) => (float[1] y) <int64 zero = {0}, int64 step = {1}, int64[1] one = {1}> {
		s = Shape(x)  n = Gather(s, zero)  r = Range(zero, n, step)  row = Unsqueeze(r, one)
		m = ReduceMax<axes = [2], keepdims = 0>(x)  i = ArgMax<axis = 1, keepdims = 0>(m)  u = Unsqueeze(i, one)
		e = ReduceMax<axes = [1], keepdims = 0>(x)  j = ArgMax<axis = 1, keepdims = 0>(e)  v = Unsqueeze(j, one)  c = Concat<axis = -1>(row, u, v)  y = GatherND(x, c) }`, []string{"x"}, "removed node"},
	{"GatherElements by a constant row", 16, `g (float[1,4] x) => (float[1,2] y) <int64[1,2] at = {3,1}> { y = GatherElements<axis = 1>(x, at) }`, []string{"x"}, "at_rows"},
	{"a loop that adds up from zeros", 16, `g (float[1,3] x) => (float[1,3] y, float[4,1,3] all) <int64 n = {4}, bool go = {1}, float[1,3] zero = {0,0,0}> {
		y, all = Loop(n, go, zero)<body = b (int64 i, bool c, float[1,3] s) => (bool c2, float[1,3] s2, float[1,3] row) {
			c2 = Identity(c)
			s2 = Add(s, x)
			row = Mul(s2, s2) }> }`, []string{"x"}, "zero_rows"},
	{"a loop with the batch baked in, and a branch in it", 16, `g (float[1,2,3] x) => (float[1,2,3] y) <int64 n = {3}, bool go = {1}, int64[2] flat = {1,6}, int64[3] back = {1,2,3}, int64 two = {2}> {
		y = Loop(n, go, x)<body = b (int64 i, bool c, float[1,2,3] s) => (bool c2, float[1,2,3] s2) {
			c2 = Identity(c)
			f = Reshape(s, flat)
			last = Equal(i, two)
			g = If(last)<then_branch = t () => (float[1,6] p) { p = Neg(f) }, else_branch = e () => (float[1,6] q) { q = Add(f, f) }>
			s2 = Reshape(g, back) }> }`, []string{"x"}, "shape [1,2,3] -> shape [0,2,3]"},
	{"a scan through time", 16, `g (float[1,5,3] x) => (float[1,3] last, float[1,5,3] y) <float[1,3] zero = {1,2,3}> {
		last, y = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], body = b (float[1,3] h, float[1,3] r) => (float[1,3] h2, float[1,3] o) {
			h2 = Add(h, r)
			o = Tanh(h2) }>(zero, x) }`, []string{"x"}, "zero_rows"},
	{"a function that needs no change", 16, `g (float[1,3] x) => (float[1,3] y) { y = local.twice(x) }
		<domain: "local", opset_import: ["": 16]> twice (a) => (b) { b = Add(a, a) }`, []string{"x"}, ""},
	{"a function with the batch baked in, called of rows and of constants", 16, `g (float[1,2,3] x) => (float[1,6] y) <float[1,2,3] k = {1,2,3,4,5,6}> {
			a = local.flat<by = 2>(x)
			b = local.flat<by = 3>(k)
			y = Mul(a, b) }
		<domain: "local", opset_import: ["": 16]> flat <by> (v) => (w) {
			s = Constant<value_ints = [1,6]>()
			n = Constant<value_int: int = @by>()
			f = Cast<to = 1>(n)
			r = Reshape(v, s)
			w = Mul(r, f) }`, []string{"x"}, "nodes of its function"},
}

func TestSetBatchInSubgraphs(t *testing.T) {
	e := batchEngine(t)
	for _, c := range controlCases {
		t.Run(c.name, func(t *testing.T) {
			original := textModel(t, c.opset, c.model)
			mustBeValid(t, original)
			m := onnxpb.Clone(original)
			r, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Inputs: c.inputs})
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			if s := written(r); !strings.Contains(s, c.told) {
				t.Errorf("the report does not tell %q:\n%s", c.told, s)
			}
			if c.told == "" && (len(m.Graph.Node) != len(original.Graph.Node) || len(m.Functions) != len(original.Functions)) {
				t.Error("the graph was changed")
			}
			checked, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 3, 5}, 5, verify.BatchOptions{Inputs: c.inputs, Axes: r.Axes})
			if err != nil {
				t.Fatal(err)
			}
			if !checked.Equal {
				var b strings.Builder
				checked.WriteText(&b)
				t.Errorf("rows differ:\n%s", b.String())
			}
		})
	}
}

// doubling writes functions f0, f1, ... of which each calls the next one twice.
func doubling(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "\n<domain: \"local\", opset_import: [\"\": 16, \"local\": 1]> f%d (v) => (w) { a = local.f%d(v)  w = local.f%d(a) }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "\n<domain: \"local\", opset_import: [\"\": 16]> f%d (v) => (w) { s = Constant<value_ints = [1,6]>()  w = Reshape(v, s) }", depth)
	return b.String()
}

func TestSetBatchRefusesInSubgraphs(t *testing.T) {
	for name, c := range map[string]struct{ model, why string }{
		"a branch by what a row holds": {`g (float[1,3] x) => (float[1,3] y) <float zero = {0}> {
			m = ReduceMax<axes = [1], keepdims = 0>(x)
			c = Greater(m, zero)
			y = If(c)<then_branch = a () => (float[1,3] p) { p = Neg(x) }, else_branch = b () => (float[1,3] q) { q = Abs(x) }> }`, "branch"},
		"rows mix in a branch": {`g (float[1,3] x, bool c) => (float[1,3] y) {
			y = If(c)<then_branch = a () => (float[1,3] p) { p = CumSum(x, axis) }, else_branch = b () => (float[1,3] q) { q = Abs(x) }> }`, "axis"},
		"rows mix in a loop": {`g (float[1,3] x) => (float[1,3] y) <int64 n = {4}, bool go = {1}> {
			y = Loop(n, go, x)<body = b (int64 i, bool c, float[1,3] s) => (bool c2, float[1,3] s2) { c2 = Identity(c)  m = ReduceMean<axes = [0]>(s)  s2 = Sub(s, m) }> }`, "ReduceMean"},
		"a loop for every row": {`g (float[1,3] x) => (float[1,3] y) <bool go = {1}, int64 zero = {0}> {
			sh = Shape(x)
			n = Gather(sh, zero)
			y = Loop(n, go, x)<body = b (int64 i, bool c, float[1,3] s) => (bool c2, float[1,3] s2) { c2 = Identity(c)  s2 = Neg(s) }> }`, "how often"},
		"a scan along the batch": {`g (float[1,3] x) => (float[1,3] y) <float[3] zero = {1,2,3}> {
			last, y = Scan<num_scan_inputs = 1, body = b (float[3] h, float[3] r) => (float[3] h2, float[3] o) { h2 = Add(h, r)  o = Tanh(h2) }>(zero, x) }`, "time"},
		"lengths that a loop changes": {`g (float[1,?] x) => (float[?,?] y) <int64 n = {2}, bool go = {1}, int64[1] one = {1}, int64[1] m1 = {-1}> {
			s = Loop(n, go, x)<body = b (int64 i, bool c, float[?,?] a) => (bool c2, float[?,?] a2) { c2 = Identity(c)  a2 = Concat<axis = 1>(a, a) }>
			sh = Shape(x)  k = Gather(sh, one)  t = Concat<axis = 0>(m1, k)  z = Reshape(s, t)  y = Add(z, x) }`, "Add"},
		"functions too deep to follow": {`g (float[1,2,3] x) => (float[1,6] y) { y = local.f0(x) }` + doubling(40), "deep"},
		"a scale over all rows":        {`g (float[1,3] x) => (float[1,3] y) { a, s, z = DynamicQuantizeLinear(x)  y = DequantizeLinear(a, s, z) }`, "DynamicQuantizeLinear"},
		"numbers drawn at random":      {`g (float[1,3] x) => (float[1,3] y) { r = RandomNormal<shape = [1,3], seed = 1.0>()  n = Neg(r)  y = Mul(x, n) }`, "random"},
		"rows mix in a function": {`g (float[1,3] x) => (float[1,3] y) { y = local.norm(x) }
			<domain: "local", opset_import: ["": 16]> norm (a) => (b) { m = ReduceMean<axes = [0]>(a)  b = Sub(a, m) }`, "ReduceMean"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(c.model, "CumSum(x, axis)", "CumSum(x, at)", 1)
			text = strings.Replace(text, "bool c) => (float[1,3] y) {", "bool c) => (float[1,3] y) <int64 at = {0}> {", 1)
			m := textModel(t, 16, text)
			before := onnxpb.Clone(m)
			_, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Inputs: []string{"x"}})
			var oe *onnxpb.Error
			if !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || oe.Node == "" || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("%v", err)
			}
			a, _ := onnxpb.Marshal(before)
			b, _ := onnxpb.Marshal(m)
			if string(a) != string(b) {
				t.Error("the model was changed")
			}
		})
	}
}

// The nodes of a function that come into the graph bring the operator sets along that they need.
func TestSetBatchImportsWhatFunctionsNeed(t *testing.T) {
	m := textModel(t, 16, `g (float[1,2,3] x) => (float[1,6] y) { y = local.f(x) }
		<domain: "local", opset_import: ["": 16, "other": 1]> f (v) => (w) { s = Constant<value_ints = [1,6]>()  r = Reshape(v, s)  w = other.h(r) }
		<domain: "other", opset_import: ["": 16]> h (v) => (w) { w = Neg(v) }`)
	mustBeValid(t, m)
	r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
	if err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
	if m.OpsetVersion("other") != 1 || !strings.Contains(written(r), "added opset") {
		t.Errorf("imports: %v\n%s", m.OpsetImport, written(r))
	}
	// An older version of a domain than the function wants is no place for its nodes.
	old := textModel(t, 16, `g (float[1,2,3] x) => (float[1,6] y) { y = local.f(x) }
		<domain: "local", opset_import: ["": 16, "ai.onnx.ml": 3]> f (v) => (w) { s = Constant<value_ints = [1,6]>()  w = Reshape(v, s) }`)
	old.OpsetImport = append(old.OpsetImport, onnxpb.Opset("ai.onnx.ml", 2))
	if _, err := surgery.SetBatch(old, onnxpb.Symbol("N")); err == nil || !strings.Contains(err.Error(), "ai.onnx.ml") {
		t.Errorf("%v", err)
	}
}

// Defaults of inputs are taken for what they are, and a note says so.
func TestSetBatchTellsOfDefaultsThatDecide(t *testing.T) {
	m := textModel(t, 16, `g (float[1,3] x) => (float[1,3] y) <bool c = {0}> {
		y = If(c)<then_branch = a () => (float[1,3] p) { p = Abs(x) }, else_branch = b () => (float[1,3] q) { q = Neg(x) }> }`)
	m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("c", onnxpb.TensorProto_BOOL, []onnxpb.Dim{}))
	r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
	if err != nil || !strings.Contains(written(r), "defaults of inputs (c)") {
		t.Errorf("%v\n%s", err, written(r))
	}
}

// A model that says N, and holds a Reshape for one row, is mended when it is asked for N once more.
func TestSetBatchMendsWhatSaysSo(t *testing.T) {
	m := textModel(t, 16, `g (float[N,2,3] x) => (float[N,6] y) <int64[2] f = {1,6}> { y = Reshape(x, f) }`)
	r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
	if err != nil || !strings.Contains(written(r), "shape [1,6] -> shape [0,6]") {
		t.Errorf("%v\n%s", err, written(r))
	}
	again, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
	if err != nil || len(again.Changes) != 0 || len(again.Notes) == 0 {
		t.Errorf("%v\n%s", err, written(again))
	}
}

// A batch that lies in another axis than the first, of inputs and outputs, and the operators that are taken on trust.
func TestSetBatchOptions(t *testing.T) {
	turned := `g (float[4,1,3] x, float[2] k) => (float[4,1,3] y, float[1,4] z) <float[3] w = {1,2,3}> {
		y = Mul(x, w)
		s = ReduceSum<keepdims = 0>(y, last)
		z = Transpose(s) }`
	text := strings.Replace(turned, "<float[3] w = {1,2,3}>", "<float[3] w = {1,2,3}, int64[1] last = {-1}>", 1)
	original := textModel(t, 13, text)
	m := onnxpb.Clone(original)
	r, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Inputs: []string{"x"}, Axes: map[string]int{"x": -2}, Explain: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Axes["x"] != 1 || r.Axes["y"] != 1 || r.Axes["z"] != 0 || len(r.Axes) != 3 {
		t.Errorf("%v", r.Axes)
	}
	for name, want := range map[string]string{"y": "[4,N,3]", "z": "[N,4]"} {
		for _, o := range m.Graph.Output {
			if d, _ := o.Shape(); o.GetName() == name && onnxpb.FormatShape(d) != want {
				t.Errorf("%s is declared %s", name, onnxpb.FormatShape(d))
			}
		}
	}
	if len(r.Explain) != 4 || r.Explain[2].Tensor != "s" || r.Explain[2].Axis != 1 || r.Explain[2].Shape != "[4,N]" {
		t.Errorf("%v", r.Explain)
	}
	checked, err := verify.CheckBatch(batchEngine(t), verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 5}, 5, verify.BatchOptions{Inputs: []string{"x"}, Axes: r.Axes})
	if err != nil || !checked.Equal {
		t.Errorf("%v %+v", err, checked)
	}
	for name, o := range map[string]surgery.BatchOptions{
		"no such axis":  {Inputs: []string{"x"}, Axes: map[string]int{"x": 3}},
		"no such input": {Axes: map[string]int{"nosuch": 0}},
		"not the batch": {Inputs: []string{"x"}, Axes: map[string]int{"x": 1, "k": 0}},
	} {
		if _, err := surgery.SetBatchOf(onnxpb.Clone(original), onnxpb.Symbol("N"), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// An operator that nobody knows.
	custom := textModel(t, 13, `g (float[1,3] x) => (float[1,2,3] y) { a = local.Mystery(x)  y = Neg(a) }`)
	custom.Graph.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", tFloat, nums(1, 2, 3))}
	if _, err := surgery.SetBatch(onnxpb.Clone(custom), onnxpb.Symbol("N")); err == nil || !strings.Contains(err.Error(), "--trust local.Mystery") {
		t.Errorf("%v", err)
	}
	trusted := onnxpb.Clone(custom)
	if _, err := surgery.SetBatchOf(trusted, onnxpb.Symbol("N"), surgery.BatchOptions{Trust: []string{"local.Mystery"}}); err != nil {
		t.Fatal(err)
	}
	if d, _ := trusted.Graph.Output[0].Shape(); onnxpb.FormatShape(d) != "[N,2,3]" {
		t.Errorf("declared %s", onnxpb.FormatShape(d))
	}
	// What mixes rows, by force.
	mixed := textModel(t, 13, `g (float[1,3] x) => (float[1,3] y) { m = ReduceMean<axes = [0]>(x)  y = Sub(x, m) }`)
	forced, err := surgery.SetBatchOf(mixed, onnxpb.Symbol("N"), surgery.BatchOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if s := written(forced); !strings.Contains(s, "not proven") || !strings.Contains(s, "ReduceMean") {
		t.Errorf("%s", s)
	}
	if d, _ := mixed.Graph.Input[0].Shape(); onnxpb.FormatShape(d) != "[N,3]" {
		t.Errorf("declared %s", onnxpb.FormatShape(d))
	}
	if d, _ := mixed.Graph.Output[0].Shape(); onnxpb.FormatShape(d) != "[?,3]" {
		t.Errorf("declared %s", onnxpb.FormatShape(d))
	}
}
