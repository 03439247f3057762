package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

// SetBatch gives a model another batch: a symbol, such as N, or a number. See SetBatchOf; every input that has axes and no default counts as holding
// the batch in axis 0.
func SetBatch(m *onnxpb.ModelProto, batch onnxpb.Dim) (*Report, error) {
	return SetBatchOf(m, batch, BatchOptions{})
}

// BatchOptions say where the batch of a model lies. The zero value is axis 0 of every input that has axes and no default.
type BatchOptions struct {
	// Inputs are those that hold the batch; none: all that have axes and no default.
	Inputs []string
	// Axes are the axes of the batch in inputs where it is not axis 0; from the end where they are negative. Of an output it is where the batch has to come out: the edit is refused where it
	// does not, and EachRow puts it there.
	Axes map[string]int
	// Trust names operators, as OPERATOR or DOMAIN.OPERATOR, that are not known and are taken to work on each row by itself: the batch lies in all of their outputs in the
	// axis where it lies in the first input that has it.
	Trust []string
	// Force declares the batch where it cannot be followed as well: nothing is mended then, and the report says so.
	Force bool
	// EachRow has each row run by itself, in a Scan, where the batch cannot be followed and the model is made for one row: the result is right whatever the operators do, and
	// computes the rows one after the other. It comes before Force.
	EachRow bool
	// Explain has the report tell where the batch lies in every value.
	Explain bool

	outputAxes map[string]int // those of Axes that are of outputs
}

// partAxes parts the axes into those of inputs and those of outputs.
func (o BatchOptions) partAxes(m *onnxpb.ModelProto) BatchOptions {
	outputs := map[string]bool{}
	for _, v := range m.GetGraph().GetOutput() {
		outputs[v.GetName()] = true
	}
	for _, v := range m.GetGraph().GetInput() {
		delete(outputs, v.GetName())
	}
	all := o.Axes
	o.Axes, o.outputAxes = map[string]int{}, map[string]int{}
	for name, axis := range all {
		if outputs[name] {
			o.outputAxes[name] = axis
		} else {
			o.Axes[name] = axis
		}
	}
	return o
}

// mustComeOut holds the outputs to the axes that were asked for.
func (o BatchOptions) mustComeOut(m *onnxpb.ModelProto, r *Report) error {
	for _, v := range m.GetGraph().GetOutput() {
		want, asked := o.outputAxes[v.GetName()]
		if !asked || r.Axes == nil { // the batch was there already, and could not be followed
			continue
		}
		got, has := r.Axes[v.GetName()]
		dims, ranked := v.Shape()
		axis, fits := normAxis(int64(want), len(dims))
		switch {
		case ranked && !fits:
			return &onnxpb.Error{Tensor: v.GetName(), Msg: fmt.Sprintf("has no axis %d: its shape is %s", want, onnxpb.FormatShape(dims)), Hint: "axes count from 0, or from -1 backwards"}
		case !has:
			return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.GetName(), Msg: "an axis of the batch is asked for in this output, and it has none", Hint: "see --explain"}
		case got != axis:
			return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.GetName(), Msg: fmt.Sprintf("the batch comes out in axis %d of this output, and not in axis %d", got, axis), Hint: "see --explain"}
		}
	}
	return nil
}

// SetBatchOf gives a model another batch, which lies in axis 0 of its inputs, or where the options say.
//
// Where the batch was a number, it is followed forward from the inputs through every operator, and constants that stand for it are mended: targets
// of Reshape and Expand, ends of Slice, sizes of Resize, and tensors of one row that are joined with rows. Shapes that the graph computes from
// its inputs stay as they are. Outputs and value_info are declared anew. The result computes of each row what the model computed of that row:
// an operator for which that cannot be proven (it reduces, sums or picks over the batch, is in training mode, has a subgraph that reads rows, or is not
// known) makes the edit fail with an Error of kind Refused that names the node; so does an output of which no axis is the batch. Outputs that do not
// depend on the inputs stay as they are. Report.Axes tells where the batch lies in inputs and outputs.
//
// Where the batch was a symbol, the model is taken at its word: the symbol is replaced wherever it is declared, and constants that
// contradict it are mended where they can be found out as above.
func SetBatchOf(m *onnxpb.ModelProto, batch onnxpb.Dim, o BatchOptions) (*Report, error) {
	o = o.partAxes(m)
	original := m
	try := func(edit func(*onnxpb.ModelProto) (*Report, error)) (*Report, error) {
		return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
			r, err := edit(m)
			if err == nil {
				err = o.mustComeOut(m, r)
			}
			if err == nil { // a size elsewhere may contradict a number that the model never said
				err = holdTypes(original, m)
			}
			return r, err
		})
	}
	r, err := try(func(m *onnxpb.ModelProto) (*Report, error) { return setBatch(m, batch, o) })
	if err != nil && o.EachRow && onnxpb.KindOf(err) == onnxpb.Refused {
		refused := err
		r, err = try(func(m *onnxpb.ModelProto) (*Report, error) { return eachRow(m, batch, o, refused) })
	}
	if err != nil && o.Force && onnxpb.KindOf(err) == onnxpb.Refused {
		return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) { return forceBatch(m, batch, o, err) })
	}
	return r, err
}

