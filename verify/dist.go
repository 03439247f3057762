package verify

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// DistKind names a distribution of generated elements.
type DistKind string

// The distributions. Which element types each is for stands in docs/inputs.md.
const (
	DistUniform  DistKind = "uniform"  // the default: evenly over the range; bool and string too
	DistNormal   DistKind = "normal"   // bell-shaped, cut off at the ends of the range or of the type
	DistImage    DistKind = "image"    // smooth pictures, as cameras give them, and no white noise
	DistInts     DistKind = "ints"     // integers of the range, in a float type too
	DistOneHot   DistKind = "onehot"   // one 1 along an axis, else 0
	DistZeros    DistKind = "zeros"    // 0, false, the empty string
	DistOnes     DistKind = "ones"     // 1, true
	DistConstant DistKind = "constant" // one number everywhere
)

// Dist is how the elements of a generated input are distributed. The zero Dist is uniform.
type Dist struct {
	// Kind is the distribution; "" is DistUniform.
	Kind DistKind
	// Set tells that the numbers below, of which each kind has its own, are given; without it they follow from the range.
	Set bool
	// Range is that of uniform, ints and image; it counts before GenSpec.Range.
	Range Range
	// Mean and Std are those of normal. Without them: 0 and 1 for floats; the middle and a sixth of the width where there is a range, and for integers.
	Mean, Std float64
	// Value is that of constant, which is never without.
	Value float64
	// Axis is that of onehot, counted from the end where it is negative; without it the last.
	Axis int
}

// GenSpec says how an input is generated. The zero GenSpec is what Generate does without a range.
type GenSpec struct {
	// Range is where elements lie; nil is the distribution's own range, or DefaultRange. It has no meaning for zeros, ones, constant, bool and string. The
	// ends are what onehot takes for 0 and 1.
	Range *Range
	// Dist is how they are distributed.
	Dist Dist
}

// distHint lists the distributions for errors.
const distHint = "there are uniform, normal, normal(MEAN,STD), image, ints, onehot, onehot(AXIS), zeros, ones, constant(V); uniform, ints and image take a range too, as ints(0..9)"

// ParseDist reads a distribution: its name, and in parentheses its numbers: normal(0,1), ints(0..9), uniform(-2..2), image(0..255), onehot(1), constant(0.5).
// Errors are of kind Usage.
func ParseDist(s string) (Dist, error) {
	name, args, has := strings.Cut(strings.TrimSpace(s), "(")
	if has {
		var closed bool
		if args, closed = strings.CutSuffix(args, ")"); !closed {
			return Dist{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("distribution %q: the closing parenthesis is missing", s), Hint: distHint}
		}
	}
	d := Dist{Kind: DistKind(strings.TrimSpace(name)), Set: has}
	var err error
	switch d.Kind {
	case DistUniform, DistInts, DistImage:
		if has {
			d.Range, err = ParseRange(args)
		}
	case DistNormal:
		if has {
			err = d.parseNormal(args)
		}
	case DistOneHot:
		if has {
			d.Axis, err = strconv.Atoi(strings.TrimSpace(args))
		}
	case DistZeros, DistOnes:
		if has {
			err = fmt.Errorf("it takes no numbers")
		}
	case DistConstant:
		if !has {
			err = fmt.Errorf("its number is missing")
		} else {
			d.Value, err = parseFinite(args)
		}
	default:
		return Dist{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no distribution %q", s), Hint: distHint}
	}
	if err != nil {
		return Dist{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("distribution %q", s), Err: err, Hint: distHint}
	}
	return d, nil
}

func (d *Dist) parseNormal(args string) error {
	mean, std, ok := strings.Cut(args, ",")
	if !ok {
		return fmt.Errorf("a mean and a standard deviation are needed")
	}
	var err error
	if d.Mean, err = parseFinite(mean); err != nil {
		return err
	}
	if d.Std, err = parseFinite(std); err == nil && d.Std < 0 {
		err = fmt.Errorf("the standard deviation is negative")
	}
	return err
}

func parseFinite(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !finite(v) {
		return 0, fmt.Errorf("%q is no finite number", s)
	}
	return v, nil
}

// String writes a distribution as ParseDist reads it.
func (d Dist) String() string {
	if d.Kind == "" {
		d.Kind = DistUniform
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	switch {
	case d.Kind == DistConstant:
		return "constant(" + number(d.Value) + ")"
	case !d.Set:
		return string(d.Kind)
	case d.Kind == DistNormal:
		return "normal(" + number(d.Mean) + "," + number(d.Std) + ")"
	case d.Kind == DistOneHot:
		return fmt.Sprintf("onehot(%d)", d.Axis)
	case d.ranged():
		return string(d.Kind) + "(" + d.Range.String() + ")"
	}
	return string(d.Kind)
}

// MarshalText writes a distribution as String does, so that reports show it in one word.
func (d Dist) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it back.
func (d *Dist) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDist(string(text))
	return err
}

// kind returns the distribution, the default resolved.
func (s GenSpec) kind() DistKind {
	if s.Dist.Kind == "" {
		return DistUniform
	}
	return s.Dist.Kind
}

// ranged tells whether the distribution may bring a range of its own.
func (d Dist) ranged() bool {
	return d.Kind == "" || d.Kind == DistUniform || d.Kind == DistInts || d.Kind == DistImage
}

// bounds returns where elements lie, and whether the caller said so.
func (s GenSpec) bounds(t onnxpb.TensorProto_DataType, rank int) (r Range, given bool) {
	if s.Dist.Set && s.Dist.ranged() {
		return s.Dist.Range, true
	}
	if s.Range != nil {
		return *s.Range, true
	}
	switch s.kind() {
	case DistImage:
		return imageRange(t), false
	case DistOneHot:
		return Range{0, 1}, false
	case DistInts:
		switch {
		case t == onnxpb.TensorProto_FLOAT4E2M1: // which has no 5 and ends at 6
			return Range{0, 4}, false
		case !exactType(t):
			return Range{0, 9}, false
		}
	}
	return DefaultRange(t, rank), false
}

// imageRange is where pictures lie if nothing else is said: 0..1 for floats, 0..255 for integers, less where the type ends before.
func imageRange(t onnxpb.TensorProto_DataType) Range {
	if t == onnxpb.TensorProto_FLOAT8E8M0 || !exactType(t) {
		if t == onnxpb.TensorProto_FLOAT8E8M0 { // which has no 0
			return DefaultRange(t, 4)
		}
		return Range{0, 1}
	}
	return Range{0, math.Min(255, typeLimits(t).Hi)}
}

// check tells whether a distribution can make elements of a type.
func (s GenSpec) check(name string, t onnxpb.TensorProto_DataType, dims []int64) error {
	k := s.kind()
	unfit := func(why string) error {
		return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("distribution %s is not for %s%s: %s", s.Dist, onnxpb.TypeName(t), shapeText(dims), why)}
	}
	switch {
	case k == DistUniform:
		return nil
	case t == onnxpb.TensorProto_STRING && k != DistZeros:
		return unfit("strings can be uniform (one of ten words) or zeros (empty)")
	case t == onnxpb.TensorProto_BOOL && (k == DistNormal || k == DistInts || k == DistImage):
		return unfit("booleans can be uniform, onehot, zeros, ones or constant")
	case isComplex(t) && (k == DistImage || k == DistOneHot):
		return unfit("complex numbers can be uniform, normal, ints, zeros, ones or constant")
	case k == DistImage && len(dims) < 2:
		return unfit("a picture has two axes or more")
	case k == DistOneHot:
		if _, ok := s.oneHotAxis(len(dims)); !ok {
			return unfit("there is no such axis")
		}
	}
	return s.checkNumbers(t, len(dims), unfit)
}

