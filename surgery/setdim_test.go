package surgery_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// dimCases are a network as an exporter writes it for one size, and the truth for a symbol, written by hand. Both get the change, and compute the same at other sizes.
var dimCases = []struct {
	name, made, truth string
	change            string
	sizes             []int64 // of the dimension, at which both are compared
	told              string
}{
	{"a map made a sequence", `g (float[1,3,4,5] x) => (float[1,20,3] y) <int64[3] flat = {1,3,20}> { r = Reshape(x, flat)  y = Transpose<perm = [0,2,1]>(r) }`,
		`g (float[1,3,S,5] x) => (float[1,L,3] y) <int64[3] flat = {1,3,-1}> { r = Reshape(x, flat)  y = Transpose<perm = [0,2,1]>(r) }`, "x[2]=S", []int64{1, 4, 7}, "shape [1,3,20] -> shape [1,3,-1]"},
	{"and back", `g (float[1,3,4,5] x) => (float[1,3,4,5] y) <int64[3] flat = {1,3,-1}, int64[4] back = {1,3,4,5}> { r = Reshape(x, flat)  n = Neg(r)  y = Reshape(n, back) }`,
		`g (float[1,3,S,5] x) => (float[1,3,S,5] y) { y = Neg(x) }`, "x[2]=S", []int64{1, 4, 7}, "shape [1,3,4,5] -> shape [1,3,-1,5]"},
	{"heads of a sequence", `g (float[2,6,8] x) => (float[2,6,8] y) <int64[4] heads = {2,6,2,4}, int64[3] join = {2,6,8}> {
			h = Reshape(x, heads)  t = Transpose<perm = [0,2,1,3]>(h)  k = Transpose<perm = [0,2,3,1]>(h)
			s = MatMul(t, k)  p = Softmax<axis = -1>(s)  a = MatMul(p, t)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`,
		`g (float[2,T,8] x) => (float[2,T,8] y) <int64[4] heads = {0,0,2,4}, int64[3] join = {0,0,8}> {
			h = Reshape(x, heads)  t = Transpose<perm = [0,2,1,3]>(h)  k = Transpose<perm = [0,2,3,1]>(h)
			s = MatMul(t, k)  p = Softmax<axis = -1>(s)  a = MatMul(p, t)  b = Transpose<perm = [0,2,1,3]>(a)  y = Reshape(b, join) }`, "x[1]=T", []int64{1, 6, 9}, "shape [2,6,8] -> shape [2,0,8]"},
	{"a slice to the end, an expansion, the last element", `g (float[1,6,3] x) => (float[1,6,3] y, float[1,1,3] z) <int64[1] zero = {0}, int64[1] six = {6}, int64[1] one = {1}, int64[1] minus = {-1}, int64[1] big = {9223372036854775807}, int64[3] all = {1,6,3}> {
			s = Slice(x, zero, six, one)  y = Expand(s, all)  z = Slice(x, minus, big, one) }`,
		`g (float[1,S,3] x) => (float[1,S,3] y, float[1,1,3] z) <int64[1] one = {1}, int64[1] minus = {-1}, int64[1] big = {9223372036854775807}> { y = Identity(x)  z = Slice(x, minus, big, one) }`,
		"x[-2]=S", []int64{1, 6, 8}, "ends [6]"},
	{"a shape that is computed", `g (float[2,6,4] x) => (float[12,4] y) <int64[1] four = {4}, int64[1] minus = {-1}> { t = Concat<axis = 0>(minus, four)  y = Reshape(x, t) }`,
		`g (float[2,S,4] x) => (float[R,4] y) <int64[2] t = {-1,4}> { y = Reshape(x, t) }`, "x[1]=S", []int64{1, 6, 8}, "only declarations"},
	{"sizes of Resize", `g (float[1,2,4,4] x) => (float[1,2,8,8] y) <int64[4] sizes = {1,2,8,8}> { y = Resize<mode = "nearest">(x, , , sizes) }`,
		`g (float[1,2,6,4] x) => (float[1,2,12,8] y) <int64[4] sizes = {1,2,12,8}> { y = Resize<mode = "nearest">(x, , , sizes) }`, "x[2]=6", []int64{6}, "sizes [1,2,12,8]"},
	{"a pyramid", `g (float[1,2,8,8] x) => (float[1,4,8,8] y) <float[2,2,1,1] w = {1,2,3,4}, int64[4] sizes = {1,2,8,8}> {
			d = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)  c = Conv(d, w)  u = Resize<mode = "nearest">(c, , , sizes)  y = Concat<axis = 1>(x, u) }`,
		`g (float[1,2,12,8] x) => (float[1,4,12,8] y) <float[2,2,1,1] w = {1,2,3,4}, int64[4] sizes = {1,2,12,8}> {
			d = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)  c = Conv(d, w)  u = Resize<mode = "nearest">(c, , , sizes)  y = Concat<axis = 1>(x, u) }`, "x[2]=12", []int64{12}, "sizes [1,2,12,8]"},
	{"halves of an image, merged and split", `g (float[1,4,6,6] x) => (float[1,4,3,3] y) <int64[6] two = {1,2,2,1,3,3}, int64[4] back = {1,4,3,3}> {
			p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)  r = Reshape(p, two)  t = Transpose<perm = [0,2,1,3,4,5]>(r)  y = Reshape(t, back) }`,
		`g (float[1,4,S,S] x) => (float[1,4,H,H] y) <int64[5] two = {1,2,2,-1,3}, int64[3] flat = {0,0,-1}> {
			p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)  sh = Shape<start = 2>(p)  f = Reshape(p, flat)  four = Constant<value_ints = [1,2,2,-1]>()  r = Reshape(f, four)
			t = Transpose<perm = [0,2,1,3]>(r)  c = Constant<value_ints = [1,4]>()  b = Concat<axis = 0>(c, sh)  y = Reshape(t, b) }`, "x[2]=S x[3]=S", []int64{2, 6, 9}, "added node"},
	{"a target that follows by itself", `g (float[1,4,6] x) => (float[1,2,12] y) <int64[2] front = {1,2}, int64[1] two = {2}, int64[1] last = {2}> {
			s = Shape(x)  n = Gather(s, last)  m = Mul(n, two)  t = Concat<axis = 0>(front, m)  y = Reshape(x, t) }`,
		`g (float[1,4,S] x) => (float[1,2,H] y) <int64[3] t = {1,2,-1}> { y = Reshape(x, t) }`, "x[2]=S", []int64{1, 6, 7}, "only declarations"},
	{"a flip, and without the last ones", `g (float[1,6] x) => (float[1,6] y, float[1,4] z) <int64[1] m1 = {-1}, int64[1] least = {-9223372036854775807}, int64[1] one = {1}, int64[1] m2 = {-2}, int64[1] zero = {0}> {
			y = Slice(x, m1, least, one, m1)  z = Slice(x, zero, m2, one) }`,
		`g (float[1,S] x) => (float[1,S] y, float[1,R] z) <int64[1] m1 = {-1}, int64[1] least = {-9223372036854775807}, int64[1] one = {1}, int64[1] m2 = {-2}, int64[1] zero = {0}> {
			y = Slice(x, m1, least, one, m1)  z = Slice(x, zero, m2, one) }`, "x[1]=S", []int64{3, 6, 9}, "only declarations"},
	{"sizes of some axes, in a branch", `g (float[1,1,4,4] x, bool c) => (float[1,1,8,8] y) <int64[2] sizes = {8,8}, int64[3] flat = {1,4,4}, int64[1] one = {1}> {
			y = If(c)<then_branch = a () => (float[1,1,8,8] p) { p = Resize<mode = "nearest", axes = [2,3]>(x, , , sizes) },
				else_branch = b () => (float[1,1,8,8] q) { r = Reshape(x, flat)  n = Neg(r)  u = Unsqueeze(n, one)  q = Resize<mode = "nearest", axes = [2,3]>(u, , , sizes) }> }`,
		`g (float[1,1,6,4] x, bool c) => (float[1,1,12,8] y) <int64[2] sizes = {12,8}> {
			y = If(c)<then_branch = a () => (float[1,1,12,8] p) { p = Resize<mode = "nearest", axes = [2,3]>(x, , , sizes) },
				else_branch = b () => (float[1,1,12,8] q) { n = Neg(x)  q = Resize<mode = "nearest", axes = [2,3]>(n, , , sizes) }> }`, "x[2]=6", []int64{6}, "sizes [12,8]"},
	{"a symbol made a number", `g (float[N,S,4] x) => (float[N,S,4] y) { s = Shape(x)  r = Reshape(x, s)  y = Neg(r) }`,
		`g (float[N,5,4] x) => (float[N,5,4] y) { y = Neg(x) }`, "S=5", []int64{5}, "S"},
}

