package verify

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"onnxtool/onnxpb"
)

// plan matches the inputs of the models and settles shapes and batches.
func (b *bench) plan(models []Source) error {
	ref := inputsOf(models[0].Model)
	used := map[Pair]bool{}
	var all [][]portPair
	for i, s := range models {
		b.models = append(b.models, &benchModel{name: string(rune('A' + i)), source: s, carries: map[string]bool{}})
		if i == 0 && len(models) > 1 {
			continue
		}
		var given []Pair
		if i > 0 {
			given = b.o.Map
		}
		pairs, notes, err := match("input", ref, inputsOf(s.Model), given, used)
		if err != nil {
			return onnxpb.InFile(err, s.Path)
		}
		all = append(all, pairs)
		if b.report == nil {
			b.report = &BenchReport{}
		}
		b.report.Notes = append(b.report.Notes, notes...)
	}
	for _, p := range b.o.Map {
		if !used[p] {
			return noSuch(fmt.Sprintf("--map %s=%s: there are no such inputs", p.Reference, p.Model), p.Reference, portNames(ref))
		}
	}
	given, err := readInputs(b.o.Files, all[0])
	if err != nil {
		return err
	}
	if err := (Options{Ranges: b.o.Ranges, Dists: b.o.Dists}).checkSpecs(all[0]); err != nil {
		return err
	}
	for i, pairs := range all {
		p, err := newPlan(pairs, dimsOf(b.o.Dims, all, i), given)
		if err != nil {
			return err
		}
		b.plans = append(b.plans, p)
	}
	b.carry()
	return b.planBatches()
}

// dimsOf returns the numbers for dimensions that are about one of several sets of inputs. What is about none stays with the first set, to be refused.
func dimsOf(dims map[string]int64, all [][]portPair, set int) map[string]int64 {
	about := map[string]int64{}
	for key, v := range dims {
		first := -1
		for i, pairs := range all {
			if hasDim(pairs, key) {
				if i == set {
					about[key] = v
				}
				first = i
			}
		}
		if first < 0 && set == 0 {
			about[key] = v
		}
	}
	return about
}

// hasDim tells whether inputs have a dimension of this symbol or place.
func hasDim(pairs []portPair, key string) bool {
	for _, p := range pairs {
		for _, side := range []port{p.ref, p.got} {
			for axis, d := range side.dims {
				if d.Param == key || key == fmt.Sprintf("%s[%d]", side.name, axis) {
					return true
				}
			}
		}
	}
	return false
}

// carry takes from the plans how each model takes a batch.
func (b *bench) carry() {
	for i, p := range b.plans {
		for _, in := range p.inputs {
			if i == 0 {
				b.models[0].carries[in.pair.ref.name] = in.carries
			}
			if i+1 < len(b.models) {
				b.models[i+1].carries[in.pair.got.name] = in.carries
			}
		}
		if i == 0 {
			b.models[0].step = p.refStep
		}
		if i+1 < len(b.models) {
			b.models[i+1].step = p.gotStep
		}
	}
}

// planBatches settles the batches, which must be possible for all models.
func (b *bench) planBatches() error {
	asked := once(b.o.Batches)
	for _, p := range b.plans {
		list, err := batchesOf(p, asked)
		if err != nil {
			return err
		}
		if asked == nil { // the first plan's own batch
			asked = list
		}
	}
	b.batches = asked
	for _, m := range b.models {
		var many []string
		for _, batch := range b.batches {
			if n := batch / m.size(batch); n > 1 {
				many = append(many, fmt.Sprintf("%d runs at batch %d", n, batch))
			}
		}
		if len(many) > 0 {
			b.report.Notes = append(b.report.Notes, fmt.Sprintf("the batch of model %s is fixed to %d: what is measured is %s, one after the other", m.name, m.step, strings.Join(many, ", ")))
		}
	}
	return nil
}

