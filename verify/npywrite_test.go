package verify

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// numpy runs a script in Python and returns what it prints; the test is skipped where there is no NumPy.
func numpy(t *testing.T, script string, args ...string) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skipf("%s with NumPy is not on this machine: %v", python, err)
	}
	out, err := exec.Command(python, append([]string{"-c", script}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func mustHold(t *testing.T, what string, got, want *onnxpb.Array) {
	t.Helper()
	if got.Type != want.Type || !equalDims(got.Dims, want.Dims) {
		t.Errorf("%s: %s%v, want %s%v", what, got.Type, got.Dims, want.Type, want.Dims)
		return
	}
	if s, ok := want.Data.([]string); ok {
		if !reflect.DeepEqual(got.Data, s) && len(s) > 0 {
			t.Errorf("%s: %q, want %q", what, got.Data, s)
		}
		return
	}
	a, errA := got.Raw()
	b, errB := want.Raw()
	if errA != nil || errB != nil || !bytes.Equal(a, b) { // NaNs to the bit
		t.Errorf("%s: other elements (%v, %v)", what, errA, errB)
	}
}

var npyShapes = [][]int64{{}, {1}, {5}, {2, 3}, {0, 3}, {1, 0}, {2, 1, 2, 3}, {3, 9001}}

func TestWriteNPYRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, typ := range everyType() {
		for _, dims := range npyShapes {
			a := randomArray(t, typ, dims, rng)
			var b bytes.Buffer
			if err := WriteNPY(&b, a); err != nil {
				t.Fatalf("%s%v: %v", typ, dims, err)
			}
			head := bytes.IndexByte(b.Bytes(), '\n') + 1
			if head%64 != 0 || b.Bytes()[6] != 1 {
				t.Errorf("%s%v: the elements begin at byte %d, version %d", typ, dims, head, b.Bytes()[6])
			}
			got, err := ReadNPY(b.Bytes(), typ)
			if err != nil {
				t.Fatalf("%s%v: %v", typ, dims, err)
			}
			mustHold(t, fmt.Sprintf("%s%v", typ, dims), got, a)
		}
	}
}

// The bytes that NumPy itself would write, but for how far the header is filled up.
func TestWriteNPYBytes(t *testing.T) {
	var b bytes.Buffer
	if err := WriteNPY(&b, onnxpb.ArrayOf([]int64{2}, []int16{1, -2})); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }"
	want += strings.Repeat(" ", 127-len(want)) + "\n\x01\x00\xfe\xff"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	for typ, data := range map[onnxpb.TensorProto_DataType]any{onnxpb.TensorProto_INT4: []int8{-8, 7}, onnxpb.TensorProto_UINT4: []uint8{0xf, 7}, onnxpb.TensorProto_FLOAT4E2M1: []uint8{0xf, 7}} {
		b.Reset()
		if err := WriteNPY(&b, &onnxpb.Array{Type: typ, Dims: []int64{2}, Data: data}); err != nil {
			t.Fatal(err)
		}
		last := hex.EncodeToString(b.Bytes()[b.Len()-2:])
		if want := map[bool]string{true: "f807", false: "0f07"}[typ == onnxpb.TensorProto_INT4]; last != want || !strings.Contains(b.String(), "'|V1'") {
			t.Errorf("%s: elements %s, want %s", typ, last, want)
		}
	}
}

// A header past 65,535 bytes takes version 2.0.
func TestWriteNPYLongHeader(t *testing.T) {
	dims := slices.Repeat([]int64{1}, 30000)
	var b bytes.Buffer
	a := onnxpb.ArrayOf(dims, []float32{2.5})
	if err := WriteNPY(&b, a); err != nil {
		t.Fatal(err)
	}
	if b.Bytes()[6] != 2 {
		t.Errorf("version %d", b.Bytes()[6])
	}
	got, err := ReadNPY(b.Bytes(), onnxpb.TensorProto_FLOAT)
	if err != nil {
		t.Fatal(err)
	}
	mustHold(t, "rank 30000", got, a)
}

