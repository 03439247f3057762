package verify

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// suiteEngine gives y = 2x + 1 by the graph name "good"; "panics" panics, "fails" fails in the run, "slow" takes a moment, and others are not known.
func suiteEngine() fakeEngine {
	return fakeEngine{
		"good":   linear(2, 1),
		"panics": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { panic("a fault of the engine's binding") },
		"nil": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
			var none *onnxpb.Array
			return map[string]*onnxpb.Array{"y": {Dims: none.Dims}}
		},
		"fails": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return nil },
		"slow": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
			time.Sleep(20 * time.Millisecond)
			return linear(2, 1)(in)
		},
	}
}

// putModel writes a valid model that a fakeEngine runs by the name of its graph.
func putModel(t testing.TB, graph string, path ...string) {
	t.Helper()
	m := declare(t, graph, []string{"x:float32:[N]"}, []string{"y:float32:[N]"}).Model
	m.Graph.Node = []*onnxpb.NodeProto{onnxpb.Node("Identity", "n", []string{"x"}, []string{"y"})}
	writeFile(t, marshal(t, m), path...)
}

// putCase writes a folder with a model and one data set.
func putCase(t testing.TB, graph string, x, y []float32, path ...string) {
	t.Helper()
	dir := filepath.Join(path...)
	putModel(t, graph, dir, "model.onnx")
	putSet(t, filepath.Join(dir, "test_data_set_0"), [][]float32{x}, [][]float32{y})
}

// putSuite writes cases of every kind.
func putSuite(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	x, y := []float32{1, 2}, []float32{3, 5}
	putCase(t, "good", x, y, root, "a", "passed")
	putSet(t, filepath.Join(root, "a", "passed", "test_data_set_1"), [][]float32{{0, 0, 0}}, [][]float32{{1, 1, 1}})
	putCase(t, "good", x, []float32{3, 6}, root, "a", "wrong")
	putSet(t, filepath.Join(root, "a", "wrong", "test_data_set_1"), [][]float32{x}, [][]float32{{9, 9}}) // not the first
	putCase(t, "slow", x, y, root, "a", "slow")
	putCase(t, "panics", x, y, root, "b", "panics")
	putCase(t, "nil", x, y, root, "b", "panics2")
	putCase(t, "unknown", x, y, root, "b", "unsupported")
	putCase(t, "good", x, y, root, "c", "damaged data")
	writeFile(t, []byte{0xff, 0xff}, root, "c", "damaged data", "test_data_set_0", "output_0.pb")
	putCase(t, "good", x, y, root, "c", "damaged model")
	writeFile(t, []byte("no model"), root, "c", "damaged model", "model.onnx")
	putCase(t, "good", x, y, root, "c", "missing data")
	if err := os.Remove(filepath.Join(root, "c", "missing data", "test_data_set_0", "input_0.pb")); err != nil {
		t.Fatal(err)
	}
	putSet(t, filepath.Join(root, "c", "no model", "test_data_set_0"), [][]float32{x}, [][]float32{y})
	putCase(t, "unknown", x, y, root, "c", "invalid")
	m := declare(t, "unknown", []string{"x:float32:[N]"}, []string{"y:float32:[N]"}).Model
	m.Graph.Node = []*onnxpb.NodeProto{onnxpb.Node("Identity", "n", []string{"nobody"}, []string{"y"})}
	writeFile(t, marshal(t, m), root, "c", "invalid", "model.onnx")
	// Several models in one folder, and what is no case: a model without data, what hides, data of one.
	putCase(t, "good", x, y, root, "d")
	putModel(t, "good", root, "d", "second.onnx")
	putModel(t, "good", root, "e", "model.onnx")
	putCase(t, "good", x, y, root, ".hidden")
	writeFile(t, []byte("left by an archiver"), root, "a", "passed", "._model.onnx")
	putCase(t, "good", x, y, root, "a", "passed", "test_data_set_0", "inner")
	return root
}

