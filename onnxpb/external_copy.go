package onnxpb

import (
	"bytes"
	"io"
	"os"
)

// copyWhole copies a file of so many bytes into an empty one: by sharing its blocks where the file system can, else within the kernel where that can, and
// leaving its holes holes where they are told of. No more than a buffer of it is ever in memory.
func copyWhole(dst, src *os.File, size int64) error {
	if cloneFile(dst, src) {
		// The source may have grown since its size was looked at; it must not have shrunk.
		st, err := dst.Stat()
		if err == nil && st.Size() < size {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if err := dst.Truncate(size); err != nil {
		return err
	}
	return copyRange(dst, 0, src, 0, size)
}

// copyRange copies n bytes from one place of a file to a place of another, where there are zeros as yet.
func copyRange(dst *os.File, to int64, src *os.File, from, n int64) error {
	for off := from; off < from+n; {
		start, end := nextExtent(src, off, from+n)
		if start < end {
			if err := copyExtent(dst, to+start-from, src, start, end-start); err != nil {
				return err
			}
		}
		off = end
	}
	st, err := src.Stat()
	if err == nil && st.Size() < from+n {
		err = io.ErrUnexpectedEOF // cut off meanwhile, which looks like a hole
	}
	return err
}

// copyExtent copies bytes of which none are in a hole, as far as the system tells.
func copyExtent(dst *os.File, to int64, src *os.File, from, n int64) error {
	if _, err := dst.Seek(to, io.SeekStart); err != nil {
		return err
	}
	if _, err := src.Seek(from, io.SeekStart); err != nil {
		return err
	}
	// Between two files this is copy_file_range on Linux, and a copy through a small buffer where that does not work.
	copied, err := dst.ReadFrom(&io.LimitedReader{R: src, N: n})
	if err == nil && copied < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// sameFiles compares so many bytes of two files, and passes over what is a hole in both.
func sameFiles(a, b *os.File, size int64) (bool, error) {
	bufA, bufB := make([]byte, 1<<18), make([]byte, 1<<18)
	for off := int64(0); off < size; {
		fromA, toA := nextExtent(a, off, size)
		fromB, toB := nextExtent(b, off, size)
		from, to := fromA, toA
		if fromB < fromA {
			from, to = fromB, toB
		}
		for off = from; off < to; {
			n := min(to-off, int64(len(bufA)))
			if _, err := a.ReadAt(bufA[:n], off); err != nil {
				return false, err
			}
			if _, err := b.ReadAt(bufB[:n], off); err != nil {
				return false, err
			}
			if !bytes.Equal(bufA[:n], bufB[:n]) {
				return false, nil
			}
			off += n
		}
	}
	return true, nil
}
