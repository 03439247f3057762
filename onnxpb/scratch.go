package onnxpb

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
)

// scratchFile is how large a file for new payloads is at least. It takes no more of the disk than was written to it.
const scratchFile = 1 << 30

// Scratch holds payloads that an edit makes, in files without names that are mapped: they take no memory, as those of a model that was opened do not. The zero value keeps its files where the system keeps
// temporary ones. Where files cannot be mapped, or made, the payloads are in memory.
type Scratch struct {
	Dir string // where the files are made if that is possible: beside the model that will be written, say, where there must be room in any case

	file *os.File // the last one
	maps []*mapping
	end  int64 // of what was written to it
}

// Make returns so many bytes that write gives, from the first to the last. They are to be read only, and only until Close.
func (s *Scratch) Make(size int64, write func(io.Writer) error) ([]byte, error) {
	if size == 0 || !s.ready(size) {
		b := bytes.NewBuffer(make([]byte, 0, size))
		err := write(b)
		return b.Bytes(), err
	}
	at := s.end
	w := io.NewOffsetWriter(s.file, at)
	if err := write(w); err != nil {
		return nil, &Error{Msg: "made-up weights cannot be written to a temporary file", Err: err, Hint: "there has to be room for them beside the output, or in the directory of temporary files, which TMPDIR names"}
	}
	if n, err := w.Seek(0, io.SeekCurrent); err != nil || n != size {
		return nil, fmt.Errorf("%d bytes were asked for, and %d written (%v)", size, n, err)
	}
	s.end = at + size
	return s.maps[len(s.maps)-1].data[at:s.end:s.end], nil
}

// ready tells whether there is room for so many bytes in a file.
func (s *Scratch) ready(size int64) bool {
	const block = 4 << 10 // that a payload begins at
	s.end = (s.end + block - 1) / block * block
	if s.file != nil && s.end+size <= int64(len(s.maps[len(s.maps)-1].data)) {
		return true
	}
	// A file that is written is seen in its map at once on these systems, and can lose its name while it is open.
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return false
	}
	f := s.create()
	if f == nil {
		return false
	}
	length := max(size, scratchFile)
	err := f.Truncate(length)
	if err == nil {
		var m *mapping
		if m, err = openMapping(f, length); err == nil {
			if s.file != nil {
				s.file.Close()
			}
			s.file, s.end, s.maps = f, 0, append(s.maps, m)
			return true
		}
	}
	f.Close()
	return false
}

// create makes a file without a name; nil where none can be made.
func (s *Scratch) create() *os.File {
	for _, dir := range []string{s.Dir, os.TempDir()} {
		if dir == "" {
			continue
		}
		f, err := os.CreateTemp(dir, temporaryPrefix+"*"+temporarySuffix)
		if err != nil {
			continue
		}
		if err := os.Remove(f.Name()); err != nil {
			f.Close()
			continue
		}
		return f
	}
	return nil
}

// Close gives the payloads back, which may not be used any more.
func (s *Scratch) Close() error {
	var first error
	for _, m := range s.maps {
		if err := m.close(); err != nil && first == nil {
			first = err
		}
	}
	if s.file != nil {
		if err := s.file.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.file, s.maps, s.end = nil, nil, 0
	return first
}
