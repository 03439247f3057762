package onnxpb

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// cloneFile makes dst share the blocks of src, where the file system can.
func cloneFile(dst, src *os.File) bool {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil
}

// nextExtent returns where the next bytes of a file that are not in a hole begin and end, at or after off and before size; size twice where there are none.
func nextExtent(f *os.File, off, size int64) (from, to int64) {
	from, err := f.Seek(off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size
	}
	if err != nil || from < off {
		return off, size
	}
	to, err = f.Seek(from, unix.SEEK_HOLE)
	if err != nil || to <= from {
		return min(from, size), size
	}
	return min(from, size), min(to, size)
}
