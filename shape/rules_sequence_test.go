package shape

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// textCase is a graph in words, and what has to be inferred of its values: as Value.String writes them, with the elements after = where they are followed; a value
// called fault is part of what one of the faults says. A graph without it is to have none.
type textCase struct {
	imports string // "" is opset 17
	inputs  string
	nodes   string
	want    string // VALUE: TYPE, one a line or after ;
}

func runTextCases(t *testing.T, cases []textCase) {
	t.Helper()
	for _, c := range cases {
		imports := c.imports
		if imports == "" {
			imports = `"" : 17`
		}
		m, err := onnxtext.Parse(fmt.Sprintf("<ir_version: 8, opset_import: [%s]> g (%s) => () {\n%s\n}", imports, c.inputs, c.nodes))
		if err != nil {
			t.Errorf("%s: %v", c.nodes, err)
			continue
		}
		r := Infer(m, Options{})
		faulty := false
		for line := range strings.SplitSeq(c.want, ";") {
			name, want, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if name == "fault" {
				faulty = true
				found := false
				for _, f := range r.Faults {
					found = found || strings.Contains(f.Msg, want)
				}
				if !found {
					t.Errorf("%s: no fault %q but %v", c.nodes, want, r.Faults)
				}
				continue
			}
			v := r.Value(name)
			got := v.String()
			if v != nil && v.Ints != nil {
				got += " = " + formatDims(v.Ints)
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", c.nodes, name, got, want)
			}
		}
		if !faulty && len(r.Faults) > 0 {
			t.Errorf("%s: %v", c.nodes, r.Faults)
		}
	}
}

func TestSequenceRules(t *testing.T) {
	const three = "float[N,3] a, float[N,3] b, float[M,3] c"
	runTextCases(t, []textCase{
		{"", three, "s = SequenceConstruct (a, b)\nl = SequenceLength (s)\nx = SequenceAt (s, i)", "s: seq(float32[N,3]) = [2];l: int64[] = [2];x: float32[N,3]"},
		{"", three, "s = SequenceConstruct (a, c)", "s: seq(float32[?,3]) = [2]"},
		{"", "float[N,3] a, float[] b", "s = SequenceConstruct (a, b)\nx = SequenceAt (s, i)", "s: seq(float32[...]) = [2];x: float32[...]"},
		{"", "float[N,3] a", "s = SequenceConstruct (a, u)", "s: seq(float32[...]) = [2]"},
		{"", "float[N,3] a, int64[N,3] b", "s = SequenceConstruct (a, b)", "s: seq(?);fault: elements of one type"},
		{"", "seq(float[N]) a", "s = SequenceConstruct (a)", "fault: input 0 is a sequence, not a tensor"},
		{"", "", "s = SequenceConstruct ()", "s: seq(?) = [0]"},
		{"", "", "s = SequenceEmpty ()\nl = SequenceLength (s)", "s: seq(float32[...]) = [0];l: int64[] = [0]"},
		{"", "", "s = SequenceEmpty <dtype = 7> ()", "s: seq(int64[...]) = [0]"},
		{"", "", "s = SequenceEmpty <dtype = 4294967303> ()", "fault: not an element type"},
		// What is put into an empty sequence is all that it holds.
		{"", three, "e = SequenceEmpty ()\ns = SequenceInsert (e, a)\nr = SequenceInsert (s, c)\nd = SequenceErase (r)",
			"s: seq(float32[N,3]) = [1];r: seq(float32[?,3]) = [2];d: seq(float32[?,3]) = [1]"},
		{"", "seq(float[N,3]) s, float[N,3] a", "r = SequenceInsert (s, a)\nd = SequenceErase (s)\nl = SequenceLength (r)",
			"r: seq(float32[N,3]);d: seq(float32[N,3]);l: int64[]"},
		{"", "seq(float[N,3]) s, int64[N,3] a", "r = SequenceInsert (s, a)", "fault: a tensor of int64 is put into a sequence of float32"},
		{"", "float[N,3] a, int64[2] p", "s = SequenceConstruct (a)\nx = SequenceAt (s, p)", "fault: not a single number"},
		{"", "float[N,3] a, int64[1] p", "s = SequenceConstruct (a)\nx = SequenceAt (s, p)", "x: float32[N,3]"},
		{"", "float[N,3] a", "x = SequenceAt (a, i)", "x: ?;fault: not a sequence"},
		{"", "float[N,3] a", "r = SequenceInsert (u, a)", "r: seq(float32[...])"},
		// Dimensions that differ from element to element are not equal when they have left the sequence: nothing is to be proven of two elements.
		{"", "float[2,3] a, float[4,3] b", "s = SequenceConstruct (a, b)\nx = SequenceAt (s, i)\ny = SequenceAt (s, j)\nt = SequenceConstruct (x, y)",
			"t: seq(float32[?,3]) = [2]"},
	})
}