type failingWriter struct{ left int }

var errFull = errors.New("the disk is full")

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteNPYRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		a   *onnxpb.Array
		msg string
	}{
		"no array":      {nil, "no array"},
		"too few":       {&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{3}, Data: []float32{1}}, "holds 1 elements"},
		"no UTF-8":      {onnxpb.ArrayOf([]int64{2}, []string{"a", "\xff"}), "string 1 is no UTF-8"},
		"a zero at end": {onnxpb.ArrayOf([]int64{1}, []string{"a\x00"}), "ends in a zero"},
		"no int4":       {&onnxpb.Array{Type: onnxpb.TensorProto_INT4, Dims: []int64{1}, Data: []int8{8}}, "no int4"},
	} {
		err := WriteNPY(&bytes.Buffer{}, c.a)
		if err == nil || !strings.Contains(err.Error(), c.msg) || onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%s: error %v, want %q", name, err, c.msg)
		}
	}
	for _, a := range []*onnxpb.Array{onnxpb.ArrayOf([]int64{90000}, make([]float32, 90000)), onnxpb.ArrayOf([]int64{2000}, slices.Repeat([]string{"abc"}, 2000))} {
		for _, left := range []int{0, 128, 20000} {
			if err := WriteNPY(&failingWriter{left}, a); !errors.Is(err, errFull) {
				t.Errorf("%s, %d bytes: error %v", a.Type, left, err)
			}
		}
	}
}

func TestWriteNPZ(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	names := []string{"/layer1/Conv_output_0", "日本", "a b", "x[0]"}
	var arrays []*onnxpb.Array
	want := map[string]*onnxpb.Array{}
	for _, typ := range everyType() {
		if len(names) < 4+len(arrays) {
			names = append(names, typ.String())
		}
		arrays = append(arrays, randomArray(t, typ, []int64{2, 3}, rng))
	}
	names = append(names, "more1", "more2", "more3")[:len(arrays)]
	for i, n := range names {
		want[n] = arrays[i]
	}
	path := filepath.Join(t.TempDir(), "all.npz")
	if err := WriteNPZ(path, names, arrays); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadNPZ(data, func(name string) onnxpb.TensorProto_DataType { return want[name].Type })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d arrays, want %d", len(got), len(want))
	}
	for n, a := range want {
		mustHold(t, n, got[n], a)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || z.File[0].Name != names[0]+".npy" || z.File[0].Method != zip.Store {
		t.Errorf("%v, error %v", z.File[0].FileHeader, err)
	}
	again := filepath.Join(t.TempDir(), "again.npz")
	if err := WriteNPZ(again, names, arrays); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(again); !bytes.Equal(second, data) {
		t.Error("the same arrays give other bytes")
	}
}

// An archive that cannot be written leaves what was there, and nothing else.
func TestWriteNPZWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.npz")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	good := onnxpb.ArrayOf([]int64{1}, []float32{1})
	bad := onnxpb.ArrayOf([]int64{1}, []string{"\xff"})
	mustFail(t, WriteNPZ(path, []string{"a", "b"}, []*onnxpb.Array{good, bad}), onnxpb.Unfit, `tensor "b"`, "UTF-8")
	mustFail(t, WriteNPZ(path, []string{"a", "a"}, []*onnxpb.Array{good, good}), onnxpb.Unfit, `two arrays are called "a"`)
	mustFail(t, WriteNPZ(path, []string{"a"}, nil), onnxpb.Unfit, "1 names for 0 arrays")
	mustFail(t, WriteNPZ(filepath.Join(dir, "no", "out.npz"), []string{"a"}, []*onnxpb.Array{good}), onnxpb.Unfit, "cannot be written")
	entries, err := os.ReadDir(dir)
	if data, _ := os.ReadFile(path); err != nil || len(entries) != 1 || string(data) != "old" {
		t.Errorf("the folder holds %v, the file %q", entries, data)
	}
}

