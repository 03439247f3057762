package verify

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
)

// The first row of a batch is the row that a batch of one has, and nothing but seed and name decides.
func ExampleGenerate() {
	two, _ := Generate("x", onnxpb.TensorProto_UINT8, []int64{2, 3}, &Range{0, 255}, 1)
	one, _ := Generate("x", onnxpb.TensorProto_UINT8, []int64{1, 3}, &Range{0, 255}, 1)
	other, _ := Generate("y", onnxpb.TensorProto_UINT8, []int64{1, 3}, &Range{0, 255}, 1)
	fmt.Println(two.Data, one.Data, other.Data)
	// Output: [64 45 45 171 25 26] [64 45 45] [180 157 92]
}

func TestGenerateEveryType(t *testing.T) {
	for v, name := range onnxpb.TensorProto_DataType_name {
		elem := onnxpb.TensorProto_DataType(v)
		if elem == onnxpb.TensorProto_UNDEFINED {
			_, err := Generate("x", elem, []int64{3}, nil, 0)
			mustFail(t, err, onnxpb.Unfit, "not declared", "--inputs x=FILE.npy")
			continue
		}
		for _, dims := range [][]int64{{}, {0, 2}, {4, 5}, {2, 3, 4, 4}} {
			a, err := Generate("x", elem, dims, nil, 7)
			if err != nil {
				t.Errorf("%s%v: %v", name, dims, err)
				continue
			}
			n, _ := onnxpb.Count(dims)
			if a.Type != elem || !equalDims(a.Dims, dims) || int64(a.Len()) != n {
				t.Errorf("%s%v: made %s%v", name, dims, a.Type, a.Dims)
			}
			b, _ := Generate("x", elem, dims, nil, 7)
			if !reflect.DeepEqual(a.Data, b.Data) {
				t.Errorf("%s%v: the second time it is another", name, dims)
			}
			if c, _ := Generate("x", elem, dims, nil, 8); n > 16 && reflect.DeepEqual(a.Data, c.Data) {
				t.Errorf("%s%v: another seed gives the same", name, dims)
			}
		}
	}
}

// TestGenerateRanges: elements lie in their range and reach well over it.
func TestGenerateRanges(t *testing.T) {
	for _, c := range []struct {
		elem   onnxpb.TensorProto_DataType
		dims   []int64
		r      *Range
		lo, hi float64
	}{
		{onnxpb.TensorProto_FLOAT, []int64{1, 3, 20, 20}, nil, 0, 1},
		{onnxpb.TensorProto_FLOAT, []int64{1000}, nil, -1, 1},
		{onnxpb.TensorProto_FLOAT16, []int64{1000}, &Range{-5, 20}, -5, 20},
		{onnxpb.TensorProto_DOUBLE, []int64{1000}, &Range{100, 101}, 100, 101},
		{onnxpb.TensorProto_UINT8, []int64{1, 3, 20, 20}, nil, 0, 255},
		{onnxpb.TensorProto_UINT8, []int64{1000}, nil, 0, 9},
		{onnxpb.TensorProto_INT64, []int64{1000}, nil, 0, 9},
		{onnxpb.TensorProto_INT32, []int64{1000}, &Range{-3, 3}, -3, 3},
		{onnxpb.TensorProto_INT32, []int64{1000}, &Range{-3.5, 3.9}, -3, 3},
		{onnxpb.TensorProto_INT4, []int64{1000}, nil, 0, 7},
		{onnxpb.TensorProto_UINT2, []int64{1000}, nil, 0, 3},
		{onnxpb.TensorProto_INT2, []int64{1000}, nil, 0, 1},
		{onnxpb.TensorProto_FLOAT, []int64{10}, &Range{2, 2}, 2, 2},
	} {
		a, err := Generate("x", c.elem, c.dims, c.r, 3)
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, x := range v {
			lo, hi = math.Min(lo, x), math.Max(hi, x)
		}
		edge := (c.hi - c.lo) / 50
		if lo < c.lo || hi > c.hi || lo > c.lo+edge || hi < c.hi-edge {
			t.Errorf("%s%v: elements %v to %v, want %v to %v", c.elem, c.dims, lo, hi, c.lo, c.hi)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	_, err := Generate("x", onnxpb.TensorProto_UINT8, []int64{100}, &Range{0, 300}, 0)
	mustFail(t, err, onnxpb.Unfit, "do not fit", "uint8", "--range x=")
	_, err = Generate("x", onnxpb.TensorProto_INT64, []int64{1}, &Range{0.2, 0.8}, 0)
	mustFail(t, err, onnxpb.Usage, "no integers")
	_, err = Generate("x", onnxpb.TensorProto_INT64, []int64{1}, &Range{0, 1e18}, 0)
	mustFail(t, err, onnxpb.Usage, "no integers")
	_, err = Generate("x", onnxpb.TensorProto_FLOAT, []int64{1 << 20, 1 << 20}, nil, 0)
	mustFail(t, err, onnxpb.Unfit, "too many")
	_, err = Generate("x", onnxpb.TensorProto_FLOAT, []int64{-1}, nil, 0)
	mustFail(t, err, onnxpb.Unfit, "negative")
}

func TestGenerateValues(t *testing.T) {
	tensor := onnxpb.TensorType(onnxpb.TensorProto_FLOAT, onnxpb.Numbers(2))
	seq := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: tensor}}}
	opt := &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: seq}}}
	v, err := GenerateValue("x", opt, []int64{2}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if v.Kind != onnxpb.KindSequence || len(v.Elems) != 2 || reflect.DeepEqual(v.Elems[0].Array.Data, v.Elems[1].Array.Data) {
		t.Errorf("made %v", v)
	}
	_, err = GenerateValue("x", &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{}}}, nil, nil, 0)
	mustFail(t, err, onnxpb.Unfit, "cannot be generated", ".pb")
}

func TestParseRange(t *testing.T) {
	for s, want := range map[string]Range{"0..255": {0, 255}, "-1..1": {-1, 1}, " 1e-3 .. .5 ": {0.001, 0.5}, "-2.5..-2.5": {-2.5, -2.5}} {
		if r, err := ParseRange(s); err != nil || r != want {
			t.Errorf("%q: %v, %v", s, r, err)
		}
	}
	for _, s := range []string{"", "1", "1..", "..", "a..b", "2..1", "0..inf", "nan..1"} {
		if r, err := ParseRange(s); err == nil || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("%q: %v, %v", s, r, err)
		}
	}
}
