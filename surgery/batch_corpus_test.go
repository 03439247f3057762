package surgery_test

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
	"onnxtool/verify/ort"
)

// batchEngine is ONNX Runtime.
func batchEngine(t testing.TB) verify.Engine {
	t.Helper()
	lib, err := ort.Find("")
	if err != nil {
		t.Skipf("ONNX Runtime is not on this machine: %v", err)
	}
	e, err := ort.NewEngine(lib)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestSetBatchOnCorpus frees the batch of every model of ONNX's own tests that lets it be freed, and holds the result to the model itself, row by row
// in ONNX Runtime. The models were not written for this: most take their first axis for something else, so what is accepted here is accepted
// for what the operators do. Each model is tried as it is, and with one input at a time left open, the others made constants from the recorded data.
func TestSetBatchOnCorpus(t *testing.T) {
	e := batchEngine(t)
	accepted, refused, cannotRun := map[string]int{}, 0, map[string]int{}
	for _, c := range corpus.Cases(t) {
		if c.Suite == "real" || strings.Contains(c.Name, "training") {
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
			_, err := surgery.SetBatch(m, onnxpb.Symbol("batch_of_this_test"))
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
			r, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 7}, 3, verify.BatchOptions{})
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
	total := 0
	list := []string{}
	for op, n := range accepted {
		total += n
		list = append(list, fmt.Sprintf("%s %d", op, n))
	}
	sort.Strings(list)
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
