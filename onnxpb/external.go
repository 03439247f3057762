package onnxpb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"
)

// external is where a tensor's elements stand outside of the model file.
type external struct {
	location string // path relative to the model's directory
	offset   int64
	length   int64 // -1: not told
}

// HasExternal tells whether a tensor of the model, at any depth, has its elements in external data.
func HasExternal(m *ModelProto) bool {
	found := false
	m.AllTensors(func(t *TensorProto) { found = found || t.GetDataLocation() == TensorProto_EXTERNAL })
	return found
}

// InlineExternal loads the external payloads of all tensors of a model into raw_data, so that the model stands alone. Locations are relative to dir. Tensors that
// use the same bytes share them; tensors that overlap in part are refused where that would take more memory than the files have bytes. If it fails,
// the model is as it was. See Inlined for a way that reads nothing.
func InlineExternal(m *ModelProto, dir string) error {
	files, err := externalFiles(m)
	if err != nil {
		return err
	}
	if dir == "" && len(files) > 0 {
		return &Error{Tensor: files[0].tensor, Msg: "has external data, and where it lies is not known", Hint: "give a model that stands in a file, beside its data"}
	}
	open := map[string]*os.File{}
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	var have int64
	for _, x := range files {
		x.dir = dir
		f, size, err := x.open(false)
		if err != nil {
			return err
		}
		open[x.location] = f
		have += size
	}
	loaded := map[*TensorProto][]byte{}
	read := map[span][]byte{}
	m.AllTensors(func(t *TensorProto) {
		if err != nil || t.GetDataLocation() != TensorProto_EXTERNAL {
			return
		}
		x, size, e := externalSpan(t)
		if e != nil {
			err = inTensor(e, t.GetName())
			return
		}
		key := span{src: open[filepath.Clean(x.location)], from: x.offset, size: int64(size)}
		raw, ok := read[key]
		if !ok {
			if have -= int64(size); have < 0 {
				err = inTensor(Errorf(Unfit, "overlaps others in part in external data at %s: together they take more than the files hold", quoted(x.location)), t.GetName())
				return
			}
			raw = make([]byte, size)
			if _, e := key.src.ReadAt(raw, x.offset); e != nil && size > 0 {
				err = inTensor(&Error{Msg: "external data at " + quoted(x.location) + " cannot be read", Err: bare(e)}, t.GetName())
				return
			}
			read[key] = raw
		}
		loaded[t] = raw
	})
	if err != nil {
		return err
	}
	for t, raw := range loaded {
		t.RawData, t.ExternalData, t.DataLocation = raw, nil, nil
	}
	return nil
}

// externalOf reads the external_data entries of a tensor. Keys that are not known (checksum) are left alone.
func externalOf(t *TensorProto) (external, error) {
	x := external{length: -1}
	seen := map[string]bool{}
	for _, e := range t.GetExternalData() {
		key := e.GetKey()
		if key != "location" && key != "offset" && key != "length" {
			continue
		}
		if seen[key] {
			return x, Errorf(Unfit, "external data tells its %s twice", key)
		}
		seen[key] = true
		if key == "location" {
			x.location = e.GetValue()
			continue
		}
		v, err := strconv.ParseInt(e.GetValue(), 10, 64)
		if err != nil || v < 0 {
			return x, Errorf(Unfit, "external data has the %s %s, which is no number of bytes", key, quoted(e.GetValue()))
		}
		if key == "offset" {
			x.offset = v
		} else {
			x.length = v
		}
	}
	if x.location == "" {
		return x, Errorf(Unfit, "has external data without a location")
	}
	return x, nil
}

// maxLocation is the length from which a location is refused; no system opens longer paths.
const maxLocation = 4096

