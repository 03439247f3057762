package verify

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// RecordSchema names the form of a RecordReport in JSON.
const RecordSchema = "onnxtool.record/1"

// RecordOptions say what Record runs and where it writes.
type RecordOptions struct {
	// Options say what the inputs are, as for Models: Batches, Seed, Samples, Ranges, Dims, Files, Session. There is one data set for each batch and sample. Only, Map, Layouts,
	// Parts and ReferenceSession are refused (kind Usage), as a data set has all outputs of one model; what else concerns comparisons does not count.
	Options
	// First is the number of the first data set: test_data_set_0 where it is 0.
	First int
	// Replace says that folders that are there already may be replaced; else they are refused. Where First is 0, data sets of higher numbers than those that are written are removed: they would be of
	// what was recorded before. Both are told in the notes.
	Replace bool
}

// RecordReport says what Record has written.
type RecordReport struct {
	Schema       string     `json:"schema"`
	Model        ModelInfo  `json:"model"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"`
	// Command is the command line, where whoever asked has put it.
	Command []string      `json:"command,omitempty"`
	Seed    uint64        `json:"seed"`
	Inputs  []InputReport `json:"inputs"`
	Sets    []RecordedSet `json:"sets"`
	Notes   []string      `json:"notes,omitempty"`
}

// RecordedSet is one folder that was written.
type RecordedSet struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"` // over its files, as Against tells it of the folder
	Batch   int64  `json:"batch"`
	Sample  int    `json:"sample"`
	Inputs  int    `json:"inputs"` // how many files
	Outputs int    `json:"outputs"`
}

