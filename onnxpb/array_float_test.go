package onnxpb

import (
	"math"
	"math/big"
	"sort"
	"testing"
)

// smallFloats tells of each small float type what its definition says: the bits of exponent and mantissa, the bias, and numbers from the published
// tables to hold the formula to.
var smallFloats = []struct {
	t              TensorProto_DataType
	exp, mant      int
	bias           int
	nan            func(b uint16) bool
	inf            func(b uint16) bool
	max, min       float64 // the largest and the smallest positive number
	anchors        map[uint16]float64
	overflow, atIn float64 // what a value past the range and what infinity become; NaN for NaN
}{
	{t: TensorProto_FLOAT16, exp: 5, mant: 10, bias: 15, max: 65504, min: 0x1p-24,
		nan:     func(b uint16) bool { return b&0x7fff > 0x7c00 },
		inf:     func(b uint16) bool { return b&0x7fff == 0x7c00 },
		anchors: map[uint16]float64{0x3c00: 1, 0x3555: 0.333251953125, 0xc000: -2, 0x0400: 0x1p-14}, overflow: math.Inf(1), atIn: math.Inf(1)},
	{t: TensorProto_BFLOAT16, exp: 8, mant: 7, bias: 127, max: 3.3895313892515355e38, min: 0x1p-133,
		nan:     func(b uint16) bool { return b&0x7fff > 0x7f80 },
		inf:     func(b uint16) bool { return b&0x7fff == 0x7f80 },
		anchors: map[uint16]float64{0x3f80: 1, 0x4049: 3.140625, 0xc000: -2}, overflow: math.Inf(1), atIn: math.Inf(1)},
	{t: TensorProto_FLOAT8E4M3FN, exp: 4, mant: 3, bias: 7, max: 448, min: 0x1p-9,
		nan:     func(b uint16) bool { return b&0x7f == 0x7f },
		inf:     func(uint16) bool { return false },
		anchors: map[uint16]float64{0x38: 1, 0x7e: 448, 0xfe: -448, 0x08: 0x1p-6}, overflow: 448, atIn: 448},
	{t: TensorProto_FLOAT8E4M3FNUZ, exp: 4, mant: 3, bias: 8, max: 240, min: 0x1p-10,
		nan:     func(b uint16) bool { return b == 0x80 },
		inf:     func(uint16) bool { return false },
		anchors: map[uint16]float64{0x40: 1, 0x7f: 240, 0xff: -240}, overflow: 240, atIn: 240},
	{t: TensorProto_FLOAT8E5M2, exp: 5, mant: 2, bias: 15, max: 57344, min: 0x1p-16,
		nan:     func(b uint16) bool { return b&0x7f > 0x7c },
		inf:     func(b uint16) bool { return b&0x7f == 0x7c },
		anchors: map[uint16]float64{0x3c: 1, 0x7b: 57344, 0xfb: -57344}, overflow: 57344, atIn: 57344},
	{t: TensorProto_FLOAT8E5M2FNUZ, exp: 5, mant: 2, bias: 16, max: 57344, min: 0x1p-17,
		nan:     func(b uint16) bool { return b == 0x80 },
		inf:     func(uint16) bool { return false },
		anchors: map[uint16]float64{0x40: 1, 0x7f: 57344}, overflow: 57344, atIn: 57344},
	{t: TensorProto_FLOAT4E2M1, exp: 2, mant: 1, bias: 1, max: 6, min: 0.5,
		nan:     func(uint16) bool { return false },
		inf:     func(uint16) bool { return false },
		anchors: map[uint16]float64{0: 0, 1: 0.5, 2: 1, 3: 1.5, 4: 2, 5: 3, 6: 4, 7: 6, 15: -6}, overflow: 6, atIn: 6},
}

