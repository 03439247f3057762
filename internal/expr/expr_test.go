package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// parse reads what a test takes for well written.
func parse(t testing.TB, s string) Expr {
	t.Helper()
	e, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestNormalForm(t *testing.T) {
	for in, want := range map[string]string{
		"N*2":               "2*N",
		"N*8+1":             "8*N+1",
		"1+8*N":             "8*N+1",
		"N-N":               "0",
		"(N+1)*(N-1)":       "N**2-1",
		"H*N*3+N*H":         "4*H*N",
		"M-N":               "M-N",
		"N-M":               "N-M",
		"-N-1":              "-N-1",
		"1-N":               "1-N",
		"floor(H/2)*N":      "N*floor(H/2)",
		"(N+M)**2-N**2":     "M**2+2*M*N",
		`2*"batch size"`:    `2*"batch size"`,
		"-5//2":             "-3",
		"-5%3":              "1",
		"trunc(-5/2)":       "-2",
		"ceil(-5/2)":        "-2",
		"ceil(5/2)":         "3",
		"past_len + 1":      "past_len+1",
		"floor(h.1/2-1/2)":  "floor((h.1+1)/2)-1",
		"Max(1, Min(N, 8))": "min(N,8)",

		"floor((2*N+1)/2)":                 "N",
		"floor(2*N/4)":                     "floor(N/2)",
		"floor(N*H/N)":                     "H",
		"floor(N*H/(N*W))":                 "floor(H/W)",
		"floor((N*H+H)/(N+1))":             "H",
		"floor((N*H+H)/(2*N+2))":           "floor(H/2)",
		"floor((N+1)/((N+1)*H))":           "floor(1/H)",
		"floor(floor(H/3)/4)":              "floor(H/12)",
		"floor(floor(H/S)/2)":              "floor(H/(2*S))",
		"floor((floor((H+1)/2)+1)/2)":      "floor((H+3)/4)",
		"floor((2*N+1)/4)":                 "floor(N/2)",
		"floor((4*N+3)/2)":                 "2*N+1",
		"floor((5*N-7)/3)":                 "N+floor((2*N+2)/3)-3",
		"floor((2*N+1)/(2*M-2*K))":         "floor((-2*N-1)/(2*K-2*M))", // of a divisor of either sign only what both have in common cancels
		"floor(floor(N/(K-M))/2)":          "floor(N/(2*K-2*M))",
		"floor(floor(N/2)/(K-M))":          "floor(floor(N/2)/(K-M))",
		"ceil(H/2)":                        "floor((H+1)/2)",
		"-(-H//2)":                         "floor((H+1)/2)",
		"ceil(H/S)":                        "floor((H-1)/S)+1",
		"-(-H//S)":                         "floor((H-1)/S)+1",
		"floor((H+S)/S)":                   "floor(H/S)+1",
		"floor(N/(N+1))":                   "0",
		"floor(-N/(N+1))":                  "-1",
		"floor((N%4)/4)":                   "0",
		"floor(H/-2)":                      "-floor((H+1)/2)",
		"N//1":                             "N",
		"N//-1":                            "-N",
		"0//N":                             "0",
		"N%1":                              "0",
		"N%4":                              "N-4*floor(N/4)",
		"(4*N+3)%4":                        "3",
		"N*H%H":                            "0",
		"trunc(H/2)":                       "floor(H/2)",
		"trunc(-H/2)":                      "-floor(H/2)",
		"trunc(H/-2)":                      "-floor(H/2)",
		"trunc((N-M)/2)":                   "-trunc((M-N)/2)",
		"trunc((2*M-2*N)/4)":               "trunc((M-N)/2)",
		"trunc((M*N-M)/M)":                 "N-1",
		"floor((H+2*P-K)/S)":               "floor((H-K+2*P)/S)",
		"floor((floor(N/2)+N)/2)":          "floor(3*N/4)",
		"(N*512)*H//(H*64)":                "8*N",
		"floor((N+M)/2)-M":                 "floor((M+N)/2)-M",
		"floor((N-M)/2)":                   "floor((M+N)/2)-M",
		"(H-9223372036854775807)//1 + 0*N": "H-9223372036854775807",

		"min(N,N)":                     "N",
		"min(N,N+1)":                   "N",
		"max(N,N+1)":                   "N+1",
		"max(N,1)":                     "N",
		"min(N,1)":                     "1",
		"max(0,N-3)":                   "max(N-3,0)",
		"min(min(N,8),min(M,4))":       "min(M,N,4)",
		"min(N,max(N,M))":              "N",
		"max(N,min(N,M))":              "N",
		"min(floor(H/2),H)":            "floor(H/2)",
		"max(N*H,H)":                   "H*N",
		"min(N,M)-min(M,N)":            "0",
		"max(N,M,3,2,N)":               "max(M,N,3)",
		"max(N%4,4)":                   "4",
		"max(floor(N/-2)+N,0)":         "N-floor((N+1)/2)",
		"min(H,H+floor((N-1)/S))":      "H",
		"min(9,3)":                     "3",
		"max(-9223372036854775808,N)":  "N",
		"min(9223372036854775807,N+1)": "N+1", // how slices say: to the end
	} {
		if got := parse(t, in).String(); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// TestOutputsOfConvolutions writes one output three ways: as PyTorch's documentation does, as an exporter does, and as one stride after the other.
func TestOutputsOfConvolutions(t *testing.T) {
	h := Sym("H")
	down := func(e Expr) Expr { return e.Add(Int(2 - 3)).FloorDiv(Int(2)).Add(Int(1)) } // kernel 3, stride 2, padding 1
	for range 3 {
		h = down(h)
	}
	if want := parse(t, "floor((H+7)/8)"); !h.Equal(want) || !h.Equal(Sym("H").CeilDiv(Int(8))) {
		t.Errorf("three convolutions of stride 2 give %v, want %v", h, want)
	}
	if up := h.Mul(Int(8)).Sub(Sym("H")); !up.AtLeast(0) || !up.AtMost(7) {
		t.Errorf("%v is not seen to be 0..7", up)
	}
}

func TestUnknown(t *testing.T) {
	big, n := Int(math.MaxInt64), Sym("N")
	deep, wide, power := n, Int(0), n
	for i := range MaxDepth + 1 {
		deep = Min(deep, Sym(fmt.Sprintf("d%d", i))).Mul(Sym("K"))
	}
	for i := range MaxTerms + 1 {
		wide = wide.Add(Sym(fmt.Sprintf("d%d", i)))
	}
	for range MaxDegree {
		power = power.Mul(n)
	}
	large := wide.Sub(wide)
	for i := range 40 { // of sums within the limits
		part := Int(int64(i))
		for j := range 40 {
			part = part.Add(Sym(fmt.Sprintf("d%d", j)))
		}
		large = large.Add(part.FloorDiv(Int(7)))
	}
	least := Int(math.MinInt64)
	for name, e := range map[string]Expr{
		"zero value": {}, "Unknown": Unknown(), "no name": Sym(""),
		"sum": big.Add(Int(1)), "difference": least.Sub(Int(1)), "negative": least.Neg(), "product": big.Mul(Int(2)), "least times -1": least.Mul(Int(-1)),
		"coefficient": n.Mul(big).Add(n), "product of coefficients": n.Mul(big).Mul(n.Mul(Int(2))), "constant": n.Add(big).Add(Int(1)),
		"least coefficient": n.Mul(least), "least constant": n.Add(least), "square": n.Add(Int(1 << 32)).Mul(n.Add(Int(1 << 32))),
		"depth": deep, "width": wide, "degree": power, "size": large,
		"by zero": n.FloorDiv(Int(0)), "ceil by zero": n.CeilDiv(Int(0)), "mod zero": n.Mod(Int(0)), "trunc by zero": n.TruncDiv(Int(0)),
		"zero by zero": Int(0).FloorDiv(Int(0)), "by N-N": n.FloorDiv(n.Sub(n)),
		"floor beyond int64": least.FloorDiv(Int(-1)), "trunc beyond int64": least.TruncDiv(Int(-1)), "ceil beyond int64": least.CeilDiv(Int(-1)),
		"of unknown": n.Add(Unknown()), "times 0": Unknown().Mul(Int(0)), "min": Min(n, Unknown()), "max": Max(Unknown(), Int(1)),
		"negated": Unknown().Neg(), "divided": Unknown().FloorDiv(Int(2)), "by unknown": n.TruncDiv(Unknown()),
		"put in": n.Add(Int(1)).Subst(map[string]Expr{"N": Unknown()}),
	} {
		if e.Known() || e.String() != "?" || e.Equal(e) || e.AtLeast(math.MinInt64) || e.AtMost(math.MaxInt64) || len(e.Symbols()) > 0 {
			t.Errorf("%s: %v is not unknown throughout", name, e)
		}
		if _, ok := e.Const(); ok {
			t.Errorf("%s: an unknown number", name)
		}
		if _, ok := e.Eval(map[string]int64{"N": 1}); ok {
			t.Errorf("%s: an unknown value", name)
		}
		if _, ok := e.DivExact(Int(1)); ok {
			t.Errorf("%s: an unknown quotient", name)
		}
	}
	for name, e := range map[string]Expr{"least": least, "least sum": Int(-1).Sub(big), "least product": Int(1 << 62).Mul(Int(-2))} {
		if n, ok := e.Const(); !ok || n != math.MinInt64 {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestBounds(t *testing.T) {
	for in, want := range map[string][2]int64{ // the bounds that are proven and no tighter ones, in -50..50
		"7":                               {7, 7},
		"N":                               {1, 50},
		"-N":                              {-50, -1},
		"N-M":                             {-50, 50},
		"N*H":                             {1, 50},
		"N*H-N":                           {0, 50},
		"N*H-N-H":                         {-1, 50},
		"(N-M)**2":                        {-50, 50}, // the square is multiplied out and not seen
		"N%4":                             {0, 3},
		"floor(N/4)":                      {0, 50},
		"N-floor(N/2)":                    {1, 50},
		"N*floor(H/2)":                    {0, 50},
		"N*H-N*floor(H/2)":                {1, 50},
		"min(N,8)":                        {1, 8},
		"max(N-3,0)":                      {0, 50},
		"N-min(N,M)":                      {0, 50},
		"N-max(N,M)":                      {-50, 0},
		"N+M-max(N,M)":                    {1, 50},
		"floor((H+1)/2)-floor(H/2)":       {0, 1},
		"floor(N/M)":                      {0, 50},
		"M*floor(N/M)-N":                  {-50, 0},
		"trunc((min(N,9)-min(M,5))/2)":    {-2, 4},
		"floor((H+2)/2)":                  {1, 50},
		"min(N,8)*min(M,4)-min(K,2)":      {-1, 31},
		"floor(min(N,9)/(M-K))":           {-9, 9},
		"floor(N/(M-K))":                  {-50, 50},
		"min(N-M,3)**2":                   {0, 50},
		"9223372036854775807*N*M":         {50, 50}, // the least bound in reach: all of -50..50 lies below
		"max(M-N,-9)**2":                  {0, 50},
		"min(M,3)**2-max(min(M,3),2)**2":  {-8, 5},
		"floor((N*H-N)/7)*floor((K+1)/2)": {-50, 50}, // 0 at least, but -N has left the floor as 6*N-7*N
	} {
		e := parse(t, in)
		lo, hi := int64(-50), int64(50)
		for lo < 50 && e.AtLeast(lo+1) {
			lo++
		}
		for hi > -50 && e.AtMost(hi-1) {
			hi--
		}
		if lo != want[0] || hi != want[1] {
			t.Errorf("%s = %v is proven in %d..%d, want %d..%d", in, e, lo, hi, want[0], want[1])
		}
	}
}

// randomSum returns a polynomial of symbols.
func randomSum(r *rand.Rand) Expr {
	sum := Int(r.Int64N(9) - 4)
	for range r.IntN(4) {
		p := Int(r.Int64N(9) - 4)
		for range r.IntN(4) {
			p = p.Mul(Sym(string(rune('A' + r.IntN(3)))))
		}
		sum = sum.Add(p)
	}
	return sum
}

func TestLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range rounds(10000) {
		a, b, c, k := randomSum(r), randomSum(r), randomSum(r), Int(1+r.Int64N(9))
		for law, sides := range map[string][2]Expr{
			"a+b = b+a":                       {a.Add(b), b.Add(a)},
			"a*b = b*a":                       {a.Mul(b), b.Mul(a)},
			"(a+b)+c = a+(b+c)":               {a.Add(b).Add(c), a.Add(b.Add(c))},
			"(a*b)*c = a*(b*c)":               {a.Mul(b).Mul(c), a.Mul(b.Mul(c))},
			"a*(b+c) = a*b+a*c":               {a.Mul(b.Add(c)), a.Mul(b).Add(a.Mul(c))},
			"a-b = a+-b":                      {a.Sub(b), a.Add(b.Neg())},
			"a-a = 0":                         {a.Sub(a), Int(0)},
			"--a = a":                         {a.Neg().Neg(), a},
			"a*1 = a":                         {a.Mul(Int(1)), a},
			"a*0 = 0":                         {a.Mul(Int(0)), Int(0)},
			"a*a - b*b = (a+b)*(a-b)":         {a.Mul(a).Sub(b.Mul(b)), a.Add(b).Mul(a.Sub(b))},
			"min(a,b) = min(b,a)":             {Min(a, b), Min(b, a)},
			"max(a,a) = a":                    {Max(a, a), a},
			"floor((k*a+b)/k) = a+floor(b/k)": {a.Mul(k).Add(positive(b)).FloorDiv(k), a.Add(positive(b).FloorDiv(k))},
			"ceil(a/k) = floor((a+k-1)/k)":    {a.CeilDiv(k), a.Add(k).Sub(Int(1)).FloorDiv(k)},
			"a mod k = a - k*floor(a/k)":      {a.Mod(k), a.Sub(k.Mul(a.FloorDiv(k)))},
			"k*a//k = a":                      {k.Mul(a).FloorDiv(k), a},
		} {
			if law[0] == 'f' && !a.AtLeast(0) { // a numerator that is negative all through is turned round first
				continue
			}
			if !sides[0].Equal(sides[1]) {
				t.Fatalf("%s fails for a=%v b=%v c=%v k=%v: %v and %v", law, a, b, c, k, sides[0], sides[1])
			}
			if sides[0].String() != sides[1].String() {
				t.Fatalf("%s: equal and written in two ways: %v, %v", law, sides[0], sides[1])
			}
		}
		if b.Equal(Int(0)) {
			continue
		}
		if q, ok := a.Mul(b).DivExact(b); !ok || !q.Equal(a) {
			t.Fatalf("(%v)*(%v) by the second is %v, %v", a, b, q, ok)
		}
		if q := a.Mul(b).FloorDiv(b); !q.Equal(a) {
			t.Fatalf("floor of (%v)*(%v) by the second is %v", a, b, q)
		}
		if q, ok := a.DivExact(b); ok && !q.Mul(b).Equal(a) {
			t.Fatalf("(%v)/(%v) is not %v", a, b, q)
		}
	}
}

// positive makes every coefficient positive.
func positive(a Expr) Expr {
	out := Int(max(a.c, -a.c))
	for _, t := range a.terms {
		out = out.Add(product(max(t.coef, -t.coef), t.mono))
	}
	return out
}

func TestDivExact(t *testing.T) {
	for _, c := range [][3]string{
		{"6*N", "2", "3*N"}, {"7", "7", "1"}, {"0", "N", "0"}, {"N*H", "N", "H"}, {"N**2-1", "N+1", "N-1"}, {"N**2-1", "1-N", "-N-1"},
		{"2*N*floor(H/2)", "floor(H/2)", "2*N"}, {"N", "N", "1"},
		{"N", "2", ""}, {"N", "M", ""}, {"2*N+1", "2", ""}, {"N", "0", ""}, {"0", "0", ""}, {"N+1", "N", ""}, {"N", "N**2", ""}, {"N", "2*N", ""}, {"?", "N", ""},
	} {
		q, ok := parse(t, c[0]).DivExact(parse(t, c[1]))
		if ok != (c[2] != "") || ok && q.String() != c[2] {
			t.Errorf("%s by %s is %v, %v, want %q", c[0], c[1], q, ok, c[2])
		}
	}
}

func TestQuestions(t *testing.T) {
	e := parse(t, "floor(H/2)*N+min(W,max(A,3))")
	if got := strings.Join(e.Symbols(), " "); got != "A H N W" {
		t.Errorf("the symbols are %s", got)
	}
	if s, ok := Sym("N").Symbol(); s != "N" || !ok {
		t.Error("N is no symbol")
	}
	for _, s := range []string{"2*N", "N+1", "N**2", "N*M", "3", "floor(N/2)", "?"} {
		if name, ok := parse(t, s).Symbol(); ok {
			t.Errorf("%s is the symbol %s", s, name)
		}
	}
	if n, ok := parse(t, "N-N+4").Const(); n != 4 || !ok {
		t.Error("4 is no number")
	}
	if got := e.Subst(map[string]Expr{"H": Int(9), "W": Sym("A"), "A": Sym("W")}); got.String() != "4*N+min(A,max(W,3))" {
		t.Errorf("after Subst: %v", got)
	}
	for _, c := range []struct {
		in string
		v  map[string]int64
	}{
		{"N", nil}, {"N", map[string]int64{"N": -1}}, {"floor(1/(N-M))", map[string]int64{"N": 2, "M": 2}}, {"trunc(N/(N-M))", map[string]int64{"N": 2, "M": 2}},
		{"N*M", map[string]int64{"N": 1 << 32, "M": 1 << 32}}, {"N+M", map[string]int64{"N": math.MaxInt64, "M": 1}}, {"min(N,M)", map[string]int64{"N": 1}},
	} {
		if got, ok := parse(t, c.in).Eval(c.v); ok {
			t.Errorf("%s at %v is %d", c.in, c.v, got)
		}
	}
	if n, ok := parse(t, "2*N+H").Eval(map[string]int64{"N": 0, "H": 5}); n != 5 || !ok {
		t.Error("no value where a dimension is 0")
	}
}

// TestShared holds the operations to leaving their operands as they were, which share memory with the results.
func TestShared(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var all []Expr
	var written []string
	for range 200 {
		all = append(all, randomSum(r))
		written = append(written, all[len(all)-1].String())
	}
	for i, a := range all {
		for _, b := range all[:20] {
			_ = []Expr{a.Add(b), b.Sub(a), a.Mul(b), a.FloorDiv(b), a.TruncDiv(b), a.Mod(b), Min(a, b), Max(b, a), a.Neg(), a.Subst(map[string]Expr{"A": b})}
			a.DivExact(b)
		}
		if i%50 == 0 && !slices.EqualFunc(all, written, func(e Expr, s string) bool { return e.String() == s }) {
			t.Fatal("an operation wrote to an operand")
		}
	}
}
