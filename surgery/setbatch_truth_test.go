package surgery_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// batchTruth is a network as an exporter writes it for one row, and the truth for N rows, written by hand. {#6} in the texts stands for 6 fixed numbers that are all different.
type batchTruth struct {
	name        string
	opset       int64 // 0: 18
	made, truth string
	axes        string // of the batch in inputs where it is not axis 0: x=1
	inputs      string // that hold the batch, where not all do
	told        string // part of the report; of the error in openCases
	kept        string // values whose initializers or nodes must be there unchanged; * for all nodes and initializers
	grows       bool   // an output loses the batch of one row where it is made for that, and is one axis less there
}

var fillMark = regexp.MustCompile(`\{#(\d+)\}`)

// filled writes the numbers that {#6} stands for.
func filled(text string) string {
	return fillMark.ReplaceAllStringFunc(text, func(mark string) string {
		n, _ := strconv.Atoi(fillMark.FindStringSubmatch(mark)[1])
		v := make([]string, n)
		for i := range v {
			v[i] = strconv.FormatFloat(float64((i*37+11)%101)/50-1, 'g', -1, 32)
		}
		return "{" + strings.Join(v, ",") + "}"
	})
}

func (c batchTruth) model(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	n := c.opset
	if n == 0 {
		n = 18
	}
	m := textModel(t, int(n), filled(text))
	mustBeValid(t, m)
	return m
}

func (c batchTruth) options(t *testing.T) surgery.BatchOptions {
	t.Helper()
	o := surgery.BatchOptions{Inputs: strings.Fields(c.inputs), Axes: map[string]int{}}
	for _, s := range strings.Fields(c.axes) {
		name, axis, _ := strings.Cut(s, "=")
		n, err := strconv.Atoi(axis)
		if err != nil {
			t.Fatal(err)
		}
		o.Axes[name] = n
	}
	return o
}

// same compares a model with the truth in ONNX Runtime at a number of rows. Other free dimensions are 4, integers of inputs 0 to 3.
func (c batchTruth) same(t *testing.T, e verify.Engine, what string, truth, m *onnxpb.ModelProto, rows int64) {
	t.Helper()
	o := verify.Options{Dims: map[string]int64{}, Ranges: map[string]verify.Range{}, Tolerance: verify.DefaultTolerance}
	for _, v := range truth.Graph.Input {
		if v.ElemType() == onnxpb.TensorProto_INT64 || v.ElemType() == onnxpb.TensorProto_INT32 {
			o.Ranges[v.GetName()] = verify.Range{Lo: 0, Hi: 3}
		}
		dims, _ := v.Shape()
		for _, d := range dims {
			if d.Param == "N" {
				o.Dims["N"] = rows
			} else if d.Param != "" {
				o.Dims[d.Param] = 4
			}
		}
	}
	r, err := verify.Models(e, verify.Source{Model: truth}, verify.Source{Model: m}, o)
	if err != nil {
		t.Errorf("%s, %d rows: %v", what, rows, err)
	} else if !r.Equal {
		t.Errorf("%s, %d rows, computes something else than the truth: %+v", what, rows, r.Outputs)
	}
}

// keeps holds the named values of a model to what they were.
func (c batchTruth) keeps(t *testing.T, was, is *onnxpb.ModelProto) {
	t.Helper()
	if c.kept == "*" {
		a := &onnxpb.GraphProto{Node: was.Graph.Node, Initializer: was.Graph.Initializer}
		if b := (&onnxpb.GraphProto{Node: is.Graph.Node, Initializer: is.Graph.Initializer}); !proto.Equal(a, b) {
			t.Error("the graph was changed")
		}
		return
	}
	find := func(m *onnxpb.ModelProto, name string) proto.Message {
		for _, x := range m.Graph.Initializer {
			if x.GetName() == name {
				return x
			}
		}
		for _, n := range m.Graph.Node {
			if n.Output[0] == name {
				return n
			}
		}
		return nil
	}
	for _, name := range strings.Fields(c.kept) {
		a, b := find(was, name), find(is, name)
		if a == nil || b == nil || !proto.Equal(a, b) {
			t.Errorf("%s was changed: from %v to %v", name, a, b)
		}
	}
}

// declares holds the outputs to the rows of the truth, and all other known lengths.
func (c batchTruth) declares(t *testing.T, truth, m *onnxpb.ModelProto) {
	t.Helper()
	for i, v := range truth.Graph.Output {
		want, _ := v.Shape()
		got, _ := m.Graph.Output[i].Shape()
		ok := len(got) == len(want)
		for k := 0; ok && k < len(want); k++ {
			ok = got[k] == want[k] || want[k].Param != "" && want[k].Param != "N"
		}
		if !ok {
			t.Errorf("output %s is declared %s, want %s", v.GetName(), onnxpb.FormatShape(got), onnxpb.FormatShape(want))
		}
	}
}

func allTruths() []batchTruth {
	return slices.Concat(reshapeTruths, operatorTruths, rewrittenTruths)
}

