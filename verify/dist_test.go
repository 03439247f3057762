package verify

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
)

// recordedNoise is what Generate gave, before there were distributions, under the name x with seed 7, of shapes [5] and [2,3,4,4]: FNV-1a of the elements as fmt prints them.
var recordedNoise = map[onnxpb.TensorProto_DataType]uint64{
	onnxpb.TensorProto_FLOAT: 0x06ab649cc50fe161, onnxpb.TensorProto_UINT8: 0xf3cd6deda9979461, onnxpb.TensorProto_INT8: 0x3b6e8f587cdf54b2,
	onnxpb.TensorProto_UINT16: 0x3b6e8f587cdf54b2, onnxpb.TensorProto_INT16: 0x3b6e8f587cdf54b2, onnxpb.TensorProto_INT32: 0x3b6e8f587cdf54b2,
	onnxpb.TensorProto_INT64: 0x3b6e8f587cdf54b2, onnxpb.TensorProto_STRING: 0x71f932f94a71b476, onnxpb.TensorProto_BOOL: 0x3e59c3c37946d231,
	onnxpb.TensorProto_FLOAT16: 0xe19346e7197f9923, onnxpb.TensorProto_DOUBLE: 0xcac591e9294f6c71, onnxpb.TensorProto_UINT32: 0x3b6e8f587cdf54b2,
	onnxpb.TensorProto_UINT64: 0x3b6e8f587cdf54b2, onnxpb.TensorProto_COMPLEX64: 0x64098b160963cc23, onnxpb.TensorProto_COMPLEX128: 0xf3679e19e78eb4e9,
	onnxpb.TensorProto_BFLOAT16: 0x60e8a67434a7b465, onnxpb.TensorProto_FLOAT8E4M3FN: 0xceab8d7deb489ade, onnxpb.TensorProto_FLOAT8E4M3FNUZ: 0x7066998d1d7df34c,
	onnxpb.TensorProto_FLOAT8E5M2: 0x434332ee0eff655a, onnxpb.TensorProto_FLOAT8E5M2FNUZ: 0x0f663b9474434c7d, onnxpb.TensorProto_UINT4: 0x3b6e8f587cdf54b2,
	onnxpb.TensorProto_INT4: 0x6b80eb940e758ff2, onnxpb.TensorProto_FLOAT4E2M1: 0x1b6d63c779b830ec, onnxpb.TensorProto_FLOAT8E8M0: 0x9eb3e39a6a66ff4a,
	onnxpb.TensorProto_UINT2: 0x04eaa7f872feed12, onnxpb.TensorProto_INT2: 0x5eb63a1145a9116e,
}

// TestGenerateAsRecorded: a seed that was noted once gives the same inputs for ever.
func TestGenerateAsRecorded(t *testing.T) {
	for elem, want := range recordedNoise {
		h := fnv.New64a()
		for _, dims := range [][]int64{{5}, {2, 3, 4, 4}} {
			a, err := Generate("x", elem, dims, nil, 7)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(h, a.Data)
		}
		if h.Sum64() != want {
			t.Errorf("%s: generated otherwise than it was", elem)
		}
	}
}

