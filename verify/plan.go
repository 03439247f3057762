package verify

import (
	"fmt"
	"maps"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// plan says which shapes the matched inputs of two models take at a batch.
//
// The batch is the leading dimension of the inputs that carry it: those where one of the models leaves it free (a symbol or unknown, and not set by
// the caller), or where the two models fix it to different numbers. Where no input is such, it is the leading dimension of the first input
// and of those that have the same number there. A model whose batch is fixed is run in parts (see parts.go).
type plan struct {
	inputs  []*plannedInput
	refEnv  map[string]int64 // the numbers of symbols of the reference
	gotEnv  map[string]int64
	refStep int64 // the batch that the reference is fixed to; 0 where it is free or no input carries a batch
	gotStep int64
}

type plannedInput struct {
	pair    portPair
	carries bool          // the leading dimension is the batch
	given   *onnxpb.Value // from a file
}

// newPlan unifies the declared shapes. dims gives numbers to symbols, by name, and to single dimensions, as NAME[axis].
func newPlan(pairs []portPair, dims map[string]int64, given map[string]*onnxpb.Value) (*plan, error) {
	p := &plan{refEnv: map[string]int64{}, gotEnv: map[string]int64{}}
	for _, pair := range pairs {
		in := &plannedInput{pair: pair, given: given[pair.ref.name]}
		if err := checkPair(in); err != nil {
			return nil, err
		}
		p.inputs = append(p.inputs, in)
	}
	if err := p.setDims(dims); err != nil {
		return nil, err
	}
	if err := p.findBatch(); err != nil {
		return nil, err
	}
	if err := p.unify(); err != nil {
		return nil, err
	}
	return p, nil
}

// checkPair holds the types and ranks of a pair, and of the file given for it, to each other.
func checkPair(in *plannedInput) error {
	r, g := in.pair.ref, in.pair.got
	if r.tensor != g.tensor || r.elem != g.elem && r.elem != 0 && g.elem != 0 {
		return &onnxpb.Error{Tensor: r.name, Msg: fmt.Sprintf("input %s is %s in the reference, %s is %s in the model", r.name, typeText(r), g.name, typeText(g)),
			Hint: "models are run on the same inputs: both must take the same type"}
	}
	if r.ranked && g.ranked && len(r.dims) != len(g.dims) {
		return &onnxpb.Error{Tensor: r.name, Msg: fmt.Sprintf("input %s is of shape %s in the reference, %s of shape %s in the model", r.name, onnxpb.FormatShape(r.dims),
			g.name, onnxpb.FormatShape(g.dims))}
	}
	v := in.given
	if v == nil || v.Kind != onnxpb.KindTensor || v.Array == nil || !r.tensor {
		return nil
	}
	for _, port := range []port{r, g} {
		if port.elem != 0 && v.Array.Type != port.elem {
			return &onnxpb.Error{Tensor: r.name, Msg: fmt.Sprintf("the file gives %s, input %s takes %s", onnxpb.TypeName(v.Array.Type), port.name, onnxpb.TypeName(port.elem)),
				Hint: "save the array as " + onnxpb.TypeName(port.elem)}
		}
		if port.ranked && len(port.dims) != len(v.Array.Dims) {
			return &onnxpb.Error{Tensor: r.name, Msg: fmt.Sprintf("the file gives shape %s, input %s takes %s", shapeText(v.Array.Dims), port.name, onnxpb.FormatShape(port.dims))}
		}
	}
	return nil
}

func typeText(p port) string {
	name := onnxpb.TypeName(p.elem)
	if !p.tensor {
		return "not a tensor (" + name + ")"
	}
	return name
}

// setDims fills in the numbers that the caller gives.
func (p *plan) setDims(dims map[string]int64) error {
	used := map[string]bool{}
	symbols := map[string]bool{}
	for _, in := range p.inputs {
		for _, side := range []struct {
			port *port
			env  map[string]int64
		}{{&in.pair.ref, p.refEnv}, {&in.pair.got, p.gotEnv}} {
			fixed := append([]onnxpb.Dim(nil), side.port.dims...)
			for axis, d := range fixed {
				if d.Param != "" {
					symbols[d.Param] = true
					if v, ok := dims[d.Param]; ok {
						side.env[d.Param], used[d.Param] = v, true
						fixed[axis] = onnxpb.Number(v)
					}
				}
				key := fmt.Sprintf("%s[%d]", side.port.name, axis)
				if v, ok := dims[key]; ok {
					used[key] = true
					if d.Known && d.Value != v {
						return &onnxpb.Error{Tensor: side.port.name, Msg: fmt.Sprintf("--dims %s=%d: the dimension is fixed to %d", key, v, d.Value)}
					}
					if d.Param != "" {
						side.env[d.Param] = v
					}
					fixed[axis] = onnxpb.Number(v)
				} else if d.Known {
					continue
				} else {
					symbols[key] = true
				}
			}
			side.port.dims = fixed
		}
	}
	for _, key := range sortedKeys(dims) {
		if dims[key] < 0 {
			return onnxpb.Errorf(onnxpb.Usage, "--dims %s=%d: a dimension cannot be negative", key, dims[key])
		}
		if !used[key] {
			return noSuch(fmt.Sprintf("--dims %s: the inputs have no such free dimension", key), key, sortedKeys(symbols))
		}
	}
	return nil
}

// leading returns the leading dimension of a port; false where it has none or its rank is not known.
func leading(p port) (onnxpb.Dim, bool) {
	if !p.tensor || len(p.dims) == 0 {
		return onnxpb.Dim{}, false
	}
	return p.dims[0], true
}

// findBatch tells which inputs carry the batch, and the number that each model fixes it to.
func (p *plan) findBatch() error {
	var equal []*plannedInput // both models fix the leading dimension to the same number
	for _, in := range p.inputs {
		r, okRef := leading(in.pair.ref)
		g, okGot := leading(in.pair.got)
		if !okRef && !okGot || r.Known && r.Value == 0 || g.Known && g.Value == 0 {
			continue // no leading dimension, or one that holds nothing
		}
		// A model that does not tell the rank leaves the leading dimension free.
		if okRef && okGot && r.Known && g.Known && r.Value == g.Value {
			equal = append(equal, in)
			continue
		}
		in.carries = true
		for _, side := range []struct {
			step *int64
			dim  onnxpb.Dim
			name string
		}{{&p.refStep, r, in.pair.ref.name}, {&p.gotStep, g, in.pair.got.name}} {
			if !side.dim.Known {
				continue
			}
			if *side.step != 0 && *side.step != side.dim.Value {
				return &onnxpb.Error{Tensor: side.name, Msg: fmt.Sprintf("its leading dimension is fixed to %d, where that of another input is fixed to %d: which of them is the batch is not clear",
					side.dim.Value, *side.step), Hint: "give the numbers of all leading dimensions by --dims"}
			}
			*side.step = side.dim.Value
		}
	}
	carried := false
	for _, in := range p.inputs {
		carried = carried || in.carries
	}
	if !carried {
		if len(equal) == 0 {
			return nil
		}
		d, _ := leading(equal[0].pair.ref)
		p.refStep, p.gotStep = d.Value, d.Value
	}
	for _, in := range equal {
		d, _ := leading(in.pair.ref)
		in.carries = d.Value == p.refStep && d.Value == p.gotStep
	}
	return nil
}

// unify gives numbers to symbols that the other model, or a file, tells; the batch aside.
func (p *plan) unify() error {
	for changed := true; changed; {
		changed = false
		for _, in := range p.inputs {
			for axis := range rankOf(in) {
				if axis == 0 && in.carries {
					continue
				}
				v, known, err := p.number(in, axis)
				if err != nil {
					return err
				}
				if !known {
					continue
				}
				changed = bind(in.pair.ref, axis, v, p.refEnv) || changed
				changed = bind(in.pair.got, axis, v, p.gotEnv) || changed
			}
		}
	}
	return nil
}

// rankOf returns the rank of an input, by whatever tells it; 0 where nothing does.
func rankOf(in *plannedInput) int {
	rank := max(len(in.pair.ref.dims), len(in.pair.got.dims))
	if in.given != nil && in.given.Array != nil {
		rank = max(rank, len(in.given.Array.Dims))
	}
	return rank
}

// bind gives a symbol its number; true where that is new.
func bind(p port, axis int, v int64, env map[string]int64) bool {
	if axis >= len(p.dims) || p.dims[axis].Param == "" {
		return false
	}
	if _, known := env[p.dims[axis].Param]; known {
		return false
	}
	env[p.dims[axis].Param] = v
	return true
}

// number returns what is known of a dimension that is not the batch. It is an error where two sources disagree.
func (p *plan) number(in *plannedInput, axis int) (int64, bool, error) {
	value, known, from := int64(0), false, ""
	take := func(v int64, where string) error {
		if known && v != value {
			return &onnxpb.Error{Tensor: in.pair.ref.name, Msg: fmt.Sprintf("dimension %d is %d by %s and %d by %s", axis, value, from, v, where)}
		}
		if !known {
			value, known, from = v, true, where
		}
		return nil
	}
	for _, side := range []struct {
		port  port
		env   map[string]int64
		where string
	}{{in.pair.ref, p.refEnv, "the reference"}, {in.pair.got, p.gotEnv, "the model"}} {
		if axis >= len(side.port.dims) {
			continue
		}
		d := side.port.dims[axis]
		v, ok := d.Value, d.Known
		if d.Param != "" {
			v, ok = side.env[d.Param]
		}
		if ok {
			if err := take(v, side.where); err != nil {
				return 0, false, err
			}
		}
	}
	if in.given != nil && in.given.Array != nil && axis < len(in.given.Array.Dims) {
		if err := take(in.given.Array.Dims[axis], "the file"); err != nil {
			return 0, false, err
		}
	}
	return value, known, nil
}

// natural returns the batch to run where none is asked for: the rows of a file, the number that the models fix, or 1.
func (p *plan) natural() (int64, error) {
	rows, from := int64(-1), ""
	for _, in := range p.inputs {
		if !in.carries || in.given == nil || in.given.Array == nil {
			continue
		}
		n := in.given.Array.Dims[0]
		if rows >= 0 && n != rows {
			return 0, &onnxpb.Error{Tensor: in.pair.ref.name, Msg: fmt.Sprintf("the file has %d rows, that of %s has %d", n, from, rows)}
		}
		rows, from = n, in.pair.ref.name
	}
	if rows >= 0 {
		return rows, nil
	}
	return max(p.refStep, p.gotStep, 1), nil
}

// hasBatch tells whether any input carries a batch.
func (p *plan) hasBatch() bool {
	for _, in := range p.inputs {
		if in.carries {
			return true
		}
	}
	return false
}

// check tells whether a batch can be run.
func (p *plan) check(batch int64) error {
	if batch < 1 {
		return onnxpb.Errorf(onnxpb.Usage, "batch %d: it must be 1 or more", batch)
	}
	if !p.hasBatch() {
		if batch != 1 {
			return &onnxpb.Error{Msg: fmt.Sprintf("batch %d cannot be run: the models have no input with a leading dimension", batch), Hint: "leave --batch out"}
		}
		return nil
	}
	for _, side := range []struct {
		step int64
		who  string
	}{{p.refStep, "the reference"}, {p.gotStep, "the model"}} {
		if side.step != 0 && batch%side.step != 0 {
			return &onnxpb.Error{Msg: fmt.Sprintf("batch %d cannot be run: the batch of %s is fixed to %d, and %d is no multiple of it", batch, side.who, side.step, batch),
				Hint: "free it with onnxtool setbatch, or ask for other batches with --batch"}
		}
	}
	for _, in := range p.inputs {
		if in.carries && in.given != nil && in.given.Array != nil && in.given.Array.Dims[0] < batch {
			return &onnxpb.Error{Tensor: in.pair.ref.name, Msg: fmt.Sprintf("the file has %d rows, batch %d asks for more", in.given.Array.Dims[0], batch)}
		}
	}
	return nil
}

// shapes returns the dimensions of the inputs at a batch; nil for a sequence or a map from a file. All dimensions that have no number are told in
// one error.
func (p *plan) shapes(batch int64) ([][]int64, error) {
	all, missing, err := p.resolve(batch)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, &onnxpb.Error{Msg: "the inputs have dimensions without a number: " + strings.Join(missing, ", "),
			Hint: "give them: --dims " + strings.Join(missing, "=...,") + "=..., or the inputs from files: --inputs NAME=FILE.npy"}
	}
	return all, nil
}

