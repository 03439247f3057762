package fuse_test

import "math"

// What the parts compute, in plain Go: float64 where a part is held to a tolerance, float32 operation by operation where it is held to the bit. Nothing
// here knows of graphs.

// oracleFront tells whether a yaw is front.
func oracleFront(yaw float32, limit float64) bool {
	return math.Abs(float64(yaw)) <= float64(float32(limit))
}

// oracleMask is a pose where it passes, else zeros.
func oracleMask(pose [3]float32, pass bool) [3]float32 {
	if pass {
		return pose
	}
	return [3]float32{}
}

// oracleGate is the pose that a rule makes of two, and who answered as the output source tells it.
func oracleGate(rule string, front, rear [3]float32, yaw int, limit float64) (pose [3]float32, source int64) {
	switch rule {
	case "select":
		if oracleFront(rear[yaw], limit) {
			return front, 0
		}
		return rear, 1
	case "sum":
		f, r := oracleFront(front[yaw], limit), !oracleFront(rear[yaw], limit)
		a, b := oracleMask(front, f), oracleMask(rear, r)
		for i := range pose {
			pose[i] = a[i] + b[i]
		}
		return pose, map[[2]bool]int64{{true, false}: 0, {false, true}: 1, {true, true}: 2, {false, false}: -1}[[2]bool{f, r}]
	case "published":
		t := float32(limit)
		clipped := min(max(front[yaw], -t), t)
		var shrunk float32
		if rear[yaw] < -t || rear[yaw] > t {
			shrunk = rear[yaw]
		}
		a, b := oraclePublished(front, clipped, yaw), oraclePublished(rear, shrunk, yaw)
		for i := range pose {
			pose[i] = b[i] + a[i]
		}
		return pose, 0
	}
	panic(rule)
}

// oraclePublished is the released DMHead's change of one side, in float32.
func oraclePublished(pose [3]float32, s float32, yaw int) (out [3]float32) {
	for i, x := range pose {
		product := x * s
		divisor := s + float32(1e-5)
		out[i] = product / divisor
	}
	out[yaw] = s
	return out
}

// oracleEuler gives yaw, pitch and roll in degrees of a rotation matrix, as 6DRepNet's compute_euler_angles_from_rotation_matrices does.
func oracleEuler(r [9]float64) (yaw, pitch, roll float64) {
	sy := math.Sqrt(r[0]*r[0] + r[3]*r[3])
	x, y, z := math.Atan2(r[7], r[8]), math.Atan2(-r[6], sy), math.Atan2(r[3], r[0])
	if sy < 1e-6 {
		x, z = math.Atan2(-r[5], r[4]), 0
	}
	const d = 180 / math.Pi
	return y * d, x * d, z * d
}

// oracleRotation is Rz(roll) Ry(yaw) Rx(pitch), angles in degrees.
func oracleRotation(yaw, pitch, roll float64) [9]float64 {
	const d = math.Pi / 180
	sx, cx := math.Sincos(pitch * d)
	sy, cy := math.Sincos(yaw * d)
	sz, cz := math.Sincos(roll * d)
	return mul3(mul3([9]float64{cz, -sz, 0, sz, cz, 0, 0, 0, 1}, [9]float64{cy, 0, sy, 0, 1, 0, -sy, 0, cy}), [9]float64{1, 0, 0, 0, cx, -sx, 0, sx, cx})
}

func mul3(a, b [9]float64) (c [9]float64) {
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				c[3*i+j] += a[3*i+k] * b[3*k+j]
			}
		}
	}
	return c
}

// oracleSix is the rotation matrix of six numbers.
func oracleSix(six [6]float64) (r [9]float64) {
	x := unit3([3]float64(six[:3]))
	z := unit3(cross3(x, [3]float64(six[3:])))
	y := cross3(z, x)
	for i := range 3 {
		r[3*i], r[3*i+1], r[3*i+2] = x[i], y[i], z[i]
	}
	return r
}

func unit3(v [3]float64) [3]float64 {
	n := max(math.Sqrt(v[0]*v[0]+v[1]*v[1]+v[2]*v[2]), 1e-8)
	return [3]float64{v[0] / n, v[1] / n, v[2] / n}
}

func cross3(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// oracleBins is the angle in degrees that logits mean.
func oracleBins(logits []float32, width, offset float64, circular bool) float64 {
	top := math.Inf(-1)
	for _, l := range logits {
		top = max(top, float64(l))
	}
	var sum, line, y, x float64
	for i, l := range logits {
		p := math.Exp(float64(l) - top)
		sum += p
		line += p * float64(i)
		s, c := math.Sincos((width*float64(i) + offset) * math.Pi / 180)
		y, x = y+p*s, x+p*c
	}
	if circular {
		return math.Atan2(y, x) * 180 / math.Pi
	}
	return width*line/sum + offset
}

// circleDistance is how far two angles in degrees are apart along the circle.
func circleDistance(a, b float64) float64 { return math.Abs(math.Remainder(a-b, 360)) }
