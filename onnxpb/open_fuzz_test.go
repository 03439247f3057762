package onnxpb

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzOpen reads arbitrary bytes in place: the verdict and the model are those of the official code, what is written is what the official code writes, to read it again
// changes nothing, and no tensor brings a reader down.
func FuzzOpen(f *testing.F) {
	payload := bytes.Repeat([]byte{1, 2, 3, 4}, 8)
	for _, m := range []*ModelProto{small(), full(1), full(2)} {
		b := mustMarshal(f, m)
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(bytes.Clone(b), b...))
	}
	weight := tag(5, tag(9, payload), tag(8, []byte("w")), tag(9, payload[:3]))
	f.Add(append([]byte{8, 8}, tag(7, weight, tag(15, tag(1, tag(9, payload))), tag(1, tag(5, tag(5, tag(6, payload)), tag(6, weight))))...))
	f.Add(append([]byte{8, 8}, tag(7, weight, protowire.AppendTag(nil, 5, protowire.StartGroupType), protowire.AppendTag(nil, 5, protowire.EndGroupType))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		lowPayload(t, 8)
		if !sameAsOfficial(t, data) {
			return
		}
		m, err := parse(data, decodeInPlace)
		if err != nil {
			return // no model, though well-formed
		}
		sameBytesAsMarshal(t, m)
		written, err := Encoded(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(written, decodeInPlace)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Encoded(again); err != nil || !bytes.Equal(written, second) {
			t.Fatalf("a second reading differs (%v)", err)
		}
		if c, err := Encoded(Clone(m)); err != nil || !bytes.Equal(written, c) {
			t.Fatalf("a copy differs (%v)", err)
		}
		m.AllTensors(func(p *TensorProto) {
			if CheckData(p, "") != nil {
				return
			}
			if a, err := Decode(p, ""); err == nil && a.Type != TensorProto_STRING {
				if _, err := a.Raw(); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}
