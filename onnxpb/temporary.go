package onnxpb

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	temporaryPrefix = ".onnxtool-"
	temporarySuffix = ".tmp"
	// longestBase is how many bytes of a target's name go into that of its temporary file.
	longestBase = 80
	// staleAfter is how long nothing was written to a temporary file that may be a dead run's. Together with the lock it keeps off one that was made just
	// now, and is to be locked next.
	staleAfter = 10 * time.Second
)

// temporaryName is the name of the temporary file for a target of so a name: always the same, so that what a killed run left is found by the next one.
func temporaryName(base string) string {
	if len(base) > longestBase {
		h := fnv.New64a()
		h.Write([]byte(base))
		cut := longestBase / 2
		for cut > 0 && !utf8.RuneStart(base[cut]) {
			cut--
		}
		base = fmt.Sprintf("%s-%016x", base[:cut], h.Sum64())
	}
	return temporaryPrefix + base + temporarySuffix
}

func isTemporaryName(name string) bool {
	return strings.HasPrefix(name, temporaryPrefix) && strings.HasSuffix(name, temporarySuffix)
}

// directory is where temporary files are made: an os.Root, or a directory by its path.
type directory interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Lstat(name string) (fs.FileInfo, error)
	Remove(name string) error
}

// dirPath is a directory by its path, which need not be readable.
type dirPath string

func (d dirPath) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(filepath.Join(string(d), name), flag, perm)
}

func (d dirPath) Lstat(name string) (fs.FileInfo, error) {
	return os.Lstat(filepath.Join(string(d), name))
}

func (d dirPath) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

// temporaries are the temporary files that exist now, by path, for RemoveTemporaries; each with the lock on it, nil where it has none. The lock is a second
// descriptor of the file, so that it holds until the file has got its name and has been closed.
var temporaries struct {
	sync.Mutex
	locks map[string]*os.File
}

// createTemporary makes the temporary file for target, beside it.
func createTemporary(target string) (*os.File, error) {
	dir := filepath.Dir(target)
	f, _, err := newTemporary(dirPath(dir), dir, filepath.Base(target))
	return f, err
}

// newTemporary makes the temporary file for a target of the name base in a directory, which stands at path: only its owner may read it until it is
// complete. It is to be forgotten when it has been given its name or has been removed.
func newTemporary(d directory, path, base string) (*os.File, string, error) {
	name := temporaryName(base)
	f, lock := ownTemporary(d, name)
	for try := 0; f == nil; try++ {
		name = fmt.Sprintf("%s%d%s", temporaryPrefix, rand.Uint64(), temporarySuffix)
		var err error
		if f, err = d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil && (!errors.Is(err, fs.ErrExist) || try > 100) {
			return nil, "", err
		}
	}
	temporaries.Lock()
	if temporaries.locks == nil {
		temporaries.locks = map[string]*os.File{}
	}
	temporaries.locks[filepath.Join(path, name)] = lock
	temporaries.Unlock()
	return f, name, nil
}

// ownTemporary makes the temporary file of a name that its target has to itself, and locks it; or takes over what a run that was killed has left there. It
// returns nil where the file is in use, or where this system has no such locks.
func ownTemporary(d directory, name string) (f, lock *os.File) {
	if !canLock {
		return nil, nil
	}
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	left := errors.Is(err, fs.ErrExist)
	if left {
		f, err = openLeft(d, name)
	}
	if err != nil {
		return nil, nil // whatever it is, to make a file of another name tells it better
	}
	lock, err = lockFile(f)
	// Until it was locked another run may have taken it, and given it its name.
	here, err1 := d.Lstat(name)
	st, err2 := f.Stat()
	ours := err1 == nil && err2 == nil && os.SameFile(here, st)
	if err == nil && ours && (!left || isStale(st) && f.Truncate(0) == nil && f.Chmod(0o600) == nil) {
		return f, lock
	}
	if err != nil && ours && !left {
		// There are no locks on this file system; or another run, which looks whether the file is a dead one's, has it locked for this moment, and will find that it
		// is too young.
		d.Remove(name)
	}
	f.Close()
	if lock != nil {
		lock.Close()
	}
	return nil, nil
}

// isStale tells whether a file that nobody has locked is a dead run's, and is safe to be written to: no link to a file of another name, and nobody else's.
func isStale(st fs.FileInfo) bool {
	return st.Mode().IsRegular() && linksOf(st) == 1 && isOurs(st) && time.Since(st.ModTime()) > staleAfter
}

// forget takes a temporary file that is not there any more off the list, and lets go of its lock.
func forget(path string) {
	temporaries.Lock()
	if lock := temporaries.locks[path]; lock != nil {
		lock.Close()
	}
	delete(temporaries.locks, path)
	temporaries.Unlock()
}

// RemoveTemporaries removes the temporary files of writes that are under way. It is for a program that is about to exit on a signal.
func RemoveTemporaries() {
	temporaries.Lock()
	defer temporaries.Unlock()
	for path, lock := range temporaries.locks {
		if lock != nil { // the file may have got its name just now, and its old one may be another run's
			mine, err1 := lock.Stat()
			here, err2 := os.Lstat(path)
			if err1 != nil || err2 != nil || !os.SameFile(mine, here) {
				continue
			}
		}
		os.Remove(path)
	}
}
