package fuse

import "onnxtool/onnxpb"

// Rotation6D makes a model that turns six numbers into a rotation matrix by Gram and Schmidt's method. Input: six [N,6], two vectors a1 and a2 of
// three. Output: rotation [N,3,3], whose columns are
//
//	x = a1/|a1|   z = (x × a2)/|x × a2|   y = z × x
//
// in the order x, y, z (Zhou et al. 2019, "On the Continuity of Rotation Representations in Neural Networks"; 6DRepNet's
// compute_rotation_matrix_from_ortho6d). A length under 1e-8 counts as 1e-8, as there: two parallel vectors give no rotation but a matrix with
// zeros in it, never NaN.
func Rotation6D(o PartOptions) (*onnxpb.ModelProto, error) {
	p, err := newPart("rotation6d", o)
	if err != nil {
		return nil, err
	}
	six := p.input("six", 6)
	p.output("rotation", 3, 3)
	p.writeRotation6D(six, "rotation")
	return p.model("rotation = matrix with the columns x, y, z of six numbers a1, a2: x = a1/|a1|, z = (x cross a2)/|x cross a2|, y = z cross x; lengths at least 1e-8."), nil
}

func (p *part) writeRotation6D(six, value string) {
	x := p.unit("axis_x", p.columns("a1", six, 0, 1, 2))
	z := p.unit("axis_z", p.cross("x_cross_a2", x, p.columns("a2", six, 3, 4, 5)))
	y := p.cross("axis_y", z, x)
	var columns []string
	for i, v := range []string{x, y, z} {
		columns = append(columns, p.unsqueeze("column_"+string("xyz"[i]), v, 2))
	}
	p.write(value, "Concat", columns, onnxpb.Int("axis", 2))
}

// unit divides vectors [N,3] by their lengths, at least 1e-8.
func (p *part) unit(name, v string) string {
	length := p.node(name+"_length", "Sqrt", []string{p.rowSum(name+"_squares", p.node(name+"_squared", "Mul", []string{v, v}))})
	least := p.scalar(name+"_least_length", 1e-8)
	// Where, and not Max, which may drop a NaN.
	short := p.node(name+"_is_short", "Less", []string{length, least})
	return p.node(name, "Div", []string{v, p.node(name+"_divisor", "Where", []string{short, least, length})})
}

// cross is the cross product of vectors [N,3].
func (p *part) cross(name, a, b string) string {
	product := func(side string, i, j []int64) string {
		return p.node(name+"_"+side, "Mul", []string{p.columns(name+"_"+side+"_a", a, i...), p.columns(name+"_"+side+"_b", b, j...)})
	}
	next, last := []int64{1, 2, 0}, []int64{2, 0, 1}
	return p.node(name, "Sub", []string{product("plus", next, last), product("minus", last, next)})
}
