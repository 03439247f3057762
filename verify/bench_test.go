package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"onnxtool/onnxpb"
)

// clockEngine is an engine whose runs take as long as they are told to, by a clock that goes on by nothing else.
type clockEngine struct {
	now  time.Duration
	load time.Duration
	// takes tells how long a run takes: of a graph, the rows of its input x, and the run of the session counted from 0.
	takes func(graph string, rows int64, run int) time.Duration
	log   []string         // graph and rows of every run
	opens []SessionOptions // of every session
	open  int              // sessions that are open
}

func (e *clockEngine) Version() string { return "0.0.clock" }

func (e *clockEngine) Open(s Source, o SessionOptions) (Session, error) {
	e.now += e.load
	e.opens = append(e.opens, o)
	e.open++
	return &clockSession{engine: e, graph: s.Model.GetGraph().GetName()}, nil
}

type clockSession struct {
	engine *clockEngine
	graph  string
	runs   int
	closed bool
}

func (s *clockSession) Run(in map[string]*onnxpb.Value, _ ...string) (map[string]*onnxpb.Value, error) {
	rows := in["x"].Array.Dims[0]
	s.engine.log = append(s.engine.log, fmt.Sprintf("%s%d", s.graph, rows))
	s.engine.now += s.engine.takes(s.graph, rows, s.runs)
	s.runs++
	return nil, nil
}

func (s *clockSession) Close() error {
	if !s.closed {
		s.engine.open--
	}
	s.closed = true
	return nil
}

func (e *clockEngine) bench(t *testing.T, o BenchOptions, models ...Source) *BenchReport {
	t.Helper()
	o.clock = func() time.Duration { return e.now }
	r, err := Bench(e, models, o)
	if err != nil {
		t.Fatal(err)
	}
	if e.open != 0 {
		t.Errorf("%d sessions are left open", e.open)
	}
	return r
}

func benchModelOf(t *testing.T, name, shape string) Source {
	return declare(t, name, []string{"x:float32:" + shape}, []string{"y:float32:" + shape})
}

const ms = time.Millisecond

func wantNumber(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s is missing, want %v", what, want)
	} else if d := *got - want; d > 1e-9 || d < -1e-9 {
		t.Errorf("%s is %v, want %v", what, *got, want)
	}
}

// TestBenchOne measures one model whose runs take 1, 2, ... 100 ms after a warm-up that takes seconds.
func TestBenchOne(t *testing.T) {
	e := &clockEngine{load: 30 * ms, takes: func(_ string, _ int64, run int) time.Duration {
		if run < 3 {
			return time.Second
		}
		return time.Duration((run-3)*37%100+1) * ms // each of 1..100 once, in no order
	}}
	r := e.bench(t, BenchOptions{Batches: []int64{4}, Warmup: 3, Runs: 100, Threads: []int{2}}, benchModelOf(t, "m", "[N,3]"))
	p := r.Points[0]
	if len(r.Points) != 1 || p.Batch != 4 || p.Threads != 2 || len(p.Results) != 1 || p.Ratios != nil {
		t.Fatalf("points %+v", r.Points)
	}
	x := p.Results[0]
	if x.Runs != 100 || len(e.log) != 103 {
		t.Errorf("%d measured runs of %d", x.Runs, len(e.log))
	}
	// Of 1..100 the quantile q is 1 + 99 q.
	wantNumber(t, "min", &x.Latency.Min, 1)
	wantNumber(t, "p50", x.Latency.P50, 50.5)
	wantNumber(t, "p90", x.Latency.P90, 90.1)
	wantNumber(t, "p99", x.Latency.P99, 99.01)
	wantNumber(t, "mean", &x.Latency.Mean, 50.5)
	wantNumber(t, "max", &x.Latency.Max, 100)
	wantNumber(t, "rows", (*float64)(&x.RowsPerSecond), 4*100/5.05) // 400 rows in 5.05 s
	if len(r.Loads) != 1 || r.Loads[0].MS != 30 || r.Loads[0].Threads != 2 {
		t.Errorf("loads %+v", r.Loads)
	}
	if o := e.opens[0]; o.Threads != 2 || o.NoSpin {
		t.Errorf("the session was opened with %+v", o)
	}
	if !r.Pass || r.Schema != "onnxtool.bench/1" || r.Engine.Version != "0.0.clock" || len(r.Models[0].SHA256) != 64 {
		t.Errorf("report %+v", r)
	}
}

