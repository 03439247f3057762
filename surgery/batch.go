package surgery

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// setBatch is SetBatchOf on a model that may be left half done.
func setBatch(m *onnxpb.ModelProto, batch onnxpb.Dim, o BatchOptions) (*Report, error) {
	r := &Report{Edit: "setbatch"}
	in, err := batchInputs(m, o)
	if err != nil {
		return nil, err
	}
	if err := in.check(m, batch); err != nil {
		return nil, err
	}
	done := in.done(batch)
	if done && batch.Known {
		// Inputs that say so already: what else there is follows from them.
		r.Note("the batch is %s already", batch)
		for _, v := range in.order {
			for i, d := range v.ShapeProto().GetDim() {
				if i != in.axis[v.GetName()] && d.GetDimParam() != "" {
					r.Note("axis %d of %q is free (%s): if that is the batch, name it with --axis %s=%d", i, v.GetName(), d.GetDimParam(), v.GetName(), i)
				}
			}
		}
		return r, nil
	}
	free := len(in.numbers) == 0
	work := m
	if free {
		work = onnxpb.Clone(m)
	}
	old := int64(1)
	for _, n := range in.numbers {
		old = n
	}
	edit := &Report{Edit: r.Edit}
	var untouched *onnxpb.ModelProto
	if !free && old == 1 {
		untouched = onnxpb.Clone(m)
	}
	flow, err := followBatch(work, in, old, free, o, edit)
	if err != nil && untouched != nil {
		f, again, told, why := followRewritten(untouched, in, o, flow, err)
		if err = why; err == nil {
			work, edit, flow = again, told, f
		}
	}
	if err != nil && free && in.claimedByOutputs(m) {
		// The model says that its outputs have the batch, and computes something else: what contradicts it is mended as if it were made for one row.
		work, edit = onnxpb.Clone(m), &Report{Edit: r.Edit}
		flow, err = followBatch(work, in, old, false, o, edit)
	}
	switch {
	case err == nil:
		if work != m {
			onnxpb.Replace(m, work)
		}
		r.Merge(edit)
		declare := &batchDeclaration{batch: batch, facts: flow.facts, inner: flow.inner, symbols: in.symbols, report: r}
		if o.Explain {
			r.Explain = flow.explain(m)
		}
		if err := declare.model(m, in); err != nil {
			return nil, err
		}
		if free && batch.Known && len(in.symbols) > 0 {
			foldShapes(m, r)
		}
		if done {
			r.Note("the batch is %s already", batch)
		}
		return r, nil
	case !free:
		return nil, err
	case done:
		r.Note("the batch is %s already; it was not followed through the graph: %v", batch, err)
		return r, nil
	}
	// The batch was free before. That it cannot be followed says nothing against it: only the names change.
	r.Note("the batch was free already, and only declarations were changed; it was not followed through the graph: %v", err)
	declare := &batchDeclaration{batch: batch, symbols: in.symbols, report: r}
	return r, declare.model(m, in)
}

// followBatch mends a model, and proves the result by following the batch through it once more. free says that the batch was no number: then what
// the graph computes of several rows is what it is meant to compute, and only constants with which it cannot run are mended.
func followBatch(m *onnxpb.ModelProto, in *batchInputsOf, old int64, free bool, o BatchOptions, r *Report) (*batchFlow, error) {
	if v := m.OpsetVersion(""); v < 7 {
		return nil, &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("the batch is not followed through operators of opset %d", v), Hint: "convert the model to opset 7 or newer"}
	}
	flow, err := newBatchFlow(m, in, o, old, r)
	if err != nil {
		return nil, err
	}
	flow.free = free
	if err := flow.run(); err != nil {
		return flow, err
	}
	if flow.mends > 0 {
		again, err := newBatchFlow(m, in, o, old, &Report{})
		if err == nil {
			again.free = free
			err = again.run()
		}
		if err == nil && again.mends > 0 {
			err = onnxpb.Errorf(onnxpb.Refused, "constants are left that stand for the batch")
		}
		if err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the result could not be proven to be free of the old batch", Err: err, Hint: batchHint}
		}
		flow = again
	}
	return flow, outputsKeepRows(m, flow)
}

