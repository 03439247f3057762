package verify

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

const (
	// DefaultMemory is how many bytes of fetched tensors Layers and Bisect hold at once, where LayerOptions does not say.
	DefaultMemory = 1 << 30
	// UnknownTensorBytes is what a tensor is taken for whose size does not follow from those of the inputs.
	UnknownTensorBytes = 16 << 20
)

// LayerOptions say what Layers and Bisect run and what they take for equal. The zero LayerOptions compare at the models' own batch, and ask for equality.
type LayerOptions struct {
	// Options are those of Models, with these differences: there is one batch at most, which both models must take whole, as an inner tensor cannot be put together from parts;
	// there is one sample and no corners; Layouts and Parts are refused; Rules are for outputs, and have no say here; Only limits the outputs that must have a counterpart, and those that Bisect begins with.
	//
	// Session.Optimization (and that of ReferenceSession) is OptimizeNone, not OptimizeAll, where nothing is set: a tensor that is given out keeps the engine from fusing across it, so that with optimisation
	// each group of tensors would be computed in another way, and none as in a plain run.
	Options
	// Memory bounds the bytes of tensors that are fetched at once, by the sizes that follow from the inputs: those of the reference, and those of the model twice, as the engine
	// has a copy. 0 is DefaultMemory. One tensor that is larger is fetched by itself. Weights, and what the engine needs to compute, come on top.
	Memory int64
	// ByStructure leaves the names of inner tensors out of the matching: where exporters number them, equal names mean nothing.
	ByStructure bool
}

// Layers runs a reference and a model on the same inputs and compares every tensor that both share, in the order of the reference's file. What they share is told by name, and by
// structure where names changed (see docs/layers.md). That they differ is no error: it is the report's answer. Errors are those of Models; besides, of kind Unfit where a
// model must be run in parts, or has a cycle.
//
// Tensors are fetched in groups that stay within o.Memory. Each group is one session of each model, one after the other, of a copy that computes no more than they need.
func Layers(e Engine, reference, model Source, o LayerOptions) (*LayerReport, error) {
	c, err := newLayerComparison(e, reference, model, o)
	if err != nil {
		return nil, err
	}
	all := make([]int, len(c.pairs))
	for i := range all {
		all[i] = i
	}
	if err := c.fetch(all); err != nil {
		return nil, err
	}
	if _, err := c.doubt(); err != nil {
		return nil, err
	}
	return c.report("layers", nil), nil
}

// layerPair is a tensor that both models have.
type layerPair struct{ ref, got int }

// layerSide is one of the two models.
type layerSide struct {
	path    string
	given   Source
	session SessionOptions
	graph   *layerGraph
	source  Source // a copy in which the type of every value is declared that is known
	typed   map[string]bool
	bytes   []int64        // of the values
	sizes   []*shape.Value // what is known of the values for the inputs at hand
	inputs  map[string]*onnxpb.Value
}

// layerComparison is the work on two models.
type layerComparison struct {
	engine   Engine
	o        LayerOptions
	plan     *plan
	batch    int64
	cmp      *comparison
	match    *matcher
	sides    [2]*layerSide
	outputs  []int       // the pairs that are outputs, in their order
	pairs    []layerPair // in the order of execution
	pairOf   []int       // by value of the reference, -1
	rows     []*LayerRow // by pair, nil while it is not fetched
	untyped  []string    // tensors that cannot be given out
	doubted  []string    // pairs that were taken back
	sessions int
	base     *LayerReport // what is known before any tensor is compared
}

func newLayerComparison(e Engine, reference, model Source, o LayerOptions) (*layerComparison, error) {
	sessions := [2]SessionOptions{o.Session, o.Session}
	if o.ReferenceSession != nil {
		sessions[0] = *o.ReferenceSession
	}
	for i := range sessions {
		if sessions[i].Optimization == "" {
			sessions[i].Optimization = OptimizeNone
		}
	}
	if len(o.Batches) > 1 || o.Samples > 1 || o.Corners {
		return nil, onnxpb.Errorf(onnxpb.Usage, "inner tensors are compared at one batch and on one set of inputs")
	}
	if len(o.Layouts)+len(o.Parts) > 0 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "inner tensors are compared as they are: with no other order of axes, and no parts")
	}
	if o.Memory < 0 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "%d bytes of memory: the number is negative", o.Memory)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	inputs, outputs, notes, err := matchAll(reference.Model, model.Model, o.Map, o.Only)
	if err != nil {
		return nil, err
	}
	c := &layerComparison{engine: e, o: o}
	if err := c.setInputs(inputs); err != nil {
		return nil, err
	}
	r := &LayerReport{Schema: LayerSchema, Seed: o.Seed, Batch: c.batch, Tolerance: o.Tolerance, ByType: o.ByType, Optimization: sessions[1].Optimization, Memory: o.Memory, Notes: notes}
	r.Engine = EngineInfo{Name: "ONNX Runtime", Version: e.Version()}
	if sessions[0].Optimization != sessions[1].Optimization {
		r.ReferenceOptimization = sessions[0].Optimization
	}
	r.Inputs = describeInputs(c.plan, o.Options)
	for i, in := range r.Inputs {
		var fed fedHashes
		fed.add(in.Reference, c.sides[0].inputs[in.Reference])
		r.Inputs[i].SHA256 = fed.of(in.Reference)
	}
	for i, s := range []Source{reference, model} {
		info, err := describe(s)
		if err != nil {
			return nil, err
		}
		*[]*ModelInfo{&r.Reference, &r.Model}[i] = info
		if c.sides[i].graph, err = newLayerGraph(s); err != nil {
			return nil, err
		}
		c.sides[i].path, c.sides[i].given, c.sides[i].session = s.Path, s, sessions[i]
	}
	c.base = r
	c.match = matchLayers(c.sides[0].graph, c.sides[1].graph, inputs, outputs, !o.ByStructure)
	for _, s := range c.sides {
		s.declare()
	}
	c.unlike()
	c.makePairs(outputs)
	return c, nil
}

