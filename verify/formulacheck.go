package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/verify/formula"
)

// FormulaModel is a model that a formula speaks of.
type FormulaModel struct {
	Name   string // as the formula calls it
	Source Source
}

// Formula holds the outputs of a model to a formula of what other models give for the same inputs: the oracle of a fusion. The formula is evaluated in float64, in plain Go; outputs of the model
// that the formula does not name are not compared, and a note tells them. text is the formula file, path is its name for the report. The originals are run as they are, in parts where their batch
// is fixed. The report is that of Models, with the formula for a reference.
func Formula(e Engine, model Source, text, path string, originals []FormulaModel, o Options) (*Report, error) {
	f, err := formula.Parse(text)
	if err != nil {
		return nil, onnxpb.InFile(err, path)
	}
	if len(o.Map)+len(o.Only)+len(o.Layouts)+len(o.Parts) > 0 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "a formula says itself what is compared: pairs, parts and layouts are for two models")
	}
	c := &formulaCheck{file: f, o: o}
	if err := c.findOutputs(model.Model); err != nil {
		return nil, onnxpb.InFile(err, model.Path)
	}
	var inputs []portPair
	for _, p := range inputsOf(model.Model) {
		inputs = append(inputs, portPair{p, p})
	}
	p, batches, err := o.plan(inputs)
	if err != nil {
		return nil, err
	}
	held, err := newRules(o, c.outputs)
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Equal: true, Seed: o.Seed, Samples: max(o.Samples, 1), Tolerance: o.Tolerance, ByType: o.ByType, Optimization: optimization(o.Session), Notes: c.notes,
		Engine: EngineInfo{Name: "ONNX Runtime", Version: e.Version()}}
	if allGiven(p) {
		r.Samples = 1
	}
	sum := sha256.Sum256([]byte(text))
	r.Reference = ModelInfo{Path: path, SHA256: hex.EncodeToString(sum[:])}
	if r.Model, err = describe(model); err != nil {
		return nil, err
	}
	r.Inputs = describeInputs(p, o)
	c.comparison = &comparison{plan: p, outputs: c.outputs, o: o, report: r, rules: held, layouts: &layouts{}}
	if err := c.open(e, model, originals); err != nil {
		return nil, err
	}
	defer c.close()
	if err := o.each(batches, r.Samples, c.run); err != nil {
		return nil, err
	}
	for i, in := range p.inputs {
		r.Inputs[i].SHA256 = c.comparison.fed.of(in.pair.ref.name)
	}
	return r, nil
}

// formulaCheck is a model beside the originals of a formula.
type formulaCheck struct {
	*comparison
	file      *formula.File
	o         Options
	outputs   []portPair
	notes     []string
	got       *batchRunner
	originals []*formulaOriginal
}

// formulaOriginal is an original that is open.
type formulaOriginal struct {
	model  formula.Model
	runner *batchRunner
	from   map[string]string // its inputs by those of the model
	path   string
}

// findOutputs finds the outputs that the formula names.
func (c *formulaCheck) findOutputs(m *onnxpb.ModelProto) error {
	ports := outputsOf(m)
	at := index(ports)
	named := map[string]bool{}
	for _, out := range c.file.Outputs {
		i, ok := at[out.Name]
		if !ok {
			return noSuch(fmt.Sprintf("the formula speaks of output %q, which the model does not have", out.Name), out.Name, portNames(ports))
		}
		named[out.Name] = true
		c.outputs = append(c.outputs, portPair{ports[i], ports[i]})
	}
	var others []string
	for _, p := range ports {
		if !named[p.name] {
			others = append(others, p.name)
		}
	}
	if len(others) > 0 {
		c.notes = append(c.notes, "the formula says nothing of the outputs "+strings.Join(others, ", ")+", which were not compared")
	}
	return nil
}

// open opens the model and the originals.
func (c *formulaCheck) open(e Engine, model Source, originals []FormulaModel) (err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.got = &batchRunner{step: c.plan.gotStep, carries: map[string]bool{}, outputs: portNames(slices.Collect(func(yield func(port) bool) {
		for _, p := range c.outputs {
			if !yield(p.got) {
				return
			}
		}
	}))}
	for _, in := range c.plan.inputs {
		c.got.carries[in.pair.got.name] = in.carries
	}
	if c.got.session, err = e.Open(model, c.o.Session); err != nil {
		return onnxpb.InFile(err, model.Path)
	}
	for _, m := range c.file.Models {
		i := slices.IndexFunc(originals, func(f FormulaModel) bool { return f.Name == m.Name })
		if i < 0 {
			return onnxpb.Errorf(onnxpb.Usage, "the formula speaks of model %s, which was not given", m.Name)
		}
		src := originals[i].Source
		x := &formulaOriginal{model: m, from: map[string]string{}, path: src.Path}
		if err := c.connect(x, src.Model); err != nil {
			return onnxpb.InFile(err, src.Path)
		}
		if x.runner.session, err = e.Open(src, c.o.Session); err != nil {
			return onnxpb.InFile(err, src.Path)
		}
		c.originals = append(c.originals, x)
	}
	return nil
}

