package verify

import (
	"reflect"
	"slices"
	"testing"

	"onnxtool/onnxpb"
)

// TestReadRawBytes: bytes and elements written by hand.
func TestReadRawBytes(t *testing.T) {
	for _, c := range []struct {
		elem  onnxpb.TensorProto_DataType
		shape string
		raw   []byte
		dims  []int64
		want  any
	}{
		{onnxpb.TensorProto_INT16, "[2]", []byte{1, 0, 0xff, 0xff}, []int64{2}, []int16{1, -1}},
		{onnxpb.TensorProto_UINT32, "[]", []byte{1, 2, 3, 4}, []int64{}, []uint32{0x04030201}},
		{onnxpb.TensorProto_FLOAT, "[N,1]", []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []int64{2, 1}, []float32{1, -2}},
		{onnxpb.TensorProto_DOUBLE, "[1]", []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []int64{1}, []float64{1}},
		{onnxpb.TensorProto_FLOAT16, "[1,?]", []byte{0, 0x3c, 0, 0xc0}, []int64{1, 2}, []uint16{0x3c00, 0xc000}},
		{onnxpb.TensorProto_BOOL, "[N]", []byte{0, 1, 7}, []int64{3}, []bool{false, true, true}},
		{onnxpb.TensorProto_COMPLEX64, "[1]", []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []int64{1}, []complex64{1 - 2i}},
		{onnxpb.TensorProto_INT4, "[3]", []byte{0xf1, 0x08}, []int64{3}, []int8{1, -1, -8}},
		{onnxpb.TensorProto_UINT4, "[N,3]", []byte{0x21, 0x43, 0x65}, []int64{2, 3}, []uint8{1, 2, 3, 4, 5, 6}},
		{onnxpb.TensorProto_UINT4, "[N,3]", []byte{0x21, 0x03}, []int64{1, 3}, []uint8{1, 2, 3}},
		{onnxpb.TensorProto_UINT2, "[N]", []byte{0b11100100}, []int64{4}, []uint8{0, 1, 2, 3}},
		{onnxpb.TensorProto_FLOAT4E2M1, "[2]", []byte{0xf2}, []int64{2}, []uint8{2, 15}},
		{onnxpb.TensorProto_FLOAT, "[0,5]", nil, []int64{0, 5}, []float32{}},
	} {
		a, err := ReadRaw(c.raw, c.elem, shaped(t, c.shape))
		if err != nil {
			t.Errorf("%s%s: %v", c.elem, c.shape, err)
			continue
		}
		if a.Type != c.elem || !equalDims(a.Dims, c.dims) || !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%s%s: %s%v %v, want %v %v", c.elem, c.shape, a.Type, a.Dims, a.Data, c.dims, c.want)
		}
	}
}

// TestReadRawEveryType: what is written is read back, whichever dimension is free.
func TestReadRawEveryType(t *testing.T) {
	types := 0
	for v := range onnxpb.TensorProto_DataType_name {
		elem := onnxpb.TensorProto_DataType(v)
		if elem == onnxpb.TensorProto_UNDEFINED || elem == onnxpb.TensorProto_STRING {
			continue
		}
		types++
		dims := []int64{2, 3, 4}
		a, err := Generate("x", elem, dims, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := a.Raw()
		if err != nil {
			t.Fatal(err)
		}
		for free := -1; free < 3; free++ {
			declared := onnxpb.Numbers(dims...)
			if free >= 0 {
				declared[free] = onnxpb.Symbol("N")
			}
			b, err := ReadRaw(raw, elem, declared)
			if err != nil {
				t.Errorf("%s%s: %v", elem, onnxpb.FormatShape(declared), err)
				continue
			}
			if b.Type != elem || !equalDims(b.Dims, dims) || !reflect.DeepEqual(a.Data, b.Data) {
				t.Errorf("%s%s: %v %v, want %v", elem, onnxpb.FormatShape(declared), b.Dims, b.Data, a.Data)
			}
			for _, bad := range [][]byte{raw[:len(raw)-1], append(slices.Clone(raw), 0)} {
				_, err := ReadRaw(bad, elem, declared)
				if err == nil && (free < 0 || onnxpb.ElemBits(elem) > 8) {
					t.Errorf("%s%s: %d bytes were read", elem, onnxpb.FormatShape(declared), len(bad))
				}
			}
		}
	}
	if types != 25 {
		t.Errorf("%d types, want 25", types)
	}
}

func TestReadRawRefuses(t *testing.T) {
	for _, c := range []struct {
		size  int
		elem  onnxpb.TensorProto_DataType
		shape string
		msg   string
	}{
		{767, onnxpb.TensorProto_FLOAT, "[1,3,8,8]", "the file has 767 bytes, which do not fit: float32[1,3,8,8] takes 768"},
		{0, onnxpb.TensorProto_FLOAT, "[1,3,8,8]", "has 0 bytes"},
		{13, onnxpb.TensorProto_FLOAT, "[N,3]", "float32[N,3] takes 12 for each step of its free dimension"},
		{2, onnxpb.TensorProto_UINT4, "[N,5]", "takes 3 for each step"},
		{24, onnxpb.TensorProto_FLOAT, "[N,L]", "more than one free dimension"},
		{24, onnxpb.TensorProto_FLOAT, "[L,L]", "more than one free dimension"},
		{24, onnxpb.TensorProto_STRING, "[N]", "holds strings"},
		{24, onnxpb.TensorProto_UNDEFINED, "[N]", "does not declare its element type"},
		{24, onnxpb.TensorProto_FLOAT, "[N,0]", "another is 0"},
		{0, onnxpb.TensorProto_FLOAT, "[N,2]", "the file is empty"},
		{24, onnxpb.TensorProto_FLOAT, "[4294967296,4294967296]", "64 bits"},
		{24, onnxpb.TensorProto_DOUBLE, "[4294967296,2147483647]", "more bytes than any file has"},
		{24, onnxpb.TensorProto_DOUBLE, "[N,4294967296,2147483647]", "more bytes than any file has for each step"},
	} {
		_, err := ReadRaw(make([]byte, c.size), c.elem, shaped(t, c.shape))
		mustFail(t, err, onnxpb.Unfit, c.msg)
	}
}

func FuzzReadRaw(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63}, int32(1), int64(-1), int64(1))
	f.Add([]byte{0x21, 3}, int32(21), int64(1), int64(3))
	f.Add([]byte{1, 2, 3}, int32(2), int64(3), int64(-1))
	f.Add([]byte{}, int32(7), int64(0), int64(1<<62))
	f.Fuzz(func(t *testing.T, data []byte, elem int32, a, b int64) {
		dims := make([]onnxpb.Dim, 2)
		for i, n := range []int64{a, b} {
			if n >= 0 {
				dims[i] = onnxpb.Number(n)
			}
		}
		got, err := ReadRaw(data, onnxpb.TensorProto_DataType(elem), dims)
		if err != nil {
			return
		}
		for i, d := range dims {
			if d.Known && got.Dims[i] != d.Value {
				t.Fatalf("%v for %s", got.Dims, onnxpb.FormatShape(dims))
			}
		}
		raw, err := got.Raw()
		if err != nil {
			t.Fatal(err)
		}
		if got.Type != onnxpb.TensorProto_BOOL && onnxpb.ElemBits(got.Type) >= 8 && !slices.Equal(raw, data) || len(raw) != len(data) {
			t.Fatalf("%v is read as %v", data, raw)
		}
	})
}
