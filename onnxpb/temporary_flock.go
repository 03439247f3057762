//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package onnxpb

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// canLock tells whether this system has locks that end with the process that holds them.
const canLock = true

// lockFile locks an open file without waiting, until the file that it returns has been closed as well.
func lockFile(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// openLeft opens a temporary file that stands there already, and nothing that a link of its name leads to.
func openLeft(d directory, name string) (*os.File, error) {
	return d.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// isOurs tells whether a file belongs to whoever runs this process.
func isOurs(st fs.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