func TestParseDist(t *testing.T) {
	for s, want := range map[string]Dist{
		"uniform":          {Kind: DistUniform},
		"uniform(-2..2)":   {Kind: DistUniform, Set: true, Range: Range{-2, 2}},
		"normal":           {Kind: DistNormal},
		"normal(0.5,2)":    {Kind: DistNormal, Set: true, Mean: 0.5, Std: 2},
		"image":            {Kind: DistImage},
		"image(0..255)":    {Kind: DistImage, Set: true, Range: Range{0, 255}},
		"ints":             {Kind: DistInts},
		"ints(-3..3)":      {Kind: DistInts, Set: true, Range: Range{-3, 3}},
		"onehot":           {Kind: DistOneHot},
		"onehot(1)":        {Kind: DistOneHot, Set: true, Axis: 1},
		"onehot(-2)":       {Kind: DistOneHot, Set: true, Axis: -2},
		"zeros":            {Kind: DistZeros},
		"ones":             {Kind: DistOnes},
		"constant(-0.25)":  {Kind: DistConstant, Set: true, Value: -0.25},
		"constant(1e+100)": {Kind: DistConstant, Set: true, Value: 1e100},
	} {
		d, err := ParseDist(s)
		if err != nil || d != want {
			t.Errorf("%q: %+v, %v", s, d, err)
		}
		if d.String() != s {
			t.Errorf("%q is written as %q", s, d)
		}
		var back struct{ D Dist }
		text, err := json.Marshal(struct{ D Dist }{d})
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back.D != want {
			t.Errorf("%q: %s is read back as %+v, %v", s, text, back.D, err)
		}
	}
	if d, err := ParseDist(" normal( 1 , 2 ) "); err != nil || d.String() != "normal(1,2)" {
		t.Errorf("with spaces: %v, %v", d, err)
	}
	if (Dist{}).String() != "uniform" {
		t.Errorf("the zero Dist is %s", Dist{})
	}
	for _, s := range []string{"", "gauss", "normal(", "normal)", "normal(1)", "normal(1,-1)", "normal(1,nan)", "normal(inf,1)", "ints(3)", "ints(3..1)", "onehot(x)", "onehot()",
		"zeros(1)", "ones()", "constant", "constant()", "constant(x)", "constant(1)x", "Uniform"} {
		d, err := ParseDist(s)
		if err == nil {
			t.Errorf("%q was read as %s", s, d)
			continue
		}
		mustFail(t, err, onnxpb.Usage, "distribution", "onehot(AXIS)")
	}
}

func spec(t *testing.T, dist string, r *Range) GenSpec {
	t.Helper()
	d, err := ParseDist(dist)
	if err != nil {
		t.Fatal(err)
	}
	return GenSpec{Range: r, Dist: d}
}

