package onnxpb

import (
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"
)

// staged is a model whose external data stands where it is to be, ready to be written.
type staged struct {
	model    *ModelProto // what is to be written
	perm     fs.FileMode // what the model's file may be open to, where it is a new one
	placer   *placer
	releases []func()
}

// undo takes away what was made for the model, for when it cannot be written after all.
func (s *staged) undo() {
	if s.placer != nil {
		s.placer.undo()
	}
}

// release gives up what the model's payloads lie in.
func (s *staged) release() {
	for _, f := range s.releases {
		f()
	}
	if s.placer != nil {
		s.placer.close()
	}
}

// stageExternal does with a model's external data what the options ask for, before the model itself is written. The model that was given stays as it is.
// Nothing that fails leaves a file behind.
func stageExternal(m *ModelProto, path string, o SaveOptions) (_ *staged, err error) {
	s := &staged{model: m, perm: everybody}
	if o.Perm != 0 {
		s.perm &= o.Perm
	}
	defer func() {
		if err != nil {
			s.undo()
			s.release()
		}
	}()
	if err := o.Data.check(); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if path == "-" {
		dir = "."
	}
	source := o.SourceDir
	if source == "" {
		source = dir
	}
	files, err := sourcedFiles(m, source, o.Data.Carry)
	if err != nil {
		return nil, err
	}
	if err := sparesData(files, path); err != nil {
		return nil, err
	}
	if o.Data.Mode == DataInline {
		return s, s.inline(files, o.Data)
	}
	large := tooLarge(m, o.Data)
	if len(files) == 0 && !large && o.Data.Mode != DataFile {
		return s, nil
	}
	if path == "-" {
		if o.Data.Mode == DataFile {
			return nil, &Error{Kind: Usage, Msg: "external data cannot go to a file of its own where the model goes to standard output", Hint: "write to a file"}
		}
		if large {
			return s, nil // Save says what is wrong with it
		}
		return nil, &Error{Msg: "the model has external data (" + files[0].location + "), which cannot go along to standard output",
			Hint: "write to a file, or take the data into the model with --data inline"}
	}
	old, statErr := os.Stat(path)
	if statErr == nil && !old.Mode().IsRegular() && !old.IsDir() && !large && o.Data.Mode != DataFile {
		return s, nil // a device or a FIFO, such as /dev/null: no place to put data beside
	}
	if err := besideTarget(path); err != nil {
		return nil, err
	}
	if s.placer, err = newPlacer(dir); err != nil {
		return nil, err
	}
	s.placer.perm &= s.perm | 0o600
	if statErr == nil {
		s.placer.perm &= old.Mode().Perm() | 0o600 // data of a model that only some may read is theirs alone too
		s.placer.like = old
	}
	s.placer.sync = o.Sync || statErr == nil // what an old model is lost for must not be lost itself
	if o.Data.Mode == DataFile {
		return s, s.pack(files, path, o.Data)
	}
	if large {
		if err := s.spill(files, path, o.Data); err != nil {
			return nil, err
		}
	}
	c := carrier{placer: s.placer, mode: o.Data.Mode, model: path, note: o.Data.note}
	if err := c.carryAll(files); err != nil {
		return nil, err
	}
	s.relocate(m, c.renamed)
	return s, nil
}

// sparesData refuses to write a model over a data file that it comes from, even where the model itself does not need that any more: the model that was
// opened still does, and would read other weights from then on.
func sparesData(files []*externalFile, path string) error {
	if path == "-" {
		return nil
	}
	for _, f := range files {
		if samePlace(filepath.Join(f.dir, f.from), path) {
			return inTensor(&Error{Msg: "the model would overwrite its own external data at " + quoted(f.from), Hint: "give it another name"}, f.tensor)
		}
	}
	return nil
}

// besideTarget refuses a path for a model with external data that is a symbolic link into another directory: the data is looked for beside the path by which
// the model is opened, and would be there under one of the two only. Under the other one the model could read a file of the same name with other weights.
func besideTarget(path string) error {
	target, err := linkTarget(path)
	if err != nil || samePlace(filepath.Dir(target), filepath.Dir(path)) {
		return nil // Save says what is wrong with it
	}
	return &Error{Msg: "it is a symbolic link to " + target + ", and the model's external data cannot lie in both directories",
		Hint: "name the file that it leads to, or take the data into the model with --data inline"}
}