func TestSetDim(t *testing.T) {
	e := batchEngine(t)
	for _, c := range dimCases {
		t.Run(c.name, func(t *testing.T) {
			m, truth := textModel(t, 18, c.made), textModel(t, 18, c.truth)
			mustBeValid(t, m)
			var changes []surgery.DimChange
			for _, s := range strings.Fields(c.change) {
				change, err := surgery.ParseDimChange(s)
				if err != nil {
					t.Fatal(err)
				}
				changes = append(changes, change)
			}
			r, err := surgery.SetDim(m, changes...)
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			if s := written(r); !strings.Contains(s, c.told) {
				t.Errorf("the report does not tell %q:\n%s", c.told, s)
			}
			for _, n := range c.sizes {
				o := verify.Options{Dims: map[string]int64{}}
				dims, _ := truth.Graph.Input[0].Shape()
				for _, d := range dims {
					switch d.Param {
					case "":
					case "N":
						o.Dims["N"] = 2
					default:
						o.Dims[d.Param] = n
					}
				}
				rep, err := verify.Models(e, verify.Source{Model: truth}, verify.Source{Model: m}, o)
				if err != nil {
					t.Fatalf("size %d: %v", n, err)
				}
				if !rep.Equal {
					t.Errorf("size %d: %+v", n, rep.Outputs)
				}
			}
		})
	}
}

