package onnxpb

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// elementTypes returns every element type that the messages know.
func elementTypes() []TensorProto_DataType {
	var all []TensorProto_DataType
	for i := int32(1); TensorProto_DataType_name[i] != ""; i++ {
		all = append(all, TensorProto_DataType(i))
	}
	return all
}

func TestEveryElementTypeIsKnown(t *testing.T) {
	if n := len(elementTypes()); n != len(TensorProto_DataType_name)-1 || n < 26 {
		t.Fatalf("%d element types", n)
	}
	bits := map[TensorProto_DataType]int{TensorProto_STRING: 0, TensorProto_COMPLEX128: 128, TensorProto_COMPLEX64: 64, TensorProto_BFLOAT16: 16, TensorProto_BOOL: 8}
	for _, et := range elementTypes() {
		name := TypeName(et)
		want, ok := bits[et]
		if !ok { // the width stands in the name: float32, uint4, float8e5m2
			digits := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz")
			for i, r := range digits {
				if r < '0' || r > '9' {
					digits = digits[:i]
					break
				}
			}
			for _, r := range digits {
				want = want*10 + int(r-'0')
			}
		}
		if got := ElemBits(et); got != want {
			t.Errorf("%s: %d bits, want %d", name, got, want)
		}
		a := NewArray(et, []int64{2, 3})
		if a.Len() != 6 || len(a.Dims) != 2 {
			t.Errorf("%s: %d elements", name, a.Len())
		}
		if got := reflect.ValueOf(a.Data); got.Len() != 6 || !got.Index(5).IsZero() {
			t.Errorf("%s: not zeros: %v", name, a.Data)
		}
	}
	if ElemBits(0) != 0 || ElemBits(99) != 0 {
		t.Error("types that do not exist have a width")
	}
}

func TestRawRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, et := range elementTypes() {
		if et == TensorProto_STRING {
			continue
		}
		for _, dims := range [][]int64{{}, {0}, {1}, {3}, {2, 5}, {256}, {257}, {3, 0, 2}, {513, 129}} {
			n, _ := Count(dims)
			raw := make([]byte, (int(n)*ElemBits(et)+7)/8)
			rng.Read(raw)
			if len(raw) == 256 {
				for i := range raw {
					raw[i] = byte(i)
				}
			}
			if et == TensorProto_BOOL {
				for i := range raw {
					raw[i] &= 1
				}
			}
			if used := int(n) * ElemBits(et) % 8; used != 0 { // the bits left over are written as 0
				raw[len(raw)-1] &= 1<<used - 1
			}
			a, err := ArrayFromRaw(et, dims, raw)
			if err != nil {
				t.Fatal(err)
			}
			if a.Len() != int(n) {
				t.Fatalf("%s%v: %d elements", TypeName(et), dims, a.Len())
			}
			back, err := a.Raw()
			if err != nil || !bytes.Equal(raw, back) {
				t.Fatalf("%s%v: %.40x became %.40x (%v)", TypeName(et), dims, raw, back, err)
			}
			p := a.Proto("x")
			if p.GetName() != "x" || p.RawData == nil {
				t.Fatalf("%s%v: %v", TypeName(et), dims, p)
			}
			b, err := Decode(p, "")
			if err != nil || b.Type != et || !reflect.DeepEqual(append([]int64{}, dims...), b.Dims) {
				t.Fatalf("%s%v: %v %v", TypeName(et), dims, b, err)
			}
			if again, _ := b.Raw(); !bytes.Equal(raw, again) {
				t.Fatalf("%s%v: differs after Proto and Decode", TypeName(et), dims)
			}
		}
	}
}

func TestStringsRoundTrip(t *testing.T) {
	in := []string{"", "a", "\xff\xfe not UTF-8", "line\nbreak", "ü"}
	p := TensorOf("s", []int64{5}, in)
	if p.RawData != nil || len(p.StringData) != 5 {
		t.Fatalf("%v", p)
	}
	b, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	q := &TensorProto{}
	if err := proto.Unmarshal(b, q); err != nil {
		t.Fatal(err)
	}
	a, err := Decode(q, "")
	if err != nil || !reflect.DeepEqual(a.Data, in) {
		t.Fatalf("%v %v", a, err)
	}
	if _, err := a.Raw(); err == nil {
		t.Error("strings have raw data")
	}
	if _, err := a.Float64s(); err == nil {
		t.Error("strings are numbers")
	}
}

