package corpus

import (
	"math"
	"os"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// TestCases counts the cases of the suites that are here, and wants of each a model that opens and data that it declares.
func TestCases(t *testing.T) {
	cases := Cases(t)
	count := map[string]int{}
	ids := map[string]bool{}
	for _, c := range cases {
		release, _, _ := strings.Cut(c.Suite, "/")
		count[release]++
		if ids[c.ID()] {
			t.Errorf("%s is there twice", c.ID())
		}
		ids[c.ID()] = true
		m, err := c.Open()
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		if len(c.Sets) == 0 {
			t.Errorf("%s has no data", c.ID())
		}
		for _, s := range c.Sets {
			in, out, err := s.Values(m)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
			}
			if len(in) != len(s.Inputs) || len(out) != len(m.Graph.Output) {
				t.Errorf("%s: %d inputs of %d, %d outputs of %d", c.ID(), len(in), len(s.Inputs), len(out), len(m.Graph.Output))
			}
		}
	}
	for release, want := range map[string]int{"libonnx": 1072, "1.22": 1914} {
		if n := count[release]; n != want && n != 0 {
			t.Errorf("%s has %d cases, want %d", release, n, want)
		}
	}
	for id := range Unsupported() {
		release, _, _ := strings.Cut(id, "/")
		if count[release] > 0 && !ids[id] {
			t.Errorf("%s is listed as unsupported, but there is no such case", id)
		}
	}
}

func TestUnsupported(t *testing.T) {
	list := Unsupported()
	if len(list) == 0 {
		t.Fatal("the list is empty")
	}
	for id, reason := range list {
		kind, rest, _ := strings.Cut(reason, " ")
		switch kind {
		case "refused", "differs", "data", "random", "locale":
		default:
			t.Errorf("%s: unknown kind %q", id, kind)
		}
		if rest == "" || strings.Contains(rest, os.TempDir()) {
			t.Errorf("%s: reason %q", id, reason)
		}
	}
}

func TestCompare(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	floats := func(v ...float64) *onnxpb.Value { return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(v))}, v)) }
	ints := func(v ...int64) *onnxpb.Value { return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(v))}, v)) }
	text := func(v ...string) *onnxpb.Value { return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(v))}, v)) }
	column := func(v ...float64) *onnxpb.Value {
		return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(v)), 1}, v))
	}
	seq := func(v ...*onnxpb.Value) *onnxpb.Value { return &onnxpb.Value{Kind: onnxpb.KindSequence, Elems: v} }
	dict := func(keys []string, v ...*onnxpb.Value) *onnxpb.Value {
		return &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{int64(len(keys))}, keys), Elems: v}
	}
	none := &onnxpb.Value{Kind: onnxpb.KindNone}
	half := func(bits ...uint16) *onnxpb.Value {
		return onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_FLOAT16, Dims: []int64{int64(len(bits))}, Data: bits})
	}
	for _, c := range []struct {
		name      string
		got, want *onnxpb.Value
		part      string // of the error; "" for none
	}{
		{"equal", floats(1, 2), floats(1, 2), ""},
		{"within rtol", floats(100.09), floats(100), ""},
		{"beyond rtol", floats(100.11), floats(100), "element 0 is 100.11, want 100"},
		{"within atol", floats(0, 5e-8), floats(0, 0), ""},
		{"beyond atol", floats(0, 5e-7), floats(0, 0), "element 1"},
		{"NaN", floats(nan, 1), floats(nan, 1), ""},
		{"NaN for a number", floats(nan), floats(1), "element 0 is NaN"},
		{"number for NaN", floats(1), floats(nan), "want NaN"},
		{"infinity", floats(inf, -inf), floats(inf, -inf), ""},
		{"other infinity", floats(-inf), floats(inf), "element 0 is -Inf"},
		{"infinity for a number", floats(inf), floats(math.MaxFloat64), "element 0 is +Inf"},
		{"number for infinity", floats(math.MaxFloat64), floats(inf), "want +Inf"},
		{"integers", ints(1000001), ints(1000000), "element 0 is 1000001, want 1000000"},
		{"strings", text("a"), text("b"), `element 0 is "a", want "b"`},
		{"type", ints(1), floats(1), "is of type int64, want float64"},
		{"shape", column(1, 2), floats(1, 2), "has shape [2 1], want [2]"},
		{"halves", half(0x3c00), half(0x3c01), ""},
		{"other halves", half(0x3c00), half(0x4000), "element 0 is 1, want 2"},
		{"sequence", seq(floats(1), floats(2)), seq(floats(1), floats(2)), ""},
		{"element of a sequence", seq(floats(1), floats(2)), seq(floats(1), floats(3)), "element 1: element 0 is 2"},
		{"length of a sequence", seq(floats(1)), seq(), "has 1 elements, want 0"},
		{"kind", floats(1), seq(floats(1)), "is of kind tensor, want sequence"},
		{"none", none, none, ""},
		{"something for none", floats(1), none, "want empty optional"},
		{"map", dict([]string{"a"}, floats(1)), dict([]string{"a"}, floats(1)), ""},
		{"key", dict([]string{"a"}, floats(1)), dict([]string{"b"}, floats(1)), "keys: element 0"},
		{"value of a map", dict([]string{"a"}, floats(1)), dict([]string{"a"}, floats(2)), "element 0: element 0 is 1"},
		{"missing", nil, floats(1), "missing"},
	} {
		err := Compare(c.got, c.want, RTol, ATol)
		if c.part == "" && err != nil || c.part != "" && (err == nil || !strings.Contains(err.Error(), c.part)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.part)
		}
	}
}
