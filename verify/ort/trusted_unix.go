//go:build unix

package ort

import (
	"os"
	"syscall"
)

// trusted tells whether a library that was found by walking up from the working directory may be loaded: it must belong to this user or to the
// administrator, and not everybody may be able to write to it.
func trusted(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	return (sys.Uid == 0 || int(sys.Uid) == os.Getuid() || int(sys.Uid) == os.Geteuid()) && st.Mode().Perm()&0o002 == 0
}
