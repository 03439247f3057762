package onnxpb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
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

// A file cut at any byte, or with any byte changed, is an error or a model that the checker has its say on.
func TestEveryCutAndFlipIsChecked(t *testing.T) {
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
		Name: proto.String("g"),
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Add", "add", []string{"x", "w"}, []string{"s"}),
			onnxpb.Node("Concat", "cat", []string{"s", "s"}, []string{"y"}, onnxpb.Int("axis", 0)),
		},
		Input:       []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(2)})},
		Output:      []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("M"), onnxpb.Number(2)})},
		Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{2}, []float32{1, 2})},
	}}
	if f := opset.Check(m, opset.CheckOptions{}); len(f) > 0 {
		t.Fatal(f)
	}
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	refused, faulty, valid := 0, 0, 0
	try := func(b []byte) {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := onnxpb.Open(path)
		if err != nil {
			refused++
			return
		}
		defer f.Close()
		if len(opset.Check(f.Model, opset.CheckOptions{Warnings: true})) > 0 {
			faulty++
		} else {
			valid++
		}
	}
	for i := range data {
		try(data[:i])
		for bit := range 8 {
			b := bytes.Clone(data)
			b[i] ^= 1 << bit
			try(b)
		}
	}
	if refused < 100 || faulty < 100 || valid < 10 {
		t.Errorf("%d are refused, %d have faults, %d are valid", refused, faulty, valid)
	}
}