// checkLocation refuses a location that is not a plain path downwards from the model's directory, on any system: a model that is harmless here
// should not do harm where a backslash parts directories or a letter and a colon name a drive.
func checkLocation(location string) error {
	why := ""
	switch {
	case len(location) > maxLocation:
		why = "has " + strconv.Itoa(len(location)) + " bytes"
	case strings.ContainsRune(location, 0):
		why = "holds a zero byte"
	case !utf8.ValidString(location):
		why = "is not UTF-8"
	case strings.Contains(location, "_ORT_MEM_ADDR_"):
		why = "stands for a place in memory" // ONNX Runtime's mark in models that live in its own process: the offset is a pointer
	case filepath.IsAbs(location) || strings.HasPrefix(location, "/") || strings.HasPrefix(location, `\`) || hasDrive(location):
		why = "is absolute"
	case hasDotDot(location):
		why = "goes upwards"
	case !filepath.IsLocal(location):
		why = "is no path"
	default:
		return nil
	}
	return &Error{Msg: "external data at " + quoted(location) + " is refused: the location " + why,
		Hint: "it must be a path relative to the model's directory, inside of it"}
}

// hasDrive tells whether a path begins with the name of a drive, as on Windows.
func hasDrive(path string) bool {
	return len(path) >= 2 && path[1] == ':' && (path[0]|0x20) >= 'a' && (path[0]|0x20) <= 'z'
}

func hasDotDot(path string) bool {
	for _, p := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if p == ".." {
			return true
		}
	}
	return false
}

// hardLinksAllowed tells whether the user has said that data files may have several hard links, as in stores that share files by them.
var hardLinksAllowed = sync.OnceValue(func() bool { return os.Getenv("ONNXTOOL_HARD_LINKS") == "allow" })

// openExternal opens a file of external data for reading. A symbolic link may not lead out of the directory; a file that has other hard links may be
// one from anywhere, and is refused; and what is no regular file (a FIFO, a device, a directory) is refused without waiting on it.
func openExternal(dir, location string) (*os.File, int64, error) {
	return openData(dir, location, hardLinksAllowed())
}

// openData is openExternal, with leave to open files that have several hard links.
func openData(dir, location string, links bool) (*os.File, int64, error) {
	fail := func(err error) (*os.File, int64, error) {
		e := &Error{Msg: "external data at " + quoted(location) + " cannot be read", Err: bare(err)}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.Hint = "it must lie beside the model, in " + dir
		case strings.Contains(e.Err.Error(), "escapes"):
			e.Hint = "a symbolic link leads out of the model's directory: put the file itself there, as cp -L does"
		}
		return nil, 0, e
	}
	if err := checkLocation(location); err != nil {
		return nil, 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	f, err := root.OpenFile(location, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fail(err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return fail(err)
	}
	n := linksOf(st)
	if n > 1 && !links {
		removeStaleLinks(root, location, st)
		if st, err := f.Stat(); err == nil {
			n = linksOf(st)
		}
	}
	if n > 1 && !links {
		f.Close()
		return nil, 0, &Error{Msg: fmt.Sprintf("external data at %s is refused: the file has %d hard links, and may be one from another directory", quoted(location), n),
			Hint: "put a copy in its place, or set ONNXTOOL_HARD_LINKS=allow"}
	}
	return f, st.Size(), nil
}

// bare takes the operation and the path off an error of the file system, where the message tells them already.
func bare(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	}
	return err
}

// externalSpan returns where the elements of a tensor with external data stand and how many bytes they are, by its type and dimensions; a length that
// is told must be the same.
func externalSpan(t *TensorProto) (x external, size int, err error) {
	et := TensorProto_DataType(t.GetDataType())
	n, err := checkType(et, t.GetDims())
	if err != nil {
		return x, 0, err
	}
	if et == TensorProto_STRING {
		return x, 0, Errorf(Unfit, "strings cannot stand in external data")
	}
	if err := noPayload(t); err != nil {
		return x, 0, err
	}
	if x, err = externalOf(t); err != nil {
		return x, 0, err
	}
	if size, err = rawSize(et, n); err != nil {
		return x, 0, err
	}
	if x.length >= 0 && x.length != int64(size) {
		return x, 0, Errorf(Unfit, "%s%v takes %d bytes of data, external data tells a length of %d", TypeName(et), t.GetDims(), size, x.length)
	}
	return x, size, nil
}

// checkSpan refuses elements that stand, in whole or in part, past the end of a file of so many bytes.
func checkSpan(x external, size int, have int64) error {
	if x.offset > have || int64(size) > have-x.offset {
		return Errorf(Unfit, "external data at %s has %d bytes, but the tensor's stand at offset %d and are %d", quoted(x.location), have, x.offset, size)
	}
	return nil
}

// readExternal reads the elements of a tensor with external data: as many bytes as its type and dimensions tell.
func readExternal(t *TensorProto, dir string) ([]byte, error) {
	if dir == "" {
		return nil, &Error{Msg: "has external data, and where it lies is not known", Hint: "give a model that stands in a file, beside its data"}
	}
	x, size, err := externalSpan(t)
	if err != nil {
		return nil, err
	}
	f, have, err := openExternal(dir, x.location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkSpan(x, size, have); err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, x.offset, int64(size)), raw); err != nil {
		return nil, &Error{Msg: "external data at " + quoted(x.location) + " cannot be read", Err: err}
	}
	return raw, nil
}
