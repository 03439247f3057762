package verify

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"onnxtool/onnxpb"
)

// What Bench does where its options say nothing, and its limits.
const (
	DefaultBenchTime = 2 * time.Second // for one point
	MaxBenchRounds   = 100_000         // of one point: more tell nothing new, and would fill the memory
	MinRatioRounds   = 20              // from which on a ratio has an interval
	maxBenchModels   = 26              // they are named A to Z
	profiledRuns     = 20              // that a profile is the mean of
)

// BenchOptions say what Bench measures. The zero BenchOptions run the models at their own batch for DefaultBenchTime, with no warm-up.
type BenchOptions struct {
	// Batches are the batches to run; none: the rows of a given file, the batch that the models fix, or 1.
	Batches []int64
	// Threads are the numbers of threads that one operator may use, each a session of its own; 0 leaves it to the engine. None: Session.Threads.
	Threads []int
	// Warmup is how many times each model runs at each point before it is measured.
	Warmup int
	// Runs is how many times each model is measured at each point, 0: as often as Time allows, but once at least. At most MaxBenchRounds.
	Runs int
	// Time is how long a point is measured, all models and not the warm-up. 0: DefaultBenchTime, or without end where Runs is set.
	Time time.Duration
	// FailAbove, if it is above 0, is how many times slower than the first model another may be: the report's Pass says whether all are within. It needs
	// two models and at least MinRatioRounds rounds, which are made even if Time is over.
	FailAbove float64
	// Profile has each model profiled too, by itself, at the last batch and number of threads.
	Profile bool
	// Top is how many nodes a profile lists; 0 is 10.
	Top int
	// Seed is the seed of generated inputs (see Generate), and of the resampling that intervals come from.
	Seed uint64
	// Ranges set where generated elements lie, by the input's name in the first model; "" is for every input without an entry of its own.
	Ranges map[string]Range
	// Dists set how elements are drawn, as Ranges do.
	Dists map[string]Dist
	// Dims give numbers to free dimensions of the inputs: by symbol, or as NAME[axis].
	Dims map[string]int64
	// Files give inputs from files.
	Files []InputFile
	// Map pairs inputs of which the name in another model is not that in the first.
	Map []Pair
	// Session holds the settings of the engine. Threads is set from Threads above, Profile is not used, and NoSpin is set where there are several models.
	Session SessionOptions

	clock func() time.Duration // time that has passed since some moment; nil: the system's, which is never set back
}

// Bench measures how long runs of models take and how many rows they compute in a second, at every batch and number of threads. Several models are run on the
// same inputs in one process in turn, in rounds of one run each: A B, B A, B A, A B for two, so that what slows the machine down for a while slows down
// all of them. What is measured is Session.Run: the inputs are checked and handed over where they lie, the outputs copied out. No run is left out.
//
// Errors are of kind Unfit where the models do not take the same inputs, shapes are not known or a batch cannot be run; Usage where options
// contradict each other; Engine where the engine fails.
func Bench(e Engine, models []Source, o BenchOptions) (*BenchReport, error) {
	if err := checkBench(len(models), &o); err != nil {
		return nil, err
	}
	b := &bench{engine: e, o: o}
	if err := b.plan(models); err != nil {
		return nil, err
	}
	if err := b.describe(); err != nil {
		return nil, err
	}
	for _, threads := range b.o.Threads {
		if err := b.atThreads(threads); err != nil {
			return nil, err
		}
	}
	b.report.Memory = memoryNow()
	if o.Profile {
		if err := b.profile(); err != nil {
			return nil, err
		}
	}
	b.report.judge()
	return b.report, nil
}

