package verify

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// The search for images. What a network sees in an image cannot be told beforehand, so a family of images is tried that moves most networks: flat
// colours round the circle, greys, noise, gradients; then mixtures. Between an image that the judge sees on one side of the limit and one that it
// sees on the other lies one that it sees at the limit: it is found by halving the line between the two.

const (
	halvings     = 24 // of a line between two images: to about 1e-7 of its length, as near as float32 pixels go
	pairsTried   = 4  // lines for each side of the circle
	climbRounds  = 32 // rounds of mixtures for a side that no image of the family reaches
	climbImages  = 8  // of each round
	nearDegrees  = 1  // what counts as the neighbourhood of the limit
	closeDegrees = 0.01
)

// searchImages returns the images to compare, with the poses that the judges see in them.
func (h *headCheck) searchImages() ([]*headImage, error) {
	s := &headSearch{h: h, rng: rand.New(rand.NewPCG(h.o.Seed, 0x68656164))}
	s.pool = append(slices.Clone(h.given), s.family()...)
	samples := h.o.Samples
	if samples <= 0 {
		samples = DefaultHeadSamples
	}
	for _, side := range h.gate.judges() {
		if err := s.search(side); err != nil {
			return nil, err
		}
	}
	// Mixtures that the search for one judge made are new to the other.
	for _, side := range h.gate.judges() {
		if err := h.runOriginal(side, s.pool); err != nil {
			return nil, err
		}
	}
	h.report.Coverage.Tried = len(s.pool) + s.dropped
	return s.choose(samples), nil
}

type headSearch struct {
	h       *headCheck
	rng     *rand.Rand
	pool    []*headImage
	dropped int // images that were tried and not kept
}

// yawOf returns what a side sees in an image.
func yawOf(im *headImage, side int) float64 {
	if im.poses[side] == nil {
		return math.NaN()
	}
	return im.poses[side].angle[yaw]
}

func (s *headSearch) search(side int) error {
	m := s.h.originals[side]
	if err := m.open(s.h.engine, s.h.o.Session); err != nil {
		return err
	}
	defer m.close()
	if err := m.run(s.h, s.pool); err != nil {
		return err
	}
	limit := s.h.gate.limit
	for _, score := range []func(y float64) float64{
		func(y float64) float64 { return limit - math.Abs(y) },          // within the limit
		func(y float64) float64 { return math.Nextafter(y-limit, -1) },  // past it
		func(y float64) float64 { return math.Nextafter(-y-limit, -1) }, // past it on the other side
	} {
		if err := s.climb(m, score); err != nil {
			return err
		}
	}
	for _, sign := range []float64{1, -1} {
		if err := s.approach(m, sign); err != nil {
			return err
		}
	}
	return nil
}

// climb makes mixtures of the best images until one scores 0 or more, or the rounds are over.
func (s *headSearch) climb(m *original, score func(yaw float64) float64) error {
	value := func(im *headImage) float64 {
		v := score(yawOf(im, m.side))
		if math.IsNaN(v) {
			return math.Inf(-1)
		}
		return v
	}
	for round := 0; round < climbRounds; round++ {
		ranked := slices.Clone(s.pool)
		sort.SliceStable(ranked, func(i, j int) bool { return value(ranked[i]) > value(ranked[j]) })
		if value(ranked[0]) >= 0 {
			return nil
		}
		var fresh []*headImage
		for i := 0; i < climbImages; i++ {
			best, other := ranked[s.rng.IntN(min(3, len(ranked)))], ranked[s.rng.IntN(len(ranked))]
			// Some towards another image, some away from it, most towards a pattern of a few coarse patches.
			switch t := s.rng.Float64(); i % 4 {
			case 0:
				fresh = append(fresh, s.mix(best, other, t))
			case 1:
				fresh = append(fresh, s.mix(best, other, -1.5*t))
			default:
				fresh = append(fresh, s.mix(best, s.patches(), t*t))
			}
		}
		if err := m.run(s.h, fresh); err != nil {
			return err
		}
		s.pool = append(s.pool, fresh...)
	}
	return nil
}

