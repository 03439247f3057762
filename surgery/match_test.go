package surgery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// patternOf reads a pattern, which need not be valid.
func patternOf(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse("p " + text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

// TestMatch finds patterns in graphs, and holds the nodes of each match to those that were meant.
func TestMatch(t *testing.T) {
	swish := `(x) => (y) { s = Sigmoid (x) y = Mul (x, s) }`
	for _, c := range []struct {
		name, model, pattern string
		o                    MatchOptions
		want                 string // nodes of a match joined by +, matches parted by blanks
	}{
		{"one", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (x, s) }`, swish, MatchOptions{}, "a+b"},
		{"in the other order", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (s, x) }`, swish, MatchOptions{}, "a+b"},
		{"order matters to Sub", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Sub (s, x) }`, `(x) => (y) { s = Sigmoid (x) y = Sub (x, s) }`, MatchOptions{}, ""},
		{"another value", `g (float[3] x, float[3] z) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (z, s) }`, swish, MatchOptions{}, ""},
		{"two inputs that are one value", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (x, s) }`, `(p, q) => (y) { s = Sigmoid (p) y = Mul (q, s) }`, MatchOptions{}, "a+b"},
		{"an inner value that another node reads", `g (float[3] x) => (float[3] y, float[3] z) { [a] s = Sigmoid (x) [b] y = Mul (x, s) [c] z = Neg (s) }`, swish, MatchOptions{}, ""},
		{"an inner value that is an output", `g (float[3] x) => (float[3] y, float[3] s) { [a] s = Sigmoid (x) [b] y = Mul (x, s) }`, swish, MatchOptions{}, ""},
		{"an inner value that a branch reads", `g (float[3] x, bool c) => (float[3] y, float[3] z) { [a] s = Sigmoid (x) [b] y = Mul (x, s)
			[i] z = If (c) <then_branch = t () => (float[3] p) { p = Neg (s) }, else_branch = e () => (float[3] q) { q = Abs (x) }> }`, swish, MatchOptions{}, ""},
		{"given back too", `g (float[3] x) => (float[3] y, float[3] z) { [a] s = Sigmoid (x) [b] y = Mul (x, s) [c] z = Neg (s) }`, `(x) => (y, s) { s = Sigmoid (x) y = Mul (x, s) }`, MatchOptions{}, "a+b"},
		{"twice the same value inside", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (s, s) }`, `(x) => (y) { s = Sigmoid (x) y = Mul (s, s) }`, MatchOptions{}, "a+b"},
		{"twice is not once", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] y = Mul (s, s) }`, swish, MatchOptions{}, ""},
		{"in a branch, which reads a value around it", `g (float[3] x, bool c) => (float[3] z) { 
			[i] z = If (c) <then_branch = t () => (float[3] p) { [a] s = Sigmoid (x) [b] p = Mul (x, s) }, else_branch = e () => (float[3] q) { q = Abs (x) }> }`, swish, MatchOptions{}, "a+b"},
		{"not over the edge of a branch", `g (float[3] x, bool c) => (float[3] z) { [a] s = Sigmoid (x)
			[i] z = If (c) <then_branch = t () => (float[3] p) { [b] p = Mul (x, s) }, else_branch = e () => (float[3] q) { q = Abs (x) }> }`, swish, MatchOptions{}, ""},
		{"only where it is asked for", `g (float[3] x, bool c) => (float[3] z, float[3] v) { [a] s = Neg (x) [b] v = Neg (s)
			[i] z = If (c) <then_branch = t () => (float[3] p) { [d] p = Neg (x) }, else_branch = e () => (float[3] q) { [f] q = Neg (x) }> }`, `(x) => (y) { y = Neg (x) }`, MatchOptions{Graphs: []string{"*/else_branch"}}, "f"},
		{"no node is in two groups", `g (float[3] x) => (float[3] y) { [a] p = Neg (x) [b] q = Neg (p) [c] r = Neg (q) [d] s = Neg (r) [e] y = Neg (s) }`, `(x) => (y) { h = Neg (x) y = Neg (h) }`, MatchOptions{}, "a+b c+d"},
		{"another domain", `g (float[3] x) => (float[3] y) { [a] y = acme.Neg (x) }`, `(x) => (y) { y = Neg (x) }`, MatchOptions{}, ""},
		{"a custom domain", `g (float[3] x) => (float[3] y) { [a] y = acme.Neg (x) }`, `(x) => (y) { y = acme.Neg (x) }`, MatchOptions{}, "a"},
		{"more inputs than the pattern's", `g (float[3] x, float h) => (float[3] y) { [a] y = Clip (x, h) }`, `(x) => (y) { y = Clip (x) }`, MatchOptions{}, ""},
		{"inputs that are left out", `g (float[3] x, float h) => (float[3] y) { [a] y = Clip (x, "", h) }`, `(x, h) => (y) { y = Clip (x, "", h) }`, MatchOptions{}, "a"},
		{"empty at the end is left out", `g (float[3] x, float l) => (float[3] y) { [a] y = Clip (x, l, "") }`, `(x, l) => (y) { y = Clip (x, l) }`, MatchOptions{}, "a"},
		{"outputs that nobody reads", `g (float[4] x) => (float[2] y) { [a] y, z = Split (x) }`, `(x) => (y) { y = Split (x) }`, MatchOptions{}, "a"},
		{"outputs that somebody reads", `g (float[4] x) => (float[2] y, float[2] u) { [a] y, z = Split (x) [b] u = Neg (z) }`, `(x) => (y) { y = Split (x) }`, MatchOptions{}, ""},
		{"more outputs than there are", `g (float[4] x) => (float[2] y) { [a] y = Split (x) }`, `(x) => (y, z) { y, z = Split (x) }`, MatchOptions{}, ""},

		{"an attribute", `g (float[3] x) => (float[3] y) { [a] h = LeakyRelu <alpha = 0.5> (x) [b] y = LeakyRelu <alpha = 0.25> (h) }`, `(x) => (y) { y = LeakyRelu <alpha = 0.25> (x) }`, MatchOptions{}, "b"},
		{"an attribute that is the default", `g (float[3] x) => (float[3] y) { [a] h = LeakyRelu (x) [b] y = LeakyRelu <alpha = 0.25> (h) }`, `(x) => (y) { y = LeakyRelu <alpha = 0.01> (x) }`, MatchOptions{}, "a"},
		{"the default may be written out", `g (float[3] x) => (float[3] y) { [a] h = LeakyRelu <alpha = 0.01> (x) [b] y = LeakyRelu <alpha = 0.25> (h) }`, `(x) => (y) { y = LeakyRelu (x) }`, MatchOptions{}, "a"},
		{"an integer for a float", `g (float[3] x) => (float[3] y) { [a] y = LeakyRelu <alpha = 1.0> (x) }`, `(x) => (y) { y = LeakyRelu <alpha = 1> (x) }`, MatchOptions{}, "a"},
		{"attributes that are not told", `g (float[3] x) => (float[3] y) { [b] y = LeakyRelu <alpha = 0.25> (x) }`, `(x) => (y) { y = LeakyRelu (x) }`, MatchOptions{AnyAttributes: true}, "b"},
		{"of a list without a default", `g (float[2,3] x) => (float[3,2] y) { [a] y = Transpose <perm = [1,0]> (x) }`, `(x) => (y) { y = Transpose (x) }`, MatchOptions{}, ""},
		{"one name for two attributes of one value", `g (float[3] x) => (float[3] y) { [a] h = LeakyRelu <alpha = 0.5> (x) [b] i = Elu <alpha = 0.5> (h) [c] j = LeakyRelu <alpha = 0.5> (i) [d] y = Elu <alpha = 0.25> (j) }`,
			`(x) => (y) { h = LeakyRelu <alpha: float = @a> (x) y = Elu <alpha: float = @a> (h) }`, MatchOptions{}, "a+b"},
		{"a tensor", `g (int64[2] x) => (float y) { [a] h = ConstantOfShape <value = float[1] {1}> (x) [b] y = ReduceMax <keepdims = 0> (h) }`, `(x) => (y) { y = ConstantOfShape <value = float[1] {1}> (x) }`, MatchOptions{}, "a"},

		{"a constant of the same value", `g (float[3] x) => (float[3] y) <float k = {0.5}, float l = {0.25}> { [a] h = Mul (x, k) [b] y = Mul (h, l) }`, `(x) => (y) <float half = {0.5}> { y = Mul (x, half) }`, MatchOptions{}, "a"},
		{"a Constant is a constant", `g (float[3] x) => (float[3] y) { [k] k = Constant <value_float = 0.5> () [a] y = Mul (k, x) }`, `(x) => (y) <float half = {0.5}> { y = Mul (x, half) }`, MatchOptions{}, "a"},
		{"a Constant of the pattern", `g (float[3] x) => (float[3] y) <float k = {0.5}> { [a] y = Mul (x, k) }`, `(x) => (y) { k = Constant <value_float = 0.5> () y = Mul (k, x) }`, MatchOptions{}, "a"},
		{"another shape is another value", `g (float[3] x) => (float[3] y) <float[1] k = {0.5}> { [a] y = Mul (x, k) }`, `(x) => (y) <float half = {0.5}> { y = Mul (x, half) }`, MatchOptions{}, ""},
		{"-0 is not 0", `g (float[3] x) => (float[3] y) <float k = {-0.0}> { [a] y = Add (x, k) }`, `(x) => (y) <float zero = {0}> { y = Add (x, zero) }`, MatchOptions{}, ""},
		{"what an input may override is no constant", `g (float[3] x, float k = {0.5}) => (float[3] y) { [a] y = Mul (x, k) }`, `(x) => (y) <float half = {0.5}> { y = Mul (x, half) }`, MatchOptions{}, ""},
		{"any constant", `g (float[3] x, float[3] z) => (float[3] y) <float[3] w = {1,2,3}> { [a] h = Add (x, z) [b] y = Add (w, h) }`, `(x, w) => (y) { y = Add (x, w) }`, MatchOptions{Constants: []string{"w"}}, "b"},

		{"an element type", `g (float[3] x, double[3] z) => (float[3] y, double[3] u) { [a] y = Neg (x) [b] u = Neg (z) }`, `(double[3] x) => (y) { y = Neg (x) }`, MatchOptions{}, "b"},
		{"a rank", `g (float[3] x, float[1,3] z) => (float[3] y, float[1,3] u) { [a] y = Neg (x) [b] u = Neg (z) }`, `(float[A,B] x) => (y) { y = Neg (x) }`, MatchOptions{}, "b"},
		{"a size that follows", `g (float[N,3] x) => (float[3,N] y) { [a] h = Transpose <perm = [1,0]> (x) [b] y = Neg (h) }`, `(float[3,B] x) => (y) { y = Neg (x) }`, MatchOptions{}, "b"},
		{"one symbol is one size", `g (float[N,3] x, float[N,N] z) => (float[N,3] y, float[N,N] u) { [a] y = Neg (x) [b] u = Neg (z) }`, `(float[A,A] x) => (y) { y = Neg (x) }`, MatchOptions{}, "b"},
		{"a type of what is given back", `g (float[3] x, double[3] z) => (float[3] y, double[3] u) { [a] y = Neg (x) [b] u = Neg (z) }`, `(x) => (double[3] y) { y = Neg (x) }`, MatchOptions{}, "b"},
		{"a type that is not known", `g (float[3] x) => (float[3] y) { [a] h = acme.Odd (x) [b] z = acme.Odd (h) [c] y = acme.Even (z) }`, `(float[3] x) => (y) { y = acme.Odd (x) }`, MatchOptions{}, "a"},

		{"parts that hang together by an input", `g (float[2,2] x) => (float[2,2] q, float[2,2] k) <float[2,2] w = {1,2,3,4}, float[2,2] u = {5,6,7,8}> { [a] q = MatMul (x, w) [b] k = MatMul (x, u) }`,
			`(x, w, u) => (q, k) { q = MatMul (x, w) k = MatMul (x, u) }`, MatchOptions{Constants: []string{"w", "u"}}, "a+b"},
		{"a pattern made of patterns", `g (float[3] x, float[3] z) => (float[3] y) { [n1] a = Neg (x) [n2] b = Neg (z) [n3] c = Exp (a) [n4] d = Exp (b) [n5] y = Add (c, d) }`,
			`(p, q) => (y) { l = local.part (p) r = local.part (q) y = Add (l, r) } <opset_import: ["": 17], domain: "local"> part (i) => (o) { h = Neg (i) o = Exp (h) }`, MatchOptions{}, "n1+n3+n2+n4+n5"},
		{"what is accepted", `g (float[3] x) => (float[3] y) { [a] h = LeakyRelu <alpha = 0.5> (x) [b] y = LeakyRelu <alpha = 0.25> (h) }`, `(x) => (y) { y = LeakyRelu <alpha: float = @a> (x) }`,
			MatchOptions{Accept: func(m *PatternMatch) bool { return m.Attributes["a"].GetF() < 0.3 }}, "b"},
		{"the second way is tried where the first fails further on", `g (float[3] x, float[3] z) => (float[3] y) { [a] p = Neg (x) [b] q = Exp (z) [c] y = Add (q, p) }`,
			`(u, v) => (y) { p = Neg (u) q = Exp (v) y = Add (p, q) }`, MatchOptions{}, "a+b+c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "acme": 1, "local": 1]> ` + c.model)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Match(m, patternOf(t, c.pattern), c.o)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				var names []string
				for _, n := range f.Nodes {
					names = append(names, n.Label())
				}
				got = append(got, strings.Join(names, "+"))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("found %q, want %q", s, c.want)
			}
		})
	}
}