// checkBench refuses options that make no sense and fills in defaults.
func checkBench(models int, o *BenchOptions) error {
	switch {
	case models == 0:
		return onnxpb.Errorf(onnxpb.Usage, "there is no model to run")
	case models > maxBenchModels:
		return onnxpb.Errorf(onnxpb.Usage, "%d models are too many: %d can be run in turn", models, maxBenchModels)
	case o.Warmup < 0 || o.Runs < 0 || o.Time < 0:
		return onnxpb.Errorf(onnxpb.Usage, "the number of runs, of warm-up runs and the time cannot be negative")
	case o.Runs > MaxBenchRounds:
		return onnxpb.Errorf(onnxpb.Usage, "%d runs of a model are too many: %d can be measured", o.Runs, MaxBenchRounds)
	case math.IsNaN(o.FailAbove) || math.IsInf(o.FailAbove, 0) || o.FailAbove < 0:
		return onnxpb.Errorf(onnxpb.Usage, "a model cannot be %v times slower: the limit is a number above 0", o.FailAbove)
	case o.FailAbove > 0 && models < 2:
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a limit on how much slower a model may be needs two models", Hint: "the first is what the others are held to"}
	case o.FailAbove > 0 && o.Runs > 0 && o.Runs < MinRatioRounds:
		return onnxpb.Errorf(onnxpb.Usage, "%d runs do not tell whether a model is slower: %d or more are needed", o.Runs, MinRatioRounds)
	}
	for _, t := range o.Threads {
		if t < 0 {
			return onnxpb.Errorf(onnxpb.Usage, "%d threads: the number is negative", t)
		}
	}
	if len(o.Threads) == 0 {
		o.Threads = []int{o.Session.Threads}
	}
	o.Threads = once(o.Threads)
	if o.Runs == 0 && o.Time == 0 {
		o.Time = DefaultBenchTime
	}
	if o.Top <= 0 {
		o.Top = 10
	}
	if o.clock == nil {
		start := time.Now()
		o.clock = func() time.Duration { return time.Since(start) }
	}
	return nil
}

// once returns a list without what is in it before.
func once[T comparable](list []T) []T {
	var short []T
	for _, x := range list {
		if !slices.Contains(short, x) {
			short = append(short, x)
		}
	}
	return short
}

// bench is a measurement that is going on.
type bench struct {
	engine  Engine
	o       BenchOptions
	models  []*benchModel
	plans   []*plan // of the first model with each of the others; of the first with itself, where it is the only one
	batches []int64
	report  *BenchReport
	fed     fedHashes
	hashed  map[int64]bool // the batches of which the inputs are in fed
}

// benchModel is one of the models.
type benchModel struct {
	name    string // A, B, ...
	source  Source
	step    int64           // the batch that it is fixed to, 0 where it takes any
	carries map[string]bool // its inputs whose leading dimension is the batch
	session Session
	parts   []map[string]*onnxpb.Value // the inputs at the batch that is measured, cut up where the model's own batch is smaller
}

// atThreads opens all models with a number of threads and measures them at every batch.
func (b *bench) atThreads(threads int) error {
	o := b.o.Session
	o.Threads, o.Profile = threads, ""
	if err := b.open(o); err != nil {
		return err
	}
	defer b.close()
	for _, batch := range b.batches {
		if err := b.feed(batch); err != nil {
			return err
		}
		times, err := b.measure()
		if err != nil {
			return err
		}
		b.report.addPoint(batch, threads, times, b.o.Seed)
	}
	return nil
}

// open makes the sessions; with several of them threads do not spin, for those of one model would take time from the next.
func (b *bench) open(o SessionOptions) error {
	if len(b.models) > 1 {
		o.NoSpin = true
	}
	for _, m := range b.models {
		start := b.o.clock()
		s, err := b.engine.Open(m.source, o)
		if err != nil {
			b.close()
			return onnxpb.InFile(err, m.source.Path)
		}
		m.session = s
		b.report.Loads = append(b.report.Loads, BenchLoad{Model: m.name, Threads: o.Threads, MS: milliseconds(b.o.clock() - start), Resident: memoryNow().resident()})
	}
	return nil
}

func (b *bench) close() {
	for _, m := range b.models {
		if m.session != nil {
			m.session.Close()
			m.session = nil
		}
	}
}

// measure runs the models in rounds and returns the times of each.
func (b *bench) measure() ([][]time.Duration, error) {
	runtime.GC() // what was made so far is not to be collected while runs are measured
	for round := range b.o.Warmup {
		for _, i := range benchOrder(round, len(b.models)) {
			if _, err := b.run(b.models[i]); err != nil {
				return nil, err
			}
		}
	}
	times := make([][]time.Duration, len(b.models))
	start := b.o.clock()
	for round := 0; ; round++ {
		if b.enough(round, b.o.clock()-start) {
			return times, nil
		}
		for _, i := range benchOrder(round, len(b.models)) {
			t, err := b.run(b.models[i])
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], t)
		}
	}
}

