//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package onnxpb

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int64) ([]byte, error) {
	if int64(int(size)) != size {
		return nil, unix.EFBIG
	}
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(data []byte) error { return unix.Munmap(data) }

// adviseAway gives back the memory that whole pages of a map take up.
func adviseAway(data []byte) { unix.Madvise(data, unix.MADV_DONTNEED) }
