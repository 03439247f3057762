package verify

import "math"

// family makes the images that the search begins with: flat colours on circles in the planes of two channels, greys, flat colours at random, noise at several
// levels of brightness, and gradients between two colours.
func (s *headSearch) family() []*headImage {
	r := s.h.pixels
	mid, half := (r.Lo+r.Hi)/2, (r.Hi-r.Lo)/2
	_, channels := s.layout()
	var list []*headImage
	flat := func(colour []float64) {
		list = append(list, s.draw(func(c int, _, _ float64) float64 { return colour[c] }))
	}
	random := func() []float64 {
		colour := make([]float64, channels)
		for c := range colour {
			colour[c] = r.Lo + (r.Hi-r.Lo)*s.rng.Float64()
		}
		return colour
	}
	planes := 0
	for a := 0; a < channels && planes < 3; a++ {
		for b := a + 1; b < channels && planes < 3; b++ {
			for k := 0; k < 12; k++ {
				colour := make([]float64, channels)
				for c := range colour {
					colour[c] = mid
				}
				sin, cos := math.Sincos((30*float64(k) + 10*float64(planes)) / degrees)
				colour[a] += 0.75 * half * cos
				colour[b] += 0.75 * half * sin
				flat(colour)
			}
			planes++
		}
	}
	for k := 0; k <= 6; k++ {
		colour := make([]float64, channels)
		for c := range colour {
			colour[c] = r.Lo + (r.Hi-r.Lo)*float64(k)/6
		}
		flat(colour)
	}
	for k := 0; k < 8; k++ {
		flat(random())
	}
	for level := 1; level <= 4; level++ {
		for k := 0; k < 2; k++ {
			colour, at := random(), r.Lo+(r.Hi-r.Lo)*float64(level)/5
			list = append(list, s.draw(func(c int, _, _ float64) float64 {
				return at + 0.3*(colour[c]-mid) + 0.5*half*(2*s.rng.Float64()-1)
			}))
		}
	}
	for k := 0; k < 8; k++ {
		from, to := random(), random()
		list = append(list, s.draw(func(c int, x, y float64) float64 {
			t := x
			if k%2 == 1 {
				t = y
			}
			return from[c] + t*(to[c]-from[c])
		}))
	}
	return list
}

// patches makes an image of 5 by 5 colours at random that run into each other.
func (s *headSearch) patches() *headImage {
	const n = 5
	_, channels := s.layout()
	r := s.h.pixels
	grid := make([]float64, channels*n*n)
	for i := range grid {
		grid[i] = r.Lo + (r.Hi-r.Lo)*s.rng.Float64()
	}
	return s.draw(func(c int, x, y float64) float64 {
		i, fx := math.Modf(x * (n - 1))
		j, fy := math.Modf(y * (n - 1))
		at := func(i, j float64) float64 {
			return grid[(c*n+int(math.Min(j, n-1)))*n+int(math.Min(i, n-1))]
		}
		return (1-fy)*((1-fx)*at(i, j)+fx*at(i+1, j)) + fy*((1-fx)*at(i, j+1)+fx*at(i+1, j+1))
	})
}

// layout tells where the channels are: dimension 1 of the input, or the last where only that has 3 or 1.
func (s *headSearch) layout() (axis, channels int) {
	tail := s.h.tail
	if len(tail) == 0 {
		return -1, 1
	}
	last := len(tail) - 1
	isColour := func(d int64) bool { return d == 3 || d == 1 }
	if !isColour(tail[0]) && isColour(tail[last]) {
		return last, int(tail[last])
	}
	return 0, int(tail[0])
}

// draw makes an image of a function of channel and place; x and y run from 0 to 1 along the last and the first of the other dimensions.
func (s *headSearch) draw(f func(c int, x, y float64) float64) *headImage {
	tail := s.h.tail
	axis, _ := s.layout()
	size := 1
	for _, d := range tail {
		size *= int(d)
	}
	im := &headImage{pixels: make([]float32, size)}
	at := make([]int64, len(tail))
	for i := range im.pixels {
		c, x, y := 0, 0.0, 0.0
		first := true
		for k, v := range at {
			if k == axis {
				c = int(v)
				continue
			}
			x = float64(v) / math.Max(1, float64(tail[k]-1))
			if first {
				y, first = x, false
			}
		}
		im.pixels[i] = s.pixel(f(c, x, y))
		for k := len(at) - 1; k >= 0; k-- {
			if at[k]++; at[k] < tail[k] {
				break
			}
			at[k] = 0
		}
	}
	return im
}
