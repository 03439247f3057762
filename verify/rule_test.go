package verify

import (
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// The metrics against sums written out in plain float64, and percentiles against sorting.
func TestMetricsAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 99, 1000, 20000} {
		want, got := make([]float32, n), make([]float32, n)
		var abs, rel []float64
		signal, noise, ulp := 0.0, 0.0, 0.0
		needsAbs, needsRel := 0.0, 0.0
		tol := Tolerance{Abs: 1e-3, Rel: 1e-3}
		for i := range n {
			want[i] = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(6)-3)))
			got[i] = want[i]
			if rng.IntN(3) > 0 {
				got[i] *= float32(1 + rng.NormFloat64()*1e-3)
			}
			w, g := float64(want[i]), float64(got[i])
			d := math.Abs(g - w)
			abs, rel = append(abs, d), append(rel, d/math.Abs(w))
			signal, noise = signal+w*w, noise+d*d
			steps := 0.0
			for x := want[i]; x != got[i] && steps < 1e6; steps++ {
				x = math.Nextafter32(x, got[i])
			}
			ulp = max(ulp, steps)
			needsAbs = max(needsAbs, d-tol.Rel*math.Abs(w))
			if d > tol.Abs {
				needsRel = max(needsRel, (d-tol.Abs)/math.Abs(w))
			}
		}
		m, err := Compare(f32(want...), f32(got...), tol)
		if err != nil {
			t.Fatal(err)
		}
		if noise > 0 && math.Abs(float64(m.SNR)-10*math.Log10(signal/noise)) > 1e-9 {
			t.Errorf("%d: SNR %v, want %v", n, m.SNR, 10*math.Log10(signal/noise))
		}
		if float64(m.MaxULP) != ulp {
			t.Errorf("%d: %v units in the last place, want %v", n, m.MaxULP, ulp)
		}
		sort.Float64s(abs)
		sort.Float64s(rel)
		for _, p := range []struct {
			got  Number
			list []float64
			at   float64
		}{{m.P50Rel, rel, 50}, {m.P99Rel, rel, 99}, {m.P99Abs, abs, 99}} {
			exact := p.list[int(math.Ceil(p.at/100*float64(n)))-1]
			if float64(p.got) < exact || float64(p.got) > exact*1.0323 {
				t.Errorf("%d: percentile %v is %v, exactly %v", n, p.at, p.got, exact)
			}
		}
		for _, v := range []struct {
			what      string
			got, want float64
		}{{"atol", float64(m.NeedsAbs), needsAbs}, {"rtol", float64(m.NeedsRel), needsRel}} {
			if v.got < v.want || v.got > v.want*(1+1e-12) {
				t.Errorf("%d: needs %s %v, want %v", n, v.what, v.got, v.want)
			}
		}
		// What is told to pass does, and a little less does not.
		for _, try := range []struct {
			tol    Tolerance
			passes bool
		}{{Tolerance{float64(m.NeedsAbs), tol.Rel}, true}, {Tolerance{tol.Abs, float64(m.NeedsRel)}, true}, {Tolerance{float64(m.NeedsAbs) * (1 - 1e-9), tol.Rel}, m.NeedsAbs == 0},
			{Tolerance{tol.Abs, float64(m.NeedsRel) * (1 - 1e-9)}, m.NeedsRel == 0}} {
			if x, _ := Compare(f32(want...), f32(got...), try.tol); x.Equal() != try.passes {
				t.Errorf("%d: with %+v equal is %v", n, try.tol, x.Equal())
			}
		}
	}
}

// What is printed as enough is.
func TestEnoughText(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		n := math.Exp(rng.NormFloat64() * 20)
		text := enoughText(Number(n))
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v < n || v > n*1.002 || len(text) > 10 {
			t.Errorf("%v is written %s", n, text)
		}
	}
}

