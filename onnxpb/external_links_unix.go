//go:build unix

package onnxpb

import (
	"io/fs"
	"syscall"
)

// linksOf returns how many names a file has.
func linksOf(st fs.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}
