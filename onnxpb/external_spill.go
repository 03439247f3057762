package onnxpb

import (
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"
)

// maxSize is the number of bytes past which a model is not written into one file.
func (o DataOptions) maxSize() int64 {
	if o.limit > 0 {
		return o.limit
	}
	return maxFile
}

// tooLarge tells whether a model would pass what one file may hold. It costs little where the payloads alone say that it does not.
func tooLarge(m *ModelProto, o DataOptions) bool {
	const graph = 256 << 20 // more than a graph takes without its payloads, but for absurd ones, which Save refuses by their size
	limit := o.maxSize()
	var n int64
	m.AllTensors(func(t *TensorProto) {
		n += int64(len(t.RawData)) + 4*int64(len(t.FloatData)) + 8*int64(len(t.DoubleData)) + 10*int64(len(t.Int32Data)+len(t.Int64Data)+len(t.Uint64Data)) + int64(t.sizeLeft())
		for _, s := range t.StringData {
			n += int64(len(s)) + 4
		}
	})
	if o.limit == 0 && n+graph <= limit {
		return false
	}
	return int64(proto.Size(m)) > limit
}

// spill moves the payloads of initializers out of a model that would pass what one file may hold, into a file beside it, and says so. The external data that
// the model has is left as it is.
func (s *staged) spill(files []*externalFile, path string, o DataOptions) error {
	given := s.model
	taken := map[string]bool{}
	for _, f := range files {
		taken[f.location] = true
	}
	base := filepath.Base(path) + ".data"
	for i, name := 0, base; ; name = numbered(base, i) {
		i++
		if taken[name] {
			continue
		}
		s.model = given
		moved, size, err := s.moveOut(nil, name, path, o)
		if isTaken(err) && i < 1000 {
			continue
		}
		if err != nil {
			return err
		}
		if limit := o.maxSize(); int64(proto.Size(s.model)) > limit {
			return &Error{Msg: "the model would pass " + bytesText(limit) + ", which other readers of ONNX refuse, even with its initializers in external data"}
		}
		o.note(fmt.Sprintf("the model would pass %s, which other readers refuse: %d tensors, %d bytes, go to external data in %s", bytesText(o.maxSize()), moved, size, name))
		return nil
	}
}
