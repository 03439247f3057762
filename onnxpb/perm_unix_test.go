//go:build unix

package onnxpb

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func owner(t *testing.T, path string) (uid, gid uint32, mode fs.FileMode) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := st.Sys().(*syscall.Stat_t)
	return s.Uid, s.Gid, st.Mode()
}

// A file that is replaced stays its owner's and its group's, with its permissions, and what makes a program another user's goes; data that is made for it is theirs
// too.
func TestOwnerIsKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only the superuser gives files away")
	}
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "m.onnx"), mustMarshal(t, small()))
	if err := os.Chown(path, 1234, 5678); err != nil {
		t.Skip("files cannot be given away here: ", err)
	}
	if err := os.Chmod(path, 0o640|fs.ModeSetuid|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if err := Save(small(), path, SaveOptions{Perm: 0o600}); err != nil {
		t.Fatal(err)
	}
	if uid, gid, mode := owner(t, path); uid != 1234 || gid != 5678 || mode != 0o640 {
		t.Errorf("of %d:%d, %v", uid, gid, mode)
	}
	if err := Save(small(), path, SaveOptions{Data: DataOptions{Mode: DataFile, Threshold: 1}}); err != nil {
		t.Fatal(err)
	}
	if uid, gid, mode := owner(t, path+".data"); uid != 1234 || gid != 5678 || mode&0o027 != 0 {
		t.Errorf("its data: of %d:%d, %v", uid, gid, mode)
	}
	// A new file is whoever's makes it.
	if err := Save(small(), filepath.Join(dir, "new.onnx"), SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if uid, _, _ := owner(t, filepath.Join(dir, "new.onnx")); uid != 0 {
		t.Errorf("a new file is of %d", uid)
	}
}

// A new file is open to no more than it is said to be, and so is the data beside it; while it is written only its owner may read it.
func TestPerm(t *testing.T) {
	dir := t.TempDir()
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o444, 0o400} {
		path := filepath.Join(dir, perm.String())
		if err := Save(small(), path, SaveOptions{Perm: perm, Data: DataOptions{Mode: DataFile, Threshold: 1}}); err != nil {
			t.Fatal(err)
		}
		if _, _, mode := owner(t, path); mode != perm&^umask() {
			t.Errorf("%v became %v", perm, mode)
		}
		if _, _, mode := owner(t, path+".data"); mode != (perm|0o600)&^umask() {
			t.Errorf("data of %v became %v", perm, mode)
		}
		f := openFile(t, path)
		if got := f.Perm(); got != perm&^umask() {
			t.Errorf("%v is told as %v", perm, got)
		}
	}
	f, err := createTemporary(filepath.Join(dir, "m.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer forget(f.Name())
	defer os.Remove(f.Name())
	if _, _, mode := owner(t, f.Name()); mode != 0o600 {
		t.Errorf("the temporary file is %v", mode)
	}
	f.Close()
}