// describe fills in what the report says besides times.
func (b *bench) describe() error {
	r, o := b.report, b.o
	r.Schema, r.Pass = BenchSchema, true
	r.Machine = thisMachine()
	r.Engine = EngineInfo{Name: "ONNX Runtime", Version: b.engine.Version()}
	s := o.Session
	r.Options = BenchSettings{Batches: b.batches, Threads: o.Threads, Warmup: o.Warmup, Runs: o.Runs, Seconds: o.Time.Seconds(), Seed: o.Seed, FailAbove: o.FailAbove,
		Optimization: optimization(s), Parallel: s.Parallel, InterOpThreads: s.InterOpThreads, NoSpin: s.NoSpin || len(b.models) > 1, NoArena: s.NoArena,
		NoMemPattern: s.NoMemPattern, Providers: s.Providers, Timeout: s.Timeout.Seconds()}
	for _, m := range b.models {
		info, err := describe(m.source)
		if err != nil {
			return err
		}
		r.Models = append(r.Models, BenchModel{Name: m.name, ModelInfo: info})
	}
	for _, in := range describeInputs(b.plans[0], Options{Ranges: o.Ranges, Dists: o.Dists}) {
		r.Inputs = append(r.Inputs, BenchInput{Name: in.Reference, Type: in.Type, Shape: in.Shape, Batch: in.Batch, Values: in.Values})
	}
	if r.Machine.Load != nil && *r.Machine.Load > math.Max(0.5, 0.25*float64(r.Machine.CPUs)) {
		r.Notes = append(r.Notes, fmt.Sprintf("other programs were running when the measurement began (a load of %.1f on %d processors): times are longer and vary more", *r.Machine.Load,
			r.Machine.CPUs))
	}
	return nil
}

// profile runs each model by itself with ONNX Runtime's profiling, in a session of its own, as that takes time too.
func (b *bench) profile() error {
	dir, err := os.MkdirTemp("", "onnxtool-profile-*")
	if err != nil {
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "there is no place for ONNX Runtime's profile", Err: err, Hint: "TMPDIR names another directory for it"}
	}
	defer os.RemoveAll(dir)
	batch, threads := b.batches[len(b.batches)-1], b.o.Threads[len(b.o.Threads)-1]
	if err := b.feed(batch); err != nil {
		return err
	}
	for _, m := range b.models {
		p, err := b.profileOf(m, filepath.Join(dir, m.name), threads)
		if err != nil {
			return err
		}
		p.Model, p.Batch, p.Threads = m.name, batch, threads
		b.report.Profiles = append(b.report.Profiles, p)
	}
	return nil
}

func (b *bench) profileOf(m *benchModel, prefix string, threads int) (*Profile, error) {
	o := b.o.Session
	o.Threads, o.Profile = threads, prefix
	s, err := b.engine.Open(m.source, o)
	if err != nil {
		return nil, onnxpb.InFile(err, m.source.Path)
	}
	m.session = s
	defer b.close()
	runs := profiledRuns
	if b.o.Runs > 0 {
		runs = min(runs, b.o.Runs)
	}
	start := b.o.clock()
	for i := range b.o.Warmup + runs {
		if i == b.o.Warmup {
			start = b.o.clock()
		}
		if i > b.o.Warmup && b.o.Time > 0 && b.o.clock()-start >= b.o.Time {
			break
		}
		if _, err := b.run(m); err != nil {
			return nil, err
		}
	}
	if err := s.Close(); err != nil { // writes the file
		return nil, err
	}
	return newestProfile(prefix, m.source.Path, ProfileOptions{Skip: b.o.Warmup * len(m.parts), Join: len(m.parts), Top: b.o.Top})
}

// newestProfile reads the profile that a session has written: the file of the form of the model that was run.
func newestProfile(prefix, model string, o ProfileOptions) (*Profile, error) {
	dir, name := filepath.Split(prefix)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: dir, Err: err}
	}
	var first error
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), name) || filepath.Ext(f.Name()) != ".json" {
			continue
		}
		p, err := ReadProfileFile(filepath.Join(dir, f.Name()), o)
		if err == nil {
			return p, nil
		}
		first = err
	}
	if first != nil {
		return nil, first
	}
	return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: model, Msg: "the engine has written no profile"}
}

// ParseProvider reads NAME or NAME:KEY=VALUE,KEY=VALUE, for example CUDA:device_id=0. Errors are of kind Usage.
func ParseProvider(s string) (Provider, error) {
	name, options, more := strings.Cut(s, ":")
	p := Provider{Name: name}
	bad := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no provider", s), Hint: "write NAME or NAME:KEY=VALUE,KEY=VALUE, such as CUDA:device_id=0"}
	if name == "" {
		return p, bad
	}
	if !more {
		return p, nil
	}
	p.Options = map[string]string{}
	for _, part := range strings.Split(options, ",") {
		key, value, ok := strings.Cut(part, "=")
		if _, twice := p.Options[key]; !ok || key == "" || twice {
			return p, bad
		}
		p.Options[key] = value
	}
	return p, nil
}
