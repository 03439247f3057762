package verify

import (
	"fmt"
	"math"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

// This file computes head poses from what the original models give, in float64 and by the formulas as they are published, without a look at how the
// graphs do it: the oracle that a fused model is held to.

// The angles of a pose, as they stand in a pose's array.
const (
	yaw = iota
	roll
	pitch
)

var angleNames = [3]string{"yaw", "roll", "pitch"}

// pose is a head pose in degrees, and how well its angles are determined.
type pose struct {
	angle [3]float64
	// sy is the length of (R00, R10) where the pose comes from a rotation matrix, the cosine of yaw: as it nears 0, roll and pitch turn about the
	// same axis, and an error e of the matrix becomes e/sy in each. 1 for other forms.
	sy float64
}

const degrees = 180 / math.Pi

// eulerAngles reads the angles off a rotation matrix, row by row (6DRepNet's compute_euler_angles_from_rotation_matrices: its x is the pitch, y the
// yaw, z the roll).
func eulerAngles(r [9]float64) pose {
	sy := math.Sqrt(r[0]*r[0] + r[3]*r[3])
	p := pose{sy: sy}
	p.angle[yaw] = math.Atan2(-r[6], sy) * degrees
	if sy < 1e-6 {
		p.angle[pitch] = math.Atan2(-r[5], r[4]) * degrees
		return p
	}
	p.angle[pitch] = math.Atan2(r[7], r[8]) * degrees
	p.angle[roll] = math.Atan2(r[3], r[0]) * degrees
	return p
}

// rotationOf makes a rotation matrix of six numbers, two vectors of three (Zhou et al. 2019; 6DRepNet's compute_rotation_matrix_from_ortho6d): its columns
// are x, y and z with x along the first, z across both, y across z and x. Lengths count as 1e-8 at least.
func rotationOf(six [6]float64) [9]float64 {
	type vec = [3]float64
	unit := func(v vec) vec {
		l := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
		if l < 1e-8 {
			l = 1e-8
		}
		return vec{v[0] / l, v[1] / l, v[2] / l}
	}
	cross := func(a, b vec) vec {
		return vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
	}
	x := unit(vec{six[0], six[1], six[2]})
	z := unit(cross(x, vec{six[3], six[4], six[5]}))
	y := cross(z, x)
	return [9]float64{x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]}
}

// binAngle is the angle that logits over bins mean: bin i stands for width*(i - count/2) degrees (-180 for the first of 120 bins of 3 degrees, -99 for
// the first of 66), and the mean of the bins, weighted by softmax, is taken along the line, or along the circle.
func binAngle(logits []float64, width float64, circular bool) float64 {
	top := math.Inf(-1)
	for _, l := range logits {
		if math.IsNaN(l) {
			return math.NaN()
		}
		top = math.Max(top, l)
	}
	var sum, line, sine, cosine float64
	for i, l := range logits {
		p := math.Exp(l - top)
		a := width * (float64(i) - float64(len(logits))/2)
		s, c := math.Sincos(a / degrees)
		sum += p
		line += p * a
		sine += p * s
		cosine += p * c
	}
	if circular {
		return math.Atan2(sine, cosine) * degrees
	}
	return line / sum
}

// oracleHead says how the outputs of a model are read as a pose.
type oracleHead struct {
	*headpose.Head
	binWidth float64
	circular bool // for yaw
}

