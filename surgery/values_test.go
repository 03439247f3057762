package surgery_test

import (
	"reflect"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// runs computes the outputs of a model in ONNX Runtime. Optimisation is off, so that two models that compute the same give the same bits.
func runs(t *testing.T, e verify.Engine, m *onnxpb.ModelProto, inputs map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	t.Helper()
	s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := map[string]*onnxpb.Value{}
	for name, a := range inputs {
		in[name] = onnxpb.TensorVal(a)
	}
	values, err := s.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*onnxpb.Array{}
	for name, v := range values {
		out[name] = v.Array
	}
	return out
}

// wantRun holds the outputs of a model to numbers.
func wantRun(t *testing.T, e verify.Engine, m *onnxpb.ModelProto, inputs map[string]*onnxpb.Array, want map[string]any) {
	t.Helper()
	got := runs(t, e, m, inputs)
	for name, w := range want {
		if !reflect.DeepEqual(got[name].Data, w) {
			t.Errorf("%s is %v, want %v", name, got[name].Data, w)
		}
	}
}

// mustPass holds a model to the checker.
func mustPass(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Errorf("%s", f)
	}
}

// changesOf lists the changes of a report as it prints them.
func changesOf(r *surgery.Report) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, c.String())
	}
	return out
}

func vec(v ...float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{int64(len(v))}, v) }

func truth(v bool) *onnxpb.Array { return onnxpb.ArrayOf([]int64{}, []bool{v}) }