func TestMetricsOfHugeAndTiny(t *testing.T) {
	m, _ := Compare(f64(1e300, 1e300), f64(1e300, 2e300), Tolerance{})
	if math.Abs(float64(m.SNR)-10*math.Log10(2)) > 1e-9 {
		t.Errorf("SNR of huge numbers is %v", m.SNR)
	}
	m, _ = Compare(f64(1e-310, 0), f64(0, 0), Tolerance{})
	if m.SNR != 0 { // the noise is the signal
		t.Errorf("SNR of denormals is %v", m.SNR)
	}
	for _, c := range []struct {
		want, got *onnxpb.Array
		snr, ulp  float64
	}{
		{f64(), f64(), inf, 0}, {f64(0), f64(1), -inf, float64(math.Float64bits(1))}, {f64(1), f64(1), inf, 0}, {f64(nan), f64(nan), inf, 0},
		{f64(nan), f64(1), -inf, inf}, {f64(math.Copysign(0, -1)), f64(0), inf, 0}, {f64(-5e-324), f64(5e-324), 10 * math.Log10(0.25), 2},
	} {
		m, err := Compare(c.want, c.got, Tolerance{})
		if err != nil || math.Abs(float64(m.SNR)-c.snr) > 1e-9 || float64(m.MaxULP) != c.ulp {
			t.Errorf("%v, %v: SNR %v, ULP %v; want %v, %v (%v)", c.want.Data, c.got.Data, m.SNR, m.MaxULP, c.snr, c.ulp, err)
		}
	}
	half := func(v float64) *onnxpb.Array {
		a, err := onnxpb.ArrayFromFloat64s(onnxpb.TensorProto_FLOAT16, []int64{1}, []float64{v})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if m, _ := Compare(half(1), half(1+3.0/1024), Tolerance{}); m.MaxULP != 3 {
		t.Errorf("float16: %v", m.MaxULP)
	}
	if m, _ := Compare(half(1), half(1-1.0/1024), Tolerance{}); m.MaxULP != 2 {
		t.Errorf("float16 below 1: %v", m.MaxULP)
	}
}

// Merged metrics are those of all elements at once.
func TestMetricsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all *Metrics
	var want, got []float64
	for range 9 {
		n := rng.IntN(50)
		w, g := make([]float64, n), make([]float64, n)
		for i := range n {
			w[i] = rng.NormFloat64() * math.Pow(10, float64(rng.IntN(40)-20))
			g[i] = w[i] * (1 + 1e-4*rng.NormFloat64())
		}
		m, err := Compare(f64(w...), f64(g...), DefaultTolerance)
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = &m
		} else {
			all.merge(&m)
		}
		want, got = append(want, w...), append(got, g...)
	}
	once, err := Compare(f64(want...), f64(got...), DefaultTolerance)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		what string
		a, b Number
	}{{"max abs", all.MaxAbs, once.MaxAbs}, {"mean abs", all.MeanAbs, once.MeanAbs}, {"max rel", all.MaxRel, once.MaxRel}, {"cosine", all.Cosine, once.Cosine}, {"snr", all.SNR, once.SNR},
		{"p99", all.P99Rel, once.P99Rel}, {"p50", all.P50Rel, once.P50Rel}, {"ulp", all.MaxULP, once.MaxULP}, {"atol", all.NeedsAbs, once.NeedsAbs}, {"rtol", all.NeedsRel, once.NeedsRel}} {
		if math.Abs(float64(v.a-v.b)) > 1e-9*math.Abs(float64(v.b)) {
			t.Errorf("%s: %v merged, %v at once", v.what, v.a, v.b)
		}
	}
	if all.Elements != once.Elements || all.Beyond != once.Beyond {
		t.Errorf("%d of %d, want %d of %d", all.Beyond, all.Elements, once.Beyond, once.Elements)
	}
}

