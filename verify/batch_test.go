package verify_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// rowEngine computes, in plain Go, y = 2x of x [N,2]; the models of its sources are told apart by their graphs' names.
type rowEngine struct{ runs *[]string }

func (rowEngine) Version() string { return "of the test" }

func (e rowEngine) Open(s verify.Source, _ verify.SessionOptions) (verify.Session, error) {
	return rowSession{e, s.Model.GetGraph().GetName()}, nil
}

type rowSession struct {
	rowEngine
	model string
}

func (rowSession) Close() error { return nil }

func (s rowSession) Run(inputs map[string]*onnxpb.Value, _ ...string) (map[string]*onnxpb.Value, error) {
	x := inputs["x"].Array
	n := x.Dims[0]
	*s.runs = append(*s.runs, s.model+" "+onnxpb.FormatShape(onnxpb.Numbers(x.Dims...)))
	in := x.Data.([]float32)
	out := make([]float32, len(in))
	for i, v := range in {
		out[i] = 2 * v
	}
	dims := []int64{n, 2}
	switch s.model {
	case "row 2 wrong":
		if n > 2 {
			out[4]++
		}
	case "a little off":
		for i := range out {
			out[i] += 1e-3
		}
	case "too few rows":
		if n > 1 {
			out, dims = out[:2*(n-1)], []int64{n - 1, 2}
		}
	case "fails at 3":
		if n == 3 {
			return nil, &onnxpb.Error{Kind: onnxpb.Engine, Msg: "three is too many"}
		}
	}
	return map[string]*onnxpb.Value{"y": onnxpb.TensorVal(onnxpb.ArrayOf(dims, out)), "k": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []float32{7}))}, nil
}

// rowModel declares x and y [batch,2], and an output k [1] that no input moves.
func rowModel(name, batch string) verify.Source {
	d, err := onnxpb.ParseDim(batch)
	if err != nil {
		panic(err)
	}
	dims := []onnxpb.Dim{d, onnxpb.Number(2)}
	f := onnxpb.TensorProto_FLOAT
	return verify.Source{Model: &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{Name: proto.String(name),
		Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", f, dims)},
		Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", f, dims), onnxpb.TensorValue("k", f, onnxpb.Numbers(1))}}}}
}

func TestCheckBatch(t *testing.T) {
	for _, c := range []struct {
		name           string
		original       verify.Source
		changed        verify.Source
		o              verify.BatchOptions
		batches        []int64
		equal          bool
		runs           string
		differ, failed string
	}{
		{name: "equal", original: rowModel("one", "1"), changed: rowModel("free", "N"), batches: []int64{1, 3}, equal: true,
			runs: "one [1,2], one [1,2], one [1,2], free [1,2], free [3,2]"},
		{name: "an original of two rows runs them in pairs", original: rowModel("two", "2"), changed: rowModel("free", "N"), batches: []int64{3}, equal: true,
			runs: "two [2,2], two [2,2], free [3,2]"},
		{name: "a free original is run row by row, and whole", original: rowModel("was free", "N"), changed: rowModel("free", "M"), batches: []int64{2}, equal: true,
			runs: "was free [1,2], was free [1,2], free [2,2], was free [2,2]"},
		{name: "a fixed result is run at its own batch", original: rowModel("one", "1"), changed: rowModel("fixed", "2"), batches: []int64{1, 3}, equal: true,
			runs: "one [1,2], one [1,2], fixed [2,2]"},
		{name: "one row is wrong", original: rowModel("one", "1"), changed: rowModel("row 2 wrong", "N"), batches: []int64{2, 3}, differ: "y at batch 3: rows [2] are not"},
		{name: "beyond the tolerance", original: rowModel("one", "1"), changed: rowModel("a little off", "N"), batches: []int64{2}, differ: "rows [0 1]"},
		{name: "within the tolerance", original: rowModel("one", "1"), changed: rowModel("a little off", "N"), batches: []int64{2}, equal: true,
			o: verify.BatchOptions{Tolerance: verify.Tolerance{Abs: 1e-2}}},
		{name: "a row is missing", original: rowModel("one", "1"), changed: rowModel("too few rows", "N"), batches: []int64{1, 2}, differ: "not one element for each of the 2 rows"},
		{name: "the engine fails", original: rowModel("one", "1"), changed: rowModel("fails at 3", "N"), batches: []int64{1, 2, 3}, failed: "the changed model at batch 3: three is too many"},
		{name: "no rows", original: rowModel("one", "1"), changed: rowModel("free", "N"), batches: []int64{0}, failed: "cannot be run"},
		{name: "no such input", original: rowModel("one", "1"), changed: func() verify.Source {
			s := rowModel("other", "N")
			s.Model.Graph.Input[0].Name = proto.String("z")
			return s
		}(), batches: []int64{1}, failed: "not of the changed model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := []string{}
			r, err := verify.CheckBatch(rowEngine{&runs}, c.original, c.changed, c.batches, 1, c.o)
			if c.failed != "" {
				var e *onnxpb.Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.failed) {
					t.Errorf("%v, want %q", err, c.failed)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			if r.Equal != c.equal || !strings.Contains(text.String(), c.differ) {
				t.Errorf("equal %v, want %v and %q:\n%s", r.Equal, c.equal, c.differ, text.String())
			}
			if c.runs != "" && strings.Join(runs, ", ") != c.runs {
				t.Errorf("ran %s", strings.Join(runs, ", "))
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			for _, row := range r.Outputs {
				if row.Output == "k" && (!row.Equal || row.Shape != "[1]") {
					t.Errorf("the output that no input moves: %+v", row)
				}
			}
		})
	}
}