func drawn(t *testing.T, s GenSpec, elem onnxpb.TensorProto_DataType, dims ...int64) []float64 {
	t.Helper()
	a, err := GenerateWith("x", elem, dims, s, 11)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func moments(v []float64) (mean, std float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		std += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(std / float64(len(v)))
}

// TestDistRowsAndSeeds: of every distribution, for every type that it is for, the first rows are the same whatever the batch, and the elements follow from name and seed alone.
func TestDistRowsAndSeeds(t *testing.T) {
	made := 0
	for _, dist := range []string{"uniform", "uniform(0.5..2)", "normal", "normal(1,2)", "image", "ints", "ints(1..2)", "onehot", "onehot(1)", "zeros", "ones", "constant(1)"} {
		for v := range onnxpb.TensorProto_DataType_name {
			elem := onnxpb.TensorProto_DataType(v)
			for _, tail := range [][]int64{{9}, {6, 5}, {7, 3}, {3, 4, 5}, {4, 5, 3}, {2, 3, 4, 5}} {
				s := spec(t, dist, nil)
				three, err := GenerateWith("x", elem, append([]int64{3}, tail...), s, 5)
				if err != nil {
					continue // not for this type: TestDistRefuses
				}
				made++
				for n := int64(1); n <= 3; n++ {
					a, err := GenerateWith("x", elem, append([]int64{n}, tail...), s, 5)
					if err != nil {
						t.Fatal(err)
					}
					want, err := rows(three, 0, n)
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(a.Data, want.Data) {
						t.Errorf("%s %s %v: batch %d is not the first rows of batch 3", dist, elem, tail, n)
					}
				}
			}
		}
	}
	if made < 12*15*6/2 {
		t.Errorf("only %d were made", made)
	}
	s := spec(t, "normal", nil)
	a, _ := GenerateWith("x", onnxpb.TensorProto_FLOAT, []int64{9}, s, 5)
	b, _ := GenerateWith("x", onnxpb.TensorProto_FLOAT, []int64{9}, s, 6)
	c, _ := GenerateWith("y", onnxpb.TensorProto_FLOAT, []int64{9}, s, 5)
	if reflect.DeepEqual(a.Data, b.Data) || reflect.DeepEqual(a.Data, c.Data) {
		t.Error("another seed or name gives the same")
	}
}

// within5 holds a mean to what it should be, within five standard errors.
func within5(t *testing.T, what string, got, want, sigma float64) {
	t.Helper()
	if math.Abs(got-want) > 5*sigma {
		t.Errorf("%s is %v, want %v within %v", what, got, want, 5*sigma)
	}
}

func TestDistNormal(t *testing.T) {
	const n = 100000
	for _, c := range []struct {
		dist      string
		r         *Range
		elem      onnxpb.TensorProto_DataType
		mean, std float64
	}{
		{"normal", nil, onnxpb.TensorProto_FLOAT, 0, 1},
		{"normal(3,0.5)", nil, onnxpb.TensorProto_DOUBLE, 3, 0.5},
		{"normal(-20,7)", nil, onnxpb.TensorProto_INT8, -20, math.Sqrt(49 + 1.0/12)}, // rounding adds 1/12 to the variance
		{"normal", &Range{10, 70}, onnxpb.TensorProto_FLOAT, 40, 10},
		{"normal", &Range{0, 255}, onnxpb.TensorProto_UINT8, 127.5, 42.5},
	} {
		v := drawn(t, spec(t, c.dist, c.r), c.elem, n)
		mean, std := moments(v)
		within5(t, c.dist+": the mean", mean, c.mean, c.std/math.Sqrt(n))
		within5(t, c.dist+": the standard deviation", std, c.std, c.std/math.Sqrt(2*n)+c.std*0.002) // 3 sigma are cut off where there is a range
		if exactType(c.elem) {
			continue
		}
		near := 0.0
		for _, x := range v {
			if math.Abs(x-c.mean) < c.std {
				near++
			}
		}
		p := math.Erf(1 / math.Sqrt2)
		within5(t, c.dist+": the share within one deviation", near/n, p, math.Sqrt(p*(1-p)/n))
	}
	// What passes the range stands at its end, and as often as the bell has it.
	v := drawn(t, spec(t, "normal(0,1)", &Range{-1, 2}), onnxpb.TensorProto_FLOAT, n)
	low := 0.0
	for _, x := range v {
		if x < -1 || x > 2 {
			t.Fatalf("%v is out of the range", x)
		}
		if x == -1 {
			low++
		}
	}
	p := math.Erfc(1/math.Sqrt2) / 2
	within5(t, "the share at the end", low/n, p, math.Sqrt(p*(1-p)/n))
	for _, x := range drawn(t, spec(t, "normal(0,1e6)", nil), onnxpb.TensorProto_FLOAT16, 1000) {
		if math.IsInf(x, 0) {
			t.Fatal("an infinity was drawn")
		}
	}
	drawn(t, spec(t, "normal(0,1e30)", nil), onnxpb.TensorProto_INT64, 1000) // the ends are numbers of the type
	drawn(t, spec(t, "normal(0,1e30)", nil), onnxpb.TensorProto_UINT64, 1000)
}

func TestDistIntsAndUniform(t *testing.T) {
	const n = 60000
	counts := map[float64]float64{}
	for _, x := range drawn(t, spec(t, "ints(-2..3)", &Range{100, 200}), onnxpb.TensorProto_FLOAT, n) {
		counts[x]++
	}
	if len(counts) != 6 {
		t.Errorf("drawn: %v", counts)
	}
	for x := -2.0; x <= 3; x++ {
		within5(t, fmt.Sprintf("the share of %v", x), counts[x]/n, 1.0/6, math.Sqrt(5.0/36/n))
	}
	for _, x := range drawn(t, spec(t, "ints", &Range{0.5, 2.5}), onnxpb.TensorProto_DOUBLE, 100) {
		if x != 1 && x != 2 {
			t.Errorf("%v is no integer of 0.5..2.5", x)
		}
	}
	mean, std := moments(drawn(t, spec(t, "uniform(2..8)", nil), onnxpb.TensorProto_FLOAT, n))
	within5(t, "the mean of uniform", mean, 5, math.Sqrt(3.0/n))
	within5(t, "the deviation of uniform", std, math.Sqrt(3), math.Sqrt(3)/math.Sqrt(n))
}

func TestDistOneHot(t *testing.T) {
	for _, c := range []struct {
		dist string
		axis int
	}{{"onehot", 2}, {"onehot(-1)", 2}, {"onehot(1)", 1}, {"onehot(0)", 0}, {"onehot(-3)", 0}} {
		dims := []int64{40, 30, 20}
		v := drawn(t, spec(t, c.dist, nil), onnxpb.TensorProto_FLOAT16, dims...)
		counts := make([]float64, dims[c.axis])
		lines := 0.0
		at := make([]int64, 3)
		sums := map[[3]int64]float64{}
		for i, x := range v {
			at[0], at[1], at[2] = int64(i)/600, int64(i)/20%30, int64(i)%20
			if x != 0 && x != 1 {
				t.Fatalf("%s: %v", c.dist, x)
			}
			counts[at[c.axis]] += x
			at[c.axis] = -1
			sums[[3]int64(at)] += x
		}
		for line, sum := range sums {
			lines++
			if sum != 1 {
				t.Fatalf("%s: line %v has %v ones", c.dist, line, sum)
			}
		}
		p := 1 / float64(dims[c.axis])
		for i, n := range counts {
			within5(t, fmt.Sprintf("%s: the share of place %d", c.dist, i), n/lines, p, math.Sqrt(p*(1-p)/lines))
		}
	}
	a, err := GenerateWith("x", onnxpb.TensorProto_INT8, []int64{2, 4}, spec(t, "onehot", &Range{-1, 5}), 0)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, x := range a.Data.([]int8) {
		if x != -1 && x != 5 {
			t.Errorf("the range's ends are not taken: %v", a.Data)
		}
		sum += int(x)
	}
	if sum != 2*(5-3) {
		t.Errorf("drawn: %v", a.Data)
	}
	if a, err = GenerateWith("x", onnxpb.TensorProto_BOOL, []int64{1, 1}, spec(t, "onehot", &Range{-1, 5}), 0); err != nil || !a.Data.([]bool)[0] {
		t.Errorf("%v, %v", a, err)
	}
	if v := drawn(t, spec(t, "onehot", nil), onnxpb.TensorProto_FLOAT, 3, 0); len(v) != 0 {
		t.Errorf("drawn: %v", v)
	}
}

func TestDistLevels(t *testing.T) {
	for _, c := range []struct {
		dist string
		elem onnxpb.TensorProto_DataType
		want any
	}{
		{"zeros", onnxpb.TensorProto_FLOAT, []float32{0, 0}},
		{"zeros", onnxpb.TensorProto_BOOL, []bool{false, false}},
		{"zeros", onnxpb.TensorProto_STRING, []string{"", ""}},
		{"ones", onnxpb.TensorProto_INT4, []int8{1, 1}},
		{"ones", onnxpb.TensorProto_BOOL, []bool{true, true}},
		{"ones", onnxpb.TensorProto_BFLOAT16, []uint16{0x3f80, 0x3f80}},
		{"ones", onnxpb.TensorProto_FLOAT8E8M0, []uint8{127, 127}},
		{"ones", onnxpb.TensorProto_COMPLEX64, []complex64{1, 1}},
		{"constant(-2.5)", onnxpb.TensorProto_FLOAT16, []uint16{0xc100, 0xc100}},
		{"constant(7)", onnxpb.TensorProto_UINT64, []uint64{7, 7}},
		{"constant(2)", onnxpb.TensorProto_COMPLEX128, []complex128{2, 2}},
	} {
		// A range has nothing to say.
		a, err := GenerateWith("x", c.elem, []int64{2}, spec(t, c.dist, &Range{100, 101}), 0)
		if err != nil {
			t.Errorf("%s of %s: %v", c.dist, c.elem, err)
		} else if !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%s of %s: %v", c.dist, c.elem, a.Data)
		}
	}
}

