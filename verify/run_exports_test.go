package verify_test

import (
	"path/filepath"
	"testing"

	"onnxtool/internal/exports"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// Whole networks give what PyTorch computes of the same inputs, which go through an archive, and with every value within them in view; and none of them has a node that makes a NaN.
func TestRunExports(t *testing.T) {
	e := testengine.New(t)
	for _, n := range exports.All(t, "../testdata/exports") {
		var names []string
		var arrays []*onnxpb.Array
		for name, a := range n.Inputs {
			names, arrays = append(names, name), append(arrays, a)
		}
		archive := filepath.Join(t.TempDir(), "in.npz")
		if err := verify.WriteNPZ(archive, names, arrays); err != nil {
			t.Fatal(err)
		}
		for _, path := range n.Free {
			f, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			s := verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}
			o := verify.RunOptions{Files: []verify.InputFile{{Path: archive}}, FetchAll: true}
			r, err := verify.Run(e, s, o)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			for _, out := range s.Model.Graph.Output {
				if err := n.Close(out.GetName(), r.Values[0][out.GetName()]); err != nil {
					t.Errorf("%s: output %s: %v", path, out.GetName(), err)
				}
			}
			nan, err := verify.FindNaN(e, s, verify.RunOptions{Files: o.Files, Memory: 1 << 20})
			if err != nil || nan.Found || len(nan.Skipped) > 0 || nan.Looked == 0 {
				t.Errorf("%s: %+v, error %v", path, nan, err)
			}
			f.Close()
		}
	}
}
