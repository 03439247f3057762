package onnxpb

import (
	"math"
	"slices"
	"testing"
)

func TestParseArray(t *testing.T) {
	for text, want := range map[string]any{
		"float32:[2]=0.5,-0":              []float32{0.5, float32(math.Copysign(0, -1))},
		"float:[]=inf":                    []float32{float32(math.Inf(1))},
		"double:[1]=1e300":                []float64{1e300},
		"int64:[1]=9007199254740993":      []int64{9007199254740993}, // which no float64 is
		"uint64:[1]=18446744073709551615": []uint64{math.MaxUint64},
		"int4:[3]=-8,7,0":                 []int8{-8, 7, 0},
		"uint2:[2]=3,0":                   []uint8{3, 0},
		"bool:[3]=true,0,false":           []bool{true, false, false},
		`string:[3]=a,"b,c",`:             []string{"a", "b,c", ""},
		"float16:[2]=1,65504":             []uint16{0x3c00, 0x7bff},
		"bfloat16:[1]=1":                  []uint16{0x3f80},
		"float8e4m3fn:[1]=448":            []uint8{0x7e},
		"float4e2m1:[2]=6,-0.5":           []uint8{7, 9},
		"float8e8m0:[1]=2":                []uint8{128},
		"complex64:[1]=1+2i":              []complex64{1 + 2i},
		"int32:[0]=":                      []int32{},
	} {
		a, err := ParseArray(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !sameBits(a.Data, want) {
			t.Errorf("%s is %v, want %v", text, a.Data, want)
		}
	}
	for _, text := range []string{
		"float32:[2]=1", "float32:[1]=1e39", "int32:[1]=3.7", "int8:[1]=128", "uint8:[1]=-1", "int4:[1]=8", "bool:[1]=2", "float16:[1]=65520", "float8e4m3fn:[1]=449",
		"float8e4m3fn:[1]=inf", "float4e2m1:[1]=7", "float4e2m1:[1]=nan", "float8e8m0:[1]=0", "float8e8m0:[1]=-1", "nosuch:[1]=1", "float32=1", "float32:[N]=1", "float32:[-1]=1",
		"string:[1]=\"a", "undefined:[1]=0",
	} {
		if a, err := ParseArray(text); err == nil {
			t.Errorf("%s is taken for %v", text, a.Data)
		}
	}
}

// sameBits compares slices, -0 and 0 being different.
func sameBits(a, b any) bool {
	switch x := a.(type) {
	case []float32:
		return slices.EqualFunc(x, b.([]float32), func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
	case []float64:
		return slices.Equal(x, b.([]float64))
	case []int8:
		return slices.Equal(x, b.([]int8))
	case []int32:
		return slices.Equal(x, b.([]int32))
	case []int64:
		return slices.Equal(x, b.([]int64))
	case []uint8:
		return slices.Equal(x, b.([]uint8))
	case []uint16:
		return slices.Equal(x, b.([]uint16))
	case []uint64:
		return slices.Equal(x, b.([]uint64))
	case []bool:
		return slices.Equal(x, b.([]bool))
	case []string:
		return slices.Equal(x, b.([]string))
	case []complex64:
		return slices.Equal(x, b.([]complex64))
	}
	return false
}

// TestParseTypeProto: what FormatTypeProto writes is read back.
func TestParseTypeProto(t *testing.T) {
	for _, text := range []string{"float32 [N,3]", "int64 []", "float16 [...]", "sequence(float32 [3])", "optional(sequence(string [...]))", "map(int64,float32 [...])", "sparse float32 [4]"} {
		p, err := ParseTypeProto(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := FormatTypeProto(p); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if p, err := ParseTypeProto("seq(tensor(float))"); err != nil || FormatTypeProto(p) != "sequence(float32 [...])" {
		t.Errorf("seq(tensor(float)) is %s, %v", FormatTypeProto(p), err)
	}
	for _, text := range []string{"", "tensor", "sequence(x)", "float32 [N", "map(float32)"} {
		if p, err := ParseTypeProto(text); err == nil {
			t.Errorf("%q is taken for %s", text, FormatTypeProto(p))
		}
	}
}
