package verify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// RunOptions say what Run and FindNaN run. The zero RunOptions run one set of generated inputs at the model's own batch.
type RunOptions struct {
	// Batch is the batch to run; 0: the rows of a given file, the batch that the model fixes, or 1.
	Batch int64
	// Seed is the seed of generated inputs (see Generate).
	Seed uint64
	// Samples is how many sets of inputs are run; sample i is what seed Seed+i gives. 0 is 1. Where files give all inputs there is one.
	Samples int
	// Ranges set where generated elements lie, by input; "" is for every input without an entry of its own.
	Ranges map[string]Range
	// Dists say how elements are drawn, by input; "" is for every input without an entry of its own.
	Dists map[string]Dist
	// Dims give numbers to free dimensions of the inputs: by symbol, or as NAME[axis].
	Dims map[string]int64
	// Files give inputs from files.
	Files []InputFile
	// Session holds the settings of the engine. FindNaN takes an Optimization of "" as OptimizeNone, so that the nodes are those of the model.
	Session SessionOptions

	// Outputs names the outputs of the model to give (Run alone); none: all.
	Outputs []string
	// Fetch names other values to give beside them (Run alone): outputs of nodes, inputs and initializers of the main graph. A text that is no such name is a
	// pattern over the values that nodes make: * and ? stand for any characters and any one, re: begins a regular expression.
	Fetch []string
	// FetchAll gives every value that a node of the main graph makes and whose type is known (Run alone).
	FetchAll bool
	// DropValues leaves RunReport.Values empty, so that no more than one sample is in memory (Run alone).
	DropValues bool

	// Memory bounds what FindNaN holds of values at once, in bytes, by its estimate of their sizes; 0 is 1 GiB. One value may be larger, and what the engine holds is not
	// counted.
	Memory int64
}

// Run runs a model on seeded or given inputs and sums up what it gives. Errors are of kind Unfit where an input, a name or the batch does not fit the model, Usage where the
// options make no sense, Engine where the engine fails.
func Run(e Engine, s Source, o RunOptions) (*RunReport, error) {
	p, err := prepareRun(s, o)
	if err != nil {
		return nil, err
	}
	r := &RunReport{Schema: RunSchema, Engine: EngineInfo{"ONNX Runtime", e.Version()}, Optimization: optimization(o.Session), Seed: o.Seed, Samples: p.samples,
		Batch: p.batch, Inputs: p.describe()}
	if r.Model, err = describe(s); err != nil {
		return nil, err
	}
	names, inner, err := runNames(s.Model, o, &r.Notes)
	if err != nil {
		return nil, err
	}
	source := s
	if len(inner) > 0 {
		if source, err = WithOutputs(s, names); err != nil {
			return nil, err
		}
		r.Notes = append(r.Notes, "the inner values are outputs here: the engine cannot fuse the nodes that make them, so that outputs may differ in their last digits")
	}
	r.types = map[string]*onnxpb.TypeProto{}
	for _, v := range source.Model.GetGraph().GetOutput() {
		r.types[v.GetName()] = v.GetType()
	}
	started := time.Now()
	session, err := e.Open(source, o.Session)
	if err != nil {
		return nil, onnxpb.InFile(err, s.Path)
	}
	defer session.Close()
	r.OpenSeconds = time.Since(started).Seconds()
	for sample := range p.samples {
		if err := r.run(session, p, sample, names, inner); err != nil {
			return nil, onnxpb.InFile(err, s.Path)
		}
	}
	p.hashed(r.Inputs)
	return r, nil
}

// run runs one sample.
func (r *RunReport) run(session Session, p *preparedRun, sample int, names []string, inner map[string]bool) error {
	in, err := p.inputs(sample)
	if err != nil {
		return err
	}
	started := time.Now()
	got, err := session.Run(in, names...)
	if err != nil {
		return p.blame(err)
	}
	r.RunSeconds = append(r.RunSeconds, time.Since(started).Seconds())
	for _, name := range names {
		list, err := leavesOf(got[name])
		if err != nil {
			return &onnxpb.Error{Tensor: name, Msg: "what the engine gives cannot be summed up", Err: err}
		}
		for _, l := range list {
			r.Outputs = append(r.Outputs, RunValue{Sample: sample, Name: name, Path: l.path, Inner: inner[name], Type: l.typ, Shape: l.shape, Stats: l.stats})
		}
	}
	r.Names = names
	if !p.o.DropValues {
		r.Values = append(r.Values, got)
	}
	return nil
}

