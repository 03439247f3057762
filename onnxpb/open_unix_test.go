//go:build unix

package onnxpb

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
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

// TestStandardOutputIsTheInput writes a model to standard output that is the file it was opened from, as 1<>FILE has it in a shell: the weights at the end
// would be written over before they are read.
func TestStandardOutputIsTheInput(t *testing.T) {
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, TensorOf("large", []int64{1 << 19}, weights(1<<19, 0)))
	want := mustMarshal(t, m)
	path := write(t, filepath.Join(t.TempDir(), "m.onnx"), want)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer func(old *os.File) { os.Stdout = old }(os.Stdout)
	os.Stdout = out
	f.Model.DocString = proto.String(strings.Repeat("longer than before ", 1000))
	if err := Save(f.Model, "-", SaveOptions{}); err == nil || !strings.Contains(err.Error(), "read from") {
		t.Errorf("written over itself: %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file changed (%v)", err)
	}
}