// statuses are those that the cases of putSuite end with, in order.
var statuses = [][2]string{
	{"a/passed", "passed"}, {"a/slow", "passed"}, {"a/wrong", "failed"}, {"b/panics", "failed"}, {"b/panics2", "failed"}, {"b/unsupported", "unsupported"},
	{"c/damaged data", "broken"}, {"c/damaged model", "broken"}, {"c/invalid", "broken"}, {"c/missing data", "broken"}, {"c/no model", "broken"},
	{"d/model.onnx", "passed"}, {"d/second.onnx", "passed"},
}

func statusesOf(root string, r *SuiteReport) (list [][2]string) {
	for _, c := range r.Cases {
		list = append(list, [2]string{strings.TrimPrefix(c.Name, filepath.ToSlash(root)+"/"), string(c.Status)})
	}
	return list
}

func TestRunSuite(t *testing.T) {
	root := putSuite(t)
	var first string
	for _, workers := range []int{1, 2, 7, 100, 0} {
		r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if got := statusesOf(root, r); !slices.Equal(got, statuses) {
			t.Fatalf("%d workers: %q", workers, got)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		}
		if string(data) != first {
			t.Errorf("with %d workers the report is another:\n%s\n%s", workers, data, first)
		}
		if want := (SuiteCounts{Found: 13, Passed: 4, Failed: 3, Unsupported: 1, Broken: 5}); r.Counts != want || r.OK {
			t.Errorf("%+v, ok %v", r.Counts, r.OK)
		}
	}
	if !strings.HasPrefix(first, `{"schema":"onnxtool.test/1","ok":false,"engine":{"name":"ONNX Runtime","version":"0.0.fake"},"optimization":"all",`) {
		t.Errorf("%.200s", first)
	}
}

