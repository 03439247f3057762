package expr

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{ // against the same said otherwise: precedence, fractions, names
		"1+2*3":                      "7",
		"2*(1+2)":                    "6",
		"7-2-1":                      "4",
		"2*3**2":                     "18",
		"-3**2":                      "-9",
		"(-3)**2":                    "9",
		"N**0":                       "1",
		"2**62":                      "4611686018427387904",
		"-7//2":                      "-4",
		"1-7//2":                     "-2",
		"7//2*2":                     "6",
		"7%4*2":                      "6",
		"- - N":                      "N",
		"+N":                         "N",
		"N/1":                        "N",
		"2*N/2":                      "N",
		"N/2*2":                      "N",
		"N/2+N/2":                    "N",
		"N*(1/2)+N*3/2":              "2*N",
		"1/2+1/3+1/6":                "1",
		"N/(1/2)":                    "2*N",
		"N/2//3":                     "floor(N/6)",
		"floor(H/2 + 1/2)":           "ceil(H/2)",
		"floor(H/2 - 1/2) + 1":       "(H+1)//2",
		"ceiling(H/2)":               "-floor(-H/2)",
		"trunc(-N*3/2)":              "-trunc(3*N/2)",
		"Mod(N, 4)":                  "N%4",
		"Max(1, Min(N,M,K))":         "min(K,min(M,N))",
		"floor(floor/2)":             "floor/2//1",
		" N\t*\n( M ) ":              "M*N",
		`"a+b"+"Größe"`:              `Größe+"a+b"`,
		"größe_1.x*数":                "数*größe_1.x",
		"_":                          "_",
		"unk__12+past.len":           "past.len+unk__12",
		"-9223372036854775808":       "-9223372036854775807-1",
		"- 009223372036854775808//2": "-4611686018427387904",
		"9223372036854775807":        "9223372036854775807",
		"max(4)":                     "4",
	} {
		a, b := parse(t, in), parse(t, want)
		if !a.Equal(b) {
			t.Errorf("%s is %v, want %v", in, a, b)
		}
	}
	for _, s := range []string{"?", "?+1", "N//0", "N%0", "N/0", "9223372036854775807+1", "N**33", "2**63", "N**32*N", "floor(?/2)", "min(?,1)"} {
		if e := parse(t, s); e.Known() {
			t.Errorf("%s is %v, and not unknown", s, e)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "position 1: the end where a number",
		"N+":                             "position 3: the end where a number",
		"N+*2":                           `position 3: "*" where a number`,
		"é+)":                            `position 3: ")" where`,
		"N M":                            `position 3: "M" is not expected here`,
		"2N":                             "position 2: a name behind a number: write 2*N",
		"(N":                             "position 3: the end where ) closes the ( at position 1",
		"N)":                             `position 2: ")" is not expected`,
		"N/2":                            "position 2: a quotient that is not a whole number",
		"min(N/2,1)":                     "position 6: a quotient",
		"N/3%2":                          "position 2: a quotient",
		"floor()":                        `position 7: ")" where a number`,
		"floor(N,2)":                     "position 1: floor takes 1, not 2",
		"mod(N)":                         "position 1: mod takes 2, not 1",
		"min(N":                          "position 6: the end where min goes on",
		"sqrt(N)":                        "position 1: sqrt is no function",
		"N**-1":                          "position 4: a power is a number from 0 to 64",
		"N**65":                          "position 4: a power",
		"2**3**2":                        "position 7: a power of a power",
		"9223372036854775808":            "position 1: the number 9223372036854775808 is too large",
		"1-9223372036854775808":          "position 3: the number",
		"-9223372036854775808**1":        "position 2: the number",
		`"abc`:                           "position 1: a name in quotes does not end",
		`""`:                             "position 1: a name is empty",
		".5":                             `position 1: "." where`,
		"N\x00":                          `position 2: "\x00" is not expected`,
		"\xff":                           `position 1: "\xff" where`,
		"N = 2":                          `position 3: "=" is not expected`,
		strings.Repeat("(", 1000) + "N":  "nested more than 200 deep",
		strings.Repeat("-", 1000) + "N":  "nested more than 200 deep",
		strings.Repeat("floor(", 100000): "nested more than 200 deep",
	} {
		e, err := Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", in, err, want)
		}
		if err != nil && (e.Known() || len(err.Error()) > 300) {
			t.Errorf("%.40q: %v beside an error of %d bytes", in, e, len(err.Error()))
		}
	}
}

// TestNames holds every string to be a name that comes back, be it an expression itself.
func TestNames(t *testing.T) {
	for _, name := range []string{"N", "batch size", "N+1", "2", "?", `a"b\`, "floor", "min", "x\x00\xff", "a::b", "-", "é", "e\u0301", "\u0301", "１", "."} {
		e := Sym(name).Mul(Int(2))
		back := parse(t, e.String())
		if !back.Equal(e) || len(back.Symbols()) != 1 || back.Symbols()[0] != name {
			t.Errorf("2 times %q is written %s, read %v", name, e, back)
		}
	}
}

// FuzzParse holds Parse to never panic, and what it reads to come back from what String writes, with the values it has, within the bounds it is said to have.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"N", "2*N*8+1", "N**2-1", "floor((H+2*P-K)/S)+1", "ceil(H/2 - 1/2)", "-(-H//S)", "min(N,max(M,1),512)", "trunc((N-M)/-4)%3", `2*"a b"`, "?", "N//(M-N)",
		"-9223372036854775808", "floor((floor((H+1)/2)+1)/2)", "(N+M)**4*(N-M)**3", "Mod(past_len + 1, 8)", "(N+1)*H//(2*N+2)", "((((", "1/0", "Größe*数",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 400 {
			return
		}
		e, err := Parse(s)
		if err != nil {
			if e.Known() {
				t.Fatalf("%q: %v beside %v", s, e, err)
			}
			return
		}
		back, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%q is written %s, which is refused: %v", s, e, err)
		}
		if !e.Known() {
			return
		}
		if !back.Equal(e) || back.String() != e.String() {
			t.Fatalf("%q is written %s, which is read as %s", s, e, back)
		}
		for i := range 3 {
			v := map[string]int64{}
			for j, name := range e.Symbols() {
				v[name] = int64(1 + (i*7+j*i)%11)
			}
			if n, ok := e.Eval(v); ok && (n < 1<<62 && e.AtLeast(n+1) || n > -1<<62 && e.AtMost(n-1)) {
				t.Fatalf("%v at %v is %d, and a bound says it cannot be", e, v, n)
			}
		}
	})
}

func ExampleParse() {
	e, err := Parse("floor(H/2 - 1/2) + 1")
	fmt.Println(e, err)
	_, err = Parse("N+*2")
	fmt.Println(err)
	// Output:
	// floor((H+1)/2) <nil>
	// expression "N+*2": position 3: "*" where a number, a name or ( is expected
}

func ExampleExpr() {
	h := Sym("H")
	out := h.Add(Int(2)).Sub(Int(3)).FloorDiv(Int(2)).Add(Int(1)) // a convolution: kernel 3, stride 2, padding 1
	fmt.Println(out, out.Equal(h.CeilDiv(Int(2))), out.AtLeast(1))
	n, _ := out.Eval(map[string]int64{"H": 225})
	fmt.Println(n, Max(h, Int(1)), Min(h.Mul(Sym("N")), h))
	// Output:
	// floor((H+1)/2) true true
	// 113 H H
}