func TestParseRule(t *testing.T) {
	for _, s := range []string{"", "out", "out:", ":atol=1", "atol", "atol=x", "atol=-1", "atol=NaN", "atol=1,atol=2", "beyond=2", "cosine=3", "top0=1", "top1=2", "iou=0", "iou=2", "scores=s",
		"boxes:iou=0.5,format=xxyy", "angle=1", "atl=1", "out:boxes:"} {
		_, err := ParseRule(s)
		mustFail(t, err, onnxpb.Usage)
	}
	if _, err := ParseRule("atl=1"); err == nil || !strings.Contains(err.Error(), "did you mean atol?") {
		t.Errorf("%v", err)
	}
	r, err := ParseRule("a:b:atol=1e-3,cosine=0.5,top5=0.9,angle")
	if err != nil || r.Output != "a:b" || *r.Abs != 1e-3 || r.Rel != nil || *r.Cosine != 0.5 || r.Top[5] != 0.9 || !r.Angle {
		t.Errorf("%+v, %v", r, err)
	}
	if got := r.apply(DefaultTolerance).String(); got != "angle,atol=0.001,rtol=0,cosine=0.5,top5=0.9" {
		t.Errorf("written as %s", got)
	}
	if got := (Rule{}).apply(DefaultTolerance).String(); got != "atol=1e-05,rtol=0.0001" {
		t.Errorf("written as %s", got)
	}
}

// The verdict follows from what is stated, and from nothing else.
func TestRuleDecides(t *testing.T) {
	want, got := f32(1, 2, 3, 400), f32(1, 2.5, 3, 401)
	for rule, equal := range map[string]bool{
		"": false, "atol=1": true, "atol=1,rtol=0": true, "atol=0.99,rtol=0": false, "rtol=0.3": true, "atol=0,rtol=0.25": true, "atol=0,rtol=0.2499": false, "cosine=0.9999": true, "cosine=1": false,
		"snr=51": true, "snr=52": false, "beyond=0.5": true, "beyond=0.49": false, "mean=0.375": true, "mean=0.37": false, "top1=1": true, "ulp=3e6": true, "ulp=1e6": false, "p99=0.26": true, "p99=0.2": false,
		"cosine=0.9,atol=0": false, "top2=1,cosine=0.9": true,
	} {
		r := Rule{}
		if rule != "" {
			var err error
			if r, err = ParseRule(rule); err != nil {
				t.Fatal(err)
			}
		}
		e := fakeEngine{"ref": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return map[string]*onnxpb.Array{"y": want} },
			"got": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return map[string]*onnxpb.Array{"y": got} }}
		a, b := declare(t, "ref", []string{"x:float32:[1]"}, []string{"y:float32:[4]"}), declare(t, "got", []string{"x:float32:[1]"}, []string{"y:float32:[4]"})
		rep := compareAll(t, e, a, b, Options{Tolerance: DefaultTolerance, Rules: []Rule{r}})
		if rep.Equal != equal || rep.Outputs[0].Equal != equal || (len(rep.Outputs[0].Failed) == 0) != equal || rep.Totals[0].Equal != equal {
			t.Errorf("%q: equal is %v: %v", rule, rep.Equal, rep.Outputs[0].Failed)
		}
	}
}

// A NaN or an infinity that one of the two does not have fails every rule but one that allows a share of elements beyond; and a rule for all outputs lets no integer differ.
func TestRulesHoldToWhatIsNotFinite(t *testing.T) {
	judged := func(want, got *onnxpb.Array, rule string) bool {
		e := fakeEngine{"ref": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return map[string]*onnxpb.Array{"y": want} },
			"got": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return map[string]*onnxpb.Array{"y": got} }}
		out := "y:" + onnxpb.TypeName(want.Type) + ":[3]"
		r, err := ParseRule(rule)
		if err != nil {
			t.Fatal(err)
		}
		return compareAll(t, e, declare(t, "ref", []string{"x:float32:[1]"}, []string{out}), declare(t, "got", []string{"x:float32:[1]"}, []string{out}), Options{Tolerance: DefaultTolerance, Rules: []Rule{r}}).Equal
	}
	n, i := float32(nan), float32(inf)
	for _, rule := range []string{"cosine=-1", "y:cosine=0", "snr=-1000", "p99=1e30", "mean=1e30", "ulp=1e30", "top1=0", "atol=1e30", "y:top2=0"} {
		for _, bad := range []*onnxpb.Array{f32(n, n, n), f32(1, n, 3), f32(1, 2, i)} {
			if judged(f32(1, 2, 3), bad, rule) || judged(bad, f32(1, 2, 3), rule) {
				t.Errorf("%s passes %v for 1, 2, 3", rule, bad.Data)
			}
			if !judged(bad, bad, rule) && !strings.Contains(rule, "cosine") {
				t.Errorf("%s does not pass %v for itself", rule, bad.Data)
			}
		}
	}
	if !judged(f32(1, 2, 3), f32(1, n, 3), "beyond=0.5") {
		t.Error("a share that may be beyond does not hold for NaN")
	}
	if judged(f32(0, 0, 0), f32(1, 1, 1), "p99=0.5") {
		t.Error("p99 passes errors of what is to be 0")
	}
	ints := func(v ...int64) *onnxpb.Array { return onnxpb.ArrayOf([]int64{3}, v) }
	for rule, equal := range map[string]bool{"cosine=0.5": false, "ulp=5": false, "mean=2": false, "top1=1": false, "atol=5": false, "y:atol=1": true, "y:atol=0": false, "y:atol=0,rtol=0.5": true, "y:beyond=0.4": true, "y:top1=1": true} {
		if judged(ints(1, 2, 3), ints(1, 2, 4), rule) != equal {
			t.Errorf("%s for integers: not %v", rule, equal)
		}
	}
}

