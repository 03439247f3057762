package verify

import (
	"archive/zip"
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func anyType(string) onnxpb.TensorProto_DataType { return onnxpb.TensorProto_UNDEFINED }

func readTestdata(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// member returns the bytes of one .npy file in numpy.npz.
func member(t *testing.T, name string) []byte {
	t.Helper()
	data := readTestdata(t, "numpy.npz")
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestReadNPY reads what NumPy wrote (testdata/make_numpy.py).
func TestReadNPY(t *testing.T) {
	six := []int64{2, 3}
	counting := make([]float32, 24)
	for i := range counting {
		counting[i] = float32(i)
	}
	for name, want := range map[string]*onnxpb.Array{
		"i1": onnxpb.ArrayOf(six, []int8{0, 1, 2, 3, 4, 5}), "i1_big": onnxpb.ArrayOf(six, []int8{0, 1, 2, 3, 4, 5}),
		"i2": onnxpb.ArrayOf(six, []int16{0, 1, 2, 3, 4, 5}), "i2_big": onnxpb.ArrayOf(six, []int16{0, 1, 2, 3, 4, 5}),
		"i4": onnxpb.ArrayOf(six, []int32{0, 1, 2, 3, 4, 5}), "i4_big": onnxpb.ArrayOf(six, []int32{0, 1, 2, 3, 4, 5}),
		"i8": onnxpb.ArrayOf(six, []int64{0, 1, 2, 3, 4, 5}), "i8_big": onnxpb.ArrayOf(six, []int64{0, 1, 2, 3, 4, 5}),
		"u1": onnxpb.ArrayOf(six, []uint8{0, 1, 2, 3, 4, 5}), "u1_big": onnxpb.ArrayOf(six, []uint8{0, 1, 2, 3, 4, 5}),
		"u2": onnxpb.ArrayOf(six, []uint16{0, 1, 2, 3, 4, 5}), "u2_big": onnxpb.ArrayOf(six, []uint16{0, 1, 2, 3, 4, 5}),
		"u4": onnxpb.ArrayOf(six, []uint32{0, 1, 2, 3, 4, 5}), "u4_big": onnxpb.ArrayOf(six, []uint32{0, 1, 2, 3, 4, 5}),
		"u8": onnxpb.ArrayOf(six, []uint64{0, 1, 2, 3, 4, 5}), "u8_big": onnxpb.ArrayOf(six, []uint64{0, 1, 2, 3, 4, 5}),
		"f4": onnxpb.ArrayOf(six, []float32{0, 1, 2, 3, 4, 5}), "f4_big": onnxpb.ArrayOf(six, []float32{0, 1, 2, 3, 4, 5}),
		"f8": onnxpb.ArrayOf(six, []float64{0, 1, 2, 3, 4, 5}), "f8_big": onnxpb.ArrayOf(six, []float64{0, 1, 2, 3, 4, 5}),
		"f2":          {Type: onnxpb.TensorProto_FLOAT16, Dims: six, Data: []uint16{0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500}},
		"f2_big":      {Type: onnxpb.TensorProto_FLOAT16, Dims: six, Data: []uint16{0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500}},
		"fortran":     onnxpb.ArrayOf([]int64{2, 3, 4}, counting),
		"fortran1":    onnxpb.ArrayOf([]int64{3}, []float32{0, 1, 2}),
		"c8":          onnxpb.ArrayOf([]int64{2}, []complex64{1 + 2i, 3 - 4i}),
		"c16_big":     onnxpb.ArrayOf([]int64{2}, []complex128{1 + 2i, 3 - 4i}),
		"bool":        onnxpb.ArrayOf([]int64{3}, []bool{true, false, true}),
		"unicode":     onnxpb.ArrayOf([]int64{2, 2}, []string{"a", "日本", "", "ÄÖÜ"}),
		"unicode_big": onnxpb.ArrayOf([]int64{2}, []string{"x", "日本"}),
		"bytes":       onnxpb.ArrayOf([]int64{3}, []string{"ab", "c", ""}),
		"scalar":      onnxpb.ArrayOf(nil, []float64{2.5}),
		"empty":       onnxpb.ArrayOf([]int64{0, 3}, []float32{}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadNPY(member(t, name), onnxpb.TensorProto_UNDEFINED)
			if err != nil {
				t.Fatal(err)
			}
			if got.Type != want.Type || !equalDims(got.Dims, want.Dims) || !reflect.DeepEqual(got.Data, want.Data) {
				t.Errorf("%s%v %v, want %s%v %v", got.Type, got.Dims, got.Data, want.Type, want.Dims, want.Data)
			}
		})
	}
}

func TestReadNPYNonfinite(t *testing.T) {
	a, err := ReadNPY(member(t, "nonfinite"), onnxpb.TensorProto_FLOAT)
	if err != nil {
		t.Fatal(err)
	}
	v := a.Data.([]float32)
	if v[0] == v[0] || !math.IsInf(float64(v[1]), 1) || !math.IsInf(float64(v[2]), -1) || v[3] != 0 || !math.Signbit(float64(v[3])) {
		t.Errorf("read %v", v)
	}
}

// TestReadNPYOpaque: NumPy stores as void what it does not know; the input's type tells what it is.
func TestReadNPYOpaque(t *testing.T) {
	for _, c := range []struct {
		name string
		want onnxpb.TensorProto_DataType
		data any
	}{
		{"void2", onnxpb.TensorProto_BFLOAT16, []uint16{0x3f80, 0xc000}},
		{"void1", onnxpb.TensorProto_FLOAT8E4M3FN, []uint8{0x0f, 0xf8}},
		{"void1", onnxpb.TensorProto_INT4, []int8{-1, -8}},
		{"void1", onnxpb.TensorProto_UINT4, []uint8{15, 8}},
	} {
		a, err := ReadNPY(member(t, c.name), c.want)
		if err != nil {
			t.Fatal(err)
		}
		if a.Type != c.want || !reflect.DeepEqual(a.Data, c.data) {
			t.Errorf("%s %v, want %s %v", a.Type, a.Data, c.want, c.data)
		}
	}
	for _, want := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_UNDEFINED, onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_FLOAT8E5M2} {
		if _, err := ReadNPY(member(t, "void2"), want); err == nil {
			t.Errorf("two bytes of void were taken for %s", want)
		}
	}
}

func TestReadNPZ(t *testing.T) {
	arrays, err := ReadNPZ(readTestdata(t, "compressed.npz"), anyType)
	if err != nil {
		t.Fatal(err)
	}
	x := arrays["x"].Data.([]float32)
	if len(arrays) != 2 || len(x) != 5000 || x[4999] != 4999 || x[1234] != 1234 {
		t.Errorf("%d arrays, x has %d elements", len(arrays), len(x))
	}
	if y := arrays["y"]; !reflect.DeepEqual(y.Data, []int64{1, 1, 1, 1}) || !equalDims(y.Dims, []int64{2, 2}) {
		t.Errorf("y is %v", y)
	}
}

func TestReadNPYRefuses(t *testing.T) {
	whole := member(t, "f4")
	header := func(dict string) []byte {
		b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)+1), 0)
		return append(append(b, dict...), '\n')
	}
	for name, c := range map[string]struct {
		data []byte
		msg  string
	}{
		"nothing":            {nil, "not an array of NumPy"},
		"text":               {[]byte("This is not an array at all."), "not an array of NumPy"},
		"cut in the header":  {whole[:40], "truncated"},
		"cut in the data":    {whole[:len(whole)-1], "truncated"},
		"too long":           {append(append([]byte{}, whole...), 0), "damaged"},
		"another version":    {append([]byte("\x93NUMPY\x09"), whole[7:]...), "version 9"},
		"no dictionary":      {header("nonsense"), "cannot be read"},
		"keys astray":        {header("{'shape': (1,), 'fortran_order': False, 'descr': '<f4', }"), "cannot be read"},
		"negative dimension": {header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), "cannot be read"},
		"huge dimension":     {header("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999,), }"), "truncated"},
		"overflow":           {header("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }"), "64 bits"},
		"past an int":        {header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"), "cannot be read"},
		"objects":            {header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), `"|O" are not supported`},
		"dates":              {header("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }"), "not supported"},
		"long double":        {header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }"), "not supported"},
		"no type":            {header("{'descr': '<', 'fortran_order': False, 'shape': (1,), }"), "not supported"},
		"strings astray":     {header("{'descr': '<Ux', 'fortran_order': False, 'shape': (1,), }"), "not supported"},
		"many empty strings": {header("{'descr': '|S0', 'fortran_order': False, 'shape': (99999999999,), }"), "damaged"},
	} {
		a, err := ReadNPY(c.data, onnxpb.TensorProto_UNDEFINED)
		if err == nil || !strings.Contains(err.Error(), c.msg) || onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%s: %v, error %v, want %q", name, a, err, c.msg)
		}
	}
	for name, msg := range map[string]string{"objects.npz": "not supported", "records.npz": "records"} {
		if _, err := ReadNPZ(readTestdata(t, name), anyType); err == nil || !strings.Contains(err.Error(), msg) {
			t.Errorf("%s: error %v, want %q", name, err, msg)
		}
	}
	if _, err := ReadNPZ([]byte("no zip"), anyType); err == nil {
		t.Error("no archive was taken for one")
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }             \n\x00\x00\x80\x3f\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ReadNPY(data, onnxpb.TensorProto_BFLOAT16)
		if err == nil {
			if _, err := onnxpb.Count(a.Dims); err != nil {
				t.Errorf("dimensions %v were taken", a.Dims)
			}
		}
	})
}
