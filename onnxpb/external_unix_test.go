//go:build unix

package onnxpb

import (
	"os"
	"syscall"
	"testing"
)

// blocks returns how many bytes of disk a file takes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Blocks * 512
}
