package onnxpb

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
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
	made []string // files and directories, in the order they were made
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
	return &placer{dir: dir, root: root, perm: 0o666}, nil
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

// temporary is the name of a temporary file, registered for removal, until it is dropped.
func (p *placer) temporary() string {
	name := fmt.Sprintf(".onnxtool-%d.tmp", rand.Uint64())
	temporaries.Lock()
	if temporaries.names == nil {
		temporaries.names = map[string]bool{}
	}
	temporaries.names[filepath.Join(p.dir, name)] = true
	temporaries.Unlock()
	return name
}

func (p *placer) drop(tmp string) {
	p.root.Remove(tmp)
	forget(filepath.Join(p.dir, tmp))
}

// put makes a file of what fill writes. Where a file stands there already equal tells whether it is the same; it stays, and errTaken is the error where it
// is another. A nil equal compares the bytes.
func (p *placer) put(location string, fill func(*os.File) error, equal func(*os.File, int64) (bool, error)) error {
	location = filepath.Clean(location)
	if equal != nil && p.exists(location) {
		return p.mustEqual(location, equal) // before the copying
	}
	tmp := p.temporary()
	defer p.drop(tmp)
	f, err := p.root.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := fill(f); err != nil {
		return err
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
			return sameFiles(f, old, size)
		}
	}
	return p.name(tmp, location, equal)
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
	tmp := p.temporary()
	defer p.drop(tmp)
	if err := os.Link(path, filepath.Join(p.dir, tmp)); err != nil {
		return err
	}
	// The path may have come to mean another file since it was opened.
	want, err := src.Stat()
	if err != nil {
		return err
	}
	if got, err := p.root.Lstat(tmp); err != nil {
		return err
	} else if !os.SameFile(got, want) {
		return errors.New("the file was replaced meanwhile")
	}
	return p.name(tmp, location, equal)
}

// exists tells whether anything stands at a location, a dangling symbolic link too.
func (p *placer) exists(location string) bool {
	_, err := p.root.Lstat(location)
	return err == nil
}

// name gives the temporary file its name, if that is free.
func (p *placer) name(tmp, location string, equal func(*os.File, int64) (bool, error)) error {
	if err := p.makeDirs(filepath.Dir(location)); err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a file that has come up meanwhile.
	err := p.root.Link(tmp, location)
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
		if err := p.root.Rename(tmp, location); err != nil {
			p.root.Remove(location)
			return err
		}
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
