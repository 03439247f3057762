package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// SuiteCase is a model with recorded data: what RunSuite runs.
type SuiteCase struct {
	// Name is the case's folder as it is reached from the root that was given, with slashes; where there are several models in the folder, that of the model's file.
	Name string
	// Model is the model's file, "" where the folder has data sets and no model.
	Model string
	// Sets are its data sets, in order (see DataSets).
	Sets []string

	dir         string // its folder
	root, shown string // where what is in an archive was unpacked to, and the archive; both "" elsewhere
}

// in writes a text of the case with the archive in place of the temporary folder.
func (c SuiteCase) in(s string) string {
	if c.root == "" {
		return s
	}
	return strings.ReplaceAll(s, c.root, c.shown)
}

// FindCases lists the cases below folders: each folder with a model (*.onnx) and data sets, in the order of their names. Folders whose names begin with a dot, and
// links to folders, are not entered. A folder with data sets and without a model is a case without Model. A root may also be a model's file. Errors are of kind Unfit: a folder cannot be read.
//
// Archives (.tar.gz, .tgz) are for RunSuite and ListSuite, which unpack them.
func FindCases(roots []string) ([]SuiteCase, error) {
	var all []SuiteCase
	for _, root := range roots {
		cases, err := findRoot(root, filepath.Clean(root))
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return sortCases(all), nil
}

// sortCases sorts cases by name and takes out those that several roots lead to.
func sortCases(all []SuiteCase) []SuiteCase {
	slices.SortStableFunc(all, func(a, b SuiteCase) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b SuiteCase) bool { return a.Name == b.Name })
}

// findRoot finds the cases of a folder or of a model's file; name is what the root is called in the names of cases.
func findRoot(root, name string) ([]SuiteCase, error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, fileError(root, err)
	}
	if st.IsDir() {
		f := finder{root: root, name: name}
		err := f.folder(".")
		return f.cases, err
	}
	if filepath.Ext(root) != ".onnx" {
		return nil, &onnxpb.Error{File: root, Msg: "is no folder, and neither a model (.onnx) nor an archive (.tar.gz)", Hint: "unpack other archives first"}
	}
	dir := filepath.Dir(root)
	sets, err := DataSets(dir)
	if err != nil || len(sets) == 0 {
		return nil, err
	}
	return []SuiteCase{{Name: filepath.ToSlash(name), Model: root, Sets: sets, dir: dir}}, nil
}

type finder struct {
	root, name string
	cases      []SuiteCase
}

// folder looks into a folder, given relative to the root, and those in it.
func (f *finder) folder(rel string) error {
	dir := filepath.Join(f.root, rel)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fileError(dir, err)
	}
	sets, err := DataSets(dir)
	if err != nil {
		return err
	}
	var models []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case filepath.Ext(name) == ".onnx" && !isDir(filepath.Join(dir, name), e):
			models = append(models, name)
		case e.IsDir() && !strings.HasPrefix(name, setPrefix):
			if err := f.folder(filepath.Join(rel, name)); err != nil {
				return err
			}
		}
	}
	if len(sets) == 0 {
		return nil
	}
	name := filepath.ToSlash(filepath.Join(f.name, rel))
	if len(models) == 0 {
		f.cases = append(f.cases, SuiteCase{Name: name, Sets: sets, dir: dir})
	}
	for _, m := range models {
		c := SuiteCase{Name: name, Model: filepath.Join(dir, m), Sets: sets, dir: dir}
		if len(models) > 1 {
			c.Name += "/" + m
		}
		f.cases = append(f.cases, c)
	}
	return nil
}

// tolerance is the one that a case is compared with: what the caller says, else what the case's own data.json says (as those of ONNX's large models do), else RecordedTolerance.
func (c SuiteCase) tolerance(o SuiteOptions) (Tolerance, error) {
	t := RecordedTolerance
	own := struct{ Atol, Rtol *float64 }{&t.Abs, &t.Rel}
	path := filepath.Join(c.dir, "data.json")
	switch data, err := os.ReadFile(path); {
	case os.IsNotExist(err):
	case err != nil:
		return t, fileError(path, err)
	default:
		if err := json.Unmarshal(data, &own); err != nil {
			return t, &onnxpb.Error{File: path, Msg: "cannot be read for the tolerance", Err: err}
		}
	}
	for _, x := range []struct {
		to    *float64
		given []*float64
	}{{&t.Abs, []*float64{own.Atol, o.Atol}}, {&t.Rel, []*float64{own.Rtol, o.Rtol}}} {
		for _, v := range x.given {
			if v != nil {
				*x.to = *v
			}
		}
	}
	if !(t.Abs >= 0) || !(t.Rel >= 0) {
		return t, &onnxpb.Error{File: path, Msg: "has a negative tolerance"}
	}
	return t, nil
}

// choose keeps the cases that the patterns ask for.
func choose(all []SuiteCase, run, skip *regexp.Regexp) (kept []SuiteCase, err error) {
	for _, c := range all {
		if (run == nil || run.MatchString(c.Name)) && (skip == nil || !skip.MatchString(c.Name)) {
			kept = append(kept, c)
		}
	}
	switch {
	case len(all) == 0:
		return nil, &onnxpb.Error{Msg: "there is no case: no folder with a model (*.onnx) and recorded data (test_data_set_0)", Hint: "record some with onnxtool verify --record"}
	case len(kept) == 0:
		return nil, &onnxpb.Error{Msg: "none of " + count(len(all), "case") + " is to be run, by the patterns that were given", Hint: "the first is called " + all[0].Name}
	}
	return kept, nil
}