// mostRounds bounds how often a model is gone through for another node that is in the way, mostNodes how many nodes are gone through in all.
const (
	mostRounds = 100
	mostNodes  = 4_000_000
)

// followRewritten writes otherwise, one after the other, what computes the same for one row and cannot be followed as it stands, until the batch can be followed; flow is what was
// found of the model before, why the reason that it could not be followed. It returns why not if that does not help. The model may be left half done.
func followRewritten(m *onnxpb.ModelProto, in *batchInputsOf, o BatchOptions, flow *batchFlow, why error) (_ *batchFlow, _ *onnxpb.ModelProto, _ *Report, _ error) {
	if flow == nil {
		return nil, nil, nil, why
	}
	// Of all that is in the way, the last in the order of the nodes is told: what comes before it was overcome.
	far, order, blocked := 0, map[string]int{}, ""
	labels := map[string]bool{"": true}
	for i, n := range m.GetGraph().GetNode() {
		labels[n.Label()] = true
		for _, name := range n.GetOutput() {
			order[name] = i
		}
	}
	far = order[flow.stuck]
	fail := func() (*batchFlow, *onnxpb.ModelProto, *Report, error) {
		var e *onnxpb.Error
		if blocked != "" && errors.As(why, &e) {
			told := *e
			told.Msg += fmt.Sprintf("; the axis could stay if %q behind it were known to work beside it", blocked)
			return nil, nil, nil, &told
		}
		return nil, nil, nil, why
	}
	edit := &Report{}
	var squeezes []squeezedBatch
	numbers := &rowNumbers{report: edit, done: map[*onnxpb.NodeProto]bool{}}
	other := &oneRow{report: edit, done: map[string]bool{}}
	stuck, facts := flow.stuck, flow.facts // where, and what is known of the values by then
	var kept map[string]int
	for range min(mostRounds, max(8, mostNodes/(1+len(m.GetGraph().GetNode())))) {
		// Each round finds something that those before do not lead to.
		switch {
		case blocked == "" && numbers.take(m, facts):
		case blocked == "" && flow != nil && flow.squeezed != nil && !slices.Contains(squeezes, *flow.squeezed):
			squeezes = append(squeezes, *flow.squeezed)
			for _, s := range flow.squeezers() {
				if !slices.Contains(squeezes, s) {
					squeezes = append(squeezes, s)
				}
			}
		case !other.take(m, stuck, facts, kept):
			return fail()
		}
		work, told := onnxpb.Clone(m), &Report{}
		told.Merge(edit)
		// All at once, as what one of them leaves may meet what another one does.
		blocked = ""
		if len(squeezes) > 0 {
			ok, at, node := keepSqueezed(work, squeezes, facts, told)
			if kept = at; !ok {
				if node == nil || len(node.GetOutput()) == 0 {
					return fail()
				}
				stuck, blocked = node.Output[0], node.Label()
				continue
			}
			if other.wrote && slices.ContainsFunc(m.GetGraph().GetOutput(), func(v *onnxpb.ValueInfoProto) bool { _, grown := kept[v.GetName()]; return grown }) {
				return fail() // what was not dropped before is not to make an output larger
			}
		}
		next, err := followBatch(work, in, 1, false, o, told)
		if err == nil {
			return next, work, told, nil
		}
		if next == nil {
			return fail()
		}
		var e *onnxpb.Error
		if at, there := order[next.stuck]; there && at > far && errors.As(err, &e) && labels[e.Node] { // not one that was put there
			far, why = at, err
		}
		flow, stuck, facts = next, next.stuck, next.facts
	}
	return fail()
}

