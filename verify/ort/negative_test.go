//go:build cgo

package ort

import (
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// TestNegativeDimension runs a model that declares a free dimension as -1, as some exporters do.
func TestNegativeDimension(t *testing.T) {
	m := addModel(8)
	for _, v := range []*onnxpb.ValueInfoProto{m.Graph.Input[0], m.Graph.Output[0]} {
		onnxpb.Number(-1).Set(v.ShapeProto().Dim[0])
	}
	r, err := verify.Models(testEngine(t), verify.Source{Model: m}, verify.Source{Model: addModel(8)}, verify.Options{Batches: []int64{1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Equal || len(r.Outputs) != 2 || r.Outputs[1].Batch != 3 || r.Outputs[1].Elements != 9 || len(r.Notes) > 0 {
		t.Errorf("%+v", r)
	}
}