// setInputs makes the inputs of both models.
func (c *layerComparison) setInputs(inputs []portPair) error {
	p, batches, err := c.o.plan(inputs)
	if err != nil {
		return err
	}
	c.plan, c.batch = p, batches[0]
	for _, side := range []struct {
		step int64
		who  string
	}{{c.plan.refStep, "the reference"}, {c.plan.gotStep, "the model"}} {
		if side.step != 0 && side.step != c.batch {
			return &onnxpb.Error{Msg: fmt.Sprintf("the batch of %s is fixed to %d: batch %d would be run in parts, and inner tensors cannot be put together from parts", side.who, side.step, c.batch),
				Hint: fmt.Sprintf("compare at batch %d, or free the batch with onnxtool setbatch", side.step)}
		}
	}
	c.cmp = &comparison{plan: c.plan, o: c.o.Options}
	ref, got, err := c.cmp.inputs(c.batch, 0)
	if err != nil {
		return err
	}
	c.sides = [2]*layerSide{{inputs: ref}, {inputs: got}}
	return nil
}

// makePairs lists the tensors to compare, in the reference's order of execution; a constant that the model computes comes before the first node that reads it.
func (c *layerComparison) makePairs(outputs []portPair) {
	ref := c.sides[0].graph
	c.pairOf = allNone(len(ref.values))
	done := make([]bool, len(ref.values))
	add := func(r int) {
		if r < 0 || done[r] || c.match.toGot[r] < 0 || ref.values[r].kind == valueInput {
			return
		}
		done[r] = true
		g := c.match.toGot[r]
		if name, other := ref.values[r].name, c.sides[1].graph.values[g].name; !c.sides[0].typed[name] || !c.sides[1].typed[other] {
			c.untyped = append(c.untyped, name)
			return
		}
		c.pairOf[r] = len(c.pairs)
		c.pairs = append(c.pairs, layerPair{r, g})
	}
	for _, n := range ref.nodes {
		for _, v := range n.in {
			if v >= 0 && ref.values[v].kind == valueConstant {
				add(v)
			}
		}
		for _, v := range n.out {
			add(v)
		}
	}
	for _, p := range outputs {
		r, ok := ref.at[p.ref.name]
		if !ok {
			continue
		}
		if add(r); c.pairOf[r] >= 0 {
			c.outputs = append(c.outputs, c.pairOf[r])
		}
	}
	c.rows = make([]*LayerRow, len(c.pairs))
}

// multiIndex turns an index in row-major order into one by axis; nil where there is none.
func multiIndex(at int64, dims []int64) []int64 {
	if at < 0 {
		return nil
	}
	index := make([]int64, len(dims))
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] <= 0 {
			return nil
		}
		index[i] = at % dims[i]
		at /= dims[i]
	}
	return index
}

// rangeOf measures a tensor; nil for what are no real numbers.
func rangeOf(v *onnxpb.Value) *ValueRange {
	if v == nil || v.Kind != onnxpb.KindTensor || v.Array == nil {
		return nil
	}
	if f, ok := v.Array.Data.([]float32); ok { // without a copy
		return finiteRange(len(f), func(i int) float64 { return float64(f[i]) })
	}
	f, err := v.Array.Float64s()
	if err != nil {
		return nil
	}
	return finiteRange(len(f), func(i int) float64 { return f[i] })
}

func finiteRange(n int, at func(int) float64) *ValueRange {
	r := &ValueRange{}
	sum, count := 0.0, 0
	for i := range n {
		x := at(i)
		switch {
		case math.IsNaN(x):
			r.NaN++
			continue
		case math.IsInf(x, 0):
			r.Inf++
			continue
		}
		if count == 0 {
			r.Min, r.Max = Number(x), Number(x)
		}
		r.Min, r.Max = min(r.Min, Number(x)), max(r.Max, Number(x))
		sum += x
		count++
	}
	if count > 0 {
		r.Mean = Number(sum / float64(count))
	}
	return r
}
