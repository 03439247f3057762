package onnxpb_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// TestConversionsAsInONNXRuntime holds conversion from float32 to every small float, and back, to ONNX Runtime's Cast: on every number of the type, the middles
// between them and their neighbours, and what lies past the range.
func TestConversionsAsInONNXRuntime(t *testing.T) {
	engine := testengine.New(t)
	for _, et := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_FLOAT8E4M3FNUZ,
		onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ, onnxpb.TensorProto_FLOAT4E2M1, onnxpb.TensorProto_FLOAT8E8M0} {
		t.Run(onnxpb.TypeName(et), func(t *testing.T) {
			x := probes(t, et)
			dims := []int64{int64(len(x))}
			var mode *onnxpb.AttributeProto
			if et == onnxpb.TensorProto_FLOAT8E8M0 {
				mode = onnxpb.Str("round_mode", "nearest") // the default goes up
			}
			m := &onnxpb.ModelProto{IrVersion: proto.Int64(12), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 25)}, Graph: &onnxpb.GraphProto{
				Name: proto.String("cast"),
				Node: []*onnxpb.NodeProto{
					onnxpb.Node("Cast", "there", []string{"x"}, []string{"y"}, onnxpb.Int("to", int64(et)), mode),
					onnxpb.Node("Cast", "back", []string{"y"}, []string{"z"}, onnxpb.Int("to", int64(onnxpb.TensorProto_FLOAT))),
				},
				Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(dims...))},
				Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", et, onnxpb.Numbers(dims...)),
					onnxpb.TensorValue("z", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(dims...))},
			}}
			s, err := engine.Open(verify.Source{Model: m}, verify.SessionOptions{Optimization: verify.OptimizeNone})
			if err != nil && et == onnxpb.TensorProto_FLOAT4E2M1 {
				t.Skipf("ONNX Runtime %s has no such Cast: %v", engine.Version(), err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			out, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf(dims, x))}, "z")
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := out["z"].Array.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			wide, err := onnxpb.ArrayOf(dims, x).Float64s()
			if err != nil {
				t.Fatal(err)
			}
			a, err := onnxpb.ArrayFromFloat64s(et, dims, wide)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := a.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for i := range ours {
				if math.Float64bits(ours[i]) != math.Float64bits(theirs[i]) && !(math.IsNaN(ours[i]) && math.IsNaN(theirs[i])) {
					if wrong++; wrong <= 10 {
						t.Errorf("%v becomes %v, in ONNX Runtime %v", x[i], ours[i], theirs[i])
					}
				}
			}
			t.Logf("%d numbers, %d differ", len(x), wrong)
		})
	}
}

// probes returns the float32 numbers at which rounding to a type is decided, with both signs.
func probes(t *testing.T, et onnxpb.TensorProto_DataType) []float32 {
	bits := onnxpb.ElemBits(et)
	a := onnxpb.NewArray(et, []int64{1 << bits})
	for i := range a.Len() {
		switch d := a.Data.(type) {
		case []uint8:
			d[i] = uint8(i)
		case []uint16:
			d[i] = uint16(i)
		}
	}
	v, err := a.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	put := func(f float32) {
		x = append(x, f, math.Nextafter32(f, 0), math.Nextafter32(f, float32(math.Inf(1))), -f, -math.Nextafter32(f, 0), -math.Nextafter32(f, float32(math.Inf(1))))
	}
	for i := range v {
		if math.IsNaN(v[i]) || math.IsInf(v[i], 0) || v[i] < 0 {
			continue
		}
		put(float32(v[i]))
		if i+1 < len(v) && v[i+1] > v[i] {
			mid := v[i] + (v[i+1]-v[i])/2
			put(float32(mid))
			top := v[i+1] + (v[i+1]-v[i])/2
			put(float32(top))
		}
	}
	return append(x, 1e30, -1e30, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-40, -1e-40)
}