// preparedRun is a model with the inputs that it is to be run on.
type preparedRun struct {
	c       comparison // of the model with itself: it makes the inputs
	o       RunOptions
	shapes  [][]int64
	rows    int64 // the batch that is run
	batch   int64 // the same, 0 where no input has a leading dimension
	samples int
}

// prepareRun reads the given inputs and finds the shapes of the others.
func prepareRun(s Source, o RunOptions) (*preparedRun, error) {
	p, err := prepare(s, o)
	if err != nil {
		return nil, ofOneModel(err)
	}
	return p, nil
}

func prepare(s Source, o RunOptions) (*preparedRun, error) {
	var inputs []portPair
	for _, p := range inputsOf(s.Model) {
		inputs = append(inputs, portPair{p, p})
	}
	given, err := readInputsWith(o.Files, inputs, o.Dims, o.Ranges)
	if err != nil {
		return nil, err
	}
	if err := (Options{Ranges: o.Ranges, Dists: o.Dists}).checkSpecs(inputs); err != nil {
		return nil, err
	}
	pl, err := newPlan(inputs, o.Dims, given)
	if err != nil {
		return nil, err
	}
	p := &preparedRun{o: o, samples: max(o.Samples, 1), c: comparison{plan: pl, o: Options{Seed: o.Seed, Ranges: o.Ranges, Dists: o.Dists}}}
	if allGiven(pl) {
		p.samples = 1
	}
	if p.rows, err = runBatch(pl, o.Batch); err != nil {
		return nil, err
	}
	if pl.hasBatch() {
		p.batch = p.rows
	}
	p.shapes, err = pl.shapes(p.rows)
	return p, err
}

// runBatch returns the batch to run. Unlike for a comparison, a model whose batch is fixed is not run in parts.
func runBatch(p *plan, asked int64) (int64, error) {
	batch := asked
	if asked == 0 {
		var err error
		if batch, err = p.natural(); err != nil {
			return 0, err
		}
	}
	if step := p.refStep; p.hasBatch() && step != 0 && batch != step && batch > 0 {
		e := &onnxpb.Error{Msg: fmt.Sprintf("batch %d cannot be run: the model's batch is fixed to %d", batch, step), Hint: "leave --batch out, or free it with onnxtool setbatch"}
		if asked == 0 {
			e.Msg = fmt.Sprintf("the file has %d rows, and the model's batch is fixed to %d", batch, step)
			if e.Hint = "free it with onnxtool setbatch"; batch > step {
				e.Hint = fmt.Sprintf("--batch %d takes the first rows, or %s", step, e.Hint)
			}
		}
		return 0, e
	}
	if asked == 0 && batch == 0 { // a file without rows, which a model may well take
		return 0, nil
	}
	return batch, p.check(batch)
}

// inputs makes the inputs of a sample.
func (p *preparedRun) inputs(sample int) (map[string]*onnxpb.Value, error) {
	in, _, err := p.c.inputs(p.rows, sample)
	if err != nil {
		return nil, ofOneModel(err)
	}
	for name, v := range in {
		p.c.fed.add(name, v)
	}
	return in, nil
}

// hashed tells what the inputs were fed with so far.
func (p *preparedRun) hashed(list []RunInput) {
	for i, in := range list {
		list[i].SHA256 = p.c.fed.of(in.Name)
	}
}

// blame adds to a failure of the engine what it may come from.
func (p *preparedRun) blame(err error) error { return p.c.blameInputs(err) }

// describe tells what the inputs are fed with.
func (p *preparedRun) describe() []RunInput {
	list := []RunInput{}
	for i, d := range describeInputs(p.c.plan, p.c.o) {
		in := RunInput{Name: d.Reference, Type: d.Type, Shape: d.Shape, Batch: d.Batch, Values: d.Values}
		if p.shapes[i] != nil {
			in.Shape = shapeText(p.shapes[i])
		}
		list = append(list, in)
	}
	return list
}