// connect matches the inputs of an original with those of the model, and finds the batch that it is fixed to.
func (c *formulaCheck) connect(x *formulaOriginal, m *onnxpb.ModelProto) error {
	mine, its := map[string]*plannedInput{}, inputsOf(m)
	var names []string
	for _, in := range c.plan.inputs {
		mine[in.pair.got.name] = in
		names = append(names, in.pair.got.name)
	}
	x.runner = &batchRunner{carries: map[string]bool{}, outputs: c.file.Uses(x.model.Name)}
	for given := range x.model.Inputs {
		if !contains(portNames(its), given) {
			return noSuch(fmt.Sprintf("the formula speaks of its input %q, which it does not have", given), given, portNames(its))
		}
	}
	for _, p := range its {
		of := x.model.Inputs[p.name]
		switch {
		case of == "" && mine[p.name] != nil:
			of = p.name
		case of == "" && len(its) == 1 && len(names) == 1:
			of = names[0]
		case mine[of] == nil:
			hint := fmt.Sprintf("write behind the file of model %s: %s=INPUT, which is one of %s", x.model.Name, p.name, strings.Join(names, ", "))
			return &onnxpb.Error{Tensor: p.name, Msg: "which input of the model this input is, is not known", Hint: hint}
		}
		x.from[p.name] = of
		x.runner.carries[p.name] = mine[of].carries
		if d, ok := leading(p); ok && mine[of].carries && d.Known {
			if x.runner.step != 0 && x.runner.step != d.Value {
				return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("its leading dimension is fixed to %d, where that of another input is fixed to %d", d.Value, x.runner.step)}
			}
			x.runner.step = d.Value
		}
	}
	outputs := outputsOf(m)
	for _, name := range x.runner.outputs {
		if !contains(portNames(outputs), name) {
			return noSuch(fmt.Sprintf("the formula speaks of its output %q, which it does not have", name), name, portNames(outputs))
		}
	}
	return nil
}

func (c *formulaCheck) close() {
	if c.got != nil && c.got.session != nil {
		c.got.session.Close()
	}
	for _, x := range c.originals {
		x.runner.session.Close()
	}
}

// run compares one set of inputs.
func (c *formulaCheck) run(batch int64, sample int) error {
	inputs, _, err := c.comparison.inputs(batch, sample)
	if err != nil {
		return err
	}
	for name, v := range inputs {
		c.fed.add(name, v)
	}
	c.inParts("the model", c.got, batch, sample)
	got, err := c.got.run(inputs, batch)
	if err != nil {
		return onnxpb.InFile(c.blameInputs(err), c.report.Model.Path)
	}
	values := map[string]map[string]*onnxpb.Value{"input": inputs}
	for _, x := range c.originals {
		own := map[string]*onnxpb.Value{}
		for name, of := range x.from {
			own[name] = inputs[of]
		}
		if len(x.runner.outputs) == 0 {
			continue
		}
		if x.runner.step != 0 && batch%x.runner.step != 0 {
			return &onnxpb.Error{File: x.path, Msg: fmt.Sprintf("batch %d cannot be run: its batch is fixed to %d", batch, x.runner.step), Hint: "ask for other batches with --batch"}
		}
		c.inParts("model "+x.model.Name+" of the formula", x.runner, batch, sample)
		if values[x.model.Name], err = x.runner.run(own, batch); err != nil {
			return onnxpb.InFile(err, x.path)
		}
	}
	want, err := c.file.Eval(func(model, name string) (*onnxpb.Array, error) {
		v := values[model][name]
		if v == nil || v.Kind != onnxpb.KindTensor {
			return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("%s gives no tensor of this name", model)}
		}
		return v.Array, nil
	})
	if err != nil {
		return onnxpb.InFile(err, c.report.Reference.Path)
	}
	for _, p := range c.outputs {
		c.report.add(batch, sample, p, c.difference(p, want[p.ref.name], got[p.got.name]), c.rules.of(p.ref.name, p.ref.elem))
	}
	return nil
}

// inParts notes that a batch is run in parts.
func (c *formulaCheck) inParts(who string, r *batchRunner, batch int64, sample int) {
	if n := r.parts(batch); n > 1 && sample == 0 {
		note := fmt.Sprintf("batch %d of %s, whose batch is fixed to %d, was run in %d parts", batch, who, r.step, n)
		if !contains(c.report.Notes, note) {
			c.report.Notes = append(c.report.Notes, note)
		}
	}
}

// difference compares an output with what the formula says, in float64 where it is of floats.
func (c *formulaCheck) difference(p portPair, want *formula.Tensor, got *onnxpb.Value) Difference {
	if got.Kind != onnxpb.KindTensor {
		return Difference{Why: "the output is no tensor"}
	}
	a := got.Array
	d := Difference{Type: a.Type, Shape: want.Dims}
	rule := c.rules.of(p.ref.name, a.Type)
	as := onnxpb.TensorProto_DOUBLE
	if exactType(a.Type) {
		as = a.Type
	}
	w, err := onnxpb.ArrayFromFloat64s(as, want.Dims, want.Data)
	if err == nil && as != a.Type {
		var v []float64
		if v, err = a.Float64s(); err == nil {
			a = onnxpb.ArrayOf(a.Dims, v)
		}
	}
	var m Metrics
	if err == nil {
		m, err = compareBy(w, a, rule.measure())
	}
	if err != nil {
		d.Why = err.Error()
		return d
	}
	d.Metrics = &m
	return d
}
