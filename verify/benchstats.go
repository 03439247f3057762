package verify

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"
)

// Latency is how long runs took, in milliseconds. A percentile is missing where the runs are too few to have one: p50 takes 2 runs, p90 10, p99 100.
type Latency struct {
	Min  float64  `json:"min"`
	P50  *float64 `json:"p50,omitempty"`
	P90  *float64 `json:"p90,omitempty"`
	P99  *float64 `json:"p99,omitempty"`
	Mean float64  `json:"mean"`
	Max  float64  `json:"max"`
}

// latencyOf computes the statistics of at least one run.
func latencyOf(times []time.Duration) Latency {
	ms := sortedMS(times)
	sum := 0.0
	for _, t := range ms {
		sum += t
	}
	return Latency{Min: ms[0], Max: ms[len(ms)-1], Mean: sum / float64(len(ms)), P50: enoughFor(ms, 0.5, 2), P90: enoughFor(ms, 0.9, 10), P99: enoughFor(ms, 0.99, 100)}
}

func milliseconds(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }

func sortedMS(times []time.Duration) []float64 {
	ms := make([]float64, len(times))
	for i, t := range times {
		ms[i] = milliseconds(t)
	}
	sort.Float64s(ms)
	return ms
}

func enoughFor(sorted []float64, q float64, least int) *float64 {
	if len(sorted) < least {
		return nil
	}
	p := percentile(sorted, q)
	return &p
}

// percentile is the quantile q of sorted numbers as NumPy has it by default (type 7 of Hyndman and Fan): number q·(n-1), counted from 0, on the line between
// those next to it.
func percentile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// resamples is how often medianRatio draws the rounds anew.
const resamples = 1000

// medianRatio returns the median of b over that of a, whose elements are the same rounds, and the interval that holds the middle 95 of a hundred ratios when the
// rounds are drawn anew with replacement; ok is false where the rounds are too few for one.
//
// Rounds are drawn in blocks of √n that follow each other (round the end to the begin): what disturbs one run mostly disturbs its neighbours too, and rounds
// drawn one by one would make the interval too narrow.
func medianRatio(a, b []time.Duration, seed uint64) (ratio, low, high float64, ok bool) {
	n := len(a)
	ratio = percentile(sortedMS(b), 0.5) / percentile(sortedMS(a), 0.5)
	if n < MinRatioRounds {
		return ratio, 0, 0, false
	}
	orderA, orderB := ranks(a), ranks(b)
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	block := int(math.Ceil(math.Sqrt(float64(n))))
	weights := make([]int32, n)
	ratios := make([]float64, resamples)
	for s := range ratios {
		clear(weights)
		for left := n; left > 0; left -= block {
			at := rng.IntN(n)
			for range min(block, left) {
				weights[at]++
				if at++; at == n {
					at = 0
				}
			}
		}
		ratios[s] = weightedMedian(b, orderB, weights) / weightedMedian(a, orderA, weights)
	}
	sort.Float64s(ratios)
	return ratio, percentile(ratios, 0.025), percentile(ratios, 0.975), true
}

// ranks returns the places of times from the shortest to the longest.
func ranks(times []time.Duration) []int32 {
	at := make([]int32, len(times))
	for i := range at {
		at[i] = int32(i)
	}
	sort.Slice(at, func(i, j int) bool { return times[at[i]] < times[at[j]] })
	return at
}

// weightedMedian is the median of times each of which is there as often as its weight; the weights sum up to their number.
func weightedMedian(times []time.Duration, order, weights []int32) float64 {
	n := len(times)
	low, high := (n-1)/2, n/2 // the two in the middle, or twice the same
	seen, first := 0, math.NaN()
	for _, at := range order {
		seen += int(weights[at])
		if seen > low && math.IsNaN(first) {
			first = milliseconds(times[at])
		}
		if seen > high {
			return (first + milliseconds(times[at])) / 2
		}
	}
	return first
}
