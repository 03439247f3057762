//go:build unix

package onnxpb

import (
	"os"
	"syscall"
)

// mapData maps a file of so many bytes for reading. The function that it returns gives the map up.
func mapData(f *os.File, size int64) ([]byte, func(), error) {
	if size == 0 {
		return nil, func() {}, nil
	}
	if int64(int(size)) != size {
		return nil, nil, syscall.EFBIG
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return b, func() { syscall.Munmap(b) }, nil
}
