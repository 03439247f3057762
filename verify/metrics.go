package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"

	"onnxtool/onnxpb"
)

// Tolerance says how far an element may lie from the reference: |got - want| <= Abs + Rel*|want|. The zero Tolerance asks for equality. It is
// about floats and complex numbers; integers, booleans and strings must be equal whatever it says.
type Tolerance struct {
	Abs float64 `json:"atol"`
	Rel float64 `json:"rtol"`
}

// DefaultTolerance is what the command line takes where no tolerance is given.
var DefaultTolerance = Tolerance{Abs: 1e-5, Rel: 1e-4}

// Number is a float64 that JSON can hold: what is no finite number is written as the strings "NaN", "Inf" and "-Inf".
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Inf"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Inf"`), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"NaN"`:
		*n = Number(math.NaN())
	case `"Inf"`:
		*n = Number(math.Inf(1))
	case `"-Inf"`:
		*n = Number(math.Inf(-1))
	default:
		var f float64
		if err := json.Unmarshal(data, &f); err != nil {
			return err
		}
		*n = Number(f)
	}
	return nil
}

// Metrics say how far a tensor lies from a reference. All sums are accumulated in float64.
type Metrics struct {
	// Elements is the number of elements; Beyond how many of them lie beyond the tolerance.
	Elements int64 `json:"elements"`
	Beyond   int64 `json:"beyond"`
	// NotFinite counts the elements of floats that are NaN or infinite in one of the two, and something else in the other. Where there are any, MaxRel is infinite and SNR -Inf, and no rule holds but
	// one that allows a share of elements beyond.
	NotFinite int64 `json:"not_finite"`
	// MaxAbs and MeanAbs are the largest and the mean |got - want|. NaN in the same place and infinities of the same sign differ by 0; a NaN or an
	// infinity against anything else is an infinite error. Of booleans, an element that differs counts as 1, and so it does of strings.
	MaxAbs  Number `json:"max_abs"`
	MeanAbs Number `json:"mean_abs"`
	// MaxRel is the largest |got - want| / |want|, where want is neither 0 nor infinite nor NaN.
	MaxRel Number `json:"max_rel"`
	// Cosine is the cosine between the two tensors as vectors, over the elements where both are finite: 1 where both vectors are 0 or there are no
	// elements, 0 where one of them is 0. Of strings it is the share of elements that are equal.
	Cosine Number `json:"cosine"`
	// SNR is the signal-to-noise ratio in decibels, 10*log10(sum of want^2 / sum of (got-want)^2), over the elements where both are finite: Inf where none differs, -Inf where only want is 0.
	SNR Number `json:"snr"`
	// P50Rel and P99Rel are percentiles of |got - want| / |want|, P99Abs of |got - want|, told to 3.2 %, rounded up.
	P50Rel Number `json:"p50_rel"`
	P99Rel Number `json:"p99_rel"`
	P99Abs Number `json:"p99_abs"`
	// MaxULP is the largest error in units of the last place: how many numbers of the element type lie between want and got. It is 0 for types that are no floats.
	MaxULP Number `json:"max_ulp"`
	// NeedsAbs is the smallest atol that would pass at the rtol that was asked for, NeedsRel the smallest rtol at the atol: 0 where it passes without; Inf where none would.
	NeedsAbs Number `json:"needs_atol"`
	NeedsRel Number `json:"needs_rtol"`
	// Top tells, for each count k that a rule asks for, in which share of the rows the k largest elements stand in the same places.
	Top map[int]Number `json:"top,omitempty"`
	// IoU is the smallest overlap of a pair of boxes; nil where no rule asks for boxes. Elements then counts boxes, and Beyond those without a partner.
	IoU *Number `json:"iou,omitempty"`
	// Worst is the first element with the largest error (of those beyond the tolerance, where there are any), -1 where no element differs.
	Worst int64 `json:"worst"`
	// Want and Got are that element, written out.
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`

	abs, rel sketch  // of the errors
	sumAbs   float64 // of the errors
	cos      cosine
	noise    power
}

// Equal tells whether every element lies within the tolerance.
func (m Metrics) Equal() bool { return m.Beyond == 0 }

// Compare measures how far got lies from want, which must have the same element type and dimensions (kind Unfit otherwise; see CompareValues for
// a comparison that takes any two values). It reads each tensor a fixed number of times and needs memory in proportion to them.
func Compare(want, got *onnxpb.Array, t Tolerance) (Metrics, error) {
	return compareBy(want, got, measure{Tolerance: t})
}

// measure says how elements are compared.
type measure struct {
	Tolerance
	circle bool // along the circle, in degrees
	ints   bool // integers, too, may be off by the tolerance
}

func compareBy(want, got *onnxpb.Array, t measure) (Metrics, error) {
	if want.Type != got.Type {
		return Metrics{}, onnxpb.Errorf(onnxpb.Unfit, "the element type is %s, the reference's %s", onnxpb.TypeName(got.Type), onnxpb.TypeName(want.Type))
	}
	if !equalDims(want.Dims, got.Dims) {
		return Metrics{}, onnxpb.Errorf(onnxpb.Unfit, "the shape is %s, the reference's %s", shapeText(got.Dims), shapeText(want.Dims))
	}
	for _, a := range []*onnxpb.Array{want, got} {
		if n, err := onnxpb.Count(a.Dims); err != nil || n != int64(a.Len()) {
			return Metrics{}, onnxpb.Errorf(onnxpb.Unfit, "a tensor of shape %s holds %d elements", shapeText(a.Dims), a.Len())
		}
	}
	switch w := want.Data.(type) {
	case []string:
		return compareStrings(w, got.Data.([]string)), nil
	case []bool:
		return compareBools(w, got.Data.([]bool)), nil
	case []complex64:
		g := got.Data.([]complex64)
		return compareComplex(len(w), func(i int) complex128 { return complex128(w[i]) }, func(i int) complex128 { return complex128(g[i]) }, t.Tolerance), nil
	case []complex128:
		g := got.Data.([]complex128)
		return compareComplex(len(w), func(i int) complex128 { return w[i] }, func(i int) complex128 { return g[i] }, t.Tolerance), nil
	case []float32: // without a copy: most tensors are of this type
		g := got.Data.([]float32)
		return compareFloat32(w, g, ulps(want, got), t), nil
	case []int64:
		return compareInts(w, got.Data.([]int64), t), nil
	case []uint64:
		return compareInts(w, got.Data.([]uint64), t), nil
	}
	if exactType(want.Type) {
		w, err := want.Int64s()
		if err != nil {
			return Metrics{}, err
		}
		g, err := got.Int64s()
		if err != nil {
			return Metrics{}, err
		}
		return compareInts(w, g, t), nil
	}
	w, err := want.Float64s()
	if err != nil {
		return Metrics{}, err
	}
	g, err := got.Float64s()
	if err != nil {
		return Metrics{}, err
	}
	return compareFloats(len(w), func(i int) float64 { return w[i] }, func(i int) float64 { return g[i] }, ulps(want, got), t), nil
}

// exactType tells whether elements of a type must be equal whatever the tolerance.
func exactType(t onnxpb.TensorProto_DataType) bool {
	switch t {
	case onnxpb.TensorProto_INT2, onnxpb.TensorProto_INT4, onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT64,
		onnxpb.TensorProto_UINT2, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT32, onnxpb.TensorProto_UINT64,
		onnxpb.TensorProto_BOOL, onnxpb.TensorProto_STRING:
		return true
	}
	return false
}

// tally gathers the metrics of the elements of one tensor.
type tally struct {
	m        Metrics
	tol      Tolerance
	worst    float64
	worstBad bool
	abs, rel counter
}

// plainSums are sums of squares of types whose squares float64 holds, all but float64 itself: they need no units.
type plainSums struct{ dot, want, got, noise float64 }

// put hands the sums over to the metrics.
func (s plainSums) put(m *Metrics) {
	unit := func(sum float64) float64 {
		if sum == 0 {
			return 0
		}
		return 1
	}
	m.cos.merge(cosine{dot: s.dot, wSum: s.want, gSum: s.got, wScale: unit(s.want), gScale: unit(s.got)})
	m.noise.merge(power{signal: s.want, noise: s.noise, signalScale: unit(s.want), noiseScale: unit(s.noise)})
}

func newTally(n int) tally {
	return tally{m: Metrics{Elements: int64(n), Worst: -1}, abs: counter{many: n > manyElements}, rel: counter{many: n > manyElements}}
}

// add takes the error of element i: diff is |got - want| (Inf where it has no bound), and size is |want|.
func (t *tally) add(i int, diff, size float64, beyond bool) {
	if beyond {
		t.m.Beyond++
	}
	t.abs.add(diff)
	if size > 0 && !math.IsInf(size, 1) {
		t.rel.add(diff / size)
		t.m.MaxRel = max(t.m.MaxRel, Number(diff/size))
	} else if diff > 0 {
		t.rel.add(math.Inf(1)) // any error of what is to be 0
	}
	if diff == 0 {
		return
	}
	t.m.sumAbs += diff
	t.m.MaxAbs = max(t.m.MaxAbs, Number(diff))
	if need := diff - t.tol.Rel*size; need > float64(t.m.NeedsAbs) {
		t.m.NeedsAbs = Number(enough(need, func(abs float64) bool { return diff <= abs+t.tol.Rel*size }))
	}
	if need := (diff - t.tol.Abs) / size; diff > t.tol.Abs && need > float64(t.m.NeedsRel) { // Inf where size is 0
		t.m.NeedsRel = Number(enough(need, func(rel float64) bool { return diff <= t.tol.Abs+rel*size }))
	}
	if t.m.Worst < 0 || beyond && !t.worstBad || beyond == t.worstBad && diff > t.worst {
		t.m.Worst, t.worst, t.worstBad = int64(i), diff, beyond
	}
}

// enough is a tolerance, or as little more as rounding takes.
func enough(tolerance float64, passes func(float64) bool) float64 {
	for range 4 {
		if passes(tolerance) {
			break
		}
		tolerance = math.Nextafter(tolerance, math.Inf(1))
	}
	return tolerance
}

// circleDistance is the distance of two angles along the circle, in degrees: 0 to 180.
func circleDistance(a, b float64) float64 { return math.Abs(math.Remainder(a-b, 360)) }

func (t *tally) metrics(want, got func(i int) string) Metrics {
	t.m.abs, t.m.rel = t.abs.sketch(), t.rel.sketch()
	t.m.finish()
	if t.m.Worst >= 0 {
		t.m.Want, t.m.Got = want(int(t.m.Worst)), got(int(t.m.Worst))
	}
	return t.m
}

// finish computes what follows from the sums.
func (m *Metrics) finish() {
	if m.Elements > 0 {
		m.MeanAbs = Number(m.sumAbs / float64(m.Elements))
	}
	m.Cosine, m.SNR = Number(m.cos.value()), Number(m.noise.decibels())
	if m.NotFinite > 0 {
		m.MaxRel, m.SNR = Number(math.Inf(1)), Number(math.Inf(-1))
	}
	m.P50Rel, m.P99Rel, m.P99Abs = Number(m.rel.percentile(50)), Number(m.rel.percentile(99)), Number(m.abs.percentile(99))
}

func compareFloats(n int, want, got func(int) float64, ulp func(int) float64, tol measure) Metrics {
	t := newTally(n)
	t.tol = tol.Tolerance
	for i := 0; i < n; i++ {
		w, g := want(i), got(i)
		diff, both := t.float(i, w, g, ulp, tol)
		if both {
			t.m.cos.add(w, g)
			t.m.noise.add(w, diff)
		}
	}
	return t.metrics(func(i int) string { return fmt.Sprint(want(i)) }, func(i int) string { return fmt.Sprint(got(i)) })
}

// float adds the error of element i; both tells whether the two are finite.
func (t *tally) float(i int, w, g float64, ulp func(int) float64, tol measure) (diff float64, both bool) {
	if finite(w) && finite(g) {
		// The difference of two finite numbers may still pass the range.
		diff = math.Abs(g - w)
		if tol.circle {
			diff = circleDistance(g, w)
		}
		t.add(i, diff, math.Abs(w), !(diff <= tol.Abs+tol.Rel*math.Abs(w)))
		if diff != 0 {
			t.m.MaxULP = max(t.m.MaxULP, Number(ulp(i)))
		}
		return diff, true
	}
	if w == g || math.IsNaN(w) && math.IsNaN(g) {
		t.add(i, 0, math.Inf(1), false)
		return 0, false
	}
	t.add(i, math.Inf(1), 0, true)
	t.m.NotFinite++
	t.m.MaxULP = Number(math.Inf(1))
	return math.Inf(1), false
}

// compareFloat32 is compareFloats for the type that most tensors have, without a call for each element that is equal.
func compareFloat32(want, got []float32, ulp func(int) float64, tol measure) Metrics {
	t := newTally(len(want))
	t.tol = tol.Tolerance
	var s plainSums
	equal, zeros := int64(0), int64(0) // of those that are finite
	for i, a := range want {
		b := got[i]
		w, g := float64(a), float64(b)
		if a == b && a-a == 0 {
			if equal++; a == 0 {
				zeros++
			}
			square := w * w
			s.dot, s.want, s.got = s.dot+square, s.want+square, s.got+square
			continue
		}
		if diff, both := t.float(i, w, g, ulp, tol); both {
			s.dot, s.want, s.got, s.noise = s.dot+w*g, s.want+w*w, s.got+g*g, s.noise+diff*diff
		}
	}
	t.abs.s.zeros += equal
	t.rel.s.zeros += equal - zeros
	s.put(&t.m)
	return t.metrics(func(i int) string { return fmt.Sprint(float64(want[i])) }, func(i int) string { return fmt.Sprint(float64(got[i])) })
}

func compareComplex(n int, want, got func(int) complex128, tol Tolerance) Metrics {
	t := newTally(n)
	t.tol = tol
	for i := 0; i < n; i++ {
		w, g := want(i), got(i)
		if finite(real(w)) && finite(imag(w)) && finite(real(g)) && finite(imag(g)) {
			t.m.cos.add(real(w), real(g))
			t.m.cos.add(imag(w), imag(g))
			diff := cmplx.Abs(g - w)
			t.m.noise.add(cmplx.Abs(w), diff)
			t.add(i, diff, cmplx.Abs(w), !(diff <= tol.Abs+tol.Rel*cmplx.Abs(w)))
			continue
		}
		if sameFloat(real(w), real(g)) && sameFloat(imag(w), imag(g)) {
			t.add(i, 0, math.Inf(1), false)
			continue
		}
		t.add(i, math.Inf(1), 0, true)
		t.m.NotFinite++
	}
	return t.metrics(func(i int) string { return fmt.Sprint(want(i)) }, func(i int) string { return fmt.Sprint(got(i)) })
}

func compareInts[T int64 | uint64](want, got []T, tol measure) Metrics {
	t := newTally(len(want))
	if tol.ints {
		t.tol = tol.Tolerance
	}
	for i, w := range want {
		g := got[i]
		t.m.cos.add(float64(w), float64(g))
		// The difference of two integers of 64 bits fits 64 bits without a sign.
		diff := uint64(max(w, g)) - uint64(min(w, g))
		t.m.noise.add(float64(w), float64(diff))
		size := math.Abs(float64(w))
		t.add(i, float64(diff), size, diff != 0 && !(float64(diff) <= t.tol.Abs+t.tol.Rel*size))
	}
	return t.metrics(func(i int) string { return fmt.Sprint(want[i]) }, func(i int) string { return fmt.Sprint(got[i]) })
}

func compareBools(want, got []bool) Metrics {
	number := map[bool]float64{true: 1}
	t := newTally(len(want))
	for i, w := range want {
		g := got[i]
		t.m.cos.add(number[w], number[g])
		t.m.noise.add(number[w], math.Abs(number[w]-number[g]))
		t.add(i, math.Abs(number[w]-number[g]), number[w], w != g)
	}
	return t.metrics(func(i int) string { return fmt.Sprint(want[i]) }, func(i int) string { return fmt.Sprint(got[i]) })
}

func compareStrings(want, got []string) Metrics {
	t := newTally(len(want))
	for i, w := range want {
		diff := 0.0
		if w != got[i] {
			diff = 1
		}
		t.m.noise.add(1, diff)
		t.add(i, diff, 0, diff != 0)
	}
	m := t.metrics(func(i int) string { return fmt.Sprintf("%q", want[i]) }, func(i int) string { return fmt.Sprintf("%q", got[i]) })
	m.Cosine = 1
	if m.Elements > 0 {
		m.Cosine = Number(float64(m.Elements-m.Beyond) / float64(m.Elements))
	}
	return m
}

// cosine accumulates the cosine between two vectors. Each vector is measured in units of its own, a power of two not below its largest element
// so far, so that no square passes the range or vanishes.
type cosine struct {
	dot            float64 // in units of both
	wSum, gSum     float64 // squares
	wScale, gScale float64 // units; 0 while all elements are 0
}

func (c *cosine) add(w, g float64) {
	w, rescaledW := toUnit(w, &c.wScale)
	g, rescaledG := toUnit(g, &c.gScale)
	c.wSum = c.wSum*rescaledW*rescaledW + w*w
	c.gSum = c.gSum*rescaledG*rescaledG + g*g
	c.dot = c.dot*rescaledW*rescaledG + w*g
}

// toUnit returns v in the unit, which grows to hold it, and the factor by which what was measured before shrinks.
func toUnit(v float64, unit *float64) (scaled, shrink float64) {
	if v == 0 {
		return 0, 1
	}
	shrink = 1
	if a := math.Abs(v); a > *unit {
		_, e := math.Frexp(a)
		e = min(e, 1023) // 2^1024 passes the range; 2^1023 serves as well
		u := math.Ldexp(1, e)
		shrink = *unit / u
		*unit = u
	}
	return v / *unit, shrink
}

func (c *cosine) value() float64 {
	switch {
	case c.wSum == 0 && c.gSum == 0:
		return 1
	case c.wSum == 0 || c.gSum == 0:
		return 0
	}
	// The root of the product, not the product of the roots: of a vector with itself it is 1 exactly. Rounding may carry the quotient past 1.
	return max(-1, min(1, c.dot/math.Sqrt(c.wSum*c.gSum)))
}

// power adds up squares of what was to be and of what is off, each in a unit of its own as cosine does.
type power struct {
	signal, noise           float64
	signalScale, noiseScale float64
}

func (p *power) add(want, diff float64) {
	w, shrink := toUnit(want, &p.signalScale)
	p.signal = p.signal*shrink*shrink + w*w
	d, shrink := toUnit(diff, &p.noiseScale)
	p.noise = p.noise*shrink*shrink + d*d
}

// decibels is 10*log10 of the quotient.
func (p *power) decibels() float64 {
	switch {
	case p.noise == 0:
		return math.Inf(1)
	case p.signal == 0:
		return math.Inf(-1)
	}
	// The units are powers of two, of which math.Log2 is exact, below the normal range too.
	return 10*math.Log10(p.signal/p.noise) + 20*math.Log10(2)*(math.Log2(p.signalScale)-math.Log2(p.noiseScale))
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// sameFloat tells whether two floats are the same number (0 and -0 are) or both NaN.
func sameFloat(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func equalDims(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// shapeText writes dimensions as the command line does: [2,3,224,224].
func shapeText(dims []int64) string { return onnxpb.FormatShape(onnxpb.Numbers(dims...)) }