// read returns the poses of n rows.
func (h oracleHead) read(out map[string]*onnxpb.Value, n int) ([]pose, error) {
	var heads [3][]float64
	var width [3]int
	for i, name := range h.Outputs {
		v := out[name]
		if v == nil || v.Kind != onnxpb.KindTensor {
			return nil, &onnxpb.Error{Kind: onnxpb.Engine, Tensor: name, Msg: "the model gave no such tensor"}
		}
		want := []int64{int64(n), 3}
		switch h.Kind {
		case headpose.Rotation:
			want = []int64{int64(n), 3, 3}
		case headpose.SixD:
			want = []int64{int64(n), 6}
		case headpose.Bins:
			want = []int64{int64(n), h.Counts[i]}
		}
		if !equalDims(v.Array.Dims, want) {
			return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("the model gives shape %s for %d images, %s was expected", shapeText(v.Array.Dims), n, shapeText(want))}
		}
		f, err := v.Array.Float64s()
		if err != nil {
			return nil, &onnxpb.Error{Tensor: name, Err: err}
		}
		heads[i], width[i] = f, v.Array.Len()/max(n, 1)
	}
	poses := make([]pose, n)
	for row := range poses {
		at := func(head int) []float64 { return heads[head][row*width[head] : (row+1)*width[head]] }
		p := pose{sy: 1}
		switch h.Kind {
		case headpose.Rotation:
			p = eulerAngles([9]float64(at(0)))
		case headpose.SixD:
			p = eulerAngles(rotationOf([6]float64(at(0))))
		case headpose.Bins:
			for i := range p.angle {
				p.angle[i] = binAngle(at(i), h.binWidth, h.circular && i == yaw)
			}
		case headpose.Angles:
			for column, v := range at(0) {
				p.angle[angleIndex(h.Order[column])] = v
			}
		}
		poses[row] = p
	}
	return poses, nil
}

// angleIndex tells where an angle stands in a pose.
func angleIndex(name string) int {
	for i, n := range angleNames {
		if n == name {
			return i
		}
	}
	panic("verify: no such angle: " + name)
}

// Norm is a normalisation of an image: (x*Scale - Mean)/Std, channel by channel. The channels are dimension 1, or the last where only that has as
// many as there are numbers.
type Norm struct {
	Mean  []float64 `json:"mean"` // one for each channel, or one for all; none is 0
	Std   []float64 `json:"std"`  // none is 1
	Scale float64   `json:"scale"`
}

// apply normalises images [N,...], step by step in float32 as a graph does, so that the originals see the image that the fused model makes for
// them: networks make much of the last bit.
func (n *Norm) apply(a *onnxpb.Array) (*onnxpb.Array, error) {
	if n == nil {
		return a, nil
	}
	src, ok := a.Data.([]float32)
	if !ok {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "only float32 can be normalised, the input is %s", onnxpb.TypeName(a.Type))
	}
	stride, channels, err := n.channels(a.Dims)
	if err != nil {
		return nil, err
	}
	scale := float32(n.Scale)
	if scale == 0 {
		scale = 1
	}
	number := func(list []float64, c int, none float32) float32 {
		switch len(list) {
		case 0:
			return none
		case 1:
			return float32(list[0])
		}
		return float32(list[c])
	}
	dst := make([]float32, len(src))
	for i, x := range src {
		c := i / stride % channels
		scaled := float32(x * scale) // rounded, whatever the machine could fuse
		centred := scaled - number(n.Mean, c, 0)
		dst[i] = centred / number(n.Std, c, 1)
	}
	return onnxpb.ArrayOf(a.Dims, dst), nil
}

// channels finds the channels of images: the distance between two of them, and how many there are.
func (n *Norm) channels(dims []int64) (stride, count int, err error) {
	numbers := max(len(n.Mean), len(n.Std))
	last := len(dims) - 1
	if last < 1 {
		return 0, 0, onnxpb.Errorf(onnxpb.Unfit, "an input of shape %s has no channels to normalise", shapeText(dims))
	}
	axis := 1
	if numbers > 1 && dims[1] != int64(numbers) && dims[last] == int64(numbers) {
		axis = last
	}
	if numbers > 1 && dims[axis] != int64(numbers) || len(n.Mean) > 1 && len(n.Std) > 1 && len(n.Mean) != len(n.Std) {
		return 0, 0, onnxpb.Errorf(onnxpb.Unfit, "the normalisation is for %d channels, the input is of shape %s", numbers, shapeText(dims))
	}
	stride = 1
	for _, d := range dims[axis+1:] {
		stride *= int(d)
	}
	return stride, max(int(dims[axis]), 1), nil
}
