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
	for off := int64(0); off < size; {
		from, to := nextExtent(src, off, size)
		if err := copyRange(dst, from, src, from, to-from); err != nil {
			return err
		}
		off = to
	}
	return nil
}

// copyRange copies n bytes from one place of a file to a place of another.
func copyRange(dst *os.File, to int64, src *os.File, from, n int64) error {
	if n == 0 {
		return nil
	}
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

// sameBytes compares what two readers hold.
func sameBytes(a, b io.Reader) (bool, error) {
	bufA, bufB := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(a, bufA)
		k, errB := io.ReadFull(b, bufB)
		if n != k || !bytes.Equal(bufA[:n], bufB[:k]) {
			return false, nil
		}
		if errA == io.EOF || errA == io.ErrUnexpectedEOF {
			return errB == errA, nil
		}
		if errA != nil {
			return false, errA
		}
		if errB != nil {
			return false, errB
		}
	}
}
