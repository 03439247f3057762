package verify

import (
	"math"
	"math/rand/v2"
)

// pictureWaves is how many waves a generated picture is made of, pictureCycles how often the shortest repeats over the width of one along either axis.
const (
	pictureWaves  = 8
	pictureCycles = 4
)

// pictureAxes tells which axes of generated pictures are which: so many pictures of so many channels, the channels first or last.
type pictureAxes struct {
	count, channels, height, width int
	last                           bool
}

// axesOfPictures finds them, for a tensor of rank 2 or more: [..,C,H,W] where the third axis from the end is 1, 3 or 4; else [..,H,W,C] where the last one is; else
// [..,C,H,W]; of rank 3 [H,W,C] where the last axis is 1, 3 or 4, else single pictures [N,H,W]; of rank 2 [H,W]. The leading axis is not looked at, as it may be
// the batch, and rows must be the same whatever that is.
func axesOfPictures(dims []int64) pictureAxes {
	size := make([]int, len(dims))
	for i, d := range dims {
		size[i] = int(d)
	}
	r := len(size)
	product := func(v []int) int {
		n := 1
		for _, d := range v {
			n *= d
		}
		return n
	}
	colours := func(n int) bool { return n == 1 || n == 3 || n == 4 }
	switch {
	case r >= 3 && colours(size[r-1]) && (r == 3 || !colours(size[r-3])):
		return pictureAxes{product(size[:r-3]), size[r-1], size[r-3], size[r-2], true}
	case r >= 4:
		return pictureAxes{product(size[:r-3]), size[r-3], size[r-2], size[r-1], false}
	}
	return pictureAxes{product(size[:r-2]), 1, size[r-2], size[r-1], false}
}

// pictures makes smooth random fields, which are to models more like pictures than white noise: neighbours are alike, channels go together, and some of
// each picture is black or white. For every picture, eight waves are drawn, each as u, v uniform in -4..4 (by Float64(), cycles over the width) and a phase p uniform in
// 0..2π; then for every channel c eight phases q uniform in 0..1. With a = 1/(1+√(u²+v²)), column x and row y,
//
//	s = Σ a·cos(2π(u·x+v·y)/width + p + q[c]) / √(½Σa²)
//	element = Lo + (Hi-Lo)·min(max(½ + s/4, 0), 1)
//
// so that the mean is the middle of the range and the standard deviation about a quarter of it. The width is the unit of both axes: so where the rows of
// the tensor are those of a picture, they do not depend on how many there are.
func pictures(dims []int64, rg Range, rng *rand.Rand) []float64 {
	ax := axesOfPictures(dims)
	plane := ax.height * ax.width
	v := make([]float64, ax.count*ax.channels*plane)
	if len(v) == 0 {
		return v
	}
	for i := range ax.count {
		one := v[i*ax.channels*plane:]
		w := drawWaves(ax, rng)
		for c := range ax.channels {
			// The distance of neighbours in memory, and where the channel begins.
			step, from := 1, c*plane
			if ax.last {
				step, from = ax.channels, c
			}
			w.plane(rng, ax, rg, func(at int, x float64) { one[from+at*step] = x })
		}
	}
	return v
}

// waves are those of one picture: what each adds along a row is the same for all rows and channels, and computed once.
type waves struct {
	v, phase, amplitude [pictureWaves]float64
	cos, sin            [pictureWaves][]float64 // of 2πux/width, by column
}

func drawWaves(ax pictureAxes, rng *rand.Rand) *waves {
	w := &waves{}
	power := 0.0
	for k := range w.v {
		u := pictureCycles * (2*rng.Float64() - 1)
		w.v[k] = pictureCycles * (2*rng.Float64() - 1)
		w.phase[k] = 2 * math.Pi * rng.Float64()
		w.amplitude[k] = 1 / (1 + math.Hypot(u, w.v[k]))
		power += w.amplitude[k] * w.amplitude[k] / 2
		w.cos[k], w.sin[k] = make([]float64, ax.width), make([]float64, ax.width)
		for x := range ax.width {
			w.sin[k][x], w.cos[k][x] = math.Sincos(2 * math.Pi * u * float64(x) / float64(ax.width))
		}
	}
	for k := range w.amplitude {
		w.amplitude[k] /= math.Sqrt(power)
	}
	return w
}

// plane draws the phases of one channel and gives its elements, by their place in the plane.
func (w *waves) plane(rng *rand.Rand, ax pictureAxes, rg Range, put func(at int, x float64)) {
	phase := w.phase
	for k := range phase {
		phase[k] += rng.Float64()
	}
	for y := range ax.height {
		var c, s [pictureWaves]float64 // cos(a+b) = cos a·cos b - sin a·sin b
		for k := range c {
			s[k], c[k] = math.Sincos(2*math.Pi*w.v[k]*float64(y)/float64(ax.width) + phase[k])
			s[k], c[k] = s[k]*w.amplitude[k], c[k]*w.amplitude[k]
		}
		for x := range ax.width {
			sum := 0.0
			for k := range c {
				sum += w.cos[k][x]*c[k] - w.sin[k][x]*s[k]
			}
			put(y*ax.width+x, rg.Lo+(rg.Hi-rg.Lo)*min(max(0.5+sum/4, 0), 1))
		}
	}
}
