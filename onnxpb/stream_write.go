package onnxpb

import (
	"io"
	"os"
)

// outFile is a file that is being written.
type outFile interface {
	io.Writer
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
	return f, nil
}

func (stdFiles) rename(from, to string) error { return os.Rename(from, to) }

func (stdFiles) remove(name string) error { return os.Remove(name) }

const (
	// writeBuffer is how much of small pieces is put together for one write.
	writeBuffer = 256 << 10
	// writeChunk is how much of a map goes into one write.
	writeChunk = 4 << 20
	// aheadFrom is the size from which it is worth a call to have pages brought in at once.
	aheadFrom = 128 << 10
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
	x := &pieceWriter{w: w}
	for _, p := range e.pieces {
		if len(p) < directFrom {
			if len(p) >= largePayload {
				x.touch(len(p))
			}
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
		if err := x.write(p); err != nil {
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

// writePiece writes one large piece.
func writePiece(w outFile, p []byte) error { return (&pieceWriter{w: w}).write(p) }

// pieceWriter writes large pieces. One that lies in a mapped file goes from there straight into the other file. Where the system can fetch pages of a map ahead,
// that takes no longer than to copy the file within the kernel, whose copies (copy_file_range) are slower where the bytes move by less than a page.
type pieceWriter struct {
	w       outFile
	touched int // bytes of maps that are in this process's memory, at most
}

// touch counts bytes of a map that were read, with what comes along with them, and gives the memory back when it is much.
func (x *pieceWriter) touch(n int) {
	if x.touched += max(n, aroundTouch); x.touched >= letGoEvery*aroundTouch {
		letGoOfPages()
		x.touched = 0
	}
}

func (x *pieceWriter) write(p []byte) error {
	m, at := mappedAt(p)
	if m == nil {
		_, err := x.w.Write(p)
		return err
	}
	for len(p) > 0 {
		chunk := p[:min(len(p), writeChunk)]
		if len(chunk) >= aheadFrom {
			adviseSoon(m.pages(at, len(chunk)))
		}
		if _, err := x.w.Write(chunk); err != nil {
			return mapError(err)
		}
		x.touch(len(chunk))
		p, at = p[len(chunk):], at+int64(len(chunk))
	}
	return nil
}
