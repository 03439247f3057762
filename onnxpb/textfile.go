package onnxpb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteTo puts what write writes into a file as WriteFile does, whole or not at all, without keeping it in memory. An error of write itself comes
// back as it is.
func WriteTo(path string, write func(io.Writer) error) (err error) {
	fail := func(err error) error {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return &Error{File: path, Msg: "cannot be written", Err: err}
	}
	// put tells errors of the file from those of write.
	put := func(f io.Writer) error {
		w := &errorWriter{w: f}
		if err := write(w); w.err != nil {
			return fail(w.err)
		} else if err != nil {
			return err
		}
		return nil
	}
	old, statErr := os.Stat(path)
	replaces := statErr == nil
	if replaces && !old.Mode().IsRegular() {
		if old.IsDir() {
			return fail(errors.New("it is a directory"))
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // a device or a FIFO cannot be replaced by a rename
		if err != nil {
			return fail(err)
		}
		if err := put(f); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return fail(err)
		}
		return nil
	}
	// A symbolic link stays one: the file that it names is replaced.
	target := path
	if p, err := filepath.EvalSymlinks(path); err == nil {
		target = p
	}
	f, err := createTemporary(target)
	if err != nil {
		return fail(err)
	}
	tmp := f.Name()
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(tmp)
		}
		forget(tmp)
	}()
	if err := put(f); err != nil {
		return err
	}
	if replaces {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return fail(err)
		}
		if err := f.Sync(); err != nil {
			return fail(err)
		}
	}
	if err := f.Close(); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, target); err != nil {
		return fail(err)
	}
	return nil
}

// errorWriter keeps the first error of a writer.
type errorWriter struct {
	w   io.Writer
	err error
}

func (e *errorWriter) Write(b []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(b)
	e.err = err
	return n, err
}