// NumPy itself reads what is written: types, shapes and elements.
func TestWriteNPYForNumPy(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	type array struct {
		Descr string
		Shape []int64
		Hex   string
		Text  []string
	}
	want := map[string]array{}
	var names []string
	var arrays []*onnxpb.Array
	for _, typ := range everyType() {
		for i, dims := range [][]int64{{}, {5}, {2, 3}, {0, 3}} {
			a := randomArray(t, typ, dims, rng)
			w := array{Descr: numpyDescr[typ], Shape: dims, Text: []string{}}
			if s, ok := a.Data.([]string); ok {
				w.Text = append(w.Text, s...)
			} else if onnxpb.ElemBits(typ) < 8 {
				w.Hex = hex.EncodeToString(oneByteEach(a.Data))
			} else {
				raw, err := a.Raw()
				if err != nil {
					t.Fatal(err)
				}
				w.Hex = hex.EncodeToString(raw)
			}
			name := fmt.Sprintf("%s_%d", typ, i)
			names, arrays, want[name] = append(names, name), append(arrays, a), w
		}
	}
	path := filepath.Join(dir, "all.npz")
	if err := WriteNPZ(path, names, arrays); err != nil {
		t.Fatal(err)
	}
	out := numpy(t, `
import json, sys, numpy as np
d = np.load(sys.argv[1])
r = {}
for k in d.files:
    a = d[k]
    assert a.flags.c_contiguous
    u = a.dtype.kind == "U"
    r[k] = {"Descr": "U" if u else a.dtype.str, "Shape": list(a.shape), "Hex": "" if u else a.tobytes().hex(), "Text": a.ravel().tolist() if u else []}
print(json.dumps(r))`, path)
	var got map[string]array
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("NumPy finds %d arrays of %d", len(got), len(want))
	}
	for name, w := range want {
		if g := got[name]; g.Descr != w.Descr || !slices.Equal(g.Shape, w.Shape) || g.Hex != w.Hex || !slices.Equal(g.Text, w.Text) {
			t.Errorf("%s: NumPy reads %+v, want %+v", name, g, w)
		}
	}
}

// numpyDescr is what NumPy calls the types once it has read them.
var numpyDescr = map[onnxpb.TensorProto_DataType]string{
	onnxpb.TensorProto_FLOAT: "<f4", onnxpb.TensorProto_DOUBLE: "<f8", onnxpb.TensorProto_FLOAT16: "<f2", onnxpb.TensorProto_BFLOAT16: "|V2",
	onnxpb.TensorProto_INT8: "|i1", onnxpb.TensorProto_INT16: "<i2", onnxpb.TensorProto_INT32: "<i4", onnxpb.TensorProto_INT64: "<i8",
	onnxpb.TensorProto_UINT8: "|u1", onnxpb.TensorProto_UINT16: "<u2", onnxpb.TensorProto_UINT32: "<u4", onnxpb.TensorProto_UINT64: "<u8",
	onnxpb.TensorProto_BOOL: "|b1", onnxpb.TensorProto_STRING: "U", onnxpb.TensorProto_COMPLEX64: "<c8", onnxpb.TensorProto_COMPLEX128: "<c16",
	onnxpb.TensorProto_FLOAT8E4M3FN: "|V1", onnxpb.TensorProto_FLOAT8E4M3FNUZ: "|V1", onnxpb.TensorProto_FLOAT8E5M2: "|V1", onnxpb.TensorProto_FLOAT8E5M2FNUZ: "|V1",
	onnxpb.TensorProto_FLOAT8E8M0: "|V1", onnxpb.TensorProto_FLOAT4E2M1: "|V1", onnxpb.TensorProto_INT4: "|V1", onnxpb.TensorProto_UINT4: "|V1",
	onnxpb.TensorProto_INT2: "|V1", onnxpb.TensorProto_UINT2: "|V1",
}