// resolve is shapes, with the names of the dimensions that have no number, by which --dims gives them one.
func (p *plan) resolve(batch int64) (all [][]int64, missing []string, err error) {
	// The symbol of the batch may stand in other places too.
	at := &plan{inputs: p.inputs, refEnv: maps.Clone(p.refEnv), gotEnv: maps.Clone(p.gotEnv)}
	for _, in := range p.inputs {
		if in.carries {
			bind(in.pair.ref, 0, batch, at.refEnv)
			bind(in.pair.got, 0, batch, at.gotEnv)
		}
	}
	if err := at.unify(); err != nil {
		return nil, nil, err
	}
	all = make([][]int64, len(p.inputs))
	for i, in := range p.inputs {
		r, g := in.pair.ref, in.pair.got
		if in.given != nil && in.given.Array == nil {
			continue
		}
		if !r.ranked && !g.ranked && in.given == nil {
			return nil, nil, &onnxpb.Error{Tensor: r.name, Msg: "neither model declares the shape of this input", Hint: "give it from a file: --inputs " + r.name + "=FILE.npy"}
		}
		dims := make([]int64, rankOf(in))
		for axis := range dims {
			if axis == 0 && in.carries {
				dims[0] = batch
				continue
			}
			v, known, err := at.number(in, axis)
			if err != nil {
				return nil, nil, err
			}
			if name := dimName(r, g, axis); !known && !contains(missing, name) {
				missing = append(missing, name)
			}
			dims[axis] = v
		}
		all[i] = dims
	}
	return all, missing, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
