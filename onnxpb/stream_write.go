package onnxpb

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"syscall"
)

// outFile is a file that is being written.
type outFile interface {
	io.Writer
	Name() string
	Stat() (os.FileInfo, error)
	Chown(uid, gid int) error
	Chmod(os.FileMode) error
	Sync() error
	Close() error
}

// fileSystem is what Save asks of the system, so that tests can have it fail at each point.
type fileSystem interface {
	create(target string) (outFile, error) // a temporary file beside target
	rename(from, to string) error
	remove(name string) error

	// And what it asks for data files, whose names are relative to a directory that they do not leave. None of these replaces a file.
	move(root *os.Root, from, to string) error            // errors.ErrUnsupported where the system cannot
	link(root *os.Root, from, to string) error            // a second name
	linkFrom(path string, root *os.Root, to string) error // a second name for a file that may lie elsewhere
	unlink(root *os.Root, name string) error
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

func (stdFiles) move(root *os.Root, from, to string) error { return moveNew(root, from, to) }

func (stdFiles) link(root *os.Root, from, to string) error { return root.Link(from, to) }

func (stdFiles) linkFrom(path string, root *os.Root, to string) error { return linkNew(path, root, to) }

func (stdFiles) unlink(root *os.Root, name string) error { return root.Remove(name) }

const (
	// writeBuffer is how much goes into one write.
	writeBuffer = 512 << 10
	// window is how much of a map is in this process's memory at a time while it is written.
	window = 4 << 20
	// directFrom is the size from which a payload of a map may go from there into the file by itself.
	directFrom = 256 << 10
	// nearby is how far apart two payloads of a map may lie that are brought in together.
	nearby = 64 << 10
)

// writeTo writes the pieces in order.
func (e encoded) writeTo(w outFile) error {
	x := newPieceWriter(w, e.size)
	defer x.leave()
	s := newSharing(x)
	done := int64(0) // bytes of the next pieces that are written already
	for i, p := range e.pieces {
		if done < int64(len(p)) {
			n, err := s.write(p[done:], e.pieces[i+1:])
			if err != nil {
				return err
			}
			done += n
		}
		if done < int64(len(p)) {
			if err := x.write(p[done:], e.pieces[i+1:]); err != nil {
				return err
			}
			done = int64(len(p))
		}
		done -= int64(len(p))
	}
	return x.close()
}

// pieceWriter writes pieces one after the other. Small ones are put together in a buffer that lies as the file does. Large payloads of a map go from there straight into
// the file, which is the fastest way that there is (copy_file_range takes half as long again where the bytes move by less than a page). But where an edit moves
// them towards the end by a few bytes the kernel takes twice as long for them, by either way: then they go through the buffer, too.
type pieceWriter struct {
	w    outFile
	file *os.File // w, where it is a regular file
	at   int64    // where in the file the next byte comes
	buf  []byte

	mapSpan            // the window that is being read
	coming  mapSpan    // the one behind it, on its way
	came    chan error // which tells that it is there; nil where there is none
}

// newPieceWriter makes the writer of so many bytes.
func newPieceWriter(w outFile, size int64) *pieceWriter {
	x := &pieceWriter{w: w, buf: make([]byte, 0, min(max(size, 4<<10), writeBuffer))} // Go puts what is so large at the beginning of a page
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			x.file = f
		}
	}
	return x
}

// close writes what is left. The writer may be used on afterwards.
func (x *pieceWriter) close() error {
	x.leave()
	return x.flush()
}

func (x *pieceWriter) flush() error {
	if len(x.buf) == 0 {
		return nil
	}
	_, err := x.w.Write(x.buf)
	x.buf = x.buf[:0]
	return err
}

// slow tells whether the kernel is slow to copy from so an offset of a map to the place in the file where the next byte comes: each store lies just before loads
// that are to come, as far as the processor compares addresses (in the lower 12 bits).
func (x *pieceWriter) slow(offset int64) bool {
	moved := (x.at - offset) & 0xfff
	return moved > 0 && moved < 0x200 && moved%32 != 0
}

// write writes a piece; those after it say how much of a map is worth bringing in.
func (x *pieceWriter) write(p []byte, after [][]byte) error {
	m, at := (*mapping)(nil), int64(0)
	if len(p) >= largePayload {
		m, at = mappedAt(p)
	}
	for len(p) > 0 {
		if m != nil && len(p) >= directFrom && !x.slow(at) {
			if err := x.direct(m, at, p, after); err != nil {
				return err
			}
			return nil
		}
		if len(x.buf) == cap(x.buf) {
			if err := x.flush(); err != nil {
				return err
			}
		}
		n := min(len(p), cap(x.buf)-len(x.buf))
		part := x.buf[len(x.buf) : len(x.buf)+n]
		if m == nil {
			copy(part, p)
		} else {
			if !x.holds(m, at) {
				if err := x.enter(m, at, at+int64(len(p)), after); err != nil {
					return err
				}
			}
			n = min(n, int(x.to-at))
			if err := copyMapped(part[:n], p); err != nil {
				return err
			}
			at += int64(n)
		}
		x.buf, p = x.buf[:len(x.buf)+n], p[n:]
		x.at += int64(n)
	}
	return nil
}

