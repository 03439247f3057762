package onnxpb

import (
	"io"
	"io/fs"
)

// WriteTo puts what write writes into a file as WriteFile does, whole or not at all, without keeping it in memory. An error of write that is not one of
// the file comes back as it is.
func WriteTo(path string, write func(io.Writer) error) error {
	return WriteToPerm(path, everybody, write)
}

// WriteToPerm is WriteTo for a file that, where it is a new one, is open to no more than perm says.
func WriteToPerm(path string, perm fs.FileMode, write func(io.Writer) error) error {
	var own error
	err := writeWhole(path, writeOptions{perm: perm & everybody}, func(f outFile) error {
		w := &errorWriter{w: f}
		if own = write(w); w.err != nil {
			own = nil
			return w.err
		}
		return own
	})
	if own != nil {
		return own
	}
	return err
}

// errorWriter keeps the first error of a writer.
type errorWriter struct {
	w   io.Writer
	err error
}

func (e *errorWriter) Write(b []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(b)
	e.err = err
	return n, err
}
