package fuse

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
)

// DefaultLimit is the yaw in degrees up to which the front model answers.
const DefaultLimit = 75

// FrontMask makes a model that lets a pose through where a yaw says that the head is seen from the front, and gives zeros elsewhere:
//
//	masked = pose where abs(yaw) <= limit, else 0
//
// Inputs: pose [N,3] in degrees and, where judge is true, judge [N,1], the yaw in degrees to judge by; else the yaw is the pose's own, in column
// o.YawColumn. Output: masked [N,3]. The limit is in degrees, 0 to 180, and is rounded to float32, in which the yaw is compared with it; the limit
// itself is front; a NaN yaw is not.
//
// The mask is made of comparisons and Where, never of a product (0·NaN is NaN): NaN and infinities of a row that is masked never come out,
// and a row that is let through comes out as it is, except that a runtime may turn -0 into 0.
func FrontMask(limit float64, judge bool, o PartOptions) (*onnxpb.ModelProto, error) {
	return mask("front_mask", limit, judge, o)
}

// RearMask makes the model that is the exact complement of FrontMask, whatever the yaw:
//
//	masked = pose where not abs(yaw) <= limit, else 0
//
// So a NaN yaw is rear. Inputs, output and limit are those of FrontMask.
func RearMask(limit float64, judge bool, o PartOptions) (*onnxpb.ModelProto, error) {
	return mask("rear_mask", limit, judge, o)
}

func mask(name string, limit float64, judge bool, o PartOptions) (*onnxpb.ModelProto, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	p, err := newPart(name, o)
	if err != nil {
		return nil, err
	}
	pose := p.input("pose", 3)
	var yaw string
	whose := fmt.Sprintf("column %d of pose", o.YawColumn)
	if judge {
		yaw, whose = p.input("judge", 1), "judge"
	} else {
		yaw = p.columns("yaw", pose, int64(o.YawColumn))
	}
	p.output("masked", 3)
	front := p.isFront("", yaw, limit)
	verb := "is"
	if name == "rear_mask" {
		front, verb = p.node("is_rear", "Not", []string{front}), "is not"
	}
	p.let("masked", front, pose)
	return p.model(fmt.Sprintf("masked = pose where abs(yaw) %s at most %v, else 0; yaw is %s; degrees; a NaN yaw is rear.", verb, float32(limit), whose)), nil
}

// isFront tells, for each yaw [N,1], whether abs(yaw) <= limit. The prefix tells several judgements in one part apart.
func (p *part) isFront(prefix, yaw string, limit float64) string {
	return p.atMost(prefix+"is_front", p.node(prefix+"abs_yaw", "Abs", []string{yaw}), float32(limit))
}

// let writes value: pose [N,3] in the rows where pass [N,1] is true, and zeros in the others.
func (p *part) let(value, pass, pose string) string {
	return p.write(value, "Where", []string{pass, pose, p.zero()})
}

// zero is the constant 0 of a part, made once.
func (p *part) zero() string {
	for _, t := range p.g.Initializer {
		if t.GetName() == p.inner("zero") {
			return t.GetName()
		}
	}
	return p.scalar("zero", 0)
}

// checkLimit refuses limits that are no yaw.
func checkLimit(limit float64) error {
	if math.IsNaN(limit) || limit < 0 || limit > 180 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("limit %v is not a yaw", limit), Hint: "give degrees from 0 to 180; the default is 75"}
	}
	return nil
}
