package surgery_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// defaults has inputs with defaults that are read in the graph, in a subgraph, as the target of a Reshape and as an output; and inputs that nothing reads.
const defaults = `g (float[2,3] x, bool c, float[3] w, float[3] b, int64[2] s, float[N] idle, float[2] spare, float[1] given) => (float[A,B] y, float[1] given)
<float[3] w = {1,2,3}, float[3] b = {5,5,5}, float[3] k = {1,2,3}, int64[2] s = {3,2}, float[2] spare = {1,2}, float[1] given = {9}> {
  [mul] a = Mul (x, w)
  [k] e = Mul (a, k)
  [choose] d = If (c) <then_branch = t () => (float[2,3] p) { [deep] p = Add (e, b) }, else_branch = u () => (float[2,3] q) { q = Sub (e, b) }>
  [reshape] y = Reshape (d, s)
}`

func inputsOf(m *onnxpb.ModelProto) string {
	var names []string
	for _, v := range m.Graph.Input {
		names = append(names, v.GetName())
	}
	return strings.Join(names, " ")
}

func TestDropInputs(t *testing.T) {
	x := map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 1, 1, 2, 2, 2}), "c": truth(true)}
	// Computed by hand: x*w*k + b.
	want := []float32{6, 9, 14, 7, 13, 23}
	for _, c := range []struct {
		name string
		o    surgery.DropInputsOptions
		left string
	}{
		{"defaults", surgery.DropInputsOptions{Defaults: true}, "x c idle"},
		{"unused", surgery.DropInputsOptions{Unused: true}, "x c w b s given"},
		{"both", surgery.DropInputsOptions{Defaults: true, Unused: true}, "x c"},
		{"names", surgery.DropInputsOptions{Names: []string{"b", "re:i.*", "given"}}, "x c w s spare"},
		{"names and all", surgery.DropInputsOptions{Names: []string{"w"}, Unused: true}, "x c b s given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := textModel(t, 17, defaults)
			r, err := surgery.DropInputs(m, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := inputsOf(m); got != c.left {
				t.Errorf("the inputs are %q, want %q", got, c.left)
			}
			if len(r.Changes) == 0 {
				t.Error("nothing is told")
			}
			feeds := map[string]*onnxpb.Array{"x": x["x"], "c": x["c"]}
			if strings.Contains(c.left, "idle") {
				feeds["idle"] = vec(0)
			}
			out := compute(t, m, feeds)
			if got := out["y"].Array; !reflect.DeepEqual(got.Dims, []int64{3, 2}) || !sameFloats(t, got, want) {
				t.Errorf("y is %v", got)
			}
			if !sameFloats(t, out["given"].Array, []float32{9}) {
				t.Errorf("given is %v", out["given"].Array)
			}
			// A default that nothing reads went with its input, one that is read stayed.
			for _, init := range m.Graph.Initializer {
				if n := init.GetName(); n == "spare" && !strings.Contains(c.left, n) {
					t.Errorf("the default of %s is there still", n)
				}
			}
			// A second time there is nothing to do.
			c.o.Names = nil
			if c.o.Defaults || c.o.Unused {
				if r, err := surgery.DropInputs(m, c.o); err != nil || len(r.Changes) != 0 {
					t.Errorf("again: %v, %v", r, err)
				}
			}
		})
	}
}

// sameFloats compares a tensor with numbers, exactly.
func sameFloats(t *testing.T, a *onnxpb.Array, want []float32) bool {
	t.Helper()
	v, err := a.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return slices.EqualFunc(v, want, func(x float64, y float32) bool { return x == float64(y) })
}

