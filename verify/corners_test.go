package verify

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

func tensorOf(elem onnxpb.TensorProto_DataType) *onnxpb.TypeProto {
	return onnxpb.TensorType(elem, onnxpb.Numbers(2, 3))
}

// cornerBits are the corners of each type of float as bits of two elements in a row, big endian, written by hand from the formats.
var cornerBits = map[onnxpb.TensorProto_DataType]map[string]string{
	onnxpb.TensorProto_FLOAT: {"zeros": "00000000 00000000", "ones": "3f800000 3f800000", "largest": "7f7fffff 7f7fffff", "smallest": "ff7fffff ff7fffff",
		"alternating": "ff7fffff 7f7fffff", "denormals": "00000001 007fffff"},
	onnxpb.TensorProto_DOUBLE: {"zeros": "0000000000000000 0000000000000000", "ones": "3ff0000000000000 3ff0000000000000", "largest": "7fefffffffffffff 7fefffffffffffff",
		"smallest": "ffefffffffffffff ffefffffffffffff", "alternating": "ffefffffffffffff 7fefffffffffffff", "denormals": "0000000000000001 000fffffffffffff"},
	onnxpb.TensorProto_FLOAT16:        {"zeros": "0000 0000", "ones": "3c00 3c00", "largest": "7bff 7bff", "smallest": "fbff fbff", "alternating": "fbff 7bff", "denormals": "0001 03ff"},
	onnxpb.TensorProto_BFLOAT16:       {"zeros": "0000 0000", "ones": "3f80 3f80", "largest": "7f7f 7f7f", "smallest": "ff7f ff7f", "alternating": "ff7f 7f7f", "denormals": "0001 007f"},
	onnxpb.TensorProto_FLOAT8E4M3FN:   {"zeros": "00 00", "ones": "38 38", "largest": "7e 7e", "smallest": "fe fe", "alternating": "fe 7e", "denormals": "01 07"},
	onnxpb.TensorProto_FLOAT8E4M3FNUZ: {"zeros": "00 00", "ones": "40 40", "largest": "7f 7f", "smallest": "ff ff", "alternating": "ff 7f", "denormals": "01 07"},
	onnxpb.TensorProto_FLOAT8E5M2:     {"zeros": "00 00", "ones": "3c 3c", "largest": "7b 7b", "smallest": "fb fb", "alternating": "fb 7b", "denormals": "01 03"},
	onnxpb.TensorProto_FLOAT8E5M2FNUZ: {"zeros": "00 00", "ones": "40 40", "largest": "7f 7f", "smallest": "ff ff", "alternating": "ff 7f", "denormals": "01 03"},
	onnxpb.TensorProto_FLOAT8E8M0:     {"ones": "7f 7f", "largest": "fe fe", "smallest": "00 00", "alternating": "00 fe"},
	onnxpb.TensorProto_FLOAT4E2M1:     {"zeros": "00 00", "ones": "02 02", "largest": "07 07", "smallest": "0f 0f", "alternating": "0f 07", "denormals": "01 01"},
}

// specialsOf are NaN, +Inf and -Inf in each type; "" where it has none.
var specialsOf = map[onnxpb.TensorProto_DataType][3]string{
	onnxpb.TensorProto_FLOAT: {"nan", "7f800000", "ff800000"}, onnxpb.TensorProto_DOUBLE: {"nan", "7ff0000000000000", "fff0000000000000"},
	onnxpb.TensorProto_FLOAT16: {"7e00", "7c00", "fc00"}, onnxpb.TensorProto_BFLOAT16: {"7fc0", "7f80", "ff80"},
	onnxpb.TensorProto_FLOAT8E4M3FN: {"7f"}, onnxpb.TensorProto_FLOAT8E4M3FNUZ: {"80"}, onnxpb.TensorProto_FLOAT8E5M2: {"7e", "7c", "fc"},
	onnxpb.TensorProto_FLOAT8E5M2FNUZ: {"80"}, onnxpb.TensorProto_FLOAT8E8M0: {"ff"}, onnxpb.TensorProto_FLOAT4E2M1: {},
}

// bitsOf writes element i of a float array in hexadecimal digits.
func bitsOf(a *onnxpb.Array, i int) string {
	var b []byte
	switch d := a.Data.(type) {
	case []float32:
		b = binary.BigEndian.AppendUint32(nil, math.Float32bits(d[i]))
	case []float64:
		b = binary.BigEndian.AppendUint64(nil, math.Float64bits(d[i]))
	case []uint16:
		b = binary.BigEndian.AppendUint16(nil, d[i])
	case []uint8:
		b = []byte{d[i]}
	}
	return hex.EncodeToString(b)
}

