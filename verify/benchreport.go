package verify

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// BenchSchema names the form of a BenchReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const BenchSchema = "onnxtool.bench/1"

// BenchReport is the outcome of Bench. Times are in milliseconds, sizes in bytes.
type BenchReport struct {
	Schema  string       `json:"schema"`
	Pass    bool         `json:"pass"` // no model is slower than Options.FailAbove allows
	Models  []BenchModel `json:"models"`
	Engine  EngineInfo   `json:"engine"`
	Machine Machine      `json:"machine"`
	// Command is the command line, where whoever asked has put it.
	Command  []string      `json:"command,omitempty"`
	Options  BenchSettings `json:"options"`
	Inputs   []BenchInput  `json:"inputs"`
	Loads    []BenchLoad   `json:"loads"`
	Points   []BenchPoint  `json:"points"`
	Memory   *Memory       `json:"memory,omitempty"` // of the process, after the last point
	Profiles []*Profile    `json:"profiles,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
}

// BenchModel is a model that was run.
type BenchModel struct {
	Name string `json:"name"` // what the report calls it: A, B, ...
	ModelInfo
}

// BenchSettings are the options that were in force.
type BenchSettings struct {
	Batches        []int64    `json:"batches"`
	Threads        []int      `json:"threads"` // 0: left to the engine
	Warmup         int        `json:"warmup"`
	Runs           int        `json:"runs"`    // of each model at each point; 0: as many as the time allows
	Seconds        float64    `json:"seconds"` // for each point; 0: no limit
	Seed           uint64     `json:"seed"`
	FailAbove      float64    `json:"fail_above,omitempty"`
	Optimization   string     `json:"optimization"`
	Parallel       bool       `json:"parallel"`
	InterOpThreads int        `json:"inter_op_threads"`
	NoSpin         bool       `json:"no_spin"`
	NoArena        bool       `json:"no_arena"`
	NoMemPattern   bool       `json:"no_mem_pattern"`
	Providers      []Provider `json:"providers,omitempty"`
	Timeout        float64    `json:"timeout_seconds,omitempty"`
}

// BenchInput says what an input was fed with.
type BenchInput struct {
	Name   string `json:"name"` // in the first model
	Type   string `json:"type"`
	Shape  string `json:"shape"` // as the first model declares it
	Batch  bool   `json:"batch,omitempty"`
	Values string `json:"values"` // "uniform 0..1", "integers 0..9", "file"
	SHA256 string `json:"sha256"` // of what the first model was fed with, batch by batch (see InputReport)
}

// BenchLoad is how long a model took from its graph in memory to a session that is ready to run: one observation, of which the first has the engine's own
// start in it.
type BenchLoad struct {
	Model    string  `json:"model"`
	Threads  int     `json:"threads"`
	MS       float64 `json:"ms"`
	Resident int64   `json:"resident,omitempty"` // memory of the process when it was loaded
}

// BenchPoint is the measurement at one batch and number of threads.
type BenchPoint struct {
	Batch   int64         `json:"batch"`
	Threads int           `json:"threads"`
	Results []BenchResult `json:"results"` // one a model
	Ratios  []BenchRatio  `json:"ratios,omitempty"`
}

// BenchResult is what one model did at a point.
type BenchResult struct {
	Model   string  `json:"model"`
	Runs    int     `json:"runs"`
	Latency Latency `json:"latency_ms"`
	// RowsPerSecond is the batch over the mean latency: the rows of all runs over the time of all runs.
	RowsPerSecond Number `json:"rows_per_second"`
}

// BenchRatio is the median latency of a model over that of the first: above 1 it is slower. Low and High are the 95 % interval (see medianRatio); they are
// missing where there are fewer than MinRatioRounds rounds.
type BenchRatio struct {
	Model string  `json:"model"`
	To    string  `json:"to"`
	Ratio Number  `json:"ratio"`
	Low   *Number `json:"low,omitempty"`
	High  *Number `json:"high,omitempty"`
	// Fail tells that the whole interval lies above the limit.
	Fail bool `json:"fail,omitempty"`
}

// addPoint adds the times of a point, one list a model; the lists are of one length.
func (r *BenchReport) addPoint(batch int64, threads int, times [][]time.Duration, seed uint64) {
	p := BenchPoint{Batch: batch, Threads: threads}
	for i, t := range times {
		l := latencyOf(t)
		p.Results = append(p.Results, BenchResult{Model: r.Models[i].Name, Runs: len(t), Latency: l, RowsPerSecond: Number(float64(batch) / l.Mean * 1000)})
		if i == 0 || l.P50 == nil {
			continue
		}
		ratio, low, high, ok := medianRatio(times[0], t, seed)
		x := BenchRatio{Model: r.Models[i].Name, To: r.Models[0].Name, Ratio: Number(ratio)}
		if ok {
			l, h := Number(low), Number(high)
			x.Low, x.High = &l, &h
		}
		p.Ratios = append(p.Ratios, x)
	}
	r.Points = append(r.Points, p)
}

// judge sets Pass.
func (r *BenchReport) judge() {
	limit := r.Options.FailAbove
	for i := range r.Points {
		for k := range r.Points[i].Ratios {
			x := &r.Points[i].Ratios[k]
			x.Fail = limit > 0 && x.Low != nil && float64(x.Ratio) > limit && float64(*x.Low) > limit
			r.Pass = r.Pass && !x.Fail
		}
	}
}

// WriteText prints a report for people: one row a model and point.
func (r *BenchReport) WriteText(w io.Writer) error {
	for _, m := range r.Models {
		path := m.Path
		if path == "" {
			path = "standard input"
		}
		sayf(w, "%s  %s\n", m.Name, path)
	}
	if err := r.writePoints(w); err != nil {
		return err
	}
	for _, l := range r.Loads {
		sayf(w, "load %s: %s ms%s\n", l.Model, msText(l.MS), threadsText(l.Threads))
	}
	if m := r.Memory; m != nil {
		sayf(w, "memory of the process: %s, at most %s\n", mebibytes(m.Resident), mebibytes(m.Peak))
	}
	for _, p := range r.Profiles {
		if err := p.WriteText(w); err != nil {
			return err
		}
	}
	for _, n := range r.Notes {
		sayf(w, "note: %s\n", n)
	}
	r.writeVerdict(w)
	_, err := sayf(w, "%s; seed %d; %s %s\n", r.Machine, r.Options.Seed, r.Engine.Name, r.Engine.Version)
	return err
}

func (r *BenchReport) writePoints(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	many := len(r.Models) > 1
	fmt.Fprint(tw, "batch\tthreads\t")
	if many {
		fmt.Fprint(tw, "model\t")
	}
	fmt.Fprint(tw, "runs\tmin ms\tp50\tp90\tp99\tmean\tmax\trows/s")
	if many {
		sayf(tw, "\tp50 to %s's", r.Models[0].Name)
	}
	fmt.Fprintln(tw)
	for _, p := range r.Points {
		threads := strconv.Itoa(p.Threads)
		if p.Threads == 0 {
			threads = "auto"
		}
		for i, x := range p.Results {
			sayf(tw, "%d\t%s\t", p.Batch, threads)
			if many {
				sayf(tw, "%s\t", x.Model)
			}
			l := x.Latency
			sayf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s", x.Runs, msText(l.Min), msOrNone(l.P50), msOrNone(l.P90), msOrNone(l.P99), msText(l.Mean), msText(l.Max),
				msText(float64(x.RowsPerSecond)))
			if i > 0 && i-1 < len(p.Ratios) {
				sayf(tw, "\t%s", p.Ratios[i-1])
			}
			fmt.Fprintln(tw)
		}
	}
	return tw.Flush()
}

// String writes a ratio with its interval.
func (x BenchRatio) String() string {
	s := fmt.Sprintf("%.3f", float64(x.Ratio))
	if x.Low != nil {
		s += fmt.Sprintf(" (%.3f..%.3f)", float64(*x.Low), float64(*x.High))
	}
	return s
}

func (r *BenchReport) writeVerdict(w io.Writer) {
	limit := r.Options.FailAbove
	if limit == 0 {
		return
	}
	for _, p := range r.Points {
		for _, x := range p.Ratios {
			if x.Fail {
				sayf(w, "too slow: at batch %d%s %s takes %s times as long as %s, more than %g\n", p.Batch, threadsText(p.Threads), x.Model, x, x.To, limit)
			}
		}
	}
	if r.Pass {
		sayf(w, "fast enough: nothing takes more than %g times as long as %s\n", limit, r.Models[0].Name)
	}
}

func threadsText(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 thread"
	}
	return fmt.Sprintf(", %d threads", n)
}

// msText writes milliseconds, or another number above 0, in four digits or more.
func msText(x float64) string {
	switch {
	case x >= 1000:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x >= 1:
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return strconv.FormatFloat(x, 'f', 4, 64)
}

func msOrNone(ms *float64) string {
	if ms == nil {
		return "-"
	}
	return msText(*ms)
}

func mebibytes(n int64) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64), ".0") + " MiB"
}
