package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func findNaN(t *testing.T, e verify.Engine, s verify.Source, o verify.RunOptions) *verify.NaNReport {
	t.Helper()
	r, err := verify.FindNaN(e, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Small graphs, each with the node that is to be named, the first element, and words of the cause.
func TestFindNaN(t *testing.T) {
	e := testengine.New(t)
	vector := func(v ...float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{int64(len(v))}, v) }
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name, graph string
		x           *onnxpb.Array
		op, tensor  string // of the first finding; no op: it is no node
		makes       string
		index       []int64
		operands    string
		passing     string // tensors
		cause       string
	}{
		{name: "log of a negative number", graph: `g (float[4] x) => (float[4] y) { a = Add(x, x)  b = Log(a)  y = Relu(b) }`, x: vector(1, 2, -3, 4),
			op: "Log", tensor: "b", makes: "NaN", index: []int64{2}, operands: "a[2]=-6", passing: "y", cause: "Log of a negative number: a goes down to -6"},
		{name: "log of 0", graph: `g (float[4] x) => (float[4] y) { a = Abs(x)  y = Log(a) }`, x: vector(1, 2, 3, 0),
			op: "Log", tensor: "y", makes: "infinity", index: []int64{3}, operands: "a[3]=0", cause: "Log of 0: a has one zero"},
		{name: "0 divided by 0", graph: `g (float[4] x) => (float[4] y) { a = Sub(x, x)  y = Div(a, a) }`, x: vector(1, 2, 3, 0),
			op: "Div", tensor: "y", makes: "NaN", index: []int64{0}, operands: "a[0]=0 a[0]=0", cause: "0 divided by 0: a has 4 zeros"},
		{name: "division by 0, broadcast", graph: `g (float[4] x) => (float[2,4] y) <float[2,1] w = {1,2}> { y = Div(w, x) }`, x: vector(1, 2, 0, 4),
			op: "Div", tensor: "y", makes: "infinity", index: []int64{0, 2}, operands: "w[0,0]=1 x[2]=0", cause: "division by 0: x has one zero"},
		{name: "float16 overflow in Cast", graph: `g (float[3] x) => (float16[3] y) { h = Cast<to = 10>(x)  y = Neg(h) }`, x: vector(1, -70000, 2),
			op: "Cast", tensor: "h", makes: "infinity", index: []int64{1}, operands: "x[1]=-70000", passing: "y", cause: "x goes from -70000 to 2, and float16 ends at 65504"},
		{name: "float16 overflow in Mul", graph: `g (float16[3] x) => (float16[3] y) { y = Mul(x, x) }`, x: halves(t, 1, 300, 2),
			op: "Mul", tensor: "y", makes: "infinity", index: []int64{1}, operands: "x[1]=300 x[1]=300", cause: "passes the range of float16, which ends at 65504"},
		{name: "sqrt", graph: `g (float[2] x) => (float[2] y) { y = Sqrt(x) }`, x: vector(4, -1), op: "Sqrt", tensor: "y", makes: "NaN", index: []int64{1}, operands: "x[1]=-1", cause: "Sqrt of a negative number"},
		{name: "exp", graph: `g (float[2] x) => (float[2] y) { y = Exp(x) }`, x: vector(4, 100), op: "Exp", tensor: "y", makes: "infinity", index: []int64{1}, operands: "x[1]=100",
			cause: "the exponential of more than 88.72 passes the range of float32: x goes up to 100"},
		{name: "pow of a negative number", graph: `g (float[2] x) => (float[2] y) <float p = {0.5}> { y = Pow(x, p) }`, x: vector(4, -4), op: "Pow", tensor: "y", makes: "NaN", index: []int64{1},
			operands: "x[1]=-4 p=0.5", cause: "a negative number to a power that is no integer"},
		{name: "pow of 0, by integers", graph: `g (float[2] x) => (float[2] y) { p = Constant<value = int64[1] {-2}>()  y = Pow(x, p) }`, x: vector(4, 0), op: "Pow", tensor: "y", makes: "infinity", index: []int64{1},
			operands: "x[1]=0 p[0]=-2", cause: "0 to a negative power: x has one zero, p goes down to -2"},
		{name: "acos", graph: `g (float[2] x) => (float[2] y) { y = Acos(x) }`, x: vector(0, 1.5), op: "Acos", tensor: "y", makes: "NaN", index: []int64{1}, operands: "x[1]=1.5", cause: "Acos of more than 1: x goes up to 1.5"},
		{name: "overflow in a product of matrices", graph: `g (float[2,2] x) => (float[2,2] y) { y = MatMul(x, x) }`, x: onnxpb.ArrayOf([]int64{2, 2}, []float32{3e38, 3e38, 0, 0}),
			op: "MatMul", tensor: "y", makes: "infinity", index: []int64{0, 0}, cause: "passes the range of float32"},
		{name: "a NaN that comes in", graph: `g (float[3] x) => (float[3] y) { a = Neg(x)  y = Log(a) }`, x: vector(-1, float32(math.NaN()), -2),
			tensor: "x", makes: "NaN", index: []int64{1}, passing: "a y", cause: "the input itself holds it"},
		{name: "an infinity that comes in", graph: `g (float[3] x) => (float[3] y) { y = Neg(x) }`, x: vector(-1, 0, inf), tensor: "x", makes: "infinity", index: []int64{2}, passing: "y", cause: "the input itself holds it"},
		{name: "a mask that leaves nothing", graph: `g (float[3] x) => (float[3] y) { m = Constant<value = float[1] {-inf}>()  a = Add(x, m)  y = Softmax<axis = 0>(a) }`, x: vector(1, 2, 3),
			op: "Softmax", tensor: "y", makes: "NaN", index: []int64{0}, passing: "a", cause: "a row of nothing but -Inf"},
		{name: "a text", graph: `g (float[2] x) => (float[2] y) { s = Constant<value_strings = ["1", "NaN"]>()  c = Cast<to = 1>(s)  y = Add(c, x) }`, x: vector(1, 2),
			op: "Cast", tensor: "c", makes: "NaN", index: []int64{1}, operands: `s[1]="NaN"`, passing: "y", cause: "a text that reads as a NaN"},
		{name: "only in a branch", graph: `g (float[2] x) => (float[2] y) { n = Neg(x)  s = ReduceSum<keepdims = 0>(x)  z = Constant<value = float {0}>()  c = Greater(s, z)
			r = If(c)<then_branch = t () => (float[2] p) { p = Log(n) }, else_branch = f () => (float[2] q) { q = Identity(n) }>  y = Abs(r) }`, x: vector(1, 2),
			op: "If", tensor: "r", makes: "NaN", index: []int64{0}, passing: "y", cause: "within a subgraph"},
		{name: "in a sequence", graph: `g (float[2] x) => (float[2] y) { a = Sqrt(x)  s = SequenceConstruct(x, a)  i = Constant<value_int = 1>()  y = SequenceAt(s, i) }`, x: vector(-1, 4),
			op: "Sqrt", tensor: "a", makes: "NaN", index: []int64{0}, operands: "x[0]=-1", passing: "s y", cause: "Sqrt of a negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, memory := range []int64{0, 1} { // all at once, and one at a time
				r := findNaN(t, e, source(t, c.graph), verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", c.x)}, Memory: memory})
				d := r.First
				if !r.Found || d == nil {
					t.Fatalf("nothing was found: %+v", r)
				}
				if d.Op != c.op || d.Tensor != c.tensor || d.Makes != c.makes || !slices.Equal(d.Element.Index, c.index) || (d.Kind == "node") != (c.op != "") {
					t.Errorf("%+v %+v, want %s %s: %s at %v", d, d.Element, c.op, c.tensor, c.makes, c.index)
				}
				var operands, passing []string
				for _, o := range d.Operands {
					operands = append(operands, o.Name+strings.ReplaceAll(strings.TrimSuffix(fmt.Sprint(o.Index), "[]"), " ", ",")+"="+o.Value)
				}
				for _, p := range r.Passing {
					passing = append(passing, p.Tensor)
				}
				if got := strings.Join(operands, " "); got != c.operands {
					t.Errorf("it comes of %q, want %q", got, c.operands)
				}
				if got := strings.Join(passing, " "); got != c.passing {
					t.Errorf("%q pass it on, want %q", got, c.passing)
				}
				if !strings.Contains(d.Cause, c.cause) {
					t.Errorf("cause %q does not say %q", d.Cause, c.cause)
				}
				if c.op != "" && (len(r.Nodes) != 1 || r.Nodes[0].Cause != d.Cause || len(d.Inputs) == 0) || c.op == "" && len(r.Nodes) != 0 {
					t.Errorf("nodes %+v", r.Nodes)
				}
				if r.Optimization != "none" || len(r.Skipped) > 0 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func halves(t *testing.T, v ...float64) *onnxpb.Array {
	t.Helper()
	a, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_FLOAT16, []int64{int64(len(v))}, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestFindNaNNone(t *testing.T) {
	e := testengine.New(t)
	var b bytes.Buffer
	r := findNaN(t, e, source(t, weighted), verify.RunOptions{Samples: 3, Seed: 4})
	if err := r.WriteText(&b); err != nil || r.Found || r.First != nil || len(r.Nodes)+len(r.Sources)+len(r.Passing) != 0 || r.Looked != 3 || r.Samples != 3 ||
		!strings.HasPrefix(b.String(), "no node makes a NaN or an infinity: 3 values were looked at, 3 sets of inputs\n") {
		t.Errorf("%+v\n%s, error %v", r, b.String(), err)
	}
	data, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(data), `"nodes":[]`) || strings.Contains(string(data), `"first":`) {
		t.Errorf("%s, error %v", data, err)
	}
	// What stays within a branch, or in the branch that is not taken, is none; nor is an infinite mask.
	for _, graph := range []string{
		`g (float[2] x) => (float[2] y) { c = Constant<value = bool {1}>()  y = If(c)<then_branch = t () => (float[2] p) { l = Log(x)  z = Sub(l, l)  n = IsNaN(l)  p = Where(n, x, x) },
			else_branch = f () => (float[2] q) { q = Log(x) }> }`,
		`g (float[2] x) => (float[2] y) <float m = {-inf}> { a = Max(x, m)  y = Neg(a) }`,
		`g (float[2] x) => (float[2] y) <float[2] m = {-inf, 0}> { a = Add(x, m)  y = Softmax<axis = 0>(a) }`,
	} {
		r := findNaN(t, e, source(t, graph), verify.RunOptions{Ranges: map[string]verify.Range{"x": {Lo: -2, Hi: -1}}})
		if r.Found {
			t.Errorf("%s: %+v", graph, r.First)
		}
		if strings.Contains(graph, "inf") && (len(r.Sources) != 1 || r.Sources[0].Tensor != "m" || r.Sources[0].Kind != "initializer") {
			t.Errorf("%s: sources %+v", graph, r.Sources)
		}
	}
}

// A NaN among the weights is a finding, and it is theirs; the first sample with a finding ends the search.
func TestFindNaNSources(t *testing.T) {
	e := testengine.New(t)
	s := source(t, `g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1,2}> { y = Mul(x, w)  z = Log(x) }`)
	s.Model.Graph.Initializer[0] = onnxpb.TensorOf("w", []int64{2}, []float32{1, float32(math.NaN())})
	r := findNaN(t, e, s, verify.RunOptions{Samples: 5, Ranges: map[string]verify.Range{"x": {Lo: -2, Hi: -1}}})
	if !r.Found || r.First.Kind != "initializer" || r.First.Tensor != "w" || r.Sample != 0 || r.Samples != 1 || len(r.Nodes) != 1 || r.Nodes[0].Tensor != "z" || len(r.Passing) != 1 || r.Passing[0].Tensor != "y" {
		t.Errorf("%+v", r)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "initializer w holds a NaN\n") ||
		!strings.Contains(b.String(), "also: node 1 (Log) makes a NaN in z (Log of a negative number") || !strings.Contains(b.String(), "passes on: node 0 (Mul) in y: 1 NaN, 0 infinite\n") {
		t.Errorf("%s, error %v", b.String(), err)
	}
	// Seeds 0, 1, ... until one draws what makes a NaN: it is the sample's own, not the first's.
	s = source(t, `g (float[1] x) => (float[1] y) <float[1] b = {0.9}> { a = Add(x, b)  y = Log(a) }`)
	r = findNaN(t, e, s, verify.RunOptions{Samples: 500})
	if !r.Found || r.Sample == 0 || r.Samples != r.Sample+1 {
		t.Fatalf("%+v", r)
	}
	one := findNaN(t, e, s, verify.RunOptions{Seed: uint64(r.Sample)})
	before := findNaN(t, e, s, verify.RunOptions{Seed: uint64(r.Sample) - 1})
	if !one.Found || before.Found {
		t.Errorf("sample %d: by its seed %v, by the one before %v", r.Sample, one.Found, before.Found)
	}
}

// TestFindNaNInChain draws the place of a fault in a chain of 300 nodes: that node is named every time, whatever the groups are.
func TestFindNaNInChain(t *testing.T) {
	e := testengine.New(t)
	rng := rand.New(rand.NewPCG(11, 12))
	for trial := range 60 {
		m, fault, makes := chain(rng, 300)
		o := verify.RunOptions{Seed: uint64(trial), Memory: []int64{0, 0, 0, 32 * 100, 32 * 30}[rng.IntN(5)]} // a value takes 32 bytes
		r := findNaN(t, e, verify.Source{Model: m}, o)
		if !r.Found || r.First.Node != fault || r.First.Makes != makes {
			t.Errorf("trial %d: found %v %+v, want node %s and %s", trial, r.Found, r.First, fault, makes)
			continue
		}
		place := slices.IndexFunc(m.Graph.Node, func(n *onnxpb.NodeProto) bool { return n.GetName() == fault })
		// What follows may make an infinity finite again, not a NaN.
		if r.First.Position != place || makes == "NaN" && r.First.NaN > 0 && len(r.Passing) == 0 && place < len(m.Graph.Node)-1 {
			t.Errorf("trial %d: position %d, want %d; %d pass it on", trial, r.First.Position, place, len(r.Passing))
		}
		if o.Memory > 0 && r.Runs < 3 || o.Memory == 0 && r.Runs > 2 {
			t.Errorf("trial %d: %d runs with %d bytes", trial, r.Runs, o.Memory)
		}
	}
}

// chain makes a chain of nodes over [N,4] that keep what is finite finite, and puts a fault among them.
func chain(rng *rand.Rand, length int) (m *onnxpb.ModelProto, fault, makes string) {
	g := &onnxpb.GraphProto{Name: proto.String("chain"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(8)})}}
	for name, v := range map[string]float32{"zero": 0, "tenth": 0.1, "much": 1000} {
		g.Initializer = append(g.Initializer, onnxpb.TensorOf(name, nil, []float32{v}))
	}
	last, n := "x", 0
	add := func(op, name string, inputs ...string) {
		n++
		if name == "" {
			name = fmt.Sprintf("node%d", n)
		}
		out := fmt.Sprintf("v%d", n)
		if len(inputs) == 0 {
			inputs = []string{last}
		}
		for i, in := range inputs {
			if in == "" {
				inputs[i] = last
			}
		}
		g.Node = append(g.Node, onnxpb.Node(op, name, inputs, []string{out}))
		last = out
	}
	place := 1 + rng.IntN(length-10)
	for len(g.Node) < length {
		if len(g.Node) >= place && fault == "" {
			fault, makes = "fault", "NaN"
			switch rng.IntN(5) {
			case 0: // the logarithm of what is at most -0.1
				add("Abs", "")
				add("Add", "", "", "tenth")
				add("Neg", "")
				add("Log", fault)
			case 1: // 0 divided by 0
				add("Sub", "", last, last)
				add("Div", fault, "", "zero")
			case 2:
				makes = "infinity"
				add("Sigmoid", "")
				add("Add", "", "", "tenth")
				add("Mul", "", "", "much")
				add("Exp", fault, "")
			case 3:
				makes = "infinity"
				add("Sub", "", last, last)
				add("Reciprocal", fault, "")
			case 4:
				add("Abs", "")
				add("Add", "", "", "tenth")
				add("Neg", "")
				add("Sqrt", fault)
			}
			continue
		}
		switch rng.IntN(7) {
		case 0:
			add("Sigmoid", "")
		case 1:
			add("Tanh", "")
		case 2:
			add("Abs", "")
		case 3:
			add("Neg", "")
		case 4:
			add("Mul", "", "", "tenth")
		case 5:
			add("Add", "", "", "tenth")
		case 6:
			add("Identity", "")
		}
	}
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(8)})}
	m = &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
	return m, fault, makes
}

