package verify

import (
	"fmt"
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// FindNaN runs a model on seeded or given inputs and looks at every value that a node of its main graph makes: it names the first, in the order of execution, that makes a NaN or an infinity
// of finite inputs, and apart from it what merely passes one on. A node with subgraphs (If, Loop, Scan), and one that calls a function of the model, counts as one node. Values are fetched in groups
// whose estimated size stays within RunOptions.Memory: for each group the model runs again. With several samples it ends with the first in which something is found.
//
// An infinite constant alone is no finding, as masks are made of them; a NaN that a node makes of an infinity is one. A NaN or an infinity that comes in by an input is the input's.
//
// That there is a NaN is no error but the report's answer. Errors are those of Run. What cannot be looked at, as its type is not known or the engine does not give it out, is listed.
func FindNaN(e Engine, s Source, o RunOptions) (*NaNReport, error) {
	if o.Session.Optimization == "" {
		o.Session.Optimization = OptimizeNone
	}
	if o.Memory <= 0 {
		o.Memory = 1 << 30
	}
	p, err := prepareRun(s, o)
	if err != nil {
		return nil, err
	}
	r := &NaNReport{Schema: NaNSchema, Engine: EngineInfo{"ONNX Runtime", e.Version()}, Optimization: o.Session.Optimization, Seed: o.Seed, Batch: p.batch,
		Inputs: p.describe(), Sources: []NaNFinding{}, Nodes: []NaNFinding{}, Passing: []NaNPassing{}}
	if r.Model, err = describe(s); err != nil {
		return nil, err
	}
	constants, err := constantStats(s)
	if err != nil {
		return nil, onnxpb.InFile(err, s.Path)
	}
	f := &nanFinder{engine: e, source: s, prepared: p, constants: constants, report: r}
	f.index()
	for sample := range p.samples {
		r.Sample, r.Samples = sample, sample+1
		if err := f.sample(sample); err != nil {
			return nil, onnxpb.InFile(err, s.Path)
		}
		if r.Found {
			break
		}
	}
	p.hashed(r.Inputs)
	return r, nil
}

// nanFinder looks for NaNs in one model.
type nanFinder struct {
	engine    Engine
	source    Source
	prepared  *preparedRun
	constants map[string][]leaf // initializers that hold floats
	report    *NaNReport

	base    Source            // the model, with every type that is known declared
	groups  [][]string        // what is fetched at once
	reads   [][]string        // what each node reads, from outside of its subgraphs too
	seen    map[string][]leaf // what is known of the values of a sample
	skipped map[string]bool   // values that could not be looked at
	input   map[string]*onnxpb.Value
}

// index finds out what each node reads, which values there are to look at and how large they are.
func (f *nanFinder) index() {
	g := f.source.Model.GetGraph()
	for _, n := range g.GetNode() {
		f.reads = append(f.reads, outerNames(n))
	}
	types := declaredTypes(g)
	inferred := shape.Infer(f.source.Model, shape.Options{Inputs: f.prepared.shapesOf()})
	base := onnxpb.Clone(f.source.Model)
	f.skipped = map[string]bool{}
	var names []string
	for _, name := range Tensors(f.source.Model) {
		t := types[name]
		if t.GetValue() == nil {
			if t = inferred.Value(name).Proto(); t == nil {
				f.skip(name)
				continue
			}
			// Without its dimensions: a group must not fail by what was inferred.
			base.Graph.ValueInfo = append(base.Graph.ValueInfo, &onnxpb.ValueInfoProto{Name: &name, Type: withoutDims(t)})
		}
		if holdsFloats(t) {
			names = append(names, name)
		}
	}
	f.base = f.source.changed(base)
	f.groups = groupsOf(names, func(name string) int64 { return sizeOf(inferred.Value(name)) }, f.prepared.o.Memory)
}

// skip notes a value that cannot be looked at.
func (f *nanFinder) skip(name string) {
	if !f.skipped[name] {
		f.skipped[name] = true
		f.report.Skipped = append(f.report.Skipped, name)
	}
}

// sample looks at one set of inputs.
func (f *nanFinder) sample(sample int) error {
	var err error
	if f.input, err = f.prepared.inputs(sample); err != nil {
		return err
	}
	f.seen = map[string][]leaf{}
	for name, list := range f.constants {
		f.seen[name] = list
	}
	for name, v := range f.input {
		if f.seen[name], err = leavesOf(v); err != nil {
			return &onnxpb.Error{Tensor: name, Err: err}
		}
	}
	for _, group := range f.groups {
		if err := f.fetch(group); err != nil {
			return err
		}
	}
	f.judge()
	return nil
}

// fetch runs the model for a group of values. Where the engine does not give out one of them, the others are fetched without it.
func (f *nanFinder) fetch(group []string) error {
	got, err := f.values(group)
	if err != nil {
		if len(group) > 1 {
			half := len(group) / 2
			if err := f.fetch(group[:half]); err != nil {
				return err
			}
			return f.fetch(group[half:])
		}
		// The model itself may be what fails.
		if own := f.runs(); own != nil {
			return own
		}
		f.skip(group[0])
		return nil
	}
	f.report.Runs++
	for name, v := range got {
		if f.seen[name], err = leavesOf(v); err != nil {
			return &onnxpb.Error{Tensor: name, Err: err}
		}
		for i := range f.seen[name] {
			f.seen[name][i].array = nil // the statistics stay, the elements go
		}
	}
	return nil
}

// values runs the model and returns the named values.
func (f *nanFinder) values(names []string) (map[string]*onnxpb.Value, error) {
	src, err := WithOutputs(f.base, names)
	if err != nil {
		return nil, err
	}
	session, err := f.engine.Open(src, f.prepared.o.Session)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.Run(f.input)
}

// runs tells whether the model as it is runs.
func (f *nanFinder) runs() error {
	session, err := f.engine.Open(f.source, f.prepared.o.Session)
	if err != nil {
		return err
	}
	defer session.Close()
	if _, err = session.Run(f.input); err != nil {
		return f.prepared.blame(err)
	}
	return nil
}

// judge tells of every node whether it makes a NaN or an infinity, or passes one on.
func (f *nanFinder) judge() {
	r := f.report
	r.Looked = 0
	g := f.source.Model.GetGraph()
	for _, v := range g.GetInput() {
		if _, fed := f.input[v.GetName()]; fed {
			f.judgeSource("input", v.GetName(), true)
		}
	}
	for _, t := range g.GetInitializer() {
		f.judgeSource("initializer", t.GetName(), false)
	}
	for _, t := range g.GetSparseInitializer() {
		f.judgeSource("initializer", t.GetValues().GetName(), false)
	}
	for i, n := range g.GetNode() {
		f.judgeNode(i, n)
	}
	f.explainFirst()
}

// judgeSource looks at a value that no node makes. An infinity is a finding in an input only.
func (f *nanFinder) judgeSource(kind, name string, infinity bool) {
	for _, l := range f.seen[name] {
		if l.stats == nil || l.stats.Finite() {
			continue
		}
		n := finding(kind, name, l, l.stats.NaN == 0)
		n.Cause = fmt.Sprintf("the %s itself holds it", kind)
		f.report.Sources = append(f.report.Sources, n)
		if l.stats.NaN > 0 || infinity {
			f.report.found(&n)
		}
	}
}

// judgeNode looks at what one node makes.
func (f *nanFinder) judgeNode(position int, n *onnxpb.NodeProto) {
	var hasNaN, hasInf bool
	var unknown []string
	for _, name := range f.reads[position] {
		for _, l := range f.seen[name] {
			if l.stats != nil {
				hasNaN, hasInf = hasNaN || l.stats.NaN > 0, hasInf || l.stats.Infinite()
			}
		}
		if f.skipped[name] {
			unknown = append(unknown, name)
		}
	}
	for _, name := range n.GetOutput() {
		if name != "" && !f.skipped[name] {
			f.report.Looked++
		}
		for _, l := range f.seen[name] {
			if l.stats == nil || l.stats.Finite() {
				continue
			}
			f.judgeValue(position, n, name, l, hasNaN, hasInf, unknown)
		}
	}
}

// judgeValue files a value that is not finite, given whether there are NaNs and infinities in what its node reads.
func (f *nanFinder) judgeValue(position int, n *onnxpb.NodeProto, name string, l leaf, hasNaN, hasInf bool, unknown []string) {
	isConstant := n.GetOpType() == "Constant" || n.GetOpType() == "ConstantOfShape"
	makesNaN := l.stats.NaN > 0
	if hasNaN || hasInf && !makesNaN {
		f.report.Passing = append(f.report.Passing, NaNPassing{Position: position, Node: n.GetName(), Op: n.GetOpType(), Tensor: name, Path: l.path, NaN: l.stats.NaN, Inf: l.stats.PosInf + l.stats.NegInf})
		return
	}
	d := finding("node", name, l, !makesNaN)
	if makesNaN && !hasInf && l.stats.Infinite() { // both come of finite numbers: the first element of either
		d = firstOf(d, finding("node", name, l, true))
	}
	d.Position, d.Node, d.Op, d.Unknown = position, n.GetName(), n.GetOpType(), unknown
	d.FromInfinity = makesNaN && hasInf
	for _, read := range f.reads[position] {
		for _, in := range f.seen[read] {
			d.Inputs = append(d.Inputs, NaNInput{Name: read, Path: in.path, Type: in.typ, Shape: in.shape, Stats: in.stats})
		}
	}
	if isConstant {
		d.Kind, d.Cause = "constant", "the constant itself holds it"
		f.report.Sources = append(f.report.Sources, d)
		if makesNaN {
			f.report.found(&d)
		}
		return
	}
	d.Cause = f.cause(&d, n)
	f.report.Nodes = append(f.report.Nodes, d)
	f.report.found(&d)
}

// finding begins the finding of a value: its first NaN, or its first infinity.
func finding(kind, name string, l leaf, infinity bool) NaNFinding {
	d := NaNFinding{Kind: kind, Position: -1, Tensor: name, Path: l.path, Type: l.typ, Shape: l.shape, Makes: "NaN", Stats: l.stats, Element: l.stats.FirstNaN}
	if infinity {
		d.Makes, d.Element = "infinity", l.stats.FirstInf
	}
	return d
}

// firstOf returns the finding whose element comes first.
func firstOf(a, b NaNFinding) NaNFinding {
	if slices.Compare(a.Element.Index, b.Element.Index) <= 0 {
		return a
	}
	return b
}
