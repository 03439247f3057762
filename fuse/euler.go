package fuse

import (
	"fmt"
	"strings"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

// DefaultOrder is the order of the columns of a pose that DMHead gives.
const DefaultOrder = "yaw,roll,pitch"

// singularBelow is the length of (R00, R10) under which a head is taken to look straight up or down the y axis: yaw is ±90 and roll and pitch
// turn about the same axis.
const singularBelow = 1e-6

// Euler makes a model that reads the angles off a rotation matrix. Input: rotation [N,3,3]. Output: pose [N,3] in degrees, its columns in the given
// order (such as "yaw,pitch,roll"; "" is DefaultOrder).
//
// With sy = sqrt(R00² + R10²):
//
//	yaw = atan2(-R20, sy)   pitch = atan2(R21, R22)   roll = atan2(R10, R00)
//
// and in the singular case sy < 1e-6, where roll and pitch cannot be told apart, pitch = atan2(-R12, R11) and roll = 0. So yaw is in
// [-90, 90], the others in (-180, 180]. These are 6DRepNet's formulas (Hempel et al. 2022, compute_euler_angles_from_rotation_matrices; x there is the pitch,
// y the yaw, z the roll). The angles are within 1e-4 degrees of the true ones of the matrix given.
func Euler(order string, o PartOptions) (*onnxpb.ModelProto, error) {
	columns, err := parseOrder(order)
	if err != nil {
		return nil, err
	}
	p, err := newPart("euler", o)
	if err != nil {
		return nil, err
	}
	rotation := p.input("rotation", 3, 3)
	p.output("pose", 3)
	p.writeEuler(rotation, columns)
	return p.model(fmt.Sprintf("pose = (%s) in degrees of a rotation matrix R: yaw = atan2(-R20, sy), pitch = atan2(R21, R22), roll = atan2(R10, R00), "+
		"sy = sqrt(R00^2 + R10^2); where sy < 1e-6: pitch = atan2(-R12, R11), roll = 0.", strings.Join(columns[:], ", "))), nil
}

// writeEuler writes pose. The three atan2 are one, of two matrices [N,3] that are gathered from the flattened rotation: element 3i+j of it is Rij.
func (p *part) writeEuler(rotation string, order [3]string) {
	flat := p.node("flat", "Flatten", []string{rotation}, onnxpb.Int("axis", 1))
	// The numerator's element and sign, and the denominator's element, by angle; sy is put in for the denominators that are -1.
	type ratio struct{ y, x int64 }
	usual := map[string]ratio{"yaw": {6, -1}, "pitch": {7, 8}, "roll": {3, 0}}
	singular := map[string]ratio{"yaw": {6, -1}, "pitch": {5, 4}, "roll": {3, -1}}
	usualSign := map[string]float32{"yaw": -1, "pitch": 1, "roll": 1}
	// 0 makes the roll atan2(0, sy) = 0.
	singularSign := map[string]float32{"yaw": -1, "pitch": -1, "roll": 0}

	square := func(name string, element int64) string {
		v := p.columns(name, flat, element)
		return p.node(name+"_squared", "Mul", []string{v, v})
	}
	sy := p.node("sy", "Sqrt", []string{p.node("sy_squared", "Add", []string{square("r00", 0), square("r10", 3)})})

	side := func(prefix string, of map[string]ratio, sign map[string]float32) (y, x string) {
		var ys, xs []int64
		var signs []float32
		var isSy []bool
		for _, angle := range order {
			r := of[angle]
			ys, signs = append(ys, r.y), append(signs, sign[angle])
			isSy = append(isSy, r.x < 0)
			xs = append(xs, max(r.x, 0))
		}
		y = p.node(prefix+"y", "Mul", []string{p.columns(prefix+"y_of", flat, ys...), p.floats(prefix+"sign", []int64{1, 3}, signs...)})
		x = p.node(prefix+"x", "Where", []string{p.bools(prefix+"is_sy", isSy...), sy, p.columns(prefix+"x_of", flat, xs...)})
		return y, x
	}
	y, x := side("usual_", usual, usualSign)
	sy0, sx0 := side("singular_", singular, singularSign)
	isSingular := p.node("is_singular", "Less", []string{sy, p.scalar("singular_below", singularBelow)})
	y = p.node("y", "Where", []string{isSingular, sy0, y})
	x = p.node("x", "Where", []string{isSingular, sx0, x})
	p.writeAtan2("pose", "angle", y, x)
}

// parseOrder reads an order of the three angles; "" is DefaultOrder.
func parseOrder(order string) ([3]string, error) {
	if order == "" {
		order = DefaultOrder
	}
	return headpose.ParseOrder(order)
}
