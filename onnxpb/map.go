package onnxpb

import (
	"io"
	"os"
	"sync"
	"unsafe"
)

// mapFrom is the size from which a file is mapped: a smaller one is read, and takes up no file descriptor while it is open.
const mapFrom = 1 << 20

// mapping is a file in memory, to be read only: to write there ends the process.
type mapping struct {
	data []byte
	file os.FileInfo // which file it is
	open *os.File    // the file once more, whose blocks another one may share; nil where it could not be opened again
}

// mappings are those that exist now. They are few.
var mappings struct {
	sync.Mutex
	list []*mapping
}

// openMapping maps a file of so many bytes, which may be closed afterwards. It fails where this system does not map files.
func openMapping(f *os.File, size int64) (*mapping, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := mapFile(f, size)
	if err != nil {
		return nil, err
	}
	m := &mapping{data, st, anotherOf(f)}
	mappings.Lock()
	mappings.list = append(mappings.list, m)
	mappings.Unlock()
	return m, nil
}

// close gives the memory back. Slices of it may not be used any more.
func (m *mapping) close() error {
	mappings.Lock()
	for i, x := range mappings.list {
		if x == m {
			mappings.list = append(mappings.list[:i:i], mappings.list[i+1:]...)
			break
		}
	}
	mappings.Unlock()
	if m.open != nil {
		m.open.Close()
	}
	err := unmapFile(m.data)
	m.data, m.open = nil, nil
	return err
}

// isMapped tells whether an open file is one that is mapped.
func isMapped(f *os.File) bool {
	st, err := f.Stat()
	if err != nil {
		return false
	}
	mappings.Lock()
	defer mappings.Unlock()
	for _, m := range mappings.list {
		if os.SameFile(m.file, st) {
			return true
		}
	}
	return false
}

// mappedAt finds the mapping that a slice lies in as a whole, and where; nil where there is none.
func mappedAt(b []byte) (m *mapping, offset int64) {
	if len(b) == 0 {
		return nil, 0
	}
	p := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	mappings.Lock()
	defer mappings.Unlock()
	for _, m := range mappings.list {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
		if p >= start && p-start < uintptr(len(m.data)) && uintptr(len(b)) <= uintptr(len(m.data))-(p-start) {
			return m, int64(p - start)
		}
	}
	return nil, 0
}

// pages returns the whole pages that so many bytes at an offset of the file lie in.
func (m *mapping) pages(offset int64, n int) []byte {
	size := int64(os.Getpagesize())
	from, to := offset/size*size, (offset+int64(n)+size-1)/size*size
	return m.data[from:min(to, int64(len(m.data)))]
}

// The touch of one byte brings the pages around it into this process's memory: some at least, and as many at most as the system keeps together.
const (
	aroundTouch = 64 << 10
	mostTouched = 2 << 20
	// letGoAt is how much may have been touched before the pages are given back.
	letGoAt = 8 << 20
)

// letGoOfPages gives back the memory that the pages of mapped files take up. They come again when they are touched.
func letGoOfPages() {
	mappings.Lock()
	defer mappings.Unlock()
	for _, m := range mappings.list {
		adviseAway(m.data)
	}
}

// LetGoOfPages gives back the memory that pages of models' files take up, for those who have gone through many of their weights.
func LetGoOfPages() { letGoOfPages() }

// LettingGo returns a writer to w that gives back, every few megabytes, the memory that pages of mapped files take up: what writes a model in another form reads
// the weights as it goes, and does not need them again.
func LettingGo(w io.Writer) io.Writer { return &lettingGo{w: w} }

type lettingGo struct {
	w io.Writer
	n int // bytes written since the last time
}

func (l *lettingGo) Write(b []byte) (int, error) {
	if l.n += len(b); l.n >= letGoAt {
		letGoOfPages()
		l.n = 0
	}
	return l.w.Write(b)
}
