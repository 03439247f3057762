package onnxpb

import (
	"bytes"
	"io"
	"os"
	"runtime"
)

// spoolFrom is how much of standard input is kept in memory, before the rest of it, and all that came before, goes to a temporary file.
const spoolFrom = 16 << 20

// spool reads a stream to its end: a short one into memory, a longer one into a file without a name, which is mapped. To read it all into memory takes more
// than twice its size, as what holds it has to grow without knowing how far.
func (f *File) spool(r io.Reader) ([]byte, error) {
	var head bytes.Buffer
	if _, err := io.CopyN(&head, r, spoolFrom); err == io.EOF {
		return head.Bytes(), nil
	} else if err != nil {
		return nil, err
	}
	data := head.Bytes()
	if runtime.GOOS != "windows" { // where an open file cannot lose its name
		tmp, err := os.CreateTemp("", "onnxtool-*")
		if err == nil {
			defer tmp.Close()
			if err = os.Remove(tmp.Name()); err == nil {
				return f.spoolTo(tmp, data, r)
			}
		}
	}
	rest, err := io.ReadAll(r)
	return append(data, rest...), err
}

// spoolTo is spool by way of a file. Where that takes no more, what it has comes back into memory, and the rest after it.
func (f *File) spoolTo(tmp *os.File, head []byte, r io.Reader) ([]byte, error) {
	size := int64(0)
	var over []byte // what was read, and the file did not take
	buf := make([]byte, 1<<20)
	for next := head; ; {
		n, err := tmp.Write(next)
		size += int64(n)
		if err != nil {
			over = next[n:]
			break
		}
		n, err = io.ReadFull(r, buf)
		if n == 0 && err == io.EOF {
			break
		} else if n == 0 && err != nil {
			return nil, err
		}
		next = buf[:n]
	}
	if over == nil {
		if m, err := openMapping(tmp, size); err == nil {
			f.mapped = m
			return m.data, nil
		}
	}
	data := make([]byte, size, size+int64(len(over)))
	if _, err := io.ReadFull(io.NewSectionReader(tmp, 0, size), data); err != nil {
		return nil, err
	}
	if over == nil {
		return data, nil
	}
	rest, err := io.ReadAll(r)
	return append(append(data, over...), rest...), err
}
