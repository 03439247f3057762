package surgery_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// batchEngine is ONNX Runtime.
func batchEngine(t testing.TB) verify.Engine {
	t.Helper()
	return testengine.New(t)
}

// TestSetBatchOnCorpus frees the batch of every model of ONNX's own tests that lets it be freed, and holds the result to the model itself, row by row
// in ONNX Runtime. The models were not written for this: most take their first axis for something else, so what is accepted here is accepted
// for what the operators do. Each model is tried as it is, and with one input at a time left open, the others made constants from the recorded data.
func TestSetBatchOnCorpus(t *testing.T) {
	e := batchEngine(t)
	accepted, refused, cannotRun := map[string]int{}, 0, map[string]int{}
	for _, c := range corpus.Cases(t) {
		if strings.Contains(c.Name, "training") {
			continue // large ones, and those that are about training
		}
		f, err := onnxpb.Open(c.Model)
		if err != nil {
			continue
		}
		for i := -1; i < len(f.Model.GetGraph().GetInput()) && i < 3; i++ {
			m := onnxpb.Clone(f.Model)
			if i >= 0 && !openOne(m, c, i) {
				continue
			}
			original := onnxpb.Clone(m)
			if len(opset.Check(m, opset.CheckOptions{})) > 0 {
				continue
			}
			report, err := surgery.SetBatch(m, onnxpb.Symbol("batch_of_this_test"))
			if err != nil {
				var oe *onnxpb.Error
				if !errors.As(err, &oe) {
					t.Errorf("%s (%d): %T %v", c.Name, i, err, err)
				}
				refused++
				continue
			}
			name := fmt.Sprintf("%s/%s/%d", c.Suite, c.Name, i)
			if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
				t.Errorf("%s: the result is not valid: %v", name, faults)
				continue
			}
			r, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 7}, 3, verify.BatchOptions{Axes: report.Axes})
			switch {
			case err != nil && !strings.Contains(err.Error(), "the changed model"):
				cannotRun[firstOp(m)]++
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case !r.Equal:
				var b strings.Builder
				r.WriteText(&b)
				t.Errorf("%s: rows differ\n%s", name, b.String())
			default:
				accepted[firstOp(m)]++
			}
		}
		f.Close()
	}
	total, cases := 0, len(corpus.Cases(t))
	list := []string{}
	for op, n := range accepted {
		total += n
		list = append(list, fmt.Sprintf("%s %d", op, n))
	}
	sort.Strings(list)
	if total*4 < cases {
		t.Errorf("%d freed, of %d models: too few to say anything", total, cases)
	}
	t.Logf("%d freed and held to their rows, %d refused, not run by ONNX Runtime: %v; %s", total, refused, cannotRun, strings.Join(list, ", "))
}

func firstOp(m *onnxpb.ModelProto) string {
	if n := m.GetGraph().GetNode(); len(n) > 0 {
		return n[0].GetOpType()
	}
	return "none"
}

// openOne makes constants of all inputs but one.
func openOne(m *onnxpb.ModelProto, c corpus.Case, open int) bool {
	g := m.GetGraph()
	if len(c.Sets) == 0 || len(g.Input) != len(c.Sets[0].Inputs) || len(g.Input) < 2 {
		return false
	}
	kept := g.Input[open]
	for i, v := range g.Input {
		if i == open {
			continue
		}
		x, err := onnxpb.ReadValue(c.Sets[0].Inputs[i], v.GetType())
		if err != nil || x.Kind != onnxpb.KindTensor {
			return false
		}
		g.Initializer = append(g.Initializer, x.Array.Proto(v.GetName()))
	}
	g.Input = []*onnxpb.ValueInfoProto{kept}
	return true
}

// TestInputEditsSurvive damages the models of ONNX's own tests at random and edits what is left: whatever comes of it, it is no panic.
func TestInputEditsSurvive(t *testing.T) {
	tried, edited := 0, 0
	for i, c := range corpus.Cases(t) {
		f, err := onnxpb.Open(c.Model)
		if err != nil {
			continue
		}
		m := f.Model
		if len(c.Sets) > 0 && len(m.Graph.Input) > 1 && i%2 == 0 {
			openOne(m, c, 0)
		}
		damage(m, rand.New(rand.NewPCG(uint64(i), 0)))
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s, damage %d: %v\n%s", c.Name, i, p, debug.Stack())
				}
			}()
			tried++
			if _, err := surgery.SetBatch(m, onnxpb.Symbol("N")); err == nil {
				edited++
			}
			for _, v := range m.GetGraph().GetInput() {
				surgery.SetInput(m, v.GetName(), surgery.InputSpec{Layout: "NHWC", SwapRGB: true, Type: onnxpb.TensorProto_UINT8, Mean: []float64{1, 2, 3}})
				surgery.SetInput(m, v.GetName(), surgery.InputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}, Scale: 2})
			}
		}()
		f.Close()
	}
	t.Logf("%d tried, %d edited", tried, edited)
	if edited == 0 || edited == tried {
		t.Errorf("%d of %d edited: no damage, or nothing else", edited, tried)
	}
}

// damage changes a few things in a model that make it say something else, or nothing.
func damage(m *onnxpb.ModelProto, r *rand.Rand) {
	g := m.GetGraph()
	some := []int64{0, 1, -1, 2, 3, 7, -5, 1 << 40, math.MaxInt64, math.MinInt64}
	pick := func() int64 { return some[r.IntN(len(some))] }
	for range 1 + r.IntN(3) {
		switch kind := r.IntN(8); {
		case kind == 0 && len(g.Initializer) > 0:
			t := g.Initializer[r.IntN(len(g.Initializer))]
			switch r.IntN(3) {
			case 0:
				t.Dims = append(t.Dims, pick())
			case 1:
				t.RawData, t.Int64Data = nil, []int64{pick(), pick()}
			default:
				if len(t.Dims) > 0 {
					t.Dims[r.IntN(len(t.Dims))] = pick()
				}
			}
		case kind == 1 && len(g.Input) > 0:
			v := g.Input[r.IntN(len(g.Input))]
			if d := v.ShapeProto().GetDim(); len(d) > 0 && r.IntN(2) == 0 {
				onnxpb.Number(pick()).Set(d[r.IntN(len(d))])
			} else if s := v.ShapeProto(); s != nil {
				s.Dim = s.Dim[:len(s.Dim)/2]
			}
		case len(g.Node) > 0:
			n := g.Node[r.IntN(len(g.Node))]
			switch {
			case kind == 2 && len(n.Attribute) > 0:
				n.Attribute = n.Attribute[1:]
			case kind == 3 && len(n.Attribute) > 0:
				a := n.Attribute[r.IntN(len(n.Attribute))]
				a.T, a.S, a.G = nil, nil, nil
				if a.I != nil {
					*a.I = pick()
				}
				a.Ints = append(a.Ints, pick())
				a.Ints[0] = pick()
			case kind == 4 && len(n.Input) > 0:
				n.Input = n.Input[:len(n.Input)-1]
			case kind == 5 && len(n.Input) > 0:
				n.Input[r.IntN(len(n.Input))] = ""
			case kind == 6 && len(n.Input) > 1:
				n.Input[0], n.Input[1] = n.Input[1], n.Input[0]
			default:
				other := g.Node[r.IntN(len(g.Node))]
				n.OpType = proto.String([]string{"Slice", "Reshape", "Conv", "Resize", "LSTM", "Concat", "Split", "Einsum", "Pad", "Expand", "Gemm", other.GetOpType()}[r.IntN(12)])
			}
		}
	}
}