// What was made for the old size, and cannot follow, is refused with the node, and nothing is changed.
func TestSetDimRefuses(t *testing.T) {
	for name, c := range map[string]struct{ model, change, why string }{
		"weights over a flattened image":   {`g (float[1,2,4,4] x) => (float[1,3] y) <int64[2] flat = {1,32}, float[32,3] w> { f = Reshape(x, flat)  y = MatMul(f, w) }`, "x[2]=H", "MatMul"},
		"learned positions":                {`g (float[1,6,4] x) => (float[1,6,4] y) <float[1,6,4] p> { y = Add(x, p) }`, "x[1]=T", "Add"},
		"a crop":                           {`g (float[1,6,4] x) => (float[1,5,4] y) <int64[1] zero = {0}, int64[1] five = {5}, int64[1] one = {1}> { y = Slice(x, zero, five, one) }`, "x[1]=T", "axis 1"},
		"a reshape that could go two ways": {`g (float[1,6,4] x) => (float[6,4] y) <int64[3] t = {6,2,2}, int64[2] u = {6,4}> { r = Reshape(x, t)  y = Reshape(r, u) }`, "x[2]=T", "does not tell"},
		"parts of a split":                 {`g (float[1,6,4] x) => (float[1,3,4] y) <int64[2] parts = {3,3}> { y, z = Split<axis = 1>(x, parts) }`, "x[1]=T", "Split"},
		"a resize that does not divide":    {`g (float[1,2,4,4] x) => (float[1,2,6,6] y) <int64[4] sizes = {1,2,6,6}> { y = Resize<mode = "nearest">(x, , , sizes) }`, "x[2]=5", "resizes"},
		"a state of the old size":          {`g (float[5,1,3] x) => (float[5,1,3] y) <float[5,1,3] k> { c = Concat<axis = 2>(x, k)  y = Add(x, x) }`, "x[0]=T", "Concat"},
		"a mask":                           {`g (float[1,2,6,6] x) => (float[1,2,6,6] y) <bool[1,1,6,6] m, float minus = {-9}> { y = Where(m, x, minus) }`, "x[3]=T", "Where"},
		"fixed places":                     {`g (float[1,6,3] x) => (float[1,6,3] y) <int64[6] at = {5,4,3,2,1,0}> { y = Gather<axis = 1>(x, at) }`, "x[1]=T", "fixed places"},
		"the last place":                   {`g (float[1,6,3] x) => (float[1,3] y) <int64 at = {5}> { y = Gather<axis = 1>(x, at) }`, "x[1]=T", "fixed places"},
		"a slice from the old end":         {`g (float[1,6,3] x) => (float[1,2,3] y) <int64[1] four = {4}, int64[1] big = {9223372036854775807}, int64[1] one = {1}> { y = Slice(x, four, big, one) }`, "x[1]=T", "axis 1"},
		"a pool over all":                  {`g (float[1,2,6,6] x) => (float[1,2,1,6] y) { y = AveragePool<kernel_shape = [6,1]>(x) }`, "x[2]=H", "pools over"},
		"a grid of the old size":           {`g (float[1,1,2,2] x) => (float[1,1,1,1] y) <float[1,1,1,2] g = {0,0}> { y = GridSample(x, g) }`, "x[3]=W", "grid"},
		"lengths of sequences":             {`g (float[6,1,2] x) => (float[6,1,2] y) <int64[1] n = {6}> { y = ReverseSequence(x, n) }`, "x[0]=T", "lengths"},
		"a loop over the old steps": {`g (float[6,3] x) => (float[6,3] y) <int64 n = {6}, bool go = {1}> {
			y = Loop(n, go)<body = b (int64 i, bool c) => (bool c2, float[3] r) { c2 = Identity(c)  r = Gather(x, i) }> }`, "x[0]=T", "loops are not followed"},
		"a function": {`g (float[1,8] x) => (float[1,8] y) { y = local.f(x) }
			<domain: "local", opset_import: ["": 16]> f (a) => (b) { z = Constant<value_ints = [0]>()  e = Constant<value_ints = [8]>()  o = Constant<value_ints = [1]>()  b = Slice(a, z, e, o) }`, "x[1]=12", "not followed"},
		"an operator that nobody knows": {`g (float[1,8] x) => (float[1,8] y) { h = local.Foo(x)  y = Neg(h) }`, "x[1]=12", "not followed"},
		"what a loop carries": {`g (float[1,8] x) => (float[1,8] y) <int64 n = {3}, bool go = {1}, int64[2] t = {1,8}> {
			y = Loop(n, go, x)<body = b (int64 i, bool c, float[1,8] a) => (bool c2, float[1,8] o) { c2 = Identity(c)  o = Reshape(a, t) }> }`, "x[1]=12", "loops are not followed"},
		"the second half":            {`g (float[1,8] x) => (float[1,4] y) <int64[1] four = {4}, int64[1] eight = {8}, int64[1] one = {1}> { y = Slice(x, four, eight, one) }`, "x[1]=12", "axis 1"},
		"the last, by its place":     {`g (float[1,8] x) => (float[1,1] y) <int64[1] seven = {7}, int64[1] eight = {8}, int64[1] one = {1}> { y = Slice(x, seven, eight, one) }`, "x[1]=12", "axis 1"},
		"all, from the end":          {`g (float[1,8] x) => (float[1,8] y) <int64[1] m8 = {-8}, int64[1] big = {9223372036854775807}, int64[1] one = {1}> { y = Slice(x, m8, big, one) }`, "x[1]=12", "axis 1"},
		"nearly none":                {`g (float[1,8] x) => (float[1,1] y) <int64[1] zero = {0}, int64[1] m7 = {-7}, int64[1] one = {1}> { y = Slice(x, zero, m7, one) }`, "x[1]=12", "axis 1"},
		"one that is all":            {`g (float[1,1] x) => (float[1,1] y) <int64[1] zero = {0}, int64[1] one = {1}> { y = Slice(x, zero, one, one) }`, "x[1]=12", "axis 1"},
		"the first, backwards":       {`g (float[1,8] x) => (float[1,1] y) <int64[1] zero = {0}, int64[1] least = {-9223372036854775807}, int64[1] one = {1}, int64[1] back = {-1}> { y = Slice(x, zero, least, one, back) }`, "x[1]=12", "axis 1"},
		"Resize to the input's size": {`g (float[1,1,8,8] x) => (float[1,1,8,8] y) <int64[4] sizes = {1,1,8,8}> { p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)  y = Resize<mode = "nearest">(p, , , sizes) }`, "x[2]=11", "size of an input"},
		"Resize past all numbers":    {`g (float[1,1,4,4] x) => (float[1,1,8,8] y) <int64[4] sizes = {1,1,8,8}> { y = Resize<mode = "nearest">(x, , , sizes) }`, "x[2]=4611686018427387904", "cannot be written"},
		"all, sorted":                {`g (float[1,8] x) => (float[1,8] y) <int64[1] k = {8}> { y, i = TopK(x, k) }`, "x[1]=12", "as many elements"},
		"lengths of a recurrent one": {`g (float[8,1,2] x) => (float[8,1,1,1] y) <float[1,3,2] w = {1,2,3,4,5,6}, float[1,3,1] r = {1,2,3}, int32[1] n = {8}> { y = GRU<hidden_size = 1>(x, w, r, , n) }`, "x[0]=12", "sequence_lens"},
		"places in rows":             {`g (float[1,6] x) => (float[1,2] y) <int64[1,2] at = {5,0}> { y = GatherElements<axis = 1>(x, at) }`, "x[1]=T", "fixed places"},
		"a squeezed axis":            {`g (float[2,1,3] x) => (float[2,3] y) <int64[1] one = {1}> { y = Squeeze(x, one) }`, "x[1]=T", "Squeeze"},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.model
			for from, to := range map[string]string{"float[32,3] w>": "float[32,3] w = {" + zeros(96) + "}>", "float[1,6,4] p>": "float[1,6,4] p = {" + zeros(24) + "}>",
				"float[5,1,3] k>": "float[5,1,3] k = {" + zeros(15) + "}>", "bool[1,1,6,6] m,": "bool[1,1,6,6] m = {" + zeros(36) + "},"} {
				text = strings.Replace(text, from, to, 1)
			}
			m := textModel(t, 16, text)
			mustBeValid(t, m)
			before, err := onnxpb.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			change, err := surgery.ParseDimChange(c.change)
			if err != nil {
				t.Fatal(err)
			}
			_, err = surgery.SetDim(m, change)
			var oe *onnxpb.Error
			if !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || oe.Node == "" || oe.Hint == "" || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("%v", err)
			}
			if after, _ := onnxpb.Marshal(m); string(before) != string(after) {
				t.Error("the model was changed")
			}
		})
	}
}

