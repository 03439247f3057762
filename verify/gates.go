package verify

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
)

// The gates that VerifyHead knows. Write f and r for the pose of the front and of the rear model, and T for the limit.
const (
	GateSelect    = "select"    // f where |yaw of r| <= T, else r
	GateSum       = "sum"       // (f where |yaw of f| <= T, else 0) + (r where not |yaw of r| <= T, else 0)
	GatePublished = "published" // the arithmetic of the released DMHead
)

// gate is a rule and its limit in degrees.
type gate struct {
	rule  string
	limit float64
}

func newGate(rule string, limit float64) (gate, error) {
	g := gate{rule, limit}
	switch rule {
	case GateSelect, GateSum, GatePublished:
	default:
		return g, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no gate %q", rule), Hint: "the gates are published, select, sum"}
	}
	if math.IsNaN(limit) || limit < 0 || limit > 180 {
		return g, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("limit %v is not a yaw", limit), Hint: "give degrees from 0 to 180"}
	}
	return g, nil
}

// defaultLimit is the limit in degrees where none is given.
func defaultLimit(rule string) float64 {
	if rule == GatePublished {
		return 90
	}
	return 75
}

// The sides of a head.
const (
	front = iota
	rear
)

var sideNames = [2]string{"front", "rear"}

// judges lists the sides whose yaw decides something at the limit.
func (g gate) judges() []int {
	if g.rule == GateSum {
		return []int{front, rear}
	}
	return []int{rear}
}

// answer is a pose that a gate may give for a row, and whose it is.
type answer struct {
	pose        [3]float64
	front, rear bool // which sides take part
}

// answers returns what a gate gives for two poses, the answer of the judges as they are first; behind it, where a judge lies within near degrees
// of the limit, those that it would give had the judge fallen on the other side.
func (g gate) answers(f, r pose, near float64) []answer {
	inF, otherF := g.sides(f, near)
	inR, otherR := g.sides(r, near)
	switch g.rule {
	case GateSelect:
		list := []answer{g.selected(f, r, inR)}
		if otherR {
			list = append(list, g.selected(f, r, !inR))
		}
		return list
	case GateSum:
		list := []answer{g.summed(f, r, inF, !inR)}
		if otherF {
			list = append(list, g.summed(f, r, !inF, !inR))
		}
		if otherR {
			list = append(list, g.summed(f, r, inF, inR))
		}
		if otherF && otherR {
			list = append(list, g.summed(f, r, !inF, inR))
		}
		return list
	}
	// HardShrink gives 0 for a NaN, which is not past the limit.
	past := math.Abs(r.angle[yaw]) > g.limit
	list := []answer{g.published(f, r, past)}
	if otherR {
		list = append(list, g.published(f, r, !past))
	}
	return list
}

// sides tells on which side of the limit a pose's yaw lies, and whether it lies within near degrees of it. A yaw that is NaN is not within the limit.
func (g gate) sides(p pose, near float64) (within, ambiguous bool) {
	a := math.Abs(p.angle[yaw])
	return a <= g.limit, math.Abs(a-g.limit) <= near
}

func (g gate) selected(f, r pose, isFront bool) answer {
	if isFront {
		return answer{pose: f.angle, front: true}
	}
	return answer{pose: r.angle, rear: true}
}

func (g gate) summed(f, r pose, useFront, useRear bool) answer {
	a := answer{front: useFront, rear: useRear}
	for i := range a.pose {
		if useFront {
			a.pose[i] += f.angle[i]
		}
		if useRear {
			a.pose[i] += r.angle[i]
		}
	}
	return a
}

// published is the arithmetic of the released DMHead, in float32 as it is: the front's yaw clipped to the limit, the rear's 0 up to the limit, roll
// and pitch times s/(s+1e-5) with s that yaw, and the sum of both sides.
func (g gate) published(f, r pose, pastLimit bool) answer {
	limit := float32(g.limit)
	sf := float32(f.angle[yaw])
	if sf > limit {
		sf = limit
	} else if sf < -limit {
		sf = -limit
	}
	sr := float32(0)
	if pastLimit {
		sr = float32(r.angle[yaw])
	}
	pf, pr := publishedSide(f.angle, sf), publishedSide(r.angle, sr)
	a := answer{front: true, rear: pastLimit}
	for i := range a.pose {
		a.pose[i] = float64(pf[i] + pr[i])
	}
	return a
}

// publishedSide puts s in place of the yaw and scales roll and pitch by it: (x*s)/(s+1e-5), each step rounded to float32.
func publishedSide(angle [3]float64, s float32) [3]float32 {
	var p [3]float32
	p[yaw] = s
	for _, i := range []int{roll, pitch} {
		product := float32(float32(angle[i]) * s)
		sum := s + float32(1e-5)
		p[i] = product / sum
	}
	return p
}

// exact returns the row that a gate makes of the poses that it reads, in the arithmetic of float32 that graphs compute in: nothing is rounded that a
// comparison, a selection and one addition do not round.
func (g gate) exact(f, r [3]float32) (row [3]float32, fromFront, fromRear bool) {
	limit := float32(g.limit)
	within := func(p [3]float32) bool { return float32(math.Abs(float64(p[yaw]))) <= limit }
	switch g.rule {
	case GateSelect:
		if within(r) {
			return f, true, false
		}
		return r, false, true
	case GateSum:
		fromFront, fromRear = within(f), !within(r)
		for i := range row {
			var a, b float32
			if fromFront {
				a = f[i]
			}
			if fromRear {
				b = r[i]
			}
			row[i] = a + b
		}
		return row, fromFront, fromRear
	}
	wide := func(p [3]float32) pose {
		return pose{angle: [3]float64{float64(p[0]), float64(p[1]), float64(p[2])}, sy: 1}
	}
	past := float32(math.Abs(float64(r[yaw]))) > limit
	a := g.published(wide(f), wide(r), past)
	for i := range row {
		row[i] = float32(a.pose[i])
	}
	return row, true, past
}

// angleError is the distance in degrees between two angles: along the circle where both lie on it (-180..180 and a little beyond), else along
// the line, so that an angle that is a whole turn off is an error. NaN matches NaN, an infinity its own sign.
func angleError(got, want float64) float64 {
	if sameFloat(got, want) {
		return 0
	}
	d := math.Abs(got - want)
	const circle = 180.01
	if math.Abs(got) <= circle && math.Abs(want) <= circle && d > 180 {
		d = math.Abs(360 - d)
	}
	if math.IsNaN(d) {
		return math.Inf(1)
	}
	return d
}

// illConditioned is the sy under which roll and pitch are told less well than by the tolerance; see pose.
const illConditioned = 0.05

// singular is the sy under which roll and pitch tell nothing: another sum order may choose the other branch of the formula.
const singular = 1e-5

// slack returns by how much the tolerance of each angle of a pose is widened.
func (p pose) slack() [3]float64 {
	s := [3]float64{1, 1, 1}
	if p.sy < illConditioned {
		s[roll] = illConditioned / p.sy
		if p.sy < singular {
			s[roll] = math.Inf(1)
		}
		s[pitch] = s[roll]
	}
	return s
}
