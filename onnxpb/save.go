package onnxpb

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// SaveOptions says how a model is written. The zero value is good for a model without external data.
type SaveOptions struct {
	// SourceDir is the directory that the model's external data is relative to now; "" is the target's own directory.
	SourceDir string
	// Sync has the file on disk before Save returns. Without it only a file that replaces another one is: a lost new file can be made again.
	Sync bool
	// Perm is what a new file may be open to at most (File.Perm tells it of the file that the model comes from); 0 is everybody, but for the umask.
	Perm fs.FileMode
	// Data says what becomes of the external data; the zero value copies its files along where they have to.
	Data DataOptions
}

// Marshal encodes a model: fields in number order, the same model to the same bytes.
func Marshal(m *ModelProto) ([]byte, error) {
	e, err := encode(m)
	if err != nil {
		return nil, err
	}
	return bytes.Join(e.pieces, nil), nil
}

// maxFile is the size past which other readers of protobuf refuse a file.
const maxFile = 1<<31 - 1

// Save writes a model to a file; "-" is standard output. The bytes are those of Marshal; the payloads of tensors go from where they lie straight into the file, so
// that memory follows the graph and not the weights. A model whose messages stand more than 100 deep within each other, which no reader takes, is refused. To save over the file that the model was opened from is safe.
//
// The file appears whole or not at all: what stood there before stays until the
// new bytes are complete (and on disk), then a rename puts them in place, with the permissions of the old file and, where the system lets us, its owner and
// group.
func Save(m *ModelProto, path string, o SaveOptions) error {
	// The external data first: what stands in the model's file must be there before it.
	s, err := stageExternal(m, path, o)
	if err != nil {
		return InFile(err, path)
	}
	defer s.release()
	if err := saveStaged(s.model, path, writeOptions{sync: o.Sync, perm: s.perm}); err != nil {
		s.undo()
		return err
	}
	return nil
}

// saveStaged writes a model whose external data stands where it is to be.
func saveStaged(m *ModelProto, path string, o writeOptions) error {
	if err := checkDepth(m); err != nil {
		return InFile(err, path)
	}
	e, err := encode(m)
	if err != nil {
		return InFile(err, path)
	}
	if e.size > maxFile {
		return &Error{File: path, Msg: "the model would pass 2 GiB, which other readers of ONNX refuse", Hint: "keep its weights in external data"}
	}
	if path == "-" {
		if isMapped(os.Stdout) { // by 1<>FILE or >>FILE in a shell: the weights would be written over before they are read
			return &Error{File: path, Msg: "standard output is a file that the model is read from", Hint: "write to it by its name: -o FILE, or --in-place"}
		}
		return e.writeTo(os.Stdout)
	}
	return writeWhole(path, o, e.writeTo)
}

// WriteFile puts data into a file as Save does: whole or not at all.
func WriteFile(path string, data []byte) error {
	return writeWhole(path, writeOptions{perm: everybody}, encoded{pieces: [][]byte{data}}.writeTo)
}

// everybody are the permissions of a file of which nothing is known but the umask.
const everybody fs.FileMode = 0o666

// writeOptions say how a file is written.
type writeOptions struct {
	sync  bool         // it is to be on disk at the end even where it replaces none
	perm  fs.FileMode  // of a file that replaces none, but for the umask
	ready func() error // what is to be done when all is written and on disk, right before the file gets its name; nil is nothing
}

// writeWhole makes a file of what content writes, whole or not at all. It is on disk at the end where it replaces another one.
func writeWhole(path string, o writeOptions, content func(outFile) error) error {
	fail := func(err error) error {
		var pe *fs.PathError
		var le *os.LinkError
		switch {
		case errors.As(err, &pe):
			err = pe.Err
		case errors.As(err, &le):
			err = le.Err
		}
		return &Error{File: path, Msg: "cannot be written", Err: err}
	}
	old, statErr := os.Stat(path)
	replaces := statErr == nil
	if replaces && !old.Mode().IsRegular() {
		if old.IsDir() {
			return fail(errors.New("it is a directory"))
		}
		if o.ready != nil {
			return fail(errors.New("it is not a regular file"))
		}
		// A device or a FIFO (such as /dev/null) cannot be replaced by a rename: write into it.
		if err := writeInto(path, content); err != nil {
			return fail(err)
		}
		return nil
	}
	target, err := linkTarget(path)
	if err != nil {
		return fail(err)
	}
	f, err := files.create(target)
	if err != nil {
		return fail(err)
	}
	tmp, placed := f.Name(), false
	defer func() {
		if !placed { // where content panics too
			f.Close()
			files.remove(tmp)
		}
		forget(tmp)
	}()
	if err := content(f); err != nil {
		return fail(err)
	}
	perm := o.perm &^ umask()
	if replaces {
		keepOwner(f, old)
		perm = old.Mode().Perm()
	}
	if err := f.Chmod(perm); err != nil {
		return fail(err)
	}
	if replaces || o.sync {
		if err := f.Sync(); err != nil {
			return fail(err)
		}
	}
	if err := f.Close(); err != nil {
		return fail(err)
	}
	if o.ready != nil {
		if err := o.ready(); err != nil {
			return err
		}
	}
	if err := files.rename(tmp, target); err != nil {
		return fail(err)
	}
	placed = true
	if o.sync {
		syncDir(filepath.Dir(target))
	}
	return nil
}

// linkTarget returns the file that a path names: a symbolic link stays one, and what it leads to is written, which need not exist yet.
func linkTarget(path string) (string, error) {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(to) {
			// Not Join: a .. behind a directory that is a link itself is for the system to resolve.
			to = filepath.Dir(path) + string(filepath.Separator) + to
		}
		path = to
	}
	return "", errors.New("too many levels of symbolic links")
}

// syncDir puts a directory's entries on disk. Not every system can; the file itself is there by then.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// writeInto writes into a file that stays the one it is.
func writeInto(path string, content func(outFile) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	err = content(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
