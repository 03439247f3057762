package ort

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// TestFindWeights finds the weights in every model of ONNX's test suites where protobuf's own decoder does.
func TestFindWeights(t *testing.T) {
	tensors := 0
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(c.Model)
		if err != nil {
			t.Fatal(err)
		}
		spans, err := findWeights(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		found := 0
		for _, x := range m.Graph.Initializer {
			if x.RawData == nil {
				continue
			}
			found++
			at, ok := spans[x.GetName()]
			if !ok || !bytes.Equal(data[at.start:at.end], x.RawData) {
				t.Errorf("%s: %s is not at %v", c.ID(), x.GetName(), at)
			}
		}
		if found != len(spans) {
			t.Errorf("%s: %d weights found, want %d", c.ID(), len(spans), found)
		}
		tensors += found
	}
	if tensors < 100 {
		t.Errorf("only %d tensors were compared", tensors)
	}
}

// TestFindWeightsInDamagedFiles wants an error or spans within the file of every truncated and every altered file, and no panic.
func TestFindWeightsInDamagedFiles(t *testing.T) {
	m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Add", "", []string{"a", "b"}, []string{"c"})}, nil,
		ports(tensor("c", onnxpb.TensorProto_FLOAT, onnxpb.Number(100))),
		onnxpb.TensorOf("a", []int64{100}, make([]float32, 100)), onnxpb.TensorOf("b", []int64{100}, make([]float32, 100)))
	data, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte) {
		spans, err := findWeights(bytes.NewReader(b))
		if err != nil {
			return
		}
		for name, s := range spans {
			if s.start < 0 || s.start > s.end || s.end > int64(len(b)) {
				t.Fatalf("%s is at %v of %d bytes", name, s, len(b))
			}
		}
	}
	for i := range data {
		check(data[:i])
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		b := bytes.Clone(data)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		check(b)
	}
	// Two weights of one name, and a graph in two parts, are not guessed about.
	m.Graph.Initializer[1].Name = m.Graph.Initializer[0].Name
	twice, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"names": twice, "parts": append(bytes.Clone(data), data...)} {
		if _, err := findWeights(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