func TestAnglesAlongTheCircle(t *testing.T) {
	for _, c := range []struct{ want, got, diff float64 }{{179.9, -179.9, 0.2}, {0, 360, 0}, {10, 370.5, 0.5}, {-90, 90, 180}, {1, 2, 1}, {-179, 181, 0}, {0, -540, 180}} {
		m, err := compareBy(f64(c.want), f64(c.got), measure{circle: true})
		if err != nil || math.Abs(float64(m.MaxAbs)-c.diff) > 1e-9 {
			t.Errorf("%v and %v are %v apart, want %v", c.want, c.got, m.MaxAbs, c.diff)
		}
	}
}

func TestTopAgreement(t *testing.T) {
	rows := func(n int64, v ...float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{int64(len(v)) / n, n}, v) }
	for _, c := range []struct {
		want, got *onnxpb.Array
		k         int
		share     float64
	}{
		{rows(3, 1, 5, 2, 9, 0, 1), rows(3, 1, 4, 2, 0, 9, 1), 1, 0.5},
		{rows(3, 1, 5, 2), rows(3, 1, 2, 5), 2, 1}, // the same two, in another order
		{rows(3, 3, 2, 1), rows(3, 3, 1, 2), 2, 0},
		{rows(3, 1, 2, 2), rows(3, 1, 2, 3), 1, 1}, // either of the ties is right
		{rows(2, 1, 2), rows(2, 1, 2), 9, 1},
		{rows(3, 1, float32(nan), 2), rows(3, 1, float32(nan), 2), 1, 1},
		{rows(3, 1, float32(nan), 2), rows(3, 1, 0, 2), 1, 0},
	} {
		if got, ok := topAgreement(c.want, c.got, c.k); !ok || float64(got) != c.share {
			t.Errorf("%v, %v: the %d largest agree in %v, want %v", c.want.Data, c.got.Data, c.k, got, c.share)
		}
	}
	if _, ok := topAgreement(onnxpb.ArrayOf(nil, []float32{1}), onnxpb.ArrayOf(nil, []float32{1}), 1); ok {
		t.Error("a scalar has no rows")
	}
}

