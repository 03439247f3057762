package onnxpb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// File is a model that was opened from a file. The large payloads of its tensors (RawData, FloatData, DoubleData, elements of StringData) and the large strings
// of its attributes may lie in the file's bytes, which are mapped into memory: they are read-only, to write into them ends the process, and after Close they are
// gone. Large lists of integers (Int32Data, Int64Data, Uint64Data) stay there undecoded: Decode and Unpacked read them, the fields themselves are empty. All that
// holds for copies that Clone made, too, and for a model that tensors of this one were put into. A file that a rename replaces stays good for whoever has it open; one that another program
// cuts short or writes into while it is open is not (to read past its new end ends the process with SIGBUS), as with any program that maps files.
type File struct {
	Model *ModelProto
	Path  string // as given to Open; "-" for standard input

	mapped *mapping
	perm   fs.FileMode
}

// Perm returns what the file is open to, for SaveOptions.Perm: a file that is made of this one should not be more so. Of what no file is (a pipe) nothing is
// known, and it is everybody. Whoever could read the file may read what is made of it.
func (f *File) Perm() fs.FileMode { return f.perm&everybody | 0o400 }

// Dir returns the directory that locations of external data are relative to.
func (f *File) Dir() string {
	if f.Path == "-" {
		return "."
	}
	return filepath.Dir(f.Path)
}

// Close gives up what the file holds. Neither the model nor a copy by Clone may be used afterwards. A second Close does nothing.
func (f *File) Close() error {
	m := f.mapped
	if m == nil {
		return nil
	}
	f.mapped = nil
	return m.close()
}

// Open reads the model in a file; "-" is standard input. Of a large file only the graph is read: the elements of its tensors stay in the file until they
// are used. Messages may stand 100 deep within each other, as protobuf's other readers have it. The errors it returns are of kind Unfit and name the file.
func Open(path string) (*File, error) {
	f := &File{Path: path, perm: everybody}
	var data []byte
	var err error
	if path == "-" {
		data, err = f.mapStandardInput()
	} else {
		data, err = f.mapRegular(path)
	}
	if err != nil {
		f.Close()
		return nil, openError(path, err)
	}
	if f.Model, err = parse(data, decodeInPlace); err != nil {
		f.Close()
		return nil, InFile(err, path)
	}
	letGoOfPages()
	return f, nil
}

// mapRegular maps a file, or reads it where it is small or this system does not map files.
func (f *File) mapRegular(path string) ([]byte, error) {
	from, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	return f.mapOrRead(from, st)
}

func (f *File) mapOrRead(from *os.File, st fs.FileInfo) ([]byte, error) {
	f.perm = st.Mode().Perm()
	if st.Size() >= mapFrom {
		if m, err := openMapping(from, st.Size()); err == nil {
			f.mapped = m
			return m.data, nil
		}
	}
	return readAll(from, st.Size())
}

// mapStandardInput reads standard input to its end, or maps it where it is a file of which nothing has been read.
func (f *File) mapStandardInput() ([]byte, error) {
	if st, err := os.Stdin.Stat(); err == nil && st.Mode().IsRegular() {
		if at, err := os.Stdin.Seek(0, io.SeekCurrent); err == nil && at == 0 {
			data, err := f.mapOrRead(os.Stdin, st)
			if err == nil {
				_, err = os.Stdin.Seek(0, io.SeekEnd)
			}
			return data, err
		}
	}
	return f.spool(os.Stdin)
}

var errNotRegular = errors.New("is not a regular file")

// openRegular opens a file, and refuses what would block or never end (a FIFO, a device).
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = errors.New("is a directory, not a model")
	case !st.Mode().IsRegular():
		err = errNotRegular
	default:
		return f, st, nil
	}
	f.Close()
	return nil, nil, err
}

// readAll reads a file that has so many bytes, as far as one can tell: the system tells none of some, and others grow.
func readAll(f *os.File, size int64) ([]byte, error) {
	if int64(int(size)) != size {
		return nil, errors.New("is too large for this system")
	}
	data := make([]byte, size)
	n, err := io.ReadFull(f, data)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return data[:n], nil
	}
	if err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(f)
	return append(data, rest...), err
}

// readRegular reads a file, with openRegular's checks.
func readRegular(path string) ([]byte, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, st.Size())
}

func openError(path string, err error) error {
	e := &Error{Kind: Unfit, File: path, Err: err}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		e.Err = pe.Err
	}
	if errors.Is(err, errNotRegular) {
		e.Hint = "what comes through a pipe is read from standard input, by the name -"
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Hint = "check the path"
		if near := nearFile(path); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
	}
	return e
}

// nearFile finds the file beside path whose name is path's but for upper and lower case or a missing .onnx.
func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	base := filepath.Base(path)
	for _, e := range entries {
		if n := e.Name(); strings.EqualFold(n, base) || strings.EqualFold(n, base+".onnx") {
			return filepath.Join(filepath.Dir(path), n)
		}
	}
	return ""
}

// Parse decodes a model from the bytes of its file, which it does not keep.
func Parse(data []byte) (*ModelProto, error) { return parse(data, decodeCopied) }

func parse(data []byte, decode func([]byte) (*ModelProto, error)) (*ModelProto, error) {
	if len(data) == 0 {
		return nil, &Error{Msg: "the file is empty", Hint: "an ONNX model was expected"}
	}
	m, err := decode(data)
	switch {
	case errors.Is(err, errTooDeep):
		return nil, &Error{Msg: "cannot be read: " + err.Error(), Hint: "no other reader of ONNX takes such a model"}
	case err != nil:
		return nil, &Error{Msg: "not an ONNX model, or a truncated one", Err: err, Hint: hintFor(data)}
	case m.Graph == nil:
		return nil, &Error{Msg: "not an ONNX model: it has no graph", Hint: hintFor(data)}
	case m.IrVersion == nil:
		return nil, &Error{Msg: "not an ONNX model: it has no ir_version", Hint: hintFor(data)}
	}
	return m, nil
}

// hintFor guesses what a file that is no model is.
func hintFor(data []byte) string {
	head := string(data[:min(len(data), 200)])
	switch {
	case strings.HasPrefix(head, "version https://git-lfs"):
		return "this is a Git LFS pointer: run git lfs pull"
	case strings.HasPrefix(head, "PK\x03\x04"):
		return "this is a zip archive: unpack it first; PyTorch checkpoints need an export to ONNX"
	case strings.HasPrefix(head, "\x1f\x8b"):
		return "this is a gzip file: unpack it first"
	case len(head) > 8 && head[4:8] == "TFL3":
		return "this is a TensorFlow Lite model"
	case isText(head):
		return "this looks like a text file"
	}
	return "was the file copied or downloaded in full?"
}

func isText(s string) bool {
	for _, r := range s {
		if r == 0xfffd || r < 32 && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
