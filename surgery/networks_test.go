package surgery_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/networks"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// networkRanges are those of the inputs: of pictures after normalisation, and of integers that take no other numbers.
func networkRanges(m *onnxpb.ModelProto) map[string]verify.Range {
	ranges := map[string]verify.Range{}
	for _, v := range m.Graph.Input {
		switch v.GetName() {
		case "image", "clip":
			ranges[v.GetName()] = verify.Range{Lo: -2, Hi: 2}
		case "mask":
			ranges["mask"] = verify.Range{Lo: 0, Hi: 1}
		case "lengths":
			ranges["lengths"] = verify.Range{Lo: 2, Hi: 6}
		}
	}
	return ranges
}

// sameNetwork holds a model to the truth at some batches.
func sameNetwork(t *testing.T, e verify.Engine, truth, m *onnxpb.ModelProto, what string, batches ...int64) {
	t.Helper()
	for _, batch := range batches {
		o := verify.Options{Tolerance: verify.DefaultTolerance, Dims: map[string]int64{"N": batch}, Ranges: networkRanges(truth)}
		rep, err := verify.Models(e, verify.Source{Model: truth}, verify.Source{Model: m}, o)
		if err != nil {
			t.Errorf("%s, batch %d: %v", what, batch, err)
			continue
		}
		if len(rep.Outputs) != len(truth.Graph.Output) {
			t.Errorf("%s, batch %d: %d outputs were compared, of %d", what, batch, len(rep.Outputs), len(truth.Graph.Output))
		}
		for _, row := range rep.Outputs {
			if !row.Equal {
				t.Errorf("%s, batch %d: %s %s: %s %+v", what, batch, row.Reference, row.Shape, row.Why, row.Metrics)
			}
		}
	}
}

// declared writes the inputs and outputs of a model with their shapes.
func declared(m *onnxpb.ModelProto) string {
	var b strings.Builder
	for _, list := range [][]*onnxpb.ValueInfoProto{m.Graph.Input, m.Graph.Output} {
		for _, v := range list {
			d, _ := v.Shape()
			fmt.Fprintf(&b, "%s%s ", v.GetName(), onnxpb.FormatShape(d))
		}
	}
	return b.String()
}

// TestSetBatchOnNetworks frees networks that were written at batch 1 and holds them to what was written by hand for every batch.
func TestSetBatchOnNetworks(t *testing.T) {
	e := batchEngine(t)
	for _, n := range networks.All() {
		t.Run(n.Name, func(t *testing.T) {
			mustBeValid(t, n.Fixed)
			mustBeValid(t, n.Free)
			rowsDiffer(t, e, n)
			sameNetwork(t, e, n.Free, n.Fixed, "as it was written", 1)
			m := onnxpb.Clone(n.Fixed)
			report, err := surgery.SetBatchOf(m, onnxpb.Symbol("N"), surgery.BatchOptions{Axes: n.Axes})
			if err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, m)
			if got, want := declared(m), declared(n.Free); got != want {
				t.Errorf("declared as %s, not %s", got, want)
			}
			for _, v := range append(n.Free.Graph.Input, n.Free.Graph.Output...) {
				if axis := batchAxis(v); report.Axes[v.GetName()] != axis {
					t.Errorf("the batch of %s is said to lie in axis %d, and lies in axis %d", v.GetName(), report.Axes[v.GetName()], axis)
				}
			}
			sameNetwork(t, e, n.Free, m, "freed", 1, 2, 3, 5)

			three := onnxpb.Clone(n.Fixed)
			if _, err := surgery.SetBatchOf(three, onnxpb.Number(3), surgery.BatchOptions{Axes: n.Axes}); err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, three)
			sameNetwork(t, e, n.Free, three, "made one of 3 rows", 3)
		})
	}
}

// TestSetBatchLeavesFreeNetworks changes only the symbol of networks whose batch is free.
func TestSetBatchLeavesFreeNetworks(t *testing.T) {
	for _, n := range networks.All() {
		m, want := onnxpb.Clone(n.Free), onnxpb.Clone(n.Free)
		r, err := surgery.SetBatchOf(m, onnxpb.Symbol("batch"), surgery.BatchOptions{Axes: n.Axes})
		if err != nil {
			t.Errorf("%s: %v", n.Name, err)
			continue
		}
		surgery.MapNames(want, surgery.NameMap{Dim: func(s string) string { return strings.Replace(s, "N", "batch", 1) }})
		if !proto.Equal(m, want) {
			t.Errorf("%s: more than the symbol changed:\n%s", n.Name, written(r))
		}
		if strings.Contains(written(r), "not followed") {
			t.Errorf("%s:\n%s", n.Name, written(r))
		}
	}
}

// batchAxis is the axis of N.
func batchAxis(v *onnxpb.ValueInfoProto) int {
	d, _ := v.Shape()
	for i := range d {
		if d[i].Param == "N" {
			return i
		}
	}
	return -1
}

// rowsDiffer runs the truth on three rows: a network whose rows all give the same, or give no numbers, would prove nothing.
func rowsDiffer(t *testing.T, e verify.Engine, n networks.Network) {
	t.Helper()
	s, err := e.Open(verify.Source{Model: n.Free}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inputs := map[string]*onnxpb.Value{}
	for _, v := range n.Free.Graph.Input {
		dims, _ := v.Shape()
		size := make([]int64, len(dims))
		for i, d := range dims {
			size[i] = d.Value
			if d.Param != "" {
				size[i] = 3
			}
		}
		var set *verify.Range
		if r, ok := networkRanges(n.Free)[v.GetName()]; ok {
			set = &r
		}
		a, err := verify.Generate(v.GetName(), v.ElemType(), size, set, 1)
		if err != nil {
			t.Fatal(err)
		}
		inputs[v.GetName()] = onnxpb.TensorVal(a)
	}
	outs, err := s.Run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range n.Free.Graph.Output {
		a := outs[v.GetName()].Array
		x, err := a.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		axis, inner := batchAxis(v), 1
		for _, d := range a.Dims[axis+1:] {
			inner *= int(d)
		}
		rows := [3][]float64{}
		for i, y := range x {
			if math.IsNaN(y) || math.IsInf(y, 0) {
				t.Fatalf("%s holds %v", v.GetName(), y)
			}
			rows[i/inner%3] = append(rows[i/inner%3], y)
		}
		for _, pair := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
			far, spread := 0.0, 0.0
			for i, y := range rows[pair[0]] {
				far = max(far, math.Abs(y-rows[pair[1]][i]))
				spread = max(spread, math.Abs(y-rows[pair[0]][0]))
			}
			if far < 0.01 || spread < 0.01 {
				t.Errorf("%s: rows %v are apart by no more than %g, the elements of one by %g", v.GetName(), pair, far, spread)
			}
		}
	}
}
