package fuse_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// externalModel makes y = x * w + v for two weights of two numbers each, in the files w.bin and sub/v.bin of a directory, behind a few bytes.
func externalModel(t *testing.T, dir, name string, w, v float32) fuse.Input {
	t.Helper()
	file := func(location string, value float32) []*onnxpb.StringStringEntryProto {
		t.Helper()
		raw := bytes.Repeat([]byte{0xee}, 16)
		for range 2 {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(value))
		}
		path := filepath.Join(dir, location)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		return append(append(props("location", location), props("offset", "16")...), props("length", "8")...)
	}
	m := mini(t, "x[2] -> y[2]", "w = 1 2", "v = 1 2", "p = Mul(x, w)", "y = Add(p, v)")
	for i, location := range []string{"w.bin", "sub/v.bin"} {
		x := m.Graph.Initializer[i]
		x.RawData, x.DataLocation, x.ExternalData = nil, onnxpb.TensorProto_EXTERNAL.Enum(), file(location, []float32{w, v}[i])
	}
	return fuse.Input{Name: name, Model: m, Dir: dir}
}

// TestMergedExternalDataRuns merges three models whose data files are all called the same, saves the result in a directory of its own, in that of a
// model, and over another's data, and lets ONNX Runtime compute with each: 2*x+1, then 3*that+5, and beside it 7*x+11.
func TestMergedExternalDataRuns(t *testing.T) {
	engine := testengine.New(t)
	a, b := t.TempDir(), t.TempDir()
	c := filepath.Join(a, "below")
	models := []fuse.Input{externalModel(t, a, "one", 2, 1), externalModel(t, b, "two", 3, 5), externalModel(t, c, "three", 7, 11)}
	before := map[string][]byte{}
	for _, dir := range []string{a, b, c} {
		for _, f := range []string{"w.bin", "sub/v.bin"} {
			data, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil {
				t.Fatal(err)
			}
			before[filepath.Join(dir, f)] = data
		}
	}
	m, r := merge(t, models, fuse.MergeOptions{Connect: connections(t, "one:y=two:x"), Outputs: outputs(t, "two:y=chained three:y=other")})
	for _, x := range m.Graph.Initializer {
		if len(x.RawData) > 0 {
			t.Errorf("%s was read", x.GetName())
		}
	}
	other := t.TempDir()
	for _, f := range []string{"one_w.bin", "w.bin"} { // names that are taken, by other data
		if err := os.WriteFile(filepath.Join(other, f), []byte("another file"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		dir  string
		data onnxpb.DataOptions
		want string // the files that are there afterwards and were not before
	}{
		"a directory of its own": {t.TempDir(), onnxpb.DataOptions{}, "one_w.bin out.onnx sub/one_v.bin sub/three_v.bin sub/two_v.bin three_w.bin two_w.bin"},
		"taken names":            {other, onnxpb.DataOptions{}, "one_w_1.bin out.onnx sub/one_v.bin sub/three_v.bin sub/two_v.bin three_w.bin two_w.bin"},
		"the directory of one":   {a, onnxpb.DataOptions{}, "out.onnx sub/three_v.bin sub/two_v.bin three_w.bin two_w.bin"},
		"the directory of two":   {b, onnxpb.DataOptions{}, "one_w.bin out.onnx sub/one_v.bin sub/three_v.bin three_w.bin"},
		"one file":               {t.TempDir(), onnxpb.DataOptions{Mode: onnxpb.DataFile, File: "all.data"}, "all.data out.onnx"},
		"inline":                 {t.TempDir(), onnxpb.DataOptions{Mode: onnxpb.DataInline}, "out.onnx"},
		"hard links":             {t.TempDir(), onnxpb.DataOptions{Mode: onnxpb.DataLink}, "one_w.bin out.onnx sub/one_v.bin sub/three_v.bin sub/two_v.bin three_w.bin two_w.bin"},
	} {
		t.Run(name, func(t *testing.T) {
			had := files(t, c.dir)
			path := filepath.Join(c.dir, "out.onnx")
			o := c.data
			o.Carry = r.Carry
			if err := onnxpb.Save(m, path, onnxpb.SaveOptions{Data: o}); err != nil {
				t.Fatal(err)
			}
			var made []string
			for _, f := range files(t, c.dir) {
				if !slices.Contains(had, f) {
					made = append(made, f)
				}
			}
			if got := strings.Join(made, " "); got != c.want {
				t.Errorf("made %s, want %s", got, c.want)
			}
			saved, err := onnxpb.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer saved.Close()
			s, err := engine.Open(verify.Source{Model: saved.Model, Dir: c.dir, Path: path}, verify.SessionOptions{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			in := map[string]*onnxpb.Value{}
			for _, x := range saved.Model.Graph.Input {
				in[x.GetName()] = onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2}, []float32{1, 10}))
			}
			out, err := s.Run(in)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(out["chained"].Array.Data, out["other"].Array.Data)
			if want := fmt.Sprint([]float32{14, 68}, []float32{18, 81}); got != want {
				t.Errorf("computed %s, want %s", got, want)
			}
			for path, want := range before {
				if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, want) {
					t.Errorf("%s changed: %v", path, err)
				}
			}
			for _, f := range made {
				if err := os.Remove(filepath.Join(c.dir, f)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	m.Graph.Initializer[0].ExternalData[0].Value = nil
	if err := onnxpb.Save(m, filepath.Join(t.TempDir(), "out.onnx"), onnxpb.SaveOptions{Data: onnxpb.DataOptions{Carry: r.Carry}}); err == nil {
		t.Error("a tensor without a location was saved")
	}
}

// files lists the files under a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