func TestSetBatchTruth(t *testing.T) {
	e := batchEngine(t)
	for _, c := range allTruths() {
		t.Run(c.name, func(t *testing.T) {
			made, truth := c.model(t, c.made), c.model(t, c.truth)
			if !c.grows {
				c.same(t, e, "as made", truth, made, 1)
			}
			m := onnxpb.Clone(made)
			r, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), c.options(t))
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			for _, n := range []int64{1, 2, 3, 5} {
				c.same(t, e, "for N", truth, m, n)
			}
			c.declares(t, truth, m)
			c.keeps(t, made, m)
			if s := written(r); !strings.Contains(s, c.told) {
				t.Errorf("the report does not tell %q:\n%s", c.told, s)
			}
			if _, err := surgery.Infer(m, surgery.InferOptions{}); err != nil {
				t.Errorf("shapes of the result: %v", err)
			}
			if again, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), c.options(t)); err != nil || len(again.Changes) > 0 {
				t.Errorf("a second time: %v, %v", again, err)
			}
			three := onnxpb.Clone(made)
			if _, err := surgery.SetBatchOf(three, onnxpb.Number(3), c.options(t)); err != nil {
				t.Fatalf("for 3: %v", err)
			}
			mustBeValid(t, three)
			c.same(t, e, "for 3", truth, three, 3)
		})
	}
}

// A truth is free already: it gets another name for its batch, and nothing else.
func TestSetBatchTruthIsFree(t *testing.T) {
	e := batchEngine(t)
	for _, c := range slices.Concat(allTruths(), openCases, mixingCases) {
		t.Run(c.name, func(t *testing.T) {
			truth := c.model(t, c.truth)
			m := onnxpb.Clone(truth)
			if _, err := surgery.SetBatchOf(m, onnxpb.Symbol("rows"), c.options(t)); err != nil {
				t.Fatal(err)
			}
			want := onnxpb.Clone(truth)
			surgery.MapNames(want, surgery.NameMap{Dim: func(s string) string {
				if s == "N" {
					return "rows"
				}
				return s
			}})
			if !proto.Equal(want, m) {
				t.Errorf("more than the name was changed:\n%v\n%v", want, m)
			}
			three := onnxpb.Clone(truth)
			if _, err := surgery.SetBatchOf(three, onnxpb.Number(3), c.options(t)); err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, three)
			c.same(t, e, "for 3", truth, three, 3)
		})
	}
}

// The open cases, and those that mix rows, are refused, with the node, and nothing is changed.
func TestSetBatchTruthOpen(t *testing.T) {
	e := batchEngine(t)
	for _, c := range append(slices.Clone(openCases), mixingCases...) {
		t.Run(c.name, func(t *testing.T) {
			made, truth := c.model(t, c.made), c.model(t, c.truth)
			c.same(t, e, "as made", truth, made, 1)
			for _, n := range []int64{1, 2, 3, 5} {
				c.same(t, e, "the truth itself", truth, truth, n)
			}
			m := onnxpb.Clone(made)
			_, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), c.options(t))
			if err == nil {
				t.Error("is freed now: move it to the other cases")
				for _, n := range []int64{1, 2, 3, 5} {
					c.same(t, e, "for N", truth, m, n)
				}
				return
			}
			var oe *onnxpb.Error
			if !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || oe.Node == "" || oe.Hint == "" || !strings.Contains(err.Error(), c.told) {
				t.Errorf("%v", err)
			}
			if !proto.Equal(made, m) {
				t.Error("the model was changed")
			}
			t.Log(err)
		})
	}
}

// A truth that is fixed to a number of rows, with what computed its shapes folded away, is one more network of an exporter: freed again it computes what the truth does, or it
// is refused.
func TestSetBatchTruthFixedAndFreed(t *testing.T) {
	e := batchEngine(t)
	freed, refused := map[int64]int{}, map[int64]int{}
	for _, c := range slices.Concat(allTruths(), openCases, mixingCases) {
		t.Run(c.name, func(t *testing.T) {
			truth := c.model(t, c.truth)
			for _, fixed := range []int64{1, 3} {
				m := onnxpb.Clone(truth)
				if _, err := surgery.SetBatchOf(m, onnxpb.Number(fixed), c.options(t)); err != nil {
					t.Fatal(err)
				}
				was := onnxpb.Clone(m)
				_, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), c.options(t))
				var oe *onnxpb.Error
				switch {
				case err == nil:
					freed[fixed]++
					mustBeValid(t, m)
					for _, n := range []int64{1, 2, 3, 5} {
						c.same(t, e, fmt.Sprintf("freed from %d", fixed), truth, m, n)
					}
					c.declares(t, truth, m)
				case !errors.As(err, &oe) || oe.Kind != onnxpb.Refused || !proto.Equal(was, m):
					t.Errorf("freed from %d: %v", fixed, err)
				default:
					refused[fixed]++
					t.Logf("freed from %d: %v", fixed, err)
				}
			}
		})
	}
	if freed[1] < 2*refused[1] || freed[3] < 2*refused[3] {
		t.Errorf("freed %v, refused %v: too few to say anything", freed, refused)
	}
	t.Logf("freed %v, refused %v", freed, refused)
}