// typed builds a tensor whose elements stand in a typed field.
func typed(et TensorProto_DataType, dims []int64, set func(*TensorProto)) *TensorProto {
	p := &TensorProto{Name: proto.String("x"), DataType: proto.Int32(int32(et)), Dims: dims}
	set(p)
	return p
}

func ints(v ...int32) func(*TensorProto)   { return func(p *TensorProto) { p.Int32Data = v } }
func u64s(v ...uint64) func(*TensorProto)  { return func(p *TensorProto) { p.Uint64Data = v } }
func f32s(v ...float32) func(*TensorProto) { return func(p *TensorProto) { p.FloatData = v } }
func f64s(v ...float64) func(*TensorProto) { return func(p *TensorProto) { p.DoubleData = v } }
func i64s(v ...int64) func(*TensorProto)   { return func(p *TensorProto) { p.Int64Data = v } }
func rawData(v ...byte) func(*TensorProto) { return func(p *TensorProto) { p.RawData = v } }
func strs(v ...string) func(p *TensorProto) {
	return func(p *TensorProto) {
		for _, s := range v {
			p.StringData = append(p.StringData, []byte(s))
		}
	}
}

func TestDecodeTypedFields(t *testing.T) {
	for _, c := range []struct {
		et   TensorProto_DataType
		dims []int64
		set  func(*TensorProto)
		want any
	}{
		{TensorProto_FLOAT, []int64{2}, f32s(1, -2.5), []float32{1, -2.5}},
		{TensorProto_DOUBLE, []int64{1}, f64s(1e300), []float64{1e300}},
		{TensorProto_INT64, []int64{2}, i64s(-1<<63, 7), []int64{-1 << 63, 7}},
		{TensorProto_UINT64, []int64{1}, u64s(1<<64 - 1), []uint64{1<<64 - 1}},
		{TensorProto_UINT32, []int64{2}, u64s(0, 1<<32-1), []uint32{0, 1<<32 - 1}},
		{TensorProto_INT32, []int64{2}, ints(-1<<31, 1<<31-1), []int32{-1 << 31, 1<<31 - 1}},
		{TensorProto_INT16, []int64{2}, ints(-1<<15, 1<<15-1), []int16{-1 << 15, 1<<15 - 1}},
		{TensorProto_INT8, []int64{3}, ints(-128, 127, 255), []int8{-128, 127, -1}},
		{TensorProto_UINT16, []int64{1}, ints(65535), []uint16{65535}},
		{TensorProto_UINT8, []int64{2}, ints(0, 255), []uint8{0, 255}},
		{TensorProto_BOOL, []int64{3}, ints(0, 1, 1), []bool{false, true, true}},
		{TensorProto_FLOAT16, []int64{3}, ints(0x3c00, 0xc000, -16384), []uint16{0x3c00, 0xc000, 0xc000}},
		{TensorProto_BFLOAT16, []int64{1}, ints(0x3f80), []uint16{0x3f80}},
		{TensorProto_FLOAT8E4M3FN, []int64{2}, ints(0x7e, 0xfe), []uint8{0x7e, 0xfe}},
		{TensorProto_FLOAT8E4M3FNUZ, []int64{1}, ints(0x80), []uint8{0x80}},
		{TensorProto_FLOAT8E5M2, []int64{1}, ints(0x7b), []uint8{0x7b}},
		{TensorProto_FLOAT8E5M2FNUZ, []int64{1}, ints(0x7f), []uint8{0x7f}},
		{TensorProto_FLOAT8E8M0, []int64{1}, ints(0xff), []uint8{0xff}},
		{TensorProto_INT4, []int64{3}, ints(0x8f, 0x07), []int8{-1, -8, 7}},
		{TensorProto_UINT4, []int64{2, 2}, ints(0x8f, 0x07), []uint8{15, 8, 7, 0}},
		{TensorProto_FLOAT4E2M1, []int64{3}, ints(0x21, 0x0f), []uint8{1, 2, 15}},
		{TensorProto_INT2, []int64{5}, ints(0b11_10_01_00, 0b10), []int8{0, 1, -2, -1, -2}},
		{TensorProto_UINT2, []int64{5}, ints(0b11_10_01_00, 0b10), []uint8{0, 1, 2, 3, 2}},
		{TensorProto_COMPLEX64, []int64{2}, f32s(1, 2, 3, -4), []complex64{1 + 2i, 3 - 4i}},
		{TensorProto_COMPLEX128, []int64{1}, f64s(1, 2), []complex128{1 + 2i}},
		{TensorProto_STRING, []int64{2}, strs("a", "b"), []string{"a", "b"}},
		{TensorProto_FLOAT, nil, f32s(3), []float32{3}},
		{TensorProto_FLOAT, []int64{0}, ints(), []float32{}},
		{TensorProto_STRING, []int64{0}, ints(), []string{}},
		{TensorProto_COMPLEX64, []int64{2, 0}, ints(), []complex64{}},
		{TensorProto_INT4, []int64{3}, rawData(0x8f, 0xf7), []int8{-1, -8, 7}}, // what is left over in the last byte is not looked at
		{TensorProto_BOOL, []int64{2}, rawData(0, 2), []bool{false, true}},
		{TensorProto_COMPLEX64, []int64{1}, rawData(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0), []complex64{1 - 2i}},
		{TensorProto_INT16, []int64{1}, rawData(0x01, 0x80), []int16{-0x7fff}},
	} {
		a, err := Decode(typed(c.et, c.dims, c.set), "")
		if err != nil {
			t.Errorf("%s%v: %v", TypeName(c.et), c.dims, err)
		} else if !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%s%v: %v, want %v", TypeName(c.et), c.dims, a.Data, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	both := func(p *TensorProto) { p.FloatData, p.RawData = []float32{1}, []byte{0, 0, 0, 0} }
	segment := func(p *TensorProto) { p.FloatData, p.Segment = []float32{1}, &TensorProto_Segment{} }
	external := func(p *TensorProto) {
		p.DataLocation = TensorProto_EXTERNAL.Enum()
		p.ExternalData = []*StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("w")}}
	}
	for _, c := range []struct {
		et   TensorProto_DataType
		dims []int64
		set  func(*TensorProto)
		want string
	}{
		{TensorProto_FLOAT, []int64{-1}, f32s(), "negative"},
		{TensorProto_FLOAT, []int64{1 << 32, 1 << 32}, f32s(1), "64 bits"},
		{TensorProto_FLOAT, []int64{1 << 31, 1 << 32}, f32s(1), "64 bits"},
		{TensorProto_FLOAT, []int64{1 << 62}, f32s(1), "needs"},
		{TensorProto_FLOAT, []int64{1 << 62}, rawData(1, 2, 3, 4), "memory"},
		{TensorProto_INT2, []int64{1 << 62}, ints(1), "needs"},
		{TensorProto_FLOAT, []int64{2}, f32s(1), "needs 2 values in float_data, there are 1"},
		{TensorProto_FLOAT, []int64{2}, f32s(1, 2, 3), "there are 3"},
		{TensorProto_FLOAT, []int64{2}, rawData(1, 2, 3, 4), "takes 8 bytes of data, there are 4"},
		{TensorProto_FLOAT, []int64{0}, rawData(1, 2, 3, 4), "takes 0 bytes"},
		{TensorProto_FLOAT, []int64{0}, f32s(1), "needs 0"},
		{TensorProto_FLOAT, []int64{2}, ints(), "no data"},
		{TensorProto_FLOAT, []int64{2}, ints(1, 2), "stand in float_data, not in int32_data"},
		{TensorProto_INT32, []int64{2}, i64s(1, 2), "stand in int32_data, not in int64_data"},
		{TensorProto_FLOAT, []int64{1}, both, "raw_data and in float_data"},
		{TensorProto_FLOAT, []int64{1}, segment, "segment"},
		{TensorProto_FLOAT, []int64{1}, external, "external"},
		{TensorProto_UINT32, []int64{1}, u64s(1 << 32), "no uint32"},
		{TensorProto_INT8, []int64{1}, ints(256), "8 bits"},
		{TensorProto_INT8, []int64{1}, ints(-129), "8 bits"},
		{TensorProto_FLOAT16, []int64{1}, ints(65536), "16 bits"},
		{TensorProto_INT4, []int64{3}, ints(1, 2, 3), "needs 2"},
		{TensorProto_COMPLEX64, []int64{1}, f32s(1), "pairs"},
		{TensorProto_COMPLEX64, []int64{1}, f32s(1, 2, 3, 4), "needs 1"},
		{TensorProto_STRING, []int64{1}, rawData(65), "strings"},
		{TensorProto_UNDEFINED, []int64{1}, f32s(1), "element type 0"},
		{99, []int64{1}, f32s(1), "element type 99"},
	} {
		a, err := Decode(typed(c.et, c.dims, c.set), "")
		if err == nil {
			t.Errorf("%s%v (%s): decoded to %v", TypeName(c.et), c.dims, c.want, a.Data)
		} else if e, ok := err.(*Error); !ok || e.Tensor != "x" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%v: %#v does not tell %q of tensor x", TypeName(c.et), c.dims, err, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		dims []int64
		want int64
		ok   bool
	}{
		{nil, 1, true}, {[]int64{3, 4}, 12, true}, {[]int64{0}, 0, true}, {[]int64{1 << 40, 1 << 40, 0}, 0, true},
		{[]int64{math.MaxInt64}, math.MaxInt64, true}, {[]int64{math.MaxInt64, 2}, 0, false}, {[]int64{1 << 32, 1 << 31}, 0, false},
		{[]int64{1 << 32, 1 << 32, 1 << 32}, 0, false}, {[]int64{-1}, 0, false}, {[]int64{0, -1}, 0, false},
	} {
		n, err := Count(c.dims)
		if n != c.want || (err == nil) != c.ok {
			t.Errorf("%v: %d, %v", c.dims, n, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, et := range elementTypes() {
		a := NewArray(et, []int64{3})
		name := TypeName(et)
		_, floatErr := a.Float64s()
		_, intErr := a.Int64s()
		complexOrString := et == TensorProto_STRING || strings.HasPrefix(name, "complex")
		if (floatErr != nil) != complexOrString {
			t.Errorf("%s: Float64s gives %v", name, floatErr)
		}
		isFloat := strings.Contains(name, "float") // bfloat16 too
		if (intErr != nil) != (complexOrString || isFloat) {
			t.Errorf("%s: Int64s gives %v", name, intErr)
		}
		_, err := ArrayFromFloat64s(et, []int64{1}, []float64{1})
		if (err != nil) != complexOrString {
			t.Errorf("%s: ArrayFromFloat64s gives %v", name, err)
		}
		if !complexOrString {
			b, _ := ArrayFromFloat64s(et, []int64{2}, []float64{1, 1})
			if v, err := b.Float64s(); err != nil || v[0] != 1 || v[1] != 1 {
				t.Errorf("%s: 1 becomes %v, %v", name, v, err)
			}
		}
		if _, err := ArrayFromFloat64s(et, []int64{2}, []float64{1}); err == nil {
			t.Errorf("%s: one element makes two", name)
		}
	}
}

func TestIntegersFromFloats(t *testing.T) {
	for _, et := range elementTypes() {
		name := TypeName(et)
		signed := strings.HasPrefix(name, "int")
		if !signed && !strings.HasPrefix(name, "uint") {
			continue
		}
		hi := math.Ldexp(1, ElemBits(et))
		lo := 0.0
		if signed {
			lo, hi = -hi/2, hi/2
		}
		top := min(hi-1, math.Nextafter(hi, 0))
		in, want := []float64{lo, top, 0.5, -0.5, math.Copysign(0, -1)}, []float64{lo, top, 0, 0, 0}
		if top > 1 {
			in, want = append(in, 1.5), append(want, 2)
		}
		a, err := ArrayFromFloat64s(et, []int64{int64(len(in))}, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err := a.Float64s(); err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s: %v, want %v (%v)", name, v, want, err)
		}
		for _, bad := range []float64{lo - 1, hi, math.NaN(), math.Inf(1), math.Inf(-1), -1e30} {
			if lo-1 == lo && bad == lo {
				continue // -2^63 - 1 is no float64
			}
			if _, err := ArrayFromFloat64s(et, nil, []float64{bad}); err == nil {
				t.Errorf("%s holds %v", name, bad)
			}
		}
	}
	big := ArrayOf(nil, []uint64{1 << 63})
	if _, err := big.Int64s(); err == nil {
		t.Error("an int64 holds 2^63")
	}
	b, _ := ArrayFromFloat64s(TensorProto_BOOL, []int64{3}, []float64{0, -0.5, math.NaN()})
	if !reflect.DeepEqual(b.Data, []bool{false, true, true}) {
		t.Error(b.Data)
	}
	f, _ := ArrayFromFloat64s(TensorProto_FLOAT, []int64{2}, []float64{1e300, 0.1})
	if !reflect.DeepEqual(f.Data, []float32{float32(math.Inf(1)), 0.1}) {
		t.Error(f.Data)
	}
}

func TestPackedRange(t *testing.T) {
	for et, bad := range map[TensorProto_DataType]any{TensorProto_INT4: []int8{8}, TensorProto_UINT4: []uint8{16}, TensorProto_INT2: []int8{-3}, TensorProto_UINT2: []uint8{4},
		TensorProto_FLOAT4E2M1: []uint8{16}} {
		if _, err := (&Array{Type: et, Dims: []int64{1}, Data: bad}).Raw(); err == nil {
			t.Errorf("%s holds %v", TypeName(et), bad)
		}
	}
}

func TestBrokenArrays(t *testing.T) {
	for name, a := range map[string]*Array{
		"no data":    {Type: TensorProto_FLOAT, Dims: []int64{1}},
		"other type": {Type: TensorProto_FLOAT, Dims: []int64{1}, Data: []float64{1}},
		"too few":    {Type: TensorProto_FLOAT, Dims: []int64{2}, Data: []float32{1}},
		"no type":    {Dims: []int64{1}, Data: []float32{1}},
		"negative":   {Type: TensorProto_FLOAT, Dims: []int64{-1}, Data: []float32{}},
		"foreign":    {Type: TensorProto_FLOAT, Dims: []int64{1}, Data: []uintptr{1}},
	} {
		if _, err := a.Raw(); err == nil {
			t.Errorf("%s: Raw gives no error", name)
		}
		if _, err := a.Float64s(); err == nil {
			t.Errorf("%s: Float64s gives no error", name)
		}
		if _, err := a.Int64s(); err == nil {
			t.Errorf("%s: Int64s gives no error", name)
		}
	}
}

func TestArrayOfTypes(t *testing.T) {
	p := TensorOf("w", []int64{2}, []float32{1, 2})
	if p.GetDataType() != int32(TensorProto_FLOAT) || binary.LittleEndian.Uint32(p.RawData[4:]) != math.Float32bits(2) {
		t.Error(p)
	}
	if TensorOf("", nil, []bool{true}).GetDataType() != int32(TensorProto_BOOL) || TensorOf("", nil, []int8{1}).GetDataType() != int32(TensorProto_INT8) ||
		TensorOf("", nil, []complex128{1}).GetDataType() != int32(TensorProto_COMPLEX128) || TensorOf("", nil, []uint32{1}).GetDataType() != int32(TensorProto_UINT32) {
		t.Error("an element type of Go has another name in ONNX")
	}
}