// outputsKeepRows holds every output that depends on the rows to having one axis that holds them and nothing else.
func outputsKeepRows(m *onnxpb.ModelProto, flow *batchFlow) error {
	for _, o := range m.GetGraph().GetOutput() {
		x := flow.facts[o.GetName()]
		if x == nil {
			return &onnxpb.Error{Tensor: o.GetName(), Msg: "is an output that nothing makes", Hint: "see onnxtool check"}
		}
		label := ""
		if n := flow.g.Producer(o.GetName()); n != nil {
			label = n.Label()
		}
		refuse := func(format string, args ...any) error {
			flow.stuck = o.GetName()
			return &onnxpb.Error{Kind: onnxpb.Refused, Node: label, Tensor: o.GetName(), Msg: "the batch cannot be changed: " + fmt.Sprintf(format, args...),
				Hint: "take the output off the graph with onnxtool extract, if it is not needed"}
		}
		switch {
		case x.sized():
			return refuse("this output is computed from the size of the batch: %s", formatExtents(x.vals))
		case x.seq != nil && x.moves():
			return refuse("this output is a sequence of what depends on the batch")
		case !x.rows():
		case !x.plain():
			if !x.outer.is(1) {
				return refuse("this output lost its batch axis: axis %d holds the rows %s times, one block behind the other (%s)", x.axis, x.outer, formatExtents(x.dims))
			}
			return refuse("this output lost its batch axis: axis %d holds the rows together with other elements (%s)", x.axis, formatExtents(x.dims))
		}
	}
	return nil
}

// batchInputsOf are the graph inputs that hold the batch.
type batchInputsOf struct {
	names   map[string]bool
	axis    map[string]int // which axis the batch is, by input
	order   []*onnxpb.ValueInfoProto
	numbers map[string]int64 // the batch by input, where it is a number
	symbols map[string]bool  // the symbols of the batch
	unknown int              // how many inputs have a batch that is neither
}

// claimedByOutputs tells whether every output declares the symbol of the batch in one axis.
func (in *batchInputsOf) claimedByOutputs(m *onnxpb.ModelProto) bool {
	for _, o := range m.GetGraph().GetOutput() {
		if !slices.ContainsFunc(o.ShapeProto().GetDim(), func(d *onnxpb.TensorShapeProto_Dimension) bool {
			return d.GetDimParam() != "" && in.symbols[d.GetDimParam()]
		}) {
			return false
		}
	}
	return true
}

// batchInputs finds the inputs that hold the batch: those named, or all that are no initializers and have axes.
func batchInputs(m *onnxpb.ModelProto, o BatchOptions) (*batchInputsOf, error) {
	only := o.Inputs
	in := &batchInputsOf{names: map[string]bool{}, axis: map[string]int{}, numbers: map[string]int64{}, symbols: map[string]bool{}}
	inits := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		inits[t.GetName()] = true
	}
	for _, t := range m.GetGraph().GetSparseInitializer() {
		inits[t.GetValues().GetName()] = true
	}
	wanted, all, seen := map[string]bool{}, []string{}, map[string]bool{}
	for _, n := range only {
		wanted[n] = true
	}
	for _, v := range m.GetGraph().GetInput() {
		name := v.GetName()
		if seen[name] { // what is known of inputs is kept by name
			return nil, &onnxpb.Error{Tensor: name, Msg: "two inputs of the model have this name", Hint: "see onnxtool check"}
		}
		seen[name] = true
		if inits[name] {
			if wanted[name] {
				return nil, &onnxpb.Error{Tensor: name, Msg: "is an input with a default (an initializer of the same name): its values are of one size", Hint: "name other inputs"}
			}
			continue
		}
		all = append(all, name)
		if len(only) > 0 && !wanted[name] {
			continue
		}
		delete(wanted, name)
		dims, ranked := v.Shape()
		if v.GetType().GetTensorType() == nil || ranked && len(dims) == 0 {
			if len(only) > 0 {
				return nil, &onnxpb.Error{Tensor: name, Msg: "has no axis 0", Hint: "name inputs that have a batch"}
			}
			continue
		}
		if !ranked {
			return nil, &onnxpb.Error{Tensor: name, Msg: "the rank of this input is not known", Hint: "give it a shape with onnxtool setinput first"}
		}
		axis, ok := normAxis(int64(o.Axes[name]), len(dims))
		if !ok {
			return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("has no axis %d: its shape is %s", o.Axes[name], onnxpb.FormatShape(dims)), Hint: "axes count from 0, or from -1 backwards"}
		}
		in.names[name], in.axis[name] = true, axis
		in.order = append(in.order, v)
		switch d := dims[axis]; {
		case d.Known:
			in.numbers[name] = d.Value
		case d.Param != "":
			in.symbols[d.Param] = true
		default:
			in.unknown++
		}
	}
	axed := make([]string, 0, len(o.Axes))
	for n := range o.Axes {
		if !in.names[n] {
			axed = append(axed, n)
			wanted[n] = true
		}
	}
	sort.Strings(axed)
	for _, n := range append(slices.Clone(only), axed...) {
		if wanted[n] {
			if slices.Contains(all, n) {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: n, Msg: "an axis is given for this input, and it is not one of those that hold the batch", Hint: "name it with the others, or leave its axis out"}
			}
			e := &onnxpb.Error{Tensor: n, Msg: "the model has no such input", Hint: "its inputs are " + strings.Join(all, ", ")}
			if near := Nearest(n, all, 3); len(near) > 0 {
				e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
			}
			return nil, e
		}
	}
	if len(in.order) == 0 {
		return nil, &onnxpb.Error{Msg: "the model has no input with a batch axis", Hint: "see onnxtool info"}
	}
	return in, nil
}

