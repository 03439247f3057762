package verify

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Rule says what it takes for an output to be what the reference computes. Everything that is stated must hold, and nothing else is asked for. Where neither Abs nor Rel nor any other
// condition is stated, the tolerance of the comparison holds, which may follow the element type (see ToleranceFor).
type Rule struct {
	// Output is the output of the reference that the rule is for; "" is every output that has no rule of its own.
	Output string
	// Abs and Rel are the tolerance of each element: |got - want| <= Abs + Rel*|want|. Where one of them is stated, the other is that of the comparison.
	Abs, Rel *float64
	// ULP is how many units in the last place of the element type an element may be off.
	ULP *float64
	// Mean is how large the mean of |got - want| may be, P99 the 99th percentile of |got - want| / |want|.
	Mean, P99 *float64
	// Beyond is the share of elements (0 to 1) that may lie beyond the tolerance.
	Beyond *float64
	// Cosine and SNR (in decibels) are how small these may be.
	Cosine, SNR *float64
	// Angle says that elements are angles in degrees: errors are along the circle, and Abs, 0.001 where it is not stated, is in degrees.
	Angle bool
	// Top gives, for a count k, the share of rows along the last axis (0 to 1) in which the k largest elements must stand in the same places.
	Top map[int]float64
	// Boxes compares a set of boxes, in any order; nil compares by place.
	Boxes *BoxRule
}

// ToleranceFor is the tolerance that is taken for an element type where none is given: DefaultTolerance for float32; a few steps of their own for types of 16 and fewer bits, by whose rounding
// kernels differ; less for float64.
func ToleranceFor(t onnxpb.TensorProto_DataType) Tolerance {
	switch t {
	case onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_COMPLEX128:
		return Tolerance{Abs: 1e-9, Rel: 1e-8}
	case onnxpb.TensorProto_FLOAT16: // 10 bits
		return Tolerance{Abs: 1e-3, Rel: 4e-3}
	case onnxpb.TensorProto_BFLOAT16: // 7 bits
		return Tolerance{Abs: 1e-2, Rel: 3e-2}
	case onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_FLOAT8E4M3FNUZ: // 3 bits
		return Tolerance{Abs: 2e-2, Rel: 0.13}
	case onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ: // 2 bits
		return Tolerance{Abs: 2e-2, Rel: 0.26}
	case onnxpb.TensorProto_FLOAT4E2M1: // 1 bit
		return Tolerance{Abs: 0.5, Rel: 0.5}
	}
	return DefaultTolerance
}

// ruleKeys are what ParseRule knows.
var ruleKeys = []string{"angle", "atol", "beyond", "cosine", "format", "iou", "labels", "mean", "p99", "rtol", "scores", "snr", "top1", "top5", "ulp"}

// ParseRule reads OUTPUT:atol=1e-3,rtol=0 or atol=1e-3 for every output: conditions are atol, rtol, ulp, mean, p99, beyond, cosine, snr, angle (which takes no number), top1 (any count), and iou
// with scores=OUTPUT, labels=OUTPUT and format=xyxy, yxyx or cxcywh. The errors are of kind Usage.
func ParseRule(s string) (Rule, error) {
	r := Rule{}
	text := s
	// Names of outputs may have colons; conditions have none.
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		if r.Output, text = s[:i], s[i+1:]; r.Output == "" {
			return r, onnxpb.Errorf(onnxpb.Usage, "rule %q: the name of the output is missing", s)
		}
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(text, ",") {
		key, value, given := strings.Cut(strings.TrimSpace(part), "=")
		if seen[key] {
			return r, onnxpb.Errorf(onnxpb.Usage, "rule %q: %s is given twice", s, key)
		}
		seen[key] = true
		if err := r.set(key, value, given); err != nil {
			return r, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("rule %q", s), Err: err}
		}
	}
	if b := r.Boxes; b != nil && b.IoU == 0 {
		return r, onnxpb.Errorf(onnxpb.Usage, "rule %q: scores, labels and format belong to iou=SHARE", s)
	}
	return r, nil
}

func (r *Rule) set(key, value string, given bool) error {
	boxes := func() *BoxRule {
		if r.Boxes == nil {
			r.Boxes = &BoxRule{}
		}
		return r.Boxes
	}
	switch key {
	case "angle":
		if r.Angle = true; given {
			return fmt.Errorf("angle takes no number")
		}
		return nil
	case "scores", "labels", "format":
		if value == "" {
			return fmt.Errorf("%s needs a name", key)
		}
		switch key {
		case "scores":
			boxes().Scores = value
		case "labels":
			boxes().Labels = value
		default:
			if boxFormats[value] == nil {
				return fmt.Errorf("the format of boxes is xyxy, yxyx or cxcywh, not %s", value)
			}
			boxes().Format = value
		}
		return nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) {
		if _, known := r.number(key); known {
			return fmt.Errorf("%s needs a number", key)
		}
	}
	share := func() error {
		if n < 0 || n > 1 {
			return fmt.Errorf("%s is a share from 0 to 1, not %s", key, value)
		}
		return nil
	}
	if k, err := strconv.Atoi(strings.TrimPrefix(key, "top")); strings.HasPrefix(key, "top") && err == nil && k > 0 {
		if r.Top == nil {
			r.Top = map[int]float64{}
		}
		r.Top[k] = n
		return share()
	}
	if key == "iou" {
		boxes().IoU = n
		if n == 0 {
			return fmt.Errorf("iou is a share above 0")
		}
		return share()
	}
	field, known := r.number(key)
	if !known || field == nil {
		hint := "the conditions are " + strings.Join(ruleKeys, ", ")
		if near := surgery.Nearest(key, ruleKeys, 1); len(near) > 0 {
			hint = "did you mean " + near[0] + "?"
		}
		return fmt.Errorf("there is no condition %q (%s)", key, hint)
	}
	*field = &n
	switch {
	case key == "beyond":
		return share()
	case key == "cosine":
		if n < -1 || n > 1 {
			return fmt.Errorf("a cosine lies from -1 to 1")
		}
	case key != "snr" && n < 0:
		return fmt.Errorf("%s cannot be negative", key)
	}
	return nil
}

