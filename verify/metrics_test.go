package verify

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func f32(v ...float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{int64(len(v))}, v) }

func f64(v ...float64) *onnxpb.Array { return onnxpb.ArrayOf([]int64{int64(len(v))}, v) }

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

// near wants two numbers equal to the last bits; NaN is near nothing.
func near(t *testing.T, what string, got Number, want float64) {
	t.Helper()
	if float64(got) == want || math.Abs(float64(got)-want) <= 1e-12*math.Abs(want) {
		return
	}
	t.Errorf("%s is %v, want %v", what, got, want)
}

func TestCompareByHand(t *testing.T) {
	negZero := math.Copysign(0, -1)
	half := func(v ...float64) *onnxpb.Array {
		a, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_FLOAT16, []int64{int64(len(v))}, v)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		name                           string
		want, got                      *onnxpb.Array
		tol                            Tolerance
		maxAbs, meanAbs, maxRel, cosin float64
		beyond, worst                  int64
	}{
		{name: "equal", want: f32(1, 2, 3), got: f32(1, 2, 3), cosin: 1, worst: -1},
		{name: "different", want: f32(1, -2, 4), got: f32(1.5, -2, 2), maxAbs: 2, meanAbs: 2.5 / 3, maxRel: 0.5, beyond: 2, worst: 2,
			cosin: (1.5 + 4 + 8) / math.Sqrt((1+4+16)*(2.25+4+4))},
		{name: "tolerance counts from the reference", want: f64(100, 1), got: f64(101, 1), tol: Tolerance{Rel: 0.01}, maxAbs: 1, meanAbs: 0.5, maxRel: 0.01, worst: 0,
			cosin: (100*101 + 1) / math.Sqrt((100*100+1)*(101*101+1))},
		{name: "and not from the other", want: f64(101, 1), got: f64(100, 1), tol: Tolerance{Rel: 0.0099}, maxAbs: 1, meanAbs: 0.5, maxRel: 1.0 / 101, beyond: 1, worst: 0,
			cosin: (100*101 + 1) / math.Sqrt((100*100+1)*(101*101+1))},
		{name: "absolute tolerance, met exactly", want: f64(0, 8), got: f64(0.25, 8), tol: Tolerance{Abs: 0.25}, maxAbs: 0.25, meanAbs: 0.125, worst: 0,
			cosin: 64 / math.Sqrt(64*(64+0.0625))},
		{name: "one beyond is worse than a larger one within", want: f64(1000, 1), got: f64(1005, 1.5), tol: Tolerance{Rel: 0.01}, maxAbs: 5, meanAbs: 2.75, maxRel: 0.5, beyond: 1, worst: 1,
			cosin: (1000*1005 + 1.5) / math.Sqrt((1000*1000+1)*(1005*1005+2.25))},
		{name: "NaN in the same place", want: f64(nan, 3), got: f64(nan, 3), cosin: 1, worst: -1},
		{name: "NaN in another place", want: f64(nan, 3), got: f64(3, nan), tol: Tolerance{Abs: 1e9}, maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 2, worst: 0, cosin: 1},
		{name: "infinities by sign", want: f64(inf, -inf, inf, 2), got: f64(inf, -inf, -inf, 2), tol: Tolerance{Rel: 1}, maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 1, worst: 2, cosin: 1},
		{name: "infinity against a number", want: f64(1), got: f64(inf), tol: Tolerance{1, 1}, maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 1, worst: 0, cosin: 1},
		{name: "a number against infinity, which no relative tolerance excuses", want: f64(inf), got: f64(1), tol: Tolerance{1, 1}, maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 1, worst: 0, cosin: 1},
		{name: "the zeros are equal", want: f64(0, 1), got: f64(negZero, 1), cosin: 1, worst: -1},
		{name: "reference zero has no relative error", want: f64(0, 1), got: f64(5, 1), maxAbs: 5, meanAbs: 2.5, beyond: 1, worst: 0, cosin: 1 / math.Sqrt(26)},
		{name: "zero vectors", want: f64(0, 0), got: f64(0, 0), cosin: 1, worst: -1},
		{name: "one zero vector", want: f64(0, 0), got: f64(1, 0), maxAbs: 1, meanAbs: 0.5, beyond: 1, worst: 0, cosin: 0},
		{name: "opposite", want: f64(1, 2), got: f64(-1, -2), maxAbs: 4, meanAbs: 3, maxRel: 2, beyond: 2, worst: 1, cosin: -1},
		{name: "huge numbers", want: f64(3e300, 4e300), got: f64(3e300, 4e300), cosin: 1, worst: -1},
		{name: "a difference that passes the range", want: f64(-1.5e308, 1), got: f64(1.5e308, 1), maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 1, worst: 0, cosin: -1},
		{name: "tiny numbers", want: f64(3e-300, 4e-300), got: f64(4e-300, 3e-300), tol: Tolerance{Abs: 1e-299}, maxAbs: 1e-300, meanAbs: 1e-300, maxRel: 1.0 / 3, worst: 0, cosin: 24.0 / 25},
		{name: "empty", want: f64(), got: f64(), cosin: 1, worst: -1},
		{name: "float16", want: half(1, 2, inf), got: half(1.5, 2, inf), tol: Tolerance{Abs: 0.5}, maxAbs: 0.5, meanAbs: 0.5 / 3, maxRel: 0.5, worst: 0, cosin: 5.5 / math.Sqrt(5*6.25)},
		{name: "integers are exact", want: onnxpb.ArrayOf([]int64{2}, []int8{10, -100}), got: onnxpb.ArrayOf([]int64{2}, []int8{10, 100}), tol: Tolerance{1e9, 1}, maxAbs: 200, meanAbs: 100,
			maxRel: 2, beyond: 1, worst: 1, cosin: (100 - 10000) / 10100.0},
		{name: "large integers that float64 cannot tell apart", want: onnxpb.ArrayOf([]int64{1}, []int64{1<<62 + 1}), got: onnxpb.ArrayOf([]int64{1}, []int64{1 << 62}), tol: Tolerance{1e9, 1},
			maxAbs: 1, meanAbs: 1, maxRel: 1.0 / (1 << 62), beyond: 1, worst: 0, cosin: 1},
		{name: "the ends of int64", want: onnxpb.ArrayOf([]int64{1}, []int64{math.MinInt64}), got: onnxpb.ArrayOf([]int64{1}, []int64{math.MaxInt64}), maxAbs: 1 << 64, meanAbs: 1 << 64,
			maxRel: 2, beyond: 1, worst: 0, cosin: -1},
		{name: "uint64", want: onnxpb.ArrayOf([]int64{1}, []uint64{math.MaxUint64}), got: onnxpb.ArrayOf([]int64{1}, []uint64{math.MaxUint64 - 1}), maxAbs: 1, meanAbs: 1, maxRel: 1.0 / (1 << 64),
			beyond: 1, worst: 0, cosin: 1},
		{name: "bool", want: onnxpb.ArrayOf([]int64{4}, []bool{true, false, true, false}), got: onnxpb.ArrayOf([]int64{4}, []bool{true, true, true, false}), tol: Tolerance{1, 1}, maxAbs: 1,
			meanAbs: 0.25, beyond: 1, worst: 1, cosin: 2 / math.Sqrt(6)},
		{name: "strings", want: onnxpb.ArrayOf([]int64{4}, []string{"a", "b", "", "d"}), got: onnxpb.ArrayOf([]int64{4}, []string{"a", "B", "", "d"}), tol: Tolerance{1, 1}, maxAbs: 1, meanAbs: 0.25,
			beyond: 1, worst: 1, cosin: 0.75},
		{name: "complex", want: onnxpb.ArrayOf([]int64{2}, []complex64{3 + 4i, 1}), got: onnxpb.ArrayOf([]int64{2}, []complex64{0, 1}), tol: Tolerance{Abs: 4.9}, maxAbs: 5, meanAbs: 2.5, maxRel: 1,
			beyond: 1, worst: 0, cosin: 1 / math.Sqrt(26)},
		{name: "complex NaN in the same part", want: onnxpb.ArrayOf([]int64{2}, []complex128{complex(nan, 1), 1}), got: onnxpb.ArrayOf([]int64{2}, []complex128{complex(nan, 2), 1}),
			tol: Tolerance{9, 9}, maxAbs: inf, meanAbs: inf, maxRel: inf, beyond: 1, worst: 0, cosin: 1},
		{name: "int4", want: &onnxpb.Array{Type: onnxpb.TensorProto_INT4, Dims: []int64{2}, Data: []int8{-8, 7}}, got: &onnxpb.Array{Type: onnxpb.TensorProto_INT4, Dims: []int64{2}, Data: []int8{-8, 6}},
			tol: Tolerance{9, 9}, maxAbs: 1, meanAbs: 0.5, maxRel: 1.0 / 7, beyond: 1, worst: 1, cosin: (64 + 42) / math.Sqrt(113*100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Compare(c.want, c.got, c.tol)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "max abs", m.MaxAbs, c.maxAbs)
			near(t, "mean abs", m.MeanAbs, c.meanAbs)
			near(t, "max rel", m.MaxRel, c.maxRel)
			near(t, "cosine", m.Cosine, c.cosin)
			if m.Beyond != c.beyond || m.Worst != c.worst || m.Elements != int64(c.want.Len()) {
				t.Errorf("%d of %d beyond, worst %d; want %d and %d", m.Beyond, m.Elements, m.Worst, c.beyond, c.worst)
			}
			if m.Equal() != (c.beyond == 0) {
				t.Error("Equal does not say what Beyond says")
			}
		})
	}
}

