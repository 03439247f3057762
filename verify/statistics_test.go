package verify

import (
	"encoding/json"
	"math"
	"math/big"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// everyType lists the element types of ONNX.
func everyType() []onnxpb.TensorProto_DataType {
	var list []onnxpb.TensorProto_DataType
	for n := range onnxpb.TensorProto_DataType_name {
		if n != 0 {
			list = append(list, onnxpb.TensorProto_DataType(n))
		}
	}
	slices.Sort(list)
	return list
}

// randomArray makes an array of any bits, NaNs and infinities among them; strings of any words.
func randomArray(t testing.TB, typ onnxpb.TensorProto_DataType, dims []int64, rng *rand.Rand) *onnxpb.Array {
	t.Helper()
	n, err := onnxpb.Count(dims)
	if err != nil {
		t.Fatal(err)
	}
	if typ == onnxpb.TensorProto_STRING {
		v := make([]string, n)
		for i := range v {
			v[i] = words[rng.IntN(len(words))]
		}
		return onnxpb.ArrayOf(dims, v)
	}
	raw := make([]byte, (int(n)*onnxpb.ElemBits(typ)+7)/8)
	for i := range raw {
		raw[i] = byte(rng.Uint32())
		if typ == onnxpb.TensorProto_BOOL {
			raw[i] &= 1
		}
	}
	a, err := onnxpb.ArrayFromRaw(typ, dims, raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// statsOracle computes statistics with sums of 2,000 bits, so that nothing is lost or passes the range.
func statsOracle(t *testing.T, a *onnxpb.Array) (s Stats, min, max, mean, std, l2 float64) {
	t.Helper()
	var values []float64
	switch d := a.Data.(type) {
	case []complex64:
		for _, v := range d {
			values = append(values, cmplx.Abs(complex128(v)))
		}
	case []complex128:
		for _, v := range d {
			values = append(values, cmplx.Abs(v))
		}
	default:
		var err error
		if values, err = a.Float64s(); err != nil {
			t.Fatal(err)
		}
	}
	num := func(f float64) *big.Float { return new(big.Float).SetPrec(5000).SetFloat64(f) }
	sum, squares, n := num(0), num(0), 0
	min, max = math.Inf(1), math.Inf(-1)
	s.Elements = int64(len(values))
	for _, v := range values {
		switch {
		case v != v:
			s.NaN++
			continue
		case v > math.MaxFloat64:
			s.PosInf++
			continue
		case v < -math.MaxFloat64:
			s.NegInf++
			continue
		case v == 0:
			s.Zeros++
		}
		n++
		min, max = math.Min(min, v), math.Max(max, v)
		sum.Add(sum, num(v))
		squares.Add(squares, new(big.Float).Mul(num(v), num(v)))
	}
	if n == 0 {
		return
	}
	m := new(big.Float).Quo(sum, num(float64(n)))
	variance := new(big.Float).Quo(squares, num(float64(n)))
	variance.Sub(variance, new(big.Float).Mul(m, m))
	mean, _ = m.Float64()
	if variance.Sign() > 0 {
		std, _ = variance.Sqrt(variance).Float64()
	}
	l2, _ = squares.Sqrt(squares).Float64()
	return
}

func closeTo(got Number, want, scale float64) bool {
	return float64(got) == want || math.Abs(float64(got)-want) <= 1e-12*math.Max(math.Abs(want), scale)
}

func TestStatisticsOfEveryType(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range everyType() {
		if typ == onnxpb.TensorProto_STRING {
			continue
		}
		for _, dims := range [][]int64{{}, {7}, {3, 50, 100}, {0, 4}} {
			a := randomArray(t, typ, dims, rng)
			got, err := Statistics(a)
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			want, lo, hi, mean, std, l2 := statsOracle(t, a)
			if got.Elements != want.Elements || got.Zeros != want.Zeros || got.NaN != want.NaN || got.PosInf != want.PosInf || got.NegInf != want.NegInf {
				t.Errorf("%s%v: counts %+v, want %+v", typ, dims, got, want)
			}
			if got.Moments == nil {
				if want.Elements > want.NaN+want.PosInf+want.NegInf {
					t.Errorf("%s%v has no moments", typ, dims)
				}
				continue
			}
			if float64(got.Min) != lo || float64(got.Max) != hi || !closeTo(got.Mean, mean, std) || !closeTo(got.Std, std, 0) || !closeTo(got.L2, l2, 0) {
				t.Errorf("%s%v: %+v, want min %v max %v mean %v std %v l2 %v", typ, dims, *got.Moments, lo, hi, mean, std, l2)
			}
		}
	}
}

// Numbers on which sums of squares fail: a large mean, and the ends of the range.
func TestStatisticsAreSound(t *testing.T) {
	for _, c := range []struct {
		values        []float64
		mean, std, l2 float64
	}{
		{[]float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, 1e9 + 10, math.Sqrt(22.5), 2000000020.0000112},
		{[]float64{math.MaxFloat64, -math.MaxFloat64}, 0, math.MaxFloat64, math.Inf(1)},
		{[]float64{math.MaxFloat64 / 2, math.MaxFloat64 / 2}, math.MaxFloat64 / 2, 0, math.MaxFloat64 / 2 * math.Sqrt2},
		{[]float64{3e-200, 4e-200}, 3.5e-200, 0.5e-200, 5e-200},
		{[]float64{5e-324, 5e-324}, 5e-324, 0, 5e-324},
		{[]float64{1e-300, 1e300, 0, -1e300}, 0.25e-300, 1e300 / math.Sqrt2, 1e300 * math.Sqrt2},
		{[]float64{0, 0, 0}, 0, 0, 0},
		{[]float64{-2}, -2, 0, 2},
	} {
		s, err := Statistics(onnxpb.ArrayOf([]int64{int64(len(c.values))}, c.values))
		if err != nil {
			t.Fatal(err)
		}
		if !closeTo(s.Mean, c.mean, c.std) || !closeTo(s.Std, c.std, 0) || !closeTo(s.L2, c.l2, 0) {
			t.Errorf("%v: %+v, want mean %v std %v l2 %v", c.values, *s.Moments, c.mean, c.std, c.l2)
		}
	}
}

func TestStatisticsNonfinite(t *testing.T) {
	v := make([]float32, 100*300)
	for i := range v {
		v[i] = float32(i%5) - 2 // -2..2
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	v[20001], v[20002], v[25000] = nan, nan, nan
	v[19999], v[29999] = -inf, inf
	s, err := Statistics(onnxpb.ArrayOf([]int64{100, 300}, v))
	if err != nil {
		t.Fatal(err)
	}
	if s.NaN != 3 || s.PosInf != 1 || s.NegInf != 1 || s.Min != -2 || s.Max != 2 || s.Finite() {
		t.Errorf("%+v %+v", s, s.Moments)
	}
	if e := s.FirstNaN; e == nil || !slices.Equal(e.Index, []int64{66, 201}) || e.Value != "NaN" {
		t.Errorf("first NaN %+v", e)
	}
	if e := s.FirstInf; e == nil || !slices.Equal(e.Index, []int64{66, 199}) || e.Value != "-Inf" {
		t.Errorf("first infinity %+v", e)
	}
	if !slices.Equal(s.First, []string{"-2", "-1", "0", "1", "2", "-2", "-1", "0"}) {
		t.Errorf("first elements %q", s.First)
	}
	all, err := Statistics(onnxpb.ArrayOf([]int64{2}, []float32{nan, inf}))
	if err != nil || all.Moments != nil {
		t.Errorf("of nothing finite: %+v, error %v", all, err)
	}
	data, err := json.Marshal(all)
	if err != nil || strings.Contains(string(data), "mean") || !strings.Contains(string(data), `"first_nan":{"index":[0],"value":"NaN"}`) {
		t.Errorf("%s, error %v", data, err)
	}
}

func TestStatisticsElements(t *testing.T) {
	half, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_FLOAT16, []int64{3}, []float64{0.1, 65504, 6e-8})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    *onnxpb.Array
		want []string
	}{
		{half, []string{"0.1", "65500", "6e-08"}},
		{onnxpb.ArrayOf([]int64{2}, []float32{0.1, 16777216}), []string{"0.1", "1.6777216e+07"}},
		{onnxpb.ArrayOf([]int64{1}, []float64{0.1}), []string{"0.1"}},
		{onnxpb.ArrayOf([]int64{2}, []int64{math.MinInt64, math.MaxInt64}), []string{"-9223372036854775808", "9223372036854775807"}},
		{onnxpb.ArrayOf([]int64{1}, []uint64{math.MaxUint64}), []string{"18446744073709551615"}},
		{onnxpb.ArrayOf([]int64{2}, []bool{true, false}), []string{"true", "false"}},
		{onnxpb.ArrayOf([]int64{2}, []string{"a\n", ""}), []string{`"a\n"`, `""`}},
		{onnxpb.ArrayOf([]int64{1}, []complex64{1 - 2i}), []string{"(1-2i)"}},
		{&onnxpb.Array{Type: onnxpb.TensorProto_INT4, Dims: []int64{2}, Data: []int8{-8, 7}}, []string{"-8", "7"}},
		{&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT8E8M0, Dims: []int64{2}, Data: []uint8{127, 128}}, []string{"1", "2"}},
	} {
		s, err := Statistics(c.a)
		if err != nil || !slices.Equal(s.First, c.want) {
			t.Errorf("%s: %q, want %q, error %v", c.a.Type, s.First, c.want, err)
		}
	}
	if s, err := Statistics(onnxpb.ArrayOf([]int64{3}, []string{"", "x", ""})); err != nil || s.Zeros != 2 || s.Elements != 3 || s.Moments != nil {
		t.Errorf("strings: %+v, %v", s, err)
	}
	if s, err := Statistics(onnxpb.ArrayOf([]int64{4}, []bool{true, true, true, false})); err != nil || s.Mean != 0.75 || s.Zeros != 1 {
		t.Errorf("bools: %+v, %v", s, err)
	}
}

func TestStatisticsRefuses(t *testing.T) {
	for name, a := range map[string]*onnxpb.Array{
		"nothing":           nil,
		"no type":           {Data: []float32{1}, Dims: []int64{1}},
		"no data":           {Type: onnxpb.TensorProto_FLOAT, Dims: []int64{1}},
		"other data":        {Type: onnxpb.TensorProto_FLOAT, Dims: []int64{1}, Data: []int8{1}},
		"too few":           {Type: onnxpb.TensorProto_FLOAT, Dims: []int64{2}, Data: []float32{1}},
		"a negative number": {Type: onnxpb.TensorProto_FLOAT, Dims: []int64{-1}, Data: []float32{1}},
	} {
		if s, err := Statistics(a); err == nil || onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%s: %+v, error %v", name, s, err)
		}
		if _, err := FormatArray(a); err == nil {
			t.Errorf("%s was printed", name)
		}
	}
}