// number returns the field of a condition that is one number.
func (r *Rule) number(key string) (**float64, bool) {
	switch key {
	case "atol":
		return &r.Abs, true
	case "rtol":
		return &r.Rel, true
	case "ulp":
		return &r.ULP, true
	case "mean":
		return &r.Mean, true
	case "p99":
		return &r.P99, true
	case "beyond":
		return &r.Beyond, true
	case "cosine":
		return &r.Cosine, true
	case "snr":
		return &r.SNR, true
	}
	return nil, strings.HasPrefix(key, "top") || key == "iou"
}

// applied is a rule with the numbers that it does not state filled in, for an output of one element type.
type applied struct {
	Rule
	tolerance   Tolerance
	elementwise bool // each element must lie within the tolerance
}

// angleTolerance is the tolerance of angles, in degrees, where none is given.
const angleTolerance = 1e-3

// apply fills in a rule; base is the tolerance of the comparison for the element type.
func (r Rule) apply(base Tolerance) applied {
	a := applied{Rule: r, tolerance: base}
	if r.Angle {
		a.tolerance = Tolerance{Abs: angleTolerance} // relative to an angle means nothing
	}
	if r.Abs != nil {
		a.tolerance.Abs = *r.Abs
	}
	if r.Rel != nil {
		a.tolerance.Rel = *r.Rel
	}
	others := r.ULP != nil || r.Mean != nil || r.P99 != nil || r.Cosine != nil || r.SNR != nil || len(r.Top) > 0 || r.Boxes != nil
	a.elementwise = r.Abs != nil || r.Rel != nil || r.Beyond != nil || !others
	return a
}

// measure is how elements are compared: integers too by a tolerance that is stated for their own output.
func (a applied) measure() measure {
	return measure{Tolerance: a.tolerance, circle: a.Angle, ints: a.Output != "" && (a.Abs != nil || a.Rel != nil)}
}

// exact is the rule for an output whose elements are no floats. One for all outputs is not about them: they have to be equal.
func (a applied) exact() applied {
	if a.Output == "" {
		return Rule{}.apply(Tolerance{})
	}
	return a
}

// failed lists the conditions that do not hold, of those that are about all elements.
func (a applied) failed(m *Metrics) []string {
	var list []string
	fail := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if m.NotFinite > 0 && a.Beyond == nil && !a.elementwise {
		fail("%d of %d elements are NaN or infinite in one of the two only", m.NotFinite, m.Elements)
	}
	if a.elementwise {
		allowed := 0.0
		if a.Beyond != nil {
			allowed = *a.Beyond * float64(m.Elements)
		}
		if float64(m.Beyond) > allowed {
			fail("%d of %d elements beyond the tolerance", m.Beyond, m.Elements)
		}
	}
	atMost := func(limit *float64, got Number, what string) {
		if limit != nil && !(float64(got) <= *limit) {
			fail("%s is %s, above %s", what, short(got), short(Number(*limit)))
		}
	}
	atLeast := func(limit *float64, got Number, what string) {
		if limit != nil && !(float64(got) >= *limit) {
			fail("%s is %s, below %s", what, precise(got), short(Number(*limit)))
		}
	}
	atMost(a.ULP, m.MaxULP, "the largest error in units of the last place")
	atMost(a.Mean, m.MeanAbs, "the mean error")
	atMost(a.P99, m.P99Rel, "the 99th percentile of the relative errors")
	atLeast(a.Cosine, m.Cosine, "the cosine")
	atLeast(a.SNR, m.SNR, "the signal-to-noise ratio in dB")
	for _, k := range sortedTop(a.Top) {
		got, ok := m.Top[k]
		if !ok {
			fail("top %d cannot be told of this output: it has no rows of floats or integers", k)
		} else if float64(got) < a.Top[k] {
			fail("the %d largest agree in %s of the rows, below %s", k, precise(got), short(Number(a.Top[k])))
		}
	}
	return list
}

func sortedTop(top map[int]float64) []int {
	list := make([]int, 0, len(top))
	for k := range top {
		list = append(list, k)
	}
	sort.Ints(list)
	return list
}

// precise writes a number so that what is below a limit does not look like it.
func precise(n Number) string { return strconv.FormatFloat(float64(n), 'g', 8, 64) }

// String writes a rule as ParseRule reads it, without the output: what is asked for.
func (a applied) String() string {
	var parts []string
	add := func(key string, v float64) { parts = append(parts, key+"="+strconv.FormatFloat(v, 'g', -1, 64)) }
	if a.Angle {
		parts = append(parts, "angle")
	}
	if a.elementwise {
		add("atol", a.tolerance.Abs)
		add("rtol", a.tolerance.Rel)
	}
	for _, f := range []struct {
		key string
		v   *float64
	}{{"beyond", a.Beyond}, {"ulp", a.ULP}, {"mean", a.Mean}, {"p99", a.P99}, {"cosine", a.Cosine}, {"snr", a.SNR}} {
		if f.v != nil {
			add(f.key, *f.v)
		}
	}
	for _, k := range sortedTop(a.Top) {
		add(fmt.Sprintf("top%d", k), a.Top[k])
	}
	if b := a.Boxes; b != nil {
		parts = append(parts, b.String())
	}
	return strings.Join(parts, ",")
}
