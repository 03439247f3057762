package onnxpb

import (
	"slices"
	"testing"
)

func TestDense(t *testing.T) {
	values := TensorOf("s", []int64{3}, []float32{1, -0.5, 3})
	want := []float32{0, 1, 0, -0.5, 0, 3}
	for name, indices := range map[string]*TensorProto{"flat": TensorOf("", []int64{3}, []int64{1, 3, 5}), "by axis": TensorOf("", []int64{3, 2}, []int64{0, 1, 1, 0, 1, 2})} {
		a, err := Dense(&SparseTensorProto{Values: values, Indices: indices, Dims: []int64{2, 3}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := a.Data.([]float32); !ok || !slices.Equal(got, want) || !slices.Equal(a.Dims, []int64{2, 3}) {
			t.Errorf("%s: %v %v", name, a.Dims, a.Data)
		}
	}
	// Types that are kept as bits or packed, and none at all.
	four := &TensorProto{DataType: int32Of(TensorProto_INT4), Dims: []int64{2}, RawData: []byte{0x7f}}
	a, err := Dense(&SparseTensorProto{Values: four, Indices: TensorOf("", []int64{2}, []int64{0, 2}), Dims: []int64{3}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Data.([]int8); !slices.Equal(got, []int8{-1, 0, 7}) {
		t.Error(got)
	}
	if a, err := Dense(&SparseTensorProto{Values: TensorOf("e", []int64{0}, []int64{}), Dims: []int64{2}}, ""); err != nil || !slices.Equal(a.Data.([]int64), []int64{0, 0}) {
		t.Error(a, err)
	}
	for name, s := range map[string]*SparseTensorProto{
		"outside":       {Values: values, Indices: TensorOf("", []int64{3}, []int64{1, 3, 6}), Dims: []int64{2, 3}},
		"negative":      {Values: values, Indices: TensorOf("", []int64{3}, []int64{-1, 3, 5}), Dims: []int64{2, 3}},
		"outside axis":  {Values: values, Indices: TensorOf("", []int64{3, 2}, []int64{0, 3, 1, 0, 1, 2}), Dims: []int64{2, 3}},
		"too few":       {Values: values, Indices: TensorOf("", []int64{2}, []int64{1, 3}), Dims: []int64{2, 3}},
		"no indices":    {Values: values, Dims: []int64{2, 3}},
		"of no integer": {Values: values, Indices: TensorOf("", []int64{3}, []float32{1, 2, 3}), Dims: []int64{2, 3}},
	} {
		if _, err := Dense(s, ""); KindOf(err) != Unfit {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Dense(&SparseTensorProto{Values: values, Indices: TensorOf("", []int64{3}, []int64{1, 3, 5}), Dims: []int64{1 << 30, 1 << 20}}, ""); KindOf(err) != Refused {
		t.Errorf("4 PiB: %v", err)
	}
}

func int32Of(t TensorProto_DataType) *int32 {
	v := int32(t)
	return &v
}
