package onnxpb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"
)

// smallAlign is what tensors that are smaller than the alignment begin at multiples of: a cache line.
const smallAlign = 64

// pack moves all external data of a model, and the payloads of its large initializers, into one file beside it.
func (s *staged) pack(files []*externalFile, path string, o DataOptions) error {
	name := o.File
	if name == "" {
		name = filepath.Base(path) + ".data"
	}
	if err := checkLocation(name); err != nil {
		return err
	}
	moved, size, err := s.moveOut(files, name, path, o)
	if err != nil {
		return err
	}
	if o.Result != nil {
		*o.Result = DataResult{moved, size}
	}
	if moved == 0 {
		o.note(fmt.Sprintf("there is nothing to put into %s: no initializer of %d bytes or more, and no external data", name, o.threshold()))
		return nil
	}
	if limit := o.maxSize(); int64(proto.Size(s.model)) > limit {
		return &Error{Msg: "the model would pass " + bytesText(limit) + ", which other readers of ONNX refuse", Hint: "lower the threshold"}
	}
	return nil
}

// span is a run of bytes on its way into a file of external data.
type span struct {
	src    *os.File // and from where in it; or
	from   int64
	tensor *TensorProto // whose own payload it is
	size   int64
	to     int64
}

// isTaken tells whether an error says that another file stands in the way.
func isTaken(err error) bool { return errors.Is(err, errTaken) }

// moveOut writes the file that the payloads of large initializers, and the external data that lies in files, go to, and makes the model refer to it.
// Tensors that share bytes in a data file share them in the new one. It returns how many tensors moved, and the size of the file.
func (s *staged) moveOut(files []*externalFile, name, path string, o DataOptions) (moved int, total int64, err error) {
	c := carrier{placer: s.placer, model: path}
	if err := c.notTheModel(name); err != nil {
		return 0, 0, err
	}
	s.model = Clone(s.model)
	l := layout{model: s.model, align: o.Align, threshold: o.threshold(), sources: map[string]*os.File{}, shared: map[span]int64{}}
	if l.align == 0 {
		l.align = DefaultAlign
	}
	defer func() {
		for _, f := range l.sources {
			f.Close()
		}
	}()
	var have int64
	for _, f := range files {
		src, size, err := f.open(false)
		if err != nil {
			return 0, 0, err
		}
		l.sources[f.location] = src
		have += size
		if err := s.placer.noWiderThan(src); err != nil {
			return 0, 0, err
		}
	}
	if err := l.plan(); err != nil {
		return 0, 0, err
	}
	if l.external > have {
		return 0, 0, &Error{Msg: fmt.Sprintf("tensors overlap in part in external data: they take %d bytes of %d", l.external, have),
			Hint: "see onnxtool data check; copy the data with --data copy"}
	}
	if len(l.moves) == 0 {
		return 0, 0, nil
	}
	if err := s.placer.put(name, l.write, nil); err != nil {
		if isTaken(err) {
			return 0, 0, &Error{Msg: fmt.Sprintf("external data cannot go to %s in %s", quoted(name), s.placer.dir), Err: err, Hint: takenHint(files, "", s.placer.dir, name)}
		}
		var e *Error
		if errors.As(err, &e) {
			return 0, 0, err
		}
		return 0, 0, &Error{Msg: fmt.Sprintf("external data cannot go to %s in %s", quoted(name), s.placer.dir), Err: bare(err)}
	}
	sums := 0
	for _, mv := range l.moves {
		if refer(mv.tensor, filepath.ToSlash(name), mv.to, mv.size) {
			sums++
		}
	}
	if sums > 0 {
		o.note(fmt.Sprintf("the checksums that %d tensors told are left out: each was of the whole of the file that the data came from", sums))
	}
	return len(l.moves), l.size, nil
}

// refer makes a tensor one whose elements are external data. Keys that mean nothing to ONNX stay; a checksum is one of the old file, and
// it tells whether there was one.
func refer(t *TensorProto, location string, offset, length int64) (hadSum bool) {
	entry := func(k, v string) *StringStringEntryProto {
		return &StringStringEntryProto{Key: proto.String(k), Value: proto.String(v)}
	}
	entries := []*StringStringEntryProto{entry("location", location), entry("offset", strconv.FormatInt(offset, 10)), entry("length", strconv.FormatInt(length, 10))}
	for _, e := range t.ExternalData {
		switch e.GetKey() {
		case "location", "offset", "length":
		case "checksum":
			hadSum = true
		default:
			entries = append(entries, e)
		}
	}
	t.dropElements()
	t.ExternalData, t.DataLocation = entries, TensorProto_EXTERNAL.Enum()
	return hadSum
}

