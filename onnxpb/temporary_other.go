//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package onnxpb

import (
	"errors"
	"io/fs"
	"os"
)

const canLock = false

func lockFile(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func openLeft(directory, string) (*os.File, error) { return nil, errors.ErrUnsupported }

func isOurs(fs.FileInfo) bool { return false }