// A value that the engine does not give out is left out and told, and what reads it says so.
func TestFindNaNSkips(t *testing.T) {
	e := &failing{Engine: testengine.New(t), output: "b"}
	s := source(t, `g (float[2] x) => (float[2] y) { a = Abs(x)  b = Neg(a)  c = Log(b)  y = Relu(c) }`)
	r := findNaN(t, e, s, verify.RunOptions{})
	if !slices.Equal(r.Skipped, []string{"b"}) || !r.Found || r.First.Tensor != "c" || !slices.Equal(r.First.Unknown, []string{"b"}) || r.Looked != 3 {
		t.Errorf("%+v %+v", r, r.First)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "not looked at, so that it may come from there: b\n") || !strings.Contains(b.String(), "note: not looked at") {
		t.Errorf("%s, error %v", b.String(), err)
	}
	// Where the model itself does not run, that is the error.
	e.output = "y"
	if _, err := verify.FindNaN(e, s, verify.RunOptions{}); !errors.Is(err, errOutput) || onnxpb.KindOf(err) != onnxpb.Engine {
		t.Errorf("error %v", err)
	}
}

func TestFindNaNText(t *testing.T) {
	e := testengine.New(t)
	x := onnxpb.ArrayOf([]int64{1, 2}, []float32{3, -1})
	s := source(t, `g (float[N,2] x) => (float[N,2] y) <float p = {0.5}> { y = Pow(x, p) }`)
	s.Model.Graph.Node[0].Name = proto.String("root")
	r := findNaN(t, e, s, verify.RunOptions{Files: []verify.InputFile{npyFile(t, "x", x)}})
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	want := `node "root" (Pow) makes a NaN of finite inputs
  value   y float32[1,2]: 1 NaN and 0 infinities in 2 elements
  range   1.73205 to 1.73205, mean 1.73205, of the finite elements
  first   y[0,1] = NaN
  of      x[0,1] = -1
  of      p = 0.5
  input   x float32[1,2]: -1 to 3
  input   p float32[]: 0.5 to 0.5
  cause   a negative number to a power that is no integer: x goes down to -1
batch 1; seed 0; optimization none; ONNX Runtime ` + e.Version() + "\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