// takenHint says what to do where data cannot go to a name in a directory as another file stands there. That one must not be removed where it is data that the
// model refers to itself. Data files of which it is not known where they lie are in dir.
func takenHint(all []*externalFile, dir, at, name string) string {
	for _, f := range all {
		from := f.dir
		if from == "" {
			from = dir
		}
		if samePlace(filepath.Join(from, f.from), filepath.Join(at, name)) {
			return "that file is the data that the model itself refers to: give the new one another name"
		}
	}
	return "give it another name, or remove that file"
}

// layout plans and writes a file of external data.
type layout struct {
	model            *ModelProto
	align, threshold int64
	sources          map[string]*os.File // files that external data comes from, by clean location
	shared           map[span]int64      // bytes of data files that have a place already
	writes           []span              // in the order of the file
	moves            []span              // one for each tensor that moves
	size             int64               // of the file
	external         int64               // the bytes that come from data files
}

// plan gives every tensor that moves its place.
func (l *layout) plan() error {
	movable := map[*TensorProto]bool{}
	l.model.initializers(func(t *TensorProto) { movable[t] = true })
	var err error
	l.model.AllTensors(func(t *TensorProto) {
		if err != nil {
			return
		}
		if e := l.planOne(t, movable[t]); e != nil {
			err = inTensor(e, t.GetName())
		}
	})
	return err
}

func (l *layout) planOne(t *TensorProto, movable bool) error {
	if t.GetDataLocation() == TensorProto_EXTERNAL {
		x, size, err := externalSpan(t)
		if err != nil {
			return err
		}
		src := l.sources[filepath.Clean(x.location)]
		if src == nil {
			return nil // one that stays where it is
		}
		s := span{src: src, from: x.offset, size: int64(size)}
		to, ok := l.shared[s]
		if !ok {
			to = l.place(s)
			l.shared[s] = to
			l.external += s.size
		}
		l.moves = append(l.moves, span{tensor: t, size: s.size, to: to})
		return nil
	}
	et := TensorProto_DataType(t.GetDataType())
	if !movable || et == TensorProto_STRING || t.Segment != nil {
		return nil
	}
	n, err := checkType(et, t.GetDims())
	if err != nil {
		return err
	}
	size, err := rawSize(et, n)
	if err != nil {
		return err
	}
	if int64(size) < l.threshold || size == 0 {
		return nil
	}
	if err := CheckData(t, ""); err != nil {
		return err
	}
	s := span{tensor: t, size: int64(size)}
	s.to = l.place(s)
	l.moves = append(l.moves, s)
	return nil
}

// place appends bytes to the file, at the next place that is aligned.
func (l *layout) place(s span) int64 {
	align := l.align
	if s.size < align {
		align = min(align, smallAlign)
	}
	s.to = (l.size + align - 1) &^ (align - 1)
	l.size = s.to + s.size
	l.writes = append(l.writes, s)
	return s.to
}

// write writes the file. Between the tensors there are zeros.
func (l *layout) write(f *os.File) error {
	if err := f.Truncate(l.size); err != nil {
		return err
	}
	w := newPieceWriter(f, l.size-l.external)
	defer w.leave()
	for _, s := range l.writes {
		if s.src != nil {
			if err := copyRange(f, s.to, s.src, s.from, s.size); err != nil {
				return err
			}
			continue
		}
		raw := s.tensor.RawData
		if len(raw) == 0 {
			a, err := Decode(s.tensor, "")
			if err != nil {
				return err
			}
			if raw, err = a.Raw(); err != nil {
				return inTensor(err, s.tensor.GetName())
			}
		}
		if _, err := f.Seek(s.to, io.SeekStart); err != nil {
			return err
		}
		w.at = s.to
		if err := w.write(raw, nil); err != nil {
			return err
		}
		if err := w.close(); err != nil {
			return err
		}
	}
	return nil
}

// initializers calls fn with the initializers of all graphs and subgraphs. Unlike tensors in attributes and sparse ones, readers take them from
// external data everywhere.
func (x *ModelProto) initializers(fn func(*TensorProto)) {
	var graph func(*GraphProto)
	nodes := func(list []*NodeProto) {
		for _, n := range list {
			for g := range n.Subgraphs() {
				graph(g)
			}
		}
	}
	graph = func(g *GraphProto) {
		for _, t := range g.GetInitializer() {
			fn(t)
		}
		nodes(g.GetNode())
	}
	graph(x.GetGraph())
	for _, f := range x.GetFunctions() {
		nodes(f.GetNode())
	}
	for _, t := range x.GetTrainingInfo() {
		graph(t.GetInitialization())
		graph(t.GetAlgorithm())
	}
}