func cornersOf(t *testing.T, elem onnxpb.TensorProto_DataType, s GenSpec) map[string]*onnxpb.Array {
	t.Helper()
	list, err := Corners("x", tensorOf(elem), []int64{2, 3}, s, 9)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*onnxpb.Array{}
	last := -1
	for _, c := range list {
		at := slices.Index(cornerNames, c.Name)
		if at <= last {
			t.Errorf("corner %s is out of order", c.Name)
		}
		last = at
		if a := c.Value.Array; a.Type != elem || !equalDims(a.Dims, []int64{2, 3}) || a.Len() != 6 {
			t.Errorf("corner %s is %s%v", c.Name, a.Type, a.Dims)
		}
		all[c.Name] = c.Value.Array
	}
	return all
}

func TestCornersOfFloats(t *testing.T) {
	for elem, want := range cornerBits {
		all := cornersOf(t, elem, GenSpec{})
		for name, bits := range want {
			pair := strings.Fields(bits)
			a := all[name]
			if a == nil {
				t.Errorf("%s: there is no corner %s", elem, name)
				continue
			}
			for i := range 6 {
				if got := bitsOf(a, i); got != pair[i%2] {
					t.Errorf("%s %s: element %d is %s, want %s", elem, name, i, got, pair[i%2])
				}
			}
		}
		count := len(want)
		noise, err := GenerateWith("x", elem, []int64{2, 3}, GenSpec{}, 9)
		if err != nil {
			t.Fatal(err)
		}
		for k, name := range []string{"nan", "inf", "-inf"} {
			bits := specialsOf[elem][k]
			if (bits != "") != (all[name] != nil) {
				t.Errorf("%s: corner %s: %v", elem, name, all[name])
			}
			if bits == "" || all[name] == nil {
				continue
			}
			count++
			for i := range 6 {
				got, want := bitsOf(all[name], i), bitsOf(noise, i)
				if i == 1 { // the middle of the first row
					want = bits
				}
				if v, _ := all[name].Float64s(); bits == "nan" && i == 1 && math.IsNaN(v[1]) {
					continue
				}
				if got != want {
					t.Errorf("%s %s: element %d is %s, want %s", elem, name, i, got, want)
				}
			}
		}
		if elem != onnxpb.TensorProto_FLOAT8E8M0 {
			count++
			v, err := all["negative"].Float64s()
			if err != nil || slices.Max(v) > 0 || slices.Min(v) < -1 || slices.Min(v) == 0 {
				t.Errorf("%s negative: %v, %v", elem, v, err)
			}
		}
		if len(all) != count {
			t.Errorf("%s has %d corners, want %d", elem, len(all), count)
		}
	}
}

func TestCornersOfComplex(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	all := cornersOf(t, onnxpb.TensorProto_COMPLEX64, GenSpec{})
	for name, want := range map[string][2]complex64{
		"zeros": {0, 0}, "ones": {1, 1}, "largest": {complex(math.MaxFloat32, math.MaxFloat32), complex(math.MaxFloat32, math.MaxFloat32)},
		"denormals": {complex(math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat32), complex(math.Float32frombits(0x7fffff), math.Float32frombits(0x7fffff))},
	} {
		if d := all[name].Data.([]complex64); d[0] != want[0] || d[1] != want[1] || d[4] != want[0] {
			t.Errorf("%s: %v", name, d)
		}
	}
	noise, _ := Generate("x", onnxpb.TensorProto_COMPLEX64, []int64{2, 3}, nil, 9)
	im := imag(noise.Data.([]complex64)[1])
	for name, want := range map[string]complex64{"nan": complex(nan, im), "inf": complex(inf, im), "-inf": complex(-inf, im)} {
		d := all[name].Data.([]complex64)
		if math.Float32bits(real(d[1])) != math.Float32bits(real(want)) || imag(d[1]) != im || d[0] != noise.Data.([]complex64)[0] {
			t.Errorf("%s: %v", name, d)
		}
	}
	if d := cornersOf(t, onnxpb.TensorProto_COMPLEX128, GenSpec{})["smallest"].Data.([]complex128); d[5] != complex(-math.MaxFloat64, -math.MaxFloat64) {
		t.Errorf("smallest: %v", d)
	}
}