// check refuses what cannot be meant.
func (in *batchInputsOf) check(m *onnxpb.ModelProto, batch onnxpb.Dim) error {
	if !batch.Known && batch.Param == "" || batch.Known && batch.Value < 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the batch must be a symbol or a number from 1 up", Hint: "for example N, or 4"}
	}
	seen := int64(-1)
	for _, v := range in.order {
		n, ok := in.numbers[v.GetName()]
		if !ok {
			continue
		}
		if n < 1 {
			return &onnxpb.Error{Tensor: v.GetName(), Msg: fmt.Sprintf("axis %d of this input, which is to be the batch, has the size %d", in.axis[v.GetName()], n), Hint: "a batch has at least one row"}
		}
		if seen >= 0 && n != seen {
			list := []string{}
			for name, n := range in.numbers {
				list = append(list, fmt.Sprintf("%s: %d", name, n))
			}
			sort.Strings(list)
			return &onnxpb.Error{Tensor: v.GetName(), Msg: "the inputs have different sizes where the batch is to be, in axis 0 if nothing else is told (" + strings.Join(list, ", ") + ")",
				Hint: "name the inputs that hold the batch with --inputs, or the axis with --axis INPUT=AXIS"}
		}
		seen = n
	}
	if batch.Known || in.symbols[batch.Param] {
		return nil
	}
	var err error
	inOrder := map[*onnxpb.TensorShapeProto_Dimension]bool{}
	for _, v := range in.order {
		inOrder[v.ShapeProto().GetDim()[in.axis[v.GetName()]]] = true
	}
	for _, v := range m.GetGraph().GetInput() {
		for i, d := range v.ShapeProto().GetDim() {
			if d.GetDimParam() == batch.Param && !inOrder[d] {
				err = &onnxpb.Error{Tensor: v.GetName(), Msg: fmt.Sprintf("symbol %s stands for another dimension already: axis %d of this input", batch.Param, i),
					Hint: "choose another symbol, or rename that one: onnxtool rename --dim " + batch.Param + "=other"}
			}
		}
	}
	return err
}

// done tells whether every input has this batch already.
func (in *batchInputsOf) done(batch onnxpb.Dim) bool {
	if in.unknown > 0 {
		return false
	}
	for _, n := range in.numbers {
		if !batch.Known || n != batch.Value {
			return false
		}
	}
	for s := range in.symbols {
		if s != batch.Param {
			return false
		}
	}
	return true
}
