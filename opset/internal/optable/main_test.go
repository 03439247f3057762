package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed table is what the generator makes of operators.json today.
func TestTableIsUpToDate(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "spec", "operators.json"))
	if err != nil {
		t.Skipf("operators.json is not on this machine: %v", err)
	}
	want, err := table(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "operators.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("operators.txt is not up to date: run go generate ./opset")
	}
}

func TestTableRefusesWhatItCannotHold(t *testing.T) {
	for _, data := range []string{`not JSON`, `[{"domain":"ai.onnx","name":"A\tB","since_version":1}]`} {
		if out, err := table([]byte(data)); err == nil {
			t.Errorf("%s gives %q", data, out)
		}
	}
}
