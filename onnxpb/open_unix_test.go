//go:build unix

package onnxpb

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// within fails the test where fn does not come back: what opens a FIFO waits for its other end.
func within(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
}

func TestFIFOsAndDevicesAreRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo.onnx")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.onnx")
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, "/dev/zero"} {
		within(t, func() {
			if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", path, err)
			}
			if _, err := ReadValue(path, nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
	within(t, func() {
		_, err := Decode(externalTensor("w", []int64{1}, "fifo.onnx", "", ""), dir)
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("external data from a FIFO: %v", err)
		}
	})
}

func TestSaveIntoDevice(t *testing.T) {
	if err := Save(small(), "/dev/null", SaveOptions{}); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat("/dev/null"); err != nil || st.Mode()&os.ModeDevice == 0 {
		t.Fatal("/dev/null is no device any more")
	}
}

// A file whose size the system does not tell is read to its end.
func TestFilesWithoutASizeAreRead(t *testing.T) {
	const path = "/proc/self/limits"
	st, err := os.Stat(path)
	if err != nil || st.Size() != 0 {
		t.Skip("this system has no /proc/self/limits")
	}
	data, err := readRegular(path)
	if err != nil || !strings.Contains(string(data), "Max open files") {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
