package fuse

// writeAtan2 writes value: atan2(y, x) in degrees, for each element of two tensors of one shape. ONNX has no Atan2; this one is
// made of Atan on [0,1] and reflections on the axes and diagonals, so that it is exact on the axes (0, 90, 180, -90) and within 2e-5
// degrees elsewhere. The result is in (-180, 180], and 0 where both are 0; the sign of a zero is not told apart: y = -0 counts as 0. NaN stays
// NaN. Two infinities give NaN.
func (p *part) writeAtan2(value, prefix, y, x string) string {
	n := func(s string) string { return prefix + "_" + s }
	ax := p.node(n("abs_x"), "Abs", []string{x})
	ay := p.node(n("abs_y"), "Abs", []string{y})
	// Where, and not Min and Max, as those may drop a NaN.
	steep := p.node(n("steep"), "Greater", []string{ay, ax})
	low := p.node(n("low"), "Where", []string{steep, ax, ay})
	high := p.node(n("high"), "Where", []string{steep, ay, ax})
	// The divisor is high, or 1 where high is 0 (NaN+1 is NaN again).
	one := p.scalar(n("one"), 1)
	positive := p.node(n("positive"), "Greater", []string{high, p.zero()})
	divisor := p.node(n("divisor"), "Where", []string{positive, high, p.node(n("high_plus_one"), "Add", []string{high, one})})
	ratio := p.node(n("ratio"), "Div", []string{low, divisor})
	octant := p.node(n("octant"), "Mul", []string{p.node(n("radians"), "Atan", []string{ratio}), p.scalar(n("degrees_per_radian"), degreesPerRadian)})
	quadrant := p.node(n("quadrant"), "Where", []string{steep, p.node(n("from_90"), "Sub", []string{p.scalar(n("90"), 90), octant}), octant})
	left := p.node(n("left"), "Less", []string{x, p.zero()})
	half := p.node(n("half"), "Where", []string{left, p.node(n("from_180"), "Sub", []string{p.scalar(n("180"), 180), quadrant}), quadrant})
	below := p.node(n("below"), "Less", []string{y, p.zero()})
	return p.write(value, "Where", []string{below, p.node(n("negative"), "Neg", []string{half}), half})
}

const degreesPerRadian = 57.295779513082320876798154814105
