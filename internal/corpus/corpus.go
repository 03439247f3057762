// Package corpus gives tests the models of ONNX's own test suites, with the inputs and outputs that were recorded for them.
//
// There are two: that of the Debian package libonnx-testdata, and that of ONNX 1.22 in an archive beside the project (../shared). A test runs over
// those that are there.
package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// Where the suites are.
const (
	debianData = "/usr/share/libonnx-testdata/data"
	archive    = "onnx-tests-1.22.0.tar.xz"
)

// Case is a model with recorded data.
type Case struct {
	Suite string // libonnx/node, libonnx/simple, ..., 1.22/node, 1.22/light, ...
	Name  string // test_abs, ...
	Model string // the model's file
	Sets  []Set
}

// ID names the case among all: Suite/Name.
func (c Case) ID() string { return c.Suite + "/" + c.Name }

// Set is one recorded run: a file for each input and output.
type Set struct{ Inputs, Outputs []string }

// Open reads the model.
func (c Case) Open() (*onnxpb.ModelProto, error) {
	f, err := onnxpb.Open(c.Model)
	if err != nil {
		return nil, err
	}
	return f.Model, nil
}

// Values reads a set's files as values of the inputs and outputs of m, which is the case's model or one of the same interface.
func (s Set) Values(m *onnxpb.ModelProto) (inputs, outputs map[string]*onnxpb.Value, err error) {
	if inputs, err = readAll(s.Inputs, inputsOf(m, len(s.Inputs))); err != nil {
		return nil, nil, err
	}
	if outputs, err = readAll(s.Outputs, m.GetGraph().GetOutput()); err != nil {
		return nil, nil, err
	}
	return inputs, outputs, nil
}

// inputsOf lists the inputs that n recorded values are for: those that no initializer gives a value, or all where there are more values.
func inputsOf(m *onnxpb.ModelProto, n int) []*onnxpb.ValueInfoProto {
	initialized := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		initialized[t.GetName()] = true
	}
	all := m.GetGraph().GetInput()
	required := slices.DeleteFunc(slices.Clone(all), func(v *onnxpb.ValueInfoProto) bool { return initialized[v.GetName()] })
	if n > len(required) {
		return all
	}
	return required
}

func readAll(files []string, declared []*onnxpb.ValueInfoProto) (map[string]*onnxpb.Value, error) {
	if len(files) > len(declared) {
		return nil, fmt.Errorf("%d files for %d values of the model: %s", len(files), len(declared), strings.Join(files, ", "))
	}
	values := map[string]*onnxpb.Value{}
	for i, f := range files {
		v, err := onnxpb.ReadValue(f, declared[i].GetType())
		if err != nil {
			return nil, err
		}
		values[declared[i].GetName()] = v
	}
	return values, nil
}

// Cases lists the cases of the suites that are on this machine, ordered by ID, and logs which are not. The test is skipped where there is none.
func Cases(tb testing.TB) []Case {
	tb.Helper()
	var all []Case
	for _, suite := range []string{"node", "pytorch-converted", "pytorch-operator", "simple"} {
		all = append(all, casesIn(tb, filepath.Join(debianData, suite), "libonnx/"+suite)...)
	}
	if len(all) == 0 {
		tb.Logf("without the cases of libonnx-testdata: %s is absent", debianData)
	}
	if dir := unpacked(tb); dir != "" {
		for _, suite := range []string{"node", "pytorch-converted", "pytorch-operator", "simple"} {
			all = append(all, casesIn(tb, filepath.Join(dir, suite), "1.22/"+suite)...)
		}
		all = append(all, lightCases(tb, filepath.Join(dir, "light"))...)
	}
	if len(all) == 0 {
		tb.Skip("no suite of ONNX's tests is on this machine")
	}
	slices.SortFunc(all, func(a, b Case) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}

// casesIn lists the cases in a directory that holds one directory for each: model.onnx, test_data_set_0/input_0.pb, ...
func casesIn(tb testing.TB, dir, suite string) []Case {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var cases []Case
	for _, e := range entries {
		c := Case{Suite: suite, Name: e.Name(), Model: filepath.Join(dir, e.Name(), "model.onnx")}
		if _, err := os.Stat(c.Model); err != nil {
			continue
		}
		for i := 0; ; i++ {
			set := filepath.Join(dir, e.Name(), fmt.Sprintf("test_data_set_%d", i))
			if _, err := os.Stat(set); err != nil {
				break
			}
			c.Sets = append(c.Sets, Set{Inputs: numbered(tb, set, "input_"), Outputs: numbered(tb, set, "output_")})
		}
		cases = append(cases, c)
	}
	return cases
}

// numbered lists the files prefix0.pb, prefix1.pb, ... of a directory in the order of their numbers.
func numbered(tb testing.TB, dir, prefix string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, prefix+"*.pb"))
	if err != nil {
		tb.Fatal(err)
	}
	number := func(f string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), prefix), ".pb"))
		if err != nil {
			tb.Fatalf("%s: not a numbered file", f)
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	for i, f := range files {
		if number(f) != i {
			tb.Fatalf("%s: file %d is missing before it", f, i)
		}
	}
	return files
}

// lightCases lists the networks whose weights were replaced by constants: light_NAME.onnx with light_NAME_output_0.pb, and with the input that
// unpacking made.
func lightCases(tb testing.TB, dir string) []Case {
	tb.Helper()
	models, err := filepath.Glob(filepath.Join(dir, "light_*.onnx"))
	if err != nil {
		tb.Fatal(err)
	}
	var cases []Case
	for _, m := range models {
		base := strings.TrimSuffix(m, ".onnx")
		cases = append(cases, Case{Suite: "1.22/light", Name: filepath.Base(base), Model: m,
			Sets: []Set{{Inputs: numbered(tb, dir, filepath.Base(base)+"_input_"), Outputs: numbered(tb, dir, filepath.Base(base)+"_output_")}}})
	}
	return cases
}
