package verify

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"onnxtool/onnxpb"
)

// pictureByFormula computes generated pictures from the formula of the documentation, one cosine at a time.
func pictureByFormula(name string, seed uint64, count, channels, height, width int, lo, hi float64) func(i, c, y, x int) float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	type wave struct{ u, v, p float64 }
	waves := make([][8]wave, count)
	phases := make([][][8]float64, count)
	for i := range waves {
		for k := range waves[i] {
			u := 8*rng.Float64() - 4
			v := 8*rng.Float64() - 4
			waves[i][k] = wave{u, v, 2 * math.Pi * rng.Float64()}
		}
		phases[i] = make([][8]float64, channels)
		for c := range phases[i] {
			for k := range phases[i][c] {
				phases[i][c][k] = rng.Float64()
			}
		}
	}
	return func(i, c, y, x int) float64 {
		sum, power := 0.0, 0.0
		for k, w := range waves[i] {
			a := 1 / (1 + math.Sqrt(w.u*w.u+w.v*w.v))
			sum += a * math.Cos(2*math.Pi*(w.u*float64(x)+w.v*float64(y))/float64(width)+w.p+phases[i][c][k])
			power += a * a / 2
		}
		return lo + (hi-lo)*math.Min(math.Max(0.5+sum/math.Sqrt(power)/4, 0), 1)
	}
}

func TestPicturesAreTheFormula(t *testing.T) {
	for _, c := range []struct {
		dims []int64
		at   func(want func(i, c, y, x int) float64, i []int) float64
		n    [4]int // pictures, channels, height, width
	}{
		{[]int64{2, 3, 5, 7}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(i[0], i[1], i[2], i[3]) }, [4]int{2, 3, 5, 7}},
		{[]int64{2, 5, 7, 3}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(i[0], i[3], i[1], i[2]) }, [4]int{2, 3, 5, 7}},
		{[]int64{2, 16, 5, 7}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(i[0], i[1], i[2], i[3]) }, [4]int{2, 16, 5, 7}},
		{[]int64{5, 7, 3}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(0, i[2], i[0], i[1]) }, [4]int{1, 3, 5, 7}},
		{[]int64{3, 5, 7}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(i[0], 0, i[1], i[2]) }, [4]int{3, 1, 5, 7}},
		{[]int64{5, 7}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(0, 0, i[0], i[1]) }, [4]int{1, 1, 5, 7}},
		{[]int64{2, 2, 3, 5, 7}, func(w func(i, c, y, x int) float64, i []int) float64 { return w(2*i[0]+i[1], i[2], i[3], i[4]) }, [4]int{4, 3, 5, 7}},
	} {
		got := drawn(t, spec(t, "image", &Range{-1, 3}), onnxpb.TensorProto_DOUBLE, c.dims...)
		want := pictureByFormula("x", 11, c.n[0], c.n[1], c.n[2], c.n[3], -1, 3)
		index := make([]int, len(c.dims))
		for i, g := range got {
			rest := i
			for axis := len(c.dims) - 1; axis >= 0; axis-- {
				index[axis] = rest % int(c.dims[axis])
				rest /= int(c.dims[axis])
			}
			if w := c.at(want, index); math.Abs(g-w) > 1e-12 {
				t.Fatalf("%v%v: %v, want %v", c.dims, index, g, w)
			}
		}
	}
}

// TestPicturesAreSmooth: mean and deviation are what is said, neighbours are near, channels go together and pictures do not.
func TestPicturesAreSmooth(t *testing.T) {
	const n, size = 400, 32
	v := drawn(t, spec(t, "image", nil), onnxpb.TensorProto_FLOAT, n, 3, size, size)
	at := func(i, c, y, x int) float64 { return v[((i*3+c)*size+y)*size+x] }
	var corner, channels, neighbours []float64
	low, high := 1.0, 0.0
	for i := range n {
		corner = append(corner, at(i, 0, 0, 0))
		channels = append(channels, (at(i, 0, 9, 9)-0.5)*(at(i, 1, 9, 9)-0.5))
		neighbours = append(neighbours, (at(i, 0, 9, 9)-0.5)*(at((i+1)%n, 0, 9, 9)-0.5))
		for y := range size {
			for x := range size {
				low, high = math.Min(low, at(i, 2, y, x)), math.Max(high, at(i, 2, y, x))
				if x > 0 {
					// The slope of s is at most 2π·4/width times Σa/√(½Σa²), which is at most 4 for eight waves; s counts by a quarter.
					if d := math.Abs(at(i, 1, y, x) - at(i, 1, y, x-1)); d > 2*math.Pi*4/size*4/4 {
						t.Fatalf("neighbours differ by %v", d)
					}
				}
			}
		}
	}
	mean, std := moments(corner)
	within5(t, "the mean", mean, 0.5, 0.25/math.Sqrt(n))
	if std < 0.2 || std > 0.26 {
		t.Errorf("the standard deviation is %v, want about a quarter, a little cut off", std)
	}
	if low != 0 || high != 1 {
		t.Errorf("elements from %v to %v: black and white should be among them", low, high)
	}
	if m, _ := moments(channels); m < 0.8*std*std {
		t.Errorf("the channels have covariance %v, of variance %v", m, std*std)
	}
	m, _ := moments(neighbours)
	within5(t, "the covariance of one picture with the next", m, 0, 0.0625/math.Sqrt(n))
	// The mean difference of neighbours; that of white noise of the same deviation is 2·std/√π.
	total := 0.0
	for i := range n {
		total += math.Abs(at(i, 0, 5, 5) - at(i, 0, 5, 6))
	}
	if total/n > 2*std/math.Sqrt(math.Pi)/3 {
		t.Errorf("neighbours differ by %v on average", total/n)
	}
}

func ExampleGenerateWith() {
	d, _ := ParseDist("onehot")
	a, _ := GenerateWith("label", onnxpb.TensorProto_INT64, []int64{2, 4}, GenSpec{Dist: d}, 1)
	fmt.Println(a.Data)
	// Output: [0 0 0 1 0 0 0 1]
}
