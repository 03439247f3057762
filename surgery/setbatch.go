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
			d.batch.Set(v.ShapeProto().GetDim()[0])
		}
	}
	for _, list := range lists[1:] {
		for _, v := range list {
			d.value(v)
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
	if d.facts != nil {
		for _, v := range top.GetOutput() {
			if !d.facts[v.GetName()].rows() {
				d.report.Note("output %q does not depend on the batch and stays as it is", v.GetName())
			}
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
	if x := d.facts[v.GetName()]; x.rows() && len(shape) == x.rank() {
		x.dims[x.axis].dim(d.batch).Set(shape[x.axis])
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