func TestCornersOfIntegers(t *testing.T) {
	for elem, most := range map[onnxpb.TensorProto_DataType]int64{
		onnxpb.TensorProto_INT2: 1, onnxpb.TensorProto_UINT2: 3, onnxpb.TensorProto_INT4: 7, onnxpb.TensorProto_UINT4: 9, onnxpb.TensorProto_INT8: 9, onnxpb.TensorProto_UINT8: 9,
		onnxpb.TensorProto_INT16: 9, onnxpb.TensorProto_UINT16: 9, onnxpb.TensorProto_INT32: 9, onnxpb.TensorProto_UINT32: 9, onnxpb.TensorProto_INT64: 9, onnxpb.TensorProto_UINT64: 9,
	} {
		all := cornersOf(t, elem, GenSpec{})
		for name, want := range map[string][2]int64{"zeros": {0, 0}, "ones": {1, 1}, "largest": {most, most}, "smallest": {0, 0}, "alternating": {0, most}} {
			v, err := all[name].Int64s()
			if err != nil || !slices.Equal(v, []int64{want[0], want[1], want[0], want[1], want[0], want[1]}) {
				t.Errorf("%s %s: %v, %v", elem, name, v, err)
			}
		}
		if len(all) != 5 {
			t.Errorf("%s has %d corners", elem, len(all))
		}
	}
	// A range, or the distribution's, says what an integer may be.
	for _, s := range []GenSpec{{Range: &Range{-3.5, 100.5}}, spec(t, "ints(-3..100)", &Range{7, 8})} {
		all := cornersOf(t, onnxpb.TensorProto_INT32, s)
		if d := all["alternating"].Data.([]int32); d[0] != -3 || d[1] != 100 {
			t.Errorf("alternating: %v", d)
		}
		if d := all["negative"].Data.([]int32); slices.Max(d) > 0 || slices.Min(d) < -3 {
			t.Errorf("negative: %v", d)
		}
	}
	all := cornersOf(t, onnxpb.TensorProto_INT64, GenSpec{Range: &Range{5, 8}})
	if len(all) != 3 || all["zeros"] != nil || all["negative"] != nil {
		t.Errorf("5..8 has %d corners", len(all))
	}
	if d := cornersOf(t, onnxpb.TensorProto_UINT8, spec(t, "image", nil))["largest"].Data.([]uint8); d[0] != 255 {
		t.Errorf("largest of pictures: %v", d)
	}
	_, err := Corners("x", tensorOf(onnxpb.TensorProto_UINT8), []int64{2}, GenSpec{Range: &Range{0, 300}}, 0)
	mustFail(t, err, onnxpb.Unfit, "do not fit", "uint8")
}

func TestCornersWithinARange(t *testing.T) {
	// A range that is set holds for all corners of floats but NaN and infinities.
	all := cornersOf(t, onnxpb.TensorProto_FLOAT, GenSpec{Range: &Range{-0.5, 0.25}})
	for name, a := range all {
		v, _ := a.Float64s()
		if name != "nan" && name != "inf" && name != "-inf" && (slices.Max(v) > 0.25 || slices.Min(v) < -0.5) {
			t.Errorf("%s: %v", name, v)
		}
	}
	if all["ones"] != nil || all["zeros"] == nil || all["denormals"] == nil || all["nan"] == nil {
		t.Errorf("corners of -0.5..0.25: %v", all)
	}
	if d := all["alternating"].Data.([]float32); d[0] != -0.5 || d[1] != 0.25 {
		t.Errorf("alternating: %v", d)
	}
	if all = cornersOf(t, onnxpb.TensorProto_FLOAT, GenSpec{Range: &Range{2, 3}}); all["denormals"] != nil || all["negative"] != nil || all["zeros"] != nil {
		t.Errorf("corners of 2..3: %v", all)
	}
}

func TestCornersOfBoolAndString(t *testing.T) {
	all := cornersOf(t, onnxpb.TensorProto_BOOL, GenSpec{Range: &Range{5, 6}})
	if len(all) != 2 || slices.Contains(all["zeros"].Data.([]bool), true) || slices.Contains(all["ones"].Data.([]bool), false) {
		t.Errorf("bool: %v", all)
	}
	all = cornersOf(t, onnxpb.TensorProto_STRING, GenSpec{})
	if len(all) != 3 || all["empty"].Data.([]string)[5] != "" || len(all["long"].Data.([]string)[5]) != 4096 {
		t.Errorf("string: %v", all)
	}
	if !reflect.DeepEqual(all["non-ascii"].Data, []string{"ÄÖÜß", "日本語", "🙂", "e\u0301", "שלום", "a\u200bb"}) {
		t.Errorf("non-ascii: %q", all["non-ascii"].Data)
	}
}

