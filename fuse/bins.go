package fuse

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
)

// BinOptions say what the bins of an angle are.
type BinOptions struct {
	Count int64   // how many bins; 120 for WHENet's yaw, 66 for its pitch and roll
	Width float64 // degrees; 0 is 3
	// Offset is the angle of bin 0 in degrees; nil puts the bins about 0: -Count*Width/2, which is -180 for 120 bins of 3 degrees and -99 for 66.
	Offset *float64
	// Circular takes the mean along the circle instead of along the line.
	Circular bool
}

func (b BinOptions) fill() (BinOptions, error) {
	if b.Width == 0 {
		b.Width = 3
	}
	if b.Count < 1 || b.Count > 1<<20 {
		return b, onnxpb.Errorf(onnxpb.Usage, "%d bins: give a count from 1 to %d", b.Count, 1<<20)
	}
	if !(b.Width > 0) || math.IsInf(b.Width, 0) {
		return b, onnxpb.Errorf(onnxpb.Usage, "bin width %v is not a number of degrees above 0", b.Width)
	}
	if b.Offset == nil {
		about0 := -float64(b.Count) * b.Width / 2
		b.Offset = &about0
	}
	if math.IsNaN(*b.Offset) || math.IsInf(*b.Offset, 0) {
		return b, onnxpb.Errorf(onnxpb.Usage, "offset %v is not a number of degrees", *b.Offset)
	}
	return b, nil
}

// Bins makes a model that turns logits over the bins of an angle into degrees. Input: logits [N,Count]. Output: angle [N,1] in degrees.
//
// With p = softmax(logits), the published mean (Ruiz et al. 2018, Hopenet; Zhou and Gregson 2020, WHENet) runs along the line:
//
//	angle = Width * Σ p_i*i + Offset
//
// It is a poor mean for a full circle: mass split round ±180 averages to 0, so that a head seen fully from behind reads as frontal. With
// Circular the mean runs along the circle:
//
//	angle = atan2(Σ p_i*sin(a_i), Σ p_i*cos(a_i)),   a_i = Width*i + Offset
//
// which is in (-180, 180]. The two agree where the mass is symmetric about its mean and stays clear of ±180. Where the mass cancels on the circle
// (spread over all of it evenly) the circular angle means nothing, as no mean would.
func Bins(b BinOptions, o PartOptions) (*onnxpb.ModelProto, error) {
	b, err := b.fill()
	if err != nil {
		return nil, err
	}
	p, err := newPart("bins", o)
	if err != nil {
		return nil, err
	}
	logits := p.input("logits", b.Count)
	p.output("angle", 1)
	p.writeBins("", "angle", logits, b)
	return p.model(b.formula("angle", "logits")), nil
}

// formula says what is computed.
func (b BinOptions) formula(angle, logits string) string {
	if b.Circular {
		return fmt.Sprintf("%s = atan2(sum(p*sin(a)), sum(p*cos(a))) in degrees, p = softmax(%s), a = %v*index %+v.", angle, logits, b.Width, *b.Offset)
	}
	return fmt.Sprintf("%s = %v*sum(p*index) %+v degrees, p = softmax(%s).", angle, b.Width, *b.Offset, logits)
}

// writeBins writes value [N,1], the angle that logits [N,Count] mean. The prefix tells several angles in one part apart.
func (p *part) writeBins(prefix, value, logits string, b BinOptions) {
	// Softmax changed its meaning with opset 13 (along the axis, not over all from the axis on): for a matrix and axis 1 both are the same.
	soft := p.node(prefix+"probability", "Softmax", []string{logits}, onnxpb.Int("axis", 1))
	weighted := func(name string, weight func(i int64) float64) string {
		w := make([]float32, b.Count)
		for i := range w {
			w[i] = float32(weight(int64(i)))
		}
		product := p.node(prefix+name+"_weighted", "Mul", []string{soft, p.floats(prefix+name, []int64{1, b.Count}, w...)})
		return p.rowSum(prefix+name+"_mean", product)
	}
	if b.Circular {
		radians := func(i int64) float64 { return (b.Width*float64(i) + *b.Offset) * math.Pi / 180 }
		y := weighted("sin", func(i int64) float64 { return math.Sin(radians(i)) })
		x := weighted("cos", func(i int64) float64 { return math.Cos(radians(i)) })
		p.writeAtan2(value, prefix+"circular", y, x)
		return
	}
	index := weighted("index", func(i int64) float64 { return float64(i) })
	scaled := p.node(prefix+"scaled", "Mul", []string{index, p.scalar(prefix+"width", float32(b.Width))})
	p.write(value, "Add", []string{scaled, p.scalar(prefix+"offset", float32(*b.Offset))})
}
