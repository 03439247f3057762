package onnxpb

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteTo: a file appears whole; where writing stops with an error, what stood there stays, nothing else is left, and the error is the writer's own.
func TestWriteTo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.txt")
	say := func(s string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, s)
			return err
		}
	}
	for _, s := range []string{"first", "second"} {
		if err := WriteTo(path, say(s)); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != s {
			t.Fatalf("holds %q, want %q", got, s)
		}
	}
	stop := errors.New("stop")
	err := WriteTo(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return stop
	})
	if err != stop {
		t.Errorf("error %v, want the writer's own", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "second" {
		t.Errorf("holds %q after an error", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := WriteTo(filepath.Join(dir, "nosuch", "out.txt"), say("")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a directory that is not there: %v", err)
	}
}
