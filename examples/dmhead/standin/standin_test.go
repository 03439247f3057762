package standin

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/verify"
)

// TestSizes holds the stand-ins to the sizes of the true networks: 6DRepNet's deploy form has 39.2 million parameters, EfficientNet-B0 without its
// classifier 4.0 million, to which WHENet adds 252 logits on 1280 features.
func TestSizes(t *testing.T) {
	count := func(m *onnxpb.ModelProto) (n int64) {
		for _, i := range m.Graph.Initializer {
			c, err := onnxpb.Count(i.Dims)
			if err != nil {
				t.Fatal(err)
			}
			n += c
		}
		return n
	}
	for _, c := range []struct {
		name     string
		model    *onnxpb.ModelProto
		min, max int64
	}{
		{"6DRepNet", SixDRepNet(B1g2, 1), 39_000_000, 39_500_000},
		{"WHENet", WHENet(B0, 2), 4_250_000, 4_400_000},
	} {
		if n := count(c.model); n < c.min || n > c.max {
			t.Errorf("%s has %d parameters, want %d to %d", c.name, n, c.min, c.max)
		}
		for _, f := range opset.Check(c.model, opset.CheckOptions{}) {
			t.Errorf("%s: %s", c.name, f)
		}
	}
}

// TestSeed wants the same weights of the same seed, and others of another.
func TestSeed(t *testing.T) {
	a, b, c := SixDRepNet(SmallRepVGG, 1), SixDRepNet(SmallRepVGG, 1), SixDRepNet(SmallRepVGG, 2)
	if !proto.Equal(a, b) {
		t.Error("the same seed gave two models")
	}
	if proto.Equal(a, c) {
		t.Error("two seeds gave one model")
	}
}

// TestSteering turns the colour once round the circle and wants both networks to follow, within 12 degrees; WHENet away from +-180, where the
// linear mean over its bins falls to 0 by its nature, and 6DRepNet folded to -90..90.
func TestSteering(t *testing.T) {
	engine := testengine.New(t)
	six := open(t, engine, SixDRepNet(SmallRepVGG, 1))
	whe := open(t, engine, WHENet(SmallEfficientNet, 2))
	for yaw := -168.0; yaw <= 168; yaw += 12 {
		img := onnxpb.TensorVal(image(Colour(yaw), SmallRepVGG.Side))
		r := floats(t, six, map[string]*onnxpb.Value{"input": img}, "rotation")
		front := math.Atan2(-r[6], math.Hypot(r[0], r[3])) * 180 / math.Pi
		fold := math.Asin(math.Sin(yaw*math.Pi/180)) * 180 / math.Pi
		if math.Abs(front-fold) > 12 {
			t.Errorf("yaw %g: 6DRepNet says %.1f, want about %.1f", yaw, front, fold)
		}
		logits := floats(t, whe, map[string]*onnxpb.Value{"image": img}, "yaw")
		if rear := expectation(logits, 3, 180); math.Abs(rear-yaw) > 12 {
			t.Errorf("yaw %g: WHENet says %.1f", yaw, rear)
		}
	}
}

func open(t *testing.T, e verify.Engine, m *onnxpb.ModelProto) verify.Session {
	t.Helper()
	s, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func floats(t *testing.T, s verify.Session, in map[string]*onnxpb.Value, out string) []float64 {
	t.Helper()
	res, err := s.Run(in, out)
	if err != nil {
		t.Fatal(err)
	}
	v, err := res[out].Array.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// image is one picture [1,3,side,side] of one colour.
func image(c [3]float32, side int) *onnxpb.Array {
	v := make([]float32, 3*side*side)
	for i := range v {
		v[i] = c[i/(side*side)]
	}
	return onnxpb.ArrayOf([]int64{1, 3, int64(side), int64(side)}, v)
}

// expectation is the mean of bins of width degrees that start at -offset, weighted by the softmax of their logits.
func expectation(logits []float64, width, offset float64) float64 {
	top := math.Inf(-1)
	for _, l := range logits {
		top = math.Max(top, l)
	}
	var sum, mean float64
	for k, l := range logits {
		p := math.Exp(l - top)
		sum += p
		mean += p * (width*float64(k) - offset)
	}
	return mean / sum
}