// checkNumbers tells whether the type holds the numbers that a distribution asks for.
func (s GenSpec) checkNumbers(t onnxpb.TensorProto_DataType, rank int, unfit func(string) error) error {
	limits := typeLimits(t)
	holds := func(v float64) bool { return v >= limits.Lo && v <= limits.Hi }
	switch k := s.kind(); k {
	case DistZeros, DistOnes, DistConstant:
		if v := s.level(); t != onnxpb.TensorProto_STRING && (!holds(v) || exactType(t) && v != math.Trunc(v)) {
			return unfit(fmt.Sprintf("the type has no %v", v))
		}
	case DistInts, DistOneHot, DistImage:
		r, _ := s.bounds(t, rank)
		if k == DistOneHot && t == onnxpb.TensorProto_BOOL {
			return nil
		}
		if !holds(r.Lo) || !holds(r.Hi) {
			return unfit(fmt.Sprintf("the range %s passes that of the type", r))
		}
	}
	return nil
}

// level is the number of a distribution that has but one.
func (s GenSpec) level() float64 {
	switch s.kind() {
	case DistOnes:
		return 1
	case DistConstant:
		return s.Dist.Value
	}
	return 0
}

func (s GenSpec) oneHotAxis(rank int) (int, bool) {
	axis := -1
	if s.Dist.Set {
		axis = s.Dist.Axis
	}
	if axis < 0 {
		axis += rank
	}
	return axis, axis >= 0 && axis < rank
}

// moments returns the mean and the standard deviation of normal.
func (s GenSpec) moments(t onnxpb.TensorProto_DataType, rank int) (mean, std float64) {
	if s.Dist.Set {
		return s.Dist.Mean, s.Dist.Std
	}
	r, given := s.bounds(t, rank)
	if !given && !exactType(t) && t != onnxpb.TensorProto_FLOAT8E8M0 {
		return 0, 1
	}
	return r.Lo + (r.Hi-r.Lo)/2, (r.Hi - r.Lo) / 6
}

// describe tells how an input is generated, for reports.
func (s GenSpec) describe(t onnxpb.TensorProto_DataType, rank int) string {
	r, given := s.bounds(t, rank)
	switch k := s.kind(); {
	case k == DistZeros, k == DistOnes, k == DistConstant:
		return s.Dist.String()
	case t == onnxpb.TensorProto_STRING:
		return "one of ten words"
	case k == DistOneHot:
		if s.Range != nil && t != onnxpb.TensorProto_BOOL {
			return s.Dist.String() + " " + r.String()
		}
		return s.Dist.String()
	case t == onnxpb.TensorProto_BOOL:
		return "false or true"
	case k == DistNormal:
		mean, std := s.moments(t, rank)
		text := Dist{Kind: DistNormal, Set: true, Mean: mean, Std: std}.String()
		if given {
			text += " within " + r.String()
		}
		return text
	case k == DistImage:
		return "pictures " + r.String()
	case k == DistInts, exactType(t):
		return "integers " + r.String()
	}
	return "uniform " + r.String()
}

func isComplex(t onnxpb.TensorProto_DataType) bool {
	return t == onnxpb.TensorProto_COMPLEX64 || t == onnxpb.TensorProto_COMPLEX128
}
