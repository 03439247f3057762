package verify

import (
	"errors"
	"fmt"

	"onnxtool/onnxpb"
)

// Options say what Models runs and what it takes for equal. The zero Options compare one set of inputs at the models' own batch, and ask for equality.
type Options struct {
	// Batches are the batches to run; none: the rows of a given file, the batch that the models fix, or 1.
	Batches []int64
	// Seed is the seed of generated inputs (see Generate).
	Seed uint64
	// Samples is how many sets of inputs are generated for each batch; sample i is what seed Seed+i gives. 0 is 1.
	Samples int
	// Tolerance is how far an element may lie from the reference; where ByType is set it is ToleranceFor the element type instead.
	Tolerance Tolerance
	ByType    bool
	// Rules are what outputs are held to where it is not that. There is one for each output at most, and one for all that have none.
	Rules []Rule
	// Ranges set where generated elements lie, by the input's name in the reference; "" is for every input without an entry of its own.
	Ranges map[string]Range
	// Dists say how elements are drawn, by the input's name in the reference; "" is for every input without an entry of its own.
	Dists map[string]Dist
	// Corners runs each batch once more for every corner sample that applies to an input, too (see CornerNames).
	Corners bool
	// Dims give numbers to free dimensions of the inputs: by symbol, or as NAME[axis].
	Dims map[string]int64
	// Files give inputs from files.
	Files []InputFile
	// Map pairs inputs and outputs whose names differ.
	Map []Pair
	// Layouts and Parts match tensors whose axes stand in another order, and outputs of which one model gives more.
	Layouts []Layout
	Parts   []Part
	// Only names the outputs of the reference to compare; none: all.
	Only []string
	// OneAtATime runs the reference on all inputs, closes it, and then runs the model, so that the two are not in memory at once. What the reference gives is kept meanwhile: up to Memory bytes
	// (0: DefaultMemory) in memory, the rest in a temporary file.
	OneAtATime bool
	Memory     int64
	// Progress, where it is not nil, is told after each set of inputs how many of all are done.
	Progress func(done, of int)
	// Session holds the settings of the engine, ReferenceSession those for the reference where they are others.
	Session          SessionOptions
	ReferenceSession *SessionOptions
}

// Models runs a reference and a model on the same inputs and compares their outputs. That they differ is no error: it is the Report's answer. Errors
// are of kind Unfit where inputs or outputs cannot be matched, shapes are not known or do not fit, or a batch cannot be run; Usage where the
// options contradict each other; Engine where the engine fails.
func Models(e Engine, reference, model Source, o Options) (*Report, error) {
	inputs, outputs, notes, err := matchAll(reference.Model, model.Model, o.Map, o.Only)
	if err != nil {
		return nil, err
	}
	turned, err := newLayouts(o, inputs, outputs)
	if err != nil {
		return nil, err
	}
	p, batches, err := o.plan(inputs)
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Equal: true, Seed: o.Seed, Samples: max(o.Samples, 1), Tolerance: o.Tolerance, ByType: o.ByType, Optimization: optimization(o.Session), Notes: notes}
	if allGiven(p) {
		r.Samples = 1
	}
	if o.ReferenceSession != nil && optimization(*o.ReferenceSession) != r.Optimization {
		r.ReferenceOptimization = optimization(*o.ReferenceSession)
	}
	if r.Reference, err = describe(reference); err != nil {
		return nil, err
	}
	if r.Model, err = describe(model); err != nil {
		return nil, err
	}
	r.Engine = EngineInfo{Name: "ONNX Runtime", Version: e.Version()}
	r.Inputs = describeInputs(p, o)
	held, err := newRules(o, outputs)
	if err != nil {
		return nil, err
	}
	c := &comparison{plan: p, outputs: outputs, o: o, report: r, rules: held, layouts: turned}
	if err := c.prepare(reference, model, batches); err != nil {
		return nil, err
	}
	pass := func(o Options) error {
		return o.each(batches, r.Samples, func(batch int64, sample int) error {
			if err := c.run(batch, sample); err != nil || !o.Corners || sample < r.Samples-1 {
				return err
			}
			return c.corners(batch)
		})
	}
	if o.OneAtATime {
		quiet := o
		quiet.Progress = nil
		err = c.openOneAtATime(e, reference, model, func() error { return pass(quiet) })
	} else {
		err = c.open(e, reference, model)
	}
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := pass(o); err != nil {
		return nil, err
	}
	for i, in := range p.inputs {
		r.Inputs[i].SHA256 = c.fed.of(in.pair.ref.name)
	}
	return r, nil
}

// each runs every batch on every sample, and tells Progress.
func (o Options) each(batches []int64, samples int, run func(batch int64, sample int) error) error {
	done := 0
	for _, b := range batches {
		for s := range samples {
			if err := run(b, s); err != nil {
				return err
			}
			if done++; o.Progress != nil {
				o.Progress(done, len(batches)*samples)
			}
		}
	}
	return nil
}

