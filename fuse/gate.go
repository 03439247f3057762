package fuse

import (
	"fmt"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// The rules of a gate. Write f and r for the pose of the front and of the rear model, and T for the limit.
const (
	// Select: f where abs(yaw of r) <= T, else r. Both masks read one judge, the rear model's yaw, as that model sees the full circle:
	// exactly one model's pose, always.
	Select = "select"
	// Sum: (f where abs(yaw of f) <= T, else 0) + (r where not abs(yaw of r) <= T, else 0). Each mask judges by its own pose: where the models
	// disagree the sum is a pose of neither, or 0.
	Sum = "sum"
	// Published: the arithmetic of the released DMHead models, with its faults (see Gate).
	Published = "published"
)

// PublishedLimit is the limit in degrees that the rule Published has by default.
const PublishedLimit = 90

// gateRule is how a rule makes a pose of two: it adds nodes to a part, of which one writes "pose", and returns the truth values [N,1] of who
// answers: front and rear. A rule without an answer to that returns "".
type gateRule struct {
	formula string
	limit   float64 // the default
	build   func(p *part, front, rear string, limit float64) (frontAnswers, rearAnswers string)
}

// gateRules are the rules there are. A rule that mixes both poses fits here as well; one that decides which model runs at all does not, as
// a gate sees poses only.
var gateRules = map[string]gateRule{
	Select: {"pose = front where abs(yaw of rear) <= limit, else rear", DefaultLimit, (*part).gateSelect},
	Sum: {"pose = (front where abs(yaw of front) <= limit, else 0) + (rear where not abs(yaw of rear) <= limit, else 0)",
		DefaultLimit, (*part).gateSum},
	Published: {"yaw = clip(yaw of front, -limit, limit) + hardshrink(yaw of rear, limit); of each side x*s/(s+1e-5) for its roll and pitch x and its yaw s so changed; both added",
		PublishedLimit, (*part).gatePublished},
}

// Rules lists the rules of gates.
func Rules() []string {
	var names []string
	for n := range gateRules {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// GateOptions say how a gate chooses.
type GateOptions struct {
	Rule   string  // Select (the default), Sum or Published
	Limit  float64 // degrees, above 0 up to 180; 0 is the rule's default: 75, and 90 for Published
	Source bool    // a second output tells who answered
}

// fill puts the defaults in.
func (g GateOptions) fill() (GateOptions, gateRule, error) {
	if g.Rule == "" {
		g.Rule = Select
	}
	rule, ok := gateRules[g.Rule]
	if !ok {
		return g, rule, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no gate %q", g.Rule), Hint: "the gates are " + strings.Join(Rules(), ", ")}
	}
	if g.Limit == 0 {
		g.Limit = rule.limit
	}
	if g.Source && g.Rule == Published {
		return g, rule, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the published gate adds both poses: there is no source to tell", Hint: "use the gate select"}
	}
	return g, rule, checkLimit(g.Limit)
}

// Gate makes a model that makes one pose of two. Inputs: front and rear, [N,3] in degrees, yaw in column o.YawColumn. Outputs: pose [N,3] and, where
// g.Source is true, source int64 [N,1]: 0 where the front answered and 1 where the rear did; under Sum also 2 where both did, and -1 where
// neither did.
//
// Select and Sum are made of the parts FrontMask and RearMask, joined by an Add; all that is said there of NaN, infinities and the limit holds. The pose
// chosen comes out exactly, except that -0 becomes 0 (0 is added to it).
//
// Published computes in float32, in this order, with s the changed yaw of a side and x its roll or pitch:
//
//	front: s = min(max(yaw, -limit), limit)     rear: s = yaw where abs(yaw) > limit, else 0
//	x' = (x * s) / (s + 1e-5)
//	pose = rear' + front'
//
// which is what the released DMHead computes: it has no mask at all on the front, adds both yaws where the rear is past the limit, and
// gives NaN or infinities near a front yaw of -1e-5. It is there to reproduce old numbers.
func Gate(g GateOptions, o PartOptions) (*onnxpb.ModelProto, error) {
	g, rule, err := g.fill()
	if err != nil {
		return nil, err
	}
	p, err := newPart("gate", o)
	if err != nil {
		return nil, err
	}
	front, rear := p.input("front", 3), p.input("rear", 3)
	p.output("pose", 3)
	f, r := rule.build(p, front, rear, g.Limit)
	if g.Source {
		p.source(f, r)
	}
	return p.model(fmt.Sprintf("%s: %s; limit %v; degrees.", g.Rule, rule.formula, float32(g.Limit))), nil
}

// source writes the output source of a gate, of the truth values that tell who answers.
func (p *part) source(front, rear string) {
	p.outputTyped("source", onnxpb.TensorProto_INT64, p.dims(1))
	number := func(name string, v int64) string {
		p.g.Initializer = append(p.g.Initializer, onnxpb.TensorOf(p.inner(name), nil, []int64{v}))
		return p.inner(name)
	}
	onFront := p.node("source_if_front", "Where", []string{rear, number("both", 2), number("front_only", 0)})
	other := p.node("source_if_not_front", "Where", []string{rear, number("rear_only", 1), number("neither", -1)})
	p.write("source", "Where", []string{front, onFront, other})
}

func (p *part) gateSelect(front, rear string, limit float64) (string, string) {
	isFront := p.isFront("", p.columns("judge", rear, int64(p.YawColumn)), limit)
	isRear := p.node("is_rear", "Not", []string{isFront})
	p.addMasked(isFront, front, isRear, rear)
	return isFront, isRear
}

func (p *part) gateSum(front, rear string, limit float64) (string, string) {
	isFront := p.isFront("front_", p.columns("front_yaw", front, int64(p.YawColumn)), limit)
	isRear := p.node("is_rear", "Not", []string{p.isFront("rear_", p.columns("rear_yaw", rear, int64(p.YawColumn)), limit)})
	p.addMasked(isFront, front, isRear, rear)
	return isFront, isRear
}

// addMasked writes pose, the sum of the front where isFront and of the rear where isRear.
func (p *part) addMasked(isFront, front, isRear, rear string) {
	p.write("pose", "Add", []string{p.let(p.inner("front_masked"), isFront, front), p.let(p.inner("rear_masked"), isRear, rear)})
}

func (p *part) gatePublished(front, rear string, limit float64) (string, string) {
	eps := p.scalar("epsilon", 1e-5)
	// side puts s into the yaw's column and x*s/(s+1e-5) into the others. All three columns are computed and the yaw's is replaced by s.
	side := func(prefix, pose, s string) string {
		product := p.node(prefix+"product", "Mul", []string{pose, s})
		quotient := p.node(prefix+"quotient", "Div", []string{product, p.node(prefix+"divisor", "Add", []string{s, eps})})
		isYaw := make([]bool, 3)
		isYaw[p.YawColumn] = true
		return p.node(prefix+"changed", "Where", []string{p.bools(prefix+"is_yaw", isYaw...), s, quotient})
	}
	yaw := int64(p.YawColumn)
	f := side("front_", front, p.clip("front_clipped", p.columns("front_yaw", front, yaw), float32(-limit), float32(limit)))
	shrunk := p.node("rear_shrunk", "Shrink", []string{p.columns("rear_yaw", rear, yaw)}, onnxpb.Float("bias", 0), onnxpb.Float("lambd", float32(limit)))
	p.write("pose", "Add", []string{side("rear_", rear, shrunk), f})
	return "", ""
}
