package onnxpb

import "math"

// floatFormat describes a binary floating-point format of at most 16 bits. A finite value is (-1)^s · 2^(e-bias) · (1 + m/2^mant), and
// (-1)^s · 2^(1-bias) · m/2^mant where e is 0 (subnormal).
type floatFormat struct {
	exp, mant int // bits of exponent and mantissa; one bit above them is the sign
	bias      int
	kind      floatKind
}

// floatKind says what the bit patterns at the edge of a format mean, and what becomes of values that pass its range.
type floatKind int

const (
	// ieee: the highest exponent holds infinities and NaNs; values past the range become infinite (float16, bfloat16).
	ieee floatKind = iota
	// ieeeSat: as ieee, but values past the range, infinities too, become the largest number, as Cast's saturate=1 says (float8e5m2).
	ieeeSat
	// finite: no infinities, all ones is NaN; values past the range become the largest number (float8e4m3fn).
	finite
	// finiteUnsignedZero: no infinities, no negative zero: its pattern is NaN; values past the range become the largest number (fnuz). So do
	// infinities, as ONNX's recorded tests and ONNX Runtime have it; a table in ONNX's text says NaN for these.
	finiteUnsignedZero
	// finiteOnly: neither infinities nor NaN (float4e2m1).
	finiteOnly
)

// floatFormats are the formats of the small float types: IEEE 754 binary16; the upper half of binary32; and "FP8 Formats for Deep Learning"
// (arXiv 2209.05433), "8-bit Numerical Formats for Deep Neural Networks" (arXiv 2206.02915: fnuz), OCP Microscaling Formats 1.0 (float4e2m1).
var floatFormats = map[TensorProto_DataType]floatFormat{
	TensorProto_FLOAT16:        {5, 10, 15, ieee},
	TensorProto_BFLOAT16:       {8, 7, 127, ieee},
	TensorProto_FLOAT8E4M3FN:   {4, 3, 7, finite},
	TensorProto_FLOAT8E4M3FNUZ: {4, 3, 8, finiteUnsignedZero},
	TensorProto_FLOAT8E5M2:     {5, 2, 15, ieeeSat},
	TensorProto_FLOAT8E5M2FNUZ: {5, 2, 16, finiteUnsignedZero},
	TensorProto_FLOAT4E2M1:     {2, 1, 1, finiteOnly},
}

func (f floatFormat) sign() uint16 { return 1 << (f.exp + f.mant) }

// inf returns the pattern of infinity of the formats that have one.
func (f floatFormat) inf() uint16 { return (1<<f.exp - 1) << f.mant }

// largest returns the pattern of the largest number.
func (f floatFormat) largest() uint16 {
	switch f.kind {
	case ieee, ieeeSat:
		return f.inf() - 1
	case finite:
		return f.sign() - 2
	}
	return f.sign() - 1
}

// nan returns the pattern of the quiet NaN that conversions give.
func (f floatFormat) nan() uint16 {
	switch f.kind {
	case ieee, ieeeSat:
		return f.inf() | 1<<(f.mant-1)
	case finite:
		return f.sign() - 1
	case finiteUnsignedZero:
		return f.sign()
	}
	return f.largest() // float4e2m1 has no NaN: Cast gives the largest number
}

// value returns the number that a pattern stands for, which a float64 holds exactly.
func (f floatFormat) value(bits uint16) float64 {
	sign := 1.0
	if bits&f.sign() != 0 {
		sign = -1
	}
	magnitude := bits &^ f.sign()
	switch f.kind {
	case ieee, ieeeSat:
		if magnitude == f.inf() {
			return math.Inf(int(sign))
		}
		if magnitude > f.inf() {
			return math.NaN()
		}
	case finite:
		if magnitude > f.largest() {
			return math.NaN()
		}
	case finiteUnsignedZero:
		if bits == f.sign() {
			return math.NaN()
		}
	}
	e, m := int(magnitude>>f.mant), float64(magnitude&(1<<f.mant-1))
	if e == 0 {
		return math.Copysign(math.Ldexp(m, 1-f.bias-f.mant), sign)
	}
	return sign * math.Ldexp(m+float64(int(1)<<f.mant), e-f.bias-f.mant)
}

// bits returns the pattern whose number is nearest to v, ties to the even one.
func (f floatFormat) bits(v float64) uint16 {
	if math.IsNaN(v) {
		return f.nan()
	}
	sign := uint16(0)
	if math.Signbit(v) {
		sign = f.sign()
	}
	v = math.Abs(v)
	if v == 0 && f.kind != finiteUnsignedZero {
		return sign
	}
	if v == 0 {
		return 0
	}
	if math.IsInf(v, 0) {
		if f.kind == ieee {
			return sign | f.inf()
		}
		return sign | f.largest()
	}
	// The unit in the last place at v: 2^(e-mant) with e the exponent of v, not under that of the subnormals. Dividing by a power of two is exact
	// here, and the integer that is left carries over from one exponent to the next as the patterns do.
	_, e := math.Frexp(v)
	e = max(e-1, 1-f.bias)
	n := math.RoundToEven(math.Ldexp(v, f.mant-e))
	pattern := n + float64(int64(e-1+f.bias)<<f.mant)
	over := pattern > float64(f.largest())
	switch {
	case over && f.kind == ieee:
		return sign | f.inf()
	case over:
		return sign | f.largest()
	case pattern == 0 && f.kind == finiteUnsignedZero:
		return 0
	}
	return sign | uint16(pattern)
}

// e8m0Value returns the number of a float8e8m0: 2^(bits-127), and NaN for 255. It has neither zero nor sign.
func e8m0Value(bits uint8) float64 {
	if bits == 0xff {
		return math.NaN()
	}
	return math.Ldexp(1, int(bits)-127)
}

// e8m0Bits returns the float8e8m0 nearest to v, as Cast does with round_mode "nearest": a tie, halfway between two powers of two, goes up. What is
// under the range, zero and negative numbers too, becomes the smallest number, what is over it the largest.
func e8m0Bits(v float64) uint8 {
	switch {
	case math.IsNaN(v):
		return 0xff
	case math.IsInf(v, 1):
		return 0xfe
	case v <= 0:
		return 0
	}
	m, e := math.Frexp(v) // v = m · 2^e, m in [0.5, 1)
	e += 126
	if m >= 0.75 {
		e++
	}
	return uint8(min(max(e, 0), 0xfe))
}