// TestCornerRows: the first rows of a corner are the same whatever the batch.
func TestCornerRows(t *testing.T) {
	for v := range onnxpb.TensorProto_DataType_name {
		elem := onnxpb.TensorProto_DataType(v)
		in := func(n int64) GenInput { return GenInput{Name: "x", Type: tensorOf(elem), Dims: []int64{n, 5}} }
		for _, name := range CornerNames([]GenInput{in(1)}) {
			three, _, err := CornerValue(name, in(3), 2)
			if err != nil {
				t.Fatal(err)
			}
			one, _, _ := CornerValue(name, in(1), 2)
			first, _ := rows(three.Array, 0, 1)
			if !proto.Equal(first.Proto("x"), one.Array.Proto("x")) {
				t.Errorf("%s %s: %v, of three rows %v", elem, name, one.Array.Data, three.Array.Data)
			}
		}
	}
	for _, dims := range [][]int64{{}, {0}, {0, 3}, {2, 0}, {1}} {
		list, err := Corners("x", tensorOf(onnxpb.TensorProto_FLOAT), dims, GenSpec{}, 0)
		if n, _ := onnxpb.Count(dims); err != nil || len(list) == 0 || int64(list[0].Value.Array.Len()) != n {
			t.Errorf("%v: %v, %v", dims, list, err)
		}
	}
}

func TestCornerInputs(t *testing.T) {
	seq := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: tensorOf(onnxpb.TensorProto_FLOAT)}}}
	given := onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1}, []string{"given"}))
	inputs := []GenInput{
		{Name: "f", Type: tensorOf(onnxpb.TensorProto_FLOAT), Dims: []int64{2, 2}},
		{Name: "i", Type: tensorOf(onnxpb.TensorProto_INT64), Dims: []int64{2}, Spec: GenSpec{Range: &Range{0, 4}}},
		{Name: "b", Type: tensorOf(onnxpb.TensorProto_BOOL), Dims: []int64{2}},
		{Name: "s", Type: seq, Dims: []int64{2}},
		{Name: "g", Type: tensorOf(onnxpb.TensorProto_STRING), Dims: []int64{1}, Given: given},
	}
	names := CornerNames(inputs)
	if want := []string{"zeros", "ones", "largest", "smallest", "alternating", "negative", "denormals", "nan", "inf", "-inf"}; !slices.Equal(names, want) {
		t.Errorf("corners %v, want %v", names, want)
	}
	if names := CornerNames(inputs[4:]); len(names) != 0 {
		t.Errorf("what is given has corners %v", names)
	}
	all, err := CornerInputs("largest", inputs, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 5 || all["f"].Array.Data.([]float32)[3] != math.MaxFloat32 || all["i"].Array.Data.([]int64)[1] != 4 || all["g"] != given {
		t.Errorf("largest: %v", all)
	}
	if len(all["s"].Elems) != 2 || all["s"].Elems[1].Array.Data.([]float32)[0] != math.MaxFloat32 {
		t.Errorf("the sequence: %v", all["s"])
	}
	// What a corner is not for is as it is generated.
	b, _ := Generate("b", onnxpb.TensorProto_BOOL, []int64{2}, nil, 3)
	if !reflect.DeepEqual(all["b"].Array.Data, b.Data) {
		t.Errorf("largest: b is %v", all["b"].Array.Data)
	}
	_, err = CornerInputs("tops", inputs, 3)
	mustFail(t, err, onnxpb.Usage, `no corner "tops"`, "denormals")
	m := GenInput{Name: "m", Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{}}}}
	_, err = CornerInputs("zeros", append(inputs, m), 3)
	mustFail(t, err, onnxpb.Unfit, "cannot be generated")
	big := GenInput{Name: "x", Type: tensorOf(onnxpb.TensorProto_FLOAT), Dims: []int64{1 << 20, 1 << 20}}
	_, err = CornerInputs("zeros", []GenInput{big}, 3)
	mustFail(t, err, onnxpb.Unfit, "too many")
}