func TestSplitToSequence(t *testing.T) {
	runTextCases(t, []textCase{
		{"", "float[N,6] a", "s = SplitToSequence (a)\nl = SequenceLength (s)", "s: seq(float32[1,6]) = [N];l: int64[] = [N]"},
		{"", "float[N,6] a", "s = SplitToSequence <axis = -1, keepdims = 0> (a)", "s: seq(float32[N]) = [6]"},
		{"", "float[N] a, int64[2] k", "s = SplitToSequence (a, k)\nl = SequenceLength (s)", "s: seq(float32[?]) = [2];l: int64[] = [2]"},
		{"", "float[N] a, int64[2,2] k", "s = SplitToSequence (a, k)", "fault: neither a number nor a list"},
		{"", "float[N] a", "s = SplitToSequence <axis = 1> (a)", "s: seq(float32[...]);fault: axis 1"},
		{"", "float[] a", "s = SplitToSequence (a)", "s: seq(float32[...])"},
	})
}

// The sizes of the parts, from initializers.
func TestSplitSizes(t *testing.T) {
	for _, c := range []struct{ input, sizes, want string }{
		{"float[6]", "int64 k = {2}", "seq(float32[2]) = [3]"},
		{"float[6]", "int64 k = {4}", "seq(float32[?]) = [2]"},
		{"float[6]", "int64 k = {7}", "seq(float32[6]) = [1]"},
		{"float[N]", "int64 k = {2}", "seq(float32[?]) = [floor((N+1)/2)]"},
		{"float[N]", "int64 k = {1}", "seq(float32[1]) = [N]"},
		{"float[6]", "int64[3] k = {2, 2, 2}", "seq(float32[2]) = [3]"},
		{"float[6]", "int64[3] k = {2, 2, 3}", "fault: the parts have 7 together, the dimension is 6"},
		{"float[7]", "int64[3] k = {2, 2, 3}", "seq(float32[?]) = [3]"},
		{"float[N]", "int64[3] k = {2, 2, 2}", "seq(float32[2]) = [3]"},
		{"float[1]", "int64[2] k = {-1, 2}", "fault: a part has the size -1"},
		{"float[1]", "int64 k = {0}", "fault: the parts have the size 0"},
	} {
		m, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\" : 17]> g (" + c.input + " a) => () <" + c.sizes + "> { s = SplitToSequence (a, k) }")
		if err != nil {
			t.Fatal(err)
		}
		r := Infer(m, Options{})
		got := ""
		if len(r.Faults) > 0 {
			got = "fault: " + strings.TrimPrefix(r.Faults[0].Msg, "SplitToSequence: ")
		} else if v := r.Value("s"); v.Ints != nil {
			got = v.String() + " = " + formatDims(v.Ints)
		} else {
			got = v.String()
		}
		if got != c.want {
			t.Errorf("%s split by %s: %s, want %s", c.input, c.sizes, got, c.want)
		}
	}
}

func TestConcatFromSequence(t *testing.T) {
	const three = "float[N,3] a, float[N,3] b, float[M,3] c"
	runTextCases(t, []textCase{
		{"", three, "s = SequenceConstruct (a, b)\nx = ConcatFromSequence <axis = 1> (s)\ny = ConcatFromSequence <axis = -3, new_axis = 1> (s)",
			"x: float32[N,6];y: float32[2,N,3]"},
		{"", three, "s = SequenceConstruct (a, c)\nx = ConcatFromSequence <axis = 0> (s)", "x: float32[?,3]"},
		{"", "seq(float[N,3]) s", "x = ConcatFromSequence <axis = 0> (s)\ny = ConcatFromSequence <axis = -1, new_axis = 1> (s)", "x: float32[?,3];y: float32[N,3,?]"},
		{"", "seq(float[N,3]) s", "x = ConcatFromSequence <axis = 2> (s)", "x: float32[...];fault: axis 2"},
		{"", "seq(float[N,3]) s", "x = ConcatFromSequence <axis = 0, new_axis = 2> (s)", "fault: new_axis is 2"},
		{"", "seq(float[]) s", "x = ConcatFromSequence <axis = 0> (s)", "x: float32[...]"},
		{"", "seq(seq(float[N])) s", "x = ConcatFromSequence <axis = 0> (s)", "fault: holds"},
		{"", "float[N] a", "s = SequenceConstruct (a)\nx = ConcatFromSequence <axis = 0> (s)", "x: float32[N]"},
		{"", "float[N,6] a", "s = SplitToSequence (a)\nx = ConcatFromSequence <axis = 0> (s)", "x: float32[N,6]"},
		{"", "float[N,6] a", "s = SplitToSequence <axis = 1, keepdims = 0> (a)\nx = ConcatFromSequence <axis = 1, new_axis = 1> (s)", "x: float32[N,6]"},
	})
}

