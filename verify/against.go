package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// RecordedTolerance is the tolerance of ONNX's own test runner, for values that were recorded elsewhere.
var RecordedTolerance = Tolerance{Abs: 1e-7, Rel: 1e-3}

// Against runs a model on recorded inputs and compares what it computes with the recorded outputs. dir is a data set (see ReadDataSet) or a folder of data sets (see DataSets),
// which are all run.
//
// The report is as that of Models, with the folder as the reference: its path, and for its hash the SHA-256 of what sha256sum prints of the files of the data sets, sorted by name,
// with names relative to dir. Row.Sample is the position of the data set in the list, and Row.Batch its number of rows: the leading dimension of its first input that has
// one, else 1. Names are those of the model.
//
// Of the options Tolerance, ByType, Rules, Only (outputs by the model's names) and Session count; the others say which inputs are made, and are refused (kind Usage). Errors
// are of kind Unfit where the data cannot be read or does not fit the model's inputs, and Engine where the engine fails.
func Against(e Engine, s Source, dir string, o Options) (*Report, error) {
	if err := refuseOptions("data that was recorded", o, "Batches", "Samples", "Ranges", "Dims", "Files", "Map", "Layouts", "Parts", "ReferenceSession"); err != nil {
		return nil, err
	}
	sets, err := setsAt(dir)
	if err != nil {
		return nil, err
	}
	c := &comparison{o: o, report: &Report{Schema: Schema, Equal: true, Samples: len(sets), Tolerance: o.Tolerance, ByType: o.ByType, Optimization: optimization(o.Session)}}
	if c.outputs, err = samePorts(outputsOf(s.Model), o.Only); err != nil {
		return nil, err
	}
	if c.rules, err = newRules(o, c.outputs); err != nil {
		return nil, err
	}
	r := c.report
	r.Engine = EngineInfo{Name: "ONNX Runtime", Version: e.Version()}
	if r.Model, err = describe(s); err != nil {
		return nil, err
	}
	r.Reference.Path = dir
	if r.Reference.SHA256, err = hashFiles(dir, sets); err != nil {
		return nil, err
	}
	session, err := e.Open(s, o.Session)
	if err != nil {
		return nil, onnxpb.InFile(err, s.Path)
	}
	defer session.Close()
	for i, set := range sets {
		d, err := ReadDataSet(set, s.Model)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			r.Inputs = recordedInputs(d, s.Model)
		}
		if len(sets) > 1 {
			r.Notes = append(r.Notes, fmt.Sprintf("sample %d is %s", i, filepath.Base(set)))
		}
		for k, name := range d.InputNames {
			c.fed.add(name, d.Inputs[k])
		}
		got, err := session.Run(d.inputs())
		if err == nil {
			err = c.judge(d.batch(), i, d.outputs(), got)
		}
		if err != nil {
			return nil, onnxpb.InFile(err, set)
		}
	}
	for i, in := range r.Inputs {
		r.Inputs[i].SHA256 = c.fed.of(in.Reference)
	}
	return r, nil
}

// samePorts pairs each of the outputs, or of those that only names, with itself.
func samePorts(ports []port, only []string) ([]portPair, error) {
	if len(only) > 0 {
		var err error
		if ports, _, err = restrict(ports, ports, nil, only); err != nil {
			return nil, err
		}
	}
	pairs := make([]portPair, len(ports))
	for i, p := range ports {
		pairs[i] = portPair{p, p}
	}
	return pairs, nil
}

// batch is how many rows a data set has: the leading dimension of the first input with one.
func (d *DataSet) batch() int64 {
	for _, v := range d.Inputs {
		if v.Kind == onnxpb.KindTensor && len(v.Array.Dims) > 0 {
			return v.Array.Dims[0]
		}
	}
	return 1
}

func recordedInputs(d *DataSet, m *onnxpb.ModelProto) []InputReport {
	list := []InputReport{}
	for _, v := range m.GetGraph().GetInput() {
		if !contains(d.InputNames, v.GetName()) {
			continue
		}
		p := portOf(v)
		r := InputReport{Reference: p.name, Model: p.name, Type: onnxpb.TypeName(p.elem), Shape: "?", Values: "file"}
		if p.ranked {
			r.Shape = onnxpb.FormatShape(p.dims)
		}
		list = append(list, r)
	}
	return list
}

// setsAt lists the data sets that a path stands for: itself, or those in it.
func setsAt(dir string) ([]string, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, fileError(dir, err)
	}
	if !st.IsDir() {
		if strings.HasSuffix(dir, ".npz") {
			return []string{dir}, nil
		}
		return nil, &onnxpb.Error{File: dir, Msg: "is no folder of recorded data", Hint: "give the folder that input_0.pb and output_0.pb lie in, or one of such folders"}
	}
	own, err := filepath.Glob(filepath.Join(globQuoted(dir), "*put_*.pb"))
	if err != nil {
		return nil, fileError(dir, err)
	}
	if len(own) > 0 {
		return []string{dir}, nil
	}
	sets, err := DataSets(dir)
	if err == nil && len(sets) == 0 {
		err = &onnxpb.Error{File: dir, Msg: "holds neither input_0.pb and output_0.pb nor folders " + setPrefix + "0, " + setPrefix + "1, ... of them"}
	}
	return sets, err
}

// globQuoted writes a path so that a pattern means just it.
func globQuoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// refuseOptions is the error for options that have no meaning for what is done.
func refuseOptions(what string, o Options, refused ...string) error {
	for _, x := range []struct {
		name string
		set  bool
	}{{"Batches", len(o.Batches) > 0}, {"Samples", o.Samples > 1}, {"Ranges", len(o.Ranges) > 0}, {"Dims", len(o.Dims) > 0}, {"Files", len(o.Files) > 0}, {"Map", len(o.Map) > 0},
		{"Only", len(o.Only) > 0}, {"Layouts", len(o.Layouts) > 0}, {"Parts", len(o.Parts) > 0}, {"ReferenceSession", o.ReferenceSession != nil}} {
		if x.set && slices.Contains(refused, x.name) {
			return onnxpb.Errorf(onnxpb.Usage, "%s cannot be set for %s", x.name, what)
		}
	}
	return nil
}

// hashFiles is the SHA-256 over the files of data sets: that of what sha256sum prints of them, named relative to base and sorted by name.
func hashFiles(base string, sets []string) (string, error) {
	var lines []string
	for _, set := range sets {
		files, err := filesOf(set)
		if err != nil {
			return "", err
		}
		for _, path := range files {
			data, err := readFile(path)
			if err != nil {
				return "", err
			}
			rel, err := filepath.Rel(base, path)
			if err != nil || path == base {
				rel = filepath.Base(path)
			}
			lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.ToSlash(rel)))
		}
	}
	// By the name, which stands after the hash of fixed length.
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2*sha256.Size:], b[2*sha256.Size:]) })
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:]), nil
}

// filesOf lists the files of a data set: all of its folder, as a .pb may refer to another file for its data.
func filesOf(set string) ([]string, error) {
	if strings.HasSuffix(set, ".npz") {
		return []string{set}, nil
	}
	entries, err := os.ReadDir(set)
	if err != nil {
		return nil, fileError(set, err)
	}
	var files []string
	for _, e := range entries {
		if path := filepath.Join(set, e.Name()); !isDir(path, e) {
			files = append(files, path)
		}
	}
	return files, nil
}
