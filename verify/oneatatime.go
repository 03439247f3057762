package verify

import (
	"os"

	"onnxtool/onnxpb"
)

// keptRuns is a session whose runs are kept, so that they can be had again, in the same order, when it is closed: what the reference gives while the model runs, where both are not to be in
// memory at once. Tensors that pass a bound go to a temporary file.
type keptRuns struct {
	session Session // nil when it is closed, and runs are played again
	bound   int64
	held    int64
	runs    []keptRun
	at      int
	file    *os.File
	end     int64
}

type keptRun struct {
	values map[string]*onnxpb.Value
	parts  map[string]keptTensor // those that are in the file
	err    error
}

type keptTensor struct {
	typ      onnxpb.TensorProto_DataType
	dims     []int64
	from, to int64
}

// Run implements Session.
func (k *keptRuns) Run(inputs map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	if k.session == nil {
		return k.again()
	}
	got, err := k.session.Run(inputs, outputs...)
	run := keptRun{values: got, parts: map[string]keptTensor{}, err: err}
	for name, v := range got {
		if err := k.keep(&run, name, v); err != nil {
			return nil, err
		}
	}
	k.runs = append(k.runs, run)
	return got, err
}

// keep puts a tensor into the file, where memory is not to hold it.
func (k *keptRuns) keep(run *keptRun, name string, v *onnxpb.Value) error {
	if v == nil || v.Kind != onnxpb.KindTensor {
		return nil
	}
	raw, err := v.Array.Raw()
	if err != nil {
		return nil // strings, of which the length is not known
	}
	if k.held+int64(len(raw)) <= k.bound {
		k.held += int64(len(raw))
		return nil
	}
	if k.file == nil {
		if k.file, err = os.CreateTemp("", "onnxtool-kept-*"); err != nil {
			return notKept(err)
		}
	}
	if _, err := k.file.WriteAt(raw, k.end); err != nil {
		return notKept(err)
	}
	run.parts[name] = keptTensor{v.Array.Type, v.Array.Dims, k.end, k.end + int64(len(raw))}
	k.end += int64(len(raw))
	values := map[string]*onnxpb.Value{} // what the caller has is the caller's
	for n, v := range run.values {
		if n != name {
			values[n] = v
		}
	}
	run.values = values
	return nil
}

func notKept(err error) error {
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "what the reference gives cannot be kept in a temporary file", Err: err, Hint: "TMPDIR names another directory for it; --memory has more of it kept in memory"}
}

// again gives the next of the runs that were kept, which is forgotten.
func (k *keptRuns) again() (map[string]*onnxpb.Value, error) {
	if k.at == len(k.runs) {
		return nil, onnxpb.Errorf(onnxpb.Engine, "the reference was not run on these inputs")
	}
	run := k.runs[k.at]
	k.runs[k.at] = keptRun{}
	k.at++
	if run.err != nil {
		return nil, run.err
	}
	values := map[string]*onnxpb.Value{}
	for name, v := range run.values {
		values[name] = v
	}
	for name, p := range run.parts {
		raw := make([]byte, p.to-p.from)
		if _, err := k.file.ReadAt(raw, p.from); err != nil {
			return nil, notKept(err)
		}
		typ := int32(p.typ)
		a, err := onnxpb.Decode(&onnxpb.TensorProto{DataType: &typ, Dims: p.dims, RawData: raw}, "")
		if err != nil {
			return nil, notKept(err)
		}
		values[name] = onnxpb.TensorVal(a)
	}
	return values, nil
}

// Close ends the session the first time, and then removes what was kept.
func (k *keptRuns) Close() error {
	if s := k.session; s != nil {
		k.session = nil
		return s.Close()
	}
	if k.file != nil {
		k.file.Close()
		os.Remove(k.file.Name())
		k.file = nil
	}
	k.runs = nil
	return nil
}

// openOneAtATime runs the reference on all that pass asks for, closes it, and opens the model. What pass then asks of the reference once more, in the same order, is what it gave.
func (c *comparison) openOneAtATime(e Engine, reference, model Source, pass func() error) (err error) {
	bound := c.o.Memory
	if bound == 0 {
		bound = DefaultMemory
	}
	first := c.referenceSession()
	kept := &keptRuns{bound: bound}
	if kept.session, err = e.Open(reference, first); err != nil {
		return onnxpb.InFile(err, reference.Path)
	}
	c.ref.session, c.recording = kept, true
	err = pass()
	c.recording = false
	kept.session.Close()
	kept.session = nil
	if err == nil {
		if c.got.session, err = e.Open(model, c.o.Session); err != nil {
			err = onnxpb.InFile(err, model.Path)
		}
	}
	if err != nil {
		kept.Close()
	}
	return err
}
