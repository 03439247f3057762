package verify

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

// TestPercentile holds percentiles to what numpy.percentile gives.
func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		list []float64
		q    float64
		want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, 2, 10}, 0.5, 2},
		{[]float64{1, 2, 3, 10}, 0.5, 2.5},
		{[]float64{1, 2, 3, 10}, 0.9, 7.9},
		{[]float64{15, 20, 35, 40, 50}, 0.4, 29},
		{[]float64{15, 20, 35, 40, 50}, 0, 15},
		{[]float64{15, 20, 35, 40, 50}, 1, 50},
	} {
		if got := percentile(c.list, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.list, got, c.want)
		}
	}
}

// TestWeightedMedian holds it to the median of the list written out.
func TestWeightedMedian(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		n := 1 + r.IntN(9)
		times, weights := make([]time.Duration, n), make([]int32, n)
		for i := range times {
			times[i] = time.Duration(r.IntN(5)) * time.Millisecond // with ties
		}
		var all []float64
		for range n {
			k := r.IntN(n)
			weights[k]++
			all = append(all, milliseconds(times[k]))
		}
		sort.Float64s(all)
		want := (all[(n-1)/2] + all[n/2]) / 2
		if got := weightedMedian(times, ranks(times), weights); got != want {
			t.Fatalf("median of %v by weights %v is %v, want %v", times, weights, got, want)
		}
	}
}

// noise makes times about a middle, each with a little of the one before, in all as long as the middle says in the median.
func noise(r *rand.Rand, n int, middle float64, like float64) []time.Duration {
	list := make([]time.Duration, n)
	last := 0.0
	for i := range list {
		last = like*last + math.Sqrt(1-like*like)*r.NormFloat64()
		list[i] = time.Duration(middle * math.Exp(0.2*last) * 1e6)
	}
	return list
}

// TestMedianRatioCovers makes many pairs of models whose medians are known, and wants the interval to hold the true ratio about as often as it says: with noise that
// is new in each round, and with noise that lasts for some rounds.
func TestMedianRatioCovers(t *testing.T) {
	for _, like := range []float64{0, 0.7} {
		r := rand.New(rand.NewPCG(2, 3))
		const experiments = 120
		held, width := 0, 0.0
		for range experiments {
			a, b := noise(r, 200, 1, like), noise(r, 200, 1.25, like)
			ratio, low, high, ok := medianRatio(a, b, 4)
			if !ok || low > ratio || high < ratio {
				t.Fatalf("ratio %v in %v..%v, %v", ratio, low, high, ok)
			}
			if low <= 1.25 && 1.25 <= high {
				held++
			}
			width += (high - low) / experiments
		}
		if share := float64(held) / experiments; share < 0.84 || width > 0.4 {
			t.Errorf("noise %v: the interval held the ratio in %v of the cases, its width is %v", like, share, width)
		}
	}
}

// TestMedianRatioPairs uses that rounds stay pairs: where both models are slow in the same rounds the ratio is sure, though times are all but.
func TestMedianRatioPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var a, b []time.Duration
	for range 200 {
		slow := math.Exp(r.NormFloat64())
		a = append(a, time.Duration(slow*1e6))
		b = append(b, time.Duration(slow*1.1e6))
	}
	ratio, low, high, ok := medianRatio(a, b, 0)
	if !ok || math.Abs(ratio-1.1) > 1e-4 || low < 1.099 || high > 1.101 {
		t.Errorf("ratio %v in %v..%v", ratio, low, high)
	}
	shuffled := slices.Clone(b)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if _, low, high, _ = medianRatio(a, shuffled, 0); high-low < 0.1 {
		t.Errorf("rounds that are not pairs: %v..%v is too narrow", low, high)
	}
	_, low2, high2, _ := medianRatio(a, shuffled, 0)
	if low != low2 || high != high2 {
		t.Error("the same seed gives another interval")
	}
}

func TestParseMemory(t *testing.T) {
	m := parseMemory([]byte("Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t  700 kB\nVmRSS:\t  512 kB\nThreads:\t2\n"))
	if m == nil || m.Resident != 512<<10 || m.Peak != 700<<10 {
		t.Errorf("%+v", m)
	}
	if m := parseMemory([]byte("VmRSS:\t  512 kB\n")); m != nil {
		t.Errorf("without a peak: %+v", m)
	}
	if s := parseCPU([]byte("processor\t: 0\nmodel name\t: Some CPU @ 2: GHz\nmodel name\t: Other\n")); s != "Some CPU @ 2: GHz" {
		t.Errorf("%q", s)
	}
}
