package onnxpb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// moveNew gives a file another name in one step, where that name is free: at no moment does it have both. Not every file system can.
func moveNew(root *os.Root, from, to string) error {
	a, err := root.Open(filepath.Dir(from))
	if err != nil {
		return errors.ErrUnsupported // such as a directory that may be written to but not read
	}
	defer a.Close()
	b, err := root.Open(filepath.Dir(to))
	if err != nil {
		return errors.ErrUnsupported
	}
	defer b.Close()
	err = unix.Renameat2(int(a.Fd()), filepath.Base(from), int(b.Fd()), filepath.Base(to), unix.RENAME_NOREPLACE)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return errors.ErrUnsupported // to link the file instead tells what is wrong, if that fails too
}

// linkNew gives the file at a path another name.
func linkNew(path string, root *os.Root, to string) error {
	dir, err := root.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Linkat(unix.AT_FDCWD, path, int(dir.Fd()), filepath.Base(to), 0)
}