// exact evaluates the definition with integers of any size: mantissa times a power of two, as a fraction.
func exact(b uint16, exp, mant, bias int) float64 {
	e := int(b >> mant & (1<<exp - 1))
	m := int64(b & (1<<mant - 1))
	if e > 0 {
		m += 1 << mant
	} else {
		e = 1
	}
	r := new(big.Rat).SetInt64(m)
	two := func(n int) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(n))) }
	if p := e - bias - mant; p >= 0 {
		r.Mul(r, two(p))
	} else {
		r.Quo(r, two(-p))
	}
	v, _ := r.Float64()
	if b>>(exp+mant)&1 == 1 {
		return -v
	}
	return v
}

// decodeBits reads patterns of a small float through the exported functions.
func decodeBits(t *testing.T, et TensorProto_DataType, bits []uint16) []float64 {
	t.Helper()
	a := NewArray(et, []int64{int64(len(bits))})
	for i, b := range bits {
		switch d := a.Data.(type) {
		case []uint8:
			d[i] = uint8(b)
		case []uint16:
			d[i] = b
		}
	}
	v, err := a.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func encodeBits(t *testing.T, et TensorProto_DataType, v []float64) []uint16 {
	t.Helper()
	a, err := ArrayFromFloat64s(et, []int64{int64(len(v))}, v)
	if err != nil {
		t.Fatal(err)
	}
	bits := make([]uint16, len(v))
	for i := range bits {
		switch d := a.Data.(type) {
		case []uint8:
			bits[i] = uint16(d[i])
		case []uint16:
			bits[i] = d[i]
		}
	}
	return bits
}

func TestSmallFloatsMeanWhatTheirDefinitionSays(t *testing.T) {
	for _, f := range smallFloats {
		t.Run(TypeName(f.t), func(t *testing.T) {
			all := make([]uint16, 1<<(1+f.exp+f.mant))
			for i := range all {
				all[i] = uint16(i)
			}
			got := decodeBits(t, f.t, all)
			largest, smallest := 0.0, math.Inf(1)
			for i, b := range all {
				sign := b >> (f.exp + f.mant)
				switch {
				case f.nan(b):
					if !math.IsNaN(got[i]) {
						t.Fatalf("%#x: %v, want NaN", b, got[i])
					}
					continue
				case f.inf(b):
					if !math.IsInf(got[i], 1-2*int(sign)) {
						t.Fatalf("%#x: %v, want infinity", b, got[i])
					}
					continue
				}
				if want := exact(b, f.exp, f.mant, f.bias); got[i] != want {
					t.Fatalf("%#x: %v, want %v", b, got[i], want)
				}
				if math.Signbit(got[i]) != (sign == 1) {
					t.Fatalf("%#x: the sign of %v", b, got[i])
				}
				largest = max(largest, got[i])
				if got[i] > 0 {
					smallest = min(smallest, got[i])
				}
			}
			if largest != f.max || smallest != f.min {
				t.Errorf("from %v to %v, want %v to %v", smallest, largest, f.min, f.max)
			}
			for b, want := range f.anchors {
				if got[b] != want {
					t.Errorf("%#x: %v, want %v", b, got[b], want)
				}
			}
		})
	}
}

// TestRoundingToSmallFloats holds conversion to the order of the numbers alone: each number is itself; between two neighbours the nearer one is taken, and
// halfway the one whose pattern is even.
func TestRoundingToSmallFloats(t *testing.T) {
	for _, f := range smallFloats {
		t.Run(TypeName(f.t), func(t *testing.T) {
			type number struct {
				v    float64
				bits uint16
			}
			var nums []number // positive ones and zero, in order
			for b := uint16(0); b < 1<<(f.exp+f.mant); b++ {
				if !f.nan(b) && !f.inf(b) {
					nums = append(nums, number{exact(b, f.exp, f.mant, f.bias), b})
				}
			}
			if !sort.SliceIsSorted(nums, func(i, j int) bool { return nums[i].v < nums[j].v }) {
				t.Fatal("patterns are not in order")
			}
			var in []float64
			var want []uint16
			put := func(v float64, b uint16) {
				neg := b | 1<<(f.exp+f.mant)
				if b == 0 && f.nan(neg) {
					neg = 0 // no negative zero
				}
				in, want = append(in, v, -v), append(want, b, neg)
			}
			for i, n := range nums {
				put(n.v, n.bits)
				if i+1 < len(nums) {
					next := nums[i+1]
					mid := (n.v + next.v) / 2
					even := n
					if next.bits%2 == 0 {
						even = next
					}
					put(math.Nextafter(mid, 0), n.bits)
					put(mid, even.bits)
					put(math.Nextafter(mid, math.Inf(1)), next.bits)
				}
			}
			// The end of the range: up to half a unit past the largest number it rounds back; from there on the format overflows.
			last := nums[len(nums)-1]
			half := last.v + (last.v-nums[len(nums)-2].v)/2
			put(math.Nextafter(half, 0), last.bits)
			got := encodeBits(t, f.t, in)
			for i := range in {
				if got[i] != want[i] {
					t.Fatalf("%v: %#x, want %#x", in[i], got[i], want[i])
				}
			}
			over := []float64{half, math.Nextafter(half, math.Inf(1)), 1e300, math.MaxFloat64, math.Inf(1)}
			for i, v := range decodeBits(t, f.t, encodeBits(t, f.t, over)) {
				w := f.overflow
				if math.IsInf(over[i], 1) {
					w = f.atIn
				}
				if v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
					t.Errorf("%v becomes %v, want %v", over[i], v, w)
				}
			}
			for i := range over {
				over[i] = -over[i]
			}
			for i, v := range decodeBits(t, f.t, encodeBits(t, f.t, over)) {
				w := -f.overflow
				if math.IsInf(over[i], -1) {
					w = -f.atIn
				}
				if v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
					t.Errorf("%v becomes %v, want %v", over[i], v, w)
				}
			}
			nan := decodeBits(t, f.t, encodeBits(t, f.t, []float64{math.NaN()}))[0]
			if f.t == TensorProto_FLOAT4E2M1 {
				if nan != 6 {
					t.Errorf("NaN becomes %v, want 6", nan)
				}
			} else if !math.IsNaN(nan) {
				t.Errorf("NaN becomes %v", nan)
			}
			if got := encodeBits(t, f.t, []float64{5e-324, -5e-324}); got[0] != 0 || got[1] != want[1] {
				t.Errorf("the smallest float64 becomes %#x", got)
			}
		})
	}
}

