//go:build !linux

package onnxpb

import (
	"errors"
	"os"
	"path/filepath"
)

// moveNew would give a file another name in one step, where that name is free.
func moveNew(*os.Root, string, string) error { return errors.ErrUnsupported }

// linkNew gives the file at a path another name.
func linkNew(path string, root *os.Root, to string) error {
	return os.Link(path, filepath.Join(root.Name(), to))
}