// approach halves lines between images on the two sides of the limit, those first that are nearest to it on one side of the circle, until images
// within closeDegrees of the limit are found on both sides of it.
func (s *headSearch) approach(m *original, sign float64) error {
	limit := s.h.gate.limit
	within, past := s.sides(m.side, sign)
	for k := 0; k < pairsTried; k++ {
		i, j := k/2, k%2
		if i >= len(within) || j >= len(past) {
			continue
		}
		if s.nearest(m.side, sign, true) <= closeDegrees && s.nearest(m.side, sign, false) <= closeDegrees {
			return nil
		}
		in, out := within[i], past[j]
		// The first images that come near the limit are kept beside the last ones, which often lie too near it to tell the sides apart by more than
		// rounding.
		var shoulders [2]*headImage
		for step := 0; step < halvings; step++ {
			mid := s.mix(in, out, 0.5)
			if slices.Equal(mid.pixels, in.pixels) || slices.Equal(mid.pixels, out.pixels) {
				break
			}
			if err := m.run(s.h, []*headImage{mid}); err != nil {
				return err
			}
			s.dropped++
			y := yawOf(mid, m.side)
			if math.IsNaN(y) {
				break
			}
			at := 0
			if math.Abs(y) <= limit {
				in = mid
			} else {
				out, at = mid, 1
			}
			if d := math.Abs(math.Abs(y) - limit); shoulders[at] == nil && d < nearDegrees && d > 2*s.h.atol {
				shoulders[at] = mid
			}
		}
		for _, im := range []*headImage{in, out, shoulders[0], shoulders[1]} {
			if im != nil && !slices.Contains(s.pool, im) {
				s.pool = append(s.pool, im)
				s.dropped--
			}
		}
	}
	return nil
}

// sides returns the images within the limit and those past it on one side of the circle, the nearest to the limit first.
func (s *headSearch) sides(side int, sign float64) (within, past []*headImage) {
	limit := s.h.gate.limit
	for _, im := range s.pool {
		switch y := yawOf(im, side); {
		case math.IsNaN(y) || math.IsInf(y, 0):
		case math.Abs(y) <= limit:
			within = append(within, im)
		case sign*y > limit:
			past = append(past, im)
		}
	}
	byYaw := func(list []*headImage, order float64) {
		sort.SliceStable(list, func(i, j int) bool { return order*sign*yawOf(list[i], side) < order*sign*yawOf(list[j], side) })
	}
	byYaw(within, -1)
	byYaw(past, 1)
	return within, past
}

// nearest returns how near an image comes to the limit, within it or past it, on one side of the circle.
func (s *headSearch) nearest(side int, sign float64, within bool) float64 {
	return nearest(s.pool, side, s.h.gate.limit, sign, within)
}

func nearest(images []*headImage, side int, limit, sign float64, within bool) float64 {
	best := math.Inf(1)
	for _, im := range images {
		if y := yawOf(im, side); sign*y >= 0 && (math.Abs(y) <= limit) == within {
			best = math.Min(best, math.Abs(math.Abs(y)-limit))
		}
	}
	return best
}

// choose picks the images to compare: those of files; of each judge those nearest to the limit on all its sides, and the nearest that rounding
// cannot carry over it; then those that spread best over the yaws that the rear model sees.
func (s *headSearch) choose(samples int) []*headImage {
	chosen := slices.Clone(s.h.given)
	taken := map[*headImage]bool{}
	for _, im := range chosen {
		taken[im] = true
	}
	take := func(im *headImage) {
		if im != nil && !taken[im] && len(chosen) < max(samples, len(s.h.given)) {
			taken[im] = true
			chosen = append(chosen, im)
		}
	}
	limit := s.h.gate.limit
	for _, least := range []float64{0, 2 * s.h.atol} {
		for _, side := range s.h.gate.judges() {
			for _, sign := range []float64{1, -1} {
				for _, within := range []bool{true, false} {
					var best *headImage
					bestD := math.Inf(1)
					for _, im := range s.pool {
						y := yawOf(im, side)
						d := math.Abs(math.Abs(y) - limit)
						if sign*y >= 0 && (math.Abs(y) <= limit) == within && d >= least && d < bestD {
							best, bestD = im, d
						}
					}
					take(best)
				}
			}
		}
	}
	// Then, again and again, the image farthest along the circle from all that are chosen.
	for len(chosen) < samples {
		var best *headImage
		bestD := -1.0
		for _, im := range s.pool {
			if taken[im] {
				continue
			}
			d := 360.0
			for _, c := range chosen {
				if e := angleError(yawOf(im, rear), yawOf(c, rear)); e < d {
					d = e
				}
			}
			if d > bestD {
				best, bestD = im, d
			}
		}
		if best == nil {
			break
		}
		take(best)
	}
	return chosen
}

// mix returns a + t*(b-a), kept within the range of pixels.
func (s *headSearch) mix(a, b *headImage, t float64) *headImage {
	im := &headImage{pixels: make([]float32, len(a.pixels))}
	for i := range im.pixels {
		im.pixels[i] = s.pixel(float64(a.pixels[i]) + t*(float64(b.pixels[i])-float64(a.pixels[i])))
	}
	return im
}

func (s *headSearch) pixel(v float64) float32 {
	r := s.h.pixels
	v = math.Max(r.Lo, math.Min(r.Hi, v))
	if exactType(s.h.input.elem) {
		v = math.RoundToEven(v)
	}
	return float32(v)
}
