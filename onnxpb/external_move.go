package onnxpb

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"
)

// MoveData gives a file of external data another name, together with the model that refers to it, which stands at path. From and to are relative to the
// model's directory; an empty from is the only data file that the model has. At every moment the model in the file refers to data that is there: the new model is
// written beside the old one, then the file gets its second name, the new model takes the old one's place, and the old name goes. A process that is killed between
// the last steps leaves the file under both names, which readers refuse; to move it once more, as before, ends what was begun (see Unfinished). It returns the old
// name. Other models that refer to the file are not looked for. m itself is not changed.
func MoveData(m *ModelProto, path, from, to string) (old string, err error) {
	all, err := externalFiles(m)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if finished(all, dir, from, to) {
		return filepath.Clean(from), nil
	}
	f, err := chooseFile(all, from)
	if err != nil {
		return "", err
	}
	if err := checkLocation(to); err != nil {
		return "", err
	}
	if to = filepath.Clean(to); to == f.location {
		return f.location, nil
	}
	if err := besideTarget(path); err != nil {
		return "", err
	}
	f.dir = dir
	p, err := newPlacer(dir)
	if err != nil {
		return "", err
	}
	defer p.close()
	p.sync = true
	c := carrier{placer: p, model: path}
	if err := c.notTheModel(to); err != nil {
		return "", err
	}
	src, size, err := f.open(true)
	if err != nil {
		return "", err
	}
	defer src.Close()
	if st, err := src.Stat(); err == nil && linksOf(st) > 1 {
		removeStaleLinks(p.root, f.location, st)
	}
	renamed := Clone(m)
	renamed.AllTensors(func(t *TensorProto) {
		for _, e := range t.ExternalData {
			if t.GetDataLocation() == TensorProto_EXTERNAL && e.GetKey() == "location" && filepath.Clean(e.GetValue()) == f.location {
				e.Value = proto.String(filepath.ToSlash(to))
			}
		}
	})
	place := func() error {
		err := p.rename(f.location, to, src, size)
		if err == nil {
			return nil
		}
		e := &Error{Msg: fmt.Sprintf("external data %s cannot be moved to %s", quoted(f.location), quoted(to)), Err: bare(err)}
		if isTaken(err) {
			e.Hint = takenHint(all, dir, dir, to)
		}
		return e
	}
	if err := saveStaged(renamed, path, writeOptions{perm: everybody, ready: place}); err != nil {
		p.undo()
		return "", err
	}
	if err := files.unlink(p.root, f.location); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", &Error{Msg: fmt.Sprintf("the data moved to %s, but its old name %s cannot be removed", quoted(to), quoted(f.location)), Err: bare(err)}
	}
	return f.location, nil
}

// rename gives the data in src, a file of so many bytes that stands at from, the name to as well.
func (p *placer) rename(from, to string, src *os.File, size int64) error {
	// Both names of one file: an earlier move was cut short.
	same := func(existing *os.File, _ int64) (bool, error) {
		a, err := src.Stat()
		if err != nil {
			return false, err
		}
		b, err := existing.Stat()
		return err == nil && os.SameFile(a, b), err
	}
	if st, err := p.root.Lstat(from); err == nil && st.Mode()&os.ModeSymlink == 0 && (!p.exists(to) || p.canLink(from)) {
		err := p.link(to, filepath.Join(p.dir, from), src, same)
		if err == nil || isTaken(err) {
			return err
		}
	}
	// No hard links here, or the name is a symbolic link to a file that has its own: a copy takes the place, block by block where the file system shares them. A
	// copy is what an earlier move has left then.
	if err := p.noWiderThan(src); err != nil {
		return err
	}
	return p.put(to, func(tmp *os.File) error { return copyWhole(tmp, src, size) }, func(existing *os.File, have int64) (bool, error) {
		if have != size {
			return false, nil
		}
		return sameFiles(src, existing, size)
	})
}

// canLink tells whether the file system can give a file a second name.
func (p *placer) canLink(location string) bool {
	name := fmt.Sprintf("%s%d%s", temporaryPrefix, rand.Uint64(), temporarySuffix)
	if err := files.link(p.root, location, name); err != nil {
		return false
	}
	files.unlink(p.root, name)
	return true
}

