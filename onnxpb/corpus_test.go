package onnxpb

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
)

// testModels is where the Debian package libonnx-testdata puts ONNX's own test models.
const testModels = "/usr/share/libonnx-testdata/data"

func corpusModels(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(testModels); err != nil {
		t.Skip("the package libonnx-testdata is not installed: " + err.Error())
	}
	var all []string
	err := filepath.WalkDir(testModels, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".onnx" {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) < 1000 {
		t.Fatalf("%d models, %v", len(all), err)
	}
	return all
}

func TestCorpusModelsRoundTrip(t *testing.T) {
	models := corpusModels(t)
	identical := 0
	dir := t.TempDir()
	for _, path := range models {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		out := filepath.Join(dir, "m.onnx")
		if err := Save(f.Model, out, SaveOptions{SourceDir: f.Dir()}); err != nil {
			t.Error(err)
			continue
		}
		written, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(written)
		if err != nil || !bytes.Equal(mustMarshal(t, back), written) {
			t.Errorf("%s: what was written reads differently (%v)", path, err)
		}
		if !proto.Equal(back, f.Model) && !hasNaN(f.Model) {
			t.Errorf("%s: changed on the way", path)
		}
		if bytes.Equal(data, written) {
			identical++
		}
	}
	t.Logf("%d of %d models came back byte for byte", identical, len(models))
	if identical < 1072 { // all of them hold their fields in number order, as the writer does
		t.Error("fewer than there were")
	}
}

// hasNaN tells whether a model holds a NaN outside of raw_data, which differs from itself in proto.Equal.
func hasNaN(m *ModelProto) bool {
	return !proto.Equal(m, proto.Clone(m))
}

var dataFile = regexp.MustCompile(`^(input|output)_(\d+)\.pb$`)

// declared returns the type that a model declares for a file of its test data.
func declared(m *ModelProto, file string) (*TypeProto, error) {
	parts := dataFile.FindStringSubmatch(file)
	if parts == nil {
		return nil, fmt.Errorf("%s is no input and no output", file)
	}
	values := m.GetGraph().GetInput()
	if parts[1] == "output" {
		values = m.GetGraph().GetOutput()
	}
	i, err := strconv.Atoi(parts[2])
	if err != nil || i >= len(values) {
		return nil, fmt.Errorf("%s: the model has %d", file, len(values))
	}
	return values[i].GetType(), nil
}

func TestCorpusValuesDecode(t *testing.T) {
	files, tensors := 0, 0
	kinds := map[ValueKind]int{}
	types := map[TensorProto_DataType]int{}
	for _, path := range corpusModels(t) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Model.AllTensors(func(p *TensorProto) {
			tensors++
			checkTensor(t, path, p)
		})
		data, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*", "*.pb"))
		if err != nil {
			t.Fatal(err)
		}
		for _, pb := range data {
			ty, err := declared(f.Model, filepath.Base(pb))
			if err != nil {
				t.Errorf("%s: %v", pb, err)
				continue
			}
			v, err := ReadValue(pb, ty)
			if err != nil {
				t.Error(err)
				continue
			}
			files++
			kinds[v.Kind]++
			if v.Kind != KindTensor {
				continue
			}
			types[v.Array.Type]++
			raw, err := os.ReadFile(pb)
			if err != nil {
				t.Fatal(err)
			}
			p := &TensorProto{}
			if _, optional := ty.GetValue().(*TypeProto_OptionalType); !optional && proto.Unmarshal(raw, p) == nil {
				checkTensor(t, pb, p)
			}
		}
	}
	t.Logf("%d tensors in models, %d files: %v; element types %v", tensors, files, kinds, types)
	if files < 3205 {
		t.Errorf("only %d files were read", files)
	}
	if kinds[KindSequence] == 0 || kinds[KindNone] == 0 || len(types) < 12 {
		t.Error("some kinds of values never came up")
	}
}

// checkTensor decodes a tensor, encodes it anew and decodes that.
func checkTensor(t *testing.T, path string, p *TensorProto) {
	t.Helper()
	a, err := Decode(p, filepath.Dir(path))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if n, _ := Count(a.Dims); int64(a.Len()) != n {
		t.Errorf("%s: %d elements for %v", path, a.Len(), a.Dims)
	}
	q := a.Proto(p.GetName())
	if len(p.GetRawData()) > 0 && !bytes.Equal(p.GetRawData(), q.GetRawData()) {
		t.Errorf("%s: tensor %q: the raw data changed", path, p.GetName())
	}
	b, err := Decode(q, "")
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if b.Type != a.Type || !reflect.DeepEqual(a.Dims, b.Dims) {
		t.Errorf("%s: tensor %q: became %s%v", path, p.GetName(), TypeName(b.Type), b.Dims)
	}
	if a.Type == TensorProto_STRING {
		if !reflect.DeepEqual(a.Data, b.Data) {
			t.Errorf("%s: tensor %q: the strings changed", path, p.GetName())
		}
		return
	}
	rawA, errA := a.Raw()
	rawB, errB := b.Raw()
	if errA != nil || errB != nil || !bytes.Equal(rawA, rawB) {
		t.Errorf("%s: tensor %q: the elements changed (%v, %v)", path, p.GetName(), errA, errB)
	}
}