// ofOneModel rewrites what the parts that compare two models say of the reference and the model: here both are the one.
func ofOneModel(err error) error {
	e, ok := err.(*onnxpb.Error)
	if !ok {
		return err
	}
	words := strings.NewReplacer("the reference", "the model", "the models have", "the model has", "neither model declares", "the model does not declare")
	c := *e
	c.Msg, c.Hint = words.Replace(e.Msg), words.Replace(e.Hint)
	if c.Err != nil {
		c.Err = ofOneModel(c.Err)
	}
	return &c
}

// runNames lists what is to be given, outputs first, each once; inner are those that are no outputs of the model.
func runNames(m *onnxpb.ModelProto, o RunOptions, notes *[]string) (names []string, inner map[string]bool, err error) {
	outputs := portNames(outputsOf(m))
	names = slices.Clone(o.Outputs)
	if len(names) == 0 {
		names = slices.Clone(outputs)
	}
	for _, name := range names {
		if !contains(outputs, name) {
			e := noSuch(fmt.Sprintf("the model has no output %q", name), name, outputs).(*onnxpb.Error)
			if contains(Tensors(m), name) {
				e.Hint = "it is a value within the model: --fetch gives it"
			}
			return nil, nil, e
		}
	}
	for _, text := range o.Fetch {
		more, err := fetched(m, text)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, more...)
	}
	if o.FetchAll {
		known, unknown := typedTensors(m, shape.Options{})
		names = append(names, known...)
		if len(unknown) > 0 {
			*notes = append(*notes, "left out, as the type is not known: "+listed(unknown))
		}
	}
	seen := map[string]bool{}
	names = slices.DeleteFunc(names, func(n string) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
	if len(names) == 0 {
		return nil, nil, onnxpb.Errorf(onnxpb.Unfit, "the model has no outputs")
	}
	inner = map[string]bool{}
	for _, n := range names {
		if !contains(outputs, n) {
			inner[n] = true
		}
	}
	return names, inner, nil
}

// fetched returns the values that a text of RunOptions.Fetch names.
func fetched(m *onnxpb.ModelProto, text string) ([]string, error) {
	made := Tensors(m)
	names := append(slices.Clone(made), portNames(outputsOf(m))...)
	for _, v := range m.GetGraph().GetInput() {
		names = append(names, v.GetName())
	}
	for _, t := range m.GetGraph().GetInitializer() {
		names = append(names, t.GetName())
	}
	if contains(names, text) {
		return []string{text}, nil
	}
	expr, isExpr := strings.CutPrefix(text, "re:")
	if !isExpr {
		if !strings.ContainsAny(text, "*?") {
			return nil, noTensor(m, text, names)
		}
		expr = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text))
	}
	re, err := regexp.Compile(`(?s)\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no regular expression", expr), Err: err}
	}
	var found []string
	for _, n := range made {
		if re.MatchString(n) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil, noSuch(fmt.Sprintf("no node of the model makes a value that is called like %s", text), text, made)
	}
	return found, nil
}

// typedTensors lists the values that nodes of the main graph make, those whose type is declared or follows, and the others.
func typedTensors(m *onnxpb.ModelProto, o shape.Options) (known, unknown []string) {
	declared := declaredTypes(m.GetGraph())
	var inferred *shape.Result
	for _, name := range Tensors(m) {
		if declared[name].GetValue() == nil {
			if inferred == nil {
				inferred = shape.Infer(m, o)
			}
			if inferred.Value(name).Proto() == nil {
				unknown = append(unknown, name)
				continue
			}
		}
		known = append(known, name)
	}
	return known, unknown
}

// declaredTypes lists the types that a graph declares.
func declaredTypes(g *onnxpb.GraphProto) map[string]*onnxpb.TypeProto {
	types := map[string]*onnxpb.TypeProto{}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			types[v.GetName()] = v.GetType()
		}
	}
	return types
}

// listed writes a list of names, no more than its beginning where it is long.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