func zeros(n int) string { return strings.TrimSuffix(strings.Repeat("0,", n), ",") }

func TestSetDimUsage(t *testing.T) {
	m := textModel(t, 16, `g (float[N,6,?] x) => (float[N,6,?] y) { y = Neg(x) }`)
	for change, kind := range map[string]onnxpb.Kind{"M=3": onnxpb.Unfit, "z[1]=3": onnxpb.Unfit, "x[3]=3": onnxpb.Unfit, "x[2]=3": onnxpb.Unfit, "x[1]=N": onnxpb.Unfit, "N=0": onnxpb.Usage} {
		c, err := surgery.ParseDimChange(change)
		if err == nil {
			_, err = surgery.SetDim(onnxpb.Clone(m), c)
		}
		if err == nil || onnxpb.KindOf(err) != kind {
			t.Errorf("%s: %v", change, err)
		}
	}
	for _, s := range []string{"", "N", "=3", "N=", "x[a]=3", "N=-1"} {
		if _, err := surgery.ParseDimChange(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	r, err := surgery.SetDim(m, surgery.DimChange{Symbol: "N", To: onnxpb.Symbol("batch")}, surgery.DimChange{Input: "x", Axis: 1, To: onnxpb.Symbol("T")})
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := m.Graph.Output[0].Shape(); onnxpb.FormatShape(d) != "[batch,T,?]" {
		t.Errorf("%s\n%s", onnxpb.FormatShape(d), written(r))
	}
}

// The networks that PyTorch exported, made to take other images or longer sequences: they agree with PyTorch's free batch at the old size still, and run at others.
func TestSetDimOnExports(t *testing.T) {
	e := batchEngine(t)
	freed := map[string]bool{}
	for _, n := range exports.All(t, filepath.Join("..", "testdata", "exports")) {
		for _, path := range append(n.Fixed, n.Free...) {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			dims, _ := f.Model.Graph.Input[0].Shape()
			axis := len(dims) - 1
			if len(dims) == 3 && n.InputAxes[0] == 1 || len(dims) == 2 && n.InputAxes[0] == 1 {
				axis = 0
			} else if len(dims) == 3 {
				axis = 1
			}
			m := onnxpb.Clone(f.Model)
			_, err = surgery.SetDim(m, surgery.DimChange{Input: "in0", Axis: axis, To: onnxpb.Symbol("size")})
			var oe *onnxpb.Error
			switch {
			case err == nil:
				freed[n.Name] = true
				mustBeValid(t, m)
				rep, err := verify.Models(e, verify.Source{Model: f.Model}, verify.Source{Model: m}, verify.Options{Tolerance: verify.DefaultTolerance})
				if err == nil && !rep.Equal {
					t.Errorf("%s: %+v", filepath.Base(path), rep.Outputs)
				} else if err != nil && onnxpb.KindOf(err) == onnxpb.Engine {
					t.Errorf("%s: %v", filepath.Base(path), err)
				}
				runsAt(t, e, m, filepath.Base(path), "size", dims[axis].Value*2)
				fixed := onnxpb.Clone(f.Model)
				if _, err := surgery.SetDim(fixed, surgery.DimChange{Input: "in0", Axis: axis, To: onnxpb.Number(2 * dims[axis].Value)}); err != nil {
					t.Errorf("%s: %v", filepath.Base(path), err)
				} else if rep, err := verify.Models(e, verify.Source{Model: m}, verify.Source{Model: fixed}, verify.Options{Tolerance: verify.DefaultTolerance, Dims: map[string]int64{"size": 2 * dims[axis].Value}}); err == nil && !rep.Equal {
					t.Errorf("%s, by a number: %+v", filepath.Base(path), rep.Outputs)
				}
			case !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || oe.Node == "":
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			f.Close()
		}
	}
	for _, name := range []string{"mha_first", "mha_batch", "lstm", "gru_given", "unet_size", "shufflenet", "pool"} {
		if !freed[name] {
			t.Errorf("%s is not freed", name)
		}
	}
	t.Logf("freed: %v", freed)
}

// runsAt runs a model on zeros, with a number for one symbol and 1 for all others.
func runsAt(t *testing.T, e verify.Engine, m *onnxpb.ModelProto, name, symbol string, size int64) {
	t.Helper()
	s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer s.Close()
	inputs := map[string]*onnxpb.Value{}
	for _, v := range m.Graph.Input {
		dims, _ := v.Shape()
		n := make([]int64, len(dims))
		for i, d := range dims {
			n[i] = max(d.Value, 1)
			if d.Param == symbol {
				n[i] = size
			}
		}
		inputs[v.GetName()] = onnxpb.TensorVal(onnxpb.NewArray(v.ElemType(), n))
	}
	if _, err := s.Run(inputs); err != nil {
		t.Errorf("%s at %d: %v", name, size, err)
	}
}