func TestCompareTypesAndShapes(t *testing.T) {
	for _, c := range []struct {
		want, got *onnxpb.Array
		msg       string
	}{
		{f32(1), f64(1), "element type is float64, the reference's float32"},
		{f32(1), onnxpb.ArrayOf([]int64{1, 1}, []float32{1}), "shape is [1,1], the reference's [1]"},
		{f32(1, 2), f32(1), "shape is [1], the reference's [2]"},
		{f32(1), onnxpb.ArrayOf(nil, []float32{1}), "shape is [], the reference's [1]"},
		{f32(1), &onnxpb.Array{Type: onnxpb.TensorProto_FLOAT, Dims: []int64{1}, Data: []float32{}}, "holds 0 elements"},
	} {
		_, err := Compare(c.want, c.got, Tolerance{1e9, 1})
		if err == nil || !strings.Contains(err.Error(), c.msg) {
			t.Errorf("error %v, want %q", err, c.msg)
		}
	}
}

func TestNumberJSON(t *testing.T) {
	data, err := json.Marshal([]Number{1.5, Number(nan), Number(inf), Number(-inf), 1e-9})
	if err != nil || string(data) != `[1.5,"NaN","Inf","-Inf",1e-9]` {
		t.Errorf("%s, %v", data, err)
	}
	var back []Number
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if len(back) != 5 || back[0] != 1.5 || !math.IsNaN(float64(back[1])) || back[2] != Number(inf) || back[3] != Number(-inf) || back[4] != 1e-9 {
		t.Errorf("read back %v", back)
	}
}