// enough tells whether a point has been measured well enough after some rounds and time.
func (b *bench) enough(rounds int, passed time.Duration) bool {
	least := 1
	if b.o.FailAbove > 0 {
		least = MinRatioRounds
	}
	switch {
	case rounds < least:
		return false
	case rounds >= MaxBenchRounds || b.o.Runs > 0 && rounds >= b.o.Runs:
		return true
	}
	return b.o.Time > 0 && passed >= b.o.Time
}

// benchOrder tells the order in which n models run in a round: who begins changes with every round, and the direction each time that all have begun, so that each
// stands in every place, and behind every other, equally often.
func benchOrder(round, n int) []int {
	list := make([]int, n)
	first, back := round%n, round/n%2 == 1
	for i := range list {
		list[i] = (first + i) % n
		if back {
			list[i] = (first + n - 1 - i) % n
		}
	}
	return list
}

// run runs a model once at the batch and returns how long that took.
func (b *bench) run(m *benchModel) (time.Duration, error) {
	start := b.o.clock()
	for _, part := range m.parts {
		if _, err := m.session.Run(part); err != nil {
			return 0, onnxpb.InFile((&comparison{plan: b.plans[0]}).blameInputs(err), m.source.Path)
		}
	}
	return b.o.clock() - start, nil
}

// feed makes the inputs of all models at a batch.
func (b *bench) feed(batch int64) error {
	var first map[string]*onnxpb.Value
	for i, p := range b.plans {
		c := &comparison{plan: p, o: Options{Seed: b.o.Seed, Ranges: b.o.Ranges, Dists: b.o.Dists}}
		ref, got, err := c.inputs(batch, 0)
		if err != nil {
			return err
		}
		if i == 0 {
			first = ref
			b.hash(batch, ref)
			if err := b.models[0].feed(ref, batch); err != nil {
				return err
			}
		} else if err := sameShapes(first, ref, b.models[1].name, b.models[i+1].name); err != nil {
			return err
		}
		if i+1 < len(b.models) {
			if err := b.models[i+1].feed(got, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// hash notes what the first model is fed with at a batch.
func (b *bench) hash(batch int64, inputs map[string]*onnxpb.Value) {
	if b.hashed[batch] {
		return
	}
	if b.hashed == nil {
		b.hashed = map[int64]bool{}
	}
	b.hashed[batch] = true
	for name, v := range inputs {
		b.fed.add(name, v)
	}
	for i, in := range b.report.Inputs {
		b.report.Inputs[i].SHA256 = b.fed.of(in.Name)
	}
}

// feed cuts inputs into the parts that a model takes.
func (m *benchModel) feed(inputs map[string]*onnxpb.Value, batch int64) error {
	m.parts = nil
	for from := int64(0); from < batch; from += m.size(batch) {
		part := make(map[string]*onnxpb.Value, len(inputs))
		for name, v := range inputs {
			part[name] = v
			if !m.carries[name] || m.size(batch) == batch {
				continue
			}
			a, err := rows(v.Array, from, from+m.size(batch))
			if err != nil {
				return err
			}
			part[name] = onnxpb.TensorVal(a)
		}
		m.parts = append(m.parts, part)
	}
	return nil
}

// size is the number of rows that a model computes at once at a batch.
func (m *benchModel) size(batch int64) int64 {
	if m.step == 0 || m.step > batch {
		return batch
	}
	return m.step
}

// sameShapes holds inputs of the first model as they are planned with one of the others to those planned with another.
func sameShapes(a, b map[string]*onnxpb.Value, nameA, nameB string) error {
	for _, name := range sortedKeys(a) {
		x, y := a[name].Array, b[name].Array
		if x != nil && y != nil && !equalDims(x.Dims, y.Dims) {
			return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("this input of the first model would have shape %s for model %s and %s for model %s", shapeText(x.Dims), nameA,
				shapeText(y.Dims), nameB), Hint: "give the numbers of free dimensions with --dims; models that take other shapes cannot be compared"}
		}
	}
	return nil
}