// TestBenchTooFewRuns wants percentiles to be missing, in the report and its text, where the runs do not have them.
func TestBenchTooFewRuns(t *testing.T) {
	for runs, want := range map[int][3]bool{1: {}, 2: {true}, 9: {true}, 10: {true, true}, 99: {true, true}, 100: {true, true, true}} {
		e := &clockEngine{takes: func(string, int64, int) time.Duration { return ms }}
		r := e.bench(t, BenchOptions{Runs: runs}, benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[N,3]"))
		l := r.Points[0].Results[1].Latency
		if got := [3]bool{l.P50 != nil, l.P90 != nil, l.P99 != nil}; got != want {
			t.Errorf("%d runs: p50, p90, p99 are there: %v, want %v", runs, got, want)
		}
		if has := len(r.Points[0].Ratios) == 1 && r.Points[0].Ratios[0].Low != nil; has != (runs >= 20) {
			t.Errorf("%d runs: interval %v", runs, r.Points[0].Ratios)
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "p99") != want[2] {
			t.Errorf("%d runs: %s", runs, data)
		}
	}
}

// TestBenchInTurn looks at the order of runs, the ratios, and the batch of a model that is fixed to less.
func TestBenchInTurn(t *testing.T) {
	e := &clockEngine{takes: func(graph string, rows int64, run int) time.Duration {
		if graph == "b" {
			return time.Duration(rows) * 3 * ms
		}
		return time.Duration(rows) * 2 * ms
	}}
	r := e.bench(t, BenchOptions{Batches: []int64{1, 4}, Warmup: 1, Runs: 3}, benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[1,3]"))
	want := "a1 b1 a1 b1 b1 a1 b1 a1 a4 b1 b1 b1 b1 a4 b1 b1 b1 b1 b1 b1 b1 b1 a4 b1 b1 b1 b1 a4"
	if got := strings.Join(e.log, " "); got != want {
		t.Errorf("runs in the order\n%s, want\n%s", got, want)
	}
	for _, p := range r.Points {
		wantNumber(t, "p50 of a", p.Results[0].Latency.P50, float64(2*p.Batch))
		wantNumber(t, "p50 of b", p.Results[1].Latency.P50, float64(3*p.Batch))
		wantNumber(t, "rows of b", (*float64)(&p.Results[1].RowsPerSecond), 1000.0/3)
		if x := p.Ratios[0]; x.Model != "B" || x.To != "A" || x.Ratio != 1.5 || x.Low != nil {
			t.Errorf("ratio %+v", x)
		}
	}
	if !slices.ContainsFunc(r.Notes, func(s string) bool {
		return strings.Contains(s, "the batch of model B is fixed to 1: what is measured is 4 runs at batch 4,")
	}) {
		t.Errorf("notes %q", r.Notes)
	}
	for _, o := range e.opens {
		if !o.NoSpin {
			t.Errorf("the session of one of two models lets threads spin: %+v", o)
		}
	}
}

// TestBenchOrder wants each of n models in each place, and right behind each other one, equally often over 2n rounds.
func TestBenchOrder(t *testing.T) {
	for n := 1; n <= 5; n++ {
		place, behind := map[[2]int]int{}, map[[2]int]int{}
		for round := range 2 * n {
			list := benchOrder(round, n)
			for i, m := range list {
				place[[2]int{m, i}]++
				if i > 0 {
					behind[[2]int{list[i-1], m}]++
				}
			}
		}
		for m := range n {
			for i := range n {
				if place[[2]int{m, i}] != 2 {
					t.Errorf("%d models: %d stands in place %d %d times", n, m, i, place[[2]int{m, i}])
				}
				if behind[[2]int{m, i}] != behind[[2]int{i, m}] {
					t.Errorf("%d models: %d after %d %d times, the other way %d", n, i, m, behind[[2]int{m, i}], behind[[2]int{i, m}])
				}
			}
		}
	}
	if got := fmt.Sprint(benchOrder(0, 2), benchOrder(1, 2), benchOrder(2, 2), benchOrder(3, 2)); got != "[0 1] [1 0] [1 0] [0 1]" {
		t.Errorf("two models: %s", got)
	}
}

// TestBenchTime ends a point by the time, not counting warm-up, but not before the rounds that a limit needs.
func TestBenchTime(t *testing.T) {
	for _, c := range []struct {
		o    BenchOptions
		want int
	}{
		{BenchOptions{Time: 100 * ms, Warmup: 50}, 5}, // rounds of 20 ms
		{BenchOptions{Time: 101 * ms}, 6},
		{BenchOptions{Time: ms}, 1},
		{BenchOptions{Time: ms, FailAbove: 1.1}, MinRatioRounds},
		{BenchOptions{}, 100}, // 2 s
		{BenchOptions{Time: 100 * ms, Runs: 3}, 3},
		{BenchOptions{Runs: 150}, 150},
	} {
		e := &clockEngine{takes: func(string, int64, int) time.Duration { return 10 * ms }}
		r := e.bench(t, c.o, benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[N,3]"))
		if got := r.Points[0].Results[1].Runs; got != c.want {
			t.Errorf("%+v: %d runs, want %d", c.o, got, c.want)
		}
	}
}

// TestBenchFailAbove holds a model to a limit that its ratio lies on either side of, or about.
func TestBenchFailAbove(t *testing.T) {
	for _, c := range []struct {
		name  string
		b     func(run int) time.Duration // the first model takes 10 ms
		limit float64
		pass  bool
	}{
		{"within", func(int) time.Duration { return 10 * ms }, 1.1, true},
		{"above", func(int) time.Duration { return 12 * ms }, 1.1, false},
		{"on it", func(int) time.Duration { return 11 * ms }, 1.1, true},
		{"a lower limit", func(int) time.Duration { return 10 * ms }, 0.5, false},
		// The median is above, and the interval reaches down below it.
		{"not sure", func(run int) time.Duration {
			if run%2 == 0 {
				return 8 * ms
			}
			return 15 * ms
		}, 1.1, true},
		{"a few outliers", func(run int) time.Duration {
			if run%10 == 0 {
				return time.Second
			}
			return 10 * ms
		}, 1.1, true},
	} {
		e := &clockEngine{takes: func(graph string, _ int64, run int) time.Duration {
			if graph == "a" {
				return 10 * ms
			}
			return c.b(run)
		}}
		r := e.bench(t, BenchOptions{Runs: 40, FailAbove: c.limit}, benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[N,3]"))
		if r.Pass != c.pass {
			t.Errorf("%s: pass %v, want %v: %v", c.name, r.Pass, c.pass, r.Points[0].Ratios)
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "too slow") == c.pass {
			t.Errorf("%s: the text says\n%s", c.name, b.String())
		}
	}
}

// TestBenchThreads opens each model anew for each number of threads; what is asked for twice is measured once.
func TestBenchThreads(t *testing.T) {
	e := &clockEngine{takes: func(string, int64, int) time.Duration { return ms }}
	r := e.bench(t, BenchOptions{Runs: 2, Threads: []int{1, 4, 1}, Batches: []int64{2, 3, 2}}, benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[N,3]"))
	var got []string
	for _, p := range r.Points {
		got = append(got, fmt.Sprintf("%dx%d", p.Threads, p.Batch))
	}
	if s := strings.Join(got, " "); s != "1x2 1x3 4x2 4x3" {
		t.Errorf("points %s", s)
	}
	var threads []int
	for _, o := range e.opens {
		threads = append(threads, o.Threads)
	}
	if !slices.Equal(threads, []int{1, 1, 4, 4}) {
		t.Errorf("sessions with %v threads", threads)
	}
}

func TestBenchErrors(t *testing.T) {
	free, fixed := benchModelOf(t, "a", "[N,3]"), benchModelOf(t, "b", "[4,3]")
	ints := declare(t, "i", []string{"x:int64:[N,3]"}, []string{"y:int64:[N,3]"})
	for name, c := range map[string]struct {
		models []Source
		o      BenchOptions
		kind   onnxpb.Kind
		parts  []string
	}{
		"no model":       {nil, BenchOptions{}, onnxpb.Usage, []string{"no model"}},
		"too many":       {slices.Repeat([]Source{free}, 27), BenchOptions{}, onnxpb.Usage, []string{"27"}},
		"runs":           {[]Source{free}, BenchOptions{Runs: -1}, onnxpb.Usage, []string{"negative"}},
		"many runs":      {[]Source{free}, BenchOptions{Runs: MaxBenchRounds + 1}, onnxpb.Usage, []string{"100001 runs"}},
		"threads":        {[]Source{free}, BenchOptions{Threads: []int{-1}}, onnxpb.Usage, []string{"-1 threads"}},
		"limit of one":   {[]Source{free}, BenchOptions{FailAbove: 1.1}, onnxpb.Usage, []string{"two models"}},
		"limit, runs":    {[]Source{free, free}, BenchOptions{FailAbove: 1.1, Runs: 19}, onnxpb.Usage, []string{"20"}},
		"batch":          {[]Source{free, fixed}, BenchOptions{Batches: []int64{6}}, onnxpb.Unfit, []string{"batch 6", "fixed to 4"}},
		"batch 0":        {[]Source{free}, BenchOptions{Batches: []int64{0}}, onnxpb.Usage, []string{"batch 0"}},
		"types":          {[]Source{free, ints}, BenchOptions{}, onnxpb.Unfit, []string{"int64"}},
		"map":            {[]Source{free, free}, BenchOptions{Map: []Pair{{"q", "r"}}}, onnxpb.Unfit, []string{"--map q=r"}},
		"range":          {[]Source{free}, BenchOptions{Ranges: map[string]Range{"q": {0, 1}}}, onnxpb.Unfit, []string{"--range q"}},
		"dims":           {[]Source{free, free, free}, BenchOptions{Dims: map[string]int64{"Q": 1}}, onnxpb.Unfit, []string{"--dims Q"}},
		"free dimension": {[]Source{benchModelOf(t, "a", "[N,L]")}, BenchOptions{}, onnxpb.Unfit, []string{"L", "--dims"}},
		"three shapes": {[]Source{benchModelOf(t, "a", "[N,L]"), benchModelOf(t, "b", "[N,4]"), benchModelOf(t, "c", "[N,5]")}, BenchOptions{}, onnxpb.Unfit,
			[]string{"[1,4] for model B", "[1,5] for model C"}},
	} {
		e := &clockEngine{takes: func(string, int64, int) time.Duration { return ms }}
		c.o.clock = func() time.Duration { return e.now }
		_, err := Bench(e, c.models, c.o)
		t.Run(name, func(t *testing.T) { mustFail(t, err, c.kind, c.parts...) })
		if e.open != 0 {
			t.Errorf("%s: %d sessions are left open", name, e.open)
		}
	}
	_, err := Bench(failingEngine{}, []Source{ints}, BenchOptions{})
	mustFail(t, err, onnxpb.Engine, "out of range", "--range x=LO..HI")
}

// TestBenchDims gives a dimension that only one pair of three models has.
func TestBenchDims(t *testing.T) {
	e := &clockEngine{takes: func(string, int64, int) time.Duration { return ms }}
	r := e.bench(t, BenchOptions{Runs: 1, Dims: map[string]int64{"L": 4}}, benchModelOf(t, "a", "[N,4]"), benchModelOf(t, "b", "[N,4]"), benchModelOf(t, "c", "[N,L]"))
	if len(r.Points[0].Results) != 3 || len(e.log) != 3 {
		t.Errorf("runs %v", e.log)
	}
	_, err := Bench(e, []Source{benchModelOf(t, "a", "[N,4]"), benchModelOf(t, "b", "[N,4]"), benchModelOf(t, "c", "[N,L]")}, BenchOptions{Runs: 1, Dims: map[string]int64{"L": 5}})
	mustFail(t, err, onnxpb.Unfit, "4 by the reference and 5 by the model")
}

func TestParseProvider(t *testing.T) {
	p, err := ParseProvider("CUDA:device_id=1,arena=a=b")
	if err != nil || p.Name != "CUDA" || len(p.Options) != 2 || p.Options["device_id"] != "1" || p.Options["arena"] != "a=b" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := ParseProvider("CPU"); err != nil || p.Name != "CPU" || p.Options != nil {
		t.Errorf("%+v %v", p, err)
	}
	for _, s := range []string{"", ":a=b", "X:", "X:a", "X:=1", "X:a=1,a=2"} {
		_, err := ParseProvider(s)
		mustFail(t, err, onnxpb.Usage, s)
	}
}
