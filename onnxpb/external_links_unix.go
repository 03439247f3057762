//go:build unix

package onnxpb

import (
	"io/fs"
	"syscall"
)

// linksOf returns how many names a file has.
func linksOf(st fs.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// keepOwner gives a file that is to replace another one its owner and group, as far as the system lets this process.
func keepOwner(f interface {
	Stat() (fs.FileInfo, error)
	Chown(uid, gid int) error
}, old fs.FileInfo) {
	st, err := f.Stat()
	if err != nil {
		return
	}
	have, ok1 := st.Sys().(*syscall.Stat_t)
	want, ok2 := old.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || have.Uid == want.Uid && have.Gid == want.Gid {
		return
	}
	if f.Chown(int(want.Uid), int(want.Gid)) != nil {
		f.Chown(-1, int(want.Gid)) // an owner may give a file to a group of his
	}
}