func TestMatchTellsValues(t *testing.T) {
	m := fromText(t, `g (float[3] in, bool c) => (float[3] out) {
		out = If (c) <then_branch = t () => (float[3] p) { h = LeakyRelu <alpha = 0.5> (in) p = Elu (h) }, else_branch = e () => (float[3] q) { q = Abs (in) }> }`)
	found, err := Match(m, patternOf(t, `(x) => (y) { h = LeakyRelu <alpha: float = @a> (x) y = Elu <alpha: float = @b> (h) }`), MatchOptions{})
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	f := found[0]
	if s := fmt.Sprint(f.Graph, f.Values, f.Attributes["a"].GetF(), f.Attributes["b"].GetF()); s != "If -> out/then_branchmap[h:h x:in y:p] 0.5 1" {
		t.Error(s)
	}
}

func TestMatchRefuses(t *testing.T) {
	m := fromText(t, `g (float[3] x) => (float[3] y) { y = Neg (x) }`)
	for pattern, words := range map[string]string{
		`(x) => (y) { }`: "no nodes", `(x) => (x) { y = Neg (x) }`: "none of its nodes makes", `(x) => (y) { y = Neg (z) }`: `reads "z"`,
		`(x) => (y) { y = Neg (x) z = Abs (x) }`: "which nothing reads", `(x, z) => (y, u) { y = Neg (x) u = Abs (z) }`: "nothing to do with",
		`(x) => (y) { y = Neg (x) y = Abs (x) }`: "twice", `(x, c) => (y) { y = If (c) <then_branch = t () => (float p) { p = Neg (x) }, else_branch = e () => (float q) { q = Abs (x) }> }`: "subgraph",
	} {
		failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
			_, err := Match(m, patternOf(t, pattern), MatchOptions{})
			return nil, err
		}, onnxpb.Usage, words)
	}
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		_, err := Match(m, patternOf(t, `(x) => (y) { y = Neg (x) }`), MatchOptions{Constants: []string{"y"}})
		return nil, err
	}, onnxpb.Usage, "no input")
}

