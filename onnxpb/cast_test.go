package onnxpb_test

import (
	"math"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// TestConversionsAsRecorded holds conversion between number types to what ONNX's own tests of Cast recorded: the same operation by other hands.
func TestConversionsAsRecorded(t *testing.T) {
	held := map[string]int{}
	recorded := false
	for _, c := range corpus.Cases(t) {
		if !strings.HasPrefix(c.Name, "test_cast_") {
			continue
		}
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		if n := m.GetGraph().GetNode(); len(n) != 1 || n[0].GetOpType() != "Cast" || n[0].AttrInt("saturate", 1) != 1 {
			continue
		}
		if mode := m.Graph.Node[0].Attr("round_mode"); mode != nil && string(mode.GetS()) != "nearest" {
			continue
		}
		recorded = recorded || strings.HasPrefix(c.Suite, "1.22")
		for _, s := range c.Sets {
			in, out, err := s.Values(m)
			if err != nil {
				t.Fatal(err)
			}
			x, want := in[m.Graph.Input[0].GetName()].Array, out[m.Graph.Output[0].GetName()].Array
			if x.Type != m.Graph.Input[0].ElemType() || want.Type != m.Graph.Output[0].ElemType() {
				continue // some files hold the bits of bfloat16 as uint16
			}
			v, err := x.Float64s()
			if err != nil || want.Type == onnxpb.TensorProto_STRING {
				continue // strings
			}
			w, err := want.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			for i := range v {
				if math.IsNaN(v[i]) && want.Type == onnxpb.TensorProto_FLOAT4E2M1 {
					continue // recorded is -0, ONNX's text says 6
				}
				got, err := onnxpb.ArrayFromFloat64s(want.Type, nil, v[i:i+1])
				if err != nil {
					continue // past the range of an integer: what Cast makes of it is not defined
				}
				g, err := got.Float64s()
				if err != nil {
					t.Fatal(err)
				}
				if math.Float64bits(g[0]) != math.Float64bits(w[i]) && !(math.IsNaN(g[0]) && math.IsNaN(w[i])) {
					t.Errorf("%s: %v becomes %v, recorded is %v", c.ID(), v[i], g[0], w[i])
				}
				held[onnxpb.TypeName(want.Type)]++
			}
		}
	}
	t.Log(held)
	for _, name := range []string{"float16", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float4e2m1", "int4", "uint4"} {
		if recorded && held[name] == 0 {
			t.Errorf("no conversion to %s was held to anything", name)
		}
	}
}