// direct writes a piece from the map, and what stands in the buffer before it.
func (x *pieceWriter) direct(m *mapping, at int64, p []byte, after [][]byte) error {
	for len(p) > 0 {
		if !x.holds(m, at) {
			if err := x.enter(m, at, at+int64(len(p)), after); err != nil {
				return err
			}
		}
		n := min(len(p), int(x.to-at))
		if err := x.writeBoth(p[:n]); err != nil {
			if errors.Is(err, syscall.EFAULT) {
				err = errCutShort
			}
			return err
		}
		p, at, x.at = p[n:], at+int64(n), x.at+int64(n)
	}
	return nil
}

// writeTwo is gatherWrite; tests put their own in its place.
var writeTwo = gatherWrite

// writeBoth writes the buffer and bytes of a map behind it, in one go where the system can.
func (x *pieceWriter) writeBoth(p []byte) error {
	if x.file != nil && len(x.buf) > 0 {
		n, err := writeTwo(x.file, x.buf, p)
		if err == nil && n >= len(x.buf) {
			x.buf, p = x.buf[:0], p[n-len(x.buf):]
		} else {
			// What comes next is written one by one, which tells the error, too.
			x.buf = x.buf[:copy(x.buf, x.buf[n:])]
		}
	}
	if err := x.flush(); err != nil || len(p) == 0 {
		return err
	}
	_, err := x.w.Write(p)
	return err
}

// enter brings in the next window of a map: from an offset to the end of the piece that is there, and of those behind it that lie near enough. What comes behind the
// window is brought in while the window is written, and the window before it given back: on a machine that has a second core that takes no time.
func (x *pieceWriter) enter(m *mapping, from, to int64, after [][]byte) error {
	for _, p := range after {
		if to-from >= 2*window {
			break
		}
		if len(p) < largePayload {
			continue
		}
		other, at := mappedAt(p)
		if other != m || at < from || at > to+nearby {
			break
		}
		to = max(to, at+int64(len(p)))
	}
	before := x.mapSpan
	coming, err := x.wait()
	if err == nil && coming.holds(m, from) {
		x.mapSpan = mapSpan{m, from, coming.to}
	} else {
		coming.leave()
		x.mapSpan = mapSpan{m, from, min(to, from+window)}
		err = adviseSoon(m.pages(x.from, int(x.to-x.from)))
	}
	next := mapSpan{m, x.to, min(to, x.to+window)}
	if err != nil || next.to-next.from < window/8 {
		before.leave()
		return err
	}
	x.coming, x.came = next, make(chan error, 1)
	go func(came chan<- error) {
		before.leave()
		came <- adviseSoon(next.m.pages(next.from, int(next.to-next.from)))
	}(x.came)
	return nil
}

// wait waits until the window that is being brought in is there.
func (x *pieceWriter) wait() (mapSpan, error) {
	if x.came == nil {
		return mapSpan{}, nil
	}
	err := <-x.came
	coming := x.coming
	x.coming, x.came = mapSpan{}, nil
	return coming, err
}

// leave gives back the memory that windows took.
func (x *pieceWriter) leave() {
	coming, _ := x.wait() // its error is that of who writes it
	coming.leave()
	x.mapSpan.leave()
	x.mapSpan = mapSpan{}
}

// mapSpan is a part of a map that is in this process's memory.
type mapSpan struct {
	m        *mapping
	from, to int64
}

func (s mapSpan) holds(m *mapping, at int64) bool { return s.m == m && at >= s.from && at < s.to }

func (s mapSpan) leave() {
	if s.m != nil {
		adviseAway(s.m.pages(s.from, int(s.to-s.from)))
	}
}

// copyMapped copies from a map. To read where the file has been cut short is an error, not the end of the process.
func copyMapped(dst, src []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if fault, ok := r.(interface{ Addr() uintptr }); !ok || fault.Addr() == 0 {
				panic(r)
			}
			err = errCutShort
		}
	}()
	copy(dst, src)
	return nil
}

var errCutShort = errors.New("the file that the model was opened from was cut short meanwhile")
