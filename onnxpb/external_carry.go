package onnxpb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// carryExternal makes the external data of a model that is to be saved at path reachable from there: where path lies in another directory than
// the data, the files are copied to the same places relative to it. A file that stands there already is left alone if it has the same bytes, and is
// an error otherwise. The function that it returns takes the copies away again, for when the model cannot be written after all.
func carryExternal(m *ModelProto, path string, o SaveOptions) (undo func(), err error) {
	nothing := func() {}
	files, err := externalFiles(m)
	if err != nil || len(files) == 0 {
		return nothing, err
	}
	if path == "-" {
		return nothing, &Error{Msg: "the model has external data (" + files[0].location + "), which cannot go along to standard output",
			Hint: "write to a file, or take the data into the model first"}
	}
	dir := filepath.Dir(path)
	for _, f := range files {
		if samePlace(filepath.Join(dir, f.location), path) {
			return nothing, &Error{Msg: "the model would overwrite its own external data at " + strconv.Quote(f.location), Hint: "give it another name"}
		}
	}
	if o.SourceDir == "" || samePlace(o.SourceDir, dir) {
		return nothing, nil
	}
	c := carrier{from: o.SourceDir, to: dir}
	for _, f := range files {
		if err := c.carry(f); err != nil {
			c.undo()
			return nothing, err
		}
	}
	return c.undo, nil
}

// samePlace tells whether two paths are the same, or lead to the same file or directory.
func samePlace(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

// externalFile is a file of external data and the tensor whose elements reach furthest into it.
type externalFile struct {
	location string
	furthest external
	size     int
	tensor   string
}

// externalFiles lists the files of external data of a model, in the order in which its tensors name them.
func externalFiles(m *ModelProto) ([]*externalFile, error) {
	var files []*externalFile
	var err error
	byLocation := map[string]*externalFile{}
	m.AllTensors(func(t *TensorProto) {
		if err != nil || t.GetDataLocation() != TensorProto_EXTERNAL {
			return
		}
		x, size, e := externalSpan(t)
		if e == nil {
			e = checkLocation(x.location)
		}
		if e != nil {
			err = inTensor(e, t.GetName())
			return
		}
		key := filepath.Clean(x.location)
		f := byLocation[key]
		if f == nil {
			f = &externalFile{location: x.location, furthest: x, size: size, tensor: t.GetName()}
			byLocation[key] = f
			files = append(files, f)
		} else if end(x, size) > end(f.furthest, f.size) {
			f.furthest, f.size, f.tensor = x, size, t.GetName()
		}
	})
	return files, err
}

// end returns the offset past the last byte of so many at x; an offset fits 63 bits, so it cannot overflow.
func end(x external, size int) uint64 { return uint64(x.offset) + uint64(size) }

// carrier copies files from one directory to another and remembers what it made there.
type carrier struct {
	from, to string
	made     []string // files and directories, in the order they were made
}

func (c *carrier) undo() {
	for i := len(c.made) - 1; i >= 0; i-- {
		os.Remove(c.made[i])
	}
	c.made = nil
}

func (c *carrier) carry(x *externalFile) error {
	fail := func(err error) error {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return &Error{Msg: fmt.Sprintf("external data %q cannot go along to %s", x.location, c.to), Err: err}
	}
	src, have, err := openExternal(c.from, x.location)
	if err != nil {
		return inTensor(err, x.tensor)
	}
	defer src.Close()
	if err := checkSpan(x.furthest, x.size, have); err != nil {
		return inTensor(err, x.tensor)
	}
	if err := c.makeDirs(filepath.Dir(x.location)); err != nil {
		return fail(err)
	}
	target := filepath.Join(c.to, x.location)
	if _, err := os.Lstat(target); err == nil {
		return c.mustEqual(src, have, x)
	}
	tmp, err := createTemporary(target)
	if err != nil {
		return fail(err)
	}
	defer func() {
		tmp.Close()
		os.Remove(tmp.Name())
		forget(tmp.Name())
	}()
	if _, err := io.Copy(tmp, src); err != nil {
		return fail(err)
	}
	if err := tmp.Sync(); err != nil {
		return fail(err)
	}
	// A link, unlike a rename, never replaces a file that has come up meanwhile; where the file system has no links a rename must do.
	if err := os.Link(tmp.Name(), target); errors.Is(err, fs.ErrExist) {
		return c.mustEqual(src, have, x)
	} else if err != nil {
		if err := os.Rename(tmp.Name(), target); err != nil {
			return fail(err)
		}
	}
	c.made = append(c.made, target)
	return nil
}

// makeDirs makes the directories of a relative path under the target's, and refuses a way that leads out of it through a symbolic link.
func (c *carrier) makeDirs(rel string) error {
	root, err := os.OpenRoot(c.to)
	if err != nil {
		return err
	}
	defer root.Close()
	if rel == "." {
		return nil
	}
	var missing []string
	for d := rel; d != "."; d = filepath.Dir(d) {
		if _, err := root.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := root.Mkdir(missing[i], 0o777); err != nil {
			return err
		}
		c.made = append(c.made, filepath.Join(c.to, missing[i]))
	}
	return nil
}

// mustEqual holds the file that stands where x is to go to the bytes of x.
func (c *carrier) mustEqual(src *os.File, size int64, x *externalFile) error {
	differs := &Error{Msg: fmt.Sprintf("external data %q cannot go along: %s has another file of that name", x.location, c.to),
		Hint: "save to another directory, or remove that file"}
	old, have, err := openExternal(c.to, x.location)
	if err != nil || have != size {
		return differs
	}
	defer old.Close()
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return differs
	}
	if same, err := sameBytes(src, old); err != nil || !same {
		return differs
	}
	return nil
}

// sameBytes compares what two readers hold.
func sameBytes(a, b io.Reader) (bool, error) {
	bufA, bufB := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(a, bufA)
		k, errB := io.ReadFull(b, bufB)
		if n != k || !bytes.Equal(bufA[:n], bufB[:k]) {
			return false, nil
		}
		if errA == io.EOF || errA == io.ErrUnexpectedEOF {
			return errB == errA, nil
		}
		if errA != nil {
			return false, errA
		}
		if errB != nil {
			return false, errB
		}
	}
}
