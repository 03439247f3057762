package onnxpb_test

import (
	"bytes"
	"strings"
	"testing"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
)

// FuzzModel holds reading, copying, writing and decoding of a model to what they promise of any bytes: an error or a model, never a panic; a copy that has the same
// bytes; tensors that are decoded or refused; and bytes that are read again are the same again.
func FuzzModel(f *testing.F) {
	for _, m := range mutate.Seeds() {
		b, err := onnxpb.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{})
		f.Add(b, []byte{6, 30, 12, 3, 1, 40, 9})
		f.Add(b[:len(b)/2], []byte{})
	}
	f.Fuzz(func(t *testing.T, data, script []byte) {
		m, err := onnxpb.Parse(data)
		if err != nil {
			if m != nil || err.Error() == "" {
				t.Fatalf("model %v with error %q", m, err)
			}
			return
		}
		m = mutate.Apply(m, script)
		first, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := onnxpb.Marshal(onnxpb.Clone(m)); err != nil || !bytes.Equal(c, first) {
			t.Fatalf("a copy has other bytes: %v", err)
		}
		again, err := onnxpb.Parse(first)
		if err != nil {
			if m.Graph != nil && m.IrVersion != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			return
		}
		if second, err := onnxpb.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("written again it has other bytes: %v", err)
		}
		m.AllTensors(func(x *onnxpb.TensorProto) {
			a, err := onnxpb.Decode(x, "")
			if checked := onnxpb.CheckData(x, ""); err == nil && checked != nil {
				t.Fatalf("%v: it is decoded, and refused as %v", x, checked)
			} else if err != nil && checked == nil && x.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
				t.Fatalf("%v: it is found good, and not decoded: %v", x, err)
			}
			if err != nil {
				return
			}
			back, err := onnxpb.Decode(a.Proto(x.GetName()), "")
			if err != nil {
				t.Fatalf("%v: %v", x, err)
			}
			if a.Type == onnxpb.TensorProto_STRING {
				if strings.Join(a.Data.([]string), "\x00") != strings.Join(back.Data.([]string), "\x00") {
					t.Fatalf("%v: other strings come back", x)
				}
				return
			}
			one, err1 := a.Raw()
			two, err2 := back.Raw()
			if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
				t.Fatalf("%v: other elements come back: %v, %v", x, err1, err2)
			}
		})
		for _, list := range [][]*onnxpb.ValueInfoProto{m.GetGraph().GetInput(), m.GetGraph().GetOutput()} {
			for _, v := range list {
				v.Shape()
				v.ElemType()
			}
		}
	})
}
