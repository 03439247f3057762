package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

// SetBatch gives a model another batch: a symbol, such as N, or a number. See SetBatchOf; every input that has axes and no default counts as holding
// the batch in axis 0.
func SetBatch(m *onnxpb.ModelProto, batch onnxpb.Dim) (*Report, error) {
	return SetBatchOf(m, batch, nil)
}

// SetBatchOf gives a model another batch, which lies in axis 0 of the inputs that are named (of all that have axes and no default, where none is
// named).
//
// Where the batch was a number, it is followed forward from the inputs through every operator, and constants that stand for it are mended: targets
// of Reshape and Expand, ends of Slice, sizes of Resize, and tensors of one row that are joined with rows. Shapes that the graph computes from
// its inputs stay as they are. Outputs and value_info are declared anew. The result computes of each row what the model computed of that row:
// an operator for which that cannot be proven (it reduces, sums or picks over the batch, is in training mode, has a subgraph that reads rows, or is not
// known) makes the edit fail with an Error of kind Refused that names the node; so does an output whose axis 0 is not the batch. Outputs that do not
// depend on the inputs stay as they are.
//
// Where the batch was a symbol, the model is taken at its word: the symbol is replaced wherever it is declared, and constants that
// contradict it are mended where they can be found out as above.
func SetBatchOf(m *onnxpb.ModelProto, batch onnxpb.Dim, inputs []string) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) { return setBatch(m, batch, inputs) })
}

// batchDeclaration writes the new batch into the declarations of a model.
type batchDeclaration struct {
	batch   onnxpb.Dim
	facts   map[string]*batchFact // what the analysis found; nil where there was none
	symbols map[string]bool       // the old symbols of the batch
	report  *Report
	infos   int
}

func (d *batchDeclaration) model(m *onnxpb.ModelProto, in *batchInputsOf) error {
	top := m.GetGraph()
	for _, v := range top.GetInput() {
		d.told("input", v, func() {
			if in.names[v.GetName()] {
				d.batch.Set(v.ShapeProto().GetDim()[0])
			}
			d.symbolsOf(v)
		})
	}
	free := []string{}
	for _, v := range top.GetOutput() {
		x := d.facts[v.GetName()]
		d.told("output", v, func() { d.value(v) })
		if d.facts != nil && !x.rows() {
			free = append(free, v.GetName())
		}
	}
	for _, v := range top.GetValueInfo() {
		before, _ := v.Shape()
		d.value(v)
		if after, _ := v.Shape(); onnxpb.FormatShape(after) != onnxpb.FormatShape(before) {
			d.infos++
		}
	}
	for _, n := range top.GetNode() {
		for g := range n.Subgraphs() {
			d.subgraph(g)
		}
	}
	if d.infos > 0 {
		d.report.Note("%d declarations in value_info follow", d.infos)
	}
	if d.facts != nil {
		for _, name := range free {
			d.report.Note("output %q does not depend on the batch and stays as it is", name)
		}
	}
	return d.clash(top)
}

// told reports what becomes of the shape of an input or output.
func (d *batchDeclaration) told(what string, v *onnxpb.ValueInfoProto, change func()) {
	before, _ := v.Shape()
	change()
	after, ranked := v.Shape()
	if a, b := onnxpb.FormatShape(before), onnxpb.FormatShape(after); ranked && a != b {
		d.report.Add("changed", what, v.GetName(), a, b)
	}
}

// value declares a value of the main graph.
func (d *batchDeclaration) value(v *onnxpb.ValueInfoProto) {
	shape := v.ShapeProto().GetDim()
	if x := d.facts[v.GetName()]; x.rows() && len(shape) == x.rank() {
		x.dims[x.axis].dim(d.batch).Set(shape[x.axis])
	}
	d.symbolsOf(v)
}

// symbolsOf replaces the old symbols of the batch in a type.
func (d *batchDeclaration) symbolsOf(v *onnxpb.ValueInfoProto) {
	if len(d.symbols) == 0 {
		return
	}
	eachDim(v.GetType(), func(p *onnxpb.TensorShapeProto_Dimension) {
		if s := p.GetDimParam(); s != "" && d.symbols[s] {
			d.batch.Set(p)
		}
	})
}

func (d *batchDeclaration) subgraph(g *onnxpb.GraphProto) {
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range list {
			d.symbolsOf(v)
		}
	}
	for _, n := range g.GetNode() {
		for s := range n.Subgraphs() {
			d.subgraph(s)
		}
	}
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

// eachDim calls fn with every dimension in a type.
func eachDim(t *onnxpb.TypeProto, fn func(*onnxpb.TensorShapeProto_Dimension)) {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		for _, d := range v.TensorType.GetShape().GetDim() {
			fn(d)
		}
	case *onnxpb.TypeProto_SparseTensorType:
		for _, d := range v.SparseTensorType.GetShape().GetDim() {
			fn(d)
		}
	case *onnxpb.TypeProto_SequenceType:
		eachDim(v.SequenceType.GetElemType(), fn)
	case *onnxpb.TypeProto_OptionalType:
		eachDim(v.OptionalType.GetElemType(), fn)
	case *onnxpb.TypeProto_MapType:
		eachDim(v.MapType.GetValueType(), fn)
	}
}