// plan reads the files of inputs and says which shapes the inputs take, and at which batches.
func (o Options) plan(inputs []portPair) (*plan, []int64, error) {
	given, err := readInputsWith(o.Files, inputs, o.Dims, o.Ranges)
	if err != nil {
		return nil, nil, err
	}
	if err := o.checkSpecs(inputs); err != nil {
		return nil, nil, err
	}
	p, err := newPlan(inputs, o.Dims, given)
	if err != nil {
		return nil, nil, err
	}
	batches, err := batchesOf(p, o.Batches)
	return p, batches, err
}

// batchesOf returns the batches to run, each of which must be possible.
func batchesOf(p *plan, asked []int64) ([]int64, error) {
	if len(asked) == 0 {
		b, err := p.natural()
		if err != nil {
			return nil, err
		}
		asked = []int64{b}
	}
	for _, b := range asked {
		if err := p.check(b); err != nil {
			return nil, err
		}
		if _, err := p.shapes(b); err != nil {
			return nil, err
		}
	}
	return asked, nil
}

// checkSpecs holds the names of ranges and distributions to those of inputs.
func (o Options) checkSpecs(inputs []portPair) error {
	names := make([]string, len(inputs))
	for i, p := range inputs {
		names[i] = p.ref.name
	}
	for flag, given := range map[string][]string{"range": sortedKeys(o.Ranges), "dist": sortedKeys(o.Dists)} {
		for _, name := range given {
			if name != "" && !contains(names, name) {
				return noSuch(fmt.Sprintf("--%s %s: the reference has no such input", flag, name), name, names)
			}
		}
	}
	return nil
}

// spec says how an input is generated.
func (o Options) spec(name string) GenSpec {
	s := GenSpec{Range: rangeFor(o.Ranges, name)}
	d, ok := o.Dists[name]
	if !ok {
		d = o.Dists[""]
	}
	s.Dist = d
	return s
}

func rangeFor(ranges map[string]Range, name string) *Range {
	if r, ok := ranges[name]; ok {
		return &r
	}
	if r, ok := ranges[""]; ok {
		return &r
	}
	return nil
}

func allGiven(p *plan) bool {
	for _, in := range p.inputs {
		if in.given == nil {
			return false
		}
	}
	return true
}

// comparison is two models that are open, side by side.
type comparison struct {
	plan    *plan
	outputs []portPair
	o       Options
	rules   *rules
	layouts *layouts
	fed     fedHashes
	report  *Report
	ref     *batchRunner
	got     *batchRunner
	// recording says that the reference alone is run, to be compared later.
	recording bool
}

// prepare says how the two models are run, and notes which are in parts.
func (c *comparison) prepare(reference, model Source, batches []int64) error {
	c.ref = &batchRunner{step: c.plan.refStep, carries: map[string]bool{}}
	c.got = &batchRunner{step: c.plan.gotStep, carries: map[string]bool{}, in: c.layouts.in, out: c.layouts.out}
	for _, in := range c.plan.inputs {
		c.ref.carries[in.pair.ref.name] = in.carries
		c.got.carries[in.pair.got.name] = in.carries
	}
	var refOut, gotOut []port
	for _, p := range c.outputs {
		c.ref.outputs = append(c.ref.outputs, p.ref.name)
		c.got.outputs = append(c.got.outputs, p.got.name)
		refOut, gotOut = append(refOut, p.ref), append(gotOut, p.got)
	}
	for _, side := range []struct {
		r    *batchRunner
		out  []port
		path string
		who  string
	}{{c.ref, refOut, reference.Path, "the reference"}, {c.got, gotOut, model.Path, "the model"}} {
		for _, b := range batches {
			n := side.r.parts(b)
			if n == 1 {
				continue
			}
			if err := checkRows(side.out, side.r.step); err != nil {
				return onnxpb.InFile(err, side.path)
			}
			c.report.Notes = append(c.report.Notes, fmt.Sprintf("batch %d of %s, whose batch is fixed to %d, was run in %d parts", b, side.who, side.r.step, n))
		}
	}
	// The threads of the one that has just run are not to wait busily while the other runs.
	c.o.Session.NoSpin = true
	return nil
}

// referenceSession holds the settings of the reference's session.
func (c *comparison) referenceSession() SessionOptions {
	if c.o.ReferenceSession == nil {
		return c.o.Session
	}
	first := *c.o.ReferenceSession
	first.NoSpin = true
	return first
}

// open opens both models.
func (c *comparison) open(e Engine, reference, model Source) (err error) {
	if c.ref.session, err = e.Open(reference, c.referenceSession()); err != nil {
		return onnxpb.InFile(err, reference.Path)
	}
	if c.got.session, err = e.Open(model, c.o.Session); err != nil {
		c.ref.session.Close()
		return onnxpb.InFile(err, model.Path)
	}
	return nil
}

