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

// cloneRange makes so many bytes of dst share the blocks of src, where the file system can: whole blocks at whole blocks. dst grows where it is too short.
func cloneRange(dst *os.File, to int64, src *os.File, from, n int64) bool {
	return unix.IoctlFileCloneRange(int(dst.Fd()), &unix.FileCloneRange{
		Src_fd: int64(src.Fd()), Src_offset: uint64(from), Src_length: uint64(n), Dest_offset: uint64(to)}) == nil
}

// gatherWrite writes two pieces one after the other, by writev, and returns how many bytes of them it wrote: as few as the system has it. Where that fails it is 0.
func gatherWrite(f *os.File, a, b []byte) (int, error) {
	n, err := unix.Writev(int(f.Fd()), [][]byte{a, b})
	return max(n, 0), err
}

// anotherOf opens an open file once more: nil where the process may open no more.
func anotherOf(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), f.Name())
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
