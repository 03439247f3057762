package onnxpb

import (
	"bytes"
	"io"
	"os"
	"runtime/debug"
)

const (
	// shareFrom is the least that is worth asking the file system to share.
	shareFrom = 1 << 20
	// shareBlock is what shared ranges begin and end at multiples of: no file system that shares has larger blocks, but for machines whose pages are larger.
	shareBlock = 4 << 10
)

// shareRange makes a part of one file share the blocks of a part of another, where the file system can: false tells that nothing was done. Tests put their own in its place.
var shareRange = cloneRange

// sharing is what writes pieces that need not be copied.
type sharing struct {
	x    *pieceWriter
	file *os.File // which is written; nil where nothing can be shared
}

// newSharing is for a file that is written from its beginning.
func newSharing(x *pieceWriter) sharing {
	if x.file == nil {
		return sharing{}
	}
	if at, err := x.file.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		return sharing{}
	}
	return sharing{x, x.file}
}

// write writes what comes next as blocks of the file that it lies in: from a large payload of a map on as far as the bytes stay the same as there. That is
// the rest of the model where an edit moved nothing or whole blocks: the payloads, and what stands between them. It returns how many of the bytes it
// wrote; the rest is to be written, none where this cannot be done.
func (s *sharing) write(p []byte, after [][]byte) (int64, error) {
	x := s.x
	if s.file == nil || len(p) < shareFrom {
		return 0, nil
	}
	m, at := mappedAt(p)
	if m == nil || m.open == nil || (x.at-at)%shareBlock != 0 {
		return 0, nil
	}
	block := int64(max(shareBlock, os.Getpagesize()))
	from, to := (at+block-1)/block*block, (at+m.same(at, p, after))/block*block
	if to-from < shareFrom {
		return 0, nil
	}
	head := from - at
	if err := x.write(p[:head], nil); err != nil {
		return 0, err
	}
	if err := x.flush(); err != nil {
		return 0, err
	}
	if !shareRange(s.file, x.at, m.open, from, to-from) {
		s.file = nil // nor will it another time
		return head, nil
	}
	x.at += to - from
	if _, err := s.file.Seek(x.at, io.SeekStart); err != nil {
		return 0, err
	}
	return to - at, nil
}

// same tells for how many bytes the file goes on, from an offset, as the pieces do: p, which lies there, and those after it.
func (m *mapping) same(at int64, p []byte, after [][]byte) int64 {
	n := int64(len(p))
	for _, q := range after {
		if int64(len(q)) > int64(len(m.data))-(at+n) {
			break
		}
		if other, offset := mappedAt(q); other == m {
			if offset != at+n {
				break
			}
		} else if !equalMapped(m.data[at+n:at+n+int64(len(q))], q) {
			break
		}
		n += int64(len(q))
	}
	return n
}

// equalMapped compares bytes of a map with others. They are not equal where the file has been cut short.
func equalMapped(mapped, b []byte) (equal bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if fault, ok := r.(interface{ Addr() uintptr }); !ok || fault.Addr() == 0 {
				panic(r)
			}
			equal = false
		}
	}()
	return bytes.Equal(mapped, b)
}