func TestOptionalRules(t *testing.T) {
	const v18 = `"" : 18`
	runTextCases(t, []textCase{
		{"", "float[N,3] a", "o = Optional (a)\nx = OptionalGetElement (o)\nh = OptionalHasElement (o)",
			"o: optional(float32[N,3]) = [1];x: float32[N,3];h: bool[] = [1]"},
		{"", "", "o = Optional <type = float[N,3]> ()\nx = OptionalGetElement (o)\nh = OptionalHasElement (o)",
			"o: optional(float32[N,3]) = [0];x: float32[N,3];h: bool[] = [0]"},
		{"", "", "o = Optional <type = seq(float[N,3])> ()\nx = OptionalGetElement (o)", "o: optional(seq(float32[N,3])) = [0];x: seq(float32[N,3])"},
		{"", "float[N,3] a", "o = Optional <type = int64[N,3]> (a)", "fault: element type is float32"},
		{"", "", "o = Optional ()", "o: ?"},
		{"", "optional(float[N,3]) o", "x = OptionalGetElement (o)\nh = OptionalHasElement (o)", "x: float32[N,3];h: bool[]"},
		{"", "float[N,3] o", "x = OptionalGetElement (o)", "fault: not an optional"},
		{"", "float[N,3] o", "h = OptionalHasElement (o)", "fault: not an optional"},
		{v18, "float[N,3] o", "x = OptionalGetElement (o)\nh = OptionalHasElement (o)", "x: float32[N,3];h: bool[] = [1]"},
		{v18, "", "h = OptionalHasElement ()\ni = OptionalHasElement (u)", "h: bool[] = [0];i: bool[]"},
	})
}

// No node makes the rules panic, whatever it is given.
func TestHostileNodes(t *testing.T) {
	const header = "float[N,3] a, float b, int64[0] c, seq(float[N]) d, seq(seq(int64[])) e, optional(float[2]) f, map(string, float[]) g, " +
		"string[1,2,3] h, undefined[] i, seq() j, optional() k"
	names := append([]string{"", "nobody"}, strings.Fields("a b c d e f g h i j k n m")...)
	for domain, set := range map[string]ruleSet{"": sequenceRules(), "onnx.text": textRules(), mlDomain: mlRules()} {
		if domain == "onnx.text" {
			domain = ""
		}
		for op := range set {
			for _, version := range []int64{1, 3, 5, 17, 24} {
				m, err := onnxtext.Parse(fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d, "ai.onnx.ml" : %d]> g (%s) => () `+
					`<int64 n = {-3}, int64[2] m = {9223372036854775807, 9223372036854775807}> {}`,
					version, version, header))
				if err != nil {
					t.Fatal(err)
				}
				count := 0
				for _, x := range names {
					for _, y := range names {
						for outs := range 4 {
							n := onnxpb.Node(op, "", []string{x, y, "m"}[:(count+outs)%4%3+1], nil)
							n.Domain = &domain
							for range outs {
								count++
								n.Output = append(n.Output, fmt.Sprint("o", count))
							}
							if count%5 == 0 {
								n.Input = nil
							}
							for _, name := range strings.Fields("axis new_axis keepdims dtype type targets n_targets stopwords ngram_indexes inputdimensions " +
								"vectors_per_class classlabels_ints classlabels_strings " +
								"classlabels_int64s values_tensor cats_int64s cast_to max_map intercepts") {
								switch (count + len(n.Attribute)) % 5 {
								case 0:
									n.Attribute = append(n.Attribute, onnxpb.Int(name, math.MinInt64))
								case 1:
									n.Attribute = append(n.Attribute, onnxpb.Ints(name, math.MaxInt64, math.MaxInt64))
								case 2:
									n.Attribute = append(n.Attribute, onnxpb.Strs(name, "", "x"))
								case 3:
									n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: &name})
								}
							}
							m.Graph.Node = append(m.Graph.Node, n)
						}
					}
				}
				Infer(m, Options{})
			}
		}
	}
}