func TestDistRefuses(t *testing.T) {
	for _, c := range []struct {
		dist string
		elem onnxpb.TensorProto_DataType
		r    *Range
		msg  string
	}{
		{"normal", onnxpb.TensorProto_STRING, nil, "strings can be uniform"},
		{"ones", onnxpb.TensorProto_STRING, nil, "strings can be"},
		{"image", onnxpb.TensorProto_BOOL, nil, "booleans can be"},
		{"constant(2)", onnxpb.TensorProto_BOOL, nil, "the type has no 2"},
		{"onehot", onnxpb.TensorProto_COMPLEX64, nil, "complex numbers can be"},
		{"onehot(2)", onnxpb.TensorProto_FLOAT, nil, "no such axis"},
		{"onehot(-3)", onnxpb.TensorProto_FLOAT, nil, "no such axis"},
		{"onehot", onnxpb.TensorProto_FLOAT8E8M0, nil, "passes that of the type"},
		{"zeros", onnxpb.TensorProto_FLOAT8E8M0, nil, "the type has no 0"},
		{"constant(0.5)", onnxpb.TensorProto_INT32, nil, "the type has no 0.5"},
		{"constant(-1)", onnxpb.TensorProto_UINT8, nil, "the type has no -1"},
		{"constant(1e+09)", onnxpb.TensorProto_FLOAT16, nil, "the type has no 1e+09"},
		{"ints(0..300)", onnxpb.TensorProto_UINT8, nil, "0..300 passes that of the type"},
		{"image", onnxpb.TensorProto_INT8, &Range{0, 255}, "0..255 passes that of the type"},
	} {
		_, err := GenerateWith("x", c.elem, []int64{4, 4}, spec(t, c.dist, c.r), 0)
		mustFail(t, err, onnxpb.Unfit, "distribution "+c.dist, onnxpb.TypeName(c.elem)+"[4,4]", c.msg)
	}
	_, err := GenerateWith("x", onnxpb.TensorProto_FLOAT, []int64{4}, spec(t, "image", nil), 0)
	mustFail(t, err, onnxpb.Unfit, "two axes")
	_, err = GenerateWith("x", onnxpb.TensorProto_FLOAT, []int64{4}, spec(t, "ints(0.2..0.8)", nil), 0)
	mustFail(t, err, onnxpb.Usage, "no integers")
	_, err = GenerateWith("x", onnxpb.TensorProto_INT8, []int64{4}, spec(t, "normal", &Range{0.2, 0.8}), 0)
	mustFail(t, err, onnxpb.Usage, "no numbers")
}