// finished ends a move that was cut short after the model was written: the model refers to the new name alone, and the old one is another name of the
// same file.
func finished(all []*externalFile, dir, from, to string) bool {
	if from == "" || checkLocation(from) != nil {
		return false
	}
	refers := false
	for _, f := range all {
		if f.location == filepath.Clean(from) {
			return false
		}
		refers = refers || f.location == filepath.Clean(to)
	}
	if !refers {
		return false
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	a, err1 := root.Lstat(from)
	b, err2 := root.Lstat(to)
	return err1 == nil && err2 == nil && os.SameFile(a, b) && files.unlink(root, from) == nil
}

// Unfinished finds what a move to a name that was cut short has left: the model, which stands at path, refers to the data under its new name, and the file has just
// one other name, in the same directory or in the model's. It returns that name, which MoveData takes as from to remove it; "" where there is nothing of that kind.
func Unfinished(m *ModelProto, path, to string) string {
	to = filepath.Clean(to)
	locations := DataLocations(m)
	if !slices.Contains(locations, to) || checkLocation(to) != nil {
		return ""
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return ""
	}
	defer root.Close()
	st, err := root.Lstat(to)
	if err != nil || !st.Mode().IsRegular() || linksOf(st) < 2 {
		return ""
	}
	removeStaleLinks(root, to, st)
	if st, err = root.Lstat(to); err != nil || linksOf(st) != 2 {
		return ""
	}
	for _, dir := range []string{filepath.Dir(to), "."} {
		if names := namesOf(root, dir, st, func(name string) bool { return name != to && !slices.Contains(locations, name) }); len(names) > 0 {
			return names[0]
		}
	}
	return ""
}

// namesOf lists the names that a file has in a directory of root, of those that are wanted.
func namesOf(root *os.Root, dir string, st fs.FileInfo, wanted func(name string) bool) []string {
	d, err := root.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	entries, _ := d.Readdirnames(-1)
	var names []string
	for _, n := range entries {
		if n = filepath.Join(dir, n); !wanted(n) {
			continue
		}
		if x, err := root.Lstat(n); err == nil && os.SameFile(x, st) {
			names = append(names, n)
		}
	}
	return names
}

// removeStaleLinks takes away the names in a data file's own directory that are those of temporary files: a run that was killed between a link and the end of the
// temporary name left them, and they are one too many.
func removeStaleLinks(root *os.Root, location string, st fs.FileInfo) {
	location = filepath.Clean(location)
	for _, name := range namesOf(root, filepath.Dir(location), st, func(name string) bool { return isTemporaryName(filepath.Base(name)) && name != location }) {
		files.unlink(root, name)
	}
}

// chooseFile finds the data file of a name, or the only one where the name is "".
func chooseFile(files []*externalFile, name string) (*externalFile, error) {
	list := ""
	for _, f := range files {
		if name != "" && f.location == filepath.Clean(name) {
			return f, nil
		}
		if list != "" {
			list += ", "
		}
		list += f.location
	}
	switch {
	case len(files) == 0:
		return nil, &Error{Msg: "the model has no external data"}
	case name != "":
		return nil, &Error{Msg: "the model has no external data in " + quoted(name), Hint: "there is " + list}
	case len(files) > 1:
		return nil, &Error{Kind: Usage, Msg: fmt.Sprintf("the model has %d files of external data: %s", len(files), list), Hint: "say which with --from"}
	}
	return files[0], nil
}

// DataLocations lists the files of external data that a model refers to, as its tensors first name them, without a look at the files.
func DataLocations(m *ModelProto) []string {
	var list []string
	seen := map[string]bool{}
	m.AllTensors(func(t *TensorProto) {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			return
		}
		for _, e := range t.ExternalData {
			if l := filepath.Clean(e.GetValue()); e.GetKey() == "location" && !seen[l] {
				seen[l] = true
				list = append(list, l)
			}
		}
	})
	return list
}
