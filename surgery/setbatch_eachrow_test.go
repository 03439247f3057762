package surgery_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Every network that is made for one row computes what its truth does where a Scan runs each row by itself, whether the batch could be followed or not.
func TestSetBatchEachRow(t *testing.T) {
	e := batchEngine(t)
	done := 0
	for _, c := range slices.Concat(allTruths(), openCases, mixingCases) {
		if c.name == "a channel of one left where Squeeze drops the batch" {
			continue // the truth keeps the channel as an axis, and an output [1,3] of one row does not tell that it is one
		}
		t.Run(c.name, func(t *testing.T) {
			made, truth := c.model(t, c.made), c.model(t, c.truth)
			m := onnxpb.Clone(made)
			o := c.options(t)
			for _, v := range truth.Graph.Output {
				dims, _ := v.Shape()
				for i, d := range dims {
					if d.Param == "N" && !c.grows {
						o.Axes[v.GetName()] = i
					}
				}
			}
			r, err := surgery.RunEachRow(m, onnxpb.Symbol("N"), o)
			if err != nil {
				if onnxpb.KindOf(err) != onnxpb.Refused || !proto.Equal(made, m) {
					t.Errorf("%v", err)
				}
				t.Log(err)
				return
			}
			done++
			mustBeValid(t, m)
			for _, v := range m.Graph.Output {
				if _, ok := r.Axes[v.GetName()]; !ok && !strings.Contains(written(r), "does not depend on the batch") {
					t.Errorf("the report does not tell the axis of %s", v.GetName())
				}
			}
			for _, n := range []int64{1, 2, 3, 5} {
				c.same(t, e, "for N", truth, m, n)
			}
			if _, err := surgery.Infer(m, surgery.InferOptions{}); err != nil {
				t.Errorf("shapes of the result: %v", err)
			}
		})
	}
	t.Logf("%d done", done)
}
