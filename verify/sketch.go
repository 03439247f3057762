package verify

import (
	"math"
	"sync"
)

// sketch counts non-negative numbers by size, in bins that are 1/32 of a power of two wide, so that percentiles are told to 3.2 %, rounded up, whatever the number of elements, and sketches
// of several tensors can be put together.
type sketch struct {
	zeros, infs int64
	bins        map[int32]int64 // by the upper bits of the float64
	most        float64         // the largest finite number, which is told exactly
}

// sketchBits are the bits of the mantissa that tell bins apart.
const sketchBits = 5

func (s *sketch) add(v float64) {
	switch {
	case v == 0:
		s.zeros++
	case math.IsInf(v, 1):
		s.infs++
	default:
		if s.bins == nil {
			s.bins = map[int32]int64{}
		}
		s.bins[int32(math.Float64bits(v)>>(52-sketchBits))]++
		s.most = max(s.most, v)
	}
}

// manyElements is from how many elements on a table of all bins is worth its size.
const manyElements = 1 << 13

// counter makes a sketch of many numbers, fast.
type counter struct {
	s     sketch
	many  bool
	table *[1 << (11 + sketchBits)]int64
}

// tables are those that are not in use.
var tables = sync.Pool{New: func() any { return new([1 << (11 + sketchBits)]int64) }}

func (c *counter) add(v float64) {
	if !c.many || v == 0 || math.IsInf(v, 1) {
		c.s.add(v)
		return
	}
	if c.table == nil {
		c.table = tables.Get().(*[1 << (11 + sketchBits)]int64)
	}
	c.table[math.Float64bits(v)>>(52-sketchBits)]++
	c.s.most = max(c.s.most, v)
}

// sketch returns what was counted, and gives the table back.
func (c *counter) sketch() sketch {
	if c.table == nil {
		return c.s
	}
	c.s.bins = map[int32]int64{}
	for b, n := range c.table {
		if n > 0 {
			c.s.bins[int32(b)] = n
			c.table[b] = 0
		}
	}
	tables.Put(c.table)
	c.table = nil
	return c.s
}

// merge adds what another one counted.
func (s *sketch) merge(o *sketch) {
	s.zeros += o.zeros
	s.infs += o.infs
	s.most = max(s.most, o.most)
	for b, n := range o.bins {
		if s.bins == nil {
			s.bins = map[int32]int64{}
		}
		s.bins[b] += n
	}
}

func (s *sketch) count() int64 {
	n := s.zeros + s.infs
	for _, c := range s.bins {
		n += c
	}
	return n
}

// percentile returns a number that at least so many percent of those counted do not pass (the nearest rank); 0 where there are none.
func (s *sketch) percentile(p float64) float64 {
	n := s.count()
	rank := int64(math.Ceil(p / 100 * float64(n)))
	if n == 0 || rank <= s.zeros {
		return 0
	}
	if rank > n-s.infs {
		return math.Inf(1)
	}
	seen := s.zeros
	for _, b := range s.order() {
		if seen += s.bins[b]; seen >= rank {
			// All of the bin lie below where the next one begins.
			return min(s.most, math.Float64frombits(uint64(b+1)<<(52-sketchBits)))
		}
	}
	return s.most
}

// order lists the bins from small to large.
func (s *sketch) order() []int32 { return sortedBins(s.bins) }

// decades counts by powers of ten, for a picture: the numbers from 10^k up to below 10^(k+1), those of bins that cross in the lower one.
func (s *sketch) decades() map[int]int64 {
	d := map[int]int64{}
	for b, n := range s.bins {
		d[int(math.Floor(math.Log2(math.Float64frombits(uint64(b)<<(52-sketchBits)))*math.Log10(2)))] += n
	}
	return d
}
