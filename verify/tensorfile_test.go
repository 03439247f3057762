package verify

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// TestTensorFiles: statistics and files of a tensor in external data are those of the array in memory.
func TestTensorFiles(t *testing.T) {
	dir := t.TempDir()
	for _, e := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_INT4,
		onnxpb.TensorProto_INT64, onnxpb.TensorProto_BOOL} {
		n := int64(150001)
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(i%15) - 7
			if e == onnxpb.TensorProto_BOOL {
				v[i] = float64(i % 2)
			}
		}
		a, err := onnxpb.ArrayFromFloat64s(e, []int64{n, 1}, v)
		if err != nil {
			t.Fatal(err)
		}
		p := a.Proto("k")
		if err := os.WriteFile(filepath.Join(dir, "k.bin"), p.RawData, 0o666); err != nil {
			t.Fatal(err)
		}
		external := &onnxpb.TensorProto{Name: p.Name, DataType: p.DataType, Dims: p.Dims, DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
			ExternalData: []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("k.bin")}}}
		want, err := Statistics(a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := TensorStatistics(external, dir)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v (%v)", onnxpb.TypeName(e), got, want, err)
		}
		var npy, streamed, raw bytes.Buffer
		if err := WriteNPY(&npy, a); err != nil {
			t.Fatal(err)
		}
		if err := WriteTensorNPY(&streamed, external, dir); err != nil || !bytes.Equal(npy.Bytes(), streamed.Bytes()) {
			t.Errorf("%s: the .npy files differ (%v)", onnxpb.TypeName(e), err)
		}
		if err := WriteTensorRaw(&raw, external, dir); err != nil || !bytes.Equal(raw.Bytes(), p.RawData) {
			t.Errorf("%s: the raw file differs (%v)", onnxpb.TypeName(e), err)
		}
		h, err := TensorHistogram(external, dir, got.Moments, 15)
		sum := int64(0)
		for i, c := range h.Counts {
			sum += c
			if e != onnxpb.TensorProto_BOOL && (c < n/15 || c > n/15+1) {
				t.Errorf("%s: part %d has %d", onnxpb.TypeName(e), i, c)
			}
		}
		if err != nil || sum != n {
			t.Errorf("%s: %d elements counted (%v)", onnxpb.TypeName(e), sum, err)
		}
	}
}

// TestTensorHistogramEdges: one value, infinities, and a width that no float64 holds.
func TestTensorHistogramEdges(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want []int64
	}{
		{[]float64{3, 3}, []int64{2, 0}},
		{[]float64{-math.MaxFloat64, math.MaxFloat64, 0, math.NaN(), math.Inf(1)}, []int64{1, 2}},
	} {
		p := onnxpb.TensorOf("k", []int64{int64(len(c.v))}, c.v)
		s, err := TensorStatistics(p, "")
		if err != nil {
			t.Fatal(err)
		}
		if h, err := TensorHistogram(p, "", s.Moments, 2); err != nil || !reflect.DeepEqual(h.Counts, c.want) {
			t.Errorf("%v: %v, %v", c.v, h, err)
		}
	}
}
