package onnxpb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// A stream comes to the same bytes whether it is short or long, and where there is no room for it on disk.
func TestSpool(t *testing.T) {
	long := make([]byte, spoolFrom+3<<20+5)
	for i := range long {
		long[i] = byte(i*11 + i>>8)
	}
	for _, n := range []int{0, 5, spoolFrom - 1, spoolFrom, spoolFrom + 1, len(long)} {
		f := &File{}
		got, err := f.spool(bytes.NewReader(long[:n]))
		if err != nil || !bytes.Equal(got, long[:n]) {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	full, err := os.Open(write(t, filepath.Join(t.TempDir(), "full"), nil)) // nothing can be written to it
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if got, err := new(File).spoolTo(full, long[:100], bytes.NewReader(long[100:])); err != nil || !bytes.Equal(got, long) {
		t.Errorf("on a full disk: %d bytes, %v", len(got), err)
	}
	stop := errors.New("stop")
	if _, err := new(File).spool(io.MultiReader(bytes.NewReader(long), iotest.ErrReader(stop))); !errors.Is(err, stop) {
		t.Errorf("where reading fails: %v", err)
	}
}