func TestCompareValues(t *testing.T) {
	tensor := func(v ...float32) *onnxpb.Value { return onnxpb.TensorVal(f32(v...)) }
	seq := func(e ...*onnxpb.Value) *onnxpb.Value { return &onnxpb.Value{Kind: onnxpb.KindSequence, Elems: e} }
	maps := func(keys []string, e ...*onnxpb.Value) *onnxpb.Value {
		return &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{int64(len(keys))}, keys), Elems: e}
	}
	intMap := func(keys []int64, e ...*onnxpb.Value) *onnxpb.Value {
		return &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{int64(len(keys))}, keys), Elems: e}
	}
	none := &onnxpb.Value{Kind: onnxpb.KindNone}
	for _, c := range []struct {
		name      string
		want, got *onnxpb.Value
		diffs     string // path:ok, path:beyond or path:why
	}{
		{"tensor", tensor(1), tensor(1), ":ok"},
		{"tensor that differs", tensor(1), tensor(2), ":beyond"},
		{"sequence", seq(tensor(1), tensor(2, 3)), seq(tensor(1), tensor(2, 4)), "[0]:ok [1]:beyond"},
		{"sequence of sequences", seq(seq(tensor(1))), seq(seq(tensor(2))), "[0][0]:beyond"},
		{"another length", seq(tensor(1)), seq(tensor(1), tensor(1)), ":why"},
		{"empty sequences", seq(), seq(), ":ok"},
		{"an empty one", seq(), seq(tensor(1)), ":why"},
		{"another shape in a sequence", seq(tensor(1)), seq(tensor(1, 1)), "[0]:why"},
		{"map in another order", maps([]string{"a", "b"}, tensor(1), tensor(2)), maps([]string{"b", "a"}, tensor(2), tensor(1)), "{a}:ok {b}:ok"},
		{"map that differs", maps([]string{"a", "b"}, tensor(1), tensor(2)), maps([]string{"a", "b"}, tensor(2), tensor(2)), "{a}:beyond {b}:ok"},
		{"another key", maps([]string{"a"}, tensor(1)), maps([]string{"b"}, tensor(1)), "{a}:why {b}:why"},
		{"a key of integers", intMap([]int64{3}, tensor(1)), intMap([]int64{3}, tensor(1)), "{3}:ok"},
		{"keys of another type", intMap([]int64{3}, tensor(1)), maps([]string{"3"}, tensor(1)), ":why"},
		{"empty maps", maps(nil), maps(nil), ":ok"},
		{"nothing and nothing", none, none, ":ok"},
		{"nothing and something", none, tensor(1), ":why"},
		{"another kind", tensor(1), seq(tensor(1)), ":why"},
		{"missing", tensor(1), nil, ":why"},
		{"without an array", tensor(1), &onnxpb.Value{}, ":why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []string
			for _, d := range CompareValues(c.want, c.got, Tolerance{}) {
				state := "ok"
				switch {
				case d.Why != "":
					state = "why"
				case !d.Metrics.Equal():
					state = "beyond"
				}
				if d.Equal() != (state == "ok") {
					t.Errorf("%s: Equal is %v", d.Path, d.Equal())
				}
				list = append(list, d.Path+":"+state)
			}
			if got := strings.Join(list, " "); got != c.diffs {
				t.Errorf("%s, want %s", got, c.diffs)
			}
		})
	}
}