func TestDistDescribed(t *testing.T) {
	for _, c := range []struct {
		dist string
		elem onnxpb.TensorProto_DataType
		rank int
		r    *Range
		want string
	}{
		{"uniform", onnxpb.TensorProto_FLOAT, 4, nil, "uniform 0..1"},
		{"uniform", onnxpb.TensorProto_INT64, 4, nil, "integers 0..9"},
		{"uniform", onnxpb.TensorProto_BOOL, 1, nil, "false or true"},
		{"uniform", onnxpb.TensorProto_STRING, 1, nil, "one of ten words"},
		{"uniform(0..5)", onnxpb.TensorProto_FLOAT, 1, &Range{1, 2}, "uniform 0..5"},
		{"normal", onnxpb.TensorProto_FLOAT, 1, nil, "normal(0,1)"},
		{"normal", onnxpb.TensorProto_FLOAT, 1, &Range{0, 6}, "normal(3,1) within 0..6"},
		{"normal(1,2)", onnxpb.TensorProto_FLOAT, 1, &Range{0, 6}, "normal(1,2) within 0..6"},
		{"image", onnxpb.TensorProto_UINT8, 3, nil, "pictures 0..255"},
		{"ints", onnxpb.TensorProto_FLOAT, 2, &Range{0, 3}, "integers 0..3"},
		{"onehot(1)", onnxpb.TensorProto_FLOAT, 2, nil, "onehot(1)"},
		{"onehot", onnxpb.TensorProto_FLOAT, 2, &Range{0, 0.9}, "onehot 0..0.9"},
		{"onehot", onnxpb.TensorProto_BOOL, 2, nil, "onehot"},
		{"zeros", onnxpb.TensorProto_STRING, 2, nil, "zeros"},
		{"constant(3)", onnxpb.TensorProto_FLOAT, 2, &Range{0, 1}, "constant(3)"},
	} {
		if got := spec(t, c.dist, c.r).describe(c.elem, c.rank); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.dist, c.elem, got, c.want)
		}
	}
}
