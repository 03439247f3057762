package onnxpb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// placer puts files into a directory: whole or not at all, never over a file that is there, and never outside of the directory, whatever symbolic links
// stand in it. It remembers what it made.
type placer struct {
	dir  string
	root *os.Root
	sync bool // to disk, before the file gets its name
	perm fs.FileMode
	like fs.FileInfo // the file whose owner those that are made get too; nil is nobody
	made []string    // files and directories, in the order they were made
}

// noWiderThan takes away from the permissions that files get those that a file which their bytes come from does not have.
func (p *placer) noWiderThan(f *os.File) error {
	st, err := f.Stat()
	if err == nil {
		p.perm &= st.Mode().Perm() | 0o600
	}
	return err
}

func newPlacer(dir string) (*placer, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &Error{Msg: "external data cannot go to " + dir, Err: bare(err)}
	}
	return &placer{dir: dir, root: root, perm: everybody}, nil
}

// undo takes away what was made.
func (p *placer) undo() {
	for _, name := range slices.Backward(p.made) {
		p.root.Remove(name)
	}
	p.made = nil
}

func (p *placer) close() { p.root.Close() }

// errTaken says that another file stands where one was to go.
var errTaken = errors.New("there is another file of that name")

// pending is a temporary file on its way to its name.
type pending struct {
	*os.File
	name string
	gone bool // it has its name, and the temporary one is not its own any more
}

// pend makes the temporary file for a location.
func (p *placer) pend(location string) (*pending, error) {
	f, name, err := newTemporary(p.root, p.dir, filepath.Base(location))
	return &pending{File: f, name: name}, err
}

// drop closes the file, and takes the temporary name away where it still is this file's.
func (p *placer) drop(t *pending) {
	mine, err := t.Stat()
	t.Close() // first, as Windows has it
	if !t.gone && err == nil {
		if here, err := p.root.Lstat(t.name); err == nil && os.SameFile(here, mine) {
			files.unlink(p.root, t.name)
		}
	}
	forget(filepath.Join(p.dir, t.name))
}

// put makes a file of what fill writes. Where a file stands there already equal tells whether it is the same; it stays, and errTaken is the error where it
// is another. A nil equal compares the bytes.
func (p *placer) put(location string, fill func(*os.File) error, equal func(*os.File, int64) (bool, error)) error {
	location = filepath.Clean(location)
	if equal != nil && p.exists(location) {
		return p.mustEqual(location, equal) // before the copying
	}
	f, err := p.pend(location)
	if err != nil {
		return err
	}
	defer p.drop(f)
	if err := fill(f.File); err != nil {
		return err
	}
	if p.like != nil {
		keepOwner(f, p.like)
	}
	if err := f.Chmod(p.perm &^ umask()); err != nil {
		return err
	}
	if p.sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if equal == nil {
		equal = func(old *os.File, size int64) (bool, error) {
			st, err := f.Stat()
			if err != nil || st.Size() != size {
				return false, err
			}
			return sameFiles(f.File, old, size)
		}
	}
	return p.name(f, location, equal)
}

// link makes a hard link to the open file src, which stands at path.
func (p *placer) link(location, path string, src *os.File, equal func(*os.File, int64) (bool, error)) error {
	location = filepath.Clean(location)
	if p.exists(location) {
		return p.mustEqual(location, equal)
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := p.makeDirs(filepath.Dir(location)); err != nil {
		return err
	}
	// At once, not by a temporary name: a process that is killed would leave that as one name too many of a file that may lie elsewhere.
	err = files.linkFrom(path, p.root, location)
	if errors.Is(err, fs.ErrExist) {
		return p.mustEqual(location, equal)
	}
	if err != nil {
		return err
	}
	p.made = append(p.made, location)
	// The path may have come to mean another file since it was opened.
	want, err1 := src.Stat()
	got, err2 := p.root.Lstat(location)
	switch {
	case err1 != nil:
		err = err1
	case err2 != nil:
		err = err2
	case !os.SameFile(got, want):
		err = errors.New("the file was replaced meanwhile")
	}
	if err != nil {
		p.made = p.made[:len(p.made)-1]
		files.unlink(p.root, location)
	}
	return err
}

// exists tells whether anything stands at a location, a dangling symbolic link too.
func (p *placer) exists(location string) bool {
	_, err := p.root.Lstat(location)
	return err == nil
}

// name gives the temporary file its name, if that is free.
func (p *placer) name(tmp *pending, location string, equal func(*os.File, int64) (bool, error)) error {
	if err := p.makeDirs(filepath.Dir(location)); err != nil {
		return err
	}
	// In one step where that can be: a process that is killed between a link and the end of the temporary name leaves a file of two names, which readers refuse.
	err := files.move(p.root, tmp.name, location)
	tmp.gone = err == nil
	if errors.Is(err, errors.ErrUnsupported) {
		// A link, unlike a rename, never replaces a file that has come up meanwhile.
		err = files.link(p.root, tmp.name, location)
	}
	if errors.Is(err, fs.ErrExist) {
		return p.mustEqual(location, equal)
	}
	if err != nil {
		// Where the file system has no links the name is claimed by an empty file, which is then replaced.
		claim, cerr := p.root.OpenFile(location, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if cerr != nil {
			return cerr
		}
		claim.Close()
		if err := p.root.Rename(tmp.name, location); err != nil {
			p.root.Remove(location)
			return err
		}
		tmp.gone = true
	}
	p.made = append(p.made, location)
	return nil
}

// mustEqual holds the file that stands at a location to what equal says of it.
func (p *placer) mustEqual(location string, equal func(*os.File, int64) (bool, error)) error {
	old, size, err := openData(p.dir, location, true)
	if err != nil {
		return errTaken
	}
	defer old.Close()
	if same, err := equal(old, size); err != nil {
		return err
	} else if !same {
		return errTaken
	}
	return nil
}

// makeDirs makes a directory and those above it, and refuses a way that leads out through a symbolic link.
func (p *placer) makeDirs(rel string) error {
	var missing []string
	for d := rel; d != "."; d = filepath.Dir(d) {
		if st, err := p.root.Stat(d); err == nil {
			if !st.IsDir() {
				return fmt.Errorf("%s is not a directory", d)
			}
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		if err := p.root.Mkdir(d, 0o777); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		p.made = append(p.made, d)
	}
	return nil
}