// Boxes in any order, with what belongs to them.
func TestBoxes(t *testing.T) {
	boxes := func(v ...float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{1, int64(len(v)) / 4, 4}, v) }
	a := []float32{0, 0, 10, 10}
	b := []float32{20, 20, 30, 40}
	near := []float32{0, 0, 10, 9.95} // overlaps with a by 0.995
	for name, c := range map[string]struct {
		want, got   *onnxpb.Array
		scoresW     []float32
		scoresG     []float32
		labelsW     []int64
		labelsG     []int64
		equal       bool
		boxesEqual  bool
		scoresEqual bool
	}{
		"the same":           {boxes(append(a, b...)...), boxes(append(a, b...)...), []float32{0.9, 0.8}, []float32{0.9, 0.8}, []int64{1, 2}, []int64{1, 2}, true, true, true},
		"in another order":   {boxes(append(a, b...)...), boxes(append(b, near...)...), []float32{0.9, 0.8}, []float32{0.8, 0.9}, []int64{1, 2}, []int64{2, 1}, true, true, true},
		"another score":      {boxes(append(a, b...)...), boxes(append(b, a...)...), []float32{0.9, 0.8}, []float32{0.7, 0.9}, []int64{1, 2}, []int64{2, 1}, false, true, false},
		"another label":      {boxes(append(a, b...)...), boxes(append(b, a...)...), []float32{0.9, 0.8}, []float32{0.8, 0.9}, []int64{1, 2}, []int64{1, 2}, false, true, true},
		"one is missing":     {boxes(append(a, b...)...), boxes(a...), []float32{0.9, 0.8}, []float32{0.9}, []int64{1, 2}, []int64{1}, false, false, true},
		"one too many":       {boxes(a...), boxes(append(a, b...)...), []float32{0.9}, []float32{0.9, 0.8}, []int64{1}, []int64{1, 2}, false, false, true},
		"one is elsewhere":   {boxes(append(a, b...)...), boxes(append(a, 20, 20, 30, 39)...), []float32{0.9, 0.8}, []float32{0.9, 0.8}, []int64{1, 2}, []int64{1, 2}, false, false, true},
		"two in one place":   {boxes(append(a, a...)...), boxes(append(a, a...)...), []float32{0.9, 0.1}, []float32{0.1, 0.9}, []int64{1, 2}, []int64{2, 1}, true, true, true},
		"none":               {boxes(), boxes(), []float32{}, []float32{}, []int64{}, []int64{}, true, true, true},
		"no area, the same":  {boxes(5, 5, 5, 5), boxes(5, 5, 5, 5), []float32{1}, []float32{1}, []int64{1}, []int64{1}, true, true, true},
		"a NaN is no box":    {boxes(float32(nan), 0, 1, 1), boxes(float32(nan), 0, 1, 1), []float32{1}, []float32{1}, []int64{1}, []int64{1}, false, false, true},
		"no area, elsewhere": {boxes(5, 5, 5, 5), boxes(6, 5, 6, 5), []float32{1}, []float32{1}, []int64{1}, []int64{1}, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			give := func(b *onnxpb.Array, s []float32, l []int64) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
				return func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
					return map[string]*onnxpb.Array{"b": b, "s": onnxpb.ArrayOf([]int64{1, int64(len(s))}, s), "l": onnxpb.ArrayOf([]int64{1, int64(len(l))}, l)}
				}
			}
			outs := []string{"b:float32:[1,K,4]", "s:float32:[1,K]", "l:int64:[1,K]"}
			e := fakeEngine{"ref": give(c.want, c.scoresW, c.labelsW), "got": give(c.got, c.scoresG, c.labelsG)}
			rule, err := ParseRule("b:iou=0.99,scores=s,labels=l")
			if err != nil {
				t.Fatal(err)
			}
			rep := compareAll(t, e, declare(t, "ref", []string{"x:float32:[1]"}, outs), declare(t, "got", []string{"x:float32:[1]"}, outs), Options{Tolerance: DefaultTolerance, Rules: []Rule{rule}})
			rows := map[string]Row{}
			for _, r := range rep.Outputs {
				rows[r.Reference] = r
			}
			if rep.Equal != c.equal || rows["b"].Equal != c.boxesEqual || rows["s"].Equal != c.scoresEqual || len(rows) != 3 {
				t.Errorf("equal is %v; boxes %+v; scores %+v; labels %+v", rep.Equal, rows["b"], rows["s"], rows["l"])
			}
		})
	}
	for format, text := range map[string]box{"xyxy": {1, 2, 3, 4}, "yxyx": {2, 1, 4, 3}, "cxcywh": {-0.5, 0, 2.5, 4}} {
		if got := boxFormats[format](1, 2, 3, 4); got != text {
			t.Errorf("%s: %v", format, got)
		}
	}
	if got := (box{0, 0, 2, 2}).overlap(box{1, 1, 3, 3}); math.Abs(got-1.0/7) > 1e-15 {
		t.Errorf("overlap %v", got)
	}
}
