//go:build unix

package onnxpb

import (
	"io/fs"
	"sync"
	"syscall"
)

// umask reads the process's umask, once: reading it means setting it.
var umask = sync.OnceValue(func() fs.FileMode {
	m := syscall.Umask(0)
	syscall.Umask(m)
	return fs.FileMode(m)
})
