package onnxpb_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// TestAllSuites reads every model and every recorded value of all suites on this machine, those of ONNX 1.22 with their small element types too, and encodes
// every tensor anew.
func TestAllSuites(t *testing.T) {
	models, identical, values := 0, 0, 0
	types := map[string]int{}
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			t.Error(err)
			continue
		}
		models++
		written, err := onnxpb.Marshal(m)
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		back, err := onnxpb.Parse(written)
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		if proto.Equal(back, m) {
			identical++
		} else if proto.Equal(m, m) {
			t.Errorf("%s: changed on the way", c.ID())
		}
		m.AllTensors(func(p *onnxpb.TensorProto) { recode(t, c.ID(), p, filepath.Dir(c.Model)) })
		for _, s := range c.Sets {
			in, out, err := s.Values(m)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
				continue
			}
			for _, set := range []map[string]*onnxpb.Value{in, out} {
				for name, v := range set {
					values++
					recodeValue(t, c.ID()+": "+name, v, types)
				}
			}
		}
	}
	t.Logf("%d models, %d of them equal after a round trip, %d values; element types %v", models, identical, values, types)
	for _, c := range corpus.Cases(t) {
		if strings.HasPrefix(c.Suite, "1.22") {
			for _, et := range onnxpb.TensorProto_DataType_value {
				if name := onnxpb.TypeName(onnxpb.TensorProto_DataType(et)); et != 0 && types[name] == 0 && !strings.HasPrefix(name, "complex") {
					t.Errorf("no value of %s came up", name)
				}
			}
			break
		}
	}
}

func recodeValue(t *testing.T, where string, v *onnxpb.Value, types map[string]int) {
	for _, e := range v.Elems {
		recodeValue(t, where, e, types)
	}
	if v.Kind != onnxpb.KindTensor {
		types[v.Kind.String()]++
		return
	}
	types[onnxpb.TypeName(v.Array.Type)]++
	recode(t, where, v.Array.Proto(""), "")
	// Numbers go to float64 and back without a change: they are exact there.
	f, err := v.Array.Float64s()
	if err != nil || onnxpb.ElemBits(v.Array.Type) == 64 && v.Array.Type != onnxpb.TensorProto_DOUBLE {
		return
	}
	back, err := onnxpb.ArrayFromFloat64s(v.Array.Type, v.Array.Dims, f)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	a, _ := v.Array.Raw()
	b, _ := back.Raw()
	if !bytes.Equal(a, b) && !hasNaN(f) { // NaNs come back as the quiet one
		t.Errorf("%s: changed on the way through float64", where)
	}
}

func hasNaN(v []float64) bool {
	for _, x := range v {
		if x != x {
			return true
		}
	}
	return false
}

func recode(t *testing.T, where string, p *onnxpb.TensorProto, dir string) {
	a, err := onnxpb.Decode(p, dir)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	b, err := onnxpb.Decode(a.Proto(""), "")
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	rawA, errA := a.Raw()
	rawB, errB := b.Raw()
	if a.Type == onnxpb.TensorProto_STRING {
		return
	}
	if errA != nil || errB != nil || !bytes.Equal(rawA, rawB) {
		t.Errorf("%s: tensor %q: the elements changed", where, p.GetName())
	}
	if len(p.GetRawData()) > 0 && !bytes.Equal(rawA, p.GetRawData()) {
		t.Errorf("%s: tensor %q: the raw data changed", where, p.GetName())
	}
}
