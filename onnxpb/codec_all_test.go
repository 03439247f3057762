package onnxpb_test

import (
	"bytes"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// Every model of all suites on this machine is decoded in place to what the official code makes of it, and written as the official code writes it, whatever counts
// as large.
func TestCodecOfAllSuites(t *testing.T) {
	defer onnxpb.SetLargePayload(onnxpb.SetLargePayload(0))
	for _, c := range corpus.Cases(t) {
		data, err := os.ReadFile(c.Model)
		if err != nil {
			t.Fatal(err)
		}
		want := &onnxpb.ModelProto{}
		if err := proto.Unmarshal(data, want); err != nil {
			t.Fatal(err)
		}
		written, err := onnxpb.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 100, 1 << 10} {
			onnxpb.SetLargePayload(size)
			got, err := onnxpb.DecodeInPlace(data)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
				break
			}
			if streamed, err := onnxpb.Encoded(want); err != nil || !bytes.Equal(streamed, written) {
				t.Errorf("%s: payloads from %d bytes by themselves: Save writes other bytes than Marshal (%v)", c.ID(), size, err)
			}
			if again, err := onnxpb.Marshal(got); err != nil || !bytes.Equal(again, written) {
				t.Errorf("%s: payloads from %d bytes in place: the model differs (%v)", c.ID(), size, err)
			}
		}
	}
}