// Every float32 that is a float16 or bfloat16 at the same time can be taken from the processor's own conversion.
func TestBfloat16IsTheUpperHalfOfFloat32(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	for i, v := range decodeBits(t, TensorProto_BFLOAT16, all) {
		want := math.Float32frombits(uint32(i) << 16)
		if float32(v) != want && !(math.IsNaN(v) && want != want) {
			t.Fatalf("%#x: %v, want %v", i, v, want)
		}
	}
}

func TestFloat8E8M0(t *testing.T) {
	all := make([]uint16, 256)
	for i := range all {
		all[i] = uint16(i)
	}
	v := decodeBits(t, TensorProto_FLOAT8E8M0, all)
	for i := range 255 {
		if want := math.Pow(2, float64(i-127)); v[i] != want {
			t.Fatalf("%#x: %v, want %v", i, v[i], want)
		}
	}
	if !math.IsNaN(v[255]) {
		t.Error("0xff is NaN")
	}
	in := []float64{0, 1e-300, 1e300, math.MaxFloat32, math.Inf(1), math.Inf(-1), math.NaN(), -4, 1}
	want := []uint16{0, 0, 254, 254, 254, 0, 255, 0, 127}
	for i := range 254 {
		mid := 1.5 * v[i]
		in = append(in, v[i], math.Nextafter(mid, 0), mid, math.Nextafter(mid, math.Inf(1)))
		want = append(want, uint16(i), uint16(i), uint16(i+1), uint16(i+1))
	}
	for i, b := range encodeBits(t, TensorProto_FLOAT8E8M0, in) {
		if b != want[i] {
			t.Errorf("%v: %d, want %d", in[i], b, want[i])
		}
	}
}