// check refuses options that make no sense.
func (o DataOptions) check() error {
	switch o.Mode {
	case DataAuto, DataKeep, DataCopy, DataLink, DataInline, DataFile:
	default:
		return &Error{Kind: Usage, Msg: "there is no way with external data called " + quoted(string(o.Mode))}
	}
	if o.Threshold < 0 {
		return &Error{Kind: Usage, Msg: "a threshold of " + strconv.FormatInt(o.Threshold, 10) + " bytes is negative"}
	}
	if o.Align < 0 || o.Align&(o.Align-1) != 0 || o.Align > 1<<30 {
		return &Error{Kind: Usage, Msg: "an alignment of " + strconv.FormatInt(o.Align, 10) + " bytes is no power of two up to 1 GiB"}
	}
	return nil
}

// own makes the model that is written another than the one that was given, so that it can be changed.
func (s *staged) own(given *ModelProto) {
	if s.model == given {
		s.model = Clone(given)
	}
}

// relocate changes locations of external data; the keys are clean.
func (s *staged) relocate(given *ModelProto, renamed map[string]string) {
	if len(renamed) == 0 {
		return
	}
	s.own(given)
	s.model.AllTensors(func(t *TensorProto) {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			return
		}
		for _, e := range t.ExternalData {
			if e.GetKey() != "location" {
				continue
			}
			if to, ok := renamed[filepath.Clean(e.GetValue())]; ok {
				e.Value = proto.String(to)
			}
		}
	})
}

// inline takes all external data into the model, as far as one file may hold it. The payloads lie in maps of the data files until the release.
func (s *staged) inline(files []*externalFile, o DataOptions) error {
	if len(files) == 0 {
		return nil
	}
	maps := map[string][]byte{}
	for _, f := range files {
		src, have, err := f.open(false)
		if err != nil {
			return err
		}
		if st, err := src.Stat(); err == nil {
			s.perm &= st.Mode().Perm() | 0o600
		}
		b, release, err := mapData(src, have)
		if err != nil {
			return inTensor(&Error{Msg: "external data at " + quoted(f.from) + " cannot be read", Err: bare(err)}, f.tensor)
		}
		s.releases = append(s.releases, release)
		maps[f.location] = b
	}
	s.model = Clone(s.model)
	var done DataResult
	s.model.AllTensors(func(t *TensorProto) {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			return
		}
		x, size, err := externalSpan(t)
		if err != nil {
			return // not so: the files were listed by it
		}
		b := maps[filepath.Clean(x.location)]
		t.RawData = b[x.offset : x.offset+int64(size) : x.offset+int64(size)]
		t.ExternalData, t.DataLocation = nil, nil
		done.Tensors++
		done.Bytes += int64(size)
	})
	if o.Result != nil {
		*o.Result = done
	}
	if limit := o.maxSize(); int64(proto.Size(s.model)) > limit {
		return &Error{Msg: "with its external data the model would pass " + bytesText(limit) + ", which other readers of ONNX refuse",
			Hint: "keep the data in a file of its own, with --data FILE"}
	}
	return nil
}

// mapData maps a data file of so many bytes, which it takes over, or reads it where this system does not map files.
func mapData(f *os.File, size int64) ([]byte, func(), error) {
	defer f.Close()
	if size == 0 {
		return nil, func() {}, nil
	}
	if m, err := openMapping(f, size); err == nil {
		return m.data, func() { m.close() }, nil
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return nil, nil, err
	}
	return b, func() {}, nil
}

// Inlined returns a copy of a model with its external data in raw_data, which lies in maps of the data files: they are not read. Locations are relative
// to dir, but for those in carry. The copy is not to be used after release has been called.
func Inlined(m *ModelProto, dir string, carry []CarryFile) (_ *ModelProto, release func(), err error) {
	files, err := sourcedFiles(m, dir, carry)
	if err != nil {
		return nil, nil, err
	}
	s := &staged{model: m}
	if err := s.inline(files, DataOptions{limit: math.MaxInt64}); err != nil {
		s.release()
		return nil, nil, err
	}
	return s.model, s.release, nil
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30-1:
		return strconv.FormatInt((n+1)>>30, 10) + " GiB"
	case n >= 1<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