// TestDroppedInputsAreConstants: behind DropInputs the edits of constants take what was a default for one, and before it they do not.
func TestDroppedInputsAreConstants(t *testing.T) {
	type edit = func(*onnxpb.ModelProto) (*surgery.Report, error)
	x := map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 1, 1, 2, 2, 2}), "c": truth(false)}
	drop := func(m *onnxpb.ModelProto) (*surgery.Report, error) {
		return surgery.DropInputs(m, surgery.DropInputsOptions{Defaults: true, Unused: true})
	}
	constants := func(m *onnxpb.ModelProto) int {
		n := len(m.Graph.Initializer)
		for _, node := range m.Graph.Node {
			if node.GetOpType() == "Constant" {
				n += 100
			}
		}
		return n
	}
	for _, c := range []struct {
		name          string
		edit          edit
		before, after int // initializers, and 100 for each Constant
		want          []float32
	}{
		{"dedup", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Dedup(m, surgery.DedupOptions{})
		}, 6, 4, []float32{-4, -1, 4, -3, 3, 13}},
		{"setconst --as", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.StoreConstants(m, surgery.AsConstant)
		}, 105, 500, []float32{-4, -1, 4, -3, 3, 13}},
		{"fill --nodes", func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Fill(m, surgery.FillOptions{With: surgery.FillZeros, Nodes: true, Min: 1})
		}, 5, 2, []float32{0, 0, 0, 0, 0, 0}},
		{"tidy", surgery.Tidy, 6, 5, []float32{-4, -1, 4, -3, 3, 13}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := textModel(t, 17, defaults)
			if c.name == "dedup" { // two that are equal, of which one is no input before
				m.Graph.Initializer[1].RawData = slices.Clone(m.Graph.Initializer[0].RawData)
				m.Graph.Initializer[1] = onnxpb.TensorOf("b", []int64{3}, []float32{5, 5, 5})
			}
			plain := onnxpb.Clone(m)
			if _, err := c.edit(plain); err != nil {
				t.Fatal(err)
			}
			if n := constants(plain); c.name != "fill --nodes" && n != c.before {
				t.Errorf("inputs with defaults are taken for constants: %d", n)
			}
			if _, err := drop(m); err != nil {
				t.Fatal(err)
			}
			if _, err := c.edit(m); err != nil {
				t.Fatal(err)
			}
			if c.name == "fill --nodes" {
				for _, init := range m.Graph.Initializer {
					if init.GetDataType() == int32(onnxpb.TensorProto_FLOAT) {
						t.Errorf("%s is no node", init.GetName())
					}
				}
			} else if n := constants(m); n != c.after {
				t.Errorf("%d constants, want %d", n, c.after)
			}
			if out := compute(t, m, x); !sameFloats(t, out["y"].Array, c.want) {
				v, _ := out["y"].Array.Float64s()
				t.Errorf("y is %v, want %v", v, c.want)
			}
		})
	}
}

// TestDropInputsOfOldModels: with the first input that is an initializer and none any more the IR version becomes 4, and what is computed stays.
func TestDropInputsOfOldModels(t *testing.T) {
	old := func() *onnxpb.ModelProto {
		m := textModel(t, 8, `g (float[2,3] x, float[3] w, int64[2] s, float[1] idle) => (float[3,2] y) <float[3] w = {1,2,3}, int64[2] s = {3,2}> { a = Mul (x, w)  y = Reshape (a, s) }`)
		m.IrVersion = proto.Int64(3)
		mustBeValid(t, m)
		return m
	}
	x := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 1, 1, 2, 2, 2})
	for _, c := range []struct {
		o     surgery.DropInputsOptions
		ir    int64
		left  string
		notes int
	}{
		{surgery.DropInputsOptions{Unused: true}, 3, "x w s", 0},
		{surgery.DropInputsOptions{Names: []string{"w"}}, 4, "x s idle", 1},
		{surgery.DropInputsOptions{Defaults: true}, 4, "x idle", 0},
	} {
		m := old()
		r, err := surgery.DropInputs(m, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if m.GetIrVersion() != c.ir || inputsOf(m) != c.left || len(r.Notes) != c.notes || m.OpsetVersion("") != 8 {
			t.Errorf("%+v: IR %d, opset %d, inputs %q, notes %q", c.o, m.GetIrVersion(), m.OpsetVersion(""), inputsOf(m), r.Notes)
		}
		feeds := map[string]*onnxpb.Array{"x": x}
		if strings.Contains(c.left, "idle") {
			feeds["idle"] = vec(0)
		}
		if out := compute(t, m, feeds); !sameFloats(t, out["y"].Array, []float32{1, 2, 3, 2, 4, 6}) {
			t.Errorf("%+v: y is %v", c.o, out["y"].Array)
		}
	}
	m := old()
	m.IrVersion, m.OpsetImport = proto.Int64(2), nil
	_, err := surgery.DropInputs(m, surgery.DropInputsOptions{Defaults: true})
	if onnxpb.KindOf(err) != onnxpb.Refused || inputsOf(m) != "x w s idle" {
		t.Errorf("IR version 2: %v, inputs %q", err, inputsOf(m))
	}
}

func TestDropInputsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     surgery.DropInputsOptions
		model string
		kind  onnxpb.Kind
		words string
	}{
		{"nothing", surgery.DropInputsOptions{}, defaults, onnxpb.Usage, "no input is named"},
		{"a needed one", surgery.DropInputsOptions{Names: []string{"w", "x"}}, defaults, onnxpb.Refused, `input 0 of node "mul"`},
		{"one that a subgraph reads", surgery.DropInputsOptions{Names: []string{"v"}},
			`g (bool c, float[1] v) => (float[1] y) { [if] y = If (c) <then_branch = t () => (float[1] p) { [deep] p = Neg (v) }, else_branch = u () => (float[1] q) { q = Abs (v) }> }`,
			onnxpb.Refused, `node "if/then_branch/deep" and in 1 place more`},
		{"an output", surgery.DropInputsOptions{Names: []string{"v"}}, `g (float[1] u, float[1] v) => (float[1] v, float[1] y) { y = Neg (u) }`, onnxpb.Refused, "onnxtool dropoutput"},
		{"a pattern that needed ones match", surgery.DropInputsOptions{Names: []string{"*"}}, defaults, onnxpb.Refused, `tensor "x"`},
		{"a misspelt one", surgery.DropInputsOptions{Names: []string{"idel"}}, defaults, onnxpb.Unfit, `did you mean "idle"`},
		{"a constant", surgery.DropInputsOptions{Names: []string{"k"}}, defaults, onnxpb.Unfit, "a constant already"},
		{"another tensor", surgery.DropInputsOptions{Names: []string{"a"}}, defaults, onnxpb.Unfit, "and no input"},
		{"a pattern for nothing", surgery.DropInputsOptions{Names: []string{"q*"}, Unused: true}, defaults, onnxpb.Unfit, `matches "q*"`},
		{"a default that the rest contradicts", surgery.DropInputsOptions{Defaults: true}, `g (float[2,3] x, int64[2] s) => (float[A,B] y) <int64[2] s = {4,2}> { y = Reshape (x, s) }`, onnxpb.Refused, "contradict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := textModel(t, 17, c.model)
			before, _ := onnxpb.Marshal(m)
			_, err := surgery.DropInputs(m, c.o)
			var e *onnxpb.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(e.Error(), c.words) || e.Hint == "" {
				t.Errorf("%v; want kind %v and %q", err, c.kind, c.words)
			}
			if after, _ := onnxpb.Marshal(m); string(before) != string(after) {
				t.Error("the model changed")
			}
		})
	}
}

// TestDropInputsForgets: what describes an input that is gone goes with it; what needs one keeps it.
func TestDropInputsForgets(t *testing.T) {
	m := textModel(t, 17, `g (float[3] x, float[3] a, float[3] b, float[1] scale, float[3] w) => (float[3] y) <float[1] scale = {2}, float[3] w = {1,2,3}> { y = Neg (x) }`)
	m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("onnxtool.dmhead.front_pose"), Value: proto.String("a")}, {Key: proto.String("author"), Value: proto.String("a")}}
	m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", tFloat, nums(3))}
	annotation := func(name string) *onnxpb.TensorAnnotation {
		return &onnxpb.TensorAnnotation{TensorName: proto.String(name), QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{{Key: proto.String("SCALE_TENSOR"), Value: proto.String("scale")}}}
	}
	m.Graph.QuantizationAnnotation = []*onnxpb.TensorAnnotation{annotation("x"), annotation("a")}
	m.TrainingInfo = []*onnxpb.TrainingInfoProto{{
		Algorithm: &onnxpb.GraphProto{Name: proto.String("step"), Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "train", []string{"w", "b"}, []string{"w2"})},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("w2", tFloat, nums(3))}},
		UpdateBinding: []*onnxpb.StringStringEntryProto{{Key: proto.String("w"), Value: proto.String("w2")}},
	}}
	mustBeValid(t, m)
	if _, err := surgery.DropInputs(m, surgery.DropInputsOptions{Names: []string{"b"}}); onnxpb.KindOf(err) != onnxpb.Refused {
		t.Errorf("an input that training reads went: %v", err)
	}
	if _, err := surgery.DropInputs(m, surgery.DropInputsOptions{Unused: true, Defaults: true}); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, m)
	if got := inputsOf(m); got != "x b" {
		t.Errorf("the inputs are %q", got)
	}
	if len(m.Graph.Initializer) != 2 || len(m.Graph.ValueInfo) != 0 || len(m.Graph.QuantizationAnnotation) != 1 || len(m.MetadataProps) != 1 || len(m.TrainingInfo) != 1 {
		t.Errorf("left are %v", m)
	}
}
