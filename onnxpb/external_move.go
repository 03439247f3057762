package onnxpb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"
)

// MoveData gives a file of external data another name, together with the model that refers to it, which stands at path. From and to are relative to the
// model's directory; an empty from is the only data file that the model has. At every moment the model in the file refers to data that is there: the file
// first has both names, then the model is written, then the old name goes. It returns the old name. Other models that refer to the file are not
// looked for. m itself is not changed.
func MoveData(m *ModelProto, path, from, to string) (old string, err error) {
	files, err := externalFiles(m)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if finished(files, dir, from, to) {
		return filepath.Clean(from), nil
	}
	f, err := chooseFile(files, from)
	if err != nil {
		return "", err
	}
	if err := checkLocation(to); err != nil {
		return "", err
	}
	if to = filepath.Clean(to); to == f.location {
		return f.location, nil
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
	same := func(existing *os.File, _ int64) (bool, error) {
		a, err := src.Stat()
		if err != nil {
			return false, err
		}
		b, err := existing.Stat()
		return err == nil && os.SameFile(a, b), err // both names of one file: an earlier move was cut short
	}
	err = p.link(to, filepath.Join(dir, f.location), src, same)
	if err != nil && !isTaken(err) {
		// No hard links here: a copy takes the place, block by block where the file system shares them.
		if err := p.noWiderThan(src); err != nil {
			return "", err
		}
		err = p.put(to, func(tmp *os.File) error { return copyWhole(tmp, src, size) }, same)
	}
	if err != nil {
		p.undo()
		e := &Error{Msg: fmt.Sprintf("external data %s cannot be moved to %s", quoted(f.location), quoted(to)), Err: bare(err)}
		if isTaken(err) {
			e.Hint = "give it another name, or remove that file"
		}
		return "", e
	}
	renamed := Clone(m)
	renamed.AllTensors(func(t *TensorProto) {
		for _, e := range t.ExternalData {
			if t.GetDataLocation() == TensorProto_EXTERNAL && e.GetKey() == "location" && filepath.Clean(e.GetValue()) == f.location {
				e.Value = proto.String(filepath.ToSlash(to))
			}
		}
	})
	if err := Save(renamed, path, SaveOptions{}); err != nil {
		p.undo()
		return "", err
	}
	if err := p.root.Remove(f.location); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", &Error{Msg: fmt.Sprintf("the data moved to %s, but its old name %s cannot be removed", quoted(to), quoted(f.location)), Err: bare(err)}
	}
	return f.location, nil
}

// finished ends a move that was cut short after the model was written: the model refers to the new name alone, and the old one is another name of the
// same file.
func finished(files []*externalFile, dir, from, to string) bool {
	if from == "" || checkLocation(from) != nil {
		return false
	}
	refers := false
	for _, f := range files {
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
	return err1 == nil && err2 == nil && os.SameFile(a, b) && root.Remove(from) == nil
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
