package onnxpb

import (
	"errors"
	"io"
	"os"
)

// outFile is a file that is being written.
type outFile interface {
	io.Writer
	// copyRange appends n bytes of another file from an offset on, without taking them into memory. It returns how many it has appended: fewer where the
	// system cannot do (more of) it in this way, or fails.
	copyRange(src *os.File, offset, n int64) int64
	Name() string
	Chmod(os.FileMode) error
	Sync() error
	Close() error
}

// fileSystem is what Save asks of the system, so that tests can have it fail at each point.
type fileSystem interface {
	create(target string) (outFile, error) // a temporary file beside target
	rename(from, to string) error
	remove(name string) error
}

// files is the file system that there is.
var files fileSystem = stdFiles{}

type stdFiles struct{}

func (stdFiles) create(target string) (outFile, error) {
	f, err := createTemporary(target)
	if err != nil {
		return nil, err
	}
	return stdFile{f}, nil
}

func (stdFiles) rename(from, to string) error { return os.Rename(from, to) }

func (stdFiles) remove(name string) error { return os.Remove(name) }

type stdFile struct{ *os.File }

func (f stdFile) copyRange(src *os.File, offset, n int64) int64 {
	return copyFileRange(f.File, src, offset, n)
}

const (
	// writeBuffer is how much of small pieces is put together for one write, and what a payload is copied through where the system does not do it.
	writeBuffer = 256 << 10
	// directFrom is the size from which a piece is written by itself.
	directFrom = 32 << 10
)

// writeTo writes the pieces in order.
func (e encoded) writeTo(w outFile) error {
	buf := make([]byte, 0, min(e.buffered(), writeBuffer))
	flush := func() error {
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}
	for _, p := range e.pieces {
		if len(p) < directFrom {
			if len(buf)+len(p) > cap(buf) {
				if err := flush(); err != nil {
					return err
				}
			}
			buf = append(buf, p...)
			continue
		}
		if len(buf) > 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		if err := writePiece(w, p); err != nil {
			return err
		}
	}
	if len(buf) > 0 {
		return flush()
	}
	return nil
}

// buffered counts the bytes of pieces that are not written by themselves.
func (e encoded) buffered() int {
	n := 0
	for _, p := range e.pieces {
		if len(p) < directFrom {
			n += len(p)
		}
	}
	return n
}

// writePiece writes one large piece. One that lies in a mapped file is not read through the map: its pages would count as this process's memory.
func writePiece(w outFile, p []byte) error {
	m, at := mappedAt(p)
	if m == nil {
		_, err := w.Write(p)
		return err
	}
	left := int64(len(p))
	done := w.copyRange(m.file, at, left)
	if at, left = at+done, left-done; left == 0 {
		return nil
	}
	buf := make([]byte, min(left, 4*writeBuffer))
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(m.file, at, left), buf)
	if err == nil && n != left {
		err = errors.New("the file that the model was opened from was cut short")
	}
	return err
}