func (c *comparison) close() {
	c.ref.session.Close()
	c.got.session.Close()
}

// run compares the models on one set of inputs.
func (c *comparison) run(batch int64, sample int) error {
	refIn, gotIn, err := c.inputs(batch, sample)
	if err != nil {
		return err
	}
	return c.runOn(batch, sample, refIn, gotIn)
}

// corners compares the models on the corner samples of a batch. What the reference does not run is noted and left out.
func (c *comparison) corners(batch int64) error {
	refIn, _, err := c.inputs(batch, 0)
	if err != nil {
		return err
	}
	shapes, err := c.plan.shapes(batch)
	if err != nil {
		return err
	}
	var list []GenInput
	for i, in := range c.plan.inputs {
		g := GenInput{Name: in.pair.ref.name, Type: in.pair.ref.typ, Dims: shapes[i], Spec: c.o.spec(in.pair.ref.name)}
		if in.given != nil {
			g.Given = refIn[g.Name]
		}
		list = append(list, g)
	}
	defer func() { c.report.corner = "" }()
	for _, name := range CornerNames(list) {
		ref, err := CornerInputs(name, list, c.o.Seed)
		if err != nil {
			return err
		}
		got := map[string]*onnxpb.Value{}
		for _, in := range c.plan.inputs {
			got[in.pair.got.name] = ref[in.pair.ref.name]
		}
		c.report.corner = name
		var refused refuses
		if err := c.runOn(batch, 0, ref, got); errors.As(err, &refused) {
			if c.recording {
				continue // it is noted when it is compared
			}
			c.report.Notes = append(c.report.Notes, fmt.Sprintf("corner %s at batch %d was left out, as the reference does not run on it: %v", name, batch, refused.error))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// refuses is the error of a reference that does not run on its inputs.
type refuses struct{ error }

func (r refuses) Unwrap() error { return r.error }

// runOn compares the models on inputs, by the names that each has for them.
func (c *comparison) runOn(batch int64, sample int, refIn, gotIn map[string]*onnxpb.Value) error {
	if !c.recording {
		for name, v := range refIn {
			c.fed.add(name, v)
		}
	}
	want, err := c.ref.run(refIn, batch)
	if err != nil {
		err = onnxpb.InFile(c.blameInputs(err), c.report.Reference.Path)
		if c.report.corner != "" {
			return refuses{err}
		}
		return err
	}
	if c.recording {
		return nil
	}
	got, err := c.got.run(gotIn, batch)
	if err != nil {
		return onnxpb.InFile(c.blameInputs(err), c.report.Model.Path)
	}
	if want, err = cutParts(want, c.layouts.refPart); err != nil {
		return onnxpb.InFile(err, c.report.Reference.Path)
	}
	if got, err = cutParts(got, c.layouts.got); err != nil {
		return onnxpb.InFile(err, c.report.Model.Path)
	}
	return c.judge(batch, sample, want, got)
}

// blameInputs adds to a failure of the engine what it may come from: generated inputs that stand for indices, lengths or shapes are seldom such.
func (c *comparison) blameInputs(err error) error {
	if e, ok := err.(*onnxpb.Error); ok && e.Kind == onnxpb.Engine && e.Hint == "" {
		for _, in := range c.plan.inputs {
			if in.given == nil && exactType(in.pair.ref.elem) {
				blamed := *e
				blamed.Hint = fmt.Sprintf("input %s was generated: set its range with --range %s=LO..HI, or give it from a file with --inputs", in.pair.ref.name, in.pair.ref.name)
				return &blamed
			}
		}
	}
	return err
}

// inputs makes, or takes from the files, the inputs of both models, by the names that each has for them.
func (c *comparison) inputs(batch int64, sample int) (ref, got map[string]*onnxpb.Value, err error) {
	shapes, err := c.plan.shapes(batch)
	if err != nil {
		return nil, nil, err
	}
	ref, got = map[string]*onnxpb.Value{}, map[string]*onnxpb.Value{}
	for i, in := range c.plan.inputs {
		name := in.pair.ref.name
		v := in.given
		switch {
		case v == nil:
			v, err = GenerateValueWith(name, in.pair.ref.typ, shapes[i], c.o.spec(name), c.o.Seed+uint64(sample))
		case in.carries && v.Kind == onnxpb.KindTensor:
			var a *onnxpb.Array
			if a, err = rows(v.Array, 0, batch); err == nil {
				v = onnxpb.TensorVal(a)
			}
		}
		if err != nil {
			return nil, nil, err
		}
		ref[name], got[in.pair.got.name] = v, v
	}
	return ref, got, nil
}

func optimization(s SessionOptions) string {
	if s.Optimization == "" {
		return OptimizeAll
	}
	return s.Optimization
}
