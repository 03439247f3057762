package fuse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// binsOf runs Bins over rows of logits.
func binsOf(t *testing.T, b fuse.BinOptions, list [][]float32, op int64) []float32 {
	t.Helper()
	m, err := fuse.Bins(b, fuse.PartOptions{Opset: op})
	if err != nil {
		t.Fatal(err)
	}
	var flat []float32
	for _, l := range list {
		flat = append(flat, l...)
	}
	a := runPart(t, m, map[string]*onnxpb.Array{"logits": onnxpb.ArrayOf([]int64{int64(len(list)), b.Count}, flat)})["angle"]
	if len(a.Dims) != 2 || a.Dims[1] != 1 {
		t.Fatalf("shape %v", a.Dims)
	}
	return floatsOf(t, a)
}

// hill is logits with a peak at an angle.
func hill(count int, width, offset, at, sharp float64) []float32 {
	l := make([]float32, count)
	for i := range l {
		l[i] = float32(sharp * math.Cos((width*float64(i)+offset-at)*math.Pi/180))
	}
	return l
}

// TestBins holds both means to float64 over noise, hills and spikes, for WHENet's bins and others, at every opset.
func TestBins(t *testing.T) {
	offset := 10.0
	rng := rand.New(rand.NewPCG(3, 4))
	for _, b := range []fuse.BinOptions{
		{Count: 120}, {Count: 66}, {Count: 36, Width: 10}, {Count: 7, Width: 0.5, Offset: &offset}, {Count: 1}, {Count: 120, Circular: true}, {Count: 66, Circular: true},
		{Count: 200, Width: 5, Offset: &offset, Circular: true},
	} {
		width, off := b.Width, -float64(b.Count)*b.Width/2
		if width == 0 {
			width, off = 3, -float64(b.Count)*3/2
		}
		if b.Offset != nil {
			off = *b.Offset
		}
		var list [][]float32
		for i := range int(b.Count) { // a spike on each bin
			l := make([]float32, b.Count)
			l[i] = 200
			list = append(list, l)
		}
		spikes := len(list)
		for i := range 60 {
			list = append(list, hill(int(b.Count), width, off, float64(6*i)-180, 30))
			l := make([]float32, b.Count)
			for k := range l {
				l[k] = float32(rng.NormFloat64() * 8)
			}
			list = append(list, l)
		}
		for _, op := range partOpsets {
			for i, got := range binsOf(t, b, list, op) {
				want := oracleBins(list[i], width, off, b.Circular)
				d := math.Abs(float64(got) - want)
				if b.Circular {
					d = circleDistance(float64(got), want)
				}
				if !(d < 3e-4) {
					t.Errorf("%+v, opset %d: row %d gives %v, want %v", b, op, i, got, want)
				}
				if spike := width*float64(i) + off; i < spikes && !(circleDistance(float64(got), spike) < 1e-4) {
					t.Errorf("%+v, opset %d: a spike on bin %d gives %v, want %v", b, op, i, got, spike)
				}
				if b.Circular && !(got > -180.0001 && got <= 180) {
					t.Errorf("%+v: %v is out of range", b, got)
				}
			}
		}
	}
}

// TestBinsRoundTheBack: a head seen fully from behind has its mass on both ends of the bins. The published mean reads it as frontal, the
// circular mean does not, and follows the yaw round the whole circle.
func TestBinsRoundTheBack(t *testing.T) {
	split := make([]float32, 120)
	split[0], split[119] = 50, 50 // -180 and 177
	if got := binsOf(t, fuse.BinOptions{Count: 120}, [][]float32{split}, 17)[0]; math.Abs(float64(got)+1.5) > 1e-3 {
		t.Errorf("the published mean is %v, want -1.5", got)
	}
	if got := binsOf(t, fuse.BinOptions{Count: 120, Circular: true}, [][]float32{split}, 17)[0]; math.Abs(float64(got)-178.5) > 1e-3 {
		t.Errorf("the circular mean is %v, want 178.5", got)
	}
	var list [][]float32
	for yaw := -180; yaw < 180; yaw++ {
		list = append(list, hill(120, 3, -180, float64(yaw), 60))
	}
	for i, got := range binsOf(t, fuse.BinOptions{Count: 120, Circular: true}, list, 17) {
		if yaw := float64(i - 180); circleDistance(float64(got), yaw) > 1e-3 {
			t.Errorf("yaw %v: circular mean %v", yaw, got)
		}
	}
}