// TestMatchEndsWhereItCannotTry has thousands of nodes read one value, in pairs of which none fits: it is told, and not tried for hours.
func TestMatchEndsWhereItCannotTry(t *testing.T) {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "a%d = Add (x, x) ", i)
	}
	m := fromText(t, `g (float[3] x) => (float[3] a0) { `+b.String()+` }`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		_, err := Match(m, patternOf(t, `(x) => (p, q, r) { p = Add (x, x) q = Add (x, x) r = Add (x, x) }`), MatchOptions{Accept: func(*PatternMatch) bool { return false }})
		return nil, err
	}, onnxpb.Refused, "too many ways")
}

// TestReplace replaces patterns and holds the graph to what it is to be.
func TestReplace(t *testing.T) {
	for _, c := range []struct{ name, model, pattern, block, want string }{
		{"all groups", `g (float[3] x) => (float[3] y) { [a] s = Sigmoid (x) [b] h = Mul (x, s) [c] t = Sigmoid (h) [d] y = Mul (t, h) }`, `(x) => (y) { s = Sigmoid (x) y = Mul (x, s) }`, `(x) => (y) { y = Elu (x) }`,
			`{ ["h/Elu"] h = Elu (x) ["y/Elu"] y = Elu (h) }`},
		{"attributes come along", `g (float[3] x) => (float[3] y) { h = LeakyRelu <alpha = 0.5> (x) y = LeakyRelu (h) }`, `(x) => (y) { y = LeakyRelu <alpha: float = @a> (x) }`, `(x) => (y) { y = Elu <alpha: float = @a> (x) }`,
			`{ ["h/Elu"] h = Elu <alpha: float = 0.5> (x) ["y/Elu"] y = Elu <alpha: float = 0.01> (h) }`},
		{"one initializer for all", `g (float[3] x) => (float[3] y) { h = Relu (x) y = Relu (h) }`, `(x) => (y) { y = Relu (x) }`, `(x) => (y) <float zero = {0}> { y = Max (x, zero) }`,
			`< float zero = {0} > { ["h/Max"] h = Max (x, zero) ["y/Max"] y = Max (h, zero) }`},
		{"names are made unique", `g (float[3] x, float[3] zero) => (float[3] y, float[3] "y/h") { y = Relu (x) "y/h" = Neg (zero) }`, `(x) => (y) { y = Relu (x) }`, `(x) => (y) <float zero = {0}> { h = Max (x, zero) y = Max (h, zero) }`,
			`< float zero_1 = {0} > { ["y/Max"] "y/h_1" = Max (x, zero_1) ["y/Max_1"] y = Max ("y/h_1", zero_1) "y/h" = Neg (zero) }`},
		{"weights that only the group read go", `g (float[3] x) => (float[3] y) <float k = {0.5}, float[3] w = {1,2,3}> { h = Mul (x, k) y = Add (h, w) }`, `(x, k) => (y) { y = Mul (x, k) }`, `(x) => (y) { y = Neg (x) }`,
			`< float[3] w = {1,2,3} > { ["h/Neg"] h = Neg (x) y = Add (h, w) }`},
		{"value_info of what is gone goes, of what is given back stays", `g (float[N] x) => (float[N] y) <float[N] s, float[N] h> { s = Neg (x) h = Exp (s) y = Abs (h) }`, `(x) => (y) { s = Neg (x) y = Exp (s) }`, `(x) => (y) { y = Exp (x) }`,
			`< float[N] h > { ["h/Exp"] h = Exp (x) y = Abs (h) }`},
		{"what nobody knows keeps its type", `g (float[N] x) => (float[N] y) { h = Neg (x) y = Abs (h) }`, `(x) => (y) { y = Neg (x) }`, `(x) => (y) { y = acme.Flip (x) }`,
			`< float[N] h > { ["h/Flip"] h = acme.Flip (x) y = Abs (h) }`},
		{"several outputs, in an order that holds", `g (float[3] x) => (float[3] y, float[3] z) { [a] p = Neg (x) [b] q = Abs (p) [c] z = Exp (q) [d] y = Add (p, x) }`, `(x) => (p, y) { p = Neg (x) y = Add (p, x) }`,
			`(x) => (p, y) { y = Sub (x, x) p = Neg (x) }`, `{ ["p/Sub"] y = Sub (x, x) ["p/Neg"] p = Neg (x) [b] q = Abs (p) [c] z = Exp (q) }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "acme": 1]> ` + c.model)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Replace(m, patternOf(t, c.pattern), patternOf(t, c.block), ReplaceOptions{}); err != nil {
				t.Fatal(err)
			}
			valid(t, m, "after")
			_, after, _ := strings.Cut(toText(t, m), ") => (")
			_, after, _ = strings.Cut(after, ") ")
			if got := strings.Join(strings.Fields(after), " "); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReplaceRefuses(t *testing.T) {
	m := fromText(t, `g (float[N,3] x) => (float[N,3] y) { [a] h = Neg (x) [b] k = Exp (h) [c] y = Add (h, k) }`)
	for _, c := range []struct {
		pattern, block string
		kind           onnxpb.Kind
		words          string
	}{
		{`(x) => (y) { y = Abs (x) }`, `(x) => (y) { y = Neg (x) }`, onnxpb.Unfit, "there is no Abs"},
		{`(x) => (y) { s = Neg (x) y = Neg (s) }`, `(x) => (y) { y = Neg (x) }`, onnxpb.Unfit, "no group of nodes"},
		{`(x) => (y) { y = Neg (x) }`, `(z) => (y) { y = Neg (z) }`, onnxpb.Unfit, `takes "z"`},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (z) { z = Neg (x) }`, onnxpb.Unfit, `gives back "z"`},
		{`(x) => (h, y) { h = Exp (x) y = Add (x, h) }`, `(x) => (y) { y = Neg (x) }`, onnxpb.Unfit, `does not give back "h"`},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (y) { y = Elu <alpha: float = @a> (x) }`, onnxpb.Unfit, `attribute "a"`},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (x) { y = Neg (x) }`, onnxpb.Unfit, `gives back "x"`},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (y) { y = Transpose <perm = [1,0]> (x) }`, onnxpb.Refused, "would be"},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (y) { y = Not (x) }`, onnxpb.Refused, "would be"},
		{`(x) => (y) { y = Neg (x) }`, `(x) => (y) { y = Nogo (x) }`, onnxpb.Unfit, "Nogo"},
		{`(x) => (h, y) { h = Neg (x) k = Exp (h) y = Add (h, k) }`, `(x) => (h, y) { h = Neg (y) y = Neg (h) }`, onnxpb.Refused, "cycle"},
	} {
		failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
			return Replace(m, patternOf(t, c.pattern), patternOf(t, c.block), ReplaceOptions{})
		}, c.kind, c.words)
	}
}

// TestReplaceHoldsVersionsAndNames refuses a pattern of another Softmax than the model's, and takes a block whose inner value has the name of an input of the pattern that it does not take.
func TestReplaceHoldsVersionsAndNames(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 11]> g (float[2,4,3] x) => (float[2,4,3] y) { y = Softmax (x) }`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> p (a) => (b) { b = Softmax (a) }`)
	if err != nil {
		t.Fatal(err)
	}
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return Replace(m, p, patternOf(t, `(a) => (b) { b = Neg (a) }`), ReplaceOptions{})
	}, onnxpb.Unfit, "operator Softmax differs")
	m = fromText(t, `g (float[2] x, float[2] w) => (float[2] y) { y = Mul (x, w) }`)
	if _, err := Replace(m, patternOf(t, `(a, k) => (b) { b = Mul (a, k) }`), patternOf(t, `(a) => (b) { k = Relu (a) b = Neg (k) }`), ReplaceOptions{}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
}

// TestMatchTellsOfUnreadableData makes an error of constants that cannot be compared, and no answer.
func TestMatchTellsOfUnreadableData(t *testing.T) {
	m := fromText(t, `g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { y = Mul (x, w) }`)
	p := patternOf(t, `(x) => (y) <float[2] w = ["location": "nowhere.bin"]> { y = Mul (x, w) }`)
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		_, err := Match(m, p, MatchOptions{PatternDir: t.TempDir()})
		return nil, err
	}, onnxpb.Unfit, "nowhere.bin")
}

// TestReplaceLeavesSymbolsOfBranches has a block with branches, whose symbols are not the model's.
func TestReplaceLeavesSymbolsOfBranches(t *testing.T) {
	m := fromText(t, `g (float[N,4] x, float[M,4] z) => (float[N,4] y, float[M,4] q) { y = Elu (x) q = Elu (z) }`)
	b := patternOf(t, `(a) => (b) { n = ReduceSum <keepdims = 0> (a) c = Cast <to = 9> (n) b = If (c) <then_branch = t () => (float[N,4] p) { p = Neg (a) }, else_branch = e () => (float[N,4] r) { r = Abs (a) }> }`)
	if _, err := Replace(m, patternOf(t, `(a) => (b) { b = Elu (a) }`), b, ReplaceOptions{}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	everyNode(m.Graph.Node, func(x *onnxpb.NodeProto) {
		for g := range x.Subgraphs() {
			for _, v := range g.Output {
				if d, ok := v.Shape(); !ok || len(d) != 2 || d[0].Param != "" || d[1] != onnxpb.Number(4) {
					t.Errorf("%s is declared %s", v.GetName(), onnxpb.FormatTypeProto(v.Type))
				}
			}
		}
	})
}

// TestReplaceBesideAnOldContradiction replaces a node whose output was declared wrong before, by one of another operator: that is not the edit's doing.
func TestReplaceBesideAnOldContradiction(t *testing.T) {
	m := fromText(t, `g (float[2,3] x) => (float[2,3] v, float[2,3] y) <float[3] k = {0.5,1,2}> { v = Mul (k, k) y = Neg (x) }`)
	if _, err := Replace(m, patternOf(t, `(a, c) => (b) { b = Mul (a, c) }`), patternOf(t, `(a, c) => (b) { b = Sub (a, c) }`), ReplaceOptions{}); err != nil {
		t.Error(err)
	}
}

// TestReplaceInOldModels gives a model of IR version 3 an initializer, which has to be an input there.
func TestReplaceInOldModels(t *testing.T) {
	m := fromText(t, `g (float[3] x) => (float[3] y) { y = Relu (x) }`)
	v := int64(3)
	m.IrVersion, m.OpsetImport = &v, []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 8)}
	if _, err := Replace(m, patternOf(t, `(x) => (y) { y = Relu (x) }`), patternOf(t, `(x) => (y) <float zero = {0}> { y = Max (x, zero) }`), ReplaceOptions{}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	if !slices.Contains(inputNames(m.Graph), "zero") {
		t.Errorf("inputs %v", inputNames(m.Graph))
	}
}
