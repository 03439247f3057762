// Package exports gives tests the small networks of testdata/exports: what PyTorch's two exporters make of them, and what PyTorch computes.
package exports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// Network is one network, exported several times.
type Network struct {
	Name string
	// InputAxes and OutputAxes are the axes of the batch, by the order of the inputs in0, in1, ... and of the outputs out0, out1, ...
	InputAxes, OutputAxes []int
	// Inputs are of a batch of Batch rows, and Outputs what PyTorch computes of them.
	Inputs, Outputs map[string]*onnxpb.Array
	Batch           int64
	// Fixed and Free are the files of its exports, at batch 1 and with the batch N.
	Fixed, Free []string
}

// All lists the networks of dir, the folder testdata/exports.
func All(tb testing.TB, dir string) []Network {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "exports.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var list struct {
		Batch    int64 `json:"batch"`
		Networks map[string]struct {
			Inputs, Outputs []int
		} `json:"networks"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		tb.Fatal(err)
	}
	var all []Network
	for name, x := range list.Networks {
		n := Network{Name: name, InputAxes: x.Inputs, OutputAxes: x.Outputs, Batch: list.Batch, Inputs: map[string]*onnxpb.Array{}, Outputs: map[string]*onnxpb.Array{}}
		data, err := os.ReadFile(filepath.Join(dir, name+".npz"))
		if err != nil {
			tb.Fatal(err)
		}
		arrays, err := verify.ReadNPZ(data, func(string) onnxpb.TensorProto_DataType { return onnxpb.TensorProto_UNDEFINED })
		if err != nil {
			tb.Fatal(err)
		}
		for key, a := range arrays {
			if key[0] == 'i' {
				n.Inputs[key] = a
			} else {
				n.Outputs[key] = a
			}
		}
		for _, exporter := range []string{"script", "dynamo"} {
			for batch, files := range map[string]*[]string{"1": &n.Fixed, "N": &n.Free} {
				path := filepath.Join(dir, name+"."+exporter+"."+batch+".onnx")
				if _, err := os.Stat(path); err == nil {
					*files = append(*files, path)
				}
			}
		}
		all = append(all, n)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	if len(all) < 20 {
		tb.Fatalf("%d networks", len(all))
	}
	return all
}

// Close compares what was computed with what PyTorch computes, within the differences that the order of float32 sums makes.
func (n Network) Close(output string, got *onnxpb.Value) error {
	return close32(got, n.Outputs[output])
}