// Record runs a model and writes inputs and outputs as ONNX test data sets, dir/test_data_set_0 and so on, which Against and RunSuite take. dir, which is made where it is not there
// (its parent must be), is best the folder of the model. The same model, options and outputs give the same bytes.
//
// Folders get their names when all of them are complete: an error leaves what was there. A killed run may leave a folder .onnxtool-*.tmp beside.
//
// The data sets are run once more in a new session, and must give what was recorded within ToleranceFor their element type; and the first of them yet once more, which tells models
// that draw random numbers: without a seed they are refused (kind Refused), and with one it is noted that the order of the data sets counts. Folders that are there already are errors of kind Unfit; others are as those of Models.
func Record(e Engine, s Source, dir string, o RecordOptions) (*RecordReport, error) {
	if err := refuseOptions("recording: a data set has all outputs, by their own names", o.Options, "Only", "Map", "Layouts", "Parts", "ReferenceSession"); err != nil {
		return nil, err
	}
	if o.First < 0 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "data set %d: numbers start at 0", o.First)
	}
	p, batches, err := recordPlan(s, o.Options)
	if err != nil {
		return nil, err
	}
	r := &RecordReport{Schema: RecordSchema, Engine: EngineInfo{Name: "ONNX Runtime", Version: e.Version()}, Optimization: optimization(o.Session), Seed: o.Seed,
		Inputs: describeInputs(p, o.Options)}
	if r.Model, err = describe(s); err != nil {
		return nil, err
	}
	samples := max(o.Samples, 1)
	if allGiven(p) {
		samples = 1
	}
	w := &setWriter{dir: dir, replace: o.Replace, model: s.Model}
	defer w.discard()
	for i := range samples * len(batches) {
		if err := w.reserve(o.First + i); err != nil {
			return nil, err
		}
	}
	stale, err := w.reserveStale(o.First, samples*len(batches))
	if err != nil {
		return nil, err
	}
	c := &comparison{plan: p, o: o.Options}
	var sets []*DataSet
	for _, b := range batches {
		for k := range samples {
			in, _, err := c.inputs(b, k)
			if err != nil {
				return nil, err
			}
			d := &DataSet{OutputNames: portNames(outputsOf(s.Model))}
			for _, port := range inputsOf(s.Model) {
				d.InputNames, d.Inputs = append(d.InputNames, port.name), append(d.Inputs, in[port.name])
				c.fed.add(port.name, in[port.name])
			}
			sets = append(sets, d)
			r.Sets = append(r.Sets, RecordedSet{Batch: b, Sample: k, Inputs: len(d.Inputs), Outputs: len(d.OutputNames)})
		}
	}
	for i, in := range r.Inputs {
		r.Inputs[i].SHA256 = c.fed.of(in.Reference)
	}
	if r.Notes, err = recordOutputs(e, s, c, sets); err != nil {
		return nil, err
	}
	if stale != "" {
		r.Notes = append(r.Notes, stale)
	}
	if err := w.write(sets); err != nil {
		return nil, err
	}
	for i := range r.Sets {
		r.Sets[i].Path = w.sets[i].path
		if r.Sets[i].SHA256, err = hashFiles(w.sets[i].path, []string{w.sets[i].path}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// recordPlan plans the inputs of one model as Models plans those of two.
func recordPlan(s Source, o Options) (*plan, []int64, error) {
	inputs, _, _, err := matchAll(s.Model, s.Model, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	p, batches, err := o.plan(inputs)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range batches {
		if p.refStep != 0 && b != p.refStep {
			return nil, nil, &onnxpb.Error{Msg: fmt.Sprintf("batch %d cannot be recorded: the model's batch is fixed to %d", b, p.refStep), Hint: "free it with onnxtool setbatch, or leave --batch out"}
		}
	}
	return p, batches, nil
}

// setWriter writes data sets: complete in folders of other names first, which then get their own.
type setWriter struct {
	dir     string
	made    bool // dir is ours
	done    bool // all is in its place
	replace bool
	model   *onnxpb.ModelProto
	sets    []writtenSet
	stale   []writtenSet // those to be removed
}

type writtenSet struct {
	path, temporary, old string // old is where a folder of that name was moved
	placed               bool
}

// reserve adds a data set of a number, which is refused where it is there.
func (w *setWriter) reserve(number int) error {
	path := filepath.Join(w.dir, setPrefix+strconv.Itoa(number))
	st, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
	case err != nil:
		return fileError(path, err)
	case !w.replace:
		return &onnxpb.Error{File: path, Msg: "is there already", Hint: "record under another number, or say that it may be replaced"}
	case !st.IsDir():
		return &onnxpb.Error{File: path, Msg: "is no folder, and is not replaced"}
	}
	w.sets = append(w.sets, writtenSet{path: path})
	return nil
}

// reserveStale finds the data sets that stay from an earlier recording, of higher numbers than those that are written, and says what becomes of them.
func (w *setWriter) reserveStale(first, count int) (note string, err error) {
	if !w.replace {
		return "", nil
	}
	if _, err := os.Lstat(w.dir); os.IsNotExist(err) {
		return "", nil
	}
	there, err := DataSets(w.dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, path := range there {
		name := filepath.Base(path)
		n, err := strconv.Atoi(strings.TrimPrefix(name, setPrefix))
		if err != nil || n < first+count || name != setPrefix+strconv.Itoa(n) {
			continue
		}
		names = append(names, name)
		if first == 0 {
			w.stale = append(w.stale, writtenSet{path: path})
		}
	}
	switch {
	case len(names) == 0:
		return "", nil
	case first == 0:
		return "removed, as they are of an earlier recording: " + strings.Join(names, ", "), nil
	}
	return "left as they are: " + strings.Join(names, ", "), nil
}

// write writes the data sets that have been reserved, in their order.
func (w *setWriter) write(sets []*DataSet) error {
	switch err := os.Mkdir(w.dir, 0o777); {
	case err == nil:
		w.made = true
	case !os.IsExist(err):
		return fileError(w.dir, err)
	}
	for i, d := range sets {
		w.sets[i].temporary = filepath.Join(w.dir, fmt.Sprintf(".onnxtool-%d.tmp", rand.Uint64()))
		if err := d.Write(w.sets[i].temporary, w.model); err != nil {
			return err
		}
	}
	for i := range w.sets {
		if err := w.place(&w.sets[i]); err != nil {
			return err
		}
	}
	for i := range w.stale {
		s := &w.stale[i]
		old := filepath.Join(w.dir, fmt.Sprintf(".onnxtool-%d.tmp.old", rand.Uint64()))
		if err := os.Rename(s.path, old); err != nil {
			return fileError(s.path, err)
		}
		s.old = old
	}
	w.done = true
	for _, s := range append(w.sets, w.stale...) {
		if s.old != "" {
			os.RemoveAll(s.old)
		}
	}
	return nil
}

// place gives a folder its name.
func (w *setWriter) place(s *writtenSet) error {
	if _, err := os.Lstat(s.path); err == nil {
		if !w.replace {
			return &onnxpb.Error{File: s.path, Msg: "has been made meanwhile"}
		}
		old := s.temporary + ".old"
		if err := os.Rename(s.path, old); err != nil {
			return fileError(s.path, err)
		}
		s.old = old
	}
	if err := os.Rename(s.temporary, s.path); err != nil {
		return fileError(s.path, err)
	}
	s.placed = true
	return nil
}

// discard undoes what was not finished.
func (w *setWriter) discard() {
	if w.done {
		return
	}
	for _, s := range append(w.sets, w.stale...) {
		if s.placed {
			os.RemoveAll(s.path)
		}
		if s.old != "" {
			os.Rename(s.old, s.path)
		}
		if s.temporary != "" {
			os.RemoveAll(s.temporary)
		}
	}
	if w.made {
		os.Remove(w.dir)
	}
}

// WriteText prints a report for people: one line a data set.
func (r *RecordReport) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Sets {
		sayf(&b, "%s: %s, %s, batch %d, sample %d, sha256 %s\n", s.Path, count(s.Inputs, "input"), count(s.Outputs, "output"), s.Batch, s.Sample, s.SHA256)
	}
	for _, n := range r.Notes {
		sayf(&b, "note: %s\n", n)
	}
	fmt.Fprintf(&b, "recorded: seed %d; %s %s, optimisation %s\n", r.Seed, r.Engine.Name, r.Engine.Version, r.Optimization)
	_, err := io.WriteString(w, b.String())
	return err
}