// TestRunSuiteTells what the report says of each case.
func TestRunSuiteTells(t *testing.T) {
	root := putSuite(t)
	r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{
		"a/wrong":         "test_data_set_0: output y float32[2]: 1 of 2 elements beyond the tolerance, most of all element 1: 5, recorded 6",
		"b/panics":        "the program itself failed: a fault of the engine's binding",
		"b/unsupported":   `there is no function "unknown"`,
		"c/damaged data":  "output_0.pb: not a TensorProto",
		"c/damaged model": "model.onnx: ",
		"c/invalid":       "the model is not valid: ",
		"c/missing data":  "input_0.pb is missing: the data set has no inputs",
		"c/no model":      "there is no model (*.onnx) beside the recorded data",
	}
	for _, c := range r.Cases {
		name := strings.TrimPrefix(c.Name, filepath.ToSlash(root)+"/")
		if !strings.Contains(c.Why, why[name]) || (c.Why == "") != (c.Status == CasePassed) {
			t.Errorf("%s: %s", name, c.Why)
		}
		switch name {
		case "a/passed":
			if c.Sets != 2 || c.Outputs != 2 || c.MaxAbs != 0 || c.Tolerance != RecordedTolerance || c.Model != filepath.Join(root, "a", "passed", "model.onnx") {
				t.Errorf("%+v", c)
			}
		case "a/wrong":
			want := CaseDifference{Set: "test_data_set_0", Output: "y", Type: "float32", Shape: "[2]", Elements: 2, Beyond: 1, MaxAbs: 1, Worst: 1, Want: "6", Got: "5"}
			if c.Sets != 1 || c.First == nil || *c.First != want {
				t.Errorf("%+v %+v", c, c.First)
			}
		}
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	if len(lines) != 11 || !strings.HasPrefix(lines[0], "failed       "+filepath.ToSlash(root)+"/a/wrong ") ||
		lines[9] != "not as recorded: 13 cases, 4 passed, 3 failed, 1 unsupported, 5 broken; ONNX Runtime 0.0.fake" || strings.Contains(text.String(), "a/passed") {
		t.Errorf("%s", text.String())
	}
}

// TestRunSuiteFailFast ends at the first failure in order, whatever fails first in time.
func TestRunSuiteFailFast(t *testing.T) {
	root := putSuite(t) // the slow case comes before the first that fails
	for _, workers := range []int{1, 3, 50} {
		r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{Workers: workers, FailFast: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := statusesOf(root, r); !slices.Equal(got, statuses[:3]) || r.Counts.NotRun != 10 || r.OK {
			t.Errorf("%d workers: %q, %+v", workers, got, r.Counts)
		}
	}
	only := SuiteOptions{FailFast: true, Run: regexp.MustCompile("passed$|unsupported|d/")}
	r, err := RunSuite(suiteEngine(), []string{root}, only)
	if err != nil || len(r.Cases) != 4 || !r.OK {
		t.Errorf("an unsupported case has ended it: %+v, %v", r, err)
	}
	only.Strict = true
	if r, err = RunSuite(suiteEngine(), []string{root}, only); err != nil || len(r.Cases) != 2 || r.OK || r.Counts.NotRun != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunSuiteChooses(t *testing.T) {
	root := putSuite(t)
	names := func(o SuiteOptions) (list []string) {
		cases, err := ListSuite([]string{root, filepath.Join(root, "a")}, o) // the folder twice is no more cases
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			list = append(list, strings.TrimPrefix(c.Name, filepath.ToSlash(root)+"/"))
		}
		return list
	}
	var all []string
	for _, s := range statuses {
		all = append(all, s[0])
	}
	if got := names(SuiteOptions{}); !slices.Equal(got, all) {
		t.Errorf("%q", got)
	}
	o := SuiteOptions{Run: regexp.MustCompile("/(a|d)/"), Skip: regexp.MustCompile("wrong|second")}
	if got := names(o); !slices.Equal(got, []string{"a/passed", "a/slow", "d/model.onnx"}) {
		t.Errorf("%q", got)
	}
	r, err := RunSuite(suiteEngine(), []string{root}, o)
	if want := (SuiteCounts{Found: 13, Passed: 3, Skipped: 10}); err != nil || !r.OK || r.Counts != want {
		t.Errorf("%+v, %v", r, err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || text.String() != "all as recorded: 13 cases, 3 passed, 10 skipped; ONNX Runtime 0.0.fake\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
	_, err = RunSuite(suiteEngine(), []string{root}, SuiteOptions{Run: regexp.MustCompile("nothing")})
	mustFail(t, err, onnxpb.Unfit, "none of 13 cases", "/a/passed")
	_, err = RunSuite(suiteEngine(), []string{filepath.Join(root, "e")}, SuiteOptions{})
	mustFail(t, err, onnxpb.Unfit, "there is no case")
	_, err = RunSuite(suiteEngine(), []string{root, filepath.Join(root, "none")}, SuiteOptions{})
	mustFail(t, err, onnxpb.Unfit, "none: ", "no such file")
	_, err = RunSuite(suiteEngine(), []string{filepath.Join(root, "a", "passed", "._model.onnx", "x")}, SuiteOptions{})
	mustFail(t, err, onnxpb.Unfit, "x")
	_, err = RunSuite(suiteEngine(), []string{filepath.Join(root, "d", "test_data_set_0", "input_0.pb")}, SuiteOptions{})
	mustFail(t, err, onnxpb.Unfit, "is no folder, and neither a model (.onnx) nor an archive (.tar.gz)")
	// A model's file stands for itself.
	r, err = RunSuite(suiteEngine(), []string{filepath.Join(root, "d", "second.onnx")}, SuiteOptions{})
	if err != nil || !r.OK || len(r.Cases) != 1 || !strings.HasSuffix(r.Cases[0].Name, "d/second.onnx") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRunSuiteShowsNothing: where nothing ran, nothing was shown.
func TestRunSuiteShowsNothing(t *testing.T) {
	root := t.TempDir()
	putCase(t, "unknown", []float32{1}, []float32{3}, root)
	r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{})
	if err != nil || r.OK || r.Counts.Unsupported != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "not shown: 1 case, 0 passed, 1 unsupported") {
		t.Errorf("%q, %v", text.String(), err)
	}
}

// TestRunSuiteTolerance: |got - recorded| <= atol + rtol*|recorded|, by the caller, the case or ONNX's runner.
func TestRunSuiteTolerance(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name       string
		recorded   float32 // where the model gives 1001 (x = 500)
		json       string
		atol, rtol *float64
		want       CaseStatus
	}{
		{"within 1e-3 of the recorded", 1000.0, "", nil, nil, CasePassed},
		{"beyond", 999.9, "", nil, nil, CaseFailed},
		{"rtol of the case", 999.9, `{"rtol": 0.002, "model_name": "x"}`, nil, nil, CasePassed},
		{"less of the case", 1000.0, `{"rtol": 1e-5, "atol": 0.1}`, nil, nil, CaseFailed},
		{"rtol of the caller", 999.9, "", nil, number(0.002), CasePassed},
		{"atol of the caller", 999.9, "", number(0.2), nil, CasePassed},
		{"the caller before the case", 1000.0, `{"rtol": 0.5}`, number(0), number(0), CaseFailed},
		{"only one by the caller", 1000.0, `{"rtol": 0.5}`, number(0), nil, CasePassed},
		{"damaged", 1001, `{"rtol": `, nil, nil, CaseBroken},
		{"negative", 1001, `{"rtol": -1}`, nil, nil, CaseBroken},
	} {
		root := t.TempDir()
		putCase(t, "good", []float32{500}, []float32{c.recorded}, root)
		if c.json != "" {
			writeFile(t, []byte(c.json), root, "data.json")
		}
		r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{Atol: c.atol, Rtol: c.rtol})
		if err != nil || r.Cases[0].Status != c.want {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
}

// archive makes a .tar.gz.
func archive(t testing.TB, name string, members ...*tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range members {
		body := h.Uname // where a test puts what the file holds
		h.Uname, h.Mode, h.Size = "", 0o644, int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the archive cannot be made")
	}
	return writeFile(t, b.Bytes(), t.TempDir(), name)
}

func TestRunSuiteArchive(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	root := putSuite(t)
	var members []*tar.Header
	for name, body := range tree(t, root) {
		members = append(members, &tar.Header{Name: "models/" + name, Uname: body})
	}
	members = append(members, &tar.Header{Name: "models/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	path := archive(t, "zoo.tar.gz", members...)
	var first string
	for range 2 {
		r, err := RunSuite(suiteEngine(), []string{path}, SuiteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := statusesOf(path+"/models", r); !slices.Equal(got, statuses) {
			t.Errorf("%q", got)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		}
		if string(data) != first || strings.Contains(first, os.TempDir()+"/onnxtool-test") {
			t.Errorf("the report tells of the temporary folder, or changes:\n%s", data)
		}
	}
	for _, c := range []struct {
		path, part string
	}{
		{archive(t, "a.tgz", &tar.Header{Name: "../model.onnx", Uname: "x"}), "would lie outside"},
		{archive(t, "a.tgz", &tar.Header{Name: "/tmp/model.onnx", Uname: "x"}), "would lie outside"},
		{archive(t, "a.tgz", &tar.Header{Name: "a/b", Uname: "x"}, &tar.Header{Name: "a/b/c", Uname: "x"}), "cannot be unpacked"},
		{archive(t, "a.tgz", &tar.Header{Name: "a", Uname: "x"}), "there is no case"},
		{writeFile(t, []byte("text"), t.TempDir(), "a.tar.gz"), "is no archive of the kind .tar.gz"},
		{filepath.Join(root, "none.tar.gz"), "no such file"},
	} {
		_, err := RunSuite(suiteEngine(), []string{c.path}, SuiteOptions{})
		mustFail(t, err, onnxpb.Unfit, c.part)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ListSuite([]string{writeFile(t, whole[:len(whole)/2], t.TempDir(), "half.tgz")}, SuiteOptions{})
	mustFail(t, err, onnxpb.Unfit, "half.tgz")
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestFindCasesLinks: files and data sets may be links, the root too; folders that are links are not entered, so that none is entered for ever.
func TestFindCasesLinks(t *testing.T) {
	from, root := t.TempDir(), t.TempDir()
	putCase(t, "good", []float32{1}, []float32{3}, from)
	dir := filepath.Join(root, "case")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, l := range [][2]string{{filepath.Join(from, "model.onnx"), "case/m.onnx"}, {filepath.Join(from, "test_data_set_0"), "case/test_data_set_0"}, {root, "case/loop"}, {root, "again"}} {
		if err := os.Symlink(l[0], filepath.Join(root, l[1])); err != nil {
			t.Skipf("this system lets nobody make symbolic links here: %v", err)
		}
	}
	link := filepath.Join(t.TempDir(), "root")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	cases, err := FindCases([]string{link})
	if err != nil || len(cases) != 1 || cases[0].Name != filepath.ToSlash(link)+"/case" || filepath.Base(cases[0].Model) != "m.onnx" {
		t.Fatalf("%+v, %v", cases, err)
	}
	if r, err := RunSuite(suiteEngine(), []string{link}, SuiteOptions{}); err != nil || !r.OK {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRunSuiteNames: a name that is no text does not break the lines of a report.
func TestRunSuiteNames(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "two\nlines\x1b[31m")
	putCase(t, "good", []float32{1}, []float32{4}, dir)
	r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.Cases = append(r.Cases, CaseResult{Name: "long", Status: CaseBroken, Why: strings.Repeat("x", 10000)})
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(text.String(), "\n"); len(lines) != 4 || strings.Contains(text.String(), "\x1b") || len(lines[1]) > 1000 {
		t.Errorf("%q", text.String())
	}
}

// TestRunSuiteMany runs many cases on many workers: none is lost, and none has another's result.
func TestRunSuiteMany(t *testing.T) {
	root := t.TempDir()
	for i := range 200 {
		y := []float32{float32(2*i + 1)}
		if i%7 == 3 {
			y[0]++
		}
		putCase(t, "good", []float32{float32(i)}, y, root, fmt.Sprintf("case%03d", i))
	}
	r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{Workers: 16, Atol: proto.Float64(0.5), Rtol: proto.Float64(0)})
	if err != nil || len(r.Cases) != 200 {
		t.Fatal(err)
	}
	for i, c := range r.Cases {
		want := CasePassed
		if i%7 == 3 {
			want = CaseFailed
		}
		if filepath.Base(c.Name) != fmt.Sprintf("case%03d", i) || c.Status != want || want == CaseFailed && c.First.Got != fmt.Sprint(2*i+1) {
			t.Errorf("case %d: %+v", i, c)
		}
	}
}

// TestRunSuiteElsewhere has cases run by a function of the caller's, some of which do not end.
func TestRunSuiteElsewhere(t *testing.T) {
	root := putSuite(t)
	hang := func(names ...string) func(context.Context, SuiteCase) CaseResult {
		return func(ctx context.Context, c SuiteCase) CaseResult {
			for _, n := range names {
				if strings.HasSuffix(c.Name, n) {
					<-ctx.Done()
					return CaseResult{}
				}
			}
			if strings.HasSuffix(c.Name, "panics") {
				return CaseResult{Status: CaseCrashed, Why: c.Model + " crashed"}
			}
			return CaseResult{Status: CasePassed}
		}
	}
	r, err := RunSuite(suiteEngine(), []string{root}, SuiteOptions{RunCase: hang(), Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	// The case without a model is not given away.
	if want := (SuiteCounts{Found: 13, Passed: 11, Crashed: 1, Broken: 1}); r.Counts != want || r.OK || r.Ended != "" {
		t.Errorf("%+v, ok %v, ended %q", r.Counts, r.OK, r.Ended)
	}
	for _, workers := range []int{1, 4} {
		r, err = RunSuite(suiteEngine(), []string{root}, SuiteOptions{RunCase: hang("a/slow", "d/second.onnx"), Workers: workers, Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		unfinished := []string{filepath.ToSlash(filepath.Join(root, "a", "slow"))}
		want := SuiteCounts{Found: 13, Passed: 1, NotRun: 12}
		if workers > 1 {
			unfinished = append(unfinished, filepath.ToSlash(filepath.Join(root, "d", "second.onnx")))
			want = SuiteCounts{Found: 13, Passed: 9, Crashed: 1, Broken: 1, NotRun: 2}
		}
		if r.Counts != want || r.OK || r.Ended == "" || !slices.Equal(r.Unfinished, unfinished) {
			t.Errorf("%d workers: %+v, ok %v, ended %q, %q", workers, r.Counts, r.OK, r.Ended, r.Unfinished)
		}
		j := &JUnit{}
		if j.AddSuite(r); j.Errors != len(unfinished)+want.Crashed+want.Broken || j.Tests != len(r.Cases)+len(unfinished) {
			t.Errorf("%+v", j)
		}
	}
}