// forceBatch declares the batch of the inputs, and nothing more: what was refused is not mended, and outputs are left open where they would contradict it.
func forceBatch(m *onnxpb.ModelProto, batch onnxpb.Dim, o BatchOptions, refused error) (*Report, error) {
	r := &Report{Edit: "setbatch", Axes: map[string]int{}}
	in, err := batchInputs(m, o)
	if err != nil {
		return nil, err
	}
	for _, v := range in.order {
		before := typeShape(v)
		axis := in.axis[v.GetName()]
		batch.Set(v.ShapeProto().GetDim()[axis])
		r.Axes[v.GetName()] = axis
		r.Add("changed", "input", v.GetName(), before, typeShape(v))
	}
	old := map[onnxpb.Dim]bool{}
	for _, n := range in.numbers {
		old[onnxpb.Number(n)] = true
	}
	for i, list := range [][]*onnxpb.ValueInfoProto{m.GetGraph().GetOutput(), m.GetGraph().GetValueInfo()} {
		for _, v := range list {
			before := typeShape(v)
			for _, d := range v.ShapeProto().GetDim() {
				if old[onnxpb.DimOf(d)] {
					onnxpb.Dim{}.Set(d)
				}
			}
			if after := typeShape(v); after != before && i == 0 {
				r.Add("changed", "output", v.GetName(), before, after)
			}
		}
	}
	r.Note("forced, and not proven: only the declarations were changed, and the model may compute something else of a row, or not run at all: %v", refused)
	return r, nil
}

// batchDeclaration writes the new batch into the declarations of a model.
type batchDeclaration struct {
	batch   onnxpb.Dim
	facts   map[string]*batchFact // what the analysis found; nil where there was none
	inner   []innerValue          // what it found of values of subgraphs
	symbols map[string]bool       // the old symbols of the batch
	report  *Report
}

func (d *batchDeclaration) model(m *onnxpb.ModelProto, in *batchInputsOf) error {
	top := m.GetGraph()
	lists := [][]*onnxpb.ValueInfoProto{top.GetInput(), top.GetOutput(), top.GetValueInfo()}
	before := map[*onnxpb.ValueInfoProto]string{}
	for _, list := range lists {
		for _, v := range list {
			before[v] = typeShape(v)
		}
	}
	for _, v := range top.GetInput() {
		if in.names[v.GetName()] {
			d.batch.Set(v.ShapeProto().GetDim()[in.axis[v.GetName()]])
		}
	}
	for _, list := range lists[1:] {
		for _, v := range list {
			d.value(v)
		}
	}
	for _, v := range d.inner {
		if shape := v.declared.ShapeProto().GetDim(); len(shape) == v.fact.rank() {
			v.fact.dims[v.fact.axis].dim(d.batch).Set(shape[v.fact.axis])
		}
	}
	d.replaceSymbols(m)
	infos := 0
	for i, list := range lists {
		for _, v := range list {
			after := typeShape(v)
			switch {
			case after == before[v]:
			case i == 2:
				infos++
			default:
				d.report.Add("changed", []string{"input", "output"}[i], v.GetName(), before[v], after)
			}
		}
	}
	if infos > 0 {
		d.report.Note("%d declarations in value_info follow", infos)
	}
	d.report.Axes = map[string]int{}
	for name, axis := range in.axis {
		d.report.Axes[name] = axis
	}
	if d.facts != nil {
		for _, v := range top.GetOutput() {
			x := d.facts[v.GetName()]
			switch {
			case !x.rows():
				d.report.Note("output %q does not depend on the batch and stays as it is", v.GetName())
				continue
			case x.axis != 0:
				d.report.Note("output %q has the batch in axis %d", v.GetName(), x.axis)
			}
			d.report.Axes[v.GetName()] = x.axis
		}
	}
	return d.clash(top)
}

// typeShape writes the dimensions in the type of a value, which may be a tensor or hold tensors.
func typeShape(v *onnxpb.ValueInfoProto) string {
	dims := []onnxpb.Dim{}
	for p := range v.GetType().AllDims() {
		dims = append(dims, onnxpb.DimOf(p))
	}
	return onnxpb.FormatShape(dims)
}

// value declares a value of the main graph.
func (d *batchDeclaration) value(v *onnxpb.ValueInfoProto) {
	shape := v.ShapeProto().GetDim()
	x := d.facts[v.GetName()]
	if x.rows() && len(shape) == x.rank() {
		x.dims[x.axis].dim(d.batch).Set(shape[x.axis])
	} else if x != nil && x.seq != nil && x.moves() {
		declareSequence(v, x, d.batch)
	}
}

// replaceSymbols puts the new batch wherever a symbol of the old one stands, in subgraphs and training graphs too.
func (d *batchDeclaration) replaceSymbols(m *onnxpb.ModelProto) {
	if len(d.symbols) == 0 {
		return
	}
	if d.batch.Param != "" {
		MapNames(m, NameMap{Dim: func(s string) string {
			if d.symbols[s] {
				return d.batch.Param
			}
			return s
		}})
		return
	}
	subst := map[string]onnxpb.Dim{}
	for s := range d.symbols {
		subst[s] = d.batch
	}
	SubstituteDims(m, subst)
}

// clash refuses a new symbol that stands for something that is not the batch somewhere else in the graph.
func (d *batchDeclaration) clash(top *onnxpb.GraphProto) error {
	if d.batch.Param == "" || d.facts == nil || d.symbols[d.batch.Param] {
		return nil
	}
	for _, list := range [][]*onnxpb.ValueInfoProto{top.GetOutput(), top.GetValueInfo()} {
		for _, v := range list {
			x := d.facts[v.GetName()]
			for i, p := range v.ShapeProto().GetDim() {
				if p.GetDimParam() == d.batch.Param && !(x.rows() && i == x.axis && x.plain()) {
					return &onnxpb.Error{Tensor: v.GetName(), Msg: fmt.Sprintf("symbol %s stands for another dimension already: axis %d of this value", d.batch.Param, i),
						Hint: "choose another symbol, or rename that one: onnxtool rename --dim " + d.batch.Param + "=other"}
				}
			}
		}
	}
	return nil
}
