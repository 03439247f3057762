package onnxpb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

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
	location string // as the model has it
	dir      string // where the file lies
	from     string // relative to dir
	invented bool   // the location is one that Save may change
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
			f = &externalFile{location: key, from: key, furthest: x, size: size, tensor: t.GetName()}
			byLocation[key] = f
			files = append(files, f)
		} else if end(x, size) > end(f.furthest, f.size) {
			f.furthest, f.size, f.tensor = x, size, t.GetName()
		}
	})
	return files, err
}

// sourcedFiles is externalFiles with the directories that the files lie in.
func sourcedFiles(m *ModelProto, dir string, carry []CarryFile) ([]*externalFile, error) {
	files, err := externalFiles(m)
	if err != nil {
		return nil, err
	}
	from := map[string]CarryFile{}
	for _, c := range carry {
		from[filepath.Clean(c.To)] = c
	}
	for _, f := range files {
		f.dir = dir
		if c, ok := from[f.location]; ok {
			if err := checkLocation(c.From); err != nil {
				return nil, inTensor(err, f.tensor)
			}
			f.dir, f.from, f.invented = c.Dir, filepath.Clean(c.From), true
		}
	}
	return files, nil
}

// end returns the offset past the last byte of so many at x; an offset fits 63 bits, so it cannot overflow.
func end(x external, size int) uint64 { return uint64(x.offset) + uint64(size) }

// open opens the file and looks whether it holds all that the model's tensors want of it.
func (x *externalFile) open(links bool) (*os.File, int64, error) {
	src, have, err := openData(x.dir, x.from, links || hardLinksAllowed())
	if err != nil {
		return nil, 0, inTensor(err, x.tensor)
	}
	if err := checkSpan(x.furthest, x.size, have); err != nil {
		src.Close()
		return nil, 0, inTensor(err, x.tensor)
	}
	return src, have, nil
}

// carrier makes the data files of a model reachable from the directory that the model is written to.
type carrier struct {
	*placer
	mode    DataMode
	model   string            // the path that the model is written to
	taken   map[string]bool   // locations that the model has
	renamed map[string]string // locations that change
	note    func(string)
}

// carryAll carries all files, and tells the locations that changed on the way.
func (c *carrier) carryAll(files []*externalFile) error {
	c.taken, c.renamed = map[string]bool{}, map[string]string{}
	for _, f := range files {
		c.taken[f.location] = true
	}
	for _, f := range files {
		at, err := c.resolve(f)
		if err != nil {
			return err
		}
		if at != f.location {
			c.renamed[f.location] = filepath.ToSlash(at)
		}
	}
	return nil
}

// resolve returns the location that a file has beside the target, and carries it there if it has to.
func (c *carrier) resolve(f *externalFile) (string, error) {
	if samePlace(f.dir, c.dir) {
		return f.from, c.notTheModel(f.from)
	}
	if c.mode == DataKeep {
		at, err := c.keep(f)
		if err != nil {
			return "", err
		}
		return at, c.notTheModel(at)
	}
	at := f.location
	for i := 1; ; i++ {
		err := c.notTheModel(at)
		if err == nil {
			err = c.carry(f, at)
		} else if f.invented {
			err = errTaken
		}
		switch {
		case errors.Is(err, errTaken) && f.invented && i < 1000:
		case errors.Is(err, errTaken):
			return "", &Error{Msg: fmt.Sprintf("external data %s cannot go along: %s has another file of that name", quoted(at), c.dir),
				Hint: "save to another directory, remove that file, or put the data elsewhere with --data"}
		case err != nil:
			return "", err
		default:
			if f.invented {
				c.note(fmt.Sprintf("external data %s of %s goes along as %s", f.from, f.dir, at))
			}
			return at, nil
		}
		for at = numbered(f.location, i); c.taken[at]; at = numbered(f.location, i) {
			i++
		}
	}
}

// numbered puts a number before the extension of a path.
func numbered(path string, n int) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "_" + strconv.Itoa(n) + ext
}

// notTheModel refuses data that the model would be written over, where upper and lower case are the same too.
func (c *carrier) notTheModel(location string) error {
	at := filepath.Join(c.dir, location)
	if samePlace(at, c.model) || strings.EqualFold(at, filepath.Clean(c.model)) {
		return &Error{Msg: "the model would overwrite its own external data at " + quoted(location), Hint: "give it another name"}
	}
	return nil
}

// keep returns the location, relative to the target, of a file that stays where it is.
func (c *carrier) keep(f *externalFile) (string, error) {
	refused := &Error{Kind: Refused, Tensor: f.tensor, Hint: "copy the data along with --data copy",
		Msg: fmt.Sprintf("external data %s of %s cannot stay there: readers refuse data that is not in the model's own directory, %s", quoted(f.from), f.dir, c.dir)}
	here, err1 := realDir(c.dir)
	there, err2 := realDir(f.dir)
	if err1 != nil || err2 != nil {
		return "", refused
	}
	rel, err := filepath.Rel(here, there)
	if err != nil {
		return "", refused
	}
	at := filepath.Join(rel, f.from)
	if checkLocation(at) != nil {
		return "", refused
	}
	src, _, err := f.open(false)
	if err != nil {
		return "", err
	}
	defer src.Close()
	again, _, err := openExternal(c.dir, at)
	if err != nil {
		return "", refused
	}
	defer again.Close()
	a, err1 := src.Stat()
	b, err2 := again.Stat()
	if err1 != nil || err2 != nil || !os.SameFile(a, b) {
		return "", refused
	}
	return at, nil
}

func realDir(dir string) (string, error) {
	p, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(p)
}

// carry copies or links a file to a location.
func (c *carrier) carry(f *externalFile, location string) error {
	src, have, err := f.open(c.mode == DataLink)
	if err != nil {
		return err
	}
	defer src.Close()
	equal := func(old *os.File, size int64) (bool, error) {
		if size != have {
			return false, nil
		}
		if a, err := src.Stat(); err == nil {
			if b, err := old.Stat(); err == nil && os.SameFile(a, b) {
				return true, nil
			}
		}
		return sameFiles(src, old, have)
	}
	if c.mode == DataLink {
		err = c.link(location, filepath.Join(f.dir, f.from), src, equal)
	} else {
		perm := c.perm
		if err := c.noWiderThan(src); err != nil {
			return err
		}
		err = c.put(location, func(tmp *os.File) error { return copyWhole(tmp, src, have) }, equal)
		c.perm = perm
	}
	if err == nil && c.mode == DataLink {
		c.note(fmt.Sprintf("external data %s is a hard link: onnx from 1.21 on, and this program unless ONNXTOOL_HARD_LINKS=allow is set, refuse to read it under either name", location))
	}
	if err == nil || errors.Is(err, errTaken) {
		return err
	}
	e := &Error{Msg: fmt.Sprintf("external data %s cannot go along to %s", quoted(location), c.dir), Err: bare(err)}
	if c.mode == DataLink {
		e.Hint = "where hard links are not possible copy it, with --data copy"
	}
	return e
}
